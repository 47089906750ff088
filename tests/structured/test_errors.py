"""The exceptions that a group raises: all failures together, or the first one."""

from __future__ import annotations

import sys
from math import inf
from typing import Any, List, Type

import pytest

import genlet
from genlet import (
    Cancelled,
    Green,
    GreenletExit,
)
from genlet.kernel import AnyGreenThread, Runner
from genlet.structured.taskgroup import TaskGroup

from . import Clock, fails, fails_in_cleanup, forever, is_group_of, raising, turns

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup


def test_group_failures_are_raised_in_the_order_they_came() -> None:
    """All failures are in the group: the children's in the order they ended, then the body's."""

    def main() -> Green[None]:
        first, second, body = LookupError("1"), ValueError("2"), TypeError("body")
        with raising(ExceptionGroup) as caught, TaskGroup(name="crew") as group:
            group.spawn(fails_in_cleanup, second)
            group.spawn(fails, first, 1)
            try:
                yield from group.join()
            except Cancelled:
                raise body from None
        assert is_group_of(first, second, body)(caught.value)
        assert caught.value.message == "3 failed in <TaskGroup crew>"

    genlet.run(main)


def test_group_failure_that_the_body_re_raises_is_listed_once() -> None:
    """A child's exception that the body gets from `wait` is in the group once."""

    def main() -> Green[None]:
        error = LookupError("no such page")
        with raising(ExceptionGroup) as caught, TaskGroup() as group:
            gt = group.spawn(fails, error, 1)
            yield from gt.wait()
        assert is_group_of(error)(caught.value)

    genlet.run(main)


def test_group_of_exceptions_alone_is_an_exception() -> None:
    """``except Exception`` catches the group unless a BaseException is in it."""

    class Alarm(BaseException):
        pass

    def main(error: BaseException) -> Green[None]:
        with TaskGroup() as group:
            group.spawn(fails, error)
            yield from group.join()

    with raising(ExceptionGroup):
        genlet.run(main, LookupError())
    with raising(BaseExceptionGroup) as caught:
        genlet.run(main, Alarm())
    assert not isinstance(caught.value, Exception)


def test_group_failure_does_not_show_the_cancellation_that_followed() -> None:
    """The traceback of a group shows the failure, not the Cancelled that followed."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            group.spawn(fails, LookupError())
            yield from group.join()

    with raising(ExceptionGroup) as caught:
        genlet.run(main)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_group_cancelled_from_outside_with_a_failing_cleanup_raises_the_failure() -> None:
    """A failure replaces the cancellation that is on its way out."""

    clock = Clock()

    def main() -> Green[None]:
        error = LookupError("cleanup")
        scope = genlet.move_on_after(60)
        with raising(ExceptionGroup) as caught, scope, TaskGroup() as group:
            group.spawn(fails_in_cleanup, error)
            yield from turns(2)
            clock.ahead += 60
            yield from group.join()
        assert is_group_of(error)(caught.value)

    Runner(clock=clock).run(main)


def test_group_child_that_was_killed_has_not_failed() -> None:
    """A killed child is no failure: siblings and body go on."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            victim = group.spawn(forever)
            other = group.spawn(turns, 5)
            yield from genlet.sleep(0)
            yield from victim.kill()
            yield from group.join()
        yield from other.wait()

    genlet.run(main)


def test_group_child_that_re_raises_anothers_end_has_failed() -> None:
    """A GreenletExit that a child gets from `wait` is an ordinary failure of that child."""

    def main() -> Green[None]:
        def waits_for(gt: AnyGreenThread) -> Green[None]:
            yield from gt.wait()

        with raising(BaseExceptionGroup) as caught, TaskGroup() as group:
            victim = group.spawn(forever)
            group.spawn(waits_for, victim)
            yield from turns(2)
            yield from victim.kill()
            yield from group.join()
        assert [type(exc) for exc in caught.value.exceptions] == [GreenletExit]

    genlet.run(main)


def test_group_body_that_re_raises_anothers_end_has_failed_too() -> None:
    """A GreenletExit that the body gets from `wait` is in the group."""

    def main() -> Green[None]:
        error = LookupError("cleanup")
        victim = genlet.spawn(forever)
        yield from genlet.sleep(0)
        yield from victim.kill()
        with raising(BaseExceptionGroup) as caught, TaskGroup() as group:
            group.spawn(fails_in_cleanup, error)
            yield from genlet.sleep(0)
            yield from victim.wait()
        assert [type(exc) for exc in caught.value.exceptions] == [LookupError, GreenletExit]

    genlet.run(main)


def test_first_error_is_raised_bare() -> None:
    """With ``errors="first"`` the child's own exception object is raised."""

    def main() -> Green[None]:
        first = LookupError("first")
        with raising(LookupError) as caught, TaskGroup(errors="first") as group:
            group.spawn(fails_in_cleanup, ValueError("second"))
            group.spawn(fails, first, 1)
            yield from group.join()
        assert caught.value is first

    genlet.run(main)


def test_first_error_is_the_bodys_if_that_came_first() -> None:
    """A cleanup that fails after the body has failed does not replace the body's error."""

    def main() -> Green[None]:
        body = LookupError("body")
        with raising(LookupError) as caught, TaskGroup(errors="first") as group:
            group.spawn(fails_in_cleanup, ValueError("cleanup"))
            yield from genlet.sleep(0)
            raise body
        assert caught.value is body

    genlet.run(main)


def test_first_error_keeps_its_own_context() -> None:
    """The context of the error is its own, not the cancellation that followed."""

    def main() -> Green[None]:
        def child() -> Green[None]:
            yield from genlet.sleep(0)
            try:
                raise KeyError("cause")
            except KeyError:
                raise LookupError("effect")

        with raising(LookupError) as caught, TaskGroup(errors="first") as group:
            group.spawn(child)
            yield from group.join()
        assert isinstance(caught.value.__context__, KeyError)

        def plain() -> Green[None]:
            yield from genlet.sleep(0)
            raise LookupError("no context")

        with raising(LookupError) as caught, TaskGroup(errors="first") as group:
            group.spawn(plain)
            yield from group.join()
        assert caught.value.__context__ is None

    genlet.run(main)


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="the interpreter has exception groups")
@pytest.mark.parametrize("late", [False, True])
def test_without_the_backport_the_first_error_carries_the_others_in_notes(
    monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """Without the backport no error is lost, and a note says what to install."""
    monkeypatch.setitem(sys.modules, "exceptiongroup", None)

    def main() -> Green[None]:
        with raising(LookupError, match="^first") as caught:
            if late:
                with raising(TypeError, match="^body$"), TaskGroup() as group:
                    group.spawn(fails_in_cleanup, LookupError("first"), 1)
                    group.spawn(fails_in_cleanup, ValueError("second"), 2)
                    yield from genlet.sleep(0)
                    raise TypeError("body")
                yield from genlet.sleep(0)
            else:
                with TaskGroup() as group:
                    group.spawn(fails_in_cleanup, ValueError("second"))
                    group.spawn(fails, LookupError("first"), 1)
                    yield from group.join()
        error: Any = caught.value
        assert error.__notes__ == [
            "also failed: ValueError('second')",
            "to get all of them as a group on this Python: pip install exceptiongroup",
        ]

    genlet.run(main)


@pytest.mark.parametrize("exit_with", [KeyboardInterrupt, SystemExit])
def test_group_child_that_ends_the_program_surfaces_in_main_once(
    exit_with: Type[BaseException],
) -> None:
    """KeyboardInterrupt and SystemExit cancel the siblings and are raised bare, in main, once."""
    log: List[str] = []

    def main() -> Green[None]:
        with raising(exit_with), TaskGroup() as group:
            group.spawn(forever, log, "sibling")
            group.spawn(fails, exit_with(), 1)
            yield from group.join()
        yield from turns(3)
        log.append("went on")

    genlet.run(main)
    assert log == ["sibling", "went on"]


@pytest.mark.parametrize("exit_with", [KeyboardInterrupt, SystemExit])
def test_group_child_that_ends_the_program_is_not_in_anothers_group(
    exit_with: Type[BaseException],
) -> None:
    """A group that main does not own raises nothing: only main gets the SystemExit."""
    log: List[str] = []

    def main() -> Green[None]:
        def owner() -> Green[None]:
            with TaskGroup() as group:
                group.spawn(forever, log, "sibling")
                group.spawn(fails, exit_with(), 1)
                yield from group.join()
            log.append("owner")

        gt = genlet.spawn(owner)
        with raising(exit_with):
            yield from genlet.sleep(inf)
        yield from gt.wait()
        yield from turns(3)

    genlet.run(main)
    assert log == ["sibling", "owner"]
