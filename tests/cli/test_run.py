"""``genlet run``: how it finds a program, runs it, and reports its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genlet.kernel import available_hubs

from . import environment, genlet, write

HUBS = available_hubs()

HELLO = """
import sys
from genlet import sleep

def main():
    yield from sleep(0)
    print("hello", *sys.argv[1:])
"""


def test_run_file_runs_its_main_with_its_arguments(tmp_path: Path) -> None:
    """Arguments after the file are the program's, options too."""
    done = genlet("run", write(tmp_path, HELLO), "one", "--hub", "two")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello one --hub two\n", "")


def test_run_file_sets_path_and_argv_as_python_does(tmp_path: Path) -> None:
    """sys.path begins with the file's folder, and sys.argv with the file as given."""
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
    """An option before the file is the command's own."""
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
    """A target that is no green function is a usage error of one line."""
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
    """The traceback begins in the program, without the frames of the command."""
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
    """An error before the program runs is a traceback too."""
    write(tmp_path, text)
    for target in ("program.py", "program:main"):
        done = genlet("run", target, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith(last)


@pytest.mark.parametrize(("argument", "status"), [("7", 7), ("'no'", 1), ("", 0)])
def test_run_system_exit_passes_through(argument: str, status: int, tmp_path: Path) -> None:
    """``sys.exit`` in any greenthread sets the exit status."""
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


def test_run_in_debug_mode_reports_a_block_that_is_held_back(tmp_path: Path) -> None:
    """GENLET_DEBUG=1 has the same effect as in a program that calls run()."""
    program = """
from genlet import TaskGroup, shielded, sleep

def slow():
    try:
        yield from sleep(1000)
    finally:
        with shielded(10):
            yield from sleep(0)

def main():
    with TaskGroup(on_exit="cancel", name="services") as group:
        group.spawn(slow)
        yield from sleep(0)
    yield from sleep(0)
"""
    done = subprocess.run(
        [sys.executable, "-m", "genlet", "run", write(tmp_path, program)],
        env={**environment(), "GENLET_DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stderr.startswith("main leaves <TaskGroup services> at ")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_run_signal_cleans_up_and_ends_with_its_number(
    number: signal.Signals, status: int, tmp_path: Path
) -> None:
    """Ctrl-C and SIGTERM run the program's cleanup, print no traceback, and end with 128 + number."""
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
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (status, "cleaned up\n", "")
