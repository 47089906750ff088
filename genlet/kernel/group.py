"""A group of greenthreads with one owner: what structured concurrency stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, Optional

from . import report
from .cancel import CancelScope

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread
    from .scheduler import Scheduler


class Group:
    """The live members of a group, and the scope they run in.

    A run's root group has no owner and is never left.  A group with an owner is opened and left by
    it, in the middle of its own scopes.  Left with live members it becomes a *barrier*: the owner's
    next suspension, or its end, is held until the members are gone.

    Attributes:
        members: The greenthreads that have not ended, in the order they were spawned.
        scope: Cancels them all, and the owner while it is inside the block.
        alert: Whether anything around the group may be cancelled, so that a new member must look.
        answers: Whether the group takes its members' errors, so that nobody else need be told.
    """

    __slots__ = ("alert", "answers", "left", "members", "owner", "scheduler", "scope", "sequence")

    def __init__(self, scheduler: Scheduler, grace: float = 0) -> None:
        self.scheduler: Scheduler = scheduler
        self.members: Dict[AnyGreenThread, None] = {}
        self.scope: CancelScope = CancelScope(grace=grace)
        self.scope.group = self
        self.owner: Optional[AnyGreenThread] = None
        self.sequence: int = 0
        self.alert: bool = False
        self.answers: bool = False
        self.left: bool = False

    def open(self, owner: AnyGreenThread) -> None:
        """Make *owner*, who is running, the owner, and enter the scope."""
        self.scope.__enter__()
        self.owner = owner
        self.sequence = self.scope.sequence
        self.alert = owner.attention
        if owner.groups is None:
            owner.groups = []
        owner.groups.append(self)

    def leave(self, exc: Optional[BaseException]) -> bool:
        """Leave the scope; with live members the group stays behind as a barrier.

        Returns:
            Whether *exc* is the scope's own cancellation.
        """
        caught = self.scope.__exit__(None if exc is None else type(exc), exc, None)
        owner = self.owner
        if owner is not None and owner.groups is not None:
            if self.members:
                self.left = True
                owner.attention = True
                if self.scheduler.debug:
                    report.print_barrier(owner, self)
            else:
                owner.groups.remove(self)
                self.scope.group = None  # nobody is left to be cancelled: let go of each other
        return caught

    def ended(self, gt: AnyGreenThread) -> None:
        """A member has ended; the last one to do so lets the owner go on."""
        del self.members[gt]
        if not self.members and self.owner is not None:
            if self.left:
                self.scope.group = None
                self.scheduler.timers.cancel(self.scope)
            self.scheduler.release(self.owner)

    def late_error(self) -> Optional[BaseException]:
        """Return what the owner must still be told when the barrier opens."""
        return None
