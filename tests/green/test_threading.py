"""Green threading: the standard library's names and rules, with greenthreads for threads."""

from __future__ import annotations

import threading as real
from typing import Any, Callable, List, Optional, Type

import pytest

import genlet
from genlet.abc import Green, green
from genlet.green import threading
from genlet.kernel import getcurrent
from genlet.testing import cancel_everywhere

from .test_select import run, turns

# ---- Thread ---------------------------------------------------------------------------------------


def test_thread_runs_its_target_and_can_be_joined() -> None:
    """With its arguments; alive from start() to its end."""
    log: List[Any] = []

    def work(a: int, b: int = 0) -> Green[None]:
        log.append((a, b, threading.current_thread().name))
        yield from genlet.sleep(0)

    def main() -> Green[None]:
        thread = threading.Thread(target=work, args=(1,), kwargs={"b": 2}, name="worker")
        assert (thread.is_alive(), thread.ident, thread.native_id) == (False, None, None)
        thread.start()
        assert thread.is_alive()
        assert thread.native_id == real.get_native_id()
        yield from thread.join()
        assert not thread.is_alive()
        yield from thread.join()

    run(main)
    assert log == [(1, 2, "worker")]


def test_thread_subclass_overrides_run() -> None:
    """With a green method."""

    class Doubler(threading.Thread):
        def __init__(self, number: int) -> None:
            super().__init__(daemon=True)
            self.number: int = number

        @green
        def run(self) -> Green[None]:
            yield from genlet.sleep(0)
            self.number *= 2

    def main() -> Green[int]:
        thread = Doubler(21)
        thread.start()
        yield from thread.join()
        return thread.number

    assert run(main) == 42


def test_thread_join_returns_after_its_timeout() -> None:
    """None either way; is_alive() tells."""

    def main() -> Green[None]:
        event = threading.Event()
        thread = threading.Thread(target=event.wait)
        thread.start()
        for timeout in (0.01, 0, -1):
            yield from thread.join(timeout)
            assert thread.is_alive()
        event.set()
        yield from thread.join()

    run(main)


def misuse(what: str, module: Any) -> Callable[[], Any]:
    """Return what does wrong, in the one module or the other."""

    class Unmade(module.Thread):  # type: ignore[misc]
        def __init__(self) -> None:
            pass

    def again() -> None:
        thread = module.current_thread()
        thread.start()

    return {
        "unstarted": lambda: module.Thread().join(),
        "itself": lambda: module.current_thread().join(),
        "again": again,
        "unmade": lambda: Unmade().start(),
        "group": lambda: module.Thread(group=1),
        "daemon": lambda: setattr(module.current_thread(), "daemon", True),
        "semaphore": lambda: module.Semaphore(-1),
        "released": lambda: module.BoundedSemaphore(2).release(2),
        "none": lambda: module.Semaphore(1).release(0),
        "unlocked": lambda: module.Lock().release(),
        "unowned": lambda: module.RLock().release(),
        "notify": lambda: module.Condition().notify(),
    }[what]


@pytest.mark.parametrize(
    "what",
    [
        "unstarted",
        "itself",
        "again",
        "unmade",
        "group",
        "daemon",
        "semaphore",
        "released",
        "none",
        "unlocked",
        "unowned",
        "notify",
    ],
)
def test_misuse_raises_what_the_stdlib_raises(what: str) -> None:
    """The same class of error."""
    with pytest.raises(Exception) as expected:  # noqa: PT011  it is the oracle
        misuse(what, real)()

    def main() -> Green[None]:
        result = misuse(what, threading)()
        if hasattr(result, "send"):
            yield from result
        yield from turns(1)

    with pytest.raises(expected.type):
        run(main)


def test_thread_error_goes_to_excepthook(monkeypatch: pytest.MonkeyPatch) -> None:
    """To that of this module or of the standard library; SystemExit is silent, join raises none."""
    seen: List[Any] = []

    def hook(args: Any) -> None:
        seen.append((args.exc_type, str(args.exc_value), args.thread.name))

    def fail(exc: BaseException) -> Green[None]:
        yield from genlet.sleep(0)
        raise exc

    def main() -> Green[None]:
        for exc in (KeyError("one"), SystemExit(3), genlet.Timeout()):
            thread = threading.Thread(target=fail, args=(exc,), name="t")
            thread.start()
            yield from thread.join()

    monkeypatch.setattr(real, "excepthook", hook)
    run(main)
    expected: List[Any] = [(KeyError, "'one'", "t")]
    assert seen[:1] == expected
    assert [kind for kind, _, _ in seen] == [KeyError, genlet.Timeout]
    seen.clear()
    monkeypatch.undo()
    monkeypatch.setattr(threading, "excepthook", hook)
    run(main)
    assert seen[:1] == expected


def test_thread_of_a_plain_function_says_what_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TypeError that names the function, the green way and the one for those that block."""
    seen: List[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(str(args.exc_value)))

    def plain() -> None:
        pass

    def main() -> Green[None]:
        target: Any = plain
        thread = threading.Thread(target=target)
        thread.start()
        yield from thread.join()

    run(main)
    assert "plain" in seen[0]
    assert "tpool.execute" in seen[0]


def test_thread_killed_before_it_begins_is_joined() -> None:
    """It has ended, and is not counted any more."""

    def main() -> Green[None]:
        thread = threading.Thread(target=genlet.sleep)
        thread.start()
        assert threading.active_count() == 2
        assert thread._gt is not None
        thread._gt.kill_soon()
        yield from thread.join()
        assert not thread.is_alive()
        assert threading.active_count() == 1

    run(main)


def test_every_greenthread_is_a_thread() -> None:
    """Main is MainThread; a spawned one gets a thread when it asks; all have their own ident."""

    def spawned() -> Green[threading.Thread]:
        mine = threading.current_thread()
        assert mine is threading.current_thread()
        assert mine.is_alive()
        assert mine.daemon
        assert mine.ident == threading.get_ident()
        assert mine in threading.enumerate()
        yield from turns(5)
        return mine

    def main() -> Green[None]:
        me = threading.current_thread()
        assert me is threading.main_thread()
        assert me.name == "MainThread"
        assert not me.daemon
        assert threading.enumerate() == [me]
        gt = genlet.spawn(spawned)
        yield from genlet.sleep(0)
        other = threading.enumerate()[1]
        assert other.ident != me.ident
        yield from other.join(0)
        assert other.is_alive()
        yield from other.join()
        assert (yield from gt.wait()) is other
        assert not other.is_alive()
        assert threading.enumerate() == [me]

    run(main)


def test_joining_a_greenthread_that_fails_does_not_raise() -> None:
    """As joining a thread does not; an interruption of the one who joins goes on."""

    def fails(threads: List[threading.Thread]) -> Green[None]:
        threads.append(threading.current_thread())
        yield from turns(5)
        raise KeyError

    def main() -> Green[None]:
        threads: List[threading.Thread] = []
        genlet.spawn(fails, threads)
        yield from turns(1)
        with genlet.move_on_after(0) as scope:
            yield from threads[0].join()
        assert scope.cancelled_caught
        yield from threads[0].join()
        assert not threads[0].is_alive()

    run(main)


def test_thread_says_what_it_is() -> None:
    """Its repr has name and state, and its name is that of its greenthread."""

    def main() -> Green[None]:
        thread = threading.Thread(target=genlet.sleep, name="x", daemon=True)
        assert repr(thread) == "<Thread(x, initial daemon)>"
        thread.start()
        assert repr(thread) == f"<Thread(x, started daemon {thread.ident})>"
        thread.name = "y"
        assert thread._gt is not None
        assert thread._gt.name == "y"
        yield from thread.join()
        assert repr(thread) == f"<Thread(y, stopped daemon {thread.ident})>"
        assert threading.Thread(target=main).name.endswith(" (main)")
        assert threading.Thread().daemon is False

    run(main)


def test_outside_of_a_run_there_is_no_thread() -> None:
    """Threads are made there, and neither started nor asked for."""
    thread = threading.Thread(target=genlet.sleep)
    for call in (thread.start, threading.current_thread, threading.enumerate):
        with pytest.raises(RuntimeError):
            call()


def test_local_is_per_greenthread() -> None:
    """What one thread sets another does not see."""

    def main() -> Green[None]:
        data = threading.local()
        data.x = 1
        seen: List[Optional[int]] = []

        def look() -> Green[None]:
            seen.append(getattr(data, "x", None))
            yield from genlet.sleep(0)

        thread = threading.Thread(target=look)
        thread.start()
        yield from thread.join()
        assert seen == [None]

    run(main)


# ---- Event ----------------------------------------------------------------------------------------


def test_event_lets_everybody_go_and_stays_set() -> None:
    """Also if it is cleared before they run; it can be set again and again."""

    def main() -> Green[None]:
        event = threading.Event()
        assert not event.is_set()
        for _ in range(2):
            waiting = [genlet.spawn(event.wait) for _ in range(3)]
            yield from turns(2)
            event.set()
            event.set()
            assert (yield from event.wait())
            event.clear()
            for gt in waiting:
                assert (yield from gt.wait()) is True
        for timeout in (0.01, 0, -1):
            assert (yield from event.wait(timeout)) is False

    run(main)


def test_event_wait_interrupted_anywhere_leaves_nothing_behind() -> None:
    """No waiter, no timer."""
    event = threading.Event()

    def use() -> Green[None]:
        event.clear()
        yield from event.wait(0)
        yield from event.wait(0.001)

    assert cancel_everywhere(use, lambda: None) > 1
    assert repr(event).endswith("unset, 0 waiting>")


# ---- locks ----------------------------------------------------------------------------------------

LOCKS: List[Callable[[], Any]] = [
    threading.Lock,
    threading.RLock,
    threading.Condition,
    threading.Semaphore,
    threading.BoundedSemaphore,
]


@pytest.mark.parametrize("make", LOCKS)
def test_lock_refuses_with_and_says_what_to_write(make: Callable[[], Any]) -> None:
    """A 'with' cannot wait."""
    lock = make()
    with pytest.raises(TypeError, match=r"write 'with \(yield from lock.hold\(\)\):'"), lock:
        pass


@pytest.mark.parametrize("make", LOCKS)
def test_lock_is_held_by_hold(make: Callable[[], Any]) -> None:
    """One at a time, in the order they came."""

    def main() -> Green[None]:
        lock = make()
        log: List[int] = []

        def use(number: int) -> Green[None]:
            with (yield from lock.hold()):
                log.append(number)
                yield from genlet.sleep(0)
                log.append(number)

        threads = [threading.Thread(target=use, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            yield from thread.join()
        assert log == [0, 0, 1, 1, 2, 2]

    run(main)


def script(module: Any, results: List[Any], call: Callable[[Any], Any]) -> Any:
    """Acquire in every way, and note what came of it; as a generator for either module."""
    for make in (module.Lock, module.RLock, module.Semaphore, module.BoundedSemaphore):
        lock = make()
        for arguments in ((), (False,), (True, 0.01), (True, 0), (False, -1), (False, 1)):
            try:
                results.append((yield from call(lambda: lock.acquire(*arguments))))  # noqa: B023
            except (ValueError, RuntimeError) as exc:
                results.append(type(exc))
        try:
            for _ in range(5):
                lock.release()
                results.append("released")
        except (ValueError, RuntimeError) as exc:
            results.append(type(exc))


def test_locks_answer_as_the_stdlibs_do() -> None:
    """Every way to acquire and release, one after the other."""

    def at_once(acquire: Callable[[], Any]) -> Any:
        return acquire()
        yield

    def green_call(acquire: Callable[[], Any]) -> Any:
        return (yield from acquire())

    expected: List[Any] = []
    list(script(real, expected, at_once))
    found: List[Any] = []
    run(lambda: script(threading, found, green_call))
    assert found == expected


def test_condition_hands_items_over() -> None:
    """wait_for, notify and notify_all, with the lock held."""

    def main() -> Green[None]:
        condition = threading.Condition()
        items: List[int] = []
        got: List[int] = []

        def consume() -> Green[None]:
            with (yield from condition.hold()):
                assert (yield from condition.wait_for(lambda: items))
                got.append(items.pop())

        threads = [threading.Thread(target=consume) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(3):
            yield from turns(3)
            with (yield from condition.hold()):
                items.append(number)
                condition.notify()
        for thread in threads:
            yield from thread.join()
        assert got == [0, 1, 2]
        with (yield from condition.hold()):
            assert not (yield from condition.wait(0.01))
            assert not (yield from condition.wait_for(lambda: False, 0.01))

    run(main)


def test_semaphore_releases_several_permits() -> None:
    """n of those who wait go on; a bounded one refuses before it changes anything."""

    def main() -> Green[None]:
        semaphore = threading.Semaphore(0)
        waiting = [genlet.spawn(semaphore.acquire) for _ in range(3)]
        yield from turns(2)
        semaphore.release(3)
        for gt in waiting:
            assert (yield from gt.wait())
        bounded = threading.BoundedSemaphore(2)
        assert (yield from bounded.acquire())
        with pytest.raises(ValueError, match="released too many times"):
            bounded.release(2)
        bounded.release()
        assert bounded.counter == 2

    run(main)


# ---- Barrier and Timer ----------------------------------------------------------------------------


def test_barrier_opens_for_all_or_breaks_for_all() -> None:
    """The indices are those of the standard library; a timeout breaks it until it is reset."""

    def main() -> Green[None]:
        barrier = threading.Barrier(3)
        waiting = [genlet.spawn(barrier.wait) for _ in range(3)]
        indices: List[int] = []
        for gt in waiting:
            indices.append((yield from gt.wait()))
        assert sorted(indices) == [0, 1, 2]
        with pytest.raises(threading.BrokenBarrierError):
            yield from barrier.wait(0.01)
        assert barrier.broken
        barrier.reset()
        assert not barrier.broken
        assert threading.BrokenBarrierError is real.BrokenBarrierError

    run(main)


def test_timer_calls_its_function_unless_it_is_cancelled() -> None:
    """After its interval, with its arguments."""
    log: List[int] = []

    def note(number: int, more: int = 0) -> Green[None]:
        log.append(number + more)
        yield from genlet.sleep(0)

    def main() -> Green[None]:
        first = threading.Timer(0.01, note, (1,), {"more": 1})
        second = threading.Timer(30, note, [5])
        first.start()
        second.start()
        second.cancel()
        yield from first.join()
        yield from second.join()
        assert first.finished.is_set()

    run(main)
    assert log == [2]


# ---- the rest -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["settrace", "setprofile"])
def test_what_is_left_out_says_why(name: str) -> None:
    """Trace functions are of the system's threads."""
    with pytest.raises(AttributeError, match="trace function"):
        getattr(threading, name)


def test_idents_are_those_of_greenthreads() -> None:
    """get_ident is one number for each, as corolocal's."""

    def main() -> Green[None]:
        assert threading.get_ident() == id(getcurrent()) == threading.current_thread().ident
        yield from turns(1)

    run(main)


def kinds() -> List[Type[object]]:
    return [threading.Lock, threading.RLock, threading.Event, threading.Thread]


def test_names_are_classes_to_derive_from() -> None:
    """isinstance works on all of them."""
    assert all(isinstance(kind, type) for kind in kinds())
