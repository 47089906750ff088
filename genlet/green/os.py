"""``os``, where the calls that wait for pipes, sockets, terminals and child processes are green.

Reading and writing by number, `sendfile` and the `wait` family are called with ``yield from``; the
rest are plain calls.  Regular files never wait: their calls are made at once, and block on the disk.
"""

# Any number may be given, and its flags are not changed, because other processes may share them (see
# genlet.green._fileio).  A non-blocking descriptor is tried first, and waited for if it would block.
# A blocking one is waited for first: then a read does not block.  A write of more than fits would
# block, so at most PIPE_BUF bytes are written, for which a writable pipe has room.

from __future__ import annotations

import errno
import os as real
import sys
from operator import index
from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    cast,
    overload,
)

if sys.platform == "win32":
    raise ImportError("genlet.green.os: on Windows genlet cannot wait for processes and pipes")

from ..abc import Green, green
from ..hubs import notify_close
from ..kernel import check_open, checkpoint, closings_of, trampoline
from . import _children
from ._claims import running
from ._fileio import PIPE_BUF, FileIO, check_mode, is_still
from ._mirror import mirror
from ._octets import octets
from .io import BufferedReader, BufferedRWPair, BufferedWriter, TextIOWrapper, open_raw

# At run time `mirror` passes through what the platform has of these.
if TYPE_CHECKING:
    from os import SEEK_CUR as SEEK_CUR
    from os import SEEK_END as SEEK_END
    from os import SEEK_SET as SEEK_SET
    from os import environ as environ
    from os import fspath as fspath
    from os import fstat as fstat
    from os import get_inheritable as get_inheritable
    from os import getcwd as getcwd
    from os import getenv as getenv
    from os import getpid as getpid
    from os import kill as kill
    from os import listdir as listdir
    from os import makedirs as makedirs
    from os import mkdir as mkdir
    from os import open as open  # noqa: A004  that is its name
    from os import path as path
    from os import remove as remove
    from os import rename as rename
    from os import replace as replace
    from os import set_inheritable as set_inheritable
    from os import strerror as strerror
    from os import unlink as unlink
    from os import urandom as urandom

    if sys.platform != "win32":
        from os import WEXITSTATUS as WEXITSTATUS
        from os import WIFEXITED as WIFEXITED
        from os import WIFSIGNALED as WIFSIGNALED
        from os import WNOHANG as WNOHANG
        from os import WTERMSIG as WTERMSIG
        from os import WUNTRACED as WUNTRACED
        from os import fork as fork
        from os import get_blocking as get_blocking
        from os import mkfifo as mkfifo
        from os import openpty as openpty
        from os import set_blocking as set_blocking
        from os import ttyname as ttyname
        from os import waitstatus_to_exitcode as waitstatus_to_exitcode


if TYPE_CHECKING:
    if sys.platform != "win32":
        from resource import struct_rusage

    from typing_extensions import Buffer, Literal

    from .io import BothBinary, ReadBinary, Text, WriteBinary

    if sys.platform == "linux":
        from os import P_ALL as P_ALL
        from os import P_PGID as P_PGID
        from os import P_PID as P_PID
        from os import WEXITED as WEXITED
        from os import WNOWAIT as WNOWAIT

T = TypeVar("T")


# The number of no descriptor: a call that is given it refuses what else it is given, and does nothing.
_NO_FD = 2**31 - 1


@green
def _when_ready(fd: int, call: Callable[[int, bool], T], *, write: bool = False) -> Green[T]:
    """Make a system call when it does not block.

    What the call refuses is refused before anything is waited for.

    Args:
        call: Makes it on the descriptor that is its first argument.  Its second is whether that
            blocks a write of more than fits.
    """
    try:
        still = is_still(fd)
    except (OSError, TypeError, ValueError, OverflowError):
        return call(fd, False)  # it is no descriptor, and the call says so
    if still:
        return call(fd, False)
    closings = closings_of(fd)
    blocks = real.get_blocking(fd)
    if blocks:
        try:
            call(_NO_FD, False)
        except OSError as exc:
            if exc.errno != errno.EBADF:
                raise
        yield from trampoline(fd, read=not write, write=write)
    else:
        yield from checkpoint()  # so that a loop over a ready descriptor lets others run
    while True:
        check_open(fd, closings)
        try:
            return call(fd, blocks)
        except BlockingIOError:
            pass
        yield from trampoline(fd, read=not write, write=write)


# ---- descriptors ----------------------------------------------------------------------------------


@green
def read(fd: int, n: int, /) -> Green[bytes]:
    """Read up to *n* bytes, waiting for at least one.

    The flags of the descriptor are not changed.  If it is blocking and another process takes the
    input first, this blocks all green code until there is more.

    Returns:
        The bytes; empty at the end.

    Raises:
        ClosedResource: It was closed meanwhile.

    Source:
        ``os.read``; eventlet ``green.os.read``, which returns nothing where this raises.
    """
    return _when_ready(fd, lambda fd, _: real.read(fd, n))


@green
def write(fd: int, data: Buffer, /) -> Green[int]:
    """Write some of *data*, waiting for room for at least one byte.

    Returns:
        How many bytes were written, which may be fewer than all.  On a blocking descriptor that is
        no regular file, at most PIPE_BUF bytes are written at a time.

    Raises:
        BrokenPipeError: The other end is closed.
        ClosedResource: It was closed meanwhile.

    Source:
        ``os.write``; eventlet ``green.os.write``, which tries forever where this raises.
    """

    def call(fd: int, blocks: bool) -> int:
        if not blocks:
            return real.write(fd, data)
        with octets(data) as view, view[:PIPE_BUF] as portion:
            return real.write(fd, portion)

    return _when_ready(fd, call, write=True)


if sys.platform != "win32":

    @green
    def readv(fd: int, buffers: Sequence[Buffer], /) -> Green[int]:
        """Read into *buffers*, one after the other, waiting for at least one byte.

        Source:
            ``os.readv``, which not every Python has.
        """
        return _when_ready(fd, lambda fd, _: real.readv(fd, buffers))

    @green
    def writev(fd: int, buffers: Sequence[Buffer], /) -> Green[int]:
        """Write some of *buffers*, one after the other; as `write` otherwise.

        Source:
            ``os.writev``, which not every Python has.
        """

        def call(fd: int, blocks: bool) -> int:
            if blocks:
                return real.write(fd, b"".join(buffers)[:PIPE_BUF])
            return real.writev(fd, buffers)

        return _when_ready(fd, call, write=True)

    @green
    def sendfile(out_fd: int, in_fd: int, offset: Optional[int], count: int) -> Green[int]:
        """Send up to *count* bytes of a file, waiting for room for at least one.

        Args:
            out_fd: The receiving descriptor; a non-blocking socket takes more at a time.
            in_fd: A regular file.
            offset: The first byte; None for the file's position (Linux).

        Returns:
            How many bytes were sent; 0 at the end of the file.

        Source:
            ``os.sendfile``, without headers and trailers.
        """

        def call(fd: int, blocks: bool) -> int:
            size = min(count, PIPE_BUF) if blocks else count
            # The stubs of some platforms do not know None.
            return real.sendfile(fd, in_fd, cast(int, offset), size)

        return _when_ready(out_fd, call, write=True)


if sys.platform == "linux" and sys.version_info >= (3, 10):

    @green
    def eventfd_read(fd: int) -> Green[int]:
        """Read the counter of an eventfd, waiting until it is not 0.

        Source:
            ``os.eventfd_read``.
        """
        return _when_ready(fd, lambda fd, _: real.eventfd_read(fd))

    @green
    def eventfd_write(fd: int, value: int) -> Green[None]:
        """Add *value* to the counter of an eventfd, waiting for room for it.

        Source:
            ``os.eventfd_write``.  A blocking eventfd may block: more than 1 may not fit.
        """
        return _when_ready(fd, lambda fd, _: real.eventfd_write(fd, value), write=True)


def pipe() -> Tuple[int, int]:
    """Return the reading and the writing end of a pipe, both non-blocking.

    Source:
        ``os.pipe``, whose ends block.
    """
    reading, writing = real.pipe()
    real.set_blocking(reading, False)
    real.set_blocking(writing, False)
    return reading, writing


def close(fd: int) -> None:
    """Close *fd*; a greenthread that waits for it gets ClosedResource at once.

    Source:
        ``os.close``.
    """
    if running() is not None:
        notify_close(index(fd))
    real.close(fd)


def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
    """Make *fd2* a duplicate of *fd*; a greenthread that waits for *fd2* gets ClosedResource.

    Source:
        ``os.dup2``.
    """
    if running() is not None and fd != fd2:
        real.fstat(index(fd))  # nobody is told of a call that fails
        notify_close(index(fd2))
    return real.dup2(fd, fd2, inheritable)


@overload
def fdopen(
    fd: int,
    mode: Text = "r",
    buffering: int = -1,
    encoding: Optional[str] = None,
    errors: Optional[str] = None,
    newline: Optional[str] = None,
    closefd: bool = True,
) -> TextIOWrapper: ...
@overload
def fdopen(
    fd: int,
    mode: Union[ReadBinary, WriteBinary, BothBinary],
    buffering: Literal[0],
    encoding: None = None,
    errors: None = None,
    newline: None = None,
    closefd: bool = True,
) -> FileIO: ...
@overload
def fdopen(
    fd: int,
    mode: ReadBinary,
    buffering: Literal[-1, 1] = -1,
    encoding: None = None,
    errors: None = None,
    newline: None = None,
    closefd: bool = True,
) -> BufferedReader: ...
@overload
def fdopen(
    fd: int,
    mode: WriteBinary,
    buffering: Literal[-1, 1] = -1,
    encoding: None = None,
    errors: None = None,
    newline: None = None,
    closefd: bool = True,
) -> BufferedWriter: ...
@overload
def fdopen(
    fd: int,
    mode: BothBinary,
    buffering: Literal[-1, 1] = -1,
    encoding: None = None,
    errors: None = None,
    newline: None = None,
    closefd: bool = True,
) -> BufferedRWPair: ...
@overload
def fdopen(
    fd: int,
    mode: str,
    buffering: int = -1,
    encoding: Optional[str] = None,
    errors: Optional[str] = None,
    newline: Optional[str] = None,
    closefd: bool = True,
) -> Union[TextIOWrapper, BufferedReader, BufferedWriter, BufferedRWPair, FileIO]: ...
def fdopen(
    fd: int,
    mode: str = "r",
    buffering: int = -1,
    encoding: Optional[str] = None,
    errors: Optional[str] = None,
    newline: Optional[str] = None,
    closefd: bool = True,
) -> object:
    """Return a green file on *fd*.  A plain call.

    Args:
        fd: A descriptor; `genlet.green.io.FileIO` says when it is made non-blocking.
        mode, buffering, encoding, errors, newline, closefd: As for ``os.fdopen``.

    Source:
        ``os.fdopen``; eventlet ``green.os.fdopen``.
    """
    if not isinstance(cast(object, fd), int):
        raise TypeError(f"invalid fd type ({type(fd)}, expected integer)")
    check_mode(mode)
    if not -(2**31) <= index(buffering) < 2**31:
        raise OverflowError("Python int too large to convert to C int")
    for name, value in (("encoding", encoding), ("errors", errors), ("newline", newline)):
        if not isinstance(cast(object, value), (str, type(None))):
            raise TypeError(f"{name} is a str or None; got {value!r}")
        if value is not None and "\0" in value:
            raise ValueError("embedded null character")
        if value is not None:
            value.encode()  # which refuses surrogates
    raw = FileIO(fd, mode.replace("b", "").replace("t", ""), closefd)
    try:
        return open_raw(raw, mode, buffering, encoding, errors, newline)
    except BaseException:
        raw.close()
        raise


# ---- child processes ------------------------------------------------------------------------------

if sys.platform != "win32":

    @green
    def waitpid(pid: int, options: int, /) -> Green[Tuple[int, int]]:
        """Wait for a child, and return its number and status; (0, 0) if WNOHANG found none.

        An interrupted call has taken nothing: the next one gets the status.

        Raises:
            ChildProcessError: There is no such child.

        Source:
            ``os.waitpid``; eventlet ``green.os.waitpid``, which asks every 10 ms.
        """
        return _children.wait_child(pid, options)

    @green
    def wait() -> Green[Tuple[int, int]]:
        """Wait for any child, and return its number and status.

        Source:
            ``os.wait``.
        """
        return _children.wait_child(-1)

    @green
    def wait3(options: int) -> Green[Tuple[int, int, struct_rusage]]:
        """Wait for any child, and return its number, its status and its use of resources.

        Source:
            ``os.wait3``.
        """
        return _children.wait_child_usage(-1, options)

    @green
    def wait4(pid: int, options: int) -> Green[Tuple[int, int, struct_rusage]]:
        """Wait for a child, and return its number, its status and its use of resources.

        Source:
            ``os.wait4``.
        """
        return _children.wait_child_usage(pid, options)


if sys.platform == "linux":

    @green
    def waitid(idtype: int, ident: int, options: int, /) -> Green[Optional[real.waitid_result]]:
        """Wait for a child, and return all that the system knows of it.

        Source:
            ``os.waitid``, which not every Python has.
        """
        return _children.wait_id(idtype, ident, options)


_GREEN = (
    "eventfd_read",
    "eventfd_write",
    "read",
    "readv",
    "sendfile",
    "wait",
    "wait3",
    "wait4",
    "waitid",
    "waitpid",
    "write",
    "writev",
)
# The names that wait.
__green__: Tuple[str, ...] = tuple(
    name for name in _GREEN if hasattr(real, name) and name in globals()
)

_WAITS = "it waits for the process in the system: use genlet.green.subprocess"

__omitted__: Dict[str, str] = {
    "system": _WAITS,
    "popen": _WAITS,
    # What the platform has, and genlet cannot wait for there.
    **{name: _WAITS for name in _GREEN if hasattr(real, name) and name not in globals()},
    **{f"spawn{how}{env}": _WAITS for how in ("l", "v", "lp", "vp") for env in ("", "e")},
    "lockf": "it may wait in the system: use the standard library's with F_TLOCK, or in"
    " tpool.execute",
    "splice": "it waits in the system for both ends: read() and write()",
}

if not TYPE_CHECKING:
    for _name in _GREEN:
        if not hasattr(real, _name):
            globals().pop(_name, None)
    __getattr__ = mirror(globals(), real)
