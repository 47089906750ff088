"""``ssl``, with sockets whose waiting calls are green.

::

    context = ssl.create_default_context()
    sock = context.wrap_socket(plain, server_hostname="example.org")
    yield from sock.sendall(b"...")

`SSLContext.wrap_socket` is a plain call: the handshake runs at the first operation, in ``connect``,
or by ``yield from sock.do_handshake()``.  A context of the standard library serves as well: give it
to `wrap_socket`.  Contexts, errors and constants are the standard library's own.
"""

# Theory of operation
# -------------------
# OpenSSL works in memory: what came from the peer is written into ``_incoming``, and what is to go
# out stands in ``_outgoing``.  An operation is a *step*, a call of OpenSSL that never waits, done
# again and again (`_exchange`): whenever it lacks input, what is to go out is pushed, and what has
# come is pulled, as far as both go without waiting; then it waits.
#
# One greenthread may receive while another sends, and either may need what is the other's business:
# a sender needs input while the peer renegotiates, and a receiver has records of the handshake to
# send.  What keeps the two streams of bytes intact:
#
# - Ciphertext leaves in the order it was produced.  Between taking it out of ``_outgoing``, sending
#   it and noting in ``_unsent`` how much is left, nothing waits: whoever comes next goes on there, and
#   an interruption loses nothing and sends nothing twice.
# - At most one greenthread waits for the socket to be readable, and one for it to be writable; who
#   waits is in ``Direction.gt``, or ``_both`` says that one waits for either.  Everybody else stands
#   in ``_line``, which is woken when such a wait ends, however it ends, and looks again.
# - Whoever waits for input while something is to go out also sees to that, unless another does.  A
#   sender that is interrupted has the receiver look, for what is left is the receiver's by then.
# - OpenSSL takes application data for an error when it comes while ``write`` needs a handshake, but
#   not in ``read``.  So a sender who needs input reads first, and puts what it gets into ``_ahead``,
#   from where the receiver has it.

from __future__ import annotations

import errno
import os
import ssl as real
import sys
from ssl import ALERT_DESCRIPTION_CLOSE_NOTIFY as ALERT_DESCRIPTION_CLOSE_NOTIFY
from ssl import CERT_NONE as CERT_NONE
from ssl import CERT_OPTIONAL as CERT_OPTIONAL
from ssl import CERT_REQUIRED as CERT_REQUIRED
from ssl import CHANNEL_BINDING_TYPES as CHANNEL_BINDING_TYPES
from ssl import HAS_ALPN as HAS_ALPN
from ssl import HAS_ECDH as HAS_ECDH
from ssl import HAS_NEVER_CHECK_COMMON_NAME as HAS_NEVER_CHECK_COMMON_NAME
from ssl import HAS_NPN as HAS_NPN
from ssl import HAS_SNI as HAS_SNI
from ssl import OP_ALL as OP_ALL
from ssl import OP_CIPHER_SERVER_PREFERENCE as OP_CIPHER_SERVER_PREFERENCE
from ssl import OP_NO_COMPRESSION as OP_NO_COMPRESSION
from ssl import OP_NO_TICKET as OP_NO_TICKET
from ssl import OPENSSL_VERSION as OPENSSL_VERSION
from ssl import OPENSSL_VERSION_INFO as OPENSSL_VERSION_INFO
from ssl import OPENSSL_VERSION_NUMBER as OPENSSL_VERSION_NUMBER
from ssl import PROTOCOL_TLS as PROTOCOL_TLS
from ssl import PROTOCOL_TLS_CLIENT as PROTOCOL_TLS_CLIENT
from ssl import PROTOCOL_TLS_SERVER as PROTOCOL_TLS_SERVER
from ssl import SSL_ERROR_EOF as SSL_ERROR_EOF
from ssl import SSL_ERROR_SSL as SSL_ERROR_SSL
from ssl import SSL_ERROR_SYSCALL as SSL_ERROR_SYSCALL
from ssl import SSL_ERROR_WANT_READ as SSL_ERROR_WANT_READ
from ssl import SSL_ERROR_WANT_WRITE as SSL_ERROR_WANT_WRITE
from ssl import SSL_ERROR_ZERO_RETURN as SSL_ERROR_ZERO_RETURN
from ssl import VERIFY_CRL_CHECK_CHAIN as VERIFY_CRL_CHECK_CHAIN
from ssl import VERIFY_CRL_CHECK_LEAF as VERIFY_CRL_CHECK_LEAF
from ssl import VERIFY_DEFAULT as VERIFY_DEFAULT
from ssl import VERIFY_X509_STRICT as VERIFY_X509_STRICT
from ssl import VERIFY_X509_TRUSTED_FIRST as VERIFY_X509_TRUSTED_FIRST
from ssl import AlertDescription as AlertDescription
from ssl import CertificateError as CertificateError
from ssl import DER_cert_to_PEM_cert as DER_cert_to_PEM_cert
from ssl import MemoryBIO as MemoryBIO
from ssl import Options as Options
from ssl import PEM_cert_to_DER_cert as PEM_cert_to_DER_cert
from ssl import Purpose as Purpose
from ssl import RAND_add as RAND_add
from ssl import RAND_bytes as RAND_bytes
from ssl import RAND_status as RAND_status
from ssl import SSLCertVerificationError as SSLCertVerificationError
from ssl import SSLEOFError as SSLEOFError
from ssl import SSLError as SSLError
from ssl import SSLObject as SSLObject
from ssl import SSLSession as SSLSession
from ssl import SSLSyscallError as SSLSyscallError
from ssl import SSLWantReadError as SSLWantReadError
from ssl import SSLWantWriteError as SSLWantWriteError
from ssl import SSLZeroReturnError as SSLZeroReturnError
from ssl import TLSVersion as TLSVersion
from ssl import VerifyFlags as VerifyFlags
from ssl import VerifyMode as VerifyMode
from ssl import cert_time_to_seconds as cert_time_to_seconds
from ssl import get_default_verify_paths as get_default_verify_paths
from ssl import get_protocol_name as get_protocol_name
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    List,
    NoReturn,
    Optional,
    Tuple,
    TypeVar,
    Union,
    overload,
)

from .._compat import IS_PYPY
from ..abc import Green, green
from ..errors import ClosedResource
from ..kernel import (
    NOBODY,
    POLLIN,
    POLLOUT,
    AnyGreenThread,
    Direction,
    Wait,
    Waiters,
    checkpoint,
    get_scheduler,
    getcurrent,
    wait_fd,
)
from . import socket as sockets
from ._mirror import mirror
from ._octets import octets, size_of
from ._waiting import BURST

if TYPE_CHECKING:
    import socket as plain
    from ssl import OP_NO_RENEGOTIATION as OP_NO_RENEGOTIATION

    from typing_extensions import Buffer, Literal, Self

T = TypeVar("T")

Address = sockets.Address

# The most plaintext in one record: OpenSSL encrypts no more at a time.
RECORD = 16384

# How much ciphertext is received at a time, and collected before it is sent.  OpenSSL keeps as much
# memory for a connection as it ever needed at once: this bounds what an idle connection keeps.
BATCH = 32768

NOT_GREEN = "it blocks, and is not of TLS: take genlet.green.socket's"


class SSLSocket(sockets.socket):
    """A socket that speaks TLS; made by `SSLContext.wrap_socket` or `wrap_socket`.

    One greenthread may receive while another sends; two that receive or two that send at once are
    an error.  Every operation has the socket's timeout, the handshake too, and ``sendall`` has it
    for the whole.

    Attributes:
        server_side, server_hostname: As given; the name as it is sent, in ASCII.
        do_handshake_on_connect: Whether the first operation begins with a handshake of its own,
            whose errors are raised as they are.  If false, ``recv`` and ``send`` handshake by the
            way, and a peer that leaves before it is complete is an end of the data like any other.
        suppress_ragged_eofs: Whether an end of the connection that the peer has not announced is
            an end of the data like any other; if false, it is an SSLEOFError.

    Source:
        ``ssl.SSLSocket``.  Differs: making one never handshakes, and neither does ``accept``, so
        that a silent client blocks nobody; until the peer is known, nothing leaves or arrives
        unencrypted.
    """

    __slots__ = (
        "_accepted",
        "_ahead",
        "_both",
        "_context",
        "_flowing",
        "_incoming",
        "_line",
        "_offered",
        "_outgoing",
        "_owes_handshake",
        "_receiver",
        "_sender",
        "_sent",
        "_tls",
        "_unsent",
        "_unwrapped",
        "do_handshake_on_connect",
        "server_hostname",
        "server_side",
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
        sock: Union[sockets.socket, plain.socket],
        context: real.SSLContext,
        *,
        server_side: bool,
        do_handshake_on_connect: bool,
        suppress_ragged_eofs: bool,
        server_hostname: Optional[str],
        session: Optional[SSLSession],
    ) -> Self:
        """Take over the descriptor of *sock*."""
        if sock.getsockopt(sockets.SOL_SOCKET, sockets.SO_TYPE) != sockets.SOCK_STREAM:
            raise NotImplementedError("only stream sockets are supported")
        if server_side:
            if server_hostname:
                raise ValueError("server_hostname can only be specified in client mode")
            if session is not None:
                raise ValueError("session can only be specified in client mode")
        if context.check_hostname and not server_hostname:
            raise ValueError("check_hostname requires server_hostname")
        ahead = b""
        if isinstance(sock, SSLSocket):
            if sock._tls is not None:
                raise NotImplementedError(
                    f"{sock!r} speaks TLS already, and TLS inside TLS is not supported: unwrap() it"
                )
            ahead = sock._ahead
        self = cls.__new__(cls)
        timeout = sock.gettimeout()
        family, type, proto = sock.family, sock.type, sock.proto
        sockets.socket.__init__(self, family, type, proto, sock.detach())
        try:
            self._timeout = timeout
            self._set_up(context, server_side, do_handshake_on_connect, suppress_ragged_eofs)
            self.server_hostname = server_hostname
            self._offered = session
            try:
                self.getpeername()
            except OSError as error:
                if error.errno != errno.ENOTCONN:
                    raise
            else:
                self._begin()
                self._incoming.write(ahead)
        except BaseException:
            self.close()
            raise
        return self

    def _set_up(
        self,
        context: real.SSLContext,
        server_side: bool,
        do_handshake_on_connect: bool,
        suppress_ragged_eofs: bool,
    ) -> None:
        self._context: real.SSLContext = context
        self.server_side: bool = server_side
        self.server_hostname: Optional[str] = None
        self.do_handshake_on_connect: bool = do_handshake_on_connect
        self.suppress_ragged_eofs: bool = suppress_ragged_eofs
        self._offered: Optional[SSLSession] = None  # the session to resume
        self._tls: Optional[SSLObject] = None  # none before connect(), and after unwrap()
        self._unwrapped: bool = False  # whether bytes pass as they are
        self._incoming: MemoryBIO = MemoryBIO()
        self._outgoing: MemoryBIO = MemoryBIO()
        self._owes_handshake: bool = do_handshake_on_connect
        self._unsent: bytes = b""  # of what was taken out of _outgoing
        self._sent: int = 0  # bytes of ciphertext that have left
        self._ahead: bytes = b""  # plaintext that came before anybody asked for it
        self._flowing: bool = False  # what the last receive returned was data, and nothing since
        self._accepted: bytes = b""  # what an interrupted send has encrypted and not reported
        self._both: bool = False  # somebody waits for the socket to be readable or writable
        self._line: Waiters[None] = Waiters()
        self._receiver: AnyGreenThread = NOBODY
        self._sender: AnyGreenThread = NOBODY

    def _begin(self) -> None:
        self._tls = self._context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=self.server_side,
            server_hostname=self.server_hostname,
            session=self._offered,
        )
        self.server_hostname = self._tls.server_hostname

    def _child(self, sock: plain.socket) -> Self:
        """Make the socket of an accepted connection."""
        new = super()._child(sock)
        try:
            new._set_up(
                self._context, True, self.do_handshake_on_connect, self.suppress_ragged_eofs
            )
            new._begin()
        except BaseException:
            sockets.socket.close(new)
            raise
        return new

    # ---- moving ciphertext, without waiting ----

    def _push(self) -> bool:
        """Send what is to go out; whether all of it has left."""
        writer = self._writer
        while True:
            unsent = self._unsent
            if not unsent:
                if not self._outgoing.pending:
                    return True
                self._unsent = unsent = self._outgoing.read()
            if not writer.ready:
                return False
            try:
                sent = self._send(unsent, 0)
            except BlockingIOError:
                writer.ready = False
                return False
            self._unsent = unsent[sent:]
            self._sent += sent

    def _push_quietly(self) -> None:
        """Send what goes, and leave an error to the operation that cannot do without."""
        if self._outgoing.pending or self._unsent:
            try:
                self._push()
            except OSError:
                pass

    def _pull(self) -> bool:
        """Receive what has come, or the end; whether there was any."""
        reader = self._reader
        if not reader.ready:
            return False
        try:
            data = self._recv(BATCH, 0)
        except BlockingIOError:
            reader.ready = False
            return False
        if data:
            self._incoming.write(data)
            if reader.hint and len(data) < BATCH:
                reader.ready = False
        else:
            self._incoming.write_eof()
        return True

    # ---- waiting ----

    def _left(self, deadline: Optional[float]) -> Optional[float]:
        """Return the seconds until *deadline*."""
        if deadline is None:
            return None
        left = deadline - get_scheduler().clock()
        if left <= 0:
            raise sockets.timeout("timed out")
        return left

    @green
    def _exchange(
        self, step: Callable[[], T], timeout: Optional[float], hungry: bool = False
    ) -> Green[T]:
        """Do *step*, with as much input as it needs.

        Args:
            hungry: It is known to need some: OpenSSL says so with an error, which costs as much as
                receiving.
        """
        deadline = None
        if timeout == 0:
            self._reader.ready = self._writer.ready = True  # who never waits is told of nothing
        while True:
            if self._credit <= 0 and timeout != 0:
                self._credit = BURST
                yield from self._let_others_run(self._reader)
            self._credit -= 1
            if not hungry:
                try:
                    return step()
                except SSLWantReadError:
                    pass
                except SSLError:
                    self._flowing = False
                    self._push_quietly()  # the alert that tells the peer
                    raise
            hungry = False
            try:
                clear = self._push()
            except OSError:
                if not self._pull() or self._incoming.eof:
                    raise
                continue  # what the peer said before it left comes first
            if self._pull():
                continue
            if timeout == 0:
                raise _want_read() if clear else _want_write()
            if deadline is None and timeout is not None:
                deadline = get_scheduler().clock() + timeout
            yield from self._wait_for_input(clear, self._left(deadline))

    @green
    def _wait_for_input(self, clear: bool, left: Optional[float]) -> Green[None]:
        """Wait for something to read, or to have been read; if not *clear*, also for room to send."""
        self._credit = BURST
        reader = self._reader
        if reader.gt is not NOBODY or self._both:
            yield from self._stand_by(left)
            return
        try:
            if clear or self._writer.gt is not NOBODY:
                yield from reader.wait(left, sockets.timeout("timed out"))
            else:
                self._both = True
                try:
                    yield from wait_fd(
                        self.fileno(),
                        POLLIN | POLLOUT,
                        timeout=left,
                        timeout_exc=sockets.timeout("timed out"),
                    )
                finally:
                    self._both = False
            self._pull()
        finally:
            self._line.wake_all(None)

    def _produced(self) -> int:
        """Return how many bytes of ciphertext there have been by now."""
        return self._sent + len(self._unsent) + self._outgoing.pending

    @green
    def _flush(
        self,
        timeout: Optional[float],
        deadline: Optional[float] = None,
        goal: Optional[int] = None,
    ) -> Green[None]:
        """Send all that is to go out, or until *goal* bytes in all have left.

        What others add meanwhile is theirs to send: who finishes a handshake to receive must not
        wait for a sender whose peer waits for the same.
        """
        writer = self._writer
        if goal is None:
            goal = self._produced()
        if timeout == 0:
            writer.ready = True
        while not self._push() and self._sent < goal:
            if timeout == 0:
                raise _want_write()
            if deadline is None and timeout is not None:
                deadline = get_scheduler().clock() + timeout
            left = self._left(deadline)
            self._credit = BURST
            if writer.gt is not NOBODY or self._both:
                yield from self._stand_by(left)
                continue
            try:
                yield from writer.wait(left, sockets.timeout("timed out"))
            except BaseException:
                # A false alarm for the receiver, who sees what is left.
                self._descriptor.event(POLLIN)
                raise
            finally:
                self._line.wake_all(None)

    @green
    def _stand_by(self, left: Optional[float]) -> Green[None]:
        """Wait until whoever waits on the socket has done so."""
        wait: Wait[None] = Wait(self, "what another greenthread does here", self._line, left)
        yield from wait.get()
        if wait.expired:
            raise sockets.timeout("timed out")
        if self._descriptor.closed:
            raise ClosedResource(f"{self!r} was closed while this greenthread waited for it")

    # ---- the handshake ----

    def _demand(self) -> SSLObject:
        """Return the TLS object.

        Raises:
            OSError: ENOTCONN, the socket is not connected yet.
            ValueError: It was unwrapped or closed.
        """
        if self._tls is not None:
            return self._tls
        if not self._unwrapped:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        raise ValueError(f"No SSL wrapper around {self!r}")

    @green
    def do_handshake(self, block: bool = False) -> Green[None]:
        """Do the handshake, if it was not done yet.

        Args:
            block: Wait even if the socket's timeout is 0.

        Raises:
            SSLError: It failed; SSLCertVerificationError if because of the peer's certificate.
            socket.timeout: The socket's timeout passed first.
            ConnectionResetError: The peer has reset the connection.

        Source:
            ``ssl.SSLSocket.do_handshake``.
        """
        tls = self._demand()
        timeout = self._timeout
        if block and timeout == 0:
            timeout = None

        self._flowing = False

        def step() -> int:
            before = self._outgoing.pending
            tls.do_handshake()
            return self._produced() if self._outgoing.pending > before else 0

        goal = yield from self._exchange(step, timeout)
        try:
            yield from self._flush(timeout, goal=goal)
        except (BrokenPipeError, ConnectionResetError):
            # A client may be gone already when all that is left to send are session tickets, and
            # what it sent is still to be read.
            if not self.server_side or tls.version() != "TLSv1.3":
                raise
            self._unsent = b""
            self._outgoing.read()  # or receiving would fail at them again, as OpenSSL's does not
        self._owes_handshake = False

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
        """Connect, and return an error number, 0 for none; the handshake raises its errors.

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
        if self._tls is not None or self._unwrapped:
            raise ValueError("attempt to connect already-connected SSLSocket!")

    @green
    def _connected(self) -> Green[None]:
        self._begin()
        if self.do_handshake_on_connect:
            try:
                yield from self.do_handshake()
            except (OSError, ValueError):
                self._tls = None
                raise

    @green
    def accept(self) -> Green[Tuple[Self, Address]]:
        """Accept a connection: return a new socket that speaks TLS, and the peer's address.

        It returns before the handshake, which runs at the new socket's first operation: a client
        that is silent or slow, or no client of TLS, is the business of whoever serves it.

        Source:
            ``ssl.SSLSocket.accept``, which does the handshake.
        """
        return super().accept()

    # ---- receiving ----

    @green
    def recv(self, bufsize: int = 1024, flags: int = 0) -> Green[bytes]:
        """Receive up to *bufsize* bytes; empty when the peer has ended the connection.

        Raises:
            socket.timeout: The socket's timeout passed first.
            SSLError: What was received is no TLS, or the peer complains.
            SSLEOFError: The connection ended and the peer had not said so, if
                ``suppress_ragged_eofs`` is false.
            SSLWantReadError, SSLWantWriteError: The timeout is 0, and it would have to wait.
            ConnectionResetError: The peer has reset the connection.
            ClosedResource: Another greenthread closed the socket meanwhile.
            ValueError: *flags* is not 0.

        Source:
            ``ssl.SSLSocket.recv``.  Differs at an end that the peer has not announced, with OpenSSL
            3.5 and later: there the standard library raises BrokenPipeError or ConnectionResetError
            if the alert that answers the end cannot be sent; here the end is what counts.
        """
        tls = self._tls
        if tls is None:
            self._check_unwrapped()
            if self._ahead:
                return self._take_ahead(bufsize, peek=bool(flags & sockets.MSG_PEEK))
            return (yield from super().recv(bufsize, flags))
        self._check_flags("recv", flags)
        if bufsize <= 0:
            return tls.read(bufsize)

        def step() -> bytes:
            return self._take_ahead(bufsize) if self._ahead else tls.read(bufsize)

        return (yield from self._receive_tls(tls, step, b""))

    @green
    def recv_into(
        self, buffer: Buffer, nbytes: Optional[int] = None, flags: int = 0
    ) -> Green[int]:
        """Receive into *buffer* and return how many bytes that were; as `recv` otherwise.

        Source:
            ``ssl.SSLSocket.recv_into``.
        """
        tls = self._tls
        if tls is None:
            self._check_unwrapped()
            if self._ahead:
                return self._fill_ahead(buffer, nbytes, peek=bool(flags & sockets.MSG_PEEK))
            return (yield from super().recv_into(buffer, nbytes or 0, flags))
        self._check_flags("recv_into", flags)
        size = size_of(buffer)
        if nbytes is not None and 0 < nbytes < size:
            size = nbytes
        if not size:
            return 0

        read_into: Any = tls.read  # typeshed knows less than that it takes a Buffer

        def step() -> int:
            if self._ahead:
                return self._fill_ahead(buffer, size)
            count: int = read_into(size, buffer)
            return count

        return (yield from self._receive_tls(tls, step, 0))

    @overload
    @green
    def read(self, len: int = 1024, buffer: None = None) -> Green[bytes]: ...
    @overload
    @green
    def read(self, len: int, buffer: Buffer) -> Green[int]: ...
    @green
    def read(self, len: int = 1024, buffer: Optional[Buffer] = None) -> Green[Union[bytes, int]]:
        """Receive up to *len* bytes, into *buffer* if that is given.

        Source:
            ``ssl.SSLSocket.read``.
        """
        if self._tls is None:
            raise ValueError("Read on closed or unwrapped SSL socket.")
        if buffer is None:
            return (yield from self.recv(len))
        return (yield from self.recv_into(buffer, len))

    @green
    def _receive_tls(self, tls: SSLObject, step: Callable[[], T], nothing: T) -> Green[T]:
        """Do *step* when there is something to receive; return *nothing* at a ragged end."""
        if self._receiver is not NOBODY:
            raise self._descriptor.busy(POLLIN, self._receiver)
        self._receiver = getcurrent()
        try:
            if self._owes_handshake:
                yield from self.do_handshake()
            timeout = self._timeout
            hungry = (
                self._flowing
                and not (self._ahead or self._incoming.pending or tls.pending())
                and timeout != 0
            )
            result = yield from self._exchange(step, timeout, hungry)
            self._flowing = bool(result)
        except SSLEOFError:
            if self._owes_handshake or not self.suppress_ragged_eofs:
                raise
            return nothing
        finally:
            self._receiver = NOBODY
        self._push_quietly()
        return result

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
        """Send some of *data*, at most one record of 16 KiB, and return how many bytes that were.

        Interrupted, after a timeout, or at SSLWantWriteError, which a timeout of 0 gives, it is to be
        called again with the same data, which is sent once then.  What is followed by other data may
        have been sent or not.

        Source:
            ``ssl.SSLSocket.send``.
        """
        tls = self._tls
        if tls is None:
            self._check_unwrapped()
            return (yield from super().send(data, flags))
        self._check_flags("send", flags)
        self._claim_sending()
        try:
            with octets(data) as view, view[:RECORD] as piece:
                return (yield from self._send_record(tls, piece))
        finally:
            self._sender = NOBODY

    @green
    def write(self, data: Buffer) -> Green[int]:
        """Send some of *data*, and return how many bytes that were.

        Source:
            ``ssl.SSLSocket.write``.
        """
        if self._tls is None:
            raise ValueError("Write on closed or unwrapped SSL socket.")
        return (yield from self.send(data))

    @green
    def sendall(self, data: Buffer, flags: int = 0) -> Green[None]:
        """Send all of *data*.

        The socket's timeout is for the whole of it.  Interrupted, or after an error, there is no
        telling how much was sent; records are never torn.

        Source:
            ``ssl.SSLSocket.sendall``.  Differs: there the timeout is for each record.
        """
        tls = self._tls
        if tls is None:
            self._check_unwrapped()
            yield from super().sendall(data, flags)
            return
        self._check_flags("sendall", flags)
        self._claim_sending()
        try:
            # An error that lives on must not keep the caller from resizing what it gave.
            with octets(data) as view:
                yield from self._send_records(tls, view)
        finally:
            self._sender = NOBODY

    @green
    def _send_records(self, tls: SSLObject, view: memoryview) -> Green[None]:
        if self._owes_handshake:
            yield from self.do_handshake()
        size = len(view)
        done = self._take_accepted(view)
        timeout = self._timeout
        if timeout == 0:
            while done < size:
                with view[done : done + RECORD] as piece:
                    done += yield from self._send_record(tls, piece)
            return
        deadline = None if timeout is None else get_scheduler().clock() + timeout
        if not self._push():
            yield from self._flush(timeout, deadline)
        while done < size:
            if self._credit <= 0:
                self._credit = BURST
                yield from self._let_others_run(self._writer)
            self._credit -= 1
            while done < size and self._outgoing.pending < BATCH:
                with view[done : done + RECORD] as piece:
                    done += yield from self._encrypt(tls, piece, self._left(deadline))
            if not self._push():
                yield from self._flush(timeout, deadline)

    @green
    def _let_others_run(self, side: Direction) -> Green[None]:
        # The side may be waited on for the other direction: TLS reads to write, and writes to read.
        yield from checkpoint() if side.gt is not NOBODY else side.let_others_run()

    def _claim_sending(self) -> None:
        if self._sender is not NOBODY:
            raise self._descriptor.busy(POLLOUT, self._sender)
        self._sender = getcurrent()

    @green
    def _send_record(self, tls: SSLObject, piece: memoryview) -> Green[int]:
        if self._owes_handshake:
            yield from self.do_handshake()
        timeout = self._timeout
        yield from self._flush(timeout)
        count = self._take_accepted(piece)
        if count:
            return count
        count = yield from self._encrypt(tls, piece, timeout)
        try:
            yield from self._flush(timeout)
        except BaseException:
            with piece[:count] as accepted:
                self._accepted = bytes(accepted)
            raise
        return count

    def _take_accepted(self, data: memoryview) -> int:
        """Return how much of *data* an earlier call has encrypted and could not report."""
        accepted, self._accepted = self._accepted, b""
        if not accepted:
            return 0
        with data[: len(accepted)] as beginning:
            return len(accepted) if bytes(beginning) == accepted else 0

    @green
    def _encrypt(self, tls: SSLObject, piece: memoryview, timeout: Optional[float]) -> Green[int]:
        """Have *piece* encrypted, and return how much of it was."""
        if not self._incoming.pending:
            try:
                return tls.write(piece)
            except SSLWantReadError:
                pass

        def step() -> int:
            # In a handshake after the first, which the peer has begun.  PyPy does not tell.
            while self._incoming.pending and (IS_PYPY or tls.version() is None):
                self._flowing = False
                try:
                    data = tls.read(RECORD)
                except SSLWantReadError:
                    break
                if not data:
                    break
                self._ahead += data
            return tls.write(piece)

        return (yield from self._exchange(step, timeout))

    @green
    def _sendfile_use_sendfile(
        self, file: IO[bytes], offset: int, count: Optional[int]
    ) -> Green[Optional[int]]:
        """Decline while TLS is spoken: the system's ``sendfile`` would send as it is."""
        if self._tls is not None:
            return None
        self._check_unwrapped()
        return (yield from super()._sendfile_use_sendfile(file, offset, count))

    def _check_flags(self, name: str, flags: int) -> None:
        if flags:
            raise ValueError(
                f"non-zero flags not allowed in calls to {name}() on {self.__class__}"
            )

    def _check_unwrapped(self) -> None:
        """Refuse to let anything through before the socket is connected."""
        if not self._unwrapped:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    # ---- what makes no sense with TLS ----

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
        self._refuse("sendto")
        return (yield from super().sendto(data, *flags_and_address))

    def _refuse(self, name: str) -> None:
        if self._tls is not None:
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

    if sys.platform == "linux" and hasattr(sockets.socket, "sendmsg_afalg"):

        def sendmsg_afalg(self, *args: Any, **kwargs: Any) -> NoReturn:
            """Source: ``socket.sendmsg_afalg``: refused, as `sendmsg` is."""
            raise NotImplementedError(
                f"sendmsg_afalg not allowed on instances of {self.__class__}"
            )

    def dup(self) -> NoReturn:
        """Source: ``ssl.SSLSocket.dup``: refused."""
        raise NotImplementedError(f"Can't dup() {self.__class__.__name__} instances")

    # ---- the end ----

    @green
    def unwrap(self) -> Green[Self]:
        """End TLS and return the socket, from now on a plain one.

        It says so to the peer and waits until the peer does.  What arrives after that is not lost:
        ``recv`` returns it as it is.

        Raises:
            SSLError: The peer sent data instead, or left without a word.
            ValueError: The socket speaks no TLS.

        Source:
            ``ssl.SSLSocket.unwrap``.
        """
        tls = self._tls
        if tls is None:
            raise ValueError(f"No SSL wrapper around {self!r}")
        if self._owes_handshake:
            yield from self.do_handshake()
        self._flowing = False
        yield from self._exchange(tls.unwrap, self._timeout)
        yield from self._flush(self._timeout)
        self._drop_tls()
        return self

    def _drop_tls(self) -> None:
        """Let bytes pass as they are from now on, beginning with those that have come already."""
        if self._tls is not None:
            self._ahead += self._incoming.read()
        self._tls = None
        self._unwrapped = True

    def shutdown(self, how: int) -> None:
        """Shut the connection down, and drop TLS without a word to the peer.

        Source:
            ``ssl.SSLSocket.shutdown``.
        """
        self._push_quietly()
        self._drop_tls()
        super().shutdown(how)

    def _real_close(self) -> None:
        super()._real_close()
        self._tls = None
        self._unwrapped = True  # what is called now gets the system's own error
        self._ahead = b""

    # ---- what never waits ----

    @property
    def context(self) -> real.SSLContext:
        """The context in use; another may be set while the handshake goes on.

        Source:
            ``ssl.SSLSocket.context``.
        """
        return self._context if self._tls is None else self._tls.context

    @context.setter
    def context(self, context: real.SSLContext) -> None:
        self._context = context
        if self._tls is not None:
            self._tls.context = context

    @property
    def session(self) -> Optional[SSLSession]:
        """The session, which a later connection may resume; set before the handshake to resume it.

        Source:
            ``ssl.SSLSocket.session``.
        """
        return None if self._tls is None else self._tls.session

    @session.setter
    def session(self, session: Optional[SSLSession]) -> None:
        self._offered = session
        if self._tls is not None:
            self._tls.session = session

    @property
    def session_reused(self) -> Optional[bool]:
        """Source: ``ssl.SSLSocket.session_reused``."""
        return None if self._tls is None else self._tls.session_reused

    def pending(self) -> int:
        """Return how many bytes can be received without waiting.

        Source:
            ``ssl.SSLSocket.pending``: decrypted ones, at most one record.
        """
        return 0 if self._tls is None else len(self._ahead) + self._tls.pending()

    @overload
    def getpeercert(self, binary_form: Literal[False] = False) -> Optional[Dict[str, Any]]: ...
    @overload
    def getpeercert(self, binary_form: Literal[True]) -> Optional[bytes]: ...
    @overload
    def getpeercert(self, binary_form: bool) -> Union[Dict[str, Any], bytes, None]: ...
    def getpeercert(self, binary_form: bool = False) -> Union[Dict[str, Any], bytes, None]:
        """Return the peer's certificate; empty if it was not verified, None if there is none.

        Raises:
            ValueError: The handshake is not done yet.

        Source:
            ``ssl.SSLSocket.getpeercert``.
        """
        found: Union[Dict[str, Any], bytes, None] = self._demand().getpeercert(binary_form)
        return found

    if sys.version_info >= (3, 13):

        def get_verified_chain(self) -> List[bytes]:
            """Source: ``ssl.SSLSocket.get_verified_chain``."""
            return self._demand().get_verified_chain()

        def get_unverified_chain(self) -> List[bytes]:
            """Source: ``ssl.SSLSocket.get_unverified_chain``."""
            return self._demand().get_unverified_chain()

    if sys.version_info >= (3, 15):

        def group(self) -> Optional[str]:
            """Source: ``ssl.SSLSocket.group``."""
            return None if self._tls is None else self._tls.group()

        def client_sigalg(self) -> Optional[str]:
            """Source: ``ssl.SSLSocket.client_sigalg``."""
            return None if self._tls is None else self._tls.client_sigalg()

        def server_sigalg(self) -> Optional[str]:
            """Source: ``ssl.SSLSocket.server_sigalg``."""
            return None if self._tls is None else self._tls.server_sigalg()

    def cipher(self) -> Optional[Tuple[str, str, int]]:
        """Source: ``ssl.SSLSocket.cipher``."""
        return None if self._tls is None else self._tls.cipher()

    def shared_ciphers(self) -> Optional[List[Tuple[str, str, int]]]:
        """Source: ``ssl.SSLSocket.shared_ciphers``."""
        return None if self._tls is None else self._tls.shared_ciphers()

    def compression(self) -> Optional[str]:
        """Source: ``ssl.SSLSocket.compression``."""
        return None if self._tls is None else self._tls.compression()

    def selected_alpn_protocol(self) -> Optional[str]:
        """Source: ``ssl.SSLSocket.selected_alpn_protocol``."""
        return None if self._tls is None else self._tls.selected_alpn_protocol()

    def selected_npn_protocol(self) -> Optional[str]:
        """Source: ``ssl.SSLSocket.selected_npn_protocol``, deprecated there."""
        return None if self._tls is None else self._tls.selected_npn_protocol()  # pyright: ignore[reportDeprecated]

    def version(self) -> Optional[str]:
        """Source: ``ssl.SSLSocket.version``: None before the handshake."""
        return None if self._tls is None else self._tls.version()

    def get_channel_binding(self, cb_type: str = "tls-unique") -> Optional[bytes]:
        """Source: ``ssl.SSLSocket.get_channel_binding``."""
        if self._tls is not None:
            return self._tls.get_channel_binding(cb_type)
        if cb_type not in CHANNEL_BINDING_TYPES:
            raise ValueError(f"{cb_type} channel binding type not implemented")
        return None

    def verify_client_post_handshake(self) -> None:
        """Ask a TLS 1.3 client for its certificate; the next send or `do_handshake` tells it.

        Source:
            ``ssl.SSLSocket.verify_client_post_handshake``.
        """
        if self._tls is None:
            raise ValueError(f"No SSL wrapper around {self!r}")
        self._tls.verify_client_post_handshake()

    def __repr__(self) -> str:
        kind = "unwrapped" if self._unwrapped else "server" if self.server_side else "client"
        return f"<green TLS {kind} {self._sock!r}>"


def _want_read() -> SSLWantReadError:
    return SSLWantReadError(SSL_ERROR_WANT_READ, "The operation did not complete (read)")


def _want_write() -> SSLWantWriteError:
    return SSLWantWriteError(SSL_ERROR_WANT_WRITE, "The operation did not complete (write)")


# ---- contexts -------------------------------------------------------------------------------------


class SSLContext(real.SSLContext):
    """A context whose ``wrap_socket`` makes green sockets; everything else is the base's.

    Source:
        ``ssl.SSLContext``.
    """

    def wrap_socket(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        sock: Union[sockets.socket, plain.socket],
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: Optional[str] = None,
        session: Optional[SSLSession] = None,
    ) -> SSLSocket:
        """Make a socket that speaks TLS over *sock*, which is spent: its descriptor moves.

        A plain call that never waits: the handshake runs at the first operation, in ``connect``, or
        by ``yield from sock.do_handshake()``.

        Args:
            sock: A stream socket: connected, yet to be connected, or a listener, whose ``accept``
                then returns sockets that speak TLS.  Green, or of the standard library.

        Source:
            ``ssl.SSLContext.wrap_socket``, which does the handshake.
        """
        return wrap_socket(
            sock,
            self,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect,
            suppress_ragged_eofs=suppress_ragged_eofs,
            server_hostname=server_hostname,
            session=session,
        )


def wrap_socket(
    sock: Union[sockets.socket, plain.socket],
    context: real.SSLContext,
    *,
    server_side: bool = False,
    do_handshake_on_connect: bool = True,
    suppress_ragged_eofs: bool = True,
    server_hostname: Optional[str] = None,
    session: Optional[SSLSession] = None,
) -> SSLSocket:
    """Make a socket that speaks TLS over *sock*, as `SSLContext.wrap_socket` does.

    Args:
        context: Any context: one of the standard library's that somebody else has made, too.

    Source:
        ``ssl.wrap_socket``, which was deprecated and is gone: it took the settings instead of a
        context.
    """
    return SSLSocket._create(
        sock,
        context,
        server_side=server_side,
        do_handshake_on_connect=do_handshake_on_connect,
        suppress_ragged_eofs=suppress_ragged_eofs,
        server_hostname=server_hostname,
        session=session,
    )


def create_default_context(
    purpose: Purpose = Purpose.SERVER_AUTH,
    *,
    cafile: Optional[str] = None,
    capath: Optional[str] = None,
    cadata: Union[str, bytes, None] = None,
) -> SSLContext:
    """Return a context with good settings: for a client, one that verifies the server.

    Source:
        ``ssl.create_default_context``, whose settings these are.
    """
    context = real.create_default_context(purpose, cafile=cafile, capath=capath, cadata=cadata)
    # The settings stay, whatever this version's are; only wrap_socket becomes ours.
    context.__class__ = SSLContext
    assert isinstance(context, SSLContext)
    return context


@green
def get_server_certificate(
    addr: Tuple[str, int],
    ssl_version: int = PROTOCOL_TLS_CLIENT,
    ca_certs: Optional[str] = None,
    timeout: Optional[float] = sockets._GLOBAL_DEFAULT_TIMEOUT,
) -> Green[str]:
    """Return the certificate of the server at *addr*, in PEM.

    Args:
        ca_certs: The path of the authorities' certificates to verify it by; None verifies nothing.
        timeout: Seconds for connecting, and for the handshake.

    Source:
        ``ssl.get_server_certificate``.
    """
    context = SSLContext(ssl_version)
    context.check_hostname = False
    context.verify_mode = CERT_NONE if ca_certs is None else CERT_REQUIRED
    if ca_certs is not None:
        context.load_verify_locations(ca_certs)
    plain = yield from sockets.create_connection(addr, timeout)
    with plain, context.wrap_socket(plain, server_hostname=addr[0]) as sock:
        yield from sock.do_handshake()
        certificate = sock.getpeercert(True)
    assert certificate is not None, "a server without a certificate fails the handshake"
    return DER_cert_to_PEM_cert(certificate)


# Which of these wait.
__green__: Tuple[str, ...] = (
    "SSLSocket.accept",
    "SSLSocket.connect",
    "SSLSocket.connect_ex",
    "SSLSocket.do_handshake",
    "SSLSocket.read",
    "SSLSocket.recv",
    "SSLSocket.recv_into",
    "SSLSocket.recvfrom",
    "SSLSocket.recvfrom_into",
    "SSLSocket.send",
    "SSLSocket.sendall",
    "SSLSocket.sendfile",
    "SSLSocket.sendto",
    "SSLSocket.unwrap",
    "SSLSocket.write",
    "get_server_certificate",
)

__omitted__: Dict[str, str] = {
    "create_connection": NOT_GREEN,
    "socket": NOT_GREEN,
}

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
