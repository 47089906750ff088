"""The access log: what a line says, that none can be forged, and that it never blocks the server."""

from __future__ import annotations

import json as json_module
import logging
import threading
from typing import List

import pytest

from genlet import Green, run, sleep
from genlet.http import AccessLog, Exchange, Limits, Request, Response, Timeouts, Writer, log
from genlet.http.log import escaped, line
from genlet.net import connect

from .serving import GET, LAST, asked, serving
from .test_server import path


class Kept(logging.Handler):
    """Keeps records, and the threads that they came on."""

    def __init__(self) -> None:
        super().__init__()
        self.records: List[logging.LogRecord] = []
        self.threads: List[threading.Thread] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.threads.append(threading.current_thread())


def logger_for(handler: logging.Handler) -> logging.Logger:
    made = logging.Logger("access", logging.INFO)
    made.addHandler(handler)
    return made


def test_exchange_says_what_was_asked_and_answered() -> None:
    """A request has its line, its client, its status, its length and its time."""
    seen: List[Exchange] = []

    def client(port: int) -> Green[None]:
        yield from asked(
            port,
            GET % b"/one?a=b",
            b"POST /two HTTP/1.0\r\nUser-Agent: me\r\nReferer: r\r\nX-Request-ID: 7\r\n\r\n",
        )

    serving(path, client, access_log=seen.append)
    assert [one.request_line for one in seen] == ["GET /one?a=b HTTP/1.1", "POST /two HTTP/1.0"]
    assert [(one.client, one.status, one.length, one.cause) for one in seen] == [
        ("127.0.0.1", 200, 4, "")
    ] * 2
    assert (seen[1].user_agent, seen[1].referer, seen[1].request_id) == ("me", "r", "7")
    assert all(0 <= one.seconds < 10 for one in seen)


def test_exchange_that_went_wrong_says_why() -> None:
    """What was refused, failed, timed out or was left by its client has its line and its cause."""
    seen: List[Exchange] = []

    def handler(request: Request) -> Green[Response]:
        if request.path == "/read":
            yield from request.read()
        if request.path == "/error":
            raise ValueError

        def write(writer: Writer) -> Green[None]:
            while True:
                yield from writer.send(b"a" * 100000)

        return Response.stream(write)

    def client(port: int) -> Green[None]:
        post = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        yield from asked(port, LAST % b"/error")
        yield from asked(port, post % 101)
        yield from asked(port, b"BREW /tea HTTP/1.1\r\nHost: a\r\n\r\n")
        yield from asked(port, b"GET /" + b"a" * 300 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        yield from asked(port, post % 10)
        yield from asked(port, b"GET /half")
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/left")
            yield from stream.read_exactly(1000)
        while len(seen) < 7:
            yield from sleep(0.001)

    serving(
        handler,
        client,
        access_log=seen.append,
        on_error=lambda _request, _exc: None,
        limits=Limits(body=100, head=200),
        timeouts=Timeouts(head=0.1, body=0.1),
    )
    found = {(one.request_line[:12], one.status, one.cause) for one in seen}
    assert found == {
        ("GET /error H", 500, "error"),
        ("POST /read H", 413, "limit"),
        ("BREW /tea HT", 501, "refused"),
        ("GET /aaaaaaa", 414, "limit"),
        ("POST /read H", 408, "timeout"),
        ("GET /half", 408, "timeout"),
        ("GET /left HT", 200, "client gone"),
    }


def test_line_is_of_eventlets_format() -> None:
    """The default line has eventlet's shape; another format may name every field."""
    one = Exchange("1.2.3.4", "GET / HTTP/1.1", None, 200, 5, 0.25, "")
    one.at = 0.0
    text = line(one)
    assert text.startswith("1.2.3.4 - - [")
    assert text.endswith('] "GET / HTTP/1.1" 200 5 0.250000')
    form = "%(request_id)s %(user_agent)s %(referer)s %(cause)s"
    assert line(one, form) == "- - - -"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ('a"b', r"a\x22b"),
        ("a\\b", r"a\x5cb"),
        ("a\nb\r\x00\x1b[31m\x7f", r"a\x0ab\x0d\x00\x1b[31m\x7f"),
        ("é", r"\xc3\xa9"),
    ],
)
def test_line_escapes_what_a_client_controls(text: str, shown: str) -> None:
    """No line can be forged, and no terminal be spoken to."""
    assert escaped(text) == shown
    one = Exchange(text, text, None, 200, 0, 0.0, "")
    assert line(one).count("\n") == 0
    assert f'"{shown}"' in line(one)
    assert json_module.loads(log.json(one))["request_line"] == text
    assert "\n" not in log.json(one)


def test_logger_is_written_to_by_a_thread_and_loses_nothing() -> None:
    """Records come on a thread, in order, with the time of their exchange, all before the end."""
    kept = Kept()

    def client(port: int) -> Green[None]:
        for number in range(30):
            yield from asked(port, LAST % b"/%d" % number)
            if number == 10:
                yield from sleep(0.1)

    serving(path, client, access_log=logger_for(kept))
    lines = [record.getMessage() for record in kept.records]
    assert [text.split('"')[1] for text in lines] == [f"GET /{n} HTTP/1.1" for n in range(30)]
    assert kept.threads[0] is not threading.main_thread()
    exchange = kept.records[0].__dict__["exchange"]
    assert kept.records[0].created == exchange.at


def test_logger_that_blocks_does_not_block_the_server() -> None:
    """While a handler of logging waits, requests are answered."""
    go = threading.Event()
    begun = threading.Event()

    class Blocking(Kept):
        def emit(self, record: logging.LogRecord) -> None:
            begun.set()
            go.wait(20)
            super().emit(record)

    kept = Blocking()

    def client(port: int) -> Green[None]:
        yield from asked(port, LAST % b"/")
        while not begun.is_set():
            yield from sleep(0.001)
        assert (yield from asked(port, LAST % b"/a")).endswith(b"/a")
        assert kept.records == []
        go.set()

    serving(path, client, access_log=logger_for(kept))
    assert len(kept.records) == 2


def test_logger_that_does_not_keep_up_loses_lines_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond a number of exchanges the rest is dropped and counted: the memory is bounded."""
    monkeypatch.setattr(log, "MOST_WAITING", 5)
    kept = Kept()
    access = AccessLog(logger_for(kept))

    def main() -> Green[None]:
        for _ in range(8):
            access(Exchange("a", "b", None, 200, 0, 0.0, ""))
        access.close()
        yield from sleep(0)

    run(main)
    assert len(kept.records) == 6
    assert kept.records[-1].getMessage() == "3 lines of the access log were dropped"


def test_logger_whose_level_is_higher_keeps_nothing() -> None:
    """Without INFO nothing is kept, and no thread is started."""
    kept = Kept()
    quiet = logger_for(kept)
    quiet.setLevel(logging.WARNING)

    def client(port: int) -> Green[None]:
        yield from asked(port, LAST % b"/")

    serving(path, client, access_log=quiet)
    assert kept.records == []


def test_logger_takes_another_form() -> None:
    """`AccessLog` with `log.json` writes an object for each exchange."""
    kept = Kept()

    def client(port: int) -> Green[None]:
        yield from asked(port, LAST % b"/x")

    serving(path, client, access_log=AccessLog(logger_for(kept), log.json))
    assert json_module.loads(kept.records[0].getMessage())["status_code"] == 200
