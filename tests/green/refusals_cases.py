"""The calls of `genlet.green` and `genlet.net` with their twins of the standard library: a table.

Run as a program, it prints what the twins refuse and genlet does not refuse with the same class.
"""

from __future__ import annotations

import _thread as real_thread
import argparse
import io as real_io
import os as real_os
import queue as real_queue
import select as real_select
import selectors as real_selectors
import signal as real_signal
import socket as real_socket
import ssl as real_ssl
import subprocess as real_subprocess
import threading as real_threading
import time as real_time
from contextlib import ExitStack, suppress
from functools import lru_cache
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

import genlet
from genlet import net
from genlet.abc import Green
from genlet.green import (
    _thread,
    io,
    os,
    queue,
    select,
    selectors,
    signal,
    socket,
    ssl,
    subprocess,
    threading,
    time,
)
from tests.green.certificates import certificates
from tests.green.refusals import ENDLESS, FEW, Case, Odd, Twins, all_differences, same

Making = Callable[[ExitStack], Tuple[Any, Any]]


def methods(make: Making, **calls: Tuple[Any, ...]) -> Iterator[Case]:
    """Give the cases of methods: of each name the right arguments, the last a dict of the rest."""
    for name, args in calls.items():
        yield method(make, name, *args)


def method(make: Making, name: str, *args: Any, **fields: Any) -> Case:
    """Make the case of a method."""

    def twins(stack: ExitStack) -> Twins:
        real, mine = make(stack)
        return getattr(real, name), getattr(mine, name)

    return Case(f"{make.__name__}.{name}", twins, args, **fields)


# ---- sockets --------------------------------------------------------------------------------------

ADDRESSES: List[Any] = [
    *(("127.0.0.1",), ("127.0.0.1", 70000), ("127.0.0.1", -1), ("127.0.0.1", "80")),
    *(("a\0b", 80), (b"127.0.0.1", 80, 1, 1, 1), ("127.0.0.1", 10**20), (None, 1), (1, 1)),
    *((bytearray(b"127.0.0.1"), 80.0), ("\ud800", 80), ("x" * 300, 80), ("127.0.0.1", 1.5)),
]


def datagram_sockets(stack: ExitStack) -> Tuple[Any, Any]:
    """Return sockets that are bound and not connected."""
    found = (
        real_socket.socket(type=real_socket.SOCK_DGRAM),
        socket.socket(type=real_socket.SOCK_DGRAM),
    )
    for one in found:
        stack.callback(one.close)
        one.bind(("127.0.0.1", 0))
        one.settimeout(0)
    return found


def connected_sockets(stack: ExitStack) -> Tuple[Any, Any]:
    """Return sockets that are connected, and have nothing to read."""
    found = []
    for _ in range(2):
        one, other = real_socket.socketpair()
        stack.callback(other.close)
        found.append(one)
    real, mine = found[0], socket.socket(sock=found[1])
    for made in (real, mine):
        stack.callback(made.close)
        made.settimeout(0)
    return real, mine


def blocking_sockets(stack: ExitStack) -> Tuple[Any, Any]:
    real, mine = connected_sockets(stack)
    real.settimeout(None)
    mine.settimeout(None)
    return real, mine


def listening_sockets(stack: ExitStack) -> Tuple[Any, Any]:
    found = real_socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    for one in found:
        stack.callback(one.close)
        one.settimeout(0)
    return found


def socket_cases() -> Iterator[Case]:
    for make in (datagram_sockets, connected_sockets):
        yield from methods(make, recv=(3,), recvfrom=(3,), send=(b"x",), sendall=(b"x",))
        yield from methods(
            make, recv_into=(bytearray(3), 3, 0), recvfrom_into=(bytearray(3), 3, 0)
        )
        yield from methods(make, recvmsg=(3, 0, 0), recvmsg_into=([bytearray(3)], 0, 0))
        yield method(make, "recv", 3, 0)
        yield method(make, "recvfrom", 3, 0)
        yield method(make, "send", b"x", 0)
        yield method(make, "sendall", b"x", 0)
        to = ("127.0.0.1", 9)
        yield method(make, "sendto", b"x", to, more={1: ADDRESSES})
        yield method(make, "sendto", b"x", 0, to, more={2: ADDRESSES})
        odd = {1: ([(1, 2)], [(1, 2, "x")], [(1.5, 2, b"x")], [(10**30, 1, b"x")])}
        yield method(make, "sendmsg", [b"x"], [], 0, None, more={**odd, 3: ADDRESSES})
        for name in ("connect", "connect_ex", "bind"):
            yield method(make, name, to, more={0: ADDRESSES})
        yield from methods(make, listen=(1,), shutdown=(2,), set_inheritable=(False,))
        yield from methods(make, settimeout=(1,), setblocking=(False,), accept=())
        yield method(make, "getsockopt", real_socket.SOL_SOCKET, real_socket.SO_RCVBUF)
        yield method(make, "getsockopt", real_socket.SOL_SOCKET, real_socket.SO_RCVBUF, 4)
        yield method(make, "setsockopt", real_socket.SOL_SOCKET, real_socket.SO_RCVBUF, 4096)
        yield method(make, "setsockopt", real_socket.SOL_SOCKET, real_socket.SO_RCVBUF, None, 4)
        yield method(make, "makefile", "rb", -1)
        yield method(make, "makefile", "r", -1)
        for name in ("close", "detach", "dup", "fileno", "get_inheritable", "getblocking"):
            yield method(make, name)
        for name in ("getpeername", "getsockname", "gettimeout"):
            yield method(make, name)
    yield method(blocking_sockets, "sendfile", real_io.BytesIO(b"x"), 0, 1)
    yield method(connected_sockets, "sendfile", real_io.BytesIO(b"x"), 0, 1)
    yield method(listening_sockets, "accept")
    if hasattr(real_socket.socket, "sendmsg_afalg"):
        yield method(connected_sockets, "sendmsg_afalg", [b"x"])
    not_adopted = (True, 2**31)  # the standard output
    yield Case(
        "socket.socket",
        same(real_socket.socket, socket.socket),
        (real_socket.AF_INET, real_socket.SOCK_STREAM, 0, None),
        without={3: not_adopted},
    )
    yield Case(
        "socket.socketpair",
        same(real_socket.socketpair, socket.socketpair),
        (real_socket.AF_UNIX, real_socket.SOCK_STREAM, 0),
    )
    yield Case(
        "socket.fromfd",
        same(real_socket.fromfd, socket.fromfd),
        (END_OF_NUMBERS, real_socket.AF_INET, real_socket.SOCK_STREAM, 0),
        without={0: not_adopted},
    )
    yield Case(
        "socket.close",
        same(real_socket.close, socket.close),
        (END_OF_NUMBERS,),
        without={0: not_adopted},
    )
    yield Case(
        "socket.create_connection",
        same(real_socket.create_connection, socket.create_connection),
        (("127.0.0.1", 9), 1, ("127.0.0.1", 0)),
        without={0: ("x", b"x")},
        more={0: ADDRESSES, 2: ADDRESSES},
        seconds=[1],
    )
    yield Case(
        "socket.create_server",
        same(real_socket.create_server, socket.create_server),
        (("127.0.0.1", 0),),
        {"family": real_socket.AF_INET, "backlog": 1, "reuse_port": False},
        more={0: ADDRESSES},
    )
    for name, args in {"send_fds": ([b"x"], [0]), "recv_fds": (3, 1)}.items():
        yield Case(f"socket.{name}", sending(name), args, more={1: ([-1], ["x"], [10**30])})


def sending(name: str) -> Callable[[ExitStack], Twins]:
    """Make the twins of a function whose first argument is a socket."""

    def twins(stack: ExitStack) -> Twins:
        one, two = connected_sockets(stack)
        return (
            lambda *args, **options: getattr(real_socket, name)(one, *args, **options),
            lambda *args, **options: getattr(socket, name)(two, *args, **options),
        )

    return twins


def bare(make: Making, names: str) -> Iterator[Case]:
    """Give the cases of methods that take no argument, of those *names* that this Python has."""
    with ExitStack() as stack:
        real, _ = make(stack)
        found = [name for name in names.split() if hasattr(real, name)]
    for name in found:
        yield method(make, name)


# ---- os -------------------------------------------------------------------------------------------


def piped(name: str, *args: Any, fill: bool = True, **fields: Any) -> Case:
    """Make the case of a call of `os` on descriptors of a pipe."""

    def twins(stack: ExitStack) -> Twins:
        reading, writing = real_os.pipe()
        stack.callback(real_os.close, reading)
        stack.callback(real_os.close, writing)
        for fd in (reading, writing):
            real_os.set_blocking(fd, False)
        if fill:
            real_os.write(writing, b"abc")
        ends = {READS: reading, WRITES: writing}

        def given(call: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*args: Any, **options: Any) -> Any:
                return call(
                    *[ends.get(arg, arg) if isinstance(arg, End) else arg for arg in args],
                    **options,
                )

            return wrapped

        return given(getattr(real_os, name)), given(getattr(os, name))

    return Case(f"os.{name}", twins, args, **fields)


class End(str):
    """Stands for the number of an end of a pipe that is made for each call."""


READS, WRITES = End("reads"), End("writes")
STANDARD = (True,)  # 1, which is the standard output


def os_cases() -> Iterator[Case]:
    at_0 = {0: STANDARD}
    yield piped("read", READS, 3, without=at_0, fill=False)
    yield piped("write", WRITES, b"x", without=at_0)
    yield piped("readv", READS, [bytearray(3)], without=at_0, fill=False)
    yield piped("writev", WRITES, [b"x"], without=at_0)
    yield piped("close", READS, without={0: (True, END_OF_NUMBERS)}, fill=False)
    yield piped("dup2", READS, END_OF_NUMBERS, without={0: STANDARD, 1: (True, 2**31)})
    yield piped("sendfile", WRITES, READS, 0, 1, without={0: STANDARD, 1: STANDARD})
    yield Case("os.pipe", same(real_os.pipe, os.pipe))
    for name, args in {
        "waitpid": (1, real_os.WNOHANG),
        "wait3": (real_os.WNOHANG,),
        "wait4": (1, real_os.WNOHANG),
        "waitid": (real_os.P_PID, 1, real_os.WEXITED | real_os.WNOHANG),
        "wait": (),
    }.items():
        yield Case(f"os.{name}", same(getattr(real_os, name), getattr(os, name)), args)
    if hasattr(real_os, "eventfd_read"):
        yield Case("os.eventfd_read", eventfd("eventfd_read"), (END_OF_NUMBERS,), without=at_0)
        yield Case("os.eventfd_write", eventfd("eventfd_write"), (END_OF_NUMBERS, 1), without=at_0)
    yield Case("os.fdopen", same(real_os.fdopen, os.fdopen), (END_OF_NUMBERS, "r"), without=at_0)
    yield Case("os.fdopen", opened(), ("r", -1, "utf-8", "strict", "\n"), {"closefd": True})
    yield Case("os.fdopen", opened(), ("rb", -1), {"closefd": True})


END_OF_NUMBERS = 987  # no descriptor


def eventfd(name: str) -> Callable[[ExitStack], Twins]:
    return same(getattr(real_os, name), getattr(os, name))


def opened() -> Callable[[ExitStack], Twins]:
    def twins(stack: ExitStack) -> Twins:
        def on(call: Callable[..., Any]) -> Callable[..., Any]:
            reading, writing = real_os.pipe()
            stack.callback(real_os.close, writing)
            stack.callback(close_if_open, reading)
            return lambda *args, **options: call(reading, *args, **options)

        return on(real_os.fdopen), on(os.fdopen)

    return twins


def close_if_open(fd: int) -> None:
    try:
        real_os.close(fd)
    except OSError:
        pass


# ---- files ----------------------------------------------------------------------------------------


def a_file(stack: ExitStack, mode: str) -> Tuple[Any, Any]:
    """Return raw files on the ends of a pipe with something in it."""
    files = []
    for module in (real_io, io):
        reading, writing = real_os.pipe()
        real_os.set_blocking(reading, False)
        real_os.set_blocking(writing, False)
        real_os.write(writing, b"abc\ndef\n")
        fd = reading if mode == "r" else writing
        if mode == "r":
            real_os.close(writing)
        else:
            stack.callback(close_if_open, reading)
        file = module.FileIO(fd, mode)
        stack.callback(closed_quietly, file)
        files.append(file)
    return files[0], files[1]


def closed_quietly(file: Any) -> None:
    try:
        file.close()
    except (OSError, ValueError, genlet.GenletError):
        pass


def raw_reader(stack: ExitStack) -> Tuple[Any, Any]:
    return a_file(stack, "r")


def raw_writer(stack: ExitStack) -> Tuple[Any, Any]:
    return a_file(stack, "w")


def buffered_reader(stack: ExitStack) -> Tuple[Any, Any]:
    real, mine = a_file(stack, "r")
    return real_io.BufferedReader(real), io.BufferedReader(mine)


def buffered_writer(stack: ExitStack) -> Tuple[Any, Any]:
    real, mine = a_file(stack, "w")
    return real_io.BufferedWriter(real), io.BufferedWriter(mine)


def text_reader(stack: ExitStack) -> Tuple[Any, Any]:
    real, mine = buffered_reader(stack)
    return real_io.TextIOWrapper(real, "utf-8"), io.TextIOWrapper(mine, "utf-8")


def text_writer(stack: ExitStack) -> Tuple[Any, Any]:
    real, mine = buffered_writer(stack)
    return real_io.TextIOWrapper(real, "utf-8"), io.TextIOWrapper(mine, "utf-8")


def a_pair(stack: ExitStack) -> Tuple[Any, Any]:
    (real_in, in_), (real_out, out) = raw_reader(stack), raw_writer(stack)
    return real_io.BufferedRWPair(real_in, real_out), io.BufferedRWPair(in_, out)


def pairing(stack: ExitStack) -> Twins:
    (real_in, in_), (real_out, out) = raw_reader(stack), raw_writer(stack)
    return (
        lambda *args, **options: real_io.BufferedRWPair(real_in, real_out, *args, **options),
        lambda *args, **options: io.BufferedRWPair(in_, out, *args, **options),
    )


def constructor(name: str, *args: Any, below: Making, **fields: Any) -> Case:
    def twins(stack: ExitStack) -> Twins:
        real, mine = below(stack)

        def on(call: Callable[..., Any], file: Any) -> Callable[..., Any]:
            return lambda *args, **options: call(file, *args, **options)

        return on(getattr(real_io, name), real), on(getattr(io, name), mine)

    return Case(f"io.{name}", twins, args, **fields)


def io_cases() -> Iterator[Case]:
    yield Case(
        "io.FileIO",
        same(real_io.FileIO, io.FileIO),
        ("/dev/null", "r", True, None),
        without={0: (True, "x", b"x", "x" * 300)},
        more={1: ("rb", "rw", "r+", "rr", "a+x", "U", "rt")},
    )
    yield from methods(raw_reader, read=(3,), readinto=(bytearray(3),), readall=())
    yield from methods(raw_reader, readline=(3,), readlines=(3,), fileno=(), isatty=())
    yield from methods(raw_writer, write=(b"x",), writelines=([b"x"],))
    no_size = {0: (None,)}  # it is taken for no size everywhere
    reads = ("read", "read1", "peek", "readline", "readlines")
    for name in reads:
        yield method(buffered_reader, name, 3, without=no_size if name == "read1" else {})
    for name in ("readinto", "readinto1"):
        yield method(buffered_reader, name, bytearray(3))
    yield from methods(buffered_writer, write=(b"x",), writelines=([b"x"],), flush=())
    for name in ("read", "readline", "readlines"):
        yield method(text_reader, name, 3, without=no_size if name == "readline" else {})
    yield from methods(text_writer, write=("x",), writelines=(["x"],), flush=())
    for name in reads:
        yield method(a_pair, name, 3, without=no_size if name == "read1" else {})
    for name in ("readinto", "readinto1"):
        yield method(a_pair, name, bytearray(3))
    yield from methods(a_pair, write=(b"x",), writelines=([b"x"],), flush=())
    for make in (
        raw_reader,
        buffered_reader,
        text_reader,
        raw_writer,
        buffered_writer,
        text_writer,
    ):
        yield method(make, "seek", 0, 0)
        yield method(make, "truncate", 0)
    for make in (raw_reader, buffered_reader, buffered_writer, text_reader, text_writer, a_pair):
        yield from bare(make, "close fileno isatty readable seekable tell writable")
    yield from bare(a_pair, "seek truncate")
    yield Case("io.BufferedRWPair", pairing, (10,))
    yield constructor("BufferedReader", 10, below=raw_reader)
    yield constructor("BufferedWriter", 10, below=raw_writer)
    yield constructor(
        *("TextIOWrapper", "utf-8", "strict", "\n", True),
        below=buffered_reader,
        more={0: ("nonsense", "hex", "utf-8\0"), 1: ("nonsense",), 2: ("\r", "\n\n", "y")},
    )


# ---- select, selectors ----------------------------------------------------------------------------


def a_poll(_stack: ExitStack) -> Tuple[Any, Any]:
    return real_select.poll(), select.poll()


def a_registered_poll(stack: ExitStack) -> Tuple[Any, Any]:
    found = a_poll(stack)
    for one in found:
        one.register(0, 1)
    return found


def an_epoll(stack: ExitStack) -> Tuple[Any, Any]:
    found = real_select.epoll(), select.epoll()
    for one in found:
        stack.callback(one.close)
    return found


def a_selector(stack: ExitStack) -> Tuple[Any, Any]:
    found = real_selectors.DefaultSelector(), selectors.DefaultSelector()
    for one in found:
        stack.callback(one.close)
    return found


def a_poll_selector(_stack: ExitStack) -> Tuple[Any, Any]:
    return real_selectors.PollSelector(), selectors.PollSelector()


def a_select_selector(_stack: ExitStack) -> Tuple[Any, Any]:
    return real_selectors.SelectSelector(), selectors.SelectSelector()


def select_cases() -> Iterator[Case]:
    forever = (None, 2**31, -1, -2, -0.5, -(2**31) - 1, -(2**70), -float("inf"))
    yield Case(
        "select.select",
        same(real_select.select, select.select),
        ([], [1], [], 0),
        more={place: ([-1], [2**31], ["x"], [5000], [10**30], 3) for place in range(3)},
        seconds=[3],
    )
    yield Case(
        "select.select",
        same(real_select.select, select.select),
        ([], [], [], 0),
        without={3: (None, 1.5, True, 2**31)},
        seconds=[3],
    )
    for make in (a_poll, a_registered_poll):
        yield from methods(make, register=(0, 1), modify=(0, 1), unregister=(0,))
    yield method(a_registered_poll, "poll", 0, without={0: forever}, seconds=[0])
    yield method(a_poll, "poll", 0, without={0: (*forever, None, 1.5, True)}, seconds=[0])
    yield Case("select.epoll", same(real_select.epoll, select.epoll), (1, 0))
    yield Case(
        "select.epoll.fromfd",
        same(real_select.epoll.fromfd, select.epoll.fromfd),
        (99,),
        without={0: (True, -2)},
    )
    yield from methods(an_epoll, register=(0, 1), modify=(0, 1), unregister=(0,))
    yield method(an_epoll, "poll", 0, 1, without={0: (*forever, 1.5, True)}, seconds=[0])
    for make in (a_selector, a_poll_selector, a_select_selector):
        yield from methods(make, register=(0, 1, None), modify=(0, 1, None), unregister=(0,))
        yield from methods(make, get_key=(0,))
        yield method(make, "select", 0, without={0: (*forever, 1.5, True)}, seconds=[0])
        yield from bare(make, "get_map close fileno")
    yield from bare(an_epoll, "close fileno")
    for name in ("EpollSelector", "PollSelector", "SelectSelector"):
        yield Case(name, same(getattr(real_selectors, name), getattr(selectors, name)))


# ---- signal, time ---------------------------------------------------------------------------------


def signal_cases() -> Iterator[Case]:
    for name in ("sigwait", "sigwaitinfo", "sigtimedwait"):
        args: Tuple[Any, ...] = ([real_signal.SIGUSR1],)
        more = {0: ([0], [65], [-1], ["x"], [10**30], [1.5], 3)}
        without: Dict[Any, Any] = {0: ([], (), {}, "", b"", bytearray(b"x"), b"x", b"a\0b")}
        if name == "sigtimedwait":
            args += (0,)
            without[1] = (1.5, True, 2**31, *ENDLESS)
        yield Case(
            f"signal.{name}",
            same(getattr(real_signal, name), getattr(signal, name)),
            args,
            without=without,
            more=more,
        )
    yield Case("signal.pause", same(real_signal.pause, signal.pause), (), {"no": 1})


def time_cases() -> Iterator[Case]:
    yield Case(
        "time.sleep",
        same(real_time.sleep, time.sleep),
        (0,),
        without={0: (True, 1.5, 2**31)},
        seconds=[0],
    )


# ---- threads, queues ------------------------------------------------------------------------------


def nothing() -> None:
    """What a thread of the standard library does here."""


def green_nothing() -> Green[None]:
    yield from genlet.checkpoint()


def kind(name: str, *args: Any) -> Making:
    def make(_stack: ExitStack) -> Tuple[Any, Any]:
        return getattr(real_threading, name)(*args), getattr(threading, name)(*args)

    make.__name__ = name
    return make


def held(name: str) -> Making:
    def make(stack: ExitStack) -> Tuple[Any, Any]:
        real, mine = kind(name)(stack)
        real.acquire()
        assert mine.acquire_nowait() is not False
        return real, mine

    make.__name__ = f"held {name}"
    return make


def set_event(stack: ExitStack) -> Tuple[Any, Any]:
    found = kind("Event")(stack)
    for one in found:
        one.set()
    return found


def ended_thread(_stack: ExitStack) -> Tuple[Any, Any]:
    real, mine = real_threading.Thread(target=nothing), threading.Thread(target=green_nothing)
    real.start()
    mine.start()
    return real, mine


def threading_cases() -> Iterator[Case]:
    short = (1.5, True, 2**31, None)
    for name in ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition"):
        endless = {1: () if "Sem" in name else (None,)}  # it is taken for no limit there
        yield method(kind(name), "acquire", True, 1, seconds=[1], without=endless)
        yield method(kind(name), "acquire", False)
        yield method(kind(name), "acquire", False, -1, seconds=[1], without=endless)
        yield method(kind(name), "release")
    yield method(held("Lock"), "release")
    for name in ("Semaphore", "BoundedSemaphore"):
        yield method(kind(name), "release", 1)
        yield Case(name, same(getattr(real_threading, name), getattr(threading, name)), (1,))
    yield method(kind("Condition"), "notify", 1)
    yield method(held("Condition"), "notify", 1)
    yield method(kind("Condition"), "wait", 0, seconds=[0])
    yield method(held("Condition"), "wait", 0, without={0: short}, seconds=[0])
    yield method(held("Condition"), "wait_for", bool, 0, without={1: short}, seconds=[1])
    yield method(set_event, "wait", 0, seconds=[0])
    yield method(kind("Event"), "wait", 0, without={0: short}, seconds=[0])
    yield method(kind("Barrier", 2), "wait", 0, without={0: short}, seconds=[0])
    yield method(kind("Barrier", 1), "wait", 0, seconds=[0])
    yield Case(
        "Barrier",
        same(real_threading.Barrier, threading.Barrier),
        (2, None, None),
        without={0: (-0.5, -float("inf"))},  # which are no number of parties in the first place
    )
    yield Case(
        "Thread",
        same(real_threading.Thread, threading.Thread),
        (None, None, "x", (), {}),
        {"daemon": None},
    )
    yield method(ended_thread, "join", 1, seconds=[0])
    yield method(ended_thread, "start")
    yield Case("Timer", same(real_threading.Timer, threading.Timer), (1, None, (), {}))
    yield Case(
        "_thread.start_new_thread",
        same(real_thread.start_new_thread, _thread.start_new_thread),
        (bool, (), {}),
        without={0: (int,), 2: (None,)},
    )
    for name in ("Lock", "RLock", "Event", "Condition", "local"):
        yield Case(name, same(getattr(real_threading, name), getattr(threading, name)))
    yield from bare(kind("Lock"), "locked")
    yield from bare(kind("Event"), "set clear is_set")
    yield from bare(kind("Condition"), "notify_all")
    yield from bare(kind("Barrier", 1), "reset abort")
    for make in (ended_thread, kind("Timer", 1, bool)):
        yield from methods(make, is_alive=(), run=(), start=())
    yield method(kind("Timer", 1, bool), "cancel")
    yield method(kind("Timer", 1, bool), "join", 1, seconds=[0])
    for name in ("lock", "LockType", "RLock", "allocate_lock", "get_ident", "exit"):
        if hasattr(real_thread, name) and hasattr(_thread, name):
            yield Case(f"_thread.{name}", same(getattr(real_thread, name), getattr(_thread, name)))
    for name in ("active_count", "enumerate"):
        yield Case(name, same(getattr(real_threading, name), getattr(threading, name)))
    for name in ("stack_size", "excepthook", "get_ident", "current_thread", "main_thread"):
        yield Case(name, same(getattr(real_threading, name), getattr(threading, name)), ())


def filled(name: str, *args: Any) -> Making:
    def make(_stack: ExitStack) -> Tuple[Any, Any]:
        real, mine = getattr(real_queue, name)(*args), getattr(queue, name)(*args)
        for one in (real, mine):
            one.put_nowait(1)
        return real, mine

    make.__name__ = f"{name}{args} of one item"
    return make


def empty(name: str, *args: Any) -> Making:
    def make(_stack: ExitStack) -> Tuple[Any, Any]:
        return getattr(real_queue, name)(*args), getattr(queue, name)(*args)

    make.__name__ = f"{name}{args}"
    return make


def queue_cases() -> Iterator[Case]:
    forever = (None, 1.5, True, 2**31, 2**63, float("inf"), float("nan"))
    for name in ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"):
        yield method(filled(name), "get", True, 1, seconds=[1])
        yield method(empty(name), "get", True, 0, without={1: forever}, seconds=[1])
        yield method(empty(name), "get", False, 0, seconds=[1])
        yield method(empty(name), "put", 1, True, 1, seconds=[2])
        yield method(empty(name), "get_nowait")
        yield method(empty(name), "put_nowait", 1)
        if name != "SimpleQueue":
            yield Case(name, same(getattr(real_queue, name), getattr(queue, name)), (1,))
            yield method(empty(name, 1), "put", 1, True, 1, seconds=[2])
            yield method(filled(name, 1), "put", 1, True, 0, without={2: forever}, seconds=[2])
            yield method(filled(name, 1), "put", 1, False, 0, seconds=[2])
            yield method(empty(name), "task_done")
            yield from bare(empty(name), "full join")
        else:
            yield Case(name, same(real_queue.SimpleQueue, queue.SimpleQueue))
        yield from bare(empty(name), "empty qsize")
        if hasattr(getattr(real_queue, name), "shutdown"):
            yield method(empty(name), "shutdown", False)


# ---- names ----------------------------------------------------------------------------------------


def name_cases() -> Iterator[Case]:
    looked_up = ("x", b"x", "no-such-name", bytearray(b"x"), "", b"")
    at_0 = {0: looked_up}
    for name, args in {
        "gethostbyname": ("127.0.0.1",),
        "gethostbyname_ex": ("127.0.0.1",),
        "gethostbyaddr": ("127.0.0.1",),
        "getfqdn": ("127.0.0.1",),
        "getnameinfo": (("127.0.0.1", 1), real_socket.NI_NUMERICHOST | real_socket.NI_NUMERICSERV),
        "getaddrinfo": ("127.0.0.1", 1, 0, 0, 0, 0),
    }.items():
        more = {
            0: [(), ("127.0.0.1",), ("127.0.0.1", -1), ("127.0.0.1", 70000), ("a\0b", 1), (1, 1)]
            + [("127.0.0.1", "x"), ("x" * 300, 1), ("127.0.0.1", 1, 2**40), ("::1", 1, 2**20 + 1)]
        }
        yield Case(
            f"socket.{name}",
            same(getattr(real_socket, name), getattr(socket, name)),
            args,
            without={**at_0, 1: (-2, 2**31)}
            if name == "getnameinfo"
            else {0: (*looked_up, "a\0b", b"a\0b")},
            more=more if name == "getnameinfo" else {},
        )


# ---- processes ------------------------------------------------------------------------------------


def subprocess_cases() -> Iterator[Case]:
    options: Dict[str, Any] = {
        "bufsize": -1,
        "executable": None,
        "stdin": None,
        "stdout": None,
        "stderr": None,
        "preexec_fn": None,
        "close_fds": True,
        "shell": False,
        "cwd": None,
        "env": None,
        "universal_newlines": None,
        "startupinfo": None,
        "creationflags": 0,
        "restore_signals": True,
        "start_new_session": False,
        "pass_fds": (),
        "user": None,
        "group": None,
        "extra_groups": None,
        "encoding": None,
        "errors": None,
        "text": None,
        "umask": -1,
    }
    if hasattr(real_subprocess.Popen, "_get_handles") and "pipesize" in str(
        real_subprocess.Popen.__init__.__code__.co_varnames
    ):
        options["pipesize"] = -1
        options["process_group"] = None
    standard = (True, 2**31)
    without = {"stdin": standard, "stdout": standard, "stderr": standard, "shell": ()}
    more: Dict[Any, Sequence[Any]] = {
        "env": ({"a": 1}, {"a=b": "x"}, {"a\0": "x"}, {"a": "x\0"}, {1: "x"}, [("a", "b")]),
        "pass_fds": ((-1,), ("x",), (2**31,), (10**30,), 3),
        "extra_groups": ([-1], ["no-such-group"], [10**30], [1.5]),
        0: (["true", 1], ["true", "a\0b"], ["true", None], [""], ["no-such-program"], [b"\0"]),
        **dict.fromkeys(("stdin", "stdout", "stderr"), (-3, -4, 987)),
    }
    yield Case(
        "subprocess.Popen",
        same(ended(real_subprocess.Popen), ended_green(subprocess.Popen)),
        (["true"],),
        options,
        without,
        more,
    )
    for name in ("run", "call", "check_call", "check_output"):
        yield Case(
            f"subprocess.{name}",
            same(getattr(real_subprocess, name), getattr(subprocess, name)),
            (["true"],),
            {
                "timeout": 10,
                "cwd": None,
                **({"input": None} if "output" in name or name == "run" else {}),
            },
            {"timeout": (-1, -2, -0.5, 2**31, -(2**31) - 1, *ENDLESS)},
            more,
        )
    yield from bare(a_process, "poll kill terminate")
    yield method(a_process, "send_signal", 0)
    yield method(a_process, "wait", 5, seconds=[0], without={0: (None, *ENDLESS)})
    yield method(a_process, "communicate", None, 5, seconds=[1])
    for name in ("getoutput", "getstatusoutput"):
        yield Case(
            f"subprocess.{name}",
            same(getattr(real_subprocess, name), getattr(subprocess, name)),
            ("true",),
            {"encoding": None, "errors": None},
            more={"encoding": ("nonsense",), "errors": ("nonsense",)},
        )


def a_process(stack: ExitStack) -> Tuple[Any, Any]:
    """Return processes that run: one that has ended takes any signal."""
    real, mine = real_subprocess.Popen(["sleep", "60"]), subprocess.Popen(["sleep", "60"])
    for process in (real, mine):
        # The green one has no wait that is no greenthread's.
        system: Any = getattr(process, "_process", process)
        stack.callback(system.wait)
        stack.callback(system.kill)
    return real, mine


def ended(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return *call*, with the process ended that it makes if it is taken."""

    def made(*args: Any, **options: Any) -> None:
        process = call(*args, **options)
        process.kill()
        process.wait()
        for file in (process.stdin, process.stdout, process.stderr):
            if file is not None:
                file.close()

    return made


def ended_green(call: Callable[..., Any]) -> Callable[..., Any]:
    def made(*args: Any, **options: Any) -> Green[None]:
        process = call(*args, **options)
        process.kill()
        yield from process.finish()

    return made


# ---- TLS ------------------------------------------------------------------------------------------


def contexts(_stack: ExitStack) -> Tuple[Any, Any]:
    return (
        real_ssl.SSLContext(real_ssl.PROTOCOL_TLS_CLIENT),
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
    )


def wrapping() -> Callable[[ExitStack], Twins]:
    def twins(stack: ExitStack) -> Twins:
        one, two = real_socket.socket(), socket.socket()
        stack.callback(one.close)
        stack.callback(two.close)
        real, mine = contexts(stack)
        return (
            lambda *args, **options: real.wrap_socket(one, *args, **options),
            lambda *args, **options: mine.wrap_socket(two, *args, **options),
        )

    return twins


def secured(stack: ExitStack) -> Tuple[Any, Any]:
    """Return connected sockets with TLS that never wait; `shake_hands` finishes the green one's."""
    pending.clear()
    found = []
    for module in (real_ssl, ssl):
        serving, context = tls_contexts(module)
        near, far = real_socket.socketpair()
        server = serving.wrap_socket(far, server_side=True, do_handshake_on_connect=False)
        stack.callback(server.close)
        client = context.wrap_socket(
            near if module is real_ssl else socket.socket(sock=near),
            server_hostname="localhost",
            do_handshake_on_connect=False,
        )
        stack.callback(client.close)
        for one in (server, client):
            one.settimeout(0)
        found.append((client, server))
    (real, real_server), (mine, mine_server) = found
    for _ in range(3):
        for one in (real, real_server):
            with suppress(real_ssl.SSLWantReadError):
                one.do_handshake()
    pending.append((mine, mine_server))
    return real, mine


def waiting_secured(stack: ExitStack) -> Tuple[Any, Any]:
    """Do as `secured`, with sockets that wait."""
    real, mine = secured(stack)
    real.settimeout(5)
    return real, mine


@lru_cache(None)
def tls_contexts(module: Any) -> Tuple[real_ssl.SSLContext, Any]:
    """Return a context for servers, of the standard library, and one of *module* for clients."""
    made = certificates()
    serving = real_ssl.create_default_context(real_ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(made.server, made.server_key)
    return serving, module.create_default_context(cafile=made.authority)


pending: List[Tuple[Any, Any]] = []


def shake_hands() -> Green[None]:
    """Finish the handshake of the green sockets that were made last, and let them wait from then on."""
    while pending:
        mine, server = pending.pop()
        if mine.fileno() < 0:
            continue
        for _ in range(3):
            with suppress(real_ssl.SSLWantReadError):
                yield from mine.do_handshake()
            with suppress(real_ssl.SSLWantReadError):
                server.do_handshake()
        mine.settimeout(5)


def ssl_cases() -> Iterator[Case]:
    yield Case(
        "SSLContext.wrap_socket",
        wrapping(),
        (False, True, True, "localhost", None),
        more={3: (".x", "x..y", "*", "1.2.3.4 ")},
    )
    yield method(contexts, "wrap_socket", None, without={0: ()})
    yield method(
        contexts, "wrap_bio", real_ssl.MemoryBIO(), real_ssl.MemoryBIO(), False, "x", None
    )
    yield method(contexts, "load_cert_chain", "/nonexistent", None, None)
    yield method(contexts, "load_verify_locations", "/nonexistent", None, None)
    yield method(contexts, "set_ciphers", "DEFAULT")
    yield method(contexts, "set_alpn_protocols", ["x"], more={0: ([""], ["x" * 256], [1])})
    yield Case("SSLContext", same(real_ssl.SSLContext, ssl.SSLContext), (ssl.PROTOCOL_TLS,))
    yield Case(
        "create_default_context",
        same(real_ssl.create_default_context, ssl.create_default_context),
        (real_ssl.Purpose.SERVER_AUTH,),
        {"cafile": None, "capath": None, "cadata": None},
        more={0: ("SERVER_AUTH", (1, 2, 3, 4))},
    )
    yield Case(
        "get_server_certificate",
        same(real_ssl.get_server_certificate, ssl.get_server_certificate),
        (("127.0.0.1", 1),),
        {"timeout": 5, "ca_certs": None},
        more={0: (("127.0.0.1", -1), ("127.0.0.1", 70000), ("127.0.0.1",), ("x" * 300, 1))},
    )
    for name, args in {
        "recv": (1,),
        "read": (1,),
        "recv_into": (bytearray(1), 1),
        "send": (b"x",),
        "write": (b"x",),
        "sendall": (b"x",),
        "recvfrom": (1,),
        "recvfrom_into": (bytearray(1), 1),
        "sendto": (b"x", ("127.0.0.1", 1)),
        "recvmsg": (1,),
        "recvmsg_into": ([bytearray(1)],),
        "sendmsg": ([b"x"],),
        "getpeercert": (False,),
        "get_channel_binding": ("tls-unique",),
        "do_handshake": (),
        "pending": (),
        "cipher": (),
        "version": (),
        "shared_ciphers": (),
        "compression": (),
        "selected_alpn_protocol": (),
        "verify_client_post_handshake": (),
        "shutdown": (2,),
        "settimeout": (1,),
        "dup": (),
    }.items():
        yield method(secured, name, *args, values=FEW)
    yield method(waiting_secured, "sendfile", real_io.BytesIO(b"x"), 0, 1, values=FEW)
    yield from bare(
        secured,
        "accept unwrap close detach fileno get_inheritable getblocking getpeername getsockname"
        " gettimeout get_verified_chain get_unverified_chain selected_npn_protocol sendmsg_afalg"
        " group client_sigalg server_sigalg",
    )
    to = ("127.0.0.1", 9)
    for name in ("connect", "connect_ex", "bind"):
        yield method(secured, name, to, more={0: ADDRESSES}, values=FEW)
    level = real_socket.SOL_SOCKET, real_socket.SO_RCVBUF
    for name, args in {
        "listen": (1,),
        "set_inheritable": (False,),
        "setblocking": (False,),
        "getsockopt": level,
        "setsockopt": (*level, 4096),
        "makefile": ("rb", -1),
    }.items():
        yield method(secured, name, *args, values=FEW)
    yield Case("SSLSocket", same(real_ssl.SSLSocket, ssl.SSLSocket))


# ---- genlet.net -----------------------------------------------------------------------------------

# It has no twin module; each of these calls does the work of one of `socket` or `ssl`.


def to_a_listener(stack: ExitStack) -> Twins:
    found = real_socket.create_server(("127.0.0.1", 0))
    stack.callback(found.close)
    port = found.getsockname()[1]

    def real(host: Any, plus: Any, delay: Any, **options: Any) -> Any:
        return real_socket.create_connection(
            (host, port if plus is PORT else plus), delay, **options
        )

    def mine(host: Any, plus: Any, delay: Any, **options: Any) -> Any:
        return net.connect(
            host, port if plus is PORT else plus, happy_eyeballs_delay=delay, **options
        )

    return real, mine


class Stands(Odd):
    """Stands for something that is made for each call."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


PORT = Stands("PORT")  # the one of the listener


def real_listen(host: Any, port: Any, backlog: Any, family: Any, **options: Any) -> Any:
    return real_socket.create_server((host, port), backlog=backlog, family=family, **options)


def green_listen(host: Any, port: Any, backlog: Any, family: Any, **options: Any) -> Any:
    return net.listen(host, port, backlog=backlog, family=family, **options)


def real_connect_unix(path: Any, **options: Any) -> None:
    with real_socket.socket(real_socket.AF_UNIX) as sock:
        sock.connect(path, **options)


def real_listen_unix(path: Any, mode: Any, backlog: Any, **options: Any) -> Any:
    with real_socket.socket(real_socket.AF_UNIX) as sock:
        sock.bind(path, **options)
        real_os.chmod(path, mode)
        sock.listen(backlog)
    real_os.unlink(path)


def green_listen_unix(path: Any, mode: Any, backlog: Any, **options: Any) -> Any:
    return net.listen_unix(path, mode=mode, backlog=backlog, **options)


def of_a_stream(real_name: str, name: str) -> Callable[[ExitStack], Twins]:
    """Make the twins: a method of a socket, and one of a stream."""

    def twins(stack: ExitStack) -> Twins:
        make = blocking_sockets if name == "send_file" else connected_sockets
        real, mine = make(stack)
        return getattr(real, real_name), getattr(net.Stream(mine), name)

    return twins


def starting_tls(stack: ExitStack) -> Twins:
    real, mine = blocking_sockets(stack)
    _, context = tls_contexts(real_ssl)
    stream = net.Stream(mine)

    def wrapped(given: Any, name: Any, **options: Any) -> Any:
        maker = context if given is CONTEXT else given
        return real_ssl.SSLContext.wrap_socket(
            maker, real, server_hostname=name, do_handshake_on_connect=False, **options
        )

    def started(given: Any, name: Any, **options: Any) -> Any:
        return stream.start_tls(
            context if given is CONTEXT else given, server_hostname=name, **options
        )

    return wrapped, started


CONTEXT = Stands("CONTEXT")  # one of the standard library


def net_cases() -> Iterator[Case]:
    looked_up = {0: ("x", b"x", "no-such-name", bytearray(b"x"))}
    yield Case(
        "net.connect",
        to_a_listener,
        ("127.0.0.1", PORT, 1),
        without={**looked_up, 1: ("x", b"x", "no-such-name")},
        seconds=[2],
    )
    yield Case(
        "net.listen",
        lambda _: (real_listen, green_listen),
        ("127.0.0.1", 0, 1, real_socket.AF_INET),
        {"reuse_port": False},
        without=looked_up,
    )
    yield Case("net.connect_unix", lambda _: (real_connect_unix, net.connect_unix), ("/nowhere",))
    yield Case("net.listen_unix", lambda _: (real_listen_unix, green_listen_unix), ("s", 0o600, 1))
    yield Case("net.Stream.receive", of_a_stream("recv", "receive"), (3,))
    yield Case("net.Stream.send_all", of_a_stream("sendall", "send_all"), (b"x",))
    yield Case(
        "net.Stream.send_file",
        of_a_stream("sendfile", "send_file"),
        (real_io.BytesIO(b"x"), 0, 1),
    )
    yield Case("net.Stream.start_tls", starting_tls, (CONTEXT, "localhost"))


SUITES: Dict[str, Callable[[], Iterator[Case]]] = {
    "socket": socket_cases,
    "net": net_cases,
    "os": os_cases,
    "io": io_cases,
    "select": select_cases,
    "signal": signal_cases,
    "time": time_cases,
    "threading": threading_cases,
    "queue": queue_cases,
    "names": name_cases,
    "subprocess": subprocess_cases,
    "ssl": ssl_cases,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("suite", nargs="+", choices=SUITES)
    for module in (real_ssl, ssl):
        tls_contexts(module)  # once, and not in every process
    for suite in parser.parse_args().suite:
        for line in all_differences(SUITES[suite](), shake_hands):
            print(line.encode("ascii", "backslashreplace").decode())


if __name__ == "__main__":
    main()
