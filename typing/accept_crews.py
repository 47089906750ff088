"""What type checkers must make of the pools: every line here is right."""

from __future__ import annotations

import socket
from typing import Any, ContextManager, Dict, List, Optional, Set, Tuple, Union

from typing_extensions import assert_type

from genlet import END, Green, GreenThread, Op, sleep
from genlet.dagpool import DAGPool, PropagateError, Results
from genlet.end import End
from genlet.greenpool import GreenMap, GreenPile, GreenPool
from genlet.pools import Pool, Token, TokenPool


def fetch(url: str, *, retries: int = 0) -> Green[bytes]:
    yield from sleep(retries)
    return url.encode()


def add(a: int, b: float) -> Green[float]:
    yield from sleep(0)
    return a + b


def three(a: int, b: int, c: int) -> Green[int]:
    yield from sleep(0)
    return a + b + c


# ---- greenpool ------------------------------------------------------------------------------------


def pool_calls(pool: GreenPool) -> Green:
    spawning: Op[GreenThread[bytes]] = pool.spawn(fetch, "a", retries=1)
    gt = yield from spawning
    assert_type(gt, GreenThread[bytes])
    assert_type((yield from gt.wait()), bytes)
    assert_type(pool.spawn_nowait(add, 1, 2.0), GreenThread[float])
    assert_type((yield from pool.spawn_n(fetch, "a")), None)
    assert_type((yield from pool.waitall()), None)
    assert_type((pool.running(), pool.free(), pool.waiting()), Tuple[int, int, int])
    pool.resize(pool.size + 1)


def maps(pool: GreenPool) -> Green[List[bytes]]:
    pages = pool.imap(fetch, ["a", "b"])
    assert_type(pages, GreenMap[bytes])
    assert_type((yield from pages.next()), Union[bytes, End])
    while (page := (yield from pages.next())) is not END:
        assert_type(page, bytes)
    pages.close()
    assert_type(pool.imap(add, [1], [2.0]), GreenMap[float])
    assert_type(pool.imap(three, [1], [2], [3]), GreenMap[int])
    assert_type(pool.imap(None, [1], [2]), GreenMap[Tuple[int, ...]])
    assert_type(pool.starmap(add, [(1, 2.0)]), GreenMap[float])
    assert_type(pool.starmap(None, [[1, 2]]), GreenMap[Tuple[int, ...]])
    return (yield from pages.collect())


def piles(pool: GreenPool) -> Green[List[bytes]]:
    GreenPile[int]()
    pile: GreenPile[bytes] = GreenPile(20)
    pile = GreenPile(pool)
    assert_type(pile.pool, GreenPool)
    assert_type((yield from pile.spawn(fetch, "a", retries=2)), None)
    while (page := (yield from pile.next())) is not END:
        assert_type(page, bytes)
    return (yield from pile.collect())


# ---- pools ----------------------------------------------------------------------------------------


def connect() -> Green[socket.socket]:
    yield from sleep(0)
    return socket.socket()


class Connections(Pool[socket.socket]):
    def create(self) -> Green[socket.socket]:
        return connect()


class Buffers(Pool[bytearray]):
    def create(self) -> bytearray:
        return bytearray(10)


def item_pools() -> Green:
    plain = Pool(max_size=2, create=socket.socket)
    assert_type(plain, Pool[socket.socket])
    waiting = Pool(max_size=2, create=connect)
    assert_type(waiting, Pool[socket.socket])
    assert_type(Pool(1, 2, True, lambda: 3), Pool[int])
    assert_type((yield from waiting.get()), socket.socket)
    holding: Op[ContextManager[socket.socket]] = waiting.item()
    with (yield from holding) as sock:
        assert_type(sock, socket.socket)
    with (yield from Connections().item()) as sock:
        waiting.put(sock)
    assert_type((yield from Buffers().get()), bytearray)
    assert_type((yield from TokenPool(max_size=2).get()), Token)
    plain.resize(3)
    assert_type((plain.free(), plain.waiting()), Tuple[int, int])


# ---- dagpool --------------------------------------------------------------------------------------


def total(key: str, results: Results[str, int], *args: int, scale: int = 1) -> Green[int]:
    while (pair := (yield from results.next())) is not END:
        assert_type(pair, Tuple[str, int])
    values = yield from results.collect()
    return scale * (len(key) + sum(values.values()) + sum(args))


def graphs() -> Green[Dict[str, int]]:
    preload: Dict[str, int] = {"a": 1}
    pool = DAGPool(preload)
    assert_type(pool, DAGPool[str, int])
    assert_type(DAGPool(preload.items()), DAGPool[str, int])
    empty: DAGPool[str, Any] = DAGPool()
    empty.post("x", 1)
    pool.spawn("b", "a", total)
    pool.spawn("c", ["a", "b"], total, 1, 2, scale=3)
    pool.spawn_many({"d": "abc"}, total, 4)
    pool.post("e", 5, replace=True)
    pool.post("f", PropagateError("f", KeyError()))
    assert_type((yield from pool.get("a")), int)
    assert_type((yield from pool.wait(["a"])), Dict[str, int])
    assert_type(pool.wait_each("ab"), Results[str, int])
    assert_type(pool.wait_each_success(), Results[str, int])
    assert_type(pool.wait_each_exception(), Results[str, PropagateError])
    assert_type(pool.poll("a"), Optional[int])
    assert_type(pool.poll("a", "none"), Union[int, str])
    assert_type(pool.keys(), Tuple[str, ...])
    assert_type(pool.items(), Tuple[Tuple[str, int], ...])
    assert_type(pool.running_keys(), Tuple[str, ...])
    assert_type(pool.waiting_for("a"), Set[str])
    assert_type(pool.waiting_for(), Dict[str, Set[str]])
    assert_type((yield from pool.kill("a")), None)
    return (yield from pool.waitall())
