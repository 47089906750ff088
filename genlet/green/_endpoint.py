"""The parts of a green socket that never wait: its state, options, names and end."""

from __future__ import annotations

import errno
import os
import socket as real
import sys
from operator import index
from socket import AF_INET, AF_INET6, SOCK_STREAM
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    NoReturn,
    Optional,
    Type,
    Union,
    cast,
    overload,
)

from ..kernel import Descriptor, Direction, get_scheduler
from ._addresses import Address
from ._lending import Lending, lending_of, share
from ._waiting import BURST

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer, Self

__all__ = ["Endpoint", "real_socket"]

BACKLOG: int = min(getattr(real, "SOMAXCONN", 128), 128)  # the standard library's

MAX_TIMEOUT = (2**63 - 1) / 1e9  # seconds; the most that the standard library's clock can hold


def real_socket(family: int, type: int, proto: int, fileno: Optional[int]) -> real.socket:
    """Make a socket of the standard library, or what the run's poller has instead."""
    try:
        poller = get_scheduler().hub.poller
    except RuntimeError:
        return real.socket(family, type, proto, fileno)  # outside of a run
    return poller.socket(family, type, proto, fileno)


class Endpoint:
    """A socket without the operations that wait."""

    __slots__ = (
        "__weakref__",
        "_closed",
        "_credit",
        "_descriptor",
        "_io_refs",
        "_lending",
        "_numeric",
        "_reader",
        "_recv",
        "_send",
        "_sock",
        "_tcp",
        "_timeout",
        "_writer",
    )

    def _adopt(self, sock: real.socket, tcp: Optional[bool] = None) -> None:
        """Take over *sock*, with its timeout.

        Args:
            tcp: Whether it is a TCP socket, if that is known.
        """
        self._timeout: Optional[float] = sock.gettimeout()
        sock.setblocking(False)
        self._sock: real.socket = sock
        # Bound once, because every operation calls them.
        self._recv: Callable[[int, int], bytes] = sock.recv
        self._send: Callable[[Buffer, int], int] = sock.send
        if tcp is None:
            tcp = sock.type == SOCK_STREAM and sock.family in (AF_INET, AF_INET6)
        self._tcp: bool = tcp
        self._descriptor: Descriptor = Descriptor(sock.fileno(), hint=tcp)
        self._credit: int = BURST  # operations left until the next checkpoint
        self._reader: Direction = self._descriptor.reader
        self._writer: Direction = self._descriptor.writer
        self._io_refs: int = 0  # open files that `makefile` has made
        self._closed: bool = False
        self._lending: Optional[Lending] = None  # if other sockets share the file
        # The last address that needed no look-up: most sends go where the last one came from or went.
        self._numeric: Address = None

    def _child(self, sock: real.socket) -> Self:
        """Return a socket of the same class on *sock*."""
        new = self.__class__.__new__(self.__class__)
        Endpoint._adopt(new, sock, self._tcp)
        return new

    # ---- the end ----

    def close(self) -> None:
        """Close the socket; a greenthread that waits on it gets ClosedResource at once.

        A socket with open files of `makefile` is closed when the last of them is closed.

        Source:
            ``socket.close``.
        """
        self._closed = True
        if self._io_refs <= 0:
            self._real_close()

    def _real_close(self) -> None:
        self._descriptor.close()
        if self._lending is not None:
            self._give_back(False)
        self._sock.close()

    def _share(self, lending: Optional[Lending]) -> None:
        """Be counted as one of the sockets on the same file."""
        if lending is not None and self._lending is None:
            self._lending = lending
            lending.holders += 1

    def _give_back(self, blocking: bool) -> None:
        """Make the file blocking if its next owner expects that, and no green socket needs it not to.

        Args:
            blocking: Whether that is expected, unless the descriptor was lent: then it is what it was.
        """
        fd = self._sock.fileno()
        if fd < 0:
            return
        lending, self._lending = self._lending, None
        if lending is None:
            lending = lending_of(fd)
        else:
            lending.holders -= 1
        if lending is not None:
            if lending.holders or lending.pid != os.getpid():
                return
            if lending.blocking is not None:
                blocking = lending.blocking
        if blocking:
            self._sock.setblocking(True)

    def _decref_socketios(self) -> None:
        """Count one file less; if the socket was closed meanwhile, the last file closes it."""
        if self._io_refs > 0:
            self._io_refs -= 1
        if self._closed:
            self.close()

    def detach(self) -> int:
        """Give up the descriptor without closing it, and return its number.

        It is blocking from now on if the socket has no timeout, as the standard library's is; but not
        while another green socket is on the same file.

        Source:
            ``socket.detach``.
        """
        self._descriptor.close()
        self._closed = True
        self._give_back(self._timeout is None)
        return self._sock.detach()

    def shutdown(self, how: int) -> None:
        """Source: ``socket.shutdown``."""
        self._sock.shutdown(how)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    # ---- the descriptor ----

    def fileno(self) -> int:
        """Return the number of the descriptor; -1 if the socket is closed."""
        return self._sock.fileno()

    def dup(self) -> Self:
        """Return another socket on the same connection, with the same timeout.

        Source:
            ``socket.dup``.
        """
        new = self._child(self._sock.dup())
        new._timeout = self._timeout
        lending = share(self._sock.fileno(), lent=False)
        self._share(lending)
        new._share(lending)
        return new

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

    # ---- the timeout ----

    def settimeout(self, value: Optional[float]) -> None:
        """Set the seconds after which a waiting call raises.  None waits forever, 0 never waits.

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

    @property
    def timeout(self) -> Optional[float]:
        """Source: ``socket.timeout``, the attribute."""
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        """Source: ``socket.setblocking``: whether calls wait; the system's socket never blocks."""
        self._settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        """Source: ``socket.getblocking``."""
        return self._timeout != 0

    # ---- names and options ----

    def bind(self, address: Address) -> None:
        """Source: ``socket.bind``.  A host given by name is looked up in place, which blocks."""
        self._sock.bind(address)

    def listen(self, backlog: int = BACKLOG) -> None:
        """Source: ``socket.listen``."""
        self._sock.listen(backlog)
        self._reader.hint = False

    def getpeername(self) -> Address:
        """Source: ``socket.getpeername``."""
        name: Address = self._sock.getpeername()
        return name

    def getsockname(self) -> Address:
        """Source: ``socket.getsockname``."""
        name: Address = self._sock.getsockname()
        return name

    @overload
    def getsockopt(self, level: int, optname: int, /) -> int: ...
    @overload
    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...
    def getsockopt(self, level: int, optname: int, /, *buflen: int) -> Union[int, bytes]:
        """Source: ``socket.getsockopt``."""
        # typeshed has two signatures for one and two arguments; more are refused by the call itself.
        return cast("Union[int, bytes]", self._sock.getsockopt(level, optname, *buflen))

    def setsockopt(self, level: int, optname: int, *value: Any) -> None:
        """Source: ``socket.setsockopt``."""
        self._sock.setsockopt(level, optname, *value)

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

    def __repr__(self) -> str:
        """Source: ``socket.socket.__repr__``."""
        cls = self.__class__
        module = cls.__module__.replace("._socket", ".socket")  # the module that users import
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
