"""What the connections of a server share."""

from __future__ import annotations

from random import randint
from time import time
from typing import Callable, Dict, Optional, Union

from ..abc import Green, green
from ..event import Event
from ..kernel import fail_wait, get_scheduler
from ..structured.stopping import Stopper
from .deadlines import Deadlines, Late, Timeouts
from .framing import Limits
from .hangups import Hangups
from .log import Exchange
from .messages import Request, Response
from .proxies import NOBODY, TrustedProxies
from .wire import Parser

__all__ = ["Handler", "OnError", "Service"]

Handler = Callable[[Request], Union[None, Response, Green[Optional[Response]]]]
Log = Callable[[Exchange], object]
OnError = Callable[[Request, BaseException], Optional[Response]]


class Service:
    """What the connections of a server share.

    Attributes:
        stopping: The server was stopped: no connection is kept.
        idle: The connections that wait for the first byte of a request, the longest idle first.
        live: How many connections there are.
        left: How many requests are left until the server stops; None for any number.
        bounds_requests: A handler is cancelled when it takes too long, or its client is gone.
    """

    def __init__(
        self,
        handler: Handler,
        parser: Callable[[], Parser],
        *,
        limits: Limits = Limits(),  # noqa: B008  immutable
        timeouts: Timeouts = Timeouts(),  # noqa: B008  immutable
        trusted: TrustedProxies = NOBODY,
        on_error: Optional[OnError] = None,
        log: Optional[Log] = None,
        hangups: Optional[Hangups] = None,
        stopper: Optional[Stopper] = None,
        max_requests: Optional[int] = None,
        max_connections: int = 1000,
        refuses: bool = False,
    ) -> None:
        self.handler: Handler = handler
        self.parser: Callable[[], Parser] = parser
        self.limits: Limits = limits
        self.timeouts: Timeouts = timeouts
        self.trusted: TrustedProxies = trusted
        self.on_error: Optional[OnError] = on_error
        self.log: Optional[Log] = log
        self.hangups: Optional[Hangups] = hangups
        self.bounds_requests: bool = hangups is not None or timeouts.request is not None
        self.stopper: Stopper = stopper or Stopper()
        self.deadlines: Deadlines = Deadlines(timeouts)
        self.idle: Dict[Late, None] = {}
        self.live: int = 0
        self._most: int = max_connections
        self._refuses: bool = refuses
        # Sent when there may be room; the one that waits for it has taken the server's one place
        # beyond the most, so there is no other.
        self.wanted: Optional[Event[None]] = None
        self.stopping: bool = False
        self.clock: Callable[[], float] = get_scheduler().clock
        # Processes that were started together are not to end together.
        self.left: Optional[int] = (
            None if max_requests is None else max_requests + randint(0, max_requests // 10)
        )
        self._date: str = ""
        self._date_of: int = -1

    def date(self) -> str:
        """Return the value of Date, which is formatted once a second."""
        now = int(time())
        if now != self._date_of:
            from email.utils import formatdate

            self._date_of = now
            self._date = formatdate(now, usegmt=True)
        return self._date

    def counts(self) -> None:
        """Count a request; the last one stops the server."""
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                self.stopper.stop("max_requests")

    @green
    def enter(self) -> Green[bool]:
        """Take a place for a connection, which calls `leave` in the end; return whether there is one.

        If there is none, the longest idle connection is ended.  If none is idle, this waits until one
        is, or has ended; or returns False, if the server refuses then.
        """
        while self.live >= self._most and not self._make_room():
            if self._refuses:
                return False
            wanted = self.wanted = Event()
            try:
                yield from wanted.wait()
            finally:
                self.wanted = None
        self.live += 1
        return True

    def leave(self) -> None:
        """Give the place of a connection back."""
        self.live -= 1
        if self.wanted is not None and not self.wanted.ready():
            self.wanted.send(None)

    def _make_room(self) -> bool:
        """End the connection that has been idle for the longest time; return whether there is one."""
        while self.idle:
            one = next(iter(self.idle))
            del self.idle[one]
            # One that was woken just now is not idle.
            if fail_wait(one.gt, TimeoutError("the server is full, and this connection is idle")):
                return True
        return False

    def stop(self, _: object = None) -> None:
        """Let idle connections send one more request, if they do it soon."""
        self.stopping = True
        last = self.clock() + self.timeouts.parting
        for one in self.idle:
            self.deadlines.bound(one, min(one.late_at, last))
