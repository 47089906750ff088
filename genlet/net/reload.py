"""TLS contexts that are made anew while a server runs: for certificates that were renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["ContextSource"]


class ContextSource:
    """Gives the TLS context for each new connection, and makes another one when told to.

    ::

        def make() -> ssl.SSLContext:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain("server.pem", "server.key")
            return context

        tls = ContextSource(make)
        yield from serve(handle, listeners, tls=tls)

    and where the program learns that the files have changed, ``tls.reload()``.

    Connections that exist keep the context with which they began.

    Args:
        make: Returns a new context.  It is called at once, and by each `reload`.

    Source:
        genlet's own.  Loading another chain into a context that is in use leaves it without a key
        while certificate and key do not match, and keeps the old chain if the kind of key differs.
    """

    __slots__ = ("_context", "_make")

    def __init__(self, make: Callable[[], SSLContext]) -> None:
        self._make: Callable[[], SSLContext] = make
        self._context: SSLContext = make()

    def __call__(self) -> SSLContext:
        """Return the context for a connection that begins now."""
        return self._context

    def reload(self) -> None:
        """Have connections that begin from now on use a new context.

        A plain call, which reads the files in place.

        Raises:
            Exception: What *make* raises; the context in use stays the old one.
        """
        self._context = self._make()
