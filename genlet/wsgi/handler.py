"""WSGI applications as handlers of `genlet.http`."""

from __future__ import annotations

from functools import partial
from logging import Logger, getLogger
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    List,
    Literal,
    Mapping,
    Optional,
    Tuple,
    Union,
    cast,
)

from .._counts import check_count
from ..abc import Green, green
from ..tpool import ThreadPool
from .environ import Template
from .files import FileWrapper
from .input import GreenInput, Spooled, reader, spooled
from .onkernel import KernelCall
from .start import Application, Environ
from .threads import ThreadCall, overloaded

if TYPE_CHECKING:
    from ..http.messages import Request, Response

__all__ = ["Handler", "Mode", "handler"]

log: Logger = getLogger("genlet.wsgi")

Mode = Literal["threads", "inline", "green"]
Hook = Tuple[Callable[..., object], Tuple[object, ...], Dict[str, object]]


class Handler:
    """A WSGI application as a handler of `genlet.http.serve`; made by `handler`."""

    def __init__(
        self,
        app: Application,
        mode: Mode,
        threads: int,
        queue: int,
        buffer: int,
        stream_body: bool,
        chunk: int,
        template: Template,
        capitalize: bool,
    ) -> None:
        self._app: Application = app
        self._mode: Mode = mode
        self._threads: int = threads
        self._queue: int = queue
        self._pool: Optional[ThreadPool] = (
            ThreadPool(threads, "wsgi", queue=queue) if mode == "threads" else None
        )
        self._buffer: int = buffer
        self._stream_body: bool = stream_body
        self._chunk: int = chunk
        self._template: Template = template
        self._capitalize: bool = capitalize

    @green
    def __call__(self, request: Request) -> Green[Response]:
        """Answer *request* with what the application says."""
        pool = self._pool
        body: Optional[Spooled] = None
        if self._mode != "green" and not self._stream_body:
            if pool is not None and _announces_body(request):
                self._refuse_early(pool)
            body = yield from spooled(request.body, self._buffer)
        call: Union[ThreadCall, KernelCall]
        if pool is not None:
            streamed = request.body if body is None else None
            call = ThreadCall(
                pool,
                self._app,
                request.method,
                streamed,
                self._buffer,
                self._chunk,
                self._capitalize,
            )
        else:
            waits = self._mode == "green"
            call = KernelCall(self._app, request.method, waits, self._chunk, self._capitalize)
        request.ended = partial(self._ended, call, body)
        environ = self._template.environ(request, None if body is None else body.size)
        if body is not None:
            environ["wsgi.input"] = body.file
        elif isinstance(call, ThreadCall):
            environ["wsgi.input"] = reader(call.more)
        else:
            environ["wsgi.input"] = GreenInput(request.body)
        environ["wsgi.file_wrapper"] = FileWrapper
        call.environ = environ
        return (yield from call.response())

    def _refuse_early(self, pool: ThreadPool) -> None:
        """Refuse a request whose body would be read for nothing."""
        found = pool.statistics()
        if found.queued >= self._queue and not found.idle and found.threads >= self._threads:
            raise overloaded()

    @green
    def _ended(self, call: Union[ThreadCall, KernelCall], body: Optional[Spooled]) -> Green[None]:
        try:
            yield from call.ended()
        finally:
            if body is not None:
                body.file.close()
            error = call.leftover()
            if error is not None:
                log.error("an application failed behind its answer", exc_info=error)
        hooks = call.environ.get("eventlet.posthooks")
        if hooks:
            yield from self._call_hooks(call.environ, hooks)

    @green
    def _call_hooks(self, environ: Environ, hooks: List[Hook]) -> Green[None]:
        """Call eventlet's hooks, which follow the answer, as the application is called."""
        for fn, args, kwargs in hooks:
            try:
                if self._pool is not None:
                    yield from self._pool.execute(fn, environ, *args, **kwargs)
                else:
                    result = fn(environ, *args, **kwargs)
                    if self._mode == "green" and hasattr(result, "send"):
                        yield from cast("Green[object]", result)
            except Exception:
                log.exception("a hook of %r failed", self._app)

    def close(self) -> None:
        """Dismiss the threads.  A plain call; a handler that is used again gets new ones."""
        if self._pool is not None:
            self._pool.killall()

    def __repr__(self) -> str:
        return f"<wsgi.handler {getattr(self._app, '__qualname__', None) or self._app!r}>"


def _announces_body(request: Request) -> bool:
    headers = request.headers
    return "Content-Length" in headers or "Transfer-Encoding" in headers


def handler(
    app: Application,
    *,
    mode: Mode = "threads",
    threads: int = 20,
    queue: int = 100,
    buffer: int = 1 << 20,
    stream_body: bool = False,
    minimum_chunk_size: int = 0,
    environ: Optional[Mapping[str, Any]] = None,
    script_name: str = "",
    multiprocess: bool = False,
    capitalize_response_headers: bool = False,
    eventlet: bool = False,
) -> Handler:
    """Return *app*, a WSGI application, as a handler for `genlet.http.serve`.

    ::

        yield from http.serve(wsgi.handler(app), listen("localhost", 8000))

    Args:
        app: Called as ``app(environ, start_response)``, after PEP 3333.
        mode: "threads": each call is made by one thread, from its beginning to its end; for every
            application there is.  "inline": calls are made on the kernel, and stop everything while
            they run; for applications that do not block.  "green": as inline, and an application that
            is a generator may wait with ``yield from``; the bytes that it yields are its body.
        threads: How many calls are made at a time.
        queue: How many calls may wait for a thread; one more is answered with 503.
        buffer: How many bytes of a body are held in memory, for a request and for an answer.  A longer
            request is kept in a temporary file; a longer answer makes its thread wait for the client.
        stream_body: Call the application when the head has come, and read the body while it asks.  A
            slow client then holds a thread, or with "inline" is an error.
        minimum_chunk_size: Bytes of an answer that are collected before they are sent.  0 sends every
            piece at once, as PEP 3333 has it.  ``environ["eventlet.minimum_write_chunk_size"]`` sets it
            for one answer.
        environ: Put over the entries of every environ.
        script_name: The path at which the application is, such as "/shop"; others are not found.
        multiprocess: Tell the application that other processes run it too.
        capitalize_response_headers: Write their names like ``Content-Type``.
        eventlet: Add eventlet's entries to the environ: ``headers_raw`` and ``eventlet.posthooks``.

    Raises:
        TypeError: *app* cannot be called.
        ValueError: *mode* is something else; or inline mode is to stream bodies.
    """
    if not callable(cast(object, app)):
        raise TypeError(f"a WSGI application is called; got {app!r}")
    if mode not in ("threads", "inline", "green"):
        raise ValueError(f"the mode is 'threads', 'inline' or 'green'; got {mode!r}")
    if mode == "inline" and stream_body:
        raise ValueError("an inline application cannot wait for its body: use threads or green")
    template = Template(environ, script_name, mode == "threads", multiprocess, eventlet)
    return Handler(
        app,
        mode,
        check_count(threads, "threads", 1),
        check_count(queue, "queue"),
        check_count(buffer, "buffer"),
        stream_body,
        check_count(minimum_chunk_size, "minimum_chunk_size"),
        template,
        capitalize_response_headers,
    )
