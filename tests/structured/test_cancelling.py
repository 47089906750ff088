"""The rules of cancellation, as they apply to groups."""

from __future__ import annotations

from math import inf
from typing import List

import pytest

import genlet
from genlet import (
    Cancelled,
    CancelScope,
    Green,
    GreenletExit,
    Timeout,
)
from genlet.kernel import Runner, get_scheduler
from genlet.structured.taskgroup import Ready, TaskGroup

from . import Clock, Gate, forever, raising, slowly, turns


def test_calls_that_are_not_driven_do_nothing() -> None:
    """`start` and `join` have no effect before they are driven."""

    def main() -> Green[None]:
        def child(ready: Ready[None]) -> Green[None]:
            ready.set(None)
            yield from genlet.sleep(0)

        with TaskGroup() as group:
            starting = group.start(child)
            joining = group.join()
            yield from genlet.sleep(0)
            assert group.live == 0
        starting.close()
        joining.close()

    genlet.run(main)


def test_cancelled_child_stands_in_no_queue_and_has_no_timer() -> None:
    """Cancelling a group disarms the waits of its children before they run."""

    def main() -> Green[None]:
        gate = Gate()
        with TaskGroup() as group:
            for _ in range(3):
                group.spawn(gate.wait)
            group.spawn(genlet.sleep, 1000)
            yield from genlet.sleep(0)
            assert len(gate.waiters) == 3
            assert len(get_scheduler().timers) == 1
            group.cancel()
            assert len(gate.waiters) == 0
            assert len(get_scheduler().timers) == 0

    genlet.run(main)


@pytest.mark.parametrize("first", ["result", "cancellation"])
def test_result_racing_a_cancellation_the_first_wins_and_nothing_is_lost(first: str) -> None:
    """A result that settled first is returned, and the cancellation is raised next."""

    def main() -> Green[None]:
        gate = Gate()
        log: List[str] = []

        def child() -> Green[None]:
            log.append((yield from gate.wait()))
            try:
                yield from genlet.sleep(inf)
            except Cancelled:
                log.append("cancelled")
                raise

        with TaskGroup() as group:
            group.spawn(child)
            yield from genlet.sleep(0)
            if first == "result":
                gate.open()
                group.cancel()
            else:
                group.cancel()
                gate.open()
            yield from group.join()
        assert log == (["opened", "cancelled"] if first == "result" else [])

    genlet.run(main)


def test_join_that_has_settled_is_not_undone_by_a_cancellation() -> None:
    """`join` that has settled returns; the cancellation is raised at the next suspension."""

    def main() -> Green[None]:
        log: List[str] = []
        scope = CancelScope()

        def child() -> Green[None]:
            yield from genlet.sleep(0)

        def owner() -> Green[None]:
            with scope:
                with TaskGroup() as group:
                    gt = group.spawn(child)
                    gt.link(lambda _: get_scheduler().wakeup.call_soon(scope.cancel, ()))
                    yield from group.join()
                    log.append("joined")
                yield from genlet.sleep(0)
                log.append("never")

        yield from genlet.spawn(owner).wait()
        assert log == ["joined"]
        assert scope.cancelled_caught

    genlet.run(main)


def test_cancelling_ones_own_group_takes_effect_at_the_next_suspension() -> None:
    """`cancel` returns to its caller first, inside the group too."""

    def main() -> Green[None]:
        log: List[str] = []
        with TaskGroup() as group:
            group.spawn(forever, log, "child")
            yield from genlet.sleep(0)
            group.cancel()
            log.append("still here")
            assert group.live == 1
            yield from genlet.sleep(0)
            log.append("never")
        assert log == ["still here", "child"]

    genlet.run(main)


def test_cancellation_swallowed_in_a_loop_starves_nobody() -> None:
    """A child that swallows every cancellation goes through the ready queue each time."""

    def main() -> Green[None]:
        swallowed: List[int] = []
        others: List[int] = []

        def deaf() -> Green[None]:
            while len(swallowed) < 50:
                try:
                    yield from genlet.sleep(inf)
                except Cancelled:
                    swallowed.append(len(others))

        def other() -> Green[None]:
            while len(swallowed) < 50:
                others.append(1)
                yield from genlet.sleep(0)

        gt = genlet.spawn(other)
        with TaskGroup() as group:
            group.spawn(deaf)
            yield from genlet.sleep(0)
            group.cancel()
            yield from group.join()
        yield from gt.wait()
        assert len(others) >= 20  # a refusal that is swallowed may be followed by one more

    genlet.run(main)


def test_nested_groups_end_from_the_inside_out() -> None:
    """An owner of live children is interrupted when these are gone, at every depth."""

    def main() -> Green[None]:
        log: List[str] = []

        def level(number: int) -> Green[None]:
            if number == 0:
                yield from slowly(log, "innermost")
                return
            with TaskGroup() as group:
                group.spawn(level, number - 1)
                try:
                    yield from group.join()
                finally:
                    log.append(f"level {number}")

        with TaskGroup() as group:
            group.spawn(level, 3)
            yield from turns(5)
            group.cancel()
            yield from group.join()
        assert log == ["innermost", "level 1", "level 2", "level 3"]

    genlet.run(main)


def test_of_two_cancelled_scopes_the_outermost_is_raised() -> None:
    """Unwinding happens once, to the outermost scope; the inner group catches nothing."""

    def main() -> Green[None]:
        seen: List[object] = []
        with CancelScope() as outer, TaskGroup() as group:
            group.spawn(forever)
            yield from genlet.sleep(0)
            group.cancel("inner")
            outer.cancel("outer")
            try:
                yield from group.join()
            except Cancelled as exc:
                seen.append((exc.scope, exc.reason))
                raise
        assert seen == [(outer, "outer")]
        assert outer.cancelled_caught
        assert not group.scope.cancelled_caught

    genlet.run(main)


def test_groups_cancellation_that_escapes_its_block_is_an_error() -> None:
    """A Cancelled that is raised outside of its block is an ordinary error."""

    def main() -> Green[None]:
        kept: List[Cancelled] = []
        with TaskGroup() as group:
            group.cancel()
            try:
                yield from genlet.sleep(0)
            except Cancelled as exc:
                kept.append(exc)
                raise
        with raising(Cancelled) as caught, TaskGroup():
            raise kept[0]
        assert caught.value is kept[0]

    genlet.run(main)


def test_cancelled_group_refuses_suspensions_without_arming_them() -> None:
    """After the grace a wait is refused before it is in a queue."""

    def main() -> Green[None]:
        armed: List[int] = []
        gate = Gate()

        def child() -> Green[None]:
            try:
                yield from genlet.sleep(inf)
            finally:
                try:
                    yield from gate.wait()
                finally:
                    armed.append(len(gate.waiters))

        with TaskGroup() as group:
            group.spawn(child)
            yield from genlet.sleep(0)
            group.cancel()
            yield from group.join()
        assert armed == [0]

    genlet.run(main)


def test_child_that_never_started_never_runs_and_gives_its_place_back() -> None:
    """A child cancelled before its first step ends: links are called, and waiters wake."""

    def main() -> Green[None]:
        log: List[str] = []

        def child() -> Green[None]:
            log.append("ran")
            yield from genlet.sleep(0)

        with TaskGroup() as group:
            gt = group.spawn(child)
            gt.link(lambda _: log.append("link"))
            group.cancel()
            assert log == []
        assert group.live == 0
        assert log == ["link"]
        yield from genlet.sleep(0)
        assert log == ["link"]

    genlet.run(main)


def test_child_spawned_into_a_cancelled_group_never_runs() -> None:
    """After the grace a new child ends at once."""

    def main() -> Green[None]:
        log: List[str] = []
        with TaskGroup() as group:
            group.cancel()
            gt = group.spawn(forever, log)
            assert gt.dead
            assert group.live == 0
        with raising(GreenletExit):
            yield from gt.wait()
        assert log == []

    genlet.run(main)


def test_cleanup_in_grace_may_use_a_group_of_its_own() -> None:
    """A child spawned during the grace counts as cancelled, and runs until the grace is over."""

    def main() -> Green[None]:
        log: List[str] = []

        def cleanup() -> Green[None]:
            yield from turns(2)
            log.append("cleaned")

        def child() -> Green[None]:
            try:
                yield from genlet.sleep(inf)
            finally:
                with TaskGroup() as inner:
                    inner.spawn(cleanup)
                    inner.spawn(cleanup)
                    yield from inner.join()

        with TaskGroup(grace=60) as group:
            group.spawn(child)
            yield from genlet.sleep(0)
            group.cancel()
            yield from group.join()
        assert log == ["cleaned", "cleaned"]

    genlet.run(main)


@pytest.mark.parametrize("grace", [0, 30, 60])
def test_grace_is_what_children_have_to_clean_up(grace: int) -> None:
    """A cleanup is refused at once, cut off when the grace is over, or done in time."""

    clock = Clock()

    def main() -> Green[None]:
        log: List[str] = []

        def child() -> Green[None]:
            try:
                yield from genlet.sleep(inf)
            finally:
                yield from genlet.sleep(0)
                log.append("began")
                if grace == 30:
                    clock.ahead += 30
                    yield from genlet.sleep(inf)
                log.append("done")

        with TaskGroup(grace=grace) as group:
            group.spawn(child)
            yield from genlet.sleep(0)
            group.cancel()
            yield from group.join()
        assert log == {0: [], 30: ["began"], 60: ["began", "done"]}[grace]
        assert len(get_scheduler().timers) == 0

    Runner(clock=clock).run(main)


def test_grace_of_a_group_bounds_children_whatever_interrupts_the_owner() -> None:
    """A kill's infinite grace is the owner's: its children have that of their group."""

    def main() -> Green[None]:
        log: List[str] = []

        def deaf() -> Green[None]:
            while len(log) < 5:
                try:
                    yield from genlet.sleep(inf)
                except Cancelled:
                    log.append("swallowed")

        def owner() -> Green[None]:
            with TaskGroup() as group:
                group.spawn(deaf)
                yield from group.join()

        gt = genlet.spawn(owner)
        yield from turns(2)
        yield from gt.kill()
        with raising(GreenletExit):
            yield from gt.wait()
        assert log == ["swallowed"] * 5

    genlet.run(main)


def test_shield_bounds_a_cleanup_that_waits_for_its_held_owner() -> None:
    """A cleanup that waits for its own owner deadlocks until its shield ends."""

    def main() -> Green[None]:
        log: List[str] = []
        gate = Gate()

        def child() -> Green[None]:
            try:
                yield from genlet.sleep(inf)
            finally:
                with genlet.shielded(0.01) as shield:
                    yield from gate.wait()
                log.append(f"cut off: {shield.cancelled_caught}")

        with TaskGroup() as group:
            group.spawn(child)
            yield from genlet.sleep(0)
            group.cancel()
            try:
                yield from group.join()
            finally:
                gate.open()
        assert log == ["cut off: True"]

    genlet.run(main)


def test_group_that_nothing_cancels_costs_its_owner_no_slow_suspension() -> None:
    """Entering, spawning, joining and leaving do not set the owner's attention."""

    def main() -> Green[None]:
        gt = genlet.getcurrent()
        with TaskGroup() as group:
            assert not gt.attention
            group.spawn(turns)
            yield from group.join()
            assert not gt.attention
        assert not gt.attention
        assert gt.groups == []

    genlet.run(main)


@pytest.mark.parametrize("inner_first", [False, True])
def test_of_nested_timeouts_the_right_one_fires(inner_first: bool) -> None:
    """Each deadline ends its own block only, with and without groups between."""

    clock = Clock()

    def main() -> Green[None]:
        log: List[str] = []
        seconds = (120, 60) if inner_first else (60, 120)
        with genlet.move_on_after(seconds[0]) as outer, TaskGroup() as group:
            group.spawn(forever, log, "outer child")
            with genlet.move_on_after(seconds[1]) as inner, TaskGroup() as inside:
                inside.spawn(forever, log, "inner child")
                yield from turns(2)
                clock.ahead += 90
                yield from inside.join()
            log.append("between")
            clock.ahead += 90
            yield from group.join()
        assert inner.cancelled_caught is inner_first
        assert outer.cancelled_caught
        expected = ["inner child", "between", "outer child"]
        assert log == (expected if inner_first else ["outer child", "inner child"])

    Runner(clock=clock).run(main)


def test_timeout_reaches_only_the_groups_that_were_opened_after_it() -> None:
    """A Timeout between two groups cancels the inner one's children and not the outer one's."""

    clock = Clock()

    def main() -> Green[None]:
        log: List[str] = []
        with TaskGroup() as group:
            group.spawn(forever, log, "outer child")
            with Timeout(60, False), TaskGroup() as inside:
                inside.spawn(forever, log, "inner child")
                yield from turns(2)
                clock.ahead += 60
                yield from inside.join()
            assert log == ["inner child"]
            assert group.live == 1
            group.cancel()
            yield from group.join()
        assert log == ["inner child", "outer child"]

    Runner(clock=clock).run(main)
