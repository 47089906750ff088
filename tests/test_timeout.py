"""The functions around Timeout."""

from __future__ import annotations

import socket
import sys
from typing import Any, List

import pytest

import genlet
from genlet import Timeout
from genlet.abc import Green
from genlet.kernel import get_scheduler
from genlet.timeout import is_timeout, with_timeout, wrap_is_timeout

from .kernel import forever, simulate

ENDED = object()


def returns(*args: object, **kwargs: object) -> Green[object]:
    yield from genlet.checkpoint()
    return args, kwargs


def hangs() -> Green[None]:
    yield from forever().get()


def test_with_timeout_returns_what_the_function_returns_in_time() -> None:
    """With its arguments passed on, and no timer left."""

    def main() -> Green[None]:
        result = yield from with_timeout(5, returns, 1, 2, timeout_value=3, key=4)
        assert result == ((1, 2), {"key": 4})
        assert len(get_scheduler().timers) == 0

    simulate(main)


def test_with_timeout_returns_the_timeout_value_when_the_time_is_up() -> None:
    """Any value, None included."""

    def main() -> Green[None]:
        for value in (None, ENDED):
            assert (yield from with_timeout(5, hangs, timeout_value=value)) is value
        assert get_scheduler().clock() == 10

    simulate(main)


def test_with_timeout_without_a_value_raises_the_timeout() -> None:
    """As a bare Timeout would."""

    def main() -> Green[None]:
        with pytest.raises(Timeout, match=r"^5 seconds$"):
            yield from with_timeout(5, hangs)

    simulate(main)


def test_with_timeout_swallows_its_own_timeout_only() -> None:
    """One from outside, and one that the function makes, pass."""

    def times_out() -> Green[None]:
        with Timeout(1):
            yield from forever().get()

    def main() -> Green[None]:
        with pytest.raises(Timeout) as caught, Timeout(1) as outer:
            yield from with_timeout(5, hangs, timeout_value="swallowed")
        assert caught.value is outer
        with pytest.raises(Timeout, match=r"^1 second$"):
            yield from with_timeout(5, times_out, timeout_value="swallowed")
        assert len(get_scheduler().timers) == 0

    simulate(main)


def test_with_timeout_passes_errors_on_and_leaves_no_timer() -> None:
    """Those of the function, and those of calling it."""

    def fails() -> Green[None]:
        yield from genlet.checkpoint()
        raise LookupError

    def main() -> Green[None]:
        with pytest.raises(LookupError):
            yield from with_timeout(5, fails, timeout_value=1)
        wrong: Any = fails
        with pytest.raises(TypeError):
            yield from with_timeout(5, wrong, 1)
        assert len(get_scheduler().timers) == 0

    simulate(main)


def test_is_timeout_is_true_of_whatever_says_that_time_is_up() -> None:
    """A Timeout, the standard library's errors, and what was marked."""

    class Marked(Exception):
        is_timeout = True

    def main() -> Green[None]:
        assert is_timeout(Timeout())
        yield from genlet.checkpoint()

    simulate(main)
    assert is_timeout(TimeoutError())
    assert is_timeout(Marked())
    if sys.version_info >= (3, 10):  # where it is the same class
        assert is_timeout(socket.timeout("timed out"))
    others: List[object] = [Exception(), None, 5]
    assert not any(is_timeout(other) for other in others)


def test_wrap_is_timeout_marks_a_class() -> None:
    """Itself, not a copy: ``except`` clauses that name it go on to work."""

    class Late(Exception):
        pass

    assert not is_timeout(Late())
    assert wrap_is_timeout(Late) is Late
    assert is_timeout(Late())


def test_wrap_is_timeout_marks_what_a_function_returns() -> None:
    """And leaves the function looking as it did."""

    def make(text: str) -> Exception:
        """Make one."""
        return LookupError(text)

    marked = wrap_is_timeout(make)
    error = marked("late")
    assert is_timeout(error)
    assert str(error) == "late"
    assert (marked.__name__, marked.__doc__) == ("make", "Make one.")
    assert not is_timeout(make("early"))


def test_the_scopes_are_here_too() -> None:
    """Whoever looks for timeouts finds them in one module."""
    from genlet import timeout

    for name in timeout.__all__:
        assert getattr(genlet, name) is getattr(timeout, name)
