"""What the kernel tells people: unhandled errors, deadlocks, survivors."""

from __future__ import annotations

import sys
from sys import _getframe
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Iterable, List, Optional, Sequence, Tuple, cast

from .._objects import name_of, text_of, traceback_of

if TYPE_CHECKING:
    from traceback import StackSummary
    from types import FrameType

    from .state import Greenlet, Members

LISTED = 100  # greenthreads a report describes; of more it gives the number


def frames(gt: Greenlet) -> List[Tuple[FrameType, int]]:
    """Return where *gt* stands, outermost call first; empty if it has not started or has ended."""
    gen: Any = gt.gen
    if gen is None or not gt.started:
        return []
    if gt.scheduler.current is gt:
        running: List[Tuple[FrameType, int]] = []
        frame: Optional[FrameType] = _getframe(2)
        while frame is not None:
            running.append((frame, frame.f_lineno))
            if frame is gen.gi_frame:
                break
            frame = frame.f_back
        return running[::-1]
    frames: List[Tuple[FrameType, int]] = []
    while gen is not None:
        kind: type = type(cast(object, gen))
        if hasattr(kind, "gi_frame"):
            frame, inner = gen.gi_frame, gen.gi_yieldfrom
        elif hasattr(kind, "cr_frame"):
            frame, inner = gen.cr_frame, gen.cr_await
        else:
            break  # an iterator that is no generator: its frames are its own affair
        if frame is None:
            break
        frames.append((frame, frame.f_lineno))
        gen = inner
    return frames


def where(gt: Greenlet) -> str:
    """Return ``file:line`` of the innermost line of user code, empty if it has none."""
    found = frames(gt)
    package = __name__.partition(".")[0] + "."
    for frame, line in reversed(found):
        if not str(frame.f_globals.get("__name__", "")).startswith(package):
            return f"{frame.f_code.co_filename}:{line}"
    return f"{found[-1][0].f_code.co_filename}:{found[-1][1]}" if found else ""


def spawned_at(gt: Greenlet) -> Optional[Tuple[str, int, str]]:
    """The file, line and function of the call that spawned it."""
    if gt.site is None:
        return None
    from dis import findlinestarts

    line = gt.site.co_firstlineno
    for start, number in findlinestarts(gt.site):
        if start > gt.site_lasti:
            break
        line = number or line  # from 3.13 on, None where no line is meant
    return (gt.site.co_filename, line, gt.site.co_name)


def stack(gt: Greenlet) -> StackSummary:
    """Return where it stands, outermost call first; empty if it has not started or has ended.

    Source:
        ``traceback.extract_stack``, for a generator that is suspended.
    """
    from traceback import StackSummary as Summary

    return Summary.extract(iter(frames(gt)), lookup_lines=False)


def spawned_where(gt: Greenlet) -> str:
    """Return ``spawned at FILE:LINE in FUNCTION``."""
    site = spawned_at(gt)
    if site is None:
        return "the main greenthread"
    return f"spawned at {site[0]}:{site[1]} in {site[2]}"


def holder_of(subject: object) -> Optional[object]:
    """Return who holds what is waited on, if that can be said."""
    try:
        owner: object = getattr(subject, "owner", None)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None
    return owner


def describe(gt: Greenlet) -> List[str]:
    """Return the lines about one greenthread: its state, its wait, the holder, its stack."""
    lines = [f"{gt!r}, {spawned_where(gt)}"]
    try:
        subject = gt.trap.subject() if gt.trap is not None else None
    except KeyboardInterrupt:
        raise
    except BaseException:
        subject = None
    holder = holder_of(subject)
    if holder is not None and holder is not gt:  # the owner of a group waits for its children
        lines.append(f"  held by {text_of(holder)}")
    for text in stack(gt).format():
        lines.extend(text.rstrip().splitlines())
    return lines


def deadlock(greenthreads: Sequence[Greenlet]) -> str:
    """Return the text of a Deadlock."""
    lines: List[str] = []
    for gt in greenthreads[:LISTED]:
        lines.extend("  " + line for line in describe(gt))
    if len(greenthreads) > LISTED:
        lines.append(f"  ... and {len(greenthreads) - LISTED} more")
    threading = sys.modules.get("threading")
    if threading is not None:
        own = (threading.main_thread(), threading.current_thread())
        if any(not thread.daemon and thread not in own for thread in threading.enumerate()):
            lines.append(
                "  other threads run, and none has a portal: a thread wakes a greenthread through"
                " genlet.portal()"
            )
    return (
        "every greenthread waits, and no timer, descriptor, thread or signal can wake one:\n"
        + "\n".join(lines)
    )


def print_error(gt: Greenlet, exc: BaseException) -> None:
    """Report an error that nobody else is going to learn of: the default ``excepthook``."""
    _print(f"greenthread {gt.name} ({spawned_where(gt)}) ended with an error:", exc)


def print_call_error(fn: object, exc: BaseException) -> None:
    """Report an error of a plain function that the kernel called: a link, a call from a thread."""
    _print(f"{name_of(fn)}, called by the kernel, raised:", exc)


def print_barrier(owner: Greenlet, group: Members) -> None:
    """Warn that *owner* has left *group* while members still clean up."""
    lines = [line for gt in list(group.members)[:LISTED] for line in describe(gt)]
    _write(
        f"{owner.name} leaves {text_of(group)} at {where(owner)} while these still clean up; its next"
        " wait, or its end, is held back until they are gone:\n" + "\n".join(lines) + "\n"
    )


def print_survivors(greenthreads: Iterable[Greenlet]) -> None:
    """Report greenthreads that were still there when a run had ended, and could not be ended."""
    for gt in greenthreads:
        lines = "\n".join(describe(gt))
        _write(f"still there at the end of the run, closed by force:\n{lines}\n")


def _print(headline: str, exc: BaseException) -> None:
    from traceback import format_exception, format_tb

    kind = type(exc)
    try:
        text = "".join(format_exception(kind, exc, traceback_of(exc)))
    except (KeyboardInterrupt, SystemExit):
        raise  # it is not of the report
    except BaseException:
        text = "".join(format_tb(traceback_of(exc)))
        text += f"{kind.__module__}.{kind.__qualname__}, which cannot be printed\n"
    _write(f"{headline}\n{text}")


def _write(text: str) -> None:
    try:
        print(text, end="", file=sys.stderr)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        pass  # there is no stderr, or nothing reads it: a report must not end the run


def not_callable(verb: str, fn: object) -> TypeError:
    """Return the error for something that is not even callable."""
    if hasattr(type(fn), "cr_frame"):
        name = name_of(fn)
        cast(Any, fn).close()  # else it complains as well that it was never awaited
        return TypeError(f"{verb} wants a green function, not a coroutine: {_driven(verb, name)}")
    if hasattr(type(fn), "send"):
        name = name_of(fn)
        return TypeError(
            f"{verb} wants the function, not its call: write {verb}({name}, ...) for"
            f" {verb}({name}(...))"
        )
    return TypeError(f"{verb} wants a green function; got {text_of(fn)}")


def not_green(verb: str, fn: object, result: object) -> TypeError:
    """Return the error for a callable whose call did not give a fresh generator."""
    name = name_of(fn)
    if issubclass(type(result), GeneratorType):
        return TypeError(
            f"{verb} wants a fresh generator; {name}() returned one that has already been driven:"
            f" {text_of(result)}"
        )
    if hasattr(type(result), "cr_frame"):
        cast(Any, result).close()
        return TypeError(
            f"{verb} wants a green function; {name} is an async function: {_driven(verb, name)}"
        )
    if hasattr(type(result), "ag_frame"):
        return TypeError(
            f"{verb} wants a green function; {name} is an asynchronous generator: iterate over it with"
            f" 'async for' in an async function fn, and {_driven(verb, 'fn')}"
        )
    return TypeError(
        f"{verb} wants a green function; {name} is a plain one, it returned {text_of(result)}: a function"
        " is green if it has a 'yield from' before what waits; "
        + (
            "is that missing?"
            if verb == "run"
            else "if nothing in it waits, call it; if it blocks, write 'yield from tpool.execute(fn, ...)'"
        )
    )


def _driven(verb: str, name: str) -> str:
    """Return how a coroutine runs on the kernel."""
    return (
        f"write {verb}(drive, {name}(...)), which runs what awaits green calls; what awaits asyncio's"
        " needs asyncio's loop"
    )
