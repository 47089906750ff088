"""Applications on the kernel: plain ones that do not block, and green ones that wait."""

# Nothing here runs beside the connection's greenthread: a piece is sent before the next is asked for.
#
# A green application yields two kinds of things.  Traps are waits, which come from a `yield from`:
# they are handed on to the kernel.  Bytes are pieces of the body.  So the generator is driven by hand,
# as `yield from` would drive it.

from __future__ import annotations

from types import GeneratorType
from typing import TYPE_CHECKING, Generator, Iterable, Iterator, List, Optional, Union, cast

from ..abc import Green, Trap, green
from ..end import END, End
from .files import FileWrapper, blocks, size_of
from .start import Application, Environ, Start, chunk_of, piece_of, without_escape

if TYPE_CHECKING:
    from ..http.messages import Response

__all__ = ["KernelCall"]

Steps = Generator[object, None, object]


class KernelCall:
    """One call of an application; a source of the pieces of its answer.

    Args:
        waits: It is a green application.
        chunk: How many bytes are collected before they are sent.
    """

    __slots__ = (
        "_app",
        "_chunk",
        "_error",
        "_items",
        "_length",
        "_result",
        "_steps",
        "_waits",
        "_written",
        "environ",
        "start",
    )

    def __init__(
        self, app: Application, method: str, waits: bool, chunk: int, capitalize: bool
    ) -> None:
        self._app: Application = app
        self._waits: bool = waits
        self._chunk: int = chunk
        self.environ: Environ = {}
        self.start: Start = Start(method, self.write, capitalize)
        self._written: List[bytes] = []  # sent before what is yielded
        self._steps: Optional[Steps] = None  # of a green application
        self._items: Iterator[object] = iter(())
        self._length: Optional[int] = None  # of a file, if nobody else has told
        self._result: object = None  # what has a close()
        self._error: Optional[BaseException] = None

    def write(self, data: bytes) -> None:
        """Have *data* sent before what the application yields: what ``start_response`` returns."""
        if piece_of(data, self.start) and not self.start.bare:
            self.start.begun = True
            self._written.append(data)

    @green
    def response(self) -> Green[Response]:
        """Call the application, and return the answer once its head is known.

        Raises:
            BaseException: What the application raised.
        """
        start = self.start
        result = self._called()
        if self._waits and isinstance(result, GeneratorType):
            self._steps = cast("Steps", result)
        else:
            whole = self._take(result)
            if whole is not None:
                return start.response(whole)
        first = yield from self.next()
        if first is END:
            piece_of(b"", start)
            return start.response(b"")
        if start.told == len(first):
            # Whatever is still to come is an error, and no piece of the body.
            return start.response(first)
        self._written.insert(0, first)
        return start.response(self, self._length)

    def _called(self) -> object:
        try:
            return self._app(self.environ, self.start)
        except BaseException as exc:
            raise without_escape(exc)

    def _take(self, result: object) -> Optional[bytes]:
        """Take what the application has returned; return the body if that is all of it."""
        self._result = result
        if isinstance(result, (list, tuple)) and not self.start.begun:
            return b"".join([piece_of(item, self.start) for item in cast("List[object]", result)])
        if isinstance(result, FileWrapper):
            left = self.start.told
            if left is None and not self.start.begun:
                left = self._length = size_of(result.filelike)
            self._items = blocks(result.filelike, left)
        else:
            self._items = iter(cast("Iterable[object]", result))
        return None

    @green
    def next(self) -> Green[Union[bytes, End]]:
        """Return the next pieces, `chunk` bytes at least, or `END`."""
        pieces = self._written
        self._written = []
        size = sum(map(len, pieces))
        if not pieces or size < chunk_of(self.environ, self._chunk):
            while True:
                item = yield from self._item()
                if item is END:
                    break
                piece = piece_of(item, self.start)
                if piece:
                    pieces.append(piece)
                    size += len(piece)
                    if size >= chunk_of(self.environ, self._chunk):
                        break
        return b"".join(pieces) or END

    @green
    def _item(self) -> Green[object]:
        """Return the next thing that the application yields, or `END`."""
        if self._steps is not None:
            item = yield from self._step(None)
            if item is not END:
                return item
        try:
            return next(self._items, END)
        except BaseException as exc:
            raise without_escape(exc)

    @green
    def _step(self, thrown: Optional[BaseException]) -> Green[object]:
        """Drive the green application to the next piece; what it returns is the rest of its body."""
        steps = self._steps
        assert steps is not None
        self._steps = None
        while True:
            try:
                item = steps.send(None) if thrown is None else steps.throw(thrown)
            except StopIteration as exc:
                if exc.value is not None:
                    self._result = exc.value
                    self._items = iter(exc.value)
                return END
            if not isinstance(item, Trap):
                self._steps = steps
                return item
            try:
                yield item
                thrown = None
            except BaseException as exc:
                thrown = exc

    @green
    def ended(self) -> Green[None]:
        """Close what the application has given; a green one may wait while it cleans up."""
        try:
            if self._steps is not None:
                try:
                    yield from self._step(GeneratorExit())
                except GeneratorExit:
                    pass
            close = getattr(self._result, "close", None)
            closing: object = None if close is None else close()
            if self._waits and isinstance(closing, GeneratorType):
                yield from cast("Green[object]", closing)
        except Exception as exc:
            self._error = exc

    def leftover(self) -> Optional[BaseException]:
        """Return what was raised when it was too late to answer with it."""
        error, self._error = self._error, None
        return error
