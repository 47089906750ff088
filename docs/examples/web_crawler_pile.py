"""Fetch many pages at once with a pile: jobs are put on it one by one, results come in that order.

Usage: python3 web_crawler_pile.py URL...
"""

from __future__ import annotations

import sys
from typing import List

from fetch import fetch

import genlet
from genlet import END, Green, GreenPile


def main(urls: List[str]) -> Green[None]:
    """Fetch *urls*, twenty at a time."""
    pile: GreenPile[bytes] = GreenPile(20)
    for url in urls:
        yield from pile.spawn(fetch, url)
    for url in urls:
        try:
            body = yield from pile.next()
        except OSError as exc:
            print(f"failed: {exc}")
        else:
            assert body is not END  # as many results as jobs
            print(f"got body from {url} of length {len(body)}")


if __name__ == "__main__":
    genlet.run(main, sys.argv[1:])
