"""The patcher: what it refuses, and what it tells to do instead."""

from __future__ import annotations

import socket
from typing import Callable, NoReturn

import pytest

from genlet import patcher


def test_monkey_patch_raises_and_names_what_to_write_for_each_module() -> None:
    """For those asked for; without any, for all that eventlet would patch."""
    with pytest.raises(NotImplementedError) as caught:
        patcher.monkey_patch(socket=True, time=True, os=False)
    text = str(caught.value)
    assert "so monkey_patch() cannot make plain code wait" in text
    assert "  socket: from genlet.green import socket" in text
    assert "  time: yield from genlet.sleep(seconds)" in text
    assert "  os:" not in text
    assert "tpool.execute" in text
    with pytest.raises(NotImplementedError) as caught:
        patcher.monkey_patch()
    for name in patcher.INSTEAD:
        assert f"  {name}: " in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: patcher.import_patched("socket"),
        lambda: patcher.inject("socket", {}, ("time", None)),
    ],
)
def test_importing_patched_modules_raises(call: Callable[[], NoReturn]) -> None:
    """And names what there is in the place of the module."""
    with pytest.raises(NotImplementedError, match=r"  socket: from genlet\.green"):
        call()


def test_a_module_that_eventlet_does_not_know_is_sent_to_the_threads() -> None:
    """Any blocking library can run there."""
    with pytest.raises(NotImplementedError, match=r"  redis: yield from genlet.tpool.execute"):
        patcher.import_patched("redis")


def test_nothing_is_patched_and_the_original_is_the_module() -> None:
    """Questions about patching have true answers."""
    assert not patcher.is_monkey_patched("socket")
    assert not patcher.is_monkey_patched(socket)
    assert patcher.original("socket") is socket
