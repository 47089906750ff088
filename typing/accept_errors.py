# pyright: reportUnusedCallResult=false
"""What genlet's errors, scopes by the clock and other small things are to a type checker."""

from __future__ import annotations

import sys
from typing import List, Optional, Tuple, Type

from typing_extensions import assert_type

from genlet import (
    BusyResource,
    Cancelled,
    CancelScope,
    ClosedResource,
    Deadlock,
    GenletError,
    Green,
    SharedGenerator,
    Timeout,
    Unfinished,
    Unjoined,
    WouldBlock,
    WrongThread,
    __version__,
    fail_at,
    is_timeout,
    move_on_at,
    portal,
    sleep,
    wrap_is_timeout,
)
from genlet.green import dns, selectors, signal
from genlet.green import select as green_select
from genlet.green import socket as sockets

genlet_errors: List[Type[GenletError]] = [GenletError]
errors: List[Type[BaseException]] = [
    BusyResource,
    ClosedResource,
    Deadlock,
    SharedGenerator,
    Unfinished,
    Unjoined,
    WouldBlock,
    WrongThread,
    *genlet_errors,
]
version: str = __version__


class Late(Exception): ...


def clocks() -> Green[Optional[int]]:
    with fail_at(1.0) as scope:
        scope.deadline += 1
        yield from sleep(0)
    with move_on_at(1.0) as other:
        assert_type(other, CancelScope)
        return 1
    return None


def catches() -> Green[str]:
    try:
        yield from sleep(1)
    except Cancelled as exc:
        return str(exc.reason)
    except Timeout as exc:
        assert_type(is_timeout(exc), bool)
    assert_type(wrap_is_timeout(Late), Type[Late])
    portal().call_soon(print, "x")
    return ""


def resolver(own: dns.Resolver) -> Green[str]:
    dns.set_resolver(own)
    assert_type(dns.is_numeric("::1"), bool)
    assert_type(dns.needs_lookup(("h", 80)), bool)
    assert_type(dns.libc_getaddrinfo("h", 80, 0, 0, 0, 0)[0][2], int)
    address: Tuple[str, int] = yield from dns.numeric_address(("h", 80), 2, None)
    assert_type(address[1], int)
    return (yield from dns.first_address("h", 2))


def small(watched: signal.Watched, receiver: signal.Receiver) -> None:
    watched.add(receiver)
    assert_type(watched.remove(receiver), bool)


if sys.platform == "win32":
    assert_type(sockets.fromshare(b""), sockets.socket)

if sys.platform == "darwin":
    selector: selectors.BaseSelector = selectors.KqueueSelector()

    def kqueues(queue: green_select.kqueue) -> Green[bool]:
        return bool((yield from queue.control(None, 1, 1.0)))
