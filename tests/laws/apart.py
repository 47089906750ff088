"""Runs that may break, each in a thread of its own, which returns only a text."""

# A run that ends in the middle leaves generators behind, which the garbage collector closes; a run
# that hangs never ends; and the exceptions under test break everything that looks at them, pytest
# too.  So this returns the result of a run that has succeeded, or a sentence.

from __future__ import annotations

import gc
import sys
import threading
from contextlib import contextmanager
from typing import Any, Callable, Generator, List

import genlet
from genlet import Green, Runner

PATIENCE = 5.0  # seconds, after which a run counts as one that hangs


@contextmanager
def noting(names: List[str]) -> Generator[None, None, None]:
    """Note the class of every uncaught exception, in finalizers and in threads."""
    before = sys.unraisablehook, threading.excepthook

    def note(unraisable: Any) -> None:
        names.append(unraisable.exc_type.__name__)

    sys.unraisablehook = threading.excepthook = note
    try:
        yield
    finally:
        sys.unraisablehook, threading.excepthook = before


def end_of(runner: Runner, main: Callable[[], Green[object]]) -> object:
    """Return the result of the run, or a sentence that says how it failed."""
    ends: List[object] = []
    left: List[str] = []

    def target() -> None:
        try:
            ends.append(runner.run(main))
        except BaseException as exc:
            ends.append(f"the run ended with {type(exc).__name__}")
        try:
            genlet.getcurrent()
        except RuntimeError:
            return
        except BaseException as exc:
            left.append(type(exc).__name__)
        left.append("a kernel")

    with noting(left):
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        thread.join(PATIENCE)
        gc.collect()
    end = ends[0] if ends else "the run did not end"
    return f"{end}, and left {', '.join(left)}" if left else end


def for_ever() -> Green[object]:
    """Wait for nothing; a run in which all others do too is a Deadlock, at once."""
    return (yield from genlet.Event[object]().wait())
