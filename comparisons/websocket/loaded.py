"""How the WebSocket servers are timed: by the CPU that their process takes while it is under load."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from comparisons.harness.measured import measured, size


def loaded(port: int) -> None:
    """Put the server that listens on *port* under load; when that is done the process ends."""
    threading.Thread(target=_load, args=(port,), daemon=True).start()


def _load(port: int) -> None:
    command = [sys.executable, "-m", "comparisons.websocket.load", str(port), str(size())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as load:
        assert load.stdout is not None
        if load.stdout.readline() != b"go\n":
            os._exit(1)
        begun = time.process_time()
        if load.stdout.readline() != b"done\n":
            os._exit(1)
        measured(size(), time.process_time() - begun, "echoed")
    os._exit(0)
