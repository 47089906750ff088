"""Short runs under random Ctrl-C: none is lost, and nothing is left behind.

::

    python3 -m tests.laws.interrupts --runs 20000
"""

from __future__ import annotations

import argparse
import gc
import io
import signal
from contextlib import redirect_stderr
from time import sleep
from typing import Tuple

import genlet

from .edges import busy, noop, nothing_left, open_files, press


def short_runs(count: int) -> Tuple[int, int]:
    """Begin *count* runs, and press Ctrl-C once in or after each, at a time of a real timer.

    Python drops what a handler raises in a callback of the garbage collection, so there is none
    meanwhile.

    Returns:
        How often it was pressed, and how often KeyboardInterrupt came out.
    """
    before = open_files()
    pressed = seen = 0

    def handler(*_: object) -> None:
        nonlocal pressed
        pressed += 1
        press()

    def until_pressed(before: int) -> None:
        # A function: what a handler raises at the end of a loop may miss the try around that.
        while pressed == before:
            sleep(0.00002)

    former = signal.signal(signal.SIGALRM, handler)
    gc.disable()
    try:
        with redirect_stderr(io.StringIO()):
            for number in range(count):
                was = pressed
                caught = 0
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.00001 * (number % 37 + 1))
                    genlet.run(noop if number % 2 else busy)
                    until_pressed(was)
                except KeyboardInterrupt:
                    caught = 1
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                seen += caught
                nothing_left(before)
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, former)
    return pressed, seen


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20_000)
    options = parser.parse_args()
    genlet.run(busy)  # everything is loaded
    pressed, seen = short_runs(options.runs)
    print(f"{pressed} times pressed, {pressed - seen} lost")
    raise SystemExit(pressed != seen)


if __name__ == "__main__":
    main()
