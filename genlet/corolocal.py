"""Attributes of which every greenthread has its own."""

from __future__ import annotations

from _thread import _local
from _thread import get_ident as thread_ident
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple
from weakref import WeakKeyDictionary

from .kernel import AnyGreenThread, getcurrent

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["get_ident", "local"]

Attributes = Dict[str, Any]


def _current() -> Optional[AnyGreenThread]:
    try:
        return getcurrent()
    except RuntimeError:
        return None


def get_ident() -> int:
    """Return a number that no other greenthread of this moment has; outside of one, the thread's.

    Source:
        eventlet ``corolocal.get_ident``.
    """
    gt = _current()
    return thread_ident() if gt is None else id(gt)


class Store(_local):
    """What one `local` keeps in one OS thread: greenthreads never leave theirs.

    Attributes:
        outside: For code that is in no greenthread; None before its first use.
        greens: For each greenthread, as long as that exists.
    """

    def __init__(self) -> None:
        self.outside: Optional[Attributes] = None
        self.greens: WeakKeyDictionary[AnyGreenThread, Attributes] = WeakKeyDictionary()


class local:  # noqa: N801  the standard library's name
    """Attributes of which every greenthread has its own, gone when it is.

    A subclass's ``__init__`` is called once in each greenthread that uses the object, with the
    arguments it was made with.  Outside of greenthreads, every thread has its own.

    Source:
        eventlet ``corolocal.local``; ``threading.local``, which all greenthreads of a thread share.
    """

    __slots__ = ("__weakref__", "_local__arguments", "_local__store")

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError(f"{cls.__name__} takes no arguments: it has no __init__")
        self = object.__new__(cls)
        store = Store()
        object.__setattr__(self, "_local__arguments", (args, kwargs))
        object.__setattr__(self, "_local__store", store)
        _keep(store, _current(), {})  # the caller of this calls __init__ for this one
        return self

    def __getattribute__(self, name: str) -> Any:
        attributes = _attributes(self)
        if name == "__dict__":
            return attributes
        if name in attributes and not _is_data(type(self), name):
            return attributes[name]
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__dict__":
            raise AttributeError(
                f"{type(self).__name__!r} object attribute '__dict__' is read-only"
            )
        attributes = _attributes(self)
        if _is_data(type(self), name):
            object.__setattr__(self, name, value)
        else:
            attributes[name] = value

    def __delattr__(self, name: str) -> None:
        if name == "__dict__":
            raise AttributeError(
                f"{type(self).__name__!r} object attribute '__dict__' is read-only"
            )
        attributes = _attributes(self)
        if _is_data(type(self), name):
            object.__delattr__(self, name)
        elif name in attributes:
            del attributes[name]
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _attributes(obj: local) -> Attributes:
    """Return what the running greenthread has in *obj*, initialised."""
    store: Store = object.__getattribute__(obj, "_local__store")
    gt = _current()
    found = store.outside if gt is None else store.greens.get(gt)
    if found is not None:
        return found
    made: Attributes = {}
    _keep(store, gt, made)
    cls = type(obj)
    if cls.__init__ is not object.__init__:
        arguments: Tuple[Tuple[Any, ...], Dict[str, Any]]
        arguments = object.__getattribute__(obj, "_local__arguments")
        args, kwargs = arguments
        try:
            cls.__init__(obj, *args, **kwargs)
        except BaseException:
            _keep(store, gt, None)  # the next use tries again
            raise
    return made


def _keep(store: Store, gt: Optional[AnyGreenThread], attributes: Optional[Attributes]) -> None:
    if gt is None:
        store.outside = attributes
    elif attributes is None:
        store.greens.pop(gt, None)
    else:
        store.greens[gt] = attributes


def _is_data(cls: type, name: str) -> bool:
    """Whether *name* is a property of the class, or a slot: those go before the attributes."""
    for base in cls.__mro__:
        if name in base.__dict__:
            found: object = base.__dict__[name]
            return hasattr(type(found), "__set__")
    return False
