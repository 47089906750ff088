"""requests' Session, which blocks: one connection."""

from __future__ import annotations

import requests

from comparisons.client.asking import WARM, Timed, server
from comparisons.harness.measured import size

with server() as url:
    session = requests.Session()
    for _ in range(WARM):
        session.get(url)
    timed = Timed()
    for _ in range(size()):
        assert session.get(url).content == b"Hello, world!"
    timed.tell(size())
