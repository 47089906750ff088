"""WSGI applications on green streams."""

# start     what an application says about its answer
# environ   a request as PEP 3333 has it
# input     its body as a file; files: a file as the body of an answer
# threads   a call on a thread; onkernel: a call on the kernel, which may be green
# handler   an application as a handler of genlet.http
# server    eventlet's `wsgi.server`

from .files import FileWrapper
from .handler import Handler, handler
from .server import DEFAULT_LOG_FORMAT, server
from .start import Application, Environ, StartResponse

__all__ = [
    "DEFAULT_LOG_FORMAT",
    "Application",
    "Environ",
    "FileWrapper",
    "Handler",
    "StartResponse",
    "handler",
    "server",
]
