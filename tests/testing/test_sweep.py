"""The cancellation sweep finds what it is there to find."""

from __future__ import annotations

import os
from typing import Any, List

import pytest

import genlet
from genlet import Green, Timeout
from genlet.kernel import Wait, Waiters, get_scheduler
from genlet.testing import cancel_everywhere

HOWS: List[Any] = ["cancel", "kill", "timeout"]
inf = float("inf")


def turns(count: int = 1) -> Green[None]:
    for _ in range(count):
        yield from genlet.sleep(0)


class Store:
    """Has permits; taking one and giving it back is what can go wrong."""

    def __init__(self) -> None:
        self.permits = 1

    def check(self) -> None:
        assert self.permits == 1


@pytest.mark.parametrize("how", HOWS)
def test_sweep_interrupts_every_suspension_twice(how: Any) -> None:
    """One run undisturbed, then two for each suspension: before its wait, and during it."""
    runs: List[List[int]] = []

    def fn() -> Green[None]:
        runs.append([])
        for number in range(3):
            yield from genlet.sleep(0.001 if number == 1 else 0)
            runs[-1].append(number)

    assert cancel_everywhere(fn, how=how) == 3
    assert runs[0] == [0, 1, 2]
    assert [len(run) for run in runs[1:]] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("how", HOWS)
def test_sweep_of_a_function_that_does_not_wait_runs_it_once(how: Any) -> None:
    """No suspensions, nothing to interrupt."""
    runs: List[int] = []

    def fn() -> Green[None]:
        runs.append(1)
        yield from turns(0)

    assert cancel_everywhere(fn, how=how) == 0
    assert runs == [1]


@pytest.mark.parametrize("how", HOWS)
def test_sweep_calls_check_after_each_run(how: Any) -> None:
    """The invariant is looked at when the run is over, the undisturbed one too."""
    log: List[str] = []

    def fn() -> Green[None]:
        log.append("run")
        yield from turns(2)

    assert cancel_everywhere(fn, lambda: log.append("check"), how=how) == 2
    assert log == ["run", "check"] * 5


@pytest.mark.parametrize("how", HOWS)
def test_sweep_finds_a_permit_that_is_lost(how: Any) -> None:
    """An invariant that does not hold is told with the line that was interrupted."""
    store = Store()

    def fn() -> Green[None]:
        store.permits -= 1
        yield from genlet.sleep(0)
        store.permits += 1

    past = {"cancel": "cancelled", "kill": "killed", "timeout": "timed out"}[how]
    line = fn.__code__.co_firstlineno + 2
    with pytest.raises(AssertionError) as caught:
        cancel_everywhere(fn, store.check, how=how)
    assert str(caught.value) == (
        f"{past} at suspension 1 ({__file__}:{line}), it broke what check() asserts"
    )
    assert isinstance(caught.value.__cause__, AssertionError)


@pytest.mark.parametrize("how", HOWS)
def test_sweep_accepts_a_permit_that_is_given_back(how: Any) -> None:
    """The same function with a finally passes."""
    store = Store()

    def fn() -> Green[None]:
        store.permits -= 1
        try:
            yield from genlet.sleep(0)
        finally:
            store.permits += 1

    assert cancel_everywhere(fn, store.check, how=how) == 1


@pytest.mark.parametrize("how", HOWS)
def test_sweep_finds_a_greenthread_that_is_left(how: Any) -> None:
    """What was spawned and is not ended on the way out is named."""

    def background() -> Green[None]:
        yield from genlet.sleep(inf)

    def fn() -> Green[None]:
        gt = genlet.spawn(background)
        yield from genlet.sleep(0)
        yield from gt.kill()

    with pytest.raises(AssertionError, match=r"it left behind: <GreenThread .*background"):
        cancel_everywhere(fn, how=how)


def test_sweep_finds_a_timer_that_is_left() -> None:
    """A Timeout that is not cancelled on the way out is counted."""

    def fn() -> Green[None]:
        timeout = Timeout(1000)
        yield from genlet.sleep(0)
        timeout.cancel()

    with pytest.raises(AssertionError, match="it left behind: 1 timers"):
        cancel_everywhere(fn)


def test_sweep_finds_a_wait_for_a_descriptor_that_is_left() -> None:
    """A greenthread that waits for a descriptor is told by the descriptor too."""
    reading, writing = os.pipe()

    def fn() -> Green[None]:
        gt = genlet.spawn(genlet.trampoline, reading, read=True)
        yield from turns(3)
        yield from gt.kill()

    try:
        with pytest.raises(AssertionError, match=f"a wait for descriptor {reading}"):
            cancel_everywhere(fn)
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("how", HOWS)
def test_sweep_finds_a_cleanup_that_raises(how: Any) -> None:
    """An interrupted function may pass the interruption on or return, not fail."""

    def fn() -> Green[None]:
        done = False
        try:
            yield from genlet.sleep(0)
            done = True
        finally:
            if not done:
                raise LookupError("cleanup")

    with pytest.raises(AssertionError, match=r"it raised LookupError\('cleanup'\)") as caught:
        cancel_everywhere(fn, how=how)
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize("how", ["kill", "timeout"])
def test_sweep_finds_a_function_that_hangs_when_interrupted(how: Any) -> None:
    """A wake-up that is lost is told as such, and does not hang the test."""

    def fn() -> Green[None]:
        waiters: Waiters[None] = Waiters()
        try:
            yield from genlet.sleep(0)
        except BaseException:
            yield from Wait(fn, "what never comes", waiters).get()

    with pytest.raises(AssertionError, match="it waits for ever"):
        cancel_everywhere(fn, how=how)


def test_sweep_raises_what_the_undisturbed_run_raises() -> None:
    """A function that fails by itself is not worth sweeping: its own error is raised."""

    def fn() -> Green[None]:
        yield from genlet.sleep(0)
        raise LookupError("by itself")

    with pytest.raises(LookupError, match=r"^by itself$"):
        cancel_everywhere(fn)


def test_sweep_raises_what_check_raises_of_the_undisturbed_run() -> None:
    """An invariant that never held is no matter of cancellation."""

    def check() -> None:
        raise LookupError("never")

    with pytest.raises(LookupError, match=r"^never$"):
        cancel_everywhere(turns, check)


@pytest.mark.parametrize("how", HOWS)
def test_sweep_lets_a_function_swallow_the_interruption(how: Any) -> None:
    """Returning is as good as passing it on."""

    def fn() -> Green[str]:
        try:
            yield from genlet.sleep(0)
        except BaseException:
            return "swallowed"
        return "undisturbed"

    assert cancel_everywhere(fn, how=how) == 1


@pytest.mark.parametrize("how", HOWS)
def test_sweep_lets_a_result_that_is_on_its_way_win(how: Any) -> None:
    """An interruption that comes after a wake-up is raised at the next suspension."""
    log: List[str] = []

    def fn() -> Green[None]:
        waiters: Waiters[str] = Waiters()

        def waker() -> Green[None]:
            yield from genlet.sleep(0)
            waiters.wake("item")

        helper = genlet.spawn(waker)
        try:
            log.append((yield from Wait(fn, "an item", waiters).get()))
        except BaseException:
            log.append("interrupted")
            raise
        finally:
            helper.kill_soon()
            with genlet.shielded(60):
                yield from genlet.sleep(0)

    assert cancel_everywhere(fn, how=how) == 2
    assert log[0] == "item"
    assert log[1:3] == ["interrupted", "interrupted"]
    assert log[3:] == ["item", "item"]


def test_sweep_runs_leave_no_kernel_behind() -> None:
    """Each run is one of its own."""

    def fn() -> Green[None]:
        numbers.append(genlet.getcurrent().number)
        schedulers.append(get_scheduler())
        yield from genlet.sleep(0)

    numbers: List[int] = []
    schedulers: List[object] = []
    cancel_everywhere(fn)
    assert len(set(numbers)) == 1
    assert len({id(scheduler) for scheduler in schedulers}) == 3


def test_sweep_refuses_an_unknown_way() -> None:
    """The ways there are are named."""
    how: Any = "murder"
    with pytest.raises(
        ValueError, match=r'^how is "cancel", "kill" or "timeout"; got \'murder\'$'
    ):
        cancel_everywhere(turns, how=how)
