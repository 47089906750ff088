"""eventlet's names for green sockets."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .green.socket import SHUT_RDWR, socket

if TYPE_CHECKING:
    from typing import Union

    from .green.ssl import SSLSocket

__all__ = ["GreenSocket", "shutdown_safe"]

GreenSocket = socket
"""The class of green sockets; ``GreenSocket(sock)`` takes over a socket of the standard library."""


def shutdown_safe(sock: Union[socket, SSLSocket]) -> None:
    """Shut *sock* down in both directions; a socket that is not connected any more is left alone.

    Source:
        eventlet ``greenio.shutdown_safe``.
    """
    try:
        sock.shutdown(SHUT_RDWR)
    except OSError as exc:
        if exc.errno not in (errno.EBADF, errno.ENOTCONN):
            raise
