"""What the wrong lines of `tests.lint.mistakes` are written with: copied beside them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Dict, Generator, Iterator, Optional, Protocol, Tuple

from genlet import (
    Channel,
    Condition,
    Event,
    Green,
    GreenPile,
    GreenPool,
    Lock,
    Queue,
    ScopedGroup,
    Semaphore,
    TaskGroup,
    Trap,
    green,
    scoped,
    sleep,
)
from genlet.green import socket
from genlet.kernel import Wait

__all__ = [
    "Animal",
    "Both",
    "Child",
    "Closes",
    "Connection",
    "Dog",
    "Wait",
    "connected",
    "crew",
    "ints",
    "linked",
    "marked",
    "native",
    "number",
    "opened",
    "other",
    "pair",
    "passed_on",
    "plain",
]


def number(a: int = 1, *, c: float = 0.0) -> Green[int]:
    yield from sleep(0 * c)
    return a


@green
def marked(a: int = 1, *, c: float = 0.0) -> Green[int]:
    return (yield from number(a, c=c))


def passed_on(a: int) -> Green[int]:
    return number(a)


def pair() -> Green[Tuple[int, str]]:
    yield from sleep(0)
    return 1, "x"


@scoped
def crew(group: ScopedGroup, size: int) -> Green[int]:
    yield from sleep(0)
    return group.live + size


def plain(a: int = 1) -> int:
    return a


def ints() -> Iterator[int]:
    yield 1


def other() -> Generator[int, None, str]:
    yield 1
    return "x"


async def native() -> int:
    return 1


def linked(gt: object, text: str) -> None:
    pass


class Animal:
    pass


class Dog(Animal):
    pass


class Closes(Protocol):
    def close(self) -> Green[None]: ...


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock: socket.socket = sock
        self.lock: Lock = Lock()
        self.inbox: Queue[bytes] = Queue()
        self.size: int = 0

    def recv(self, n: int) -> Green[bytes]:
        return (yield from self.sock.recv(n))

    @green
    def close(self) -> Green[None]:
        yield from sleep(0)

    @property
    def peer(self) -> Connection:
        return self

    def ping(self) -> None:
        pass

    @classmethod
    def check(cls) -> Green[bool]:
        yield from sleep(0)
        return True

    def __call__(self) -> Green[None]:
        yield from sleep(0)


class Child(Connection):
    pass


@dataclass
class Both:
    left: Connection
    right: Optional[Connection] = None


@contextmanager
def connected(sock: socket.socket) -> Generator[Connection, None, None]:
    yield Connection(sock)


def opened(sock: socket.socket) -> Green[Connection]:
    yield from sleep(0)
    return Connection(sock)


# What a wrong line may take from the function around it: its type.
TYPES: Dict[str, str] = {
    "anything": "Any",
    "both": "Both",
    "callback": "Callable[[], Green[int]]",
    "child": "Child",
    "condition": "Condition",
    "conn": "Connection",
    "conns": "List[Connection]",
    "dogs": "Queue[Dog]",
    "either": "Union[Child, Closes]",
    "event": "Event[int]",
    "group": "TaskGroup",
    "gt": "GreenThread[int]",
    "lock": "Lock",
    "maybe": "Optional[Connection]",
    "pile": "GreenPile[bytes]",
    "pool": "GreenPool",
    "queue": "Queue[bytes]",
    "receiver": "Receiver[Animal]",
    "rx": "Receiver[bytes]",
    "semaphore": "Semaphore",
    "sender": "Sender[Dog]",
    "shape": "Closes",
    "sock": "socket.socket",
    "table": "Dict[str, Connection]",
    "trap": "Trap",
    "tx": "Sender[int]",
    "yes": "bool",
}


def things(group: TaskGroup, sock: socket.socket) -> Dict[str, Any]:
    """Return one of each, for a run."""
    conn, child = Connection(sock), Child(sock)
    tx, _ = Channel[int](5)
    sender, _ = Channel[Dog](5)
    _, rx = bytes_channel = Channel[bytes](5)
    bytes_channel[0].send_nowait(b"x")
    _, receiver = Channel[Animal](5)
    event: Event[int] = Event()
    event.send(1)
    callback: Callable[[], Green[int]] = number
    return {
        "anything": conn,
        "both": Both(conn, conn),
        "callback": callback,
        "child": child,
        "condition": Condition(),
        "conn": conn,
        "conns": [conn, conn],
        "dogs": Queue[Dog](),
        "either": child,
        "event": event,
        "group": group,
        "gt": group.spawn(number),
        "lock": Lock(),
        "maybe": conn,
        "pile": GreenPile[bytes](2),
        "pool": GreenPool(2),
        "queue": Queue[bytes](),
        "receiver": receiver,
        "rx": rx,
        "semaphore": Semaphore(2),
        "sender": sender,
        "shape": conn,
        "sock": sock,
        "table": {"a": conn},
        "trap": Trap(),
        "tx": tx,
        "yes": True,
    }
