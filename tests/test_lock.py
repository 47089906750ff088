"""Locks: one holder at a time, known by name."""

from __future__ import annotations

from typing import List, Type

import pytest

import genlet
from genlet.abc import Green
from genlet.errors import Deadlock, WouldBlock
from genlet.lock import Lock, RLock
from genlet.semaphore import Semaphore

from .kernel import outcome, settle
from .kernel.sweep import Aim, sweep
from .test_event import leave_a_child_behind

BOTH = pytest.mark.parametrize("kind", [Lock, RLock])


@BOTH
def test_lock_is_held_by_one_at_a_time_in_the_order_of_asking(kind: Type[Lock]) -> None:
    """No two are inside, nobody overtakes, and the owner is who is inside."""

    def main() -> Green[None]:
        lock = kind()
        log: List[int] = []

        def enters(number: int) -> Green[None]:
            with (yield from lock.hold()):
                assert lock.owner is genlet.getcurrent()
                log.append(number)
                yield from genlet.sleep(0)
                log.append(number)

        for gt in [genlet.spawn(enters, number) for number in range(5)]:
            yield from gt.wait()
        assert log == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
        assert lock.owner is None
        assert not lock.locked()

    genlet.run(main)


def test_lock_release_of_an_unlocked_one_is_refused() -> None:
    """A RuntimeError in the words of `threading`."""
    with pytest.raises(RuntimeError, match=r"^release unlocked lock$"):
        Lock().release()


def test_lock_belongs_to_the_waiter_from_the_moment_of_its_release() -> None:
    """Handed over at once, not when the new owner runs."""

    def main() -> Green[None]:
        lock = Lock()
        assert (yield from lock.acquire())
        waiter = genlet.spawn(lock.acquire)
        yield from settle()
        lock.release()
        assert lock.owner is waiter
        assert lock.locked()
        assert not (yield from lock.acquire(blocking=False))
        with pytest.raises(WouldBlock, match=rf"held by {waiter.name}, 0 waiting"):
            lock.acquire_nowait()
        lock.release()  # by another than its owner: allowed, as in threading
        assert lock.owner is None
        assert repr(lock).endswith(": unlocked>")

    genlet.run(main)


def test_lock_is_a_semaphore_of_one() -> None:
    """As in eventlet."""
    lock = Lock()
    assert isinstance(lock, Semaphore)
    assert lock.counter == lock.balance == 1


def test_lock_outside_of_a_run_has_nobody_to_hold_it() -> None:
    """The error says what is missing."""
    with pytest.raises(RuntimeError, match="no kernel runs in this thread"):
        Lock().acquire_nowait()


def test_rlock_is_acquired_again_by_its_owner_and_free_when_released_as_often() -> None:
    """Only the last release lets the next one in."""

    def main() -> Green[None]:
        lock = RLock()
        waiter = genlet.spawn(lock.acquire)
        with (yield from lock.hold()):
            yield from lock.acquire(timeout=0)
            lock.acquire_nowait()
            assert lock.count == 3
            yield from settle()
            lock.release()
            lock.release()
            assert lock.count == 1
            assert not waiter.dead
        assert lock.owner is waiter
        assert lock.count == 1
        yield from waiter.wait()

    genlet.run(main)


def test_rlock_release_by_another_than_its_owner_is_refused() -> None:
    """A RuntimeError in the words of `threading`."""

    def main() -> Green[None]:
        lock = RLock()
        with pytest.raises(RuntimeError, match=r"^cannot release un-acquired lock: <RLock"):
            lock.release()
        yield from genlet.spawn(lock.acquire).wait()
        with pytest.raises(RuntimeError, match=r"^cannot release un-acquired lock: <RLock"):
            lock.release()
        assert lock.count == 1

    genlet.run(main)


def test_lock_deadlock_of_two_says_who_holds_what_the_other_waits_for() -> None:
    """The classic: each holds one lock and waits for the other's; the report names both holders."""

    def main() -> Green[None]:
        one, two = Lock(), Lock()

        def takes(first: Lock, second: Lock) -> Green[None]:
            with (yield from first.hold()):
                yield from genlet.sleep(0)
                with (yield from second.hold()):
                    pass

        alice = genlet.spawn(takes, one, two)
        alice.name = "alice"
        bob = genlet.spawn(takes, two, one)
        bob.name = "bob"
        yield from alice.wait()

    with pytest.raises(Deadlock) as caught:
        genlet.run(main)
    lines = [line.strip() for line in str(caught.value).splitlines()]
    of_alice = next(n for n, line in enumerate(lines) if line.startswith("<GreenThread alice"))
    of_bob = next(n for n, line in enumerate(lines) if line.startswith("<GreenThread bob"))
    assert "waits for a permit" not in lines[of_alice]
    assert "waits for a lock" in lines[of_alice]
    assert lines[of_alice + 1].startswith("held by <GreenThread bob")
    assert lines[of_bob + 1].startswith("held by <GreenThread alice")


@BOTH
def test_lock_released_while_the_waiter_is_held_back_is_the_waiters(kind: Type[Lock]) -> None:
    """A greenthread that is held for a child before its wait is armed owns the free lock then."""

    def main() -> Green[None]:
        lock = kind()
        yield from lock.acquire()

        def waits() -> Green[None]:
            yield from leave_a_child_behind()
            with (yield from lock.hold()):
                assert lock.owner is genlet.getcurrent()

        waiter = genlet.spawn(waits)
        yield from settle()
        lock.release()
        yield from waiter.wait()
        assert not lock.locked()

    genlet.run(main)


@BOTH
def test_lock_is_free_in_the_end_wherever_a_user_is_interrupted(kind: Type[Lock]) -> None:
    """Everybody who was not interrupted gets it, and nobody keeps it."""

    def scenario(aim: Aim) -> Green[None]:
        lock = kind()
        inside: List[int] = []

        def uses() -> Green[None]:
            with (yield from lock.hold()):
                inside.append(1)
                assert len(inside) == 1
                try:
                    yield from genlet.sleep(0)
                finally:
                    inside.pop()

        users = [genlet.spawn(uses) for _ in range(3)]
        aim(users[1])
        for gt in users:
            error = yield from outcome(gt)
            assert error is None or gt is users[1]
        assert not lock.locked()
        assert lock.owner is None
        assert lock.waiters == []

    assert sweep(scenario) >= 6
