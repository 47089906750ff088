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
#   answers    answers out of bytes
#   decoding   content codings of answers
#   urls       URLs in their parts
#   asked      requests into bytes
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
#
# The client:
#
#   failures   its errors
#   uploads    bodies that are sent
#   replies    answers, as callers see them
#   asking     one exchange on one connection
#   pool       the connections that are kept
#   tunnels    the way to a server: proxies, TLS
#   cookies    a jar of the standard library
#   plans      what is asked for, and how far it is
#   client     Client, get, request

from importlib.util import find_spec

from . import files, log
from .asking import RequestTimeouts
from .client import Client, get, request
from .deadlines import Timeouts
from .errors import BadRequest, BodyTooLarge, ClientGone, HTTPError, ResponseError
from .events import Events, event_stream
from .failures import (
    ConnectFailed,
    HTTPFailure,
    ProtocolViolation,
    RedirectRefused,
    ReplyBroken,
    ReplyTimeout,
    ReplyTooLarge,
    RequestError,
    TooManyRedirects,
)
from .framing import Limits, Refused
from .headers import Headers, HeadersLike
from .log import AccessLog, Exchange
from .messages import Body, FileBody, Request, Response, Source, Writer
from .multipart import Multipart, Part
from .plans import Options
from .pool import Statistics
from .proxies import TrustedProxies
from .replies import Reply, StatusError, StreamedReply
from .running import run
from .server import serve
from .service import Handler
from .uploads import Upload

if find_spec("httptools") is None and find_spec("h11") is None:
    raise ImportError(
        "genlet.http needs a library that parses HTTP: pip install 'genlet[http]'", name="h11"
    )

__all__ = [
    "AccessLog",
    "BadRequest",
    "Body",
    "BodyTooLarge",
    "Client",
    "ClientGone",
    "ConnectFailed",
    "Events",
    "Exchange",
    "FileBody",
    "HTTPError",
    "HTTPFailure",
    "Handler",
    "Headers",
    "HeadersLike",
    "Limits",
    "Multipart",
    "Options",
    "Part",
    "ProtocolViolation",
    "RedirectRefused",
    "Refused",
    "Reply",
    "ReplyBroken",
    "ReplyTimeout",
    "ReplyTooLarge",
    "Request",
    "RequestError",
    "RequestTimeouts",
    "Response",
    "ResponseError",
    "Source",
    "Statistics",
    "StatusError",
    "StreamedReply",
    "Timeouts",
    "TooManyRedirects",
    "TrustedProxies",
    "Upload",
    "Writer",
    "event_stream",
    "files",
    "get",
    "log",
    "request",
    "run",
    "serve",
]
