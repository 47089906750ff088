"""``genlet hubs``, and the option ``--hub`` of the other subcommands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ..abc import Green
from ..kernel import Runner, available_hubs, checkpoint, get_scheduler
from . import UsageError

if TYPE_CHECKING:
    import argparse

SUMMARY = "list the hubs of this platform, and mark the one a run takes"


def command(_: argparse.Namespace) -> int:
    """Print the hubs of this platform."""
    taken = chosen(None)
    for name in available_hubs():
        print(f"* {name}" if name == taken else f"  {name}")
    return 0


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--hub`` to *parser*."""
    parser.add_argument(
        "--hub",
        choices=available_hubs(),
        help="what waits for descriptors (the one that GENLET_HUB names, or the platform's best)",
    )


def chosen(name: Optional[str]) -> str:
    """Return the name of the hub that ``Runner(hub=name)`` takes.

    Raises:
        UsageError: GENLET_HUB names a hub that this platform does not have.
    """

    def ask() -> Green[str]:
        yield from checkpoint()
        return type(get_scheduler().hub.poller).__module__.rpartition(".")[2]

    try:
        return Runner(hub=name).run(ask)
    except ValueError as exc:
        raise UsageError(exc) from None
