"""Child processes in situations that programs meet: grandchildren, closed pipes, pipelines."""

from __future__ import annotations

import os as real_os
import sys
from typing import Any

import pytest

import genlet
from genlet.abc import Green
from genlet.green import select, subprocess
from genlet.green.subprocess import PIPE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs a Unix shell")


def run(main: Any) -> Any:
    def bounded() -> Green[Any]:
        with genlet.fail_after(20):
            return (yield from main())

    return genlet.run(bounded)


# Has a child of its own, which keeps the standard output until the standard input ends.
KEEPS_THE_PIPE = "exec 3<&0; sh -c 'read x' <&3 & exec 3<&- </dev/null; echo begun; "


def test_a_child_that_has_ended_is_waited_for_though_its_child_has_the_pipe() -> None:
    """The end of the output is another matter than the end of the process."""

    def main() -> Green[None]:
        process = subprocess.Popen(
            ["sh", "-c", KEEPS_THE_PIPE + "exit 7"], stdin=PIPE, stdout=PIPE
        )
        assert process.stdout is not None
        assert (yield from process.stdout.readline()) == b"begun\n"
        assert (yield from process.wait(timeout=10)) == 7
        yield from process.finish()

    run(main)


def test_a_timeout_ends_communicate_though_a_grandchild_has_the_pipe() -> None:
    """Also after the child was killed; a later call returns what has come."""

    def main() -> Green[None]:
        lock, key = real_os.pipe()
        process = subprocess.Popen(
            ["sh", "-c", KEEPS_THE_PIPE + "exec sleep 60"], stdin=lock, stdout=PIPE
        )
        real_os.close(lock)
        with pytest.raises(subprocess.TimeoutExpired):
            yield from process.communicate(timeout=0.05)
        process.kill()
        with pytest.raises(subprocess.TimeoutExpired):
            yield from process.communicate(timeout=0.05)
        real_os.close(key)  # the grandchild ends
        found = yield from process.communicate(timeout=10)
        assert found[0] == b"begun\n"

    run(main)


def test_run_with_a_timeout_does_not_wait_for_grandchildren() -> None:
    """The child is killed, and the error comes while its child still has the pipe."""

    def main() -> Green[None]:
        lock, key = real_os.pipe()
        with pytest.raises(subprocess.TimeoutExpired):
            yield from subprocess.run(
                ["sh", "-c", KEEPS_THE_PIPE + "exec sleep 60"],
                stdin=lock,
                stdout=PIPE,
                timeout=0.1,
            )
        real_os.close(lock)
        real_os.close(key)

    run(main)


def test_leaving_a_process_under_its_reader_ends_both() -> None:
    """The reader is told, the child is reaped, and the error names what was left out."""

    def main() -> Green[None]:
        process = subprocess.Popen(["sleep", "60"], stdout=PIPE)
        reader = genlet.spawn(process.communicate)
        reader.link(lambda _: None)
        while reader.waiting_on is None:
            yield from genlet.sleep(0)
        process.kill()
        with pytest.raises(genlet.Unjoined), process:
            pass
        try:
            yield from reader.wait()
        except (genlet.GenletError, OSError, ValueError):
            pass
        assert process.returncode is not None

    run(main)


def test_a_pipeline_of_children_has_blocking_pipes() -> None:
    """A child whose input is another's output would take "nothing yet" for an error."""

    def main() -> Green[None]:
        first = subprocess.Popen(["sh", "-c", "sleep 0.1; echo text"], stdout=PIPE)
        second = subprocess.Popen(["grep", "text"], stdin=first.stdout, stdout=PIPE, stderr=PIPE)
        assert first.stdout is not None
        first.stdout.close()
        assert (yield from second.communicate()) == (b"text\n", b"")
        assert (yield from first.wait()) == 0

    run(main)


def test_communicate_goes_on_when_a_child_closes_its_pipes_and_lives() -> None:
    """Its end is waited for; input that it does not take is no error."""

    def main() -> Green[None]:
        process = subprocess.Popen(
            ["sh", "-c", "echo out; exec <&- >&- 2>&-; sleep 0.1; exit 3"],
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        found = yield from process.communicate(bytes(1_000_000))
        assert found == (b"out\n", b"")
        assert process.returncode == 3

    run(main)


def test_pipes_without_a_buffer_pass_each_byte_on() -> None:
    """What is written is there at once, and what is read is not read ahead."""

    def main() -> Green[None]:
        process = subprocess.Popen(["cat"], stdin=PIPE, stdout=PIPE, bufsize=0)
        assert process.stdin is not None
        assert process.stdout is not None
        for byte in (b"x", b"y"):
            assert (yield from process.stdin.write(byte)) == 1
            ready = yield from select.select([process.stdout], [], [], 10)
            assert ready[0] == [process.stdout]
            assert (yield from process.stdout.read(1)) == byte
        process.stdin.close()
        assert (yield from process.stdout.read(1)) == b""
        assert (yield from process.wait()) == 0
        yield from process.finish()

    run(main)


def test_output_larger_than_every_buffer_is_read_whole() -> None:
    """By one read to the end, while the child still writes."""

    def main() -> Green[None]:
        process = subprocess.Popen(["sh", "-c", "head -c 3000000 /dev/zero"], stdout=PIPE)
        assert process.stdout is not None
        data = yield from process.stdout.read()
        assert len(data) == 3_000_000
        yield from process.finish()

    run(main)
