"""A request before it is sent: its parts checked, and its head written."""

# Whatever a caller gives ends in the head of a message, so everything is checked here: a value with a
# line break would be a second header, or a second request.

from __future__ import annotations

import re
from typing import Iterable, List, Optional, Set, Tuple

from .._version import __version__
from .decoding import ACCEPTED
from .failures import RequestError
from .framing import HOST
from .headers import Fields
from .uploads import Outgoing
from .urls import URL
from .writing import DIGITS, NAME, VALUE

__all__ = ["IDEMPOTENT", "Written", "redirected", "written"]

# What may be sent twice (RFC 9110, 9.2.2), and reports.
IDEMPOTENT = frozenset(
    ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "QUERY", "PROPFIND", "REPORT", "SEARCH"]
)
# A request of these without a body says that it has none.
BODIED = ("POST", "PUT", "PATCH")
# Lower-case names that frame the message, or belong to the connection.
OURS = {"transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "proxy-connection"}
# What does not follow a redirect to another origin.
SECRET = {"authorization", "cookie", "proxy-authorization", "host", "www-authenticate"}
# What describes a body, and goes with it.
OF_BODY = {"content-type", "content-length", "content-encoding", "content-language"}

METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Z-]+")
AGENT = f"genlet/{__version__}"


class Written:
    """The head of a request.

    Attributes:
        expects: The server is to say whether it wants the body.
        repeats: It may be sent twice.
    """

    __slots__ = ("data", "expects", "repeats")

    def __init__(self, data: bytes, expects: bool, repeats: bool) -> None:
        self.data: bytes = data
        self.expects: bool = expects
        self.repeats: bool = repeats


def check_method(method: str) -> str:
    """Return *method*.

    Raises:
        RequestError: It is no token in capitals, or CONNECT.
    """
    if not METHOD.fullmatch(method) or method == "CONNECT":
        raise RequestError(f"a method is a word in capitals, and not CONNECT; got {method!r}")
    return method


def written(
    method: str,
    url: URL,
    fields: Iterable[Tuple[str, str]],
    body: Outgoing,
    *,
    absolute: bool = False,
    decompress: bool = False,
    more: Iterable[Tuple[str, str]] = (),
    protocol: str = "",
) -> Written:
    """Return the head of a request.

    Args:
        fields: The caller's.
        absolute: The target is the whole URL, for a proxy.
        decompress: Say which codings are taken off.
        more: Fields that the caller's replace.
        protocol: Another protocol that is offered.

    Raises:
        RequestError: One of *fields* cannot be sent.
    """
    lines: List[str] = []
    seen: Set[str] = set()
    told: Optional[int] = None
    expects = False
    host = url.authority
    connection = ""
    for name, value in fields:
        if not NAME.fullmatch(name):
            raise RequestError(f"the name of a header is a token; got {name!r}")
        lower = name.lower()
        if not VALUE.fullmatch(value):
            # Without the value, which may be a password.
            raise RequestError(
                f"the value of {name} has a control character, a blank at an end, or one beyond latin-1"
            )
        if lower in OURS:
            raise RequestError(f"{name} belongs to the connection: the client writes it")
        if lower == "host":
            if "host" in seen or not HOST.fullmatch(value.encode("latin-1")):
                raise RequestError("Host is one host with an optional port")
            host = value
        elif lower == "content-length":
            if told is not None or not DIGITS.fullmatch(value):
                raise RequestError("Content-Length is one number of 1 to 18 digits")
            told = int(value)
        elif lower == "connection":
            if value.lower() not in ("close", "keep-alive"):
                raise RequestError("Connection is close or keep-alive")
            connection = value.lower()
        else:
            if lower == "expect":
                expects = value.lower() == "100-continue"
            lines.append(f"{name}: {value}\r\n")
        seen.add(lower)
    for name, value in more:
        if name.lower() not in seen:
            lines.append(f"{name}: {value}\r\n")
    if "user-agent" not in seen:
        lines.append(f"User-Agent: {AGENT}\r\n")
    if "accept" not in seen:
        lines.append("Accept: */*\r\n")
    # Ranges of what is compressed on the way are not those of the file.
    if decompress and "accept-encoding" not in seen and "range" not in seen:
        lines.append(f"Accept-Encoding: {ACCEPTED}\r\n")
    if body.content_type is not None and "content-type" not in seen:
        lines.append(f"Content-Type: {body.content_type}\r\n")
    if told is not None:
        if body.length is not None and body.length != told:
            raise RequestError(f"Content-Length is {told}, and the body has {body.length} bytes")
        body.length = told
    if body.length is None:
        lines.append("Transfer-Encoding: chunked\r\n")
    elif body.length or told is not None or method in BODIED:
        lines.append(f"Content-Length: {body.length}\r\n")
    if protocol:
        lines.append(f"Connection: Upgrade\r\nUpgrade: {protocol}\r\n")
    elif connection:
        lines.append(f"Connection: {connection}\r\n")
    target = f"{url.scheme}://{url.authority}{url.target}" if absolute else url.target
    head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{''.join(lines)}\r\n"
    repeats = body.data is not None and (
        method in IDEMPOTENT or "idempotency-key" in seen or "x-idempotency-key" in seen
    )
    return Written(head.encode("latin-1"), expects and body.length != 0, repeats)


def redirected(
    method: str, status: int, fields: Fields, same_origin: bool
) -> Tuple[str, Fields, bool]:
    """Return the method, the fields and whether the body is kept, of the request after a redirect."""
    becomes = method
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        becomes = "GET"
    drops: Set[str] = set()
    if not same_origin:
        drops |= SECRET
    if becomes != method:
        drops |= OF_BODY | {"expect"}
    kept = [(name, value) for name, value in fields if name.lower() not in drops]
    return becomes, kept, becomes == method
