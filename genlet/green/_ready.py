"""Waiting for many descriptors at once, for select and selectors."""

# Theory of operation
# -------------------
# What is ready is found by the standard library's own call with a timeout of 0, the *look*: so what
# is reported, in which order and with which errors, is what it would have been there.  All that this
# file adds is when to look again.
#
# That is told by one descriptor that stands for all of them: a private epoll or kqueue, which can be
# waited for on every hub.  So any number of greenthreads may wait for the same descriptors, and
# those who receive and send on them are in nobody's way.  Registration is edge-triggered: it reports
# what is ready when it is made, and after that only what changes.  What the system reports and the
# look does not count, such as a hang-up where only room to write was asked for, wakes once and does
# not keep the loop spinning.
#
# A TLS socket may hold decrypted bytes that the system knows nothing of.  Every look adds these sockets
# to what the system reports.  Bytes that another greenthread takes between two looks of the poller
# come to be held without any event: the socket tells, and all that is in `gathering` looks again.
#
# Where no descriptor can stand for others (Windows), one greenthread waits for each, and takes the
# place of a reader or writer there.

from __future__ import annotations

import select as system
import sys
from math import inf
from typing import TYPE_CHECKING, Callable, List, Mapping, Optional, Tuple, TypeVar, Union

from .._compat import EDGE, POLLIN, POLLOUT, POLLPRI
from ..abc import Green, HasFileno, green
from ..errors import ClosedResource
from ..hubs import notify_close
from ..kernel import (
    check_seconds,
    checkpoint,
    gathering,
    holders,
    holds_input,
    move_on_after,
    sleep,
    tell_held,
    wait_fd,
)
from ..structured.combinators import race

if TYPE_CHECKING:
    from typing import Collection

    Found = TypeVar("Found", bound=Collection[object])

Masks = Mapping[int, int]
"""Descriptors, and which bits of poll(2) are waited for on each."""

Events = List[Tuple[int, int]]
"""Descriptors, and which bits of poll(2) were found on each."""


@green
def ready_within(
    look: Callable[[], Found],
    wait: Callable[[], Green[Found]],
    timeout: Optional[float],
    is_closed: Callable[[], bool] = lambda: False,
) -> Green[Found]:
    """Return what *look* finds, waiting until it finds something.

    Others run first, whatever is ready: a loop around this must not keep them from it, and what was
    found must not be lost to an interruption.

    Args:
        look: Finds what is ready, without waiting.
        wait: Looks again whenever that makes sense, and returns what was found; never nothing.
        timeout: Seconds to wait; None forever, 0 or less only looks.
        is_closed: Whether the set of descriptors is closed.

    Raises:
        ClosedResource: It was closed meanwhile.
    """
    if timeout is not None:
        timeout = check_seconds(timeout, "the timeout")
    was_closed = is_closed()
    yield from checkpoint()
    if is_closed() and not was_closed:
        raise ClosedResource("the set of descriptors was closed while this greenthread polled it")
    found = look()
    if any(found) or (timeout is not None and timeout <= 0):
        return found
    with move_on_after(inf if timeout is None else timeout):
        return (yield from wait())
    return look()


@green
def watch_one(fd: Union[int, HasFileno], look: Callable[[], Found]) -> Green[Found]:
    """Look whenever *fd*, which stands for others, is readable."""
    while True:
        yield from wait_in(fd)
        found = look()
        if any(found):
            return found


@green
def wait_in(fd: Union[int, HasFileno]) -> Green[None]:
    """Wait until *fd*, which stands for others, is readable, or input of some descriptor is held."""
    number = fd if isinstance(fd, int) else fd.fileno()
    gathering[number] = gathering.get(number, 0) + 1
    try:
        yield from wait_fd(fd, POLLIN)
    finally:
        left = gathering.pop(number) - 1
        if left:
            gathering[number] = left


@green
def watch_each(masks: Masks, look: Callable[[], Found]) -> Green[Found]:
    """Look whenever one of *masks* is ready, with a greenthread for each.

    What is exceptional is noticed only on the hubs that report it with what is readable: select.
    """
    sides = [(fd, _sides(mask)) for fd, mask in masks.items() if _sides(mask)]
    while True:
        if sides:
            yield from race(*(wait_fd(fd, mask) for fd, mask in sides))
        else:
            yield from sleep(inf)
        found = look()
        if any(found):
            return found


def held(masks: Masks) -> List[int]:
    """Return the descriptors whose input is waited for, and was taken from them already."""
    if not holders:
        return []
    return [fd for fd, mask in masks.items() if mask & POLLIN and holds_input(fd)]


def joined(fd: int) -> None:
    """*fd* has become one of a set in which a greenthread may wait already."""
    if holds_input(fd):
        tell_held(fd)


def with_held(found: Events, masks: Masks) -> Events:
    """Return what poll(2) or epoll(7) has *found*, and what `held` adds to it."""
    more = held(masks)
    if not more:
        return found
    events = dict(found)
    for fd in more:
        events[fd] = events.get(fd, 0) | POLLIN
    return list(events.items())


def _sides(mask: int) -> int:
    reading = POLLIN if mask & (POLLIN | POLLPRI) else 0
    return reading | (mask & POLLOUT)


def forget(fd: Union[int, HasFileno]) -> None:
    """*fd* is about to be closed: tell the greenthreads that wait on it, if a run goes on."""
    try:
        notify_close(fd)
    except RuntimeError:
        pass


if sys.platform == "linux":

    @green
    def _watch_epoll(masks: Masks, look: Callable[[], Found]) -> Green[Found]:
        """Look whenever something happens to one of *masks*."""
        if not masks:
            yield from sleep(inf)
        with system.epoll() as epoll:
            for fd, mask in masks.items():
                try:
                    epoll.register(fd, mask | EDGE)
                except PermissionError:
                    pass  # a regular file: looked at before, and not ready in a way that is asked
            try:
                while True:
                    yield from wait_in(epoll)
                    epoll.poll(0)
                    found = look()
                    if any(found):
                        return found
            finally:
                forget(epoll)

    watch = _watch_epoll

elif sys.platform != "win32" and hasattr(system, "kqueue"):

    def _filters(masks: Masks) -> Tuple[Tuple[int, int], ...]:
        return tuple(
            (fd, filter)
            for fd, mask in masks.items()
            for bit, filter in (
                (POLLIN, system.KQ_FILTER_READ),
                (POLLOUT, system.KQ_FILTER_WRITE),
            )
            if _sides(mask) & bit
        )

    @green
    def _watch_kqueue(masks: Masks, look: Callable[[], Found]) -> Green[Found]:
        """Look whenever something happens to one of *masks*."""
        filters = _filters(masks)
        if not filters:
            yield from sleep(inf)
        kqueue = system.kqueue()
        try:
            flags = system.KQ_EV_ADD | system.KQ_EV_CLEAR
            kqueue.control([system.kevent(fd, filter, flags) for fd, filter in filters], 0)
            while True:
                yield from wait_in(kqueue)
                kqueue.control(None, len(filters), 0)
                found = look()
                if any(found):
                    return found
        finally:
            forget(kqueue)
            kqueue.close()

    watch = _watch_kqueue

else:
    watch = watch_each
