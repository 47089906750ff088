"""``subprocess``, where the calls that wait are green.

Starting a process is a plain call.  The calls that wait for a process or communicate with it need
``yield from``: `run`, `check_output` and similar functions, and the methods `wait`, `communicate`
and `finish` of `Popen`.  The pipes are files of `genlet.green.io`.  The errors and constants are the
standard library's own objects.
"""

from __future__ import annotations

import subprocess as real
import sys
from subprocess import PIPE as PIPE
from subprocess import STDOUT as STDOUT
from subprocess import CalledProcessError as CalledProcessError
from subprocess import CompletedProcess as CompletedProcess
from subprocess import list2cmdline as list2cmdline
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    Optional,
    Tuple,
    TypeVar,
    cast,
)

if sys.platform == "win32":
    raise ImportError(
        "genlet.green.subprocess: on Windows genlet cannot wait for processes and pipes"
    )

from ..abc import Green, green
from ._mirror import mirror
from ._popen import TEXT
from ._popen import Popen as Popen

# At run time `mirror` passes through what the platform has of these.
if TYPE_CHECKING:
    from subprocess import DEVNULL as DEVNULL
    from subprocess import SubprocessError as SubprocessError
    from subprocess import TimeoutExpired as TimeoutExpired

    from ._subprocess_types import CallDecorator, Command, OutputDecorator, RunDecorator

T = TypeVar("T")

# Tracebacks name the class by the module that users import.
Popen.__module__ = __name__


@green
def _until_done(process: Popen[Any], work: Green[T]) -> Green[T]:
    """Do *work* that ends with the end of *process*; if it fails, kill and reap the process."""
    with process:
        try:
            return (yield from work)
        except GeneratorExit:
            raise  # a forced close cannot wait: leaving the block kills the process
        except BaseException:
            yield from process._kill_and_wait()
            raise


# At run time each of these is `green`; a type checker sees the exact type of the result.
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
    """Start a process, wait for its end, and return its status and output.

    ::

        done = yield from run(["git", "status"], capture_output=True, text=True, check=True)

    If the call is interrupted, by the timeout or otherwise, it kills and reaps the process.

    Args:
        input: The data for the stdin of the process.
        capture_output: Whether to collect its output and error output.
        timeout: Seconds; None waits forever.
        check: Whether a status other than 0 is an error.
        options: As for `Popen`.

    Raises:
        CalledProcessError: The status is not 0, and *check* is true.
        TimeoutExpired: The timeout has passed; the process was killed.

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
    output, errors = yield from _until_done(process, process.communicate(input, timeout))
    status = process.poll()
    if check and status:
        raise CalledProcessError(status, process.args, output=output, stderr=errors)
    return CompletedProcess(process.args, cast(int, status), output, errors)


@_typed_output
def check_output(*popenargs: Any, timeout: Optional[float] = None, **options: Any) -> Green[Any]:
    """Start a process, wait for its end, and return its output.

    Raises:
        CalledProcessError: The status is not 0.
        TimeoutExpired: The timeout has passed; the process was killed.

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
        TimeoutExpired: The timeout has passed; the process was killed.

    Source:
        ``subprocess.call``.
    """
    process: Popen[Any] = Popen(*popenargs, **options)
    return (yield from _until_done(process, process.wait(timeout)))


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
    """Run a command in a shell, and return its status and its output.

    The output is text; it includes the error output, and lacks the last line end.

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
    """Run a command in a shell, and return its output, as `getstatusoutput` does.

    Source:
        ``subprocess.getoutput``.
    """
    _, output = yield from getstatusoutput(cmd, encoding=encoding, errors=errors)
    return output


# The names that wait.
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
