"""The kernel's figures beside those of whatever peers are installed.

    python3 -m comparisons.figures            # all of it, some minutes
    python3 -m comparisons.figures --quick    # smaller numbers, to see that it runs

Every job runs in a process of its own, the contestants in turn, several rounds; the median is
printed.  The echo server is pinned to one core and its client to another, and what is quoted is the
server's CPU time per request, from ``/proc/PID/stat``: it does not depend on how fast the client is.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import select
import socket
import statistics
import subprocess
import sys
import time
from typing import Any, Callable, Dict, Generator, List, Optional, Tuple

LIBRARIES = ["genlet", "asyncio", "uvloop", "gevent", "eventlet", "trio", "anyio"]
TASKS = 100


def rss() -> int:
    """Return this process's resident memory in bytes."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def per(count: int, started: float) -> float:
    """Return microseconds for each of *count* since *started*."""
    return (time.perf_counter() - started) / count * 1e6


# ---- the jobs, for each library ------------------------------------------------------------------


def with_genlet(job: str, count: int) -> float:
    import genlet

    def nothing() -> genlet.Green[int]:
        yield from ()
        return 1

    def turns(n: int) -> genlet.Green:
        for _ in range(n):
            yield from genlet.sleep(0)

    def switch() -> genlet.Green[float]:
        each = count // TASKS
        greenthreads = [genlet.spawn(turns, each) for _ in range(TASKS)]
        started = time.perf_counter()
        for gt in greenthreads:
            yield from gt.wait()
        return per(each * TASKS, started)

    def spawn() -> genlet.Green[float]:
        started = time.perf_counter()
        for _ in range(count // TASKS):
            greenthreads = [genlet.spawn(nothing) for _ in range(TASKS)]
            for gt in greenthreads:
                yield from gt.wait()
        return per(count, started)

    def timeout() -> genlet.Green[float]:
        started = time.perf_counter()
        for _ in range(count):
            with genlet.move_on_after(5):
                pass
        yield from ()
        return per(count, started)

    def sleeper() -> genlet.Green:
        yield from genlet.sleep(1000)

    def memory() -> genlet.Green[float]:
        before = rss()
        for _ in range(count):
            genlet.spawn_n(sleeper)
        yield from genlet.sleep(0)
        return (rss() - before) / count

    def queue() -> genlet.Green[float]:
        items: genlet.Queue[int] = genlet.Queue(1)

        def produce() -> genlet.Green:
            for number in range(count):
                yield from items.put(number)

        started = time.perf_counter()
        genlet.spawn(produce)
        for _ in range(count):
            yield from items.get()
        return per(count, started)

    def group() -> genlet.Green[float]:
        started = time.perf_counter()
        for _ in range(count):
            with genlet.TaskGroup() as children:
                for _ in range(10):
                    children.spawn(nothing)
                yield from children.join()
        return per(count, started)

    def semaphore() -> genlet.Green[float]:
        permits = genlet.Semaphore(1)

        def take(n: int) -> genlet.Green:
            for _ in range(n):
                yield from permits.acquire()
                yield from genlet.sleep(0)
                permits.release()

        started = time.perf_counter()
        for gt in [genlet.spawn(take, count // 10) for _ in range(10)]:
            yield from gt.wait()
        return per(count, started)

    def run_noop() -> float:
        started = time.perf_counter()
        for _ in range(count):
            genlet.run(nothing)
        return per(count, started)

    if job == "run":
        return run_noop()
    jobs = {
        "switch": switch,
        "spawn": spawn,
        "timeout": timeout,
        "memory": memory,
        "queue": queue,
        "semaphore": semaphore,
        "group": group,
    }
    return genlet.Runner(grace=0).run(jobs[job])


def with_asyncio(job: str, count: int, run: Optional[Callable[..., Any]] = None) -> float:
    import asyncio

    run = run or asyncio.run

    async def nothing() -> int:
        return 1

    async def turns(n: int) -> None:
        for _ in range(n):
            await asyncio.sleep(0)

    async def switch() -> float:
        each = count // TASKS
        tasks = [asyncio.create_task(turns(each)) for _ in range(TASKS)]
        started = time.perf_counter()
        for task in tasks:
            await task
        return per(each * TASKS, started)

    async def spawn() -> float:
        started = time.perf_counter()
        for _ in range(count // TASKS):
            tasks = [asyncio.create_task(nothing()) for _ in range(TASKS)]
            for task in tasks:
                await task
        return per(count, started)

    async def timeout() -> float:
        started = time.perf_counter()
        for _ in range(count):
            async with asyncio.timeout(5):
                pass
        return per(count, started)

    async def memory() -> float:
        before = rss()
        tasks = [asyncio.create_task(asyncio.sleep(1000)) for _ in range(count)]
        await asyncio.sleep(0)
        used = (rss() - before) / count
        for task in tasks:
            task.cancel()
        return used

    async def queue() -> float:
        items: asyncio.Queue[int] = asyncio.Queue(1)

        async def produce() -> None:
            for number in range(count):
                await items.put(number)

        started = time.perf_counter()
        task = asyncio.create_task(produce())
        for _ in range(count):
            await items.get()
        await task
        return per(count, started)

    async def group() -> float:
        started = time.perf_counter()
        for _ in range(count):
            async with asyncio.TaskGroup() as children:
                for _ in range(10):
                    children.create_task(nothing())
        return per(count, started)

    async def semaphore() -> float:
        permits = asyncio.Semaphore(1)

        async def take(n: int) -> None:
            for _ in range(n):
                await permits.acquire()
                await asyncio.sleep(0)
                permits.release()

        started = time.perf_counter()
        for task in [asyncio.create_task(take(count // 10)) for _ in range(10)]:
            await task
        return per(count, started)

    if job == "run":
        started = time.perf_counter()
        for _ in range(count):
            run(nothing())
        return per(count, started)
    jobs = {
        "switch": switch,
        "spawn": spawn,
        "timeout": timeout,
        "memory": memory,
        "queue": queue,
        "semaphore": semaphore,
        "group": group,
    }
    return float(run(jobs[job]()))


def with_uvloop(job: str, count: int) -> float:
    import uvloop

    return with_asyncio(job, count, uvloop.run)


def with_gevent(job: str, count: int) -> Optional[float]:
    import gevent

    def turns(n: int) -> None:
        for _ in range(n):
            gevent.sleep(0)

    if job == "switch":
        each = count // TASKS
        greenlets = [gevent.spawn(turns, each) for _ in range(TASKS)]
        started = time.perf_counter()
        gevent.joinall(greenlets)
        return per(each * TASKS, started)
    if job == "spawn":
        started = time.perf_counter()
        for _ in range(count // TASKS):
            for greenlet in [gevent.spawn(int) for _ in range(TASKS)]:
                greenlet.get()
        return per(count, started)
    if job == "timeout":
        started = time.perf_counter()
        for _ in range(count):
            with gevent.Timeout(5):
                pass
        return per(count, started)
    if job == "memory":
        before = rss()
        sleepers = [gevent.spawn(gevent.sleep, 1000) for _ in range(count)]
        gevent.sleep(0)
        return (rss() - before) / len(sleepers)
    if job == "queue":
        from gevent.queue import Queue

        return hand_over(Queue(1), gevent.spawn, count)
    if job == "semaphore":
        from gevent.lock import Semaphore

        return contend(Semaphore(1), gevent.spawn, gevent.sleep, gevent.joinall, count)
    return None


def hand_over(items: Any, spawn: Callable[..., Any], count: int) -> float:
    """One greenlet puts, another gets; for libraries that wait without saying so."""

    def produce() -> None:
        for number in range(count):
            items.put(number)

    started = time.perf_counter()
    spawn(produce)
    for _ in range(count):
        items.get()
    return per(count, started)


def contend(
    permits: Any,
    spawn: Callable[..., Any],
    sleep: Callable[[float], Any],
    joinall: Callable[[List[Any]], Any],
    count: int,
) -> float:
    """Ten greenlets take one permit in turn."""

    def take(n: int) -> None:
        for _ in range(n):
            permits.acquire()
            sleep(0)
            permits.release()

    started = time.perf_counter()
    joinall([spawn(take, count // 10) for _ in range(10)])
    return per(count, started)


def with_eventlet(job: str, count: int) -> Optional[float]:
    import warnings

    warnings.simplefilter("ignore")
    import eventlet

    def turns(n: int) -> None:
        for _ in range(n):
            eventlet.sleep(0)

    if job == "switch":
        each = count // TASKS
        greenthreads = [eventlet.spawn(turns, each) for _ in range(TASKS)]
        started = time.perf_counter()
        for gt in greenthreads:
            gt.wait()
        return per(each * TASKS, started)
    if job == "spawn":
        started = time.perf_counter()
        for _ in range(count // TASKS):
            for gt in [eventlet.spawn(int) for _ in range(TASKS)]:
                gt.wait()
        return per(count, started)
    if job == "timeout":
        started = time.perf_counter()
        for _ in range(count):
            with eventlet.Timeout(5):
                pass
        return per(count, started)
    if job == "memory":
        before = rss()
        sleepers = [eventlet.spawn(eventlet.sleep, 1000) for _ in range(count)]
        eventlet.sleep(0)
        return (rss() - before) / len(sleepers)
    if job == "queue":
        return hand_over(eventlet.Queue(1), eventlet.spawn, count)
    if job == "semaphore":

        def joinall(greenthreads: List[Any]) -> None:
            for gt in greenthreads:
                gt.wait()

        return contend(eventlet.Semaphore(1), eventlet.spawn, eventlet.sleep, joinall, count)
    return None


def with_trio(job: str, count: int) -> float:
    import trio
    import trio.testing

    async def nothing() -> None:
        pass

    async def turns(n: int) -> None:
        for _ in range(n):
            await trio.sleep(0)

    async def switch() -> float:
        each = count // TASKS
        started = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(TASKS):
                nursery.start_soon(turns, each)
        return per(each * TASKS, started)

    async def spawn() -> float:
        started = time.perf_counter()
        for _ in range(count // TASKS):
            async with trio.open_nursery() as nursery:
                for _ in range(TASKS):
                    nursery.start_soon(nothing)
        return per(count, started)

    async def timeout() -> float:
        started = time.perf_counter()
        for _ in range(count):
            with trio.move_on_after(5):
                pass
        return per(count, started)

    async def memory() -> float:
        before = rss()
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(trio.sleep, 1000)
            await trio.testing.wait_all_tasks_blocked()
            used = (rss() - before) / count
            nursery.cancel_scope.cancel()
        return used

    async def queue() -> float:
        send, receive = trio.open_memory_channel[int](1)

        async def produce() -> None:
            for number in range(count):
                await send.send(number)

        started = time.perf_counter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(produce)
            for _ in range(count):
                await receive.receive()
        return per(count, started)

    async def group() -> float:
        started = time.perf_counter()
        for _ in range(count):
            async with trio.open_nursery() as nursery:
                for _ in range(10):
                    nursery.start_soon(nothing)
        return per(count, started)

    async def semaphore() -> float:
        permits = trio.Semaphore(1)

        async def take(n: int) -> None:
            for _ in range(n):
                await permits.acquire()
                await trio.sleep(0)
                permits.release()

        started = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(take, count // 10)
        return per(count, started)

    if job == "run":
        started = time.perf_counter()
        for _ in range(count):
            trio.run(nothing)
        return per(count, started)
    jobs = {
        "switch": switch,
        "spawn": spawn,
        "timeout": timeout,
        "memory": memory,
        "queue": queue,
        "semaphore": semaphore,
        "group": group,
    }
    return float(trio.run(jobs[job]))


def with_anyio(job: str, count: int) -> Optional[float]:
    import anyio

    async def nothing() -> None:
        pass

    async def group() -> float:
        started = time.perf_counter()
        for _ in range(count):
            async with anyio.create_task_group() as children:
                for _ in range(10):
                    children.start_soon(nothing)
        return per(count, started)

    async def timeout() -> float:
        started = time.perf_counter()
        for _ in range(count):
            with anyio.move_on_after(5):
                pass
        return per(count, started)

    jobs = {"group": group, "timeout": timeout}
    return float(anyio.run(jobs[job])) if job in jobs else None


# ---- echo servers --------------------------------------------------------------------------------


def listener(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), backlog=4096)


def echo_raw(port: int) -> None:
    """The floor: an epoll loop with callbacks, and no library."""
    epoll, server = select.epoll(), listener(port)
    server.setblocking(False)
    epoll.register(server.fileno(), select.EPOLLIN)
    connections: Dict[int, socket.socket] = {}
    while True:
        for fd, _ in epoll.poll(-1, 1024):
            if fd == server.fileno():
                connection, _ = server.accept()
                connection.setblocking(False)
                connections[connection.fileno()] = connection
                epoll.register(connection.fileno(), select.EPOLLIN)
            else:
                data = connections[fd].recv(65536)
                if data:
                    connections[fd].send(data)
                else:
                    epoll.unregister(fd)
                    connections.pop(fd).close()


def echo_genlet(port: int) -> None:
    import genlet
    from genlet.green import socket as green

    def echo(connection: green.socket) -> genlet.Green:
        with connection:
            while True:
                data = yield from connection.recv(65536)
                if not data:
                    return
                yield from connection.sendall(data)

    def main() -> genlet.Green:
        server = green.create_server(("127.0.0.1", port), backlog=4096)
        while True:
            connection, _ = yield from server.accept()
            genlet.spawn_n(echo, connection)

    genlet.run(main)


def echo_asyncio(port: int, run: Optional[Callable[..., Any]] = None) -> None:
    import asyncio

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(echo, sock=listener(port))
        await server.serve_forever()

    (run or asyncio.run)(main())


def echo_uvloop(port: int) -> None:
    import uvloop

    echo_asyncio(port, uvloop.run)


def echo_gevent(port: int) -> None:
    from gevent.server import StreamServer

    def echo(connection: Any, _address: object) -> None:
        while data := connection.recv(65536):
            connection.sendall(data)

    StreamServer(("127.0.0.1", port), echo, backlog=4096).serve_forever()


def echo_eventlet(port: int) -> None:
    import warnings

    warnings.simplefilter("ignore")
    import eventlet

    def echo(connection: Any) -> None:
        while data := connection.recv(65536):
            connection.sendall(data)

    server = eventlet.listen(("127.0.0.1", port), backlog=4096)
    while True:
        connection, _ = server.accept()
        eventlet.spawn_n(echo, connection)


def echo_trio(port: int) -> None:
    import trio

    async def echo(stream: trio.SocketStream) -> None:
        while data := await stream.receive_some(65536):
            await stream.send_all(data)

    trio.run(trio.serve_tcp, echo, port)


def load(port: int, connections: int, seconds: float, size: int, pid: int) -> float:
    """Keep every connection busy with one message after the other.

    Returns:
        CPU microseconds that process *pid* spent on each, after a warm-up.
    """
    epoll = select.epoll()
    message = b"x" * size
    sockets: Dict[int, socket.socket] = {}
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[sock.fileno()] = sock
        epoll.register(sock.fileno(), select.EPOLLIN)
        sock.send(message)
    missing = dict.fromkeys(sockets, size)

    def during(seconds: float) -> int:
        answered = 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for fd, _ in epoll.poll(0.1, 1024):
                missing[fd] -= len(sockets[fd].recv(65536))
                if not missing[fd]:
                    missing[fd] = size
                    answered += 1
                    sockets[fd].send(message)
        return answered

    during(0.3)
    before = cpu_ticks(pid)
    answered = during(seconds)
    ticks = cpu_ticks(pid) - before
    return ticks / os.sysconf("SC_CLK_TCK") / answered * 1e6


def cpu_ticks(pid: int) -> int:
    """Return the user and system time of a process together, in clock ticks."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def measure_echo(library: str, connections: int, seconds: float) -> float:
    """Return the server's CPU microseconds for each request."""
    pin = getattr(os, "sched_setaffinity", None)  # PyPy has none
    cores = sorted(os.sched_getaffinity(0)) if pin else []
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "comparisons.figures", "--serve", library, str(port)],
        stderr=subprocess.DEVNULL,
    )
    try:
        if pin:
            pin(server.pid, {cores[0]})
            pin(0, {cores[-1]})
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        return load(port, connections, seconds, 64, server.pid)
    finally:
        if pin:
            pin(0, set(cores))
        server.kill()
        server.wait()


# ---- the run -------------------------------------------------------------------------------------


def measure_import(library: str) -> float:
    """Return the milliseconds that importing *library* adds to a bare interpreter."""

    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def once(code: str) -> float:
        started = time.perf_counter()
        command = [sys.executable, "-c", code]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=environment)
        return time.perf_counter() - started

    once(f"import {library}")  # which compiles it, if that was not done before
    pairs = [(once(f"import {library}"), once("pass")) for _ in range(7)]
    return statistics.median(a - b for a, b in pairs) * 1000


def installed() -> List[str]:
    return [name for name in LIBRARIES if importlib.util.find_spec(name) is not None]


def rows(quick: bool) -> Generator[Tuple[str, str, Dict[str, float]], None, None]:
    """Measure, and give one row after the other: what, its unit, and a figure for each library."""
    scale, rounds = (20, 1) if quick else (1, 5)
    names = installed()
    jobs = [
        ("switch", "one sleep(0), 100 at a time, µs", 500_000),
        ("spawn", "spawn, end and wait, µs", 100_000),
        ("queue", "Queue(1), one put and get, µs", 100_000),
        ("semaphore", "Semaphore(1) passed on among 10, µs", 100_000),
        ("group", "a task group of 10, µs", 10_000),
        ("timeout", "a timeout around nothing, µs", 200_000),
        ("run", "run(noop), µs", 2_000),
        ("memory", "one asleep, bytes", 100_000),
    ]
    for job, title, count in jobs:
        found: Dict[str, List[float]] = {}
        for _ in range(rounds):
            for name in names:
                command = [sys.executable, "-m", "comparisons.figures", "--job", job, name]
                done = subprocess.run(
                    [*command, str(count // scale)], capture_output=True, text=True
                )
                value = json.loads(done.stdout) if done.returncode == 0 else None
                if value is not None:
                    found.setdefault(name, []).append(value)
        yield job, title, {name: statistics.median(values) for name, values in found.items()}
    yield "import", "import, ms over a bare interpreter", {n: measure_import(n) for n in names}
    if sys.platform == "linux":
        seconds = 1.0 if quick else 3.0
        found = {}
        for _ in range(rounds if quick else 3):
            for name in ["raw", *(name for name in names if f"echo_{name}" in globals())]:
                found.setdefault(name, []).append(measure_echo(name, 100, seconds))
        medians = {name: statistics.median(values) for name, values in found.items()}
        yield "echo", "echo, 100 connections, CPU µs a request", medians


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="smaller numbers, one round")
    parser.add_argument(
        "--job", nargs=3, metavar=("JOB", "LIBRARY", "COUNT"), help="one job, here"
    )
    parser.add_argument("--serve", nargs=2, metavar=("LIBRARY", "PORT"), help="one echo server")
    options = parser.parse_args()
    if options.job:
        job, library, count = options.job
        print(json.dumps(globals()[f"with_{library}"](job, int(count))), flush=True)
        os._exit(0)  # a hundred thousand sleepers need not be waited for
    if options.serve:
        library, port = options.serve
        globals()[f"echo_{library}"](int(port))
        return
    names = ["raw", *installed()]
    print(f"{sys.implementation.name} {sys.version.split()[0]}, {os.cpu_count()} cores\n")
    print("| | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|", flush=True)
    for _, title, figures in rows(options.quick):
        cells = [f"{figures[name]:,.2f}" if name in figures else "" for name in names]
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
