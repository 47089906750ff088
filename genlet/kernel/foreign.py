"""Waits by number, and descriptors that genlet does not own."""

# A `Foreign` entry is armed for one event and then asleep, so an abandoned registration reports at most
# once, to no greenthread.  Re-arming is one ``modify``; if the number means another file by now, the
# operating system has forgotten it, and it is registered anew.

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Optional, Sequence, Tuple

from .._compat import ONESHOT, POLLIN, POLLNVAL, POLLOUT
from ..errors import BusyResource
from .fdwait import FdWait, closed, side_name
from .report import where as where_is
from .state import Entry

if TYPE_CHECKING:
    from .state import DescriptorTable, Greenlet, Suspension


def busy(fd: int, mask: int, first: Greenlet) -> BusyResource:
    """Return the error for a second greenthread on one side of a descriptor."""
    where = where_is(first)
    return BusyResource(
        f"two greenthreads wait for descriptor {fd} to be {side_name(mask)}: {first!r} already does"
        f"{', at ' + where if where else ''}; let one of them do it, or give each a socket of its own"
    )


class Watched(Entry):
    """One descriptor in the table, and the waits by number on it: at most one for a side."""

    __slots__ = ()

    def __init__(self, fd: int) -> None:
        self.fd: int = fd
        self.waits: Sequence[FdWait] = ()

    def watch(self, wait: FdWait) -> None:
        """Have the next event on a side of *wait* settle it."""
        raise NotImplementedError

    def unwatch(self, wait: FdWait) -> None:
        """Undo `watch`."""
        raise NotImplementedError

    def close(self) -> None:
        waits, self.waits = self.waits, ()
        for wait in waits:
            wait.fail(closed(self.fd))

    def taker(self, mask: int) -> Optional[Greenlet]:
        """Return the greenthread that waits by number on a side in *mask*, if any."""
        return next((wait.gt for wait in self.waits if wait.mask & mask and wait.live), None)

    def awaited(self) -> Optional[Suspension]:
        return next((wait for wait in self.waits if wait.live), None)

    def _drop(self, wait: FdWait) -> None:
        self.waits = [one for one in self.waits if one is not wait]

    def _signal(self, mask: int) -> None:
        self.waits = [wait for wait in self.waits if not wait.signal(mask)]


class Foreign(Watched):
    """A descriptor that genlet does not own."""

    __slots__ = ("_file", "hub", "known")

    def __init__(self, fd: int, hub: DescriptorTable) -> None:
        super().__init__(fd)
        self.hub: DescriptorTable = hub
        self.known: bool = False  # the poller has the number registered, armed or asleep
        # The identity of the file; an edge-triggered poller knows it by itself.
        self._file: Optional[Tuple[int, int]] = None if hub.edge else file_of(fd)

    def watch(self, wait: FdWait) -> None:
        if self._file is None and not self.hub.edge:
            self._forget()
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # as an edge-triggered one says
        first = self.taker(wait.mask)
        if first is not None:
            if not self.stale():
                raise busy(self.fd, wait.mask, first)
            self.close()  # closed and reused without notice
            self.hub.watch(wait)
            return
        self.waits: Sequence[FdWait] = (*self.waits, wait)
        try:
            self._arm()
        except BaseException as exc:
            self._drop(wait)
            if not self.waits:
                self._forget()
            if not isinstance(exc, PermissionError):
                raise
            wait.signal(POLLIN | POLLOUT)  # a regular file: always ready

    def unwatch(self, wait: FdWait) -> None:
        self._drop(wait)
        self._arm_or_close()

    def event(self, mask: int) -> None:
        self._signal(mask)
        if mask & POLLNVAL:
            self.close()
        elif self.waits or not self.hub.edge:
            self._arm_or_close()

    def close(self) -> None:
        self._forget()
        super().close()

    def stale(self) -> bool:
        """Whether the number means another file than it did when it was armed."""
        if not self.hub.edge:
            return file_of(self.fd) != self._file
        if self.known:
            try:
                self.hub.poller.modify(self.fd, self._mask())
            except OSError:
                self.known = False
        return not self.known

    def _mask(self) -> int:
        mask = ONESHOT if self.hub.edge else 0
        for wait in self.waits:
            mask |= wait.mask
        return mask

    def _arm(self) -> None:
        poller = self.hub.poller
        if self.known:
            try:
                poller.modify(self.fd, self._mask())
                return
            except FileNotFoundError:  # the number means another file now
                self.known = False
        try:
            poller.register(self.fd, self._mask())
        except FileExistsError:
            poller.modify(self.fd, self._mask())
        self.known = True

    def _arm_or_close(self) -> None:
        """Arm the sides still waited for; if the number was closed meanwhile, fail the waits."""
        if not self.waits:
            self._forget()
            return
        try:
            self._arm()
        except OSError:
            self.close()

    def _forget(self) -> None:
        if self.known:
            self.known = False
            self.hub.poller.unregister(self.fd)
        self.hub.table.pop(self.fd, None)


def file_of(fd: int) -> Optional[Tuple[int, int]]:
    """Return the identity of the file behind *fd*; None if it is closed."""
    try:
        stat = os.fstat(fd)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
