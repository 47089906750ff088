"""Ctrl-C, and how any signal interrupts the poller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from .cancel import Interrupt, interrupt

if TYPE_CHECKING:
    import signal
    from types import FrameType

    from .scheduler import Scheduler
else:
    # What `signal` wraps: that converts numbers to Enum members at every call, and imports enum.
    import _signal as signal

SIGINT = 2  # on every platform


LOOP_MODULE = f"{__package__}.scheduler"


class Signals:
    """Ctrl-C, and the wakeup descriptor that makes any signal interrupt the poller.

    Installed only in the main thread, where Python runs signal handlers.  Ctrl-C is taken over only
    from Python's own default handler.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler: Scheduler = scheduler
        self._taken: bool = False  # SIGINT was Python's own, and is ours now
        self._wakeup_before: Optional[int] = None
        self._pending: Optional[Interrupt] = None  # the last Ctrl-C, until main has got it

    def install(self) -> None:
        """Take Ctrl-C over."""
        if signal.getsignal(SIGINT) is signal.default_int_handler:
            try:
                signal.signal(SIGINT, self._on_sigint)
            except ValueError:
                return  # not the main thread: no handler ever runs here
            self._taken = True

    def restore(self) -> None:
        """Give everything back; also in a forked child, which has copies of it."""
        if self._wakeup_before is not None:
            signal.set_wakeup_fd(self._wakeup_before)
        if self._taken and signal.getsignal(SIGINT) == self._on_sigint:
            signal.signal(SIGINT, signal.default_int_handler)

    def before_blocking(self) -> None:
        """Have signals ring the bell; called once, before the loop blocks for the first time."""
        wakeup = self._scheduler.wakeup
        try:
            self._wakeup_before = signal.set_wakeup_fd(-1)
        except ValueError:
            return  # not the main thread
        wakeup.open()
        signal.set_wakeup_fd(wakeup.write_fd, warn_on_full_buffer=False)

    def may_wake(self) -> bool:
        """Whether a handler of the application's own might wake somebody."""
        if self._wakeup_before is None:
            try:
                signal.set_wakeup_fd(signal.set_wakeup_fd(-1))
            except ValueError:
                return False  # not the main thread: no handler ever runs here
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler) and handler not in (signal.default_int_handler, self._on_sigint):
                return True
        return False

    def _on_sigint(self, number: int, frame: Optional[FrameType]) -> None:
        """Ctrl-C: once for main to handle, twice for those who do not want to wait for that.

        This runs between two bytecodes of anything, so the kernel's structures are left to the
        loop; only the second Ctrl-C over a program that never comes back to it is raised here.
        """
        calls = self._scheduler.wakeup.calls
        if not self._undelivered():
            calls.append((self._interrupt_main, ()))
        elif _in_user_code(frame):
            raise KeyboardInterrupt
        else:
            calls.append((self._cancel_everything, ()))
        # The wakeup descriptor, where it is open, has rung by itself.

    def _undelivered(self) -> bool:
        """Whether an earlier Ctrl-C has not reached anybody yet."""
        if any(call[0] == self._interrupt_main for call in list(self._scheduler.wakeup.calls)):
            return True
        main = self._scheduler.main
        if main is None or main.dead:
            return False
        return main.fault is not None or self._pending in (main.interrupts or ())

    def _interrupt_main(self) -> None:
        main = self._scheduler.main
        if main is None or main.dead:
            self._cancel_everything()
        else:
            self._pending = Interrupt(KeyboardInterrupt)
            interrupt(main, self._pending)

    def _cancel_everything(self) -> None:
        scheduler = self._scheduler
        scope = scheduler.root.scope
        if scheduler.main is None or scheduler.main.dead:
            scheduler.closing.late_exit = KeyboardInterrupt()
        scope.reason = "Ctrl-C"
        scope.interrupt_all(0)
        scope.harden()


def _in_user_code(frame: Optional[FrameType]) -> bool:
    """Whether *frame* is inside the step of a greenthread and in code that is not genlet's."""
    package = __name__.partition(".")[0]
    if frame is None or frame.f_globals.get("__name__", "").partition(".")[0] == package:
        return False
    outer: Optional[FrameType] = frame
    while outer is not None:
        if outer.f_code.co_name == "loop" and outer.f_globals.get("__name__") == LOOP_MODULE:
            return True
        outer = outer.f_back
    return False
