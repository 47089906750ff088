"""Formats of findings: text for people, JSON, annotations for GitHub."""

from __future__ import annotations

from typing import Callable, Dict, Sequence

from .findings import Finding

__all__ = ["FORMATS"]


def text(findings: Sequence[Finding]) -> str:
    """Return ``path:line:column: code message``, a line for each finding."""
    return "".join(
        f"{one.path}:{one.line}:{one.column}: {one.code} {one.message}\n" for one in findings
    )


def json(findings: Sequence[Finding]) -> str:
    """Return a JSON list of objects with path, line, column, code and message."""
    from json import dumps

    keys = ("path", "line", "column", "code", "message")
    found = [{key: getattr(one, key) for key in keys} for one in findings]
    return dumps(found, indent=1) + "\n"


def github(findings: Sequence[Finding]) -> str:
    """Return workflow commands, which GitHub shows beside the lines."""
    return "".join(
        f"::error file={_property(one.path)},line={one.line},col={one.column},title={one.code}"
        f"::{_data(one.message)}\n"
        for one in findings
    )


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


FORMATS: Dict[str, Callable[[Sequence[Finding]], str]] = {
    "text": text,
    "json": json,
    "github": github,
}
