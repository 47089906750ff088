"""URLs: taken apart in one way, or refused; nothing in them can end a line of a request."""

from __future__ import annotations

import pytest

from genlet.http import RequestError
from genlet.http.urls import joined, parse, with_params


@pytest.mark.parametrize(
    ("text", "authority", "target"),
    [
        ("http://a", "a", "/"),
        ("HTTP://A.example:80?q", "a.example", "/?q"),
        ("http://a:8080/x#y", "a:8080", "/x"),
        ("https://a:443/", "a", "/"),
        ("https://a:80/", "a:80", "/"),
        ("http://a:/x", "a", "/x"),
        ("http://[::1]:81/x", "[::1]:81", "/x"),
        ("http://[FE80:0::1%25eth0]/", "[fe80::1]", "/"),
        ("http://bücher.example/ü?ü", "xn--bcher-kva.example", "/%C3%BC?%C3%BC"),
        ("http://a/b c?d e", "a", "/b%20c?d%20e"),
        ("http://a/%7euser/%zz", "a", "/%7euser/%25zz"),
        ("http://a/a%2Fb/../c//d", "a", "/a%2Fb/../c//d"),
        ("http://a/x?y=http://b/@c", "a", "/x?y=http://b/@c"),
        ("http://a./", "a.", "/"),
        ("http://my_host/", "my_host", "/"),
        ('http://a/"<>^`{}\\', "a", "/%22%3C%3E%5E%60%7B%7D%5C"),
    ],
)
def test_url_is_taken_apart(text: str, authority: str, target: str) -> None:
    """Host and target as they are sent."""
    url = parse(text)
    assert (url.authority, url.target) == (authority, target)
    assert url.user is None
    assert parse(str(url)).target == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "/x",
        "//a/x",
        "ftp://a/",
        "http:/a",
        "http:a",
        "http://",
        "http:///x",
        "http://a b/",
        "http://a\r\nX: y/",
        "http://a/\r\nX: y",
        "http://a/\tb",
        " http://a/",
        "http://a:x/",
        "http://a:65536/",
        "http://a:-1/",
        "http://a:8080:90/",
        "http://a:\u0661/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[v1.x]/",
        "http://[::1%25]/",
        "http://a\\@b/",
        "http://a%00b/",
        "http://a..b/",
        "http://.a/",
        "http://-a/",
        "http://" + "a" * 64 + "/",
        "http://" + "a." * 130 + "/",
        "http://\ud800/",
        "http://a/\ud800",
    ],
)
def test_url_that_is_none_is_refused(text: str) -> None:
    """It is a ValueError, whatever else might be made of it."""
    with pytest.raises(RequestError):
        parse(text)


def test_password_is_decoded_and_shown_nowhere() -> None:
    """It is not in the text of the URL, nor in an error."""
    url = parse("http://us%65r:p%40ss:w@a/x")
    assert url.user == ("user", "p@ss:w")
    assert str(url) == "http://a/x"
    for wrong in ("ftp://user:secret@a/", "user:secret@a", "http://user:secret@a:x/"):
        with pytest.raises(RequestError) as caught:
            parse(wrong)
        assert "secret" not in str(caught.value)


def test_userinfo_ends_at_the_last_at() -> None:
    """The host is what follows it: no browser and no proxy reads it otherwise."""
    assert parse("http://good.example@evil.example/").host == "evil.example"
    assert parse("http://a/@b").host == "a"
    assert parse("http://a?@b").host == "a"


def test_location_is_relative_to_the_url() -> None:
    """Names in UTF-8, which servers send unencoded, are read as such."""
    base = parse("http://a:81/x/y?z")
    assert str(joined(base, "w")) == "http://a:81/x/w"
    assert str(joined(base, "/w")) == "http://a:81/w"
    assert str(joined(base, "?w")) == "http://a:81/x/y?w"
    assert str(joined(base, "//b/w")) == "http://b/w"
    assert str(joined(base, "/ü".encode().decode("latin-1"))) == "http://a:81/%C3%BC"
    for wrong in ("javascript:alert(1)", "file:///etc/passwd", "http://[x/"):
        with pytest.raises(RequestError):
            joined(base, wrong)


def test_parameters_are_added_in_front_of_the_fragment() -> None:
    """Behind those that are there; text is no parameters."""
    assert with_params("http://a", {"b": "c d"}) == "http://a?b=c+d"
    assert with_params("http://a?x#y", [("b", 1), ("b", 2)]) == "http://a?x&b=1&b=2#y"
    assert with_params("http://a?", {"b": ""}) == "http://a?b="
    assert with_params("http://a", {}) == "http://a"
    with pytest.raises(RequestError):
        with_params("http://a", "b=c")  # type: ignore[arg-type]  # text
