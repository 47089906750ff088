"""Forms with files: every part, however the bytes are cut, and nothing that is none."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which
from typing import List, Optional, Tuple, Union

import pytest

from genlet import END, Green, run, sleep, tpool
from genlet.end import End
from genlet.http import BadRequest, HTTPError, Multipart, Request, Response

from .serving import asked, serving

Found = List[Tuple[str, Optional[str], bytes]]


class Pieces:
    def __init__(self, pieces: List[bytes]) -> None:
        self.pieces = pieces

    def next(self) -> Green[Union[bytes, End]]:
        yield from sleep(0)
        return self.pieces.pop(0) if self.pieces else END


def parts(pieces: List[bytes], boundary: str = "b", **limits: int) -> Found:
    def main() -> Green[Found]:
        form = Multipart(Pieces([piece for piece in pieces if piece]), boundary, **limits)
        found: Found = []
        while (part := (yield from form.next())) is not END:
            found.append((part.name, part.filename, (yield from part.read())))
        return found

    return run(main)


def field(disposition: bytes, data: bytes, *more: bytes) -> bytes:
    lines = [b"Content-Disposition: form-data; " + disposition, *more]
    return b"--b\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + data + b"\r\n"


FORM = (
    field(b'name="a"', b"1")
    + field(b'name="f"; filename="x y.txt"', b"\r\n--\r\n--c\r\n-", b"Content-Type: image/png")
    + field(b"name=e", b"")
    + field(b'name="q\\"\\\\"; filename="C:\\dir\\x"', b"z" * 50)
    + field(b'name="\xc3\xa9"; filename=""', b"", b"Content-Transfer-Encoding: binary")
    + b"--b--\r\n"
)
FOUND: Found = [
    ("a", None, b"1"),
    ("f", "x y.txt", b"\r\n--\r\n--c\r\n-"),
    ("e", None, b""),
    ('q"\\', "C:\\dir\\x", b"z" * 50),
    ("\xe9", "", b""),
]


def test_parts_are_the_same_however_they_are_cut() -> None:
    """Whole, cut in two at any place, and byte by byte: the same fields."""
    assert parts([FORM]) == FOUND
    assert parts([b"a preamble\r\n" + FORM + b"an epilogue"]) == FOUND
    for at in range(1, len(FORM)):
        assert parts([FORM[:at], FORM[at:]]) == FOUND, at
    assert parts([FORM[at : at + 1] for at in range(len(FORM))]) == FOUND


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"--b",
        b"--b\r\n",
        b"--b\r\n\r\nx\r\n--b--",
        FORM[:-6],
        b"--b \r\n" + FORM[5:],
        b"--bx\r\n" + FORM[5:],
        field(b"x=y", b"1") + b"--b--",
        field(b'name="a"; name="b"', b"1") + b"--b--",
        field(b'name="a', b"1") + b"--b--",
        field(b'name="a" junk', b"1") + b"--b--",
        field(b'name="\xff"', b"1") + b"--b--",
        field(b"name=a", b"1", b"Content-Disposition: form-data; name=b") + b"--b--",
        field(b"name=a", b"1", b" folded") + b"--b--",
        field(b"name=a", b"1", b"bare\nLF: x") + b"--b--",
        field(b"name=a", b"1", b"Content-Transfer-Encoding: base64") + b"--b--",
        b"--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--",
        b"--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--",
    ],
)
def test_what_is_no_form_is_the_clients_error(form: bytes) -> None:
    """A form that breaks off or breaks a rule is 400, whole or byte by byte."""
    for pieces in ([form], [form[at : at + 1] for at in range(len(form))]):
        with pytest.raises(BadRequest):
            parts(list(pieces))


def test_form_has_limits() -> None:
    """The number of parts and the size of their fields are bounded."""
    with pytest.raises(BadRequest, match="too many"):
        parts([FORM], parts=4)
    assert parts([FORM], parts=5) == FOUND
    for form in (field(b"name=a", b"", b"X: " + b"y" * 500), b"--b\r\nX: " + b"y" * 500):
        with pytest.raises(HTTPError) as caught:
            parts([form], head=100)
        assert caught.value.status == 413


@pytest.mark.parametrize("boundary", ["", "a ", "a" * 71, 'a"b', "a\r\nb"])
def test_boundary_that_is_none_is_refused(boundary: str) -> None:
    """A boundary is one to seventy characters of a few."""
    with pytest.raises(BadRequest):
        Multipart(Pieces([]), boundary)


def test_part_that_is_left_is_passed_over() -> None:
    """The next part begins behind one that was read half or not at all, which is gone then."""

    def main() -> Green[None]:
        form = Multipart(Pieces([FORM[:90], FORM[90:]]), "b")
        first = yield from form.next()
        second = yield from form.next()
        assert first is not END
        assert second is not END
        assert second.name == "f"
        assert (first.content_type, second.content_type) == ("text/plain", "image/png")
        with pytest.raises(RuntimeError):
            yield from first.read()
        with pytest.raises(HTTPError):
            yield from second.read(3)
        third = yield from form.next()
        assert third is not END
        assert third.name == "e"

    run(main)


def post(kind: bytes, body: bytes) -> bytes:
    return (
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: %s\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (kind, len(body), body)
    )


def test_form_of_a_request_may_have_parts() -> None:
    """`form` gives the fields of either kind; a form with a file, or a broken one, is the client's."""

    def handler(request: Request) -> Green[Response]:
        return Response.json((yield from request.form()))

    kind = b'multipart/form-data; boundary="b"'
    form = field(b"name=a", b"1") + field(b"name=a", "é".encode()) + b"--b--\r\n"

    def client(port: int) -> Green[None]:
        data = yield from asked(port, post(kind, form))
        assert data.endswith(b'[["a","1"],["a","\\u00e9"]]')
        assert (yield from asked(port, post(kind, FORM))).startswith(b"HTTP/1.1 415 ")
        for wrong in (form[:-7], field(b"name=a", b"\xff") + b"--b--\r\n"):
            assert (yield from asked(port, post(kind, wrong))).startswith(b"HTTP/1.1 400 ")
        for other in (b"multipart/form-data", b"multipart/form-data; boundary="):
            assert (yield from asked(port, post(other, form))).startswith(b"HTTP/1.1 400 ")

    told: List[BaseException] = []
    serving(handler, client, on_error=lambda _request, exc: told.append(exc))
    assert told == []


@pytest.mark.skipif(which("curl") is None, reason="needs curl")
def test_upload_of_curl_arrives(tmp_path: Path) -> None:
    """A file and a field that curl sends arrive, also with 100-continue."""
    data = bytes(range(256)) * 8192
    (tmp_path / "up.bin").write_bytes(data)
    seen: Found = []

    def handler(request: Request) -> Green[Response]:
        form = request.multipart()
        while (part := (yield from form.next())) is not END:
            seen.append((part.name, part.filename, (yield from part.read(1 << 24))))
        return Response("thanks")

    def curl(port: int) -> str:
        return subprocess.run(
            [
                *("curl", "-sS", "-m", "20", "-F", f"file=@{tmp_path / 'up.bin'}"),
                *("-F", "note=two words", f"http://127.0.0.1:{port}/"),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def client(port: int) -> Green[None]:
        assert (yield from tpool.execute(curl, port)) == "thanks"

    serving(handler, client)
    tpool.killall()
    assert seen == [("file", "up.bin", data), ("note", None, b"two words")]
