"""A wrong number is refused by the call that was given it, and leaves nothing behind."""

# The error is TypeError if it is no number, ValueError for NaN, and OverflowError if no float can
# hold it, as in the standard library.  The call that was given the number raises it, before it has
# changed anything.  Infinity is a number.

from __future__ import annotations

import queue as real_queue
import select as real_select
import selectors as real_selectors
import signal as real_signal
import socket as real
import threading as real_threading
import time as real_time
from datetime import timedelta
from types import GeneratorType
from typing import Any, Callable, Dict, Generator, List, Tuple, Type

import pytest

import genlet
from genlet import Green, tpool
from genlet._compat import IS_PYPY
from genlet.green import queue, select, selectors, signal, socket, subprocess, threading, time
from genlet.kernel import POLLIN, AnyGreenThread, Wait, Waiters, get_scheduler, wait_fd
from genlet.net import Stream, listen, serve
from genlet.net import connect as net_connect

Give = Callable[[Any], object]

NAN = float("nan")

NO_SECONDS: Dict[str, Tuple[object, Type[Exception]]] = {
    "NaN": (NAN, ValueError),
    "too large": (10**400, OverflowError),
    "text": ("5", TypeError),
    "a timedelta": (timedelta(seconds=5), TypeError),
    "complex": (5j, TypeError),
    "a list": ([5], TypeError),
}


def nothing() -> Green[None]:
    yield from ()


def drive(made: object) -> Green[object]:
    """Drive *made* if it is a green call; a plain call has been made already."""
    if isinstance(made, GeneratorType):
        return (yield from made)
    return made


def fate_of(give: Give, number: object) -> Green[object]:
    """Return the result or the error of ``give(number)``, made in a greenthread of its own."""

    def giver() -> Green[object]:
        return (yield from drive(give(number)))

    gt: genlet.GreenThread[object] = genlet.spawn(giver)
    gt.link(lambda _: None)
    for _ in range(100):
        if gt.dead:
            break
        yield from genlet.sleep(0)
    else:
        state = repr(gt)
        yield from gt.kill()
        return f"it was not refused: {state}"
    try:
        return (yield from gt.wait())
    except (Exception, genlet.Timeout) as exc:
        return exc


def everybody() -> List[AnyGreenThread]:
    return get_scheduler().everybody()


# ---- seconds --------------------------------------------------------------------------------------


def condition_wait(seconds: Any) -> Green[object]:
    condition = genlet.Condition()
    with (yield from condition.hold()):
        try:
            return (yield from condition.wait(seconds))
        finally:
            assert condition.locked()
            assert condition.waiters == []


def condition_wait_for(seconds: Any) -> Green[object]:
    condition = genlet.Condition()
    with (yield from condition.hold()):
        return (yield from condition.wait_for(lambda: False, seconds))


def full() -> genlet.Queue[int]:
    queue: genlet.Queue[int] = genlet.Queue(1)
    queue.put_nowait(1)
    return queue


def empty() -> genlet.Queue[int]:
    return genlet.Queue()


def trampoline(seconds: Any) -> Green[object]:
    one, other = real.socketpair()
    with one, other:
        one.setblocking(False)
        yield from genlet.trampoline(one, read=True, timeout=seconds)
    return None


def wait_by_number(seconds: Any) -> Green[object]:
    one, other = real.socketpair()
    with one, other:
        return (yield from wait_fd(one, POLLIN, timeout=seconds))


def linger(seconds: Any) -> Green[object]:
    one, other = real.socketpair()
    with other, Stream(socket.socket(fileno=one.detach())) as stream:
        yield from stream.finish(seconds)
    return None


def serving(**options: Any) -> Green[object]:
    def handle(_: Stream) -> Green[None]:
        yield from ()

    with listen("127.0.0.1", 0) as listeners:
        yield from serve(handle, listeners, **options)
    return None


def set_deadline_inside(deadline: Any) -> Green[None]:
    yield from ()
    with genlet.CancelScope() as scope:
        scope.deadline = deadline


def set_deadline_before(deadline: Any) -> None:
    genlet.CancelScope().deadline = deadline


def line() -> Waiters[None]:
    return Waiters()


# Of these None is refused too: the number cannot be left out.
NEEDED: Dict[str, Give] = {
    "sleep": genlet.sleep,
    "spawn_after": lambda n: genlet.spawn_after(n, nothing),
    "spawn_after_local": lambda n: genlet.spawn_after_local(n, nothing),
    "schedule_call_global": lambda n: get_scheduler().schedule_call_global(n, list).cancel(),
    "move_on_after": lambda n: genlet.move_on_after(n),
    "fail_after": lambda n: genlet.fail_after(n),
    "move_on_at": lambda n: genlet.move_on_at(n),
    "fail_at": lambda n: genlet.fail_at(n),
    "CancelScope(deadline)": lambda n: genlet.CancelScope(deadline=n),
    "scope.deadline, entered": set_deadline_inside,
    "scope.deadline, not entered": set_deadline_before,
    "shielded": genlet.shielded,
    "move_on_after(grace)": lambda n: genlet.move_on_after(5, grace=n),
    "fail_after(grace)": lambda n: genlet.fail_after(5, grace=n),
    "move_on_at(grace)": lambda n: genlet.move_on_at(5, grace=n),
    "fail_at(grace)": lambda n: genlet.fail_at(5, grace=n),
    "CancelScope(grace)": lambda n: genlet.CancelScope(grace=n),
    "TaskGroup(grace)": lambda n: genlet.TaskGroup(grace=n),
    "Runner(grace)": lambda n: genlet.Runner(grace=n),
    "net.serve(drain)": lambda n: serving(drain=n),
    "net.serve(grace)": lambda n: serving(grace=n),
    "net.serve(handshake_timeout)": lambda n: serving(handshake_timeout=n),
    "net.connect(happy_eyeballs_delay)": lambda n: net_connect(
        "127.0.0.1", 9, happy_eyeballs_delay=n
    ),
    "Stream.finish": linger,
}
OPTIONAL: Dict[str, Give] = {
    "Timeout": lambda n: genlet.Timeout(n),
    "with_timeout": lambda n: genlet.with_timeout(n, genlet.sleep, 1000),
    "trampoline": trampoline,
    "wait_fd": wait_by_number,
    "Wait": lambda n: Wait(None, "nothing", line(), n).get(),
    "Event.wait": lambda n: genlet.Event[None]().wait(n),
    "Semaphore.acquire": lambda n: genlet.Semaphore(0).acquire(timeout=n),
    "BoundedSemaphore.acquire": lambda n: genlet.BoundedSemaphore(0).acquire(timeout=n),
    "CappedSemaphore.acquire": lambda n: genlet.CappedSemaphore(0, 1).acquire(timeout=n),
    "CappedSemaphore.release": lambda n: genlet.CappedSemaphore(1, 1).release(timeout=n),
    "Condition.wait": condition_wait,
    "Condition.wait_for": condition_wait_for,
    "Barrier": lambda n: genlet.Barrier(2, timeout=n),
    "Barrier.wait": lambda n: genlet.Barrier(2).wait(n),
    "Queue.get": lambda n: empty().get(timeout=n),
    "Queue.put": lambda n: full().put(2, timeout=n),
}
SECONDS: Dict[str, Give] = {**NEEDED, **OPTIONAL}


@pytest.mark.parametrize("value", NO_SECONDS)
@pytest.mark.parametrize("place", SECONDS)
def test_what_is_no_number_of_seconds_is_refused_at_the_call(place: str, value: str) -> None:
    """The error names what was given; no timer, no greenthread and no wait is left of the call."""
    number, error = NO_SECONDS[value]

    def main() -> Green[str]:
        timers, before = len(get_scheduler().timers), everybody()
        found = yield from fate_of(SECONDS[place], number)
        assert type(found) is error, f"{found!r}"
        assert everybody() == before
        assert len(get_scheduler().timers) == timers
        if error is TypeError:
            assert "seconds" in str(found)
            assert repr(number) in str(found)
        with genlet.move_on_after(0.001):
            yield from genlet.sleep(1000)
        return "went on"

    assert genlet.run(main) == "went on"


@pytest.mark.parametrize("place", NEEDED)
def test_none_where_seconds_are_needed_is_refused_at_the_call(place: str) -> None:
    """None means that there is no limit only where a limit can be left out."""

    def main() -> Green[str]:
        timers, before = len(get_scheduler().timers), everybody()
        found = yield from fate_of(NEEDED[place], None)
        assert type(found) is TypeError, f"{found!r}"
        assert "None" in str(found)
        assert everybody() == before
        assert len(get_scheduler().timers) == timers
        return "went on"

    assert genlet.run(main) == "went on"


@pytest.mark.parametrize("value", NO_SECONDS)
@pytest.mark.parametrize("place", SECONDS)
def test_a_refusal_of_seconds_disturbs_no_other_greenthread(place: str, value: str) -> None:
    """Others with timers of their own sleep and wake as if nothing had happened."""
    number, _ = NO_SECONDS[value]

    def main() -> Green[List[int]]:
        woken: List[int] = []
        base = get_scheduler().clock()

        def sleeper(index: int) -> Green[None]:
            with genlet.move_on_at(base + 0.001 * index):
                yield from genlet.sleep(1000)
            woken.append(index)

        sleepers = [genlet.spawn(sleeper, index) for index in (4, 2, 3, 1, 5)]
        yield from genlet.sleep(0)
        for _ in range(3):
            yield from fate_of(SECONDS[place], number)
        for gt in sleepers:
            yield from gt.wait()
        return woken

    assert genlet.run(main) == [1, 2, 3, 4, 5]


# What would not wait: the same number is as wrong there.
def sent() -> genlet.Event[int]:
    event: genlet.Event[int] = genlet.Event()
    event.send(1)
    return event


def true_condition(seconds: Any) -> Green[object]:
    condition = genlet.Condition()
    with (yield from condition.hold()):
        return (yield from condition.wait_for(lambda: True, seconds))


READY: Dict[str, Give] = {
    "Event.wait": lambda n: sent().wait(n),
    "Semaphore.acquire": lambda n: genlet.Semaphore(1).acquire(timeout=n),
    "CappedSemaphore.acquire": lambda n: genlet.CappedSemaphore(1, 1).acquire(timeout=n),
    "CappedSemaphore.release": lambda n: genlet.CappedSemaphore(0, 1).release(timeout=n),
    "Lock.acquire": lambda n: threading.Lock().acquire(timeout=n),
    "Condition.wait_for": true_condition,
    "Barrier.wait": lambda n: genlet.Barrier(1).wait(n),
    "Queue.get": lambda n: full().get(timeout=n),
    "Queue.put": lambda n: empty().put(2, timeout=n),
    "with_timeout": lambda n: genlet.with_timeout(n, nothing),
}


@pytest.mark.parametrize("value", NO_SECONDS)
@pytest.mark.parametrize("place", READY)
def test_a_wrong_timeout_is_refused_also_when_there_is_nothing_to_wait_for(
    place: str, value: str
) -> None:
    """Whether the call would wait depends on others: whether the number is right must not."""
    number, error = NO_SECONDS[value]

    def main() -> Green[object]:
        return (yield from fate_of(READY[place], number))

    found = genlet.run(main)
    assert type(found) is error, f"{found!r}"


@pytest.mark.parametrize("place", [place for place in SECONDS if place != "shielded"])
def test_infinity_is_a_number_of_seconds(place: str) -> None:
    """It is taken everywhere but for a shield, which needs a bound: nothing ever expires."""

    def main() -> Green[None]:
        timers = len(get_scheduler().timers)
        found = yield from fate_of(SECONDS[place], float("inf"))
        assert not isinstance(found, (TypeError, ValueError, OverflowError))
        assert len(get_scheduler().timers) == timers

    genlet.run(main)


class Awkward(float):
    """A float that does not want to be compared."""

    def __lt__(self, other: object) -> bool:
        raise LookupError("not comparable")

    __le__ = __gt__ = __ge__ = __lt__


@pytest.mark.parametrize("place", SECONDS)
def test_a_number_of_another_class_is_compared_by_its_value_alone(place: str) -> None:
    """What a user's number does when it is compared happens at the call, and not in the loop."""

    def main() -> Green[str]:
        for _ in range(3):
            yield from fate_of(SECONDS[place], Awkward(1000.0))
        with genlet.move_on_after(0.001):
            yield from genlet.sleep(1000)
        return "went on"

    assert genlet.Runner(excepthook=lambda _gt, _exc: None).run(main) == "went on"


# ---- seconds, in what mirrors the standard library ------------------------------------------------


def set_flag(event: Any) -> Any:
    event.set()
    return event


def with_item(made: Any) -> Any:
    made.put_nowait(1) if hasattr(made, "put_nowait") else made.put(1)
    return made


_ends: List[real.socket] = []


@pytest.fixture(autouse=True)
def ends() -> Generator[None, None, None]:
    """Two connected sockets: the first has something to read."""
    one, other = real.socketpair()
    with one, other:
        other.send(b"x")
        _ends[:] = [one, other]
        yield
        _ends.clear()


def poll_by(module: Any, timeout: Any) -> object:
    polled = module.poll()
    polled.register(_ends[0], real_select.POLLIN)
    return polled.poll(timeout)


def epoll_by(module: Any, timeout: Any) -> object:
    return closing(module.epoll(), real_select.POLLIN, lambda polled: polled.poll(timeout))


def select_by(module: Any, kind: str, timeout: Any) -> object:
    made = getattr(module, kind)()
    return closing(made, real_selectors.EVENT_READ, lambda selector: selector.select(timeout))


def closing(polled: Any, events: int, poll: Give) -> object:
    """Return what *poll* gives of *polled*, on which one end is registered; it is closed after that."""
    polled.register(_ends[0], events)
    try:
        made = poll(polled)
    except BaseException:
        polled.close()
        raise
    if not isinstance(made, GeneratorType):
        polled.close()
        return made

    def driven() -> Green[object]:
        with polled:
            return (yield from made)

    return driven()


def settimeout_by(module: Any, timeout: Any) -> None:
    with module.socket() as sock:
        sock.settimeout(timeout)


# The standard library's way and ours, with something ready, so that neither has to wait.
MIRRORED: Dict[str, Tuple[Give, Give]] = {
    "time.sleep": (real_time.sleep, time.sleep),
    "Lock.acquire": (
        lambda n: real_threading.Lock().acquire(True, n),
        lambda n: threading.Lock().acquire(True, n),
    ),
    "RLock.acquire": (
        lambda n: real_threading.RLock().acquire(True, n),
        lambda n: threading.RLock().acquire(True, n),
    ),
    "Queue.get": (
        lambda n: with_item(real_queue.Queue()).get(timeout=n),
        lambda n: with_item(queue.Queue()).get(timeout=n),
    ),
    "select": (
        lambda n: real_select.select(_ends[:1], [], [], n),
        lambda n: select.select(_ends[:1], [], [], n),
    ),
    "socket.settimeout": (lambda n: settimeout_by(real, n), lambda n: settimeout_by(socket, n)),
    "SelectSelector": (
        lambda n: select_by(real_selectors, "SelectSelector", n),
        lambda n: select_by(selectors, "SelectSelector", n),
    ),
    "DefaultSelector": (
        lambda n: select_by(real_selectors, "DefaultSelector", n),
        lambda n: select_by(selectors, "DefaultSelector", n),
    ),
}
if hasattr(real_select, "poll"):
    MIRRORED["poll"] = (lambda n: poll_by(real_select, n), lambda n: poll_by(select, n))
    MIRRORED["PollSelector"] = (
        lambda n: select_by(real_selectors, "PollSelector", n),
        lambda n: select_by(selectors, "PollSelector", n),
    )
if hasattr(real_select, "epoll"):
    MIRRORED["epoll"] = (lambda n: epoll_by(real_select, n), lambda n: epoll_by(select, n))
if hasattr(real_signal, "sigtimedwait"):
    MIRRORED["sigtimedwait"] = (
        lambda n: real_signal.sigtimedwait([], n),
        lambda n: signal.sigtimedwait([], n),
    )


@pytest.mark.parametrize("value", NO_SECONDS)
@pytest.mark.parametrize("place", MIRRORED)
def test_what_the_standard_library_refuses_is_refused_with_the_same_error(
    place: str, value: str
) -> None:
    """Also when something is ready: there the number is looked at before anything else."""
    theirs, ours = MIRRORED[place]
    number, error = NO_SECONDS[value]
    # Queue.get does not look at it if there is an item; PyPy has other errors for NaN.
    if value != "NaN" or not (place == "Queue.get" or IS_PYPY):
        with pytest.raises((TypeError, ValueError, OverflowError)) as caught:
            theirs(number)
        error = caught.type

    def main() -> Green[object]:
        return (yield from fate_of(ours, number))

    found = genlet.run(main)
    assert type(found) is error, f"{found!r}"


def popen_wait(seconds: Any) -> Green[object]:
    child = subprocess.Popen(["sleep", "1000"])
    try:
        return (yield from child.wait(seconds))
    finally:
        child.kill()
        while child.poll() is None:  # it dies at once
            pass


def thread_join(seconds: Any) -> Green[object]:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        yield from thread.join(seconds)
    finally:
        done.set()
        yield from thread.join()
    return None


WAITING: Dict[str, Give] = {
    "threading.Event.wait": lambda n: threading.Event().wait(n),
    "threading.Semaphore.acquire": lambda n: threading.Semaphore(0).acquire(timeout=n),
    "threading.Barrier.wait": lambda n: threading.Barrier(2).wait(n),
    "threading.Thread.join": thread_join,
    "queue.Queue.get": lambda n: queue.Queue[int]().get(timeout=n),
    "Popen.wait": popen_wait,
    "create_connection": lambda n: socket.create_connection(("127.0.0.1", 9), n),
}


@pytest.mark.parametrize("value", NO_SECONDS)
@pytest.mark.parametrize("place", WAITING)
def test_a_wrong_timeout_of_a_mirrored_call_leaves_nothing_behind(place: str, value: str) -> None:
    """As everywhere: an error at the call, and no timer after it."""
    number, error = NO_SECONDS[value]

    def main() -> Green[str]:
        timers, before = len(get_scheduler().timers), everybody()
        found = yield from fate_of(WAITING[place], number)
        assert type(found) is error, f"{found!r}"
        assert everybody() == before
        assert len(get_scheduler().timers) == timers
        with genlet.move_on_after(0.001):
            yield from genlet.sleep(1000)
        return "went on"

    assert genlet.run(main) == "went on"


# ---- how many -------------------------------------------------------------------------------------


def stream() -> Stream:
    one, other = real.socketpair()
    with other:
        other.send(b"hello\nworld\n")
    return Stream(socket.socket(fileno=one.detach()))


def reading(call: Callable[[Stream], Green[object]]) -> Green[object]:
    with stream() as source:
        return (yield from call(source))


COUNTS: Dict[str, Give] = {
    "Barrier": lambda n: genlet.Barrier(n),
    "CappedSemaphore(count)": lambda n: genlet.CappedSemaphore(n, 3),
    "CappedSemaphore(limit)": lambda n: genlet.CappedSemaphore(0, n),
    "Queue": lambda n: genlet.Queue[int](n),
    "Queue.resize": lambda n: genlet.Queue[int](1).resize(n),
    "Channel": lambda n: genlet.Channel[int](n),
    "Pool(max_size)": lambda n: genlet.Pool(max_size=n, create=object),
    "Pool(min_size)": lambda n: genlet.Pool(min_size=n, create=object),
    "Pool.resize": lambda n: genlet.Pool(create=object).resize(n),
    "GreenPool": lambda n: genlet.GreenPool(n),
    "GreenPool.resize": lambda n: genlet.GreenPool(1).resize(n),
    "GreenPile": lambda n: genlet.GreenPile[None](n),
    "amap(limit)": lambda n: genlet.amap(genlet.sleep, [0], limit=n),
    "ThreadPool": lambda n: tpool.ThreadPool(n),
    "ThreadPool.set_num_threads": lambda n: tpool.ThreadPool(1).set_num_threads(n),
    "net.serve(limit)": lambda n: serving(limit=n),
    "Stream.receive": lambda n: reading(lambda source: source.receive(n)),
    "Stream.read_exactly": lambda n: reading(lambda source: source.read_exactly(n)),
    "Stream.read_until(limit)": lambda n: reading(lambda source: source.read_until(b"\n", n)),
    "Stream.read_line(limit)": lambda n: reading(lambda source: source.read_line(n)),
    "Stream.read_all(limit)": lambda n: reading(lambda source: source.read_all(n)),
    "threading.Barrier": lambda n: threading.Barrier(n),
}


@pytest.mark.parametrize("place", COUNTS)
def test_not_a_number_is_no_count(place: str) -> None:
    """What compares with nothing lets a wait for so many never end: it is refused at the call."""

    def main() -> Green[object]:
        return (yield from fate_of(COUNTS[place], NAN))

    found = genlet.run(main)
    assert isinstance(found, (TypeError, ValueError)), f"{found!r}"


@pytest.mark.parametrize("number", [1.5, "2"])
@pytest.mark.parametrize(
    "place",
    [
        "Barrier",
        "CappedSemaphore(count)",
        "CappedSemaphore(limit)",
        "Pool(max_size)",
        "Pool.resize",
        "ThreadPool",
        "ThreadPool.set_num_threads",
        "threading.Barrier",
    ],
)
def test_what_is_not_whole_is_no_count(place: str, number: object) -> None:
    """So many are reached by counting, which never meets a half: nothing is rounded in silence."""

    def main() -> Green[object]:
        return (yield from fate_of(COUNTS[place], number))

    found = genlet.run(main)
    assert isinstance(found, (TypeError, ValueError, OverflowError)), f"{found!r}"


# ---- ports ----------------------------------------------------------------------------------------


def listening(port: Any) -> Tuple[int, ...]:
    with listen("127.0.0.1", port) as listeners:
        return tuple(listener.address[1] for listener in listeners)


@pytest.mark.parametrize("port", [-1, 65536, 70000, 2**32 + 8080, 10**400])
@pytest.mark.parametrize("verb", ["listen", "connect"])
def test_a_port_beyond_65535_is_refused_and_not_cut_down(verb: str, port: int) -> None:
    """As ``socket.bind`` does it; the system's look-up takes 70000 for 4464."""
    give: Give = (
        listening if verb == "listen" else (lambda number: net_connect("127.0.0.1", number))
    )

    def main() -> Green[object]:
        return (yield from fate_of(give, port))

    with pytest.raises(OverflowError), real.socket() as sock:
        sock.bind(("127.0.0.1", port))
    found = genlet.run(main)
    assert type(found) is OverflowError, f"{found!r}"
    assert "port" in str(found)
