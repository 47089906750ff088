"""A call on a thread holds up nothing longer than it must: interruptions, full pools, given-up calls."""

from __future__ import annotations

import os
import signal
import socket as plain
import threading
from time import monotonic, sleep
from typing import Any, Callable, Iterator, List, Optional

import pytest

import genlet
from genlet import GreenletExit, TaskGroup, tpool
from genlet.abc import Green
from genlet.green import dns
from genlet.kernel import Runner
from genlet.tpool import ThreadPool
from tests.kernel import outcome

LONG = 20.0  # seconds that a call takes which is not released
LATE = 4.0  # seconds after which a call that should not have been waited for is released
SOON = 2.5  # seconds: below that, and enough for a machine that is busy


class Blocking:
    """A call that blocks a thread until it is released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.released = threading.Event()
        self.calls: int = 0

    def __call__(self) -> str:
        self.calls += 1
        self.entered.set()
        self.released.wait(LONG)
        return "returned"


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    call = Blocking()
    yield call
    call.released.set()


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    pool = ThreadPool(1, "narrow")
    yield pool
    pool.killall()


@pytest.fixture(autouse=True)
def python_takes_ctrl_c() -> Iterator[None]:
    """The handler of SIGINT is put back, and no thread is left."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)
    tpool.killall()


class CtrlC:
    """Presses Ctrl-C *count* times, from another thread, once the call is entered."""

    def __init__(self, after: Blocking, count: int, pause: float = 0.02) -> None:
        self._after = after
        self._count = count
        self._pause = pause
        self._thread = threading.Thread(target=self._press)
        self._thread.start()

    def _press(self) -> None:
        self._after.entered.wait(LONG)
        for _ in range(self._count):
            sleep(self._pause)
            os.kill(os.getpid(), signal.SIGINT)

    def join(self) -> None:
        self._thread.join()


def elapsed_until_interrupted(
    main: Callable[[], Green[object]], blocking: Blocking, *, count: int, grace: float = 0.5
) -> float:
    """Run *main*, press Ctrl-C, and return how long it takes until `run` raises KeyboardInterrupt.

    When it is late the blocking call returns by itself.
    """
    presses = CtrlC(blocking, count)
    bound = threading.Timer(LATE, blocking.released.set)
    bound.start()
    started = monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            Runner(grace=grace).run(main)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one that comes late does nothing
        return monotonic() - started
    finally:
        bound.cancel()
        blocking.released.set()
        presses.join()
        bound.join()


# ---- Ctrl-C ---------------------------------------------------------------------------------------


def test_a_second_ctrl_c_ends_a_run_whose_main_waits_for_a_thread(
    blocking: Blocking, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first waits for the call's result; the second begins the grace, and then the run ends."""

    def main() -> Green[None]:
        yield from tpool.execute(blocking)

    assert elapsed_until_interrupted(main, blocking, count=2) < SOON
    capfd.readouterr()


def test_more_ctrl_c_change_nothing_about_that(
    blocking: Blocking, capfd: pytest.CaptureFixture[str]
) -> None:
    """Four presses end the run as two do."""

    def main() -> Green[None]:
        yield from tpool.execute(blocking)

    assert elapsed_until_interrupted(main, blocking, count=4) < SOON
    capfd.readouterr()


def test_a_second_ctrl_c_ends_a_run_whose_main_is_held_by_a_child_on_a_thread(
    blocking: Blocking, capfd: pytest.CaptureFixture[str]
) -> None:
    """Main waits for a child that waits for a thread: that is no reason to wait any longer."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            group.spawn(tpool.execute, blocking)
            yield from group.join()

    assert elapsed_until_interrupted(main, blocking, count=2) < SOON
    capfd.readouterr()


def test_a_ctrl_c_ends_a_run_whose_leftovers_wait_for_a_thread(
    blocking: Blocking, capfd: pytest.CaptureFixture[str]
) -> None:
    """After main's end there is a grace, and Ctrl-C is the end of it."""

    def main() -> Green[None]:
        genlet.spawn(tpool.execute, blocking)
        while not blocking.entered.is_set():
            yield from genlet.sleep(0.01)

    assert elapsed_until_interrupted(main, blocking, count=2, grace=15) < SOON
    capfd.readouterr()


def test_one_ctrl_c_waits_for_the_call_and_loses_no_result(blocking: Blocking) -> None:
    """A call that has begun is waited for: main is interrupted at the suspension after that."""
    got: List[str] = []

    def main() -> Green[None]:
        got.append((yield from tpool.execute(blocking)))
        yield from genlet.sleep(10)

    threading.Timer(0.5, blocking.released.set).start()
    elapsed_until_interrupted(main, blocking, count=1)
    assert got == ["returned"]


def test_a_cleanup_after_ctrl_c_may_call_on_threads() -> None:
    """The threads go on serving until the run has ended."""
    # As in anyio #310.
    made: List[str] = []

    def cleanup() -> Green[None]:
        yield from tpool.execute(made.append, "of a child")

    def child() -> Green[None]:
        try:
            yield from genlet.sleep(10)
        finally:
            with genlet.shielded(5):
                yield from cleanup()

    def main() -> Green[None]:
        genlet.spawn(child)
        yield from genlet.sleep(0)
        try:
            signal.raise_signal(signal.SIGINT)
            yield from genlet.sleep(10)
        finally:
            yield from tpool.execute(made.append, "of main")

    with pytest.raises(KeyboardInterrupt):
        genlet.run(main)
    assert sorted(made) == ["of a child", "of main"]


def test_a_call_that_returns_after_its_run_has_ended_says_nothing(
    blocking: Blocking, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing waits for it any more: no traceback, and the thread serves others."""
    # As in cpython #96827.

    def main() -> Green[None]:
        genlet.spawn(tpool.execute, blocking)
        while not blocking.entered.is_set():
            yield from genlet.sleep(0.01)

    Runner(grace=0).run(main)
    capfd.readouterr()
    blocking.released.set()

    def after() -> Green[str]:
        return (yield from tpool.execute(lambda: "served"))

    assert genlet.run(after) == "served"
    tpool.killall()
    assert capfd.readouterr() == ("", "")


def test_threads_that_are_dismissed_lose_no_call_that_comes_just_then() -> None:
    """A pool that shrinks and grows all the time serves all calls."""
    # As in trio #1604.
    pool = ThreadPool(3, "breathing")

    def work(number: int) -> Green[int]:
        return (yield from pool.execute(abs, number))

    def breathe() -> Green[None]:
        while True:
            for size in (1, 3, 2):
                pool.set_num_threads(size)
                yield from genlet.sleep(0)

    def main() -> Green[None]:
        breathing = genlet.spawn(breathe)
        with genlet.fail_after(30):
            for first in range(0, 600, 20):
                numbers = range(first, first + 20)
                found = yield from genlet.gather(*(work(number) for number in numbers))
                assert list(found) == list(numbers)
        yield from breathing.kill()

    genlet.run(main)
    pool.killall()


# ---- calls that have not begun --------------------------------------------------------------------


def with_a_timeout(op: Green[object]) -> Green[object]:
    with genlet.Timeout(0.05):
        return (yield from op)


def with_move_on_after(op: Green[object]) -> Green[object]:
    with genlet.move_on_after(0.05):
        return (yield from op)
    raise TimeoutError


def with_fail_after(op: Green[object]) -> Green[object]:
    with genlet.fail_after(0.05):
        return (yield from op)


def killed(op: Green[object]) -> Green[object]:
    gt = genlet.spawn(through, op)
    yield from genlet.sleep(0)
    yield from genlet.sleep(0)
    yield from gt.kill()
    return (yield from gt.wait())


def in_a_cancelled_group(op: Green[object]) -> Green[object]:
    with TaskGroup() as group:
        gt = group.spawn(through, op)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        group.cancel()
        yield from group.join()
    return (yield from gt.wait())


def through(op: Green[object]) -> Green[object]:
    return (yield from op)


@pytest.mark.parametrize(
    "way",
    [with_a_timeout, with_move_on_after, with_fail_after, killed, in_a_cancelled_group],
    ids=lambda way: way.__name__,
)
def test_a_call_that_has_not_begun_is_withdrawn_when_it_is_interrupted(
    pool: ThreadPool, blocking: Blocking, way: Callable[[Green[object]], Green[object]]
) -> None:
    """No thread was free: the interruption comes at once, and the call is never made."""
    made: List[int] = []

    def main() -> Green[None]:
        busy = genlet.spawn(pool.execute, blocking)
        while not blocking.entered.is_set():
            yield from genlet.sleep(0.01)
        started = monotonic()
        late = threading.Timer(LATE, blocking.released.set)
        late.start()
        with pytest.raises((genlet.Timeout, TimeoutError, GreenletExit)):
            yield from way(pool.execute(made.append, 1))
        took = monotonic() - started
        late.cancel()
        late.join()
        blocking.released.set()
        yield from busy.wait()
        yield from pool.execute(int)
        assert took < SOON, "it waited for a call that had not begun"
        assert made == [], "the call was made all the same"

    genlet.run(main)


def test_an_interruption_just_as_the_call_begins_waits_for_its_result(pool: ThreadPool) -> None:
    """Withdrawn or made, never both, however the two fall."""
    made: List[int] = []
    kept: List[int] = []
    given_up: List[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    def attempt(number: int) -> Green[None]:
        try:
            with genlet.Timeout(0.0002 * (number % 7)):
                kept.append((yield from pool.execute(make, number)))
                yield from genlet.sleep(1)
        except genlet.Timeout:
            given_up.append(number)

    def main() -> Green[None]:
        with TaskGroup() as group:
            for number in range(200):
                group.spawn(attempt, number)
                if number % 5 == 0:
                    yield from genlet.sleep(0)
            yield from group.join()

    genlet.run(main)
    assert sorted(made) == sorted(kept), "a result was lost, or a call made in vain"
    assert len(given_up) == 200


# ---- full pools -----------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2])
def test_a_call_inside_of_a_call_on_a_full_pool_does_not_hang(
    depth: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """It gets a thread, or an error that names the pool; it does not wait forever in silence."""
    pool = ThreadPool(depth, "full")

    def nested(left: int) -> object:
        if not left:
            return "done"
        return tpool.from_thread.run(pool.execute, nested, left - 1)

    def main() -> Green[object]:
        gt = genlet.spawn(pool.execute, nested, depth)
        with genlet.move_on_after(1.5):
            return (yield from outcome(gt)) or gt.result()
        return "it hangs"

    started = monotonic()
    result = Runner(grace=0.1).run(main)
    capfd.readouterr()
    pool.killall()
    assert result == "done" or (isinstance(result, RuntimeError) and "full" in str(result)), result
    assert monotonic() - started < SOON


# ---- calls that were given up ---------------------------------------------------------------------


@pytest.fixture
def dead_name_server(monkeypatch: pytest.MonkeyPatch, blocking: Blocking) -> Iterator[Blocking]:
    """Every name but localhost takes forever to look up."""
    real = dns.libc_getaddrinfo

    def getaddrinfo(host: Any, port: Any, family: int, type: int, proto: int, flags: int) -> Any:
        if not flags & plain.AI_NUMERICHOST and "example" in str(host):
            blocking()
            raise plain.gaierror(plain.EAI_AGAIN, "no answer")
        return real(host, port, family, type, proto, flags)

    monkeypatch.setattr(dns, "libc_getaddrinfo", getaddrinfo)
    dns.set_resolver("thread")
    yield blocking
    blocking.released.set()
    dns.set_resolver()


def test_lookups_that_were_given_up_do_not_keep_the_next_one_waiting(
    dead_name_server: Blocking,
) -> None:
    """A dead name server holds threads; a look-up that was given up holds up no other."""

    def hopeless(number: int) -> Green[None]:
        with genlet.move_on_after(0.2):
            yield from dns.getaddrinfo(f"host{number}.example", 80)

    def main() -> Green[float]:
        with TaskGroup() as group:
            for number in range(3 * dns.THREADS):
                group.spawn(hopeless, number)
            yield from group.join()
        late = threading.Timer(LATE, dead_name_server.released.set)
        late.start()
        started = monotonic()
        yield from dns.getaddrinfo("localhost", 80)
        took = monotonic() - started
        late.cancel()
        late.join()
        return took

    assert genlet.run(main) < SOON


def test_lookups_that_are_waited_for_are_bounded_in_number(dead_name_server: Blocking) -> None:
    """Not giving up does hold a thread: there are never more of those than the pool's size."""
    before: Optional[int] = None

    def main() -> Green[None]:
        nonlocal before
        gts = [
            genlet.spawn(dns.getaddrinfo, f"host{number}.example", 80)
            for number in range(3 * dns.THREADS)
        ]
        while not dead_name_server.entered.is_set():
            yield from genlet.sleep(0.01)
        yield from genlet.sleep(0.1)
        before = dead_name_server.calls
        dead_name_server.released.set()
        for gt in gts:
            yield from outcome(gt)

    genlet.run(main)
    assert before is not None
    assert before <= dns.THREADS
