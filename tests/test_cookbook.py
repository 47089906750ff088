"""The programs of the cookbook, each run in a process of its own as its readers would run it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Generator, List, Tuple

import pytest

from .green.certificates import certificates

ROOT = Path(__file__).resolve().parent.parent
COOKBOOK = ROOT / "docs" / "examples" / "cookbook"
SECONDS = 60.0  # for a program that hangs

# What each program prints; those that take arguments or signals have tests of their own.
PRINTED: Dict[str, List[str]] = {
    "cancelling": [
        "session: goodbye, the server moves",
        "stubborn: cut off",
        "all have ended",
    ],
    "connection_pool": ["the server has hung up", "20 questions over 3 connections"],
    "idle_timeout": ["you said hello", "you are too slow"],
    "logging_names": ["slow: begins", "fast: begins", "fast: ends", "slow: ends"],
    "passing_descriptors": ["what is inside"],
    "pipelines": ["LINE 0000 to LINE 4999"],
    "plugin": [
        "plugin broken: cannot handle 'b'",
        "['A', 'b']",
        "plugin slow takes too long",
        "c",
    ],
    "portal_from_thread": ["one two three"],
    "progress": ["progress was shown"],
    "pub_sub": ["the fast reader has all, the slow one the newest"],
    "rate_limit": ["10 calls within the limit"],
    "read_lines": ["['3', '5', 'too long', '']"],
    "renewable_deadline": ["received 5000 bytes", "gave up after 2000 bytes"],
    "retry": ["trying again: not yet", "trying again: not yet", "the answer"],
    "supervisor": [
        "failed (start 1), starting again",
        "failed (start 2), starting again",
        "ended well after 3 starts",
    ],
    "testing_a_server": ["2 tests passed"],
    "worker_pool": ["job 3 failed: a bad job", "19 jobs done"],
}
OTHERS = {"client_certificates", "containers", "hot_restart"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes, signals, Unix sockets")


def start(name: str, *args: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.Popen(
        [sys.executable, str(COOKBOOK / f"{name}.py"), *args],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(name: str, *args: str) -> List[str]:
    """Run the program to its end, and return what it printed."""
    process = start(name, *args)
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert (err, process.returncode) == ("", 0)
    return out.splitlines()


@contextmanager
def serving(name: str) -> Generator[Tuple[subprocess.Popen[str], int], None, None]:
    """Run the program as a server; gives the process and its port, and sees it end well."""
    process = start(name, "0")
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline().rsplit(" ", 1)[1])
        out, err = process.communicate(timeout=SECONDS)
        assert (out.split()[-1:], err, process.returncode) == (["stopped"], "", 0)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_recipe_prints_what_it_is_to_print(name: str) -> None:
    """It runs as it stands, and ends well."""
    assert printed(name) == PRINTED[name]


def test_recipe_of_client_certificates_refuses_a_client_without_one() -> None:
    """Both sides are verified."""
    made = certificates()
    arguments = (made.authority, made.server, made.server_key, made.client, made.client_key)
    assert printed("client_certificates", *arguments) == [
        "hello, a client",
        "refused without a certificate",
    ]


def ask(port: int) -> bytes:
    """Connect to *port* and return all that comes."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as sock:
        while piece := sock.recv(100):
            found += piece
    return found


def test_recipe_of_hot_restart_refuses_no_client() -> None:
    """Clients that connect all the time are all answered, first by the old program, then by the new."""
    with serving("hot_restart") as (process, port):
        assert ask(port) == b"generation 1\n"
        process.send_signal(signal.SIGHUP)
        answers = [ask(port)]
        while answers[-1] == b"generation 1\n":
            answers.append(ask(port))
        assert answers[-1] == b"generation 2\n"
        process.send_signal(signal.SIGTERM)


def test_recipe_for_containers_drains_what_is_at_work() -> None:
    """After SIGTERM the idle client is let go, and the one that waits for its answer gets it."""
    with serving("containers") as (process, port):
        address = ("127.0.0.1", port)
        with (
            socket.create_connection(address, SECONDS) as idle,
            socket.create_connection(address, SECONDS) as busy,
        ):
            idle.sendall(b"ready\n")
            assert idle.recv(100) == b"yes\n"
            busy.sendall(b"one\n")
            assert busy.recv(100) == b"you said one\n"
            busy.sendall(b"two\n")
            process.send_signal(signal.SIGTERM)
            assert idle.recv(100) == b""
            with busy.makefile("rb") as answers:
                assert answers.read() in (b"you said two\n", b"")


def test_every_recipe_is_tested_and_listed() -> None:
    """Twenty programs, each on the page, with a sentence, and no longer than it has to be."""
    names = {path.stem for path in COOKBOOK.glob("*.py")}
    assert names == PRINTED.keys() | OTHERS
    assert len(names) == 20
    page = (ROOT / "docs" / "cookbook.md").read_text("utf-8")
    assert set(re.findall(r"\(examples/cookbook/(\w+)\.py\)", page)) == names
    for name in names:
        text = (COOKBOOK / f"{name}.py").read_text("utf-8")
        assert text.startswith('"""'), name
        assert len(text.splitlines()) < 100, name
