"""How a green socket connects."""

from __future__ import annotations

import errno
import os
import socket as real
from typing import Optional

from ..abc import Green, green
from . import dns
from ._addresses import Address
from ._calls import Calls
from ._waiting import FIRST_PAUSE, back_off, deadline_of, wait_for

__all__ = ["Connecting"]

IN_PROGRESS = (
    errno.EINPROGRESS,
    errno.EALREADY,
    errno.EINTR,
    getattr(errno, "WSAEWOULDBLOCK", -1),
)


class Connecting(Calls):
    """A socket that can be connected."""

    __slots__ = ()

    @green
    def connect(self, address: Address) -> Green[None]:
        """Connect to *address*.

        A host given by name is looked up first, and its first address is used.  The socket's
        timeout is for the look-up and the connection together.

        Raises:
            socket.timeout: The socket's timeout has passed.
            socket.gaierror: The name was not found.
            OSError: The connection was refused, or is not possible.

        Source:
            ``socket.connect``.  Differs: the timeout includes the look-up.
        """
        error = yield from self._connect(address)
        if error:
            raise OSError(error, os.strerror(error))

    @green
    def connect_ex(self, address: Address) -> Green[int]:
        """Connect, and return an error number, 0 for success.

        Source:
            ``socket.connect_ex``, which returns EAGAIN when the timeout has passed.
        """
        try:
            return (yield from self._connect(address))
        except real.timeout:
            return errno.EAGAIN

    @green
    def _connect(self, address: Address) -> Green[int]:
        timeout = self._timeout
        deadline = deadline_of(timeout)
        sock = self._sock
        if dns.needs_lookup(address):
            address = yield from dns.numeric_address(address, sock.family, deadline)
        error = sock.connect_ex(address)
        if error == errno.EAGAIN and timeout != 0:
            # The backlog of a Unix listener is full.  No connection is in progress, and the system
            # does not report when there is room.
            error = yield from self._connect_when_there_is_room(address, deadline)
        if timeout == 0:
            return error
        writer = self._writer
        while error in IN_PROGRESS:
            writer.ready = False
            yield from wait_for(writer, timeout, deadline)
            # The wake-up may be a false alarm.  Only another connect tells success from waiting.
            error = sock.getsockopt(real.SOL_SOCKET, real.SO_ERROR) or sock.connect_ex(address)
            if error == errno.EISCONN:
                return 0
        return error

    @green
    def _connect_when_there_is_room(
        self, address: Address, deadline: Optional[float]
    ) -> Green[int]:
        pause = FIRST_PAUSE
        error = errno.EAGAIN
        while error == errno.EAGAIN:
            pause, deadline = yield from back_off(self._writer, pause, self._timeout, deadline)
            error = self._sock.connect_ex(address)
        return error
