"""Ctrl-C, and how any signal interrupts the poller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Tuple

from .._objects import is_a, text_of
from .delivery import Surfaced, interrupt

if TYPE_CHECKING:
    import signal
    from types import FrameType

    from .state import Kernel, Members
    from .wakeup import Wakeup
else:
    # The C module: `signal` converts numbers to Enum members at every call, and imports enum.
    import _signal as signal

SIGINT = 2  # on every platform


class Signals:
    """Ctrl-C, and the wakeup descriptor that makes any signal interrupt the poller.

    Installed only in the main thread, where Python runs signal handlers.  Ctrl-C is taken over only
    from Python's default handler.
    """

    def __init__(self, scheduler: Kernel, wakeup: Wakeup, root: Members) -> None:
        self._scheduler: Kernel = scheduler
        self._wakeup: Wakeup = wakeup
        self._root: Members = root
        self._wakeup_before: Optional[int] = (
            None  # the descriptor found; None: it was not replaced
        )
        self._pending: Optional[Surfaced] = None  # the last Ctrl-C, until main has got it
        # Handlers that genlet installed besides, and that wake nothing by themselves.
        self.own: Tuple[object, ...] = ()

    def install(self) -> None:
        """Take Ctrl-C over."""
        if signal.getsignal(SIGINT) is signal.default_int_handler:
            try:
                signal.signal(SIGINT, self._on_sigint)
            except ValueError:
                pass  # not the main thread: no handler ever runs here

    def restore(self) -> None:
        """Put everything back; also in a forked child, which has copies of it."""
        self.leave_wakeup()
        if signal.getsignal(SIGINT) == self._on_sigint:
            signal.signal(SIGINT, signal.default_int_handler)

    def before_blocking(self) -> None:
        """Have signals write to the wakeup pipe; called before the loop first blocks.

        Raises:
            OSError, ValueError: There is no pipe to be had; nothing has changed.
        """
        wakeup = self._wakeup
        try:
            before = signal.set_wakeup_fd(-1)
        except ValueError:
            return  # not the main thread
        signal.set_wakeup_fd(before)
        wakeup.open()
        self._wakeup_before = wakeup.heir = before
        signal.set_wakeup_fd(wakeup.write_fd, warn_on_full_buffer=False)

    def leave_wakeup(self) -> None:
        """Put the wakeup descriptor back that was found."""
        before = self._wakeup_before
        if before is not None:
            signal.set_wakeup_fd(before)
            self._wakeup_before = None

    def may_wake(self) -> bool:
        """Whether a signal handler of the application might wake a greenthread."""
        if self._wakeup_before is None:
            try:
                signal.set_wakeup_fd(signal.set_wakeup_fd(-1))
            except ValueError:
                return False  # not the main thread: no handler ever runs here
        own = (signal.default_int_handler, self._on_sigint, *self.own)
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler) and handler not in own:
                return True
        return False

    def _on_sigint(self, number: int, frame: Optional[FrameType]) -> None:
        """Handle Ctrl-C: the first goes to main, the second cancels everything.

        This runs between two bytecodes of any code, so it leaves the kernel's structures to the loop.
        Only the second Ctrl-C over user code, which may never come back to the loop, is raised here.
        """
        calls = self._wakeup.calls
        if not self._undelivered():
            calls.append((self._interrupt_main, ()))
        elif _in_user_code(frame):
            raise KeyboardInterrupt
        else:
            calls.append((self._cancel_everything, (KeyboardInterrupt(),)))
        # The interpreter has written to the wakeup descriptor; the program may have replaced it.
        self._wakeup.ring()

    def escalate(self, error: BaseException, frame: Optional[FrameType]) -> None:
        """End the run for *error*, which a signal asked for a second time.

        Called by a signal handler.  Over user code, which may never come back to the loop, *error* is
        raised in place.  Otherwise it is raised in main, and everything is cancelled without grace.
        """
        if _in_user_code(frame):
            raise error
        self._wakeup.calls.append((self._end_with, (error,)))

    def _undelivered(self) -> bool:
        """Whether an earlier Ctrl-C has not been raised yet."""
        if any(call[0] == self._interrupt_main for call in list(self._wakeup.calls)):
            return True
        main = self._scheduler.main
        if main is None or main.dead:
            return False
        return main.fault is not None or self._pending in (main.interrupts or ())

    def raise_unheard(self) -> None:
        """Raise KeyboardInterrupt if a Ctrl-C was noted that the loop has not looked at."""
        for fn, _ in list(self._wakeup.calls):
            if fn in (self._interrupt_main, self._cancel_everything):
                raise KeyboardInterrupt

    def _interrupt_main(self) -> None:
        main = self._scheduler.main
        if main is None or main.dead:
            self._cancel_everything(KeyboardInterrupt())
        else:
            self._pending = Surfaced(KeyboardInterrupt)
            interrupt(main, self._pending)

    def _end_with(self, error: BaseException) -> None:
        main = self._scheduler.main
        if main is not None and not main.dead:
            interrupt(main, Surfaced(error))
        self._cancel_everything(error)

    def _cancel_everything(self, error: BaseException) -> None:
        scheduler = self._scheduler
        scope = self._root.scope
        scheduler.closing.hurry(error)
        scope.reason = "Ctrl-C" if is_a(error, KeyboardInterrupt) else text_of(error)
        scope.interrupt_all(0)
        scope.harden()


def _in_user_code(frame: Optional[FrameType]) -> bool:
    """Whether *frame*, which a signal has interrupted in the course of a run, is not genlet's."""
    package = __name__.partition(".")[0]
    return frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] != package
