"""DAGPool: greenthreads that wait for each other's values."""

from __future__ import annotations

import pickle
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, cast

import pytest

import genlet
from genlet.abc import Green
from genlet.dagpool import Collision, DAGPool, PropagateError, Results
from genlet.end import END
from genlet.kernel import Runner
from tests.crews import Gate, ended, hold_back, turns
from tests.kernel import forever, simulate
from tests.kernel.sweep import Aim, sweep

Strings = Results[str, str]
Pairs = List[Tuple[str, str]]


def join(key: str, results: Strings) -> Green[str]:
    """Return the key, and what it depends on in brackets."""
    values = yield from results.collect()
    return f"{key}({' '.join(values[k] for k in sorted(values))})"


def fail(key: str, results: Strings) -> Green[str]:
    yield from results.collect()
    raise KeyError(key)


def block(key: str, _results: Strings) -> Green[str]:
    yield from forever().get()
    return key


def take(source: Results[str, Any], number: int = -1) -> Green[List[Tuple[str, Any]]]:
    """Take *number* pairs, or all."""
    pairs: List[Tuple[str, Any]] = []
    while len(pairs) != number:
        pair = yield from source.next()
        if pair is END:
            break
        pairs.append(pair)
    return pairs


def without_waiting(op: Green[Any]) -> Any:
    """Drive *op*, which must not suspend, and return its result."""
    try:
        trap = op.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError(f"suspended on {trap!r}")


# ---- values that are there ------------------------------------------------------------------------


@pytest.mark.parametrize("preload", [{"a": "1", "b": "2"}, [("a", "1"), ("b", "2")]])
def test_preload_is_there_at_once(preload: Any) -> None:
    """A mapping or pairs: the values can be had, and asked for, without a run even."""
    pool: DAGPool[str, str] = DAGPool(preload)
    assert pool.keys() == ("a", "b")
    assert pool.items() == (("a", "1"), ("b", "2"))
    assert pool.poll("b") == "2"
    assert repr(pool) == "<DAGPool 2 values, 0 running>"


def test_preload_is_copied() -> None:
    """What becomes of the mapping afterwards is not the pool's."""
    preload = {"a": "1"}
    pool = DAGPool(preload)
    preload["b"] = "2"
    assert pool.keys() == ("a",)


def test_values_that_are_there_are_given_without_suspending() -> None:
    """Every way to ask for a value that is there returns it in the same step, outside of a run."""
    pool: DAGPool[str, str] = DAGPool({"a": "1", "b": "2"})
    assert without_waiting(pool.get("a")) == "1"
    assert without_waiting(pool.wait(["b"])) == {"b": "2"}
    assert without_waiting(pool.wait([])) == {}
    assert without_waiting(pool.waitall()) == {"a": "1", "b": "2"}
    assert without_waiting(take(pool.wait_each("ba"))) == [("b", "2"), ("a", "1")]
    pool.post("c", "3")
    assert without_waiting(pool.get("c")) == "3"


def test_values_that_come_before_the_first_next_are_given_without_suspending() -> None:
    """A source looks for what is there when it is first asked, not when it is made."""
    pool: DAGPool[str, str] = DAGPool()
    source = pool.wait_each("a")
    pool.post("a", "1")
    assert without_waiting(take(source)) == [("a", "1")]


def test_poll_gives_a_default_in_the_place_of_what_is_missing() -> None:
    """poll never waits: None, or what it is given, stands for a value to come."""
    pool: DAGPool[str, str] = DAGPool()
    assert pool.poll("a") is None
    assert pool.poll("a", 5) == 5


# ---- waiting --------------------------------------------------------------------------------------


def test_spawn_runs_a_graph_as_its_edges_allow() -> None:
    """Each greenthread goes on when what it depends on is there, in whatever order they were made."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool({"a": "A"})
        pool.spawn("d", ["b", "c"], join)
        pool.spawn_many({"c": "ab", "b": "a"}, join)
        assert pool.running_keys() == ("d", "c", "b")
        assert (yield from pool.waitall()) == {
            "a": "A",
            "b": "b(A)",
            "c": "c(A b(A))",
            "d": "d(b(A) c(A b(A)))",
        }
        assert (pool.running(), pool.waiting()) == (0, 0)

    genlet.run(main)


def test_spawn_passes_its_arguments_on() -> None:
    """fn gets its key, its source, and what else was given."""

    def fn(key: str, _results: Strings, *args: int, extra: str) -> Green[str]:
        yield from ()
        return f"{key} {args} {extra}"

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        pool.spawn("a", (), fn, 1, 2, extra="x")
        pool.spawn_many({"b": ()}, fn, 3, extra="y")
        assert (yield from pool.waitall()) == {"a": "a (1, 2) x", "b": "b (3,) y"}

    genlet.run(main)


def test_spawn_never_switches() -> None:
    """spawn and post are plain calls: nobody runs before the caller waits."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        pool.spawn("b", "a", join)
        pool.post("a", "1")
        assert pool.running_keys() == ("b",)
        assert (yield from pool.get("b")) == "b(1)"

    genlet.run(main)


def test_spawn_of_a_plain_function_leaves_the_key_free() -> None:
    """A TypeError tells of it at the call."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        plain: Any = max
        with pytest.raises(TypeError, match="a green function"):
            pool.spawn("a", (), plain, key=repr)
        pool.spawn("a", (), join)
        assert (yield from pool.get("a")) == "a()"

    genlet.run(main)


def test_spawn_remembers_who_called_it() -> None:
    """The spawn site of a greenthread is the caller's line."""

    def main() -> Green[None]:
        seen: List[Any] = []

        def fn(key: str, _results: Strings) -> Green[str]:
            seen.append(genlet.getcurrent().spawned_at)
            yield from ()
            return key

        pool: DAGPool[str, str] = DAGPool()
        pool.spawn("a", (), fn)
        pool.spawn_many({"b": ()}, fn)
        yield from pool.waitall()
        assert [site[2] for site in seen] == ["main", "main"]

    genlet.run(main)


def test_wait_each_gives_values_in_the_order_they_come() -> None:
    """What is there comes first, in the order of the keys; then each value as it is posted."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool({"b": "2", "d": "4"})
        taker = genlet.spawn(take, pool.wait_each("abcde"))
        for key in "eca":
            yield from turns(1)
            pool.post(key, key)
        assert [key for key, _ in (yield from taker.wait())] == ["b", "d", "e", "c", "a"]

    genlet.run(main)


def test_wait_each_counts_a_key_given_twice_once() -> None:
    """Keys are a set, whose order is that of their first mention."""
    pool: DAGPool[str, str] = DAGPool({"a": "1"})
    assert without_waiting(take(pool.wait_each("aa"))) == [("a", "1")]


def test_wait_each_without_keys_takes_those_known_at_the_call() -> None:
    """Values and greenthreads that are there; not those that come later."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool({"a": "1"})
        pool.spawn("b", (), join)
        source = pool.wait_each()
        pool.spawn("c", (), join)
        assert (yield from take(source)) == [("a", "1"), ("b", "b()")]

    genlet.run(main)


def test_source_shared_by_takers_gives_each_value_to_one() -> None:
    """Several may take from one source, and all of them see its end."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        source = pool.wait_each("abcd")
        takers = [genlet.spawn(take, source) for _ in range(3)]
        yield from turns()
        for key in "abcd":
            pool.post(key, key)
            yield from turns(1)
        pairs: Pairs = []
        for gt in takers:
            pairs += yield from gt.wait()
        assert sorted(key for key, _ in pairs) == list("abcd")

    genlet.run(main)


def test_wait_timed_out_leaves_nothing_in_the_pool() -> None:
    """Who gave up is not remembered, and the next one waits as well."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        for _ in range(3):
            with genlet.Timeout(1, False):
                yield from pool.wait("ab")
            with genlet.Timeout(1, False):
                yield from pool.get("a")
        assert pool._watchers == {}
        waiter = genlet.spawn(pool.get, "a")
        yield from turns()
        pool.post("a", "1")
        assert (yield from waiter.wait()) == "1"
        assert pool._watchers == {}

    simulate(main)


def test_source_closed_gives_end_to_whoever_waits() -> None:
    """close() ends the source for those that wait on it now and later."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        source = pool.wait_each("ab")
        taker = genlet.spawn(source.next)
        yield from turns()
        source.close()
        assert (yield from taker.wait()) is END
        assert (yield from source.next()) is END
        assert pool._watchers == {}
        pool.post("a", "1")

    genlet.run(main)


@pytest.mark.parametrize("closing", [False, True])
def test_source_wait_that_begins_late_looks_again(closing: bool) -> None:
    """A wait held back by children that had to end first finds what has happened meanwhile."""

    def late(source: Strings, gate: Gate) -> Green[object]:
        yield from hold_back(gate)
        return (yield from source.next())

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        gate, source = Gate(), pool.wait_each("a")
        gt = genlet.spawn(late, source, gate)
        yield from turns()
        if closing:
            source.close()
        else:
            pool.post("a", "1")
        gate.open()
        assert (yield from gt.wait()) == (END if closing else ("a", "1"))

    genlet.run(main)


def test_deadlock_names_the_keys_that_are_missing() -> None:
    """A graph that waits for what nobody makes is found, with the keys in the report."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        pool.spawn("b", "ac", join)
        yield from pool.waitall()

    with pytest.raises(genlet.Deadlock, match="waits for the values of 'a', 'c'"):
        genlet.run(main)


# ---- errors ---------------------------------------------------------------------------------------


def make_failing() -> DAGPool[str, str]:
    """Return a pool where "b" fails, "c" depends on it, and "d" does not."""
    pool: DAGPool[str, str] = DAGPool({"a": "1"})
    pool.spawn("b", "a", fail)
    pool.spawn("c", "b", join)
    pool.spawn("d", "a", join)
    return pool


def test_error_propagates_to_all_that_depend_on_it() -> None:
    """A failure is raised in each dependent, and wrapped once for each it ends."""

    def main() -> Green[None]:
        pool = make_failing()
        with pytest.raises(PropagateError) as caught:
            yield from pool.get("c")
        error = caught.value
        assert error.key == "c"
        assert isinstance(error.exc, PropagateError)
        assert error.exc.key == "b"
        assert isinstance(error.exc.exc, KeyError)
        assert str(error) == "PropagateError(c): PropagateError: PropagateError(b): KeyError: 'b'"
        assert error.msg == str(error)
        assert error.__cause__ is error.exc
        assert (yield from pool.get("d")) == "d(1)"

    genlet.run(main)


def poll(pool: DAGPool[str, str]) -> Green[object]:
    yield from ()
    return pool.poll("b")


def items(pool: DAGPool[str, str]) -> Green[object]:
    yield from ()
    return pool.items()


@pytest.mark.parametrize(
    "ask",
    [
        lambda pool: pool.get("b"),
        lambda pool: pool.wait("ab"),
        lambda pool: pool.waitall(),
        lambda pool: take(pool.wait_each("ab")),
        poll,
        items,
    ],
    ids=["get", "wait", "waitall", "wait_each", "poll", "items"],
)
def test_error_is_raised_by_every_way_to_ask(
    ask: Callable[[DAGPool[str, str]], Green[object]],
) -> None:
    """A value that is an error cannot be had by mistake."""

    def main() -> Green[None]:
        pool = make_failing()
        yield from turns(9)
        assert sorted(pool.keys()) == ["a", "b", "c", "d"]
        with pytest.raises(PropagateError, match=r"^PropagateError\(b\): KeyError: 'b'$"):
            yield from ask(pool)

    genlet.run(main)


def test_source_goes_on_after_an_error_it_raised() -> None:
    """The error stands in the place of one value; the others can still be taken."""
    pool: DAGPool[str, str] = DAGPool({"a": "1", "c": "3"})
    pool.post("b", PropagateError("b", KeyError()))
    source = pool.wait_each("abc")
    assert without_waiting(source.next()) == ("a", "1")
    with pytest.raises(PropagateError):
        without_waiting(source.next())
    assert without_waiting(take(source)) == [("c", "3")]


def test_wait_each_success_and_exception_split_the_outcomes() -> None:
    """One gives the values and passes over the errors, the other the errors, and neither raises."""

    def main() -> Green[None]:
        pool = make_failing()
        good = yield from pool.wait_each_success().collect()
        bad = yield from pool.wait_each_exception().collect()
        assert good == {"a": "1", "d": "d(1)"}
        assert {key: type(error.exc) for key, error in bad.items()} == {
            "b": KeyError,
            "c": PropagateError,
        }
        assert (yield from pool.wait_each_success("b").collect()) == {}
        assert (yield from pool.wait_each_exception("a").collect()) == {}

    genlet.run(main)


def test_error_raised_again_and_again_does_not_grow() -> None:
    """The stored error is raised with a traceback of its own each time."""

    def main() -> Green[None]:
        pool = make_failing()
        yield from turns(9)
        lengths: List[int] = []
        for _ in range(3):
            with pytest.raises(PropagateError) as caught:
                yield from pool.get("b")
            lengths.append(len(caught.traceback))
        assert len(set(lengths)) == 1

    genlet.run(main)


def test_errors_are_pickled_with_what_they_say() -> None:
    """PropagateError, nested too, and Collision survive pickling."""
    error = PropagateError("b", PropagateError(3, KeyError("x")))
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.key, copy.exc.key, str(copy)) == ("b", 3, str(error))
    assert copy.exc.exc.args == ("x",)
    assert pickle.loads(pickle.dumps(Collision("a"))).args == ("a",)


def test_error_of_a_greenthread_is_not_reported() -> None:
    """It is the pool's, and raised where the value is asked for."""

    def main() -> Green[None]:
        pool = make_failing()
        yield from take(pool.wait_each_success())

    errors: List[BaseException] = []
    Runner(excepthook=lambda _gt, exc: errors.append(exc)).run(main)
    assert errors == []


def test_timeout_that_escapes_a_greenthread_reaches_its_dependents() -> None:
    """Whatever ends a greenthread, those that depend on it do not wait for ever."""

    def impatient(key: str, results: Strings) -> Green[str]:
        with genlet.Timeout(1):
            yield from results.collect()
        return key

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        pool.spawn("b", "a", impatient)
        with pytest.raises(PropagateError) as caught:
            yield from pool.get("b")
        assert isinstance(caught.value.exc, genlet.Timeout)

    simulate(main)


# ---- post -----------------------------------------------------------------------------------------


def test_post_of_a_known_key_collides() -> None:
    """A key has one value, and one greenthread to make it; the error names the key."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool({"a": "1"})
        pool.spawn("b", "x", join)
        with pytest.raises(Collision, match=r"^a$"):
            pool.post("a", "2")
        with pytest.raises(Collision, match=r"^b$"):
            pool.post("b", "2", replace=True)
        with pytest.raises(Collision, match=r"^a$"):
            pool.spawn("a", (), join)
        with pytest.raises(Collision, match=r"^b$"):
            pool.spawn_many({"b": ()}, join)
        pool.post("x", "9")
        assert (yield from pool.get("b")) == "b(9)"

    genlet.run(main)


def test_post_with_replace_changes_the_value() -> None:
    """Who asks afterwards gets the new one; the order of the keys stays."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool({"a": "1", "b": "2"})
        waiter = genlet.spawn(pool.get, "c")
        yield from turns()
        pool.post("a", "3", replace=True)
        pool.post("c", "4", replace=True)
        pool.post("c", "5", replace=True)
        assert pool.items() == (("a", "3"), ("b", "2"), ("c", "5"))
        assert (yield from waiter.wait()) in ("4", "5")

    genlet.run(main)


def test_post_of_its_own_key_takes_the_place_of_what_a_greenthread_returns() -> None:
    """A greenthread may give its value early; what it returns is dropped, an error is reported."""

    def early(key: str, _results: Strings, error: Optional[Exception]) -> Green[str]:
        pool.post(key, "early")
        yield from turns(1)
        if error is not None:
            raise error
        return "late"

    pool: DAGPool[str, str] = DAGPool()

    def main() -> Green[None]:
        pool.spawn("a", (), early, None)
        pool.spawn("b", (), early, KeyError(2))
        assert (yield from pool.get("a")) == "early"
        assert pool.running_keys() == ("a", "b")
        yield from turns()
        assert pool.running() == 0
        assert pool.items() == (("a", "early"), ("b", "early"))

    errors: List[BaseException] = []
    Runner(excepthook=lambda _gt, exc: errors.append(exc)).run(main)
    assert [exc.args for exc in errors] == [(2,)]


def test_post_of_a_propagate_error_is_raised_as_it_is() -> None:
    """An outsider can post a failure, and that very object is raised."""
    pool: DAGPool[str, str] = DAGPool()
    error = PropagateError("a", ValueError("outside"))
    pool.post("a", error)
    with pytest.raises(PropagateError) as caught:
        without_waiting(pool.get("a"))
    assert caught.value is error


# ---- kill -----------------------------------------------------------------------------------------


def test_kill_forgets_the_key() -> None:
    """A killed greenthread leaves no value, and its key can be used again."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        pool.spawn("a", (), block)
        pool.spawn("b", "a", join)
        yield from turns()
        yield from pool.kill("a")
        assert (pool.running_keys(), pool.keys()) == (("b",), ())
        pool.spawn("a", (), join)
        assert (yield from pool.get("b")) == "b(a())"

    genlet.run(main)


@pytest.mark.parametrize("started", [False, True])
def test_kill_while_it_waits_for_values_leaves_nothing_in_the_pool(started: bool) -> None:
    """One that waits for values, or has not begun, is out of the way at once."""
    after: List[object] = []

    def careful(key: str, results: Strings) -> Green[str]:
        after.append((yield from results.next()))
        return key

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        pool.spawn("b", "a", careful)
        if started:
            yield from turns()
        yield from pool.kill("b")
        assert (pool.running(), pool._watchers) == (0, {})

    genlet.run(main)
    assert after == []


def test_kill_of_an_unknown_key_is_a_keyerror() -> None:
    """There is no greenthread of that key, though there may be a value."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool({"a": "1"})
        with pytest.raises(KeyError, match="a"):
            yield from pool.kill("a")

    genlet.run(main)


def test_kill_survived_does_not_bring_the_key_back() -> None:
    """A victim that goes on is no longer the pool's: what it returns is dropped."""

    def stubborn(_key: str, _results: Strings) -> Green[str]:
        try:
            yield from forever().get()
        except genlet.GreenletExit:
            yield from turns(1)
        return "survived"

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        pool.spawn("a", (), stubborn)
        yield from turns()
        yield from pool.kill("a")
        pool.spawn("a", "x", join)
        yield from turns()
        assert (pool.keys(), pool.running_keys()) == ((), ("a",))
        pool.post("x", "1")
        assert (yield from pool.get("a")) == "a(1)"

    genlet.run(main)


def test_waiter_interrupted_anywhere_loses_no_value() -> None:
    """A source whose taker is interrupted gives every value it has not given to the next."""

    def taker(source: Strings, got: Pairs) -> Green[None]:
        for _ in range(3):
            pair = yield from source.next()
            assert pair is not END
            got.append(pair)

    def slow(key: str, results: Strings) -> Green[str]:
        value = yield from join(key, results)
        yield from turns(2)
        return value

    def scenario(aim: Aim) -> Green[None]:
        pool: DAGPool[str, str] = DAGPool()
        pool.spawn_many({"a": "", "b": "a", "c": "b"}, slow)
        got: Pairs = []
        source = pool.wait_each()
        victim = aim(genlet.spawn(taker, source, got))
        yield from ended(victim)
        got += yield from take(source)
        assert [key for key, _ in got] == ["a", "b", "c"]
        assert pool._watchers == {}

    assert sweep(scenario) >= 9


def test_member_interrupted_anywhere_hangs_nobody() -> None:
    """Whenever a greenthread is interrupted, its dependents get a value or an error."""

    def scenario(aim: Aim) -> Green[None]:
        pool: DAGPool[str, str] = DAGPool({"a": "1"})
        gate = Gate()

        def fn(key: str, results: Strings) -> Green[str]:
            yield from gate.pass_through()
            return (yield from join(key, results))

        pool.spawn("b", "ax", fn)
        pool.spawn("c", "b", join)
        aim(pool._members["b"].gt)
        yield from turns()
        gate.open()
        yield from turns()
        pool.post("x", "2")
        good = yield from pool.wait_each_success().collect()
        bad = yield from pool.wait_each_exception().collect()
        assert sorted([*good, *bad]) == ["a", "b", "c", "x"]
        assert (pool.running(), pool._watchers) == (0, {})

    assert sweep(scenario) >= 6


# ---- how it stands --------------------------------------------------------------------------------


def test_waiting_for_says_which_keys_are_lacking() -> None:
    """What is there does not count, though the greenthread has not taken it yet."""

    def main() -> Green[None]:
        pool: DAGPool[str, str] = DAGPool({"a": "1"})
        pool.spawn("c", "abx", join)
        pool.spawn("d", "a", join)
        assert pool.waiting_for("c") == {"b", "x"}
        assert pool.waiting_for("d") == set()
        assert pool.waiting_for("a") == set()
        assert pool.waiting_for() == {"c": {"b", "x"}}
        assert (pool.waiting(), pool.running()) == (1, 2)
        with pytest.raises(KeyError):
            pool.waiting_for("nobody")
        yield from turns()
        pool.post("b", "2")
        assert pool.waiting_for("c") == {"x"}
        pool.post("x", "3")
        assert (pool.waiting_for(), pool.waiting()) == ({}, 0)
        assert (yield from pool.get("c")) == "c(1 2 3)"

    genlet.run(main)


def test_none_is_a_key_and_a_value_like_any_other() -> None:
    """Nothing inside takes None for "missing"."""

    def fn(_key: None, results: Results[None, None]) -> Green[None]:
        yield from results.collect()

    def main() -> Green[None]:
        pool: DAGPool[None, None] = DAGPool()
        pool.spawn(None, (), fn)
        assert pool.waiting_for(None) == set()
        assert (yield from pool.waitall()) == {None: None}

    genlet.run(main)


# ---- stress ---------------------------------------------------------------------------------------

NODES = 10_000


def count(_key: int, results: Results[int, int]) -> Green[int]:
    values = yield from results.collect()
    return 1 + max(values.values(), default=0)


@pytest.mark.parametrize("backwards", [False, True])
def test_chain_of_ten_thousand_runs_without_recursion(backwards: bool) -> None:
    """Each waits for the one before it, whichever was spawned first."""

    def main() -> Green[int]:
        pool: DAGPool[int, int] = DAGPool({0: 0})
        depends = {key: (key - 1,) for key in range(1, NODES + 1)}
        order = reversed(list(depends)) if backwards else depends
        pool.spawn_many({key: depends[key] for key in order}, count)
        return (yield from pool.waitall())[NODES]

    assert genlet.run(main) == NODES


def test_graph_of_ten_thousand_with_many_edges_runs_in_time() -> None:
    """Work is by the edge: a value wakes those who wait for it, and nobody else."""

    def main() -> Green[int]:
        pool: DAGPool[int, int] = DAGPool()
        graph: Mapping[int, range] = {
            key: range(0, key, max(1, key // 10)) for key in range(NODES)
        }
        pool.spawn_many(graph, count)
        values: Dict[int, int] = yield from pool.waitall()
        return len(values)

    assert genlet.run(main) == NODES


def test_error_through_a_chain_of_ten_thousand_can_be_told() -> None:
    """An error that went through the whole graph has a text, and is let go of without recursion."""

    def main() -> Green[int]:
        pool: DAGPool[int, int] = DAGPool({0: cast(int, "no number")})
        pool.spawn_many({key: (key - 1,) for key in range(1, NODES + 1)}, count)
        errors = yield from pool.wait_each_exception().collect()
        return len(str(errors[NODES]).split("PropagateError("))

    assert genlet.run(main) == NODES + 1
