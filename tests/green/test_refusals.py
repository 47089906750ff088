"""What the standard library refuses at a call is refused by its green twin, with the same class."""

from __future__ import annotations

import itertools
import socket as real
import warnings
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

import genlet
from genlet._compat import IS_PYPY
from genlet.abc import Green
from genlet.green import socket as green

pytestmark = pytest.mark.skipif(IS_PYPY, reason="PyPy's own classes differ from call to call")

VALUES: List[Any] = [
    *(
        None,
        -1,
        1.5,
        "x",
        b"x",
        "a\0b",
        10**30,
        2**31,
        2**63,
        -(2**70),
        [],
        (),
        True,
        float("nan"),
    ),
    *("", object(), "\ud800", "x" * 300, ("127.0.0.1",), ("127.0.0.1", 70000), ("127.0.0.1", -1)),
    *(("127.0.0.1", "80"), ("a\0b", 80), (b"127.0.0.1", 80, 1, 1, 1), ("127.0.0.1", 10**20)),
    *((None, 1), (1, 1), (bytearray(b"127.0.0.1"), 80.0), ("\ud800", 80), ("x" * 300, 80)),
]
ODD = [value for value in VALUES if value is not None]

METHODS: Dict[str, List[Tuple[Any, ...]]] = {
    **{name: [()] for name in ("recv", "connect", "connect_ex", "bind", "listen", "shutdown")},
    **{name: [()] for name in ("settimeout", "makefile", "set_inheritable")},
    **{name: [(), (1,)] for name in ("recvfrom", "recvmsg")},
    **{name: [(), (bytearray(3),)] for name in ("recv_into", "recvfrom_into")},
    "recvmsg_into": [(), ([bytearray(3)],)],
    **{name: [(), (b"x",)] for name in ("send", "sendall")},
    "sendto": [(), (b"x",), (b"x", 0)],
    "sendmsg": [(), ([b"x"],), ([b"x"], []), ([b"x"], [], 0)],
    "sendfile": [(), (b"x",)],
    "getsockopt": [(), (real.SOL_SOCKET,), (real.SOL_SOCKET, real.SO_RCVBUF)],
    "setsockopt": [(), (real.SOL_SOCKET,), (real.SOL_SOCKET, real.SO_RCVBUF)],
}
FUNCTIONS: Dict[str, List[Tuple[Any, ...]]] = {
    **{
        name: [()]
        for name in ("gethostbyname", "gethostbyname_ex", "inet_aton", "setdefaulttimeout")
    },
    "socketpair": [(), (real.AF_UNIX,)],
    "fromfd": [(), (99999,)],
    "getnameinfo": [(), (("127.0.0.1", 1),)],
}
KINDS: Dict[str, Callable[[], Tuple[real.socket, real.socket]]] = {
    "udp": lambda: (real.socket(type=real.SOCK_DGRAM), real.socket(type=real.SOCK_DGRAM)),
    "unix": real.socketpair,
}


def calls(table: Dict[str, List[Tuple[Any, ...]]]) -> Iterator[Tuple[str, Tuple[Any, ...]]]:
    for name, beginnings in table.items():
        for before, value in itertools.product(beginnings, VALUES):
            if "host" in name and value in ("x", b"x"):
                continue  # would be looked up
            yield name, (*before, value)


def refused(call: Callable[..., Any], args: Tuple[Any, ...]) -> object:
    """Return the class that *call* is refused with; None if it is not, or would have to wait."""
    try:
        result = call(*args)
    except BlockingIOError:
        return None
    except Exception as exc:
        return type(exc)
    for each in result if isinstance(result, tuple) else (result,):
        if hasattr(each, "close"):
            each.close()
    return None


def refused_green(call: Callable[..., Any], args: Tuple[Any, ...]) -> Green[object]:
    with genlet.move_on_after(0.2):
        try:
            result = call(*args)
            if hasattr(result, "send") and hasattr(result, "throw"):
                result = yield from result
        except BlockingIOError:
            return None
        except Exception as exc:
            return type(exc)
        for each in result if isinstance(result, tuple) else (result,):
            if hasattr(each, "close"):
                each.close()
    return None


def report(what: object, wanted: object, found: object) -> List[str]:
    if wanted is None or wanted is found:
        return []
    return [f"{what!r}: {wanted} is {found}"]


@pytest.mark.parametrize("kind", KINDS)
def test_methods_of_sockets_refuse_what_the_standard_librarys_refuse(kind: str) -> None:
    """Types, ranges, huge numbers, embedded NULs, odd names: one wrong argument at a time."""
    wrong: List[str] = []

    def main() -> Green[None]:
        for name, args in calls(METHODS):
            twins = KINDS[kind]()
            others = KINDS[kind]()
            for sock in (*twins, *others):
                sock.setblocking(False)
            with twins[0], twins[1], others[1], green.socket(sock=others[0]) as mine:
                wanted = refused(getattr(twins[0], name), args)
                found = yield from refused_green(getattr(mine, name), args)
                wrong.extend(report((name, args), wanted, found))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        genlet.run(main)
    assert wrong == []


def test_functions_refuse_what_the_standard_librarys_refuse() -> None:
    """Those that take names and numbers."""
    wrong: List[str] = []

    def main() -> Green[None]:
        for name, args in calls(FUNCTIONS):
            wanted = refused(getattr(real, name), args)
            found = yield from refused_green(getattr(green, name), args)
            wrong.extend(report((name, args), wanted, found))
        real.setdefaulttimeout(None)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        genlet.run(main)
    assert wrong == []
