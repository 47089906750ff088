"""Traps: what a greenthread is suspended on.  Here stand sleep and what the kernel itself needs."""

# Theory of operation
# -------------------
# A primitive makes a trap, yields it and, when it is resumed, looks at what became of it:
#
#     yield self
#     gt = self.gt
#     if gt.scheduler.current is not gt or gt.fault is not None:
#         del gt
#         raise fault(self)
#
# The greenthread may end with the exception raised there, and keep it.  A frame in its traceback that
# held the greenthread would then be a cycle, for the garbage collector to find.  Hence the ``del``.
#
# Making a trap has no effect.  The loop calls ``arm(gt)`` once the trap was yielded, and delivery
# calls ``disarm()`` when it interrupts the greenthread.  The event waited for settles the trap, by
# claiming it, taking it off the greenthread and making the greenthread runnable:
#
#     if self.take():
#         gt.trap = None
#         gt.scheduler.append(gt)
#
# `arm` sets ``self.open`` when everything else is ready: from then on the trap can be claimed, once.  So
# a wait settles once, and a stale wake-up finds nothing to wake.  See state.py for the states.
#
# Exceptions are raised by the primitive, after its yield, and not thrown into the generator: CPython
# loses ``__context__`` when it throws through ``yield from``.  The comparison of `current` finds a
# generator that is driven by two greenthreads: the running one is not the one that was suspended.

from __future__ import annotations

from ..abc import Green, green
from ..errors import SharedGenerator
from .nobody import NOBODY, driven_by_hand
from .seconds import check_seconds, inf
from .state import Greenlet, Suspension
from .throwing import throw_in


def fault(trap: Suspension) -> BaseException:
    """Take the greenthread off *trap*, and return the exception to raise where it was suspended."""
    gt = trap.gt
    running = gt.scheduler.current
    if running is not gt:
        throw_in(
            gt, SharedGenerator(f"{running!r} drove the generator that {gt!r} is suspended in")
        )
        trap.gt = NOBODY
        return SharedGenerator(
            f"{running!r} drives a generator that {gt!r} is suspended in: give each greenthread a"
            " call of its own"
        )
    trap.gt = NOBODY
    exc, gt.fault = gt.fault, None
    assert exc is not None, "fault() is asked for only when there is one"
    return exc


# ---- letting others run ---------------------------------------------------------------------------


class Pause(Suspension):
    """Waits for its turn at the back of the ready queue.

    It settles when it is resumed, not when it is queued.  `sleep` raises an interruption that comes
    in between: it yields the trap once more, which lets the scheduler see it.
    """

    __slots__ = ()
    queued = True

    def arm(self, gt: Greenlet) -> None:
        self.gt = gt
        gt.scheduler.append(gt)

    def describe(self) -> str:
        return "its turn"


@green
def checkpoint() -> Green[None]:
    """Let every ready greenthread run, and raise an interruption that is due.

    Source:
        eventlet ``sleep(0)``.
    """
    yield from sleep(0)


class Sleep(Suspension):
    """Waits until a time has passed."""

    __slots__ = ("seconds", "timer")

    def __init__(self, seconds: float) -> None:
        self.seconds: float = seconds  # more than 0
        self.timer: int = 0

    def arm(self, gt: Greenlet) -> None:
        self.gt = gt
        if self.seconds != inf:
            scheduler = gt.scheduler
            scheduler.timers.add(scheduler.clock() + self.seconds, self)
        self.open = True

    def disarm(self) -> bool:
        if not self.take():
            return False
        try:
            self.gt.scheduler.timers.cancel(self)
        except BaseException:
            self.open: bool = True  # no stack, no memory: it can be tried again
            raise
        return True

    def expire(self) -> None:
        try:
            del self.open
        except AttributeError:
            return
        gt = self.gt
        gt.trap = None
        gt.scheduler.append(gt)

    def describe(self) -> str:
        return f"{self.seconds:g} seconds to pass"


@green
def sleep(seconds: float = 0) -> Green[None]:
    """Let others run for at least *seconds*.

    Args:
        seconds: On the run's clock.  0 or less goes to the back of the ready queue; infinity sleeps
            until interrupted.

    Raises:
        TypeError, ValueError, OverflowError: *seconds* is no number of seconds.

    Source:
        eventlet ``sleep``; ``time.sleep``, which refuses a negative time.
    """
    trap: Suspension
    if seconds == 0:  # by far the most frequent
        trap = Pause()
    else:
        if seconds.__class__ is not float or not seconds < inf:
            seconds = check_seconds(seconds, "the time")
        trap = Pause() if seconds <= 0 else Sleep(seconds)
    yield trap
    try:
        gt = trap.gt
    except AttributeError:  # it was never armed
        raise driven_by_hand("sleep") from None
    if gt.scheduler.current is not gt or gt.fault is not None:
        del gt
        raise fault(trap)
    if gt.attention and trap.queued:  # it came while this was queued: suspend again to raise it
        yield trap
        if gt.scheduler.current is not gt or gt.fault is not None:
            del gt
            raise fault(trap)
