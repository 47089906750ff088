"""Green signals: none is lost, none is stolen, and waiting for one costs nothing."""

from __future__ import annotations

import os
import signal as real
import subprocess
import sys
import threading
from contextlib import contextmanager
from time import process_time
from typing import Any, Callable, Generator, List

import pytest

import genlet
from genlet.abc import Green
from genlet.green import signal
from genlet.testing import cancel_everywhere

from .test_select import after, run, turns

if sys.platform == "win32":
    pytest.skip("these tests send themselves signals", allow_module_level=True)

ONE, TWO = signal.SIGUSR1, signal.SIGUSR2


@contextmanager
def handled(*numbers: int) -> Generator[List[int], None, None]:
    """Handlers of the application: they note what they get; checked to be there at the end."""
    got: List[int] = []

    def handler(*args: Any) -> None:
        got.append(args[0])

    before = {number: real.signal(number, handler) for number in numbers}
    try:
        yield got
        assert all(real.getsignal(number) is handler for number in numbers)
    finally:
        for number, former in before.items():
            real.signal(number, former)


@contextmanager
def blocked(*numbers: int) -> Generator[None, None, None]:
    """Signals that are blocked; checked to be so at the end."""
    real.pthread_sigmask(real.SIG_BLOCK, numbers)
    try:
        yield
        assert real.pthread_sigmask(real.SIG_BLOCK, []) >= set(numbers)
    finally:
        while real.sigpending() & set(numbers):
            real.sigwait(real.sigpending() & set(numbers))
        real.pthread_sigmask(real.SIG_UNBLOCK, numbers)


def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


def send_here(*numbers: int) -> None:
    """As `send`, for signals that are blocked: a thread that lingers could take one of those."""
    for number in numbers:
        real.pthread_kill(threading.get_ident(), number)


# ---- receive --------------------------------------------------------------------------------------


def test_receive_gives_the_signals_that_come() -> None:
    """In the order they came, by name; the handler found is not called, and there again after."""

    def main() -> Green[None]:
        with signal.receive(ONE, TWO) as signals:
            genlet.spawn(after, lambda: send(TWO))
            number = yield from signals.next()
            assert number is signal.SIGUSR2
            genlet.spawn(after, lambda: send(ONE))
            assert (yield from signals.next()) == ONE

    with handled(ONE, TWO) as got:
        run(main)
        assert got == []


def test_receive_is_woken_by_another_process_out_of_an_idle_wait() -> None:
    """A run that waits for nothing but a signal is no deadlock, and sleeps."""
    script = f"import os, time; time.sleep(0.5); os.kill({os.getpid()}, {int(ONE)}); input()"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)

    def main() -> Green[float]:
        with signal.receive(ONE) as signals:
            before = process_time()
            assert (yield from signals.next()) == ONE
            return process_time() - before

    with child, handled(ONE):
        assert genlet.run(main) < 0.25
        child.communicate(b"\n")


def test_receive_is_woken_by_a_signal_that_a_thread_sends() -> None:
    """The handler runs in the main thread, whoever sends."""

    def main() -> Green[None]:
        with signal.receive(ONE) as signals:
            thread = threading.Thread(target=send, args=(ONE,))
            thread.start()
            assert (yield from signals.next()) == ONE
            thread.join()

    with handled(ONE):
        run(main)


def test_receive_keeps_each_signal_once_until_it_is_taken() -> None:
    """What comes while nobody waits is kept; what comes again meanwhile counts once."""

    def main() -> Green[None]:
        with signal.receive(ONE, TWO) as signals:
            send(ONE)
            send(TWO)
            send(ONE)
            yield from turns(3)
            found = {(yield from signals.next()), (yield from signals.next())}
            assert found == {ONE, TWO}
            with genlet.move_on_after(0.02) as scope:
                yield from signals.next()
            assert scope.cancelled_caught

    with handled(ONE, TWO) as got:
        run(main)
        assert got == []


def test_receive_gives_what_nobody_took_to_the_former_handler() -> None:
    """A signal is not lost because the block ended: its handler gets it."""

    def main() -> Green[None]:
        with signal.receive(ONE, TWO) as signals:
            send(ONE)
            send(TWO)
            taken = yield from signals.next()
        assert got == [{ONE: TWO, TWO: ONE}[real.Signals(taken)]]

    with handled(ONE, TWO) as got:
        run(main)


def test_receive_gives_a_signal_to_every_receiver() -> None:
    """And the former handler gets it only if none of them took it."""

    def main() -> Green[None]:
        with signal.receive(ONE) as first:
            with signal.receive(ONE, TWO) as second:
                send(ONE)
                assert (yield from first.next()) == ONE
            assert got == []
            with signal.receive(ONE):
                send(ONE)
            assert got == []
        assert got == [ONE]
        del second

    with handled(ONE, TWO) as got:
        run(main)


def test_receive_gives_one_signal_to_one_of_those_who_wait() -> None:
    """Each of them in turn, and a killed one passes nothing by."""

    def main() -> Green[None]:
        with signal.receive(ONE) as signals:
            first, second, third = (genlet.spawn(signals.next) for _ in range(3))
            yield from turns(2)
            yield from first.kill()
            send(ONE)
            assert (yield from second.wait()) == ONE
            send(ONE)
            assert (yield from third.wait()) == ONE

    with handled(ONE):
        run(main)


def test_receive_ends_with_its_block() -> None:
    """Who waits beyond it, or begins to, is told."""

    def main() -> Green[None]:
        with signal.receive(ONE) as signals:
            waiter = genlet.spawn(signals.next)
            yield from turns(2)
        with pytest.raises(RuntimeError, match=r"inside of a 'with signal.receive"):
            yield from waiter.wait()
        with pytest.raises(RuntimeError, match=r"inside of a 'with signal.receive"):
            yield from signals.next()

    with handled(ONE):
        run(main)


def test_receive_takes_ctrl_c_from_the_kernel_and_gives_it_back() -> None:
    """Inside the block SIGINT is a signal like others; after it a KeyboardInterrupt in main."""
    caught: List[str] = []

    def main() -> Green[None]:
        with signal.receive(signal.SIGINT) as signals:
            genlet.spawn(after, lambda: send(signal.SIGINT))
            assert (yield from signals.next()) == signal.SIGINT
        try:
            send(signal.SIGINT)
            yield from genlet.sleep(10)
        except KeyboardInterrupt:
            caught.append("after")
        try:
            with signal.receive(signal.SIGINT):
                send(signal.SIGINT)  # nobody takes it
            yield from genlet.sleep(10)
        except KeyboardInterrupt:
            caught.append("at the end")

    run(main)
    assert caught == ["after", "at the end"]


def test_receive_leaves_a_handler_that_replaced_it() -> None:
    """What the application installs inside of the block stays."""

    def mine(number: int, frame: Any) -> None:
        pass

    def main() -> Green[None]:
        with signal.receive(ONE):
            signal.signal(ONE, mine)
        assert signal.getsignal(ONE) is mine
        yield from turns(1)

    former = real.getsignal(ONE)
    try:
        run(main)
    finally:
        real.signal(ONE, former)


def test_receive_lets_blocked_signals_through_meanwhile() -> None:
    """One that is pending comes at once; one that nobody took is pending again."""

    def main() -> Green[None]:
        send_here(ONE)
        with signal.receive(ONE) as signals:
            assert (yield from signals.next()) == ONE
            send_here(ONE)
        assert ONE in signal.sigpending()

    with handled(ONE) as got, blocked(ONE):
        run(main)
        assert got == []


@pytest.mark.parametrize(
    ("numbers", "error"),
    [((), ValueError), ((ONE, 10_000), ValueError)],
)
def test_receive_refused_changes_nothing(numbers: Any, error: Any) -> None:
    """Handlers that were installed already are taken back."""

    def main() -> Green[None]:
        yield from turns(1)
        with signal.receive(*numbers):
            pass

    with handled(ONE), pytest.raises(error):
        run(main)


def test_receive_is_for_the_main_thread() -> None:
    """Elsewhere it says so, and what to do."""
    found: List[BaseException] = []

    def main() -> Green[None]:
        yield from turns(1)
        with signal.receive(ONE):
            pass

    def thread() -> None:
        try:
            genlet.run(main)
        except RuntimeError as exc:
            found.append(exc)

    other = threading.Thread(target=thread)
    other.start()
    other.join()
    assert "main thread" in str(found[0])
    assert "portal" in str(found[0])


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
@pytest.mark.parametrize("coming", [False, True])
def test_signal_waits_interrupted_anywhere_leave_nothing_behind(how: Any, coming: bool) -> None:
    """No handler, no portal; a signal that was not taken was given to the handler."""
    taken: List[int] = []

    def use() -> Green[None]:
        taken.clear()
        got.clear()
        with signal.receive(ONE, TWO) as signals:
            send(ONE)
            if coming:
                yield from genlet.sleep(0)
            taken.append((yield from signals.next()))
            yield from genlet.sleep(0)
        yield from genlet.sleep(0)

    def check() -> None:
        assert sorted(taken + got) == [ONE]

    with handled(ONE, TWO) as got:
        assert cancel_everywhere(use, check, how=how) > 1


# ---- the standard library's -----------------------------------------------------------------------


def test_sigwait_takes_a_signal_and_keeps_it_from_the_handler() -> None:
    """Blocked or not, pending or to come."""

    def main() -> Green[None]:
        genlet.spawn(after, lambda: send_here(ONE))
        assert (yield from signal.sigwait([ONE, TWO])) is signal.SIGUSR1
        real.pthread_sigmask(real.SIG_BLOCK, [ONE, TWO])
        genlet.spawn(after, lambda: send_here(TWO))
        assert (yield from signal.sigwait({ONE, TWO})) == TWO
        send_here(ONE)
        assert (yield from signal.sigwait({ONE, TWO})) == ONE

    with handled(ONE, TWO) as got, blocked():
        try:
            run(main)
        finally:
            real.pthread_sigmask(real.SIG_UNBLOCK, [ONE, TWO])
        assert got == []


def test_sigwait_takes_one_of_those_that_are_pending() -> None:
    """The others are pending still; as the standard library does."""

    def main() -> Green[None]:
        send_here(ONE, TWO)
        first = yield from signal.sigwait([ONE, TWO])
        assert signal.sigpending() & {ONE, TWO} == {ONE, TWO} - {first}
        second = yield from signal.sigwait([ONE, TWO])
        assert {first, second} == {ONE, TWO}

    with handled(ONE, TWO) as got, blocked(ONE, TWO):
        run(main)
        assert got == []


def test_sigwait_of_two_that_overlap_keeps_the_signal_open_for_the_second() -> None:
    """The end of the one does not block what the other waits for."""

    def main() -> Green[None]:
        first = genlet.spawn(signal.sigwait, [ONE, TWO])
        second = genlet.spawn(signal.sigwait, [ONE])
        yield from turns(3)
        send_here(TWO)
        assert (yield from first.wait()) == TWO
        send_here(ONE)
        assert (yield from second.wait()) == ONE

    with handled(ONE, TWO), blocked(ONE, TWO):
        run(main)


def test_pause_returns_after_the_handler_was_called() -> None:
    """Of any signal that has one; blocked ones stay blocked."""

    def main() -> Green[None]:
        send_here(TWO)
        genlet.spawn(after, lambda: send_here(ONE))
        yield from signal.pause()
        assert got == [ONE]
        assert TWO in signal.sigpending()

    with handled(ONE, TWO) as got, blocked(TWO):
        run(main)


def test_pause_waits_for_an_alarm() -> None:
    """A timer of the system, passed through, is a signal like others."""

    def main() -> Green[None]:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        yield from signal.pause()
        assert got == [signal.SIGALRM]

    with handled(signal.SIGALRM) as got:
        run(main)


if hasattr(real, "sigtimedwait"):

    def test_sigtimedwait_tells_what_the_system_tells() -> None:
        """All of it for a pending signal, the number for one that comes; None in vain."""

        def main() -> Green[None]:
            assert (yield from signal.sigtimedwait([ONE], 0)) is None
            assert (yield from signal.sigtimedwait([ONE], 0.02)) is None
            send_here(ONE)
            info = yield from signal.sigtimedwait([ONE], 10)
            assert info is not None
            assert (info.si_signo, info.si_pid) == (ONE, os.getpid())
            genlet.spawn(after, lambda: send_here(ONE))
            info = yield from signal.sigwaitinfo([ONE])
            assert info.si_signo == ONE
            genlet.spawn(after, lambda: send_here(ONE))
            info = yield from signal.sigtimedwait([ONE], 10)
            assert info is not None
            assert info.si_signo == ONE
            with pytest.raises(ValueError, match="non-negative"):
                yield from signal.sigtimedwait([ONE], -1)

        with handled(ONE) as got, blocked(ONE):
            run(main)
            assert got == []


def test_handlers_of_the_application_run_between_greenthreads() -> None:
    """signal.signal passes through, and its handler may wake greenthreads by a portal."""

    def main() -> Green[None]:
        done: genlet.Event[int] = genlet.Event()
        with genlet.portal() as door:
            former = signal.signal(ONE, lambda *args: door.call_soon(done.send, args[0]))
            try:
                genlet.spawn(after, lambda: send(ONE))
                assert (yield from done.wait()) == ONE
            finally:
                signal.signal(ONE, former)

    run(main)


def test_set_wakeup_fd_is_left_out_with_a_reason() -> None:
    """It is the kernel's."""
    name: Callable[[], object] = lambda: getattr(signal, "set_wakeup_fd")  # noqa: B009, E731
    with pytest.raises(AttributeError, match="the kernel has it"):
        name()
