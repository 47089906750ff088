"""GreenPool: its size, spawning, errors and waitall."""

from __future__ import annotations

import gc
from typing import Any, List, Type

import pytest

import genlet
from genlet.abc import Green
from genlet.errors import WouldBlock, WrongThread
from genlet.greenpool import GreenPile, GreenPool
from genlet.kernel import Runner, get_scheduler
from tests.crews import Gate, ended, hold_back, turns
from tests.kernel import simulate
from tests.kernel.sweep import Aim, sweep

from . import Report, at_once, block, double, expect_idle, failing, plain


@pytest.mark.parametrize(("size", "error"), [("foo", TypeError), (-1, ValueError)])
def test_pool_of_a_wrong_size_is_refused(size: Any, error: Type[Exception]) -> None:
    """A size is a number, 0 or more, and so is a new size."""
    with pytest.raises(error, match="size of a GreenPool"):
        GreenPool(size)
    with pytest.raises(error, match="size of a GreenPool"):
        GreenPool(1).resize(size)


def test_pool_outside_of_a_run_says_that_no_kernel_runs() -> None:
    """A pool can be made and inspected outside of a run, but starts nothing there."""
    pool = GreenPool(3)
    expect_idle(pool)
    pool.resize(4)
    with pytest.raises(RuntimeError, match="no kernel runs"):
        pool.spawn_nowait(double, 1)
    with pytest.raises(RuntimeError, match="no kernel runs"):
        pool.imap(double, [1])
    expect_idle(pool)


def test_pool_never_runs_more_than_its_size() -> None:
    """At most *size* jobs run at the same time, and all of them run in the end."""
    running = [0, 0, 0]

    def job() -> Green[None]:
        running[0] += 1
        running[1] = max(running[:2])
        yield from turns()
        running[0] -= 1
        running[2] += 1

    def main() -> Green[None]:
        pool = GreenPool(4)
        for _ in range(50):
            yield from pool.spawn_n(job)
            assert pool.running() <= 4
        yield from pool.waitall()
        expect_idle(pool)

    genlet.run(main)
    assert running == [0, 4, 50]


def test_pool_counts_what_runs_what_is_free_and_who_waits() -> None:
    """running() + free() is the size, and waiting() is the number of waiting spawners."""

    def main() -> Green[None]:
        pool = GreenPool(2)
        gate = Gate()
        for _ in range(2):
            yield from pool.spawn(gate.pass_through)
        spawners = [genlet.spawn(pool.spawn, double, n) for n in range(3)]
        yield from turns()
        assert (pool.running(), pool.free(), pool.waiting()) == (2, 0, 3)
        assert repr(pool) == "<GreenPool 2 of 2 running, 3 waiting>"
        gate.open()
        for spawner in spawners:
            yield from spawner.wait()
        yield from pool.waitall()
        expect_idle(pool)

    genlet.run(main)


def test_pool_used_in_one_run_after_the_other_begins_each_anew() -> None:
    """Jobs that one run has left in a pool do not count in the next run."""
    pool = GreenPool(1)

    def main() -> Green[None]:
        yield from pool.spawn_n(block)

    genlet.run(main)
    genlet.run(main)
    expect_idle(pool)


def test_pool_in_use_by_another_thread_says_so() -> None:
    """Two runs cannot use a pool at the same time."""
    from threading import Thread

    pool = GreenPool(1)
    errors: List[BaseException] = []

    def other() -> None:
        def main() -> Green[None]:
            with pytest.raises(WrongThread, match="in use by a run in another thread"):
                yield from pool.spawn(block)

        try:
            genlet.run(main)
        except BaseException as exc:
            errors.append(exc)

    def main() -> Green[None]:
        yield from pool.spawn(block)
        thread = Thread(target=other)
        thread.start()
        thread.join()

    genlet.run(main)
    assert errors == []


def test_pool_growing_wakes_waiting_spawners() -> None:
    """New slots go to the waiting spawners at once, in the order they came."""

    def main() -> Green[None]:
        pool = GreenPool(0)
        spawners = [genlet.spawn(pool.spawn, block) for _ in range(3)]
        yield from turns()
        assert (pool.running(), pool.waiting()) == (0, 3)
        pool.resize(2)
        yield from turns()
        assert [gt.dead for gt in spawners] == [True, True, False]
        assert (pool.running(), pool.free(), pool.waiting()) == (2, 0, 1)

    genlet.run(main)


def test_pool_shrunk_starts_nobody_until_enough_have_ended() -> None:
    """Running jobs go on, free() is negative, and slots beyond the new size are not reused."""

    def main() -> Green[None]:
        pool = GreenPool(3)
        running = []
        for _ in range(3):
            running.append((yield from pool.spawn(block)))
        pool.resize(1)
        assert pool.free() == -2
        spawner = genlet.spawn(pool.spawn, double, 4)
        for free, gt in zip((-1, 0), running):
            yield from gt.kill()
            assert (pool.free(), pool.waiting()) == (free, 1)
        yield from running[2].kill()
        assert (yield from (yield from spawner.wait()).wait()) == 8
        assert pool.free() == 1

    genlet.run(main)


def test_spawn_returns_a_greenthread_with_the_result() -> None:
    """The greenthread can be waited for, and records where it was spawned."""

    def main() -> Green[None]:
        gt = yield from GreenPool(1).spawn(double, 21)
        assert not gt.dead
        assert gt.spawned_at is not None
        assert gt.spawned_at[0] == __file__
        assert (yield from gt.wait()) == 42

    genlet.run(main)


def test_spawners_that_wait_are_served_in_order() -> None:
    """A slot goes to the spawner that has waited longest."""
    order: List[int] = []

    def job(n: int) -> Green[None]:
        order.append(n)
        yield from turns(2)

    def main() -> Green[None]:
        pool = GreenPool(1)
        for n in range(5):
            genlet.spawn(pool.spawn_n, job, n)
        yield from genlet.sleep(0)
        yield from pool.spawn_n(job, 5)
        yield from pool.waitall()

    genlet.run(main)
    assert order == [0, 1, 2, 3, 4, 5]


def test_spawn_of_a_plain_function_gives_its_slot_back() -> None:
    """A function that is not green is a TypeError at the call, and takes no slot."""

    def main() -> Green[None]:
        pool = GreenPool(1)
        for _ in range(2):
            with pytest.raises(TypeError, match="a green function"):
                yield from pool.spawn(plain)
            with pytest.raises(TypeError, match="a green function"):
                yield from pool.spawn_n(plain)
            with pytest.raises(TypeError, match="a green function"):
                pool.spawn_nowait(plain)
        expect_idle(pool)
        gt = yield from pool.spawn(block)
        spawner = genlet.spawn(pool.spawn, plain)
        yield from turns()
        other = genlet.spawn(pool.spawn, double, 1)
        yield from turns()
        yield from gt.kill()
        assert type((yield from ended(spawner))) is TypeError
        assert (yield from (yield from other.wait()).wait()) == 2
        yield from pool.waitall()
        expect_idle(pool)

    genlet.run(main)


def test_spawn_killed_before_its_start_gives_its_slot_back() -> None:
    """A greenthread that is killed before it runs gives its slot back, for spawn and spawn_n."""

    def main() -> Green[None]:
        pool = GreenPool(2)
        gt = yield from pool.spawn(block)
        yield from gt.kill()
        expect_idle(pool)
        yield from pool.spawn_n(block)
        for member in get_scheduler().everybody():
            if member is not genlet.getcurrent():
                yield from member.kill()
        expect_idle(pool)

    genlet.run(main)


def test_spawn_timed_out_while_it_waits_uses_nothing_up() -> None:
    """A spawner that times out no longer waits, and its job does not run."""
    ran: List[int] = []

    def job() -> Green[None]:
        ran.append(1)
        yield from ()

    def main() -> Green[None]:
        pool = GreenPool(1)
        gate = Gate()
        yield from pool.spawn(gate.pass_through)
        with genlet.Timeout(0.01, False):
            yield from pool.spawn(job)
        assert (pool.running(), pool.waiting()) == (1, 0)
        gate.open()
        yield from pool.waitall()
        expect_idle(pool)

    simulate(main)
    assert ran == []


def test_spawn_nowait_refuses_when_the_pool_is_full() -> None:
    """spawn_nowait starts a job or raises WouldBlock, for a member of the pool too."""

    def member(pool: GreenPool) -> Green[None]:
        with pytest.raises(WouldBlock, match="is full"):
            pool.spawn_nowait(double, 1)
        yield from ()

    def main() -> Green[None]:
        pool = GreenPool(1)
        gt = pool.spawn_nowait(double, 1)
        with pytest.raises(WouldBlock, match="is full"):
            pool.spawn_nowait(double, 1)
        assert (yield from gt.wait()) == 2
        yield from pool.spawn_nowait(member, pool).wait()
        expect_idle(pool)

    genlet.run(main)


def test_spawn_copies_the_contextvars_of_the_caller() -> None:
    """A job sees the values that were set where it was spawned; its own changes are not seen there."""
    from contextvars import ContextVar

    var: ContextVar[int] = ContextVar("var", default=0)

    def job() -> Green[int]:
        before = var.get()
        var.set(7)
        yield from ()
        return before

    def main() -> Green[None]:
        var.set(3)
        gt = yield from GreenPool(1).spawn(job)
        assert (yield from gt.wait()) == 3
        assert var.get() == 3

    genlet.run(main)


@pytest.mark.parametrize("verb", ["spawn", "spawn_n"])
def test_spawn_interrupted_anywhere_loses_no_slot(verb: str) -> None:
    """After an interruption at any suspension of a spawner the pool has all its slots."""

    def job(gate: Gate) -> Green[None]:
        yield from gate.pass_through()
        yield from turns(2)

    def spawner(pool: GreenPool, gate: Gate) -> Green[None]:
        for _ in range(3):
            yield from getattr(pool, verb)(job, gate)

    def scenario(aim: Aim) -> Green[None]:
        pool, gate = GreenPool(1), Gate()
        victim = aim(genlet.spawn(spawner, pool, gate))
        other = genlet.spawn(spawner, pool, gate)
        yield from turns()
        gate.open()
        yield from ended(victim)
        yield from other.wait()
        yield from pool.waitall()
        expect_idle(pool)

    assert sweep(scenario) >= 6


def test_member_interrupted_anywhere_gives_its_slot_back() -> None:
    """After an interruption at any suspension of a job its slot goes to the waiting spawner."""

    def scenario(aim: Aim) -> Green[None]:
        pool = GreenPool(1)
        victim = aim((yield from pool.spawn(turns, 3)))
        gt = yield from pool.spawn(double, 1)  # waits for the victim's slot
        assert victim.dead
        assert (yield from gt.wait()) == 2
        expect_idle(pool)

    assert sweep(scenario) >= 6


def test_error_of_a_spawned_job_is_kept_and_not_reported() -> None:
    """An error of a spawned job is raised by `wait`, however late, and not reported."""

    def main() -> Green[None]:
        pool = GreenPool(1)
        gt = yield from pool.spawn(failing, 1)
        yield from pool.waitall()
        with pytest.raises(KeyError, match="1"):
            yield from gt.wait()

    assert Report().run(main) == []


def test_error_of_spawn_n_is_reported_once() -> None:
    """The error of a job that cannot be waited for is reported, also if a member ran it."""

    def member(pool: GreenPool) -> Green[None]:
        yield from pool.spawn_n(failing, 2)

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from pool.spawn_n(failing, 1)
        yield from pool.spawn_n(member, pool)
        yield from pool.waitall()

    assert [exc.args for exc in Report().run(main)] == [(1,), (2,)]


def test_systemexit_of_a_job_ends_the_program() -> None:
    """SystemExit is raised in main, and the slot is given back."""
    pool = GreenPool(1)

    def job() -> Green[None]:
        yield from ()
        raise SystemExit(3)

    def main() -> Green[None]:
        yield from pool.spawn_n(job)
        yield from block()

    with pytest.raises(SystemExit):
        genlet.run(main)
    expect_idle(pool)


def test_spawn_after_the_end_of_main_starts_nothing() -> None:
    """A job that is spawned while the run ends is ended too, and holds no slot."""
    ran: List[int] = []
    pool = GreenPool(2)

    def job() -> Green[None]:
        ran.append(1)
        yield from ()

    def member() -> Green[None]:
        try:
            yield from block()
        finally:
            assert pool.spawn_nowait(job).dead

    def main() -> Green[None]:
        yield from pool.spawn_n(member)
        yield from turns()

    Runner(grace=0).run(main)
    assert ran == []
    expect_idle(pool)


def test_waitall_of_an_idle_pool_returns_without_waiting() -> None:
    """waitall of an idle pool does not let other greenthreads run."""

    def main() -> Green[None]:
        ran: List[int] = []
        genlet.spawn_n(at_once, 1)
        other = genlet.spawn(turns, 1)
        yield from GreenPool(0).waitall()
        assert not other.started
        assert ran == []

    genlet.run(main)


def test_waitall_waits_for_those_that_wait_to_spawn() -> None:
    """waitall also waits for spawners that wait for a slot."""

    def main() -> Green[None]:
        pool = GreenPool(1)
        gate = Gate()
        done: List[int] = []

        def job(n: int) -> Green[None]:
            yield from gate.pass_through()
            done.append(n)

        for n in range(3):
            genlet.spawn(pool.spawn_n, job, n)
        yield from turns()
        gate.open()
        yield from pool.waitall()
        assert done == [0, 1, 2]

    genlet.run(main)


def test_waitall_ends_when_the_last_spawner_gives_up() -> None:
    """waitall returns when no job runs and the last waiting spawner is killed."""

    def main() -> Green[None]:
        pool = GreenPool(0)
        spawner = genlet.spawn(pool.spawn, double, 1)
        waiter = genlet.spawn(pool.waitall)
        yield from turns()
        assert not waiter.dead
        yield from spawner.kill()
        yield from waiter.wait()

    genlet.run(main)


def test_waitall_from_a_member_is_refused() -> None:
    """A member that called waitall would wait for itself."""

    def main() -> Green[None]:
        pool = GreenPool(2)
        gt = yield from pool.spawn(pool.waitall)
        with pytest.raises(
            AssertionError,
            match=r"^Calling waitall\(\) from within one of the GreenPool's greenthreads will never"
            r" terminate\.$",
        ):
            yield from gt.wait()

    genlet.run(main)


def test_waitall_interrupted_anywhere_leaves_no_trace() -> None:
    """An interrupted waitall does not affect the other greenthreads in waitall."""

    def scenario(aim: Aim) -> Green[None]:
        pool = GreenPool(2)
        yield from pool.spawn_n(turns, 3)
        victim = aim(genlet.spawn(pool.waitall))
        yield from pool.waitall()
        yield from ended(victim)
        expect_idle(pool)

    assert sweep(scenario) >= 3


@pytest.mark.parametrize("verb", ["spawn", "waitall", "imap", "pile", "pile of nothing", "result"])
def test_wait_that_begins_late_looks_again(verb: str) -> None:
    """A wait that is held back finds, when it begins, what has happened meanwhile."""

    def late(pool: GreenPool, pile: GreenPile[None], gate: Gate) -> Green[object]:
        source = pool.imap(at_once, [5])
        yield from hold_back(gate)
        if verb == "spawn":
            return (yield from pool.spawn(at_once, 5))
        if verb == "waitall":
            yield from pool.waitall()
            return None
        if verb == "imap":
            return (yield from source.next())
        return (yield from pile.next())

    def main() -> Green[None]:
        pool, gate, occupied = GreenPool(1), Gate(), Gate()
        pile = GreenPile[None](pool)
        if verb == "result":
            yield from pile.spawn(occupied.pass_through)
        else:
            yield from pool.spawn_n(occupied.pass_through)
        spawner = None
        if verb.startswith("pile"):
            spawner = genlet.spawn(pile.spawn, occupied.pass_through)
        gt = genlet.spawn(late, pool, pile, gate)
        yield from turns()
        if verb == "pile of nothing":
            assert spawner is not None
            yield from spawner.kill()
        occupied.open()
        yield from turns()
        assert (pool.running(), pool.waiting(), gt.dead) == (0, 0, False)
        gate.open()
        yield from gt.wait()
        yield from pool.waitall()
        expect_idle(pool)

    genlet.run(main)


@pytest.mark.slow
def test_pool_of_a_thousand_runs_a_hundred_thousand_in_flat_memory() -> None:
    """Ended jobs use no memory, whether spawned, mapped or failed."""
    jobs = 100_000

    def live() -> int:
        gc.collect()
        return sum(isinstance(obj, genlet.GreenThread) for obj in gc.get_objects())

    def main() -> Green[None]:
        pool = GreenPool(1000)
        ended = [0]

        def job() -> Green[None]:
            yield from genlet.sleep(0)
            ended[0] += 1

        for n in range(jobs):
            yield from pool.spawn_n(job)
            if n == jobs // 2:
                assert live() <= 1001
        yield from pool.waitall()
        assert ended == [jobs]
        expect_idle(pool)

    genlet.run(main)
