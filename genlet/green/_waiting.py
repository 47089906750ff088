"""How an operation waits: its deadline, and its turns with other greenthreads."""

from __future__ import annotations

import socket as real
from typing import Optional, Tuple

from ..abc import Green, green
from ..kernel import Direction, get_scheduler

__all__ = [
    "BURST",
    "FIRST_PAUSE",
    "back_off",
    "deadline_of",
    "seconds_left",
    "timed_out",
    "wait_for",
]

# How many operations of one socket or file may succeed in a row without waiting.  After that the
# greenthread lets the others run, so that a peer that is always ready does not stop them.  A
# checkpoint costs about 0.5 µs, which makes this 1 % of a receive.
BURST = 64

# Seconds between tries where the system does not report when a call may succeed; doubled.
FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.05


def timed_out() -> real.timeout:
    """Return the error of an operation whose timeout has passed."""
    return real.timeout("timed out")


def deadline_of(timeout: Optional[float]) -> Optional[float]:
    """Return the deadline of an operation that starts now; None if it has none.

    Args:
        timeout: Seconds.  None and 0 have no deadline: the first waits forever, the second never.
    """
    return get_scheduler().clock() + timeout if timeout else None


@green
def wait_for(
    side: Direction, timeout: Optional[float], deadline: Optional[float]
) -> Green[Optional[float]]:
    """Wait until *side* may be ready, and return the deadline of the whole operation.

    Args:
        timeout: The timeout of the operation, in seconds.
        deadline: The result of the operation's previous wait; None at the first.

    Raises:
        socket.timeout: The deadline has passed.
    """
    if timeout is None:
        yield from side.wait()
        return None
    now = get_scheduler().clock()
    if deadline is None:
        deadline = now + timeout
    if deadline <= now:
        raise timed_out()
    yield from side.wait(deadline - now, timed_out())
    return deadline


@green
def back_off(
    side: Direction, pause: float, timeout: Optional[float], deadline: Optional[float]
) -> Green[Tuple[float, Optional[float]]]:
    """Pause before the next try of a call for which the system reports no readiness.

    The side is kept meanwhile: a second greenthread is refused, and closing ends the pause.

    Args:
        pause: Seconds to pause: `FIRST_PAUSE`, and then what the last call returned.
        timeout, deadline: As for `wait_for`.

    Returns:
        The next pause, and the deadline.

    Raises:
        socket.timeout: The deadline has passed.
    """
    if timeout is not None and deadline is None:
        deadline = deadline_of(timeout)
    left = seconds_left(deadline)
    yield from side.let_others_run(pause if left is None else min(pause, left))
    return min(2 * pause, LONGEST_PAUSE), deadline


def seconds_left(deadline: Optional[float]) -> Optional[float]:
    """Return the seconds until *deadline*, which may be None.

    Raises:
        socket.timeout: The deadline has passed.
    """
    if deadline is None:
        return None
    left = deadline - get_scheduler().clock()
    if left <= 0:
        raise timed_out()
    return left
