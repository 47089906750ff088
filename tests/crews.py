"""What the tests of the pools share."""

from __future__ import annotations

from math import inf

import genlet
from genlet.abc import Green
from genlet.kernel import AnyGreenThread, Wait, Waiters
from genlet.structured.taskgroup import TaskGroup
from tests.kernel import forever, outcome


class Gate:
    """Lets greenthreads pass once it is open."""

    def __init__(self) -> None:
        self._waiters: Waiters[None] = Waiters()
        self.is_open: bool = False

    def open(self) -> None:
        self.is_open = True
        self._waiters.wake_all(None)

    def pass_through(self) -> Green[None]:
        if not self.is_open:
            yield from Wait(self, "the gate to open", self._waiters).get()


def turns(number: int = 3) -> Green[None]:
    """Let everybody run *number* times."""
    for _ in range(number):
        yield from genlet.sleep(0)


def ended(gt: AnyGreenThread) -> Green[object]:
    """Wait for the end of *gt*, and return the error it ended with, None if it returned."""
    return outcome(gt)


def hold_back(gate: Gate) -> Green[None]:
    """Have the caller's next suspension begin only when *gate* opens.

    It leaves a child behind that must wait in its cleanup.  What was found out before that suspension
    may have changed when it begins.
    """

    def child() -> Green[None]:
        try:
            yield from forever().get()
        finally:
            yield from gate.pass_through()

    with TaskGroup(on_exit="cancel", grace=inf) as group:
        group.spawn(child)
        yield from genlet.sleep(0)
