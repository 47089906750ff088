"""``genlet run``: runs the green function of a file or a module."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING, Callable, List, Optional, cast

from ..abc import Green
from ..runner import Runner
from . import FAILED, UsageError, hubs

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from ..kernel import Scheduler

SUMMARY = "run the green function of a file or a module"

# The module name of a FILE.py.  With "__main__" a file that ends with `if __name__ == "__main__":
# run(main)` would run twice.
PROGRAM = "__genlet_main__"

# Packages whose frames are cut off the beginning of a program's traceback.  PyPy's contexts are
# written in Python.
PLUMBING = ("genlet", "_contextvars")


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    hubs.add_option(parser)
    parser.add_argument(
        "target",
        metavar="FILE.py | module:function",
        help="a file, whose `main` is run, or any green function; it is called without arguments",
    )
    parser.add_argument(
        "args", nargs=argparse.REMAINDER, metavar="ARGS", help="the program's sys.argv[1:]"
    )


def command(args: argparse.Namespace) -> int:
    """Run a user's program.

    An error of the program is printed as python prints it.

    Raises:
        UsageError: The target does not name a green function.
        SystemExit: The program raised it.
        KeyboardInterrupt: Ctrl-C.
    """
    hub = hubs.chosen(args.hub)
    target: str = args.target
    arguments: List[str] = args.args
    try:
        fn = function_of(target, arguments)
        Runner(hub=hub, companions=[Terminable()]).run(_start, fn, target)
    except (UsageError, SystemExit, KeyboardInterrupt):
        raise
    except BaseException as exc:
        exc.__traceback__ = _of_the_program(exc.__traceback__)
        sys.excepthook(type(exc), exc, exc.__traceback__)
        return FAILED
    return 0


def function_of(target: str, arguments: List[str], default: str = "main") -> Callable[[], object]:
    """Load what *target* names, with ``sys.argv`` and ``sys.path`` as python sets them.

    Args:
        default: What is taken of a file.

    Raises:
        UsageError: There is no such function.
    """
    module, colon, name = target.rpartition(":")
    if target.endswith(".py") or os.path.exists(target):
        namespace, name = _load_file(target, arguments), default
    elif colon and module and name:
        namespace = load_module(module, arguments)
    else:
        raise UsageError(f"wanted an existing FILE.py or module:function; got {target!r}")
    found: object = namespace
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        what = "has no function" if found is None else f"has {found!r}, and no function, named"
        raise UsageError(f"{target}: {what} {name!r}: wanted a green function to run")
    return found


def _load_file(path: str, arguments: List[str]) -> object:
    from types import ModuleType

    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as exc:
        raise UsageError(f"cannot read {path!r}: {exc.strerror}") from None
    sys.argv[:] = [path, *arguments]
    _lead_path(os.path.dirname(os.path.realpath(path)))
    module = ModuleType(PROGRAM)
    module.__file__ = path
    sys.modules[PROGRAM] = module
    if os.environ.get("GENLET_DEBUG"):
        from ..watch.forgotten import to_code

        code = to_code(source, path)
    else:
        code = compile(source, path, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module


def load_module(name: str, arguments: List[str]) -> object:
    """Import the module *name*, with ``sys.argv`` and ``sys.path`` as python sets them.

    Raises:
        UsageError: There is no such module.
    """
    from importlib import import_module

    sys.argv[:] = [name, *arguments]
    _lead_path(os.getcwd())
    try:
        module = import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and f"{name}.".startswith(f"{exc.name}."):
            raise UsageError(f"there is no module named {exc.name!r}") from None
        raise  # the module exists, and something that it imports does not
    sys.argv[0] = module.__file__ or name
    return module


def _lead_path(folder: str) -> None:
    """Replace the first entry of sys.path, which is the command's own, with *folder*."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = folder


class Terminable:
    """A companion by which SIGTERM ends the run like an exit of main, with cleanup.

    SystemExit(143) is raised in main; a second SIGTERM cancels everything without grace.
    """

    def __init__(self) -> None:
        self._scheduler: Optional[Scheduler] = None
        self._heard: bool = False

    def start(self, kernel: Scheduler, /) -> None:
        """Install the handler, where Python allows it: in the main thread."""
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return  # ignored, or handled otherwise, by the one that started this process
        try:
            signal.signal(signal.SIGTERM, self._on_signal)
        except ValueError:
            return
        self._scheduler = kernel
        kernel.signals.own += (self._on_signal,)

    def stop(self) -> None:
        """Put the default back, if the program has not installed another."""
        if self._scheduler is not None and (signal.getsignal(signal.SIGTERM) == self._on_signal):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _on_signal(self, number: int, frame: Optional[FrameType]) -> None:
        scheduler = self._scheduler
        if scheduler is None:
            return
        if self._heard:
            scheduler.signals.escalate(SystemExit(128 + number), frame)
        else:
            self._heard = True
            scheduler.wakeup.calls.append((scheduler.surface, (SystemExit(128 + number),)))


def _start(fn: Callable[[], object], target: str) -> Green[object]:
    """Call *fn* inside the run and return the generator it must give."""
    from inspect import signature
    from types import GeneratorType

    try:
        signature(fn).bind()
    except TypeError as exc:
        raise UsageError(f"{target}: it is called without arguments: {exc}") from None
    except ValueError:
        pass  # a callable without a signature
    made = fn()
    if not isinstance(made, GeneratorType):
        close: Optional[Callable[[], object]] = getattr(made, "close", None)
        if close is not None:
            close()  # or a coroutine warns that it was never awaited
        raise UsageError(
            f"{target}: wanted a green function, one that has a 'yield from'; calling it gave"
            f" {made!r}"
        )
    return cast("Green[object]", made)  # its yields are checked when it runs


def _of_the_program(traceback: Optional[TracebackType]) -> Optional[TracebackType]:
    """Return *traceback* without the frames that lead from here to the program."""
    shown = traceback
    while shown is not None:
        if shown.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in PLUMBING:
            return shown
        shown = shown.tb_next
    return traceback
