"""The green socket: streams of bytes, the hot paths; `genlet.green.socket` is its public face."""

# Receiving and sending on a stream are written out here, with as few calls as possible between the
# generator and the system call.  Every method has the same form:
#
#     while True:
#         if side.ready:
#             try: return the system call
#             except BlockingIOError: side.ready = False
#         yield from the wait, which sets side.ready
#
# A TCP read that returned less than was asked for has drained the socket.  It clears `ready`, so
# that the next read waits before it tries (see `Direction.hint`).

from __future__ import annotations

import socket as real
from operator import index
from typing import TYPE_CHECKING, Any, Optional, Tuple, Union, cast, overload

from ..abc import Green, Op, green
from ..kernel import NOBODY, fault
from ._addresses import Address
from ._calls import DONTWAIT
from ._connecting import Connecting
from ._endpoint import real_socket
from ._octets import WRITE_CHUNK, octets, size_of
from ._sendfile import SendFile
from ._waiting import BURST, wait_for
from .io import (
    BufferedReader,
    BufferedRWPair,
    BufferedWriter,
    SocketIO,
    TextIOWrapper,
    open_raw,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer, Literal

__all__ = ["File", "socket"]

File = Union[SocketIO, BufferedReader, BufferedWriter, BufferedRWPair, TextIOWrapper]
"""The result of `socket.makefile`."""


class socket(Connecting, SendFile):
    """A socket whose waiting calls are green.

    Args:
        family, type, proto, fileno: As for ``socket.socket``.
        sock: A socket of the standard library, to take over instead of making one.  It may be given
            as the first argument too, as eventlet's GreenSocket takes it.

    One greenthread may receive while another sends.  Two that receive at the same time, or two that
    send, are an error.  Closing the socket raises ClosedResource in the greenthreads that wait on it.

    Source:
        ``socket.socket``.
    """

    __slots__ = ()

    def __init__(
        self,
        family: Union[int, real.socket] = -1,
        type: int = -1,
        proto: int = -1,
        fileno: Optional[int] = None,
        *,
        sock: Optional[real.socket] = None,
    ) -> None:
        if isinstance(family, real.socket):
            sock, family = family, -1
        self._adopt(real_socket(family, type, proto, fileno) if sock is None else sock)

    @green
    def recv(self, bufsize: int, flags: int = 0) -> Green[bytes]:
        """Receive up to *bufsize* bytes; an empty result means that the peer has closed.

        MSG_WAITALL returns what has arrived, as on the standard library's sockets with a timeout.

        Raises:
            socket.timeout: The socket's timeout has passed.
            ConnectionResetError: The peer has reset the connection.
            ClosedResource: Another greenthread closed the socket meanwhile.

        Source:
            ``socket.recv``.  Differs from eventlet: a reset is an error, not an empty result.
        """
        timeout = self._timeout
        if timeout == 0:
            return self._recv(bufsize, flags)
        reader = self._reader
        if reader.gt is not NOBODY:
            reader.claim()
        deadline: Optional[float] = None
        while True:
            # An unusual call is tried in any case: it may be invalid, or need no data.
            if reader.ready or flags or bufsize.__class__ is not int or bufsize <= 0:
                if self._credit <= 0:
                    self._credit = BURST
                    yield from reader.let_others_run()
                receive = self._recv
                try:
                    data = receive(bufsize, flags)
                except BlockingIOError:
                    if not bufsize:
                        return b""  # CPython does not ask the system; PyPy does
                    if flags & DONTWAIT and timeout is None:
                        raise
                    reader.ready = False
                else:
                    self._credit -= 1
                    if reader.hint and 0 < len(data) < bufsize and not flags:
                        reader.ready = False
                    return data
            self._credit = BURST
            if timeout is not None or reader.gt is not NOBODY:
                deadline = yield from wait_for(reader, timeout, deadline)
                continue
            # Direction.wait, written out, because this is the hottest path.
            yield reader
            gt = reader.gt
            if gt.scheduler.current is not gt or gt.fault is not None:
                del gt
                raise fault(reader)
            reader.gt = NOBODY

    def recv_nowait(self, bufsize: int) -> bytes:
        """Receive up to *bufsize* bytes that have come; an empty result means that the peer has closed.

        Raises:
            BlockingIOError: Nothing has come.
            BusyResource: Another greenthread receives.
            ConnectionResetError: The peer has reset the connection.

        Source:
            genlet's own: ``recv`` of a socket whose timeout is 0, whatever the timeout.
        """
        self._reader.claim()
        return self._recv(bufsize, 0)

    @green
    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> Green[int]:
        """Receive into *buffer*, and return how many bytes were received.

        Source:
            ``socket.recv_into``.
        """
        timeout = self._timeout
        if timeout == 0:
            return self._sock.recv_into(buffer, nbytes, flags)
        reader = self._reader
        if reader.gt is not NOBODY:
            reader.claim()
        deadline: Optional[float] = None
        while True:
            # As in `recv`.  A bytearray is known to be a writable buffer.
            if reader.ready or flags or nbytes or buffer.__class__ is not bytearray or not buffer:
                if self._credit <= 0:
                    self._credit = BURST
                    yield from reader.let_others_run()
                try:
                    count = self._sock.recv_into(buffer, nbytes, flags)
                except BlockingIOError:
                    if not (nbytes or size_of(buffer)):
                        return 0  # as in `recv`
                    if flags & DONTWAIT and timeout is None:
                        raise
                    reader.ready = False
                else:
                    self._credit -= 1
                    if reader.hint and count and not flags:
                        reader.ready = count == (nbytes or size_of(buffer))
                    return count
            self._credit = BURST
            deadline = yield from wait_for(reader, timeout, deadline)

    @green
    def recvfrom(self, bufsize: int, flags: int = 0) -> Green[Tuple[bytes, Address]]:
        """Receive a datagram, and return it with its sender's address.

        Source:
            ``socket.recvfrom``.
        """
        timeout = self._timeout
        if timeout == 0:
            return self._sock.recvfrom(bufsize, flags)
        reader = self._reader
        if reader.gt is not NOBODY:
            reader.claim()
        deadline: Optional[float] = None
        while True:
            # Tried whatever is known: a datagram that was read says nothing about the next one.
            if self._credit <= 0:
                self._credit = BURST
                yield from reader.let_others_run()
            try:
                result = self._sock.recvfrom(bufsize, flags)
            except BlockingIOError:
                if flags & DONTWAIT and timeout is None:
                    raise
                reader.ready = False
            else:
                self._credit -= 1
                self._numeric = result[1]
                return result
            self._credit = BURST
            if timeout is not None or reader.gt is not NOBODY:
                deadline = yield from wait_for(reader, timeout, deadline)
                continue
            yield reader  # as in `recv`
            gt = reader.gt
            if gt.scheduler.current is not gt or gt.fault is not None:
                del gt
                raise fault(reader)
            reader.gt = NOBODY

    @overload
    def sendto(self, data: Buffer, address: Address, /) -> Op[int]: ...
    @overload
    def sendto(self, data: Buffer, flags: int, address: Address, /) -> Op[int]: ...
    @green
    def sendto(self, data: Buffer, address: Any, *rest: Any) -> Green[int]:
        """Send a datagram: ``sendto(data, address)`` or ``sendto(data, flags, address)``.

        A host given by name is looked up first, within the socket's timeout.

        Source:
            ``socket.sendto``.
        """
        known = self._numeric
        if (
            (address is known or address == known)
            and not rest
            and self._credit > 0
            and self._writer.gt is NOBODY
        ):
            try:
                sent = self._sock.sendto(data, address)
            except BlockingIOError:
                if self._timeout == 0:
                    raise
            else:
                self._credit -= 1
                return sent
        return (yield from self._send_datagram(data, (address, *rest)))

    @green
    def sendall(self, data: Buffer, flags: int = 0) -> Green[None]:
        """Send all of *data*.

        The socket's timeout is for all of it together.  After an error it is unknown how much was
        sent.

        Raises:
            socket.timeout: The socket's timeout has passed.
            BrokenPipeError, ConnectionResetError: The peer has closed or reset the connection.
            ClosedResource: Another greenthread closed the socket meanwhile.

        Source:
            ``socket.sendall``.
        """
        writer = self._writer
        if writer.gt is not NOBODY:
            writer.claim()
        timeout = self._timeout
        done = None
        if writer.ready and self._credit > 0:
            try:
                done = self._send(data, flags)
            except BlockingIOError:
                if timeout == 0 or (flags & DONTWAIT and timeout is None):
                    raise
                writer.ready = False
            else:
                self._credit -= 1
                if isinstance(data, bytes) and done == len(data):
                    return
        # Released even if an error lives on: *data* can be resized then.
        with octets(data) as view:
            size = len(view)
            if done == size:
                return
            done = done or 0
            deadline: Optional[float] = None
            while True:
                if writer.ready or flags or timeout == 0:
                    if self._credit <= 0 and timeout != 0:
                        self._credit = BURST
                        yield from writer.let_others_run()
                    try:
                        with view[done : WRITE_CHUNK and done + WRITE_CHUNK] as rest:
                            done += self._send(rest, flags)
                    except BlockingIOError:
                        if timeout == 0 or (flags & DONTWAIT and timeout is None):
                            raise
                        writer.ready = False
                    else:
                        self._credit -= 1
                        if done >= size:
                            return
                        continue
                self._credit = BURST
                deadline = yield from wait_for(writer, timeout, deadline)

    # ---- files ----

    @overload
    def makefile(
        self,
        mode: Literal["b", "rb", "br", "wb", "bw", "rwb", "rbw", "wrb", "wbr", "brw", "bwr"],
        buffering: Literal[0],
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> SocketIO: ...
    @overload
    def makefile(
        self,
        mode: Literal["rwb", "rbw", "wrb", "wbr", "brw", "bwr"],
        buffering: Optional[Literal[-1, 1]] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> BufferedRWPair: ...
    @overload
    def makefile(
        self,
        mode: Literal["b", "rb", "br"],
        buffering: Optional[Literal[-1, 1]] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> BufferedReader: ...
    @overload
    def makefile(
        self,
        mode: Literal["wb", "bw"],
        buffering: Optional[Literal[-1, 1]] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> BufferedWriter: ...
    @overload
    def makefile(
        self,
        mode: Literal["r", "w", "rw", "wr", ""] = "r",
        buffering: Optional[Literal[-1, 1]] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> TextIOWrapper: ...
    @overload
    def makefile(
        self,
        mode: str,
        buffering: Optional[int] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> File: ...
    def makefile(
        self,
        mode: str = "r",
        buffering: Optional[int] = None,
        *,
        encoding: Optional[str] = None,
        errors: Optional[str] = None,
        newline: Optional[str] = None,
    ) -> File:
        """Return a green file over the socket, which stays open until the file is closed.

        Args:
            mode: Any combination of "r", "w" and "b".
            buffering, encoding, errors, newline: As for ``open``.

        Source:
            ``socket.makefile``.  Differs: `read`, `write` and similar methods of the file are green.
        """
        if not set(mode) <= {"r", "w", "b"}:
            raise ValueError(f"invalid mode {mode!r} (only r, w, b allowed)")
        binary = "b" in mode
        if buffering == 0 and not binary:
            raise ValueError("unbuffered streams must be binary")
        rights = "".join(right for right in "rw" if right in mode) or "r"
        size = -1 if buffering is None or buffering < 0 else index(buffering)
        raw = SocketIO(self, rights)
        try:
            if binary:
                return cast("File", open_raw(raw, rights + "b", size))
            return cast("File", open_raw(raw, rights, size, encoding, errors, newline))
        except BaseException:
            raw.close()
            raise
