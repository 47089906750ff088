"""``signal``, with the calls that wait green, and `receive`, a source of signals.

::

    with signal.receive(signal.SIGTERM, signal.SIGHUP) as signals:
        while (yield from signals.next()) == signal.SIGHUP:
            reload()

Handlers installed with ``signal.signal`` are called between two steps of Python as everywhere else,
in the main thread, whichever greenthread runs there; so what they do to green objects they must
leave to ``Portal.call_soon``.
"""

# Theory of operation
# -------------------
# A signal that somebody waits for is `Watched`: it has a Python handler of this file instead of
# the one found, from the first `Receiver` that wants it to the last.  The handler runs between two
# bytecodes of anything, so it only notes the number, in one atomic store, and has the loop hand it
# over.  The kernel's wakeup descriptor makes the signal interrupt the poller.
#
# A signal that is blocked is let through while it is watched.  At the end everything is put back,
# the mask first, and a signal that nobody took is raised again: it becomes pending if it is blocked,
# and else meets the handler it would have met.

from __future__ import annotations

import os
import signal as real
import sys
import threading
from operator import index
from signal import Signals as Signals
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Tuple, cast

from .._compat import signals_in_hooks
from ..abc import Green, green
from ..kernel import Portal, Wait, Waiters, check_seconds, portal, sleep
from ._mirror import mirror

# At run time `mirror` passes through what the platform has of these.
if TYPE_CHECKING:
    from signal import SIG_DFL as SIG_DFL
    from signal import SIG_IGN as SIG_IGN
    from signal import SIGABRT as SIGABRT
    from signal import SIGFPE as SIGFPE
    from signal import SIGILL as SIGILL
    from signal import SIGINT as SIGINT
    from signal import SIGSEGV as SIGSEGV
    from signal import SIGTERM as SIGTERM
    from signal import Handlers as Handlers
    from signal import default_int_handler as default_int_handler
    from signal import getsignal as getsignal
    from signal import raise_signal as raise_signal
    from signal import signal as signal
    from signal import strsignal as strsignal
    from signal import valid_signals as valid_signals

    if sys.platform != "win32":
        from signal import ITIMER_PROF as ITIMER_PROF
        from signal import ITIMER_REAL as ITIMER_REAL
        from signal import ITIMER_VIRTUAL as ITIMER_VIRTUAL
        from signal import SIG_BLOCK as SIG_BLOCK
        from signal import SIG_SETMASK as SIG_SETMASK
        from signal import SIG_UNBLOCK as SIG_UNBLOCK
        from signal import SIGALRM as SIGALRM
        from signal import SIGBUS as SIGBUS
        from signal import SIGCHLD as SIGCHLD
        from signal import SIGCONT as SIGCONT
        from signal import SIGHUP as SIGHUP
        from signal import SIGKILL as SIGKILL
        from signal import SIGPIPE as SIGPIPE
        from signal import SIGPROF as SIGPROF
        from signal import SIGQUIT as SIGQUIT
        from signal import SIGSTOP as SIGSTOP
        from signal import SIGTSTP as SIGTSTP
        from signal import SIGTTIN as SIGTTIN
        from signal import SIGTTOU as SIGTTOU
        from signal import SIGUSR1 as SIGUSR1
        from signal import SIGUSR2 as SIGUSR2
        from signal import SIGVTALRM as SIGVTALRM
        from signal import SIGWINCH as SIGWINCH
        from signal import ItimerError as ItimerError
        from signal import Sigmasks as Sigmasks
        from signal import alarm as alarm
        from signal import getitimer as getitimer
        from signal import pthread_kill as pthread_kill
        from signal import pthread_sigmask as pthread_sigmask
        from signal import setitimer as setitimer
        from signal import siginterrupt as siginterrupt
        from signal import sigpending as sigpending


if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Callable, Type, Union

    from typing_extensions import Self

    Handler = Union[Callable[[int, Optional[FrameType]], object], int, Handlers, None]

_watched: Dict[int, Watched] = {}


class Receiver:
    """What `receive` gives: a context manager, and the signals that came and were not taken yet.

    A signal that comes again before it was taken counts once.
    """

    __slots__ = ("_call", "_came", "_door", "_line", "_numbers", "_passes_on", "_watched")

    def __init__(self, numbers: Iterable[int], call: str, *, passes_on: bool = False) -> None:
        self._numbers: List[int] = list(dict.fromkeys(map(_signal_number, numbers)))
        self._call: str = call  # how its user calls it
        self._passes_on: bool = passes_on  # the handler found is called as well
        self._came: Dict[int, None] = {}  # a set that keeps the order
        self._line: Waiters[int] = Waiters()
        self._watched: List[Watched] = []
        self._door: Optional[Portal] = None  # while the block lasts

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(
                f"{self._call} is for the run of the main thread, the only one that Python gives"
                " signals to: wait there, and send the others word through a portal"
            )
        if self._door is not None:
            raise RuntimeError(f"this receiver is in use: call {self._call} for each 'with'")
        self._door = portal().__enter__()
        try:
            for number in self._numbers:
                watched = _watched.get(number) or Watched(number)
                watched.add(self)
                self._watched.append(watched)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._close()

    @green
    def next(self) -> Green[int]:
        """Wait for a signal, and return its number, a ``signal.Signals`` where it has a name.

        Each signal goes to one of those who wait here, in turn.  Interrupted, none is lost.

        Raises:
            RuntimeError: This is not inside of the ``with`` block, or it has ended meanwhile.
        """
        if self._door is None:
            raise _over()
        if self._came:
            return self._take()
        return (yield from Wait(self, "a signal", self._line, ask=self._hand_over).get())

    def _note(self, number: int) -> None:
        """*number* came; called by the handler."""
        self._came[number] = None
        assert self._door is not None, "there are signals only inside of the block"
        self._door.call_soon(self._hand_over)

    def _hand_over(self, _wait: Optional[Wait[int]] = None) -> None:
        while self._came:
            arrival = self._line.claim()
            if arrival is None:
                break
            arrival.settle(self._take())

    def _take(self) -> int:
        number, *_ = self._came  # in one step: the handler may add one at any time
        del self._came[number]
        _watched[number].unheard = False
        try:
            return Signals(number)
        except ValueError:  # a real-time signal has no name
            return number

    def _close(self) -> None:
        for arrival in self._line:
            arrival.fail(_over())
        watched, self._watched = self._watched, []
        unheard = [one.number for one in watched if one.remove(self)]
        door, self._door = self._door, None
        if door is not None:
            door.__exit__(None, None, None)
        _raise_again(unheard)


def _signal_number(number: int) -> int:
    found = index(number)
    if not 0 < found < real.NSIG:
        raise ValueError(f"signal number {found} out of range [1; {real.NSIG - 1}]")
    return number


def _over() -> RuntimeError:
    return RuntimeError("signals are received inside of a 'with signal.receive(...)' block")


def _raise_again(numbers: List[int]) -> None:
    """Raise each, also when the handler of one before raises an exception."""
    if numbers:
        try:
            real.raise_signal(numbers[0])
        finally:
            _raise_again(numbers[1:])


class Watched:
    """One signal that has receivers.

    Attributes:
        former: The handler found.
        unheard: It came, and no receiver has taken it since.
    """

    __slots__ = ("_blocked", "_thread", "former", "number", "receivers", "unheard")

    def __init__(self, number: int) -> None:
        self.number: int = number
        self.receivers: List[Receiver] = []
        self.unheard: bool = False
        self._blocked: bool = False
        self._thread: int = threading.get_ident()  # whose mask is changed
        self.former: Handler = real.getsignal(number)
        if self.former is None:
            raise RuntimeError(
                f"the handler of signal {number} was not installed by Python, which could not give"
                " it back"
            )

    def add(self, receiver: Receiver) -> None:
        self.receivers.append(receiver)
        if len(self.receivers) == 1:
            try:
                real.signal(self.number, self._on_signal)
            except BaseException:
                self.receivers.clear()
                raise
            _watched[self.number] = self
        if sys.platform != "win32" and not receiver._passes_on:
            if self.number in real.pthread_sigmask(real.SIG_UNBLOCK, [self.number]):
                self._blocked = True

    def remove(self, receiver: Receiver) -> bool:
        """Let *receiver* go; whether the signal is to be raised again."""
        self.receivers.remove(receiver)
        if self.receivers:
            return False
        del _watched[self.number]
        self.put_back()
        return self.unheard

    def put_back(self) -> None:
        """Have the signal meet what it met before: it is received no more."""
        if sys.platform != "win32" and self._blocked and self._thread == threading.get_ident():
            real.pthread_sigmask(real.SIG_BLOCK, [self.number])
        if real.getsignal(self.number) == self._on_signal:  # else the program has replaced it
            real.signal(self.number, cast("Any", self.former))

    def _on_signal(self, number: int, frame: Optional[FrameType]) -> None:
        receivers = list(self.receivers)
        for receiver in receivers:
            receiver._note(number)
        if receivers and callable(self.former) and all(one._passes_on for one in receivers):
            self.former(number, frame)
        else:  # without receivers it is about to be put back, and raised again then
            self.unheard = True


def _after_fork_in_child() -> None:
    """Receive nothing: the signals of a child are its own, and it has none of the receivers."""
    watched = list(_watched.values())
    _watched.clear()
    with signals_in_hooks():
        for one in watched:
            one.receivers.clear()
            one.put_back()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def receive(*signals: int) -> Receiver:
    """Receive *signals* as long as the ``with`` block lasts.

    ::

        with signal.receive(signal.SIGTERM, signal.SIGINT) as signals:
            number = yield from signals.next()

    Their handlers are not called meanwhile, the kernel's for Ctrl-C neither; they are put back at
    the end of the block, and get a signal then that came and that nobody took.  A signal that
    several receive comes to each of them.

    While the block lasts, the run is never taken for deadlocked.

    Args:
        signals: One or more numbers.

    Raises:
        RuntimeError: Entered in another thread than the main one; or a signal has a handler that
            was not installed by Python.
        ValueError: There is none, or one of them is no signal's number.
        OSError: One of them cannot be caught.

    Source:
        trio's ``open_signal_receiver``.
    """
    if not signals:
        raise ValueError("receive wants at least one signal: receive(signal.SIGTERM)")
    return Receiver(signals, "signal.receive")


if sys.platform != "win32":

    @green
    def pause() -> Green[None]:
        """Wait until a signal comes that has a Python handler now, and have that called.

        Source:
            ``signal.pause``.
        """
        numbers = [n for n in real.valid_signals() if callable(real.getsignal(n))]
        if not numbers:
            yield from sleep(float("inf"))
        with Receiver(numbers, "signal.pause", passes_on=True) as receiver:
            yield from receiver.next()

    @green
    def sigwait(sigset: Iterable[int]) -> Green[int]:
        """Wait until one of *sigset* comes or is pending, and take it; its handler is not called.

        Blocked signals are let through meanwhile; those that come and are not returned are pending
        again then.

        Raises:
            RuntimeError: This is not the main thread.

        Source:
            ``signal.sigwait``.  Differs: of several greenthreads that wait for one signal, all get
            it.
        """
        with Receiver(sigset, "signal.sigwait") as receiver:
            return (yield from receiver.next())


__green__: Tuple[str, ...] = ("Receiver.next",)
__own__: Tuple[str, ...] = ("Receiver",)
if sys.platform != "win32":
    __green__ += ("pause", "sigwait")

__omitted__: Dict[str, str] = {
    "set_wakeup_fd": "the kernel has it: a signal wakes the run by it; use receive()",
}

if sys.platform != "win32" and sys.platform != "darwin" and hasattr(real, "sigtimedwait"):
    from signal import struct_siginfo as struct_siginfo

    @green
    def sigwaitinfo(sigset: Iterable[int]) -> Green[struct_siginfo]:
        """Do as `sigwait`, and return more about the signal; see `sigtimedwait`.

        Source:
            ``signal.sigwaitinfo``.
        """
        info = yield from _timed(sigset, None, "signal.sigwaitinfo")
        assert info is not None, "without a timeout it waits for a signal"
        return info

    @green
    def sigtimedwait(sigset: Iterable[int], timeout: float) -> Green[Optional[struct_siginfo]]:
        """Do as `sigwait` for at most *timeout* seconds, and return more about the signal.

        Returns:
            What the system tells of a signal that is pending already; of one that has to be waited
            for, only ``si_signo``, and 0 for the rest: a Python handler is not told.  None after
            the timeout.

        Raises:
            RuntimeError: This is not the main thread.
            ValueError: *timeout* is negative.

        Source:
            ``signal.sigtimedwait``.
        """
        if check_seconds(timeout, "the timeout") < 0:
            raise ValueError("timeout must be non-negative")
        return (yield from _timed(sigset, timeout, "signal.sigtimedwait"))

    @green
    def _timed(
        sigset: Iterable[int], timeout: Optional[float], call: str
    ) -> Green[Optional[struct_siginfo]]:
        numbers = list(sigset)
        info = real.sigtimedwait(numbers, 0)
        if info is not None or timeout == 0:
            return info
        with Receiver(numbers, call) as receiver:
            arrival = Wait(receiver, "a signal", receiver._line, timeout, 0, receiver._hand_over)
            number = yield from arrival.get()
        return struct_siginfo((number, 0, 0, 0, 0, 0, 0)) if number else None

    __green__ += ("sigtimedwait", "sigwaitinfo")

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
