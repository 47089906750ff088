"""Wrong lines, and the code under which the lint finds each: data for the tests, never run."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import List, NamedTuple

PREAMBLE = """\
import logging
import os
import queue as threads_queue
import select
import socket as real
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Dict, Generator, Iterator, List, Optional, Tuple

import genlet
from genlet import (
    END, Cancelled, Channel, Condition, Event, Green, GreenletExit, GreenPile, GreenPool, GreenThread,
    Lock, Queue, portal, Receiver, Semaphore, Sender, TaskGroup, Trap, amap, checkpoint, gather, green, kill,
    move_on_after, race, run, scoped, shielded, sleep, spawn, spawn_after, spawn_n, trampoline,
    with_timeout,
)
from genlet.green import socket

nap = genlet.sleep


def number(a: int = 1) -> Green[int]:
    yield from sleep(1)
    return a


@green
def marked(a: int = 1) -> Green[int]:
    return (yield from number(a))


def bare():
    yield from sleep(1)
    return b"bytes"


def passed_on(a: int):
    return number(a)


def pair() -> Generator[Trap, None, Tuple[int, str]]:
    yield from sleep(0)
    return 1, "x"


def plain(a: int = 1) -> int:
    return a


def ints() -> Iterator[int]:
    yield 1


async def native() -> int:
    return 1


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.lock = Lock()
        self.inbox: Queue[bytes] = Queue()
        self.size: int = 0

    def recv(self, n: int) -> Green[bytes]:
        return (yield from self.sock.recv(n))

    @green
    def close(self) -> Green[None]:
        yield from sleep(0)

    @property
    def peer(self) -> "Connection":
        return self

    def ping(self) -> None:
        pass


class Child(Connection):
    pass


@dataclass
class Pair:
    left: Connection
    right: Optional[Connection] = None


@contextmanager
def connected(sock: socket.socket) -> Iterator[Connection]:
    yield Connection(sock)


def opened(sock: socket.socket) -> Green[Connection]:
    yield from sleep(0)
    return Connection(sock)


"""

FUNCTION = """\
def wrong(
    sock: socket.socket, queue: Queue[bytes], lock: Lock, gt: GreenThread[int], group: TaskGroup,
    event: Event[int], conn: Connection, pool: GreenPool, tx: Sender[int], rx: Receiver[bytes],
    maybe: Optional[Connection], conns: List[Connection], table: Dict[str, Connection], both: Pair,
    condition: Condition, pile: GreenPile[bytes], semaphore: Semaphore, child: Child,
) -> Green[object]:
    yield from sleep(0)
"""


class Wrong(NamedTuple):
    """Some lines, in a green function or by themselves, and the code of what is wrong with them."""

    code: str
    lines: str
    alone: bool = False

    @property
    def source(self) -> str:
        """The module in which they stand."""
        lines = dedent(self.lines).strip("\n") + "\n"
        return PREAMBLE + (lines if self.alone else FUNCTION + indent(lines, "    "))

    @property
    def first(self) -> int:
        """The number of their first line."""
        return (PREAMBLE + ("" if self.alone else FUNCTION)).count("\n") + 1


WRONG: List[Wrong] = [
    # Dropped.
    Wrong("GL101", "sleep(1)"),
    Wrong("GL101", "genlet.sleep(1)"),
    Wrong("GL101", "nap(1)"),
    Wrong("GL101", "checkpoint()"),
    Wrong("GL101", "number(1)"),
    Wrong("GL101", "marked(1)"),
    Wrong("GL101", "bare()"),
    Wrong("GL101", "passed_on(1)"),
    Wrong("GL101", "pair()"),
    Wrong("GL101", "sock.sendall(b'x')"),
    Wrong("GL101", "sock.accept()"),
    Wrong("GL101", "queue.put(b'x')"),
    Wrong("GL101", "lock.acquire()"),
    Wrong("GL101", "gt.wait()"),
    Wrong("GL101", "gt.kill()"),
    Wrong("GL101", "kill(gt)"),
    Wrong("GL101", "group.join()"),
    Wrong("GL101", "event.wait()"),
    Wrong("GL101", "trampoline(1, read=True)"),
    Wrong("GL101", "with_timeout(1, number)"),
    Wrong("GL101", "gather(number(1), number(2))"),
    Wrong("GL101", "race(number(1), number(2))"),
    Wrong("GL101", "amap(number, [1])"),
    Wrong("GL101", "pool.spawn_n(number, 1)"),
    Wrong("GL101", "pool.waitall()"),
    Wrong("GL101", "tx.send(1)"),
    Wrong("GL101", "condition.wait_for(lambda: True)"),
    Wrong("GL101", "semaphore.acquire()"),
    Wrong("GL101", "conn.close()"),
    Wrong("GL101", "conn.sock.sendall(b'x')"),
    Wrong("GL101", "conn.inbox.put(b'x')"),
    Wrong("GL101", "conn.lock.acquire()"),
    Wrong("GL101", "conn.peer.recv(1)"),
    Wrong("GL101", "child.recv(1)"),
    Wrong("GL101", "both.left.recv(1)"),
    Wrong("GL101", "maybe.recv(1)"),
    Wrong("GL101", "if maybe is not None:\n    maybe.close()"),
    Wrong("GL101", "for one in conns:\n    one.close()"),
    Wrong("GL101", "for name, one in table.items():\n    one.close()"),
    Wrong("GL101", "table['a'].close()"),
    Wrong("GL101", "conns[0].close()"),
    Wrong("GL101", "conns.pop().close()"),
    Wrong("GL101", "for index, one in enumerate(conns):\n    one.close()"),
    Wrong("GL101", "made = Connection(sock)\nmade.close()"),
    Wrong("GL101", "with connected(sock) as made:\n    made.close()"),
    Wrong("GL101", "made = yield from opened(sock)\nmade.close()"),
    Wrong("GL101", "with TaskGroup() as inner:\n    inner.join()"),
    Wrong("GL101", "left, right = Channel[int](5)\nleft.send(1)"),
    Wrong("GL101", "made, _ = yield from sock.accept()\nmade.sendall(b'x')"),
    Wrong("GL101", "spawn(number, 1).wait()"),
    Wrong(
        "GL101", "jobs = [spawn(number, n) for n in range(3)]\nfor job in jobs:\n    job.wait()"
    ),
    Wrong("GL101", "partial(number, 1)()"),
    Wrong("GL101", "sleep(1) if event else None"),
    Wrong("GL101", "event and lock.acquire()"),
    Wrong("GL101", "[sleep(n) for n in range(3)]"),
    Wrong("GL101", "def inner():\n    yield from sleep(1)\ninner()"),
    Wrong("GL101", "call = number\ncall(1)"),
    Wrong("GL101", "(sleep(1), 2)"),
    Wrong("GL101", "call = sock.sendall\ncall(b'x')"),
    Wrong("GL101", "def f(call: Green[int]):\n    call\n    yield from sleep(0)", alone=True),
    Wrong("GL101", "class A(Connection):\n    def go(self):\n        super().close()", alone=True),
    Wrong("GL101", "class A(Connection):\n    def go(self):\n        self.close()", alone=True),
    Wrong("GL101", "@scoped\ndef f(group) -> Green:\n    yield from sleep(0)\nf()", alone=True),
    Wrong("GL101", "async def f():\n    sleep(1)", alone=True),
    Wrong("GL101", "sleep(1)", alone=True),
    # Assigned and never driven.
    Wrong("GL102", "done = sleep(1)"),
    Wrong("GL102", "data = conn.recv(1)\ndata = yield from conn.recv(2)"),
    # yield
    Wrong("GL103", "yield sleep(1)"),
    Wrong("GL103", "data = yield sock.recv(1)"),
    # Tested and compared.
    Wrong("GL104", "if lock.acquire():\n    pass"),
    Wrong("GL104", "while not number(1):\n    pass"),
    Wrong("GL104", "assert conn.recv(1)"),
    Wrong("GL104", "x = 1 if number() else 2"),
    Wrong("GL104", "x = number() and 2"),
    Wrong("GL104", "x = not number()"),
    Wrong("GL104", "if number(1) == 1:\n    pass"),
    Wrong("GL104", "if event and number(1):\n    pass"),
    Wrong("GL104", "while (item := rx.next()) is not END:\n    print(item)"),
    Wrong("GL104", "while data := sock.recv(1):\n    print(data)"),
    Wrong("GL104", "data = sock.recv(1)\nif not data:\n    return 1"),
    Wrong("GL104", "x = [n for n in range(3) if number(n)]"),
    Wrong("GL104", "x = bool(number())"),
    Wrong("GL104", "item = rx.next()\nif item is END:\n    pass"),
    Wrong("GL104", "if b'x' in sock.recv(1):\n    pass"),
    Wrong("GL104", "x = any(number(n) for n in range(3))"),
    Wrong("GL104", "x = all([number(n) for n in range(3)])"),
    # Iterated.
    Wrong("GL105", "next(sleep(1))"),
    Wrong("GL105", "for byte in sock.recv(1):\n    pass"),
    Wrong("GL105", "x = list(pair())"),
    Wrong("GL105", "x = [n for n in pair()]"),
    Wrong("GL105", "x = sum(pair())"),
    Wrong("GL105", "print(*pair())"),
    Wrong("GL105", "for item in queue:\n    pass"),
    Wrong("GL105", "x = [item for item in pool.imap(number, [1])]"),
    Wrong("GL105", "x = list(queue)"),
    # Returned.
    Wrong("GL106", "return number(1)"),
    Wrong("GL106", "x = number(1)\nreturn x"),
    Wrong("GL106", "return number(1) if event else 0"),
    Wrong("GL106", "def f(sock: socket.socket) -> bytes:\n    return sock.recv(1)", alone=True),
    # Used.
    Wrong("GL107", "print(sock.recv(1).decode())"),
    Wrong("GL107", "x = pair()[0]"),
    Wrong("GL107", "x = number(1) + 1"),
    Wrong("GL107", "x, y = pair()"),
    Wrong("GL107", "x = f'{number(1)}'"),
    Wrong("GL107", "total = 0\ntotal += number(1)"),
    Wrong("GL107", "x = len(sock.recv(1))"),
    Wrong("GL107", "x = -number(1)"),
    Wrong("GL107", "x = b'abc'[: number(1)]"),
    Wrong("GL107", "data = sock.recv(1)\nprint(data.decode())"),
    Wrong(
        "GL107", "try:\n    data = sock.recv(1)\nexcept OSError:\n    raise\nprint(data.decode())"
    ),
    Wrong("GL107", "x = b''.join(sock.recv(1))"),
    Wrong("GL107", "x = number(1)()"),
    # Passed and stored.
    Wrong("GL108", "x: int = number(1)\nprint(x)"),
    Wrong("GL108", "conn.size = number(1)"),
    Wrong("GL108", "conn.size = number(1) if event else 0"),
    Wrong("GL108", "x: List[int] = [number(1)]\nprint(x)"),
    Wrong("GL108", "plain(number(1))"),
    Wrong("GL108", "plain(a=number(1))"),
    Wrong("GL108", "yield from tx.send(number(1))"),
    Wrong("GL108", "x: List[bytes] = []\nx.append(sock.recv(1))"),
    Wrong("GL108", "yield from queue.put(sock.recv(1))"),
    # Entered.
    Wrong("GL109", "with lock.hold():\n    pass"),
    Wrong("GL108", "print(gt.wait())"),
    Wrong("GL108", "print('x', number(1), sep='')"),
    Wrong("GL108", "logging.info('%s', number(1))"),
    Wrong("GL109", "with opened(sock) as made:\n    pass"),
    Wrong("GL109", "with lock:\n    pass"),
    Wrong("GL109", "with move_on_after(1), condition:\n    pass"),
    Wrong("GL111", "async def f():\n    await number(1)", alone=True),
    # Spawned.
    Wrong("GL201", "spawn(number(1))"),
    Wrong("GL201", "group.spawn(marked(1))"),
    Wrong("GL201", "yield from pool.spawn(number(1))"),
    Wrong("GL201", "spawn_after(1, sleep(1))"),
    Wrong("GL201", "run(number(1))", alone=True),
    Wrong("GL202", "spawn(plain, 1)"),
    Wrong("GL202", "spawn_n(print, 'x')"),
    Wrong("GL202", "spawn(ints)"),
    Wrong("GL202", "spawn(native)"),
    Wrong("GL202", "spawn(lambda: 1)"),
    Wrong("GL202", "spawn(time.sleep, 1)"),
    Wrong("GL202", "run(plain)", alone=True),
    Wrong("GL206", "gt.link(number)"),
    Wrong("GL206", "gt.link(lambda one: one.wait())"),
    Wrong("GL206", "def on_end(one):\n    value = one.wait()\n    return value\ngt.link(on_end)"),
    Wrong("GL206", "threading.Thread(target=number)"),
    Wrong("GL206", "threading.Thread(None, number, args=(1,)).start()"),
    Wrong("GL206", "threading.Timer(1, number)"),
    Wrong("GL206", "with portal() as door:\n    door.call_soon(number)"),
    Wrong("GL207", "yield 5"),
    Wrong("GL207", "yield plain(1)"),
    Wrong("GL207", "yield f'{plain(1)}'"),
    # Declared.
    Wrong("GL203", "def f() -> Green[int]:\n    return 1", alone=True),
    Wrong("GL203", "@green\ndef f() -> Green:\n    print(1)", alone=True),
    Wrong("GL203", "def f(a: int) -> Green[str]:\n    return plain(a)", alone=True),
    Wrong("GL204", "yield from plain(1)"),
    Wrong("GL204", "yield from conn.ping()"),
    Wrong("GL204", "yield from event.send(1)"),
    Wrong("GL204", "yield from lock.release()"),
    Wrong("GL204", "yield from spawn(number, 1)"),
    Wrong("GL205", "yield from native()"),
    Wrong("GL205", "import asyncio\nyield from asyncio.sleep(1)"),
    # Interrupted.
    Wrong("GL211", "try:\n    yield from number()\nfinally:\n    yield from conn.close()"),
    Wrong(
        "GL211",
        "try:\n    pass\nfinally:\n    with move_on_after(1):\n        yield from conn.close()",
    ),
    Wrong("GL212", "try:\n    pass\nexcept Cancelled:\n    yield from conn.close()\n    raise"),
    Wrong("GL212", "try:\n    pass\nexcept BaseException:\n    yield from sleep(1)\n    raise"),
    Wrong("GL212", "try:\n    pass\nexcept:\n    yield from sleep(1)\n    raise"),
    Wrong("GL213", "try:\n    yield from sleep(1)\nexcept BaseException:\n    pass"),
    Wrong("GL213", "try:\n    yield from sleep(1)\nexcept:\n    print('oh')"),
    Wrong("GL213", "try:\n    yield from sleep(1)\nexcept GreenletExit:\n    pass"),
    Wrong("GL213", "try:\n    yield from sleep(1)\nexcept (OSError, Cancelled):\n    pass"),
    Wrong("GL213", "try:\n    yield from sleep(1)\nexcept BaseException as exc:\n    print(exc)"),
    Wrong("GL213", "try:\n    yield from sleep(1)\nfinally:\n    return 1"),
    Wrong(
        "GL213",
        "for _ in conns:\n    try:\n        yield from sleep(1)\n    finally:\n        break",
    ),
    # Blocking.
    Wrong("GL301", "time.sleep(1)"),
    Wrong("GL301", "x = input()"),
    Wrong("GL302", "x = real.create_connection(('h', 1))"),
    Wrong("GL302", "x = real.getaddrinfo('h', 1)"),
    Wrong("GL302", "s = real.socket()\ns.connect(('h', 1))"),
    Wrong("GL302", "with real.socket() as s:\n    s.recv(1)"),
    Wrong("GL303", "import requests\nrequests.get('http://h')"),
    Wrong("GL303", "import requests\nwith requests.Session() as s:\n    s.post('http://h')"),
    Wrong("GL303", "x = urllib.request.urlopen('http://h')"),
    Wrong("GL304", "subprocess.run(['ls'])"),
    Wrong("GL304", "subprocess.check_output(['ls'])"),
    Wrong("GL304", "p = subprocess.Popen(['ls'])\np.wait()"),
    Wrong("GL304", "with subprocess.Popen(['ls']) as p:\n    p.communicate()"),
    Wrong("GL304", "os.system('ls')"),
    Wrong("GL304", "os.waitpid(1, 0)"),
    Wrong("GL305", "threading.Lock().acquire()"),
    Wrong("GL305", "q = threads_queue.Queue()\nq.get()"),
    Wrong("GL305", "e = threading.Event()\ne.wait()"),
    Wrong("GL305", "t = threading.Thread()\nt.join()"),
    Wrong("GL305", "guard = threading.Lock()\nwith guard:\n    yield from sleep(1)"),
    Wrong("GL305", "with threading.Condition():\n    x = yield from number(1)"),
    Wrong("GL306", "select.select([], [], [])"),
]

# Code that looks like it and is right; in a green function.
RIGHT: List[str] = [
    "yield from sleep(1)",
    "guard = threading.Lock()\nwith guard:\n    plain(1)\nyield from sleep(1)",
    "x = yield from number(1)",
    "_ = sleep(1)",
    "call = number(1)\nx = yield from call",
    "calls = [number(n) for n in range(3)]\nyield from gather(*calls)",
    "call = number(1)\ncall.close()",
    "call = number(1)\nprint(call)",
    "call = number(1)\nprint(call.gi_frame)",
    "spawn(number, 1)",
    "spawn(lambda: number(1))",
    "spawn(passed_on, 1)",
    "spawn(partial(number, 1))",
    "group.spawn(conn.close)",
    "queue.put_nowait(b'x')",
    "event.send(1)",
    "lock.release()",
    "ints()",
    "native()",
    "for n in ints():\n    print(n)",
    "with (yield from lock.hold()):\n    pass",
    "with sock:\n    pass",
    "x = any([True for _ in conns])",
    "for _ in conns:\n    try:\n        yield from sleep(1)\n    finally:\n        for _ in conns:\n            break",
    "calls: List[Green[int]] = [number(1)]\nyield from gather(*calls)",
    "while (item := (yield from rx.next())) is not END:\n    print(item)",
    "if (yield from lock.acquire()):\n    pass",
    "call = None\nif event:\n    call = number(1)\nif call is not None:\n    yield from call",
    "call = None\nif event:\n    call = number(1)\nif call:\n    yield from call",
    "try:\n    yield from sleep(1)\nfinally:\n    with shielded(1):\n        yield from conn.close()",
    "try:\n    yield from sleep(1)\nexcept BaseException:\n    print(1)\n    raise",
    "try:\n    yield from sleep(1)\nexcept BaseException as exc:\n    error = exc",
    "try:\n    yield from sleep(1)\nexcept Exception:\n    pass",
    "try:\n    yield from gt.wait()\nexcept GreenletExit:\n    pass",
    "try:\n    yield from sleep(1)\nexcept Cancelled:\n    raise\nexcept BaseException:\n    pass",
    "try:\n    yield from sleep(1)\nexcept genlet.Timeout:\n    yield from conn.close()",
    "open('file').read()",
    "threading.Lock().acquire(False)",
    "threads_queue.Queue().get(block=False)",
    "select.select([], [], [], 0)",
    "from genlet import tpool\nyield from tpool.execute(time.sleep, 1)",
    "def inner() -> None:\n    time.sleep(1)",
    "s = real.socket()\ns.setblocking(False)\ns.recv(1)",
    "x = yield from number(1)\nx = number(2)\ny = yield from x",
]
