"""A WSGI application that never waits, on the kernel: as eventlet and gevent call theirs."""

from __future__ import annotations

from comparisons.http.applications import wsgi
from comparisons.http.with_genlet import serve
from genlet.wsgi import handler

serve(handler(wsgi, mode="inline"))
