"""The results of imap, starmap and piles: their order, errors and interruptions."""

from __future__ import annotations

from itertools import count
from typing import Any, Iterator, List, Tuple, Union

import pytest

import genlet
from genlet.abc import Green
from genlet.end import END, End
from genlet.greenpool import GreenMap, GreenPile, GreenPool
from tests.crews import Gate, ended, turns
from tests.kernel import forever, simulate
from tests.kernel.sweep import Aim, sweep

from . import Report, block, double, expect_idle, failing, plain, take


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_imap_gives_results_in_the_order_of_the_input(size: int) -> None:
    """Results are in the order of the input, and the number of running jobs is bounded."""

    def job(n: int) -> Green[int]:
        yield from turns(20 - n)
        return n

    def main() -> Green[None]:
        pool = GreenPool(size)
        assert (yield from pool.imap(job, range(20)).collect()) == list(range(20))
        expect_idle(pool)

    genlet.run(main)


def test_imap_takes_several_iterables_as_map_does() -> None:
    """Arguments are taken from each iterable, until the shortest ends."""

    def add(a: int, b: int) -> Green[int]:
        yield from genlet.sleep(0)
        return a + b

    def main() -> Green[None]:
        pool = GreenPool(2)
        assert (yield from pool.imap(add, [1, 2, 3], [10, 20]).collect()) == [11, 22]
        assert (yield from pool.starmap(add, [(1, 2), [3, 4]]).collect()) == [3, 7]

    genlet.run(main)


def test_imap_without_a_function_gives_tuples() -> None:
    """With None as the function, results are tuples of the arguments."""

    def main() -> Green[None]:
        pool = GreenPool(2)
        assert (yield from pool.imap(None, "ab", "cd").collect()) == [("a", "c"), ("b", "d")]
        assert (yield from pool.starmap(None, ["ab"]).collect()) == [("a", "b")]

    genlet.run(main)


def test_imap_of_nothing_ends_at_once() -> None:
    """An empty input gives END, every time."""

    def main() -> Green[None]:
        source = GreenPool(2).imap(double, [])
        assert (yield from source.next()) is END
        assert (yield from source.next()) is END

    genlet.run(main)


def test_imap_raises_an_error_in_its_place_and_goes_on() -> None:
    """The error of a job is raised instead of its result, and later results follow."""

    def odd(n: int) -> Green[int]:
        return failing(n) if n % 2 else double(n)

    def main() -> Green[None]:
        taken = yield from take(GreenPool(2).imap(odd, range(5)))
        assert taken == [0, "KeyError", 4, "KeyError", 8]

    assert Report().run(main) == []


def test_imap_collect_goes_on_after_the_error_it_raised() -> None:
    """collect raises the first error; called again, it collects the results after that."""

    def odd(n: int) -> Green[int]:
        return failing(n) if n == 1 else double(n)

    def main() -> Green[None]:
        source = GreenPool(2).imap(odd, range(4))
        with pytest.raises(KeyError, match="1"):
            yield from source.collect()
        assert (yield from source.collect()) == [4, 6]

    genlet.run(main)


def test_imap_of_a_failing_iterable_raises_in_its_place_and_ends() -> None:
    """The error of the input is raised after the results before it, and then END follows."""

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
    """A plain function, or arguments that do not fit, are errors of one job."""

    def main() -> Green[None]:
        pool = GreenPool(2)
        wrong: List[Tuple[int, ...]] = [(1,), (1, 2), (3,)]
        assert (yield from take(pool.starmap(double, wrong))) == [2, "TypeError", 6]
        assert (yield from take(pool.imap(plain, range(2)))) == ["TypeError", "TypeError"]
        expect_idle(pool)

    genlet.run(main)


@pytest.mark.parametrize("size", [1, 4])
def test_imap_starts_no_more_than_the_size_ahead_of_the_consumer(size: int) -> None:
    """With an infinite input, at most *size* jobs are started and not taken."""

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
    """running() counts the jobs of imap, and waitall() waits for them."""

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
    """With no job of its own, next waits for a slot, and takes no input before."""

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
    """A member may map over its own pool: a job without a slot runs in the member."""

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
    """close() starts no more jobs, ends those that run, and gives all slots back."""

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
    """The consumer gets END when a slot is free, and the slot is given back."""

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
    """The jobs that were started end by themselves, and waitall returns."""

    def main() -> Green[None]:
        pool = GreenPool(3)
        source = pool.imap(double, count())
        assert (yield from source.next()) == 0
        del source
        yield from pool.waitall()
        expect_idle(pool)

    genlet.run(main)


def test_imap_next_interrupted_loses_no_result() -> None:
    """The next caller gets the result that the interrupted call would have returned."""

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
    """An interrupted consumer and the next one together get every result once."""

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
    """Two greenthreads that share one source get different results."""

    def main() -> Green[None]:
        source = GreenPool(3).imap(double, range(20))
        one, other = genlet.spawn(source.collect), genlet.spawn(source.collect)
        results = (yield from one.wait()) + (yield from other.wait())
        assert sorted(results) == list(range(0, 40, 2))

    genlet.run(main)


def test_pile_gives_results_in_the_order_of_spawning() -> None:
    """Results are in the order of the spawns, not of the ends."""

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
    """Without spawns a pile gives END."""

    def main() -> Green[None]:
        pile = GreenPile[int]()
        assert pile.pool.size == 1000
        assert (yield from pile.next()) is END
        assert (yield from pile.collect()) == []

    genlet.run(main)


def test_pile_raises_an_error_in_its_place_and_goes_on() -> None:
    """The error of a job is raised instead of its result, and does not end the pile."""

    def main() -> Green[None]:
        pile = GreenPile[int](2)
        yield from pile.spawn(double, 1)
        yield from pile.spawn(failing, 2)
        yield from pile.spawn(double, 3)
        assert (yield from take(pile)) == [2, "KeyError", 6]

    assert Report().run(main) == []


def test_piles_share_a_pool_and_keep_their_results_apart() -> None:
    """Two piles on one pool share only its slots."""

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
    """A spawn that fails adds nothing to the pile."""

    def main() -> Green[None]:
        pile = GreenPile[int](2)
        with pytest.raises(TypeError, match="a green function"):
            yield from pile.spawn(plain)
        assert (yield from pile.next()) is END

    genlet.run(main)


def test_pile_spawn_timed_out_puts_nothing_on_the_pile() -> None:
    """A consumer that waits for a spawn that times out gets END."""

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
    """A pile does not end while a spawner waits for a slot."""

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
    """After an interruption of a consumer the next one gets all the remaining results."""

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


def test_imap_over_a_long_input_keeps_no_more_than_its_window() -> None:
    """Results that were taken are not stored."""

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
