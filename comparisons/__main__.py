"""Run the comparisons: ``python3 -m comparisons``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import List, Sequence, Tuple

from .harness import contest, counts, peers, report
from .harness.jobs import JOBS, LIBRARIES, WEB, Job
from .harness.peers import say
from .harness.results import Results, digits
from .harness.targets import verdicts

HERE = Path(__file__).parent
PLOTS = HERE / "plots"
RESULTS = HERE / "results"

EVERYBODY = tuple(dict.fromkeys([*LIBRARIES, *(name for names in WEB.values() for name in names)]))

# So many take long: they are run once.
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
    parser.add_argument("--library", action="append", choices=EVERYBODY, help="only these")
    parser.add_argument(
        "--rounds", type=int, help="how often each is run; default 3, quick 1; 0 only counts"
    )
    parser.add_argument("--seconds", type=float, help="load on a server; default 1, quick 0.5")
    parser.add_argument(
        "--keep", action="store_true", help="keep what was measured before of other jobs"
    )
    parser.add_argument(
        "--guard", action="store_true", help="fail if a ratio is far from what it should be"
    )
    parser.add_argument(
        "--out", type=Path, help="where the JSON goes instead of results/; the page is not written"
    )
    parser.add_argument("--no-counts", action="store_true", help="no strace, no callgrind")
    parser.add_argument(
        "--page", nargs="+", type=Path, metavar="JSON",
        help="only write RESULTS.md and the plots, from these results",
    )  # fmt: skip
    parser.add_argument("--plot", nargs="+", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if sys.platform != "linux":
        parser.error("the harness pins processes and reads /proc: it needs Linux")
    if options.plot:  # in the environment that has a plotting library
        for path in options.plot:
            report.draw(Results.read(path), PLOTS)
        return
    if options.page:
        write_page(options.page)
        return
    rounds = (1 if options.quick else 3) if options.rounds is None else options.rounds
    seconds = options.seconds or (0.5 if options.quick else 1.0)
    for python in options.python or [sys.executable]:
        interpreter = peers.prepare(python, contest.workshop())
        label = interpreter.label.lower().replace(" ", "-")
        folder = options.out or (contest.workshop() / "quick" if options.quick else RESULTS)
        path = folder / f"{label}.json"
        results = Results(interpreter)
        if options.keep and path.exists():
            results.take(Results.read(path))
        elif (options.job or options.library) and folder == RESULTS:
            parser.error("part of a run would replace results/: add --keep, or name another --out")
        jobs = [job for job in JOBS if not options.job or job.folder in options.job]
        libraries = options.library or list(EVERYBODY)
        for job in jobs:
            measure(job, libraries, interpreter, results, rounds, seconds, quick=options.quick)
            results.save(path)
        if not options.quick and not options.no_counts:
            count(libraries, interpreter, results)
            results.save(path)
        print(report.markdown(results))
        found = verdicts(results)
        alarms = [verdict for verdict in found if verdict.alarming]
        if options.guard and not found:
            sys.exit("nothing was measured that there is a bound for")
        if options.guard and alarms:
            sys.exit("\n".join(f"{one.target.sentence}: {digits(one.measured)}" for one in alarms))
        if folder == RESULTS:
            write_page(sorted(path.parent.glob("*.json")))
        elif any(where.endswith(" genlet") for where in results.failures):
            sys.exit("genlet has failed")  # a peer that has is a gap in the table


def write_page(paths: Sequence[Path]) -> None:
    """Write RESULTS.md and draw the plots, from the raw figures alone."""
    drawing = [peers.plotting(contest.workshop()), "-m", "comparisons", "--plot"]
    subprocess.run([*drawing, *map(str, paths)], check=True, env=peers.environment())
    runs = [Results.read(path) for path in paths]
    runs.sort(key=lambda run: version_order(run.about["interpreter"]))
    pictures = {
        run.about["interpreter"]: [
            str(picture.relative_to(HERE)) for picture in report.pictured(run, PLOTS).values()
        ]
        for run in runs
    }
    (HERE / "RESULTS.md").write_text(report.page(runs, pictures))


def version_order(label: str) -> Tuple[bool, List[int]]:
    """Return what sorts CPython before the others, and the newest version first."""
    name, _, version = label.partition(" ")
    return name != "CPython", [-int(part) for part in version.split(".") if part.isdigit()]


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
    if rounds:
        results.forget(job.name, libraries)
    known = peers.contestants(job.folder) if job.kind != "import" else list(LIBRARIES[:-1])
    for size in job.quick if quick else job.sizes:
        begun = time.monotonic()
        names = [
            name
            for name in job.contestants
            if name in known and name in libraries and interpreter.has(name, job.folder)
            if job.suits(name, size)
        ]
        if not names:
            continue
        agreed: object = None
        for turn in range(min(rounds, 1) if size >= MANY else rounds):
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
            where = f"system calls of {name}"
            say(where)
            results.failures.pop(where, None)
            try:
                calls = counts.system_calls(echo, 100, name, interpreter)
            except contest.Failed as failure:
                results.failures[where] = str(failure)
                continue
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
