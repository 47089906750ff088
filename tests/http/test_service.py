"""What a server does beside answering: room for new clients, a last request, upgrades, hang-ups."""

from __future__ import annotations

import socket
import struct
from typing import List, Tuple

import pytest

from genlet import Event, Green, Stopper, run, sleep, spawn
from genlet.http import ClientGone, Handler, Request, Response, Timeouts, Writer, serve
from genlet.net import connect, listen
from genlet.testing import cancel_everywhere
from tests.net import How

from .serving import GET, LAST, asked, one_answer, serving
from .test_server import path

UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"


def until(condition: List[object]) -> Green[None]:
    while not condition:
        yield from sleep(0.001)


# ---- room ----


def test_full_server_ends_its_longest_idle_connection_for_a_new_one() -> None:
    """Kept connections never keep others out: the one that was idle first goes."""

    def client(port: int) -> Green[None]:
        with (
            (yield from connect("127.0.0.1", port)) as first,
            (yield from connect("127.0.0.1", port)) as second,
        ):
            for stream in (second, first):
                yield from stream.send_all(GET % b"/a")
                yield from one_answer(stream)
            assert (yield from asked(port, LAST % b"/new")).endswith(b"/new")
            assert (yield from second.receive()) == b""
            yield from first.send_all(GET % b"/b")
            assert (yield from one_answer(first))[2] == b"/b"

    serving(path, client, max_connections=2)


def test_full_server_ends_a_connection_that_has_never_spoken() -> None:
    """A client that sends nothing holds no place that another one wants."""

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as silent:
            assert (yield from asked(port, LAST % b"/new")).endswith(b"/new")
            assert (yield from silent.receive()) == b""

    serving(path, client, max_connections=1)


def slow_handler() -> Tuple[Handler, List[object], Event[None]]:
    """Return a handler, the paths it was asked for, and the event that a request for /slow waits for."""
    begun: List[object] = []
    go: Event[None] = Event()

    def handler(request: Request) -> Green[Response]:
        begun.append(request.path)
        if request.path == "/slow":
            yield from go.wait()
        return path(request)

    return handler, begun, go


def test_busy_server_lets_clients_wait() -> None:
    """Where every connection has a request at work, a new one waits in the backlog."""
    handler, begun, go = slow_handler()

    def client(port: int) -> Green[None]:
        slow = spawn(asked, port, LAST % b"/slow")
        yield from until(begun)
        waiting = spawn(asked, port, LAST % b"/waiting")
        yield from sleep(0.05)
        assert begun == ["/slow"]
        go.send(None)
        assert (yield from slow.wait()).endswith(b"/slow")
        assert (yield from waiting.wait()).endswith(b"/waiting")

    serving(handler, client, max_connections=1)


def test_busy_server_may_answer_503() -> None:
    """With when_full="refuse" a client for whom there is no room is told so, and when to come back."""
    handler, begun, go = slow_handler()

    def client(port: int) -> Green[None]:
        slow = spawn(asked, port, LAST % b"/slow")
        yield from until(begun)
        for _ in range(3):
            refused = yield from asked(port, GET % b"/new", GET % b"/new")
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert refused.count(b"HTTP/1.1") == 1
            assert b"\r\nRetry-After: 1\r\n" in refused
        go.send(None)
        assert (yield from slow.wait()).endswith(b"/slow")
        assert (yield from asked(port, LAST % b"/new")).endswith(b"/new")

    serving(handler, client, max_connections=1, when_full="refuse")
    assert begun == ["/slow", "/new"]


def test_room_is_made_before_anybody_is_refused() -> None:
    """An idle connection ends before a new client gets 503."""

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as idle:
            yield from idle.send_all(GET % b"/a")
            yield from one_answer(idle)
            assert (yield from asked(port, LAST % b"/new")).endswith(b"/new")
            assert (yield from idle.receive()) == b""

    serving(path, client, max_connections=1, when_full="refuse")


@pytest.mark.parametrize(
    "options", [{"max_connections": 0}, {"max_requests": 0}, {"when_full": "panic"}]
)
def test_options_that_are_none_are_refused(options: object) -> None:
    """A wrong option is an error at the call, and the listeners are closed."""
    listeners = listen("127.0.0.1", 0)
    with pytest.raises(ValueError):  # noqa: PT011  the messages are those of the checks
        run(lambda: serve(path, listeners, **options))  # type: ignore[arg-type]  # the mistakes
    assert listeners[0].closed


# ---- the last request ----


def test_server_stops_after_its_last_request() -> None:
    """With max_requests a server ends by itself, softly, and no answer is lost."""

    def main() -> Green[int]:
        listeners = listen("127.0.0.1", 0)
        server = spawn(serve, path, listeners, max_requests=5, timeouts=Timeouts(parting=0.1))
        answered = 0
        with (yield from connect("127.0.0.1", listeners.port)) as stream:
            while True:
                yield from stream.send_all(GET % b"/a")
                status, headers, _ = yield from one_answer(stream)
                assert status == 200
                answered += 1
                if headers.get("connection") == "close":
                    break
        yield from server.wait()
        return answered

    assert run(main) == 5


# ---- upgrades ----


def echo_protocol(request: Request) -> Green[None]:
    stream = yield from request.upgrade("echo", {"X-A": "1"})
    yield from stream.send_all((yield from stream.read_exactly(5)))


def test_upgrade_gives_the_stream_with_what_came_behind_the_head() -> None:
    """After the 101 the handler owns the stream; bytes behind the head are read first."""

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(UPGRADE % b"h2c, Echo", b"abc")
            head = yield from stream.read_until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
            assert b"\r\nConnection: Upgrade\r\nUpgrade: echo\r\n" in head
            assert b"\r\nX-A: 1\r\n" in head
            yield from stream.send_all(b"de")
            assert (yield from stream.read_all()) == b"abcde"

    serving(echo_protocol, client)


def test_upgrade_that_is_not_offered_is_426() -> None:
    """A client that does not offer the protocol is told which one it needs."""

    def client(port: int) -> Green[None]:
        data = yield from asked(port, UPGRADE % b"websocket", LAST % b"/")
        assert data.count(b"HTTP/1.1 426 ") == 2
        assert data.count(b"\r\nConnection: Upgrade\r\nUpgrade: echo\r\n") == 1
        assert data.count(b"\r\nConnection: Upgrade, close\r\nUpgrade: echo\r\n") == 1

    told: List[BaseException] = []
    serving(echo_protocol, client, on_error=lambda _request, exc: told.append(exc))
    assert told == []


def test_upgrade_of_a_request_with_a_body_is_an_error() -> None:
    """The protocol begins behind the body: the handler reads that first."""

    def handler(request: Request) -> Green[None]:
        if request.query:
            yield from request.read()
        yield from echo_protocol(request)

    post = b"POST /%s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 3\r\n\r\nxyz"
    told: List[BaseException] = []

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(post % b"")
            assert (yield from one_answer(stream))[0] == 500
        data = yield from asked(port, post % b"?read", b"abcde")
        assert data.endswith(b"\r\n\r\nabcde")

    serving(handler, client, on_error=lambda _request, exc: told.append(exc))
    assert [type(exc) for exc in told] == [RuntimeError]


@pytest.mark.parametrize("upgrades", [False, True])
def test_handler_that_gives_the_wrong_end_is_an_error(upgrades: bool) -> None:
    """None without an upgrade, and an answer after one, are the handler's errors."""
    told: List[BaseException] = []

    def handler(request: Request) -> Green[object]:
        if not upgrades:
            yield from sleep(0)
            return None
        yield from request.upgrade("echo")
        return Response("late")

    def client(port: int) -> Green[None]:
        data = yield from asked(port, UPGRADE % b"echo", LAST % b"/")
        assert b"late" not in data
        assert data.startswith(b"HTTP/1.1 101 " if upgrades else b"HTTP/1.1 500 ")

    serving(handler, client, on_error=lambda _request, exc: told.append(exc))  # type: ignore[arg-type]  # the mistake
    assert {str(exc) for exc in told} == {
        "after an upgrade a handler returns None"
        if upgrades
        else "a handler returns a Response; got NoneType"
    }


# ---- hang-ups ----


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("how", ["end", "reset"])
def test_hang_up_can_be_seen_while_a_handler_works(how: str) -> None:
    """`disconnected` looks without waiting; what the client has sent stays to be read."""
    seen: List[object] = []
    begun: List[object] = []

    def handler(request: Request) -> Green[Response]:
        seen.append(request.disconnected())
        begun.append(True)
        while not request.disconnected():
            yield from sleep(0.001)
        seen.append(True)
        return Response("nobody reads this")

    def client(port: int) -> Green[None]:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(GET % b"/")
            yield from until(begun)
            if how == "reset":
                reset(sock)
        while len(seen) < 2:
            yield from sleep(0.001)

    serving(handler, client)
    assert seen == [False, True]


def test_look_for_a_hang_up_takes_nothing_from_the_next_request() -> None:
    """A pipelined request that the look has read ahead is answered in its turn."""

    def handler(request: Request) -> Green[Response]:
        while not request.stream.buffered and request.path == "/a":
            assert not request.disconnected()
            yield from sleep(0.001)
        return path(request)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/a")
            yield from sleep(0.01)
            yield from stream.send_all(LAST % b"/b")
            data = yield from stream.read_all()
            assert data.count(b"200 OK") == 2

    serving(handler, client)


def test_handler_is_cancelled_when_its_client_hangs_up() -> None:
    """With cancel_on_disconnect a handler ends soon behind its client, and nobody is told."""
    ended: List[object] = []
    told: List[BaseException] = []

    def handler(_request: Request) -> Green[Response]:
        try:
            yield from sleep(60)
        except BaseException as exc:
            ended.append(exc)
            raise
        return Response("never")

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/")
        yield from until(ended)
        assert (yield from asked(port, b"BREW\r\n\r\n")).startswith(b"HTTP/1.1 400")

    serving(
        handler,
        client,
        cancel_on_disconnect=True,
        on_error=lambda _request, exc: told.append(exc),
    )
    assert told == []
    assert isinstance(getattr(ended[0], "reason", None), ClientGone)


def test_handler_goes_on_behind_a_client_that_hangs_up() -> None:
    """Without cancel_on_disconnect what was asked for is done."""
    done: List[object] = []
    go: Event[None] = Event()

    def handler(_request: Request) -> Green[Response]:
        yield from go.wait()
        done.append(True)
        return Response("never")

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/")
        yield from sleep(0.01)
        go.send(None)
        yield from until(done)

    serving(handler, client)


@pytest.mark.parametrize("how", ["cancel", "kill"])
def test_server_interrupted_anywhere_leaves_nothing(how: How) -> None:
    """Interrupted at every suspension, a server with all its watchers ends, and its listener too."""
    listening: List[int] = []

    def handler(request: Request) -> Green[Response]:
        yield from request.read()

        def write(writer: Writer) -> Green[None]:
            yield from writer.send("a")

        return Response.stream(write)

    def exchange() -> Green[None]:
        listeners = listen("127.0.0.1", 0)
        listening[:] = [listeners.port]
        stopper = Stopper()

        def client() -> Green[None]:
            try:
                yield from asked(listeners.port, LAST % b"/")
            except OSError:
                pass
            stopper.stop()

        gt = spawn(client)
        try:
            yield from serve(
                handler,
                listeners,
                stopper=stopper,
                cancel_on_disconnect=True,
                access_log=lambda _exchange: None,
            )
        finally:
            gt.kill_soon()

    def check() -> None:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", listening[0])) != 0

    assert cancel_everywhere(exchange, check, how=how) > 1
