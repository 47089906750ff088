"""What an application says about its answer: ``start_response``, and the pieces of the body."""

from __future__ import annotations

import re
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Optional,
    Protocol,
    Tuple,
    Type,
    Union,
    cast,
)

from ..abc import Trap
from ..http.errors import ResponseError
from ..http.messages import Response, Source
from ..http.writing import has_no_body

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Application", "Environ", "Start", "StartResponse", "chunk_of", "piece_of"]
__all__ += ["without_escape"]

Environ = Dict[str, Any]

if TYPE_CHECKING:
    ExcInfo = Union[
        Tuple[Type[BaseException], BaseException, TracebackType], Tuple[None, None, None]
    ]

STATUS = re.compile(r"([1-9][0-9]{2})(?: [\t -~\x80-\xff]*)?")


class StartResponse(Protocol):
    """What an application is given to begin its answer with."""

    def __call__(
        self,
        status: str,
        headers: List[Tuple[str, str]],
        exc_info: Optional[ExcInfo] = None,
        /,
    ) -> Callable[[bytes], object]: ...


# In green mode the items of what it returns may be traps too.
Application = Callable[[Environ, StartResponse], Iterable[object]]


class Start:
    """The ``start_response`` of one call, and what it was told.

    Args:
        method: Of the request.
        write: What the application gets to send pieces with; see `piece_of`.
        capitalize: Write the names of headers like ``Content-Type``.

    Attributes:
        status: 0 before it was called.
        begun: Something of the body was given: the head cannot be changed any more.
    """

    __slots__ = ("_capitalize", "_close", "_fields", "_method", "_write", "begun", "status")

    def __init__(self, method: str, write: Callable[[bytes], object], capitalize: bool) -> None:
        self._method: str = method
        self._write: Callable[[bytes], object] = write
        self._capitalize: bool = capitalize
        self._fields: List[Tuple[str, str]] = []
        self._close: bool = False
        self.status: int = 0
        self.begun: bool = False

    def __call__(
        self,
        status: str,
        headers: Iterable[Tuple[str, str]],
        exc_info: Optional[ExcInfo] = None,
        /,
    ) -> Callable[[bytes], object]:
        """Set the status and the headers, which leave with the first piece that is not empty.

        Raises:
            ResponseError: It was called before, and *exc_info* is not given; or what is given is no
                status or no list of headers.
            BaseException: The one in *exc_info*, since the head has left.
        """
        if exc_info:
            try:
                if self.begun and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # or the frame and the traceback hold each other
        elif self.status:
            raise ResponseError("start_response was called before: again only with exc_info")
        found = STATUS.fullmatch(status) if isinstance(cast("object", status), str) else None
        if found is None:
            raise ResponseError(f"a status is like '200 OK', in a str; got {status!r}")
        self._close = False
        try:
            self._fields = self._checked(headers)
        except ResponseError:
            raise
        except (TypeError, ValueError):
            raise ResponseError(
                "start_response takes the headers as a list of pairs, name and value; got a "
                + type(headers).__name__
            ) from None
        self.status = int(found[1])
        return self._write

    def _checked(self, headers: Iterable[Tuple[str, str]]) -> List[Tuple[str, str]]:
        fields: List[Tuple[str, str]] = []
        for name, value in headers:
            if not (
                isinstance(cast("object", name), str) and isinstance(cast("object", value), str)
            ):
                raise ResponseError(
                    f"a header is a pair of str; got {name!r} with a {type(value)}"
                )
            if not self._of_connection(name.lower(), value):
                fields.append((_capitalized(name) if self._capitalize else name, value))
        return fields

    def _of_connection(self, name: str, value: str) -> bool:
        """Whether a header concerns the connection, which is the server's, and is left out here.

        Others that do so are refused when the head is written.
        """
        if name == "keep-alive":
            return True
        if name != "connection":
            return False
        tokens = [token.strip() for token in value.lower().split(",")]
        if "close" in tokens:
            self._close = True
        return all(token in ("close", "keep-alive") for token in tokens)

    @property
    def bare(self) -> bool:
        """Whether the answer ends with its head, whatever the application gives."""
        return has_no_body(self.status, self._method)

    @property
    def told(self) -> Optional[int]:
        """The Content-Length that the application has told."""
        for name, value in self._fields:
            if len(name) == 14 and name.lower() == "content-length" and value.isdecimal():
                return int(value)
        return None

    def response(self, body: Union[bytes, Source], length: Optional[int] = None) -> Response:
        """Return the answer with *body*.

        Args:
            length: Of the body, if it is known and the application has not told it.

        Raises:
            ResponseError: ``start_response`` was not called.
        """
        if not self.status:
            raise ResponseError("the application has not called start_response")
        self.begun = True
        response = Response(body, self.status, self._fields)
        if length is not None and self.told is None:
            response.fields.append(("Content-Length", str(length)))
        response.close = self._close
        return response


def _capitalized(name: str) -> str:
    return "-".join([part.capitalize() for part in name.split("-")])


def piece_of(item: object, start: Start) -> bytes:
    """Return *item*, which the application has given as a piece of its body.

    Raises:
        ResponseError: It is none, or the application has not called ``start_response``.
    """
    if not start.status:
        raise ResponseError("the application gave a piece of the body before start_response")
    if isinstance(item, bytes):
        return item
    if isinstance(item, Trap):
        raise ResponseError(
            "the application waits in green code, which only mode='green' lets it do"
        )
    raise ResponseError(f"a piece of the body is bytes; got {type(item).__name__}")


def chunk_of(environ: Environ, otherwise: int) -> int:
    """Return how many bytes are collected before they are sent; an application may set it."""
    return int(environ.get("eventlet.minimum_write_chunk_size", otherwise))


def without_escape(exc: BaseException) -> BaseException:
    """Return what an application raised as an error that ends nothing but its request."""
    if isinstance(exc, (KeyboardInterrupt, GeneratorExit, StopIteration)):
        error = RuntimeError(f"the application raised {type(exc).__name__}")
        error.__cause__ = exc
        return error
    return exc
