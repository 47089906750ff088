"""The workers under gunicorn itself; skipped where it is not installed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any, Iterator, List, Set

import pytest

if find_spec("gunicorn") is None:
    pytest.skip("needs gunicorn", allow_module_level=True)

ROOT = Path(__file__).resolve().parent.parent.parent

MODULE = """
import os, time
from genlet.http import Response

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/slow":
        time.sleep(0.5)
    if path == "/fails":
        raise ValueError("what a view raises")
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/environ":
        return [repr((environ["wsgi.multiprocess"], environ["REMOTE_ADDR"])).encode()]
    return [str(os.getpid()).encode()]

def handler(request):
    return Response("handler " + request.path)
"""


class Gunicorn:
    def __init__(self, folder: Path, words: List[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "module.py").write_text(MODULE)
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{self.port}", *words],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)},
                stderr=log,
                start_new_session=True,
            )
        until = monotonic() + 20
        while monotonic() < until:
            try:
                self.get()
                break
            except OSError:
                sleep(0.05)

    def get(self, path: str = "/", **headers: str) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    started: List[Gunicorn] = []

    def begin(*words: str, worker: str = "Worker", target: str = "module:app") -> Gunicorn:
        started.append(Gunicorn(tmp_path, ["-k", f"genlet.gunicorn.{worker}", *words, target]))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


@pytest.mark.slow
def test_term_ends_softly(start: Any) -> None:
    """A request in flight is answered, and the status is 0."""
    gunicorn = start("--workers", "2", "--access-logfile", "-", "--error-logfile", "-")
    answers: List[str] = []
    thread = Thread(target=lambda: answers.append(gunicorn.get("/slow")))
    thread.start()
    sleep(0.2)
    assert gunicorn.end() == 0
    thread.join()
    assert answers[0].isdecimal()


@pytest.mark.slow
def test_hup_three_times_under_load_loses_nothing(start: Any) -> None:
    """Every request is answered, on new and on kept connections."""
    gunicorn = start("--workers", "2", "--keep-alive", "5")
    stop: List[bool] = []
    failures: List[BaseException] = []
    pids: Set[str] = set()

    def load(kept: bool) -> None:
        while not stop:
            connection = HTTPConnection("127.0.0.1", gunicorn.port, timeout=20)
            try:
                for _ in range(50 if kept else 1):
                    connection.request("GET", "/")
                    answer = connection.getresponse()
                    pids.add(answer.read().decode())
                    if answer.getheader("Connection") == "close":
                        break
            except (OSError, HTTPException) as exc:
                failures.append(exc)
            finally:
                connection.close()

    threads = [Thread(target=load, args=(index % 2 == 0,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = len(pids)
        gunicorn.process.send_signal(signal.SIGHUP)
        until = monotonic() + 20
        while len(pids) < before + 2 and monotonic() < until:
            sleep(0.05)
    sleep(1.5)  # the old ones have parted
    stop.append(True)
    for thread in threads:
        thread.join()
    assert not failures
    assert len(pids) >= 8
    assert gunicorn.end() == 0


@pytest.mark.slow
def test_idle_worker_is_not_taken_for_dead(start: Any) -> None:
    """It tells the arbiter that it lives, also without requests."""
    gunicorn = start("--timeout", "2")
    before = gunicorn.get()
    sleep(4)
    assert gunicorn.get() == before
    assert gunicorn.end() == 0


@pytest.mark.slow
def test_max_requests_replaces_the_worker(start: Any) -> None:
    """After so many requests another process answers, and none is lost."""
    gunicorn = start("--max-requests", "10")
    assert len({gunicorn.get() for _ in range(60)}) > 1
    assert gunicorn.end() == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_quick_end_waits_for_nothing(start: Any, number: int) -> None:
    """SIGINT and SIGQUIT end the workers at once."""
    gunicorn = start("--graceful-timeout", "25")
    assert gunicorn.end(number) == 0


@pytest.mark.slow
def test_settings_and_log_are_gunicorns(start: Any, tmp_path: Path) -> None:
    """What it logs, trusts and limits is what its command line says."""
    access = tmp_path / "access"
    gunicorn = start(
        "--workers", "2", "--access-logfile", str(access), "--access-logformat", "%(h)s %(m)s %(U)s %(s)s %(B)s",
        "--limit-request-line", "100",
    )  # fmt: skip
    assert gunicorn.get("/environ", **{"X-Forwarded-For": "1.2.3.4"}) == "(True, '1.2.3.4')"
    assert "414" in gunicorn.get("/" + "x" * 200)
    assert gunicorn.get("/fails") == "500 Internal Server Error\n"
    assert gunicorn.end() == 0
    text = access.read_text()
    assert "1.2.3.4 GET /environ 200 17" in text
    assert "GET /fails 500" in text
    assert "ValueError: what a view raises" in gunicorn.log.read_text()


@pytest.mark.slow
def test_green_worker_serves_a_handler(start: Any) -> None:
    """Not WSGI, but a handler of genlet.http; without keep-alive each answer closes."""
    gunicorn = start("--keep-alive", "0", worker="GreenWorker", target="module:handler")
    connection = HTTPConnection("127.0.0.1", gunicorn.port, timeout=20)
    connection.request("GET", "/x")
    answer = connection.getresponse()
    assert answer.read() == b"handler /x"
    assert answer.getheader("Connection") == "close"
    connection.close()
    assert gunicorn.end() == 0
