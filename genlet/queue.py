"""Queues between greenthreads: FIFO, LIFO and by priority."""

# Invariants: while one waits to get, nothing is stored; while one waits to put, there is no room.  A
# getter is woken with its item, and a putter with its item stored or handed over.  So neither is woken
# in vain, and an interruption that comes before they run takes nothing back.
#
# A signal handler may call `put_nowait`, and interrupt whatever waits, between any two instructions.
# It takes nothing out and joins no line.  So what is seen stored stays until it is taken here, and a
# wait is claimed before an item is taken for it or from it.

from __future__ import annotations

import queue as stdlib
import sys
from collections import deque
from heapq import heapify, heappop, heappush
from itertools import repeat
from operator import length_hint
from queue import Empty, Full
from typing import Any, Deque, Generic, Iterator, List, Optional, TypeVar, Union, cast

from ._counts import check_whole, inf
from ._plain import NextInLoop
from .abc import Green, green
from .end import END, End
from .kernel import Wait, Waiters, check_timeout, get_scheduler

__all__ = [
    "Empty",
    "Full",
    "LifoQueue",
    "LightQueue",
    "PriorityQueue",
    "Queue",
    "ShutDown",
]

T = TypeVar("T")

if sys.version_info >= (3, 13):
    ShutDown = stdlib.ShutDown
else:

    class ShutDown(Exception):
        """Raised by a queue that was shut down; ``queue.ShutDown`` where that exists."""


class LightQueue(NextInLoop, Generic[T]):
    """A queue without ``task_done()`` and ``join()``.

    ::

        while (item := (yield from queue.next())) is not END:
            ...

    Args:
        maxsize: How many items are stored before `put` waits.  None and negative: any number.  0: a
            channel, where each `put` waits for the greenthread that gets.

    Attributes:
        maxsize: As given, None for a negative one.
        queue: What the items are stored in.
        is_shutdown: Whether `shutdown` was called.

    To store items in another way, override ``_init``, ``_put`` and ``_get``, and keep them in
    ``self.queue``, which is false when it is empty and has a length.

    Source:
        eventlet ``queue.LightQueue``.  Differs: getters and putters are served in the order they
        came, ``get_nowait`` takes from a putter that waits, and `shutdown`, `next` and `collect`.
    """

    queue: Any  # whatever `_init` makes of it

    def __init__(self, maxsize: Optional[int] = None) -> None:
        self.maxsize: Optional[int] = _checked(maxsize)
        self.is_shutdown: bool = False
        self._getters: Waiters[T] = Waiters()
        self._putters: Waiters[None] = Waiters()
        self._joiners: Waiters[None] = Waiters()
        # How many were put is counted down from sys.maxsize: that is one step, where += is three.
        self._puts: Iterator[None] = repeat(None, sys.maxsize)
        self._done: int = 0
        self._init(self.maxsize)

    # ---- the hooks ----

    _hooked: bool = False  # a subclass has its own, through which every item must pass

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._hooked = any(hook.__module__ != __name__ for hook in (cls._put, cls._get))

    def _init(self, maxsize: Optional[int]) -> None:
        """Make ``self.queue``."""
        self.queue = deque()

    def _put(self, item: T) -> None:
        """Store *item*."""
        self.queue.append(item)

    def _get(self) -> T:
        """Take the next item out."""
        item: T = self.queue.popleft()
        return item

    # ---- putting ----

    @green
    def put(self, item: T, block: bool = True, timeout: Optional[float] = None) -> Green[None]:
        """Put *item* into the queue, waiting for room in turn.

        It is no cancel point if there is room.  On a channel it always lets others run, and
        returns when the getter has; interrupted before that, nobody gets the item.

        Args:
            block: False puts at once or raises Full.
            timeout: Seconds to wait for room, None forever.

        Raises:
            Full: There was no room in time; the item was not put.
            ShutDown: The queue is shut down, or was meanwhile; the item was not put.
            TypeError, ValueError, OverflowError: *timeout* is no number of seconds.
        """
        maxsize = self.maxsize
        if not block or ((maxsize is None or len(self.queue) < maxsize) and not self.is_shutdown):
            if timeout is not None and block:
                check_timeout(timeout, "the timeout")  # a wrong one is an error in any case
            try:
                self.put_nowait(item)
                return
            except Full:
                if not block:
                    raise
                # A signal handler has just filled it.
        if self.is_shutdown:
            raise ShutDown
        putter = Putter(self, item, timeout)
        yield from putter.get()
        if putter.expired:
            raise Full

    def put_nowait(self, item: T) -> None:
        """Put *item* into the queue, or give it to a getter that waits; also for signal handlers.

        One that comes in the middle of another put may fill the queue above its *maxsize*, by one.

        Raises:
            Full: There is no room, and nobody waits for an item.
            ShutDown: The queue is shut down.
            WrongThread: A greenthread that waits for an item belongs to another thread's kernel.
        """
        if self.is_shutdown:
            raise ShutDown
        if not self.queue:  # only then may somebody wait for an item
            hand_over = self._pass_on if self._hooked else self._getters.wake
            if hand_over(item):
                next(self._puts)
                return
        maxsize = self.maxsize
        if maxsize is not None and len(self.queue) >= maxsize:
            raise Full
        self._put(item)
        next(self._puts)

    def _pass_on(self, item: T) -> bool:
        """Give *item* to a getter through the hooks, which may change it; False if nobody waits."""
        if not self._getters:
            return False
        self._getters.check_thread()
        self._put(item)
        if self.queue:  # they may have refused it
            getter = self._getters.claim()
            if getter is not None:
                getter.settle(self._get())
        return True

    # ---- getting ----

    @green
    def get(self, block: bool = True, timeout: Optional[float] = None) -> Green[T]:
        """Take the next item out of the queue, waiting for one in turn.

        It is no cancel point if there is one.  Interrupted while it waits, no item is lost.

        Args:
            block: False takes one that is there or raises Empty.
            timeout: Seconds to wait for one, None forever.

        Raises:
            Empty: There was no item in time.
            ShutDown: The queue is shut down and empty.
            TypeError, ValueError, OverflowError: *timeout* is no number of seconds.
        """
        if self.queue or not block or self.is_shutdown or (self.maxsize == 0 and self._has_item()):
            if timeout is not None and block:
                check_timeout(timeout, "the timeout")  # a wrong one is an error in any case
            return self.get_nowait()
        getter = Wait(self, "an item", self._getters, timeout, ask=self._look_to_get)
        item = yield from getter.get()
        if getter.expired:
            raise Empty
        return item

    def get_nowait(self) -> T:
        """Take the next item out of the queue, or from a putter that waits.

        Raises:
            Empty: There is none.
            ShutDown: The queue is shut down and empty.
            WrongThread: A greenthread that waits to put belongs to another thread's kernel.
        """
        if self.maxsize is None:
            if self.queue:
                return self._get()
        elif self._has_item():
            item = self._get()
            if self._putters.line:
                self._admit(self.maxsize)
            return item
        raise ShutDown if self.is_shutdown else Empty

    @green
    def next(self) -> Green[Union[T, End]]:
        """Take the next item, or `END` when the queue is shut down and drained."""
        try:
            if self.queue or self.is_shutdown or (self.maxsize == 0 and self._has_item()):
                return self.get_nowait()
            return (yield from Wait(self, "an item", self._getters, ask=self._look_to_get).get())
        except ShutDown:
            return END

    @green
    def collect(self) -> Green[List[T]]:
        """Take all items until the queue is shut down and drained."""
        items: List[T] = []
        while (item := (yield from self.next())) is not END:
            items.append(item)
        return items

    # ---- the state ----

    def qsize(self) -> int:
        """How many items are stored."""
        return len(self.queue)

    def empty(self) -> bool:
        """Whether none is stored."""
        return not self.queue

    def full(self) -> bool:
        """Whether there is no room for another; always, of a channel."""
        return self.maxsize is not None and len(self.queue) >= self.maxsize

    def getting(self) -> int:
        """How many greenthreads wait for an item."""
        return len(self._getters)

    def putting(self) -> int:
        """How many greenthreads wait for room."""
        return len(self._putters)

    def resize(self, size: Optional[int]) -> None:
        """Change the size.  More room lets in waiting putters; less drops nothing."""
        size = _checked(size)
        self._putters.check_thread()
        self.maxsize = size
        self._admit(self.maxsize)

    def shutdown(self, immediate: bool = False) -> None:
        """Let no more items in, and let those who wait in vain go.

        Getters get what is stored, and ShutDown after that; putters get ShutDown at once.

        Args:
            immediate: Throw away what is stored, and count it as done.

        Source:
            ``queue.Queue.shutdown``, of 3.13.
        """
        for line in (self._getters, self._putters, self._joiners):
            line.check_thread()
        self.is_shutdown = True
        for getter in self._getters:
            getter.fail(ShutDown)
        for putter in self._putters:
            putter.fail(ShutDown)
        if immediate:
            while self.queue:
                self._get()
                if self._unfinished:
                    self._done += 1
            if not self._unfinished:
                self._joiners.wake_all(None)

    def __repr__(self) -> str:
        size = "" if self.maxsize is None else f" of {self.maxsize}"
        state = ", shut down" if self.is_shutdown else ""
        return (
            f"<{type(self).__name__} at {id(self):#x}: {len(self.queue)}{size} items,"
            f" {len(self._getters)} getting, {len(self._putters)} putting{state}>"
        )

    # ---- a wait that is armed asks again ----

    def _look_to_get(self, getter: Wait[T]) -> None:
        if self._has_item():
            if getter.take():
                getter.settle(self.get_nowait())
        elif self.is_shutdown:
            raise ShutDown

    def _look_to_put(self, putter: Wait[None]) -> None:
        if self.is_shutdown:
            raise ShutDown
        maxsize = self.maxsize
        room = maxsize is None or len(self.queue) < maxsize
        if (room or self._getters.line) and putter.take():
            try:
                self.put_nowait(cast("Putter[T]", putter).item)  # only a Putter asks
            except Full:
                putter.give_back()
            else:
                putter.settle(None)

    # ---- letting putters in ----

    def _has_item(self) -> bool:
        """Whether an item can be had now; on a channel, one that a putter waits with is fetched."""
        putters = self._putters
        if putters.line:
            putters.check_thread()
            if not self.queue:
                self._admit(1)
        return bool(self.queue)

    @property
    def _unfinished(self) -> int:
        """How many items were put and not reported done."""
        return sys.maxsize - length_hint(self._puts) - self._done

    def _admit(self, size: Optional[int]) -> None:
        """Store what putters wait with, until *size* items are stored."""
        while size is None or len(self.queue) < size:
            putter = self._putters.claim()
            if putter is None:
                return
            try:
                self._put(cast("Putter[T]", putter).item)
            except BaseException as exc:
                putter.settle_fault(
                    exc
                )  # a heap cannot compare it: that is not the getter's error
            else:
                next(self._puts)
                putter.settle(None)


def _checked(size: Optional[int]) -> Optional[int]:
    """Return the size of a queue, None for one without limit.

    Raises:
        TypeError: It is neither None nor an int nor infinity.
    """
    if size is None or (isinstance(size, float) and size == inf):
        return None
    size = check_whole(size, "the size of a queue")
    return None if size < 0 else size


class Putter(Wait[None], Generic[T]):
    """A wait with an item for room or, on a channel, for a getter."""

    __slots__ = ("item",)

    def __init__(self, queue: LightQueue[T], item: T, timeout: Optional[float]) -> None:
        super().__init__(
            queue, "room for an item", queue._putters, timeout, ask=queue._look_to_put
        )
        self.item: T = item


class Queue(LightQueue[T]):
    """A queue that knows when all that was put into it is done.

    Source:
        eventlet ``queue.Queue``; ``queue.Queue``, where a *maxsize* of 0 is without limit.
    """

    @property
    def unfinished_tasks(self) -> int:
        """How many items were put and not reported by `task_done`."""
        return self._unfinished

    def task_done(self) -> None:
        """Say that one item that was got is done.

        Raises:
            ValueError: It was said of all of them before.
        """
        unfinished = self._unfinished
        if unfinished <= 0:
            raise ValueError("task_done() called too many times")
        if unfinished == 1:
            self._joiners.check_thread()
        self._done += 1
        if not self._unfinished:
            self._joiners.wake_all(None)

    @green
    def join(self) -> Green[None]:
        """Wait until all items that were put are done; at once if they are."""
        if self._unfinished:
            yield from Wait(
                self, "all items to be done", self._joiners, ask=self._look_to_join
            ).get()

    def _look_to_join(self, joiner: Wait[None]) -> None:
        if not self._unfinished:
            joiner.wake(None)


class PriorityQueue(Queue[T]):
    """A queue that gives out the smallest item first.

    Source:
        eventlet ``queue.PriorityQueue``; ``queue.PriorityQueue``.  Differs: an item that cannot be
        compared with those stored is not stored.
    """

    # Comparing items may run Python code, and a signal handler in the middle of it, when the heap is in
    # no order.  What that puts is sorted in after that.

    def _init(self, maxsize: Optional[int]) -> None:
        self.queue: Any = []
        self._sorting: bool = False
        self._late: Deque[T] = deque()

    def _put(self, item: T) -> None:
        if self._sorting:
            self._late.append(item)
            return
        heap = self.queue
        self._sorting = True
        try:
            heappush(heap, item)
        except BaseException:  # it cannot be compared with the others, but was stored before that
            del heap[next(index for index, other in enumerate(heap) if other is item)]
            heapify(heap)
            raise
        finally:
            self._sorting = False
        if self._late:
            self._sort_in()

    def _get(self) -> T:
        self._sorting = True
        try:
            item: T = heappop(self.queue)
        finally:
            self._sorting = False
        if self._late:
            self._sort_in()
        return item

    def _sort_in(self) -> None:
        while self._late:
            try:
                self._put(self._late.popleft())
            except BaseException as exc:
                get_scheduler().report_call(self.put_nowait, exc)  # its putter has gone


class LifoQueue(Queue[T]):
    """A queue that gives out the newest item first.

    Source:
        eventlet ``queue.LifoQueue``; ``queue.LifoQueue``.
    """

    def _init(self, maxsize: Optional[int]) -> None:
        self.queue: Any = []

    def _get(self) -> T:
        item: T = self.queue.pop()
        return item
