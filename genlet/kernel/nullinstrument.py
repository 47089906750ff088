"""An instrument to subclass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread


class NullInstrument:
    """An instrument that does nothing: subclass it, and implement the methods you need."""

    def before_run(self) -> None:
        """The run begins."""

    def after_run(self) -> None:
        """The run has ended."""

    def spawned(self, gt: AnyGreenThread) -> None:
        """*gt* was made."""

    def scheduled(self, gt: AnyGreenThread) -> None:
        """*gt* became runnable."""

    def before_step(self, gt: AnyGreenThread) -> None:
        """*gt* is about to run."""

    def after_step(self, gt: AnyGreenThread) -> None:
        """*gt* was suspended or has ended."""

    def finished(self, gt: AnyGreenThread) -> None:
        """*gt* has ended, and its outcome is known."""

    def before_wait(self, timeout: Optional[float]) -> None:
        """The run is about to poll for *timeout* seconds, None for no limit."""

    def after_wait(self, events: int) -> None:
        """The run has polled, and got this many events."""
