"""The client over TLS: whose certificates it takes, and what an end without a goodbye is."""

from __future__ import annotations

import ssl
from typing import Any, List

import pytest

from genlet import Green, gather, run, spawn
from genlet.http import Client, ConnectFailed, ReplyBroken
from genlet.net import Stream, connect, listen, serve
from tests.green.certificates import certificates

from .peers import against, answer, head, keeps


def server_context(which: str = "server") -> ssl.SSLContext:
    made = certificates()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.load_cert_chain(getattr(made, which), getattr(made, f"{which}_key"))
    return context


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates().authority)
    context.options &= ~0x80  # as the client's own: Python 3.9 takes every end for a goodbye
    return context


def test_connection_is_secured_and_kept() -> None:
    """Names and addresses are checked against the certificate."""

    def asked(client: Client, url: str) -> Green[None]:
        for place in (url, url, url.replace("127.0.0.1", "localhost")):
            assert (yield from client.get(place)).body == b"x"
        assert client.statistics().opened == 2

    against(asked, keeps(answer(b"x"), answer(b"x")), tls=server_context(), tls_client=trusting())


@pytest.mark.parametrize("which", ["elsewhere", "server"])
def test_wrong_certificate_is_refused(which: str) -> None:
    """One for another host, and one by an authority that nobody trusts; nothing is sent."""
    context = trusting() if which == "elsewhere" else None

    def asked(client: Client, url: str) -> Green[None]:
        with pytest.raises(ConnectFailed, match="certificate verify failed") as caught:
            yield from client.get(url)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        assert caught.value.phase == "connecting"

    against(asked, answer(b"x"), tls=server_context(which), tls_client=context)


def test_http_is_not_taken_for_tls() -> None:
    """A server that speaks plain HTTP on the port of https: an error, at once."""

    def asked(client: Client, url: str) -> Green[None]:
        with pytest.raises(ConnectFailed, match="TLS with"):
            yield from client.get(url.replace("http://", "https://"))

    def script(stream: Stream) -> Green[None]:
        yield from stream.receive()
        yield from stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    against(asked, script)


@pytest.mark.parametrize("polite", [True, False])
def test_answer_without_a_length_is_whole_only_with_a_goodbye(polite: bool) -> None:
    """An end that TLS does not announce may be an attacker's cut."""

    def script(stream: Stream) -> Green[None]:
        yield from head(stream)
        yield from stream.send_all(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        if polite:
            yield from stream.finish(0.05)
        else:
            stream.close()

    def asked(client: Client, url: str) -> Green[None]:
        if polite:
            assert (yield from client.get(url)).body == b"all of it"
        else:
            with pytest.raises(ReplyBroken):
                yield from client.get(url)

    against(asked, script, tls=server_context(), tls_client=trusting())


def test_https_goes_through_a_tunnel() -> None:
    """The proxy sees bytes; the certificate is the server's."""
    lines: List[bytes] = []

    def proxy(stream: Stream) -> Green[None]:
        line = (yield from stream.read_until(b"\r\n\r\n")).split(b"\r\n")[0]
        lines.append(line)
        host, _, port = line.split()[1].decode().rpartition(":")
        with (yield from connect(host, int(port))) as far:
            yield from stream.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            yield from gather(_copy(stream, far), _copy(far, stream))

    def main(listeners: Any) -> Green[None]:
        server = spawn(serve, proxy, listeners, drain=0, grace=0)
        through = f"http://127.0.0.1:{listeners.port}"

        def asked(_client: Client, url: str) -> Green[None]:
            with Client(proxy=through, tls=trusting()) as client:
                place = url.replace("127.0.0.1", "localhost")
                assert (yield from client.get(place)).body == b"x"
                assert (yield from client.get(place)).body == b"x"
                assert client.statistics().opened == 1
            places.append(place)

        from .peers import inside

        yield from inside(asked, keeps(answer(b"x"), answer(b"x")), tls=server_context())
        yield from server.kill()

    places: List[str] = []

    def begin() -> Green[None]:
        yield from main(listen("127.0.0.1", 0))

    run(begin)
    port = places[0].rpartition(":")[2].rstrip("/")
    assert lines == [f"CONNECT localhost:{port} HTTP/1.1".encode()]


def _copy(near: Stream, far: Stream) -> Green[None]:
    try:
        while data := (yield from near.receive()):
            yield from far.send_all(data)
        yield from far.send_eof()
    except OSError:
        pass
