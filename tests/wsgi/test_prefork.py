"""Worker processes: started, replaced, stopped, and none left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any, Iterator, List, Set

import pytest

from genlet import prefork
from genlet import sleep as sleep_green

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
import os, sys, time
from genlet import prefork, wsgi
from genlet.net import listen

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/die":
        os._exit(3)
    if path == "/slow":
        time.sleep(0.5)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]

def stuck(environ, start_response):
    if environ["PATH_INFO"] == "/stuck":
        time.sleep(60)
    return app(environ, start_response)

listeners = listen("127.0.0.1", 0)
print(listeners.port, os.getpid(), flush=True)

def main(stopper):
    mode = MODE
    if mode == "fails":
        raise ValueError("cannot begin")
    if mode == "fails later" and os.path.exists(sys.argv[1]):
        raise ValueError("cannot begin")
    yield from wsgi.server(
        listeners, stuck, log_output=False, stopper=stopper,
        mode="inline" if mode == "inline" else "threads",
    )

sys.exit(prefork.run(main, 2, OPTIONS))
"""


class Service:
    """A parent with two workers."""

    def __init__(self, mode: str, options: str, argument: str) -> None:
        code = PROGRAM.replace("MODE", repr(mode)).replace("OPTIONS", options)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, argument],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split()[0])

    def get(self, path: str = "/") -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def workers(self, wanted: int = 2) -> Set[str]:
        """Return the pids of *wanted* different workers that have answered."""
        found: Set[str] = set()
        until = monotonic() + 20
        while len(found) < wanted and monotonic() < until:
            found.add(self.get())
        return found

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        return self.process.wait(timeout=30)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    services: List[Service] = []

    def begin(mode: str = "threads", options: str = "grace=10") -> Service:
        services.append(Service(mode, options, str(tmp_path / "flag")))
        return services[-1]

    yield begin
    for service in services:
        if service.process.poll() is None:
            os.killpg(service.process.pid, signal.SIGKILL)
        service.process.communicate()


@pytest.mark.slow
def test_term_ends_the_workers_softly(start: Any) -> None:
    """A request in flight is answered, and the status is 0."""
    service = start()
    service.get()
    answers: List[str] = []
    thread = Thread(target=lambda: answers.append(service.get("/slow")))
    thread.start()
    sleep(0.2)
    service.signal(signal.SIGTERM)
    thread.join()
    assert answers[0].isdecimal()
    assert service.end() == 0
    with pytest.raises(OSError, match="refused"):
        service.get()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_the_whole_group_is_soft_too(start: Any, number: int) -> None:
    """Ctrl-C at a terminal reaches the workers as well: the request in flight is answered."""
    service = start()
    service.workers()
    answers: List[str] = []
    thread = Thread(target=lambda: answers.append(service.get("/slow")))
    thread.start()
    sleep(0.2)
    os.killpg(service.process.pid, number)
    thread.join()
    assert answers[0].isdecimal()
    assert service.end() == 0


@pytest.mark.slow
def test_second_signal_ends_at_once(start: Any) -> None:
    """A request that takes a minute is not waited for."""
    service = start(options="grace=60")
    service.workers()
    failures: List[BaseException] = []

    def stuck() -> None:
        try:
            service.get("/stuck")
        except Exception as exc:
            failures.append(exc)

    thread = Thread(target=stuck)
    thread.start()
    sleep(0.2)
    began = monotonic()
    service.signal(signal.SIGTERM)
    sleep(0.2)
    service.signal(signal.SIGTERM)
    service.end()
    thread.join()
    assert failures
    assert monotonic() - began < 20


@pytest.mark.slow
def test_hup_replaces_every_worker_and_loses_no_request(start: Any) -> None:
    """Under load no connection is refused, reset or left without an answer."""
    service = start()
    before = service.workers()
    stop: List[bool] = []
    failures: List[BaseException] = []
    count: List[str] = []

    def load() -> None:
        while not stop:
            try:
                count.append(service.get())
            except BaseException as exc:
                failures.append(exc)

    threads = [Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    service.signal(signal.SIGHUP)
    until = monotonic() + 20
    after = before
    while after & before and monotonic() < until:
        after = set(count[-50:])
        sleep(0.05)
    stop.append(True)
    for thread in threads:
        thread.join()
    assert not failures
    assert not after & before
    service.signal(signal.SIGTERM)
    assert service.end() == 0


@pytest.mark.slow
def test_hup_with_a_worker_that_fails_leaves_the_old_ones(start: Any, tmp_path: Path) -> None:
    """A program that does not begin any more ends none that serves."""
    service = start("fails later")
    before = service.workers()
    (tmp_path / "flag").touch()
    service.signal(signal.SIGHUP)
    sleep(1)
    assert service.workers() <= before
    service.signal(signal.SIGTERM)
    assert service.end() == 0


@pytest.mark.slow
def test_worker_that_ends_is_replaced(start: Any) -> None:
    """Two answer again, one of them a new one."""
    service = start()
    before = service.workers()
    with pytest.raises((OSError, Exception)):
        service.get("/die")
    until = monotonic() + 20
    while not service.workers() - before and monotonic() < until:
        pass
    assert service.workers() != before
    service.signal(signal.SIGTERM)
    assert service.end() == 0


@pytest.mark.slow
def test_worker_whose_loop_stands_still_is_killed(start: Any) -> None:
    """It is silent for `timeout` seconds; its client sees the connection end."""
    service = start("inline", "timeout=1.0")
    before = service.workers()
    with pytest.raises((OSError, Exception)):
        service.get("/stuck")
    until = monotonic() + 20
    while not service.workers() - before and monotonic() < until:
        pass
    assert service.workers() - before
    service.signal(signal.SIGTERM)
    assert service.end() == 0


@pytest.mark.slow
def test_workers_that_keep_failing_end_it(start: Any) -> None:
    """It gives up, with status 1, instead of forking for ever."""
    service = start("fails", "max_failures=3")
    _, errors = service.process.communicate(timeout=30)
    assert service.process.returncode == 1
    assert "cannot begin" in errors


@pytest.mark.slow
def test_workers_end_with_their_parent(start: Any) -> None:
    """A parent that is killed leaves no worker that holds the port."""
    service = start()
    service.workers()
    service.signal(signal.SIGKILL)
    service.end()
    until = monotonic() + 20
    while monotonic() < until:
        try:
            service.get()
        except OSError as exc:
            if re.search("refused", str(exc)):
                break
        sleep(0.05)
    with pytest.raises(OSError, match="refused"):
        service.get()


def test_arguments_are_looked_at() -> None:
    """Before anything is forked."""
    with pytest.raises(ValueError, match="workers"):
        prefork.run(lambda _: sleep_green(0), 0)
