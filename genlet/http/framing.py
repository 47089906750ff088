"""The rules of framing: from the bytes of a request's head to how its body ends, or to a refusal."""

# Two servers that disagree about where a request ends can be made to answer the wrong client
# (request smuggling).  So nothing here is lenient, no parser is asked, and whatever is unclear is
# refused and ends the connection.
#
# A head is judged when it is whole.  Only what can become no head at all is refused earlier, and then
# with the status that the whole head would get: the verdict does not depend on how the bytes were
# cut.  tests/http/test_framing.py cuts each case everywhere.

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, NoReturn, Optional, Tuple

from .headers import Headers, RawFields

__all__ = ["CHUNKED", "METHODS", "UNBOUNDED", "Head", "Limits", "Refused", "Verdict", "judge"]
__all__ += ["judge_any", "judge_part"]

CHUNKED = -1
"""The ``length`` of a body that comes in chunks."""


class Limits(NamedTuple):
    """What a request may take of a server, in bytes unless said otherwise.

    Attributes:
        head: The request line and the header fields; trailers count too.
        target: The target in the request line.
        fields: How many header fields and trailers.
        body: A body that the handler reads; it may set another limit for one request.
        pipelined: What is received ahead of its turn.
        discard: What is read and thrown away of a body that the handler left; beyond that the
            connection is closed.
    """

    head: int = 32768
    target: int = 8192
    fields: int = 100
    body: int = 16 << 20
    pipelined: int = 65536
    discard: int = 65536


class Refused(Exception):
    """The peer sent what is no message: it is answered with *status*, and the connection ends.

    Attributes:
        status: 400, 405, 413, 414, 417, 431, 501 or 505.
        reason: What was found, for the log and for the answer; it quotes nothing the peer sent.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status: int = status
        self.reason: str = reason

    def __str__(self) -> str:
        return f"{self.status}: {self.reason}"


class Verdict(NamedTuple):
    """What the raw bytes of a head say about its message."""

    method: str
    target: str
    version: str  # "1.0" or "1.1"
    host: str  # the authority of an absolute target, else Host; "" without both
    raw_path: bytes
    query: str
    length: int  # bytes of the body, or CHUNKED
    keep_alive: bool  # the client lets the connection live
    expects: bool  # it waits for "100 Continue" before it sends the body
    upgrade: str  # the protocols it offers to go on with; "" for none
    forwarded: bool  # it has a field that only a proxy may send
    fields: int  # how many


class Head:
    """A request up to its body.

    Attributes:
        verdict: What the rules found.
    """

    __slots__ = ("_fields", "_headers", "verdict")

    def __init__(self, verdict: Verdict, fields: RawFields) -> None:
        self.verdict: Verdict = verdict
        self._fields: RawFields = fields
        self._headers: Optional[Headers] = None

    @property
    def headers(self) -> Headers:
        """The fields, as the parser has split them."""
        # Made at the first look: many handlers never look.
        headers = self._headers
        if headers is None:
            headers = self._headers = Headers.of_raw(self._fields)
        return headers

    def __repr__(self) -> str:
        return f"<Head {self.verdict.method} {self.verdict.target}>"


# What both parsers know.  CONNECT is refused later, with 405.
METHODS = {
    name.encode(): name
    for name in [
        "ACL",
        "BIND",
        "CHECKOUT",
        "CONNECT",
        "COPY",
        "DELETE",
        "GET",
        "HEAD",
        "LINK",
        "LOCK",
        "M-SEARCH",
        "MERGE",
        "MKACTIVITY",
        "MKCALENDAR",
        "MKCOL",
        "MOVE",
        "NOTIFY",
        "OPTIONS",
        "PATCH",
        "POST",
        "PROPFIND",
        "PROPPATCH",
        "PURGE",
        "PUT",
        "REBIND",
        "REPORT",
        "SEARCH",
        "QUERY",
        "SOURCE",
        "SUBSCRIBE",
        "TRACE",
        "UNBIND",
        "UNLINK",
        "UNLOCK",
        "UNSUBSCRIBE",
    ]
}

CONNECT = "CONNECT"

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
VALUE = rb"[\t -~\x80-\xff]*"
FIELD = TOKEN + rb":" + VALUE + rb"\r\n"

# Nothing in it can match in two ways, so it takes time in proportion to the head.
HEAD = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Z-]+) ([!-~]+) HTTP/1\.([01])\r\n(?:" + FIELD + rb")*\r\n"
)
FIRST = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Z-]")
BARE_LF = re.compile(rb"(?<!\r)\n")
LINE = re.compile(rb"[^ ]+ [^ ]+ ([A-Z]+/[0-9]+\.[0-9]+)")

# The fields that decide about the message and the connection, found in the raw bytes: a parser may
# have merged or dropped some of them.  The first letter is looked at first, which is twice as fast.
DECIDING = re.compile(
    rb"\r\n([CcEeFfHhTtUuXx](?:"
    rb"(?<=[Cc])(?i:ontent-length|onnection)|(?<=[Ee])(?i:xpect)|(?<=[Ff])(?i:orwarded)|(?<=[Hh])(?i:ost)"
    rb"|(?<=[Tt])(?i:ransfer-encoding)|(?<=[Uu])(?i:pgrade)|(?<=[Xx])(?i:-forwarded-[a-z]+|-real-ip)"
    rb")):[\t ]*([^\r\n]*)"
)
PROXIED = (b"forwarded", b"x-real-ip")
LENGTH = re.compile(rb"[0-9]{1,18}")
UNBOUNDED = 10**18 - 1  # bytes, the longest body that a Content-Length can tell
HOST = re.compile(rb"(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
INDIFFERENT = (
    rb"(?:(?![Cc](?i:ontent-length|onnection):|[Ee](?i:xpect):|[Ff](?i:orwarded):|[Hh](?i:ost):"
    rb"|[Tt](?i:ransfer-encoding):|[Uu](?i:pgrade):|[Xx](?i:-forwarded-|-real-ip:))"
    + FIELD
    + rb")*"
)
# Heads as most are, judged by one match: Host is the first field, and beside it only a plain
# Connection decides anything.
SIMPLE = re.compile(
    rb"([A-Z]+) ((/[!\"$->@-~]*)(?:\?([!\"$-~]*))?) HTTP/1\.1\r\n"
    rb"Host: ([0-9A-Za-z._-]+(?::[0-9]{0,5})?)\r\n"
    + INDIFFERENT
    + rb"(?:Connection: (?:keep-alive|(close))\r\n"
    + INDIFFERENT
    + rb")?\r\n"
)
ABSOLUTE = re.compile(rb"https?://([^/?]*)", re.IGNORECASE)

Values = Dict[bytes, List[bytes]]


def judge_part(data: bytes, scanned: int, limits: Limits) -> None:
    r"""Refuse *data* if it can become no head: a head whose end is not there, or comes too late.

    Args:
        data: What came since the last message; it does not begin with ``\r``.
        scanned: The index up to which this was called before and found nothing.
    """
    if not FIRST.match(data):
        raise Refused(400, "the first byte begins no method")
    within = limits.head
    if BARE_LF.search(data, scanned, within):
        raise Refused(400, "a bare LF in the head")
    if len(data) > within:
        if b"\r\n" not in data[:within]:
            raise Refused(414, "the request line is longer than a head may be")
        raise Refused(431, f"the head is longer than {within} bytes")


def judge(raw: bytes, limits: Limits) -> Verdict:
    """Return what *raw*, a head with its last empty line, says about its message.

    Raises:
        Refused: It breaks a rule.
    """
    fields = raw.count(b"\r\n") - 2
    found = SIMPLE.fullmatch(raw)
    if found is not None:
        verb, target, path, query, host, close = found.groups()
        method = METHODS.get(verb, CONNECT)
        if method != CONNECT and len(target) <= limits.target and fields <= limits.fields:
            # Verdict(...), without a call of Python.
            return tuple.__new__(  # pyright: ignore[reportUnknownMemberType]  # tuple of what, typeshed leaves open
                Verdict,
                (
                    method,
                    target.decode(),
                    "1.1",
                    host.decode(),
                    path,
                    query.decode() if query else "",
                    0,
                    close is None,
                    False,
                    "",
                    False,
                    fields,
                ),
            )
    return judge_any(raw, fields, limits)


def judge_any(raw: bytes, fields: int, limits: Limits) -> Verdict:
    """Do as `judge` for any head, of which *fields* is the number of fields if it is a good one."""
    found = HEAD.fullmatch(raw)
    if found is None:
        _explain(raw)
    if fields > limits.fields:
        raise Refused(431, f"more than {limits.fields} header fields")
    verb, target, minor = found.groups()
    method = METHODS.get(verb)
    if method is None:
        raise Refused(501, "a method that is not known")
    if len(target) > limits.target:
        raise Refused(414, f"the target is longer than {limits.target} bytes")
    modern = minor == b"1"
    values: Values = {}
    forwarded = False
    for name, value in DECIDING.findall(raw):
        name = name.lower()
        if name in PROXIED or name[:12] == b"x-forwarded-":
            forwarded = True
        else:
            # llhttp takes "chunked" with a tab behind it for another coding.
            blanks = b" " if name == b"transfer-encoding" else b" \t"
            values.setdefault(name, []).append(value.rstrip(blanks))
    host = _host(values.get(b"host", []), modern)
    if method == CONNECT:
        raise Refused(405, "this is no proxy")
    authority, raw_path, query = _split(target, method)
    length = _length(values, modern)
    tokens = _tokens(values.get(b"connection", []))
    keep_alive = b"close" not in tokens and (modern or b"keep-alive" in tokens)
    upgrade = b""
    if modern and b"upgrade" in tokens:
        upgrade = b", ".join(values.get(b"upgrade", []))
    return Verdict(
        method,
        target.decode("latin-1"),
        "1.1" if modern else "1.0",
        (host if authority is None else authority).decode(),
        raw_path,
        query.decode(),
        length,
        keep_alive,
        b"expect" in values and _expects(values[b"expect"], modern, length),
        upgrade.decode("latin-1"),
        forwarded,
        fields,
    )


def _explain(raw: bytes) -> NoReturn:
    """Refuse a head that does not match the grammar, with the status that says why."""
    if not FIRST.match(raw):
        raise Refused(400, "the first byte begins no method")
    if BARE_LF.search(raw):
        raise Refused(400, "a bare LF in the head")
    line, _, rest = raw.partition(b"\r\n")
    if not HEAD.fullmatch(line + b"\r\n\r\n"):
        shape = LINE.fullmatch(line)
        if shape and shape[1] not in (b"HTTP/1.0", b"HTTP/1.1"):
            raise Refused(505, "a version of the protocol other than 1.0 and 1.1")
        raise Refused(400, "the request line is not a method, a target and a version")
    for number, field in enumerate(rest.split(b"\r\n")):
        if field[:1] in (b" ", b"\t"):
            raise Refused(400, f"header field {number} is continued on a second line")
        if not re.fullmatch(FIELD, field + b"\r\n"):
            raise Refused(400, f"header field {number + 1} is not a name, a colon and a value")
    raise Refused(400, "the head is none")


def _host(values: List[bytes], modern: bool) -> bytes:
    if len(values) > 1:
        raise Refused(400, "more than one Host")
    if not values:
        if modern:
            raise Refused(400, "no Host")
        return b""
    # Empty is a valid value: the target has no authority.
    if values[0] and not HOST.fullmatch(values[0]):
        raise Refused(400, "Host is not a host with an optional port")
    return values[0]


def _split(target: bytes, method: str) -> Tuple[Optional[bytes], bytes, bytes]:
    """Return the authority, None if *target* has none, the path and the query."""
    if b"#" in target:
        raise Refused(400, "the target has a fragment")
    authority = None
    if target[:1] != b"/":
        if target == b"*" and method == "OPTIONS":
            return None, b"*", b""
        absolute = ABSOLUTE.match(target)
        if absolute is None:
            raise Refused(400, "the target is neither a path nor an URL of http or https")
        authority = absolute[1]
        if not HOST.fullmatch(authority):
            raise Refused(400, "the URL in the target names no host")
        target = target[absolute.end() :]
    path, _, query = target.partition(b"?")
    return authority, path or b"/", query


def _length(values: Values, modern: bool) -> int:
    lengths = values.get(b"content-length")
    codings = values.get(b"transfer-encoding")
    if codings is not None:
        if lengths is not None:
            raise Refused(400, "Content-Length together with Transfer-Encoding")
        if len(codings) > 1:
            raise Refused(400, "more than one Transfer-Encoding")
        if not modern:
            raise Refused(400, "Transfer-Encoding in HTTP/1.0")
        if codings[0].lower() != b"chunked":
            raise Refused(501, "a Transfer-Encoding other than chunked")
        return CHUNKED
    if lengths is None:
        return 0
    if len(lengths) > 1:
        raise Refused(400, "more than one Content-Length")
    if not LENGTH.fullmatch(lengths[0]):
        raise Refused(400, "Content-Length is not 1 to 18 digits")
    return int(lengths[0])


def _tokens(values: List[bytes]) -> List[bytes]:
    return [token.strip(b" \t") for value in values for token in value.lower().split(b",")]


def _expects(values: List[bytes], modern: bool, length: int) -> bool:
    if [value.lower() for value in values] != [b"100-continue"]:
        raise Refused(417, "an Expect other than 100-continue")
    # A client of HTTP/1.0 does not know the interim answer; one without a body waits for nothing.
    return modern and length != 0
