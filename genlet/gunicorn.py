"""Workers for gunicorn: ``gunicorn -k genlet.gunicorn.Worker module:app``."""

# gunicorn is the program, and this a guest in it: it has opened the sockets, forked, loaded the
# application and read its settings.  What is left is a run that serves, tells the arbiter that it is
# alive, and ends when it is told to.

from __future__ import annotations

import os
import signal
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Iterable, List, Optional

from .abc import Green, green
from .green.socket import socket
from .http import Exchange, Handler, Limits, Request, Response, Timeouts, TrustedProxies, serve
from .http.framing import UNBOUNDED
from .kernel import sleep
from .net import Listener
from .runner import Runner
from .structured.stopping import Stopper
from .structured.taskgroup import TaskGroup
from .wsgi import handler

__all__ = ["GreenWorker", "Worker"]

if TYPE_CHECKING:

    class Base:
        """What is used of gunicorn's worker.  gunicorn has no types, and may not be there."""

        cfg: Any
        log: Any
        wsgi: Any
        sockets: List[Any]
        alive: bool
        ppid: int
        max_requests: int

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

        def notify(self) -> None: ...

else:
    try:
        Base = import_module("gunicorn.workers.base").Worker
    except ModuleNotFoundError:
        raise ImportError("genlet.gunicorn is for gunicorn, which is not installed") from None

EVERYBODY = ("0.0.0.0/0", "::/0", "unix")
THREADS = 20
NO_KEEPALIVE = 0
HEARTBEAT = 1.0  # seconds


class Worker(Base):
    """Serves a WSGI application on threads.

    These settings are taken: ``threads`` (with 1, gunicorn's default, there are 20),
    ``worker_connections``, ``keepalive``, ``graceful_timeout``, ``timeout``, ``max_requests``,
    ``limit_request_line``, ``limit_request_fields``, ``forwarded_allow_ips``, ``proxy_protocol``,
    ``proxy_allow_ips``, those of TLS and of logging.  The hooks of single requests are not called.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stopper: Stopper = Stopper()
        self._hurry: bool = False

    def served(self) -> Handler:
        """Return what answers the requests."""
        cfg = self.cfg
        return handler(
            self.wsgi,
            threads=cfg.threads if cfg.threads > 1 else THREADS,
            queue=cfg.worker_connections,
            multiprocess=cfg.workers > 1,
        )

    # ---- what gunicorn calls ----

    def run(self) -> None:
        """Serve until the arbiter has enough."""
        Runner().run(self._serve)

    def handle_quit(self, sig: int, frame: object) -> None:
        """End at once; gunicorn's own would do so in the middle of anything."""
        self.alive = False
        self._hurry = True
        self.cfg.worker_int(self)

    # ---- the run ----

    @green
    def _serve(self) -> Green[None]:
        cfg = self.cfg
        answer = self.served()
        stopper = self._stopper
        keepalive: float = cfg.keepalive

        if keepalive <= NO_KEEPALIVE:
            answer = _closing(answer)
        tls: Any = None
        if cfg.is_ssl:
            tls = import_module("gunicorn.sock").ssl_context(cfg)
        limit: int = self.max_requests if cfg.max_requests > 0 else 0
        with stopper.on(signal.SIGTERM), TaskGroup(errors="first", on_exit="cancel") as group:
            group.spawn(self._beat)
            yield from serve(
                answer,
                [Listener(socket(fileno=os.dup(sock.fileno()))) for sock in self.sockets],
                tls=tls,
                limits=Limits(
                    head=65536 + cfg.limit_request_line,
                    target=cfg.limit_request_line or 65536,
                    fields=cfg.limit_request_fields,
                    body=UNBOUNDED,  # gunicorn has no limit for bodies
                ),
                timeouts=Timeouts(idle=keepalive) if keepalive > 0 else Timeouts(),
                max_connections=cfg.worker_connections,
                max_requests=limit or None,
                trusted=TrustedProxies(_peers(cfg.forwarded_allow_ips)),
                proxy_protocol=_peers(cfg.proxy_allow_ips) if _wants_proxy(cfg) else (),
                access_log=self._log if _logs(self.log, cfg) else None,
                on_error=self._failed,
                stopper=stopper,
                drain=cfg.graceful_timeout,
            )

    @green
    def _beat(self) -> Green[None]:
        """Tell the arbiter that this lives, and look whether it is to go on."""
        while True:
            self.notify()
            if self._hurry:
                raise SystemExit(0)
            if not self.alive or self.ppid != os.getppid():
                self._stopper.stop("gunicorn")
            yield from sleep(HEARTBEAT)

    def _failed(self, request: Request, exc: BaseException) -> None:
        self.log.error("Error handling request %s", request.raw_path.decode(), exc_info=exc)

    def _log(self, exchange: Exchange) -> None:
        """Have gunicorn's logger write a line, in the format that its settings have."""
        method, _, rest = exchange.request_line.partition(" ")
        target, _, version = rest.partition(" ")
        path, _, query = target.partition("?")
        environ = {
            "REMOTE_ADDR": exchange.client,
            "REQUEST_METHOD": method or "-",
            "RAW_URI": target,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": version,
            "HTTP_REFERER": exchange.referer or "-",
            "HTTP_USER_AGENT": exchange.user_agent or "-",
        }
        seconds = timedelta(seconds=exchange.seconds)
        self.log.access(Answered(exchange), Asked(exchange), environ, seconds)


class GreenWorker(Worker):
    """Serves a handler of `genlet.http`: ``gunicorn -k genlet.gunicorn.GreenWorker module:handler``."""

    def served(self) -> Handler:
        found: Handler = self.wsgi
        return found


class Answered:
    """An answer, as far as gunicorn's logger looks at one."""

    def __init__(self, exchange: Exchange) -> None:
        self.status: str = str(exchange.status)
        self.sent: int = exchange.length
        self.headers: List[Any] = []


class Asked:
    """A request, likewise."""

    def __init__(self, exchange: Exchange) -> None:
        self.headers: List[Any] = [] if exchange.headers is None else exchange.headers.items()


def _closing(answer: Handler) -> Handler:
    """Return a handler whose answers end their connections."""

    @green
    def closing(request: Request) -> Green[Optional[Response]]:
        given = answer(request)
        response = given if given is None or isinstance(given, Response) else (yield from given)
        if response is not None:
            response.close = True
        return response

    return closing


def _peers(setting: Any) -> Iterable[str]:
    """Return the addresses in one of gunicorn's lists; it trusts Unix sockets by themselves."""
    listed: List[str] = setting.split(",") if isinstance(setting, str) else list(setting)
    peers = [peer.strip() for peer in listed if peer.strip()]
    return EVERYBODY if "*" in peers else [*peers, "unix"]


def _wants_proxy(cfg: Any) -> bool:
    return cfg.proxy_protocol not in (False, None, "off")


def _logs(log: Any, cfg: Any) -> bool:
    found: Optional[bool] = getattr(log, "access_log_enabled", None)
    return bool(cfg.accesslog) if found is None else found
