"""Graceful stops: code inside a region ends, other code finishes its work."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, List

import pytest

import genlet
from genlet import END, Cancelled, Green, kernel
from genlet.end import End
from genlet.kernel import Wait, Waiters
from genlet.structured.stopping import Stopper
from genlet.structured.taskgroup import TaskGroup
from genlet.testing import cancel_everywhere


class Source:
    """A source of the items that are put in; put(END) ends it."""

    def __init__(self) -> None:
        self._items: List[Any] = []
        self._waiters: Waiters[Any] = Waiters()

    def put(self, item: object) -> None:
        if not self._waiters.wake(item):
            self._items.append(item)

    def next(self) -> Green[Any]:
        if self._items:
            return self._items.pop(0)
        return (yield from Wait(self, "an item", self._waiters).get())


def turns(count: int = 1) -> Green[None]:
    for _ in range(count):
        yield from genlet.sleep(0)


def serve(requests: Source, stopper: Stopper, log: List[str]) -> Green[None]:
    def handle(request: str) -> Green[None]:
        yield from turns(4)
        log.append(f"answered {request}")

    with TaskGroup() as group:
        with stopper.region():
            while True:
                group.spawn(handle, (yield from requests.next()))
        log.append("accepts no more")
        yield from group.join()
        log.append("drained")


def test_stop_ends_what_is_idle_and_lets_what_is_at_work_finish() -> None:
    """The accept loop ends at once; the requests it accepted are answered."""

    def main() -> Green[None]:
        log: List[str] = []
        requests, stopper = Source(), Stopper()
        gt = genlet.spawn(serve, requests, stopper, log)
        requests.put("a")
        yield from turns(3)
        stopper.stop("deploy")
        requests.put("late")
        yield from gt.wait()
        assert log == ["accepts no more", "answered a", "drained"]

    genlet.run(main)


def test_stop_does_not_lose_what_a_region_has_received() -> None:
    """An item that was received before the stop is returned; the next wait is refused."""

    def main() -> Green[None]:
        log: List[str] = []
        requests, stopper = Source(), Stopper()
        gt = genlet.spawn(serve, requests, stopper, log)
        yield from turns(2)
        requests.put("just in time")
        stopper.stop()
        yield from gt.wait()
        assert log == ["accepts no more", "answered just in time", "drained"]

    genlet.run(main)


def test_stop_tells_its_reason_and_whom_it_has_stopped() -> None:
    """The Cancelled inside has the reason, and the region records that it caught it."""

    def main() -> Green[None]:
        stopper = Stopper()
        reasons: List[object] = []

        def idle() -> Green[bool]:
            with stopper.region() as region:
                try:
                    yield from genlet.sleep(1000)
                except Cancelled as exc:
                    reasons.append(exc.reason)
                    raise
            return region.cancelled_caught

        gts = [genlet.spawn(idle) for _ in range(2)]
        yield from turns(2)
        assert repr(stopper) == "<Stopper 2 regions>"
        assert not stopper.stop_called
        stopper.stop("deploy")
        stopper.stop("a second time changes nothing")
        for gt in gts:
            assert (yield from gt.wait())
        assert reasons == ["deploy", "deploy"]
        assert stopper.stop_called
        assert stopper.reason == "deploy"
        assert repr(stopper) == "<Stopper stopped>"

    genlet.run(main)


def test_region_entered_after_the_stop_refuses_its_first_wait() -> None:
    """After the stop a region refuses waits; code that does not wait is not interrupted."""

    def main() -> Green[None]:
        stopper = Stopper()
        stopper.stop("deploy")
        log: List[str] = []
        with stopper.region() as region:
            log.append("inside")
            yield from genlet.sleep(0)
            log.append("never")
        assert log == ["inside"]
        assert region.cancelled_caught
        assert region.reason == "deploy"
        yield from genlet.sleep(0)

    genlet.run(main)


def test_region_that_was_left_is_not_stopped() -> None:
    """The stop interrupts only regions that are entered when it comes."""

    def main() -> Green[None]:
        stopper = Stopper()
        with stopper.region() as region:
            yield from genlet.sleep(0)
        stopper.stop()
        yield from genlet.sleep(0)
        assert not region.cancel_called

    genlet.run(main)


def test_stop_reaches_the_groups_inside_a_region_and_not_those_around_it() -> None:
    """Children of a group that was opened in the region end before the region is left."""

    def main() -> Green[None]:
        log: List[str] = []
        stopper = Stopper()

        def child(name: str) -> Green[None]:
            try:
                yield from turns(8)
            finally:
                log.append(name)

        with TaskGroup() as outer:
            outer.spawn(child, "outer done")
            with stopper.region(), TaskGroup() as inner:
                inner.spawn(child, "inner stopped")
                yield from turns(2)
                stopper.stop()
                yield from inner.join()
            log.append("left the region")
            yield from outer.join()
        assert log == ["inner stopped", "left the region", "outer done"]

    genlet.run(main)


def test_session_that_is_idle_when_stopped_ends_and_one_in_the_middle_finishes() -> None:
    """A keep-alive session can be stopped only between requests."""

    def main() -> Green[None]:
        stopper = Stopper()

        def session(requests: Source) -> Green[int]:
            answered = 0
            while True:
                request: object = None
                with stopper.region() as idle:
                    request = yield from requests.next()
                if idle.cancelled_caught or request is END:
                    return answered
                yield from turns(4)
                answered += 1

        idle, busy, ended = Source(), Source(), Source()
        gts = [genlet.spawn(session, source) for source in (idle, busy, ended)]
        busy.put("request")
        busy.put("another")
        end: End = END
        ended.put(end)
        yield from turns(3)
        stopper.stop()
        yield from turns(1)
        assert [gt.dead for gt in gts] == [True, False, True]
        results: List[int] = []
        for gt in gts:
            results.append((yield from gt.wait()))
        # A ready item needs no wait, and so no cancel point: the other request is answered.
        assert results == [0, 2, 0]

    genlet.run(main)


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_region_interrupted_anywhere_is_forgotten_by_its_stopper(how: Any) -> None:
    """After any end of a block its stopper does not refer to it."""
    stoppers: List[Stopper] = []

    def fn() -> Green[None]:
        stoppers.append(Stopper())
        with stoppers[-1].region():
            yield from turns(2)
            with stoppers[-1].region():
                yield from turns(2)

    def check() -> None:
        assert repr(stoppers[-1]) == "<Stopper 0 regions>"

    assert cancel_everywhere(fn, check, how=how) == 4


def test_links_are_called_after_the_regions_in_order_and_at_once_if_stopped(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A link that raises is reported, and the others are called."""
    log: List[str] = []

    def failing(_stopper: Stopper) -> None:
        raise ValueError("a link that fails")

    def main() -> Green[None]:
        stopper = Stopper()
        unlinked = lambda _: log.append("unlinked")  # noqa: E731  one object, linked and unlinked
        stopper.link(lambda one: log.append(f"first: {one.reason}"))
        stopper.link(failing)
        stopper.link(unlinked)
        stopper.link(lambda _: log.append("last"))
        assert stopper.unlink(unlinked)
        assert not stopper.unlink(unlinked)
        with stopper.region() as region:
            stopper.stop("deploy")
            assert region.cancel_called
            yield from genlet.sleep(10)
        stopper.link(lambda _: log.append("late"))

    genlet.run(main)
    assert log == ["first: deploy", "last", "late"]
    assert "a link that fails" in capfd.readouterr().err


def test_a_signal_stops_and_a_second_one_ends_the_run() -> None:
    """The first lets regions go; the second is raised in main, with nothing but cleanup after it."""
    log: List[str] = []

    def main() -> Green[None]:
        stopper = Stopper()
        with stopper.on(signal.SIGTERM, signal.SIGINT):
            kernel.get_scheduler().wakeup.calls.append((os.kill, (os.getpid(), signal.SIGTERM)))
            with stopper.region():
                yield from genlet.sleep(60)
            log.append(f"stopped by {stopper.reason}")
            kernel.get_scheduler().wakeup.calls.append((os.kill, (os.getpid(), signal.SIGTERM)))
            try:
                yield from genlet.sleep(60)
            finally:
                log.append("cleanup")
                with pytest.raises(Cancelled):
                    yield from genlet.sleep(60)

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as caught:
        genlet.run(main)
    assert caught.value.code == 128 + signal.SIGTERM
    assert log == ["stopped by SIGTERM", "cleanup"]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_second_signal_over_code_that_does_not_suspend_is_raised_in_place() -> None:
    """A loop that never suspends would never see it otherwise."""

    def main() -> Green[None]:
        stopper = Stopper()
        with stopper.on(signal.SIGINT):
            os.kill(os.getpid(), signal.SIGINT)
            yield from genlet.sleep(0)
            assert stopper.stop_called
            while True:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        genlet.run(main)


def test_handlers_of_a_stopper_are_no_reason_to_wait_for_ever() -> None:
    """A run in which nothing else can happen is a deadlock, signals that stop or not."""

    def main() -> Green[None]:
        with Stopper().on(signal.SIGTERM):
            yield from genlet.Event[int]().wait()

    with pytest.raises(genlet.Deadlock):
        genlet.run(main)


def test_on_refuses_no_signal_and_another_thread() -> None:
    """Python allows handlers in the main thread only, and a block without signals does nothing."""

    def main() -> Green[None]:
        with pytest.raises(ValueError, match="needs a signal"):
            Stopper().on()
        yield from genlet.sleep(0)

    genlet.run(main)

    def elsewhere() -> Green[None]:
        with pytest.raises(ValueError, match="main thread"), Stopper().on(signal.SIGTERM):
            pass
        yield from genlet.sleep(0)

    errors: List[BaseException] = []

    def run() -> None:
        try:
            genlet.run(elsewhere)
        except BaseException as exc:
            errors.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert errors == []
