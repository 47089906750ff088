"""Groups of many children and of great depth."""

from __future__ import annotations

import sys
from math import inf
from typing import Any, List

import pytest

import genlet
from genlet import (
    Green,
)
from genlet.kernel import AnyGreenThread, NullInstrument, Runner
from genlet.structured.taskgroup import TaskGroup

from . import Gate, fails, forever, raising, turns

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def test_ten_thousand_children_that_fail_at_once_are_all_in_the_group() -> None:
    """All children that fail before they are cancelled are in the group."""
    number = 10_000

    def main() -> Green[None]:
        gate = Gate()

        def child() -> Green[None]:
            yield from gate.wait()
            raise LookupError

        with raising(ExceptionGroup) as caught, TaskGroup() as group:
            for _ in range(number):
                group.spawn(child)
            yield from genlet.sleep(0)
            gate.open()
            yield from group.join()
        assert len(caught.value.exceptions) == number
        assert len({id(exc) for exc in caught.value.exceptions}) == number

    genlet.run(main)


DEPTH = 1000


def nest(depth: int, reached: Gate, log: List[int]) -> Green[None]:
    """A group in a child of a group, *depth* times; the innermost cleanup waits."""
    if depth == 0:
        reached.open()
        try:
            yield from genlet.sleep(inf)
        finally:
            with genlet.shielded(60):
                yield from turns(2)
            log.append(0)
        return
    with TaskGroup() as group:
        group.spawn(nest, depth - 1, reached, log)
        try:
            yield from group.join()
        finally:
            log.append(depth)


def test_groups_nested_a_thousand_deep_are_cancelled_from_the_inside_out() -> None:
    """Cancelling does not recurse: Python's stack does not bound the depth of groups."""

    def main() -> Green[None]:
        log: List[int] = []
        reached = Gate()
        with TaskGroup() as group:
            group.spawn(nest, DEPTH, reached, log)
            yield from reached.wait()
            group.cancel()
            yield from group.join()
        assert log == list(range(DEPTH + 1))

    genlet.run(main)


def test_groups_nested_a_thousand_deep_are_aborted_from_the_inside_out() -> None:
    """The abort of a body that fails, and its barrier, do not recurse."""

    def main() -> Green[None]:
        log: List[int] = []
        reached = Gate()
        with raising(LookupError), TaskGroup() as group:
            group.spawn(nest, DEPTH, reached, log)
            yield from reached.wait()
            raise LookupError
        assert log == []
        yield from genlet.sleep(0)
        assert log == list(range(DEPTH + 1))

    genlet.run(main)


def test_error_travels_out_of_a_thousand_groups() -> None:
    """A failure of the innermost child is raised in the outermost owner, as nested groups."""

    def main() -> Green[None]:
        error = LookupError("deep down")

        def level(depth: int) -> Green[None]:
            with TaskGroup() as group:
                group.spawn(level, depth - 1) if depth else group.spawn(fails, error)
                yield from group.join()

        with raising(ExceptionGroup) as caught:
            yield from level(DEPTH)
        exc: Any = caught.value
        depth = 0
        while exc is not error:
            (exc,) = exc.exceptions
            depth += 1
        assert depth == DEPTH + 1
        unravel(caught.value)

    genlet.run(main)


def unravel(exc: BaseException) -> None:
    """Take a deep chain of groups apart: some interpreters free it by recursion."""
    found: List[Any] = [exc]
    while found:
        link = found.pop()
        link.__traceback__ = link.__context__ = None
        found.extend(getattr(link, "exceptions", ()))


@pytest.mark.slow
def test_ends_that_wait_for_each_other_do_not_recurse() -> None:
    """Owners that have returned and wait for their children end one after the other."""

    def main() -> Green[None]:
        depth = 300  # several calls of the kernel's for each would be more than Python allows
        lines = [Gate() for _ in range(depth + 1)]
        finished: List[int] = []
        innermost = Gate()

        def stubborn() -> Green[None]:
            try:
                yield from genlet.sleep(inf)
            finally:
                with genlet.shielded(60):
                    yield from innermost.wait()

        def level(number: int) -> Green[None]:
            with TaskGroup(on_exit="cancel") as group:
                if number:
                    group.spawn(level, number - 1)
                    yield from lines[number - 1].wait()
                else:
                    group.spawn(stubborn)
                    yield from genlet.sleep(0)
            lines[number].open()
            finished.append(number)

        gt = genlet.spawn(level, depth)
        yield from lines[depth].wait()
        assert len(finished) == depth + 1
        assert not gt.dead
        innermost.open()
        yield from gt.wait()

    genlet.run(main)


class Longest(NullInstrument):
    """Counts the steps of a run."""

    def __init__(self) -> None:
        self.steps = 0

    def after_step(self, gt: AnyGreenThread) -> None:
        self.steps += 1


def test_cancelling_many_children_takes_one_step_each() -> None:
    """A cancelled child that ends runs one more step, and so does the owner."""
    longest = Longest()

    def main() -> Green[None]:
        with TaskGroup() as group:
            for _ in range(100):
                group.spawn(forever)
            yield from genlet.sleep(0)
            longest.steps = 0
            group.cancel()
            yield from group.join()

    Runner(instruments=[longest]).run(main)
    assert longest.steps <= 103
