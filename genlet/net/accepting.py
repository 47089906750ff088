"""Accepting connections in spite of what goes wrong and passes: for both kinds of server."""

# Three kinds of errors come out of accept(2).  A connection that has died before it was accepted is
# nobody's business: it is passed over.  A shortage, of descriptors or of memory, leaves the connection
# in the backlog, where accept finds it again at once: so the next try comes after a pause.  Any other
# error is the listener's own, and is raised.

from __future__ import annotations

import errno
from logging import Logger, getLogger  # now: with no descriptor left nothing can be imported
from math import inf
from typing import TYPE_CHECKING, Callable, Generic, Tuple, TypeVar

from ..abc import Green, green
from ..errors import ClosedResource
from ..kernel import get_scheduler, sleep

if TYPE_CHECKING:
    from ..green.socket import Address, socket

__all__ = ["Acceptor", "accept_living"]

log: Logger = getLogger("genlet.net")

T = TypeVar("T")

# A connection that died before it was accepted, and what accept(2) of Linux says to treat so; but
# not EOPNOTSUPP, which a socket that cannot listen gives each time.
DIED = {
    errno.ECONNABORTED,
    errno.ECONNRESET,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENOPROTOOPT,
    errno.EPERM,
    getattr(errno, "ENONET", -1),
    getattr(errno, "EPROTO", -1),
}

# Too little for another connection: it stays in the backlog until something was given back.
SHORT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
FIRST_PAUSE = 0.01  # seconds, doubled
LONGEST_PAUSE = 1.0
SILENCE = 60.0  # seconds without a shortage, before the next one is news

DEAD_IN_A_ROW = 64  # after which there is a pause: an error that is given each time must not spin


@green
def accept_living(sock: socket) -> Green[Tuple[socket, Address]]:
    """Accept the next connection that has not died before it is accepted.

    Raises:
        ClosedResource: The socket was closed.
        OSError: As for `accept` of the socket.
    """
    died = 0
    while True:
        if sock.fileno() < 0:
            raise ClosedResource(f"{sock!r} was closed")
        try:
            return (yield from sock.accept())
        except OSError as exc:
            if exc.errno not in DIED:
                raise
        died += 1
        yield from sleep(0 if died % DEAD_IN_A_ROW else FIRST_PAUSE)


class Acceptor(Generic[T]):
    """Accepts one connection after the other, through shortages.

    Args:
        accept: Accepts one.
        subject: What accepts, for the log.
    """

    __slots__ = ("_accept", "_silent_until", "_subject")

    def __init__(self, accept: Callable[[], Green[T]], subject: object) -> None:
        self._accept: Callable[[], Green[T]] = accept
        self._subject: object = subject
        self._silent_until: float = -inf  # when the next shortage is worth a line

    @green
    def next(self) -> Green[T]:
        """Return the next connection, however long it takes.

        Raises:
            ClosedResource: The socket was closed.
            OSError: The socket failed in a way that will not pass.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                return (yield from self._accept())
            except OSError as exc:
                if exc.errno not in SHORT_OF:
                    raise
                self._complain(exc)
            yield from sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _complain(self, exc: OSError) -> None:
        """Log the shortage: once for all that follow soon."""
        now = get_scheduler().clock()
        if now >= self._silent_until:
            log.error("%r cannot accept, and tries again until it can: %s", self._subject, exc)
        self._silent_until = now + SILENCE
