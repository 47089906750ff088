"""TLS over streams: connecting, serving, upgrading, and the ends."""

from __future__ import annotations

import shutil
import socket as real
import ssl
import subprocess
from time import monotonic
from typing import List

import pytest

import genlet
from genlet import tpool
from genlet.abc import Green
from genlet.errors import ClosedResource
from genlet.green.ssl import SSLSocket
from genlet.net import ContextSource, Stream, connect, listen, serve
from genlet.testing import cancel_everywhere
from tests.green.certificates import certificates
from tests.green.engines import engine as engine
from tests.net import How, run, tcp, turns


def server_context() -> ssl.SSLContext:
    made = certificates()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.server, made.server_key)
    return context


def client_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates().authority)


def echo(stream: Stream) -> Green[None]:
    while line := (yield from stream.read_line(1 << 20)):
        yield from stream.send_all(line)


def test_connect_and_serve_speak_tls() -> None:
    """Lines, and more than a record; both ends finish."""
    line = b"x" * 300_000 + b"\n"

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, echo, listeners, tls=server_context(), stopper=stopper)
            call = connect("127.0.0.1", listeners.port, tls=client_context())
            with (yield from call) as stream:
                yield from stream.send_all(line, b"short\n")
                assert (yield from stream.read_line(1 << 20)) == line
                assert (yield from stream.read_line()) == b"short\n"
                yield from stream.finish()
            stopper.stop()
            yield from group.join()

    run(main)


def test_a_certificate_of_another_name_is_refused() -> None:
    """server_hostname says whom it must name; the connection is closed."""

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, echo, listeners, tls=server_context(), stopper=stopper)
            with pytest.raises(ssl.SSLCertVerificationError):
                yield from connect(
                    "127.0.0.1",
                    listeners.port,
                    tls=client_context(),
                    server_hostname="elsewhere.example",
                )
            with pytest.raises(ssl.SSLCertVerificationError):
                yield from connect("127.0.0.1", listeners.port, tls=True)  # nobody knows the CA
            stopper.stop()
            yield from group.join()

    run(main)


def test_a_silent_client_holds_its_slot_no_longer_than_the_timeout() -> None:
    """The one who waits behind it is served then; nothing is reported."""

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(
                lambda: serve(
                    echo,
                    listeners,
                    tls=server_context(),
                    limit=1,
                    handshake_timeout=0.05,
                    stopper=stopper,
                )
            )
            begun = monotonic()
            with (yield from connect("127.0.0.1", listeners.port)) as silent:
                call = connect("127.0.0.1", listeners.port, tls=client_context())
                with (yield from call) as stream:
                    yield from stream.send_all(b"x\n")
                    assert (yield from stream.read_line()) == b"x\n"
                    yield from stream.finish()
                assert monotonic() - begun < 5
                assert (yield from silent.receive()) == b""
            stopper.stop()
            yield from group.join()

    run(main)


def test_a_client_that_speaks_no_tls_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    """Its handler never begins, and no error is reported for what is a client's mistake."""

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, echo, listeners, tls=server_context(), stopper=stopper)
            with (yield from connect("127.0.0.1", listeners.port)) as stream:
                yield from stream.send_all(b"GET / HTTP/1.0\r\n\r\n")
                try:
                    assert b"HTTP" not in (yield from stream.read_all())
                except ConnectionResetError:
                    pass
            stopper.stop()
            yield from group.join()

    run(main)
    assert capsys.readouterr().err == ""


# ---- renewed certificates -------------------------------------------------------------------------


def shown(stream: Stream) -> bytes:
    """Return the certificate that the peer has shown."""
    sock = stream.socket
    assert isinstance(sock, SSLSocket)
    found = sock.getpeercert(True)
    assert found is not None
    return found


def test_a_reloaded_certificate_is_shown_to_those_who_come_later() -> None:
    """Nothing restarts: the connection that exists goes on; a reload that fails changes nothing."""
    made = certificates()
    files = [(made.server, made.server_key)]

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files[-1])
        return context

    trusting = client_context()
    trusting.check_hostname = False

    def ask(stream: Stream) -> Green[None]:
        yield from stream.send_all(b"x\n")
        assert (yield from stream.read_line()) == b"x\n"

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        source = ContextSource(make)
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(lambda: serve(echo, listeners, tls=source, stopper=stopper))

            def call() -> Green[Stream]:
                return connect("127.0.0.1", listeners.port, tls=trusting)

            with (yield from call()) as first:
                yield from ask(first)
                files.append((made.elsewhere, made.elsewhere_key))
                source.reload()
                with (yield from call()) as second:
                    yield from ask(second)
                    yield from ask(first)
                    assert shown(first) != shown(second)
                    files.append((made.server, made.elsewhere_key))  # they do not match
                    with pytest.raises(ssl.SSLError, match=r"(?i)mismatch"):
                        source.reload()
                    with (yield from call()) as third:
                        yield from ask(third)
                        assert shown(third) == shown(second)
                        yield from third.finish()
                    yield from second.finish()
                yield from first.finish()
            stopper.stop()
            yield from group.join()

    run(main)


def test_a_source_of_contexts_that_fails_is_reported_and_costs_one_connection() -> None:
    """The server goes on."""
    errors: List[BaseException] = []

    def source() -> ssl.SSLContext:
        if not errors:
            raise FileNotFoundError("server.pem")
        return server_context()

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(
                lambda: serve(
                    echo,
                    listeners,
                    tls=source,
                    stopper=stopper,
                    on_error=lambda _, exc: errors.append(exc),
                )
            )
            call = connect("127.0.0.1", listeners.port, tls=client_context())
            with pytest.raises(OSError, match=r"(?i)eof|reset"):
                yield from call
            assert [type(one) for one in errors] == [FileNotFoundError]
            call = connect("127.0.0.1", listeners.port, tls=client_context())
            with (yield from call) as stream:
                yield from stream.finish()
            stopper.stop()
            yield from group.join()

    run(main)


# ---- upgrading ------------------------------------------------------------------------------------


def test_start_tls_goes_on_as_another_stream() -> None:
    """In the middle of a conversation; the plain one is spent."""

    def main() -> Green[None]:
        with tcp() as (client, server):

            def serving() -> Green[None]:
                assert (yield from server.read_line()) == b"STARTTLS\n"
                yield from server.send_all(b"go ahead\n")
                with (yield from server.start_tls(server_context(), server_side=True)) as secured:
                    yield from echo(secured)
                    yield from secured.finish()

            with genlet.TaskGroup() as group:
                group.spawn(serving)
                yield from client.send_all(b"STARTTLS\n")
                assert (yield from client.read_line()) == b"go ahead\n"
                upgrading = client.start_tls(client_context(), server_hostname="localhost")
                with (yield from upgrading) as secured:
                    assert secured.peer == client.peer
                    yield from secured.send_all(b"secret\n")
                    assert (yield from secured.read_line()) == b"secret\n"
                    with pytest.raises(ClosedResource, match="the stream that start_tls returned"):
                        yield from client.send_all(b"in clear")
                    with pytest.raises(OSError, match="TLS cannot end on one side only"):
                        yield from secured.send_eof()
                    yield from secured.finish()
                yield from group.join()

    run(main)


def test_start_tls_refuses_what_came_in_plain_text_before() -> None:
    """Injected commands would pass for secured ones."""

    def main() -> Green[None]:
        with tcp() as (client, server):
            yield from client.send_all(b"STARTTLS\nMAIL FROM:<mallory>\n")
            assert (yield from server.read_line()) == b"STARTTLS\n"
            with pytest.raises(
                RuntimeError, match="20 bytes came in plain text after the request"
            ):
                yield from server.start_tls(server_context(), server_side=True)

    run(main)


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_start_tls_interrupted_anywhere_closes(how: How) -> None:
    """No descriptor is left, which is seen after the test."""

    def attempt() -> Green[None]:
        with tcp() as (client, server):

            def serving() -> Green[None]:
                try:
                    with (yield from server.start_tls(server_context(), server_side=True)) as one:
                        yield from one.finish(linger=0.1)
                except OSError:
                    pass  # the client has gone

            with genlet.TaskGroup() as group:
                group.spawn(serving)
                call = client.start_tls(client_context(), server_hostname="localhost")
                with (yield from call) as secured:
                    yield from secured.finish(linger=0.1)
                yield from group.join()

    assert cancel_everywhere(attempt, how=how) > 1


# ---- the end --------------------------------------------------------------------------------------


def test_finish_says_goodbye_in_tls() -> None:
    """A client that takes an end without it for an attack sees none."""
    ends: List[bytes] = []

    def client(port: int) -> None:
        with real.create_connection(("127.0.0.1", port), 10) as sock:
            context = client_context()
            with context.wrap_socket(
                sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False
            ) as secured:
                secured.sendall(b"x\n")
                while chunk := secured.recv(100):
                    ends.append(chunk)
                ends.append(b"")

    def handler(stream: Stream) -> Green[None]:
        yield from stream.send_all((yield from stream.read_line()))

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, tls=server_context(), stopper=stopper)
            yield from tpool.execute(client, listeners.port)
            stopper.stop()
            yield from group.join()

    try:
        run(main)
    finally:
        tpool.killall()
    assert ends == [b"x\n", b""]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_speaks_tls_with_it() -> None:
    """With verification, to a handler of a few lines."""

    def handler(stream: Stream) -> Green[None]:
        yield from stream.read_until(b"\r\n\r\n")
        yield from stream.send_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"secured")

    def main() -> Green[str]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, tls=server_context(), stopper=stopper)
            command = ["curl", "-s", "--max-time", "10", "--cacert", certificates().authority]
            out = yield from tpool.execute(
                subprocess.check_output,
                [*command, f"https://127.0.0.1:{listeners.port}/"],
                text=True,
            )
            yield from turns()
            stopper.stop()
            yield from group.join()
        return str(out)

    try:
        assert run(main) == "secured"
    finally:
        tpool.killall()
