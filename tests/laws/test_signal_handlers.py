"""What a signal handler may call: nothing is lost or doubled, wherever it comes between two steps."""

# Safe from signal handlers, destructors and trace functions are `call_soon`, `kill_soon`, a scope's
# and a group's `cancel`, `Stopper.stop`, `Event.send`, `put_nowait` and `release`.  Each scene keeps
# one primitive busy: greenthreads that wait, time out, are killed, come and go.  A handler makes the
# call before one line of the library, in the next run before the next line, and so on.

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

import genlet
from genlet import (
    BoundedSemaphore,
    Event,
    GreenletExit,
    LifoQueue,
    LightQueue,
    Lock,
    PriorityQueue,
    Queue,
    Semaphore,
    Stopper,
    TaskGroup,
)
from genlet._compat import IS_PYPY
from genlet.abc import Green
from genlet.green import os as green_os
from genlet.green import socket
from genlet.kernel import AnyGreenThread, CancelScope, get_scheduler
from genlet.queue import Empty, Full
from tests.kernel import forever, outcome
from tests.laws.strikes import Codes, Strike, SwiftTime, codes_of, everywhere

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGUSR1")


class Hand:
    """What the handler does, from when on, and whether it has been done."""

    def __init__(self) -> None:
        self.strike: Strike = Strike(lambda: None, 0)
        self.done: bool = False
        self.error: Optional[BaseException] = None
        self._call: Callable[[], object] = lambda: None

    def does(self, call: Callable[[], object]) -> None:
        """From here on a place is one at which the handler comes, and makes *call*."""
        self._call = call
        self.strike.armed = True

    def rests(self) -> None:
        """From here on it comes no more."""
        self.strike.armed = False

    def comes(self) -> None:
        """The handler."""
        signal.raise_signal(signal.SIGUSR1)  # as a signal does, it rings where the loop waits
        try:
            self._call()
        except BaseException as exc:
            self.error = exc
        self.done = True


Scene = Callable[[Hand], Green[None]]
scenes: Dict[str, Scene] = {}


def scene(function: Scene) -> Scene:
    scenes[function.__name__] = function
    return function


def play(name: str, hand: Hand) -> None:
    """Run a scene, and find out whether anybody or any timer is left."""

    def main() -> Green[None]:
        scheduler = get_scheduler()
        yield from scenes[name](hand)
        hand.rests()
        yield from genlet.sleep(0)
        left = [gt for gt in scheduler.everybody() if gt is not scheduler.main]
        assert not left, f"left: {left}"
        assert not len(scheduler.timers), f"{len(scheduler.timers)} timers are left"

    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with hand.strike:
            SwiftTime().runner().run(main)
    except (GreenletExit, genlet.Cancelled) as exc:
        raise AssertionError(f"main got {exc!r}") from exc
    finally:
        signal.signal(signal.SIGUSR1, before)
    if hand.error is not None:
        raise AssertionError(f"the handler's call raised {hand.error!r}") from hand.error


def handle_everywhere(
    name: str,
    codes: Optional[Codes] = None,
    *,
    instructions: bool = False,
    most: Optional[int] = None,
) -> int:
    """Have the handler come at each place of a scene in turn."""
    hands: List[Hand] = []

    def make(number: int) -> Strike:
        hand = Hand()
        hands.append(hand)
        hand.strike = Strike(
            hand.comes, number, codes, instructions=instructions, most=most, armed=False
        )
        return hand.strike

    return everywhere(lambda _: play(name, hands[-1]), make)


# ---- Event.send -----------------------------------------------------------------------------------


@scene
def event_send(hand: Hand) -> Green[None]:
    """Everybody who waits gets what is sent, and whoever comes later too."""
    event: Event[str] = Event()
    got: Dict[str, Optional[str]] = {}

    def waiter(name: str, timeout: Optional[float] = None) -> Green[None]:
        got[name] = yield from event.wait(timeout)

    hand.does(lambda: event.send("sent"))
    first = genlet.spawn(waiter, "first")
    timed = genlet.spawn(waiter, "timed", 1.0)
    killed = genlet.spawn(waiter, "killed")
    yield from genlet.sleep(0)
    killed.kill_soon()
    yield from genlet.sleep(2)
    late = genlet.spawn(waiter, "late")
    yield from genlet.sleep(0)
    hand.rests()
    if not event.ready():
        event.send("at last")
    sent = event.poll()
    for gt in (first, timed, late):
        assert (yield from outcome(gt)) is None
    yield from outcome(killed)
    assert got["first"] == got["late"] == sent
    assert got["timed"] in (None, sent)
    assert not event.waiters
    assert repr(event)


@scene
def event_send_to_waits_that_began_again(hand: Hand) -> Green[None]:
    """A timer of a wait that was woken does not strike the next one."""
    event: Event[int] = Event()
    other: Event[int] = Event()
    got: List[object] = []

    def waiter() -> Green[None]:
        got.append((yield from event.wait(1.0)))
        got.append((yield from other.wait(5.0)))

    hand.does(lambda: event.send(1))
    gt = genlet.spawn(waiter)
    yield from genlet.sleep(3)
    hand.rests()
    other.send(2)
    assert (yield from outcome(gt)) is None
    assert got in ([1, 2], [None, 2]), got


# ---- put_nowait -----------------------------------------------------------------------------------


def queue_scene(make: Callable[[], LightQueue[int]], hand: Hand) -> Green[None]:
    """Each item that was put is taken once; nobody waits for one that is there."""
    queue = make()
    taken: List[int] = []
    put: List[int] = []

    def getter(timeout: Optional[float] = None) -> Green[None]:
        try:
            taken.append((yield from queue.get(timeout=timeout)))
        except Empty:
            pass

    def putter(item: int) -> Green[None]:
        yield from queue.put(item)
        put.append(item)

    def put_now(item: int) -> None:
        try:
            queue.put_nowait(item)
        except Full:
            return
        put.append(item)

    hand.does(lambda: put_now(100))
    first = genlet.spawn(getter)
    timed = genlet.spawn(getter, 1.0)
    killed = genlet.spawn(getter)
    yield from genlet.sleep(0)
    killed.kill_soon()
    put_now(1)
    yield from genlet.sleep(2)
    putters = [genlet.spawn(putter, 2), genlet.spawn(putter, 3), genlet.spawn(putter, 4)]
    yield from genlet.sleep(0)
    putters[1].kill_soon()
    last = genlet.spawn(getter, 1.0)
    yield from genlet.sleep(2)
    hand.rests()
    if queue.getting():
        assert queue.empty(), f"{queue!r}: somebody waits for an item that is there"
    while any(not gt.dead for gt in (first, timed, killed, last, *putters)) or not queue.empty():
        try:
            taken.append(queue.get_nowait())
        except Empty:
            put_now(50 + len(put))
        yield from genlet.sleep(0)
    assert sorted(taken) == sorted(put), f"put {sorted(put)}, taken {sorted(taken)}"
    assert queue.getting() == queue.putting() == queue.qsize() == 0
    assert repr(queue)


QUEUES: Dict[str, Callable[[], LightQueue[int]]] = {
    "queue": Queue,
    "queue_of_one": lambda: Queue(1),
    "channel": lambda: LightQueue(0),
    "priority_queue": PriorityQueue,
    "lifo_queue": lambda: LifoQueue(2),
}


def put_nowait(kind: str) -> Scene:
    def put_nowait(hand: Hand) -> Green[None]:
        return queue_scene(QUEUES[kind], hand)

    return put_nowait


for kind in QUEUES:
    scenes[f"put_nowait_{kind}"] = put_nowait(kind)


# ---- release --------------------------------------------------------------------------------------


def semaphore_scene(semaphore: Semaphore, hand: Hand) -> Green[None]:
    """Permits are conserved, and nobody waits for one that is free."""
    served: List[str] = []

    def user(name: str, timeout: Optional[float] = None) -> Green[None]:
        if (yield from semaphore.acquire(timeout=timeout)):
            served.append(name)
            yield from genlet.sleep(0)
            semaphore.release()

    semaphore.acquire_nowait()
    hand.does(semaphore.release)
    first = genlet.spawn(user, "first")
    timed = genlet.spawn(user, "timed", 1.0)
    killed = genlet.spawn(user, "killed")
    second = genlet.spawn(user, "second")
    yield from genlet.sleep(0)
    killed.kill_soon()
    yield from genlet.sleep(2)
    third = genlet.spawn(user, "third")
    yield from genlet.sleep(0)
    hand.rests()
    assert not semaphore.counter or not semaphore.waiters, f"{semaphore!r}, and somebody waits"
    if not hand.done:
        semaphore.release()
    for gt in (first, second, third, timed):
        assert (yield from outcome(gt)) is None
    yield from outcome(killed)
    assert {"first", "second", "third"} <= set(served)
    assert semaphore.counter == semaphore.balance == 1, (
        f"{semaphore!r}, balance {semaphore.balance}"
    )
    assert not semaphore.locked()
    assert not semaphore.waiters


SEMAPHORES: Dict[str, Callable[[], Semaphore]] = {
    "semaphore": Semaphore,
    "bounded_semaphore": BoundedSemaphore,
    "lock": Lock,
}


def release(kind: str) -> Scene:
    def release(hand: Hand) -> Green[None]:
        return semaphore_scene(SEMAPHORES[kind](), hand)

    return release


for kind in SEMAPHORES:
    scenes[f"release_{kind}"] = release(kind)


# ---- kill_soon ------------------------------------------------------------------------------------

# Two do the same, one after the other, and the first is killed from the handler: it is interrupted
# once, and what it did not take is there for the second.  Each returns what wakes one of them.


def doing_event() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    event: Event[None] = Event()
    return lambda: event.wait(), lambda: event.ready() or event.send()


def doing_event_with_a_timeout() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    event: Event[None] = Event()
    return lambda: event.wait(0.5), lambda: None


def doing_queue_get() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    queue: Queue[int] = Queue()
    return lambda: queue.get(timeout=50), lambda: queue.put_nowait(1)


def doing_queue_put() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    queue: Queue[int] = Queue(1)
    queue.put_nowait(0)
    return lambda: queue.put(1), lambda: queue.qsize() and queue.get_nowait()


def doing_semaphore() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    semaphore = Semaphore(0)
    return lambda: semaphore.acquire(timeout=50), semaphore.release


def doing_lock() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    lock = Lock()

    def use() -> Green[None]:
        with (yield from lock.hold()):
            yield from genlet.sleep(0)

    return use, lambda: None


def doing_condition() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    condition = genlet.Condition()

    def use() -> Green[None]:
        with (yield from condition.hold()):
            yield from condition.wait(timeout=1)

    return use, lambda: None


def doing_channel() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    tx, rx = genlet.Channel[int](2)
    sent: List[int] = []

    def wake() -> None:
        if len(sent) < 2:
            sent.append(1)
            tx.send_nowait(1)

    return rx.next, wake


def doing_sleep() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    return lambda: genlet.sleep(0.5), lambda: None


def doing_checkpoints() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    def use() -> Green[None]:
        for _ in range(3):
            yield from genlet.sleep(0)

    return use, lambda: None


def doing_group() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    def use() -> Green[None]:
        with TaskGroup() as group:
            group.spawn(genlet.sleep, 0.5)
            group.spawn(genlet.sleep, 0)
            yield from group.join()

    return use, lambda: None


def doing_scopes() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    def use() -> Green[None]:
        with genlet.move_on_after(0.2), genlet.move_on_after(0.5), genlet.Timeout(0.3, False):
            yield from genlet.sleep(1)

    return use, lambda: None


def doing_pool() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    pool = genlet.Pool(max_size=1, create=lambda: "item")

    def use() -> Green[None]:
        with (yield from pool.item()):
            yield from genlet.sleep(0)

    return use, lambda: None


def doing_delayed_start() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    def use() -> Green[None]:
        later = genlet.spawn_after(0.3, genlet.sleep, 0)
        yield from genlet.sleep(0.1)
        yield from later.kill()

    return use, lambda: None


def doing_wait_for_another() -> Tuple[Callable[[], Green[object]], Callable[[], object]]:
    other = genlet.spawn(genlet.sleep, 0.5)
    return other.wait, lambda: None


DOINGS = (
    doing_event,
    doing_event_with_a_timeout,
    doing_queue_get,
    doing_queue_put,
    doing_semaphore,
    doing_lock,
    doing_condition,
    doing_channel,
    doing_sleep,
    doing_checkpoints,
    doing_group,
    doing_scopes,
    doing_pool,
    doing_delayed_start,
    doing_wait_for_another,
)


def kill_soon(doing: Callable[[], Any]) -> Scene:
    def kill_soon(hand: Hand) -> Green[None]:
        interruptions: List[str] = []
        unwound: List[str] = []
        use, wake = doing()

        def user(name: str) -> Green[None]:
            try:
                yield from use()
            except GreenletExit:
                interruptions.append(name)
                raise
            finally:
                unwound.append(name)
            # A killed one does not come here; what was settled first is kept, and then it ends.

        victim = genlet.spawn(user, "victim")
        hand.does(victim.kill_soon)
        yield from genlet.sleep(0)
        heir = genlet.spawn(user, "heir")
        yield from genlet.sleep(0)
        for _ in range(4):
            wake()
            yield from genlet.sleep(1)
        hand.rests()
        assert victim.dead, f"{victim!r} has not ended"
        assert heir.dead, f"{heir!r} has not ended"
        assert interruptions in ([], ["victim"]), interruptions
        assert set(unwound) <= {"victim", "heir"}
        assert len(unwound) == len(set(unwound))
        assert "heir" in unwound
        assert (yield from outcome(heir)) is None

    return kill_soon


for doing in DOINGS:
    scenes["kill_soon_" + doing.__name__[len("doing_") :]] = kill_soon(doing)


@scene
def kill_soon_of_an_owner(hand: Hand) -> Green[None]:
    """Its children go first; the block is unwound once."""
    order: List[str] = []

    def child(name: str) -> Green[None]:
        try:
            yield from forever().get()
        finally:
            with genlet.shielded(1):
                yield from genlet.sleep(0.1)
            order.append(name)

    def owner() -> Green[None]:
        try:
            with TaskGroup() as group:
                group.spawn(child, "one")
                group.spawn(child, "two")
                yield from group.join()
        finally:
            order.append("owner")

    gt = genlet.spawn(owner)
    yield from genlet.sleep(0)
    hand.does(gt.kill_soon)
    yield from genlet.sleep(0)
    yield from genlet.sleep(2)
    hand.rests()
    gt.kill_soon()
    yield from outcome(gt)
    assert order[-1:] == ["owner"], order
    assert order.count("owner") == 1, order


@scene
def kill_soon_of_one_that_starts_later(hand: Hand) -> Green[None]:
    """It never runs, or runs to its end, and ends once."""
    log: List[str] = []

    def late() -> Green[None]:
        log.append("begins")
        yield from genlet.sleep(0)
        log.append("ends")

    gt = genlet.spawn_after(0.5, late)
    gt.link(lambda _: log.append("link"))
    hand.does(gt.kill_soon)
    yield from genlet.sleep(0)
    yield from genlet.sleep(1)
    hand.rests()
    yield from genlet.sleep(0)
    assert gt.dead, f"{gt!r} has not ended"
    assert log in (["begins", "ends", "link"], ["begins", "link"], ["link"]), log


@scene
def kill_soon_of_readers(hand: Hand) -> Green[None]:
    """What one that is killed has not read is there for the next, by number and by socket."""
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()

    def by_number() -> Green[bytes]:
        return (yield from green_os.read(reading, 10))

    def by_socket() -> Green[bytes]:
        return (yield from ours.recv(10))

    try:
        ours.settimeout(5)
        victims = [genlet.spawn(by_number), genlet.spawn(by_socket)]

        def kill() -> None:
            for gt in victims:
                gt.kill_soon()

        hand.does(kill)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0.1)
        os.write(writing, b"x")
        yield from theirs.sendall(b"y")
        yield from genlet.sleep(0.1)
        yield from genlet.sleep(0)
        hand.rests()
        for gt, again, data in zip(victims, (by_number, by_socket), (b"x", b"y")):
            assert gt.dead, f"{gt!r} has not ended"
            if (yield from outcome(gt)) is None:
                assert gt.result() == data
            else:
                assert (yield from again()) == data
    finally:
        os.close(reading)
        os.close(writing)
        ours.close()
        theirs.close()


@scene
def kill_soon_of_main(hand: Hand) -> Green[None]:
    """It is interrupted once, at one of its waits."""
    main = genlet.getcurrent()
    caught = 0
    hand.does(main.kill_soon)
    for _ in range(3):
        try:
            with genlet.move_on_after(1):
                yield from genlet.sleep(0.5)
                yield from genlet.sleep(0)
        except GreenletExit:
            caught += 1
    hand.rests()
    try:
        yield from genlet.sleep(0)
    except GreenletExit:
        caught += 1
    assert caught == hand.done


# ---- cancel ---------------------------------------------------------------------------------------


@scene
def scope_cancel(hand: Hand) -> Green[None]:
    """The block is left by its own cancellation or none, and nothing of it goes on after it."""
    event: Event[None] = Event()
    scope = CancelScope()
    other: List[str] = []

    def neighbour() -> Green[None]:
        with genlet.move_on_after(3):
            yield from event.wait(1)
        other.append("unharmed")

    gt = genlet.spawn(neighbour)
    hand.does(scope.cancel)
    passed = 0
    with scope:
        yield from genlet.sleep(0)
        yield from event.wait(0.5)
        with genlet.move_on_after(0.5):
            yield from event.wait()
        passed = 1
    for _ in range(3):
        yield from genlet.sleep(0.1)
    hand.rests()
    assert passed or scope.cancelled_caught
    assert not passed or not scope.cancelled_caught
    assert (yield from outcome(gt)) is None
    assert other == ["unharmed"]


@scene
def scope_cancel_with_grace(hand: Hand) -> Green[None]:
    """The grace is counted from the cancellation, and lasts, also at the deadline."""
    clock = get_scheduler().clock
    cancelled: List[float] = []
    times: List[float] = []
    scope = genlet.move_on_after(1.0, grace=0.5)

    def cancel() -> None:
        if not scope.cancel_called:
            cancelled.append(clock())
        scope.cancel()

    hand.does(cancel)
    with scope:
        for _ in range(2):
            try:
                yield from genlet.sleep(0)
                yield from genlet.sleep(20)
            except genlet.Cancelled:
                times.append(clock())
    hand.rests()
    assert len(times) == 2, times
    since = cancelled[0] if cancelled else 1.0
    assert abs(times[1] - since - 0.5) < 0.01, f"cancelled at {since}, interrupted at {times}"


@scene
def group_cancel(hand: Hand) -> Green[None]:
    """Every child ends, those that are being spawned at that moment too, and the block after them."""
    unwound: List[str] = []
    children: List[AnyGreenThread] = []

    def child(name: str) -> Green[None]:
        try:
            yield from genlet.sleep(5)
        finally:
            unwound.append(name)

    def owner(ready: Event[TaskGroup]) -> Green[None]:
        with TaskGroup() as group:
            ready.send(group)
            for name in "abc":
                children.append(group.spawn(child, name))
                yield from genlet.sleep(0)
            yield from group.join()
        unwound.append("owner")

    ready: Event[TaskGroup] = Event()
    gt = genlet.spawn(owner, ready)
    group = yield from ready.wait()
    hand.does(group.cancel)
    for _ in range(4):
        yield from genlet.sleep(0)
    hand.rests()
    with genlet.fail_after(1 if hand.done else 20):
        assert (yield from outcome(gt)) is None
    assert all(one.dead for one in children)
    assert unwound[-1] == "owner"
    assert len(unwound) == len(set(unwound))


# ---- stop -----------------------------------------------------------------------------------------


@scene
def stopper_stop(hand: Hand) -> Green[None]:
    """A region that was entered before, and one that is entered just then, are both left."""
    stopper = Stopper()
    left: List[str] = []

    def server(name: str) -> Green[None]:
        while not stopper.stop_called:
            with stopper.region():
                yield from genlet.sleep(0.3)
        with stopper.region():
            yield from forever().get()
        left.append(name)

    hand.does(lambda: stopper.stop("handler"))
    gts = [genlet.spawn(server, name) for name in "ab"]
    yield from genlet.sleep(0)
    yield from genlet.sleep(0.7)
    hand.rests()
    stopper.stop()
    with genlet.fail_after(10):
        for gt in gts:
            assert (yield from outcome(gt)) is None
    assert sorted(left) == ["a", "b"]


# ---- call_soon ------------------------------------------------------------------------------------


@scene
def call_soon(hand: Hand) -> Green[None]:
    """The call is made once, and before the loop waits again."""
    scheduler = get_scheduler()
    asked: List[float] = []
    made: List[float] = []

    def ask() -> None:
        asked.append(scheduler.clock())
        portal.call_soon(lambda: made.append(scheduler.clock()))

    with genlet.portal() as portal:
        portal.call_soon(lambda: None)
        hand.does(ask)
        portal.call_soon(lambda: None)
        yield from genlet.sleep(0)
        portal.call_soon(lambda: None)
        yield from genlet.sleep(0.5)
        yield from genlet.sleep(1)
        hand.rests()
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
    assert made == asked, f"asked at {asked}, made at {made}"


# ---- everywhere -----------------------------------------------------------------------------------

# Where handlers find the most: what is checked instruction by instruction.
STRUCTURES = (
    "_admit _free _has_item _leave _look _look_to_get _look_to_put _pass_on _poke_inside _settle"
    " _sort_in _take _time_grace __enter__ __exit__ acquire add arm arming_failed attend call_soon"
    " cancel check_thread claim clear_front commit disarm due event expire fail fetch fire first get"
    " get_nowait give_back harden interrupt interrupt_all interrupt_parked interrupted_now kill_soon"
    " leave next_deadline open pend poke put put_nowait rebuild release ring run_calls send settle"
    " settle_fault signal sleep spread stop strike sweep take unwatch wait wake wake_all watch widen"
)

# The others take seconds each, and are slow.
QUICK = (
    "call_soon",
    "event_send",
    "group_cancel",
    "kill_soon_event",
    "kill_soon_of_an_owner",
    "put_nowait_queue",
    "release_lock",
    "stopper_stop",
)


@pytest.mark.parametrize("name", scenes)
def test_a_scene_without_a_handler_is_in_order(name: str) -> None:
    """The scenes themselves keep the laws."""
    play(name, Hand())


@pytest.mark.slow
@pytest.mark.parametrize("name", scenes)
def test_a_safe_call_from_a_handler_before_any_line_keeps_the_laws(name: str) -> None:
    """Whatever line of the library it comes before, nothing is lost, doubled or left."""
    assert handle_everywhere(name, most=3) > 20


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in scenes],
)
def test_a_safe_call_from_a_handler_before_any_instruction_keeps_the_laws(name: str) -> None:
    """The same between the instructions of a line, in the lines of waiters and the timers."""
    codes = codes_of(*STRUCTURES.split())
    assert handle_everywhere(name, codes, instructions=True, most=1) > 20


# ---- destructors ----------------------------------------------------------------------------------


class Undead:
    """Garbage that does something when it is collected, and is there again then."""

    def __init__(self, call: Callable[[], object], left: List[int]) -> None:
        self.itself = self  # only the collector can find it
        self._call = call
        self._left = left

    def __del__(self) -> None:
        if self._left[0]:
            self._left[0] -= 1
            self._call()
            Undead(self._call, self._left)


@pytest.mark.skipif(IS_PYPY, reason="its collector cannot be told to run that often")
def test_safe_calls_from_destructors_lose_and_double_nothing() -> None:
    """The collector runs wherever something is made, in the middle of a primitive as well."""
    times = 3000
    queue: Queue[int] = Queue()
    semaphore = Semaphore(0)
    put: List[int] = []
    taken: List[int] = []
    errors: List[BaseException] = []
    released: List[int] = []

    def collect() -> None:
        try:
            put.append(len(put))
            queue.put_nowait(put[-1])
            semaphore.release()
            released.append(1)
        except BaseException as exc:
            errors.append(exc)

    def getter(timeout: float) -> Green[None]:
        while True:
            try:
                taken.append((yield from queue.get(timeout=timeout)))
            except Empty:
                pass

    def acquirer(acquired: List[int]) -> Green[None]:
        while True:
            if (yield from semaphore.acquire(timeout=0.5)):
                acquired.append(1)

    def main() -> Green[None]:
        left = [times]
        acquired: List[int] = []
        gts = [genlet.spawn(getter, timeout) for timeout in (0.3, 0.7, 5)]
        gts += [genlet.spawn(acquirer, acquired) for _ in range(2)]
        Undead(collect, left)
        with genlet.fail_after(100_000):
            while left[0]:
                victim = genlet.spawn(getter, 0.1)
                yield from genlet.sleep(0.1)
                victim.kill_soon()
                yield from genlet.sleep(0)
        for _ in range(10):
            yield from genlet.sleep(0)
        for gt in gts:
            yield from gt.kill()
        assert len(acquired) + semaphore.counter == len(released)
        assert semaphore.balance == semaphore.counter
        assert not queue.getting()

    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        SwiftTime().runner().run(main)
    finally:
        gc.set_threshold(*before)
    assert not errors, f"{len(errors)} calls raised, the first {errors[0]!r}"
    taken += [queue.get_nowait() for _ in range(queue.qsize())]
    assert sorted(taken) == put


# ---- a handler only marks -------------------------------------------------------------------------


def waits() -> Green[None]:
    yield from forever().get()


def kill_of_a_new_one(link: Callable[[AnyGreenThread], None]) -> Green[Callable[[], object]]:
    yield from ()
    gt = genlet.spawn(waits)
    gt.link(link)
    return gt.kill_soon


def kill_of_a_later_one(link: Callable[[AnyGreenThread], None]) -> Green[Callable[[], object]]:
    yield from ()
    gt = genlet.spawn_after(60, waits)
    gt.link(link)
    return lambda: gt.kill_soon(force=True)


def cancel_of_a_group(link: Callable[[AnyGreenThread], None]) -> Green[Callable[[], object]]:
    """The group is joined by an owner that has a link too, and has unstarted members only."""
    groups: List[TaskGroup] = []

    def owner() -> Green[None]:
        with TaskGroup() as group:
            groups.append(group)
            yield from forever().get()

    gt = genlet.spawn(owner)
    gt.link(link)
    yield from genlet.sleep(0)
    groups[0].spawn(waits).link(link)
    groups[0].spawn(waits).link(link)
    return groups[0].cancel


def cancel_of_a_scope(link: Callable[[AnyGreenThread], None]) -> Green[Callable[[], object]]:
    """A scope around a group with members that have not started, and some that start later."""
    scopes: List[CancelScope] = []
    groups: List[TaskGroup] = []

    def owner() -> Green[None]:
        with CancelScope() as scope, TaskGroup() as group:
            scopes.append(scope)
            groups.append(group)
            yield from group.join()
            yield from forever().get()

    gt = genlet.spawn(owner)
    gt.link(link)
    yield from genlet.sleep(0)
    groups[0].spawn(waits).link(link)
    return scopes[0].cancel


def cancel_of_the_last_that_holds_an_end(
    link: Callable[[AnyGreenThread], None],
) -> Green[Callable[[], object]]:
    """The owner has ended but for a member that has not started: with that it ends as well."""
    children: List[AnyGreenThread] = []

    def owner() -> Green[None]:
        with TaskGroup(on_exit="cancel", grace=60) as group:
            children.append(group.spawn(cleans_up))
            yield from genlet.sleep(0)

    def cleans_up() -> Green[None]:
        try:
            yield from forever().get()
        finally:
            yield from genlet.sleep(50)

    gt = genlet.spawn(owner)
    gt.link(link)
    yield from genlet.sleep(0)
    yield from genlet.sleep(0)
    yield from genlet.sleep(0)
    late = children[0].group
    child = get_scheduler().spawn(waits, (), {}, group=late)
    child.link(link)

    def kill() -> None:
        children[0].kill_soon()
        child.kill_soon()

    return kill


Ways = Callable[[Callable[[AnyGreenThread], None]], Green[Callable[[], object]]]
WAYS: List[Ways] = [
    kill_of_a_new_one,
    kill_of_a_later_one,
    cancel_of_a_group,
    cancel_of_a_scope,
    cancel_of_the_last_that_holds_an_end,
]


@pytest.mark.parametrize("way", WAYS)
def test_a_handler_that_ends_the_unstarted_runs_no_link(way: Ways) -> None:
    """A handler marks; the links are called by the loop, in its next turn."""
    handling: List[bool] = []
    called: List[bool] = []

    def link(_gt: AnyGreenThread) -> None:
        called.append(bool(handling))

    def handler(*_: object) -> None:
        handling.append(True)
        calls[0]()
        handling.clear()

    calls: List[Callable[[], object]] = []

    def main() -> Green[None]:
        calls.append((yield from way(link)))
        signal.raise_signal(signal.SIGUSR1)
        assert not called, "a link was called inside of the call that marks"
        for _ in range(5):
            yield from genlet.sleep(0)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        SwiftTime().runner().run(main)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert called
    assert not any(called)
