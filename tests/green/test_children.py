"""Waiting for child processes: what is told, what is taken, and what is left alone."""

from __future__ import annotations

import os
import signal
import subprocess as real
import sys
import threading
import warnings
from time import sleep
from typing import Callable, List, Optional, Tuple, TypeVar

import pytest

import genlet
from genlet.abc import Green
from genlet.green import _children
from genlet.green._children import wait_child, wait_child_usage
from genlet.kernel import GreenletExit
from genlet.testing import cancel_everywhere

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")

T = TypeVar("T")


def run(main: Callable[[], Green[T]]) -> T:
    """Run *main*, which may not take for ever."""

    def bounded() -> Green[T]:
        with genlet.fail_after(20):
            return (yield from main())

    return genlet.run(bounded)


@pytest.fixture(params=["pidfd", "look", "reap"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the ways to learn that a child has ended, as far as the platform has it."""
    name: str = request.param
    if name == "pidfd" and _children.open_pidfd is None:
        pytest.skip("this Python has no pidfd_open")
    if name == "look" and not _children.can_look:
        pytest.skip("this Python has no waitid")
    if name != "pidfd":
        monkeypatch.setattr(_children, "open_pidfd", None)
    if name == "reap":
        monkeypatch.setattr(_children, "can_look", False)
    return name


class Child:
    """A forked process that ends with *code*, *linger* seconds after it was told to."""

    def __init__(self, code: int = 0, linger: float = 0) -> None:
        self.code: int = code
        reading, self._writing = os.pipe()
        with warnings.catch_warnings():  # of threads that other tests' runs have left
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid: int = os.fork()
        if not self.pid:
            os.read(reading, 1)
            sleep(linger)
            os._exit(code)
        os.close(reading)

    @property
    def status(self) -> int:
        return self.code << 8

    def end(self) -> None:
        """Tell it to end."""
        os.write(self._writing, b"x")
        os.close(self._writing)


def settle() -> Green[None]:
    for _ in range(10):
        yield from genlet.sleep(0)


def waiting(pid: int, options: int = 0) -> Green[genlet.GreenThread[Tuple[int, int]]]:
    """Return a greenthread that waits for *pid*."""
    gt = genlet.spawn(wait_child, pid, options)
    yield from settle()
    assert not gt.dead
    return gt


def test_wait_child_of_a_running_child_returns_its_status_when_it_ends() -> None:
    """The wait lasts until the child ends, and gives its number and status."""

    def main() -> Green[None]:
        child = Child(3)
        gt = yield from waiting(child.pid)
        child.end()
        assert (yield from gt.wait()) == (child.pid, child.status)

    run(main)


def test_wait_child_of_a_child_that_has_ended_returns_at_once() -> None:
    """A zombie is collected without a wait."""

    def main() -> Green[None]:
        child = Child(4)
        child.end()
        yield from wait_for_zombie(child.pid)
        assert (yield from wait_child(child.pid)) == (child.pid, child.status)

    run(main)


def wait_for_zombie(pid: int) -> Green[None]:
    while state_of(pid) != "Z":
        yield from genlet.sleep(0.001)


def state_of(pid: int) -> str:
    """Return the letter that /proc has for the state of *pid*."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("which", [-1, 0])
def test_wait_child_for_any_returns_the_one_that_ends(which: int) -> None:
    """-1 and 0 stand for whichever child, or child of this process group, ends first."""

    def main() -> Green[None]:
        one, other = Child(1), Child(2)
        gt = yield from waiting(which)
        other.end()
        assert (yield from gt.wait()) == (other.pid, other.status)
        one.end()
        assert (yield from wait_child(which)) == (one.pid, one.status)

    run(main)


def test_wait_child_interrupted_leaves_the_status_to_the_next() -> None:
    """A wait that was killed has taken nothing, even if the child ends afterwards."""

    def main() -> Green[None]:
        child = Child(5)
        for _ in range(3):
            gt = yield from waiting(child.pid)
            gt.kill_soon()
            with pytest.raises(GreenletExit):
                yield from gt.wait()
        child.end()
        assert (yield from wait_child(child.pid)) == (child.pid, child.status)

    run(main)


def test_wait_child_interrupted_again_and_again_has_one_thread_at_the_most() -> None:
    """The thread of a wait that was interrupted serves the next wait for the same."""

    def main() -> Green[None]:
        child = Child()
        before = threading.active_count()
        for _ in range(5):
            with genlet.move_on_after(0):
                yield from wait_child(child.pid)
        assert threading.active_count() <= before + 1
        child.end()
        yield from wait_child(child.pid)

    run(main)


def test_wait_child_with_wnohang_never_waits() -> None:
    """WNOHANG gives (0, 0) of a child that runs, also while others wait for it."""

    def main() -> Green[None]:
        child = Child(6)
        assert (yield from wait_child(child.pid, os.WNOHANG)) == (0, 0)
        gt = yield from waiting(child.pid)
        assert (yield from wait_child(child.pid, os.WNOHANG)) == (0, 0)
        child.end()
        assert (yield from gt.wait()) == (child.pid, child.status)

    run(main)


def test_wait_child_twice_for_one_child_gives_the_status_to_one() -> None:
    """Of two that wait for the same child one gets the status, the other ECHILD, as in the OS."""

    def main() -> Green[None]:
        child = Child(7)
        gts = [(yield from waiting(child.pid)), (yield from waiting(child.pid))]
        child.end()
        got: List[Optional[Tuple[int, int]]] = []
        for gt in gts:
            try:
                got.append((yield from gt.wait()))
            except ChildProcessError:
                got.append(None)
        assert sorted(got, key=str) == [(child.pid, child.status), None]

    run(main)


def test_wait_child_that_somebody_else_reaps_raises_child_process_error() -> None:
    """A child that is reaped behind the waiter's back is gone: ECHILD."""

    def main() -> Green[None]:
        child = Child()
        gt = yield from waiting(child.pid)
        child.end()
        os.waitpid(child.pid, 0)
        with pytest.raises(ChildProcessError):
            yield from gt.wait()

    if _children.can_look:  # else a thread of ours may be first
        run(main)


def test_wait_child_of_none_raises_child_process_error() -> None:
    """What is no child of ours cannot be waited for."""

    def main() -> Green[None]:
        with pytest.raises(ChildProcessError):
            yield from wait_child(os.getpid())

    run(main)


def test_wait_child_leaves_the_children_of_others_alone() -> None:
    """Waiting for one child does not reap another that ends meanwhile."""

    def main() -> Green[None]:
        child = Child()
        with real.Popen(["sh", "-c", "exit 9"]) as other:
            gt = yield from waiting(child.pid)
            yield from wait_for_zombie(other.pid)
            yield from settle()
            child.end()
            yield from gt.wait()
            assert other.wait() == 9

    run(main)


def test_wait_child_with_wuntraced_tells_of_a_stopped_child() -> None:
    """With WUNTRACED a child that is stopped is reported, and goes on being waited for."""

    def main() -> Green[None]:
        child = Child(8)
        gt = yield from waiting(child.pid, os.WUNTRACED)
        os.kill(child.pid, signal.SIGSTOP)
        pid, status = yield from gt.wait()
        assert pid == child.pid
        assert os.WIFSTOPPED(status)
        assert os.WSTOPSIG(status) == signal.SIGSTOP
        os.kill(child.pid, signal.SIGCONT)
        child.end()
        assert (yield from wait_child(child.pid)) == (child.pid, child.status)

    run(main)


def test_wait_child_usage_tells_what_the_child_has_used() -> None:
    """The third result is a struct_rusage, also where there is nothing to report."""

    def main() -> Green[None]:
        child = Child()
        pid, _, usage = yield from wait_child_usage(child.pid, os.WNOHANG)
        assert (pid, usage.ru_maxrss) == (0, 0)
        child.end()
        pid, status, usage = yield from wait_child_usage(child.pid)
        assert (pid, status) == (child.pid, 0)
        assert usage.ru_maxrss > 0

    run(main)


def test_wait_id_with_wnowait_leaves_the_child_to_be_waited_for() -> None:
    """WNOWAIT looks, and the status is still there afterwards."""
    if not hasattr(os, "waitid"):
        pytest.skip("this Python has no waitid")

    def main() -> Green[None]:
        for kind in (os.P_PID, os.P_ALL):
            child = Child(2)
            gt = genlet.spawn(_children.wait_id, kind, child.pid, os.WEXITED | os.WNOWAIT)
            yield from settle()
            assert not gt.dead
            assert (yield from _children.wait_id(kind, child.pid, os.WEXITED | os.WNOHANG)) is None
            child.end()
            found = yield from gt.wait()
            assert found is not None
            assert (found.si_pid, found.si_status) == (child.pid, 2)
            assert (yield from wait_child(child.pid)) == (child.pid, child.status)

    run(main)


def test_wait_child_while_it_waits_lets_others_run() -> None:
    """A greenthread goes on counting while another waits for a child."""

    def main() -> Green[None]:
        child = Child()
        ticks = 0

        def tick() -> Green[None]:
            nonlocal ticks
            while ticks < 100:
                ticks += 1
                yield from genlet.sleep(0)
            child.end()

        genlet.spawn(tick)
        yield from wait_child(child.pid)
        assert ticks == 100

    run(main)


def test_wait_child_in_two_kernels_wakes_each_for_its_own() -> None:
    """Runs in two threads may wait for children at the same time."""
    children = [Child(1), Child(2)]
    got: List[Tuple[int, int]] = []

    def main(child: Child) -> Green[None]:
        gt = yield from waiting(child.pid)
        child.end()
        got.append((yield from gt.wait()))

    threads = [threading.Thread(target=genlet.run, args=(main, child)) for child in children]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted((child.pid, child.status) for child in children)


def test_wait_child_interrupted_anywhere_leaves_the_child_to_be_reaped() -> None:
    """However the wait ends, the child can be waited for, and no descriptor is left."""
    children: List[Child] = []

    def fn() -> Green[None]:
        children.append(Child(1, linger=0.005))
        children[-1].end()
        yield from wait_child(children[-1].pid)
        children.pop()

    def reap() -> Green[None]:
        while children:
            child = children.pop()
            assert (yield from wait_child(child.pid)) == (child.pid, child.status)

    assert cancel_everywhere(fn, lambda: run(reap)) > 0


def test_wait_child_in_a_forked_process_starts_anew() -> None:
    """A forked process has none of the threads that wait here, and waits for its own children."""

    def main() -> Green[None]:
        child = Child()
        gt = yield from waiting(child.pid)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if not pid:
            os._exit(1 if _children._watches or _children._kept else 0)
        assert (yield from wait_child(pid)) == (pid, 0)
        child.end()
        yield from gt.wait()

    run(main)
