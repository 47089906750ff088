"""Under a storm of real signals nothing is lost or doubled: `test_signal_handlers`, by chance."""

# There a handler comes at each place in turn, here at ten thousand a second, between any two steps
# of anything, the pollers included.  The long one lasts
# GENLET_STORM_SECONDS.

from __future__ import annotations

import os
import signal
from socket import timeout
from time import monotonic
from typing import Callable, Dict, List, Optional

import pytest

import genlet
from genlet import (
    Event,
    LifoQueue,
    LightQueue,
    Lock,
    PriorityQueue,
    Queue,
    Semaphore,
    Stopper,
    TaskGroup,
)
from genlet.abc import Green
from genlet.green import os as green_os
from genlet.green import socket
from genlet.kernel import AnyGreenThread, CancelScope, available_hubs, get_scheduler
from genlet.queue import Empty, Full
from tests.kernel import forever, outcome

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no setitimer")

SECONDS = float(os.environ.get("GENLET_STORM_SECONDS", "10"))
RATE = 10_000  # signals a second


class Storm:
    """Every primitive at work, while a timer's signal comes ten thousand times a second."""

    def __init__(self, seconds: float) -> None:
        self.seconds: float = seconds
        self.over: bool = False
        self.handling: bool = False
        self.errors: List[BaseException] = []
        self.turn: int = 0
        self.number: int = 0
        self.put: Dict[str, List[int]] = {}
        self.taken: Dict[str, List[int]] = {}
        self.queues: Dict[str, LightQueue[int]] = {
            "queue": Queue(),
            "bounded": Queue(2),
            "channel": LightQueue(0),
            "priority": PriorityQueue(),
            "lifo": LifoQueue(),
        }
        self.semaphore = Semaphore(1)
        self.released: int = 0
        self.consumed: int = 0
        self.lock = Lock()
        self.lent: bool = False
        self.event: Optional[Event[int]] = None
        self.victim: Optional[AnyGreenThread] = None
        self.scope: Optional[CancelScope] = None
        self.stopper: Optional[Stopper] = None
        self.portal: Optional[genlet.kernel.Portal] = None
        self.asked: int = 0
        self.made: int = 0
        for name in self.queues:
            self.put[name] = []
            self.taken[name] = []
        self.actions: List[Callable[[], None]] = [
            *(self.put_into(name) for name in self.queues),
            *(self.release, self.unlock, self.send, self.kill, self.cancel, self.stop, self.ask),
        ]

    # ---- what the handler does, one after the other ----

    def handler(self, *_: object) -> None:
        if self.handling or self.over:
            return
        self.handling = True
        try:
            self.turn += 1
            self.actions[self.turn % len(self.actions)]()
        except BaseException as exc:
            self.errors.append(exc)
        finally:
            self.handling = False

    def put_into(self, name: str) -> Callable[[], None]:
        def put() -> None:
            self.number += 1
            try:
                self.queues[name].put_nowait(self.number)
            except Full:
                return
            self.put[name].append(self.number)

        return put

    def release(self) -> None:
        self.released += 1
        self.semaphore.release()

    def unlock(self) -> None:
        if self.lent:
            self.lent = False
            self.lock.release()

    def send(self) -> None:
        event, self.event = self.event, None
        if event is not None:
            event.send(1)

    def kill(self) -> None:
        victim, self.victim = self.victim, None
        if victim is not None:
            victim.kill_soon()

    def cancel(self) -> None:
        scope, self.scope = self.scope, None
        if scope is not None:
            scope.cancel()

    def stop(self) -> None:
        stopper, self.stopper = self.stopper, None
        if stopper is not None:
            stopper.stop()

    def ask(self) -> None:
        if self.portal is not None:
            self.asked += 1
            self.portal.call_soon(self.answer)

    def answer(self) -> None:
        self.made += 1

    # ---- what runs meanwhile ----

    def getter(self, name: str, timeout: Optional[float]) -> Green[None]:
        queue = self.queues[name]
        while not self.over:
            try:
                self.taken[name].append((yield from queue.get(timeout=timeout)))
            except Empty:
                pass

    def user(self, timeout: float) -> Green[None]:
        while not self.over:
            if (yield from self.semaphore.acquire(timeout=timeout)):
                yield from genlet.sleep(0)
                self.semaphore.release()

    def consumer(self) -> Green[None]:
        while not self.over:
            if (yield from self.semaphore.acquire(timeout=0.01)):
                self.consumed += 1

    def lender(self) -> Green[None]:
        while not self.over:
            yield from self.lock.acquire()
            self.lent = True
            while self.lent and not self.over:
                yield from genlet.sleep(0)
            if self.lent:  # the storm has ended
                self.lent = False
                self.lock.release()

    def borrower(self) -> Green[None]:
        while not self.over:
            if (yield from self.lock.acquire(timeout=0.001)):
                yield from genlet.sleep(0)
                self.lock.release()

    def listener(self) -> Green[None]:
        while not self.over:
            event: Event[int] = Event()
            self.event = event
            assert (yield from event.wait(0.002)) in (1, None)

    def hunt(self) -> Green[None]:
        while not self.over:
            gt = genlet.spawn(forever().get)
            self.victim = gt
            with genlet.move_on_after(0.01):
                yield from outcome(gt)
            gt.kill_soon()
            yield from outcome(gt)

    def scoped(self) -> Green[None]:
        while not self.over:
            with genlet.CancelScope() as scope:
                self.scope = scope
                with genlet.move_on_after(0.002):
                    yield from forever().get()
            yield from genlet.sleep(0)

    def stopped(self) -> Green[None]:
        while not self.over:
            stopper = Stopper()
            self.stopper = stopper
            with genlet.move_on_after(0.01):
                while not stopper.stop_called:
                    with stopper.region():
                        yield from genlet.sleep(0.0005)

    def echo(self) -> Green[None]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            while not self.over:
                yield from ours.sendall(b"ping")
                assert (yield from theirs.recv(10)) == b"ping"
                ours.settimeout(0.0005)
                with pytest.raises(timeout):
                    yield from ours.recv(1)
                yield from genlet.sleep(0)

    def pipe(self) -> Green[None]:
        reading, writing = os.pipe()
        try:
            while not self.over:
                os.write(writing, b"x")
                assert (yield from green_os.read(reading, 10)) == b"x"
                yield from genlet.sleep(0)
        finally:
            os.close(reading)
            os.close(writing)

    def main(self) -> Green[None]:
        with genlet.portal() as self.portal, TaskGroup() as group:
            for name in self.queues:
                group.spawn(self.getter, name, 0.001)
                group.spawn(self.getter, name, 0.05)
            for timeout in (0, 0.001, 0.02):
                group.spawn(self.user, timeout)
            for fn in (self.consumer, self.lender, self.borrower, self.listener, self.hunt):
                group.spawn(fn)
            for fn in (self.scoped, self.stopped, self.echo, self.pipe):
                group.spawn(fn)
            until = monotonic() + self.seconds
            while monotonic() < until:
                yield from genlet.sleep(0.01)
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.over = True
            with genlet.fail_after(20):
                yield from group.join()
            yield from genlet.sleep(0)
        scheduler = get_scheduler()
        left = [gt for gt in scheduler.everybody() if gt is not scheduler.main]
        assert not left, f"left: {left}"
        assert not len(scheduler.timers), "timers are left"


@pytest.mark.parametrize("hub", available_hubs())
def test_a_storm_of_real_signals_loses_and_doubles_nothing(hub: str) -> None:
    """Ten thousand times a second, whatever runs then: each call does what it does, once."""
    weather(hub, 0.7)


@pytest.mark.slow
def test_a_long_storm_of_real_signals_loses_and_doubles_nothing() -> None:
    """The same for longer, on the best hub."""
    weather(available_hubs()[0], SECONDS)


def weather(hub: str, seconds: float) -> None:
    """Run a storm on *hub*, and add up."""
    storm = Storm(seconds)
    before = signal.signal(signal.SIGALRM, storm.handler)
    signal.setitimer(signal.ITIMER_REAL, 1 / RATE, 1 / RATE)
    try:
        genlet.Runner(hub=hub).run(storm.main)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not storm.errors, f"{len(storm.errors)} calls raised, the first {storm.errors[0]!r}"
    for name, queue in storm.queues.items():
        taken = storm.taken[name] + [queue.get_nowait() for _ in range(queue.qsize())]
        assert sorted(taken) == sorted(storm.put[name]), f"of the {name}"
        assert queue.getting() == queue.putting() == 0
    assert storm.made == storm.asked
    free = 1 + storm.released - storm.consumed
    assert storm.semaphore.counter == storm.semaphore.balance == free
    assert not storm.lock.locked()
    assert storm.turn > len(storm.actions), "there was no storm"
