"""The README's echo server, as it stands there."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Generator, Iterator, Tuple

import pytest

from genlet.cli import demo

from .cli import ROOT, environment

CLIENTS = 1000


def readme_echo_server(port: int) -> str:
    """Return the first program of the README, on *port*."""
    program = (ROOT / "README.md").read_text("utf-8").partition("```python\n")[2]
    program = program.partition("```")[0]
    assert program.count("6000") == 1
    return program.replace("6000", str(port))


@contextmanager
def echo_server(folder: Path) -> Generator[Tuple[str, int], None, None]:
    """Run the README's echo server in a process of its own; yields its address."""
    path = folder / "echo.py"
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address: Tuple[str, int] = probe.getsockname()
        path.write_text(readme_echo_server(address[1]), "utf-8")
        with subprocess.Popen(
            [sys.executable, str(path)], env=environment(), stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            if listens(process, address):
                try:
                    yield address
                finally:
                    process.terminate()
                assert process.stderr.read() == ""
                return
            # Another process may have taken the port meanwhile; anything else is a failure.
            assert "Address already in use" in process.stderr.read()


def listens(process: subprocess.Popen[str], address: Tuple[str, int]) -> bool:
    """Wait until a server listens at *address*; return False if *process* has ended."""
    until = monotonic() + 60
    while process.poll() is None:
        try:
            socket.create_connection(address).close()
        except ConnectionRefusedError:
            assert monotonic() < until, "the server does not listen"
            sleep(0.02)
        else:
            return True
    return False


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Let this process, and its children, open a thousand sockets."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    demo.make_room(CLIENTS)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_descriptors")
def test_readme_echo_server_serves_a_thousand_clients(tmp_path: Path) -> None:
    """The README's first program serves a thousand connections, each with its own bytes."""
    with echo_server(tmp_path) as address, ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address, timeout=60))
            for _ in range(CLIENTS)
        ]
        for turn in range(3):
            for number, sock in enumerate(clients):
                sock.sendall(b"%d says %d" % (number, turn))
            for number, sock in enumerate(clients):
                wanted = b"%d says %d" % (number, turn)
                assert sock.recv(len(wanted), socket.MSG_WAITALL) == wanted


@pytest.mark.skipif(shutil.which("nc") is None, reason="there is no nc here")
def test_readme_echo_server_talks_to_nc(tmp_path: Path) -> None:
    """The README's first program works with nc, as the README says."""
    with (
        echo_server(tmp_path) as (host, port),
        subprocess.Popen(
            ["nc", host, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        ) as nc,
    ):
        assert nc.stdin is not None
        assert nc.stdout is not None
        for line in ("hello\n", "again\n"):
            nc.stdin.write(line)
            assert nc.stdout.readline() == line
        nc.terminate()
