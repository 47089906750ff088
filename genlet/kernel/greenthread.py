"""The greenthread as its users see it."""

from __future__ import annotations

from collections import deque
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Generic,
    List,
    Optional,
    Tuple,
    TypeVar,
    cast,
)

from .._objects import description_of, is_a, same, with_traceback
from ..abc import Green, green
from . import report
from .cancelled import Cancelled, ExceptionLike, GreenletExit, bare, check_exception
from .delivery import interrupt, interrupt_parked, pend, poke
from .endings import context_of, observed
from .holding import Unstarted
from .plain import check_plain, check_result
from .scope import condemn, poke_owned
from .state import Greenlet, Interrupt, Link
from .traps import checkpoint, sleep
from .waits import Wait, Waiters

if TYPE_CHECKING:
    from contextvars import Context
    from traceback import StackSummary
    from typing import NoReturn

    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")

# A time that is over at once, in seconds.
EPSILON = 1e-9


class GreenThread(Greenlet, Generic[T]):
    """One thread of control, made by `spawn` and driven by the scheduler.

    ``bool(gt)`` is true while it has started and not ended, as in eventlet.

    Attributes:
        parent: The greenthread that spawned it; None for main, and once it has ended.
        group: The group that owns it.
    """

    value: T  # set when the generator returns

    __slots__ = ()

    # ---- the outcome ----

    @green
    def wait(self) -> Green[T]:
        """Wait for the end, and return the result or raise the error.

        Any number of greenthreads may wait, any number of times, before or after the end.

        Raises:
            GreenletExit: It was killed or cancelled; ``origin`` is the exception that ended it.
            BaseException: The error it raised, with its original traceback.
            RuntimeError: A greenthread waits for itself.

        Source:
            eventlet ``GreenThread.wait``, where a greenthread that waits for itself hangs.
        """
        if self.gen is not None:
            if self.scheduler.current is self:
                raise RuntimeError(f"{self!r} waits for its own end")
            if self.waiters is None:
                self.waiters: Optional[Any] = Waiters()
            yield from Joining(self, "the end", self.waiters, ask=_look).get()
        error = self.error
        if error is None:
            return self.value
        if self.ended_as_told and (type(error) is GreenletExit or is_a(error, Cancelled)):
            if cast(Greenlet, self.scheduler.current).attention:
                yield from checkpoint()  # what interrupts the caller comes first
            self.heard = True
            raise _told(error)  # as in `result`, whose frame would take a twentieth of a kill
        try:
            del error
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
            self.heard: bool = True
            if self.ended_as_told and (type(error) is GreenletExit or is_a(error, Cancelled)):
                raise _told(error)
            raise with_traceback(error, self.traceback)
        finally:
            del self, error  # else the frame, the traceback and the error would hold each other

    def __bool__(self) -> bool:
        return self.gen is not None and self.started

    if not TYPE_CHECKING:  # the type checkers report the statement as well

        def __iter__(self) -> NoReturn:
            raise TypeError(
                "'yield from' needs a call; a GreenThread is none: write 'yield from gt.wait()'"
            )

    # ---- ending it ----

    @green
    def kill(self, exc: ExceptionLike = GreenletExit, *, force: bool = False) -> Green[None]:
        """Raise *exc* at the line where it is suspended, and return when that has been done.

        The victim runs first, then those already ready, then the caller.  A victim that has not
        started never runs, and one that has ended is left alone.  One whose result is already on its
        way gets that first.  A victim with live children is interrupted when those are gone, and this
        does not wait for their cleanup.  A greenthread that kills itself gets *exc* at this line.

        Args:
            exc: An exception class or instance.
            force: Also refuse every later suspension, with `Cancelled`: it cannot survive.

        Source:
            eventlet ``GreenThread.kill``, with one exception instead of a triple.
        """
        check_exception(exc, "kill")
        if self.gen is None:
            return
        what = Interrupt(exc)
        pend(self, what)
        root = condemn(self) if force else None
        poke(self, front=True)
        if root is not None:
            poke_owned(root)
        yield from checkpoint()
        # A ready queue that is not first in first out may have resumed this one first.
        while what in (self.interrupts or ()) and not self.dead and self._is_ready():
            yield from sleep(EPSILON)  # not 0: this one must not be chosen again before the victim

    def _is_ready(self) -> bool:
        trap = self.trap
        return trap is None or trap.queued or (trap.unstarted and trap.__class__ is Unstarted)

    def kill_soon(self, exc: ExceptionLike = GreenletExit, *, force: bool = False) -> None:
        """Kill it like `kill`, without waiting: for links, signal handlers and other plain code.

        One that has not started ends in the loop's next turn.
        """
        if exc is not GreenletExit:
            check_exception(exc, "kill_soon")
        gen = self.gen
        if gen is None:
            return
        if not force and interrupt_parked(self, exc):
            return
        pend(self, Interrupt(exc))
        root = None
        if force:
            if gen.gi_running:  # its scopes may be changing just now, if this is a signal handler
                self.scheduler.again(_refuse, self)
            else:
                root = condemn(self)
        poke(self)
        if root is not None:
            poke_owned(root)

    def cancel(self, exc: ExceptionLike = GreenletExit) -> None:
        """Keep it from starting; without effect once it has.  It ends in the loop's next turn.

        Source:
            eventlet ``GreenThread.cancel``, where it ends, and its links run, inside the call.
        """
        check_exception(exc, "cancel")
        if self.gen is not None and not self.started:
            interrupt(self, Interrupt(exc))

    # ---- links ----

    def link(
        self,
        fn: Callable[Concatenate[GreenThread[T], P], object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Have ``fn(self, *args, **kwargs)`` called when it ends, before any waiter runs.

        Links are plain functions, called in the order they were made, and at once if it has ended;
        each runs in a copy of its contextvars.
        One that raises is reported, and the others are still called.  A link has the outcome from
        ``gt.result()``: it cannot wait.

        Raises:
            TypeError: *fn* is a green function, of which nothing would run.

        Source:
            eventlet ``GreenThread.link``, where a link that raises skips the rest.
        """
        check_plain("link", fn)
        if self.gen is None:
            check_result(fn, self.context.copy().run(fn, self, *args, **kwargs))
            return
        if self.links is None:
            self.links: Optional[Deque[Link]] = deque()
        self.links.append((fn, args, kwargs))

    def unlink(
        self,
        fn: Callable[Concatenate[GreenThread[T], P], object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> bool:
        """Remove a link made with exactly these arguments; return whether there was one."""
        links = self.links
        for link in links or ():
            if (
                same(link[0], fn)
                and len(link[1]) == len(args)
                and all(map(same, link[1], args))
                and link[2].keys() == kwargs.keys()
                and all(same(link[2][name], value) for name, value in kwargs.items())
            ):
                break
        else:
            return False
        assert links is not None
        for index, one in enumerate(links):
            if one is link:
                del links[index]
                break
        return True

    @property
    def observed(self) -> bool:
        """Whether something waits for it or is linked to it, or its group takes its errors."""
        return observed(self)

    # ---- what it looks like from outside ----

    @property
    def context(self) -> Context:
        """Its own contextvars Context, copied when it was spawned."""
        return context_of(self)

    @property
    def waiting_on(self) -> Optional[str]:
        """What it waits for, a noun phrase; None while it runs, is ready or has ended."""
        trap = self.trap
        if self.gen is None or trap is None or trap.unstarted or self.scheduler.current is self:
            return None
        return description_of(trap)

    @property
    def spawned_at(self) -> Optional[Tuple[str, int, str]]:
        """The file, line and function of the call that spawned it."""
        return report.spawned_at(self)

    def stack(self) -> StackSummary:
        """Return where it stands, outermost call first; empty if it has not started or has ended.

        Source:
            ``traceback.extract_stack``, for a generator that is suspended.
        """
        return report.stack(self)

    def where(self) -> str:
        """Return ``file:line`` of the innermost line of user code, empty if it has none."""
        return report.where(self)


def _refuse(gt: Greenlet) -> None:
    """Refuse every later suspension of *gt*."""
    poke_owned(condemn(gt))


class Joining(Wait[None]):
    """A wait for the end of a greenthread, which it names when it is asked."""

    __slots__ = ()

    def describe(self) -> str:
        gt: AnyGreenThread = self._subject
        return f"the end of {gt.name}"


def _told(error: Cancelled) -> BaseException:
    """Return what waiting raises for one that *error* ended as it was told.

    A function of its own: a variable of `result` would be a cycle with the traceback.
    """
    told = bare(GreenletExit) if error.reason is None else GreenletExit(error.reason)
    told.__dict__["origin"] = error
    return told


def _look(joining: Wait[None]) -> None:
    gt: AnyGreenThread = cast(Any, joining.subject())  # made by GreenThread.wait alone
    if gt.gen is None:
        joining.wake(None)


AnyGreenThread = GreenThread[Any]


def waiting(line: Waiters[Any]) -> List[AnyGreenThread]:
    """Return the greenthreads that wait in *line*, in order."""
    # spawn makes no greenlets of another class.
    return cast("List[AnyGreenThread]", [wait.gt for wait in line])
