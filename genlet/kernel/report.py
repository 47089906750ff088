"""What the kernel tells people: unhandled errors, deadlocks, survivors."""

from __future__ import annotations

import sys
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Iterable, List, Optional, cast

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread
    from .group import Group

LISTED = 100  # greenthreads a report describes; of more it gives the number


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


def deadlock(greenthreads: List[AnyGreenThread]) -> str:
    """Return the text of a Deadlock."""
    lines: List[str] = []
    for gt in greenthreads[:LISTED]:
        lines.extend("  " + line for line in describe(gt))
    if len(greenthreads) > LISTED:
        lines.append(f"  ... and {len(greenthreads) - LISTED} more")
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


def print_barrier(owner: AnyGreenThread, group: Group) -> None:
    """Warn that *owner* has left *group* while members still clean up."""
    lines = [line for gt in list(group.members)[:LISTED] for line in describe(gt)]
    print(
        f"{owner.name} leaves {group!r} at {owner.where()} while these still clean up; its next"
        " wait, or its end, is held back until they are gone:\n" + "\n".join(lines),
        file=sys.stderr,
    )


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


def not_callable(verb: str, fn: object) -> TypeError:
    """Return the error for something that is not even callable."""
    if hasattr(fn, "send"):
        name = getattr(fn, "__qualname__", "fn")
        return TypeError(
            f"{verb} wants the function, not its call: write {verb}({name}, ...) for"
            f" {verb}({name}(...))"
        )
    return TypeError(f"{verb} wants a green function; got {fn!r}")


def not_green(verb: str, fn: object, result: object) -> TypeError:
    """Return the error for a callable whose call did not give a fresh generator."""
    name = getattr(fn, "__qualname__", None) or repr(fn)
    if isinstance(result, GeneratorType):
        return TypeError(
            f"{verb} wants a fresh generator; {name}() returned one that has already been driven:"
            f" {result!r}"
        )
    if hasattr(result, "cr_frame"):
        cast(Any, result).close()
        return TypeError(
            f"{verb} wants a green function, a generator that yields traps; {name} is an async"
            " function"
        )
    return TypeError(
        f"{verb} wants a green function; {name} is a plain one, it returned {result!r}: run it on"
        " a thread with 'yield from tpool.execute(fn, ...)', or just call it"
    )
