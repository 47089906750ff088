"""Channels: a sending and a receiving end, of which each notices when the other is closed."""

from __future__ import annotations

import errno
from collections import deque
from math import inf
from typing import (
    TYPE_CHECKING,
    Any,
    Deque,
    Generic,
    List,
    NamedTuple,
    Tuple,
    TypeVar,
    Union,
    cast,
)

from ._counts import check_count
from ._plain import NextInLoop
from .abc import Green, green
from .end import END, End
from .errors import ClosedResource, WouldBlock
from .kernel import AnyGreenThread, Wait, Waiters, waiting

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Channel", "ChannelStatistics", "Receiver", "Sender"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class ChannelStatistics(NamedTuple):
    """What ``statistics()`` returns; the names are trio's."""

    current_buffer_used: int
    max_buffer_size: float
    open_send_channels: int
    open_receive_channels: int
    tasks_waiting_send: int
    tasks_waiting_receive: int


class Pipe(Generic[T]):
    """What the ends of one channel share.

    Invariants: while one waits to receive, nothing is buffered; while one waits to send, there is
    no room.
    """

    __slots__ = ("buffer", "capacity", "receivers", "receiving", "senders", "sending")

    def __init__(self, capacity: float) -> None:
        self.capacity: float = capacity
        self.buffer: Deque[T] = deque()
        self.senders: int = 0  # open ends, of each kind
        self.receivers: int = 0
        self.sending: Waiters[None] = Waiters()
        self.receiving: Waiters[T] = Waiters()

    def put(self, item: T) -> bool:
        """Hand *item* to the first receiver that waits, or buffer it; False if there is no room."""
        if self.receiving.wake(item):
            return True
        if len(self.buffer) >= self.capacity:
            return False
        self.buffer.append(item)
        return True

    def has_item(self) -> bool:
        """Whether an item can be had without waiting; one that a sender waits with is fetched."""
        if not self.buffer and self.sending.line:
            self.fetch()
        return bool(self.buffer)

    def get(self) -> T:
        """Take the next item, which `has_item` has found, and let the first sender put its own."""
        item = self.buffer.popleft()
        if self.sending.line and len(self.buffer) < self.capacity:
            self.fetch()
        return item

    def fetch(self) -> None:
        """Buffer what the first sender waits with, if one waits."""
        sending = self.sending.claim()
        if sending is not None:
            self.buffer.append(cast("Sending[T]", sending).item)
            sending.settle(None)

    def statistics(self) -> ChannelStatistics:
        return ChannelStatistics(
            len(self.buffer),
            self.capacity,
            self.senders,
            self.receivers,
            len(self.sending),
            len(self.receiving),
        )


class Sender(Generic[T_contra]):
    """The sending end of a `Channel`; a context manager that closes it."""

    __slots__ = ("__weakref__", "_closed", "_pipe")

    def __init__(self, pipe: Pipe[T_contra]) -> None:
        self._pipe: Pipe[T_contra] = pipe
        self._closed: bool = False
        pipe.senders += 1

    @green
    def send(self, item: T_contra) -> Green[None]:
        """Send *item*, waiting for room in turn; with capacity 0, for a receiver.

        It is no cancel point if there is room.  Interrupted while it waits, nobody gets the item.

        Raises:
            BrokenPipeError: All receivers are closed, or were while this waited.
            ClosedResource: This end is closed, or was while this waited.
        """
        self._check()
        if not self._pipe.put(item):
            yield from Sending(self, item).get()

    def send_nowait(self, item: T_contra) -> None:
        """Send *item* at once.

        Raises:
            WouldBlock: There is no room.
            BrokenPipeError: All receivers are closed.
            ClosedResource: This end is closed.
        """
        self._check()
        if not self._pipe.put(item):
            raise WouldBlock(f"{self!r} has no room, and nobody waits for an item")

    def clone(self) -> Sender[T_contra]:
        """Return another sending end; the channel ends when all are closed.

        Raises:
            ClosedResource: This end is closed.
        """
        if self._closed:
            raise ClosedResource(f"{self!r} cannot be cloned")
        return Sender(self._pipe)

    def close(self) -> None:
        """Close this end; with the last one, receivers get what is buffered and then `END`.

        Greenthreads that wait to send on this end get ClosedResource.  A second call does nothing.
        """
        if self._closed:
            return
        pipe = self._pipe
        pipe.sending.check_thread()
        pipe.receiving.check_thread()
        self._closed = True
        pipe.senders -= 1
        for sending in pipe.sending:
            if sending.subject() is self:
                sending.fail(ClosedResource(f"{self!r} was closed while an item was being sent"))
        if not pipe.senders:
            for receiving in pipe.receiving:
                receiving.fail(EOFError("all senders are closed"))

    def statistics(self) -> ChannelStatistics:
        """Return how full the channel is, how many ends are open, and how many wait."""
        return self._pipe.statistics()

    @property
    def waiters(self) -> List[AnyGreenThread]:
        """The greenthreads that wait to send, on any end, in order."""
        return waiting(self._pipe.sending)

    def _check(self) -> None:
        if self._closed:
            raise ClosedResource(f"{self!r} cannot send any more")
        if not self._pipe.receivers:
            raise broken()

    def _look(self, sending: Wait[None]) -> None:
        self._check()
        pipe = self._pipe
        if (pipe.receiving.line or len(pipe.buffer) < pipe.capacity) and sending.take():
            if pipe.put(cast("Sending[T_contra]", sending).item):  # only a Sending asks
                sending.settle(None)
            else:
                sending.give_back()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return _repr(self, self._closed, self._pipe)


class Receiver(NextInLoop, Generic[T_co]):
    """The receiving end of a `Channel`; a context manager that closes it.

    Several ends, and several greenthreads on one, share the items: each goes to one of them.
    """

    __slots__ = ("__weakref__", "_closed", "_pipe")

    def __init__(self, pipe: Pipe[T_co]) -> None:
        self._pipe: Pipe[T_co] = pipe
        self._closed: bool = False
        pipe.receivers += 1

    @green
    def receive(self) -> Green[T_co]:
        """Receive the next item, waiting for one in turn.

        It is no cancel point if there is one.  Interrupted while it waits, no item is lost.

        Raises:
            EOFError: All senders are closed, and nothing is buffered.
            ClosedResource: This end is closed, or was while this waited.

        Source:
            trio's ``MemoryReceiveChannel.receive``, which raises ``EndOfChannel``.
        """
        self._check()
        if self._pipe.has_item():
            return self._pipe.get()
        self._check_end()
        return (yield from Wait(self, "an item", self._pipe.receiving, ask=self._look).get())

    @green
    def next(self) -> Green[Union[T_co, End]]:
        """Receive the next item, or `END` when all senders are closed and nothing is buffered.

        Raises:
            ClosedResource: This end is closed, or was while this waited.
        """
        self._check()
        if self._pipe.has_item():
            return self._pipe.get()
        try:
            self._check_end()
            return (yield from Wait(self, "an item", self._pipe.receiving, ask=self._look).get())
        except EOFError:
            return END

    @green
    def collect(self) -> Green[List[T_co]]:
        """Receive all items until `END`."""
        items: List[T_co] = []
        while (item := (yield from self.next())) is not END:
            items.append(item)
        return items

    def receive_nowait(self) -> T_co:
        """Receive an item that is there.

        Raises:
            WouldBlock: There is none.
            EOFError: All senders are closed, and nothing is buffered.
            ClosedResource: This end is closed.
        """
        self._check()
        if self._pipe.has_item():
            return self._pipe.get()
        self._check_end()
        raise WouldBlock(f"{self!r} has no item, and nobody waits to send one")

    def next_nowait(self) -> Union[T_co, End]:
        """Receive an item that is there, or `END`.

        Raises:
            WouldBlock: There is neither.
            ClosedResource: This end is closed.
        """
        try:
            return self.receive_nowait()
        except EOFError:
            return END

    def clone(self) -> Receiver[T_co]:
        """Return another receiving end.

        Raises:
            ClosedResource: This end is closed.
        """
        if self._closed:
            raise ClosedResource(f"{self!r} cannot be cloned")
        return Receiver(self._pipe)

    def close(self) -> None:
        """Close this end; with the last one, senders get BrokenPipeError.

        The buffered items are thrown away.  Greenthreads that wait to receive on this end get
        ClosedResource.  A second call does nothing.
        """
        if self._closed:
            return
        pipe = self._pipe
        pipe.sending.check_thread()
        pipe.receiving.check_thread()
        self._closed = True
        pipe.receivers -= 1
        for receiving in pipe.receiving:
            if receiving.subject() is self:
                receiving.fail(ClosedResource(f"{self!r} was closed while it was waited on"))
        if not pipe.receivers:
            pipe.buffer.clear()
            for sending in pipe.sending:
                sending.fail(broken())

    def statistics(self) -> ChannelStatistics:
        """Return how full the channel is, how many ends are open, and how many wait."""
        return self._pipe.statistics()

    @property
    def waiters(self) -> List[AnyGreenThread]:
        """The greenthreads that wait to receive, on any end, in order."""
        return waiting(self._pipe.receiving)

    def _check(self) -> None:
        if self._closed:
            raise ClosedResource(f"{self!r} cannot receive any more")

    def _check_end(self) -> None:
        if not self._pipe.senders:
            raise EOFError("all senders are closed")

    def _look(self, receiving: Wait[T_co]) -> None:
        self._check()
        if not self._pipe.has_item():
            self._check_end()
        elif receiving.take():
            receiving.settle(self._pipe.get())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return _repr(self, self._closed, self._pipe)


class Sending(Wait[None], Generic[T]):
    """A wait with an item for room, which may have become before the wait is armed."""

    __slots__ = ("item",)

    def __init__(self, sender: Sender[T], item: T) -> None:
        super().__init__(sender, "room for an item", sender._pipe.sending, ask=sender._look)
        self.item: T = item


def broken() -> BrokenPipeError:
    """Return the error of a sender whom nobody can hear."""
    return BrokenPipeError(errno.EPIPE, "all receivers of the channel are closed")


def _repr(end: object, closed: bool, pipe: Pipe[Any]) -> str:
    state = "closed" if closed else f"{len(pipe.buffer)} of {pipe.capacity:g} buffered"
    return (
        f"<{type(end).__name__} at {id(end):#x}: {state}, {len(pipe.sending)} sending,"
        f" {len(pipe.receiving)} receiving>"
    )


class Channel(Tuple[Sender[T], Receiver[T]]):
    """A new channel: a pair of its two ends.

    ::

        tx, rx = Channel[int](5)

    Args:
        capacity: How many items are buffered before `Sender.send` waits; 0 for none, infinity for
            any number.

    Raises:
        TypeError: *capacity* is no number.
        ValueError: *capacity* is negative, or neither whole nor infinite.

    Source:
        trio's ``open_memory_channel``.
    """

    __slots__ = ()

    def __new__(cls, capacity: float) -> Self:
        if not isinstance(capacity, float):
            capacity = check_count(capacity, "the capacity of a Channel")
        elif not capacity >= 0 or (capacity != inf and not capacity.is_integer()):
            raise ValueError(
                f"the capacity of a Channel is a whole number, 0 or more, or infinity; got"
                f" {capacity!r}"
            )
        pipe: Pipe[T] = Pipe(capacity)
        return super().__new__(cls, (Sender(pipe), Receiver(pipe)))
