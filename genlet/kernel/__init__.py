"""The kernel, and the low-level public face for people who write primitives."""

# A tour, in the order to read it:
#
#   driver       `run`: a scheduler, a poller and a clock, from beginning to end; Ctrl-C
#   scheduler    the loop, and what surrounds one step of one greenthread
#   closing      the end of a run
#   traps        what a greenthread is suspended on: sleep, Wait; the bare `yield`s
#   fdtraps      the same for descriptors: trampoline
#   hub          the descriptor table: who waits on which side of which descriptor
#   pollers/     ints in, ints out: epoll, kqueue, poll, select
#   timers       the heap of deadlines
#   cancel       scopes and interrupts: how anything is cancelled; timeout: eventlet's Timeout
#   group        greenthreads with an owner
#   greenthread  the generator and what became of it
#   wakeup       how other threads come in; signals: Ctrl-C and what else interrupts the poller
#   context      which scheduler runs in this thread
#   instruments  telling observers; report: telling people
#
# A primitive is a generator method that drives one `Wait`, and something that wakes it:
#
#     class Gate:
#         def __init__(self) -> None:
#             self._waiters: Waiters[None] = Waiters()
#
#         @green
#         def pass_through(self) -> Green[None]:
#             yield from Wait(self, "the gate to open", self._waiters).get()
#
#         def open(self) -> None:
#             self._waiters.wake_all(None)

from .._compat import POLLIN, POLLOUT
from .cancel import (
    Cancelled,
    CancelScope,
    ExceptionLike,
    FailScope,
    GreenletExit,
    fail_after,
    fail_at,
    move_on_after,
    move_on_at,
    shielded,
)
from .context import get_scheduler, getcurrent, here
from .driver import Runner, run, use_hub
from .fdtraps import Direction, trampoline, wait_fd
from .greenthread import AnyGreenThread, GreenThread
from .group import Group
from .hub import Descriptor
from .instruments import NullInstrument
from .pollers import available as available_hubs
from .scheduler import Scheduler
from .timeout import Timeout
from .traps import (
    NOBODY,
    Suspension,
    Wait,
    Waiters,
    WaitUnless,
    checkpoint,
    fault,
    sleep,
)
from .wakeup import Portal, portal

__all__ = [
    "NOBODY",
    "POLLIN",
    "POLLOUT",
    "AnyGreenThread",
    "CancelScope",
    "Cancelled",
    "Descriptor",
    "Direction",
    "ExceptionLike",
    "FailScope",
    "GreenThread",
    "GreenletExit",
    "Group",
    "NullInstrument",
    "Portal",
    "Runner",
    "Scheduler",
    "Suspension",
    "Timeout",
    "Wait",
    "WaitUnless",
    "Waiters",
    "available_hubs",
    "checkpoint",
    "fail_after",
    "fail_at",
    "fault",
    "get_scheduler",
    "getcurrent",
    "here",
    "move_on_after",
    "move_on_at",
    "portal",
    "run",
    "shielded",
    "sleep",
    "trampoline",
    "use_hub",
    "wait_fd",
]
