"""``queue``, between greenthreads, with the calls that wait green.

Other threads put and get through a ``genlet.portal()``.
"""

from __future__ import annotations

import queue as real
from queue import Empty as Empty
from queue import Full as Full
from typing import TYPE_CHECKING, Generic, Optional, Tuple, TypeVar

from .. import queue as base
from ..abc import Green, Op, green
from ..kernel import check_seconds
from ..queue import LightQueue
from ..queue import ShutDown as ShutDown
from ._mirror import mirror

T = TypeVar("T")


class Queue(base.Queue[T]):
    """A queue that gives out the oldest item first.

    Args:
        maxsize: How many items are stored before `put` waits; 0 and less for any number.

    Attributes:
        maxsize: As given; None for any number.

    Source:
        ``queue.Queue``.  ``genlet.Queue(0)`` is a rendezvous, as eventlet's is.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize if maxsize > 0 else None)

    def put(self, item: T, block: bool = True, timeout: Optional[float] = None) -> Op[None]:
        """Put *item* into the queue, waiting for room in turn; as ``genlet.Queue.put``.

        Raises:
            ValueError: *timeout* is negative.
        """
        if self.maxsize is not None:
            _check(block, timeout)
        return super().put(item, block, timeout)

    def get(self, block: bool = True, timeout: Optional[float] = None) -> Op[T]:
        """Take the next item out, waiting for one in turn; as ``genlet.Queue.get``.

        Raises:
            ValueError: *timeout* is negative.
        """
        _check(block, timeout)
        return super().get(block, timeout)


class PriorityQueue(Queue[T], base.PriorityQueue[T]):
    """A queue that gives out the smallest item first.

    Source:
        ``queue.PriorityQueue``.
    """


class LifoQueue(Queue[T], base.LifoQueue[T]):
    """A queue that gives out the newest item first.

    Source:
        ``queue.LifoQueue``.
    """


class SimpleQueue(Generic[T]):
    """A queue without limit, into which putting never waits: ``put`` is a plain call.

    Source:
        ``queue.SimpleQueue``.
    """

    __slots__ = ("__weakref__", "_queue")

    def __init__(self) -> None:
        self._queue: LightQueue[T] = LightQueue()

    def put(self, item: T, block: bool = True, timeout: Optional[float] = None) -> None:
        """Put *item* into the queue; the other arguments are there as in `Queue.put`."""
        self._queue.put_nowait(item)

    def put_nowait(self, item: T) -> None:
        """Put *item* into the queue."""
        self._queue.put_nowait(item)

    @green
    def get(self, block: bool = True, timeout: Optional[float] = None) -> Green[T]:
        """Take the next item out, waiting for one in turn.

        Args:
            block: False takes one that is there or raises Empty.
            timeout: Seconds to wait for one, None for ever.

        Raises:
            Empty: There was no item in time.
            ValueError: *timeout* is negative.
        """
        _check(block, timeout)
        return self._queue.get(block, timeout)

    def get_nowait(self) -> T:
        """Take the next item out, or raise Empty."""
        return self._queue.get_nowait()

    def empty(self) -> bool:
        """Whether it has no item."""
        return self._queue.empty()

    def qsize(self) -> int:
        """How many items it has."""
        return self._queue.qsize()


def _check(block: bool, timeout: Optional[float]) -> None:
    if block and timeout is not None and check_seconds(timeout, "the timeout") < 0:
        raise ValueError("'timeout' must be a non-negative number")


__green__: Tuple[str, ...] = (
    "LifoQueue.collect",
    "LifoQueue.get",
    "LifoQueue.join",
    "LifoQueue.next",
    "LifoQueue.put",
    "PriorityQueue.collect",
    "PriorityQueue.get",
    "PriorityQueue.join",
    "PriorityQueue.next",
    "PriorityQueue.put",
    "Queue.collect",
    "Queue.get",
    "Queue.join",
    "Queue.next",
    "Queue.put",
    "SimpleQueue.get",
)

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
