"""Let at most so many calls begin in a second, with a burst: a token bucket."""

from __future__ import annotations

from genlet import Green, Lock, amap, get_hub, run, sleep


class RateLimit:
    """Makes callers wait in line for a token.

    Args:
        rate: Tokens a second.
        burst: Tokens that may be saved up.
    """

    def __init__(self, rate: float, burst: int = 1) -> None:
        self._step: float = 1 / rate
        self._ahead: float = (burst - 1) * self._step
        self._free_at: float = 0.0  # on the run's clock: when the next token is there
        self._line: Lock = Lock()  # first come, first served

    def wait(self) -> Green[None]:
        """Wait for a token, and take it; one that is interrupted takes none."""
        with (yield from self._line.hold()):
            clock = get_hub().clock
            delay = self._free_at - self._ahead - clock()
            if delay > 0:
                yield from sleep(delay)
            self._free_at = max(self._free_at, clock()) + self._step


limit = RateLimit(rate=50, burst=5)


def call(_number: int) -> Green[float]:
    """Wait for a token, and return the time."""
    yield from limit.wait()
    return get_hub().clock()


def main() -> Green[None]:
    """Make ten calls at once."""
    begun = get_hub().clock()
    times = yield from amap(call, range(10))
    assert times == sorted(times)
    assert times[-1] - begun > 0.08  # ten calls, five at once, then one every 20 ms
    print("10 calls within the limit")


if __name__ == "__main__":
    run(main)
