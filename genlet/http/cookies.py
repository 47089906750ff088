"""Cookies of a client that was given a jar of the standard library."""

from __future__ import annotations

from email.message import Message
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Optional, cast
from urllib.request import Request

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from .headers import Headers

__all__ = ["cookie_for", "keep_cookies"]


class Told:
    """What a jar asks of an answer."""

    def __init__(self, headers: Headers) -> None:
        self._headers: Headers = headers

    def info(self) -> Message:
        message = Message()
        for name in ("Set-Cookie", "Set-Cookie2"):
            for value in self._headers.get_all(name):
                message[name] = value
        return message


def cookie_for(jar: CookieJar, url: str) -> Optional[str]:
    """Return the value of Cookie for a request of *url*; None for no cookie."""
    request = Request(url)
    jar.add_cookie_header(request)
    return request.get_header("Cookie")


def keep_cookies(jar: CookieJar, url: str, headers: Headers) -> None:
    """Put the cookies of an answer to a request of *url* into *jar*, as its policy allows."""
    if "Set-Cookie" in headers:
        # It asks for info() and nothing else.
        jar.extract_cookies(cast("HTTPResponse", Told(headers)), Request(url))
