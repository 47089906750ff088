"""What is used of the library `websockets`: frames out of bytes, bytes out of frames, extensions."""

# The library is imported when the first connection is made, and typed here: it may not be there.

from __future__ import annotations

from importlib import import_module
from typing import Any, List, Optional, Protocol, Sequence, Tuple, cast

__all__ = ["BINARY", "CLOSE", "CONT", "PING", "PONG", "TEXT", "Close", "Frame", "Frames"]
__all__ += ["accept_key", "agreed", "check_library", "compressing", "frames", "offer"]

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

# Two windows of 15 bits cost 100 kB a connection; these cost 42.
WINDOW = 12  # bits
MEMORY = 5

Parameters = List[Tuple[str, Optional[str]]]


class Frame(Protocol):
    """A frame that was received."""

    opcode: int
    data: bytes
    fin: bool


class Close(Protocol):
    """What a close frame says."""

    code: int
    reason: str


class State(Protocol):
    """OPEN, CLOSING or CLOSED."""

    name: str


class Frames(Protocol):
    """One side of an open connection, without a socket: the library's ``Protocol``."""

    close_rcvd: Optional[Close]
    close_sent: Optional[Close]
    parser_exc: Optional[Exception]

    @property
    def state(self) -> State: ...

    def receive_data(self, data: bytes) -> None: ...

    def receive_eof(self) -> None: ...

    def events_received(self) -> List[Frame]: ...

    def data_to_send(self) -> List[bytes]: ...

    def send_text(self, data: bytes, fin: bool = True) -> None: ...

    def send_binary(self, data: bytes, fin: bool = True) -> None: ...

    def send_continuation(self, data: bytes, fin: bool) -> None: ...

    def send_ping(self, data: bytes) -> None: ...

    def send_close(self, code: Optional[int] = None, reason: str = "") -> None: ...

    def fail(self, code: int, reason: str = "") -> None: ...


def _module(name: str) -> Any:
    """Return a module of the library.

    Raises:
        ImportError: The library is not installed.
    """
    try:
        return import_module(f"websockets.{name}")
    except ModuleNotFoundError as exc:
        raise ImportError(
            "genlet.websocket needs a library that makes frames: pip install 'genlet[websocket]'",
            name="websockets",
        ) from exc


def check_library() -> None:
    """Find out early whether the library is there.

    Raises:
        ImportError: It is not installed.
    """
    _module("protocol")


def frames(server: bool, max_size: Optional[int], extensions: Sequence[object]) -> Frames:
    """Return one side of a connection that is open already.

    Args:
        max_size: Bytes of a message, decompressed; None for any number.
    """
    protocol = _module("protocol")
    side = protocol.Side.SERVER if server else protocol.Side.CLIENT
    made = protocol.Protocol(side, max_size=max_size)
    made.extensions = list(extensions)
    return cast("Frames", made)


def accept_key(key: str) -> str:
    """Return the Sec-WebSocket-Accept for *key*."""
    return cast("str", _module("utils").accept_key(key))


def offer() -> str:
    """Return the Sec-WebSocket-Extensions of a client that would compress."""
    headers = _module("headers")
    deflate = _client_factory()
    return cast("str", headers.build_extension([(deflate.name, deflate.get_request_params())]))


def _client_factory() -> Any:
    deflate = _module("extensions.permessage_deflate")
    return deflate.ClientPerMessageDeflateFactory(
        client_max_window_bits=WINDOW,
        server_max_window_bits=WINDOW,
        compress_settings={"memLevel": MEMORY},
    )


def compressing(offered: str) -> Tuple[str, List[object]]:
    """Return a server's answer to the Sec-WebSocket-Extensions of a client, and what it agrees to.

    Raises:
        ValueError: *offered* is no list of extensions.
    """
    headers = _module("headers")
    negotiation = _module("exceptions").NegotiationError
    deflate = _module("extensions.permessage_deflate")
    factory = deflate.ServerPerMessageDeflateFactory(
        server_max_window_bits=WINDOW,
        client_max_window_bits=WINDOW,
        compress_settings={"memLevel": MEMORY},
    )
    for name, parameters in _parsed(offered):
        if name == factory.name:
            try:
                answer, extension = factory.process_request_params(parameters, [])
            except negotiation:
                continue
            return cast("str", headers.build_extension([(name, answer)])), [extension]
    return "", []


def agreed(answered: str, offered: bool) -> List[object]:
    """Return the extensions that a server has agreed to.

    Args:
        answered: Its Sec-WebSocket-Extensions.
        offered: Compression was.

    Raises:
        ValueError: It agrees to what was not offered.
    """
    negotiation = _module("exceptions").NegotiationError
    found: List[object] = []
    for name, parameters in _parsed(answered):
        factory = _client_factory()
        if not offered or found or name != factory.name:
            raise ValueError("the server uses an extension that was not offered")
        try:
            found.append(factory.process_response_params(parameters, []))
        except negotiation:
            raise ValueError("the server compresses in a way that was not offered") from None
    return found


def _parsed(text: str) -> List[Tuple[str, Parameters]]:
    headers = _module("headers")
    invalid = _module("exceptions").InvalidHandshake
    try:
        return cast("List[Tuple[str, Parameters]]", headers.parse_extension(text)) if text else []
    except invalid:
        raise ValueError("Sec-WebSocket-Extensions is no list of extensions") from None
