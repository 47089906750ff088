"""uvicorn on uvloop, with h11."""

from __future__ import annotations

from comparisons.http.with_uvicorn import serve

serve("uvloop", "h11")
