"""Static files: those below a folder, and single ones."""

# Nothing outside of the folder can be named.  The path is percent-decoded once, and what could mean
# something to the file system is refused.  Then each part is opened below the one before it, without
# following symbolic links: there is no moment between a look and an open in which a part could be
# replaced by a link.  Nothing but regular files is opened, since opening a pipe would wait and opening
# a device can do things.

from __future__ import annotations

import errno
import os
import stat
import sys
from mimetypes import guess_type
from typing import BinaryIO, List, Optional, Tuple, Union
from urllib.parse import unquote_to_bytes

from ..errors import GenletError
from .conditions import is_unchanged, must_fail, range_of
from .errors import HTTPError
from .messages import FileBody, Request, Response
from .service import Handler

__all__ = ["respond", "serve"]

Path = Union[str, "os.PathLike[str]"]

# Not on Windows.
NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
FLAGS: int = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)

# There is no such file, for whatever reason: the client learns no more.
ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}


class Absent(GenletError):
    """There is nothing to be served by that name."""


def serve(
    root: Path,
    *,
    prefix: str = "/",
    index: str = "index.html",
    cache_seconds: int = 0,
    follow_symlinks: bool = False,
    hidden: bool = False,
) -> Handler:
    """Return a handler that answers with the files below *root*.

    It knows conditional requests and single ranges.  A folder is answered with its index, and there
    are no listings.  Reading blocks on the disk, and all greenthreads with it.

    Args:
        root: A folder; it may be a symbolic link itself, and be replaced meanwhile.
        prefix: What the paths of the requests have in front; others are 404.
        index: The name of the file that stands for its folder; empty for none.
        cache_seconds: How long clients may keep an answer without asking again.
        follow_symlinks: Serve what symbolic links lead to, if that is below *root* too.
        hidden: Serve files and folders whose names begin with a dot too.
    """
    top = os.fspath(root)
    if prefix[:1] != "/" or prefix[-1:] != "/":
        raise ValueError(f"the prefix begins and ends with a slash; got {prefix!r}")

    def handler(request: Request) -> Response:
        _check_method(request)
        raw = request.raw_path
        if not raw.startswith(prefix.encode()):
            raise HTTPError(404)
        parts = parts_of(raw[len(prefix) :])
        if parts is None or (not hidden and any(part[:1] == "." for part in parts)):
            raise HTTPError(404)
        folder = not parts or parts[-1] == ""
        if folder:
            parts[-1:] = [index]
        if not parts[-1]:
            raise HTTPError(404)
        try:
            file, found = open_below(top, parts, follow_symlinks)
        except Absent:
            raise HTTPError(404) from None
        if file is None:  # a folder
            if folder:
                raise HTTPError(404)
            # The raw path has no empty part, so this is never "//host".
            query = f"?{request.query}" if request.query else ""
            return Response.redirect(f"{raw.decode()}/{query}", 301)
        return _answer(file, found, parts[-1], request, cache_seconds)

    return handler


def respond(path: Path, request: Request, *, cache_seconds: int = 0) -> Response:
    """Return an answer with the file at *path*, which is the handler's own choice.

    Raises:
        HTTPError: 404: there is no regular file; 405: *request* is neither GET nor HEAD; 412; 416.
    """
    _check_method(request)
    name = os.fspath(path)
    try:
        found = os.stat(name)
        if not stat.S_ISREG(found.st_mode):
            raise HTTPError(404)
        file = open(name, "rb", opener=lambda path, _: os.open(path, FLAGS))  # noqa: SIM115  the answer closes it
    except OSError as exc:
        raise _http_error(exc) from None
    return _answer(file, os.fstat(file.fileno()), name, request, cache_seconds)


def parts_of(raw: bytes) -> Optional[List[str]]:
    """Return the parts of a path without its first slash, the last one empty for a folder.

    None if it names nothing: a part that is empty, ``.`` or ``..``, or one with a character that means
    something to a file system.
    """
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        return None
    if "\0" in text or "\\" in text or (sys.platform == "win32" and ":" in text):
        return None
    parts = text.split("/") if text else []
    if any(part in (".", "..") for part in parts) or "" in parts[:-1]:
        return None
    return parts


def open_below(
    root: str, parts: List[str], follow_symlinks: bool
) -> Tuple[Optional[BinaryIO], os.stat_result]:
    """Return the regular file at *parts* below *root*, and what `fstat` says; None for a folder.

    Raises:
        Absent: There is none.
        HTTPError: 503: there are too few descriptors.
    """
    try:
        if follow_symlinks:
            top = os.path.realpath(root)
            real = os.path.realpath(os.path.join(top, *parts))
            if real != top and not real.startswith(os.path.join(top, "")):
                raise Absent
            # Without links now: one that appears meanwhile is not followed.
            root, parts = top, [part for part in real[len(top) :].split(os.sep) if part]
        if sys.platform == "win32" or os.open not in os.supports_dir_fd:
            return _open_by_name(root, parts)
        fd = os.open(root, FLAGS | os.O_DIRECTORY)
        for part in parts:
            try:
                kind = os.stat(part, dir_fd=fd, follow_symlinks=False).st_mode
                if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
                    raise Absent
                below = os.open(part, FLAGS | NOFOLLOW, dir_fd=fd)
            finally:
                os.close(fd)
            fd = below
        return _opened(fd)
    except OSError as exc:
        if exc.errno in ABSENT:
            raise Absent from None
        raise _http_error(exc) from None


def _opened(fd: int) -> Tuple[Optional[BinaryIO], os.stat_result]:
    try:
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode):
            file = open(fd, "rb")  # noqa: SIM115  the answer closes it
            fd = -1
            return file, found
        if not stat.S_ISDIR(found.st_mode):
            raise Absent  # it was replaced
        return None, found
    finally:
        if fd >= 0:
            os.close(fd)


def _open_by_name(root: str, parts: List[str]) -> Tuple[Optional[BinaryIO], os.stat_result]:
    # For systems without the calls above: there is a moment between the look and the open.
    name = root
    for part in parts:
        name = os.path.join(name, part)
        found = os.lstat(name)
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise Absent
    if os.path.isdir(name):
        return None, os.stat(name)
    return _opened(os.open(name, FLAGS))


def _http_error(exc: OSError) -> HTTPError:
    if exc.errno in ABSENT:
        return HTTPError(404)
    if exc.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return HTTPError(503, headers={"Retry-After": "1"})
    return HTTPError(500)


def _check_method(request: Request) -> None:
    if request.method not in ("GET", "HEAD"):
        raise HTTPError(405, headers={"Allow": "GET, HEAD"})


def _answer(
    file: BinaryIO, found: os.stat_result, name: str, request: Request, cache_seconds: int
) -> Response:
    """Return what *request* gets of *file*, which is closed unless the answer has it."""
    from email.utils import formatdate

    size, modified = found.st_size, int(found.st_mtime)
    etag = f'"{found.st_mtime_ns:x}-{size:x}"'
    last_modified = formatdate(modified, usegmt=True)
    fields = [
        ("ETag", etag),
        ("Last-Modified", last_modified),
        ("Cache-Control", f"max-age={cache_seconds}" if cache_seconds else "no-cache"),
    ]
    headers = request.headers
    answered = False
    try:
        if must_fail(headers, etag, modified):
            raise HTTPError(412)
        if is_unchanged(headers, etag, modified):
            return Response(b"", 304, fields)
        fields += [("Accept-Ranges", "bytes"), ("X-Content-Type-Options", "nosniff")]
        part: Optional[Tuple[int, int]] = None
        if request.method == "GET":
            try:
                part = range_of(headers, etag, last_modified, size)
            except ValueError:
                raise HTTPError(416, headers={"Content-Range": f"bytes */{size}"}) from None
        first, count = (0, size) if part is None else part
        if part is not None:
            fields.append(("Content-Range", f"bytes {first}-{first + count - 1}/{size}"))
        made = Response(
            FileBody(file, first, count),
            200 if part is None else 206,
            fields,
            content_type=_type_of(name),
        )
        answered = True
        return made
    finally:
        if not answered:
            file.close()


def _type_of(name: str) -> str:
    kind, encoding = guess_type(name)
    if encoding is not None:
        # The file is what it is, and not what it becomes when it is unpacked.
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    if kind is None:
        return "application/octet-stream"
    if kind[:5] == "text/" or kind in ("application/javascript", "application/json"):
        return f"{kind}; charset=utf-8"
    return kind
