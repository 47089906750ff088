"""The life of one connection: a head, an exchange, and again."""

from __future__ import annotations

from logging import Logger, getLogger
from math import inf
from typing import TYPE_CHECKING, Optional, Tuple, cast

from ..abc import Green, green
from ..kernel import GreenThread
from .answering import Answering
from .deadlines import Late
from .errors import ClientGone
from .framing import Head, Refused, Verdict
from .log import Exchange
from .messages import FileBody
from .service import Service
from .wire import Mark, ServerWire
from .writing import REASONS, answer

if TYPE_CHECKING:
    from ..net import Stream

__all__ = ["Connection"]

log: Logger = getLogger("genlet.http")

CHUNK = 65536  # bytes received at a time


class Connection(Late):
    """One connection of a server."""

    __slots__ = ("address", "scheme", "service", "stream", "wire")

    late_at: float

    def __init__(
        self, service: Service, stream: Stream, scheme: str, gt: GreenThread[None]
    ) -> None:
        super().__init__(gt)
        self.service: Service = service
        self.stream: Stream = stream
        self.wire: ServerWire = ServerWire(service.parser(), service.limits)
        self.scheme: str = scheme
        peer = stream.peer
        # Of a Unix socket it is a path, mostly an empty one.
        self.address: str = (
            str(cast("Tuple[object, ...]", peer)[0]) if isinstance(peer, tuple) else "unix"
        )

    @green
    def run(self) -> Green[None]:
        """Serve requests until the connection is to be finished, which the caller does."""
        service = self.service
        try:
            if (yield from service.enter()):
                try:
                    yield from self._serve()
                finally:
                    service.leave()
            else:
                yield from self.refuse(503, "the server is full")
        except ClientGone as exc:
            log.info("a client at %s is gone: %s", self.stream.peer, exc)
            self.stream.close()

    @green
    def _serve(self) -> Green[None]:
        service, wire = self.service, self.wire
        service.deadlines.add(self)
        try:
            head = yield from self._next_head(service.timeouts.first)
            while head is not None:
                if not (yield from Answering(self, head).run()):
                    self._leave(head.verdict)
                    break
                wire.cycle()
                head = yield from self._next_head(service.timeouts.idle)
        finally:
            service.deadlines.remove(self)

    def _leave(self, verdict: Verdict) -> None:
        """Close the stream at once, if nothing more can come behind the last request.

        Closing with something unread resets a connection, and the answer may be lost.  A client that
        said "close" sends nothing more (RFC 9112, section 9.6), so there is nothing to wait for.
        Behind a body some send an empty line.
        """
        if verdict.keep_alive or verdict.length or verdict.upgrade or self.scheme != "http":
            return
        try:
            if self.stream.closed or self.stream.peek():
                return
        except OSError:
            return
        self.stream.close()

    @green
    def refuse(self, status: int, reason: str) -> Green[None]:
        """Answer without a look at the request, which may be none; the caller ends the connection."""
        log.info("refused %d to %s: %s", status, self.stream.peer, reason)
        line = self.wire.line
        text = f"{status} {REASONS[status]}: {reason}"
        data = answer(status, text, retry_after=1 if status == 503 else None)
        cause = "client gone"
        try:
            yield from self.send(data)
            cause = {408: "timeout", 413: "limit", 414: "limit", 431: "limit"}.get(
                status, "refused"
            )
        finally:
            if self.service.log is not None:
                self.service.log(Exchange(self.address, line, None, status, 0, 0.0, cause))

    @green
    def _next_head(self, seconds: float) -> Green[Optional[Head]]:
        """Return the next head, which begins within *seconds*; None if the connection is to end."""
        wire, service = self.wire, self.service
        until: Optional[float] = None  # when the head must be whole
        try:
            while True:
                event = wire.next()
                if event is not Mark.NEED_DATA:
                    return event if isinstance(event, Head) else None
                if wire.begun:
                    if until is None:
                        until = service.clock() + service.timeouts.head
                    yield from self.receive(max(0.0, until - service.clock()))
                    continue
                if service.wanted is not None:
                    return None
                if service.stopping:
                    seconds = min(seconds, service.timeouts.parting)
                service.idle[self] = None
                try:
                    yield from self.receive(seconds)
                except ClientGone:
                    return None  # between two requests, nothing is lost
                finally:
                    service.idle.pop(self, None)
        except Refused as exc:
            yield from self.refuse(exc.status, exc.reason)
        except TimeoutError:
            if wire.begun:
                yield from self.refuse(408, "the head came too slowly")
        return None

    # ---- waits for the peer: each is late at some time, and nothing else that is waited for is ----

    @green
    def receive(self, seconds: float) -> Green[None]:
        """Receive more, within *seconds*.

        Raises:
            ClientGone: The connection was reset.
            TimeoutError: Nothing came.
        """
        service = self.service
        if seconds < service.deadlines.longest:
            service.deadlines.bound(self, service.clock() + seconds)
        else:
            self.late_at = service.clock() + seconds
        try:
            data = yield from self.stream.receive(CHUNK)
        except TimeoutError:
            raise
        except OSError as exc:
            raise ClientGone(*exc.args) from None
        finally:
            self.late_at = inf
        self.wire.receive(data)

    @green
    def send(self, data: bytes) -> Green[None]:
        """Send *data*, within the timeout.

        Raises:
            ClientGone: The client does not take it.
        """
        if not data:
            return
        service = self.service
        self.late_at = service.clock() + service.timeouts.send
        try:
            yield from self.stream.send_all(data)
        except OSError as exc:
            raise ClientGone(*exc.args) from None
        finally:
            self.late_at = inf

    @green
    def send_file(self, body: FileBody, offset: int, count: int) -> Green[int]:
        """Send a part of a file, within the timeout; return how much of it there was.

        Raises:
            ClientGone: The client does not take it.
        """
        service = self.service
        self.late_at = service.clock() + service.timeouts.send
        try:
            return (yield from self.stream.send_file(body.file, offset, count))
        except OSError as exc:
            raise ClientGone(*exc.args) from None
        finally:
            self.late_at = inf
