"""An echo server and its clients in one process, over loopback TCP: ``python3 -m genlet demo``."""

# Every greenthread here belongs to a task group, so none outlives the block it was spawned in, and
# the first failure, or Ctrl-C, takes all of them down:
#
#     demo
#      +-- services: serve, progress, and an `echo` for every connection
#      +-- clients:  a `client` for every connection
#
# The clients connect one after the other, exchange one message, and wait for the start.  With all of
# them parked, and as many handlers, the memory is measured.  Then they are let off.

from __future__ import annotations

import gc
import os
import sys
from array import array
from math import ceil
from random import Random
from socket import IPPROTO_TCP, TCP_NODELAY
from time import perf_counter
from typing import TYPE_CHECKING, List, NamedTuple, Optional

from ._compat import IS_WINDOWS
from .abc import Green
from .event import Event
from .green.socket import Address, create_server, socket
from .kernel import sleep
from .structured.taskgroup import Ready, TaskGroup

if TYPE_CHECKING:
    from typing import TextIO

CHUNK = 65536  # bytes asked for in one receive
# What the buffers of a loopback connection hold at the least.  A longer message is sent while its
# echo is received, or both ends would stand there sending.
IN_FLIGHT = 65536

OWN = 16  # descriptors of a run that are no connection's: the hub's, the listener, some to spare
# select(2) takes numbers below 1024; on Windows it takes 512 sockets, whatever their numbers.
SELECT_LIMIT = 512 if IS_WINDOWS else 1024

NOISE = Random(1).randbytes(65536)


class Plan:
    """What to do: *connections* open at once, *messages* of *size* bytes on each."""

    def __init__(self, connections: int, messages: int, size: int) -> None:
        self.connections: int = connections
        self.messages: int = messages
        self.size: int = size
        self.requests: int = connections * messages
        self._noise: bytes = NOISE * (size // len(NOISE) + 2)

    def message(self, connection: int, count: int) -> bytes:
        """Return bytes that differ from those of other messages, as far as so many can."""
        start = (connection * 131 + count * 17) % len(NOISE)
        return self._noise[start : start + self.size]


class Report(NamedTuple):
    """What came of a plan; times are in seconds."""

    plan: Plan
    connecting: float
    echoing: float
    latencies: List[float]  # of every request, in ascending order
    growth: int  # of resident memory, in bytes; 0 where the system does not tell


class Mismatch(Exception):
    """What came back is not what was sent."""


class Tally:
    """What was done so far.  Greenthreads of one run share it without a lock."""

    def __init__(self) -> None:
        self.connected: int = 0
        self.latencies: array[float] = array("d")


# ---- the program ---------------------------------------------------------------------------------


def demo(plan: Plan, terminal: Optional[TextIO] = None) -> Green[Report]:
    """Carry out *plan*.

    Args:
        terminal: Where to show how far it is, if anywhere.

    Raises:
        Mismatch: A byte came back wrong, or not at all.
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
    """Accept connections for ever, and spawn an `echo` in *group* for each."""
    while True:
        sock, _ = yield from listener.accept()
        group.spawn(echo, sock)


def echo(sock: socket) -> Green[None]:
    """Send back what comes in."""
    with sock:
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        try:
            while data := (yield from sock.recv(CHUNK)):
                yield from sock.sendall(data)
        except ConnectionError:
            pass  # a client that goes away in the middle is no failure of the server's


def client(
    ready: Ready[None], address: Address, number: int, plan: Plan, tally: Tally, start: Event[None]
) -> Green[None]:
    """Connect, say that it is *ready*, wait for the *start*, and send what *plan* says."""
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
    """Send *data* and see the same come back."""
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
    """Keep one line of *terminal* up to date; it is gone in the end."""
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


# ---- what it takes and what it came to -----------------------------------------------------------


def resident() -> int:
    """Return this process's resident memory in bytes; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_descriptors() -> int:
    """Return how many descriptors this process has open."""
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 3  # no such folder: the standard streams, at the least


def most_connections(hub: str) -> Optional[int]:
    """Return how many connections *hub* has room for, two descriptors each; None for any number."""
    return (SELECT_LIMIT - open_descriptors() - OWN) // 2 if hub == "select" else None


def make_room(connections: int) -> None:
    """Raise the limit on open descriptors to what *connections* take, as far as that goes.

    Raises:
        ValueError: The system does not allow that many.
    """
    if sys.platform == "win32":
        return
    import resource

    used = open_descriptors() + OWN
    needed = 2 * connections + used
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise ValueError
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError):
        limit = soft if hard == resource.RLIM_INFINITY else hard
        raise ValueError(
            f"{connections:,} connections take {needed:,} descriptors, two each, and this process"
            f" may open {limit:,}: ask for --connections {max((limit - used) // 2, 0)}, or raise"
            " the limit (ulimit -n)"
        ) from None


def percentile(ordered: List[float], percent: float) -> float:
    """Return the value that *percent* of the values in *ordered* do not exceed."""
    return ordered[max(ceil(len(ordered) * percent / 100) - 1, 0)]


def milliseconds(seconds: float) -> str:
    """Return *seconds* as people read them."""
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.001 else f"{seconds * 1000:.3f} ms"


def summary(report: Report, hub: str, interpreter: str) -> str:
    """Return what to tell people of *report*."""
    plan, times = report.plan, report.latencies
    parked = 2 * plan.connections
    named = [(f"p{percent}", percentile(times, percent)) for percent in (50, 90, 99)]
    named.append(("max", times[-1]))
    lines = [
        ("connections", f"{plan.connections:,} at once, a greenthread at each end"),
        ("requests", f"{plan.requests:,} of {plan.size:,} bytes, every byte checked"),
        ("rate", f"{plan.requests / report.echoing:,.0f} requests per second"),
        ("latency", "   ".join(f"{name} {milliseconds(value)}" for name, value in named)),
        (
            "memory",
            f"{report.growth / parked / 1024:.1f} KiB per greenthread, its socket included"
            f" (growth of RSS with {parked:,} parked)"
            if report.growth > 0
            else "no growth to be seen here",
        ),
        (
            "duration",
            f"{report.connecting + report.echoing:.1f} s, of which {report.connecting:.1f} s to"
            " connect",
        ),
        ("hub", hub),
        ("interpreter", interpreter),
    ]
    return "\n".join(f"{name:<12} {text}" for name, text in lines)
