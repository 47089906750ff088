"""A process, started by a plain call, whose end and pipes are waited for."""

# A Popen has one of the standard library's below it, and uses only what is public of it: it starts
# the process, decodes the status and sends signals.  The pipes are green files.  The two ends of a
# pipe are two open file descriptions, so making one end non-blocking changes nothing for the child.
#
# All steps that can fail are done before the process is started, except for the start itself.
#
# `communicate` keeps on the Popen what it has sent and received, piece by piece, so that a call that
# was interrupted can be continued by another.

from __future__ import annotations

import os
import subprocess as real
import sys
from inspect import signature
from math import inf
from subprocess import PIPE, TimeoutExpired
from typing import (
    TYPE_CHECKING,
    Any,
    AnyStr,
    Callable,
    Dict,
    Generic,
    List,
    Optional,
    Tuple,
    Type,
    Union,
    cast,
    overload,
)

if sys.platform == "win32":
    raise ImportError("genlet.green._popen: on Windows genlet cannot wait for processes and pipes")

from ..abc import Green, green
from ..errors import Unjoined
from ..kernel import move_on_after, shielded
from ..structured.taskgroup import TaskGroup
from . import io
from ._children import until_ended

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Literal, Self, Unpack

    from ._subprocess_types import Command, Options, PipeReader, PipeWriter

__all__ = ["TEXT", "Popen"]

OutputFile = Union[io.FileIO, io.BufferedReader, io.TextIOWrapper]

PIPES = ("stdin", "stdout", "stderr")
TEXT = ("text", "universal_newlines", "encoding", "errors")  # any of them that is true means text

CHUNK = 32768  # bytes read at a time, as in the standard library

# Seconds that a killed process may take to end.  It takes about one millisecond, unless the system
# keeps it in a call to a broken disk.  Then it is left to the standard library, which reaps such
# processes when it starts others.
KILL_TIMEOUT = 1.0

# The parameters of the standard library's Popen on this Python, so that ours takes the same.
_signature = signature(real.Popen)


class Popen(Generic[AnyStr]):
    r"""A process, started by the constructor, which is a plain call.

    ::

        with Popen(["sort"], stdin=PIPE, stdout=PIPE, text=True) as process:
            out, _ = yield from process.communicate("b\na\n")

        with Popen(["tail", "-f", path], stdout=PIPE) as process:
            while (line := (yield from process.stdout.next())) is not END:
                ...
            yield from process.finish()

    Before the block ends, it must wait for the end of the process, by `wait`, `communicate`,
    `finish`, or a `poll` that returns the status.  Otherwise the process is killed and reaped when
    the block is left, and if no exception leaves it, Unjoined is raised.

    Args:
        args, ...: As for ``subprocess.Popen`` of this Python.  A green socket or file that is passed
            as stdin, stdout or stderr is non-blocking for the child too, which few programs expect.

    Attributes:
        stdin, stdout, stderr: The pipes that PIPE asked for, as files of `genlet.green.io`.  Text
            is always buffered, even with ``bufsize=0``.
        returncode: The status; None until it was waited for or polled; ``-N`` for signal N.

    Source:
        ``subprocess.Popen``.  Differs: the end of the block cannot wait, so it kills the process.
        `communicate` after a TimeoutExpired also sends the rest of the input.
    """

    stdin: Optional[PipeWriter[AnyStr]]
    stdout: Optional[PipeReader[AnyStr]]
    stderr: Optional[PipeReader[AnyStr]]

    @overload
    def __init__(
        self: Popen[str],
        args: Command,
        *,
        text: Literal[True],
        universal_newlines: Optional[bool] = None,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Popen[str],
        args: Command,
        *,
        text: Optional[bool] = None,
        universal_newlines: Optional[bool] = None,
        encoding: str,
        errors: Optional[str] = None,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Popen[str],
        args: Command,
        *,
        text: Optional[bool] = None,
        universal_newlines: Optional[bool] = None,
        encoding: Optional[str] = None,
        errors: str,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Popen[str],
        args: Command,
        *,
        text: Optional[bool] = None,
        universal_newlines: Literal[True],
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Popen[bytes],
        args: Command,
        *,
        text: Optional[Literal[False]] = None,
        universal_newlines: Optional[Literal[False]] = None,
        encoding: None = None,
        errors: None = None,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Popen[Any],
        args: Command,
        *,
        text: Optional[bool] = None,
        universal_newlines: Optional[bool] = None,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(self, *popenargs: Any, **options: Any) -> None:
        given = _signature.bind(*popenargs, **options).arguments
        self.stdin = self.stdout = self.stderr = None
        self._text: bool = any(map(given.get, TEXT))
        self._outputs: Optional[Tuple[Output, Output]] = None  # set when communicate begins
        self._sink: Optional[io.BufferedWriter] = None  # of communicate, on an unbuffered stdin
        theirs: List[int] = []
        try:
            for name in PIPES:
                file = given.get(name)
                if file == PIPE:
                    setattr(self, name, self._pipe(name, given, theirs))
                elif isinstance(file, io.IOBase):
                    # The flag belongs to the open file, which the process shares: a program that
                    # finds its input non-blocking takes "nothing yet" for the end.
                    os.set_blocking(file.fileno(), True)
            self._process: real.Popen[Any] = real.Popen(**given)
        except BaseException:
            for file in self._files():
                file.close()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self.args: Any = self._process.args
        self.pid: int = self._process.pid

    def _pipe(self, name: str, given: Dict[str, Any], theirs: List[int]) -> Any:
        """Make a pipe, give one end of it to the process, and return a file on the other end."""
        reading, writing = os.pipe()
        mine, mode = (writing, "w") if name == "stdin" else (reading, "r")
        given[name] = writing if mine == reading else reading
        theirs.append(given[name])
        try:
            size = given.get("pipesize") or -1
            if size > 0 and sys.platform == "linux" and sys.version_info >= (3, 10):
                import fcntl

                fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, size)
            raw = io.FileIO(mine, mode)
        except BaseException:
            os.close(mine)
            raise
        try:
            bufsize = given.get("bufsize", -1)
            if not self._text:
                return io.open_raw(raw, mode + "b", bufsize)
            encoding, errors = given.get("encoding"), given.get("errors")
            return io.open_raw(raw, mode, bufsize or -1, encoding, errors)
        except BaseException:
            raw.close()
            raise

    def _files(self) -> List[Any]:
        files = (self.stdin, self.stdout, self.stderr)
        return [file for file in files if file is not None]

    # ---- calls that wait ----

    @green
    def wait(self, timeout: Optional[float] = None) -> Green[int]:
        """Wait for the end of the process, and return its status.

        Any number of greenthreads may wait.

        Args:
            timeout: Seconds; None waits forever.

        Raises:
            TimeoutExpired: The timeout has passed, and the process still runs.

        Source:
            ``subprocess.Popen.wait``, which polls if it has a timeout.
        """
        with move_on_after(inf if timeout is None else timeout):
            yield from self._until_ended()
        if self.returncode is None:
            raise TimeoutExpired(self.args, cast(float, timeout))
        return self.returncode

    @green
    def communicate(
        self, input: Optional[AnyStr] = None, timeout: Optional[float] = None
    ) -> Green[Tuple[AnyStr, AnyStr]]:
        """Send *input*, read the pipes to their ends, and wait for the end of the process.

        The pipes are closed; stdin when everything is sent.  An output ends when all processes that
        have inherited it have closed it, which may be after the end of this process.  An
        interruption, by the timeout or otherwise, loses nothing: another call continues.

        Args:
            input: The data for stdin, if that is a pipe.  A process may read less without an error.
            timeout: Seconds; None waits forever.

        Returns:
            The output and the error output; None for one that is no pipe.

        Raises:
            TimeoutExpired: The timeout has passed; ``output`` and ``stderr`` are the bytes that have
                come so far.
            ValueError: *input* was given to a call that continues an earlier one.

        Source:
            ``subprocess.Popen.communicate``.  Differs: it may be called again when it is done.
        """
        if self._outputs is None:
            self._outputs = Output(cast(Any, self.stdout)), Output(cast(Any, self.stderr))
        elif input:
            raise ValueError("Cannot send input after starting communication")
        outputs = self._outputs
        with move_on_after(inf if timeout is None else timeout) as scope:
            with TaskGroup(errors="first") as group:
                for output in outputs:
                    if output.file is not None:
                        group.spawn(output.receive, output.file)
                yield from self._send(input)
                yield from group.join()
            yield from self._until_ended()
        if scope.cancelled_caught:
            so_far = [output.so_far() or None for output in outputs]
            raise TimeoutExpired(
                self.args, cast(float, timeout), output=so_far[0], stderr=so_far[1]
            )
        stdout, stderr = outputs
        return stdout.result(), stderr.result()

    @green
    def _send(self, input: Optional[AnyStr]) -> Green[None]:
        """Write *input*, or what is left of it, and close the pipe."""
        stdin: Any = self.stdin
        if stdin is None or stdin.closed:
            return
        if isinstance(stdin, io.FileIO):
            stdin = self._sink = self._sink or io.BufferedWriter(stdin)
        try:
            # This comes before the first suspension: from here on the file keeps the input.
            if input:
                yield from stdin.write(input)
            yield from stdin.flush()
        except BrokenPipeError:
            pass  # the process does not read its input
        try:
            stdin.close()
        except BrokenPipeError:
            pass

    @green
    def finish(self) -> Green[int]:
        """Close the pipes, wait for the end of the process, and return its status.

        What is buffered for stdin is written first.

        Raises:
            BrokenPipeError: The process has ended, or closed its stdin, without reading all of it.

        Source:
            The end of the block of ``subprocess.Popen``.
        """
        for file in (self.stdout, self.stderr):
            if file is not None:
                file.close()
        try:
            if self.stdin is not None:
                yield from self.stdin.finish()
        except OSError:
            yield from self.wait()
            raise
        return (yield from self.wait())

    @green
    def _until_ended(self) -> Green[None]:
        while self.poll() is None:
            yield from until_ended(self.pid, self._process.wait)

    @green
    def _kill_and_wait(self) -> Green[None]:
        """Kill and reap the process; an interruption is held back until that is done."""
        self.kill()
        with shielded(KILL_TIMEOUT):
            yield from self._until_ended()

    # ---- plain calls ----

    def poll(self) -> Optional[int]:
        """Return the status if the process has ended, else None.

        Source:
            ``subprocess.Popen.poll``.
        """
        return self._process.poll()

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless the process has ended.

        Source:
            ``subprocess.Popen.send_signal``.
        """
        self._process.send_signal(sig)

    def terminate(self) -> None:
        """Send SIGTERM, which asks the process to end.

        Source:
            ``subprocess.Popen.terminate``.
        """
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL, which ends the process; it must still be waited for.

        Source:
            ``subprocess.Popen.kill``.
        """
        self._process.kill()

    @property
    def returncode(self) -> Optional[int]:
        """The status; None until it was waited for or polled; ``-N`` for signal N."""
        return self._process.returncode

    @property
    def universal_newlines(self) -> bool:
        """Whether the pipes carry text.

        Source:
            ``subprocess.Popen.universal_newlines``.  Differs: it cannot be set.
        """
        return self._text

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        waited = self.returncode is not None
        try:
            for file in self._files():
                file.__exit__(exc_type, exc, traceback)
        finally:
            if not waited:
                self._kill_and_reap()
        if not waited and exc is None:
            raise Unjoined(
                f"{self!r}: the block was left before its end was waited for; if it still ran it"
                " was killed: write 'yield from process.finish()' last in the block"
            )

    def _kill_and_reap(self) -> None:
        """Kill and reap the process; this blocks for as long as the system takes to end it."""
        if self.poll() is None:
            self.kill()
            try:
                self._process.wait(KILL_TIMEOUT)
            except TimeoutExpired:
                pass

    def __repr__(self) -> str:
        return f"<green {self._process!r}>"


class Output:
    """The data that `Popen.communicate` has received from a pipe.

    Args:
        file: A file on the pipe; None if there is no pipe.
    """

    __slots__ = ("_parts", "_text", "file")

    def __init__(self, file: Optional[OutputFile]) -> None:
        self.file: Optional[OutputFile] = file
        self._parts: List[bytes] = []
        # Text that was decoded ahead, when lines were read, comes first.
        self._text: str = file._take() if isinstance(file, io.TextIOWrapper) else ""

    @green
    def receive(self, file: OutputFile) -> Green[None]:
        """Read *file* to its end, and close it."""
        source: Any = file.buffer if isinstance(file, io.TextIOWrapper) else file
        read: Callable[[int], Green[bytes]]
        read = source.read if isinstance(source, io.FileIO) else source.read1
        while not file.closed:
            data = yield from read(CHUNK)
            if data:
                self._parts.append(data)
            else:
                file.close()

    def so_far(self) -> bytes:
        """Return the bytes that have come."""
        return b"".join(self._parts)

    def result(self) -> Any:
        """Return all data, as text if the file is a text file; None if there is no pipe."""
        if isinstance(self.file, io.TextIOWrapper):
            return self._text + self.file._decoder.decode(self.so_far(), True)
        return None if self.file is None else self.so_far()
