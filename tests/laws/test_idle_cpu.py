"""A wait costs nothing: no kind of wait polls or spins, on any hub."""

from __future__ import annotations

import os
import select as plain_select
import signal as plain_signal
import socket as plain
import sys
import time
from contextlib import ExitStack, contextmanager
from threading import Event as Flag
from typing import Any, Callable, Dict, Generator, Iterator, Sequence

import pytest

import genlet
from genlet import tpool
from genlet.abc import Green, Op, green
from genlet.green import dns, queue, select, selectors, signal, socket, ssl, subprocess, threading
from genlet.green import os as green_os
from genlet.kernel import available_hubs
from tests.green.certificates import certificates

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")

# Seconds of each wait.  Spinning would use all of them, and a third is allowed.  A run that is not warm,
# or an interpreter that compiles, can use more than that of the first, so the last decides.
BOUNDS = (0.15, 1.5)


class Begin:
    """Starts the waits together, once all of them are prepared, and measures what they use."""

    def __init__(self, count: int, bound: float) -> None:
        self.bound = bound
        self._barrier = genlet.Barrier(count)
        self._start: float = 0
        self.used: float = 0

    def __call__(self, op: Op[object]) -> Green[None]:
        """Wait for what does not come, until the bound; by then everything is prepared."""
        yield from self._barrier.wait()
        self._start = self._start or time.process_time()
        began = time.monotonic()
        with genlet.move_on_after(self.bound):
            yield from op
        self.used = time.process_time() - self._start
        assert time.monotonic() - began > self.bound * 0.9, "this was no wait"


# ---- sockets --------------------------------------------------------------------------------------


def fill(sock: socket.socket) -> Green[None]:
    """Send until there is no room left."""
    sock.settimeout(0)
    try:
        while True:
            yield from sock.send(bytes(16384))
    except (BlockingIOError, ssl.SSLWantWriteError):
        sock.settimeout(None)


def recv(begin: Begin) -> Green[None]:
    one, other = socket.socketpair()
    with one, other:
        yield from begin(one.recv(1))


def recv_with_a_timeout(begin: Begin) -> Green[None]:
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(10)
        yield from begin(one.recv(1))


def recvmsg(begin: Begin) -> Green[None]:
    one, other = socket.socketpair(type=plain.SOCK_DGRAM)
    with one, other:
        yield from begin(one.recvmsg(1))


def send(begin: Begin) -> Green[None]:
    one, other = socket.socketpair()
    with one, other:
        yield from fill(one)
        yield from begin(one.send(b"x"))


def sendall(begin: Begin) -> Green[None]:
    one, other = socket.socketpair()
    with one, other:
        yield from begin(one.sendall(bytes(10_000_000)))


def accept(begin: Begin) -> Green[None]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield from begin(listener.accept())


def connect(begin: Begin) -> Green[None]:
    """The backlog is full, so what the client sends is dropped and sent again later."""
    with ExitStack() as stack:
        listener = stack.enter_context(plain.create_server(("127.0.0.1", 0), backlog=1))
        for _ in range(8):
            sock = stack.enter_context(plain.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield from genlet.sleep(0.01)
        late = stack.enter_context(socket.socket())
        yield from begin(late.connect(listener.getsockname()))


def connect_to_a_full_unix_listener(begin: Begin) -> Green[None]:
    with ExitStack() as stack:
        listener = stack.enter_context(plain.socket(plain.AF_UNIX))
        listener.bind(f"\0genlet-idle-{os.getpid()}")
        listener.listen(0)
        error = 0
        while not error:
            sock = stack.enter_context(plain.socket(plain.AF_UNIX))
            sock.setblocking(False)
            error = sock.connect_ex(listener.getsockname())
        late = stack.enter_context(socket.socket(plain.AF_UNIX))
        yield from begin(late.connect(listener.getsockname()))


def makefile_readline(begin: Begin) -> Green[None]:
    one, other = socket.socketpair()
    with one, other, one.makefile("rb") as file:
        yield from other.sendall(b"half of a line")
        yield from begin(file.readline())


def look_up(begin: Begin) -> Green[None]:
    yield from begin(socket.getaddrinfo("slow.example", 80))


# ---- TLS ------------------------------------------------------------------------------------------


@contextmanager
def tls() -> Generator[Sequence[ssl.SSLSocket], None, None]:
    """A client and a server that have not shaken hands yet."""
    made = certificates()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(made.server, made.server_key)
    asking = ssl.create_default_context(cafile=made.authority)
    one, other = plain.socketpair()
    with (
        asking.wrap_socket(one, server_hostname="localhost") as client,
        serving.wrap_socket(other, server_side=True) as server,
    ):
        yield client, server


def tls_handshake(begin: Begin) -> Green[None]:
    with tls() as (client, _):
        yield from begin(client.do_handshake())


def tls_handshake_of_a_server(begin: Begin) -> Green[None]:
    with tls() as (_, server):
        yield from begin(server.recv(1))


def tls_recv(begin: Begin) -> Green[None]:
    with tls() as (client, server):
        yield from genlet.gather(client.do_handshake(), server.do_handshake())
        yield from begin(client.recv(1))


def tls_send(begin: Begin) -> Green[None]:
    with tls() as (client, server):
        yield from genlet.gather(client.do_handshake(), server.do_handshake())
        yield from fill(client)
        yield from begin(client.sendall(bytes(100_000)))


def tls_recv_with_something_to_send(begin: Begin) -> Green[None]:
    """The receiver waits for both sides."""
    with tls() as (client, server):
        yield from genlet.gather(client.do_handshake(), server.do_handshake())
        yield from fill(client)
        yield from begin(client.recv(1))


def tls_both(begin: Begin) -> Green[None]:
    with tls() as (client, server):
        yield from genlet.gather(client.do_handshake(), server.do_handshake())
        yield from fill(client)
        yield from begin(genlet.gather(client.recv(1), client.sendall(b"x")))


# ---- descriptors ----------------------------------------------------------------------------------


@contextmanager
def pipe() -> Generator[Sequence[int], None, None]:
    reading, writing = green_os.pipe()
    try:
        yield reading, writing
    finally:
        green_os.close(reading)
        green_os.close(writing)


def os_read(begin: Begin) -> Green[None]:
    with pipe() as (reading, _):
        yield from begin(green_os.read(reading, 1))


def os_write(begin: Begin) -> Green[None]:
    with pipe() as (_, writing):
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, bytes(4096))
        except BlockingIOError:
            pass
        yield from begin(green_os.write(writing, bytes(4096)))


def file_readline(begin: Begin) -> Green[None]:
    with pipe() as (reading, writing), green_os.fdopen(os.dup(reading), "rb") as file:
        os.write(writing, b"half of a line")
        yield from begin(file.readline())


def select_select(begin: Begin) -> Green[None]:
    with pipe() as (reading, _):
        yield from begin(select.select([reading], [], [reading]))


def select_with_a_timeout(begin: Begin) -> Green[None]:
    with pipe() as (reading, _):
        yield from begin(select.select([reading], [], [], begin.bound))


def select_of_the_hung_up(begin: Begin) -> Green[None]:
    """What the system reports all the time, and nobody has asked for."""
    one, other = plain.socketpair()
    with one, other:
        one.setblocking(False)
        try:
            while True:
                one.send(bytes(65536))
        except BlockingIOError:
            pass
        other.shutdown(plain.SHUT_WR)
        poll = select.poll()
        poll.register(one, plain_select.POLLOUT)
        yield from begin(poll.poll())


def select_poll(begin: Begin) -> Green[None]:
    with pipe() as (reading, _):
        poll = select.poll()
        poll.register(reading, plain_select.POLLIN)
        yield from begin(poll.poll())


def select_epoll(begin: Begin) -> Green[None]:
    with pipe() as (reading, _), select.epoll() as epoll:
        epoll.register(reading, plain_select.EPOLLIN)
        yield from begin(epoll.poll())


def selector(begin: Begin) -> Green[None]:
    with pipe() as (reading, _), selectors.DefaultSelector() as chosen:
        chosen.register(reading, selectors.EVENT_READ)
        yield from begin(chosen.select())


# ---- processes and signals ------------------------------------------------------------------------


def signal_wait(begin: Begin) -> Green[None]:
    with signal.receive(plain_signal.SIGUSR2) as signals:
        yield from begin(signals.next())


def process(begin: Begin, wait: Callable[[Any], Op[object]]) -> Green[None]:
    child = subprocess.Popen(["sleep", "60"], stdout=subprocess.PIPE)
    try:
        yield from begin(wait(child))
    finally:
        child.kill()
        yield from child.finish()


def process_wait(begin: Begin) -> Green[None]:
    return process(begin, lambda child: child.wait())


def process_wait_with_a_timeout(begin: Begin) -> Green[None]:
    return process(begin, lambda child: child.wait(timeout=60))


def process_communicate(begin: Begin) -> Green[None]:
    return process(begin, lambda child: child.communicate())


def waitpid(begin: Begin) -> Green[None]:
    return process(begin, lambda child: green_os.waitpid(child.pid, 0))


# ---- time, threads and greenthreads ---------------------------------------------------------------


def event_wait(begin: Begin) -> Green[None]:
    yield from begin(threading.Event().wait())


def event_wait_with_a_timeout(begin: Begin) -> Green[None]:
    yield from begin(threading.Event().wait(60))


def queue_get(begin: Begin) -> Green[None]:
    yield from begin(queue.Queue[int]().get())


def queue_get_with_a_timeout(begin: Begin) -> Green[None]:
    yield from begin(queue.Queue[int]().get(timeout=60))


def thread(begin: Begin) -> Green[None]:
    yield from begin(tpool.execute(time.sleep, begin.bound))


def sleep(begin: Begin) -> Green[None]:
    yield from begin(genlet.sleep(60))


def sleep_less_than_a_millisecond(begin: Begin) -> Green[None]:
    """The pollers count milliseconds: what is left of one must not be spun through."""

    @green
    def naps() -> Green[None]:
        while True:
            yield from genlet.sleep(0.0009)

    yield from begin(naps())


def sleep_with_a_remainder(begin: Begin) -> Green[None]:
    @green
    def naps() -> Green[None]:
        while True:
            yield from genlet.sleep(0.0209)

    yield from begin(naps())


KINDS: Dict[str, Callable[[Begin], Green[None]]] = {
    kind.__name__: kind
    for kind in (
        *(recv, recv_with_a_timeout, recvmsg, send, sendall, accept, connect),
        *(connect_to_a_full_unix_listener, makefile_readline, look_up),
        *(tls_handshake, tls_handshake_of_a_server, tls_recv, tls_send),
        *(tls_recv_with_something_to_send, tls_both),
        *(os_read, os_write, file_readline),
        *(select_select, select_with_a_timeout, select_of_the_hung_up, select_poll),
        *(select_epoll, selector),
        *(signal_wait, process_wait, process_wait_with_a_timeout, process_communicate, waitpid),
        *(event_wait, event_wait_with_a_timeout, queue_get, queue_get_with_a_timeout),
        *(thread, sleep, sleep_less_than_a_millisecond, sleep_with_a_remainder),
    )
}


def used(bound: float, *names: str) -> float:
    """Return the processor time that these kinds of waits use, all at once."""
    begin = Begin(len(names), bound)

    def main() -> Green[None]:
        with genlet.fail_after(60):
            yield from genlet.gather(*(KINDS[name](begin) for name in names))

    genlet.run(main)
    return begin.used


@pytest.fixture(autouse=True)
def slow_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looking a name up takes as long as a wait does; threads are dismissed in the end."""
    real = dns.libc_getaddrinfo
    over = Flag()

    def slow(host: Any, port: Any, family: int, type: int, proto: int, flags: int) -> Any:
        if not flags & plain.AI_NUMERICHOST:
            over.wait(BOUNDS[-1])
            host = "127.0.0.1"
        return real(host, port, family, type, proto, flags)

    monkeypatch.setattr(dns, "libc_getaddrinfo", slow)
    dns.set_resolver("thread")
    yield
    over.set()
    dns.set_resolver()
    tpool.killall()


def uses(*names: str) -> str:
    """Return what these waits use if it is too much, else nothing."""
    said = ""
    for bound in BOUNDS:
        spent = used(bound, *names)
        if spent < bound / 3:
            return ""
        said = f"{spent:.3f} s of processor time in {bound} s"
    return said


@pytest.mark.parametrize("hub", available_hubs())
def test_waits_of_every_kind_together_use_next_to_no_processor_time(hub: str) -> None:
    """However many wait, for whatever: the processor is idle meanwhile."""
    genlet.use_hub(hub)
    try:
        spent = uses(*KINDS)
        if spent:  # say whose fault it is
            alone = {name: uses(name) for name in KINDS}
            guilty = {name: more for name, more in alone.items() if more}
            pytest.fail(f"waiting used {spent}; alone: {guilty}")
    finally:
        genlet.use_hub(None)


@pytest.mark.parametrize("name", KINDS)
def test_a_wait_alone_uses_next_to_no_processor_time(name: str) -> None:
    """No other wait hides that one spins until its own comes."""
    assert not uses(name)
