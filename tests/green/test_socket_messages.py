"""Green sockets: messages with descriptors, files sent, and files made of sockets."""

from __future__ import annotations

import io
import os
import shutil
import socket as real
import subprocess
import tempfile
import threading
from typing import Any, Callable, List, cast

import pytest

import genlet
from genlet.abc import Green
from genlet.green import socket as green
from genlet.green.socket import socket
from genlet.kernel import AnyGreenThread, GreenThread
from genlet.testing import cancel_everywhere

from .test_socket import Pair, fill, now, pairs, parked, read_all, run, tcp, turns, unix

# ---- messages -------------------------------------------------------------------------------------


@pairs
def test_sendmsg_gathers_and_recvmsg_into_scatters(pair: Pair) -> None:
    """A message is sent out of many buffers, iterators included, and received into many."""

    parts: List[Any] = [b"abc", bytearray(b"de"), b""]

    def main() -> Green[None]:
        with pair() as (one, other):
            assert (yield from one.sendmsg(iter(parts))) == 5
            data, ancdata, flags, _ = yield from other.recvmsg(2)
            assert (data, ancdata, flags) == (b"ab", [], 0)
            first, second = bytearray(2), bytearray(10)
            gt = genlet.spawn(other.recvmsg_into, iter([first, second]))
            count, ancdata, flags, _ = yield from gt.wait()
            assert (count, ancdata, flags) == (3, [], 0)
            assert first + second[:1] == b"cde"
            gt = genlet.spawn(other.recvmsg_into, iter([first, second]))
            yield from turns(2)
            assert parked(gt)
            yield from one.sendmsg([b"fgh"])
            assert (yield from gt.wait())[0] == 3  # the buffers were not used up by the first try

    run(main)


def test_descriptors_make_the_round_trip() -> None:
    """SCM_RIGHTS: what arrives is open, and the same file."""

    def main() -> Green[None]:
        with unix() as (one, other), tempfile.TemporaryFile() as file:
            file.write(b"content")
            file.flush()
            gt = genlet.spawn(green.recv_fds, other, 100, 4)
            yield from turns(2)
            assert parked(gt)
            assert (yield from green.send_fds(one, [b"take ", b"it"], [file.fileno()])) == 7
            data, fds, flags, _ = yield from gt.wait()
            assert data == b"take it"
            assert not flags & real.MSG_CTRUNC
            with os.fdopen(fds[0], "rb") as copy:
                copy.seek(0)
                assert copy.read() == b"content"
            assert len(fds) == 1

    run(main)


def waiting(sock: socket) -> List[Callable[[], Green[object]]]:
    return [
        lambda: sock.recv(1),
        lambda: sock.recv_into(bytearray(1)),
        lambda: sock.recvfrom(1),
        lambda: sock.recvfrom_into(bytearray(1)),
        lambda: sock.recvmsg(1),
        lambda: sock.recvmsg_into([bytearray(1)]),
        lambda: green.recv_fds(sock, 1, 1),
        lambda: sock.send(b"x"),
        lambda: sock.sendall(b"x"),
        lambda: sock.sendmsg([b"x"]),
        lambda: green.send_fds(sock, [b"x"], []),
        lambda: sock.sendfile(cast(Any, io.BytesIO(b"x"))),
        lambda: sendfile(sock, b"x"),
    ]


def sendfile(sock: socket, data: bytes, **kwargs: int) -> Green[int]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        file.seek(0)
        return (yield from sock.sendfile(file, **kwargs))


CALLS = range(13)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_a_call_interrupted_at_any_suspension_leaves_the_socket_usable(
    call: int, how: Any
) -> None:
    """Wherever an interruption hits, nothing is left behind and the socket goes on."""

    def victim() -> Green[None]:
        one, other = green.socketpair()
        with one, other:
            fill(one)
            one.settimeout(0.03)
            try:
                yield from waiting(one)[call]()
            except real.timeout:
                pass
            other.settimeout(0)
            now(other.send(b"z"))
            one.settimeout(None)
            assert (yield from one.recv(1)) == b"z"

    assert cancel_everywhere(victim, how=how) >= 1


@pytest.mark.parametrize("call", CALLS)
def test_a_socket_closed_under_a_call_ends_it_at_once(call: int) -> None:
    """Each call that waits on a socket that is closed raises ClosedResource."""

    def main() -> Green[None]:
        one, other = green.socketpair()
        with one, other:
            fill(one)
            gt: AnyGreenThread = genlet.spawn(waiting(one)[call])
            yield from turns(2)
            assert parked(gt)
            one.close()
            with pytest.raises(genlet.ClosedResource):
                yield from gt.wait()

    run(main)


@pytest.mark.parametrize("call", CALLS)
def test_every_call_has_its_timeout_and_its_zero(call: int) -> None:
    """A short timeout raises ``timed out``; zero BlockingIOError, or refuses as sendfile does."""

    def main() -> Green[None]:
        one, other = green.socketpair()
        with one, other:
            fill(one)
            one.settimeout(0.001)
            with pytest.raises(real.timeout) as caught:
                yield from waiting(one)[call]()
            assert caught.value.args == ("timed out",)
            one.settimeout(0)
            with pytest.raises((BlockingIOError, ValueError)) as refused:
                yield from waiting(one)[call]()
            assert isinstance(refused.value, ValueError) == (call > 10)

    run(main)


def test_dontwait_never_waits() -> None:
    """MSG_DONTWAIT is for one call what timeout 0 is for all."""

    def main() -> Green[None]:
        with tcp() as (one, other):
            yield from other.send(b"abc")
            assert (yield from one.recv(100)) == b"abc"  # drained, and known to be
            for call in (
                lambda: one.recv(10, real.MSG_DONTWAIT),
                lambda: one.recv_into(bytearray(10), 0, real.MSG_DONTWAIT),
                lambda: one.recvfrom(10, real.MSG_DONTWAIT),
                lambda: one.recvmsg(10, 0, real.MSG_DONTWAIT),
            ):
                with pytest.raises(BlockingIOError):
                    now(cast("Green[object]", call()))
            fill(one)
            for send in (one.send, one.sendall):
                with pytest.raises(BlockingIOError):
                    now(cast("Green[object]", send(b"x", real.MSG_DONTWAIT)))

    run(main)


def test_a_wrong_argument_is_told_at_once_even_when_the_socket_is_drained() -> None:
    """The standard library's own errors, without waiting for data first."""

    def main() -> Green[None]:
        with tcp() as (one, other):
            yield from other.send(b"abc")
            assert (yield from one.recv(100)) == b"abc"
            wrong: List[Callable[[], Green[object]]] = [
                lambda: one.recv(-1),
                lambda: one.recv(cast(Any, "x")),
                lambda: one.recv(cast(Any, 1.5)),
                lambda: one.recv(1, cast(Any, "x")),
                lambda: one.recv_into(bytearray(1), 2),
                lambda: one.recv_into(cast(Any, b"constant")),
                lambda: one.recvfrom(-1),
                lambda: one.recvmsg(-1),
                lambda: one.send(cast(Any, "text")),
                lambda: one.sendall(cast(Any, None)),
                lambda: one.sendmsg(cast(Any, [1])),
            ]
            for call in wrong:
                with pytest.raises((TypeError, ValueError)):
                    now(call())

    run(main)


# ---- files sent -----------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 10, 5000, 3_000_000])
@pytest.mark.parametrize("count", [None, 1, 1_000_000, 9_999_999])
@pytest.mark.parametrize("regular", [True, False])
def test_sendfile_sends_the_part_asked_for(offset: int, count: Any, regular: bool) -> None:
    """The bytes, their number and the file's position are right, however they are sent."""
    data = os.urandom(65536) * 32
    expected = data[offset:] if count is None else data[offset : offset + count]

    def main() -> Green[None]:
        with tcp() as (one, other), tempfile.TemporaryFile() as file:
            source: Any = io.BytesIO(data)
            if regular:
                source = file
                file.write(data)
                file.flush()
                file.seek(0)
            reader = genlet.spawn(read_all, other, 1 << 18)
            assert (yield from one.sendfile(source, offset, count)) == len(expected)
            one.shutdown(green.SHUT_WR)
            assert (yield from reader.wait()) == expected
            if expected:
                assert source.tell() == offset + len(expected)

    run(main)


def test_sendfile_refuses_what_the_standard_library_refuses(tmp_path: Any) -> None:
    """Text files, datagram sockets, counts that are none and sockets that may not wait."""
    path = tmp_path / "file"
    path.write_text("content")
    with tcp() as (one, _), socket(type=green.SOCK_DGRAM) as datagrams:
        with open(path, encoding="utf-8") as text, pytest.raises(ValueError, match="binary mode"):
            now(one.sendfile(cast(Any, text)))
        with open(path, "rb") as file:
            with pytest.raises(ValueError, match="SOCK_STREAM"):
                now(datagrams.sendfile(file))
            for count in (0, -1):
                with pytest.raises(ValueError, match="positive integer"):
                    now(one.sendfile(file, count=count))
            with pytest.raises(TypeError, match="positive integer"):
                now(one.sendfile(file, count=cast(Any, 1.5)))
            one.settimeout(0)
            with pytest.raises(ValueError, match="non-blocking"):
                now(one.sendfile(file))


@pytest.mark.parametrize("regular", [True, False])
def test_a_killed_sendfile_leaves_the_position_at_what_was_sent(regular: bool) -> None:
    """``tell`` says how much the peer will get, as it does after an error."""

    def main() -> Green[None]:
        with unix() as (one, other), tempfile.TemporaryFile() as file:
            source: Any = file if regular else io.BytesIO()
            source.write(bytes(5_000_000))
            source.flush()
            source.seek(0)
            gt: GreenThread[int] = genlet.spawn(one.sendfile, source)
            yield from turns(200)
            assert parked(gt)
            yield from gt.kill()
            one.close()
            assert len((yield from read_all(other, 1 << 18))) == source.tell() > 0

    run(main)


# ---- files of sockets -----------------------------------------------------------------------------


def test_makefile_keeps_the_socket_open_until_its_last_file_is_closed() -> None:
    """``close`` with files open only marks the socket, as in the standard library."""

    def main() -> Green[None]:
        with tcp() as (one, other):
            reader = one.makefile("rb")
            writer = one.makefile("wb")
            one.close()
            assert one.fileno() >= 0
            assert "[closed]" in repr(one)
            yield from other.sendall(b"line\n")
            assert (yield from reader.readline()) == b"line\n"
            yield from writer.write(b"answer")
            yield from writer.flush()
            reader.close()
            reader.close()
            assert one.fileno() >= 0
            writer.close()
            assert one.fileno() == -1
            assert (yield from other.recv(100)) == b"answer"
            assert (yield from other.recv(100)) == b""

    run(main)


def test_makefile_refuses_other_modes_and_unbuffered_text() -> None:
    """A refused file leaves nothing that would keep the socket open."""
    with socket() as sock:
        for mode in ("x", "a", "r+", "rt", "U"):
            with pytest.raises(ValueError, match="only r, w, b allowed"):
                sock.makefile(mode)
        with pytest.raises(ValueError, match="must be binary"):
            sock.makefile("r", 0)
        with pytest.raises(LookupError):
            sock.makefile("r", encoding="no such encoding")
        sock.close()
        assert sock.fileno() == -1


def test_makefile_in_text_mode_reads_and_writes_lines() -> None:
    """Mode "rw" is text in both directions; the default is reading."""

    def main() -> Green[None]:
        with tcp() as (one, other), one.makefile("rw", encoding="utf-8") as both:
            yield from both.write("grüße\n")
            yield from both.flush()
            with other.makefile(encoding="utf-8") as text:
                assert (yield from text.readline()) == "grüße\n"

    run(main)


# ---- real peers -----------------------------------------------------------------------------------


def test_a_datagram_comes_back_from_a_blocking_socket_in_a_thread() -> None:
    """The peer knows nothing of genlet."""

    def echo(sock: real.socket) -> None:
        for _ in range(3):
            data, address = sock.recvfrom(100)
            sock.sendto(data.upper(), address)

    def main(address: Any) -> Green[None]:
        with socket(type=green.SOCK_DGRAM) as sock:
            for word in (b"one", b"two", b"three"):
                yield from sock.sendto(word, address)
                assert (yield from sock.recvfrom(100)) == (word.upper(), address)

    with real.socket(type=real.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        thread = threading.Thread(target=echo, args=(server,))
        thread.start()
        try:
            genlet.run(main, server.getsockname())
        finally:
            thread.join()


@pytest.mark.skipif(shutil.which("nc") is None, reason="there is no nc here")
def test_netcat_is_a_peer_like_any_other() -> None:
    """What nc sends arrives, and what is sent to it comes out."""

    def main() -> Green[bytes]:
        with green.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
            command = ["nc", "127.0.0.1", port]
            with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1) as child:
                assert child.stdin is not None
                assert child.stdout is not None
                try:
                    sock, _ = yield from listener.accept()
                    with sock:
                        child.stdin.write(b"from nc\n")
                        child.stdin.flush()
                        assert (yield from sock.recv(100)) == b"from nc\n"
                        yield from sock.sendall(b"to nc\n")
                    child.stdin.close()
                    return child.stdout.read()
                finally:
                    child.kill()
                    if child.stderr is not None:
                        child.stderr.close()

    assert run(main) == b"to nc\n"
