"""eventlet's Timeout: an exception that raises itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Optional, Type, TypeVar, Union, cast, overload

from .._objects import is_a
from .cancelled import ExceptionLike, check_exception
from .current import running
from .delivery import interrupt
from .seconds import check_timeout, inf
from .state import Interrupt
from .timers import next_number

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Literal, Self
    from typing_extensions import TypeVar as DefaultTypeVar

    from .state import Greenlet

    # A bare Timeout, in an except clause, is one that may be silent.
    Silent = DefaultTypeVar("Silent", bound=bool, default=bool, covariant=True)
else:
    Silent = TypeVar("Silent", bound=bool)


class Expiry(Interrupt):
    """The interruption by which a Timeout raises itself; to end with it is a failure."""

    __slots__ = ("timeout",)

    final = False

    def __init__(self, exc: ExceptionLike, since: int, timeout: Timeout[Any]) -> None:
        super().__init__(exc, since)
        self.timeout: Timeout[Any] = timeout

    def taken(self) -> None:
        self.timeout.fired = None


class Timeout(BaseException, Generic[Silent]):
    """Raises itself in the greenthread that made it, after *seconds*.

    It runs from construction, and is cancelled by leaving its ``with`` block or by `cancel`.  It
    fires once, and only at a suspension, so ``Timeout(0)`` around code that does not wait does
    nothing.  Several are told apart by identity: ``except Timeout as t: if t is mine``.

    Args:
        seconds: Until it fires; None never does.
        exception: None or True raises the Timeout itself; False does too, and the ``with`` block
            swallows it; an exception class or instance is raised instead of it.

    Raises:
        RuntimeError: Made outside of a greenthread.

    Source:
        eventlet ``timeout.Timeout``.  The clock is monotonic, and a result that arrived first wins.
    """

    @overload
    def __init__(
        self: Timeout[Literal[False]],
        seconds: Optional[float] = None,
        exception: Union[None, Literal[True], ExceptionLike] = None,
    ) -> None: ...

    @overload
    def __init__(
        self: Timeout[bool], seconds: Optional[float], exception: Literal[False]
    ) -> None: ...

    def __init__(
        self, seconds: Optional[float] = None, exception: Union[None, bool, ExceptionLike] = None
    ) -> None:
        super().__init__()
        if exception is not None and not is_a(exception, bool):
            check_exception(exception, "Timeout")
        self.seconds: Optional[float] = seconds
        self.exception: Union[None, bool, ExceptionLike] = exception
        self.timer: int = 0
        self.fired: Optional[Interrupt] = None  # on its way, not raised yet
        self._gt: Optional[Greenlet] = None
        self._since: int = 0
        self.start()

    def start(self) -> None:
        """Start the clock, for the greenthread that calls this.

        Raises:
            AssertionError: It is running already.
            TypeError, ValueError, OverflowError: *seconds* is no number of seconds.
        """
        if self.timer or self.fired is not None:
            raise AssertionError(f"{self!r} is already started: cancel it first")
        self._gt = gt = running()
        scheduler = gt.scheduler
        # Read, and not stored in __init__: it may be set between two starts.
        seconds = self.seconds
        if seconds is not None and (seconds.__class__ is not float or not seconds < inf):
            seconds = check_timeout(seconds, "the time")
        self._since = next_number()
        if seconds is not None:
            scheduler.timers.add(scheduler.clock() + seconds, self)

    @property
    def pending(self) -> bool:
        """Whether it may still fire."""
        return self.timer != 0 or self.fired is not None

    def cancel(self) -> None:
        """Stop the clock; no effect if it does not run.  It can be started again."""
        gt = self._gt
        if gt is None:
            return
        if self.timer:
            gt.scheduler.timers.cancel(self)
        elif self.fired is not None:
            if gt.interrupts is not None and self.fired in gt.interrupts:
                gt.interrupts.remove(self.fired)
            self.fired = None

    def expire(self) -> None:
        """The time has passed."""
        gt = self._gt
        if gt is None or gt.dead:
            return
        exception = self.exception
        exc: ExceptionLike = self if exception is None or is_a(exception, bool) else exception
        self.fired = Expiry(exc, self._since, self)
        interrupt(gt, self.fired)

    def __enter__(self) -> Self:
        if not self.timer and self.fired is None:
            self.start()
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> Silent:
        self.cancel()
        # The overloads of __init__ have bound Silent to what this can be.
        return cast("Silent", exc is self and self.exception is False)

    @property
    def is_timeout(self) -> bool:
        """True, as on objects that `wrap_is_timeout` has marked."""
        return True

    def __str__(self) -> str:
        if self.seconds is None:
            return ""
        plural = "" if self.seconds == 1 else "s"
        if self.exception is None or self.exception is True:
            return f"{self.seconds} second{plural}"
        if self.exception is False:
            return f"{self.seconds} second{plural} (silent)"
        return f"{self.seconds} second{plural} ({self.exception})"

    def __repr__(self) -> str:
        state = "pending" if self.pending else "idle"
        return f"<{type(self).__name__} {self} {state}>"
