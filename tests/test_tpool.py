"""genlet.tpool: blocking calls on threads, and the ways back from there."""

from __future__ import annotations

import contextvars
import copy
import gc
import os
import pickle
import re
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
import warnings
import weakref
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, NoReturn, Optional, Tuple, Type

import pytest

import genlet
from genlet import END, Green, Timeout, spawn, tpool
from genlet._compat import IS_PYPY
from genlet.tpool import Proxy, ThreadPool, execute, execute_abandonable, from_thread, unwrap


@pytest.fixture(autouse=True)
def fresh_pool() -> Iterator[None]:
    """The module's pool has twenty threads to start with, and none is left."""
    tpool.set_num_threads(20)
    yield
    tpool.killall()


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    """A pool of one thread."""
    pool = ThreadPool(1, "one")
    yield pool
    pool.killall()


class Gate:
    """A plain function that blocks until it is opened; it counts who is inside."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.entered = threading.Event()
        self.calls = 0

    def __call__(self, result: Any = None) -> Any:
        self.calls += 1
        self.entered.set()
        assert self._open.wait(30), "nobody opened the gate"
        return result

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


def until(condition: Callable[[], object]) -> None:
    """Let other threads run until *condition* holds."""
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up, "it never came about"
        time.sleep(0.001)


def entered(gate: Gate) -> Green[None]:
    """Wait until somebody is inside *gate*."""
    while not gate.entered.is_set():
        yield from genlet.sleep(0.001)


def thread_name() -> str:
    return threading.current_thread().name


def fail(exc: BaseException) -> NoReturn:
    raise exc


def python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# ---- results and errors ---------------------------------------------------------------------------


def test_execute_returns_what_the_function_returns_on_a_thread() -> None:
    """The function runs on a daemon thread of the pool, and its result is the call's."""

    def where(a: int, *, b: int) -> Tuple[int, str, bool]:
        thread = threading.current_thread()
        return a + b, thread.name, thread.daemon

    def main() -> Green[Tuple[int, str, bool]]:
        return (yield from execute(where, 1, b=2))

    total, name, daemon = genlet.run(main)
    assert total == 3
    assert re.fullmatch(r"genlet-worker-\d+", name)
    assert daemon


class Custom(BaseException):
    pass


@pytest.mark.parametrize(
    "kind",
    [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, Custom, genlet.GreenletExit],
)
def test_execute_raises_whatever_the_function_raised(
    pool: ThreadPool, kind: Type[BaseException]
) -> None:
    """Any exception reaches the caller as it is, and the worker survives it."""
    error = kind("this one")

    def main() -> Green[Optional[BaseException]]:
        name = yield from pool.execute(thread_name)
        caught: Optional[BaseException] = None
        try:
            yield from pool.execute(fail, error)
        except BaseException as exc:
            caught = exc
        assert (yield from pool.execute(thread_name)) == name
        return caught

    assert genlet.run(main) is error


def test_execute_of_a_function_that_raises_timeout_raises_it(pool: ThreadPool) -> None:
    """A Timeout of the function's own is an exception like any other."""

    def main() -> Green[bool]:
        timeout = Timeout()
        timeout.cancel()
        try:
            yield from pool.execute(fail, timeout)
        except BaseException as exc:
            return exc is timeout
        return False

    assert genlet.run(main)


def test_execute_of_a_function_that_raises_stopiteration_raises_runtimeerror() -> None:
    """StopIteration cannot pass through a generator: it becomes RuntimeError (PEP 479)."""
    stop = StopIteration(3)

    def main() -> Green[None]:
        with pytest.raises(RuntimeError, match=r"^fail raised StopIteration$") as caught:
            yield from execute(fail, stop)
        assert caught.value.__cause__ is stop

    genlet.run(main)


@pytest.mark.parametrize("result", [(1, ValueError("x"), 2), ValueError("x"), ValueError, END])
def test_execute_of_a_function_that_returns_an_exception_returns_it(result: object) -> None:
    """What is returned is a result, whatever it looks like."""

    def main() -> Green[object]:
        return (yield from execute(lambda: result))

    assert genlet.run(main) is result


def test_execute_keeps_the_traceback() -> None:
    """The traceback leads from the caller to the line that raised, on its thread."""

    def outer() -> None:
        inner()

    def inner() -> None:
        raise LookupError("down here")

    def main() -> Green[None]:
        yield from execute(outer)

    with pytest.raises(LookupError) as caught:
        genlet.run(main)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names.index("main") < names.index("outer") < names.index("inner")
    assert names[-1] == "inner"
    assert "call" not in names  # the worker's own


def green_function() -> Green[None]:
    yield from genlet.sleep(0)


async def async_function() -> None:
    pass


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (
            green_function,
            "execute wants a plain function; green_function returned a generator: if it is green,"
            " call it with 'yield from'; if it is an iterator, have it return a list",
        ),
        (async_function, "execute wants a plain function; async_function is an async function"),
    ],
)
def test_execute_of_no_plain_function_is_a_typeerror(fn: Any, message: str) -> None:
    """Green and async functions are told apart by what they return."""

    def main() -> Green[None]:
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            yield from execute(fn)

    genlet.run(main)


def test_execute_of_no_function_is_a_typeerror_at_the_call() -> None:
    """What cannot be called is refused before anything is waited for."""
    not_callable: Any = 5
    with pytest.raises(TypeError, match=r"^execute wants a function; got 5$"):
        _ = execute(not_callable)


def test_execute_of_a_call_that_does_not_fit_raises_typeerror() -> None:
    """Wrong arguments fail as they do in a plain call, and hang nobody."""
    wrong: Any = thread_name

    def main() -> Green[None]:
        with pytest.raises(TypeError):
            yield from execute(wrong, 1, 2)

    genlet.run(main)


def test_execute_carries_context_variables_over() -> None:
    """The function sees the caller's context; what it sets there stays there."""
    variable = contextvars.ContextVar("variable", default="nothing")

    def swap() -> str:
        before = variable.get()
        variable.set("the function's")
        return before

    def main() -> Green[Tuple[str, str]]:
        variable.set("the caller's")
        return (yield from execute(swap)), variable.get()

    assert genlet.run(main) == ("the caller's", "the caller's")


def test_execute_many_at_once_gives_each_its_own_result() -> None:
    """A thousand jobs on twenty threads all complete, each with its own result."""

    def square(n: int) -> int:
        return n * n

    def one(n: int) -> Green[int]:
        return (yield from execute(square, n))

    def main() -> Green[List[int]]:
        gts = [spawn(one, n) for n in range(1000)]
        results: List[int] = []
        for gt in gts:
            results.append((yield from gt.wait()))
        return results

    assert genlet.run(main) == [n * n for n in range(1000)]
    assert tpool.statistics().threads <= 20


def test_execute_for_several_kernels_gives_each_its_own_results() -> None:
    """Kernels in several threads share the pool, and each gets what it asked for."""
    results: List[Tuple[int, List[int]]] = []

    def one(n: int) -> Green[int]:
        return (yield from execute(lambda: n))

    def main(base: int) -> Green[List[int]]:
        gts = [spawn(one, base + n) for n in range(50)]
        got: List[int] = []
        for gt in gts:
            got.append((yield from gt.wait()))
        return got

    def kernel(base: int) -> None:
        results.append((base, genlet.run(main, base)))

    threads = [threading.Thread(target=kernel, args=(n * 1000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(n * 1000, list(range(n * 1000, n * 1000 + 50))) for n in range(4)]


class Thing:
    pass


def test_execute_leaves_no_reference_behind(pool: ThreadPool) -> None:
    """Neither an idle worker nor a cycle keeps arguments, results or errors alive."""
    refs: List[weakref.ref[Any]] = []

    def make(argument: Thing) -> Thing:
        thing = Thing()
        refs.extend([weakref.ref(argument), weakref.ref(thing)])
        return thing

    class Oops(Exception):
        pass

    def raise_oops(argument: Thing) -> None:
        error = Oops()
        refs.extend([weakref.ref(argument), weakref.ref(error)])
        try:
            raise error
        finally:
            del error

    def main() -> Green[None]:
        yield from pool.execute(make, Thing())
        try:
            yield from pool.execute(raise_oops, Thing())
        except Oops:
            pass
        until(lambda: pool.statistics().idle == 1)
        if IS_PYPY:
            gc.collect()
            gc.collect()
        assert [ref() for ref in refs] == [None] * 4

    gc.disable()
    try:
        genlet.run(main)
    finally:
        gc.enable()


# ---- waiting and interrupting ---------------------------------------------------------------------


def test_execute_not_driven_does_nothing(pool: ThreadPool, gate: Gate) -> None:
    """A call is inert until it is waited for."""
    _ = pool.execute(gate)
    assert pool.statistics() == (0, 0, 0, 0)


def test_execute_refused_by_a_cancelled_scope_starts_nothing(pool: ThreadPool, gate: Gate) -> None:
    """Where a suspension is refused, the function is not called."""

    def main() -> Green[bool]:
        with genlet.CancelScope() as scope:
            scope.cancel()
            yield from pool.execute(gate)
        return scope.cancelled_caught

    assert genlet.run(main)
    assert gate.calls == 0
    assert pool.statistics().threads == 0


def test_execute_lets_others_run(pool: ThreadPool, gate: Gate) -> None:
    """While a function blocks its thread, green code goes on."""

    def main() -> Green[str]:
        gt: genlet.GreenThread[str] = spawn(pool.execute, gate, "through")
        yield from entered(gate)
        gate.open()
        return (yield from gt.wait())

    assert genlet.run(main) == "through"


def test_execute_names_what_is_waited_for(pool: ThreadPool, gate: Gate) -> None:
    """Functions go by their name, partials by that of their function, other objects by type."""

    def main() -> Green[List[Optional[str]]]:
        gts = [
            spawn(pool.execute, gate),
            spawn(pool.execute, partial(thread_name)),
            spawn(pool.execute, thread_name),
        ]
        yield from entered(gate)
        words = [gt.waiting_on for gt in gts]
        gate.open()
        for gt in gts:
            yield from gt.wait()
        return words

    assert genlet.run(main) == [
        "Gate to return on a thread",
        "thread_name to return on a thread",
        "thread_name to return on a thread",
    ]


def test_execute_interrupted_delivers_its_result_first(pool: ThreadPool, gate: Gate) -> None:
    """An interruption waits for the result, and is raised at the next suspension."""
    seen: List[str] = []

    def victim() -> Green[None]:
        seen.append((yield from pool.execute(gate, "result")))
        try:
            yield from genlet.sleep(0)
        except genlet.GreenletExit:
            seen.append("killed")
            raise

    def main() -> Green[None]:
        gt = spawn(victim)
        yield from entered(gate)
        yield from gt.kill()
        assert seen == []
        assert not gt.dead
        gate.open()
        with pytest.raises(genlet.GreenletExit):
            yield from gt.wait()

    genlet.run(main)
    assert seen == ["result", "killed"]


def test_execute_in_a_scope_that_times_out_delivers_its_result_first(
    pool: ThreadPool, gate: Gate
) -> None:
    """A deadline that passes during the call ends the block at the next suspension."""
    seen: List[str] = []

    def main() -> Green[bool]:
        with genlet.move_on_after(0.01) as scope:
            spawn(opener, scope)
            seen.append((yield from pool.execute(gate, "result")))
            yield from genlet.sleep(0)
            seen.append("never")
        return scope.cancelled_caught

    def opener(scope: genlet.CancelScope) -> Green[None]:
        while not scope.cancel_called:
            yield from genlet.sleep(0.005)
        gate.open()

    assert genlet.run(main)
    assert seen == ["result"]


def test_execute_abandonable_interrupted_leaves_at_once(pool: ThreadPool, gate: Gate) -> None:
    """The interruption is raised while the function still runs, and its result is dropped."""

    def main() -> Green[None]:
        gt = spawn(pool.execute_abandonable, gate, "dropped")
        yield from entered(gate)
        yield from gt.kill()
        assert gt.dead
        assert pool.statistics().running == 1
        gate.open()
        assert (yield from pool.execute(thread_name)).startswith("one-")

    genlet.run(main)


def test_execute_abandonable_interrupted_with_its_result_under_way_drops_it(
    pool: ThreadPool,
) -> None:
    """A result that arrives after the interruption wakes no later wait of the same greenthread."""

    def main() -> Green[None]:
        gt = spawn(victim)
        yield from genlet.sleep(0)
        # This step holds the loop up until the worker has rung; the kill comes before the call.
        until(lambda: pool.statistics().idle == 1)
        gt.kill_soon()
        yield from gt.wait()

    def victim() -> Green[None]:
        try:
            yield from pool.execute_abandonable(thread_name)
        except genlet.GreenletExit:
            with genlet.move_on_after(0.05) as scope:
                yield from genlet.sleep(30)
            assert scope.cancelled_caught

    genlet.run(main)


def test_execute_abandonable_returns_and_raises_as_execute() -> None:
    """Undisturbed, it does what execute does."""

    def main() -> Green[str]:
        with pytest.raises(LookupError):
            yield from execute_abandonable(fail, LookupError())
        return (yield from execute_abandonable(thread_name))

    assert genlet.run(main).startswith("genlet-worker-")


def test_execute_queued_and_abandoned_never_runs(pool: ThreadPool, gate: Gate) -> None:
    """A job whose waiter leaves before it has begun is dropped, even in that very step."""
    ran: List[str] = []

    def main() -> Green[None]:
        first = spawn(pool.execute, gate)
        second = spawn(pool.execute_abandonable, ran.append, "second")
        third = spawn(pool.execute, ran.append, "third")
        yield from entered(gate)
        assert pool.statistics() == (1, 0, 2, 1)
        second.kill_soon()
        assert pool.statistics() == (1, 0, 1, 1)
        gate.open()
        yield from first.wait()
        yield from third.wait()

    genlet.run(main)
    assert ran == ["third"]


def test_execute_queues_first_in_first_out(pool: ThreadPool, gate: Gate) -> None:
    """Jobs beyond the pool's size run in the order they came."""
    ran: List[int] = []

    def main() -> Green[None]:
        gts = [spawn(pool.execute, gate)]
        gts += [spawn(pool.execute, ran.append, n) for n in range(10)]
        yield from entered(gate)
        assert pool.statistics() == (1, 0, 10, 1)
        gate.open()
        for gt in gts:
            yield from gt.wait()

    genlet.run(main)
    assert ran == list(range(10))


def test_execute_killed_at_any_moment_serves_the_next(pool: ThreadPool) -> None:
    """Whenever a waiter is killed, before, while or after its job runs, the pool goes on."""

    def main() -> Green[None]:
        for verb in (pool.execute, pool.execute_abandonable):
            for turns in range(20):
                gt = spawn(verb, thread_name)
                for _ in range(turns):
                    yield from genlet.sleep(0)
                yield from gt.kill()
                assert (yield from verb(lambda: 7)) == 7

    genlet.run(main)
    until(lambda: pool.statistics() == (1, 1, 0, 0))


# ---- the end of a run -----------------------------------------------------------------------------


def test_run_ending_waits_its_grace_for_a_job_that_is_nearly_done(
    pool: ThreadPool, gate: Gate
) -> None:
    """A job that ends within the grace delivers its result."""
    seen: List[str] = []

    def worker() -> Green[None]:
        seen.append((yield from pool.execute(gate, "in time")))

    def main() -> Green[None]:
        spawn(worker)
        yield from entered(gate)
        threading.Timer(0.05, gate.open).start()

    genlet.Runner(grace=20).run(main)
    assert seen == ["in time"]


def test_run_ending_leaves_a_job_that_goes_on_to_its_thread(
    pool: ThreadPool, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the grace the run ends and reports who waited; the late result is dropped silently."""
    seen: List[str] = []

    def worker() -> Green[None]:
        seen.append((yield from pool.execute(gate, "late")))

    def main() -> Green[str]:
        spawn(worker)
        yield from entered(gate)
        return "ended"

    assert genlet.Runner(grace=0.05).run(main) == "ended"
    report = capsys.readouterr().err
    assert "still there at the end of the run" in report
    assert "to return on a thread" in report
    assert pool.statistics().running == 1
    gate.open()
    until(lambda: pool.statistics().idle == 1)
    assert seen == []
    assert capsys.readouterr() == ("", "")


def test_run_ending_drops_queued_jobs(
    pool: ThreadPool, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that had not begun when its run was over never runs."""
    ran: List[str] = []

    def main() -> Green[None]:
        spawn(pool.execute, gate)
        spawn(pool.execute, ran.append, "never")
        yield from entered(gate)

    genlet.Runner(grace=0.05).run(main)
    assert capsys.readouterr().err.count("still there at the end of the run") == 2
    assert pool.statistics() == (1, 0, 0, 1)
    gate.open()
    until(lambda: pool.statistics().idle == 1)
    assert ran == []


def test_run_ending_does_not_wait_for_an_abandonable_job(
    pool: ThreadPool, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wait that can be interrupted ends with the run."""

    def main() -> Green[None]:
        spawn(pool.execute_abandonable, gate)
        yield from entered(gate)

    genlet.Runner(grace=30).run(main)
    assert pool.statistics().running == 1
    assert capsys.readouterr().err == ""


def test_run_waiting_for_a_job_alone_is_no_deadlock(pool: ThreadPool, gate: Gate) -> None:
    """A thread at work may still wake somebody; once it has, deadlocks are found again."""

    def main() -> Green[None]:
        threading.Timer(0.05, gate.open).start()
        assert (yield from pool.execute(gate, 1)) == 1
        with pytest.raises(genlet.Deadlock):
            yield from genlet.sleep(float("inf"))

    genlet.run(main)


def test_run_after_an_abandoned_job_sees_deadlocks(pool: ThreadPool, gate: Gate) -> None:
    """A job that nobody waits for can wake nobody."""

    def main() -> Green[None]:
        gt = spawn(pool.execute_abandonable, gate)
        yield from entered(gate)
        yield from gt.kill()
        with pytest.raises(genlet.Deadlock):
            yield from genlet.sleep(float("inf"))

    genlet.run(main)


def test_run_on_a_worker_is_a_run_of_its_own() -> None:
    """A function on a thread may start a kernel there, which may use the pool as well."""

    def inner() -> Green[Tuple[str, str]]:
        yield from genlet.sleep(0)
        return thread_name(), (yield from execute(thread_name))

    def main() -> Green[Tuple[str, str]]:
        return (yield from execute(genlet.run, inner))

    here, there = genlet.run(main)
    assert here != there
    assert here.startswith("genlet-worker-")
    assert there.startswith("genlet-worker-")


# ---- the ways back --------------------------------------------------------------------------------


def test_from_thread_run_runs_green_code_in_the_kernel_that_asked() -> None:
    """A function on a thread calls green code of the kernel it works for, and gets its result."""
    kernel = threading.current_thread()

    def green(a: int, *, b: int) -> Green[int]:
        yield from genlet.sleep(0)
        assert threading.current_thread() is kernel
        return a + b

    def work() -> int:
        return from_thread.run(green, 1, b=2) * 10

    def main() -> Green[int]:
        return (yield from execute(work))

    assert genlet.run(main) == 30


def test_from_thread_run_raises_what_the_green_code_raised() -> None:
    """An error crosses to the thread, and back to the caller if it is let through."""

    def green() -> Green[None]:
        yield from genlet.sleep(0)
        raise LookupError("green")

    def work() -> None:
        with pytest.raises(LookupError, match="green"):
            from_thread.run(green)
        from_thread.run(green)

    def main() -> Green[None]:
        with pytest.raises(LookupError, match="green"):
            yield from execute(work)

    genlet.run(main)


def test_from_thread_call_soon_calls_plain_code_in_the_kernel() -> None:
    """What is called wakes green code, and comes before the job's own result."""
    seen: List[Any] = []

    def work() -> None:
        from_thread.call_soon(note, 1, b=2)

    def note(a: int, *, b: int) -> None:
        seen.append((a, b, threading.current_thread()))

    def main() -> Green[None]:
        yield from execute(work)
        assert seen == [(1, 2, threading.current_thread())]

    genlet.run(main)


def test_from_thread_leads_to_the_kernel_of_each_job(pool: ThreadPool) -> None:
    """One worker serves two kernels; each job finds the way to its own."""
    kernels: List[str] = []

    def work() -> str:
        return from_thread.run(green)

    def green() -> Green[str]:
        yield from genlet.sleep(0)
        return thread_name()

    def main() -> Green[None]:
        kernels.append((yield from pool.execute(work)))

    threads = [threading.Thread(target=genlet.run, args=(main,), name=f"k{n}") for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kernels) == ["k0", "k1"]


@pytest.mark.parametrize("verb", ["run", "call_soon"])
def test_from_thread_elsewhere_is_a_runtimeerror(verb: str) -> None:
    """There is no way back from a thread that does no job."""
    message = (
        f"from_thread.{verb}() is for functions that tpool.execute runs on a thread; any other"
        " thread needs a portal: 'with genlet.portal() as p' in green code"
    )
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        getattr(from_thread, verb)(green_function)


def test_from_thread_after_the_job_was_abandoned_is_a_runtimeerror(
    pool: ThreadPool, gate: Gate
) -> None:
    """A job whose greenthread has gone is told so, when it comes back and no later."""
    errors: List[BaseException] = []

    def work() -> None:
        gate()
        for verb in (from_thread.run, from_thread.call_soon):
            try:
                verb(green_function)
            except RuntimeError as exc:
                errors.append(exc)

    def main() -> Green[None]:
        gt = spawn(pool.execute_abandonable, work)
        yield from entered(gate)
        yield from gt.kill()
        gate.open()
        yield from pool.execute(thread_name)

    genlet.run(main)
    assert [str(exc) for exc in errors] == [
        f"from_thread.{verb}(): nobody waits for this job any more, its greenthread was"
        " interrupted or its run has ended"
        for verb in ("run", "call_soon")
    ]


def test_from_thread_run_when_the_run_ends_meanwhile_raises(
    pool: ThreadPool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The call never outlives the run it went into."""
    inside = threading.Event()
    errors: List[BaseException] = []

    def stubborn() -> Green[None]:
        inside.set()
        while True:
            try:
                yield from genlet.sleep(30)
            except genlet.Cancelled:
                pass

    def work() -> None:
        try:
            from_thread.run(stubborn)
        except BaseException as exc:
            errors.append(exc)

    def main() -> Green[None]:
        spawn(pool.execute, work)
        while not inside.is_set():
            yield from genlet.sleep(0.001)

    genlet.Runner(grace=0.05).run(main)
    until(lambda: pool.statistics().idle == 1)
    assert len(errors) == 1
    assert isinstance(errors[0], (RuntimeError, genlet.Cancelled))
    capsys.readouterr()


# ---- threads --------------------------------------------------------------------------------------


def test_import_starts_no_thread_and_genlet_alone_imports_no_threading() -> None:
    """Whoever does not use threads does not pay for them."""
    done = python(
        "import sys, genlet\n"
        "assert 'threading' not in sys.modules and 'genlet.tpool' not in sys.modules\n"
        "import genlet.tpool, threading\n"
        "assert threading.active_count() == 1\n"
        "assert genlet.tpool.get_num_threads() == 7\n",
        GENLET_THREADPOOL_SIZE="7",
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", ["-1", "many", ""])
def test_threadpool_size_that_is_no_number_is_a_valueerror(text: str) -> None:
    """The variable is checked when the module is imported."""
    done = python("import genlet.tpool", GENLET_THREADPOOL_SIZE=text)
    assert (
        f"ValueError: GENLET_THREADPOOL_SIZE is a number of threads; got {text!r}" in done.stderr
    )


def test_interpreter_exits_while_a_thread_still_works() -> None:
    """Daemon threads hold no exit up, and nothing is joined at exit."""
    done = python(
        "import genlet, time\n"
        "from genlet import tpool\n"
        "def main():\n"
        "    genlet.spawn(tpool.execute_abandonable, time.sleep, 1000)\n"
        "    yield from tpool.execute(int)\n"
        "genlet.run(main)\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_workers_are_started_only_when_none_is_idle() -> None:
    """One job after the other needs one thread; n at once need n, up to the size."""
    pool = ThreadPool(3, "lazy")
    gates = [Gate() for _ in range(5)]

    def main() -> Green[None]:
        names: List[str] = []
        for _ in range(5):
            names.append((yield from pool.execute(thread_name)))
            until(lambda: pool.statistics().idle == 1)
        assert names == ["lazy-1"] * 5
        gts: List[genlet.GreenThread[None]] = []
        for n, gate in enumerate(gates):
            gts.append(spawn(pool.execute, gate))
            yield from genlet.sleep(0)
            assert pool.statistics().threads == min(n + 1, 3)
        assert pool.statistics() == (3, 0, 2, 3)
        for gate in gates:
            gate.open()
        for gt in gts:
            yield from gt.wait()

    genlet.run(main)
    until(lambda: pool.statistics() == (3, 3, 0, 0))
    pool.killall()


def test_pools_do_not_block_each_other(pool: ThreadPool, gate: Gate) -> None:
    """A pool whose threads all block leaves the others alone."""

    def main() -> Green[str]:
        gt = spawn(pool.execute, gate)
        yield from entered(gate)
        name = yield from execute(thread_name)
        gate.open()
        yield from gt.wait()
        return name

    assert genlet.run(main).startswith("genlet-worker-")


def test_pool_without_more_threads_to_be_had_uses_those_it_has(gate: Gate) -> None:
    """If the system refuses a thread, the job waits for another; the first such job fails."""
    pool = ThreadPool(2, "scarce")

    def main() -> Green[None]:
        before = threading.stack_size(1 << 46)
        try:
            with pytest.raises(RuntimeError, match="start new thread"):
                yield from pool.execute(thread_name)
            assert pool.statistics() == (0, 0, 0, 0)
            threading.stack_size(before)
            gt = spawn(pool.execute, gate)
            yield from entered(gate)
            threading.stack_size(1 << 46)
            queued = spawn(pool.execute, thread_name)
            yield from genlet.sleep(0)
            assert pool.statistics() == (1, 0, 1, 1)
        finally:
            threading.stack_size(before)
        gate.open()
        yield from gt.wait()
        assert (yield from queued.wait()).startswith("scarce-")

    try:
        threading.stack_size(threading.stack_size(1 << 46))
    except (ValueError, RuntimeError):
        pytest.skip("the size of a stack cannot be set")
    genlet.run(main)
    pool.killall()


def test_set_num_threads_negative_is_a_valueerror() -> None:
    """A pool has no fewer threads than none."""
    with pytest.raises(ValueError, match=r"^a pool has 0 threads or more; got -1$"):
        tpool.set_num_threads(-1)
    with pytest.raises(ValueError, match=r"^a pool has 0 threads or more; got -2$"):
        ThreadPool(-2)
    assert tpool.get_num_threads() == 20


def test_set_num_threads_grown_starts_queued_jobs(pool: ThreadPool, gate: Gate) -> None:
    """Jobs that wait for a thread get the new ones at once."""

    def main() -> Green[None]:
        gt = spawn(pool.execute, gate)
        queued = spawn(pool.execute, thread_name)
        yield from entered(gate)
        assert pool.statistics().queued == 1
        pool.set_num_threads(2)
        assert pool.get_num_threads() == 2
        assert (yield from queued.wait()) == "one-2"
        gate.open()
        yield from gt.wait()

    genlet.run(main)


def test_set_num_threads_shrunk_ends_threads_when_they_are_done() -> None:
    """Idle threads end at once, busy ones after their job; queued jobs are still served."""
    pool = ThreadPool(3, "shrinking")
    gates = [Gate() for _ in range(3)]

    def main() -> Green[None]:
        gts = [spawn(pool.execute, gate) for gate in gates]
        for gate in gates:
            yield from entered(gate)
        queued = [spawn(pool.execute, lambda: 1) for _ in range(3)]
        yield from genlet.sleep(0)
        pool.set_num_threads(1)
        assert pool.statistics() == (3, 0, 3, 3)
        for gate in gates:
            gate.open()
        for gt in gts + queued:
            yield from gt.wait()

    genlet.run(main)
    until(lambda: pool.statistics() == (1, 1, 0, 0))
    pool.set_num_threads(0)
    assert pool.statistics() == (0, 0, 0, 0)


def test_set_num_threads_zero_serves_who_waited(pool: ThreadPool, gate: Gate) -> None:
    """Jobs that were queued when the pool was closed down still run on its last thread."""

    def main() -> Green[str]:
        gt = spawn(pool.execute, gate)
        queued = spawn(pool.execute, thread_name)
        yield from entered(gate)
        pool.set_num_threads(0)
        gate.open()
        yield from gt.wait()
        return (yield from queued.wait())

    assert genlet.run(main) == "one-1"
    until(lambda: pool.statistics().threads == 0)


def test_execute_without_threads_runs_inline_with_a_warning() -> None:
    """A pool of no threads makes the call in the caller's own thread, and says so."""
    tpool.set_num_threads(0)

    def main() -> Green[None]:
        with pytest.warns(RuntimeWarning, match="has no threads, so thread_name blocks") as found:
            assert (yield from execute(thread_name)) == thread_name()
        assert found[0].filename == __file__
        with pytest.warns(RuntimeWarning), pytest.raises(KeyError):
            yield from execute(fail, KeyError())
        with pytest.warns(RuntimeWarning), pytest.raises(RuntimeError, match="StopIteration"):
            yield from execute(fail, StopIteration())
        with pytest.warns(RuntimeWarning), pytest.raises(RuntimeError, match="portal"):
            yield from execute(from_thread.run, green_function)

    genlet.run(main)
    assert tpool.statistics().threads == 0


def test_killall_ends_idle_threads_and_the_pool_goes_on(pool: ThreadPool) -> None:
    """After killall the threads are gone; the next job gets a new one."""

    def main() -> Green[None]:
        assert (yield from pool.execute(thread_name)) == "one-1"
        until(lambda: pool.statistics().idle == 1)
        pool.killall()
        assert pool.statistics() == (0, 0, 0, 0)
        assert not [t for t in threading.enumerate() if t.name.startswith("one-")]
        assert (yield from pool.execute(thread_name)) == "one-2"

    genlet.run(main)


def test_killall_waits_for_no_busy_thread(pool: ThreadPool, gate: Gate) -> None:
    """A thread that blocks is dismissed: it delivers its result and ends, and others serve."""

    def main() -> Green[None]:
        gt = spawn(pool.execute, gate, "delivered")
        queued = spawn(pool.execute, thread_name)
        yield from entered(gate)
        pool.killall()
        assert (yield from queued.wait()) == "one-2"
        assert pool.statistics().threads == 1
        gate.open()
        assert (yield from gt.wait()) == "delivered"

    genlet.run(main)
    until(lambda: not [t for t in threading.enumerate() if t.name == "one-1"])


def test_killall_called_by_a_job_returns(pool: ThreadPool) -> None:
    """A worker may dismiss its own pool: it is not waited for."""

    def main() -> Green[None]:
        yield from pool.execute(pool.killall)
        assert (yield from pool.execute(thread_name)) == "one-2"

    genlet.run(main)


def test_killall_of_a_pool_never_used_does_nothing() -> None:
    """There is nothing to end, nor anything to wait for."""
    ThreadPool(1, "unused").killall()


def fork_quietly() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # it warns of threads: that is the test
        return os.fork()


def finish_child(ok: Callable[[], object]) -> None:
    """Leave a forked child, with the status that tells whether *ok*."""
    status = 1
    try:
        status = 0 if ok() else 2
    finally:
        os._exit(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_pool_in_a_forked_child_starts_empty(pool: ThreadPool, gate: Gate) -> None:
    """The child has none of the threads, idle or busy, and its runs get new ones."""
    two = ThreadPool(2, "two")

    def child() -> bool:
        empty = two.statistics() == (0, 0, 0, 0)
        return empty and genlet.run(inner).startswith("two-")

    def inner() -> Green[str]:
        return (yield from two.execute(thread_name))

    def main() -> Green[int]:
        gts = [spawn(two.execute, gate), spawn(pool.execute, gate)]
        yield from entered(gate)
        yield from two.execute(thread_name)
        until(lambda: two.statistics().idle == 1)
        pid = fork_quietly()
        if not pid:
            finish_child(child)
        gate.open()
        for gt in gts:
            yield from gt.wait()
        return pid

    pid = genlet.run(main)
    assert os.waitpid(pid, 0)[1] == 0
    two.killall()


# ---- Proxy ----------------------------------------------------------------------------------------


class Person:
    """What the proxies of these tests stand for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.friends: List[Person] = []

    def where(self, prefix: str = "") -> str:
        return prefix + thread_name()

    def friend(self, name: str) -> Person:
        self.friends.append(Person(name))
        return self.friends[-1]

    def all_names(self) -> Iterator[str]:
        yield from (friend.name for friend in self.friends)

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Person) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __len__(self) -> int:
        return len(self.friends)

    def __bool__(self) -> bool:
        return self.name != "nobody"

    def __getitem__(self, n: int) -> Tuple[Person, str]:
        return self.friends[n], thread_name()

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Person({self.name!r})"


def collected(source: Proxy[Iterator[object]]) -> Green[List[object]]:
    items: List[object] = []
    while (item := (yield from source.next())) is not END:
        items.append(item)
    return items


def test_proxy_calls_methods_on_a_thread() -> None:
    """A method's call is green, and takes the arguments of the method."""

    def main() -> Green[Tuple[str, str]]:
        person: Any = Proxy(Person("Ada"))
        first: Green[str] = person.where("on ")
        second: Green[str] = person.where(prefix="on ")
        return (yield from first), (yield from second)

    for where in genlet.run(main):
        assert where.startswith("on genlet-worker-")


def test_proxy_nonblocking_call_is_a_plain_call() -> None:
    """With nonblocking=True the call is made at once, by the caller's thread."""
    assert Proxy(Person("Ada")).where("on ", nonblocking=True) == "on " + thread_name()


def test_proxy_reads_and_sets_plain_attributes_directly() -> None:
    """Attributes that are not callable are the object's own."""
    person = Person("Ada")
    proxy: Any = Proxy(person)
    assert proxy.name == "Ada"
    proxy.name = "Bob"
    assert person.name == "Bob"
    with pytest.raises(AttributeError, match="'Person' object has no attribute 'age'"):
        _ = proxy.age


def test_proxy_made_of_a_parametrised_class_leaves_the_object_alone() -> None:
    """What ``typing`` would remember on an instance is not set on the object."""
    person = Person("Ada")
    assert unwrap(Proxy[Person](person)) is person
    assert not hasattr(person, "__orig_class__")


def test_proxy_operators_are_plain() -> None:
    """Comparison, hash, length, truth and text are the object's, at once."""
    ada = Person("Ada")
    proxy = Proxy(ada)
    ada.friend("Bob")
    assert proxy == ada
    assert ada == proxy
    assert proxy == Proxy(Person("Ada"))
    assert proxy != Person("Bob")
    assert hash(proxy) == hash(ada)
    assert len(proxy) == 1
    assert not Proxy(Person("nobody"))
    assert (str(proxy), repr(proxy)) == ("Ada", "Person('Ada')")


def test_proxy_autowraps_by_type() -> None:
    """Results and attributes of the types given are proxies, and theirs as well."""

    def main() -> Green[None]:
        ada: Any = Proxy(Person("Ada"), autowrap=(Person, list))
        made: Green[Any] = ada.friend("Bob")
        bob = yield from made
        assert isinstance(bob, Proxy)
        where: Green[str] = bob.where()
        assert (yield from where).startswith("genlet-worker-")
        assert isinstance((yield from bob.friend("Cleo")), Proxy)
        assert isinstance(ada.friends, Proxy)
        assert isinstance(ada.friend("Dan", nonblocking=True), Proxy)
        assert not isinstance((yield from ada.where()), Proxy)

    genlet.run(main)


def test_proxy_autowraps_by_name() -> None:
    """Results of the methods named are proxies, and so are those of their own."""

    def main() -> Green[None]:
        ada: Any = Proxy(Person("Ada"), autowrap_names=("friend",))
        made: Green[Any] = ada.friend("Bob")
        bob = yield from made
        assert isinstance(bob, Proxy)
        assert isinstance((yield from bob.friend("Cleo")), Proxy)
        assert isinstance(ada.friends, list)

    genlet.run(main)


def test_proxy_of_a_method_that_returns_a_generator_wraps_it_or_refuses() -> None:
    """An iterator is read through a proxy of its own; unwrapped, a generator is refused."""

    def main() -> Green[List[object]]:
        ada = Person("Ada")
        ada.friend("Bob")
        ada.friend("Cleo")
        refusing: Any = Proxy(ada)
        with pytest.raises(TypeError, match="all_names returned a generator"):
            yield from refusing.all_names()
        wrapping: Any = Proxy(ada, autowrap_names=("all_names",))
        names: Green[Proxy[Iterator[object]]] = wrapping.all_names()
        return (yield from collected((yield from names)))

    assert genlet.run(main) == ["Bob", "Cleo"]


def test_proxy_call_getitem_and_next_are_green() -> None:
    """What Python's syntax cannot wait for has a method."""

    def main() -> Green[None]:
        name = yield from Proxy(thread_name).call()
        assert name.startswith("genlet-worker-")
        ada = Person("Ada")
        ada.friend("Bob")
        friend, where = yield from Proxy(ada).getitem(0)
        assert friend.name == "Bob"
        assert where.startswith("genlet-worker-")
        with pytest.raises(IndexError):
            yield from Proxy(ada).getitem(5)
        numbers = Proxy(iter([1]))
        assert (yield from numbers.next()) == 1
        assert (yield from numbers.next()) is END
        made = yield from Proxy(Person, autowrap_names=("__call__",)).call("Dan")
        assert isinstance(made, Proxy)

    genlet.run(main)


def test_proxy_special_methods_called_by_name_are_green() -> None:
    """What has no spelling of its own is called by name."""

    def main() -> Green[None]:
        table: Any = Proxy[Dict[str, int]]({})
        yield from table.__setitem__("key", 1)
        assert unwrap(table) == {"key": 1}

    genlet.run(main)


def test_proxy_neither_iterates_nor_enters() -> None:
    """Syntax that would block is refused."""
    proxy: Any = Proxy([1])
    with pytest.raises(TypeError):
        iter(proxy)
    with pytest.raises(TypeError):
        proxy()


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, pickle.dumps])
def test_proxy_is_not_copied(copier: Callable[[object], object]) -> None:
    """A copy of a proxy would be half of one."""
    with pytest.raises(TypeError, match=r"^a Proxy is not copied or pickled: do that with"):
        copier(Proxy(Person("Ada")))


def test_proxy_of_a_database_serves_it_from_threads() -> None:
    """The usual use: a DB-API connection and its cursors."""

    def main() -> Green[List[object]]:
        db: Any = Proxy(
            sqlite3.connect(":memory:", check_same_thread=False), autowrap=(sqlite3.Cursor,)
        )
        try:
            yield from db.execute("create table t (n)")
            yield from db.executemany("insert into t values (?)", [(1,), (2,)])
            query: Green[Proxy[Iterator[object]]] = db.execute("select n from t order by n")
            return (yield from collected((yield from query)))
        finally:
            yield from db.close()

    assert genlet.run(main) == [(1,), (2,)]
