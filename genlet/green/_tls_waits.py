"""How greenthreads wait on one TLS connection: for input, for room to send, and for each other."""

# One greenthread may receive while another sends, and each may need the other direction: a sender
# needs input while the peer renegotiates, and a receiver has records of the handshake to send.  So:
#
# - At most one greenthread waits for the socket to be readable, and at most one for it to be
#   writable.  Its wait is in ``Direction.gt``, or ``_either`` says that one waits for both.  All
#   others stand by in ``_line``.  The line is woken when such a wait ends, however it ends, and each
#   of them looks again.
# - A greenthread that waits for input while something is to be sent also waits for room to send,
#   unless another one does.  When a sender is interrupted, what it has left is the receiver's to
#   send; therefore the receiver is woken.

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ..abc import Green, green
from ..errors import ClosedResource
from ..kernel import (
    NOBODY,
    POLLIN,
    Descriptor,
    Direction,
    Wait,
    Waiters,
    checkpoint,
)
from ._waiting import BURST, timed_out

if TYPE_CHECKING:
    import socket as real

    from ._endpoint import Endpoint

__all__ = ["TLSWaits"]


class TLSWaits:
    """The part of an engine that waits.

    Args:
        sock: The socket whose descriptor is used.  No reference to it is kept.
    """

    __slots__ = (
        "__weakref__",
        "_credit",
        "_descriptor",
        "_either",
        "_line",
        "_reader",
        "_sock",
        "_writer",
    )

    def __init__(self, sock: Endpoint) -> None:
        self._sock: real.socket = sock._sock
        self._descriptor: Descriptor = sock._descriptor
        self._reader: Direction = sock._reader
        self._writer: Direction = sock._writer
        self._credit: int = BURST  # steps left until the next checkpoint
        self._either: bool = False  # a greenthread waits for input or room, whichever comes first
        self._line: Waiters[None] = Waiters()

    @green
    def _wait_for_input(self, left: Optional[float], room: bool = False) -> Green[None]:
        """Wait until something can be read, or another greenthread has waited.

        Args:
            left: Seconds; None waits forever.
            room: Wait for room to send too, unless another greenthread does.
        """
        self._credit = BURST
        reader = self._reader
        if reader.gt is not NOBODY or self._either:
            yield from self._stand_by(left)
            return
        try:
            if not room or self._writer.gt is not NOBODY:
                yield from reader.wait(left, timed_out())
            else:
                self._either = True
                try:
                    yield from self._descriptor.wait_either(left, timed_out())
                finally:
                    self._either = False
        finally:
            self._line.wake_all(None)

    @green
    def _wait_for_room(self, left: Optional[float]) -> Green[None]:
        """Wait until something can be sent, or another greenthread has waited."""
        self._credit = BURST
        writer = self._writer
        if writer.gt is not NOBODY or self._either:
            yield from self._stand_by(left)
            return
        try:
            yield from writer.wait(left, timed_out())
        except BaseException:
            self._alarm_receiver()
            raise
        finally:
            self._line.wake_all(None)

    @green
    def _stand_by(self, left: Optional[float]) -> Green[None]:
        """Wait until the greenthread that waits on the socket has done so."""
        wait: Wait[None] = Wait(self, "what another greenthread does here", self._line, left)
        yield from wait.get()
        if wait.expired:
            raise timed_out()
        if self._descriptor.closed:
            raise ClosedResource(f"{self!r} was closed while this greenthread waited for it")

    @green
    def _let_others_run(self, side: Direction) -> Green[None]:
        """Let ready greenthreads run, and keep *side*, so that closing it is noticed here."""
        self._credit = BURST
        if side.gt is not NOBODY:
            yield from checkpoint()  # another one waits on it: this one needs the other direction
            return
        try:
            yield from side.let_others_run()
        finally:
            self._line.wake_all(None)  # it was kept from those that stand by

    def _alarm_receiver(self) -> None:
        """Wake the greenthread that waits for input, which then sends what is left.

        It waits for the reading side, or by number for both sides.  The event that the poller
        reports when input has come wakes both kinds of waits; here it is a false alarm.
        """
        self._descriptor.event(POLLIN)
