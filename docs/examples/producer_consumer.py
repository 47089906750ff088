"""A crawler again, as producer and consumers: fetchers put links on a queue, main takes them off.

Usage: python3 producer_consumer.py URL
"""

from __future__ import annotations

import re
import sys
from urllib.parse import urldefrag, urljoin

from fetch import fetch

import genlet
from genlet import Green, GreenPool, Queue

LINK = re.compile(rb'href="([^"]+)"')


def produce(url: str, links: Queue[str]) -> Green[None]:
    """Fetch *url* and put its links on the queue."""
    print(f"fetching {url}")
    try:
        body = yield from fetch(url)
    except OSError as exc:
        print(f"failed: {exc}")
        return
    for match in LINK.findall(body):
        yield from links.put(urldefrag(urljoin(url, match.decode())).url)


def main(start: str) -> Green[None]:
    """Consume links until nothing is on the queue and nobody is left to put anything there."""
    site, seen = urljoin(start, "/"), set[str]()
    pool = GreenPool(10)
    links: Queue[str] = Queue()
    yield from links.put(start)
    while not links.empty():
        while not links.empty():
            link = yield from links.get()
            if link.startswith(site) and link not in seen:
                seen.add(link)
                yield from pool.spawn_n(produce, link, links)
        yield from pool.waitall()
    print(f"I saw {len(seen)} pages")


if __name__ == "__main__":
    genlet.run(main, sys.argv[1])
