"""No method or attribute of an exception can break the run that raises it."""

# An exception is an object of the user's: a frozen dataclass that takes no attributes, a proxy that
# computes every attribute, one that cannot be compared, hashed or printed.  The kernel raises and
# hands on such an exception as any other, by identity, and the other greenthreads go on.

from __future__ import annotations

import socket as real
import threading
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Type

import pytest

import genlet
from genlet import Green, Runner, tpool
from genlet._compat import IS_PYPY
from genlet.dagpool import DAGPool, PropagateError
from genlet.kernel import NullInstrument, Portal, Wait
from genlet.net import Stream, listen
from genlet.net import serve as net_serve

from .apart import end_of, for_ever

# ---- the zoo --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frozen(Exception):
    """A usual style in typed code."""

    code: int = 1


@dataclass
class Unhashable(Exception):
    code: int = 1


class RefusesToBeSet(Exception):
    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError(f"no attribute may be set: {name}")


class EndsWhoSetsIt(Exception):
    def __setattr__(self, name: str, value: object) -> None:
        raise SystemExit(name)


class ComputesItsAttributes(Exception):
    def __getattr__(self, name: str) -> object:
        raise LookupError(name)


class ComputesAllItsAttributes(Exception):
    def __getattribute__(self, name: str) -> object:
        raise LookupError(name)


class WithoutTraceback(Exception):
    @property
    def __traceback__(self) -> Any:
        raise LookupError("no traceback")

    @__traceback__.setter
    def __traceback__(self, value: object) -> None:
        raise LookupError("no traceback")


class WithoutContext(Exception):
    @property
    def __context__(self) -> Any:
        raise LookupError("no context")

    @__context__.setter
    def __context__(self, value: object) -> None:
        raise LookupError("no context")


class WithoutWithTraceback(Exception):
    def with_traceback(self, tb: object) -> Any:
        raise LookupError("no traceback")


class IsAnotherWithTraceback(Exception):
    def with_traceback(self, tb: object) -> Any:
        return ValueError("another")


class Unprintable(Exception):
    def __repr__(self) -> str:
        raise LookupError("not printable")

    __str__ = __repr__


class EndsWhoPrintsIt(Exception):
    def __repr__(self) -> str:
        raise SystemExit("not printable")

    __str__ = __repr__


class Incomparable(Exception):
    def __eq__(self, other: object) -> bool:
        raise LookupError("not comparable")

    def __hash__(self) -> int:
        raise LookupError("not hashable")


class EqualsEverything(Exception):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class NeitherTrueNorFalse(Exception):
    def __bool__(self) -> bool:
        raise LookupError("neither")

    def __len__(self) -> int:
        raise LookupError("neither")


class False_(Exception):  # noqa: N801  the name False is taken
    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0


class WithoutClass(Exception):
    @property
    def __class__(self) -> Any:
        raise LookupError("no class")

    @__class__.setter
    def __class__(self, value: object) -> None:
        raise LookupError("no class")


class LooksLikeAGroup(Exception):
    @property
    def exceptions(self) -> Any:
        raise LookupError("no exceptions")


class WithoutDict(Exception):
    @property
    def __dict__(self) -> Any:
        raise LookupError("no attributes")

    @__dict__.setter
    def __dict__(self, value: object) -> None:
        raise LookupError("no attributes")


class LooksCancelled(Exception):
    """Has the attributes of the kernel's own exceptions."""

    scope: object = None
    reason: object = None
    origin: object = None


ZOO: List[Type[Exception]] = [
    Frozen,
    Unhashable,
    RefusesToBeSet,
    EndsWhoSetsIt,
    ComputesItsAttributes,
    ComputesAllItsAttributes,
    WithoutTraceback,
    WithoutContext,
    WithoutWithTraceback,
    IsAnotherWithTraceback,
    Unprintable,
    EndsWhoPrintsIt,
    Incomparable,
    EqualsEverything,
    NeitherTrueNorFalse,
    False_,
    WithoutClass,
    LooksLikeAGroup,
    WithoutDict,
    LooksCancelled,
]
if IS_PYPY:  # its own raise statement asks for the attribute, and raises that error instead
    for kind in (ComputesAllItsAttributes, WithoutTraceback):
        ZOO.remove(kind)


# ---- the stage ------------------------------------------------------------------------------------


def failing(exc: BaseException) -> Green[Any]:
    yield from genlet.sleep(0)
    raise exc


Scene = Callable[[BaseException], Green[object]]


def waited_for(exc: BaseException) -> Green[object]:
    yield from genlet.spawn(failing, exc).wait()
    return None


def of_a_child(exc: BaseException) -> Green[object]:
    with genlet.TaskGroup() as group:
        group.spawn(for_ever)
        group.spawn(failing, exc)
        yield from group.join()
    return None


def of_a_child_bare(exc: BaseException) -> Green[object]:
    with genlet.TaskGroup(errors="first") as group:
        group.spawn(for_ever)
        group.spawn(failing, exc)
        yield from group.join()
    return None


def of_a_block(exc: BaseException) -> Green[object]:
    with genlet.TaskGroup() as group:
        group.spawn(for_ever)
        yield from genlet.sleep(0)
        raise exc


def of_a_block_and_a_child(exc: BaseException) -> Green[object]:
    with genlet.TaskGroup(errors="first") as group:
        gt = group.spawn(failing, LookupError("the second"))
        try:
            yield from genlet.sleep(0)
            raise exc
        finally:
            gt.link(lambda _: None)


def of_a_late_child(exc: BaseException) -> Green[object]:
    def late() -> Green[None]:
        try:
            yield from for_ever()
        finally:
            with genlet.shielded(30):
                yield from genlet.sleep(0)
            raise exc

    with genlet.TaskGroup(on_exit="cancel", errors="first") as group:
        group.spawn(late)
        yield from genlet.sleep(0)
    yield from genlet.sleep(0)
    return None


def gathered(exc: BaseException) -> Green[object]:
    return (yield from genlet.gather(for_ever(), failing(exc)))


def raced(exc: BaseException) -> Green[object]:
    return (yield from genlet.race(failing(exc), for_ever()))


def mapped(exc: BaseException) -> Green[object]:
    return (yield from genlet.amap(failing, [exc]))


def completed(exc: BaseException) -> Green[object]:
    done = genlet.as_completed([genlet.spawn(failing, exc)])
    gt: Any = yield from done.next()
    return gt.result()


def pooled(exc: BaseException) -> Green[object]:
    gt = yield from genlet.GreenPool().spawn(failing, exc)
    return (yield from gt.wait())


def pooled_inline(exc: BaseException) -> Green[object]:
    pool = genlet.GreenPool(1)

    def outer() -> Green[object]:
        inner = yield from pool.spawn(failing, exc)
        return (yield from inner.wait())

    gt = yield from pool.spawn(outer)
    return (yield from gt.wait())


def piled(exc: BaseException) -> Green[object]:
    pile: genlet.GreenPile[object] = genlet.GreenPile(2)
    yield from pile.spawn(failing, exc)
    return (yield from pile.next())


def imapped(exc: BaseException) -> Green[object]:
    return (yield from genlet.GreenPool().imap(failing, [exc]).collect())


def of_a_key(exc: BaseException) -> Green[object]:
    pool: DAGPool[str, object] = DAGPool()
    pool.spawn("key", (), lambda _key, _results: failing(exc))
    try:
        return (yield from pool.get("key"))
    except PropagateError as error:
        kept = error.exc
    raise kept  # outside of the block: PyPy would set its context, which may run its code


def killed_with(exc: BaseException) -> Green[object]:
    gt = genlet.spawn(for_ever)
    yield from genlet.sleep(0)
    yield from gt.kill(exc)
    return (yield from gt.wait())


def killed_before_it_begins(exc: BaseException) -> Green[object]:
    gt = genlet.spawn(for_ever)
    gt.cancel(exc)
    return (yield from gt.wait())


def killed_soon(exc: BaseException) -> Green[object]:
    genlet.getcurrent().kill_soon(exc)
    yield from for_ever()
    return None


def timed_out(exc: BaseException) -> Green[object]:
    with genlet.Timeout(0, exc):
        yield from for_ever()
    return None


def by_trampoline(exc: BaseException) -> Green[object]:
    one, other = real.socketpair()
    with one, other:
        one.setblocking(False)
        yield from genlet.trampoline(one, read=True, timeout=0, timeout_exc=exc)
    return None


def sent(exc: BaseException) -> Green[object]:
    event: genlet.Event[object] = genlet.Event()
    event.send_exception(exc)
    return (yield from event.wait())


def sent_later(exc: BaseException) -> Green[object]:
    event: genlet.Event[object] = genlet.Event()

    def sender() -> Green[None]:
        yield from genlet.sleep(0)
        event.send_exception(exc)

    genlet.spawn(sender)
    return (yield from event.wait())


def of_a_wait(exc: BaseException) -> Green[object]:
    wait: Wait[object] = Wait(None, "nothing")

    def failer() -> Green[None]:
        yield from genlet.sleep(0)
        wait.fail(exc)

    genlet.spawn(failer)
    return (yield from wait.get())


def of_arming(exc: BaseException) -> Green[object]:
    class Failing(Wait[object]):
        def arm(self, gt: Any) -> None:
            raise exc

    return (yield from Failing(None, "nothing").get())


def of_a_body(exc: BaseException) -> Green[object]:
    @genlet.scoped
    def body(group: genlet.ScopedGroup) -> Green[None]:
        group.spawn(for_ever)
        yield from failing(exc)

    yield from body()
    return None


def of_a_deferred_call(exc: BaseException) -> Green[object]:
    @genlet.scoped
    def body(group: genlet.ScopedGroup) -> Green[None]:
        group.defer(failing, exc)
        yield from ()

    yield from body()
    return None


def of_a_second_deferred_call(exc: BaseException) -> Green[object]:
    @genlet.scoped
    def body(group: genlet.ScopedGroup) -> Green[None]:
        group.defer(failing, exc)
        group.defer(failing, LookupError("the first, of which this is the context"))
        yield from ()

    yield from body()
    return None


def of_a_thread(exc: BaseException) -> Green[object]:
    pool = tpool.ThreadPool(1)

    def fail() -> object:
        raise exc

    try:
        with genlet.move_on_after(5):
            # The one that can be given up: if nothing comes, the test is to fail, and not to hang.
            return (yield from pool.execute_abandonable(fail))
        return "nothing came from the thread"
    finally:
        pool.killall()


def through_a_portal(exc: BaseException) -> Green[object]:
    found: List[BaseException] = []

    def call(door: Portal) -> None:
        try:
            door.run(failing, exc)
        except BaseException as caught:
            found.append(caught)

    with genlet.portal() as door:
        thread = threading.Thread(target=call, args=(door,))
        thread.start()
        while thread.is_alive():
            yield from genlet.sleep(0.001)
        thread.join()
    raise found[0]


def with_a_timeout(exc: BaseException) -> Green[object]:
    return (yield from genlet.with_timeout(1000, failing, exc))


def in_a_scope(exc: BaseException) -> Green[object]:
    with genlet.fail_after(1000), genlet.Stopper().region():
        yield from failing(exc)
    return None


SCENES: List[Scene] = [
    waited_for,
    of_a_child,
    of_a_child_bare,
    of_a_block,
    of_a_block_and_a_child,
    of_a_late_child,
    gathered,
    raced,
    mapped,
    completed,
    pooled,
    pooled_inline,
    piled,
    imapped,
    of_a_key,
    killed_with,
    killed_before_it_begins,
    killed_soon,
    timed_out,
    by_trampoline,
    sent,
    sent_later,
    of_a_wait,
    of_arming,
    of_a_body,
    of_a_deferred_call,
    of_a_second_deferred_call,
    of_a_thread,
    through_a_portal,
    with_a_timeout,
    in_a_scope,
]


def silent(_gt: object, _exc: BaseException) -> None:
    """An excepthook that ignores errors which the test does not check."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ZOO)
@pytest.mark.parametrize("scene", SCENES)
def test_an_exception_comes_out_as_it_went_in_whatever_it_is(
    scene: Scene, kind: Type[Exception]
) -> None:
    """The very object is raised where it belongs, and the others go on."""
    exc = kind()

    def worker() -> Green[str]:
        for _ in range(5):
            yield from genlet.sleep(0)
        return "worked"

    def main() -> Green[object]:
        other = genlet.spawn(worker)
        found: object
        try:
            found = yield from scene(exc)
        except BaseException as caught:
            found = caught
        if found is not exc and isinstance(found, BaseException):
            members: Any = getattr(found, "exceptions", ())
            if len(members) == 1 and members[0] is exc:
                found = exc  # in a group
        assert (yield from other.wait()) == "worked"
        return "the same" if found is exc else f"not the same: {type(found).__name__}"

    assert end_of(Runner(excepthook=silent), main) == "the same"


# ---- errors without a waiter-----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ZOO)
def test_an_error_without_a_waiter_is_told_to_the_hook_whatever_it_is(
    kind: Type[Exception],
) -> None:
    """Once, as the object that was raised."""
    exc = kind()
    told: List[BaseException] = []

    def main() -> Green[str]:
        genlet.spawn(failing, exc)
        for _ in range(3):
            yield from genlet.sleep(0)
        return "went on"

    assert end_of(Runner(excepthook=lambda _gt, error: told.append(error)), main) == "went on"
    assert len(told) == 1
    assert told[0] is exc


@pytest.mark.parametrize("where", ["spawn", "link", "call_soon", "hook", "instrument"])
@pytest.mark.parametrize("kind", ZOO)
def test_an_error_is_reported_by_its_class_at_least_whatever_it_is(
    kind: Type[Exception], where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also an error that cannot be printed has a report that names its class."""
    exc = kind()

    def fail(*_: object) -> None:
        raise exc

    def main() -> Green[str]:
        if where in ("spawn", "hook"):
            genlet.spawn(failing, exc)
        elif where == "link":
            gt = genlet.spawn(genlet.sleep, 0)
            gt.link(fail)
        elif where == "call_soon":
            with genlet.portal() as door:
                door.call_soon(fail)
                yield from genlet.sleep(0)
        for _ in range(3):
            yield from genlet.sleep(0)
        return "went on"

    instrument = NullInstrument()
    if where == "instrument":
        setattr(instrument, "scheduled", fail)  # noqa: B010  a checker would refuse the assignment
    runner = Runner(
        excepthook=fail if where == "hook" else None,
        instruments=[instrument] if where == "instrument" else [],
    )
    assert end_of(runner, main) == "went on"
    assert kind.__name__ in capsys.readouterr().err


@pytest.mark.parametrize("kind", ZOO)
def test_main_fails_with_what_it_raises_whatever_that_is(kind: Type[Exception]) -> None:
    """The run raises the very object, and has cleaned up."""
    exc = kind()
    runner = Runner()

    def main() -> Green[object]:
        genlet.spawn(for_ever)
        yield from genlet.sleep(0)
        raise exc

    class Comparing(Runner):
        """Says of the error of the run whether it is the one that was raised."""

        def run(self, main: Any, /, *args: Any, **kwargs: Any) -> Any:
            try:
                return runner.run(main)
            except BaseException as caught:
                return "the same" if caught is exc else type(caught).__name__

    assert end_of(Comparing(), main) == "the same"


# ---- classes of exceptions that cannot be made ----------------------------------------------------


class NeedsArguments(Exception):
    def __init__(self, one: object, two: object) -> None:
        super().__init__(one, two)


class EndsWhoMakesIt(Exception):
    def __init__(self) -> None:
        raise SystemExit("made")


class MakesAnother(Exception):
    def __new__(cls) -> Any:
        return object()


UNMAKEABLE: Dict[Type[Exception], Type[BaseException]] = {
    NeedsArguments: TypeError,
    EndsWhoMakesIt: SystemExit,
    MakesAnother: TypeError,
}


def kill_by_class(kind: Any) -> Green[object]:
    gt = genlet.spawn(for_ever)
    yield from genlet.sleep(0)
    yield from gt.kill(kind)
    return (yield from gt.wait())


def time_out_by_class(kind: Any) -> Green[object]:
    with genlet.Timeout(0, kind):
        yield from for_ever()
    return None


def send_by_class(kind: Any) -> Green[object]:
    event: genlet.Event[object] = genlet.Event()
    event.send_exception(kind)
    return (yield from event.wait())


@pytest.mark.parametrize("kind", UNMAKEABLE)
@pytest.mark.parametrize("give", [kill_by_class, time_out_by_class, send_by_class])
def test_a_class_that_cannot_be_made_fails_where_it_is_raised(
    give: Callable[[Any], Green[object]], kind: Type[Exception]
) -> None:
    """The greenthread that was to raise it gets the reason, and no other is affected."""

    def main() -> Green[object]:
        try:
            yield from give(kind)
        except BaseException as caught:
            return type(caught)
        return None

    assert end_of(Runner(excepthook=silent), main) is UNMAKEABLE[kind]


# ---- GeneratorExit of the user's own --------------------------------------------------------------

# It closes a generator.  Raised by user code it closes nothing.


def test_a_handler_that_raises_generator_exit_does_not_end_the_server() -> None:
    """It is an error of the handler: `on_error` is told, and the next client is served."""
    told: List[BaseException] = []
    served: List[bytes] = []

    def handle(stream: Stream) -> Green[None]:
        request = yield from stream.read_line()
        if request == b"fail\n":
            raise GeneratorExit("of the handler")
        served.append(request)

    def main() -> Green[str]:
        with listen("127.0.0.1", 0) as listeners:
            server = genlet.spawn(
                lambda: net_serve(handle, listeners, on_error=lambda _, exc: told.append(exc))
            )
            server.link(lambda _: None)
            for request in (b"fail\n", b"next\n"):
                if server.dead:
                    return "the server has ended"
                with real.create_connection(listeners[0].address) as client:
                    client.send(request)
                    for _ in range(30):
                        yield from genlet.sleep(0)
            yield from server.kill()
        return "served"

    assert end_of(Runner(excepthook=silent), main) == "served"
    assert served == [b"next\n"]
    assert [str(exc) for exc in told] == ["of the handler"]


@pytest.mark.parametrize("scene", SCENES)
def test_generator_exit_raised_by_user_code_is_an_error_like_any_other(scene: Scene) -> None:
    """It comes out where any error would, and the others go on."""
    exc = GeneratorExit("of the user's")

    def main() -> Green[object]:
        other = genlet.spawn(genlet.sleep, 0)
        found: Any
        try:
            found = yield from scene(exc)
        except BaseException as caught:
            found = caught
        if found is not exc:
            found = (getattr(found, "exceptions", None) or [found])[0]
        yield from other.wait()
        return "the same" if found is exc else f"not the same: {found!r}"

    assert end_of(Runner(excepthook=silent), main) == "the same"


def test_a_deferred_call_that_raises_generator_exit_does_not_skip_the_others() -> None:
    """All deferred calls are made, whatever one of them raises."""
    made: List[str] = []

    def note(text: str) -> Green[None]:
        yield from genlet.sleep(0)
        made.append(text)

    @genlet.scoped
    def body(group: genlet.ScopedGroup) -> Green[None]:
        group.defer(note, "first")
        group.defer(failing, GeneratorExit("of the user's"))
        group.defer(note, "last")
        yield from ()

    def main() -> Green[None]:
        with pytest.raises(GeneratorExit):
            yield from body()

    assert end_of(Runner(), main) is None
    assert made == ["last", "first"]


def test_a_child_that_raises_generator_exit_fails_its_group() -> None:
    """Its siblings are cancelled as for any failure."""

    def main() -> Green[str]:
        exc = GeneratorExit("of the child")
        try:
            with genlet.TaskGroup(errors="first") as group:
                group.spawn(for_ever)
                group.spawn(failing, exc)
                yield from group.join()
        except GeneratorExit as caught:
            return "the same" if caught is exc else "another"
        return "nothing"

    assert end_of(Runner(excepthook=silent), main) == "the same"
