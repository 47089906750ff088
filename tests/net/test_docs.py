"""The page on the network and its example: they run as they stand."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import programs, run_program

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = programs("network")


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_program_of_the_page_runs(number: int) -> None:
    """Each block is a program of its own; what it asserts holds."""
    run_program("network", number, PROGRAMS[number])


def test_page_has_programs() -> None:
    """The pattern that finds them does."""
    assert len(PROGRAMS) >= 2


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl-C there")
def test_line_server_finishes_what_it_is_at_when_it_is_interrupted() -> None:
    """The idle client is left, the one that waits for an answer gets it."""
    with subprocess.Popen(
        [sys.executable, str(ROOT / "docs" / "examples" / "line_server.py"), "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rsplit(" ", 1)[1])
            address = ("127.0.0.1", port)
            with (
                socket.create_connection(address, 20) as idle,
                socket.create_connection(address, 20) as busy,
            ):
                busy.sendall(b"one\n")
                assert busy.recv(100) == b"you said one\n"
                busy.sendall(b"two\n")
                process.send_signal(signal.SIGINT)
                assert idle.recv(100) == b""
                with busy.makefile("rb") as answers:
                    assert answers.read() in (b"you said two\n", b"")
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (out, err, process.returncode) == ("server stopped\n", "", 0)
