"""``genlet serve``: serves a handler, a WSGI application, or the files of a folder."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from logging import INFO, Formatter, Logger, StreamHandler
from typing import TYPE_CHECKING, Any, Callable, Tuple, cast

from . import UsageError
from .run import function_of

if TYPE_CHECKING:
    from ..abc import Green
    from ..http import Handler
    from ..net import Listeners
    from ..structured.stopping import Stopper

SUMMARY = "serve a handler, a WSGI application, or the files of a folder"


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "target",
        nargs="?",
        metavar="FILE.py | module:app",
        help="a handler of genlet.http, which is called with a request, or a WSGI application, which"
        " is called with an environ and start_response; of a file, its `handler`",
    )
    what.add_argument("--directory", metavar="PATH", help="serve the files of this folder")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="an address (default: %(default)s)")
    add("--port", type=int, default=8000, help="(default: %(default)s)")
    add("--unix", metavar="PATH", help="listen on a Unix socket instead")
    add("--tls", metavar="CERTFILE", help="the certificate, for https")
    add("--key", metavar="KEYFILE", help="its key, if it is in another file")
    add("--quiet", action="store_true", help="no access log on stderr")
    add(
        "--workers",
        type=int,
        default=1,
        help="processes; SIGHUP replaces them one by one (default: %(default)s)",
    )
    add(
        "--mode",
        choices=("threads", "inline", "green"),
        default="threads",
        help="how a WSGI application is called (default: %(default)s)",
    )
    add(
        "--threads",
        type=int,
        default=20,
        help="calls of a WSGI application at a time, in each process (default: %(default)s)",
    )
    add(
        "--drain",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long requests in flight may take after a stop (default: %(default)s)",
    )
    add("--timeout", type=float, metavar="SECONDS", help="kill a worker that stands still so long")


def command(args: argparse.Namespace) -> int:
    """Serve until a signal.

    Raises:
        UsageError: What to serve is not there, or it cannot listen.
    """
    try:
        from .. import http
    except ImportError as exc:
        raise UsageError(str(exc)) from None
    if args.workers < 1 or args.threads < 1:
        raise UsageError("--workers and --threads are at least 1")
    if args.directory is not None and not os.path.isdir(args.directory):
        raise UsageError(f"there is no folder {args.directory!r}")
    said = _say("https" if args.tls else "http")
    try:
        if args.workers > 1:
            return _serve_by_workers(args, said)
        http.run(
            _handler_of(args),
            host=args.host or None,
            port=args.port,
            unix=args.unix,
            certfile=args.tls,
            keyfile=args.key,
            ready=said,
            access_log=_access_log(args),
            drain=args.drain,
        )
    except (OSError, ValueError, OverflowError) as exc:
        raise UsageError(str(exc)) from None
    return 0


def _serve_by_workers(args: argparse.Namespace, said: Callable[[Listeners], None]) -> int:
    if sys.platform == "win32":
        raise UsageError("--workers forks, which Windows cannot")
    from .. import http, prefork
    from ..http.running import listeners_for, tls_context

    tls = None if args.tls is None else tls_context(args.tls, args.key)
    listeners = listeners_for(args.host or None, args.port, args.unix)

    def main(stopper: Stopper) -> Green[None]:
        # Loaded by the worker: the one that SIGHUP brings has the present program.
        try:
            handler = _handler_of(args)
        except UsageError as exc:
            print(f"genlet serve: error: {exc}", file=sys.stderr)
            raise SystemExit(prefork.CANNOT_BEGIN) from None
        yield from http.serve(
            handler,
            listeners,
            tls=tls,
            access_log=_access_log(args),
            stopper=stopper,
            drain=args.drain,
        )

    with listeners:
        said(listeners)
        return prefork.run(main, args.workers, grace=args.drain + 5, timeout=args.timeout)


def _handler_of(args: argparse.Namespace) -> Handler:
    """Load what is to be served, as a handler."""
    from .. import wsgi
    from ..http import files

    if args.directory is not None:
        return files.serve(args.directory)
    found: Any = function_of(args.target, [], "handler")
    if _takes_one(found):
        # What it takes and gives is seen when it is called.
        return cast("Handler", found)
    return wsgi.handler(found, mode=args.mode, threads=args.threads, multiprocess=args.workers > 1)


def _takes_one(fn: Callable[..., object]) -> bool:
    """Whether *fn* is called with a request, and cannot be with an environ and start_response."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return False
    try:
        signature.bind(None, None)
    except TypeError:
        return True
    return False


def _access_log(args: argparse.Namespace) -> Any:
    from ..http import AccessLog

    return None if args.quiet else AccessLog(_stderr())


def _stderr() -> Logger:
    logger = Logger("genlet.access", INFO)
    handler = StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(message)s"))
    logger.addHandler(handler)
    return logger


def _say(scheme: str) -> Callable[[Listeners], None]:
    def say(listeners: Listeners) -> None:
        for listener in listeners:
            address: object = listener.address
            if isinstance(address, tuple):
                host, port = cast("Tuple[str, int]", address)[:2]  # of TCP
                shown = f"[{host}]" if ":" in host else host
                print(f"serving on {scheme}://{shown}:{port}/", flush=True)
            else:
                print(f"serving on {address}", flush=True)

    return say
