"""How a green socket sends a file."""

from __future__ import annotations

import os
import socket as real
import sys
from operator import index
from socket import SOCK_STREAM
from typing import IO, Any, Optional

from ..abc import Green, green
from ..errors import ClosedResource
from ._calls import Calls

__all__ = ["SendFile"]

MOST = 1 << 30  # bytes for one system call: more overflows on some systems
BLOCK = 8192  # bytes read at a time where the system cannot send the file


class SendFile(Calls):
    """A socket that can send a file."""

    __slots__ = ()

    @green
    def sendfile(
        self, file: IO[bytes], offset: int = 0, count: Optional[int] = None
    ) -> Green[int]:
        """Send *file* from *offset* to its end, or *count* bytes of it; return how many bytes.

        The system reads the file, or else its ``read`` does.  Both may block on the disk, and all
        greenthreads with them.  The timeout is for each wait for the peer.  However the call ends,
        the file's position tells how much was sent.

        Args:
            file: A file opened in binary mode.

        Raises:
            ValueError: The socket is not SOCK_STREAM or has timeout 0, *file* is opened as text,
                or *count* is not positive.

        Source:
            ``socket.sendfile``.  Differs: with *offset* 0 a file that is read begins at its first
            byte too, wherever its position is, as one does that the system sends.
        """
        self._check_sendfile_params(file, offset, count)
        sent = yield from self._sendfile_use_sendfile(file, offset, count)
        if sent is None:
            sent = yield from self._sendfile_use_send(file, offset, count)
        return sent

    # The standard library's names, which a subclass overrides.

    def _check_sendfile_params(self, file: IO[bytes], offset: int, count: Any) -> None:
        if "b" not in getattr(file, "mode", "b"):
            raise ValueError("file should be opened in binary mode")
        if not self.type & SOCK_STREAM:
            raise ValueError("only SOCK_STREAM type sockets are supported")
        if count is not None:
            if not isinstance(count, int):
                raise TypeError(f"count must be a positive integer (got {count!r})")
            if count <= 0:
                raise ValueError(f"count must be a positive integer (got {count!r})")

    @green
    def _sendfile_use_sendfile(
        self, file: IO[bytes], offset: int, count: Optional[int]
    ) -> Green[Optional[int]]:
        """Let the system send the file; return None if it cannot send this one."""
        if sys.platform == "win32":
            return None
        try:
            fileno = file.fileno()
            size = os.fstat(fileno).st_size
        except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
            return None
        if not size:
            return 0
        if self._timeout == 0:
            raise ValueError("non-blocking sockets are not supported")
        block = min(count or size, MOST)
        total = 0
        try:
            while count is None or total < count:
                if count is not None:
                    block = min(count - total, block)
                args = (self.fileno(), fileno, offset + total, block)
                try:
                    sent = yield from self._when(self._writer, 0, os.sendfile, args)
                except real.timeout:
                    raise
                except OSError as exc:
                    if total or isinstance(exc, ClosedResource):
                        raise
                    return None
                if not sent:
                    break
                total += sent
            return total
        finally:
            if total and hasattr(file, "seek"):
                file.seek(offset + total)

    @green
    def _sendfile_use_send(
        self, file: IO[bytes], offset: int = 0, count: Optional[int] = None
    ) -> Green[int]:
        """Read the file and send it, block by block."""
        if self._timeout == 0:
            raise ValueError("non-blocking sockets are not supported")
        if index(offset) or (hasattr(file, "seekable") and file.seekable()):
            file.seek(offset)
        total = 0
        try:
            while count is None or total < count:
                block = BLOCK if count is None else min(count - total, BLOCK)
                with memoryview(file.read(block)) as data:
                    if not data:
                        break
                    done = 0
                    while done < len(data):
                        with data[done:] as rest:
                            sent = yield from self.send(rest)
                        done += sent
                        total += sent
            return total
        finally:
            if total and hasattr(file, "seek"):
                file.seek(offset + total)
