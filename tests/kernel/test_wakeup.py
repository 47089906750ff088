"""Coming in from outside: portals for threads, and what a signal handler wakes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from _thread import get_ident
from time import monotonic
from types import CodeType, FrameType
from typing import Any, Callable, Dict, Iterator, List, Optional, TypeVar, cast

import pytest

import genlet
from genlet.abc import Green
from genlet.kernel import NullInstrument, Portal, Runner, Scheduler, Wait, Waiters, get_scheduler

T = TypeVar("T")
WAKE_BOUND = 0.5  # seconds; what is noticed at all without a timer is noticed in microseconds


def in_thread(fn: Callable[[], T]) -> T:
    """Return what *fn* returns in a thread of its own, or raise what it raises."""
    results: List[T] = []
    errors: List[BaseException] = []

    def target() -> None:
        try:
            results.append(fn())
        except BaseException as exc:
            errors.append(exc)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "the thread hangs"
    if errors:
        raise errors[0]
    return results[0]


class Blocking(NullInstrument):
    """Calls *then* when the loop is about to block, once."""

    def __init__(self) -> None:
        self.then: Optional[Callable[[], object]] = None

    def before_wait(self, timeout: Optional[float]) -> None:
        if timeout != 0 and self.then is not None:
            then, self.then = self.then, None
            then()


@pytest.fixture
def restored_signals() -> Iterator[None]:
    """Put back the handlers of the signals that the tests use."""
    numbers = (signal.SIGALRM, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in zip(numbers, before):
        signal.signal(number, handler)


def wait_forever() -> Green[None]:
    yield from genlet.sleep(float("inf"))


# ---- call_soon ------------------------------------------------------------------------------------


def test_call_soon_runs_in_the_kernels_thread_between_greenthreads() -> None:
    """What another thread asks for is done where it may touch the kernel."""
    seen: List[Any] = []

    def look(number: int, *, word: str) -> None:
        scheduler = get_scheduler()
        seen.append((get_ident(), scheduler.current, number, word))

    def main() -> Green[None]:
        with genlet.portal() as portal:
            in_thread(lambda: portal.call_soon(look, 1, word="a"))
            assert seen == []
            yield from genlet.sleep(0)
            yield from genlet.sleep(0)

    genlet.run(main)
    assert seen == [(get_ident(), None, 1, "a")]


def test_call_soon_keeps_the_order_of_each_thread() -> None:
    """Every call of every thread is made, in the order in which the thread asked."""
    made: List[List[int]] = [[] for _ in range(4)]
    count = 300

    def main() -> Green[None]:
        with genlet.portal() as portal:

            def ask(mine: List[int]) -> None:
                for number in range(count):
                    portal.call_soon(mine.append, number)

            threads = [threading.Thread(target=ask, args=(mine,)) for mine in made]
            for thread in threads:
                thread.start()
            with genlet.fail_after(20):
                while any(len(mine) < count for mine in made):
                    yield from genlet.sleep(0.001)
            for thread in threads:
                thread.join()

    genlet.run(main)
    assert made == [list(range(count))] * 4


def test_call_soon_that_raises_is_reported_and_stops_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An error in a call is told on stderr; the calls after it are made."""
    made: List[str] = []

    def fails() -> None:
        raise LookupError("in the call")

    def main() -> Green[None]:
        with genlet.portal() as portal:
            portal.call_soon(fails)
            portal.call_soon(made.append, "after")
            yield from genlet.sleep(0)
            yield from genlet.sleep(0)

    genlet.run(main)
    assert made == ["after"]
    report = capsys.readouterr().err
    assert "fails, called by the kernel, raised:" in report
    assert "LookupError: in the call" in report


def test_call_soon_is_noticed_while_the_loop_blocks_without_a_timer() -> None:
    """The loop waits for nothing but the portal, and an open portal is no deadlock."""
    blocking = Blocking()
    threads: List[threading.Thread] = []

    def main() -> Green[str]:
        with genlet.portal() as portal:
            wait: Wait[str] = Wait(None, "a word from a thread")
            threads.append(threading.Thread(target=portal.call_soon, args=(wait.wake, "woken")))
            blocking.then = threads[0].start
            return (yield from wait.get())

    assert Runner(instruments=[blocking]).run(main) == "woken"
    threads[0].join()


def test_a_thread_is_noticed_at_once_beside_a_long_sleeper() -> None:
    """The next timer has no say in when a call from outside is made."""

    def main() -> Green[float]:
        genlet.spawn(genlet.sleep, 30)
        with genlet.portal() as portal:
            wait: Wait[None] = Wait(None, "a thread")
            before: List[float] = []

            def call() -> None:
                before.append(monotonic())
                portal.call_soon(wait.wake, None)

            thread = threading.Timer(0.05, call)
            thread.start()
            yield from wait.get()
            thread.join()
            return monotonic() - before[0]

    assert genlet.run(main) < WAKE_BOUND


# ---- calls at every line of the way ---------------------------------------------------------------


def kernel_frame() -> FrameType:
    """Return the frame of the loop that runs this."""
    frame: Optional[FrameType] = sys._getframe()
    while frame is not None and frame.f_code is not Scheduler.turns.__code__:
        frame = frame.f_back
    assert frame is not None
    return frame


class AtLine:
    """Strikes when the kernel executes its *number*-th line.

    Args:
        only: Count the lines of this code; None counts those of the loop and of all that it calls.
        when: Count only while this is true.
    """

    def __init__(
        self,
        number: int,
        strike: Callable[[], object],
        *,
        only: Optional[CodeType] = None,
        when: Callable[[], bool] = lambda: True,
    ) -> None:
        self.left = number
        self.strike = strike
        self.only = only
        self.when = when
        self.struck = False
        self.place = ""

    def start(self) -> None:
        sys.settrace(self._called)
        if self.only is None:
            kernel_frame().f_trace = self._line

    def stop(self) -> None:
        sys.settrace(None)

    def _called(self, frame: FrameType, event: str, arg: object) -> Any:
        if self.only is None:
            name = frame.f_globals.get("__name__", "")
            return self._line if name.startswith("genlet.kernel.") else None
        return self._line if frame.f_code is self.only else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "line" and self.when():
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                self.struck = True
                self.place = f"{frame.f_code.co_name}, line {frame.f_lineno}"
                self.strike()
                return None
        return self._line


def at_every_line(attempt: Callable[[int], bool]) -> int:
    """Call ``attempt(1)``, ``attempt(2)``... until one did not get to strike; return how many did."""
    before = sys.gettrace()
    try:
        for number in range(1, 1000):
            if not attempt(number):
                return number - 1
    finally:
        sys.settrace(before)
    raise AssertionError("the kernel never came to rest")


@pytest.mark.parametrize("blocked_before", [False, True])
@pytest.mark.usefixtures("restored_signals")
def test_a_signal_on_the_way_into_the_poll_is_not_lost(blocked_before: bool) -> None:
    """Whatever line of the loop a handler interrupts, who it wakes does not wait for a timer."""

    def attempt(number: int) -> bool:
        blocking = Blocking()

        def main() -> Green[bool]:
            if blocked_before:
                yield from genlet.sleep(0.001)
            wait: Wait[None] = Wait(None, "a signal")
            signal.signal(signal.SIGUSR1, lambda _, __: wait.wake(None))

            def strike() -> None:
                os.kill(os.getpid(), signal.SIGUSR1)

            def blocks() -> None:
                at.stop()
                if not at.struck:  # there are not so many lines: this was the last attempt
                    strike()

            # A handler that comes before the wait is armed finds nobody to wake.
            at = AtLine(number, strike, when=lambda: wait.live)
            blocking.then = blocks
            before = monotonic()
            with genlet.fail_after(2 * WAKE_BOUND):
                at.start()
                yield from wait.get()
            assert monotonic() - before < WAKE_BOUND, f"lost in {at.place}"
            return at.struck

        return Runner(instruments=[blocking]).run(main)

    assert at_every_line(attempt) > 5


def test_a_call_from_a_thread_on_the_way_into_the_poll_is_not_lost() -> None:
    """Whatever the loop is doing when a thread comes, the call is made before it blocks for long."""

    def attempt(number: int) -> bool:
        blocking = Blocking()

        def main() -> Green[bool]:
            with genlet.portal() as portal:
                wait: Wait[str] = Wait(None, "a thread")
                at = AtLine(
                    number, lambda: in_thread(lambda: portal.call_soon(wait.wake, "the strike"))
                )

                def blocks() -> None:
                    at.stop()
                    if not at.struck:  # there are not so many lines: this was the last attempt
                        portal.call_soon(wait.wake, "the end")

                blocking.then = blocks
                at.start()
                before = monotonic()
                with genlet.fail_after(2 * WAKE_BOUND):
                    woken_by = yield from wait.get()
                if at.struck:
                    assert woken_by == "the strike"
                    assert monotonic() - before < WAKE_BOUND, f"lost in {at.place}"
                return at.struck

        return Runner(instruments=[blocking]).run(main)

    assert at_every_line(attempt) > 5


def test_a_call_that_comes_while_the_bell_is_answered_does_not_mute_it() -> None:
    """A thread that calls while the loop empties the pipe does not keep the next one unheard."""
    from genlet.kernel.wakeup import Wakeup

    def attempt(number: int) -> bool:
        blocking = Blocking()

        def main() -> Green[bool]:
            with genlet.portal() as portal:
                wait: Wait[None] = Wait(None, "a thread")
                call = portal.call_soon
                at = AtLine(
                    number, lambda: in_thread(lambda: call(bool)), only=Wakeup.event.__code__
                )
                blocking.then = lambda: in_thread(lambda: call(wait.wake, None))
                at.start()
                call(bool)
                before = monotonic()
                with genlet.fail_after(2 * WAKE_BOUND):
                    yield from wait.get()
                at.stop()
                assert monotonic() - before < WAKE_BOUND, f"lost in {at.place}"
                return at.struck

        return Runner(instruments=[blocking]).run(main)

    assert at_every_line(attempt) > 2


# ---- Portal.run -----------------------------------------------------------------------------------


def test_portal_run_returns_what_the_greenthread_returns() -> None:
    """A thread has green code run for it, and waits for the result."""

    def add(a: int, *, b: int) -> Green[int]:
        assert genlet.getcurrent().name.startswith("test_portal_run")
        yield from genlet.sleep(0)
        return a + b

    def main() -> Green[int]:
        with genlet.portal() as portal:
            wait: Wait[int] = Wait(None, "the thread")

            def work() -> None:
                result = portal.run(add, 1, b=2)
                portal.call_soon(wait.wake, result)

            thread = threading.Thread(target=work)
            thread.start()
            result = yield from wait.get()
            thread.join()
            return result

    assert genlet.run(main) == 3


@pytest.mark.parametrize("error", [LookupError("mine"), SystemExit(3)])
def test_portal_run_raises_what_the_greenthread_raises(error: BaseException) -> None:
    """The thread gets the very exception, and the run does not report it."""

    def fails() -> Green[None]:
        yield from genlet.sleep(0)
        raise error

    def main() -> Green[List[BaseException]]:
        caught: List[BaseException] = []
        line: Waiters[None] = Waiters()

        def deliver(exc: BaseException) -> None:
            caught.append(exc)
            line.wake(None)

        def work() -> None:
            try:
                portal.run(fails)
            except BaseException as exc:
                portal.call_soon(deliver, exc)

        with genlet.portal() as portal:
            thread = threading.Thread(target=work)
            thread.start()
            while not caught:
                try:
                    yield from Wait(None, "the thread", line).get()
                except SystemExit:
                    pass  # it is raised in main as well
            thread.join()
        return caught

    assert genlet.run(main) == [error]


def test_portal_run_refuses_what_is_not_green() -> None:
    """The thread that passed a plain function gets the error."""

    def plain() -> int:
        return 1

    def main() -> Green[str]:
        with genlet.portal() as portal:
            wait: Wait[str] = Wait(None, "the thread")

            def work() -> None:
                try:
                    portal.run(cast(Any, plain))
                except TypeError as exc:
                    portal.call_soon(wait.wake, str(exc))

            thread = threading.Thread(target=work)
            thread.start()
            text = yield from wait.get()
            thread.join()
            return text

    assert genlet.run(main).startswith("spawn wants a green function;")


def test_portal_run_in_the_kernels_own_thread_raises() -> None:
    """There it would wait for itself."""

    def main() -> Green[None]:
        with genlet.portal() as portal:
            portal.run(wait_forever)
        yield from genlet.sleep(0)

    with pytest.raises(RuntimeError) as caught:
        genlet.run(main)
    assert str(caught.value) == (
        "Portal.run is for other threads: here, drive it with 'yield from'"
    )


def test_portal_run_pending_when_the_run_ends_raises() -> None:
    """A thread that waits for a greenthread learns of the run's end, and does not hang."""
    errors: List[BaseException] = []
    threads: List[threading.Thread] = []
    portals: List[Portal] = []

    def main() -> Green[None]:
        started: Wait[None] = Wait(None, "the greenthread to start")

        def long() -> Green[None]:
            started.wake(None)
            yield from genlet.sleep(1000)

        def work() -> None:
            try:
                portals[0].run(long)
            except BaseException as exc:
                errors.append(exc)

        portals.append(genlet.portal().__enter__())
        threads.append(threading.Thread(target=work))
        threads[0].start()
        yield from started.get()

    genlet.run(main)
    threads[0].join(10)
    assert not threads[0].is_alive()
    assert [type(error) for error in errors] in ([RuntimeError], [genlet.GreenletExit])


def test_portal_run_that_is_never_begun_raises() -> None:
    """A call that was queued when the run ended is refused, and its thread does not hang."""
    errors: List[BaseException] = []
    threads: List[threading.Thread] = []

    def main() -> Green[None]:
        portal = genlet.portal().__enter__()

        def work() -> None:
            try:
                portal.run(wait_forever)
            except BaseException as exc:
                errors.append(exc)

        threads.append(threading.Thread(target=work))
        yield from genlet.sleep(0)
        threads[0].start()
        while not get_scheduler().wakeup.calls:
            pass  # main ends in the very step in which the call arrives

    genlet.run(main)
    threads[0].join(10)
    assert not threads[0].is_alive()
    (error,) = errors
    assert type(error) is RuntimeError
    assert str(error) == "the run ended before it could do this"


def test_a_portal_that_is_closed_refuses() -> None:
    """After the block nobody comes in any more, while the run lasts."""

    def main() -> Green[None]:
        with genlet.portal() as portal:
            pass
        with pytest.raises(RuntimeError, match=r"^the portal is closed$"):
            in_thread(lambda: portal.call_soon(print))
        with pytest.raises(RuntimeError, match=r"^the portal is closed$"):
            in_thread(lambda: portal.run(wait_forever))
        yield from genlet.sleep(0)
        assert get_scheduler().pledges == 0

    genlet.run(main)


def test_a_portal_of_a_run_that_has_ended_refuses() -> None:
    """A portal kept beyond the run says so."""

    def main() -> Green[Portal]:
        yield from genlet.sleep(0)
        return genlet.portal().__enter__()

    portal = genlet.run(main)
    text = r"^the run that the portal led into has ended$"
    with pytest.raises(RuntimeError, match=text):
        portal.call_soon(print)
    with pytest.raises(RuntimeError, match=text):
        in_thread(lambda: portal.run(wait_forever))


def test_a_portal_is_opened_where_the_run_is() -> None:
    """Outside of a run there is nowhere to lead to, and only the kernel's thread opens it."""
    with pytest.raises(RuntimeError, match="no kernel runs in this thread"):
        genlet.portal()

    def main() -> Green[None]:
        portal = genlet.portal()
        with pytest.raises(RuntimeError, match="opened by the thread that runs the kernel"):
            in_thread(portal.__enter__)
        yield from genlet.sleep(0)
        assert get_scheduler().pledges == 0

    genlet.run(main)


# ---- the wrong thread -----------------------------------------------------------------------------


WRONG_USES: Dict[str, Callable[[Any], object]] = {
    "wake": lambda gear: gear.wait.wake("wrong"),
    "fail": lambda gear: gear.wait.fail(LookupError("wrong")),
    "wake_first": lambda gear: gear.line.wake("wrong"),
    "wake_all": lambda gear: gear.line.wake_all("wrong"),
    "kill": lambda gear: gear.gt.kill().send(None),
    "kill_soon": lambda gear: gear.gt.kill_soon(),
    "kill_soon_force": lambda gear: gear.gt.kill_soon(force=True),
    "cancel": lambda gear: gear.scope.cancel(),
    "spawn": lambda gear: gear.scheduler.spawn(wait_forever, (), {}, gear.scheduler.root),
}


class Gear:
    """What a greenthread waits with, for another thread to meddle with."""

    def __init__(self) -> None:
        self.line: Waiters[str] = Waiters()
        self.wait: Wait[str] = Wait(self, "the right thread", self.line)
        self.scope = genlet.CancelScope()
        self.scheduler = get_scheduler()
        self.gt: genlet.GreenThread[List[str]] = genlet.spawn(self.waits)

    def waits(self) -> Green[List[str]]:
        heard: List[str] = []
        with self.scope:
            heard.append((yield from self.wait.get()))
            yield from genlet.sleep(0.001)  # where a meddled kill would be felt
            heard.append("undisturbed")
        return heard


@pytest.mark.parametrize("use", WRONG_USES)
def test_a_primitive_used_from_the_wrong_thread_raises_and_does_nothing(use: str) -> None:
    """Only the thread of the run may wake, kill, cancel or spawn; a portal is the way in."""

    def main() -> Green[List[str]]:
        gear = Gear()
        yield from genlet.sleep(0.001)
        with pytest.raises(genlet.WrongThread):
            in_thread(lambda: WRONG_USES[use](gear))
        gear.wait.wake("right")
        return (yield from gear.gt.wait())

    assert genlet.run(main) == ["right", "undisturbed"]


# ---- signal handlers ------------------------------------------------------------------------------


@pytest.mark.parametrize("with_sleeper", [False, True])
@pytest.mark.usefixtures("restored_signals")
def test_a_signal_handler_that_wakes_a_greenthread_is_noticed_at_once(with_sleeper: bool) -> None:
    """A handler of the program's own may be what everybody waits for: no timer, no deadlock."""

    def main() -> Green[float]:
        wait: Wait[float] = Wait(None, "a signal")
        signal.signal(signal.SIGALRM, lambda _, __: wait.wake(monotonic()))
        if with_sleeper:
            genlet.spawn(genlet.sleep, 30)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        sent = yield from wait.get()
        return monotonic() - sent

    assert genlet.run(main) < WAKE_BOUND


@pytest.mark.usefixtures("restored_signals")
def test_a_signal_handler_may_use_a_portal() -> None:
    """call_soon from a handler is as good as from a thread, whatever the handler interrupts."""

    def main() -> Green[int]:
        with genlet.portal() as portal:
            made: List[int] = []
            signal.signal(signal.SIGUSR1, lambda _, __: portal.call_soon(made.append, len(made)))
            for _ in range(100):
                os.kill(os.getpid(), signal.SIGUSR1)
                portal.call_soon(bool)
                yield from genlet.sleep(0)
            yield from genlet.sleep(0)
            return len(made)

    assert genlet.run(main) == 100


@pytest.mark.usefixtures("restored_signals")
def test_a_signal_that_wakes_nobody_is_harmless() -> None:
    """Handlers run while the loop blocks, and the timers keep their time."""
    count: List[int] = []

    def main() -> Green[None]:
        signal.signal(signal.SIGALRM, lambda number, _: count.append(number))
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        before = monotonic()
        yield from genlet.sleep(0.1)
        assert monotonic() - before >= 0.1
        signal.setitimer(signal.ITIMER_REAL, 0)

    genlet.run(main)
    assert count


@pytest.mark.usefixtures("restored_signals")
def test_a_signal_handler_that_raises_ends_the_run_with_everybody_cleaned_up() -> None:
    """What a handler raises surfaces from the run, after the cleanup of every greenthread."""
    cleaned: List[str] = []

    class Stop(Exception):
        pass

    def handler(*_: object) -> None:
        raise Stop

    def waits(name: str) -> Green[None]:
        try:
            yield from genlet.sleep(30)
        finally:
            cleaned.append(name)

    def main() -> Green[None]:
        genlet.spawn(waits, "child")
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        yield from waits("main")

    with pytest.raises(Stop):
        genlet.run(main)
    assert sorted(cleaned) == ["child", "main"]


@pytest.mark.usefixtures("restored_signals")
def test_without_a_handler_everybody_waiting_is_a_deadlock() -> None:
    """Default and ignored signals wake nobody."""

    def main() -> Green[None]:
        wait: Wait[None] = Wait(None, "nothing")
        yield from wait.get()

    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with pytest.raises(genlet.Deadlock):
        genlet.run(main)
