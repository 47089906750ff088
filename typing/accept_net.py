# pyright: reportUnusedCallResult=false
"""What type checkers must make of genlet.net, eventlet's convenience and the bridges."""

from __future__ import annotations

from ssl import SSLContext
from types import ModuleType
from typing import Awaitable, List, NoReturn, Type, Union

from typing_extensions import assert_type

import genlet
from genlet import END, Green, Stopper, StopServe, awaitable, drive, hubs, patcher, tpool
from genlet.convenience import ReusePortUnavailableWarning, ReuseRandomPortWarning
from genlet.end import End
from genlet.green import socket as sockets
from genlet.green import ssl
from genlet.net import (
    ConnectError,
    ConnectRefused,
    ContextSource,
    IncompleteReadError,
    LimitOverrunError,
    Lines,
    Listener,
    Listeners,
    Stream,
    Transport,
    connect,
    connect_unix,
    inherited_listeners,
    listen,
    listen_unix,
    notify_systemd,
    serve,
    watch_for_systemd,
)


def converse(stream: Stream, context: ssl.SSLContext) -> Green[bytes]:
    assert_type((yield from stream.receive(10)), bytes)
    assert_type((yield from stream.read_exactly(10)), bytes)
    assert_type((yield from stream.read_until(b"\n")), bytes)
    assert_type((yield from stream.read_line()), bytes)
    assert_type((yield from stream.next()), Union[bytes, End])
    lines = stream.lines()
    assert_type(lines, Lines)
    while (line := (yield from lines.next())) is not END:
        assert_type(line, bytes)
    assert_type((yield from lines.collect()), List[bytes])
    assert_type((yield from stream.send_all(b"x", bytearray(1))), None)
    assert_type((yield from stream.start_tls(context, server_hostname="h")), Stream)
    assert_type(stream.buffered, int)
    stream.unread(b"x")
    yield from stream.send_eof()
    yield from stream.finish()
    with stream as same:
        assert_type(same, Stream)
    stream.close()
    return (yield from stream.read_all())


def connects(sock: sockets.socket, tls: ssl.SSLSocket) -> Green[None]:
    transports: List[Transport] = [sock, tls]
    assert_type(Stream(transports[0]), Stream)
    assert_type((yield from connect("h", 443, tls=True)), Stream)
    with (yield from connect_unix("/x")) as stream:
        assert_type(stream, Stream)


def failures(error: ConnectError, cut: IncompleteReadError, long: LimitOverrunError) -> None:
    assert isinstance(error, OSError)
    refused: List[ConnectionRefusedError] = []
    if isinstance(error, ConnectRefused):
        refused.append(error)
    assert_type(cut.partial, bytes)
    long.with_traceback(None)


def serves(stopper: Stopper, context: ssl.SSLContext) -> Green[None]:
    listeners = listen("localhost", 0)
    assert_type(listeners, Listeners)
    assert_type(listeners.port, int)
    assert_type(listeners[0], Listener)
    assert_type(listen_unix("/x"), Listener)
    assert_type(inherited_listeners(), Listeners)
    assert_type(notify_systemd("READY=1", "STATUS=fine"), bool)
    assert_type((yield from watch_for_systemd()), None)
    assert_type((yield from listeners[0].accept()), Stream)
    assert_type((yield from listeners[0].next()), Union[Stream, End])
    assert_type((yield from serve(handle, listeners, stopper=stopper, tls=context)), None)
    yield from serve(handle, listeners[0], on_error=reports)
    source = ContextSource(lambda: context)
    assert_type(source(), SSLContext)
    source.reload()
    yield from serve(handle, listeners, tls=source)


def handle(stream: Stream) -> Green[int]:
    yield from stream.send_all(b"x")
    return 1  # whatever a handler returns is dropped


def reports(stream: Stream, exc: BaseException) -> None: ...


# ---- eventlet's convenience ----------------------------------------------------------------------


def answers(client: sockets.socket, address: object) -> Green[None]:
    yield from client.sendall(b"x")
    raise StopServe


def eventlets() -> Green[None]:
    sock = genlet.listen(("", 0))
    assert_type(sock, sockets.socket)
    assert_type((yield from genlet.connect(("h", 80))), sockets.socket)
    assert_type((yield from genlet.serve(sock, answers, on_error="raise")), None)
    assert_type(genlet.wrap_ssl(sock, server_side=True), ssl.SSLSocket)
    warnings: List[Type[Warning]] = [ReusePortUnavailableWarning, ReuseRandomPortWarning]
    warnings.clear()


# ---- bridges -------------------------------------------------------------------------------------


async def native(a: int) -> str:
    assert_type(await awaitable(count(a)), int)
    return str(a)


def count(a: int) -> Green[int]:
    yield from genlet.sleep(0)
    return a


def bridges(waiting: Awaitable[bytes]) -> Green[None]:
    assert_type((yield from drive(native(1))), str)
    assert_type((yield from drive(waiting)), bytes)
    assert_type((yield from drive(genlet.sleep(1))), None)
    bridge = awaitable(count(1))
    assert_type((yield from drive(bridge)), int)


# ---- hubs, patcher and the rest ------------------------------------------------------------------


def hubs_(sock: sockets.socket) -> Green[None]:
    hubs.notify_close(sock)
    hubs.notify_opened(3)
    assert_type(hubs.get_default_hub(), str)
    hubs.use_hub("poll")
    print(hubs.get_hub())
    assert_type((yield from hubs.trampoline(sock, read=True)), None)
    assert_type(tpool.statistics(), tpool.Statistics)


def patches() -> None:
    assert_type(patcher.is_monkey_patched("socket"), bool)
    assert_type(patcher.original("socket"), ModuleType)


def monkey() -> NoReturn:
    patcher.monkey_patch(os=True)


def imports() -> NoReturn:
    patcher.import_patched("urllib")


def injects() -> NoReturn:
    patcher.inject("urllib", None)
