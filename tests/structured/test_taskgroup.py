"""Task groups: the ways out of a block, and the rules of cancellation as they meet groups."""

from __future__ import annotations

import gc
import os
import signal
import sys
import weakref
from time import monotonic
from typing import Any, Callable, Iterator, List, Optional, Type

import pytest

import genlet
from genlet import (
    Cancelled,
    CancelScope,
    Deadlock,
    Green,
    GreenletExit,
    GreenThread,
    Timeout,
    Unjoined,
)
from genlet.abc import Trap
from genlet.kernel import AnyGreenThread, NullInstrument, Runner, Wait, Waiters, get_scheduler
from genlet.structured.taskgroup import Ready, TaskGroup
from genlet.testing import cancel_everywhere

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup

inf = float("inf")
raising = pytest.raises  # around a whole block, whose end is what raises


class Gate:
    """Something to wait for that is opened by a plain call."""

    def __init__(self) -> None:
        self.waiters: Waiters[str] = Waiters()

    def wait(self) -> Green[str]:
        return (yield from Wait(self, "the gate to open", self.waiters).get())

    def open(self) -> None:
        self.waiters.wake_all("opened")


class Clock:
    """Tells the time, and may be put forward: what is due fires after the turn."""

    def __init__(self) -> None:
        self.ahead: float = 0

    def __call__(self) -> float:
        return monotonic() + self.ahead


def forever(log: Optional[List[str]] = None, name: str = "gone") -> Green[None]:
    """Wait until interrupted; the cleanup does not wait."""
    try:
        yield from genlet.sleep(inf)
    finally:
        if log is not None:
            log.append(name)


def slowly(log: Optional[List[str]] = None, name: str = "gone", turns: int = 3) -> Green[None]:
    """Wait until interrupted; the cleanup waits for some turns."""
    try:
        yield from genlet.sleep(inf)
    finally:
        with genlet.shielded(60):
            for _ in range(turns):
                yield from genlet.sleep(0)
        if log is not None:
            log.append(name)


def fails(exc: BaseException, turns: int = 0) -> Green[None]:
    for _ in range(turns):
        yield from genlet.sleep(0)
    raise exc
    yield from genlet.sleep(0)


def fails_in_cleanup(exc: BaseException, turns: int = 0) -> Green[None]:
    try:
        yield from genlet.sleep(inf)
    finally:
        with genlet.shielded(60):
            for _ in range(turns):
                yield from genlet.sleep(0)
        raise exc


def turns(count: int = 1) -> Green[None]:
    for _ in range(count):
        yield from genlet.sleep(0)


def is_group_of(*errors: BaseException) -> Callable[[BaseException], bool]:
    """Whether an exception is a group of just these, in this order."""

    def check(exc: BaseException) -> bool:
        found = getattr(exc, "exceptions", ())
        return len(found) == len(errors) and all(a is b for a, b in zip(found, errors))

    return check


# ---- the ways out of a block: the rows of the table ----------------------------------------------


def test_group_left_after_join_has_waited_for_every_child() -> None:
    """Row 1: when `join` returns no child is left, and leaving does nothing more."""

    def main() -> Green[None]:
        log: List[int] = []

        def child(number: int) -> Green[None]:
            yield from turns(number)
            log.append(number)

        with TaskGroup() as group:
            for number in (3, 1, 2):
                group.spawn(child, number)
            assert group.live == 3
            yield from group.join()
            assert log == [1, 2, 3]
            assert group.live == 0

    genlet.run(main)


def test_group_without_children_joins_at_once() -> None:
    """`join` of an empty group does not wait: nobody else runs meanwhile."""

    def main() -> Green[None]:
        ran: List[str] = []

        def other() -> Green[None]:
            ran.append("other")
            yield from genlet.sleep(0)

        genlet.spawn(other)
        with TaskGroup() as group:
            yield from group.join()
        assert ran == []

    genlet.run(main)


def test_group_children_spawned_by_children_are_joined_too() -> None:
    """`join` waits for what is spawned while it waits."""

    def main() -> Green[None]:
        log: List[str] = []

        def grandchild() -> Green[None]:
            yield from turns(2)
            log.append("grandchild")

        def child() -> Green[None]:
            yield from genlet.sleep(0)
            group.spawn(grandchild)

        with TaskGroup() as group:
            group.spawn(child)
            yield from group.join()
        assert log == ["grandchild"]

    genlet.run(main)


@pytest.mark.parametrize("where", ["body", "join"])
def test_group_child_fails_siblings_end_before_the_owner_goes_on(where: str) -> None:
    """Row 2: the owner is held until the siblings are gone, then a group is raised."""

    def main() -> Green[None]:
        log: List[str] = []
        error = LookupError("no such page")
        with raising(ExceptionGroup) as caught, TaskGroup() as group:
            group.spawn(forever, log, "first")
            group.spawn(slowly, log, "second")
            group.spawn(fails, error, 1)
            try:
                if where == "body":
                    yield from genlet.sleep(inf)
                yield from group.join()
            except Cancelled:
                log.append("owner")
                assert group.live == 0
                raise
        assert is_group_of(error)(caught.value)
        assert log == ["first", "second", "owner"]

    genlet.run(main)


def test_group_child_fails_the_cancellation_tells_why_and_who() -> None:
    """What siblings and owner get says which error was the reason and which child its origin."""

    def main() -> Green[None]:
        error = LookupError("no such page")
        seen: List[Cancelled] = []

        def sibling() -> Green[None]:
            try:
                yield from genlet.sleep(inf)
            except Cancelled as exc:
                seen.append(exc)
                raise

        with raising(ExceptionGroup), TaskGroup() as group:
            group.spawn(sibling)
            culprit = group.spawn(fails, error, 1)
            try:
                yield from group.join()
            except Cancelled as exc:
                seen.append(exc)
                raise
        assert len(seen) == 2
        for cancelled in seen:
            assert cancelled.reason is error
            assert cancelled.origin is culprit
            assert cancelled.scope is group.scope

    genlet.run(main)


def interrupt_by_scope(_owner: AnyGreenThread, scope: CancelScope) -> None:
    scope.cancel("enough")


def interrupt_by_kill(owner: AnyGreenThread, _scope: CancelScope) -> None:
    owner.kill_soon()


def interrupt_by_kill_with_an_error(owner: AnyGreenThread, _scope: CancelScope) -> None:
    owner.kill_soon(LookupError("killed"))


def interrupt_by_force(owner: AnyGreenThread, _scope: CancelScope) -> None:
    owner.kill_soon(force=True)


INTERRUPTS = [
    interrupt_by_scope,
    interrupt_by_kill,
    interrupt_by_kill_with_an_error,
    interrupt_by_force,
]


@pytest.mark.parametrize("interrupt", INTERRUPTS)
@pytest.mark.parametrize("where", ["body", "join"])
def test_group_owner_interrupted_from_outside_children_end_first(
    interrupt: Callable[[AnyGreenThread, CancelScope], None], where: str
) -> None:
    """Row 3: whatever interrupts the owner, its children are gone before it unwinds."""

    def main() -> Green[None]:
        log: List[str] = []
        scope = CancelScope()

        def owner() -> Green[None]:
            with scope, TaskGroup() as group:
                group.spawn(forever, log, "first")
                group.spawn(slowly, log, "second")
                try:
                    if where == "body":
                        yield from genlet.sleep(inf)
                    yield from group.join()
                finally:
                    log.append(f"owner, {group.live} live")

        gt = genlet.spawn(owner)
        yield from turns(3)
        interrupt(gt, scope)
        try:
            yield from gt.wait()
        except (GreenletExit, LookupError):
            assert not scope.cancelled_caught
        assert log == ["first", "second", "owner, 0 live"]

    genlet.run(main)


@pytest.mark.parametrize("timed", ["Timeout", "move_on_after", "fail_after"])
def test_group_timeout_around_it_children_end_first(timed: str) -> None:
    """Row 3: a timeout of any kind waits for the children before it is raised in the owner."""

    clock = Clock()

    def main() -> Green[None]:
        log: List[str] = []

        def block() -> Green[None]:
            with TaskGroup() as group:
                group.spawn(forever, log, "first")
                group.spawn(slowly, log, "second")
                yield from turns(2)
                clock.ahead += 60
                try:
                    yield from group.join()
                finally:
                    log.append(f"owner, {group.live} live")

        if timed == "Timeout":
            with Timeout(60, False):
                yield from block()
        elif timed == "move_on_after":
            with genlet.move_on_after(60) as scope:
                yield from block()
            assert scope.cancelled_caught
        else:
            with raising(TimeoutError), genlet.fail_after(60):
                yield from block()
        assert log == ["first", "second", "owner, 0 live"]

    Runner(clock=clock).run(main)


def test_group_ctrl_c_while_joining_children_end_first() -> None:
    """Row 3: Ctrl-C is raised in main when the children are gone."""
    log: List[str] = []

    def main() -> Green[None]:
        with TaskGroup() as group:
            group.spawn(forever, log, "first")
            group.spawn(slowly, log, "second")
            yield from genlet.sleep(0)
            os.kill(os.getpid(), signal.SIGINT)
            try:
                yield from group.join()
            finally:
                log.append(f"owner, {group.live} live")

    with raising(KeyboardInterrupt):
        genlet.run(main)
    assert log == ["first", "second", "owner, 0 live"]


@pytest.mark.parametrize("error", [LookupError("body"), GeneratorExit(), GreenletExit()])
def test_group_body_raises_children_unwind_before_the_error_goes_on(error: BaseException) -> None:
    """Row 4: synchronous cleanups are done, last spawned first, before a handler sees the error."""

    def main() -> Green[None]:
        log: List[str] = []

        def parent() -> Green[None]:
            with TaskGroup() as inner:
                inner.spawn(forever, log, "grandchild")
                try:
                    yield from inner.join()
                finally:
                    log.append("parent")

        group = TaskGroup()
        try:
            with group:
                group.spawn(forever, log, "first")
                group.spawn(parent)
                group.spawn(forever, log, "last")
                yield from turns(3)
                raise error
        except BaseException as exc:
            log.append("handler" if exc is error else repr(exc))
            assert group.live == 0
        assert log == ["last", "grandchild", "parent", "first", "handler"]

    genlet.run(main)


def test_group_body_raises_resources_around_the_group_outlive_the_children() -> None:
    """Row 4: what was opened before the group is closed after the children are gone."""

    def main() -> Green[None]:
        log: List[str] = []

        class Resource:
            def __enter__(self) -> None: ...

            def __exit__(self, *exc: object) -> None:
                log.append("closed")

        with raising(LookupError), Resource(), TaskGroup() as group:
            group.spawn(forever, log, "child")
            yield from genlet.sleep(0)
            raise LookupError
        assert log == ["child", "closed"]

    genlet.run(main)


def test_group_body_raises_children_that_have_not_started_never_run() -> None:
    """Rows 4 and R9: a child that was still to begin ends without having begun."""

    def main() -> Green[None]:
        log: List[str] = []

        def child() -> Green[None]:
            log.append("ran")
            yield from genlet.sleep(0)

        with raising(LookupError), TaskGroup() as group:
            gt = group.spawn(child)
            gt.link(lambda _: log.append("link"))
            raise LookupError
        assert gt.dead
        assert log == ["link"]
        with raising(GreenletExit):
            yield from gt.wait()
        yield from turns(2)
        assert log == ["link"]

    genlet.run(main)


def test_group_body_raises_a_result_on_its_way_is_not_lost() -> None:
    """Rows 4 and R4: a child whose wait has settled gets the result, and then the cancellation."""

    def main() -> Green[None]:
        log: List[str] = []
        gate = Gate()

        def child() -> Green[None]:
            log.append((yield from gate.wait()))
            yield from forever(log, "cancelled")

        with raising(LookupError), TaskGroup() as group:
            group.spawn(child)
            yield from genlet.sleep(0)
            gate.open()
            raise LookupError
        assert group.live == 1
        yield from genlet.sleep(0)
        assert group.live == 0
        assert log == ["opened", "cancelled"]

    genlet.run(main)


def test_group_left_with_a_child_in_its_cleanup_holds_the_owners_next_suspension() -> None:
    """Rows 4b, R12 and I3: the owner runs on, and cannot suspend before the child is gone."""

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
    """Row 4b: the suspension that is held stands in no queue until it is let go."""

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
    """Row 4b: what a child raises behind the barrier is raised in the owner as a group."""

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
    """Row 4b: a group that raises its first error bare does so at the barrier too."""

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
    """Rows 4b and I2: an owner that never suspends again has not ended before its children have."""

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
    """Row 4b: an owner that ends with an error of its own keeps it; the late one is reported."""
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


@pytest.mark.parametrize("ended", [False, True])
def test_group_left_unjoined_raises(ended: bool) -> None:
    """Row 5: what was spawned and not joined since is an error, whether or not it still lives."""

    def main() -> Green[None]:
        log: List[str] = []
        with raising(Unjoined) as caught, TaskGroup(name="crew") as group:
            if ended:
                group.spawn(turns, 0)
            else:
                group.spawn(forever, log, "aborted")
            yield from turns(3)
        assert group.live == 0
        assert log == ([] if ended else ["aborted"])
        assert str(caught.value) == (
            "<TaskGroup crew> was left with children that nobody joined: end the block with 'yield"
            ' from group.join()\', or make the group with on_exit="cancel"'
        )

    genlet.run(main)


def test_group_child_spawned_after_join_is_unjoined() -> None:
    """Row 5: a `join` covers what was spawned before it, not what comes after."""

    def main() -> Green[None]:
        with raising(Unjoined), TaskGroup() as group:
            group.spawn(turns)
            yield from group.join()
            group.spawn(turns)
        with raising(Unjoined), TaskGroup() as group:

            def gets_ready(ready: Ready[None]) -> Green[None]:
                ready.set(None)
                yield from genlet.sleep(0)

            yield from group.start(gets_ready)

    genlet.run(main)


def test_group_returned_from_with_live_children_raises_unjoined_not_the_result() -> None:
    """Row 5: ``return`` out of a block whose children nobody joined is never silent."""

    def main() -> Green[None]:
        log: List[str] = []

        def hasty() -> Green[str]:
            with TaskGroup() as group:
                group.spawn(forever, log)
                yield from genlet.sleep(0)
                return "result"

        with raising(Unjoined):
            yield from hasty()
        assert log == ["gone"]

    genlet.run(main)


def test_group_unjoined_comes_with_what_the_abort_brought_to_light() -> None:
    """Row 5: an abort that made a child fail raises both."""

    def main() -> Green[None]:
        error = LookupError("cleanup")
        with raising(ExceptionGroup) as caught, TaskGroup() as group:
            group.spawn(fails_in_cleanup, error)
            yield from genlet.sleep(0)
        assert [type(exc) for exc in caught.value.exceptions] == [LookupError, Unjoined]

    genlet.run(main)


def test_group_left_by_an_error_is_not_unjoined_as_well() -> None:
    """Row 5: the body's own error goes through alone."""

    def main() -> Green[None]:
        with raising(LookupError), TaskGroup() as group:
            group.spawn(forever)
            raise LookupError
        yield from genlet.sleep(0)

    genlet.run(main)


def test_group_for_services_cancels_what_is_left() -> None:
    """Row 6: with ``on_exit="cancel"`` leaving aborts the children without complaint."""

    def main() -> Green[None]:
        log: List[str] = []

        def session() -> Green[str]:
            with TaskGroup(on_exit="cancel") as group:
                group.spawn(forever, log, "heartbeat")
                yield from genlet.sleep(0)
                return "reply"

        assert (yield from session()) == "reply"
        assert log == ["heartbeat"]

    genlet.run(main)


@pytest.mark.parametrize("joins", [False, True])
def test_group_that_was_cancelled_is_left_without_complaint(joins: bool) -> None:
    """Row 6: after ``cancel()`` the rest of the block is skipped, and nothing is raised.

    A block that ends before the children have run leaves them to the owner's next suspension.
    """

    def main() -> Green[None]:
        log: List[str] = []
        with TaskGroup() as group:
            group.spawn(forever, log, "child")
            yield from genlet.sleep(0)
            group.cancel("enough")
            if joins:
                yield from group.join()
                log.append("never")
        assert log == (["child"] if joins else [])
        assert group.scope.cancel_called
        assert group.scope.cancelled_caught is joins
        yield from genlet.sleep(0)  # nothing is pending
        assert log == ["child"]

    genlet.run(main)


def test_group_cancelled_by_a_child_ends_the_block() -> None:
    """Row 6: a child may cancel the group it runs in; it too ends by that."""

    def main() -> Green[None]:
        log: List[str] = []

        def child() -> Green[None]:
            group.cancel("found it")
            yield from genlet.sleep(0)
            log.append("never")

        with TaskGroup() as group:
            group.spawn(forever, log, "sibling")
            gt = group.spawn(child)
            yield from group.join()
            log.append("never")
        assert log == ["sibling"]
        with raising(GreenletExit) as caught:
            yield from gt.wait()
        assert caught.value.reason == "found it"

    genlet.run(main)


# ---- what is raised -------------------------------------------------------------------------------


def test_group_failures_are_raised_in_the_order_they_came() -> None:
    """All that failed is in the group: the children in the order they ended, then the body."""

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
    """A body that waits for a child that fails ends with that child's own exception, once."""

    def main() -> Green[None]:
        error = LookupError("no such page")
        with raising(ExceptionGroup) as caught, TaskGroup() as group:
            gt = group.spawn(fails, error, 1)
            yield from gt.wait()
        assert is_group_of(error)(caught.value)

    genlet.run(main)


def test_group_of_exceptions_alone_is_an_exception() -> None:
    """The group narrows itself: ``except Exception`` gets it unless a BaseException is inside."""

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
    """The traceback of a group is about the failure: the internal Cancelled is suppressed."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            group.spawn(fails, LookupError())
            yield from group.join()

    with raising(ExceptionGroup) as caught:
        genlet.run(main)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_group_cancelled_from_outside_with_a_failing_cleanup_raises_the_failure() -> None:
    """A cancellation does not hide a failure: the group takes its place on the way out."""

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
    """Killing a child is no failure of the group: siblings and body go on."""

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
    """A GreenletExit that came from `wait` is an ordinary failure: it was not delivered to it."""

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
    """The body's GreenletExit from `wait` is listed with the failures of children."""

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
    """With ``errors="first"`` what is raised is the child's own exception object."""

    def main() -> Green[None]:
        first = LookupError("first")
        with raising(LookupError) as caught, TaskGroup(errors="first") as group:
            group.spawn(fails_in_cleanup, ValueError("second"))
            group.spawn(fails, first, 1)
            yield from group.join()
        assert caught.value is first

    genlet.run(main)


def test_first_error_is_the_bodys_if_that_came_first() -> None:
    """A cleanup that fails because the body did does not take the body's place."""

    def main() -> Green[None]:
        body = LookupError("body")
        with raising(LookupError) as caught, TaskGroup(errors="first") as group:
            group.spawn(fails_in_cleanup, ValueError("cleanup"))
            yield from genlet.sleep(0)
            raise body
        assert caught.value is body

    genlet.run(main)


def test_first_error_keeps_its_own_context() -> None:
    """What an error says came before it is what did: not the cancellation it led to."""

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
    """A bare clone on an old Python loses no error, and says what to install."""
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
    """In a group that main does not own the block is left quietly: main is told, and alone."""
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


# ---- R1-R13, as they meet groups ------------------------------------------------------------------


def test_calls_that_are_not_driven_do_nothing() -> None:
    """R1: `start` and `join` have no effect before they are driven."""

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
    """R3: cancelling a group disarms the waits of its children before they run."""

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
    """R2 and R4: a result that settled first is got, and the cancellation comes next."""

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
    """R4: the owner whose children have all ended leaves `join`, then hears of the cancellation."""

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
    """R5: `cancel` returns to its caller first, whoever that is."""

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
    """R5: a child that swallows every cancellation goes through the ready queue each time."""

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
    """R6: whoever owns live children is interrupted when they are gone, at every depth."""

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
    """R7: unwinding is done once; the group inside has caught nothing."""

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
    """R7: a Cancelled that was kept and raised elsewhere is not taken for anybody else's."""

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
    """R8: in the hard state a wait is refused before it stands in a queue."""

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
    """R9: cancelling before the first step ends it: links fire, waiters wake, `live` counts it."""

    def main() -> Green[None]:
        log: List[str] = []

        def child() -> Green[None]:
            log.append("ran")
            yield from genlet.sleep(0)

        with TaskGroup() as group:
            gt = group.spawn(child)
            gt.link(lambda _: log.append("link"))
            group.cancel()
            assert group.live == 0
        assert log == ["link"]
        yield from genlet.sleep(0)
        assert log == ["link"]

    genlet.run(main)


def test_child_spawned_into_a_cancelled_group_never_runs() -> None:
    """R9: in the hard state a new child ends at once."""

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
    """R10: what is spawned during the grace counts as told, and runs until the grace is over."""

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
    """A kill's infinite grace is the owner's: a child that swallows once is refused from then on."""

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
    """R11: the one deadlock that post-order can make is broken by the shield's own bound."""

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
    """R13: entering, spawning, joining and leaving leave the owner's attention alone."""

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


# ---- I1-I7: nothing outlives its owner ------------------------------------------------------------


def test_every_child_has_the_group_for_its_owner() -> None:
    """I1: a greenthread belongs to the group it was spawned in, whoever spawned it."""

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
    """I4: before the block and after it, `spawn` and `start` raise."""

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
    """I4: a child that is still in its cleanup cannot bring new ones in."""

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
    """A block has one group and a group one block."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            yield from genlet.sleep(0)
        with raising(RuntimeError, match="can be entered only once"), group:
            pass

    genlet.run(main)


@pytest.mark.parametrize("fails_too", [False, True])
def test_run_returns_when_every_child_is_gone(fails_too: bool) -> None:
    """I5: what main has left in a cleanup is waited for before the run returns."""
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
    """I6: the kernel holds what it runs; the garbage collector does not end a greenthread."""

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


def abandoned(green: Green[None], steps: int) -> Iterator[Trap]:
    """Drive *green* for some steps, and close it in the middle."""
    try:
        for _ in range(steps):
            yield green.send(None)
    finally:
        green.close()


def test_generator_abandoned_inside_a_group_leaves_nothing_behind() -> None:
    """I7: closing the generator that holds the block aborts the children at once."""

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
    """I7: what cannot end at once is waited for at the next suspension of whoever drove it."""

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


# ---- the start handshake --------------------------------------------------------------------------


def test_start_returns_what_the_child_reports() -> None:
    """`start` waits until the child is ready, and the child runs on."""

    def main() -> Green[None]:
        log: List[str] = []

        def serve(ready: Ready[int], port: int, *, host: str) -> Green[None]:
            yield from turns(2)
            log.append(f"bound {host}")
            ready.set(port + 1)
            yield from turns(2)
            log.append("served")

        with TaskGroup() as group:
            port = yield from group.start(serve, 8080, host="here")
            assert port == 8081
            assert log == ["bound here"]
            assert group.live == 1
            yield from group.join()
        assert log == ["bound here", "served"]

    genlet.run(main)


def test_start_takes_none_for_a_value() -> None:
    """Being ready is not told by the value: None is one."""

    def main() -> Green[None]:
        def child(ready: Ready[Optional[int]]) -> Green[None]:
            ready.set(None)
            yield from genlet.sleep(0)

        with TaskGroup() as group:
            value: Optional[int] = yield from group.start(child)
            assert value is None
            yield from group.join()

    genlet.run(main)


def test_start_of_a_child_that_fails_before_raises_its_error() -> None:
    """The starter gets the child's own exception; the group lists it once."""

    def main() -> Green[None]:
        error = OSError("address in use")

        def child(_ready: Ready[int]) -> Green[None]:
            yield from genlet.sleep(0)
            raise error

        with raising(ExceptionGroup) as caught, TaskGroup() as group:
            with raising(OSError, match="^address in use$") as seen:
                yield from group.start(child)
            assert seen.value is error
            raise seen.value
        assert is_group_of(error)(caught.value)

    genlet.run(main)


def test_start_of_a_child_that_returns_without_being_ready_raises() -> None:
    """A child that ends without a word is a mistake that is named."""

    def main() -> Green[None]:
        def child(_ready: Ready[int]) -> Green[None]:
            yield from genlet.sleep(0)

        with TaskGroup() as group:
            with raising(RuntimeError, match=r"child-\d+ ended without calling ready\.set"):
                yield from group.start(child)
            yield from group.join()

    genlet.run(main)


def test_start_of_a_child_that_is_killed_before_raises_greenlet_exit() -> None:
    """The starter of a child that was killed is told so, and the group has not failed."""

    def main() -> Green[None]:
        def child(_ready: Ready[int]) -> Green[None]:
            genlet.getcurrent().kill_soon()
            yield from genlet.sleep(inf)

        with TaskGroup() as group:
            with raising(GreenletExit):
                yield from group.start(child)
            yield from group.join()

    genlet.run(main)


def test_start_cancelled_meanwhile_leaves_the_child_to_its_group() -> None:
    """A starter that gives up does not end the child: it may still get ready, for nobody."""

    def main() -> Green[None]:
        log: List[str] = []

        def child(ready: Ready[int]) -> Green[None]:
            yield from turns(5)
            ready.set(1)
            log.append("ready")

        with TaskGroup() as group:
            with genlet.move_on_after(0) as scope:
                yield from group.start(child)
            assert scope.cancelled_caught
            assert group.live == 1
            yield from group.join()
        assert log == ["ready"]

    genlet.run(main)


def test_start_by_a_child_whose_group_is_cancelled_leaves_nothing() -> None:
    """Starter and started end with the group they are in."""

    def main() -> Green[None]:
        log: List[str] = []

        def child(_ready: Ready[int]) -> Green[None]:
            yield from forever(log, "child")

        def starter() -> Green[None]:
            try:
                yield from group.start(child)
            finally:
                log.append("starter")

        with TaskGroup() as group:
            group.spawn(starter)
            yield from turns(3)
            group.cancel()
            yield from group.join()
        assert sorted(log) == ["child", "starter"]

    genlet.run(main)


def test_ready_is_set_once() -> None:
    """A second report is refused where it is made."""

    def main() -> Green[None]:
        def child(ready: Ready[int]) -> Green[None]:
            ready.set(1)
            with raising(RuntimeError, match="a child gets ready once"):
                ready.set(2)
            yield from genlet.sleep(0)

        with TaskGroup() as group:
            assert (yield from group.start(child)) == 1
            yield from group.join()

    genlet.run(main)


def test_child_that_fails_after_being_ready_fails_its_group() -> None:
    """Being ready ends the handshake: what comes then is a failure like any other."""

    def main() -> Green[None]:
        error = LookupError()

        def child(ready: Ready[int]) -> Green[None]:
            ready.set(1)
            raise error
            yield from genlet.sleep(0)

        with raising(ExceptionGroup) as caught, TaskGroup() as group:
            assert (yield from group.start(child)) == 1
            yield from group.join()
        assert is_group_of(error)(caught.value)

    genlet.run(main)


# ---- the well-known failure stories ---------------------------------------------------------------


@pytest.mark.parametrize("inner_first", [False, True])
def test_of_nested_timeouts_the_right_one_fires(inner_first: bool) -> None:
    """Each deadline ends its own block and no other, groups or no groups between them."""

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


def test_ten_thousand_children_that_fail_at_once_are_all_in_the_group() -> None:
    """Whatever was on its way when the first failed is raised with it."""
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
    """A group inside a child inside a group, and so on; the innermost cleanup waits."""
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
    """Cancelling does not recurse: the depth of groups is not that of Python's stack."""

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
    """The synchronous abort of a body that fails, and its barrier, do not recurse either."""

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
    """A failure in the innermost child is raised in the outermost owner, a group in each group."""

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
    """Take a deep chain of groups apart: some interpreters free one by recursion."""
    found: List[Any] = [exc]
    while found:
        link = found.pop()
        link.__traceback__ = link.__context__ = None
        found.extend(getattr(link, "exceptions", ()))


def test_ends_that_wait_for_each_other_do_not_recurse() -> None:
    """Owners that have returned and wait for children that have returned end one after the other."""

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


def test_children_that_hold_main_for_ever_are_a_deadlock_that_is_told() -> None:
    """A join that nothing can end raises Deadlock in main, which names the child."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            gt = group.spawn(forever)
            gt.name = "stuck"
            yield from group.join()

    with raising(Deadlock, match="stuck"):
        genlet.run(main)


class Longest(NullInstrument):
    """Counts the steps of a run."""

    def __init__(self) -> None:
        self.steps = 0

    def after_step(self, gt: AnyGreenThread) -> None:
        self.steps += 1


def test_cancelling_many_children_takes_one_step_each() -> None:
    """No retries: a cancelled child that lets go runs once more, and so does the owner."""
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


# ---- everywhere -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_group_interrupted_anywhere_leaves_nothing_behind(how: Any) -> None:
    """At every suspension of an owner: its children end before it does, in the same order."""
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
    """A wrong option is named where it is given."""

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
    """There is nobody to own it."""
    with raising(RuntimeError, match="no kernel runs in this thread"):
        TaskGroup()


@pytest.mark.parametrize("what", ["plain", "call"])
def test_group_spawns_green_functions_only(what: str) -> None:
    """What is no green function is refused, and the group is none the worse for it."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            wrong: Any = len if what == "plain" else turns(1)
            with raising(TypeError, match=r"^spawn wants"):
                group.spawn(wrong, "abc")
            assert group.live == 0
            yield from group.join()

    genlet.run(main)


def test_children_return_what_they_return() -> None:
    """`spawn` gives the greenthread: its result is there after the block."""

    def main() -> Green[None]:
        def child(number: int, *, factor: int) -> Green[int]:
            yield from genlet.sleep(0)
            return number * factor

        with TaskGroup() as group:
            gts: List[GreenThread[int]] = [group.spawn(child, n, factor=2) for n in range(3)]
            yield from group.join()
        assert [gt.result() for gt in gts] == [0, 2, 4]

    genlet.run(main)


# ---- what is said in debug mode -------------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True])
def test_a_barrier_is_reported_with_its_line_in_debug_mode_only(
    debug: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who leaves children behind that must wait in their cleanup is told where, and for whom."""

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


# ---- what comes while the owner is held back ------------------------------------------------------


@pytest.mark.parametrize("what", ["wait", "join", "start", "as_completed", "amap"])
def test_what_comes_while_the_owner_is_held_back_is_not_missed(what: str) -> None:
    """A wait that a barrier holds back finds, when it is armed, what came meanwhile."""

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
    """Also after the block has ended: a child that swallows its interruption holds nobody for ever."""
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
