"""What is known of a TLS connection: certificates, ciphers, the session; nothing here waits."""

from __future__ import annotations

import errno
import os
import ssl as real
import sys
from ssl import CHANNEL_BINDING_TYPES, SSLObject, SSLSession
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple, Union, overload

from ..kernel import gathering, tell_held
from ._socket import socket
from ._tls import Engine

if TYPE_CHECKING:
    from typing_extensions import Literal

__all__ = ["TLSFacts", "encoded"]


def encoded(hostname: Union[str, bytes]) -> str:
    """Return the name of a server as OpenSSL takes it; refuses what the standard library refuses."""
    if isinstance(hostname, str):
        hostname = hostname.encode("idna")
    return hostname.decode("ascii")


class TLSFacts(socket):
    """A socket that answers questions about its TLS connection.

    Attributes:
        server_side, server_hostname: As given; the name as it is sent, in ASCII.
    """

    __slots__ = (
        "_context",
        "_engine",
        "_offered",
        "_unwrapped",
        "server_hostname",
        "server_side",
    )

    def _set_up(
        self,
        context: real.SSLContext,
        server_side: bool,
        server_hostname: Optional[str],
        session: Optional[SSLSession],
    ) -> None:
        self._context: real.SSLContext = context
        self.server_side: bool = server_side
        self.server_hostname: Optional[str] = server_hostname
        self._offered: Optional[SSLSession] = session  # the session to resume
        self._engine: Optional[Engine] = None  # none before connect(), and after unwrap()
        self._unwrapped: bool = False  # bytes pass as they are

    @property
    def _tls(self) -> Optional[SSLObject]:
        """OpenSSL's object, if there is an engine."""
        return None if self._engine is None else self._engine.tls

    def _demand(self) -> Engine:
        """Return the engine.

        Raises:
            OSError: ENOTCONN: the socket is not connected yet.
            ValueError: It was unwrapped or closed.
        """
        if self._engine is not None:
            return self._engine
        if not self._unwrapped:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        raise ValueError(f"No SSL wrapper around {self!r}")

    @property
    def secure(self) -> bool:
        """Whether bytes pass through TLS only: until `unwrap`, or another end of TLS."""
        return not self._unwrapped

    @property
    def context(self) -> real.SSLContext:
        """The context in use; another one may be set during the handshake.

        Source:
            ``ssl.SSLSocket.context``.
        """
        return self._context if self._tls is None else self._tls.context

    @context.setter
    def context(self, context: real.SSLContext) -> None:
        self._context = context
        if self._tls is not None:
            self._tls.context = context

    @property
    def session(self) -> Optional[SSLSession]:
        """The session, which a later connection may resume; set it before the handshake to do so.

        Source:
            ``ssl.SSLSocket.session``.
        """
        return None if self._tls is None else self._tls.session

    @session.setter
    def session(self, session: Optional[SSLSession]) -> None:
        self._offered = session
        if self._tls is not None:
            self._tls.session = session

    @property
    def session_reused(self) -> Optional[bool]:
        """Source: ``ssl.SSLSocket.session_reused``."""
        return None if self._tls is None else self._tls.session_reused

    def holds(self) -> bool:
        """Whether something was received from the system and not by a call of `recv` or similar."""
        raise NotImplementedError

    def _tell_held(self) -> None:
        """Wake the greenthreads that wait for the number of the descriptor, if something is held."""
        descriptor = self._descriptor
        if (gathering or descriptor.waits or descriptor.hub is None) and self.holds():
            tell_held(descriptor.fd)

    def pending(self) -> int:
        """Return how many bytes can be received without waiting.

        Source:
            ``ssl.SSLSocket.pending``: decrypted bytes, at most those of one record.
        """
        return 0 if self._engine is None else self._engine.pending()

    @overload
    def getpeercert(self, binary_form: Literal[False] = False) -> Optional[Dict[str, Any]]: ...
    @overload
    def getpeercert(self, binary_form: Literal[True]) -> Optional[bytes]: ...
    @overload
    def getpeercert(self, binary_form: bool) -> Union[Dict[str, Any], bytes, None]: ...
    def getpeercert(self, binary_form: bool = False) -> Union[Dict[str, Any], bytes, None]:
        """Return the peer's certificate; empty if it was not verified, None if there is none.

        Raises:
            ValueError: The handshake is not done yet.

        Source:
            ``ssl.SSLSocket.getpeercert``.
        """
        tls = self._demand().tls
        found: Union[Dict[str, Any], bytes, None] = tls.getpeercert(binary_form)
        return found

    if sys.version_info >= (3, 13):

        def get_verified_chain(self) -> List[bytes]:
            """Source: ``ssl.SSLSocket.get_verified_chain``."""
            return self._demand().tls.get_verified_chain()

        def get_unverified_chain(self) -> List[bytes]:
            """Source: ``ssl.SSLSocket.get_unverified_chain``."""
            return self._demand().tls.get_unverified_chain()

    if sys.version_info >= (3, 15):

        def group(self) -> Optional[str]:
            """Source: ``ssl.SSLSocket.group``."""
            return None if self._tls is None else self._tls.group()

        def client_sigalg(self) -> Optional[str]:
            """Source: ``ssl.SSLSocket.client_sigalg``."""
            return None if self._tls is None else self._tls.client_sigalg()

        def server_sigalg(self) -> Optional[str]:
            """Source: ``ssl.SSLSocket.server_sigalg``."""
            return None if self._tls is None else self._tls.server_sigalg()

    def cipher(self) -> Optional[Tuple[str, str, int]]:
        """Source: ``ssl.SSLSocket.cipher``."""
        return None if self._tls is None else self._tls.cipher()

    def shared_ciphers(self) -> Optional[List[Tuple[str, str, int]]]:
        """Source: ``ssl.SSLSocket.shared_ciphers``."""
        return None if self._tls is None else self._tls.shared_ciphers()

    def compression(self) -> Optional[str]:
        """Source: ``ssl.SSLSocket.compression``."""
        return None if self._tls is None else self._tls.compression()

    def selected_alpn_protocol(self) -> Optional[str]:
        """Source: ``ssl.SSLSocket.selected_alpn_protocol``."""
        return None if self._tls is None else self._tls.selected_alpn_protocol()

    def selected_npn_protocol(self) -> Optional[str]:
        """Source: ``ssl.SSLSocket.selected_npn_protocol``, deprecated there."""
        return None if self._tls is None else self._tls.selected_npn_protocol()  # pyright: ignore[reportDeprecated]

    def version(self) -> Optional[str]:
        """Source: ``ssl.SSLSocket.version``: None before the handshake."""
        return None if self._tls is None else self._tls.version()

    def get_channel_binding(self, cb_type: str = "tls-unique") -> Optional[bytes]:
        """Source: ``ssl.SSLSocket.get_channel_binding``."""
        if self._tls is not None:
            return self._tls.get_channel_binding(cb_type)
        if cb_type not in CHANNEL_BINDING_TYPES:
            raise ValueError(f"{cb_type} channel binding type not implemented")
        return None

    def verify_client_post_handshake(self) -> None:
        """Ask a TLS 1.3 client for its certificate; the next send or `do_handshake` sends that.

        Source:
            ``ssl.SSLSocket.verify_client_post_handshake``.
        """
        if self._tls is None:
            raise ValueError(f"No SSL wrapper around {self!r}")
        self._tls.verify_client_post_handshake()

    def __repr__(self) -> str:
        kind = "unwrapped" if self._unwrapped else "server" if self.server_side else "client"
        return f"<green TLS {kind} {self._sock!r}>"
