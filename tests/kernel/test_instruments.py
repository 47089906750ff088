"""What instruments are told, and what that may change."""

from __future__ import annotations

import os
from typing import Optional

import genlet
from genlet.abc import Green
from genlet.kernel import NullInstrument


def test_what_an_instrument_makes_ready_before_the_poller_waits_runs_at_once() -> None:
    """The poller does not block over somebody who was woken while instruments were told."""

    class Waker(NullInstrument):
        def before_wait(self, timeout: Optional[float]) -> None:
            if timeout is None and not event.ready():
                event.send(7)

    event: genlet.Event[int] = genlet.Event()

    def main() -> Green[int]:
        reader, writer = os.pipe()
        try:
            other = genlet.spawn(genlet.trampoline, reader, read=True)  # else it were a deadlock
            answer = yield from event.wait()
            yield from other.kill()
            return answer
        finally:
            os.close(reader)
            os.close(writer)

    assert genlet.Runner(instruments=[Waker()]).run(main) == 7
