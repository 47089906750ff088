"""The standard library's waiting modules, one file each, under the same names.

A program written against ``socket`` becomes a green one by changing the import to
``from genlet.green import socket`` and writing ``yield from`` before the calls that wait.
"""

# The decorator `genlet.green` has this package's name, and importing a submodule makes the package an
# attribute of genlet, in the decorator's place.  So the package is the decorator too.

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Callable, Generator, TypeVar

from ..abc import Trap, green

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from ..abc import Op

    P = ParamSpec("P")

T = TypeVar("T")


class Package(ModuleType):
    """A package that can be called as `genlet.abc.green` is."""

    def __call__(self, fn: Callable[P, Generator[Trap, None, T]]) -> Callable[P, Op[T]]:
        return green(fn)


sys.modules[__name__].__class__ = Package
