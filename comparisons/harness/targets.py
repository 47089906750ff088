"""What is to be reached, beside what was."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

from .results import Results, digits


class Target(NamedTuple):
    """A bound on genlet's figure over a peer's; without a peer, on the figure itself.

    Attributes:
        what: For the table.
        job, size: Which figure.
        peer: Whose figure it is measured against.
        bound: The most that meets the target.
        alarm: More than this is a regression, whatever the hour: well above what was ever measured.
        own: Which of genlet's programs.
    """

    what: str
    job: str
    size: int
    peer: Optional[str]
    bound: float
    alarm: float
    own: str = "genlet"

    @property
    def sentence(self) -> str:
        """What the target says."""
        of = f" times {self.peer}" if self.peer else ""
        return f"{self.what} ≤ {digits(self.bound)}{of}"


ECHO = "echo-size64"

TARGETS: Tuple[Target, ...] = (
    Target("echo", ECHO, 100, "raw", 1.3, 2.0),
    Target("echo", ECHO, 100, "uvloop", 0.75, 1.3),
    Target("echo", ECHO, 100, "gevent", 0.5, 1.0),
    Target("echo", ECHO, 100, "trio", 0.4, 0.7),
    Target("echo", ECHO, 100, "eventlet", 0.35, 0.7),
    Target("switch", "switch", 400_000, "uvloop", 0.45, 1.1),
    Target("switch", "switch", 400_000, "asyncio", 0.25, 0.5),
    Target("switch", "switch", 400_000, "gevent", 0.15, 0.5),
    Target("switch", "switch", 400_000, "eventlet", 0.15, 0.25),
    Target("spawn, end, wait", "spawn", 100_000, "asyncio", 0.5, 1.4),
    Target("spawn, end, wait", "spawn", 100_000, "gevent", 0.2, 0.7),
    Target("queue hand-over", "queue", 100_000, "asyncio", 0.5, 0.6),
    Target("timeout around nothing", "timeout", 200_000, "asyncio", 0.5, 0.8),
    Target("bytes a sleeper", "memory", 100_000, None, 1_000, 1_200),
    Target("import, ms", "import", 1, None, 15, 40),
    Target("run(noop)", "noop", 2_000, "asyncio", 0.15, 0.5),
    Target("an HTTP request", "http", 50, "uvicorn_uvloop", 0.9, 1.3),
    Target("an HTTP request", "http", 50, "eventlet", 0.3, 0.5),
    Target("an HTTP request, h11", "http", 50, "uvicorn_h11", 0.7, 1.0, "genlet_h11"),
    Target("a WSGI request on a thread", "http", 50, "eventlet", 0.9, 1.3, "genlet_wsgi"),
    Target("a WSGI request on the kernel", "http", 50, "eventlet", 0.6, 0.9, "genlet_inline"),
    Target("an HTTP connection", "http-churn", 50, "uvicorn_uvloop", 0.95, 1.4),
    Target("an HTTP connection", "http-churn", 50, "eventlet", 0.6, 0.9),
    Target("bytes an idle HTTP connection", "http-idle", 10_000, None, 7_000, 8_500),
    Target("bytes an idle HTTP connection", "http-idle", 10_000, "uvicorn_uvloop", 0.9, 1.2),
)
CROWD = Target("10,000 open, 100 active", "echo-active100-size64", 10_000, "100 open", 1.2, 1.8)

# Of genlet on PyPy over genlet on CPython.
SAME: Tuple[Target, ...] = (
    Target("echo on PyPy", ECHO, 100, "on CPython", 1.0, 2.0),
    Target("switch on PyPy", "switch", 400_000, "on CPython", 1.0, 2.0),
)


class Verdict(NamedTuple):
    """A target and what was measured."""

    target: Target
    measured: float

    @property
    def met(self) -> bool:
        """Whether the bound holds."""
        return self.measured <= self.target.bound

    @property
    def alarming(self) -> bool:
        """Whether something has gone wrong since the figures were good."""
        return self.measured > self.target.alarm

    def __str__(self) -> str:
        return f"{digits(self.measured)} {'met' if self.met else '**missed**'}"


def verdicts(results: Results) -> List[Verdict]:
    """Return what was measured for every target of which both sides were run."""
    found: List[Verdict] = []
    for target in TARGETS:
        if target.peer is None:
            own = results.summary(target.job, target.size, target.own)
            value = own.median if own else None
        else:
            value = results.ratio(target.job, target.size, target.peer, target.own)
        if value is not None:
            found.append(Verdict(target, value))
    crowd = results.summary(CROWD.job, CROWD.size, "genlet")
    few = results.summary(ECHO, 100, "genlet")
    if crowd and few:
        found.append(Verdict(CROWD, crowd.median / few.median))
    return found


def across(runs: Sequence[Results]) -> List[Tuple[Verdict, str]]:
    """Return what was measured for the targets between interpreters, and on which of them.

    The first run on CPython is what others are compared with.
    """
    found: List[Tuple[Verdict, str]] = []
    first = next((one for one in runs if one.about["interpreter"].startswith("CPython")), None)
    for other in runs:
        label = other.about["interpreter"]
        if first is None or not label.startswith("PyPy"):
            continue
        for target in SAME:
            theirs = first.summary(target.job, target.size, "genlet")
            own = other.summary(target.job, target.size, "genlet")
            if theirs and own:
                found.append((Verdict(target, own.median / theirs.median), label))
    return found
