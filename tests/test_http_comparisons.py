"""Every server of comparisons/http that is installed here answers as the others do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, Tuple

import pytest

from comparisons.harness.jobs import SERVERS
from comparisons.harness.load import BODY, LAST, REQUEST, connected

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "comparisons" / "http"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the comparisons need Linux")


def answer(sock: socket.socket) -> Tuple[bytes, Dict[bytes, bytes]]:
    """Receive the answer up to its body; return its first line and its fields."""
    data = b""
    while BODY not in data:
        more = sock.recv(65536)
        assert more, data
        data += more
    assert data.endswith(BODY)
    line, *fields = data[: -len(BODY)].split(b"\r\n")
    return line, {name.lower(): value for name, _, value in (f.partition(b": ") for f in fields)}


def test_each_server_has_its_program() -> None:
    """The table of servers and the folder of programs name the same."""
    assert {f"with_{name}.py" for name in SERVERS} == {p.name for p in FOLDER.glob("with_*.py")}


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVERS)
def test_server_keeps_a_connection_and_ends_one(name: str) -> None:
    """It answers two requests of a connection, says how long the body is, and closes when told to."""
    if any(find_spec(module) is None for module in SERVERS[name]):
        pytest.skip(f"{name} is not installed here")
    server = subprocess.Popen(
        [sys.executable, str(FOLDER / f"with_{name}.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        start_new_session=True,
    )
    try:
        assert server.stdout is not None
        with connected(json.loads(server.stdout.readline())["port"]) as sock:
            for request in (REQUEST, REQUEST, LAST):
                sock.sendall(request)
                line, fields = answer(sock)
                assert line.startswith(b"HTTP/1.1 200")
                assert fields[b"content-length"] == b"13"
                assert fields[b"content-type"].startswith(b"text/plain")
                assert b"date" in fields
            assert sock.recv(1) == b""
        server.stdout.close()
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
