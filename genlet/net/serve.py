"""Serving: a greenthread for each connection, a limited number at once, and an orderly end."""

# Theory of operation
# -------------------
# Two groups, one inside the other: the acceptors, one for each listener, and around them the
# connections.  Stopping ends the acceptors and leaves the connections alone; when the acceptors are
# gone the connections have `drain` seconds, then their group is cancelled with its `grace`.  A kill
# of `serve`, or anything else that ends its greenthread, reaches both through the kernel.
#
# A connection has an owner from the moment it is accepted.  Whatever becomes of its greenthread,
# also if it never begins, the link at its end closes the stream and gives the slot back, unless that
# was given back before the goodbye.
#
# Slots: an acceptor waits until one is free, accepts, and then takes one.  Taking it first would let
# the acceptor of a quiet listener keep a slot from a busy one.  So with several listeners there may
# be, for each but one, a connection that was accepted and waits for its slot; never more handlers
# than slots.

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Callable, Iterable, Optional, Set, Tuple, Union

from .._counts import check_count
from .._objects import closes_generator, is_a, traceback_of
from ..abc import Green, green
from ..errors import ClosedResource, IncompleteReadError
from ..kernel import (
    AnyGreenThread,
    Cancelled,
    check_grace,
    check_seconds,
    checkpoint,
    fail_after,
    get_scheduler,
    getcurrent,
    interrupted_by,
    move_on_after,
)
from ..semaphore import Semaphore
from ..structured.stopping import Stopper
from ..structured.taskgroup import TaskGroup
from .accepting import Acceptor, log
from .listen import Listener
from .proxied import BadHeader, Trusted, receive_header
from .stream import Stream

if TYPE_CHECKING:
    from ssl import SSLContext

    ContextOrSource = Union[SSLContext, Callable[[], SSLContext]]

__all__ = ["serve"]

Handler = Callable[[Stream], Green[object]]
OnError = Callable[[Stream, BaseException], object]


@green
def serve(
    handler: Handler,
    listeners: Union[Listener, Iterable[Listener]],
    *,
    limit: int = 1000,
    tls: Optional[ContextOrSource] = None,
    handshake_timeout: float = 10.0,
    stopper: Optional[Stopper] = None,
    drain: float = inf,
    grace: float = 1.0,
    on_error: Optional[OnError] = None,
    on_full: Optional[Callable[[], object]] = None,
    on_closed: Optional[Callable[[], object]] = None,
    trusted: Iterable[str] = (),
) -> Green[None]:
    """Accept connections and run ``handler(stream)`` for each in a greenthread of its own.

    ::

        def handle(stream: Stream) -> Green[None]:
            while (line := (yield from stream.next())) is not END:
                yield from stream.send_all(line)

        yield from serve(handle, listen("localhost", 8000))

    A connection is finished when its handler returns, and closed when it raises.  A handler that
    raises is reported, and the others go on.  While a connection is finished, which may take a second
    if its client lingers, another one is handled.

    It returns when all listeners are closed, by *stopper* or by anybody, and all connections have
    ended.  Stopped, it first takes what is in the backlog while there are slots, then closes the
    listeners.  A handler is told to end by a ``stopper.region()`` around the waits in which it is
    idle.  Interrupted, it ends the handlers too, with *grace*.

    Args:
        handler: A green function.
        listeners: It closes them at its end, whatever the end.
        limit: Handlers at a time.  At the limit nothing is accepted: clients wait in the backlog.
        tls: Secures every connection before its handler begins: a context, or a plain function that
            returns the context for a connection that begins now, such as a `ContextSource`.
        handshake_timeout: Seconds for that; a client that stays silent is dropped then.
        stopper: Stops it.
        drain: Seconds the handlers have to end after the last listener was closed; then they are
            cancelled.
        grace: Seconds that cancelled handlers have to clean up.
        on_error: Called as ``on_error(stream, exc)``, plainly, when a handler has raised; what it
            raises itself ends the server.  None reports on stderr, through the run's excepthook.
            The greenthread is named after the handler and the peer.  A client that reset its own
            connection, or failed to secure it, is no error: it is logged at level INFO, as one line
            of the logger "genlet.net".
        on_full: Called, plainly, each time a listener finds *limit* handlers at work and waits for
            one of them to end; it may make one end.
        on_closed: Called, plainly, when the last listener was closed, by anybody: it may make
            handlers end that wait for nothing but more work.
        trusted: Addresses and networks of proxies, such as ("10.0.0.0/8", "unix").  A connection from
            there must begin with a header of the PROXY protocol, version 1 or 2, before any TLS, within
            *handshake_timeout*; the address in it is the stream's ``peer``.  From others no header is
            read.

    Raises:
        TypeError, ValueError, OverflowError: *limit* is no int, or less than 1; a number of seconds
            is none, *grace* is negative, or *trusted* has what is no address.
        OSError: A listener failed in a way that will not pass.

    Source:
        eventlet ``serve``, trio ``serve_listeners``, Go ``http.Server.Shutdown``.
    """
    every = (listeners,) if isinstance(listeners, Listener) else tuple(listeners)
    try:
        limit = check_count(limit, "limit", 1)
        handshake_timeout = check_seconds(handshake_timeout, "handshake_timeout")
        drain, grace = check_seconds(drain, "drain"), check_grace(grace)
        server = Server(
            handler, limit, tls, handshake_timeout, on_error, on_full, on_closed, Trusted(trusted)
        )
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
        tls: Optional[ContextOrSource],
        handshake_timeout: float,
        on_error: Optional[OnError],
        on_full: Optional[Callable[[], object]],
        on_closed: Optional[Callable[[], object]],
        trusted: Trusted,
    ) -> None:
        self._handler: Handler = handler
        self._tls: Optional[ContextOrSource] = tls
        self._handshake_timeout: float = handshake_timeout
        self._on_error: Optional[OnError] = on_error
        self._on_full: Optional[Callable[[], object]] = on_full
        self._on_closed: Optional[Callable[[], object]] = on_closed
        self._trusted: Trusted = trusted
        self._name: str = getattr(handler, "__qualname__", None) or repr(handler)
        self._limit: int = limit
        self._slots: Semaphore = Semaphore(limit)
        # Those that have given their slot back, and say goodbye.
        self._lingering: Set[AnyGreenThread] = set()

    @green
    def run(
        self, listeners: Tuple[Listener, ...], stopper: Stopper, drain: float, grace: float
    ) -> Green[None]:
        with TaskGroup(errors="first", grace=grace, name="connections") as connections:
            with TaskGroup(errors="first", name="acceptors") as acceptors:
                for listener in listeners:
                    acceptors.spawn(self._accept_all, listener, stopper, connections)
                yield from acceptors.join()
            if self._on_closed is not None:
                self._on_closed()
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
        acceptor = Acceptor(listener.accept, listener)
        with listener:
            with stopper.region():
                while True:
                    if self._on_full is not None and self._slots.locked():
                        yield from checkpoint()  # let the last handler begin
                        if self._slots.locked():
                            self._on_full()
                    yield from self._slots.acquire()
                    self._slots.release()
                    stream = yield from _next(acceptor)
                    if stream is None:
                        break
                    yield from self._take_slot(stream)
                    self._begin(stream, connections)
            if not listener.closed:
                yield from self._empty(listener, connections)

    @green
    def _take_slot(self, stream: Stream) -> Green[None]:
        """Take a slot for *stream*, which is closed if this is interrupted before there is one."""
        taken = False
        try:
            taken = yield from self._slots.acquire()
        finally:
            if not taken:
                stream.close()

    @green
    def _empty(self, listener: Listener, connections: TaskGroup) -> Green[None]:
        """Take what is in the backlog, as far as there are slots: closing would reset it."""
        listener.socket.settimeout(0)
        while not self._slots.locked():
            try:
                stream = yield from listener.accept()
            except OSError:
                break
            yield from self._take_slot(stream)
            self._begin(stream, connections)

    # ---- a connection ----

    def _begin(self, stream: Stream, connections: TaskGroup) -> None:
        gt = connections.spawn(self._converse, stream)
        gt.name = f"{self._name} {stream.peer or ''}".rstrip()
        gt.link(self._ended, stream)

    def _ended(self, gt: AnyGreenThread, stream: Stream) -> None:
        stream.close()
        if gt in self._lingering:
            self._lingering.discard(gt)
        else:
            self._slots.release()

    @green
    def _converse(self, accepted: Stream) -> Green[None]:
        stream: Optional[Stream] = accepted
        if self._trusted and accepted.peer in self._trusted:
            stream = yield from self._unproxied(accepted)
        if stream is not None and self._tls is not None:
            stream = yield from self._secure(stream, self._tls)
        if stream is None:
            return
        try:
            with stream:
                yield from self._handler(stream)
                yield from self._say_goodbye(stream)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            if is_a(exc, GeneratorExit) and closes_generator(exc):
                raise
            gt = getcurrent()
            if is_a(exc, Cancelled) and interrupted_by(gt, exc):
                raise
            self._failed(stream, gt, exc)

    @green
    def _say_goodbye(self, stream: Stream) -> Green[None]:
        """Finish *stream*, in its slot only if too many others do so outside of theirs."""
        if not stream.closed and len(self._lingering) < self._limit:
            self._lingering.add(getcurrent())
            self._slots.release()
        try:
            yield from stream.finish()
        except OSError:
            pass  # the client did not wait for it

    def _failed(self, stream: Stream, gt: AnyGreenThread, exc: BaseException) -> None:
        """Report that a handler, which *gt* runs, raised *exc*."""
        if is_a(exc, ConnectionError) and _came_from(stream, exc):
            log.info("%s: the client has gone: %s", gt.name, exc)
        elif self._on_error is not None:
            self._on_error(stream, exc)
        else:
            get_scheduler().tell_hook(gt, exc)

    @green
    def _unproxied(self, stream: Stream) -> Green[Optional[Stream]]:
        """Take the PROXY header off *stream*, and return it; None if there is none."""
        try:
            with fail_after(self._handshake_timeout):
                peer = yield from receive_header(stream.socket)
        except (OSError, IncompleteReadError, BadHeader) as exc:
            log.info("no PROXY header from %s: %s", stream.peer, exc)
            return None
        if peer is not None:
            stream.peer = peer
            getcurrent().name = f"{self._name} {peer}"
        return stream

    @green
    def _secure(self, stream: Stream, tls: ContextOrSource) -> Green[Optional[Stream]]:
        """Return the stream secured; None if the client fails to, which is nobody's error here."""
        try:
            context = tls() if callable(tls) else tls
        except Exception as exc:
            self._failed(stream, getcurrent(), exc)
            return None
        try:
            with fail_after(self._handshake_timeout):
                return (yield from stream.start_tls(context, server_side=True))
        except OSError as exc:  # ssl.SSLError and TimeoutError are
            log.info("TLS handshake with %s failed: %s", stream.peer, exc)
            return None


def _came_from(stream: Stream, exc: BaseException) -> bool:
    """Whether *exc* was raised by *stream* or its socket, and not by another connection."""
    traceback = traceback_of(exc)
    while traceback is not None:
        owner: object = traceback.tb_frame.f_locals.get("self")
        if owner is stream or owner is stream.socket:
            return True
        traceback = traceback.tb_next
    return False


@green
def _next(acceptor: Acceptor[Stream]) -> Green[Optional[Stream]]:
    """Return the next connection; None when the listener is closed."""
    try:
        return (yield from acceptor.next())
    except ClosedResource:
        return None
