"""Green select, poll and epoll: what they report is what the standard library reports."""

from __future__ import annotations

import os
import select as real
import socket as stdlib
import sys
import tempfile
from contextlib import contextmanager
from math import inf, nan
from time import monotonic, process_time
from typing import Any, Callable, Generator, List, Tuple, TypeVar

import pytest

import genlet
from genlet.abc import Green
from genlet.errors import BusyResource, ClosedResource
from genlet.green import _ready, select
from genlet.green import socket as green
from genlet.kernel import AnyGreenThread, get_scheduler
from genlet.structured.taskgroup import TaskGroup
from genlet.testing import cancel_everywhere

if sys.platform == "win32":
    pytest.skip("these tests select on pipes and files", allow_module_level=True)

T = TypeVar("T")

Pair = Tuple[stdlib.socket, stdlib.socket]


def run(main: Callable[[], Green[T]]) -> T:
    """Run *main*, which may not take for ever."""

    def bounded() -> Green[T]:
        with genlet.fail_after(20):
            return (yield from main())

    return genlet.run(bounded)


@contextmanager
def pairs(count: int) -> Generator[List[Pair], None, None]:
    """*count* connected socket pairs that never block."""
    made = [stdlib.socketpair() for _ in range(count)]
    try:
        for pair in made:
            for sock in pair:
                sock.setblocking(False)
        yield made
    finally:
        for pair in made:
            for sock in pair:
                sock.close()


@contextmanager
def pipe() -> Generator[Tuple[int, int], None, None]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def interrupted_anywhere(
    wait: Callable[[], Green[object]], one: stdlib.socket, other: stdlib.socket, how: Any
) -> None:
    """Sweep *wait*, which is to end when *other* sends to *one*."""

    def use() -> Green[None]:
        with TaskGroup(on_exit="cancel") as group:
            group.spawn(after, lambda: other.send(b"x"))
            yield from wait()
        assert one.recv(10) == b"x"

    def check() -> None:
        try:
            one.recv(10)
        except BlockingIOError:
            pass

    assert cancel_everywhere(use, check, how=how) > 1


def turns(count: int) -> Green[None]:
    for _ in range(count):
        yield from genlet.sleep(0)


def after(action: Callable[[], object]) -> Green[None]:
    """Do *action* when whoever waits has had the time to."""
    yield from turns(5)
    action()


each_way = pytest.mark.parametrize("watch", [_ready.watch, _ready.watch_each])


# ---- select ---------------------------------------------------------------------------------------


def states(pair: Pair, other: Pair) -> List[Tuple[str, Any]]:
    """Descriptors in every state there is, by name; the last is a regular file."""
    idle, peer = pair
    full, ended = other
    try:
        while True:
            full.send(bytes(65536))
    except BlockingIOError:
        pass
    peer.send(b"data")
    return [("readable", idle), ("unread", peer), ("full", full), ("flooded", ended)]


def test_select_reports_what_the_stdlib_reports() -> None:
    """For every combination of lists over sockets in every state the results are the same."""

    def main() -> Green[None]:
        with pairs(2) as (one, two), tempfile.TemporaryFile() as file:
            objects = [obj for _, obj in states(one, two)] + [file, file.fileno()]
            for mask in range(1, 8):
                for count in range(1, len(objects) + 1):
                    r, w, x = (objects[:count] if mask & bit else [] for bit in (1, 2, 4))
                    expected = real.select(r, w, x, 0)
                    assert (yield from select.select(r, w, x, 0)) == expected
                    if any(expected):
                        assert (yield from select.select(r, w, x)) == expected

    run(main)


@each_way
def test_select_reports_all_that_is_ready_in_the_order_given(
    watch: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What became ready at one moment is in one result; eventlet gave one of them."""
    monkeypatch.setattr(_ready, "watch", watch)

    def main() -> Green[None]:
        with pairs(3) as made:
            readers = [one for one, _ in made]

            def send() -> None:
                for _, other in made[:2]:
                    other.send(b"x")

            genlet.spawn(after, send)
            ready = yield from select.select(readers[::-1], [], readers, 10)
            assert ready == (readers[1::-1], [], [])

    run(main)


def test_select_reports_exceptional_conditions() -> None:
    """Urgent data is in the third list."""

    def main() -> Green[None]:
        with stdlib.create_server(("127.0.0.1", 0)) as listener:
            client = stdlib.create_connection(listener.getsockname())
            server, _ = listener.accept()
        with client, server:
            genlet.spawn(after, lambda: client.send(b"!", stdlib.MSG_OOB))
            assert (yield from select.select([], [], [server], 10)) == ([], [], [server])

    run(main)


def test_select_leaves_other_waiters_alone() -> None:
    """Two greenthreads select on a socket that a third receives from: all are served."""

    def main() -> Green[None]:
        one, other = green.socketpair()
        with one, other:
            receiver = genlet.spawn(one.recv, 1)
            watchers: List[AnyGreenThread] = [
                genlet.spawn(select.select, [one], [], [], 10) for _ in range(2)
            ]
            yield from turns(5)
            assert all(gt.waiting_on is not None for gt in watchers)
            assert receiver.waiting_on is not None
            yield from other.send(b"xy")
            assert (yield from receiver.wait()) == b"x"
            for gt in watchers:
                assert (yield from gt.wait()) == ([one], [], [])

    run(main)


def test_select_sees_unread_data_of_a_green_socket() -> None:
    """Data that a green socket left unread is reported at once, whatever the socket remembers."""

    def main() -> Green[None]:
        one, other = green.socketpair()
        with one, other:
            yield from other.send(b"xy")
            assert (yield from one.recv(1)) == b"x"
            assert (yield from select.select([one], [], [])) == ([one], [], [])
            assert (yield from one.recv(5)) == b"y"
            assert (yield from select.select([one], [one], [], 0)) == ([], [one], [])

    run(main)


def test_select_of_a_hung_up_socket_for_writing_does_not_spin() -> None:
    """A hang-up that does not count as writable keeps the loop asleep."""

    def main() -> Green[float]:
        with stdlib.socket() as fresh:  # not connected: hung up, as poll sees it
            fresh.setblocking(False)
            before = process_time()
            assert (yield from select.select([], [], [fresh], 0.5)) == ([], [], [])
            return process_time() - before

    assert run(main) < 0.25


@pytest.mark.parametrize(
    "arguments",
    [
        ([], [], [], -1),
        ([], [], [], "1"),
        (1, [], [], 0),
        ([], None, [], 0),
        (["x"], [], [], 0),
        ([object()], [], [], 0),
        ([-1], [], [], 0),
        ([1 << 20], [], [], 0),
    ],
)
def test_select_refuses_what_the_stdlib_refuses(arguments: Tuple[Any, ...]) -> None:
    """The error is of the same class."""
    with pytest.raises(Exception) as expected:  # noqa: PT011  it is the oracle
        real.select(*arguments)

    def main() -> Green[None]:
        yield from select.select(*arguments)

    with pytest.raises(expected.type):
        run(main)


def test_select_refuses_a_timeout_that_is_no_number() -> None:
    """NaN is a ValueError, as on CPython; PyPy would wait for ever."""

    def main() -> Green[None]:
        yield from select.select([], [], [], nan)

    with pytest.raises(ValueError, match="NaN"):
        run(main)


def test_select_of_a_closed_descriptor_is_refused() -> None:
    """A number is EBADF, a closed socket a ValueError."""
    fd = os.open(os.devnull, os.O_RDONLY)
    os.close(fd)

    def main() -> Green[None]:
        with pytest.raises(OSError, match="Bad file descriptor"):
            yield from select.select([fd], [], [])
        one, other = green.socketpair()
        with other:
            one.close()
            with pytest.raises(ValueError, match="negative"):
                yield from select.select([one], [], [])

    run(main)


def test_select_takes_any_iterable() -> None:
    """A generator of descriptors is read once."""

    def main() -> Green[None]:
        with pairs(1) as ((one, other),):
            genlet.spawn(after, lambda: other.send(b"x"))
            ready = yield from select.select(iter([one]), iter([]), iter([]), 10)
            assert ready == ([one], [], [])

    run(main)


def test_select_of_nothing_sleeps() -> None:
    """With a timeout it is a sleep; without one nothing can end it, and that is a deadlock."""

    def timed() -> Green[float]:
        start = monotonic()
        assert (yield from select.select([], [], [], 0.05)) == ([], [], [])
        return monotonic() - start

    assert run(timed) >= 0.05

    def for_ever() -> Green[None]:
        yield from select.select([], [], [])

    with pytest.raises(genlet.Deadlock):
        genlet.run(for_ever)


@each_way
def test_select_without_result_returns_after_its_timeout(
    watch: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three empty lists, not before the time is up, and without use of the processor."""
    monkeypatch.setattr(_ready, "watch", watch)

    def main() -> Green[Tuple[float, float]]:
        with pairs(1) as ((one, _),):
            start, used = monotonic(), process_time()
            assert (yield from select.select([one], [], [one], 0.4)) == ([], [], [])
            return monotonic() - start, process_time() - used

    waited, used = run(main)
    assert waited >= 0.4
    assert used < 0.2


def test_select_with_an_infinite_timeout_waits() -> None:
    """As None does."""

    def main() -> Green[None]:
        with pairs(1) as ((one, other),):
            genlet.spawn(after, lambda: other.send(b"x"))
            assert (yield from select.select([one], [], [], inf))[0] == [one]

    run(main)


def test_select_in_a_loop_lets_others_run() -> None:
    """A descriptor that is always ready starves nobody, with a timeout of 0 or without."""

    def main() -> Green[None]:
        with pipe() as (_, writing):
            turn: List[int] = []

            def other() -> Green[None]:
                for number in range(10):
                    turn.append(number)
                    yield from genlet.sleep(0)

            gt = genlet.spawn(other)
            for timeout in (0, None) * 6:
                yield from select.select([], [writing], [], timeout)
            assert len(turn) == 10
            yield from gt.wait()

    run(main)


@each_way
@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_select_interrupted_anywhere_leaves_nothing_behind(
    watch: Callable[..., Any], how: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No registration, no descriptor, no timer; the socket can be waited for afterwards."""
    monkeypatch.setattr(_ready, "watch", watch)
    with pairs(2) as ((one, other), (third, fourth)):

        def wait() -> Green[None]:
            ready = yield from select.select([one, third], [], [fourth], 10)
            assert ready == ([one], [], [])

        interrupted_anywhere(wait, one, other, how)


def test_select_leaves_no_entry_in_the_table() -> None:
    """A thousand waits leave the hub as it was."""

    def main() -> Green[None]:
        with pairs(1) as ((one, other),):
            before = len(get_scheduler().hub.table)
            for _ in range(100):
                genlet.spawn(after, lambda: other.send(b"x"))
                assert (yield from select.select([one], [], [], 10))[0] == [one]
                one.recv(10)
            assert len(get_scheduler().hub.table) <= before + 1  # the bell may have come

    run(main)


# ---- poll -----------------------------------------------------------------------------------------


def test_poll_reports_what_the_stdlib_reports() -> None:
    """For every mask over sockets in every state, hung up and closed ones too."""

    def main() -> Green[None]:
        with pairs(3) as (one, two, three), tempfile.TemporaryFile() as file:
            states(one, two)
            three[1].close()
            gone = os.dup(0)
            objects: List[Any] = [*one, *two, three[0], file, gone]
            for mask in range(8):
                mine, theirs = select.poll(), real.poll()
                for obj in objects:
                    mine.register(obj, mask)
                    theirs.register(obj, mask)
                if mask == 7:
                    os.close(gone)
                expected = theirs.poll(0)
                assert (yield from mine.poll(0)) == expected
                if expected:
                    assert (yield from mine.poll()) == expected
                    assert (yield from mine.poll(-1)) == expected

    run(main)


def test_poll_is_woken_by_what_happens() -> None:
    """All that is ready is reported together."""

    def main() -> Green[None]:
        with pairs(3) as made:
            poll = select.poll()
            for one, _ in made:
                poll.register(one, select.POLLIN)

            def send() -> None:
                for _, other in made[1:]:
                    other.send(b"x")

            genlet.spawn(after, send)
            ready = yield from poll.poll(10_000)
            assert sorted(ready) == sorted((one.fileno(), select.POLLIN) for one, _ in made[1:])
            poll.unregister(made[1][0])
            poll.modify(made[2][0], select.POLLOUT)
            assert (yield from poll.poll(0)) == [(made[2][0].fileno(), select.POLLOUT)]

    run(main)


def test_poll_errors_are_the_stdlibs() -> None:
    """Unknown descriptors are refused as there, and nothing is registered then."""

    def main() -> Green[None]:
        poll = select.poll()
        with pytest.raises(KeyError):
            poll.unregister(0)
        with pytest.raises(FileNotFoundError):
            poll.modify(0, select.POLLIN)
        with pytest.raises(TypeError):
            poll.register("0")  # type: ignore[arg-type]
        assert (yield from poll.poll(10)) == []

    run(main)


def test_poll_interrupted_anywhere_leaves_nothing_behind() -> None:
    """No registration and no descriptor."""
    with pairs(1) as ((one, other),):

        def wait() -> Green[None]:
            poll = select.poll()
            poll.register(one, select.POLLIN)
            assert (yield from poll.poll(10_000)) == [(one.fileno(), select.POLLIN)]

        interrupted_anywhere(wait, one, other, "kill")


# ---- epoll ----------------------------------------------------------------------------------------

needs_epoll = pytest.mark.skipif(not hasattr(real, "epoll"), reason="epoll is of Linux")

if sys.platform == "linux":

    @needs_epoll
    def test_epoll_waits_and_reports_as_the_stdlib() -> None:
        """Level and edge triggered, one shot, and as many events as asked for."""

        def main() -> Green[None]:
            with pairs(2) as made, select.epoll() as epoll:
                for one, _ in made:
                    epoll.register(one, select.EPOLLIN)
                assert (yield from epoll.poll(0)) == []
                assert (yield from epoll.poll(0.01)) == []
                genlet.spawn(after, lambda: [other.send(b"x") for _, other in made])
                ready = yield from epoll.poll()
                assert sorted(ready) == sorted((one.fileno(), 1) for one, _ in made)
                assert len((yield from epoll.poll(10, 1))) == 1
                one, other = made[0]
                epoll.unregister(made[1][0])
                epoll.modify(one, select.EPOLLIN | select.EPOLLET)
                assert (yield from epoll.poll(10)) == [(one.fileno(), select.EPOLLIN)]
                assert (yield from epoll.poll(0.01)) == []
                genlet.spawn(after, lambda: other.send(b"x"))
                assert (yield from epoll.poll(-1)) == [(one.fileno(), select.EPOLLIN)]
            assert epoll.closed

        run(main)

    @needs_epoll
    def test_epoll_registered_meanwhile_wakes_who_waits() -> None:
        """The kernel's object is the one that is waited for."""

        def main() -> Green[None]:
            with pairs(1) as ((one, _),), select.epoll() as epoll:
                genlet.spawn(after, lambda: epoll.register(one, select.EPOLLOUT))
                assert (yield from epoll.poll(10)) == [(one.fileno(), select.EPOLLOUT)]

        run(main)

    @needs_epoll
    def test_epoll_closed_while_waited_for_wakes_the_waiter() -> None:
        """ClosedResource, at once."""

        def main() -> Green[None]:
            epoll = select.epoll()
            genlet.spawn(after, epoll.close)
            with pytest.raises(ClosedResource):
                yield from epoll.poll()
            epoll.close()
            with pytest.raises(ValueError, match="closed"):
                yield from epoll.poll()

        run(main)

    @needs_epoll
    def test_epoll_has_one_waiter() -> None:
        """A second one is BusyResource, not a lost wake-up."""

        def main() -> Green[None]:
            with select.epoll() as epoll:
                first = genlet.spawn(epoll.poll)
                yield from turns(3)
                with pytest.raises(BusyResource):
                    yield from epoll.poll()
                yield from first.kill()

        run(main)

    @needs_epoll
    def test_epoll_fromfd_shares_the_object() -> None:
        """And it can be made, used and closed outside of a run."""
        with select.epoll() as epoll, pairs(1) as ((one, _),):
            again = select.epoll.fromfd(os.dup(epoll.fileno()))
            again.register(one, select.EPOLLOUT)
            assert run(lambda: epoll.poll(0)) == [(one.fileno(), select.EPOLLOUT)]
            again.close()
