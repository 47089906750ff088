"""Connect processes by a pipe, feed the first and read the last, and notice which one failed."""

from __future__ import annotations

import os
import sys
from typing import List

from genlet import Green, gather, run
from genlet.green.subprocess import PIPE, Popen

UPPER = [sys.executable, "-c", "import sys; sys.stdout.write(sys.stdin.read().upper())"]
SORT = [sys.executable, "-c", "import sys; sys.stdout.writelines(sorted(sys.stdin))"]


def pipeline(first: List[str], last: List[str], data: bytes) -> Green[bytes]:
    """Return what ``first | last`` makes of *data*.

    Raises:
        RuntimeError: One of the two failed.
    """
    reading, writing = os.pipe()
    # The end of a block kills and reaps a process that was not waited for: none is left behind.
    with Popen(first, stdin=PIPE, stdout=writing) as source:
        os.close(writing)  # ours: the last one sees the end when the first has ended
        with Popen(last, stdin=reading, stdout=PIPE) as sink:
            os.close(reading)  # ours: the first is told when the last one ends early
            assert sink.stdout is not None
            # Feeding and reading at once: a full pipe on either side stops neither.
            _, out = yield from gather(feed(source, data), sink.stdout.read())
            statuses = yield from gather(source.wait(), sink.wait())
    if any(statuses):
        raise RuntimeError(f"the pipeline ended with {statuses}")
    return out


def feed(process: Popen[bytes], data: bytes) -> Green[None]:
    """Write *data* to the process, and end its input."""
    assert process.stdin is not None
    try:
        yield from process.stdin.write(data)
        yield from process.stdin.finish()
    except BrokenPipeError:
        process.stdin.close()  # it does not want more


def main() -> Green[None]:
    """Sort lines in capitals."""
    data = b"".join(b"line %04d\n" % (number * 7919 % 5000) for number in range(5000))
    out = yield from pipeline(UPPER, SORT, data)
    lines = out.decode().split("\n")
    assert len(lines) == 5001
    print(lines[0], "to", lines[-2])


if __name__ == "__main__":
    run(main)
