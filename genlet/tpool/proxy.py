"""Objects whose methods block, with methods that run on a thread."""

from __future__ import annotations

from functools import partial
from operator import getitem
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Generic,
    Iterator,
    NoReturn,
    Protocol,
    Tuple,
    Type,
    TypeVar,
    Union,
    cast,
)

from .._plain import NextInLoop
from ..abc import Green, Op, green
from ..end import END, End
from .threads import SHARED, Job

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


if TYPE_CHECKING:

    class GetsItem(Protocol[T_co]):
        """What has ``[]``."""

        def __getitem__(self, key: Any, /) -> T_co: ...


class Proxy(NextInLoop, Generic[T_co]):
    """An object whose methods are called on threads.

    ::

        db = tpool.Proxy(sqlite3.connect(path, check_same_thread=False), autowrap_names=("execute",))
        cursor = yield from db.execute("select name from people")
        while (row := (yield from cursor.next())) is not END:
            ...

    A method's call is green, and runs as `execute` does; with ``nonblocking=True`` it is a plain
    call, made at once by the caller's own thread.  That holds for special methods that are called by
    name, too: ``yield from p.__setitem__(key, value)``.  Attributes that are not callable are read
    and set directly, and so are ``==``, ``hash``, ``len``, ``bool``, ``str`` and ``repr``.

    Args:
        obj: What `unwrap` gives back.
        autowrap: A class or classes: results and attributes of these come as proxies, with the same
            *autowrap* and *autowrap_names*.
        autowrap_names: Results of these methods, and these attributes, come as proxies.

    A checker knows what `call`, `getitem` and `next` return, but not that it was wrapped; through
    other methods it sees Any.  For typed calls: ``yield from execute(unwrap(p).method, ...)``.

    Source:
        eventlet ``tpool.Proxy``.  Differs: ``p()``, ``p[key]`` and ``next(p)`` are `call`, `getitem`
        and `next`; ``with`` and ``for`` do not work, for they cannot wait; setting an attribute sets
        the object's; what is wrapped by name keeps the autowrap arguments.
    """

    __slots__ = ("_autowrap", "_autowrap_names", "_obj")

    def __init__(
        self,
        obj: T_co,
        autowrap: Union[Type[Any], Tuple[Type[Any], ...]] = (),
        autowrap_names: Tuple[str, ...] = (),
    ) -> None:
        self._obj = obj
        self._autowrap = autowrap
        self._autowrap_names = autowrap_names

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._obj, name)
        if callable(value):
            return partial(self._method, name, value)
        return self._wrapped(name, value)

    def __setattr__(self, name: str, value: object) -> None:
        # Its own, and what `typing` would leave on it: not the object's.
        if name in Proxy.__slots__ or name.startswith("__"):
            super().__setattr__(name, value)
        else:
            setattr(self._obj, name, value)

    @green
    def call(self: Proxy[Callable[P, T]], /, *args: P.args, **kwargs: P.kwargs) -> Green[T]:
        """Call the object itself."""
        return self._on_thread("__call__", self._obj, args, kwargs)

    @green
    def getitem(self: Proxy[GetsItem[T]], key: object) -> Green[T]:
        """Return ``obj[key]``."""
        return self._on_thread("__getitem__", getitem, (self._obj, key), {})

    @green
    def next(self: Proxy[Iterator[T]]) -> Green[Union[T, End]]:
        """Return the next item of the object, which is an iterator; `END` after the last."""
        return self._on_thread("__next__", next, (self._obj, END), {})

    def _method(
        self,
        name: str,
        fn: Callable[..., Any],
        /,
        *args: Any,
        nonblocking: bool = False,
        **kwargs: Any,
    ) -> Any:
        if nonblocking:
            return self._wrapped(name, fn(*args, **kwargs))
        return self._on_thread(name, fn, args, kwargs)

    def _on_thread(
        self, name: str, fn: Callable[..., Any], args: Tuple[Any, ...], kwargs: Dict[str, Any]
    ) -> Op[Any]:
        return Job(SHARED, fn, args, kwargs, wrap=partial(self._wrapped, name)).outcome()

    def _wrapped(self, name: str, value: Any) -> Any:
        """Return *value*, which *name* has given, in a proxy if it is to be in one."""
        if value is END or isinstance(value, Proxy):
            return cast(object, value)
        if name in self._autowrap_names or isinstance(value, self._autowrap):
            return Proxy(value, self._autowrap, self._autowrap_names)
        return value

    # Quick, and asked for by Python itself where nothing can wait.

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Proxy):
            other = unwrap(cast("Proxy[object]", other))
        return bool(self._obj == other)

    def __hash__(self) -> int:
        return hash(self._obj)

    def __len__(self) -> int:
        obj: Any = self._obj
        return len(obj)

    def __bool__(self) -> bool:
        return bool(self._obj)

    def __str__(self) -> str:
        return str(self._obj)

    def __repr__(self) -> str:
        return repr(self._obj)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Proxy is not copied or pickled: do that with tpool.unwrap(proxy)")

    __deepcopy__ = __reduce_ex__


def unwrap(proxy: Proxy[T]) -> T:
    """Return the object that *proxy* stands for."""
    return proxy._obj
