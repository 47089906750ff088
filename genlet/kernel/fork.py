"""A forked child's copy of a kernel: inert, and harmless to the parent."""

# The suspended generators of the copy belong to the parent.  Nothing of them may run in the child:
# no step, no `finally`, no link.  The child itself stands inside one step, the one that forked; it
# may finish that, and leaves the loop when the step ends.

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Callable, Dict, NoReturn, Optional, Sequence, TypeVar

from .delivery import MAX_REFUSALS
from .state import Greenlet, Members

if TYPE_CHECKING:
    from .state import Kernel, Steps

T = TypeVar("T")


class Orphaned(BaseException):
    """Leaves the loop of a forked child's copy of a kernel, with the outcome of its last step."""

    def __init__(self, value: object, error: Optional[BaseException]) -> None:
        super().__init__()
        self.value: object = value
        self.error: Optional[BaseException] = error

    def outcome(self) -> BaseException:
        """Return the exception that ``run`` raises in the child."""
        if isinstance(self.error, Orphaned):
            return self.error.outcome()  # of a step inside the step of another greenthread
        if self.error is not None:
            return self.error
        return RuntimeError(
            "this process was forked from inside genlet.run(), and its last greenthread has"
            " ended: leave with os._exit(), or start a run of its own with genlet.run(main)"
        )


class Inert:
    """The steps of an inherited greenthread: none is taken, and a suspension fails.

    Every suspension raises RuntimeError at its line, until the greenthread ends.
    """

    __slots__ = ("around", "gt")

    def __init__(self, gt: Greenlet) -> None:
        self.gt: Greenlet = gt
        self.around: Steps = gt.steps

    def run(self, fn: Callable[..., T], /, *args: Any) -> NoReturn:
        gen: Any = self.gt.gen
        for _ in range(MAX_REFUSALS):
            try:
                self.around.run(gen.throw, _inert())
            except StopIteration as stop:
                raise Orphaned(stop.value, None) from None
            except BaseException as exc:
                raise Orphaned(None, exc) from None
        raise Orphaned(None, None)


class Orphanage(Members):
    """The group of all inherited greenthreads: the end of one leaves the loop."""

    __slots__ = ()

    def __init__(self, kernel: Kernel) -> None:
        self.scheduler: Kernel = kernel
        self.members: Dict[Greenlet, None] = {}
        self.answers: bool = True  # nothing is reported: `run` raises it

    def ended(self, gt: Any) -> NoReturn:
        raise Orphaned(gt.value, gt.error)


def disown(kernel: Kernel, greenthreads: Sequence[Greenlet]) -> None:
    """Make *kernel*, the copy in a forked child, inert.

    Args:
        greenthreads: All that have not ended.
    """
    kernel.orphan = True
    # Frozen, the generators are not collected, not even when the process exits.
    if hasattr(gc, "freeze"):
        gc.freeze()
    kernel.main = None
    kernel.instruments = None
    orphanage = Orphanage(kernel)
    for gt in greenthreads:
        gt.steps = Inert(gt)
        gt.group = orphanage
        kernel.pending.pop(gt, None)
        gt.groups = gt.links = gt.waiters = gt.interrupts = None
        gt.fault = _inert()
        gt.attention = True


def _inert() -> RuntimeError:
    return RuntimeError(
        "this process was forked from inside genlet.run(): its copy of the kernel is inert; start"
        " one of its own with genlet.run(main), or leave with os._exit()"
    )
