"""The TLS engine on the descriptor: OpenSSL receives and sends by itself."""

# The socket never blocks, so a call of OpenSSL that would have to wait raises SSLWantReadError or
# SSLWantWriteError, and is repeated after the wait.  _tls_waits.py says how two greenthreads wait here
# at the same time.  Three things need care:
#
# - A write that would block has encrypted its piece already.  OpenSSL then goes on with that record,
#   whatever the next write is given: data of the same length would be reported as sent, and the old
#   bytes would go out.  So a piece that an interruption leaves behind is kept in ``_piece``, and
#   finished before anything else is written.
# - If application data comes while ``write`` needs a handshake, OpenSSL reports that it needs input;
#   ``read`` accepts the data.  Therefore a sender that needs input reads, and puts what it gets into
#   ``_early``, where the receiver finds it.
# - A read that finds nothing costs several times as much as asking the system how much has come.
#   Where that is a proof (see `Direction.hint`) and OpenSSL holds nothing, the next receive waits first.
#
# - After an error of the system CPython may leave it in OpenSSL's queue of errors, which all connections
#   of the thread share: the next call that fails, on any of them, would report the old one.  So the
#   queue is emptied then.
#
# OpenSSL reads no further than the end of a record, so what comes behind the end of TLS stays with the
# system.

from __future__ import annotations

import os
import sys
from functools import partial
from ssl import (
    PROTOCOL_TLS_CLIENT,
    SSL_ERROR_EOF,
    SSLContext,
    SSLEOFError,
    SSLError,
    SSLObject,
    SSLSession,
    SSLWantReadError,
    SSLWantWriteError,
)
from sys import byteorder
from typing import TYPE_CHECKING, Any, Callable, List, Optional, TypeVar

from ..abc import Green, green
from ._octets import octets
from ._tls import RECORD, want_read, want_write
from ._tls_waits import TLSWaits
from ._waiting import deadline_of, seconds_left

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._endpoint import Endpoint

__all__ = ["DescriptorEngine", "suits"]

T = TypeVar("T")

# A record with the most plaintext, and at least that much around it.
FULL = RECORD + 21
if sys.platform != "win32":
    from fcntl import ioctl
    from termios import FIONREAD

    def _available(fd: int, answer: bytearray) -> int:
        """Return how many bytes the system has received for *fd*; *answer* has room for that."""
        ioctl(fd, FIONREAD, answer)
        return int.from_bytes(answer, byteorder)

else:

    def _available(fd: int, answer: bytearray) -> int:
        del fd, answer
        return 1  # it is not known


_scratch: List[SSLContext] = []


def forget_errors() -> None:
    """Empty OpenSSL's queue of errors, as the standard library does where no cipher is known."""
    if not _scratch:
        _scratch.append(SSLContext(PROTOCOL_TLS_CLIENT))
    try:
        _scratch[0].set_ciphers("no such cipher")
    except SSLError:
        pass


# From Python 3.10 on an error of the system, such as a reset, was reported as the end of the data.
# 3.11.9, 3.12.3 and 3.13 report it again.
TELLS_ERRORS = sys.implementation.name == "cpython" and (
    sys.version_info < (3, 10)
    or (3, 11, 9) <= sys.version_info < (3, 12)
    or sys.version_info >= (3, 12, 3)
)


def suits(context: SSLContext) -> bool:
    """Whether OpenSSL can be put on a descriptor with *context*.

    A class that makes its own `SSLObject`, in order to verify more or otherwise, must be asked to.
    """
    cls = type(context)
    return (
        TELLS_ERRORS
        and hasattr(cls, "_wrap_socket")
        and cls.wrap_bio is SSLContext.wrap_bio
        and context.sslobject_class is SSLObject
    )


class DescriptorEngine(TLSWaits):
    """An `Engine` for CPython and sockets of the system.

    Args:
        sock: The socket whose descriptor is used.  The engine does not keep a reference to it.
        context, server_side, server_hostname, session: As for ``ssl.SSLContext.wrap_bio``.
    """

    __slots__ = (
        "_accepted",
        "_came",
        "_early",
        "_ended",
        "_failed",
        "_fd",
        "_late",
        "_pending",
        "_piece",
        "_read",
        "_told",
        "_write",
        "tls",
    )

    def __init__(
        self,
        sock: Endpoint,
        context: SSLContext,
        *,
        server_side: bool,
        server_hostname: Optional[str],
        session: Optional[SSLSession],
    ) -> None:
        super().__init__(sock)
        # What `SSLContext.wrap_bio` does, but for the buffers.  typeshed knows none of it.
        makes: Any = context
        tls: Any = SSLObject.__new__(SSLObject)
        tls._sslobj = made = makes._wrap_socket(
            self._sock,
            server_side,
            makes._encode_hostname(server_hostname),
            owner=tls,
            session=session,
        )
        self.tls: SSLObject = tls
        # Bound once, because every operation calls them.
        self._read: Callable[..., Any] = made.read
        self._write: Callable[[Buffer], int] = made.write
        self._pending: Callable[[], int] = made.pending
        self._fd: int = self._sock.fileno()
        self._came: bytearray = bytearray(4)  # the answer of FIONREAD
        self._late: Optional[OSError] = None  # an error that came behind data
        self._early: bytes = b""  # plaintext that a sender has read
        self._ended: bool = False  # an end that was not announced was reported
        self._piece: bytes = b""  # what an interrupted write has encrypted, perhaps, and not sent
        self._told: bool = True  # the call that left the piece has not reported it as sent
        # The error number since which nothing can be sent; OpenSSL would report another one.
        self._failed: Optional[int] = None
        self._accepted: bytes = b""  # what was sent for a call that could not report it

    # ---- without waiting ----

    def _drained(self) -> bool:
        """Whether a read would find nothing; False if that is not known."""
        if not self._reader.hint or self._pending():
            return False
        return not _available(self._fd, self._came)

    def _push(self) -> bool:
        """Go on with the piece that an interrupted write has left; return whether it was sent.

        Raises:
            OSError: Nothing can be sent any more, and the piece is dropped.
        """
        piece = self._piece
        if not piece:
            return True
        if not self._writer.ready:
            return False
        try:
            count = self._encrypt(piece)
        except SSLWantReadError:
            return False
        except SSLWantWriteError:
            self._writer.ready = False
            return False
        except BaseException:
            self._piece = b""
            raise
        self._piece = b""
        if not self._told:
            self._accepted = piece[:count]
        return True

    def push(self) -> None:
        """Send what does not wait, and leave an error to the operation that needs the sending."""
        try:
            self._push()
        except OSError:
            pass

    def _keep(self, piece: memoryview, told: bool) -> None:
        self._piece = bytes(piece)
        self._told = told

    def _encrypt(self, piece: Buffer) -> int:
        """Write *piece*, and return how much of it was written."""
        if self._failed is not None:
            raise OSError(self._failed, os.strerror(self._failed))
        while True:
            try:
                return self._write(piece)
            except ConnectionError as error:
                self._failed = error.errno
                forget_errors()
                raise
            except SSLWantReadError:
                data = self._read(RECORD)
                if not data:
                    raise
                self._early += data
                self._reader.ready = True
                self._alarm_receiver()

    def _at_end(self) -> bool:
        """Whether the peer sends nothing more, and all that it sent was read."""
        try:
            return not self._sock.recv(1, 2)  # MSG_PEEK
        except OSError:
            return False

    def _unannounced(self) -> SSLEOFError:
        """Return the error of an end that the peer has not announced.

        OpenSSL 3.5 and later tell the peer so, and where that fails they report the failure only.
        """
        error = SSLEOFError(SSL_ERROR_EOF, "EOF occurred in violation of protocol")
        if not self._ended:  # at later calls OpenSSL has no reason for it
            self._ended = True
            error.reason = "UNEXPECTED_EOF_WHILE_READING"
            error.library = "SSL"
        return error

    # ---- waiting ----

    @green
    def _do(self, step: Callable[[], T], timeout: Optional[float]) -> Green[T]:
        """Do *step*, and wait for what OpenSSL lacks."""
        deadline = None
        while True:
            try:
                return step()
            except SSLWantReadError:
                if timeout == 0:
                    raise
                self._reader.ready = False
                if deadline is None:
                    deadline = deadline_of(timeout)
                self.push()
                yield from self._wait_for_input(seconds_left(deadline), room=bool(self._piece))
            except SSLWantWriteError:
                if timeout == 0:
                    raise
                self._writer.ready = False
                if deadline is None:
                    deadline = deadline_of(timeout)
                yield from self._wait_for_room(seconds_left(deadline))
            except SSLError:
                raise
            except OSError:
                forget_errors()
                raise

    @green
    def _finish_piece(self, timeout: Optional[float]) -> Green[None]:
        """Send the piece that an interrupted write has left."""
        if not self._piece:
            return

        def step() -> None:
            self._writer.ready = True
            if self._piece and not self._push():
                raise want_write()

        yield from self._do(step, timeout)

    @green
    def _send_piece(
        self, piece: memoryview, timeout: Optional[float], deadline: Optional[float], told: bool
    ) -> Green[int]:
        """Write *piece*, and return how much of it was written.

        Args:
            told: The caller reports it as sent even if this is interrupted.
        """
        begun = False
        writer = self._writer
        while True:
            starved = False
            if writer.ready or timeout == 0:
                try:
                    return self._encrypt(piece)
                except SSLWantReadError:
                    if timeout == 0:
                        raise
                    starved = True
                    self._reader.ready = False
                except SSLWantWriteError:
                    if timeout == 0:
                        self._keep(piece, told)
                        raise
                    begun = True
                    writer.ready = False
            if deadline is None:
                deadline = deadline_of(timeout)
            try:
                left = seconds_left(deadline)
                if starved:
                    yield from self._wait_for_input(left)
                else:
                    yield from self._wait_for_room(left)
            except BaseException:
                if begun:
                    self._keep(piece, told)
                raise

    # ---- the operations ----

    @green
    def handshake(self, timeout: Optional[float]) -> Green[None]:
        return self._do(self.tls.do_handshake, timeout)

    @green
    def receive(self, size: int, timeout: Optional[float]) -> Green[bytes]:
        return self._receive(self._take_early, size, timeout)

    @green
    def receive_into(self, buffer: Buffer, size: int, timeout: Optional[float]) -> Green[int]:
        return self._receive(partial(self._fill_early, buffer), size, timeout, buffer)

    @green
    def _receive(
        self,
        take_early: Callable[[int], Any],
        size: int,
        timeout: Optional[float],
        *buffer: Buffer,
    ) -> Green[Any]:
        """Do `receive`, or with a *buffer* `receive_into`."""
        reader = self._reader
        deadline = None
        while True:
            if self._early:
                return take_early(size)
            if self._late is not None:
                error, self._late = self._late, None
                raise error
            if reader.ready or timeout == 0:
                if self._credit <= 0 and timeout != 0:
                    yield from self._let_others_run(reader)
                self._credit -= 1
                try:
                    # More than a record is never read, and room for more would be given back.
                    data: Any = self._read(size if size < RECORD else RECORD, *buffer)
                except SSLWantReadError:
                    if timeout == 0:
                        raise
                    reader.ready = False
                except SSLWantWriteError:
                    if self._at_end():
                        raise self._unannounced() from None
                    if timeout == 0:
                        raise
                    self._writer.ready = False
                    if deadline is None:
                        deadline = deadline_of(timeout)
                    yield from self._wait_for_room(seconds_left(deadline))
                    continue
                except BrokenPipeError:
                    forget_errors()
                    if self._at_end():
                        raise self._unannounced() from None
                    reader.ready = False  # it was an answer to the peer that could not be sent
                    if timeout == 0:
                        raise want_read() from None
                except SSLError:
                    raise
                except OSError:
                    forget_errors()
                    raise
                else:
                    if size >= 2 * RECORD and not buffer and len(data) == RECORD:
                        return self._read_on(data, size)
                    if data and self._drained():
                        reader.ready = False
                    return data
            if self._piece:
                self.push()
            if deadline is None:
                deadline = deadline_of(timeout)
            yield from self._wait_for_input(seconds_left(deadline), room=bool(self._piece))

    def _read_on(self, first: bytes, size: int) -> bytes:
        """Return *first*, a whole record, and the whole records behind it that have come."""
        parts: List[bytes] = [first]
        reader = self._reader
        room = size // RECORD - 1
        while room > 0 and reader.ready:
            come = _available(self._fd, self._came) // FULL if reader.hint else 0
            if not come:
                break
            for _ in range(min(come, room)):
                try:
                    data: bytes = self._read(RECORD)
                except (SSLWantReadError, SSLWantWriteError):
                    return b"".join(parts)
                except BrokenPipeError:
                    forget_errors()
                    return b"".join(parts)
                except OSError as error:
                    if not isinstance(error, SSLError):
                        forget_errors()
                    self._late = error.with_traceback(None)
                    return b"".join(parts)
                parts.append(data)
                room -= 1
                if len(data) != RECORD:
                    return b"".join(parts)
        if self._drained():
            reader.ready = False
        return b"".join(parts)

    def _take_early(self, size: int) -> bytes:
        data = self._early[:size]
        self._early = self._early[size:]
        return data

    def _fill_early(self, buffer: Buffer, size: int) -> int:
        with octets(buffer) as view:
            data = self._take_early(min(size, len(view)))
            view[: len(data)] = data
        return len(data)

    @green
    def send(self, data: memoryview, timeout: Optional[float]) -> Green[int]:
        with data[:RECORD] as piece:
            yield from self._finish_piece(timeout)
            count = self._take_accepted(piece)
            if not count:
                count = yield from self._send_piece(piece, timeout, None, False)
            return count

    @green
    def send_all(self, data: memoryview, timeout: Optional[float]) -> Green[None]:
        size = len(data)
        done = 0
        deadline = None
        if self._piece or self._accepted:
            deadline = deadline_of(timeout)
            yield from self._finish_piece(timeout)
            done = self._take_accepted(data)
        while done < size:
            if self._credit <= 0 and timeout != 0:
                yield from self._let_others_run(self._writer)
            self._credit -= 1
            with data[done : done + RECORD] as piece:
                if self._writer.ready and self._failed is None:
                    try:
                        done += self._write(piece)
                        continue
                    except (SSLWantReadError, SSLWantWriteError):
                        pass
                    except ConnectionError as error:
                        self._failed = error.errno
                        forget_errors()
                        raise
                if deadline is None:
                    deadline = deadline_of(timeout)
                done += yield from self._send_piece(piece, timeout, deadline, timeout != 0)

    def _take_accepted(self, data: memoryview) -> int:
        """Return how much of *data* an earlier call has sent and could not report."""
        accepted, self._accepted = self._accepted, b""
        if not accepted:
            return 0
        with data[: len(accepted)] as beginning:
            return len(accepted) if bytes(beginning) == accepted else 0

    @green
    def unwrap(self, timeout: Optional[float]) -> Green[None]:
        yield from self._finish_piece(timeout)
        yield from self._do(self.tls.unwrap, timeout)

    @green
    def announce_end(self, timeout: Optional[float]) -> Green[None]:
        yield from self._finish_piece(timeout)
        yield from self._do(self._announce, timeout)

    def _announce(self) -> None:
        try:
            self.tls.unwrap()
        except SSLWantWriteError:
            raise
        except SSLError:
            pass  # the peer has not announced its end, or what it sent is no such thing

    # ---- plain calls ----

    def receive_nowait(self, size: int) -> bytes:
        if self._early:
            return self._take_early(size)
        if self._late is not None:
            error, self._late = self._late, None
            raise error
        try:
            data: bytes = self._read(size)
        except BrokenPipeError:
            forget_errors()
            if self._at_end():
                raise self._unannounced() from None
            raise want_read() from None
        except SSLWantWriteError:
            if self._at_end():
                raise self._unannounced() from None
            raise
        self._reader.ready = True
        return data

    def holds(self) -> bool:
        return bool(self._early or self._late or self._pending())

    def pending(self) -> int:
        return len(self._early) + self._pending()

    def leave(self) -> bytes:
        early, self._early = self._early, b""
        return early

    def __repr__(self) -> str:
        return f"<green TLS {'server' if self.tls.server_side else 'client'} {self._sock!r}>"
