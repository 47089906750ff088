"""Pools of greenthreads that depend on each other's results: directed acyclic graphs."""

# Which greenthread waits for which key
# -----------------------
# A `Results` that waits stands in the pool's table under each key it still lacks.  The first value
# for a key takes that key's entry out of the table and notes the key with everybody who stood there,
# so each edge of the graph is looked at once, however many wait.

from __future__ import annotations

from collections import deque
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Deque,
    Dict,
    Generic,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    NoReturn,
    Optional,
    Set,
    Tuple,
    TypeVar,
    Union,
    cast,
    overload,
)

from ._objects import is_a, with_traceback
from ._plain import NextInLoop
from .abc import Green, green
from .end import END, End
from .kernel import AnyGreenThread, Wait, Waiters, get_scheduler

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")
R = TypeVar("R")

__all__ = ["Collision", "DAGPool", "PropagateError", "Results"]

MISSING: Any = object()


class Collision(Exception):
    """The key has a greenthread, or a value, already; ``str()`` names the key.

    Source:
        eventlet ``dagpool.Collision``.
    """


class PropagateError(Exception):
    """The value of a key whose greenthread failed.

    Attributes:
        key: Whose value it is not.
        exc: What its greenthread ended with; a PropagateError in its turn, if that came from a
            value it depended on.

    Source:
        eventlet ``dagpool.PropagateError``.
    """

    def __init__(self, key: Any, exc: BaseException) -> None:
        super().__init__(key, exc)  # which is also what it is pickled as
        self.__cause__: Optional[BaseException] = exc
        self.key: Any = key
        self.exc: BaseException = exc

    @property
    def msg(self) -> str:
        """The text, which names every key on the way to the first error."""
        parts: List[str] = []
        exc: BaseException = self
        while is_a(exc, PropagateError):  # a loop: the chain may be as long as the graph
            parts.append(f"PropagateError({exc.key}): {type(exc.exc).__name__}")
            exc = exc.exc
        return f"{': '.join(parts)}: {exc}"

    def __str__(self) -> str:
        return self.msg


class _Failed(PropagateError):
    """The value of a key whose greenthread failed, as the pool keeps it."""


_Failed.__name__ = _Failed.__qualname__ = PropagateError.__name__


class DAGPool(Generic[K, V]):
    """Greenthreads that go on as soon as the values they depend on are there.

    ::

        def add(key: str, results: Results[str, int]) -> Green[int]:
            return sum((yield from results.collect()).values())

        pool = DAGPool({"a": 1, "b": 2})
        pool.spawn("c", ["a", "b"], add)
        pool.spawn("d", ["a", "c"], add)
        values = yield from pool.waitall()          # {"a": 1, "b": 2, "c": 3, "d": 4}

    Each greenthread has a key, and what it returns is the value of that key.  If it fails, the value
    is a `PropagateError`, which is raised where the value is asked for.

    Args:
        preload: Values to begin with: a mapping, or (key, value) pairs.

    Source:
        eventlet ``dagpool.DAGPool``.  Differs: ``pool[key]`` is ``yield from pool.get(key)``, and its
        ``get`` is `poll`; a source goes on after it has raised; a greenthread ended by anything but
        `kill` leaves an error behind, where its dependents would wait forever.
    """

    def __init__(self, preload: Union[Mapping[K, V], Iterable[Tuple[K, V]]] = ()) -> None:
        self.values: Dict[K, Union[V, PropagateError]] = dict(preload)
        self._members: Dict[K, _Member] = {}
        self._watchers: Dict[K, Dict[Results[K, Any], None]] = {}

    if not TYPE_CHECKING:

        def __getitem__(self, key: K) -> NoReturn:
            raise TypeError(
                "pool[key] of a DAGPool cannot wait: write 'yield from pool.get(key)', or"
                " 'pool.poll(key, default)', which does not wait"
            )

    # ---- waiting for values ----

    @green
    def wait(self, keys: Optional[Iterable[K]] = None) -> Green[Dict[K, V]]:
        """Wait for the values of *keys*, and return them.

        Args:
            keys: None is all that have a value or a greenthread now.

        Raises:
            PropagateError: A value is one; of several, the one that was there first.
        """
        results = self.wait_each(keys)
        try:
            return (yield from results.collect())
        finally:
            results.close()

    @green
    def waitall(self) -> Green[Dict[K, V]]:
        """Wait for the values of all keys that are known now, and return them; see `wait`."""
        return (yield from self.wait())

    @green
    def get(self, key: K) -> Green[V]:
        """Wait for the value of *key*, and return it.

        Raises:
            PropagateError: There is none, for its greenthread failed.

        Source:
            eventlet ``DAGPool.__getitem__``.
        """
        return (yield from self.wait((key,)))[key]

    def wait_each(self, keys: Optional[Iterable[K]] = None) -> Results[K, V]:
        """Return a source of (key, value) for *keys*, each as soon as it is there.

        Its ``next()`` raises a value that is a PropagateError, and goes on
        with the others when it is called again.

        Args:
            keys: None is all that have a value or a greenthread now.
        """
        return Results(self, self._known(keys))

    def wait_each_success(self, keys: Optional[Iterable[K]] = None) -> Results[K, V]:
        """Return a source as `wait_each` does, which passes over the errors."""
        return Results(self, self._known(keys), errors=False)

    def wait_each_exception(
        self, keys: Optional[Iterable[K]] = None
    ) -> Results[K, PropagateError]:
        """Return a source as `wait_each` does, of the errors alone, which it does not raise."""
        return Results(self, self._known(keys), errors=True)

    def _known(self, keys: Optional[Iterable[K]]) -> Iterable[K]:
        return (*self.values, *self._members) if keys is None else keys

    # ---- greenthreads ----

    def spawn(
        self,
        key: K,
        depends: Iterable[K],
        fn: Callable[Concatenate[K, Results[K, V], P], Green[V]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Start ``fn(key, results, *args, **kwargs)``, whose outcome becomes the value of *key*.

        A plain call.  *results* is a source as that of `wait_each`, for the keys in *depends*.

        Raises:
            Collision: *key* has a greenthread or a value.
            TypeError: *fn* is not a green function.
        """
        self._spawn(key, depends, fn, args, kwargs)

    def spawn_many(
        self,
        depends: Mapping[K, Iterable[K]],
        fn: Callable[Concatenate[K, Results[K, V], P], Green[V]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Call `spawn` for each key of *depends*, with the keys that it depends on.

        Raises:
            Collision: A key has a greenthread or a value; those before it have been started.
        """
        for key, keys in depends.items():
            self._spawn(key, keys, fn, args, kwargs)

    def _spawn(
        self,
        key: K,
        depends: Iterable[K],
        fn: Callable[..., Green[V]],
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
    ) -> None:
        if key in self._members or key in self.values:
            raise Collision(key)
        results: Results[K, V] = Results(self, depends)
        gt = get_scheduler().spawn(fn, (key, results, *args), kwargs, depth=3)
        self._members[key] = _Member(gt, results)
        gt.link(self._ended, key, results)

    def _ended(self, gt: AnyGreenThread, key: K, results: Results[K, V]) -> None:
        """Link function: *gt*, which was spawned for *key* and given *results*, has ended."""
        results.close()
        member = self._members.get(key)
        if member is None or member.gt is not gt:
            return  # killed by `kill`, and forgotten
        del self._members[key]
        error = gt.error
        if key in self.values:
            # It has posted for itself: what it returned is not wanted, but its error is told.
            if error is not None and not gt.ended_as_told:
                gt.scheduler.tell_hook(gt, error)
        else:
            self._settle(key, gt.result() if error is None else _Failed(key, error))

    @green
    def kill(self, key: K) -> Green[None]:
        """Kill the greenthread of *key* and forget it: the key can be used again.

        Raises:
            KeyError: *key* has no greenthread.
        """
        yield from self._members.pop(key).gt.kill()

    def post(self, key: K, value: Union[V, PropagateError], replace: bool = False) -> None:
        """Make *value* the value of *key*; a plain call.

        A greenthread may do so for its own key: what it returns is dropped then.

        Args:
            replace: Whether a value that is there is replaced.  A greenthread that has not taken it yet
                may get either.

        Raises:
            Collision: *key* has a value, or a greenthread other than the caller.
        """
        member = self._members.get(key)
        if member is not None and member.gt is not member.gt.scheduler.current:
            raise Collision(key)
        if key in self.values and not replace:
            raise Collision(key)
        self._settle(key, value)

    def _settle(self, key: K, value: Union[V, PropagateError]) -> None:
        self.values[key] = value
        for results in self._watchers.pop(key, ()):
            results._note(key)

    # ---- how it stands ----

    @overload
    def poll(self, key: K) -> Optional[V]: ...
    @overload
    def poll(self, key: K, default: D) -> Union[V, D]: ...
    def poll(self, key: K, default: Any = None) -> Any:
        """Return the value of *key*, *default* if it has none yet; a plain call.

        Raises:
            PropagateError: The value is one.

        Source:
            eventlet ``DAGPool.get``; the name is that of ``Event.poll``.
        """
        return _value(self.values.get(key, default))

    def keys(self) -> Tuple[K, ...]:
        """Return the keys that have a value now."""
        return tuple(self.values)

    def items(self) -> Tuple[Tuple[K, V], ...]:
        """Return the (key, value) pairs that are there now.

        Raises:
            PropagateError: A value is one.
        """
        return tuple((key, _value(value)) for key, value in self.values.items())

    def running(self) -> int:
        """Return how many greenthreads have not ended, those that wait for values included."""
        return len(self._members)

    def running_keys(self) -> Tuple[K, ...]:
        """Return the keys of the greenthreads that have not ended."""
        return tuple(self._members)

    def waiting(self) -> int:
        """Return how many greenthreads of the pool still lack a value they depend on."""
        return len(self.waiting_for())

    @overload
    def waiting_for(self) -> Dict[K, Set[K]]: ...
    @overload
    def waiting_for(self, key: K) -> Set[K]: ...
    def waiting_for(self, key: K = MISSING) -> Union[Set[K], Dict[K, Set[K]]]:
        """Return the keys whose values the greenthread of *key* still lacks.

        Without *key*, return that for every greenthread of the pool that lacks any.

        Raises:
            KeyError: *key* has neither a greenthread nor a value.
        """
        if key is not MISSING:
            if key not in self._members:
                self.values[key]
                return set()
            return self._lacking(key)
        lacking = {key: self._lacking(key) for key in self._members}
        return {key: keys for key, keys in lacking.items() if keys}

    def _lacking(self, key: K) -> Set[K]:
        return {other for other in self._members[key].results.pending if other not in self.values}

    def __repr__(self) -> str:
        return f"<DAGPool {len(self.values)} values, {self.running()} running>"


class _Member(NamedTuple):
    """A greenthread of the pool, and the source it was given."""

    gt: AnyGreenThread
    results: Results[Any, Any]


def _value(value: Union[V, PropagateError]) -> V:
    if isinstance(value, PropagateError):
        if is_a(value, _Failed):
            # A new one each time: the frames that it passes lead to the pool, which keeps the value.
            raise PropagateError(value.key, value.exc)
        raise with_traceback(value, None)  # posted by the program
    return value


class Results(NextInLoop, Generic[K, R]):
    """A source of (key, value) pairs, in the order in which the values are there.

    Those that are there already come first, in the order of the keys, and without waiting.

    Attributes:
        pending: The keys whose values were not taken yet.
    """

    def __init__(
        self, pool: DAGPool[K, Any], keys: Iterable[K], *, errors: Optional[bool] = None
    ) -> None:
        self.pending: Dict[K, None] = dict.fromkeys(keys)
        self._pool: Optional[DAGPool[K, Any]] = pool  # None once it is closed
        self._errors: Optional[bool] = errors  # what to give; None gives values, raises errors
        self._begun: bool = False
        self._arrived: Deque[K] = deque()
        self._waiters: Waiters[None] = Waiters()

    @green
    def next(self) -> Green[Union[Tuple[K, R], End]]:
        """Wait for the next value, and return it with its key; END when all were given.

        Raises:
            PropagateError: The value is one.
        """
        if not self._begun:
            self._begin()
        while self.pending:
            while self._arrived and self._pool is not None:
                key = self._arrived.popleft()
                del self.pending[key]
                value = self._pool.values[key]
                if self._errors is None:
                    return key, _value(value)
                if self._errors is isinstance(value, PropagateError):
                    return key, cast(R, value)
            if self.pending:
                yield from _Arrival(
                    self, "values to come", self._waiters, ask=self._wake_takers
                ).get()
        return END

    @green
    def collect(self) -> Green[Dict[K, R]]:
        """Return all that is left, as a dict.

        Raises:
            PropagateError: The first value that is one.
        """
        results: Dict[K, R] = {}
        while True:
            pair = yield from self.next()
            if pair is END:
                return results
            results[pair[0]] = pair[1]

    def close(self) -> None:
        """Wait for nothing any more: `next` then gives END.  A plain call."""
        pool = self._pool
        if pool is None:
            return
        for key in self.pending:
            watchers = pool._watchers.get(key)
            if watchers is not None:
                watchers.pop(self, None)
                if not watchers:
                    del pool._watchers[key]
        # The greenthread that has failed has this among its variables, and the pool has its error.
        self._pool = None
        self.pending = {}
        self._arrived.clear()
        self._wake_takers()

    def _note(self, key: K) -> None:
        """The pool has a value for *key*, which this was waiting for."""
        self._arrived.append(key)
        self._wake_takers()

    def _wake_takers(self, _wait: Optional[Wait[None]] = None) -> None:
        """Wake the waiting greenthreads if there is anything to take, or nothing to wait for."""
        if self._arrived or not self.pending:
            self._waiters.wake_all(None)

    def _begin(self) -> None:
        """Take what is there, and have the pool tell of the rest."""
        self._begun = True
        pool = self._pool
        if pool is None:
            return
        for key in self.pending:
            if key in pool.values:
                self._arrived.append(key)
            else:
                pool._watchers.setdefault(key, {})[self] = None


class _Arrival(Wait[None]):
    """A wait for values, which it names when it is asked."""

    __slots__ = ()

    def describe(self) -> str:
        results: Results[Any, Any] = self._subject
        return f"the values of {', '.join(map(repr, results.pending))}"
