"""Green subprocesses: the standard library's results, nothing left behind, nobody kept waiting."""

from __future__ import annotations

import errno
import gc
import os
import resource
import signal
import subprocess as real
import sys
import threading
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, TypeVar

import pytest

import genlet
from genlet.abc import Green
from genlet.end import END
from genlet.errors import Unjoined
from genlet.green import _children, io
from genlet.green import subprocess as green
from genlet.green.subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired
from genlet.testing import cancel_everywhere

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")

T = TypeVar("T")

# Where there is none, starting a process copies the page table of this one, which is big.
VFORK = sys.version_info >= (3, 10) and sys.implementation.name == "cpython"


def run(main: Callable[[], Green[T]]) -> T:
    """Run *main*, which may not take for ever."""

    def bounded() -> Green[T]:
        with genlet.fail_after(60):
            return (yield from main())

    return genlet.run(bounded)


def sh(script: str) -> List[str]:
    return ["sh", "-c", script]


def python(script: str) -> List[str]:
    return [sys.executable, "-S", "-c", script]


def children() -> Dict[int, str]:
    """Return the children of this process, each with the letter of its state."""
    found: Dict[int, str] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as stat:
                    state, parent = stat.read().rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(parent) == os.getpid():
                found[int(entry)] = state
    return found


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_an_unbuffered_pipe_is_read_by_lines() -> None:
    """Without a buffer a line takes nothing of what follows it."""

    def main() -> Green[None]:
        child = Popen(sh("printf 'one\\ntwo\\nthree'"), stdout=PIPE, bufsize=0)
        assert child.stdout is not None
        assert (yield from child.stdout.readline()) == b"one\n"
        assert (yield from child.stdout.read(1)) == b"t"
        assert (yield from child.stdout.readlines()) == [b"wo\n", b"three"]
        assert (yield from child.finish()) == 0

    run(main)


@pytest.fixture(autouse=True)
def leaves_no_children() -> Iterator[None]:
    """Fail a test that leaves a child behind, dead or alive."""
    before = children()
    yield
    left = {pid: state for pid, state in children().items() if pid not in before}
    assert not left, f"children are left: {left}"


@pytest.fixture(params=["best", "look", "reap"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the ways to learn that a child has ended, as far as the platform has it."""
    name: str = request.param
    if name == "look" and not _children.can_look:
        pytest.skip("this Python has no waitid")
    if name != "best":
        monkeypatch.setattr(_children, "open_pidfd", None)
    if name == "reap":
        monkeypatch.setattr(_children, "can_look", False)
    return name


every_way = pytest.mark.usefixtures("way")


# ---- as the standard library ----------------------------------------------------------------------


def test_errors_and_constants_are_the_standard_librarys_own() -> None:
    """Who catches the standard library's errors catches these; every name is there."""
    for name in ("CalledProcessError", "CompletedProcess", "SubprocessError", "TimeoutExpired"):
        assert getattr(green, name) is getattr(real, name)
    for name in ("DEVNULL", "PIPE", "STDOUT", "list2cmdline"):
        assert getattr(green, name) is getattr(real, name)
    for name in real.__all__:
        assert hasattr(green, name)


def test_popen_has_every_public_name_of_the_real_one() -> None:
    """No method is missing."""
    assert {name for name in dir(real.Popen) if not name.startswith("_")} <= set(dir(Popen))


Outcome = Tuple[Any, ...]


def of_done(done: real.CompletedProcess[Any]) -> Outcome:
    return done.args, done.returncode, done.stdout, done.stderr


def of_error(exc: BaseException) -> Outcome:
    names = ("cmd", "returncode", "output", "stderr", "errno", "filename", "start", "end")
    fields = [getattr(exc, name, None) for name in names]
    if not isinstance(exc, TimeoutExpired):  # the real one may give what was left of the timeout
        fields.extend(exc.args)
    return (type(exc), *fields)


def really(fn: Callable[[], Any]) -> Outcome:
    """Return what the standard library makes of it."""
    try:
        result = fn()
    except Exception as exc:
        return of_error(exc)
    return of_done(result) if isinstance(result, real.CompletedProcess) else (result,)


def greenly(call: Green[Any]) -> Outcome:
    """Return what we make of it."""
    try:
        result = run(lambda: call)
    except Exception as exc:
        return of_error(exc)
    return of_done(result) if isinstance(result, real.CompletedProcess) else (result,)


BIG = "0123456789abcdef\n" * 20000

RUNS: List[Tuple[Any, Dict[str, Any]]] = [
    (["true"], {}),
    (["false"], {}),
    (("sh", "-c", "exit 3"), {}),
    ("exit 4", {"shell": True}),
    (b"exit 5", {"shell": True}),
    (sh("kill -9 $$"), {}),
    (sh("kill -9 $$"), {"check": True}),
    (sh("echo out; echo err >&2; exit 7"), {"capture_output": True}),
    (sh("echo out; echo err >&2; exit 7"), {"capture_output": True, "check": True}),
    (sh("echo out; echo err >&2"), {"stdout": PIPE, "stderr": STDOUT}),
    (sh("echo out; echo err >&2"), {"stdout": DEVNULL, "stderr": PIPE, "text": True}),
    (sh(r"printf 'a\r\nb\rc\n'"), {"stdout": PIPE, "universal_newlines": True}),
    (sh(r"printf '\303\244\377'"), {"stdout": PIPE, "encoding": "utf-8", "errors": "replace"}),
    (sh(r"printf '\303\244'"), {"stdout": PIPE, "encoding": "latin-1"}),
    (sh(r"printf '\377'"), {"capture_output": True, "encoding": "utf-8"}),
    (sh(r"printf '\377'"), {"stdout": PIPE, "errors": "ignore", "encoding": "ascii"}),
    (["cat"], {"input": b"", "stdout": PIPE}),
    (["cat"], {"input": BIG.encode(), "stdout": PIPE}),
    (["cat"], {"input": BIG, "capture_output": True, "text": True}),
    (["cat"], {"input": "ä€", "stdout": PIPE, "encoding": "utf-16"}),
    (["cat"], {"input": BIG.encode(), "stdout": PIPE, "bufsize": 0}),
    (["cat"], {"input": BIG, "stdout": PIPE, "bufsize": 1, "text": True}),
    (["cat"], {"input": bytearray(b"buffer"), "stdout": PIPE, "timeout": 30}),
    (sh("cat >&2; cat"), {"input": BIG.encode(), "capture_output": True}),
    (sh("exec <&-; sleep 0.05"), {"input": BIG.encode(), "capture_output": True}),
    (sh("head -c 10"), {"input": BIG, "text": True, "stdout": PIPE, "stderr": PIPE}),
    (sh("pwd; echo $NAME"), {"cwd": "/", "env": {"NAME": "x"}, "stdout": PIPE}),
    (["sh"], {"executable": "/bin/echo", "stdout": PIPE}),
    (["sleep", "10"], {"timeout": 0.05}),
    (sh("echo out; exec sleep 10"), {"timeout": 0.3, "capture_output": True}),
    (sh("echo out; exec sleep 10"), {"timeout": 0.3, "capture_output": True, "text": True}),
    (["/nonexistent"], {}),
    (["/"], {"capture_output": True}),
    (["true"], {"cwd": "/nonexistent", "stdin": PIPE, "stdout": PIPE, "stderr": PIPE}),
    ([], {}),
    (["true\0"], {"stdout": PIPE}),
    (["true"], {"bufsize": "x"}),
    (["true"], {"text": True, "universal_newlines": False, "stdout": PIPE}),
    (["true"], {"stdout": STDOUT}),
    (["true"], {"stdin": PIPE, "input": b"x"}),
    (["true"], {"stdout": PIPE, "capture_output": True}),
    (["true"], {"stdout": PIPE, "encoding": "no-such-encoding"}),
    (["true"], {"user": -5}),
    (["true"], {"umask": 0o22, "start_new_session": True, "restore_signals": False}),
]


@pytest.mark.parametrize(("args", "options"), RUNS, ids=map(repr, range(len(RUNS))))
def test_run_gives_what_the_real_one_gives(args: Any, options: Dict[str, Any]) -> None:
    """The result, or the error, is the same in all its fields, and no descriptor is left."""
    expected = really(lambda: real.run(args, **options))
    before = descriptors()
    assert greenly(green.run(args, **options)) == expected
    gc.collect()
    assert descriptors() == before


def test_run_with_an_unknown_argument_raises_type_error() -> None:
    """What the standard library's Popen does not know on this Python, ours does not either."""
    with pytest.raises(TypeError):
        run(lambda: green.run(["true"], nonsense=1))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("call", (["false"],), {}),
        ("call", (["sleep", "10"],), {"timeout": 0.05}),
        ("check_call", (["true"],), {}),
        ("check_call", (["false"],), {}),
        ("check_call", (), {"args": ["false"]}),
        ("check_output", (sh("echo a; exit 1"),), {}),
        ("check_output", (sh("echo a"),), {}),
        ("check_output", (["cat"],), {"input": None}),
        ("check_output", (["cat"],), {"input": None, "text": True}),
        ("check_output", (["cat"], -1), {"input": b"positional"}),
        ("check_output", (["true"],), {"stdout": PIPE}),
        ("check_output", (sh("echo a; exec sleep 10"),), {"timeout": 0.3}),
        ("getoutput", ("echo a; echo b >&2; echo",), {}),
        ("getstatusoutput", ("printf ab; exit 3",), {}),
        ("getstatusoutput", ("kill $$",), {}),
    ],
)
def test_the_other_functions_give_what_the_real_ones_give(
    name: str, args: Tuple[Any, ...], options: Dict[str, Any]
) -> None:
    """call, check_call, check_output, getoutput and getstatusoutput are the same too."""
    expected = really(lambda: getattr(real, name)(*args, **options))
    assert greenly(getattr(green, name)(*args, **options)) == expected


def test_popen_passes_preexec_fn_and_pass_fds() -> None:
    """The function is called in the child, and only the descriptors named are inherited."""
    reading, writing = os.pipe()

    def main() -> Green[None]:
        process: Popen[Any] = Popen(
            sh(f"pwd; echo hello >/proc/self/fd/{writing}"),
            preexec_fn=lambda: os.chdir("/usr"),
            pass_fds=[writing],
            stdout=PIPE,
        )
        with process:
            assert (yield from process.communicate()) == (b"/usr\n", None)

    run(main)
    os.close(writing)
    assert os.read(reading, 100) == b"hello\n"
    os.close(reading)


def test_popen_pipes_block_for_the_child() -> None:
    """Ours are non-blocking; the child's ends are as any program expects them."""
    script = "import os; print([os.get_blocking(fd) for fd in range(3)])"

    def main() -> Green[None]:
        with Popen(python(script), stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True) as process:
            out, _ = yield from process.communicate()
            assert out == "[True, True, True]\n"

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.10 has added it")
def test_popen_with_pipesize_makes_pipes_of_that_size() -> None:
    """The pipes hold what was asked for."""
    if sys.version_info >= (3, 10):
        import fcntl

        def main() -> Green[None]:
            with Popen(["true"], stdout=PIPE, pipesize=8192) as process:
                assert process.stdout is not None
                assert fcntl.fcntl(process.stdout.fileno(), fcntl.F_GETPIPE_SZ) == 8192
                yield from process.finish()

        run(main)


def test_popen_with_process_group_is_of_the_python_that_runs() -> None:
    """From 3.11 on it moves the child to a group of its own; before, it is a TypeError."""

    def main() -> Green[None]:
        options: Dict[str, Any] = {"process_group": 0}
        with Popen(sh("read x"), stdin=PIPE, **options) as process:
            assert os.getpgid(process.pid) == process.pid
            yield from process.finish()

    if sys.version_info >= (3, 11):
        run(main)
    else:
        with pytest.raises(TypeError):
            run(main)


# ---- the pipes ------------------------------------------------------------------------------------


def test_popen_pipes_are_green_files() -> None:
    """What the process says can be read while it runs, line by line."""

    def main() -> Green[None]:
        with Popen(["cat"], stdin=PIPE, stdout=PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for line in ("one\n", "two\n"):
                yield from process.stdin.write(line)
                yield from process.stdin.flush()
                assert (yield from process.stdout.readline()) == line
            process.stdin.close()
            assert (yield from process.stdout.next()) is END
            assert (yield from process.finish()) == 0

    run(main)


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({}, (io.BufferedWriter, io.BufferedReader)),
        ({"bufsize": 0}, (io.FileIO, io.FileIO)),
        ({"bufsize": 4096}, (io.BufferedWriter, io.BufferedReader)),
        ({"text": True, "bufsize": 0}, (io.TextIOWrapper, io.TextIOWrapper)),
        ({"encoding": "utf-8"}, (io.TextIOWrapper, io.TextIOWrapper)),
    ],
)
def test_popen_pipes_have_the_mode_and_buffer_asked_for(
    options: Dict[str, Any], kinds: Tuple[type, type]
) -> None:
    """bufsize and text decide which files they are."""

    def main() -> Green[None]:
        with Popen(["cat"], stdin=PIPE, stdout=PIPE, **options) as process:
            assert (type(process.stdin), type(process.stdout)) == kinds
            yield from process.finish()

    run(main)


def test_popen_with_line_buffering_sends_each_line() -> None:
    """bufsize=1 sends a line of text without a flush."""

    def main() -> Green[None]:
        with Popen(["cat"], stdin=PIPE, stdout=PIPE, text=True, bufsize=1) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            yield from process.stdin.write("line\n")
            assert (yield from process.stdout.readline()) == "line\n"
            yield from process.finish()

    run(main)


def test_popen_that_cannot_be_started_leaves_no_descriptor() -> None:
    """A program that does not exist costs nothing, however often it is tried."""

    def main() -> Green[None]:
        yield from green.run(["true"])
        before = descriptors()
        for _ in range(20):
            with pytest.raises(FileNotFoundError):
                Popen(["/nonexistent"], stdin=PIPE, stdout=PIPE, stderr=PIPE)
            with pytest.raises(LookupError):
                Popen(["true"], stdin=PIPE, stdout=PIPE, encoding="no-such-encoding")
        assert descriptors() == before

    run(main)


def test_popen_without_descriptors_left_starts_nothing() -> None:
    """With EMFILE no process is started and the pipes that were made are closed."""

    def main() -> Green[None]:
        yield from green.run(["true"])
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        before = descriptors()
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + 3, limits[1]))
        try:
            with pytest.raises(OSError, match="Too many open files") as caught:
                Popen(["true"], stdin=PIPE, stdout=PIPE, stderr=PIPE)
            assert caught.value.errno == errno.EMFILE
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert descriptors() == before

    run(main)


# ---- communicate ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [False, True])
def test_communicate_after_a_timeout_goes_on_without_loss(text: bool) -> None:
    """What was sent and received before is not sent again, and not lost."""
    reading, writing = os.pipe()
    os.write(writing, b"later\n")

    def main() -> Green[None]:
        data: Any = BIG if text else BIG.encode()
        process: Popen[Any] = Popen(
            sh(f"sleep 0.3; cat; cat /proc/self/fd/{reading}"),
            stdin=PIPE,
            stdout=PIPE,
            text=text,
            pass_fds=[reading],
        )
        with process:
            with pytest.raises(TimeoutExpired):
                yield from process.communicate(data, timeout=0.05)
            with pytest.raises(ValueError, match="Cannot send input after starting"):
                yield from process.communicate(data)
            with pytest.raises(TimeoutExpired) as caught:
                yield from process.communicate(timeout=1.0)
            assert caught.value.output == BIG.encode() + b"later\n"
            assert caught.value.timeout == 1.0
            os.close(writing)
            out, err = yield from process.communicate()
            assert (out, err) == (data + ("later\n" if text else b"later\n"), None)
            assert (yield from process.communicate()) == (out, err)

    run(main)
    os.close(reading)


@pytest.mark.parametrize("options", [{}, {"bufsize": 0}, {"encoding": "utf-8"}])
def test_communicate_after_lines_were_read_returns_the_rest(options: Dict[str, Any]) -> None:
    """What a file has read ahead is part of the result, as are characters begun."""

    def main() -> Green[None]:
        process: Popen[Any] = Popen(
            sh(r"printf 'one\ntwo\n\303'; cat >&2; printf '\244\r\n'"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            **options,
        )
        with process:
            assert process.stdout is not None
            if "bufsize" not in options:
                yield from process.stdout.readline()
            else:
                yield from process.stdout.read(4)
            text = "encoding" in options
            out, _ = yield from process.communicate("x" if text else b"x")
            assert out == ("two\nä\n" if text else b"two\n\xc3\xa4\r\n")

    run(main)


def test_communicate_waits_for_everybody_who_holds_the_pipe() -> None:
    """Output ends when the last who inherited the pipe has closed it, not with the child."""

    reading, writing = os.pipe()
    script = f"(read x </proc/self/fd/{reading}; echo $x) & exit 5"

    def main() -> Green[None]:
        process: Popen[Any] = Popen(sh(script), pass_fds=[reading], stdout=PIPE)
        with process:
            assert (yield from process.wait()) == 5
            with pytest.raises(TimeoutExpired):
                yield from process.communicate(timeout=0.05)
            os.write(writing, b"late\n")
            assert (yield from process.communicate()) == (b"late\n", None)

    run(main)
    os.close(reading)
    os.close(writing)


def test_communicate_with_a_child_that_closes_its_output_waits_for_its_end() -> None:
    """End of file is not the end of the process."""

    def main() -> Green[None]:
        process: Popen[Any] = Popen(
            sh("exec >&-; read x; exit $x"), stdin=PIPE, stdout=PIPE, text=True
        )
        with process:
            assert process.stdout is not None
            assert (yield from process.stdout.read()) == ""
            assert process.poll() is None
            assert (yield from process.communicate("6")) == ("", None)
            assert process.returncode == 6

    run(main)


def test_communicate_interrupted_anywhere_keeps_what_was_read() -> None:
    """After any interruption another call returns the whole."""
    started: List[Popen[bytes]] = []

    def fn() -> Green[None]:
        process = Popen(sh("cat; echo end >&2"), stdin=PIPE, stdout=PIPE, stderr=PIPE)
        started.append(process)
        check((yield from process.communicate(BIG.encode())))
        started.clear()

    def check(result: Tuple[bytes, bytes]) -> None:
        assert result == (BIG.encode(), b"end\n")

    def resume() -> Green[None]:
        while started:
            process = started.pop()
            check((yield from process.communicate()))

    assert cancel_everywhere(fn, lambda: run(resume), how="timeout") > 0


# ---- the end --------------------------------------------------------------------------------------


@every_way
def test_wait_returns_the_status_to_everybody() -> None:
    """Several greenthreads may wait for one process; poll tells it afterwards."""

    def main() -> Green[None]:
        with Popen(sh("read x; exit 3"), stdin=PIPE) as process:
            gts = [genlet.spawn(process.wait) for _ in range(3)]
            gts.append(genlet.spawn(process.wait, 30))
            yield from genlet.sleep(0.01)
            assert process.poll() is None
            assert process.stdin is not None
            process.stdin.close()
            for gt in gts:
                assert (yield from gt.wait()) == 3
            assert process.poll() == process.returncode == 3

    run(main)


@every_way
def test_wait_with_a_timeout_raises_timeout_expired() -> None:
    """The error carries the command and the timeout; the process can still be waited for."""

    def main() -> Green[None]:
        with Popen(sh("read x"), stdin=PIPE) as process:
            for timeout in (0.01, 0, -1):
                with pytest.raises(TimeoutExpired) as caught:
                    yield from process.wait(timeout)
                assert (caught.value.cmd, caught.value.timeout) == (sh("read x"), timeout)
            assert (yield from process.finish()) == 1

    run(main)


@every_way
def test_wait_while_it_waits_lets_others_run() -> None:
    """A greenthread goes on counting while another waits for a process."""

    def main() -> Green[None]:
        with Popen(["cat"], stdin=PIPE) as process:
            waiting = genlet.spawn(process.wait)
            for _ in range(10):
                yield from genlet.sleep(0.001)
            assert not waiting.dead
            assert process.stdin is not None
            process.stdin.close()
            assert (yield from waiting.wait()) == 0

    run(main)


@pytest.mark.parametrize("action", ["default", "ignored"])
def test_wait_for_a_child_that_nobody_can_reap_returns_0(action: str) -> None:
    """Reaped by somebody else, or by the system since SIGCHLD is ignored: as in the stdlib, 0."""

    def main() -> Green[None]:
        with Popen(sh("read x; exit 3"), stdin=PIPE) as process:
            gt = genlet.spawn(process.wait)
            yield from genlet.sleep(0.01)
            assert process.stdin is not None
            process.stdin.close()
            if action == "default" and _children.can_look:
                os.waitpid(process.pid, 0)
            status = yield from gt.wait()
            assert status == 0 or (not _children.can_look and action == "default")

    before = signal.getsignal(signal.SIGCHLD)
    try:
        if action == "ignored":
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        run(main)
    finally:
        signal.signal(signal.SIGCHLD, before)


@every_way
@pytest.mark.parametrize(
    ("name", "args", "signum"),
    [
        ("terminate", (), signal.SIGTERM),
        ("kill", (), signal.SIGKILL),
        ("send_signal", (signal.SIGUSR1,), signal.SIGUSR1),
    ],
)
def test_signals_are_plain_calls(name: str, args: Tuple[int, ...], signum: signal.Signals) -> None:
    """The status is the signal's number, negative; to signal what has ended does nothing."""

    def main() -> Green[None]:
        with Popen(["sleep", "30"]) as process:
            gt = genlet.spawn(process.wait)
            yield from genlet.sleep(0.01)
            getattr(process, name)(*args)
            assert (yield from gt.wait()) == -signum
            getattr(process, name)(*args)

    run(main)


def test_kill_of_a_zombie_reaps_it_and_signals_nobody() -> None:
    """Signalling polls first: a number that may be another's by now is never signalled."""

    def main() -> Green[None]:
        with Popen(["true"]) as process:
            while children().get(process.pid) != "Z":
                yield from genlet.sleep(0.001)
            process.kill()
            assert process.returncode == 0

    run(main)


@every_way
def test_block_left_without_waiting_kills_and_raises_unjoined() -> None:
    """Leaving the block is no time to wait: what nobody waited for is killed, and that is told."""

    def main() -> Green[None]:
        yield from ()
        process = Popen(["sleep", "30"], stdin=PIPE, stdout=PIPE)
        with pytest.raises(Unjoined, match=r"write 'yield from process.finish\(\)' last"), process:
            pass
        assert process.returncode == -signal.SIGKILL
        assert process.stdout is not None
        assert process.stdout.closed

    run(main)


def test_block_left_without_waiting_raises_unjoined_even_if_it_has_ended() -> None:
    """Whether it happened to be over already makes no difference to the error."""

    def main() -> Green[None]:
        process = Popen(sh("exit 2"))
        while children().get(process.pid) != "Z":
            yield from genlet.sleep(0.001)
        with pytest.raises(Unjoined), process:
            pass
        assert process.returncode == 2

    run(main)


def test_block_left_by_an_error_kills_and_passes_it_on() -> None:
    """The error goes on as it is, although input was left unwritten; the process is gone."""

    def main() -> Green[None]:
        process = Popen(["sleep", "30"], stdin=PIPE)
        assert process.stdin is not None
        with genlet.move_on_after(0.01):
            yield from process.stdin.write(BIG.encode())
        with pytest.raises(ZeroDivisionError), process:
            raise ZeroDivisionError
        assert process.returncode == -signal.SIGKILL

    run(main)


def test_block_outside_of_a_run_cleans_up_too() -> None:
    """Starting, signalling, polling and leaving need no run."""
    process = Popen(["sleep", "30"], stdin=PIPE, stdout=PIPE)
    with pytest.raises(Unjoined), process:
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL


def test_finish_sends_what_is_buffered_and_returns_the_status() -> None:
    """It is the graceful end: stdin is written out, the pipes are closed, the end is awaited."""

    def main() -> Green[None]:
        with Popen(sh("read x; exit $x"), stdin=PIPE, stdout=PIPE) as process:
            assert process.stdin is not None
            yield from process.stdin.write(b"9\n")
            assert (yield from process.finish()) == 9
        with Popen(sh("exec <&-; exit 4"), stdin=PIPE) as process:
            assert process.stdin is not None
            yield from process.wait()
            yield from process.stdin.write(b"nobody reads this")
            with pytest.raises(BrokenPipeError):
                yield from process.finish()
            assert process.returncode == 4

    run(main)


@every_way
@pytest.mark.parametrize(
    "start",
    [
        lambda: green.run(sh("echo a; exec sleep 0.03"), capture_output=True),
        lambda: green.run(["cat"], input=BIG, text=True, stdout=PIPE, timeout=30),
        lambda: green.check_output(["cat"], input=b"x"),
        lambda: green.call(["sleep", "0.03"]),
        lambda: finished(),
    ],
    ids=["run", "input", "check_output", "call", "finish"],
)
def test_interrupted_anywhere_nothing_is_left(start: Callable[[], Green[Any]]) -> None:
    """No process, dead or alive, no descriptor and no thread is left, wherever it is interrupted."""
    assert cancel_everywhere(start, nothing_left()) > 0


@pytest.mark.parametrize("how", ["kill", "timeout"])
def test_interrupted_anyhow_nothing_is_left(how: Any) -> None:
    """A kill and an eventlet timeout leave no more behind than a cancelled scope."""

    def start() -> Green[object]:
        return (yield from green.run(["cat"], input=b"x", stdout=PIPE, timeout=30))

    assert cancel_everywhere(start, nothing_left(), how=how) > 0


def nothing_left() -> Callable[[], None]:
    """Return a function that fails if there is more in this process than now."""
    before = descriptors()

    def check() -> None:
        if descriptors() != before:
            gc.collect()  # on PyPy the pollers of former runs are garbage
        assert descriptors() == before
        assert not children()
        for thread in threading.enumerate():
            if thread.name.startswith("genlet-child"):
                thread.join(5)
                assert not thread.is_alive()

    return check


def finished() -> Green[None]:
    with Popen(sh("sleep 0.03; cat >/dev/null"), stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None
        yield from process.stdin.write(BIG.encode())
        yield from process.finish()


def test_run_in_a_run_that_ends_is_killed_and_reaped() -> None:
    """When main returns, what its greenthreads have started ends with them."""

    def main() -> Green[None]:
        genlet.spawn(green.run, ["sleep", "30"])
        yield from genlet.sleep(0.01)

    run(main)
    assert not children()


@every_way
def test_children_of_others_are_left_alone() -> None:
    """What the standard library has started is reaped by nobody here."""
    with real.Popen(sh("exit 6")) as other:

        def main() -> Green[None]:
            for _ in range(3):
                yield from green.run(["sleep", "0.01"])

        run(main)
        assert other.wait() == 6


@pytest.mark.slow
def test_a_thousand_at_once_give_their_output_and_leave_no_zombie() -> None:
    """A thousand processes at the same time are all answered, while others go on."""
    # Each has two descriptors, and select(2) takes no number above 1023.
    count = 1000 if VFORK and os.environ.get("GENLET_HUB") != "select" else 200
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(4 * count + 100, limits[1]) if limits[1] >= 0 else 4 * count + 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], wanted), limits[1]))
    reading, writing = os.pipe()  # they end when the last of them has been started
    ticks: List[int] = []

    def one(number: int) -> Green[Optional[bytes]]:
        done = yield from green.run(
            sh(f"read x; echo {number}"), stdin=reading, stdout=PIPE, stderr=DEVNULL
        )
        assert done.returncode == 0
        return done.stdout

    def tick() -> Green[None]:
        while True:
            ticks.append(0)
            yield from genlet.sleep(0.001)

    def main() -> Green[None]:
        ticker = genlet.spawn(tick)
        gts = []
        for number in range(count):
            gts.append(genlet.spawn(one, number))
            yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        assert len(children()) == count
        before = len(ticks)
        os.close(writing)
        for number, gt in enumerate(gts):
            assert (yield from gt.wait()) == b"%d\n" % number
        assert len(ticks) > before
        yield from ticker.kill()

    try:
        run(main)
    finally:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not children()


def test_process_reads_the_green_output_of_another_to_its_end() -> None:
    """``Popen(stdin=other.stdout)``: the pipe is blocking there, however late the data comes."""
    slow = "import time; time.sleep(0.3); print('late')"
    copy = "import sys; sys.stdout.write(sys.stdin.read())"

    def main() -> Green[None]:
        with Popen([sys.executable, "-c", slow], stdout=PIPE) as source:
            assert source.stdout is not None
            with Popen([sys.executable, "-c", copy], stdin=source.stdout, stdout=PIPE) as sink:
                source.stdout.close()
                out, _ = yield from sink.communicate()
                assert out == b"late\n"
                assert (yield from source.wait()) == 0

    genlet.run(main)
