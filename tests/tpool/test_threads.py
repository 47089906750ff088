"""The threads of a pool: started, counted, ended, and absent in a forked child."""

from __future__ import annotations

import os
import threading
import warnings
from typing import Callable, List

import pytest

import genlet
from genlet import Green, spawn, tpool
from genlet.tpool import ThreadPool, execute, from_thread

from . import Gate, entered, fail, green_function, python, thread_name, until


def test_import_starts_no_thread_and_genlet_alone_imports_no_threading() -> None:
    """``import genlet`` does not import threading, and importing tpool starts no thread."""
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
    """The environment variable is checked when the module is imported."""
    done = python("import genlet.tpool", GENLET_THREADPOOL_SIZE=text)
    assert (
        f"ValueError: GENLET_THREADPOOL_SIZE is a number of threads; got {text!r}" in done.stderr
    )


def test_interpreter_exits_while_a_thread_still_works() -> None:
    """Threads are daemons and are not joined at exit."""
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
    """Jobs in sequence need one thread; n at the same time need n, up to the size."""
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
    """A pool whose threads all block does not affect other pools."""

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
    """The number of threads is 0 or more."""
    with pytest.raises(
        ValueError, match=r"threads of a pool is a whole number, 0 or more; got -1$"
    ):
        tpool.set_num_threads(-1)
    with pytest.raises(
        ValueError, match=r"threads of a pool is a whole number, 0 or more; got -2$"
    ):
        ThreadPool(-2)
    assert tpool.get_num_threads() == 20


def test_set_num_threads_grown_starts_queued_jobs(pool: ThreadPool, gate: Gate) -> None:
    """Queued jobs get the new threads at once."""

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
    """Idle threads end at once, busy ones after their job; queued jobs still run."""
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
    """Jobs that were queued before the number became 0 run on the last thread."""

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
    """A pool of no threads runs the call in the caller's thread, and warns."""
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
    """A busy thread delivers its result and ends, and new threads serve other jobs."""

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
    """A job may call killall of its own pool, which does not wait for it."""

    def main() -> Green[None]:
        yield from pool.execute(pool.killall)
        assert (yield from pool.execute(thread_name)) == "one-2"

    genlet.run(main)


def test_killall_of_a_pool_never_used_does_nothing() -> None:
    """killall of an unused pool returns at once."""
    ThreadPool(1, "unused").killall()


def fork_quietly() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # it warns of threads: that is the test
        return os.fork()


def finish_child(ok: Callable[[], object]) -> None:
    """End a forked child with a status that says whether *ok*."""
    status = 1
    try:
        status = 0 if ok() else 2
    finally:
        os._exit(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_pool_in_a_forked_child_starts_empty(pool: ThreadPool, gate: Gate) -> None:
    """The child has none of the threads, and its runs start new ones."""
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
