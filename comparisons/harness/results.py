"""The raw figures: a JSON file a run, never edited; medians and ratios are made when they are read."""

from __future__ import annotations

import json
import os
import platform
import statistics
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from .contest import Sample
from .peers import Interpreter


class Summary(NamedTuple):
    """What the samples of one library at one job come to."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return digits(self.median)


def digits(value: float) -> str:
    """Return *value* with about three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Results:
    """Everything that one run found out on one interpreter."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.about: Dict[str, Any] = {
            "interpreter": interpreter.label,
            "versions": dict(interpreter.versions),
            "system": platform.platform(),
            "cores": os.cpu_count(),
        }
        # job name, size, library: samples
        self.samples: Dict[str, Dict[str, Dict[str, List[Sample]]]] = {}
        self.failures: Dict[str, str] = {}
        self.calls: Dict[str, Dict[str, float]] = {}
        self.instructions: Dict[str, Dict[str, float]] = {}

    def take(self, earlier: Results) -> None:
        """Go on from what an earlier run found out."""
        about = self.about
        vars(self).update(vars(earlier))
        self.about = about

    def forget(self, job: str, libraries: Sequence[str]) -> None:
        """Drop what an earlier run found out of *libraries* at *job*."""
        for row in self.samples.get(job, {}).values():
            for library in libraries:
                row.pop(library, None)
        for where in list(self.failures):
            if where.split()[0] == job and where.split()[-1] in libraries:
                del self.failures[where]

    def add(self, job: str, size: int, library: str, sample: Sample) -> None:
        """Keep one run's figures."""
        sizes = self.samples.setdefault(job, {})
        sizes.setdefault(str(size), {}).setdefault(library, []).append(sample)

    def summary(
        self, job: str, size: int, library: str, figure: str = "each"
    ) -> Optional[Summary]:
        """Return the median, the least and the greatest of a *figure*; None if it was not run."""
        samples = self.samples.get(job, {}).get(str(size), {}).get(library)
        if not samples:
            return None
        values = [sample[figure] for sample in samples]
        return Summary(statistics.median(values), min(values), max(values))

    def ratio(self, job: str, size: int, library: str, own: str = "genlet") -> Optional[float]:
        """Return genlet's median over that of *library*; *own* is which of genlet's programs."""
        ours, theirs = self.summary(job, size, own), self.summary(job, size, library)
        return ours.median / theirs.median if ours and theirs else None

    def save(self, path: Path) -> None:
        """Write everything to *path*."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vars(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Results:
        """Return what `save` wrote."""
        results = cls.__new__(cls)
        vars(results).update(json.loads(path.read_text()))
        return results
