"""Spawning: how a green function becomes a greenthread."""

from __future__ import annotations

from contextvars import Context, copy_context
from sys import _getframe
from types import FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple, TypeVar, cast

from .._compat import is_fresh
from ..abc import Green, Trap
from ..errors import WrongThread
from . import report
from .current import here
from .delivery import commit, due
from .endings import drop
from .greenthread import GreenThread
from .group import Group
from .holding import NEVER, UNSTARTED, Unstarted
from .instruments import Instruments, ObservedSteps
from .seconds import inf
from .state import HARD

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread
    from .state import Greenlet, Kernel, Members

T = TypeVar("T")

# The flag of a code object whose call gives a generator: inspect.CO_GENERATOR.
GENERATOR = 0x20


def spawn(
    kernel: Kernel,
    /,
    fn: Callable[..., Green[T]],
    args: Tuple[Any, ...],
    kwargs: Dict[str, Any],
    group: Optional[Members] = None,
    delay: Optional[float] = None,
    local: bool = False,
    depth: int = 2,
    verb: str = "spawn",
) -> GreenThread[T]:
    """Make a greenthread of ``fn(*args, **kwargs)``, to run in the next turn.

    Args:
        group: Its owner; None is the run's root group.
        delay: Seconds until it becomes runnable, None for at once.
        local: Drop it if the spawner has ended by then.
        depth: How many calls up the caller stands whose line is remembered as the place of the spawn.
        verb: The name of the call for error messages.
    """
    if group is not None and kernel is not here.scheduler:
        raise WrongThread(
            "spawn() from a thread that does not run this kernel: go through a portal"
        )
    if kernel.closed or kernel.orphan:
        raise RuntimeError("the run has ended: nothing can be spawned in it any more")
    starts = None if delay is None else kernel.clock() + delay
    context = copy_context()
    gen: GeneratorType[Trap, None, T]
    if type(fn) is FunctionType and fn.__code__.co_flags & GENERATOR:
        # The call runs nothing of it, and can return nothing else: no need to look.
        made: Any = fn(*args, **kwargs) if kwargs else fn(*args)
        gen = made
    else:
        gen = call_green(fn, args, kwargs, context, verb)
    if group is None:
        group = kernel.root
    gt = make(kernel, gen, context, group, depth + 1)
    try:
        group.members[gt] = None
        if kernel.instruments is not None:
            _observe(kernel, gt)
        if group.alert:
            _look_around(kernel, gt)
        if gt.gen is None:
            pass  # the group takes no new members: it has ended already
        elif starts is None:
            kernel.append(gt)
        else:
            gt.trap = DelayedStart(gt, starts, kernel.current if local else None)
    except BaseException:
        # Nobody knows it yet: it has never been.
        group.members.pop(gt, None)
        gt.gen = None
        gen.close()
        raise
    return gt


def finished(
    kernel: Kernel,
    /,
    gen: GeneratorType[Trap, None, T],
    context: Context,
    value: Optional[T],
    error: Optional[BaseException],
    depth: int,
) -> GreenThread[T]:
    """Return a greenthread that has ended, for work that another greenthread did.

    Args:
        gen: The generator that was driven; it gives the name.
        depth: As for `spawn`.
    """
    group = Group(kernel)
    group.answers = True  # a failure is the caller's to see
    gt = make(kernel, gen, context, group, depth + 1)
    group.members[gt] = None
    gt.trap = None  # it has run
    if kernel.instruments is not None:
        kernel.instruments.tell("spawned", gt)
    try:
        kernel.end(gt, value, error)
        return gt
    finally:
        group.scope.group = None
        del error  # it may have this frame in its traceback


def _look_around(kernel: Kernel, gt: Greenlet) -> None:
    """Look whether *gt*, just made, is inside a cancelled scope.

    In the scope's grace it counts as interrupted once.  In the hard state it never begins, as if it
    had been there when the scope was cancelled.
    """
    gt.attention = True
    scope = gt.scope
    while scope is not None:
        if scope.state and scope.state != HARD:
            if gt.told is None:
                gt.told = []
            gt.told.append(scope)
        if scope.shield:
            break
        scope = scope.parent
    found = due(gt)
    if found is not None and gt.gen is not None:
        gt.trap = NEVER
        gt.gen.close()
        kernel.end(gt, None, commit(gt, found))


def _observe(kernel: Kernel, gt: Greenlet) -> None:
    instruments = cast(Instruments, kernel.instruments)  # instruments.attach makes no others
    gt.steps = ObservedSteps(instruments, gt)
    instruments.tell("spawned", gt)


def make(
    scheduler: Kernel,
    gen: GeneratorType[Trap, None, T],
    context: Context,
    group: Members,
    depth: int,
) -> GreenThread[T]:
    """Return a new greenthread for *group*, of which it is not a member yet.

    No ``__init__``: with slots, CPython 3.13 takes a quarter longer for a class that has one.

    Args:
        depth: As for `spawn`.
    """
    gt: GreenThread[T] = GreenThread()
    gt.scheduler = scheduler
    gt.gen = gen
    gt.steps = context
    gt.trap = UNSTARTED
    gt.group = group
    gt.scope = group.scope
    gt.parent = scheduler.current
    gt.number = scheduler.spawned = scheduler.spawned + 1
    gt._title = gen.__qualname__
    gt.attention = False
    gt.fault = gt.error = gt.groups = gt.interrupts = gt.told = gt.links = gt.waiters = (
        gt.killed_by
    ) = None
    gt._name = None
    # The spawner's code and place, not its variables.  The line is looked up on demand: finding it
    # costs more than all the rest.
    caller = _getframe(depth)
    gt.site, gt.site_lasti = caller.f_code, caller.f_lasti
    return gt


class DelayedStart(Unstarted):
    """Spawned, and to become runnable after a delay.

    Args:
        starts: When, in seconds of the run's clock; with infinity it never does.
        creator: The greenthread that must still live then; None for none.
    """

    __slots__ = ("creator", "timer")

    def __init__(self, gt: Greenlet, starts: float, creator: Optional[Greenlet]) -> None:
        self.gt = gt
        self.creator: Optional[Greenlet] = creator
        self.timer: int = 0
        if creator is not None:
            cast("AnyGreenThread", creator).link(drop, gt)
        if starts != inf:
            gt.scheduler.timers.add(starts, self)
        self.open = True

    def disarm(self) -> bool:
        if self.take():
            try:
                self.gt.scheduler.timers.cancel(self)
                if self.creator is not None:
                    cast("AnyGreenThread", self.creator).unlink(drop, self.gt)
                self.gt.scheduler.append(self.gt)
            except BaseException:
                self.open: bool = True  # no stack, no memory: it can be tried again
                raise
        return False

    def expire(self) -> None:
        if not self.take():
            return
        if self.creator is not None:
            cast("AnyGreenThread", self.creator).unlink(drop, self.gt)
        gt = self.gt
        if gt.trap is self:
            gt.trap = UNSTARTED
        gt.scheduler.append(gt)


def call_green(
    fn: Callable[..., Green[T]],
    args: Tuple[Any, ...],
    kwargs: Dict[str, Any],
    context: Context,
    verb: str,
) -> GeneratorType[Trap, None, T]:
    """Call *fn* in *context* and return its result, which must be a new generator.

    Args:
        verb: The name of the call for error messages.

    Raises:
        TypeError: It returned something else.
    """
    if not callable(fn):
        raise report.not_callable(verb, fn)
    # With keywords, even none, Context.run takes three times as long.
    made: Any = context.run(fn, *args, **kwargs) if kwargs else context.run(fn, *args)
    found: object = made
    if type(found) is not GeneratorType or not is_fresh(made):
        raise report.not_green(verb, fn, made)
    gen: GeneratorType[Trap, None, T] = made
    return gen
