"""What to write instead of the names of eventlet, trio, asyncio and gevent that genlet does not have."""

from __future__ import annotations

import sys
from types import CodeType
from typing import Dict, Optional

THREAD = "call it with 'yield from tpool.execute(fn, ...)'"
LATER = "it is not in this version"

# By the name's place under genlet.
INSTEAD: Dict[str, str] = {
    "monkey_patch": (
        "nothing is patched: import from genlet.green what was patched, and write 'yield from' where"
        " it waits"
    ),
    "import_patched": "nothing is patched: import from genlet.green what was patched",
    "TimeoutError": "use genlet.Timeout, which is eventlet's, or Python's own TimeoutError",
    "greenlet": "there are no greenlets: genlet.spawn(fn, ...) starts a generator function",
    "api": "use the names of genlet itself",
    "coros": "use genlet.Event, genlet.Semaphore and genlet.Queue",
    "proc": "use genlet.spawn, and link or wait of its result",
    "util": "use genlet.tpool and genlet.green",
    "saranwrap": "use genlet.green.subprocess",
    "processes": "use genlet.green.subprocess",
    "pool": "use genlet.GreenPool, or genlet.Pool for objects that are lent out",
    "support": "nothing of eventlet.support is needed",
    "backdoor": LATER,
    "db_pool": f"{LATER}: genlet.Pool(create=...) lends out connections; for a driver that blocks, {THREAD}",
    "asyncio": LATER,
    "zipkin": LATER,
    "debug": f"{LATER}: GENLET_DEBUG=1 and genlet.Runner(debug=True) report mistakes",
    # Of trio, asyncio and gevent.
    "open_nursery": "use genlet.TaskGroup",
    "open_memory_channel": "use genlet.Channel",
    "open_tcp_stream": "use genlet.net.connect",
    "open_connection": "use genlet.net.connect",
    "serve_tcp": "use genlet.net.serve",
    "start_server": "use genlet.net.serve",
    "sleep_forever": "use genlet.sleep(float('inf'))",
    "create_task": "use genlet.spawn(fn, ...), which takes the function and its arguments, not a call",
    "ensure_future": "use genlet.spawn(fn, ...)",
    "wait_for": "use genlet.with_timeout(seconds, fn, ...), or genlet.fail_after",
    "to_thread": THREAD,
    "from_thread": "use genlet.portal, or genlet.tpool.from_thread in a function that tpool runs",
    "CancelledError": "use genlet.Cancelled",
    "TooSlowError": "genlet.fail_after raises Python's own TimeoutError",
    "get_event_loop": "use genlet.get_hub",
    "Greenlet": "use genlet.spawn(fn, ...), which returns a genlet.GreenThread",
    "joinall": "use genlet.gather, or a genlet.TaskGroup",
    "killall": "use a genlet.TaskGroup, and its cancel()",
    "monkey": "nothing is patched: import from genlet.green what was patched",
    "hubs.timer": "use genlet.spawn_after, or the hub's schedule_call_global",
    "hubs.hub": "use genlet.Runner(hub=...)",
    "hubs.poll": "use genlet.use_hub('poll')",
    "hubs.epolls": "use genlet.use_hub('epoll')",
    "hubs.selects": "use genlet.use_hub('select')",
    "hubs.kqueue": "use genlet.use_hub('kqueue')",
    "hubs.asyncio": LATER,
    "hubs.pyevent": "use genlet.use_hub('epoll')",
    "hubs.twistedr": LATER,
    "hubs.IOClosed": "use genlet.ClosedResource",
    "hubs.mark_as_reopened": "use genlet.hubs.notify_opened(fd)",
    "green.all": "import each module by its name",
    "green.thread": "use genlet.green.threading or genlet.spawn",
    "green.Queue": "use genlet.green.queue or genlet.Queue",
    "green.builtin": f"a file on a disk is opened by open(); if the disk is slow, {THREAD}",
    "green.file": f"a file on a disk is opened by open(); if the disk is slow, {THREAD}",
    "green.httplib": "use genlet.green.http.client",
    "green.http.server": "use genlet.http.serve",
    "green.http.cookies": "it waits for nothing: use http.cookies",
    "green.http.cookiejar": "use http.cookiejar, and genlet.http.Client(cookies=jar)",
    "green.urllib": "use genlet.http.get(url), or genlet.http.Client",
    "green.urllib2": "use genlet.http.get(url), or genlet.http.Client",
    "green.ftplib": f"{LATER}: for a client that blocks, {THREAD}",
    "green.BaseHTTPServer": f"{LATER}: genlet.net.serve has servers of streams",
    "green.SimpleHTTPServer": f"{LATER}: genlet.net.serve has servers of streams",
    "green.CGIHTTPServer": f"{LATER}: genlet.net.serve has servers of streams",
    "green.SocketServer": "use genlet.net.serve, or genlet.serve",
    "green.socketserver": "use genlet.net.serve, or genlet.serve",
    "green.asyncore": "use genlet.net",
    "green.asynchat": "use genlet.net",
    "green.OpenSSL": "use genlet.green.ssl",
    "green.MySQLdb": f"its module blocks: tpool.Proxy(connection), or {THREAD}",
    "green.psycopg2": f"its module blocks: tpool.Proxy(connection), or {THREAD}",
    "green.zmq": f"{LATER}: genlet.trampoline waits for the descriptor of a zmq socket",
    "green.profile": "use cProfile: a greenthread is a generator, which it sees",
    "green.multiprocessing": f"{LATER}: for calls that block, {THREAD}",
    "green.asyncio": "asyncio has a loop of its own: genlet.drive runs coroutines that await genlet",
}


def missing(module: str, name: str, caller: Optional[CodeType] = None) -> Exception:
    """Return the error for *name*, which *module* does not have.

    Args:
        module: genlet or a module of it.
        caller: The code that asks.  An import gets an ImportError: ``from genlet import websocket`` drops
            the text of an AttributeError.
    """
    advice = INSTEAD.get(f"{module}.{name}".partition(".")[2])
    text = f"module {module!r} has no attribute {name!r}"
    if advice is None:
        return AttributeError(text)
    if caller is not None and caller.co_name == "_handle_fromlist":
        return ImportError(f"{text}: {advice}", name=f"{module}.{name}")
    return AttributeError(f"{text}: {advice}")


def refuse(name: str, caller: CodeType) -> None:
    """Raise the error for the import of the module *name*, if eventlet has one of that name.

    Args:
        caller: The code that looks for the module.  `importlib.util.find_spec` asks whether there is one,
            and is told that there is none.

    Raises:
        ModuleNotFoundError: eventlet has this module, and genlet something else.
    """
    advice = INSTEAD.get(name.partition(".")[2])
    if advice is not None and caller.co_name == "_find_and_load_unlocked":
        raise ModuleNotFoundError(f"there is no module {name!r}: {advice}", name=name)


def asked_by(depth: int) -> CodeType:
    """Return the code that is *depth* calls up from the caller."""
    return sys._getframe(depth + 1).f_code
