"""Groups: children end before their owner goes on."""

from __future__ import annotations

from math import inf
from threading import Thread
from typing import TYPE_CHECKING, Callable, List, Optional, Tuple, Type, TypeVar

import pytest

import genlet
from genlet import Cancelled, GreenletExit, Timeout
from genlet.abc import Green
from genlet.kernel import (
    AnyGreenThread,
    GreenThread,
    Group,
    NullInstrument,
    Runner,
    get_scheduler,
    move_on_after,
    shielded,
)

from . import VirtualTime, forever, outcome, settle, simulate
from .sweep import Aim, sweep

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import ParamSpec, Self

    P = ParamSpec("P")

T = TypeVar("T")
Log = List[str]


class Crew:
    """A task group with the bare semantics of the kernel's Group: left early, it is cancelled."""

    def __init__(self, grace: float = 0) -> None:
        self.group: Group = Group(get_scheduler(), grace)

    def __enter__(self) -> Self:
        self.group.open(genlet.getcurrent())
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> bool:
        if self.group.members:
            self.group.scope.cancel(exc)
        return self.group.leave(exc)

    def spawn(
        self, fn: Callable[P, Green[T]], *args: P.args, **kwargs: P.kwargs
    ) -> GreenThread[T]:
        return get_scheduler().spawn(fn, args, kwargs, group=self.group)

    def join(self) -> Green[None]:
        for gt in list(self.group.members):
            yield from outcome(gt)


def now() -> float:
    return get_scheduler().clock()


def slow_to_clean_up(log: Log, word: str, seconds: float) -> Green[None]:
    """Wait to be interrupted, and take *seconds* to clean up."""
    try:
        yield from forever().get()
    finally:
        with shielded(1000):
            yield from genlet.sleep(seconds)
        log.append(word)


def swallows_one() -> Green[None]:
    try:
        yield from forever().get()
    except BaseException:
        pass
    yield from forever().get()


def logs(log: Log, word: str) -> Green[None]:
    log.append(word)
    yield from genlet.checkpoint()


# ---- R6: children first -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["scope", "kill", "timeout"])
def test_an_interrupted_owner_is_held_until_its_children_are_gone(how: str) -> None:
    """Whatever interrupts it: its own wait is given up at once, and it goes on after the last."""
    log: Log = []

    def owner() -> Green[None]:
        try:
            with move_on_after(1 if how == "scope" else inf):
                timeout = Timeout(1 if how == "timeout" else None)
                with timeout, Crew() as crew:
                    crew.spawn(slow_to_clean_up, log, "quick child", 1)
                    crew.spawn(slow_to_clean_up, log, "slow child", 3)
                    yield from forever().get()
        finally:
            log.append(f"owner at {now():g}")

    def main() -> Green[None]:
        gt = genlet.spawn(owner)
        yield from genlet.sleep(1)
        if how == "kill":
            yield from gt.kill()
        yield from genlet.sleep(1)
        assert gt.waiting_on is not None
        assert gt.waiting_on.startswith("its children to end: ")
        error = yield from outcome(gt)
        assert type(error) is {"scope": type(None), "kill": GreenletExit, "timeout": Timeout}[how]

    simulate(main)
    assert log == ["quick child", "slow child", "owner at 4"]


def test_teardown_is_post_order_down_a_whole_tree() -> None:
    """Grandchildren before children before the owner."""
    log: Log = []

    def level(depth: int) -> Green[None]:
        try:
            with Crew() as crew:
                if depth:
                    crew.spawn(level, depth - 1)
                yield from forever().get()
        finally:
            log.append(str(depth))

    def main() -> Green[None]:
        with move_on_after(1):
            yield from level(4)

    simulate(main)
    assert log == ["0", "1", "2", "3", "4"]


def test_a_timeout_reaches_only_the_groups_that_were_opened_after_it_was_armed() -> None:
    """One made inside of the block interrupts the owner and leaves the children alone."""
    log: Log = []

    def main() -> Green[None]:
        with Crew() as crew:
            child = crew.spawn(logs_after, log, "child unharmed", 5)
            with Timeout(1, False):
                yield from forever().get()
            assert now() == 1
            assert not child.dead
            yield from crew.join()

    def logs_after(log: Log, word: str, seconds: float) -> Green[None]:
        yield from genlet.sleep(seconds)
        log.append(word)

    simulate(main)
    assert log == ["child unharmed"]


def test_a_kill_reaches_every_group_of_its_victim() -> None:
    """However many are open."""
    log: Log = []

    def owner() -> Green[None]:
        with Crew() as one, Crew() as other:
            one.spawn(slow_to_clean_up, log, "one", 2)
            other.spawn(slow_to_clean_up, log, "other", 1)
            yield from forever().get()

    def main() -> Green[None]:
        gt = genlet.spawn(owner)
        yield from settle()
        yield from gt.kill()
        assert isinstance((yield from outcome(gt)), GreenletExit)
        assert now() == 2

    simulate(main)
    assert log == ["other", "one"]


def test_kill_of_an_owner_returns_when_the_children_were_told() -> None:
    """It does not wait for their cleanup."""
    log: Log = []

    def main() -> Green[None]:
        def owner() -> Green[None]:
            with Crew() as crew:
                crew.spawn(slow_to_clean_up, log, "child", 5)
                yield from forever().get()

        gt = genlet.spawn(owner)
        yield from settle()
        yield from gt.kill()
        assert now() == 0
        assert not gt.dead
        yield from outcome(gt)
        assert now() == 5

    simulate(main)


def test_a_child_that_swallows_its_interruption_does_not_hold_a_killed_owner_for_ever() -> None:
    """A kill's infinite grace is for the one named; children have the group's, which is none."""

    def owner() -> Green[None]:
        with Crew() as crew:
            crew.spawn(swallows_one)
            yield from forever().get()

    def main() -> Green[None]:
        gt = genlet.spawn(owner)
        yield from settle()
        yield from gt.kill()
        assert isinstance((yield from outcome(gt)), GreenletExit)

    simulate(main)


def test_the_children_of_a_killed_owner_have_their_groups_grace() -> None:
    """Its own, whatever that of the interruption."""
    cut_at: List[float] = []

    def child() -> Green[None]:
        for _ in range(2):
            try:
                yield from forever().get()
            except Cancelled:
                cut_at.append(now())

    def owner() -> Green[None]:
        with Crew(grace=3) as crew:
            crew.spawn(child)
            yield from forever().get()

    def main() -> Green[None]:
        gt = genlet.spawn(owner)
        yield from settle()
        yield from gt.kill()
        yield from outcome(gt)

    simulate(main)
    assert cut_at == [0, 3]


def test_a_forced_kill_reaches_the_children_of_an_owner_that_is_held_already() -> None:
    """A second, harder word is heard by those who swallowed the first."""

    def owner() -> Green[None]:
        with Crew(grace=inf) as crew:
            crew.spawn(swallows_one)
            yield from forever().get()

    def main() -> Green[None]:
        gt = genlet.spawn(owner)
        yield from settle()
        yield from gt.kill()
        yield from settle()
        assert not gt.dead
        yield from gt.kill(force=True)
        assert isinstance((yield from outcome(gt)), GreenletExit)

    simulate(main)


def test_a_forced_kill_does_not_take_its_victim_out_of_the_scopes_around_it() -> None:
    """A child that is refused everything still belongs to its group: that is the outermost."""
    seen: List[object] = []

    def child() -> Green[None]:
        for _ in range(3):
            try:
                yield from genlet.sleep(0)
                yield from forever().get()
            except Cancelled as exc:
                seen.append(exc.scope)
                with shielded(5):
                    yield from genlet.sleep(1)

    def main() -> Green[None]:
        with Crew() as crew:
            gt = crew.spawn(child)
            yield from settle()
            yield from gt.kill(force=True)
            yield from genlet.sleep(1.5)
            crew.group.scope.cancel()
            with shielded(10):
                yield from gt.wait()
            own = seen[1]
            assert isinstance(own, genlet.CancelScope)
            assert seen == [None, own, crew.group.scope]
            assert own is not crew.group.scope

    simulate(main)


def test_a_scopes_grace_covers_the_children_inside_of_it() -> None:
    """They are interrupted once with the owner's scope, and refused when its grace is over."""
    cut_at: List[Tuple[str, float]] = []

    def child(name: str) -> Green[None]:
        for _ in range(2):
            try:
                yield from genlet.sleep(1000)
            except Cancelled:
                cut_at.append((name, now()))

    def main() -> Green[None]:
        with move_on_after(1, grace=2), Crew() as crew:
            crew.spawn(child, "a")
            crew.spawn(child, "b")
            yield from forever().get()
        assert now() == 3

    simulate(main)
    assert cut_at == [("a", 1), ("b", 1), ("a", 3), ("b", 3)]


def test_cancelling_the_groups_scope_ends_members_and_block_but_not_the_owner() -> None:
    """Its own Cancelled is caught when the block is left."""
    log: Log = []

    def main() -> Green[None]:
        with Crew() as crew:
            crew.spawn(slow_to_clean_up, log, "child", 1)
            yield from genlet.sleep(0)
            crew.group.scope.cancel("enough")
            yield from forever().get()
        log.append("owner")
        yield from genlet.sleep(1)

    simulate(main)
    assert log == ["child", "owner"]


# ---- R9, R10: the unstarted and the late --------------------------------------------------------


def test_an_unstarted_member_of_a_cancelled_group_never_runs() -> None:
    """But its links are called and its waiters are told."""
    log: Log = []

    def main() -> Green[None]:
        with Crew() as crew:
            gt = crew.spawn(logs, log, "ran")
            gt.link(lambda _: log.append("link"))
            crew.group.scope.cancel()
            assert log == []
        assert gt.dead
        assert isinstance(gt.error, Cancelled)
        yield from genlet.sleep(0)

    simulate(main)
    assert log == ["link"]


def test_a_member_that_is_spawned_into_a_hard_cancelled_group_never_runs() -> None:
    """As if it had been there when the scope was cancelled, whichever scope around it that was."""
    log: Log = []

    def main() -> Green[None]:
        for cancel_outer in (False, True):
            with genlet.CancelScope() as outer, Crew() as crew:
                scope = outer if cancel_outer else crew.group.scope
                scope.cancel()
                gt = crew.spawn(logs, log, "ran")
                assert gt.dead
                with shielded(5):
                    yield from genlet.sleep(1)

    simulate(main)
    assert log == []


def test_a_member_that_is_spawned_during_the_grace_counts_as_told_already() -> None:
    """Cleanup may itself use helpers; they are refused with everybody when the grace is over."""
    log: Log = []

    def helper(word: str, seconds: float) -> Green[None]:
        yield from genlet.sleep(seconds)
        log.append(word)

    def main() -> Green[None]:
        with move_on_after(1, grace=5), Crew() as crew:
            try:
                yield from forever().get()
            finally:
                crew.spawn(helper, "in time", 2)
                crew.spawn(helper, "too late", 10)
                yield from crew.join()
        assert now() == 6

    simulate(main)
    assert log == ["in time"]


# ---- R12: the barrier ---------------------------------------------------------------------------


def test_leaving_with_a_child_that_must_wait_holds_the_owners_next_suspension() -> None:
    """Plain code runs on at once; no wait of the owner begins before the child is gone."""
    log: Log = []

    def breaks() -> Green[None]:
        with Crew() as crew:
            crew.spawn(slow_to_clean_up, log, "child", 3)
            yield from genlet.sleep(0)
            raise LookupError

    def main() -> Green[None]:
        with pytest.raises(LookupError):
            yield from breaks()
        log.append(f"handler at {now():g}")
        yield from genlet.sleep(1)
        log.append(f"owner at {now():g}")

    simulate(main)
    assert log == ["handler at 0", "child", "owner at 4"]


def test_an_owner_that_does_not_suspend_again_ends_after_its_children() -> None:
    """Who waits for it learns of the end when it is one; the result and the error are kept."""
    log: Log = []

    def owner(fail: bool) -> Green[str]:
        with Crew() as crew:
            crew.spawn(slow_to_clean_up, log, "child", 2)
            yield from genlet.sleep(0)
            if fail:
                raise LookupError
        return "result"

    def main() -> Green[None]:
        gt = genlet.spawn(owner, False)
        assert (yield from gt.wait()) == "result"
        assert now() == 2
        gt = genlet.spawn(owner, True)
        yield from genlet.sleep(1)
        assert not gt.dead
        assert gt.waiting_on is not None
        assert gt.waiting_on.startswith("its children to end: ")
        assert type((yield from outcome(gt))) is LookupError
        assert now() == 4

    simulate(main)
    assert log == ["child", "child"]


def test_main_does_not_end_before_its_children() -> None:
    """Nor does the run."""
    log: Log = []
    time = VirtualTime()

    def main() -> Green[str]:
        with Crew() as crew:
            crew.spawn(slow_to_clean_up, log, "child", 50)
            yield from genlet.sleep(0)
        return "result"

    assert time.runner().run(main) == "result"
    assert time.now == 50
    assert log == ["child"]


def test_a_kill_of_an_owner_that_is_held_comes_when_the_barrier_opens() -> None:
    """In the place of the suspension it was held at, which is never armed."""
    log: Log = []

    def owner() -> Green[None]:
        with Crew() as crew:
            crew.spawn(slow_to_clean_up, log, "child", 3)
            yield from genlet.sleep(0)
        try:
            yield from genlet.sleep(1000)
        except GreenletExit:
            log.append(f"killed at {now():g}")

    def main() -> Green[None]:
        gt = genlet.spawn(owner)
        yield from genlet.sleep(1)
        yield from gt.kill()
        yield from gt.wait()

    simulate(main)
    assert log == ["child", "killed at 3"]


def test_a_checkpoint_at_the_barrier_is_held_too() -> None:
    """Every suspension is; who has no children left behind is not delayed."""
    log: Log = []

    def main() -> Green[None]:
        with Crew() as crew:
            crew.spawn(slow_to_clean_up, log, "child", 3)
            yield from genlet.sleep(0)
        yield from genlet.checkpoint()
        assert now() == 3
        with Crew() as crew:
            crew.spawn(logs, log, "other")
            yield from crew.join()
        yield from genlet.checkpoint()
        assert now() == 3

    simulate(main)
    assert log == ["child", "other"]


def test_several_barriers_are_one() -> None:
    """The owner goes on when the last of them has opened."""
    log: Log = []

    def main() -> Green[None]:
        for seconds in (5, 2):
            with Crew() as crew:
                crew.spawn(starts_shielded, log, f"{seconds}", seconds)
                yield from genlet.sleep(0) if seconds == 5 else iter_nothing()
        log.append(f"left at {now():g}")
        yield from genlet.sleep(0)
        log.append(f"owner at {now():g}")

    def iter_nothing() -> Green[None]:
        return
        yield from genlet.checkpoint()

    def starts_shielded(log: Log, word: str, seconds: float) -> Green[None]:
        with shielded(1000):
            yield from genlet.sleep(seconds)
        log.append(word)

    simulate(main)
    # The second child is cancelled before it starts; nothing of it runs.
    assert log == ["left at 0", "5", "owner at 5"]


# ---- who owns what ------------------------------------------------------------------------------


def test_members_are_in_the_order_they_were_spawned_and_leave_at_their_end() -> None:
    """``group`` is the owner's, ``parent`` who spawned it."""

    def main() -> Green[None]:
        with Crew() as crew:
            children = [crew.spawn(genlet.sleep, seconds) for seconds in (3, 1, 2)]
            assert list(crew.group.members) == children
            assert all(gt.group is crew.group for gt in children)
            assert all(gt.parent is genlet.getcurrent() for gt in children)
            yield from genlet.sleep(1.5)
            assert list(crew.group.members) == [children[0], children[2]]
            yield from crew.join()
            assert not crew.group.members

    simulate(main)


def test_a_group_that_answers_takes_its_members_errors() -> None:
    """They are not reported: the group will tell its owner.  Others are."""
    reported: List[str] = []

    def hook(gt: AnyGreenThread, _exc: BaseException) -> None:
        reported.append(gt.name)

    def fails() -> Green[None]:
        yield from genlet.checkpoint()
        raise LookupError

    def main() -> Green[None]:
        for answers in (True, False):
            with Crew() as crew:
                crew.group.answers = answers
                crew.spawn(fails).name = f"answers {answers}"
                yield from genlet.sleep(1)

    time = VirtualTime()
    Runner(hub=time, clock=time.clock, excepthook=hook).run(main)
    assert reported == ["answers False"]


def test_spawning_into_a_group_from_another_thread_is_refused() -> None:
    """A portal is the way in."""
    errors: List[str] = []

    def main() -> Green[None]:
        with Crew() as crew:

            def spawn() -> None:
                try:
                    get = crew.group.scheduler
                    get.spawn(genlet.sleep, (0,), {}, group=crew.group)
                except genlet.WrongThread as exc:
                    errors.append(str(exc))

            thread = Thread(target=spawn)
            thread.start()
            thread.join()
            assert not crew.group.members
        yield from genlet.checkpoint()

    genlet.run(main)
    assert errors == ["spawn() from a thread that does not run this kernel: go through a portal"]


def test_a_deadlock_among_children_is_told_to_main_and_lists_them_below_their_owner() -> None:
    """And unwinds the tree, children first."""
    log: Log = []

    def deadlocks() -> Green[None]:
        with Crew() as crew:
            for name in ("one", "other"):
                crew.spawn(slow_to_clean_up, log, name, 1).name = name
            yield from forever().get()

    def main() -> Green[None]:
        with pytest.raises(genlet.Deadlock) as caught:
            yield from deadlocks()
        log.append("main")
        text = str(caught.value)
        assert (
            0
            < text.index("<GreenThread main waits")
            < text.index("<GreenThread one waits for the end of time>")
            < text.index("<GreenThread other waits for the end of time>")
        )

    simulate(main)
    assert log == ["one", "other", "main"]


def test_the_end_of_a_run_takes_down_groups_children_first() -> None:
    """An owner that main left behind is interrupted after its children, within the grace."""
    log: Log = []

    def owner() -> Green[None]:
        try:
            with Crew() as crew:
                crew.spawn(slow_to_clean_up, log, "child", 0.5)
                yield from forever().get()
        finally:
            log.append("owner")

    def main() -> Green[None]:
        genlet.spawn(owner)
        yield from settle()

    simulate(main)
    assert log == ["child", "owner"]


DEEP = 600  # times the frames for each: deeper than Python's recursion goes


def test_a_deep_nest_is_cancelled_without_recursion() -> None:
    """From the innermost outwards."""
    ends: List[int] = []

    def level(number: int) -> Green[None]:
        try:
            with Crew() as crew:
                if number < DEEP:
                    crew.spawn(level, number + 1)
                yield from forever().get()
        finally:
            ends.append(number)

    def main() -> Green[None]:
        with move_on_after(1):
            yield from level(0)

    simulate(main)
    assert ends == list(range(DEEP, -1, -1))


def test_a_deep_nest_of_owners_that_wait_for_their_end_is_released_without_recursion() -> None:
    """When the innermost has ended, everybody has."""
    log: Log = []

    def level(number: int) -> Green[None]:
        with Crew() as crew:
            if number < DEEP:
                crew.spawn(level, number + 1)
            with shielded(1000):
                yield from genlet.sleep(10)
            # Left without waiting for the child, whose shield holds: this one's end is held back.

    def main() -> Green[None]:
        yield from genlet.spawn(level, 0).wait()
        log.append("ended")

    simulate(main)
    assert log == ["ended"]


def test_instruments_hear_of_a_members_life_in_order_even_if_it_never_runs() -> None:
    """Spawned before finished, in a group that is past taking members too."""
    log: Log = []

    class Recorder(NullInstrument):
        def spawned(self, gt: AnyGreenThread) -> None:
            log.append(f"spawned {gt.number}")

        def finished(self, gt: AnyGreenThread) -> None:
            log.append(f"finished {gt.number}")

    def main() -> Green[None]:
        with genlet.CancelScope() as scope:
            scope.cancel()
            with Crew() as crew:
                crew.spawn(genlet.sleep, 1)
        yield from genlet.checkpoint()

    Runner(instruments=[Recorder()]).run(main)
    assert log == ["spawned 1", "spawned 2", "finished 2", "finished 1"]


# ---- kill at every suspension -------------------------------------------------------------------


@pytest.mark.parametrize("aim_at", ["owner", "child"])
def test_no_child_outlives_its_owner_wherever_either_is_killed(aim_at: str) -> None:
    """What began is cleaned up, children before their owner, and nobody is left."""

    def scenario(aim: Aim) -> Green[None]:
        alive: List[str] = []

        def child(name: str) -> Green[None]:
            alive.append(name)
            try:
                for _ in range(3):
                    yield from genlet.sleep(0)
            finally:
                try:
                    yield from genlet.sleep(0)
                finally:
                    alive.remove(name)

        def owner() -> Green[None]:
            alive.append("owner")
            try:
                with Crew() as crew:
                    first = crew.spawn(child, "first")
                    if aim_at == "child":
                        aim(first)
                    crew.spawn(child, "second")
                    yield from crew.join()
                assert alive == ["owner"]
            finally:
                assert alive == ["owner"]
                alive.remove("owner")

        gt = genlet.spawn(owner)
        if aim_at == "owner":
            aim(gt)
        error = yield from outcome(gt)
        assert error is None or not isinstance(error, AssertionError)
        assert alive == []

    assert sweep(scenario) >= 5
