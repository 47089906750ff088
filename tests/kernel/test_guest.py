"""A guest: a kernel that another loop drives."""

from __future__ import annotations

import asyncio
import os
import select
import threading
from typing import List, Optional

import pytest

import genlet
from genlet.abc import Green
from genlet.green import socket
from genlet.kernel import AnyGreenThread, Guest, NullInstrument, here, portal


class Host:
    """A loop for tests: it waits for the guest's descriptor, and counts the turns asked for."""

    def __init__(self, **settings: object) -> None:
        self.asked: int = 0
        self.turns: int = 0
        self.guest: Guest = Guest(self.ask, **settings)  # type: ignore[arg-type]  # as given

    def ask(self) -> None:
        self.asked += 1

    def turn(self) -> Optional[float]:
        self.turns += 1
        return self.guest.turn()

    def run(self) -> None:
        """Give turns until the guest has ended."""
        timeout = self.turn()
        while not self.guest.ended:
            fd = self.guest.fileno()
            if timeout is None or timeout > 0:
                select.select(
                    [] if fd is None else [fd], [], [], 5 if timeout is None else timeout
                )
            timeout = self.turn()

    def stop(self) -> None:
        self.guest.stop()
        self.run()
        assert here.scheduler is None


def test_a_guest_runs_greenthreads_when_its_host_gives_it_turns() -> None:
    """A turn runs the ready greenthreads, and says how long the host can wait."""
    host = Host()
    log: List[str] = []

    def child() -> Green[None]:
        log.append("begins")
        yield from genlet.sleep(0.01)
        log.append("ends")

    gt = host.guest.spawn(child)
    assert log == []
    timeout = host.turn()
    assert log == ["begins"]
    assert timeout is not None
    assert 0 < timeout <= 0.01
    gt.link(lambda _: host.guest.stop())
    host.run()
    assert log == ["begins", "ends"]
    assert here.scheduler is None


def test_a_guest_that_has_nothing_to_do_waits_without_limit_and_finds_no_deadlock() -> None:
    """The host may wake any greenthread."""
    host = Host()
    event: genlet.Event[int] = genlet.Event()

    def child() -> Green[int]:
        return (yield from event.wait())

    gt = host.guest.spawn(child)
    assert host.turn() is None
    assert host.turn() is None
    event.send(7)
    host.turn()
    assert gt.result() == 7
    host.stop()


def test_a_guest_asks_for_one_turn_between_two() -> None:
    """Every plain call that makes a greenthread ready or arms a timer asks, the first of them once."""
    host = Host()
    assert host.asked == 1  # for its first turn
    host.turn()
    queue: genlet.Queue[int] = genlet.Queue()
    got: List[int] = []

    def child() -> Green[None]:
        while True:
            got.append((yield from queue.get()))

    host.guest.spawn(child)
    assert host.asked == 2
    host.guest.spawn(child)
    assert host.asked == 2
    host.turn()
    queue.put_nowait(1)
    queue.put_nowait(2)
    assert host.asked == 3
    host.turn()
    assert got == [1, 2]
    genlet.spawn_after(60, child)
    assert host.asked == 4
    host.turn()
    assert host.asked == 4
    host.stop()


def test_a_guest_asks_for_no_turn_during_one() -> None:
    """Whatever becomes ready in a turn is in the time that the turn returns."""
    host = Host()

    def child() -> Green[None]:
        for _ in range(100):
            yield from genlet.sleep(0)

    host.guest.spawn(child)
    asked = host.asked
    calls = 0
    while host.turn() == 0.0:
        calls += 1
    assert host.asked == asked
    assert 1 < calls < 20  # some turns at once, and not all of them
    host.stop()


def test_a_guest_is_driven_by_its_descriptor() -> None:
    """A socket that becomes ready, and a call of another thread, make the descriptor readable."""
    host = Host(hub="epoll") if "epoll" in genlet.kernel.available_hubs() else Host()
    if host.guest.fileno() is None:
        host.stop()
        pytest.skip("this platform's pollers have no descriptor")
    one, other = socket.socketpair()
    received: List[bytes] = []

    def child() -> Green[None]:
        received.append((yield from one.recv(10)))
        with portal() as door:
            thread = threading.Thread(target=lambda: door.run(send_back))
            thread.start()
            yield from genlet.sleep(0)
            while thread.is_alive():
                yield from genlet.sleep(0.001)
        host.guest.stop()

    def send_back() -> Green[None]:
        yield from one.sendall(b"answer")

    host.guest.spawn(child)
    host.turn()
    other.setblocking(False)
    other._sock.send(b"hello")
    host.run()
    assert received == [b"hello"]
    assert other._sock.recv(10) == b"answer"
    one.close()
    other.close()


def test_a_stopped_guest_interrupts_what_is_left_and_gives_it_its_grace() -> None:
    """The end of a guest is the end of any run."""
    host = Host()
    log: List[str] = []

    def child() -> Green[None]:
        try:
            yield from genlet.sleep(60)
        finally:
            yield from genlet.sleep(0.01)
            log.append("cleaned up")

    gt = host.guest.spawn(child)
    host.turn()
    host.stop()
    assert log == ["cleaned up"]
    assert gt.dead


def test_a_closed_guest_closes_what_is_left_by_force(capfd: pytest.CaptureFixture[str]) -> None:
    """No turn is given any more; generators are closed at once, and reported."""
    host = Host()
    log: List[str] = []

    def child() -> Green[None]:
        try:
            yield from genlet.sleep(60)
        finally:
            log.append("closed")

    gt = host.guest.spawn(child)
    host.turn()
    host.guest.close()
    host.guest.close()
    assert log == ["closed"]
    assert gt.dead
    assert here.scheduler is None
    assert "closed by force" in capfd.readouterr().err
    with pytest.raises(RuntimeError, match="has ended"):
        host.turn()


def test_an_exit_that_nobody_waits_for_ends_the_guest_and_reaches_the_host() -> None:
    """SystemExit goes to main, as in any run; the guest's main does not handle it."""
    host = Host()

    def child() -> Green[None]:
        yield from genlet.sleep(0)
        raise SystemExit(3)

    host.guest.spawn(child)
    with pytest.raises(SystemExit) as caught:
        host.run()
    assert caught.value.code == 3
    assert here.scheduler is None


def test_an_exit_that_a_greenthread_waits_for_is_raised_there_alone() -> None:
    """A host's task that awaits the greenthread gets it, and the guest lives on."""
    host = Host()
    caught: List[object] = []

    def child() -> Green[None]:
        yield from genlet.sleep(0)
        raise SystemExit(3)

    def parent() -> Green[None]:
        gt = genlet.spawn(child)
        try:
            yield from gt.wait()
        except SystemExit as exit:
            caught.append(exit.code)

    host.guest.spawn(parent)
    while host.turn() == 0.0:
        pass
    assert caught == [3]
    assert not host.guest.ended
    host.stop()


def test_an_exception_in_the_middle_of_a_turn_closes_the_guest_and_is_raised_again() -> None:
    """Ctrl-C of a host may come anywhere: nothing of the guest can be trusted to go on."""

    class Interrupting(NullInstrument):
        def before_step(self, gt: AnyGreenThread) -> None:
            if gt.name.startswith("child") or "child" in gt.name:
                raise KeyboardInterrupt

    host = Host()
    host.turn()
    host.guest.scheduler.attach(Interrupting())

    def child() -> Green[None]:
        yield from genlet.sleep(0)

    host.guest.spawn(child)
    with pytest.raises(KeyboardInterrupt):
        host.run()
    assert host.guest.ended
    assert here.scheduler is None


def test_a_run_between_two_turns_of_a_guest_is_allowed_and_one_inside_a_turn_is_not() -> None:
    """Plain code of the host may start a run of its own, which blocks the host."""
    host = Host()
    host.turn()

    def main() -> Green[int]:
        yield from genlet.sleep(0)
        return 5

    assert genlet.run(main) == 5
    assert here.scheduler is host.guest.scheduler
    errors: List[str] = []

    def child() -> Green[None]:
        yield from genlet.sleep(0)
        with pytest.raises(RuntimeError, match="inside of a run") as caught:
            genlet.run(main)
        errors.append(str(caught.value))

    host.guest.spawn(child)
    while host.turn() == 0.0:
        pass
    assert len(errors) == 1
    host.stop()


def test_a_guest_refuses_a_second_kernel_a_turn_inside_a_turn_and_another_thread() -> None:
    """Each is an error of the host, and says so."""
    host = Host()
    with pytest.raises(RuntimeError, match="has a kernel already"):
        Guest(lambda: None)

    def child() -> Green[None]:
        yield from genlet.sleep(0)
        with pytest.raises(RuntimeError, match="turn inside of a turn"):
            host.guest.turn()
        with pytest.raises(RuntimeError, match="between its turns"):
            host.guest.close()

    gt = host.guest.spawn(child)
    while host.turn() == 0.0:
        pass
    gt.result()
    errors: List[BaseException] = []

    def elsewhere() -> None:
        try:
            host.guest.turn()
        except genlet.WrongThread as exc:
            errors.append(exc)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(errors) == 1
    host.stop()


def test_observers_come_and_go_between_turns() -> None:
    """An instrument attached between two turns is called, and the guest goes on asking for turns."""
    scheduled: List[str] = []

    class Listening(NullInstrument):
        def scheduled(self, gt: AnyGreenThread) -> None:
            scheduled.append(gt.name)

    host = Host()
    host.turn()
    listening = Listening()
    host.guest.scheduler.attach(listening)

    def child() -> Green[None]:
        yield from genlet.sleep(0)

    asked = host.asked
    host.guest.spawn(child)
    assert host.asked == asked + 1
    assert len(scheduled) == 1
    while host.turn() == 0.0:
        pass
    host.guest.scheduler.detach(listening)
    count = len(scheduled)
    asked = host.asked
    host.guest.spawn(child)
    assert host.asked == asked + 1
    assert len(scheduled) == count
    host.stop()


def test_asyncio_hosts_a_guest() -> None:
    """Green code and coroutines run in one thread, with asyncio's loop waiting for both."""
    log: List[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        timer: List[asyncio.TimerHandle] = []

        def turn() -> None:
            while timer:
                timer.pop().cancel()
            if guest.ended:
                return
            timeout = guest.turn()
            if guest.ended:
                loop.remove_reader(fd)
                ended.set_result(None)
            elif timeout == 0.0:
                loop.call_soon(turn)
            elif timeout is not None:
                timer.append(loop.call_later(timeout, turn))

        guest = Guest(lambda: loop.call_soon(turn))
        fd = guest.fileno()
        if fd is None:
            guest.close()
            pytest.skip("this platform's pollers have no descriptor")
        loop.add_reader(fd, turn)
        one, other = socket.socketpair()

        def echo() -> Green[None]:
            while data := (yield from one.recv(100)):
                yield from one.sendall(data)
            log.append("the peer has closed")
            one.close()

        guest.spawn(echo)
        plain = other._sock.dup()
        plain.setblocking(False)
        other.close()
        for number in range(10):
            await loop.sock_sendall(plain, b"%d" % number)
            assert await loop.sock_recv(plain, 100) == b"%d" % number
        plain.close()

        def sleeper() -> Green[None]:
            yield from genlet.sleep(0.01)
            log.append("has slept")
            guest.stop()

        guest.spawn(sleeper)
        await ended

    asyncio.run(main())
    assert sorted(log) == ["has slept", "the peer has closed"]
    assert here.scheduler is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
# pytest's own watchdog is a thread, which Python 3.15 counts too.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("inside", [False, True])
def test_a_forked_childs_copy_of_a_guest_is_inert(inside: bool) -> None:
    """Nothing of the parent's greenthreads runs in the child, not by turns and not by closing."""
    host = Host()
    reading, writing = os.pipe()
    forked: List[int] = []

    def child() -> Green[None]:
        try:
            yield from genlet.sleep(60)
        finally:
            os.write(writing, b"cleanup in %d" % os.getpid())

    def forking() -> Green[None]:
        yield from genlet.sleep(0)
        forked.append(os.fork())
        yield from genlet.sleep(0)

    def in_the_child() -> None:
        for call in (host.turn, host.turn, host.guest.close):
            try:
                call()
            except RuntimeError:
                pass
        assert here.scheduler is None
        os._exit(7)

    host.guest.spawn(child)
    try:
        if inside:
            host.guest.spawn(forking)
            try:
                while host.turn() == 0.0:
                    pass
            except RuntimeError:
                if forked != [0]:
                    raise
        else:
            host.turn()
            forked.append(os.fork())
        if forked == [0]:
            in_the_child()
    except BaseException:
        if forked == [0]:
            os._exit(9)
        raise
    _, status = os.waitpid(forked[0], 0)
    assert os.WEXITSTATUS(status) == 7
    host.stop()
    os.close(writing)
    assert os.read(reading, 1000) == b"cleanup in %d" % os.getpid()
    os.close(reading)
