"""What each kind of turn costs beside each kind of sleeper: ``python3 -m comparisons.turns.matrix``.

Every pair is run in a process of its own, beside 10 sleepers and beside many, by turns for some
rounds.  A cell says how many microseconds of the processor a turn takes beside the 10, and how many
times as many beside the many: the least of the rounds.  A turn that grows with the number of sleepers
is marked.  With ``--lines`` a cell counts the lines of Python that a turn runs, which is exact.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import socket as plain
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any, Callable, Dict, List, Optional

import genlet
from genlet import Event, Green, Queue, Semaphore, TaskGroup, shielded, tpool
from genlet.green import socket

FEW = 10
MANY = 100_000
BUDGET = 0.5  # seconds for the turns of one cell
ROUNDS = 3
MARK = 3.0  # times as much as beside few is marked
LINES = 200  # turns whose lines are counted, a multiple of all that a turn may need
BOUND = 300.0  # seconds for one process

# ---- sleepers -------------------------------------------------------------------------------------

Park = Callable[[int], Green[None]]


def nobody(_count: int) -> Green:
    yield from ()


def on_events(count: int) -> Green:
    for _ in range(count):
        genlet.spawn_n(Event[None]().wait)
    yield from genlet.sleep(0)


def on_one_event(count: int) -> Green:
    event: Event[None] = Event()
    for _ in range(count):
        genlet.spawn_n(event.wait)
    yield from genlet.sleep(0)


def on_a_queue(count: int) -> Green:
    queue: Queue[int] = Queue()
    for _ in range(count):
        genlet.spawn_n(queue.get)
    yield from genlet.sleep(0)


def on_a_full_queue(count: int) -> Green:
    queue: Queue[int] = Queue(1)
    queue.put_nowait(0)
    for _ in range(count):
        genlet.spawn_n(queue.put, 1)
    yield from genlet.sleep(0)


def on_a_semaphore(count: int) -> Green:
    semaphore = Semaphore(0)
    for _ in range(count):
        genlet.spawn_n(semaphore.acquire)
    yield from genlet.sleep(0)


def on_a_lock(count: int) -> Green:
    lock = genlet.Lock()
    yield from lock.acquire()
    for _ in range(count):
        genlet.spawn_n(lock.acquire)
    yield from genlet.sleep(0)


def on_a_condition(count: int) -> Green:
    condition = genlet.Condition()

    def wait() -> Green:
        with (yield from condition.hold()):
            yield from condition.wait()

    for _ in range(count):
        genlet.spawn_n(wait)
    yield from genlet.sleep(0)
    yield from genlet.sleep(0)


def on_a_channel(count: int) -> Green:
    tx, rx = genlet.Channel[int](1)
    for _ in range(count):
        genlet.spawn_n(rx.next)
    yield from genlet.sleep(0)
    HELD.append(tx)


def on_each_other(count: int) -> Green:
    gt: genlet.GreenThread[Any] = genlet.spawn(genlet.sleep, float("inf"))
    for _ in range(count - 1):
        gt = genlet.spawn(gt.wait)
    yield from genlet.sleep(0)


def asleep(count: int) -> Green:
    for number in range(count):
        genlet.spawn_n(genlet.sleep, 1000 + number % 1000)
    yield from genlet.sleep(0)


def asleep_forever(count: int) -> Green:
    for _ in range(count):
        genlet.spawn_n(genlet.sleep, float("inf"))
    yield from genlet.sleep(0)


def with_timeouts(count: int) -> Green:
    def wait() -> Green:
        with genlet.fail_after(1000):
            yield from Event[None]().wait()

    for _ in range(count):
        genlet.spawn_n(wait)
    yield from genlet.sleep(0)


def on_sockets(count: int) -> Green:
    for _ in range(count // 2):
        for sock in socket.socketpair():
            HELD.append(sock)
            genlet.spawn_n(sock.recv, 1)
    yield from genlet.sleep(0)


def on_listeners(count: int) -> Green:
    for _ in range(count):
        listener = socket.socket(plain.AF_UNIX)
        listener.bind("")
        listener.listen(1)
        HELD.append(listener)
        genlet.spawn_n(listener.accept)
    yield from genlet.sleep(0)


def on_numbers(count: int) -> Green:
    for _ in range(count // 2):
        for end in plain.socketpair():
            HELD.append(end)
            genlet.spawn_n(wait_by_number, end.fileno())
    yield from genlet.sleep(0)


def wait_by_number(fd: int) -> Green:
    yield from genlet.trampoline(fd, read=True)


def on_threads(count: int) -> Green:
    never = threading.Event()
    for _ in range(count):
        genlet.spawn_n(tpool.execute, never.wait)
    yield from genlet.sleep(0)


def on_children(count: int) -> Green:
    """Half of them own a group, in whose block they wait for the other half."""

    def owner() -> Green:
        with TaskGroup() as group:
            group.spawn(genlet.sleep, float("inf"))
            yield from group.join()

    for _ in range(count // 2):
        genlet.spawn_n(owner)
    yield from genlet.sleep(0)
    yield from genlet.sleep(0)


def in_one_group(count: int) -> Green:
    def owner() -> Green:
        with TaskGroup() as group:
            for _ in range(count):
                group.spawn(genlet.sleep, float("inf"))
            yield from group.join()

    genlet.spawn_n(owner)
    yield from genlet.sleep(0)
    yield from genlet.sleep(0)


def held(count: int) -> Green:
    """Half of them have left a block, and wait for the other half, which still clean up."""

    def child() -> Green:
        try:
            yield from genlet.sleep(float("inf"))
        finally:
            with shielded(1e9):
                yield from Event[None]().wait()

    def owner() -> Green:
        with TaskGroup(on_exit="cancel", grace=float("inf")) as group:
            group.spawn(child)
            yield from genlet.sleep(0)
        yield from genlet.sleep(0)

    for _ in range(count // 2):
        genlet.spawn_n(owner)
    for _ in range(4):
        yield from genlet.sleep(0)


HELD: List[object] = []
SLEEPERS: Dict[str, Park] = {
    park.__name__: park
    for park in (
        *(nobody, on_events, on_one_event, on_a_queue, on_a_full_queue, on_a_semaphore, on_a_lock),
        *(on_a_condition, on_a_channel, on_each_other, asleep, asleep_forever, with_timeouts),
        *(on_sockets, on_listeners, on_numbers, on_threads, on_children, in_one_group, held),
    )
}
# Those that need a descriptor each.
DESCRIPTORS = ("on_sockets", "on_listeners", "on_numbers")

# ---- turns ----------------------------------------------------------------------------------------

Take = Callable[[int], Green[None]]


def switch(turns: int) -> Green:
    """A greenthread is ready."""
    for _ in range(turns):
        yield from genlet.sleep(0)


def one_pipe(turns: int) -> Green:
    """Nothing is ready, and the same greenthread waits for a descriptor as before."""
    reading, writing = os.pipe()
    for _ in range(turns):
        os.write(writing, b"x")
        yield from genlet.trampoline(reading, read=True)
        os.read(reading, 1)


def two_pipes(turns: int) -> Green:
    """Nothing is ready, and another greenthread waits for a descriptor than before."""
    reading, writing = os.pipe()
    events: List[Event[None]] = [Event(), Event()]

    def waits(number: int) -> Green:
        for _ in range(turns // 2):
            yield from events[number].wait()
            events[number].reset()
            os.write(writing, b"x")
            yield from genlet.trampoline(reading, read=True)
            os.read(reading, 1)
            events[1 - number].send()

    gts = [genlet.spawn(waits, number) for number in range(2)]
    events[0].send()
    for gt in gts:
        yield from gt.wait()


def one_socket(turns: int) -> Green:
    """Nothing is ready, and a green socket is waited for."""
    ours, theirs = socket.socketpair()

    def answers() -> Green:
        for _ in range(turns // 2):
            yield from theirs.recv(1)
            yield from theirs.sendall(b"x")

    gt = genlet.spawn(answers)
    for _ in range(turns // 2):
        yield from ours.sendall(b"x")
        yield from ours.recv(1)
    yield from gt.wait()


def nap(turns: int) -> Green:
    """Nothing is ready, and a timer is about to fire."""
    for _ in range(turns):
        yield from genlet.sleep(1e-9)


def pipe_and_timeout(turns: int) -> Green:
    """Nothing is ready, and a timer is far off."""
    reading, writing = os.pipe()
    for _ in range(turns):
        os.write(writing, b"x")
        yield from genlet.trampoline(reading, read=True, timeout=500)
        os.read(reading, 1)


def thread(turns: int) -> Green:
    """A thread makes a call, and the portal rings."""
    pool = tpool.ThreadPool(1, "turns")
    for _ in range(turns):
        yield from pool.execute(int)


def call_soon(turns: int) -> Green:
    """A call comes through a portal from the kernel's own thread."""
    with genlet.portal() as portal:
        for _ in range(turns):
            portal.call_soon(int)
            yield from genlet.sleep(0)


def hand_over(turns: int) -> Green:
    queue: Queue[int] = Queue(1)

    def puts() -> Green:
        for number in range(turns):
            yield from queue.put(number)

    gt = genlet.spawn(puts)
    for _ in range(turns):
        yield from queue.get()
    yield from gt.wait()


def spawn_and_wait(turns: int) -> Green:
    for _ in range(turns):
        yield from genlet.spawn(genlet.sleep, 0).wait()


def spawn_and_kill(turns: int) -> Green:
    for _ in range(turns):
        gt = genlet.spawn(genlet.sleep, 500)
        yield from genlet.sleep(0)
        yield from gt.kill()


def scope_cancelled(turns: int) -> Green:
    for _ in range(turns):
        with genlet.CancelScope() as scope:
            scope.cancel()
            yield from genlet.sleep(0)


def group(turns: int) -> Green:
    for _ in range(turns):
        with TaskGroup() as children:
            children.spawn(genlet.sleep, 0)
            yield from children.join()


def group_aborted(turns: int) -> Green:
    for _ in range(turns):
        with TaskGroup(on_exit="cancel") as children:
            children.spawn(genlet.sleep, 500)
            yield from genlet.sleep(0)


TURNS: Dict[str, Take] = {
    take.__name__: take
    for take in (
        *(switch, one_pipe, two_pipes, one_socket, nap, pipe_and_timeout, thread, call_soon),
        *(hand_over, spawn_and_wait, spawn_and_kill, scope_cancelled, group, group_aborted),
    )
}

# ---- measuring ------------------------------------------------------------------------------------


class Lines:
    """Counts the lines of Python that this thread runs in a block, with those of frames that wait."""

    def __init__(self) -> None:
        self.count: int = 0

    def _trace(self, _frame: FrameType, event: str, _arg: object) -> Callable[..., Any]:
        if event == "line":
            self.count += 1
        return self._trace

    def __enter__(self) -> None:
        sys.settrace(self._trace)
        frame: Optional[FrameType] = sys._getframe()
        while frame is not None:  # the kernel's loop was called before
            frame.f_trace = self._trace
            frame = frame.f_back

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)


def cost(take: Take, budget: float) -> Green[float]:
    """Return the microseconds of the processor that a turn takes, measured for *budget* seconds."""
    turns, took = 4, 0.0
    while took < budget / 4 and turns < 20_000:
        turns *= 4
        started = time.process_time()
        yield from take(turns)
        took = time.process_time() - started
    return took / turns * 1e6


def lines(take: Take) -> Green[float]:
    """Return the lines of Python that a turn runs."""
    yield from take(20)  # what happens once: descriptors that say they are writable
    counted = Lines()
    with counted:
        yield from take(LINES)
    return counted.count / LINES


def measure(sleepers: str, count: int, budget: float, names: List[str]) -> None:
    """Print what each of the turns *names* costs beside *count* sleepers, a line of JSON for each.

    Args:
        budget: Seconds for a turn, or 0 to count lines.
    """

    def main() -> Green:
        yield from SLEEPERS[sleepers](count)
        # What the collector takes grows with all that there is, and comes by chance.
        gc.collect()
        gc.disable()
        for name in names:
            each = yield from cost(TURNS[name], budget) if budget else lines(TURNS[name])
            print(json.dumps({"turn": name, "each": each}), flush=True)
        os._exit(0)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * count + 1000)), hard))
    genlet.run(main)


def beside(
    sleepers: str, count: int, names: List[str], *, budget: float = BUDGET, bound: float = BOUND
) -> Dict[str, float]:
    """Measure in a process of its own.

    Args:
        budget: Seconds for each of the turns *names*, or 0 to count lines.
        bound: Seconds for the process.

    Returns:
        Microseconds or lines a turn; what it could not do in time is missing.
    """
    command = [sys.executable, "-m", "comparisons.turns.matrix", "--one"]
    try:
        done = subprocess.run(
            [*command, sleepers, str(count), str(budget), *names],
            stdout=subprocess.PIPE,
            timeout=bound,
            check=False,
        ).stdout
    except subprocess.TimeoutExpired as late:
        done = late.stdout or b""
    found = [json.loads(line) for line in done.decode().splitlines()]
    return {one["turn"]: one["each"] for one in found}


def most(sleepers: str, many: int) -> int:
    """Return how many sleepers of a kind there can be."""
    if sleepers in DESCRIPTORS:
        return min(many, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 500)
    return many


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(prog="python3 -m comparisons.turns.matrix")
    parser.add_argument("--many", type=int, default=MANY, help="how many sleep")
    parser.add_argument("--sleepers", action="append", choices=SLEEPERS, help="only these")
    parser.add_argument("--turn", action="append", choices=TURNS, help="only these")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="processes for each number")
    parser.add_argument("--lines", action="store_true", help="count lines instead of time")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sleepers, count, budget, *names = options.one
        measure(sleepers, int(count), float(budget), names)
    names = options.turn or list(TURNS)
    print(f"| beside {FEW} and {options.many:,} | " + " | ".join(names) + " |", flush=True)
    print("|---|" + "---:|" * len(names))
    budget, rounds = (0.0, 1) if options.lines else (BUDGET, options.rounds)
    marked = 0
    for sleepers in options.sleepers or SLEEPERS:
        few: Dict[str, float] = {}
        many: Dict[str, float] = {}
        for _ in range(rounds):
            for least, count in (few, FEW), (many, most(sleepers, options.many)):
                for name, each in beside(sleepers, count, names, budget=budget).items():
                    least[name] = min(each, least.get(name, each))
        cells = [cell(few.get(name), many.get(name)) for name in names]
        marked += sum(one.startswith("**") for one in cells)
        print(f"| {sleepers} | " + " | ".join(cells) + " |", flush=True)
    print(f"\n{marked} cells are more than {MARK:g} times what they are beside {FEW}.")


def cell(few: Optional[float], many: Optional[float]) -> str:
    """Return the text of one cell."""
    if few is None:
        return "failed"
    if many is None:
        return f"**{few:.1f}, then nothing**"
    text = f"{few:.1f} x {many / few:.2f}"
    return f"**{text}**" if many / few > MARK else text


if __name__ == "__main__":
    main()
