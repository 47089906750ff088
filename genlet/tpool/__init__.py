"""Blocking functions, run on threads while green code waits for them."""

from __future__ import annotations

from .proxy import Proxy, unwrap
from .threads import (
    Statistics,
    ThreadPool,
    execute,
    execute_abandonable,
    from_thread,
    get_num_threads,
    killall,
    set_num_threads,
    statistics,
)

__all__ = ["Proxy", "Statistics", "ThreadPool", "execute", "execute_abandonable", "from_thread"]
__all__ += ["get_num_threads", "killall", "set_num_threads", "statistics", "unwrap"]
