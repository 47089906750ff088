"""What type checkers must refuse: on every line with an ignore there is an error."""

from __future__ import annotations

from typing import Generator, Iterator

from genlet import (
    Green,
    GreenThread,
    Timeout,
    Trap,
    green,
    move_on_after,
    run,
    sleep,
    spawn,
    spawn_after,
    spawn_n,
    trampoline,
    with_timeout,
)
from genlet.green.socket import socket
from genlet.structured.taskgroup import Ready, TaskGroup


def number(a: int, *, c: float = 0.0) -> Green[int]:
    yield from sleep(1)
    return a


@green
def marked(a: int, *, c: float = 0.0) -> Green[int]:
    return (yield from number(a, c=c))


def plain(a: int) -> int:
    return a


def ints() -> Iterator[int]:
    yield 1


def other() -> Generator[int, None, str]:
    yield 1
    return "x"


async def native() -> int:
    return 1


# ---- what run and spawn take ---------------------------------------------------------------------


def spawns() -> Green:
    spawn(plain, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    spawn(ints)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    spawn(other)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    spawn(native)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    spawn(number(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    spawn(marked(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    spawn(number)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    spawn(number, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    spawn(number, 1, 2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    spawn(number, 1, d=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    spawn(number, 1, c="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    spawn(lambda: 1)  # type: ignore[arg-type, return-value]  # pyright: ignore[reportArgumentType]
    spawn(print, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    spawn(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    spawn_n(plain, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    spawn_n(number, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    spawn_after("1", number, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    spawn_after(number, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
    yield from sleep("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from trampoline(1, 2)  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
    yield from trampoline("file", read=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from with_timeout(1, plain, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


run(number(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
run(plain, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
run(native)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
run(native())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue]
run(number)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
text: str = run(number, 1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


# ---- what may be yielded -------------------------------------------------------------------------


def yields_number() -> Green:
    yield 1  # type: ignore[misc]  # pyright: ignore[reportReturnType]


def yields_call() -> Green:
    yield number(1)  # type: ignore[misc]  # pyright: ignore[reportReturnType]


def yields_marked_call() -> Green:
    yield marked(1)  # type: ignore[misc]  # pyright: ignore[reportReturnType]


def yields_nothing() -> Green:
    yield  # type: ignore[misc]  # pyright: ignore[reportReturnType]


def drives_ints() -> Green:
    yield from ints()  # type: ignore[misc]  # pyright: ignore[reportReturnType]


def drives_coroutine() -> Green:
    yield from native()  # type: ignore[misc]


def takes_what_is_sent(trap: Trap) -> Green[int]:
    sent = yield trap
    return sent  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


@green  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def is_no_green_function() -> Iterator[int]:
    yield 1


@green  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def is_plain() -> int:
    return 1


# ---- results -------------------------------------------------------------------------------------


def returns_wrong() -> Green[str]:
    return (yield from number(1))  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def returns_call() -> Green[int]:
    yield from sleep(0)
    return number(1)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def returns_nothing() -> Green[int]:  # type: ignore[return]  # pyright: ignore[reportReturnType]
    yield from sleep(0)


def returns_from_bare() -> Green:
    yield from sleep(0)
    return 1  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def waits(gt: GreenThread[int]) -> Green[str]:
    return (yield from gt.wait())  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def uses_calls(sock: socket) -> Green:
    x: int = number(1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    y: str = yield from number(1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    len(number(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    number(1) + 1  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
    sock.recv(1).decode()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    for _ in range(number(1)):  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
        pass
    with number(1):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    if number(1):  # type: ignore[truthy-bool]
        pass
    if marked(1):  # type: ignore[truthy-bool]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    assert sock.recv(1)  # type: ignore[truthy-bool]  # pyright: ignore[reportGeneralTypeIssues]
    while not sock.recv(1):  # type: ignore[truthy-bool]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    print(x, y)
    yield from sleep(0)


def may_move_on() -> Green[int]:  # type: ignore[return]  # pyright: ignore[reportReturnType]
    with move_on_after(1):
        return (yield from number(1))


def may_be_silenced() -> Green[int]:  # type: ignore[return]  # pyright: ignore[reportReturnType]
    with Timeout(1, False):
        return (yield from number(1))


# ---- the rest ------------------------------------------------------------------------------------


def linked(gt: GreenThread[int], text: str) -> None:
    pass


def links(gt: GreenThread[int], other: GreenThread[str]) -> Green:
    gt.link(linked)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    gt.link(linked, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    other.link(linked, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    gt.kill_soon("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield from gt.kill(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def reports(ready: Ready[str], a: int) -> Green[int]:
    ready.set(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return (yield from number(a))


def groups() -> Green[bytes]:
    with TaskGroup(on_exit="ignore") as group:  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        group.spawn(plain, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        group.spawn(number, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        yield from group.start(number, 1)  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportArgumentType, reportCallIssue]
        yield from group.start(reports, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        return (yield from group.start(reports, 1))  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


async def awaits() -> None:
    await number(1)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    text: str = await marked(1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(text)
