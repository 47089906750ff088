"""Fetch many pages at once, and have the results in order.

Usage: python3 web_crawler.py URL...
"""

from __future__ import annotations

import sys
from typing import List, Tuple

from fetch import fetch

import genlet
from genlet import END, Green, GreenPool


def measure(url: str) -> Green[Tuple[str, int]]:
    """Return *url* and how long its page is."""
    body = yield from fetch(url)
    return url, len(body)


def main(urls: List[str]) -> Green[None]:
    """Fetch *urls*, two hundred at a time."""
    pool = GreenPool(200)
    pages = pool.imap(measure, urls)
    while (page := (yield from pages.next())) is not END:
        url, size = page
        print(f"got body from {url} of length {size}")


if __name__ == "__main__":
    genlet.run(main, sys.argv[1:])
