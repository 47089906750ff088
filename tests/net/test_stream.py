"""Streams: what a read returns and keeps, what a send promises, how they end."""

from __future__ import annotations

import errno
import os
import socket as real
import struct
import threading
import warnings
from typing import Callable, List, Union

import pytest

import genlet
from genlet.abc import Green
from genlet.end import END, End
from genlet.errors import BusyResource, ClosedResource
from genlet.green import socket as green
from genlet.net import IncompleteReadError, LimitOverrunError, Stream
from genlet.testing import cancel_everywhere
from tests.net import How, half, run, tcp, turns

# ---- reading --------------------------------------------------------------------------------------


def test_receive_returns_what_there_is_and_nothing_at_the_end() -> None:
    """At most max_bytes at a time; empty once the peer has ended, again and again."""

    def main() -> Green[None]:
        with half() as (stream, peer):
            peer.sendall(b"abcdef")
            peer.shutdown(real.SHUT_WR)
            assert (yield from stream.receive(4)) == b"abcd"
            assert (yield from stream.receive()) == b"ef"
            assert (yield from stream.receive()) == b""
            assert (yield from stream.receive()) == b""
            with pytest.raises(ValueError, match="1 or more; got 0"):
                yield from stream.receive(0)

    run(main)


def test_next_gives_chunks_and_then_end() -> None:
    """A stream is a source."""

    def main() -> Green[bytes]:
        received = b""
        with half() as (stream, peer):
            peer.sendall(b"abc")
            peer.close()
            while (chunk := (yield from stream.next())) is not END:
                received += chunk
        return received

    assert run(main) == b"abc"


def dribble(sock: real.socket, data: bytes, size: int) -> threading.Thread:
    """Send *data* in pieces of *size*, from a thread, and then the end."""

    def send() -> None:
        for start in range(0, len(data), size):
            sock.sendall(data[start : start + size])
        sock.shutdown(real.SHUT_WR)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_reads_of_all_kinds_cut_the_same_bytes_whatever_the_pieces(size: int) -> None:
    """Where the peer's pieces end is never seen."""
    data = b"head\r\n\r\nline one\nline two\n" + bytes(range(256)) + b"--end--rest\nlast"

    def main() -> Green[None]:
        with half() as (stream, peer):
            thread = dribble(peer, data, size)
            assert (yield from stream.read_until(b"\r\n\r\n")) == b"head\r\n\r\n"
            assert (yield from stream.read_line()) == b"line one\n"
            assert (yield from stream.read_exactly(4)) == b"line"
            assert (yield from stream.read_exactly(0)) == b""
            assert (yield from stream.read_line()) == b" two\n"
            assert (yield from stream.read_exactly(256)) == bytes(range(256))
            assert (yield from stream.read_until(b"--end--")) == b"--end--"
            assert (yield from stream.read_line()) == b"rest\n"
            assert (yield from stream.read_line()) == b"last"
            assert (yield from stream.read_line()) == b""
            thread.join()

    run(main)


@pytest.mark.parametrize("before", range(1, 6))
def test_a_separator_across_the_seam_of_two_pieces_is_found(before: int) -> None:
    """However it is divided, also when its own beginning comes before it."""

    def main() -> Green[None]:
        with half() as (stream, peer):
            data = b"xaaab"
            peer.sendall(data[:before])
            reader = genlet.spawn(stream.read_until, b"aab")
            yield from turns()
            peer.sendall(data[before:] + b"rest")
            assert (yield from reader.wait()) == data
            assert (yield from stream.receive()) == b"rest"

    run(main)


def test_lines_are_a_source_of_every_line() -> None:
    """The last one may lack its end."""

    def main() -> Green[List[bytes]]:
        with half() as (stream, peer):
            peer.sendall(b"a\n\nb\r\nc")
            peer.close()
            lines = stream.lines()
            first: Union[bytes, End] = yield from lines.next()
            assert first == b"a\n"
            return (yield from lines.collect())

    assert run(main) == [b"\n", b"b\r\n", b"c"]


def test_an_end_in_the_middle_tells_what_there_was() -> None:
    """IncompleteReadError, an EOFError; at the very end its partial is empty."""
    assert issubclass(IncompleteReadError, EOFError)

    calls: List[Callable[[Stream], Green[bytes]]] = [
        lambda stream: stream.read_exactly(10),
        lambda stream: stream.read_until(b"\n"),
    ]

    def main() -> Green[None]:
        for call in calls:
            with half() as (stream, peer):
                peer.sendall(b"abc")
                peer.close()
                with pytest.raises(IncompleteReadError) as caught:
                    yield from call(stream)
                assert caught.value.partial == b"abc"
                with pytest.raises(IncompleteReadError) as caught:
                    yield from call(stream)
                assert caught.value.partial == b""

    run(main)


def test_a_limit_is_named_and_leaves_the_bytes() -> None:
    """What came is still there to be read, or to be looked at."""

    def main() -> Green[None]:
        with half() as (stream, peer):
            peer.sendall(b"0123456789\nrest")
            with pytest.raises(LimitOverrunError, match="limit=9 bytes: pass a greater limit"):
                yield from stream.read_line(limit=9)
            assert (yield from stream.read_line(limit=10)) == b"0123456789\n"
            peer.sendall(b"without an end")
            with pytest.raises(LimitOverrunError, match=r"no b'\\n' within limit=9 bytes"):
                yield from stream.read_line(limit=9)
            assert (yield from stream.receive(4)) == b"rest"
            peer.close()
            with pytest.raises(LimitOverrunError, match="more than limit=13 bytes"):
                yield from stream.read_all(limit=13)
            assert (yield from stream.read_all(limit=14)) == b"without an end"
            assert (yield from stream.read_all()) == b""

    run(main)


def test_unread_bytes_come_first() -> None:
    """They are put in front of what is held, and cost no wait."""

    def main() -> Green[None]:
        with half() as (stream, peer):
            peer.sendall(b"GET / HTTP/1.1\n")
            head = yield from stream.receive(3)
            stream.unread(head)
            assert stream.buffered == 3
            assert (yield from stream.read_exactly(5)) == b"GET /"
            stream.unread(b"x")
            stream.unread(b"")
            assert (yield from stream.read_line()) == b"x HTTP/1.1\n"

    run(main)


def test_long_reads_take_linear_time() -> None:
    """A line of 2 MB that comes in small pieces is searched once, and copied a few times."""

    class Pieces:
        """Gives a byte string 100 bytes at a time, without waiting."""

        def __init__(self, data: bytes) -> None:
            self.data = data
            self.at = 0
            self.searched = 0

        def recv(self, bufsize: int) -> Green[bytes]:
            yield from ()
            self.at += 100
            return self.data[self.at - 100 : self.at]

        def sendall(self, data: object) -> Green[None]:
            yield from ()

        def shutdown(self, how: int) -> None: ...

        def close(self) -> None: ...

    data = b"x" * 2_000_000 + b"\n"

    def main() -> Green[None]:
        with genlet.fail_after(10):
            assert (yield from Stream(Pieces(data)).read_line(1 << 22)) == data
            assert (yield from Stream(Pieces(data)).read_exactly(len(data))) == data
            assert (yield from Stream(Pieces(data)).read_all()) == data

    run(main)


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_an_interrupted_read_loses_nothing(how: How) -> None:
    """Whatever read is interrupted, wherever: its bytes are there for the next one."""
    data = b"one\ntwo two\nthree--"
    reads: List[Callable[[Stream], Green[bytes]]] = [
        lambda stream: stream.read_exactly(len(data)),
        lambda stream: stream.read_until(b"--"),
        lambda stream: stream.read_all(),
    ]
    for read in reads:
        left: List[bytes] = []

        def attempt(
            read: Callable[[Stream], Green[bytes]] = read, left: List[bytes] = left
        ) -> Green[None]:
            with tcp() as (stream, peer):

                def feed() -> Green[None]:
                    for index in range(0, len(data), 5):
                        yield from peer.send_all(data[index : index + 5])
                        yield from genlet.sleep(0)
                    yield from peer.send_eof()

                done = b""
                feeder = genlet.spawn(feed)  # not the victim's: it goes on
                try:
                    done = yield from read(stream)
                finally:
                    with genlet.shielded(10):
                        yield from feeder.wait()
                        done += yield from stream.read_all()
                        left.append(done)

        cancel_everywhere(attempt, how=how)
        assert len(left) > 3
        assert set(left) == {data}


def test_two_readers_are_an_error() -> None:
    """The second one is told, the first one goes on."""

    def main() -> Green[None]:
        with half() as (stream, peer):
            reader = genlet.spawn(stream.read_line)
            yield from turns()
            with pytest.raises(BusyResource):
                yield from stream.receive()
            peer.sendall(b"x\n")
            assert (yield from reader.wait()) == b"x\n"

    run(main)


def test_a_reset_is_an_error_and_no_end() -> None:
    """ConnectionResetError, as in the standard library."""

    def main() -> Green[None]:
        with (
            real.create_server(("127.0.0.1", 0)) as listener,
            Stream(green.socket(sock=real.create_connection(listener.getsockname()))) as stream,
        ):
            peer, _ = listener.accept()
            peer.setsockopt(real.SOL_SOCKET, real.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            with pytest.raises(ConnectionResetError):
                yield from stream.read_line()

    run(main)


# ---- sending --------------------------------------------------------------------------------------


def test_send_all_sends_its_parts_as_one() -> None:
    """Of any kind of buffer, in their order; none at all is nothing."""

    def main() -> Green[None]:
        with half() as (stream, peer):
            yield from stream.send_all(b"a", bytearray(b"b"), memoryview(b"c"))
            yield from stream.send_all(b"d")
            yield from stream.send_all()
            assert peer.recv(100) == b"abcd"

    run(main)


def test_send_all_waits_for_a_slow_reader() -> None:
    """More than the buffers hold goes out only as the peer reads; nothing is kept in memory."""
    data = os.urandom(5_000_000)

    def main() -> Green[None]:
        with tcp() as (stream, peer):
            sender = genlet.spawn(stream.send_all, data)
            yield from turns(10)
            assert not sender.dead
            assert (yield from peer.read_exactly(len(data))) == data
            yield from sender.wait()

    run(main)


def test_an_interrupted_send_refuses_those_after_it() -> None:
    """Nobody knows how much arrived: trio's rule.  Reading goes on."""

    def main() -> Green[None]:
        with tcp() as (stream, peer):
            with genlet.move_on_after(0.01) as scope:
                yield from stream.send_all(bytes(20_000_000))
            assert scope.cancelled_caught
            with pytest.raises(BrokenPipeError, match="an earlier send did not complete"):
                yield from stream.send_all(b"x")
            with pytest.raises(BrokenPipeError, match="an earlier send did not complete"):
                yield from stream.send_eof()
            yield from peer.send_all(b"still\n")
            assert (yield from stream.read_line()) == b"still\n"
            with pytest.raises(BrokenPipeError, match="an earlier send did not complete"):
                yield from stream.finish()
            with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
                yield from stream.receive()

    run(main)


def test_two_senders_are_an_error_and_never_mix() -> None:
    """Also when the first one is about to go on."""

    def main() -> Green[None]:
        with tcp() as (stream, peer):
            first = bytes(3_000_000)
            sender = genlet.spawn(stream.send_all, first)
            received = b""
            while len(received) < len(first):
                yield from turns(1)
                if not sender.dead:
                    with pytest.raises(BusyResource, match="another greenthread sends on it"):
                        yield from stream.send_all(b"x")
                received += yield from peer.receive()
            yield from sender.wait()
            yield from stream.send_all(b"y")
            assert (yield from peer.receive()) == b"y"
            assert received == first

    run(main)


def test_send_eof_leaves_the_other_direction_open() -> None:
    """After it nothing can be sent, and what the peer sends still comes."""

    def main() -> Green[None]:
        with tcp() as (stream, peer):
            yield from stream.send_all(b"question")
            yield from stream.send_eof()
            yield from stream.send_eof()
            assert (yield from peer.read_all()) == b"question"
            yield from peer.send_all(b"answer")
            yield from peer.send_eof()
            assert (yield from stream.read_all()) == b"answer"
            with pytest.raises(BrokenPipeError, match="its end was sent"):
                yield from stream.send_all(b"more")

    run(main)


def test_closing_wakes_who_reads_and_who_sends() -> None:
    """Both get ClosedResource at once; later uses are refused."""

    def main() -> Green[None]:
        with tcp() as (stream, _):
            reader = genlet.spawn(stream.read_line)
            sender = genlet.spawn(stream.send_all, bytes(20_000_000))
            yield from turns()
            stream.close()
            for gt in (reader, sender):
                with pytest.raises(ClosedResource):
                    yield from gt.wait()
            stream.close()
            with pytest.raises(ClosedResource, match="it was closed"):
                yield from stream.send_all(b"x")
            with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
                yield from stream.receive()
            yield from stream.finish()

    run(main)


# ---- the end --------------------------------------------------------------------------------------


def test_finish_delivers_what_was_sent_last_to_a_peer_that_still_sends() -> None:
    """A close alone would reset the connection, for the peer's bytes are unread."""
    answer = os.urandom(1_000_000)

    def main() -> Green[None]:
        with tcp() as (stream, peer):

            def client() -> Green[bytes]:
                yield from peer.send_all(b"question")
                yield from genlet.sleep(0.05)
                yield from peer.send_all(b"never read")
                received = yield from peer.read_all()
                peer.close()
                return received

            with genlet.TaskGroup() as group:
                asker = group.spawn(client)
                assert (yield from stream.read_exactly(8)) == b"question"
                yield from stream.send_all(answer)
                yield from stream.finish(linger=10)
                assert (yield from asker.wait()) == answer
                yield from group.join()

    run(main)


def test_finish_waits_no_longer_than_it_lingers() -> None:
    """A peer that never closes is left."""

    def main() -> Green[None]:
        with tcp() as (stream, peer):
            yield from stream.finish(linger=0.01)
            assert (yield from peer.receive()) == b""
            with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
                yield from stream.receive()

    run(main)


def test_finish_with_a_peer_that_has_gone_is_no_error() -> None:
    """There is nobody to say goodbye to."""

    def main() -> Green[None]:
        with (
            real.create_server(("127.0.0.1", 0)) as listener,
            Stream(green.socket(sock=real.create_connection(listener.getsockname()))) as stream,
        ):
            peer, _ = listener.accept()
            peer.setsockopt(real.SOL_SOCKET, real.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            yield from stream.finish()

    run(main)


def test_finish_while_another_reads_is_refused_and_closes() -> None:
    """Throwing away what the peer sends is not for two."""

    def main() -> Green[None]:
        with tcp() as (stream, _):
            reader = genlet.spawn(stream.read_line)
            yield from turns()
            with pytest.raises(BusyResource):
                yield from stream.finish()
            with pytest.raises(ClosedResource):
                yield from reader.wait()

    run(main)


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_finish_interrupted_anywhere_closes(how: How) -> None:
    """The descriptor is gone, whatever happens."""
    streams: List[Stream] = []

    def attempt() -> Green[None]:
        with tcp() as (stream, _):
            streams.append(stream)
            try:
                yield from stream.finish(linger=0.01)
            finally:
                assert stream.socket.fileno() == -1

    assert cancel_everywhere(attempt, how=how) > 0


def leave(debug: bool, block: Callable[[Stream], Green[None]]) -> List[str]:
    """Run *block* in a stream's with block, and return the warnings."""

    def main() -> Green[None]:
        with half() as (stream, _), stream:
            yield from block(stream)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        genlet.Runner(debug=debug).run(main)
    return [str(one.message) for one in caught if one.category is RuntimeWarning]


def test_a_block_left_without_a_goodbye_warns_in_debug_runs() -> None:
    """Only if something was sent, and nothing was wrong."""

    def sends(stream: Stream) -> Green[None]:
        yield from stream.send_all(b"x")

    def finishes(stream: Stream) -> Green[None]:
        yield from stream.send_all(b"x")
        yield from stream.finish(linger=0)

    def closes(stream: Stream) -> Green[None]:
        yield from stream.send_all(b"x")
        stream.close()

    def nothing(_: Stream) -> Green[None]:
        yield from ()

    assert ["'yield from stream.finish()'" in one for one in leave(True, sends)] == [True]
    for block in (finishes, closes, nothing):
        assert leave(True, block) == []
    assert leave(False, sends) == []


# ---- other ----------------------------------------------------------------------------------------


def test_a_stream_has_no_dict() -> None:
    """It is made for each connection."""
    with half() as (stream, _):
        assert not hasattr(stream, "__dict__")
        assert repr(stream).startswith("<Stream <")
