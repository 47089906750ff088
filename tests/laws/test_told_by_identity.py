"""Whether a greenthread ended as it was told is a matter of one object, delivered to it, for now."""

# Being killed and being cancelled are no failures: nobody is told.  So what counts as one of these
# must be that very exception, on its way from where it was raised to the end of the greenthread.
# One that was caught, kept and raised again later, one that belongs to a scope that was left, one
# that another greenthread ended with, one that user code has made: each is a failure like any other.

from __future__ import annotations

import copy
import pickle
import socket as real
import threading
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Dict, Generator, Iterator, List, Optional, Sized, Tuple, Type

import pytest

import genlet
from genlet import Cancelled, Green, GreenletExit, Runner
from genlet.convenience import serve as plain_serve
from genlet.dagpool import PropagateError
from genlet.green import socket
from genlet.kernel import AnyGreenThread, NullInstrument, Portal
from genlet.net import Stream, listen
from genlet.net import serve as net_serve

from .moments import outcome, start


class Told:
    """An excepthook that remembers."""

    def __init__(self) -> None:
        self.errors: List[BaseException] = []

    def __call__(self, _gt: object, exc: BaseException) -> None:
        self.errors.append(exc)


def run(main: Callable[[], Green[Any]]) -> List[BaseException]:
    """Run *main*, and return the errors that the excepthook was told."""
    told = Told()
    Runner(excepthook=told).run(main)
    return told.errors


def end_of(runner: Runner, main: Callable[[], Green[object]]) -> object:
    """Return the result of the run or what it raises, which may be meant to end the program."""
    try:
        return runner.run(main)
    except BaseException as exc:
        return exc


def end_in_a_thread(runner: Runner, main: Callable[[], Green[object]]) -> object:
    """As `end_of`, where a kernel that is left behind is in nobody's way."""
    ends: List[object] = []
    thread = threading.Thread(target=lambda: ends.append(end_of(runner, main)))
    thread.start()
    thread.join()
    return ends[0]


def for_ever() -> Green[None]:
    """Wait for nothing; a run in which all others do too is a Deadlock, at once."""
    yield from genlet.Event[None]().wait()


# ---- a Cancelled whose scope was left -------------------------------------------------------------

Make = Callable[[], Green[BaseException]]


def of_scope() -> Green[BaseException]:
    """Return the Cancelled of a scope that was entered and left here."""
    with genlet.CancelScope() as scope:
        scope.cancel("enough")
        try:
            yield from genlet.sleep(1)
        except Cancelled as exc:
            return exc
    raise AssertionError("not cancelled")


def of_deadline() -> Green[BaseException]:
    with genlet.move_on_after(0):
        try:
            yield from genlet.sleep(1)
        except Cancelled as exc:
            return exc
    raise AssertionError("not cancelled")


def of_fail_after() -> Green[BaseException]:
    kept: List[BaseException] = []
    try:
        with genlet.fail_after(0):
            try:
                yield from genlet.sleep(1)
            except Cancelled as exc:
                kept.append(exc)
                raise
    except TimeoutError:
        pass
    return kept[0]


def of_grace() -> Green[BaseException]:
    with genlet.CancelScope(grace=1000) as scope:
        scope.cancel()
        try:
            yield from genlet.sleep(1)
        except Cancelled as exc:
            return exc
    raise AssertionError("not cancelled")


def of_shield() -> Green[BaseException]:
    with genlet.shielded(0):
        try:
            yield from genlet.sleep(1)
        except Cancelled as exc:
            return exc
    raise AssertionError("not cancelled")


def of_region() -> Green[BaseException]:
    stopper = genlet.Stopper()
    with stopper.region():
        stopper.stop()
        try:
            yield from genlet.sleep(1)
        except Cancelled as exc:
            return exc
    raise AssertionError("not cancelled")


def of_group() -> Green[BaseException]:
    with genlet.TaskGroup() as group:
        group.cancel()
        try:
            yield from genlet.sleep(1)
        except Cancelled as exc:
            return exc
    raise AssertionError("not cancelled")


STALE: List[Make] = [
    of_scope,
    of_deadline,
    of_fail_after,
    of_grace,
    of_shield,
    of_region,
    of_group,
]


class Late:
    """Something that fails with a Cancelled whose scope was left, and remembers which."""

    def __init__(self, make: Make = of_scope) -> None:
        self.make: Make = make
        self.exc: Optional[BaseException] = None

    def fail(self, *_: object) -> Green[None]:
        self.exc = yield from self.make()
        yield from genlet.sleep(0)
        raise self.exc


@pytest.mark.parametrize("make", STALE)
def test_to_end_with_the_cancelled_of_a_scope_that_was_left_is_a_failure(make: Make) -> None:
    """It is reported once, and the greenthread counts as failed."""
    late = Late(make)

    def main() -> Green[None]:
        gt = genlet.spawn(late.fail)
        for _ in range(10):
            yield from genlet.sleep(0)
        assert gt.dead
        assert "failed" in repr(gt)

    assert run(main) == [late.exc]


def test_waiting_for_one_that_ended_with_a_left_scopes_cancelled_raises_just_that() -> None:
    """`wait` gives what it failed with, and does not say that it was killed."""
    late = Late()

    def main() -> Green[None]:
        gt = genlet.spawn(late.fail)
        with pytest.raises(Cancelled) as caught:
            yield from gt.wait()
        assert caught.value is late.exc
        with pytest.raises(Cancelled) as caught:
            gt.result()
        assert caught.value is late.exc

    assert run(main) == []


def scope_around_ticks() -> Iterator[int]:
    """A generator with a scope in it, which is suspended inside."""
    with genlet.move_on_after(0):
        yield 1
        yield 2


@contextmanager
def scope_around_block() -> Generator[None, None, None]:
    with genlet.move_on_after(0):
        yield


Kept = List[Any]  # what is to be closed after the play, and not by the garbage collector


def consume_in_a_loop(kept: Kept) -> Green[None]:
    kept.append(scope_around_ticks())
    for _ in kept[0]:
        yield from for_ever()


def consume_by_hand(kept: Kept) -> Green[None]:
    kept.append(scope_around_ticks())
    next(kept[0])
    yield from for_ever()


def consume_with_a_stack(kept: Kept) -> Green[None]:
    with ExitStack() as stack:
        stack.enter_context(scope_around_block())
        kept.append(stack.pop_all())  # nobody leaves it
        yield from for_ever()


@pytest.mark.parametrize("consume", [consume_in_a_loop, consume_by_hand, consume_with_a_stack])
def test_a_scope_that_a_suspended_generator_has_entered_ends_nobody_in_silence(
    consume: Callable[[Kept], Green[None]],
) -> None:
    """What it raises around itself is raised where no ``with`` of its own stands: that is told.

    PEP 789 and trio #638 describe it.
    """
    kept: Kept = []

    def main() -> Green[None]:
        gt = genlet.spawn(consume, kept)
        yield from genlet.sleep(0.001)
        assert gt.dead

    told = run(main)
    for made in kept:
        try:
            made.close()
        except RuntimeError:
            pass  # it is left too late, and by somebody else
    assert [type(exc) for exc in told] == [Cancelled]


# ---- where its failure must be seen ---------------------------------------------------------------


def test_a_child_that_ends_with_a_left_scopes_cancelled_fails_its_group() -> None:
    """Its siblings are cancelled, and the group raises it."""
    late = Late()
    ended: List[str] = []

    def sibling() -> Green[None]:
        try:
            yield from for_ever()
        finally:
            ended.append("cancelled")

    def main() -> Green[None]:
        def block() -> Green[None]:
            with genlet.TaskGroup(errors="first") as group:
                group.spawn(sibling)
                group.spawn(late.fail)
                yield from group.join()

        with pytest.raises(Cancelled) as caught:
            yield from block()
        assert caught.value is late.exc

    assert run(main) == []
    assert ended == ["cancelled"]


def test_a_block_that_raises_a_left_scopes_cancelled_has_that_in_its_group() -> None:
    """It is the block's own error, not an interruption that passes through: it is not lost."""

    def failing() -> Green[None]:
        yield from genlet.sleep(0)
        raise LookupError("the child's")

    def main() -> Green[None]:
        stale = yield from of_scope()
        found: BaseException
        try:
            with genlet.TaskGroup() as group:
                group.spawn(failing)
                try:
                    yield from group.join()
                except Cancelled:
                    pass
                raise stale
        except BaseException as exc:
            found = exc
        errors = getattr(found, "exceptions", (found,))
        assert any(error is stale for error in errors), repr(found)
        assert any(isinstance(error, LookupError) for error in errors), repr(found)

    assert run(main) == []


Composite = Callable[[Late], Green[object]]


def by_gather(late: Late) -> Green[object]:
    return (yield from genlet.gather(genlet.sleep(0), late.fail()))


def by_race(late: Late) -> Green[object]:
    yield from genlet.race(for_ever(), late.fail())
    return None


def by_amap(late: Late) -> Green[object]:
    return (yield from genlet.amap(late.fail, [1]))


def by_scoped(late: Late) -> Green[object]:
    @genlet.scoped
    def body(group: genlet.ScopedGroup) -> Green[None]:
        group.spawn(late.fail)
        yield from ()

    yield from body()
    return None


def by_pool(late: Late) -> Green[object]:
    pool = genlet.GreenPool()
    gt = yield from pool.spawn(late.fail)
    yield from gt.wait()
    return None


def by_full_pool(late: Late) -> Green[object]:
    """A job of a pool that is full runs in the job that has spawned it."""
    pool = genlet.GreenPool(1)

    def outer() -> Green[None]:
        gt = yield from pool.spawn(late.fail)
        yield from gt.wait()

    gt = yield from pool.spawn(outer)
    yield from gt.wait()
    return None


def by_pile(late: Late) -> Green[object]:
    pile: genlet.GreenPile[None] = genlet.GreenPile(2)
    yield from pile.spawn(late.fail)
    return (yield from pile.next())


def by_imap(late: Late) -> Green[object]:
    return (yield from genlet.GreenPool().imap(late.fail, [1]).collect())


def by_as_completed(late: Late) -> Green[object]:
    done = genlet.as_completed([genlet.spawn(late.fail)])
    gt = yield from done.next()
    assert isinstance(gt, genlet.GreenThread)
    return gt.result()


def by_start(late: Late) -> Green[object]:
    def child(_ready: genlet.Ready[object]) -> Green[None]:
        yield from late.fail()

    with genlet.TaskGroup(errors="first") as group:
        return (yield from group.start(child))


COMPOSITES: List[Composite] = [
    by_gather,
    by_race,
    by_amap,
    by_scoped,
    by_pool,
    by_full_pool,
    by_pile,
    by_imap,
    by_as_completed,
    by_start,
]


@pytest.mark.parametrize("composite", COMPOSITES)
def test_a_left_scopes_cancelled_comes_out_of_what_runs_several_calls(
    composite: Composite,
) -> None:
    """As any error of a call would, and as that object."""
    late = Late()

    def main() -> Green[None]:
        found: Any = None
        try:
            yield from composite(late)
        except BaseException as exc:
            found = exc
        while hasattr(found, "exceptions"):  # a group of one
            found = found.exceptions[0]
        assert found is late.exc, repr(found)

    run(main)


def test_a_dagpool_names_a_left_scopes_cancelled_as_the_error_of_its_key() -> None:
    """Waiting for the value tells what has happened."""
    late = Late()

    def main() -> Green[None]:
        pool: genlet.DAGPool[str, None] = genlet.DAGPool()
        pool.spawn("a", (), lambda _key, _results: late.fail())
        with pytest.raises(PropagateError) as caught:
            yield from pool.get("a")
        assert caught.value.exc is late.exc

    run(main)


def test_a_portal_raises_a_left_scopes_cancelled_in_the_calling_thread() -> None:
    """The call of the other thread raises what has happened."""
    late = Late()
    found: List[object] = []

    def call(door: Portal) -> None:
        try:
            door.run(late.fail)
        except BaseException as exc:
            found.append(exc)

    def main() -> Green[None]:
        with genlet.portal() as door:
            thread = threading.Thread(target=call, args=(door,))
            thread.start()
            while thread.is_alive():
                yield from genlet.sleep(0.001)
            thread.join()

    run(main)
    assert found == [late.exc]


# ---- servers --------------------------------------------------------------------------------------


def left_scope(_stream: object) -> Green[None]:
    yield from Late().fail()


def others_end(_stream: object) -> Green[None]:
    """Waits for one that was killed by somebody."""
    other = genlet.spawn(genlet.sleep, 1000)
    other.kill_soon()
    yield from other.wait()


def own_make(_stream: object) -> Green[None]:
    yield from ()
    raise GreenletExit("made by the handler")


FAILING_HANDLERS: List[Callable[[object], Green[None]]] = [left_scope, others_end, own_make]


@pytest.mark.parametrize("handler", FAILING_HANDLERS)
def test_net_serve_tells_of_a_handler_that_ends_with_what_was_not_its_own(
    handler: Callable[[object], Green[None]],
) -> None:
    """`on_error` is called, and the server serves the next."""
    told: List[BaseException] = []
    served: List[bytes] = []

    def handle(stream: Stream) -> Green[None]:
        request = yield from stream.read_line()
        if request == b"fail\n":
            yield from handler(stream)
        served.append(request)

    def main() -> Green[None]:
        with listen("127.0.0.1", 0) as listeners:
            server = genlet.spawn(
                lambda: net_serve(handle, listeners, on_error=lambda _, exc: told.append(exc))
            )
            server.link(lambda _: None)
            for request in (b"fail\n", b"next\n"):
                with real.create_connection(listeners[0].address) as client:
                    client.send(request)
                    client.setblocking(False)
                    for _ in range(30):
                        yield from genlet.sleep(0)
            assert not server.dead, "the server has ended"
            yield from server.kill()

    run(main)
    assert served == [b"next\n"]
    assert len(told) == 1
    assert isinstance(told[0], Cancelled)


@pytest.mark.parametrize("on_error", ["report", "raise"])
@pytest.mark.parametrize("handler", FAILING_HANDLERS)
def test_plain_serve_tells_of_a_handler_that_ends_with_what_was_not_its_own(
    handler: Callable[[object], Green[None]], on_error: Any
) -> None:
    """It is an error of the handler: reported, or raised, as was asked for."""

    def handle(client: socket.socket, _address: object) -> Green[None]:
        yield from client.recv(1)
        yield from handler(client)

    def main() -> Green[object]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = yield from start(lambda: plain_serve(listener, handle, on_error=on_error))
            with real.create_connection(listener.getsockname()) as client:
                client.send(b"x")
                for _ in range(30):
                    yield from genlet.sleep(0)
            if on_error == "report":
                assert not server.dead
                yield from server.kill()
                return None
            return (yield from outcome(server))

    told = Told()
    found = Runner(excepthook=told).run(main)
    raised = [found] if found is not None else []
    assert [isinstance(exc, Cancelled) for exc in told.errors + raised] == [True]


# ---- the very object ------------------------------------------------------------------------------


def copied(exc: BaseException) -> BaseException:
    return copy.copy(exc)


def pickled(exc: BaseException) -> BaseException:
    made: BaseException = pickle.loads(pickle.dumps(exc))
    return made


def made_anew(exc: BaseException) -> BaseException:
    return type(exc)(*exc.args)


@pytest.mark.parametrize("another", [copied, pickled, made_anew])
@pytest.mark.parametrize("exc", [GreenletExit, GreenletExit("told"), KeyError, KeyError("told")])
def test_to_end_with_a_copy_of_what_was_delivered_is_a_failure(
    exc: Any, another: Callable[[BaseException], BaseException]
) -> None:
    """What looks the same is another object, and nobody has told it to end with that.

    Nothing that the kernel has noted keeps an exception from being copied or pickled.
    """
    raised: List[BaseException] = []

    def victim() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        except BaseException as caught:
            raised.append(another(caught))
        raise raised[0]

    def main() -> Green[None]:
        gt = genlet.spawn(victim)
        yield from genlet.sleep(0)
        yield from gt.kill(exc)
        assert gt.dead

    assert run(main) == raised


def test_what_was_delivered_to_another_is_a_failure_where_it_is_raised() -> None:
    """One instance may be given to many: each ends as told by its own delivery only."""
    exc = GreenletExit("for one of them")

    def survivor() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        except GreenletExit:
            yield from genlet.sleep(1000)

    def other() -> Green[None]:
        yield from genlet.sleep(0)
        raise exc

    def main() -> Green[None]:
        first = genlet.spawn(survivor)
        yield from genlet.sleep(0)
        yield from first.kill(exc)
        genlet.spawn(other)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        yield from first.kill()

    assert run(main) == [exc]


def test_an_exception_of_an_inline_job_that_its_spawner_got_before_is_the_jobs() -> None:
    """A job of a full pool runs in its spawner: what that one has survived interrupts it no more."""
    kept: List[BaseException] = []
    pool = genlet.GreenPool(1)

    def job() -> Green[None]:
        yield from genlet.sleep(0)
        raise kept[0]

    def spawner() -> Green[str]:
        try:
            yield from genlet.sleep(1000)
        except KeyError as exc:
            kept.append(exc)
        gt = yield from pool.spawn(job)  # runs here
        assert gt.dead
        assert gt.error is kept[0]
        return "went on"

    def main() -> Green[None]:
        gt = yield from pool.spawn(spawner)
        yield from genlet.sleep(0)
        yield from gt.kill(KeyError)
        assert (yield from gt.wait()) == "went on"

    assert run(main) == []


# ---- what is noted --------------------------------------------------------------------------------


def size_of(exc: BaseException) -> int:
    """Return how much hangs on *exc*: its attributes, and what is in them."""
    total = 0
    for value in vars(exc).values():
        total += 1
        if isinstance(value, Sized) and not isinstance(value, str):
            total += len(value)
    return total


def by_kill(exc: BaseException, times: int) -> Green[None]:
    def survivor() -> Green[None]:
        while True:
            try:
                yield from genlet.sleep(1000)
            except KeyError:
                pass

    gt = genlet.spawn(survivor)
    yield from genlet.sleep(0)
    for _ in range(times):
        yield from gt.kill(exc)
    yield from gt.kill()


def by_timeout(exc: BaseException, times: int) -> Green[None]:
    for _ in range(times):
        try:
            with genlet.Timeout(0, exc):
                yield from genlet.sleep(1000)
        except KeyError:
            pass


def by_restarted_timeout(exc: BaseException, times: int) -> Green[None]:
    timeout = genlet.Timeout(0, exc)
    for _ in range(times):
        try:
            yield from genlet.sleep(1000)
        except KeyError:
            timeout.start()
    timeout.cancel()


def by_many(exc: BaseException, times: int) -> Green[None]:
    for _ in range(times):
        gt = genlet.spawn(genlet.sleep, 1000)
        gt.link(lambda _: None)
        yield from genlet.sleep(0)
        yield from gt.kill(exc)


def by_wait_fail(exc: BaseException, times: int) -> Green[None]:
    event: genlet.Event[None] = genlet.Event()
    event.send_exception(exc)
    for _ in range(times):
        try:
            yield from event.wait()
        except KeyError:
            pass


@pytest.mark.parametrize(
    "deliver", [by_kill, by_timeout, by_restarted_timeout, by_many, by_wait_fail]
)
def test_an_exception_delivered_again_and_again_does_not_grow(
    deliver: Callable[[BaseException, int], Green[None]],
) -> None:
    """Whatever is noted of a delivery is there once, however often one greenthread gets it."""
    sizes: Dict[int, Tuple[int, int]] = {}

    def depth(exc: BaseException) -> int:
        traceback, count = exc.__traceback__, 0
        while traceback is not None:
            traceback, count = traceback.tb_next, count + 1
        return count

    def main() -> Green[None]:
        for times in (3, 100):
            exc = KeyError("again")
            yield from deliver(exc, times)
            sizes[times] = size_of(exc), depth(exc)

    run(main)
    assert sizes[3] == sizes[100]


def test_a_timeout_that_raises_itself_again_and_again_does_not_grow() -> None:
    """As for any other exception; its own attributes are its own."""

    def main() -> Green[List[int]]:
        timeout = genlet.Timeout(None)
        timeout.cancel()
        timeout = genlet.Timeout(0)
        sizes: List[int] = []
        for _ in range(50):
            try:
                yield from genlet.sleep(1000)
            except genlet.Timeout:
                sizes.append(size_of(timeout))
                timeout.start()
        timeout.cancel()
        return sizes

    sizes = genlet.run(main)
    assert sizes[2] == sizes[-1]


# ---- what ends the program goes to main -----------------------------------------------------------


def failing() -> Green[None]:
    yield from genlet.sleep(0)
    raise LookupError("told to the hook")


Ending = Type[BaseException]


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt])
def test_an_excepthook_that_ends_the_program_ends_main(ending: Ending) -> None:
    """Main gets it at its suspension, may catch it and go on, and so do all others."""

    def hook(_gt: object, _exc: BaseException) -> None:
        raise ending(3)

    def worker() -> Green[str]:
        yield from genlet.sleep(0.002)
        return "worked"

    def main() -> Green[object]:
        other = genlet.spawn(worker)
        genlet.spawn(failing)
        with pytest.raises(ending):
            yield from genlet.sleep(1000)
        return (yield from other.wait())

    assert end_of(Runner(excepthook=hook), main) == "worked"


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt])
def test_an_excepthook_that_ends_the_program_after_main_ends_the_run(ending: Ending) -> None:
    """There is nobody left to catch it: the run raises it, when all others have ended."""
    ended: List[str] = []

    def hook(_gt: object, _exc: BaseException) -> None:
        raise ending(3)

    def slow() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        finally:
            yield from genlet.sleep(0.001)
            ended.append("cleaned up")

    def fails_at_its_end() -> Green[None]:
        try:
            yield from genlet.sleep(1000)
        finally:
            raise LookupError("told to the hook")

    def main() -> Green[None]:
        genlet.spawn(slow)
        genlet.spawn(fails_at_its_end)
        yield from genlet.sleep(0)

    assert isinstance(end_of(Runner(excepthook=hook, grace=5), main), ending)
    assert ended == ["cleaned up"]


@pytest.mark.parametrize("ending", [GeneratorExit, Cancelled, GreenletExit, BaseException])
def test_an_excepthook_that_raises_anything_else_is_reported_and_the_run_goes_on(
    ending: Ending, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hook that fails is a hook that fails, whatever the class of what it raises."""

    def hook(_gt: object, _exc: BaseException) -> None:
        raise ending("of the hook")

    def main() -> Green[str]:
        genlet.spawn(failing)
        for _ in range(5):
            yield from genlet.sleep(0)
        return "went on"

    assert end_of(Runner(excepthook=hook), main) == "went on"
    assert "of the hook" in capsys.readouterr().err


HOOKED = [
    "before_run",
    "spawned",
    "scheduled",
    "before_step",
    "after_step",
    "finished",
    "before_wait",
    "after_wait",
    "after_run",
]


@pytest.mark.parametrize("ending", [SystemExit, GeneratorExit, Cancelled, BaseException])
@pytest.mark.parametrize("method", HOOKED)
def test_an_instrument_that_raises_ends_nobody_who_did_nothing(
    method: str, ending: Ending, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an observer raises is reported, and it is heard of no more: the observed go on."""
    steps: List[str] = []

    def worker() -> Green[str]:
        yield from genlet.sleep(0.001)
        steps.append("slept")
        yield from genlet.sleep(0)
        return "worked"

    def main() -> Green[object]:
        gt = genlet.spawn(worker)
        try:
            return (yield from gt.wait())
        except SystemExit:  # it may come to main, which goes on
            return (yield from gt.wait())

    def raising(*_: object) -> None:
        raise ending("of the instrument")

    instrument = NullInstrument()
    setattr(instrument, method, raising)
    result = end_in_a_thread(Runner(instruments=[instrument]), main)
    if ending is SystemExit:  # before and after main there is only the run to raise it
        assert result == "worked" or isinstance(result, SystemExit)
    else:
        assert result == "worked"
        assert "of the instrument" in capsys.readouterr().err
    if not isinstance(result, SystemExit):  # it may come to main before its first step
        assert steps == ["slept"]


def linked(ending: Ending) -> Callable[[AnyGreenThread], None]:
    def link(_gt: AnyGreenThread) -> None:
        raise ending("of the link")

    return link


@pytest.mark.parametrize("ending", [GeneratorExit, Cancelled, GreenletExit, BaseException])
def test_a_link_that_raises_anything_is_reported_and_the_others_are_called(
    ending: Ending, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link runs in no greenthread: nothing that it raises is meant for one."""
    called: List[str] = []

    def main() -> Green[str]:
        gt = genlet.spawn(genlet.sleep, 0)
        gt.link(linked(ending))
        gt.link(lambda _: called.append("the second"))
        yield from gt.wait()
        return "went on"

    assert end_of(Runner(), main) == "went on"
    assert called == ["the second"]
    assert "of the link" in capsys.readouterr().err


# ---- its own interruption comes first -------------------------------------------------------------


def test_an_owner_killed_by_force_is_killed_and_does_not_fail_with_its_childrens_end() -> None:
    """It is interrupted before its children, whose end would settle what it waits for."""

    def owner() -> Green[None]:
        yield from genlet.race(for_ever(), for_ever())

    def main() -> Green[None]:
        gt = genlet.spawn(owner)
        yield from genlet.sleep(0)  # the children have not started
        yield from gt.kill(force=True)
        yield from outcome(gt)
        assert "killed" in repr(gt)

    assert run(main) == []


COMBINED: List[Callable[[], Green[object]]] = [
    lambda: genlet.race(for_ever(), for_ever()),
    lambda: genlet.gather(for_ever(), for_ever()),
    lambda: genlet.amap(lambda _: for_ever(), [1, 2]),
    lambda: genlet.spawn(for_ever).wait(),
]


@pytest.mark.parametrize("call", COMBINED, ids=["race", "gather", "amap", "wait"])
def test_one_that_is_cancelled_and_waits_for_what_never_started_is_cancelled(
    call: Callable[[], Green[object]],
) -> None:
    """What is spawned in a cancelled group never starts; that is not the error of its spawner."""

    def member(group: genlet.TaskGroup) -> Green[object]:
        yield from genlet.sleep(0)
        group.cancel()  # which interrupts this at its next suspension
        if call is COMBINED[-1]:
            yield from group.spawn(for_ever).wait()
        return (yield from call())

    def main() -> Green[None]:
        with genlet.TaskGroup() as group:
            gt = group.spawn(member, group)
            yield from group.join()
        assert gt.ended_as_told

    assert run(main) == []
