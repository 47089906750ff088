"""The client against servers that others have written: Python's, nginx, aiohttp."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from genlet import END, Green, gather, run
from genlet.http import Client

from .test_client import Pieces

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin")
TEXT = b"a line of text\n" * 5000


class Plain(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/there")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/old":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(TEXT)
            return
        body = gzip.compress(TEXT) if self.path == "/gzip" else self.path.encode()
        self.send_response(200)
        if self.path == "/gzip":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  the library asks for it

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def python_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Plain) as server:
        server.daemon_threads = False  # closing waits for them
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_http_server_of_python_is_asked() -> None:
    """Kept connections, HEAD, POST with 100-continue, redirects, gzip, and an end by closing."""

    def main(url: str) -> Green[None]:
        with Client(base_url=url, limit_per_host=3) as client:  # its backlog is 5
            for number in range(5):
                assert (yield from client.get(f"/{number}")).text == f"/{number}"
            assert client.statistics().opened == 1
            head = yield from client.head("/1234")
            assert (head.headers["Content-Length"], head.body) == ("5", b"")
            reply = yield from client.post("/", body=TEXT * 20, headers={"Expect": "100-continue"})
            assert (reply.status, reply.body) == (201, TEXT * 20)
            assert (yield from client.get("/moved", redirects=1)).text == "/there"
            assert (yield from client.get("/gzip")).body == TEXT
            assert (yield from client.get("/old")).body == TEXT
            yield from gather(*[client.get(f"/{number}") for number in range(30)])

    with python_server() as url:
        run(main, url)


CONF = """
{user} daemon off; pid {folder}/pid; error_log {folder}/error.log warn; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; gzip on; gzip_types text/plain; gzip_min_length 1; default_type text/plain;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    keepalive_requests 10; keepalive_timeout 5;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        location /moved {{ return 301 /text; }}
        location /small {{ client_max_body_size 1k; proxy_pass http://127.0.0.1:9; }}
        location /empty {{ return 204; }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    assert NGINX is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "files").mkdir()
    (folder / "files" / "text").write_bytes(TEXT)
    import os

    user = "user root;" if os.getuid() == 0 else ""  # whose folder it is
    (folder / "conf").write_text(CONF.format(folder=folder, port=port, user=user))
    process = subprocess.Popen([NGINX, "-c", str(folder / "conf"), "-p", str(folder)])
    try:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_nginx_is_asked(tmp_path: Path) -> None:
    """It ends connections after ten requests, compresses in chunks, and refuses long bodies at once."""

    def main(url: str) -> Green[None]:
        with Client(base_url=url, limit_per_host=4) as client:
            for _ in range(25):
                assert (yield from client.get("/text")).body == TEXT
            assert client.statistics().opened == 3
            plain = yield from client.get("/text", headers={"Range": "bytes=0-5"})
            assert (plain.status, plain.body) == (206, TEXT[:6])
            assert (yield from client.get("/moved", redirects=1)).body == TEXT
            assert (yield from client.get("/empty")).status == 204
            assert (yield from client.get("/missing")).status == 404
            for body in (b"x" * (8 << 20), Pieces(*[b"x" * 65536] * 128)):
                reply = yield from client.post("/small", body=body)
                assert reply.status == 413
            with (yield from client.stream("GET", "/text")) as streamed:
                size = 0
                while (piece := (yield from streamed.next())) is not END:
                    size += len(piece)
                assert size == len(TEXT)
            replies = yield from gather(*[client.get("/text") for _ in range(100)])
            assert all(reply.body == TEXT for reply in replies)

    with nginx(tmp_path) as url:
        run(main, url)


def test_aiohttp_is_asked() -> None:
    """Chunked answers and chunked requests, both ways."""
    web: Any = pytest.importorskip("aiohttp.web")
    ports: List[int] = []
    ready, over = threading.Event(), threading.Event()

    def serves() -> None:
        async def echo(request: Any) -> Any:
            response = web.StreamResponse()
            response.enable_chunked_encoding()
            await response.prepare(request)
            async for piece in request.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response

        async def main() -> None:
            app = web.Application()
            app.router.add_post("/", echo)
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            ports.append(runner.addresses[0][1])
            ready.set()
            while not over.is_set():
                await asyncio.sleep(0.01)
            await runner.cleanup()

        asyncio.run(main())

    def main() -> Green[None]:
        with Client(base_url=f"http://127.0.0.1:{ports[0]}") as client:
            for _ in range(3):
                reply = yield from client.post("/", body=Pieces(*[b"x" * 50_000] * 20))
                assert reply.body == b"x" * 1_000_000
            assert client.statistics().opened == 1

    thread = threading.Thread(target=serves)
    thread.start()
    try:
        assert ready.wait(10)
        run(main)
    finally:
        over.set()
        thread.join()
