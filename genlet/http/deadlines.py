"""Peers that are late: one greenthread looks after all connections of a server."""

# A scope around each wait would cost more than the rest of a small request.  So a wait for the peer
# costs two stores: when it will be late, and that it is over; a short one costs a call more.  The greenthread here looks
# through the connections when the first of them may be late, and not more than once a second.  It
# looks again after the shortest of the timeouts at the latest.  A wait that is shorter than that, such
# as the rest of one, makes it look sooner.  So no wait is late by more than a second.

from __future__ import annotations

from math import inf
from typing import Dict, NamedTuple, Optional

from ..abc import Green, green
from ..event import Event
from ..kernel import GreenThread, fail_wait, get_scheduler

__all__ = ["Deadlines", "Late", "Timeouts"]

PAUSE = 1.0  # seconds between two looks, at least


class Timeouts(NamedTuple):
    """How long a client may take, in seconds unless said otherwise.

    Attributes:
        handshake: For TLS.
        first: Until the first byte of a connection.
        head: From the first byte of a head to its last.
        idle: Between two requests; more than a proxy in front has, so that it is not this side that
            closes.
        body: Without a byte of a body that is read.
        rate: Bytes a second of a body, on average, from its first read on.
        send: For a client to take a piece of the answer, of 256 KiB at the most.
        parting: How long idle connections stay after a stop, to send one more request.
        request: For a handler and its answer; None for ever.
    """

    handshake: float = 10.0
    first: float = 30.0
    head: float = 10.0
    idle: float = 75.0
    body: float = 30.0
    rate: int = 240
    send: float = 60.0
    parting: float = 1.0
    request: Optional[float] = None


class Late:
    """Something that waits for a peer, and may be late."""

    __slots__ = ("gt", "late_at")

    def __init__(self, gt: GreenThread[None]) -> None:
        self.gt: GreenThread[None] = gt
        # Set only around a wait for the peer, and inf otherwise: nothing else that the greenthread
        # waits for, such as a database, is ever failed.
        self.late_at: float = inf


class Deadlines:
    """The connections of a server, and the greenthread that fails the waits of those that are late.

    Attributes:
        all: The connections.
        longest: Seconds between two looks, at most.  A wait that may take as long, or longer, only
            sets `Late.late_at`; a shorter one goes through `bound`.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self.all: Dict[Late, None] = {}
        self.longest: float = max(
            PAUSE, min(timeouts.first, timeouts.head, timeouts.idle, timeouts.body, timeouts.send)
        )
        self._begun: Event[None] = Event()
        self._looks_at: float = inf

    def add(self, one: Late) -> None:
        if not self.all:
            self._look_soon()
        self.all[one] = None

    def remove(self, one: Late) -> None:
        self.all.pop(one, None)

    def bound(self, one: Late, late_at: float) -> None:
        """Fail the wait for the peer that *one* begins, or is in, when *late_at* has come."""
        one.late_at = late_at
        if late_at + PAUSE < self._looks_at:
            self._look_soon()

    def _look_soon(self) -> None:
        if not self._begun.ready():
            self._begun.send(None)

    @green
    def watch(self) -> Green[None]:
        """Fail the waits that are late, for ever."""
        clock = get_scheduler().clock
        pause: Optional[float] = None  # without a connection there is nothing to look at
        while True:
            yield from self._begun.wait(pause)
            if self._begun.ready():
                self._begun.reset()
            now = clock()
            first = inf
            for one in list(self.all):
                if one.late_at <= now:
                    one.late_at = inf
                    # One that was woken just now is not late.
                    fail_wait(one.gt, TimeoutError("the peer was too slow"))
                elif one.late_at < first:
                    first = one.late_at
            pause = min(self.longest, max(PAUSE, first - now)) if self.all else None
            self._looks_at = inf if pause is None else now + pause
