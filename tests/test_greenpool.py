"""GreenPool, GreenPile, and the sources that imap and starmap give."""

from __future__ import annotations

import gc
from itertools import count
from typing import Any, Callable, Iterator, List, Tuple, Type, Union

import pytest

import genlet
from genlet.abc import Green
from genlet.end import END, End
from genlet.errors import WouldBlock, WrongThread
from genlet.greenpool import GreenMap, GreenPile, GreenPool
from genlet.kernel import AnyGreenThread, GreenletExit, NullInstrument, Runner, get_scheduler
from tests.crews import Gate, ended, hold_back, turns
from tests.kernel import forever, simulate
from tests.kernel.sweep import Aim, sweep


def double(n: int) -> Green[int]:
    yield from genlet.sleep(0)
    return 2 * n


def at_once(n: int) -> Green[int]:
    yield from ()
    return n


def failing(n: int) -> Green[int]:
    yield from genlet.sleep(0)
    raise KeyError(n)


def block() -> Green[None]:
    yield from forever().get()


def plain(*args: object) -> Any:
    return args


def take(source: Union[GreenMap[int], GreenPile[int]]) -> Green[List[Union[int, str]]]:
    """Take all results, with the name of an error in the place of its result."""
    taken: List[Union[int, str]] = []
    while True:
        try:
            result = yield from source.next()
        except Exception as exc:
            taken.append(type(exc).__name__)
            continue
        if result is END:
            return taken
        taken.append(result)


def expect_idle(pool: GreenPool) -> None:
    assert (pool.running(), pool.free(), pool.waiting()) == (0, pool.size, 0)


class Report:
    """An excepthook that remembers."""

    def __init__(self) -> None:
        self.errors: List[BaseException] = []

    def __call__(self, gt: AnyGreenThread, exc: BaseException) -> None:
        self.errors.append(exc)

    def run(self, main: Callable[[], Green[None]]) -> List[BaseException]:
        Runner(excepthook=self).run(main)
        return self.errors


# ---- size -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "error"), [("foo", TypeError), (-1, ValueError)])
def test_pool_of_a_wrong_size_is_refused(size: Any, error: Type[Exception]) -> None:
    """A size is a number, and not negative; the same holds for a new size."""
    with pytest.raises(error, match="size of a GreenPool"):
        GreenPool(size)
    with pytest.raises(error, match="size of a GreenPool"):
        GreenPool(1).resize(size)


def test_pool_outside_of_a_run_says_that_no_kernel_runs() -> None:
    """A pool may be made anywhere, and asked how it stands; it starts nothing outside of a run."""
    pool = GreenPool(3)
    expect_idle(pool)
    pool.resize(4)
    with pytest.raises(RuntimeError, match="no kernel runs"):
        pool.spawn_nowait(double, 1)
    with pytest.raises(RuntimeError, match="no kernel runs"):
        pool.imap(double, [1])
    expect_idle(pool)


def test_pool_never_runs_more_than_its_size() -> None:
    """However many are spawned, no more than *size* run; all of them do in the end."""
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
    """running() + free() is the size, and waiting() counts the spawners in line."""

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
    """What a run leaves in a pool does not count in the next one."""
    pool = GreenPool(1)

    def main() -> Green[None]:
        yield from pool.spawn_n(block)

    genlet.run(main)
    genlet.run(main)
    expect_idle(pool)


def test_pool_in_use_by_another_thread_says_so() -> None:
    """A pool belongs to one run at a time."""
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


# ---- resize ---------------------------------------------------------------------------------------


def test_pool_growing_wakes_waiting_spawners() -> None:
    """New slots go to those in line at once, as many as there are, in the order they came."""

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
    """Those that run go on, free() is negative, and slots beyond the new size are not handed on."""

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


# ---- spawn ----------------------------------------------------------------------------------------


def test_spawn_returns_a_greenthread_with_the_result() -> None:
    """The greenthread spawn returns can be waited for, and remembers who spawned it."""

    def main() -> Green[None]:
        gt = yield from GreenPool(1).spawn(double, 21)
        assert not gt.dead
        assert gt.spawned_at is not None
        assert gt.spawned_at[0] == __file__
        assert (yield from gt.wait()) == 42

    genlet.run(main)


def test_spawners_that_wait_are_served_in_order() -> None:
    """A slot goes to the spawner that has waited longest; nobody overtakes."""
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
    """A TypeError tells of a function that is not green, at the call, and no slot is used up."""

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
    """A greenthread that never ran counts as ended, for spawn and spawn_n."""

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
    """A spawner that gave up leaves the line, and nothing of its job has run."""
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
    """The plain call starts a job or raises WouldBlock, for a member of the pool too."""

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
    """A job sees the values set where it was spawned, and its own changes stay with it."""
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
    """A spawner interrupted at any suspension, and its job, leave the pool as they found it."""

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
    """A job interrupted before or at any suspension returns its slot to whoever waits."""

    def scenario(aim: Aim) -> Green[None]:
        pool = GreenPool(1)
        victim = aim((yield from pool.spawn(turns, 3)))
        gt = yield from pool.spawn(double, 1)  # waits for the victim's slot
        assert victim.dead
        assert (yield from gt.wait()) == 2
        expect_idle(pool)

    assert sweep(scenario) >= 6


# ---- spawning from inside a full pool ----


def test_spawn_by_a_member_of_a_full_pool_runs_in_the_caller() -> None:
    """A pool cannot wait for itself: the job runs in its spawner, and has ended on return."""

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
    """A pool of any size can be spawned into from inside, to any depth."""

    def tree(pool: GreenPool, depth: int) -> Green[int]:
        if not depth:
            return 1
        left = yield from pool.spawn(tree, pool, depth - 1)
        right = yield from pool.spawn(tree, pool, depth - 1)
        return (yield from left.wait()) + (yield from right.wait())

    def main(size: int) -> Green[None]:
        pool = GreenPool(size)
        # A member that waits for another holds its slot: only the pool's own line must not fill up.
        root = yield from pool.spawn(tree, pool, 5)
        assert (yield from root.wait()) == 32
        expect_idle(pool)

    for size in (1, 2, 7):
        genlet.run(main, size)


def test_inline_failure_stays_in_its_greenthread() -> None:
    """The error of a job run in the caller is raised where that is waited for, nowhere else."""

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
    """A function that is not green is the spawner's mistake, in a full pool too."""

    def member(pool: GreenPool) -> Green[None]:
        with pytest.raises(TypeError, match="a green function"):
            yield from pool.spawn(plain)

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from (yield from pool.spawn(member, pool)).wait()

    genlet.run(main)


@pytest.mark.parametrize("exc", [GreenletExit, KeyError("from outside")])
def test_inline_job_interrupted_passes_the_interruption_on(exc: Any) -> None:
    """A kill of the caller while it runs a job is the caller's, not the job's."""
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
    """So does a Timeout of the caller's that raises something else."""

    def member(pool: GreenPool) -> Green[None]:
        with pytest.raises(ZeroDivisionError), genlet.Timeout(1, ZeroDivisionError):
            yield from pool.spawn(block)

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from (yield from pool.spawn(member, pool)).wait()

    simulate(main)


def test_inline_job_that_times_itself_out_fails_by_itself() -> None:
    """A Timeout that the job set up for itself is its failure, and does not reach the spawner."""

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
    """A Timeout of the job's own that raises something else is the job's failure as well."""

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
    """A job that does not listen is closed by force, and its spawner does not go on."""
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
    """Whoever observes a run hears of the spawn of each greenthread whose end is told."""

    def member(pool: GreenPool) -> Green[None]:
        yield from pool.spawn(double, 1)

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from (yield from pool.spawn(member, pool)).wait()

    census = Census()
    Runner(instruments=[census]).run(main)
    assert len(census.spawned_so_far) == 3
    assert census.live == []


# ---- errors ---------------------------------------------------------------------------------------


def test_error_of_a_spawned_job_is_kept_and_not_reported() -> None:
    """The pool owns what spawn returns: its error is for whoever waits, however late."""

    def main() -> Green[None]:
        pool = GreenPool(1)
        gt = yield from pool.spawn(failing, 1)
        yield from pool.waitall()
        with pytest.raises(KeyError, match="1"):
            yield from gt.wait()

    assert Report().run(main) == []


def test_error_of_spawn_n_is_reported_once() -> None:
    """Nobody can wait for such a job, so its error is reported: run by the pool or by a member."""

    def member(pool: GreenPool) -> Green[None]:
        yield from pool.spawn_n(failing, 2)

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from pool.spawn_n(failing, 1)
        yield from pool.spawn_n(member, pool)
        yield from pool.waitall()

    assert [exc.args for exc in Report().run(main)] == [(1,), (2,)]


def test_systemexit_of_a_job_ends_the_program() -> None:
    """What ends the program surfaces in main, and the slot is returned all the same."""
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
    """What is spawned while the run is being ended is ended with the rest, and holds no slot."""
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


# ---- waitall --------------------------------------------------------------------------------------


def test_waitall_of_an_idle_pool_returns_without_waiting() -> None:
    """There is nothing to wait for: it does not even let others run."""

    def main() -> Green[None]:
        ran: List[int] = []
        genlet.spawn_n(at_once, 1)
        other = genlet.spawn(turns, 1)
        yield from GreenPool(0).waitall()
        assert not other.started
        assert ran == []

    genlet.run(main)


def test_waitall_waits_for_those_that_wait_to_spawn() -> None:
    """A spawner in line will start something, so the pool is not done yet."""

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
    """With nothing running, a waiting spawner that is killed leaves nothing to wait for."""

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
    """A member that waited for all would wait for itself."""

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
    """Several may wait for the pool, and one that is interrupted changes nothing for the rest."""

    def scenario(aim: Aim) -> Green[None]:
        pool = GreenPool(2)
        yield from pool.spawn_n(turns, 3)
        victim = aim(genlet.spawn(pool.waitall))
        yield from pool.waitall()
        yield from ended(victim)
        expect_idle(pool)

    assert sweep(scenario) >= 3


# ---- imap and starmap -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_imap_gives_results_in_the_order_of_the_input(size: int) -> None:
    """Whoever ends first, results come in order, with a bounded number at a time."""

    def job(n: int) -> Green[int]:
        yield from turns(20 - n)
        return n

    def main() -> Green[None]:
        pool = GreenPool(size)
        assert (yield from pool.imap(job, range(20)).collect()) == list(range(20))
        expect_idle(pool)

    genlet.run(main)


def test_imap_takes_several_iterables_as_map_does() -> None:
    """Arguments are taken from each iterable, as far as the shortest goes."""

    def add(a: int, b: int) -> Green[int]:
        yield from genlet.sleep(0)
        return a + b

    def main() -> Green[None]:
        pool = GreenPool(2)
        assert (yield from pool.imap(add, [1, 2, 3], [10, 20]).collect()) == [11, 22]
        assert (yield from pool.starmap(add, [(1, 2), [3, 4]]).collect()) == [3, 7]

    genlet.run(main)


def test_imap_without_a_function_gives_tuples() -> None:
    """None stands for the function that returns its arguments."""

    def main() -> Green[None]:
        pool = GreenPool(2)
        assert (yield from pool.imap(None, "ab", "cd").collect()) == [("a", "c"), ("b", "d")]
        assert (yield from pool.starmap(None, ["ab"]).collect()) == [("a", "b")]

    genlet.run(main)


def test_imap_of_nothing_ends_at_once() -> None:
    """An empty input gives END, as often as it is asked."""

    def main() -> Green[None]:
        source = GreenPool(2).imap(double, [])
        assert (yield from source.next()) is END
        assert (yield from source.next()) is END

    genlet.run(main)


def test_imap_raises_an_error_in_its_place_and_goes_on() -> None:
    """A job that fails fails alone: the results after it are there."""

    def odd(n: int) -> Green[int]:
        return failing(n) if n % 2 else double(n)

    def main() -> Green[None]:
        taken = yield from take(GreenPool(2).imap(odd, range(5)))
        assert taken == [0, "KeyError", 4, "KeyError", 8]

    assert Report().run(main) == []


def test_imap_collect_goes_on_after_the_error_it_raised() -> None:
    """collect raises the first error; called again, it collects what comes after that."""

    def odd(n: int) -> Green[int]:
        return failing(n) if n == 1 else double(n)

    def main() -> Green[None]:
        source = GreenPool(2).imap(odd, range(4))
        with pytest.raises(KeyError, match="1"):
            yield from source.collect()
        assert (yield from source.collect()) == [4, 6]

    genlet.run(main)


def test_imap_of_a_failing_iterable_raises_in_its_place_and_ends() -> None:
    """The error of the input comes after the results before it, and nothing comes after."""

    def numbers() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("no more")

    def main() -> Green[None]:
        for size in (1, 2, 9):
            pool = GreenPool(size)
            assert (yield from take(pool.imap(double, numbers()))) == [2, 4, "LookupError"]
            expect_idle(pool)
        not_iterable: Any = 1
        source = GreenPool(2).starmap(double, [[1], not_iterable, [2]])
        assert (yield from take(source)) == [2, "TypeError"]

    genlet.run(main)


def test_imap_of_a_call_that_fails_raises_in_its_place() -> None:
    """A plain function, or arguments that do not fit, are errors of the one job."""

    def main() -> Green[None]:
        pool = GreenPool(2)
        wrong: List[Tuple[int, ...]] = [(1,), (1, 2), (3,)]
        assert (yield from take(pool.starmap(double, wrong))) == [2, "TypeError", 6]
        assert (yield from take(pool.imap(plain, range(2)))) == ["TypeError", "TypeError"]
        expect_idle(pool)

    genlet.run(main)


@pytest.mark.parametrize("size", [1, 4])
def test_imap_starts_no_more_than_the_size_ahead_of_the_consumer(size: int) -> None:
    """With an endless input, what is started and not taken is never more than the pool's size."""

    def main() -> Green[None]:
        started: List[int] = []

        def job(n: int) -> Green[int]:
            started.append(n)
            yield from ()
            return n

        pool = GreenPool(size)
        source = pool.imap(job, count())
        yield from turns()
        assert len(started) == size
        for taken in range(1, 10):
            yield from source.next()
            yield from turns()
            assert len(started) == taken + size
        source.close()
        assert (yield from source.next()) is END

    genlet.run(main)


def test_imap_uses_the_slots_of_the_pool() -> None:
    """running() counts its jobs, waitall() waits for them, and others share the size with them."""

    def main() -> Green[None]:
        pool = GreenPool(3)
        gate = Gate()

        def job(n: int) -> Green[int]:
            yield from gate.pass_through()
            return n

        yield from pool.spawn_n(gate.pass_through)
        source = pool.imap(job, range(10))
        assert (pool.running(), pool.free()) == (3, 0)
        waiter = genlet.spawn(pool.waitall)
        yield from turns()
        assert not waiter.dead
        gate.open()
        yield from waiter.wait()
        assert (yield from source.collect()) == list(range(10))

    genlet.run(main)


def test_imap_on_a_pool_full_of_others_waits_for_its_turn() -> None:
    """With no job of its own to wait for, next stands in line for a slot, and takes no input yet."""

    def main() -> Green[None]:
        pool = GreenPool(1)
        gate = Gate()
        yield from pool.spawn_n(gate.pass_through)
        items = iter(range(3))
        source = pool.imap(double, items)
        taker = genlet.spawn(source.collect)
        yield from turns()
        assert pool.waiting() == 1
        gate.open()
        assert (yield from taker.wait()) == [0, 2, 4]
        expect_idle(pool)

    genlet.run(main)


def test_imap_inside_a_member_of_a_full_pool_runs_in_the_caller() -> None:
    """A member may map over its own pool: what finds no slot is run by the member itself."""

    def member(pool: GreenPool) -> Green[List[Union[int, str]]]:
        def odd(n: int) -> Green[int]:
            return failing(n) if n == 1 else double(n)

        return (yield from take(pool.imap(odd, range(3))))

    def main() -> Green[None]:
        pool = GreenPool(1)
        gt = yield from pool.spawn(member, pool)
        assert (yield from gt.wait()) == [0, "KeyError", 4]
        expect_idle(pool)

    genlet.run(main)


def test_imap_closed_kills_what_runs_and_ends() -> None:
    """close() starts nothing more, ends what was started, and gives all slots back."""

    def main() -> Green[None]:
        pool = GreenPool(3)
        source = pool.imap(lambda _: forever().get(), count())
        yield from turns()
        assert pool.running() == 3
        source.close()
        yield from pool.waitall()
        expect_idle(pool)
        assert (yield from source.collect()) == []

    genlet.run(main)


def test_imap_closed_while_a_consumer_waits_for_a_slot_ends_for_it() -> None:
    """The consumer gets END when its turn comes, and the slot goes back."""

    def main() -> Green[None]:
        pool = GreenPool(1)
        gate = Gate()
        yield from pool.spawn_n(gate.pass_through)
        source = pool.imap(double, range(3))
        taker = genlet.spawn(source.next)
        yield from turns()
        source.close()
        gate.open()
        assert (yield from taker.wait()) is END
        expect_idle(pool)

    genlet.run(main)


def test_imap_abandoned_leaves_nothing_hanging() -> None:
    """What was started ends by itself, and waitall returns."""

    def main() -> Green[None]:
        pool = GreenPool(3)
        source = pool.imap(double, count())
        assert (yield from source.next()) == 0
        del source
        yield from pool.waitall()
        expect_idle(pool)

    genlet.run(main)


def test_imap_next_interrupted_loses_no_result() -> None:
    """Whoever asks after an interrupted call gets what that would have got."""

    def main() -> Green[None]:
        gate = Gate()

        def job(n: int) -> Green[int]:
            yield from gate.pass_through()
            return n

        source = GreenPool(2).imap(job, range(5))
        for _ in range(3):
            with genlet.Timeout(1, False):
                yield from source.next()
        first = source._jobs[0]
        assert isinstance(first, genlet.GreenThread)
        assert not first.links, "whoever gave up is no longer linked to the job"
        gate.open()
        assert (yield from source.collect()) == [0, 1, 2, 3, 4]

    simulate(main)


def test_imap_consumer_interrupted_anywhere_loses_no_slot_and_no_result() -> None:
    """Together, a consumer interrupted at any suspension and the next one get every result once."""

    def consumer(source: GreenMap[int], got: List[int]) -> Green[None]:
        while True:
            result = yield from source.next()
            if result is END:
                return
            got.append(result)

    def scenario(aim: Aim) -> Green[None]:
        pool = GreenPool(2)
        got: List[int] = []
        yield from pool.spawn_n(turns, 4)
        yield from pool.spawn_n(turns, 2)
        source = pool.imap(double, range(4))
        victim = aim(genlet.spawn(consumer, source, got))
        yield from ended(victim)
        yield from consumer(source, got)
        assert got == [0, 2, 4, 6]
        yield from pool.waitall()
        expect_idle(pool)

    assert sweep(scenario) >= 9


def test_imap_shared_by_consumers_gives_each_result_to_one() -> None:
    """Two greenthreads that take from one source split the results between them."""

    def main() -> Green[None]:
        source = GreenPool(3).imap(double, range(20))
        one, other = genlet.spawn(source.collect), genlet.spawn(source.collect)
        results = (yield from one.wait()) + (yield from other.wait())
        assert sorted(results) == list(range(0, 40, 2))

    genlet.run(main)


# ---- piles ----------------------------------------------------------------------------------------


def test_pile_gives_results_in_the_order_of_spawning() -> None:
    """Whoever ends first, results come in the order of the spawns."""

    def job(n: int) -> Green[int]:
        yield from turns(10 - n)
        return n

    def main() -> Green[None]:
        pile = GreenPile[int](3)
        for n in range(10):
            yield from pile.spawn(job, n)
        assert (yield from pile.collect()) == list(range(10))
        expect_idle(pile.pool)

    genlet.run(main)


def test_pile_that_is_empty_is_an_empty_sequence() -> None:
    """Nothing spawned, nothing to wait for."""

    def main() -> Green[None]:
        pile = GreenPile[int]()
        assert pile.pool.size == 1000
        assert (yield from pile.next()) is END
        assert (yield from pile.collect()) == []

    genlet.run(main)


def test_pile_raises_an_error_in_its_place_and_goes_on() -> None:
    """A job that fails does not end the pile."""

    def main() -> Green[None]:
        pile = GreenPile[int](2)
        yield from pile.spawn(double, 1)
        yield from pile.spawn(failing, 2)
        yield from pile.spawn(double, 3)
        assert (yield from take(pile)) == [2, "KeyError", 6]

    assert Report().run(main) == []


def test_piles_share_a_pool_and_keep_their_results_apart() -> None:
    """Two piles on one pool share its slots, and nothing else."""

    def main() -> Green[None]:
        pool = GreenPool(2)
        evens, odds = GreenPile[int](pool), GreenPile[int](pool)
        for n in range(6):
            yield from (odds if n % 2 else evens).spawn(double, n)
            assert pool.running() <= 2
        assert (yield from odds.collect()) == [2, 6, 10]
        assert (yield from evens.collect()) == [0, 4, 8]

    genlet.run(main)


def test_pile_refuses_a_plain_function_and_stays_as_it_was() -> None:
    """A spawn that failed put nothing on the pile."""

    def main() -> Green[None]:
        pile = GreenPile[int](2)
        with pytest.raises(TypeError, match="a green function"):
            yield from pile.spawn(plain)
        assert (yield from pile.next()) is END

    genlet.run(main)


def test_pile_spawn_timed_out_puts_nothing_on_the_pile() -> None:
    """A taker that counted on a spawn that was given up gets END."""

    def main() -> Green[None]:
        pool = GreenPool(1)
        yield from pool.spawn_n(block)
        pile = GreenPile[int](pool)
        spawner = genlet.spawn(pile.spawn, double, 1)
        taker = genlet.spawn(pile.next)
        yield from turns()
        assert not taker.dead
        yield from spawner.kill()
        assert (yield from taker.wait()) is END

    genlet.run(main)


def test_pile_taken_from_by_another_greenthread_waits_for_the_spawner() -> None:
    """While somebody is about to put a job on the pile, it is not at its end."""

    def main() -> Green[None]:
        pile = GreenPile[int](1)

        def spawner() -> Green[None]:
            for n in range(5):
                yield from pile.spawn(double, n)

        genlet.spawn(spawner)
        yield from genlet.sleep(0)
        assert (yield from pile.collect()) == [0, 2, 4, 6, 8]

    genlet.run(main)


def test_pile_interrupted_anywhere_loses_no_result() -> None:
    """A taker interrupted at any suspension leaves every result it has not got to the next."""

    def taker(pile: GreenPile[int], got: List[Union[int, End]]) -> Green[None]:
        for _ in range(4):
            got.append((yield from pile.next()))

    def scenario(aim: Aim) -> Green[None]:
        pile = GreenPile[int](2)
        got: List[Union[int, End]] = []
        for n in range(4):
            yield from pile.spawn(double, n)
        victim = aim(genlet.spawn(taker, pile, got))
        yield from ended(victim)
        got += yield from pile.collect()
        assert got == [0, 2, 4, 6]
        expect_idle(pile.pool)

    assert sweep(scenario) >= 3


# ---- waits that begin late ------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["spawn", "waitall", "imap", "pile", "pile of nothing", "result"])
def test_wait_that_begins_late_looks_again(verb: str) -> None:
    """A wait held back by children that had to end first finds what has happened meanwhile."""

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


# ---- stress ---------------------------------------------------------------------------------------


def test_pool_of_a_thousand_runs_a_hundred_thousand_in_flat_memory() -> None:
    """Jobs that have ended leave nothing behind, whether spawned, mapped or failing."""
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


def test_imap_over_a_long_input_keeps_no_more_than_its_window() -> None:
    """Results that were taken are not kept."""

    def main() -> Green[None]:
        pool = GreenPool(10)
        source = pool.imap(double, range(5000))
        total = 0
        while True:
            result = yield from source.next()
            if result is END:
                break
            total += result
            assert len(source._jobs) <= 10
        assert total == 5000 * 4999

    genlet.run(main)
