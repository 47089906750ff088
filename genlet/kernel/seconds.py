"""Durations and deadlines given by callers, checked where they are given.

A caller asks for itself whether the number is the usual one, a float that is neither NaN nor
infinite, and calls a function of this file for any other:

    if timeout.__class__ is not float or not timeout < inf:
        timeout = check_timeout(timeout, "the timeout")
"""

from __future__ import annotations

from typing import Optional

from .._objects import text_of

inf: float = float("inf")  # math.inf; importing math costs more than most files of the kernel


def check_seconds(value: float, name: str) -> float:
    """Return *value* as a float.

    Args:
        value: Anything that converts to a float and is not text: an int, a Fraction, a Decimal.
        name: The name of the argument, for error messages.

    Raises:
        TypeError: It is no real number.
        ValueError: It is NaN.
        OverflowError: No float can hold it.
    """
    if value.__class__ is not int:
        kind = type(value)
        if not hasattr(kind, "__float__") and not hasattr(kind, "__index__"):
            raise _no_number(value, name)
    try:
        number = float(value)
    except TypeError:  # of complex, before Python 3.10
        raise _no_number(value, name) from None
    except OverflowError:
        raise OverflowError(
            f"{name} is a number of seconds that a float can hold, and what was given is larger:"
            " give float('inf') for no limit"
        ) from None
    if number != number:
        raise ValueError(f"{name} is a number of seconds; got NaN")
    return number


def check_timeout(value: float, name: str) -> Optional[float]:
    """Return *value* as a float, and infinity as None; raises what `check_seconds` does."""
    if value.__class__ is int:
        try:
            return float(value)
        except OverflowError:
            pass  # the message is below
    number = check_seconds(value, name)
    return None if number == inf else number


def check_grace(value: float, name: str = "grace") -> float:
    """Return *value* as a float, which is not negative.

    Raises:
        ValueError: It is negative, or NaN.
        TypeError, OverflowError: As `check_seconds`.
    """
    number = check_seconds(value, name)
    if number < 0:
        raise ValueError(f"{name} is a number of seconds, 0 or more; got {text_of(value)}")
    return number


def _no_number(value: object, name: str) -> TypeError:
    if hasattr(type(value), "total_seconds"):
        hint = ": give its total_seconds()"
    elif isinstance(value, (str, bytes)):
        hint = ": convert it with float()"
    elif value is None:
        hint = ": give float('inf') for no limit"
    else:
        hint = ""
    return TypeError(f"{name} is a number of seconds; got {text_of(value)}{hint}")
