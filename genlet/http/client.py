"""The HTTP client: requests over connections that are kept."""

# What happens to a connection
# ----------------------------
# `_exchange` takes one from the pool and owns it.  Whatever ends the exchange, an answer read to its
# end, an error or an interruption at any suspension, passes `_settle` or `drop`, once: kept if the
# two sides are through with each other, else closed.  `StreamedReply` takes the ownership over.

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, List, Optional, Tuple, TypeVar, Union

from .._counts import check_count
from ..abc import Green, green
from ..end import END, End
from ..errors import ClosedResource, WrongThread
from ..kernel import check_grace, get_scheduler, move_on_after
from ..structured.taskgroup import TaskGroup
from .answers import AnswerHead
from .asked import check_method, redirected, written
from .asking import CONNECTING, WAITING, Ask, Asking, Link, Lost, RequestTimeouts
from .failures import (
    ProtocolViolation,
    RedirectRefused,
    ReplyBroken,
    ReplyTimeout,
    ReplyTooLarge,
    RequestError,
    TooManyRedirects,
)
from .framing import Limits, Refused
from .headers import Fields, Headers, HeadersLike, pairs
from .plans import MISSING, Missing, Options, Plan, Seconds, timeouts_of
from .pool import Pool, Statistics
from .replies import Reply, StreamedReply
from .tunnels import Proxies, basic, default_context, open_way
from .uploads import Outgoing, outgoing
from .urls import URL, joined, parse, with_params

if TYPE_CHECKING:
    from http.cookiejar import CookieJar
    from ssl import SSLContext
    from types import TracebackType
    from typing import Type

    from typing_extensions import Self, Unpack

    from .messages import Source
    from .uploads import Files
    from .urls import Params

__all__ = ["Client", "Options", "get", "request"]


REDIRECTS = (301, 302, 303, 307, 308)
LIMITS = Limits(head=65536, fields=256, body=64 << 20)
GOODBYE = 1.0  # seconds

T = TypeVar("T")


class Client:
    """Asks HTTP servers, over connections that are kept.

    ::

        with Client(timeout=10) as client:
            reply = yield from client.get("https://example.org/")
            print(reply.status, reply.text)
            yield from client.finish()

    Many greenthreads may use one client.  Redirects are followed only if that is asked for, cookies
    kept only in a jar that is passed, and servers of https verified always.

    Args:
        base_url: In front of URLs that are paths.
        headers: Of every request, unless a request has its own of that name.
        auth: User and password for Basic authentication.
        tls: The context for https; None verifies the server, and speaks TLS 1.2 and later.
        limit: How many connections there may be.
        limit_per_host: How many to one host.
        keep: Seconds for which an idle connection is kept; less than servers do.
        redirects: How many redirects are followed.
        timeout: Seconds for a whole request, None for ever; or `RequestTimeouts`.
        limits: What an answer may take: head, fields, and the body of `request`.
        proxy: A URL of http, or "environment" for what the variables of the process say.
        decompress: Ask for gzip and deflate, and take them off.
        cookies: Where cookies are kept.

    Raises:
        RequestError: The base URL, the proxy or a header is none.
        TypeError, ValueError: A number is none of those above.

    Source:
        ``requests.Session``, ``httpx.Client``.
    """

    def __init__(
        self,
        *,
        base_url: str = "",
        headers: HeadersLike = (),
        auth: Optional[Tuple[str, str]] = None,
        tls: Optional[SSLContext] = None,
        limit: int = 100,
        limit_per_host: int = 20,
        keep: float = 15.0,
        redirects: int = 0,
        timeout: Seconds = RequestTimeouts(),  # noqa: B008  immutable
        limits: Limits = LIMITS,
        proxy: Optional[str] = None,
        decompress: bool = True,
        cookies: Optional[CookieJar] = None,
    ) -> None:
        if base_url:
            parse(base_url)
        self._base: str = base_url
        self._fields: Fields = list(pairs(headers))
        self._auth: Optional[str] = None if auth is None else basic(auth)
        self._tls: Optional[SSLContext] = tls
        self._limit: int = check_count(limit, "limit", 1)
        self._per_host: int = check_count(limit_per_host, "limit_per_host", 1)
        self._keep: float = check_grace(keep, "keep")
        self._redirects: int = check_count(redirects, "redirects")
        self._timeouts: RequestTimeouts = timeouts_of(timeout)
        self._limits: Limits = limits
        self._proxies: Proxies = Proxies(proxy)
        self._decompress: bool = decompress
        self._cookies: Optional[CookieJar] = cookies
        self._pool: Optional[Pool] = None
        self._kernel: object = None
        self._closed: bool = False

    # ---- requests ----

    @green
    def request(self, method: str, url: str, **options: Unpack[Options]) -> Green[Reply]:
        """Send a request, and return the answer with its body.

        If a kept connection turns out to have ended, a request that may be sent twice, by its method
        and its body, is sent once more; no other is.

        Args:
            method: In capitals.
            url: Of http or https, or what follows the base URL.
            options: See `Options`.

        Raises:
            RequestError: A part of it cannot be sent; nothing was.
            ConnectFailed: There is no connection to the server.
            ReplyTimeout: It took too long; ``phase`` says what did.
            ReplyBroken: The connection ended before the answer was whole.
            ProtocolViolation: What came is no answer.
            ReplyTooLarge: The body is longer than ``limits.body``.
            RedirectRefused: A redirect leads from https to http, or nowhere; or there are too many.
            ClosedResource: The client was closed.
            WrongThread: The client was used in another run before.
        """
        return self._within_total(self._replied, self._plan(method, url, **options))

    @green
    def stream(self, method: str, url: str, **options: Unpack[Options]) -> Green[StreamedReply]:
        """Send a request, and return the answer when its head is there.

        It holds its connection until it was read to its end, or closed: use it in a ``with`` block.
        The total timeout is over when this returns; from then on ``timeouts.read`` counts.

        Args:
            method, url, options: As of `request`.

        Raises:
            RequestError, HTTPFailure, ClosedResource, WrongThread: As `request`.
        """
        return self._within_total(self._streamed, self._plan(method, url, **options))

    @green
    def get(self, url: str, **options: Unpack[Options]) -> Green[Reply]:
        """Ask for *url*; see `request`."""
        return self._within_total(self._replied, self._plan("GET", url, **options))

    @green
    def head(self, url: str, **options: Unpack[Options]) -> Green[Reply]:
        """Ask for the head of *url*; see `request`."""
        return self._within_total(self._replied, self._plan("HEAD", url, **options))

    @green
    def post(self, url: str, **options: Unpack[Options]) -> Green[Reply]:
        """Send to *url*; see `request`."""
        return self._within_total(self._replied, self._plan("POST", url, **options))

    @green
    def put(self, url: str, **options: Unpack[Options]) -> Green[Reply]:
        """Store at *url*; see `request`."""
        return self._within_total(self._replied, self._plan("PUT", url, **options))

    @green
    def patch(self, url: str, **options: Unpack[Options]) -> Green[Reply]:
        """Change what is at *url*; see `request`."""
        return self._within_total(self._replied, self._plan("PATCH", url, **options))

    @green
    def delete(self, url: str, **options: Unpack[Options]) -> Green[Reply]:
        """Delete what is at *url*; see `request`."""
        return self._within_total(self._replied, self._plan("DELETE", url, **options))

    # ---- the end ----

    @green
    def finish(self) -> Green[None]:
        """Say goodbye on the idle connections, and close the client."""
        if self._pool is not None and not self._closed:
            links = self._pool.take_idle()
            try:
                with TaskGroup(name="closing a client") as group:
                    for link in links:
                        group.spawn(_goodbye, link)
                    yield from group.join()
            finally:
                for link in links:
                    link.stream.close()
                self.close()
        self.close()

    def close(self) -> None:
        """Close all connections; the requests on them, and those that wait for one, fail."""
        self._closed = True
        if self._pool is not None:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: Optional[Type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def statistics(self) -> Statistics:
        """Return what the pool has, and has done."""
        if self._pool is None:
            return Statistics(0, 0, 0, 0, 0, 0)
        return self._pool.statistics()

    def __repr__(self) -> str:
        found = self.statistics()
        return f"<Client with {found.busy} busy and {found.idle} idle connections>"

    # ---- what is asked for ----

    def _plan(
        self,
        method: str,
        text: str,
        *,
        headers: HeadersLike = (),
        params: Optional[Params] = None,
        body: Union[None, bytes, str, Source] = None,
        json: object = MISSING,
        form: Optional[Params] = None,
        files: Optional[Files] = None,
        auth: Optional[Tuple[str, str]] = None,
        timeout: Union[Seconds, Missing] = MISSING,
        redirects: Optional[int] = None,
    ) -> Plan:
        method = check_method(method)
        if self._base and "://" not in text.partition("?")[0]:
            text = f"{self._base.rstrip('/')}/{text.lstrip('/')}" if text else self._base
        if params is not None:
            text = with_params(text, params)
        url = parse(text)
        fields = list(pairs(headers))
        if self._fields:
            own = {name.lower() for name, _ in fields}
            fields = [one for one in self._fields if one[0].lower() not in own] + fields
        secret = basic(auth) if auth is not None else None
        if secret is None and not any(name.lower() == "authorization" for name, _ in fields):
            secret = basic(url.user) if url.user is not None else self._auth
        if secret is not None:
            fields = [one for one in fields if one[0].lower() != "authorization"]
            fields.append(("Authorization", secret))
        return Plan(
            method,
            url,
            fields,
            outgoing(body, None if json is MISSING else json, json is not MISSING, form, files),
            self._timeouts if isinstance(timeout, Missing) else timeouts_of(timeout),
            self._redirects if redirects is None else check_count(redirects, "redirects"),
        )

    def _ready_pool(self) -> Pool:
        scheduler = get_scheduler()
        if self._closed:
            raise ClosedResource("the client was closed")
        if self._pool is None:
            self._pool = Pool(self._limit, self._per_host, self._keep)
            self._kernel = scheduler
        elif self._kernel is not scheduler:
            raise WrongThread("a client belongs to the run that has used it first: make another")
        return self._pool

    def _context(self) -> SSLContext:
        if self._tls is None:
            self._tls = default_context()
        return self._tls

    # ---- the whole of a request ----

    @green
    def _within_total(self, work: Callable[[Plan], Green[T]], plan: Plan) -> Green[T]:
        """Return the result of ``work(plan)``, which comes within the total timeout."""
        try:
            total = plan.timeouts.total
            if total is None:
                return (yield from work(plan))
            plan.deadline = get_scheduler().clock() + total
            with move_on_after(total):
                return (yield from work(plan))
            raise self._late(plan, total)
        finally:
            plan.body.close()

    def _late(self, plan: Plan, total: float) -> ReplyTimeout:
        ask = plan.ask
        if ask is None or self._pool is None:
            return ReplyTimeout(f"timed out after {total:g} seconds", plan.method, plan.url.text)
        if ask.phase == WAITING and plan.key is not None:
            why = self._pool.holders(plan.key)
            return ReplyTimeout(
                f"timed out after {total:g} seconds: {why}", ask.method, ask.shown, ask.phase
            )
        return ask.late(total)

    @green
    def _replied(self, plan: Plan) -> Green[Reply]:
        while True:
            asking = yield from self._exchange(plan, True)
            self._settle(asking)
            reply = _reply(plan, asking, asking.body)
            if not self._goes_on(plan, asking.head):
                return reply
            plan.history += (reply,)

    @green
    def _streamed(self, plan: Plan) -> Green[StreamedReply]:
        while True:
            asking = yield from self._exchange(plan, False)
            streaming = Streaming(self, asking)
            try:
                method, url = plan.method, plan.url.text
                goes_on = self._goes_on(plan, asking.head)
                if goes_on:
                    yield from streaming.discard(self._limits.discard)
            except BaseException:
                streaming.close()
                raise
            head = asking.head
            if not goes_on:
                asking.ask.deadline = None
                return StreamedReply(
                    method,
                    url,
                    head.status,
                    head.reason,
                    head.version,
                    head.headers,
                    plan.history,
                    streaming,
                    self._limits.body,
                )
            streaming.close()
            plan.history += (
                Reply(
                    method,
                    url,
                    head.status,
                    head.reason,
                    head.version,
                    head.headers,
                    plan.history,
                    b"",
                ),
            )

    @green
    def _exchange(self, plan: Plan, whole: bool) -> Green[Asking]:
        """Send the request of *plan* once, or twice if that is safe; the caller owns the connection."""
        pool = self._ready_pool()
        url, decompress = plan.url, self._decompress
        proxy = self._proxies.of(url)
        absolute = proxy is not None and url.scheme == "http"
        more: List[Tuple[str, str]] = []
        if absolute and proxy is not None and proxy.user is not None:
            more.append(("Proxy-Authorization", basic(proxy.user)))
        if self._cookies is not None:
            from .cookies import cookie_for

            cookie = cookie_for(self._cookies, url.text)
            if cookie is not None:
                more.append(("Cookie", cookie))
        head = written(
            plan.method,
            url,
            plan.fields,
            plan.body,
            absolute=absolute,
            decompress=decompress,
            more=more,
        )
        ask = plan.ask = Ask(plan.method, url.text, head.data, plan.body, plan.timeouts)
        ask.deadline = plan.deadline
        ask.expects = head.expects
        key = plan.key = (*url.origin, "" if proxy is None else proxy.text)
        fresh = False

        def opened() -> Green[Link]:
            return self._opened(ask, url, proxy)

        while True:
            ask.phase = WAITING
            link = yield from pool.take(key, fresh, opened)
            asking = Asking(link, ask)
            try:
                if whole:
                    yield from asking.whole(self._limits.body, decompress)
                else:
                    yield from asking.head_of(decompress)
                if self._cookies is not None:
                    from .cookies import keep_cookies

                    keep_cookies(self._cookies, url.text, asking.head.headers)
                return asking
            except Lost as lost:
                pool.drop(link)
                if not (lost.untouched and link.served and head.repeats) or fresh:
                    raise broken(ask, lost) from lost.__cause__
            except Refused as exc:
                pool.drop(link)
                raise violated(ask, exc) from None
            except BaseException:
                pool.drop(link)
                raise
            fresh = True
            pool.repeated += 1

    @green
    def _opened(self, ask: Ask, url: URL, proxy: Optional[URL]) -> Green[Link]:
        ask.phase = CONNECTING
        way = open_way(ask, url, proxy, self._context, self._limits)
        stream = yield from ask.within(ask.bound(ask.timeouts.connect), way)
        return Link(stream, self._limits)

    def _settle(self, asking: Asking) -> None:
        """Keep the connection of an exchange that is over, or close it."""
        assert self._pool is not None
        if asking.reusable:
            self._pool.release(asking.link, asking.head.keep)
        else:
            self._pool.drop(asking.link)

    def _goes_on(self, plan: Plan, head: AnswerHead) -> bool:
        """Change *plan* into that of the request that a redirect asks for; return whether it does."""
        if not plan.redirects or head.status not in REDIRECTS:
            return False
        places = head.headers.get_all("Location")
        if not places:
            return False
        phase = "following a redirect"
        if len(plan.history) >= plan.redirects:
            raise TooManyRedirects(
                f"more than {plan.redirects} redirects", plan.method, plan.url.text, phase
            )
        try:
            if len(places) > 1:
                raise RequestError("there is more than one Location")
            url = joined(plan.url, places[0])
            if plan.url.scheme == "https" and url.scheme == "http":
                raise RequestError("it leads from https to http")
        except RequestError as exc:
            raise RedirectRefused(
                f"the redirect is refused: {exc}", plan.method, plan.url.text, phase
            ) from None
        method, fields, keeps = redirected(
            plan.method, head.status, plan.fields, url.origin == plan.url.origin
        )
        if not keeps:
            plan.body.close()
            plan.body = Outgoing(b"")
        elif plan.body.data is None:
            return False
        plan.method, plan.fields, plan.url = method, fields, url
        return True


class Streaming:
    """The exchange of a streamed answer."""

    __slots__ = ("_asking", "_client", "_ended", "_over")

    def __init__(self, client: Client, asking: Asking) -> None:
        self._client: Client = client
        self._asking: Asking = asking
        self._over: bool = False
        self._ended: bool = False

    @green
    def next(self) -> Green[Union[bytes, End]]:
        if self._over:
            if self._ended:
                return END
            raise ClosedResource("the reply was closed before its end")
        asking = self._asking
        try:
            piece = yield from asking.next()
        except Lost as lost:
            self.close()
            raise broken(asking.ask, lost) from lost.__cause__
        except Refused as exc:
            self.close()
            raise violated(asking.ask, exc) from None
        except BaseException:
            self.close()
            raise
        if piece is END:
            self._ended = True
            self.close()
        return piece

    @green
    def discard(self, limit: int) -> Green[None]:
        """Read what is left, if it is little."""
        while limit >= 0 and (piece := (yield from self.next())) is not END:
            limit -= len(piece)

    def trailers(self) -> Headers:
        return self._asking.link.wire.trailers if self._ended else Headers()

    def too_large(self, limit: int) -> ReplyTooLarge:
        return self._asking.too_large(limit)

    def close(self) -> None:
        """Keep the connection if the answer was read to its end; else close it."""
        if not self._over:
            self._over = True
            self._client._settle(self._asking)


def broken(ask: Ask, lost: Lost) -> ReplyBroken:
    return ReplyBroken(lost.reason, ask.method, ask.shown, ask.phase)


def violated(ask: Ask, refused: Refused) -> ProtocolViolation:
    return ProtocolViolation(refused.reason, ask.method, ask.shown, ask.phase)


def _reply(plan: Plan, asking: Asking, body: bytes) -> Reply:
    head = asking.head
    return Reply(
        plan.method,
        plan.url.text,
        head.status,
        head.reason,
        head.version,
        head.headers,
        plan.history,
        body,
    )


@green
def _goodbye(link: Link) -> Green[None]:
    try:
        yield from link.stream.finish(GOODBYE)
    except OSError:
        pass


@green
def request(method: str, url: str, **options: Unpack[Options]) -> Green[Reply]:
    """Send one request, over a connection of its own; see `Client.request`."""
    with Client() as client:
        return (yield from client.request(method, url, **options))


@green
def get(url: str, **options: Unpack[Options]) -> Green[Reply]:
    """Ask for *url* once, over a connection of its own; see `Client.request`."""
    with Client() as client:
        return (yield from client.get(url, **options))
