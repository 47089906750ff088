"""A server behind nginx, configured as docs/http.md says."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import pytest

from .test_running import curl, ends, line_of, program

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin")
PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "http.md"

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx")

AROUND = """
{user} daemon off; pid {folder}/pid; error_log {folder}/error.log warn; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {page}
}}
"""

SERVER = """
import sys
from genlet import http, prefork
from genlet.net import listen_unix

def handler(request):
    body = yield from request.read()
    with open(sys.argv[2], "a") as seen:
        seen.write(request.target + "\\n")
    return http.Response.json([request.client, request.scheme, request.host, len(body)])

def main(stopper):
    trusted = http.TrustedProxies(["unix"])
    yield from http.serve(handler, listener, trusted=trusted, stopper=stopper)

listener = listen_unix(sys.argv[1])
print("ready", flush=True)
status = prefork.run(main, {workers})
listener.close()
sys.exit(status)
"""

Start = Callable[..., "Behind"]


class Behind:
    """A server behind nginx, which listens on `port`."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        found = re.search(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.S)
        assert found is not None
        page = found[1]
        for said, here in (
            ("unix:/run/app/socket", f"unix:{folder}/app"),
            ("listen 443 ssl", f"listen 127.0.0.1:{self.port}"),
        ):
            assert said in page
            page = page.replace(said, here)
        user = "user root;" if os.getuid() == 0 else ""  # whose folder it is
        (folder / "conf").write_text(AROUND.format(folder=folder, page=page, user=user))
        self.running = program(
            "-c", SERVER.format(workers=workers), str(folder / "app"), str(folder / "seen")
        )
        self.server = self.running.__enter__()
        assert line_of(self.server) == "ready"
        assert NGINX is not None
        self.nginx = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "conf")])
        while self.nginx.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            select.select([], [], [], 0.01)

    @property
    def seen(self) -> List[str]:
        """The targets of the requests that the server had."""
        path = self.folder / "seen"
        return path.read_text().split() if path.exists() else []

    def end(self) -> None:
        """End both; neither has had anything to complain of."""
        self.nginx.send_signal(signal.SIGQUIT)
        assert self.nginx.wait(20) == 0
        self.server.send_signal(signal.SIGTERM)
        assert ends(self.server)[1:] == ("", 0)
        assert (self.folder / "error.log").read_text() == ""

    def kill(self) -> None:
        if self.nginx.poll() is None:
            self.nginx.send_signal(signal.SIGTERM)
            self.nginx.wait()
        self.running.__exit__(None, None, None)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    begun: List[Behind] = []

    def begin(workers: int = 1) -> Behind:
        begun.append(Behind(tmp_path, workers))
        return begun[-1]

    yield begin
    for one in begun:
        one.kill()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_server_behind_nginx_knows_the_client(start: Start) -> None:
    """A request says who asks, by what and for which host; what the client claims of it does not count."""
    behind = start()
    for size in (0, 5, 90000):
        told = curl(
            *("--noproxy", "*", "-H", "X-Forwarded-For: 6.6.6.6", "-H", "Host: site.example"),
            *("-H", "Transfer-Encoding: chunked", "--data-binary", "x" * size),
            f"http://127.0.0.1:{behind.port}/x",
        )
        assert told == f'["127.0.0.1","http","site.example",{size}]'
    behind.end()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
def test_nginx_has_no_complaint_under_load_and_over_reloads(start: Start) -> None:
    """Every request has a 200, and nginx logs no error, while it and the workers are replaced."""
    behind = start(workers=2)
    load = subprocess.Popen(
        ["wrk", "-t1", "-c16", "-d4s", f"http://127.0.0.1:{behind.port}/"],
        stdout=subprocess.PIPE,
        text=True,
    )
    for process in (behind.server, behind.nginx, behind.server):
        select.select([], [], [], 0.8)
        process.send_signal(signal.SIGHUP)
    told = load.communicate(timeout=30)[0]
    assert "Non-2xx" not in told
    found = re.search(r"(\d+) requests in", told)
    assert found is not None
    assert int(found[1]) > 100
    behind.end()


GET = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a.last\r\nConnection: close\r\n\r\n"
CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(GET), GET)
HEAD = b"POST /first HTTP/1.1\r\nHost: a\r\n"
SMUGGLED: Dict[str, bytes] = {
    "length and chunks": HEAD
    + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s" % (5 + len(GET), GET),
    "chunks and length": HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    % (len(GET), GET),
    "chunked folded": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + GET,
    "chunked folded beside a length": HEAD
    + b"Content-Length: %d\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n%s"
    % (5 + len(GET), GET),
    "length folded": HEAD + b"Content-Length:\r\n %d\r\n\r\n%s" % (len(GET), GET),
    "field of another continued": HEAD
    + b"X: a\r\n Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s" % (len(GET), GET),
    "length in a bare line": HEAD + b"X: a\nContent-Length: %d\r\n\r\n%s" % (len(GET), GET),
    "length in a line of CR": HEAD + b"X: a\rContent-Length: %d\r\n\r\n%s" % (len(GET), GET),
    "head ended by bare lines": b"POST /first HTTP/1.1\nHost: a\nContent-Length: %d\n\n%s"
    % (len(GET), GET),
    "two lengths": HEAD
    + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s" % (len(GET), GET),
    "the same length twice": HEAD
    + b"Content-Length: %d\r\nContent-Length: %d\r\n\r\n%s" % (len(GET), len(GET), GET),
    "length in a list": HEAD + b"Content-Length: %d, %d\r\n\r\n%s" % (len(GET), len(GET), GET),
    "length with a sign": HEAD + b"Content-Length: +%d\r\n\r\n%s" % (len(GET), GET),
    "length with a blank": HEAD + b"Content-Length : %d\r\n\r\n%s" % (len(GET), GET),
    "length with NUL": HEAD + b"Content-Length: %d\0\r\n\r\n%s" % (len(GET), GET),
    "chunk with an extension": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(GET), GET),
    "extension with a bare line": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n%x;a\n%s\r\n0\r\n\r\n" % (len(GET), GET),
    "extension that is a head": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(GET), GET),
    "chunk lines of bare LF": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n%x\n%s\n0\n\n" % (len(GET), GET),
    "size with a prefix": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n0x%x\r\n%s\r\n0\r\n\r\n" % (len(GET), GET),
    "size of many digits": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n%s%x\r\n%s\r\n0\r\n\r\n" % (b"0" * 20, len(GET), GET),
    "request among the trailers": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n%s" % GET.replace(b"\r\nHost", b"\nHost"),
    "chunked twice": HEAD
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK,
    "chunked and identity": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNK,
    "chunked with VT": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNK,
    "chunked with a blank": HEAD + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNK,
    "chunks of 1.0": HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK,
    "upgrade with a body": HEAD
    + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"
    + b"\r\nContent-Length: %d\r\n\r\n%s" % (len(GET), GET),
    "length that Connection names": HEAD
    + b"Connection: Content-Length\r\nContent-Length: %d\r\n\r\n%s" % (len(GET), GET),
    "length under another name": HEAD
    + b"Content_Length: 0\r\nContent-Length: %d\r\n\r\n%s" % (len(GET), GET),
    "continue": HEAD
    + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n%s" % (len(GET), GET),
    "body of GET": b"GET /first HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
    % (len(GET), GET),
    "target that is two": b"GET /first HTTP/1.1\r\nHost: a HTTP/1.1\r\nX: y\r\n\r\n",
    "target with a line": b"GET /first%0d%0aX:%20y HTTP/1.1\r\nHost: a\r\n\r\n",
}  # fmt: skip


@pytest.mark.slow
def test_nothing_is_smuggled_through_nginx(start: Start) -> None:
    """The server sees only requests that nginx saw: what is unclear to either ends the connection."""
    behind = start()
    for what, data in SMUGGLED.items():
        before = len(behind.seen)
        with socket.create_connection(("127.0.0.1", behind.port), 5) as client:
            client.sendall(data + LAST)
            answers = b""
            try:
                while more := client.recv(65536):
                    answers += more
            except (TimeoutError, ConnectionError):
                pass  # what came is no whole message to nginx, or it has refused it
        targets = re.findall(rb'"http","a(?:\.last)?",(\d+)', answers)
        # Each request that the server saw is one that nginx knows of, and has answered.
        assert len(behind.seen) - before == len(targets), what
    # The connections to the server are in step: the next client has its own answer.
    with socket.create_connection(("127.0.0.1", behind.port), 20) as client:
        client.sendall(LAST)
        assert b"200 OK" in client.recv(65536)
    assert behind.seen[-1] == "/last"
    assert "/smuggled" not in behind.seen
