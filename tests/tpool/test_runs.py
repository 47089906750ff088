"""Jobs and runs: jobs at the end of a run, and from_thread, the way back into it."""

from __future__ import annotations

import re
import threading
from typing import Any, List, Tuple

import pytest

import genlet
from genlet import Green, spawn
from genlet.tpool import ThreadPool, execute, from_thread

from . import Gate, entered, green_function, thread_name, until


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
    """After the grace the run ends with a report, and a late result is dropped."""
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
    """A job that has not started when its run ends is interrupted, and never runs."""
    ran: List[str] = []

    def main() -> Green[None]:
        spawn(pool.execute, gate)
        spawn(pool.execute, ran.append, "never")
        yield from entered(gate)

    genlet.Runner(grace=0.05).run(main)
    assert capsys.readouterr().err.count("still there at the end of the run") == 1
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
    """A job on a thread can wake a greenthread; when it has ended, deadlocks are found again."""

    def main() -> Green[None]:
        threading.Timer(0.05, gate.open).start()
        assert (yield from pool.execute(gate, 1)) == 1
        with pytest.raises(genlet.Deadlock):
            yield from genlet.sleep(float("inf"))

    genlet.run(main)


def test_run_after_an_abandoned_job_sees_deadlocks(pool: ThreadPool, gate: Gate) -> None:
    """A job that no greenthread waits for can wake none."""

    def main() -> Green[None]:
        gt = spawn(pool.execute_abandonable, gate)
        yield from entered(gate)
        yield from gt.kill()
        with pytest.raises(genlet.Deadlock):
            yield from genlet.sleep(float("inf"))

    genlet.run(main)


def test_run_on_a_worker_is_a_run_of_its_own() -> None:
    """A function on a thread may start a run there, which may use the pool too."""

    def inner() -> Green[Tuple[str, str]]:
        yield from genlet.sleep(0)
        return thread_name(), (yield from execute(thread_name))

    def main() -> Green[Tuple[str, str]]:
        return (yield from execute(genlet.run, inner))

    here, there = genlet.run(main)
    assert here != there
    assert here.startswith("genlet-worker-")
    assert there.startswith("genlet-worker-")


def test_from_thread_run_runs_green_code_in_the_kernel_that_asked() -> None:
    """A function on a thread runs green code in the kernel that called it, and gets its result."""
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
    """The error of the green code is raised on the thread."""

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
    """The plain call can wake green code, and comes before the job's own result."""
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
    """Jobs of two kernels on one thread each reach their own kernel."""
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
    """A thread that runs no job has no kernel."""
    message = (
        f"from_thread.{verb}() is for functions that tpool.execute runs on a thread; any other"
        " thread needs a portal: 'with genlet.portal() as p' in green code"
    )
    with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
        getattr(from_thread, verb)(green_function)


def test_from_thread_after_the_job_was_abandoned_is_a_runtimeerror(
    pool: ThreadPool, gate: Gate
) -> None:
    """A job whose greenthread has left gets the error when it calls, and not before."""
    errors: List[BaseException] = []
    answered = threading.Event()

    def work() -> None:
        gate()
        for verb in (from_thread.run, from_thread.call_soon):
            try:
                verb(green_function)
            except RuntimeError as exc:
                errors.append(exc)
        answered.set()

    def main() -> Green[None]:
        gt = spawn(pool.execute_abandonable, work)
        yield from entered(gate)
        yield from gt.kill()
        gate.open()
        yield from pool.execute(answered.wait, 10)

    genlet.run(main)
    assert [str(exc) for exc in errors] == [
        f"from_thread.{verb}(): nobody waits for this job any more, its greenthread was"
        " interrupted or its run has ended"
        for verb in ("run", "call_soon")
    ]


def test_from_thread_run_when_the_run_ends_meanwhile_raises(
    pool: ThreadPool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The call raises when the run that it entered ends."""
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
