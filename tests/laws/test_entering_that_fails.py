"""A wait that cannot be armed and a block that cannot be entered leave nothing behind."""

# Arming a wait joins a line, registers a descriptor and sets a timer.  Each of these may fail: the
# clock, the poller and the primitive may be the user's.  What was done by then is undone, and the
# error is raised at the line of the wait.

from __future__ import annotations

import errno
import os
import select as system
import socket as real
from contextlib import contextmanager, nullcontext
from time import monotonic
from typing import (
    Any,
    Callable,
    ContextManager,
    Dict,
    Iterator,
    List,
    Optional,
    Tuple,
    TypeVar,
    cast,
)

import pytest

import genlet
from genlet import Green, tpool
from genlet.green.socket import socket
from genlet.kernel import (
    POLLIN,
    POLLOUT,
    AnyGreenThread,
    Wait,
    Waiters,
    available_hubs,
    get_scheduler,
    wait_fd,
)
from genlet.kernel.state import Suspension

from .moments import drain, fill, greened, outcome, parked, start

T = TypeVar("T")

SOON = 0.001  # seconds: of the calls that are not made to fail


class ClockError(Exception):
    """What the clock under test raises, or an arming."""


class Clock:
    """Fails when the victim has read it a given number of times."""

    def __init__(self) -> None:
        self.victim: Optional[AnyGreenThread] = None
        self.looks: int = 0  # until it fails; 0 for never

    def failing(self) -> ContextManager[None]:
        """Return a block in which nothing else fails than what this is."""
        return nullcontext()

    def __call__(self) -> float:
        if self.looks:
            try:
                current = genlet.getcurrent()
            except RuntimeError:
                return monotonic()  # between two steps: the loop looks
            if current is self.victim:
                self.count()
        return monotonic()

    def count(self) -> None:
        if self.looks:
            self.looks -= 1
            if not self.looks:
                raise ClockError


class Arming(Clock):
    """Never fails as a clock; an arming of the victim's fails when all of it is done."""

    def __call__(self) -> float:
        return monotonic()

    @contextmanager
    def failing(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for cls in traps():
                if "arm" in vars(cls):
                    patch.setattr(cls, "arm", self._behind(vars(cls)["arm"]))
            yield

    def _behind(self, arm: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def armed(trap: Any, gt: Any) -> None:
            arm(trap, gt)
            if gt is self.victim:
                self.count()

        return armed


def traps(cls: Any = Suspension) -> Iterator[Any]:
    """Yield the subclasses of *cls*."""
    for one in cls.__subclasses__():
        yield one
        yield from traps(one)


# ---- a clock that fails ---------------------------------------------------------------------------

Attempt = Callable[[Callable[[], Green[object]]], Green[object]]
Scene = Callable[[Attempt], Green[None]]


def event(attempt: Attempt) -> Green[None]:
    event: genlet.Event[int] = genlet.Event()
    yield from attempt(lambda: event.wait(SOON))
    assert event.waiters == []
    later = yield from start(event.wait)
    assert event.waiters == [later]
    event.send(1)
    assert (yield from outcome(later)) == 1


def semaphore(attempt: Attempt) -> Green[None]:
    semaphore = genlet.Semaphore(0)
    yield from attempt(lambda: semaphore.acquire(timeout=SOON))
    assert semaphore.waiters == []
    assert semaphore.balance == 0
    semaphore.release()
    assert semaphore.balance == 1


def capped_acquire(attempt: Attempt) -> Green[None]:
    semaphore = genlet.CappedSemaphore(0, 1)
    yield from attempt(lambda: semaphore.acquire(timeout=SOON))
    assert semaphore.waiters == []
    semaphore.release_nowait()
    assert semaphore.counter == 1


def capped_release(attempt: Attempt) -> Green[None]:
    semaphore = genlet.CappedSemaphore(1, 1)
    yield from attempt(lambda: semaphore.release(timeout=SOON))
    assert semaphore.waiters == []
    semaphore.acquire_nowait()
    assert semaphore.counter == 0


def condition(attempt: Attempt) -> Green[None]:
    condition = genlet.Condition()

    def waiting() -> Green[object]:
        with (yield from condition.hold()):
            try:
                return (yield from condition.wait(SOON))
            finally:
                assert condition.locked()

    yield from attempt(waiting)
    assert condition.waiters == []
    assert not condition.locked()


def condition_for(attempt: Attempt) -> Green[None]:
    condition = genlet.Condition()

    def waiting() -> Green[object]:
        with (yield from condition.hold()):
            return (yield from condition.wait_for(lambda: False, SOON))

    yield from attempt(waiting)
    assert condition.waiters == []
    assert not condition.locked()


def barrier(attempt: Attempt) -> Green[None]:
    barrier = genlet.Barrier(2)
    yield from attempt(lambda: barrier.wait(SOON))
    assert barrier.n_waiting == 0
    if barrier.broken:  # nothing failed: the time was up
        barrier.reset()
    first = yield from start(barrier.wait)
    assert barrier.n_waiting == 1, "the first to come was let through"
    yield from barrier.wait()
    assert (yield from outcome(first)) == 0


def getting(attempt: Attempt) -> Green[None]:
    queue: genlet.Queue[int] = genlet.Queue()
    yield from attempt(lambda: queue.get(timeout=SOON))
    assert queue.getting() == 0
    queue.put_nowait(1)
    assert queue.qsize() == 1


def putting(attempt: Attempt) -> Green[None]:
    queue: genlet.Queue[int] = genlet.Queue(1)
    queue.put_nowait(1)
    yield from attempt(lambda: queue.put(2, timeout=SOON))
    assert queue.putting() == 0
    assert queue.get_nowait() == 1
    assert queue.empty()


def sleeping(attempt: Attempt) -> Green[None]:
    yield from attempt(lambda: genlet.sleep(SOON))


def timeout(attempt: Attempt) -> Green[None]:
    yield from attempt(lambda: genlet.with_timeout(SOON, genlet.sleep, 1000))


def in_scope(make: Callable[[], genlet.CancelScope]) -> Scene:
    def scene(attempt: Attempt) -> Green[None]:
        def inside() -> Green[object]:
            with genlet.move_on_after(1000):  # which must be left as if nothing had happened
                try:
                    with make():
                        yield from genlet.sleep(1000)
                except ClockError:
                    with make():
                        pass
                    raise
            return None

        yield from attempt(inside)

    return scene


def delayed(attempt: Attempt) -> Green[None]:
    def spawning() -> Green[object]:
        yield from ()
        genlet.spawn_after(SOON, genlet.sleep).cancel()
        return None

    yield from attempt(spawning)


def delayed_local(attempt: Attempt) -> Green[None]:
    def spawning() -> Green[object]:
        yield from ()
        genlet.spawn_after_local(SOON, genlet.sleep)
        return None

    yield from attempt(spawning)


def cancelling_with_grace(attempt: Attempt) -> Green[None]:
    scope = genlet.CancelScope(grace=1000)

    def inside() -> Green[object]:
        with scope:
            try:
                scope.cancel()
            finally:
                scope.cancel()  # if the first could not, this one does
            yield from genlet.sleep(1000)
        return None

    yield from attempt(inside)


def results(attempt: Attempt) -> Green[None]:
    pool = genlet.GreenPool(1)
    gate: genlet.Event[None] = genlet.Event()
    jobs = pool.imap(lambda _: gate.wait(), [1])
    yield from genlet.sleep(0)

    yield from attempt(lambda: genlet.with_timeout(SOON, jobs.next))
    gate.send(None)
    assert (yield from jobs.next()) is None


def on_a_thread(attempt: Attempt) -> Green[None]:
    pool = tpool.ThreadPool(1)
    try:
        yield from attempt(lambda: pool.execute(int))
        assert (yield from pool.execute(int)) == 0
    finally:
        pool.killall()


def by_number(attempt: Attempt) -> Green[None]:
    one, other = real.socketpair()
    with one, other:
        one.setblocking(False)
        yield from attempt(lambda: genlet.trampoline(one, read=True, timeout=SOON))
        reader = yield from start(lambda: wait_fd(one, POLLIN))
        yield from parked(reader)
        other.send(b"x")
        assert (yield from outcome(reader)) == POLLIN
        genlet.notify_close(one)


def by_number_of_ours(attempt: Attempt) -> Green[None]:
    ours, other = real.socketpair()
    with other, greened(ours) as sock:
        first = yield from start(sock.recv, 1)
        other.send(b"x")
        yield from first.wait()
        yield from attempt(lambda: genlet.trampoline(sock, read=True, timeout=SOON))
        reader = yield from start(sock.recv, 1)
        yield from parked(reader)
        other.send(b"y")
        assert (yield from outcome(reader)) == b"y"


def receiving(attempt: Attempt) -> Green[None]:
    ours, other = real.socketpair()
    with other, greened(ours) as sock:
        sock.settimeout(SOON)
        yield from attempt(lambda: sock.recv(1))
        sock.settimeout(None)
        reader = yield from start(sock.recv, 1)
        yield from parked(reader)
        other.send(b"y")
        assert (yield from outcome(reader)) == b"y"


def sending(attempt: Attempt) -> Green[None]:
    ours, other = real.socketpair()
    fill(ours)
    with other, greened(ours) as sock:
        sock.settimeout(SOON)
        yield from attempt(lambda: sock.sendall(b"x"))
        sock.settimeout(None)
        writer = yield from start(sock.sendall, b"y")
        yield from parked(writer)
        drain(other)
        assert (yield from outcome(writer)) is None


SCENES: List[Scene] = [
    event,
    semaphore,
    capped_acquire,
    capped_release,
    condition,
    condition_for,
    barrier,
    getting,
    putting,
    sleeping,
    timeout,
    delayed,
    delayed_local,
    cancelling_with_grace,
]
TO_BE_ARMED: List[Scene] = [
    *SCENES[: SCENES.index(delayed)],
    results,
    on_a_thread,
]
ON_EVERY_HUB: List[Scene] = [by_number, by_number_of_ours, receiving, sending]
SCOPES: Dict[str, Callable[[], genlet.CancelScope]] = {
    "move_on_after": lambda: genlet.move_on_after(SOON),
    "fail_after": lambda: genlet.fail_after(SOON),
    "shielded": lambda: genlet.shielded(SOON),
}


def check(scene: Scene, hub: Optional[str] = None, make: Callable[[], Clock] = Clock) -> None:
    """Play *scene* with a clock that fails at the first look of the victim, the second, and so on."""
    clock = make()
    failures = 0

    def attempt_at(look: int) -> Attempt:
        def attempt(call: Callable[[], Green[object]]) -> Green[object]:
            nonlocal failures

            def victim() -> Green[object]:
                clock.victim = genlet.getcurrent()
                clock.looks = look
                try:
                    return (yield from call())
                finally:
                    clock.looks = 0

            before = everybody()
            timers = len(get_scheduler().timers)
            gt: genlet.GreenThread[object] = genlet.spawn(victim)
            gt.link(lambda _: None)
            try:
                found: object = yield from gt.wait()
            except (Exception, genlet.Timeout) as exc:
                found = exc
            failures += isinstance(found, ClockError)
            yield from genlet.sleep(0)
            assert everybody() == before
            assert len(get_scheduler().timers) == timers
            return found

        return attempt

    for look in range(1, 100):
        before = failures

        def main(look: int = look) -> Green[None]:
            with genlet.fail_after(20):
                yield from genlet.sleep(0.0001)
                yield from scene(attempt_at(look))

        with clock.failing():
            genlet.Runner(clock=clock, hub=hub).run(main)
        if failures == before:
            break
    assert failures, "the clock was not looked at"


def everybody() -> List[AnyGreenThread]:
    return get_scheduler().everybody()


@pytest.mark.parametrize("scene", SCENES)
def test_a_wait_whose_arming_fails_leaves_nothing(scene: Scene) -> None:
    """No place in a line, no timer, no greenthread; the object serves the next as if new."""
    check(scene)


@pytest.mark.parametrize("hub", available_hubs())
@pytest.mark.parametrize("scene", ON_EVERY_HUB)
def test_a_wait_for_a_descriptor_whose_arming_fails_leaves_nothing(scene: Scene, hub: str) -> None:
    """It wakes no greenthread later, and the descriptor is free for the next wait."""
    check(scene, hub)


@pytest.mark.parametrize("scene", TO_BE_ARMED)
def test_an_error_behind_the_last_line_of_an_arming_leaves_nothing(scene: Scene) -> None:
    """What was armed is taken back, whoever raises the error that says it has failed."""
    check(scene, None, Arming)


@pytest.mark.parametrize("hub", available_hubs())
@pytest.mark.parametrize("scene", ON_EVERY_HUB)
def test_an_error_behind_the_arming_for_a_descriptor_leaves_nothing(
    scene: Scene, hub: str
) -> None:
    """The descriptor wakes nobody for whom it was armed."""
    check(scene, hub, Arming)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_whose_entering_fails_was_not_entered(scope: str) -> None:
    """The scopes around it are left in their order, and one like it can be entered next."""
    check(in_scope(SCOPES[scope]))


# ---- a primitive of the user's that fails ---------------------------------------------------------


class Refused(Exception):
    """What the wait under test raises when it is armed."""


class Refusing(Wait[None]):
    """Joins its line and sets its timer, and fails after that."""

    def arm(self, gt: Any) -> None:
        super().arm(gt)
        raise Refused


@pytest.mark.parametrize("seconds", [None, 1000])
def test_a_wait_that_fails_after_it_has_joined_its_line_leaves_it(
    seconds: Optional[float],
) -> None:
    """A primitive does not have to undo what the kernel's part of it has done."""

    def main() -> Green[None]:
        line: Waiters[None] = Waiters()
        timers = len(get_scheduler().timers)
        for _ in range(3):
            with pytest.raises(Refused):
                yield from Refusing(None, "nothing", line, seconds).get()
        assert len(line) == 0
        assert line.first() is None
        assert len(get_scheduler().timers) == timers
        later = yield from start(Wait(None, "a wake-up", line).get)
        assert len(line) == 1
        line.wake(None)
        assert (yield from outcome(later)) is None

    genlet.run(main)


class Woken(Wait[None]):
    """Is woken while it is armed, and fails after that."""

    def arm(self, gt: Any) -> None:
        super().arm(gt)
        self.wake(None)
        raise Refused


def test_a_wait_that_fails_after_it_was_woken_runs_once() -> None:
    """It is in the ready queue already: the error is raised, and its greenthread is not run twice."""

    def main() -> Green[int]:
        steps = 0
        try:
            yield from Woken(None, "nothing", Waiters()).get()
        except Refused:
            steps += 1
        for _ in range(3):
            yield from genlet.sleep(0)
            steps += 1
        return steps

    assert genlet.run(main) == 4


# ---- a poller that fails --------------------------------------------------------------------------


class Picky:
    """A poller that refuses a registration now and then, as a system at its limits does."""

    def __init__(self, edge: bool) -> None:
        self.edge: bool = edge
        self._poll: Any = system.epoll() if edge else system.poll()
        self._known: Dict[int, None] = {}
        self.calls: int = 0  # until one is refused; 0 for never
        self.refused: bool = False

    def _refuse(self) -> None:
        if self.calls:
            self.calls -= 1
            if not self.calls:
                self.refused = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def register(self, fd: int, mask: int) -> None:
        self._refuse()
        self._poll.register(fd, mask)
        self._known[fd] = None

    def modify(self, fd: int, mask: int) -> None:
        if not self.edge and fd not in self._known:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._refuse()
        self._poll.modify(fd, mask)

    def unregister(self, fd: int) -> None:
        if self._known.pop(fd, self) is self:
            return
        try:
            self._poll.unregister(fd)
        except (OSError, KeyError):
            pass

    def wait(self, timeout: Optional[float]) -> List[Tuple[int, int]]:
        if self.edge:
            timeout = -1 if timeout is None else timeout  # PyPy's epoll takes no None
        elif timeout is not None:
            timeout *= 1000
        found: List[Tuple[int, int]] = self._poll.poll(timeout)
        return found

    def socket(self, family: int, type: int, proto: int, fileno: Optional[int]) -> real.socket:
        return real.socket(family, type, proto, fileno)

    def close(self) -> None:
        if self.edge:
            self._poll.close()


Using = Callable[[socket, real.socket], Green[object]]


def use_recv(sock: socket, _peer: real.socket) -> Green[object]:
    return (yield from sock.recv(1))


def use_timed_recv(sock: socket, _peer: real.socket) -> Green[object]:
    sock.settimeout(30)
    return (yield from sock.recv(1))


def use_trampoline(sock: socket, _peer: real.socket) -> Green[object]:
    yield from genlet.trampoline(sock, read=True)
    return None


def use_both(sock: socket, _peer: real.socket) -> Green[object]:
    return (yield from wait_fd(sock, POLLIN | POLLOUT))


USING: List[Using] = [use_recv, use_timed_recv, use_trampoline, use_both]


def first_refusal(poller: Picky, calls: int, call: Callable[[], Green[object]]) -> Green[object]:
    poller.calls = calls
    try:
        return (yield from call())
    finally:
        poller.calls = 0


@pytest.mark.skipif(not hasattr(system, "epoll"), reason="needs epoll and poll")
@pytest.mark.parametrize("edge", [True, False], ids=["edge", "level"])
@pytest.mark.parametrize("used", [True, False], ids=["used before", "never used"])
@pytest.mark.parametrize("beside", [True, False], ids=["beside a writer", "alone"])
@pytest.mark.parametrize("using", USING)
def test_a_wait_that_the_poller_refuses_leaves_nothing(
    using: Using, edge: bool, used: bool, beside: bool
) -> None:
    """The error is raised at the wait; the next wait on the descriptor is as good as any."""
    if beside and using is use_both:
        return  # the writer has that side
    for calls in range(1, 5):
        poller = Picky(edge)

        def main(calls: int = calls, poller: Picky = poller) -> Green[None]:
            yield from genlet.sleep(0.0001)
            ours, peer = real.socketpair()
            fill(ours)
            with peer, greened(ours) as sock:
                if used:
                    gt = yield from start(sock.recv, 1)
                    peer.send(b"x")
                    yield from gt.wait()
                writer = (yield from start(sock.sendall, b"y")) if beside else None
                call: Callable[[], Green[object]] = lambda: using(sock, peer)  # noqa: E731
                victim = yield from start(first_refusal, poller, calls, call)
                poller.calls = 0  # later calls succeed
                if poller.refused:
                    found = yield from outcome(victim)
                    assert isinstance(found, OSError), f"{found!r}"
                    assert found.errno == errno.ENOSPC
                else:
                    yield from victim.kill()
                # An event of the refused wait reaches no greenthread.
                peer.send(b"z")
                yield from genlet.sleep(0)
                yield from genlet.sleep(0)
                assert (yield from sock.recv(1)) == b"z"
                reader = yield from start(use_trampoline, sock, peer)
                yield from parked(reader)
                peer.send(b"z")
                assert (yield from outcome(reader)) is None
                sock.settimeout(None)
                assert (yield from sock.recv(1)) == b"z"
                if writer is not None:
                    drain(peer)
                    assert (yield from outcome(writer)) is None

        genlet.Runner(hub=cast("Any", poller)).run(main)
        if not poller.refused:
            break
