"""Serving: a greenthread for each connection, a limited number at once, and an orderly end."""

# Theory of operation
# -------------------
# Two groups, one inside the other: the acceptors, one for each listener, and around them the
# connections.  Stopping ends the acceptors and leaves the connections alone; when the acceptors are
# gone the connections have `drain` seconds, then their group is cancelled with its `grace`.  A kill
# of `serve`, or anything else that ends its greenthread, reaches both through the kernel.
#
# A connection has an owner from the moment it is accepted.  Whatever becomes of its greenthread,
# also if it never begins, the link at its end closes the stream and gives the slot back.
#
# Slots: an acceptor waits until one is free, accepts, and then takes one.  Taking it first would let
# the acceptor of a quiet listener keep a slot from a busy one.  So with several listeners there may
# be, for each but one, a connection that was accepted and waits for its slot; never more handlers
# than slots.

from __future__ import annotations

import errno
from logging import Logger, getLogger  # now: with no descriptor left nothing can be imported
from math import inf
from typing import TYPE_CHECKING, Callable, Iterable, Optional, Tuple, Union

from .._counts import check_count
from ..abc import Green, green
from ..errors import ClosedResource
from ..kernel import (
    AnyGreenThread,
    Cancelled,
    check_grace,
    check_seconds,
    fail_after,
    get_scheduler,
    getcurrent,
    interrupted_by,
    move_on_after,
    sleep,
)
from ..semaphore import Semaphore
from ..structured.stopping import Stopper
from ..structured.taskgroup import TaskGroup
from .listen import Listener
from .stream import Stream

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["serve"]

log: Logger = getLogger("genlet.net")

Handler = Callable[[Stream], Green[object]]
OnError = Callable[[Stream, BaseException], object]

# Too little for another connection: it stays in the backlog until something was given back.
SHORT_OF = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
FIRST_PAUSE = 0.01  # seconds, doubled
LONGEST_PAUSE = 1.0
SILENCE = 60.0  # seconds without a shortage, before the next one is news


@green
def serve(
    handler: Handler,
    listeners: Union[Listener, Iterable[Listener]],
    *,
    limit: int = 1000,
    tls: Optional[SSLContext] = None,
    handshake_timeout: float = 10.0,
    stopper: Optional[Stopper] = None,
    drain: float = inf,
    grace: float = 1.0,
    on_error: Optional[OnError] = None,
) -> Green[None]:
    """Accept connections and run ``handler(stream)`` for each in a greenthread of its own.

    ::

        def handle(stream: Stream) -> Green[None]:
            while (line := (yield from stream.next())) is not END:
                yield from stream.send_all(line)

        yield from serve(handle, listen("localhost", 8000))

    A connection is finished when its handler returns, and closed when it raises.  A handler that
    raises is reported, and the others go on.

    It returns when all listeners are closed, by *stopper* or by anybody, and all connections have
    ended.  Stopped, it first takes what is in the backlog while there are slots, then closes the
    listeners.  A handler is told to end by a ``stopper.region()`` around the waits in which it is
    idle.  Interrupted, it ends the handlers too, with *grace*.

    Args:
        handler: A green function.
        listeners: It closes them at its end, whatever the end.
        limit: Handlers at a time.  At the limit nothing is accepted: clients wait in the backlog.
        tls: Secures every connection before its handler begins.
        handshake_timeout: Seconds for that; a client that stays silent is dropped then.
        stopper: Stops it.
        drain: Seconds the handlers have to end after the last listener was closed; then they are
            cancelled.
        grace: Seconds that cancelled handlers have to clean up.
        on_error: Called as ``on_error(stream, exc)``, plainly, when a handler has raised; what it
            raises itself ends the server.  None reports on stderr, through the run's excepthook.

    Raises:
        TypeError, ValueError, OverflowError: *limit* is no int, or less than 1; a number of seconds
            is none, or *grace* is negative.
        OSError: A listener failed in a way that will not pass.

    Source:
        eventlet ``serve``, trio ``serve_listeners``, Go ``http.Server.Shutdown``.
    """
    every = (listeners,) if isinstance(listeners, Listener) else tuple(listeners)
    try:
        limit = check_count(limit, "limit", 1)
        handshake_timeout = check_seconds(handshake_timeout, "handshake_timeout")
        drain, grace = check_seconds(drain, "drain"), check_grace(grace)
        server = Server(handler, limit, tls, handshake_timeout, on_error)
        yield from server.run(every, stopper or Stopper(), drain, grace)
    finally:
        for listener in every:
            listener.close()


class Server:
    """One call of `serve`."""

    def __init__(
        self,
        handler: Handler,
        limit: int,
        tls: Optional[SSLContext],
        handshake_timeout: float,
        on_error: Optional[OnError],
    ) -> None:
        self._handler: Handler = handler
        self._tls: Optional[SSLContext] = tls
        self._handshake_timeout: float = handshake_timeout
        self._on_error: Optional[OnError] = on_error
        self._slots: Semaphore = Semaphore(limit)
        self._silent_until: float = -inf  # when the next shortage is worth a line

    @green
    def run(
        self, listeners: Tuple[Listener, ...], stopper: Stopper, drain: float, grace: float
    ) -> Green[None]:
        with TaskGroup(errors="first", grace=grace, name="connections") as connections:
            with TaskGroup(errors="first", name="acceptors") as acceptors:
                for listener in listeners:
                    acceptors.spawn(self._accept_all, listener, stopper, connections)
                yield from acceptors.join()
            with move_on_after(drain):
                yield from connections.join()
            if connections.live:
                connections.cancel("the time to drain is over")
                yield from connections.join()

    # ---- accepting ----

    @green
    def _accept_all(
        self, listener: Listener, stopper: Stopper, connections: TaskGroup
    ) -> Green[None]:
        with listener:
            while True:
                stream: Optional[Stream] = None
                with stopper.region():
                    yield from self._slots.acquire()
                    self._slots.release()
                    stream = yield from self._accept(listener)
                if stream is None or not (yield from self._slot_for(stream, stopper)):
                    break
                self._begin(stream, connections)
            if not listener.closed:
                yield from self._empty(listener, stopper, connections)

    @green
    def _slot_for(self, stream: Stream, stopper: Stopper) -> Green[bool]:
        """Take a slot for *stream*; it is closed if the server is stopped before there is one."""
        taken = False
        try:
            with stopper.region():
                taken = yield from self._slots.acquire()
        finally:
            if not taken:
                stream.close()
        return taken

    @green
    def _accept(self, listener: Listener) -> Green[Optional[Stream]]:
        """Return the next connection, however long it takes; None when the listener is closed."""
        pause = FIRST_PAUSE
        while True:
            try:
                return (yield from listener.accept())
            except ClosedResource:
                return None
            except OSError as exc:
                if exc.errno not in SHORT_OF:
                    raise
                self._complain(listener, exc)
            yield from sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _complain(self, listener: Listener, exc: OSError) -> None:
        """Log that a listener is short of something: once for all that follows soon."""
        now = get_scheduler().clock()
        if now >= self._silent_until:
            log.error("%r cannot accept, and tries again until it can: %s", listener, exc)
        self._silent_until = now + SILENCE

    @green
    def _empty(self, listener: Listener, stopper: Stopper, connections: TaskGroup) -> Green[None]:
        """Take what is in the backlog, as far as there are slots: closing would reset it."""
        listener.socket.settimeout(0)
        while not self._slots.locked():
            try:
                stream = yield from listener.accept()
            except OSError:
                break
            if (yield from self._slot_for(stream, stopper)):
                self._begin(stream, connections)

    # ---- a connection ----

    def _begin(self, stream: Stream, connections: TaskGroup) -> None:
        gt = connections.spawn(self._converse, stream)
        gt.link(self._ended, stream)

    def _ended(self, _gt: AnyGreenThread, stream: Stream) -> None:
        stream.close()
        self._slots.release()

    @green
    def _converse(self, stream: Stream) -> Green[None]:
        if self._tls is not None:
            secured = yield from self._secure(stream, self._tls)
            if secured is None:
                return
            stream = secured
        try:
            with stream:
                yield from self._handler(stream)
                yield from _say_goodbye(stream)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as exc:
            gt = getcurrent()
            if isinstance(exc, Cancelled) and interrupted_by(gt, exc):
                raise
            self._failed(stream, gt, exc)

    def _failed(self, stream: Stream, gt: AnyGreenThread, exc: BaseException) -> None:
        """Report that a handler, which *gt* runs, raised *exc*."""
        if self._on_error is not None:
            self._on_error(stream, exc)
        else:
            get_scheduler().tell_hook(gt, exc)

    @green
    def _secure(self, stream: Stream, context: SSLContext) -> Green[Optional[Stream]]:
        """Return the stream secured; None if the client fails to, which is nobody's error here."""
        try:
            with fail_after(self._handshake_timeout):
                return (yield from stream.start_tls(context, server_side=True))
        except OSError as exc:  # ssl.SSLError and TimeoutError are
            log.info("TLS handshake with %s failed: %s", stream.peer, exc)
            return None


@green
def _say_goodbye(stream: Stream) -> Green[None]:
    try:
        yield from stream.finish()
    except OSError:
        pass  # the client did not wait for it
