# pyright: reportUnusedCallResult=false
"""What type checkers must make of genlet.green.http."""

from __future__ import annotations

from io import BytesIO
from ssl import create_default_context
from typing import List, Optional, Tuple

from typing_extensions import assert_type

from genlet import Green
from genlet.green.http import HTTPStatus
from genlet.green.http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)


def asking() -> Green[None]:
    connection = HTTPConnection("a", 80, timeout=5)
    connection.set_tunnel("b")
    yield from connection.request("GET", "/", headers={"X": "y"})
    yield from connection.request("POST", "/", BytesIO(b"x"))
    try:
        response = yield from connection.getresponse()
    except (IncompleteRead, HTTPException):
        return
    assert_type(response, HTTPResponse)
    assert_type((yield from response.read()), bytes)
    assert_type((yield from response.readinto(bytearray(5))), int)
    assert_type((yield from response.readline()), bytes)
    assert_type(response.status, int)
    assert_type(response.getheader("X"), Optional[str])
    assert_type(response.getheaders(), List[Tuple[str, str]])
    assert_type(response.status == HTTPStatus.OK, bool)
    connection.close()


def secured() -> Green[None]:
    connection = HTTPSConnection("a", context=create_default_context())
    connection.putrequest("GET", "/")
    connection.putheader("X", "y")
    yield from connection.endheaders()
    yield from connection.send(b"x")
