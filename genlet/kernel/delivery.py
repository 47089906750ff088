"""Delivery: what is due for a greenthread, and how it reaches the line where it is raised."""

# Theory of operation
# -------------------
# Interruptions are raised by the primitives (see traps.py); this file decides which and when.  A
# greenthread with an interruption pending is *marked* with ``gt.attention``: at its next suspension
# the loop calls `attend`.  If it is parked it is also *poked*: its wait is disarmed, the exception is
# put into ``gt.fault``, and it goes into the ready queue; the primitive raises the fault when it is
# resumed.  A wait that has settled is left alone: the result wins, and the interruption comes at the
# next suspension, so nothing that was handed over is lost.
#
# Post-order: a greenthread that owns live groups inside what is cancelled is held until they have
# drained.  It is then parked on a `Held` trap with its fault already decided.

from __future__ import annotations

from types import GeneratorType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    NoReturn,
    Optional,
    TypeVar,
    Union,
    cast,
)

from .._compat import is_fresh
from .._objects import is_a, text_of
from ..abc import Trap
from ..errors import WrongThread
from .cancelled import (
    Cancelled,
    Delivery,
    ExceptionLike,
    GreenletExit,
    bare,
    encloses,
    fresh,
    note,
    note_kill,
)
from .chains import chained
from .current import here
from .holding import NEVER, Held
from .seconds import inf
from .state import HARD, SOFT, Interrupt, Scope, Suspension
from .throwing import take_out, throw_in

if TYPE_CHECKING:
    from .state import Greenlet, Kernel, Members, Steps

T = TypeVar("T")

Found = Union[Interrupt, Scope]

# After this many refused suspensions a greenthread is taken not to listen.
MAX_REFUSALS = 100

# The unbound method, which every step calls with the generator: a bound one would cost 80 bytes for
# each greenthread.  Green code promises to yield a Suspension; anything else fails when it is armed.
SEND = cast("Callable[[object, None], Suspension]", GeneratorType.send)


def due(gt: Greenlet) -> Optional[Found]:
    """Return what is to be raised in *gt* at a suspension now, None if there is nothing.

    Interrupts come first, in the order they arrived.  Of several cancelled scopes the outermost that
    no shield hides is returned, so that unwinding is done once.
    """
    found: Optional[Scope] = None
    shield: Optional[Scope] = None
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


def commit(gt: Greenlet, found: Found) -> BaseException:
    """Take *found* off what is pending for *gt* and return the exception to raise."""
    if isinstance(found, Interrupt):
        if gt.interrupts is not None:
            gt.interrupts.remove(found)
        found.taken()
        exc = fresh(found.exc)
        note(exc, Delivery(exc, gt, found.since, found.final))
        return exc
    if found.state == SOFT:
        if gt.told is None:
            gt.told = []
        gt.told.append(found)
    # The end of the run cancels the root scope, and that is a kill for those it meets.
    kind = GreenletExit if found is gt.scheduler.root.scope else Cancelled
    forced = found.gt is gt and found.sequence == 0  # made by condemn
    cancelled = kind(found.reason, scope=found, origin=found.origin)
    # One of its own scopes catches it.  If that one does not, because it was left or is left by
    # another, then the greenthread has failed.
    final = forced or found.gt is not gt
    note(cancelled, Delivery(cancelled, gt, found.sequence, final, None if forced else found))
    return cancelled


def strike(gt: Greenlet, found: Found) -> bool:
    """Make *found* the fault of *gt*.

    The one place where an interruption becomes a fault; `widen` only replaces one.

    Returns:
        Whether *gt* may be resumed with it; if not, it is held until its children have ended.
    """
    gt.fault = exc = commit(gt, found)
    if gt.groups:
        groups = covered(gt, found)
        if groups:
            gt.trap = Held(groups, None)
            if not isinstance(found, Scope) or found.grace == inf:
                chained(gt.scheduler, call_off, groups, exc)
            return False
    return True


def covered(gt: Greenlet, found: Found) -> List[Members]:
    """Return the live groups of *gt* that must drain before *found* is raised in it."""
    if isinstance(found, Interrupt):
        return [g for g in gt.groups or () if g.members and g.sequence > found.since]
    return [g for g in gt.groups or () if g.members and encloses(found, g.scope)]


def call_off(groups: Iterable[Members], exc: BaseException) -> None:
    """Cancel *groups*, which hold their owner back, with their own grace.

    The grace of *exc* is not used.  An infinite one is meant for the greenthread named, and a child
    that swallowed its only interruption would hold the owner forever.  This is not called for a
    scope with a finite grace: it covers the members itself, with the grace that was asked for.
    """
    for group in groups:
        if not group.scope.state:
            group.scope.reason = exc
        group.scope.interrupt_all(group.scope.grace)


class Surfaced(Interrupt):
    """An exception that is raised in main because it belongs to no greenthread, such as Ctrl-C."""

    __slots__ = ()

    surfaced = True


# ---- interrupting one greenthread -----------------------------------------------------------------


def pend(gt: Greenlet, what: Interrupt) -> None:
    """Have *what* raised in *gt* at its next suspension; `poke` brings it about at once.

    Raises:
        WrongThread: *gt* belongs to another thread's kernel.
    """
    if gt.scheduler is not here.scheduler:
        raise WrongThread(f"{gt!r} is interrupted from a thread that does not run its kernel")
    interrupts = gt.interrupts
    if interrupts is None:  # whoever comes in between makes the same one
        gt.interrupts = interrupts = gt.scheduler.pending.setdefault(gt, [])
    interrupts.append(what)
    gt.attention = True


def interrupt(gt: Greenlet, what: Interrupt) -> None:
    """Have *what* raised in *gt* now, or at its next suspension if it is not parked."""
    pend(gt, what)
    poke(gt)


def interrupt_parked(gt: Greenlet, exc: ExceptionLike) -> bool:
    """Do what `interrupt` does, in half the time, for the usual victim of a kill.

    It is parked, owns nothing, is inside no shield, and nothing else is pending for it.

    Returns:
        Whether it was one, and *exc* is on its way.
    """
    scheduler = gt.scheduler
    trap = gt.trap
    if (
        trap is None
        or trap.queued
        or trap.unstarted
        or gt.interrupts
        or gt.groups
        or scheduler is not here.scheduler
    ):
        return False
    scope = gt.scope
    while scope is not None:
        if scope.shield:
            return False
        scope = scope.parent
    if not trap.disarm():
        return False
    if exc is GreenletExit:
        gt.fault = gt.killed_by = bare(GreenletExit)
    else:
        gt.fault = raised = fresh(exc)
        note(raised, Delivery(raised, gt, 0))
    gt.attention = True
    gt.trap = None
    scheduler.append(gt)
    return True


def poke(gt: Greenlet, *, front: bool = False) -> None:
    """Interrupt *gt* now if it is parked and anything is due.

    Args:
        front: Put it ahead of those already ready.
    """
    if interrupted_now(gt):
        if front:
            gt.scheduler.appendleft(gt)
        else:
            gt.scheduler.append(gt)


def poke_all(greenthreads: List[Greenlet]) -> None:
    """Poke each of *greenthreads*."""
    for gt in greenthreads:
        poke(gt)


def fail_wait(gt: Greenlet, exc: BaseException, subject: object = None) -> bool:
    """Have the wait that *gt* is parked on raise *exc*; what it waits for stays as it is.

    For the owner of what is waited for: it fails one wait, and does not interrupt the greenthread.

    Args:
        subject: Fail only a wait for this object.

    Returns:
        Whether a wait was failed.  A greenthread that runs, is ready or has ended is left alone.

    Raises:
        WrongThread: *gt* belongs to another thread's kernel.
    """
    if gt.scheduler is not here.scheduler:
        raise WrongThread(f"a wait of {gt!r} is failed from a thread that does not run its kernel")
    trap = gt.trap
    if trap is None or trap.queued or trap.unstarted or gt.gen is None:
        return False
    if subject is not None and trap.subject() is not subject:
        return False
    if not trap.disarm():
        return False
    gt.fault = exc
    gt.attention = True  # for green code that yields the trap by itself and does not look
    gt.trap = None
    gt.scheduler.append(gt)
    return True


def interrupted_now(gt: Greenlet) -> bool:
    """Take *gt* off its wait if it is parked and anything is due.

    Returns:
        Whether it is to be resumed with its fault.  If not, then it runs or is about to, and its
        next suspension will see; or its result must come first; or it has ended, or is held.
    """
    scheduler = gt.scheduler
    trap = gt.trap
    gen = gt.gen
    # One that runs, or is being armed, is not parked: it has no trap, or none that can be disarmed.
    if trap is None or trap.queued or gen is None:
        if trap is None and gt.fault is not None and gt is not scheduler.current:
            widen(gt)
        return False
    if isinstance(trap, Held):
        return False
    found = due(gt)
    if found is None:
        return False
    if trap.unstarted:
        # One that is just making its first step goes on to its first suspension.
        if trap is not NEVER and gt is not scheduler.current and is_fresh(gen):
            # Marked, and no more: links are the program's code, and this may be a signal handler.
            gt.steps = Stillborn(gt)
            trap.disarm()
            gt.trap = NEVER
        return False
    if not trap.disarm():
        return False
    try:
        if not strike(gt, found):
            return False
    except BaseException:
        trap.open = True  # it can be interrupted again
        raise
    gt.trap = None
    return True


def widen(gt: Greenlet) -> None:
    """Replace the fault of *gt*, not raised yet, by the one of a cancelled scope further out.

    If children would have to end before that, it comes at the next suspension instead.
    """
    fault = gt.fault
    inner = fault.scope if is_a(fault, Cancelled) else None
    found = due(gt)
    if inner is None or not isinstance(found, Scope) or found is inner:
        return
    if encloses(found, inner) and not covered(gt, found):
        gt.fault = commit(gt, found)


# ---- at a suspension ------------------------------------------------------------------------------


def attend(kernel: Kernel, gt: Greenlet, trap: Suspension) -> Optional[Suspension]:
    """Handle a suspension of *gt* on *trap* for which more than arming may have to be done.

    What is due is raised in this very step, by resuming the greenthread.  A refusal that follows
    another in one step goes through the ready queue, so that code which swallows cancellation in a
    loop starves nobody.

    Returns:
        The trap to arm; None if there is none, because the greenthread is held or queued.
    """
    if gt.killed_by is not None:
        note_kill(gt)
    try:
        refused = False
        while True:
            gt.attention = False  # before looking: what comes meanwhile sets it again
            if gt.fault is not None:
                # Green code that yields a trap by itself does not look for its fault.
                exc, gt.fault = gt.fault, None
                assert gt.gen is not None
                trap = cast(Suspension, gt.steps.run(gt.gen.throw, exc))
                continue
            if not is_a(cast(object, trap), Suspension):
                gt.attention = True
                return trap  # arming it will fail, and say so
            trap.gt = gt
            left = [group for group in gt.groups if group.left] if gt.groups else []
            if left:
                gt.attention = True
            if any(group.members for group in left):
                gt.trap = Held(left, trap)
                return None
            gt.fault = late_error(gt, left)
            if gt.fault is None:
                found = due(gt)
                if found is None:
                    return trap
                gt.attention = True  # it may not be all
                if not strike(gt, found):
                    return None
                if isinstance(found, Scope) and found.state == HARD:
                    if kernel.closing.begun and kernel.closing.ignored_by(gt):
                        return None
                    if refused:
                        gt.trap = None
                        kernel.append(gt)
                        return None
                    refused = True
            trap = gt.steps.run(SEND, gt.gen, None)
            if not gt.attention:
                return trap
    finally:
        del gt, trap  # of an error this frame may be among the frames


def arming_failed(kernel: Kernel, gt: Greenlet, trap: object, exc: BaseException) -> None:
    """Have *exc* raised at the line that yielded *trap*, in the next turn."""
    if is_a(trap, Suspension):
        queued = gt.trap is not trap  # it was settled before the error
        if queued and gt.fault is not None:
            return  # a signal handler has interrupted it: that is raised instead
        if not queued:
            try:
                trap.arm_failed()
            except BaseException:
                pass  # of a user's trap: the first error is the one to raise
        gt.trap = None
        trap.gt = gt
        gt.fault = exc
        gt.attention = True
        if not queued:
            kernel.append(gt)
    else:
        gt.trap = None
        throw_in(gt, TypeError(f"green code yielded {text_of(trap)}, not a trap{_hint(trap)}"))
        kernel.append(gt)


def _hint(yielded: object) -> str:
    """Return what may have been meant by ``yield`` of what is no trap."""
    if hasattr(type(yielded), "cr_frame"):
        return ": write 'yield from drive(coro)' for a coroutine that awaits green calls"
    if hasattr(type(yielded), "_asyncio_future_blocking"):
        return ": it is a future of asyncio's, which only asyncio's loop can wait for"
    if hasattr(type(yielded), "send"):
        return ": did you write 'yield' for 'yield from'?"
    if is_a(yielded, Trap):
        return ""
    return (
        ": it gives no values to its caller: return them, or send them to a Channel from a"
        " greenthread of its own"
    )


class Stillborn:
    """The steps of a greenthread that was interrupted before its first: it ends with what is due."""

    __slots__ = ("around", "gt")

    def __init__(self, gt: Greenlet) -> None:
        self.gt: Greenlet = gt
        self.around: Steps = gt.steps

    def run(self, fn: Callable[..., Any], /, *args: Any) -> NoReturn:
        gt = self.gt
        take_out(gt, self)
        assert gt.gen is not None
        gt.gen.close()
        found = due(gt)
        exc = fresh(GreenletExit) if found is None else commit(gt, found)
        if is_a(exc, StopIteration):
            raise RuntimeError(
                "StopIteration was raised in a greenthread"
            ) from exc  # as a generator
        raise exc


class Again:
    """The next step of one that was held at a suspension: it suspends there, for the first time."""

    __slots__ = ("around", "gt", "trap")

    def __init__(self, gt: Greenlet, trap: Suspension) -> None:
        self.gt: Greenlet = gt
        self.trap: Suspension = trap
        self.around: Steps = gt.steps

    def run(self, fn: Callable[..., Any], /, *args: Any) -> Any:
        take_out(self.gt, self)
        if fn is SEND:
            return self.trap
        return self.around.run(fn, *args)  # an exception is thrown in


# ---- held, and let go -----------------------------------------------------------------------------


def late_error(gt: Greenlet, groups: List[Members]) -> Optional[BaseException]:
    """Forget *groups*, which have drained, and return the error they still have for *gt*."""
    error: Optional[BaseException] = None
    for group in groups:
        if gt.groups is not None:
            gt.groups.remove(group)
        late = group.late_error()
        if error is None:
            error = late
        elif late is not None:
            tell_hook(gt, late)
    return error


def release(kernel: Kernel, gt: Greenlet) -> None:
    """A group of *gt* has drained: if *gt* is held, and for no other group, let it go on."""
    held = gt.trap
    if not isinstance(held, Held) or any(group.members for group in held.groups):
        return
    if held.ending:
        held.go_on()
        return
    if held.then is not None:
        if gt.steps.__class__ is not Again:
            gt.steps = Again(gt, held.then)
        gt.attention = True
    elif kernel.aborting is not None and gt in kernel.aborting:
        kernel.aborting[gt] = True  # it runs when the abort comes to it
        gt.trap = None
        return
    # In one line: an error between the two would lose it, or resume it twice.
    gt.trap = kernel.append(gt)  # type: ignore[func-returns-value]  # that is None


def tell_hook(gt: Greenlet, error: BaseException) -> None:
    """Report an error of *gt* that nobody else will learn of."""
    try:
        gt.scheduler.excepthook(gt, error)
    except BaseException as exc:
        gt.scheduler.report_call(gt.scheduler.excepthook, exc)


# ---- the synchronous abort ------------------------------------------------------------------------


def abort(kernel: Kernel, greenthreads: List[Greenlet]) -> None:
    """Interrupt *greenthreads*, which were just cancelled, and run them right now, last first.

    The one place where a greenthread runs inside the step of another: leaving a group by an
    exception unwinds its children before the exception goes on.  Only parked ones run, as far as
    their next suspension; the ready queue takes care of the others.
    """
    owner, outer = kernel.current, kernel.aborting
    # All are taken off their waits before the first of them runs: the cleanup of one must not settle
    # the wait of another.  True: it may run now; False: it is held for its children, or is ready.
    aborting: Dict[Greenlet, bool] = {}
    gt: Optional[Greenlet] = None
    kernel.aborting = aborting
    try:
        for gt in greenthreads:
            # One that was interrupted before its first step ends now.  It stays in the ready queue.
            aborting[gt] = interrupted_now(gt) or (gt.trap is NEVER and gt.gen is not None)
        kernel.hub.sweep()
        for gt in reversed(greenthreads):
            if aborting[gt]:
                kernel.current = gt
                step_now(kernel, gt, aborting)
            else:
                del aborting[gt]  # this was its turn: if it is let go later, it goes to the queue
    except BaseException:
        for gt, may_run in aborting.items():
            if may_run and gt.trap is not NEVER:
                gt.trap = kernel.append(gt)  # type: ignore[func-returns-value]  # as in release
        raise
    finally:
        kernel.current, kernel.aborting = owner, outer
        # The frames of an error in a child lead to this one.
        greenthreads.clear()
        aborting.clear()
        gt = None


def step_now(kernel: Kernel, gt: Greenlet, aborting: Dict[Greenlet, bool]) -> None:
    """Run *gt* to its next suspension or its end, and take it out of *aborting*."""
    del aborting[gt]
    value: object = None
    error: Optional[BaseException] = None
    try:
        try:
            trap = gt.steps.run(SEND, gt.gen, None)
            armed = attend(kernel, gt, trap) if gt.attention else trap
        except StopIteration as stop:
            value = stop.value
        except BaseException as exc:
            error = exc
        else:
            if armed is not None:
                gt.trap = armed
                try:
                    type(armed).arm(armed, gt)  # not armed.arm, as in the loop
                    if gt.attention:
                        poke(gt)
                except BaseException as exc:
                    arming_failed(kernel, gt, armed, exc)
            return
        try:
            kernel.end(gt, value, error)
        except BaseException:
            kernel.again(kernel.end, gt, value, error, True)
            raise
    finally:
        del gt, error  # the frames of its error lead to this one
