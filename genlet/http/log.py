r"""The access log: one line for each exchange, also for those that were refused or broken off."""

# Handlers of logging block: on a disk, on a pipe that nobody reads, on a socket.  So the server only
# keeps what there is to say, and a thread formats and writes it.  A log that does not keep up must not
# fill the memory either: lines beyond some are dropped, and their number is logged.
#
# What a client controls is escaped, so that no line can be forged.

from __future__ import annotations

import json as json_module
import re
import time
from collections import deque
from logging import INFO, WARNING, Logger
from typing import TYPE_CHECKING, Callable, Deque, Dict, Match, Optional, Union

from ..abc import Green, green
from ..event import Event
from ..kernel import sleep
from ..tpool import ThreadPool

if TYPE_CHECKING:
    from .headers import Headers

__all__ = ["AccessLog", "AccessLogLike", "Exchange", "json", "line"]

MOST_WAITING = 10000  # exchanges that are not written yet
GATHERING = 0.05  # seconds in which exchanges gather before they are written

FORMAT = (
    '%(client_ip)s - - [%(date_time)s] "%(request_line)s" %(status_code)s %(body_length)s'
    " %(wall_seconds).6f"
)

# All but printable ASCII, and what ends a quoted string or begins an escape.
UNSAFE = re.compile(r"[^ !#-\[\]-~]")

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Exchange:
    """A request and what became of it.

    Attributes:
        client: The address of the client, as `genlet.http.Request.client` has it.
        request_line: As it came; what was refused may have none, or half of one.
        headers: Of the request; None if it was refused.
        status: Of the answer; 0 if none was begun.
        length: Bytes of the answer's body that were sent.
        seconds: From the last byte of the request's head to the end of the answer.
        at: When it ended, in seconds since 1970.
        cause: Why it ended early: "client gone", "timeout", "limit", "refused", "error" or "cancelled";
            empty if it did not.
    """

    __slots__ = (
        "at",
        "cause",
        "client",
        "headers",
        "length",
        "request_line",
        "seconds",
        "status",
    )

    def __init__(
        self,
        client: str,
        request_line: str,
        headers: Optional[Headers],
        status: int,
        length: int,
        seconds: float,
        cause: str,
    ) -> None:
        self.client: str = client
        self.request_line: str = request_line
        self.headers: Optional[Headers] = headers
        self.status: int = status
        self.length: int = length
        self.seconds: float = seconds
        self.at: float = time.time()
        self.cause: str = cause

    def _header(self, name: str) -> str:
        return "" if self.headers is None else self.headers.get(name, "") or ""

    @property
    def request_id(self) -> str:
        """The request's ``X-Request-ID``."""
        return self._header("X-Request-ID")

    @property
    def user_agent(self) -> str:
        """The request's ``User-Agent``."""
        return self._header("User-Agent")

    @property
    def referer(self) -> str:
        """The request's ``Referer``."""
        return self._header("Referer")

    def fields(self) -> Dict[str, object]:
        """Return what a format string may name, with what the client controls escaped."""
        return {
            "client_ip": escaped(self.client) or "-",
            "date_time": date_time(self.at),
            "request_line": escaped(self.request_line) or "-",
            "status_code": self.status,
            "body_length": self.length,
            "wall_seconds": self.seconds,
            "request_id": escaped(self.request_id) or "-",
            "user_agent": escaped(self.user_agent) or "-",
            "referer": escaped(self.referer) or "-",
            "cause": self.cause or "-",
        }


def escaped(text: str) -> str:
    r"""Return *text* with everything but printable ASCII, quotes and backslashes as ``\xNN``."""
    return UNSAFE.sub(_escape, text)


def _escape(found: Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in found[0].encode("utf-8", "surrogateescape"))


def date_time(at: float) -> str:
    """Return a time as ``27/Nov/2026 06:15:00``, in local time: eventlet's, in any locale."""
    year, month, day, hour, minute, second = time.localtime(at)[:6]
    return f"{day:02}/{MONTHS[month - 1]}/{year:04} {hour:02}:{minute:02}:{second:02}"


def line(exchange: Exchange, form: str = FORMAT) -> str:
    """Return a line about *exchange*, in eventlet's format.

    Args:
        form: Another %-format; its names are those of `Exchange.fields`.
    """
    return form % exchange.fields()


def json(exchange: Exchange) -> str:
    """Return a line about *exchange* as a JSON object, its time in seconds since 1970."""
    fields = exchange.fields()
    fields["date_time"] = exchange.at
    # JSON escapes by itself.
    fields["request_line"] = exchange.request_line
    fields["user_agent"] = exchange.user_agent
    fields["referer"] = exchange.referer
    fields["request_id"] = exchange.request_id
    fields["cause"] = exchange.cause
    return json_module.dumps(fields)


class AccessLog:
    """Writes exchanges to a logger at level INFO, on a thread of its own.

    ::

        yield from serve(hello, listeners, access_log=AccessLog(getLogger("access"), log.json))

    A record has the exchange as its attribute ``exchange``, and the time of its end.  At most 10,000
    exchanges wait to be written: a log that does not keep up loses some, and says how many.

    Args:
        logger: Nothing is kept while its level is higher.
        form: Makes the text of a record; on the thread.
    """

    def __init__(self, logger: Logger, form: Callable[[Exchange], str] = line) -> None:
        self._logger: Logger = logger
        self._form: Callable[[Exchange], str] = form
        self._waiting: Deque[Exchange] = deque()
        self._dropped: int = 0
        self._some: Event[None] = Event()
        self._thread: ThreadPool = ThreadPool(1, "genlet-access-log")

    def __call__(self, exchange: Exchange) -> None:
        """Keep *exchange* to be written."""
        if not self._logger.isEnabledFor(INFO):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.append(exchange)
        if not self._some.ready():
            self._some.send(None)

    @green
    def run(self) -> Green[None]:
        """Write what comes, for ever."""
        while True:
            yield from self._some.wait()
            yield from sleep(GATHERING)
            self._some.reset()
            yield from self.flush()

    @green
    def flush(self) -> Green[None]:
        """Write what is kept now."""
        if self._waiting:
            yield from self._thread.execute(self._write)

    def close(self) -> None:
        """Write what is kept, in this thread, and end the other."""
        self._thread.killall()
        self._write()

    def _write(self) -> None:
        # On either thread, or on both: each exchange is taken once, and none before it is written.
        logger = self._logger
        while True:
            try:
                exchange = self._waiting.popleft()
            except IndexError:
                break
            record = logger.makeRecord(
                logger.name, INFO, "(access log)", 0, self._form(exchange), (), None
            )
            record.created = exchange.at
            record.msecs = exchange.at % 1 * 1000
            record.exchange = exchange
            logger.handle(record)
        dropped, self._dropped = self._dropped, 0
        if dropped:
            logger.log(WARNING, "%d lines of the access log were dropped", dropped)


AccessLogLike = Union[None, Logger, AccessLog, Callable[[Exchange], object]]
"""What a caller may give as the access log."""
