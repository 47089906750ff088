"""The page on how genlet works: what it names exists, and its walks call what they name, in order.

::

    python3 -m tests.test_internals "A fork"

prints the calls of one walk.
"""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Dict, List, Tuple

import pytest

import genlet
from genlet.abc import Green
from genlet.green import socket
from genlet.kernel import (
    Cancelled,
    Guest,
    NullInstrument,
    Portal,
    available_hubs,
    get_scheduler,
)

from .test_house import ROOMS, room_held

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "genlet"
PAGE = ROOT / "docs" / "internals.md"
TEXT = PAGE.read_text("utf-8")

Call = Tuple[str, str]  # the file below genlet/, and the name in it

REFERENCE = re.compile(r"`([\w/]+\.py):\s+([\w.]+)`")
STEP = re.compile(r"^\d+\. `([\w/]+\.py): ([\w.]+)`", re.M)
BLOCKS: List[str] = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)

MAX_PATH = 1550  # lines of the files that a newcomer reads first
MAX_FILE = 700

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def definitions(file: str) -> Dict[str, int]:
    """Return the functions and classes of *file*, with the line where the code of each begins."""
    found: Dict[str, int] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.ClassDef, *Function)):
                first = child.decorator_list[0] if child.decorator_list else child
                # Of overloads the last, which is the one that runs.
                found[prefix + child.name] = first.lineno
                visit(child, f"{prefix}{child.name}.")
            elif isinstance(child, (ast.If, ast.Try)):
                visit(child, prefix)

    visit(ast.parse((LIBRARY / file).read_text("utf-8")), "")
    return found


FILES = sorted(str(path.relative_to(LIBRARY).as_posix()) for path in LIBRARY.rglob("*.py"))
LINES: Dict[Tuple[str, int], str] = {
    (file, line): name for file in FILES for name, line in definitions(file).items()
}


def sections() -> Dict[str, str]:
    """Return the sections of the page, by heading; a longer heading begins with the one above."""
    found: Dict[str, str] = {}
    above = ""
    for marks, heading, text in re.findall(r"^(##+) (.*)\n((?:(?!##).*\n)*)", TEXT, re.M):
        if marks == "##":
            above = heading
        found[heading if marks == "##" else f"{above}: {heading}"] = text
    return found


WALKS: Dict[str, List[Call]] = {
    heading: STEP.findall(text) for heading, text in sections().items() if STEP.search(text)
}


# ---- what happens in each walk -------------------------------------------------------------------

Walk = Callable[[], object]
SCENARIOS: Dict[str, Walk] = {}


def walk(heading: str) -> Callable[[Walk], Walk]:
    """Decorate the scenario of the walk below *heading*."""

    def add(scenario: Walk) -> Walk:
        SCENARIOS[heading] = scenario
        return scenario

    return add


@walk("A descriptor, from recv to the poller and back")
def receives() -> None:
    def sender(sock: socket.socket) -> Green[None]:
        yield from genlet.sleep(0.001)
        yield from sock.sendall(b"data")

    def main() -> Green[None]:
        left, right = socket.socketpair()
        with left, right:
            genlet.spawn(sender, left)
            assert (yield from right.recv(10)) == b"data"

    genlet.run(main)


@walk("A Timeout, to the line where it is raised")
def times_out() -> None:
    def main() -> Green[None]:
        with pytest.raises(genlet.Timeout), genlet.Timeout(0.001):
            yield from genlet.sleep(60)

    genlet.run(main)


@walk("A kill: Of a parked greenthread")
def kills_a_parked_greenthread() -> None:
    def main() -> Green[None]:
        victim = genlet.spawn(genlet.sleep, 60)
        yield from genlet.sleep(0)
        yield from victim.kill()
        assert victim.dead

    genlet.run(main)


@walk("A kill: Of a greenthread whose result has come")
def kills_a_ready_greenthread() -> None:
    def receiver(event: genlet.Event[int], got: List[int]) -> Green[None]:
        got.append((yield from event.wait()))
        yield from genlet.sleep(60)

    def main() -> Green[None]:
        event: genlet.Event[int] = genlet.Event()
        got: List[int] = []
        victim = genlet.spawn(receiver, event, got)
        yield from genlet.sleep(0)
        event.send(7)
        yield from victim.kill()
        assert victim.dead
        assert got == [7]

    genlet.run(main)


@walk("A kill: Of a greenthread that has not started")
def kills_an_unstarted_greenthread() -> None:
    def main() -> Green[None]:
        victim = genlet.spawn(genlet.sleep, 60)
        yield from victim.kill()
        assert victim.dead

    genlet.run(main)


@walk("A kill: Of the owner of a group")
def kills_an_owner() -> None:
    def owner() -> Green[None]:
        with genlet.TaskGroup() as group:
            group.spawn(genlet.sleep, 60)
            yield from group.join()

    def main() -> Green[None]:
        victim = genlet.spawn(owner)
        yield from genlet.sleep(0)
        yield from genlet.sleep(0)
        yield from victim.kill()
        with pytest.raises(genlet.GreenletExit):
            yield from victim.wait()

    genlet.run(main)


@walk("A child's error, up to the ExceptionGroup")
def fails() -> None:
    def failing() -> Green[None]:
        yield from genlet.sleep(0)
        raise ValueError("of the child")

    def main() -> Green[None]:
        with genlet.TaskGroup() as group:
            group.spawn(failing)
            group.spawn(genlet.sleep, 60)
            yield from group.join()

    with pytest.raises(
        Exception, match=r"failed in|of the child"
    ):  # without a backport: the latter
        genlet.run(main)


@walk("A thread's call through a portal")
def calls_from_a_thread() -> None:
    waits = threading.Event()

    class Waiting(NullInstrument):
        def before_wait(self, timeout: object) -> None:
            waits.set()

    def doubled(number: int) -> Green[int]:
        yield from genlet.sleep(0)
        return number * 2

    def calls(portal: Portal, done: genlet.Event[int]) -> None:
        waits.wait()  # the loop makes no call before it has read the pipe
        result = portal.run(doubled, 4)
        portal.call_soon(done.send, result)

    def main() -> Green[None]:
        done: genlet.Event[int] = genlet.Event()
        with genlet.portal() as portal:
            thread = threading.Thread(target=calls, args=(portal, done))
            thread.start()
            assert (yield from done.wait()) == 8
        thread.join()

    genlet.Runner(instruments=[Waiting()]).run(main)


@walk("A turn under a host")
def takes_turns() -> None:
    guest = Guest(lambda: None)
    event: genlet.Event[int] = genlet.Event()
    gt = guest.spawn(event.wait)
    guest.turn()
    event.send(7)
    guest.turn()
    assert gt.result() == 7
    guest.stop()
    while not guest.ended:
        guest.turn()


@walk("Ctrl-C")
def is_interrupted() -> None:
    def main() -> Green[None]:
        while get_scheduler().wakeup.write_fd < 0:
            yield from genlet.sleep(0.001)  # until the poller has blocked, which opens the pipe
        # Unblocking calls the handler by itself; elsewhere it could be called inside of `look`.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        signal.raise_signal(signal.SIGINT)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        yield from genlet.sleep(60)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            genlet.run(main)
    finally:
        signal.signal(signal.SIGINT, before)


@walk("A fork")
def forks() -> None:
    def main() -> Green[None]:
        if os.fork():
            os.wait()
            os._exit(0)
        yield from genlet.sleep(0)

    with pytest.raises(RuntimeError, match="forked from inside"):
        genlet.run(main)


@walk("The end of a run")
def ends() -> None:
    def stubborn() -> Green[None]:
        while True:
            try:
                yield from genlet.sleep(60)
            except Cancelled:
                pass

    def main() -> Green[None]:
        genlet.spawn(stubborn)
        yield from genlet.sleep(0)

    genlet.Runner(grace=0.001).run(main)


def calls_of(scenario: Walk) -> List[Call]:
    """Return what *scenario* calls in the library, resumptions of generators too."""
    calls: List[Call] = []

    def look(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            code = frame.f_code
            file = os.path.relpath(code.co_filename, LIBRARY).replace(os.sep, "/")
            name = LINES.get((file, code.co_firstlineno))
            if name is not None:
                calls.append((file, name))

    before = sys.getprofile()
    threading.setprofile(look)
    sys.setprofile(look)
    try:
        scenario()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
    return calls


def printed(heading: str) -> List[Call]:
    """Return the calls of a scenario that is run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.test_internals", heading],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    return [
        (file, name) for file, _, name in (x.partition(": ") for x in done.stdout.splitlines())
    ]


# ---- the checks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted({file for file, _ in REFERENCE.findall(TEXT)}))
def test_the_page_names_what_exists(file: str) -> None:
    """Each name on the page is that of a function, a class or a method in the file named with it."""
    known = definitions(file)
    wanted = {name for where, name in REFERENCE.findall(TEXT) if where == file}
    assert sorted(wanted - set(known)) == []


def test_the_page_has_a_scenario_for_every_walk() -> None:
    """A walk is a section with steps that begin with a name."""
    assert list(WALKS) == list(SCENARIOS)


@pytest.mark.parametrize("heading", WALKS)
def test_a_walk_calls_what_it_names_in_that_order(heading: str) -> None:
    """The names that the steps begin with are called one after the other, others in between."""
    if sys.platform == "win32" and heading in ("A fork", "Ctrl-C"):
        pytest.skip("this platform has no fork, and no signals that can be held back")
    if heading == "A fork":
        calls = printed(heading)
    else:
        calls = calls_of(SCENARIOS[heading])
    following = iter(calls)
    for number, step in enumerate(WALKS[heading], 1):
        assert step in following, f"step {number}, {step}, is not called after those before it"


def test_every_step_of_a_walk_begins_with_a_name() -> None:
    """No step escapes the check above."""
    for heading, text in sections().items():
        if heading in WALKS:
            assert len(re.findall(r"^\d+\. ", text, re.M)) == len(WALKS[heading]), heading


def test_the_page_lists_the_rooms() -> None:
    """The table of rooms has those of the house, the top one first."""
    listed = re.findall(r"^\| (\w+) \|", sections()["The rooms"], re.M)
    assert listed == ["Room", *(room for room in reversed(list(ROOMS)) if room_held(room))]


def test_the_readers_path_is_short() -> None:
    """The files that a newcomer reads first have a limit together."""
    path = re.findall(r"^\| `(kernel/\w+\.py)` \|", sections()["The reader's path"], re.M)
    assert len(path) == 6
    assert f"fewer than {MAX_PATH:,} lines" in " ".join(TEXT.split())
    lines = {file: (LIBRARY / file).read_text("utf-8").count("\n") for file in path}
    assert sum(lines.values()) < MAX_PATH, lines


def test_no_file_of_the_library_is_long() -> None:
    """A file has one law, and fits into one sitting."""
    lines = {file: (LIBRARY / file).read_text("utf-8").count("\n") for file in FILES}
    assert {file: count for file, count in lines.items() if count > MAX_FILE} == {}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_program_of_the_page_runs(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block is a program of its own; what it asserts holds."""
    if "Guest" in BLOCKS[number]:
        if not {"epoll", "kqueue"} & set(available_hubs()):
            pytest.skip("this platform has no poller with a descriptor")
        monkeypatch.delenv("GENLET_HUB", raising=False)
    namespace: Dict[str, Any] = {"__name__": f"block {number}"}
    exec(compile(BLOCKS[number], f"{PAGE.name}, block {number}", "exec"), namespace)


def test_page_has_programs() -> None:
    """The pattern above finds them."""
    assert len(BLOCKS) >= 3


if __name__ == "__main__":
    for called in calls_of(SCENARIOS[sys.argv[1]]):
        print(": ".join(called))
