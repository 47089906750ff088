"""A finding, and the table of the codes."""

from __future__ import annotations

from typing import Dict, NamedTuple

__all__ = ["CODES", "Finding"]


class Finding(NamedTuple):
    """One mistake at one position.

    Attributes:
        line, column: The position of its first character, from 1.
        first, last: The first and the last line of its statement; a waiver may be on any of them.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    first: int
    last: int


CODES: Dict[str, str] = {
    "GL001": "a waiver that waives nothing",
    "GL002": "a file that cannot be read or parsed",
    # A green call that nothing drives.
    "GL101": "a green call is dropped: nothing happens",
    "GL102": "a green call is assigned and never driven",
    "GL103": "'yield' for 'yield from'",
    "GL104": "a green call is tested or compared, and not its result",
    "GL105": "a green call, or a source that waits, is iterated",
    "GL106": "a green call is returned where its result was meant",
    "GL107": "a green call is used as if it were its result",
    "GL108": "a green call is passed or stored where its result is wanted",
    "GL109": "'with' a green call, and not its result",
    "GL110": "a dropped call that is green by the looks of its name (only with --guess)",
    "GL111": "'await' of a green call that is not marked with @green",
    # How green functions are put together.
    "GL201": "a green call is passed where a green function is wanted",
    "GL202": "a plain function is passed where a green one is wanted",
    "GL203": "a function is declared green and gives no generator",
    "GL204": "'yield from' a plain call",
    "GL205": "'yield from' a coroutine",
    "GL206": "a green function, or a wait, where a plain function is called",
    "GL207": "a green function yields a value",
    "GL211": "a suspension in 'finally' without a shield",
    "GL212": "a suspension without a shield while an interruption is handled",
    "GL213": "an interruption is swallowed",
    # Calls that stop every greenthread of the run.
    "GL301": "a blocking call: sleeping, input, files of locks",
    "GL302": "a blocking call: sockets and name look-ups",
    "GL303": "a blocking call: the clients of the standard library and others",
    "GL304": "a blocking call: processes",
    "GL305": "a blocking call: what synchronises threads",
    "GL306": "a blocking call: waiting for descriptors",
}
