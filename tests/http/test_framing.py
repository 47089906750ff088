"""The rules of framing, each case with every parser, whole and cut everywhere."""

from __future__ import annotations

from typing import Callable, Dict, List, Tuple, Union

import pytest

from genlet.http.framing import METHODS, Limits, Refused, Verdict, judge, judge_any
from genlet.http.wire import Choice

from .wires import PARSERS, Event, events, new_wire

LIMITS = Limits(head=400, target=60, fields=6, body=100)
SECOND = b"GET /second HTTP/1.1\r\nHost: b\r\n\r\n"


def post(*fields: bytes, body: bytes = b"", line: bytes = b"POST /p HTTP/1.1") -> bytes:
    return b"".join(
        [line, b"\r\nHost: a", *(b"\r\n" + field for field in fields), b"\r\n\r\n", body]
    )


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


def get(target: bytes = b"/", *fields: bytes, method: bytes = b"GET") -> bytes:
    return post(*fields, line=b"%s %s HTTP/1.1" % (method, target))


# name: (the status it is refused with, the request)
REFUSED: Dict[str, Tuple[int, bytes]] = {
    "length then coding": (400, post(b"Content-Length: 3", b"Transfer-Encoding: chunked")),
    "coding then length": (400, post(b"Transfer-Encoding: chunked", b"Content-Length: 3")),
    "two equal lengths": (400, post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc")),
    "two lengths": (400, post(b"Content-Length: 3", b"Content-Length: 4", body=b"abcd")),
    "two lengths in two cases": (400, post(b"Content-Length: 3", b"CONTENT-LENGTH: 3")),
    "list of lengths": (400, post(b"Content-Length: 1, 1", body=b"a")),
    "length +1": (400, post(b"Content-Length: +1", body=b"a")),
    "length -1": (400, post(b"Content-Length: -1", body=b"a")),
    "length 1_0": (400, post(b"Content-Length: 1_0", body=b"a" * 10)),
    "length 0x1": (400, post(b"Content-Length: 0x1", body=b"a")),
    "length 1 1": (400, post(b"Content-Length: 1 1", body=b"a")),
    "length 1.0": (400, post(b"Content-Length: 1.0", body=b"a")),
    "length empty": (400, post(b"Content-Length:", body=b"a")),
    "length not ascii": (400, post(b"Content-Length: \xb2", body=b"a")),
    "length 2^64+1": (400, post(b"Content-Length: 18446744073709551617", body=b"a")),
    "length of 19 digits": (400, post(b"Content-Length: 0000000000000000001", body=b"a")),
    "coding gzip": (501, post(b"Transfer-Encoding: gzip")),
    "coding empty": (501, post(b"Transfer-Encoding:")),
    "coding gzip, chunked": (501, post(b"Transfer-Encoding: gzip, chunked")),
    "coding chunked, chunked": (501, post(b"Transfer-Encoding: chunked, chunked")),
    "coding chunked, identity": (501, post(b"Transfer-Encoding: chunked, identity")),
    "coding identity": (501, post(b"Transfer-Encoding: identity")),
    "coding xchunked": (501, post(b"Transfer-Encoding: xchunked")),
    "coding with a parameter": (501, post(b"Transfer-Encoding: chunked;q=1")),
    "coding quoted": (501, post(b'Transfer-Encoding: "chunked"')),
    "coding with a vertical tab": (400, post(b"Transfer-Encoding: \x0bchunked")),
    "tab behind the coding": (501, post(b"Transfer-Encoding: chunked\t", body=b"0\r\n\r\n")),
    "tab and blank behind the coding": (501, post(b"Transfer-Encoding: chunked \t ")),
    "coding twice": (400, post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    "coding in 1.0": (400, post(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0")),
    "folded field": (400, post(b"X: a", b" b")),
    "folded by a tab": (400, post(b"X: a", b"\tb")),
    "folded coding": (400, post(b"Transfer-Encoding:", b" chunked")),
    "folded first field": (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    "blank before the colon": (400, post(b"Content-Length : 3", body=b"abc")),
    "tab before the colon": (400, post(b"Transfer-Encoding\t: chunked")),
    "no colon": (400, post(b"nonsense")),
    "empty name": (400, post(b": a")),
    "name with a blank": (400, post(b"X Y: a")),
    "name with a bracket": (400, post(b"X[: a")),
    "name not ascii": (400, post(b"X\xe9: a")),
    "name with NUL": (400, post(b"Content-Length\0: 3")),
    "bare LF behind the line": (400, b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    "bare LF behind a field": (400, b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    "bare LF at the end": (400, b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    "only bare LF": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "LF then CRLF": (400, b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
    "bare CR in a value": (400, post(b"X: a\rb")),
    "bare CR then a field": (400, post(b"X: a\rContent-Length: 3")),
    "bare CR in the line": (400, b"GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
    "CR CR LF": (400, post(b"X: a\r")),
    "NUL in a value": (400, post(b"X: a\0b")),
    "escape in a value": (400, post(b"X: a\x1bb")),
    "DEL in a value": (400, post(b"X: a\x7fb")),
    "no Host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, get(b"/", b"Host: b")),
    "two equal Hosts": (400, get(b"/", b"Host: a")),
    "two Hosts in 1.0": (400, b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
    "Host with a path": (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "Host with userinfo": (400, b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    "Host with a blank": (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "Host with a list": (400, b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    "Host with a bad port": (400, b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    "Host with a long port": (400, b"GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n"),
    "Host that is a port": (400, b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
    "Host with a query": (400, b"GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"),
    "Host half in brackets": (400, b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    "Host not ascii": (400, b"GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n"),
    "version 2.0": (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "version 1.2": (505, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    "version 0.9": (505, b"GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
    "version 1.10": (505, b"GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    "preface of HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "version of RTSP": (505, b"GET / RTSP/1.0\r\nHost: a\r\n\r\n"),
    "version of ICE": (505, b"SOURCE / ICE/1.0\r\nHost: a\r\n\r\n"),
    "version in lower case": (400, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    "version with a blank": (400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    "version with a sign": (400, b"GET / HTTP/+1.1\r\nHost: a\r\n\r\n"),
    "no version": (400, b"GET /\r\nHost: a\r\n\r\n"),
    "no target": (400, b"GET HTTP/1.1\r\nHost: a\r\n\r\n"),
    "two blanks": (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a tab for a blank": (400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "target with a blank": (400, get(b"/a b")),
    "target with a control": (400, get(b"/a\x01b")),
    "target with DEL": (400, get(b"/a\x7fb")),
    "target not ascii": (400, get(b"/\xc3\xa9")),
    "target with a fragment": (400, get(b"/a#b")),
    "target that is a name": (400, get(b"a")),
    "target that is empty of path": (400, get(b"?a")),
    "target with another scheme": (400, get(b"ftp://a/b")),
    "target of a file": (400, get(b"file:///etc/passwd")),
    "target without authority": (400, get(b"http:///b")),
    "target with userinfo": (400, get(b"http://u:p@a/b")),
    "target * of GET": (400, get(b"*")),
    "target of authority": (400, get(b"a:80")),
    "absolute with a fragment": (400, get(b"http://a/#b")),
    "CONNECT": (405, get(b"a:80", method=b"CONNECT")),
    "CONNECT with a body": (405, post(b"Content-Length: 3", line=b"CONNECT a:80 HTTP/1.1")),
    "method in lower case": (400, get(method=b"get")),
    "method in mixed case": (400, get(method=b"Get")),
    "method with a colon": (400, get(method=b"GE:T")),
    "method not known": (501, get(method=b"BREW")),
    "method with a suffix": (501, get(method=b"GETX")),
    "two empty lines in front": (400, b"\r\n\r\n" + get()),
    "LF in front": (400, b"\n" + get()),
    "CR in front": (400, b"\r" + get()),
    "blank in front": (400, b" " + get()),
    "hello of TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "hello of SSH": (505, b"SSH-2.0 x HTTP/9.9\r\n\r\n"),
    "size +1": (400, chunked(b"+1\r\na\r\n0\r\n\r\n")),
    "size -1": (400, chunked(b"-1\r\na\r\n0\r\n\r\n")),
    "size 0x1": (400, chunked(b"0x1\r\na\r\n0\r\n\r\n")),
    "size 1_0": (400, chunked(b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n")),
    "size empty": (400, chunked(b"\r\na\r\n0\r\n\r\n")),
    "size g": (400, chunked(b"g\r\na\r\n0\r\n\r\n")),
    "blank before a size": (400, chunked(b" 1\r\na\r\n0\r\n\r\n")),
    "blank behind a size": (400, chunked(b"1 \r\na\r\n0\r\n\r\n")),
    "tab behind a size": (400, chunked(b"1\t\r\na\r\n0\r\n\r\n")),
    "size of 17 digits": (400, chunked(b"00000000000000001\r\na\r\n0\r\n\r\n")),
    "size 2^64+1": (400, chunked(b"10000000000000001\r\na\r\n0\r\n\r\n")),
    "size with bare LF": (400, chunked(b"1\na\r\n0\r\n\r\n")),
    "size with bare CR": (400, chunked(b"1\ra\r\n0\r\n\r\n")),
    "chunk with bare LF": (400, chunked(b"1\r\na\n0\r\n\r\n")),
    "chunk longer than its size": (400, chunked(b"1\r\nab\r\n0\r\n\r\n")),
    "chunk shorter than its size": (400, chunked(b"4\r\nab\r\n0\r\n\r\n\r\n")),
    "second chunk longer": (400, chunked(b"1\r\na\r\n1\r\nab\r\n0\r\n\r\n")),
    "LF in an extension": (400, chunked(b"1;a\nb\r\na\r\n0\r\n\r\n")),
    "CR in an extension": (400, chunked(b"1;a\rb\r\na\r\n0\r\n\r\n")),
    "NUL in an extension": (400, chunked(b"1;a\0\r\na\r\n0\r\n\r\n")),
    "extension without a name": (400, chunked(b"1;\r\na\r\n0\r\n\r\n")),
    "extension half quoted": (400, chunked(b'1;a="b\r\na\r\n0\r\n\r\n')),
    "extension of 5000 bytes": (400, chunked(b"1;" + b"a" * 5000 + b"\r\na\r\n0\r\n\r\n")),
    "extension without an end": (400, chunked(b"1;" + b"a" * 5000)),
    "trailer without a colon": (400, chunked(b"0\r\nGET / HTTP/1.1\r\n\r\n")),
    "trailer folded": (400, chunked(b"0\r\nX: a\r\n b\r\n\r\n")),
    "trailer with bare LF": (400, chunked(b"0\r\nX: a\n\r\n")),
    "trailers ended by LF": (400, chunked(b"0\r\nX: a\r\n\n")),
    "last chunk ended by LF": (400, chunked(b"0\r\n\n")),
    "trailer with NUL": (400, chunked(b"0\r\nX: a\0\r\n\r\n")),
    "trailer with a length": (400, chunked(b"0\r\nContent-Length: 3\r\n\r\n")),
    "trailer with a coding": (400, chunked(b"0\r\nTransfer-Encoding: chunked\r\n\r\n")),
    "trailers over the head's limit": (431, chunked(b"0\r\nX: " + b"a" * 400 + b"\r\n\r\n")),
    "trailers without an end": (431, chunked(b"0\r\nX: " + b"a" * 400)),
    "trailers over the fields": (431, chunked(b"0\r\n" + b"X: a\r\n" * 5 + b"\r\n")),
    "head over its limit": (431, get(b"/", b"X: " + b"a" * 400)),
    "head over its limit, unfinished": (431, get(b"/", b"X: " + b"a" * 400)[:-4]),
    "head over its limit by empty fields": (431, get(b"/", *[b"X:"] * 200)),
    "line over the limit of a head": (414, get(b"/" + b"a" * 400)),
    "line without an end": (414, b"GET /" + b"a" * 400),
    "seven fields": (431, get(b"/", *[b"X: a"] * 6)),
    "target over its limit": (414, get(b"/" + b"a" * 60)),
    "body over its limit, told": (413, post(b"Content-Length: 101", body=b"a" * 101)),
    "body over its limit, huge": (413, post(b"Content-Length: 999999999999999999", body=b"a")),
    "body over its limit, counted": (413, chunked(b"60\r\n" + b"a" * 96 + b"\r\n5\r\naaaaa\r\n")),
    "body over its limit, huge chunk": (413, chunked(b"ffffffffffffffff\r\na")),
    "unknown Expect": (417, post(b"Expect: 200-ok", b"Content-Length: 1")),
    "two Expects": (417, post(b"Expect: 100-continue", b"Expect: 100-continue")),
}

# name: (the bodies of the requests in it, the bytes)
ACCEPTED: Dict[str, Tuple[List[bytes], bytes]] = {
    "two gets": ([b"", b""], get() + get(b"/b")),
    "post": ([b"abc", b""], post(b"Content-Length: 3", body=b"abc") + get()),
    "post of nothing": ([b"", b""], post(b"Content-Length: 0") + get()),
    "blanks around the coding": (
        [b"a"],
        post(b"Transfer-Encoding:\t  chunked  ", body=b"1\r\na\r\n0\r\n\r\n"),
    ),
    "blanks around a length": ([b"abc"], post(b"Content-Length: \t 3 \t", body=b"abc")),
    "length with zeros": ([b"abc"], post(b"Content-Length: 003", body=b"abc")),
    "get with a body": ([b"abc", b""], get(b"/", b"Content-Length: 3") + b"abc" + get()),
    "chunked": ([b"hello world", b""], chunked(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n") + get()),
    "chunked of nothing": ([b"", b""], chunked(b"0\r\n\r\n") + get()),
    "chunked of lines": (
        [b"\r\n0\r\n\r\n", b""],
        chunked(b"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n") + get(),
    ),
    "chunked in capitals": (
        [b"a"],
        post(b"transfer-encoding: CHUNKED", body=b"1\r\na\r\n0\r\n\r\n"),
    ),
    "size with zeros": ([b"a", b""], chunked(b"0001\r\na\r\n0000\r\n\r\n") + get()),
    "extensions": (
        [b"abc", b""],
        chunked(b'1;a\r\na\r\n1;b=c;d\r\nb\r\n1;e="f;\\"g\t"\r\nc\r\n0;h\r\n\r\n') + get(),
    ),
    "trailers": ([b"a", b""], chunked(b"1\r\na\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n") + get()),
    "trailers like headers": (
        [b"a", b""],
        chunked(b"1\r\na\r\n0\r\nHost: evil\r\nExpect: x\r\n\r\n") + get(),
    ),
    "an empty line in front": ([b"", b""], b"\r\n" + get() + b"\r\n" + get()),
    "odd characters in a name": ([b""], get(b"/", b"!#$%&'*+-.^_`|~0aZ: x")),
    "latin-1 in a value": ([b""], get(b"/", b"X: \xe9\x80\xff\t x \t")),
    "empty values": ([b""], get(b"/", b"X:", b"Connection:", b"Upgrade:")),
    "empty Host": ([b""], b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    "Host with a port": ([b""], b"GET / HTTP/1.1\r\nHost: a.b-c_d:8080\r\n\r\n"),
    "Host in IPv6": ([b""], b"GET / HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:80\r\n\r\n"),
    "1.0 without Host": ([b""], b"GET / HTTP/1.0\r\n\r\n"),
    "1.0 kept": ([b"", b""], b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" + get()),
    "absolute target": ([b""], get(b"http://c:8080?x=1")),
    "absolute target of https": ([b""], get(b"HTTPS://c/d?e")),
    "OPTIONS *": ([b""], get(b"*", method=b"OPTIONS")),
    "odd characters in a target": ([b""], get(b"/\"'<>\\^`{|}~%zz//../?a?b")),
    "token not close": ([b"", b""], get(b"/", b"Connection: not-close, closed") + get()),
    "100-continue": ([b"abc"], post(b"Expect: 100-Continue", b"Content-Length: 3", body=b"abc")),
    "upgrade not taken": ([b"", b""], get(b"/", b"Connection: Upgrade", b"Upgrade: h2c") + get()),
    "upgrade with a length": (
        [b"abc", b""],
        post(
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"Content-Length: 3",
            body=b"abc",
        )
        + get(),
    ),
    "upgrade with chunks": (
        [b"abc", b""],
        post(
            b"Upgrade: h2c",
            b"Connection: Upgrade",
            b"Transfer-Encoding: chunked",
            body=b"3\r\nabc\r\n0\r\nX: y\r\n\r\n",
        )
        + get(),
    ),
    "at the limits": (
        [b"a" * 100],
        post(b"Content-Length: 100", line=b"POST /" + b"a" * 59 + b" HTTP/1.1", body=b"a" * 100),
    ),
    "six fields": ([b""], get(b"/", *[b"X: a"] * 5)),
    "chunks at the limit": (
        [b"a" * 100],
        chunked(b"60\r\n" + b"a" * 96 + b"\r\n4\r\naaaa\r\n0\r\n\r\n"),
    ),
    "head at its limit": ([b""], get(b"/", b"X: " + b"a" * (400 - len(get(b"/", b"X: "))))),
}

both = pytest.mark.parametrize("choice", PARSERS)


def cuts(data: bytes) -> List[List[bytes]]:
    """Return *data* cut in two at every place, and bytewise."""
    halves = [[data[:at], data[at:]] for at in range(1, len(data))]
    return [*halves, [data[at : at + 1] for at in range(len(data))]]


def seen(choice: Choice, parts: List[bytes]) -> List[Event]:
    return events(new_wire(choice, LIMITS), [*parts, b""])


@both
@pytest.mark.parametrize("name", REFUSED)
def test_framing_unclear_is_refused_and_ends_the_connection(choice: Choice, name: str) -> None:
    """A request that can be read in two ways is refused, and the one behind it is never seen."""
    status, data = REFUSED[name]
    found = seen(choice, [data + SECOND])
    assert found[-1] == ("refused", status), name
    heads = [event for event in found if event[0] == "head"]
    assert len(heads) <= 1
    assert all(event[2] != "/second" for event in heads)


@both
@pytest.mark.parametrize("name", REFUSED)
def test_framing_refusal_does_not_depend_on_the_cut(choice: Choice, name: str) -> None:
    """Cut in two at any place, and byte by byte, a bad request gives what it gives whole."""
    data = REFUSED[name][1] + SECOND
    whole = seen(choice, [data])
    for parts in cuts(data):
        assert seen(choice, parts) == whole, parts


@both
@pytest.mark.parametrize("name", ACCEPTED)
def test_framing_clear_is_read_the_same_however_it_is_cut(choice: Choice, name: str) -> None:
    """A good request gives its body, whole, cut in two at any place, and byte by byte."""
    bodies, data = ACCEPTED[name]
    whole = seen(choice, [data])
    assert [event[0] for event in whole].count("end") == len(bodies)
    assert [event[1] for event in whole if event[0] == "body"] == [body for body in bodies if body]
    assert whole[-1] == ("CLOSED",)
    for parts in cuts(data):
        assert seen(choice, parts) == whole, parts


@pytest.mark.skipif(len(PARSERS) < 2, reason="needs both parsers")
@pytest.mark.parametrize("name", [*REFUSED, *ACCEPTED])
def test_framing_is_the_same_with_both_parsers(name: str) -> None:
    """The parsers agree about every case: events, bodies, trailers and statuses."""
    data = (REFUSED.get(name) or ACCEPTED[name])[1] + SECOND
    assert seen("h11", [data]) == seen("httptools", [data])


@both
def test_framing_knows_what_the_parsers_know(choice: Choice) -> None:
    """Each method of the list is read, but for CONNECT."""
    for method in METHODS:
        if method == b"CONNECT":
            continue
        found = seen(choice, [get(method=method)])
        assert [event[0] for event in found] == ["head", "end", "CLOSED"], method


def judged(judging: Callable[[], Verdict]) -> Union[Verdict, int]:
    try:
        return judging()
    except Refused as exc:
        return exc.status


def test_simple_head_is_judged_as_by_all_the_rules() -> None:
    """The one match that most heads need gives the verdict of the rules, or leaves the head to them."""
    lines = [
        b"%s %s HTTP/1.%s" % (method, target, minor)
        for method in (b"GET", b"QUERY", b"CONNECT", b"WHAT", b"get", b"M-SEARCH")
        for target in (b"/", b"/a?b?c", b"//a", b"/#", b"*", b"/" + b"t" * 70)
        for minor in (b"1", b"0")
    ]
    hosts = [
        b"Host: a",
        b"Host: a:80",
        b"host: a",
        b"Host:a",
        b"Host: ",
        b"Host: [::1]",
        b"Host: a b",
    ]
    deciding = [
        b"Connection",
        b"Content-Length",
        b"Expect",
        b"Forwarded",
        b"Host",
        b"Transfer-Encoding",
    ]
    deciding += [b"Upgrade", b"X-Forwarded-For", b"X-Real-IP"]
    fields = [b"", b"Accept: */*", b"Connections: close", b"Hosts: b", b"Bad Name: a"]
    values = (
        b"1",
        b"close",
        b"keep-alive",
        b"Close",
        b"close, upgrade",
        b"100-continue",
        b"chunked",
    )
    fields += [name + b": " + value for name in deciding for value in values]
    fields += [name.lower() + b":close" for name in deciding]
    fields += [b"Connection: close\r\nConnection: keep-alive", b"A: b\r\n" * 7 + b"A: b"]
    for line in lines:
        for host in hosts:
            for field in fields:
                raw = b"\r\n".join([line, host, *([field] if field else []), b"", b""])
                count = raw.count(b"\r\n") - 2
                expected = judged(lambda: judge_any(raw, count, LIMITS))  # noqa: B023  called at once
                assert judged(lambda: judge(raw, LIMITS)) == expected, raw  # noqa: B023  called at once


@both
def test_framing_extensions_are_bounded_in_all(choice: Choice) -> None:
    """Chunks of one byte with an extension each are refused after some; plain ones never are."""
    wire = new_wire(choice, Limits())
    plain = events(wire, [chunked(b"1\r\na\r\n" * 60000 + b"0\r\n\r\n")])
    assert [len(event[1]) for event in plain if event[0] == "body"] == [60000]  # type: ignore[arg-type]  # bytes
    many = events(wire, [chunked((b"1;" + b"e" * 100 + b"\r\na\r\n") * 60000)])
    assert many[-1] == ("refused", 400)
