"""The programs of docs/examples, run as their readers would run them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from errno import ECONNREFUSED
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Dict, Iterator, List

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "docs" / "examples"
SECONDS = 30.0  # for a program that hangs

SITE: Dict[str, bytes] = {
    "/": b'<a href="/a">a</a> <a href="b">b</a> <a href="http://elsewhere.invalid/">no</a>',
    "/a": b'<a href="/#top">home</a> <a href="/b">b</a> <a href="/c/d">d</a>',
    "/b": b'<a href="/missing">missing</a>',
    "/c/d": b'<a href="../a">a</a> <a href="e">e</a>',
    "/c/e": b"x" * 300_000,
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = SITE.get(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    """Serve SITE on the loopback interface; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = False  # closing waits for the requests
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def closed_port() -> int:
    """Return the number of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def start(example: str, *args: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / example), *args],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines(example: str, *args: str) -> List[str]:
    """Run *example* to its end, and return what it printed."""
    process = start(example, *args)
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert (err, process.returncode) == ("", 0)
    return out.splitlines()


@contextmanager
def serving(example: str, *args: str) -> Iterator[int]:
    """Run *example* as a server until the block ends; gives its port.  Ctrl-C must stop it."""
    process = start(example, *args)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().rsplit(" ", 1)[1])
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
        assert (out.split()[-1:], err, process.returncode) == (["stopped"], "", 0)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def conversation(port: int, data: bytes) -> bytes:
    """Send *data*, then nothing more, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as sock:

        def send() -> None:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)

        sender = Thread(target=send)
        sender.start()
        received = b""
        while True:
            chunk = sock.recv(65536)
            if not chunk:
                break
            received += chunk
        sender.join()
    return received


# ---- clients --------------------------------------------------------------------------------------


def test_web_crawler_prints_pages_in_the_order_given(site: str) -> None:
    """imap: results come in the order of the input."""
    urls = [site + path for path in ("/c/e", "/", "/b")]
    assert lines("web_crawler.py", *urls) == [
        f"got body from {url} of length {len(SITE[url[len(site) :]])}" for url in urls
    ]


def test_web_crawler_pile_prints_failures_in_their_place(site: str) -> None:
    """A pile: a page that cannot be had does not keep the others back."""
    printed = lines("web_crawler_pile.py", site + "/a", site + "/missing", site + "/b")
    assert printed[0] == f"got body from {site}/a of length {len(SITE['/a'])}"
    assert printed[1].startswith(f"failed: {site}/missing: ")
    assert printed[2] == f"got body from {site}/b of length {len(SITE['/b'])}"


@pytest.mark.parametrize("example", ["recursive_crawler.py", "producer_consumer.py"])
def test_crawler_sees_every_page_of_the_site_once(example: str, site: str) -> None:
    """It follows each link of the site once, leaves other sites alone, and comes to an end."""
    printed = lines(example, site + "/")
    fetched = [line.partition(" ")[2] for line in printed if line.startswith("fetching ")]
    assert sorted(fetched) == [site + path for path in sorted([*SITE, "/missing"])]
    assert [line for line in printed if line.startswith("failed: ")] == [
        f"failed: {site}/missing: [b'HTTP/1.0 404 Not Found']"
    ]
    assert printed[-1] == f"I saw {len(SITE) + 1} pages"


def test_connect_prints_an_answer_or_an_error_for_each_server(site: str) -> None:
    """A server that refuses does not keep the others back."""
    server, refusing = site[len("http://") :], f"127.0.0.1:{closed_port()}"
    printed = lines("connect.py", server, refusing, server)
    assert printed == [
        f"{server}: HTTP/1.0 200 OK",
        f"{refusing}: {os.strerror(ECONNREFUSED)}",
        f"{server}: HTTP/1.0 200 OK",
    ]


def test_fetch_prints_the_body(site: str) -> None:
    """The client that the crawlers share works alone too."""
    assert "\n".join(lines("fetch.py", site + "/b")).encode() == SITE["/b"]


# ---- servers --------------------------------------------------------------------------------------


def test_echo_server_sends_back_what_it_gets() -> None:
    """Several clients at once each get their own bytes back, however many."""
    data = os.urandom(300_000)
    with serving("echo_server.py", "0") as port:
        idle = socket.create_connection(("127.0.0.1", port), SECONDS)
        with idle:
            assert conversation(port, data) == data
            assert conversation(port, b"") == b""
            idle.sendall(b"still here")
            assert idle.recv(100) == b"still here"


def test_port_forwarder_carries_both_ways() -> None:
    """What goes in comes out at the other end, and the answer comes back."""
    data = os.urandom(300_000)
    with (
        serving("echo_server.py", "0") as echo,
        serving("port_forwarder.py", "0", f"127.0.0.1:{echo}") as port,
    ):
        assert conversation(port, data) == data
        assert conversation(port, b"again") == b"again"


def test_port_forwarder_to_nobody_hangs_up() -> None:
    """A client whose connection leads nowhere is not kept waiting, and the forwarder goes on."""
    with serving("port_forwarder.py", "0", f"127.0.0.1:{closed_port()}") as port:
        for _ in range(2):
            assert conversation(port, b"") == b""


# ---- all of them ----------------------------------------------------------------------------------


def test_every_example_is_short_and_says_what_it_is() -> None:
    """An example fits on a screen, and opens with a sentence."""
    for path in EXAMPLES.glob("*.py"):
        text = path.read_text("utf-8")
        assert len(text.splitlines()) < 60, path.name
        assert text.startswith('"""'), path.name


def test_http_crawler_fetches_each_page_once(site: str) -> None:
    """It keeps to its site, and says what every page was."""
    pytest.importorskip("h11")
    printed = lines("http_crawler.py", site + "/")
    sizes = {path: len(body) for path, body in SITE.items()}
    expected = [f"{site}{path}: 200, {size} bytes" for path, size in sizes.items()]
    assert sorted(printed) == sorted([*expected, f"{site}/missing: 404, 0 bytes"])


def test_websocket_chat_tells_everybody() -> None:
    """What one says, all see; the page is there."""
    pytest.importorskip("h11")
    pytest.importorskip("websockets")
    from genlet import Green, gather, run
    from genlet.http import get
    from genlet.websocket import connect

    with serving("websocket_chat.py", "0") as port:

        def main() -> Green[None]:
            url = f"ws://127.0.0.1:{port}/chat"
            with (yield from connect(url)) as one, (yield from connect(url)) as two:
                yield from one.send("hello")
                assert (yield from gather(one.recv(), two.recv())) == ("hello", "hello")
                yield from gather(one.close(), two.close())
            page = yield from get(f"http://127.0.0.1:{port}/")
            assert "<title>Chat</title>" in page.text

        run(main)
