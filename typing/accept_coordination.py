# pyright: reportUnusedCallResult=false
"""What events, locks, queues and channels are to a type checker."""

from __future__ import annotations

from typing import Any, ContextManager, List, Optional, Tuple, Union

from typing_extensions import assert_type

from genlet.abc import Green
from genlet.barrier import Barrier
from genlet.channel import Channel, Receiver, Sender
from genlet.condition import Condition
from genlet.corolocal import local
from genlet.end import END, End
from genlet.event import Event
from genlet.kernel import AnyGreenThread
from genlet.lock import Lock, RLock
from genlet.queue import LifoQueue, LightQueue, PriorityQueue, Queue
from genlet.semaphore import BoundedSemaphore, CappedSemaphore, Semaphore


class Animal: ...


class Dog(Animal): ...


def events(event: Event[int], timeout: Optional[float]) -> Green[None]:
    assert_type((yield from event.wait()), int)
    assert_type((yield from event.wait(1)), Optional[int])
    assert_type((yield from event.wait(timeout=timeout)), Optional[int])
    assert_type(event.poll(), Optional[int])
    assert_type(event.poll("no"), Union[int, str])
    assert_type(event.waiters, List[AnyGreenThread])
    event.send(1)
    event.send(exc=KeyError)
    event.send(None, KeyError("x"))
    event.send_exception(KeyError)
    done: Event[None] = Event()
    done.send()
    assert_type((yield from done.wait()), None)


def semaphores(semaphore: Semaphore, capped: CappedSemaphore) -> Green[None]:
    assert_type((yield from semaphore.acquire()), bool)
    assert_type((yield from semaphore.acquire(timeout=1)), bool)
    assert_type((yield from semaphore.hold()), ContextManager[None])
    with (yield from semaphore.hold()) as nothing:
        assert_type(nothing, None)
    semaphore.release()
    assert_type((yield from capped.release()), bool)
    assert_type(capped.balance, int)


def takes_semaphore(semaphore: Semaphore) -> None: ...


takes_semaphore(BoundedSemaphore(2))
takes_semaphore(Lock())
takes_semaphore(RLock())


def locks(lock: Lock, condition: Condition, barrier: Barrier) -> Green[str]:
    assert_type(lock.owner, Optional[AnyGreenThread])
    with (yield from condition.hold()):
        assert_type((yield from condition.wait()), bool)
        assert_type((yield from condition.wait_for(lambda: lock, 1)), bool)
    assert_type((yield from barrier.wait()), int)
    Condition(lock)
    Condition(RLock())
    with (yield from lock.hold()):
        return "a block that is left by return has no other end"


def queues(queue: Queue[str], timeout: Optional[float]) -> Green[int]:
    yield from queue.put("x", timeout=timeout)
    queue.put_nowait("x")
    assert_type((yield from queue.get()), str)
    assert_type(queue.get_nowait(), str)
    assert_type((yield from queue.next()), Union[str, End])
    assert_type((yield from queue.collect()), List[str])
    total = 0
    while (item := (yield from queue.next())) is not END:
        assert_type(item, str)
        total += len(item)
    return total


def takes_light(queue: LightQueue[int]) -> None: ...


takes_light(Queue())
takes_light(LifoQueue(3))
takes_light(PriorityQueue[int](maxsize=3))


def channels() -> Green[None]:
    tx, rx = Channel[int](5)
    assert_type(tx, Sender[int])
    assert_type(rx, Receiver[int])
    yield from tx.send(1)
    assert_type((yield from rx.receive()), int)
    assert_type(rx.receive_nowait(), int)
    assert_type(rx.next_nowait(), Union[int, End])
    while (item := (yield from rx.next())) is not END:
        assert_type(item, int)
    with tx.clone() as another, rx.clone() as other:
        assert_type(another, Sender[int])
        assert_type(other, Receiver[int])


def pair(channel: Channel[int]) -> Tuple[Sender[int], Receiver[int]]:
    return channel


def feed_dogs(tx: Sender[Dog]) -> None: ...


def watch_animals(rx: Receiver[Animal]) -> None: ...


def variance(tx: Sender[Animal], rx: Receiver[Dog]) -> None:
    feed_dogs(tx)
    watch_animals(rx)


def locals_(data: local) -> None:
    data.anything = 1
    assert_type(data.something, Any)
