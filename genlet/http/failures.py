"""The errors of the client: each says the method, the URL without a password, and the phase."""

# HTTPFailure          (OSError)
#  +-- ConnectFailed      (ConnectionError)  no connection: name, TCP, TLS, proxy
#  +-- ReplyBroken        (ConnectionError)  the connection ended before the answer was whole
#  +-- ReplyTimeout       (TimeoutError)
#  +-- ProtocolViolation                     what came is no answer
#  +-- ReplyTooLarge
#  +-- RedirectRefused                       the answer sends the client where it does not go
#  |    +-- TooManyRedirects
#  +-- StatusError (in `replies`)            raise_for_status() of 400 and above
# RequestError         (ValueError)          what was asked for cannot be sent

from __future__ import annotations

from typing import Any, Tuple

from ..errors import GenletError

__all__ = [
    "ConnectFailed",
    "HTTPFailure",
    "ProtocolViolation",
    "RedirectRefused",
    "ReplyBroken",
    "ReplyTimeout",
    "ReplyTooLarge",
    "RequestError",
    "TooManyRedirects",
]


class HTTPFailure(GenletError, OSError):
    """A request that got no answer, or none that can be used.

    Attributes:
        reason: What happened.
        method: Of the request.
        url: Of the request, without user and password.
        phase: What was being done: "waiting for a connection", "connecting", "sending the request",
            "waiting for the answer" or "reading the answer".
    """

    def __init__(self, reason: str, method: str = "", url: str = "", phase: str = "") -> None:
        where = f" while {phase}" if phase else ""
        super().__init__(f"{method} {url}: {reason}{where}" if url else reason)
        self.reason: str = reason
        self.method: str = method
        self.url: str = url
        self.phase: str = phase

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.reason, self.method, self.url, self.phase)


class ConnectFailed(HTTPFailure, ConnectionError):
    """No connection could be made: the look-up, TCP, TLS or the proxy failed; see ``__cause__``."""


class ReplyBroken(HTTPFailure, ConnectionError):
    """The connection ended, or was reset, before the answer was whole."""


class ReplyTimeout(HTTPFailure, TimeoutError):
    """A timeout of the request passed; `phase` says which part of it was slow."""


class ProtocolViolation(HTTPFailure):
    """What the server sent is no valid answer."""


class ReplyTooLarge(HTTPFailure):
    """The body of the answer is longer than its limit; decompressed bytes count."""


class RedirectRefused(HTTPFailure):
    """The answer sends the client somewhere where it does not go, such as from https to http."""


class TooManyRedirects(RedirectRefused):
    """One redirect more than were allowed."""


class RequestError(GenletError, ValueError):
    """What was asked for cannot be sent: the URL, a header or the body is not valid."""
