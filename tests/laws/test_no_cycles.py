"""What has ended leaves nothing behind for the garbage collector to find."""

from __future__ import annotations

import gc
from typing import Callable, Dict, List

import pytest

import genlet
from genlet import Green
from genlet._compat import IS_PYPY
from genlet.green import socket

pytestmark = pytest.mark.skipif(IS_PYPY, reason="PyPy counts no references")


def sleeper() -> Green[None]:
    yield from genlet.sleep(1000)


def failing() -> Green[None]:
    yield from genlet.sleep(0)
    raise ValueError("as expected")


def killed_asleep() -> Green[None]:
    gt = genlet.spawn(sleeper)
    yield from genlet.sleep(0)
    yield from gt.kill()
    try:
        yield from gt.wait()
    except genlet.GreenletExit:
        pass


def killed_waiting() -> Green[None]:
    event: genlet.Event[int] = genlet.Event()
    gt = genlet.spawn(event.wait)
    yield from genlet.sleep(0)
    yield from gt.kill()


def killed_reading() -> Green[None]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        gt = genlet.spawn(ours.recv, 10)
        yield from genlet.sleep(0)
        yield from gt.kill()


def waited_for_in_vain() -> Green[None]:
    try:
        yield from genlet.spawn(failing).wait()
    except ValueError:
        pass


def conversation() -> Green[None]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield from ours.send(b"ping")
        assert (yield from theirs.recv(10)) == b"ping"


def group() -> Green[None]:
    with genlet.TaskGroup() as children:
        children.spawn(genlet.sleep, 0)
        yield from children.join()


def cancelled_group() -> Green[None]:
    with genlet.TaskGroup() as children:
        children.spawn(sleeper)
        children.cancel()
        yield from children.join()


def timed_out() -> Green[None]:
    with genlet.move_on_after(0):
        yield from genlet.sleep(1)


SCENES: List[Callable[[], Green[None]]] = [
    killed_asleep,
    killed_waiting,
    killed_reading,
    waited_for_in_vain,
    conversation,
    group,
    cancelled_group,
    timed_out,
]


@pytest.mark.parametrize("scene", SCENES)
def test_what_has_ended_is_freed_without_the_garbage_collector(
    scene: Callable[[], Green[None]],
) -> None:
    """Counting references is enough: memory does not grow until a collection comes."""
    found: Dict[str, int] = {}

    def main() -> Green[None]:
        yield from scene()  # whatever is made once
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                yield from scene()
            found["objects"] = gc.collect()
        finally:
            gc.enable()

    genlet.run(main)
    assert found["objects"] < 20
