"""The edges of a guest: what strikes there is raised, and the guest goes on or leaves nothing behind."""

from __future__ import annotations

import io
import select
from contextlib import redirect_stderr
from time import monotonic, sleep
from typing import Any, Callable, Dict, List, Optional, TypeVar

import pytest

import genlet
from genlet.abc import Green
from genlet.kernel import Guest, available_hubs
from tests.laws.strikes import Strike, codes_of, everywhere

from .edges import MAINS, busy, leftover, noop, nothing_left, open_files, press
from .test_edges_of_a_run import HUBS, Handled, OutOfMemory, fail

T = TypeVar("T")

# The functions that take a guest up and down, and those that begin and end a turn.
EDGES = (
    "turn _enter _leave _finish _take_down _outcome __init__ _put _put_left _want_turn stop close spawn"
    " _change attach detach add begin finish poller choose open clear close_leftovers give_up turns"
    " run_calls surface"
)


class Host:
    """A host that makes each call of its guest again that has failed, as long as the guest lives."""

    def __init__(self, **settings: Any) -> None:
        self.raised: List[BaseException] = []
        self.asked: int = 0
        self.guest: Optional[Guest] = None
        try:
            self.guest = Guest(self.ask, **settings)
        except BaseException as exc:
            self.raised.append(exc)

    def ask(self) -> None:
        self.asked += 1

    def call(self, fn: Callable[..., T], *args: Any) -> Optional[T]:
        while self.guest is not None and not self.guest.ended:
            try:
                return fn(*args)
            except BaseException as exc:
                self.raised.append(exc)
                assert len(self.raised) < 5, "it fails again and again"
        return None

    def wait(self, guest: Guest, timeout: Optional[float]) -> None:
        fd = self.call(guest.fileno)
        if fd is not None:
            select.select([fd], [], [], 1 if timeout is None else timeout)
        elif timeout is None:
            sleep(0.001)
        else:
            sleep(min(timeout, 0.01))

    def run(self, main: Callable[[], Green[str]]) -> Optional[str]:
        """Run *main* in the guest to its end, and stop the guest."""
        guest = self.guest
        if guest is None:
            return None
        began = monotonic()
        gt = self.call(guest.spawn, main)
        while not guest.ended:
            assert monotonic() - began < 5, "the guest hangs"
            timeout = self.call(guest.turn)
            if gt is not None and self.call(getattr, gt, "dead"):
                self.call(guest.stop)
            elif timeout != 0 and not guest.ended:
                self.wait(guest, timeout)
        if gt is None:
            return None
        try:
            result: str = gt.result()
            return result
        except BaseException as exc:
            self.raised.append(exc)
            return None


def play(
    main: Callable[[], Green[str]], strike: Strike, expected: type, settings: Dict[str, Any]
) -> None:
    """Host *main* once under *strike*: the error comes out, or main has caught it."""
    before = open_files()
    told = io.StringIO()
    with strike, redirect_stderr(told):
        host = Host(**settings)
        result = host.run(main)
    nothing_left(before)
    if not strike.struck:
        assert result == "done" or main.__name__ == "fails", f"{result!r}, {host.raised!r}"
        return
    assert seen(expected, host.raised, told.getvalue()) or result == "caught", (
        f"{expected.__name__} was lost: {result!r}, {host.raised!r}"
    )
    assert genlet.run(noop) == "done"


def seen(expected: type, raised: List[BaseException], told: str) -> bool:
    for exc in raised:
        one: Optional[BaseException] = exc
        while one is not None:
            if isinstance(one, expected):
                return True
            one = one.__context__
    return expected.__name__ in told


@pytest.mark.parametrize("main", MAINS)
@pytest.mark.parametrize("hub", HUBS)
def test_ctrl_c_at_any_line_of_a_guest_is_raised_and_leaves_nothing_behind(
    main: str, hub: str
) -> None:
    """It comes out of the call of the host that it struck, or out of the next turn."""
    Host().run(busy)  # everything is loaded
    places = everywhere(
        lambda at: play(MAINS[main], at, KeyboardInterrupt, {"hub": hub}),
        lambda number: Strike(press, number, most=4),
    )
    assert places > 50


@pytest.mark.slow
def test_ctrl_c_at_any_instruction_of_a_guests_edges_is_raised_and_leaves_nothing_behind() -> None:
    """The same between the instructions of the functions that take a guest up and down."""
    Host().run(busy)
    # Without `__init__`: it has returned once its last instruction raises something, and no interpreter
    # looks for signals there.
    codes = codes_of(*(name for name in EDGES.split() if name != "__init__"))
    places = everywhere(
        lambda at: play(busy, at, KeyboardInterrupt, {}),
        lambda number: Strike(press, number, codes, instructions=True, most=2),
    )
    assert places > 100


@pytest.mark.parametrize("main", MAINS)
def test_an_error_at_any_line_of_a_guests_edges_is_raised_and_leaves_nothing_behind(
    main: str,
) -> None:
    """Out of memory while a guest or a turn is taken up or down: the guest goes on, or is closed."""
    Host().run(busy)
    codes = codes_of(*EDGES.split())
    places = everywhere(
        lambda at: play(MAINS[main], at, OutOfMemory, {}),
        lambda number: Strike(fail, number, codes, most=4),
    )
    assert places > 50


def test_a_handlers_exception_at_any_line_of_a_guest_is_raised_and_leaves_nothing_behind() -> None:
    """What a program's own signal handler raises reaches the host."""
    Host().run(busy)

    def handle() -> None:
        raise Handled

    places = everywhere(
        lambda at: play(busy, at, Handled, {}),
        lambda number: Strike(handle, number, most=2),
    )
    assert places > 50


@pytest.mark.parametrize("hub", available_hubs())
def test_a_close_that_fails_anywhere_is_raised_and_a_second_one_leaves_nothing(hub: str) -> None:
    """Closing by force does what is left to do, and Ctrl-C meanwhile is not swallowed."""
    Host().run(busy)

    def closed(strike: Strike) -> None:
        before = open_files()
        host = Host(hub=hub)
        guest = host.guest
        assert guest is not None
        guest.spawn(leftover)
        guest.turn()
        told = io.StringIO()
        with strike, redirect_stderr(told):
            try:
                guest.close()
            except BaseException as exc:
                host.raised.append(exc)
                guest.close()
        nothing_left(before)
        assert guest.ended
        assert seen(KeyboardInterrupt, host.raised, "") or not strike.struck

    assert everywhere(closed, lambda number: Strike(press, number, most=4)) > 20


def test_a_host_that_refuses_to_be_asked_is_asked_again() -> None:
    """What the host raises comes out of the call that made a greenthread ready; the next one asks."""
    refusing = [False]
    asked: List[int] = []

    def ask() -> None:
        if refusing[0]:
            raise OSError(5, "as expected")
        asked.append(1)

    guest = Guest(ask)
    queue: genlet.Queue[int] = genlet.Queue()

    def child() -> Green[None]:
        while True:
            yield from queue.get()

    guest.spawn(child)
    guest.spawn(child)
    guest.turn()
    asked.clear()
    refusing[0] = True
    with pytest.raises(OSError, match="as expected"):
        queue.put_nowait(1)
    refusing[0] = False
    queue.put_nowait(2)
    assert asked == [1]
    guest.stop()
    while not guest.ended:
        guest.turn()
