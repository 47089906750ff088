"""corolocal.local: attributes of which every greenthread has its own."""

from __future__ import annotations

import gc
import weakref
from typing import Any, List

import pytest

import genlet
from genlet.abc import Green
from genlet.corolocal import get_ident, local

from .kernel import settle
from .test_event import in_a_thread


class Thing:
    pass


def test_local_attributes_are_each_greenthreads_own() -> None:
    """Set in one, they are missing in another, and are still there after others have run."""

    def main() -> Green[None]:
        data = local()

        def uses(number: int) -> Green[int]:
            assert not hasattr(data, "x")
            data.x = number
            yield from genlet.sleep(0)
            assert data.__dict__ == {"x": number}
            del data.x
            with pytest.raises(AttributeError, match=r"^'local' object has no attribute 'x'$"):
                del data.x
            return number

        gts = [genlet.spawn(uses, number) for number in range(3)]
        yield from settle()
        assert [gt.result() for gt in gts] == [0, 1, 2]

    genlet.run(main)


def test_local_subclass_is_initialised_once_in_each_greenthread() -> None:
    """With the arguments it was made with, at the first use."""
    calls: List[Any] = []

    class Mine(local):
        kind = "class"

        def __init__(self, x: int, *, y: int) -> None:
            calls.append((x, y))
            self.x = x

        @property
        def double(self) -> int:
            return 2 * self.x

        @double.setter
        def double(self, value: int) -> None:
            self.x = value // 2

    def main() -> Green[None]:
        data = Mine(1, y=2)
        assert calls == [(1, 2)]
        data.x = 5

        def uses() -> Green[None]:
            assert data.double == 2
            data.double = 8
            assert data.x == 4
            data.kind = "mine"
            yield from genlet.sleep(0)
            assert data.kind == "mine"

        yield from genlet.spawn(uses).wait()
        assert calls == [(1, 2)] * 2
        assert (data.x, data.double, data.kind) == (5, 10, "class")

    genlet.run(main)


def test_local_init_that_fails_is_tried_again() -> None:
    """What it had set is forgotten."""

    class Failing(local):
        def __init__(self, log: List[int]) -> None:
            self.log = log
            log.append(1)
            if len(log) == 2:
                raise LookupError("second")

    def main() -> Green[None]:
        log: List[int] = []
        data = Failing(log)

        def uses() -> Green[None]:
            with pytest.raises(LookupError):
                data.log  # noqa: B018
            assert data.log is log
            yield from genlet.sleep(0)

        yield from genlet.spawn(uses).wait()
        assert len(log) == 3

    genlet.run(main)


def test_local_without_an_init_takes_no_arguments() -> None:
    """As `threading.local`."""
    with pytest.raises(TypeError, match=r"^local takes no arguments: it has no __init__$"):
        local(1)


def test_local_dict_is_read_only() -> None:
    """It can be changed, not replaced."""
    data = local()
    with pytest.raises(AttributeError, match=r"read-only$"):
        data.__dict__ = {}
    with pytest.raises(AttributeError, match=r"read-only$"):
        del data.__dict__
    data.__dict__["x"] = 1
    assert data.x == 1


@pytest.mark.slow
def test_local_leaks_nothing_when_the_greenthread_has_ended() -> None:
    """Its values go with it, and with the local itself."""

    def main() -> Green[None]:
        data = local()
        refs: List[weakref.ref[Thing]] = []

        def uses() -> Green[None]:
            data.thing = thing = Thing()
            refs.append(weakref.ref(thing))
            yield from genlet.sleep(0)

        for _ in range(10):
            yield from genlet.spawn(uses).wait()
        yield from settle()
        for _ in range(3):
            gc.collect()
        assert sum(ref() is not None for ref in refs) <= 1  # a last one may be on the stack
        other = local()
        other.thing = Thing()
        mine = weakref.ref(other.thing)
        del other
        for _ in range(3):
            gc.collect()
        assert mine() is None

    genlet.run(main)


def test_local_outside_of_greenthreads_is_each_threads_own() -> None:
    """Before, after and beside a run; a greenthread sees none of it."""
    data = local()
    data.x = "outside"
    seen: List[bool] = []

    def main() -> Green[None]:
        assert not hasattr(data, "x")
        data.x = "inside"
        yield from genlet.sleep(0)

    genlet.run(main)
    assert data.x == "outside"
    assert in_a_thread(lambda: seen.append(hasattr(data, "x"))) is None
    assert in_a_thread(lambda: genlet.run(main)) is None
    assert seen == [False]


def test_get_ident_is_different_for_every_greenthread() -> None:
    """And the same from one call to the next."""

    def main() -> Green[None]:
        def ident() -> Green[int]:
            yield from genlet.sleep(0)
            return get_ident()

        gts = [genlet.spawn(ident) for _ in range(5)]
        yield from settle()
        assert len({get_ident(), *(gt.result() for gt in gts)}) == 6

    outside = get_ident()
    genlet.run(main)
    assert get_ident() == outside
