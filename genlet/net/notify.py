"""Telling systemd how a service does: ready, stopping, alive."""

from __future__ import annotations

import os
import socket as real
import sys

from ..abc import Green, green
from ..kernel import sleep

__all__ = ["notify_systemd", "watch_for_systemd"]


def notify_systemd(*states: str) -> bool:
    """Tell systemd the *states* of this service, such as ``"READY=1"``.  A plain call that never waits.

    Returns:
        Whether it was told; False if the process was not started as a service that does so.

    Raises:
        ValueError: A state has a line end or a NUL.

    Source:
        ``sd_notify(3)``.
    """
    for state in states:
        if "\n" in state or "\0" in state:
            raise ValueError(f"a state is one line; got {state!r}")
    if sys.platform == "win32":
        return False
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path[:1] not in ("/", "@") or not states:
        return False
    try:
        with real.socket(real.AF_UNIX, real.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto("\n".join(states).encode(), "\0" + path[1:] if path[0] == "@" else path)
    except OSError:
        return False  # the service works as well without being watched
    return True


@green
def watch_for_systemd() -> Green[None]:
    """Tell systemd that the run is alive, as often as it wants to hear it; returns if it does not.

    A run that blocks for longer than the unit's ``WatchdogSec`` is ended by systemd.

    Source:
        ``sd_watchdog_enabled(3)``.
    """
    micros = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", "") or str(os.getpid())
    yield from ()
    if not micros.isdecimal() or not int(micros) or pid != str(os.getpid()):
        return
    while notify_systemd("WATCHDOG=1"):
        yield from sleep(int(micros) / 2e6)
