"""The cancellation sweep: interrupt a function wherever it can be, and see what it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Optional

from .._objects import is_a, text_of
from ..abc import Green
from ..errors import Deadlock
from ..greenthread import checkpoint, spawn
from ..kernel import (
    AnyGreenThread,
    Cancelled,
    CancelScope,
    NullInstrument,
    Runner,
    Timeout,
    get_scheduler,
)

if TYPE_CHECKING:
    from typing_extensions import Literal

    How = Literal["cancel", "kill", "timeout"]

__all__ = ["cancel_everywhere"]


def cancel_everywhere(
    fn: Callable[[], Green[object]],
    check: Optional[Callable[[], object]] = None,
    *,
    how: How = "cancel",
) -> int:
    """Run *fn* again and again, interrupted at one suspension after the other.

    ::

        def transfer() -> Green[None]:
            with (yield from pool.item()) as connection:
                yield from connection.execute("update ...")

        def check() -> None:
            assert pool.free() == 4

        assert cancel_everywhere(transfer, check) > 0

    The first run is left alone.  Then every suspension has two runs of its own: in one it is refused
    before it begins, in the other it is interrupted at the first thing that happens afterwards, when
    its result may be on its way already.

    *fn* may let the interruption pass or return; that it raises anything else is a failure, and so
    is that it hangs or leaves something behind: a greenthread, a timer, a wait for a descriptor.

    Args:
        fn: A green function that makes what it needs by itself, so that it can run again.
        check: Called after each run; asserts what must hold however *fn* has ended.
        how: "cancel" cancels a scope around *fn*, "kill" kills its greenthread, "timeout" has a
            Timeout around it fire.

    Returns:
        How many suspensions the undisturbed run had: assert that there were as many as you expect.

    Raises:
        AssertionError: What went wrong, and at which line it was interrupted.
        BaseException: What *fn* raised undisturbed, or *check* did.
    """
    if how not in ("cancel", "kill", "timeout"):
        raise ValueError(f'how is "cancel", "kill" or "timeout"; got {how!r}')
    first = Strike(how, 0, late=False)
    first.run(fn, check)
    points = first.steps - 1  # its last step ended it
    for number in range(1, points + 1):
        for late in (False, True):
            Strike(how, number, late).run(fn, check)
    return points


class Strike(NullInstrument):
    """One run: interrupts its victim at one suspension.

    Attributes:
        steps: How many the victim has made.
    """

    def __init__(self, how: How, number: int, late: bool) -> None:
        self.steps: int = 0
        self._how: How = how
        self._number: int = number
        self._late: bool = late
        self._due: bool = False  # at whatever happens next
        self._victim: Optional[AnyGreenThread] = None
        self._scope: CancelScope = CancelScope()
        self._timeout: Optional[Timeout[Any]] = None  # around fn, as the scope is
        self._what: str = "undisturbed, it"  # opens the message of every failure

    def run(self, fn: Callable[[], Green[object]], check: Optional[Callable[[], object]]) -> None:
        Runner(instruments=[self]).run(self._main, fn)
        if check is not None:
            try:
                check()
            except Exception as exc:
                if self._number:
                    raise AssertionError(f"{self._what} broke what check() asserts") from exc
                raise

    # ---- the greenthreads ----

    def _main(self, fn: Callable[[], Green[object]]) -> Green[None]:
        self._victim = victim = spawn(self._run_victim, fn)
        try:
            yield from victim.wait()
        except Deadlock as exc:
            if victim.dead:
                self._judge(victim.error)
            raise AssertionError(f"{self._what} waits for ever") from exc
        except BaseException:
            if not victim.dead:
                raise  # not the victim's: Ctrl-C
        self._judge(victim.error)
        yield from checkpoint()  # what it has told to end does so
        left = _left_behind()
        if left:
            raise AssertionError(f"{self._what} left behind: {', '.join(left)}")

    def _run_victim(self, fn: Callable[[], Green[object]]) -> Green[None]:
        self._timeout = Timeout()
        with self._scope, self._timeout:
            yield from fn()

    def _judge(self, error: Optional[BaseException]) -> None:
        victim = self._victim
        if error is None or (victim is not None and victim.ended_as_told):
            return
        if not self._number:
            raise error
        if error is not self._timeout and not is_a(error, Cancelled):
            raise AssertionError(f"{self._what} raised {text_of(error)}") from error

    # ---- the instrument ----

    def after_step(self, gt: AnyGreenThread) -> None:
        if gt is not self._victim:
            return
        self.steps += 1
        if self.steps == self._number:
            self._what = f"{_PAST[self._how]} at suspension {self._number} ({_line(gt)}), it"
            if self._late:
                self._due = True
            else:
                self._strike(gt)

    def before_step(self, gt: AnyGreenThread) -> None:
        self._strike_late()

    def before_wait(self, timeout: Optional[float]) -> None:
        self._strike_late()

    def _strike_late(self) -> None:
        if self._due and self._victim is not None:
            self._due = False
            self._strike(self._victim)

    def _strike(self, victim: AnyGreenThread) -> None:
        if self._how == "cancel":
            self._scope.cancel("cancel_everywhere")
        elif self._how == "kill":
            victim.kill_soon()
        elif self._timeout is not None:
            self._timeout.expire()


_PAST = {"cancel": "cancelled", "kill": "killed", "timeout": "timed out"}


def _line(gt: AnyGreenThread) -> str:
    """Return the innermost line of *gt* that is not genlet's."""
    place = "its end"
    gen: Any = gt.gen
    while gen is not None:
        frame = getattr(gen, "gi_frame", None) or getattr(gen, "cr_frame", None)
        if frame is None:
            break
        if not str(frame.f_globals.get("__name__", "")).startswith("genlet."):
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        gen = getattr(gen, "gi_yieldfrom", None) or getattr(gen, "cr_await", None)
    return place


def _left_behind() -> List[str]:
    """Name what there still is in this run besides the caller."""
    scheduler = get_scheduler()
    left = [repr(gt) for gt in scheduler.everybody() if gt is not scheduler.current]
    if len(scheduler.timers):
        left.append(f"{len(scheduler.timers)} timers")
    left.extend(
        f"a wait for descriptor {fd}" for fd, entry in scheduler.hub.table.items() if entry.waits
    )
    return left
