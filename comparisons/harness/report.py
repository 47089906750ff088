"""What is made of the raw figures for people: Markdown tables, and plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Tuple

from .jobs import JOBS, LIBRARIES, Job
from .results import Results, digits
from .targets import table


def markdown(results: Results) -> str:
    """Return the tables of one interpreter's run."""
    present = [
        name
        for name in LIBRARIES
        if any(name in row for sizes in results.samples.values() for row in sizes.values())
    ]
    lines = [
        f"### {results.about['interpreter']}, {results.about['cores']} cores",
        "",
        "| | N | " + " | ".join(present) + " |",
        "|---|---:|" + "---:|" * len(present),
    ]
    for job in JOBS:
        for size in sorted(map(int, results.samples.get(job.name, {}))):
            cells: List[str] = []
            for name in present:
                summary = results.summary(job.name, size, name)
                cells.append("" if summary is None else str(summary))
            lines.append(f"| {title(job)} | {size:,} | " + " | ".join(cells) + " |")
    lines += ["", "Genlet's targets:", "", table(results)]
    if results.calls:
        lines += ["", "System calls an echo request, 100 connections of 64 bytes:", ""]
        lines += [
            f"- {library}: " + ", ".join(f"{name} {digits(n)}" for name, n in top(calls))
            for library, calls in results.calls.items()
        ]
    for job_name, counted in results.instructions.items():
        lines += ["", f"Instructions, {job_name}: "]
        lines[-1] += ", ".join(f"{name} {count:,.0f}" for name, count in counted.items())
    for where, why in results.failures.items():
        lines += ["", f"Not run: {where}: {why.splitlines()[-1] if why else 'no reason given'}"]
    return "\n".join(lines) + "\n"


def title(job: Job) -> str:
    """Return what a row of the table is called."""
    size = job.options.get("size", 64)
    message = f", {size // 1024} KiB" if size > 64 else ""
    return f"{job.title}{message}, {job.unit}"


def top(calls: Dict[str, float]) -> List[Tuple[str, float]]:
    """Return the system calls made for more than one request in a thousand, most frequent first."""
    return sorted(((n, c) for n, c in calls.items() if c >= 0.001), key=lambda pair: -pair[1])


def plots(results: Results, folder: Path) -> List[Path]:
    """Draw the jobs that were run at several sizes; needs matplotlib.

    Returns:
        The SVG files written.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "genlet"  # the same figures give the same file
    from matplotlib import pyplot

    written: List[Path] = []
    for job in JOBS:
        sizes = sorted(map(int, results.samples.get(job.name, {})))
        if len(sizes) < 2:
            continue
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
        label = results.about["interpreter"].lower().replace(" ", "-")
        path = folder / f"{job.name}-{label}.svg"
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
        written.append(path)
    return written
