"""Static files: what is served, what never is, and what of it."""

from __future__ import annotations

import os
import socket
import subprocess
from email.utils import formatdate
from pathlib import Path
from shutil import which
from typing import Any, Dict, List, Optional, Tuple

import pytest

from genlet import Green, tpool
from genlet.http import Headers, Request, Response, files
from genlet.http.conditions import range_of
from genlet.http.files import parts_of
from genlet.net import connect

from .serving import asked, one_answer, serving


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text("home")
    (root / "sub" / "index.html").write_text("sub")
    (root / "a.txt").write_bytes(b"0123456789")
    (root / "b c.bin").write_bytes(bytes(range(256)) * 4096)
    (root / "empty").write_bytes(b"")
    (root / "x.tar.gz").write_bytes(b"gz")
    (root / ".secret").write_text("SECRET")
    (tmp_path / "outside").write_text("SECRET")
    os.symlink(tmp_path / "outside", root / "link")
    os.symlink("a.txt", root / "inner")
    os.symlink(tmp_path, root / "up")
    os.mkfifo(root / "pipe")
    return root


Answer = Tuple[int, Dict[str, str], bytes]


def get(root: Path, target: str, *fields: str, method: str = "GET", **options: Any) -> Answer:
    """Return the answer to a request for a file below *root*."""
    found: List[Answer] = []

    def client(port: int) -> Green[None]:
        lines = [f"{method} {target} HTTP/1.1", "Host: a", "Connection: close", *fields]
        data = yield from asked(port, "\r\n".join([*lines, "", ""]).encode())
        head, _, body = data.partition(b"\r\n\r\n")
        line, *rest = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (r.partition(": ") for r in rest)}
        found.append((int(line.split()[1]), headers, body))

    serving(files.serve(root, **options), client)
    return found[0]


def test_files_are_served_with_their_types(site: Path) -> None:
    """A file is answered with its bytes, type, length and validators."""
    status, headers, body = get(site, "/a.txt")
    assert (status, body) == (200, b"0123456789")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert (headers["content-length"], headers["accept-ranges"]) == ("10", "bytes")
    assert headers["etag"][0] == '"'
    assert headers["cache-control"] == "no-cache"
    status, headers, body = get(site, "/b%20c.bin?x=1", cache_seconds=60)
    assert (status, body) == (200, (site / "b c.bin").read_bytes())
    assert headers["cache-control"] == "max-age=60"
    assert get(site, "/x.tar.gz")[1]["content-type"] == "application/gzip"
    assert get(site, "/empty")[2] == b""
    status, headers, body = get(site, "/a.txt", method="HEAD")
    assert (status, headers["content-length"], body) == (200, "10", b"")


def test_folder_is_answered_with_its_index(site: Path) -> None:
    """A folder has its index behind a slash, and leads there without one."""
    assert get(site, "/")[2] == b"home"
    assert get(site, "/sub/")[2] == b"sub"
    status, headers, _ = get(site, "/sub?a=b")
    assert (status, headers["location"]) == (301, "/sub/?a=b")
    assert get(site, "/sub/", index="")[0] == 404
    assert get(site, "/static/a.txt", prefix="/static/")[2] == b"0123456789"
    assert get(site, "/a.txt", prefix="/static/")[0] == 404


@pytest.mark.parametrize(
    "target",
    [
        "/../outside",
        "/sub/../../outside",
        "/%2e%2e/outside",
        "/..%2foutside",
        "/%2e%2e%2foutside",
        "/sub/%2e%2e/%2e%2e/outside",
        "/..%5coutside",
        "/%252e%252e/outside",
        "/link",
        "/up/outside",
        "/up/site/a.txt",
        "/inner",
        "/.secret",
        "/%2esecret",
        "/./a.txt",
        "//a.txt",
        "/sub//index.html",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/a.txt%00.html",
        "/a.txt/",
        "/a.txt/b",
        "/%ff",
        "/nothing",
        "/pipe",
        "/" + "a" * 300,
    ],
)
def test_path_that_leads_elsewhere_is_absent(site: Path, target: str) -> None:
    """Nothing outside, nothing hidden, no link and no pipe is served: all of it is 404."""
    status, _, body = get(site, target)
    assert status == 404
    assert b"SECRET" not in body


def test_links_are_followed_only_below_the_folder(site: Path) -> None:
    """With follow_symlinks a link inside is served, one that leads out is not."""
    assert get(site, "/inner", follow_symlinks=True)[2] == b"0123456789"
    for target in ("/link", "/up/outside"):
        assert get(site, target, follow_symlinks=True)[0] == 404
    assert get(site, "/.secret", hidden=True)[0] == 200


def test_folder_may_be_a_link_itself(site: Path) -> None:
    """A deployment that switches a link is seen at the next request."""
    now = site.parent / "now"
    os.symlink(site, now)
    assert get(now, "/a.txt")[0] == 200


def test_other_methods_are_refused(site: Path) -> None:
    """Only GET and HEAD have an answer, and the others are told so."""
    status, headers, _ = get(site, "/a.txt", method="DELETE")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("asked_for", "status", "body", "told"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-100", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=5-100", 206, b"56789", "bytes 5-9/10"),
        ("BYTES=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=5-4", 200, b"0123456789", None),
        ("bytes=a-b", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        ("bytes=+1-2", 200, b"0123456789", None),
        ("bytes=0-9999999999999999999", 200, b"0123456789", None),
    ],
)
def test_range_is_served_or_ignored(
    site: Path, asked_for: str, status: int, body: Optional[bytes], told: Optional[str]
) -> None:
    """One range of bytes is served, one that has none is 416, and what is no such range is ignored."""
    got, headers, data = get(site, "/a.txt", f"Range: {asked_for}")
    assert (got, headers.get("content-range")) == (status, told)
    if body is not None:
        assert data == body
        assert headers["content-length"] == str(len(body))


def test_range_of_an_empty_file_has_no_bytes() -> None:
    """Nothing of nothing can be asked for."""
    for text in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        with pytest.raises(ValueError, match="no bytes"):
            range_of(Headers([("Range", text)]), '"e"', "", 0)


def test_conditions_are_met(site: Path) -> None:
    """Validators save the body, or refuse; they come before the range."""
    headers = get(site, "/a.txt")[1]
    etag, date = headers["etag"], headers["last-modified"]
    old, young = formatdate(0, usegmt=True), formatdate(4e9, usegmt=True)
    cases = [
        (304, [f"If-None-Match: {etag}"]),
        (304, [f'If-None-Match: "x", W/{etag}']),
        (304, ["If-None-Match: *"]),
        (304, [f"If-None-Match: {etag}", "Range: bytes=0-1"]),
        (200, ['If-None-Match: "x"']),
        (200, ['If-None-Match: "x"', f"If-Modified-Since: {young}"]),
        (304, [f"If-Modified-Since: {date}"]),
        (200, [f"If-Modified-Since: {old}"]),
        (200, ["If-Modified-Since: yesterday"]),
        (200, [f"If-Match: {etag}"]),
        (200, ["If-Match: *"]),
        (412, ['If-Match: "x"']),
        (412, [f"If-Match: W/{etag}"]),
        (412, [f"If-Unmodified-Since: {old}"]),
        (200, [f"If-Unmodified-Since: {date}"]),
        (206, ["Range: bytes=0-1", f"If-Range: {etag}"]),
        (206, ["Range: bytes=0-1", f"If-Range: {date}"]),
        (200, ["Range: bytes=0-1", f"If-Range: W/{etag}"]),
        (200, ["Range: bytes=0-1", 'If-Range: "x"']),
        (200, ["Range: bytes=0-1", f"If-Range: {young}"]),
    ]
    for status, fields in cases:
        got, told, _ = get(site, "/a.txt", *fields)
        assert got == status, fields
        if status in (200, 206, 304):
            assert told["etag"] == etag


def test_file_that_shrinks_breaks_off(site: Path) -> None:
    """A file that is cut while it is sent ends the connection: nothing looks whole."""
    told: List[BaseException] = []
    path = site / "b c.bin"

    def handler(request: Request) -> Response:
        made = files.respond(path, request)
        os.truncate(path, 1000)
        return made

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            yield from stream.send_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
            data = yield from stream.read_all()
            assert len(data.partition(b"\r\n\r\n")[2]) == 1000

    serving(handler, client, on_error=lambda _request, exc: told.append(exc))
    assert len(told) == 1


def test_answer_with_a_file_is_of_the_handlers_choice(site: Path) -> None:
    """`respond` serves any regular file, and nothing else."""
    seen: List[int] = []

    def client(port: int) -> Green[None]:
        with (yield from connect("127.0.0.1", port)) as stream:
            for name in ("a.txt", "sub", "pipe", "nothing", "a.txt"):
                yield from stream.send_all(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % name.encode())
                seen.append((yield from one_answer(stream))[0])

    serving(lambda request: files.respond(site / request.path[1:], request), client)
    assert seen == [200, 404, 404, 404, 200]


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        (b"", []),
        (b"a/b", ["a", "b"]),
        (b"a/", ["a", ""]),
        (b"%C3%A9", ["\xe9"]),
        (b"%252e", ["%2e"]),
        (b"..", None),
        (b"a/./b", None),
        (b"a//b", None),
        (b"/", None),
        (b"a%00", None),
        (b"a%5Cb", None),
        (b"%80", None),
    ],
)
def test_path_is_decoded_once(raw: bytes, parts: Optional[List[str]]) -> None:
    """A path has its parts, decoded once, or names nothing."""
    assert parts_of(raw) == parts


@pytest.mark.skipif(which("curl") is None, reason="needs curl")
def test_curl_resumes_a_download(site: Path, tmp_path: Path) -> None:
    """curl goes on where a download broke off, and asks again without a transfer."""
    whole = (site / "b c.bin").read_bytes()
    part = tmp_path / "part"
    part.write_bytes(whole[:1000])

    def curl(*words: str) -> str:
        return subprocess.run(
            ["curl", "-sS", "-m", "20", *words], capture_output=True, text=True, check=True
        ).stdout

    def client(port: int) -> Green[None]:
        url = f"http://127.0.0.1:{port}/b%20c.bin"
        yield from tpool.execute(curl, "-C", "-", "-o", str(part), url)
        assert part.read_bytes() == whole
        etag = (
            (yield from tpool.execute(curl, "-I", url)).lower().partition("etag: ")[2].split()[0]
        )
        status = yield from tpool.execute(
            curl, "-o", os.devnull, "-w", "%{http_code}", "-H", f"If-None-Match: {etag}", url
        )
        assert status == "304"
        text = yield from tpool.execute(
            curl, "--path-as-is", f"http://127.0.0.1:{port}/../outside"
        )
        assert "SECRET" not in text

    serving(files.serve(site), client)
    tpool.killall()


def test_socket_is_no_file(site: Path) -> None:
    """A socket among the files is absent."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(site / "s"))
        assert get(site, "/s")[0] == 404
