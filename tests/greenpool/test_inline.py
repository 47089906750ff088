"""Spawning from inside a full pool: the job runs in its spawner."""

from __future__ import annotations

from typing import Any, List

import pytest

import genlet
from genlet.abc import Green
from genlet.greenpool import GreenPile, GreenPool
from genlet.kernel import AnyGreenThread, GreenletExit, NullInstrument, Runner
from tests.crews import turns
from tests.kernel import simulate

from . import Report, block, double, expect_idle, failing, plain


def test_spawn_by_a_member_of_a_full_pool_runs_in_the_caller() -> None:
    """The job runs in its spawner and has ended on return: a pool cannot wait for itself."""

    def inner() -> Green[AnyGreenThread]:
        yield from genlet.sleep(0)
        return genlet.getcurrent()

    def member(pool: GreenPool) -> Green[None]:
        gt = yield from pool.spawn(inner)
        assert gt.dead
        assert gt.started
        assert gt is not genlet.getcurrent()
        assert gt.spawned_at is not None
        assert gt.spawned_at[2] == "member"
        assert (yield from gt.wait()) is genlet.getcurrent()
        seen: List[object] = []
        gt.link(seen.append)
        assert seen == [gt]
        yield from pool.spawn_n(inner)
        assert (pool.running(), pool.free()) == (1, 0)

    def main() -> Green[None]:
        pool = GreenPool(1)
        gt = yield from pool.spawn(member, pool)
        yield from gt.wait()
        expect_idle(pool)

    genlet.run(main)


def test_spawn_by_members_recursively_never_deadlocks() -> None:
    """Members may spawn into a pool of any size, to any depth."""

    def tree(pool: GreenPool, depth: int) -> Green[int]:
        if not depth:
            return 1
        left = yield from pool.spawn(tree, pool, depth - 1)
        right = yield from pool.spawn(tree, pool, depth - 1)
        return (yield from left.wait()) + (yield from right.wait())

    def main(size: int) -> Green[None]:
        pool = GreenPool(size)
        # A member that waits for another holds its slot; only the queue of the pool must not fill up.
        root = yield from pool.spawn(tree, pool, 5)
        assert (yield from root.wait()) == 32
        expect_idle(pool)

    for size in (1, 2, 7):
        genlet.run(main, size)


def test_inline_failure_stays_in_its_greenthread() -> None:
    """The error of a job that ran in the caller is raised only by its `wait`."""

    def member(pool: GreenPool) -> Green[None]:
        gt = yield from pool.spawn(failing, 5)
        assert gt.dead
        with pytest.raises(KeyError, match="5"):
            yield from gt.wait()
        pile = GreenPile[int](pool)
        yield from pile.spawn(failing, 6)
        with pytest.raises(KeyError, match="6"):
            yield from pile.next()

    def main() -> Green[None]:
        pool = GreenPool(1)
        gt = yield from pool.spawn(member, pool)
        yield from gt.wait()

    assert Report().run(main) == []


def test_inline_spawn_of_a_plain_function_is_refused_at_the_call() -> None:
    """A function that is not green is an error at the call, in a full pool too."""

    def member(pool: GreenPool) -> Green[None]:
        with pytest.raises(TypeError, match="a green function"):
            yield from pool.spawn(plain)

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from (yield from pool.spawn(member, pool)).wait()

    genlet.run(main)


@pytest.mark.parametrize("exc", [GreenletExit, KeyError("from outside")])
def test_inline_job_interrupted_passes_the_interruption_on(exc: Any) -> None:
    """A kill of the caller while it runs a job ends the caller."""
    went_on: List[object] = []

    def member(pool: GreenPool) -> Green[None]:
        went_on.append((yield from pool.spawn(block)))

    def main() -> Green[None]:
        pool = GreenPool(1)
        gt = yield from pool.spawn(member, pool)
        yield from turns()
        yield from gt.kill(exc)
        assert gt.dead
        assert gt.ended_as_told
        assert went_on == []
        expect_idle(pool)

    genlet.run(main)


def test_inline_job_under_the_callers_timeout_passes_it_on() -> None:
    """A Timeout or scope that the caller set up around the spawn ends the spawn."""

    def member(pool: GreenPool) -> Green[None]:
        with pytest.raises(genlet.Timeout), genlet.Timeout(1):
            yield from pool.spawn(block)
        with genlet.move_on_after(1) as scope:
            yield from pool.spawn(block)
        assert scope.cancelled_caught

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from (yield from pool.spawn(member, pool)).wait()
        expect_idle(pool)

    simulate(main)


def test_inline_job_under_the_callers_timeout_of_another_error_passes_it_on() -> None:
    """A Timeout of the caller that raises another error ends the spawn too."""

    def member(pool: GreenPool) -> Green[None]:
        with pytest.raises(ZeroDivisionError), genlet.Timeout(1, ZeroDivisionError):
            yield from pool.spawn(block)

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from (yield from pool.spawn(member, pool)).wait()

    simulate(main)


def test_inline_job_that_times_itself_out_fails_by_itself() -> None:
    """A Timeout that the job made is the job's failure, and does not reach the spawner."""

    def impatient() -> Green[None]:
        with genlet.Timeout(1):
            yield from block()

    def member(pool: GreenPool) -> Green[None]:
        gt = yield from pool.spawn(impatient)
        with pytest.raises(genlet.Timeout):
            yield from gt.wait()

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from (yield from pool.spawn(member, pool)).wait()

    simulate(main)


def test_inline_job_that_times_itself_out_with_another_error_fails_by_itself() -> None:
    """A Timeout of the job that raises another error is the job's failure too."""

    def impatient() -> Green[None]:
        with genlet.Timeout(1, ZeroDivisionError):
            yield from block()

    def member(pool: GreenPool) -> Green[None]:
        gt = yield from pool.spawn(impatient)
        with pytest.raises(ZeroDivisionError):
            yield from gt.wait()

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from (yield from pool.spawn(member, pool)).wait()

    simulate(main)


class Census(NullInstrument):
    """An instrument that counts greenthreads."""

    def __init__(self) -> None:
        self.spawned_so_far: List[AnyGreenThread] = []
        self.live: List[AnyGreenThread] = []

    def spawned(self, gt: AnyGreenThread) -> None:
        self.spawned_so_far.append(gt)
        self.live.append(gt)

    def finished(self, gt: AnyGreenThread) -> None:
        self.live.remove(gt)


def test_inline_job_closed_at_the_end_of_the_run_takes_its_caller_along() -> None:
    """A job that ignores its interruption is closed by force, and its spawner ends with it."""
    went_on: List[object] = []

    def deaf() -> Green[None]:
        while True:
            try:
                yield from block()
            except genlet.Cancelled:
                pass

    def member(pool: GreenPool) -> Green[None]:
        went_on.append((yield from pool.spawn(deaf)))

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from pool.spawn(member, pool)
        yield from turns()

    census = Census()
    Runner(grace=0, instruments=[census]).run(main)
    assert went_on == []
    assert len(census.spawned_so_far) == 2, "nothing was made of the job that was closed"


def test_inline_job_is_told_to_instruments_from_beginning_to_end() -> None:
    """Instruments are called for the spawn of each greenthread whose end they are called for."""

    def member(pool: GreenPool) -> Green[None]:
        yield from pool.spawn(double, 1)

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from (yield from pool.spawn(member, pool)).wait()

    census = Census()
    Runner(instruments=[census]).run(main)
    assert len(census.spawned_so_far) == 3
    assert census.live == []
