"""A WSGI application on threads."""

from __future__ import annotations

from comparisons.http.applications import THREADS, wsgi
from comparisons.http.with_genlet import serve
from genlet.wsgi import handler

serve(handler(wsgi, threads=THREADS))
