"""What is asked of a client, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Tuple, TypedDict, Union

from ..kernel import check_grace
from .asking import Ask, RequestTimeouts
from .headers import Fields

if TYPE_CHECKING:
    from .headers import HeadersLike
    from .messages import Source
    from .pool import Key
    from .replies import Reply
    from .uploads import Files, Outgoing
    from .urls import URL, Params

__all__ = ["MISSING", "Missing", "Options", "Plan", "Seconds", "timeouts_of"]


class Missing:
    """The class of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()
"""An argument that was not given, where None means something."""

Seconds = Union[None, float, RequestTimeouts]


class Options(TypedDict, total=False):
    """What the calls of a client take besides method and URL.

    Attributes:
        headers: They replace the client's of the same name.
        params: Added to the query.
        body: Bytes, text, or a `Source`, which is sent in chunks unless its length is known.
        json: What is sent as JSON.
        form: The fields of a form.
        files: The files of a form, which is multipart then.
        auth: User and password for Basic authentication.
        timeout: As for `Client`.
        redirects: As for `Client`.  A body that is a source is not sent again: the redirect itself is
            the answer then.
    """

    headers: HeadersLike
    params: Optional[Params]
    body: Union[None, bytes, str, Source]
    json: object
    form: Optional[Params]
    files: Optional[Files]
    auth: Optional[Tuple[str, str]]
    timeout: Union[None, float, RequestTimeouts]
    redirects: int


class Plan:
    """A request that was asked for, from its call to its last redirect.

    Attributes:
        ask: The request that is sent at this moment.
        key: Of the connections that can carry it.
        deadline: When the total has passed, by the run's clock.
        history: The redirects so far.
    """

    __slots__ = (
        "ask",
        "body",
        "deadline",
        "fields",
        "history",
        "key",
        "method",
        "redirects",
        "timeouts",
        "url",
    )

    def __init__(
        self,
        method: str,
        url: URL,
        fields: Fields,
        body: Outgoing,
        timeouts: RequestTimeouts,
        redirects: int,
    ) -> None:
        self.method: str = method
        self.url: URL = url
        self.fields: Fields = fields
        self.body: Outgoing = body
        self.timeouts: RequestTimeouts = timeouts
        self.redirects: int = redirects
        self.history: Tuple[Reply, ...] = ()
        self.ask: Optional[Ask] = None
        self.key: Optional[Key] = None
        self.deadline: Optional[float] = None


def timeouts_of(timeout: Seconds) -> RequestTimeouts:
    """Return *timeout* for each part; a number is that of the whole, which bounds every part."""
    if isinstance(timeout, RequestTimeouts):
        for name, seconds in timeout._asdict().items():
            if seconds is not None:
                check_grace(seconds, name)
        return timeout
    if timeout is not None:
        timeout = check_grace(timeout, "timeout")
    return RequestTimeouts(timeout, timeout, timeout, timeout)
