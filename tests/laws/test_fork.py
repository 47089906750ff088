"""A forked child is a process of its own: nothing of the parent's run runs in it, holds it or ends it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import warnings
from time import monotonic, sleep
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import pytest

import genlet
from genlet import tpool
from genlet.abc import Green
from genlet.green import signal as green_signal
from genlet.green import socket
from genlet.kernel import get_scheduler
from tests.kernel import forever, outcome

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

LIMIT = 10.0  # seconds that a child may take
FDS = "/proc/self/fd"


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    yield
    tpool.killall()


class Child:
    """A forked process, and what it reports.

    Args:
        check: Called in the child; what it returns or raises is reported.  The child is left then.
    """

    def __init__(self, check: Callable[[], object]) -> None:
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads
            self.pid: int = os.fork()
        if not self.pid:
            try:
                os.close(reading)
                try:
                    text = repr(check())
                except BaseException as exc:
                    text = repr(exc)
                os.write(writing, text.encode())
            finally:
                os._exit(0)
        os.close(writing)
        self._reading = reading
        self.status: Optional[int] = None
        self.said: str = ""

    def wait(self) -> Child:
        """Wait for its end, with a limit; plain, for threads."""
        until = monotonic() + LIMIT
        done = status = 0
        while not done and monotonic() < until:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            sleep(0.005)
        if not done:
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self.said = "it hung"
        else:
            self.status = status
            self.said = os.read(self._reading, 10_000).decode()
        os.close(self._reading)
        return self


Forking = Callable[[Callable[[], object]], Green[Child]]


def fork_here(check: Callable[[], object]) -> Green[Child]:
    """Fork in the greenthread itself."""
    yield from ()
    return Child(check).wait()


def fork_on_a_thread(check: Callable[[], object]) -> Green[Child]:
    """Fork on a worker thread, as a library does that starts processes there."""
    return tpool.execute(lambda: Child(check).wait())


WAYS: Dict[str, Forking] = {"here": fork_here, "on a thread": fork_on_a_thread}
ways = pytest.mark.parametrize("fork", WAYS.values(), ids=WAYS)


def in_a_run(fork: Forking, check: Callable[[], object]) -> Child:
    """Fork inside of a run that has a poller, a pipe, a timer and a sleeper."""

    def main() -> Green[Child]:
        gt = genlet.spawn(forever().get)
        yield from tpool.execute(int)  # there are threads
        yield from genlet.sleep(0.001)  # the loop has blocked: everything is open
        child = yield from fork(check)
        yield from gt.kill()
        return child

    return genlet.run(main)


# ---- signals --------------------------------------------------------------------------------------


@ways
def test_a_forked_child_is_interrupted_by_ctrl_c(fork: Forking) -> None:
    """SIGINT raises KeyboardInterrupt in the child, whichever thread has forked."""

    def check() -> str:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            sleep(1)
        except KeyboardInterrupt:
            return "interrupted"
        return "nothing happened"

    assert in_a_run(fork, check).said == repr("interrupted")


@ways
def test_a_forked_childs_signals_do_not_ring_in_the_parent(fork: Forking) -> None:
    """The child writes to no descriptor when a signal comes."""
    assert in_a_run(fork, lambda: signal.set_wakeup_fd(-1)).said == "-1"


@ways
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_child_forked_inside_of_receive_dies_of_the_signal(
    fork: Forking, number: signal.Signals
) -> None:
    """What the parent receives the child does not: its disposition is what it was before."""

    def check() -> str:
        os.kill(os.getpid(), number)
        sleep(1)
        return "survived"

    def main() -> Green[Child]:
        with green_signal.receive(number):
            yield from genlet.sleep(0.001)
            return (yield from fork(check))

    child = genlet.run(main)
    assert child.status is not None, child.said
    assert os.WIFSIGNALED(child.status), child.said
    assert os.WTERMSIG(child.status) == number


@ways
def test_a_child_forked_inside_of_receive_has_the_former_handler(fork: Forking) -> None:
    """A handler of the program's own is back in the child, and what was blocked is so again."""
    came: List[int] = []

    def handler(number: int, _frame: object) -> None:
        came.append(number)

    def check() -> Tuple[List[int], bool]:
        os.kill(os.getpid(), signal.SIGUSR1)
        sleep(0.01)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        # The mask is a thread's: that of a worker is not what `receive` has changed.
        return came, signal.SIGUSR2 in blocked or fork is fork_on_a_thread

    def main() -> Green[Child]:
        with green_signal.receive(signal.SIGUSR1, signal.SIGUSR2):
            yield from genlet.sleep(0.001)
            return (yield from fork(check))

    before = signal.signal(signal.SIGUSR1, handler)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        said = genlet.run(main).said
    finally:
        signal.signal(signal.SIGUSR1, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    assert said == repr(([int(signal.SIGUSR1)], True))


@ways
def test_a_forked_child_receives_signals_in_a_run_of_its_own(fork: Forking) -> None:
    """`receive` begins anew in the child."""

    def inner() -> Green[int]:
        with green_signal.receive(signal.SIGTERM) as signals:
            os.kill(os.getpid(), signal.SIGTERM)
            with genlet.fail_after(5):
                return int((yield from signals.next()))

    def main() -> Green[Child]:
        with green_signal.receive(signal.SIGTERM):
            yield from genlet.sleep(0.001)
            return (yield from fork(lambda: genlet.run(inner)))

    assert genlet.run(main).said == repr(int(signal.SIGTERM))


@ways
def test_a_process_of_multiprocessing_can_be_interrupted(fork: Forking) -> None:
    """Started in a run, on a thread or not, it ends at Ctrl-C and at terminate()."""
    context = multiprocessing.get_context("fork")

    def both() -> List[Optional[int]]:
        codes: List[Optional[int]] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                process = context.Process(target=linger)
                process.start()
            assert process.pid is not None
            sleep(0.2)
            os.kill(process.pid, number)
            process.join(3)
            if process.exitcode is None:
                process.kill()
                process.join()
            codes.append(process.exitcode)
            process.close()
        return codes

    def main() -> Green[List[Optional[int]]]:
        yield from genlet.sleep(0.001)
        if fork is fork_here:
            return both()
        return (yield from tpool.execute(both))

    assert genlet.run(main) == [1, -signal.SIGTERM]


def linger() -> None:
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)  # what multiprocessing prints of the interruption
    sleep(5)


# ---- descriptors ----------------------------------------------------------------------------------


def open_files() -> List[str]:
    found: List[str] = []
    for number in os.listdir(FDS):
        try:
            found.append(f"{number}: {os.readlink(f'{FDS}/{number}')}")
        except FileNotFoundError:
            pass
    return found


needs_proc = pytest.mark.skipif(not os.path.isdir(FDS), reason="it looks into /proc")


@needs_proc
@ways
def test_a_forked_child_has_none_of_the_kernels_descriptors(fork: Forking) -> None:
    """The poller and the wake-up pipe are closed in the child, whichever thread has forked."""
    before = set(open_files())

    def check() -> int:
        left = [name for name in open_files() if name not in before]
        return sum("eventpoll" in name for name in left) * 100 + len(left)

    # Its own pipe to report through is left.
    assert in_a_run(fork, check).said == "1"


@needs_proc
def test_a_child_forked_beside_a_run_in_another_thread_has_none_of_its_descriptors() -> None:
    """Every kernel of the process is given up, not only that of the thread that forks."""
    begun, over = threading.Event(), threading.Event()
    before = set(open_files())

    def main() -> Green[None]:
        with genlet.portal():
            yield from genlet.sleep(0.001)
            begun.set()
            while not over.is_set():
                yield from genlet.sleep(0.01)

    thread = threading.Thread(target=genlet.run, args=(main,))
    thread.start()
    begun.wait(5)
    child = Child(lambda: len([name for name in open_files() if name not in before])).wait()
    over.set()
    thread.join()
    assert child.said == "1"


@ways
def test_a_socket_closed_in_a_forked_child_is_still_heard_of_in_the_parent(fork: Forking) -> None:
    """The child's poller is not the parent's: what it forgets the parent goes on watching."""
    # As in eventlet #68, gevent #1686, systemd #72: an epoll is shared by those who have its number.
    ours, theirs = socket.socketpair()

    def check() -> None:
        ours.close()

    def main() -> Green[bytes]:
        reader = genlet.spawn(ours.recv, 10)
        yield from genlet.sleep(0.001)
        yield from fork(check)
        yield from theirs.sendall(b"data")
        with genlet.fail_after(5):
            return (yield from reader.wait())

    with ours, theirs:
        assert genlet.run(main) == b"data"


# ---- what runs in the child -----------------------------------------------------------------------


@ways
def test_a_forked_child_runs_a_kernel_of_its_own(fork: Forking) -> None:
    """With timers, descriptors and threads, in the thread that has forked."""

    def inner() -> Green[str]:
        yield from genlet.sleep(0.001)
        return (yield from tpool.execute(lambda: "ran"))

    assert in_a_run(fork, lambda: genlet.run(inner)).said == repr("ran")


@ways
def test_no_cleanup_of_the_parents_greenthreads_runs_in_a_forked_child(fork: Forking) -> None:
    """They are the parent's: collected in the child, they do nothing."""
    cleaned: List[int] = []

    def other() -> Green[None]:
        try:
            yield from forever().get()
        finally:
            cleaned.append(os.getpid())

    def check() -> List[int]:
        gc.collect()
        return cleaned

    def main() -> Green[Child]:
        gt = genlet.spawn(other)
        yield from genlet.sleep(0.001)
        child = yield from fork(check)
        yield from gt.kill()
        return child

    assert genlet.run(main).said == "[]"


@ways
def test_nothing_that_the_parent_has_delayed_happens_in_a_forked_child(fork: Forking) -> None:
    """Its timers and its ready greenthreads are the parent's, also while the child runs a kernel."""
    # As in gevent #957 and #1990.
    ran: List[int] = []

    def later() -> Green[None]:
        yield from ()
        ran.append(os.getpid())

    def inner() -> Green[None]:
        yield from genlet.sleep(0.05)

    def check() -> bool:
        genlet.run(inner)
        return os.getpid() in ran

    def main() -> Green[Child]:
        delayed = genlet.spawn_after(0.01, later)
        yield from genlet.sleep(0)
        ready = genlet.spawn(later)
        child = yield from fork(check)
        yield from ready.wait()
        yield from delayed.wait()
        return child

    assert genlet.run(main).said == "False"


def test_a_fork_hook_of_the_program_may_run_a_kernel_with_threads() -> None:
    """A hook of ``os.register_at_fork`` finds the pools and the kernel of the child."""
    # As in gevent #2023.
    said: List[str] = []

    def inner() -> Green[str]:
        return (yield from tpool.execute(lambda: "ran in the hook"))

    def hook() -> None:
        if hooked:
            said.append(genlet.run(inner))

    hooked: List[int] = []
    os.register_at_fork(after_in_child=hook)
    hooked.append(1)
    try:
        assert in_a_run(fork_here, lambda: said).said == repr(["ran in the hook"])
    finally:
        hooked.clear()


FORKED_AND_WENT_ON: List[int] = []


def fork_and_go_on(ran: List[int], root: int) -> Callable[..., None]:
    """Return what forks and, in the child, goes on like the parent."""

    def fork(*_: object) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            FORKED_AND_WENT_ON.append(os.fork())
        if os.getpid() != root:
            ran.clear()

    return fork


@pytest.mark.parametrize("where", ["link", "call", "excepthook", "timer", "abort"])
def test_a_child_that_goes_on_after_a_fork_by_the_kernel_runs_no_greenthread(where: str) -> None:
    """A link, a call from a portal, a hook, a cleanup may fork as well: the loop ends there."""
    root = os.getpid()
    ran: List[int] = []
    fork = fork_and_go_on(ran, root)

    def other() -> Green[None]:
        for _ in range(20):
            ran.append(os.getpid())
            yield from genlet.sleep(0)

    def fails() -> Green[None]:
        yield from ()
        raise LookupError("as expected")

    def cleanup() -> Green[None]:
        try:
            yield from forever().get()
        finally:
            fork()

    def main() -> Green[None]:
        genlet.spawn(other)
        yield from genlet.sleep(0)
        if where == "link":
            genlet.spawn(genlet.sleep, 0).link(fork)
        elif where == "call":
            with genlet.portal() as portal:
                portal.call_soon(fork)
                yield from genlet.sleep(0)
        elif where == "excepthook":
            genlet.spawn(fails)
        elif where == "timer":
            genlet.spawn_after(0.0, genlet.sleep, 0).link(fork)
        else:
            with genlet.TaskGroup(on_exit="cancel") as group:
                group.spawn(cleanup)
                yield from genlet.sleep(0)
        for _ in range(30):
            yield from genlet.sleep(0)

    reading, writing = os.pipe()
    try:
        genlet.Runner(excepthook=fork if where == "excepthook" else None).run(main)
    except BaseException:
        if os.getpid() == root:
            raise
    finally:
        if os.getpid() != root:
            os.write(writing, f"{len(ran)} steps".encode())
            os._exit(0)
    os.close(writing)
    os.waitpid(FORKED_AND_WENT_ON.pop(), 0)
    said = os.read(reading, 100).decode()
    os.close(reading)
    assert said == "0 steps"


# ---- ways back into the parent's kernel -----------------------------------------------------------


def use_portal(portal: genlet.kernel.Portal) -> str:
    said: List[str] = []

    def use() -> None:
        calls: List[Callable[[], object]] = [
            lambda: portal.call_soon(int),
            lambda: portal.run(genlet.sleep, 0),
        ]
        for call in calls:
            try:
                call()
            except RuntimeError as exc:
                said.append(type(exc).__name__)
            else:
                said.append("accepted")

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join(1)
    return " ".join(said) + (" and hangs" if thread.is_alive() else "")


@ways
def test_a_portal_of_the_parent_refuses_in_a_forked_child(fork: Forking) -> None:
    """What is sent through it would never be done: it says so, and no thread waits forever."""

    def main() -> Green[Child]:
        with genlet.portal() as portal:
            yield from genlet.sleep(0.001)
            return (yield from fork(lambda: use_portal(portal)))

    assert genlet.run(main).said == repr("RuntimeError RuntimeError")


def test_a_job_that_forks_cannot_come_back_in_the_child() -> None:
    """`from_thread` in the child of a worker says that nothing waits there."""

    def check() -> str:
        try:
            tpool.from_thread.run(genlet.sleep, 0)
        except RuntimeError as exc:
            return type(exc).__name__
        return "it came back"

    assert in_a_run(fork_on_a_thread, check).said == repr("RuntimeError")


@ways
def test_the_parents_run_goes_on_after_a_fork(fork: Forking) -> None:
    """Signals, timers, threads and descriptors are as they were in the parent."""
    came: List[int] = []

    def main() -> Green[None]:
        with green_signal.receive(signal.SIGUSR1) as signals:
            yield from genlet.sleep(0.001)
            yield from fork(lambda: None)
            os.kill(os.getpid(), signal.SIGUSR1)
            with genlet.fail_after(5):
                came.append(int((yield from signals.next())))
        assert (yield from tpool.execute(lambda: 1)) == 1
        yield from genlet.sleep(0.001)
        gt = genlet.spawn(forever().get)
        yield from genlet.sleep(0)
        yield from gt.kill()
        yield from outcome(gt)
        assert get_scheduler().thread == threading.get_ident()

    genlet.run(main)
    assert came == [int(signal.SIGUSR1)]
