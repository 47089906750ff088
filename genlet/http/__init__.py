"""HTTP/1.1 on green streams."""

# Pure, bytes in and events out, without a socket or a clock:
#
#   headers    ordered, in any case, several values a name
#   errors     answers that are raised, and peers that have gone
#   framing    the rules: from the bytes of a head to how its body ends, or to a refusal
#   chunks     the rules of chunked bodies
#   wire       requests out of bytes: the rules in front of a parser
#   with_h11, with_httptools   the parsers
#   writing    answers into bytes
#   proxies    which peers may say for whom they ask
#   conditions   preconditions and ranges
#   multipart  forms with files
#
# On streams:
#
#   messages    requests, bodies and answers, as handlers see them
#   deadlines   peers that are late: one greenthread for all connections
#   hangups     peers that leave while a handler works
#   log         the access log
#   service     what the connections of a server share
#   answering   one exchange: the handler and its answer
#   connection  the life of one connection
#   server      serve; running: run
#   files       static files
#   events      server-sent events

from importlib.util import find_spec

from . import files, log
from .deadlines import Timeouts
from .errors import BadRequest, BodyTooLarge, ClientGone, HTTPError, ResponseError
from .events import Events, event_stream
from .framing import Limits, Refused
from .headers import Headers, HeadersLike
from .log import AccessLog, Exchange
from .messages import Body, FileBody, Request, Response, Source, Writer
from .multipart import Multipart, Part
from .proxies import TrustedProxies
from .running import run
from .server import serve
from .service import Handler

if find_spec("httptools") is None and find_spec("h11") is None:
    raise ImportError(
        "genlet.http needs a library that parses HTTP: pip install 'genlet[http]'", name="h11"
    )

__all__ = [
    "AccessLog",
    "BadRequest",
    "Body",
    "BodyTooLarge",
    "ClientGone",
    "Events",
    "Exchange",
    "FileBody",
    "HTTPError",
    "Handler",
    "Headers",
    "HeadersLike",
    "Limits",
    "Multipart",
    "Part",
    "Refused",
    "Request",
    "Response",
    "ResponseError",
    "Source",
    "Timeouts",
    "TrustedProxies",
    "Writer",
    "event_stream",
    "files",
    "log",
    "run",
    "serve",
]
