"""``genlet lint``: checks sources for forgotten ``yield from`` and similar mistakes."""

from __future__ import annotations

import argparse
import sys
from typing import List, Tuple

from . import FAILED, USAGE, UsageError

SUMMARY = "find green calls without 'yield from' and similar mistakes in sources"


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a file, or a folder that is searched for files"
    )
    for option, text in (("select", "report only"), ("ignore", "do not report")):
        parser.add_argument(
            f"--{option}",
            type=_codes,
            default=(),
            metavar="CODES",
            help=f"{text} these: GL101,GL3 means GL101 and all that begin with GL3",
        )
    parser.add_argument(
        "--format",
        choices=("text", "json", "github"),
        default="text",
        help="text for people, json for programs, github for annotations in a GitHub workflow"
        " (%(default)s)",
    )
    parser.add_argument(
        "--guess",
        action="store_true",
        help="report a dropped call also if only the name of the method says that it is green",
    )


def _codes(text: str) -> Tuple[str, ...]:
    from ..lint import CODES

    codes = tuple(text.replace(",", " ").split())
    for code in codes:
        if not any(known.startswith(code) for known in CODES):
            raise argparse.ArgumentTypeError(f"no code begins with {code!r}")
    return codes


def command(args: argparse.Namespace) -> int:
    """Check sources and print the findings.

    Returns:
        0 if there are none, 1 if there are some, 2 if a file cannot be parsed.

    Raises:
        UsageError: A file cannot be read.
    """
    from ..lint import FORMATS, check_paths

    paths: List[str] = args.paths
    select: Tuple[str, ...] = args.select
    ignore: Tuple[str, ...] = args.ignore
    try:
        found = check_paths(paths, select=select, ignore=ignore, guess=args.guess)
    except OSError as exc:
        raise UsageError(f"cannot read {exc.filename!r}: {exc.strerror}") from None
    sys.stdout.write(FORMATS[args.format](found))
    if any(one.code == "GL002" for one in found):
        return USAGE
    return FAILED if found else 0
