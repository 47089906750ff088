"""Shut down well in a container: SIGTERM, then "not ready", then drain, within a limit.

Usage: python3 containers.py [PORT]
"""

from __future__ import annotations

import signal
import sys

from genlet import Green, Stopper, run, sleep
from genlet.net import Stream, listen, serve

# Kubernetes kills 30 seconds after SIGTERM: drain + grace must be less.
DRAIN = 20.0
GRACE = 5.0

stopper = Stopper()


def handle(stream: Stream) -> Green[None]:
    """Answer lines.  ``ready`` is what the platform asks before it sends clients here."""
    while True:
        line = b""
        with stopper.region():  # idle: this wait ends with the stop
            line = yield from stream.read_line()
        if not line:
            return
        if line == b"ready\n":
            yield from stream.send_all(b"no\n" if stopper.stop_called else b"yes\n")
        else:
            yield from sleep(0.2)  # at work: the stop waits for it
            yield from stream.send_all(b"you said ", line)


def main(port: int) -> Green[None]:
    """Serve until a signal comes, then drain."""
    # As process 1 a program ignores signals without a handler, so without this SIGTERM does nothing.
    with stopper.on(signal.SIGTERM, signal.SIGINT):
        listeners = listen("127.0.0.1", port)  # None instead of the address: all interfaces
        print(f"listening on port {listeners.port}", flush=True)
        yield from serve(handle, listeners, stopper=stopper, drain=DRAIN, grace=GRACE)


if __name__ == "__main__":
    run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 6000)
    print("stopped")
