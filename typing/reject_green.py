# pyright: reportUnusedCallResult=true
"""What type checkers must refuse of genlet.green, genlet.net and the bridges to async def."""

from __future__ import annotations

import sys
from typing import List, Tuple

import genlet
from genlet import Green, drive, run
from genlet.green import _thread, io, os, queue, selectors, signal, ssl, subprocess, threading
from genlet.green import select as green_select
from genlet.green import socket as sockets
from genlet.green import time as green_time
from genlet.net import Listener, Stream, connect, connect_unix, listen, listen_unix, serve
from genlet.testing import cancel_everywhere

assert sys.platform != "win32"  # where there is no genlet.green.os, nor subprocess


def plain(stream: Stream) -> None: ...


def work(a: int) -> Green[int]:
    yield from genlet.sleep(a)
    return a


# ---- calls whose `yield from` was forgotten --------------------------------------------------------


def forgets(
    sock: sockets.socket, stream: Stream, lock: threading.Lock, r: io.BufferedReader
) -> Green[None]:
    sock.sendall(b"x")  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    sock.connect(("h", 80))  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    stream.finish()  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    stream.send_all(b"x")  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    lock.acquire()  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    r.readline()  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    os.write(1, b"x")  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    green_time.sleep(1)  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    green_select.select([], [], [])  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    subprocess.run(["ls"])  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    subprocess.call(["ls"])  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    threading.Event().wait()  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    threading.Thread(target=work).join()  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    queue.Queue[int]().put(1)  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    serve(plain_green, listen(None, 0))  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    connect("h", 1)  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    genlet.connect(("h", 1))  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    drive(native())  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    yield from genlet.sleep(0)


def plain_green(stream: Stream) -> Green[None]:
    yield from stream.finish()


async def native() -> int:
    return 1


def uses(
    sock: sockets.socket, stream: Stream, tls: ssl.SSLSocket, r: io.BufferedReader
) -> Green[None]:
    data: bytes = sock.recv(1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    line: bytes = stream.read_line()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    text: str = r.readline()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    conn, _ = sock.accept()  # of two traps, to a type checker
    conn.close()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    with connect("h", 1):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    with sockets.create_connection(("h", 1)):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    stream.read_line().strip()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    len(tls.read(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
    subprocess.run(["ls"]).stdout  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    subprocess.check_output(["ls"]).decode()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    if stream.receive():  # type: ignore[truthy-bool]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    while not r.read(1):  # type: ignore[truthy-bool]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    print(data, line, text)
    yield from genlet.sleep(0)


# ---- what a loop and a block cannot do -------------------------------------------------------------


def idioms(
    lock: threading.Lock,
    r: io.BufferedReader,
    text: io.TextIOWrapper,
    stream: Stream,
    listener: Listener,
    bare: _thread.RLock,
    semaphore: threading.Semaphore,
    cond: threading.Condition,
) -> Green[None]:
    with lock:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    with bare:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    with semaphore:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    with cond:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    with lock.hold():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    for a in r:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType, reportUnusedVariable]
        pass
    for b in text:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType, reportUnusedVariable]
        pass
    for c in stream.lines():  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType, reportUnusedVariable]
        pass
    for d in listener:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType, reportUnusedVariable]
        pass
    yield from genlet.sleep(0)


# ---- wrong arguments and results -------------------------------------------------------------------


def arguments(
    sock: sockets.socket, stream: Stream, tls: ssl.SSLSocket, listener: Listener
) -> Green[None]:
    yield from sock.sendall("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from sock.recv("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from sock.sendto(b"x")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    yield from stream.send_all("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from stream.read_until("\n")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from stream.read_exactly()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    yield from tls.read(bytearray(1))  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    yield from connect("h")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    yield from connect("h", "80")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from connect("h", 80, timeout=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    yield from connect_unix(80)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    listen()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    listen_unix(80)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
    yield from serve(plain, listener)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from serve(plain_green(stream), listener)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from serve(plain_green, 80)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from serve(plain_green, listener, 10)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    yield from genlet.serve(listener, work)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from genlet.serve(sock, plain)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from os.read("x", 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from os.write(1, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from green_time.sleep("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    if sys.platform != "win32":
        yield from signal.sigwait(2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    signal.receive("SIGINT")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
    selectors.DefaultSelector().register(1.5, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
    sock.makefile("x").readline(1)  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnusedCallResult]


def starts() -> None:
    threading.Thread(target=plain)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
    threading.Thread(target=work(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
    threading.Timer(1, print)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
    _thread.start_new_thread(print, ())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
    _thread.start_new_thread(work, [1])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]


def results(
    sock: sockets.socket, line: queue.Queue[int], fifo: queue.SimpleQueue[int]
) -> Green[None]:
    a: sockets.socket = sock.makefile("rb")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    b: io.BufferedReader = sock.makefile("wb")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    c: io.TextIOWrapper = sock.makefile("rb")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    d: str = yield from sock.makefile("rb").read()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    e: bytes = yield from sock.makefile().readline()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    f: subprocess.Popen[str] = subprocess.Popen("ls")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    g: subprocess.Popen[bytes] = subprocess.Popen("ls", text=True)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    h: str = (yield from subprocess.run("ls")).stdout.strip(b"x")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    i: bytes = yield from subprocess.check_output("ls", text=True)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    yield from subprocess.Popen("ls").communicate("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    subprocess.Popen("ls", no_such_option=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportUnusedCallResult]
    yield from line.put("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    fifo.put("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    j: str = yield from line.get()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    k: List[int] = os.pipe()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    m: Tuple[bytes, str] = yield from os.waitpid(1, 0)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(a, b, c, d, e, f, g, h, i, j, k, m)


# ---- async def -------------------------------------------------------------------------------------


def drives() -> Green[None]:
    yield from drive(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from drive(native)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from drive(work(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    a: str = yield from drive(native())  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(a)
    genlet.awaitable(work)  # type: ignore[arg-type, unused-awaitable]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
    genlet.awaitable(native())  # type: ignore[arg-type, unused-awaitable]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]


async def awaits(sock: sockets.socket) -> None:
    a: str = await sock.recv(1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    await genlet.awaitable(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await work(1)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    print(a)


cancel_everywhere(work)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
cancel_everywhere(lambda: 1)  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
cancel_everywhere(lambda: work(1), how="close")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUnusedCallResult]
run(native)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
