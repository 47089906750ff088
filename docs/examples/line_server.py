"""A server that answers lines, and on Ctrl-C lets those at work finish.

Usage: python3 line_server.py [PORT]
"""

from __future__ import annotations

import signal
import sys

import genlet
from genlet import Green, Stopper
from genlet.net import Stream, listen, serve


def handle(stream: Stream, stopper: Stopper) -> Green[None]:
    """Answer each line of a client, until it hangs up or the server is stopped."""
    while True:
        line = b""
        with stopper.region():  # idle: this wait ends when the server is stopped
            line = yield from stream.read_line()
        if not line:
            break
        yield from genlet.sleep(0.1)  # at work
        yield from stream.send_all(b"you said ", line)


def main(port: int) -> Green[None]:
    """Serve on *port* until interrupted; 0 lets the system choose one."""
    stopper = Stopper()

    def interrupted(_signal: int, _frame: object) -> None:
        stopper.stop("Ctrl-C")

    signal.signal(signal.SIGINT, interrupted)
    listeners = listen("localhost", port)
    print(f"listening on port {listeners.port}", flush=True)
    yield from serve(
        lambda stream: handle(stream, stopper), listeners, limit=10_000, stopper=stopper, drain=10
    )


if __name__ == "__main__":
    genlet.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 6000)
    print("server stopped")
