"""The table of what is compared."""

from __future__ import annotations

from types import MappingProxyType
from typing import Mapping, NamedTuple, Sequence, Tuple

LIBRARIES: Tuple[str, ...] = (
    "genlet", "asyncio", "uvloop", "gevent", "eventlet", "trio", "curio", "raw",
)  # fmt: skip


# The servers of HTTP, each with the packages that its program needs.
SERVERS: Mapping[str, Tuple[str, ...]] = MappingProxyType(
    {
        "genlet": ("httptools",),
        "genlet_h11": ("h11",),
        "genlet_wsgi": ("httptools",),
        "genlet_inline": ("httptools",),
        "uvicorn": ("uvicorn", "httptools"),
        "uvicorn_uvloop": ("uvicorn", "httptools", "uvloop"),
        "uvicorn_h11": ("uvicorn", "h11", "uvloop"),
        "hypercorn": ("hypercorn",),
        "aiohttp": ("aiohttp",),
        "granian": ("granian",),
        "eventlet": ("eventlet",),
        "gevent": ("gevent",),
        "gunicorn": ("gunicorn",),
        "waitress": ("waitress",),
        "raw": (),
    }
)


# The clients of HTTP, and the servers of WebSocket; the standard library's is in Python.
CLIENTS: Mapping[str, Tuple[str, ...]] = MappingProxyType(
    {
        "genlet": ("httptools",),
        "aiohttp": ("aiohttp",),
        "stdlib": (),
        "urllib3": ("urllib3",),
        "requests": ("requests",),
        "httpx": ("httpx",),
    }
)
WEBSOCKETS: Mapping[str, Tuple[str, ...]] = MappingProxyType(
    {
        "genlet": ("httptools", "websockets"),
        "websockets": ("websockets",),
        "uvicorn": ("uvicorn", "httptools", "websockets"),
        "aiohttp": ("aiohttp",),
        "eventlet": ("eventlet",),
    }
)

# Who competes at the jobs of these folders; at the others, LIBRARIES do.
WEB: Mapping[str, Mapping[str, Tuple[str, ...]]] = MappingProxyType(
    {"http": SERVERS, "client": CLIENTS, "websocket": WEBSOCKETS}
)


class Job(NamedTuple):
    """One job that every library does in its own way, in ``comparisons/<folder>/with_<library>.py``.

    Attributes:
        folder: Where the programs lie.
        title: What is done, for the tables.
        unit: Of the figure quoted.
        kind: ``loop`` times itself; ``server`` is put under load; ``import`` is only imported.
        sizes: What to run it with: the program's argument, or the load's.
        quick: The same for ``--quick``.
        options: Of a server and its load: ``tls``, ``size`` of a message, ``active`` connections,
            ``share`` of the capacity in percent, one ``greedy`` connection.
        load: What the load generator does: ``echo``, ``churn``, ``udp``, ``open`` or ``idle``.
    """

    folder: str
    title: str
    unit: str
    kind: str
    sizes: Tuple[int, ...]
    quick: Tuple[int, ...]
    options: Mapping[str, int] = MappingProxyType({})
    load: str = "echo"

    @property
    def contestants(self) -> Sequence[str]:
        """The names of those that might compete, in the order of the tables."""
        return tuple(WEB.get(self.folder, LIBRARIES))

    def suits(self, library: str, size: int) -> bool:
        """Whether *library* can do it: the raw loop knows no TLS, and greenlets need 8 KB each.

        waitress asks for the state of every connection at every turn: 10,000 take it minutes.
        """
        if library == "waitress":
            return size <= 1_000
        if library == "raw":
            return not self.options.get("tls")
        greenlets = library in ("gevent", "eventlet")
        return not (
            greenlets and self.folder in ("memory", "timers", "growth", "turns") and size > 100_000
        )

    @property
    def name(self) -> str:
        """What the results are filed under."""
        parts = [self.folder, *(f"{key}{value}" for key, value in sorted(self.options.items()))]
        told = self.load == "churn" or self.load == "idle"
        return "-".join([*parts, self.load] if told else parts)


# At a part of the capacity, alone and beside a greedy connection.
LATENCY: Tuple[Job, ...] = tuple(
    Job("latency", f"how late an echo is at {share} % of capacity{beside}", "µs, p99", "server",
        (50,), (5,) if share == 50 else (), {"size": 64, "share": share, **greedy}, "open")
    for beside, greedy in (("", {}), (", beside a greedy connection", {"greedy": 1}))
    for share in (50, 80)
)  # fmt: skip

JOBS: Tuple[Job, ...] = (
    Job("switch", "one sleep(0), 100 at a time", "µs", "loop", (400_000,), (20_000,)),
    Job("spawn", "spawn, end, wait; 100 at a time", "µs", "loop", (100_000,), (5_000,)),
    Job("queue", "hand an item over through Queue(1)", "µs", "loop", (100_000,), (5_000,)),
    Job("semaphore", "pass Semaphore(1) on among 10", "µs", "loop", (100_000,), (5_000,)),
    Job("group", "a task group of 10 children", "µs", "loop", (8_000,), (500,)),
    Job("timeout", "a timeout around nothing", "µs", "loop", (200_000,), (10_000,)),
    Job("cancel", "cancel one that sleeps, and wait", "µs", "loop", (50_000,), (2_000,)),
    Job(
        "timers", "a timeout around a switch, beside N that sleep", "µs", "loop",
        (10, 1_000, 100_000, 1_000_000), (10, 1_000),
    ),
    Job(
        "growth", "spawn two, wake one, cancel one, beside N that sleep", "µs", "loop",
        (10, 1_000, 100_000, 1_000_000), (10, 1_000),
    ),
    Job(
        "turns", "wait for a pipe while nobody is ready, beside N that wait for an event", "µs",
        "loop", (10, 1_000, 100_000), (10, 1_000),
    ),
    Job(
        "memory", "one that sleeps, of N", "bytes", "loop",
        (10_000, 100_000, 1_000_000), (10_000,),
    ),
    Job("deep", "one switch below 50 levels of delegation", "µs", "loop", (50_000,), (2_000,)),
    Job("offload", "a call on a worker thread", "µs", "loop", (10_000,), (500,)),
    Job("subprocess", "run echo and read it, 20 at a time", "µs", "loop", (300,), (20,)),
    Job("noop", "run a main that does nothing", "µs", "loop", (2_000,), (100,)),
    Job("import", "import the library", "ms", "import", (1,), (1,)),
    Job("echo", "echo", "CPU µs", "server", (1, 100, 1_000, 10_000), (10,), {"size": 64}),
    Job("echo", "echo", "CPU µs", "server", (100,), (), {"size": 4096}),
    Job("echo", "echo", "CPU µs", "server", (100,), (), {"size": 1 << 20}),
    Job("echo", "echo, 100 of them active", "CPU µs", "server", (10_000,), (),
        {"active": 100, "size": 64}),
    Job("echo", "echo over TLS", "CPU µs", "server", (100,), (10,), {"size": 64, "tls": 1}),
    Job("echo", "echo over TLS", "CPU µs", "server", (10,), (), {"size": 1 << 20, "tls": 1}),
    Job("echo", "connect, one echo, close", "CPU µs", "server", (50,), (5,), {"size": 64}, "churn"),
    Job("callbacks", "echo by callbacks, where there are any", "CPU µs", "server",
        (100,), (10,), {"size": 64}),
    Job("proxy", "relay an echo", "CPU µs", "server", (100,), (10,), {"size": 64}),
    Job("udp", "echo a datagram", "CPU µs", "server", (50,), (5,), {"size": 64}, "udp"),
    *LATENCY,
    Job("http", "a request on a kept connection", "CPU µs", "server", (50,), (5,)),
    Job("http", "a request on a new connection", "CPU µs", "server", (50,), (), load="churn"),
    Job("http", "an idle connection after a request", "bytes", "server", (10_000,), (100,),
        load="idle"),
    Job("http", "how late an answer is at 50 % of capacity", "µs, p99", "server", (50,), (),
        {"share": 50}, "open"),
    Job("client", "a GET on one of 16 kept connections", "CPU µs", "loop", (16_000,), (160,)),
    Job("websocket", "a text comes back, on one of 64 WebSockets", "CPU µs", "loop", (50_000,),
        (640,)),
)  # fmt: skip
