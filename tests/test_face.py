"""The public names of genlet, the cost of importing them, and the errors."""

from __future__ import annotations

import copy
import errno
import importlib
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, List, Type

import pytest

import genlet
import genlet.errors
import genlet.kernel
from genlet.end import END, End

ROOT = Path(__file__).resolve().parent.parent
FACES = [genlet, genlet.kernel]
# Modules that cost more to import than genlet, or that few programs need.
HEAVY = [
    "asyncio",
    "http",
    "queue",
    "selectors",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "traceback",
]


def fresh(program: str) -> List[str]:
    """Run *program* in a process of its own and return the words it prints."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return done.stdout.split()


@pytest.mark.parametrize("face", FACES)
def test_every_name_in_all_resolves(face: ModuleType) -> None:
    """Every name in ``__all__`` exists."""
    names: List[str] = face.__all__
    assert [name for name in names if not hasattr(face, name)] == []


@pytest.mark.parametrize("face", FACES)
def test_all_is_sorted_and_names_nothing_twice(face: ModuleType) -> None:
    """``__all__`` is in the order the formatter keeps: constants, classes, functions."""
    names: List[str] = face.__all__

    def kind(name: str) -> int:
        return 0 if name.isupper() else 1 if name[0].isupper() else 2

    assert names == sorted(set(names), key=lambda name: (kind(name), name))


@pytest.mark.parametrize("face", FACES)
def test_dir_lists_every_public_name(face: ModuleType) -> None:
    """``dir()`` lists the names that are looked up late too."""
    assert set(face.__all__) <= set(dir(face))


def test_a_late_name_is_the_object_of_its_module() -> None:
    """A name that is looked up late is its module's own object, and is looked up once."""
    late: Any = genlet._LATE
    for module, names in late.items():
        for name in names.split():
            expected = getattr(importlib.import_module(f"genlet.{module}"), name)
            assert getattr(genlet, name) is expected
            assert vars(genlet)[name] is expected


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelled name is an AttributeError, as on any module."""
    with pytest.raises(AttributeError, match=r"^module 'genlet' has no attribute 'spwan'$"):
        getattr(genlet, "spwan")  # noqa: B009  a checker knows that it is not there


def test_importing_genlet_loads_nothing_heavy() -> None:
    """``import genlet`` imports no expensive module: these are imported where they are used."""
    program = (
        "import sys\nbefore = set(sys.modules)\nimport genlet\nprint(*set(sys.modules) - before)\n"
    )
    loaded = fresh(program)
    assert [name for name in HEAVY if name in loaded] == []


def test_importing_genlet_opens_no_descriptor_and_starts_no_thread() -> None:
    """Nothing is created at import: some platforms have neither descriptors nor threads to give."""
    program = (
        "import os, _thread\n"
        "fds = lambda: len(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else 0\n"
        "before = fds(), _thread._count()\n"
        "import genlet, genlet.hubs, genlet.timeout, genlet.kernel\n"
        "print((fds(), _thread._count()) == before)\n"
    )
    assert fresh(program) == ["True"]


BASES = [
    (genlet.Deadlock, RuntimeError),
    (genlet.Unjoined, RuntimeError),
    (genlet.BusyResource, RuntimeError),
    (genlet.WrongThread, RuntimeError),
    (genlet.SharedGenerator, RuntimeError),
    (genlet.ClosedResource, OSError),
    (genlet.WouldBlock, Exception),
]


@pytest.mark.parametrize(("error", "base"), BASES)
def test_an_error_is_what_its_documentation_says(
    error: Type[Exception], base: Type[Exception]
) -> None:
    """Each error derives from GenletError and from what a caller would catch already."""
    assert issubclass(error, genlet.GenletError)
    assert issubclass(error, base)


def test_every_error_is_on_the_face() -> None:
    """No error that genlet raises has to be imported from a room."""
    errors = [
        value
        for value in vars(genlet.errors).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert [error for error in errors if getattr(genlet, error.__name__) is not error] == []


@pytest.mark.parametrize("ending", [genlet.Cancelled, genlet.GreenletExit, genlet.Timeout])
def test_what_ends_a_greenthread_is_no_exception(ending: Type[BaseException]) -> None:
    """``except Exception`` catches no kill, no cancellation and no Timeout."""
    assert not issubclass(ending, Exception)
    assert issubclass(genlet.GreenletExit, genlet.Cancelled)


@pytest.mark.parametrize("error", [error for error, _ in BASES])
def test_an_error_survives_pickling_and_copying(error: Type[Exception]) -> None:
    """An error can be sent to another process and says the same there."""
    original = error("what happened")
    for twin in (pickle.loads(pickle.dumps(original)), copy.copy(original)):
        assert type(twin) is error
        assert str(twin) == str(original)
        assert "what happened" in repr(twin)


def test_closed_resource_carries_ebadf() -> None:
    """ClosedResource has the errno of any other use of a closed descriptor."""
    error = genlet.ClosedResource("gone")
    assert error.errno == errno.EBADF
    assert error.strerror == "gone"
    assert pickle.loads(pickle.dumps(error)).errno == errno.EBADF


def test_cancelled_survives_pickling_with_its_reason() -> None:
    """A pickled cancellation keeps its reason and its class."""
    twin = pickle.loads(pickle.dumps(genlet.Cancelled("enough")))
    assert twin.reason == "enough"
    assert repr(twin) == "Cancelled('enough')"
    assert type(pickle.loads(pickle.dumps(genlet.GreenletExit()))) is genlet.GreenletExit


def test_end_is_one_object_for_ever() -> None:
    """``is END`` is true of every copy, pickled ones included."""
    assert pickle.loads(pickle.dumps(END)) is END
    assert copy.deepcopy(END) is END
    assert END is End.END
    assert repr(END) == "END"


def test_a_green_thread_tells_its_name_and_state() -> None:
    """The repr of a greenthread has its name and its state."""
    seen: List[str] = []

    def child() -> genlet.Green[None]:
        seen.append(repr(genlet.getcurrent()))
        yield from genlet.sleep(1000)

    def main() -> genlet.Green[None]:
        gt = genlet.spawn(child)
        gt.name = "child"
        seen.append(repr(gt))
        yield from genlet.sleep(0)
        seen.append(repr(gt))
        yield from gt.kill()
        seen.append(repr(gt))

    genlet.run(main)
    assert seen == [
        "<GreenThread child not started>",
        "<GreenThread child running>",
        "<GreenThread child waits for 1000 seconds to pass>",
        "<GreenThread child killed>",
    ]


def test_the_decorator_stays_what_it_is_when_the_package_of_its_name_is_imported() -> None:
    """``from genlet import green`` decorates before and after an import from genlet.green."""
    program = (
        "import genlet\n"
        "before = genlet.green\n"
        "from genlet.green import time\n"
        "from genlet import green as after\n"
        "for mark in (before, after):\n"
        "    @mark\n"
        "    def one(n: int):\n"
        "        yield from time.sleep(0)\n"
        "        return n\n"
        "    assert one.__code__.co_flags & 0x100\n"
        "    assert genlet.run(one, 1) == 1\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
