"""Kill at every suspension: a scenario's victim is interrupted wherever it can be."""

from __future__ import annotations

from typing import Callable, Optional, Protocol, TypeVar

import genlet
from genlet.abc import Green
from genlet.kernel import (
    AnyGreenThread,
    ExceptionLike,
    GreenletExit,
    GreenThread,
    NullInstrument,
    Runner,
    get_scheduler,
)

T = TypeVar("T")

# When, at a suspension, the victim is interrupted:
#   refused    before its wait is armed
#   parked     while it waits, by another greenthread's kill
#   woken      when its wait has been settled, before it is resumed: the result must win
#   timed out  by a Timeout of its own that is due at once: after this turn, parked or woken
MOMENTS = ("refused", "parked", "woken", "timed out")

LIMIT = 1000  # suspensions; a victim that has more is taken to go on for ever


class Aim(Protocol):
    """Makes a greenthread the victim, and returns it."""

    def __call__(self, gt: GreenThread[T], /) -> GreenThread[T]: ...


def sweep(scenario: Callable[[Aim], Green[object]], *, exc: ExceptionLike = GreenletExit) -> int:
    """Run *scenario* once for every moment of every suspension of its victim.

    ::

        def scenario(aim: Aim) -> Green[None]:
            semaphore = Semaphore(1)
            victim = aim(genlet.spawn(use, semaphore))
            yield from outcome(victim)
            assert semaphore.permits == 1          # conservation: whatever happened to the victim

        assert sweep(scenario) > 0

    In the k-th run for a moment the victim is interrupted at its k-th suspension; the last run is
    the one in which it ends before that.  (Its end counts as one more suspension, where an
    interruption must do nothing.)  A scenario may aim again: the last one aimed at is the victim.

    Every run also checks that the scenario leaves no other greenthread and no timer behind.  One
    that hangs because something was lost ends with Deadlock.

    Args:
        scenario: A green function that aims at its victim, and asserts what must hold at its end.
        exc: What the victim is interrupted with, except by the Timeout.

    Returns:
        How many runs interrupted the victim: assert that it is no less than you expect.
    """
    strikes = 0
    for moment in MOMENTS:
        for number in range(1, LIMIT):
            striker = Striker(moment, number, exc)
            Runner(instruments=[striker]).run(striker.main, scenario)
            if striker.steps < number:
                break
            strikes += striker.struck
        else:
            raise AssertionError(f"the victim has more than {LIMIT} suspensions")
    return strikes


class Striker(NullInstrument):
    """Interrupts the victim of one run, at one moment of one suspension."""

    def __init__(self, moment: str, number: int, exc: ExceptionLike) -> None:
        self.moment: str = moment
        self.number: int = number
        self.exc: ExceptionLike = exc
        self.victim: Optional[AnyGreenThread] = None
        self.steps: int = 0
        self.struck: bool = False

    def __repr__(self) -> str:
        return f"{self.moment} at suspension {self.number}"

    def main(self, scenario: Callable[[Aim], Green[object]]) -> Green[None]:
        killer = genlet.spawn(self._kill_parked) if self.moment == "parked" else None
        try:
            yield from scenario(self.aim)
        except BaseException as exc:
            raise AssertionError(f"the victim was {self!r}") from exc
        if killer is not None:
            yield from killer.kill()
        yield from genlet.sleep(0.001)  # past the Timeout, if the victim has not lived to see it
        scheduler = get_scheduler()
        left = [gt for gt in scheduler.everybody() if gt is not scheduler.main]
        assert not left, f"greenthreads are left, the victim {self!r}: {left}"
        assert len(scheduler.timers) == 0, f"timers are left, the victim {self!r}"

    def aim(self, gt: GreenThread[T], /) -> GreenThread[T]:
        self.victim = gt
        self.steps = 0
        return gt

    def after_step(self, gt: AnyGreenThread) -> None:
        if gt is not self.victim or self.struck:
            return
        self.steps += 1
        if self.steps != self.number:
            return
        if self.moment == "refused":
            self.struck = True
            gt.kill_soon(self.exc)
        elif self.moment == "timed out":
            self.struck = True
            genlet.Timeout(0)  # the victim's, for this still is its step

    def scheduled(self, gt: AnyGreenThread) -> None:
        if (
            self.moment == "woken"
            and gt is self.victim
            and self.steps == self.number
            and not self.struck
        ):
            self.struck = True
            gt.kill_soon(self.exc)

    def _kill_parked(self) -> Green[None]:
        # Goes on for as long as there may be something to kill, and no longer: a scenario that
        # hangs afterwards is to be found deadlocked.
        while not self.struck and (self.victim is None or not self.victim.dead):
            victim = self.victim
            if victim is not None and self.steps == self.number and victim.waiting_on is not None:
                self.struck = True
                yield from victim.kill(self.exc)
            else:
                yield from genlet.sleep(0)
