"""Proxy: an object whose methods run on threads."""

from __future__ import annotations

import copy
import pickle
import sqlite3
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

import genlet
from genlet import END, Green
from genlet.tpool import Proxy, unwrap

from . import thread_name


class Person:
    """A class for the proxies of these tests."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.friends: List[Person] = []

    def where(self, prefix: str = "") -> str:
        return prefix + thread_name()

    def friend(self, name: str) -> Person:
        self.friends.append(Person(name))
        return self.friends[-1]

    def all_names(self) -> Iterator[str]:
        yield from (friend.name for friend in self.friends)

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Person) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __len__(self) -> int:
        return len(self.friends)

    def __bool__(self) -> bool:
        return self.name != "nobody"

    def __getitem__(self, n: int) -> Tuple[Person, str]:
        return self.friends[n], thread_name()

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Person({self.name!r})"


def collected(source: Proxy[Iterator[object]]) -> Green[List[object]]:
    items: List[object] = []
    while (item := (yield from source.next())) is not END:
        items.append(item)
    return items


def test_proxy_calls_methods_on_a_thread() -> None:
    """A method call is green, and takes the arguments of the method."""

    def main() -> Green[Tuple[str, str]]:
        person: Any = Proxy(Person("Ada"))
        first: Green[str] = person.where("on ")
        second: Green[str] = person.where(prefix="on ")
        return (yield from first), (yield from second)

    for where in genlet.run(main):
        assert where.startswith("on genlet-worker-")


def test_proxy_nonblocking_call_is_a_plain_call() -> None:
    """With nonblocking=True the call runs in the caller's thread at once."""
    assert Proxy(Person("Ada")).where("on ", nonblocking=True) == "on " + thread_name()


def test_proxy_reads_and_sets_plain_attributes_directly() -> None:
    """Attributes that are not callable are read and set without a thread."""
    person = Person("Ada")
    proxy: Any = Proxy(person)
    assert proxy.name == "Ada"
    proxy.name = "Bob"
    assert person.name == "Bob"
    with pytest.raises(AttributeError, match="'Person' object has no attribute 'age'"):
        _ = proxy.age


def test_proxy_made_of_a_parametrised_class_leaves_the_object_alone() -> None:
    """``typing``'s ``__orig_class__`` is not set on the object."""
    person = Person("Ada")
    assert unwrap(Proxy[Person](person)) is person
    assert not hasattr(person, "__orig_class__")


def test_proxy_operators_are_plain() -> None:
    """Comparison, hash, length, truth and text run in the caller's thread."""
    ada = Person("Ada")
    proxy = Proxy(ada)
    ada.friend("Bob")
    assert proxy == ada
    assert ada == proxy
    assert proxy == Proxy(Person("Ada"))
    assert proxy != Person("Bob")
    assert hash(proxy) == hash(ada)
    assert len(proxy) == 1
    assert not Proxy(Person("nobody"))
    assert (str(proxy), repr(proxy)) == ("Ada", "Person('Ada')")


def test_proxy_autowraps_by_type() -> None:
    """Results and attributes of the given types are proxies, and so are theirs."""

    def main() -> Green[None]:
        ada: Any = Proxy(Person("Ada"), autowrap=(Person, list))
        made: Green[Any] = ada.friend("Bob")
        bob = yield from made
        assert isinstance(bob, Proxy)
        where: Green[str] = bob.where()
        assert (yield from where).startswith("genlet-worker-")
        assert isinstance((yield from bob.friend("Cleo")), Proxy)
        assert isinstance(ada.friends, Proxy)
        assert isinstance(ada.friend("Dan", nonblocking=True), Proxy)
        assert not isinstance((yield from ada.where()), Proxy)

    genlet.run(main)


def test_proxy_autowraps_by_name() -> None:
    """Results of the named methods are proxies, and so are theirs."""

    def main() -> Green[None]:
        ada: Any = Proxy(Person("Ada"), autowrap_names=("friend",))
        made: Green[Any] = ada.friend("Bob")
        bob = yield from made
        assert isinstance(bob, Proxy)
        assert isinstance((yield from bob.friend("Cleo")), Proxy)
        assert isinstance(ada.friends, list)

    genlet.run(main)


def test_proxy_of_a_method_that_returns_a_generator_wraps_it_or_refuses() -> None:
    """An iterator is read through a proxy; without autowrap a generator is refused."""

    def main() -> Green[List[object]]:
        ada = Person("Ada")
        ada.friend("Bob")
        ada.friend("Cleo")
        refusing: Any = Proxy(ada)
        with pytest.raises(TypeError, match="all_names returned a generator"):
            yield from refusing.all_names()
        wrapping: Any = Proxy(ada, autowrap_names=("all_names",))
        names: Green[Proxy[Iterator[object]]] = wrapping.all_names()
        return (yield from collected((yield from names)))

    assert genlet.run(main) == ["Bob", "Cleo"]


def test_proxy_call_getitem_and_next_are_green() -> None:
    """Calls, subscripts and next() are green methods, since Python's syntax cannot wait."""

    def main() -> Green[None]:
        name = yield from Proxy(thread_name).call()
        assert name.startswith("genlet-worker-")
        ada = Person("Ada")
        ada.friend("Bob")
        friend, where = yield from Proxy(ada).getitem(0)
        assert friend.name == "Bob"
        assert where.startswith("genlet-worker-")
        with pytest.raises(IndexError):
            yield from Proxy(ada).getitem(5)
        numbers = Proxy(iter([1]))
        assert (yield from numbers.next()) == 1
        assert (yield from numbers.next()) is END
        made = yield from Proxy(Person, autowrap_names=("__call__",)).call("Dan")
        assert isinstance(made, Proxy)

    genlet.run(main)


def test_proxy_special_methods_called_by_name_are_green() -> None:
    """Other special methods are called by name."""

    def main() -> Green[None]:
        table: Any = Proxy[Dict[str, int]]({})
        yield from table.__setitem__("key", 1)
        assert unwrap(table) == {"key": 1}

    genlet.run(main)


def test_proxy_neither_iterates_nor_enters() -> None:
    """Syntax that would block is refused."""
    proxy: Any = Proxy([1])
    with pytest.raises(TypeError):
        iter(proxy)
    with pytest.raises(TypeError):
        proxy()


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, pickle.dumps])
def test_proxy_is_not_copied(copier: Callable[[object], object]) -> None:
    """A proxy can be neither copied nor pickled."""
    with pytest.raises(TypeError, match=r"^a Proxy is not copied or pickled: do that with"):
        copier(Proxy(Person("Ada")))


def test_proxy_of_a_database_serves_it_from_threads() -> None:
    """A DB-API connection and its cursors work through a proxy."""

    def main() -> Green[List[object]]:
        db: Any = Proxy(
            sqlite3.connect(":memory:", check_same_thread=False), autowrap=(sqlite3.Cursor,)
        )
        try:
            yield from db.execute("create table t (n)")
            yield from db.executemany("insert into t values (?)", [(1,), (2,)])
            query: Green[Proxy[Iterator[object]]] = db.execute("select n from t order by n")
            return (yield from collected((yield from query)))
        finally:
            yield from db.close()

    assert genlet.run(main) == [(1,), (2,)]
