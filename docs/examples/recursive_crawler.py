"""Follow every link from one page on, as long as it leads to the same site.

Usage: python3 recursive_crawler.py URL
"""

from __future__ import annotations

import re
import sys
from typing import Set
from urllib.parse import urldefrag, urljoin

from fetch import fetch

import genlet
from genlet import Green, GreenPool, Timeout

LINK = re.compile(rb'href="([^"]+)"')


def crawl(url: str, site: str, seen: Set[str], pool: GreenPool) -> Green[None]:
    """Fetch *url*, and send a greenthread to each page it links to that was not seen before."""
    print(f"fetching {url}")
    body = b""
    with Timeout(5, False):
        try:
            body = yield from fetch(url)
        except OSError as exc:
            print(f"failed: {exc}")
    for match in LINK.findall(body):
        link = urldefrag(urljoin(url, match.decode())).url
        if link.startswith(site) and link not in seen:
            seen.add(link)
            # A member of the pool may spawn into it: if it is full, the page is fetched right here.
            yield from pool.spawn_n(crawl, link, site, seen, pool)


def main(start: str) -> Green[None]:
    """Crawl the site of the page *start*."""
    pool = GreenPool(5)
    seen = {start}
    yield from pool.spawn_n(crawl, start, urljoin(start, "/"), seen, pool)
    yield from pool.waitall()
    print(f"I saw {len(seen)} pages")


if __name__ == "__main__":
    genlet.run(main, sys.argv[1])
