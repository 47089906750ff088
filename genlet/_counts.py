"""Counts, sizes and ports given by callers, checked where they are given."""

from __future__ import annotations

from _operator import index  # operator, without the Python half of it

from ._objects import text_of

inf: float = float("inf")


def check_whole(value: int, name: str) -> int:
    """Return *value* as an int; raises TypeError for a float, which may be between two."""
    try:
        return int(index(value))
    except TypeError:
        raise TypeError(f"{name} is a whole number, an int; got {text_of(value)}") from None


def check_count(value: int, name: str, least: int = 0) -> int:
    """Return *value* as an int.

    Args:
        value: An int, or what stands for one.
        name: The name of the argument, for error messages.
        least: The smallest that is allowed.

    Raises:
        TypeError: It is no int.
        ValueError: It is less than *least*.
    """
    number = check_whole(value, name)
    if number < least:
        raise ValueError(f"{name} is a whole number, {least} or more; got {text_of(number)}")
    return number


def check_size(value: int, name: str, least: int = 0) -> int:
    """Return *value* as an int, or infinity as it is: for what may be without a limit.

    Raises:
        TypeError, ValueError: As `check_count`.
    """
    if value.__class__ is float and value == inf:
        return value
    return check_count(value, name, least)


def check_port(value: int, name: str = "port") -> int:
    """Return *value* as an int; the system's look-up cuts larger ones down to 16 bits.

    Raises:
        TypeError: It is no int.
        OverflowError: It is negative or above 65535, as ``socket.bind`` has it.
    """
    number = check_whole(value, name)
    if not 0 <= number <= 65535:
        raise OverflowError(f"{name} is from 0 to 65535; got {text_of(value)}")
    return number
