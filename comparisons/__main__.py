"""Run the comparisons: ``python3 -m comparisons``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Sequence

from .harness import contest, counts, peers, report
from .harness.jobs import JOBS, LIBRARIES, Job
from .harness.peers import say
from .harness.results import Results

HERE = Path(__file__).parent

# So many take long, and differ little from round to round: once is enough.
MANY = 1_000_000


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python3 -m comparisons", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, one round: a smoke test"
    )
    parser.add_argument(
        "--python", action="append", metavar="PATH",
        help="an interpreter to compare on, more than once if wanted; default: this one",
    )  # fmt: skip
    parser.add_argument("--job", action="append", help="only these jobs, by folder")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="only these")
    parser.add_argument("--rounds", type=int, help="how often each is run; default 3, quick 1")
    parser.add_argument("--seconds", type=float, help="load on a server; default 1, quick 0.5")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where the JSON goes")
    parser.add_argument("--no-counts", action="store_true", help="no strace, no callgrind")
    parser.add_argument("--report", nargs="+", type=Path, help="only print these results' tables")
    parser.add_argument("--plot", nargs="+", type=Path, help="only draw these results' curves")
    options = parser.parse_args()
    if sys.platform != "linux":
        parser.error("the harness pins processes and reads /proc: it needs Linux")
    if options.report or options.plot:
        for path in options.report or ():
            print(report.markdown(Results.read(path)))
        for path in options.plot or ():
            for drawn in report.plots(Results.read(path), HERE / "plots"):
                say(f"drawn: {drawn}")
        return
    rounds = options.rounds or (1 if options.quick else 3)
    seconds = options.seconds or (0.5 if options.quick else 1.0)
    for python in options.python or [sys.executable]:
        interpreter = peers.prepare(python, contest.workshop())
        results = Results(interpreter)
        jobs = [job for job in JOBS if not options.job or job.folder in options.job]
        libraries = options.library or list(LIBRARIES)
        label = interpreter.label.lower().replace(" ", "-")
        path = options.out / f"{label}{'-quick' if options.quick else ''}.json"
        for job in jobs:
            measure(job, libraries, interpreter, results, rounds, seconds, quick=options.quick)
            results.save(path)
        if not options.quick and not options.no_counts:
            count(libraries, interpreter, results)
            results.save(path)
        print(report.markdown(results))
        if not options.quick:
            drawing = [
                peers.plotting(contest.workshop()),
                "-m",
                "comparisons",
                "--plot",
                str(path),
            ]
            subprocess.run(drawing, check=True, env=peers.environment())
        elif any(where.endswith(" genlet") for where in results.failures):
            sys.exit("genlet has failed")  # a peer that has is a gap in the table


def measure(
    job: Job,
    libraries: Sequence[str],
    interpreter: peers.Interpreter,
    results: Results,
    rounds: int,
    seconds: float,
    *,
    quick: bool,
) -> None:
    """Run the contestants of *job* in turn, round after round."""
    known = peers.contestants(job.folder) if job.kind != "import" else list(LIBRARIES[:-1])
    for size in job.quick if quick else job.sizes:
        begun = time.monotonic()
        names = [
            name
            for name in LIBRARIES
            if name in known and name in libraries and interpreter.has(name)
            if job.suits(name, size)
        ]
        agreed: object = None
        for turn in range(rounds if size < MANY else 1):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                where = f"{job.name} {size} {name}"
                if where in results.failures:
                    continue
                try:
                    sample, result = contest.run(job, size, name, interpreter, seconds)
                except contest.Failed as failure:
                    results.failures[where] = str(failure)
                    say(f"{where}: {failure}")
                    continue
                if agreed is None:
                    agreed = result
                elif result != agreed:
                    results.failures[where] = f"its result is {result!r}, not {agreed!r}"
                    say(f"{where}: {results.failures[where]}")
                    continue
                results.add(job.name, size, name, sample)
        row = [(name, results.summary(job.name, size, name)) for name in names]
        figures = "  ".join(f"{name} {found}" for name, found in row if found is not None)
        elapsed = time.monotonic() - begun
        say(f"[{elapsed:3.0f} s] {report.title(job)} ({size:,}): {figures}")


def count(libraries: Sequence[str], interpreter: peers.Interpreter, results: Results) -> None:
    """Count system calls a request and instructions a switch."""
    echo = next(job for job in JOBS if job.name == "echo-size64")
    switch = next(job for job in JOBS if job.folder == "switch")
    for name in peers.contestants("echo"):
        if name in libraries and interpreter.has(name):
            say(f"system calls: {name}")
            calls = counts.system_calls(echo, 100, name, interpreter)
            if calls:
                results.calls[name] = calls
    for name in peers.contestants("switch"):
        if name in libraries and interpreter.has(name):
            say(f"instructions: {name}")
            found = counts.instructions(switch, 10_000, name, interpreter)
            if found is not None:
                results.instructions.setdefault("switch", {})[name] = found


if __name__ == "__main__":
    main()
