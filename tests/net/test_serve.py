"""Serving: how many at a time, what a failure does, and the ways to the end."""

from __future__ import annotations

import errno
import os
import shutil
import socket as real
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, cast

import pytest

import genlet
from genlet import tpool
from genlet.abc import Green
from genlet.green.socket import socket
from genlet.kernel import AnyGreenThread, Cancelled
from genlet.net import Listeners, Stream, connect, connect_unix, listen, listen_unix, serve
from genlet.net.listen import Listener
from genlet.testing import cancel_everywhere
from tests.net import How, run, turns

ROOT = Path(__file__).resolve().parent.parent.parent


def echo(stream: Stream) -> Green[None]:
    while line := (yield from stream.read_line()):
        yield from stream.send_all(line)


def local() -> Listeners:
    return listen("127.0.0.1", 0)


def ask(port: int, line: bytes = b"hello\n") -> Green[bytes]:
    """Send *line* on a connection of its own, and return the line that comes back."""
    with (yield from connect("127.0.0.1", port)) as stream:
        yield from stream.send_all(line)
        answer = yield from stream.read_line()
        yield from stream.finish(linger=0)
        return answer


# ---- connections ----------------------------------------------------------------------------------


def test_every_client_is_served_on_every_listener(tmp_path: Path) -> None:
    """TCP of both families and a Unix socket, by one server, until it is stopped."""
    path = str(tmp_path / "s")

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        listeners = [*listen("localhost", 0), listen_unix(path)]
        with genlet.TaskGroup() as group:
            group.spawn(serve, echo, listeners, stopper=stopper)
            port = listeners[0].address[1]
            answers = yield from genlet.amap(lambda number: ask(port, b"%d\n" % number), range(50))
            assert answers == [b"%d\n" % number for number in range(50)]
            with (yield from connect_unix(path)) as stream:
                yield from stream.send_all(b"x\n")
                assert (yield from stream.read_line()) == b"x\n"
                yield from stream.finish()
            stopper.stop()
            yield from group.join()
        assert all(listener.closed for listener in listeners)
        assert not os.path.exists(path)

    run(main)


def test_a_handler_that_returns_ends_politely() -> None:
    """What it sent last arrives, although the client has sent what nobody read."""
    answer = os.urandom(1_000_000)

    def handler(stream: Stream) -> Green[None]:
        yield from stream.receive(1)
        yield from stream.send_all(answer)

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with local() as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, stopper=stopper)
            with (yield from connect("127.0.0.1", listeners.port)) as stream:
                yield from stream.send_all(b"x" * 10_000)
                yield from genlet.sleep(0.02)
                assert (yield from stream.read_all()) == answer
            stopper.stop()
            yield from group.join()

    run(main)


class Boom(Exception):
    pass


def test_a_handler_that_fails_is_reported_and_the_others_go_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On stderr by default, once each; its connection is closed."""

    def handler(stream: Stream) -> Green[None]:
        line = yield from stream.read_line()
        if line == b"boom\n":
            raise Boom("of a handler")
        yield from stream.send_all(line)

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with local() as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, stopper=stopper)
            assert (yield from ask(listeners.port, b"boom\n")) == b""
            assert (yield from ask(listeners.port, b"fine\n")) == b"fine\n"
            stopper.stop()
            yield from group.join()

    run(main)
    assert capsys.readouterr().err.count("Boom: of a handler") == 1


def test_on_error_is_told_with_the_stream() -> None:
    """Also of a Timeout that escapes a handler, and of waiting in vain for one that was killed."""
    told: List[Tuple[object, BaseException]] = []

    def handler(stream: Stream) -> Green[None]:
        what = yield from stream.read_line()
        if what == b"timeout\n":
            with genlet.Timeout(0.001):
                yield from genlet.sleep(10)
        elif what == b"killed\n":
            victim = genlet.spawn(genlet.sleep, 10)
            yield from turns(1)
            yield from victim.kill()
            yield from victim.wait()
        elif what == b"own scope\n":
            raise Cancelled("nobody's")
        raise Boom

    def on_error(stream: Stream, exc: BaseException) -> None:
        told.append((stream.peer, exc))

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with local() as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, stopper=stopper, on_error=on_error)
            for what in (b"killed\n", b"timeout\n", b"own scope\n", b"boom\n"):
                assert (yield from ask(listeners.port, what)) == b""
            stopper.stop()
            yield from group.join()

    run(main)
    assert [type(exc) for _, exc in told] == [
        genlet.GreenletExit,
        genlet.Timeout,
        Cancelled,
        Boom,
    ]
    assert len({peer for peer, _ in told}) == 4


def test_an_on_error_that_raises_ends_the_server() -> None:
    """Bare, and with all connections: a way to make every failure fatal."""

    def handler(stream: Stream) -> Green[None]:
        if (yield from stream.read_line()):
            raise Boom
        yield from genlet.sleep(10)

    def on_error(_: Stream, exc: BaseException) -> None:
        raise exc

    def main() -> Green[None]:
        with local() as listeners:
            server = genlet.spawn(serve, handler, listeners, on_error=on_error)
            with (yield from connect("127.0.0.1", listeners.port)):
                assert (yield from ask(listeners.port)) == b""
                with pytest.raises(Boom):
                    yield from server.wait()
            assert listeners[0].closed

    run(main)


def test_handlers_need_not_finish_what_the_server_finishes() -> None:
    """In debug runs nothing is said about a handler that returns, or raises, after it has sent."""
    told: List[BaseException] = []

    def handler(stream: Stream) -> Green[None]:
        line = yield from stream.read_line()
        yield from stream.send_all(line)
        if line == b"boom\n":
            raise Boom

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with local() as listeners, genlet.TaskGroup() as group:
            group.spawn(
                lambda: serve(
                    handler, listeners, stopper=stopper, on_error=lambda _, exc: told.append(exc)
                )
            )
            for line in (b"fine\n", b"boom\n"):
                assert (yield from ask(listeners.port, line)) == line
            stopper.stop()
            yield from group.join()

    genlet.Runner(debug=True).run(main)
    assert [type(exc) for exc in told] == [Boom]


def test_a_connection_that_is_killed_ends_alone() -> None:
    """Its greenthread ended as it was told: nothing is reported."""
    handlers: List[AnyGreenThread] = []

    def handler(stream: Stream) -> Green[None]:
        handlers.append(genlet.getcurrent())
        yield from stream.read_line()

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with local() as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, stopper=stopper)
            with (yield from connect("127.0.0.1", listeners.port)) as stream:
                while not handlers:
                    yield from genlet.sleep(0.001)
                yield from handlers[0].kill()
                assert (yield from stream.receive()) == b""
            stopper.stop()
            yield from group.join()

    run(main)


# ---- the limit ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2])
def test_clients_beyond_the_limit_wait_their_turn(number: int) -> None:
    """A flood: never more handlers than the limit, everybody is served; on any number of listeners."""
    now = most = 0

    def handler(stream: Stream) -> Green[None]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        yield from echo(stream)
        now -= 1

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        listeners = [local()[0] for _ in range(number)]
        ports = [listener.address[1] for listener in listeners]
        with genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, limit=5, stopper=stopper)
            answers = yield from genlet.amap(lambda one: ask(ports[one % number]), range(100))
            assert answers == [b"hello\n"] * 100
            stopper.stop()
            yield from group.join()

    run(main)
    assert (now, most) == (0, 5)


def test_at_the_limit_nothing_is_accepted() -> None:
    """The sixth client stays in the backlog, where another process could take it."""

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with local() as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, echo, listeners, limit=5, stopper=stopper)
            clients: List[Stream] = []
            for _ in range(6):
                clients.append((yield from connect("127.0.0.1", listeners.port)))
            for client in clients[:5]:
                yield from client.send_all(b"x\n")
                assert (yield from client.read_line()) == b"x\n"
            with real.socket(fileno=os.dup(listeners[0].socket.fileno())) as spy:
                accepted, _ = spy.accept()
                assert accepted.getpeername() == clients[5].socket.getsockname()
                accepted.close()
            for client in clients:
                client.close()
            stopper.stop()
            yield from group.join()

    run(main)


def test_stopping_waits_for_no_slot() -> None:
    """A connection that another listener's has robbed of the last slot does not hold up the end."""

    def handler(_: Stream) -> Green[None]:
        yield from genlet.sleep(30)

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        listeners = [local()[0], local()[0]]
        with genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, limit=1, stopper=stopper, drain=0.01)
            yield from genlet.sleep(0.01)  # both acceptors wait for a connection
            peers = [real.create_connection(listener.address) for listener in listeners]
            yield from turns(10)
            with genlet.fail_after(5):
                stopper.stop()
                yield from group.join()
            for peer in peers:
                peer.close()

    run(main)


# ---- accept fails ---------------------------------------------------------------------------------

STARVED = """
import resource, socket, sys
import genlet
from genlet.net import connect, listen, serve

def echo(stream):
    while line := (yield from stream.read_line()):
        yield from stream.send_all(line)

def main():
    stopper = genlet.Stopper()
    hogs = []
    with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
        group.spawn(serve, echo, listeners, stopper=stopper)
        yield from genlet.sleep(0.05)  # it waits for a connection
        client = socket.socket()
        client.setblocking(False)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            while True:
                hogs.append(open("/dev/null"))
        except OSError:
            pass
        client.connect_ex(("127.0.0.1", listeners.port))
        client.setblocking(True)
        yield from genlet.sleep(0.3)  # it tries several times
        hogs.pop().close()
        stream = genlet.net.Stream(genlet.green.socket.socket(sock=client))
        with stream:
            yield from stream.send_all(b"hello\\n")
            print((yield from stream.read_line()))
            yield from stream.finish()
        stopper.stop()
        yield from group.join()
    for hog in hogs:
        hog.close()

genlet.run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no resource limits")
def test_no_descriptors_left_is_survived_and_logged_once() -> None:
    """The client is served when there is one again."""
    done = subprocess.run(
        [sys.executable, "-c", STARVED],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == "b'hello\\n'\n", done.stderr
    assert done.stderr.count("cannot accept, and tries again until it can") == 1, done.stderr
    assert os.strerror(errno.EMFILE) in done.stderr


class Failing:
    """In the place of a listener's socket: accept raises, then does what it did."""

    def __init__(self, sock: Any, errors: List[int]) -> None:
        self._sock: Any = sock
        self.errors: List[int] = errors

    def accept(self) -> Green[Any]:
        if self.errors:
            raise OSError(self.errors[0], os.strerror(self.errors.pop(0)))
        return cast(Any, (yield from self._sock.accept()))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def test_connections_that_died_before_they_were_accepted_are_passed_over() -> None:
    """ECONNABORTED and its kin are the client's affair."""

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        (listener,) = local()
        failing = Failing(listener.socket, [errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN])
        listener.socket = cast(socket, failing)  # acts like one
        with genlet.TaskGroup() as group:
            group.spawn(serve, echo, listener, stopper=stopper)
            assert (yield from ask(listener.address[1])) == b"hello\n"
            assert failing.errors == []
            stopper.stop()
            yield from group.join()

    run(main)


def test_an_accept_that_fails_for_good_ends_the_server() -> None:
    """Bare."""

    def main() -> Green[None]:
        (listener,) = local()
        failing = Failing(listener.socket, [errno.EINVAL])
        listener.socket = cast(socket, failing)  # acts like one
        with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
            yield from serve(echo, listener)
        assert listener.closed

    run(main)


# ---- the end --------------------------------------------------------------------------------------


def test_a_closed_listener_is_the_end() -> None:
    """Clean, when the connections have ended too; closed before, at once."""

    def main() -> Green[None]:
        with local() as listeners, genlet.TaskGroup() as group:
            server = group.spawn(serve, echo, listeners)
            with (yield from connect("127.0.0.1", listeners.port)) as stream:
                yield from stream.send_all(b"a\n")
                assert (yield from stream.read_line()) == b"a\n"
                listeners.close()
                yield from turns(5)
                assert not server.dead
                yield from stream.send_all(b"b\n")
                assert (yield from stream.read_line()) == b"b\n"
                yield from stream.finish()
            yield from group.join()
            yield from serve(echo, listeners)

    run(main)


def test_stopping_ends_the_idle_and_lets_the_busy_finish() -> None:
    """New clients are refused at once; a handler at work goes on to its region."""
    working = genlet.Event[None]()
    go_on = genlet.Event[None]()
    log: List[str] = []

    def main() -> Green[None]:
        stopper = genlet.Stopper()

        def handler(stream: Stream) -> Green[None]:
            while True:
                line = b""
                with stopper.region():
                    line = yield from stream.read_line()
                if not line:
                    log.append("idle")
                    return
                working.send()
                yield from go_on.wait()
                yield from stream.send_all(line)

        with local() as listeners, genlet.TaskGroup() as group:
            server = group.spawn(serve, handler, listeners, stopper=stopper, drain=10)
            with (
                (yield from connect("127.0.0.1", listeners.port)) as idle,
                (yield from connect("127.0.0.1", listeners.port)) as busy,
            ):
                yield from busy.send_all(b"work\n")
                yield from working.wait()
                stopper.stop("deploy")
                assert (yield from idle.read_all()) == b""
                assert listeners[0].closed
                with pytest.raises(ConnectionRefusedError):
                    yield from connect("127.0.0.1", listeners.port)
                assert not server.dead
                go_on.send()
                assert (yield from busy.read_all()) == b"work\n"
            yield from group.join()
        assert log == ["idle", "idle"]

    run(main)


def test_what_is_in_the_backlog_when_it_stops_is_still_served() -> None:
    """As far as there are slots: a client that has connected is not reset."""

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        listeners = local()
        with genlet.TaskGroup() as group:
            clients: List[Stream] = []
            for number in range(5):
                client = yield from connect("127.0.0.1", listeners.port)
                yield from client.send_all(b"%d\n" % number)
                yield from client.send_eof()
                clients.append(client)
            stopper.stop()
            yield from serve(echo, listeners, stopper=stopper, limit=3)
            for number, client in enumerate(clients):
                with client:
                    if number < 3:
                        assert (yield from client.read_all()) == b"%d\n" % number
                    else:
                        with pytest.raises(ConnectionResetError):
                            yield from client.read_all()
            yield from group.join()

    run(main)


def test_handlers_that_do_not_end_are_cancelled_after_the_drain() -> None:
    """With their grace; then serve returns."""
    cleaned: List[Optional[str]] = []

    def handler(stream: Stream) -> Green[None]:
        try:
            yield from stream.read_line()
        finally:
            yield from genlet.sleep(0)  # within the grace
            cleaned.append("cleaned up")

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with local() as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, stopper=stopper, drain=0.01, grace=10)
            with (yield from connect("127.0.0.1", listeners.port)) as stream:
                yield from genlet.sleep(0.01)
                stopper.stop()
                yield from group.join()
                assert (yield from stream.read_all()) == b""
        assert cleaned == ["cleaned up"]

    run(main)


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_serve_interrupted_anywhere_leaves_nothing(how: How) -> None:
    """No listener, no connection, no greenthread: descriptors are counted after the test."""
    opened: List[Listener] = []

    def attempt() -> Green[None]:
        listeners = listen("localhost", 0)
        opened.extend(listeners)
        stopper = genlet.Stopper()
        peers = [real.create_connection(listeners[-1].address[:2]) for _ in range(3)]
        try:
            for peer in peers[:2]:
                peer.sendall(b"x\n")
                peer.shutdown(real.SHUT_WR)

            def stop() -> Green[None]:
                yield from turns(6)
                stopper.stop()

            stopping = genlet.spawn(stop)
            try:
                yield from serve(
                    echo, listeners, stopper=stopper, limit=2, drain=0.001, grace=0.001
                )
            finally:
                with genlet.shielded(1):
                    yield from stopping.wait()
        finally:
            for peer in peers:
                peer.close()

    assert cancel_everywhere(attempt, how=how) > 1
    assert all(listener.closed for listener in opened)


def test_a_limit_below_one_is_refused() -> None:
    """It would serve nobody."""

    def main() -> Green[None]:
        with local() as listeners, pytest.raises(ValueError, match="1 or more; got 0"):
            yield from serve(echo, listeners, limit=0)

    run(main)


# ---- others' clients ------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_gets_its_answers() -> None:
    """A server of a few lines speaks to a client that is not ours."""

    def handler(stream: Stream) -> Green[None]:
        head = yield from stream.read_until(b"\r\n\r\n")
        size = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
        body = yield from stream.read_exactly(size)
        yield from stream.send_all(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body), body
        )

    body = "x" * 300_000

    def main() -> Green[Dict[str, str]]:
        stopper = genlet.Stopper()
        with local() as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, stopper=stopper)
            process = subprocess.Popen(
                ["curl", "-s", "--max-time", "20", "--data-binary", "@-"]
                + [f"http://127.0.0.1:{listeners.port}/"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            out = yield from tpool.execute(process.communicate, body)
            stopper.stop()
            yield from group.join()
        return {"out": out[0]}

    try:
        assert run(main)["out"] == body
    finally:
        tpool.killall()
