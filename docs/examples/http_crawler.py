"""Fetch pages and all that they link to, over connections that are kept.

eventlet's recursive crawler, with ``genlet.http.Client`` instead of ``urlopen``.

Usage: python3 http_crawler.py URL
"""

from __future__ import annotations

import re
import sys
from typing import Set
from urllib.parse import urljoin

import genlet
from genlet import Green, GreenPool
from genlet.http import Client, HTTPFailure, RequestError

LINK = re.compile(r'href="([^"#]+)"')


def fetch(client: Client, pool: GreenPool, url: str, site: str, seen: Set[str]) -> Green[None]:
    """Fetch *url*, and have the pool fetch what it links to."""
    try:
        reply = yield from client.get(url, redirects=5, timeout=10)
    except (HTTPFailure, RequestError) as exc:
        print(f"{url}: {exc}")
        return
    print(f"{url}: {reply.status}, {len(reply.body)} bytes")
    for link in LINK.findall(reply.text):
        found = urljoin(reply.url, link)
        if found.startswith(site) and found not in seen:
            seen.add(found)
            yield from pool.spawn_n(fetch, client, pool, found, site, seen)


def main(url: str) -> Green[None]:
    """Fetch the site of *url*, twenty pages at a time."""
    pool = GreenPool(20)
    with Client(limit_per_host=10) as client:
        yield from pool.spawn_n(fetch, client, pool, url, urljoin(url, "/"), {url})
        yield from pool.waitall()
        yield from client.finish()


if __name__ == "__main__":
    genlet.run(main, sys.argv[1])
