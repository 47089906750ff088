"""Runs wrong lines, each in a run of its own, and prints what was said of them: JSON, by module.

    python3 -m tests.lint.acts {plain,hook,monitor} FOLDER MODULE...

A module is imported from FOLDER, and its ``wrong()`` is driven if it has one.
"""

from __future__ import annotations

import json
import sys
import warnings
from contextlib import ExitStack
from importlib import import_module
from types import ModuleType
from typing import Any, Dict, List, Tuple

import genlet
from genlet import Green, TaskGroup, watch
from genlet.green import socket

# A line, and what was said there.
Report = Tuple[int, str]


def main() -> None:
    """Run the modules that the command line names."""
    level, folder, *names = sys.argv[1:]
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    warnings.simplefilter("ignore")
    if level == "hook" and sys.version_info >= (3, 12):
        for tool in (3, 4):  # the two that the monitor takes one of
            sys.monitoring.use_tool_id(tool, "the hook alone")
    print(json.dumps({name: act(level, name) for name in names}))


def act(level: str, name: str) -> List[Report]:
    """Return what *level* says of the module *name* while it is imported and run."""
    raised: List[BaseException] = []
    finds: List[watch.Find] = []
    watch.listeners.append(finds.append)
    with ExitStack() as stack:
        stack.callback(watch.listeners.remove, finds.append)
        if level == "hook":
            stack.enter_context(watch.Watch())
        elif level == "monitor":
            stack.enter_context(watch.Watch("no.module.at.all"))
        try:
            module = import_module(name)
            if hasattr(module, "wrong"):
                run(module, raised)
        except BaseException as exc:
            raised.append(exc)
        file = sys.modules[name].__file__ if name in sys.modules else f"{sys.argv[2]}/{name}.py"
    if level == "plain":
        return [report for exc in raised for report in reports(exc, str(file))]
    return [(find.line, find.message) for find in finds if find.filename == file]


def run(module: ModuleType, raised: List[BaseException]) -> None:
    """Drive the ``wrong()`` of *module* with what it asks for, and note the errors of all."""
    from stage import things  # type: ignore[import-not-found]  # it lies beside the modules

    wrong: Any = module.wrong
    names = wrong.__code__.co_varnames[: wrong.__code__.co_argcount]

    def main() -> Green[None]:
        left, right = socket.socketpair()
        yield from right.sendall(b"xyz")
        with left, right, TaskGroup(on_exit="cancel") as group:
            have: Dict[str, object] = things(group, left)
            try:
                yield from wrong(*[have[name] for name in names])
            except Exception as exc:
                raised.append(exc)

    def note(_: object, exc: BaseException) -> None:
        raised.append(exc)

    genlet.Runner(excepthook=note).run(main)


def reports(exc: BaseException, file: str) -> List[Report]:
    """Return the line of *file* that raised *exc*, or those of the errors in it."""
    inner: Tuple[BaseException, ...] = getattr(exc, "exceptions", ())
    if inner:
        return [report for one in inner for report in reports(one, file)]
    at = 0
    traceback = exc.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == file:
            at = traceback.tb_lineno
        traceback = traceback.tb_next
    return [(at, f"{type(exc).__name__}: {exc}")]


if __name__ == "__main__":
    main()
