"""Condition: the lock is given up while one waits, and held again however the wait ends."""

from __future__ import annotations

from typing import List, Optional

import pytest

import genlet
from genlet import GreenletExit
from genlet.abc import Green
from genlet.condition import RETAKE, Condition
from genlet.errors import WrongThread
from genlet.lock import Lock, RLock

from .kernel import outcome, settle, simulate
from .kernel.sweep import Aim, sweep
from .test_event import in_a_thread, leave_a_child_behind

LOCKS = pytest.mark.parametrize("lock", [None, Lock, RLock])


def waits(
    condition: Condition, log: List[str], word: str, timeout: Optional[float] = None
) -> Green[None]:
    with (yield from condition.hold()):
        try:
            log.append(f"{word} {(yield from condition.wait(timeout))}")
        finally:
            assert condition.lock.owner is genlet.getcurrent()


@LOCKS
def test_condition_wait_gives_up_the_lock_and_has_it_again(lock: Optional[type]) -> None:
    """Meanwhile another can take it, change things and notify; the waiter goes on after that."""

    def main() -> Green[None]:
        condition = Condition(lock() if lock is not None else None)
        log: List[str] = []
        waiter = genlet.spawn(waits, condition, log, "waiter")
        yield from settle()
        assert not condition.locked()
        assert condition.waiters == [waiter]
        with (yield from condition.hold()):
            condition.notify()
            yield from settle()
            assert log == []
        yield from waiter.wait()
        assert log == ["waiter True"]
        assert not condition.locked()

    genlet.run(main)


def test_condition_notifies_those_who_have_waited_longest() -> None:
    """Notify(n) wakes n, in the order they came, and notify_all the rest."""

    def main() -> Green[None]:
        condition = Condition()
        log: List[str] = []
        for word in "abcde":
            genlet.spawn(waits, condition, log, word)
        yield from settle()
        yield from condition.acquire()
        condition.notify(2)
        condition.release()
        yield from settle()
        assert log == ["a True", "b True"]
        condition.acquire_nowait()
        condition.notify_all()
        condition.notify(7)
        condition.release()
        yield from settle()
        assert log[2:] == ["c True", "d True", "e True"]

    genlet.run(main)


def test_condition_is_for_the_owner_of_its_lock() -> None:
    """Who does not own the lock can neither wait nor notify, in the words of `threading`."""

    def main() -> Green[None]:
        condition = Condition()
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"^cannot wait on un-acquired lock"):
                yield from condition.wait()
            with pytest.raises(RuntimeError, match=r"^cannot notify on un-acquired lock"):
                condition.notify()
            if not condition.locked():
                yield from genlet.spawn(condition.acquire).wait()

    genlet.run(main)


def test_condition_wait_returns_false_when_the_time_is_up() -> None:
    """With the lock held again, and nobody left in the line."""

    def main() -> Green[None]:
        condition = Condition()
        log: List[str] = []
        yield from waits(condition, log, "late", 0)
        yield from waits(condition, log, "later", 0.001)
        assert log == ["late False", "later False"]
        assert condition.waiters == []

    genlet.run(main)


def test_condition_wait_restores_how_often_the_lock_was_acquired() -> None:
    """However deep the owner is in an RLock, waiting gives it up entirely."""

    def main() -> Green[None]:
        lock = RLock()
        condition = Condition(lock)
        with (yield from condition.hold()), (yield from condition.hold()):
            yield from lock.acquire()
            assert not (yield from condition.wait(0))
            assert lock.count == 3
            genlet.spawn(notify, condition)
            assert (yield from condition.wait())
            assert lock.count == 3
            lock.release()
        assert not lock.locked()

    genlet.run(main)


def notify(condition: Condition) -> Green[None]:
    with (yield from condition.hold()):
        condition.notify()


def test_condition_wait_for_waits_until_the_predicate_is_true() -> None:
    """At once if it is, however often it is notified in vain, and no longer than the timeout."""

    def main() -> Green[None]:
        condition = Condition()
        items: List[int] = []

        def adds() -> Green[None]:
            yield from notify(condition)
            items.append(1)
            yield from notify(condition)

        with (yield from condition.hold()):
            assert (yield from condition.wait_for(lambda: True))
            assert not (yield from condition.wait_for(lambda: items, timeout=0))
            assert not (yield from condition.wait_for(lambda: items, timeout=0.001))
            genlet.spawn(adds)
            assert (yield from condition.wait_for(lambda: items, timeout=1000))
            assert (yield from condition.wait_for(lambda: items))

    genlet.run(main)


def test_condition_waiter_that_is_killed_has_the_lock_before_the_exception_leaves() -> None:
    """Even if somebody else holds it at that time, and for however long."""

    def main() -> Green[None]:
        condition = Condition()
        log: List[str] = []
        victim = genlet.spawn(waits, condition, log, "victim")
        yield from settle()
        with (yield from condition.hold()):
            yield from victim.kill()
            yield from settle()
            assert not victim.dead
            yield from victim.kill(force=True)
            yield from settle()
            assert not victim.dead
        assert isinstance((yield from outcome(victim)), GreenletExit)
        assert log == []
        assert not condition.locked()

    genlet.run(main)


def test_condition_wait_in_a_cancelled_scope_comes_out_with_the_lock() -> None:
    """A scope that refuses every suspension still lets the lock be had."""

    def main() -> Green[None]:
        condition = Condition()

        def blocks() -> Green[None]:
            with (yield from condition.hold()):
                yield from genlet.sleep(0.005)

        with genlet.move_on_after(0.001) as scope, (yield from condition.hold()):
            genlet.spawn(blocks)
            try:
                yield from condition.wait()
            finally:
                assert condition.lock.owner is genlet.getcurrent()
        assert scope.cancelled_caught
        assert not condition.locked()

    genlet.run(main)


def test_condition_wait_that_is_refused_never_gives_up_the_lock() -> None:
    """In a scope that is cancelled already the wait does not begin."""

    def main() -> Green[None]:
        condition = Condition()
        log: List[str] = []

        def tries() -> Green[None]:
            with (yield from condition.hold()):
                log.append("in")

        with (yield from condition.hold()):
            genlet.spawn(tries)
            yield from settle()
            with genlet.CancelScope() as scope:
                scope.cancel()
                yield from condition.wait()
            assert log == []
            assert condition.lock.owner is genlet.getcurrent()
        yield from settle()
        assert log == ["in"]

    genlet.run(main)


def test_condition_waiter_killed_after_it_was_notified_keeps_the_notification() -> None:
    """It returns True, acts on it, and is interrupted at its next suspension: nothing is lost."""

    def main() -> Green[None]:
        condition = Condition()
        items: List[int] = []
        taken: List[int] = []

        def takes() -> Green[None]:
            with (yield from condition.hold()):
                yield from condition.wait_for(lambda: items)
                taken.append(items.pop())

        first, second = genlet.spawn(takes), genlet.spawn(takes)
        yield from settle()
        with (yield from condition.hold()):
            items.append(1)
            condition.notify()
            first.kill_soon()
        yield from outcome(first)
        assert taken == [1]
        with (yield from condition.hold()):
            items.append(2)
            condition.notify()
        yield from second.wait()
        assert taken == [1, 2]

    genlet.run(main)


@LOCKS
def test_condition_notification_of_a_waiter_that_dies_waiting_for_the_lock_is_passed_on(
    lock: Optional[type],
) -> None:
    """Notified, and killed while the notifier still holds the lock: the next waiter goes on."""

    def main() -> Green[None]:
        condition = Condition(lock() if lock is not None else None)
        log: List[str] = []
        victim = genlet.spawn(waits, condition, log, "victim")
        genlet.spawn(waits, condition, log, "next")
        yield from settle()
        with (yield from condition.hold()):
            condition.notify()
            yield from settle()
            yield from victim.kill()
        yield from settle()
        assert victim.dead
        assert log == ["next True"]

    genlet.run(main)


@LOCKS
def test_condition_waiter_that_cannot_have_the_lock_in_time_leaves_it_to_its_holder(
    lock: Optional[type],
) -> None:
    """The end of its block releases nothing, and a lock it takes meanwhile is released as usual."""

    def main() -> Green[None]:
        condition = Condition(lock() if lock is not None else None)
        seen: List[object] = []

        def victim() -> Green[None]:
            with (yield from condition.hold()):
                try:
                    yield from condition.wait()
                finally:
                    seen.append(condition.lock.owner)

        def again() -> Green[None]:
            with (yield from condition.hold()):
                try:
                    yield from condition.wait()
                except GreenletExit:
                    yield from genlet.sleep(1000)
                    with (yield from condition.hold()):
                        seen.append(condition.lock.owner)
                    seen.append(condition.locked())

        gts = [genlet.spawn(victim), genlet.spawn(again)]
        yield from settle()
        me = genlet.getcurrent()
        with (yield from condition.hold()):
            for gt in gts:
                yield from gt.kill()
            yield from genlet.sleep(RETAKE + 1)
            assert gts[0].dead
            assert seen == [me]
            assert condition.lock.owner is me
            assert not condition.lock.waiters
        yield from outcome(gts[1])
        assert seen == [me, gts[1], False]
        assert not condition.locked()
        with pytest.raises(RuntimeError, match=r"lock"):
            condition.release()

    simulate(main)


def test_condition_in_use_in_another_thread_is_refused() -> None:
    """While somebody waits the condition belongs to that kernel."""

    def main() -> Green[None]:
        condition = Condition()
        log: List[str] = []
        waiter = genlet.spawn(waits, condition, log, "waiter")
        yield from settle()

        def strange() -> Green[None]:
            with (yield from condition.hold()):
                with pytest.raises(WrongThread, match=r"stranger"):
                    yield from condition.wait()
                with pytest.raises(WrongThread, match=r"thread"):
                    condition.notify()

        assert in_a_thread(lambda: genlet.run(strange)) is None
        assert condition.waiters == [waiter]
        yield from notify(condition)
        yield from waiter.wait()

    genlet.run(main)


def test_condition_wait_that_is_held_back_gives_up_the_lock_when_it_begins() -> None:
    """A notification cannot come before the wait, for the lock is held until then."""

    def main() -> Green[None]:
        condition = Condition()
        log: List[str] = []

        def late() -> Green[None]:
            with (yield from condition.hold()):
                yield from leave_a_child_behind()
                log.append(str((yield from condition.wait())))

        waiter = genlet.spawn(late)
        yield from settle()
        assert condition.locked()
        yield from notify(condition)
        yield from waiter.wait()
        assert log == ["True"]

    genlet.run(main)


def test_condition_repr_tells_of_lock_and_waiters() -> None:
    """What is on the outside is what a person debugging wants to know."""
    assert ": unlocked>, 0 waiting to be notified>" in repr(Condition(Lock()))


@pytest.mark.parametrize("timeout", [None, 1000])
@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_condition_loses_nothing_wherever_somebody_is_interrupted(
    index: int, timeout: Optional[float]
) -> None:
    """Two producers and two consumers, any of them interrupted: no item is stuck or taken twice."""

    def scenario(aim: Aim) -> Green[None]:
        condition = Condition()
        items: List[int] = []
        taken: List[int] = []

        def produces(number: int) -> Green[None]:
            with (yield from condition.hold()):
                yield from genlet.sleep(0)
                items.append(number)
                condition.notify()
                yield from genlet.sleep(0)

        def consumes() -> Green[None]:
            with (yield from condition.hold()):
                if (yield from condition.wait_for(lambda: items, timeout)):
                    taken.append(items.pop())
                yield from genlet.sleep(0)

        crew = [genlet.spawn(consumes), genlet.spawn(consumes)]
        crew += [genlet.spawn(produces, number) for number in range(2)]
        victim = aim(crew[index])
        for gt in crew[2:]:
            yield from outcome(gt)
        yield from settle()
        made = len(items) + len(taken)
        assert made >= 1
        live = [gt for gt in crew[:2] if not gt.dead]
        assert not (items and live), "an item, and somebody who waits for one"
        assert not condition.locked()
        assert sorted(items + taken) == sorted(set(items + taken))
        for gt in live:
            yield from gt.kill()
        assert victim.dead
        assert condition.waiters == []
        assert not condition.locked()

    assert sweep(scenario) >= 6
