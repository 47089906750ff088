"""What the clients share: a server that costs little, and how they are timed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from comparisons.harness.measured import measured

CONNECTIONS = 16
WARM = 5  # requests on each before the clock runs

RAW = Path(__file__).parent.parent / "http" / "with_raw.py"


@contextmanager
def server() -> Iterator[str]:
    """Run the epoll loop of ``comparisons/http``; gives its URL."""
    with subprocess.Popen([sys.executable, str(RAW)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}/"
        finally:
            process.kill()


class Timed:
    """The CPU of this process from now on."""

    def __init__(self) -> None:
        self._begun: float = time.process_time()

    def tell(self, requests: int) -> None:
        """Print what each of *requests* took."""
        measured(requests, time.process_time() - self._begun, "Hello, world!")
