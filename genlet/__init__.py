"""genlet: eventlet rebuilt on plain generators."""

# The floors; a room imports itself and those below it (tests/test_house.py checks that).
#
#   door      cli  __main__  demo
#   floor 5   green/                    one file per module of the standard library
#   floor 3   greenthread  hubs  timeout
#   floor 2   kernel/                   start with its __init__: the tour
#   floor 1   kernel/pollers/           ints in, ints out
#   ground    abc  errors  _compat  _version
#
# From here to the loop: `run` below -> kernel/driver.py -> Scheduler.loop in kernel/scheduler.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Dict

from ._version import __version__
from .abc import END, End, Green, Op, Trap, green
from .errors import (
    BusyResource,
    ClosedResource,
    Deadlock,
    GenletError,
    SharedGenerator,
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
    Runner,
    Timeout,
    fail_after,
    fail_at,
    move_on_after,
    move_on_at,
    portal,
    run,
    shielded,
    trampoline,
    use_hub,
)

if TYPE_CHECKING:
    from .hubs import get_hub, notify_close, notify_opened
    from .timeout import is_timeout, with_timeout, wrap_is_timeout

# Names that are looked up when they are first used, so that importing genlet stays cheap.
_LATE: Dict[str, str] = {
    "get_hub": "hubs",
    "notify_close": "hubs",
    "notify_opened": "hubs",
    "is_timeout": "timeout",
    "with_timeout": "timeout",
    "wrap_is_timeout": "timeout",
}

__all__ = [
    "END",
    "BusyResource",
    "CancelScope",
    "Cancelled",
    "ClosedResource",
    "Deadlock",
    "End",
    "GenletError",
    "Green",
    "GreenThread",
    "GreenletExit",
    "Op",
    "Runner",
    "SharedGenerator",
    "Timeout",
    "Trap",
    "Unjoined",
    "WouldBlock",
    "WrongThread",
    "__version__",
    "checkpoint",
    "fail_after",
    "fail_at",
    "get_hub",
    "getcurrent",
    "green",
    "is_timeout",
    "kill",
    "move_on_after",
    "move_on_at",
    "notify_close",
    "notify_opened",
    "portal",
    "run",
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
    return sorted(set(globals()) | set(_LATE))
