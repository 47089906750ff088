"""The green TLS socket; `genlet.green.ssl` is its public face."""

# The socket checks arguments, and admits one greenthread that receives and one that sends.  It begins
# with the handshake that is owed, and decides what an unannounced end means.  All that moves bytes or
# waits is the business of its `Engine`.  There is an engine while the socket is connected and speaks
# TLS.  Before that, nothing may pass; after `unwrap`, bytes pass as they are, beginning with those
# that the engine has received already, in ``_ahead``.
#
# `recv` and `recv_into` have the same body, written out in both because they are hot paths.

from __future__ import annotations

import errno
import os
import socket as plain
import ssl as real
import sys
from functools import partial
from operator import index
from socket import SO_TYPE, SOCK_STREAM, SOL_SOCKET
from ssl import SSLEOFError, SSLSession, SSLWantReadError, SSLWantWriteError
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    NoReturn,
    Optional,
    Tuple,
    TypeVar,
    Union,
    cast,
    overload,
)
from weakref import ref

from ..abc import Green, green
from ..kernel import NOBODY, POLLIN, POLLOUT, AnyGreenThread, get_scheduler, getcurrent, holders
from ._addresses import Address
from ._octets import MOST, octets, size_given
from ._socket import socket
from ._tls import Engine
from ._tls_descriptor import DescriptorEngine, suits
from ._tls_facts import TLSFacts, encoded
from ._tls_memory import MemoryEngine

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self

__all__ = ["SSLSocket"]

T = TypeVar("T")


def _forget(number: int, gone: object) -> None:
    """A socket with this descriptor is gone: *gone* was the reference to it."""
    if holders.get(number) is gone:
        del holders[number]


class SSLSocket(TLSFacts):
    """A socket that speaks TLS, made by `SSLContext.wrap_socket` or `wrap_socket`.

    One greenthread may receive while another sends.  Two that receive at the same time, or two that
    send, are an error.  The socket's timeout is for each operation, the handshake included, and for
    the whole of ``sendall``.

    Attributes:
        do_handshake_on_connect: Whether the first operation begins with a handshake of its own,
            whose errors are raised unchanged.  If false, ``recv`` and ``send`` do the handshake
            implicitly, and if the peer leaves during it, that is a normal end of the data.
        suppress_ragged_eofs: Whether an end of the connection that the peer has not announced is a
            normal end of the data.  If false, it raises SSLEOFError.

    Source:
        ``ssl.SSLSocket``.  Differs: neither its creation nor ``accept`` does the handshake, so that
        a silent client blocks no other one.  Until the handshake is done, nothing is sent or received
        unencrypted.
    """

    __slots__ = (
        "_ahead",
        "_owes_handshake",
        "_receiver",
        "_sender",
        "do_handshake_on_connect",
        "suppress_ragged_eofs",
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise TypeError(
            "SSLSocket has no public constructor: call wrap_socket() of an SSLContext, or"
            " genlet.green.ssl.wrap_socket(sock, context)"
        )

    @classmethod
    def _create(
        cls,
        sock: Union[socket, plain.socket],
        context: real.SSLContext,
        *,
        server_side: bool,
        do_handshake_on_connect: bool,
        suppress_ragged_eofs: bool,
        server_hostname: Optional[str],
        session: Optional[SSLSession],
    ) -> Self:
        """Take over the descriptor of *sock*, which no other greenthread may be using."""
        if sock.getsockopt(SOL_SOCKET, SO_TYPE) != SOCK_STREAM:
            raise NotImplementedError("only stream sockets are supported")
        if server_side:
            if server_hostname:
                raise ValueError("server_hostname can only be specified in client mode")
            if session is not None:
                raise ValueError("session can only be specified in client mode")
        if context.check_hostname and not server_hostname:
            raise ValueError("check_hostname requires server_hostname")
        if server_hostname is not None:  # refused here: OpenSSL may be told later
            server_hostname = encoded(server_hostname)
        ahead = b""
        if isinstance(sock, socket):
            sock._reader.claim()
            sock._writer.claim()
        if isinstance(sock, SSLSocket):
            if sock._engine is not None:
                raise NotImplementedError(
                    f"{sock!r} speaks TLS already, and TLS inside TLS is not supported: unwrap() it"
                )
            ahead = sock._ahead
        self = cls.__new__(cls)
        timeout = sock.gettimeout()
        family, type, proto = sock.family, sock.type, sock.proto
        socket.__init__(self, family, type, proto, sock.detach())
        try:
            self._timeout = timeout
            self._set_up(context, server_side, server_hostname, session)
            self._set_options(do_handshake_on_connect, suppress_ragged_eofs)
            try:
                self.getpeername()
            except OSError as error:
                if error.errno != errno.ENOTCONN:
                    raise
            else:
                self._begin(ahead)
        except BaseException:
            self.close()
            raise
        return self

    def _set_options(self, do_handshake_on_connect: bool, suppress_ragged_eofs: bool) -> None:
        self.do_handshake_on_connect: bool = do_handshake_on_connect
        self.suppress_ragged_eofs: bool = suppress_ragged_eofs
        self._owes_handshake: bool = do_handshake_on_connect
        self._ahead: bytes = b""  # bytes that came behind the end of TLS and were not read yet
        self._receiver: AnyGreenThread = NOBODY
        self._sender: AnyGreenThread = NOBODY

    def _begin(self, received: bytes = b"") -> None:
        """Begin to speak TLS on the connected socket.

        Args:
            received: What was received before.
        """
        engine: Engine
        if not received and self._on_descriptor():
            engine = DescriptorEngine(
                self,
                self._context,
                server_side=self.server_side,
                server_hostname=self.server_hostname,
                session=self._offered,
            )
        else:
            engine = MemoryEngine(
                self,
                self._context,
                server_side=self.server_side,
                server_hostname=self.server_hostname,
                session=self._offered,
                received=received,
            )
        self._engine = engine
        self.server_hostname: Optional[str] = engine.tls.server_hostname
        self._register()

    def _on_descriptor(self) -> bool:
        """Whether OpenSSL can use the descriptor by itself."""
        # A simulation's socket acts like one of the system, and is none.
        if not isinstance(cast("object", self._sock), plain.socket) or not suits(self._context):
            return False
        try:
            return get_scheduler().hub.poller.real
        except RuntimeError:
            return True  # outside of a run

    def _register(self) -> None:
        """Have `holds` asked wherever greenthreads wait for the number of the descriptor."""
        number = self.fileno()
        holders[number] = ref(self, partial(_forget, number))

    def holds(self) -> bool:
        """Whether something was received from the system and not by a call of `recv` or similar.

        The descriptor need not be readable then.  ``select``, ``poll``, ``selectors`` and
        ``trampoline`` take this into account.
        """
        return bool(self._ahead) or (self._engine is not None and self._engine.holds())

    def _child(self, sock: plain.socket) -> Self:
        """Make the socket of an accepted connection."""
        new = super()._child(sock)
        try:
            new._set_up(self._context, True, None, None)
            new._set_options(self.do_handshake_on_connect, self.suppress_ragged_eofs)
            new._begin()
        except BaseException:
            socket.close(new)
            raise
        return new

    # ---- the handshake ----

    @green
    def do_handshake(self, block: bool = False) -> Green[None]:
        """Do the handshake, if it was not done yet.

        Args:
            block: Wait even if the socket's timeout is 0.

        Raises:
            SSLError: The handshake failed; SSLCertVerificationError if the peer's certificate was
                not accepted.
            socket.timeout: The socket's timeout has passed.
            ConnectionResetError: The peer has reset the connection.

        Source:
            ``ssl.SSLSocket.do_handshake``.
        """
        engine = self._demand()
        timeout = self._timeout
        if block and timeout == 0:
            timeout = None
        yield from engine.handshake(timeout)
        self._owes_handshake = False
        self._tell_held()

    @green
    def connect(self, address: Address) -> Green[None]:
        """Connect to *address*, and do the handshake if ``do_handshake_on_connect``.

        Source:
            ``ssl.SSLSocket.connect``.
        """
        self._check_can_connect()
        yield from super().connect(address)
        yield from self._connected()

    @green
    def connect_ex(self, address: Address) -> Green[int]:
        """Connect, and return an error number, 0 for success; the handshake raises its errors.

        Source:
            ``ssl.SSLSocket.connect_ex``.
        """
        self._check_can_connect()
        error = yield from super().connect_ex(address)
        if not error:
            yield from self._connected()
        return error

    def _check_can_connect(self) -> None:
        if self.server_side:
            raise ValueError("can't connect in server-side mode")
        if self._engine is not None or self._unwrapped:
            raise ValueError("attempt to connect already-connected SSLSocket!")

    @green
    def _connected(self) -> Green[None]:
        self._begin()
        if self.do_handshake_on_connect:
            try:
                yield from self.do_handshake()
            except (OSError, ValueError):
                self._engine = None
                raise

    @green
    def accept(self) -> Green[Tuple[Self, Address]]:
        """Accept a connection: return a new socket that speaks TLS, and the peer's address.

        The handshake is not done here; the first operation of the new socket does it.  So a client
        that is silent, slow, or speaks no TLS concerns only the greenthread that serves it.

        Source:
            ``ssl.SSLSocket.accept``, which does the handshake.
        """
        return super().accept()

    # ---- receiving ----

    @green
    def recv(self, bufsize: int = 1024, flags: int = 0) -> Green[bytes]:
        """Receive up to *bufsize* bytes; an empty result means that the peer has ended.

        With room for two records of 16 KiB or more, whole records that have come may be returned
        together.

        Raises:
            socket.timeout: The socket's timeout has passed.
            SSLError: What was received is not TLS, or the peer reported an error.
            SSLEOFError: The connection ended, the peer had not announced that, and
                ``suppress_ragged_eofs`` is false.
            SSLWantReadError, SSLWantWriteError: The timeout is 0, and the call would have to wait.
            ConnectionResetError: The peer has reset the connection.
            ClosedResource: Another greenthread closed the socket meanwhile.
            ValueError: *flags* is not 0.

        Source:
            ``ssl.SSLSocket.recv``, which returns one record at the most.  Differs at an end that the
            peer has not announced, with OpenSSL 3.5 and later: there the standard library raises
            BrokenPipeError if the alert that answers the end cannot be sent; here the end is what
            counts, with every version.
        """
        engine = self._engine
        if engine is None:
            self._check_unwrapped()
            if self._ahead:
                return self._take_ahead(bufsize, peek=bool(flags & plain.MSG_PEEK))
            return (yield from super().recv(bufsize, flags))
        self._check_flags("recv", flags)
        if bufsize.__class__ is not int or bufsize > MOST:
            bufsize = size_given(index(bufsize))
        if bufsize <= 0:
            return engine.tls.read(bufsize)
        self._claim_receiving()
        try:
            if self._owes_handshake:
                yield from self.do_handshake()
            return (yield from engine.receive(bufsize, self._timeout))
        except SSLEOFError:
            if not self._suppresses_eof():
                raise
            return b""
        finally:
            self._receiver = NOBODY
            self._tell_held()

    @green
    def recv_into(
        self, buffer: Buffer, nbytes: Optional[int] = None, flags: int = 0
    ) -> Green[int]:
        """Receive into *buffer*, and return how many bytes were received; otherwise as `recv`.

        Source:
            ``ssl.SSLSocket.recv_into``.
        """
        engine = self._engine
        if engine is None:
            self._check_unwrapped()
            if self._ahead:
                return self._fill_ahead(buffer, nbytes, peek=bool(flags & plain.MSG_PEEK))
            return (yield from super().recv_into(buffer, nbytes or 0, flags))
        self._check_flags("recv_into", flags)
        with memoryview(buffer) as view:
            if view.readonly:
                raise TypeError("recv_into() argument must be a writable bytes-like object")
            size = view.nbytes
        if nbytes is not None and 0 < size_given(nbytes) < size:
            size = nbytes
        if not size:
            return 0
        self._claim_receiving()
        try:
            if self._owes_handshake:
                yield from self.do_handshake()
            return (yield from engine.receive_into(buffer, size, self._timeout))
        except SSLEOFError:
            if not self._suppresses_eof():
                raise
            return 0
        finally:
            self._receiver = NOBODY
            self._tell_held()

    @overload
    @green
    def read(self, len: int = 1024, buffer: None = None) -> Green[bytes]: ...
    @overload
    @green
    def read(self, len: int, buffer: Buffer) -> Green[int]: ...
    @green
    def read(self, len: int = 1024, buffer: Optional[Buffer] = None) -> Green[Union[bytes, int]]:
        """Receive up to *len* bytes, into *buffer* if it is given.

        Source:
            ``ssl.SSLSocket.read``.
        """
        if self._engine is None:
            raise ValueError("Read on closed or unwrapped SSL socket.")
        if buffer is None:
            return (yield from self.recv(len))
        return (yield from self.recv_into(buffer, len))

    def recv_nowait(self, bufsize: int) -> bytes:
        """Receive up to *bufsize* bytes that have come; an empty result means that the peer has ended.

        Raises:
            BlockingIOError: Nothing can be received without waiting, or the handshake is not done.
            BusyResource: Another greenthread receives.
            SSLError, SSLEOFError, ConnectionResetError: As for `recv`.

        Source:
            genlet's own.
        """
        engine = self._engine
        if engine is None:
            self._check_unwrapped()
            if self._ahead:
                return self._take_ahead(bufsize)
            return super().recv_nowait(bufsize)
        self._claim_receiving()
        try:
            if self._owes_handshake:
                raise BlockingIOError(errno.EAGAIN, "the handshake is not done")
            return engine.receive_nowait(bufsize)
        except (SSLWantReadError, SSLWantWriteError) as error:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error
        except SSLEOFError:
            if not self._suppresses_eof():
                raise
            return b""
        finally:
            self._receiver = NOBODY
            self._tell_held()

    def _claim_receiving(self) -> None:
        if self._receiver is not NOBODY:
            raise self._descriptor.busy(POLLIN, self._receiver)
        self._receiver = getcurrent()

    def _suppresses_eof(self) -> bool:
        """Whether an end that the peer has not announced is a normal end now."""
        return self.suppress_ragged_eofs and not self._owes_handshake

    def _take_ahead(self, size: int, *, peek: bool = False) -> bytes:
        data = self._ahead[:size]
        if not peek:
            self._ahead = self._ahead[size:]
        return data

    def _fill_ahead(self, buffer: Buffer, size: Optional[int], *, peek: bool = False) -> int:
        with octets(buffer) as view:
            data = self._take_ahead(min(size or len(view), len(view)), peek=peek)
            view[: len(data)] = data
        return len(data)

    # ---- sending ----

    @green
    def send(self, data: Buffer, flags: int = 0) -> Green[int]:
        """Send some of *data*, at most one record of 16 KiB, and return how many bytes were sent.

        After an interruption, a timeout, or the SSLWantWriteError of a socket with timeout 0, call it
        again with the same data, which are then sent once.  If other data follow, it is unknown
        whether the first were sent.

        Source:
            ``ssl.SSLSocket.send``.
        """
        engine = self._engine
        if engine is None:
            self._check_unwrapped()
            return (yield from super().send(data, flags))
        self._check_flags("send", flags)
        self._claim_sending()
        try:
            with octets(data) as view:
                if self._owes_handshake:
                    yield from self.do_handshake()
                return (yield from engine.send(view, self._timeout))
        finally:
            self._sender = NOBODY
            self._tell_held()

    @green
    def write(self, data: Buffer) -> Green[int]:
        """Send some of *data*, and return how many bytes were sent.

        Source:
            ``ssl.SSLSocket.write``.
        """
        if self._engine is None:
            raise ValueError("Write on closed or unwrapped SSL socket.")
        return (yield from self.send(data))

    @green
    def sendall(self, data: Buffer, flags: int = 0) -> Green[None]:
        """Send all of *data*.

        The socket's timeout is for all of it together.  After an interruption or an error it is
        unknown how much was sent; records are never torn.

        Source:
            ``ssl.SSLSocket.sendall``, whose timeout is for each record.
        """
        engine = self._engine
        if engine is None:
            self._check_unwrapped()
            yield from super().sendall(data, flags)
            return
        self._check_flags("sendall", flags)
        self._claim_sending()
        try:
            # Released even if an error lives on: *data* can be resized then.
            with octets(data) as view:
                if self._owes_handshake:
                    yield from self.do_handshake()
                yield from engine.send_all(view, self._timeout)
        finally:
            self._sender = NOBODY
            self._tell_held()

    def _claim_sending(self) -> None:
        if self._sender is not NOBODY:
            raise self._descriptor.busy(POLLOUT, self._sender)
        self._sender = getcurrent()

    @green
    def _sendfile_use_sendfile(
        self, file: IO[bytes], offset: int, count: Optional[int]
    ) -> Green[Optional[int]]:
        """Decline while TLS is spoken, because the system would send the file unencrypted."""
        if self._engine is not None:
            return None
        self._check_unwrapped()
        return (yield from super()._sendfile_use_sendfile(file, offset, count))

    def _check_flags(self, name: str, flags: int) -> None:
        if flags:
            raise ValueError(
                f"non-zero flags not allowed in calls to {name}() on {self.__class__}"
            )

    def _check_unwrapped(self) -> None:
        """Refuse to send or receive before the socket is connected."""
        if not self._unwrapped:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    # ---- operations that TLS excludes ----

    @green
    def recvfrom(self, bufsize: int = 1024, flags: int = 0) -> Green[Tuple[bytes, Address]]:
        """Source: ``ssl.SSLSocket.recvfrom``: refused until unwrapped."""
        self._refuse("recvfrom")
        if self._ahead:
            return (yield from self.recv(bufsize, flags)), None
        return (yield from super().recvfrom(bufsize, flags))

    @green
    def recvfrom_into(
        self, buffer: Buffer, nbytes: Optional[int] = None, flags: int = 0
    ) -> Green[Tuple[int, Address]]:
        """Source: ``ssl.SSLSocket.recvfrom_into``: refused until unwrapped."""
        self._refuse("recvfrom_into")
        if self._ahead:
            return (yield from self.recv_into(buffer, nbytes, flags)), None
        return (yield from super().recvfrom_into(buffer, nbytes or 0, flags))

    @green
    def sendto(self, data: Buffer, *flags_and_address: Any) -> Green[int]:
        """Source: ``ssl.SSLSocket.sendto``: refused until unwrapped."""
        if not 1 <= len(flags_and_address) <= 2:
            raise TypeError(f"sendto() takes 2 or 3 arguments; got {1 + len(flags_and_address)}")
        self._refuse("sendto")
        return (yield from super().sendto(data, *flags_and_address))

    def _refuse(self, name: str) -> None:
        if self._engine is not None:
            raise ValueError(f"{name} not allowed on instances of {self.__class__}")
        self._check_unwrapped()

    def recvmsg(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Source: ``ssl.SSLSocket.recvmsg``: refused."""
        raise NotImplementedError(f"recvmsg not allowed on instances of {self.__class__}")

    def recvmsg_into(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Source: ``ssl.SSLSocket.recvmsg_into``: refused."""
        raise NotImplementedError(f"recvmsg_into not allowed on instances of {self.__class__}")

    def sendmsg(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Source: ``ssl.SSLSocket.sendmsg``: refused, so that nothing is sent unencrypted."""
        raise NotImplementedError(f"sendmsg not allowed on instances of {self.__class__}")

    if sys.platform == "linux" and hasattr(socket, "sendmsg_afalg"):

        def sendmsg_afalg(self, *args: Any, **kwargs: Any) -> NoReturn:
            """Source: ``socket.sendmsg_afalg``: refused, like `sendmsg`."""
            raise NotImplementedError(
                f"sendmsg_afalg not allowed on instances of {self.__class__}"
            )

    def dup(self) -> NoReturn:
        """Source: ``ssl.SSLSocket.dup``: refused."""
        raise NotImplementedError(f"Can't dup() {self.__class__.__name__} instances")

    # ---- the end ----

    @green
    def unwrap(self) -> Green[Self]:
        """End TLS, and return the socket, which is a plain one from then on.

        This announces the end to the peer, and waits until the peer does the same.  Bytes that come
        behind the peer's announcement are not lost: ``recv`` returns them as they are.

        Raises:
            SSLError: The peer sent data, or left, without announcing the end.
            ValueError: The socket speaks no TLS.

        Source:
            ``ssl.SSLSocket.unwrap``.
        """
        engine = self._engine
        if engine is None:
            raise ValueError(f"No SSL wrapper around {self!r}")
        if self._owes_handshake:
            yield from self.do_handshake()
        yield from engine.unwrap(self._timeout)
        self._drop_tls()
        return self

    @green
    def announce_end(self) -> Green[None]:
        """Announce the end of TLS to the peer, and end the sending side of the connection.

        It does not wait for the peer to do the same.  Nothing can be sent or decrypted after it; what
        the peer still sends comes as it is, to be received and thrown away until the connection ends.
        A socket that is closed with something unread resets the connection, and that can destroy what
        was sent last.

        Raises:
            BusyResource: Another greenthread sends, or receives.
            OSError: The peer has gone, or the socket's timeout has passed.

        Source:
            genlet's own.  `unwrap` waits for the peer, and fails if the peer sends something else
            first.
        """
        engine = self._engine
        if engine is not None:
            self._claim_sending()
            try:
                if not self._owes_handshake:
                    yield from engine.announce_end(self._timeout)
            finally:
                self._sender = NOBODY
            if self._receiver is not NOBODY:
                raise self._descriptor.busy(POLLIN, self._receiver)
        self.shutdown(plain.SHUT_WR)

    def _drop_tls(self) -> None:
        """Let bytes pass as they are, beginning with those that the engine has received."""
        if self._engine is not None:
            self._ahead += self._engine.leave()
            self._engine = None
        self._unwrapped = True

    def shutdown(self, how: int) -> None:
        """Shut down the connection, and end TLS without announcing that to the peer.

        Source:
            ``ssl.SSLSocket.shutdown``.
        """
        if self._engine is not None:
            self._engine.push()
        self._drop_tls()
        super().shutdown(how)

    def detach(self) -> int:
        """Give up the descriptor without closing it, and return its number.

        TLS is not ended, and what it holds is lost.

        Source:
            ``ssl.SSLSocket.detach``.
        """
        self._engine = None
        self._unwrapped = True
        self._ahead = b""
        return super().detach()

    def _real_close(self) -> None:
        super()._real_close()
        self._engine = None
        self._unwrapped = True  # calls made from now on get the system's own error
        self._ahead = b""
