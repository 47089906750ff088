"""Pools of objects that are costly to make, or limited in number."""

from __future__ import annotations

from collections import deque
from sys import maxsize
from types import GeneratorType
from typing import (
    TYPE_CHECKING,
    Callable,
    ContextManager,
    Deque,
    Generic,
    Optional,
    Type,
    TypeVar,
    Union,
    cast,
    overload,
)

from ._counts import check_count
from ._objects import is_a, text_of
from .abc import Green, green
from .end import END, End
from .kernel import Wait, Waiters

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

__all__ = ["Pool", "Token", "TokenPool"]


class Pool(Generic[T]):
    """Hands out items, and makes them as they are needed, *max_size* at the most.

    ::

        connections = Pool(max_size=10, create=connect)
        with (yield from connections.item()) as connection:
            ...

    Who finds none waits in line.  An item that is put back goes to the first in line; a place that
    is given up, since `create` failed or was interrupted, does too.

    Args:
        min_size: How many items to make at once.
        max_size: How many there may be.
        order_as_stack: Whether to hand out the item that was put back last, and not the one that has
            lain longest.
        create: Makes an item, without arguments; a plain or a green function.  A subclass may
            override the method instead.

    Attributes:
        current_size: How many items there are, handed out, free or being made.
        free_items: Those that lie here.

    Raises:
        TypeError, ValueError: A size is no int, or negative, or *min_size* is above *max_size*.
        TypeError: *min_size* items are wanted of a green `create`, which a constructor cannot call.

    Source:
        eventlet ``pools.Pool``, which makes *min_size* items whatever *max_size* is.  Differs: `resize`
        wakes the waiting greenthreads if there is more room now, and so does a `create` that fails.
    """

    @overload
    def __init__(
        self,
        min_size: int = 0,
        max_size: int = 4,
        order_as_stack: bool = False,
        *,
        create: Callable[[], Green[T]],
    ) -> None: ...
    @overload
    def __init__(
        self,
        min_size: int = 0,
        max_size: int = 4,
        order_as_stack: bool = False,
        create: Optional[Callable[[], T]] = None,
    ) -> None: ...
    def __init__(
        self,
        min_size: int = 0,
        max_size: int = 4,
        order_as_stack: bool = False,
        create: Optional[Callable[[], Union[T, Green[T]]]] = None,
    ) -> None:
        self.min_size: int = check_count(min_size, "min_size")
        self.max_size: int = check_count(max_size, "max_size")
        if self.min_size > min(self.max_size, maxsize):
            raise ValueError(
                f"min_size is {text_of(min_size)}, more items than max_size allows or than can be"
            )
        self.order_as_stack: bool = order_as_stack
        self.current_size: int = 0
        self.free_items: Deque[T] = deque()
        self._create: Optional[Callable[[], Union[T, Green[T]]]] = create
        # END instead of an item hands over the right to make one.
        self._getters: Waiters[Union[T, End]] = Waiters()
        for _ in range(self.min_size):
            item = self.create()
            if is_a(item, GeneratorType):
                item.close()
                raise TypeError(
                    "min_size needs a plain create: a constructor cannot wait for a green one;"
                    " leave min_size at 0, and items are made as they are asked for"
                )
            self.free_items.append(cast(T, item))
            self.current_size += 1

    def create(self) -> Union[T, Green[T]]:
        """Make an item; a subclass may override this, with a plain or a green method.

        Raises:
            NotImplementedError: It was not overridden, and the pool was given nothing to call.

        Source:
            eventlet ``Pool.create``.
        """
        if self._create is None:
            raise NotImplementedError(
                f"{type(self).__name__} cannot make items: pass create=, or override create()"
            )
        return self._create()

    @green
    def get(self) -> Green[T]:
        """Take an item: a free one, else a new one, else the next that is put back.

        Raises:
            BaseException: What `create` raised.
        """
        if self.free_items:
            return self.free_items.popleft()
        if self.current_size < self.max_size:
            self.current_size += 1
        else:
            item = yield from Wait(
                self, "an item of the pool", self._getters, ask=self._look
            ).get()
            if item is not END:
                return item
        try:
            made = self.create()
            if type(made) is not GeneratorType:
                return cast(T, made)
            return (yield from cast("Green[T]", made))
        except BaseException:
            self.current_size -= 1
            self._hand_out()
            raise

    def put(self, item: T) -> None:
        """Put an item back; a plain call.  It is dropped if there are too many since `resize`."""
        if self.current_size > self.max_size:
            self.current_size -= 1
        elif self.order_as_stack:
            self.free_items.appendleft(item)
        else:
            self.free_items.append(item)
        self._hand_out()

    @green
    def item(self) -> Green[ContextManager[T]]:
        """Take an item, for a ``with`` block that puts it back at its end."""
        loan = _Loan(self)  # before an item is taken: this call fails where the stack ends
        loan.item = yield from self.get()
        return loan

    def resize(self, new_size: int) -> None:
        """Change the maximum.  Items beyond it are dropped when they are put back."""
        self.max_size = check_count(new_size, "the size of a Pool")
        self._hand_out()

    def free(self) -> int:
        """Return how many items can be had without waiting for another to be put back."""
        return len(self.free_items) + self.max_size - self.current_size

    def waiting(self) -> int:
        """Return how many greenthreads wait for an item."""
        return len(self._getters)

    def _look(self, _getter: Wait[Union[T, End]]) -> None:
        self._hand_out()

    def _hand_out(self) -> None:
        """Give those in line what is free: items, and then the right to make one."""
        while self.free_items:
            getter = self._getters.claim()
            if getter is None:
                break
            getter.settle(self.free_items.popleft())
        while self.current_size < self.max_size and self._getters.wake(END):
            self.current_size += 1

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {len(self.free_items)} free of {self.current_size},"
            f" at most {self.max_size}, {self.waiting()} waiting>"
        )


class _Loan(Generic[T]):
    """An item for the length of a ``with`` block."""

    __slots__ = ("_pool", "item")

    item: T

    def __init__(self, pool: Pool[T]) -> None:
        self._pool: Pool[T] = pool

    def __enter__(self) -> T:
        return self.item

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._pool.put(self.item)


class Token:
    """Nothing but the right to do something."""


class TokenPool(Pool[Token]):
    """A pool of tokens: at most *max_size* greenthreads hold one.

    Source:
        eventlet ``pools.TokenPool``.
    """

    def create(self) -> Token:
        return Token()
