"""The timetable of happy eyeballs, with the time as a number."""

from __future__ import annotations

from itertools import permutations, product
from math import inf
from typing import Dict, List, Optional, Tuple

import pytest

from genlet.net.happy import DELAY, Timetable, interleave

SIX, FOUR = 10, 2


def race(
    outcomes: List[Tuple[float, bool]], delay: float
) -> Tuple[Dict[int, float], Optional[int]]:
    """Play a race in virtual time.

    Args:
        outcomes: For each attempt the seconds it takes, and whether it succeeds.

    Returns:
        When each attempt that was made began, and which one won, None if all failed.
    """
    timetable = Timetable(range(len(outcomes)), delay)
    now = 0.0
    begun: Dict[int, float] = {}
    running: List[Tuple[float, int]] = []
    for _ in range(1000):
        if timetable.over:
            return begun, None
        item = timetable.take(now)
        if item is not None:
            begun[item] = now
            running.append((now + outcomes[item][0], item))
        pause = timetable.pause(now)
        next_outcome = min(running, default=(inf, -1))
        if pause is not None and now + pause < next_outcome[0]:
            now += pause
            continue
        assert next_outcome[0] < inf, "neither an attempt nor an outcome is to come"
        now = next_outcome[0]
        running.remove(next_outcome)
        if outcomes[next_outcome[1]][1]:
            return begun, next_outcome[1]
        timetable.failed()
    raise AssertionError("the race has no end")


def test_families_take_turns_and_keep_their_order() -> None:
    """The first family leads; when one is used up the other goes on."""
    found = [(SIX, "a"), (SIX, "b"), (SIX, "c"), (FOUR, "d")]
    assert interleave(found) == [(SIX, "a"), (FOUR, "d"), (SIX, "b"), (SIX, "c")]
    assert interleave(found[::-1]) == [(FOUR, "d"), (SIX, "c"), (SIX, "b"), (SIX, "a")]
    assert interleave([]) == []


def test_interleaving_drops_doubles_and_nothing_else() -> None:
    """Each address is tried once, whatever the order they are found in."""
    found = [(SIX, "a"), (FOUR, "b"), (SIX, "a"), (FOUR, "c")]
    for order in permutations(found):
        mixed = interleave(order)
        assert sorted(mixed) == sorted(set(found))
        assert mixed[0] == order[0]
        kinds = [family for family, _ in mixed]
        assert kinds in ([SIX, FOUR, FOUR], [FOUR, SIX, FOUR])


def test_an_attempt_has_the_delay_before_the_next_begins() -> None:
    """Nobody answers: they begin one delay after the other."""
    begun, winner = race([(100, False)] * 4, 0.25)
    assert winner is None
    assert list(begun.values()) == [0, 0.25, 0.5, 0.75]


def test_a_failure_lets_the_next_begin_at_once() -> None:
    """And the delay of that one counts from its own beginning."""
    begun, winner = race([(0.1, False), (5, True), (5, True)], 0.25)
    assert (begun, winner) == ({0: 0, 1: 0.1, 2: 0.35}, 1)


def test_an_endless_delay_tries_one_after_the_other() -> None:
    """No attempt begins before the one in front of it has failed."""
    begun, winner = race([(7, False), (8, False), (1, True)], inf)
    assert (begun, winner) == ({0: 0, 1: 7, 2: 15}, 2)


def test_no_delay_begins_them_all_at_once() -> None:
    """The fastest wins."""
    begun, winner = race([(3, True), (2, False), (2.5, True)], 0)
    assert (begun, winner) == ({0: 0, 1: 0, 2: 0}, 2)


def test_every_race_of_three_keeps_the_rules() -> None:
    """All combinations: the winner could not have been beaten, gaps are right, nothing is left out."""
    seconds = (0.0, 0.1, 0.25, 0.3, 1.0)
    kinds = [(one, success) for one in seconds for success in (True, False)]
    for outcomes in product(kinds, repeat=3):
        for delay in (0.0, 0.25, inf):
            begun, winner = race(list(outcomes), delay)
            assert list(begun) == list(range(len(begun))), "they begin in order"
            ends = {item: begun[item] + outcomes[item][0] for item in begun}
            good = [item for item in begun if outcomes[item][1]]
            if winner is None:
                assert not good
                assert len(begun) == 3
                end = inf
            else:
                end = ends[winner]
                assert end == min(ends[item] for item in good)
            for item in range(1, len(begun)):
                before = begun[item - 1]
                failures = [ends[other] for other in range(item) if not outcomes[other][1]]
                # A failure at the moment in which the one before began may have been its reason.
                latest = min([before + delay, *(one for one in failures if one > before)])
                assert abs(begun[item] - latest) < 1e-9 or (
                    begun[item] == before and before in failures
                )
                assert begun[item] <= end


def test_a_timetable_of_nothing_is_over() -> None:
    """There is nothing to try and nothing to wait for."""
    timetable = Timetable[str]([])
    assert timetable.over
    assert timetable.take(0) is None
    assert timetable.pause(0) is None


@pytest.mark.parametrize("delay", [-1, float("nan")])
def test_a_delay_that_is_none_is_refused(delay: float) -> None:
    """Less than nothing, or no number."""
    with pytest.raises(ValueError, match=r"^the delay is a number of seconds(, 0 or more)?; got"):
        Timetable([1], delay)


def test_the_delay_is_that_of_the_rfc() -> None:
    """250 ms."""
    assert DELAY == 0.25
