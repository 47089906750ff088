"""Where the standard library lacks a name, its green module is imported without it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
GREEN = ROOT / "genlet" / "green"
MIRRORS = ["os", "select", "signal", "socket", "subprocess", "threading", "time", "_thread"]

# What Pyodide, Windows, macOS or musl lack, beside the names that a mirror declares for type checkers.
LACKING: Dict[str, str] = {
    "os": "fork forkpty mkfifo openpty pidfd_open pipe2 readv writev register_at_fork sendfile"
    " eventfd eventfd_read eventfd_write wait wait3 wait4 waitid waitpid waitid_result WNOHANG"
    " WUNTRACED posix_spawn getpgrp P_PID P_PGID P_ALL WEXITED WNOWAIT get_blocking set_blocking",
    "select": "epoll poll kqueue kevent PIPE_BUF EPOLLIN POLLIN",
    "signal": "alarm pause sigwait sigwaitinfo sigtimedwait pthread_kill pthread_sigmask setitimer"
    " getitimer siginterrupt SIGALRM SIGCHLD SIGUSR1 ITIMER_REAL ItimerError Sigmasks",
    "socket": "SO_REUSEADDR SO_REUSEPORT SO_BROADCAST SO_KEEPALIVE AF_UNIX fromshare"
    " send_fds recv_fds SCM_RIGHTS CMSG_LEN CMSG_SPACE MSG_DONTWAIT MSG_OOB MSG_TRUNC MSG_WAITALL"
    " SOCK_CLOEXEC SOCK_NONBLOCK SOCK_RAW TCP_NODELAY IPV6_V6ONLY IPPROTO_IPV6 SO_LINGER SO_ERROR",
    "subprocess": "",
    "threading": "get_native_id",
    "_thread": "get_native_id",
    "time": "thread_time thread_time_ns tzset clock_gettime pthread_getcpuclockid",
}

EVERYWHERE = {"AF_UNSPEC", "SOCK_DGRAM", "EAI_NONAME", "EAI_AGAIN"}


def declared(module: str) -> List[str]:
    """Return the names that a mirror imports for type checkers alone."""
    names: List[str] = []
    for node in ast.walk(ast.parse((GREEN / f"{module}.py").read_text("utf-8"))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom) and inner.module == module:
                    names += [alias.name for alias in inner.names]
    return names


PROGRAM = """
import importlib, pkgutil, sys
import genlet, genlet.green, genlet.net, genlet.convenience, {modules}

ALL = ["genlet.green." + name for name in {modules_as_list}]
ALL += ["genlet.green.dns", "genlet.green.io", "genlet.green.selectors", "genlet.net"]
ALL += ["genlet.net.proxied", "genlet.convenience"]

def attempt(hidden):
    targets = ALL if len(hidden) > 1 else ["genlet.green." + name for name in hidden]
    taken, saved = [], {{}}
    for module, names in hidden.items():
        real = sys.modules[module]
        everything = getattr(real, "__all__", None)
        if everything is not None:
            real.__all__ = [name for name in everything if name not in names]
            taken.append((real, "__all__", everything))
        for name in names:
            if hasattr(real, name):
                taken.append((real, name, getattr(real, name)))
                delattr(real, name)
    for name in list(sys.modules):
        if name in targets or name.startswith(("genlet.green._", "genlet.net.")):
            saved[name] = sys.modules.pop(name)
    try:
        for target in targets:
            importlib.import_module(target)
        for module, names in hidden.items():
            mirror = sys.modules["genlet.green." + module]
            for name in names:
                assert not hasattr(mirror, name), (module, name)
                assert name not in mirror.__green__, (module, name)
    except BaseException as exc:
        print(f"{{type(exc).__name__}}: {{exc}}; without {{hidden}}")
    finally:
        for real, name, value in taken:
            setattr(real, name, value)
        for name in list(sys.modules):
            if name in saved:
                del sys.modules[name]
        sys.modules.update(saved)

for hidden in {hidden}:
    attempt(hidden)
print("done")
"""


def importing(hidden: List[Dict[str, List[str]]]) -> str:
    """Import the green modules once for each entry, without its names; return what went wrong."""
    program = PROGRAM.format(
        modules=", ".join(MIRRORS), modules_as_list=repr(MIRRORS), hidden=repr(hidden)
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.stdout + done.stderr


def test_green_modules_are_imported_without_every_name_a_platform_lacks() -> None:
    """All at once: what is only passed through, and what some platform is known to lack."""
    hidden = {module: LACKING[module].split() for module in MIRRORS}
    for module in MIRRORS:
        if module not in ("os", "time"):  # without which nothing at all can be imported
            hidden[module] += [n for n in declared(module) if n.isupper() and n not in EVERYWHERE]
    assert importing([hidden]) == "done\n"


@pytest.mark.slow
def test_green_modules_are_imported_without_each_name_that_a_platform_lacks() -> None:
    """Each name in turn, with all others there."""
    hidden = [{module: [name]} for module in MIRRORS for name in LACKING[module].split()]
    assert importing(hidden) == "done\n"
