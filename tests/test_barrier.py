"""Barrier: all of them, or none."""

from __future__ import annotations

from threading import BrokenBarrierError
from typing import List

import pytest

import genlet
from genlet.abc import Green
from genlet.barrier import Barrier
from genlet.errors import WrongThread

from .kernel import outcome, settle
from .kernel.sweep import Aim, sweep
from .test_event import in_a_thread, leave_a_child_behind


def test_barrier_opens_when_the_last_one_comes_and_numbers_them() -> None:
    """Nobody passes before; each gets its place; and it closes again behind them."""

    def main() -> Green[None]:
        barrier = Barrier(3)
        for _ in range(3):
            waiters = [genlet.spawn(barrier.wait) for _ in range(2)]
            yield from settle()
            assert barrier.n_waiting == 2
            assert barrier.waiters == waiters
            assert "2 of 3 waiting" in repr(barrier)
            assert (yield from barrier.wait()) == 2
            assert [(yield from waiters[0].wait()), (yield from waiters[1].wait())] == [0, 1]
            assert barrier.n_waiting == 0

    genlet.run(main)


def test_barrier_of_one_never_waits() -> None:
    """And none of less can be made."""

    def main() -> Green[None]:
        other = genlet.spawn(genlet.checkpoint)
        assert (yield from Barrier(1).wait()) == 0
        assert not other.started

    genlet.run(main)
    with pytest.raises(
        ValueError, match=r"parties of a Barrier is a whole number, 1 or more; got 0$"
    ):
        Barrier(0)


def test_barrier_action_runs_once_before_anybody_goes_on() -> None:
    """In the greenthread that comes last."""

    def main() -> Green[None]:
        log: List[str] = []

        def passes(name: str) -> Green[None]:
            genlet.getcurrent().name = name
            yield from barrier.wait()
            log.append(name)

        barrier = Barrier(2, action=lambda: log.append(f"action by {genlet.getcurrent().name}"))
        first, second = genlet.spawn(passes, "first"), genlet.spawn(passes, "second")
        yield from first.wait()
        yield from second.wait()
        assert log == ["action by second", "second", "first"]

    genlet.run(main)


def test_barrier_is_broken_by_an_action_that_raises() -> None:
    """Who came last gets the error, the others BrokenBarrierError."""

    def fails() -> None:
        raise LookupError("action")

    def main() -> Green[None]:
        barrier = Barrier(2, fails)
        waiter = genlet.spawn(barrier.wait)
        yield from settle()
        with pytest.raises(LookupError, match=r"^action$"):
            yield from barrier.wait()
        assert isinstance((yield from outcome(waiter)), BrokenBarrierError)
        assert barrier.broken

    genlet.run(main)


def test_barrier_is_broken_for_all_when_one_has_waited_too_long() -> None:
    """By the timeout of the wait, or else the barrier's own."""

    def main() -> Green[None]:
        for barrier, timeout in [(Barrier(3), 0.001), (Barrier(3, timeout=0), None)]:
            patient = genlet.spawn(barrier.wait, 1000)
            yield from settle()
            with pytest.raises(BrokenBarrierError):
                yield from barrier.wait(timeout)
            assert isinstance((yield from outcome(patient)), BrokenBarrierError)
            assert repr(barrier).endswith(": broken>")
            with pytest.raises(BrokenBarrierError):
                yield from barrier.wait()

    genlet.run(main)


def test_barrier_abort_breaks_and_reset_mends() -> None:
    """Both turn away those who wait."""

    def main() -> Green[None]:
        barrier = Barrier(2)
        waiter = genlet.spawn(barrier.wait)
        yield from settle()
        barrier.abort()
        assert isinstance((yield from outcome(waiter)), BrokenBarrierError)
        assert barrier.broken
        barrier.reset()
        assert not barrier.broken
        waiter = genlet.spawn(barrier.wait)
        yield from settle()
        barrier.reset()
        assert isinstance((yield from outcome(waiter)), BrokenBarrierError)
        waiter = genlet.spawn(barrier.wait)
        yield from settle()
        assert (yield from barrier.wait()) == 1
        barrier.abort()  # it was let through before
        assert (yield from waiter.wait()) == 0

    genlet.run(main)


def test_barrier_is_left_by_who_is_interrupted_as_if_it_had_not_come() -> None:
    """The others wait for another one, and the places have no gap."""

    def main() -> Green[None]:
        barrier = Barrier(3)
        waiters = [genlet.spawn(barrier.wait) for _ in range(2)]
        yield from settle()
        yield from waiters[0].kill()
        assert barrier.n_waiting == 1
        waiters.append(genlet.spawn(barrier.wait))
        yield from settle()
        assert (yield from barrier.wait()) == 2
        yield from settle()
        assert [gt.result() for gt in waiters[1:]] == [0, 1]

    genlet.run(main)


def test_barrier_in_use_in_another_thread_is_refused() -> None:
    """While somebody waits the barrier belongs to that kernel, and its action is not run."""

    def main() -> Green[None]:
        log: List[int] = []
        barrier = Barrier(2, lambda: log.append(1))
        waiter = genlet.spawn(barrier.wait)
        yield from settle()
        for call in (barrier.abort, barrier.reset, lambda: genlet.run(barrier.wait)):
            assert isinstance(in_a_thread(call), WrongThread)
        assert (barrier.broken, log) == (False, [])
        yield from barrier.wait()
        assert (yield from waiter.wait()) == 0

    genlet.run(main)


def test_barrier_counts_one_who_was_held_back_when_it_comes() -> None:
    """The last to come may have been held for a child before its wait was armed; or find it broken."""

    def main() -> Green[None]:
        barrier = Barrier(2)

        def late() -> Green[int]:
            yield from leave_a_child_behind()
            return (yield from barrier.wait())

        waiter = genlet.spawn(late)
        yield from settle()
        assert (yield from barrier.wait()) == 0
        assert (yield from waiter.wait()) == 1
        waiter = genlet.spawn(late)
        yield from settle()
        barrier.abort()
        assert isinstance((yield from outcome(waiter)), BrokenBarrierError)
        assert barrier.n_waiting == 0

    genlet.run(main)


def test_barrier_keeps_nobody_wherever_one_is_interrupted() -> None:
    """With one more to come in the place of the victim, everybody passes."""

    def scenario(aim: Aim) -> Green[None]:
        barrier = Barrier(2)
        victim = aim(genlet.spawn(barrier.wait, 1000))
        other = genlet.spawn(barrier.wait)
        yield from settle()
        error = yield from outcome(victim)
        if error is not None:
            assert barrier.n_waiting == 1
            yield from barrier.wait()
        assert (yield from other.wait()) in (0, 1)
        assert barrier.n_waiting == 0
        assert not barrier.broken

    assert sweep(scenario) >= 4
