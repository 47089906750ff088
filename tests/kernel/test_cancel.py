"""Cancellation: scopes, graces, shields, and what nothing that is interrupted may lose."""

from __future__ import annotations

from contextlib import ExitStack
from math import inf, nan
from threading import Thread
from typing import Deque, Generic, List, Optional, TypeVar

import pytest

import genlet
from genlet import Cancelled, CancelScope, GreenletExit, Timeout, WrongThread
from genlet.abc import Green
from genlet.kernel import (
    AnyGreenThread,
    Runner,
    Wait,
    Waiters,
    fail_after,
    fail_at,
    get_scheduler,
    move_on_after,
    move_on_at,
    shielded,
)

from . import VirtualTime, forever, outcome, simulate
from .sweep import Aim, sweep

T = TypeVar("T")
Log = List[str]


def now() -> float:
    return get_scheduler().clock()


# ---- one scope ----------------------------------------------------------------------------------


def test_move_on_after_leaves_its_block_quietly_when_the_time_is_up() -> None:
    """The clock starts when the block is entered; no timer is left."""

    def main() -> Green[None]:
        scope = move_on_after(5, reason="too slow")
        assert scope.deadline == inf
        yield from genlet.sleep(1)
        with scope:
            assert scope.deadline == 6
            yield from forever().get()
            raise AssertionError("not interrupted")
        assert now() == 6
        assert (scope.cancel_called, scope.cancelled_caught) == (True, True)
        with move_on_after(5) as scope:
            yield from genlet.sleep(1)
        assert (scope.cancel_called, scope.cancelled_caught) == (False, False)
        assert len(get_scheduler().timers) == 0

    simulate(main)


def test_move_on_at_and_fail_at_take_an_instant_of_the_runs_clock() -> None:
    """Not a number of seconds."""

    def main() -> Green[None]:
        yield from genlet.sleep(10)
        with move_on_at(15):
            yield from forever().get()
        assert now() == 15
        with (
            pytest.raises(TimeoutError, match=r"^timed out: the deadline has passed$"),
            fail_at(20),
        ):
            yield from forever().get()
        assert now() == 20

    simulate(main)


def test_fail_after_raises_timeout_error_in_the_place_of_its_own_cancelled() -> None:
    """And passes everything else on as it is."""

    def main() -> Green[None]:
        with pytest.raises(TimeoutError, match=r"^timed out after 2\.5 seconds$"), fail_after(2.5):
            yield from forever().get()
        with fail_after(5):
            yield from genlet.sleep(1)
        with pytest.raises(LookupError), fail_after(5):
            raise LookupError
        with move_on_after(1) as outer, fail_after(5):
            yield from forever().get()
        assert outer.cancelled_caught

    simulate(main)


def test_what_is_raised_names_its_scope_and_the_reason() -> None:
    """A fresh Cancelled for every delivery."""

    def main() -> Green[None]:
        seen: List[Cancelled] = []
        with CancelScope() as scope:
            scope.cancel("enough")
            for _ in range(2):
                try:
                    yield from genlet.sleep(1)
                except Cancelled as exc:
                    seen.append(exc)
        assert [exc.scope for exc in seen] == [scope, scope]
        assert [exc.reason for exc in seen] == ["enough", "enough"]
        assert seen[0] is not seen[1]

    simulate(main)


def test_cancelling_oneself_takes_effect_at_the_next_suspension() -> None:
    """``cancel`` is a plain call that never raises, in the middle of the block too."""
    log: Log = []

    def main() -> Green[None]:
        with CancelScope() as scope:
            scope.cancel("first")
            scope.cancel("second")
            log.append("went on")
            yield from genlet.sleep(0)
            log.append("not reached")
        assert scope.reason == "first"
        assert scope.cancelled_caught
        with CancelScope() as scope:
            scope.cancel()
        assert not scope.cancelled_caught

    simulate(main)
    assert log == ["went on"]


def test_a_scope_that_was_cancelled_before_it_is_entered_interrupts_at_once() -> None:
    """Whoever cancels need not know whether the block has been reached."""

    def main() -> Green[None]:
        scope = CancelScope()
        scope.cancel("before")
        with scope:
            yield from forever().get()
        assert scope.cancelled_caught
        soft = CancelScope(grace=5)
        soft.cancel()
        with soft:
            try:
                yield from forever().get()
            finally:
                yield from genlet.sleep(3)
        assert now() == 3

    simulate(main)


def test_a_cancelled_scope_refuses_every_suspension_before_it_is_armed() -> None:
    """Without grace it is hard at once: nothing inside ever waits again, or has an effect."""

    def main() -> Green[None]:
        line: Waiters[None] = Waiters()
        refused = 0
        with CancelScope() as scope:
            scope.cancel()
            for _ in range(10):
                try:
                    yield from Wait(None, "its turn in line", line, timeout=5).get()
                except Cancelled:
                    refused += 1
                assert len(line) == 0
                assert len(get_scheduler().timers) == 0
        assert refused == 10
        assert not scope.cancelled_caught  # the block ended by itself

    simulate(main)


def test_an_operation_that_does_not_wait_is_no_cancel_point() -> None:
    """A cancelled scope interrupts suspensions only; ``checkpoint`` is one."""

    def ready() -> Green[str]:
        return "ready"
        yield from genlet.checkpoint()

    def main() -> Green[None]:
        with CancelScope() as scope:
            scope.cancel()
            assert (yield from ready()) == "ready"
            with pytest.raises(Cancelled):
                yield from genlet.checkpoint()

    simulate(main)


def test_the_deadline_can_be_set_at_any_time() -> None:
    """Put off, brought forward, taken away; once the scope is cancelled it changes nothing."""

    def main() -> Green[None]:
        with move_on_after(5) as scope:
            scope.deadline = 10
            yield from genlet.sleep(7)
            scope.deadline = 8
            yield from forever().get()
        assert now() == 8
        with move_on_after(5) as scope:
            scope.deadline = inf
            assert len(get_scheduler().timers) == 0
            yield from genlet.sleep(100)
            scope.deadline = 0  # long past: now
            yield from forever().get()
        assert now() == 108
        with CancelScope(grace=inf) as scope:
            scope.cancel()
            with pytest.raises(Cancelled):
                yield from genlet.sleep(0)
            scope.deadline = 110
            yield from genlet.sleep(50)
        assert now() == 158

    simulate(main)


def test_scopes_refuse_nonsense_when_they_are_made() -> None:
    """NaN is no deadline, and a grace is no debt."""
    for make in (move_on_after, fail_after, shielded):
        with pytest.raises(ValueError, match=r"^the time(out)? is a number of seconds; got NaN$"):
            make(nan)
    for instant in (move_on_at, fail_at):
        with pytest.raises(ValueError, match=r"^the deadline is a number of seconds; got NaN$"):
            instant(nan)
    with pytest.raises(ValueError, match=r"^grace is a number of seconds, 0 or more; got -1$"):
        CancelScope(grace=-1)
    with pytest.raises(ValueError, match=r"^grace is a number of seconds; got NaN$"):
        move_on_after(1, grace=nan)
    scope = CancelScope()
    with pytest.raises(ValueError, match=r"^the deadline is a number of seconds; got NaN$"):
        scope.deadline = nan


# ---- grace --------------------------------------------------------------------------------------


def test_grace_lets_cleanup_wait_and_then_refuses_everything() -> None:
    """Interrupted once; until the grace is over suspensions work; then each one is refused."""
    cut_at: List[float] = []

    def main() -> Green[None]:
        with move_on_after(1, grace=3) as scope:
            for _ in range(3):
                try:
                    yield from genlet.sleep(1000)
                except Cancelled:
                    cut_at.append(now())
            yield from genlet.sleep(1000)
        assert scope.cancelled_caught
        assert now() == 4

    simulate(main)
    assert cut_at == [1, 4, 4]


def test_infinite_grace_interrupts_once() -> None:
    """eventlet's model: who swallows it goes on."""

    def main() -> Green[None]:
        with move_on_after(1, grace=inf) as scope:
            try:
                yield from forever().get()
            except Cancelled:
                pass
            yield from genlet.sleep(1000)
        assert not scope.cancelled_caught
        assert now() == 1001

    simulate(main)


# ---- nested scopes ------------------------------------------------------------------------------


def test_of_several_cancelled_scopes_the_outermost_is_raised() -> None:
    """Unwinding is done once, to where it must go in the end."""

    def main() -> Green[None]:
        outer, middle, inner = CancelScope(), CancelScope(), CancelScope()
        with outer:
            with middle, inner:
                inner.cancel()
                outer.cancel()
                middle.cancel()
                yield from genlet.sleep(1)
            raise AssertionError("the outer scope goes on")
        assert [s.cancelled_caught for s in (outer, middle, inner)] == [True, False, False]

    simulate(main)


def test_an_inner_scope_catches_its_own_and_the_outer_goes_on() -> None:
    """By identity: a Cancelled is caught by the scope it belongs to, and by no other."""

    def main() -> Green[None]:
        with move_on_after(10) as outer:
            with move_on_after(1) as inner:
                yield from forever().get()
            assert inner.cancelled_caught
            yield from genlet.sleep(1)
        assert not outer.cancel_called
        with move_on_after(1) as outer, move_on_after(10) as inner:
            yield from forever().get()
        assert (outer.cancelled_caught, inner.cancelled_caught) == (True, False)

    simulate(main)


def test_an_outer_scope_that_is_cancelled_during_the_inner_ones_unwinding_is_raised_next() -> None:
    """The inner block is left by its own; the outer interrupts the next suspension."""

    def main() -> Green[None]:
        with CancelScope() as outer:
            with CancelScope() as inner:
                inner.cancel()
                try:
                    yield from genlet.sleep(1)
                finally:
                    outer.cancel()
            assert inner.cancelled_caught
            yield from genlet.sleep(1)
            raise AssertionError("not interrupted")
        assert outer.cancelled_caught

    simulate(main)


def test_a_kill_comes_before_scopes_and_passes_through_them() -> None:
    """A scope catches what is its own only."""

    def victim() -> Green[None]:
        with CancelScope() as scope:
            scope.cancel()
            genlet.getcurrent().kill_soon(LookupError)
            yield from genlet.sleep(1)

    def main() -> Green[None]:
        assert type((yield from outcome(genlet.spawn(victim)))) is LookupError

    simulate(main)


# ---- results that settled first -----------------------------------------------------------------


def test_a_result_that_settled_first_wins_and_the_scope_interrupts_the_next_suspension() -> None:
    """Cancelled in the same turn, after the wake-up: nothing handed over is lost."""
    log: Log = []

    def main() -> Green[None]:
        wait: Wait[str] = Wait(None, "a word")
        scope = CancelScope()

        def receiver() -> Green[None]:
            with scope:
                log.append((yield from wait.get()))
                yield from genlet.sleep(0)
                log.append("not reached")

        gt = genlet.spawn(receiver)
        yield from genlet.sleep(0)
        wait.wake("result")
        scope.cancel()
        yield from gt.wait()
        assert scope.cancelled_caught

    simulate(main)
    assert log == ["result"]


def test_an_interruption_that_came_first_wins_and_the_result_stays_with_the_waker() -> None:
    """A wait is disarmed before its greenthread is interrupted: waking it does nothing."""

    def main() -> Green[None]:
        wait: Wait[str] = Wait(None, "a word")
        scope = CancelScope()

        def receiver() -> Green[None]:
            with scope:
                yield from wait.get()

        gt = genlet.spawn(receiver)
        yield from genlet.sleep(0)
        scope.cancel()
        assert not wait.wake("too late")
        yield from gt.wait()
        assert scope.cancelled_caught

    simulate(main)


# ---- shields ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["kill", "timeout", "scope"])
def test_a_shield_hides_what_comes_from_outside_until_it_is_left(how: str) -> None:
    """A kill, a Timeout, a cancelled scope: each is raised at the next suspension after."""
    log: Log = []

    def victim(scope: CancelScope) -> Green[None]:
        with scope, Timeout(1 if how == "timeout" else None):
            with shielded(10):
                yield from genlet.sleep(5)
                log.append("undisturbed")
            log.append("left")
            yield from genlet.sleep(0)
            log.append("not reached")

    def main() -> Green[None]:
        scope = CancelScope()
        gt = genlet.spawn(victim, scope)
        yield from genlet.sleep(1)
        if how == "kill":
            gt.kill_soon()
        elif how == "scope":
            scope.cancel()
        error = yield from outcome(gt)
        expected = {"kill": GreenletExit, "timeout": Timeout, "scope": type(None)}
        assert type(error) is expected[how]
        assert now() == 5

    simulate(main)
    assert log == ["undisturbed", "left"]


def test_a_forced_kill_waits_for_a_shield_too() -> None:
    """For as long as it lasts, which is bounded."""

    def victim() -> Green[None]:
        try:
            yield from forever().get()
        finally:
            with shielded(10):
                yield from genlet.sleep(2)

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        yield from gt.kill(force=True)
        assert isinstance((yield from outcome(gt)), GreenletExit)
        assert now() == 2

    simulate(main)


def test_a_shield_lets_timeouts_and_scopes_inside_of_it_through() -> None:
    """It hides the outside, not what was made within."""

    def main() -> Green[None]:
        with shielded(10):
            with Timeout(1, False):
                yield from forever().get()
            with move_on_after(1):
                yield from forever().get()
            with CancelScope() as scope:
                scope.cancel()
                yield from forever().get()
            assert now() == 2

    simulate(main)


def test_a_shield_is_bounded() -> None:
    """When its time is up the block is left quietly, and what was hidden comes next."""

    def victim() -> Green[None]:
        with shielded(3) as shield:
            yield from forever().get()
        assert shield.cancelled_caught
        assert now() == 3
        yield from genlet.sleep(0)

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(1)
        gt.kill_soon(LookupError)
        assert type((yield from outcome(gt))) is LookupError
        with pytest.raises(ValueError, match=r"^a shield needs a bound"):
            shielded(inf)

    simulate(main)


def test_shields_in_shields_each_hide_their_outside() -> None:
    """Leaving the inner one does not open the outer one."""

    def victim() -> Green[None]:
        with shielded(10):
            with shielded(10):
                yield from genlet.sleep(2)
            yield from genlet.sleep(2)
        yield from genlet.sleep(0)

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(1)
        gt.kill_soon()
        assert isinstance((yield from outcome(gt)), GreenletExit)
        assert now() == 4

    simulate(main)


def test_a_shield_in_a_cancelled_scope_gives_cleanup_its_time() -> None:
    """The idiom for goodbyes: the scope is hard, and still the shielded block may wait."""
    log: Log = []

    def main() -> Green[None]:
        with move_on_after(1):
            try:
                yield from forever().get()
            finally:
                with shielded(5):
                    yield from genlet.sleep(2)
                    log.append("said goodbye")
                yield from genlet.sleep(2)
        assert now() == 3

    simulate(main)
    assert log == ["said goodbye"]


# ---- misuse -------------------------------------------------------------------------------------


def test_a_scope_can_be_entered_once() -> None:
    """A second time is an error that says what to do."""

    text = "^a cancel scope can be entered only once: make a new one$"

    def main() -> Green[None]:
        with CancelScope() as scope, pytest.raises(RuntimeError, match=text):
            scope.__enter__()
        with pytest.raises(RuntimeError, match=text):
            scope.__enter__()
        yield from genlet.checkpoint()

    simulate(main)


def test_scopes_are_left_in_reverse_order_by_who_entered_them() -> None:
    """Anything else is an error, and changes nothing."""
    text = (
        r"^cancel scopes must be left in the reverse order of entering, by the greenthread that"
        " entered them$"
    )

    def main() -> Green[None]:
        outer, inner = CancelScope(), CancelScope()
        with pytest.raises(RuntimeError, match=text):
            outer.__exit__(None, None, None)
        with outer, inner, pytest.raises(RuntimeError, match=text):
            outer.__exit__(None, None, None)
        yield from genlet.checkpoint()

    simulate(main)


def test_a_scope_outside_of_a_run_is_an_error_when_it_is_entered() -> None:
    """Making one is not."""
    scope = CancelScope()
    with pytest.raises(RuntimeError, match="no kernel runs in this thread"):
        scope.__enter__()


def test_cancelling_from_another_thread_is_refused() -> None:
    """Nothing is cancelled by it, and the right thread still can."""
    errors: List[str] = []

    def main() -> Green[None]:
        with CancelScope() as scope:

            def cancel() -> None:
                try:
                    scope.cancel("from outside")
                except WrongThread as exc:
                    errors.append(str(exc))

            thread = Thread(target=cancel)
            thread.start()
            thread.join()
            yield from genlet.sleep(0)
            assert not scope.cancel_called
            scope.cancel("from inside")
            yield from genlet.sleep(0)
        assert scope.cancelled_caught
        assert scope.reason == "from inside"

    genlet.run(main)
    assert errors == ["a scope is cancelled from a thread that does not run its kernel"]


# ---- whose end it was ---------------------------------------------------------------------------


def test_a_greenthread_that_ends_with_its_cancellation_has_not_failed() -> None:
    """Nothing is reported; who waits for it gets an exit of their own that tells the origin."""
    reported: List[str] = []

    def hook(gt: AnyGreenThread, _exc: BaseException) -> None:
        reported.append(gt.name)

    def victim() -> Green[None]:
        yield from forever().get()

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        yield from gt.kill(force=True)
        error = yield from outcome(gt)
        assert isinstance(error, GreenletExit)
        assert error.origin is gt.error

    Runner(excepthook=hook).run(main)
    assert reported == []


def test_a_cancelled_that_user_code_raises_is_a_failure() -> None:
    """It was delivered to nobody."""
    reported: List[str] = []

    def hook(gt: AnyGreenThread, _exc: BaseException) -> None:
        reported.append(gt.name)

    def raises() -> Green[None]:
        yield from genlet.checkpoint()
        raise Cancelled("by hand")

    def main() -> Green[None]:
        gt = genlet.spawn(raises)
        gt.name = "raises"
        while not gt.dead:
            yield from genlet.sleep(0)
        error = yield from outcome(gt)
        assert error is gt.error

    Runner(excepthook=hook).run(main)
    assert reported == ["raises"]


# ---- nothing is lost: kill at every suspension --------------------------------------------------


class Semaphore:
    """Permits that are handed over to who waits, on the kernel's face alone."""

    def __init__(self, permits: int) -> None:
        self.permits: int = permits
        self._waiters: Waiters[None] = Waiters()

    def acquire(self) -> Green[None]:
        if self.permits and not self._waiters:
            self.permits -= 1
        else:
            yield from Wait(self, "a permit", self._waiters).get()

    def release(self) -> None:
        if not self._waiters.wake(None):
            self.permits += 1

    def hold(self) -> Green[ExitStack]:
        yield from self.acquire()
        held = ExitStack()
        held.callback(self.release)
        return held


class Queue(Generic[T]):
    """Items that are handed over to who waits, on the kernel's face alone."""

    def __init__(self) -> None:
        self.items: Deque[T] = Deque()
        self._getters: Waiters[T] = Waiters()

    def put(self, item: T) -> None:
        if not self._getters.wake(item):
            self.items.append(item)

    def get(self) -> Green[T]:
        if self.items:
            return self.items.popleft()
        return (yield from Wait(self, "an item", self._getters).get())


def holding(semaphore: Semaphore, log: Log, word: str) -> Green[None]:
    with (yield from semaphore.hold()):
        yield from genlet.sleep(0)
        log.append(word)
        yield from genlet.sleep(0)


def test_no_permit_is_lost_wherever_its_waiter_is_killed() -> None:
    """Between hand-over and resumption too: the others get their turn, the permit returns."""

    def scenario(aim: Aim) -> Green[None]:
        semaphore = Semaphore(1)
        log: Log = []
        first = genlet.spawn(holding, semaphore, log, "first")
        victim = aim(genlet.spawn(holding, semaphore, log, "victim"))
        last = genlet.spawn(holding, semaphore, log, "last")
        yield from outcome(victim)
        yield from first.wait()
        yield from last.wait()
        assert [word for word in log if word != "victim"] == ["first", "last"]
        assert semaphore.permits == 1

    assert sweep(scenario) >= 10
    assert sweep(scenario, exc=LookupError("an instance")) >= 10


def test_no_item_is_lost_wherever_its_getter_is_killed() -> None:
    """Each item is received by exactly one getter, or still in the queue."""

    def scenario(aim: Aim) -> Green[None]:
        queue: Queue[int] = Queue()
        got: List[int] = []

        def gets(count: int) -> Green[None]:
            for _ in range(count):
                got.append((yield from queue.get()))

        victim = aim(genlet.spawn(gets, 3))
        other = genlet.spawn(gets, 3)
        for number in range(6):
            yield from genlet.sleep(0)
            queue.put(number)
        yield from outcome(victim)
        yield from other.wait()
        assert sorted(got + list(queue.items)) == list(range(6))

    assert sweep(scenario) >= 10


def test_no_item_is_lost_when_getters_are_timed_out_and_woken_at_the_same_instant() -> None:
    """Ten getters with Timeouts that are due as the items come, in every order of a turn."""

    def main(putter_first: bool) -> Green[None]:
        queue: Queue[int] = Queue()
        got: List[int] = []

        def gets() -> Green[None]:
            with Timeout(1, False):
                got.append((yield from queue.get()))

        def puts() -> Green[None]:
            yield from genlet.sleep(1)
            for number in range(5):
                queue.put(number)

        putter = genlet.spawn(puts) if putter_first else None
        getters = [genlet.spawn(gets) for _ in range(10)]
        if putter is None:
            putter = genlet.spawn(puts)
        for gt in getters:
            yield from gt.wait()
        yield from putter.wait()
        assert sorted(got + list(queue.items)) == list(range(5))

    for putter_first in (True, False):
        simulate(main, putter_first)


def test_waiting_for_a_greenthread_survives_the_death_of_any_waiter() -> None:
    """The other waiters are told, in order."""

    def scenario(aim: Aim) -> Green[None]:
        def target() -> Green[str]:
            for _ in range(3):
                yield from genlet.sleep(0)
            return "done"

        gt = genlet.spawn(target)
        before = genlet.spawn(gt.wait)
        victim = aim(genlet.spawn(gt.wait))
        after = genlet.spawn(gt.wait)
        yield from outcome(victim)
        assert (yield from before.wait()) == "done"
        assert (yield from after.wait()) == "done"

    assert sweep(scenario) >= 5


def test_a_killed_victim_runs_each_of_its_cleanups_once() -> None:
    """Wherever it is interrupted: what was begun is ended, and nothing else is."""

    def scenario(aim: Aim) -> Green[None]:
        log: Log = []

        def victim() -> Green[None]:
            for number in range(3):
                log.append(f"begin {number}")
                try:
                    yield from genlet.sleep(0)
                    with move_on_after(0.0005):
                        yield from forever().get()
                finally:
                    log.append(f"end {number}")

        gt = aim(genlet.spawn(victim))
        yield from outcome(gt)
        assert log == [f"{word} {n}" for n in range(len(log) // 2) for word in ("begin", "end")]

    assert sweep(scenario) >= 10


def test_the_sweep_finds_a_permit_that_is_lost() -> None:
    """It would be worth nothing otherwise: this semaphore forgets who was killed in its line."""

    class Leaky(Semaphore):
        def acquire(self) -> Green[None]:
            if self.permits:
                self.permits -= 1
            else:
                yield from Wait(self, "a permit", self._waiters).get()
                yield from genlet.checkpoint()  # holds the permit, and may be killed here

    def scenario(aim: Aim) -> Green[None]:
        semaphore = Leaky(1)
        log: Log = []
        first = genlet.spawn(holding, semaphore, log, "first")
        victim = aim(genlet.spawn(holding, semaphore, log, "victim"))
        yield from outcome(victim)
        yield from first.wait()
        assert semaphore.permits == 1, "a permit is lost"

    with pytest.raises(AssertionError, match=r"the victim was (refused|woken) at suspension"):
        sweep(scenario)


def test_an_interruption_during_another_ones_delivery_is_raised_next() -> None:
    """Two that come together are raised one after the other, none is lost, whatever they are."""
    log: Log = []
    time = VirtualTime()

    def victim(scope: CancelScope) -> Green[None]:
        with scope:
            for _ in range(3):
                try:
                    yield from genlet.sleep(1000)
                except LookupError:
                    log.append("kill")
                except Timeout:
                    log.append("timeout")
                except Cancelled:
                    log.append("scope")
                    raise

    def main() -> Green[Optional[BaseException]]:
        scope = CancelScope()

        def arms() -> Green[None]:
            Timeout(1)
            yield from victim(scope)

        gt = genlet.spawn(arms)
        yield from genlet.sleep(0)
        time.now = 2  # the Timeout is due
        gt.kill_soon(LookupError)
        scope.cancel()
        return (yield from outcome(gt))

    assert time.runner().run(main) is None
    assert sorted(log) == ["kill", "scope", "timeout"]
    assert log[-1] == "scope"


def test_of_scopes_cancelled_before_the_waiter_runs_the_outermost_is_raised() -> None:
    """What a waiting greenthread is to raise is the outermost scope's until it raises it."""
    seen: List[object] = []

    def victim(outer: CancelScope, inner: CancelScope) -> Green[None]:
        with outer:
            with inner:
                yield from genlet.sleep(1000)
            seen.append("between")
        seen.append((outer.cancelled_caught, inner.cancelled_caught))

    def main() -> Green[None]:
        outer, inner = CancelScope(), CancelScope()
        gt = genlet.spawn(victim, outer, inner)
        yield from genlet.sleep(0)
        inner.cancel()
        outer.cancel()
        yield from gt.wait()

    genlet.run(main)
    assert seen == [(True, False)]


def test_an_outer_scope_waits_for_children_even_if_an_inner_one_was_first() -> None:
    """Post-order holds: the owner is told by the outer scope when the children are gone."""
    seen: List[str] = []

    def child() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        finally:
            seen.append("child")

    def victim(outer: CancelScope, inner: CancelScope) -> Green[None]:
        with outer, genlet.TaskGroup() as group:
            group.spawn(child)
            with inner:
                yield from genlet.sleep(1000)
            yield from group.join()
        seen.append("owner")

    def main() -> Green[None]:
        outer, inner = CancelScope(), CancelScope()
        gt = genlet.spawn(victim, outer, inner)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        inner.cancel()
        outer.cancel()
        yield from gt.wait()

    genlet.run(main)
    assert seen == ["child", "owner"]
