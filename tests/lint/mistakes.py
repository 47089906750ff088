"""Wrong lines, by kind: `tests.lint.levels` asks every level what it sees of them."""

from __future__ import annotations

import ast
import builtins
from textwrap import dedent, indent
from typing import Dict, List, NamedTuple, Set

import genlet

from . import stage

# Where a name comes from that is neither genlet's nor the stage's.
IMPORTS: Dict[str, str] = {
    "os": "import os",
    "partial": "from functools import partial",
    "http": "import http.client",
    "real": "import socket as real",
    "select": "import select",
    "socket": "from genlet.green import socket",
    "subprocess": "import subprocess",
    "threading": "import threading",
    "threads_queue": "import queue as threads_queue",
    "time": "import time",
    "tpool": "from genlet import tpool",
    "urllib": "import urllib.request",
    **{
        name: f"from typing import {name}"
        for name in ("Any", "Callable", "Dict", "Iterator", "List", "Optional", "Tuple", "Union")
    },
}

MARK = "  # wrong"


class Mistake(NamedTuple):
    """A wrong line and those it needs; it is the one that is marked, or the first.

    Attributes:
        alone: It stands in no green function.  A function ``wrong`` among its lines is driven.
        returns: The annotation of the green function around it.
        runs: Whether the line is reached, and needs no terminal and no network.
        unseen: Why no level sees it.
    """

    kind: str
    name: str
    lines: str
    alone: bool = False
    returns: str = "Green"
    runs: bool = True
    unseen: str = ""

    @property
    def module(self) -> str:
        return self.name.replace(" ", "_").replace("-", "_")

    @property
    def source(self) -> str:
        """A module of its own: imports, the function around the lines, the lines."""
        body = dedent(self.lines).strip("\n") + "\n"
        if MARK not in body:
            body = body.replace("\n", f"{MARK}\n", 1)
        if not self.alone:
            needed = _names(body)
            taken = ", ".join(
                f"{name}: {type}" for name, type in stage.TYPES.items() if name in needed
            )
            body = (
                f"def wrong({taken}) -> {self.returns}:\n"
                f"    yield from sleep(0)\n{indent(body, '    ')}"
            )
        return f"from __future__ import annotations\n{_imports(body)}\n\n{body}"

    @property
    def line(self) -> int:
        """The number of the wrong line."""
        return self.source[: self.source.index(MARK)].count("\n") + 1

    @property
    def code(self) -> str:
        """The wrong line itself."""
        return self.source.splitlines()[self.line - 1].replace(MARK, "").strip()


def _names(body: str) -> Set[str]:
    """Return the names that *body* uses and does not bind."""
    used: Set[str] = set()
    bound: Set[str] = set()
    for node in ast.walk(ast.parse(body)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return used - bound - set(dir(builtins))


def _imports(body: str) -> str:
    lines: Set[str] = set()
    for name in _names(body):
        if name in IMPORTS:
            lines.add(IMPORTS[name])
        elif name in stage.__all__:
            lines.add(f"from stage import {name}")
        elif name == "genlet":
            lines.add("import genlet")
        else:
            assert name in genlet.__all__, name
            lines.add(f"from genlet import {name}")
    return "\n".join(sorted(lines, key=lambda line: line.split()[1]))


def _untyped(lines: str, taken: str = "") -> str:
    """Return *lines* in a green function without annotations."""
    return f"def wrong({taken}):\n    yield from sleep(0)\n{indent(dedent(lines), '    ')}"


def _each(kind: str, **lines: str) -> List[Mistake]:
    return [
        Mistake(kind, f"{kind} {name.replace('_', ' ').strip()}", each)
        for name, each in lines.items()
    ]


def _alone(kind: str, **lines: str) -> List[Mistake]:
    return [one._replace(alone=True) for one in _each(kind, **lines)]


KINDS: Dict[str, str] = {
    "dropped": "a call alone on its line: `sleep(1)`",
    "untyped": "the same in functions without annotations, or through `Any`",
    "kept": "a call that is put somewhere and never driven: `done = sleep(1)`",
    "yielded": "`yield f()` for `yield from f()`, and what may be yielded at all",
    "tested": "a call in a condition: `if f():`",
    "iterated": "a call that is walked through: `for x in f():`",
    "returned": "a call returned where its result is declared: `return f()`",
    "used": "a call taken for its result: `f().x`, `f() + 1`",
    "passed": "a call passed, stored or compared in the place of its result",
    "entered": "a call in a `with`: `with lock.hold():`",
    "spawned": "what `run`, `spawn` and their kin are given",
    "declared": "functions declared green that are not, or not well",
    "driven": "`yield from` what is not green, or has ended already",
    "awaited": "`async def` and green code mixed up",
    "typed": "wrong types around green calls that are driven",
    "cleanup": "suspensions in cleanup, and swallowed cancellation",
    "blocking": "calls that block every greenthread",
}

MISTAKES: List[Mistake] = [
    *_each(
        "dropped",
        sleep="sleep(0)",
        qualified="genlet.sleep(0)",
        alias="nap = genlet.sleep\nnap(0)  # wrong",
        checkpoint="checkpoint()",
        plain_function="number(1)",
        marked_function="marked(1)",
        passing_function="passed_on(1)",
        tuple_result="pair()",
        scoped_function="crew(1)",
        sendall="sock.sendall(b'x')",
        accept="sock.accept()",
        put="queue.put(b'x')",
        acquire="lock.acquire()",
        semaphore="semaphore.acquire()",
        wait="gt.wait()",
        kill_method="gt.kill()",
        kill="kill(gt)",
        event="event.wait()",
        send="tx.send(1)",
        next="rx.next()",
        condition="condition.wait_for(lambda: True)",
        trampoline="trampoline(1, read=True)",
        with_timeout="with_timeout(1, number)",
        gather="gather(number(1), number(2))",
        race="race(number(1), number(2))",
        amap="amap(number, [1])",
        pool_spawn_n="pool.spawn_n(number, 1)",
        pool_waitall="pool.waitall()",
        pile="pile.collect()",
        tpool="tpool.execute(plain, 1)",
        drive="drive(native())",
        group_join="with TaskGroup() as some:\n    print(some.spawn(number))\n"
        "    some.join()  # wrong\n    print(some)",
        group_join_alone="group.join()",
        method="conn.recv(1)",
        marked_method="conn.close()",
        class_method="Connection.check()",
        inherited="child.recv(1)",
        through_attribute="conn.sock.sendall(b'x')",
        through_property="conn.peer.close()",
        through_dataclass="both.left.recv(1)",
        protocol="shape.close()",
        union="either.close()",
        optional="if maybe is not None:\n    maybe.close()  # wrong",
        subscript="conns[0].close()",
        in_a_loop="for one in conns:\n    one.close()  # wrong",
        of_a_table="for _, one in table.items():\n    one.close()  # wrong",
        popped="conns.pop().close()",
        constructed="made = Connection(sock)\nmade.close()  # wrong",
        context_manager="with connected(sock) as made:\n    made.close()  # wrong",
        of_a_result="made = yield from opened(sock)\nmade.close()  # wrong",
        unpacked="left, _ = Channel[int](5)\nleft.send(1)  # wrong",
        chained="spawn(number, 1).wait()",
        callable_variable="callback()",
        bound_method="call = sock.sendall\ncall(b'x')  # wrong",
        call_operator="conn()",
        partial="partial(number, 1)()",
        a_lambda="(lambda: number(1))()",
        conditional="sleep(0) if yes else None",
        conditional_both="sleep(0) if yes else number(1)",
        right_of_and="yes and lock.acquire()",
        right_of_or="maybe is None or event.wait()",
        comprehension="[sleep(0) for _ in range(3)]",
        set_comprehension="{number(n) for n in range(3)}",
        in_a_tuple="(sleep(0), 2)",
        nested_function="""
            def inner() -> Green:
                yield from sleep(0)

            inner()  # wrong
        """,
        in_else="try:\n    sock.fileno()\nexcept OSError:\n    pass\n"
        "else:\n    conn.close()  # wrong",
        in_finally="try:\n    sock.fileno()\nfinally:\n    conn.close()  # wrong",
        in_a_with="with move_on_after(1):\n    sleep(0)  # wrong",
    ),
    *_alone(
        "dropped",
        at_module_level="sleep(0)",
        in_plain_function="def wrong() -> Green:\n    helper()\n    yield from sleep(0)\n\n\n"
        "def helper() -> None:\n    sleep(0)  # wrong",
        in_async_function="async def native_one() -> None:\n    sleep(0)  # wrong\n\n\n"
        "def wrong() -> Green:\n    yield from drive(native_one())",
        of_self="""
            class Own(Connection):
                def go(self) -> Green:
                    self.close()  # wrong
                    yield from sleep(0)


            def wrong(sock: socket.socket) -> Green:
                yield from Own(sock).go()
        """,
        of_super="""
            class Own(Connection):
                @green
                def close(self) -> Green:
                    super().close()  # wrong
                    yield from sleep(0)


            def wrong(sock: socket.socket) -> Green:
                yield from Own(sock).close()
        """,
        in_the_only_place="""
            def only(sock: socket.socket) -> Green:
                sock.sendall(b"x")  # wrong


            def wrong(sock: socket.socket) -> Green:
                yield from sleep(0)
                yield from only(sock)
        """,
        in_a_lambda="""
            def wrong() -> Green:
                yield from sleep(0)
                later: Callable[[], object] = lambda: sleep(0)
                later()  # wrong
        """,
        in_a_callback="""
            def wrong(gt: GreenThread[int]) -> Green:
                yield from gt.wait()
                gt.link(said)


            def said(gt: GreenThread[int]) -> None:
                checkpoint()  # wrong
        """,
    ),
    Mistake(
        "dropped",
        "dropped on a line that never runs",
        "if not yes:\n    conn.close()  # wrong",
        runs=False,
    ),
    *_alone(
        "untyped",
        sleep=_untyped("sleep(0)  # wrong"),
        function="def bare():\n    yield from sleep(0)\n\n\n" + _untyped("bare()  # wrong"),
        passing="def through():\n    return number(1)\n\n\n" + _untyped("through()  # wrong"),
        parameter=_untyped("sock.sendall(b'x')  # wrong", "sock"),
        parameter_method=_untyped("conn.close()  # wrong", "conn"),
        attribute=_untyped("conn.sock.sendall(b'x')  # wrong", "conn"),
        callable_parameter=_untyped("callback()  # wrong", "callback"),
        method="""
            class Own:
                def close(self):
                    yield from sleep(0)

                def go(self):
                    self.close()  # wrong
                    yield from sleep(0)


            def wrong():
                yield from Own().go()
        """,
        constructed=_untyped("made = Connection(sock)\nmade.close()  # wrong", "sock"),
        result=_untyped("made = yield from opened(sock)\nmade.close()  # wrong", "sock"),
        in_a_list=_untyped("for one in conns:\n    one.close()  # wrong", "conns"),
        by_getattr=_untyped("getattr(conn, 'close')()  # wrong", "conn"),
        wrapped="""
            def logs(fn):
                def call(*args):
                    return fn(*args)

                return call


            @logs
            def bare():
                yield from sleep(0)


            def wrong():
                yield from sleep(0)
                bare()  # wrong
        """,
    ),
    *_each(
        "untyped",
        any_method="anything.close()",
        any_cast="found: Any = conn\nfound.lock.acquire()  # wrong",
        any_by_name="getattr(conn, 'close')()",
        object_callable="later: Callable[[], object] = callback\nlater()  # wrong",
        any_conditional="anything.close() if yes else None",
        any_condition="if anything.recv(1):  # wrong\n    pass",
    ),
    Mistake(
        "untyped",
        "untyped on a line that never runs",
        "if not yes:\n    anything.close()  # wrong",
        runs=False,
        unseen="the checkers and the lint do not know what `Any` is, and the line does not run",
    ),
    *_each(
        "kept",
        variable="done = sleep(0)",
        named_alone="call = number(1)\ncall  # wrong",
        trap="never = Wait[int](None, 'something')",
    ),
    Mistake(
        "kept",
        "kept overwritten",
        "data = conn.recv(1)\ndata = yield from conn.recv(2)\nprint(data)",
        unseen="the name is read, though by then it holds something else; mypy reports the line"
        " below, which changes its type",
    ),
    Mistake(
        "kept",
        "kept in a list",
        "calls = [sleep(0)]\nprint(len(calls))",
        unseen="a list of calls is what `gather(*calls)` takes; nothing says that nobody will",
    ),
    Mistake(
        "kept",
        "kept in a table",
        "pending = {'a': conn.close()}\nprint(len(pending))",
        unseen="somebody may still drive it",
    ),
    Mistake("kept", "kept in underscore", "_ = sleep(0)", unseen="it says that this is meant"),
    Mistake(
        "kept",
        "kept and printed",
        "call = number(1)\nprint(call)",
        unseen="everything may be printed, a generator too",
    ),
    Mistake("kept", "kept trap dropped at once", "Wait[int](None, 'something')"),
    *_each(
        "yielded",
        sleep="yield sleep(0)",
        number="yield number(1)",
        marked="yield marked(1)",
        result="data = yield sock.recv(1)\nprint(data)",
        one="yield 1",
        nothing="yield",
        function="yield number",
        list="yield [number(1)]",
        greenthread="yield gt",
    ),
    Mistake(
        "yielded",
        "yielded takes what is sent",
        "sent = yield trap\nreturn sent  # wrong",
        returns="Green[int]",
    ),
    *_each(
        "tested",
        if_acquire="if lock.acquire():  # wrong\n    pass",
        if_plain_function="if number(1):  # wrong\n    pass",
        if_marked="if marked(1):  # wrong\n    pass",
        while_not="while not number(1):  # wrong\n    pass",
        while_recv="while sock.recv(1):  # wrong\n    break",
        asserted="assert conn.recv(1)",
        asserted_marked="assert sock.recv(1)",
        conditional="print(1 if number() else 2)",
        left_of_and="print(number() and 2)",
        negated="print(not number())",
        negated_marked="print(not marked())",
        right_in_if="if yes and marked(1):  # wrong\n    pass",
        elif_="if not yes:\n    pass\nelif event.wait():  # wrong\n    pass",
        equal="if number(1) == 1:  # wrong\n    pass",
        not_equal="print(marked(1) != 1)",
        less="print(number(1) < 2)",
        walrus_end="while (item := rx.next()) is not END:  # wrong\n    print(item)\n    break",
        walrus="while data := sock.recv(1):  # wrong\n    print(data)\n    break",
        a_name="data = sock.recv(1)\nif not data:  # wrong\n    print('closed')",
        a_name_is_end="item = rx.next()\nif item is END:  # wrong\n    print('end')",
        is_none="if event.wait(1) is None:  # wrong\n    print('late')",
        in_a_filter="print([n for n in range(3) if number(n)])",
        in_bool="print(bool(number()))",
        contains="if b'x' in sock.recv(1):  # wrong\n    pass",
        any_of="print(any(number(n) for n in range(3)))",
    ),
    Mistake(
        "tested",
        "tested by filter",
        "print(list(filter(number, [0, 1])))",
        unseen="`filter` takes a function that returns anything, and asks the calls itself",
    ),
    *_each(
        "iterated",
        for_bytes="for byte in sock.recv(1):  # wrong\n    print(byte)\n    break",
        for_plain_function="for each in pair():  # wrong\n    print(each)\n    break",
        for_range="for _ in range(number(1)):  # wrong\n    pass",
        list="print(list(pair()))",
        list_comprehension="print([n for n in pair()])",
        generator_expression="print(tuple(n for n in marked()))",
        sum="print(sum(number(3)))",
        star="print(*pair())",
        sorted="print(sorted(sock.recv(2)))",
        enumerate="for index, byte in enumerate(sock.recv(1)):  # wrong\n    print(index, byte)\n"
        "    break",
    ),
    Mistake(
        "iterated",
        "iterated by next",
        "print(next(number(1)))",
    ),
    Mistake("returned", "returned call", "return number(1)", returns="Green[int]"),
    Mistake("returned", "returned marked call", "return marked(1)", returns="Green[int]"),
    Mistake("returned", "returned name", "x = number(1)\nreturn x  # wrong", returns="Green[int]"),
    Mistake(
        "returned",
        "returned conditional",
        "return number(1) if yes else 0",
        returns="Green[int]",
    ),
    Mistake(
        "returned",
        "returned in a tuple",
        "return number(1), 'x'",
        returns="Green[Tuple[int, str]]",
    ),
    Mistake("returned", "returned as object", "return number(1)", returns="Green[object]"),
    *_alone(
        "returned",
        by_plain_function="def first(sock: socket.socket) -> bytes:\n"
        "    return sock.recv(1)  # wrong\n\n\n"
        "def wrong(sock: socket.socket) -> Green:\n    yield from sleep(0)\n"
        "    print(first(sock))",
        by_property="""
            class Own(Connection):
                @property
                def first(self) -> bytes:
                    return self.recv(1)  # wrong


            def wrong(sock: socket.socket) -> Green:
                yield from sleep(0)
                print(Own(sock).first)
        """,
        untyped=_untyped("return number(1)  # wrong"),
    ),
    *_each(
        "used",
        attribute="print(sock.recv(1).decode())",
        attribute_plain="print(number(1).bit_length())",
        subscript="print(pair()[0])",
        slice="print(sock.recv(3)[:2])",
        plus="print(number(1) + 1)",
        plus_bytes="print(sock.recv(1) + b'x')",
        minus="print(-number(1))",
        augmented="total = 0\ntotal += number(1)  # wrong\nprint(total)",
        unpacked="x, y = pair()  # wrong\nprint(x, y)",
        accept_unpacked="made, peer = sock.accept()  # wrong\nprint(made, peer)",
        formatted="print(f'{number(1)}')",
        percent="print('%d' % number(1))",
        length="print(len(sock.recv(1)))",
        index="print(b'abc'[: number(1)])",
        a_name="data = sock.recv(1)\nprint(data.decode())  # wrong",
        join="print(b''.join(sock.recv(1)))",
        int="print(int(number(1)))",
        called="conn.check()()",
        attribute_set="conn.peer.recv(1).done = True",
        formatted_by_str="print(str(number(1)))",
    ),
    *_each(
        "passed",
        annotated="x: int = number(1)\nprint(x)",
        annotated_bytes="data: bytes = sock.recv(1)\nprint(data)",
        attribute="conn.size = number(1)",
        argument="print(plain(number(1)))",
        keyword="print(plain(a=number(1)))",
        to_send="yield from tx.send(number(1))",
        to_put="yield from queue.put(sock.recv(1))",
        to_sendall="yield from sock.sendall(sock.recv(1))",
        appended="parts: List[bytes] = []\nparts.append(sock.recv(1))  # wrong",
        in_a_table="sizes: Dict[str, int] = {}\nsizes['a'] = number(1)  # wrong",
        in_a_list="sizes: List[int] = [number(1)]\nprint(sizes)",
        to_a_green_function="print((yield from number(number(1))))",
        to_event="event.reset()\nevent.send(number(1))  # wrong",
        spawn_argument="print((yield from spawn(number, number(1)).wait()))",
        sleep_seconds="yield from sleep(number(0))",
        returned_by_lambda="pick: Callable[[int], int] = lambda n: number(n)\nprint(pick(1))",
    ),
    *_each(
        "entered",
        hold="with lock.hold():  # wrong\n    pass",
        opened="with opened(sock) as made:  # wrong\n    print(made)",
        number="with number(1):  # wrong\n    pass",
        semaphore="with semaphore.hold():  # wrong\n    pass",
        lock="with lock:  # wrong\n    pass",
        second="with move_on_after(1), lock.hold():  # wrong\n    pass",
    ),
    *_each(
        "spawned",
        call="print(spawn(number(1)))",
        marked_call="print(spawn(marked(1)))",
        group_call="print(group.spawn(marked(1)))",
        pool_call="print((yield from pool.spawn(number(1))))",
        after_call="print(spawn_after(0, number(1)))",
        plain="print(spawn(plain, 1))",
        generator="print(spawn(ints))",
        typed_generator="print(spawn(other))",
        coroutine_function="print(spawn(native))",
        printing="print(spawn(print, 'x'))",
        a_lambda="print(spawn(lambda: 1))",
        three="print(spawn(3))",
        nothing="print(spawn(None))",
        sleep_of_time="print(spawn(time.sleep, 0))",
        too_few="print(spawn(opened))",
        too_many="print(spawn(number, 1, 2))",
        unknown_keyword="print(spawn(number, 1, d=2))",
        wrong_type="print(spawn(number, 'x'))",
        wrong_keyword_type="print(spawn(number, 1, c='x'))",
        spawn_n_plain="spawn_n(plain, 1)",
        spawn_n_wrong_type="spawn_n(number, 'x')",
        group_plain="print(group.spawn(plain, 1))",
        after_without_seconds="print(spawn_after(number, 1))",
        after_wrong_seconds="print(spawn_after('1', number))",
        with_timeout_plain="print((yield from with_timeout(1, plain, 1)))",
        gathered_functions="print((yield from gather(number, number)))",
        raced_functions="print((yield from race(number)))",
        amap_plain="print((yield from amap(plain, [1])))",
        amap_call="print((yield from amap(number(1), [1])))",
        link_without_arguments="gt.link(linked)",
        link_wrong_type="gt.link(linked, 1)",
    ),
    *_alone(
        "spawned",
        run_call="run(number(1))",
        run_plain="run(plain, 1)",
        run_coroutine_function="run(native)",
        run_coroutine="run(native())",
        run_too_few="def needs(a: int) -> Green:\n    yield from sleep(a)\n\n\n"
        "run(needs)  # wrong",
        run_result="text: str = run(number, 1)  # wrong",
        run_untyped_call="def bare():\n    yield from sleep(0)\n\n\nrun(bare())  # wrong",
    ),
    *_alone(
        "declared",
        no_generator="def f() -> Green[int]:\n    return 1  # wrong\n\n\n"
        "def wrong() -> Green:\n    print((yield from f()))",
        passes_plain="def f(a: int) -> Green[str]:\n    return plain(a)  # wrong\n\n\n"
        "def wrong() -> Green:\n    print((yield from f(1)))",
        green_plain="@green  # wrong\ndef f() -> int:\n    return 1\n\n\n"
        "def wrong() -> Green:\n    yield from sleep(0)\n    print(f())",
        green_generator="@green  # wrong\ndef f() -> Iterator[int]:\n    yield 1\n\n\n"
        "def wrong() -> Green:\n    yield from sleep(0)\n    print((yield from f()))",
        green_of_nothing="@green\ndef f() -> Green:  # wrong\n    print(1)\n\n\n"
        "def wrong() -> Green:\n    yield from sleep(0)\n    yield from f()",
        no_result="def wrong() -> Green[int]:  # wrong\n    yield from sleep(0)",
        a_result="def wrong() -> Green:\n    yield from sleep(0)\n    return 1  # wrong",
        without_green="def wrong() -> int:  # wrong\n    yield from sleep(0)\n    return 1",
        moves_on="def wrong() -> Green[int]:  # wrong\n    with move_on_after(1):\n"
        "        return (yield from number(1))",
        silent_timeout="def wrong() -> Green[int]:  # wrong\n    with Timeout(1, False):\n"
        "        return (yield from number(1))",
        scoped_without_group="@scoped  # wrong\ndef f(a: int) -> Green[int]:\n"
        "    return (yield from number(a))\n\n\n"
        "def wrong() -> Green:\n    print((yield from f(1)))",
        scoped_plain="@scoped  # wrong\ndef f(group: ScopedGroup) -> int:\n"
        "    return group.live\n\n\n"
        "def wrong() -> Green:\n    print((yield from f()))",
        override_not_marked="""
            class Own(Event[int]):
                def wait(self, timeout: Optional[float] = None) -> Green[int]:  # wrong
                    yield from sleep(0)
                    return 1


            def wrong() -> Green:
                print((yield from Own().wait()))
        """,
    ),
    Mistake(
        "declared",
        "declared as iterator",
        "def wrong() -> Iterator[int]:  # wrong\n    yield from sleep(0)",
        alone=True,
        unseen="mypy and pyright report the `yield from` below it, which is right",
    ),
    *_each(
        "driven",
        plain="yield from plain(1)",
        none="yield from conn.ping()",
        event_send="event.reset()\nyield from event.send(1)  # wrong",
        lock_release="yield from lock.acquire()\nyield from lock.release()  # wrong",
        spawned="yield from spawn(number, 1)",
        function="yield from number",
        ints="yield from ints()",
        list="yield from [number(1)]",
        other_generator="print((yield from other()))",
        coroutine="yield from native()",
        put_nowait="yield from queue.put_nowait(b'x')",
        socket="yield from sock",
        close="yield from sock.close()",
    ),
    Mistake("driven", "driven twice", "a = number(1)\nyield from a\nyield from a  # wrong"),
    Mistake("driven", "driven twice marked", "a = marked(1)\nyield from a\nyield from a  # wrong"),
    Mistake(
        "driven",
        "driven again in a loop",
        "a = sleep(0)\nfor _ in range(2):\n    yield from a  # wrong",
    ),
    Mistake("driven", "driven by two", "a = number(1)\nyield from gather(a, a)  # wrong"),
    *_alone(
        "awaited",
        not_marked="async def native_one() -> None:\n    await number(1)  # wrong\n\n\n"
        "def wrong() -> Green:\n    yield from drive(native_one())",
        result="async def native_one() -> None:\n    text: str = await marked(1)  # wrong\n"
        "    print(text)\n\n\ndef wrong() -> Green:\n    yield from drive(native_one())",
        yield_from_coroutine=_untyped("yield from native()  # wrong"),
        dropped_in_async="async def native_one() -> None:\n    marked(1)  # wrong\n\n\n"
        "def wrong() -> Green:\n    yield from drive(native_one())",
        tested_in_async="async def native_one() -> None:\n    if marked(1):  # wrong\n"
        "        pass\n\n\ndef wrong() -> Green:\n    yield from drive(native_one())",
    ),
    Mistake(
        "awaited",
        "awaited drive result",
        "return (yield from drive(native()))  # wrong",
        returns="Green[str]",
    ),
    Mistake("awaited", "awaited drive of a plain value", "print((yield from drive(plain(1))))"),
    *_each(
        "typed",
        variable="x: str = yield from number(1)\nprint(x)",
        gathered="x: Tuple[int, int] = yield from gather(number(1), sleep(0))\nprint(x)",
        item="yield from queue.put('x')",
        item_nowait="queue.put_nowait(3)",
        sent="yield from tx.send('x')",
        subclass="yield from sender.send(Animal())",
        subclass_put="yield from dogs.put(Animal())",
        receiver="dog: Receiver[Dog] = receiver\nprint(dog)",
        sender="animal: Sender[Animal] = sender\nprint(animal)",
        queue="animals: Queue[Animal] = dogs\nprint(animals)",
        seconds="yield from sleep('1')",
        trampoline="yield from trampoline('file', read=True)",
        kill="yield from gt.kill(3)",
        end="item = yield from rx.next()\nprint(item.decode())  # wrong",
        scoped_without_argument="print((yield from crew()))",
        scoped_wrong_argument="print((yield from crew('x')))",
        scoped_with_group="print((yield from crew(group, 1)))",
        group_option="with TaskGroup(on_exit='ignore'):  # wrong\n    pass",
        optional="x: int = yield from event.wait(1)\nprint(x)",
        amap_items="print((yield from amap(number, ['a'])))",
        event_send="event.reset()\nevent.send('x')  # wrong",
    ),
    Mistake(
        "typed", "typed result", "return (yield from number(1))  # wrong", returns="Green[str]"
    ),
    Mistake("typed", "typed wait", "return (yield from gt.wait())  # wrong", returns="Green[str]"),
    *_each(
        "cleanup",
        in_finally="try:\n    yield from number()\nfinally:\n    yield from conn.close()  # wrong",
        in_finally_timed="""
            try:
                pass
            finally:
                with move_on_after(1):
                    yield from conn.close()  # wrong
        """,
        in_except_cancelled="""
            try:
                yield from number()
            except Cancelled:
                yield from conn.close()  # wrong
                raise
        """,
        in_except_all="""
            try:
                yield from number()
            except:
                yield from sleep(0)  # wrong
                raise
        """,
        swallowed="try:\n    yield from sleep(0)\nexcept BaseException:  # wrong\n    pass",
        swallowed_bare="try:\n    yield from sleep(0)\nexcept:  # wrong\n    print('oh')",
        swallowed_exit="try:\n    yield from sleep(0)\nexcept GreenletExit:  # wrong\n    pass",
        swallowed_cancelled="try:\n    yield from sleep(0)\n"
        "except (OSError, Cancelled):  # wrong\n    pass",
        swallowed_by_return="try:\n    yield from sleep(0)\nfinally:\n    return  # wrong",
        swallowed_by_break="""
            for _ in range(1):
                try:
                    yield from sleep(0)
                finally:
                    break  # wrong
        """,
    ),
    *_each(
        "blocking",
        sleep="time.sleep(0.001)",
        getaddrinfo="print(real.getaddrinfo('127.0.0.1', 1))",
        subprocess="print(subprocess.run(['true']))",
        check_output="print(subprocess.check_output(['true']))",
        popen="with subprocess.Popen(['true']) as p:\n    print(p.wait())  # wrong",
        system="print(os.system('true'))",
        event="e = threading.Event()\ne.set()\nprint(e.wait())  # wrong",
        join="t = threading.Thread(target=print)\nt.start()\nt.join()  # wrong",
        lock="held = threading.Lock()\nprint(held.acquire())  # wrong",
        queue="q: threads_queue.Queue[int] = threads_queue.Queue()\n"
        "q.put_nowait(1)\nprint(q.get())  # wrong",
        select="print(select.select([], [], [], 0.001))",
    ),
    *[
        one._replace(runs=False)
        for one in _each(
            "blocking",
            input="print(input())",
            connection="print(real.create_connection(('host', 1)))",
            connect="s = real.socket()\ns.connect(('host', 1))  # wrong",
            recv="with real.socket() as s:\n    print(s.recv(1))  # wrong",
            urlopen="print(urllib.request.urlopen('http://host'))",
            http="c = http.client.HTTPConnection('host')\nc.request('GET', '/')  # wrong",
            waitpid="print(os.waitpid(1, 0))",
        )
    ],
    Mistake(
        "blocking",
        "blocking in a helper",
        "def helper() -> None:\n    time.sleep(0.001)  # wrong\n\n\n"
        "def wrong() -> Green:\n    yield from sleep(0)\n    helper()",
        alone=True,
        unseen="the lint looks at green functions only: plain ones may run on a thread",
    ),
    Mistake(
        "blocking",
        "blocking computation",
        "print(sum(range(100000)))",
        unseen="how long a computation takes is not to be seen in its source",
    ),
]
