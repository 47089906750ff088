"""eventlet.wsgi, without its log."""

from __future__ import annotations

import eventlet
import eventlet.wsgi

from comparisons.harness.measured import serving
from comparisons.http.applications import CONNECTIONS, KEEP, wsgi

listener = eventlet.listen(("127.0.0.1", 0), backlog=4096)
serving(listener.getsockname()[1])
eventlet.wsgi.server(listener, wsgi, max_size=CONNECTIONS, keepalive=KEEP, log_output=False)
