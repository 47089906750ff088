# pyright: reportUnusedCallResult=false
"""What groups, scoped functions, combinators and stoppers are to a type checker."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Callable, ContextManager, Iterator, List, Optional, Tuple, Union

from typing_extensions import Self, assert_type

from genlet.abc import Green, Op
from genlet.end import END, End
from genlet.green.socket import socket
from genlet.kernel import CancelScope, GreenThread, sleep
from genlet.structured.combinators import Completions, amap, as_completed, gather, race
from genlet.structured.scoped import ScopedGroup, scoped
from genlet.structured.stopping import Stoppable, Stopper
from genlet.structured.taskgroup import Ready, TaskGroup
from genlet.testing import cancel_everywhere


def number(a: int, *, c: float = 0.0) -> Green[int]:
    yield from sleep(c)
    return a


def text(a: str) -> Green[str]:
    yield from sleep(0)
    return a


def nothing() -> Green[None]:
    yield from sleep(0)


def serves(ready: Ready[int], port: int, *, host: str = "") -> Green[None]:
    ready.set(port)
    yield from text(host)


# ---- groups --------------------------------------------------------------------------------------


def groups() -> Green[int]:
    with TaskGroup(name="crew", grace=1.5) as group:
        gt = group.spawn(number, 1, c=2.0)
        assert_type(gt, GreenThread[int])
        port = yield from group.start(serves, 80, host="here")
        assert_type(port, int)
        assert_type(group.live, int)
        assert_type(group.scope, CancelScope)
        group.cancel("enough")
        assert_type((yield from group.join()), None)
    return gt.result() + port  # the block does not swallow: both are bound here


def returns_from_the_block() -> Green[str]:
    with TaskGroup(on_exit="cancel", errors="first") as group:
        group.spawn(nothing)
        return (yield from text("x"))


# ---- scoped functions ----------------------------------------------------------------------------


@scoped
def crawl(group: ScopedGroup, seeds: List[str], *, limit: int = 3) -> Green[int]:
    gt = group.spawn(text, seeds[0])
    assert_type(gt, GreenThread[str])
    group.defer(number, 1, c=1.0)
    group.defer(sleep, 0.1)
    assert_type((yield from group.enter(opened())), int)
    assert_type((yield from group.enter(managed())), str)
    return limit


class Opened:
    def __enter__(self) -> int:
        return 1

    def __exit__(self, *exc: object) -> None: ...


def opened() -> Green[Opened]:
    yield from sleep(0)
    return Opened()


def managed() -> Green[ContextManager[str]]:
    yield from sleep(0)
    return nullcontext("x")


class Crawler:
    @scoped
    def crawl(self, group: ScopedGroup, seed: str, *, depth: int = 1) -> Green[Self]:
        group.spawn(text, seed)
        yield from self.inner(depth)
        return self

    @scoped
    def inner(self, group: ScopedGroup, depth: int) -> Green[List[int]]:
        yield from sleep(0)
        return [depth]

    @staticmethod
    @scoped
    def static(group: ScopedGroup, seed: str) -> Green[bytes]:
        yield from sleep(0)
        return seed.encode()


class Spider(Crawler):
    pass


@scoped
def general(group: TaskGroup, a: int) -> Green[int]:
    yield from sleep(0)
    return a


@scoped
def sockets(group: ScopedGroup, sock: socket) -> Green[bytes]:
    group.spawn(sock.recv, 1)
    return (yield from sock.recv(1))


def calls_scoped(crawler: Crawler, spider: Spider, group: TaskGroup) -> Green[None]:
    call: Op[int] = crawl(["a"])
    assert_type((yield from call), int)
    assert_type((yield from crawl(["a"], limit=1)), int)
    assert_type((yield from crawler.crawl("a", depth=2)), Crawler)
    assert_type((yield from Crawler.inner(crawler, 1)), List[int])
    assert_type((yield from spider.inner(1)), List[int])
    assert_type((yield from Crawler.static("a")), bytes)
    assert_type((yield from general(1)), int)
    assert_type(group.spawn(crawl, ["a"], limit=1), GreenThread[int])
    assert_type(group.spawn(crawler.inner, 1), GreenThread[List[int]])
    seeds: Callable[[List[str]], Green[int]] = crawl
    yield from seeds([])


# ---- combinators ---------------------------------------------------------------------------------


def gathers(calls: List[Green[int]]) -> Green[None]:
    assert_type((yield from gather()), Tuple[()])
    assert_type((yield from gather(number(1))), Tuple[int])
    assert_type((yield from gather(number(1), text("a"))), Tuple[int, str])
    a, b, c = yield from gather(number(1), text("a"), nothing())
    assert_type(a, int)
    assert_type(b, str)
    assert_type(c, None)
    assert_type(
        (yield from gather(number(1), text("a"), nothing(), number(2))),
        Tuple[int, str, None, int],
    )
    assert_type(
        (yield from gather(number(1), text("a"), number(1), text("a"), number(2))),
        Tuple[int, str, int, str, int],
    )
    assert_type(
        (yield from gather(number(1), text("a"), number(1), text("a"), number(1), text("a"))),
        Tuple[int, str, int, str, int, str],
    )
    assert_type((yield from gather(*calls)), Tuple[int, ...])
    first, second = yield from gather(crawl(["a"]), sleep(1))
    assert_type(first, int)
    assert_type(second, None)


def races(calls: List[Green[int]]) -> Green[None]:
    assert_type((yield from race(number(1), number(2))), int)
    assert_type((yield from race(*calls)), int)


def maps(names: Iterator[str]) -> Green[None]:
    assert_type((yield from amap(text, ["a", "b"])), List[str])
    assert_type((yield from amap(text, names, limit=3)), List[str])
    assert_type((yield from amap(number, range(3), limit=None)), List[int])


def completes(group: TaskGroup) -> Green[None]:
    source = as_completed([group.spawn(number, n) for n in range(3)])
    assert_type(source, Completions[int])
    assert_type((yield from source.next()), Union[GreenThread[int], End])
    while (gt := (yield from source.next())) is not END:
        assert_type(gt, GreenThread[int])
        assert_type(gt.result(), int)
    assert_type((yield from source.collect()), List[GreenThread[int]])


# ---- stopping and testing ------------------------------------------------------------------------


def stops(stopper: Stopper) -> Green[Optional[int]]:
    with stopper.region() as idle:
        assert_type(idle, Stoppable)
        return (yield from number(1))
    stopper.stop("deploy")  # reachable: a region may be left early
    return None


def sweeps() -> None:
    assert_type(cancel_everywhere(nothing), int)
    assert_type(cancel_everywhere(lambda: number(1), sweeps, how="kill"), int)
