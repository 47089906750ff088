"""The nouns of the kernel: every field that two of its files share, and who writes it."""

# A run consists of a few kinds of objects that point at each other.  Their shared fields are declared
# here, below everything else, so that each file above holds one law over them and imports only
# downwards.  What an object does is written where that law is.
#
# field of a greenthread   written by (and by fork.py, in the child; tests/test_house.py checks the
#                          files that write the first three)
# trap                     set by spawn, the loop and delivery; by endings for an end that is held.
#                          Cleared by a trap that settles, by delivery, endings and `throw_in`
# fault                    delivery, endings, the `fail` of a trap; taken by traps.fault, delivery, endings
# attention                set by delivery, scope, group, spawn and the `fail` of a trap; cleared by
#                          delivery.attend alone
# scope                    CancelScope (on entering and leaving), scope.condemn, spawn, endings
# interrupts               delivery; Timeout.cancel takes its own back
# killed_by                delivery; cleared by note_kill and endings
# told                     delivery, spawn; CancelScope on leaving
# groups                   Group.open and leave, delivery (of groups that have drained)
# links, waiters           GreenThread.link, unlink and wait; endings
# steps                    spawn, instruments, throwing, and delivery
# gen, value, error, traceback, ended_as_told, heard    endings, once; heard also GreenThread.result
#                          and a TaskGroup
#
# The states of a suspension, told by ``trap.gt`` and ``gt.trap``:
#
#   trap.gt is NOBODY                   no greenthread is suspended on it
#   trap.gt is gt, gt.trap is trap      live: gt is parked, and the event it waits for may settle it
#   trap.gt is gt, gt.trap is not trap  settled, not resumed: gt is in the ready queue, and takes its
#                                       result or its fault when it runs
#
# A wait settles once.  While it is live it has the attribute `open`, and what settles it, expires it or
# disarms it deletes that first.  One of them can: for the others the attribute is missing.  So a signal
# handler that comes between two instructions of one finds the wait settled, or settles it alone.  The
# one that has deleted it puts the greenthread into the ready queue, and clears ``gt.trap`` just before.
#
# A `Direction` is used again and again, and is NOBODY's once gt was resumed; a trap that is used once may
# keep its gt.  Three kinds are never open: a `Pause`, which is in ``gt.trap`` while gt is in the ready
# queue; `Unstarted` and `Held`, which are only ever seen as ``gt.trap``.

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Dict,
    Generic,
    List,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    Type,
    TypeVar,
)

from .._objects import description_of
from ..abc import Trap

if TYPE_CHECKING:
    from types import CodeType, GeneratorType, TracebackType

    from typing_extensions import Self

    from ..abc import Clock, Excepthook, Poller, ReadyQueue, ThreadJob
    from .timers import Timers

T = TypeVar("T")

Link = Tuple[Callable[..., object], Tuple[Any, ...], Dict[str, Any]]


class Steps(Protocol):
    """What runs a step of a greenthread: its contextvars Context, or something around it."""

    def run(self, fn: Callable[..., T], /, *args: Any) -> T:
        """Return ``fn(*args)``."""
        ...


class Suspension(Trap):
    """What the scheduler arms and disarms."""

    __slots__ = ("gt", "open")

    gt: Greenlet  # whose suspension this is; set when it is armed or refused
    open: bool  # it is there while the suspension can be settled or disarmed

    queued: bool = False  # its greenthread is in the ready queue: it settles when resumed
    unstarted: bool = False  # nothing of the greenthread has run yet

    def __repr__(self) -> str:
        # Other loops print it when they are given green code.
        return f"<{type(self).__name__}, a wait of genlet, which genlet.run() must drive>"

    @property
    def live(self) -> bool:
        """Whether a greenthread waits here and has not been woken."""
        return hasattr(self, "open")

    def take(self) -> bool:
        """Claim the right to settle or to disarm this; one of all that try gets it."""
        try:
            del self.open
        except AttributeError:
            return False
        return True

    def arm(self, gt: Greenlet) -> None:
        """Register with whatever will settle this; it may settle at once.

        An exception raised here is raised at the line of the suspension.
        """
        raise NotImplementedError

    def arm_failed(self) -> None:
        """Undo what `arm` had done before an error; not called for a trap that it had settled.

        The error may come when `arm` has done all of it: before the kernel goes on.
        """
        self.disarm()

    def disarm(self) -> bool:
        """Undo `arm`, if `take` allows it; False if not, and the result must be awaited.

        A signal handler may call this between any two instructions of the loop.
        """
        raise NotImplementedError

    def describe(self) -> str:
        """Return what is waited for, a noun phrase that follows "waits for"."""
        raise NotImplementedError

    def subject(self) -> object:
        """Return the object waited on, None if there is none."""
        return None


class Greenlet:
    """What the scheduler switches; `GreenThread` adds what users call.

    Source:
        eventlet, whose GreenThread is a greenlet in the same way.
    """

    gen: Optional[GeneratorType[Trap, None, Any]]  # None: it has ended
    steps: Steps  # runs its steps: its Context, unless something stands around that
    trap: Optional[Suspension]  # what it is suspended on; None while it is ready or runs
    fault: Optional[BaseException]  # raised by the trap's primitive; after the end, to be reported
    attention: bool  # sends its next suspension to delivery.attend
    scheduler: Kernel
    group: Members  # the owner of its life
    parent: Optional[Greenlet]  # the greenthread that spawned it
    number: int  # its place in the run's order of spawning, from 1
    scope: Optional[Scope]  # the innermost scope it has entered
    value: Any  # set when the generator returns
    error: Optional[BaseException]
    # Set together with the error:
    traceback: Optional[TracebackType]
    ended_as_told: bool  # with the very exception that was delivered to it
    heard: bool  # the error was raised to somebody
    site: Optional[CodeType]  # the code of its spawner, and the place in it
    site_lasti: int
    # What most greenthreads never have:
    groups: Optional[List[Members]]
    interrupts: Optional[List[Interrupt]]
    told: Optional[List[Scope]]  # scopes in their grace that have interrupted it
    killed_by: Optional[BaseException]  # the exception of a kill, until its next suspension
    links: Optional[Deque[Link]]
    waiters: Optional[Any]  # the line of those that wait for its end
    _title: str
    _name: Optional[str]

    __slots__ = (
        "__weakref__",
        "_name",
        "_title",
        "attention",
        "ended_as_told",
        "error",
        "fault",
        "gen",
        "group",
        "groups",
        "heard",
        "interrupts",
        "killed_by",
        "links",
        "number",
        "parent",
        "scheduler",
        "scope",
        "site",
        "site_lasti",
        "steps",
        "told",
        "traceback",
        "trap",
        "value",
        "waiters",
    )

    @property
    def dead(self) -> bool:
        """Whether it has ended."""
        return self.gen is None

    @property
    def started(self) -> bool:
        """Whether it has begun to run."""
        trap = self.trap
        return trap is None or not trap.unstarted or self.scheduler.current is self

    @property
    def name(self) -> str:
        """The name of its function and its number in the run, or what it was set to."""
        return self._name if self._name is not None else f"{self._title}-{self.number}"

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        if self.gen is None:
            if self.error is None:
                state = "ended"
            else:
                state = "killed" if self.ended_as_told else "failed"
        elif self.scheduler.current is self:
            state = "running"
        elif not self.started:
            state = "not started"
        elif self.trap is None or self.trap.queued:
            state = "ready"
        else:
            state = f"waits for {description_of(self.trap)}"
        return f"<GreenThread {self.name} {state}>"


class Interrupt:
    """An exception to be raised once in one greenthread."""

    __slots__ = ("exc", "since")

    final: bool = True  # a greenthread that ends with it has not failed
    surfaced: bool = False  # it belongs to no greenthread: if main ends before, the run raises it

    def __init__(self, exc: Any, since: int = 0) -> None:
        self.exc: Any = exc  # an exception or a class of one
        # The sequence number it dates from: groups and shields opened later are inside it.  0, from
        # outside, is older than all: it reaches every group and waits for every shield.
        self.since: int = since

    def taken(self) -> None:
        """It is no longer pending."""


ACTIVE, SOFT, HARD = 0, 1, 2


class Scope:
    """A node of the tree of scopes; `CancelScope` has the law."""

    gt: Optional[Greenlet]  # the greenthread inside the block
    group: Optional[Members]  # the group whose members are inside, for a group's scope
    parent: Optional[Scope]  # the scope around it; None for a run's root scope
    state: int  # ACTIVE, SOFT (each greenthread inside is interrupted once) or HARD (always)
    shield: bool  # it hides the scopes around it
    grace: float
    reason: object
    origin: object
    sequence: int  # the place of its entering among all scopes, groups and timers; 0: not entered
    timer: int

    __slots__ = (
        "grace",
        "group",
        "gt",
        "origin",
        "parent",
        "reason",
        "sequence",
        "shield",
        "state",
        "timer",
    )

    @property
    def cancel_called(self) -> bool:
        """Whether it has been cancelled."""
        return self.state != ACTIVE

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        raise NotImplementedError

    def cancel(self, reason: object = None) -> None:
        raise NotImplementedError

    def interrupt_all(
        self, grace: float, then: Optional[Callable[[List[Greenlet]], None]] = None
    ) -> None:
        raise NotImplementedError

    def harden(self) -> None:
        raise NotImplementedError

    def expire(self) -> None:
        raise NotImplementedError


G_co = TypeVar("G_co", covariant=True, bound=Greenlet)
S_co = TypeVar("S_co", covariant=True, bound=Scope)


class Membership(Generic[G_co, S_co]):
    """The live members of a `Group`, and what the kernel asks of it."""

    alert: bool  # a scope around the group may be cancelled, so a new member must look
    answers: bool  # the group takes its members' errors: the hook is not told
    left: bool  # its block was left while members lived
    members: Dict[G_co, None]  # the greenthreads that have not ended, in the order of spawning
    owner: Optional[Greenlet]  # the greenthread that opened the group; None for a run's root group
    scheduler: Kernel
    scope: S_co  # cancels them all, and the owner while it is inside the block
    sequence: int  # the place of its opening among all scopes, groups and timers

    __slots__ = ("alert", "answers", "left", "members", "owner", "scheduler", "scope", "sequence")

    def ended(self, gt: Any) -> None:
        """A member has ended."""
        raise NotImplementedError

    def late_error(self) -> Optional[BaseException]:
        """Return the error that the owner must still get once the members are gone."""
        return None


Members = Membership[Greenlet, Scope]
"""A group, for the files that do not know what it is made of."""


class Entry:
    """One descriptor in the hub's table."""

    fd: int
    waits: Sequence[Any]  # the waits by number

    __slots__ = ("fd", "waits")

    def event(self, mask: int) -> None:
        """The poller reported *mask*."""
        raise NotImplementedError

    def close(self) -> None:
        """The descriptor is gone, or is about to be: forget it, and fail its waits."""

    def awaited(self) -> Optional[Suspension]:
        """Return a greenthread's wait for it.  If there is none, the next is told to the hub."""
        return None

    def unbind(self) -> None:
        """The run has ended."""


class DescriptorTable(Protocol):
    """What the files below the hub ask of it."""

    poller: Poller
    edge: bool
    table: Dict[int, Entry]
    woken: Dict[int, List[Any]]
    closings: Dict[int, int]
    left: Optional[List[Any]]

    def watch(self, wait: Any) -> None: ...
    def leave(self, wait: Any) -> None: ...
    def sweep(self) -> None: ...
    def resumed(self, wait: Any) -> None: ...
    def unwatch(self, wait: Any) -> None: ...
    def forget(self, fd: int) -> None: ...
    def awaited(self) -> Optional[Suspension]: ...
    def clear(self) -> None: ...


class RunEnd(Protocol):
    """What is asked of the state of a run's end."""

    begun: bool
    overtime: bool
    late_exit: Optional[BaseException]

    def begin(self) -> None: ...
    def hurry(self, error: BaseException) -> None: ...
    def ignored_by(self, gt: Greenlet) -> bool: ...
    def give_up(self) -> None: ...
    def close_leftovers(self) -> None: ...


class Observers(Protocol):
    """What is asked of the instruments."""

    def tell(self, what: str, *args: object) -> None: ...
    def add(self, instrument: Any) -> None: ...
    def remove(self, instrument: Any) -> bool: ...
    def queue(self, put: Callable[[Greenlet], None]) -> Callable[[Greenlet], None]: ...
    def wait(self, wait: Any, ready: Any) -> Any: ...
    def __len__(self) -> int: ...


class Kernel:
    """One run: what it holds, and what the files below the loop ask of it."""

    ready: ReadyQueue[Greenlet]
    append: Callable[[Greenlet], None]  # makes a greenthread runnable: the queue's, or around it
    appendleft: Callable[[Greenlet], None]
    wait: Callable[[Optional[float]], List[Tuple[int, int]]]  # the poller's, or around it
    clock: Clock
    timers: Timers
    hub: DescriptorTable
    current: Optional[Greenlet]  # the greenthread whose step this is; None between steps
    main: Optional[Greenlet]  # its end begins the end of the run
    root: Members  # the group of everything that `genlet.spawn` makes; its first member is main
    spawned: int  # how many greenthreads there have been
    pending: Dict[Greenlet, List[Interrupt]]  # the lists of `Greenlet.interrupts`
    pledges: int  # open portals, jobs on threads, signal waits: with one, nothing is a deadlock
    thread: int
    debug: bool  # report blocks that are left by children that still clean up
    excepthook: Excepthook
    instruments: Optional[Observers]
    aborting: Optional[Dict[Greenlet, bool]]  # in an abort: which greenthreads may run now
    chain: Optional[Deque[Tuple[Callable[..., object], Tuple[Any, ...]]]]  # see chains.py
    chaining: bool  # the calls of the chain are being made
    closing: RunEnd
    hosted: bool  # a host drives the run (see guest.py), and may act after every turn
    between_turns: bool  # the host acts now, and may start a run of its own in this thread
    closed: bool  # nothing runs any more
    orphan: bool  # this is the copy in a forked child

    def everybody(self) -> Sequence[Greenlet]:
        """Return every live greenthread, each before those of the groups it owns."""
        found: List[Greenlet] = []
        stack = list(self.root.members)[::-1]
        while stack:
            gt = stack.pop()
            found.append(gt)
            for group in gt.groups or ():
                stack.extend(reversed(list(group.members)))
        return found

    def disown(self) -> None:
        """Let go of everything: this is the copy in a forked child."""
        raise NotImplementedError

    # The calls upward: made below the file that holds the law.

    def spawn(
        self,
        fn: Callable[..., Any],
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
        group: Optional[Members] = None,
        delay: Optional[float] = None,
        local: bool = False,
        depth: int = 2,
        verb: str = "spawn",
    ) -> Any:
        """Return a new GreenThread, a class declared above this file; see spawn.py."""
        raise NotImplementedError

    def abort(self, greenthreads: List[Greenlet]) -> None:
        """Run *greenthreads*, which were just cancelled, at once; see delivery.py."""
        raise NotImplementedError

    def tell_hook(self, gt: Greenlet, error: BaseException) -> None:
        """Report an error of *gt* that nobody else will learn of."""
        raise NotImplementedError

    def report_call(self, fn: object, error: BaseException) -> None:
        """Report an error of *fn*, a plain function that the kernel called."""
        raise NotImplementedError

    def end(
        self, gt: Greenlet, value: object, error: Optional[BaseException], again: bool = False
    ) -> None:
        """Record the end of *gt*; see endings.py."""
        raise NotImplementedError

    def again(self, fn: Callable[..., object], *args: Any) -> None:
        """Have the loop call ``fn(*args)`` in its next turn: what is cut short, or must not be done now."""
        raise NotImplementedError

    def offload(self, job: ThreadJob) -> None:
        """Have *job* done on a thread."""
        raise NotImplementedError

    def unobserved_wait(self) -> Callable[[Optional[float]], List[Tuple[int, int]]]:
        """Return the poller's wait, without instruments around it."""
        raise NotImplementedError

    def surface(self, error: BaseException) -> None:
        """Raise *error*, which belongs to no greenthread, to whatever drives the run."""
        raise NotImplementedError

    def report_survivors(self, greenthreads: List[Greenlet]) -> None:
        """Report those that had to be closed by force at the end of the run."""
        raise NotImplementedError
