"""The exceptions that interrupt greenthreads, and the record of whom each was delivered to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Tuple, Type, Union, cast

from .._objects import attributes_of, is_a, text_of, with_traceback

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
    is_class = issubclass(type(exc), type) and issubclass(cast(type, exc), BaseException)
    if not is_class and not is_a(exc, BaseException):
        raise TypeError(f"{taker} takes an exception class or instance, not {text_of(exc)}")


def fresh(exc: ExceptionLike) -> BaseException:
    """Return the exception to raise: a new one of a class, an instance without its traceback."""
    if exc is GreenletExit:
        return bare(GreenletExit)  # without arguments its __init__ does nothing
    if is_a(exc, BaseException):
        return with_traceback(exc, None)
    try:
        made: object = exc()
        if not is_a(made, BaseException):
            raise TypeError(f"{exc.__qualname__}() is no exception: it is {text_of(made)}")
        return made
    except BaseException as error:  # it must not be raised in the greenthread that interrupts
        return error


bare = BaseException.__new__

# A note on an exception that it was delivered to a greenthread: the greenthread, the sequence number
# that the interruption dates from, and whether a greenthread that ends with this very object has not
# failed.  It is kept on the exception.  A greenthread must not keep every exception it has survived
# alive, with all the frames that they passed.  Until its next suspension it keeps one, the GreenletExit
# of a kill, in ``killed_by``: most killed greenthreads end before that, and a note takes a fifth of the
# time of a kill.
Delivery = Tuple["Greenlet", int, bool]


def deliveries_of(exc: BaseException) -> Tuple[Delivery, ...]:
    """Return the notes on *exc*."""
    noted: Tuple[Delivery, ...] = attributes_of(exc).get(DELIVERIES, ())
    return noted


def set_deliveries(exc: BaseException, noted: Tuple[Delivery, ...]) -> None:
    """Replace the notes on *exc*."""
    attributes_of(exc)[DELIVERIES] = noted


def note(exc: BaseException, delivery: Delivery) -> None:
    """Note on *exc* that it is delivered."""
    noted = deliveries_of(exc)
    if noted:
        noted = tuple(one for one in noted if one[0].gen is not None)
    set_deliveries(exc, (*noted, delivery))


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
    noted = deliveries_of(exc)
    return any(one is gt and (before is None or since <= before) for one, since, _ in noted)


def is_final(exc: BaseException, gt: Greenlet) -> bool:
    """Whether *gt*, which ended with *exc*, ended as it was told."""
    noted = deliveries_of(exc)
    return any(one is gt and final for one, _, final in noted)


def forget(exc: BaseException, gt: Greenlet) -> None:
    """Take the notes of deliveries to *gt*, which has ended, off *exc*."""
    noted = deliveries_of(exc)
    if noted:
        set_deliveries(exc, tuple(one for one in noted if one[0] is not gt))
