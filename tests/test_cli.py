"""The command line: what it takes, what it says, and the status it ends with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional

import pytest

from genlet import __version__, cli
from genlet.kernel import available_hubs

ROOT = Path(__file__).resolve().parent.parent
HUBS = available_hubs()

HELLO = """
import sys
from genlet import sleep

def main():
    yield from sleep(0)
    print("hello", *sys.argv[1:])
"""


def genlet(
    *arguments: str, cwd: Path = ROOT, options: Optional[List[str]] = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, *(options or []), "-m", "genlet", *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def environment() -> Dict[str, str]:
    """Return an environment in which genlet is found from any folder, and nothing else is set."""
    left_out = ("GENLET_HUB", "PYTHONSAFEPATH")
    return {
        **{name: value for name, value in os.environ.items() if name not in left_out},
        "PYTHONPATH": str(ROOT),
    }


def write(folder: Path, text: str, name: str = "program.py") -> str:
    """Write a file, and return its path."""
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


# ---- the command line ----------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["demo"], ["run"], ["hubs"], ["version"]])
def test_help_is_there_for_every_command(
    words: List[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """``--help`` explains a command and ends with 0."""
    with pytest.raises(SystemExit) as end:
        cli.main([*words, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("usage: genlet " + " ".join(words))


@pytest.mark.parametrize("words", [[], ["fly"], ["run"], ["hubs", "--fast"]])
def test_usage_wrong_ends_with_2(words: List[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be parsed is explained on stderr, with status 2."""
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_version_names_genlet_and_the_interpreter(capsys: pytest.CaptureFixture[str]) -> None:
    """``version`` says all that a bug report needs."""
    assert cli.main(["version"]) == 0
    words = capsys.readouterr().out.split()
    assert words[:2] == ["genlet", f"{__version__},"]
    assert words[2] == {"cpython": "CPython", "pypy": "PyPy"}[sys.implementation.name]


@pytest.mark.parametrize("hub", HUBS)
def test_hubs_with_one_in_the_environment_marks_that(
    hub: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``hubs`` lists what the platform has, and marks what a run takes."""
    monkeypatch.setenv("GENLET_HUB", hub)
    assert cli.main(["hubs"]) == 0
    expected = [f"* {name}" if name == hub else f"  {name}" for name in HUBS]
    assert capsys.readouterr().out.splitlines() == expected


def test_hubs_without_environment_marks_the_best(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without GENLET_HUB a run takes the first hub of the list."""
    monkeypatch.delenv("GENLET_HUB", raising=False)
    assert cli.main(["hubs"]) == 0
    assert capsys.readouterr().out.startswith(f"* {HUBS[0]}\n")


@pytest.mark.parametrize("words", [["hubs"], ["demo"], ["run", "x.py"]])
def test_hub_unknown_in_the_environment_ends_with_2(
    words: List[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong GENLET_HUB is a usage error that lists the right ones."""
    monkeypatch.setenv("GENLET_HUB", "epol")
    assert cli.main(words) == 2
    assert capsys.readouterr().err == (
        f"genlet {words[0]}: error: GENLET_HUB: there is no hub named 'epol'; this platform has"
        f" {', '.join(HUBS)}\n"
    )


# ---- run -----------------------------------------------------------------------------------------


def test_run_file_runs_its_main_with_its_arguments(tmp_path: Path) -> None:
    """What stands behind the file is the program's, options too."""
    done = genlet("run", write(tmp_path, HELLO), "one", "--hub", "two")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello one --hub two\n", "")


def test_run_file_sets_path_and_argv_as_python_does(tmp_path: Path) -> None:
    """The folder of the file leads sys.path, sys.argv[0] is the file as it was given."""
    (tmp_path / "inner").mkdir()
    write(tmp_path / "inner", "answer = 42", "beside_it.py")
    program = """
import sys
from beside_it import answer
from genlet import sleep

def main():
    yield from sleep(0)
    print(answer, __file__, __name__, sys.argv[0], sys.path[0], __name__ in sys.modules)
"""
    write(tmp_path / "inner", program)
    given = os.path.join("inner", "program.py")
    done = genlet("run", given, cwd=tmp_path)
    folder = os.path.realpath(tmp_path / "inner")
    assert done.stderr == ""
    assert done.stdout.split() == ["42", given, "__genlet_main__", given, folder, "True"]


def test_run_file_with_a_run_of_its_own_runs_once(tmp_path: Path) -> None:
    """A file that ends with ``if __name__ == "__main__": run(main)`` is not run twice."""
    program = HELLO + "\nif __name__ == '__main__':\n    import genlet\n    genlet.run(main)\n"
    assert genlet("run", write(tmp_path, program)).stdout == "hello\n"


def test_run_module_and_function_runs_that(tmp_path: Path) -> None:
    """``module:function`` is imported from the current folder; a dotted function is followed."""
    program = """
import sys
from genlet import sleep

class Service:
    @staticmethod
    def start():
        yield from sleep(0)
        print(__name__, sys.argv[0] == __file__, sys.argv[1:], sys.path[0])
"""
    write(tmp_path, program, "service.py")
    done = genlet("run", "service:Service.start", "x", cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == f"service True ['x'] {os.path.realpath(tmp_path)}\n"


@pytest.mark.parametrize("hub", HUBS)
def test_run_with_hub_takes_that(hub: str, tmp_path: Path) -> None:
    """``--hub`` before the file is genlet's."""
    program = """
from genlet import get_hub, sleep

def main():
    yield from sleep(0)
    print(type(get_hub().hub.poller).__name__)
"""
    done = genlet("run", "--hub", hub, write(tmp_path, program))
    assert done.stdout.lower() == f"{hub}poller\n"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.py", "cannot read 'nowhere.py': No such file or directory"),
        (".", "cannot read '.': Is a directory"),
        ("program", "wanted an existing FILE.py or module:function; got 'program'"),
        ("nowhere:main", "there is no module named 'nowhere'"),
        ("program:nothing", "program:nothing: has no function 'nothing'"),
        ("program:number", "program:number: has 5, and no function, named 'number'"),
        ("program:plain", "program:plain: wanted a green function"),
        ("program:coroutine", "program:coroutine: wanted a green function"),
        ("program:greedy", "program:greedy: it is called without arguments: missing a required"),
        ("empty.py", "empty.py: has no function 'main'"),
    ],
)
def test_run_what_cannot_be_run_ends_with_2(target: str, message: str, tmp_path: Path) -> None:
    """What is no green function is said in one line, and is a usage error."""
    program = """
number = 5
def plain():
    return [1]
async def coroutine():
    pass
def greedy(more):
    yield from ()
"""
    write(tmp_path, program)
    write(tmp_path, "", "empty.py")
    done = genlet("run", target, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"genlet run: error: {message}")
    assert done.stderr.count("\n") == 1


FAILING = """
from genlet import sleep

def main():
    yield from sleep(0)
    raise LookupError("gone")
"""


def test_run_program_that_raises_ends_with_1_and_its_traceback(tmp_path: Path) -> None:
    """The traceback begins in the program: how the command got there is nobody's concern."""
    path = write(tmp_path, FAILING)
    done = genlet("run", path)
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith(f'  File "{path}", line 6, in main')
    assert lines[-1] == "LookupError: gone"


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("def main(:", "SyntaxError: "),
        ("import there_is_no_such_module", "ModuleNotFoundError: "),
        ("def main():\n    raise LookupError('at once')\n    yield", "LookupError: at once"),
    ],
)
def test_run_program_that_does_not_begin_ends_with_1(text: str, last: str, tmp_path: Path) -> None:
    """An error of the program's is a traceback, whenever it comes."""
    write(tmp_path, text)
    for target in ("program.py", "program:main"):
        done = genlet("run", target, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(last)


@pytest.mark.parametrize(("argument", "status"), [("7", 7), ("'no'", 1), ("", 0)])
def test_run_system_exit_passes_through(argument: str, status: int, tmp_path: Path) -> None:
    """``sys.exit`` in any greenthread sets the status, as everywhere."""
    program = f"""
import sys
from genlet import sleep, spawn

def leave():
    yield from sleep(0)
    sys.exit({argument})

def main():
    yield from spawn(leave).wait()
"""
    done = genlet("run", write(tmp_path, program))
    assert done.returncode == status
    assert done.stderr == ("no\n" if status == 1 else "")


def test_run_ctrl_c_cleans_up_and_ends_with_130(tmp_path: Path) -> None:
    """Ctrl-C runs the program's cleanup, prints no traceback, and ends with 130."""
    program = """
from genlet import sleep

def main():
    print("ready", flush=True)
    try:
        yield from sleep(1000)
    finally:
        print("cleaned up")
"""
    with subprocess.Popen(
        [sys.executable, "-m", "genlet", "run", write(tmp_path, program)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (130, "cleaned up\n", "")


def test_command_needs_nothing_installed() -> None:
    """From a bare clone, without site-packages and with every warning an error, it works."""
    demo = ("demo", "--connections", "5", "--messages", "2")
    done = genlet(*demo, options=["-S", "-W", "error", "-X", "dev"])
    assert (done.returncode, done.stderr) == (0, "")
