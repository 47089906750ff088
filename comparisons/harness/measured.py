"""What a contestant's program tells the harness, in one line of JSON."""

from __future__ import annotations

import json
import os
import sys


def measured(operations: int, seconds: float, result: object) -> None:
    """Print that *operations* took *seconds*, and a *result* that every library must share."""
    print(json.dumps({"each": seconds / operations * 1e6, "result": result}), flush=True)


def held(operations: int, bytes_each: float) -> None:
    """Print that each of *operations* holds *bytes_each*, and end the process."""
    print(json.dumps({"each": bytes_each, "result": operations}), flush=True)
    finished()


def finished(_alive: object = None) -> None:
    """End the process at once: a million sleepers need not be ended one by one.

    Args:
        _alive: What must not be collected before.
    """
    os._exit(0)


def serving(port: int) -> None:
    """Print the port that the server listens on, ready for its clients."""
    print(json.dumps({"port": port}), flush=True)


def resident() -> int:
    """Return this process's resident memory in bytes."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def size() -> int:
    """Return the size given on the command line."""
    return int(sys.argv[1])


def certificate() -> str:
    """Return the file with key and certificate given by ``--tls``; empty for plain TCP."""
    return sys.argv[sys.argv.index("--tls") + 1] if "--tls" in sys.argv else ""
