"""The loop: turns, wake-ups, fatal errors, deadlocks, the end of a run, the seams of Runner."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections import deque
from contextvars import ContextVar
from functools import partial
from threading import Thread
from typing import (
    Any,
    Callable,
    Deque,
    Generator,
    Generic,
    List,
    Optional,
    Set,
    Tuple,
    Type,
    TypeVar,
)

import pytest

import genlet
from genlet import Deadlock, GreenletExit, SharedGenerator
from genlet.abc import Green, Trap
from genlet.kernel import (
    AnyGreenThread,
    NullInstrument,
    Runner,
    Scheduler,
    Wait,
    Waiters,
    get_scheduler,
    waiting,
)

from . import VirtualTime, forever, outcome, simulate

T = TypeVar("T")
Log = List[str]


def nothing() -> Green[None]:
    yield from genlet.checkpoint()


def logs(log: Log, word: str) -> Green[None]:
    log.append(word)
    yield from genlet.checkpoint()


# ---- the loop -----------------------------------------------------------------------------------


def test_spawned_greenthreads_run_in_the_next_turn_first_in_first_out() -> None:
    """``spawn`` never runs anything: two hundred run in order once the spawner suspends."""
    log: Log = []

    def main() -> Green[None]:
        for number in range(200):
            genlet.spawn(logs, log, str(number))
        assert log == []
        yield from genlet.sleep(0)

    genlet.run(main)
    assert log == [str(number) for number in range(200)]


def test_sleep_zero_loops_alternate_strictly() -> None:
    """``sleep(0)`` goes to the back of the queue, behind everybody who is ready."""
    log: Log = []

    def loops(word: str) -> Green[None]:
        for number in range(3):
            log.append(f"{word}{number}")
            yield from genlet.sleep(0)

    def main() -> Green[None]:
        greenthreads = [genlet.spawn(loops, word) for word in "abc"]
        for gt in greenthreads:
            yield from gt.wait()

    genlet.run(main)
    assert log == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]


def test_a_turn_runs_those_who_were_ready_when_it_began() -> None:
    """What becomes ready meanwhile waits for the next turn; timers are looked at in between."""
    clock_readings: List[int] = [0]
    log: Log = []

    def clock() -> float:
        clock_readings[0] += 1
        log.append("timers")
        return 0.0

    def spawner() -> Green[None]:
        log.append("first")
        genlet.spawn(logs, log, "new")
        yield from forever().get()

    def main() -> Green[None]:
        genlet.spawn_after(1000, nothing)  # so that there is a timer to look at
        genlet.spawn(spawner)
        genlet.spawn(logs, log, "second")
        del log[:]
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)

    Runner(clock=clock).run(main)
    assert log[:5] == ["timers", "first", "second", "timers", "new"]


def ping_pong(stop: Callable[[], bool], turns: int) -> Green[int]:
    """Let two greenthreads alternate until *stop*; return the turns that took, at most *turns*."""

    def other() -> Green[None]:
        while True:
            yield from genlet.sleep(0)

    gt = genlet.spawn(other)
    taken = 0
    while taken < turns and not stop():
        taken += 1
        yield from genlet.sleep(0)
    yield from gt.kill()
    return taken


def test_ping_pong_does_not_starve_timers() -> None:
    """Timers fire between two turns, however many are ready."""
    ticks = [0.0]
    log: Log = []

    def clock() -> float:
        ticks[0] += 1
        return ticks[0]

    def main() -> Green[int]:
        genlet.spawn_after(5, logs, log, "fired")
        return (yield from ping_pong(lambda: bool(log), 1000))

    assert Runner(clock=clock).run(main) < 20


def test_ping_pong_does_not_starve_descriptors() -> None:
    """Descriptors are looked at between two turns, however many are ready."""
    log: Log = []
    reading, writing = os.pipe()

    def reads() -> Green[None]:
        yield from genlet.trampoline(reading, read=True)
        log.append("read")

    def main() -> Green[int]:
        genlet.spawn(reads)
        os.write(writing, b"x")
        return (yield from ping_pong(lambda: bool(log), 1000))

    try:
        assert genlet.run(main) < 20
    finally:
        os.close(reading)
        os.close(writing)


def test_the_order_follows_a_model_of_the_loop() -> None:
    """The same program takes the same schedule: a queue, snapshot turns, timers in order."""

    def program(seed: int) -> List[Tuple[int, int]]:
        chance = random.Random(seed)
        delays = [[chance.choice([0, 0, 0, 1, 2, 3]) for _ in range(5)] for _ in range(6)]
        log: List[Tuple[int, int]] = []

        def steps(number: int) -> Green[None]:
            for step, delay in enumerate(delays[number]):
                log.append((number, step))
                yield from genlet.sleep(delay)

        def main() -> Green[None]:
            greenthreads = [genlet.spawn(steps, number) for number in range(6)]
            for gt in greenthreads:
                yield from gt.wait()

        simulate(main)

        # The model, in a few lines.
        expected: List[Tuple[int, int]] = []
        ready: Deque[Tuple[int, int]] = deque((number, 0) for number in range(6))
        timers: List[Tuple[int, int, Tuple[int, int]]] = []
        now = sequence = 0
        while ready or timers:
            for _ in range(len(ready)):
                number, step = ready.popleft()
                if step == 5:
                    continue
                expected.append((number, step))
                delay = delays[number][step]
                if delay:
                    sequence += 1
                    timers.append((now + delay, sequence, (number, step + 1)))
                else:
                    ready.append((number, step + 1))
            timers.sort()
            if not ready and timers:
                now = timers[0][0]
            while timers and timers[0][0] <= now:
                ready.append(timers.pop(0)[2])
        assert log == expected
        return log

    for seed in range(30):
        assert program(seed) == program(seed)


# ---- wake-ups -----------------------------------------------------------------------------------


def test_a_wait_settles_once() -> None:
    """The first of wake and fail counts; every later one, and one before arming, does nothing."""

    def main() -> Green[None]:
        wait: Wait[str] = Wait(None, "a word")
        assert not wait.live
        assert not wait.wake("too early")
        gt = genlet.spawn(wait.get)
        yield from genlet.sleep(0)
        assert wait.live
        assert wait.wake("right")
        assert not wait.live
        assert not wait.wake("again")
        assert not wait.fail(LookupError)
        assert (yield from gt.wait()) == "right"
        assert not wait.wake("too late")

    genlet.run(main)


@pytest.mark.parametrize("how", ["timeout", "kill", "own timeout"])
def test_a_stale_wake_up_finds_nothing_to_wake(how: str) -> None:
    """A wake-up of a wait that was given up never reaches a later wait of the same greenthread."""

    def main() -> Green[None]:
        first: Wait[str] = Wait(None, "one", timeout=1 if how == "own timeout" else None)
        second: Wait[str] = Wait(None, "the other")

        def waits() -> Green[str]:
            with genlet.Timeout(1 if how == "timeout" else None, False):
                try:
                    yield from first.get()
                except GreenletExit:
                    pass
            return (yield from second.get())

        gt = genlet.spawn(waits)
        yield from genlet.sleep(0)
        if how == "kill":
            yield from gt.kill()
        else:
            yield from genlet.sleep(2)
        assert not first.live
        assert second.live
        assert not first.wake("stale")
        assert not first.fail(LookupError)
        assert second.wake("right")
        assert (yield from gt.wait()) == "right"

    simulate(main)


def test_each_of_many_waits_gets_its_own_wake_up_only() -> None:
    """Whatever mixture of wake-ups, failures, timeouts and kills comes, old and new."""

    def main(seed: int) -> Green[None]:
        chance = random.Random(seed)
        waits = [
            Wait[int](None, "a number", timeout=chance.choice([None, 1, 3])) for _ in range(30)
        ]
        outcomes: List[int] = []

        def waiter() -> Green[None]:
            for number, wait in enumerate(waits):
                try:
                    value = yield from wait.get()
                    assert wait.expired == (value is None)
                    assert value in (None, number)
                except LookupError as exc:
                    assert exc.args == (number,)  # noqa: PT017
                except GreenletExit:
                    pass
                outcomes.append(number)

        gt = genlet.spawn(waiter)
        while not gt.dead:
            for _ in range(chance.randrange(4)):
                number = chance.randrange(min(len(outcomes) + 2, 30))
                if chance.random() < 0.5:
                    waits[number].wake(number)
                else:
                    waits[number].fail(LookupError(number))
            if chance.random() < 0.2:
                gt.kill_soon()
            yield from genlet.sleep(chance.choice([0, 0, 0.7]))
        assert isinstance((yield from outcome(gt)), (GreenletExit, type(None)))
        assert outcomes == list(range(len(outcomes)))

    for seed in range(100):
        simulate(main, seed)


class Event(Generic[T]):
    """As eventlet's, on the kernel's face alone."""

    def __init__(self) -> None:
        self._waiters: Waiters[T] = Waiters()
        self._sent: List[T] = []

    def wait(self) -> Green[T]:
        if self._sent:
            return self._sent[0]
        return (yield from Wait(self, "the event", self._waiters).get())

    def send(self, value: T) -> None:
        self._sent.append(value)
        self._waiters.wake_all(value)

    def reset(self) -> None:
        self._sent.clear()


def test_waking_never_switches_and_captures_the_value_when_it_is_sent() -> None:
    """Send, reset, send: who waited for the first gets the first; nobody runs inside of send."""
    log: Log = []

    def main() -> Green[None]:
        event: Event[str] = Event()

        def waits(name: str) -> Green[None]:
            log.append(f"{name} {(yield from event.wait())}")

        early = [genlet.spawn(waits, name) for name in "abc"]
        yield from genlet.sleep(0)
        event.send("first")
        assert log == []
        event.reset()
        late = genlet.spawn(waits, "late")
        event.send("second")
        for gt in (*early, late):
            yield from gt.wait()

    genlet.run(main)
    assert log == ["a first", "b first", "c first", "late second"]


def test_a_line_is_served_in_order_and_left_from_anywhere() -> None:
    """First come first served; those who leave, from the front, middle or end, are passed over."""
    log: List[int] = []

    def main() -> Green[None]:
        line: Waiters[None] = Waiters()

        def stands(number: int) -> Green[None]:
            yield from Wait(None, "its turn in line", line).get()
            log.append(number)

        greenthreads = [genlet.spawn(stands, number) for number in range(200)]
        yield from genlet.sleep(0)
        assert waiting(line) == greenthreads
        leaving = [number for number in range(200) if number % 3 or number > 190]
        for number in leaving:
            greenthreads[number].kill_soon()
        assert len(line) == 200 - len(leaving)
        first = line.first()
        assert first is not None
        assert first.gt is greenthreads[0]
        while line:
            assert line.wake(None)
        assert not line.wake(None)
        assert len(line) == 0
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        assert log == [number for number in range(200) if number not in leaving]

    genlet.run(main)


def test_waking_from_another_thread_is_refused() -> None:
    """A primitive is used by the thread that runs the kernel; the waiter waits on, unharmed."""
    errors: List[BaseException] = []

    def main() -> Green[str]:
        wait: Wait[str] = Wait(None, "a word")
        gt = genlet.spawn(wait.get)
        yield from genlet.sleep(0)

        def call() -> None:
            for act in (
                partial(wait.wake, "wrong"),
                partial(wait.fail, LookupError),
                gt.kill_soon,
            ):
                try:
                    act()
                except genlet.WrongThread as exc:
                    errors.append(exc)

        thread = Thread(target=call)
        thread.start()
        thread.join()
        assert wait.wake("right")
        return (yield from gt.wait())

    assert genlet.run(main) == "right"
    assert len(errors) == 3
    assert "is woken from a thread that does not run its kernel: go through a portal" in str(
        errors[0]
    )


# ---- what may be yielded ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("yielded", "text"),
    [
        (
            genlet.sleep(1),
            r"<generator object sleep at .*>, not a trap: did you write 'yield' for",
        ),
        (5, "^green code yielded 5, not a trap: it gives no values to its caller"),
        (None, "^green code yielded None, not a trap: it gives no values to its caller"),
        (Trap(), "^green code yielded <genlet.abc.Trap object at .*>, not a trap$"),
    ],
    ids=["generator", "int", "None", "a bare Trap"],
)
def test_yielding_something_else_raises_at_that_very_line(yielded: Any, text: str) -> None:
    """A TypeError that the code may catch where it yielded; it goes on from there."""

    def wrong() -> Generator[Any, None, str]:
        with pytest.raises(TypeError, match=text):
            yield yielded
        yield from genlet.sleep(0)
        return "went on"

    def main() -> Green[str]:
        return (yield from genlet.spawn(wrong).wait())

    assert genlet.run(main) == "went on"


def test_a_trap_yielded_by_hand_is_armed() -> None:
    """A Trap is a Trap, whoever yields it."""

    def main() -> Green[None]:
        wait: Wait[None] = Wait(None, "a sign")
        log: Log = []

        def by_hand() -> Green[None]:
            yield wait
            log.append("woken")

        gt = genlet.spawn(by_hand)
        yield from genlet.sleep(0)
        assert gt.waiting_on == "a sign"
        wait.wake(None)
        yield from gt.wait()
        assert log == ["woken"]

    genlet.run(main)


def test_the_failure_of_a_trap_yielded_by_hand_comes_no_later_than_the_next() -> None:
    """Who does not look for its fault has it raised before its next wait is armed."""

    def main() -> Green[None]:
        wait: Wait[None] = Wait(None, "a sign")

        def by_hand() -> Green[None]:
            yield wait
            yield from genlet.sleep(1000)

        gt = genlet.spawn(by_hand)
        yield from genlet.sleep(0)
        wait.fail(LookupError)
        assert type((yield from outcome(gt))) is LookupError
        assert get_scheduler().clock() == 0

    simulate(main)


def test_a_generator_driven_by_two_greenthreads_raises_in_both() -> None:
    """Detected at once, in the one that drives it and in the one it was taken from."""
    wait: Wait[str] = Wait(None, "a word")
    shared = wait.get()

    def drives() -> Green[str]:
        return (yield from shared)

    def main() -> Green[None]:
        owner, thief = genlet.spawn(drives), genlet.spawn(drives)
        owner.name, thief.name = "owner", "thief"
        errors = [(yield from outcome(owner)), (yield from outcome(thief))]
        assert [type(error) for error in errors] == [SharedGenerator, SharedGenerator]
        assert str(errors[0]).startswith(
            "<GreenThread thief running> drove the generator that <GreenThread owner "
        )
        assert "give each greenthread a call of its own" in str(errors[1])
        assert not wait.live

    genlet.run(main)


def not_callable_generator() -> Green[None]:
    return genlet.sleep(1)


def plain(value: int) -> int:
    return value


async def coroutine() -> None:
    pass


def driven() -> Green[None]:
    gen = genlet.sleep(1)
    next(gen)  # by hand, which is refused later  # genlet: ok[GL105]
    return gen


SPAWN_ERRORS = [
    (
        not_callable_generator(),
        (),
        "VERB wants the function, not its call: write VERB(sleep, ...) for VERB(sleep(...))",
    ),
    (5, (), "VERB wants a green function; got 5"),
    (
        plain,
        (7,),
        "VERB wants a green function; plain is a plain one, it returned 7: a function is green if it"
        " has a 'yield from' before what waits; ",
    ),
    (
        coroutine,
        (),
        "VERB wants a green function; coroutine is an async function: write VERB(drive, coroutine(...))",
    ),
    (
        driven,
        (),
        "VERB wants a fresh generator; driven() returned one that has already been driven: ",
    ),
]


@pytest.mark.parametrize(("fn", "args", "text"), SPAWN_ERRORS)
def test_spawn_refuses_what_is_no_green_function(
    fn: Any, args: Tuple[int, ...], text: str
) -> None:
    """At the call, saying what was given and what to write."""

    def main() -> Green[None]:
        for verb in (genlet.spawn, genlet.spawn_n):
            with pytest.raises(TypeError) as caught:
                verb(fn, *args)
            assert str(caught.value).startswith(text.replace("VERB", "spawn"))
        yield from genlet.checkpoint()

    genlet.run(main)


@pytest.mark.parametrize(("fn", "args", "text"), SPAWN_ERRORS)
def test_run_refuses_what_is_no_green_function(fn: Any, args: Tuple[int, ...], text: str) -> None:
    """With the words of its own verb."""
    with pytest.raises(TypeError) as caught:
        genlet.run(fn, *args)
    assert str(caught.value).startswith(text.replace("VERB", "run"))


def test_spawn_takes_whatever_passes_a_fresh_generator_on() -> None:
    """Lambdas, partials and functions that return another's generator are green functions."""

    def main() -> Green[None]:
        assert (yield from genlet.spawn(lambda: outcome(genlet.spawn(nothing))).wait()) is None
        yield from genlet.spawn(partial(genlet.sleep, 0)).wait()
        yield from genlet.spawn(not_callable_generator).wait()

    simulate(main)


def test_an_error_of_the_call_is_raised_by_spawn() -> None:
    """Wrong arguments are reported to whoever gave them."""

    def main() -> Green[None]:
        wrong: Any = nothing
        with pytest.raises(TypeError, match="takes 0 positional arguments but 1 was given"):
            genlet.spawn(wrong, 1)
        yield from genlet.checkpoint()

    genlet.run(main)


# ---- what belongs to each greenthread -----------------------------------------------------------

variable: ContextVar[str] = ContextVar("variable", default="unset")


def test_context_variables_are_each_greenthreads_own() -> None:
    """Copied when it is spawned, changed by its own steps only."""
    log: Log = []

    def sets(word: str) -> Green[None]:
        assert variable.get() == "main's"
        variable.set(word)
        yield from genlet.sleep(0)
        assert variable.get() == word
        log.append(word)

    def main() -> Green[None]:
        variable.set("main's")
        children = [genlet.spawn(sets, word) for word in "ab"]
        variable.set("changed after spawn")
        for gt in children:
            yield from gt.wait()
            assert gt.context[variable] == log[gt.number - 2]
        assert variable.get() == "changed after spawn"

    genlet.run(main)
    assert variable.get() == "unset"
    assert log == ["a", "b"]


def test_a_green_function_is_called_in_the_new_context() -> None:
    """What the call itself sets, before there is a generator, does not leak into the spawner."""

    def sets() -> Green[None]:
        variable.set("by the call")
        return genlet.sleep(0)

    def main() -> Green[None]:
        gt = genlet.spawn(sets)
        assert variable.get() == "unset"
        assert gt.context[variable] == "by the call"
        yield from gt.wait()

    genlet.run(main)


def test_the_exception_being_handled_is_each_greenthreads_own() -> None:
    """A suspension inside of ``except`` neither shows that exception to others nor loses it."""

    def raises_again(word: str) -> Green[None]:
        try:
            raise LookupError(word)
        except LookupError:
            yield from genlet.sleep(0)
            raise

    def handles(word: str) -> Green[None]:
        assert sys.exc_info()[1] is None
        with pytest.raises(LookupError, match=word):
            yield from raises_again(word)
        assert sys.exc_info()[1] is None

    def main() -> Green[None]:
        for gt in [genlet.spawn(handles, word) for word in "ab"]:
            yield from gt.wait()

    genlet.run(main)


@pytest.mark.parametrize("how", ["fail", "kill", "scope", "timeout"])
def test_what_is_delivered_knows_the_exception_that_was_being_handled(how: str) -> None:
    """``__context__`` survives a chain of ``yield from``, as if the wait had been a plain call."""
    wait: Wait[None] = Wait(None, "a sign")

    def inner() -> Green[None]:
        yield from wait.get()

    def outer() -> Green[None]:
        try:
            raise LookupError("being handled")
        except LookupError:
            yield from inner()

    def victim(scope: genlet.CancelScope) -> Green[Optional[BaseException]]:
        with scope, genlet.Timeout(1 if how == "timeout" else None):
            try:
                yield from outer()
            except BaseException as exc:
                return exc.__context__
        return None

    def main() -> Green[None]:
        scope = genlet.CancelScope()
        gt = genlet.spawn(victim, scope)
        yield from genlet.sleep(0)
        if how == "fail":
            wait.fail(KeyError)
        elif how == "kill":
            yield from gt.kill()
        elif how == "scope":
            scope.cancel()
        context = yield from gt.wait()
        assert isinstance(context, LookupError)
        assert context.args == ("being handled",)

    simulate(main)


# ---- StopIteration ------------------------------------------------------------------------------


def test_stop_iteration_in_green_code_is_a_runtime_error_and_never_a_value() -> None:
    """Raised, delivered or stored: nobody takes it for a return."""

    def raises() -> Green[None]:
        yield from genlet.checkpoint()
        raise StopIteration("a value?")

    def main() -> Green[None]:
        raised = genlet.spawn(raises)
        failed: Wait[None] = Wait(None, "a sign")
        woken, killed, unstarted = (
            genlet.spawn(failed.get),
            genlet.spawn(forever().get),
            genlet.spawn_after(9, nothing),
        )
        yield from genlet.sleep(0)
        failed.fail(StopIteration("a value?"))
        killed.kill_soon(StopIteration("a value?"))
        unstarted.kill_soon(StopIteration("a value?"))
        for gt in (raised, woken, killed, unstarted):
            error = yield from outcome(gt)
            assert type(error) is RuntimeError
            assert type(error.__cause__) is StopIteration

    genlet.run(main)


# ---- errors that end programs -------------------------------------------------------------------


@pytest.mark.parametrize("exc", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_surfaces_in_main_which_may_go_on(
    exc: Type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends its greenthread, is stored for its waiters, and interrupts main, nobody else."""
    log: Log = []

    def raises() -> Green[None]:
        yield from genlet.checkpoint()
        raise exc("the end")

    def other() -> Green[None]:
        yield from genlet.sleep(2)
        log.append("other unharmed")

    def main() -> Green[str]:
        gt = genlet.spawn(raises)
        genlet.spawn(other)
        with pytest.raises(exc, match="the end"):
            yield from genlet.sleep(1000)
        assert gt.dead
        with pytest.raises(exc):
            yield from gt.wait()
        yield from genlet.sleep(5)
        return "went on"

    assert simulate(main) == "went on"
    assert log == ["other unharmed"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("exc", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_is_raised_by_run_if_main_lets_it_pass(
    exc: Type[BaseException],
) -> None:
    """After the others have cleaned up; and if main has ended already, all the same."""
    log: Log = []

    def raises() -> Green[None]:
        try:
            yield from genlet.sleep(1)
        finally:
            log.append("raises")
            raise exc("the end")

    def other() -> Green[None]:
        try:
            yield from forever().get()
        finally:
            log.append("cleaned up")

    def main(wait: bool) -> Green[None]:
        genlet.spawn(other)
        genlet.spawn(raises)
        yield from genlet.sleep(1000 if wait else 0)

    for wait in (True, False):
        with pytest.raises(exc, match="the end"):
            simulate(main, wait)
    assert sorted(log) == ["cleaned up", "cleaned up", "raises", "raises"]


def test_an_ordinary_error_stops_nobody_else(capsys: pytest.CaptureFixture[str]) -> None:
    """A crash is its greenthread's own; the loop and the others go on."""

    def fails() -> Green[None]:
        yield from genlet.checkpoint()
        raise LookupError

    def main() -> Green[str]:
        for _ in range(3):
            genlet.spawn(fails)
        yield from genlet.sleep(1)
        return "unharmed"

    assert simulate(main) == "unharmed"
    assert capsys.readouterr().err.count("ended with an error") == 3


# ---- deadlock -----------------------------------------------------------------------------------


class Thing:
    """Something held, as a lock is."""

    def __init__(self, owner: AnyGreenThread) -> None:
        self.owner: AnyGreenThread = owner


def test_a_deadlock_is_raised_in_main_at_once_and_lists_everybody() -> None:
    """Every greenthread with its stack, what it waits for and who holds that; main may go on."""

    def waits_for(thing: Thing) -> Green[None]:
        yield from Wait[None](thing, "the thing").get()

    def main() -> Green[str]:
        me = genlet.getcurrent()
        gt = genlet.spawn(waits_for, Thing(me))
        gt.name = "child"
        for _ in range(2):
            with pytest.raises(Deadlock) as caught:
                yield from forever().get()
            text = str(caught.value)
            assert text.startswith(
                "every greenthread waits, and no timer, descriptor, thread or signal can wake"
                " one:\n"
                "  <GreenThread main waits for the end of time>, the main greenthread\n"
            )
            child = text[text.index("  <GreenThread child waits for the thing>, spawned at ") :]
            assert "    held by <GreenThread main waits for the end of time>\n" in child
            assert "in waits_for\n" in child
            assert 'Wait[None](thing, "the thing").get()' in child
            assert "in main\n" in text
        yield from gt.kill()
        return "went on"

    assert simulate(main) == "went on"


def test_a_deadlock_that_main_lets_pass_is_raised_by_run() -> None:
    """And the others are ended as at any end of a run."""
    log: Log = []

    def other() -> Green[None]:
        try:
            yield from forever().get()
        finally:
            log.append("cleaned up")

    def main() -> Green[None]:
        genlet.spawn(other)
        yield from forever().get()

    with pytest.raises(Deadlock):
        genlet.run(main)
    assert log == ["cleaned up"]


def test_waiting_for_a_greenthread_that_waits_for_you_is_a_deadlock() -> None:
    """Found at once, naming what each waits for."""

    def child(parent: AnyGreenThread) -> Green[None]:
        yield from parent.wait()

    def main() -> Green[None]:
        gt = genlet.spawn(child, genlet.getcurrent())
        gt.name = "child"
        with pytest.raises(Deadlock, match="<GreenThread main waits for the end of child>"):
            yield from gt.wait()

    genlet.run(main)


# ---- the end of a run ---------------------------------------------------------------------------


def test_the_end_of_main_interrupts_the_others_once_with_greenlet_exit() -> None:
    """They have the grace to clean up, waiting included; the run returns when they are gone."""
    log: Log = []
    time = VirtualTime()

    def worker() -> Green[None]:
        try:
            yield from forever().get()
        except GreenletExit:
            log.append("interrupted")
            yield from genlet.sleep(0.5)
            log.append("cleaned up")

    def main() -> Green[str]:
        genlet.spawn(worker)
        yield from genlet.sleep(0)
        return "the result"

    assert time.runner().run(main) == "the result"
    assert log == ["interrupted", "cleaned up"]
    assert time.now == 0.5


def test_after_the_grace_every_suspension_is_refused() -> None:
    """Cleanup that takes longer than the grace is cut short there, and the run returns."""
    time = VirtualTime()
    cut_at: List[float] = []

    def worker() -> Green[None]:
        for _ in range(3):
            try:
                yield from genlet.sleep(1000)
            except BaseException:
                cut_at.append(time.now)

    def main() -> Green[None]:
        genlet.spawn(worker)
        yield from genlet.sleep(0)

    time.runner(grace=3).run(main)
    assert cut_at == [0, 3, 3]
    assert time.now == 3


def test_the_end_of_a_run_leaves_an_empty_table_and_no_started_generator() -> None:
    """No greenthread, timer or descriptor outlives its run; what had not started never runs."""
    log: Log = []

    def main() -> Green[Tuple[Scheduler, List[AnyGreenThread]]]:
        greenthreads: List[AnyGreenThread] = [
            genlet.spawn(logs, log, "never"),
            genlet.spawn_after(1000, logs, log, "never"),
            genlet.spawn(genlet.sleep, 1000),
        ]
        greenthreads[0].kill_soon()
        yield from genlet.sleep(0)
        genlet.Timeout(1000).cancel()
        greenthreads.append(genlet.spawn(logs, log, "never"))
        return get_scheduler(), greenthreads

    scheduler, greenthreads = genlet.run(main)
    assert log == []
    assert all(gt.dead for gt in greenthreads)
    assert scheduler.everybody() == []
    assert len(scheduler.ready) == 0


def test_who_ignores_the_end_of_a_run_is_closed_newest_first_and_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Swallowing every interruption in a loop hangs nothing; GeneratorExit comes in the end."""
    closed: Log = []

    def stubborn(name: str) -> Green[None]:
        genlet.getcurrent().name = name
        try:
            while True:
                try:
                    yield from genlet.sleep(1000)
                except genlet.Cancelled:
                    pass
        except GeneratorExit:
            closed.append(name)
            yield from genlet.sleep(1)  # refused as well

    def main() -> Green[None]:
        for name in ("oldest", "middle", "newest"):
            genlet.spawn(stubborn, name)
        yield from genlet.sleep(0)

    simulate(main)
    assert closed == ["newest", "middle", "oldest"]
    text = capsys.readouterr().err
    assert text.count("still there at the end of the run, closed by force:\n") == 3
    for name in closed:
        assert f"<GreenThread {name} " in text
    assert "in stubborn\n" in text


def test_a_greenthread_spawned_in_cleanup_may_finish_within_the_grace() -> None:
    """What is spawned during the grace counts as interrupted already."""
    log: Log = []

    def helper() -> Green[None]:
        yield from genlet.sleep(0.5)
        log.append("helped")

    def worker() -> Green[None]:
        try:
            yield from forever().get()
        finally:
            yield from genlet.spawn(helper).wait()
            log.append("cleaned up")

    def main() -> Green[None]:
        genlet.spawn(worker)
        yield from genlet.sleep(0)

    simulate(main)
    assert log == ["helped", "cleaned up"]


def test_the_others_are_ended_when_main_fails_too() -> None:
    """Run raises main's error, after the others' cleanup; an error in that is reported."""
    reported: Log = []

    def hook(gt: AnyGreenThread, exc: BaseException) -> None:
        reported.append(f"{gt.name}: {exc}")

    def worker() -> Green[None]:
        try:
            yield from forever().get()
        finally:
            raise ValueError("in cleanup")

    def main() -> Green[None]:
        genlet.spawn(worker).name = "worker"
        yield from genlet.sleep(0)
        raise LookupError("main")

    with pytest.raises(LookupError, match="main"):
        Runner(excepthook=hook).run(main)
    assert reported == ["worker: in cleanup"]


def test_a_run_inside_a_run_is_an_error() -> None:
    """One kernel per thread; afterwards there is none."""

    def main() -> Green[None]:
        with pytest.raises(RuntimeError, match="this thread has a kernel already"):
            genlet.run(nothing)
        yield from genlet.checkpoint()

    genlet.run(main)
    with pytest.raises(RuntimeError, match=r"start one with genlet\.run\(main\)"):
        get_scheduler()


def test_runs_in_two_threads_do_not_meet() -> None:
    """Each thread has a kernel of its own."""
    numbers: List[int] = []

    def main() -> Green[None]:
        for _ in range(20):
            yield from genlet.spawn(nothing).wait()
        numbers.append(genlet.spawn(nothing).number)

    thread = Thread(target=genlet.run, args=(main,))
    thread.start()
    genlet.run(main)
    thread.join()
    assert numbers == [22, 22]


# ---- stubborn code while the run goes on --------------------------------------------------------


def test_code_that_swallows_cancellation_in_a_loop_starves_nobody() -> None:
    """Refusals go through the ready queue: the others have their turns, timers and all."""
    swallowed = [0]

    def stubborn() -> Green[None]:
        while swallowed[0] < 1000:
            try:
                yield from genlet.sleep(1000)
            except BaseException:
                swallowed[0] += 1

    def main() -> Green[int]:
        gt = genlet.spawn(stubborn)
        yield from genlet.sleep(0)
        gt.kill_soon(force=True)
        turns = 0
        while not gt.dead:
            turns += 1
            yield from genlet.sleep(0)
        return turns

    assert genlet.run(main) > 300


# ---- Runner's seams -----------------------------------------------------------------------------


def test_virtual_time_runs_an_hour_in_no_time() -> None:
    """A clock and a poller that moves it are all it takes."""
    time = VirtualTime()

    def main() -> Green[List[float]]:
        seen: List[float] = []

        def sleeps(seconds: float) -> Green[None]:
            yield from genlet.sleep(seconds)
            seen.append(time.now)

        for gt in [genlet.spawn(sleeps, hours * 3600.0) for hours in (3, 1, 2)]:
            yield from gt.wait()
        return seen

    assert time.runner().run(main) == [3600, 7200, 10800]


class Shuffled:
    """A ready queue that gives out whom it likes."""

    def __init__(self, seed: int) -> None:
        self._chance: random.Random = random.Random(seed)
        self._items: List[AnyGreenThread] = []

    def append(self, item: AnyGreenThread, /) -> None:
        self._items.append(item)

    def appendleft(self, item: AnyGreenThread, /) -> None:
        self._items.insert(0, item)

    def popleft(self) -> AnyGreenThread:
        return self._items.pop(self._chance.randrange(len(self._items)))

    def __len__(self) -> int:
        return len(self._items)


def test_a_ready_queue_of_ones_own_decides_who_runs_next() -> None:
    """The kernel uses its four methods and nothing else, and runs correctly in any order."""
    orders: Set[str] = set()
    for seed in range(20):
        log: Log = []

        def main(log: Log = log) -> Green[None]:
            greenthreads = [genlet.spawn(logs, log, word) for word in "abcd"]
            victim = genlet.spawn(genlet.sleep, 1000)
            yield from genlet.sleep(0)
            yield from victim.kill()
            for gt in greenthreads:
                yield from gt.wait()

        Runner(ready=Shuffled(seed)).run(main)
        assert sorted(log) == list("abcd")
        orders.add("".join(log))
    assert len(orders) > 5


def test_a_runner_that_was_given_instances_is_used_up_by_one_run() -> None:
    """A poller or a queue belongs to one run; a clock or a hub's name to any number."""
    runner = Runner(ready=Shuffled(1))
    runner.run(nothing)
    with pytest.raises(RuntimeError, match="its run is over"):
        runner.run(nothing)
    runner = Runner(clock=lambda: 0.0, hub="select")
    runner.run(nothing)
    runner.run(nothing)


def test_runner_refuses_nonsense_when_it_is_made() -> None:
    """Not in the middle of a program."""
    with pytest.raises(ValueError, match="grace is a number of seconds, 0 or more; got -1"):
        Runner(grace=-1)
    with pytest.raises(ValueError, match="epol"):
        Runner(hub="epol")


class Recorder(NullInstrument):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.log: Log = []

    def before_run(self) -> None:
        self.log.append("before_run")

    def after_run(self) -> None:
        self.log.append("after_run")

    def spawned(self, gt: AnyGreenThread) -> None:
        self.log.append(f"spawned {gt.number}")

    def scheduled(self, gt: AnyGreenThread) -> None:
        self.log.append(f"scheduled {gt.number}")

    def before_step(self, gt: AnyGreenThread) -> None:
        self.log.append(f"before_step {gt.number}")

    def after_step(self, gt: AnyGreenThread) -> None:
        self.log.append(f"after_step {gt.number}")

    def finished(self, gt: AnyGreenThread) -> None:
        self.log.append(f"finished {gt.number}")

    def before_wait(self, timeout: Optional[float]) -> None:
        self.log.append(f"before_wait {timeout}")

    def after_wait(self, events: int) -> None:
        self.log.append(f"after_wait {events}")


def test_an_instrument_is_told_of_everything_in_order() -> None:
    """Each hook, at its moment."""
    recorder = Recorder()
    time = VirtualTime()

    def child() -> Green[None]:
        yield from genlet.sleep(2)

    def main() -> Green[None]:
        yield from genlet.spawn(child).wait()

    Runner(hub=time, clock=time.clock, instruments=[recorder]).run(main)
    glances = (
        "before_wait 0.0",
        "after_wait 0",
    )  # how often the loop only looks is its own affair
    log = [line for line in recorder.log if line not in glances]
    assert log == [
        "before_run",
        "spawned 1",
        "scheduled 1",
        "before_step 1",
        "spawned 2",
        "scheduled 2",
        "after_step 1",
        "before_step 2",
        "after_step 2",
        "before_wait 2.0",
        "scheduled 2",
        "before_step 2",
        "after_step 2",
        "scheduled 1",
        "finished 2",
        "before_step 1",
        "after_step 1",
        "finished 1",
        "after_run",
    ]


def test_an_instrument_hears_nothing_of_a_greenthread_after_its_end() -> None:
    """One that was killed before its first turn is not said to run."""
    recorder = Recorder()

    def main() -> Green[None]:
        gt = genlet.spawn(nothing)
        gt.kill_soon()
        yield from genlet.sleep(0)

    Runner(instruments=[recorder]).run(main)
    of_child = [line for line in recorder.log if line.endswith(" 2")]
    assert of_child == ["spawned 2", "scheduled 2", "finished 2"]


def test_an_instrument_that_raises_is_reported_once_and_heard_of_no_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An observer's mistake harms neither the program nor the other observers."""

    class Broken(NullInstrument):
        def scheduled(self, gt: AnyGreenThread) -> None:
            raise LookupError("the instrument")

    recorder = Recorder()

    def main() -> Green[str]:
        yield from genlet.spawn(nothing).wait()
        return "unharmed"

    assert Runner(instruments=[Broken(), recorder]).run(main) == "unharmed"
    assert recorder.log[-1] == "after_run"
    assert capsys.readouterr().err.count("LookupError: the instrument") == 1


def test_an_observed_run_has_the_same_schedule() -> None:
    """Telling changes nothing: contexts, kills and results are as without."""
    log: Log = []

    def child() -> Green[str]:
        variable.set("child's")
        yield from genlet.sleep(0)
        return variable.get()

    def main() -> Green[None]:
        gt = genlet.spawn(child)
        victim = genlet.spawn(forever().get)
        yield from genlet.sleep(0)
        yield from victim.kill()
        log.append((yield from gt.wait()))
        assert gt.context[variable] == "child's"
        assert variable.get() == "unset"

    Runner(instruments=[NullInstrument()]).run(main)
    assert log == ["child's"]


def test_an_excepthook_takes_the_place_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    """It is called once with the greenthread and the error; one that raises is reported itself."""
    seen: List[Tuple[AnyGreenThread, BaseException]] = []

    def hook(gt: AnyGreenThread, exc: BaseException) -> None:
        seen.append((gt, exc))
        if len(seen) == 2:
            raise ValueError("the hook")

    def fails() -> Green[None]:
        yield from genlet.checkpoint()
        raise LookupError

    def main() -> Green[List[AnyGreenThread]]:
        greenthreads: List[AnyGreenThread] = [genlet.spawn(fails), genlet.spawn(fails)]
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        return greenthreads

    greenthreads = Runner(excepthook=hook).run(main)
    assert [gt for gt, _ in seen] == greenthreads
    assert all(gt.error is exc for gt, exc in seen)
    text = capsys.readouterr().err
    assert text.count("Traceback") == text.count("ValueError: the hook") + 1 == 2
    assert "ended with an error" not in text


# ---- nothing piles up ---------------------------------------------------------------------------


@pytest.mark.slow
def test_cycles_of_spawn_kill_and_timeout_leave_nothing_behind() -> None:
    """A hundred thousand of them: timers, members and objects stay as few as they were."""

    def parked() -> Green[None]:
        yield from forever().get()

    def timed() -> Green[None]:
        with genlet.Timeout(1000):
            yield from genlet.sleep(0)

    def cycles(count: int) -> Green[None]:
        for _ in range(count):
            gt = genlet.spawn(parked)
            genlet.spawn(timed)
            genlet.spawn(nothing).kill_soon()
            genlet.spawn_after(1000, nothing).cancel()
            yield from genlet.sleep(0)
            yield from gt.kill()

    def main() -> Green[None]:
        scheduler = get_scheduler()
        yield from cycles(100)
        counts = None
        for _ in range(2):
            yield from genlet.sleep(0)
            gc.collect()
            before, counts = counts, len(gc.get_objects())
            if before is not None:
                assert counts - before < 200
            else:
                yield from cycles(25_000)
        assert len(scheduler.timers.heap) < 200
        assert len(scheduler.root.members) == 1
        assert len(scheduler.ready) == 0

    genlet.run(main)


def test_fired_timeouts_and_kills_of_one_greenthread_leave_nothing_behind() -> None:
    """A server that lives long and is interrupted often does not grow."""

    def main() -> Green[None]:
        def cycles(count: int) -> Green[None]:
            me = genlet.getcurrent()
            for _ in range(count):
                with genlet.Timeout(1, False):
                    yield from forever().get()
                with genlet.move_on_after(1, grace=5):
                    yield from forever().get()
                try:
                    yield from me.kill(LookupError)
                except LookupError:
                    pass

        yield from cycles(50)
        gc.collect()
        before = len(gc.get_objects())
        yield from cycles(1000)
        gc.collect()
        assert len(gc.get_objects()) - before < 200

    simulate(main)
