"""The kernel's tests, a file for each of its modules, and what they share."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Callable, List, NoReturn, Optional, Tuple, TypeVar

from genlet.kernel import AnyGreenThread, Runner, Wait, sleep

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from genlet.abc import Clock, Green

    P = ParamSpec("P")

T = TypeVar("T")


class VirtualTime:
    """A clock, and a poller that moves it on instead of waiting: an hour's sleep takes no time."""

    edge = False
    real = False
    resolver = None

    def __init__(self) -> None:
        self.now: float = 0.0
        self.clock: Clock = lambda: self.now

    def register(self, fd: int, mask: int) -> None:
        pass

    def modify(self, fd: int, mask: int) -> None:
        pass

    def unregister(self, fd: int) -> None:
        pass

    def wait(self, timeout: Optional[float]) -> List[Tuple[int, int]]:
        assert timeout is not None, "blocked for ever, which is a deadlock here"
        self.now += timeout
        return []

    def socket(self, family: int, type: int, proto: int, fileno: Optional[int]) -> NoReturn:
        raise AssertionError("no sockets in virtual time")

    def socketpair(self, family: Optional[int], type: int, proto: int) -> NoReturn:
        raise AssertionError("no sockets in virtual time")

    def fileno(self) -> None:
        return None

    def close(self) -> None:
        pass

    def runner(self, *, grace: float = 1.0) -> Runner:
        """Return a Runner for one run in this time."""
        return Runner(hub=self, clock=self.clock, grace=grace)


def simulate(main: Callable[P, Green[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run *main* in virtual time, which begins at 0."""
    return VirtualTime().runner().run(main, *args, **kwargs)


def outcome(gt: AnyGreenThread) -> Green[Optional[BaseException]]:
    """Wait for the end of *gt*, and return the error it ended with, None if it returned."""
    try:
        yield from gt.wait()
    except BaseException as exc:
        return exc
    return None


def forever() -> Wait[None]:
    """Return a wait that only an interruption ends."""
    return Wait(None, "the end of time", timeout=inf)


def settle() -> Green[None]:
    """Let everybody run until they wait, those that they spawn included."""
    for _ in range(10):
        yield from sleep(0)
