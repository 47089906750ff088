"""genlet: eventlet rebuilt on plain generators."""

# The floors; a room imports itself and those below it (tests/test_house.py checks that).
#
#   door      cli/  __main__
#   floor 5   green/                    one file per module of the standard library
#   floor 4   greenpool  pools  dagpool  tpool                              | annex:
#   floor 3   greenthread  hubs  timeout  event  semaphore  lock            | testing/
#             condition  barrier  queue  channel  corolocal                 | sees down,
#             coroutines  structured/                                       | is seen by
#   floor 2   kernel/                   start with its __init__: the tour   | none
#   floor 1   kernel/pollers/           ints in, ints out
#   ground    abc  errors  _compat  _version
#
# From here to the loop: `run` below -> kernel/driver.py -> Scheduler.turns in kernel/scheduler.py.

from __future__ import annotations

from os import environ as _environ
from typing import TYPE_CHECKING, Dict

from ._version import __version__
from .abc import Green, Op, Trap, green
from .errors import (
    BusyResource,
    ClosedResource,
    Deadlock,
    GenletError,
    IncompleteReadError,
    LimitOverrunError,
    SharedGenerator,
    Unfinished,
    Unjoined,
    WouldBlock,
    WrongThread,
)
from .greenthread import (
    GreenletExit,
    GreenThread,
    checkpoint,
    getcurrent,
    kill,
    sleep,
    spawn,
    spawn_after,
    spawn_after_local,
    spawn_n,
)
from .kernel import (
    Cancelled,
    CancelScope,
    Timeout,
    fail_after,
    fail_at,
    move_on_after,
    move_on_at,
    portal,
    shielded,
    trampoline,
    use_hub,
)
from .runner import Runner, run

if TYPE_CHECKING:
    from .barrier import Barrier
    from .channel import Channel, Receiver, Sender
    from .condition import Condition
    from .convenience import StopServe, connect, listen, serve, wrap_ssl
    from .corolocal import local
    from .coroutines import awaitable, drive
    from .dagpool import DAGPool
    from .end import END, End
    from .event import Event
    from .greenpool import GreenPile, GreenPool
    from .hubs import get_hub, notify_close, notify_opened
    from .lock import Lock, RLock
    from .pools import Pool, TokenPool
    from .queue import LifoQueue, LightQueue, PriorityQueue, Queue
    from .semaphore import BoundedSemaphore, CappedSemaphore, Semaphore
    from .structured.combinators import amap, as_completed, gather, race
    from .structured.scoped import ScopedGroup, scoped
    from .structured.stopping import Stopper
    from .structured.taskgroup import Ready, TaskGroup
    from .timeout import is_timeout, with_timeout, wrap_is_timeout

# Names that are looked up in their modules when they are first used, so that importing genlet stays
# cheap.  The block above says the same to the checkers.
_LATE: Dict[str, str] = {
    name: module
    for module, names in {
        "barrier": "Barrier",
        "channel": "Channel Receiver Sender",
        "structured.combinators": "amap as_completed gather race",
        "condition": "Condition",
        "convenience": "StopServe connect listen serve wrap_ssl",
        "corolocal": "local",
        "coroutines": "awaitable drive",
        "dagpool": "DAGPool",
        "end": "END End",
        "event": "Event",
        "greenpool": "GreenPile GreenPool",
        "hubs": "get_hub notify_close notify_opened",
        "lock": "Lock RLock",
        "pools": "Pool TokenPool",
        "queue": "LifoQueue LightQueue PriorityQueue Queue",
        "structured.scoped": "ScopedGroup scoped",
        "semaphore": "BoundedSemaphore CappedSemaphore Semaphore",
        "structured.stopping": "Stopper",
        "structured.taskgroup": "Ready TaskGroup",
        "timeout": "is_timeout with_timeout wrap_is_timeout",
    }.items()
    for name in names.split()
}

__all__ = [
    "END",
    "Barrier",
    "BoundedSemaphore",
    "BusyResource",
    "CancelScope",
    "Cancelled",
    "CappedSemaphore",
    "Channel",
    "ClosedResource",
    "Condition",
    "DAGPool",
    "Deadlock",
    "End",
    "Event",
    "GenletError",
    "Green",
    "GreenPile",
    "GreenPool",
    "GreenThread",
    "GreenletExit",
    "IncompleteReadError",
    "LifoQueue",
    "LightQueue",
    "LimitOverrunError",
    "Lock",
    "Op",
    "Pool",
    "PriorityQueue",
    "Queue",
    "RLock",
    "Ready",
    "Receiver",
    "Runner",
    "ScopedGroup",
    "Semaphore",
    "Sender",
    "SharedGenerator",
    "StopServe",
    "Stopper",
    "TaskGroup",
    "Timeout",
    "TokenPool",
    "Trap",
    "Unfinished",
    "Unjoined",
    "WouldBlock",
    "WrongThread",
    "__version__",
    "amap",
    "as_completed",
    "awaitable",
    "checkpoint",
    "connect",
    "drive",
    "fail_after",
    "fail_at",
    "gather",
    "get_hub",
    "getcurrent",
    "green",
    "is_timeout",
    "kill",
    "listen",
    "local",
    "move_on_after",
    "move_on_at",
    "notify_close",
    "notify_opened",
    "portal",
    "race",
    "run",
    "scoped",
    "serve",
    "shielded",
    "sleep",
    "spawn",
    "spawn_after",
    "spawn_after_local",
    "spawn_n",
    "trampoline",
    "use_hub",
    "with_timeout",
    "wrap_is_timeout",
    "wrap_ssl",
]


def __getattr__(name: str) -> object:
    module = _LATE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})


if _environ.get("GENLET_DEBUG"):
    from .watch import Watch as _Watch

    _Watch()  # for the life of the process
