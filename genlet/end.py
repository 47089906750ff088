"""The end of a source: what ``next()`` gives when there is nothing more to come."""

# A file of its own, because it needs enum, which is a tenth of what importing genlet would cost.

from __future__ import annotations

from enum import Enum


class End(Enum):
    """The type of `END`.

    An Enum, so that ``is not END`` narrows in mypy and pyright.
    """

    END = "END"

    def __repr__(self) -> str:
        return self.value


END = End.END
