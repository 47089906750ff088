"""The first and the last lines of a run: what strikes there is raised, and nothing is left behind."""

from __future__ import annotations

import io
import os
import signal
import threading
from contextlib import contextmanager, redirect_stderr
from time import monotonic
from typing import Any, Callable, Dict, Iterator, Optional

import pytest

import genlet
from genlet.abc import Green
from genlet.kernel import Runner, available_hubs, get_scheduler
from tests.laws.strikes import Strike, SwiftTime, codes_of, everywhere

from .edges import MAINS, busy, noop, nothing_left, open_files, press
from .interrupts import short_runs


class OutOfMemory(MemoryError):
    """What is raised between two lines."""


class Handled(Exception):
    """What a program's signal handler raises."""


def fail() -> None:
    raise OutOfMemory


# The functions that take a run up and down.
EDGES = (
    "run _finish finish __init__ _poller choose install restore before_blocking open close clear"
    " close_leftovers give_up begin loop turns _first_wait _idle_time run_calls disown _surface surface"
)


HUBS = [
    hub if index == 0 else pytest.param(hub, marks=pytest.mark.slow)
    for index, hub in enumerate(available_hubs())
]


def play(
    main: Callable[[], Green[str]], strike: Strike, expected: type, settings: Dict[str, Any]
) -> None:
    """Run *main* once under *strike*: the error comes out, or main has caught it."""
    before = open_files()
    raised: Optional[BaseException] = None
    result: Optional[str] = None
    told = io.StringIO()
    started = monotonic()
    with strike, redirect_stderr(told):
        try:
            result = Runner(**settings).run(main)
        except BaseException as exc:
            raised = exc
    assert monotonic() - started < 5, "it took long"
    nothing_left(before)
    if not strike.struck:
        assert result == "done" or isinstance(raised, LookupError), f"{result!r}, {raised!r}"
        return
    seen: Optional[BaseException] = raised
    while seen is not None and not isinstance(seen, expected):
        seen = seen.__context__
    if seen is None and expected.__name__ not in told.getvalue():
        assert result == "caught", f"{expected.__name__} was lost: {result!r}, {raised!r}"
    assert genlet.run(noop) == "done"


@pytest.mark.parametrize("main", MAINS)
@pytest.mark.parametrize("hub", HUBS)
def test_ctrl_c_at_any_line_of_a_run_is_raised_and_leaves_nothing_behind(
    main: str, hub: str
) -> None:
    """From the first line of `run` to its last it is Python's, main's, or raised at the end."""
    genlet.run(busy)  # everything is loaded
    places = everywhere(
        lambda at: play(MAINS[main], at, KeyboardInterrupt, {"hub": hub}),
        lambda number: Strike(press, number, most=4),
    )
    assert places > 50


@pytest.mark.slow
def test_ctrl_c_at_any_instruction_of_the_edges_is_raised_and_leaves_nothing_behind() -> None:
    """The same between the instructions of the functions that take a run up and down."""
    genlet.run(busy)
    codes = codes_of(*EDGES.split())
    places = everywhere(
        lambda at: play(busy, at, KeyboardInterrupt, {}),
        lambda number: Strike(press, number, codes, instructions=True, most=2),
    )
    assert places > 100


@pytest.mark.parametrize("main", MAINS)
def test_an_error_at_any_line_of_the_edges_is_raised_and_leaves_nothing_behind(main: str) -> None:
    """Out of memory while a run is taken up or down: it is raised, and everything is undone."""
    genlet.run(busy)
    codes = codes_of(*EDGES.split())
    places = everywhere(
        lambda at: play(MAINS[main], at, OutOfMemory, {}),
        lambda number: Strike(fail, number, codes, most=2),
    )
    assert places > 30


@pytest.mark.parametrize("hub", available_hubs())
def test_an_error_at_any_line_of_a_poller_that_opens_leaves_nothing_behind(hub: str) -> None:
    """What fails when the run blocks for the first time is raised, and no descriptor is lost."""
    genlet.run(busy)
    codes = codes_of("register", "open", "open_bell", "before_blocking", "wait", "_first_wait")
    places = everywhere(
        lambda at: play(busy, at, OutOfMemory, {"hub": hub}),
        lambda number: Strike(fail, number, codes, most=2),
    )
    assert places > 5


@pytest.mark.parametrize(
    "main", ["noop", pytest.param("busy", marks=pytest.mark.slow), "fails", "patient"]
)
def test_a_handlers_exception_at_any_line_of_a_run_is_raised_and_leaves_nothing_behind(
    main: str,
) -> None:
    """What a program's own signal handler raises reaches the program, wherever it comes."""
    # As in uvloop #94, curio #72 and trio-asyncio #134.
    genlet.run(busy)

    def handle() -> None:
        raise Handled

    places = everywhere(
        lambda at: play(MAINS[main], at, Handled, {}),
        lambda number: Strike(handle, number, most=2),
    )
    assert places > 50


# ---- random signals -------------------------------------------------------------------------------


def test_short_runs_under_a_timers_signals_lose_none_and_leave_nothing() -> None:
    """Each Ctrl-C of a real timer is raised by the run that it came in, or after it."""
    genlet.run(busy)
    pressed, seen = short_runs(1500)
    assert seen == pressed


# ---- a poller that refuses ------------------------------------------------------------------------


class Refusing(SwiftTime):
    """A poller that cannot take a descriptor."""

    def register(self, fd: int, mask: int) -> None:
        raise OSError(24, "as many as there may be")


@pytest.mark.parametrize("times", [1, 3])
def test_a_wakeup_pipe_that_cannot_be_registered_is_closed(times: int) -> None:
    """However often it is tried: by a sleep, by a portal, by a job on a thread."""
    before = open_files()

    def main() -> Green[None]:
        for _ in range(times):
            for use in (genlet.sleep(0.01), open_a_portal()):
                try:
                    yield from use
                except OSError:
                    pass
        assert len(open_files() - before) <= 2, "descriptors are lost"

    try:
        Runner(hub=Refusing()).run(main)
    except OSError:
        pass
    nothing_left(before)


def open_a_portal() -> Green[None]:
    with genlet.portal():
        yield from genlet.sleep(0)


def test_a_poller_that_cannot_be_closed_leaves_no_kernel_behind() -> None:
    """Whatever of the taking down fails, the rest of it is done."""

    class Stuck(SwiftTime):
        def close(self) -> None:
            raise OSError(5, "as expected")

    before = open_files()
    with pytest.raises(OSError, match="as expected"):
        Runner(hub=Stuck()).run(busy)
    nothing_left(before)


def test_an_instrument_that_fails_at_the_end_leaves_no_kernel_behind() -> None:
    """Observers are told, and what they raise is theirs."""

    class Loud(genlet.kernel.NullInstrument):
        def before_run(self) -> None:
            raise KeyError("before")

        def after_run(self) -> None:
            raise KeyError("after")

    before = open_files()
    with redirect_stderr(io.StringIO()):
        assert Runner(instruments=[Loud()]).run(noop) == "done"
    nothing_left(before)


def test_runs_in_many_threads_leave_no_descriptor_and_no_kernel() -> None:
    """A thread that has ended leaves nothing of its runs."""
    # As in eventlet #776.
    before = open_files()
    threads = [threading.Thread(target=genlet.run, args=(busy,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    nothing_left(before)


# ---- no descriptor left ---------------------------------------------------------------------------


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Let no descriptor be opened."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    highest = max(int(name.partition(" ")[0]) for name in open_files())
    taken = [os.dup(0) for _ in range(free, highest)]  # the free numbers below the limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken, default=highest) + 1, hard))
    try:
        with pytest.raises(OSError, match="open files"):
            os.dup(0)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)


@pytest.mark.parametrize("hub", available_hubs())
def test_a_sleep_is_a_sleep_though_no_descriptor_is_left(hub: str) -> None:
    """The run goes on without the pipe that interrupts its waiting, and leaks nothing."""
    Runner(hub=hub).run(busy)  # everything is loaded
    before = open_files()

    def main() -> Green[str]:
        for _ in range(10):
            yield from genlet.sleep(0.001)
        return "done"

    with no_descriptor_left():
        assert Runner(hub=hub).run(main) == "done"
    nothing_left(before)


@pytest.mark.parametrize("hub", available_hubs())
def test_ctrl_c_comes_soon_though_no_descriptor_is_left(hub: str) -> None:
    """Without the pipe the waits are short, so a signal waits for the end of one."""
    Runner(hub=hub).run(busy)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))

    def main() -> Green[None]:
        timer.start()
        yield from genlet.sleep(20)

    started = monotonic()
    with no_descriptor_left(), pytest.raises(KeyboardInterrupt):
        Runner(hub=hub).run(main)
    timer.join()
    assert monotonic() - started < 5


def test_the_pipe_is_made_as_soon_as_there_is_a_descriptor_again() -> None:
    """A run that began without one has it later, and opens it once."""

    def main() -> Green[bool]:
        with no_descriptor_left():
            yield from genlet.sleep(0.001)
            assert get_scheduler().wakeup.write_fd == -1
        yield from genlet.sleep(0.001)
        return get_scheduler().wakeup.write_fd >= 0

    assert genlet.run(main)
