"""``python3 -m genlet``: run green programs, and see what genlet does here."""

# Exit status: 0 all went well, 1 the program failed, 2 it was asked for wrongly, 130 Ctrl-C.  What a
# subcommand needs it imports when it is used.

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Callable, List, Optional, Sequence, Tuple, cast

from ._version import __version__
from .abc import Green
from .kernel import Runner, available_hubs, checkpoint, get_scheduler

if TYPE_CHECKING:
    from types import TracebackType

FAILED, USAGE, INTERRUPTED = 1, 2, 130

# What the demo does unless it is told otherwise: some seconds' work.
CONNECTIONS, MESSAGES, SIZE = 1000, 100, 64  # the size in bytes

# The name of a module that `run FILE.py` makes.  Not "__main__": a file that ends with its own
# `if __name__ == "__main__": run(main)` would run twice.
PROGRAM = "__genlet_main__"

# What stands in a traceback before the program itself; PyPy has contexts written in Python.
PLUMBING = (__package__, "_contextvars")


class UsageError(Exception):
    """The command cannot be carried out as it was given."""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Carry out the command line *argv*, ``sys.argv[1:]`` by default, and return the exit status."""
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except UsageError as exc:
        print(f"genlet {args.name}: error: {exc}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="genlet",
        description="genlet: eventlet rebuilt on plain generators.",
        epilog="Exit status: 0 all went well, 1 the program failed, 2 usage, 130 Ctrl-C.",
    )
    commands = parser.add_subparsers(title="commands", dest="name", metavar="COMMAND")
    commands.required = True

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        made.set_defaults(command=command)
        return made

    demo = add(
        "demo", _demo, "an echo server and its clients, in one process, checked and measured"
    )
    demo.add_argument(
        "--connections",
        type=_positive,
        metavar="N",
        help=f"clients that are connected at once ({CONNECTIONS}, or as many as the hub has room for)",
    )
    demo.add_argument(
        "--messages",
        type=_positive,
        default=MESSAGES,
        metavar="N",
        help="messages each client sends (%(default)s)",
    )
    demo.add_argument(
        "--size",
        type=_positive,
        default=SIZE,
        metavar="BYTES",
        help="bytes in a message (%(default)s)",
    )
    _add_hub(demo)

    run = add("run", _run, "run the green function of a file or a module")
    _add_hub(run)
    run.add_argument(
        "target",
        metavar="FILE.py | module:function",
        help="a file, whose `main` is run, or any green function; it is called without arguments",
    )
    run.add_argument(
        "args", nargs=argparse.REMAINDER, metavar="ARGS", help="what it finds in sys.argv"
    )

    lint = add("lint", _lint, "find green calls without 'yield from', and their kin, in sources")
    lint.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder of them")
    for option, text in (("select", "report only"), ("ignore", "do not report")):
        lint.add_argument(
            f"--{option}",
            type=_codes,
            default=(),
            metavar="CODES",
            help=f"{text} these: GL101,GL3 means GL101 and all that begin with GL3",
        )
    lint.add_argument(
        "--format",
        choices=("text", "json", "github"),
        default="text",
        help="for people, for programs, or as annotations of a GitHub workflow (%(default)s)",
    )
    lint.add_argument(
        "--guess",
        action="store_true",
        help="report a dropped call also if only the name of the method says that it is green",
    )

    add("hubs", _hubs, "list the hubs of this platform, and mark the one a run takes")
    add("version", _version, "print the version of genlet and of what it runs on")
    return parser


def _add_hub(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hub",
        choices=available_hubs(),
        help="what waits for descriptors (the one that GENLET_HUB names, or the platform's best)",
    )


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"wanted a whole number, 1 or more; got {text!r}")
    return number


def _codes(text: str) -> Tuple[str, ...]:
    from .lint import CODES

    codes = tuple(text.replace(",", " ").split())
    for code in codes:
        if not any(known.startswith(code) for known in CODES):
            raise argparse.ArgumentTypeError(f"no code begins with {code!r}")
    return codes


def _hub(name: Optional[str]) -> str:
    """Return the name of the hub that a run takes which asks for *name*.

    Raises:
        UsageError: GENLET_HUB names one that is not there.
    """

    def ask() -> Green[str]:
        yield from checkpoint()
        return type(get_scheduler().hub.poller).__module__.rpartition(".")[2]

    try:
        return Runner(hub=name).run(ask)
    except ValueError as exc:
        raise UsageError(exc) from None


def _interpreter() -> str:
    import platform

    version = platform.python_version()
    pypy: Optional[Sequence[int]] = getattr(sys, "pypy_version_info", None)
    if pypy is not None:
        version = f"{pypy[0]}.{pypy[1]}.{pypy[2]} (Python {version})"
    return f"{platform.python_implementation()} {version} on {sys.platform}"


# ---- demo ----------------------------------------------------------------------------------------


def _demo(args: argparse.Namespace) -> int:
    from . import demo

    hub = _hub(args.hub)
    connections: Optional[int] = args.connections
    most = demo.most_connections(hub)
    if connections is None:
        connections = CONNECTIONS
        if most is not None and most < connections:
            connections = most
            print(
                f"the hub {hub!r} has room for {most} connections: taking these", file=sys.stderr
            )
    elif most is not None and most < connections:
        raise UsageError(
            f"the hub {hub!r} has room for {most} connections, two descriptors each, not for"
            f" {connections:,}: ask for fewer, or for another hub"
        )
    try:
        demo.make_room(connections)
    except ValueError as exc:
        raise UsageError(exc) from None

    plan = demo.Plan(connections, args.messages, args.size)
    terminal = sys.stderr if sys.stderr.isatty() else None
    try:
        report = Runner(hub=hub).run(demo.demo, plan, terminal)
    except (demo.Mismatch, OSError) as exc:
        print(f"genlet demo: failed: {exc}", file=sys.stderr)
        return FAILED
    print(demo.summary(report, hub, _interpreter()))
    return 0


# ---- run -----------------------------------------------------------------------------------------


def _run(args: argparse.Namespace) -> int:
    """Run a program of the user's; whatever it raises is shown as python shows it."""
    hub = _hub(args.hub)
    target: str = args.target
    arguments: List[str] = args.args
    try:
        fn = _function_of(target, arguments)
        Runner(hub=hub).run(_start, fn, target)
    except (UsageError, SystemExit, KeyboardInterrupt):
        raise
    except BaseException as exc:
        exc.__traceback__ = _of_the_program(exc.__traceback__)
        sys.excepthook(type(exc), exc, exc.__traceback__)
        return FAILED
    return 0


def _function_of(target: str, arguments: List[str]) -> Callable[[], object]:
    """Load what *target* names, with ``sys.argv`` and ``sys.path`` as python sets them."""
    module, colon, name = target.rpartition(":")
    if target.endswith(".py") or os.path.exists(target):
        namespace, name = _load_file(target, arguments), "main"
    elif colon and module and name:
        namespace = _load_module(module, arguments)
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
        from .lint.hook import to_code

        code = to_code(source, path)
    else:
        code = compile(source, path, "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module


def _load_module(name: str, arguments: List[str]) -> object:
    from importlib import import_module

    sys.argv[:] = [name, *arguments]
    _lead_path(os.getcwd())
    try:
        module = import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and f"{name}.".startswith(f"{exc.name}."):
            raise UsageError(f"there is no module named {exc.name!r}") from None
        raise  # it is there, and imports what is not
    sys.argv[0] = module.__file__ or name
    return module


def _lead_path(folder: str) -> None:
    """Let *folder* take the place of the one that stands for the command ``genlet`` itself."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = folder


def _start(fn: Callable[[], object], target: str) -> Green[object]:
    """Call *fn* inside the run, and pass on the generator it must give."""
    from inspect import signature
    from types import GeneratorType

    try:
        signature(fn).bind()
    except TypeError as exc:
        raise UsageError(f"{target}: it is called without arguments: {exc}") from None
    except ValueError:
        pass  # it does not tell what it takes
    made = fn()
    if not isinstance(made, GeneratorType):
        close: Optional[Callable[[], object]] = getattr(made, "close", None)
        if close is not None:
            close()  # a coroutine would warn that nobody awaited it
        raise UsageError(
            f"{target}: wanted a green function, one that has a 'yield from'; calling it gave"
            f" {made!r}"
        )
    return cast("Green[object]", made)


def _of_the_program(traceback: Optional[TracebackType]) -> Optional[TracebackType]:
    """Leave out the calls that lead from here to the program."""
    shown = traceback
    while shown is not None:
        if shown.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in PLUMBING:
            return shown
        shown = shown.tb_next
    return traceback


# ---- lint ----------------------------------------------------------------------------------------


def _lint(args: argparse.Namespace) -> int:
    """Check sources: 0 clean, 1 something was found, 2 something is no Python or is not there."""
    from . import lint

    paths: List[str] = args.paths
    select: Tuple[str, ...] = args.select
    ignore: Tuple[str, ...] = args.ignore
    try:
        found = lint.check_paths(paths, select=select, ignore=ignore, guess=args.guess)
    except OSError as exc:
        raise UsageError(f"cannot read {exc.filename!r}: {exc.strerror}") from None
    sys.stdout.write(lint.FORMATS[args.format](found))
    if any(one.code == "GL002" for one in found):
        return USAGE
    return FAILED if found else 0


# ---- hubs and version ----------------------------------------------------------------------------


def _hubs(_: argparse.Namespace) -> int:
    taken = _hub(None)
    for name in available_hubs():
        print(f"* {name}" if name == taken else f"  {name}")
    return 0


def _version(_: argparse.Namespace) -> int:
    print(f"genlet {__version__}, {_interpreter()}")
    return 0
