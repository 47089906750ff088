"""Calls that lead to each other, made one after the other instead of one inside the other."""

# The last member of a group that ends lets its owner end, which is the last member of another group.
# An owner that is interrupted has the groups inside it cancelled, whose members own groups too.  Such
# a chain has any length, and Python's stack has not.

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from .state import Kernel


def chained(kernel: Kernel, fn: Callable[..., object], *args: Any) -> None:
    """Call ``fn(*args)``, after the chained call that is being made now if there is one.

    A call that fails is made once more by the loop, so *fn* is to be one that can be repeated.  What
    it raised is raised here, where the chain began.
    """
    chain = kernel.chain
    if chain is None:
        chain = kernel.chain = deque()
    chain.append((fn, args))
    _go_through(kernel)


def _go_through(kernel: Kernel) -> None:
    chain = kernel.chain
    # A signal handler may add a call at the end, and leave it to the flag: hence the two loops.
    while chain and not kernel.chaining:
        kernel.chaining = True
        try:
            while chain:
                fn, args = chain[0]
                fn(*args)
                chain.popleft()
        except BaseException:
            kernel.again(_go_on, kernel)
            raise
        finally:
            kernel.chaining = False


def _go_on(kernel: Kernel) -> None:
    """Repeat the call that failed, and make the others, whatever becomes of it."""
    chain = kernel.chain
    if chain:
        fn, args = chain.popleft()
        try:
            fn(*args)
        finally:
            _go_through(kernel)
