"""Streams that send files: the bytes, and the rules of sending."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Optional, cast

import pytest

import genlet
from genlet.abc import Green
from genlet.errors import BusyResource, ClosedResource
from genlet.net import Stream, connect, listen, serve
from tests.net import run, tcp, turns
from tests.net.test_tls import client_context, server_context


@pytest.mark.parametrize("kind", ["socket", "transport"])
@pytest.mark.parametrize(
    ("offset", "count", "expected"),
    [
        (0, None, slice(0, None)),
        (7, 1000, slice(7, 1007)),
        (299_999, 10, slice(-1, None)),
        (5, 0, None),
    ],
)
def test_send_file_sends_a_part_of_a_file(
    kind: str, offset: int, count: Optional[int], expected: Optional[slice], tmp_path: Path
) -> None:
    """All of it, a part, less if it is shorter, nothing; over sockets and over what acts like one."""
    data = os.urandom(300_000)
    (tmp_path / "file").write_bytes(data)
    wanted = b"" if expected is None else data[expected]

    def main() -> Green[None]:
        with tcp() as (one, other), open(tmp_path / "file", "rb") as file:
            sender = Stream(cast(Any, Bare(one.socket)), None) if kind == "transport" else one
            gt = genlet.spawn(other.read_exactly, len(wanted) + 1)
            assert (yield from sender.send_file(file, offset, count)) == len(wanted)
            yield from sender.send_all(b"!")
            assert (yield from gt.wait()) == wanted + b"!"

    run(main)


class Bare:
    """A transport that has no more than a stream needs."""

    def __init__(self, sock: Any) -> None:
        self.recv, self.sendall = sock.recv, sock.sendall
        self.shutdown, self.close = sock.shutdown, sock.close


def test_send_file_keeps_the_rules_of_sending(tmp_path: Path) -> None:
    """What cannot be sent is refused before anything is; an interrupted send is the last one."""
    (tmp_path / "file").write_bytes(bytes(8_000_000))

    def main() -> Green[None]:
        with tcp() as (one, other), open(tmp_path / "file", "rb") as file:
            for wrong in ((file, -1, None), (file, 0, -1)):
                with pytest.raises(ValueError, match="0 or more"):
                    yield from one.send_file(*wrong)
            with (
                open(tmp_path / "file", encoding="ascii") as text,
                pytest.raises(ValueError, match="binary"),
            ):
                yield from one.send_file(cast(Any, text))
            gt = genlet.spawn(one.send_file, file)
            yield from turns(3)
            with pytest.raises(BusyResource):
                yield from one.send_all(b"x")
            with pytest.raises(BusyResource):
                yield from one.send_file(file)
            yield from gt.kill()
            with pytest.raises(BrokenPipeError, match="did not complete"):
                yield from one.send_file(file)
            one.close()
            with pytest.raises(ClosedResource):
                yield from one.send_file(file)
            other.close()

    run(main)


def test_send_file_over_tls_is_read_in_pieces(tmp_path: Path) -> None:
    """The bytes arrive as they are in the file, between what is sent before and after."""
    data = os.urandom(300_000)
    (tmp_path / "file").write_bytes(data)

    def handler(stream: Stream) -> Green[None]:
        with open(tmp_path / "file", "rb") as file:
            yield from stream.send_all(b"<")
            assert (yield from stream.send_file(file, 5, 250_000)) == 250_000
            yield from stream.send_all(b">")

    def main() -> Green[None]:
        stopper = genlet.Stopper()
        with listen("127.0.0.1", 0) as listeners, genlet.TaskGroup() as group:
            group.spawn(serve, handler, listeners, tls=server_context(), stopper=stopper)
            with (yield from connect("127.0.0.1", listeners.port, tls=client_context())) as stream:
                assert (yield from stream.read_all()) == b"<" + data[5:250_005] + b">"
            stopper.stop()
            yield from group.join()

    run(main)
