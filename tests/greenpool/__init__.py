"""The tests of GreenPool and GreenPile, and what they share."""

from __future__ import annotations

from typing import Any, Callable, List, Union

import genlet
from genlet.abc import Green
from genlet.end import END
from genlet.greenpool import GreenMap, GreenPile, GreenPool
from genlet.kernel import AnyGreenThread, Runner
from tests.kernel import forever


def double(n: int) -> Green[int]:
    yield from genlet.sleep(0)
    return 2 * n


def at_once(n: int) -> Green[int]:
    yield from ()
    return n


def failing(n: int) -> Green[int]:
    yield from genlet.sleep(0)
    raise KeyError(n)


def block() -> Green[None]:
    yield from forever().get()


def plain(*args: object) -> Any:
    return args


def take(source: Union[GreenMap[int], GreenPile[int]]) -> Green[List[Union[int, str]]]:
    """Take all results; for an error, take the name of its class instead."""
    taken: List[Union[int, str]] = []
    while True:
        try:
            result = yield from source.next()
        except Exception as exc:
            taken.append(type(exc).__name__)
            continue
        if result is END:
            return taken
        taken.append(result)


def expect_idle(pool: GreenPool) -> None:
    assert (pool.running(), pool.free(), pool.waiting()) == (0, pool.size, 0)


class Report:
    """An excepthook that stores the errors."""

    def __init__(self) -> None:
        self.errors: List[BaseException] = []

    def __call__(self, gt: AnyGreenThread, exc: BaseException) -> None:
        self.errors.append(exc)

    def run(self, main: Callable[[], Green[None]]) -> List[BaseException]:
        Runner(excepthook=self).run(main)
        return self.errors
