"""The environ of a request, after PEP 3333."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple, cast
from urllib.parse import unquote_to_bytes

from ..http.errors import HTTPError

if TYPE_CHECKING:
    from ..http.messages import Request
    from .start import Environ

__all__ = ["Template", "address_of"]

# Names of headers that many clients send, and their keys.  The table grows to a bound.
_keys: Dict[str, str] = {}
MOST_KEYS = 500


class Template:
    """What the environs of an application have in common.

    Args:
        extra: Put over the server's own entries.
        script_name: The path at which the application is, such as "/shop".
        multithread, multiprocess: Whether several threads, or processes, run the application.
        eventlet: Add what is eventlet's, some of which is no valid environ for ``wsgiref.validate``.
    """

    def __init__(
        self,
        extra: Optional[Mapping[str, Any]],
        script_name: str,
        multithread: bool,
        multiprocess: bool,
        eventlet: bool,
    ) -> None:
        if script_name and (script_name[:1] != "/" or script_name[-1:] == "/"):
            raise ValueError(f"script_name is '' or like '/shop'; got {script_name!r}")
        self._script_name: str = script_name
        self._extra: Dict[str, Any] = dict(extra or {})
        self._eventlet: bool = eventlet
        self._base: Dict[str, Any] = {
            "wsgi.version": (1, 0),
            "wsgi.multithread": multithread,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SCRIPT_NAME": script_name,
        }

    def environ(self, request: Request, size: Optional[int]) -> Environ:
        """Return a new environ, without ``wsgi.input``.

        Args:
            size: Of the body, if it is known; a chunked one that was read is like any other then.

        Raises:
            HTTPError: 404: the request is not for the application's path.
        """
        raw = request.raw_path
        path = unquote_to_bytes(raw).decode("latin-1")
        script = self._script_name
        if script:
            if path != script and not path.startswith(script + "/"):
                raise HTTPError(404)
            path = path[len(script) :]
        environ = dict(self._base)
        environ["REQUEST_METHOD"] = request.method
        environ["PATH_INFO"] = path
        environ["RAW_PATH_INFO"] = raw.decode("latin-1")
        environ["QUERY_STRING"] = request.query
        environ["SERVER_PROTOCOL"] = f"HTTP/{request.version}"
        environ["wsgi.url_scheme"] = request.scheme
        environ["wsgi.errors"] = sys.stderr
        if request.scheme == "https":
            environ["HTTPS"] = "on"
        environ["SERVER_NAME"], environ["SERVER_PORT"] = _server(request)
        environ["REMOTE_ADDR"] = request.client
        environ["REMOTE_PORT"] = _remote_port(request)
        fields = request.headers.items()
        _put_headers(environ, fields)
        if size is not None and "HTTP_TRANSFER_ENCODING" in environ:
            del environ["HTTP_TRANSFER_ENCODING"]
            environ["CONTENT_LENGTH"] = str(size)
        if request.host:
            environ["HTTP_HOST"] = request.host
        if self._eventlet:
            environ["headers_raw"] = tuple(fields)
            environ["eventlet.posthooks"] = []
        if self._extra:
            environ.update(self._extra)
        return environ


def _server(request: Request) -> Tuple[str, str]:
    """Return the address and the port of this side; of a Unix socket what the scheme means."""
    address: object = cast(Any, request.stream.socket).getsockname()
    if isinstance(address, tuple):
        place = cast("Tuple[object, ...]", address)
        return str(place[0]), str(place[1])
    return "unix", "443" if request.scheme == "https" else "80"


def _remote_port(request: Request) -> str:
    """Return the port of the client; "" where it is behind a proxy, or has none."""
    peer: object = request.peer
    if isinstance(peer, tuple) and address_of(request.peer) == request.client:
        return str(cast("Tuple[object, ...]", peer)[1])
    return ""


def address_of(peer: object) -> str:
    """Return the address of a peer, without its port; "unix" for one on a Unix socket."""
    return str(cast("Tuple[object, ...]", peer)[0]) if isinstance(peer, tuple) else "unix"


def _put_headers(environ: Environ, fields: List[Tuple[str, str]]) -> None:
    for name, value in fields:
        key = _keys.get(name)
        if key is None:
            key = _key(name)
            if len(_keys) < MOST_KEYS:
                _keys[name] = key
        if not key:
            continue
        if key in environ:
            environ[key] += ("; " if key == "HTTP_COOKIE" else ", ") + value
        else:
            environ[key] = value


def _key(name: str) -> str:
    """Return the key of a header; "" for one that could be taken for another."""
    if "_" in name:
        return ""
    key = name.replace("-", "_").upper()
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
