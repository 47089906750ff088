"""The greenthread: killing, waiting, linking, and what it tells about itself."""

from __future__ import annotations

import gc
import linecache
import sys
from traceback import extract_tb, walk_tb
from typing import Any, Callable, Deque, Generator, List, Tuple, Type, cast
from unittest.mock import Mock

import pytest

import genlet
from genlet import GreenletExit, GreenThread
from genlet.abc import Green
from genlet.kernel import AnyGreenThread, ExceptionLike, Runner, Wait, Waiters

from . import forever, outcome, simulate

Log = List[str]


def nothing() -> Green[None]:
    yield from genlet.checkpoint()


def returns(value: int) -> Green[int]:
    yield from genlet.checkpoint()
    return value


def fails() -> Green[None]:
    yield from genlet.checkpoint()
    raise LookupError("it failed")


def logs(log: Log, word: str) -> Green[None]:
    log.append(word)
    yield from genlet.checkpoint()


def run_collecting(main: Callable[[], Green[object]]) -> List[Tuple[str, BaseException]]:
    """Run *main* and return the errors that were reported, with their greenthreads' names."""
    reported: List[Tuple[str, BaseException]] = []

    def hook(gt: AnyGreenThread, exc: BaseException) -> None:
        reported.append((gt.name, exc))

    Runner(excepthook=hook).run(main)
    return reported


# ---- killing, in each of the five states --------------------------------------------------------


def test_kill_of_a_parked_victim_runs_victim_then_ready_then_caller() -> None:
    """The victim has seen the exception when kill returns; those already ready ran in between."""
    log: Log = []

    def victim() -> Green[None]:
        try:
            yield from forever().get()
        except GreenletExit:
            log.append("victim caught")
        yield from genlet.sleep(0)
        log.append("victim resumed")

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        genlet.spawn(logs, log, "already ready")
        yield from gt.kill()
        log.append("kill returned")
        yield from gt.wait()

    genlet.run(main)
    assert log == ["victim caught", "already ready", "kill returned", "victim resumed"]


def test_kill_of_an_unstarted_victim_runs_nothing_of_it_but_its_links_and_waiters() -> None:
    """A greenthread that is killed before its first turn never runs; whoever waits is told."""
    log: Log = []

    def linked(_gt: GreenThread[None]) -> None:
        log.append("link")

    def waits(gt: GreenThread[None]) -> Green[None]:
        with pytest.raises(GreenletExit):
            yield from gt.wait()
        log.append("waiter")

    def main() -> Green[None]:
        late = genlet.spawn_after(1000, logs, log, "ran")
        waiter = genlet.spawn(waits, late)
        yield from genlet.sleep(0)
        soon = genlet.spawn(logs, log, "ran")
        soon.link(linked)
        yield from soon.kill()
        late.link(linked)
        yield from late.kill()
        assert soon.dead
        assert late.dead
        yield from waiter.wait()

    genlet.run(main)
    assert log == ["link", "link", "waiter"]


def test_kill_of_a_woken_victim_lets_it_have_its_result_first() -> None:
    """A result that settled first wins; the kill comes at the next suspension, in that step."""
    log: Log = []
    wait: Wait[str] = Wait(None, "a word")

    def victim() -> Green[None]:
        log.append((yield from wait.get()))
        try:
            yield from forever().get()
        except GreenletExit:
            log.append("killed")
            raise

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        wait.wake("result")
        genlet.spawn(logs, log, "spawned later")
        yield from gt.kill()
        assert gt.dead

    genlet.run(main)
    assert log == ["result", "killed", "spawned later"]


def test_kill_of_a_woken_victim_that_ends_first_only_returns() -> None:
    """A victim that ends with the result already on its way has not been killed."""
    wait: Wait[int] = Wait(None, "a number")

    def main() -> Green[None]:
        gt = genlet.spawn(wait.get)
        yield from genlet.sleep(0)
        wait.wake(7)
        yield from gt.kill()
        assert (yield from gt.wait()) == 7

    genlet.run(main)


def test_kill_of_a_victim_in_sleep_zero_is_raised_by_that_sleep() -> None:
    """``sleep(0)`` settles when it is resumed, not when it is queued: the kill wins."""
    log: Log = []

    def victim() -> Green[None]:
        yield from genlet.sleep(0)
        log.append("slept")

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        assert gt.waiting_on == "its turn"
        yield from gt.kill()
        assert gt.dead

    genlet.run(main)
    assert log == []


def test_kill_of_oneself_raises_at_the_call() -> None:
    """A greenthread that kills itself gets the exception where it does, and may catch it."""

    def main() -> Green[str]:
        with pytest.raises(GreenletExit):
            yield from genlet.getcurrent().kill()
        with pytest.raises(LookupError, match="mine"):
            yield from genlet.kill(genlet.getcurrent(), LookupError("mine"))
        yield from genlet.sleep(0)
        return "alive"

    assert genlet.run(main) == "alive"


def test_kill_of_a_finished_victim_changes_nothing() -> None:
    """What has ended keeps its outcome."""

    def main() -> Green[None]:
        gt = genlet.spawn(returns, 3)
        yield from gt.wait()
        yield from gt.kill()
        gt.kill_soon()
        gt.cancel()
        assert (yield from gt.wait()) == 3

    genlet.run(main)


# ---- what is raised, and how often --------------------------------------------------------------


@pytest.mark.parametrize("exc", [GreenletExit, LookupError, LookupError("an instance")])
def test_kill_takes_a_class_or_an_instance(exc: ExceptionLike) -> None:
    """The victim gets an instance of the class, or the instance itself."""
    got: List[BaseException] = []

    def victim() -> Green[None]:
        try:
            yield from forever().get()
        except BaseException as caught:
            got.append(caught)

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        yield from gt.kill(exc)
        assert gt.dead

    genlet.run(main)
    if isinstance(exc, type):
        assert type(got[0]) is exc
    else:
        assert got[0] is exc


@pytest.mark.parametrize("exc", [LookupError, LookupError("an instance")])
def test_waiting_for_an_unstarted_victim_raises_what_it_was_killed_with(
    exc: ExceptionLike,
) -> None:
    """As if it had been raised at the victim's first line."""

    def main() -> Green[None]:
        for cancel in (False, True):
            gt = genlet.spawn(nothing)
            (gt.cancel if cancel else gt.kill_soon)(exc)
            error = yield from outcome(gt)
            assert error is exc or type(error) is exc

    assert run_collecting(main) == []


def test_kill_with_something_that_cannot_be_raised_is_a_type_error() -> None:
    """The mistake is reported to whoever made it, and the victim goes on."""
    text = "^{} takes an exception class or instance, not 5$"

    def main() -> Green[None]:
        gt = genlet.spawn(nothing)
        wrong: Any = 5
        with pytest.raises(TypeError, match=text.format("kill")):
            yield from gt.kill(wrong)
        with pytest.raises(TypeError, match=text.format("kill_soon")):
            gt.kill_soon(wrong)
        with pytest.raises(TypeError, match=text.format("cancel")):
            gt.cancel(wrong)
        yield from gt.wait()

    genlet.run(main)


def test_kill_twice_is_raised_twice() -> None:
    """Each kill is raised once, in the order they came."""
    log: Log = []

    def victim() -> Green[None]:
        for _ in range(2):
            try:
                yield from forever().get()
            except LookupError as exc:
                log.append(str(exc))
        yield from genlet.sleep(0)
        log.append("alive")

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        gt.kill_soon(LookupError("first"))
        gt.kill_soon(LookupError("second"))
        yield from gt.wait()

    genlet.run(main)
    assert log == ["first", "second", "alive"]


def test_kill_leaves_cleanup_free_to_wait() -> None:
    """A kill is raised once: the victim's cleanup may suspend, and kill does not wait for it."""
    log: Log = []

    def victim() -> Green[None]:
        try:
            yield from forever().get()
        finally:
            yield from genlet.sleep(5)
            log.append("cleaned up")

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        yield from gt.kill()
        log.append("kill returned")
        yield from outcome(gt)

    simulate(main)
    assert log == ["kill returned", "cleaned up"]


def test_forced_kill_raises_its_exception_and_then_refuses_every_suspension() -> None:
    """``force=True`` cannot be survived: first *exc* is delivered, then Cancelled each time."""
    got: List[Type[BaseException]] = []

    def victim() -> Green[None]:
        for _ in range(3):
            try:
                yield from genlet.sleep(1000)
            except BaseException as exc:
                got.append(type(exc))
        yield from genlet.sleep(1000)

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        yield from gt.kill(LookupError, force=True)
        assert isinstance((yield from outcome(gt)), GreenletExit)

    assert run_collecting(main) == []
    assert got == [LookupError, genlet.Cancelled, genlet.Cancelled]


def test_forced_kill_reaches_a_victim_inside_scopes_of_its_own() -> None:
    """The refusal lies outside of every scope the victim has entered: none of them catches it."""

    def victim() -> Green[None]:
        with genlet.move_on_after(1000), genlet.CancelScope():
            try:
                yield from forever().get()
            except GreenletExit:
                pass
            yield from forever().get()

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        yield from gt.kill(force=True)
        assert isinstance((yield from outcome(gt)), GreenletExit)

    genlet.run(main)


def test_kill_soon_is_a_plain_call_that_puts_the_victim_behind_the_ready() -> None:
    """Links, signal handlers and other plain code kill without waiting, out of nobody's turn."""
    log: Log = []

    def victim() -> Green[None]:
        try:
            yield from forever().get()
        except GreenletExit:
            log.append("victim")

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        genlet.spawn(logs, log, "already ready")
        gt.kill_soon()
        log.append("returned")
        yield from gt.wait()

    genlet.run(main)
    assert log == ["returned", "already ready", "victim"]


def test_cancel_before_the_start_keeps_it_from_running() -> None:
    """A greenthread that was cancelled before its first turn is dead in the next one."""

    def main() -> Green[None]:
        for gt in (genlet.spawn(fails), genlet.spawn_after(0, fails)):
            gt.cancel()
            yield from genlet.sleep(0)
            assert gt.dead
            assert isinstance((yield from outcome(gt)), GreenletExit)

    assert run_collecting(main) == []


def test_cancel_after_the_start_has_no_effect() -> None:
    """``cancel`` is for what has not begun."""

    def main() -> Green[int]:
        gt = genlet.spawn(returns, 1)
        yield from genlet.sleep(0)
        gt.cancel()
        return (yield from gt.wait())

    assert genlet.run(main) == 1


# ---- waiting ------------------------------------------------------------------------------------


def test_waiting_returns_the_result_to_any_number_before_and_after_the_end() -> None:
    """Every waiter gets the result, in the order they came, as often as they ask."""
    log: List[Tuple[int, int]] = []

    def waits(number: int, gt: GreenThread[int]) -> Green[None]:
        log.append((number, (yield from gt.wait())))

    def main() -> Green[None]:
        gt = genlet.spawn(returns, 42)
        before = [genlet.spawn(waits, number, gt) for number in range(10)]
        for waiter in before:
            yield from waiter.wait()
        for _ in range(3):
            assert (yield from gt.wait()) == 42
        assert gt.result() == 42

    genlet.run(main)
    assert log == [(number, 42) for number in range(10)]


def test_waiting_for_a_failure_raises_the_error_with_its_traceback_which_never_grows() -> None:
    """Each of a hundred waits raises the very error, from the line where it was raised."""
    lengths: List[int] = []

    def main() -> Green[None]:
        gt = genlet.spawn(fails)
        first = yield from outcome(gt)
        for _ in range(100):
            with pytest.raises(LookupError) as caught:
                yield from gt.wait()
            assert caught.value is first
            entries = extract_tb(caught.value.__traceback__)
            assert entries[-1].name == "fails"
            assert entries[-1].line == 'raise LookupError("it failed")'
            lengths.append(len(entries))

    genlet.run(main)
    assert len(lengths) == 100
    assert len(set(lengths)) == 1


def test_the_traceback_of_an_error_begins_in_the_greenthreads_own_function() -> None:
    """No frame of the kernel stands in front of it, however the failing step came about."""

    def interrupted() -> Green[None]:
        genlet.getcurrent().kill_soon(KeyError)
        yield from genlet.sleep(1000)  # raised in this very step

    def yields_an_int() -> Green[None]:
        wrong: Any = 5
        yield wrong

    def main() -> Green[None]:
        for fn in (fails, interrupted, yields_an_int):
            gt = genlet.spawn(fn)
            error = yield from outcome(gt)
            assert error is not None
            names = [frame.f_code.co_name for frame, _ in walk_tb(gt.traceback)]
            assert names[0] == fn.__name__, names

    genlet.run(main)


def test_waiting_for_a_killed_greenthread_raises_a_fresh_greenlet_exit_with_its_origin() -> None:
    """The waiter gets an exception of its own, which says what ended the other."""

    def swallows_nothing() -> Green[None]:
        yield from forever().get()

    def main() -> Green[None]:
        started, unstarted = genlet.spawn(swallows_nothing), genlet.spawn_after(9, nothing)
        yield from genlet.sleep(0)
        for gt in (started, unstarted):
            yield from gt.kill()
            seen = [(yield from outcome(gt)), (yield from outcome(gt))]
            assert seen[0] is not seen[1]
            for error in seen:
                assert type(error) is GreenletExit
                assert error is not gt.error
                assert error.origin is gt.error

    genlet.run(main)


def test_waiting_for_oneself_is_an_error() -> None:
    """It would never end; eventlet hangs."""

    def main() -> Green[None]:
        me = genlet.getcurrent()
        with pytest.raises(
            RuntimeError, match=r"^<GreenThread main running> waits for its own end$"
        ):
            yield from me.wait()

    genlet.run(main)


def test_the_result_of_a_living_greenthread_is_an_error() -> None:
    """``result()`` is for what has ended, and says how to wait for it."""

    def main() -> Green[None]:
        gt = genlet.spawn(nothing)
        with pytest.raises(
            RuntimeError, match=r"has not ended: wait for it with 'yield from gt\.wait"
        ):
            gt.result()
        yield from gt.wait()

    genlet.run(main)


def test_a_waiter_that_is_killed_leaves_the_others_waiting() -> None:
    """Interrupting one waiter takes only that one out of the line."""

    def main() -> Green[None]:
        gt = genlet.spawn(returns, 5)
        one, other = genlet.spawn(gt.wait), genlet.spawn(gt.wait)
        one.kill_soon()
        assert isinstance((yield from outcome(one)), GreenletExit)
        assert (yield from other.wait()) == 5

    genlet.run(main)


# ---- links --------------------------------------------------------------------------------------


def test_links_are_called_in_order_before_any_waiter_runs() -> None:
    """``fn(gt, *args, **kwargs)``, first linked first called."""
    log: Log = []

    def link(gt: GreenThread[int], word: str, *, mark: str = "") -> None:
        log.append(f"{word}{mark} {gt.result()}")

    def waits(gt: GreenThread[int]) -> Green[None]:
        yield from gt.wait()
        log.append("waiter")

    def main() -> Green[None]:
        gt = genlet.spawn(returns, 1)
        waiter = genlet.spawn(waits, gt)
        gt.link(link, "first")
        gt.link(link, "second", mark="!")
        yield from waiter.wait()

    genlet.run(main)
    assert log == ["first 1", "second! 1", "waiter"]


def test_link_on_a_finished_greenthread_is_called_at_once() -> None:
    """In the caller, whose business an error is."""
    log: Log = []

    def link(_gt: GreenThread[int], word: str) -> None:
        log.append(word)

    def breaks(_gt: GreenThread[int]) -> None:
        raise LookupError("the link")

    def main() -> Green[None]:
        gt = genlet.spawn(returns, 1)
        yield from gt.wait()
        gt.link(link, "called")
        log.append("after")
        with pytest.raises(LookupError, match="the link"):
            gt.link(breaks)

    genlet.run(main)
    assert log == ["called", "after"]


def test_link_made_by_a_link_is_called_at_once() -> None:
    """The greenthread has ended when its links are called."""
    log: Log = []

    def inner(_gt: GreenThread[int]) -> None:
        log.append("inner")

    def outer(gt: GreenThread[int]) -> None:
        gt.link(inner)
        log.append("outer")

    def last(_gt: GreenThread[int]) -> None:
        log.append("last")

    def main() -> Green[None]:
        gt = genlet.spawn(returns, 1)
        gt.link(outer)
        gt.link(last)
        yield from gt.wait()

    genlet.run(main)
    assert log == ["inner", "outer", "last"]


def test_a_link_that_raises_is_reported_and_the_rest_are_called(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One bad link hides neither the end from the others nor the error from the reader."""
    log: Log = []

    def breaks(_gt: GreenThread[int]) -> None:
        raise LookupError("the link broke")

    def works(_gt: GreenThread[int]) -> None:
        log.append("called")

    def main() -> Green[int]:
        gt = genlet.spawn(returns, 1)
        gt.link(breaks)
        gt.link(works)
        return (yield from gt.wait())

    assert genlet.run(main) == 1
    assert log == ["called"]
    text = capsys.readouterr().err
    assert "breaks, called by the kernel, raised:" in text
    assert text.count("LookupError: the link broke") == 1


def test_a_link_that_raises_system_exit_ends_main_not_the_loop() -> None:
    """What ends a program surfaces in main, at its suspension, whoever raises it."""
    log: Log = []

    def leaves(_gt: GreenThread[int]) -> None:
        raise SystemExit(3)

    def works(_gt: GreenThread[int]) -> None:
        log.append("called")

    def main() -> Green[None]:
        gt = genlet.spawn(returns, 1)
        gt.link(leaves)
        gt.link(works)
        with pytest.raises(SystemExit):
            yield from genlet.sleep(1)
        log.append("main goes on")
        yield from gt.wait()

    genlet.run(main)
    assert log == ["called", "main goes on"]


def test_unlink_takes_back_the_link_made_with_the_same_arguments() -> None:
    """And says whether there was one."""
    log: Log = []

    def link(_gt: GreenThread[int], word: str) -> None:
        log.append(word)

    def main() -> Green[None]:
        gt = genlet.spawn(returns, 1)
        gt.link(link, "one")
        gt.link(link, "two")
        assert gt.unlink(link, "one")
        assert not gt.unlink(link, "one")
        assert not gt.unlink(link, "three")
        yield from gt.wait()
        assert not gt.unlink(link, "two")

    genlet.run(main)
    assert log == ["two"]


def test_unlink_by_a_link_takes_back_one_that_is_still_to_be_called() -> None:
    """A link may take back a later one, as in eventlet."""
    log: Log = []

    def second(_gt: GreenThread[int]) -> None:
        log.append("second")

    def first(gt: GreenThread[int]) -> None:
        log.append(f"first {gt.unlink(second)}")

    def main() -> Green[None]:
        gt = genlet.spawn(returns, 1)
        gt.link(first)
        gt.link(second)
        yield from gt.wait()

    genlet.run(main)
    assert log == ["first True"]


def test_a_link_runs_in_no_greenthread() -> None:
    """The kernel calls it: there is no current greenthread to be had by mistake."""
    log: Log = []

    def link(_gt: GreenThread[int]) -> None:
        with pytest.raises(RuntimeError, match="the kernel itself made this call"):
            genlet.getcurrent()
        log.append("called")

    def main() -> Green[None]:
        gt = genlet.spawn(returns, 1)
        gt.link(link)
        yield from gt.wait()

    genlet.run(main)
    assert log == ["called"]


# ---- errors that nobody awaits ------------------------------------------------------------------


def test_an_unhandled_error_is_reported_once_with_the_spawn_site(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On stderr, saying who it was and where it came from; the others go on."""
    line = 0

    def main() -> Green[str]:
        nonlocal line
        line = sys._getframe().f_lineno + 1
        genlet.spawn(fails)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        return "unharmed"

    assert genlet.run(main) == "unharmed"
    text = capsys.readouterr().err
    assert text.startswith(
        f"greenthread fails-2 (spawned at {__file__}:{line} in main) ended with"
    )
    assert text.count("LookupError: it failed") == 1
    assert text.count("Traceback") == 1


def test_an_error_that_was_reported_is_still_raised_by_a_later_wait() -> None:
    """Reporting is not handling."""

    def main() -> Green[None]:
        gt = genlet.spawn(fails)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        assert gt.dead
        with pytest.raises(LookupError):
            yield from gt.wait()

    assert [name for name, _ in run_collecting(main)] == ["fails-2"]


def test_an_error_is_not_reported_to_the_hook_when_somebody_waits_or_is_linked() -> None:
    """Somebody learns of it already."""

    def link(_gt: GreenThread[None]) -> None:
        pass

    def main() -> Green[None]:
        waited, linked = genlet.spawn(fails), genlet.spawn(fails)
        linked.link(link)
        yield from outcome(waited)
        yield from outcome(linked)

    assert run_collecting(main) == []


def test_an_error_is_reported_when_its_only_waiter_was_killed_or_its_link_taken_back() -> None:
    """Who has left does not count."""

    def link(_gt: GreenThread[None]) -> None:
        pass

    def main() -> Green[None]:
        gt = genlet.spawn(fails)
        gt.link(link)
        gt.unlink(link)
        waiter = genlet.spawn(gt.wait)
        waiter.kill_soon()
        while not gt.dead:
            yield from genlet.sleep(0)

    assert [name for name, _ in run_collecting(main)] == ["fails-2"]


def test_a_kill_that_is_let_pass_is_not_an_error() -> None:
    """Whatever it was killed with: it ended as it was told."""

    def main() -> Green[None]:
        for exc in (GreenletExit, LookupError, GreenletExit("instance")):
            gt = genlet.spawn(forever().get)
            yield from genlet.sleep(0)
            yield from gt.kill(exc)
            assert gt.dead

    assert run_collecting(main) == []


def test_an_exit_that_was_not_delivered_is_an_error_like_any_other() -> None:
    """Only the object delivered to it counts: raised by user code or by a wait it is a failure."""

    def raises() -> Green[None]:
        yield from genlet.checkpoint()
        raise GreenletExit("on my own")

    def main() -> Green[None]:
        genlet.spawn(raises).name = "raises"
        killed = genlet.spawn(forever().get)
        genlet.spawn(killed.wait).name = "waits"
        yield from genlet.sleep(0)
        yield from killed.kill()
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)

    reported = run_collecting(main)
    assert [name for name, _ in reported] == ["raises", "waits"]
    assert all(type(exc) is GreenletExit for _, exc in reported)


# ---- what it looks like from outside ------------------------------------------------------------


def outer(wait: Wait[None]) -> Green[None]:
    yield from middle(wait)


def middle(wait: Wait[None]) -> Green[None]:
    yield from wait.get()


def test_a_suspended_greenthread_tells_its_stack_its_wait_and_its_line() -> None:
    """Outermost call first; ``where`` is the innermost line that is not genlet's."""

    def main() -> Green[None]:
        gt = genlet.spawn(outer, Wait(None, "a miracle"))
        assert gt.stack() == []
        assert gt.where() == ""
        assert gt.waiting_on is None
        yield from genlet.sleep(0)
        stack = gt.stack()
        assert [entry.name for entry in stack] == ["outer", "middle", "get"]
        assert [entry.line for entry in stack[:2]] == [
            "yield from middle(wait)",
            "yield from wait.get()",
        ]
        assert gt.where() == f"{__file__}:{stack[1].lineno}"
        assert linecache.getline(__file__, stack[1].lineno or 0).strip() == stack[1].line
        assert gt.waiting_on == "a miracle"
        yield from gt.kill()
        assert gt.stack() == []
        assert gt.waiting_on is None

    genlet.run(main)


def test_a_running_greenthread_tells_its_own_stack() -> None:
    """From its function down to the caller, without the kernel's frames around it."""

    def inner() -> Green[List[str]]:
        yield from genlet.checkpoint()
        return [entry.name for entry in genlet.getcurrent().stack()]

    def main() -> Green[List[str]]:
        return (yield from inner())

    names = genlet.run(main)
    assert names[:2] == ["main", "inner"]
    assert not {"turns", "drive"} & set(names)


def test_a_greenthread_is_named_after_its_function_until_it_is_given_a_name() -> None:
    """Main is ``main``, the others carry their number in the run."""

    def main() -> Green[None]:
        assert genlet.getcurrent().name == "main"
        one, two = genlet.spawn(nothing), genlet.spawn(returns, 1)
        assert (one.name, two.name) == ("nothing-2", "returns-3")
        two.name = "the second"
        assert two.name == "the second"
        assert repr(two) == "<GreenThread the second not started>"
        yield from two.wait()

    genlet.run(main)


def test_repr_says_what_state_it_is_in() -> None:
    """Not started, running, ready, waiting, ended, failed, killed."""
    wait: Wait[None] = Wait(None, "a sign")
    seen: Log = []

    def child() -> Green[None]:
        seen.append(repr(genlet.getcurrent()))
        yield from wait.get()
        raise LookupError

    def main() -> Green[None]:
        gt = genlet.spawn(child)
        gt.name = "child"
        seen.append(repr(gt))
        yield from genlet.sleep(0)
        seen.append(repr(gt))
        wait.wake(None)
        seen.append(repr(gt))
        yield from outcome(gt)
        seen.append(repr(gt))
        done, killed = genlet.spawn(nothing), genlet.spawn(nothing)
        done.name = killed.name = "other"
        killed.kill_soon()
        yield from done.wait()
        seen.extend([repr(done), repr(killed)])

    genlet.run(main)
    assert seen == [
        "<GreenThread child not started>",
        "<GreenThread child running>",
        "<GreenThread child waits for a sign>",
        "<GreenThread child ready>",
        "<GreenThread child failed>",
        "<GreenThread other ended>",
        "<GreenThread other killed>",
    ]


def test_truth_dead_and_started_follow_its_life() -> None:
    """``bool(gt)`` is true between its first step and its end."""

    def main() -> Green[None]:
        gt = genlet.spawn(forever().get)
        assert (bool(gt), gt.started, gt.dead) == (False, False, False)
        yield from genlet.sleep(0)
        assert (bool(gt), gt.started, gt.dead) == (True, True, False)
        yield from gt.kill()
        assert (bool(gt), gt.dead) == (False, True)
        me = genlet.getcurrent()
        assert (bool(me), me.started, me.dead) == (True, True, False)

    genlet.run(main)


def test_a_greenthread_that_never_ran_has_not_started() -> None:
    """Being kept from it is not beginning to run."""

    def main() -> Green[None]:
        gt = genlet.spawn(nothing)
        yield from gt.kill()
        assert (gt.started, gt.dead) == (False, True)

    genlet.run(main)


def test_the_parent_is_who_spawned_it() -> None:
    """Not who owns it: a child of the run's root group has a parent too."""

    def main() -> Green[None]:
        me = genlet.getcurrent()
        assert me.parent is None
        gt = genlet.spawn(nothing)
        assert gt.parent is me
        assert gt.spawned_at is not None
        assert gt.spawned_at[0] == __file__
        assert gt.spawned_at[2] == "main"
        yield from gt.wait()

    genlet.run(main)


def test_a_greenthread_that_nobody_refers_to_lives_on() -> None:
    """The kernel holds what it runs: it is never collected halfway."""
    log: Log = []
    line: Waiters[None] = Waiters()

    def child() -> Green[None]:
        try:
            yield from Wait(None, "the word", line).get()
            log.append("woken")
        finally:
            log.append("ended")

    def main() -> Green[None]:
        genlet.spawn_n(child)
        yield from genlet.sleep(0)
        gc.collect()
        assert log == []
        line.wake(None)
        yield from genlet.sleep(0)

    genlet.run(main)
    assert log == ["woken", "ended"]


def test_a_greenthread_of_code_without_generators_below_still_tells_its_stack() -> None:
    """A generator that delegates to a plain iterator shows the frames there are."""

    class Once:
        def __init__(self, wait: Wait[None]) -> None:
            self.left: List[Wait[None]] = [wait]

        def __iter__(self) -> Once:
            return self

        def __next__(self) -> Wait[None]:
            if not self.left:
                raise StopIteration
            return self.left.pop()

    def delegates() -> Generator[Any, None, None]:
        yield from cast(Any, Once(Wait(None, "a sign")))

    def main() -> Green[None]:
        gt = genlet.spawn(delegates)
        yield from genlet.sleep(0)
        assert [entry.name for entry in gt.stack()] == ["delegates"]
        assert gt.waiting_on == "a sign"
        yield from gt.kill()

    genlet.run(main)


def test_spawn_takes_what_only_looks_like_a_function() -> None:
    """A mock made after a function says it is one; it is called like any other callable."""
    double: Callable[[int], Green[int]] = Mock(spec=returns, side_effect=returns)

    def main() -> Green[int]:
        return (yield from genlet.spawn(double, 7).wait())

    assert genlet.run(main) == 7


def test_link_that_kills_the_running_greenthread_in_its_first_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It has begun, if only just: it is interrupted at its first suspension, not closed."""
    seen: List[str] = []

    def killer() -> Green[None]:
        me = genlet.getcurrent()
        child = genlet.spawn(nothing)
        child.link(lambda _: me.kill_soon())
        child.cancel()
        seen.append("goes on")
        try:
            yield from genlet.checkpoint()
        finally:
            seen.append("interrupted")

    def main() -> Green[None]:
        gt = genlet.spawn(killer)
        yield from outcome(gt)

    genlet.run(main)
    assert seen == ["goes on", "interrupted"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("made", "args"),
    [
        (genlet.Cancelled(), ()),
        (genlet.Cancelled(None), ()),
        (genlet.Cancelled("why"), ("why",)),
        (genlet.Cancelled(reason="why"), ("why",)),
    ],
)
def test_cancelled_says_its_reason(made: genlet.Cancelled, args: Tuple[object, ...]) -> None:
    """However the reason was given."""
    assert made.args == args
    assert str(made) == "".join(map(str, args))


def test_cancelled_that_was_subclassed_says_what_its_base_was_given() -> None:
    """As of any exception, the arguments are those that reached the base class."""

    class Abort(genlet.Cancelled):
        def __init__(self, code: int) -> None:
            super().__init__(f"aborted with {code}")

    assert str(Abort(7)) == "aborted with 7"


class LastInFirstOut(Deque[AnyGreenThread]):
    """A ready queue that resumes first what became ready last."""

    def popleft(self) -> AnyGreenThread:
        return self.pop()


def test_kill_returns_when_a_ready_victim_was_interrupted_whatever_the_order_of_the_queue() -> (
    None
):
    """Also if the queue resumes the killer before the victim."""
    log: List[str] = []

    def victim() -> Green[None]:
        try:
            while True:
                yield from genlet.sleep(0)
        finally:
            log.append("interrupted")

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0.01)
        yield from gt.kill()
        assert log == ["interrupted"]

    Runner(ready=LastInFirstOut()).run(main)
