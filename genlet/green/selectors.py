"""``selectors``, with ``select()`` green.

Registering, looking up and closing are plain calls.  Only one greenthread at a time may wait in an
`EpollSelector` or `KqueueSelector`; what is registered there meanwhile counts at once.  For a
`SelectSelector` or `PollSelector` it counts from the next ``select()`` on.
"""

from __future__ import annotations

import selectors as real
import sys
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from selectors import EVENT_READ as EVENT_READ
from selectors import EVENT_WRITE as EVENT_WRITE
from selectors import SelectorKey as SelectorKey
from typing import (
    TYPE_CHECKING,
    Any,
    Dict,
    List,
    Optional,
    Tuple,
    Type,
)

from .._compat import POLLIN, POLLOUT
from ..abc import Green, Op, green
from ..kernel import holders, holds_input
from . import _ready
from ._mirror import mirror

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed import FileDescriptorLike
    from typing_extensions import Self

Ready = List[Tuple[SelectorKey, int]]


class BaseSelector(metaclass=ABCMeta):
    """Waits for registered descriptors to be ready.

    Source:
        ``selectors.BaseSelector``.
    """

    @abstractmethod
    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        """Source: ``BaseSelector.register``."""
        raise NotImplementedError

    @abstractmethod
    def unregister(self, fileobj: FileDescriptorLike) -> SelectorKey:
        """Source: ``BaseSelector.unregister``."""
        raise NotImplementedError

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        """Source: ``BaseSelector.modify``."""
        self.unregister(fileobj)
        return self.register(fileobj, events, data)

    @abstractmethod
    def select(self, timeout: Optional[float] = None) -> Op[Ready]:
        """Wait until a registered descriptor is ready, and return all that are.

        Args:
            timeout: Seconds; None waits for ever, 0 and less only look.

        Returns:
            The key of each, and which of its events; empty after the timeout.

        Source:
            ``BaseSelector.select``.
        """
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027  it need not be overridden there either
        """Source: ``BaseSelector.close``."""

    def get_key(self, fileobj: FileDescriptorLike) -> SelectorKey:
        """Source: ``BaseSelector.get_key``."""
        mapping = self.get_map()
        if mapping is None:
            raise RuntimeError("Selector is closed")
        try:
            return mapping[fileobj]
        except KeyError:
            raise KeyError(f"{fileobj!r} is not registered") from None

    @abstractmethod
    def get_map(self) -> Optional[Mapping[FileDescriptorLike, SelectorKey]]:
        """Source: ``BaseSelector.get_map``: None once it is closed."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()


class _Mirrored(BaseSelector):
    """Keeps the standard library's selector, and looks with that."""

    def __init__(self, selector: real.BaseSelector) -> None:
        self._selector: real.BaseSelector = selector

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: FileDescriptorLike) -> SelectorKey:
        return self._selector.unregister(fileobj)

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        return self._selector.modify(fileobj, events, data)

    @green
    def select(self, timeout: Optional[float] = None) -> Green[Ready]:
        return (yield from _ready.ready_within(self._look, self._wait, timeout, self._is_closed))

    def _is_closed(self) -> bool:
        # typeshed's selectors never have None here; a closed one does.
        found: Optional[Mapping[FileDescriptorLike, SelectorKey]] = self.get_map()
        return found is None

    def close(self) -> None:
        self._selector.close()

    def get_map(self) -> Optional[Mapping[FileDescriptorLike, SelectorKey]]:
        return self._selector.get_map()

    def _look(self) -> Ready:
        found = self._selector.select(0)
        keys = self._selector.get_map() if holders else None
        if not keys:
            return found
        events = {key.fd: (key, mask) for key, mask in found}
        for key in list(keys.values()):
            if key.events & EVENT_READ and holds_input(key.fd):
                events[key.fd] = (key, EVENT_READ | events.get(key.fd, (key, 0))[1])
        return list(events.values())

    def _wait(self) -> Green[Ready]:
        masks: Dict[int, int] = {}
        for key in (self._selector.get_map() or {}).values():
            masks[key.fd] = (POLLIN if key.events & EVENT_READ else 0) | (
                POLLOUT if key.events & EVENT_WRITE else 0
            )
        return _ready.watch(masks, self._look)


class SelectSelector(_Mirrored):
    """Looks with select(2).

    Source:
        ``selectors.SelectSelector``.
    """

    def __init__(self) -> None:
        super().__init__(real.SelectSelector())


if sys.platform != "win32":

    class PollSelector(_Mirrored):
        """Looks with poll(2).

        Source:
            ``selectors.PollSelector``.
        """

        def __init__(self) -> None:
            super().__init__(real.PollSelector())


class _WithDescriptor(_Mirrored):
    """One that has a descriptor, which stands for all that is registered.

    Closing it raises ClosedResource in the waiting greenthreads.
    """

    def __init__(self, selector: real.BaseSelector, fd: int) -> None:
        super().__init__(selector)
        self._fd: int = fd

    def fileno(self) -> int:
        """Return the number of that descriptor, -1 when closed."""
        return self._fd

    def close(self) -> None:
        if self._fd >= 0:
            _ready.forget(self._fd)
            self._fd = -1
            super().close()

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        key = super().register(fileobj, events, data)
        _ready.joined(key.fd)
        return key

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        key = super().modify(fileobj, events, data)
        _ready.joined(key.fd)
        return key

    def _wait(self) -> Green[Ready]:
        return _ready.watch_one(self._fd, self._look)


DefaultSelector: Type[BaseSelector]

if sys.platform == "linux":

    class EpollSelector(_WithDescriptor):
        """Looks with epoll(7).

        Source:
            ``selectors.EpollSelector``.
        """

        def __init__(self) -> None:
            selector = real.EpollSelector()
            super().__init__(selector, selector.fileno())

    DefaultSelector = EpollSelector

elif sys.platform != "win32" and hasattr(real, "KqueueSelector"):

    class KqueueSelector(_WithDescriptor):
        """Looks with kqueue(2).

        Source:
            ``selectors.KqueueSelector``.
        """

        def __init__(self) -> None:
            selector = real.KqueueSelector()
            super().__init__(selector, selector.fileno())

    DefaultSelector = KqueueSelector

elif sys.platform != "win32":
    # It is made above, on every system but Windows.
    DefaultSelector = PollSelector  # pyright: ignore[reportPossiblyUnboundVariable]
else:
    DefaultSelector = SelectSelector


__green__: Tuple[str, ...] = (
    "BaseSelector.select",
    "DefaultSelector.select",
    "SelectSelector.select",
)
if sys.platform != "win32":
    __green__ += ("PollSelector.select",)
if sys.platform == "linux":
    __green__ += ("EpollSelector.select",)
elif sys.platform != "win32" and hasattr(real, "KqueueSelector"):
    __green__ += ("KqueueSelector.select",)

__omitted__: Dict[str, str] = {
    "DevpollSelector": "its descriptor cannot be waited for: use PollSelector",
}

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
