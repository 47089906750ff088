"""Every real poller, held to the contract of `genlet.abc.Poller`, and how a run gets its poller."""

from __future__ import annotations

import os
import re
import resource
import select
import socket as real
from contextlib import contextmanager
from time import monotonic
from typing import Generator, Iterator, List, Optional, Tuple

import pytest

import genlet
from genlet._compat import EDGE, ONESHOT, POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT
from genlet.abc import Green, Poller
from genlet.kernel import NullInstrument, Runner, available_hubs, get_scheduler
from genlet.kernel.pollers import choose

HUBS = available_hubs()
hubs = pytest.mark.parametrize("hub", HUBS)


def exactly(text: str) -> str:
    return f"^{re.escape(text)}$"


@contextmanager
def opened(hub: str) -> Generator[Poller, None, None]:
    poller = choose(hub)
    try:
        yield poller
    finally:
        poller.close()
        poller.close()  # a second time is nothing


@contextmanager
def pair() -> Generator[Tuple[real.socket, real.socket], None, None]:
    one, other = real.socketpair()
    with one, other:
        one.setblocking(False)
        yield one, other


# ---- the contract ---------------------------------------------------------------------------------


@hubs
def test_poller_reports_the_sides_that_were_asked_for(hub: str) -> None:
    """A descriptor is reported with what is ready of its mask, and with nothing else."""
    with opened(hub) as poller, pair() as (one, other):
        fd = one.fileno()
        poller.register(fd, POLLIN)
        assert poller.wait(0) == []
        other.send(b"x")
        assert poller.wait(None) == [(fd, POLLIN)]
        poller.modify(fd, POLLIN | POLLOUT)
        assert poller.wait(10) == [(fd, POLLIN | POLLOUT)]
        poller.modify(fd, POLLOUT)
        assert poller.wait(10) == [(fd, POLLOUT)]
        poller.unregister(fd)
        assert poller.wait(0) == []


@hubs
def test_poller_reports_everything_that_is_ready(hub: str) -> None:
    """One wait gives every descriptor that is ready, each once."""
    with opened(hub) as poller, pair() as (one, other), pair() as (two, third):
        for sock in (one, other, two, third):
            poller.register(sock.fileno(), POLLOUT)
        found = poller.wait(10)
        assert sorted(found) == sorted((s.fileno(), POLLOUT) for s in (one, other, two, third))


@hubs
def test_modifying_what_is_not_registered_raises_file_not_found(hub: str) -> None:
    """The hub learns in this way that a number means another file now."""
    with opened(hub) as poller, pair() as (one, _):
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                poller.modify(one.fileno(), POLLIN)
            poller.register(one.fileno(), POLLIN)
            poller.unregister(one.fileno())


@hubs
def test_unregistering_what_is_unknown_or_closed_is_nothing(hub: str) -> None:
    """Whoever tidies up need not know what has happened to the number."""
    with opened(hub) as poller, pair() as (one, _):
        poller.unregister(one.fileno())
        number = os.dup(one.fileno())
        poller.register(number, POLLIN)
        os.close(number)
        poller.unregister(number)
        poller.unregister(number)
        assert poller.wait(0) == []


@hubs
def test_a_poller_without_anything_waits_out_its_time(hub: str) -> None:
    """With nothing registered a wait takes its time, and 0 takes none."""
    with opened(hub) as poller:
        assert poller.wait(0) == []
        before = monotonic()
        assert poller.wait(0.01) == []
        assert monotonic() - before >= 0.01


@hubs
def test_a_wait_with_a_fraction_of_a_millisecond_takes_at_least_that(hub: str) -> None:
    """Timeouts are rounded up: rounded down, the loop would spin until the timer is due."""
    with opened(hub) as poller, pair() as (one, _):
        poller.register(one.fileno(), POLLIN)
        for timeout in (0.0001, 0.0004, 0.0009, 0.0011):
            before = monotonic()
            assert poller.wait(timeout) == []
            assert monotonic() - before >= timeout


@hubs
def test_a_hang_up_is_reported_to_who_asked_for_reading(hub: str) -> None:
    """The peer's end makes a descriptor readable, whatever else is said of it."""
    with opened(hub) as poller, pair() as (one, other):
        poller.register(one.fileno(), POLLIN)
        other.close()
        ((fd, mask),) = poller.wait(10)
        assert fd == one.fileno()
        assert mask & (POLLIN | POLLHUP | POLLERR)


@hubs
def test_an_edge_poller_reports_a_change_once(hub: str) -> None:
    """With EDGE each change is one event; with ONESHOT it is one until ``modify``."""
    with opened(hub) as poller, pair() as (one, other):
        if not poller.edge:
            pytest.skip(f"{hub} is level-triggered")
        fd = one.fileno()
        poller.register(fd, POLLIN | EDGE)
        for _ in range(2):
            other.send(b"x")
            assert poller.wait(10) == [(fd, POLLIN)]
            assert poller.wait(0) == []
        poller.modify(fd, POLLIN | ONESHOT)
        assert poller.wait(10) == [(fd, POLLIN)]
        other.send(b"x")
        assert poller.wait(0) == []
        poller.modify(fd, POLLIN | ONESHOT)
        assert poller.wait(10) == [(fd, POLLIN)]


@hubs
def test_a_level_poller_reports_as_long_as_it_is_so(hub: str) -> None:
    """Without edges, what is ready is said every time."""
    with opened(hub) as poller, pair() as (one, other):
        if poller.edge:
            pytest.skip(f"{hub} is edge-triggered")
        poller.register(one.fileno(), POLLIN)
        other.send(b"x")
        for _ in range(3):
            assert poller.wait(10) == [(one.fileno(), POLLIN)]
        one.recv(1)
        assert poller.wait(0) == []


@hubs
def test_a_number_without_a_file_is_refused_or_reported(hub: str) -> None:
    """A closed number is an error of ``register``, or comes back as POLLNVAL; it never hangs."""
    with opened(hub) as poller, pair() as (one, _):
        poller.register(one.fileno(), POLLIN)  # opens what the poller itself needs
        number = os.dup(one.fileno())
        os.close(number)
        try:
            poller.register(number, POLLIN)
        except OSError:
            assert poller.edge
            assert poller.wait(0) == []
        else:
            assert poller.wait(10) == [(number, POLLNVAL)]


@hubs
def test_a_poller_makes_real_sockets(hub: str) -> None:
    """The factory of a real poller gives the system's own sockets."""
    with opened(hub) as poller, poller.socket(real.AF_INET, real.SOCK_DGRAM, 0, None) as sock:
        assert type(sock) is real.socket
        assert sock.type == real.SOCK_DGRAM
        with poller.socket(-1, -1, -1, os.dup(sock.fileno())) as twin:
            assert twin.family == real.AF_INET


@hubs
def test_a_poller_that_is_not_used_opens_nothing(hub: str) -> None:
    """Making a poller and asking it once costs no descriptor."""
    with pair() as (one, _):
        free = os.dup(one.fileno())
        os.close(free)
        with opened(hub) as poller:
            poller.wait(0)
            number = os.dup(one.fileno())
            os.close(number)
            assert number == free


@pytest.mark.skipif("select" not in HUBS, reason="no select here")
def test_select_refuses_a_descriptor_it_cannot_hold() -> None:
    """An fd_set has 1024 places: the error says so, and what to use."""
    text = (
        "select takes descriptors below 1024, and this is number 1024: use another hub (poll,"
        " epoll, kqueue)"
    )
    with opened("select") as poller:
        with pytest.raises(ValueError, match=exactly(text)):
            poller.register(1024, POLLIN)
        assert poller.wait(0) == []


@pytest.mark.skipif("select" not in HUBS, reason="no select here")
def test_trampoline_on_a_descriptor_select_cannot_hold_leaves_nothing() -> None:
    """The greenthread gets the error at its line, and the run goes on."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= 1100:
        pytest.skip("this process may not have so many descriptors")

    def main() -> Green[None]:
        with pair() as (one, other):
            os.dup2(one.fileno(), 1099)
            try:
                for _ in range(2):
                    with pytest.raises(ValueError, match=r"this is number 1099"):
                        yield from genlet.trampoline(1099, read=True)
                assert 1099 not in get_scheduler().hub.table
                other.send(b"x")
                yield from genlet.trampoline(one, read=True, timeout=10)
            finally:
                os.close(1099)

    Runner(hub="select").run(main)


class Waits(NullInstrument):
    """Remembers what the loop asked its poller for."""

    def __init__(self) -> None:
        self.timeouts: List[Optional[float]] = []

    def before_wait(self, timeout: Optional[float]) -> None:
        self.timeouts.append(timeout)


@hubs
def test_a_sleep_of_half_a_millisecond_does_not_spin(hub: str) -> None:
    """A timer due in a fraction of a millisecond is waited for once, not polled for."""
    waits = Waits()

    def main() -> Green[None]:
        yield from genlet.sleep(0.001)
        before = len(waits.timeouts)
        for _ in range(10):
            yield from genlet.sleep(0.0005)
        assert len(waits.timeouts) - before <= 20

    Runner(hub=hub, instruments=[waits]).run(main)


@pytest.mark.skipif(not hasattr(select, "kqueue"), reason="no kqueue here")
def test_kqueue_reports_both_filters_of_a_descriptor_as_one_mask() -> None:
    """Reading and writing are two events of kqueue and one of ours."""
    with opened("kqueue") as poller, pair() as (one, other):
        poller.register(one.fileno(), POLLIN | POLLOUT)
        other.send(b"x")
        assert poller.wait(10) == [(one.fileno(), POLLIN | POLLOUT)]


# ---- which poller a run gets ----------------------------------------------------------------------


def hub_of_this_run() -> Green[str]:
    yield from genlet.sleep(0)
    name: str = type(get_scheduler().hub.poller).__name__
    return name.replace("Poller", "").lower()


@pytest.fixture
def no_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody has chosen a hub."""
    monkeypatch.delenv("GENLET_HUB", raising=False)
    genlet.use_hub(None)
    yield
    genlet.use_hub(None)


def test_available_hubs_are_in_the_order_of_preference() -> None:
    """The platform's best comes first, and using one changes nothing of that."""
    expected = [name for name in ("epoll", "kqueue", "poll", "select") if hasattr(select, name)]
    assert available_hubs() == expected
    for hub in HUBS:
        Runner(hub=hub).run(hub_of_this_run)
    assert available_hubs() == expected, "using one has changed what there is"


@pytest.mark.usefixtures("no_choice")
def test_a_run_without_a_choice_gets_the_platforms_best() -> None:
    """Nobody has to choose."""
    assert genlet.run(hub_of_this_run) == HUBS[0]


@pytest.mark.usefixtures("no_choice")
@hubs
def test_the_environment_chooses_for_the_platform(
    hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GENLET_HUB chooses when nobody else does; empty, it says nothing."""
    monkeypatch.setenv("GENLET_HUB", hub)
    assert genlet.run(hub_of_this_run) == hub
    monkeypatch.setenv("GENLET_HUB", "")
    assert genlet.run(hub_of_this_run) == HUBS[0]


@pytest.mark.usefixtures("no_choice")
@hubs
def test_use_hub_beats_the_environment(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program chose holds until it takes the choice back."""
    monkeypatch.setenv("GENLET_HUB", HUBS[-1])
    genlet.use_hub(hub)
    assert genlet.run(hub_of_this_run) == hub
    genlet.use_hub()
    assert genlet.run(hub_of_this_run) == HUBS[-1]


@pytest.mark.usefixtures("no_choice")
@hubs
def test_the_runners_argument_beats_everything(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name or a poller handed to the Runner is the run's."""
    monkeypatch.setenv("GENLET_HUB", "nonsense")
    genlet.use_hub(HUBS[0])
    assert Runner(hub=hub).run(hub_of_this_run) == hub
    assert Runner(hub=choose(hub)).run(hub_of_this_run) == hub


@pytest.mark.usefixtures("no_choice")
def test_a_wrong_name_is_refused_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names who asked, what for, and what can be had."""
    there = f"this platform has {', '.join(HUBS)}"
    wanted = f"hub: there is no hub named 'epol'; {there}"
    with pytest.raises(ValueError, match=exactly(wanted)):
        genlet.use_hub("epol")
    with pytest.raises(ValueError, match=exactly(wanted)):
        Runner(hub="epol")
    monkeypatch.setenv("GENLET_HUB", "epol")
    with pytest.raises(ValueError, match=exactly(f"GENLET_HUB{wanted[3:]}")):
        genlet.run(hub_of_this_run)
    # The refused choices have changed nothing.
    monkeypatch.delenv("GENLET_HUB")
    assert genlet.run(hub_of_this_run) == HUBS[0]


@pytest.mark.usefixtures("no_choice")
@pytest.mark.parametrize("name", [n for n in ("epoll", "kqueue") if not hasattr(select, n)])
def test_a_hub_of_another_platform_is_refused_as_such(name: str) -> None:
    """A right name on the wrong platform is told from a wrong name."""
    text = f"hub: {name!r} is not available here; this platform has {', '.join(HUBS)}"
    with pytest.raises(ValueError, match=exactly(text)):
        genlet.use_hub(name)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_variable_set_between_two_runs_counts_for_the_second(
    replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run asks the environment, also after a program has replaced the mapping."""
    if replaced:
        monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.delitem(os.environ, "GENLET_HUB", raising=False)

    def hub() -> Green[type]:
        return type(get_scheduler().hub.poller)
        yield

    best = genlet.run(hub)
    monkeypatch.setitem(os.environ, "GENLET_HUB", "select")
    assert genlet.run(hub) is not best or available_hubs() == ["select"]
    monkeypatch.delitem(os.environ, "GENLET_HUB")
    assert genlet.run(hub) is best
