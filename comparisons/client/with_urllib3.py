"""urllib3's PoolManager, which blocks: one connection."""

from __future__ import annotations

import urllib3

from comparisons.client.asking import WARM, Timed, server
from comparisons.harness.measured import size

with server() as url:
    pool = urllib3.PoolManager()
    for _ in range(WARM):
        pool.request("GET", url)
    timed = Timed()
    for _ in range(size()):
        assert pool.request("GET", url).data == b"Hello, world!"
    timed.tell(size())
