"""An echo server and its clients in one process, over loopback TCP, checked and measured."""

# Every greenthread belongs to a task group, so none outlives the block it was spawned in, and the
# first failure, or Ctrl-C, ends all of them:
#
#     demo
#      +-- services: serve, progress, and an `echo` for every connection
#      +-- clients:  a `client` for every connection
#
# The clients connect one after the other, exchange one message, and wait for the start.  While all
# clients and as many handlers are suspended, the memory is measured.  Then the start is sent.

from __future__ import annotations

import gc
import os
import sys
from array import array
from random import Random
from socket import IPPROTO_TCP, TCP_NODELAY
from time import perf_counter
from typing import TYPE_CHECKING, List, NamedTuple, Optional

from ..abc import Green
from ..event import Event
from ..green.socket import Address, create_server, socket
from ..kernel import sleep
from ..structured.taskgroup import Ready, TaskGroup

if TYPE_CHECKING:
    from typing import TextIO

CHUNK = 65536  # bytes requested in one receive
# The buffers of a loopback connection hold at least this many bytes.  A longer message is sent while
# its echo is received, or both ends would block in send.
IN_FLIGHT = 65536

NOISE = Random(1).randbytes(65536)


class Plan:
    """The work: *connections* at the same time, *messages* of *size* bytes on each."""

    def __init__(self, connections: int, messages: int, size: int) -> None:
        self.connections: int = connections
        self.messages: int = messages
        self.size: int = size
        self.requests: int = connections * messages
        self._noise: bytes = NOISE * (size // len(NOISE) + 2)

    def message(self, connection: int, count: int) -> bytes:
        """Return bytes that differ from those of other messages if *size* allows it."""
        start = (connection * 131 + count * 17) % len(NOISE)
        return self._noise[start : start + self.size]


class Report(NamedTuple):
    """The measurements of one plan; times are in seconds."""

    plan: Plan
    connecting: float
    echoing: float
    latencies: List[float]  # of every request, ascending
    growth: int  # of resident memory, in bytes; 0 where the system does not tell


class Mismatch(Exception):
    """The bytes received are not the bytes sent."""


class Tally:
    """The progress so far.  Greenthreads of one run share it without a lock."""

    def __init__(self) -> None:
        self.connected: int = 0
        self.latencies: array[float] = array("d")


# ---- the program ---------------------------------------------------------------------------------


def demo(plan: Plan, terminal: Optional[TextIO] = None) -> Green[Report]:
    """Carry out *plan*.

    Args:
        terminal: Where to show the progress; None shows none.

    Raises:
        Mismatch: A byte came back wrong, or did not come back.
    """
    tally = Tally()
    start: Event[None] = Event()
    gc.collect()
    before = resident()
    started = perf_counter()
    listener = create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    with listener, TaskGroup(on_exit="cancel", errors="first") as services:
        services.spawn(serve, listener, services)
        if terminal is not None:
            services.spawn(progress, plan, tally, terminal)
        with TaskGroup(errors="first") as clients:
            for number in range(plan.connections):
                yield from clients.start(client, address, number, plan, tally, start)
                tally.connected += 1
            connected = perf_counter()
            gc.collect()
            growth = resident() - before
            begun = perf_counter()
            start.send()
            yield from clients.join()
        ended = perf_counter()
    return Report(
        plan=plan,
        connecting=connected - started,
        echoing=ended - begun,
        latencies=sorted(tally.latencies),
        growth=growth,
    )


def serve(listener: socket, group: TaskGroup) -> Green[None]:
    """Accept connections until cancelled, and spawn an `echo` in *group* for each."""
    while True:
        sock, _ = yield from listener.accept()
        group.spawn(echo, sock)


def echo(sock: socket) -> Green[None]:
    """Send back what is received."""
    with sock:
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        try:
            while data := (yield from sock.recv(CHUNK)):
                yield from sock.sendall(data)
        except ConnectionError:
            pass  # a client that disconnects is no failure of the server


def client(
    ready: Ready[None], address: Address, number: int, plan: Plan, tally: Tally, start: Event[None]
) -> Green[None]:
    """Connect, report *ready*, wait for the *start*, and send the messages of *plan*."""
    with socket() as sock:
        yield from sock.connect(address)
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        yield from exchange(sock, plan.message(number, 0))
        ready.set(None)
        yield from start.wait()
        for count in range(1, plan.messages + 1):
            data = plan.message(number, count)
            started = perf_counter()
            yield from exchange(sock, data)
            tally.latencies.append(perf_counter() - started)


def exchange(sock: socket, data: bytes) -> Green[None]:
    """Send *data* and check that the same bytes come back."""
    if len(data) <= IN_FLIGHT:
        yield from sock.sendall(data)
        back = yield from receive(sock, len(data))
    else:
        with TaskGroup(errors="first") as group:
            group.spawn(sock.sendall, data)
            back = yield from receive(sock, len(data))
            yield from group.join()
    if back != data:
        at = next(i for i, (one, other) in enumerate(zip(back, data)) if one != other)
        raise Mismatch(f"byte {at} of {len(data)} came back as {back[at]:#x}, not {data[at]:#x}")


def receive(sock: socket, nbytes: int) -> Green[bytes]:
    """Receive exactly *nbytes*."""
    data = yield from sock.recv(nbytes)
    if len(data) == nbytes:
        return data
    pieces = bytearray(data)
    while len(pieces) < nbytes:
        data = yield from sock.recv(nbytes - len(pieces))
        if not data:
            raise Mismatch(f"the connection ended after {len(pieces)} of {nbytes} bytes")
        pieces += data
    return bytes(pieces)


def progress(plan: Plan, tally: Tally, terminal: TextIO) -> Green[None]:
    """Show the progress in one line of *terminal*, and erase it at the end."""
    try:
        while True:
            if tally.connected < plan.connections:
                text = f"{tally.connected:,} of {plan.connections:,} connected"
            else:
                text = f"{len(tally.latencies):,} of {plan.requests:,} echoed"
            terminal.write(f"\r\x1b[K{text}")
            terminal.flush()
            yield from sleep(0.1)
    finally:
        terminal.write("\r\x1b[K")
        terminal.flush()


def resident() -> int:
    """Return this process's resident memory in bytes; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
