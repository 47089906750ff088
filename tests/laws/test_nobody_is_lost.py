"""A greenthread runs, waits for something that can come, or has ended and everybody knows."""

# An error may strike between any two lines: memory runs out, the stack is full, a signal handler
# raises.  Where it strikes in the kernel's own bookkeeping, two outcomes are right.  The run goes on,
# and everybody ends; or `run` raises the error, and those that are left are closed.  What must never
# happen is that a greenthread is neither ready nor waiting nor ended, and that others wait for it.

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr
from functools import partial
from math import inf
from types import FrameType
from typing import Callable, Dict, Generator, List, Optional, Tuple, Type, cast

import pytest

import genlet
from genlet import TaskGroup
from genlet.abc import Green
from genlet.kernel import AnyGreenThread, CancelScope, Runner
from tests.kernel import forever, outcome, simulate
from tests.laws.strikes import Strike, SwiftTime, codes_of, everywhere

# Where the kernel makes, ends and releases greenthreads.
CRITICAL = ("spawn", "make", "end", "settle", "ended", "release", "abort")


class OutOfMemory(MemoryError):
    """What is raised between two lines."""


class TooDeep(RecursionError):
    """The same, for an endless recursion."""


ERRORS: Tuple[Type[Exception], ...] = (OutOfMemory, TooDeep)


class Crew:
    """Counts the greenthreads of one run: those that began, that ended, and whose link was called."""

    def __init__(self, strike: Strike) -> None:
        self.strike: Strike = strike
        self.raised: List[BaseException] = []  # caught where a plain call was made
        self.begun: int = 0
        self.unwound: int = 0
        self.linked: Dict[AnyGreenThread, int] = {}
        self.all: List[AnyGreenThread] = []
        self.over: bool = False

    def attempt(self, fn: Callable[..., object], *args: object) -> object:
        """Make a plain call that may be struck, as a program that goes on after an error."""
        self.strike.armed = True
        try:
            return fn(*args)
        except ERRORS as exc:
            self.raised.append(exc)
            return None
        finally:
            self.strike.armed = False

    def tracked(self, fn: Callable[..., Green[object]], *args: object) -> Green[object]:
        """Run *fn* as a member of the crew."""
        self.begun += 1
        try:
            return (yield from fn(*args))
        finally:
            self.unwound += 1

    def outcome(self, gt: AnyGreenThread) -> Green[None]:
        """Wait for the end of *gt*, and note the error it ended with."""
        error = yield from outcome(gt)
        if error is not None:
            self.raised.append(error)

    def know(self, gt: AnyGreenThread) -> AnyGreenThread:
        """Take *gt* in, with a link that counts."""
        self.all.append(gt)
        self.linked[gt] = 0
        gt.link(self._ended)
        return gt

    def _ended(self, gt: AnyGreenThread) -> None:
        self.linked[gt] += 1


Story = Callable[[Crew], Green[None]]


def nap() -> Green[None]:
    yield from genlet.sleep(1)


def waits() -> Green[None]:
    yield from forever().get()


def cleans_up() -> Green[None]:
    try:
        yield from forever().get()
    finally:
        yield from genlet.sleep(0.1)


def fails() -> Green[None]:
    yield from genlet.sleep(1)
    raise ValueError("as expected")


def kills_the_unstarted(crew: Crew) -> Green[None]:
    """A member that has a link is killed before its first turn; the group is joined."""
    with TaskGroup() as group:
        crew.know(group.spawn(crew.tracked, nap))
        victim = crew.know(group.spawn(crew.tracked, waits))
        crew.attempt(victim.kill_soon)
        if not victim.dead:
            crew.strike.armed = True
            yield from genlet.sleep(0)  # it ends here
            crew.strike.armed = False
            victim.kill_soon()
        yield from group.join()


def kills_one_that_is_waited_for(crew: Crew) -> Green[None]:
    """One that would start later is killed while two wait for its end, and a link fails."""
    victim = genlet.spawn_after(5, crew.tracked, nap)
    victim.link(link_that_fails)
    crew.know(victim)
    waiters = [crew.know(genlet.spawn(outcome, victim)) for _ in range(2)]
    yield from genlet.sleep(0)
    crew.attempt(victim.kill_soon)
    crew.strike.armed = True
    yield from genlet.sleep(0)
    crew.strike.armed = False
    for gt in waiters:
        yield from gt.wait()


def link_that_fails(gt: AnyGreenThread) -> None:
    raise LookupError(f"as expected, of {gt.name}")


def spawns(crew: Crew) -> Green[None]:
    """A group gets a member; if that fails, there is none, or one that runs."""
    with TaskGroup() as group:
        crew.know(group.spawn(crew.tracked, nap))
        crew.attempt(group.spawn, crew.tracked, nap)
        crew.attempt(genlet.spawn, crew.tracked, nap)
        crew.attempt(genlet.spawn_after, 1, crew.tracked, nap)
        yield from group.join()
    yield from genlet.sleep(2)


def spawns_into_a_cancelled_group(crew: Crew) -> Green[None]:
    """What is spawned there never begins; if spawning fails, nothing is left of it."""
    with TaskGroup(on_exit="cancel", grace=1) as group:
        crew.know(group.spawn(crew.tracked, cleans_up))
        yield from genlet.sleep(0)
        group.cancel()
        crew.attempt(group.spawn, crew.tracked, nap)
        crew.attempt(group.spawn, crew.tracked, nap)


def aborts(crew: Crew) -> Green[None]:
    """A block with members that wait, that clean up and that own groups ends by an error."""

    def owner() -> Green[None]:
        with TaskGroup() as inner:
            crew.know(inner.spawn(crew.tracked, cleans_up))
            crew.know(inner.spawn(crew.tracked, waits))
            yield from inner.join()

    def leave(group: TaskGroup) -> object:
        return group.__exit__(ValueError, ValueError("as expected"), None)

    group = TaskGroup(grace=1)
    group.__enter__()
    crew.know(group.spawn(crew.tracked, waits))
    crew.know(group.spawn(crew.tracked, owner))
    crew.know(group.spawn(crew.tracked, cleans_up))
    yield from genlet.sleep(0)
    yield from genlet.sleep(0)
    crew.know(group.spawn(crew.tracked, nap))  # not started
    crew.attempt(leave, group)
    yield from genlet.sleep(5)
    assert not group.live, f"{group.live} members are left of the group"


def ends(crew: Crew) -> Green[None]:
    """Members return, fail and are waited for, in groups inside of groups: in the loop itself."""

    def inner() -> Green[None]:
        with TaskGroup() as group:
            crew.know(group.spawn(crew.tracked, nap))
            failing = crew.know(group.spawn(crew.tracked, fails))
            crew.know(group.spawn(crew.tracked, waits))
            yield from crew.outcome(failing)
            yield from group.join()

    gt = crew.know(genlet.spawn(crew.tracked, inner))
    left = crew.know(genlet.spawn(crew.tracked, leaves_children, crew))
    crew.strike.armed = True
    yield from crew.outcome(gt)
    yield from crew.outcome(left)
    crew.strike.armed = False


def leaves_children(crew: Crew) -> Green[None]:
    """It ends while a child of it still cleans up: its end is held."""
    with TaskGroup(on_exit="cancel", grace=1) as group:
        crew.know(group.spawn(crew.tracked, cleans_up))
        yield from genlet.sleep(0)


STORIES: Dict[str, Story] = {
    story.__name__: story
    for story in (
        kills_the_unstarted,
        kills_one_that_is_waited_for,
        spawns,
        spawns_into_a_cancelled_group,
        aborts,
        ends,
    )
}


def play(story: Story, strike: Strike) -> None:
    """Run *story*, and find out whether anybody was lost."""
    crew = Crew(strike)

    def main() -> Green[None]:
        yield from crew.tracked(story, crew)
        crew.over = True

    reported = io.StringIO()
    told: List[BaseException] = []
    raised: Optional[BaseException] = None

    def hook(_gt: object, exc: BaseException) -> None:
        told.append(exc)

    with strike, redirect_stderr(reported):
        try:
            SwiftTime().runner(excepthook=hook).run(main)
        except ERRORS as exc:
            raised = exc
        except Exception as exc:
            raised = exc
            if not any(isinstance(one, ERRORS) for one in _leaves(exc)):
                raise
        except BaseException as exc:
            raise AssertionError(f"a block was not left: main got {exc!r}") from exc
    with pytest.raises(RuntimeError):
        genlet.getcurrent()  # no kernel is left
    assert crew.begun == crew.unwound, "a greenthread was not unwound"
    for gt in crew.all:
        assert gt.dead, f"{gt!r} has not ended"
        assert crew.linked[gt] < 2, f"a link of {gt!r} was called twice"
    if raised is None:
        assert crew.over, "main has not ended, and nothing was raised"
        assert "still there" not in reported.getvalue(), "closed by force"
        for gt in crew.all:
            # A link that was struck has failed, and is reported as that.
            called = crew.linked[gt] or "called by the kernel" in reported.getvalue()
            assert called, f"{gt!r} has ended, and its link was not called"
    if strike.struck:
        assert raised or crew.raised or told or reported.getvalue(), "the error was swallowed"


def _leaves(exc: BaseException) -> Generator[BaseException, None, None]:
    for one in getattr(exc, "exceptions", ()):
        yield from _leaves(one)
    yield exc
    if exc.__context__ is not None:
        yield from _leaves(exc.__context__)


@pytest.mark.parametrize("story", STORIES)
def test_a_story_that_nothing_strikes_loses_nobody(story: str) -> None:
    """The stories themselves are in order."""
    play(STORIES[story], Strike(lambda: None, 0))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
@pytest.mark.parametrize("story", STORIES)
def test_an_error_at_any_line_of_the_bookkeeping_loses_nobody(
    story: str, error: Type[Exception]
) -> None:
    """Each prefix of making, ending and releasing a greenthread is a consistent state."""
    more = ("interrupted_now",) if story.startswith("kills") else ()
    codes = codes_of(*CRITICAL, *more)

    def strike() -> None:
        raise error("between two lines")

    places = everywhere(
        lambda at: play(STORIES[story], at),
        lambda number: Strike(strike, number, codes, armed=False),
    )
    assert places > 5


# ---- a full stack ---------------------------------------------------------------------------------


def descend(levels: int, fn: Callable[[], object]) -> object:
    """Call *fn* where *levels* more calls of Python would be too many."""
    depth = 0
    frame: Optional[FrameType] = sys._getframe()
    while frame is not None:
        depth += 1
        frame = frame.f_back

    def down(left: int) -> object:
        return fn() if left <= 0 else down(left - 1)

    return down(sys.getrecursionlimit() - depth - levels)


CALLS: Dict[str, Callable[[TaskGroup, AnyGreenThread], object]] = {
    "spawn": lambda group, _: group.spawn(nap),
    "kill_soon": lambda _, gt: gt.kill_soon(),
    "cancel": lambda group, _: group.cancel(),
}


@pytest.mark.parametrize("started", [False, True], ids=["unstarted", "parked"])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_with_too_little_stack_left_loses_nobody(call: str, started: bool) -> None:
    """However many calls still fit on the stack, what was begun is finished or undone."""
    wrong: List[str] = []

    def owner(groups: List[TaskGroup], children: List[AnyGreenThread]) -> Green[None]:
        with TaskGroup(grace=1) as group:
            children.append(group.spawn(cleans_up))
            children.append(group.spawn(nap))
            groups.append(group)
            yield from group.join()

    def main(levels: int) -> Green[None]:
        seen: List[AnyGreenThread] = []
        groups: List[TaskGroup] = []
        children: List[AnyGreenThread] = []
        gt = genlet.spawn(owner, groups, children)
        yield from genlet.sleep(0)
        for child in children:
            child.link(seen.append)
        if started:
            yield from genlet.sleep(0)
        try:
            descend(levels, lambda: CALLS[call](groups[0], children[0]))
        except RecursionError:
            pass
        yield from genlet.sleep(5)
        groups[0].cancel()
        yield from genlet.sleep(5)
        assert not groups[0].live, f"{groups[0].live} are left of the group"
        assert gt.dead, f"{gt!r} is held for nobody"
        for child in children:
            assert seen.count(child) == 1, (
                f"{child!r}: its link was called {seen.count(child)} times"
            )

    for levels in range(60):
        reported = io.StringIO()
        try:
            with redirect_stderr(reported):
                SwiftTime().runner().run(main, levels)
        except RecursionError:
            pass  # the run has ended with it
        except Exception as exc:
            wrong.append(f"{levels} levels: {type(exc).__name__}: {exc}"[:140])
        if "still there" in reported.getvalue():
            wrong.append(f"{levels} levels: somebody was closed by force")
    assert not wrong, "\n".join(wrong)


def then(fn: Callable[[], object], _ended: AnyGreenThread) -> None:
    """As a link, call *fn*."""
    fn()


def chain(make: Callable[[List[AnyGreenThread]], None], length: int = 1000) -> None:
    """Have each of many unstarted greenthreads end the next when it ends."""

    def main() -> Green[None]:
        gts = [genlet.spawn_after(1000, nap) for _ in range(length)]
        make(gts)
        gts[0].kill_soon()
        yield from genlet.sleep(1)
        left = sum(not gt.dead for gt in gts)
        assert not left, f"{left} of {length} never ended"

    reported = io.StringIO()
    with redirect_stderr(reported):
        SwiftTime().runner().run(main)
    assert not reported.getvalue(), reported.getvalue()[:200]


def test_a_thousand_links_that_each_kill_the_next_unstarted_one_end_them_all() -> None:
    """Ends are made one after the other, not one inside of the other."""

    def make(gts: List[AnyGreenThread]) -> None:
        for one, following in zip(gts, gts[1:]):
            one.link(partial(then, following.kill_soon))

    chain(make)


def test_a_thousand_links_that_each_cancel_the_next_unstarted_one_end_them_all() -> None:
    """The same through `GreenThread.cancel`."""

    def make(gts: List[AnyGreenThread]) -> None:
        for one, following in zip(gts, gts[1:]):
            one.link(partial(then, following.cancel))

    chain(make)


def test_a_thousand_groups_that_each_cancel_the_next_end_them_all() -> None:
    """An end may cancel a scope whose members have not started either."""
    groups: List[TaskGroup] = []
    gts: List[AnyGreenThread] = []

    def owner() -> Green[None]:
        with TaskGroup() as group:
            groups.append(group)
            gts.append(group.spawn(nap))
            yield from group.join()

    def main() -> Green[None]:
        owners = [genlet.spawn(owner) for _ in range(1000)]
        yield from genlet.sleep(0)
        for gt, group in zip(gts, groups[1:]):
            gt.link(partial(then, group.cancel))
        gts[0].kill_soon()
        yield from genlet.sleep(1)
        left = sum(not gt.dead for gt in (*gts, *owners))
        assert not left, f"{left} never ended"

    reported = io.StringIO()
    with redirect_stderr(reported):
        simulate(main)
    assert not reported.getvalue(), reported.getvalue()[:200]


def test_a_thousand_owners_whose_end_is_held_by_the_next_end_one_after_the_other() -> None:
    """The last member of a group lets its owner end, which is the last member of another."""
    depth = 1000
    ended: List[int] = []

    def level(number: int) -> Green[None]:
        try:
            if number == depth:
                try:
                    yield from forever().get()
                finally:
                    yield from genlet.sleep(1)
            else:
                with TaskGroup(on_exit="cancel", grace=inf) as group:
                    group.spawn(level, number + 1)
                    yield from forever().get()
        finally:
            ended.append(number)

    def main() -> Green[None]:
        gt = genlet.spawn(level, 0)
        for _ in range(depth + 2):
            yield from genlet.sleep(0)
        yield from gt.kill()
        yield from outcome(gt)

    simulate(main)
    assert len(ended) == depth + 1


def test_a_chain_of_waits_of_any_length_ends_when_its_last_one_is_killed() -> None:
    """Each waits for the next: the error of the last goes through all of them."""
    # As in cpython #86349 and nest_asyncio #43.
    length = 3000

    def link(following: AnyGreenThread) -> Green[None]:
        yield from following.wait()

    def main() -> Green[None]:
        gt = last = genlet.spawn(waits)
        chain: List[AnyGreenThread] = []
        for _ in range(length):
            gt = genlet.spawn(link, gt)
            chain.append(gt)
        yield from genlet.sleep(0)
        last.kill_soon(LookupError)
        error = yield from outcome(gt)
        assert isinstance(error, LookupError)
        assert all(one.dead for one in chain)

    with redirect_stderr(io.StringIO()):
        simulate(main)


def test_a_chain_of_waits_of_any_length_is_cancelled_from_its_first() -> None:
    """Killing greenthreads that wait for each other, in either order, leaves none waiting."""
    length = 2000

    def link(following: AnyGreenThread) -> Green[None]:
        try:
            yield from following.wait()
        finally:
            following.kill_soon()

    def main() -> Green[None]:
        gt = genlet.spawn(waits)
        chain = [gt]
        for _ in range(length):
            chain.append(genlet.spawn(link, chain[-1]))
        yield from genlet.sleep(0)
        chain[-1].kill_soon()
        yield from outcome(chain[0])
        yield from genlet.sleep(0)
        assert all(one.dead for one in chain)

    simulate(main)


# ---- a synchronous abort --------------------------------------------------------------------------


def opens_a_group_and_kills_itself() -> Green[None]:
    try:
        yield from forever().get()
    finally:
        with TaskGroup(on_exit="cancel") as group:
            group.spawn(waits)
            genlet.getcurrent().kill_soon()
            yield from genlet.sleep(0.1)


def opens_a_group_and_times_out() -> Green[None]:
    try:
        yield from forever().get()
    finally:
        with genlet.Timeout(0, False), TaskGroup(on_exit="cancel") as group:
            group.spawn(waits)
            yield from genlet.sleep(0.1)


def opens_a_group_and_cancels_a_patient_scope() -> Green[None]:
    try:
        yield from forever().get()
    finally:
        with CancelScope(grace=inf) as scope, TaskGroup(on_exit="cancel") as group:
            group.spawn(waits)
            scope.cancel()
            yield from genlet.sleep(0.1)


def opens_a_group_and_waits() -> Green[None]:
    try:
        yield from forever().get()
    finally:
        with TaskGroup(on_exit="cancel") as group:
            group.spawn(waits)
            yield from genlet.sleep(0.1)


def kills_its_siblings() -> Green[None]:
    mine = genlet.getcurrent()
    try:
        yield from forever().get()
    finally:
        for gt in list(mine.group.members):
            if gt is not mine:
                cast(AnyGreenThread, gt).kill_soon()
        yield from genlet.sleep(0)


CLEANUPS = (
    opens_a_group_and_kills_itself,
    opens_a_group_and_times_out,
    opens_a_group_and_cancels_a_patient_scope,
    opens_a_group_and_waits,
    kills_its_siblings,
    cleans_up,
)


@pytest.mark.parametrize("grace", [0, 1, inf])
@pytest.mark.parametrize("second", CLEANUPS, ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("first", CLEANUPS, ids=lambda fn: fn.__name__)
def test_a_cleanup_in_a_synchronous_abort_loses_nobody(
    first: Callable[[], Green[None]], second: Callable[[], Green[None]], grace: float
) -> None:
    """A child that is held again during the abort goes on when its own children are gone."""

    def main() -> Green[None]:
        children: List[AnyGreenThread] = []
        try:
            with TaskGroup(grace=grace) as group:
                children.extend(group.spawn(fn) for fn in (first, second, first))
                yield from genlet.sleep(0)
                raise ValueError("as expected")
        except ValueError:
            pass
        yield from genlet.sleep(10)  # which begins when the children are gone
        assert all(gt.dead for gt in children)

    reported = io.StringIO()
    with redirect_stderr(reported):
        simulate(main)
    assert "still there" not in reported.getvalue()


def test_an_abort_inside_of_an_abort_loses_nobody() -> None:
    """A child's cleanup leaves a block of its own by an error, and that is aborted at once too."""
    unwound: List[str] = []

    def leaf(name: str) -> Green[None]:
        try:
            yield from forever().get()
        finally:
            try:
                yield from opens_a_group_and_kills_itself_now()
            finally:
                unwound.append(name)

    def opens_a_group_and_kills_itself_now() -> Green[None]:
        with TaskGroup(on_exit="cancel") as group:
            group.spawn(waits)
            genlet.getcurrent().kill_soon()
            yield from genlet.sleep(0.1)

    def middle() -> Green[None]:
        try:
            with TaskGroup(grace=1) as group:
                group.spawn(leaf, "inner")
                yield from genlet.sleep(0)
                yield from forever().get()
        finally:
            with TaskGroup(grace=1, on_exit="cancel") as group:
                group.spawn(leaf, "in the cleanup")
                yield from genlet.sleep(0.1)

    def main() -> Green[None]:
        try:
            with TaskGroup(grace=1) as group:
                group.spawn(middle)
                group.spawn(leaf, "outer")
                yield from genlet.sleep(0)
                yield from genlet.sleep(0)
                raise ValueError("as expected")
        except ValueError:
            pass
        yield from genlet.sleep(10)

    simulate(main)
    assert {"inner", "outer"} <= set(unwound)


def test_a_run_whose_end_was_struck_can_be_followed_by_another() -> None:
    """Nothing of a run that ended by an error in the kernel's own code is left in the thread."""

    def main() -> Green[None]:
        genlet.spawn(waits)
        yield from genlet.sleep(0)

    codes = codes_of("end")

    def raise_it() -> None:
        raise OutOfMemory

    strike = Strike(raise_it, 3, codes)
    with strike, redirect_stderr(io.StringIO()), pytest.raises(OutOfMemory):
        Runner().run(main)
    assert strike.struck
    genlet.run(main)
