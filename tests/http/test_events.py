"""Server-sent events: how they are written, and when a stream of them ends."""

from __future__ import annotations

from time import monotonic
from typing import List, Optional

import pytest

from genlet import Event, Green, Stopper, gather, sleep
from genlet.http import Events, Request, Response, ResponseError, Timeouts, event_stream
from genlet.http.events import formatted
from genlet.net import connect

from .serving import GET, asked, serving


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (formatted("a"), "data: a\n\n"),
        (formatted(""), "data: \n\n"),
        (formatted("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (formatted("a\n"), "data: a\ndata: \n\n"),
        (formatted("a\u2028b\x0bc"), "data: a\u2028b\x0bc\n\n"),
        (formatted("a", "news", "7", 1.5), "event: news\nid: 7\nretry: 1500\ndata: a\n\n"),
    ],
)
def test_event_is_split_into_lines(text: str, sent: str) -> None:
    """Each line of the data has its field; other characters than CR and LF end no line."""
    assert text == sent


@pytest.mark.parametrize(
    ("event", "id"), [("a\nb", None), ("a\r", None), (None, "a\nb"), (None, "a\0")]
)
def test_event_with_a_line_end_in_a_field_is_refused(
    event: Optional[str], id: Optional[str]
) -> None:
    """A field that would become two is an error of the handler's."""
    with pytest.raises(ResponseError):
        formatted("a", event, id)


def test_stream_of_events_arrives_as_it_is_sent() -> None:
    """Each event leaves at once; the answer is not to be kept by anybody on the way."""
    go: Event[None] = Event()

    def send(events: Events) -> Green[None]:
        yield from events.send("one", id="1")
        yield from go.wait()
        yield from events.send("two")

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/")
            head = yield from stream.read_until(b"\r\n\r\n")
            assert b"\r\nContent-Type: text/event-stream; charset=utf-8\r\n" in head
            assert b"\r\nCache-Control: no-store\r\n" in head
            assert (yield from stream.read_until(b"\n\n")).endswith(b"\r\nid: 1\ndata: one\n\n")
            go.send(None)
            assert (yield from stream.read_until(b"0\r\n\r\n")).endswith(
                b"data: two\n\n\r\n0\r\n\r\n"
            )

    serving(lambda _request: event_stream(send), client)


def test_stream_of_events_is_kept_alive_by_comments() -> None:
    """In a pause of the news a comment is sent."""

    def send(_events: Events) -> Green[None]:
        yield from sleep(60)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/")
            for _ in range(3):
                yield from stream.read_until(b":\n\n")

    serving(lambda _request: event_stream(send, beat=0.01), client)


def test_stream_of_events_ends_with_the_server() -> None:
    """A stop ends the stream in an orderly way, without waiting for the time to drain."""
    stopper = Stopper()
    ended: List[bool] = []

    def send(events: Events) -> Green[None]:
        try:
            yield from events.send("one")
            yield from sleep(60)
        finally:
            ended.append(True)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/")
            yield from stream.read_until(b"one\n\n")
            stopper.stop()
            assert (yield from stream.read_all()).endswith(b"0\r\n\r\n")

    began = monotonic()
    serving(
        lambda _request: event_stream(send),
        client,
        stopper=stopper,
        timeouts=Timeouts(parting=0.3),
    )
    assert ended == [True]
    assert (
        monotonic() - began < 5
    )  # the connection parts in time, though it was not idle at the stop


def test_stream_of_events_ends_with_its_client() -> None:
    """A comment finds that the client has left, and the sender is cancelled quietly."""
    ended: List[bool] = []
    told: List[BaseException] = []

    def send(_events: Events) -> Green[None]:
        try:
            yield from sleep(60)
        finally:
            ended.append(True)

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(GET % b"/")
            yield from stream.read_until(b":\n\n")
        while not ended:
            yield from sleep(0.001)

    serving(
        lambda _request: event_stream(send, beat=0.01),
        client,
        on_error=lambda _request, exc: told.append(exc),
    )
    assert told == []


def test_events_of_several_senders_do_not_mix() -> None:
    """Greenthreads that send at the same time wait for one another."""
    big = "x" * 300000

    def send(events: Events) -> Green[None]:
        yield from gather(*[events.send(f"{n}{big}") for n in range(4)])

    def handler(_request: Request) -> Response:
        return event_stream(send)

    def client(port: int) -> Green[None]:
        data = yield from asked(port, GET % b"/", b"GET / HTTP/9.9\r\n\r\n")
        body = data.partition(b"\r\n\r\n")[2]
        for number in range(4):
            assert body.count(b"data: %d" % number) == 1

    serving(handler, client)
