"""No child outlives its owner, and a group takes children only while its block is open."""

from __future__ import annotations

import gc
import weakref
from math import inf
from typing import List

import pytest

import genlet
from genlet import (
    Deadlock,
    Green,
)
from genlet.kernel import AnyGreenThread, get_scheduler
from genlet.structured.taskgroup import TaskGroup

from . import forever, raising, slowly, turns


def test_every_child_has_the_group_for_its_owner() -> None:
    """A greenthread belongs to the group it was spawned in, by any greenthread."""

    def main() -> Green[None]:
        def child() -> Green[None]:
            grandchildren.append(group.spawn(turns))
            rooted.append(genlet.spawn(turns))
            yield from genlet.sleep(0)

        grandchildren: List[AnyGreenThread] = []
        rooted: List[AnyGreenThread] = []
        with TaskGroup() as group:
            gt = group.spawn(child)
            yield from group.join()
        assert gt.group is group
        assert grandchildren[0].group is group
        assert grandchildren[0].parent is None  # it has ended
        assert rooted[0].group is get_scheduler().root

    genlet.run(main)


@pytest.mark.parametrize("spawns", ["spawn", "start"])
def test_group_that_is_not_open_takes_no_children(spawns: str) -> None:
    """Before the block and after it, `spawn` and `start` raise."""

    def main() -> Green[None]:
        def child(*_ready: object) -> Green[None]:
            yield from genlet.sleep(0)

        def try_it() -> Green[None]:
            if spawns == "spawn":
                group.spawn(child)
            else:
                yield from group.start(child)
            yield from genlet.sleep(0)

        group = TaskGroup(name="crew")
        with raising(RuntimeError) as caught:
            yield from try_it()
        assert str(caught.value) == (
            "<TaskGroup crew> is not open: enter it with 'with TaskGroup() as group:'"
        )
        with group:
            pass
        with raising(RuntimeError) as caught:
            yield from try_it()
        assert str(caught.value) == "<TaskGroup crew> was left: its block has ended"

    genlet.run(main)


def test_group_behind_a_barrier_takes_no_children() -> None:
    """A child that is in its cleanup after the block has ended cannot spawn into the group."""

    def main() -> Green[None]:
        refused: List[str] = []

        def child() -> Green[None]:
            try:
                yield from genlet.sleep(inf)
            finally:
                with genlet.shielded(60):
                    yield from turns(2)
                    try:
                        group.spawn(turns)
                    except RuntimeError as exc:
                        refused.append(str(exc))

        with raising(LookupError), TaskGroup() as group:
            group.spawn(child)
            yield from genlet.sleep(0)
            raise LookupError
        yield from genlet.sleep(0)
        assert refused == ["<TaskGroup> was left: its block has ended"]

    genlet.run(main)


def test_group_is_entered_once() -> None:
    """A group has one block."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            yield from genlet.sleep(0)
        with raising(RuntimeError, match="can be entered only once"), group:
            pass

    genlet.run(main)


@pytest.mark.parametrize("fails_too", [False, True])
def test_run_returns_when_every_child_is_gone(fails_too: bool) -> None:
    """The run waits for children that main has left in their cleanup."""
    log: List[str] = []

    def main() -> Green[str]:
        with TaskGroup(on_exit="cancel") as group:
            group.spawn(slowly, log, "child", 20)
            yield from genlet.sleep(0)
            if fails_too:
                raise LookupError
        log.append("main")
        return "result"

    if fails_too:
        with raising(LookupError):
            genlet.run(main)
        assert log == ["child"]
    else:
        assert genlet.run(main) == "result"
        assert log == ["main", "child"]


def test_children_live_although_nobody_refers_to_them() -> None:
    """The kernel refers to what it runs: garbage collection ends no greenthread."""

    def main() -> Green[None]:
        log: List[str] = []

        def child() -> Green[None]:
            yield from genlet.sleep(0.001)
            log.append("done")

        with TaskGroup() as group:
            ref = weakref.ref(group.spawn(child))
            yield from genlet.sleep(0)
            gc.collect()
            assert ref() is not None
            yield from group.join()
        assert log == ["done"]

    genlet.run(main)


def test_children_that_hold_main_for_ever_are_a_deadlock_that_is_told() -> None:
    """A join that nothing can end raises Deadlock in main, which names the child."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            gt = group.spawn(forever)
            gt.name = "stuck"
            yield from group.join()

    with raising(Deadlock, match="stuck"):
        genlet.run(main)
