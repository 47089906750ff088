"""The standard library's waiting modules, one file each, under the same names.

A program written against ``socket`` becomes a green one by changing the import to
``from genlet.green import socket`` and writing ``yield from`` before the calls that wait.
"""

# The modules without an underscore are the mirrors.  Behind them, each line from the bottom up:
#
#   all          _mirror  _octets  _waiting  _claims  _addresses
#   dns          _dnspython
#   io           _raw  _fileio  _socketio  _buffered  _buffered_reader  _buffered_writer
#                _buffered_pair  _text
#   socket       _lending  _endpoint  _calls  _connecting  _sendfile  _socket
#   ssl          _tls  _tls_waits  _tls_memory  _tls_descriptor  _tls_facts  _sslsocket
#   subprocess   _children  _subprocess_types  _popen
#   select       _ready
#
# The decorator `genlet.green` has the name of this package.  Importing a submodule makes the package
# an attribute of genlet, instead of the decorator.  Therefore the package is the decorator too.

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Callable, Generator, TypeVar

from .._absent import asked_by, missing
from ..abc import Trap, green

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from ..abc import Op

    P = ParamSpec("P")

T = TypeVar("T")


class Package(ModuleType):
    """A package that can be called as `genlet.abc.green` is."""

    def __getattr__(self, name: str) -> object:
        raise missing(__name__, name, asked_by(1))

    def __call__(self, fn: Callable[P, Generator[Trap, None, T]]) -> Callable[P, Op[T]]:
        return green(fn)


sys.modules[__name__].__class__ = Package
