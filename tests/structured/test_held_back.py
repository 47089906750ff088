"""An owner that left children in their cleanup: its next suspension, and its end, wait for them."""

from __future__ import annotations

import sys
from math import inf
from typing import Iterator, List, Optional

import pytest

import genlet
from genlet import (
    Green,
)
from genlet.abc import Trap
from genlet.kernel import Runner, get_scheduler
from genlet.structured.taskgroup import Ready, TaskGroup

from . import Gate, fails_in_cleanup, forever, is_group_of, raising, slowly, turns

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def test_group_left_with_a_child_in_its_cleanup_holds_the_owners_next_suspension() -> None:
    """The owner runs on, and its next suspension lasts until the child is gone."""

    def main() -> Green[None]:
        log: List[str] = []
        group = TaskGroup()
        try:
            with group:
                group.spawn(slowly, log, "child", 5)
                yield from genlet.sleep(0)
                raise LookupError
        except LookupError:
            log.append("handler")
            assert group.live == 1
        yield from genlet.sleep(0)
        log.append("next line")
        assert group.live == 0
        assert log == ["handler", "child", "next line"]

    genlet.run(main)


def test_group_left_with_a_child_in_its_cleanup_arms_nothing_meanwhile() -> None:
    """A suspension that is held back is in no queue before it is let go."""

    def main() -> Green[None]:
        gate = Gate()
        waiting: List[int] = []

        def child() -> Green[None]:
            try:
                yield from genlet.sleep(inf)
            finally:
                with genlet.shielded(60):
                    yield from turns(3)
                    waiting.append(len(gate.waiters))
                    yield from turns(1)

        def opener() -> Green[None]:
            while not len(gate.waiters):
                yield from genlet.sleep(0)
            gate.open()

        genlet.spawn(opener)
        with raising(LookupError), TaskGroup() as group:
            group.spawn(child)
            yield from genlet.sleep(0)
            raise LookupError
        assert (yield from gate.wait()) == "opened"
        assert waiting == [0]

    genlet.run(main)


def test_group_late_error_is_raised_at_the_held_suspension() -> None:
    """The error of a child that ends late is raised in the owner as a group."""

    def main() -> Green[None]:
        late = ValueError("cleanup")
        with raising(LookupError), TaskGroup() as group:
            group.spawn(fails_in_cleanup, late, 3)
            yield from genlet.sleep(0)
            raise LookupError
        with raising(ExceptionGroup) as caught:
            yield from genlet.sleep(inf)
        assert is_group_of(late)(caught.value)
        yield from genlet.sleep(0)  # it was told once

    genlet.run(main)


def test_group_late_error_is_raised_bare_where_the_first_is_wanted() -> None:
    """With ``errors="first"`` a late error is raised bare."""

    def main() -> Green[None]:
        late = ValueError("cleanup")
        with raising(LookupError), TaskGroup(errors="first") as group:
            group.spawn(fails_in_cleanup, late, 3)
            yield from genlet.sleep(0)
            raise LookupError
        with raising(ValueError, match="^cleanup$") as caught:
            yield from genlet.sleep(inf)
        assert caught.value is late

    genlet.run(main)


@pytest.mark.parametrize("late", [None, ValueError("cleanup")])
def test_group_left_behind_holds_the_end_of_its_owner(late: Optional[Exception]) -> None:
    """An owner that does not suspend again ends after its children."""

    def main() -> Green[None]:
        log: List[str] = []

        def owner() -> Green[str]:
            with TaskGroup(on_exit="cancel") as group:
                if late is None:
                    group.spawn(slowly, log, "child", 5)
                else:
                    group.spawn(fails_in_cleanup, late, 5)
                yield from genlet.sleep(0)
            log.append("returned")
            return "result"

        gt = genlet.spawn(owner)
        gt.link(lambda _: log.append("ended"))
        yield from turns(4)
        assert log == ["returned"]
        assert not gt.dead
        if late is None:
            assert (yield from gt.wait()) == "result"
            assert log == ["returned", "child", "ended"]
        else:
            with raising(ExceptionGroup) as caught:
                yield from gt.wait()
            assert is_group_of(late)(caught.value)
            assert log == ["returned", "ended"]

    genlet.run(main)


def test_group_late_error_does_not_hide_the_error_its_owner_ends_with() -> None:
    """An owner that ends with an error of its own keeps it; the late one is reported."""
    reported: List[BaseException] = []
    late, own = ValueError("cleanup"), LookupError("body")

    def main() -> Green[None]:
        def owner() -> Green[None]:
            with TaskGroup() as group:
                group.spawn(fails_in_cleanup, late, 3)
                yield from genlet.sleep(0)
                raise own

        with raising(LookupError) as caught:
            yield from genlet.spawn(owner).wait()
        assert caught.value is own

    Runner(excepthook=lambda _gt, exc: reported.append(exc)).run(main)
    assert len(reported) == 1
    assert is_group_of(late)(reported[0])


def abandoned(green: Green[None], steps: int) -> Iterator[Trap]:
    """Drive *green* for some steps, and close it in the middle."""
    try:
        for _ in range(steps):
            yield green.send(None)
    finally:
        green.close()


def test_generator_abandoned_inside_a_group_leaves_nothing_behind() -> None:
    """Closing the generator that has the block aborts the children at once."""

    def main() -> Green[None]:
        log: List[str] = []

        def block() -> Green[None]:
            with TaskGroup() as group:
                group.spawn(forever, log, "first")
                group.spawn(forever, log, "second")
                yield from turns(5)

        yield from abandoned(block(), 2)
        assert log == ["second", "first"]
        assert genlet.getcurrent().groups == []
        assert get_scheduler().everybody() == [genlet.getcurrent()]
        yield from genlet.sleep(0)

    genlet.run(main)


def test_generator_abandoned_with_a_child_in_its_cleanup_holds_the_owner() -> None:
    """A child that cannot end at once holds the next suspension of its driver."""

    def main() -> Green[None]:
        log: List[str] = []

        def block() -> Green[None]:
            with TaskGroup() as group:
                group.spawn(slowly, log, "child")
                yield from turns(5)

        yield from abandoned(block(), 2)
        assert log == []
        yield from genlet.sleep(0)
        assert log == ["child"]

    genlet.run(main)


@pytest.mark.parametrize("debug", [False, True])
def test_a_barrier_is_reported_with_its_line_in_debug_mode_only(
    debug: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Debug mode reports the line of a block that is left with children in their cleanup."""

    def cleans_up_slowly() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        finally:
            with genlet.shielded(1):
                yield from genlet.sleep(0.001)

    def main() -> Green[None]:
        with TaskGroup(on_exit="cancel", name="services") as group:
            group.spawn(cleans_up_slowly)
            yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        assert not group.live

    genlet.Runner(debug=debug).run(main)
    said = capsys.readouterr().err
    assert bool(said) == debug
    if debug:
        assert said.startswith(f"main leaves <TaskGroup services> at {__file__}:")
        assert "cleans_up_slowly" in said


@pytest.mark.parametrize("what", ["wait", "join", "start", "as_completed", "amap"])
def test_what_comes_while_the_owner_is_held_back_is_not_missed(what: str) -> None:
    """A wait that is held back finds, when it is armed, what came meanwhile."""

    def cleans_up_slowly() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        finally:
            with genlet.shielded(10):
                yield from genlet.sleep(0.05)

    def soon() -> Green[str]:
        yield from genlet.sleep(0.001)
        return "ended"

    def soon_ready(ready: Ready[str]) -> Green[None]:
        yield from genlet.sleep(0)
        ready.set("ended")

    def main() -> Green[str]:
        target = genlet.spawn(soon)
        with TaskGroup() as outer:
            child = outer.spawn(soon)
            with TaskGroup(on_exit="cancel") as left:
                left.spawn(cleans_up_slowly)
                yield from genlet.sleep(0)
            if what == "wait":
                result = yield from target.wait()
            elif what == "start":
                result = yield from outer.start(soon_ready)
            elif what == "as_completed":
                ended = yield from genlet.as_completed([target]).next()
                assert ended is not genlet.END
                result = ended.result()
            elif what == "amap":
                (result,) = set((yield from genlet.amap(lambda _: soon(), range(3), limit=1)))
            else:
                yield from outer.join()
                result = child.result()
            yield from outer.join()
        return result

    assert genlet.run(main) == "ended"


def test_task_group_left_behind_is_refused_for_good_when_its_grace_is_over() -> None:
    """A child that swallows its interruption does not hold an owner forever after the block."""
    refused: List[str] = []

    def swallows() -> Green[None]:
        for _ in range(3):
            try:
                yield from genlet.sleep(1000)
            except genlet.Cancelled:
                refused.append("refused")

    def main() -> Green[None]:
        with TaskGroup(grace=0.1, on_exit="cancel") as left:
            left.spawn(swallows)
            yield from genlet.sleep(0)
        yield from genlet.sleep(0)

    genlet.run(main)
    assert refused == ["refused"] * 3
