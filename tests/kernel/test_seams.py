"""The seams of a run: companions, observers that come and go, waits that are failed, jobs, resolvers."""

from __future__ import annotations

from typing import Any, List

import pytest

import genlet
from genlet import tpool
from genlet.abc import Green, ThreadJob
from genlet.green import dns, socket
from genlet.kernel import (
    AnyGreenThread,
    NullInstrument,
    Runner,
    Scheduler,
    Wait,
    Waiters,
    fail_wait,
    get_scheduler,
)
from genlet.kernel.pollers import choose


class Noting:
    """A companion that notes what happens to it."""

    def __init__(self, log: List[str], name: str, *, fails: bool = False) -> None:
        self._log: List[str] = log
        self._name: str = name
        self._fails: bool = fails

    def start(self, kernel: Scheduler, /) -> None:
        self._log.append(f"{self._name} starts")
        if self._fails:
            raise ValueError(f"{self._name} cannot start")

    def stop(self) -> None:
        self._log.append(f"{self._name} stops")


def test_companions_start_before_main_and_stop_after_everything_in_reverse() -> None:
    """They live as long as the run."""
    log: List[str] = []

    def main() -> Green[None]:
        log.append("main")
        yield from genlet.sleep(0)

    Runner(companions=[Noting(log, "a"), Noting(log, "b")]).run(main)
    assert log == ["a starts", "b starts", "main", "b stops", "a stops"]


def test_a_companion_that_cannot_start_stops_those_before_it_and_there_is_no_run() -> None:
    """Its error is raised, and nothing is left behind."""
    log: List[str] = []

    def main() -> Green[None]:
        log.append("main")
        yield from genlet.sleep(0)

    with pytest.raises(ValueError, match="b cannot start"):
        Runner(companions=[Noting(log, "a"), Noting(log, "b", fails=True)]).run(main)
    assert log == ["a starts", "b starts", "a stops"]
    genlet.run(main)


def test_an_instrument_is_attached_to_a_live_run_and_detached_from_it() -> None:
    """It is told of steps while it is attached, also of greenthreads made before."""
    told: List[str] = []

    class Listening(NullInstrument):
        def before_step(self, gt: AnyGreenThread) -> None:
            told.append(gt.name)

    def sleeper() -> Green[None]:
        while True:
            yield from genlet.sleep(0)

    def main() -> Green[None]:
        scheduler = get_scheduler()
        gt = genlet.spawn(sleeper)
        gt.name = "the sleeper"
        yield from genlet.sleep(0)
        assert told == []
        listening = Listening()
        scheduler.attach(listening)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        assert told.count("the sleeper") == 2
        scheduler.detach(listening)
        count = len(told)
        yield from genlet.sleep(0)
        assert len(told) == count
        with pytest.raises(ValueError, match="not attached"):
            scheduler.detach(listening)

    genlet.run(main)


def test_fail_wait_fails_the_wait_of_a_parked_greenthread_and_of_no_other() -> None:
    """It raises at the line of the wait; one that is ready, or waits for something else, is left."""
    line: Waiters[int] = Waiters()
    subject = object()

    def waits() -> Green[str]:
        try:
            yield from Wait(subject, "a number", line).get()
        except KeyError as exc:
            return f"failed: {exc.args[0]}"
        return "woken"

    def main() -> Green[None]:
        gt = genlet.spawn(waits)
        assert not fail_wait(gt, KeyError("not started"))
        yield from genlet.sleep(0)
        assert not fail_wait(gt, KeyError("for another"), subject=line)
        assert fail_wait(gt, KeyError("too late"), subject=subject)
        assert len(line) == 0
        assert not fail_wait(gt, KeyError("twice"))
        assert (yield from gt.wait()) == "failed: too late"
        assert not fail_wait(gt, KeyError("ended"))
        other = genlet.spawn(waits)
        yield from genlet.sleep(0)
        line.wake(1)
        assert not fail_wait(other, KeyError("settled"))
        assert (yield from other.wait()) == "woken"

    genlet.run(main)


def test_an_error_is_heard_when_it_is_raised_to_somebody() -> None:
    """Not when it is only reported or looked at."""

    def fails() -> Green[None]:
        yield from genlet.sleep(0)
        raise ValueError("an error")

    def main() -> Green[None]:
        gt = genlet.spawn(fails)
        gt.link(lambda _: None)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        assert gt.dead
        assert not gt.heard
        with pytest.raises(ValueError, match="an error"):
            yield from gt.wait()
        assert gt.heard

    genlet.run(main)


def test_an_error_of_a_child_is_heard_when_its_group_raises_it() -> None:
    """The group raises it to its owner."""

    def fails() -> Green[None]:
        raise ValueError("an error")
        yield

    children: List[genlet.GreenThread[None]] = []

    def main() -> Green[None]:
        with genlet.TaskGroup(errors="first") as group:
            children.append(group.spawn(fails))
            yield from group.join()

    with pytest.raises(ValueError, match="an error"):
        genlet.run(main)
    assert children[0].heard


def test_a_runner_makes_the_scheduler_of_its_class_attribute() -> None:
    """A subclass has its own deadlock, its own report of survivors, and its own threads."""
    log: List[str] = []

    class Other(Scheduler):
        def deadlock(self) -> BaseException:
            log.append("deadlock")
            return ZeroDivisionError("nothing can happen")

        def offload(self, job: ThreadJob) -> None:
            log.append("offload")
            super().offload(job)

    class Others(Runner):
        kernel = Other

    def main() -> Green[None]:
        assert isinstance(get_scheduler(), Other)
        assert (yield from pool.execute(sum, [1, 2])) == 3
        yield from genlet.sleep(float("inf"))

    pool = tpool.ThreadPool(1, "jobs")
    try:
        with pytest.raises(ZeroDivisionError):
            Others().run(main)
    finally:
        pool.killall()
    assert log == ["offload", "deadlock"]


def test_the_runs_own_resolver_and_pairs_come_from_its_poller() -> None:
    """A poller may bring its own names and its own sockets."""
    log: List[str] = []

    class Resolver(dns.LibcResolver):
        def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
            log.append("looked up")
            return super().getaddrinfo(*args, **kwargs)

    poller = choose()
    make = poller.socketpair

    def socketpair(family: Any, type: int, proto: int) -> Any:
        log.append("paired")
        return make(family, type, proto)

    own: Any = poller
    own.socketpair = socketpair
    assert poller.real

    def main() -> Green[None]:
        one, other = socket.socketpair()
        one.close()
        other.close()
        own.resolver = Resolver(tpool.ThreadPool(1, "names"))
        try:
            yield from socket.getaddrinfo("localhost", 80)
        finally:
            own.resolver._pool.killall()

    Runner(hub=poller).run(main)
    assert log[0] == "paired"
    assert "looked up" in log
