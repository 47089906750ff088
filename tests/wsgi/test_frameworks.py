"""Applications of Flask and Django; each skipped where it is not installed."""

from __future__ import annotations

from typing import Any, Iterator

import pytest

from genlet import Green
from genlet.net import connect

from .serving import answer_of, answered, chunked, get, request, serving

modes = pytest.mark.parametrize("mode", ["threads", "inline"])
FORM = b"a=1&b=%C3%A9"
URLENCODED = "Content-Type: application/x-www-form-urlencoded"


def client(port: int) -> Green[None]:
    """What both applications answer."""
    with (yield from connect("127.0.0.1", port)) as stream:
        yield from stream.send_all(
            get("/hello"),
            request("/form", URLENCODED, body=FORM),
            request("/form", URLENCODED, "Transfer-Encoding: chunked")
            + chunked(FORM[:5], FORM[5:]),
            get("/hello", method="HEAD"),
            get("/stream"),
            get("/missing"),
            get("/again"),
        )
        assert (yield from answer_of(stream)).body == b"hello"
        assert (yield from answer_of(stream)).body == "1 é".encode()
        assert (yield from answer_of(stream)).body == "1 é".encode()
        assert (yield from answer_of(stream, "HEAD")).status == 200
        assert (yield from answer_of(stream)).body == b"0 1 2 "
        assert (yield from answer_of(stream)).status == 404
        answer = yield from answer_of(stream)
        assert answer.status in (301, 302)
        assert answer.headers["location"].endswith("/hello")
    assert (yield from answered(port, get("/fails"))).status == 500


@modes
def test_flask_application_is_served(mode: str) -> None:
    """Views, forms, streams, redirects and errors."""
    flask: Any = pytest.importorskip("flask")
    app = flask.Flask("app")

    def hello() -> str:
        return "hello"

    def form() -> str:
        found = flask.request.form
        return f"{found['a']} {found['b']}"

    def stream() -> Any:
        def pieces() -> Iterator[str]:
            for number in range(3):
                yield f"{number} "

        return app.response_class(flask.stream_with_context(pieces()))

    def again() -> Any:
        return flask.redirect("/hello")

    def fails() -> str:
        raise ValueError("a view")

    for view in (hello, stream, again, fails):
        app.add_url_rule(f"/{view.__name__}", view_func=view)
    app.add_url_rule("/form", view_func=form, methods=["POST"])
    serving(app, client, mode=mode, valid=False)


@modes
def test_django_application_is_served(mode: str) -> None:
    """As Flask's; a chunked form is one that Django sees, since its length is told."""
    pytest.importorskip("django")
    from django.conf import settings  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from django.core.wsgi import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        get_wsgi_application,
    )
    from django.http import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
        HttpResponse,
        HttpResponseRedirect,
        StreamingHttpResponse,
    )
    from django.urls import path  # type: ignore[import-not-found,import-untyped,unused-ignore]

    def hello(request: Any) -> Any:
        return HttpResponse("hello")

    def form(request: Any) -> Any:
        return HttpResponse(f"{request.POST['a']} {request.POST['b']}")

    def stream(request: Any) -> Any:
        return StreamingHttpResponse(f"{number} " for number in range(3))

    def again(request: Any) -> Any:
        return HttpResponseRedirect("/hello")

    def fails(request: Any) -> Any:
        raise ValueError("a view")

    urls: Any = type("Urls", (), {})
    urls.urlpatterns = [path(view.__name__, view) for view in (hello, form, stream, again, fails)]
    if not settings.configured:
        settings.configure(
            ROOT_URLCONF=urls,
            ALLOWED_HOSTS=["*"],
            SECRET_KEY="of a test",
            LOGGING_CONFIG=None,
            MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        )
    settings.ROOT_URLCONF = urls
    serving(get_wsgi_application(), client, mode=mode, valid=False)
