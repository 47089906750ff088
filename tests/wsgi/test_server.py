"""``wsgi.server``: eventlet's arguments, and the behaviour that its tests know."""

from __future__ import annotations

import io
import logging
import os
import socket as plain
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

import genlet
from genlet import Green, GreenPool, Stopper, run, sleep, spawn, wsgi
from genlet.green import ssl as green_ssl
from genlet.http import TrustedProxies
from genlet.net import connect, connect_unix, listen
from tests.green.certificates import certificates

from .serving import answer_of, answered, asked, get, request
from .test_applications import PLAIN, hello


def served(app: Any, client: Any, sock: Any = None, **options: Any) -> str:
    """Run *client* with the port of `wsgi.server`, and return what it has logged."""
    log = options.setdefault("log", io.StringIO())
    stopper = options.setdefault("stopper", Stopper())

    def main() -> Green[None]:
        listening = genlet.listen(("127.0.0.1", 0)) if sock is None else sock
        address = listening.getsockname() if hasattr(listening, "getsockname") else None
        server = spawn(wsgi.server, listening, app, **options)
        try:
            yield from client(address[1] if isinstance(address, tuple) else address)
        finally:
            stopper.stop()
            yield from server.wait()

    run(main)
    return log.getvalue() if isinstance(log, io.StringIO) else ""


def one(data: bytes) -> Any:
    """Return a client that sends *data*, and the list in which it puts the answer."""
    found: List[Any] = []

    def client(port: int) -> Green[None]:
        found.append((yield from answered(port, data)))

    return client, found


# ---- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "advice"),
    [
        ({"protocol": object}, TypeError, "handler"),
        ({"server_event": object()}, TypeError, "stopper"),
        ({"max_http_version": "HTTP/1.0"}, ValueError, "keepalive=False"),
        ({"max_size": 0}, ValueError, "max_size"),
        ({"mode": "fast"}, ValueError, "mode"),
        ({"url_length_limit": 0}, ValueError, "url_length_limit"),
    ],
)
def test_argument_that_cannot_be_met_says_what_to_use(
    options: Dict[str, Any], error: Any, advice: str
) -> None:
    """What eventlet takes and this does not is refused at the call."""

    def main() -> Green[None]:
        with genlet.listen(("127.0.0.1", 0)) as sock, pytest.raises(error, match=advice):
            yield from wsgi.server(sock, hello, **options)

    run(main)


def test_every_kind_of_listening_socket_is_served() -> None:
    """A green socket, one of the standard library, a Listener, and several; all are closed at the end."""

    def main() -> Green[None]:
        kinds: List[Any] = [
            genlet.listen(("127.0.0.1", 0)),
            plain.create_server(("127.0.0.1", 0)),
            listen("127.0.0.1", 0)[0],
            [genlet.listen(("127.0.0.1", 0)), genlet.listen(("127.0.0.1", 0))],
        ]
        for kind in kinds:
            every = kind if isinstance(kind, list) else [kind]
            ports = [
                (one.address if hasattr(one, "address") else one.getsockname())[1] for one in every
            ]
            stopper = Stopper()
            server = spawn(wsgi.server, kind, hello, log_output=False, stopper=stopper)
            for port in ports:
                assert (yield from answered(port, get())).body == b"hello world"
            stopper.stop()
            yield from server.wait()
            for port in ports:
                with pytest.raises(OSError, match="refused"):
                    yield from connect("127.0.0.1", port)

    run(main)


@pytest.mark.parametrize("kind", ["green", "real"])
def test_wrapped_socket_serves_tls(kind: str) -> None:
    """A listening socket of wrap_ssl secures its connections; a client that speaks none ends nothing."""
    made = certificates()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.server, made.server_key)
    trusting = ssl.create_default_context(cafile=str(made.authority))

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", PLAIN)
        scheme = environ["wsgi.url_scheme"] + environ.get("HTTPS", "")
        return [scheme.encode() + environ["wsgi.input"].read(-1)]

    def main() -> Green[None]:
        if kind == "green":
            sock: Any = green_ssl.wrap_socket(
                genlet.listen(("127.0.0.1", 0)), context, server_side=True
            )
        else:
            sock = context.wrap_socket(plain.create_server(("127.0.0.1", 0)), server_side=True)
        port = sock.getsockname()[1]
        stopper = Stopper()
        server = spawn(wsgi.server, sock, app, log_output=False, stopper=stopper)
        with (yield from connect("127.0.0.1", port)) as other:
            yield from other.send_all(get())
            try:
                yield from other.read_all()
            except ConnectionResetError:
                pass
        with (yield from connect("127.0.0.1", port)) as silent:
            stream = yield from connect("127.0.0.1", port)
            stream = yield from stream.start_tls(trusting, server_hostname="localhost")
            with stream:
                yield from stream.send_all(request(body=b"abc"))
                assert (yield from answer_of(stream)).body == b"httpsonabc"
            silent.close()
        stopper.stop()
        yield from server.wait()

    run(main)


@pytest.mark.parametrize("keepalive", [False, 0])
def test_without_keepalive_every_answer_closes(keepalive: Any) -> None:
    """Also for a client of HTTP/1.0 that asks to keep the connection."""
    client, found = one(get("/", "Connection: keep-alive", version="1.0"))
    served(hello, client, keepalive=keepalive)
    assert found[0].headers["connection"] == "close"


def test_keepalive_in_seconds_closes_idle_connections() -> None:
    """A connection may be idle so long between two requests."""

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get())
            yield from answer_of(stream)
            assert (yield from stream.read_all()) == b""

    served(hello, client, keepalive=0.1)


def test_keepalive_of_an_old_client_is_told() -> None:
    """HTTP/1.0 with keep-alive lives on, unless the answer has no length."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return [b"never looks at its input"]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for _ in range(2):
                data = request(
                    "/", "Connection: keep-alive", version="1.0", body=b"GET / HTTP/1.0"
                )
                yield from stream.send_all(data)
                answer = yield from answer_of(stream)
                assert answer.headers["connection"] == "keep-alive"
                assert answer.body == b"never looks at its input"

    served(app, client)


def test_socket_timeout_bounds_each_wait_for_a_client() -> None:
    """Half a head is answered 408 when the time is over."""

    def client(port: int) -> Green[None]:
        data = yield from asked(port, b"GET / HTTP/1.1\r\n")
        assert data.startswith(b"HTTP/1.1 408 ")

    served(hello, client, socket_timeout=0.1)


def test_url_length_is_limited() -> None:
    """A target beyond the limit is 414, and the limit can be another."""
    client, found = one(get("/" + "path/" * 3000, version="1.0"))
    served(hello, client)
    served(hello, client, url_length_limit=20000)
    assert [answer.status for answer in found] == [414, 200]


def test_custom_pool_gives_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is the number of connections; nothing is spawned in it."""
    seen: Dict[str, Any] = {}
    module: Any = sys.modules["genlet.wsgi.server"]
    real = module.serve

    def watching(*args: Any, **options: Any) -> Any:
        seen.update(options)
        return real(*args, **options)

    monkeypatch.setattr(module, "serve", watching)
    client, found = one(get())
    served(hello, client, custom_pool=GreenPool(7))
    assert seen["max_connections"] == 7
    assert found[0].status == 200


# ---- the log --------------------------------------------------------------------------------------


def test_log_has_a_line_for_each_request_in_eventlets_format() -> None:
    """A file gets them, refused requests too."""

    def client(port: int) -> Green[None]:
        yield from answered(port, get("/yo!"))
        yield from asked(port, b"nonsense\r\n\r\n")

    lines = served(hello, client).splitlines()
    assert "wsgi starting up on" in lines[0]
    assert "127.0.0.1 - - [" in lines[1]
    assert '] "GET /yo! HTTP/1.1" 200 11 0.' in lines[1]
    assert " 400 " in lines[2]


def test_log_format_is_the_users() -> None:
    """With eventlet's names."""
    client, _ = one(get("/yo!"))
    text = served(hello, client, log_format="HI %(request_line)s HI")
    assert "\nHI GET /yo! HTTP/1.1 HI\n" in text


def test_log_may_be_a_logger_or_nothing(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Logger gets records at level INFO; without output nothing is written."""
    client, _ = one(get("/logged"))
    with caplog.at_level(logging.INFO):
        served(hello, client, log=logging.getLogger("mine"))
    mine = [record.getMessage() for record in caplog.records if record.name == "mine"]
    assert any('"GET /logged HTTP/1.1" 200 11' in text for text in mine)
    assert served(hello, client, log_output=False) == ""
    assert capsys.readouterr().err == ""
    served(hello, client, log=None)
    assert '"GET /logged HTTP/1.1" 200 11' in capsys.readouterr().err


def test_log_names_the_client_behind_a_trusted_proxy() -> None:
    """Who nobody trusts can write what it likes."""
    client, _ = one(get("/", "X-Forwarded-For: 1.2.3.4, 5.6.7.8"))
    proxy = TrustedProxies(["127.0.0.1"])
    assert "\n127.0.0.1 - -" in served(hello, client)
    assert "\n5.6.7.8 - -" in served(hello, client, trusted=proxy)
    assert "\n127.0.0.1 - -" in served(hello, client, trusted=proxy, log_x_forwarded_for=False)


def test_unix_socket_is_served_and_logged(tmp_path: Path) -> None:
    """Its client has no address: it is called unix."""
    path = str(tmp_path / "socket")
    found: List[Any] = []
    environs: List[Any] = []

    def app(environ: Any, start_response: Any) -> List[bytes]:
        environs.append(environ)
        return hello(environ, start_response)

    def main() -> Green[str]:
        log = io.StringIO()
        sock = genlet.listen(path, family=plain.AF_UNIX)
        stopper = Stopper()
        server = spawn(wsgi.server, sock, app, log=log, stopper=stopper)
        with (yield from connect_unix(path)) as stream:
            yield from stream.send_all(get())
            found.append((yield from answer_of(stream)))
        stopper.stop()
        yield from server.wait()
        return log.getvalue()

    text = run(main)
    assert found[0].status == 200
    assert "\nunix - -" in text
    assert path in text
    keys = ("SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT")
    assert [environs[0][key] for key in keys] == ["unix", "80", "unix", ""]


# ---- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True])
def test_error_closes_and_is_logged_and_only_debug_tells_the_client(debug: bool) -> None:
    """A traceback goes to the log; clients get it if they are to."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        raise RuntimeError("intentional crash")

    client, found = one(get())
    text = served(app, client, debug=debug)
    answer = found[0]
    assert answer.status == 500
    assert answer.headers["connection"] == "close"
    assert "transfer-encoding" not in answer.headers
    assert (b"RuntimeError: intentional crash" in answer.body) is debug
    assert bool(answer.body) is debug
    assert "RuntimeError: intentional crash" in text
    assert "Traceback" in text


def test_error_behind_the_head_ends_the_chunks() -> None:
    """An application that reports an error through start_response breaks the answer off."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b"The dwarves of yore"
        try:
            raise ZeroDivisionError("x")
        except ZeroDivisionError:
            start_response("500 Error", PLAIN, sys.exc_info())
            return

    def client(port: int) -> Green[None]:
        data = yield from asked(port, get())
        assert not data.endswith(b"0\r\n\r\n")

    assert "ZeroDivisionError" in served(app, client)


# ---- eventlet's entries of the environ, and headers -----------------------------------------------


def test_headers_raw_has_every_header_as_it_came() -> None:
    """In their order and case, also those that the environ leaves out."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", PLAIN)
        return ["\n".join("{}: {}".format(*field) for field in environ["headers_raw"]).encode()]

    client, found = one(get("/", "x-ANY_k: one", "x-ANY_k: two"))
    served(app, client)
    assert found[0].body == b"Host: localhost\nx-ANY_k: one\nx-ANY_k: two"


@pytest.mark.parametrize("mode", ["threads", "inline", "green"])
def test_posthooks_are_called_behind_the_answer(mode: Any) -> None:
    """With the environ and their arguments, also if the client has left; one may fail."""
    called: List[Any] = []

    def hook(environ: Any, *args: Any, **kwargs: Any) -> None:
        called.append((environ["local.test"], args, kwargs))

    def failing(environ: Any) -> None:
        raise ValueError("a hook")

    def app(environ: Any, start_response: Any) -> List[bytes]:
        environ["local.test"] = "here"
        environ["eventlet.posthooks"] += [
            (failing, (), {}),
            (hook, (2,), {"multiplier": 3}),
            (hook, (), {}),
        ]
        return hello(environ, start_response)

    client, _ = one(get())
    served(app, client, mode=mode)
    assert called == [("here", (2,), {"multiplier": 3}), ("here", (), {})]


@pytest.mark.parametrize(("capitalize", "name"), [(True, "Some-Weird"), (False, "sOMe-WEirD")])
def test_header_names_are_capitalized_on_demand(capitalize: bool, name: str) -> None:
    """Their values stay as they are."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 oK", [("sOMe-WEirD", "cAsE")])
        return [b""]

    def client(port: int) -> Green[None]:
        data = yield from asked(port, get("/", "Connection: close"))
        assert f"\r\n{name}: cAsE\r\n".encode() in data

    served(app, client, capitalize_response_headers=capitalize)


def test_environ_is_each_requests_own() -> None:
    """What an application does to it reaches no other request."""

    def app(environ: Any, start_response: Any) -> List[bytes]:
        start_response("200 OK", PLAIN)
        seen = environ.get("mark", "none")
        for key in list(environ):
            if key not in ("eventlet.posthooks",):
                environ[key] = "clobbered"
        environ["mark"] = "seen"
        return [seen.encode()]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for _ in range(3):
                yield from stream.send_all(get())
                assert (yield from answer_of(stream)).body == b"none"

    served(app, client)


# ---- the end --------------------------------------------------------------------------------------


def test_killed_server_ends_its_connections() -> None:
    """A kill ends idle connections at once, and the socket is closed."""

    def main() -> Green[None]:
        sock = genlet.listen(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        server = spawn(wsgi.server, sock, hello, log_output=False)
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(get())
            yield from answer_of(stream)
            server.kill_soon()
            assert (yield from stream.read_all()) == b""
        while not server.dead:
            yield from sleep(0.001)
        with pytest.raises(OSError, match="refused"):
            yield from connect("127.0.0.1", port)

    run(main)


def test_request_in_flight_is_finished_after_a_stop() -> None:
    """Idle connections go, the one at work is answered."""
    stopper = Stopper()

    def app(environ: Any, start_response: Any) -> List[bytes]:
        data = environ["wsgi.input"].read(-1)
        start_response("200 OK", PLAIN)
        return [data]

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(request("/", "Content-Length: 3"))
            yield from sleep(0.05)
            stopper.stop()
            yield from sleep(0.05)
            yield from stream.send_all(b"abc")
            answer = yield from answer_of(stream)
            assert (answer.body, answer.headers["connection"]) == (b"abc", "close")

    served(app, client, stopper=stopper)


def test_nothing_of_wsgi_is_imported_by_genlet() -> None:
    """The core stays without the extra."""
    code = "import genlet, sys; print([m for m in sys.modules if 'wsgi' in m or 'http' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, cwd=os.getcwd()
    )
    assert done.stdout.strip() == b"[]"
