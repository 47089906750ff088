"""Which poller a run gets: by name, by environment, by platform."""

from __future__ import annotations

import os
import select
from importlib import import_module
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple, cast

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
    source = "hub"
    if name is None:
        name = os.environ.get(VARIABLE) or None
        source = VARIABLE
    here = available()
    if name is None:
        name = here[0]
    if name not in here:
        what = (
            f"{name!r} is not available on this platform"
            if name in POLLERS
            else (f"there is no hub named {name!r}")
        )
        raise ValueError(f"{source}: {what}; this platform has {', '.join(here)}")
    module, class_name, _ = POLLERS[name]
    poller = getattr(import_module(f"{__name__}.{module}"), class_name)()
    return cast("Poller", poller)  # the table names only classes that are one
