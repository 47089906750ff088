"""uvicorn on uvloop, with httptools."""

from __future__ import annotations

from comparisons.http.with_uvicorn import serve

serve("uvloop", "httptools")
