"""``http``: the client with the calls that wait green; what does not wait is the standard library's own."""

from __future__ import annotations

from http import HTTPStatus as HTTPStatus

__all__ = ["HTTPStatus"]
