"""Waivers: comments that permit the findings of their line."""

from __future__ import annotations

import re
import tokenize
from io import StringIO
from typing import Callable, Dict, FrozenSet, List, Optional, Sequence

from .findings import CODES, Finding

__all__ = ["waive"]

COMMENT = re.compile(r"#\s*genlet:\s*ok\b(?:\s*\[([^\]]*)\])?")


class Waiver:
    """One comment; without codes it waives every finding of its line."""

    def __init__(self, column: int, codes: Optional[FrozenSet[str]]) -> None:
        self.column: int = column
        self.codes: Optional[FrozenSet[str]] = codes
        self.used: bool = False
        self.unused: FrozenSet[str] = codes or frozenset()

    def takes(self, finding: Finding) -> bool:
        """Whether it waives *finding*."""
        if self.codes is not None and finding.code not in self.codes:
            return False
        self.used = True
        self.unused -= {finding.code}
        return True


def _waivers(source: str) -> Dict[int, Waiver]:
    """Return the waivers in *source*, by line."""
    if "genlet:" not in source:
        return {}
    found: Dict[int, Waiver] = {}
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            match = COMMENT.search(token.string)
            if match is not None:
                codes = match.group(1)
                named = None if codes is None else frozenset(codes.replace(",", " ").split())
                found[token.start[0]] = Waiver(token.start[1] + match.start() + 1, named)
    return found


def waive(
    source: str, path: str, findings: Sequence[Finding], wanted: Callable[[str], bool]
) -> List[Finding]:
    """Remove the findings that are waived in *source*, and add the waivers that waive nothing.

    Args:
        wanted: Whether findings of a code are reported; a waiver of other codes is not judged.
    """
    waivers = _waivers(source)
    if not waivers:
        return list(findings)
    left: List[Finding] = []
    for finding in findings:
        there = [
            waivers[line] for line in range(finding.first, finding.last + 1) if line in waivers
        ]
        if not [waiver for waiver in there if waiver.takes(finding)]:
            left.append(finding)
    for line, waiver in waivers.items() if wanted("GL001") else ():
        message = _complaint(waiver, wanted)
        if message:
            left.append(Finding(path, line, waiver.column, "GL001", message, line, line))
    return sorted(left)


def _complaint(waiver: Waiver, wanted: Callable[[str], bool]) -> str:
    if waiver.codes is None:
        return (
            ""
            if waiver.used or not all(map(wanted, CODES))
            else "nothing is found on this line: remove the waiver"
        )
    if not waiver.codes:
        return "this waiver names no code: write '# genlet: ok[GL101]'"
    unknown = sorted(code for code in waiver.codes if code not in CODES)
    if unknown:
        return f"there is no {unknown[0]}: the codes are in docs/lint.md"
    unused = ", ".join(sorted(filter(wanted, waiver.unused)))
    return f"{unused} is not found on this line: remove it from the waiver" if unused else ""
