"""What the pollers of real descriptors have in common."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    import socket


class RealPoller:
    """Sockets are the system's."""

    def socket(self, family: int, type: int, proto: int, fileno: Optional[int]) -> socket.socket:
        """Make a real socket."""
        from socket import socket as make

        return make(family, type, proto, fileno)


def milliseconds(timeout: Optional[float]) -> Optional[int]:
    """Return *timeout* in whole milliseconds, rounded up.

    Rounded down, a timer that is due in half a millisecond would keep the loop spinning.
    """
    return None if timeout is None else math.ceil(timeout * 1000)
