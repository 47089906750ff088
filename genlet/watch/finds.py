"""The reports of dropped green calls: to listeners, and as warnings."""

from __future__ import annotations

import warnings
from typing import Any, Callable, Dict, List, NamedTuple

__all__ = ["Find", "ForgottenYield", "listeners", "report"]


class ForgottenYield(RuntimeWarning):
    """A green call without ``yield from``, which therefore did nothing."""


class Find(NamedTuple):
    """One line at which a green call was lost."""

    message: str
    filename: str
    line: int

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}: {self.message}"


listeners: List[Callable[[Find], object]] = []
"""Called with every find before the warning is given; what one raises is raised at that line."""


def report(message: str, filename: str, line: int, namespace: Dict[str, Any]) -> None:
    """Tell the listeners, and warn.

    Args:
        filename, line: Where the call is.
        namespace: The globals of that module, for the filters of warnings.

    Raises:
        BaseException: A listener raised it, or a filter turned the warning into an error.
    """
    find = Find(message, filename, line)
    for listener in listeners:
        listener(find)
    warnings.warn_explicit(
        message,
        ForgottenYield,
        filename,
        line,
        module=namespace.get("__name__", filename),  # with None there would be no warning
        registry=namespace.setdefault("__warningregistry__", {}),
    )
