"""The import hook: dropped green calls are reported on their lines, and nothing else is."""

from __future__ import annotations

import ast
import gc
import inspect
import os
import subprocess
import sys
import textwrap
import traceback
import warnings
import weakref
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, Iterator, List

import pytest

import genlet
from genlet import Green, checkpoint, sleep, spawn
from genlet._compat import IS_PYPY
from genlet.watch import Find, ForgottenYield, Watch, listeners
from genlet.watch.forgotten import is_installed, to_code

ROOT = Path(__file__).resolve().parent.parent.parent


pytestmark = pytest.mark.skipif(
    IS_PYPY and "GENLET_TEST_ALONE" not in os.environ,
    reason="on PyPy the hook searches the whole heap: test_forgotten_alone.py runs this alone",
)


@pytest.fixture(autouse=True)
def forgets_modules() -> Iterator[None]:
    """Let a test import modules of its own from ``sys.path``."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith("genlet"):
            del sys.modules[name]


def load(folder: Path, text: str, name: str = "watched_program") -> ModuleType:
    """Import *text* as the module *name*."""
    file = folder / f"{name}.py"
    file.write_text(textwrap.dedent(text), "utf-8")
    sys.path.insert(0, str(folder))
    return import_module(name)


def finds_of(run: Callable[[], object]) -> List[Find]:
    """Return the finds while *run* runs."""
    found: List[Find] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ForgottenYield)
        listeners.append(found.append)
        try:
            run()
        finally:
            listeners.remove(found.append)
    return found


PROGRAM = '''
"""A program that forgets a lot."""
from __future__ import annotations
import functools
from genlet import Green, green, sleep
from genlet.kernel import Wait

def plain(a=1) -> Green[int]:
    yield from sleep(0)
    return a

class Thing:
    @green
    def method(self) -> Green[None]:
        yield from sleep(0)
    @property
    def prop(self):
        return plain()
    def through(self):
        return self.method()
    def __call__(self):
        return plain()

kept = {}
def keep():
    return kept.setdefault("x", plain())
def same(g):
    return g
def gives_a_call() -> Green[object]:
    yield from sleep(0)
    return sleep(0)

def main(callback=plain) -> Green[None]:
    thing = Thing()
    plain()                         # lost
    plain(a=2)                      # lost
    thing.method()                  # lost
    thing.prop                      # lost
    thing.through()                 # lost
    thing()                         # lost
    callback(*(1,))                 # lost
    (lambda: plain())()             # lost
    functools.partial(plain, 1)()   # lost
    thing and plain()               # lost
    plain() and thing               # lost
    plain() if thing else 0         # lost
    [plain() for _ in "a"]          # lost
    {plain() for _ in "a"}          # lost
    {1: plain() for _ in "a"}       # lost
    plain(), 1                      # lost
    (x for x in "a")                # lost
    yield from gives_a_call()       # lost
    if plain():                     # lost
        pass
    while not thing.method():       # lost
        pass
    if thing and plain():           # lost
        pass
    assert plain()                  # lost
    x = plain() and 1               # lost
    x = 1 if plain() else 0         # lost
    [x for x in "a" if plain()]     # lost
    for trap in thing.method():     # lost
        break
    Wait(None, "dropped at once")   # lost
    never = Wait(None, "kept for nothing")  # lost
    once = plain()
    yield from once
    yield from once                 # lost
    try:
        plain()                     # lost
    finally:
        plain()                     # lost

def right() -> Green[None]:
    keep()
    stored = plain()
    same(stored)
    if same(stored):
        pass
    stored and 1
    chosen = None or plain()
    maybe = [plain(), plain()]
    yield from stored
    yield from chosen
    for each in maybe:
        yield from each
    yield from plain()
    result = yield from plain()
    (yield from plain())
    wait = Wait(None, "a greenthread")
    from genlet import spawn
    def waker():
        wait.wake(1)
        yield from sleep(0)
    spawn(waker)
    yield from wait.get()
    kept["wait"] = Wait(None, "later")
    late = Wait(None, "later still")
    kept["late"] = late

def numbers():
    yield 1
def flat(*many):
    for one in many:
        yield from one
def plain_iteration() -> Green[None]:
    n = numbers()
    assert list(flat(n, n)) == [1]
    for _ in numbers():
        pass
    print(end="")
    yield from sleep(0)
'''


def marked(text: str) -> List[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# lost")]


def test_everything_lost_is_found_on_its_line(tmp_path: Path) -> None:
    """Every dropped value is reported once, on its line."""

    def run() -> None:
        with Watch():
            genlet.run(load(tmp_path, PROGRAM).main)

    found = finds_of(run)
    assert sorted(find.line for find in found) == marked(PROGRAM)
    assert {find.filename for find in found} == {str(tmp_path / "watched_program.py")}


@pytest.mark.parametrize("name", ["right", "plain_iteration"])
def test_what_is_stored_passed_on_or_driven_is_not_found(tmp_path: Path, name: str) -> None:
    """Generators that something refers to are not reported, nor plain ones that are iterated."""

    def run() -> None:
        with Watch():
            genlet.run(getattr(load(tmp_path, PROGRAM), name))

    assert finds_of(run) == []


def test_a_find_is_a_warning_at_its_file_and_line(tmp_path: Path) -> None:
    """The warning is shown once for each line by default, and filters can make it an error."""
    text = """
    from genlet import sleep
    def main():
        for _ in range(3):
            sleep(1)
        yield from sleep(0)
    """
    with Watch():
        program = load(tmp_path, text)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            genlet.run(program.main)
    (warning,) = caught
    assert warning.category is ForgottenYield
    assert issubclass(ForgottenYield, RuntimeWarning)
    assert (warning.filename, warning.lineno) == (str(tmp_path / "watched_program.py"), 5)
    assert str(warning.message) == (
        "sleep() is called here and nothing of it runs: its generator is dropped; is a 'yield from'"
        " missing?"
    )


def test_an_error_filter_raises_at_the_line(tmp_path: Path) -> None:
    """With warnings as errors the traceback ends at the line that dropped the call."""
    text = """
    from genlet import sleep
    def main():
        sleep(1)
        yield from sleep(0)
    """
    with Watch():
        program = load(tmp_path, text)
        with pytest.raises(ForgottenYield) as caught:
            genlet.run(program.main)
    lines = [frame.line for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert "sleep(1)" in lines


MESSAGES = {
    "if sleep(0): pass": "sleep() is tested for truth here and nothing of it runs: its generator is"
    " always true; is a 'yield from' missing?",
    "for _ in sleep(0): break": "sleep() is a green call, and a 'for' over it gets traps that nobody"
    " yields: drive it with 'yield from'",
    "Wait(None, 'x')": "a Wait is made here and nobody yields it: drive its get() with 'yield from'",
    "g = sleep(0); yield from g; yield from g": "the generator of sleep() has ended already, and"
    " driving it again gives None: call sleep() anew each time",
}


@pytest.mark.parametrize("line", MESSAGES)
def test_a_find_says_what_was_lost_and_what_to_do(tmp_path: Path, line: str) -> None:
    """These are the messages."""
    text = f"""
    from genlet import sleep
    from genlet.kernel import Wait
    def main():
        {line}
        yield from sleep(0)
    """

    def run() -> None:
        with Watch():
            genlet.run(load(tmp_path, text).main)

    assert [find.message for find in finds_of(run)] == [MESSAGES[line]]


def test_a_trap_left_unyielded_is_found_at_the_end_where_it_was_made(tmp_path: Path) -> None:
    """A trap is reported on the line that made it, unless it was yielded or is referred to."""
    text = """
    from genlet import sleep
    from genlet.kernel import Wait
    held = []
    def main():
        for number in range(300):
            wait = Wait(None, "x")      # all but the last are lost
            held.append(wait) if number else None
        yield from sleep(0)
    """

    def run() -> None:
        with Watch():
            genlet.run(load(tmp_path, text).main)

    assert [find.line for find in finds_of(run)] == [7]


# ---- what stays as it was ------------------------------------------------------------------------


def test_sources_and_tracebacks_are_those_of_the_file(tmp_path: Path) -> None:
    """A watched module has its own docstring, source, lines and annotations."""
    text = '''\
    """Doc."""
    from __future__ import annotations
    def fails(a: int if not int() else str, b: "x" = None) -> list[int if not int() else str]:
        """Inner."""
        len(
            1
        )
    class C:
        __x: int = 1
        def m(self):
            super().__init__()
            return self.__x
    '''
    with Watch():
        program = load(tmp_path, text)
    source = textwrap.dedent(text)
    assert program.__doc__ == "Doc."
    assert program.fails.__doc__ == "Inner."
    assert program.fails.__annotations__["a"] == "int if not int() else str"
    assert program.fails.__annotations__["return"] == "list[int if not int() else str]"
    assert inspect.getsource(program) == source
    assert inspect.getsource(program.fails) == "\n".join(source.splitlines()[2:7]) + "\n"
    assert program.C().m() == 1
    assert not [name for name in vars(program) if "genlet" in name]
    with pytest.raises(TypeError) as caught:
        program.fails(1)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].lineno == 5


def test_a_watched_module_is_never_cached(tmp_path: Path) -> None:
    """The changed code is not written to a cache, and no cached code is loaded."""
    text = "import genlet\ndef main():\n    genlet.sleep(1)\n    yield from genlet.sleep(0)\n"
    plain = load(tmp_path, text, "cached_program")
    assert finds_of(lambda: genlet.run(plain.main)) == [] or sys.version_info >= (3, 12)
    caches = sorted(tmp_path.rglob("*.pyc"))
    before = [cache.read_bytes() for cache in caches]
    del sys.modules["cached_program"]
    with Watch():
        watched = load(tmp_path, text, "cached_program")
        assert [find.line for find in finds_of(lambda: genlet.run(watched.main))] == [3]
    assert sorted(tmp_path.rglob("*.pyc")) == caches
    assert [cache.read_bytes() for cache in caches] == before


def test_code_too_deep_for_the_visitor_is_left_alone() -> None:
    """An expression that is too deep for ast's visitor is compiled without probes."""
    depth = sys.getrecursionlimit()
    names: Dict[str, Any] = {}
    try:
        exec(to_code(f"x = {' + '.join(['1'] * depth)}".encode(), "deep.py"), names)
    except RecursionError:
        pytest.skip("this compiler is no deeper")
    assert names["x"] == depth


# ---- what is watched -----------------------------------------------------------------------------


def test_installed_packages_the_standard_library_and_genlet_are_not_watched() -> None:
    """By default only the user's own code is watched."""
    assert is_installed(os.__file__)
    assert is_installed(genlet.__file__)
    assert is_installed(pytest.__file__)
    assert not is_installed(__file__)


def test_prefixes_name_the_modules_that_are_watched(tmp_path: Path) -> None:
    """A prefix is a module and its submodules, not a module whose name begins with it."""
    text = "import genlet\ndef lose():\n    if genlet.sleep(0):\n        pass\n"
    with Watch("chosen"):
        chosen, other = load(tmp_path, text, "chosen"), load(tmp_path, text, "chosen_not")
    assert [find.line for find in finds_of(chosen.lose)] == [3]
    assert finds_of(other.lose) == []


def test_watches_may_overlap(tmp_path: Path) -> None:
    """Each watch ends by itself, and two watches report a find once."""
    text = "import genlet\ndef lose():\n    if genlet.sleep(0):\n        pass\n"
    outer = Watch()
    with Watch():
        assert len(finds_of(load(tmp_path, text, "both").lose)) == 1
    assert len(finds_of(load(tmp_path, text, "one").lose)) == 1
    outer.stop()
    assert finds_of(load(tmp_path, text, "none").lose) == []


def test_runner_debug_watches_what_is_imported_in_the_run(tmp_path: Path) -> None:
    """Modules that are imported after the run are not watched."""
    text = "import genlet\ndef lose():\n    if genlet.sleep(0):\n        pass\n"

    def main() -> Green[ModuleType]:
        yield from checkpoint()
        return load(tmp_path, text, "in_the_run")

    finders = list(sys.meta_path)
    program = genlet.Runner(debug=True).run(main)
    assert sys.meta_path == finders
    assert len(finds_of(program.lose)) == 1
    assert finds_of(load(tmp_path, text, "afterwards").lose) == []


def test_runner_debug_stops_watching_when_main_is_refused() -> None:
    """A run that fails to start leaves no finder in sys.meta_path."""
    finders = list(sys.meta_path)
    not_green: Any = len
    with pytest.raises(TypeError):
        genlet.Runner(debug=True).run(not_green, ())
    assert sys.meta_path == finders


def test_the_environment_turns_it_on(tmp_path: Path) -> None:
    """GENLET_DEBUG=1 reports on stderr, with the line."""
    (tmp_path / "app.py").write_text(
        "import genlet\ndef main():\n    genlet.sleep(1)\n    yield from genlet.sleep(0)\n"
    )
    (tmp_path / "start.py").write_text("import genlet\nimport app\ngenlet.run(app.main)\n")
    python_path = os.pathsep.join([str(ROOT), str(tmp_path)])
    done = subprocess.run(
        [sys.executable, str(tmp_path / "start.py")],
        env={**os.environ, "GENLET_DEBUG": "1", "PYTHONPATH": python_path},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    told = done.stderr.splitlines()
    if "cannot check start.py itself" in told[0]:
        del told[0]  # a Python without monitoring says so
    assert told == [
        f"{tmp_path / 'app.py'}:3: ForgottenYield: sleep() is called here and nothing of it runs:"
        " its generator is dropped; is a 'yield from' missing?",
        "  genlet.sleep(1)",
    ]


def test_without_debug_nothing_of_it_is_loaded() -> None:
    """A run without debug mode imports neither the lint nor the watch."""
    code = (
        "import sys, genlet\n"
        "def main():\n    yield from genlet.sleep(0)\n"
        "genlet.run(main)\n"
        "assert not [name for name in sys.modules if name.startswith(('genlet.lint', 'genlet.watch'))]\n"
        "assert 'ast' not in sys.modules\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "GENLET_DEBUG"}
    subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**env, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=True,
    )


# ---- genlet's own green code, broken -------------------------------------------------------------


def use_queue(module: Any) -> Green:
    queue = module.Queue(1)

    def consumer() -> Green:
        while (yield from queue.get()) is not None:
            queue.task_done()
        queue.task_done()

    spawn(consumer)
    for item in (1, 2, None):
        yield from queue.put(item)
    yield from queue.join()


def use_condition(module: Any) -> Green:
    condition = module.Condition()
    items: List[int] = []

    def consumer() -> Green:
        with (yield from condition.hold()):
            yield from condition.wait_for(lambda: bool(items))

    gt = spawn(consumer)
    yield from sleep(0)
    with (yield from condition.hold()):
        items.append(1)
        condition.notify()
    yield from gt.wait()


def use_greenpool(module: Any) -> Green:
    def work(number: int) -> Green[int]:
        yield from sleep(0)
        return number

    pool = module.GreenPool(2)
    for number in range(4):
        yield from pool.spawn(work, number)
    for number in range(4):
        yield from pool.spawn_n(work, number)
    yield from pool.waitall()
    pile = module.GreenPile(2)
    for number in range(3):
        yield from pile.spawn(work, number)
    yield from pile.collect()
    results = module.GreenPool(2).imap(work, range(4))
    while (yield from results.next()) is not genlet.END:
        pass


def use_combinators(module: Any) -> Green:
    def work(number: int = 0) -> Green[int]:
        yield from sleep(0)
        return number

    yield from module.gather(work(1), work(2))
    yield from module.race(work(1), work(2))
    yield from module.amap(work, range(3), limit=2)


def use_taskgroup(module: Any) -> Green:
    def work() -> Green:
        yield from sleep(0)

    with module.TaskGroup() as group:
        group.spawn(work)
        yield from group.join()


def use_demo(module: Any) -> Green:
    yield from module.demo(module.Plan(2, 2, 8), None)


USES = {
    "queue": use_queue,
    "condition": use_condition,
    "greenpool": use_greenpool,
    "structured.combinators": use_combinators,
    "structured.taskgroup": use_taskgroup,
    "cli.echo": use_demo,
}


# The number of statements that each of these runs, at least.
RUNS = {
    "queue": 1,
    "condition": 1,
    "greenpool": 4,
    "structured.combinators": 4,
    "structured.taskgroup": 1,
    "cli.echo": 8,
}


def source_of(name: str) -> Path:
    """Return the path of genlet's module *name*."""
    return ROOT.joinpath("genlet", *name.split(".")).with_suffix(".py")


def lines_to_break(name: str) -> List[int]:
    tree = ast.parse(source_of(name).read_text("utf-8"))
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.YieldFrom)
    ]


class Breaker(ast.NodeTransformer):
    """Removes the ``yield from`` of the statement at *line*, and makes it record that it runs."""

    def __init__(self, line: int) -> None:
        self.line: int = line

    def visit_Expr(self, node: ast.Expr) -> Any:
        if not isinstance(node.value, ast.YieldFrom) or node.lineno != self.line:
            return node
        (told,) = ast.parse("ran.append(True)").body
        for part in ast.walk(told):
            ast.copy_location(part, node)
        node.value = node.value.value
        return [told, node]


def load_broken(name: str, line: int) -> Any:
    """Return a copy of genlet's module *name*, broken at *line* and watched."""
    package = import_module(f"genlet.{name}").__package__
    path = source_of(name)
    module = ModuleType(f"genlet.{name}")
    vars(module).update(__package__=package, __file__=str(path), ran=[])
    code = to_code(path.read_bytes(), str(path), lambda tree, *_: Breaker(line).visit(tree))
    exec(code, vars(module))
    return module


def finds_of_use(name: str, module: Any) -> List[Find]:
    """Use *module* until there is a find, and return the finds."""
    found: List[Find] = []

    def stop(find: Find) -> None:
        found.append(find)
        raise ForgottenYield(str(find))

    def use() -> Green:
        with genlet.move_on_after(60):
            yield from USES[name](module)

    listeners.append(stop)
    try:
        genlet.Runner(excepthook=lambda *_: None, grace=0.1).run(use)
    except KeyboardInterrupt:
        raise
    except BaseException:
        pass  # whatever the broken module makes of it
    finally:
        listeners.remove(stop)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", USES)
def test_each_yield_from_of_genlet_is_missed_when_its_line_runs(name: str) -> None:
    """A statement whose ``yield from`` was removed is reported on its line if it runs."""
    ran = 0
    for line in lines_to_break(name):
        module = load_broken(name, line)
        found = finds_of_use(name, module)
        if module.ran:
            ran += 1
            assert line in [find.line for find in found], f"{name}.py:{line} was not reported"
    assert ran >= RUNS[name], f"of {name}, only {ran} statements were run"


VALUES = """
from __future__ import annotations
from typing import Any, List, Union
from genlet import END, End, Green, gather, green, sleep, spawn

@green
def number(*_args: object, **_named: object) -> Green[int]:
    yield from sleep(0)
    return 7

kept: List[object] = []

def keep(*given: object) -> None:
    kept.extend(given)

def refuse(*given: object) -> None:
    raise KeyError

def drive_it(call: Any) -> object:
    try:
        while True:
            next(call)
    except StopIteration as exc:
        return exc.value
    except RuntimeError:
        return None

def numbers():
    yield 1

def through(value: object) -> object:
    return value

def program() -> Green[None]:
"""

LOST: Dict[str, str] = {
    "print(number())": "an argument",
    "print('is', number(), sep=' ')": "an argument",
    "isinstance(number(), int)": "an argument",
    "print(end=str(number()))": "an argument",
    "print(f'{number()}')": "formatted",
    "print(f'{number()!r:>80}')": "formatted",
    "while (x := number()) is not END:\n        break": "compared",
    "x = number() == 7": "compared",
    "x = 7 in [1] or number() != 7": "compared",
    "x = [print(number()) for _ in [1]]": "an argument",
    "x = (lambda: str(number()))()": "an argument",
    "print(through(number()))": "an argument",
    "try:\n        refuse(number())\n    except KeyError:\n        print(number())": "an argument",
}

KEPT: List[str] = [
    "keep(number())",
    "keep([number()])",
    "x = through(number())",
    "x = {'a': number()}",
    "yield from gather(number(), number())",
    "yield from number(number())",
    "x = print((yield from number()))",
    "try:\n        refuse(number())\n    except KeyError:\n        pass",
    "drive_it(number())",
    "x = dict(zip([], numbers()))",
    "x = list(numbers())",
    "x = gather(number(), number()) is None if False else None",
    "gt = spawn(number, print('one'))\n    yield from gt.wait()",
]


@pytest.mark.parametrize("line", LOST)
@pytest.mark.usefixtures("capsys")
def test_value_that_is_used_instead_of_its_result_is_found(tmp_path: Path, line: str) -> None:
    """Printed, formatted or compared, a green call does nothing, and the line says so."""
    with Watch("watched_values"):
        module = load(tmp_path, f"{VALUES}    {line}\n    yield from sleep(0)\n", "watched_values")
    found = finds_of(lambda: genlet.run(module.program))
    assert [what for what in found if LOST[line] in what.message] != []
    assert {"number()" in what.message for what in found} == {True}
    first = len(VALUES.splitlines()) + 1
    last = first + line.count("\n")
    assert {first <= what.line <= last for what in found} == {True}


@pytest.mark.parametrize("line", KEPT)
@pytest.mark.usefixtures("capsys")
def test_argument_that_somebody_keeps_or_drives_is_not_reported(tmp_path: Path, line: str) -> None:
    """It may still be driven, or was; and what a call that raised was given is no find."""
    with Watch("watched_values"):
        module = load(tmp_path, f"{VALUES}    {line}\n    yield from sleep(0)\n", "watched_values")
    assert finds_of(lambda: genlet.run(module.program)) == []


def test_arguments_of_calls_that_raise_are_let_go(tmp_path: Path) -> None:
    """Watching keeps nothing alive: what the call was given goes with its frame."""
    text = f"{VALUES}    try:\n        refuse(number(given))\n    except KeyError:\n        pass\n"
    with Watch("watched_values"):
        module: Any = load(tmp_path, f"{text}    yield from sleep(0)\n", "watched_values")

    class Given:
        pass

    def main() -> Green[None]:
        module.given = Given()
        alive = weakref.ref(module.given)
        yield from module.program()
        del module.given
        gc.collect()
        assert alive() is None

    genlet.run(main)


SCRIPT = """
from genlet import Green, run, sleep, spawn

def number() -> Green[int]:
    yield from sleep(0)
    return 7

def main() -> Green[None]:
    gt = spawn(number)
    print(gt.wait())
    yield from gt.wait()

if __name__ == "__main__":
    run(main)
"""


@pytest.mark.parametrize("way", [[], ["-m", "genlet", "run"]])
def test_script_in_debug_mode_is_checked_or_told_why_not(tmp_path: Path, way: List[str]) -> None:
    """Python's own way to start it hides its file from the hook; genlet's does not."""
    (tmp_path / "app.py").write_text(SCRIPT, "utf-8")
    shown = subprocess.run(
        [sys.executable, *way, "app.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GENLET_DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert shown.returncode == 0
    told = "GENLET_DEBUG cannot check app.py itself on this Python" in shown.stderr
    assert told == (not way and (IS_PYPY or sys.version_info < (3, 12)))
    if way:
        assert "app.py:10: ForgottenYield: " in shown.stderr
