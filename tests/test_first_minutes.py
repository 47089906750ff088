"""The first mistakes of a user: each is answered with what to write instead."""

from __future__ import annotations

import copy
import gc
import pickle
import socket as plain_socket
import sys
import threading
from functools import partial
from importlib.util import find_spec
from typing import Any, AsyncGenerator, Callable, Iterator, List, cast

import pytest

import genlet
import genlet.green
import genlet.hubs
from genlet import (
    Barrier,
    Channel,
    Condition,
    DAGPool,
    Deadlock,
    Event,
    Green,
    GreenPile,
    GreenPool,
    GreenThread,
    Lock,
    Queue,
    RLock,
    Runner,
    Semaphore,
    Stopper,
    TaskGroup,
    amap,
    as_completed,
    drive,
    fail_after,
    get_hub,
    is_timeout,
    portal,
    run,
    sleep,
    spawn,
    tpool,
    trampoline,
    with_timeout,
)
from genlet._absent import INSTEAD
from genlet.green import socket
from genlet.greenio import GreenSocket, shutdown_safe
from genlet.greenthread import call_after_global, call_after_local, exc_after
from genlet.net import ConnectError, Stream, connect
from genlet.net.connect import ConnectRefused

Call = Callable[[], Any]


def number() -> Green[int]:
    yield from sleep(0)
    return 7


class Waiting:
    def method(self, _gt: object) -> Green[None]:
        yield from sleep(0)


def numbers(_gt: object) -> Iterator[int]:
    yield 1


async def coroutine(_gt: object) -> None:
    pass


def green_link(_gt: object, *_more: object) -> Green[None]:
    yield from sleep(0)


GREEN_LINKS: List[Any] = [
    green_link,
    partial(green_link, 1),
    partial(partial(green_link)),
    Waiting().method,
    sleep,
    numbers,
    coroutine,
]


# ---- plain functions that the kernel calls --------------------------------------------------------


@pytest.mark.parametrize("link", GREEN_LINKS)
def test_link_of_a_green_function_is_refused(link: Any) -> None:
    """A link is called and not driven: nothing of a green one would run."""

    def main() -> Green[None]:
        gt = spawn(number)
        with pytest.raises(
            TypeError, match=r"^link wants a plain function, which cannot wait; .*"
        ):
            gt.link(link)
        assert (yield from gt.wait()) == 7
        with pytest.raises(TypeError, match="link wants a plain function"):
            gt.link(link)

    run(main)


@pytest.mark.parametrize("returned", [number, lambda: coroutine(None)])
def test_link_that_returns_a_green_call_is_reported(
    returned: Callable[[], object], capfd: pytest.CaptureFixture[str]
) -> None:
    """A link that gives back what would have to be driven has done nothing, and that is told."""
    after: List[str] = []

    def main() -> Green[None]:
        gt = spawn(number)
        gt.link(lambda _gt: returned())
        gt.link(lambda _gt: after.append("the next link"))
        yield from gt.wait()
        with pytest.raises(TypeError, match="of which nothing runs"):
            gt.link(lambda _gt: returned())

    run(main)
    assert after == ["the next link"]
    err = capfd.readouterr().err
    assert "of which nothing runs" in err
    assert "gt.result()" in err
    assert "StopIteration" not in err


def test_plain_links_of_every_form_are_taken() -> None:
    """Methods, partials, builtins and callable objects are plain functions too."""
    seen: List[object] = []

    def append(one: int, _gt: object) -> None:
        seen.append(one)

    class Counting:
        def __call__(self, gt: GreenThread[int]) -> None:
            seen.append(gt.result())

    def main() -> Green[None]:
        gt = spawn(number)
        gt.link(seen.append)
        gt.link(partial(append, 1))
        gt.link(Counting())
        gt.link(lambda _gt: spawn(number))  # a greenthread is no generator
        yield from gt.wait()
        assert seen == [gt, 1, 7]

    run(main)


def test_other_callbacks_refuse_green_functions() -> None:
    """A portal's call, a stopper's link, a barrier's action, a timed call: the same law."""

    def main() -> Green[None]:
        with portal() as door, pytest.raises(TypeError, match="call_soon wants a plain function"):
            door.call_soon(green_link, None)
        with pytest.raises(TypeError, match="link wants a plain function"):
            Stopper().link(green_link)
        with pytest.raises(TypeError, match="of which nothing runs"):
            yield from Barrier(1, action=number).wait()
        with pytest.raises(TypeError, match="wants a plain function"):
            call_after_global(1, green_link, None)
        with pytest.raises(TypeError, match="wants a plain function"):
            call_after_local(1, green_link, None)
        with pytest.raises(TypeError, match="returned a generator: if it is green"):
            yield from tpool.execute(number)
        tpool.killall()

    run(main)


def test_calls_and_links_that_return_a_green_call_are_reported(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What a check of the function cannot see, its result shows."""

    def main() -> Green[None]:
        stopper = Stopper()
        stopper.link(lambda _stopper: number())
        stopper.stop()
        with portal() as door:
            door.call_soon(lambda: number())
            yield from sleep(0)
            yield from sleep(0)

    run(main)
    assert capfd.readouterr().err.count("of which nothing runs") == 2


# ---- calls driven by hand -------------------------------------------------------------------------


def pieces(what: Any) -> List[object]:
    return list(what)


HAND_DRIVEN: List[Any] = [
    ("sleep", lambda: sleep(0.01)),
    ("sleep", lambda: sleep(0)),
    ("sleep", lambda: sleep(float("inf"))),
    ("wait", lambda: spawn(number).wait()),
    ("get", lambda: Queue[int]().get()),
    ("wait", lambda: Event[None]().wait()),
    ("acquire", lambda: Semaphore(0).acquire()),
    ("wait", lambda: Barrier(2).wait()),
    ("next", lambda: Channel[int](1)[1].next()),
    ("", lambda: tpool.execute(len, "")),
]


@pytest.mark.parametrize(("name", "call"), HAND_DRIVEN)
def test_wait_driven_by_hand_says_what_to_write(name: str, call: Call) -> None:
    """Unpacking, iterating, list(): the error is raised there, and names the call."""

    def main() -> Green[None]:
        with pytest.raises(RuntimeError, match=rf"{name}\(\) waits, and plain code resumed it"):
            pieces(call())
        with pytest.raises(RuntimeError, match="write 'yield from' before the call"):
            _one, _two, _three = call()
        assert (yield from number()) == 7  # the run goes on

    run(main)


def test_descriptor_waits_driven_by_hand_say_what_to_write() -> None:
    """A listener, a receiver, a number: waits for descriptors say it too."""

    def main() -> Green[None]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with pytest.raises(
                RuntimeError, match=r"^accept\(\) waits, and plain code resumed it"
            ):
                _conn, _ = listener.accept()
            with pytest.raises(RuntimeError, match=r"^trampoline\(\) waits, and plain"):
                pieces(trampoline(listener, read=True))
            one, other = socket.socketpair()
            with one, other:
                with pytest.raises(RuntimeError, match=r"^recv\(\) waits, and plain"):
                    pieces(one.recv(1))
                yield from other.sendall(b"x")
                assert (yield from one.recv(1)) == b"x"  # nothing is left behind

    run(main)


def test_wait_driven_by_hand_outside_of_a_run_says_what_to_write() -> None:
    """Without any scheduler the mistake has the same answer."""
    with pytest.raises(RuntimeError, match=r"^sleep\(\) waits, and plain code resumed it"):
        pieces(sleep(1))


# ---- plain statements ------------------------------------------------------------------------------


SOURCES: List[Any] = [
    lambda: Queue[int](),
    lambda: Channel[int](1)[1],
    lambda: GreenPool(1).imap(Waiting().method, [1]),
    lambda: GreenPile[int](1),
    lambda: as_completed([spawn(number)]),
    lambda: tpool.Proxy(iter("ab")),
]


@pytest.mark.parametrize("make", SOURCES)
def test_for_over_a_source_says_which_loop_to_write(make: Call) -> None:
    """``for``, ``list`` and unpacking cannot wait; the error has the loop that can."""

    def main() -> Green[None]:
        source = make()
        for way in (list, sorted, lambda found: (*found,)):
            with pytest.raises(
                TypeError, match=r"write 'while \(item := \(yield from source\.next\(\)\)\) is"
            ):
                way(source)
        yield from sleep(0)

    run(main)


@pytest.mark.parametrize("make", [Semaphore, Lock, RLock, Condition])
def test_with_a_lock_says_what_to_write(make: Call) -> None:
    """The entry of a block cannot wait; the error has the block that can."""
    with (
        pytest.raises(TypeError, match=r"write 'with \(yield from lock\.hold\(\)\):'"),
        make(),
    ):
        pass


def test_subscript_of_a_dagpool_says_what_to_write() -> None:
    """eventlet's ``pool[key]`` waits."""
    pool: Any = DAGPool()
    with pytest.raises(TypeError, match=r"write 'yield from pool\.get\(key\)'"):
        pool["a"]


@pytest.mark.parametrize("value", [5, None, "text"])
def test_yield_of_a_value_says_what_to_do_instead(value: object) -> None:
    """A ``yield`` of a green function goes to the scheduler."""

    def main() -> Any:
        yield value

    with pytest.raises(
        TypeError, match="not a trap: it gives no values to its caller: return them"
    ):
        run(main)


@pytest.mark.parametrize("call", [number, lambda: sleep(1)])
def test_yield_of_a_call_says_that_from_is_missing(call: Call) -> None:
    """The other reason for a wrong ``yield``."""

    def main() -> Any:
        yield call()

    with pytest.raises(TypeError, match="did you write 'yield' for 'yield from'"):
        run(main)


# ---- habits of other libraries --------------------------------------------------------------------


async def asynchronous_numbers() -> AsyncGenerator[int, None]:
    yield 1


def nothing_that_waits() -> None:
    pass


@pytest.mark.parametrize(
    ("fn", "text"),
    [
        (nothing_that_waits, "a function is green if it has a 'yield from' before what waits"),
        (lambda: coroutine(1), r"is an async function: write VERB\(drive, "),
        (asynchronous_numbers, "is an asynchronous generator: iterate over it with 'async for'"),
    ],
)
def test_function_that_is_not_green_is_answered_by_its_kind(fn: Any, text: str) -> None:
    """`run` and `spawn` say how a function of that kind is made green, or driven."""
    with pytest.raises(TypeError, match=text.replace("VERB", "run")):
        run(fn)

    def main() -> Green[None]:
        with pytest.raises(TypeError, match=text.replace("VERB", "spawn")):
            spawn(fn)
        yield from sleep(0)

    run(main)


def test_coroutine_instead_of_a_function_is_driven() -> None:
    """``run(main())`` of an async function: what the error says to write works."""
    call: Any = coroutine(1)
    with pytest.raises(
        TypeError, match=r"not a coroutine: write run\(drive, coroutine\(\.\.\.\)\)"
    ):
        run(call)
    assert run(drive, coroutine(1)) is None


def test_future_of_asyncio_says_whose_loop_it_needs() -> None:
    """A coroutine that awaits asyncio in the end cannot be driven here."""
    import asyncio

    loop = asyncio.new_event_loop()

    async def waits() -> None:
        await loop.create_future()

    try:
        with pytest.raises(
            TypeError, match="a future of asyncio's, which only asyncio's loop can"
        ):
            run(drive, waits())
    finally:
        loop.close()


def test_coroutine_that_needs_asyncios_loop_says_so() -> None:
    """``asyncio.sleep`` finds no loop; the error says what that means here, and has Python's as its cause."""
    import asyncio

    with pytest.raises(RuntimeError, match="whose loop does not run here; await what") as caught:
        run(drive, asyncio.sleep(1000))
    assert str(caught.value.__cause__) == "no running event loop"


def test_yield_of_a_coroutine_says_to_drive_it() -> None:
    """``yield coro`` for ``yield from drive(coro)``."""
    call = coroutine(1)

    def main() -> Any:
        yield call

    with pytest.raises(TypeError, match=r"not a trap: write 'yield from drive\(coro\)'"):
        run(main)
    call.close()


def test_green_call_awaited_in_asyncio_names_genlet() -> None:
    """asyncio prints what it was given; that says which function drives it."""
    import asyncio

    async def main() -> None:
        await sleep(1)

    with pytest.raises(RuntimeError, match=r"a wait of genlet, which genlet\.run\(\) must drive"):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda: number, r"call it, as in gather\(number\(\), "),
        (lambda: [1, 2], r"write gather\(\*calls\)"),
        (lambda: spawn(number), r"write 'yield from gt\.wait\(\)', or gather\(gt\.wait\(\), "),
        (lambda: coroutine(1), r"write gather\(drive\(coro\), "),
    ],
    ids=["function", "list", "greenthread", "coroutine"],
)
def test_gather_of_what_is_no_call_says_what_to_write(wrong: Call, text: str) -> None:
    """asyncio's ``gather(task)``, a list, a function: each has its own answer."""

    def main() -> Green[None]:
        given = wrong()
        with pytest.raises(TypeError, match=text):
            yield from genlet.gather(given)

    run(main)


def test_with_timeout_of_what_is_not_green_names_with_timeout() -> None:
    """A call, or a plain function, is told from a green function."""

    def main() -> Green[None]:
        wrong: List[Any] = [number(), len]
        with pytest.raises(TypeError, match=r"^with_timeout wants the function, not its call"):
            yield from with_timeout(1000, wrong[0])
        with pytest.raises(TypeError, match=r"^with_timeout wants a green function; print is a"):
            yield from with_timeout(1000, cast(Any, print))
        wrong[0].close()

    run(main)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: spawn(number), r"write 'yield from gt\.wait\(\)'"),
        (Lock, r"write 'with \(yield from lock\.hold\(\)\):'"),
        (Semaphore, r"write 'with \(yield from lock\.hold\(\)\):'"),
    ],
)
def test_yield_from_an_object_says_which_call_to_write(make: Call, text: str) -> None:
    """``await task`` and ``async with lock`` of other libraries, with the words changed only."""

    def main() -> Green[None]:
        wrong = make()
        with pytest.raises(TypeError, match=text):
            yield from wrong

    run(main)


@pytest.mark.parametrize("name", ["start_soon", "create_task", "cancel_scope"])
def test_name_of_another_librarys_group_is_answered(name: str) -> None:
    """trio's and asyncio's names of a group's calls; others stay plain errors."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            with pytest.raises(AttributeError, match=f"has no attribute '{name}': (write|use) "):
                getattr(group, name)
            with pytest.raises(AttributeError, match="has no attribute 'spwan'"):
                getattr(group, "spwan")  # noqa: B009
        yield from sleep(0)

    run(main)


@pytest.mark.parametrize("name", ["receive_some", "recv", "read", "readline", "write", "aclose"])
def test_name_of_another_librarys_stream_is_answered(name: str) -> None:
    """trio's, asyncio's and a socket's names of a stream's calls."""
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(AttributeError, match=f"no attribute '{name}': (use|send)"):
        getattr(Stream(ours), name)


# ---- threads --------------------------------------------------------------------------------------


def test_spawn_in_a_thread_beside_a_run_names_the_portal() -> None:
    """Where another thread has a run, the error says how to reach it."""
    errors: List[str] = []

    def outside() -> None:
        try:
            spawn(number)
        except RuntimeError as exc:
            errors.append(str(exc))

    def main() -> Green[None]:
        thread = threading.Thread(target=outside)
        thread.start()
        thread.join()
        yield from sleep(0)

    run(main)
    assert errors == [
        "no kernel runs in this thread: start one with genlet.run(main), or reach the run of another"
        " thread through genlet.portal()"
    ]


def test_deadlock_beside_a_thread_names_the_portal() -> None:
    """A thread without a portal cannot wake a greenthread; the report says what it needs."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)

    def main() -> Green[None]:
        thread.start()
        yield from Event[None]().wait()

    try:
        with pytest.raises(Deadlock, match=r"wakes a greenthread through genlet\.portal\(\)$"):
            run(main)
    finally:
        stop.set()
        thread.join()
    with pytest.raises(Deadlock) as caught:
        run(lambda: Event[None]().wait())
    assert "other threads" not in str(caught.value)


def test_deadlock_in_a_join_does_not_name_the_waiting_greenthread_as_the_holder() -> None:
    """The owner of a group waits for the children, which are listed; nobody holds the group."""

    def main() -> Green[None]:
        with TaskGroup() as group:
            group.spawn(lambda: Event[None]().wait())
            yield from group.join()

    with pytest.raises(Deadlock) as caught:
        run(main)
    assert "waits for the children to end" in str(caught.value)
    assert "waits for an event" in str(caught.value)
    assert "held by" not in str(caught.value)


# ---- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(INSTEAD))
def test_name_that_eventlet_has_is_answered_with_what_to_use(path: str) -> None:
    """Asking for it, and importing it from its package, both tell."""
    package, _, name = f"genlet.{path}".rpartition(".")
    module = __import__(package, fromlist=["*"])
    if path.startswith(("hubs.", "green.")):
        assert module.__name__ == package
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    assert str(caught.value) == f"module {package!r} has no attribute {name!r}: {INSTEAD[path]}"
    for line in (f"from {package} import {name}", f"import {package}.{name}"):
        with pytest.raises(ImportError) as failed:
            exec(line)
        assert INSTEAD[path] in str(failed.value)
    assert find_spec(f"{package}.{name}") is None


def test_module_inside_one_that_eventlet_has_is_answered() -> None:
    """``genlet.green.urllib.request`` is refused where its parent is."""
    with pytest.raises(ModuleNotFoundError, match=r"use genlet\.http\.get") as caught:
        __import__("genlet.green.urllib.request")
    assert caught.value.name == "genlet.green.urllib"
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'genlet\.spwan'"):
        __import__("genlet.spwan")


def test_misspelled_name_stays_a_plain_attribute_error() -> None:
    """A name that is not eventlet's either is not advised on."""
    for module in (genlet, genlet.green, genlet.hubs):
        with pytest.raises(AttributeError, match=r"has no attribute 'spwan'$"):
            getattr(module, "spwan")  # noqa: B009  a checker knows that it is not there
        assert not hasattr(module, "spwan")
    with pytest.raises(ImportError, match="cannot import name 'spwan'"):
        exec("from genlet import spwan")


def test_modules_that_eventlet_makes_attributes_are_attributes() -> None:
    """``genlet.patcher.monkey_patch`` and its kin are found without an import of their module."""
    for name in genlet._MODULES:
        module: Any = getattr(genlet, name)
        assert module.__name__ == f"genlet.{name}"


# ---- names that are promised ----------------------------------------------------------------------


def test_event_sends_what_exc_info_gives() -> None:
    """``send(exc=sys.exc_info())`` and ``send_exception(*sys.exc_info())`` raise that exception."""

    def main() -> Green[None]:
        for way in range(3):
            event: Event[int] = Event()
            try:
                raise KeyError(way)
            except KeyError as exc:
                error = exc
                if way == 0:
                    event.send(exc=sys.exc_info())
                elif way == 1:
                    event.send_exception(*sys.exc_info())
                else:
                    event.send_exception(KeyError, exc, exc.__traceback__)
            assert event.has_exception()
            with pytest.raises(KeyError) as caught:
                yield from event.wait()
            assert caught.value is error
        with pytest.raises(TypeError, match=r"or sys\.exc_info\(\); got"):
            Event[int]().send(exc=(None, None, None))

    run(main)


def test_pool_tells_its_greenthreads() -> None:
    """``coroutines_running`` is the set of those that have not ended."""

    def main() -> Green[None]:
        pool = GreenPool(2)
        assert pool.coroutines_running == set()
        gt = yield from pool.spawn(number)
        assert pool.coroutines_running == {gt}
        yield from pool.waitall()
        assert pool.coroutines_running == set()

    run(main)


def test_green_socket_takes_over_a_plain_one() -> None:
    """``GreenSocket(sock)`` is a green socket on the same descriptor."""

    def main() -> Green[None]:
        one, other = plain_socket.socketpair()
        with GreenSocket(one) as green_one, GreenSocket(other) as green_other:
            assert green_one.fileno() == one.fileno()
            yield from green_one.sendall(b"hello")
            assert (yield from green_other.recv(10)) == b"hello"
            shutdown_safe(green_one)
            assert (yield from green_other.recv(10)) == b""
        shutdown_safe(green_one)  # closed: nothing to do

    run(main)


def test_hub_calls_plain_functions_later(capfd: pytest.CaptureFixture[str]) -> None:
    """``schedule_call_global`` and its kin make a call once, unless it is cancelled before."""
    seen: List[str] = []

    def short() -> Green[None]:
        yield from ()
        call_after_local(0.01, seen.append, "of one that has ended")

    def main() -> Green[None]:
        get_hub().schedule_call_global(0.01, seen.append, "hub")
        call_after_global(0.01, seen.append, "global").cancel()
        call_after_local(0.01, seen.append, "local")
        call_after_global(float("inf"), seen.append, "never")
        call_after_global(0.01, int, "x")
        yield from spawn(short).wait()
        yield from sleep(0.1)
        assert seen == ["hub", "local"]
        exc_after(0, KeyError("x"))
        with pytest.raises(KeyError):
            yield from sleep(1)
        exc_after(0.01, KeyError("x")).cancel()
        yield from sleep(0.05)

    run(main)
    assert "int, called by the kernel, raised:" in capfd.readouterr().err
    assert genlet.hubs.get_default_hub() in ("epoll", "kqueue", "poll", "select")


# ---- errors ---------------------------------------------------------------------------------------


def test_amap_of_a_call_names_amap() -> None:
    """The error of a wrong argument names the function that was called."""

    def main() -> Green[None]:
        calls: Any = [number(), len]
        for call in calls:
            with pytest.raises(TypeError, match=r"^amap wants"):
                yield from amap(call, [""])

    run(main)


def test_timeout_of_the_standard_librarys_sockets_is_a_timeout() -> None:
    """On Python 3.9 too, where it is no TimeoutError."""
    assert is_timeout(plain_socket.timeout())
    assert is_timeout(TimeoutError())
    assert not is_timeout(OSError())


def test_connect_error_survives_pickling_and_copying() -> None:
    """With all the errors of its attempts, and what was set on it."""
    for kind in (ConnectError, ConnectRefused):
        error = kind(111, "cannot connect", [OSError(1, "one"), OSError(2, "two")])
        setattr(error, "__notes__", ["a note"])  # noqa: B010  not known before Python 3.11
        for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
            assert type(twin) is kind
            assert str(twin) == str(error)
            assert twin.errno == 111
            assert [one.errno for one in twin.exceptions] == [1, 2]
            assert vars(twin)["__notes__"] == ["a note"]


def test_connect_to_an_unknown_host_names_it() -> None:
    """The system's error does not say which name was looked up; genlet's does."""

    def main() -> Green[None]:
        with pytest.raises(
            socket.gaierror, match=r"cannot look up 'no-such-host\.invalid': "
        ) as found:
            yield from connect("no-such-host.invalid", 80)
        assert found.value.errno != 0

    run(main)


@pytest.mark.parametrize("host", [b"127.0.0.1", bytearray(b"127.0.0.1"), "127.0.0.1"])
def test_hosts_are_taken_as_the_standard_library_takes_them(host: Any) -> None:
    """Text, bytes and byte arrays."""

    def main() -> Green[None]:
        assert (yield from socket.gethostbyname(host)) == "127.0.0.1"
        found = yield from socket.gethostbyname_ex(host)
        assert found == plain_socket.gethostbyname_ex("127.0.0.1")

    run(main)


# ---- asynchronous generators ----------------------------------------------------------------------


async def counting(log: List[str]) -> AsyncGenerator[int, None]:
    try:
        for value in range(10):
            yield value
    finally:
        log.append("cleanup begins")
        await sleep(0.01)
        log.append("cleanup ends")


def test_asynchronous_generator_left_early_is_closed_before_drive_returns() -> None:
    """Its cleanup may wait, and has ended when the caller goes on."""
    log: List[str] = []

    async def use() -> int:
        value = -1
        async for value in counting(log):
            if value == 1:
                break
        gc.collect()  # PyPy notices here that nothing refers to it
        return value

    def main() -> Green[None]:
        assert (yield from drive(use())) == 1
        log.append("drive returned")

    before = sys.get_asyncgen_hooks()
    run(main)
    assert log == ["cleanup begins", "cleanup ends", "drive returned"]
    assert sys.get_asyncgen_hooks() == before


def test_asynchronous_generator_left_by_a_timeout_is_closed() -> None:
    """The cleanup runs in a greenthread of its own, which the timeout does not reach."""
    log: List[str] = []

    async def use() -> None:
        async for _value in counting(log):
            await sleep(1000)

    def main() -> Green[None]:
        with pytest.raises(TimeoutError), fail_after(0.01):
            yield from drive(use())
        gc.collect()
        while len(log) < 2:
            yield from sleep(0.001)

    run(main)
    assert log == ["cleanup begins", "cleanup ends"]


def test_error_of_a_generators_cleanup_is_reported() -> None:
    """It has no caller that could get it."""
    told: List[BaseException] = []

    async def failing() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await sleep(0)
            raise KeyError("cleanup")

    async def use() -> None:
        async for _value in failing():
            break
        gc.collect()

    def main() -> Green[None]:
        yield from drive(use())

    Runner(excepthook=lambda _gt, exc: told.append(exc)).run(main)
    assert [type(exc) for exc in told] == [KeyError]


def test_drives_in_many_greenthreads_put_the_hooks_back_once() -> None:
    """The thread's hooks are genlet's while a drive is under way, and what they were afterwards."""
    log: List[str] = []

    async def use(seconds: float) -> None:
        async for _value in counting(log):
            await sleep(seconds)
            break

    def one(seconds: float) -> Green[None]:
        yield from drive(use(seconds))

    def main() -> Green[None]:
        before = sys.get_asyncgen_hooks()
        yield from amap(one, [0.001, 0.03, 0])
        gc.collect()
        while len(log) < 6:
            yield from sleep(0.001)
        assert sys.get_asyncgen_hooks() == before

    run(main)
