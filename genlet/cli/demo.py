"""``genlet demo``: runs an echo server and its clients, and prints what was measured."""

from __future__ import annotations

import argparse
import os
import sys
from math import ceil
from typing import TYPE_CHECKING, List, Optional

from .._compat import IS_WINDOWS
from ..runner import Runner
from . import FAILED, UsageError, hubs, version

if TYPE_CHECKING:
    from .echo import Report

SUMMARY = "an echo server and its clients, in one process, checked and measured"

# The defaults: some seconds of work.
CONNECTIONS, MESSAGES, SIZE = 1000, 100, 64  # the size in bytes

OWN = 16  # descriptors of a run beside those of connections: the hub's, the listener, a reserve
# select(2) takes descriptors below 1024; on Windows it takes 512 sockets of any number.
SELECT_LIMIT = 512 if IS_WINDOWS else 1024


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument(
        "--connections",
        type=_positive,
        metavar="N",
        help="clients that are connected at the same time"
        f" ({CONNECTIONS}, or as many as the hub has room for)",
    )
    parser.add_argument(
        "--messages",
        type=_positive,
        default=MESSAGES,
        metavar="N",
        help="messages each client sends (%(default)s)",
    )
    parser.add_argument(
        "--size",
        type=_positive,
        default=SIZE,
        metavar="BYTES",
        help="bytes in a message (%(default)s)",
    )
    hubs.add_option(parser)


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"wanted a whole number, 1 or more; got {text!r}")
    return number


def command(args: argparse.Namespace) -> int:
    """Run the demo and print its report.

    Returns:
        0, or 1 if a byte came back wrong or the network failed.

    Raises:
        UsageError: The hub or the system does not allow that many connections.
    """
    from . import echo

    hub = hubs.chosen(args.hub)
    connections = _connections(args.connections, hub)
    make_room(connections)
    plan = echo.Plan(connections, args.messages, args.size)
    terminal = sys.stderr if sys.stderr.isatty() else None
    try:
        report = Runner(hub=hub).run(echo.demo, plan, terminal)
    except (echo.Mismatch, OSError) as exc:
        print(f"genlet demo: failed: {exc}", file=sys.stderr)
        return FAILED
    print(summary(report, hub, version.interpreter()))
    return 0


def _connections(asked: Optional[int], hub: str) -> int:
    """Return the number of connections; only the default is lowered to what *hub* has room for."""
    most = most_connections(hub)
    if asked is None:
        if most is None or most >= CONNECTIONS:
            return CONNECTIONS
        print(f"the hub {hub!r} has room for {most} connections: taking these", file=sys.stderr)
        return most
    if most is not None and most < asked:
        raise UsageError(
            f"the hub {hub!r} has room for {most} connections, two descriptors each, not for"
            f" {asked:,}: ask for fewer, or for another hub"
        )
    return asked


# ---- descriptors ---------------------------------------------------------------------------------


def open_descriptors() -> int:
    """Return how many descriptors this process has open."""
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return 3  # no such folder: at least the standard streams


def most_connections(hub: str) -> Optional[int]:
    """Return how many connections *hub* has room for, two descriptors each; None for any number."""
    return (SELECT_LIMIT - open_descriptors() - OWN) // 2 if hub == "select" else None


def make_room(connections: int) -> None:
    """Raise the soft limit on open descriptors to what *connections* need, if it is lower.

    Raises:
        UsageError: The system does not allow that many.
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
        raise UsageError(
            f"{connections:,} connections take {needed:,} descriptors, two each, and this process"
            f" may open {limit:,}: ask for --connections {max((limit - used) // 2, 0)}, or raise"
            " the limit (ulimit -n)"
        ) from None


# ---- the report ----------------------------------------------------------------------------------


def percentile(ordered: List[float], percent: float) -> float:
    """Return the value that *percent* of the values in *ordered* do not exceed, by nearest rank."""
    return ordered[max(ceil(len(ordered) * percent / 100) - 1, 0)]


def milliseconds(seconds: float) -> str:
    """Return *seconds* as a text in milliseconds."""
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.001 else f"{seconds * 1000:.3f} ms"


def summary(report: Report, hub: str, interpreter: str) -> str:
    """Return the lines that tell what *report* has."""
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
