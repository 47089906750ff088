"""What has ended leaves nothing behind for the garbage collector to find."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List

import pytest

import genlet
from genlet import Green
from genlet._compat import IS_PYPY
from genlet.dagpool import PropagateError, Results
from genlet.green import socket

if TYPE_CHECKING:
    from typing_extensions import Literal

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


def caught(call: Green[object]) -> Green[None]:
    """Drive *call*, which fails, as a caller that goes on."""
    try:
        yield from call
    except (Exception, genlet.Cancelled, genlet.Timeout):
        pass


def join(errors: Literal["group", "first"], *calls: Callable[[], Green[object]]) -> Green[None]:
    with genlet.TaskGroup(errors=errors) as children:
        for call in calls:
            children.spawn(call)
        yield from children.join()


def group_with_a_failing_child() -> Green[None]:
    yield from caught(join("group", failing, sleeper))


def group_with_two_failing_children() -> Green[None]:
    yield from caught(join("group", failing, failing, sleeper))


def group_with_a_failing_grandchild() -> Green[None]:
    yield from caught(join("group", lambda: join("group", failing, sleeper), sleeper))


def group_that_raises_the_first_error() -> Green[None]:
    yield from caught(join("first", failing, sleeper))


def group_whose_child_cleans_up_by_failing() -> Green[None]:
    yield from caught(join("group", failing, fails_when_cancelled))


def fails_when_cancelled() -> Green[None]:
    try:
        yield from genlet.sleep(1000)
    finally:
        raise LookupError("as expected")


def block_that_raises() -> Green[None]:
    def block() -> Green[None]:
        with genlet.TaskGroup() as children:
            children.spawn(sleeper)
            yield from genlet.sleep(0)
            raise ValueError("as expected")

    yield from caught(block())


def block_that_leaves_children_behind() -> Green[None]:
    def block() -> Green[None]:
        with genlet.TaskGroup():
            genlet.getcurrent()
            with genlet.TaskGroup(grace=1) as children:
                children.spawn(slow_to_end)
                yield from genlet.sleep(0)
                raise ValueError("as expected")

    yield from caught(block())


def slow_to_end() -> Green[None]:
    try:
        yield from genlet.sleep(1000)
    finally:
        yield from genlet.sleep(0)


def unjoined_group() -> Green[None]:
    def block() -> Green[None]:
        with genlet.TaskGroup() as children:
            children.spawn(sleeper)
            yield from genlet.sleep(0)

    yield from caught(block())


def group_whose_start_fails() -> Green[None]:
    def child(_ready: genlet.Ready[None]) -> Green[None]:
        return failing()

    def block() -> Green[None]:
        with genlet.TaskGroup() as children:
            yield from children.start(child)

    yield from caught(block())


def failed_gather() -> Green[None]:
    yield from caught(genlet.gather(sleeper(), failing()))


def race_won() -> Green[None]:
    yield from genlet.race(sleeper(), genlet.sleep(0))


def race_lost() -> Green[None]:
    yield from caught(genlet.race(sleeper(), failing()))


def failed_amap() -> Green[None]:
    yield from caught(genlet.amap(lambda _: failing(), [1, 2, 3]))


def failed_amap_with_a_limit() -> Green[None]:
    yield from caught(genlet.amap(lambda _: failing(), [1, 2, 3], limit=2))


def failed_scoped() -> Green[None]:
    @genlet.scoped
    def body(children: genlet.ScopedGroup) -> Green[None]:
        children.spawn(failing)
        children.spawn(sleeper)
        yield from genlet.sleep(1000)

    yield from caught(body())


def failed_scoped_with_a_deferred_call() -> Green[None]:
    @genlet.scoped
    def body(children: genlet.ScopedGroup) -> Green[None]:
        children.defer(genlet.sleep, 0)
        yield from failing()

    yield from caught(body())


def with_timeout_that_expires() -> Green[None]:
    yield from caught(genlet.with_timeout(0, sleeper))


def with_timeout_that_returns_a_value() -> Green[None]:
    assert (yield from genlet.with_timeout(0, sleeper, timeout_value=1)) == 1


def with_timeout_that_fails() -> Green[None]:
    yield from caught(genlet.with_timeout(10, failing))


def silent_timeout() -> Green[None]:
    with genlet.Timeout(0, False):
        yield from genlet.sleep(1000)


def timeout() -> Green[None]:
    def block() -> Green[None]:
        with genlet.Timeout(0):
            yield from genlet.sleep(1000)

    yield from caught(block())


def timeout_with_an_exception() -> Green[None]:
    def block() -> Green[None]:
        with genlet.Timeout(0, ValueError("as expected")):
            yield from genlet.sleep(1000)

    yield from caught(block())


def timeout_around_a_group() -> Green[None]:
    def block() -> Green[None]:
        with genlet.Timeout(0):
            yield from join("group", sleeper, sleeper)

    yield from caught(block())


def silent_timeout_around_a_group() -> Green[None]:
    with genlet.Timeout(0, False):
        yield from join("group", sleeper, sleeper)


def fail_after_around_a_group() -> Green[None]:
    def block() -> Green[None]:
        with genlet.fail_after(0):
            yield from join("group", sleeper, sleeper)

    yield from caught(block())


def killed_owner() -> Green[None]:
    gt = genlet.spawn(join, "group", sleeper, sleeper)
    yield from genlet.sleep(0)
    yield from genlet.sleep(0)
    yield from gt.kill()
    waiting = gt.wait()
    del gt
    yield from caught(waiting)


def owner_killed_with_an_exception() -> Green[None]:
    gt = genlet.spawn(join, "group", sleeper, slow_to_end)
    yield from genlet.sleep(0)
    yield from genlet.sleep(0)
    yield from gt.kill(KeyError("as expected"))
    waiting = gt.wait()
    del gt
    yield from caught(waiting)


def killed_before_its_start() -> Green[None]:
    gt = genlet.spawn(sleeper)
    gt.kill_soon()
    waiting = gt.wait()
    del gt
    yield from caught(waiting)


def killed_by_force() -> Green[None]:
    gt = genlet.spawn(slow_to_end)
    yield from genlet.sleep(0)
    yield from gt.kill(force=True)
    waiting = gt.wait()
    del gt
    yield from caught(waiting)


def killed_and_failing_in_its_cleanup() -> Green[None]:
    gt = genlet.spawn(fails_when_cancelled)
    yield from genlet.sleep(0)
    yield from gt.kill()
    waiting = gt.wait()
    del gt
    yield from caught(waiting)


def waited_for_by_many_in_vain() -> Green[None]:
    gt = genlet.spawn(failing)
    waiting = [genlet.spawn(caught, gt.wait()) for _ in range(3)]
    for one in waiting:
        yield from one.wait()


def failing_pile() -> Green[None]:
    pile: genlet.GreenPile[None] = genlet.GreenPile(2)
    yield from pile.spawn(failing)
    yield from pile.spawn(failing)
    yield from caught(pile.next())
    yield from caught(pile.collect())


def failing_imap() -> Green[None]:
    results = genlet.GreenPool(2).imap(lambda _: failing(), [1, 2, 3])
    yield from caught(results.next())
    yield from caught(results.collect())
    yield from caught(results.collect())


def imap_whose_items_fail() -> Green[None]:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("as expected")

    yield from caught(genlet.GreenPool(2).imap(lambda _: genlet.sleep(0), items()).collect())


def failing_pool_job() -> Green[None]:
    pool = genlet.GreenPool(2)
    gt = yield from pool.spawn(failing)
    waiting = gt.wait()
    del gt
    yield from caught(waiting)
    yield from pool.waitall()


def failing_inline_job() -> Green[None]:
    pool = genlet.GreenPool(1)

    def outer() -> Green[None]:
        gt = yield from pool.spawn(failing)
        waiting = gt.wait()
        del gt
        yield from caught(waiting)

    gt = yield from pool.spawn(outer)
    yield from gt.wait()


def failing_as_completed() -> Green[None]:
    done = genlet.as_completed([genlet.spawn(failing), genlet.spawn(failing)])
    ended = yield from done.collect()
    while ended:
        with pytest.raises(ValueError, match="as expected"):
            ended.pop().result()  # in no variable: this frame is among those of the error


def stopped_region() -> Green[None]:
    stopper = genlet.Stopper()
    with stopper.region():
        stopper.stop()
        yield from genlet.sleep(1000)


def cancelled_wait_for_a_queue() -> Green[None]:
    queue: genlet.Queue[int] = genlet.Queue()
    gt = genlet.spawn(queue.get)
    yield from genlet.sleep(0)
    gt.kill_soon()
    waiting = gt.wait()
    del gt
    yield from caught(waiting)
    try:
        yield from queue.get(timeout=0)
    except Exception:
        pass


def held_semaphore_that_is_killed() -> Green[None]:
    semaphore = genlet.Semaphore(1)

    def holder() -> Green[None]:
        with (yield from semaphore.hold()):
            yield from genlet.sleep(1000)

    gt = genlet.spawn(holder)
    other = genlet.spawn(holder)
    yield from genlet.sleep(0)
    other.kill_soon()
    gt.kill_soon()
    waiting = gt.wait()
    del gt
    yield from caught(waiting)
    yield from caught(other.wait())


def failing_dag() -> Green[None]:
    """A value that failed, those that depend on it, and everybody who asks for one of them."""

    def fails(_key: str, _results: Results[str, int]) -> Green[int]:
        yield from genlet.sleep(0)
        raise ValueError("as expected")

    def adds(_key: str, results: Results[str, int]) -> Green[int]:
        return sum((yield from results.collect()).values())

    pool: genlet.DAGPool[str, int] = genlet.DAGPool()
    pool.spawn("a", (), fails)
    pool.spawn("b", ("a",), adds)
    pool.spawn("c", ("a", "b"), adds)
    yield from caught(pool.waitall())
    yield from caught(pool.get("a"))
    yield from caught(pool.get("c"))
    yield from caught(pool.wait_each().collect())
    with pytest.raises(PropagateError):
        pool.poll("b")
    with pytest.raises(PropagateError):
        pool.items()


SCENES: List[Callable[[], Green[None]]] = [
    killed_asleep,
    killed_waiting,
    killed_reading,
    waited_for_in_vain,
    conversation,
    group,
    cancelled_group,
    timed_out,
    group_with_a_failing_child,
    group_with_two_failing_children,
    group_with_a_failing_grandchild,
    group_that_raises_the_first_error,
    group_whose_child_cleans_up_by_failing,
    block_that_raises,
    block_that_leaves_children_behind,
    unjoined_group,
    group_whose_start_fails,
    failed_gather,
    race_won,
    race_lost,
    failed_amap,
    failed_amap_with_a_limit,
    failed_scoped,
    failed_scoped_with_a_deferred_call,
    with_timeout_that_expires,
    with_timeout_that_returns_a_value,
    with_timeout_that_fails,
    silent_timeout,
    timeout,
    timeout_with_an_exception,
    timeout_around_a_group,
    silent_timeout_around_a_group,
    fail_after_around_a_group,
    killed_owner,
    owner_killed_with_an_exception,
    killed_before_its_start,
    killed_by_force,
    killed_and_failing_in_its_cleanup,
    waited_for_by_many_in_vain,
    failing_pile,
    failing_imap,
    imap_whose_items_fail,
    failing_pool_job,
    failing_inline_job,
    failing_as_completed,
    stopped_region,
    cancelled_wait_for_a_queue,
    held_semaphore_that_is_killed,
    failing_dag,
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
