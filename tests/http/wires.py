"""What the tests of the wire share: which parsers there are, and what one makes of some bytes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Iterable, List, Tuple

from genlet.http.framing import Head, Limits, Refused
from genlet.http.wire import Choice, Mark, ServerWire, new_parser

CHOICES: List[Choice] = ["httptools", "h11"]
PARSERS: List[Choice] = [choice for choice in CHOICES if find_spec(choice) is not None]

# ("head", method, target, version, host, path, query, length, keep_alive, expects, upgrade, headers)
# ("body", bytes), ("end", trailers), ("refused", status), and the name of a last mark.
Event = Tuple[object, ...]


def new_wire(choice: Choice, limits: Limits = Limits()) -> ServerWire:  # noqa: B008  immutable
    return ServerWire(new_parser(choice)(), limits)


def events(wire: ServerWire, parts: Iterable[bytes]) -> List[Event]:
    """Return what *wire* makes of *parts*, received one after the other: pieces of a body joined."""
    found: List[Event] = []
    for part in parts:
        wire.receive(part)
        while True:
            try:
                event = wire.next()
            except Refused as exc:
                return [*found, ("refused", exc.status)]
            if isinstance(event, Head):
                fields = [_field(name, value) for name, value in event.headers.items()]
                found.append(("head", *event.verdict[:-2], fields))
            elif isinstance(event, bytes):
                if found[-1][0] == "body":
                    event = found.pop()[1] + event  # type: ignore[operator]  # its second is bytes
                found.append(("body", event))
            elif event is Mark.END:
                found.append(("end", wire.trailers.items()))
                wire.cycle()
            else:
                break
        if event is Mark.CLOSED or event is Mark.CUT:
            return [*found, (event.name,)]
    return found


def _field(name: str, value: str) -> Tuple[str, str]:
    name = name.lower()
    # h11 gives this value, and this one only, in lower case.
    return name, value.lower() if name == "transfer-encoding" else value
