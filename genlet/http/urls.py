"""URLs of requests: taken apart once, and refused if they could be read in two ways."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import (
    Callable,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    cast,
)
from urllib.parse import quote, unquote, urlencode, urljoin

from .failures import RequestError

__all__ = ["PORTS", "URL", "Origin", "Params", "encoded", "joined", "listed", "pairs_of", "parse"]
__all__ += ["with_params"]

T = TypeVar("T")

Params = Union[Mapping[str, object], Iterable[Tuple[str, object]]]
"""What a caller may give as the parameters of a query or the fields of a form.

A list or a tuple gives one parameter for each of its values, None gives none, and anything else is
written as text.
"""

Origin = Tuple[str, str, int]
"""Scheme, host and port: what keeps credentials and connections apart."""

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

SPLIT = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
NAME = re.compile(r"(?!-)[0-9A-Za-z_-]{1,63}")
STRAY = re.compile(r"%(?![0-9A-Fa-f]{2})")
SAFE = "!$%&'()*+,/:;=?@[]~|"
ZONE = re.compile(r"[0-9A-Za-z._~-]+")
KNOWN = 256  # URLs that are remembered


class URL:
    """A URL in its parts, all of them ASCII.

    Attributes:
        host: In lower case, without brackets; international names are encoded.
        target: The path and the query.
        user: User and password, decoded; None for none.
        address: What is connected to: the host with its zone, if it is an IPv6 address that has one.
        origin: What keeps credentials and connections apart.
        authority: The value of Host: without the zone, which means something on this machine only.
        text: The URL without user, password and zone.
    """

    __slots__ = (
        "address",
        "authority",
        "host",
        "origin",
        "port",
        "scheme",
        "target",
        "text",
        "user",
    )

    def __init__(
        self,
        scheme: str,
        host: str,
        zone: str,
        port: int,
        target: str,
        user: Optional[Tuple[str, str]],
    ) -> None:
        self.scheme: str = scheme
        self.host: str = host
        self.port: int = port
        self.target: str = target
        self.user: Optional[Tuple[str, str]] = user
        self.address: str = f"{host}%{zone}" if zone else host
        self.origin: Origin = (scheme, self.address, port)
        shown = f"[{host}]" if ":" in host else host
        self.authority: str = shown if port == PORTS[scheme] else f"{shown}:{port}"
        self.text: str = f"{scheme}://{self.authority}{target}"

    def __str__(self) -> str:
        return self.text


def parse(text: str, schemes: Tuple[str, ...] = ("http", "https")) -> URL:
    """Return the parts of the URL *text*.

    Blanks and what is not ASCII are encoded in the path and the query; what is encoded already stays.

    Raises:
        RequestError: It is no URL of one of *schemes*.  The error quotes nothing in front of an @.
    """
    return _known(text, schemes)


def _parsed(text: str, schemes: Tuple[str, ...]) -> URL:
    if CONTROL.search(text):
        raise RequestError("the URL has a control character")
    found = SPLIT.fullmatch(text)
    scheme = "" if found is None else found[1].lower()
    if found is None or scheme not in schemes:
        shown = "" if "@" in text else f"; got {text[:200]!r}"
        raise RequestError(f"the URL begins with {' or '.join(f'{s}://' for s in schemes)}{shown}")
    userinfo, at, place = found[2].rpartition("@")
    if "\\" in found[2]:
        raise RequestError("the host of the URL has a backslash, which browsers take for a slash")
    host, zone, port = _place(place, scheme)
    user: Optional[Tuple[str, str]] = None
    if at:
        name, _, password = userinfo.partition(":")
        user = unquote(name), unquote(password)
    try:
        path = quote(STRAY.sub("%25", found[3]), safe=SAFE) or "/"
        query = quote(STRAY.sub("%25", found[4] or ""), safe=SAFE)
    except UnicodeEncodeError:
        raise RequestError("the URL has a character that is none") from None
    return URL(scheme, host, zone, port, path + query, user)


# A client asks for the same URLs again and again.
_known: Callable[[str, Tuple[str, ...]], URL] = lru_cache(KNOWN)(_parsed)


def _place(text: str, scheme: str) -> Tuple[str, str, int]:
    """Return the host, the zone and the port of an authority without userinfo."""
    zone = ""
    if text[:1] == "[":
        host, bracket, rest = text[1:].partition("]")
        host, percent, zone = host.partition("%")
        if percent and zone[:2] == "25":
            zone = zone[2:]
        if not bracket or (rest and rest[0] != ":") or (percent and not ZONE.fullmatch(zone)):
            raise RequestError("the host of the URL is no IPv6 address")
        try:
            host = IPv6Address(host).compressed
        except AddressValueError:
            raise RequestError("the host of the URL is no IPv6 address") from None
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
        host = _named(host)
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536):
        raise RequestError("the port of the URL is no number from 0 to 65535")
    return host, zone, int(port) if port else PORTS[scheme]


def _named(host: str) -> str:
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise RequestError("the host of the URL is no international name") from None
    labels = (host[:-1] if host[-1:] == "." else host).split(".")
    if len(host) > 254 or not all(NAME.fullmatch(label) for label in labels):
        raise RequestError("the host of the URL is no name and no address")
    return host.lower()


def joined(base: URL, location: str) -> URL:
    """Return where the value *location* of a Location leads from *base*.

    Raises:
        RequestError: It is no URL of http or https.
    """
    try:
        # Some servers send UTF-8, which was read as latin-1.
        location = location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        pass
    try:
        text = urljoin(str(base), location)
    except ValueError:
        raise RequestError("the Location is no URL") from None
    return parse(text)


def with_params(text: str, params: Params) -> str:
    """Return the URL *text* with *params* added to its query."""
    front, sharp, fragment = text.partition("#")
    query = encoded(params)
    if query:
        front += (
            "&" if "?" in front and front[-1] not in "?&" else "" if "?" in front else "?"
        ) + query
    return front + sharp + fragment


def encoded(params: Params) -> str:
    """Return *params* as a query or a form, urlencoded as UTF-8."""
    return urlencode(listed(params))


def listed(params: Params) -> List[Tuple[str, str]]:
    """Return *params* as (name, value) pairs of text.

    Raises:
        RequestError: They are text already.
    """
    if isinstance(params, (str, bytes)):
        raise RequestError("parameters are a mapping or (name, value) pairs, not text")
    found: List[Tuple[str, str]] = []
    for name, value in pairs_of(params):
        many = cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else [value]
        found += [
            (name, one.decode() if isinstance(one, bytes) else str(one))
            for one in many
            if one is not None
        ]
    return found


def pairs_of(given: Union[Mapping[str, T], Iterable[Tuple[str, T]]]) -> Iterable[Tuple[str, T]]:
    """Return (name, value) pairs, whether *given* is a mapping or has them."""
    if isinstance(given, Mapping):
        # An iterable of pairs that is a mapping too: nothing else than the mapping is meant.
        return cast("Mapping[str, T]", given).items()
    return given
