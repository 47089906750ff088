"""Call plugins that must not block the run: on threads of their own, with a limit of time."""

from __future__ import annotations

from threading import Event as Flag
from typing import Callable, Dict

from genlet import Green, Queue, TaskGroup, move_on_after, run, sleep
from genlet.tpool import ThreadPool

Plugin = Callable[[str], str]

# A plugin that hangs keeps its thread.  In a pool of its own it cannot take the threads that name
# look-ups and other calls need.
over = Flag()  # ends the slow plugin
threads = ThreadPool(4, "plugin")
LIMIT = 1.0  # seconds


def slow(text: str) -> str:
    """Take too long."""
    over.wait(60)
    return text


def broken(text: str) -> str:
    """Fail."""
    raise ValueError(f"cannot handle {text!r}")


PLUGINS: Dict[str, Plugin] = {"upper": str.upper, "slow": slow, "broken": broken}


def call(name: str, text: str) -> Green[str]:
    """Return what the plugin makes of *text*; if it fails or hangs, *text* itself."""
    with move_on_after(LIMIT):
        try:
            return (yield from threads.execute_abandonable(PLUGINS[name], text))
        except Exception as exc:
            print(f"plugin {name}: {exc}")
            return text
    print(f"plugin {name} takes too long")
    return text


def heartbeat(beats: Queue[None]) -> Green[None]:
    """Show that the run is not blocked."""
    while True:
        beats.put_nowait(None)
        yield from sleep(0.01)


def main() -> Green[None]:
    """Call each plugin once."""
    beats: Queue[None] = Queue()
    with TaskGroup(on_exit="cancel") as group:
        group.spawn(heartbeat, beats)
        print([(yield from call("upper", "a")), (yield from call("broken", "b"))])
        print((yield from call("slow", "c")))
    assert beats.qsize() > 3, "the run was blocked"


if __name__ == "__main__":
    run(main)
    over.set()
    threads.killall()
