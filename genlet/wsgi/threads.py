"""Applications on threads: one thread makes a call from its beginning to its end."""

# Theory of operation
# -------------------
# A call has two sides.  The thread calls the application, iterates over what it gives, and closes
# that.  The connection's greenthread does all that concerns the client: it sends, it receives, and its
# waits have the server's deadlines.  The thread never touches the connection: it puts pieces into the
# call, up to `buffer` bytes ahead of the client, and asks for more of the body.
#
# What both sides use is under one lock, which nobody holds while he waits.  A helper greenthread waits
# for the thread; it is there so that the connection's own can be woken by the first piece.
#
# The exchange is over when the thread has returned: no request follows on the connection, and no
# server ends, while an application still works for the one before.

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import IO, TYPE_CHECKING, Deque, Iterable, List, Optional, Tuple, Union

from ..abc import Green, green
from ..end import END, End
from ..errors import WouldBlock
from ..event import Event
from ..greenthread import spawn
from ..http.errors import ClientGone, HTTPError
from ..kernel import GreenThread
from ..tpool import ThreadPool, from_thread
from .files import PIECE, FileWrapper, size_of
from .start import Application, Environ, Start, chunk_of, piece_of, without_escape

if TYPE_CHECKING:
    from ..http.messages import Body, Response

__all__ = ["ThreadCall", "overloaded"]


class Enough(Exception):
    """Nothing more of the answer is wanted: raised by `ThreadCall.put`, in no application's code."""


class ThreadCall:
    """One call of an application; a source of the pieces of its answer.

    Args:
        body: What the application reads while it comes; None if it has come.
        buffer: How many bytes of the answer may wait for the client.
        chunk: How many bytes are collected before they are sent.
    """

    __slots__ = (
        "_ahead",
        "_app",
        "_asked",
        "_body",
        "_buffer",
        "_changed",
        "_chunk",
        "_done",
        "_error",
        "_file",
        "_gone",
        "_helper",
        "_late",
        "_left",
        "_lock",
        "_pieces",
        "_pool",
        "_reply",
        "_taken",
        "_told",
        "_whole",
        "environ",
        "start",
    )

    def __init__(
        self,
        pool: ThreadPool,
        app: Application,
        method: str,
        body: Optional[Body],
        buffer: int,
        chunk: int,
        capitalize: bool,
    ) -> None:
        self._pool: ThreadPool = pool
        self._app: Application = app
        self._body: Optional[Body] = body
        self._buffer: int = buffer
        self._chunk: int = chunk
        self.environ: Environ = {}
        self.start: Start = Start(method, self.write, capitalize)
        self._helper: Optional[GreenThread[None]] = None
        self._changed: Event[None] = Event()
        # Under the lock:
        self._lock: Condition = Condition()
        self._pieces: Deque[bytes] = deque()
        self._ahead: int = 0  # bytes put and not sent
        self._taken: int = 0  # of these, bytes that are being sent
        self._whole: bool = False  # what was put is all there is
        self._file: Optional[IO[bytes]] = None  # sent behind the pieces
        self._left: Optional[int] = None  # bytes of it, if they were counted
        self._done: bool = False  # nothing more comes
        self._error: Optional[BaseException] = None  # not raised yet
        self._late: Optional[BaseException] = None  # raised behind the answer
        self._asked: bool = False  # the thread waits for more of the request's body
        self._reply: Optional[Tuple[bytes, Optional[BaseException]]] = None
        self._gone: Optional[BaseException] = None  # nobody takes pieces any more
        self._told: bool = False  # the green side will look

    # ---- the thread's side ----

    def _work(self) -> None:
        """Call the application, and put what it gives."""
        try:
            result = self._app(self.environ, self.start)
            if isinstance(result, FileWrapper):
                # Closed by the other side, when the file was sent.
                self._put_file(result)
                return
            try:
                self._put_all(result)
            except Enough:
                pass
            finally:
                self._close(result)
        except BaseException as exc:
            if exc is not self._gone:
                self._error = without_escape(exc)
        finally:
            self._done = True
            self._tell()

    def _close(self, result: object) -> None:
        close = getattr(result, "close", None)
        if close is not None:
            try:
                close()
            except BaseException as exc:
                self._late = exc  # the answer stands

    def _put_all(self, result: Iterable[object]) -> None:
        if isinstance(result, (list, tuple)):
            pieces = [piece_of(item, self.start) for item in result]
            if not self.start.begun:
                self._whole = True
            self.put(b"".join(pieces))
            return
        for item in result:
            self.put(piece_of(item, self.start))
        if not self.start.status:
            piece_of(b"", self.start)  # raises

    def _put_file(self, wrapper: FileWrapper) -> None:
        with self._lock:
            self._file = wrapper.filelike
        piece_of(b"", self.start)

    def write(self, data: bytes) -> None:
        """Send *data*: what ``start_response`` returns."""
        try:
            self.put(piece_of(data, self.start))
        except Enough:
            pass

    def put(self, data: bytes) -> None:
        """Have *data* sent; wait while too much is ahead of the client.

        Raises:
            ClientGone: Nobody takes it.
            Enough: The answer has no body, or no more of it is wanted.
        """
        if not data:
            return
        lock = self._lock
        with lock:
            if self._gone is not None:
                raise self._gone
            self.start.begun = True
            self._pieces.append(data)
            self._ahead += len(data)
            full = self._ahead > self._buffer and not self._whole
        self._tell()
        if self.start.bare:
            raise Enough
        if full:
            with lock:
                while self._ahead > self._buffer and self._gone is None:
                    lock.wait()

    def more(self) -> bytes:
        """Return the next bytes of the request's body, b"" at its end.

        Raises:
            BodyTooLarge, BadRequest, ClientGone, TimeoutError: As `Body.next`.
        """
        lock = self._lock
        with lock:
            if self._gone is not None:
                raise self._gone
            self._asked = True
        self._tell()
        with lock:
            while self._reply is None and self._gone is None:
                lock.wait()
            reply, self._reply = self._reply, None
            if reply is None:
                assert self._gone is not None
                raise self._gone
        data, error = reply
        if error is not None:
            raise error
        return data

    def _tell(self) -> None:
        with self._lock:
            if self._told:
                return
            self._told = True
        try:
            from_thread.call_soon(self._look)
        except RuntimeError:
            # The run is ending.  Nobody looks any more.
            with self._lock:
                self._gone = self._gone or ClientGone("the server has ended")

    # ---- the green side ----

    @green
    def response(self) -> Green[Response]:
        """Begin the call, and return the answer once its head is known.

        Raises:
            HTTPError: 503: more calls wait for a thread than may.
            BaseException: What the application raised.
        """
        self._helper = spawn(self._drive)
        while not (self._done or self._ready()):
            yield from self._turn()
        if self._error is not None:
            raise self._raised()
        start = self.start
        if self._file is not None:
            self._left = size_of(self._file) if start.told is None else start.told - self._ahead
            length = None if self._left is None else self._left + self._ahead
            return start.response(self, length)
        if self._whole or (self._done and not self._pieces):
            return start.response(self._rest())
        told = start.told
        if told is not None and told == self._ahead:
            # Whatever is still to come is an error, and no piece of the body.
            return start.response(self._rest())
        return start.response(self)

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Return the next pieces, joined, or `END` when the thread gives no more."""
        self._sent()
        while not (self._done or self._ready()):
            yield from self._turn()
        if self._pieces:
            return self._take()
        if self._error is not None:
            raise self._raised()
        if self._file is None:
            return END
        size = PIECE if self._left is None else min(PIECE, self._left)
        data: bytes = (yield from self._pool.execute(self._file.read, size)) if size > 0 else b""
        if self._left is not None:
            self._left -= len(data)
        return data or END

    def _ready(self) -> bool:
        """Whether there is enough to be sent."""
        if not self._pieces:
            return False
        return self._ahead >= min(self._buffer, chunk_of(self.environ, self._chunk))

    @green
    def ended(self) -> Green[None]:
        """Wait until the thread has returned; nobody takes what it puts."""
        self._leave(ClientGone("the exchange is over"))
        helper = self._helper
        if helper is not None:
            fault: Optional[BaseException] = None
            try:
                yield from helper.wait()
            except BaseException as exc:
                fault = exc
            if fault is not None:
                # A thread cannot be interrupted.  It is waited for until this greenthread is
                # cancelled for good; then it ends by itself, when it has called close().
                try:
                    yield from helper.wait()
                    raise fault
                finally:
                    helper.kill_soon()
                    del fault  # or it and this frame hold each other
        close = getattr(self._file, "close", None)
        if close is not None:
            yield from self._pool.execute(close)

    def leftover(self) -> Optional[BaseException]:
        """Return what was raised when it was too late to answer with it."""
        error, self._error, self._late = self._error or self._late, None, None
        return error

    @green
    def _drive(self) -> Green[None]:
        try:
            yield from self._pool.execute_abandonable(self._work)
        except BaseException as exc:
            # No thread has begun, or none will say what became of it.
            self._error = self._error or (overloaded() if isinstance(exc, WouldBlock) else exc)
            self._done = True
            self._look()
            if not isinstance(exc, (WouldBlock, RuntimeError)):
                raise

    @green
    def _turn(self) -> Green[None]:
        """Give the thread what it asks for, or wait for what it does."""
        with self._lock:
            asked, self._asked = self._asked, False
        if asked:
            # Nothing is ready to be sent: the client may wait for that before it sends.
            yield from self._receive()
            return
        changed = self._changed
        yield from changed.wait()
        changed.reset()
        with self._lock:
            self._told = False

    @green
    def _receive(self) -> Green[None]:
        body = self._body
        assert body is not None
        try:
            piece = yield from body.next()
        except (HTTPError, ClientGone, TimeoutError) as exc:
            self._answer(b"", exc)
        else:
            self._answer(b"" if piece is END else piece, None)

    def _answer(self, data: bytes, error: Optional[BaseException]) -> None:
        with self._lock:
            self._reply = (data, error)
            self._lock.notify()

    def _look(self) -> None:
        if not self._changed.ready():
            self._changed.send(None)

    def _take(self) -> bytes:
        pieces: List[bytes] = []
        size = 0
        with self._lock:
            while self._pieces and size < PIECE:
                piece = self._pieces.popleft()
                pieces.append(piece)
                size += len(piece)
            self._taken = size
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _rest(self) -> bytes:
        with self._lock:
            pieces = list(self._pieces)
            self._pieces.clear()
            self._ahead = 0
            self._lock.notify()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _sent(self) -> None:
        """What was taken has left: there is room for more."""
        if self._taken:
            with self._lock:
                self._ahead -= self._taken
                self._taken = 0
                self._lock.notify()

    def _leave(self, why: BaseException) -> None:
        with self._lock:
            self._gone = self._gone or why
            self._lock.notify()

    def _raised(self) -> BaseException:
        error = self.leftover()
        assert error is not None
        return error


def overloaded() -> HTTPError:
    """Return the answer of a server that has too much to do."""
    return HTTPError(503, "", [("Retry-After", "1")])
