"""How genlet looks at objects of the program, whatever these do when they are looked at."""

# An exception may refuse attributes (a frozen dataclass does), compute them, or raise from each of
# its methods; so may a value, a callable or an observer.  What the kernel needs of such an object
# is read by the functions of this file, which run none of its code.

from __future__ import annotations


def text_of(obj: object) -> str:
    """Return ``repr(obj)``; the name of its class if that raises."""
    try:
        return repr(obj)
    except BaseException:
        return f"<{type(obj).__qualname__} object that cannot be printed>"
