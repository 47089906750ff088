"""The connections of a client: which are kept, how many there may be, and the queue for them."""

# A place is the right to have one connection.  A connection has its place from before it is opened
# until it is closed, idle or busy.  `release` and `drop` give on to those who wait, in their order,
# and at once: a waiting greenthread that was woken has its place or its connection already.  So a
# newcomer that can go on overtakes nobody who could have gone on.

from __future__ import annotations

from collections import deque
from typing import (
    TYPE_CHECKING,
    Callable,
    Deque,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Tuple,
)

from ..abc import Green, green
from ..errors import ClosedResource
from ..event import Event
from ..kernel import get_scheduler

if TYPE_CHECKING:
    from .asking import Link

__all__ = ["Key", "Pool", "Statistics"]

Key = Tuple[str, str, int, str]
"""Scheme, host, port, and the proxy in between; empty for none."""


class Statistics(NamedTuple):
    """What a client's pool has at this moment, and has done.

    Attributes:
        busy: Connections in use, or being opened.
        idle: Connections that are kept.
        waiting: Greenthreads that wait for a place.
        opened: Connections opened so far.
        reused: Requests that were sent on a kept connection.
        repeated: Requests that were sent again, since a kept connection had ended.
    """

    busy: int
    idle: int
    waiting: int
    opened: int
    reused: int
    repeated: int


class Waiting:
    """A greenthread that waits for a place.

    Attributes:
        granted: It has its place; with `link`, on a kept connection.
    """

    __slots__ = ("event", "fresh", "granted", "key", "link")

    def __init__(self, key: Key, fresh: bool) -> None:
        self.key: Key = key
        self.fresh: bool = fresh
        self.event: Event[None] = Event()
        self.granted: bool = False
        self.link: Optional[Link] = None


class Pool:
    """The connections of a client.

    Args:
        limit: How many there may be.
        per_host: How many to one host.
        keep: Seconds for which one is kept idle.
    """

    def __init__(self, limit: int, per_host: int, keep: float) -> None:
        self._limit: int = limit
        self._per_host: int = per_host
        self._keep: float = keep
        self._places: Dict[Key, int] = {}  # connections of each host, idle and busy
        self._total: int = 0
        # The idle ones by host, the newest last; and all of them, the longest idle first.
        self._idle: Dict[Key, List[Link]] = {}
        self._order: Dict[Link, Key] = {}
        self._busy: Dict[Link, Key] = {}
        self._waiting: Deque[Waiting] = deque()
        self.closed: bool = False
        self.opened: int = 0
        self.reused: int = 0
        self.repeated: int = 0
        self._clock: Callable[[], float] = get_scheduler().clock

    def statistics(self) -> Statistics:
        idle = len(self._order)
        return Statistics(
            self._total - idle, idle, len(self._waiting), self.opened, self.reused, self.repeated
        )

    @green
    def take(self, key: Key, fresh: bool, opened: Callable[[], Green[Link]]) -> Green[Link]:
        """Return a connection to *key*: the one that was used last, or what ``opened()`` gives.

        Args:
            fresh: No kept one will do.

        Raises:
            ClosedResource: The client was closed.
            BaseException: What *opened* raises.
        """
        self._check()
        self._expire()
        link = None if fresh else self._kept(key)
        if link is None and not self._place(key):
            link = yield from self._wait(Waiting(key, fresh))
        if link is not None:
            self.reused += 1
            self._busy[link] = key
            return link
        try:
            link = yield from opened()
            if self.closed:
                link.stream.close()
                self._check()
        except BaseException:
            self._leave(key)
            raise
        self.opened += 1
        self._busy[link] = key
        return link

    def _check(self) -> None:
        if self.closed:
            raise ClosedResource("the client was closed")

    @green
    def _wait(self, waiting: Waiting) -> Green[Optional[Link]]:
        self._waiting.append(waiting)
        try:
            yield from waiting.event.wait()
            self._check()
        except BaseException:
            if not waiting.granted:
                if not self.closed:
                    self._waiting.remove(waiting)
            elif waiting.link is not None and not self.closed:
                self._put(waiting.link, waiting.key)
            else:
                if waiting.link is not None:
                    waiting.link.stream.close()
                self._leave(waiting.key)
            raise
        return waiting.link

    def _kept(self, key: Key) -> Optional[Link]:
        """Return the idle connection that was used last; those in which something has come are closed."""
        links = self._idle.get(key)
        while links:
            link = links.pop()
            del self._order[link]
            if link.quiet():
                return link
            link.stream.close()
            self._unplace(key)
        return None

    def _place(self, key: Key) -> bool:
        """Take a place for a connection to *key*; return whether there is one."""
        if self._places.get(key, 0) >= self._per_host:
            # With `fresh`, kept ones to this host may stand in the way.
            if not self._close_idle(self._idle.get(key, ())):
                return False
        elif self._total >= self._limit and not self._close_idle(self._order):
            return False
        self._places[key] = self._places.get(key, 0) + 1
        self._total += 1
        return True

    def _close_idle(self, links: Iterable[Link]) -> bool:
        """Close the longest idle one of *links*; return whether there is one."""
        link = next(iter(links), None)
        if link is None:
            return False
        key = self._order.pop(link)
        self._idle[key].remove(link)
        link.stream.close()
        self._unplace(key)
        return True

    def release(self, link: Link, keep: Optional[int]) -> None:
        """Keep a connection that was used.

        Args:
            keep: For how many seconds the server says that it keeps it.
        """
        key = self._busy.pop(link)
        seconds = self._keep if keep is None else min(self._keep, keep - 1.0)
        if self.closed or seconds <= 0:
            link.stream.close()
            self._leave(key)
            return
        link.served += 1
        link.until = self._clock() + seconds
        self._put(link, key)

    def drop(self, link: Link) -> None:
        """Close a connection that was used."""
        link.stream.close()
        self._leave(self._busy.pop(link))

    def detach(self, link: Link) -> None:
        """Give the place of a connection back, which goes on without the pool: after an upgrade."""
        self._leave(self._busy.pop(link))

    def _put(self, link: Link, key: Key) -> None:
        self._idle.setdefault(key, []).append(link)
        self._order[link] = key
        if self._waiting:
            self._grant()

    def _leave(self, key: Key) -> None:
        self._unplace(key)
        if self._waiting:
            self._grant()

    def _unplace(self, key: Key) -> None:
        self._total -= 1
        left = self._places[key] - 1
        if left:
            self._places[key] = left
        else:
            del self._places[key]
            self._idle.pop(key, None)

    def _grant(self) -> None:
        """Give what is free to those who wait for it, in their order."""
        for waiting in list(self._waiting):
            link = None if waiting.fresh else self._kept(waiting.key)
            if link is None and not self._place(waiting.key):
                continue
            self._waiting.remove(waiting)
            waiting.link = link
            waiting.granted = True
            waiting.event.send(None)

    def _expire(self) -> None:
        """Close the idle connections whose time is over."""
        if not self._order:
            return
        now = self._clock()
        for link in [link for link in self._order if link.until <= now]:
            self._close_idle([link])

    def holders(self, key: Key) -> str:
        """Say how full the pool is, for the error of a request that waits in vain."""
        return (
            f"{self._places.get(key, 0)} of {self._per_host} connections to {key[1]}:{key[2]} and"
            f" {self._total} of {self._limit} in all are in use"
        )

    def take_idle(self) -> List[Link]:
        """Take all idle connections out of the pool."""
        found = list(self._order)
        for link in found:
            key = self._order.pop(link)
            self._idle[key].remove(link)
            self._unplace(key)
        return found

    def close(self) -> None:
        """Close all connections; those that wait for one get ClosedResource."""
        self.closed = True
        for link in [*self.take_idle(), *self._busy]:
            link.stream.close()
        while self._waiting:
            waiting = self._waiting.popleft()
            waiting.event.send_exception(ClosedResource("the client was closed"))
