"""eventlet's Timeout: identity, nesting, silence, ownership, and what it does not interrupt."""

from __future__ import annotations

from math import nan
from traceback import extract_tb
from typing import Any, List, Set, Type

import pytest

import genlet
from genlet import Timeout
from genlet.abc import Green
from genlet.kernel import ExceptionLike, Wait, get_scheduler

from . import VirtualTime, forever, outcome, simulate

Log = List[str]


def now() -> float:
    return get_scheduler().clock()


# ---- what is raised, and when -------------------------------------------------------------------


@pytest.mark.parametrize("exception", [None, True])
def test_timeout_raises_itself_after_its_seconds(exception: Any) -> None:
    """At the suspension it finds its greenthread in; told from others by identity."""

    def main() -> Green[None]:
        timeout = Timeout(5, exception)
        assert timeout.pending
        with pytest.raises(Timeout) as caught:
            yield from forever().get()
        assert caught.value is timeout
        assert now() == 5
        assert not timeout.pending

    simulate(main)


class Mine(Exception):
    pass


@pytest.mark.parametrize("exception", [Mine, Mine("an instance"), KeyboardInterrupt])
def test_timeout_raises_the_exception_it_was_given_and_never_swallows_it(
    exception: ExceptionLike,
) -> None:
    """A class or an instance, out of its own ``with`` block too."""
    kind: Type[BaseException] = exception if isinstance(exception, type) else type(exception)

    def main() -> Green[None]:
        with pytest.raises(kind) as caught, Timeout(5, exception):
            yield from forever().get()
        assert caught.value is exception or caught.type is exception

    simulate(main)


def test_silent_timeout_is_swallowed_by_its_own_block_only() -> None:
    """``False`` raises the Timeout itself; outside of the block it is an exception like any."""

    def main() -> Green[None]:
        with Timeout(5, False) as timeout:
            yield from forever().get()
        assert now() == 5
        timeout.start()
        with pytest.raises(Timeout) as caught, Timeout(100, False):
            yield from forever().get()
        assert caught.value is timeout
        with pytest.raises(Mine), Timeout(5, False):
            raise Mine

    simulate(main)


def test_an_outer_timeout_passes_through_an_inner_block() -> None:
    """Nested Timeouts are told apart by identity, silent ones included."""

    def main() -> Green[None]:
        log: Log = []
        with Timeout(1, False):
            try:
                with Timeout(2, False):
                    yield from forever().get()
                log.append("the inner block swallowed it")
            finally:
                log.append("left")
        assert log == ["left"]
        assert now() == 1
        inner = Timeout(None)
        with Timeout(5) as outer:
            try:
                with inner:
                    yield from forever().get()
            except Timeout as exc:
                assert exc is outer  # noqa: PT017
        assert now() == 6

    simulate(main)


def test_an_inner_timeout_leaves_the_outer_one_running() -> None:
    """The inner is over with its block; the outer fires when its own time has come."""

    def main() -> Green[None]:
        with Timeout(10, False) as outer:
            with Timeout(1, False):
                yield from forever().get()
            assert now() == 1
            assert outer.pending
            yield from forever().get()
        assert now() == 10

    simulate(main)


@pytest.mark.parametrize("seconds", [0, -1, 0.0])
def test_timeout_of_zero_never_fires_before_a_suspension(seconds: float) -> None:
    """Code that does not wait is not interrupted; the first suspension is."""

    def main() -> Green[None]:
        with Timeout(seconds):
            pass
        yield from genlet.sleep(1)
        with Timeout(seconds, False):
            yield from forever().get()
            raise AssertionError("not interrupted")
        with Timeout(seconds, False):
            yield from genlet.sleep(0)
            raise AssertionError("not interrupted")

    simulate(main)


def test_a_late_timeout_waits_for_the_next_suspension() -> None:
    """A step that takes longer than the time is not interrupted in the middle."""
    time = VirtualTime()

    def main() -> Green[None]:
        with Timeout(1):
            time.now += 5
        with Timeout(1, False):
            time.now += 5
            yield from genlet.sleep(0)
            raise AssertionError("not interrupted")

    time.runner().run(main)


def test_a_timeout_fires_once() -> None:
    """One shot: the cleanup it starts is free to wait."""

    def main() -> Green[None]:
        with Timeout(1, False):
            try:
                yield from forever().get()
            finally:
                yield from genlet.sleep(10)
        assert now() == 11

    simulate(main)


def test_several_that_are_due_are_raised_in_the_order_of_their_deadlines() -> None:
    """One per suspension, the earliest first, whichever was made first."""
    time = VirtualTime()

    def main() -> Green[None]:
        late, early = Timeout(3), Timeout(2)
        time.now = 10
        got: List[BaseException] = []
        for _ in range(2):
            try:
                yield from genlet.sleep(0)
                yield from genlet.sleep(1000)
            except Timeout as exc:
                got.append(exc)
        assert got == [early, late]

    time.runner().run(main)


# ---- whose it is --------------------------------------------------------------------------------


def test_a_timeout_is_raised_in_the_greenthread_that_made_it() -> None:
    """Whoever runs when the time is up, and whoever entered the block."""

    def child(timeout: Timeout[bool]) -> Green[str]:
        with timeout:
            yield from genlet.sleep(10)
        return "unharmed"

    def main() -> Green[None]:
        timeout = Timeout(5)
        gt = genlet.spawn(child, timeout)
        with pytest.raises(Timeout) as caught:
            yield from forever().get()
        assert caught.value is timeout
        assert (yield from gt.wait()) == "unharmed"

    simulate(main)


def test_a_timeout_that_outlives_its_greenthread_is_dropped() -> None:
    """Nobody is interrupted in the place of the dead."""

    def child() -> Green[None]:
        Timeout(1)
        yield from genlet.sleep(0)

    def main() -> Green[None]:
        yield from genlet.spawn(child).wait()
        yield from genlet.sleep(5)

    simulate(main)


def test_a_timeout_outside_of_a_run_is_an_error() -> None:
    """There is nobody to raise it in."""
    with pytest.raises(RuntimeError, match="no kernel runs in this thread"):
        Timeout(1)


# ---- results that settled first -----------------------------------------------------------------


def test_a_result_that_settled_first_wins_and_the_timeout_comes_at_the_next_suspension() -> None:
    """Nothing that was handed over is lost to a Timeout that is due at the same instant."""
    log: Log = []

    def receiver(wait: Wait[str], stays: bool) -> Green[None]:
        with Timeout(0, False):
            log.append((yield from wait.get()))
            if stays:
                yield from forever().get()
        log.append("left")
        yield from genlet.sleep(1)
        log.append("not interrupted later")

    def main() -> Green[None]:
        for stays in (True, False):
            wait: Wait[str] = Wait(None, "a word")
            gt = genlet.spawn(receiver, wait, stays)
            genlet.spawn(wakes, wait)
            yield from gt.wait()

    def wakes(wait: Wait[str]) -> Green[None]:
        wait.wake("result")  # in the turn at whose end the Timeout is due
        yield from genlet.checkpoint()

    simulate(main)
    assert log == ["result", "left", "not interrupted later"] * 2


def test_a_timeout_that_came_first_wins_and_the_result_stays_where_it_is() -> None:
    """A wait that was interrupted cannot be woken: the waker is told so."""

    def main() -> Green[None]:
        wait: Wait[str] = Wait(None, "a word")

        def receiver() -> Green[None]:
            with Timeout(1, False):
                yield from wait.get()

        gt = genlet.spawn(receiver)
        yield from genlet.sleep(2)
        assert not wait.wake("too late")
        yield from gt.wait()

    simulate(main)


# ---- started, cancelled, restarted --------------------------------------------------------------


def test_a_cancelled_timeout_does_not_fire() -> None:
    """By ``cancel``, any number of times, or by leaving its block."""

    def main() -> Green[None]:
        timeout = Timeout(1)
        timeout.cancel()
        timeout.cancel()
        assert not timeout.pending
        with Timeout(1):
            pass
        assert len(get_scheduler().timers) == 0
        yield from genlet.sleep(5)

    simulate(main)


def test_a_timeout_that_is_due_but_not_raised_yet_can_be_cancelled() -> None:
    """Until it is raised it is pending; leaving the block takes it back."""

    def main() -> Green[None]:
        wait: Wait[None] = Wait(None, "a sign")
        timeouts: List[Timeout[bool]] = []

        def child() -> Green[str]:
            timeouts.append(Timeout(0))
            yield from wait.get()
            assert timeouts[0].pending
            timeouts[0].cancel()
            assert not timeouts[0].pending
            yield from genlet.sleep(1)
            return "unharmed"

        gt = genlet.spawn(child)
        genlet.spawn(wakes, wait)
        assert (yield from gt.wait()) == "unharmed"

    def wakes(wait: Wait[None]) -> Green[None]:
        wait.wake(None)
        yield from genlet.checkpoint()

    simulate(main)


def test_starting_a_timeout_that_runs_is_an_assertion_error() -> None:
    """As in eventlet."""

    def main() -> Green[None]:
        timeout = Timeout(1)
        with pytest.raises(
            AssertionError,
            match=r"^<Timeout 1 second pending> is already started: cancel it first$",
        ):
            timeout.start()
        timeout.cancel()
        yield from genlet.checkpoint()

    simulate(main)


def test_a_timeout_can_be_started_again_when_it_has_fired_or_was_cancelled() -> None:
    """From the beginning; entering its block starts one that does not run."""

    def main() -> Green[None]:
        timeout = Timeout(3, False)
        timeout.cancel()
        yield from genlet.sleep(1)
        for end in (4, 7):
            with timeout:
                assert timeout.pending
                yield from forever().get()
            assert now() == end
        timeout.start()
        with timeout:  # runs already: it is not started afresh
            yield from genlet.sleep(2)
            timeout.cancel()
        yield from genlet.sleep(5)

    simulate(main)


def test_a_timeout_of_none_never_fires() -> None:
    """It has no clock; but it may be given its seconds and be started."""

    def main() -> Green[None]:
        with Timeout() as timeout:
            assert not timeout.pending
            yield from genlet.sleep(1000)
        assert timeout.seconds is None
        timeout.seconds = 1
        timeout.start()
        with pytest.raises(Timeout):
            yield from forever().get()

    simulate(main)


def test_a_timeout_that_is_raised_again_and_again_keeps_a_short_traceback() -> None:
    """A given instance is raised without its past."""

    def main() -> Green[None]:
        lengths: Set[int] = set()
        mine = Mine("again")
        for exception in (mine, None):
            timeout: Timeout[bool] = Timeout(1, exception)
            for _ in range(50):
                try:
                    yield from forever().get()
                except (Mine, Timeout) as exc:
                    lengths.add(len(extract_tb(exc.__traceback__)))
                timeout.start()
            timeout.cancel()
        assert len(lengths) == 1

    simulate(main)


# ---- what it looks like -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "exception", "text"),
    [
        (None, None, ""),
        (1, None, "1 second"),
        (0.5, True, "0.5 seconds"),
        (2, False, "2 seconds (silent)"),
        (2, Mine, f"2 seconds ({Mine})"),
    ],
)
def test_str_and_repr_tell_the_seconds_and_the_kind(
    seconds: Any, exception: Any, text: str
) -> None:
    """In eventlet's words."""

    def main() -> Green[None]:
        timeout = Timeout(seconds, exception)
        assert str(timeout) == text
        assert repr(timeout) == f"<Timeout {text} {'idle' if seconds is None else 'pending'}>"
        timeout.cancel()
        assert repr(timeout) == f"<Timeout {text} idle>"
        yield from genlet.checkpoint()

    simulate(main)


def test_timeout_refuses_nonsense() -> None:
    """When it is made, not when it would have fired."""

    def main() -> Green[None]:
        with pytest.raises(ValueError, match=r"^the time is a number of seconds; got NaN$"):
            Timeout(nan)
        wrong: Any = "message"
        with pytest.raises(
            TypeError, match=r"^Timeout takes an exception class or instance, not 'message'$"
        ):
            Timeout(1, wrong)
        assert len(get_scheduler().timers) == 0
        yield from genlet.checkpoint()

    simulate(main)


def test_except_exception_does_not_swallow_a_timeout() -> None:
    """It derives from BaseException."""

    def careless() -> Green[None]:
        with Timeout(1) as timeout:
            try:
                yield from forever().get()
            except Exception:
                raise AssertionError("swallowed") from timeout

    def main() -> Green[None]:
        assert isinstance((yield from outcome(genlet.spawn(careless))), Timeout)

    simulate(main)


def test_a_timeout_that_nobody_catches_is_an_error_of_its_greenthread(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nobody told it to end: it ran into its own Timeout, and that is reported."""

    def careless() -> Green[None]:
        with Timeout(1):
            yield from forever().get()

    def main() -> Green[None]:
        genlet.spawn(careless)
        yield from genlet.sleep(5)

    simulate(main)
    assert "Timeout: 1 second" in capsys.readouterr().err
