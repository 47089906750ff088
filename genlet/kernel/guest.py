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

from .._objects import with_traceback
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
        self._down: bool = False  # everything is taken down; it may have to be tried twice
        self._end: Wait[None] = Wait(self, "the host to end", ask=self._look)
        self._scheduler: GuestScheduler = scheduler
        self._timers: GuestTimers = timers
        # During a turn the scheduler puts a greenthread into its queue by the first two; between turns
        # by the others, which ask for a turn too.
        self._append: Callable[[Greenlet], None] = scheduler.append
        self._appendleft: Callable[[Greenlet], None] = scheduler.appendleft
        self._asking: Callable[[Greenlet], None] = self._put
        self._asking_left: Callable[[Greenlet], None] = self._put_left
        scheduler.guest = self
        scheduler.hosted = True
        scheduler.pledges += 1
        self._turns = scheduler.turns()
        try:
            begin(scheduler, companions)
            main = scheduler.spawn(self._end.get, (), {}, verb="Guest")
            main.site = None
            main.name = "main"
            scheduler.main = main
            if scheduler.hub.poller.real:
                scheduler.wakeup.open()  # threads reach the host through the poller's descriptor
            self._leave()
            self._want_turn()
        except BaseException:
            self._finish()
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
        try:
            try:
                self._enter()
                turn: Callable[[Any], Optional[float]] = self._turns.send
                if self._stopping:
                    self._end.wake(None)
                if events is None and self._begun:
                    events = scheduler.wait(0.0)
                self._begun = True
                timeout = turn(events)
                for _ in range(TURNS_AT_ONCE - 1):
                    if timeout != 0.0:
                        break
                    timeout = turn(())
                if self._stopping and self._end.live:
                    timeout = 0.0  # `stop` was called in this turn, and the next one wakes main
                self._leave()
                return timeout
            except StopIteration:
                if scheduler.wakeup.calls:
                    scheduler.wakeup.run_calls()  # of the last step of all
                self._finish()
                self._raise_outcome()
                return None
        except Orphaned as orphaned:
            self.ended = True
            raise orphaned.outcome() from None
        except BaseException:
            self._finish()  # or what is left of it
            raise

    def spawn(
        self, fn: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> GreenThread[T]:
        """Start a greenthread of the guest; from plain code in its thread."""
        return self._scheduler.spawn(fn, args, kwargs)

    def stop(self) -> None:
        """Let the run end: greenthreads are interrupted and have their grace.

        The host goes on giving turns until the guest has `ended`.  This call only makes a note, and asks
        for the turn that acts on it: signal handlers in the guest's thread may make it.

        Raises:
            WrongThread: Called from a thread that does not run the guest.
        """
        if self._scheduler.thread != get_ident():
            raise WrongThread("a guest is stopped in the thread that made it: go through a portal")
        self._stopping = True
        if self._scheduler.between_turns:
            self._want_turn()

    def close(self) -> None:
        """End the run now: greenthreads that are left are closed by force, and reported.

        A call that an error has cut short is to be made again.

        Raises:
            RuntimeError: Called from inside a turn.
            KeyboardInterrupt: Ctrl-C came while greenthreads were closed.
        """
        if self._down or self._scheduler.orphan:
            return
        if not self._scheduler.between_turns:
            raise RuntimeError("a guest is closed between its turns, not by its own greenthreads")
        self._finish()
        self._raise_outcome(forced=True)

    # ---- a turn begins and ends -------------------------------------------------------------------

    # An error may come between any two lines of these.  Each can be called again.

    def _enter(self) -> None:
        scheduler = self._scheduler
        scheduler.append, scheduler.appendleft = self._append, self._appendleft
        scheduler.between_turns = self._timers.between_turns = False
        self._asked = False

    def _leave(self) -> None:
        scheduler = self._scheduler
        if scheduler.append is not self._asking:
            self._append = scheduler.append  # observers came or went, and have replaced it
            scheduler.append = self._asking
        if scheduler.appendleft is not self._asking_left:
            self._appendleft = scheduler.appendleft
            scheduler.appendleft = self._asking_left
        scheduler.between_turns = self._timers.between_turns = True

    def _put(self, gt: Greenlet) -> None:
        self._append(gt)
        self._want_turn()

    def _put_left(self, gt: Greenlet) -> None:
        self._appendleft(gt)
        self._want_turn()

    def _want_turn(self) -> None:
        if not self._asked and not self.ended:
            self._asked = True
            try:
                self._ask()
            except BaseException:
                self._asked = False
                raise

    # ---- the end ----------------------------------------------------------------------------------

    def _look(self, end: Wait[None]) -> None:
        if self._stopping:
            end.wake(None)

    def _finish(self) -> None:
        """Take everything down; called again after an error, do what is left of that."""
        self.ended = True
        if self._down or self._scheduler.orphan:
            return  # in a forked child what is left belongs to the parent
        try:
            self._take_down()
        except BaseException:
            self._take_down()
            raise
        finally:
            self._scheduler.between_turns = True  # `close` may have to be called once more

    def _take_down(self) -> None:
        self._enter()
        self._turns.close()
        finish(self._scheduler, None)
        self._down = True

    def _raise_outcome(self, forced: bool = False) -> None:
        scheduler = self._scheduler
        error = scheduler.closing.late_exit
        main = scheduler.main
        if error is None and not forced and main is not None and main.error is not None:
            error = with_traceback(main.error, main.traceback)
        # The frames that the error passes lead to the guest: it must not lead to the error.
        scheduler.closing.late_exit = scheduler.main = None
        try:
            if error is not None:
                raise error
        finally:
            del error, main


class GuestScheduler(Scheduler):
    """A scheduler whose observers come and go between turns too, and its calls."""

    guest: Guest

    def again(self, fn: Callable[..., object], *args: Any) -> None:
        super().again(fn, *args)
        if self.between_turns:
            self.guest._want_turn()

    def attach(self, instrument: Instrument[Any]) -> None:
        """Have *instrument* called from now on."""
        self._change(lambda: attach(self, instrument))

    def detach(self, instrument: Instrument[Any]) -> None:
        """Call *instrument* no more."""
        self._change(lambda: detach(self, instrument))

    def _change(self, change: Callable[[], None]) -> None:
        # What makes a greenthread ready is wrapped by both: the guest's wrapper stays outermost.
        between = self.between_turns
        try:
            if between:
                self.guest._enter()
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
