"""What the standard library's modules refuse at a call, their green twins refuse with the same class."""

from __future__ import annotations

import _thread as real_thread
import io as real_io
import os as real_os
import queue as real_queue
import select as real_select
import selectors as real_selectors
import signal as real_signal
import socket as real_socket
import ssl as real_ssl
import subprocess as real_subprocess
import sys
import threading as real_threading
import time as real_time
from contextlib import ExitStack
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

import pytest

import genlet
from genlet._compat import IS_PYPY
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
from tests.conftest import descriptors, settled_threads
from tests.green.certificates import certificates
from tests.green.refusals import ENDLESS, Case, Twins, differences, same

pytestmark = [
    pytest.mark.skipif(IS_PYPY, reason="PyPy's own classes differ from call to call"),
    pytest.mark.skipif(
        sys.version_info < (3, 13), reason="older ones refuse less, and by other classes"
    ),
]

Making = Callable[[ExitStack], Tuple[Any, Any]]


def methods(make: Making, **calls: Tuple[Any, ...]) -> Iterator[Case]:
    """Give the cases of methods: of each name the right arguments, the last a dict of the rest."""
    for name, args in calls.items():
        yield method(make, name, *args)


def method(make: Making, name: str, *args: Any, **fields: Any) -> Case:
    def twins(stack: ExitStack) -> Twins:
        real, mine = make(stack)
        return getattr(real, name), getattr(mine, name)

    return Case(f"{make.__name__}.{name}", twins, args, **fields)


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


def constructor(name: str, *args: Any, below: Making, **fields: Any) -> Case:
    def twins(stack: ExitStack) -> Twins:
        real, mine = below(stack)

        def on(call: Callable[..., Any], file: Any) -> Callable[..., Any]:
            return lambda *args, **options: call(file, *args, **options)

        return on(getattr(real_io, name), real), on(getattr(io, name), mine)

    return Case(f"io.{name} on a file", twins, args, **fields)


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
    for name in ("getoutput", "getstatusoutput"):
        yield Case(
            f"subprocess.{name}",
            same(getattr(real_subprocess, name), getattr(subprocess, name)),
            ("true",),
            {"encoding": None, "errors": None},
            more={"encoding": ("nonsense",), "errors": ("nonsense",)},
        )


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
    """Return connected sockets with TLS, whose handshake is done."""
    pending.clear()
    found = []
    for module in (real_ssl, ssl):
        made = certificates()
        serving = real_ssl.create_default_context(real_ssl.Purpose.CLIENT_AUTH)
        serving.load_cert_chain(made.server, made.server_key)
        context = module.create_default_context(cafile=made.authority)
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
            one.settimeout(0 if one is server else 0.05)
        found.append((client, server))
    (real, real_server), (mine, mine_server) = found
    real.settimeout(0)
    for _ in range(6):
        for one in (real, real_server):
            try:
                one.do_handshake()
            except real_ssl.SSLWantReadError:
                pass
    real.settimeout(0.05)
    pending.append((mine, mine_server))
    return real, mine


pending: List[Tuple[Any, Any]] = []


def shake_hands() -> Green[None]:
    """Finish the handshake of the green sockets that `secured` has made."""
    while pending:
        mine, server = pending.pop()
        for _ in range(6):
            try:
                yield from mine.do_handshake()
                break
            except (real_ssl.SSLWantReadError, real_socket.timeout):
                pass
            try:
                server.do_handshake()
            except real_ssl.SSLWantReadError:
                pass
        try:
            server.do_handshake()
        except real_ssl.SSLWantReadError:
            pass


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
        "sendfile": (real_io.BytesIO(b"x"), 0, 1),
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
        yield method(secured, name, *args)


SUITES: Dict[str, Callable[[], Iterator[Case]]] = {
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


known_threads = 0

MODULES: Dict[str, Any] = {
    "os": os,
    "io": io,
    "select": select,
    "signal": signal,
    "time": time,
    "threading": threading,
    "queue": queue,
    "subprocess": subprocess,
    "ssl": ssl,
}
# What waits, and is tried elsewhere, or takes no argument.
NOT_TRIED: Dict[str, str] = {
    "io": "readall",
    "queue": "join",
    "subprocess": "communicate wait",
    "threading": "run",
    "ssl": "accept connect connect_ex unwrap",
}


def state() -> object:
    global known_threads
    known_threads = settled_threads(known_threads)
    return sorted(descriptors()), known_threads


def warmed() -> Green[None]:
    """Open what the run opens when it first waits for a descriptor, or hears of another thread."""
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(0.001)
        try:
            yield from one.recv(1)
        except real_socket.timeout:
            pass
    with genlet.portal():
        pass


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_calls_refuse_what_the_standard_librarys_refuse(suite: str) -> None:
    """Types, ranges, huge numbers, embedded NULs, odd names: one wrong argument at a time."""
    found: List[str] = []

    def main() -> Green[None]:
        yield from warmed()
        for case in SUITES[suite]():
            found.extend((yield from differences(case, state, shake_hands)))

    genlet.run(main)
    assert found == []


# What waits and has no twin in the standard library: genlet's own.
OWN = [
    "announce_end",
    "collect",
    "finish",
    "hold",
    "next",
    "readexactly",
    "readuntil",
    "recv_nowait",
]


@pytest.mark.parametrize("suite", [suite for suite in SUITES if suite != "names"])
def test_every_call_that_waits_is_among_those_tried(suite: str) -> None:
    """A new one cannot be forgotten."""
    tried = {case.name.rpartition(".")[2] for case in SUITES[suite]()}
    waiting = {name.rpartition(".")[2] for name in MODULES[suite].__green__}
    assert waiting - tried - {*OWN, *NOT_TRIED.get(suite, "").split()} == set()
