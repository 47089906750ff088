"""The verbs of greenthreads."""

from __future__ import annotations

from math import nan
from typing import Any, Callable, List, Optional

import pytest

import genlet
from genlet import GreenletExit
from genlet.abc import Green
from genlet.kernel import AnyGreenThread, Runner, get_scheduler

from .kernel import VirtualTime, forever, outcome, simulate

Log = List[str]


def logs(log: Log, word: str) -> Green[str]:
    log.append(word)
    yield from genlet.checkpoint()
    return word


def fails() -> Green[None]:
    yield from genlet.checkpoint()
    raise LookupError


def reported(main: Callable[[], Green[object]]) -> List[str]:
    """Run *main* in virtual time and return the names of those whose errors were reported."""
    names: Log = []

    def hook(gt: AnyGreenThread, _exc: BaseException) -> None:
        names.append(gt.name)

    time = VirtualTime()
    Runner(hub=time, clock=time.clock, excepthook=hook).run(main)
    return names


def test_spawn_passes_arguments_and_returns_the_greenthread() -> None:
    """A plain call; the result comes from ``wait()``."""

    def target(one: int, *, two: int) -> Green[int]:
        yield from genlet.checkpoint()
        return one + two

    def main() -> Green[int]:
        return (yield from genlet.spawn(target, 1, two=2).wait())

    assert genlet.run(main) == 3


def test_spawn_n_returns_nothing_and_reports_errors_all_the_same() -> None:
    """Nobody can wait for it, so whatever it ends with is reported."""
    log: Log = []

    def main() -> Green[None]:
        nothing: Any = genlet.spawn_n
        assert nothing(logs, log, "ran") is None
        genlet.spawn_n(fails)
        yield from genlet.sleep(1)

    assert reported(main) == ["fails-3"]
    assert log == ["ran"]


def test_spawn_after_starts_when_the_time_has_come() -> None:
    """In order of time, and even if the one that called it has ended by then."""
    log: Log = []

    def spawns() -> Green[None]:
        genlet.spawn_after(2, logs, log, "second")
        genlet.spawn_after(1, logs, log, "first")
        genlet.spawn_after(-1, logs, log, "at once")
        yield from genlet.checkpoint()

    def main() -> Green[None]:
        gt = genlet.spawn(spawns)
        yield from gt.wait()
        yield from genlet.sleep(1.5)
        assert log == ["at once", "first"]
        yield from genlet.sleep(1)

    simulate(main)
    assert log == ["at once", "first", "second"]


@pytest.mark.parametrize("how", ["cancel", "kill"])
def test_spawn_after_that_is_cancelled_or_killed_in_time_never_runs(how: str) -> None:
    """And leaves no timer."""
    log: Log = []

    def main() -> Green[None]:
        gt = genlet.spawn_after(1, logs, log, "ran")
        if how == "cancel":
            gt.cancel()
            yield from genlet.sleep(0)
        else:
            yield from gt.kill()
        assert gt.dead
        assert len(get_scheduler().timers) == 0
        assert isinstance((yield from outcome(gt)), GreenletExit)

    simulate(main)
    assert log == []


def test_spawn_after_local_runs_while_its_creator_lives() -> None:
    """As ``spawn_after`` does; and leaves nothing on its creator when it has run."""
    log: Log = []

    def main() -> Green[None]:
        gt = genlet.spawn_after_local(1, logs, log, "ran")
        assert (yield from gt.wait()) == "ran"

    simulate(main)
    assert log == ["ran"]


@pytest.mark.parametrize("how", ["return", "fail", "kill"])
def test_spawn_after_local_is_dropped_when_its_creator_ends_first(how: str) -> None:
    """However that ends; whoever waits is told."""
    log: Log = []
    children: List[AnyGreenThread] = []

    def creator() -> Green[None]:
        children.append(genlet.spawn_after_local(5, logs, log, "ran"))
        if how == "kill":
            yield from forever().get()
        yield from genlet.checkpoint()
        if how == "fail":
            raise LookupError

    def main() -> Green[None]:
        gt = genlet.spawn(creator)
        yield from genlet.sleep(0)
        if how == "kill":
            yield from gt.kill()
        yield from outcome(gt)
        yield from genlet.sleep(0)
        assert children[0].dead
        assert len(get_scheduler().timers) == 0
        assert isinstance((yield from outcome(children[0])), GreenletExit)

    simulate(main)
    assert log == []


def test_spawn_after_local_that_has_started_outlives_its_creator() -> None:
    """It is only kept from starting."""
    log: Log = []

    def child() -> Green[None]:
        yield from genlet.sleep(5)
        log.append("ran on")

    def creator() -> Green[None]:
        genlet.spawn_after_local(1, child)
        yield from genlet.sleep(2)

    def main() -> Green[None]:
        yield from genlet.spawn(creator).wait()
        yield from genlet.sleep(10)

    simulate(main)
    assert log == ["ran on"]


def test_spawn_after_local_hides_no_errors() -> None:
    """Neither its own nor its creator's: that they are tied together is nobody's waiting."""

    def creator() -> Green[None]:
        genlet.spawn_after_local(1, fails).name = "child"
        genlet.spawn_after_local(1000, fails)
        yield from genlet.sleep(5)
        raise LookupError

    def main() -> Green[None]:
        genlet.spawn(creator).name = "creator"
        yield from genlet.sleep(10)

    assert reported(main) == ["child", "creator"]


@pytest.mark.parametrize("verb", [genlet.spawn_after, genlet.spawn_after_local])
def test_spawn_after_refuses_nan(verb: Callable[..., object]) -> None:
    """At the call, with nothing left behind."""

    def main() -> Green[None]:
        with pytest.raises(ValueError, match=r"^the time is a number of seconds; got NaN$"):
            verb(nan, fails)
        with pytest.raises(TypeError, match=r"^spawn wants a green function; got 5$"):
            verb(1, 5)
        assert len(get_scheduler().timers) == 0
        yield from genlet.checkpoint()

    simulate(main)


def test_kill_takes_the_victim_the_exception_and_force() -> None:
    """The function is the method."""

    def main() -> Green[None]:
        victims = [genlet.spawn(forever().get) for _ in range(3)]
        yield from genlet.sleep(0)
        yield from genlet.kill(victims[0])
        yield from genlet.kill(victims[1], LookupError("mine"))
        yield from genlet.kill(victims[2], LookupError, force=True)
        errors: List[Optional[BaseException]] = []
        for gt in victims:
            errors.append((yield from outcome(gt)))
        assert [type(error) for error in errors] == [GreenletExit, LookupError, LookupError]
        assert str(errors[1]) == "mine"

    genlet.run(main)


def test_getcurrent_is_the_greenthread_that_runs() -> None:
    """The one object, however it is asked for."""

    def child() -> Green[AnyGreenThread]:
        yield from genlet.checkpoint()
        return genlet.getcurrent()

    def main() -> Green[None]:
        me = genlet.getcurrent()
        gt = genlet.spawn(child)
        assert (yield from gt.wait()) is gt
        assert genlet.getcurrent() is me

    genlet.run(main)


def test_checkpoint_lets_others_run_and_takes_what_is_due() -> None:
    """It is a suspension in every respect."""
    log: Log = []

    def main() -> Green[None]:
        genlet.spawn(logs, log, "other")
        yield from genlet.checkpoint()
        assert log == ["other"]
        genlet.getcurrent().kill_soon()
        with pytest.raises(GreenletExit):
            yield from genlet.checkpoint()

    genlet.run(main)


@pytest.mark.parametrize(
    "call",
    [
        lambda: genlet.spawn(fails),
        lambda: genlet.spawn_n(fails),
        lambda: genlet.spawn_after(1, fails),
        lambda: genlet.spawn_after_local(1, fails),
        genlet.getcurrent,
        genlet.portal,
    ],
)
def test_outside_of_a_run_the_verbs_say_how_to_start_one(call: Callable[[], object]) -> None:
    """There is no hub that starts by itself."""
    with pytest.raises(
        RuntimeError, match=r"^no kernel runs in this thread: start one with genlet\.run\(main\)$"
    ):
        call()
