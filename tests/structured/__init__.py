"""The tests of genlet.structured, a file for each law, and what they share."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import Callable, List, Optional

import pytest

import genlet
from genlet import Green
from genlet.kernel import Wait, Waiters

raising = pytest.raises  # around a whole block, whose end raises


class Gate:
    """Something to wait for that a plain call opens."""

    def __init__(self) -> None:
        self.waiters: Waiters[str] = Waiters()

    def wait(self) -> Green[str]:
        return (yield from Wait(self, "the gate to open", self.waiters).get())

    def open(self) -> None:
        self.waiters.wake_all("opened")


class Clock:
    """A clock that can be put forward."""

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
    """Return whether an exception is a group of exactly these, in this order."""

    def check(exc: BaseException) -> bool:
        found = getattr(exc, "exceptions", ())
        return len(found) == len(errors) and all(a is b for a, b in zip(found, errors))

    return check
