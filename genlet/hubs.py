"""eventlet's spelling of the kernel's descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Union

from ._absent import asked_by, missing
from .kernel import available_hubs, get_scheduler, trampoline, use_hub

if TYPE_CHECKING:
    from .abc import HasFileno
    from .kernel import Scheduler

__all__ = ["get_default_hub", "get_hub", "notify_close", "notify_opened", "trampoline", "use_hub"]


# A package, of no modules: so that importing one of eventlet's reaches the finder that answers it.
__path__: List[str] = []


def __getattr__(name: str) -> object:
    raise missing(__name__, name, asked_by(1))


def get_default_hub() -> str:
    """Return the name of the best hub of this platform.

    Source:
        eventlet ``hubs.get_default_hub``, which returns the module of the hub.
    """
    return available_hubs()[0]


def get_hub() -> Scheduler:
    """Return the kernel of this thread's run.

    Raises:
        RuntimeError: No run is going on in this thread.

    Source:
        eventlet ``hubs.get_hub``, which makes a hub where this raises.
    """
    return get_scheduler()


def notify_close(fd: Union[int, HasFileno]) -> None:
    """Say that *fd* is about to be closed: its waits raise ClosedResource at once.

    Source:
        eventlet ``hubs.notify_close``, which wakes nobody.
    """
    get_scheduler().hub.forget(fd if isinstance(fd, int) else fd.fileno())


def notify_opened(fd: Union[int, HasFileno]) -> None:
    """Say that the system just handed out *fd*: its waits are for a file that is gone.

    Source:
        eventlet ``hubs.notify_opened``.
    """
    get_scheduler().hub.forget(fd if isinstance(fd, int) else fd.fileno())
