"""The start handshake: `TaskGroup.start` and `Ready`."""

from __future__ import annotations

import sys
from math import inf
from typing import List, Optional

import genlet
from genlet import (
    Green,
    GreenletExit,
)
from genlet.structured.taskgroup import Ready, TaskGroup

from . import forever, is_group_of, raising, turns

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


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
    """A child may report None."""

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
    """A child that returns without a report is an error that names it."""

    def main() -> Green[None]:
        def child(_ready: Ready[int]) -> Green[None]:
            yield from genlet.sleep(0)

        with TaskGroup() as group:
            with raising(RuntimeError, match=r"child-\d+ ended without calling ready\.set"):
                yield from group.start(child)
            yield from group.join()

    genlet.run(main)


def test_start_of_a_child_that_is_killed_before_raises_greenlet_exit() -> None:
    """The starter of a child that is killed gets a GreenletExit; the group has not failed."""

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
    """A starter that is cancelled does not end the child, which may still report."""

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
    """The starter and the started child end with their group."""

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
    """A second report raises."""

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
    """After the report a failure of the child is like any other."""

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
