"""The types of processes' options, pipes and results, which only type checkers import."""

from __future__ import annotations

import os
import sys
from subprocess import CompletedProcess
from typing import (
    TYPE_CHECKING,
    Any,
    AnyStr,
    Callable,
    Collection,
    Iterable,
    List,
    Mapping,
    Optional,
    Protocol,
    Sequence,
    TypedDict,
    TypeVar,
    Union,
    overload,
)

from ..abc import HasFileno, Op
from ..end import End

if TYPE_CHECKING:
    from typing_extensions import Buffer, Literal, Unpack

StrOrBytesPath = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Command = Union[StrOrBytesPath, Sequence[StrOrBytesPath]]
Stdio = Union[None, int, HasFileno]


class Options39(TypedDict, total=False):
    """The options of a process, without those that make its pipes carry text."""

    bufsize: int
    executable: Optional[StrOrBytesPath]
    stdin: Stdio
    stdout: Stdio
    stderr: Stdio
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
    """With the options that Python 3.10 has added."""

    pipesize: int


class Options311(Options310, total=False):
    """With the options that Python 3.11 has added."""

    process_group: Optional[int]


if sys.version_info >= (3, 11):
    Options = Options311
elif sys.version_info >= (3, 10):
    Options = Options310
else:
    Options = Options39


class RunOptions(Options, total=False):
    """The options of `run`, without the input and the mode."""

    capture_output: bool
    check: bool
    timeout: Optional[float]


class CallOptions(Options, total=False):
    """The options of `call`."""

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

    It returns S_co for text, B_co for bytes, and A_co if the mode is not known.
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

AnyStr_contra = TypeVar("AnyStr_contra", str, bytes, contravariant=True)


class PipeWriter(Protocol[AnyStr_contra]):
    """What `Popen.stdin` offers in every mode and with every buffering."""

    def write(self, data: AnyStr_contra, /) -> Op[int]: ...
    def flush(self) -> Op[None]: ...
    def finish(self) -> Op[None]: ...
    def close(self) -> None: ...
    def fileno(self) -> int: ...
    @property
    def closed(self) -> bool: ...


class PipeReader(Protocol[AnyStr]):
    """What `Popen.stdout` and `Popen.stderr` offer in every mode and with every buffering."""

    def read(self, size: int = -1, /) -> Op[AnyStr]: ...
    def readline(self, size: int = -1, /) -> Op[AnyStr]: ...
    def readlines(self, hint: int = -1, /) -> Op[List[AnyStr]]: ...
    def next(self) -> Op[Union[AnyStr, End]]: ...
    def close(self) -> None: ...
    def fileno(self) -> int: ...
    @property
    def closed(self) -> bool: ...
