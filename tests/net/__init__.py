"""Streams, connecting, listening, serving; and what their tests share."""

from __future__ import annotations

import socket as real
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Generator, Tuple, TypeVar

import genlet
from genlet.abc import Green
from genlet.green import socket as green
from genlet.net import Stream

if TYPE_CHECKING:
    from typing_extensions import Literal

    How = Literal["cancel", "kill", "timeout"]
else:
    How = str

T = TypeVar("T")


def run(main: Callable[[], Green[T]]) -> T:
    """Run *main*, which may not take for ever."""

    def bounded() -> Green[T]:
        with genlet.fail_after(20):
            return (yield from main())

    return genlet.run(bounded)


def turns(number: int = 3) -> Green[None]:
    """Let everybody run *number* times."""
    for _ in range(number):
        yield from genlet.sleep(0)


@contextmanager
def tcp() -> Generator[Tuple[Stream, Stream], None, None]:
    """Two streams that are connected over TCP."""
    with real.create_server(("127.0.0.1", 0)) as listener:
        client = real.create_connection(listener.getsockname())
        server, _ = listener.accept()
    with Stream(green.socket(sock=client)) as one, Stream(green.socket(sock=server)) as other:
        yield one, other


@contextmanager
def half() -> Generator[Tuple[Stream, real.socket], None, None]:
    """A stream, and a plain blocking socket at its other end."""
    one, other = real.socketpair()
    with Stream(green.socket(sock=one)) as stream, other:
        other.settimeout(20)
        yield stream, other


def closed_port(host: str = "127.0.0.1") -> int:
    """Return the number of a port that nobody listens on."""
    family = real.AF_INET6 if ":" in host else real.AF_INET
    with real.socket(family, real.SOCK_STREAM) as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port
