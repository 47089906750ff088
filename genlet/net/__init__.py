"""The network as streams: connect, listen, serve."""

# stream   bytes both ways, by size, separator and line; TLS
# happy    which address to try when: pure
# connect  to a name, to a Unix socket
# accepting  one connection after the other, in spite of what passes
# listen   on TCP addresses, Unix sockets, what systemd hands over
# proxied  the PROXY protocol
# notify   what systemd is told
# reload   TLS contexts that are made anew while a server runs
# serve    a greenthread for each connection

from ..errors import IncompleteReadError, LimitOverrunError
from .connect import ConnectError, ConnectRefused, connect, connect_unix
from .listen import Listener, Listeners, inherited_listeners, listen, listen_unix
from .notify import notify_systemd, watch_for_systemd
from .reload import ContextSource
from .serve import serve
from .stream import Lines, Stream, Transport

__all__ = [
    "ConnectError",
    "ConnectRefused",
    "ContextSource",
    "IncompleteReadError",
    "LimitOverrunError",
    "Lines",
    "Listener",
    "Listeners",
    "Stream",
    "Transport",
    "connect",
    "connect_unix",
    "inherited_listeners",
    "listen",
    "listen_unix",
    "notify_systemd",
    "serve",
    "watch_for_systemd",
]
