"""Scopes: blocks that can be cancelled as a whole, with everything spawned inside them."""

# Theory of operation
# -------------------
# Two things can interrupt a greenthread.  A *scope* covers everything that was entered or spawned
# inside it and goes through ACTIVE -> SOFT -> HARD: in SOFT each greenthread inside is interrupted
# once, in HARD at every suspension.  An *interrupt* is aimed at one greenthread and raised once: a
# kill, a Timeout, Ctrl-C.
#
# Scopes form a tree through `parent`.  The scopes that a greenthread has entered are a chain that
# starts at ``gt.scope``.  The parent of the outermost is the scope of the group that the greenthread
# was spawned into, and the parent of that is a scope of the group's owner.  The way down goes through
# ``gt.groups``.

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, List, Optional, Type

from .._objects import is_a
from ..errors import WrongThread
from .cancelled import Cancelled, encloses
from .current import here, running
from .delivery import poke_all
from .seconds import check_grace, check_seconds, check_timeout, inf
from .state import ACTIVE, HARD, SOFT, Scope
from .timers import next_number

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Literal, Self

    from .state import Greenlet, Kernel, Members


class CancelScope(Scope):
    """A ``with`` block that can be cancelled as a whole, with everything spawned inside it.

    Args:
        deadline: When to cancel by itself, in seconds of the run's clock.
        grace: Seconds between the first interruption and the state in which every suspension is
            refused; 0 refuses at once, infinity never.
        reason: The ``reason`` of the `Cancelled` raised when the deadline passes.

    Attributes:
        cancel_called: Whether it has been cancelled.
        cancelled_caught: Whether the block was left by its own `Cancelled`.

    Source:
        trio's ``CancelScope``, with grace and reasons.
    """

    __slots__ = ("_deadline", "_seconds", "_until", "cancelled_caught")

    def __init__(self, *, deadline: float = inf, grace: float = 0, reason: object = None) -> None:
        if deadline is not inf and (deadline.__class__ is not float or not deadline < inf):
            deadline = check_seconds(deadline, "the deadline")
        if grace.__class__ is not int or grace != 0:
            grace = check_grace(grace)
        self._deadline: float = deadline
        self._seconds: Optional[float] = None  # relative: the deadline is set on entering
        self.grace: float = grace
        self.reason: object = reason
        self.origin: object = None
        self.shield: bool = False
        self.state: int = ACTIVE
        self.parent: Optional[Scope] = None
        self.gt: Optional[Greenlet] = None
        self.group: Optional[Members] = None
        self.sequence: int = 0
        self.timer: int = 0
        self.cancelled_caught: bool = False

    # ---- the block ----

    def __enter__(self) -> Self:
        scheduler = here.scheduler
        gt = running() if scheduler is None or scheduler.current is None else scheduler.current
        if self.sequence:
            raise RuntimeError("a cancel scope can be entered only once: make a new one")
        scheduler = gt.scheduler
        # What can fail comes first: the clock, the timer.  A scope that could not be entered must
        # not stand in the chain.
        if self._seconds is not None:
            self._deadline = scheduler.clock() + self._seconds
        before = self.state
        if before:  # cancelled before it was entered
            self._until: float = scheduler.clock() + self.grace
            self._time_grace(scheduler)
        elif self._deadline != inf:
            scheduler.timers.add(self._deadline, self)
        self.sequence = self.timer or next_number()
        self.gt = gt
        self.parent = gt.scope
        gt.scope = self
        if self.state:
            gt.attention = True
            if not before:  # a signal handler has just cancelled it
                if not hasattr(self, "_until"):
                    self._until = scheduler.clock() + self.grace
                self._time_grace(scheduler)
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        # Leaving must not need more frames than entering, or a scope could not be left where the stack
        # ends.  So the chain is put in order before the first call, and the timer needs one call.
        gt = self.gt
        if gt is None or gt.scope is not self:
            raise RuntimeError(
                "cancel scopes must be left in the reverse order of entering, by the greenthread"
                " that entered them"
            )
        gt.scope = self.parent
        self.gt = None
        if self.timer and not (self.state and self.group is not None and self.group.members):
            gt.scheduler.timers.cancel(self)  # else the grace of those left behind goes on
        if self.state or self.shield:
            gt.attention = True  # scopes that this one hid may be due now
            if gt.told is not None and self in gt.told:
                gt.told.remove(self)
        if exc is not None and is_a(exc, Cancelled) and exc.scope is self:
            self.cancelled_caught = True
            return self._caught()
        return False

    def _caught(self) -> bool:
        """Whether the block ends quietly that the scope's own `Cancelled` has left."""
        return True

    # ---- cancelling ----

    @property
    def deadline(self) -> float:
        """Seconds of the run's clock at which the scope cancels itself; settable at any time."""
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: float) -> None:
        if deadline.__class__ is not float or not deadline < inf:
            deadline = check_seconds(deadline, "the deadline")
        self._deadline = deadline
        self._seconds = None
        if self.gt is not None and self.state == ACTIVE:
            scheduler = self.gt.scheduler
            scheduler.timers.cancel(self)
            if deadline != inf:
                scheduler.timers.add(deadline, self)
            if self.state:  # it was cancelled just now
                self._time_grace(scheduler)

    def expire_after(
        self, seconds: float, grace: float, reason: object, name: str = "the time"
    ) -> None:
        """Set the deadline to *seconds* after the entering; called before the block is entered."""
        if seconds.__class__ is float and seconds < inf:
            self._seconds = seconds
        else:
            self._seconds = check_timeout(seconds, name)
        if grace.__class__ is not int or grace != 0:
            self.grace = check_grace(grace)
        self.reason = reason

    def cancel(self, reason: object = None) -> None:
        """Interrupt everything inside; a second call changes nothing.

        A plain call that never waits.  Called by a greenthread inside the scope it takes effect at
        that greenthread's next suspension.

        Args:
            reason: Becomes the ``reason`` of the `Cancelled` raised.

        Raises:
            WrongThread: The scope was entered in a run of another thread; go through a portal.
        """
        before = self.reason
        if reason is not None and not self.state:
            self.reason = reason
        try:
            self.interrupt_all(self.grace)
        except BaseException:
            if not self.state:
                self.reason = before
            raise

    def interrupt_all(
        self, grace: float, then: Optional[Callable[[List[Greenlet]], None]] = None
    ) -> None:
        """Cancel with *grace*, whatever the scope's own; a scope already cancelled stays as it is.

        Args:
            then: Called with those inside, each before those of the groups it owns, when they are
                marked; None pokes them.
        """
        if self.state:
            return
        if self.group is not None:
            self.group.alert = True
        holder = self.gt if self.gt is not None else self._first_member()
        if holder is None:
            self.state = HARD if grace == 0 else SOFT
            return  # not entered, or nobody inside
        scheduler = holder.scheduler
        if scheduler is not here.scheduler:
            raise WrongThread("a scope is cancelled from a thread that does not run its kernel")
        until = inf if grace == 0 else scheduler.clock() + grace  # the clock may fail
        scheduler.timers.cancel(self)
        self._until = until
        if until != inf:
            scheduler.timers.add(until, self)
        self.state = HARD if grace == 0 else SOFT
        self.spread(poke_all if then is None else then)

    def harden(self) -> None:
        """End the grace of a cancelled scope now."""
        if self.state == SOFT:
            self.state = HARD
            holder = self.gt if self.gt is not None else self._first_member()
            if holder is not None:
                holder.scheduler.timers.cancel(self)
                self.spread(poke_all)

    def expire(self) -> None:
        """The deadline or the end of the grace has come."""
        if self.state == ACTIVE:
            self.interrupt_all(self.grace)
        elif self.state == SOFT:
            holder = self.gt if self.gt is not None else self._first_member()
            if holder is not None and holder.scheduler.clock() < self._until:
                self._time_grace(holder.scheduler)  # it was cancelled in the last moment
            else:
                self.harden()

    def _time_grace(self, scheduler: Kernel) -> None:
        """Set the timer of a scope that was cancelled, which is the end of its grace if it has one."""
        scheduler.timers.cancel(self)
        if self.state == SOFT and self._until != inf:
            scheduler.timers.add(self._until, self)

    def _first_member(self) -> Optional[Greenlet]:
        return next(iter(self.group.members), None) if self.group is not None else None

    def spread(self, then: Callable[[List[Greenlet]], None]) -> None:
        """Mark all greenthreads inside, and call *then* with them.

        It keeps a stack of its own: groups may be nested deeper than Python's recursion goes.  If it
        fails half way, the loop pokes them all.
        """
        holder = self.gt if self.gt is not None else self._first_member()
        try:
            then(self._inside())
        except BaseException:
            if holder is not None:
                holder.scheduler.again(self._poke_inside)
            raise

    def _poke_inside(self) -> None:
        poke_all(self._inside())

    def _inside(self) -> List[Greenlet]:
        """Mark all greenthreads inside, and return them, each before those of the groups it owns."""
        inside: List[Greenlet] = []
        stack: List[Greenlet] = []
        if self.gt is not None:
            inside.append(self.gt)
            for group in self.gt.groups or ():
                if encloses(self, group.scope):
                    group.alert = True
                    stack.extend(group.members)
        elif self.group is not None:
            stack.extend(self.group.members)
        stack.reverse()
        while stack:
            gt = stack.pop()
            inside.append(gt)
            for group in gt.groups or ():
                group.alert = True
                stack.extend(reversed(list(group.members)))
        for gt in inside:
            gt.attention = True
        return inside


class FailScope(CancelScope):
    """A scope that turns its own `Cancelled` into TimeoutError; made by `fail_after`."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __exit__(
            self,
            exc_type: Optional[Type[BaseException]],
            exc: Optional[BaseException],
            traceback: Optional[TracebackType],
        ) -> Literal[False]: ...

    def _caught(self) -> bool:
        raise TimeoutError(
            f"timed out after {self._seconds:g} seconds"
            if self._seconds is not None
            else "timed out: the deadline has passed"
            if self.reason is None
            else f"cancelled: {self.reason}"
        )


def move_on_after(seconds: float, *, grace: float = 0, reason: object = None) -> CancelScope:
    """Return a scope that is left quietly when *seconds* have passed since it was entered."""
    scope = CancelScope()
    scope.expire_after(seconds, grace, reason)
    return scope


def move_on_at(deadline: float, *, grace: float = 0, reason: object = None) -> CancelScope:
    """Return a scope that is left quietly at *deadline*, in seconds of the run's clock."""
    return CancelScope(deadline=deadline, grace=grace, reason=reason)


def fail_after(seconds: float, *, grace: float = 0, reason: object = None) -> FailScope:
    """Return a scope that raises TimeoutError when *seconds* have passed since it was entered."""
    scope = FailScope()
    scope.expire_after(seconds, grace, reason)
    return scope


def fail_at(deadline: float, *, grace: float = 0, reason: object = None) -> FailScope:
    """Return a scope that raises TimeoutError at *deadline*, in seconds of the run's clock."""
    return FailScope(deadline=deadline, grace=grace, reason=reason)


def shielded(timeout: float) -> CancelScope:
    """Return a scope that nothing from outside interrupts, for *timeout* seconds at most.

    A kill, a timeout or a cancelled scope around it is raised at the first suspension after the
    block.  When *timeout* has passed the block is left quietly, as with `move_on_after`: there is no
    shield without a bound.
    """
    scope = CancelScope()
    scope.expire_after(timeout, 0, None, "the timeout")
    if scope._seconds is None:
        raise ValueError("a shield needs a bound: give it a finite number of seconds")
    scope.shield = True
    return scope


def condemn(gt: Greenlet) -> CancelScope:
    """Refuse every later suspension of *gt*: put a cancelled scope around all that it has entered.

    Returns:
        The scope.  The caller interrupts *gt*, and then what *gt* owns, with `poke_owned`: the end of
        the last child would settle what *gt* waits for.
    """
    root = CancelScope()
    root.state = HARD
    root.gt = gt
    outermost: Optional[Scope] = None
    scope = gt.scope
    while scope is not None and scope.gt is gt:
        outermost, scope = scope, scope.parent
    root.parent = scope
    if outermost is None:
        gt.scope = root
    else:
        outermost.parent = root
    return root


def poke_owned(root: CancelScope) -> None:
    """Interrupt everything inside *root*, which `condemn` has made, but the greenthread itself."""
    root.spread(lambda inside: poke_all(inside[1:]))
