"""The handshake: what a server answers, and what a client takes for an answer."""

from __future__ import annotations

import re
from base64 import b64encode
from secrets import token_bytes
from typing import Collection, List, Optional, Sequence, Tuple

from ..http import Headers, HTTPError, Request
from .library import accept_key, agreed, compressing, offer

__all__ = ["Agreement", "asked", "judged", "opened"]

KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")  # 16 bytes in base64
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)")
PORTS = {"http": ":80", "https": ":443"}

Fields = List[Tuple[str, str]]
Agreement = Tuple[Optional[str], List[object]]
"""The subprotocol and the extensions that both sides agree on."""


def opened(
    request: Request,
    subprotocols: Sequence[str],
    origins: Optional[Collection[str]],
    compression: bool,
) -> Tuple[Fields, Agreement]:
    """Return the fields of a server's answer, and what it agrees to.

    Raises:
        HTTPError: The request asks for no WebSocket, or may not.
    """
    if request.method != "GET":
        raise HTTPError(405, "a WebSocket is opened by GET", [("Allow", "GET")])
    if "websocket" not in [one.strip().lower() for one in request.upgrades.split(",")]:
        raise HTTPError(426, "this is a WebSocket", [("Upgrade", "websocket")])
    headers = request.headers
    if headers.get_all("Sec-WebSocket-Version") != ["13"]:
        raise HTTPError(
            426,
            "the version of WebSocket is 13",
            [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
        )
    keys = headers.get_all("Sec-WebSocket-Key")
    if len(keys) != 1 or not KEY.fullmatch(keys[0]):
        raise HTTPError(400, "Sec-WebSocket-Key is not 16 bytes in base64")
    if not _may(headers.get_all("Origin"), request, origins):
        raise HTTPError(403, "this page may not connect here")
    fields = [("Sec-WebSocket-Accept", accept_key(keys[0]))]
    chosen: Optional[str] = None
    offered = _tokens(headers.get("Sec-WebSocket-Protocol") or "")
    for one in subprotocols:
        if one in offered:
            chosen = one
            fields.append(("Sec-WebSocket-Protocol", one))
            break
    extensions: List[object] = []
    if compression:
        try:
            answer, extensions = compressing(headers.get("Sec-WebSocket-Extensions") or "")
        except ValueError as exc:
            raise HTTPError(400, str(exc)) from None
        if answer:
            fields.append(("Sec-WebSocket-Extensions", answer))
    return fields, (chosen, extensions)


def _may(found: List[str], request: Request, origins: Optional[Collection[str]]) -> bool:
    """Whether the page that a browser names may connect; who is no browser names none."""
    if not found:
        return True
    if len(found) != 1:
        return False
    origin = found[0].lower()
    if origins is not None and ("*" in origins or origin in [one.lower() for one in origins]):
        return True
    parts = ORIGIN.fullmatch(origin)
    if parts is None:
        return False
    port = PORTS.get(parts[1], "")
    own = request.host.lower()
    return bool(own) and parts[2] in (
        own,
        own[: -len(port)] if port and own.endswith(port) else own,
    )


def _tokens(text: str) -> List[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def asked(subprotocols: Sequence[str], compression: bool) -> Tuple[str, Fields]:
    """Return the key and the fields of a client's request.

    Raises:
        ValueError: A subprotocol is no token.
    """
    key = b64encode(token_bytes(16)).decode()
    fields = [("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", "13")]
    if isinstance(subprotocols, str) or not all(TOKEN.fullmatch(one) for one in subprotocols):
        raise ValueError("subprotocols are a sequence of tokens")
    if subprotocols:
        fields.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
    if compression:
        fields.append(("Sec-WebSocket-Extensions", offer()))
    return key, fields


def judged(
    headers: Headers, key: str, subprotocols: Sequence[str], compression: bool
) -> Agreement:
    """Return what a server that answers 101 has agreed to.

    Raises:
        ValueError: Its answer is none to this request.
    """
    if (headers.get("Upgrade") or "").lower() != "websocket":
        raise ValueError("the answer does not upgrade to websocket")
    if "upgrade" not in [one.lower() for one in _tokens(headers.get("Connection") or "")]:
        raise ValueError("the answer does not upgrade the connection")
    if headers.get_all("Sec-WebSocket-Accept") != [accept_key(key)]:
        raise ValueError("Sec-WebSocket-Accept does not answer the key")
    chosen = headers.get_all("Sec-WebSocket-Protocol")
    if len(chosen) > 1 or (chosen and chosen[0] not in subprotocols):
        raise ValueError("the server speaks a subprotocol that was not offered")
    extensions = agreed(headers.get("Sec-WebSocket-Extensions") or "", compression)
    return (chosen[0] if chosen else None), extensions
