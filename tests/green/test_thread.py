"""Green _thread: the little there is below threading."""

from __future__ import annotations

from typing import List

import pytest

import genlet
from genlet.abc import Green
from genlet.green import _thread

from .test_select import run, turns


def test_start_new_thread_runs_the_function_and_returns_its_ident() -> None:
    """With args and kwargs."""
    log: List[object] = []

    def work(number: int, more: int = 0) -> Green[None]:
        log.append((number, more, _thread.get_ident()))
        yield from genlet.sleep(0)

    def main() -> Green[None]:
        first = _thread.start_new_thread(work, (1,))
        second = _thread.start_new_thread(work, (2,), {"more": 3})
        yield from turns(3)
        assert log == [(1, 0, first), (2, 3, second)]

    run(main)


def test_exit_ends_only_the_thread() -> None:
    """Without a word, and main goes on."""

    def leaves() -> Green[None]:
        yield from genlet.sleep(0)
        _thread.exit()

    def main() -> Green[None]:
        _thread.start_new_thread(leaves, ())
        yield from turns(3)

    run(main)


def test_allocate_lock_makes_a_green_lock() -> None:
    """Of the type LockType."""

    def main() -> Green[None]:
        lock = _thread.allocate_lock()
        assert isinstance(lock, _thread.LockType)
        assert (yield from lock.acquire())
        assert not (yield from lock.acquire(False))
        lock.release()
        with pytest.raises(_thread.error):
            lock.release()

    run(main)


def test_interrupt_main_is_ctrl_c() -> None:
    """A KeyboardInterrupt in the main greenthread."""

    def main() -> Green[None]:
        _thread.interrupt_main()
        with pytest.raises(KeyboardInterrupt):
            yield from genlet.sleep(10)

    run(main)
