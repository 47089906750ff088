"""Guests: a kernel that another loop drives, turn by turn."""

# A host is a loop that waits: asyncio's, trio's, a toolkit's, a browser's.  It waits for the guest's
# descriptor and for the time that `turn` returned, and calls `turn` again; it also does so when the
# guest asks for a turn.  Nothing here depends on the kind of host.  docs/internals.md has one in full.
#
# A guest is resident: it is the kernel of its thread from the beginning to the end, between turns
# too.  So plain calls (`event.send`, `queue.put_nowait`, `spawn`, `scope.cancel`) work in the host's
# callbacks.  They make greenthreads ready, or timers; then the guest asks for a turn, once.
#
# A guest has a main greenthread that waits for `stop`.  When it returns the run ends as any other:
# the rest is interrupted, has its grace, and is refused after that.  The host may wake any
# greenthread, so a guest never finds a deadlock.

from __future__ import annotations

from _thread import get_ident
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, TypeVar, Union

from ..abc import Green
from ..errors import WrongThread
from .current import here
from .driver import Runner, begin, finish
from .fork import Orphaned
from .instruments import attach, detach
from .scheduler import Scheduler
from .timers import Expiring, Timers
from .waits import Wait

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from ..abc import Clock, Companion, Excepthook, Instrument, Poller, ReadyQueue
    from .greenthread import AnyGreenThread, GreenThread
    from .scheduler import Events
    from .state import Greenlet

    P = ParamSpec("P")

T = TypeVar("T")

# The turns run in one call while greenthreads are ready.  With one for each call, a switch would cost
# as much as a callback of the host; without an end, the host would starve.
TURNS_AT_ONCE = 16


class Guest:
    """A kernel for a host to drive, with the settings of a `Runner`.

    ::

        guest = Guest(lambda: loop.call_soon(turn))
        ...
        timeout = guest.turn()        # then wait for guest.fileno(), for *timeout* seconds at most

    Args:
        ask: Called between two turns when the guest needs the next; not again before that turn.
        hub, clock, ready, instruments, companions, grace, excepthook: As for `Runner`.

    Attributes:
        ended: No greenthread is left; `turn` is not to be called any more.

    Raises:
        RuntimeError: This thread has a kernel already.
    """

    def __init__(
        self,
        ask: Callable[[], object],
        *,
        hub: Union[None, str, Poller] = None,
        clock: Optional[Clock] = None,
        ready: Optional[ReadyQueue[AnyGreenThread]] = None,
        instruments: Sequence[Instrument[AnyGreenThread]] = (),
        companions: Sequence[Companion] = (),
        grace: float = 1.0,
        excepthook: Optional[Excepthook] = None,
    ) -> None:
        if here.scheduler is not None:
            raise RuntimeError("this thread has a kernel already: it cannot have a guest as well")
        settings = Runner(
            hub=hub,
            clock=clock,
            ready=ready,
            instruments=instruments,
            grace=grace,
            excepthook=excepthook,
        )
        timers = GuestTimers(self._want_turn)
        scheduler = GuestScheduler(
            poller=settings.poller(),
            clock=settings.clock,
            ready=ready,
            timers=timers,
            instruments=instruments,
            excepthook=excepthook,
            grace=grace,
        )
        self.ended: bool = False
        self._ask: Callable[[], object] = ask
        self._asked: bool = False
        self._begun: bool = False  # the generator of turns is sent None once, then events
        self._stopping: bool = False
        self._end: Wait[None] = Wait(self, "the host to end", ask=self._look)
        self._scheduler: GuestScheduler = scheduler
        self._timers: GuestTimers = timers
        scheduler.guest = self
        scheduler.hosted = True
        scheduler.pledges += 1
        try:
            begin(scheduler, companions)
            main = scheduler.spawn(self._end.get, (), {}, verb="Guest")
            main.site = None
            main.name = "main"
            scheduler.main = main
            if scheduler.hub.poller.real:
                scheduler.wakeup.open()  # threads reach the host through the poller's descriptor
            self._turns = scheduler.turns()
            self._leave()
            self._want_turn()
        except BaseException:
            finish(scheduler, None)
            raise

    @property
    def scheduler(self) -> Scheduler:
        """The kernel itself."""
        return self._scheduler

    def fileno(self) -> Optional[int]:
        """Return the descriptor that is readable when a turn is due; None if the poller has none.

        Without one (poll, select) the host has to give turns again and again.
        """
        return self._scheduler.hub.poller.fileno()

    def turn(self, events: Optional[Events] = None) -> Optional[float]:
        """Run the greenthreads that are ready, for some turns.

        Args:
            events: The poller's; None asks it.

        Returns:
            How long the host can wait until the next turn: 0.0 if greenthreads are ready, seconds,
            None for no limit, or if the guest has `ended`.

        Raises:
            BaseException: The guest has ended, by an error that belongs to no greenthread or to
                main: SystemExit, KeyboardInterrupt, or an exception of the host's in the middle of
                the turn.  It is closed then.
            RuntimeError: It has ended before, or this call comes from inside a turn.
        """
        scheduler = self._scheduler
        if scheduler.thread != get_ident():
            raise WrongThread("a guest takes its turns in the thread that made it")
        if self.ended:
            raise RuntimeError("the guest has ended")
        if scheduler.orphan:
            self.ended = True
            raise RuntimeError(
                "this process was forked from a guest's: its copy is inert; make another Guest"
            )
        if not scheduler.between_turns:
            raise RuntimeError("a turn inside of a turn: the guest is busy")
        self._enter()
        try:
            turn: Callable[[Any], Optional[float]] = self._turns.send
            if events is None and self._begun:
                events = scheduler.wait(0.0)
            self._begun = True
            timeout = turn(events)
            for _ in range(TURNS_AT_ONCE - 1):
                if timeout != 0.0:
                    break
                timeout = turn(())
            return timeout
        except StopIteration:
            self._finish()
            self._raise_outcome()
            return None
        except Orphaned as orphaned:
            self.ended = True
            raise orphaned.outcome() from None
        except BaseException:
            self._finish()
            raise
        finally:
            self._leave()

    def spawn(
        self, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> GreenThread[T]:
        """Start a greenthread of the guest; from plain code in its thread."""
        return self._scheduler.spawn(fn, args, kwargs)

    def stop(self) -> None:
        """Let the run end: greenthreads are interrupted and have their grace.

        The host goes on giving turns until the guest has `ended`.
        """
        self._stopping = True
        self._end.wake(None)

    def close(self) -> None:
        """End the run now: greenthreads that are left are closed by force, and reported.

        Raises:
            RuntimeError: Called from inside a turn.
        """
        if self.ended:
            return
        if not self._scheduler.between_turns:
            raise RuntimeError("a guest is closed between its turns, not by its own greenthreads")
        self._enter()
        self._finish()

    # ---- a turn begins and ends -------------------------------------------------------------------

    def _enter(self) -> None:
        scheduler = self._scheduler
        scheduler.between_turns = self._timers.between_turns = False
        self._asked = False
        scheduler.append, scheduler.appendleft = self._append, self._appendleft

    def _leave(self) -> None:
        scheduler = self._scheduler
        scheduler.between_turns = self._timers.between_turns = True
        self._append, self._appendleft = scheduler.append, scheduler.appendleft
        scheduler.append, scheduler.appendleft = self._put, self._put_left

    def _put(self, gt: Greenlet) -> None:
        self._append(gt)
        self._want_turn()

    def _put_left(self, gt: Greenlet) -> None:
        self._appendleft(gt)
        self._want_turn()

    def _want_turn(self) -> None:
        if not self._asked and not self.ended:
            self._asked = True
            self._ask()

    # ---- the end ----------------------------------------------------------------------------------

    def _look(self, end: Wait[None]) -> None:
        if self._stopping:
            end.wake(None)

    def _finish(self) -> None:
        self.ended = True
        if self._scheduler.orphan:
            return  # this is a forked child: what is left belongs to the parent
        self._turns.close()
        try:
            finish(self._scheduler, None)
        except BaseException:
            finish(self._scheduler, None)  # what is left of it
            raise

    def _raise_outcome(self) -> None:
        scheduler = self._scheduler
        if scheduler.closing.late_exit is not None:
            raise scheduler.closing.late_exit
        main = scheduler.main
        if main is not None and main.error is not None:
            raise main.error


class GuestScheduler(Scheduler):
    """A scheduler whose observers come and go between turns too."""

    guest: Guest

    def attach(self, instrument: Instrument[Any]) -> None:
        """Have *instrument* called from now on."""
        self._change(lambda: attach(self, instrument))

    def detach(self, instrument: Instrument[Any]) -> None:
        """Call *instrument* no more."""
        self._change(lambda: detach(self, instrument))

    def _change(self, change: Callable[[], None]) -> None:
        # What makes a greenthread ready is wrapped by both: the guest's wrapper stays outermost.
        between = self.between_turns
        if between:
            self.guest._enter()
        try:
            change()
        finally:
            if between:
                self.guest._leave()


class GuestTimers(Timers):
    """Timers that ask for a turn when one is added between two."""

    __slots__ = ("_ask", "between_turns")

    def __init__(self, ask: Callable[[], None]) -> None:
        super().__init__()
        self._ask: Callable[[], None] = ask
        self.between_turns: bool = False

    def add(self, deadline: float, item: Expiring) -> None:
        super().add(deadline, item)
        if self.between_turns:
            self._ask()
