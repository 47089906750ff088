"""The face of a TLS engine: what `genlet.green.ssl.SSLSocket` needs of the code that moves bytes."""

from __future__ import annotations

from ssl import (
    SSL_ERROR_WANT_READ,
    SSL_ERROR_WANT_WRITE,
    SSLObject,
    SSLWantReadError,
    SSLWantWriteError,
)
from typing import TYPE_CHECKING, Optional, Protocol

from ..abc import Green

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["RECORD", "Engine", "want_read", "want_write"]

# The most plaintext in one record: OpenSSL encrypts no more at a time.
RECORD = 16384


class Engine(Protocol):
    """TLS on one connected stream socket.

    The engine encrypts, decrypts, moves bytes and waits.  The socket above it does the rest: it
    checks arguments, begins with a handshake, decides what an unannounced end means, and admits one
    greenthread to `receive` and `receive_into` and one to `send` and `send_all`.  So one greenthread
    may receive while another sends, and `handshake` may run in both.

    Each waiting method has a *timeout*: seconds for the whole call, None to wait forever, 0 to raise
    SSLWantReadError or SSLWantWriteError instead of waiting.  When the time has passed the method
    raises ``socket.timeout``, and when the descriptor was closed ClosedResource.  An interrupted
    method loses no bytes, sends none twice, and leaves the connection usable.

    An engine does not refer to its socket: that would be a reference cycle.
    """

    @property
    def tls(self) -> SSLObject:
        """OpenSSL's object, for the questions that never wait: certificates, ciphers, sessions."""
        ...

    def handshake(self, timeout: Optional[float]) -> Green[None]:
        """Do the handshake, and send all that it has to send; nothing if it was done before."""
        ...

    def receive(self, size: int, timeout: Optional[float]) -> Green[bytes]:
        """Return 1 to *size* bytes, or none at the end that the peer has announced.

        Raises:
            SSLEOFError: The connection ended, and the peer had not announced that.
        """
        ...

    def receive_into(self, buffer: Buffer, size: int, timeout: Optional[float]) -> Green[int]:
        """Do as `receive`, into the first *size* bytes of *buffer*, and return how many they are."""
        ...

    def send(self, data: memoryview, timeout: Optional[float]) -> Green[int]:
        """Send some of *data*, at most one record, and return how many bytes were sent.

        A call that was interrupted, or did not wait, is repeated with the same data, which are then
        sent once.
        """
        ...

    def send_all(self, data: memoryview, timeout: Optional[float]) -> Green[None]:
        """Send all of *data*."""
        ...

    def unwrap(self, timeout: Optional[float]) -> Green[None]:
        """Announce the end of TLS to the peer, and wait until the peer does the same."""
        ...

    def announce_end(self, timeout: Optional[float]) -> Green[None]:
        """Announce the end of TLS to the peer, and do not wait for the peer to do the same.

        Nothing can be received after that.
        """
        ...

    def receive_nowait(self, size: int) -> bytes:
        """Do as `receive` with a timeout of 0, as a plain call."""
        ...

    def pending(self) -> int:
        """Return how many decrypted bytes can be received without waiting."""
        ...

    def holds(self) -> bool:
        """Whether input was taken from the descriptor and not received yet, decrypted or not."""
        ...

    def push(self) -> None:
        """Send what is still to be sent, as far as that does not wait.

        An error is not raised: the next operation meets it.
        """
        ...

    def leave(self) -> bytes:
        """End the use of the engine, and return the bytes that it received and did not deliver.

        They are what is decrypted already, and then the bytes as they came.
        """
        ...


def want_read() -> SSLWantReadError:
    """Return the error of a call that would wait for input."""
    return SSLWantReadError(SSL_ERROR_WANT_READ, "The operation did not complete (read)")


def want_write() -> SSLWantWriteError:
    """Return the error of a call that would wait for room to send."""
    return SSLWantWriteError(SSL_ERROR_WANT_WRITE, "The operation did not complete (write)")
