"""The polite end of a stream loses nothing that was sent, over TLS as over TCP."""

from __future__ import annotations

import os
import socket as real
import ssl
from contextlib import contextmanager
from typing import Callable, Dict, Generator, Iterator, List, Optional, Tuple

import pytest

import genlet
from genlet import tpool
from genlet.abc import Green
from genlet.errors import BusyResource, ClosedResource
from genlet.kernel import available_hubs
from genlet.net import Stream, listen, serve
from tests.green.engines import engine as engine
from tests.net import run, tcp, turns
from tests.net.test_tls import client_context, server_context

Pair = Tuple[Stream, Stream]

WAYS: Dict[str, Optional[ssl.TLSVersion]] = {
    "TCP": None,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


@pytest.fixture(params=available_hubs(), autouse=True)
def hub(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test on each hub."""
    genlet.use_hub(request.param)
    yield request.param
    genlet.use_hub(None)


def contexts(way: str) -> Tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a client's and a server's."""
    server = server_context()
    version = WAYS[way]
    if version is not None:
        server.minimum_version = server.maximum_version = version
    return client_context(), server


@contextmanager
def connected(way: str) -> Generator[Callable[[], Green[Pair]], None, None]:
    """Give a call that returns a client's stream and a server's."""
    with tcp() as (client, server):
        streams: List[Stream] = []

        def make() -> Green[Pair]:
            if WAYS[way] is None:
                return client, server
            of_client, of_server = contexts(way)
            secured = yield from genlet.gather(
                client.start_tls(of_client, server_hostname="localhost"),
                server.start_tls(of_server, server_side=True),
            )
            streams.extend(secured)
            return secured

        try:
            yield make
        finally:
            for stream in streams:
                stream.close()


def upload(stream: Stream, size: int = 50_000_000) -> Green[None]:
    """Send and send, until that fails."""
    try:
        yield from stream.send_all(bytes(size))
    except OSError:
        pass


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [1, 280_000, 3_000_000])
def test_finish_delivers_an_answer_to_a_peer_that_goes_on_sending(way: str, size: int) -> None:
    """All of the answer arrives, and its end, although the request is not read."""
    answer = os.urandom(size)

    def main() -> Green[None]:
        with connected(way) as make:
            client, server = yield from make()
            sender = genlet.spawn(upload, client)
            assert (yield from server.receive(10))
            yield from server.send_all(answer)
            last = genlet.spawn(server.finish, 10)
            assert (yield from client.read_all()) == answer
            yield from sender.kill()
            client.close()
            yield from last.wait()

    run(main)


@pytest.mark.parametrize("way", WAYS)
def test_finish_delivers_a_request_to_a_server_that_goes_on_sending(way: str) -> None:
    """A client may leave in the middle of an answer, and what it said last is received."""
    request = os.urandom(3_000_000)

    def main() -> Green[None]:
        with connected(way) as make:
            client, server = yield from make()
            sender = genlet.spawn(upload, server)
            assert (yield from client.receive(10))

            def leave() -> Green[None]:
                yield from client.send_all(request)
                yield from client.finish(10)

            last = genlet.spawn(leave)
            assert (yield from server.read_all()) == request
            yield from sender.kill()
            server.close()
            yield from last.wait()

    run(main)


@pytest.mark.parametrize("way", WAYS)
def test_a_handler_that_returns_early_has_its_answer_delivered(way: str) -> None:
    """The goodbye of ``serve`` is the one of `finish`: the client need not end its upload first."""
    answer = b"413 " + os.urandom(280_000)

    def handler(stream: Stream) -> Green[None]:
        yield from stream.receive(10)
        yield from stream.send_all(answer)

    def client(port: int, context: Optional[ssl.SSLContext]) -> bytes:
        """Send without end, like a client that looks for an answer only now and then."""
        with real.create_connection(("127.0.0.1", port), 10) as plain:
            sock: real.socket = plain
            if context is not None:
                sock = context.wrap_socket(
                    plain, server_hostname="localhost", suppress_ragged_eofs=False
                )
            with sock:
                for _ in range(20):
                    sock.sendall(bytes(100_000))
                got = b""
                while chunk := sock.recv(65536):
                    got += chunk
                return got

    def main() -> Green[None]:
        of_client, of_server = contexts(way)
        secured = WAYS[way] is not None
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(
                lambda: serve(
                    handler, listeners, tls=of_server if secured else None, stopper=stopper
                )
            )
            call = tpool.execute(client, listeners.port, of_client if secured else None)
            assert (yield from call) == answer
            stopper.stop()
            yield from group.join()

    try:
        run(main)
    finally:
        tpool.killall()


@pytest.mark.parametrize("way", WAYS)
def test_finish_while_another_reads_is_refused_and_closes(way: str) -> None:
    """One rule, over TLS as over TCP: throwing away what the peer sends is not for two."""

    def main() -> Green[None]:
        with connected(way) as make:
            client, _ = yield from make()
            reader = genlet.spawn(client.read_line)
            yield from turns()
            with pytest.raises(BusyResource, match="two greenthreads"):
                yield from client.finish()
            with pytest.raises(ClosedResource):
                yield from reader.wait()

    run(main)


@pytest.mark.parametrize("way", WAYS)
def test_finish_waits_for_a_silent_peer_no_longer_than_it_lingers(way: str) -> None:
    """The peer has the end at once, and is left after that time."""

    def main() -> Green[None]:
        with connected(way) as make:
            client, server = yield from make()
            yield from server.finish(linger=0.01)
            assert (yield from client.receive()) == b""
            with pytest.raises(OSError, match="Bad file descriptor"):
                yield from server.receive()

    run(main)


@pytest.mark.parametrize("way", WAYS)
def test_finish_behind_a_full_send_buffer_is_bounded_by_its_linger(way: str) -> None:
    """A peer that reads nothing cannot hold it, and it does not spin."""

    def main() -> Green[None]:
        with connected(way) as make:
            client, server = yield from make()
            for stream in (client, server):
                stream.socket.setsockopt(real.SOL_SOCKET, real.SO_SNDBUF, 4096)
            with genlet.move_on_after(0.05):
                yield from server.send_all(bytes(20_000_000))
            with pytest.raises(BrokenPipeError, match="did not complete"):
                yield from server.finish(linger=0.05)

    run(main)


def test_finish_both_ways_at_once_ends_both() -> None:
    """Neither waits for the linger of the other."""

    def main() -> Green[None]:
        with connected("TLSv1.3") as make:
            client, server = yield from make()
            with genlet.fail_after(5):
                yield from genlet.gather(client.finish(60), server.finish(60))

    run(main)
