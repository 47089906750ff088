"""Whose contextvars are seen where: each row of the table in docs/contextvars.md."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextvars import ContextVar
from pathlib import Path
from threading import Thread
from typing import Any, Callable, Dict, Iterator, List

import pytest

from genlet import (
    Barrier,
    Event,
    Green,
    GreenPile,
    GreenPool,
    Ready,
    ScopedGroup,
    Stopper,
    TaskGroup,
    amap,
    awaitable,
    drive,
    gather,
    portal,
    race,
    run,
    scoped,
    sleep,
    spawn,
    spawn_after,
    spawn_n,
    tpool,
    with_timeout,
)
from genlet.greenthread import call_after_global
from genlet.net import Stream, connect, listen, serve

PAGE = Path(__file__).resolve().parent.parent / "docs" / "contextvars.md"

var: ContextVar[str] = ContextVar("var", default="nobody")
seen: Dict[str, str] = {}


def look(place: str) -> Green[str]:
    """Note what is seen, then change it: a copy does not give that back."""
    seen[place] = var.get()
    var.set(place)
    yield from sleep(0)
    return place


def note(place: str) -> Callable[..., None]:
    def plain(*_args: object) -> None:
        seen[place] = var.get()
        var.set(place)

    return plain


def only_look(place: str) -> None:
    seen[place] = var.get()


def copies(main: Callable[[], Green[object]]) -> Dict[str, str]:
    """Run *main* with the value "main"; it must be unchanged at its end.  Returns what was seen."""
    seen.clear()

    def whole() -> Green[None]:
        var.set("main")
        yield from main()
        assert var.get() == "main"

    var.set("thread")
    run(whole)
    assert var.get() == "thread"
    return dict(seen)


def test_green_call_runs_in_the_context_of_its_caller() -> None:
    """It sees its caller's values, and changes them: a plain call, with_timeout, @scoped, drive."""

    async def coroutine() -> str:
        return await awaitable(look("drive"))

    @scoped
    def in_a_scope(_group: ScopedGroup) -> Green[str]:
        return (yield from look("scoped"))

    def main() -> Green[None]:
        for call in (
            look("call"),
            with_timeout(1000, look, "with_timeout"),
            in_a_scope(),
            drive(coroutine()),
        ):
            place = yield from call
            assert var.get() == place
            var.set("main")

    found = copies(main)
    assert found == dict.fromkeys(["call", "with_timeout", "scoped", "drive"], "main")


def test_spawned_greenthread_has_a_copy_of_its_spawners_context() -> None:
    """However it is spawned, of the moment when it is spawned."""

    def started(ready: Ready[None], place: str) -> Green[None]:
        yield from look(place)
        ready.set(None)

    def main() -> Green[None]:
        yield from spawn(look, "spawn").wait()
        spawn_n(look, "spawn_n")
        late = spawn_after(0.001, look, "spawn_after")
        var.set("later")
        yield from late.wait()
        var.set("main")
        with TaskGroup() as group:
            group.spawn(look, "group")
            yield from group.start(started, "start")
            yield from group.join()
        yield from gather(look("gather"))
        yield from race(look("race"))
        yield from amap(look, ["amap"])
        pool = GreenPool(10)
        yield from pool.spawn(look, "pool")
        yield from pool.waitall()
        pile: GreenPile[str] = GreenPile(pool)
        yield from pile.spawn(look, "pile")
        yield from pile.collect()
        yield from pool.imap(look, ["imap"]).collect()

    found = copies(main)
    assert found == dict.fromkeys(found, "main")
    assert len(found) == 11


def test_job_run_in_its_spawner_shares_its_context() -> None:
    """A greenthread of a full pool runs the job by itself, in its own context."""

    def inside(pool: GreenPool) -> Green[None]:
        var.set("spawner")
        yield from pool.spawn(look, "inline")
        assert var.get() == "inline"

    def main() -> Green[None]:
        pool = GreenPool(1)
        gt = yield from pool.spawn(inside, pool)
        yield from gt.wait()

    assert copies(main) == {"inline": "spawner"}


def test_link_has_a_copy_of_the_context_of_the_greenthread_that_ended() -> None:
    """Made before the end or after it, and whatever it changes."""

    def child() -> Green[None]:
        var.set("child")
        yield from sleep(0)

    def main() -> Green[None]:
        gt = spawn(child)
        gt.link(note("first"))
        gt.link(note("second"))
        yield from gt.wait()
        gt.link(note("third"))

    assert copies(main) == dict.fromkeys(["first", "second", "third"], "child")


def test_plain_callbacks_run_in_the_context_of_the_code_that_calls_them() -> None:
    """A stopper's link, a barrier's action."""

    def main() -> Green[None]:
        stopper = Stopper()
        stopper.link(note("stopper"))
        stopper.stop()
        assert var.get() == "stopper"
        yield from Barrier(1, note("barrier")).wait()
        var.set("main")

    assert copies(main) == {"stopper": "main", "barrier": "stopper"}


@pytest.fixture
def no_workers() -> Iterator[None]:
    yield
    tpool.killall()


@pytest.mark.usefixtures("no_workers")
def test_threads_have_copies_and_bring_their_own_context_along() -> None:
    """A worker sees its caller's values; what a thread runs in the run sees the thread's."""

    def from_a_worker() -> None:
        var.set("worker")
        tpool.from_thread.run(look, "from_thread.run")
        assert var.get() == "worker"

    def from_a_thread(door: Any, done: Event[None]) -> None:
        var.set("another thread")
        door.run(look, "portal.run")
        door.call_soon(only_look, "call_soon")
        door.call_soon(done.send, None)

    def main() -> Green[None]:
        yield from tpool.execute(note("execute"))
        proxy: Any = tpool.Proxy([note("proxy")])
        plain: Any = yield from proxy.pop()
        yield from tpool.execute(plain)
        yield from tpool.execute(from_a_worker)
        done: Event[None] = Event()
        with portal() as door:
            thread = Thread(target=from_a_thread, args=(door, done))
            thread.start()
            yield from done.wait()
            yield from tpool.execute(thread.join)
        timed: Event[None] = Event()
        call_after_global(0, only_look, "call_after_global")
        call_after_global(0, timed.send, None)
        yield from timed.wait()

    found = copies(main)
    assert found == {
        "call_soon": "thread",
        "call_after_global": "thread",
        "execute": "main",
        "proxy": "main",
        "from_thread.run": "worker",
        "portal.run": "another thread",
    }


def test_handler_of_a_server_has_a_copy_of_the_context_of_serve() -> None:
    """Each connection has its own."""

    def handle(stream: Stream) -> Green[None]:
        yield from stream.send_all((yield from look("handler")).encode())

    def main() -> Green[None]:
        stopper = Stopper()
        listeners = listen("127.0.0.1", 0)
        with TaskGroup() as group:
            var.set("server")
            group.spawn(serve, handle, listeners, stopper=stopper)
            var.set("main")
            for _ in range(2):
                with (yield from connect("127.0.0.1", listeners.port)) as stream:
                    yield from stream.read_all()
                assert seen.pop("handler") == "server"
            stopper.stop()
            yield from group.join()

    copies(main)


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent signals there")
def test_signal_handler_runs_in_the_context_it_interrupts() -> None:
    """That of the greenthread that runs."""
    found: List[str] = []

    def main() -> Green[None]:
        os.kill(os.getpid(), signal.SIGUSR1)
        for _ in range(1000):  # PyPy looks for signals now and then
            if found:
                break
            yield from sleep(0)

    def handler(_signal: int, _frame: object) -> None:
        found.append(var.get())

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        copies(main)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert found == ["main"]


def test_page_has_a_row_for_each_test() -> None:
    """The table that these tests check has the rows that they check."""
    rows = re.findall(r"^\| (.+?) \| .+ \|$", PAGE.read_text("utf-8"), re.M)
    assert len(rows) == 16  # with its head and its rule
