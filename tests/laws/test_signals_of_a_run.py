"""Signals during a run: Ctrl-C ends what spins, and another loop gets the signals that it waits for."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from contextlib import redirect_stderr
from textwrap import dedent
from time import monotonic, sleep
from typing import List, Tuple

import pytest

import genlet
from genlet.abc import Green
from genlet.green import signal as green_signal
from genlet.kernel import Runner, available_hubs
from tests.kernel import forever

from .edges import press

SOON = 3.0  # seconds: what comes at once has come by then

# ---- what is left over ----------------------------------------------------------------------------


def script(text: str, *, presses: int = 0, number: int = signal.SIGINT) -> Tuple[int, str, float]:
    """Run a program, press Ctrl-C some times once it has said it is ready; bounded.

    Returns:
        Its exit status, what it said, and how long it took from the first press.
    """
    begin = "import signal, genlet\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program = begin + dedent(text)
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said: List[str] = []
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if line.strip() == "ready":
                ready.set()

    reader = threading.Thread(target=read)
    reader.start()
    ready.wait(20)
    started = monotonic()
    for _ in range(presses):
        sleep(0.15)
        process.send_signal(number)
    try:
        status = process.wait(8)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
        said.append("it had to be killed")
    took = monotonic() - started
    reader.join()
    process.stdout.close()
    return status, "".join(said), took


def test_ctrl_c_while_leftovers_are_closed_by_force_is_raised() -> None:
    """It comes in the cleanup of a greenthread that is closed: the run raises it at its end."""

    def stubborn() -> Green[None]:
        while True:
            try:
                yield from forever().get()
            except GeneratorExit:
                press()
                raise
            except BaseException:
                pass

    def main() -> Green[str]:
        genlet.spawn(stubborn)
        yield from genlet.sleep(0)
        return "done"

    with redirect_stderr(io.StringIO()), pytest.raises(KeyboardInterrupt):
        Runner(grace=0).run(main)


def test_ctrl_c_ends_an_endless_loop_in_a_cleanup_that_is_forced() -> None:
    """What spins there is interrupted by the second at the latest, and the others are closed."""
    status, said, took = script(
        """
        def spins():
            while True:
                try:
                    yield from genlet.sleep(60)
                except GeneratorExit:
                    print("ready")
                    while True:
                        pass
                except BaseException:
                    pass

        def other():
            while True:
                try:
                    yield from genlet.sleep(60)
                except GeneratorExit:
                    print("the other one was closed")
                    raise
                except BaseException:
                    pass

        def main():
            genlet.spawn(other)
            genlet.spawn(spins)
            yield from genlet.sleep(0)

        try:
            genlet.Runner(grace=0).run(main)
        except KeyboardInterrupt:
            print("interrupted")
        """,
        presses=2,
    )
    assert "it had to be killed" not in said
    assert "interrupted" in said
    assert "the other one was closed" in said
    assert status == 0
    assert took < 8


def test_ctrl_c_ends_an_endless_loop_in_a_link() -> None:
    """A link runs in no greenthread, and is interrupted by the second like one."""
    _, said, _ = script(
        """
        def spin(gt):
            print("ready")
            while True:
                pass

        def main():
            genlet.spawn(genlet.sleep, 0).link(spin)
            yield from genlet.sleep(60)

        try:
            genlet.run(main)
        except KeyboardInterrupt:
            print("interrupted")
        """,
        presses=3,
    )
    assert "it had to be killed" not in said
    assert "interrupted" in said


def test_ctrl_c_ends_an_endless_loop_in_an_excepthook() -> None:
    """The hook is the program's as well."""
    _, said, _ = script(
        """
        def spin(gt, exc):
            print("ready")
            while True:
                pass

        def fails():
            yield from genlet.sleep(0)
            raise ValueError

        def main():
            genlet.spawn(fails)
            yield from genlet.sleep(60)

        try:
            genlet.Runner(excepthook=spin).run(main)
        except KeyboardInterrupt:
            print("interrupted")
        """,
        presses=3,
    )
    assert "it had to be killed" not in said
    assert "interrupted" in said


def test_ctrl_c_in_main_s_last_step_is_raised() -> None:
    """Whatever main returns or raises: what nobody has got is not thrown away."""

    def returns() -> Green[str]:
        yield from genlet.sleep(0)
        press()
        return "done"

    def raises() -> Green[str]:
        yield from genlet.sleep(0)
        press()
        raise LookupError("as expected")

    for main in (returns, raises):
        with pytest.raises(KeyboardInterrupt):
            genlet.run(main)


# ---- others who use the wake-up descriptor --------------------------------------------------------


def pressed_by(seconds: float, number: int = signal.SIGINT) -> threading.Timer:
    timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
    timer.start()
    return timer


@pytest.mark.parametrize("hub", available_hubs())
@pytest.mark.parametrize("other", ["nobody", "another pipe"])
def test_ctrl_c_comes_at_once_though_somebody_has_reset_the_wakeup_descriptor(
    hub: str, other: str
) -> None:
    """The kernel's handler rings by itself."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def main() -> Green[None]:
        yield from genlet.sleep(0.001)
        signal.set_wakeup_fd(-1 if other == "nobody" else writing)
        timer = pressed_by(0.2)
        try:
            yield from genlet.sleep(4.5)
        finally:
            timer.join()

    started = monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            Runner(hub=hub).run(main)
        assert monotonic() - started < SOON
    finally:
        signal.set_wakeup_fd(-1)
        os.close(reading)
        os.close(writing)


def test_a_handlers_call_comes_at_once_though_somebody_has_reset_the_wakeup_descriptor() -> None:
    """`call_soon` rings by itself as well."""
    event: genlet.Event[str] = genlet.Event()

    def main() -> Green[None]:
        with genlet.portal() as portal:
            yield from genlet.sleep(0.001)
            signal.signal(signal.SIGUSR1, lambda *_: portal.call_soon(event.send, "rung"))
            signal.set_wakeup_fd(-1)
            timer = pressed_by(0.2, signal.SIGUSR1)
            assert (yield from event.wait(4.5)) == "rung"
            timer.join()

    before = signal.getsignal(signal.SIGUSR1)
    started = monotonic()
    try:
        genlet.run(main)
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGUSR1, before)
    assert monotonic() - started < SOON


def test_a_run_inside_of_asyncio_hands_on_the_signals_that_asyncio_waits_for() -> None:
    """A signal that came while the kernel had the wake-up descriptor reaches asyncio's handler."""
    # As in uvloop #270 and #295.
    came: List[int] = []

    def green_main() -> Green[None]:
        timer = pressed_by(0.1, signal.SIGUSR1)
        yield from genlet.sleep(0.4)
        timer.join()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, came.append, 1)
        loop.call_soon(genlet.run, green_main)
        await asyncio.sleep(0.6)
        loop.remove_signal_handler(signal.SIGUSR1)

    asyncio.run(main())
    assert came == [1]


def test_several_signals_in_a_run_inside_of_asyncio_are_all_handed_on() -> None:
    """In the order in which they came, those with no Python handler too."""
    came: List[str] = []

    def green_main() -> Green[None]:
        yield from genlet.sleep(0.001)
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
            signal.raise_signal(number)
            yield from genlet.sleep(0.001)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, came.append, "one")
        loop.add_signal_handler(signal.SIGUSR2, came.append, "two")
        loop.call_soon(genlet.run, green_main)
        await asyncio.sleep(0.2)
        loop.remove_signal_handler(signal.SIGUSR1)
        loop.remove_signal_handler(signal.SIGUSR2)

    asyncio.run(main())
    assert came == ["one", "two", "one"]


def test_a_wakeup_descriptor_of_the_programs_own_hears_what_came_during_a_run() -> None:
    """What was installed before the run gets the numbers, as if there had been none."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.set_wakeup_fd(writing)

    def main() -> Green[None]:
        yield from genlet.sleep(0.001)
        signal.raise_signal(signal.SIGUSR1)
        yield from genlet.sleep(0.001)

    try:
        genlet.run(main)
        assert signal.set_wakeup_fd(-1) == writing
        assert os.read(reading, 100) == bytes([signal.SIGUSR1])
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGUSR1, before)
        os.close(reading)
        os.close(writing)


def test_more_signals_than_a_pipe_holds_lose_none_that_is_received() -> None:
    """The pipe only rings: what came is noted elsewhere, however full it is."""
    # As in cpython #74224 and curio #118.

    def main() -> Green[List[int]]:
        with green_signal.receive(signal.SIGUSR1, signal.SIGUSR2) as signals:
            yield from genlet.sleep(0.001)
            for _ in range(100_000):
                signal.raise_signal(signal.SIGUSR1)
            signal.raise_signal(signal.SIGUSR2)
            with genlet.fail_after(5):
                first = yield from signals.next()
                second = yield from signals.next()
            return [int(first), int(second)]

    assert genlet.run(main) == [int(signal.SIGUSR1), int(signal.SIGUSR2)]


def test_ctrl_c_after_more_signals_than_a_pipe_holds_is_raised() -> None:
    """It comes although it finds no room in the pipe."""

    def main() -> Green[None]:
        yield from genlet.sleep(0.001)
        for _ in range(100_000):
            signal.raise_signal(signal.SIGUSR1)
        press()
        yield from genlet.sleep(5)

    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    started = monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            genlet.run(main)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert monotonic() - started < SOON + 1
