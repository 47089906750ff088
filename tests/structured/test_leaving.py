"""The ways out of a block: joined, failed, interrupted, by an error of its own."""

from __future__ import annotations

import os
import signal
import sys
from math import inf
from typing import Callable, List

import pytest

import genlet
from genlet import (
    Cancelled,
    CancelScope,
    Green,
    GreenletExit,
    Timeout,
)
from genlet.kernel import AnyGreenThread, Runner
from genlet.structured.taskgroup import TaskGroup

from . import Clock, Gate, fails, forever, is_group_of, raising, slowly, turns

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


def test_group_left_after_join_has_waited_for_every_child() -> None:
    """When `join` returns no child is left, and leaving does nothing more."""

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
    """`join` of an empty group does not wait: no other greenthread runs meanwhile."""

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
    """`join` also waits for children that are spawned while it waits."""

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
    """The owner is held until the siblings are gone; then a group is raised."""

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
    """The Cancelled in siblings and owner names the error as reason and the child as origin."""

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
    """An owner that is interrupted unwinds when its children are gone."""

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
    """A timeout of any kind is raised in the owner when the children are gone."""

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
    """Ctrl-C is raised in main when the children are gone."""
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
    """Cleanups that do not wait run before a handler sees the error, last spawned first."""

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
    """A resource that was opened before the group is closed after the children are gone."""

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
    """A child that has not started when the body raises never starts."""

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
    """A child whose wait has settled gets the result, and is cancelled after that."""

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
