"""Throwing an exception into a generator that cannot be trusted to look for its fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, TypeVar, cast

if TYPE_CHECKING:
    from .state import Greenlet, Steps

T = TypeVar("T")


def throw_in(gt: Greenlet, exc: BaseException) -> None:
    """Have *exc* thrown into the generator of *gt* at its next step, whatever it is suspended on.

    For a generator that two greenthreads drive, and for one that yields something else than a trap.
    """
    if gt.gen is None:
        return
    gt.steps = Throwing(gt, exc)
    trap = gt.trap
    if trap is not None and not trap.queued:
        trap.disarm()
        gt.trap = None
        if not trap.unstarted:  # which is in the queue already
            gt.scheduler.append(gt)


def take_out(gt: Greenlet, steps: Any) -> None:
    """Take *steps*, which stands around those of *gt*, out; observers may stand around it by now."""
    outer: Any = None
    inner: Any = gt.steps
    while inner is not steps:
        if not hasattr(inner, "around"):
            return  # it is out already
        outer, inner = inner, inner.around
    if outer is None:
        gt.steps = steps.around
    else:
        outer.around = steps.around


class Throwing:
    """A step that throws an exception into the generator instead of resuming it."""

    __slots__ = ("around", "exc", "gt")

    def __init__(self, gt: Greenlet, exc: BaseException) -> None:
        self.gt: Greenlet = gt
        self.exc: BaseException = exc
        self.around: Steps = gt.steps

    def run(self, fn: Callable[..., T], /, *args: Any) -> T:
        gt = self.gt
        take_out(gt, self)
        assert gt.gen is not None
        return cast(T, self.around.run(gt.gen.throw, self.exc))
