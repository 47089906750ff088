# pyright: reportUnusedCallResult=false
"""What type checkers must make of genlet.green: every line here is right."""

from __future__ import annotations

import sys
from selectors import SelectorKey
from typing import Any, ContextManager, Dict, List, NoReturn, Optional, Tuple, Union

from typing_extensions import assert_type

from genlet import END, Green
from genlet.end import End
from genlet.green import _thread, io, os, queue, selectors, signal, ssl, subprocess, threading
from genlet.green import select as green_select
from genlet.green import socket as sockets
from genlet.green import time as green_time
from genlet.green.dns import LibcResolver, set_resolver

assert sys.platform != "win32"  # where there is no genlet.green.os, nor subprocess

# ---- socket --------------------------------------------------------------------------------------


def waits(sock: sockets.socket, buffer: bytearray) -> Green[None]:
    assert_type((yield from sock.recv(10)), bytes)
    assert_type((yield from sock.recv_into(buffer)), int)
    data, _ = yield from sock.recvfrom(10)
    assert_type(data, bytes)
    count, _ = yield from sock.recvfrom_into(buffer)
    assert_type(count, int)
    assert_type((yield from sock.send(b"x")), int)
    assert_type((yield from sock.sendto(b"x", ("h", 1))), int)
    assert_type((yield from sock.sendto(b"x", 0, ("h", 1))), int)
    assert_type((yield from sock.sendall(memoryview(b"x"))), None)
    conn, _ = yield from sock.accept()
    assert_type(conn, sockets.socket)
    assert_type((yield from sock.connect(("h", 80))), None)
    assert_type((yield from sock.connect_ex(("h", 80))), int)
    with open("x", "rb") as file:
        assert_type((yield from sock.sendfile(file)), int)
    received, fds, _, _ = yield from sockets.recv_fds(sock, 1, 1)
    assert_type(received, bytes)
    assert_type(fds, List[int])
    assert_type((yield from sockets.send_fds(sock, [b"x"], [1])), int)


def plain_calls(sock: sockets.socket) -> None:
    assert_type(sock.dup(), sockets.socket)
    assert_type(sock.detach(), int)
    assert_type(sock.getsockopt(1, 2), int)
    assert_type(sock.getsockopt(1, 2, 3), bytes)
    assert_type(sock.gettimeout(), Optional[float])
    assert_type(sockets.socketpair(), Tuple[sockets.socket, sockets.socket])
    assert_type(sockets.fromfd(1, 2, 3), sockets.socket)
    assert_type(sockets.create_server(("", 0)), sockets.socket)
    sockets.close(3)


def files_of(sock: sockets.socket) -> None:
    assert_type(sock.makefile(), io.TextIOWrapper)
    assert_type(sock.makefile("rw", encoding="utf-8"), io.TextIOWrapper)
    assert_type(sock.makefile("rb"), io.BufferedReader)
    assert_type(sock.makefile("wb"), io.BufferedWriter)
    assert_type(sock.makefile("rwb"), io.BufferedRWPair)
    assert_type(sock.makefile("rb", 0), io.SocketIO)


def names() -> Green[str]:
    assert_type((yield from sockets.create_connection(("h", 80), 1.0)), sockets.socket)
    found = yield from sockets.getaddrinfo("h", 80)
    assert_type(found[0][2], int)
    assert_type((yield from sockets.gethostbyname("h")), str)
    assert_type((yield from sockets.gethostbyname_ex("h")), Tuple[str, List[str], List[str]])
    assert_type((yield from sockets.gethostbyaddr("h")), Tuple[str, List[str], List[str]])
    assert_type((yield from sockets.getnameinfo(("h", 80), 0)), Tuple[str, str])
    set_resolver(LibcResolver(None))
    return (yield from sockets.getfqdn())


# ---- ssl -----------------------------------------------------------------------------------------


def secured(sock: sockets.socket, buffer: bytearray) -> Green[bytes]:
    context = ssl.create_default_context()
    assert_type(context, ssl.SSLContext)
    assert_type(ssl.wrap_socket(sock, context), ssl.SSLSocket)
    tls = context.wrap_socket(sock, server_hostname="h")
    assert_type(tls, ssl.SSLSocket)
    assert_type((yield from tls.do_handshake()), None)
    assert_type((yield from tls.read(10)), bytes)
    assert_type((yield from tls.read(10, buffer)), int)
    assert_type((yield from tls.write(b"x")), int)
    assert_type((yield from tls.unwrap()), ssl.SSLSocket)
    assert_type(tls.getpeercert(), Optional[Dict[str, Any]])
    assert_type(tls.getpeercert(True), Optional[bytes])
    assert_type(tls.pending(), int)
    conn, _ = yield from tls.accept()
    assert_type(conn, ssl.SSLSocket)
    assert_type((yield from ssl.get_server_certificate(("h", 443))), str)
    return (yield from tls.recv())


# ---- io and os -----------------------------------------------------------------------------------


def reads(file: io.BufferedReader, pair: io.BufferedRWPair, text: io.TextIOWrapper) -> Green[None]:
    assert_type((yield from file.read()), bytes)
    assert_type((yield from file.readline()), bytes)
    assert_type((yield from file.readlines()), List[bytes])
    assert_type((yield from file.readinto(bytearray(1))), int)
    assert_type((yield from file.next()), Union[bytes, End])
    while (line := (yield from file.next())) is not END:
        assert_type(line, bytes)
    assert_type((yield from pair.readline()), bytes)
    assert_type((yield from pair.write(b"x")), int)
    assert_type((yield from text.readline()), str)
    assert_type((yield from text.read()), str)
    assert_type((yield from text.next()), Union[str, End])
    assert_type((yield from text.write("x")), int)
    assert_type((yield from text.finish()), None)
    with file, pair, text:
        pass


def writes(file: io.BufferedWriter) -> Green[None]:
    assert_type((yield from file.write(b"x")), int)
    assert_type((yield from file.writelines([b"x"])), None)
    assert_type((yield from file.flush()), None)
    yield from file.finish()


def raw(file: io.FileIO, end: io.SocketIO) -> Green[bytes]:
    base: io.IOBase = file
    either: List[io.RawIOBase] = [file, end]
    assert_type(io.open_raw(file), io.TextIOWrapper)
    assert_type(io.open_raw(file, "rb"), io.BufferedReader)
    assert_type(io.open_raw(file, "wb"), io.BufferedWriter)
    assert_type(io.open_raw(file, "rb", 0), io.FileIO)
    assert_type((base.closed, len(either)), Tuple[bool, int])
    return (yield from file.readall())


def descriptors() -> Green[None]:
    r, w = os.pipe()
    assert_type(r, int)
    assert_type((yield from os.read(r, 1)), bytes)
    assert_type((yield from os.write(w, b"x")), int)
    assert_type(os.dup2(r, w), int)
    assert_type(os.fdopen(r), io.TextIOWrapper)
    assert_type(os.fdopen(r, "rb"), io.BufferedReader)
    assert_type(os.fdopen(w, "wb"), io.BufferedWriter)
    assert_type(os.fdopen(w, "wb", 0), io.FileIO)
    os.close(r)
    if sys.platform != "win32":
        assert_type((yield from os.readv(r, [bytearray(1)])), int)
        assert_type((yield from os.writev(w, [b"x"])), int)
        assert_type((yield from os.sendfile(w, r, 0, 1)), int)
        assert_type((yield from os.wait()), Tuple[int, int])
        assert_type((yield from os.waitpid(1, 0)), Tuple[int, int])
        pid, _, _ = yield from os.wait3(0)
        pid, _, _ = yield from os.wait4(pid, 0)
        assert_type(pid, int)
    if sys.platform == "linux":
        assert_type((yield from os.waitid(0, 1, 0)) is None, bool)
        if sys.version_info >= (3, 10):
            assert_type((yield from os.eventfd_read(r)), int)
            assert_type((yield from os.eventfd_write(w, 1)), None)


# ---- select and selectors ------------------------------------------------------------------------


def selects(selector: selectors.BaseSelector) -> Green[None]:
    ready = yield from green_select.select([0], [], [], 1.0)
    assert_type(ready[0], List[Any])
    with selectors.DefaultSelector() as default:
        assert_type(default.register(0, selectors.EVENT_READ), SelectorKey)
        assert_type((yield from default.select(1.0)), List[Tuple[SelectorKey, int]])
    assert_type((yield from selector.select()), List[Tuple[SelectorKey, int]])
    every: List[selectors.BaseSelector] = [selectors.SelectSelector()]
    if sys.platform != "win32":
        poll = green_select.poll()
        poll.register(0)
        assert_type((yield from poll.poll(1)), List[Tuple[int, int]])
        every.append(selectors.PollSelector())
    if sys.platform == "linux":
        with green_select.epoll() as epoll:
            assert_type((yield from epoll.poll()), List[Tuple[int, int]])
        every.append(selectors.EpollSelector())


# ---- subprocess ----------------------------------------------------------------------------------


def processes() -> Green[None]:
    binary = subprocess.Popen(["ls"], stdout=subprocess.PIPE)
    assert_type(binary, subprocess.Popen[bytes])
    assert_type(subprocess.Popen("ls", text=True), subprocess.Popen[str])
    assert_type(subprocess.Popen("ls", encoding="utf-8"), subprocess.Popen[str])
    assert_type(subprocess.Popen("ls", errors="replace"), subprocess.Popen[str])
    assert_type(subprocess.Popen("ls", universal_newlines=True), subprocess.Popen[str])
    with binary:
        assert_type((yield from binary.communicate(b"x")), Tuple[bytes, bytes])
        assert_type((yield from binary.wait(1)), int)
        assert_type((yield from binary.finish()), int)
        assert_type(binary.poll(), Optional[int])
        assert binary.stdout is not None
        assert_type((yield from binary.stdout.readline()), bytes)


def runs() -> Green[int]:
    done = yield from subprocess.run(["ls"], capture_output=True)
    assert_type(done, "subprocess.CompletedProcess[bytes]")
    told = yield from subprocess.run(["ls"], input="x", text=True, check=True, timeout=1)
    assert_type(told, "subprocess.CompletedProcess[str]")
    assert_type((yield from subprocess.check_output(["ls"])), bytes)
    assert_type((yield from subprocess.check_output(["ls"], encoding="utf-8")), str)
    assert_type((yield from subprocess.check_call(["ls"])), int)
    assert_type((yield from subprocess.getoutput("ls")), str)
    assert_type((yield from subprocess.getstatusoutput("ls")), Tuple[int, str])
    return (yield from subprocess.call(["ls"]))


# ---- signal and time -----------------------------------------------------------------------------


def signals() -> Green[None]:
    with signal.receive(signal.SIGINT, signal.SIGTERM) as receiver:
        assert_type(receiver, signal.Receiver)
        assert_type((yield from receiver.next()), int)
    if sys.platform != "win32":
        yield from signal.pause()
        assert_type((yield from signal.sigwait([signal.SIGINT])), int)
    if sys.platform == "linux":
        assert_type((yield from signal.sigwaitinfo([2])).si_pid, int)
        assert_type((yield from signal.sigtimedwait([2], 1)) is None, bool)
    assert_type((yield from green_time.sleep(0.1)), None)


# ---- threading, queue, _thread -------------------------------------------------------------------


def work(a: int) -> Green[None]:
    yield from green_time.sleep(a)


def threads() -> Green[None]:
    thread = threading.Thread(target=work, args=(1,))
    thread.start()
    assert_type((yield from thread.join(1)), None)
    assert_type(thread.is_alive(), bool)
    timer = threading.Timer(1, work, [1])
    timer.cancel()
    assert_type(threading.current_thread(), threading.Thread)
    assert_type(threading.main_thread(), threading.Thread)
    assert_type(threading.enumerate(), List[threading.Thread])
    assert_type((threading.active_count(), threading.get_ident()), Tuple[int, int])
    assert_type(_thread.start_new_thread(work, (1,)), int)
    assert_type(_thread.get_ident(), int)
    data = threading.local()
    data.anything = 1


def ends() -> NoReturn:
    _thread.exit()


def uses_excepthook(args: threading.ExceptHookArgs) -> None:
    threading.excepthook(args)


def locks(lock: threading.Lock, rlock: threading.RLock, cond: threading.Condition) -> Green[None]:
    assert_type((yield from lock.acquire(True, 1)), bool)
    assert_type((yield from lock.hold()), ContextManager[None])
    with (yield from rlock.hold()):
        pass
    with (yield from cond.hold()):
        assert_type((yield from cond.wait(1)), bool)
        cond.notify_all()
    semaphore: threading.Semaphore = threading.BoundedSemaphore(2)
    with (yield from semaphore.hold()):
        semaphore.release(1)
    event = threading.Event()
    assert_type((yield from event.wait(1)), bool)
    assert_type((yield from threading.Barrier(2).wait()), int)
    bare = _thread.allocate_lock()
    assert_type((yield from bare.acquire()), bool)
    reentrant: _thread.RLock = _thread.RLock()
    kinds = (
        (_thread.LockType, _thread.lock) if sys.version_info >= (3, 13) else (_thread.LockType,)
    )
    assert isinstance(bare, kinds)
    yield from reentrant.acquire()


def queues(line: queue.Queue[int], simple: queue.SimpleQueue[str]) -> Green[None]:
    assert_type((yield from line.put(1, timeout=1)), None)
    assert_type((yield from line.get(timeout=1)), int)
    assert_type(line.get_nowait(), int)
    assert_type((yield from line.join()), None)
    simple.put("x")
    assert_type((yield from simple.get()), str)
    others: List[queue.Queue[int]] = [queue.LifoQueue(), queue.PriorityQueue()]
    assert_type(others[0].qsize(), int)
