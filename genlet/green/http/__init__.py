"""``http``: the client with the calls that wait green; what does not wait is the standard library's own."""

from __future__ import annotations

from http import HTTPStatus as HTTPStatus
from typing import TYPE_CHECKING

from ..._absent import asked_by, missing

__all__ = ["HTTPStatus"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        raise missing(__name__, name, asked_by(1))
