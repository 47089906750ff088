"""Channel: two ends that know of each other."""

from __future__ import annotations

from math import inf
from typing import Any, List

import pytest

import genlet
from genlet import END
from genlet.abc import Green
from genlet.channel import Channel, ChannelStatistics, Receiver, Sender
from genlet.errors import ClosedResource, WouldBlock, WrongThread

from .kernel import outcome, settle
from .kernel.sweep import Aim, sweep
from .test_event import in_a_thread, leave_a_child_behind

CAPACITIES = pytest.mark.parametrize("capacity", [0, 1, 2, inf])


@CAPACITIES
def test_channel_passes_items_in_order_until_the_sender_is_closed(capacity: float) -> None:
    """Then `END`, again and again, and EOFError from receive."""

    def main() -> Green[None]:
        tx, rx = Channel[int](capacity)

        def sends() -> Green[None]:
            with tx:
                for number in range(5):
                    yield from tx.send(number)

        sender = genlet.spawn(sends)
        got: List[int] = []
        while (item := (yield from rx.next())) is not END:
            got.append(item)
        assert got == list(range(5))
        yield from sender.wait()
        assert (yield from rx.next()) is END
        assert rx.next_nowait() is END
        with pytest.raises(EOFError, match=r"^all senders are closed$"):
            yield from rx.receive()
        with pytest.raises(EOFError, match=r"^all senders are closed$"):
            rx.receive_nowait()

    genlet.run(main)


@pytest.mark.parametrize("capacity", [-1, 0.5, float("nan")])
def test_channel_refuses_what_is_no_capacity(capacity: float) -> None:
    """A whole number from 0 up, or infinity."""
    with pytest.raises(ValueError, match=r"^the capacity of a Channel is a whole number"):
        Channel(capacity)


def test_channel_nowait_calls_say_when_they_would_wait() -> None:
    """A parked partner counts as room, and as an item."""

    def main() -> Green[None]:
        tx, rx = Channel[int](0)
        with pytest.raises(WouldBlock):
            tx.send_nowait(1)
        with pytest.raises(WouldBlock):
            rx.next_nowait()
        receiver = genlet.spawn(rx.receive)
        yield from settle()
        tx.send_nowait(1)
        assert (yield from receiver.wait()) == 1
        sender = genlet.spawn(tx.send, 2)
        yield from settle()
        assert rx.next_nowait() == 2
        assert (yield from outcome(sender)) is None

    genlet.run(main)


def test_channel_receivers_and_senders_are_served_in_order() -> None:
    """First come, first served, on both sides, and no one gets in between."""

    def main() -> Green[None]:
        tx, rx = Channel[int](1)
        senders = [genlet.spawn(tx.send, number) for number in range(4)]
        yield from settle()
        assert rx.statistics() == ChannelStatistics(1, 1, 1, 1, 3, 0)
        assert tx.waiters == senders[1:]
        assert rx.receive_nowait() == 0
        with pytest.raises(WouldBlock):
            tx.send_nowait(99)
        assert [rx.receive_nowait() for _ in range(3)] == [1, 2, 3]
        yield from settle()
        receivers = [genlet.spawn(rx.receive) for _ in range(3)]
        yield from settle()
        assert tx.statistics().tasks_waiting_receive == 3
        assert rx.waiters == receivers
        for number in range(3):
            tx.send_nowait(number)
            with pytest.raises(WouldBlock):
                rx.receive_nowait()
        yield from settle()
        assert [gt.result() for gt in receivers] == [0, 1, 2]

    genlet.run(main)


def test_channel_ends_only_when_every_clone_is_closed() -> None:
    """Of the senders for the receivers, and of the receivers for the senders."""

    def main() -> Green[None]:
        tx, rx = Channel[int](3)
        tx2, rx2 = tx.clone(), rx.clone()
        tx.close()
        tx.close()
        receiver = genlet.spawn(rx.next)
        yield from settle()
        assert not receiver.dead
        tx2.send_nowait(1)
        rx.close()
        assert (yield from receiver.wait()) == 1
        tx2.send_nowait(2)
        tx2.close()
        assert (yield from rx2.collect()) == [2]
        for end in (tx, rx):
            with pytest.raises(ClosedResource, match=r"closed, 0 sending, 0 receiving> cannot be"):
                end.clone()

    genlet.run(main)


def test_channel_with_all_receivers_closed_is_a_broken_pipe_to_its_senders() -> None:
    """At once, for those who wait as well; and what was buffered is thrown away."""

    def main() -> Green[None]:
        tx, rx = Channel[int](1)
        tx.send_nowait(1)
        waiting = genlet.spawn(tx.send, 2)
        yield from settle()
        rx.close()
        assert isinstance((yield from outcome(waiting)), BrokenPipeError)
        with pytest.raises(BrokenPipeError, match=r"all receivers of the channel are closed"):
            yield from tx.send(3)
        with pytest.raises(BrokenPipeError):
            tx.send_nowait(3)
        assert tx.statistics() == ChannelStatistics(0, 1, 1, 0, 0, 0)

    genlet.run(main)


def test_channel_end_closed_while_it_is_waited_on_says_so_to_those_alone() -> None:
    """Who waits on a clone goes on to wait."""

    def main() -> Green[None]:
        tx, rx = Channel[int](0)
        rx2 = rx.clone()
        first, second = genlet.spawn(rx.next), genlet.spawn(rx2.next)
        yield from settle()
        rx.close()
        assert isinstance((yield from outcome(first)), ClosedResource)
        assert not second.dead
        tx.send_nowait(1)
        assert (yield from second.wait()) == 1
        tx2 = tx.clone()
        one, two = genlet.spawn(tx.send, 2), genlet.spawn(tx2.send, 3)
        yield from settle()
        tx.close()
        assert isinstance((yield from outcome(one)), ClosedResource)
        assert (yield from rx2.receive()) == 3
        yield from two.wait()
        for call in (lambda: tx.send_nowait(1), rx.receive_nowait, rx.next_nowait):
            with pytest.raises(ClosedResource, match=r"any more"):
                call()
        with pytest.raises(ClosedResource):
            yield from tx.send(1)
        with pytest.raises(ClosedResource):
            yield from rx.next()

    genlet.run(main)


def test_channel_last_sender_closed_ends_those_who_wait_to_receive() -> None:
    """END for next, EOFError for receive."""

    def main() -> Green[None]:
        tx, rx = Channel[int](0)
        first, second = genlet.spawn(rx.next), genlet.spawn(rx.receive)
        yield from settle()
        with tx, rx:
            tx.close()
            assert (yield from first.wait()) is END
            assert isinstance((yield from outcome(second)), EOFError)

    genlet.run(main)


def test_channel_use_from_another_thread_is_refused_and_loses_nothing() -> None:
    """While somebody waits the channel belongs to that kernel."""

    def main() -> Green[None]:
        tx, rx = Channel[int](0)
        receiver = genlet.spawn(rx.receive)
        yield from settle()
        for call in (
            lambda: tx.send_nowait(9),
            tx.close,
            rx.close,
            lambda: genlet.run(rx.receive),
            lambda: genlet.run(tx.send, 9),
        ):
            assert isinstance(in_a_thread(call), WrongThread)
        yield from tx.send(1)
        assert (yield from receiver.wait()) == 1
        sender = genlet.spawn(tx.send, 2)
        yield from settle()
        for call in (rx.receive_nowait, tx.close, lambda: genlet.run(tx.send, 9)):
            assert isinstance(in_a_thread(call), WrongThread)
        assert (yield from rx.receive()) == 2
        yield from sender.wait()
        assert tx.statistics().open_send_channels == rx.statistics().open_receive_channels == 1

    genlet.run(main)


def test_channel_serves_those_who_were_held_back() -> None:
    """Items, room and closings that come before a wait is armed are not missed."""

    def main() -> Green[None]:
        tx, rx = Channel[int](1)

        def receives(rx: Receiver[int]) -> Green[Any]:
            yield from leave_a_child_behind()
            return (yield from rx.next())

        def sends(tx: Sender[int]) -> Green[None]:
            yield from leave_a_child_behind()
            yield from tx.send(2)

        receiver = genlet.spawn(receives, rx)
        yield from settle()
        tx.send_nowait(1)
        assert (yield from receiver.wait()) == 1
        tx.send_nowait(1)
        sender, broken = genlet.spawn(sends, tx), genlet.spawn(sends, tx)
        yield from settle()
        assert rx.receive_nowait() == 1
        assert (yield from rx.receive()) == 2
        yield from sender.wait()
        rx.close()
        assert isinstance((yield from outcome(broken)), (BrokenPipeError, type(None)))
        tx, rx = Channel[int](1)
        receiver = genlet.spawn(receives, rx)
        yield from settle()
        tx.close()
        assert (yield from receiver.wait()) is END

    genlet.run(main)


@CAPACITIES
@pytest.mark.parametrize("role", ["sender", "receiver"])
def test_channel_loses_and_doubles_no_item_wherever_an_end_is_interrupted(
    capacity: float, role: str
) -> None:
    """What was sent is received or buffered, once."""

    def scenario(aim: Aim) -> Green[None]:
        tx, rx = Channel[int](capacity)
        sent: List[int] = []
        got: List[int] = []

        def sends(first: int) -> Green[None]:
            for item in (first, first + 1):
                yield from tx.send(item)
                sent.append(item)
                yield from genlet.sleep(0)

        def receives() -> Green[None]:
            for _ in range(2):
                got.append((yield from rx.receive()))
                yield from genlet.sleep(0)

        senders = [genlet.spawn(sends, 10), genlet.spawn(sends, 20)]
        receivers = [genlet.spawn(receives), genlet.spawn(receives)]
        aim((senders if role == "sender" else receivers)[0])
        yield from settle()
        state = rx.statistics()
        assert not (state.tasks_waiting_receive and state.tasks_waiting_send)
        for gt in senders + receivers:
            if not gt.dead:
                yield from gt.kill()
        left: List[int] = []
        while rx.statistics().current_buffer_used:
            left.append(rx.receive_nowait())
        assert sorted(sent) == sorted(got + left)
        assert rx.statistics()[4:] == (0, 0)

    assert sweep(scenario) >= 6


def test_channel_repr_tells_the_state() -> None:
    """What is on the outside is what a person debugging wants to know."""
    tx, rx = Channel[int](2)
    tx.send_nowait(1)
    assert repr(tx).startswith("<Sender at 0x")
    assert repr(rx).endswith(": 1 of 2 buffered, 0 sending, 0 receiving>")
