"""``ssl``, with sockets whose waiting calls are green.

::

    context = ssl.create_default_context()
    sock = context.wrap_socket(plain, server_hostname="example.org")
    yield from sock.sendall(b"...")

`SSLContext.wrap_socket` is a plain call: the handshake is done by the first operation, by
``connect``, or by ``yield from sock.do_handshake()``.  A context of the standard library can be used
with `wrap_socket`.  Errors and constants are the standard library's own objects.
"""

from __future__ import annotations

import ssl as real
from ssl import ALERT_DESCRIPTION_CLOSE_NOTIFY as ALERT_DESCRIPTION_CLOSE_NOTIFY
from ssl import CERT_NONE as CERT_NONE
from ssl import CERT_OPTIONAL as CERT_OPTIONAL
from ssl import CERT_REQUIRED as CERT_REQUIRED
from ssl import CHANNEL_BINDING_TYPES as CHANNEL_BINDING_TYPES
from ssl import HAS_ALPN as HAS_ALPN
from ssl import HAS_ECDH as HAS_ECDH
from ssl import HAS_NEVER_CHECK_COMMON_NAME as HAS_NEVER_CHECK_COMMON_NAME
from ssl import HAS_NPN as HAS_NPN
from ssl import HAS_SNI as HAS_SNI
from ssl import OP_ALL as OP_ALL
from ssl import OP_CIPHER_SERVER_PREFERENCE as OP_CIPHER_SERVER_PREFERENCE
from ssl import OP_NO_COMPRESSION as OP_NO_COMPRESSION
from ssl import OP_NO_TICKET as OP_NO_TICKET
from ssl import OPENSSL_VERSION as OPENSSL_VERSION
from ssl import OPENSSL_VERSION_INFO as OPENSSL_VERSION_INFO
from ssl import OPENSSL_VERSION_NUMBER as OPENSSL_VERSION_NUMBER
from ssl import PROTOCOL_TLS as PROTOCOL_TLS
from ssl import PROTOCOL_TLS_CLIENT as PROTOCOL_TLS_CLIENT
from ssl import PROTOCOL_TLS_SERVER as PROTOCOL_TLS_SERVER
from ssl import SSL_ERROR_EOF as SSL_ERROR_EOF
from ssl import SSL_ERROR_SSL as SSL_ERROR_SSL
from ssl import SSL_ERROR_SYSCALL as SSL_ERROR_SYSCALL
from ssl import SSL_ERROR_WANT_READ as SSL_ERROR_WANT_READ
from ssl import SSL_ERROR_WANT_WRITE as SSL_ERROR_WANT_WRITE
from ssl import SSL_ERROR_ZERO_RETURN as SSL_ERROR_ZERO_RETURN
from ssl import VERIFY_CRL_CHECK_CHAIN as VERIFY_CRL_CHECK_CHAIN
from ssl import VERIFY_CRL_CHECK_LEAF as VERIFY_CRL_CHECK_LEAF
from ssl import VERIFY_DEFAULT as VERIFY_DEFAULT
from ssl import VERIFY_X509_STRICT as VERIFY_X509_STRICT
from ssl import VERIFY_X509_TRUSTED_FIRST as VERIFY_X509_TRUSTED_FIRST
from ssl import AlertDescription as AlertDescription
from ssl import CertificateError as CertificateError
from ssl import DER_cert_to_PEM_cert as DER_cert_to_PEM_cert
from ssl import MemoryBIO as MemoryBIO
from ssl import Options as Options
from ssl import PEM_cert_to_DER_cert as PEM_cert_to_DER_cert
from ssl import Purpose as Purpose
from ssl import RAND_add as RAND_add
from ssl import RAND_bytes as RAND_bytes
from ssl import RAND_status as RAND_status
from ssl import SSLCertVerificationError as SSLCertVerificationError
from ssl import SSLEOFError as SSLEOFError
from ssl import SSLError as SSLError
from ssl import SSLObject as SSLObject
from ssl import SSLSession as SSLSession
from ssl import SSLSyscallError as SSLSyscallError
from ssl import SSLWantReadError as SSLWantReadError
from ssl import SSLWantWriteError as SSLWantWriteError
from ssl import SSLZeroReturnError as SSLZeroReturnError
from ssl import TLSVersion as TLSVersion
from ssl import VerifyFlags as VerifyFlags
from ssl import VerifyMode as VerifyMode
from ssl import cert_time_to_seconds as cert_time_to_seconds
from ssl import get_default_verify_paths as get_default_verify_paths
from ssl import get_protocol_name as get_protocol_name
from typing import (
    TYPE_CHECKING,
    Dict,
    Optional,
    Tuple,
    Union,
)

from ..abc import Green, green
from . import socket as sockets
from ._mirror import mirror
from ._sslsocket import SSLSocket as SSLSocket

if TYPE_CHECKING:
    import socket as plain
    from ssl import OP_NO_RENEGOTIATION as OP_NO_RENEGOTIATION

NOT_GREEN = "it blocks, and is not of TLS: take genlet.green.socket's"

# Tracebacks and pickles name the class by the module that users import.
SSLSocket.__module__ = __name__


# ---- contexts -------------------------------------------------------------------------------------


class SSLContext(real.SSLContext):
    """A context whose ``wrap_socket`` makes green sockets.

    Source:
        ``ssl.SSLContext``.
    """

    def wrap_socket(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        sock: Union[sockets.socket, plain.socket],
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: Optional[str] = None,
        session: Optional[SSLSession] = None,
    ) -> SSLSocket:
        """Make a socket that speaks TLS from *sock*, whose descriptor moves to the new socket.

        A plain call that never waits: the handshake is done by the first operation, by ``connect``,
        or by ``yield from sock.do_handshake()``.

        Args:
            sock: A stream socket, green or of the standard library.  It is connected, or will be
                connected, or is a listener; then ``accept`` returns sockets that speak TLS.

        Raises:
            BusyResource: A greenthread receives or sends on *sock*.

        Source:
            ``ssl.SSLContext.wrap_socket``, which does the handshake.
        """
        return wrap_socket(
            sock,
            self,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect,
            suppress_ragged_eofs=suppress_ragged_eofs,
            server_hostname=server_hostname,
            session=session,
        )


def wrap_socket(
    sock: Union[sockets.socket, plain.socket],
    context: real.SSLContext,
    *,
    server_side: bool = False,
    do_handshake_on_connect: bool = True,
    suppress_ragged_eofs: bool = True,
    server_hostname: Optional[str] = None,
    session: Optional[SSLSession] = None,
) -> SSLSocket:
    """Make a socket that speaks TLS from *sock*, as `SSLContext.wrap_socket` does.

    Args:
        context: Any context, also one of the standard library.

    Source:
        ``ssl.wrap_socket``, which Python 3.12 has removed.  Differs: it takes a context instead of
        settings.
    """
    return SSLSocket._create(
        sock,
        context,
        server_side=server_side,
        do_handshake_on_connect=do_handshake_on_connect,
        suppress_ragged_eofs=suppress_ragged_eofs,
        server_hostname=server_hostname,
        session=session,
    )


def create_default_context(
    purpose: Purpose = Purpose.SERVER_AUTH,
    *,
    cafile: Optional[str] = None,
    capath: Optional[str] = None,
    cadata: Union[str, bytes, None] = None,
) -> SSLContext:
    """Return a context with secure settings; for a client, one that verifies the server.

    Source:
        ``ssl.create_default_context``, whose settings it has.
    """
    context = real.create_default_context(purpose, cafile=cafile, capath=capath, cadata=cadata)
    # This keeps the settings, whatever they are in this version, and changes only wrap_socket.
    context.__class__ = SSLContext
    assert isinstance(context, SSLContext)
    return context


@green
def get_server_certificate(
    addr: Tuple[str, int],
    ssl_version: int = PROTOCOL_TLS_CLIENT,
    ca_certs: Optional[str] = None,
    timeout: Optional[float] = sockets._GLOBAL_DEFAULT_TIMEOUT,
) -> Green[str]:
    """Return the certificate of the server at *addr*, in PEM.

    Args:
        ca_certs: The path of the certificates of the authorities; None verifies nothing.
        timeout: Seconds for connecting, and again for the handshake.

    Source:
        ``ssl.get_server_certificate``.
    """
    context = SSLContext(ssl_version)
    context.check_hostname = False
    context.verify_mode = CERT_NONE if ca_certs is None else CERT_REQUIRED
    if ca_certs:
        context.load_verify_locations(ca_certs)
    plain = yield from sockets.create_connection(addr, timeout)
    with plain, context.wrap_socket(plain, server_hostname=addr[0]) as sock:
        yield from sock.do_handshake()
        certificate = sock.getpeercert(True)
    assert certificate is not None, "a server without a certificate fails the handshake"
    return DER_cert_to_PEM_cert(certificate)


# The names that wait.
__green__: Tuple[str, ...] = (
    "SSLSocket.accept",
    "SSLSocket.announce_end",
    "SSLSocket.connect",
    "SSLSocket.connect_ex",
    "SSLSocket.do_handshake",
    "SSLSocket.read",
    "SSLSocket.recv",
    "SSLSocket.recv_into",
    "SSLSocket.recvfrom",
    "SSLSocket.recvfrom_into",
    "SSLSocket.send",
    "SSLSocket.sendall",
    "SSLSocket.sendfile",
    "SSLSocket.sendto",
    "SSLSocket.unwrap",
    "SSLSocket.write",
    "get_server_certificate",
)

__omitted__: Dict[str, str] = {
    "create_connection": NOT_GREEN,
    "socket": NOT_GREEN,
}

if not TYPE_CHECKING:
    __getattr__ = mirror(globals(), real)
