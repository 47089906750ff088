"""A block that is left with children that nobody joined, or whose group was cancelled."""

from __future__ import annotations

import sys
from typing import List

import pytest

import genlet
from genlet import (
    Green,
    GreenletExit,
    Unjoined,
)
from genlet.structured.taskgroup import Ready, TaskGroup

from . import fails_in_cleanup, forever, raising, turns

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup


@pytest.mark.parametrize("ended", [False, True])
def test_group_left_unjoined_raises(ended: bool) -> None:
    """Children that were not joined are an error, dead or alive."""

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
    """A `join` covers only children that were spawned before it returned."""

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
    """``return`` out of a block with children that were not joined raises."""

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
    """If the abort makes a child fail, both errors are raised."""

    def main() -> Green[None]:
        error = LookupError("cleanup")
        with raising(ExceptionGroup) as caught, TaskGroup() as group:
            group.spawn(fails_in_cleanup, error)
            yield from genlet.sleep(0)
        assert [type(exc) for exc in caught.value.exceptions] == [LookupError, Unjoined]

    genlet.run(main)


def test_group_left_by_an_error_is_not_unjoined_as_well() -> None:
    """The body's own error is raised alone."""

    def main() -> Green[None]:
        with raising(LookupError), TaskGroup() as group:
            group.spawn(forever)
            raise LookupError
        yield from genlet.sleep(0)

    genlet.run(main)


def test_group_for_services_cancels_what_is_left() -> None:
    """With ``on_exit="cancel"`` leaving aborts the children without an error."""

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
    """A child may cancel its own group, and ends with it."""

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
