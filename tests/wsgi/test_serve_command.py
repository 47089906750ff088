"""``genlet serve``: what it serves, where, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Iterator, List, Optional

import pytest

from tests.green.certificates import certificates

ROOT = Path(__file__).resolve().parent.parent.parent

MODULE = """
from genlet import sleep
from genlet.http import Response

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"wsgi {environ['wsgi.url_scheme']} {environ['wsgi.multiprocess']}".encode()]

def waits(environ, start_response):
    yield from sleep(0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"green"

def handler(request):
    return Response("handler")

class Object:
    def __call__(self, environ, start_response):
        return app(environ, start_response)

made = Object()
number = 3
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "module.py").write_text(MODULE)
    started: List[subprocess.Popen[str]] = []

    def begin(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "genlet", "serve", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().split(" on ")[1].strip()


def asked(where: str, tls: Optional[ssl.SSLContext] = None) -> str:
    """Send a request, and return the body of the answer."""
    if where.startswith("http"):
        port = int(where.rpartition(":")[2].strip("/"))
        sock = socket.create_connection(("127.0.0.1", port), timeout=20)
    else:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(20)
        sock.connect(where)
    if tls is not None:
        sock = tls.wrap_socket(sock, server_hostname="localhost")
    with sock:
        sock.sendall(b"GET /there HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := sock.recv(65536):
            data += piece
    return data.partition(b"\r\n\r\n")[2].decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["module:app"], "wsgi http False"),
        (["module:made"], "wsgi http False"),
        (["module:app", "--mode", "inline"], "wsgi http False"),
        (["module:app", "--workers", "2"], "wsgi http True"),
        (["module:handler"], "handler"),
    ],
)
def test_serve_serves_an_application_or_a_handler(
    served: Any, words: List[str], expected: str
) -> None:
    """It tells them apart by how they are called, logs requests, and ends with 0 on SIGTERM."""
    process = served(*words, "--port", "0")
    assert asked(address_of(process)) == expected
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert '"GET /there HTTP/1.1" 200' in log


@pytest.mark.slow
def test_serve_speaks_tls(served: Any) -> None:
    """With a certificate and its key."""
    made = certificates()
    process = served(
        "module:app",
        "--port",
        "0",
        "--tls",
        str(made.server),
        "--key",
        str(made.server_key),
        "--quiet",
    )
    where = address_of(process)
    assert where.startswith("https://127.0.0.1:")
    tls = ssl.create_default_context(cafile=str(made.authority))
    assert asked(where, tls) == "wsgi https False"
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "GET" not in log


@pytest.mark.slow
def test_serve_listens_on_a_unix_socket(served: Any, tmp_path: Path) -> None:
    """Its file is gone at the end."""
    path = tmp_path / "socket"
    process = served("module:app", "--unix", str(path), "--workers", "2")
    assert address_of(process) == str(path)
    assert asked(str(path)) == "wsgi http True"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["module"], "wanted an existing FILE.py or module"),
        (["module:missing"], "no function"),
        (["module:missing", "--workers", "2"], "no function"),
        (["module:number"], "has 3, and no function"),
        (["elsewhere:app"], "no module named 'elsewhere'"),
        (["module:app", "--host", "example.org"], "in figures"),
        (["module:app", "--tls", "none"], "[Errno 2]"),
        (["module:app", "--workers", "0"], "at least 1"),
        (["module:app", "--port", "100000"], "port"),
    ],
)
def test_serve_says_what_it_cannot_do(served: Any, words: List[str], said: str) -> None:
    """With the status of a wrong usage."""
    process = served(*words, *([] if "--port" in words else ["--port", "0"]))
    until = monotonic() + 20
    while process.poll() is None and monotonic() < until:
        sleep(0.01)
    _, log = process.communicate()
    assert process.returncode == 2
    assert said in log
    assert "Traceback" not in log
