"""Conditional requests and ranges: what of a representation, if anything, is to be sent."""

# Pure.  RFC 9110, sections 13 and 14: preconditions come before Range, and a Range that is not
# understood is no error: the whole is sent.

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, List, Optional, Tuple

if TYPE_CHECKING:
    from .headers import Headers

__all__ = ["is_unchanged", "must_fail", "range_of"]

ETAGS = re.compile(r'(?:W/)?"[!#-~\x80-\xff]*"')
RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


def must_fail(headers: Headers, etag: str, modified: int) -> bool:
    """Whether a precondition does not hold: 412.

    Args:
        etag: Of the representation, a strong one.
        modified: When it was changed, in seconds since 1970.
    """
    wanted = headers.get("If-Match")
    if wanted is not None:
        return wanted.strip() != "*" and etag not in _etags(wanted)
    since = _date(headers.get("If-Unmodified-Since"))
    return since is not None and modified > since


def is_unchanged(headers: Headers, etag: str, modified: int) -> bool:
    """Whether the client has the representation already: 304 for GET and HEAD."""
    known = headers.get("If-None-Match")
    if known is not None:
        # Compared weakly: the same but for details.
        return known.strip() == "*" or etag in [_strong(one) for one in _etags(known)]
    since = _date(headers.get("If-Modified-Since"))
    return since is not None and modified <= since


def range_of(
    headers: Headers, etag: str, last_modified: str, size: int
) -> Optional[Tuple[int, int]]:
    """Return the first index and the count of the bytes that Range asks for; None for the whole.

    Several ranges, other units, and what is no range ask for the whole, and so does an If-Range that
    is not exactly this representation's.

    Raises:
        ValueError: None of these bytes exists: 416.
    """
    asked = headers.get_all("Range")
    found = RANGE.fullmatch(asked[0]) if len(asked) == 1 else None
    if found is None or not (found[1] or found[2]):
        return None
    only_if = headers.get("If-Range")
    if only_if is not None and only_if.strip() not in (etag, last_modified):
        return None
    if not found[1]:
        count = min(int(found[2]), size)
        first = size - count
    else:
        first = int(found[1])
        last = int(found[2]) if found[2] else size - 1
        if found[2] and last < first:
            return None  # no range
        count = min(last, size - 1) - first + 1
    if count <= 0:
        raise ValueError("the range has no bytes")
    return first, count


def _etags(text: str) -> List[str]:
    return ETAGS.findall(text)


def _strong(etag: str) -> str:
    return etag[2:] if etag[:2] == "W/" else etag


def _date(text: Optional[str]) -> Optional[float]:
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
