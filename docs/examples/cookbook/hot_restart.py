"""Load a new version of the program without refusing a client: SIGHUP restarts, SIGTERM ends.

Usage: python3 hot_restart.py [PORT]

The listening socket outlives the program.  While it drains and starts again, clients wait in the
socket's backlog.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Optional

from genlet import Green, Stopper, run
from genlet.net import Stream, inherited_listeners, listen, serve

FIRST = 3  # the first descriptor that is passed on: systemd's convention
GENERATION = int(os.environ.get("GENERATION", "1"))


def handle(stream: Stream) -> Green[None]:
    """Tell which version of the program answers."""
    yield from stream.send_all(b"generation %d\n" % GENERATION)


def main(port: int) -> Green[Optional[int]]:
    """Serve until a signal comes; return the listening descriptor if the program starts again."""
    listeners = inherited_listeners() or listen("127.0.0.1", port)
    kept = os.dup(listeners[0].socket.fileno())  # which serve() does not close
    if GENERATION == 1:
        print(f"listening on port {listeners.port}", flush=True)
    stopper = Stopper()
    with stopper.on(signal.SIGHUP, signal.SIGTERM):
        yield from serve(handle, listeners, stopper=stopper, drain=10)
    return kept if stopper.reason == "SIGHUP" else None


if __name__ == "__main__":
    listening = run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 6000)
    if listening is not None:
        os.dup2(listening, FIRST)  # the run has ended: its own descriptors are closed
        os.set_inheritable(FIRST, True)
        # exec keeps the process id, so that service managers see the same process.
        os.environ.update(
            LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), GENERATION=str(GENERATION + 1)
        )
        os.execv(sys.executable, [sys.executable, *sys.argv])
    print("stopped")
