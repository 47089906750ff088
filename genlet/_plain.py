"""What green objects answer to plain statements, which cannot wait: what to write instead."""

# Type checkers do not see these methods, and so report the statements as well.

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["HeldByHold", "NextInLoop"]


class HeldByHold:
    """Answers ``with lock:``."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            raise TypeError(
                f"'with' cannot wait for a {type(self).__name__}: write"
                " 'with (yield from lock.hold()):'"
            )

        def __exit__(self, *exc_info: object) -> None:
            pass


class NextInLoop:
    """Answers ``for item in source:``, ``list(source)``, and unpacking."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __iter__(self) -> NoReturn:
            raise TypeError(
                f"{type(self).__name__} cannot be iterated over, because that would have to wait: write"
                " 'while (item := (yield from source.next())) is not END:'"
                + (", or 'yield from source.collect()'" if hasattr(type(self), "collect") else "")
            )
