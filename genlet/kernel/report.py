"""What the kernel tells people: unhandled errors, deadlocks, survivors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Iterable, List, Optional

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread


def spawned_where(gt: AnyGreenThread) -> str:
    """Return ``spawned at FILE:LINE in FUNCTION``."""
    site = gt.spawned_at
    if site is None:
        return "the main greenthread"
    return f"spawned at {site[0]}:{site[1]} in {site[2]}"


def holder_of(subject: object) -> Optional[object]:
    """Return who holds what is waited on, if that can be said."""
    owner: object = getattr(subject, "owner", None)
    return owner


def describe(gt: AnyGreenThread) -> List[str]:
    """Return the lines about one greenthread: its state, its wait, the holder, its stack."""
    lines = [f"{gt!r}, {spawned_where(gt)}"]
    subject = gt.trap.subject() if gt.trap is not None else None
    holder = holder_of(subject)
    if holder is not None:
        lines.append(f"  held by {holder!r}")
    for text in gt.stack().format():
        lines.extend(text.rstrip().splitlines())
    return lines


def deadlock(greenthreads: Iterable[AnyGreenThread]) -> str:
    """Return the text of a Deadlock."""
    lines: List[str] = []
    for gt in greenthreads:
        lines.extend("  " + line for line in describe(gt))
    return (
        "every greenthread waits, and no timer, descriptor, thread or signal can wake one:\n"
        + "\n".join(lines)
    )


def print_error(gt: AnyGreenThread, exc: BaseException) -> None:
    """Report an error that nobody else is going to learn of: the default ``excepthook``."""
    _print(f"greenthread {gt.name} ({spawned_where(gt)}) ended with an error:", exc)


def print_call_error(fn: object, exc: BaseException) -> None:
    """Report an error of a plain function that the kernel called: a link, a call from a thread."""
    name = getattr(fn, "__qualname__", None) or repr(fn)
    _print(f"{name}, called by the kernel, raised:", exc)


def print_survivors(greenthreads: Iterable[AnyGreenThread]) -> None:
    """Report greenthreads that were still there when a run had ended, and could not be ended."""
    for gt in greenthreads:
        lines = "\n".join(describe(gt))
        print(f"still there at the end of the run, closed by force:\n{lines}", file=sys.stderr)


def _print(headline: str, exc: BaseException) -> None:
    from traceback import format_exception

    try:
        text = "".join(format_exception(type(exc), exc, exc.__traceback__))
        print(f"{headline}\n{text}", end="", file=sys.stderr)
    except Exception:
        pass  # no stderr to report to, or an exception whose own text fails
