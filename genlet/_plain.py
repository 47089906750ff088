"""What green objects answer to plain statements, which cannot wait: what to write instead."""

# Type checkers do not see these methods, and so report the statements as well.

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Mapping, NoReturn

__all__ = ["HeldByHold", "NextInLoop", "advised"]


def advised(obj: object, name: str, advice: Mapping[str, str]) -> object:
    """Answer for an attribute that *obj* does not have, from a ``__getattr__``.

    Args:
        advice: By the names that other libraries use, what to write instead.

    Raises:
        AttributeError: Always, unless a property has failed and now succeeds.
    """
    if name in advice:
        raise AttributeError(
            f"{type(obj).__name__!r} object has no attribute {name!r}: {advice[name]}"
        )
    return object.__getattribute__(obj, name)  # Python's own error, which knows similar names


class HeldByHold:
    """Answers ``with lock:`` and ``yield from lock``."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            raise TypeError(
                f"'with' cannot wait for a {type(self).__name__}: write"
                " 'with (yield from lock.hold()):'"
            )

        def __exit__(self, *exc_info: object) -> None:
            pass

        def __iter__(self) -> NoReturn:
            raise TypeError(
                f"'yield from' needs a call; {type(self).__name__} is none: write"
                " 'with (yield from lock.hold()):'"
            )


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
