"""The exceptions that interrupt greenthreads, and the record of whom each was delivered to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional, Tuple, Type, Union

if TYPE_CHECKING:
    from .state import Greenlet, Scope

# The attribute of an exception that lists its deliveries.
DELIVERIES = "_genlet_deliveries"

ExceptionLike = Union[BaseException, Type[BaseException]]
"""What a caller may give to be raised: an instance, or a class that takes no arguments."""


class Cancelled(BaseException):
    """Raised at a suspension inside a scope that was cancelled.

    A BaseException, so that ``except Exception`` does not swallow it.  Let it pass: the scope it
    belongs to catches it.

    Attributes:
        scope: The scope that was cancelled; None if this belongs to no scope.
        reason: What was given to ``cancel``; for a failing child of a group, its exception.
        origin: The greenthread whose failure was the reason, or the exception that ended the
            greenthread one waited for; else None.
    """

    reason: object = None
    scope: Optional[Scope] = None
    origin: object = None

    def __init__(
        self,
        reason: object = None,
        *,
        scope: Optional[Scope] = None,
        origin: object = None,
    ) -> None:
        # BaseException.__new__ has set args to what was given by position.
        args = self.args
        if reason is None:
            if args:
                super().__init__()
        else:
            self.reason = reason
            if len(args) != 1 or args[0] is not reason:
                super().__init__(reason)
        if scope is not None:
            self.scope = scope
        if origin is not None:
            self.origin = origin


class GreenletExit(Cancelled):
    """What `kill` raises in its victim, and what waiting for a killed greenthread raises.

    A greenthread that ends with it has ended as it was told, and nothing is reported.
    """


def check_exception(exc: object, taker: str) -> None:
    """Refuse something that cannot be raised, at the call that passed it."""
    is_class = isinstance(exc, type) and issubclass(exc, BaseException)
    if not is_class and not isinstance(exc, BaseException):
        raise TypeError(f"{taker} takes an exception class or instance, not {exc!r}")


def fresh(exc: ExceptionLike) -> BaseException:
    """Return the exception to raise: a new one of a class, an instance without its traceback."""
    if exc is GreenletExit:
        return bare(GreenletExit)  # without arguments its __init__ does nothing
    if isinstance(exc, BaseException):
        return exc.with_traceback(None)
    try:
        return exc()
    except BaseException as error:  # it must not be raised in the greenthread that interrupts
        return error


bare: Callable[[Type[GreenletExit]], GreenletExit] = BaseException.__new__

# A note on an exception that it was delivered to a greenthread: the greenthread, the sequence number
# that the interruption dates from, and whether a greenthread that ends with this very object has not
# failed.  It is kept on the exception.  A greenthread must not keep every exception it has survived
# alive, with all the frames that they passed.  Until its next suspension it keeps one, the GreenletExit
# of a kill, in ``killed_by``: most killed greenthreads end before that, and a note takes a sixth of the
# time of a kill.
if TYPE_CHECKING:
    Delivery = Tuple[Greenlet, int, bool]
else:
    Delivery = tuple  # a name in quotes between brackets loads ast, since Python 3.14


def note(exc: BaseException, delivery: Delivery) -> None:
    """Note on *exc* that it is delivered."""
    noted: Tuple[Delivery, ...] = getattr(exc, DELIVERIES, ())
    if noted:
        noted = tuple(one for one in noted if one[0].gen is not None)
    try:
        setattr(exc, DELIVERIES, (*noted, delivery))
    except AttributeError:
        pass  # an exception with slots: ending with it counts as failing


def note_kill(gt: Greenlet) -> None:
    """Note on the exception that *gt* was killed by that it is delivered, and let go of it."""
    exc, gt.killed_by = gt.killed_by, None
    if exc is not None:
        note(exc, (gt, 0, True))


def interrupted_by(gt: Greenlet, exc: BaseException, before: Optional[int] = None) -> bool:
    """Whether *exc* is the very object that was delivered to *gt* as an interruption.

    Args:
        before: Count only an interruption that dates from this sequence number or earlier.
    """
    if exc is gt.killed_by:
        return True  # it dates from before everything
    noted: Tuple[Delivery, ...] = getattr(exc, DELIVERIES, ())
    return any(one is gt and (before is None or since <= before) for one, since, _ in noted)


def is_final(exc: BaseException, gt: Greenlet) -> bool:
    """Whether *gt*, which ended with *exc*, ended as it was told; its notes are taken off."""
    noted: Tuple[Delivery, ...] = getattr(exc, DELIVERIES, ())
    if not noted:
        return False
    final = False
    others: Tuple[Delivery, ...] = ()
    for one in noted:
        if one[0] is gt:
            final = final or one[2]
        else:
            others = (*others, one)
    setattr(exc, DELIVERIES, others)
    return final
