"""Semaphores: permits are neither lost nor made, and served in the order they were asked for."""

from __future__ import annotations

from typing import Any, Callable, List, Type

import pytest

import genlet
from genlet._compat import IS_PYPY
from genlet.abc import Green
from genlet.errors import WouldBlock, WrongThread
from genlet.semaphore import BoundedSemaphore, CappedSemaphore, Semaphore

from .kernel import outcome, settle
from .kernel.sweep import Aim, sweep
from .test_event import in_a_thread, leave_a_child_behind

CROWD = 10_000 if IS_PYPY else 40_000


def use(semaphore: Semaphore) -> Green[None]:
    with (yield from semaphore.hold()):
        yield from genlet.sleep(0)


def use_in_time(semaphore: Semaphore) -> Green[None]:
    if (yield from semaphore.acquire(timeout=1000)):
        try:
            yield from genlet.sleep(0)
        finally:
            semaphore.release()


@pytest.mark.parametrize(
    ("value", "error"),
    [("foo", TypeError), (None, TypeError), (float("nan"), TypeError), (-1, ValueError)],
)
def test_semaphore_refuses_what_is_no_number_of_permits(
    value: Any, error: Type[Exception]
) -> None:
    """Eventlet's checks: a TypeError for no number, a ValueError for a negative one."""
    with pytest.raises(error, match=r"^Semaphore\(\) expect value"):
        Semaphore(value)


def test_semaphore_truncates_a_float() -> None:
    """As eventlet does."""
    assert Semaphore(2.9).counter == 2


def test_semaphore_acquire_checks_its_arguments_as_the_standard_library_does() -> None:
    """A negative timeout and a timeout without blocking are refused; -1 means for ever."""

    def main() -> Green[None]:
        semaphore = Semaphore(3)
        with pytest.raises(ValueError, match=r"^timeout value must be strictly positive$"):
            yield from semaphore.acquire(timeout=-2)
        with pytest.raises(ValueError, match=r"^the timeout is a number of seconds; got NaN$"):
            yield from semaphore.acquire(timeout=float("nan"))
        with pytest.raises(ValueError, match=r"^can't specify timeout for non-blocking acquire$"):
            yield from semaphore.acquire(blocking=False, timeout=1)
        assert (yield from semaphore.acquire(timeout=-1))
        assert (yield from semaphore.acquire(blocking=False, timeout=-1))
        assert semaphore.counter == 1

    genlet.run(main)


def test_semaphore_serves_in_the_order_of_asking() -> None:
    """A released permit goes to whoever has waited longest."""

    def main() -> Green[None]:
        semaphore = Semaphore(0)
        log: List[int] = []

        def asks(number: int) -> Green[None]:
            yield from semaphore.acquire()
            log.append(number)

        for number in range(10):
            genlet.spawn(asks, number)
        yield from settle()
        for _ in range(10):
            semaphore.release()
        yield from settle()
        assert log == list(range(10))

    genlet.run(main)


def test_semaphore_released_permit_is_not_free_for_those_who_come_later() -> None:
    """Neither a non-blocking nor a timed acquire gets past a waiter that was handed the permit."""

    def main() -> Green[None]:
        semaphore = Semaphore(0)
        waiter = genlet.spawn(semaphore.acquire)
        yield from settle()
        semaphore.release()
        assert not (yield from semaphore.acquire(blocking=False))
        with pytest.raises(WouldBlock):
            semaphore.acquire_nowait()
        assert not (yield from semaphore.acquire(timeout=0))
        assert (yield from waiter.wait())
        assert semaphore.counter == 0

    genlet.run(main)


def test_semaphore_acquire_gives_up_when_the_time_is_up() -> None:
    """False, nobody left in the line, and the next permit is free."""

    def main() -> Green[None]:
        semaphore = Semaphore(0)
        other = genlet.spawn(genlet.checkpoint)
        assert not (yield from semaphore.acquire(timeout=0))
        assert other.started, "a timeout of 0 lets others run once"
        assert not (yield from semaphore.acquire(timeout=0.001))
        assert semaphore.waiters == []
        semaphore.release()
        assert semaphore.counter == 1

    genlet.run(main)


def test_semaphore_permit_handed_to_a_killed_waiter_is_its_own() -> None:
    """Released, then killed before it runs: it has the permit, and its block gives it back."""

    def main() -> Green[None]:
        semaphore = Semaphore(0)
        victim = genlet.spawn(use, semaphore)
        yield from settle()
        semaphore.release()
        yield from victim.kill()
        yield from outcome(victim)
        assert semaphore.counter == 1

    genlet.run(main)


def test_semaphore_hold_releases_however_the_block_ends() -> None:
    """The end of the with block is the plain release."""

    def main() -> Green[None]:
        semaphore = Semaphore(1)

        def fails() -> Green[None]:
            with (yield from semaphore.hold()) as nothing:
                assert nothing is None
                assert semaphore.locked()
                raise LookupError

        with pytest.raises(LookupError):
            yield from fails()
        assert not semaphore.locked()
        assert not semaphore.bounded()

    genlet.run(main)


def test_semaphore_balance_counts_waiters_as_debt() -> None:
    """Positive: free permits; negative: the length of the line."""

    def main() -> Green[None]:
        semaphore = Semaphore(1)
        assert semaphore.balance == 1
        users = [genlet.spawn(semaphore.acquire) for _ in range(4)]
        yield from settle()
        assert semaphore.balance == -3
        assert semaphore.waiters == users[1:]
        assert "0 free, 3 waiting" in repr(semaphore)
        for _ in range(3):
            semaphore.release()
        yield from settle()
        assert semaphore.balance == 0

    genlet.run(main)


def test_semaphore_release_from_another_thread_is_refused_and_changes_nothing() -> None:
    """While somebody waits the semaphore belongs to that kernel."""

    def main() -> Green[None]:
        semaphore = Semaphore(0)
        waiter = genlet.spawn(semaphore.acquire)
        yield from settle()
        assert isinstance(in_a_thread(semaphore.release), WrongThread)
        error = in_a_thread(lambda: genlet.run(semaphore.acquire))
        assert isinstance(error, WrongThread)
        assert "stranger" in str(error)
        assert semaphore.waiters == [waiter]
        assert semaphore.counter == 0
        semaphore.release()
        yield from waiter.wait()

    genlet.run(main)


@pytest.mark.parametrize("kind", [Semaphore, BoundedSemaphore])
def test_semaphore_released_while_the_waiter_is_held_back_serves_it(kind: Type[Semaphore]) -> None:
    """A greenthread that is held for a child before its wait is armed takes the free permit then."""

    def main() -> Green[None]:
        semaphore = kind(1)
        yield from semaphore.acquire()

        def waits() -> Green[bool]:
            yield from leave_a_child_behind()
            return (yield from semaphore.acquire())

        waiter = genlet.spawn(waits)
        yield from settle()
        semaphore.release()
        assert (yield from waiter.wait())
        assert semaphore.counter == 0

    genlet.run(main)


def test_bounded_semaphore_notices_a_release_too_many() -> None:
    """ValueError in eventlet's words, and the permits stay as many as they were."""
    semaphore = BoundedSemaphore(1)
    with pytest.raises(ValueError, match=r"^Semaphore released too many times$"):
        semaphore.release()
    semaphore.acquire_nowait()
    semaphore.release()
    assert semaphore.counter == 1


@pytest.mark.parametrize("user", [use, use_in_time])
@pytest.mark.parametrize("permits", [1, 2])
def test_semaphore_loses_no_permit_wherever_a_user_is_interrupted(
    user: Callable[[Semaphore], Green[None]], permits: int
) -> None:
    """All permits are back and nobody waits, wherever one of five users was interrupted."""

    def scenario(aim: Aim) -> Green[None]:
        semaphore = BoundedSemaphore(permits)
        users = [genlet.spawn(user, semaphore) for _ in range(5)]
        aim(users[2])
        for gt in users:
            yield from outcome(gt)
        assert semaphore.counter == permits
        assert semaphore.waiters == []

    assert sweep(scenario) >= 6


@pytest.mark.slow
def test_semaphore_with_a_crowd_of_timed_waiters_costs_no_scans() -> None:
    """Tens of thousands of waiters with timeouts: half give up, and the other half are served in order."""

    def main() -> Green[None]:
        semaphore = Semaphore(0)
        served: List[int] = []

        def asks(number: int) -> Green[None]:
            if (yield from semaphore.acquire(timeout=0.001 if number % 2 else 1000.0)):
                served.append(number)
                semaphore.release()

        for number in range(CROWD):
            genlet.spawn(asks, number)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0.01)
        assert semaphore.balance == -CROWD // 2
        semaphore.release()
        while semaphore.counter == 0:
            yield from genlet.sleep(0)
        assert served == list(range(0, CROWD, 2))
        assert semaphore.counter == 1

    genlet.run(main)


# ---- capped -------------------------------------------------------------------------------------


def test_capped_semaphore_balance_goes_from_minus_limit_to_limit() -> None:
    """Eventlet's own test: three permits at the most, releases that wait, acquires that wait."""

    def main() -> Green[None]:
        semaphore = CappedSemaphore(2, limit=3)
        assert (yield from semaphore.acquire())
        assert (yield from semaphore.acquire())
        first = genlet.spawn(semaphore.release)
        assert (yield from semaphore.acquire())
        assert semaphore.balance == -3
        for _ in range(3):
            assert (yield from semaphore.release())
        second = genlet.spawn(semaphore.acquire)
        assert (yield from semaphore.release())
        assert semaphore.balance == 3
        yield from first.wait()
        yield from second.wait()

    genlet.run(main)


def test_capped_semaphore_release_waits_at_the_limit_and_never_exceeds_it() -> None:
    """A full semaphore lets a releaser in when somebody has acquired, in order."""

    def main() -> Green[None]:
        semaphore = CappedSemaphore(1, 1)
        assert semaphore.bounded()
        assert not (yield from semaphore.release(blocking=False))
        assert not (yield from semaphore.release(timeout=0))
        with pytest.raises(WouldBlock):
            semaphore.release_nowait()
        releasers = [genlet.spawn(semaphore.release) for _ in range(2)]
        yield from settle()
        assert semaphore.waiters == releasers
        assert semaphore.counter == 1
        semaphore.acquire_nowait()
        yield from settle()
        assert [gt.dead for gt in releasers] == [True, False]
        assert semaphore.counter == 1
        yield from semaphore.acquire()
        yield from releasers[1].wait()
        semaphore.acquire_nowait()
        assert semaphore.locked()

    genlet.run(main)


def test_capped_semaphore_with_limit_0_is_a_meeting() -> None:
    """Each release waits for an acquire, and each acquire for a release."""

    def main() -> Green[None]:
        semaphore = CappedSemaphore(0, 0)
        acquirer = genlet.spawn(semaphore.acquire)
        yield from settle()
        assert not acquirer.dead
        assert (yield from semaphore.release())
        assert (yield from acquirer.wait())
        releaser = genlet.spawn(semaphore.release)
        yield from settle()
        assert not releaser.dead
        assert (yield from semaphore.acquire(blocking=False))
        assert (yield from releaser.wait())
        assert "0 of 0 free, 0 waiting to acquire, 0 to release" in repr(semaphore)

    genlet.run(main)


@pytest.mark.parametrize(("count", "limit"), [(-1, 2), (3, 2)])
def test_capped_semaphore_refuses_a_count_outside_its_limit(count: int, limit: int) -> None:
    """Between 0 and the limit."""
    with pytest.raises(ValueError, match=r"must be initialized|cannot be more"):
        CappedSemaphore(count, limit)


def test_capped_semaphore_serves_those_who_were_held_back() -> None:
    """What has become possible before a wait is armed is done then, on both sides."""

    def main() -> Green[None]:
        semaphore = CappedSemaphore(0, 1)

        def acquires() -> Green[bool]:
            yield from leave_a_child_behind()
            return (yield from semaphore.acquire())

        def releases() -> Green[bool]:
            yield from leave_a_child_behind()
            return (yield from semaphore.release())

        acquirer = genlet.spawn(acquires)
        yield from settle()
        semaphore.release_nowait()
        assert (yield from acquirer.wait())
        semaphore.release_nowait()
        releaser = genlet.spawn(releases)
        yield from settle()
        semaphore.acquire_nowait()
        assert (yield from releaser.wait())
        assert semaphore.counter == 1

    genlet.run(main)


def test_capped_semaphore_loses_no_permit_wherever_a_user_is_interrupted() -> None:
    """Every side that was told True did its part, and no other."""

    def scenario(aim: Aim) -> Green[None]:
        semaphore = CappedSemaphore(1, 1)
        given: List[int] = [1]

        def acquires() -> Green[None]:
            for _ in range(2):
                if (yield from semaphore.acquire()):
                    given[0] -= 1
                yield from genlet.sleep(0)

        def releases() -> Green[None]:
            for _ in range(2):
                if (yield from semaphore.release()):
                    given[0] += 1
                yield from genlet.sleep(0)

        users = [genlet.spawn(fn) for fn in (releases, acquires, releases, acquires)]
        aim(users[0])
        yield from settle()
        assert semaphore.counter == max(min(given[0], 1), 0) == given[0]
        for gt in users:
            yield from gt.kill()
        assert semaphore.waiters == []

    assert sweep(scenario) >= 6
