"""Event: what is sent, who gets it, and when."""

from __future__ import annotations

from threading import Thread
from traceback import extract_tb
from typing import Callable, List, Optional

import pytest

import genlet
from genlet._compat import IS_PYPY
from genlet.abc import Green
from genlet.errors import WrongThread
from genlet.event import Event
from genlet.kernel import GreenThread
from genlet.structured.taskgroup import TaskGroup

from .kernel import outcome, settle
from .kernel.sweep import Aim, sweep

CROWD = 20_000 if IS_PYPY else 100_000


def lingers() -> Green[None]:
    try:
        yield from genlet.sleep(1000)
    finally:
        with genlet.shielded(10):
            yield from genlet.sleep(0.005)


def leave_a_child_behind() -> Green[None]:
    """Let the kernel hold the caller's next suspension until the child has lingered long enough."""
    with TaskGroup(on_exit="cancel") as group:
        group.spawn(lingers)
        yield from genlet.sleep(0)


def in_a_thread(fn: Callable[[], object]) -> Optional[BaseException]:
    """Call *fn* in a thread named "stranger", and return what it raised."""
    raised: List[BaseException] = []

    def call() -> None:
        try:
            fn()
        except BaseException as exc:
            raised.append(exc)

    thread = Thread(target=call, name="stranger")
    thread.start()
    thread.join()
    return raised[0] if raised else None


def gets(event: Event[str], log: List[str], name: str) -> Green[None]:
    log.append(f"{name} {(yield from event.wait())}")


def test_event_wait_after_send_returns_at_once() -> None:
    """A wait for what was sent before does not let others run."""

    def main() -> Green[None]:
        event: Event[int] = Event()
        event.send(7)
        other = genlet.spawn(genlet.checkpoint)
        assert (yield from event.wait()) == 7
        assert not other.started

    genlet.run(main)


def test_event_send_wakes_waiters_later_in_the_order_they_came() -> None:
    """Send never switches; the waiters run in the next turn, first come first."""

    def main() -> Green[None]:
        event: Event[str] = Event()
        log: List[str] = []
        for number in range(20):
            genlet.spawn(gets, event, log, str(number))
        yield from settle()
        event.send("x")
        assert log == []
        yield from genlet.sleep(0)
        assert log == [f"{number} x" for number in range(20)]

    genlet.run(main)


def test_event_value_is_captured_when_it_is_sent() -> None:
    """Reset and another send do not change what the earlier waiters get."""

    def main() -> Green[None]:
        event: Event[str] = Event()
        log: List[str] = []
        genlet.spawn(gets, event, log, "early")
        yield from settle()
        event.send("a")
        event.reset()
        event.send("b")
        genlet.spawn(gets, event, log, "late")
        yield from settle()
        assert log == ["early a", "late b"]

    genlet.run(main)


def test_event_second_send_is_an_assertion_error_in_eventlets_words() -> None:
    """An event is sent once, and reset only after that."""
    event: Event[int] = Event()
    with pytest.raises(AssertionError, match=r"^Trying to re-reset\(\) a fresh event\.$"):
        event.reset()
    event.send(1)
    with pytest.raises(
        AssertionError, match=r"^Trying to re-send\(\) an already-triggered event\.$"
    ):
        event.send(2)
    assert event.poll() == 1


def test_event_wait_with_timeout_returns_none_and_leaves_the_event_unready() -> None:
    """When the time is up the waiter is gone from the line, and a later send serves the others."""

    def main() -> Green[None]:
        event: Event[int] = Event()
        assert (yield from event.wait(timeout=0)) is None
        assert (yield from event.wait(0.001)) is None
        assert not event.ready()
        assert event.waiters == []
        event.send(3)
        assert (yield from event.wait(0)) == 3

    genlet.run(main)


def test_event_exception_instance_keeps_its_traceback_for_every_waiter() -> None:
    """However many raise the one instance, its traceback shows the way to one of them."""

    def main() -> Green[None]:
        event: Event[int] = Event()
        depths: List[int] = []

        def waits() -> Green[None]:
            try:
                yield from event.wait()
            except LookupError as exc:
                depths.append(len(extract_tb(exc.__traceback__)))

        waiters = [genlet.spawn(waits) for _ in range(5)]
        yield from settle()
        event.send_exception(LookupError("nothing"))
        for waiter in waiters:
            yield from waiter.wait()
        yield from waits()
        assert len(set(depths)) == 1

    genlet.run(main)


def test_event_exception_class_is_made_anew_for_each_waiter() -> None:
    """Two waiters do not share the instance of a class that was sent."""

    def main() -> Green[None]:
        event: Event[None] = Event()
        waiters = [genlet.spawn(event.wait) for _ in range(2)]
        yield from settle()
        event.send(exc=KeyError)
        first = yield from outcome(waiters[0])
        second = yield from outcome(waiters[1])
        assert isinstance(first, KeyError)
        assert isinstance(second, KeyError)
        assert first is not second

    genlet.run(main)


def test_event_polls_say_what_was_sent_without_waiting() -> None:
    """Poll gives what was sent, or the given word; the two others only their own kind."""
    event: Event[int] = Event()
    assert event.poll("no") == event.poll_result("no") == event.poll_exception("no") == "no"
    assert not event.has_result()
    assert not event.has_exception()
    event.send(5)
    assert event.poll("no") == event.poll_result("no") == 5
    assert event.poll_exception("no") == "no"
    assert event.has_result()
    event.reset()
    event.send(None, ValueError("bad"))
    assert event.poll_result("no") == "no"
    assert event.has_exception()
    with pytest.raises(ValueError, match=r"^bad$"):
        event.poll_exception()
    with pytest.raises(ValueError, match=r"^bad$"):
        event.poll()


def test_event_send_from_another_thread_is_refused_and_changes_nothing() -> None:
    """While somebody waits the event belongs to that kernel, and the refusal names both sides."""

    def main() -> Green[None]:
        event: Event[int] = Event()
        waiter = genlet.spawn(event.wait)
        yield from settle()
        error = in_a_thread(lambda: event.send(1))
        assert isinstance(error, WrongThread)
        assert "stranger" in str(error)
        assert waiter.name in str(error)
        assert not event.ready()
        assert isinstance(in_a_thread(lambda: genlet.run(event.wait)), WrongThread)
        event.send(2)
        assert (yield from waiter.wait()) == 2

    genlet.run(main)


def test_event_is_free_for_another_kernel_when_nobody_waits() -> None:
    """One module-level event serves one run after the other."""
    event: Event[int] = Event()

    def main() -> Green[int]:
        waiter = genlet.spawn(event.wait)
        yield from settle()
        event.send(1)
        event.reset()
        return (yield from waiter.wait())

    assert genlet.run(main) == 1
    assert in_a_thread(lambda: genlet.run(main)) is None
    assert genlet.run(main) == 1


def test_event_sent_while_the_waiter_is_held_back_reaches_it() -> None:
    """A greenthread that is held for a child before its wait is armed does not miss the send."""

    def main() -> Green[None]:
        event: Event[int] = Event()

        def waits() -> Green[int]:
            yield from leave_a_child_behind()
            return (yield from event.wait())

        waiter = genlet.spawn(waits)
        yield from settle()
        event.send(9)
        assert (yield from waiter.wait()) == 9

    genlet.run(main)


def test_event_waiters_and_repr_tell_who_waits() -> None:
    """What is on the outside is what a person debugging wants to know."""

    def main() -> Green[None]:
        event: Event[int] = Event()
        waiter = genlet.spawn(event.wait)
        yield from settle()
        assert event.waiters == [waiter]
        assert "not ready, 1 waiting" in repr(event)
        assert waiter.waiting_on == "an event"
        event.send(4)
        assert repr(event).endswith(": sent 4>")

    genlet.run(main)


def test_event_interrupted_waiters_leave_no_trace() -> None:
    """Wherever one waiter is interrupted, the other gets the value and the line is empty."""

    def scenario(aim: Aim) -> Green[None]:
        event: Event[int] = Event()
        victim = aim(genlet.spawn(event.wait))
        other = genlet.spawn(event.wait)
        yield from settle()
        event.send(1)
        error = yield from outcome(victim)
        assert error is not None or victim.result() == 1
        assert (yield from other.wait()) == 1
        assert event.waiters == []

    assert sweep(scenario) >= 4


@pytest.mark.slow
def test_event_with_a_crowd_of_timed_waiters_costs_no_scans() -> None:
    """100,000 waiters with timeouts: every other killed from the middle, half of the rest expired."""

    def main() -> Green[None]:
        event: Event[int] = Event()
        seconds = [1000.0, 0.001]
        crowd: List[GreenThread[Optional[int]]] = [
            genlet.spawn(event.wait, seconds[number // 2 % 2]) for number in range(CROWD)
        ]
        yield from genlet.sleep(0)
        for waiter in crowd[1::2]:
            waiter.kill_soon()
        yield from genlet.sleep(0.01)
        assert len(event.waiters) == CROWD // 4
        event.send(1)
        yield from genlet.sleep(0)
        assert sum(waiter.result() or 0 for waiter in crowd[::2]) == CROWD // 4

    genlet.run(main)
