"""The kernel, and the low-level public face for people who write primitives."""

# A tour; docs/internals.md is the long one.  Read these in order to know how a run works:
#
#   driver       `run`: a scheduler, a poller and a clock, from beginning to end
#   scheduler    the loop: `turns`
#   state        the nouns: greenthread, suspension, scope, group, kernel; who writes which field
#   traps        suspensions: sleep, and the protocol of arming, settling, disarming
#   hub          the descriptor table
#
# Then, each with one law:
#
#   waits        what primitives are built on: Wait, Waiters; nobody: whose a trap is at first
#   fdwait       trampoline: waits for a descriptor by its number
#   foreign      descriptors that genlet does not own; descriptor: those that it owns
#   pollers/     ints in, ints out: epoll, kqueue, poll, select
#   timers       the heap of deadlines; seconds: the numbers that callers give
#   cancelled    the exceptions of cancellation, and to whom each was delivered
#   delivery     how an interruption reaches the line where it is raised
#   scope        blocks that can be cancelled; timeout: eventlet's Timeout
#   group        greenthreads with one owner
#   spawn        how a function becomes a greenthread
#   greenthread  what users call on one
#   holding      the kernel's own suspensions: before the first step, until children are gone
#   throwing     an exception thrown into a generator; plain: the plain functions it calls
#   endings      the end of a greenthread, and of a run
#   fork         the inert copy in a forked child
#   wakeup       how threads and signals reach the loop; portals: what threads use
#   signals      Ctrl-C, and how a signal interrupts the poller
#   current      the kernel and the greenthread that run in this thread
#   instruments  observers; nullinstrument: one to subclass; report: the texts of errors and reports
#   guest        a kernel that another loop drives
#
# A primitive is a generator method that drives one `Wait`, and something that wakes it.
# docs/internals.md has one in full, a host and an observer.

from .._compat import POLLIN, POLLOUT
from .cancelled import Cancelled, ExceptionLike, GreenletExit, from_now_on, interrupted_by
from .current import here
from .delivery import fail_wait
from .descriptor import Descriptor, Direction
from .driver import Runner, run
from .fdwait import (
    check_open,
    closings_of,
    gathering,
    holders,
    holds_input,
    tell_held,
    trampoline,
    wait_fd,
)
from .greenthread import AnyGreenThread, GreenThread, waiting
from .group import Group
from .guest import Guest
from .nobody import NOBODY
from .nullinstrument import NullInstrument
from .plain import TimedCall, check_plain, check_result
from .pollers import available as available_hubs
from .pollers import use_hub
from .portals import Portal, portal
from .scheduler import Scheduler, get_scheduler, getcurrent
from .scope import (
    CancelScope,
    FailScope,
    fail_after,
    fail_at,
    move_on_after,
    move_on_at,
    shielded,
)
from .seconds import check_grace, check_seconds, check_timeout
from .state import Greenlet, Suspension
from .timeout import Timeout
from .traps import checkpoint, fault, sleep
from .waits import Wait, Waiters

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
    "Greenlet",
    "GreenletExit",
    "Group",
    "Guest",
    "NullInstrument",
    "Portal",
    "Runner",
    "Scheduler",
    "Suspension",
    "TimedCall",
    "Timeout",
    "Wait",
    "Waiters",
    "available_hubs",
    "check_grace",
    "check_open",
    "check_plain",
    "check_result",
    "check_seconds",
    "check_timeout",
    "checkpoint",
    "closings_of",
    "fail_after",
    "fail_at",
    "fail_wait",
    "fault",
    "from_now_on",
    "gathering",
    "get_scheduler",
    "getcurrent",
    "here",
    "holders",
    "holds_input",
    "interrupted_by",
    "move_on_after",
    "move_on_at",
    "portal",
    "run",
    "shielded",
    "sleep",
    "tell_held",
    "trampoline",
    "use_hub",
    "wait_fd",
    "waiting",
]
