"""Names and addresses: what is answered at once, who is asked otherwise, and how it ends."""

from __future__ import annotations

import os
import socket as real
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from typing import Any, Callable, Dict, Generator, List, Tuple, cast

import pytest

import genlet
from genlet.abc import Green
from genlet.event import Event
from genlet.green import dns
from genlet.green import socket as green
from genlet.kernel import GreenThread
from genlet.testing import cancel_everywhere
from genlet.tpool import ThreadPool

from .test_socket import now, run, turns


class Names:
    """A resolver that answers when, and as, the test tells it to."""

    def __init__(self) -> None:
        self.asked: List[Any] = []
        self._answers: List[Event[List[str]]] = []

    def answer(self, *addresses: str) -> None:
        self._answers.pop().send(list(addresses))

    def fail(self, exc: BaseException) -> None:
        self._answers.pop().send_exception(exc)

    def _ask(self, host: Any) -> Green[List[str]]:
        self.asked.append(host)
        event: Event[List[str]] = Event()
        self._answers.append(event)
        return event.wait()

    def getaddrinfo(
        self, host: Any, port: Any, family: int, type: int, proto: int, flags: int, /
    ) -> Green[List[dns.AddrInfo]]:
        found: List[Any] = []
        for address in (yield from self._ask(host)):
            found += real.getaddrinfo(address, port, family, type, proto, flags)
        return found

    def gethostbyname_ex(self, host: str, /) -> Green[dns.HostEntry]:
        return host, [], (yield from self._ask(host))

    def gethostbyaddr(self, host: str, /) -> Green[dns.HostEntry]:
        name, *aliases = yield from self._ask(host)
        return name, aliases, [host]

    def getnameinfo(self, sockaddr: Tuple[Any, ...], flags: int, /) -> Green[Tuple[str, str]]:
        (name,) = yield from self._ask(sockaddr)
        return name, str(sockaddr[1])


@contextmanager
def resolver(chosen: Any) -> Generator[None, None, None]:
    dns.set_resolver(chosen)
    try:
        yield
    finally:
        dns.set_resolver(None)


def told(call: Callable[[], object]) -> object:
    """Return what *call* returns, or the type and the arguments of what it raises."""
    try:
        return call()
    except Exception as exc:
        return type(exc), exc.args


def _passed(call: Green[Any]) -> Green[Any]:
    return call


# ---- what is numeric ------------------------------------------------------------------------------

NUMERIC: List[Tuple[Any, ...]] = [
    ("127.0.0.1", 80),
    ("127.1", 80),
    ("::1", 80),
    ("::1", "http", real.AF_INET6, real.SOCK_STREAM),
    ("fe80::1%lo", 80),
    (b"127.0.0.1", b"80"),
    (None, 80),
    (None, 80, 0, real.SOCK_DGRAM, 0, real.AI_PASSIVE),
    ("127.0.0.1", None),
    ("127.0.0.1", "no-such-service"),
    ("::1", 80, real.AF_INET),
    ("127.0.0.1", 80, 77),
    ("127.0.0.1", 80, 0, real.SOCK_STREAM, 0, real.AI_CANONNAME),
    ("no.address.example", 80, 0, 0, 0, real.AI_NUMERICHOST),
    ("", 80),
    (None, None),
    (5, 80),
    ("127.0.0.1", 1.5),
    ("a" * 70 + ".example", 80),
]


@pytest.mark.parametrize("args", NUMERIC, ids=repr)
def test_what_needs_no_lookup_is_answered_as_by_the_standard_library(args: Any) -> None:
    """Results and errors are the same, without a thread and outside of a run as well."""
    names = Names()
    with resolver(names):
        assert told(lambda: now(dns.getaddrinfo(*args))) == told(lambda: real.getaddrinfo(*args))
    assert not names.asked


def test_the_other_functions_answer_numbers_at_once() -> None:
    """gethostbyname and its kin ask nobody about addresses, wildcards and numeric wishes."""
    names = Names()
    address = ("127.0.0.1", 80)
    flags = real.NI_NUMERICHOST | real.NI_NUMERICSERV
    with resolver(names):
        for host in ("127.0.0.1", "", "<broadcast>", "::1"):
            assert told(lambda: now(dns.gethostbyname(host))) == told(  # noqa: B023  called at once
                lambda: real.gethostbyname(host)  # noqa: B023
            )
        assert now(dns.gethostbyname_ex("127.0.0.1")) == real.gethostbyname_ex("127.0.0.1")
        assert now(dns.getnameinfo(address, flags)) == real.getnameinfo(address, flags)
    assert not names.asked


# ---- who is asked ---------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", ["thread", "block"])
def test_libc_is_asked_about_names(chosen: str) -> None:
    """What /etc/hosts and the rest of the machine's set-up say holds."""

    def main() -> Green[None]:
        assert (yield from dns.getaddrinfo("localhost", 80)) == real.getaddrinfo("localhost", 80)
        name = "localhost"
        assert (yield from dns.gethostbyname(name)) == real.gethostbyname(name)
        assert (yield from dns.gethostbyname_ex(name)) == real.gethostbyname_ex(name)
        assert (yield from dns.gethostbyaddr("127.0.0.1")) == real.gethostbyaddr("127.0.0.1")
        address = ("127.0.0.1", 80)
        assert (yield from dns.getnameinfo(address, 0)) == real.getnameinfo(address, 0)
        assert (yield from dns.getfqdn("127.0.0.1")) == real.getfqdn("127.0.0.1")

    with resolver(chosen):
        run(main)


def test_a_resolver_of_ones_own_is_asked_what_is_not_numeric() -> None:
    """Each function has its question; the first address counts."""

    def main() -> Green[None]:
        names = Names()
        with resolver(names):
            for call, answers, expected in (
                (dns.gethostbyname("a.example"), ["1.2.3.4", "5.6.7.8"], "1.2.3.4"),
                (dns.gethostbyname_ex("a.example"), ["1.2.3.4"], ("a.example", [], ["1.2.3.4"])),
                (dns.getnameinfo(("1.2.3.4", 80), 0), ["a.example"], ("a.example", "80")),
                (dns.getfqdn("1.2.3.4"), ["short", "a.long.name"], "a.long.name"),
                (dns.getfqdn("1.2.3.4"), ["short"], "short"),
            ):
                gt: GreenThread[Any] = genlet.spawn(partial(_passed, call))
                yield from turns(2)
                names.answer(*answers)
                assert (yield from gt.wait()) == expected

    run(main)


def test_getfqdn_of_what_nobody_knows_is_the_name_itself() -> None:
    """It never raises for a name."""

    def main() -> Green[None]:
        names = Names()
        with resolver(names):
            for name, expected in ((" a.example ", "a.example"), ("", real.gethostname())):
                gt = genlet.spawn(dns.getfqdn, name)
                yield from turns(2)
                names.fail(real.gaierror(real.EAI_NONAME, "Name or service not known"))
                assert (yield from gt.wait()) == expected

    run(main)


def test_an_unknown_resolver_is_told_with_those_there_are() -> None:
    """A misspelt name says what could have been meant."""
    with pytest.raises(ValueError, match="no resolver named 'theard'; there are thread, dnspy"):
        dns.set_resolver("theard")


def test_the_environment_chooses_at_the_first_lookup() -> None:
    """Importing looks at nothing; a wrong name is told when it matters."""
    program = (
        "import genlet; from genlet.green import socket\n"
        "try: genlet.run(socket.gethostbyname, 'localhost')\n"
        "except ValueError as exc: print(exc)\n"
    )
    environment = {**os.environ, "GENLET_RESOLVER": "carrier-pigeon"}
    output = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, check=True
    ).stdout
    assert output.startswith(b"no resolver named 'carrier-pigeon'")


def test_a_slow_lookup_keeps_no_other_thread_job_waiting() -> None:
    """Lookups have threads of their own; further ones queue among themselves."""
    release = threading.Event()

    def main() -> Green[None]:
        pool = ThreadPool(1, "test-resolver")
        with resolver(dns.LibcResolver(pool)):
            busy = genlet.spawn(pool.execute_abandonable, release.wait, 20)
            lookup = genlet.spawn(dns.gethostbyname, "localhost")
            yield from turns(3)
            assert (yield from genlet.tpool.execute(lambda: "free")) == "free"
            assert not lookup.dead
            release.set()
            yield from busy.wait()
            assert (yield from lookup.wait()) == real.gethostbyname("localhost")
        genlet.tpool.killall()

    run(main)


@pytest.mark.parametrize("how", ["cancel", "kill", "timeout"])
def test_a_lookup_interrupted_anywhere_leaves_nothing(how: Any) -> None:
    """Who asked goes at once; the thread's answer is dropped."""
    calls: Dict[str, Callable[[], Green[object]]] = {
        "getaddrinfo": lambda: dns.getaddrinfo("localhost", 80),
        "gethostbyname": lambda: dns.gethostbyname("localhost"),
        "gethostbyname_ex": lambda: dns.gethostbyname_ex("localhost"),
        "gethostbyaddr": lambda: dns.gethostbyaddr("127.0.0.1"),
        "getnameinfo": lambda: dns.getnameinfo(("127.0.0.1", 80), 0),
        "getfqdn": lambda: dns.getfqdn("127.0.0.1"),
    }
    with resolver("thread"):
        for name, call in calls.items():
            assert cancel_everywhere(call, how=how) == 1, name


def test_every_error_is_a_fresh_one() -> None:
    """An error that is raised twice would carry the first one's traceback."""

    def main() -> Green[None]:
        seen: List[BaseException] = []
        for _ in range(2):
            with pytest.raises(real.gaierror) as caught:
                yield from dns.getaddrinfo("127.0.0.1", "no-such-service")
            seen.append(caught.value)
        assert seen[0] is not seen[1]

    run(main)


def test_green_socket_has_the_same_functions() -> None:
    """``genlet.green.socket`` re-exports what is green here."""
    for name in dns.__all__:
        if name in real.__all__:
            assert getattr(green, name) is getattr(dns, name)
            assert name in green.__green__


# ---- dnspython ------------------------------------------------------------------------------------


def test_without_dnspython_the_error_says_what_to_install(monkeypatch: Any) -> None:
    """A choice that cannot be had is told at once."""
    monkeypatch.setitem(sys.modules, "dns.resolver", None)
    with pytest.raises(ImportError, match=r'pip install "genlet\[dns\]"'):
        dns.set_resolver("dnspython")


RECORDS = {
    ("a.example.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("a.example.", "AAAA"): ["2001:db8::1"],
    ("alias.example.", "A"): ["a.example."],
    ("long.example.", "A"): [f"192.0.2.{n}" for n in range(200)],
    ("1.2.0.192.in-addr.arpa.", "PTR"): ["a.example."],
    ("host.search.example.", "A"): ["192.0.2.7"],
}


@contextmanager
def name_server() -> Generator[Any, None, None]:
    """A resolver that asks a name server in a thread, which knows RECORDS."""
    message: Any = pytest.importorskip("dns.message")
    rrset: Any = pytest.importorskip("dns.rrset")
    name: Any = pytest.importorskip("dns.name")
    # In this order: connections take numbers of ports all the time, datagrams hardly ever.
    tcp = real.create_server(("127.0.0.1", 0))
    udp = real.socket(type=real.SOCK_DGRAM)
    udp.bind(tcp.getsockname())
    stop = threading.Event()

    def reply(wire: bytes, whole: bool) -> bytes:
        query = message.from_wire(wire)
        question = query.question[0]
        asked = question.name.to_text().lower()
        kind = question.to_text().split()[-1]
        answer = message.make_response(query)
        found = RECORDS.get((asked, kind))
        if found is None:
            if not any(known == asked for known, _ in RECORDS):
                answer.set_rcode(3)
        elif asked.startswith("alias") and kind == "A":
            answer.answer.append(rrset.from_text(question.name, 60, "IN", "CNAME", *found))
            target = RECORDS[(found[0], "A")]
            answer.answer.append(rrset.from_text(found[0], 60, "IN", "A", *target))
        elif len(found) > 20 and not whole:
            answer.flags |= 0x0200
        else:
            answer.answer.append(rrset.from_text(question.name, 60, "IN", kind, *found))
        return cast(bytes, answer.to_wire())

    def serve_udp() -> None:
        while True:
            wire, address = udp.recvfrom(65535)
            if not wire:
                return
            udp.sendto(b"\0\1" + reply(wire, False)[2:], address)  # somebody else's answer
            udp.sendto(reply(wire, False), address)

    def serve_tcp() -> None:
        while True:
            sock, _ = tcp.accept()
            with sock, sock.makefile("rb") as file:
                head = file.read(2)
                if stop.is_set():
                    return
                if not head:
                    continue  # who asked has gone
                wire = reply(file.read(struct.unpack("!H", head)[0]), True)
                try:
                    sock.sendall(struct.pack("!H", len(wire)))
                    sock.sendall(wire)
                except OSError:
                    pass  # who asked has gone

    threads = [threading.Thread(target=serve) for serve in (serve_udp, serve_tcp)]
    for thread in threads:
        thread.start()
    try:
        dns.set_resolver("dnspython")
        config = cast(Any, dns)._resolver._config
        config.nameservers = ["127.0.0.1"]
        config.port = udp.getsockname()[1]
        config.search = [name.from_text("search.example")]
        yield config
    finally:
        dns.set_resolver(None)
        stop.set()
        udp.sendto(b"", udp.getsockname())
        real.create_connection(tcp.getsockname()).close()
        for thread in threads:
            thread.join()
        udp.close()
        tcp.close()


def test_dnspython_asks_the_name_server_over_green_sockets() -> None:
    """Both families, aliases, search lists, long answers and reverse names."""

    def main() -> Green[None]:
        infos = yield from dns.getaddrinfo("a.example", 80, 0, real.SOCK_STREAM)
        assert sorted(info[4][0] for info in infos) == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
        assert (yield from dns.gethostbyname("A.Example.")) in RECORDS["a.example.", "A"]
        name, aliases, found = yield from dns.gethostbyname_ex("alias.example")
        assert (name, aliases) == ("a.example", ["alias.example"])
        assert sorted(found) == RECORDS["a.example.", "A"]
        assert (yield from dns.gethostbyname("host")) == "192.0.2.7"
        assert len((yield from dns.gethostbyname_ex("long.example"))[2]) == 200
        named = yield from dns.gethostbyaddr("192.0.2.1")
        assert named == ("a.example", [], ["192.0.2.1"])
        assert (yield from dns.getnameinfo(("192.0.2.1", 80), 0)) == ("a.example", "http")
        numeric = ("192.0.2.9", "http")
        assert (yield from dns.getnameinfo(("192.0.2.9", 80), 0)) == numeric
        assert (yield from dns.gethostbyname("localhost")) == "127.0.0.1"  # of /etc/hosts

    with name_server():
        run(main)


def test_dnspython_tells_unknown_from_unanswered() -> None:
    """No such name is EAI_NONAME, a server that is not there EAI_AGAIN, an address herror."""

    def main(config: Any) -> Green[None]:
        with pytest.raises(real.gaierror) as caught:
            yield from dns.gethostbyname("nobody.example")
        assert caught.value.errno == real.EAI_NONAME
        with pytest.raises(real.herror):
            yield from dns.gethostbyaddr("192.0.2.9")
        with pytest.raises(real.gaierror):
            yield from dns.getnameinfo(("192.0.2.9", 80), real.NI_NAMEREQD)
        config.port = 1
        config.timeout = config.lifetime = 0.05
        with pytest.raises(real.gaierror) as caught:
            yield from dns.gethostbyname("a.example")
        assert caught.value.errno == real.EAI_AGAIN

    with name_server() as config:
        genlet.run(main, config)


def test_a_dnspython_lookup_interrupted_anywhere_leaves_nothing() -> None:
    """No socket stays open: it would warn."""
    with name_server():
        assert cancel_everywhere(lambda: dns.gethostbyname("long.example")) >= 2
