"""``subprocess``, with the calls that wait green.

Starting a process is a plain call, as everywhere; what waits for it, or talks to it, is called with
``yield from``: `run`, `check_output` and their kin, and of `Popen` `wait`, `communicate` and
`finish`.  The pipes are files of `genlet.green.io`.  The errors and constants are the standard
library's own objects.
"""

# Theory of operation
# -------------------
# A Popen stands on one of the standard library's, of which only what is public is used: it starts
# the process, decodes the status and sends signals.  The pipes are ours.  Their two ends are two
# open file descriptions, so making ours non-blocking changes nothing for the child.
#
# Everything that can fail is done before the process is started, but for the start itself.
#
# What `communicate` has sent and received stands on the Popen, piece by piece as it happens, so that
# one that was interrupted can be taken up again.

from __future__ import annotations

import os
import subprocess as real
import sys
from inspect import signature
from math import inf
from subprocess import DEVNULL as DEVNULL
from subprocess import PIPE as PIPE
from subprocess import STDOUT as STDOUT
from subprocess import CalledProcessError as CalledProcessError
from subprocess import CompletedProcess as CompletedProcess
from subprocess import SubprocessError as SubprocessError
from subprocess import TimeoutExpired as TimeoutExpired
from subprocess import list2cmdline as list2cmdline
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
    TypeVar,
    Union,
    cast,
    overload,
)

if sys.platform == "win32":
    raise ImportError(
        "genlet.green.subprocess: on Windows genlet cannot wait for processes and pipes"
    )

from ..abc import Green, green
from ..errors import Unjoined
from ..kernel import move_on_after, shielded
from ..structured.taskgroup import TaskGroup
from . import io
from ._children import until_ended
from ._mirror import mirror

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Collection, Iterable, Mapping, Protocol, Sequence, TypedDict

    from typing_extensions import Buffer, Literal, Self, Unpack

    from ..abc import HasFileno, Op
    from ..end import End

    StrOrBytesPath = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
    Command = Union[StrOrBytesPath, Sequence[StrOrBytesPath]]
    File = Union[None, int, HasFileno]

    class Options39(TypedDict, total=False):
        """What may be said of a process, but for whether its pipes carry text."""

        bufsize: int
        executable: Optional[StrOrBytesPath]
        stdin: File
        stdout: File
        stderr: File
        preexec_fn: Optional[Callable[[], object]]
        close_fds: bool
        shell: bool
        cwd: Optional[StrOrBytesPath]
        env: Union[None, Mapping[str, StrOrBytesPath], Mapping[bytes, StrOrBytesPath]]
        startupinfo: Any
        creationflags: int
        restore_signals: bool
        start_new_session: bool
        pass_fds: Collection[int]
        user: Union[None, str, int]
        group: Union[None, str, int]
        extra_groups: Optional[Iterable[Union[str, int]]]
        umask: int

    class Options310(Options39, total=False):
        """What Python 3.10 has added."""

        pipesize: int

    class Options311(Options310, total=False):
        """What Python 3.11 has added."""

        process_group: Optional[int]

    if sys.version_info >= (3, 11):
        Options = Options311
    elif sys.version_info >= (3, 10):
        Options = Options310
    else:
        Options = Options39

    class RunOptions(Options, total=False):
        """What `run` takes beside the input and the mode."""

        capture_output: bool
        check: bool
        timeout: Optional[float]

    class CallOptions(Options, total=False):
        """What `call` takes."""

        timeout: Optional[float]
        text: Optional[bool]
        universal_newlines: Optional[bool]
        encoding: Optional[str]
        errors: Optional[str]

    S_co = TypeVar("S_co", covariant=True)
    B_co = TypeVar("B_co", covariant=True)
    A_co = TypeVar("A_co", covariant=True)

    class ByMode(Protocol[S_co, B_co, A_co]):
        """A function whose result depends on whether the pipes carry text or bytes.

        S_co is what it returns for text, B_co for bytes, A_co if that is not known.
        """

        @overload
        def __call__(
            self,
            args: Command,
            *,
            text: Literal[True],
            universal_newlines: Optional[bool] = None,
            encoding: Optional[str] = None,
            errors: Optional[str] = None,
            input: Optional[str] = None,
            **options: Unpack[RunOptions],
        ) -> S_co: ...
        @overload
        def __call__(
            self,
            args: Command,
            *,
            text: Optional[bool] = None,
            universal_newlines: Optional[bool] = None,
            encoding: str,
            errors: Optional[str] = None,
            input: Optional[str] = None,
            **options: Unpack[RunOptions],
        ) -> S_co: ...
        @overload
        def __call__(
            self,
            args: Command,
            *,
            text: Optional[bool] = None,
            universal_newlines: Optional[bool] = None,
            encoding: Optional[str] = None,
            errors: str,
            input: Optional[str] = None,
            **options: Unpack[RunOptions],
        ) -> S_co: ...
        @overload
        def __call__(
            self,
            args: Command,
            *,
            text: Optional[bool] = None,
            universal_newlines: Literal[True],
            encoding: Optional[str] = None,
            errors: Optional[str] = None,
            input: Optional[str] = None,
            **options: Unpack[RunOptions],
        ) -> S_co: ...
        @overload
        def __call__(
            self,
            args: Command,
            *,
            text: Optional[Literal[False]] = None,
            universal_newlines: Optional[Literal[False]] = None,
            encoding: None = None,
            errors: None = None,
            input: Optional[Buffer] = None,
            **options: Unpack[RunOptions],
        ) -> B_co: ...
        @overload
        def __call__(
            self,
            args: Command,
            *,
            text: Optional[bool] = None,
            universal_newlines: Optional[bool] = None,
            encoding: Optional[str] = None,
            errors: Optional[str] = None,
            input: Any = None,
            **options: Unpack[RunOptions],
        ) -> A_co: ...

    class Call(Protocol):
        """A function whose result is the status."""

        def __call__(self, args: Command, **options: Unpack[CallOptions]) -> Op[int]: ...

    RunDecorator = Callable[
        [object],
        ByMode[Op[CompletedProcess[str]], Op[CompletedProcess[bytes]], Op[CompletedProcess[Any]]],
    ]
    OutputDecorator = Callable[[object], ByMode[Op[str], Op[bytes], Op[Any]]]
    CallDecorator = Callable[[object], Call]

    OutputFile = Union[io.FileIO, io.BufferedReader, io.TextIOWrapper]

    AnyStr_contra = TypeVar("AnyStr_contra", str, bytes, contravariant=True)

    class PipeWriter(Protocol[AnyStr_contra]):
        """What `Popen.stdin` can do, whatever its mode and buffering."""

        def write(self, data: AnyStr_contra, /) -> Op[int]: ...
        def flush(self) -> Op[None]: ...
        def finish(self) -> Op[None]: ...
        def close(self) -> None: ...
        def fileno(self) -> int: ...
        @property
        def closed(self) -> bool: ...

    class PipeReader(Protocol[AnyStr]):
        """What `Popen.stdout` and `Popen.stderr` can do, whatever their mode and buffering."""

        def read(self, size: int = -1, /) -> Op[AnyStr]: ...
        def readline(self, size: int = -1, /) -> Op[AnyStr]: ...
        def readlines(self, hint: int = -1, /) -> Op[List[AnyStr]]: ...
        def next(self) -> Op[Union[AnyStr, End]]: ...
        def close(self) -> None: ...
        def fileno(self) -> int: ...
        @property
        def closed(self) -> bool: ...


T = TypeVar("T")

# Seconds that a killed process may take to end.  It takes about one millisecond, unless the system
# keeps it inside of a call to a dead disk; then it is left to the standard library, which collects
# such processes when it starts others.
LAST_BREATH = 1.0

CHUNK = 32768  # bytes, as the standard library's


class Popen(Generic[AnyStr]):
    r"""A process, started by the constructor, which is a plain call.

    ::

        with Popen(["sort"], stdin=PIPE, stdout=PIPE, text=True) as process:
            out, _ = yield from process.communicate("b\na\n")

        with Popen(["tail", "-f", path], stdout=PIPE) as process:
            while (line := (yield from process.stdout.next())) is not END:
                ...
            yield from process.finish()

    The block has to wait for the end of the process before it is left, by `wait`, `communicate`,
    `finish`, or a `poll` that says it is over.  A process that was not waited for is killed and
    reaped when the block is left, by an exception or without one; without one, that is an Unjoined.

    Args:
        args, ...: As for ``subprocess.Popen``, on the Python that runs.  A green socket or file
            given as stdin, stdout or stderr is non-blocking for the child as well: few programs
            expect that.

    Attributes:
        stdin, stdout, stderr: The pipes asked for with PIPE, as files of `genlet.green.io`.  Text
            is always buffered, even with ``bufsize=0``.
        returncode: The status, None until it was waited for or polled; ``-N`` for signal N.

    Source:
        ``subprocess.Popen``.  Differs: the end of the block cannot wait, so it kills (see above);
        `communicate` that is resumed after a TimeoutExpired sends the rest of its input too.
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
        self._sink: Optional[io.BufferedWriter] = None  # for communicate, on an unbuffered stdin
        theirs: List[int] = []
        try:
            for name in PIPES:
                if given.get(name) == PIPE:
                    setattr(self, name, self._pipe(name, given, theirs))
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
        """Make a pipe, have the process get one end of it, and return a file on the other."""
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

    # ---- what waits ----

    @green
    def wait(self, timeout: Optional[float] = None) -> Green[int]:
        """Wait for the end of the process, and return its status.

        Any number of greenthreads may wait.

        Args:
            timeout: Seconds; None waits for ever.

        Raises:
            TimeoutExpired: The process still runs after that time.

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
        """Send *input*, read all that comes from the pipes, and wait for the end of the process.

        The pipes are closed, stdin once all is sent.  The output ends when everybody has closed it
        who has inherited it, which may be later than the end of the process.  Of an interruption,
        by a timeout or anything else, nothing is lost: another call goes on where this one was.

        Args:
            input: For stdin, if that is a pipe.  A process that reads less is no error.
            timeout: Seconds; None waits for ever.

        Returns:
            The output and the error output, each None if it is no pipe.

        Raises:
            TimeoutExpired: The time was not enough; ``output`` and ``stderr`` are the bytes that
                came so far.
            ValueError: *input* was given to a call that goes on with what another began.

        Source:
            ``subprocess.Popen.communicate``.  Differs: it may be called again after it is done.
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
            # Before anything that may suspend: from here on the input is the file's.
            if input:
                yield from stdin.write(input)
            yield from stdin.flush()
        except BrokenPipeError:
            pass  # it does not want to read it
        try:
            stdin.close()
        except BrokenPipeError:
            pass

    @green
    def finish(self) -> Green[int]:
        """Close the pipes, wait for the end of the process, and return its status.

        What is still buffered for stdin is written first.

        Raises:
            BrokenPipeError: The process has ended, or closed its stdin, without reading that.

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
    def _put_down(self) -> Green[None]:
        """Kill and reap it, whatever else comes meanwhile."""
        self.kill()
        with shielded(LAST_BREATH):
            yield from self._until_ended()

    # ---- what does not ----

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
        """Ask the process to end, with SIGTERM.

        Source:
            ``subprocess.Popen.terminate``.
        """
        self._process.terminate()

    def kill(self) -> None:
        """End the process, with SIGKILL; it is still to be waited for.

        Source:
            ``subprocess.Popen.kill``.
        """
        self._process.kill()

    @property
    def returncode(self) -> Optional[int]:
        """The status, None until it was waited for or polled; ``-N`` for signal N."""
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
                self._abort()
        if not waited and exc is None:
            raise Unjoined(
                f"{self!r}: the block was left before its end was waited for; if it still ran it"
                " was killed: write 'yield from process.finish()' last in the block"
            )

    def _abort(self) -> None:
        """Kill and reap it without waiting for longer than the system takes to end it."""
        if self.poll() is None:
            self.kill()
            try:
                self._process.wait(LAST_BREATH)
            except TimeoutExpired:
                pass

    def __repr__(self) -> str:
        return f"<green {self._process!r}>"


class Output:
    """What `Popen.communicate` has received from a pipe.

    Args:
        file: A file on the pipe; None if there is no pipe.
    """

    __slots__ = ("_parts", "_text", "file")

    def __init__(self, file: Optional[OutputFile]) -> None:
        self.file: Optional[OutputFile] = file
        self._parts: List[bytes] = []
        # What was decoded ahead, for somebody who read lines, comes first.
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
        """Return all that has come, as text if the file is one of text; None if there is no pipe."""
        if isinstance(self.file, io.TextIOWrapper):
            return self._text + self.file._decoder.decode(self.so_far(), True)
        return None if self.file is None else self.so_far()


PIPES = ("stdin", "stdout", "stderr")
TEXT = ("text", "universal_newlines", "encoding", "errors")  # any of these, if true

# What the standard library's takes on this Python, so that ours takes the same.
_signature = signature(real.Popen)


# ---- one call for all -----------------------------------------------------------------------------


@green
def _attend(process: Popen[Any], work: Green[T]) -> Green[T]:
    """Do *work* that ends with the end of *process*; if it fails, kill and reap that."""
    with process:
        try:
            return (yield from work)
        except GeneratorExit:
            raise  # closed by force, nothing can be waited for: the end of the block is left
        except BaseException:
            yield from process._put_down()
            raise


# `green`, to a checker with the exact types of what it makes.
_typed_run = cast("RunDecorator", green)
_typed_output = cast("OutputDecorator", green)
_typed_call = cast("CallDecorator", green)


@_typed_run
def run(
    *popenargs: Any,
    input: Any = None,
    capture_output: bool = False,
    timeout: Optional[float] = None,
    check: bool = False,
    **options: Any,
) -> Green[CompletedProcess[Any]]:
    """Start a process, wait for its end, and return what became of it.

    ::

        done = yield from run(["git", "status"], capture_output=True, text=True, check=True)

    Interrupted, by the timeout or anything else, it kills the process and reaps it first.

    Args:
        input: What to send to its stdin.
        capture_output: Whether to collect its output and error output.
        timeout: Seconds; None waits for ever.
        check: Whether a status other than 0 is an error.
        options: As for `Popen`.

    Raises:
        CalledProcessError: The status is not 0, and *check* is true.
        TimeoutExpired: The time was not enough.

    Source:
        ``subprocess.run``.
    """
    if input is not None:
        if options.get("stdin") is not None:
            raise ValueError("stdin and input arguments may not both be used.")
        options["stdin"] = PIPE
    if capture_output:
        if options.get("stdout") is not None or options.get("stderr") is not None:
            raise ValueError("stdout and stderr arguments may not be used with capture_output.")
        options["stdout"] = options["stderr"] = PIPE
    process: Popen[Any] = Popen(*popenargs, **options)
    output, errors = yield from _attend(process, process.communicate(input, timeout))
    status = process.poll()
    if check and status:
        raise CalledProcessError(status, process.args, output=output, stderr=errors)
    return CompletedProcess(process.args, cast(int, status), output, errors)


@_typed_output
def check_output(*popenargs: Any, timeout: Optional[float] = None, **options: Any) -> Green[Any]:
    """Start a process, wait for its end, and return its output.

    Raises:
        CalledProcessError: The status is not 0.
        TimeoutExpired: The time was not enough; the process was killed.

    Source:
        ``subprocess.check_output``.
    """
    for name in ("stdout", "check"):
        if name in options:
            raise ValueError(f"{name} argument not allowed, it will be overridden.")
    if "input" in options and options["input"] is None:
        options["input"] = "" if any(map(options.get, TEXT)) else b""
    done: CompletedProcess[Any] = yield from run(
        *popenargs, stdout=PIPE, timeout=timeout, check=True, **options
    )
    return done.stdout


@_typed_call
def call(*popenargs: Any, timeout: Optional[float] = None, **options: Any) -> Green[int]:
    """Start a process, wait for its end, and return its status.

    Raises:
        TimeoutExpired: The time was not enough; the process was killed.

    Source:
        ``subprocess.call``.
    """
    process: Popen[Any] = Popen(*popenargs, **options)
    return (yield from _attend(process, process.wait(timeout)))


@_typed_call
def check_call(*popenargs: Any, **options: Any) -> Green[int]:
    """Do as `call`, but a status other than 0 is an error.

    Raises:
        CalledProcessError: The status is not 0.

    Source:
        ``subprocess.check_call``.
    """
    status = yield from call(*popenargs, **options)
    if status:
        raise CalledProcessError(status, popenargs[0] if popenargs else options["args"])
    return 0


@green
def getstatusoutput(
    cmd: Command, *, encoding: Optional[str] = None, errors: Optional[str] = None
) -> Green[Tuple[int, str]]:
    """Run a command in a shell, and return its status and what it has put out.

    Both outputs are one, as text, without the last line's end.

    Source:
        ``subprocess.getstatusoutput``.
    """
    done = yield from run(
        cmd, shell=True, text=True, stdout=PIPE, stderr=STDOUT, encoding=encoding, errors=errors
    )
    output = done.stdout
    return done.returncode, output[:-1] if output.endswith("\n") else output


@green
def getoutput(
    cmd: Command, *, encoding: Optional[str] = None, errors: Optional[str] = None
) -> Green[str]:
    """Run a command in a shell, and return what it has put out, as `getstatusoutput` does.

    Source:
        ``subprocess.getoutput``.
    """
    _, output = yield from getstatusoutput(cmd, encoding=encoding, errors=errors)
    return output


# Which of these wait.
__green__: Tuple[str, ...] = (
    "Popen.communicate",
    "Popen.finish",
    "Popen.wait",
    "call",
    "check_call",
    "check_output",
    "getoutput",
    "getstatusoutput",
    "run",
)
__omitted__: Dict[str, str] = {}

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
