"""genlet: eventlet rebuilt on plain generators."""

# The rooms, each with the rooms below that it may import.
#
#   door          cli/  __main__  <- all
#   testing       testing/  <- ground watch kernel coordination runner crews green net
#   servers       http/  green/http/  wsgi/  websocket/  prefork  gunicorn  <- ground kernel
#                 coordination runner crews green net
#   net           net/  convenience  greenio  patcher  <- ground kernel coordination crews green
#   green         green/  <- ground kernel coordination crews
#   crews         greenpool  pools  dagpool  tpool/  <- ground kernel coordination
#   runner        runner  <- ground watch kernel
#   coordination  greenthread  hubs  timeout  event  semaphore  lock  condition  barrier  queue
#                 channel  corolocal  coroutines  structured/  <- ground kernel
#   kernel        kernel/  <- ground pollers
#   watch         watch/  <- ground
#   lint          lint/  mypy_plugin  <- ground
#   pollers       kernel/pollers/  <- ground
#   ground        abc  end  errors  _absent  _compat  _counts  _objects  _plain  _version
#
# From here to the loop: `run` in runner.py -> kernel/driver.py -> `turns` in kernel/scheduler.py.  A
# tour of the kernel is in kernel/__init__.py.  docs/internals.md follows what happens through the
# files: from `recv` to the poller and back, a Timeout, a kill, a fork.

from __future__ import annotations

import sys as _sys
from os import environ as _environ
from typing import TYPE_CHECKING, Dict, List

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

# Importing these is left to `__getattr__`, so that importing genlet stays cheap.
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

# What follows is written by `python3 -m tests.test_house --write`: by module, the names that are
# looked up there when they are first used.
_LATE: Dict[str, str] = {
    "barrier": "Barrier",
    "channel": "Channel Receiver Sender",
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
    "semaphore": "BoundedSemaphore CappedSemaphore Semaphore",
    "structured.combinators": "amap as_completed gather race",
    "structured.scoped": "ScopedGroup scoped",
    "structured.stopping": "Stopper",
    "structured.taskgroup": "Ready TaskGroup",
    "timeout": "is_timeout with_timeout wrap_is_timeout",
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


# Modules that ``import eventlet`` makes attributes of it; here they are imported when first used.
_MODULES = [
    "condition",
    "convenience",
    "corolocal",
    "dagpool",
    "event",
    "greenio",
    "greenpool",
    "hubs",
    "lock",
    "patcher",
    "pools",
    "queue",
    "semaphore",
    "timeout",
    "tpool",
]


def __getattr__(name: str) -> object:
    for module, names in _LATE.items():
        if name in names.split():
            from importlib import import_module

            value: object = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    if name in _MODULES:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    from ._absent import asked_by, missing

    raise missing(__name__, name, asked_by(1))


class _Absent:
    """The last of the finders of modules: says what to use instead of a module of eventlet.

    An import that succeeds never asks it.
    """

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        """Raise ModuleNotFoundError with an answer, or return None for any other module."""
        if name.startswith(f"{__name__}."):
            from ._absent import asked_by, refuse

            refuse(name, asked_by(2))


_sys.meta_path.append(_Absent)


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})


if _environ.get("GENLET_DEBUG"):
    from .watch import watch_process as _watch_process

    _watch_process()
