"""Looking at what has come, over TLS as over TCP."""

from __future__ import annotations

import socket as real
import ssl
import struct
from typing import Any, Iterator, List, Optional

import pytest

import genlet
from genlet.abc import Green
from genlet.errors import BusyResource
from genlet.kernel import available_hubs
from genlet.net import Stream
from tests.green.engines import engine as engine
from tests.net import run, tcp, turns
from tests.net.test_tls import client_context, server_context
from tests.net.test_tls_end import WAYS, connected


@pytest.fixture(params=available_hubs(), autouse=True)
def hub(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test on each hub."""
    genlet.use_hub(request.param)
    yield request.param
    genlet.use_hub(None)


def seen(stream: Stream) -> Green[Optional[bytes]]:
    """Peek until there is something new: what makes a socket readable may carry no data."""
    before = stream.buffered
    while True:
        yield from genlet.trampoline(stream.socket, read=True, timeout=5)
        data = stream.peek()
        if data is not None and len(data) != before:
            return data
        if data == b"":
            return data


@pytest.mark.parametrize("way", WAYS)
def test_peek_shows_what_has_come_and_takes_nothing(way: str) -> None:
    """None while nothing has come, then the bytes, and more of them; reads find all of them."""

    def main() -> Green[None]:
        with connected(way) as make:
            client, server = yield from make()
            assert client.peek() is None  # also if tickets have come by now
            yield from turns()
            assert client.peek() is None
            yield from server.send_all(b"PROXY ")
            assert (yield from seen(client)) == b"PROXY "
            assert client.peek() == b"PROXY "
            yield from server.send_all(b"TCP4\r\nrest")
            assert (yield from seen(client)) == b"PROXY TCP4\r\nrest"
            assert client.buffered == 16
            assert (yield from client.read_line()) == b"PROXY TCP4\r\n"
            assert client.peek() == b"rest"
            assert (yield from client.receive()) == b"rest"
            assert client.peek() is None

    run(main)


@pytest.mark.parametrize("way", WAYS)
def test_peek_is_empty_at_the_end_only(way: str) -> None:
    """Bytes before the end come first; the end is seen again and again, and by reads."""

    def main() -> Green[None]:
        with connected(way) as make:
            client, server = yield from make()
            yield from server.send_all(b"last")
            yield from server.finish(linger=0.01)
            assert (yield from seen(client)) == b"last"
            assert client.peek() == b"last"
            assert (yield from client.read_exactly(4)) == b"last"
            assert (yield from seen(client)) == b""
            assert client.peek() == b""
            assert (yield from client.receive()) == b""

    run(main)


@pytest.mark.parametrize("way", WAYS)
def test_peek_holds_no_more_than_64_kib(way: str) -> None:
    """What is not held is still to be read."""
    data = bytes(range(256)) * 800

    def main() -> Green[None]:
        with connected(way) as make:
            client, server = yield from make()
            sender = genlet.spawn(server.send_all, data)
            for _ in range(50):
                yield from seen(client)
                if client.buffered == 65536:
                    break
                yield from genlet.sleep(0.01)
            assert client.peek() == data[:65536]
            assert (yield from client.read_exactly(len(data))) == data
            yield from sender.wait()

    run(main)


@pytest.mark.parametrize("way", WAYS)
def test_peek_while_another_reads_is_refused(way: str) -> None:
    """It would take the bytes from under the reader."""

    def main() -> Green[None]:
        with connected(way) as make:
            client, server = yield from make()
            reader = genlet.spawn(client.read_line)
            yield from turns()
            with pytest.raises(BusyResource):
                client.peek()
            yield from server.send_all(b"line\n")
            assert (yield from reader.wait()) == b"line\n"

    run(main)


@pytest.mark.parametrize("way", WAYS)
def test_peek_tells_of_a_reset(way: str) -> None:
    """What came before can be read."""

    def main() -> Green[None]:
        with connected(way) as make:
            client, server = yield from make()
            yield from server.send_all(b"last")
            assert (yield from seen(client)) == b"last"
            server.socket.setsockopt(real.SOL_SOCKET, real.SO_LINGER, struct.pack("ii", 1, 0))
            server.close()
            with pytest.raises(ConnectionResetError):
                yield from seen(client)
            assert (yield from client.read_exactly(4)) == b"last"

    run(main)


def test_a_stream_says_whether_it_is_secure_and_what_was_agreed_on() -> None:
    """TLS and ALPN are asked of the stream, whatever it stands on."""

    def main() -> Green[None]:
        left, right = client_context(), server_context()
        left.set_alpn_protocols(["h2", "http/1.1"])
        right.set_alpn_protocols(["http/1.1"])
        with tcp() as (client, server):
            assert (client.secure, client.alpn) == (False, None)
            secured, other = yield from genlet.gather(
                client.start_tls(left, server_hostname="localhost"),
                server.start_tls(right, server_side=True),
            )
            with secured, other:
                assert secured.secure
                assert other.secure
                assert secured.alpn == other.alpn == "http/1.1"
                yield from genlet.gather(secured.finish(), other.finish())
                assert not secured.secure

    run(main)


def test_a_class_of_contexts_that_wraps_in_its_own_way_is_asked_to() -> None:
    """A context that verifies more than OpenSSL does so in its ``wrap_bio``: nothing goes past it."""
    wrapped: List[str] = []

    class Careful(ssl.SSLContext):
        def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
            wrapped.append(kwargs["server_hostname"])
            return super().wrap_bio(*args, **kwargs)

    def main() -> Green[None]:
        left = client_context()
        left.__class__ = Careful
        with tcp() as (client, server):
            secured, other = yield from genlet.gather(
                client.start_tls(left, server_hostname="localhost"),
                server.start_tls(server_context(), server_side=True),
            )
            secured.close()
            other.close()
        assert wrapped == ["localhost"]

    run(main)
