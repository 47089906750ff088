"""The command ``genlet``: parses the command line and calls a subcommand."""

from __future__ import annotations

import argparse
import sys
from typing import Callable, Optional, Sequence

from . import INTERRUPTED, USAGE, UsageError, demo, hubs, lint, run, serve, version

Command = Callable[[argparse.Namespace], int]


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Carry out the command line *argv*, ``sys.argv[1:]`` by default, and return the exit status."""
    args = _parser().parse_args(argv)
    command: Command = args.command
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

    def add(name: str, text: str, command: Command) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        made.set_defaults(command=command)
        return made

    demo.options(add("demo", demo.SUMMARY, demo.command))
    run.options(add("run", run.SUMMARY, run.command))
    serve.options(add("serve", serve.SUMMARY, serve.command))
    lint.options(add("lint", lint.SUMMARY, lint.command))
    add("hubs", hubs.SUMMARY, hubs.command)
    add("version", version.SUMMARY, version.command)
    return parser
