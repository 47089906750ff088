"""Task groups: no greenthread outlives the block it was spawned in."""

# The ways out of a block
# -----------------------
# After ``join()`` there is nothing to do.  If the group was cancelled, by a child's failure or by a
# scope around it, the kernel has held the owner back until the children were gone.  Only a block that
# ends by an exception of its own, or by return, can leave live children.  These are aborted
# synchronously, last first.  A child that waits in its cleanup stays behind, and the owner's next
# suspension, or its end, waits for it.

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Dict, Generic, List, Optional, Type, TypeVar, cast

from .._compat import exception_group
from .._objects import context_of, is_a, set_context
from .._plain import advised
from ..abc import Green, green
from ..errors import Unjoined
from ..kernel import (
    AnyGreenThread,
    Cancelled,
    GreenThread,
    Group,
    Wait,
    Waiters,
    get_scheduler,
    getcurrent,
    interrupted_by,
)

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Concatenate, Literal, ParamSpec, Self

    P = ParamSpec("P")

T = TypeVar("T")
R = TypeVar("R")

__all__ = ["Ready", "TaskGroup"]


class Ready(Generic[R]):
    """The argument with which a child reports to `TaskGroup.start` that it is ready."""

    def __init__(self) -> None:
        self._waiters: Waiters[None] = Waiters()
        self._is_set: bool = False
        self._value: Optional[R] = None

    def set(self, value: R) -> None:
        """Resume the starter, whose call returns *value*.

        Raises:
            RuntimeError: It was set before.
        """
        if self._is_set:
            raise RuntimeError("Ready.set() was called before: a child gets ready once")
        self._is_set = True
        self._value = value
        self._waiters.wake_all(None)


# What trio and asyncio call it.
_ADVICE = {
    "start_soon": "write spawn(fn, ...)",
    "create_task": "write spawn(fn, ...), which takes the function and its arguments, not a call",
    "cancel_scope": "use scope, or cancel(reason)",
}


class TaskGroup(Group):
    """A block that its children cannot outlive.

    ::

        with TaskGroup() as group:
            group.spawn(worker, 1)
            group.spawn(worker, 2)
            yield from group.join()

    A child that fails cancels its siblings and the block.  When all of them have ended, the failures
    are raised as an ExceptionGroup.  Leaving the block with children that were not joined aborts
    them and raises `Unjoined`.

    Args:
        on_exit: "raise" as above; "cancel" aborts the remaining children without an error, for
            services that run as long as the block.
        errors: "group" raises an ExceptionGroup of the children's failures and the block's own;
            "first" raises the first failure bare.
        grace: Seconds that cancelled children have to clean up before every suspension is refused.
        name: For reports.

    Attributes:
        scope: The `CancelScope` around the block and the children.

    Source:
        trio's nursery and ``asyncio.TaskGroup``; the explicit ``join`` is that of Java's
        ``StructuredTaskScope``, since a ``with`` block cannot wait at its end.
    """

    __slots__ = ("_drained", "_errors", "_first_only", "_on_exit", "_unjoined", "name")

    def __init__(
        self,
        *,
        on_exit: Literal["raise", "cancel"] = "raise",
        errors: Literal["group", "first"] = "group",
        grace: float = 0,
        name: Optional[str] = None,
    ) -> None:
        if on_exit not in ("raise", "cancel"):
            raise ValueError(f'on_exit is "raise" or "cancel"; got {on_exit!r}')
        if errors not in ("group", "first"):
            raise ValueError(f'errors is "group" or "first"; got {errors!r}')
        super().__init__(get_scheduler(), grace)
        self.answers = True
        self.name: Optional[str] = name
        self._on_exit: str = on_exit
        self._first_only: bool = errors == "first"
        # Of the children, in the order they ended; by child, so that telling twice is harmless.
        self._errors: Dict[AnyGreenThread, BaseException] = {}
        self._unjoined: bool = False  # something was spawned since the last join
        self._drained: Waiters[None] = Waiters()

    # ---- the block ----

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            return advised(self, name, _ADVICE)

    def __enter__(self) -> Self:
        self.open(getcurrent())
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> Optional[bool]:
        owner = self.owner
        try:
            if exc is not None and is_a(exc, Cancelled) and owner is not None:
                own = not interrupted_by(owner, exc)  # from wait() on another greenthread
            else:
                own = exc is not None
            # The block's error came first also if the group was cancelled for that error.
            first = own and (not self._errors or self.scope.reason is exc)
            cancelled = self.scope.cancel_called
            if self.members:
                self.scope.reason = exc if exc is not None else "the block has ended"
                self.scope.interrupt_all(self.scope.grace, then=self.scheduler.abort)
        finally:  # also where there is no stack left for the calls above
            swallowed = self.leave(exc)
        errors = list(self._errors.values())
        self._errors.clear()
        if exc is None and self._unjoined and not cancelled and self._on_exit == "raise":
            errors.append(
                Unjoined(
                    f"{self!r} was left with children that nobody joined: end the block with 'yield"
                    ' from group.join()\', or make the group with on_exit="cancel"'
                )
            )
        if errors:
            if exc is not None and own:
                errors = [one for one in errors if one is not exc]
                errors.insert(0 if first and self._first_only else len(errors), exc)
            try:
                self._raise(errors)
            finally:
                del exc, errors, owner  # else this frame and the traceback would hold each other
        return swallowed

    def _raise(self, errors: List[BaseException]) -> None:
        error = errors[0]
        if not self._first_only and not (len(errors) == 1 and is_a(error, Unjoined)):
            try:
                raise exception_group(f"{len(errors)} failed in {self!r}", errors) from None
            finally:
                del error, errors
        # It replaces the error that left the block, which is not its context.
        context = context_of(error)
        try:
            raise error
        finally:
            set_context(error, context)
            del error, errors, context

    # ---- children ----

    def spawn(
        self, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> GreenThread[T]:
        """Start ``fn(*args, **kwargs)`` as a child of the group.

        Raises:
            RuntimeError: The block was not entered, or was left.
            TypeError: *fn* is not a green function.
        """
        self._check_open()
        self._unjoined = True
        gt: GreenThread[T] = self.scheduler.spawn(fn, args, kwargs, self)
        return gt

    @green
    def start(
        self,
        fn: Callable[Concatenate[Ready[R], P], Green[object]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Green[R]:
        """Start ``fn(ready, *args, **kwargs)`` and wait until it calls ``ready.set(value)``.

        Returns:
            The value.

        Raises:
            BaseException: The child raised it before it was ready.
            RuntimeError: The child returned without being ready.
        """
        self._check_open()
        self._unjoined = True
        ready: Ready[R] = Ready()
        gt = self.scheduler.spawn(fn, (ready, *args), kwargs, self)
        gt.link(_ended, ready)
        if not ready._is_set:
            yield from Wait(
                ready,
                f"{gt.name} to be ready",
                ready._waiters,
                ask=partial(_look_ready, ready, gt),
            ).get()
        if not ready._is_set:
            name = gt.name
            try:
                gt.result()
            finally:
                del gt  # its error has this frame in its traceback
            raise RuntimeError(f"{name} ended without calling ready.set()")
        return cast(R, ready._value)  # which it is, now that it is set

    @green
    def join(self) -> Green[None]:
        """Wait until every child has ended; usually the last line of the block."""
        while self.members:
            yield from Wait(self, "the children to end", self._drained, ask=self._look).get()
        self._unjoined = False

    def _look(self, wait: Wait[None]) -> None:
        if not self.members:
            wait.wake(None)

    def cancel(self, reason: object = None) -> None:
        """Cancel the children and the rest of the block; a plain call that never waits."""
        self.scope.cancel(reason)

    @property
    def live(self) -> int:
        """The number of children that have not ended."""
        return len(self.members)

    def _check_open(self) -> None:
        if not self.scope.sequence:
            raise RuntimeError(f"{self!r} is not open: enter it with 'with TaskGroup() as group:'")
        if self.scope.gt is None:
            raise RuntimeError(f"{self!r} was left: its block has ended")

    # ---- called by the kernel ----

    def ended(self, gt: AnyGreenThread) -> None:
        error = gt.error
        if error is not None and not gt.ended_as_told and gt in self.members:
            if not is_a(error, (KeyboardInterrupt, SystemExit)):
                self._errors[gt] = error
                gt.heard = True  # the group raises it
            if not self.scope.cancel_called:
                self.scope.origin = gt
                self.scope.cancel(error)
        Group.ended(self, gt)
        if not self.members:
            self._drained.wake_all(None)

    def late_error(self) -> Optional[BaseException]:
        if not self._errors:
            return None
        errors = list(self._errors.values())
        self._errors.clear()
        if self._first_only:
            return errors[0]
        return exception_group(f"{len(errors)} failed late in {self!r}", errors)

    def __repr__(self) -> str:
        return f"<TaskGroup {self.name or ''}>".replace(" >", ">")


def _look_ready(ready: Ready[Any], gt: AnyGreenThread, wait: Wait[None]) -> None:
    if ready._is_set or gt.dead:
        wait.wake(None)


def _ended(_gt: AnyGreenThread, ready: Ready[Any]) -> None:
    ready._waiters.wake_all(None)
