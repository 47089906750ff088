"""The command line, ``python3 -m genlet``: `main` parses it, and each subcommand is a module."""

# A subcommand's module has
#
#   SUMMARY          one line for its help
#   options(parser)  adds its arguments, if it has any
#   command(args)    does the work and returns the exit status
#
# It imports what is expensive inside `command`: `main` imports every subcommand.

from __future__ import annotations

# Exit statuses besides 0.
FAILED = 1  # the program failed, or the lint found something
USAGE = 2
INTERRUPTED = 130  # Ctrl-C


class UsageError(Exception):
    """The command cannot be carried out with these arguments."""
