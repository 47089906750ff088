"""Every exception of genlet's own that is not a way of ending a greenthread.

::

    Exception
     +-- GenletError
     |    +-- Deadlock         (RuntimeError)  nothing can wake anybody any more
     |    +-- Unjoined         (RuntimeError)  a task group was left with children nobody joined
     |    +-- BusyResource     (RuntimeError)  a second reader or writer on one descriptor
     |    +-- WrongThread      (RuntimeError)  a kernel's object used from another thread
     |    +-- SharedGenerator  (RuntimeError)  one generator driven by two greenthreads
     |    +-- ClosedResource   (OSError)       closed here or by another greenthread meanwhile
     |    +-- Unfinished       (OSError)       closed with something unwritten that had to wait
     |    +-- IncompleteReadError (EOFError)   the end came in the middle of what was asked for
     |    +-- LimitOverrunError                no separator within the limit
     |    +-- WouldBlock                       a ``_nowait`` call would have had to wait

Where the standard library has the class, genlet raises that one: ``TimeoutError``,
``queue.Empty``, ``socket.timeout``.  What ends a greenthread from outside, `Cancelled`,
`GreenletExit` and `Timeout`, derives from BaseException and is told apart on purpose: an
``except Exception`` must not swallow it.
"""

from __future__ import annotations

import errno
from typing import Optional, Tuple, Type


class GenletError(Exception):
    """Base of genlet's own errors."""


class Deadlock(GenletError, RuntimeError):
    """Every greenthread waits, and nothing is left that could wake one.

    Raised in the main greenthread at once.  The text lists every greenthread with its stack, what
    it waits for and who holds that.
    """


class Unjoined(GenletError, RuntimeError):
    """A task group's block was left although children were spawned since the last ``join()``."""


class BusyResource(GenletError, RuntimeError):
    """Another greenthread already waits on this side of the descriptor."""


class WrongThread(GenletError, RuntimeError):
    """An object that belongs to one thread's kernel was used from another thread."""


class SharedGenerator(GenletError, RuntimeError):
    """One generator object was driven by two greenthreads; it is raised in both."""


class WouldBlock(GenletError):
    """A call that never waits would have had to."""


class ClosedResource(GenletError, OSError):
    """The descriptor was closed, here or by another greenthread while this one waited.

    ``errno`` is EBADF, as for any other use of a closed descriptor.
    """

    def __init__(self, *args: object) -> None:
        # One argument is the message; unpickling gives the two of an OSError.
        super().__init__(*(args if len(args) != 1 else (errno.EBADF, *args)))


class IncompleteReadError(GenletError, EOFError):
    """The end came before what was asked for.

    Attributes:
        partial: What came before the end.
        expected: How many bytes were asked for; None if a separator was.

    Source:
        ``asyncio.IncompleteReadError``, which is not this class but has this meaning.
    """

    def __init__(self, partial: bytes, expected: Optional[int]) -> None:
        wanted = "a separator" if expected is None else f"{expected} bytes"
        super().__init__(f"the end came after {len(partial)} bytes; {wanted} was asked for")
        self.partial: bytes = partial
        self.expected: Optional[int] = expected

    def __reduce__(self) -> Tuple[Type[IncompleteReadError], Tuple[bytes, Optional[int]]]:
        return type(self), (self.partial, self.expected)


class LimitOverrunError(GenletError):
    """No separator within the limit; what was read is still there to be read.

    Attributes:
        consumed: How many bytes can be read without coming near the separator.

    Source:
        ``asyncio.LimitOverrunError``, which is not this class but has this meaning.
    """

    def __init__(self, message: str, consumed: int) -> None:
        super().__init__(message)
        self.consumed: int = consumed

    def __reduce__(self) -> Tuple[Type[LimitOverrunError], Tuple[str, int]]:
        return type(self), (str(self), self.consumed)


class Unfinished(GenletError, OSError):
    """A file was closed before all that was written to it could go out without waiting.

    Attributes:
        unwritten: How many bytes were dropped.
    """

    def __init__(self, what: str, unwritten: int) -> None:
        super().__init__(
            f"{what} was closed with {unwritten} bytes unwritten, which would have had to wait: call"
            " `yield from file.finish()` instead of close(), or before the end of the with block"
        )
        self.unwritten: int = unwritten
        self._what: str = what

    def __reduce__(self) -> Tuple[Type[Unfinished], Tuple[str, int]]:
        return type(self), (self._what, self.unwritten)
