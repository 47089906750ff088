"""``select``, with the calls that wait green.

What was ready at one moment is reported together, in the order given, as there.  Every call that
waits lets others run first, also one that finds something at once or has a timeout of 0.

A descriptor that is closed by another greenthread meanwhile wakes nobody, as in the standard
library: shut it down first, or tell the waiting greenthreads in another way.
"""

from __future__ import annotations

import select as real
import sys
from math import inf
from select import select as _select
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Tuple, cast

from .._compat import POLLIN as _IN
from .._compat import POLLOUT as _OUT
from .._compat import POLLPRI as _PRI
from ..abc import Green, green
from ..kernel import check_seconds, holders, sleep
from . import _ready
from ._mirror import mirror

# At run time `mirror` passes through what the platform has of these.
if TYPE_CHECKING:
    from select import error as error

    if sys.platform != "win32":
        from select import PIPE_BUF as PIPE_BUF
        from select import POLLERR as POLLERR
        from select import POLLHUP as POLLHUP
        from select import POLLIN as POLLIN
        from select import POLLNVAL as POLLNVAL
        from select import POLLOUT as POLLOUT
        from select import POLLPRI as POLLPRI
    if sys.platform == "linux":
        from select import EPOLLERR as EPOLLERR
        from select import EPOLLET as EPOLLET
        from select import EPOLLHUP as EPOLLHUP
        from select import EPOLLIN as EPOLLIN
        from select import EPOLLONESHOT as EPOLLONESHOT
        from select import EPOLLOUT as EPOLLOUT
        from select import EPOLLPRI as EPOLLPRI


if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed import FileDescriptorLike
    from typing_extensions import Self

# Of what there was in each list: an empty one would leave a type variable without a value.
Ready = Tuple[List[Any], List[Any], List[Any]]


@green
def select(
    rlist: Iterable[Any],
    wlist: Iterable[Any],
    xlist: Iterable[Any],
    timeout: Optional[float] = None,
) -> Green[Ready]:
    """Wait until at least one of the descriptors is ready, and return all that are.

    Args:
        rlist, wlist, xlist: Descriptors, or objects with ``fileno()``, to be readable, writable, or
            to have something exceptional.
        timeout: Seconds; None waits for ever, 0 only looks.

    Returns:
        The ready ones of each list, in its order; three empty lists after the timeout.

    Raises:
        TypeError: An argument is no iterable, or something in it has no descriptor.
        ValueError: *timeout* is negative; a descriptor is closed, or above what select takes.
        OSError: EBADF, a descriptor is closed.

    Source:
        ``select.select``; eventlet's reports one descriptor at most, and nothing exceptional.
        Differs: an infinite timeout is taken, and waits for ever.
    """
    _check(timeout)
    try:
        reading, writing, exceptional = list(rlist), list(wlist), list(xlist)
    except TypeError:
        raise TypeError("arguments 1-3 must be sequences") from None
    if not (reading or writing or exceptional):  # which Windows refuses
        yield from sleep(inf if timeout is None else timeout)
        return [], [], []

    def look() -> Ready:
        found: Ready = _select(reading, writing, exceptional, 0)
        if not holders:
            return found
        either = {_fileno(obj) for obj in found[0]}
        either.update(_ready.held({_fileno(obj): _IN for obj in reading}))
        return [obj for obj in reading if _fileno(obj) in either], found[1], found[2]

    def wait() -> Green[Ready]:
        masks: Dict[int, int] = {}
        for objects, bit in ((reading, _IN), (writing, _OUT), (exceptional, _PRI)):
            for obj in objects:
                fd = _fileno(obj)
                masks[fd] = masks.get(fd, 0) | bit
        return _ready.watch(masks, look)

    return (yield from _ready.ready_within(look, wait, timeout))


def _check(timeout: Optional[float]) -> None:
    if timeout is None:
        return
    if not isinstance(cast(object, timeout), (int, float)):
        raise TypeError("timeout must be a float or None")
    if timeout != timeout:
        raise ValueError("Invalid value NaN (not a number)")
    if timeout < 0:
        raise ValueError("timeout must be non-negative")


def _fileno(fd: FileDescriptorLike) -> int:
    if isinstance(fd, int):
        return fd
    if not hasattr(cast(object, fd), "fileno"):
        raise TypeError("argument must be an int, or have a fileno() method")
    return fd.fileno()


if sys.platform != "win32":

    class poll:
        """A set of descriptors to wait for.

        Source:
            ``select.poll``.  Differs: any number of greenthreads may poll one object.
        """

        def __init__(self) -> None:
            self._poll: real.poll = real.poll()
            self._masks: Dict[int, int] = {}

        def register(self, fd: FileDescriptorLike, eventmask: int = _IN | _PRI | _OUT) -> None:
            """Source: ``poll.register``; for who polls meanwhile, it counts the next time."""
            self._poll.register(fd, eventmask)
            self._masks[_fileno(fd)] = eventmask

        def modify(self, fd: FileDescriptorLike, eventmask: int) -> None:
            """Source: ``poll.modify``; for who polls meanwhile, it counts the next time."""
            self._poll.modify(fd, eventmask)
            self._masks[_fileno(fd)] = eventmask

        def unregister(self, fd: FileDescriptorLike) -> None:
            """Source: ``poll.unregister``."""
            self._poll.unregister(fd)
            del self._masks[_fileno(fd)]

        @green
        def poll(self, timeout: Optional[float] = None) -> Green[List[Tuple[int, int]]]:
            """Wait until a registered descriptor has an event, and return all there are.

            Args:
                timeout: Milliseconds; None and negative wait for ever, 0 only looks.

            Returns:
                (descriptor, events) of each; empty after the timeout.

            Source:
                ``poll.poll``.
            """
            seconds = None if timeout is None else check_seconds(timeout, "the timeout") / 1000
            if seconds is not None and seconds < 0:
                seconds = None

            def look() -> List[Tuple[int, int]]:
                return _ready.with_held(self._poll.poll(0), self._masks)

            return (
                yield from _ready.ready_within(
                    look, lambda: _ready.watch(self._masks, look), seconds
                )
            )


if sys.platform == "linux":

    class epoll:
        """An epoll(7) object, of which one greenthread at a time may wait for events.

        Closing it raises ClosedResource in the waiting greenthreads.

        Source:
            ``select.epoll``.
        """

        def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
            self._epoll: real.epoll = real.epoll(  # pyright: ignore[reportDeprecated]  as there
                sizehint, flags
            )
            self._masks: Dict[int, int] = {}  # of what was registered through this object

        @classmethod
        def fromfd(cls, fd: int) -> Self:
            """Source: ``epoll.fromfd``."""
            made = cls.__new__(cls)
            made._epoll = real.epoll.fromfd(fd)
            made._masks = {}
            return made

        @property
        def closed(self) -> bool:
            """Source: ``epoll.closed``."""
            return self._epoll.closed

        def close(self) -> None:
            """Source: ``epoll.close``."""
            if not self._epoll.closed:
                _ready.forget(self._epoll)
                self._epoll.close()

        def fileno(self) -> int:
            """Source: ``epoll.fileno``."""
            return self._epoll.fileno()

        def register(self, fd: FileDescriptorLike, eventmask: int = _IN | _PRI | _OUT) -> None:
            """Source: ``epoll.register``."""
            self._epoll.register(fd, eventmask)
            self._joined(_fileno(fd), eventmask)

        def modify(self, fd: FileDescriptorLike, eventmask: int) -> None:
            """Source: ``epoll.modify``."""
            self._epoll.modify(fd, eventmask)
            self._joined(_fileno(fd), eventmask)

        def _joined(self, fd: int, eventmask: int) -> None:
            self._masks[fd] = eventmask
            _ready.joined(fd)

        def unregister(self, fd: FileDescriptorLike) -> None:
            """Source: ``epoll.unregister``."""
            self._masks.pop(_fileno(fd), None)
            self._epoll.unregister(fd)

        @green
        def poll(
            self, timeout: Optional[float] = None, maxevents: int = -1
        ) -> Green[List[Tuple[int, int]]]:
            """Wait until a registered descriptor has an event.

            Args:
                timeout: Seconds; None and negative wait for ever, 0 only looks.
                maxevents: The most to return, -1 for no limit of the caller's.

            Returns:
                (descriptor, events) of each; empty after the timeout.

            Raises:
                BusyResource: Another greenthread waits in this object.
                ClosedResource: It was closed meanwhile.
                ValueError: It is closed.

            Source:
                ``epoll.poll``.
            """
            seconds = None if timeout is None else check_seconds(timeout, "the timeout")
            if seconds is not None and seconds < 0:
                seconds = None

            def look() -> List[Tuple[int, int]]:
                found = self._epoll.poll(0, maxevents)
                if holders and (maxevents < 0 or len(found) < maxevents):
                    found = _ready.with_held(found, self._masks)
                    for fd, _ in found:
                        if self._masks.get(fd, 0) & real.EPOLLONESHOT:
                            self._masks[fd] = 0
                            self._epoll.modify(fd, real.EPOLLONESHOT)
                return found if maxevents < 0 else found[:maxevents]

            return (
                yield from _ready.ready_within(
                    look,
                    lambda: _ready.watch_one(self._epoll, look),
                    seconds,
                    lambda: self._epoll.closed,
                )
            )

        def __enter__(self) -> Self:
            self._epoll.__enter__()
            return self

        def __exit__(
            self,
            exc_type: Optional[type] = None,
            exc: Optional[BaseException] = None,
            traceback: Optional[TracebackType] = None,
        ) -> None:
            self.close()


if sys.platform != "linux" and sys.platform != "win32" and hasattr(real, "kqueue"):
    from select import kevent as kevent

    class kqueue:
        """A kqueue(2) object, of which one greenthread at a time may wait for events.

        Closing it raises ClosedResource in the waiting greenthreads.

        Source:
            ``select.kqueue``.
        """

        def __init__(self) -> None:
            self._kqueue: real.kqueue = real.kqueue()

        @classmethod
        def fromfd(cls, fd: int) -> Self:
            """Source: ``kqueue.fromfd``."""
            made = cls.__new__(cls)
            made._kqueue = real.kqueue.fromfd(fd)
            return made

        @property
        def closed(self) -> bool:
            """Source: ``kqueue.closed``."""
            return self._kqueue.closed

        def close(self) -> None:
            """Source: ``kqueue.close``."""
            if not self._kqueue.closed:
                _ready.forget(self._kqueue)
                self._kqueue.close()

        def fileno(self) -> int:
            """Source: ``kqueue.fileno``."""
            return self._kqueue.fileno()

        @green
        def control(
            self,
            changelist: Optional[Iterable[kevent]],
            max_events: int,
            timeout: Optional[float] = None,
        ) -> Green[List[kevent]]:
            """Make changes, at once, and wait for events.

            Args:
                changelist: What to add, change and delete.
                max_events: The most to return; with 0 it does not wait.
                timeout: Seconds; None waits for ever, 0 only looks.

            Raises:
                BusyResource: Another greenthread waits in this object.
                ClosedResource: It was closed meanwhile.
                ValueError: It is closed, or *timeout* is negative.

            Source:
                ``kqueue.control``.
            """
            _check(timeout)
            self._kqueue.control(changelist, 0)
            if not max_events:
                return []

            def look() -> List[kevent]:
                return self._kqueue.control(None, max_events, 0)

            return (
                yield from _ready.ready_within(
                    look,
                    lambda: _ready.watch_one(self._kqueue, look),
                    timeout,
                    lambda: self._kqueue.closed,
                )
            )


__green__: Tuple[str, ...] = ("select",)
if sys.platform != "win32":
    __green__ += ("poll.poll",)
if sys.platform == "linux":
    __green__ += ("epoll.poll",)
if sys.platform != "linux" and sys.platform != "win32" and hasattr(real, "kqueue"):
    __green__ += ("kqueue.control",)

__omitted__: Dict[str, Any] = {
    "devpoll": "its descriptor cannot be waited for: use poll",
}

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
