"""eventlet's monkey patching, which genlet has not: each call says what to write in its place."""

# A patched module of the standard library would have to suspend its caller from inside a plain call.
# A generator cannot: what waits is written ``yield from``, and plain code has no such line.

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Dict, NoReturn, Union

__all__ = ["import_patched", "inject", "is_monkey_patched", "monkey_patch", "original"]

INSTEAD: Dict[str, str] = {
    "os": "from genlet.green import os",
    "select": "from genlet.green import select",
    "socket": "from genlet.green import socket, or genlet.net",
    "ssl": "from genlet.green import ssl",
    "subprocess": "from genlet.green import subprocess",
    "thread": "genlet.spawn, and genlet's Lock, Event, Queue; or from genlet.green import threading",
    "time": "yield from genlet.sleep(seconds)",
    "psycopg": "tpool.Proxy(connection)",
    "MySQLdb": "tpool.Proxy(connection)",
    "builtins": "yield from tpool.execute(open, ...)",
}
"""What eventlet could patch, and what does its work here."""

ANYTHING = "yield from genlet.tpool.execute(fn, ...) runs any blocking call on a thread"


def monkey_patch(**on: bool) -> NoReturn:
    """Raise, and say what takes the place of each module that would have been patched.

    Raises:
        NotImplementedError: Always.

    Source:
        eventlet ``patcher.monkey_patch``.
    """
    named = [name for name, wanted in on.items() if wanted and name != "all"]
    _refuse("monkey_patch()", named or list(INSTEAD))


def import_patched(module_name: str, *_modules: object, **_more: object) -> NoReturn:
    """Raise, and say what takes the place of *module_name*.

    Raises:
        NotImplementedError: Always.

    Source:
        eventlet ``patcher.import_patched``.
    """
    _refuse(f"import_patched({module_name!r})", [module_name])


def inject(module_name: str, _new_globals: object, *_modules: object, **_more: object) -> NoReturn:
    """Raise, and say what takes the place of *module_name*.

    Raises:
        NotImplementedError: Always.

    Source:
        eventlet ``patcher.inject``.
    """
    _refuse(f"inject({module_name!r}, ...)", [module_name])


def is_monkey_patched(_module: Union[str, ModuleType]) -> bool:
    """Return False: no module ever is.

    Source:
        eventlet ``patcher.is_monkey_patched``.
    """
    return False


def original(modname: str) -> ModuleType:
    """Return the module itself, which is the original one.

    Source:
        eventlet ``patcher.original``.
    """
    return import_module(modname)


def _refuse(call: str, names: list[str]) -> NoReturn:
    lines = [f"  {name}: {INSTEAD.get(name, ANYTHING)}" for name in names]
    raise NotImplementedError(
        f"genlet patches nothing: a call that waits is written with 'yield from', so {call} cannot"
        " make plain code wait.  Write instead of\n" + "\n".join([*lines, ANYTHING + "."])
    )
