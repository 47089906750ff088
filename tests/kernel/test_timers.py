"""The heap of deadlines, and what sleeps on it."""

from __future__ import annotations

import random
from math import inf, nan
from typing import Any, List, Tuple

import pytest

import genlet
from genlet.abc import Green
from genlet.kernel import Wait, get_scheduler
from genlet.kernel.timers import Timers

from . import VirtualTime, forever, simulate


class Item:
    """Writes its name down when it expires."""

    def __init__(self, name: int, log: List[int]) -> None:
        self.timer: int = 0
        self.name: int = name
        self.log: List[int] = log

    def expire(self) -> None:
        self.log.append(self.name)


def test_timers_fire_by_deadline_and_ties_in_the_order_they_were_made() -> None:
    """One reading of the clock fires all that is due, and no more."""
    log: List[int] = []
    timers = Timers()
    for name, deadline in enumerate([3.0, 1.0, 3.0, 2.0, 1.0, 4.0]):
        timers.add(deadline, Item(name, log))
    timers.fire(0.5)
    assert log == []
    timers.fire(3.0)
    assert log == [1, 4, 3, 0, 2]
    assert timers.next_deadline() == 4.0
    assert len(timers) == 1


def test_a_cancelled_timer_never_fires_and_is_no_deadline() -> None:
    """Cancelling twice, and after the fact, does nothing."""
    log: List[int] = []
    timers = Timers()
    items = [Item(name, log) for name in range(3)]
    for item in items:
        timers.add(float(item.name), item)
    timers.cancel(items[0])
    timers.cancel(items[0])
    assert len(timers) == 2
    assert timers.next_deadline() == 1.0
    timers.fire(1.0)
    timers.cancel(items[1])
    assert log == [1]
    timers.cancel(items[2])
    assert timers.next_deadline() is None
    assert len(timers) == 0


def test_an_item_that_is_added_again_fires_at_its_last_deadline_only() -> None:
    """Re-arming makes the older entry dead."""
    log: List[int] = []
    timers = Timers()
    item = Item(7, log)
    timers.add(1.0, item)
    timers.cancel(item)
    timers.add(2.0, item)
    timers.fire(1.5)
    assert log == []
    timers.fire(2.0)
    assert log == [7]
    assert item.timer == 0


@pytest.mark.slow
def test_cancelled_timers_do_not_pile_up() -> None:
    """The heap holds at most twice what is live, and a few; what is left fires in order."""
    log: List[int] = []
    timers = Timers()
    chance = random.Random(1)
    live: List[Tuple[float, Item]] = []
    for name in range(5000):
        item = Item(name, log)
        deadline = float(chance.randrange(1000))
        timers.add(deadline, item)
        if name % 100:
            live.append((deadline, item))
            _, gone = live.pop(chance.randrange(len(live)))
            timers.cancel(gone)
        else:
            live.append((deadline, item))
        assert len(timers) == len(live)
        assert len(timers.heap) <= 2 * max(len(timers), timers.COMPACT_AT) + 1
    timers.fire(inf)
    live.sort(key=lambda entry: (entry[0], entry[1].name))
    assert log == [item.name for _, item in live]


def test_sleepers_wake_by_deadline_and_ties_in_order() -> None:
    """Whoever fell asleep first wakes first, at the same instant."""
    log: List[Tuple[float, str]] = []
    time = VirtualTime()

    def sleeps(name: str, seconds: float) -> Green[None]:
        yield from genlet.sleep(seconds)
        log.append((time.now, name))

    def main() -> Green[None]:
        for name, seconds in [("a", 2), ("b", 1), ("c", 2), ("d", 1), ("e", 0)]:
            genlet.spawn(sleeps, name, seconds)
        yield from genlet.sleep(3)

    time.runner().run(main)
    assert log == [(0, "e"), (1, "b"), (1, "d"), (2, "a"), (2, "c")]


def test_a_negative_sleep_is_a_turn() -> None:
    """As zero is."""

    def main() -> Green[None]:
        yield from genlet.sleep(-5)
        assert len(get_scheduler().timers) == 0

    simulate(main)


def test_sleep_refuses_what_is_no_time() -> None:
    """NaN would never be due; None is no number."""

    def main() -> Green[None]:
        with pytest.raises(ValueError, match=r"^the time is a number of seconds; got NaN$"):
            yield from genlet.sleep(nan)
        nothing: Any = None
        with pytest.raises(TypeError):
            yield from genlet.sleep(nothing)

    simulate(main)


def test_an_infinite_sleep_has_no_timer_and_can_be_a_deadlock() -> None:
    """Nothing will ever wake it but an interruption."""

    def main() -> Green[None]:
        with pytest.raises(genlet.Deadlock):
            yield from genlet.sleep(inf)

    simulate(main)


def test_an_interrupted_sleep_leaves_no_timer() -> None:
    """Whatever interrupts it."""

    def main() -> Green[None]:
        timers = get_scheduler().timers
        gt = genlet.spawn(genlet.sleep, 1000)
        yield from genlet.sleep(0)
        assert len(timers) == 1
        yield from gt.kill()
        assert len(timers) == 0
        with genlet.move_on_after(1):
            yield from genlet.sleep(1000)
        assert len(timers) == 0

    simulate(main)


def test_a_wait_with_a_timeout_gives_its_default_when_the_time_is_up() -> None:
    """``expired`` tells it from a value; a wait that was woken leaves no timer."""

    def main() -> Green[None]:
        wait: Wait[str] = Wait(None, "a word", timeout=5, default="nothing")
        assert (yield from wait.get()) == "nothing"
        assert wait.expired
        assert get_scheduler().clock() == 5
        wait = Wait(None, "a word", timeout=5, default="nothing")
        gt = genlet.spawn(wait.get)
        yield from genlet.sleep(0)
        wait.wake("something")
        assert len(get_scheduler().timers) == 0
        assert (yield from gt.wait()) == "something"
        assert not wait.expired

    simulate(main)


def test_a_wait_whose_time_is_up_at_once_still_lets_others_run() -> None:
    """A timeout of zero or less is due after this turn: who wakes it in this turn wins."""

    def main() -> Green[None]:
        for seconds in (0, -1):
            wait: Wait[str] = Wait(None, "a word", timeout=seconds)
            gt = genlet.spawn(wait.get)
            waker = genlet.spawn(wakes, wait)
            yield from waker.wait()
            assert (yield from gt.wait()) == "in time"

    def wakes(wait: Wait[str]) -> Green[None]:
        wait.wake("in time")
        yield from genlet.checkpoint()

    simulate(main)


def test_a_distant_deadline_is_waited_for_in_pieces() -> None:
    """Pollers take their timeout in few bits: no wait is longer than a day, none returns early."""
    time = VirtualTime()

    def main() -> Green[None]:
        yield from genlet.sleep(1e7)

    time.runner().run(main)
    assert time.now == 1e7


def test_a_timer_that_fires_long_after_its_deadline_fires_once() -> None:
    """A clock that jumps ahead, as when the machine slept, wakes everybody once, in order."""
    now = [0.0]
    log: List[int] = []

    def sleeps(number: int) -> Green[None]:
        yield from genlet.sleep(number)
        log.append(number)

    def main() -> Green[None]:
        for number in (3, 1, 2):
            genlet.spawn(sleeps, number)
        yield from genlet.sleep(0)
        now[0] = 1e6
        yield from genlet.sleep(0.5)

    time = VirtualTime()
    genlet.Runner(hub=time, clock=lambda: now[0] + time.now).run(main)
    assert log == [1, 2, 3]


def test_virtual_forever_is_a_deadlock_not_a_wait() -> None:
    """A wait with an infinite timeout arms no timer."""

    def main() -> Green[None]:
        with pytest.raises(genlet.Deadlock):
            yield from forever().get()

    simulate(main)
