"""The errors of HTTP: answers that are raised, and peers that have gone."""

# HTTPError
#  +-- BadRequest     400  the request's content is not what was asked for
#  +-- BodyTooLarge   413  the body is longer than its limit
# ClientGone      (ConnectionError)  the peer has left; ends the handler quietly
# ResponseError   (ValueError)       what the handler gave is no valid answer

from __future__ import annotations

from typing import TYPE_CHECKING, List, Tuple, Type

from ..errors import GenletError
from .headers import pairs

if TYPE_CHECKING:
    from .headers import HeadersLike

__all__ = ["BadRequest", "BodyTooLarge", "ClientGone", "HTTPError", "ResponseError"]


class HTTPError(GenletError):
    """An answer that is raised: wherever a handler is, this ends it and is sent.

    Attributes:
        status: 400 to 599.
        text: The body, as plain text; empty for the name of the status.
        headers: More fields of the answer.
    """

    def __init__(self, status: int, text: str = "", headers: HeadersLike = ()) -> None:
        super().__init__(status, text)
        self.status: int = status
        self.text: str = text
        self.headers: List[Tuple[str, str]] = list(pairs(headers))

    def __str__(self) -> str:
        return f"{self.status}: {self.text}" if self.text else str(self.status)


class BadRequest(HTTPError):
    """400: the content of the request is not what was asked for."""

    def __init__(self, text: str = "") -> None:
        super().__init__(400, text)

    def __reduce__(self) -> Tuple[Type[BadRequest], Tuple[str]]:
        return type(self), (self.text,)


class BodyTooLarge(HTTPError):
    """413: the body is longer than its limit."""

    def __init__(self, text: str = "") -> None:
        super().__init__(413, text)

    def __reduce__(self) -> Tuple[Type[BodyTooLarge], Tuple[str]]:
        return type(self), (self.text,)


class ClientGone(GenletError, ConnectionError):
    """The client left while its request was read or answered.

    Nobody is there to be answered: it ends the handler, and is logged in a line at level info.
    """


class ResponseError(GenletError, ValueError):
    """What the handler gave is no valid answer, such as a header with a line break in its value."""
