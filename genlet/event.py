"""Events: a value, or an error, that is sent once to all that wait for it."""

# The objects of this room
# ------------------------
# Each keeps its waits in a `Waiters` and hands over when it wakes: a wait that was woken has its
# permit, item or value, whatever happens to its greenthread before that runs.  Nothing is taken back,
# and no wait is half served.
#
# Each wait asks again when it is armed (`Wait(ask=...)`): what it asked for may have come meanwhile.
#
# An object belongs to the kernel of the greenthreads that wait on it, and to none when none waits.
# `Waiters.check_thread` is called before anything is changed, so a refused call has done nothing.

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Generic,
    List,
    Optional,
    Tuple,
    TypeVar,
    Union,
    cast,
    overload,
)

from ._objects import is_a, text_of, traceback_of, with_traceback
from .abc import Green, Op, green
from .kernel import AnyGreenThread, ExceptionLike, Wait, Waiters, check_timeout, waiting

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")
D = TypeVar("D")

__all__ = ["Event"]

ExcInfo = Tuple[object, Optional[BaseException], "Optional[TracebackType]"]
"""The result of ``sys.exc_info()`` in an ``except`` block: class, exception, traceback."""

Sendable = Union[ExceptionLike, ExcInfo]


def _one(info: ExcInfo) -> BaseException:
    """Return the exception of the result of ``sys.exc_info()``."""
    if len(info) != 3 or not isinstance(info[1], BaseException):
        raise TypeError(f"exc is an exception, a class of one, or sys.exc_info(); got {info!r}")
    return info[1] if info[2] is None else with_traceback(info[1], info[2])


class Sent(Generic[T]):
    """What was sent: kept apart from the event, which may be reset before a waiter runs."""

    __slots__ = ("exc", "traceback", "value")

    def __init__(self, value: Optional[T], exc: Optional[ExceptionLike]) -> None:
        self.value: Optional[T] = value
        self.exc: Optional[ExceptionLike] = exc
        self.traceback: Optional[TracebackType] = (
            traceback_of(exc) if is_a(exc, BaseException) else None
        )

    def get(self) -> T:
        """Return the value or raise the error, as often as asked."""
        exc = self.exc
        if exc is None:
            return cast(T, self.value)  # send() took a T
        if is_a(exc, BaseException):
            raise with_traceback(exc, self.traceback)  # or it would grow with every waiter
        raise exc()


class Event(Generic[T]):
    """A value that many can wait for and one sends, once.

    ::

        ready: Event[int] = Event()
        port = yield from ready.wait()          # elsewhere: ready.send(8080)

    Source:
        eventlet ``event.Event``.  Differs: waiters are woken in the order they came.
    """

    __slots__ = ("__weakref__", "_fresh", "_line", "_sent")

    def __init__(self) -> None:
        self._line: Waiters[Sent[T]] = Waiters()
        self._sent: Optional[Sent[T]] = None
        self._fresh: bool = True  # there until something is sent: deleting it decides who sends

    @overload
    def wait(self, timeout: None = None) -> Op[T]: ...
    @overload
    def wait(self, timeout: Optional[float]) -> Op[Optional[T]]: ...
    @green
    def wait(self, timeout: Optional[float] = None) -> Green[Optional[T]]:
        """Wait until something is sent, and return it; at once if it was sent before.

        Args:
            timeout: Seconds.  When they have passed the result is None, and the event as before.

        Raises:
            BaseException: What was sent with ``send_exception``.
            TypeError, ValueError, OverflowError: *timeout* is no number of seconds.
        """
        sent = self._sent
        if sent is None:
            listening = Wait(self, "an event", self._line, timeout, ask=self._look)
            sent = yield from listening.get()
            if listening.expired:
                return None
        elif timeout is not None:
            check_timeout(timeout, "the timeout")  # a wrong one is an error whatever was sent
        return sent.get()

    @overload
    def send(self: Event[None]) -> None: ...
    @overload
    def send(self, result: T, exc: None = None) -> None: ...
    @overload
    def send(self, result: Optional[T] = None, *, exc: Sendable) -> None: ...
    @overload
    def send(self, result: Optional[T], exc: Sendable) -> None: ...
    def send(self, result: Optional[T] = None, exc: Optional[Sendable] = None) -> None:
        """Give *result* to all that wait, and to those that come later.

        A plain call, also for signal handlers; the waiters run in the next turn, with what was sent
        here even if the event was reset meanwhile.

        Args:
            exc: An exception, or a class that takes no arguments, for the waiters to raise instead.
                The result of ``sys.exc_info()`` is taken too.

        Raises:
            AssertionError: Something was sent before.
        """
        self._line.check_thread()
        error = _one(exc) if is_a(exc, tuple) else exc
        try:
            del self._fresh
        except AttributeError:
            raise AssertionError("Trying to re-send() an already-triggered event.") from None
        self._sent = sent = Sent(result, error)
        self._line.wake_all(sent)

    def send_exception(
        self,
        exc: Optional[ExceptionLike],
        value: Optional[BaseException] = None,
        traceback: Optional[TracebackType] = None,
        /,
    ) -> None:
        """Have all that wait, and those that come later, raise *exc*.

        Args:
            exc: An exception or a class of one.  The three parts of ``sys.exc_info()`` are taken
                too: then *value* is raised, with *traceback*.

        Source:
            eventlet ``Event.send_exception``.
        """
        if exc is None:
            raise TypeError("send_exception wants an exception; sys.exc_info() found none")
        self.send(None, exc if value is None else (exc, value, traceback))

    def reset(self) -> None:
        """Make it an event to which nothing was sent.

        Raises:
            AssertionError: It is one already.
        """
        if self._sent is None:
            raise AssertionError("Trying to re-reset() a fresh event.")
        self._sent = None
        self._fresh = True

    def ready(self) -> bool:
        """Whether something was sent, so that `wait` would not wait."""
        return self._sent is not None

    def has_result(self) -> bool:
        """Whether a value was sent."""
        return self._sent is not None and self._sent.exc is None

    def has_exception(self) -> bool:
        """Whether an error was sent."""
        return self._sent is not None and self._sent.exc is not None

    @overload
    def poll(self, notready: None = None) -> Optional[T]: ...
    @overload
    def poll(self, notready: D) -> Union[T, D]: ...
    def poll(self, notready: object = None) -> object:
        """Return the value or raise the error sent; *notready* if nothing was."""
        return notready if self._sent is None else self._sent.get()

    @overload
    def poll_result(self, notready: None = None) -> Optional[T]: ...
    @overload
    def poll_result(self, notready: D) -> Union[T, D]: ...
    def poll_result(self, notready: object = None) -> object:
        """Return the value sent; *notready* if nothing or an error was."""
        return self.poll(notready) if self.has_result() else notready

    @overload
    def poll_exception(self, notready: None = None) -> None: ...
    @overload
    def poll_exception(self, notready: D) -> D: ...
    def poll_exception(self, notready: object = None) -> object:
        """Raise the error sent; return *notready* if nothing or a value was."""
        if self._sent is not None and self._sent.exc is not None:
            self._sent.get()
        return notready

    def _look(self, listening: Wait[Sent[T]]) -> None:
        if self._sent is not None:
            listening.wake(self._sent)

    @property
    def waiters(self) -> List[AnyGreenThread]:
        """The waiting greenthreads, in order."""
        return waiting(self._line)

    def __repr__(self) -> str:
        sent = self._sent
        if sent is None:
            state = f"not ready, {len(self._line)} waiting"
        elif sent.exc is not None:
            state = f"sent exception {text_of(sent.exc)}"
        else:
            state = f"sent {text_of(sent.value)}"
        return f"<{type(self).__name__} at {id(self):#x}: {state}>"
