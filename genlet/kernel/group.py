"""Groups of greenthreads with one owner: the base of structured concurrency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Optional

from . import report
from .delivery import abort, release
from .holding import NEVER
from .scope import CancelScope
from .state import Membership

if TYPE_CHECKING:
    from .greenthread import AnyGreenThread
    from .state import Greenlet, Kernel

    Base = Membership[AnyGreenThread, CancelScope]
else:
    Base = Membership  # a name in quotes between brackets loads ast, since Python 3.14


class Group(Base):
    """The live members of a group, and the scope they run in.

    A run's root group has no owner and is never left.  A group with an owner is opened and left by
    it, between its own scopes.  Left with live members it becomes a *barrier*: the owner's next
    suspension, or its end, is held until the members are gone.
    """

    __slots__ = ()

    def __init__(self, scheduler: Kernel, grace: float = 0) -> None:
        self.scheduler: Kernel = scheduler
        self.members: Dict[AnyGreenThread, None] = {}
        self.scope: CancelScope = CancelScope(grace=grace)
        self.scope.group = self
        self.owner: Optional[Greenlet] = None
        self.sequence: int = 0
        self.alert: bool = False
        self.answers: bool = False
        self.left: bool = False

    def open(self, owner: Greenlet) -> None:
        """Make *owner*, which is running, the owner, and enter the scope."""
        self.scope.__enter__()
        self.owner = owner
        self.sequence = self.scope.sequence
        if owner.groups is None:
            owner.groups = []
        owner.groups.append(self)
        # Looked at after the group can be found from its owner: a scope around it that a signal handler
        # cancels is seen here, or makes the group alert itself.
        if owner.attention:
            self.alert = True

    def leave(self, exc: Optional[BaseException]) -> bool:
        """Leave the scope; with live members the group stays behind as a barrier.

        Returns:
            Whether *exc* is the scope's own cancellation.
        """
        caught = self.scope.__exit__(None if exc is None else type(exc), exc, None)
        owner = self.owner
        if owner is not None and owner.groups is not None:
            unstarted: List[Greenlet] = [gt for gt in self.members if gt.trap is NEVER]
            if unstarted:
                abort(self.scheduler, unstarted)  # nothing of them has run, or will: no barrier
            if self.members:
                self.left = True
                owner.attention = True
                if self.scheduler.debug:
                    report.print_barrier(owner, self)
            else:
                owner.groups.remove(self)
                self._let_go()
        return caught

    def ended(self, gt: AnyGreenThread) -> None:
        """Remove *gt*, which has ended; the last member to end lets the owner go on.

        It may be called again after an error.
        """
        self.members.pop(gt, None)
        owner = self.owner
        if not self.members and owner is not None:
            if self.left:
                self.scheduler.timers.cancel(self.scope)
            release(self.scheduler, owner)
            if self.left:
                self._let_go()

    def _let_go(self) -> None:
        """The block was left and the members are gone: point at nothing that may point back.

        The frames of an error's traceback have the group among their variables, and a member that
        has ended keeps its group.
        """
        scope = self.scope
        self.owner = scope.group = scope.origin = None
        if isinstance(scope.reason, BaseException):
            scope.reason = None
