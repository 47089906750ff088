"""Calls whose ``yield from`` was forgotten: checkers must see every one."""
# pyright: reportUnusedCallResult=true

from __future__ import annotations

from genlet import Green, GreenThread, green, kill, run, sleep, trampoline, with_timeout
from genlet.green.socket import socket
from genlet.structured.taskgroup import TaskGroup


def number(a: int) -> Green[int]:
    yield from sleep(1)
    return a


@green
def marked(a: int) -> Green[int]:
    return (yield from number(a))


class Connection:
    @green
    def close(self) -> Green[None]:
        yield from sleep(0)


def forgets(sock: socket, gt: GreenThread[int], group: TaskGroup, conn: Connection) -> Green:
    sleep(1)  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    marked(1)  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    gt.wait()  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    gt.kill()  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    kill(gt)  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    trampoline(1, read=True)  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    with_timeout(1, number, 1)  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    sock.sendall(b"x")  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    sock.accept()  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    conn.close()  # type: ignore[unused-awaitable]  # pyright: ignore[reportUnusedCallResult]
    # mypy 2 passes over the methods of whatever class is named TaskGroup; at run time it is Unjoined.
    group.join()  # pyright: ignore[reportUnusedCallResult]
    # Only pyright sees this one: nothing but a decorator can tell mypy.
    number(1)  # pyright: ignore[reportUnusedCallResult]
    yield from sleep(0)


def forgets_in_a_condition(sock: socket) -> Green:
    if marked(1):  # type: ignore[truthy-bool]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    assert sock.recv(1)  # type: ignore[truthy-bool]  # pyright: ignore[reportGeneralTypeIssues]
    while not sock.recv(1):  # type: ignore[truthy-bool]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    # Only mypy sees this one.
    if number(1):  # type: ignore[truthy-bool]
        pass
    yield from sleep(0)


def forgets_and_uses(sock: socket) -> Green[int]:
    text = sock.recv(1) + b"x"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]
    print(text)  # pyright: ignore[reportUnknownArgumentType]
    yield from sleep(0)
    return marked(1)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def plain_code_cannot_wait(sock: socket) -> bytes:
    return sock.recv(1)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


run(number, 1).bit_length()  # pyright: ignore[reportUnusedCallResult]
run(marked(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
