"""What type checkers must make of the core: every line here is right."""

from __future__ import annotations

import socket
from functools import partial
from typing import (
    Any,
    Awaitable,
    Callable,
    Generator,
    Generic,
    Iterator,
    List,
    Optional,
    Protocol,
    TypeVar,
    Union,
)

from typing_extensions import assert_type

from genlet import (
    CancelScope,
    Green,
    GreenletExit,
    GreenThread,
    Op,
    Runner,
    Timeout,
    Trap,
    checkpoint,
    fail_after,
    getcurrent,
    green,
    kill,
    move_on_after,
    run,
    shielded,
    sleep,
    spawn,
    spawn_after,
    spawn_after_local,
    spawn_n,
    trampoline,
    with_timeout,
)
from genlet.green import socket as green_socket
from genlet.kernel import POLLIN, POLLOUT, Wait, Waiters, wait_fd
from genlet.structured.taskgroup import Ready, TaskGroup

T = TypeVar("T")


# ---- green functions of users --------------------------------------------------------------------


def nothing() -> Green:  # a bare Green is a Green[None]
    yield from sleep(1)


def number(a: int, b: str = "x", *, c: float = 0.0) -> Green[int]:
    yield from nothing()
    return a


def passes_on(a: int) -> Green[int]:
    return number(a)  # not a generator function: it gives the generator of another


def same(x: T) -> Green[T]:
    yield from sleep()
    return x


@green
def marked(a: int, *, c: float = 0.0) -> Green[int]:
    return (yield from number(a, c=c))


@green
def marked_list(x: T) -> Green[List[T]]:
    yield from checkpoint()
    return [x]


@green
def marked_passes_on(a: int) -> Green[int]:
    return number(a)


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    @green
    def recv(self, n: int) -> Green[bytes]:
        yield from trampoline(self.sock, read=True)
        return self.sock.recv(n)

    @classmethod
    @green
    def connect(cls, host: str) -> Green[Connection]:
        yield from sleep(0)
        return cls(socket.socket())

    @staticmethod
    @green
    def pair() -> Green[int]:
        yield from sleep(0)
        return 2

    def unmarked(self, n: int) -> Green[bytes]:
        return (yield from self.recv(n))


class Stream(Protocol):
    def recv(self, n: int, /) -> Green[bytes]: ...


class Strict(Protocol):
    def recv(self, n: int, /) -> Op[bytes]: ...  # its implementations are @green


class Louder(Connection):
    @green
    def unmarked(self, n: int) -> Green[bytes]:  # an Op is a Green, so this is narrower
        return (yield from super().unmarked(n))


class Box(Generic[T]):
    def __init__(self, value: T) -> None:
        self.value = value

    @green
    def get(self) -> Green[T]:
        yield from checkpoint()
        return self.value


def reads(stream: Stream, strict: Strict) -> Green[bytes]:
    return (yield from stream.recv(1)) + (yield from strict.recv(1))


def drives(conn: Connection, box: Box[str]) -> Green[str]:
    assert_type((yield from sleep(1)), None)
    assert_type((yield from nothing()), None)
    assert_type((yield from number(1, c=2)), int)
    assert_type((yield from passes_on(1)), int)
    assert_type((yield from same("x")), str)
    assert_type((yield from marked(1, c=2.0)), int)
    assert_type((yield from marked_list("x")), List[str])
    assert_type((yield from marked_passes_on(1)), int)
    assert_type((yield from conn.recv(10)), bytes)
    assert_type((yield from conn.unmarked(10)), bytes)
    assert_type((yield from Connection.connect("x")), Connection)
    assert_type((yield from Connection.pair()), int)
    assert_type((yield from Louder(conn.sock).unmarked(1)), bytes)
    assert_type((yield from reads(conn, conn)), bytes)
    if (yield from number(1)):
        pass
    return (yield from box.get())


one: Generator[Trap, None, int] = number(1)
wider: Green[object] = number(1)  # covariant in the result
unmarked: Green[int] = marked(1)
awaitable: Awaitable[int] = marked(1)
function: Callable[[int], Green[int]] = marked
traps: Iterator[Trap] = number(1)


# ---- run and spawn -------------------------------------------------------------------------------


def named(*, fn: int, main: int) -> Green:
    yield from sleep(0)


assert_type(run(nothing), None)
assert_type(run(number, 1, b="y", c=1.0), int)
assert_type(run(marked, 1, c=1.0), int)
assert_type(run(named, fn=1, main=2), None)
assert_type(run(lambda: number(1)), int)
assert_type(run(partial(number, 1)), int)
assert_type(Runner(hub="poll", grace=0).run(same, "x"), str)


def spawns(conn: Connection, box: Box[bytes]) -> Green[int]:
    gt = spawn(number, 1, b="y", c=1.0)
    assert_type(gt, GreenThread[int])
    assert_type((yield from gt.wait()), int)
    assert_type(gt.dead, bool)
    assert_type(gt.waiting_on, Optional[str])
    assert_type(spawn(nothing), GreenThread[None])
    assert_type(spawn(sleep, 1), GreenThread[None])
    assert_type(spawn(same, "x"), GreenThread[str])
    assert_type(spawn(marked, 1), GreenThread[int])
    assert_type(spawn(marked_list, "x"), GreenThread[List[str]])
    assert_type(spawn(passes_on, 1), GreenThread[int])
    assert_type(spawn(partial(number, 1)), GreenThread[int])
    assert_type(spawn(lambda: number(1)), GreenThread[int])
    assert_type(spawn(named, fn=1, main=2), GreenThread[None])
    assert_type(spawn(conn.recv, 10), GreenThread[bytes])
    assert_type(spawn(conn.unmarked, n=10), GreenThread[bytes])
    assert_type(spawn(Connection.connect, "x"), GreenThread[Connection])
    assert_type(spawn(box.get), GreenThread[bytes])
    assert_type(spawn(trampoline, 0, read=True), GreenThread[None])
    assert_type(spawn_after(1.0, number, 1, c=1), GreenThread[int])
    assert_type(spawn_after_local(1.0, number, 1), GreenThread[int])
    spawn_n(number, 1, b="y")
    assert_type(getcurrent(), GreenThread[Any])
    return gt.result()


def linked(gt: GreenThread[int], text: str, *, count: int) -> None:
    assert_type(gt.result(), int)


def ends(gt: GreenThread[int]) -> Green:
    gt.link(linked, "x", count=1)
    assert_type(gt.unlink(linked, "x", count=1), bool)
    assert_type((yield from kill(gt, ValueError("x"), force=True)), None)
    assert_type((yield from gt.kill(ValueError)), None)
    gt.kill_soon()
    gt.cancel(GreenletExit("enough"))


# ---- timeouts and scopes -------------------------------------------------------------------------


def timed() -> Green[int]:
    assert_type((yield from with_timeout(1, number, 1)), int)
    assert_type((yield from with_timeout(1, number, 1, timeout_value=None)), Union[int, None])
    assert_type((yield from with_timeout(1, nothing, timeout_value="late")), Union[None, str])
    with shielded(1):
        yield from nothing()
    with fail_after(1) as scope:
        assert_type(scope.cancel_called, bool)
        return (yield from number(1))  # never swallows: nothing need follow


def eventlets() -> Green[int]:
    with Timeout(1):
        return (yield from number(1))  # never swallows either


def silenced() -> Green[Optional[int]]:
    with Timeout(1, False):
        return (yield from number(1))
    return None


def moves_on() -> Green[Optional[int]]:
    with move_on_after(1) as scope:
        assert_type(scope, CancelScope)
        scope.deadline += 1
        return (yield from number(1))
    return None


# ---- task groups ---------------------------------------------------------------------------------


def reports(ready: Ready[str], a: int) -> Green[int]:
    ready.set("here")
    return (yield from number(a))


def grouped() -> Green[str]:
    with TaskGroup(errors="first", on_exit="cancel") as group:
        assert_type(group, TaskGroup)
        assert_type(group.spawn(number, 1, c=1.0), GreenThread[int])
        text = yield from group.start(reports, 1)
        assert_type(text, str)
        yield from group.join()
    return "x"


# ---- descriptors and primitives ------------------------------------------------------------------


def descriptors(sock: socket.socket) -> Green:
    yield from trampoline(0, read=True)
    yield from trampoline(sock, write=True, timeout=1, timeout_exc=TimeoutError)
    assert_type((yield from trampoline(sock, read=True)), None)
    assert_type((yield from wait_fd(sock, POLLIN | POLLOUT)), int)


class Gate:
    def __init__(self) -> None:
        self._waiters: Waiters[int] = Waiters()

    @green
    def pass_through(self) -> Green[int]:
        return (yield from Wait(self, "the gate to open", self._waiters).get())

    def open(self) -> None:
        self._waiters.wake_all(1)


def sockets() -> Green[int]:
    sock = green_socket.socket()
    with sock:
        yield from sock.connect(("localhost", 80))
        yield from sock.sendall(b"x")
        assert_type((yield from sock.send(b"x")), int)
        assert_type((yield from sock.recv(1)), bytes)
        conn, _ = yield from sock.accept()
        assert_type(conn, green_socket.socket)
        return (yield from sock.recv_into(bytearray(1)))


# ---- async/await ---------------------------------------------------------------------------------


async def native(box: Box[str]) -> str:
    assert_type(await sleep(1), None)
    assert_type(await marked(1), int)
    return await box.get()
