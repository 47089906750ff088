"""The scheduler: the loop over ready greenthreads, timers and descriptors."""

# Theory of operation
# -------------------
# Read `turns` from top to bottom; the rest of the kernel is called by it, or by code that makes a
# greenthread runnable.  A turn lies between two yields.  The events that were sent are delivered (in
# the last lines of the loop); then, from its top on, the calls that threads and signals have left are
# made; the greenthreads that are ready by then run, first in first out; the timers due at one reading
# of the clock fire.  The turn ends by yielding how long the kernel can wait.  A greenthread that
# becomes ready meanwhile waits for the next turn, so two greenthreads that wake each other starve
# nobody.
#
# The loop does not wait for events.  `driver.drive` does, with the poller, and sends them; for a guest
# its host does.
#
# Invariants:
# * A greenthread becomes runnable by ``scheduler.append(gt)`` only; ``appendleft`` is for the victim
#   of a kill.  It is in the queue at most once: what settles or interrupts a live trap puts it there,
#   and takes the trap off.  `Pause` and `Unstarted` stay on while it is queued, and have flags for it.
# * ``gt.attention`` is true whenever anything but arming may have to happen at its next suspension.
#   It may be true for nothing; `attend` finds out, and clears it.

from __future__ import annotations

from _thread import get_ident
from collections import deque
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Dict,
    Generator,
    List,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    cast,
)

from ..errors import Deadlock
from . import delivery, endings, fork, report
from . import instruments as observing
from . import spawn as spawning
from .current import running, running_kernel
from .delivery import SEND, arming_failed, attend, interrupt, poke
from .endings import STEPPERS, Closing, end
from .group import Group
from .hub import Hub
from .nobody import NOBODY
from .plain import CallsLater
from .signals import Signals
from .state import Interrupt
from .timers import Timers
from .traps import Pause
from .wakeup import Wakeup

if TYPE_CHECKING:
    from contextvars import Context
    from types import GeneratorType

    from ..abc import Clock, Companion, Excepthook, Green, Instrument, Poller, ReadyQueue, Trap
    from ..abc import ThreadJob as Job
    from .greenthread import AnyGreenThread, GreenThread
    from .state import DescriptorTable, Greenlet, Members, Observers, RunEnd, Suspension

T = TypeVar("T")

# The longest wait asked of the poller, in seconds: epoll takes milliseconds in 31 bits.
DAY = 86400.0
# The longest wait that nothing can interrupt, in seconds: there is no wakeup pipe.
BLIND = 0.05

Events = Sequence[Tuple[int, int]]


class Scheduler(CallsLater):
    """One run's kernel: the ready queue, the timers, the descriptors and the greenthreads."""

    # What most runs never change is the class's: each attribute set costs every run.
    main: Optional[Greenlet] = None
    instruments: Optional[Observers] = None
    aborting: Optional[Dict[Greenlet, bool]] = None
    chain: Optional[Deque[Tuple[Callable[..., object], Tuple[Any, ...]]]] = None
    chaining: bool = False
    pending: Dict[Greenlet, List[Interrupt]] = {}  # noqa: RUF012  # one for all runs
    spawned: int = 0
    pledges: int = 0
    debug: bool = False
    closed: bool = False
    orphan: bool = False
    hosted: bool = False
    between_turns: bool = False
    companions: Optional[List[Companion]] = None  # those that were started
    _awaited: Optional[Suspension] = None  # the wait for a descriptor that was found last
    _blocked: bool = False  # the poller has been asked for a wait that blocks

    def __init__(
        self,
        *,
        poller: Poller,
        clock: Clock,
        ready: Optional[ReadyQueue[Any]] = None,
        timers: Optional[Timers] = None,
        instruments: Sequence[Instrument[Any]] = (),
        excepthook: Optional[Excepthook] = None,
        grace: float = 1.0,
    ) -> None:
        queue: ReadyQueue[Any] = deque() if ready is None else ready
        self.ready: ReadyQueue[Greenlet] = queue
        self.append: Callable[[Greenlet], None] = queue.append
        self.appendleft: Callable[[Greenlet], None] = queue.appendleft
        self.clock: Clock = clock
        self.timers: Timers = Timers() if timers is None else timers
        self.hub: DescriptorTable = Hub(poller)
        self.wait: Callable[[Optional[float]], List[Tuple[int, int]]] = self._first_wait
        self.wakeup: Wakeup = Wakeup(self)
        self.thread: int = get_ident()
        self.excepthook: Excepthook = report.print_error if excepthook is None else excepthook

        self.current: Optional[Greenlet] = None
        self.root: Members = Group(self)
        self.orders: Dict[Any, None] = {}  # what other threads wait for in Portal.run
        self.closing: RunEnd = Closing(self, grace)
        self.signals: Signals = Signals(self, self.wakeup, self.root)
        for instrument in instruments:
            self.attach(instrument)

    # The laws of other files as methods, for code that knows the kernel and not those files.  Declared
    # for checkers, and taken as they are at run time: a call more would cost every spawn.
    if TYPE_CHECKING:

        def spawn(
            self,
            fn: Callable[..., Green[T]],
            args: Tuple[Any, ...],
            kwargs: Dict[str, Any],
            group: Optional[Members] = None,
            delay: Optional[float] = None,
            local: bool = False,
            depth: int = 2,
            verb: str = "spawn",
        ) -> GreenThread[T]: ...

        def finished(
            self,
            gen: GeneratorType[Trap, None, T],
            context: Context,
            value: Optional[T],
            error: Optional[BaseException],
            depth: int,
        ) -> GreenThread[T]: ...

    else:
        spawn = spawning.spawn
        finished = spawning.finished

    def attach(self, instrument: Instrument[Any]) -> None:
        """Have *instrument* called from now on; at any time, in the kernel's thread."""
        observing.attach(self, instrument)

    def detach(self, instrument: Instrument[Any]) -> None:
        """Call *instrument* no more.

        Raises:
            ValueError: It is not attached, or was dropped because it raised.
        """
        observing.detach(self, instrument)

    def everybody(self) -> List[AnyGreenThread]:
        # spawn makes no greenlets of another class.
        return cast("List[AnyGreenThread]", super().everybody())

    def abort(self, greenthreads: List[Greenlet]) -> None:
        delivery.abort(self, greenthreads)

    def end(
        self, gt: Greenlet, value: object, error: Optional[BaseException], again: bool = False
    ) -> None:
        endings.end(self, gt, value, error, again)

    def again(self, fn: Callable[..., object], *args: Any) -> None:
        self.wakeup.calls.append((fn, args))

    def report_call(self, fn: object, error: BaseException) -> None:
        endings.report_call(self, fn, error)

    def tell_hook(self, gt: Greenlet, error: BaseException) -> None:
        delivery.tell_hook(gt, error)

    # ---- the loop ---------------------------------------------------------------------------------

    def turns(self) -> Generator[Optional[float], Events, None]:
        """Run one turn for each resumption, until no greenthread is left.

        Send it the poller's events, (descriptor, mask) each; None to begin with.

        Yields:
            How long the kernel can wait: 0.0 if a greenthread is ready, seconds, None for no limit.
        """
        root = self.root
        members = root.members
        ready = self.ready
        popleft = ready.popleft
        timers = self.timers
        heap = timers.heap
        added = timers.added
        calls = self.wakeup.calls
        table = self.hub.table
        clock = self.clock
        hosted = self.hosted

        while members:
            if calls:
                self.wakeup.run_calls()

            append = self.append
            for _ in range(len(ready)):
                gt = popleft()
                self.current = gt
                try:
                    trap = gt.steps.run(SEND, gt.gen, None)
                    if gt.attention:
                        attended = attend(self, gt, trap)
                        if attended is None:
                            continue
                        trap = attended
                except StopIteration as stop:
                    if (
                        gt.group is root
                        and gt.waiters is None
                        and gt.links is None
                        and gt.groups is None
                        and gt.killed_by is None
                        and gt.interrupts is None
                        and gt.gen is not None  # else a signal handler has just killed it
                        and gt is not self.main
                        and self.instruments is None
                    ):  # `end` of one that nothing is linked to, inlined
                        gt.gen = gt.trap = gt.parent = gt.scope = None
                        gt.value = stop.value
                        del members[gt]
                    else:
                        end(self, gt, stop.value, None)
                    continue
                except BaseException as exc:
                    end(self, gt, None, exc)
                    continue
                gt.trap = trap
                if type(trap) is Pause:  # its arm, inlined: letting others run is frequent
                    trap.gt = gt
                    append(gt)
                    continue
                try:
                    type(trap).arm(trap, gt)  # not trap.arm: an object may answer to every name
                    if gt.attention:  # it came between the look and here
                        poke(gt)
                except BaseException as exc:
                    arming_failed(self, gt, trap, exc)
            self.current = None

            if heap or added:
                timers.fire(clock())

            if ready or calls:
                if not table and not hosted:
                    continue  # there is no descriptor to look at
                timeout: Optional[float] = 0.0
            elif members:
                timeout = self._idle_time()
            else:
                break
            for fd, mask in (yield timeout):
                entry = table.get(fd)
                if entry is not None:
                    entry.event(mask)

    def surface(self, error: BaseException) -> None:
        endings.surface(self, error)

    def _idle_time(self) -> Optional[float]:
        """Return how long the poller may block now that nothing is ready; None for no limit.

        If nothing can happen any more, main gets a Deadlock, or the run gives up.
        """
        timers = self.timers
        if timers.heap or timers.added:
            deadline = timers.next_deadline()
            if deadline is not None:
                return min(max(deadline - self.clock(), 0.0), DAY)
        last = self._awaited
        if not self.closing.overtime and (
            # In most cases what was waited for in the idle turn before is waited for again.
            (last is not None and last.gt is not NOBODY and last.gt.trap is last)
            or self._may_be_woken()
        ):
            return None
        if self.main is not None and not self.closing.begun and not self.closing.overtime:
            error = self.deadlock()
            interrupt(self.main, Interrupt(error))
            if self.ready:
                return 0.0
            self.closing.late_exit = error  # children that nothing interrupts hold main back
        self.closing.give_up()
        return 0.0

    def _may_be_woken(self) -> bool:
        """Whether anything outside of the kernel may make a greenthread ready."""
        if self.pledges:
            return True
        self._awaited = found = self.hub.awaited()
        return found is not None or self.signals.may_wake()  # last: it asks about sixty signals

    def _first_wait(self, timeout: Optional[float]) -> List[Tuple[int, int]]:
        """Wait with the poller; before the first wait that blocks, let signals interrupt it."""
        wait = self.hub.poller.wait
        if timeout != 0:
            try:
                self.signals.before_blocking()
            except (OSError, ValueError):  # no descriptor is left, or none that the poller takes
                bound = BLIND if timeout is None else min(timeout, BLIND)
                return wait(0.0 if self.ready or self.wakeup.calls else bound)
            self._blocked = True
            told = self.instruments
            self.wait = wait if told is None else told.wait(wait, self.ready)
            if self.ready or self.wakeup.calls:
                timeout = 0.0  # a signal came before it could interrupt anything
        return wait(timeout)

    def unobserved_wait(self) -> Callable[[Optional[float]], List[Tuple[int, int]]]:
        return self.hub.poller.wait if self._blocked else self._first_wait

    # ---- what a subclass may do in another way ----------------------------------------------------

    def deadlock(self) -> BaseException:
        """Return the error for main when every greenthread waits and nothing can wake one."""
        return Deadlock(report.deadlock(self.everybody()))

    def report_survivors(self, greenthreads: List[Greenlet]) -> None:
        report.print_survivors(greenthreads)

    def offload(self, job: Job) -> None:
        job.submit()

    def disown(self) -> None:
        """Let go of the descriptors, and never run again: this is the copy in a forked child."""
        fork.disown(self, self.everybody())
        self.closed = True  # portals refuse
        self.wakeup.lock = type(self.wakeup.lock)()
        self.signals.restore()
        self.wakeup.heir = -1  # what is in the pipe is the parent's
        self.wakeup.close()
        self.hub.poller.close()
        self.hub.clear()


STEPPERS.add(id(Scheduler.turns.__code__))  # left out of the tracebacks that users see

# The same functions, under the types that users see.
getcurrent: Callable[[], AnyGreenThread] = cast("Callable[[], AnyGreenThread]", running)
get_scheduler: Callable[[], Scheduler] = cast("Callable[[], Scheduler]", running_kernel)
