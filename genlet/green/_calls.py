"""The operations of a green socket that are one system call each."""

# Each has the same form: try the call, and if it would block, wait for the socket and try again.
# Receiving and sending on streams, the hot paths, have it written out in `genlet.green._socket`.

from __future__ import annotations

import socket as real
import sys
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterable,
    List,
    Optional,
    Tuple,
    TypeVar,
)

from ..abc import Green, green
from ..kernel import NOBODY, Direction
from . import dns
from ._addresses import Address
from ._endpoint import Endpoint
from ._octets import size_of
from ._waiting import BURST, FIRST_PAUSE, back_off, deadline_of, wait_for

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self

__all__ = ["DONTWAIT", "Ancillary", "Calls"]

T = TypeVar("T")

Ancillary = Tuple[int, int, bytes]
"""Level, type, data."""

# This flag makes a call that would block fail, even if the socket has no timeout.
# A plain number: "&" with the enumeration's own is a call of Python.
DONTWAIT: int = int(getattr(real, "MSG_DONTWAIT", 0))
AF_UNIX: Optional[int] = getattr(real, "AF_UNIX", None)


class Calls(Endpoint):
    """A socket with the operations that are one system call."""

    __slots__ = ()

    @green
    def _when(
        self, side: Direction, flags: int, call: Callable[..., T], args: Tuple[Any, ...]
    ) -> Green[T]:
        """Return ``call(*args)`` as soon as it does not block.

        The call is tried first whatever is known of *side*: it may be invalid, or need no waiting.
        """
        if side.gt is not NOBODY:
            side.claim()
        timeout = self._timeout
        if timeout == 0:
            return call(*args)
        deadline: Optional[float] = None
        while True:
            if self._credit <= 0:
                self._credit = BURST
                yield from side.let_others_run()
            try:
                result = call(*args)
            except BlockingIOError:
                if flags & DONTWAIT and timeout is None:
                    raise
                side.ready = False
            else:
                self._credit -= 1
                return result
            deadline = yield from wait_for(side, timeout, deadline)
            self._credit = BURST

    @green
    def accept(self) -> Green[Tuple[Self, Address]]:
        """Accept a connection: return a new socket and the peer's address.

        Source:
            ``socket.accept``.
        """
        sock, address = yield from self._when(self._reader, 0, self._sock.accept, ())
        return self._child(sock), address

    # ---- receiving ----

    @green
    def recvfrom_into(
        self, buffer: Buffer, nbytes: int = 0, flags: int = 0
    ) -> Green[Tuple[int, Address]]:
        """Receive a datagram into *buffer*, and return its length with its sender's address.

        Source:
            ``socket.recvfrom_into``.
        """
        return self._when(self._reader, flags, self._sock.recvfrom_into, (buffer, nbytes, flags))

    if sys.platform != "win32":

        @green
        def recvmsg(
            self, bufsize: int, ancbufsize: int = 0, flags: int = 0
        ) -> Green[Tuple[bytes, List[Ancillary], int, Address]]:
            """Receive data and ancillary data: ``(data, ancdata, msg_flags, address)``.

            Source:
                ``socket.recvmsg``.
            """
            return self._when(
                self._reader, flags, self._sock.recvmsg, (bufsize, ancbufsize, flags)
            )

        @green
        def recvmsg_into(
            self, buffers: Iterable[Buffer], ancbufsize: int = 0, flags: int = 0
        ) -> Green[Tuple[int, List[Ancillary], int, Address]]:
            """Receive into *buffers*, one after the other, and receive ancillary data.

            Source:
                ``socket.recvmsg_into``.
            """
            buffers = list(buffers)  # the call may be tried more than once
            return self._when(
                self._reader, flags, self._sock.recvmsg_into, (buffers, ancbufsize, flags)
            )

    # ---- sending ----

    @green
    def send(self, data: Buffer, flags: int = 0) -> Green[int]:
        """Send some of *data*, and return how many bytes were sent.

        Source:
            ``socket.send``.
        """
        return self._when(self._writer, flags, self._send, (data, flags))

    @green
    def _send_datagram(self, data: Buffer, args: Tuple[Any, ...]) -> Green[int]:
        """Send *data*; *args* are the flags, if any, and the address."""
        deadline = None
        address: Address = args[-1]
        if dns.needs_lookup(address):
            size_of(data)  # refuses what is no data, before the look-up
            deadline = deadline_of(self._timeout)
            address = yield from dns.numeric_address(address, self._sock.family, deadline)
            args = (*args[:-1], address)
        elif is_constant(address):
            self._numeric = address
        flags = args[0] if len(args) == 2 else 0
        message = (data, *args)
        return (yield from self._when_there_is_room(flags, self._sock.sendto, message, deadline))

    @green
    def _when_there_is_room(
        self,
        flags: int,
        call: Callable[..., int],
        args: Tuple[Any, ...],
        deadline: Optional[float],
    ) -> Green[int]:
        """Send a message as soon as there is room for it: `_when` for calls with an address.

        Of a socket that sends to many, the system reports that it has room itself, and not that the
        receiver has.  So after a report that proved wrong, the tries have pauses in between.  On Unix
        sockets each try is followed by such a report.
        """
        writer = self._writer
        if writer.gt is not NOBODY:
            writer.claim()
        timeout = self._timeout
        if timeout == 0:
            return call(*args)
        pause = FIRST_PAUSE
        reported = self._sock.family == AF_UNIX
        while True:
            if self._credit <= 0:
                self._credit = BURST
                yield from writer.let_others_run()
            try:
                sent = call(*args)
            except BlockingIOError:
                if flags & DONTWAIT and timeout is None:
                    raise
                writer.ready = False
            else:
                self._credit -= 1
                return sent
            self._credit = BURST
            if reported:
                pause, deadline = yield from back_off(writer, pause, timeout, deadline)
            else:
                deadline = yield from wait_for(writer, timeout, deadline)
                reported = True

    if sys.platform != "win32":

        @green
        def sendmsg(
            self,
            buffers: Iterable[Buffer],
            ancdata: Iterable[Tuple[int, int, Buffer]] = (),
            flags: int = 0,
            address: Address = None,
        ) -> Green[int]:
            """Send *buffers* as one message, together with *ancdata*.

            Returns:
                How many bytes of *buffers* were sent.

            Source:
                ``socket.sendmsg``.
            """
            deadline = None
            if address is not None and address != self._numeric and dns.needs_lookup(address):
                deadline = deadline_of(self._timeout)
                address = yield from dns.numeric_address(address, self._sock.family, deadline)
            # Lists, because the call may be tried more than once.
            message = (list(buffers), list(ancdata), flags, address)
            call = self._sock.sendmsg
            if address is None:
                return (yield from self._when(self._writer, flags, call, message))
            return (yield from self._when_there_is_room(flags, call, message, deadline))

    if sys.platform == "linux" and hasattr(real.socket, "sendmsg_afalg"):

        @green
        def sendmsg_afalg(self, *args: Any, **kwargs: Any) -> Green[int]:
            """Source: ``socket.sendmsg_afalg``."""
            call = partial(self._sock.sendmsg_afalg, *args, **kwargs)
            return self._when(self._writer, 0, call, ())


def is_constant(address: Address) -> bool:
    """Whether *address* stays equal to what it is now."""
    if address.__class__ is tuple:
        return all(part.__class__ in (str, bytes, int) for part in address)
    return address.__class__ in (str, bytes)
