"""A server as a program: its sockets, its signals, what systemd is told, and the command line."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Iterator, List, Tuple

import pytest

from genlet.net import notify_systemd
from tests.green.certificates import certificates

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and Unix sockets")

ROOT = Path(__file__).resolve().parent.parent.parent
# What this interpreter finds, a program of it finds too.
FOUND = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

PROGRAM = """
import sys, socket
from genlet import sleep
from genlet import http

def handler(request):
    if request.path == "/slow":
        print("begun", flush=True)
        yield from sleep(0.3)
    return http.Response(request.path)

def ready(listeners):
    print("ready", listeners[0].address, flush=True)

http.run(handler, ready=ready, {options})
print("ended", flush=True)
"""


@contextmanager
def program(*words: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python with *words*, and end it in any case."""
    with subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": FOUND, "PYTHONWARNINGS": "error", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = process.stdout.readline()
    if not found:
        assert process.stderr is not None
        raise AssertionError(process.stderr.read())
    return found.rstrip("\n")


def port_of(process: subprocess.Popen[str]) -> int:
    return int(line_of(process).split(", ")[1].rstrip(")"))


def ends(process: subprocess.Popen[str]) -> Tuple[str, str, int]:
    out, err = process.communicate(timeout=20)
    return out, err, process.returncode


def curl(*words: str) -> str:
    return subprocess.run(
        ["curl", "-sS", "-m", "20", *words], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_program_ends_softly_by_a_signal(number: signal.Signals) -> None:
    """A request at work is answered, then the program goes on behind `run`."""
    with program("-c", PROGRAM.format(options="port=0")) as process:
        address = ("127.0.0.1", port_of(process))
        connection = http.client.HTTPConnection(*address, timeout=20)
        connection.request("GET", "/slow")
        assert line_of(process) == "begun"
        process.send_signal(number)
        answer = connection.getresponse()
        assert (answer.read(), answer.getheader("Connection")) == (b"/slow", "close")
        connection.close()
        assert ends(process) == ("ended\n", "", 0)


def test_program_ends_at_once_by_a_second_signal() -> None:
    """Another signal waits for nothing."""
    with program("-c", PROGRAM.format(options="port=0").replace("0.3", "60")) as process:
        with socket.create_connection(("127.0.0.1", port_of(process)), 20) as sock:
            sock.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            assert line_of(process) == "begun"
            process.send_signal(signal.SIGTERM)
            # The first is heard when nothing is accepted any more.
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(sock.getpeername()):
                        break
            process.send_signal(signal.SIGTERM)
            out, _, status = ends(process)
        assert (out, status) == ("", 143)


@pytest.mark.skipif(which("curl") is None, reason="needs curl")
def test_program_listens_on_a_unix_socket(tmp_path: Path) -> None:
    """With a path it listens there, and removes the file at its end."""
    path = tmp_path / "s"
    with program("-c", PROGRAM.format(options=f"unix={str(path)!r}")) as process:
        assert line_of(process) == f"ready {path}"
        assert curl("--unix-socket", str(path), "http://a/x") == "/x"
        process.send_signal(signal.SIGTERM)
        assert ends(process) == ("ended\n", "", 0)
    assert not path.exists()


@pytest.mark.skipif(which("curl") is None, reason="needs curl")
def test_program_serves_tls_and_reads_its_certificate_again(tmp_path: Path) -> None:
    """https works with what curl trusts; SIGHUP takes the files that are there then."""
    made = certificates()
    cert, key = tmp_path / "cert", tmp_path / "key"
    cert.write_bytes(Path(made.server).read_bytes())
    key.write_bytes(Path(made.server_key).read_bytes())
    options = f"port=0, certfile={str(cert)!r}, keyfile={str(key)!r}"
    with program("-c", PROGRAM.format(options=options)) as process:
        url = f"https://localhost:{port_of(process)}/x"
        words = ("--cacert", made.authority, "--http2", "-w", "%{http_version}", "-4", url)
        assert curl(*words) == "/x1.1"
        cert.write_text("no certificate")
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        assert "the certificate is still the old one" in process.stderr.readline()
        assert curl(*words) == "/x1.1"
        process.send_signal(signal.SIGTERM)
        assert ends(process)[2] == 0


def test_program_takes_sockets_of_systemd_and_tells_it(tmp_path: Path) -> None:
    """It listens on what it was given, and says when it is ready, alive, and stopping."""
    code = (
        "import os, sys\n"
        "os.dup2(int(sys.argv[1]), 3)\n"
        "os.environ['LISTEN_PID'] = str(os.getpid())\n" + PROGRAM.format(options="port=1")
    )
    with socket.socket() as listening, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        told.bind(str(tmp_path / "notify"))
        told.settimeout(20)
        fd = listening.fileno()
        environ = {
            **os.environ,
            "PYTHONPATH": FOUND,
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "100000",
            "LISTEN_FDS": "1",
        }
        with subprocess.Popen(
            [sys.executable, "-c", code, str(fd)],
            env=environ,
            pass_fds=[fd, 3],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                port = listening.getsockname()[1]
                listening.close()
                assert port_of(process) == port
                found = {told.recv(100) for _ in range(3)}
                assert found == {b"READY=1", b"WATCHDOG=1"}
                process.send_signal(signal.SIGTERM)
                while told.recv(100) != b"STOPPING=1":
                    pass
                assert ends(process) == ("ended\n", "", 0)
            finally:
                process.kill()


def test_notification_without_systemd_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started otherwise tells nobody, and a state that is two is refused."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert notify_systemd("READY=1") is False
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/socket")
    assert notify_systemd("READY=1") is False
    with pytest.raises(ValueError, match="one line"):
        notify_systemd("READY=1\nSTOPPING=1")


# ---- the command line ----


def url_of(process: subprocess.Popen[str]) -> Tuple[str, int]:
    shown = line_of(process)
    assert shown.startswith("serving on http://127.0.0.1:")
    return "127.0.0.1", int(shown.rstrip("/").rpartition(":")[2])


def got(address: Tuple[str, int], target: str) -> Tuple[int, bytes]:
    connection = http.client.HTTPConnection(*address, timeout=20)
    connection.request("GET", target)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_command_serves_a_folder_and_logs(tmp_path: Path) -> None:
    """``genlet serve --directory`` serves files, and says on stderr what it has answered."""
    (tmp_path / "a.txt").write_text("hello")
    words = ("-m", "genlet", "serve", "--directory", str(tmp_path), "--port", "0")
    with program(*words) as process:
        address = url_of(process)
        assert got(address, "/a.txt") == (200, b"hello")
        assert got(address, "/..%2fetc/passwd")[0] == 404
        process.send_signal(signal.SIGTERM)
        out, err, status = ends(process)
    assert (out, status) == ("", 0)
    lines = err.splitlines()
    assert len(lines) == 2
    assert '"GET /a.txt HTTP/1.1" 200 5 ' in lines[0]
    assert '"GET /..%2fetc/passwd HTTP/1.1" 404 ' in lines[1]


@pytest.mark.parametrize("target", ["app.py", "app:handler"])
def test_command_serves_a_handler(tmp_path: Path, target: str) -> None:
    """``genlet serve`` takes the handler of a file or of a module."""
    (tmp_path / "app.py").write_text(
        "from genlet.http import Response\ndef handler(request):\n    return Response('mine')\n"
    )
    words = ("-m", "genlet", "serve", target, "--port", "0", "--quiet")
    found = os.getcwd()
    os.chdir(tmp_path)
    try:
        with program(*words) as process:
            assert got(url_of(process), "/") == (200, b"mine")
            process.send_signal(signal.SIGINT)
            assert ends(process) == ("", "", 0)
    finally:
        os.chdir(found)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--directory", "/nonexistent"],
        ["nonexistent:handler"],
        ["--directory", ".", "--host", "example.org"],
        ["--directory", ".", "--port", "70000"],
        ["--directory", ".", "--tls", "/nonexistent"],
    ],
)
def test_command_that_cannot_serve_ends_with_2(words: List[str]) -> None:
    """What is not there, and an address that is none, is a usage error."""
    with program("-m", "genlet", "serve", *words) as process:
        out, err, status = ends(process)
    assert (out, status) == ("", 2)
    assert "error: " in err
    assert "Traceback" not in err
