"""The way to a server: straight, or by a proxy, with TLS at its end."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Callable, Dict, Optional, Tuple

from ..abc import Green, green
from ..net import Stream, connect
from .answers import AnswerHead, ClientWire
from .asking import Ask
from .failures import ConnectFailed, RequestError
from .framing import Limits, Refused
from .urls import URL, parse
from .wire import Mark

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Proxies", "basic", "default_context", "open_way"]

CHUNK = 65536
IGNORE_UNEXPECTED_EOF = 0x80  # of OpenSSL 3; Python 3.9 has no name for it


def basic(user: Tuple[str, str]) -> str:
    """Return the value of Authorization for user and password.

    Raises:
        RequestError: The user has a colon, which would end it.
    """
    if ":" in user[0]:
        raise RequestError("a user of Basic authentication has no colon")
    return "Basic " + b64encode(":".join(user).encode()).decode()


def default_context() -> SSLContext:
    """Return a context that verifies servers, and speaks HTTP/1.1 over TLS 1.2 and later."""
    from ..green.ssl import TLSVersion, create_default_context

    context = create_default_context()
    if context.minimum_version < TLSVersion.TLSv1_2:  # before Python 3.10
        context.minimum_version = TLSVersion.TLSv1_2
    # Python 3.9 takes an end that TLS has not announced for a goodbye.
    context.options &= ~IGNORE_UNEXPECTED_EOF
    context.set_alpn_protocols(["http/1.1"])
    return context


class Proxies:
    """Which proxy stands in front of which URL.

    Args:
        proxy: A URL of http; "environment" for what the variables ``http_proxy``, ``https_proxy``,
            ``all_proxy`` and ``no_proxy`` say; None for none.

    Raises:
        RequestError: It is no URL of http.
    """

    def __init__(self, proxy: Optional[str]) -> None:
        self._fixed: Optional[URL] = None
        self._named: Optional[Dict[str, str]] = None
        if proxy == "environment":
            from urllib.request import getproxies_environment

            self._named = getproxies_environment()
        elif proxy is not None:
            self._fixed = _proxy(proxy)

    def of(self, url: URL) -> Optional[URL]:
        """Return the proxy in front of *url*.

        Raises:
            RequestError: The environment names one that is no URL of http.
        """
        if self._named is None:
            return self._fixed
        import urllib.request

        # Typeshed does not know it.
        bypasses: Callable[[str, Dict[str, str]], bool] = vars(urllib.request)[
            "proxy_bypass_environment"
        ]
        scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
        found = self._named.get(scheme) or self._named.get("all")
        if not found or bypasses(f"{url.host}:{url.port}", self._named):
            return None
        return _proxy(found if "://" in found else f"http://{found}")


def _proxy(text: str) -> URL:
    try:
        return parse(text, ("http",))
    except RequestError as exc:
        raise RequestError(f"the proxy: {exc}") from None


@green
def open_way(
    ask: Ask, url: URL, proxy: Optional[URL], context: Callable[[], SSLContext], limits: Limits
) -> Green[Stream]:
    """Return a connection to what *url* names, on which requests can be sent.

    Args:
        context: Called for a URL of https.

    Raises:
        ConnectFailed: It cannot be made; the cause says why.
    """
    secure = url.scheme in ("https", "wss")
    near = url if proxy is None else proxy
    try:
        stream = yield from connect(near.address, near.port)
    except (OSError, UnicodeError) as exc:
        where = "" if proxy is None else "the proxy: "
        raise _failed(ask, f"{where}{exc}") from exc
    try:
        if proxy is not None and (secure or ask.protocol):
            yield from _pass_through(ask, stream, url, proxy, limits)
        if secure:
            stream = yield from stream.start_tls(
                context(), server_hostname=url.host.rstrip(".") or url.host
            )
    except OSError as exc:
        stream.close()
        if isinstance(exc, ConnectFailed):
            raise
        raise _failed(ask, f"TLS with {url.host}: {exc}") from exc
    except BaseException:
        stream.close()
        raise
    return stream


def _failed(ask: Ask, reason: str) -> ConnectFailed:
    return ConnectFailed(reason, ask.method, ask.shown, ask.phase)


@green
def _pass_through(ask: Ask, stream: Stream, url: URL, proxy: URL, limits: Limits) -> Green[None]:
    """Have the proxy connect to *url*.

    Raises:
        ConnectFailed: It does not.
    """
    host = f"[{url.host}]" if ":" in url.host else url.host
    lines = [f"CONNECT {host}:{url.port} HTTP/1.1", f"Host: {host}:{url.port}"]
    if proxy.user is not None:
        lines.append(f"Proxy-Authorization: {basic(proxy.user)}")
    wire = ClientWire(limits)
    wire.expect("CONNECT")
    try:
        yield from stream.send_all("\r\n".join([*lines, "", ""]).encode())
        while not isinstance(head := wire.next(), AnswerHead) or head.status < 200:
            if head is Mark.NEED_DATA:
                wire.receive((yield from stream.receive(CHUNK)))
            elif not isinstance(head, AnswerHead):
                raise _failed(ask, "the proxy closed the connection")
    except ConnectFailed:
        raise
    except OSError as exc:
        raise _failed(ask, f"the proxy: {exc}") from exc
    except Refused as exc:
        raise _failed(ask, f"the proxy: {exc.reason}") from None
    if not 200 <= head.status < 300:
        raise _failed(ask, f"the proxy answers CONNECT with {head.status} {head.reason}".rstrip())
    if wire.trailing():
        # They came in front of the handshake, from anybody.
        raise _failed(ask, "the proxy sent something behind its answer to CONNECT")
