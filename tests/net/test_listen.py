"""Listening: on which addresses, on which files, and on what was inherited."""

from __future__ import annotations

import errno
import os
import socket as real
import stat
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

import genlet
from genlet.abc import Green
from genlet.end import END
from genlet.errors import BusyResource, ClosedResource
from genlet.net import connect, inherited_listeners, listen, listen_unix
from tests.net import run, turns

ROOT = Path(__file__).resolve().parent.parent.parent


# ---- TCP ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", [None, "localhost", ""])
def test_all_addresses_get_the_same_port(host: str) -> None:
    """Port 0 is one port for all; IPv6 and IPv4 have a socket each."""
    with listen(host, 0) as listeners:
        ports = {listener.address[1] for listener in listeners}
        assert ports == {listeners.port}
        assert listeners.port > 0
        families = [listener.socket.family for listener in listeners]
        assert families in ([real.AF_INET6, real.AF_INET], [real.AF_INET])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_every_interface_is_reached_by_both_families(host: str) -> None:
    """None stands for all of them."""

    def main() -> Green[None]:
        with listen(None, 0) as listeners:
            if ":" in host and len(listeners) < 2:
                pytest.skip("this machine has no IPv6")
            with (yield from connect(host, listeners.port)):
                family = real.AF_INET6 if ":" in host else real.AF_INET
                (listener,) = [one for one in listeners if one.socket.family == family]
                with (yield from listener.accept()) as accepted:
                    assert accepted.peer[0] == host  # and no IPv4 address in IPv6's clothes

    run(main)


def test_listen_works_outside_of_a_run_and_names_are_refused() -> None:
    """It never waits, so it looks nothing up."""
    with pytest.raises(ValueError, match="takes an address in figures, 'localhost' or None; got"):
        listen("example.invalid", 0)
    with listen("127.0.0.1", 0, family=real.AF_INET) as listeners:
        assert [repr(one) for one in listeners] == [
            f"<Listener on ('127.0.0.1', {listeners.port})>"
        ]
    assert repr(listeners[0]).startswith("<Listener closed")


def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    """And none of the sockets is left open."""
    with listen("127.0.0.1", 0) as taken:
        with pytest.raises(OSError, match=f"cannot listen on .*{taken.port}") as caught:
            listen(None, taken.port)
        assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.skipif(not hasattr(real, "SO_REUSEPORT"), reason="there is no SO_REUSEPORT")
def test_reuse_port_lets_others_listen_too() -> None:
    """Those who ask for it."""
    with listen("127.0.0.1", 0, reuse_port=True) as one:
        with listen("127.0.0.1", one.port, reuse_port=True) as other:
            assert other.port == one.port
        with pytest.raises(OSError, match="cannot listen on"):
            listen("127.0.0.1", one.port)


def test_connections_leave_without_delay() -> None:
    """TCP_NODELAY is set on both sides."""

    def main() -> Green[None]:
        with (
            listen("127.0.0.1", 0) as (listener,),
            (yield from connect(*listener.address)) as stream,
            (yield from listener.accept()) as accepted,
        ):
            for one in (stream, accepted):
                assert one.socket.getsockopt(real.IPPROTO_TCP, real.TCP_NODELAY)

    run(main)


def test_closing_ends_the_source_and_wakes_who_accepts() -> None:
    """accept raises, next returns END; then and later."""

    def main() -> Green[None]:
        for _ in range(2):
            (listener,) = listen("127.0.0.1", 0)
            accepting = genlet.spawn(listener.accept)
            yield from turns()
            with pytest.raises(BusyResource):
                yield from listener.accept()
            listener.close()
            with pytest.raises(ClosedResource):
                yield from accepting.wait()
            with pytest.raises(ClosedResource, match="was closed"):
                yield from listener.accept()
            assert (yield from listener.next()) is END

    run(main)


# ---- Unix sockets ---------------------------------------------------------------------------------


def test_the_file_has_the_mode_and_goes_with_the_listener(tmp_path: Path) -> None:
    """Other files that have taken its place by then are left alone."""
    path = tmp_path / "s"
    with listen_unix(str(path), mode=0o600) as listener:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert listener.address == str(path)
    assert not path.exists()
    with listen_unix(str(path)):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"


def test_a_stale_file_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    """Nor is a file that is no socket."""
    path = str(tmp_path / "s")
    with real.socket(real.AF_UNIX) as dead:
        dead.bind(path)
    with listen_unix(path):
        with pytest.raises(OSError, match=r"somebody listens on .* already") as caught:
            listen_unix(path)
        assert caught.value.errno == errno.EADDRINUSE
        assert os.path.exists(path)
    Path(path).write_text("data")
    with pytest.raises(OSError, match="exists and is no socket"):
        listen_unix(path)
    assert Path(path).read_text() == "data"


def test_a_full_backlog_is_somebody_who_listens(tmp_path: Path) -> None:
    """It is not taken for a dead one."""
    path = str(tmp_path / "s")
    clients: List[real.socket] = []
    with listen_unix(path, backlog=0):
        while True:
            client = real.socket(real.AF_UNIX)
            clients.append(client)
            client.setblocking(False)
            if client.connect_ex(path):
                break
        with pytest.raises(OSError, match="somebody listens"):
            listen_unix(path)
        for client in clients:
            client.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_process_leaves_the_file_alone(tmp_path: Path) -> None:
    """Closing what it inherited is not the end of the server."""
    path = str(tmp_path / "s")
    code = (
        "import os, sys\n"
        "from genlet.net import listen_unix\n"
        "listener = listen_unix(sys.argv[1])\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    listener.close()\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "print(os.path.exists(sys.argv[1]))\n"
        "listener.close()\n"
        "print(os.path.exists(sys.argv[1]))\n"
    )
    assert python(code, path) == ["True", "False"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has abstract names")
def test_an_abstract_name_has_no_file() -> None:
    """A leading NUL."""
    name = f"\0genlet-{os.getpid()}"
    with (
        listen_unix(name, mode=0o600),
        pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)),
    ):
        listen_unix(name)


# ---- socket activation ----------------------------------------------------------------------------


def python(code: str, *args: str) -> List[str]:
    """Run *code* in a process of its own, and return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.splitlines()


ACTIVATED = """
import os, socket, sys
from genlet.net import inherited_listeners

number, names, kind = int(sys.argv[1]), sys.argv[2], sys.argv[3]
socks = [socket.socket(type=getattr(socket, kind)) for _ in range(number)]
for sock in socks:
    sock.bind(("127.0.0.1", 0))
    if kind == "SOCK_STREAM":
        sock.listen()
saved = [os.dup(sock.fileno()) for sock in socks]  # away from the numbers that are to be filled
saved = [os.dup2(fd, 40 + index) for index, fd in enumerate(saved)]
for index, fd in enumerate(saved):
    os.dup2(fd, 3 + index)
os.environ.update(
    LISTEN_PID=sys.argv[4] or str(os.getpid()), LISTEN_FDS=str(number), LISTEN_FDNAMES=names
)
try:
    for listener in inherited_listeners():
        print(listener.socket.fileno(), listener.name, os.get_inheritable(listener.socket.fileno()))
except ValueError as error:
    print(error)
print([name for name in os.environ if name.startswith("LISTEN_")], len(inherited_listeners()))
os._exit(0)  # the numbers were taken from under the sockets
""".replace("os._exit", "sys.stdout.flush(); os._exit")


def test_inherited_listeners_are_those_of_systemd() -> None:
    """With their names, closed on exec; the environment no longer speaks of them."""
    assert python(ACTIVATED, "2", "http:admin", "SOCK_STREAM", "") == [
        "3 http False",
        "4 admin False",
        "[] 0",
    ]


def test_inherited_listeners_without_names_have_empty_ones() -> None:
    """As many as there are."""
    assert python(ACTIVATED, "1", "", "SOCK_STREAM", "") == ["3  False", "[] 0"]


def test_listeners_of_another_process_are_not_inherited() -> None:
    """LISTEN_PID says for whom they are."""
    assert python(ACTIVATED, "1", "http", "SOCK_STREAM", "1") == ["[] 0"]


def test_what_does_not_listen_is_refused() -> None:
    """A datagram socket is no listener."""
    assert python(ACTIVATED, "1", "syslog", "SOCK_DGRAM", "") == [
        "descriptor 3 of LISTEN_FDS is no listening stream socket",
        "[] 0",
    ]


def test_nothing_is_inherited_without_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started by hand; and the environment is left if it is to be."""
    assert inherited_listeners() == ()
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert inherited_listeners(unset_environment=False) == ()
    assert os.environ["LISTEN_FDS"] == "1"
