"""Where the stack ends, blocks are left as they were entered, and nothing stays behind."""

# Endless recursion through a block fails in the call that enters the last one.  So leaving must not need
# more frames than entering did: else the blocks around it cannot be left either.

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Callable, Dict, Optional

import pytest

import genlet
from genlet import Green
from genlet._compat import IS_PYPY
from genlet.kernel import get_scheduler
from genlet.pools import Pool

pytestmark = pytest.mark.skipif(
    IS_PYPY, reason="PyPy's stack ends after so many bytes, at any call whatever"
)

STACK = 150  # frames that are left
MANY = 300  # blocks: more than the stack has room for


def in_a_small_stack(main: Callable[[], Green[str]]) -> str:
    """Return what *main* returns, or the error in words: its traceback would be as long."""
    frame: Optional[FrameType] = sys._getframe()
    depth = 0
    while frame is not None:
        depth += 1
        frame = frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + STACK)
    try:
        return genlet.run(main)
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"
    finally:
        sys.setrecursionlimit(before)


Dig = Callable[[int], Green[None]]


def in_blocks(make: Callable[[], Any]) -> Dig:
    """Return what goes deeper and deeper, each time in a block that was made beforehand.

    So entering is the deepest call, and the one that fails.
    """
    blocks = [make() for _ in range(MANY)]

    def dig(depth: int) -> Green[None]:
        with blocks[depth]:
            yield from dig(depth + 1)

    return dig


def in_timeouts() -> Dig:
    """A Timeout runs from the time it is made: there is nothing to make beforehand."""

    def dig(depth: int) -> Green[None]:
        with genlet.Timeout(1000):
            yield from dig(depth + 1)

    return dig


def deeper(frames: int, dig: Dig) -> Green[None]:
    if frames:
        yield from deeper(frames - 1, dig)
    else:
        yield from dig(0)


BLOCKS: Dict[str, Callable[[], Dig]] = {
    "move_on_after": lambda: in_blocks(lambda: genlet.move_on_after(1000)),
    "fail_after": lambda: in_blocks(lambda: genlet.fail_after(1000)),
    "CancelScope": lambda: in_blocks(genlet.CancelScope),
    "Stopper.region": lambda: in_blocks(genlet.Stopper().region),
    "TaskGroup": lambda: in_blocks(lambda: genlet.TaskGroup(on_exit="cancel")),
    "Timeout": in_timeouts,
}


@pytest.mark.parametrize("frames", range(6))  # the stack ends at each of the calls in between
@pytest.mark.parametrize("kind", BLOCKS)
def test_endless_recursion_through_blocks_leaves_them_all(kind: str, frames: int) -> None:
    """RecursionError comes out, as without the blocks, and what was entered was left."""

    def main() -> Green[str]:
        dig = BLOCKS[kind]()
        with genlet.move_on_after(1000):
            timers = len(get_scheduler().timers)
            try:
                yield from deeper(frames, dig)
            except RecursionError:
                pass
            left = len(get_scheduler().timers) - timers
            with genlet.move_on_after(1000):
                yield from genlet.sleep(0)
        return f"{left} timers left"

    assert in_a_small_stack(main) == "0 timers left"


HELD: Dict[str, Callable[[], Any]] = {
    "Semaphore": lambda: genlet.Semaphore(MANY),
    "BoundedSemaphore": lambda: genlet.BoundedSemaphore(MANY),
    "RLock": genlet.RLock,
    "Condition": genlet.Condition,
}


@pytest.mark.parametrize("frames", range(6))
@pytest.mark.parametrize("kind", HELD)
def test_endless_recursion_through_held_permits_gives_them_all_back(
    kind: str, frames: int
) -> None:
    """What a ``with`` block has taken it gives back, also where the stack ends."""

    def main() -> Green[str]:
        held = HELD[kind]()

        def dig(depth: int) -> Green[None]:
            with (yield from held.hold()):
                yield from dig(depth + 1)

        try:
            yield from deeper(frames, dig)
        except RecursionError:
            pass
        if kind.endswith("Semaphore"):
            return f"{MANY - held.balance} not given back"
        return "1 not given back" if held.locked() else "0 not given back"

    assert in_a_small_stack(main) == "0 not given back"


class Full:
    """A class of which no object can be made."""

    def __init__(self, *_: object) -> None:
        raise MemoryError


def test_nothing_is_taken_if_its_manager_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A permit or an item that nothing would give back stays where it is."""
    monkeypatch.setattr("genlet.semaphore.Held", Full)
    monkeypatch.setattr("genlet.pools._Loan", Full)
    semaphore = genlet.Semaphore(1)
    pool: Pool[int] = Pool(min_size=1, max_size=1, create=lambda: 0)

    def main() -> Green[None]:
        with pytest.raises(MemoryError):
            yield from semaphore.hold()
        with pytest.raises(MemoryError):
            yield from pool.item()

    genlet.run(main)
    assert semaphore.balance == 1
    assert pool.free() == 1


@pytest.mark.parametrize("frames", range(6))
def test_endless_recursion_through_items_of_a_pool_puts_them_all_back(frames: int) -> None:
    """What was taken from a pool for a ``with`` block is in the pool again."""

    def main() -> Green[str]:
        pool: Pool[int] = Pool(min_size=MANY, max_size=MANY, create=lambda: 0)

        def dig(depth: int) -> Green[None]:
            with (yield from pool.item()):
                yield from dig(depth + 1)

        try:
            yield from deeper(frames, dig)
        except RecursionError:
            pass
        return f"{MANY - pool.free()} not put back"

    assert in_a_small_stack(main) == "0 not put back"
