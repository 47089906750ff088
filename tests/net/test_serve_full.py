"""Serving at the limit, saying goodbye outside of it, and what is reported of a failed handler."""

from __future__ import annotations

import logging
import socket as real
import struct
from typing import Any, Callable, Dict, List

import pytest

import genlet
from genlet.abc import Green
from genlet.green.socket import socket
from genlet.net import Stream, connect, listen, serve
from tests.net import run, turns
from tests.net.test_tls import client_context, server_context

Body = Callable[[int], Green[None]]


def reset(sock: real.socket) -> None:
    """Close *sock* by a reset."""
    sock.setsockopt(real.SOL_SOCKET, real.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def serving(handler: Callable[[Stream], Green[object]], body: Body, **options: Any) -> None:
    """Run *body* with the port of a server."""

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, stopper=stopper, **options)
            yield from body(listeners.port)
            stopper.stop()
            yield from group.join()

    run(main)


def test_on_full_is_called_each_time_a_listener_finds_no_slot() -> None:
    """It can make a handler end, so that a server full of idle clients serves the next one."""
    idle: Dict[Stream, None] = {}
    calls: List[int] = []

    def handler(stream: Stream) -> Green[None]:
        idle[stream] = None
        if (yield from stream.receive()):
            del idle[stream]
            yield from stream.send_all(b"served")

    def on_full() -> None:
        calls.append(len(idle))
        oldest = next(iter(idle))
        del idle[oldest]
        oldest.close()

    def main(port: int) -> Green[None]:
        with (
            real.create_connection(("127.0.0.1", port)),
            real.create_connection(("127.0.0.1", port)),
        ):
            for _ in range(3):
                with (yield from connect("127.0.0.1", port)) as stream:
                    yield from stream.send_all(b"x")
                    assert (yield from stream.read_all()) == b"served"
            for stream in list(idle):
                stream.close()

    def closed_by_on_full(stream: Stream) -> Green[None]:
        try:
            yield from handler(stream)
        except genlet.ClosedResource:
            pass

    serving(closed_by_on_full, main, limit=2, on_full=on_full)
    assert calls


def test_on_full_is_not_called_while_there_are_slots() -> None:
    """It is about no slot, and about nothing else."""
    calls: List[str] = []

    def handler(stream: Stream) -> Green[None]:
        yield from stream.receive()

    def main(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)):
            yield from turns(5)
        assert calls == []

    serving(handler, main, limit=2, on_full=lambda: calls.append("full"))


@pytest.mark.parametrize("by", ["a stop", "somebody"])
def test_on_closed_is_called_once_behind_the_last_listener(by: str) -> None:
    """Handlers that would wait for more are told when nothing new can come, whatever closed it."""
    calls: List[int] = []
    waiting: List[Stream] = []

    def handler(stream: Stream) -> Green[None]:
        waiting.append(stream)
        with pytest.raises(genlet.ClosedResource):
            yield from stream.receive()

    def on_closed() -> None:
        calls.append(len(waiting))
        for stream in waiting:
            stream.close()

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        first, second = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
        every = [*first, *second]
        server = genlet.spawn(serve, handler, every, stopper=stopper, on_closed=on_closed)
        with (yield from connect("127.0.0.1", first.port)):
            while not waiting:
                yield from turns(1)
            first.close()
            yield from turns(5)
            assert calls == []
            if by == "somebody":
                second.close()
            else:
                stopper.stop()
            yield from server.wait()

    run(main)
    assert calls == [1]


def test_a_goodbye_holds_no_slot() -> None:
    """A client that lingers after its answer keeps no other one waiting; limit linger at most."""

    def handler(stream: Stream) -> Green[None]:
        yield from stream.send_all(b"done")

    def main(port: int) -> Green[None]:
        clients = [real.create_connection(("127.0.0.1", port)) for _ in range(3)]
        for client in clients:
            client.setblocking(False)
        start = genlet.kernel.get_scheduler().clock()
        streams = [Stream(socket(sock=client)) for client in clients]
        for stream in streams[:2]:  # the second is served while the first lingers
            stream.socket.settimeout(None)
            assert (yield from stream.read_exactly(4)) == b"done"
        assert genlet.kernel.get_scheduler().clock() - start < 0.9
        # The second keeps its slot, since one lingers already: the third waits for a goodbye.
        streams[2].socket.settimeout(0.2)
        with pytest.raises(real.timeout):
            yield from streams[2].read_exactly(4)
        streams[0].close()
        streams[2].socket.settimeout(None)
        assert (yield from streams[2].read_exactly(4)) == b"done"
        for stream in streams:
            stream.close()

    serving(handler, main, limit=1)


def test_a_stream_that_its_handler_closed_has_no_goodbye() -> None:
    """Its slot is free at once, and given back once."""

    def handler(stream: Stream) -> Green[None]:
        yield from stream.send_all(b"done")
        stream.close()

    def main(port: int) -> Green[None]:
        for _ in range(4):
            with (yield from connect("127.0.0.1", port)) as stream:
                assert (yield from stream.read_all()) == b"done"

    serving(handler, main, limit=1)


@pytest.mark.parametrize("tls", [False, True])
def test_a_reset_by_the_client_is_one_line_and_no_error(
    tls: bool, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Logged with handler and peer at level INFO; neither the hook nor on_error hears of it."""
    errors: List[BaseException] = []

    def handler(stream: Stream) -> Green[None]:
        while (yield from stream.receive()):
            pass

    def main(port: int) -> Green[None]:
        options: Any = {"tls": client_context(), "server_hostname": "localhost"} if tls else {}
        stream = yield from connect("127.0.0.1", port, **options)
        yield from stream.send_all(b"x")
        yield from genlet.sleep(0.02)
        reset(real.socket(fileno=stream.socket.detach()))
        yield from genlet.sleep(0.05)

    with caplog.at_level(logging.INFO, "genlet.net"):
        serving(
            handler,
            main,
            on_error=lambda _, exc: errors.append(exc),
            **({"tls": server_context()} if tls else {}),
        )
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "handler ('127.0.0.1', " in record.getMessage()
    assert record.exc_info is None
    assert errors == []
    assert capsys.readouterr().err == ""


def test_a_failure_of_another_connection_is_an_error_of_the_handler() -> None:
    """ConnectionError of what a handler has connected to is reported as any error is."""
    seen: List[object] = []

    def handler(stream: Stream) -> Green[None]:
        yield from stream.receive()
        raise ConnectionResetError("of a database")

    def main(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(b"x")
            yield from stream.read_all()

    serving(handler, main, on_error=lambda _, exc: seen.append(str(exc)))
    assert seen == ["of a database"]


def test_the_report_of_an_error_names_the_handler_and_the_peer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Through the run's excepthook, in the name of the greenthread."""

    def my_handler(stream: Stream) -> Green[None]:
        yield from stream.receive()
        raise ValueError("mine")

    addresses: List[object] = []

    def main(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            addresses.append(stream.socket.getsockname())
            yield from stream.send_all(b"x")
            yield from stream.read_all()

    serving(my_handler, main)
    err = capsys.readouterr().err
    assert f"my_handler {addresses[0]!r}" in err
    assert "ValueError: mine" in err


def test_a_failed_handshake_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """A client that speaks no TLS, or says nothing, is logged at level INFO."""

    def handler(stream: Stream) -> Green[None]:
        yield from stream.receive()

    def main(port: int) -> Green[None]:
        for data in (b"GET / HTTP/1.0\r\n\r\n", b""):
            with (yield from connect("127.0.0.1", port)) as stream:
                if data:
                    yield from stream.send_all(data)
                with genlet.move_on_after(5):
                    try:
                        yield from stream.read_all()
                    except ConnectionResetError:
                        pass

    with caplog.at_level(logging.INFO, "genlet.net"):
        serving(handler, main, tls=server_context(), handshake_timeout=0.1)
    assert [record.levelno for record in caplog.records] == [logging.INFO] * 2
