"""Whatever is done to a green socket has the outcome it has on the standard library's."""

# A script is a list of steps, each done by one of two connected ends, strictly one after the other,
# so whether a step would wait is settled before it is taken: `quiet` lets the system deliver what is
# on its way, and the descriptor is polled.  A step that would wait for ever is not taken on the
# standard library's socket; on the green one it is, must park, and is killed.

from __future__ import annotations

import fcntl
import os
import select
import socket as real
import struct
import sys
import time
from contextlib import ExitStack
from typing import Any, Callable, Dict, Generator, List, NamedTuple, Tuple

import pytest

import genlet
from genlet._compat import IS_PYPY, POLLRDHUP
from genlet.abc import Green
from genlet.green import socket as green

if not sys.platform.startswith("linux"):
    pytest.skip("the outcomes of other systems depend on timing", allow_module_level=True)
if IS_PYPY:
    pytest.skip(
        "CPython's is the law: PyPy's own asks the system more often", allow_module_level=True
    )
hypothesis: Any = pytest.importorskip("hypothesis")
st: Any = pytest.importorskip("hypothesis.strategies")

pytestmark = pytest.mark.slow

SIOCOUTQNSD = 0x894B  # bytes that are still to be sent; on loopback sending is delivering
GONE = select.POLLERR | select.POLLHUP
SHORT = 0.002  # seconds


class Step(NamedTuple):
    """What one end does; `waits` tells which of poll's events it would wait for, 0 for none."""

    end: int
    name: str
    args: Tuple[Any, ...] = ()
    waits: int = 0

    def __repr__(self) -> str:
        return f"{self.end}.{self.name}{self.args!r}"


# ---- two ends, of either kind ---------------------------------------------------------------------


def tcp() -> Tuple[real.socket, real.socket]:
    with real.create_server(("127.0.0.1", 0)) as listener:
        client = real.create_connection(listener.getsockname())
        server, _ = listener.accept()
    for sock in (client, server):
        sock.setsockopt(real.IPPROTO_TCP, real.TCP_NODELAY, 1)
    return client, server


def udp() -> Tuple[real.socket, real.socket]:
    one = real.socket(type=real.SOCK_DGRAM)
    other = real.socket(type=real.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    other.bind(("127.0.0.1", 0))
    one.connect(other.getsockname())
    other.connect(one.getsockname())
    return one, other


def unix() -> Tuple[real.socket, real.socket]:
    return real.socketpair()


def unix_datagrams() -> Tuple[real.socket, real.socket]:
    return real.socketpair(real.AF_UNIX, real.SOCK_DGRAM)


class World:
    """Two ends, and what to do with them."""

    def __init__(self, pair: Callable[[], Tuple[real.socket, real.socket]], kind: str) -> None:
        pairs = pair()
        self.is_tcp: bool = pair is tcp
        self.names: List[Any] = [sock.getsockname() for sock in pairs]
        self.ends: List[Any] = list(pairs)
        if kind == "green":
            self.ends = [green.socket(sock=sock) for sock in pairs]
        self.owned: ExitStack = ExitStack()
        for sock in self.ends:
            self.owned.callback(sock.close)

    def action(self, step: Step) -> Callable[[], Any]:
        """Return what takes *step*: it gives the outcome, or a generator for it."""
        end = self.ends[step.end]
        own: Dict[str, Callable[..., Any]] = {
            "reset": self.reset,
            "detach": self.detach,
            "address": self.address,
            "receive_into": self.receive_into,
            "read": self.read,
            "reconnect": self.reconnect,
        }
        if step.name in own:
            return lambda: own[step.name](step.end, *step.args)
        return lambda: getattr(end, step.name)(*step.args)

    def reset(self, end: int) -> Any:
        sock = self.ends[end]
        sock.setsockopt(real.SOL_SOCKET, real.SO_LINGER, struct.pack("ii", 1, 0))
        return sock.close()

    def detach(self, end: int) -> bool:
        number = self.ends[end].detach()
        if number >= 0:
            os.close(number)
        return bool(number >= 0)

    def address(self, end: int, which: str) -> Any:
        return self.names.index(getattr(self.ends[end], which)())

    def receive_into(self, end: int, size: int, nbytes: int, flags: int) -> Any:
        buffer = bytearray(size)
        call = self.ends[end].recv_into(buffer, nbytes, flags)
        if not isinstance(call, int):
            call = yield from call
        return call, bytes(buffer)

    def reconnect(self, end: int, how: str) -> Any:
        return getattr(self.ends[end], how)(self.names[1 - end])

    def read(self, end: int, method: str, *args: int) -> Any:
        """Read from an unbuffered file, and close it."""
        with self.ends[end].makefile("rb", 0) as file:
            call = getattr(file, method)(*args)
            if isinstance(call, Generator):
                call = yield from call
            return call

    def quiet(self) -> None:
        """Wait until everything that was sent, an end or a reset included, has arrived."""
        if not self.is_tcp:
            return
        deadline = time.monotonic() + 1
        open_ends = [sock for sock in self.ends if sock.fileno() >= 0]
        for sock in open_ends:
            while time.monotonic() < deadline:
                events = poll(sock, select.POLLIN | POLLRDHUP)
                if events & GONE or (
                    (len(open_ends) == 2 or events & POLLRDHUP)
                    and not struct.unpack("i", fcntl.ioctl(sock, SIOCOUTQNSD, bytes(4)))[0]
                ):
                    break
                time.sleep(0.0005)

    def undecided(self, step: Step) -> bool:
        """Whether the outcomes differ on purpose.

        With a timeout the standard library polls before it tries, and waits in vain where the call
        itself would say at once that it is wrong: urgent data that nobody has announced.  And its
        raw files say None where green ones, whose results are numbers and bytes, raise
        BlockingIOError.
        """
        timeout = self.ends[step.end].gettimeout()
        if step.name == "read":
            return bool(timeout == 0)
        urgent = real.MSG_OOB in step.args and step.name != "shutdown"
        return urgent and bool(timeout)

    def waits(self, step: Step) -> bool:
        """Whether *step* would wait for ever."""
        end = self.ends[step.end]
        if not step.waits or end.fileno() < 0 or end.gettimeout() is not None:
            return False
        return not poll(end, step.waits)


def poll(sock: Any, events: int) -> int:
    poller = select.poll()
    poller.register(sock.fileno(), events)
    return sum(mask for _, mask in poller.poll(0))


def outcome(value: object, world: World) -> object:
    """Return what two runs can be compared by: an error's type and number, an end for its address."""
    if isinstance(value, BaseException):
        return type(value).__name__, getattr(value, "errno", None)
    if isinstance(value, tuple) and value[-1] in world.names:
        return (*value[:-1], world.names.index(value[-1]))
    return value


# ---- the two runs ---------------------------------------------------------------------------------


def plain_run(pair: Callable[[], Any], script: List[Step]) -> List[object]:
    outcomes: List[object] = []
    world = World(pair, "plain")
    with world.owned:
        for step in script:
            world.quiet()
            if world.undecided(step):
                continue
            if world.waits(step):
                outcomes.append("waits")
                continue
            try:
                result = world.action(step)()
                if isinstance(result, Generator):
                    result = drive(result)
            except Exception as exc:
                result = exc
            outcomes.append(outcome(result, world))
    return outcomes


def drive(call: Generator[Any, Any, Any]) -> Any:
    try:
        next(call)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("nothing is green here")


def green_run(pair: Callable[[], Any], script: List[Step]) -> List[object]:
    def take(step: Step, world: World) -> Green[object]:
        result = world.action(step)()
        while isinstance(result, Generator):
            result = yield from result
        return result

    def main() -> Green[List[object]]:
        outcomes: List[object] = []
        world = World(pair, "green")
        with world.owned, genlet.fail_after(20):
            for step in script:
                world.quiet()
                if world.undecided(step):
                    continue
                if world.waits(step):
                    gt = genlet.spawn(take, step, world)
                    for _ in range(4):
                        yield from genlet.sleep(0)
                    outcomes.append("waits" if gt.waiting_on else "does not wait")
                    yield from gt.kill()
                    continue
                result: object
                try:
                    result = yield from take(step, world)
                except Exception as exc:
                    result = exc
                outcomes.append(outcome(result, world))
        return outcomes

    return genlet.run(main)


# ---- scripts --------------------------------------------------------------------------------------


def steps(stream: bool) -> Any:
    ends = st.sampled_from([0, 1])
    data = st.sampled_from([b"", b"x", b"line\n", b"abc" * 30, bytes(3000)])
    sizes = st.sampled_from([-1, 0, 1, 5, 64, 4096])
    some = st.sampled_from([1, 5, 64, 4096])  # recvmsg and recvfrom of nothing wait or not
    flags = st.sampled_from(
        [0, 0, 0, real.MSG_PEEK, real.MSG_DONTWAIT, real.MSG_OOB if stream else 0]
    )
    # Shut for reading, a datagram socket has an end only for the system's own blocking calls: one
    # with a timeout waits for it in vain, the standard library's as well.
    ways = [real.SHUT_RD, real.SHUT_WR, real.SHUT_RDWR] if stream else [real.SHUT_WR]
    reads, room = select.POLLIN, select.POLLOUT

    def step(name: str, *args: Any, waits: int = 0) -> Any:
        return st.builds(Step, ends, st.just(name), st.tuples(*args), st.just(waits))

    def receiving(name: str, *args: Any) -> Any:
        """Flags that never wait, and sizes that are wrong or nothing, are tried in any case."""

        def build(end: int, args: Tuple[Any, ...]) -> Step:
            at_once = args[-1] & (real.MSG_DONTWAIT | real.MSG_OOB) or args[0] in (-1, 0)
            return Step(end, name, args, 0 if at_once else reads)

        return st.builds(build, ends, st.tuples(*args))

    sending = st.one_of(
        step("send", data, waits=room),
        step("send", data, st.just(real.MSG_DONTWAIT)),
        step("sendall", data, waits=room),
        step("sendall", st.just(bytearray(b"array")), waits=room),
        step("sendmsg", st.tuples(data, data), waits=room),
    )
    receive = st.one_of(
        receiving("recv", sizes, flags),
        receiving("recvfrom", some, flags),
        receiving("recvmsg", some, st.just(0), flags),
        receiving("receive_into", some, st.sampled_from([0, 1]), flags),
        step("receive_into", st.just(2), st.just(5), st.just(0)),
        step("receive_into", st.just(0), st.just(0), st.just(0)),
        step("read", st.just("read"), st.sampled_from([1, 5, 4096]), waits=reads),
    )
    times = st.sampled_from([None, 0, 0.0, SHORT, True, -1, float("nan"), float("inf"), "soon"])
    asking = st.one_of(
        step("settimeout", st.sampled_from([None, 0, SHORT])),
        step("settimeout", times),
        step("setblocking", st.booleans()),
        step("gettimeout"),
        step("getblocking"),
        step("address", st.just("getpeername")),
        step("address", st.just("getsockname")),
        step("get_inheritable"),
        step("getsockopt", st.just(real.SOL_SOCKET), st.just(real.SO_TYPE)),
    )
    wrong = st.one_of(
        step("recv", st.sampled_from(["x", 1.5, None])),
        step("recv", st.just(1), st.just("x")),
        step("send", st.sampled_from(["text", None, 5])),
        step("sendall", st.sampled_from(["text", None, 5])),
        step("sendto", st.just(b"x")),
        step("connect", st.sampled_from([5, (), ("127.0.0.1",)])),
        step("bind", st.just(5)),
        step("shutdown", st.just(7)),
        step("makefile", st.just("x")),
    )
    ending = st.one_of(
        step("shutdown", st.sampled_from(ways)),
        step("shutdown", st.just(real.SHUT_WR)),
        step("close"),
        step("detach"),
        step("reset"),
    )
    all_ways = [sending, sending, receive, receive, receive, asking, wrong, ending]
    if stream:
        all_ways.append(step("accept"))
        all_ways.append(step("reconnect", st.sampled_from(["connect", "connect_ex"])))
    return st.lists(st.one_of(*all_ways), max_size=25)


@pytest.mark.parametrize("pair", [tcp, unix, udp, unix_datagrams])
def test_a_script_has_the_outcomes_it_has_on_blocking_sockets(pair: Callable[[], Any]) -> None:
    """Results, types of errors and their numbers are the standard library's, step by step."""

    def check(script: List[Step]) -> None:
        assert green_run(pair, script) == plain_run(pair, script)

    settings = hypothesis.settings(
        max_examples=200,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    settings(hypothesis.given(steps(stream=pair in (tcp, unix)))(check))()
