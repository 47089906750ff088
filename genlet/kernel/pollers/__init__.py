"""Which poller a run gets: by name, by environment, by platform."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple, Type, cast

if TYPE_CHECKING:
    from ...abc import Poller

# name: (module, class, attribute of `select` it needs), best first
POLLERS: Dict[str, Tuple[str, str, str]] = {
    "epoll": ("epoll", "EpollPoller", "epoll"),
    "kqueue": ("kqueue", "KqueuePoller", "kqueue"),
    "poll": ("poll", "PollPoller", "poll"),
    "select": ("select", "SelectPoller", "select"),
}
VARIABLE = "GENLET_HUB"


_classes: Dict[str, Type[Poller]] = {}  # those that were chosen before


def available() -> List[str]:
    """Return the names of the pollers this platform has, best first."""
    return [name for name, (_, _, needs) in POLLERS.items() if hasattr(select, needs)]


def choose(name: Optional[str] = None) -> Poller:
    """Make a poller.

    Args:
        name: One of `available`; None takes what the environment variable ``GENLET_HUB`` says, and
            the platform's best if it says nothing.

    Raises:
        ValueError: There is no such poller here.
    """
    key = name or os.environ.get(VARIABLE) or ""
    found = _classes.get(key)
    if found is None:
        found = _classes[key] = _find(key, "hub" if name else VARIABLE)
    return found()


def _find(name: str, source: str) -> Type[Poller]:
    here = available()
    if not name:
        name = here[0]
    if name not in here:
        known = name in POLLERS
        what = f"{name!r} is not available here" if known else f"there is no hub named {name!r}"
        raise ValueError(f"{source}: {what}; this platform has {', '.join(here)}")
    from importlib import import_module

    module, class_name, _ = POLLERS[name]
    # The table names only classes that are pollers.
    return cast("Type[Poller]", getattr(import_module(f"{__name__}.{module}"), class_name))
