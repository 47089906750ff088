"""Proxies that are trusted: which peers may say for whom they ask."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Union

from .headers import Headers

__all__ = ["NOBODY", "Origin", "TrustedProxies"]

Address = Union[IPv4Address, IPv6Address]
Network = Union[IPv4Network, IPv6Network]

# What a client could forge: removed unless a trusted proxy has sent it.
FORWARDING = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Real-IP",
)
MOST_HOPS = 50


class Origin(NamedTuple):
    """Where a request came from, as far as it can be believed.

    Attributes:
        client: The address of the client, without a port.
        scheme: "http" or "https".
        host: What the client asked for; None if no proxy has told.
    """

    client: str
    scheme: str
    host: Optional[str]


class TrustedProxies:
    """The peers whose ``Forwarded`` and ``X-Forwarded-*`` are believed.

    ::

        trusted = TrustedProxies(["10.0.0.0/8", "unix"])

    Args:
        peers: Addresses and networks in figures, and "unix" for every peer on a Unix socket.

    Raises:
        ValueError: One is neither.
    """

    __slots__ = ("_networks", "_seen", "_unix")

    def __init__(self, peers: Iterable[str] = ()) -> None:
        given: Set[str] = {peers} if isinstance(peers, str) else set(peers)
        self._unix: bool = "unix" in given
        self._networks: List[Network] = [ip_network(peer) for peer in given - {"unix"}]
        self._seen: Dict[str, bool] = {}  # proxies are few, and ask often

    def trusts(self, peer: str) -> bool:
        """Whether the address *peer*, in figures, or "unix" is one of these."""
        if peer == "unix":
            return self._unix
        if not self._networks:
            return False
        known = self._seen.get(peer)
        if known is None:
            address = _address(peer)
            known = address is not None and any(address in net for net in self._networks)
            if len(self._seen) >= 1000:
                self._seen.clear()
            self._seen[peer] = known
        return known

    def origin(self, peer: str, scheme: str, headers: Headers) -> Origin:
        """Return where a request came from, and remove from *headers* what is not to be believed.

        The client is the rightmost hop that is not trusted; what stands further left, anybody could
        have written.  Where both are there, ``Forwarded`` counts and the others are removed.

        Args:
            peer: The address of the peer, in figures, or "unix".
            scheme: Of the connection.
            headers: Of the request.
        """
        if not self.trusts(peer):
            for name in FORWARDING:
                if name in headers:
                    headers.discard(name)
            return Origin(peer, scheme, None)
        if "Forwarded" in headers:
            for name in FORWARDING[1:]:
                headers.discard(name)
            hops = [_parameters(hop) for hop in _split(headers["Forwarded"], ",")]
        else:
            hops = _from_lists(headers)
        client, place = peer, len(hops)
        # From the nearest proxy outwards, as long as the one that wrote a hop is trusted.
        for at in range(len(hops) - 1, max(-1, len(hops) - 1 - MOST_HOPS), -1):
            address = _host_of(hops[at].get("for", ""))
            if address is None:
                break
            client, place = address, at
            if not self.trusts(address):
                break
        told = hops[place] if place < len(hops) else (hops[-1] if hops else {})
        proto = told.get("proto", "").lower()
        return Origin(
            client, proto if proto in ("http", "https") else scheme, told.get("host") or None
        )


NOBODY = TrustedProxies()
"""No proxy is trusted: the client is the peer."""


def _from_lists(headers: Headers) -> List[Dict[str, str]]:
    """Return the hops of ``X-Forwarded-For``, with the protocol and the host that stand beside it."""
    addresses = _listed(headers, "X-Forwarded-For")
    hops = [{"for": address} for address in addresses] or [{}]
    for name, key in (("X-Forwarded-Proto", "proto"), ("X-Forwarded-Host", "host")):
        values = _listed(headers, name)
        if len(values) == len(hops):
            for hop, value in zip(hops, values):
                hop[key] = value
        elif values:
            # Most proxies replace it: then it is the nearest one's word for all.
            for hop in hops:
                hop[key] = values[-1]
    return hops


def _listed(headers: Headers, name: str) -> List[str]:
    return [part.strip() for part in (headers.get(name) or "").split(",") if part.strip()]


def _split(text: str, separator: str) -> List[str]:
    """Split *text* outside of quoted strings."""
    parts: List[str] = [""]
    quoted = escaped = False
    for char in text:
        if char == separator and not quoted:
            parts.append("")
            continue
        if quoted and char == "\\" and not escaped:
            escaped = True
        else:
            if char == '"' and not escaped:
                quoted = not quoted
            escaped = False
        parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def _parameters(hop: str) -> Dict[str, str]:
    """Return the parameters of one element of ``Forwarded``."""
    found: Dict[str, str] = {}
    for part in _split(hop, ";"):
        name, _, value = part.partition("=")
        value = value.strip()
        if value[:1] == '"':
            value = value.strip('"').replace("\\", "")
        found[name.strip().lower()] = value
    return found


def _host_of(text: str) -> Optional[str]:
    """Return the address in *text*, which may have brackets and a port; None if it is none."""
    if text[:1] == "[":
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    address = _address(text)
    return None if address is None else str(address)


def _address(text: str) -> Optional[Address]:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped
