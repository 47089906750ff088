"""The lint's face: files and folders, imports, waivers and formats."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Dict, List

import pytest

from genlet.lint import FORMATS, Finding, check_paths, check_source

HEAD = "from genlet import Green, sleep\n\n\ndef f() -> Green:\n    yield from sleep(0)\n"


def codes(source: str) -> List[str]:
    """Return what is found in a text."""
    return [one.code for one in check_source(source)]


def tree(folder: Path, files: Dict[str, str]) -> Path:
    """Write *files*, and return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def places(findings: List[Finding]) -> List[str]:
    """Return the file, the line and the code of each."""
    return [f"{Path(one.path).name}:{one.line} {one.code}" for one in findings]


# ---- what is green, across modules ---------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        "from pkg.client import Client, fetch",
        "from pkg import Client, fetch",
        "from pkg import *",
        "from .client import Client, fetch",
        "from . import Client, fetch",
        "from pkg.again import *",
        "import pkg\nClient, fetch = pkg.Client, pkg.fetch",
        "import pkg.client as c\nfetch = c.fetch\nClient = c.Client",
        "try:\n    from pkg import Client, fetch\nexcept ImportError:\n    fetch = None",
    ],
)
def test_a_green_function_is_known_however_it_is_imported(tmp_path: Path, use: str) -> None:
    """Re-exports, relative imports, stars and aliases lead to the one definition."""
    client = HEAD + (
        "\n\ndef fetch(url: str) -> Green[bytes]:\n    yield from sleep(1)\n    return b''\n\n\n"
        "class Client:\n    def get(self) -> Green[bytes]:\n        return (yield from fetch(''))\n"
    )
    tree(
        tmp_path,
        {
            "pkg/__init__.py": "from .client import Client as Client, fetch as fetch\n",
            "pkg/client.py": client,
            "pkg/again.py": "from .client import *\n",
            "pkg/use.py": f"{use}\n\n\ndef main():\n    fetch('')\n    Client().get()\n",
        },
    )
    found = check_paths([tmp_path / "pkg" / "use.py"])  # the others are read, and not checked
    assert [one.code for one in found] == ["GL101", "GL101"]


def test_a_script_finds_its_neighbours(tmp_path: Path) -> None:
    """A file beside it, outside of any package, is what it imports."""
    tree(tmp_path, {"near.py": HEAD, "use.py": "from near import f\nf()\n"})
    assert places(check_paths([tmp_path])) == ["use.py:2 GL101"]


def test_functions_that_return_each_others_calls_are_green() -> None:
    """The colours are a fixed point: none depends on where one begins to ask."""
    source = HEAD + (
        "def a(n):\n    if n:\n        return b(n)\n    else:\n        return f()\n\n\n"
        "def b(n):\n    return a(n - 1)\n\n\na(1)\nb(1)\n"
    )
    assert codes(source) == ["GL101", "GL101"]


def test_an_iterator_that_is_its_own_is_asked_once() -> None:
    """``__iter__`` that returns self leads to ``__next__``, not round in a ring."""
    source = HEAD + (
        "class Source:\n    def __iter__(self):\n        return self\n\n"
        "    def __next__(self):\n        return f\n\n\nfor one in Source():\n    one()\n"
        "class Ring:\n    def __getitem__(self, x):\n        return self[x][x]\n\n\nRing()[1].y\n"
    )
    assert codes(source) == ["GL101"]


def test_an_unannotated_generator_that_yields_anything_itself_is_not_green() -> None:
    """A tree walk is no green function, and may be iterated."""
    walk = (
        "def walk(t):\n    yield t\n    for one in t.below:\n        yield from walk(one)\n\n\n"
        "for x in walk(1):\n    pass\n"
    )
    assert codes(walk) == []


def test_a_decorator_that_is_not_known_makes_a_call_unknown() -> None:
    """It may drive what it decorates."""
    assert (
        codes(HEAD + "import other\n\n\n@other.sync\ndef g():\n    yield from f()\n\n\ng()\n")
        == []
    )


def test_what_a_source_gives_is_known_once_its_end_is_looked_for() -> None:
    """``next()`` gives an item or END; the loop over it has dealt with END."""
    source = (
        "from genlet import END, Green, GreenThread, Queue\n"
        "def work(source: Queue[GreenThread[int]]) -> Green[None]:\n"
        "    while True:\n"
        "        gt = yield from source.next()\n"
        "        if gt is END:\n"
        "            break\n"
        "        gt.wait()\n"
    )
    assert codes(source) == ["GL101"]


def test_a_class_of_that_name_is_not_green() -> None:
    """Green and Op are what genlet exports, not any class of that name."""
    assert codes("class Op:\n    pass\n\n\ndef f() -> Op:\n    return Op()\n\n\nf()\n") == []


def test_a_call_that_is_to_raise_at_once_may_stand_alone() -> None:
    """A function that passes a generator on checks its arguments when it is called."""
    source = HEAD + (
        "import pytest\n\n\ndef g(n: int) -> Green:\n    if n < 0:\n        raise ValueError\n"
        "    return f()\n\n\nwith pytest.raises(ValueError):\n    g(-1)\n"
    )
    assert codes(source) == []
    assert codes(source + "with pytest.raises(ValueError):\n    f()\n") == ["GL101"]


def test_a_suspension_whose_function_shields_itself_may_stand_in_finally() -> None:
    """What counts is that all it waits for is inside a shield."""
    source = HEAD + (
        "from genlet import shielded\n\n\ndef bye() -> Green:\n    with shielded(1):\n"
        "        yield from f()\n\n\n"
        "def main() -> Green:\n    try:\n        yield from f()\n    finally:\n        yield from bye()\n"
    )
    assert codes(source) == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="except* and match are newer")
def test_newer_statements_are_read() -> None:
    """What stands in a ``case`` and around an ``except*`` is seen, and followed."""
    source = HEAD + (
        "def g(x) -> Green:\n    yield from f()\n    match x:\n"
        "        case [a, *b] if a:\n            c = f()\n            f()\n"
        "        case {'k': k, **rest}:\n            pass\n"
        "    if c:\n        pass\n"
        "    try:\n        f()\n    except* OSError as e:\n        f()\n"
    )
    assert codes(source) == ["GL101", "GL104", "GL101", "GL101"]


def test_guessing_goes_by_the_name_of_the_method() -> None:
    """With guess, and only then, a receiver of unknown type is taken for one that is known."""
    source = HEAD + "\n\nclass A:\n    def pull(self) -> Green:\n        yield from f()\n\n\n"
    source += "def g(x):\n    x.pull()\n"
    assert codes(source) == []
    assert [one.code for one in check_source(source, guess=True)] == ["GL110"]


def test_self_in_a_base_class_is_the_class_of_the_receiver() -> None:
    """A method that returns Self gives an object of the subclass it is called on."""
    source = (
        "from typing import Tuple\nfrom typing_extensions import Self\n"
        "from genlet import Green, sleep\n\n\n"
        "class Base:\n"
        "    def child(self) -> Green[Tuple[Self, int]]:\n"
        "        yield from sleep(0)\n        return self, 1\n\n"
        "    def copy(self) -> Self:\n        return self\n\n\n"
        "class Derived(Base):\n"
        "    def send(self) -> Green[None]:\n        yield from sleep(0)\n\n\n"
        "def main(one: Derived) -> Green[None]:\n"
        "    child, _ = yield from one.child()\n"
        "    child.send()\n"
        "    one.copy().copy().send()\n"
        "    Base().copy()\n"
    )
    assert places(check_source(source, "m.py")) == ["m.py:22 GL101", "m.py:23 GL101"]


# ---- waivers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("f()", ["GL101"]),
        ("f()  # genlet: ok", []),
        ("f()  # genlet: ok[GL101]", []),
        ("f()  # why  # genlet: ok[GL301, GL101]", ["GL001"]),
        ("f()  # genlet: ok[GL102]", ["GL001", "GL101"]),
        ("f()  # genlet: ok[GL999]", ["GL001", "GL101"]),
        ("f()  # genlet: ok[]", ["GL001", "GL101"]),
        ("print('# genlet: ok')", []),
        ("print(1)  # genlet: ok", ["GL001"]),
        ("print(\n    1,\n    f().x,\n)  # genlet: ok[GL107]", []),
        ("print(  # genlet: ok[GL107]\n    1,\n    f().x,\n)", []),
    ],
)
def test_a_waiver_waives_what_it_names_and_must_be_needed(line: str, left: List[str]) -> None:
    """On any line of the statement; one that waives nothing is a finding itself."""
    assert sorted(codes(HEAD + line + "\n")) == left


# ---- files ---------------------------------------------------------------------------------------


def test_a_folder_is_walked_without_caches_hidden_and_installed_ones(tmp_path: Path) -> None:
    """A file that is named is always checked."""
    bad = HEAD + "f()\n"
    names = [
        "a.py",
        "sub/b.py",
        ".hidden/c.py",
        "__pycache__/d.py",
        "env/lib/e.py",
        "f.pyi",
        "g.txt",
    ]
    tree(tmp_path, {**dict.fromkeys(names, bad), "env/pyvenv.cfg": ""})
    assert places(check_paths([tmp_path])) == ["a.py:6 GL101", "b.py:6 GL101"]
    assert places(check_paths([tmp_path / ".hidden/c.py"])) == ["c.py:6 GL101"]
    assert check_paths([tmp_path / "f.pyi"]) == []


def test_an_empty_file_is_clean(tmp_path: Path) -> None:
    """Nothing is wrong with nothing."""
    assert check_paths([tree(tmp_path, {"empty.py": ""})]) == []


def test_a_file_is_read_in_the_encoding_it_declares(tmp_path: Path) -> None:
    """As python reads it."""
    text = "# -*- coding: latin-1 -*-\n# caf\xe9\n" + HEAD + "f()\n"
    (tmp_path / "latin.py").write_bytes(text.encode("latin-1"))
    assert places(check_paths([tmp_path])) == ["latin.py:8 GL101"]


@pytest.mark.parametrize(
    "content",
    [b"def f(:\n", b"# caf\xe9\n", b"# coding: nonsense\n", b"x = '\0'\n", b"x = " + b"-" * 99999],
    ids=["syntax", "bytes", "codec", "null", "deep"],
)
def test_what_is_no_python_is_one_finding_and_the_rest_is_checked(
    tmp_path: Path, content: bytes
) -> None:
    """GL002, and nothing is raised."""
    (tmp_path / "bad.py").write_bytes(content)
    (tmp_path / "good.py").write_text(HEAD + "f()\n")
    assert [one.code for one in check_paths([tmp_path])] == ["GL002", "GL101"]


# ---- telling -------------------------------------------------------------------------------------


def test_the_formats_say_the_same() -> None:
    """Text for people, JSON for programs, commands for GitHub."""
    finding = Finding("a,b.py", 3, 5, "GL101", "50% of\nit", 3, 3)
    assert FORMATS["text"]([finding]) == "a,b.py:3:5: GL101 50% of\nit\n"
    assert json.loads(FORMATS["json"]([finding])) == [
        {"path": "a,b.py", "line": 3, "column": 5, "code": "GL101", "message": "50% of\nit"}
    ]
    assert FORMATS["github"]([finding]) == (
        "::error file=a%2Cb.py,line=3,col=5,title=GL101::50%25 of%0Ait\n"
    )


def test_a_message_says_what_was_found_and_what_to_write() -> None:
    """The words are interface."""
    found = check_source(HEAD + "f()\nprint(f().x)\n")
    assert [one.message for one in found] == [
        "f() is green and is not driven, so it does nothing: write 'yield from f()'",
        "a green call has no 'x', the result of f() may have: write '(yield from f()).x'",
    ]


@pytest.mark.skipif(sys.version_info < (3, 15), reason="no unpacking in comprehensions before")
def test_what_a_comprehension_unpacks_is_read_and_is_no_call_that_is_dropped() -> None:
    """`{**d for d in ds}` has no value beside its key; what it makes is of unknown shape."""
    body = (
        "    ds = [{1: f}]\n    found = {**d for d in ds}\n    found[1]()\n    [*d for d in ds]\n"
    )
    assert codes(HEAD + body + "    f()\n") == ["GL101"]
