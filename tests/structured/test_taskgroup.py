"""Task groups: options, children and their results."""

from __future__ import annotations

from typing import Any, List

import pytest

import genlet
from genlet import (
    Green,
    GreenThread,
)
from genlet.structured.taskgroup import Ready, TaskGroup
from genlet.testing import cancel_everywhere

from . import Gate, raising, turns


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_group_interrupted_anywhere_leaves_nothing_behind(how: Any) -> None:
    """At every suspension of an owner, its children end before it does."""
    log: List[str] = []

    def fn() -> Green[None]:
        del log[:]
        gate = Gate()

        def child(ready: Ready[int], name: str) -> Green[None]:
            try:
                yield from genlet.sleep(0)
                ready.set(1)
                yield from gate.wait()
            finally:
                with genlet.shielded(60):
                    yield from genlet.sleep(0)
                log.append(name)

        try:
            with TaskGroup() as group:
                yield from group.start(child, "first")
                yield from group.start(child, "second")
                gate.open()
                yield from group.join()
        finally:
            log.append("owner")

    def check() -> None:
        assert log.pop() == "owner"
        assert sorted(log) == ["first", "second"][: len(log)]

    assert cancel_everywhere(fn, check, how=how) >= 3


def test_group_options_are_checked() -> None:
    """A wrong option raises, and is named."""

    def main() -> Green[None]:
        with raising(ValueError, match=r'^on_exit is "raise" or "cancel"; got \'wait\'$'):
            TaskGroup(on_exit="wait")  # type: ignore[arg-type]
        with raising(ValueError, match=r'^errors is "group" or "first"; got \'all\'$'):
            TaskGroup(errors="all")  # type: ignore[arg-type]
        with raising(ValueError, match="grace"):
            TaskGroup(grace=-1)
        yield from genlet.sleep(0)

    genlet.run(main)


def test_group_outside_of_a_run_is_refused() -> None:
    """A group needs a greenthread that owns it."""
    with raising(RuntimeError, match="no kernel runs in this thread"):
        TaskGroup()


@pytest.mark.parametrize("what", ["plain", "call"])
def test_group_spawns_green_functions_only(what: str) -> None:
    """Anything but a green function is refused, and the group stays usable."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            wrong: Any = len if what == "plain" else turns(1)
            with raising(TypeError, match=r"^spawn wants"):
                group.spawn(wrong, "abc")
            assert group.live == 0
            yield from group.join()

    genlet.run(main)


def test_children_return_what_they_return() -> None:
    """`spawn` returns the greenthread, which has the result after the block."""

    def main() -> Green[None]:
        def child(number: int, *, factor: int) -> Green[int]:
            yield from genlet.sleep(0)
            return number * factor

        with TaskGroup() as group:
            gts: List[GreenThread[int]] = [group.spawn(child, n, factor=2) for n in range(3)]
            yield from group.join()
        assert [gt.result() for gt in gts] == [0, 2, 4]

    genlet.run(main)
