"""gather, race, amap, as_completed: results, first errors, and that all calls have ended."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

import genlet
from genlet import END, CancelScope, Green, GreenletExit, GreenThread
from genlet.kernel import Runner, get_scheduler
from genlet.structured.combinators import amap, as_completed, gather, race
from genlet.structured.taskgroup import TaskGroup
from genlet.testing import cancel_everywhere

inf = float("inf")
raising = pytest.raises  # around a whole block, whose end is what raises


def turns(count: int = 1) -> Green[None]:
    for _ in range(count):
        yield from genlet.sleep(0)


def gives(value: Any, after: int = 1) -> Green[Any]:
    yield from turns(after)
    return value


def fails(exc: BaseException, after: int = 1) -> Green[Any]:
    yield from turns(after)
    raise exc


def slowly(log: List[str], name: str = "gone") -> Green[Any]:
    """Wait until interrupted; the cleanup waits for some turns."""
    try:
        yield from genlet.sleep(inf)
    finally:
        with genlet.shielded(60):
            yield from turns(3)
        log.append(name)


def fails_in_cleanup(exc: BaseException) -> Green[Any]:
    try:
        yield from genlet.sleep(inf)
    finally:
        with genlet.shielded(60):
            yield from turns(3)
        raise exc


def assert_alone() -> None:
    """Assert that this run has no other greenthread and no timer."""
    assert get_scheduler().everybody() == [genlet.getcurrent()]
    assert len(get_scheduler().timers) == 0


# ---- what gather and race have in common ----------------------------------------------------------

COMBINE: Dict[str, Callable[..., Green[Any]]] = {"gather": gather, "race": race}


@pytest.mark.parametrize("verb", COMBINE)
def test_first_error_is_raised_bare_when_the_others_are_gone(verb: str) -> None:
    """The exception object itself is raised; the other calls were cancelled and have ended."""

    def main() -> Green[None]:
        log: List[str] = []
        error = LookupError("first")
        with raising(LookupError) as caught:
            yield from COMBINE[verb](slowly(log, "a"), fails(error), slowly(log, "b"))
        assert caught.value is error
        assert error.__context__ is None
        assert log == ["a", "b"]
        assert_alone()
        yield from genlet.sleep(0)

    genlet.run(main)


@pytest.mark.parametrize("verb", COMBINE)
def test_interrupted_combinator_ends_its_calls_before_it_is_left(verb: str) -> None:
    """A cancellation from outside is raised when the calls have ended."""

    def main() -> Green[None]:
        log: List[str] = []
        with CancelScope() as scope, TaskGroup() as group:
            group.spawn(COMBINE[verb], slowly(log, "a"), slowly(log, "b"))
            yield from turns(3)
            scope.cancel()
            yield from group.join()
        assert log == ["a", "b"]
        assert_alone()

    genlet.run(main)


@pytest.mark.parametrize("verb", COMBINE)
def test_killed_call_is_told_as_greenlet_exit(verb: str) -> None:
    """A killed call is no failure; without a result the combinator raises GreenletExit."""

    def main() -> Green[None]:
        def suicide() -> Green[None]:
            yield from genlet.sleep(0)
            yield from genlet.getcurrent().kill()

        with raising(GreenletExit):
            yield from COMBINE[verb](suicide(), suicide())
        assert_alone()

    genlet.run(main)


@pytest.mark.parametrize("verb", COMBINE)
def test_what_is_no_fresh_green_call_is_refused_and_the_rest_closed(verb: str) -> None:
    """A function, a value or a used generator is a TypeError that names it."""

    def main() -> Green[None]:
        driven = gives(1)
        driven.send(None)
        hints = {
            gives: f": call it, as in {verb}(gives(), ...)",
            7: "",
            driven: "",
            None: "",
        }
        for wrong, hint in hints.items():
            good = gives(1)
            with raising(TypeError) as caught:
                yield from COMBINE[verb](good, wrong)
            assert str(caught.value) == (
                f"{verb} wants green calls that are yet to be driven, as in"
                f" {verb}(fetch('a'), fetch('b')); got {wrong!r}{hint}"
            )
            with raising(StopIteration):
                good.send(None)
        driven.close()
        assert_alone()

    genlet.run(main)


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
@pytest.mark.parametrize("verb", COMBINE)
def test_combinator_interrupted_anywhere_leaves_nothing_behind(verb: str, how: Any) -> None:
    """At every suspension, each call that began has ended before the combinator returns."""
    log: List[str] = []

    def call(name: str, after: int) -> Green[str]:
        log.append(f"begin {name}")
        try:
            yield from turns(after)
            return name
        finally:
            with genlet.shielded(60):
                yield from turns(2)
            log.append(f"end {name}")

    def fn() -> Green[None]:
        del log[:]
        try:
            yield from COMBINE[verb](call("a", 2), call("b", 3))
        finally:
            log.append("left")

    def check() -> None:
        assert log[-1:] in ([], ["left"])
        for line in log:
            assert not line.startswith("begin") or line.replace("begin", "end") in log

    assert cancel_everywhere(fn, check, how=how) >= 1


# ---- gather ---------------------------------------------------------------------------------------


def test_gather_returns_results_in_the_order_given() -> None:
    """The results are in the order of the calls, not of their ends."""

    def main() -> Green[None]:
        results = yield from gather(gives("a", 3), gives(2, 1), gives(None, 2))
        assert results == ("a", 2, None)
        many: Tuple[Any, ...] = yield from gather(*[gives(n, 10 - n) for n in range(10)])
        assert many == tuple(range(10))

    genlet.run(main)


def test_gather_of_nothing_is_an_empty_tuple_at_once() -> None:
    """Without calls it returns an empty tuple and does not wait."""

    def main() -> Green[None]:
        with raising(StopIteration) as caught:
            gather().send(None)
        assert caught.value.value == ()
        yield from genlet.sleep(0)

    genlet.run(main)


def test_gather_runs_its_calls_side_by_side_in_contexts_of_their_own() -> None:
    """Each call is a greenthread with its own context and the name of its function."""

    def main() -> Green[None]:
        def who() -> Green[str]:
            yield from genlet.sleep(0)
            return genlet.getcurrent().name

        names = yield from gather(who(), who())
        assert len(set(names)) == 2
        assert all("who" in name for name in names)

    genlet.run(main)


def test_gather_whose_calls_all_fail_raises_the_first() -> None:
    """Of several failures in one turn the first in order is raised."""

    def main() -> Green[None]:
        errors = [LookupError(n) for n in range(3)]
        with raising(LookupError) as caught:
            yield from gather(*[fails(error) for error in errors])
        assert caught.value is errors[0]

    genlet.run(main)


# ---- race -----------------------------------------------------------------------------------------


def test_race_returns_what_the_first_to_finish_returns() -> None:
    """The losers are cancelled, and have ended when the result is returned."""

    def main() -> Green[None]:
        log: List[str] = []
        assert (yield from race(slowly(log, "a"), gives("winner"), slowly(log, "b"))) == "winner"
        assert log == ["a", "b"]
        assert_alone()

    genlet.run(main)


def test_race_of_nobody_is_a_value_error() -> None:
    """Without calls there is no result to return."""

    def main() -> Green[None]:
        with raising(ValueError, match="race needs somebody to race"):
            yield from race()

    genlet.run(main)


def test_race_won_at_once_never_starts_the_rest() -> None:
    """A call that has not run when the race is decided never runs."""

    def main() -> Green[None]:
        log: List[str] = []

        def late() -> Green[str]:
            log.append("ran")
            yield from genlet.sleep(0)
            return "late"

        assert (yield from race(gives("first", 0), late())) == "first"
        assert log == []

    genlet.run(main)


def test_race_reports_a_losers_failing_cleanup() -> None:
    """An error of a loser is reported, and is not the outcome."""
    reported: List[Tuple[str, BaseException]] = []
    error = LookupError("cleanup")

    def main() -> Green[None]:
        loser = fails_in_cleanup(error)
        assert (yield from race(gives("winner"), loser)) == "winner"
        winner = ValueError("winner")
        with raising(ValueError) as caught:
            yield from race(fails_in_cleanup(error), fails(winner))
        assert caught.value is winner

    Runner(excepthook=lambda gt, exc: reported.append((gt.name, exc))).run(main)
    assert [exc for _, exc in reported] == [error, error]
    assert all("fails_in_cleanup" in name for name, _ in reported)


def test_race_drops_out_who_is_killed() -> None:
    """A killed call does not decide the race."""

    def main() -> Green[None]:
        def suicide() -> Green[str]:
            yield from genlet.getcurrent().kill()
            return "never"

        assert (yield from race(suicide(), gives("winner", 5))) == "winner"

    genlet.run(main)


def test_race_interrupted_raises_a_failing_cleanup_as_any_group_does() -> None:
    """Without a winner a failure is raised."""

    def main() -> Green[None]:
        error = LookupError("cleanup")
        scope = CancelScope()

        def racing() -> Green[None]:
            with scope:
                yield from race(fails_in_cleanup(error), slowly([]))

        gt = genlet.spawn(racing)
        yield from turns(3)
        scope.cancel()
        with raising(LookupError) as caught:
            yield from gt.wait()
        assert caught.value is error

    genlet.run(main)


# ---- amap -----------------------------------------------------------------------------------------


class Meter:
    """Counts the calls that run at the same time, and logs when items are taken."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.begun: List[int] = []
        self.pulled: List[int] = []

    def call(self, number: int) -> Green[int]:
        self.begun.append(number)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            yield from turns(1 + number % 3)
            return number * number
        finally:
            self.running -= 1

    def items(self, count: int) -> Iterator[int]:
        for number in range(count):
            self.pulled.append(number)
            yield number


@pytest.mark.parametrize("limit", [1, 2, 5, 50, None])
def test_amap_returns_results_in_order_within_its_limit(limit: Any) -> None:
    """Results are in the order of the items; at most *limit* calls run at the same time."""

    def main() -> Green[None]:
        meter = Meter()
        results = yield from amap(meter.call, meter.items(20), limit=limit)
        assert results == [number * number for number in range(20)]
        assert meter.begun == list(range(20))
        assert meter.most == min(limit or 20, 20)
        assert_alone()

    genlet.run(main)


def test_amap_with_a_limit_asks_for_an_item_when_it_can_start_it() -> None:
    """The iterable is read lazily, and may be infinite."""

    def main() -> Green[None]:
        meter = Meter()
        seen: List[int] = []

        def call(number: int) -> Green[None]:
            seen.append(len(meter.pulled) - number)
            yield from genlet.sleep(0)
            if number == 10:
                raise LookupError

        with raising(LookupError):
            yield from amap(call, meter.items(10**9), limit=3)
        assert len(meter.pulled) <= 14
        assert max(seen) <= 3

    genlet.run(main)


def test_amap_of_nothing_is_an_empty_list() -> None:
    """Without items it returns an empty list."""

    def main() -> Green[None]:
        assert (yield from amap(gives, [])) == []
        assert (yield from amap(gives, [], limit=1)) == []

    genlet.run(main)


@pytest.mark.parametrize("limit", [0, -1])
def test_amap_refuses_a_limit_below_one(limit: int) -> None:
    """With a limit of 0 no call could start."""

    def main() -> Green[None]:
        with raising(
            ValueError, match=f"^the limit of amap is a whole number, 1 or more; got {limit}$"
        ):
            yield from amap(gives, [1], limit=limit)

    genlet.run(main)


@pytest.mark.parametrize("limit", [2, None])
def test_amap_raises_the_first_error_bare_when_the_rest_is_gone(limit: Any) -> None:
    """The other calls are cancelled and have ended, and no further call starts."""

    def main() -> Green[None]:
        log: List[str] = []
        error = LookupError("first")

        def call(number: int) -> Green[None]:
            log.append(f"begin {number}")
            if number == 1:
                yield from fails(error)
            yield from slowly(log, f"end {number}")

        with raising(LookupError) as caught:
            yield from amap(call, range(4), limit=limit)
        assert caught.value is error
        begun = [line[-1] for line in log if line.startswith("begin")]
        ended = [line[-1] for line in log if line.startswith("end")]
        assert begun == (["0", "1"] if limit else ["0", "1", "2", "3"])
        assert ended == [number for number in begun if number != "1"]
        assert_alone()

    genlet.run(main)


@pytest.mark.parametrize("limit", [3, None])
@pytest.mark.parametrize("cleanup_fails", [False, True])
def test_amap_whose_iterable_raises_cancels_what_runs_and_raises_it_bare(
    limit: Any, cleanup_fails: bool
) -> None:
    """The iterable's error is raised when the calls have ended, even if their cleanups fail."""

    def main() -> Green[None]:
        log: List[str] = []
        error = LookupError("items")

        def items() -> Iterator[int]:
            yield from range(3)
            raise error

        def call(_number: int) -> Green[None]:
            if cleanup_fails:
                yield from fails_in_cleanup(ValueError("cleanup"))
            yield from slowly(log)

        def frees_a_place(number: int) -> Green[None]:
            if number == 0 and limit:
                yield from genlet.sleep(0)
            else:
                yield from call(number)

        with raising(LookupError) as caught:
            yield from amap(frees_a_place, items(), limit=limit)
        assert caught.value is error
        # Without a limit no call had started, and there is nothing to clean up.
        assert len(log) == (2 if limit and not cleanup_fails else 0)
        assert_alone()
        yield from genlet.sleep(0)

    genlet.run(main)


def test_amap_of_a_plain_function_says_what_is_wrong() -> None:
    """The error is that of `spawn`, and names amap and the function."""

    def main() -> Green[None]:
        wrong: Any = len
        with raising(TypeError, match="amap wants a green function; len is a plain one"):
            yield from amap(wrong, ["abc"])
        assert_alone()

    genlet.run(main)


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_amap_interrupted_anywhere_leaves_nothing_behind(how: Any) -> None:
    """At every suspension, all calls have ended when the limited map is left."""
    meter = Meter()

    def fn() -> Green[None]:
        meter.__init__()  # type: ignore[misc]  # each run counts afresh
        try:
            yield from amap(meter.call, meter.items(6), limit=2)
        finally:
            meter.most += 100 * meter.running

    def check() -> None:
        assert meter.running == 0
        assert meter.most <= 2

    assert cancel_everywhere(fn, check, how=how) >= 4


# ---- as_completed ---------------------------------------------------------------------------------


def test_as_completed_gives_greenthreads_as_they_end() -> None:
    """Ended greenthreads come first, in the order given, then the others as they end."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            tasks: List[GreenThread[str]] = [
                group.spawn(gives, name, after)
                for name, after in [("c", 6), ("b", 5), ("early", 0), ("earlier", 0)]
            ]
            yield from turns(2)
            source = as_completed(tasks)
            found: List[str] = []
            while (gt := (yield from source.next())) is not END:
                found.append(gt.result())
            assert found == ["early", "earlier", "b", "c"]
            assert (yield from source.next()) is END
            yield from group.join()

    genlet.run(main)


def test_as_completed_of_nothing_is_at_its_end() -> None:
    """Without tasks it returns END at once."""

    def main() -> Green[None]:
        nobody: List[GreenThread[int]] = []
        source = as_completed(nobody)
        assert (yield from source.next()) is END
        assert (yield from source.collect()) == []

    genlet.run(main)


def test_as_completed_gives_failures_like_results() -> None:
    """A failed greenthread is returned too; its error is not reported."""
    reported: List[BaseException] = []

    def main() -> Green[None]:
        error = LookupError()
        source = as_completed([genlet.spawn(fails, error), genlet.spawn(gives, 1, 3)])
        first, second = yield from source.collect()
        with raising(LookupError) as caught:
            first.result()
        assert caught.value is error
        assert second.result() == 1

    Runner(excepthook=lambda _gt, exc: reported.append(exc)).run(main)
    assert reported == []


def test_as_completed_shared_by_several_gives_each_task_to_one() -> None:
    """Consumers get different tasks, and END when all are taken."""

    def main() -> Green[None]:
        source = as_completed([genlet.spawn(gives, n, 3) for n in range(3)])

        def consumer() -> Green[Any]:
            gt = yield from source.next()
            return gt if gt is END else gt.result()

        results = yield from gather(*[consumer() for _ in range(5)])
        assert results == (0, 1, 2, END, END)

    genlet.run(main)


@pytest.mark.parametrize("settled", [False, True])
def test_as_completed_loses_no_task_to_a_consumer_that_is_killed(settled: bool) -> None:
    """A task goes to a consumer that still waits, or to the next one."""

    def main() -> Green[None]:
        task = genlet.spawn(gives, 1, 4)
        source = as_completed([task])
        got: List[Any] = []

        def consumer() -> Green[None]:
            got.append((yield from source.next()))
            yield from genlet.sleep(inf)

        gt = genlet.spawn(consumer)
        yield from turns(2)
        if settled:
            task.link(lambda _: gt.kill_soon())  # after the source's own link: the task came first
        else:
            gt.kill_soon()
        yield from turns(6)
        assert gt.dead
        if settled:
            assert got == [task]
            assert (yield from source.next()) is END
        else:
            assert (yield from source.next()) is task

    genlet.run(main)
