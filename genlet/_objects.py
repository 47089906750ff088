"""How genlet looks at objects of the program, whatever these do when they are looked at."""

# An exception may refuse attributes (a frozen dataclass does), compute them, or raise from each of
# its methods; so may a value, a callable or an observer.  The functions of this file read and set
# what genlet needs of such an object, and run none of its code; those that return a text run it,
# and have another text where it fails.  Ctrl-C is not that object's: it is raised.

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Tuple, Type, TypeVar, Union

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import TypeIs

K = TypeVar("K")

# The descriptors of the class itself, past every property of a subclass.
_TRACEBACK: Any = BaseException.__dict__["__traceback__"]
_CONTEXT: Any = BaseException.__dict__["__context__"]
_DICT: Any = BaseException.__dict__["__dict__"]


def is_a(obj: object, kind: Union[Type[K], Tuple[Type[K], ...]]) -> TypeIs[K]:
    """Whether *obj* is an instance of *kind*; ``isinstance`` also believes its ``__class__``."""
    return issubclass(type(obj), kind)


# These are called for every error, so no function stands around them.
traceback_of: Callable[[BaseException], Optional[TracebackType]] = _TRACEBACK.__get__
"""Return ``exc.__traceback__``."""

with_traceback: Callable[[BaseException, Optional[TracebackType]], BaseException] = (
    BaseException.with_traceback
)
"""Set the traceback of an exception, and return the exception."""

context_of: Callable[[BaseException], Optional[BaseException]] = _CONTEXT.__get__
"""Return ``exc.__context__``."""

set_context: Callable[[BaseException, Optional[BaseException]], None] = _CONTEXT.__set__
"""Set ``exc.__context__``."""

attributes_of: Callable[[BaseException], Dict[str, Any]] = _DICT.__get__
"""Return the dictionary of the attributes that are stored on an exception."""


def without_frame(exc: BaseException) -> BaseException:
    """Return *exc* without the outermost frame of its traceback."""
    traceback = traceback_of(exc)
    return with_traceback(exc, traceback and traceback.tb_next)


def closes_generator(exc: GeneratorExit) -> bool:
    """Whether *exc*, caught around a ``yield from``, closes the generator that has caught it.

    If not, the code that it drives has raised it, and it is an error like any other.  What closes a
    generator is raised in its own frame, and has passed no frame further in.
    """
    traceback = traceback_of(exc)
    return traceback is None or traceback.tb_next is None


def same(one: object, other: object) -> bool:
    """Whether they are the same callable or argument; equal is enough, if they can be compared."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if type(one) is MethodType:
        return one == other  # by the identity of the object
    try:
        return bool(one == other)
    except Exception:
        return False


def text_of(obj: object) -> str:
    """Return ``repr(obj)``; the name of its class if that raises."""
    try:
        return repr(obj)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return f"<{type(obj).__qualname__} object that cannot be printed>"


def description_of(trap: Any) -> str:
    """Return what *trap* says that it waits for; the name of its class if that raises."""
    try:
        return str(trap.describe())
    except KeyboardInterrupt:
        raise
    except BaseException:
        return f"a {type(trap).__qualname__}"


def name_of(fn: object) -> str:
    """Return the qualified name of a function; of a callable that has none, what it prints."""
    try:
        name = getattr(fn, "__qualname__", None)
    except KeyboardInterrupt:
        raise
    except BaseException:
        name = None
    return name if type(name) is str and name else text_of(fn)
