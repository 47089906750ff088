"""Cancellation: scopes, timeouts and kills are one mechanism, and this is it."""

# Theory of operation
# -------------------
# Two things can interrupt a greenthread.  A *scope* covers everything that was entered or spawned
# inside it and goes through ACTIVE -> SOFT -> HARD; in SOFT each greenthread inside is interrupted
# once, in HARD at every suspension.  An *interrupt* is aimed at one greenthread and raised once: a
# kill, a Timeout, Ctrl-C.
#
# Scopes form a tree through `parent`: the scopes a greenthread has entered are a chain that starts
# at ``gt.scope``; the outermost one's parent is the scope of the group it was spawned into, whose
# parent is a scope of the group's owner.  The way down goes through ``gt.groups``.
#
# Nothing is ever raised from here.  A greenthread that has something coming is *marked* with
# ``gt.attention``: its next suspension takes the scheduler's slow path.  If it is parked it is also
# *poked*: its wait is disarmed, the exception put into ``gt.fault``, and the ready queue brings it
# to the primitive, which raises it.  A wait that has settled is left alone: the result wins, and
# the interruption comes at the next suspension, so nothing handed over is ever lost.
#
# Post-order: a greenthread that owns live groups inside what is cancelled is HELD until they have
# drained.  It is then parked on a `Held` trap with its fault already decided.

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterable,
    List,
    Optional,
    Tuple,
    Type,
    Union,
)

from ..errors import WrongThread
from .context import getcurrent, here
from .timers import inf

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Literal, Self

    from .greenthread import AnyGreenThread
    from .group import Group
    from .timeout import Timeout

ACTIVE, SOFT, HARD = 0, 1, 2
DELIVERIES = (
    "_genlet_deliveries"  # the attribute of an exception that says to whom it was delivered
)

ExceptionLike = Union[BaseException, Type[BaseException]]
"""What may be given to be raised: an instance, or a class that takes no arguments."""


class Cancelled(BaseException):
    """Raised at a suspension inside a scope that was cancelled.

    A BaseException, so that ``except Exception`` does not swallow it.  Let it pass: the scope it
    belongs to catches it.

    Attributes:
        scope: The scope that was cancelled, None if this is no scope's.
        reason: What was given to ``cancel``; for a failing child of a group, its exception.
        origin: The greenthread whose failure was the reason, or the exception that ended the
            greenthread one waited for; None for neither.
    """

    reason: object = None
    scope: Optional[CancelScope] = None
    origin: object = None

    def __init__(
        self,
        reason: object = None,
        *,
        scope: Optional[CancelScope] = None,
        origin: object = None,
    ) -> None:
        # BaseException.__new__ has set args to what was given by position.
        args = self.args
        if reason is None:
            if args:
                super().__init__()
        else:
            self.reason = reason
            if len(args) != 1 or args[0] is not reason:
                super().__init__(reason)
        if scope is not None:
            self.scope = scope
        if origin is not None:
            self.origin = origin


class GreenletExit(Cancelled):
    """What `kill` raises in its victim, and what waiting for a killed greenthread raises.

    A greenthread that ends with it ended as it was told: nothing is reported.
    """


def check_exception(exc: object, taker: str) -> None:
    """Refuse what cannot be raised, at the call that passed it."""
    is_class = isinstance(exc, type) and issubclass(exc, BaseException)
    if not is_class and not isinstance(exc, BaseException):
        raise TypeError(f"{taker} takes an exception class or instance, not {exc!r}")


def fresh(exc: ExceptionLike) -> BaseException:
    """Return the exception to raise: a new one of a class, an instance without its past."""
    if isinstance(exc, BaseException):
        return exc.with_traceback(None)
    try:
        return exc()
    except BaseException as error:  # whoever asked for it is not the one it is raised in
        return error


class Interrupt:
    """Something to be raised once in one greenthread."""

    __slots__ = ("exc", "since", "timeout")

    def __init__(
        self, exc: ExceptionLike, since: int = 0, timeout: Optional[Timeout[Any]] = None
    ) -> None:
        self.exc: ExceptionLike = exc
        # The sequence number it dates from: groups and shields opened later are inside it.  0, from
        # outside, is older than them all: it reaches every group and waits for every shield.
        self.since: int = since
        self.timeout: Optional[Timeout[Any]] = timeout


class CancelScope:
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

    __slots__ = (
        "_deadline",
        "_seconds",
        "cancelled_caught",
        "grace",
        "group",
        "gt",
        "origin",
        "parent",
        "reason",
        "sequence",
        "shield",
        "state",
        "timer",
    )

    def __init__(self, *, deadline: float = inf, grace: float = 0, reason: object = None) -> None:
        if deadline != deadline:
            raise ValueError("the deadline of a scope cannot be NaN")
        if not grace >= 0:
            raise ValueError(f"grace is a number of seconds, 0 or more; got {grace!r}")
        self._deadline: float = deadline
        self._seconds: Optional[float] = None  # relative: the deadline is set on entering
        self.grace: float = grace
        self.reason: object = reason
        self.origin: object = None
        self.shield: bool = False
        self.state: int = ACTIVE
        self.parent: Optional[CancelScope] = None
        self.gt: Optional[AnyGreenThread] = None  # who is inside the block
        self.group: Optional[Group] = None  # whose members are inside, if it is a group's scope
        self.sequence: int = 0
        self.timer: int = 0
        self.cancelled_caught: bool = False

    # ---- the block ----

    def __enter__(self) -> Self:
        scheduler = here.scheduler
        gt = getcurrent() if scheduler is None or scheduler.current is None else scheduler.current
        if self.sequence:
            raise RuntimeError("a cancel scope can be entered only once: make a new one")
        scheduler = gt.scheduler
        self.gt = gt
        self.parent = gt.scope
        gt.scope = self
        timers = scheduler.timers
        timers.sequence = self.sequence = timers.sequence + 1
        if self._seconds is not None:
            self._deadline = scheduler.clock() + self._seconds
        if self.state:  # cancelled before it was entered
            gt.attention = True
            if self.state == SOFT and self.grace != inf:
                timers.add(scheduler.clock() + self.grace, self)
        elif self._deadline != inf:
            timers.add(self._deadline, self)
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        return self._leave(exc)

    def _leave(self, exc: Optional[BaseException]) -> bool:
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
            gt.attention = True  # what was hidden or hid may come through now
            if gt.told is not None and self in gt.told:
                gt.told.remove(self)
        if exc is not None and isinstance(exc, Cancelled) and exc.scope is self:
            self.cancelled_caught = True
            return True
        return False

    # ---- cancelling ----

    @property
    def cancel_called(self) -> bool:
        return self.state != ACTIVE

    @property
    def deadline(self) -> float:
        """Seconds of the run's clock at which the scope cancels itself; settable at any time."""
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: float) -> None:
        if deadline != deadline:
            raise ValueError("the deadline of a scope cannot be NaN")
        self._deadline = deadline
        self._seconds = None
        if self.gt is not None and self.state == ACTIVE:
            timers = self.gt.scheduler.timers
            timers.cancel(self)
            if deadline != inf:
                timers.add(deadline, self)

    def expire_after(self, seconds: float, grace: float, reason: object) -> None:
        """Set the deadline to *seconds* after the block is entered, before it is."""
        if seconds != seconds:
            raise ValueError("a timeout cannot be NaN")
        if not grace >= 0:
            raise ValueError(f"grace is a number of seconds, 0 or more; got {grace!r}")
        if seconds != inf:
            self._seconds = seconds
        self.grace = grace
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
        except WrongThread:
            self.reason = before
            raise

    def interrupt_all(
        self, grace: float, then: Optional[Callable[[List[AnyGreenThread]], None]] = None
    ) -> None:
        """Cancel with *grace*, whatever the scope's own; a scope already cancelled stays as it is.

        Args:
            then: What to do with those inside, each before those of the groups it owns, once they
                are marked; None pokes them.
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
        scheduler.timers.cancel(self)
        if grace == 0:
            self.state = HARD
        else:
            self.state = SOFT
            if grace != inf:
                scheduler.timers.add(scheduler.clock() + grace, self)
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
        if self.state == SOFT:
            self.harden()
        else:
            self.interrupt_all(self.grace)

    def _first_member(self) -> Optional[AnyGreenThread]:
        return next(iter(self.group.members), None) if self.group is not None else None

    def spread(self, then: Callable[[List[AnyGreenThread]], None]) -> None:
        """Mark everybody inside, and *then* do something with them.

        An explicit stack: groups may be nested deeper than Python's recursion goes.
        """
        inside: List[AnyGreenThread] = []
        stack: List[AnyGreenThread] = []
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
        then(inside)


class FailScope(CancelScope):
    """A scope that turns its own `Cancelled` into TimeoutError; made by `fail_after`."""

    __slots__ = ()

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> Literal[False]:
        if self._leave(exc):
            raise TimeoutError(
                f"timed out after {self._seconds:g} seconds"
                if self._seconds is not None
                else "timed out: the deadline has passed"
                if self.reason is None
                else f"cancelled: {self.reason}"
            )
        return False


def encloses(outer: CancelScope, scope: Optional[CancelScope]) -> bool:
    """Whether *scope* is *outer* or was entered inside it."""
    while scope is not None:
        if scope is outer:
            return True
        scope = scope.parent
    return False


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
    """Return a scope that nothing from outside interrupts, for *timeout* seconds at the most.

    Whatever comes meanwhile, a kill, a timeout, a cancelled scope around it, is raised at the first
    suspension after the block.  When *timeout* has passed the block is left quietly, as with
    `move_on_after`: a shield without a bound is not offered.
    """
    if timeout == inf:
        raise ValueError("a shield needs a bound: give it a finite number of seconds")
    scope = CancelScope()
    scope.expire_after(timeout, 0, None)
    scope.shield = True
    return scope


# ---- interrupting one greenthread -----------------------------------------------------------------


def interrupt(
    gt: AnyGreenThread, what: Interrupt, *, front: bool = False, force: bool = False
) -> None:
    """Have *what* raised in *gt*.

    Args:
        front: Ahead of those already ready.
        force: Refuse every suspension after that.
    """
    if gt.scheduler is not here.scheduler:
        raise WrongThread(f"{gt!r} is interrupted from a thread that does not run its kernel")
    if gt.interrupts is None:
        gt.interrupts = []
    gt.interrupts.append(what)
    gt.attention = True
    if force:
        condemn(gt)
    poke(gt, front=front)


def condemn(gt: AnyGreenThread) -> None:
    """Refuse every later suspension of *gt*: cancel a scope around all that it has entered."""
    root = CancelScope()
    root.state = HARD
    root.gt = gt
    outermost: Optional[CancelScope] = None
    scope = gt.scope
    while scope is not None and scope.gt is gt:
        outermost, scope = scope, scope.parent
    root.parent = scope
    if outermost is None:
        gt.scope = root
    else:
        outermost.parent = root
    root.spread(lambda inside: poke_all(inside[1:]))  # what it owns; itself is for the caller


Found = Union[Interrupt, CancelScope]


def due(gt: AnyGreenThread) -> Optional[Found]:
    """Return what is to be raised in *gt* at a suspension now, None if there is nothing.

    Interrupts come first, in the order they arrived; of several cancelled scopes it is the
    outermost that no shield hides, so that unwinding is done once.
    """
    found: Optional[CancelScope] = None
    shield: Optional[CancelScope] = None
    told = gt.told
    scope = gt.scope
    while scope is not None:
        if scope.state == HARD or (scope.state == SOFT and (told is None or scope not in told)):
            found = scope
        if scope.shield:
            shield = scope
            break
        scope = scope.parent
    if gt.interrupts:
        bound = shield.sequence if shield is not None and shield.gt is gt else 0
        for what in gt.interrupts:
            if bound == 0 or what.since > bound:
                return what
    return found


def commit(gt: AnyGreenThread, found: Found) -> BaseException:
    """Take *found* off what is pending for *gt* and return the exception to raise."""
    if isinstance(found, Interrupt):
        if gt.interrupts is not None:
            gt.interrupts.remove(found)
        if found.timeout is not None:
            found.timeout.fired = None
        exc = fresh(found.exc)
        # One that a Timeout ends has failed.
        note(exc, Delivery(gt, found.since, found.timeout is None))
        return exc
    if found.state == SOFT:
        if gt.told is None:
            gt.told = []
        gt.told.append(found)
    # The root scope is cancelled by the end of the run, which is a kill to those it meets.
    kind = GreenletExit if found is gt.scheduler.root.scope else Cancelled
    cancelled = kind(found.reason, scope=found, origin=found.origin)
    note(cancelled, Delivery(gt, found.sequence, True))
    return cancelled


class Delivery:
    """What is noted on an exception that was delivered.

    On the exception, since the greenthread must not keep every exception it has survived alive,
    with all the frames it has passed.
    """

    __slots__ = ("final", "gt", "since")

    def __init__(self, gt: AnyGreenThread, since: int, final: bool) -> None:
        self.gt: AnyGreenThread = gt  # to whom
        self.since: int = since  # the sequence number that what interrupted it dates from
        self.final: bool = final  # whether to end with this very object is no failure


def note(exc: BaseException, delivery: Delivery) -> None:
    """Note on *exc* that it is delivered."""
    noted: Tuple[Delivery, ...] = getattr(exc, DELIVERIES, ())
    if noted:
        noted = tuple(one for one in noted if one.gt.gen is not None)
    try:
        setattr(exc, DELIVERIES, (*noted, delivery))
    except AttributeError:
        pass  # an exception with slots: ending with it counts as failing


def deliveries(exc: BaseException, gt: AnyGreenThread) -> List[Delivery]:
    """Return the deliveries of *exc* to *gt*."""
    noted: Tuple[Delivery, ...] = getattr(exc, DELIVERIES, ())
    return [one for one in noted if one.gt is gt]


def is_final(exc: BaseException, gt: AnyGreenThread) -> bool:
    """Whether *gt*, which has ended with *exc*, ended as it was told; the notes are taken off."""
    noted: Tuple[Delivery, ...] = getattr(exc, DELIVERIES, ())
    final = False
    others: Tuple[Delivery, ...] = ()
    for one in noted:
        if one.gt is gt:
            final = final or one.final
        else:
            others = (*others, one)
    if noted:
        setattr(exc, DELIVERIES, others)
    return final


def covered(gt: AnyGreenThread, found: Found) -> List[Group]:
    """Return the live groups of *gt* that must drain before *found* is raised in it."""
    if isinstance(found, Interrupt):
        return [g for g in gt.groups or () if g.members and g.sequence > found.since]
    return [g for g in gt.groups or () if g.members and encloses(found, g.scope)]


def call_off(groups: Iterable[Group], found: Found, exc: BaseException) -> None:
    """Cancel *groups*, which hold their owner back, with their own grace.

    Not the interrupt's: an infinite one is meant for the greenthread named, and a child that
    swallowed its only interruption would hold the owner for ever.  A scope with a finite grace
    covers the members itself, and does so with the grace that was asked for.
    """
    if isinstance(found, CancelScope) and found.grace != inf:
        return
    for group in groups:
        if not group.scope.state:
            group.scope.reason = exc
        group.scope.interrupt_all(group.scope.grace)


def poke(gt: AnyGreenThread, *, front: bool = False) -> None:
    """Interrupt *gt* now if it is parked and anything is due."""
    if interrupted_now(gt):
        if front:
            gt.scheduler.appendleft(gt)
        else:
            gt.scheduler.append(gt)


def poke_all(greenthreads: List[AnyGreenThread]) -> None:
    """Poke each of *greenthreads*."""
    for gt in greenthreads:
        poke(gt)


def interrupted_now(gt: AnyGreenThread) -> bool:
    """Take *gt* off its wait if it is parked and anything is due.

    Returns:
        Whether it is ready to be resumed with its fault.  If not, it runs or is about to, and its
        next suspension will see; or its result must come first; or it has ended, or is held.
    """
    scheduler = gt.scheduler
    trap = gt.trap
    if trap is None or trap.queued or gt is scheduler.current or gt.gen is None:
        if trap is None and gt.fault is not None:
            widen(gt)
        return False
    found = due(gt)
    if found is None:
        return False
    if trap.unstarted:
        if gt.gen.gi_running:
            return False  # its first step, in which a link was called
        scheduler.end(gt, None, commit(gt, found))
        return False
    if not trap.disarm():
        return False
    gt.fault = exc = commit(gt, found)
    if gt.groups:
        groups = covered(gt, found)
        if groups:
            scheduler.hold(gt, groups)
            call_off(groups, found, exc)
            return False
    gt.trap = None
    return True


def widen(gt: AnyGreenThread) -> None:
    """Raise in *gt* what a scope further out asks for, in the place of what it has not got yet.

    Unless children would have to end before that: then it comes at the next suspension.
    """
    fault = gt.fault
    inner = fault.scope if isinstance(fault, Cancelled) else None
    found = due(gt)
    if inner is None or not isinstance(found, CancelScope) or found is inner:
        return
    if encloses(found, inner) and not covered(gt, found):
        gt.fault = commit(gt, found)
