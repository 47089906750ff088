"""Random programs over all primitives, and what must hold of each of them.

python3 -m tests.laws.random_program --seeds 1000 --greenthreads 100
"""

# A program is a tree of greenthreads that do random things to a few shared objects, while others kill
# them and their time runs out.  What they do is written into ledgers.  Conservation laws are checked
# all the time by an auditor, and at the end:
#
#   no permit, item, slot or byte is lost or doubled; every greenthread ends and is unwound
#   every wait ends; no greenthread waits for what is there
#   each failing leaf is exactly once in its group; each link is called exactly once
#
# Time is virtual, and moves on when nothing is ready.  Without threads, forks and signals a seed is
# one program: it can be repeated.

from __future__ import annotations

import argparse
import io
import os
import random
import signal
import socket as real
import sys
import time
import traceback
from collections import Counter
from contextlib import contextmanager, redirect_stderr
from math import inf
from typing import Any, Callable, Dict, Generator, List, Optional, Sequence, Set
from typing import Counter as Count

import genlet
from genlet import Green, GreenThread, TaskGroup, tpool
from genlet.green import socket
from genlet.green.queue import Empty, Full
from genlet.kernel import AnyGreenThread, Portal, Wait, get_scheduler, interrupted_by
from tests.laws.strikes import SwiftTime

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

PERMITS = 2
ROOM = 3  # in the queue and the channel
SIZE = 3  # of the pool
LONGEST = 30.0  # seconds of real time without anything happening, after which a run is stuck


class Leaf(Exception):
    """The error of one greenthread."""


class Patient(SwiftTime):
    """A swift time that waits for threads as long as they may take."""

    LONGEST = LONGEST


class Program:
    """One random program.

    Args:
        seed: What makes it this one.
        greenthreads: How many it makes at most.
        threads: Whether it uses portals and worker threads.
        forks: Whether it forks.
        signals: Whether real signals come, whose handler makes the calls that handlers may make.
    """

    def __init__(
        self,
        seed: int,
        greenthreads: int,
        *,
        threads: bool = False,
        forks: bool = False,
        signals: bool = False,
    ) -> None:
        self.seed: int = seed
        self.random: random.Random = random.Random(seed)
        self.left: int = greenthreads
        self.signals: bool = signals
        self.done: Count[str] = Counter()  # what was done, how often
        self.everybody: List[AnyGreenThread] = []
        self.links: Dict[AnyGreenThread, int] = {}
        self.begun: int = 0
        self.unwound: int = 0
        self.wrong: List[str] = []
        self.over: bool = False

        self.semaphore: genlet.Semaphore = genlet.Semaphore(PERMITS)
        self.holders: int = 0
        self.lock: genlet.Lock = genlet.Lock()
        self.condition: genlet.Condition = genlet.Condition(self.lock)
        self.inside: int = 0
        self.queue: genlet.Queue[int] = genlet.Queue(ROOM)
        self.sender, self.receiver = genlet.Channel[int](ROOM)
        self.number: int = 0
        self.put: Set[int] = set()
        self.got: Set[int] = set()
        self.sent: Set[int] = set()
        self.received: Set[int] = set()
        self.event: genlet.Event[int] = genlet.Event()
        self.pool: genlet.GreenPool = genlet.GreenPool(SIZE)
        self.door: Optional[Portal] = None

        self.deeds: List[Callable[[int], Green[None]]] = [
            self.nap,
            self.nap,
            self.hold,
            self.hold,
            self.hold_in_turn,
            self.put_item,
            self.put_item,
            self.get_item,
            self.get_item,
            self.send_item,
            self.receive_item,
            self.await_event,
            self.notice,
            self.notify,
            self.kill,
            self.kill,
            self.group,
            self.group,
            self.group,
            self.scope,
            self.scope,
            self.timeout,
            self.shield,
            self.job,
            self.dag,
            self.bytes,
            self.coroutine,
            self.race,
            self.spawn_later,
            self.wait_for,
        ]
        if threads:
            self.deeds += [self.on_a_thread, self.through_the_door]
        if forks:
            self.deeds.append(self.fork)

    # ---- greenthreads ----

    def nap_for(self) -> float:
        return self.random.choice((0, 0, 0, 1, 2, 5))

    def moment(self) -> float:
        return self.random.choice((0, 1, 1, 2, 3, 8))

    def know(self, gt: GreenThread[Any]) -> GreenThread[Any]:
        """Take *gt* in, with a link that counts."""
        self.everybody.append(gt)
        self.links[gt] = 0
        gt.link(self._ended)
        return gt

    def _ended(self, gt: AnyGreenThread) -> None:
        self.links[gt] += 1

    def life(self, depth: int, may_fail: bool = True) -> Green[int]:
        """What a greenthread does: some deeds, and perhaps an error at the end."""
        self.begun += 1
        try:
            for _ in range(self.random.randrange(1, 4)):
                self.check()
                yield from self.random.choice(self.deeds)(depth)
            if may_fail and self.random.random() < 0.15:
                raise Leaf
            return depth
        finally:
            try:
                if self.random.random() < 0.2:
                    yield from genlet.sleep(self.random.choice((0, 0, 1)))  # a cleanup that waits
            finally:
                self.unwound += 1

    def children(self, most: int) -> int:
        count = min(self.random.randrange(1, most + 1), self.left)
        self.left -= count
        return count

    def main(self) -> Green[None]:
        with genlet.portal() as door, genlet.TaskGroup(on_exit="cancel") as audit:
            self.door = door
            audit.spawn(self.audit)
            while self.left > 0:
                yield from self.group(0)
            yield from self.pool.waitall()
            for gt in self.everybody:
                while not gt.dead:
                    yield from genlet.sleep(1)
        self.door = None

    def audit(self) -> Green[None]:
        while True:
            self.check()
            timers = get_scheduler().timers
            over = [
                wait
                for _, number, wait in (*timers.heap, *timers.added)
                if wait.timer == number and isinstance(wait, Wait) and not wait.live
            ]
            self.claim(not over, f"the timers of {over} run, which are over")
            yield from genlet.sleep(self.nap_for() or 1)

    # ---- deeds ----

    def nap(self, depth: int) -> Green[None]:
        yield from genlet.sleep(self.nap_for())

    def hold(self, depth: int) -> Green[None]:
        if not (yield from self.semaphore.acquire(timeout=self.moment())):
            return
        self.holders += 1
        try:
            self.claim(self.holders <= PERMITS, f"{self.holders} hold {PERMITS} permits")
            yield from genlet.sleep(self.nap_for())
        finally:
            self.holders -= 1
            self.semaphore.release()

    def hold_in_turn(self, depth: int) -> Green[None]:
        with (yield from self.lock.hold()):
            self.inside += 1
            try:
                self.claim(self.inside == 1, "two hold a lock")
                yield from genlet.sleep(self.nap_for())
            finally:
                self.inside -= 1

    def put_item(self, depth: int) -> Green[None]:
        self.number += 1
        item = self.number
        try:
            if self.random.random() < 0.3:
                self.queue.put_nowait(item)
            else:
                yield from self.queue.put(item, timeout=self.moment())
        except Full:
            return
        self.put.add(item)

    def get_item(self, depth: int) -> Green[None]:
        try:
            if self.random.random() < 0.3:
                item = self.queue.get_nowait()
            else:
                item = yield from self.queue.get(timeout=self.moment())
        except Empty:
            return
        self.claim(item not in self.got, f"item {item} was got twice")
        self.got.add(item)

    def send_item(self, depth: int) -> Green[None]:
        self.number += 1
        item = self.number
        with genlet.move_on_after(self.moment()):
            yield from self.sender.send(item)
            self.sent.add(item)

    def receive_item(self, depth: int) -> Green[None]:
        with genlet.move_on_after(self.moment()):
            item = yield from self.receiver.receive()
            self.claim(item not in self.received, f"item {item} was received twice")
            self.received.add(item)

    def await_event(self, depth: int) -> Green[None]:
        if self.random.random() < 0.5:
            yield from self.event.wait(timeout=self.moment() + 1)
        elif not self.event.ready():
            self.event.send(1)
        else:
            self.event = genlet.Event()

    def notice(self, depth: int) -> Green[None]:
        with (yield from self.condition.hold()):
            yield from self.condition.wait(timeout=self.moment())
            self.inside += 1
            try:
                self.claim(self.inside == 1, "a lock is not held after a wait in it")
                yield from genlet.sleep(0)
            finally:
                self.inside -= 1

    def notify(self, depth: int) -> Green[None]:
        with (yield from self.condition.hold()):
            self.condition.notify(self.random.randrange(1, 3))

    def victim(self) -> Optional[AnyGreenThread]:
        living = [gt for gt in self.everybody[-40:] if not gt.dead]
        return self.random.choice(living) if living else None

    def kill(self, depth: int) -> Green[None]:
        victim = self.victim()
        if victim is None:
            return
        way = self.random.randrange(5)
        self.done["kills"] += 1
        if way == 0:
            yield from victim.kill()
        elif way == 1:
            victim.kill_soon(KeyError("a kill"))
        elif way == 2:
            yield from victim.kill(force=True)
        elif way == 3:
            victim.cancel()
        else:
            victim.kill_soon()

    def wait_for(self, depth: int) -> Green[None]:
        victim = self.victim()
        if victim is None or victim is genlet.getcurrent():
            return
        with genlet.move_on_after(self.moment()):
            try:
                yield from victim.wait()
            except (Leaf, KeyError, BaseExceptionGroup, genlet.GreenletExit) as exc:
                if interrupted_by(genlet.getcurrent(), exc):
                    raise
                self.claim(victim.dead, f"{victim!r} raised {exc!r} before its end")

    def group(self, depth: int) -> Green[None]:
        """Children in a group, whose errors are exactly those of the children that failed."""
        children: List[AnyGreenThread] = []
        first = self.random.random() < 0.3
        group = TaskGroup(
            errors="first" if first else "group",
            on_exit=self.random.choice(("raise", "cancel")),
            grace=self.random.choice((0, 0, 1, inf)),
        )
        own: Optional[BaseException] = None
        try:
            with group:
                try:
                    for _ in range(self.children(4)):
                        children.append(self.know(group.spawn(self.life, depth + 1)))
                    way = self.random.random()
                    if way < 0.1 or way >= 0.9:
                        yield from genlet.sleep(self.nap_for())
                    if way < 0.1:
                        raise Leaf
                    if way < 0.2:
                        yield from genlet.sleep(self.nap_for())
                        group.cancel("enough")
                    if way < 0.9:
                        yield from group.join()
                except BaseException as exc:
                    own = exc
                    raise
        except (Leaf, KeyError, LookupError, genlet.Unjoined, BaseExceptionGroup) as exc:
            if isinstance(own, genlet.Cancelled) or own is None or isinstance(own, Leaf):
                self.judge(exc, own, children, first)
            elif exc is own:
                raise  # it came from outside
        self.done["groups left alive"] += any(not gt.dead for gt in children)
        try:
            yield from genlet.sleep(0)  # ends when what was left behind has ended
        except (Leaf, KeyError, BaseExceptionGroup) as exc:
            if interrupted_by(genlet.getcurrent(), exc):
                raise
            # A child has failed after the block was left.
            late = exc.exceptions if isinstance(exc, BaseExceptionGroup) else [exc]
            for one in late:
                count = sum(one is gt.error for gt in children)
                self.claim(count == 1, f"{one!r} is the error of {count} children")
        finally:
            self.claim(not group.live, f"{group.live} left behind by {group!r}")

    def judge(
        self,
        exc: BaseException,
        own: Optional[BaseException],
        children: Sequence[AnyGreenThread],
        first: bool,
    ) -> None:
        failed = [gt.error for gt in children if gt.dead and gt.error and not gt.ended_as_told]
        if isinstance(own, (Leaf, genlet.Unjoined)):
            failed.append(own)
        raised: List[BaseException] = [exc]
        if not first and isinstance(exc, BaseExceptionGroup) and exc is not own:
            raised = list(exc.exceptions)
        self.done["failures in groups"] += len(raised)
        for one in raised:
            if isinstance(one, genlet.Unjoined):
                continue
            count = sum(one is other for other in failed)
            self.claim(count == 1, f"{one!r} is {count} times among {failed!r}")
        if not first and exc is not own:
            for error in failed:
                count = sum(error is one for one in raised)
                late = any(gt.error is error and self.is_late(gt) for gt in children)
                self.claim(count == 1 or late, f"{error!r} is {count} times in {exc!r}")

    def is_late(self, gt: AnyGreenThread) -> bool:
        """Whether *gt* may have failed after its group was raised."""
        return gt.links is None or self.links[gt] == 0

    def scope(self, depth: int) -> Green[None]:
        grace = self.random.choice((0, 1, inf))
        with genlet.move_on_after(self.moment(), grace=grace) as scope:
            if self.random.random() < 0.2:
                scope.cancel()
            yield from self.random.choice(self.deeds)(depth + 1)

    def shield(self, depth: int) -> Green[None]:
        with genlet.shielded(self.moment()):
            yield from genlet.sleep(self.nap_for())

    def timeout(self, depth: int) -> Green[None]:
        with genlet.Timeout(self.moment(), False):
            yield from self.random.choice(self.deeds)(depth + 1)

    def job(self, depth: int) -> Green[None]:
        if not self.children(1):
            return
        with genlet.move_on_after(self.moment() + 1):
            gt = yield from self.pool.spawn(self.life, depth + 1)
            if not gt.dead:
                self.know(gt)
            if self.random.random() < 0.5 and gt is not genlet.getcurrent():
                try:
                    yield from gt.wait()
                except (Leaf, KeyError, BaseExceptionGroup, genlet.GreenletExit):
                    pass

    def dag(self, depth: int) -> Green[None]:
        pool: genlet.DAGPool[str, int] = genlet.DAGPool()

        def node(_key: str, results: Any) -> Green[int]:
            total = 1
            for _, value in (yield from results.collect()).items():
                total += value
            yield from genlet.sleep(self.nap_for())
            return total

        pool.spawn("a", (), node)
        pool.spawn("b", ("a",), node)
        pool.spawn("c", ("a", "b"), node)
        values = yield from pool.waitall()
        self.claim(values == {"a": 1, "b": 2, "c": 4}, f"a DAG gave {values}")

    def bytes(self, depth: int) -> Green[None]:
        """Two greenthreads at a socket, one of which may be killed: no byte is lost."""
        ours, theirs = socket.socketpair()
        sent = [0]
        came = [0]

        def write() -> Green[None]:
            for _ in range(self.random.randrange(1, 5)):
                sent[0] += yield from ours.send(b"x" * self.random.randrange(1, 5000))
                yield from genlet.sleep(0)

        def read() -> Green[None]:
            while True:
                data = yield from theirs.recv(self.random.randrange(1, 9000))
                if not data:
                    return
                came[0] += len(data)

        try:
            with TaskGroup(on_exit="cancel") as group:
                writing = self.know(group.spawn(write))
                reading = self.know(group.spawn(read))
                yield from genlet.sleep(self.nap_for())
                self.random.choice((writing, reading)).kill_soon()
                yield from genlet.sleep(0)
        except BaseException:
            self.drain(ours, theirs, came)
            raise
        self.drain(ours, theirs, came)
        self.claim(sent == came, f"{sent[0]} bytes were sent, {came[0]} came")

    def drain(self, ours: socket.socket, theirs: socket.socket, came: List[int]) -> None:
        ours.close()
        with real.socket(fileno=theirs.detach()) as rest:
            rest.setblocking(True)
            while True:
                data = rest.recv(100000)
                if not data:
                    break
                came[0] += len(data)

    def coroutine(self, depth: int) -> Green[None]:
        async def nap() -> int:
            await genlet.awaitable(genlet.sleep(self.nap_for()))
            return 7

        value = yield from genlet.drive(nap())
        self.claim(value == 7, f"a coroutine gave {value}")

    def race(self, depth: int) -> Green[None]:
        calls = [self.runner(number) for number in range(3)]
        try:
            value = yield from genlet.race(*calls)
        except Leaf:
            return
        self.claim(value in range(3), f"a race gave {value}")

    def runner(self, number: int) -> Green[int]:
        yield from genlet.sleep(self.nap_for())
        if self.random.random() < 0.2:
            raise Leaf
        return number

    def spawn_later(self, depth: int) -> Green[None]:
        if self.children(1):
            gt = genlet.spawn_after(self.moment(), self.life, depth + 1)
            self.know(gt)
            if self.random.random() < 0.3:
                gt.cancel()
        yield from ()

    def on_a_thread(self, depth: int) -> Green[None]:
        value = yield from tpool.execute(divmod, 17, 5)
        self.claim(value == (3, 2), f"a thread gave {value}")

    def through_the_door(self, depth: int) -> Green[None]:
        door = self.door
        if door is None:
            return
        try:
            value = yield from tpool.execute(door.run, self.runner, 3)
        except Leaf:
            return
        self.claim(value == 3, f"a portal gave {value}")

    def fork(self, depth: int) -> Green[None]:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = genlet.run(self._in_the_child)
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        self.claim(status == 0, f"a forked child ended with {status}")
        yield from ()

    def _in_the_child(self) -> Green[int]:
        yield from genlet.sleep(0)
        return 0

    # ---- laws ----

    def claim(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.wrong.append(otherwise)

    def check(self) -> None:
        """No greenthread waits for what is there."""
        self.done["checks"] += 1
        semaphore, queue = self.semaphore, self.queue
        free = semaphore.counter
        self.claim(0 <= free <= PERMITS, f"{free} permits")
        self.claim(not (free and semaphore.waiters), "permits are free, and a greenthread waits")
        self.claim(self.holders <= PERMITS, "more hold permits than there are")
        self.claim(
            not (queue.qsize() and queue.getting()), "an item is there, and a greenthread waits"
        )
        self.claim(
            not (queue.qsize() < ROOM and queue.putting()),
            "there is room, and a greenthread waits",
        )
        self.claim(
            not (not self.lock.locked() and self.lock.waiters),
            "a lock is free, and a greenthread waits",
        )
        there = self.sender.statistics()
        self.claim(
            not (there.current_buffer_used and self.receiver.waiters),
            "an item was sent, and a greenthread waits",
        )
        self.claim(
            not (there.current_buffer_used < ROOM and self.sender.waiters),
            "a channel has room, and one waits",
        )
        pool = self.pool
        self.claim(0 <= pool.running() <= SIZE, f"{pool.running()} run in a pool of {SIZE}")
        self.claim(
            not (pool.free() > 0 and pool.waiting()), "a slot is free, and a greenthread waits"
        )

    def check_the_end(self, reported: str) -> None:
        """Nothing is lost."""
        claim = self.claim
        self.check()
        claim("still there" not in reported, "a greenthread was closed by force")
        claim(self.begun == self.unwound, f"{self.begun} began, {self.unwound} were unwound")
        for gt in self.everybody:
            claim(gt.dead, f"{gt!r} has not ended")
            claim(self.links[gt] == 1, f"the link of {gt!r} was called {self.links[gt]} times")
        claim(self.semaphore.counter == PERMITS, f"{self.semaphore.counter} permits of {PERMITS}")
        claim(not self.lock.locked(), "a lock is held")
        kept = []
        while self.queue.qsize():
            kept.append(self.queue.get_nowait())
        claim(len(set(kept)) == len(kept), "an item is there twice")
        claim(self.got.isdisjoint(kept), "an item was got, and is still there")
        lost = self.put - self.got - set(kept)
        claim(not lost, f"items {lost} are lost")
        made = (self.got | set(kept)) - self.put
        claim(not made, f"items {made} were never put")
        kept = []
        while self.sender.statistics().current_buffer_used:
            kept.append(self.receiver.receive_nowait())
        lost = self.sent - self.received - set(kept)
        claim(not lost, f"items {lost} are lost in a channel")
        made = (self.received | set(kept)) - self.sent
        claim(not made, f"items {made} came out of a channel and were never sent")
        claim(self.pool.running() == 0, f"{self.pool.running()} run in a pool")
        claim(self.pool.free() == SIZE, f"{self.pool.free()} of {SIZE} slots are free")

    # ---- a run ----

    def run(self) -> None:
        """Run it.

        Raises:
            AssertionError: A law did not hold; it names the seed.
        """
        reported = io.StringIO()
        clock = Patient()
        told: List[BaseException] = []

        def hook(_gt: object, exc: BaseException) -> None:
            told.append(exc)

        try:
            with redirect_stderr(reported), self.struck():
                clock.runner(excepthook=hook, grace=20).run(self.main)
        except Exception as exc:
            raise AssertionError(f"seed {self.seed}: {leaf_of(exc)}") from exc
        for error in told:
            if not isinstance(error, (Leaf, KeyError, BaseExceptionGroup, genlet.Unjoined)):
                self.wrong.append(f"told {error!r}")
        self.check_the_end(reported.getvalue())
        if self.wrong:
            some = "; ".join(dict.fromkeys(self.wrong))
            raise AssertionError(f"seed {self.seed}: {some[:600]}")
        self.done["greenthreads"] += self.begun
        self.done["items"] += len(self.put) + len(self.sent)

    @contextmanager
    def struck(self) -> Generator[None, None, None]:
        """Have real signals come while this lasts, if that was asked for."""
        if not self.signals:
            yield
            return

        def handler(*_: object) -> None:
            self.done["signals"] += 1
            if not self.event.ready():
                self.event.send(2)
            victim = self.victim()
            if victim is not None and self.random.random() < 0.3:
                victim.kill_soon()

        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def leaf_of(exc: BaseException) -> str:
    """Describe the innermost error of *exc* and its line."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    frames = traceback.extract_tb(exc.__traceback__)[-3:]
    lines = [f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in frames]
    return f"{type(exc).__name__}: {exc} ({', '.join(lines)})"


def run_many(
    seeds: Sequence[int], greenthreads: int, *, stop: bool = False, **options: bool
) -> Counter[str]:
    """Run a program for each of *seeds*, and return what was done.

    Args:
        stop: Raise the first failure instead of printing it.
    """
    totals: Counter[str] = Counter()
    for seed in seeds:
        program = Program(seed, greenthreads, **options)
        try:
            program.run()
        except AssertionError as exc:
            if stop:
                raise
            print(exc, flush=True)
            totals["failed"] += 1
        totals["programs"] += 1
        totals.update(program.done)
    return totals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many programs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--greenthreads", type=int, default=60, help="at most, in each")
    parser.add_argument("--threads", action="store_true", help="with portals and worker threads")
    parser.add_argument("--forks", action="store_true")
    parser.add_argument("--signals", action="store_true", help="with real signals, 2,000 a second")
    parser.add_argument("--stop", action="store_true", help="at the first failure")
    given = parser.parse_args()
    began = time.monotonic()
    totals = run_many(
        range(given.first, given.first + given.seeds),
        given.greenthreads,
        stop=given.stop,
        threads=given.threads,
        forks=given.forks,
        signals=given.signals,
    )
    if given.threads:
        tpool.killall()
    print(", ".join(f"{count} {what}" for what, count in sorted(totals.items())))
    print(f"{time.monotonic() - began:.1f} s")
    sys.exit(1 if totals["failed"] else 0)


if __name__ == "__main__":
    main()
