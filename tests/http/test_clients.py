"""Programs that people use talk to the server: a browser, and wrk."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import List

import pytest

from genlet import Event, Green, Timeout
from genlet.green import subprocess as green_subprocess
from genlet.http import Events, HTTPError, Request, Response, Writer, event_stream

from .serving import serving

BROWSER = which("chromium") or which("chromium-headless-shell") or which("google-chrome")

PAGE = """<!doctype html><title>test</title><script>
async function main() {
    const told = {};
    const answer = await fetch("/data", {method: "POST", body: "é".repeat(50000)});
    told.data = await answer.json();
    const streamed = await fetch("/stream");
    let pieces = 0, size = 0;
    for (const reader = streamed.body.getReader(); ;) {
        const {done, value} = await reader.read();
        if (done) break;
        pieces += 1;
        size += value.length;
    }
    told.streamed = size;
    told.missing = (await fetch("/missing")).status;
    told.many = (await Promise.all([...Array(30).keys()].map(
        async (n) => (await fetch("/data?" + n, {method: "POST", body: "x".repeat(n)})).json()
    ))).reduce((a, b) => a + b, 0);
    told.broken = await fetch("/broken").then((r) => r.text()).then(() => "whole", () => "broken");
    told.events = await new Promise((done) => {
        const events = [], source = new EventSource("/events");
        source.addEventListener("tick", (event) => {
            events.push([event.data, event.lastEventId]);
            if (events.length == 3) { source.close(); done(events); }
        });
    });
    await fetch("/told", {method: "POST", body: JSON.stringify(told)});
}
main().catch((e) => fetch("/told", {method: "POST", body: JSON.stringify({failed: String(e)})}));
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_browser_fetches_and_hears_events(tmp_path: Path) -> None:
    """A page posts, reads streams, asks for much at once, sees a break, and follows events again."""
    told: List[object] = []
    heard: List[object] = []
    done: Event[None] = Event()

    def handler(request: Request) -> Green[Response]:
        if request.path == "/":
            return Response(PAGE, content_type="text/html; charset=utf-8")
        if request.path == "/data":
            return Response.json(len((yield from request.text())))
        if request.path == "/stream":
            return Response.stream(stream, content_type="application/octet-stream")
        if request.path == "/broken":
            return Response.stream(broken, content_type="text/plain")
        if request.path == "/events":
            heard.append(request.headers.get("Last-Event-ID"))
            return event_stream(tick)
        if request.path == "/told":
            told.append((yield from request.json()))
            done.send(None)
            return Response()
        return Response("there is nothing", 404)

    def stream(writer: Writer) -> Green[None]:
        for _ in range(100):
            yield from writer.send(b"x" * 10_000)

    def broken(writer: Writer) -> Green[None]:
        yield from writer.send(b"x" * 10_000)
        raise HTTPError(500, "it breaks off")

    def tick(events: Events) -> Green[None]:
        # It ends after two, and the browser comes again, behind the last that it has seen.
        first = len(heard) * 2 - 1
        for number in (first, first + 1):
            yield from events.send(f"tick\n{number}", event="tick", id=str(number), retry=10)

    def client(port: int) -> Green[None]:
        assert BROWSER is not None
        browser = subprocess.Popen(
            [
                *(BROWSER, "--headless", "--disable-gpu", "--no-sandbox", "--no-first-run"),
                *("--disable-background-networking", "--disable-dev-shm-usage"),
                *("--no-proxy-server", f"--user-data-dir={tmp_path}"),
                *("--remote-debugging-port=0", f"http://127.0.0.1:{port}/"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(tmp_path)},
        )
        try:
            with Timeout(60):
                yield from done.wait()
        finally:
            browser.kill()
            browser.wait()

    serving(handler, client, drain=1.0)
    assert json.dumps(told) == json.dumps(
        [
            {
                "data": 50_000,
                "streamed": 1_000_000,
                "missing": 404,
                "many": sum(range(30)),
                "broken": "broken",
                "events": [["tick\n1", "1"], ["tick\n2", "2"], ["tick\n3", "3"]],
            }
        ]
    )
    assert heard[:2] == [None, "2"]


@pytest.mark.slow
@pytest.mark.skipif(which("wrk") is None, reason="needs wrk")
@pytest.mark.parametrize("words", [(), ("-H", "Connection: close")])
def test_wrk_finds_no_error(words: List[str]) -> None:
    """Every request of many connections at once has its answer, on kept connections and on new ones."""

    def handler(request: Request) -> Response:
        return Response(request.path)

    def client(port: int) -> Green[None]:
        told = yield from green_subprocess.run(
            ["wrk", "-t1", "-c20", "-d1s", *words, f"http://127.0.0.1:{port}/x"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Socket errors" not in told.stdout
        assert "Non-2xx" not in told.stdout
        found = re.search(r"(\d+) requests in", told.stdout)
        assert found is not None
        assert int(found[1]) > 100

    serving(handler, client)
