"""Pool and TokenPool: items that are handed out, put back, and never lost."""

from __future__ import annotations

from threading import Thread
from typing import Callable, List, Tuple

import pytest

import genlet
from genlet.abc import Green
from genlet.errors import WrongThread
from genlet.pools import Pool, Token, TokenPool
from tests.crews import Gate, ended, hold_back, turns
from tests.kernel import forever, simulate
from tests.kernel.sweep import Aim, sweep


class Numbers:
    """Makes 0, 1, 2 and so on, and fails where it is told to."""

    def __init__(self, *failing: int) -> None:
        self.calls: int = 0
        self._failing = failing

    def __call__(self) -> int:
        number = self.calls
        self.calls += 1
        if number in self._failing:
            raise KeyError(number)
        return number

    def slowly(self) -> Green[int]:
        yield from turns(2)
        return self()


class Numbered(Pool[int]):
    """Overrides create with a plain method."""

    def create(self) -> int:
        return 7


class Slow(Pool[int]):
    """Overrides create with a green method."""

    def create(self) -> Green[int]:
        yield from turns(2)
        return 8


def make_plain(size: int) -> Pool[int]:
    return Pool(max_size=size, create=Numbers())


def make_green(size: int) -> Pool[int]:
    return Pool(max_size=size, create=Numbers().slowly)


both = pytest.mark.parametrize("make", [make_plain, make_green])


# ---- taking and putting back ----------------------------------------------------------------------


def test_pool_hands_out_what_was_put_back_before_it_makes_more() -> None:
    """An item is made only when none is free."""

    def main() -> Green[None]:
        numbers = Numbers()
        pool = Pool(create=numbers)
        first = yield from pool.get()
        pool.put(first)
        assert (yield from pool.get()) == first
        assert (numbers.calls, pool.current_size) == (1, 1)
        assert repr(pool) == "<Pool 0 free of 1, at most 4, 0 waiting>"

    genlet.run(main)


@pytest.mark.parametrize(("stack", "order"), [(False, [0, 1, 2]), (True, [2, 1, 0])])
def test_pool_order_is_round_robin_or_last_in_first_out(stack: bool, order: List[int]) -> None:
    """The item that has lain longest is taken next; as a stack, the one put back last."""

    def main() -> Green[None]:
        pool = Pool(0, 3, stack, Numbers())
        items: List[int] = []
        for _ in range(3):
            items.append((yield from pool.get()))
        for item in items:
            pool.put(item)
        for expected in order:
            assert (yield from pool.get()) == expected

    genlet.run(main)


def test_pool_makes_its_minimum_at_once() -> None:
    """*min_size* items are there before anybody asks, outside of a run too."""
    numbers = Numbers()
    pool = Pool(min_size=3, max_size=5, create=numbers)
    assert (numbers.calls, list(pool.free_items), pool.free()) == (3, [0, 1, 2], 5)


@pytest.mark.parametrize("sizes", [(10**400, 4), (10**400, 10**400), (5, 4)])
def test_pool_whose_minimum_can_never_be_made_is_refused(sizes: Tuple[int, int]) -> None:
    """More items than *max_size*, or than memory ever holds: no item is made."""
    numbers = Numbers()
    with pytest.raises(ValueError, match="min_size"):
        Pool(sizes[0], sizes[1], False, numbers)
    assert not numbers.calls


def test_pool_with_a_minimum_refuses_a_green_create() -> None:
    """A constructor cannot wait."""
    with pytest.raises(TypeError, match="min_size needs a plain create"):
        Pool(1, create=Numbers().slowly)


def test_pool_without_create_says_what_is_missing() -> None:
    """Neither an argument nor an override: the error names both ways out, and no place is lost."""

    def main() -> Green[None]:
        pool: Pool[int] = Pool(max_size=1)
        for _ in range(2):
            with pytest.raises(NotImplementedError, match=r"pass create=, or override create\(\)"):
                yield from pool.get()
        assert pool.free() == 1

    genlet.run(main)


@pytest.mark.parametrize(("pool", "item"), [(Numbered(), 7), (Slow(), 8)])
def test_pool_subclass_may_override_create(pool: Pool[int], item: int) -> None:
    """The method may be plain or green."""

    def main() -> Green[None]:
        assert (yield from pool.get()) == item

    genlet.run(main)


def test_pool_item_is_put_back_however_the_block_ends() -> None:
    """``with (yield from pool.item())`` holds an item for just the block."""

    def main() -> Green[None]:
        pool = make_plain(1)
        with (yield from pool.item()) as item:
            assert (item, pool.free()) == (0, 0)
        with pytest.raises(KeyError), (yield from pool.item()) as item:
            raise KeyError(item)
        assert pool.free() == 1

    genlet.run(main)


def test_pool_serves_waiters_in_order() -> None:
    """An item put back goes to the one that has waited longest; nobody overtakes."""
    got: List[int] = []

    def main() -> Green[None]:
        pool = make_plain(1)
        item = yield from pool.get()

        def getter(n: int) -> Green[None]:
            with (yield from pool.item()):
                got.append(n)
                yield from turns(1)

        getters = [genlet.spawn(getter, n) for n in range(4)]
        yield from turns()
        assert (pool.waiting(), pool.free()) == (4, 0)
        pool.put(item)
        late = genlet.spawn(getter, 4)
        for gt in (*getters, late):
            yield from gt.wait()

    genlet.run(main)
    assert got == [0, 1, 2, 3, 4]


@both
def test_pool_never_makes_more_than_its_maximum(make: Callable[[int], Pool[int]]) -> None:
    """A hundred that ask at once share what there may be, though making an item takes time."""

    def main() -> Green[None]:
        pool = make(4)
        seen: List[int] = []

        def user() -> Green[None]:
            with (yield from pool.item()) as item:
                seen.append(item)
                yield from turns(2)

        users = [genlet.spawn(user) for _ in range(100)]
        for gt in users:
            yield from gt.wait()
        assert len(seen) == 100
        assert set(seen) == {0, 1, 2, 3}
        assert (pool.current_size, pool.free(), pool.waiting()) == (4, 4, 0)

    genlet.run(main)


def test_token_pool_bounds_its_holders() -> None:
    """Tokens are opaque and distinct, and there are no more than *max_size*."""

    def main() -> Green[None]:
        pool = TokenPool(max_size=2)
        one, two = (yield from pool.get()), (yield from pool.get())
        assert isinstance(one, Token)
        assert one is not two
        assert pool.free() == 0
        waiter = genlet.spawn(pool.get)
        yield from turns()
        pool.put(one)
        assert (yield from waiter.wait()) is one

    genlet.run(main)


# ---- create that fails ----------------------------------------------------------------------------


def test_pool_create_that_fails_loses_no_place() -> None:
    """The error goes to the one who asked, and the next one tries again."""

    def main() -> Green[None]:
        pool = Pool(max_size=1, create=Numbers(0))
        with pytest.raises(KeyError):
            yield from pool.get()
        assert (pool.current_size, pool.free()) == (0, 1)
        assert (yield from pool.get()) == 1

    genlet.run(main)


def test_pool_create_that_fails_lets_the_first_in_line_try() -> None:
    """Whoever waited for the place that was given up makes an item, or fails in its turn."""

    def main() -> Green[None]:
        pool = Pool(max_size=1, create=Numbers(0, 1).slowly)
        getters = [genlet.spawn(pool.get) for _ in range(4)]
        errors: List[object] = []
        for gt in getters[:2]:
            errors.append(type((yield from ended(gt))))
        assert errors == [KeyError, KeyError]
        assert (yield from getters[2].wait()) == 2
        assert pool.waiting() == 1
        pool.put(2)
        assert (yield from getters[3].wait()) == 2

    genlet.run(main)


# ---- resize ---------------------------------------------------------------------------------------


def test_pool_growing_wakes_those_who_wait() -> None:
    """New places go to those in line at once, as many as there are."""

    def main() -> Green[None]:
        pool = make_plain(0)
        getters = [genlet.spawn(pool.get) for _ in range(3)]
        yield from turns()
        assert pool.waiting() == 3
        pool.resize(2)
        yield from turns()
        assert [gt.dead for gt in getters] == [True, True, False]
        assert (pool.current_size, pool.free(), pool.waiting()) == (2, 0, 1)

    genlet.run(main)


def test_pool_shrunk_drops_what_is_put_back_beyond_its_maximum() -> None:
    """Items that are out stay out; one is handed on only when there are no more than may be."""

    def main() -> Green[None]:
        pool = make_plain(3)
        items: List[int] = []
        for _ in range(3):
            items.append((yield from pool.get()))
        pool.resize(1)
        assert pool.free() == -2
        getter = genlet.spawn(pool.get)
        yield from turns()
        for free, item in zip((-1, 0), items):
            pool.put(item)
            assert (pool.free(), pool.waiting()) == (free, 1)
        pool.put(items[2])
        assert (yield from getter.wait()) == items[2]

    genlet.run(main)


def test_pool_wait_that_begins_late_looks_again() -> None:
    """A wait held back by children that had to end first finds the item that is free by then."""

    def late(pool: Pool[int], gate: Gate) -> Green[int]:
        yield from hold_back(gate)
        return (yield from pool.get())

    def main() -> Green[None]:
        pool, gate = make_plain(1), Gate()
        item = yield from pool.get()
        gt = genlet.spawn(late, pool, gate)
        yield from turns()
        assert pool.waiting() == 0
        pool.put(item)
        gate.open()
        assert (yield from gt.wait()) == item
        assert pool.free() == 0

    genlet.run(main)


def test_pool_put_from_a_thread_that_its_waiters_are_not_of_is_refused() -> None:
    """Who waits belongs to another run; the item is not lost."""
    got: List[int] = []

    def other(pool: Pool[int]) -> None:
        def main() -> Green[None]:
            with pytest.raises(WrongThread):
                pool.put(9)
            got.append((yield from pool.get()))
            with pytest.raises(WrongThread):
                yield from pool.get()

        genlet.run(main)

    def main() -> Green[None]:
        pool = make_plain(1)
        yield from pool.get()
        getter = genlet.spawn(pool.get)
        yield from turns()
        thread = Thread(target=other, args=(pool,))
        thread.start()
        thread.join()
        pool.put(5)
        assert (yield from getter.wait()) == 5

    genlet.run(main)
    assert got == [9]


# ---- interruptions --------------------------------------------------------------------------------


def test_pool_put_after_its_waiter_timed_out_keeps_the_item() -> None:
    """A put that finds only waiters that gave up keeps the item for the next."""

    def main() -> Green[None]:
        pool = make_plain(1)
        item = yield from pool.get()
        with genlet.Timeout(1, False):
            yield from pool.get()
        pool.put(item)
        assert (pool.free(), pool.waiting()) == (1, 0)
        assert (yield from pool.get()) == item

    simulate(main)


def test_pool_interrupted_while_it_makes_an_item_loses_no_place() -> None:
    """A green create that is interrupted hands its place to the first in line."""

    def main() -> Green[None]:
        made: List[int] = []

        def create() -> Green[int]:
            if not made:
                made.append(1)
                yield from forever().get()
            return 5

        pool = Pool(max_size=1, create=create)
        first, second = genlet.spawn(pool.get), genlet.spawn(pool.get)
        yield from turns()
        yield from first.kill()
        assert (yield from second.wait()) == 5
        pool.put(5)
        assert (pool.current_size, pool.free()) == (1, 1)

    genlet.run(main)


@both
def test_pool_user_interrupted_anywhere_loses_nothing(make: Callable[[int], Pool[int]]) -> None:
    """Interrupted while it waits, makes or holds an item, a user leaves the pool complete."""

    def user(pool: Pool[int]) -> Green[None]:
        for _ in range(2):
            with (yield from pool.item()):
                yield from turns(2)

    def scenario(aim: Aim) -> Green[None]:
        pool = make(1)
        before = genlet.spawn(user, pool)
        yield from turns(1)
        victim = aim(genlet.spawn(user, pool))
        after = genlet.spawn(user, pool)
        yield from ended(victim)
        for gt in (before, after):
            yield from gt.wait()
        assert (pool.current_size, pool.free(), pool.waiting()) == (1, 1, 0)

    assert sweep(scenario) >= 12


@both
def test_pool_maker_interrupted_anywhere_loses_nothing(make: Callable[[int], Pool[int]]) -> None:
    """The same for the first user, for whom the item is made."""

    def user(pool: Pool[int]) -> Green[None]:
        with (yield from pool.item()):
            yield from turns(2)

    def scenario(aim: Aim) -> Green[None]:
        pool = make(1)
        victim = aim(genlet.spawn(user, pool))
        yield from genlet.sleep(0)
        others = [genlet.spawn(user, pool) for _ in range(2)]
        yield from ended(victim)
        for gt in others:
            yield from gt.wait()
        assert (pool.current_size, pool.free(), pool.waiting()) == (1, 1, 0)

    assert sweep(scenario) >= 6
