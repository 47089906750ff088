"""``_thread``, with greenthreads for threads; `genlet.green.threading` has more."""

from __future__ import annotations

import _thread as real
from _thread import TIMEOUT_MAX as TIMEOUT_MAX
from _thread import error as error
from _thread import interrupt_main as interrupt_main
from _thread import stack_size as stack_size
from typing import TYPE_CHECKING, Any, Callable, Dict, NoReturn, Optional, Tuple, cast

from ..abc import Green
from ..corolocal import get_ident as get_ident
from ._mirror import mirror
from .threading import Lock, Thread
from .threading import RLock as RLock

if TYPE_CHECKING:  # at run time `mirror` passes it through, where the platform has it
    from _thread import get_native_id as get_native_id

LockType = lock = allocate_lock = Lock


def start_new_thread(
    function: Callable[..., Green[object]],
    args: Tuple[Any, ...],
    kwargs: Optional[Dict[str, Any]] = None,
) -> int:
    """Start a greenthread that drives ``function(*args, **kwargs)``, and return its number.

    Args:
        function: A green function; SystemExit ends it without a word.

    Source:
        ``_thread.start_new_thread``.  Differs: it makes a `threading.Thread`, and an error goes to
        ``threading.excepthook``.
    """
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(cast(object, args), tuple):
        raise TypeError("2nd arg must be a tuple")
    if kwargs is not None and not isinstance(cast(object, kwargs), dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    thread = Thread(target=function, args=args, kwargs=kwargs)
    thread.start()
    assert thread.ident is not None, "it is started"
    return thread.ident


def exit() -> NoReturn:
    """Raise SystemExit, which ends a thread without a word.

    Source:
        ``_thread.exit``.
    """
    raise SystemExit


_JOIN = "use genlet.green.threading.Thread, which can be joined"
_OLD = "an old name: use "

__green__: Tuple[str, ...] = (
    "RLock.acquire",
    "RLock.hold",
)  # and those of what `allocate_lock` makes

__omitted__: Dict[str, str] = {
    "allocate": _OLD + "allocate_lock",
    "daemon_threads_allowed": _JOIN,
    "exit_thread": _OLD + "exit",
    "start_joinable_thread": _JOIN,
    "start_new": _OLD + "start_new_thread",
    **{
        f"{name}.{call}_lock": f"{_OLD}{call}"
        for name in ("LockType", "allocate_lock", "lock")
        for call in ("acquire", "locked", "release")
    },
}

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
