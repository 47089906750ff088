"""The green socket itself; `genlet.green.socket` is its public face."""

# Between the generator and the system call stand a try and, if it would block, one wait on the
# socket's `Direction`.  Every method that moves data has the same form:
#
#     while True:
#         if side.ready:
#             try: return the system call
#             except BlockingIOError: side.ready = False
#         yield from the wait, which sets side.ready
#
# A TCP read that returned less than was asked for has drained the socket: it clears `ready`, so that
# the next read waits before it tries (see `Direction.hint`).

from __future__ import annotations

import errno
import os
import socket as real
import sys
from functools import partial
from math import inf
from operator import index
from socket import AF_INET, AF_INET6, SOCK_STREAM
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    Callable,
    Iterable,
    List,
    NoReturn,
    Optional,
    Tuple,
    Type,
    TypeVar,
    Union,
    cast,
    overload,
)

from .._compat import IS_PYPY
from ..abc import Green, Op, green
from ..errors import ClosedResource
from ..kernel import (
    NOBODY,
    Descriptor,
    Direction,
    checkpoint,
    fault,
    get_scheduler,
    move_on_after,
    sleep,
)
from . import dns
from ._octets import octets, size_of
from .io import (
    BufferedReader,
    BufferedRWPair,
    BufferedWriter,
    SocketIO,
    TextIOWrapper,
    open_raw,
)

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer, Literal, Self

    Ancillary = Tuple[int, int, bytes]

T = TypeVar("T")

File = Union[SocketIO, BufferedReader, BufferedWriter, BufferedRWPair, TextIOWrapper]
"""What `makefile` makes."""

Address = Any
"""What the address family takes for an address: typeshed has no better word for it either."""

# Operations that may succeed one after the other without waiting, before a socket lets others run:
# a peer that is always ready may not keep everybody else waiting.  Letting others run costs about
# 0.5 µs, so this makes it 1 % of a receive.
BURST = 64

# The most that is given to one send.  PyPy copies all that it is given, each time.
CHUNK: Optional[int] = 65536 if IS_PYPY else None

# Never to be waited for, when the socket itself would wait for ever.
DONTWAIT: int = getattr(real, "MSG_DONTWAIT", 0)

CONNECTING = (errno.EINPROGRESS, errno.EALREADY, errno.EINTR, getattr(errno, "WSAEWOULDBLOCK", -1))

MAX_TIMEOUT = (2**63 - 1) / 1e9  # seconds; what the standard library's clock can hold

SENDFILE_MOST = 1 << 30  # bytes at a time: more overflows on some systems
SENDFILE_BLOCK = 8192  # bytes read at a time where the system cannot send a file


def _make(family: int, type: int, proto: int, fileno: Optional[int]) -> real.socket:
    """Get the real socket from the run's poller, which may simulate one; outside of a run, real."""
    try:
        poller = get_scheduler().hub.poller
    except RuntimeError:
        return real.socket(family, type, proto, fileno)
    return poller.socket(family, type, proto, fileno)


def timed_out() -> real.timeout:
    return real.timeout("timed out")


def _until(timeout: Optional[float]) -> Optional[float]:
    """Return the deadline of something that begins now and takes at most *timeout*."""
    return get_scheduler().clock() + timeout if timeout else None


@green
def _wait(side: Direction, timeout: Optional[float], deadline: Optional[float]) -> Green[Any]:
    """Wait for *side*, and return the deadline of the whole operation.

    Args:
        timeout: The operation's, in seconds.
        deadline: What the operation's last wait returned, None at its first.
    """
    if timeout is None:
        yield from side.wait()
        return None
    now = get_scheduler().clock()
    if deadline is None:
        deadline = now + timeout
    if deadline <= now:
        raise timed_out()
    yield from side.wait(deadline - now, timed_out())
    return deadline


class socket:
    """A socket whose waiting calls are green.

    Args:
        family, type, proto, fileno: As for ``socket.socket``.

    One greenthread may receive while another sends; two that receive at once are an error.  Closing
    it raises ClosedResource in whoever waits on it.

    Source:
        ``socket.socket``.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_credit",
        "_descriptor",
        "_io_refs",
        "_reader",
        "_recv",
        "_send",
        "_sock",
        "_tcp",
        "_timeout",
        "_writer",
    )

    def __init__(
        self,
        family: int = -1,
        type: int = -1,
        proto: int = -1,
        fileno: Optional[int] = None,
        *,
        sock: Optional[real.socket] = None,
    ) -> None:
        self._adopt(_make(family, type, proto, fileno) if sock is None else sock)

    def _adopt(self, sock: real.socket, tcp: Optional[bool] = None) -> None:
        self._timeout: Optional[float] = sock.gettimeout()
        sock.setblocking(False)
        self._sock: real.socket = sock
        # Bound once: they are called for every operation.
        self._recv: Callable[[int, int], bytes] = sock.recv
        self._send: Callable[[Buffer, int], int] = sock.send
        if tcp is None:
            tcp = sock.type == SOCK_STREAM and sock.family in (AF_INET, AF_INET6)
        self._tcp: bool = tcp
        self._descriptor: Descriptor = Descriptor(sock.fileno(), hint=tcp)
        self._credit: int = BURST
        self._reader: Direction = self._descriptor.reader
        self._writer: Direction = self._descriptor.writer
        self._io_refs: int = 0  # files of `makefile` that are open
        self._closed: bool = False

    # ---- receiving ----

    @green
    def recv(self, bufsize: int, flags: int = 0) -> Green[bytes]:
        """Receive up to *bufsize* bytes; empty when the peer has closed.

        MSG_WAITALL gets what there is, as on the standard library's sockets with a timeout.

        Raises:
            socket.timeout: The socket's timeout passed first.
            ConnectionResetError: The peer has reset the connection.
            ClosedResource: Another greenthread closed the socket meanwhile.

        Source:
            ``socket.recv``.  Differs from eventlet: a reset is an error, not an empty result.
        """
        timeout = self._timeout
        if timeout == 0:
            return self._recv(bufsize, flags)
        reader = self._reader
        deadline = None
        while True:
            # What is out of the ordinary is tried in any case: it may be wrong, or need no data.
            if reader.ready or flags or bufsize.__class__ is not int or bufsize <= 0:
                if self._credit <= 0:
                    self._credit = BURST
                    yield from checkpoint()
                receive = self._recv
                try:
                    data = receive(bufsize, flags)
                except BlockingIOError:
                    if not bufsize:
                        return b""  # CPython does not even ask the system; PyPy does
                    if flags & DONTWAIT and timeout is None:
                        raise
                    reader.ready = False
                else:
                    self._credit -= 1
                    if reader.hint and 0 < len(data) < bufsize and not flags:
                        reader.ready = False
                    return data
            self._credit = BURST
            if timeout is not None or reader.gt is not NOBODY:
                deadline = yield from _wait(reader, timeout, deadline)
                continue
            # Direction.wait, written out: this is the hottest line there is.
            yield reader
            gt = reader.gt
            if gt.scheduler.current is not gt or gt.fault is not None:
                del gt
                raise fault(reader)
            reader.gt = NOBODY

    @green
    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> Green[int]:
        """Receive into *buffer* and return how many bytes that were.

        Source:
            ``socket.recv_into``.
        """
        timeout = self._timeout
        if timeout == 0:
            return self._sock.recv_into(buffer, nbytes, flags)
        reader = self._reader
        deadline = None
        while True:
            # As in `recv`; that a bytearray takes something needs no asking.
            if reader.ready or flags or nbytes or buffer.__class__ is not bytearray or not buffer:
                if self._credit <= 0:
                    self._credit = BURST
                    yield from checkpoint()
                try:
                    count = self._sock.recv_into(buffer, nbytes, flags)
                except BlockingIOError:
                    if not (nbytes or size_of(buffer)):
                        return 0  # as in `recv`
                    if flags & DONTWAIT and timeout is None:
                        raise
                    reader.ready = False
                else:
                    self._credit -= 1
                    if reader.hint and count and not flags:
                        reader.ready = count == (nbytes or size_of(buffer))
                    return count
            self._credit = BURST
            deadline = yield from _wait(reader, timeout, deadline)

    @green
    def recvfrom(self, bufsize: int, flags: int = 0) -> Green[Tuple[bytes, Address]]:
        """Receive a datagram, and return it with its sender's address.

        Source:
            ``socket.recvfrom``.
        """
        return self._when(self._reader, flags, self._sock.recvfrom, (bufsize, flags))

    @green
    def recvfrom_into(
        self, buffer: Buffer, nbytes: int = 0, flags: int = 0
    ) -> Green[Tuple[int, Address]]:
        """Receive a datagram into *buffer*, and return its length with its sender's address.

        Source:
            ``socket.recvfrom_into``.
        """
        return self._when(self._reader, flags, self._sock.recvfrom_into, (buffer, nbytes, flags))

    if sys.platform != "win32":

        @green
        def recvmsg(
            self, bufsize: int, ancbufsize: int = 0, flags: int = 0
        ) -> Green[Tuple[bytes, List[Ancillary], int, Address]]:
            """Receive data, and what comes with it: ``(data, ancdata, msg_flags, address)``.

            Source:
                ``socket.recvmsg``.
            """
            return self._when(
                self._reader, flags, self._sock.recvmsg, (bufsize, ancbufsize, flags)
            )

        @green
        def recvmsg_into(
            self, buffers: Iterable[Buffer], ancbufsize: int = 0, flags: int = 0
        ) -> Green[Tuple[int, List[Ancillary], int, Address]]:
            """Receive into *buffers*, one after the other, and what comes with the data.

            Source:
                ``socket.recvmsg_into``.
            """
            buffers = list(buffers)  # it may be tried more than once
            return self._when(
                self._reader, flags, self._sock.recvmsg_into, (buffers, ancbufsize, flags)
            )

    @green
    def _when(
        self, side: Direction, flags: int, call: Callable[..., T], args: Tuple[Any, ...]
    ) -> Green[T]:
        """Return ``call(*args)`` when *side* is ready for it.

        It is tried first in any case: it may be wrong, or need no waiting for.
        """
        timeout = self._timeout
        if timeout == 0:
            return call(*args)
        deadline = None
        while True:
            if self._credit <= 0:
                self._credit = BURST
                yield from checkpoint()
            try:
                result = call(*args)
            except BlockingIOError:
                if flags & DONTWAIT and timeout is None:
                    raise
                side.ready = False
            else:
                self._credit -= 1
                return result
            deadline = yield from _wait(side, timeout, deadline)
            self._credit = BURST

    # ---- sending ----

    @green
    def send(self, data: Buffer, flags: int = 0) -> Green[int]:
        """Send some of *data* and return how many bytes that were.

        Source:
            ``socket.send``.
        """
        return self._when(self._writer, flags, self._send, (data, flags))

    @overload
    def sendto(self, data: Buffer, address: Address, /) -> Op[int]: ...
    @overload
    def sendto(self, data: Buffer, flags: int, address: Address, /) -> Op[int]: ...
    @green
    def sendto(self, data: Buffer, *flags_and_address: Any) -> Green[int]:
        """Send a datagram: ``sendto(data, address)`` or ``sendto(data, flags, address)``.

        A host given by name is looked up first, within the socket's timeout.

        Source:
            ``socket.sendto``.
        """
        args = flags_and_address
        if args and dns.needs_lookup(args[-1]):
            return self._send_to_name(data, args)
        return self._send_datagram(data, args)

    @green
    def _send_to_name(self, data: Buffer, args: Tuple[Any, ...]) -> Green[int]:
        address = yield from self._looked_up(args[-1], _until(self._timeout))
        return (yield from self._send_datagram(data, (*args[:-1], address)))

    @green
    def _send_datagram(self, data: Buffer, args: Tuple[Any, ...]) -> Green[int]:
        flags = args[0] if len(args) == 2 else 0
        return self._when(self._writer, flags, self._sock.sendto, (data, *args))

    if sys.platform != "win32":

        @green
        def sendmsg(
            self,
            buffers: Iterable[Buffer],
            ancdata: Iterable[Tuple[int, int, Buffer]] = (),
            flags: int = 0,
            address: Address = None,
        ) -> Green[int]:
            """Send *buffers* as one message, and *ancdata* along with it.

            Returns:
                How many bytes of *buffers* were sent.

            Source:
                ``socket.sendmsg``.
            """
            if dns.needs_lookup(address):
                address = yield from self._looked_up(address, _until(self._timeout))
            # Lists, since it may be tried more than once.
            message = (list(buffers), list(ancdata), flags, address)
            return (yield from self._when(self._writer, flags, self._sock.sendmsg, message))

    if sys.platform == "linux" and hasattr(real.socket, "sendmsg_afalg"):

        @green
        def sendmsg_afalg(self, *args: Any, **kwargs: Any) -> Green[int]:
            """Source: ``socket.sendmsg_afalg``."""
            call = partial(self._sock.sendmsg_afalg, *args, **kwargs)
            return self._when(self._writer, 0, call, ())

    @green
    def sendall(self, data: Buffer, flags: int = 0) -> Green[None]:
        """Send all of *data*.

        The socket's timeout is for the whole of it.  After an error there is no telling how much
        was sent.

        Raises:
            socket.timeout: The socket's timeout passed first.
            BrokenPipeError, ConnectionResetError: The peer does not take it.
            ClosedResource: Another greenthread closed the socket meanwhile.

        Source:
            ``socket.sendall``.
        """
        writer = self._writer
        timeout = self._timeout
        done = None
        if writer.ready and self._credit > 0:
            try:
                done = self._send(data, flags)
            except BlockingIOError:
                if timeout == 0 or (flags & DONTWAIT and timeout is None):
                    raise
                writer.ready = False
            else:
                self._credit -= 1
                if isinstance(data, bytes) and done == len(data):
                    return
        # An error that lives on must not keep *data* from being resized: the views are released.
        with octets(data) as view:
            size = len(view)
            if done == size:
                return
            done = done or 0
            deadline = None
            while True:
                if writer.ready or flags or timeout == 0:
                    if self._credit <= 0 and timeout != 0:
                        self._credit = BURST
                        yield from checkpoint()
                    try:
                        with view[done : CHUNK and done + CHUNK] as rest:
                            done += self._send(rest, flags)
                    except BlockingIOError:
                        if timeout == 0 or (flags & DONTWAIT and timeout is None):
                            raise
                        writer.ready = False
                    else:
                        self._credit -= 1
                        if done >= size:
                            return
                        continue
                self._credit = BURST
                deadline = yield from _wait(writer, timeout, deadline)

    @green
    def sendfile(
        self, file: IO[bytes], offset: int = 0, count: Optional[int] = None
    ) -> Green[int]:
        """Send *file* from *offset* on, to its end or *count* bytes, and return how many it were.

        The file is read by the system, or else by its ``read``: either may wait for the disk, and
        everybody with it.  The timeout is for each wait for the peer.  However it ends, the file's
        position tells how much was sent.

        Args:
            file: Opened in binary mode.

        Raises:
            ValueError: The socket is not SOCK_STREAM or has timeout 0, *file* is opened as text,
                or *count* is not positive.

        Source:
            ``socket.sendfile``.
        """
        self._check_sendfile_params(file, offset, count)
        sent = yield from self._sendfile_use_sendfile(file, offset, count)
        if sent is None:
            sent = yield from self._sendfile_use_send(file, offset, count)
        return sent

    # The standard library's names: a subclass overrides them.

    def _check_sendfile_params(self, file: IO[bytes], offset: int, count: Any) -> None:
        if "b" not in getattr(file, "mode", "b"):
            raise ValueError("file should be opened in binary mode")
        if not self.type & SOCK_STREAM:
            raise ValueError("only SOCK_STREAM type sockets are supported")
        if count is not None:
            if not isinstance(count, int):
                raise TypeError(f"count must be a positive integer (got {count!r})")
            if count <= 0:
                raise ValueError(f"count must be a positive integer (got {count!r})")

    @green
    def _sendfile_use_sendfile(
        self, file: IO[bytes], offset: int, count: Optional[int]
    ) -> Green[Optional[int]]:
        """Have the system send the file; None if it cannot send this one."""
        if sys.platform == "win32":
            return None
        try:
            fileno = file.fileno()
            size = os.fstat(fileno).st_size
        except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
            return None
        if not size:
            return 0
        if self._timeout == 0:
            raise ValueError("non-blocking sockets are not supported")
        block = min(count or size, SENDFILE_MOST)
        total = 0
        try:
            while count is None or total < count:
                if count is not None:
                    block = min(count - total, block)
                args = (self.fileno(), fileno, offset + total, block)
                try:
                    sent = yield from self._when(self._writer, 0, os.sendfile, args)
                except real.timeout:
                    raise
                except OSError as exc:
                    if total or isinstance(exc, ClosedResource):
                        raise
                    return None
                if not sent:
                    break
                total += sent
            return total
        finally:
            if total and hasattr(file, "seek"):
                file.seek(offset + total)

    @green
    def _sendfile_use_send(
        self, file: IO[bytes], offset: int = 0, count: Optional[int] = None
    ) -> Green[int]:
        """Read the file and send it, block by block."""
        if self._timeout == 0:
            raise ValueError("non-blocking sockets are not supported")
        if offset:
            file.seek(offset)
        total = 0
        try:
            while count is None or total < count:
                block = SENDFILE_BLOCK if count is None else min(count - total, SENDFILE_BLOCK)
                with memoryview(file.read(block)) as data:
                    if not data:
                        break
                    done = 0
                    while done < len(data):
                        with data[done:] as rest:
                            sent = yield from self.send(rest)
                        done += sent
                        total += sent
            return total
        finally:
            if total and hasattr(file, "seek"):
                file.seek(offset + total)

    # ---- connecting ----

    @green
    def accept(self) -> Green[Tuple[Self, Address]]:
        """Accept a connection: return a new socket and the peer's address.

        Source:
            ``socket.accept``.
        """
        sock, address = yield from self._when(self._reader, 0, self._sock.accept, ())
        return self._child(sock), address

    @green
    def connect(self, address: Address) -> Green[None]:
        """Connect to *address*.

        A host given by name is looked up first, and the first of its addresses tried.  The
        socket's timeout is for the whole of it.

        Raises:
            socket.timeout: The socket's timeout passed first.
            socket.gaierror: The name was not found.
            OSError: The connection was refused, or cannot be made.

        Source:
            ``socket.connect``.  Differs: the timeout bounds the lookup, too.
        """
        error = yield from self._connect(address)
        if error:
            raise OSError(error, os.strerror(error))

    @green
    def connect_ex(self, address: Address) -> Green[int]:
        """Connect, and return an error number, 0 for none.

        Source:
            ``socket.connect_ex``: EAGAIN when the timeout has passed.
        """
        try:
            return (yield from self._connect(address))
        except real.timeout:
            return errno.EAGAIN

    @green
    def _connect(self, address: Address) -> Green[int]:
        timeout = self._timeout
        deadline = _until(timeout)
        sock = self._sock
        if dns.needs_lookup(address):
            address = yield from self._looked_up(address, deadline)
        error = sock.connect_ex(address)
        if error == errno.EAGAIN and timeout != 0:
            # A Unix listener with a full backlog.  Nothing is in progress, and nothing tells when
            # there is room again.
            error = yield from self._connect_when_there_is_room(address, deadline)
        if timeout == 0:
            return error
        writer = self._writer
        while error in CONNECTING:
            writer.ready = False
            yield from _wait(writer, timeout, deadline)
            # It may have been a false alarm: only another connect tells success from nothing yet.
            error = sock.getsockopt(real.SOL_SOCKET, real.SO_ERROR) or sock.connect_ex(address)
            if error == errno.EISCONN:
                return 0
        return error

    @green
    def _connect_when_there_is_room(
        self, address: Address, deadline: Optional[float]
    ) -> Green[int]:
        clock = get_scheduler().clock
        pause = 0.001
        error = errno.EAGAIN
        while error == errno.EAGAIN:
            if deadline is not None and clock() >= deadline:
                raise timed_out()
            yield from sleep(pause)
            pause = min(pause * 2, 0.05)
            error = self._sock.connect_ex(address)
        return error

    @green
    def _looked_up(self, address: Tuple[Any, ...], deadline: Optional[float]) -> Green[Address]:
        """Return *address* with its host's name, if it is one, replaced by what that means."""
        family = self._sock.family
        if family not in (AF_INET, AF_INET6):
            return address
        host = None
        with move_on_after(inf if deadline is None else deadline - get_scheduler().clock()):
            host = yield from dns.first_address(address[0], family)
        if host is None:
            raise timed_out()
        return (host, *address[1:])

    # ---- what never waits ----

    def _child(self, sock: real.socket) -> Self:
        """Return a socket of the same kind on *sock*."""
        new = self.__class__.__new__(self.__class__)
        socket._adopt(new, sock, self._tcp)
        return new

    @overload
    def makefile(
        self,
        mode: Literal["b", "rb", "br", "wb", "bw", "rwb", "rbw", "wrb", "wbr", "brw", "bwr"],
        buffering: Literal[0],
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> SocketIO: ...
    @overload
    def makefile(
        self,
        mode: Literal["rwb", "rbw", "wrb", "wbr", "brw", "bwr"],
        buffering: Optional[Literal[-1, 1]] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> BufferedRWPair: ...
    @overload
    def makefile(
        self,
        mode: Literal["b", "rb", "br"],
        buffering: Optional[Literal[-1, 1]] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> BufferedReader: ...
    @overload
    def makefile(
        self,
        mode: Literal["wb", "bw"],
        buffering: Optional[Literal[-1, 1]] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> BufferedWriter: ...
    @overload
    def makefile(
        self,
        mode: Literal["r", "w", "rw", "wr", ""] = "r",
        buffering: Optional[Literal[-1, 1]] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> TextIOWrapper: ...
    @overload
    def makefile(
        self,
        mode: str,
        buffering: Optional[int] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> File: ...
    def makefile(
        self,
        mode: str = "r",
        buffering: Optional[int] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> File:
        """Return a green file over the socket, which stays open until the file is closed.

        Args:
            mode: Of "r", "w" and "b".
            buffering, encoding, errors, newline: As for ``open``.

        Source:
            ``socket.makefile``; its files wait in `read`, `write` and their kin.
        """
        if not set(mode) <= {"r", "w", "b"}:
            raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
        binary = "b" in mode
        if buffering == 0 and not binary:
            raise ValueError("unbuffered streams must be binary")
        rights = "".join(right for right in "rw" if right in mode) or "r"
        size = -1 if buffering is None or buffering < 0 else buffering
        raw = SocketIO(self, rights)
        try:
            if binary:
                return cast("File", open_raw(raw, rights + "b", size))
            return cast("File", open_raw(raw, rights, size, encoding, errors, newline))
        except BaseException:
            raw.close()
            raise

    def _decref_socketios(self) -> None:
        """Count one file less: the last one closes the socket, if that was closed meanwhile."""
        if self._io_refs > 0:
            self._io_refs -= 1
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close the socket; whoever waits on it gets ClosedResource at once.

        If `makefile` has made files of it, the last of them to be closed closes it.

        Source:
            ``socket.close``.
        """
        self._closed = True
        if self._io_refs <= 0:
            self._real_close()

    def _real_close(self) -> None:
        self._descriptor.close()
        self._sock.close()

    def detach(self) -> int:
        """Give up the descriptor without closing it, and return its number.

        Source:
            ``socket.detach``.
        """
        self._descriptor.close()
        self._closed = True
        return self._sock.detach()

    def dup(self) -> Self:
        """Return another socket on the same connection, with the same timeout.

        Source:
            ``socket.dup``.
        """
        new = self._child(self._sock.dup())
        new._timeout = self._timeout
        return new

    def fileno(self) -> int:
        """Return the descriptor's number, -1 when closed."""
        return self._sock.fileno()

    def bind(self, address: Address) -> None:
        """Source: ``socket.bind``; a host given by name is looked up, which blocks."""
        self._sock.bind(address)

    def listen(self, backlog: Optional[int] = None) -> None:
        """Source: ``socket.listen``."""
        self._reader.hint = False
        if backlog is None:
            self._sock.listen()
        else:
            self._sock.listen(backlog)

    def shutdown(self, how: int) -> None:
        """Source: ``socket.shutdown``."""
        self._sock.shutdown(how)

    def get_inheritable(self) -> bool:
        """Source: ``socket.get_inheritable``."""
        return self._sock.get_inheritable()

    def set_inheritable(self, inheritable: bool) -> None:
        """Source: ``socket.set_inheritable``."""
        self._sock.set_inheritable(inheritable)

    if sys.platform == "win32":

        def ioctl(self, control: int, option: Any, /) -> None:
            """Source: ``socket.ioctl``."""
            self._sock.ioctl(control, option)

        def share(self, process_id: int, /) -> bytes:
            """Source: ``socket.share``."""
            return self._sock.share(process_id)

    def getpeername(self) -> Address:
        """Source: ``socket.getpeername``."""
        name: Address = self._sock.getpeername()
        return name

    def getsockname(self) -> Address:
        """Source: ``socket.getsockname``."""
        name: Address = self._sock.getsockname()
        return name

    @overload
    def getsockopt(self, level: int, optname: int) -> int: ...
    @overload
    def getsockopt(self, level: int, optname: int, buflen: int) -> bytes: ...
    def getsockopt(
        self, level: int, optname: int, buflen: Optional[int] = None
    ) -> Union[int, bytes]:
        """Source: ``socket.getsockopt``."""
        if buflen is None:
            return self._sock.getsockopt(level, optname)
        return self._sock.getsockopt(level, optname, buflen)

    def setsockopt(self, level: int, optname: int, *value: Any) -> None:
        """Source: ``socket.setsockopt``."""
        self._sock.setsockopt(level, optname, *value)

    def settimeout(self, value: Optional[float]) -> None:
        """Set the seconds after which a waiting call raises; None never, 0 makes none wait.

        Source:
            ``socket.settimeout``.
        """
        if value is not None:
            if not isinstance(value, float):
                value = float(index(value))
            if value != value:
                raise ValueError("Invalid value NaN (not a number)")
            if abs(value) > MAX_TIMEOUT:
                raise OverflowError("timestamp out of range for platform time_t")
            if value < 0:
                raise ValueError("Timeout value out of range")
        self._settimeout(value)

    def _settimeout(self, value: Optional[float]) -> None:
        self._timeout = value
        if self._sock.fileno() < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def gettimeout(self) -> Optional[float]:
        """Source: ``socket.gettimeout``."""
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        """Source: ``socket.setblocking``: whether calls wait; the system's socket never blocks."""
        self._settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        """Source: ``socket.getblocking``."""
        return self._timeout != 0

    @property
    def timeout(self) -> Optional[float]:
        """Source: ``socket.timeout``, the attribute."""
        return self._timeout

    @property
    def family(self) -> int:
        """Source: ``socket.family``."""
        return self._sock.family

    @property
    def type(self) -> int:
        """Source: ``socket.type``."""
        return self._sock.type

    @property
    def proto(self) -> int:
        """Source: ``socket.proto``."""
        return self._sock.proto

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        """Source: ``socket.socket``'s, which says as much."""
        cls = self.__class__
        module = cls.__module__.replace("._socket", ".socket")  # where users find it
        closed = " [closed]" if self._closed else ""
        text = (
            f"<{module}.{cls.__qualname__}{closed} fd={self.fileno()},"
            f" family={self.family!s}, type={self.type!s}, proto={self.proto}"
        )
        if not closed:
            for label, get in (("laddr", self.getsockname), ("raddr", self.getpeername)):
                try:
                    address = get()
                except OSError:
                    continue
                if address:
                    text += f", {label}={address}"
        return text + ">"

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"cannot pickle {self.__class__.__name__!r} object")
