"""The one file that asks which Python, which implementation and which platform this is."""

from __future__ import annotations

import os
import sys
from types import GeneratorType
from typing import TYPE_CHECKING, Any, List, Optional, cast

from ._objects import attributes_of, text_of

if TYPE_CHECKING:
    from typing import ContextManager  # which loads contextlib, from Python 3.13 on

IS_PYPY: bool = sys.implementation.name == "pypy"
IS_LINUX: bool = sys.platform.startswith("linux")
IS_WINDOWS: bool = sys.platform == "win32"

# The bits of poll(2) and epoll(7), which genlet uses on every platform as the language of its
# pollers.  PyPy's `select` lacks some of the names, other platforms lack them all, and the numbers
# are Linux's ABI: so they are written down.
POLLIN: int = 0x001
POLLPRI: int = 0x002
POLLOUT: int = 0x004
POLLERR: int = 0x008
POLLHUP: int = 0x010
POLLNVAL: int = 0x020
POLLRDHUP: int = 0x2000
ONESHOT: int = 1 << 30
EDGE: int = 1 << 31

if sys.platform == "win32":
    # select and set_wakeup_fd take only sockets there.

    def open_bell(ends: List[int]) -> None:
        """Make a pipe, and append the numbers of its reading and its writing end to *ends*."""
        import socket

        pair = socket.socketpair()
        for end in pair:
            end.setblocking(False)
        ends += [end.detach() for end in pair]

    def close_bell(ends: List[int]) -> None:
        """Close the ends of a pipe, and forget them."""
        import socket

        while ends:
            socket.close(ends.pop())

else:

    def open_bell(ends: List[int]) -> None:
        """Make a pipe, and append the numbers of its reading and its writing end to *ends*."""
        ends += os.pipe()  # known to the caller before anything can fail
        for end in ends:
            os.set_blocking(end, False)

    def close_bell(ends: List[int]) -> None:
        """Close the ends of a pipe, and forget them."""
        while ends:
            os.close(ends.pop())


class _AsItIs:
    """A context that changes nothing; contextlib has one, and is slow to import."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def signals_in_hooks() -> ContextManager[object]:
    """Return a context in which an at-fork hook may change signal handlers, in any thread."""
    if IS_PYPY:  # its child takes the only thread for the main one after the hooks
        import __pypy__  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

        # Untyped: a context manager.
        return cast("ContextManager[object]", __pypy__.thread.signals_enabled)  # pyright: ignore[reportUnknownMemberType]
    return _AsItIs()


if sys.version_info >= (3, 11) and not IS_PYPY:

    def is_fresh(gen: GeneratorType[Any, Any, Any]) -> bool:
        """Whether *gen* has not been started; an exhausted one is not told apart here.

        Asking for ``gi_frame`` would build a frame object that lives as long as the generator,
        80 bytes for each greenthread.
        """
        return not (gen.gi_suspended or gen.gi_running)

else:

    def is_fresh(gen: GeneratorType[Any, Any, Any]) -> bool:
        """Whether *gen* has not been started."""
        frame = gen.gi_frame
        # typeshed says the frame is never None; that of an exhausted generator is.
        return frame is not None and frame.f_lasti == -1 and not gen.gi_running


if sys.version_info >= (3, 11):

    def exception_group(message: str, errors: List[BaseException]) -> BaseException:
        """Return an exception group of *errors*."""
        return BaseExceptionGroup(message, errors)  # noqa: F821  3.11 has it

else:

    def exception_group(message: str, errors: List[BaseException]) -> BaseException:
        """Return an exception group of *errors*; without the backport the first, with notes."""
        try:
            from exceptiongroup import BaseExceptionGroup
        except ImportError:
            first = errors[0]
            notes = [f"also failed: {text_of(error)}" for error in errors[1:]]
            notes.append(
                "to get all of them as a group on this Python: pip install exceptiongroup"
            )
            attributes_of(first).setdefault("__notes__", []).extend(notes)
            return first
        return BaseExceptionGroup(message, errors)


def getenv(name: str) -> Optional[str]:
    """Return the environment variable *name*, None if it is not set; *name* is ASCII.

    ``os.environ.get`` raises and catches a KeyError for a variable that is not set, and a run asks for
    two: that would be an eighth of the time of the shortest run.  So the dict behind the mapping is
    asked first, if there is one.
    """
    known = getattr(os.environ, "_data", None)
    if isinstance(known, dict) and name.encode() not in known and name not in known:
        return None
    return os.environ.get(name)
