"""What is made of the raw figures for people: a Markdown page, and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from .jobs import JOBS, LIBRARIES, SERVERS, WEB, Job
from .results import Results, digits
from .targets import Verdict, across, verdicts

# A median is quoted with how far the rounds lay apart if that is more than so much of it.
STEADY = 0.05


def page(runs: Sequence[Results], pictures: Dict[str, List[str]]) -> str:
    """Return the page of results: the targets on every interpreter, then each one's figures.

    Args:
        pictures: The files of each interpreter's plots, as the page refers to them.
    """
    lines = [
        "# Results",
        "",
        "Written from `results/*.json` by `python3 -m comparisons --page results/*.json`.",
        "",
        "Medians; (±n %) tells how far the rounds lay apart, where that is more than 5 %. CPU µs is"
        " the server's user and system time for a request.",
        "",
        "## Targets",
        "",
        targets(runs),
    ]
    for results in runs:
        label = results.about["interpreter"]
        lines += ["", f"## {label}", "", machine(results), "", markdown(results)]
        lines += [f"![{Path(name).stem}]({name})" for name in pictures.get(label, ())]
    return "\n".join(lines).rstrip() + "\n"


def machine(results: Results) -> str:
    """Return where and with what versions the figures were measured."""
    about = results.about
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"{about['cores']} cores, {about['system']}; {versions}."


def targets(runs: Sequence[Results]) -> str:
    """Return the targets, and what was measured for each on every interpreter."""
    found: Dict[str, Dict[str, Verdict]] = {}
    for results in runs:
        for verdict in verdicts(results):
            row = found.setdefault(verdict.target.sentence, {})
            row[results.about["interpreter"]] = verdict
    labels = [results.about["interpreter"] for results in runs]
    lines = [
        "| target | " + " | ".join(labels) + " |",
        "|---|" + "---:|" * len(labels),
    ]
    for sentence, row in found.items():
        cells = [str(row[label]) if label in row else "" for label in labels]
        lines.append(f"| {sentence} | " + " | ".join(cells) + " |")
    for verdict, label in across(runs):
        cells = [str(verdict) if label == column else "" for column in labels]
        lines.append(f"| {verdict.target.sentence} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def markdown(results: Results) -> str:
    """Return the tables of one interpreter's run."""
    present = [
        name
        for name in LIBRARIES
        if any(name in row for sizes in results.samples.values() for row in sizes.values())
    ]
    heading = [
        "| | N | " + " | ".join(present) + " |",
        "|---|---:|" + "---:|" * len(present),
    ]
    lines = list(heading)
    speed: List[str] = []
    late: List[str] = []
    for job in JOBS:
        if job.folder in WEB:
            continue
        for size in sorted(map(int, results.samples.get(job.name, {}))):
            row = [cell(results, job, size, name) for name in present]
            lines.append(f"| {title(job)} | {size:,} | " + " | ".join(row) + " |")
            if job.kind == "server":
                row = [per_second(results, job, size, name) for name in present]
                speed.append(f"| {title(job, unit=False)} | {size:,} | " + " | ".join(row) + " |")
            if job.load == "open":
                row = [lateness(results, job, size, name) for name in present]
                late.append(f"| {title(job, unit=False)} | {size:,} | " + " | ".join(row) + " |")
    if lines == heading:
        lines = []
    if speed:
        lines += ["", "The same servers' requests a second of wall time, client and all:", ""]
        lines += heading + speed
    if late:
        lines += ["", "How late the answers of an open loop are, µs: p50, p99, p99.9:", ""]
        lines += heading + late
    lines += servers(results)
    for folder, sentence in (
        ("client", "Clients of HTTP; those that block have one connection:"),
        ("websocket", "Servers of WebSocket that send back what comes:"),
    ):
        lines += others(results, folder, sentence)
    if results.calls:
        lines += ["", "System calls an echo request, 100 connections of 64 bytes:", ""]
        lines += [
            f"- {library}: " + ", ".join(f"{name} {digits(n)}" for name, n in top(calls))
            for library, calls in results.calls.items()
        ]
    for job_name, counted in results.instructions.items():
        figures = ", ".join(f"{name} {count:,.0f}" for name, count in counted.items())
        lines += ["", f"Instructions of a {job_name}: {figures}."]
    for where, why in results.failures.items():
        lines += ["", f"Not run: {where}: {why}"]
    return "\n".join(lines) + "\n"


def servers(results: Results) -> List[str]:
    """Return the table of the servers of HTTP, which has a row for each."""
    jobs = [
        (job, int(size))
        for job in JOBS
        if job.folder == "http"
        for size in results.samples.get(job.name, {})
    ]
    if not jobs:
        return []
    titles = [f"{title(job)} ({size:,})" for job, size in jobs]
    speeds = [f"{job.title}, a second ({size:,})" for job, size in jobs if not special(job)]
    lines = ["", 'Servers of HTTP that answer "Hello, world!":', ""]
    lines.append(f"| | {' | '.join([*titles, *speeds])} |")
    lines.append("|---|" + "---:|" * len([*titles, *speeds]))
    for name in SERVERS:
        row = [
            lateness(results, job, size, name)
            if job.load == "open"
            else cell(results, job, size, name)
            for job, size in jobs
        ]
        row += [per_second(results, job, size, name) for job, size in jobs if not special(job)]
        if any(row):
            lines.append(f"| {name} | {' | '.join(row)} |")
    return lines


def others(results: Results, folder: str, sentence: str) -> List[str]:
    """Return the table of the contestants of *folder*, which are no libraries of green threads."""
    jobs = [
        (job, int(size))
        for job in JOBS
        if job.folder == folder
        for size in results.samples.get(job.name, {})
    ]
    if not jobs:
        return []
    lines = ["", sentence, "", f"| | {' | '.join(title(job) for job, _ in jobs)} |"]
    lines.append("|---|" + "---:|" * len(jobs))
    for name in WEB[folder]:
        row = [cell(results, job, size, name) for job, size in jobs]
        if any(row):
            lines.append(f"| {name} | {' | '.join(row)} |")
    return lines


def special(job: Job) -> bool:
    """Whether a job of a server is not about requests a second."""
    return job.load in ("idle", "open")


def cell(results: Results, job: Job, size: int, library: str) -> str:
    """Return a median, and how far the rounds lay apart if that is much."""
    summary = results.summary(job.name, size, library)
    if summary is None:
        return ""
    apart = (summary.high - summary.low) / 2 / summary.median
    return str(summary) if apart <= STEADY else f"{summary} (±{apart:.0%})".replace("%", " %")


def per_second(results: Results, job: Job, size: int, library: str) -> str:
    """Return the requests a second of wall time."""
    summary = results.summary(job.name, size, library, "per_second")
    return "" if summary is None else f"{summary.median:,.0f}"


def lateness(results: Results, job: Job, size: int, library: str) -> str:
    """Return the percentiles of the time to an answer."""
    found = [results.summary(job.name, size, library, each) for each in ("p50", "p99", "p999")]
    return " / ".join(str(one) for one in found if one is not None)


def title(job: Job, *, unit: bool = True) -> str:
    """Return what a row of the table is called."""
    if job.folder == "http" and job.load == "open":
        return f"{job.title}, µs: p50 / p99 / p99.9"
    size = job.options.get("size", 64)
    message = f", {size // 1024} KiB" if size > 64 else ""
    return f"{job.title}{message}" + (f", {job.unit}" if unit else "")


def top(calls: Dict[str, float]) -> List[Tuple[str, float]]:
    """Return the system calls made for more than one request in a thousand, most frequent first."""
    return sorted(((n, c) for n, c in calls.items() if c >= 0.001), key=lambda pair: -pair[1])


def pictured(results: Results, folder: Path) -> Dict[str, Path]:
    """Return the file of each plot that there is to draw, by the name of its job."""
    label = results.about["interpreter"].lower().replace(" ", "-")
    return {
        job.name: folder / f"{job.name}-{label}.svg"
        for job in JOBS
        if len(results.samples.get(job.name, {})) > 1
    }


def draw(results: Results, folder: Path) -> List[Path]:
    """Draw the jobs that were run at several sizes; needs matplotlib.

    Returns:
        The SVG files written.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "genlet"  # the same figures give the same file
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    files = pictured(results, folder)
    for job in JOBS:
        if job.name not in files:
            continue
        sizes = sorted(map(int, results.samples[job.name]))
        figure, axes = pyplot.subplots(figsize=(7, 4))
        for library in LIBRARIES:
            points = [(s, results.summary(job.name, s, library)) for s in sizes]
            known: List[Tuple[int, Any]] = [(s, found) for s, found in points if found is not None]
            if known:
                axes.plot(
                    [s for s, _ in known],
                    [found.median for _, found in known],
                    marker="o",
                    linewidth=2.5 if library == "genlet" else 1.2,
                    label=library,
                )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(f"{title(job)} ({results.about['interpreter']})")
        axes.set_xlabel("connections" if job.kind == "server" else "N")
        axes.set_ylabel(job.unit)
        axes.grid(visible=True, which="both", alpha=0.3)
        axes.legend()
        figure.savefig(files[job.name], metadata={"Date": None})
        pyplot.close(figure)
    return list(files.values())
