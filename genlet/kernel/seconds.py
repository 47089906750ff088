"""Durations and deadlines given by callers, checked where they are given.

The caller makes the comparison, which is all it costs when the number is right.
"""

from __future__ import annotations

inf: float = float("inf")  # math.inf; importing math costs more than most files of the kernel


def nan_timeout() -> ValueError:
    """Return the error for a duration that is not a number."""
    return ValueError("a timeout cannot be NaN")


def nan_deadline() -> ValueError:
    """Return the error for a deadline that is not a number."""
    return ValueError("the deadline of a scope cannot be NaN")


def wrong_grace(grace: object) -> ValueError:
    """Return the error for a grace that is negative or not a number."""
    return ValueError(f"grace is a number of seconds, 0 or more; got {grace!r}")
