"""Requests broken at random: the wire refuses them or reads them, with every parser alike.

::

    python3 -m tests.http.fuzz --count 1000000 --seed 1
"""

from __future__ import annotations

import argparse
from random import Random
from typing import List

from genlet.http.framing import Limits

from .test_framing import ACCEPTED, REFUSED
from .wires import PARSERS, Event, events, new_wire

LIMITS = Limits(head=400, target=60, fields=6, body=100)
SEEDS: List[bytes] = [data for _, data in [*REFUSED.values(), *ACCEPTED.values()]]

# What has confused parsers.
PIECES: List[bytes] = [
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b"\0", b" ", b"\t", b"\x0b", b"\x0c", b"\x85", b"\xa0",
    b"\xff", b":", b";", b",", b"=", b'"', b"\\", b"#", b"?", b"/", b"*", b"@", b"0", b"1", b"a", b"G",
    b"Content-Length: 3", b"content-length:", b"Transfer-Encoding: chunked", b"chunked", b"Host: b",
    b"Connection: close", b"Connection: upgrade", b"Upgrade: h2c", b"Expect: 100-continue",
    b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"GET ", b"POST ", b"CONNECT ", b"http://", b"0\r\n\r\n",
    b"3\r\nabc\r\n", b"ffffffffffffffff", b"X: " + b"a" * 200,
]  # fmt: skip


def broken(random: Random) -> bytes:
    """Return a few requests with some bytes changed, removed, doubled or put in."""
    data = bytearray(b"".join(random.choices(SEEDS, k=random.randint(1, 2))))
    for _ in range(random.choice((0, 1, 1, 1, 2, 3, 6))):
        at = random.randrange(len(data) + 1)
        kind = random.random()
        if kind < 0.4:
            data[at:at] = random.choice(PIECES)
        elif kind < 0.6:
            del data[at : at + random.choice((1, 1, 2, 8))]
        elif kind < 0.8:
            data[at : at + 1] = bytes([random.randrange(256)])
        else:
            end = min(len(data), at + random.randint(1, 40))
            data[at:at] = data[at:end]
    return bytes(data)


def parts_of(data: bytes, random: Random) -> List[bytes]:
    """Return *data* cut at a few places."""
    places = sorted(random.randrange(len(data) + 1) for _ in range(random.choice((0, 1, 2, 5))))
    found = [data[start:end] for start, end in zip([0, *places], [*places, len(data)])]
    return [part for part in found if part]


def check(random: Random) -> List[Event]:
    """Let every parser read one broken input, whole and in parts; return what they all see."""
    data = broken(random)
    seen = [
        events(new_wire(choice, LIMITS), [*parts, b""])
        for choice in PARSERS
        for parts in ([data] if data else [], parts_of(data, random))
    ]
    if any(one != seen[0] for one in seen):
        raise AssertionError(f"{data!r} is seen as\n" + "\n".join(map(repr, seen)))
    return seen[0]


def run(count: int, seed: int) -> int:
    """Check *count* inputs; return how many were read to their end."""
    random = Random(seed)
    good = 0
    for _ in range(count):
        good += check(random)[-1] == ("CLOSED",)
    return good


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    run(1000, options.seed)
    import tracemalloc  # which PyPy lacks

    tracemalloc.start()
    good = run(options.count, options.seed)
    held = tracemalloc.get_traced_memory()[0]
    print(f"{options.count} inputs, {good} good ones, {held} bytes held")
    assert held < 1_000_000, "something grows"


if __name__ == "__main__":
    main()
