"""``genlet serve``: answers HTTP with a handler, or with the files of a folder."""

from __future__ import annotations

import argparse
import os
import sys
from logging import INFO, Formatter, Logger, StreamHandler
from typing import TYPE_CHECKING, Callable, Optional, Tuple, cast

from . import UsageError
from .run import function_of

if TYPE_CHECKING:
    from ..http import Handler
    from ..net import Listeners

SUMMARY = "answer HTTP with a handler, or with the files of a folder"


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "target",
        nargs="?",
        metavar="FILE.py | module:handler",
        help="a handler of genlet.http; of a file, its `handler`",
    )
    what.add_argument("--directory", metavar="PATH", help="serve the files of this folder")
    parser.add_argument("--host", default="127.0.0.1", help="an address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    parser.add_argument("--unix", metavar="PATH", help="listen on a Unix socket instead")
    parser.add_argument("--tls", metavar="CERTFILE", help="the certificate, for https")
    parser.add_argument("--key", metavar="KEYFILE", help="its key, if it is in another file")
    parser.add_argument("--quiet", action="store_true", help="no access log on stderr")


def command(args: argparse.Namespace) -> int:
    """Serve until a signal.

    Raises:
        UsageError: What to serve is not there, or it cannot listen.
    """
    try:
        from .. import http
        from ..http import files
    except ImportError as exc:
        raise UsageError(str(exc)) from None
    directory: Optional[str] = args.directory
    if directory is None:
        # What it takes and gives is seen when it is called.
        handler = cast("Handler", function_of(args.target, [], "handler"))
    elif os.path.isdir(directory):
        handler = files.serve(directory)
    else:
        raise UsageError(f"there is no folder {directory!r}")
    access_log = None if args.quiet else http.AccessLog(_stderr())
    said = _say("https" if args.tls else "http")
    try:
        http.run(
            handler,
            host=args.host or None,
            port=args.port,
            unix=args.unix,
            certfile=args.tls,
            keyfile=args.key,
            ready=said,
            access_log=access_log,
        )
    except (OSError, ValueError, OverflowError) as exc:
        raise UsageError(str(exc)) from None
    return 0


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
