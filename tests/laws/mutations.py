"""Plants faults in copies of the library, and counts those that random programs find.

python3 -m tests.laws.mutations --seeds 1000
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import List, NamedTuple, Optional

ROOT = Path(__file__).parents[2]
WANTED = 12  # of the faults that must be found
LONGEST = 120.0  # seconds for one fault; a program that hangs is found out too


class Fault(NamedTuple):
    """A text of one file, and what to write instead."""

    name: str
    path: str
    old: str
    new: str


FAULTS: List[Fault] = [
    Fault(
        "the last member of a group does not let its owner go on",
        "kernel/group.py",
        "            release(self.scheduler, owner)\n",
        "            pass\n",
    ),
    Fault(
        "a child that is held during an abort keeps its turn in it",
        "kernel/delivery.py",
        "                del aborting[gt]  # this was its turn",
        "                pass  # this was its turn",
    ),
    Fault(
        "an end without a waiter calls no links",
        "kernel/endings.py",
        "    if gt.waiters is not None or gt.links is not None:\n",
        "    if gt.waiters is not None:\n",
    ),
    Fault(
        "a wait that is woken leaves its timer",
        "kernel/waits.py",
        "        if self.timer:\n            gt.scheduler.timers.cancel(self)\n        line =",
        "        line =",
    ),
    Fault(
        "a greenthread that is killed is still on its wait",
        "kernel/delivery.py",
        "    if not trap.disarm():\n        return False\n    if exc is GreenletExit:\n",
        "    if exc is GreenletExit:\n",
    ),
    Fault(
        "an owner does not wait for the children that its block has left",
        "kernel/delivery.py",
        "if any(group.members for group in left):",
        "if False:",
    ),
    Fault(
        "a semaphore gives a permit to a waiting greenthread and back",
        "semaphore.py",
        "        if not self._line.line or not self._line.wake(True):\n            self._back.append(None)\n\n    def locked",
        "        self._line.wake(True)\n        self._back.append(None)\n\n    def locked",
    ),
    Fault(
        "a semaphore forgets a permit that nobody waits for",
        "semaphore.py",
        "        if not self._line.line or not self._line.wake(True):\n            self._back.append(None)\n\n    def locked",
        "        self._line.wake(True)\n\n    def locked",
    ),
    Fault(
        "a lock is passed on to a greenthread that is not woken",
        "lock.py",
        "            first.settle(True)\n",
        "            pass\n",
    ),
    Fault(
        "a queue lets no waiting putter in when an item is taken",
        "queue.py",
        "            if self._putters.line:\n                self._admit(self.maxsize)\n            return item\n",
        "            return item\n",
    ),
    Fault(
        "a queue gives an item to a getter and keeps it",
        "queue.py",
        "            if hand_over(item):\n                next(self._puts)\n",
        "            if hand_over(item):\n                self._put(item)\n                next(self._puts)\n",
    ),
    Fault(
        "a channel takes an item of a waiting sender and does not wake it",
        "channel.py",
        '            self.buffer.append(cast("Sending[T]", sending).item)\n            sending.settle(None)\n',
        '            self.buffer.append(cast("Sending[T]", sending).item)\n',
    ),
    Fault(
        "a channel gives an item to a receiver and buffers it",
        "channel.py",
        "        if self.receiving.wake(item):\n            return True\n",
        "        self.receiving.wake(item)\n",
    ),
    Fault(
        "a task group keeps its first error only",
        "structured/taskgroup.py",
        "                self._errors[gt] = error\n",
        "                self._errors = self._errors or {gt: error}\n",
    ),
    Fault(
        "a pool does not give the slot of a killed greenthread back",
        "greenpool.py",
        "                if slots is not None:\n                    slots.ended()\n",
        "                if slots is not None and gt.error is None:\n                    slots.ended()\n",
    ),
]


def plant(fault: Fault, folder: Path) -> None:
    """Copy the library and what runs the programs to *folder*, with *fault* in it."""
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "genlet", folder / "genlet", ignore=leave)
    (folder / "tests" / "laws").mkdir(parents=True)
    for name in ("__init__.py", "laws/__init__.py", "laws/strikes.py", "laws/random_program.py"):
        shutil.copy(ROOT / "tests" / name, folder / "tests" / name)
    path = folder / "genlet" / fault.path
    text = path.read_text()
    assert text.count(fault.old) == 1, f"{fault.path} does not have this text once: {fault.old!r}"
    path.write_text(text.replace(fault.old, fault.new))


def found(fault: Fault, seeds: int) -> Optional[str]:
    """Return how random programs find *fault*; None if they do not."""
    with tempfile.TemporaryDirectory() as name:
        plant(fault, Path(name))
        command = [sys.executable, "-m", "tests.laws.random_program", "--stop"]
        try:
            done = subprocess.run(
                [*command, "--seeds", str(seeds)],
                cwd=name,
                capture_output=True,
                text=True,
                timeout=LONGEST,
            )
        except subprocess.TimeoutExpired:
            return "a program hangs"
    if not done.returncode:
        return None
    told = [line for line in done.stderr.splitlines() if "seed " in line]
    assert told, f"no program was run: {done.stderr}"
    return told[-1].partition("AssertionError: ")[2] or told[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="programs for each fault")
    given = parser.parse_args()
    caught = 0
    for fault in FAULTS:
        began = time.monotonic()
        how = found(fault, given.seeds)
        caught += how is not None
        took = time.monotonic() - began
        print(f"{'found' if how else 'MISSED'} in {took:.0f} s: {fault.name}: {how}", flush=True)
    print(f"{caught} of {len(FAULTS)} faults were found")
    sys.exit(0 if caught >= WANTED else 1)


if __name__ == "__main__":
    main()
