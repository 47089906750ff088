"""Scoped functions: children, deferred calls and entered resources."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional, Type

import pytest

import genlet
from genlet import Cancelled, CancelScope, Green, GreenletExit, Timeout
from genlet.abc import Trap
from genlet.kernel import get_scheduler
from genlet.structured.scoped import ScopedGroup, scoped
from genlet.structured.taskgroup import TaskGroup
from genlet.testing import cancel_everywhere

inf = float("inf")
raising = pytest.raises  # around a whole block, whose end is what raises


def turns(count: int = 1) -> Green[None]:
    for _ in range(count):
        yield from genlet.sleep(0)


def forever(log: Optional[List[str]] = None, name: str = "gone") -> Green[None]:
    """Wait until interrupted; the cleanup does not wait."""
    try:
        yield from genlet.sleep(inf)
    finally:
        if log is not None:
            log.append(name)


def slowly(log: Optional[List[str]] = None, name: str = "gone") -> Green[None]:
    """Wait until interrupted; the cleanup waits for some turns."""
    try:
        yield from genlet.sleep(inf)
    finally:
        with genlet.shielded(60):
            yield from turns(3)
        if log is not None:
            log.append(name)


def note(log: List[str], what: str, waits: int = 1) -> Green[None]:
    yield from turns(waits)
    log.append(what)


def fails(exc: BaseException) -> Green[None]:
    yield from genlet.sleep(0)
    raise exc


class Resource:
    """A context manager with ``finish()`` that logs its calls."""

    def __init__(self, log: List[str], name: str = "it") -> None:
        self.log = log
        self.name = name

    def __enter__(self) -> str:
        self.log.append(f"enter {self.name}")
        return self.name

    def __exit__(self, kind: Optional[Type[BaseException]], *_rest: object) -> bool:
        self.log.append(f"exit {self.name} {kind.__name__ if kind else None}")
        return True  # which changes nothing

    def finish(self) -> Green[None]:
        yield from genlet.sleep(0)
        self.log.append(f"finish {self.name}")


def opened(log: List[str], name: str = "it") -> Green[Resource]:
    yield from genlet.sleep(0)
    return Resource(log, name)


# ---- the function is the scope --------------------------------------------------------------------


def test_scoped_function_returns_when_its_children_have_ended() -> None:
    """Children that still run when the function returns are joined; nothing is raised."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup, count: int, *, name: str) -> Green[int]:
            for _ in range(count):
                group.spawn(note, log, name, 3)
            yield from genlet.sleep(0)
            log.append("body")
            return count

        assert (yield from crawl(2, name="page")) == 2
        assert log == ["body", "page", "page"]

    genlet.run(main)


@pytest.mark.parametrize("error", [LookupError("body"), GreenletExit("body")])
def test_scoped_function_that_raises_leaves_no_child_for_its_caller_to_see(
    error: BaseException,
) -> None:
    """A child that waits in its cleanup has ended before the caller's handler runs."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.spawn(slowly, log, "slow")
            group.spawn(forever, log, "quick")
            yield from genlet.sleep(0)
            raise error

        with raising(type(error)) as caught:
            yield from crawl()
        log.append("handler")
        assert caught.value is error
        assert log == ["quick", "slow", "handler"]
        assert get_scheduler().everybody() == [genlet.getcurrent()]

    genlet.run(main)


def test_scoped_function_whose_child_fails_raises_a_group() -> None:
    """Failures of children and of the body are raised as those of any group."""

    def main() -> Green[None]:
        child, body = LookupError("child"), ValueError("body")

        @scoped
        def crawl(group: ScopedGroup, fail: bool) -> Green[None]:
            group.spawn(slowly)
            group.spawn(fails, child)
            try:
                yield from genlet.sleep(inf)
            except Cancelled:
                if fail:
                    raise body from None
                raise

        for fail in (False, True):
            with raising(Exception, match="failed in <TaskGroup .*crawl>") as caught:
                yield from crawl(fail)
            found: Any = caught.value
            assert list(found.exceptions) == ([child, body] if fail else [child])

    genlet.run(main)


def test_scoped_functions_late_failures_are_in_one_group_with_its_own() -> None:
    """An error from a cleanup that waits is in one group with the body's error."""

    def main() -> Green[None]:
        late, body = LookupError("late"), ValueError("body")

        def child() -> Green[None]:
            try:
                yield from genlet.sleep(inf)
            finally:
                with genlet.shielded(60):
                    yield from turns(3)
                raise late

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.spawn(child)
            yield from genlet.sleep(0)
            raise body

        with raising(Exception, match="2 failed") as caught:
            yield from crawl()
        found: Any = caught.value
        assert list(found.exceptions) == [late, body]
        yield from genlet.sleep(0)  # it is told once

    genlet.run(main)


@pytest.mark.parametrize("outer", ["scope", "kill", "timeout"])
def test_interruption_does_not_take_the_place_of_the_error_on_its_way(outer: str) -> None:
    """An interruption that comes while children end is raised at the next suspension."""

    def main() -> Green[None]:
        log: List[str] = []
        scope = CancelScope()

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.spawn(slowly, log, "child")
            yield from genlet.sleep(0)
            raise LookupError

        def caller() -> Green[None]:
            timeout = Timeout()
            interrupts["timeout"] = timeout.expire
            with scope, timeout:
                try:
                    yield from crawl()
                except LookupError:
                    log.append("handler")
                yield from genlet.sleep(0)
                log.append("never")

        interrupts: Dict[str, Callable[[], object]] = {}
        gt = genlet.spawn(caller)
        interrupts.update(scope=scope.cancel, kill=gt.kill_soon)
        yield from turns(3)
        assert log == []
        interrupts[outer]()
        try:
            yield from gt.wait()
        except (GreenletExit, Timeout):
            assert outer != "scope"
        assert log == ["child", "handler"]

    genlet.run(main)


def test_scoped_function_may_cancel_its_children_and_return() -> None:
    """After ``group.cancel()`` the function may still return a value."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def first_page(group: ScopedGroup) -> Green[str]:
            group.spawn(slowly, log, "loser")
            yield from genlet.sleep(0)
            group.cancel("found it")
            return "page"

        assert (yield from first_page()) == "page"
        assert log == ["loser"]

    genlet.run(main)


def test_scoped_function_cancelled_by_a_child_has_no_result() -> None:
    """A group that is cancelled before the function returns makes the call raise."""

    def main() -> Green[None]:
        def child(group: TaskGroup) -> Green[None]:
            group.cancel("enough")
            yield from genlet.sleep(0)

        @scoped
        def crawl(group: ScopedGroup) -> Green[int]:
            group.spawn(child, group)
            yield from genlet.sleep(inf)
            return 1

        with raising(GreenletExit) as caught:
            yield from crawl()
        assert caught.value.reason == "enough"
        yield from genlet.sleep(0)

    genlet.run(main)


def test_scoped_error_keeps_its_own_context() -> None:
    """The context of an error has neither the wrapper's exceptions nor those the caller handles."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.spawn(slowly)
            group.defer(note, log, "deferred")
            try:
                raise KeyError("cause")
            except KeyError:
                raise LookupError("effect")
            yield from genlet.sleep(0)

        try:
            raise OSError("what the caller handles")
        except OSError:
            with raising(LookupError) as caught:
                yield from crawl()
        assert isinstance(caught.value.__context__, KeyError)
        assert isinstance(caught.value.__context__.__context__, OSError)

    genlet.run(main)


# ---- methods and names ----------------------------------------------------------------------------


class Crawler:
    """A class with scoped methods."""

    def __init__(self, log: List[str]) -> None:
        self.log = log

    @scoped
    def crawl(self, group: ScopedGroup, name: str, *, times: int = 1) -> Green[Crawler]:
        """Crawl."""
        for _ in range(times):
            group.spawn(note, self.log, name)
        yield from genlet.sleep(0)
        return self

    @staticmethod
    @scoped
    def static(group: ScopedGroup, log: List[str]) -> Green[int]:
        group.spawn(note, log, "static")
        yield from genlet.sleep(0)
        return 1


class Spider(Crawler):
    @scoped
    def crawl(self, group: ScopedGroup, name: str, *, times: int = 1) -> Green[Crawler]:
        group.spawn(note, self.log, "spider")
        return (yield from super().crawl(name, times=times))


def test_scoped_methods_are_bound_like_others() -> None:
    """Methods work through the instance, the class, a subclass, and as static methods."""

    def main() -> Green[None]:
        log: List[str] = []
        crawler = Crawler(log)
        assert (yield from crawler.crawl("a", times=2)) is crawler
        assert (yield from Crawler.crawl(crawler, "b")) is crawler
        assert log == ["a", "a", "b"]
        del log[:]
        yield from Spider(log).crawl("c")
        assert sorted(log) == ["c", "spider"]
        del log[:]
        assert (yield from Crawler.static(log)) == 1
        assert (yield from crawler.static(log)) == 1
        assert log == ["static", "static"]

    genlet.run(main)


def test_scoped_function_can_be_spawned_under_its_own_name() -> None:
    """Its greenthread has the function's name, and ``async def`` code may await it."""

    def main() -> Green[None]:
        log: List[str] = []
        crawler = Crawler(log)
        with TaskGroup() as group:
            gt = group.spawn(crawler.crawl, "a")
            assert gt.name == f"Crawler.crawl-{gt.number}"
            yield from group.join()
        assert log == ["a"]
        call: Any = crawler.crawl("b")
        assert call.gi_code.co_flags & 0x100, "it can be awaited"
        call.close()

    genlet.run(main)


def test_scoped_function_keeps_its_documentation() -> None:
    """The decorator keeps the name and the docstring."""
    crawl: Any = Crawler.__dict__["crawl"]
    assert crawl.__name__ == "crawl"
    assert crawl.__doc__ == "Crawl."
    assert repr(crawl).startswith("<scoped <function Crawler.crawl at ")


def test_calling_a_scoped_function_without_driving_it_does_nothing() -> None:
    """The call makes a generator, and no group."""

    def main() -> Green[None]:
        log: List[str] = []
        call = Crawler(log).crawl("a")
        yield from genlet.sleep(0)
        assert log == []
        assert genlet.getcurrent().groups is None
        call.close()

    genlet.run(main)


# ---- deferred calls -------------------------------------------------------------------------------


def test_deferred_calls_are_made_last_first_after_the_children() -> None:
    """The order of an ending: body, children, deferred calls, caller."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup) -> Green[str]:
            group.defer(note, log, "first deferred")
            group.defer(note, log, "last deferred", waits=2)
            group.spawn(note, log, "child", 5)
            yield from genlet.sleep(0)
            log.append("body")
            return "result"

        assert (yield from crawl()) == "result"
        log.append("caller")
        assert log == ["body", "child", "last deferred", "first deferred", "caller"]

    genlet.run(main)


def test_deferred_calls_are_made_when_the_function_raises() -> None:
    """The error is raised after the deferred calls."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.defer(note, log, "deferred")
            group.spawn(slowly, log, "child")
            yield from genlet.sleep(0)
            raise LookupError

        with raising(LookupError):
            yield from crawl()
        assert log == ["child", "deferred"]

    genlet.run(main)


def test_deferred_call_may_defer_another() -> None:
    """A call that a deferred call defers is made next."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            def again() -> Green[None]:
                group.defer(note, log, "second")
                yield from note(log, "first")

            group.defer(note, log, "last")
            group.defer(again)
            yield from genlet.sleep(0)

        yield from crawl()
        assert log == ["first", "second", "last"]

    genlet.run(main)


@pytest.mark.parametrize("body_fails", [False, True])
def test_all_deferred_calls_are_made_and_their_errors_are_chained(body_fails: bool) -> None:
    """Each error has the one before it as its context, as with contextlib.ExitStack."""

    def main() -> Green[None]:
        log: List[str] = []
        body, first, second = LookupError("body"), ValueError("first"), TypeError("second")

        @scoped
        def crawl(group: ScopedGroup) -> Green[str]:
            group.defer(fails, second)
            group.defer(note, log, "between")
            group.defer(fails, first)
            yield from genlet.sleep(0)
            if body_fails:
                raise body
            return "result"

        around = OSError("what the caller handles")
        try:
            raise around
        except OSError:
            with raising(TypeError) as caught:
                yield from crawl()
        assert caught.value is second
        assert second.__context__ is first
        if body_fails:
            assert first.__context__ is body
            assert body.__context__ is around
        else:
            assert first.__context__ is around
        assert log == ["between"]

    genlet.run(main)


def test_deferred_call_that_raises_the_error_again_makes_no_ring() -> None:
    """An error that is raised again leaves its chain of contexts as it is."""

    def main() -> Green[None]:
        cause, body = KeyError("cause"), LookupError("body")

        @scoped
        def crawl(group: ScopedGroup, again: BaseException) -> Green[None]:
            group.defer(fails, again)
            try:
                raise cause
            except KeyError:
                raise body
            yield from genlet.sleep(0)

        for again in (body, cause):
            with raising(LookupError) as caught:
                yield from crawl(again)
            chain: List[Optional[BaseException]] = [caught.value]
            while chain[-1] is not None:
                chain.append(chain[-1].__context__)
                assert len(chain) < 5
            cause.__context__ = None

    genlet.run(main)


@pytest.mark.parametrize("how", ["scope", "kill", "timeout", "pending"])
def test_deferred_calls_of_an_interrupted_function_are_shielded(how: str) -> None:
    """Each deferred call of an interrupted function may wait for a while."""

    def main() -> Green[None]:
        log: List[str] = []
        scope = CancelScope()

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.defer(note, log, "first", waits=3)
            group.defer(note, log, "last", waits=3)
            group.spawn(forever, log, "child")
            if how == "pending":
                yield from turns(2)
                scope.cancel()
                group.cancel()
                return
            yield from genlet.sleep(inf)

        def caller() -> Green[None]:
            timeout = Timeout(None, False)
            interrupts["timeout"] = timeout.expire
            with scope, timeout:
                yield from crawl()
                yield from genlet.sleep(0)
                log.append("never")

        interrupts: Dict[str, Callable[[], object]] = {"pending": lambda: None}
        gt = genlet.spawn(caller)
        interrupts.update(scope=scope.cancel, kill=gt.kill_soon)
        yield from turns(2)
        interrupts[how]()
        try:
            yield from gt.wait()
        except GreenletExit:
            assert how == "kill"
        assert log == ["child", "last", "first"]

    genlet.run(main)


def test_deferred_call_of_an_interrupted_function_is_cut_off_at_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A deferred call that takes too long is cut off without an error, and the next is made."""
    monkeypatch.setattr("genlet.structured.scoped.PATIENCE", 0.001)

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.defer(note, log, "next", waits=0)
            group.defer(forever, log, "cut off")
            yield from genlet.sleep(inf)

        with CancelScope() as scope:
            scope.cancel()
            yield from crawl()
        assert log == ["cut off", "next"]
        assert scope.cancelled_caught

    genlet.run(main)


def test_deferred_call_of_a_function_that_went_well_takes_its_time() -> None:
    """Without an interruption a deferred call can be interrupted, and the others are still made."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.defer(note, log, "next", waits=3)
            group.defer(forever, log, "interrupted")
            yield from genlet.sleep(0)

        with CancelScope() as scope, TaskGroup() as group:
            group.spawn(crawl)
            yield from turns(5)
            assert log == []
            scope.cancel()
            yield from group.join()
        assert log == ["interrupted", "next"]

    genlet.run(main)


def test_deferred_calls_under_a_shield_see_what_the_shield_lets_through() -> None:
    """A cancelled scope outside of a shield does not interrupt the deferred calls inside."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.defer(note, log, "deferred")
            yield from genlet.sleep(0)

        with CancelScope() as scope:
            scope.cancel()
            with genlet.shielded(60):
                yield from crawl()
            assert log == ["deferred"]
            yield from genlet.sleep(0)
        assert scope.cancelled_caught

    genlet.run(main)


# ---- entering -------------------------------------------------------------------------------------


def test_entered_resources_are_finished_and_left_last_first() -> None:
    """After the children, in order with the deferred calls: finish, then exit."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            assert (yield from group.enter(opened(log, "a"))) == "a"
            group.defer(note, log, "deferred")
            yield from group.enter(opened(log, "b"))
            group.spawn(note, log, "child", 3)

        yield from crawl()
        assert log == [
            *("enter a", "enter b", "child"),
            *("finish b", "exit b None", "deferred", "finish a", "exit a None"),
        ]

    genlet.run(main)


@pytest.mark.parametrize("how", ["error", "cancel", "finish", "deferred"])
def test_entered_resource_of_a_function_that_fails_is_aborted(how: str) -> None:
    """After an error, of the function or of a deferred call, a resource only exits."""

    def main() -> Green[None]:
        log: List[str] = []

        class Unfinished(Resource):
            def finish(self) -> Green[None]:
                yield from super().finish()
                raise LookupError

        def cancels(scope: CancelScope) -> Green[None]:
            yield from turns(2)
            if how == "cancel":
                scope.cancel()

        def unfinished() -> Green[Resource]:
            yield from genlet.sleep(0)
            return Unfinished(log)

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            yield from group.enter(opened(log, "outer"))
            if how == "finish":
                yield from group.enter(unfinished())
            elif how == "deferred":
                group.defer(fails, LookupError())
            elif how == "error":
                raise LookupError
            else:
                yield from genlet.sleep(inf)

        error: Any = None
        scope = CancelScope()
        with TaskGroup(on_exit="cancel") as around:
            around.spawn(cancels, scope)
            with scope:
                try:
                    yield from crawl()
                except BaseException as exc:
                    error = exc
        kind = type(error)
        assert kind is (Cancelled if how == "cancel" else LookupError)
        assert log[-1] == f"exit outer {kind.__name__}"
        assert "finish outer" not in log
        if how == "finish":
            assert log[1:-1] == ["enter it", "finish it", "exit it LookupError"]

    genlet.run(main)


def test_entering_something_without_finish_only_exits() -> None:
    """A context manager without ``finish()`` is entered and exited."""

    def main() -> Green[None]:
        log: List[str] = []

        class Plain:
            def __enter__(self) -> int:
                return 7

            def __exit__(self, *exc: object) -> None:
                log.append("exit")

        def plain() -> Green[Plain]:
            yield from genlet.sleep(0)
            return Plain()

        @scoped
        def crawl(group: ScopedGroup) -> Green[int]:
            return (yield from group.enter(plain()))

        assert (yield from crawl()) == 7
        assert log == ["exit"]

    genlet.run(main)


# ---- a generator that is closed -------------------------------------------------------------------


def abandoned(call: Green[Any], steps: int) -> Iterator[Trap]:
    """Drive *call* for some steps, and close it in the middle."""
    try:
        for _ in range(steps):
            yield call.send(None)
    finally:
        call.close()


def test_scoped_function_whose_generator_is_closed_undoes_what_need_not_wait() -> None:
    """Children are aborted, resources exited, deferred calls run to their first suspension."""

    def main() -> Green[None]:
        log: List[str] = []

        def waits() -> Green[None]:
            log.append("deferred")
            yield from forever(log, "closed")
            log.append("never")

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            yield from group.enter(opened(log))
            group.defer(waits)
            group.defer(note, log, "at once", waits=0)
            group.spawn(forever, log, "child")
            yield from turns(5)

        yield from abandoned(crawl(), 3)
        assert log == [
            *("enter it", "child", "at once", "deferred", "closed", "exit it GeneratorExit"),
        ]
        yield from genlet.sleep(0)

    genlet.run(main)


def test_scoped_function_closed_in_a_deferred_call_makes_the_rest() -> None:
    """The remaining deferred calls are made if the generator is closed during one."""

    def main() -> Green[None]:
        log: List[str] = []

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.defer(note, log, "rest", waits=0)
            group.defer(forever, log, "closed")
            yield from genlet.sleep(0)

        yield from abandoned(crawl(), 2)
        assert log == ["closed", "rest"]

    genlet.run(main)


# ---- everywhere -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
@pytest.mark.parametrize("body_fails", [False, True])
def test_scoped_function_interrupted_anywhere_undoes_everything_in_order(
    how: Any, body_fails: bool
) -> None:
    """At every suspension, resources are exited after the children and before the caller goes on."""
    log: List[str] = []

    def deferred() -> Green[None]:
        log.append("deferred")
        yield from turns(2)

    def fn() -> Green[None]:
        del log[:]

        @scoped
        def crawl(group: ScopedGroup) -> Green[None]:
            group.defer(deferred)
            yield from group.enter(opened(log))
            group.spawn(slowly, log, "child") if body_fails else group.spawn(note, log, "child")
            yield from turns(2)
            if body_fails:
                raise LookupError

        try:
            yield from crawl()
        except LookupError:
            assert body_fails
        finally:
            log.append("caller")

    def check() -> None:
        if log:
            assert log[-2:] == ["deferred", "caller"]
        entered = [line for line in log if line.startswith("enter")]
        left = [line for line in log if line.startswith("exit")]
        assert len(entered) == len(left)
        if "child" in log:
            assert log.index("child") < log.index(left[0])

    assert cancel_everywhere(fn, check, how=how) >= 6
