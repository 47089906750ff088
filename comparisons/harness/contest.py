"""One run of one contestant at one job."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Dict, Generator, List, Optional, Tuple

from .jobs import Job
from .load import REQUEST, asked
from .peers import ROOT, Interpreter, environment, say

Sample = Dict[str, float]

# Seconds, for anything that ought to end by itself.
PATIENCE = 120.0


class Failed(Exception):
    """A contestant could not do the job; the text says why."""


def run(
    job: Job, size: int, library: str, interpreter: Interpreter, seconds: float
) -> Tuple[Sample, object]:
    """Have *library* do *job* once.

    Args:
        seconds: How long a server is kept under load.

    Returns:
        The figures of this run, of which ``each`` is the one quoted, and the observable result,
        which must be every library's.

    Raises:
        Failed: It could not.
    """
    if job.kind == "loop":
        return _loop(job, size, library, interpreter)
    if job.kind == "import":
        return _import(library, interpreter), None
    return _under_load(job, size, library, interpreter, seconds), None


def last_line(text: str) -> str:
    """Return the last line of what was printed: of a traceback, the error without anybody's paths."""
    return text.strip().rpartition("\n")[2]


def program(job: Job, library: str) -> str:
    """Return the path of the contestant's program."""
    return str(ROOT / "comparisons" / job.folder / f"with_{library}.py")


def _loop(job: Job, size: int, library: str, interpreter: Interpreter) -> Tuple[Sample, object]:
    command = [interpreter.python, program(job, library), str(size)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment(), timeout=PATIENCE,
            preexec_fn=_large_and_pinned,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"not done in {PATIENCE:.0f} s") from None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise Failed(last_line(done.stderr) or f"exit status {done.returncode}")
    told = json.loads(done.stdout.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"each": told["each"], "cpu_seconds": cpu}, told["result"]


def _import(library: str, interpreter: Interpreter) -> Sample:
    """Return the milliseconds that an import adds to a bare interpreter's life."""

    def once(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([interpreter.python, "-c", code], check=True, env=environment())
        return time.perf_counter() - started

    once(f"import {library}")  # compiles it, if that was not done before
    pairs = [(once(f"import {library}"), once("pass")) for _ in range(5)]
    differences = sorted(with_it - bare for with_it, bare in pairs)
    return {"each": differences[2] * 1000}


# ---- servers --------------------------------------------------------------------------------------


def _under_load(
    job: Job, size: int, library: str, interpreter: Interpreter, seconds: float
) -> Sample:
    with serving(job, library, interpreter) as (pid, port):
        return load(job, size, port, pid, seconds)


@contextlib.contextmanager
def serving(
    job: Job, library: str, interpreter: Interpreter
) -> Generator[Tuple[int, int], None, None]:
    """Have *library* serve *job* on the first core; give its process and port."""
    with contextlib.ExitStack() as stack:
        arguments: List[str] = []
        if job.options.get("tls"):
            arguments += ["--tls", certificate()]
        if job.folder == "proxy":
            echo = job._replace(folder="echo")
            _, upstream = stack.enter_context(serving(echo, "raw", interpreter))
            arguments += [str(upstream)]
        server = stack.enter_context(
            subprocess.Popen(
                [interpreter.python, program(job, library), *arguments],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
                preexec_fn=_large_and_pinned,
            )
        )  # fmt: skip
        try:
            assert server.stdout is not None
            assert server.stderr is not None
            line = server.stdout.readline()
            if not line:
                raise Failed(last_line(server.stderr.read().decode()) or "it ended at once")
            yield server.pid, json.loads(line)["port"]
        finally:
            for one in family(server.pid):  # its workers too
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)


def load(job: Job, size: int, port: int, pid: int, seconds: float) -> Sample:
    """Put the server under load from the last core, and return what a request cost it."""
    active = job.options.get("share", job.options.get("active", size))
    message = job.options.get("size", 0)
    compiled = None if job.load != "echo" or job.options.get("tls") else compiled_load()
    numbers = [port, size, active, message, seconds]
    http = job.folder == "http"
    if compiled is not None:
        command = [compiled, *map(str, numbers)]
        if http:
            try:
                request, answer = asked(port, REQUEST)
            except (OSError, SystemExit) as failure:
                raise Failed(str(failure)) from None
            command += [request.decode(), str(answer)]
    else:
        command = [sys.executable, "-m", "comparisons.harness.load", job.load, *map(str, numbers)]
        command += [f"--{name}" for name in ("tls", "greedy") if job.options.get(name)]
        command += ["--http"] if http else []
    client = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
        preexec_fn=_on_the_last_core,
    )  # fmt: skip
    assert client.stdout is not None
    watchdog = threading.Timer(PATIENCE, client.kill)
    watchdog.start()
    try:
        client.stdout.readline()
        before = cpu_seconds(pid)
        held = resident(pid)
        if job.load == "idle":
            assert client.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it failed: its last line says why
                client.stdin.write("\n")
                client.stdin.flush()
        figures = client.stdout.readline().split()
        held = resident(pid) - held
        user, system = (after - then for after, then in zip(cpu_seconds(pid), before))
        _, errors = client.communicate(timeout=PATIENCE)
    finally:
        watchdog.cancel()
        client.kill()
    if len(figures) not in (3, 6) or not int(figures[0]):
        raise Failed(f"load: {last_line(errors) or 'no request was answered'}")
    answered, took, client_cpu = int(figures[0]), float(figures[1]), float(figures[2])
    if job.load == "idle":
        return {"each": held / answered, "connections": answered}
    used = user + system
    late = dict(zip(("p50", "p99", "p999"), map(float, figures[3:])))
    return {
        **late,
        "each": late["p99"] if late else used / answered * 1e6,
        "user": user / answered * 1e6,
        "system": system / answered * 1e6,
        "per_second": answered / took,
        "server_busy": used / took,
        "client_busy": client_cpu / took,
        "requests": answered,
    }


def cpu_seconds(pid: int) -> Tuple[float, float]:
    """Return the user and the system time of a process, its threads, and its children and theirs."""
    user = system = 0
    for one in family(pid):
        with open(f"/proc/{one}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        user += int(fields[11]) + int(fields[13])  # its own, and of children that are dead
        system += int(fields[12]) + int(fields[14])
    tick = os.sysconf("SC_CLK_TCK")
    return user / tick, system / tick


def resident(pid: int) -> int:
    """Return the resident memory of a process and its children in bytes."""
    pages = 0
    for one in family(pid):
        with open(f"/proc/{one}/statm") as statm:
            pages += int(statm.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> List[int]:
    """Return a process and its children that live, and theirs."""
    found = [pid]
    for one in found:  # which grows meanwhile
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return found


def compiled_load() -> Optional[str]:
    """Return the compiled load generator; None where there is no C compiler."""
    target = workshop() / "load"
    source = Path(__file__).with_name("load.c")
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            say("no C compiler: the load comes from Python, which is slower than a fast server")
            return None
        subprocess.run([compiler, "-O2", "-o", str(target), str(source)], check=True)
    return str(target)


def certificate() -> str:
    """Return a file with a key and a certificate of its own."""
    target = workshop() / "server.pem"
    if not target.exists():
        key, cert = workshop() / "key.pem", workshop() / "cert.pem"
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=localhost",
                "-keyout", str(key), "-out", str(cert),
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        target.write_text(key.read_text() + cert.read_text())
    return str(target)


def workshop() -> Path:
    """Return the folder for what is made at first use."""
    folder = Path(
        os.environ.get("GENLET_COMPARISONS_HOME")
        or Path(tempfile.gettempdir()) / f"genlet-comparisons-{os.getuid()}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _large_and_pinned() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _on_the_last_core() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
