"""``socket``, with the calls that wait green.

What waits, `accept`, `connect`, `recv`, `send` and their kin, is called with ``yield from``; the
rest, `bind`, `listen`, `close`, options and names, is a plain call, and so is making a socket.  The
constants and errors are the standard library's own objects.
"""

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
from socket import AF_INET as AF_INET
from socket import AF_INET6 as AF_INET6
from socket import AF_UNSPEC as AF_UNSPEC
from socket import AI_CANONNAME as AI_CANONNAME
from socket import AI_NUMERICHOST as AI_NUMERICHOST
from socket import AI_NUMERICSERV as AI_NUMERICSERV
from socket import AI_PASSIVE as AI_PASSIVE
from socket import INADDR_ANY as INADDR_ANY
from socket import INADDR_LOOPBACK as INADDR_LOOPBACK
from socket import IPPROTO_IP as IPPROTO_IP
from socket import IPPROTO_IPV6 as IPPROTO_IPV6
from socket import IPPROTO_TCP as IPPROTO_TCP
from socket import IPPROTO_UDP as IPPROTO_UDP
from socket import IPV6_V6ONLY as IPV6_V6ONLY
from socket import MSG_DONTROUTE as MSG_DONTROUTE
from socket import MSG_OOB as MSG_OOB
from socket import MSG_PEEK as MSG_PEEK
from socket import MSG_WAITALL as MSG_WAITALL
from socket import NI_NUMERICHOST as NI_NUMERICHOST
from socket import NI_NUMERICSERV as NI_NUMERICSERV
from socket import SHUT_RD as SHUT_RD
from socket import SHUT_RDWR as SHUT_RDWR
from socket import SHUT_WR as SHUT_WR
from socket import SO_BROADCAST as SO_BROADCAST
from socket import SO_ERROR as SO_ERROR
from socket import SO_KEEPALIVE as SO_KEEPALIVE
from socket import SO_LINGER as SO_LINGER
from socket import SO_RCVBUF as SO_RCVBUF
from socket import SO_REUSEADDR as SO_REUSEADDR
from socket import SO_SNDBUF as SO_SNDBUF
from socket import SO_TYPE as SO_TYPE
from socket import SOCK_DGRAM as SOCK_DGRAM
from socket import SOCK_RAW as SOCK_RAW
from socket import SOCK_STREAM as SOCK_STREAM
from socket import SOL_SOCKET as SOL_SOCKET
from socket import SOMAXCONN as SOMAXCONN
from socket import TCP_NODELAY as TCP_NODELAY
from socket import gaierror as gaierror
from socket import getdefaulttimeout as getdefaulttimeout
from socket import gethostname as gethostname
from socket import has_ipv6 as has_ipv6
from socket import herror as herror
from socket import htonl as htonl
from socket import htons as htons
from socket import inet_aton as inet_aton
from socket import inet_ntoa as inet_ntoa
from socket import inet_ntop as inet_ntop
from socket import inet_pton as inet_pton
from socket import ntohl as ntohl
from socket import ntohs as ntohs
from socket import setdefaulttimeout as setdefaulttimeout
from socket import timeout as timeout
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple, Type, TypeVar, Union, overload

from .._compat import IS_PYPY
from ..abc import Green, green
from ..kernel import NOBODY, Descriptor, Direction, checkpoint, fault, get_scheduler, sleep
from ._mirror import mirror

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer, Self

T = TypeVar("T")

Address = Any
"""What the address family takes for an address: typeshed has no better word for it either."""

# Operations that may succeed one after the other without waiting, before a socket lets others run:
# a peer that is always ready may not keep everybody else waiting.  Letting others run costs about
# 0.5 µs, so this makes it 1 % of a receive.
BURST = 64

# The most that is given to one send.  PyPy copies all that it is given, each time.
CHUNK: Optional[int] = 65536 if IS_PYPY else None

CONNECTING = (errno.EINPROGRESS, errno.EALREADY, errno.EINTR, getattr(errno, "WSAEWOULDBLOCK", -1))


def _make(family: int, type: int, proto: int, fileno: Optional[int]) -> real.socket:
    """Get the real socket from the run's poller, which may simulate one; outside of a run, real."""
    try:
        poller = get_scheduler().hub.poller
    except RuntimeError:
        return real.socket(family, type, proto, fileno)
    return poller.socket(family, type, proto, fileno)


def _timed_out() -> real.timeout:
    return real.timeout("timed out")


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
        "_credit",
        "_descriptor",
        "_reader",
        "_recv",
        "_send",
        "_sock",
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

    def _adopt(self, sock: real.socket) -> None:
        self._timeout: Optional[float] = sock.gettimeout()
        sock.setblocking(False)
        self._sock: real.socket = sock
        # Bound once: they are called for every operation.
        self._recv: Callable[[int, int], bytes] = sock.recv
        self._send: Callable[[Buffer, int], int] = sock.send
        stream = sock.type == SOCK_STREAM and sock.family in (AF_INET, AF_INET6)
        self._descriptor: Descriptor = Descriptor(sock.fileno(), hint=stream)
        self._credit: int = BURST
        self._reader: Direction = self._descriptor.reader
        self._writer: Direction = self._descriptor.writer

    # ---- receiving ----

    @green
    def recv(self, bufsize: int, flags: int = 0) -> Green[bytes]:
        """Receive up to *bufsize* bytes; empty when the peer has closed.

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
        while True:
            if reader.ready:
                if self._credit <= 0:
                    self._credit = BURST
                    yield from checkpoint()
                receive = self._recv
                try:
                    data = receive(bufsize, flags)
                except BlockingIOError:
                    reader.ready = False
                else:
                    self._credit -= 1
                    if reader.hint and 0 < len(data) < bufsize and not flags:
                        reader.ready = False
                    return data
            if not bufsize:
                return b""  # without asking the system, as the standard library does
            self._credit = BURST
            if timeout is not None or reader.gt is not NOBODY:
                yield from reader.wait(timeout, _timed_out())
                continue
            # Direction.wait, written out: this is the hottest line there is.
            yield reader
            gt = reader.gt
            reader.gt = NOBODY
            if gt.scheduler.current is not gt or gt.fault is not None:
                raise fault(gt)

    @green
    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> Green[int]:
        """Receive into *buffer* and return how many bytes that were.

        Source:
            ``socket.recv_into``.
        """
        size = nbytes or memoryview(buffer).nbytes
        count: int = yield from self._receive(
            lambda: self._sock.recv_into(buffer, nbytes, flags), None if flags else size, int
        )
        return count

    @green
    def recvfrom(self, bufsize: int, flags: int = 0) -> Green[Tuple[bytes, Address]]:
        """Receive a datagram, and return it with its sender's address.

        Source:
            ``socket.recvfrom``.
        """
        return (yield from self._receive(lambda: self._sock.recvfrom(bufsize, flags)))

    @green
    def recvfrom_into(
        self, buffer: Buffer, nbytes: int = 0, flags: int = 0
    ) -> Green[Tuple[int, Address]]:
        """Receive a datagram into *buffer*, and return its length with its sender's address.

        Source:
            ``socket.recvfrom_into``.
        """
        return (yield from self._receive(lambda: self._sock.recvfrom_into(buffer, nbytes, flags)))

    @green
    def _receive(
        self,
        call: Callable[[], T],
        size: Optional[int] = None,
        length: Optional[Callable[[T], int]] = None,
    ) -> Green[T]:
        """Do *call* when there is something to receive.

        Args:
            size, length: With both, a result shorter than *size* has drained the socket.
        """
        timeout = self._timeout
        if timeout == 0:
            return call()
        reader = self._reader
        while True:
            if reader.ready:
                if self._credit <= 0:
                    self._credit = BURST
                    yield from checkpoint()
                try:
                    result = call()
                except BlockingIOError:
                    reader.ready = False
                else:
                    self._credit -= 1
                    if reader.hint and size is not None and length is not None:
                        reader.ready = not 0 < length(result) < size
                    return result
            if timeout is None:
                yield from reader.wait()
            else:
                yield from reader.wait(timeout, _timed_out())
            self._credit = BURST

    # ---- sending ----

    @green
    def send(self, data: Buffer, flags: int = 0) -> Green[int]:
        """Send some of *data* and return how many bytes that were.

        Source:
            ``socket.send``.
        """
        return (yield from self._transmit(lambda: self._send(data, flags)))

    @green
    def sendto(self, data: Buffer, *flags_and_address: Any) -> Green[int]:
        """Send a datagram: ``sendto(data, address)`` or ``sendto(data, flags, address)``.

        Source:
            ``socket.sendto``.
        """
        return (yield from self._transmit(lambda: self._sock.sendto(data, *flags_and_address)))

    @green
    def sendall(self, data: Buffer, flags: int = 0) -> Green[None]:
        """Send all of *data*.

        The socket's timeout is for the whole of it.  After an error there is no telling how much was
        sent.

        Raises:
            socket.timeout: The socket's timeout passed first.
            BrokenPipeError, ConnectionResetError: The peer does not take it.
            ClosedResource: Another greenthread closed the socket meanwhile.

        Source:
            ``socket.sendall``.
        """
        writer = self._writer
        timeout = self._timeout
        if writer.ready and self._credit > 0:
            try:
                sent = self._send(data, flags)
            except BlockingIOError:
                if timeout == 0:
                    raise
                writer.ready = False
                sent = 0
            else:
                self._credit -= 1
            if isinstance(data, bytes) and sent == len(data):
                return
        else:
            sent = 0
        rest = memoryview(data).cast("B")[sent:]
        if not rest.nbytes:
            return
        deadline = None
        if timeout is not None and timeout > 0:
            clock = get_scheduler().clock
            deadline = clock() + timeout
        while rest.nbytes:
            if writer.ready:
                if self._credit <= 0 and timeout != 0:
                    self._credit = BURST
                    yield from checkpoint()
                try:
                    sent = self._send(rest[:CHUNK], flags)
                except BlockingIOError:
                    if timeout == 0:
                        raise
                    writer.ready = False
                else:
                    self._credit -= 1
                    rest = rest[sent:]
                    continue
            if deadline is None:
                yield from writer.wait()
            else:
                left = deadline - get_scheduler().clock()
                if left <= 0:
                    raise _timed_out()
                yield from writer.wait(left, _timed_out())
            self._credit = BURST

    @green
    def _transmit(self, call: Callable[[], T]) -> Green[T]:
        """Do *call* when there is room to send."""
        timeout = self._timeout
        if timeout == 0:
            return call()
        writer = self._writer
        while True:
            if writer.ready:
                if self._credit <= 0:
                    self._credit = BURST
                    yield from checkpoint()
                try:
                    result = call()
                except BlockingIOError:
                    writer.ready = False
                else:
                    self._credit -= 1
                    return result
            if timeout is None:
                yield from writer.wait()
            else:
                yield from writer.wait(timeout, _timed_out())
            self._credit = BURST

    # ---- connecting ----

    @green
    def accept(self) -> Green[Tuple[socket, Address]]:
        """Accept a connection: return a new socket and the peer's address.

        Source:
            ``socket.accept``.
        """
        sock, address = yield from self._receive(self._sock.accept)
        return self._child(sock), address

    @green
    def connect(self, address: Address) -> Green[None]:
        """Connect to *address*.

        A host given by name is looked up by the system call itself, which blocks the whole run
        meanwhile.

        Raises:
            socket.timeout: The socket's timeout passed first.
            OSError: The connection was refused, or cannot be made.

        Source:
            ``socket.connect``.
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
        sock = self._sock
        error = sock.connect_ex(address)
        if error == errno.EAGAIN and timeout != 0:
            # A Unix listener with a full backlog.  Nothing is in progress, and nothing tells when
            # there is room again.
            error = yield from self._connect_when_there_is_room(address)
        if error not in CONNECTING or timeout == 0:
            return error
        writer = self._writer
        deadline = None if timeout is None else get_scheduler().clock() + timeout
        while error in CONNECTING:
            writer.ready = False
            if deadline is None:
                yield from writer.wait()
            else:
                yield from writer.wait(deadline - get_scheduler().clock(), _timed_out())
            # It may have been a false alarm: only another connect tells success from nothing yet.
            error = sock.getsockopt(real.SOL_SOCKET, real.SO_ERROR) or sock.connect_ex(address)
        return 0 if error == errno.EISCONN else error

    @green
    def _connect_when_there_is_room(self, address: Address) -> Green[int]:
        timeout = self._timeout
        clock = get_scheduler().clock
        deadline = None if timeout is None else clock() + timeout
        pause = 0.001
        error = errno.EAGAIN
        while error == errno.EAGAIN:
            if deadline is not None and clock() >= deadline:
                raise _timed_out()
            yield from sleep(pause)
            pause = min(pause * 2, 0.05)
            error = self._sock.connect_ex(address)
        return error

    # ---- what never waits ----

    def _child(self, sock: real.socket) -> Self:
        new = self.__class__.__new__(self.__class__)
        socket._adopt(new, sock)
        return new

    def close(self) -> None:
        """Close the socket; whoever waits on it gets ClosedResource at once.

        Source:
            ``socket.close``.
        """
        self._descriptor.close()
        self._sock.close()

    def detach(self) -> int:
        """Give up the descriptor without closing it, and return its number.

        Source:
            ``socket.detach``.
        """
        self._descriptor.close()
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
            value = float(value)
            if value != value:
                raise ValueError("the timeout cannot be NaN")
            if value < 0:
                raise ValueError("Timeout value out of range")
        self._timeout = value

    def gettimeout(self) -> Optional[float]:
        """Source: ``socket.gettimeout``."""
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        """Source: ``socket.setblocking``: whether calls wait; the system's socket never blocks."""
        self._timeout = None if flag else 0.0

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
        return f"<green {self._sock!r}>"


def socketpair(
    family: Optional[int] = None, type: int = SOCK_STREAM, proto: int = 0
) -> Tuple[socket, socket]:
    """Return two sockets that are connected to each other.

    Source:
        ``socket.socketpair``.
    """
    if family is None:
        one, other = real.socketpair(type=type, proto=proto)
    else:
        one, other = real.socketpair(family, type, proto)
    return socket(sock=one), socket(sock=other)


def fromfd(fd: int, family: int, type: int, proto: int = 0) -> socket:
    """Return a socket on a duplicate of *fd*.

    Source:
        ``socket.fromfd``.
    """
    return socket(sock=real.fromfd(fd, family, type, proto))


def create_server(
    address: Tuple[Any, ...],
    *,
    family: int = AF_INET,
    backlog: Optional[int] = None,
    reuse_port: bool = False,
    dualstack_ipv6: bool = False,
) -> socket:
    """Return a socket that listens on *address*.  A plain call.

    Source:
        ``socket.create_server``.
    """
    return socket(
        sock=real.create_server(
            address,
            family=family,
            backlog=backlog,
            reuse_port=reuse_port,
            dualstack_ipv6=dualstack_ipv6,
        )
    )


# Which of these wait.
__green__ = (
    "socket.accept",
    "socket.connect",
    "socket.connect_ex",
    "socket.recv",
    "socket.recv_into",
    "socket.recvfrom",
    "socket.recvfrom_into",
    "socket.send",
    "socket.sendall",
    "socket.sendto",
)

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
