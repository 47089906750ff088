"""A green handler; its requests are parsed by h11, in Python."""

from __future__ import annotations

from comparisons.http.with_genlet import serve

serve(parser="h11")
