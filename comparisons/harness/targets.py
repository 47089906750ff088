"""What is to be reached, beside what was."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple

from .results import Results, digits


class Target(NamedTuple):
    """A bound on genlet's figure over a peer's; without a peer, on the figure itself.

    Attributes:
        what: For the table.
        job, size: Which figure.
        peer: Whose figure it is measured against.
        bound: The most that meets the target.
    """

    what: str
    job: str
    size: int
    peer: Optional[str]
    bound: float


ECHO = "echo-size64"

TARGETS: Tuple[Target, ...] = (
    Target("echo", ECHO, 100, "raw", 1.3),
    Target("echo", ECHO, 100, "uvloop", 0.75),
    Target("echo", ECHO, 100, "gevent", 0.5),
    Target("echo", ECHO, 100, "trio", 0.4),
    Target("echo", ECHO, 100, "eventlet", 0.35),
    Target("switch", "switch", 400_000, "uvloop", 0.45),
    Target("switch", "switch", 400_000, "asyncio", 0.25),
    Target("switch", "switch", 400_000, "gevent", 0.15),
    Target("switch", "switch", 400_000, "eventlet", 0.15),
    Target("spawn, end, wait", "spawn", 100_000, "asyncio", 0.5),
    Target("spawn, end, wait", "spawn", 100_000, "gevent", 0.2),
    Target("queue hand-over", "queue", 100_000, "asyncio", 0.5),
    Target("timeout around nothing", "timeout", 200_000, "asyncio", 0.5),
    Target("bytes a sleeper", "memory", 100_000, None, 1_000),
    Target("import, ms", "import", 1, None, 15),
    Target("run(noop)", "noop", 2_000, "asyncio", 0.15),
)


class Verdict(NamedTuple):
    """A target and what was measured."""

    target: Target
    measured: float

    @property
    def met(self) -> bool:
        """Whether the bound holds."""
        return self.measured <= self.target.bound


def verdicts(results: Results) -> List[Verdict]:
    """Return what was measured for every target of which both sides were run."""
    found: List[Verdict] = []
    for target in TARGETS:
        if target.peer is None:
            own = results.summary(target.job, target.size, "genlet")
            value = own.median if own else None
        else:
            value = results.ratio(target.job, target.size, target.peer)
        if value is not None:
            found.append(Verdict(target, value))
    crowd = results.summary("echo-active100-size64", 10_000, "genlet")
    few = results.summary(ECHO, 100, "genlet")
    if crowd and few:
        target = Target("10,000 open, 100 active, over 100 open", ECHO, 10_000, "itself", 1.2)
        found.append(Verdict(target, crowd.median / few.median))
    return found


def table(results: Results) -> str:
    """Return the targets as a Markdown table."""
    lines = ["| target | measured | |", "|---|---:|---|"]
    for verdict in verdicts(results):
        target = verdict.target
        of = f" times {target.peer}" if target.peer else ""
        state = "met" if verdict.met else "missed"
        lines.append(
            f"| {target.what} ≤ {digits(target.bound)}{of} | {digits(verdict.measured)} |"
            f" {state} |"
        )
    return "\n".join(lines)
