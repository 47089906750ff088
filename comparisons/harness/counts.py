"""What a request costs apart from time: system calls, and instructions."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Dict, Optional

from .contest import load, program, serving
from .jobs import Job
from .peers import Interpreter, environment


def system_calls(job: Job, size: int, library: str, interpreter: Interpreter) -> Dict[str, float]:
    """Return how often each system call is made for a request, by ``strace -c``.

    Requests are counted as the answers sent, which is one call each.  Empty where there is no strace
    or it may not attach.
    """
    if shutil.which("strace") is None:
        return {}
    with serving(job, library, interpreter) as (pid, port):
        load(job, size, port, pid, 0.3)  # connections are accepted before the count begins
        with tempfile.NamedTemporaryFile("r") as counted:
            tracer = subprocess.Popen(
                ["strace", "-c", "-f", "-o", counted.name, "-p", str(pid)],
                stderr=subprocess.DEVNULL,
            )
            time.sleep(0.5)
            try:
                load(job, size, port, pid, 2.0)
            finally:
                tracer.send_signal(signal.SIGINT)
                tracer.wait()
            table = counted.read()
    calls: Dict[str, int] = {}
    for line in table.splitlines():
        fields = line.split()
        if len(fields) >= 5 and fields[3].isdigit() and fields[-1] != "total":
            calls[fields[-1]] = int(fields[3])
    sent = max(calls.get(name, 0) for name in ("sendto", "write", "sendmsg"))
    return {name: number / sent for name, number in calls.items()} if sent else {}


def instructions(job: Job, size: int, library: str, interpreter: Interpreter) -> Optional[float]:
    """Return the instructions that one operation of a loop takes, by callgrind.

    The difference of two runs, so that starting up does not count; None without callgrind, and on
    PyPy, whose compiler would be most of it.
    """
    if shutil.which("valgrind") is None or not interpreter.label.startswith("CPython"):
        return None
    small, large = (_instructions(job, n, library, interpreter) for n in (size, 3 * size))
    if small is None or large is None:
        return None
    return (large - small) / (2 * size)


def _instructions(job: Job, size: int, library: str, interpreter: Interpreter) -> Optional[int]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                "valgrind", "--tool=callgrind",
                f"--callgrind-out-file={Path(folder) / 'out'}",
                interpreter.python, program(job, library), str(size),
            ],
            capture_output=True, text=True, env=environment(),
        )  # fmt: skip
    found = re.search(r"Collected : (\d+)", done.stderr)
    return int(found.group(1)) if found and done.returncode == 0 else None
