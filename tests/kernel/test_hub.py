"""The descriptor table: waiting by number, on every hub this platform has."""

from __future__ import annotations

import errno
import os
import socket as real
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Generator, List, Optional, Protocol, Tuple, Type, TypeVar, cast

import pytest

import genlet
from genlet.abc import Green
from genlet.green.socket import socket
from genlet.kernel import (
    POLLIN,
    POLLOUT,
    AnyGreenThread,
    GreenThread,
    Runner,
    available_hubs,
    get_scheduler,
    wait_fd,
)

T = TypeVar("T")


class Run(Protocol):
    """Runs a green function on the hub under test."""

    def __call__(self, main: Callable[[], Green[T]], /) -> T: ...


@pytest.fixture(params=available_hubs())
def run(request: pytest.FixtureRequest) -> Run:
    hub: str = request.param

    def warmed_up(main: Callable[[], Green[T]], /) -> T:
        def first_blocks() -> Green[T]:
            # The hub opens its own descriptors now, not when a test counts on a number's being free.
            while get_scheduler().wakeup.write_fd < 0:
                yield from genlet.sleep(0.001)
            with genlet.fail_after(10):
                return (yield from main())

        return Runner(hub=hub).run(first_blocks)

    return warmed_up


@contextmanager
def pair() -> Generator[Tuple[real.socket, real.socket], None, None]:
    """Two connected Unix sockets that do not block."""
    one, other = real.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        yield one, other


def fill(sock: real.socket) -> None:
    """Send until there is no room left: *sock* is not writable any more."""
    try:
        while True:
            sock.send(bytes(65536))
    except BlockingIOError:
        pass


def waiting_fds() -> List[int]:
    """Return the numbers somebody waits on by number."""
    return [fd for fd, entry in get_scheduler().hub.table.items() if entry.waits]


def is_watched(fd: int) -> bool:
    """Whether the poller still knows *fd*.  Asking takes its interest away."""
    try:
        get_scheduler().hub.poller.modify(fd, 0)
    except OSError:
        return False
    return True


def assert_nothing_waits(*fds: int) -> None:
    """No wait, no timer, and none of *fds* in the poller."""
    assert waiting_fds() == []
    assert len(get_scheduler().timers) == 1  # the bound of the test itself
    assert [fd for fd in fds if is_watched(fd)] == []


def turns(count: int) -> Green[None]:
    """Let the loop poll *count* times."""
    for _ in range(count):
        yield from genlet.sleep(0)


def parked(gt: AnyGreenThread) -> bool:
    return gt.waiting_on is not None


# ---- the contract of trampoline -------------------------------------------------------------------


@pytest.mark.parametrize("both", [False, True])
def test_trampoline_with_neither_or_both_sides_raises_value_error(run: Run, both: bool) -> None:
    """Exactly one side is waited for."""

    def main() -> Green[None]:
        yield from genlet.trampoline(0, read=both, write=both)

    text = f"trampoline needs exactly one of read and write; got read={both}, write={both}"
    with pytest.raises(ValueError, match=f"^{text}$"):
        run(main)


def test_trampoline_on_a_closed_object_raises_value_error(run: Run) -> None:
    """An object that gives -1 is closed: nothing is waited for."""

    def main() -> Green[None]:
        with real.socket() as sock:
            pass
        yield from genlet.trampoline(sock, read=True)

    with pytest.raises(ValueError, match=r"^-1 is no open descriptor"):
        run(main)


def test_trampoline_on_a_negative_number_raises_value_error(run: Run) -> None:
    """-1 is no descriptor, and asking leaves nothing behind."""

    def main() -> Green[None]:
        for _ in range(3):
            with pytest.raises(ValueError, match=r"^-1 is no open descriptor"):
                yield from genlet.trampoline(-1, write=True)
        assert_nothing_waits()

    run(main)


def test_trampoline_on_what_has_no_descriptor_raises_type_error(run: Run) -> None:
    """Only ints and objects with ``fileno()`` can be waited for."""

    def main() -> Green[None]:
        yield from genlet.trampoline(cast(Any, "7"), read=True)

    with pytest.raises(
        TypeError, match=r"^wanted a descriptor or an object with fileno\(\); got '7'$"
    ):
        run(main)


def test_trampoline_on_an_unopened_number_fails_at_once_and_leaves_nothing(run: Run) -> None:
    """A number without a file is an error, or ready so that the system call tells; never a hang."""

    def main() -> Green[None]:
        with pair() as (one, other):
            number = os.dup(one.fileno())
            os.close(number)
            for _ in range(2):
                error = None
                try:
                    yield from genlet.trampoline(number, read=True, timeout=10)
                except OSError as exc:
                    error = exc.errno
                assert error in (None, errno.EBADF)
            assert waiting_fds() == []
            # The number is as good as new.
            assert os.dup(one.fileno()) == number
            try:
                gt = genlet.spawn(genlet.trampoline, number, read=True)
                yield from turns(2)
                assert parked(gt)
                other.send(b"x")
                yield from gt.wait()
                assert waiting_fds() == []
            finally:
                os.close(number)

    run(main)


@pytest.mark.parametrize("side", [POLLIN, POLLOUT, POLLIN | POLLOUT])
def test_a_regular_file_is_always_ready(run: Run, side: int) -> None:
    """Waiting for a file on a disk returns at once, again and again, and leaves nothing."""

    def main() -> Green[None]:
        with open(__file__, "rb") as file:
            for _ in range(3):
                assert (yield from wait_fd(file, side, timeout=10)) == side
            assert_nothing_waits(file.fileno())

    run(main)


def test_trampoline_without_timeout_exc_raises_timeout(run: Run) -> None:
    """When the time is up a fresh Timeout is raised, and nothing waits any more."""

    def main() -> Green[None]:
        with pair() as (one, _):
            caught: List[object] = []
            for timeout in (0, 0.001):
                try:
                    yield from genlet.trampoline(one, read=True, timeout=timeout)
                except BaseException as exc:
                    caught.append(exc)
            assert [type(exc) for exc in caught] == [genlet.Timeout] * 2
            assert caught[0] is not caught[1]
            assert_nothing_waits(one.fileno())

    run(main)


def test_trampoline_with_timeout_exc_raises_that(run: Run) -> None:
    """An instance is raised itself, a class is made for each time."""

    def main() -> Green[None]:
        mine = LookupError("mine")
        with pair() as (one, _):
            with pytest.raises(LookupError) as caught:
                yield from genlet.trampoline(one, read=True, timeout=0, timeout_exc=mine)
            assert caught.value is mine
            with pytest.raises(KeyError):
                yield from genlet.trampoline(one, read=True, timeout=0, timeout_exc=KeyError)
            assert_nothing_waits(one.fileno())

    run(main)


def test_trampoline_with_a_timeout_exc_that_is_none_raises_type_error(run: Run) -> None:
    """What cannot be raised is refused at the call."""

    def main() -> Green[None]:
        yield from genlet.trampoline(0, read=True, timeout_exc=cast(Any, "late"))

    with pytest.raises(
        TypeError,
        match=r"^trampoline's timeout_exc takes an exception class or instance, not 'late'$",
    ):
        run(main)


def test_a_timeout_exc_that_cannot_be_made_fails_its_own_greenthread_only(run: Run) -> None:
    """A class that wants arguments is its user's error: the run and the others go on."""

    def bad() -> Green[None]:
        with pair() as (one, _):
            yield from genlet.trampoline(one, read=True, timeout=0, timeout_exc=UnicodeDecodeError)

    def main() -> Green[str]:
        with pytest.raises(TypeError):
            yield from genlet.spawn(bad).wait()
        return "went on"

    assert run(main) == "went on"


def test_a_ready_descriptor_wins_over_a_timeout(run: Run) -> None:
    """What is ready when the wait begins is no timeout."""

    def main() -> Green[None]:
        with pair() as (one, other):
            other.send(b"x")
            yield from genlet.trampoline(one, read=True, timeout=10)
            yield from genlet.trampoline(one, write=True, timeout=10)
            assert_nothing_waits()

    run(main)


@pytest.mark.parametrize("side", [POLLIN, POLLOUT, POLLIN | POLLOUT])
def test_a_killed_wait_leaves_nothing_in_the_table_or_the_poller(run: Run, side: int) -> None:
    """Interrupting a wait takes its descriptor out of the hub altogether."""

    def main() -> Green[None]:
        with pair() as (one, _):
            fill(one)
            gt = genlet.spawn(wait_fd, one, side, timeout=1000)
            yield from turns(2)
            assert parked(gt)
            yield from gt.kill()
            assert_nothing_waits(one.fileno())
            assert one.fileno() not in get_scheduler().hub.table

    run(main)


# ---- sides ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0, 2, POLLIN | 8, -1])
def test_wait_fd_with_another_mask_raises_value_error(mask: int) -> None:
    """Only the two sides can be asked for, and the call itself says so."""
    with pytest.raises(ValueError, match=rf"^mask is POLLIN \(1\), POLLOUT \(4\) .* got {mask}$"):
        wait_fd(0, mask)


def test_wait_fd_returns_all_that_is_ready_in_one_wake_up(run: Run) -> None:
    """Of the sides asked for, those that are ready come together, OR-ed."""

    def main() -> Green[None]:
        with pair() as (one, other):
            both = POLLIN | POLLOUT
            assert (yield from wait_fd(one, both)) == POLLOUT
            other.send(b"x")
            assert (yield from wait_fd(one, both)) == both
            assert (yield from wait_fd(one, POLLIN)) == POLLIN
            fill(one)
            assert (yield from wait_fd(one, both)) == POLLIN

    run(main)


def test_a_second_reader_raises_busy_resource_and_the_first_is_unaffected(run: Run) -> None:
    """The error names who waits already and where; the one named goes on waiting."""

    def first(sock: real.socket) -> Green[bytes]:
        yield from genlet.trampoline(sock, read=True)
        return sock.recv(10)

    def main() -> Green[bytes]:
        with pair() as (one, other):
            gt = genlet.spawn(first, one)
            gt.name = "the-first"
            yield from turns(2)
            for _ in range(2):
                with pytest.raises(genlet.BusyResource) as caught:
                    yield from genlet.trampoline(one, read=True)
                text = str(caught.value)
                assert text.startswith(
                    f"two greenthreads wait for descriptor {one.fileno()} to be readable: "
                    "<GreenThread the-first waits for"
                )
                line = first.__code__.co_firstlineno + 1
                assert f"{__file__}:{line}" in text
            other.send(b"data")
            return (yield from gt.wait())

    assert run(main) == b"data"


def test_a_wait_for_both_sides_takes_both_places(run: Run) -> None:
    """Who waits for either side is the reader and the writer."""

    def main() -> Green[None]:
        with pair() as (one, _):
            fill(one)
            gt = genlet.spawn(wait_fd, one, POLLIN | POLLOUT)
            yield from turns(2)
            for side in (POLLIN, POLLOUT, POLLIN | POLLOUT):
                with pytest.raises(genlet.BusyResource):
                    yield from wait_fd(one, side)
            yield from gt.kill()
            assert_nothing_waits(one.fileno())

    run(main)


def test_a_reader_and_a_writer_are_independent(run: Run) -> None:
    """Each side is woken by its own readiness, and one killed leaves the other waiting."""

    def main() -> Green[None]:
        with pair() as (one, other):
            fill(one)
            reader = genlet.spawn(wait_fd, one, POLLIN)
            writer = genlet.spawn(wait_fd, one, POLLOUT)
            yield from turns(2)
            other.send(b"x")
            assert (yield from reader.wait()) == POLLIN
            yield from turns(3)
            assert parked(writer)
            one.recv(1)
            reader = genlet.spawn(wait_fd, one, POLLIN)
            yield from turns(2)
            assert parked(reader)
            yield from reader.kill()
            yield from turns(2)
            assert parked(writer)
            while True:
                try:
                    other.recv(65536)
                except BlockingIOError:
                    break
            assert (yield from writer.wait()) == POLLOUT
            assert_nothing_waits()

    run(main)


# ---- hang-ups, errors, closed numbers -------------------------------------------------------------


def test_a_hang_up_wakes_both_sides(run: Run) -> None:
    """The peer is gone: the reader must see the end, the writer the error."""

    def main() -> Green[None]:
        with pair() as (one, other):
            fill(one)
            reader = genlet.spawn(wait_fd, one, POLLIN)
            writer = genlet.spawn(wait_fd, one, POLLOUT)
            yield from turns(2)
            assert parked(reader)
            assert parked(writer)
            other.close()
            assert (yield from reader.wait()) == POLLIN
            assert (yield from writer.wait()) == POLLOUT
            assert (yield from wait_fd(one, POLLIN | POLLOUT)) == POLLIN | POLLOUT
            assert_nothing_waits()

    run(main)


def test_an_error_wakes_the_writer_of_a_pipe(run: Run) -> None:
    """Without a reader a full pipe has nothing but an error to report, and that wakes."""

    def main() -> Green[None]:
        reading, writing = os.pipe()
        try:
            os.set_blocking(writing, False)
            try:
                while True:
                    os.write(writing, bytes(65536))
            except BlockingIOError:
                pass
            gt = genlet.spawn(wait_fd, writing, POLLOUT)
            yield from turns(2)
            assert parked(gt)
        finally:
            os.close(reading)
        try:
            assert (yield from gt.wait()) == POLLOUT
            with pytest.raises(BrokenPipeError):
                os.write(writing, b"x")
            assert_nothing_waits()
        finally:
            os.close(writing)

    run(main)


def test_a_number_closed_behind_the_hub_is_forgotten(run: Run) -> None:
    """A level-triggered poller reports a closed number: its waits wake, and it is dropped."""

    def main() -> Green[None]:
        if get_scheduler().hub.edge:
            return  # an edge-triggered one is told nothing: see notify_close
        with pair() as (one, _):
            number = os.dup(one.fileno())
            gt = genlet.spawn(wait_fd, number, POLLIN)
            yield from turns(2)
            assert parked(gt)
            os.close(number)
            assert (yield from gt.wait()) == POLLIN
            assert number not in get_scheduler().hub.table
            assert not is_watched(number)

    run(main)


@pytest.mark.parametrize("notify", [genlet.notify_close, genlet.notify_opened])
@pytest.mark.parametrize("by_object", [False, True])
def test_notifying_wakes_both_sides_at_once(
    run: Run, notify: Callable[[object], None], by_object: bool
) -> None:
    """Who waits on a number that is said to be closed, or to mean another file now, is told."""

    def main() -> Green[None]:
        with pair() as (one, _):
            fill(one)
            waits = [genlet.spawn(wait_fd, one, side) for side in (POLLIN, POLLOUT)]
            yield from turns(2)
            notify(one if by_object else one.fileno())
            assert_nothing_waits(one.fileno())
            for gt in waits:
                with pytest.raises(genlet.ClosedResource) as caught:
                    yield from gt.wait()
                assert caught.value.errno == errno.EBADF
                assert caught.value.strerror == (
                    f"descriptor {one.fileno()} was closed while this greenthread waited for it"
                )
            notify(one)  # nobody waits: nothing happens

    run(main)


@pytest.mark.parametrize("end", ["kill", "timeout"])
def test_a_wait_that_ends_on_a_closed_number_disturbs_nobody(run: Run, end: str) -> None:
    """The other side's wait and the run go on when one ends after the number was closed."""

    def main() -> Green[str]:
        if not get_scheduler().hub.edge:
            return "went on"  # a level-triggered poller wakes both when the number is closed
        with pair() as (one, _):
            fill(one)
            number = os.dup(one.fileno())
            timeout = 0.01 if end == "timeout" else 1000
            reader = genlet.spawn(wait_fd, number, POLLIN, timeout=timeout)
            writer = genlet.spawn(wait_fd, number, POLLOUT)
            yield from turns(2)
            os.close(number)
            if end == "kill":
                yield from reader.kill()
            with pytest.raises((genlet.Timeout, genlet.GreenletExit)):
                yield from reader.wait()
            yield from writer.kill()
            assert_nothing_waits()
            return "went on"

    assert run(main) == "went on"


def test_an_event_for_a_closed_number_does_not_end_the_run(run: Run) -> None:
    """A duplicate keeps the file alive: its event comes although the number waited on is gone."""

    def main() -> Green[str]:
        with pair() as (one, other):
            fill(one)
            number = os.dup(one.fileno())
            reader = genlet.spawn(wait_fd, number, POLLIN)
            writer = genlet.spawn(wait_fd, number, POLLOUT)
            yield from turns(2)
            os.close(number)
            other.send(b"x")
            assert (yield from reader.wait()) == POLLIN
            yield from writer.kill()
            return "went on"

    assert run(main) == "went on"


# ---- numbers that are used again ------------------------------------------------------------------


def read(fd: int) -> Green[bytes]:
    """Read what there is, as green code reads: try, wait, try again."""
    while True:
        try:
            return os.read(fd, 100)
        except BlockingIOError:
            yield from genlet.trampoline(fd, read=True)


def test_a_reused_number_never_gives_the_new_reader_the_old_file(run: Run) -> None:
    """The file that a number meant before lives on elsewhere: its data wakes nobody wrongly."""

    def main() -> Green[None]:
        with pair() as (old, old_peer), pair() as (new, new_peer):
            number = os.dup(old.fileno())
            try:
                first = genlet.spawn(read, number)
                yield from turns(2)
                os.dup2(new.fileno(), number)
                genlet.notify_opened(number)
                second = genlet.spawn(read, number)
                yield from turns(2)
                with pytest.raises(genlet.ClosedResource):
                    yield from first.wait()
                old_peer.send(b"old")
                yield from turns(3)
                assert parked(second)
                new_peer.send(b"new")
                assert (yield from second.wait()) == b"new"
                assert old.recv(10) == b"old"
                assert waiting_fds() == []
            finally:
                os.close(number)

    run(main)


def test_a_number_reused_without_notice_serves_its_new_file(run: Run) -> None:
    """Where the poller can tell, the first wait learns that its file is gone."""

    def main() -> Green[None]:
        if not get_scheduler().hub.edge:
            return  # the number is all that a level-triggered poller knows
        with pair() as (old, old_peer), pair() as (new, new_peer):
            number = os.dup(old.fileno())
            try:
                first = genlet.spawn(read, number)
                yield from turns(2)
                os.dup2(new.fileno(), number)
                second = genlet.spawn(read, number)
                with pytest.raises(genlet.ClosedResource):
                    yield from first.wait()
                old_peer.send(b"old")
                yield from turns(3)
                assert parked(second)
                new_peer.send(b"new")
                assert (yield from second.wait()) == b"new"
            finally:
                os.close(number)

    run(main)


@pytest.mark.parametrize("end", ["kill", "timeout"])
def test_an_abandoned_wait_on_a_closed_number_does_not_feed_the_next_owner(
    run: Run, end: str
) -> None:
    """A registration that outlived its wait reports at most a false alarm to the number's owner."""

    def main() -> Green[None]:
        with pair() as (old, old_peer), pair() as (new, new_peer):
            number = os.dup(old.fileno())
            timeout = 0.01 if end == "timeout" else 1000
            first = genlet.spawn(wait_fd, number, POLLIN, timeout=timeout)
            yield from turns(2)
            os.dup2(new.fileno(), number)
            try:
                if end == "kill":
                    yield from first.kill()
                with pytest.raises((genlet.Timeout, genlet.GreenletExit)):
                    yield from first.wait()
                second = genlet.spawn(read, number)
                yield from turns(2)
                old_peer.send(b"old")
                yield from turns(3)
                assert parked(second)
                new_peer.send(b"new")
                assert (yield from second.wait()) == b"new"
            finally:
                os.close(number)

    run(main)


def test_an_event_collected_before_a_close_is_not_delivered_to_the_next_owner(run: Run) -> None:
    """Two descriptors ready in one poll: the first one's reader replaces the other's file.

    The other's reader was woken for a file that is gone, and must not read the new one.
    """

    def main() -> Green[None]:
        with ExitStack() as stack:
            one, one_peer = stack.enter_context(pair())
            two, two_peer = stack.enter_context(pair())
            silent, _ = stack.enter_context(pair())
            number = os.dup(two.fileno())
            woken: List[str] = []
            third: List[GreenThread[int]] = []

            def replaces() -> Green[None]:
                yield from wait_fd(one, POLLIN)
                os.dup2(silent.fileno(), number)
                genlet.notify_opened(number)
                third.append(genlet.spawn(wait_fd, number, POLLIN))
                woken.append("first")

            def second() -> Green[None]:
                with pytest.raises(genlet.ClosedResource):
                    yield from wait_fd(number, POLLIN)
                woken.append("second")

            gts = [genlet.spawn(replaces), genlet.spawn(second)]
            try:
                yield from turns(2)
                one_peer.send(b"x")
                two_peer.send(b"x")
                for gt in gts:
                    yield from gt.wait()
                assert sorted(woken) == ["first", "second"]
                yield from turns(3)
                assert parked(third[0])
                yield from third[0].kill()
            finally:
                os.close(number)

    run(main)


# ---- green sockets by number ----------------------------------------------------------------------


@pytest.mark.parametrize("by_number_first", [False, True])
def test_a_reader_by_number_and_a_receiver_exclude_each_other(
    run: Run, by_number_first: bool
) -> None:
    """A green socket's own reader and one that trampolines on it are two readers."""

    def main() -> Green[None]:
        one, other = real.socketpair()
        with socket(sock=one) as sock, other:
            sock.settimeout(0.001)
            with pytest.raises(real.timeout):
                yield from sock.recv(1)  # from now on it is bound to this run
            sock.settimeout(None)
            uses: List[Callable[[], Green[object]]] = [
                lambda: sock.recv(1),
                lambda: genlet.trampoline(sock, read=True),
            ]
            if by_number_first:
                uses.reverse()
            first = genlet.spawn(uses[0])
            yield from turns(2)
            with pytest.raises(genlet.BusyResource):
                yield from uses[1]()
            assert parked(first)
            other.send(b"x")
            yield from first.wait()

    run(main)


def test_a_wait_by_number_survives_the_first_recv_of_the_socket(run: Run) -> None:
    """A writer that trampolines on a green socket is no victim of a reader that begins after it."""

    def main() -> Green[None]:
        one, other = real.socketpair()
        with socket(sock=one) as sock, other:
            fill(one)
            writer = genlet.spawn(genlet.trampoline, sock, write=True)
            yield from turns(2)
            reader = genlet.spawn(sock.recv, 1)
            yield from turns(2)
            assert parked(writer)
            assert parked(reader)
            other.send(b"x")
            assert (yield from reader.wait()) == b"x"
            assert parked(writer)
            other.setblocking(False)
            while True:
                try:
                    other.recv(65536)
                except BlockingIOError:
                    break
            yield from writer.wait()

    run(main)


def test_a_wait_by_number_sees_readiness_that_came_before_it(run: Run) -> None:
    """What an edge reported to the socket is reported anew to one who waits by number."""

    def main() -> Green[None]:
        one, other = real.socketpair()
        with socket(sock=one) as sock, other:
            gt = genlet.spawn(sock.recv, 1)
            yield from turns(2)
            other.send(b"xyz")
            assert (yield from gt.wait()) == b"x"
            yield from turns(2)
            for _ in range(2):
                yield from genlet.trampoline(sock, read=True, timeout=10)
            assert (yield from sock.recv(10)) == b"yz"
            with pytest.raises(genlet.Timeout):
                yield from genlet.trampoline(sock, read=True, timeout=0)

    run(main)


def test_closing_a_green_socket_wakes_who_waits_by_number(run: Run) -> None:
    """A wait by number on a green socket is told of its closing like any other."""

    def main() -> Green[None]:
        one, other = real.socketpair()
        with socket(sock=one) as sock, other:
            sock.settimeout(0.001)
            with pytest.raises(real.timeout):
                yield from sock.recv(1)
            gt = genlet.spawn(genlet.trampoline, sock, read=True)
            yield from turns(2)
            number = sock.fileno()
            sock.close()
            with pytest.raises(genlet.ClosedResource):
                yield from gt.wait()
            assert number not in get_scheduler().hub.table

    run(main)


def test_a_forgotten_socket_does_not_poison_its_number(run: Run) -> None:
    """The number of a green socket that was never closed can be waited for in its next life."""

    def main() -> Green[None]:
        one, other = real.socketpair()
        with socket(sock=one) as sock, other:
            sock.settimeout(0.001)
            with pytest.raises(real.timeout):
                yield from sock.recv(1)
            number = one.fileno()
            one.close()  # what the garbage collector does: the green socket hears nothing of it
            reading, writing = os.pipe()
            try:
                assert number in (reading, writing)
                os.set_blocking(reading, False)
                gt = genlet.spawn(read, reading)
                yield from turns(2)
                assert parked(gt)
                os.write(writing, b"new")
                assert (yield from gt.wait()) == b"new"
                yield from genlet.trampoline(writing, write=True, timeout=10)
                assert waiting_fds() == []
            finally:
                sock.close()
                os.close(reading)
                os.close(writing)

    run(main)


# ---- the run's end --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, LookupError])
def test_a_wait_that_is_left_at_the_end_of_a_run_is_ended(
    run: Run, error: Optional[Type[Exception]]
) -> None:
    """The run returns with nobody waiting, and its poller closed."""
    ended: List[str] = []

    with pair() as (one, _):

        def waits() -> Green[None]:
            try:
                yield from wait_fd(one, POLLIN)
            finally:
                ended.append("reader")

        def main() -> Green[None]:
            genlet.spawn(waits)
            yield from turns(2)
            if error is not None:
                raise error

        if error is None:
            run(main)
        else:
            with pytest.raises(error):
                run(main)
    assert ended == ["reader"]
