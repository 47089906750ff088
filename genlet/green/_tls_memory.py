"""The TLS engine in memory: OpenSSL between two buffers, and the code that moves the ciphertext."""

# Theory of operation
# -------------------
# Ciphertext from the peer is written into ``_incoming``, and ciphertext for the peer is read out of
# ``_outgoing``.  An operation is a *step*, a call of OpenSSL that never waits, and `_exchange`
# repeats it: while the step lacks input, send what is to be sent and receive what has come, as far as
# neither waits; then wait.
#
# _tls_waits.py says how two greenthreads wait here at the same time.  These rules keep the two
# streams of bytes intact:
#
# - Ciphertext leaves in the order in which it was produced.  Nothing waits between taking it out of
#   ``_outgoing``, sending it, and noting in ``_unsent`` what is left of it.  The next greenthread
#   continues there, so an interruption loses nothing and sends nothing twice.
# - If application data comes while ``write`` needs a handshake, OpenSSL reports an error; ``read``
#   accepts the data.  Therefore a sender that needs input reads first, and puts what it gets into
#   ``_early``, where the receiver finds it.
# - A failure to send is one of the senders.  The receiver goes on until input ends or fails: what the
#   peer sent before it left is worth more than the news that it takes no more.
# - Input can make OpenSSL produce output: it answers each request for new keys.  While more output
#   than `BACKLOG` waits for room, no input is taken.

from __future__ import annotations

import os
from ssl import MemoryBIO, SSLContext, SSLError, SSLObject, SSLSession, SSLWantReadError
from typing import TYPE_CHECKING, Any, Callable, Optional, TypeVar

from .._compat import IS_PYPY
from ..abc import Green, green
from ._octets import octets
from ._tls import RECORD, want_read, want_write
from ._tls_waits import TLSWaits
from ._waiting import deadline_of, seconds_left

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._endpoint import Endpoint

__all__ = ["MemoryEngine"]

T = TypeVar("T")

# How much ciphertext is received at a time, and collected before it is sent.  OpenSSL keeps as much
# memory for a connection as it ever needed at once, so this limits what an idle connection keeps.
BATCH = 32768

# The most ciphertext that waits for room while input is taken.  Senders never have more than half of
# it, so the rest are answers to a peer that does not read them.
BACKLOG = 4 * BATCH


class MemoryEngine(TLSWaits):
    """An `Engine` that works everywhere: on PyPy, and on sockets that are simulated.

    Args:
        sock: The socket whose descriptor is used.  The engine does not keep a reference to it.
        context, server_side, server_hostname, session: As for ``ssl.SSLContext.wrap_bio``.
        received: Ciphertext that was received before TLS began.
    """

    __slots__ = (
        "_accepted",
        "_early",
        "_failed",
        "_flowing",
        "_incoming",
        "_outgoing",
        "_recv",
        "_send",
        "_sent",
        "_unsent",
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
        received: bytes,
    ) -> None:
        super().__init__(sock)
        self._recv: Callable[[int, int], bytes] = sock._recv
        self._send: Callable[[Buffer, int], int] = sock._send
        self._incoming: MemoryBIO = MemoryBIO()
        self._outgoing: MemoryBIO = MemoryBIO()
        self._unsent: bytes = b""  # the rest of what was taken out of _outgoing
        self._sent: int = 0  # bytes of ciphertext that have left
        self._early: bytes = b""  # plaintext that a sender has read
        self._flowing: bool = False  # the last receive has returned data
        self._accepted: bytes = b""  # what an interrupted send has encrypted and not reported
        self._failed: Optional[int] = None  # the error number since which nothing can be sent
        self.tls: SSLObject = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_side,
            server_hostname=server_hostname,
            session=session,
        )
        self._incoming.write(received)

    # ---- moving ciphertext, without waiting ----

    def _push(self) -> bool:
        """Send what is to be sent; return whether all of it has left.

        Raises:
            OSError: Nothing can be sent any more; again at each call that has something to send.
        """
        writer = self._writer
        while True:
            unsent = self._unsent
            if not unsent:
                if not self._outgoing.pending:
                    return True
                self._unsent = unsent = self._outgoing.read()
            if self._failed is not None:
                self._outgoing.read()
                raise OSError(self._failed, os.strerror(self._failed))
            if not writer.ready:
                return False
            try:
                sent = self._send(unsent, 0)
            except BlockingIOError:
                writer.ready = False
                return False
            except ConnectionError as error:
                self._failed = error.errno
                raise
            self._unsent = unsent[sent:]
            self._sent += sent

    def push(self) -> None:
        """Send what does not wait, and leave an error to the operation that needs the sending."""
        if self._outgoing.pending or self._unsent:
            try:
                self._push()
            except OSError:
                pass

    def _pull(self) -> bool:
        """Receive what has come, or the end; return whether there was any."""
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

    def _backlog(self) -> int:
        """Return how many bytes of ciphertext are to be sent."""
        return len(self._unsent) + self._outgoing.pending

    def _produced(self) -> int:
        """Return how many bytes of ciphertext have been produced in all."""
        return self._sent + self._backlog()

    # ---- waiting ----

    @green
    def _exchange(
        self, step: Callable[[], T], timeout: Optional[float], receiving: bool = False
    ) -> Green[T]:
        """Do *step*, with as much input as it needs.

        Args:
            receiving: The step is a read.  If all that has come was read, it is known to need input
                and is not tried first: OpenSSL reports the lack of input by an error, which costs as
                much as receiving.
        """
        deadline = None
        if timeout == 0:
            self._reader.ready = self._writer.ready = True  # without waits nothing sets them
        hungry = receiving and self._flowing and timeout != 0 and not self.holds()
        while True:
            if self._credit <= 0 and timeout != 0:
                yield from self._let_others_run(self._reader)
            self._credit -= 1
            if not hungry:
                try:
                    return step()
                except SSLWantReadError:
                    pass
                except SSLError:
                    self._flowing = False
                    self.push()  # the alert that tells the peer
                    raise
            hungry = False
            try:
                clear = self._push()
            except OSError:
                self._reader.ready = True  # what the peer sent before it left comes first
                if self._pull() and (receiving or not self._incoming.eof):
                    continue
                if not receiving:
                    raise
                clear = True
            full = not clear and self._backlog() > BACKLOG
            if not full and self._pull():
                continue
            if timeout == 0:
                raise want_read() if clear else want_write()
            if deadline is None:
                deadline = deadline_of(timeout)
            if full:
                yield from self._wait_for_room(seconds_left(deadline))
                continue
            yield from self._wait_for_input(seconds_left(deadline), room=not clear)
            self._pull()

    @green
    def _flush(
        self,
        timeout: Optional[float],
        deadline: Optional[float] = None,
        goal: Optional[int] = None,
    ) -> Green[None]:
        """Send all that is to be sent, or until *goal* bytes in all have left.

        What others add meanwhile is theirs to send: a greenthread that finishes a handshake in order
        to receive must not wait for a sender whose peer waits for the same.
        """
        if goal is None:
            goal = self._produced()
        if timeout == 0:
            self._writer.ready = True
        while not self._push() and self._sent < goal:
            if timeout == 0:
                raise want_write()
            if deadline is None:
                deadline = deadline_of(timeout)
            yield from self._wait_for_room(seconds_left(deadline))

    # ---- the operations ----

    @green
    def handshake(self, timeout: Optional[float]) -> Green[None]:
        tls = self.tls
        self._flowing = False

        def step() -> int:
            before = self._outgoing.pending
            tls.do_handshake()
            return self._produced() if self._outgoing.pending > before else 0

        goal = yield from self._exchange(step, timeout)
        try:
            yield from self._flush(timeout, goal=goal)
        except (BrokenPipeError, ConnectionResetError):
            # A client may have left already when only session tickets are still to be sent, and what
            # it has sent must be read.
            if not tls.server_side or tls.version() != "TLSv1.3":
                raise

    @green
    def receive(self, size: int, timeout: Optional[float]) -> Green[bytes]:
        read = self.tls.read

        def step() -> bytes:
            data = self._take_early(size) if self._early else read(size)
            self._flowing = bool(data)
            self.push()
            return data

        return self._exchange(step, timeout, True)

    @green
    def receive_into(self, buffer: Buffer, size: int, timeout: Optional[float]) -> Green[int]:
        read: Any = self.tls.read  # typeshed does not know that any Buffer will do

        def step() -> int:
            count: int = self._fill_early(buffer, size) if self._early else read(size, buffer)
            self._flowing = bool(count)
            self.push()
            return count

        return self._exchange(step, timeout, True)

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
            return (yield from self._send_record(piece, timeout))

    @green
    def send_all(self, data: memoryview, timeout: Optional[float]) -> Green[None]:
        size = len(data)
        done = self._take_accepted(data)
        if timeout == 0:
            while done < size:
                with data[done : done + RECORD] as piece:
                    done += yield from self._send_record(piece, timeout)
            return
        deadline = None if timeout is None else deadline_of(timeout)
        if not self._push():
            yield from self._flush(timeout, deadline)
        while done < size:
            if self._credit <= 0:
                yield from self._let_others_run(self._writer)
            self._credit -= 1
            while done < size and self._outgoing.pending < BATCH:
                with data[done : done + RECORD] as piece:
                    done += yield from self._encrypt(piece, seconds_left(deadline))
            if not self._push():
                yield from self._flush(timeout, deadline)

    @green
    def _send_record(self, piece: memoryview, timeout: Optional[float]) -> Green[int]:
        """Send *piece*, and return how much of it was sent."""
        yield from self._flush(timeout)
        count = self._take_accepted(piece)
        if count:
            return count
        count = yield from self._encrypt(piece, timeout)
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
    def _encrypt(self, piece: memoryview, timeout: Optional[float]) -> Green[int]:
        """Encrypt *piece*, and return how much of it was encrypted."""
        tls = self.tls
        if not self._incoming.pending:
            try:
                return tls.write(piece)
            except SSLWantReadError:
                pass

        def step() -> int:
            # The version is None during a handshake that the peer has begun later.  PyPy does not
            # say so.
            while self._incoming.pending and (IS_PYPY or tls.version() is None):
                self._flowing = False
                try:
                    data = tls.read(RECORD)
                except SSLWantReadError:
                    break
                if not data:
                    break
                self._early += data
            return tls.write(piece)

        return (yield from self._exchange(step, timeout))

    @green
    def unwrap(self, timeout: Optional[float]) -> Green[None]:
        self._flowing = False
        yield from self._exchange(self.tls.unwrap, timeout)
        yield from self._flush(timeout)

    @green
    def announce_end(self, timeout: Optional[float]) -> Green[None]:
        self._flowing = False
        try:
            self.tls.unwrap()
        except SSLError:
            pass  # the peer has not announced its end, or what it sent is no such thing
        yield from self._flush(timeout)

    # ---- plain calls ----

    def receive_nowait(self, size: int) -> bytes:
        self._reader.ready = self._writer.ready = True
        while True:
            try:
                data = self._take_early(size) if self._early else self.tls.read(size)
            except SSLWantReadError:
                self.push()
                if self._backlog() > BACKLOG or not self._pull():
                    raise
            else:
                self._flowing = bool(data)
                self.push()
                return data

    def holds(self) -> bool:
        return bool(self._early or self._incoming.pending or self.tls.pending())

    def pending(self) -> int:
        return len(self._early) + self.tls.pending()

    def leave(self) -> bytes:
        early, self._early = self._early, b""
        return early + self._incoming.read()

    def __repr__(self) -> str:
        return f"<green TLS {'server' if self.tls.server_side else 'client'} {self._sock!r}>"
