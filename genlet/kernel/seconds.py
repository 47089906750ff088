"""Durations and deadlines given by callers, checked where they are given."""

from __future__ import annotations

inf: float = float("inf")  # math.inf; importing math costs more than most files of the kernel


def check_timeout(seconds: float) -> None:
    """Refuse a duration that is not a number."""
    if seconds != seconds:
        raise ValueError("a timeout cannot be NaN")


def check_deadline(deadline: float) -> None:
    """Refuse an instant that is not a number."""
    if deadline != deadline:
        raise ValueError("the deadline of a scope cannot be NaN")


def check_grace(grace: float) -> None:
    """Refuse a grace that is negative or not a number."""
    if not grace >= 0:
        raise ValueError(f"grace is a number of seconds, 0 or more; got {grace!r}")
