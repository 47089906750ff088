"""The exceptions that interrupt greenthreads, and the record of whom each was delivered to."""

from __future__ import annotations

from _weakref import ref
from typing import TYPE_CHECKING, Callable, Iterator, Optional, Tuple, Type, Union, cast

from .._objects import attributes_of, is_a, text_of, with_traceback
from .timers import next_number

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


bare: Callable[[Type[GreenletExit]], GreenletExit] = BaseException.__new__


class Delivery:
    """A note on an exception that it was delivered to a greenthread.

    It is kept on the exception.  A greenthread must not keep every exception it has survived alive,
    with all the frames that they passed.  Until its next suspension it keeps one, the GreenletExit of
    a kill, in ``killed_by``: most killed greenthreads end before that, and need no note.
    """

    __slots__ = ("about", "at", "final", "gt", "scope", "since")

    def __init__(
        self,
        exc: BaseException,
        gt: Greenlet,
        since: int,
        final: bool = True,
        scope: Optional[Scope] = None,
    ) -> None:
        self.about: int = id(exc)  # a copy has the same notes, and was not delivered
        self.gt: ref[Greenlet] = ref(gt)  # its own error may lead to this
        self.since: int = since  # the sequence number that the interruption dates from
        self.at: int = next_number()
        self.final: bool = final  # a greenthread that ends with this very object has not failed
        self.scope: Optional[Scope] = scope  # that asked for it; None: an interrupt

    def __reduce__(self) -> Tuple[Callable[[], None], Tuple[()]]:
        return _nothing, ()  # it does not go along when the exception is pickled


def _nothing() -> None:
    """Return what a pickled note becomes."""


def _notes(exc: BaseException, gt: Greenlet) -> Iterator[Delivery]:
    """Yield the notes that *exc* was delivered to *gt*: none or one."""
    for one in deliveries_of(exc):
        if one is not None and one.gt() is gt and one.about == id(exc):
            yield one


def deliveries_of(exc: BaseException) -> Tuple[Optional[Delivery], ...]:
    """Return the notes on *exc*; None stands for one that was pickled."""
    noted: Tuple[Optional[Delivery], ...] = attributes_of(exc).get(DELIVERIES, ())
    return noted


def note(exc: BaseException, delivery: Delivery) -> None:
    """Note on *exc* that it is delivered; older notes of that greenthread are dropped."""
    noted = deliveries_of(exc)
    if noted:
        noted = tuple(one for one in noted if one is not None and _others(one, delivery))
    attributes_of(exc)[DELIVERIES] = (*noted, delivery)


def _others(one: Delivery, delivery: Delivery) -> bool:
    gt = one.gt()
    return gt is not None and gt.gen is not None and gt is not delivery.gt()


def note_kill(gt: Greenlet) -> None:
    """Note on the exception that *gt* was killed by that it is delivered, and let go of it."""
    exc, gt.killed_by = gt.killed_by, None
    if exc is not None:
        note(exc, Delivery(exc, gt, 0))


def from_now_on(gt: Greenlet) -> int:
    """Return a sequence number for `interrupted_by`: what is delivered to *gt* later comes after it."""
    note_kill(gt)
    return next_number()


def interrupted_by(gt: Greenlet, exc: BaseException, around: Optional[int] = None) -> bool:
    """Whether *exc* is the very object that was delivered to *gt* as an interruption.

    The Cancelled of a scope that was left since is none: it interrupts nothing any more.

    Args:
        around: Count only an interruption that dates from before this sequence number, and was
            delivered after it: one that came from outside of what has begun then.
    """
    if exc is gt.killed_by:
        return True  # it dates from before everything, and was delivered just now
    for one in _notes(exc, gt):
        if around is None or one.since <= around <= one.at:
            return one.scope is None or encloses(one.scope, gt.scope)
    return False


def is_final(exc: BaseException, gt: Greenlet) -> bool:
    """Whether *gt*, which ended with *exc*, ended as it was told."""
    return any(one.final for one in _notes(exc, gt))


def encloses(outer: Scope, scope: Optional[Scope]) -> bool:
    """Whether *scope* is *outer* or was entered inside it."""
    while scope is not None:
        if scope is outer:
            return True
        scope = scope.parent
    return False
