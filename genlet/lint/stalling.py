"""Rules: what blocks every greenthread of the run, in green functions, GL301 to GL306."""

from __future__ import annotations

import ast
from typing import Dict, FrozenSet, cast

from .answers import returned, shape_of
from .blocking import blocking
from .model import External, Made, Module, Scope, Undriven
from .place import Place, short, words
from .syntax import last_name


def is_green(scope: Scope) -> bool:
    """Whether the code of *scope* runs in a greenthread."""
    function = scope.function
    if function is None:
        return False
    return isinstance(returned(function), Undriven) or (
        bool(scope.drives)
        and any(isinstance(shape_of(one.value, scope), Undriven) for one in scope.drives)
    )


def blocks(place: Place, node: ast.Call) -> None:
    """GL301 to GL306: a call in green code that blocks every greenthread."""
    function = place.shape(node.func)
    if not isinstance(function, External):
        return
    found = blocking(function.name)
    if found is None or not is_green(place.scope) or _is_at_once(node, function.name):
        return
    if place.scope.module.name.startswith("genlet.green."):
        return  # these modules make blocking calls green
    code, instead = found
    if function.name.startswith("socket.socket.") and _is_nonblocking(place.scope.module):
        return
    place.report(
        node,
        code,
        f"{words(node)} blocks every greenthread of the run: write '{instead}'"
        if "'" not in instead
        else f"{words(node)} blocks every greenthread of the run: use {instead}",
    )


# Of threads, by the full names of their classes.
LOCKS: FrozenSet[str] = frozenset(
    f"threading.{name}" for name in ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition")
)


def holds(place: Place, node: ast.With) -> None:
    """GL305: a lock of threads is held across a wait, and whatever wants it meanwhile blocks."""
    if not is_green(place.scope):
        return
    inside = {id(one) for statement in node.body for one in ast.walk(statement)}
    if not any(id(one) in inside for one in place.scope.drives):
        return
    for item in node.items:
        lock = place.shape(item.context_expr)
        if isinstance(lock, Made) and lock.name in LOCKS:
            place.report(
                item.context_expr,
                "GL305",
                f"{short(item.context_expr)} is a lock of threads, and is held across a wait: another"
                f" greenthread that wants it blocks the run for ever: use a lock of genlet",
            )


# By method: the index of the argument that is the timeout, or says whether to block.
TIMEOUTS: Dict[str, int] = {
    **dict.fromkeys(("acquire", "get", "wait", "join", "poll"), 0),
    **dict.fromkeys(("put", "sigtimedwait"), 1),
    "control": 2,
    "select": 3,
}


def _is_at_once(node: ast.Call, name: str) -> bool:
    """Whether the arguments of the call say that it must not wait."""
    for one in node.keywords:
        if one.arg in ("block", "blocking", "timeout") and _is_false(one.value):
            return True
    last = name.rpartition(".")[2]
    index = TIMEOUTS.get(last, -1)
    if name.startswith("os.wait"):
        return any("WNOHANG" in ast.unparse(arg) for arg in node.args)
    return 0 <= index < len(node.args) and _is_false(node.args[index])


def _is_false(arg: ast.expr) -> bool:
    """Whether the argument is 0 or False."""
    return isinstance(arg, ast.Constant) and arg.value is not None and not arg.value


def _is_nonblocking(module: Module) -> bool:
    """Whether the module makes sockets non-blocking."""
    for node in ast.walk(module.tree):
        told = isinstance(node, ast.Call) and last_name(node) in ("setblocking", "settimeout")
        if told and _is_false(next(iter(cast(ast.Call, node).args), ast.Constant(None))):
            return True
    return False
