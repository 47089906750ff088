"""gevent.pywsgi, without its log."""

from __future__ import annotations

from gevent.pywsgi import WSGIServer

from comparisons.harness.measured import serving
from comparisons.http.applications import wsgi

server = WSGIServer(("127.0.0.1", 0), wsgi, backlog=4096, log=None)
server.start()
serving(server.server_port)
server.serve_forever()
