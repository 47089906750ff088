"""What type checkers must make of genlet.tpool."""

from __future__ import annotations

from typing import Dict, Iterator, List, Union

from typing_extensions import assert_type

from genlet import END, Green, Op, spawn, tpool
from genlet.end import End
from genlet.tpool import Proxy, Statistics, ThreadPool, from_thread, unwrap


def plain(a: int, *, b: str = "") -> bytes:
    return bytes(a) + b.encode()


def green(a: int) -> Green[str]:
    yield from tpool.execute(print, a)
    return str(a)


def calls() -> Green[None]:
    call: Op[bytes] = tpool.execute(plain, 1, b="x")
    assert_type((yield from call), bytes)
    assert_type((yield from tpool.execute(plain, 1, b="x")), bytes)
    assert_type((yield from tpool.execute_abandonable(plain, 1)), bytes)
    assert_type((yield from tpool.execute(lambda: 1)), int)
    assert_type((yield from tpool.execute(b"x".hex)), str)

    pool = ThreadPool(2, "resolver")
    assert_type((yield from pool.execute(plain, 1)), bytes)
    assert_type((yield from pool.execute_abandonable(plain, 1)), bytes)
    assert_type(pool.statistics(), Statistics)
    assert_type(pool.statistics().idle, int)

    tpool.set_num_threads(3)
    assert_type(tpool.get_num_threads(), int)
    tpool.killall()


def spawned() -> Green[bytes]:
    gt = spawn(tpool.execute, plain, 1)
    result: bytes = yield from gt.wait()
    return result


def on_a_thread() -> None:
    assert_type(from_thread.run(green, 1), str)
    from_thread.call_soon(plain, 1, b="x")


def wrong() -> Green[None]:
    yield from tpool.execute(plain, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from tpool.execute(plain, 1, c=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    from_thread.run(green, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    from_thread.run(plain, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class Table:
    def rows(self) -> List[int]:
        return []


def proxies(
    table: Table, numbers: List[int], names: Dict[str, int], it: Iterator[int]
) -> Green[None]:
    proxy = Proxy(table, autowrap=(list, Table), autowrap_names=("rows",))
    assert_type(proxy, Proxy[Table])
    assert_type(unwrap(proxy), Table)
    assert_type((yield from tpool.execute(unwrap(proxy).rows)), List[int])

    assert_type((yield from Proxy(plain).call(1, b="x")), bytes)
    assert_type((yield from Proxy(Table).call()), Table)
    assert_type((yield from Proxy(names).getitem("x")), int)
    assert_type((yield from Proxy(numbers).getitem(0)), int)
    assert_type((yield from Proxy(it).next()), Union[int, End])
    while (item := (yield from Proxy(it).next())) is not END:
        assert_type(item, int)

    yield from Proxy(plain).call("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
