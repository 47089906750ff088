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
     |    +-- WouldBlock                       a ``_nowait`` call would have had to wait

Where the standard library has the class, genlet raises that one: ``TimeoutError``,
``queue.Empty``, ``socket.timeout``.  What ends a greenthread from outside, `Cancelled`,
`GreenletExit` and `Timeout`, derives from BaseException and is told apart on purpose: an
``except Exception`` must not swallow it.
"""

from __future__ import annotations

import errno


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
