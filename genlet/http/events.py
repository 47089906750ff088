"""Server-sent events: an answer that goes on for as long as there is news."""

from __future__ import annotations

import re
from typing import Callable, List, Optional

from ..abc import Green, green
from ..kernel import sleep
from ..lock import Lock
from ..structured.taskgroup import TaskGroup
from .errors import ResponseError
from .headers import HeadersLike, pairs
from .messages import Response, Writer

__all__ = ["Events", "event_stream"]

# Less than the minute after which proxies end a connection that is silent.
BEAT = 15.0  # seconds

LINE_END = re.compile(r"\r\n|\r|\n")


class Events:
    """Where events go: what the function behind `event_stream` is given.

    Several greenthreads may send: one waits until the event of another has left.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer: Writer = writer
        self._lock: Lock = Lock()

    @green
    def send(
        self,
        data: str,
        *,
        event: Optional[str] = None,
        id: Optional[str] = None,
        retry: Optional[float] = None,
    ) -> Green[None]:
        """Send an event; it has left for the system's buffer when this returns.

        Args:
            data: Its text, of any number of lines.
            event: Its type; browsers take an event without one for a "message".
            id: What the browser says it has seen last, when it connects again, in ``Last-Event-ID``.
            retry: How many seconds the browser waits before it connects again.

        Raises:
            ResponseError: *event* or *id* has a line end, or *id* a NUL.
            ClientGone: The client has left, or has not read for too long.
        """
        yield from self._send(formatted(data, event, id, retry))

    @green
    def comment(self, text: str = "") -> Green[None]:
        """Send a line that browsers pass over: it keeps the connection alive."""
        yield from self._send("".join(f":{part}\n" for part in LINE_END.split(text)) + "\n")

    @green
    def _send(self, text: str) -> Green[None]:
        yield from self._lock.acquire()
        try:
            yield from self._writer.send(text)
        finally:
            self._lock.release()


def formatted(
    data: str, event: Optional[str] = None, id: Optional[str] = None, retry: Optional[float] = None
) -> str:
    """Return an event as it is sent; see `Events.send`."""
    lines: List[str] = []
    for name, value in (("event", event), ("id", id)):
        if value is not None:
            # Line ends would begin fields of the client's choosing; an id with NUL is ignored.
            if LINE_END.search(value) or (name == "id" and "\0" in value):
                raise ResponseError(f"the {name} of an event is one line, without NUL")
            lines.append(f"{name}: {value}")
    if retry is not None:
        lines.append(f"retry: {int(retry * 1000)}")
    lines.extend(f"data: {part}" for part in LINE_END.split(data))
    return "\n".join(lines) + "\n\n"


def event_stream(
    fn: Callable[[Events], Green[object]],
    headers: HeadersLike = (),
    *,
    beat: float = BEAT,
) -> Response:
    """Return an answer whose events ``fn(events)`` sends.

    ::

        def news(request: Request) -> Response:
            def send(events: Events) -> Green[None]:
                while (line := (yield from queue.get())) is not None:
                    yield from events.send(line)

            return event_stream(send)

    It ends when *fn* returns, when the client leaves, which a comment in every pause finds, and when
    the server is stopped: *fn* is cancelled then.

    Args:
        headers: More fields of the answer.
        beat: Seconds between the comments.
    """

    def write(writer: Writer) -> Green[None]:
        events = Events(writer)
        with (
            writer.stopper.region(),
            TaskGroup(on_exit="cancel", errors="first", name="events") as group,
        ):
            group.spawn(_beat, events, beat)
            yield from fn(events)

    fields = [*pairs(headers), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")]
    return Response.stream(write, headers=fields, content_type="text/event-stream; charset=utf-8")


@green
def _beat(events: Events, seconds: float) -> Green[None]:
    while True:
        yield from sleep(seconds)
        yield from events.comment()
