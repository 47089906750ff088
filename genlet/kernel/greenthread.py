"""The greenthread: a generator, what it is suspended on, and what became of it."""

from __future__ import annotations

from collections import deque
from sys import _getframe
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Dict,
    Generic,
    List,
    Optional,
    Protocol,
    Tuple,
    TypeVar,
    cast,
)

from ..abc import Green, Trap, green
from .cancel import (
    Cancelled,
    CancelScope,
    ExceptionLike,
    GreenletExit,
    Interrupt,
    check_exception,
    deliveries,
    interrupt,
)
from .traps import UNSTARTED, Suspension, Wait, Waiters, checkpoint

if TYPE_CHECKING:
    from contextvars import Context
    from traceback import StackSummary
    from types import CodeType, FrameType, GeneratorType, TracebackType

    from typing_extensions import Concatenate, ParamSpec

    from .group import Group
    from .scheduler import Scheduler

    P = ParamSpec("P")

T = TypeVar("T")

Link = Tuple[Callable[..., object], Tuple[Any, ...], Dict[str, Any]]


class GreenThread(Generic[T]):
    """One thread of control, made by `spawn` and driven by the scheduler.

    ``bool(gt)`` is true while it has started and not ended, as in eventlet.

    Attributes:
        parent: The greenthread that spawned it; None for main, and once it has ended.
        group: The group that owns it.
    """

    # The kernel's own.
    gen: Optional[GeneratorType[Trap, None, T]]  # None: it has ended
    steps: Steps  # what runs a step: its Context, unless something stands around that
    trap: Optional[Suspension]  # what it is suspended on; None while it is ready or runs
    fault: Optional[BaseException]  # raised by the trap's primitive when it is resumed
    attention: bool  # sends its next suspension down the slow path
    scheduler: Scheduler
    group: Group
    parent: Optional[AnyGreenThread]
    number: int
    scope: Optional[CancelScope]  # the innermost it has entered
    value: T  # set when the generator returns
    error: Optional[BaseException]
    # Set together with the error:
    traceback: Optional[TracebackType]
    ended_as_told: bool  # with the very exception that was delivered to it
    site: Optional[CodeType]  # who spawned it: the code, and the place in it
    site_lasti: int
    # What most greenthreads never have.
    groups: Optional[List[Group]]
    interrupts: Optional[List[Interrupt]]
    told: Optional[List[CancelScope]]
    links: Optional[Deque[Link]]
    waiters: Optional[Waiters[None]]
    _title: str
    _name: Optional[str]

    __slots__ = (
        "__weakref__",
        "_name",
        "_title",
        "attention",
        "ended_as_told",
        "error",
        "fault",
        "gen",
        "group",
        "groups",
        "interrupts",
        "links",
        "number",
        "parent",
        "scheduler",
        "scope",
        "site",
        "site_lasti",
        "steps",
        "told",
        "traceback",
        "trap",
        "value",
        "waiters",
    )

    # ---- the outcome ----

    @green
    def wait(self) -> Green[T]:
        """Wait for the end, and return the result or raise the error.

        Any number of greenthreads may wait, any number of times, before and after the end.

        Raises:
            GreenletExit: It was killed or cancelled; ``origin`` is what ended it.
            BaseException: What it raised, with its original traceback.
            RuntimeError: A greenthread waits for itself.

        Source:
            eventlet ``GreenThread.wait``, where a greenthread that waits for itself hangs.
        """
        if self.gen is not None:
            if self.scheduler.current is self:
                raise RuntimeError(f"{self!r} waits for its own end")
            if self.waiters is None:
                self.waiters = Waiters()
            yield from Joining(self, "the end", self.waiters).get()
        if self.error is None:
            return self.value
        try:
            return self.result()
        finally:
            del self  # see result()

    def result(self) -> T:
        """Return the result or raise the error of a greenthread that has ended.

        Raises:
            RuntimeError: It has not.
        """
        if self.gen is not None:
            raise RuntimeError(f"{self!r} has not ended: wait for it with 'yield from gt.wait()'")
        error = self.error
        if error is None:
            return self.value
        try:
            if self.ended_as_told and isinstance(error, Cancelled):
                raise GreenletExit(error.reason, origin=error)
            raise error.with_traceback(self.traceback)
        finally:
            del self, error  # or the frame, the traceback and the error hold each other

    @property
    def dead(self) -> bool:
        """Whether it has ended."""
        return self.gen is None

    @property
    def started(self) -> bool:
        """Whether it has begun to run."""
        trap = self.trap
        return trap is None or not trap.unstarted or self.scheduler.current is self

    def __bool__(self) -> bool:
        return self.gen is not None and self.started

    # ---- ending it ----

    @green
    def kill(self, exc: ExceptionLike = GreenletExit, *, force: bool = False) -> Green[None]:
        """Raise *exc* at the line where it is suspended, and return when that has been done.

        The victim runs first, then those already ready, then the caller.  A victim that has not
        started never runs; one that has ended is left alone; one whose result is already on its way
        gets that first.  A victim with live children is interrupted when those are gone, and this
        does not wait for their cleanup.  A greenthread that kills itself gets *exc* at this line.

        Args:
            exc: An exception class or instance.
            force: Also refuse every later suspension, with `Cancelled`: it cannot survive.

        Source:
            eventlet ``GreenThread.kill``; one exception in the place of a triple.
        """
        check_exception(exc, "kill")
        if self.gen is None:
            return
        interrupt(self, Interrupt(exc), front=True, force=force)
        yield from checkpoint()

    def kill_soon(self, exc: ExceptionLike = GreenletExit, *, force: bool = False) -> None:
        """Do as `kill` without waiting: for links, signal handlers and other plain code."""
        if exc is not GreenletExit:
            check_exception(exc, "kill_soon")
        if self.gen is not None:
            interrupt(self, Interrupt(exc), force=force)

    def cancel(self, exc: ExceptionLike = GreenletExit) -> None:
        """Keep it from starting; without effect once it has.

        Source:
            eventlet ``GreenThread.cancel``.
        """
        check_exception(exc, "cancel")
        if self.gen is not None and not self.started:
            interrupt(self, Interrupt(exc))

    def throw_in(self, exc: BaseException) -> None:
        """Have *exc* thrown into the generator, over the head of whatever it is suspended on.

        For generators that are not to be trusted to look for their fault: shared ones.
        """
        if self.gen is None:
            return
        self.steps = Throwing(self, exc)
        trap = self.trap
        if trap is not None and not trap.queued:
            trap.disarm()
            self.trap = None
            self.scheduler.append(self)

    # ---- links ----

    def link(
        self,
        fn: Callable[Concatenate[GreenThread[T], P], object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Have ``fn(self, *args, **kwargs)`` called when it ends, before any waiter runs.

        Links are plain functions, called in the order they were made; at once if it has ended.  One
        that raises is reported, and the others are still called.

        Source:
            eventlet ``GreenThread.link``, where a link that raises skips the rest.
        """
        if self.gen is None:
            fn(self, *args, **kwargs)
            return
        if self.links is None:
            self.links = deque()
        self.links.append((fn, args, kwargs))

    def unlink(
        self,
        fn: Callable[Concatenate[GreenThread[T], P], object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> bool:
        """Take back a link made with just these arguments; whether there was one."""
        if self.links is not None and (fn, args, kwargs) in self.links:
            self.links.remove((fn, args, kwargs))
            return True
        return False

    def interrupted_by(self, exc: BaseException, before: Optional[int] = None) -> bool:
        """Whether *exc* is the very object that was delivered to it as an interruption.

        Args:
            before: Only one that reaches what had begun by this number of the timers' sequence.
        """
        return any(before is None or one.since <= before for one in deliveries(exc, self))

    @property
    def observed(self) -> bool:
        """Whether somebody waits for it or is linked to it, or its group takes its errors."""
        if self.waiters or self.group.answers:
            return True
        return self.links is not None and any(link[0] is not drop for link in self.links)

    def settle(self) -> None:
        """Tell links and waiters of the end; called once by the scheduler."""
        links = self.links
        waiters, self.waiters = self.waiters, None
        if links:
            scheduler = self.scheduler
            current, scheduler.current = scheduler.current, None  # a link runs in no greenthread
            while links:  # one may take back another
                fn, args, kwargs = links.popleft()
                try:
                    fn(self, *args, **kwargs)
                except BaseException as exc:
                    scheduler.report_call(fn, exc)
            scheduler.current = current
        if waiters is not None:
            waiters.wake_all(None)

    # ---- what it looks like from outside ----

    @property
    def context(self) -> Context:
        """Its own contextvars Context, copied when it was spawned."""
        steps: Any = self.steps
        while hasattr(steps, "around"):
            steps = steps.around
        context: Context = steps
        return context

    @property
    def name(self) -> str:
        """The name of its function and its number in the run, or what it was set to."""
        return self._name if self._name is not None else f"{self._title}-{self.number}"

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def waiting_on(self) -> Optional[str]:
        """What it waits for, in words; None while it runs, is ready or has ended."""
        trap = self.trap
        if self.gen is None or trap is None or trap.unstarted or self._running:
            return None
        return trap.describe()

    @property
    def spawned_at(self) -> Optional[Tuple[str, int, str]]:
        """The file, line and function of the call that spawned it."""
        if self.site is None:
            return None
        from dis import findlinestarts

        line = self.site.co_firstlineno
        for start, number in findlinestarts(self.site):
            if start > self.site_lasti:
                break
            line = number or line  # from 3.13 on, None where no line is meant
        return (self.site.co_filename, line, self.site.co_name)

    def stack(self) -> StackSummary:
        """Return where it stands, outermost call first; empty if it has not started or has ended.

        Source:
            ``traceback.extract_stack``, for a generator that is suspended.
        """
        from traceback import StackSummary as Summary

        return Summary.extract(iter(self._frames()), lookup_lines=False)

    def where(self) -> str:
        """Return ``file:line`` of the innermost line of user code, empty if it has none."""
        frames = self._frames()
        package = __name__.partition(".")[0] + "."
        for frame, line in reversed(frames):
            if not str(frame.f_globals.get("__name__", "")).startswith(package):
                return f"{frame.f_code.co_filename}:{line}"
        return f"{frames[-1][0].f_code.co_filename}:{frames[-1][1]}" if frames else ""

    @property
    def _running(self) -> bool:
        return self.scheduler.current is self

    def _frames(self) -> List[Tuple[FrameType, int]]:
        gen: Any = self.gen
        if gen is None or not self.started:
            return []
        if self._running:
            running: List[Tuple[FrameType, int]] = []
            frame: Optional[FrameType] = _getframe(1)
            while frame is not None:
                running.append((frame, frame.f_lineno))
                if frame is gen.gi_frame:
                    break
                frame = frame.f_back
            return running[::-1]
        frames: List[Tuple[FrameType, int]] = []
        while gen is not None:
            if hasattr(gen, "gi_frame"):
                frame, inner = gen.gi_frame, gen.gi_yieldfrom
            elif hasattr(gen, "cr_frame"):
                frame, inner = gen.cr_frame, gen.cr_await
            else:
                break  # an iterator that is no generator: its frames are its own affair
            if frame is None:
                break
            frames.append((frame, frame.f_lineno))
            gen = inner
        return frames

    def __repr__(self) -> str:
        if self.gen is None:
            if self.error is None:
                state = "ended"
            else:
                state = "killed" if self.ended_as_told else "failed"
        elif self._running:
            state = "running"
        elif not self.started:
            state = "not started"
        elif self.trap is None or self.trap.queued:
            state = "ready"
        else:
            state = f"waits for {self.trap.describe()}"
        return f"<GreenThread {self.name} {state}>"


def make(
    scheduler: Scheduler,
    gen: GeneratorType[Trap, None, T],
    context: Context,
    group: Group,
    depth: int,
) -> GreenThread[T]:
    """Return a new member of *group*, which was not started.

    No ``__init__``: with slots, CPython 3.13 takes a quarter longer for a class that has one.

    Args:
        depth: How many calls up the line stands that is to be remembered as the spawner's.
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
    gt.fault = gt.error = gt.groups = gt.interrupts = gt.told = gt.links = gt.waiters = None
    gt._name = None
    # The spawner's code and place, not its variables; the line is looked up when it is asked for,
    # since finding it costs more than all the rest.
    caller = _getframe(depth)
    gt.site, gt.site_lasti = caller.f_code, caller.f_lasti
    group.members[gt] = None
    return gt


class Steps(Protocol):
    """What runs a step of a greenthread: its Context, or something around it."""

    def run(self, fn: Callable[..., T], /, *args: Any) -> T: ...


class Throwing:
    """In the place of the next step, throws an exception into the generator."""

    __slots__ = ("around", "exc", "gt")

    def __init__(self, gt: AnyGreenThread, exc: BaseException) -> None:
        self.gt: AnyGreenThread = gt
        self.exc: BaseException = exc
        self.around: Steps = gt.steps

    def run(self, fn: Callable[..., T], /, *args: Any) -> T:
        gt = self.gt
        gt.steps = self.around
        assert gt.gen is not None
        return cast(T, self.around.run(gt.gen.throw, self.exc))


def drop(_creator: AnyGreenThread, gt: AnyGreenThread) -> None:
    """End *gt*, which was to start only while its creator lives: the kernel's own link."""
    gt.cancel()


class Joining(Wait[None]):
    """A wait for the end of a greenthread, which may come before the wait is armed.

    A greenthread that left children behind is held between asking and arming.
    """

    __slots__ = ()

    def arm(self, gt: AnyGreenThread) -> None:
        super().arm(gt)
        target = cast("AnyGreenThread", self.subject())  # made by GreenThread.wait alone
        if target.gen is None:
            self.wake(None)

    def describe(self) -> str:
        gt = self.subject()
        return f"the end of {gt.name}" if isinstance(gt, GreenThread) else super().describe()


AnyGreenThread = GreenThread[Any]
