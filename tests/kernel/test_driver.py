"""`run` from beginning to end: outcomes, misuse, Ctrl-C, exits and forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from textwrap import dedent
from typing import Any, Callable, Dict, List, cast

import pytest

import genlet
from genlet.abc import Green
from genlet.kernel import Runner, available_hubs, get_scheduler, trampoline
from genlet.kernel.pollers import choose

ROOT = Path(__file__).resolve().parent.parent.parent
FDS = "/proc/self/fd"

# What the scripts begin with.  A shell may have had SIGINT ignored: Ctrl-C is wanted here.
PRELUDE = """\
import os, signal, sys, threading, time
import genlet
signal.signal(signal.SIGINT, signal.default_int_handler)

def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)

def later(fn, seconds=0.1):
    thread = threading.Timer(seconds, fn)
    thread.daemon = True
    thread.start()

def say(*words):
    print(*words, flush=True)

def forever():  # with a timer: without any it would be a deadlock
    yield from genlet.sleep(1000)

def spin(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass

"""


def script(body: str) -> subprocess.CompletedProcess[str]:
    """Run *body*, which may be interrupted, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + dedent(body)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
    )


def said(body: str, *, code: int = 0) -> List[str]:
    """Return the lines that *body* prints in a process of its own."""
    done = script(body)
    assert done.returncode == code, f"ended with {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout.splitlines()


def noop() -> Green[None]:
    yield from ()


# ---- outcomes -------------------------------------------------------------------------------------


def test_run_returns_what_main_returns() -> None:
    """Arguments go in, the result comes out."""

    def main(a: int, /, b: int, *, c: int) -> Green[List[int]]:
        yield from genlet.sleep(0)
        return [a, b, c]

    assert genlet.run(main, 1, 2, c=3) == [1, 2, 3]
    assert genlet.run(noop) is None
    assert Runner().run(main, 1, b=2, c=3) == [1, 2, 3]


def test_run_raises_what_main_raises_with_user_code_last() -> None:
    """The very exception comes out, and its traceback ends in the line that raised it."""
    mine = LookupError("mine")

    def inner() -> Green[None]:
        yield from genlet.sleep(0)
        raise mine

    def main() -> Green[None]:
        yield from inner()

    with pytest.raises(LookupError) as caught:
        genlet.run(main)
    assert caught.value is mine
    frames = traceback.extract_tb(mine.__traceback__)
    assert [frame.name for frame in frames][-2:] == ["main", "inner"]
    assert not {"turns", "drive"} & {frame.name for frame in frames}


def test_run_raises_the_error_of_a_child_that_main_waits_for() -> None:
    """The traceback leads from main through ``wait`` to the line in the child."""

    def child() -> Green[None]:
        yield from genlet.sleep(0)
        raise LookupError("in the child")

    def main() -> Green[None]:
        yield from genlet.spawn(child).wait()

    with pytest.raises(LookupError) as caught:
        genlet.run(main)
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == "child"
    assert "main" in names


def test_run_leaves_nothing_when_main_fails_at_once() -> None:
    """An error before the first suspension is main's outcome like any other."""

    def main() -> Green[None]:
        yield from noop()
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            genlet.run(main)
    assert genlet.run(noop) is None


@pytest.mark.skipif(not os.path.isdir(FDS), reason="descriptors cannot be counted here")
@pytest.mark.parametrize("hub", available_hubs())
def test_run_opens_no_descriptor_before_one_is_needed(hub: str) -> None:
    """A run that never blocks opens none, and no socket, thread or pool either."""
    before = len(os.listdir(FDS))

    def main() -> Green[int]:
        yield from genlet.sleep(0)
        yield from genlet.spawn(noop).wait()
        return len(os.listdir(FDS))

    assert Runner(hub=hub).run(main) == before


# ---- misuse ---------------------------------------------------------------------------------------


def test_run_inside_a_run_raises_and_the_outer_one_goes_on() -> None:
    """One thread has one kernel at a time."""

    def main() -> Green[str]:
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"^genlet\.run\(\) inside of a run: "):
                genlet.run(noop)
        yield from genlet.sleep(0.001)
        return "went on"

    assert genlet.run(main) == "went on"


def plain() -> int:
    return 7


async def coroutine() -> None:
    pass


def started() -> Any:
    gen = noop_twice()
    gen.send(None)
    return gen


def noop_twice() -> Any:
    yield from genlet.sleep(0)


REFUSED: Dict[str, Callable[[], object]] = {
    r"^run wants the function, not its call: write run\(noop, \.\.\.\)": lambda: noop(),
    r"^run wants a green function; got 7$": lambda: 7,
    r"; plain is a plain one, it returned 7": lambda: plain,
    r"; coroutine is an async function: write run\(drive, coroutine\(\.\.\.\)\)": lambda: (
        coroutine
    ),
    r"not a coroutine: write run\(drive, coroutine\(\.\.\.\)\)": lambda: coroutine(),
    r"^run wants a fresh generator; started\(\) returned one": lambda: started,
}


@pytest.mark.parametrize("text", REFUSED)
def test_run_of_what_is_not_green_raises_type_error(text: str) -> None:
    """The error says what was given and what to write, and the thread is free again."""
    with pytest.raises(TypeError, match=text):
        genlet.run(cast(Any, REFUSED[text]()))
    assert genlet.run(noop) is None


@pytest.mark.parametrize("grace", [-1, float("nan")])
def test_a_runner_refuses_a_grace_that_is_no_time(grace: float) -> None:
    """grace is a number of seconds, 0 or more."""
    with pytest.raises(ValueError, match=r"^grace is a number of seconds(, 0 or more)?; got "):
        Runner(grace=grace)


def test_a_runner_of_names_runs_again_and_again() -> None:
    """A Runner is a set of choices: each run makes its own kernel of them."""
    runner = Runner(hub=available_hubs()[-1], grace=0)
    assert [runner.run(noop) for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("given", ["hub", "ready"])
def test_a_runner_given_an_instance_is_used_up(given: str) -> None:
    """A poller or a queue serves one run; the second is refused before anything is called."""
    from collections import deque

    runner = Runner(hub=choose()) if given == "hub" else Runner(ready=deque())
    assert runner.run(noop) is None
    with pytest.raises(RuntimeError) as caught:
        runner.run(noop)
    assert str(caught.value) == "this Runner was given a hub or a queue, and its run is over"


def test_outside_of_a_run_there_is_no_kernel() -> None:
    """What needs a kernel says so, and says how to get one."""
    text = r"^no kernel runs in this thread: start one with genlet\.run\(main\)$"
    uses: List[Callable[[], object]] = [
        lambda: genlet.spawn(noop),
        genlet.getcurrent,
        genlet.get_hub,
        lambda: genlet.Timeout(),
        lambda: genlet.move_on_after(1).__enter__(),
    ]
    for use in uses:
        with pytest.raises(RuntimeError, match=text):
            use()


def test_several_threads_run_kernels_of_their_own() -> None:
    """Runs in different threads do not know of each other."""
    meeting = threading.Barrier(4)
    results: List[int] = []

    def main(number: int) -> Green[int]:
        yield from genlet.sleep(0.001)
        meeting.wait(10)  # all four are in the middle of their runs
        gts = [genlet.spawn(child, number, i) for i in range(10)]
        total = 0
        for gt in gts:
            total += yield from gt.wait()
        return total

    def child(number: int, i: int) -> Green[int]:
        yield from genlet.sleep(0.0001 * i)
        return number * i

    def thread(number: int) -> None:
        results.append(genlet.run(main, number))

    threads = [threading.Thread(target=thread, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(results) == [0, 45, 90, 135]


# ---- the end of a run -----------------------------------------------------------------------------


def test_main_returning_ends_the_others_as_killed() -> None:
    """Leftovers get a GreenletExit at their suspension, clean up, and hold the run until then."""
    told: List[BaseException] = []
    cleaned: List[str] = []

    def child() -> Green[None]:
        reading, writing = os.pipe()
        try:
            yield from trampoline(reading, read=True)
        except BaseException as exc:
            told.append(exc)
            raise
        finally:
            yield from genlet.sleep(0.001)  # the grace is for this
            os.close(reading)
            os.close(writing)
            cleaned.append("child")

    def main() -> Green[str]:
        genlet.spawn(child)
        genlet.spawn(child)
        yield from genlet.sleep(0.001)
        return "value"

    assert genlet.run(main) == "value"
    assert cleaned == ["child", "child"]
    assert [type(exc) for exc in told] == [genlet.GreenletExit] * 2


def test_main_raising_ends_the_others_and_keeps_its_error() -> None:
    """The end of the run is the same whichever way main ends, and nothing is reported of it."""
    cleaned: List[str] = []

    def child() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        finally:
            cleaned.append("child")

    def main() -> Green[None]:
        genlet.spawn(child)
        yield from genlet.sleep(0)
        raise LookupError("main")

    with pytest.raises(LookupError, match="main"):
        genlet.run(main)
    assert cleaned == ["child"]


def test_one_that_was_never_started_never_runs() -> None:
    """What main spawned in its last step is ended before it begins."""
    ran: List[str] = []

    def child() -> Green[None]:
        ran.append("child")
        yield from genlet.sleep(0)

    def main() -> Green[None]:
        genlet.spawn(child).link(lambda _: ran.append("link"))
        genlet.spawn_after(1000, child)
        yield from noop()

    genlet.run(main)
    assert ran == ["link"]


def test_with_grace_zero_every_suspension_is_refused() -> None:
    """Cleanup that waits is cut off at once when no time is given for it."""
    reached: List[str] = []

    def child() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        finally:
            reached.append("cleanup")
            yield from genlet.sleep(0)
            reached.append("after a wait")

    def main() -> Green[None]:
        genlet.spawn(child)
        yield from genlet.sleep(0)

    Runner(grace=0).run(main)
    assert reached == ["cleanup"]


def test_one_that_will_not_end_is_closed_and_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A greenthread that swallows every refusal does not keep the run from returning."""

    def stubborn() -> Green[None]:
        while True:
            try:
                yield from genlet.sleep(1000)
            except genlet.Cancelled:
                pass

    def main() -> Green[str]:
        gt = genlet.spawn(stubborn)
        gt.name = "stubborn"
        yield from genlet.sleep(0)
        return "value"

    assert Runner(grace=0).run(main) == "value"
    assert "stubborn" in capsys.readouterr().err


# ---- SystemExit and KeyboardInterrupt from green code ---------------------------------------------


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt("mine")])
def test_an_exit_raised_by_main_ends_the_run_with_it(error: BaseException) -> None:
    """SystemExit and KeyboardInterrupt are main's outcome like any error."""

    def main() -> Green[None]:
        genlet.spawn(genlet.sleep, 1000)
        yield from genlet.sleep(0)
        raise error

    with pytest.raises(type(error)) as caught:
        genlet.run(main)
    assert caught.value is error


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt("mine")])
def test_an_exit_raised_by_a_child_surfaces_in_main(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends the child, is kept for those who wait for it, and is raised in main, once."""
    cleaned: List[str] = []

    def child() -> Green[None]:
        yield from genlet.sleep(0)
        raise error

    def other() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        finally:
            cleaned.append("other")

    def catches() -> Green[str]:
        gt = genlet.spawn(child)
        with pytest.raises(type(error)) as caught:
            yield from genlet.sleep(1000)
        assert caught.value is error
        with pytest.raises(type(error)):
            yield from gt.wait()
        yield from genlet.sleep(0.001)  # it comes no second time
        return "went on"

    def passes() -> Green[None]:
        genlet.spawn(other)
        genlet.spawn(child)
        yield from genlet.sleep(1000)

    assert genlet.run(catches) == "went on"
    with pytest.raises(type(error)) as caught:
        genlet.run(passes)
    assert caught.value is error
    assert cleaned == ["other"]
    assert capsys.readouterr().err == ""


def test_an_exit_raised_after_the_end_of_main_is_not_lost() -> None:
    """A SystemExit out of the cleanup of a leftover ends the program all the same."""

    def child() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        finally:
            raise SystemExit(4)

    def main() -> Green[None]:
        genlet.spawn(child)
        yield from genlet.sleep(0)

    with pytest.raises(SystemExit) as caught:
        genlet.run(main)
    assert caught.value.code == 4


# ---- Ctrl-C ---------------------------------------------------------------------------------------


def test_ctrl_c_is_raised_in_main_where_it_waits() -> None:
    """A parked main gets KeyboardInterrupt, may catch it, and everybody goes on."""
    assert said("""
        def child(line):
            try:
                yield from genlet.sleep(0.3)
                say("child undisturbed")
            except BaseException as exc:
                say("child", repr(exc))

        def main():
            gt = genlet.spawn(child, [])
            for _ in range(2):
                later(ctrl_c, 0.05)
                try:
                    yield from forever()
                except KeyboardInterrupt:
                    say("caught")
            yield from gt.wait()
            return "value"

        say(genlet.run(main))
        """) == ["caught", "caught", "child undisturbed", "value"]


def test_ctrl_c_with_nothing_but_a_wait_is_noticed() -> None:
    """No timer and no descriptor of its own: the loop hears the signal all the same."""
    assert said("""
        def main():
            with genlet.portal():
                yield from genlet.kernel.Wait(None, "nothing").get()

        later(ctrl_c)
        try:
            genlet.run(main)
        except KeyboardInterrupt:
            say("raised")
        """) == ["raised"]


def test_ctrl_c_that_main_lets_pass_ends_the_run_in_order() -> None:
    """run raises KeyboardInterrupt after the cleanup of every greenthread."""
    assert said("""
        def child(number):
            try:
                yield from forever()
            finally:
                yield from genlet.sleep(0.01)
                say("child cleaned up")

        def main():
            genlet.spawn(child, 1)
            try:
                yield from forever()
            finally:
                say("main cleaned up")

        later(ctrl_c)
        try:
            genlet.run(main)
        except KeyboardInterrupt:
            say("raised")
        say(genlet.run(lambda: genlet.sleep(0)))
        """) == ["main cleaned up", "child cleaned up", "raised", "None"]


def test_ctrl_c_ends_a_program_as_it_ends_any() -> None:
    """Uncaught, it is Python's own end by SIGINT, with a traceback that shows the user's line."""
    done = script("""
        def main():
            yield from forever()

        later(ctrl_c)
        genlet.run(main)
        """)
    assert done.returncode == -signal.SIGINT
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
    assert "in main" in done.stderr


def test_ctrl_c_in_a_child_is_raised_in_main() -> None:
    """Whoever happens to run when it comes, it is main's to deal with."""
    assert said("""
        def child():
            ctrl_c()
            say("child goes on")
            yield from genlet.sleep(0.05)
            say("child ends")

        def main():
            gt = genlet.spawn(child)
            try:
                yield from forever()
            except KeyboardInterrupt:
                say("main")
            yield from gt.wait()

        genlet.run(main)
        """) == ["child goes on", "main", "child ends"]


@pytest.mark.parametrize("who", ["main", "child"])
def test_a_second_ctrl_c_breaks_a_loop_that_never_waits(who: str) -> None:
    """Code that never comes back to the kernel gets the second one in place."""
    assert said(f"""
        def loops():
            later(ctrl_c, 0.1)
            later(ctrl_c, 0.3)
            try:
                spin(5)
            except KeyboardInterrupt:
                say("in place")
                raise
            say("never")
            yield from genlet.sleep(0)

        def main():
            if {who == "child"}:
                genlet.spawn(loops)
                yield from forever()
            else:
                yield from loops()

        try:
            genlet.run(main)
        except KeyboardInterrupt:
            say("raised")
        """) == ["in place", "raised"]


def test_a_ctrl_c_in_the_last_step_of_main_is_not_lost() -> None:
    """Main ends without another suspension: the run raises what it had no chance to raise."""
    assert said("""
        def main():
            yield from genlet.sleep(0)
            ctrl_c()
            return "value"

        try:
            say(genlet.run(main))
        except KeyboardInterrupt:
            say("raised")
        """) == ["raised"]


def test_a_second_ctrl_c_while_main_is_held_cancels_everything() -> None:
    """Main has not dealt with the first, and no user code runs: nobody is waited for any more."""
    assert said("""
        from genlet.structured.taskgroup import TaskGroup

        def child():
            try:
                yield from forever()
            finally:
                say("child waits in its cleanup")
                later(ctrl_c)
                yield from forever()

        def main():
            group = TaskGroup(grace=float("inf"))
            with group:
                group.spawn(child)
                yield from group.join()

        later(ctrl_c)
        try:
            genlet.run(main)
        except KeyboardInterrupt:
            say("raised")
        """) == ["child waits in its cleanup", "raised"]


def test_ctrl_c_while_closing_ends_the_grace() -> None:
    """Main has ended: one Ctrl-C refuses every further suspension, and run raises it."""
    assert said("""
        def child():
            try:
                yield from forever()
            finally:
                say("cleaning up")
                later(ctrl_c)
                yield from genlet.sleep(15)
                say("never")

        def main():
            genlet.spawn(child)
            yield from genlet.sleep(0)

        try:
            genlet.kernel.Runner(grace=15).run(main)
        except KeyboardInterrupt:
            say("raised")
        """) == ["cleaning up", "raised"]


def test_ctrl_c_breaks_a_loop_that_never_waits_while_closing() -> None:
    """The cleanup of a leftover that never comes back can be interrupted as well."""
    assert said("""
        def child():
            try:
                yield from forever()
            finally:
                for seconds in (0.1, 0.3, 0.5):
                    later(ctrl_c, seconds)
                spin(3)
                say("never")

        def main():
            genlet.spawn(child)
            yield from genlet.sleep(0)

        try:
            genlet.run(main)
        except KeyboardInterrupt:
            say("raised")
        """) == ["raised"]


def test_the_handler_of_sigint_and_the_wakeup_descriptor_are_restored() -> None:
    """After a run the process' signals are as they were before it, whoever set them."""
    lines = said("""
        def main():
            say(signal.getsignal(signal.SIGINT) is before)
            yield from genlet.sleep(0.001)

        mine = os.pipe()
        os.set_blocking(mine[1], False)
        for fd in (-1, mine[1]):
            for before in (signal.default_int_handler, signal.SIG_IGN, lambda *_: None):
                signal.signal(signal.SIGINT, before)
                signal.set_wakeup_fd(fd)
                genlet.run(main)
                assert signal.getsignal(signal.SIGINT) is before
                assert signal.set_wakeup_fd(-1) == fd
        """)
    assert lines == ["False", "True", "True"] * 2


def test_a_handler_of_sigint_that_the_program_set_is_left_alone() -> None:
    """Ctrl-C is taken over from Python's default handler only, and given back to that only."""
    assert said("""
        def main():
            signal.signal(signal.SIGINT, mine)
            ctrl_c()
            yield from genlet.sleep(0.001)

        def mine(*_):
            say("mine")

        genlet.run(main)
        say(signal.getsignal(signal.SIGINT) is mine)
        genlet.run(main)
        """) == ["mine", "True", "mine"]


def test_a_run_in_another_thread_leaves_signals_alone() -> None:
    """Only the main thread hears signals; a run elsewhere does not touch them."""
    handler = signal.getsignal(signal.SIGINT)
    seen: List[object] = []

    def main() -> Green[None]:
        yield from genlet.sleep(0.001)
        seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=genlet.run, args=(main,))
    thread.start()
    thread.join()
    assert seen == [handler]


# ---- fork -----------------------------------------------------------------------------------------

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

# Gives the child a bounded life and the parent its result, written to the parent's own pipe.
FORK = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)

def parent(pid):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            say("child ended with", os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1)
            return
        yield from genlet.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    say("child hung")

"""


def forks(body: str, *, code: int = 0) -> List[str]:
    return said(FORK + dedent(body), code=code)


@needs_fork
def test_fork_leaves_the_parents_run_undisturbed() -> None:
    """The child's end closes nothing of the parent's: descriptors, timers and threads go on."""
    assert forks("""
        def reads(fd):
            yield from genlet.trampoline(fd, read=True)
            return os.read(fd, 10).decode()

        def main():
            reading, writing = os.pipe()
            gt = genlet.spawn(reads, reading)
            yield from genlet.sleep(0.01)
            pid = os.fork()
            if not pid:
                os._exit(0)
            yield from parent(pid)
            with genlet.portal() as portal:
                later(lambda: portal.call_soon(os.write, writing, b"data"))
                say((yield from gt.wait()))

        genlet.run(main)
        """) == ["child ended with 0", "data"]


@needs_fork
def test_the_childs_kernel_is_inert_and_says_so() -> None:
    """The next suspension in the child raises a RuntimeError that tells what to do."""
    assert forks("""
        def main():
            yield from genlet.sleep(0.001)
            pid = os.fork()
            if not pid:
                for use in (lambda: genlet.sleep(0), lambda: genlet.sleep(1), forever):
                    try:
                        yield from use()
                    except RuntimeError as exc:
                        text = str(exc)
                        assert text.startswith("this process was forked from inside genlet.run()")
                        assert "genlet.run(main)" in text
                    else:
                        os._exit(1)
                try:
                    genlet.spawn(forever)
                except RuntimeError as exc:
                    assert str(exc).startswith("this process was forked from inside genlet.run()")
                else:
                    os._exit(2)
                say("inert")
                os._exit(0)
            yield from parent(pid)

        genlet.run(main)
        """) == ["inert", "child ended with 0"]


@needs_fork
def test_a_child_that_does_not_look_out_ends_with_the_error() -> None:
    """Left alone, the error leaves the child's copy of ``run`` and nothing else runs there."""
    lines = forks("""
        def other():
            try:
                yield from genlet.sleep(0.3)
            finally:
                say("other ran in", "parent" if os.getpid() == root else "child")

        def main():
            gt = genlet.spawn(other)
            yield from genlet.sleep(0.001)
            pid = os.fork()
            if pid:
                yield from parent(pid)
                yield from gt.wait()
            else:
                yield from genlet.sleep(0)

        root = os.getpid()
        try:
            genlet.run(main)
        except RuntimeError as exc:
            assert os.getpid() != root
            say(str(exc).partition(",")[0])
            os._exit(5)
        """)
    assert lines == [
        "this process was forked from inside genlet.run(): its copy of the kernel is inert; start"
        " one of its own with genlet.run(main)",
        "child ended with 5",
        "other ran in parent",
    ]


@needs_fork
def test_the_child_may_run_a_kernel_of_its_own() -> None:
    """genlet.run in the child is a run like any, inside what is left of the parent's."""
    assert forks("""
        def fresh():
            reading, writing = os.pipe()
            gt = genlet.spawn(genlet.trampoline, reading, read=True)
            yield from genlet.sleep(0.01)
            os.write(writing, b"x")
            yield from gt.wait()
            return "ran"

        def main():
            yield from genlet.sleep(0.001)
            pid = os.fork()
            if not pid:
                say(genlet.run(fresh))
                say(genlet.run(fresh))
                os._exit(0)
            yield from parent(pid)

        genlet.run(main)
        """) == ["ran", "ran", "child ended with 0"]


@needs_fork
def test_sys_exit_in_the_child_exits_it() -> None:
    """SystemExit leaves the child's copy of run at once, with its code; the parent goes on."""
    assert forks("""
        def main():
            genlet.spawn(forever)
            yield from genlet.sleep(0.001)
            pid = os.fork()
            if not pid:
                sys.exit(6)
            yield from parent(pid)
            say("the parent goes on")

        genlet.run(main)
        """) == ["child ended with 6", "the parent goes on"]


@needs_fork
def test_a_fork_in_a_child_greenthread_is_as_good() -> None:
    """Whichever greenthread forks, it alone goes on in the child."""
    assert forks("""
        def forker():
            yield from genlet.sleep(0.001)
            pid = os.fork()
            if not pid:
                sys.exit(7)
            yield from parent(pid)

        def main():
            yield from genlet.spawn(forker).wait()

        genlet.run(main)
        """) == ["child ended with 7"]


@needs_fork
def test_the_child_has_the_signals_of_a_process_without_a_run() -> None:
    """Ctrl-C in the child is its own again, and no signal writes to a descriptor of the parent's."""
    assert forks("""
        def main():
            yield from genlet.sleep(0.001)
            pid = os.fork()
            if not pid:
                say("wakeup", signal.set_wakeup_fd(-1))
                say("default", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
                os._exit(0)
            yield from parent(pid)

        genlet.run(main)
        """) == ["wakeup -1", "default True", "child ended with 0"]


@needs_fork
def test_the_child_keeps_none_of_the_kernels_descriptors() -> None:
    """What the parent's kernel has opened is closed in the child."""
    if not os.path.isdir(FDS):
        pytest.skip("descriptors cannot be counted here")
    assert forks("""
        def count():
            return len(os.listdir("/proc/self/fd"))

        def main():
            before = count()
            yield from genlet.sleep(0.001)
            assert count() > before
            pid = os.fork()
            if not pid:
                say(count() - before)
                os._exit(0)
            yield from parent(pid)

        genlet.run(main)
        """) == ["0", "child ended with 0"]


@needs_fork
def test_a_fork_outside_of_a_run_is_nothing_special() -> None:
    """A process forked before or after a run has no past."""
    assert forks("""
        genlet.run(lambda: genlet.sleep(0.001))
        pid = os.fork()
        if not pid:
            genlet.run(lambda: genlet.sleep(0.001))
            try:
                genlet.getcurrent()
            except RuntimeError as exc:
                say(exc)
            os._exit(0)
        genlet.run(parent, pid)
        """) == [
        "no kernel runs in this thread: start one with genlet.run(main)",
        "child ended with 0",
    ]


def test_a_kernel_is_garbage_when_its_run_has_ended() -> None:
    """Nothing that outlives a run holds the kernel or what main held."""
    import gc
    import weakref

    class Held:
        pass

    def main() -> Green[weakref.ref[Held]]:
        held = Held()
        genlet.spawn(genlet.sleep, 1000)
        yield from genlet.sleep(0.001)
        assert get_scheduler() is not None
        return weakref.ref(held)

    ref = genlet.run(main)
    gc.collect()
    assert ref() is None
