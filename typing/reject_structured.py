"""What type checkers must refuse of groups, scoped functions, combinators and stoppers."""
# pyright: reportUnusedCallResult=false, reportUnusedCoroutine=false

from __future__ import annotations

from typing import Tuple

from genlet.abc import Green
from genlet.end import END
from genlet.kernel import sleep
from genlet.structured.combinators import amap, as_completed, gather, race
from genlet.structured.scoped import ScopedGroup, scoped
from genlet.structured.stopping import Stopper
from genlet.structured.taskgroup import TaskGroup
from genlet.testing import cancel_everywhere


def number(a: int) -> Green[int]:
    yield from sleep(0)
    return a


def plain(a: int) -> int:
    return a


# ---- scoped functions ----------------------------------------------------------------------------


@scoped
def crawl(group: ScopedGroup, seed: str) -> Green[int]:
    group.defer(plain, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    group.defer(number, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    group.defer(number(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    yield from group.enter(number(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from group.enter(number)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return len(seed)


class Crawler:
    @scoped
    def crawl(self, group: ScopedGroup, seed: str) -> Green[int]:
        yield from sleep(0)
        return len(seed)


@scoped  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator]
def without_group(a: int) -> Green[int]:
    return (yield from number(a))


@scoped  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator]
def not_green(group: ScopedGroup) -> int:
    return group.live


def calls(crawler: Crawler, group: TaskGroup) -> Green[str]:
    yield from crawl(group, "a")  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
    yield from crawl(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from crawler.crawl(group, "a")  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
    yield from crawler.crawl()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    group.spawn(crawl, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    group.defer(number, 1)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    return (yield from crawl("a"))  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


# ---- combinators ---------------------------------------------------------------------------------


def combines(group: TaskGroup) -> Green[Tuple[str, int]]:
    yield from gather(number, number)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    yield from gather(1)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    yield from race(number)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from race(1, 2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from amap(plain, [1])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from amap(number, ["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from amap(number(1), [1])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    as_completed([number(1)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    source = as_completed([group.spawn(number, 1)])
    gt = yield from source.next()
    gt.result()  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    if gt is not END:
        gt.result().upper()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    return (yield from gather(number(1), number(2)))  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


# ---- stopping and testing ------------------------------------------------------------------------


def stops(stopper: Stopper) -> Green[int]:  # type: ignore[return]  # pyright: ignore[reportReturnType]
    with stopper.region():
        return (yield from number(1))


def sweeps() -> None:
    cancel_everywhere(number)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    cancel_everywhere(plain)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    cancel_everywhere(lambda: number(1), how="murder")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
