"""Which greenthread uses a file: a second one is refused, and the one that waits is woken at the end."""

from __future__ import annotations

from typing import Optional

from ..errors import BusyResource, ClosedResource
from ..kernel import AnyGreenThread, getcurrent

__all__ = ["closed_meanwhile", "in_use", "running"]


def running() -> Optional[AnyGreenThread]:
    """Return the running greenthread; None outside of a run."""
    try:
        return getcurrent()
    except RuntimeError:
        return None


def in_use(file: object, verb: str, first: AnyGreenThread) -> BusyResource:
    """Return the error for a second greenthread that uses a file.

    Args:
        verb: What both do, as in "two greenthreads read".
        first: The greenthread that does it already.
    """
    where = first.where()
    return BusyResource(
        f"two greenthreads {verb} {file!r}: {first!r} already does"
        f"{', at ' + where if where else ''}; let one of them do it, or share a lock"
    )


def closed_meanwhile(file: object) -> ClosedResource:
    """Return the error for a greenthread that waited in a file when it was closed."""
    return ClosedResource(f"{file!r} was closed while this greenthread waited in it")
