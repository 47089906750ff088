"""Green system calls: they wait, leave flags as found, and lose nothing."""

from __future__ import annotations

import os as real
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Optional, Tuple, TypeVar, cast

import pytest

import genlet
from genlet.abc import Green
from genlet.errors import ClosedResource
from genlet.green import os
from genlet.green._mirror import public_names
from genlet.testing import cancel_everywhere

T = TypeVar("T")

HOW = pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
BLOCKING = pytest.mark.parametrize("blocking", [False, True])


def run(main: Callable[[], Green[T]]) -> T:
    """Run *main*, which may not take for ever."""

    def bounded() -> Green[T]:
        with genlet.fail_after(20):
            return (yield from main())

    return genlet.run(bounded)


@contextmanager
def pipe(blocking: bool = False) -> Iterator[Tuple[int, int]]:
    ends = real.pipe() if blocking else os.pipe()
    files = [file_of(fd) for fd in ends]
    try:
        yield ends
    finally:
        for fd, file in zip(ends, files):
            if file_of(fd) == file:  # the test may have closed it, and the number be another's
                real.close(fd)


def file_of(fd: int) -> Optional[Tuple[int, int]]:
    try:
        stat = real.fstat(fd)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


# ---- reading and writing --------------------------------------------------------------------------


def test_pipe_gives_ends_that_do_not_block() -> None:
    """Both are non-blocking and not inherited."""
    with pipe() as ends:
        for fd in ends:
            assert not real.get_blocking(fd)
            assert not real.get_inheritable(fd)


@BLOCKING
def test_data_of_any_size_goes_through_a_pipe(blocking: bool) -> None:
    """Partial writes are returned, the end is empty, and the flags stay as they were."""
    data = real.urandom(300000)

    def main() -> Green[None]:
        with pipe(blocking) as (reading, writing):

            def write() -> Green[None]:
                rest = memoryview(data)
                while rest:
                    count = yield from os.write(writing, rest)
                    assert 0 < count <= (4096 if blocking else 65536)
                    rest = rest[count:]
                os.close(writing)

            genlet.spawn(write)
            got = bytearray()
            while part := (yield from os.read(reading, 10000)):
                got += part
            assert got == data
            assert real.get_blocking(reading) == blocking

    run(main)


@BLOCKING
def test_read_waits_and_lets_others_run(blocking: bool) -> None:
    """An empty pipe suspends its reader only."""

    def main() -> Green[None]:
        with pipe(blocking) as (reading, writing):
            gt = genlet.spawn(os.read, reading, 10)
            yield from genlet.sleep(0)
            yield from genlet.sleep(0)
            assert gt.waiting_on == f"descriptor {reading} to be readable"
            real.write(writing, b"abc")
            assert (yield from gt.wait()) == b"abc"

    run(main)


@BLOCKING
def test_write_to_nobody_raises_broken_pipe(blocking: bool) -> None:
    """EPIPE is raised."""

    def main() -> Green[None]:
        with pipe(blocking) as (reading, writing):
            os.close(reading)
            with pytest.raises(BrokenPipeError):
                yield from os.write(writing, b"x")

    run(main)


@BLOCKING
def test_close_and_dup2_wake_who_waits(blocking: bool) -> None:
    """ClosedResource at once, from a read and from a write."""

    def main() -> Green[None]:
        for how in ("close", "dup2"):
            with pipe(blocking) as (reading, writing):
                while real.get_blocking(writing) is False:
                    try:
                        real.write(writing, bytes(65536))
                    except BlockingIOError:
                        break
                read = genlet.spawn(os.read, reading, 1 if blocking else 1 << 20)
                if not blocking:
                    yield from read.wait()
                    read = genlet.spawn(os.read, reading, 1)
                for _ in range(3):
                    yield from genlet.sleep(0)
                assert read.waiting_on is not None
                if how == "close":
                    os.close(reading)
                else:
                    os.dup2(writing, reading)
                with pytest.raises(ClosedResource):
                    yield from read.wait()

    run(main)


@BLOCKING
@HOW
def test_an_interrupted_read_takes_nothing(blocking: bool, how: Any) -> None:
    """What was in the pipe is still there."""
    state: List[Any] = []

    def fn() -> Green[None]:
        reading, writing = real.pipe() if blocking else os.pipe()
        got: List[bytes] = []
        state[:] = [reading, writing, got]

        def feed() -> Green[None]:
            yield from genlet.sleep(0)
            real.write(writing, b"abcd")
            yield from genlet.sleep(0)

        feeder = genlet.spawn(feed)
        try:
            for _ in range(2):
                got.append((yield from os.read(reading, 2)))
        finally:
            feeder.kill_soon()

    def check() -> None:
        reading, writing, got = state
        real.close(writing)
        with open(reading, "rb") as file:
            assert b"".join(got) + file.read() in (b"abcd", b"")

    assert cancel_everywhere(fn, check, how=how) >= 2


def test_regular_files_go_straight_through() -> None:
    """No suspension, and no limit to a write."""
    with tempfile.TemporaryFile() as file:
        call = os.write(file.fileno(), bytes(100000))
        with pytest.raises(StopIteration) as stop:
            call.send(None)
        assert stop.value.value == 100000
        file.seek(0)
        with pytest.raises(StopIteration) as stop:
            os.read(file.fileno(), 200000).send(None)
        assert len(stop.value.value) == 100000


def test_errors_are_the_systems() -> None:
    """A closed number is EBADF."""
    with pipe() as (reading, writing):
        real.close(writing)

        def main() -> Green[None]:
            with pytest.raises(OSError, match="Bad file descriptor"):
                yield from os.read(writing, 1)
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.close(writing)
            assert (yield from os.read(reading, 1)) == b""

        run(main)


@pytest.mark.skipif(not hasattr(real, "readv"), reason="this Python has no readv")
@BLOCKING
def test_readv_and_writev_move_several_buffers(blocking: bool) -> None:
    """As the standard library's, waiting."""

    def main() -> Green[None]:
        with pipe(blocking) as (reading, writing):
            one, other = bytearray(2), bytearray(5)
            gt = genlet.spawn(os.readv, reading, [one, other])
            yield from genlet.sleep(0)
            assert (yield from os.writev(writing, [b"abc", b"de"])) == 5
            assert (yield from gt.wait()) == 5
            assert bytes(one + other) == b"abcde\0\0"

    run(main)


@BLOCKING
def test_sendfile_sends_all_of_a_file(blocking: bool) -> None:
    """Until it returns 0, waiting for room."""
    import socket

    data = real.urandom(200000)

    def main() -> Green[None]:
        one, other = socket.socketpair()
        other.setblocking(False)
        one.setblocking(blocking)
        with one, other, tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()

            def send() -> Green[None]:
                at = 0
                while count := (yield from os.sendfile(one.fileno(), file.fileno(), at, 100000)):
                    at += count
                one.shutdown(socket.SHUT_WR)

            gt = genlet.spawn(send)
            got = bytearray()
            while part := (yield from os.read(other.fileno(), 65536)):
                got += part
            assert got == data
            yield from gt.wait()

    run(main)


@pytest.mark.skipif(not hasattr(real, "eventfd_read"), reason="this Python has no eventfd_read")
@BLOCKING
def test_eventfd_read_waits_for_a_count(blocking: bool) -> None:
    """As the standard library's, waiting."""
    if sys.platform == "linux" and sys.version_info >= (3, 10):

        def main() -> Green[None]:
            fd = real.eventfd(0, 0 if blocking else real.EFD_NONBLOCK)
            gt = genlet.spawn(os.eventfd_read, fd)
            yield from genlet.sleep(0)
            yield from os.eventfd_write(fd, 7)
            assert (yield from gt.wait()) == 7
            os.close(fd)

        run(main)


def test_fdopen_gives_green_files() -> None:
    """Bytes and text, as os.fdopen does."""

    def main() -> Green[None]:
        reading, writing = os.pipe()
        with os.fdopen(reading, encoding="utf-8") as file, os.fdopen(writing, "wb") as out:
            yield from out.write("zwölf\n".encode())
            yield from out.finish()
            assert (yield from file.readline()) == "zwölf\n"
        with pytest.raises(TypeError, match="invalid fd type"):
            os.fdopen(cast(int, "x"))

    run(main)


def test_fdopen_with_bad_arguments_closes_the_descriptor() -> None:
    """As the standard library does."""
    with pipe() as (reading, _):
        with pytest.raises(LookupError):
            os.fdopen(reading, "r", encoding="nope")
        with pytest.raises(OSError, match="Bad file descriptor"):
            real.fstat(reading)


# ---- terminals ------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(real, "openpty"), reason="needs terminals")
def test_a_terminal_is_read_and_written_with_its_flags_as_found() -> None:
    """O_NONBLOCK would be seen by everybody who shares the terminal."""
    import fcntl

    def main() -> Green[None]:
        master, slave = real.openpty()
        before = fcntl.fcntl(slave, fcntl.F_GETFL)
        gt = genlet.spawn(os.read, slave, 100)
        yield from genlet.sleep(0)
        assert gt.waiting_on is not None
        assert fcntl.fcntl(slave, fcntl.F_GETFL) == before
        real.write(master, b"typed\n")
        assert (yield from gt.wait()) == b"typed\n"
        assert (yield from os.write(slave, b"shown")) == 5
        assert fcntl.fcntl(slave, fcntl.F_GETFL) == before
        real.close(slave)
        real.close(master)

    run(main)


PROGRAM = """
import genlet
from genlet.green import os

def main():
    with os.fdopen(0, "r", encoding="utf-8") as file, os.fdopen(1, "w", encoding="utf-8") as out:
        line = yield from file.readline()
        yield from out.write(line.upper())
    line = yield from os.read({fd}, 100)

genlet.run(main)
"""


@pytest.mark.skipif(not hasattr(real, "openpty"), reason="needs terminals")
def test_a_program_leaves_its_shells_terminal_as_it_was() -> None:
    """Standard input and output on a terminal: read, written, and blocking ever after."""
    import fcntl
    import termios

    master, slave = real.openpty()
    reading, writing = real.pipe()
    real.write(writing, b"x")
    before = fcntl.fcntl(slave, fcntl.F_GETFL), termios.tcgetattr(slave)
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(fd=reading)],
        stdin=slave,
        stdout=slave,
        pass_fds=[reading],
        env={**real.environ, "PYTHONPATH": real.pathsep.join(sys.path)},
    )
    real.write(master, b"hello\n")
    assert child.wait(20) == 0
    assert (fcntl.fcntl(slave, fcntl.F_GETFL), termios.tcgetattr(slave)) == before
    seen = b""
    while b"HELLO" not in seen:
        seen += real.read(master, 100)
    for fd in (master, slave, reading, writing):
        real.close(fd)


# ---- children -------------------------------------------------------------------------------------


def child(status: int) -> int:
    """Start a process that ends with *status*, and return its number."""
    return (
        real.posix_spawn("/bin/sh", ["sh", "-c", f"exit {status}"], {})
        if hasattr(real, "posix_spawn")
        else fork_child(status)
    )


def fork_child(status: int) -> int:
    pid = real.fork()
    if not pid:
        real._exit(status)
    return pid


def test_the_wait_family_waits_for_children() -> None:
    """Each returns what the standard library's does."""

    def main() -> Green[None]:
        pid = child(3)
        assert (yield from os.waitpid(pid, 0)) == (pid, 3 << 8)
        pid = child(4)
        assert (yield from os.wait()) == (pid, 4 << 8)
        pid = child(5)
        assert (yield from os.wait3(0))[:2] == (pid, 5 << 8)
        pid = child(6)
        result = yield from os.wait4(pid, 0)
        assert result[:2] == (pid, 6 << 8)
        assert result[2].ru_utime >= 0
        with pytest.raises(ChildProcessError):
            yield from os.waitpid(pid, 0)

    run(main)


@pytest.mark.skipif(not hasattr(real, "waitid"), reason="this Python has no waitid")
def test_waitid_tells_of_a_child() -> None:
    """And leaves it there with WNOWAIT."""
    if sys.platform == "linux":

        def main() -> Green[None]:
            pid = child(7)
            for flags in (os.WNOWAIT, 0):
                result = yield from os.waitid(os.P_PID, pid, os.WEXITED | flags)
                assert result is not None
                assert (result.si_pid, result.si_status) == (pid, 7)

        run(main)


def test_waitpid_with_wnohang_does_not_wait() -> None:
    """(0, 0) while the child runs."""

    def main() -> Green[None]:
        process = subprocess.Popen(["sleep", "60"])
        assert (yield from os.waitpid(process.pid, os.WNOHANG)) == (0, 0)
        real.kill(process.pid, signal.SIGKILL)
        assert (yield from os.waitpid(process.pid, 0)) == (process.pid, signal.SIGKILL)
        process.returncode = -signal.SIGKILL

    run(main)


def test_an_interrupted_waitpid_leaves_the_status() -> None:
    """Whoever asks again gets it."""

    def main() -> Green[None]:
        process = subprocess.Popen(["sleep", "60"])
        with genlet.move_on_after(0.05):
            yield from os.waitpid(process.pid, 0)
        real.kill(process.pid, signal.SIGKILL)
        assert (yield from os.waitpid(process.pid, 0)) == (process.pid, signal.SIGKILL)
        process.returncode = -signal.SIGKILL

    run(main)


# ---- the table ------------------------------------------------------------------------------------


def test_every_name_of_os_is_accounted_for() -> None:
    """Each is our own, passed through, or left out with a reason."""
    omitted = cast(Any, os).__omitted__
    for name in public_names(real):
        assert hasattr(os, name) != (name in omitted), name
    for name in cast(Any, os).__green__:
        assert getattr(os, name) is not getattr(real, name), name
    for name in ("system", "popen", "spawnv"):
        with pytest.raises(AttributeError, match=r"genlet\.green\.subprocess"):
            getattr(os, name)


if sys.platform == "win32":
    pytestmark = pytest.mark.skip("pipes are not pollable there")
