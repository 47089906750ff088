"""Reads a scope: what binds each name, and the nodes that the rules look at, in one pass."""

# The tree is walked once.  The pass records every binding of a name, and the nodes that the rules
# look at, each with its statement.  What a name stands for is found out later, and only for names
# that matter: most functions of a library are never read.
#
# Comprehensions count as a part of the function around them.  Their variables may then seem to be
# bound twice; such a name is unknown, so no finding is wrong for that.

from __future__ import annotations

import ast
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union, cast

from .model import UNKNOWN, ClassInfo, FunctionInfo, Import, Note, Receiver, Scope, Value
from .syntax import children, last_name, truth

__all__ = ["read"]

# What `Scope.nodes` collects.
CHECKED = frozenset(
    {
        ast.Expr,
        ast.Assign,
        ast.AnnAssign,
        ast.AugAssign,
        ast.NamedExpr,
        ast.Return,
        ast.If,
        ast.While,
        ast.Assert,
        ast.IfExp,
        ast.BoolOp,
        ast.UnaryOp,
        ast.Compare,
        ast.For,
        ast.comprehension,
        ast.With,
        ast.Attribute,
        ast.Subscript,
        ast.BinOp,
        ast.FormattedValue,
        ast.Starred,
        ast.Call,
        ast.Yield,
        ast.YieldFrom,
        ast.Await,
        ast.Try,
    }
)

# Methods whose first parameter is the class, without a decorator that says so.
CLASS_METHODS = ("__new__", "__init_subclass__", "__class_getitem__")

Work = List[Tuple[ast.AST, ast.stmt]]


def read(scope: Scope) -> None:
    """Fill *scope*, that of a module, a class or a function, from its body."""
    body: Sequence[ast.stmt] = scope.module.tree.body
    if scope.function is not None:
        body = scope.function.node.body
        _bind_parameters(scope, scope.function)
    elif scope.cls is not None:
        body = scope.cls.node.body
    work: Work = []
    _push_block(scope, body, work)
    _drain(scope, work)


def _bind_parameters(scope: Scope, function: FunctionInfo) -> None:
    args = function.node.args
    named = [*args.posonlyargs, *args.args]
    bound = function.cls is not None and "staticmethod" not in function.decorators
    for index, arg in enumerate(named):
        if index == 0 and bound and arg.annotation is None and function.cls is not None:
            is_class = "classmethod" in function.decorators or function.node.name in CLASS_METHODS
            scope.bind(arg.arg, Receiver(function.cls, is_class))
        else:
            _bind_parameter(scope, arg)
    for arg in args.kwonlyargs:
        _bind_parameter(scope, arg)
    for rest in (args.vararg, args.kwarg):
        if rest is not None:
            scope.bind(rest.arg, UNKNOWN)


def _bind_parameter(scope: Scope, arg: ast.arg) -> None:
    scope.bind(arg.arg, UNKNOWN if arg.annotation is None else Note(arg.annotation))


def _drain(scope: Scope, work: Work) -> None:
    nodes = scope.nodes
    while work:
        node, at = work.pop()
        kind = node.__class__
        if kind is ast.Name:
            _read_name(scope, cast(ast.Name, node))
            continue
        if kind in CHECKED:
            nodes.append((node, at))
        reader = READERS.get(kind)
        if reader is not None:
            reader(scope, node, at, work)
        elif kind not in LEAVES:
            for child in reversed(children(node)):
                work.append((child, at))


def _push_block(
    scope: Scope, block: Sequence[ast.stmt], work: Work, owner: Optional[ast.stmt] = None
) -> None:
    if owner is not None:
        scope.owners[id(block)] = owner
    for index, statement in enumerate(block):
        scope.places[id(statement)] = (block, index)
    for statement in reversed(block):
        work.append((statement, statement))


def _push(work: Work, at: ast.stmt, nodes: Iterable[Optional[ast.AST]]) -> None:
    for node in reversed(list(nodes)):
        if node is not None:
            work.append((node, at))


def _read_name(scope: Scope, node: ast.Name) -> None:
    if isinstance(node.ctx, ast.Load):
        scope.loads.add(node.id)
    elif isinstance(node.ctx, ast.Store):
        scope.bind(node.id, UNKNOWN)


def _bind_target(scope: Scope, target: ast.expr, value: Value, at: ast.stmt, work: Work) -> None:
    """Bind the names in *target* to *value*, and read its other parts."""
    if isinstance(target, ast.Name):
        scope.bind(target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        starred = False
        for index, element in enumerate(target.elts):
            starred = starred or isinstance(element, ast.Starred)
            if starred:
                _push(work, at, [element])  # its index is not known
            else:
                inner = Value(value.expr, value.way, (*value.path, index))
                _bind_target(scope, element, inner, at, work)
    else:
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            scope.sets.append((target.value.id, target.attr, value))
        _push(work, at, [target])


def _read_assign(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.Assign, node)
    for target in node.targets:
        _bind_target(scope, target, Value(node.value), at, work)
    work.append((node.value, at))


def _read_annotated(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.AnnAssign, node)
    target, note = node.target, Note(node.annotation)
    if isinstance(target, ast.Name):
        alias = last_name(node.annotation) == "TypeAlias" and node.value is not None
        scope.bind(target.id, Value(node.value) if alias and node.value else note)
    else:
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            scope.sets.append((target.value.id, target.attr, note))
        _push(work, at, [target])
    _push(work, at, [node.value])


def _read_augmented(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.AugAssign, node)
    if isinstance(node.target, ast.Name):
        scope.loads.add(node.target.id)
    _push(work, at, [node.target, node.value])


def _read_walrus(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.NamedExpr, node)
    _bind_target(scope, node.target, Value(node.value), at, work)
    work.append((node.value, at))


def _read_for(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast("Union[ast.For, ast.AsyncFor]", node)
    _push_block(scope, node.orelse, work, at)
    _push_block(scope, node.body, work, at)
    if isinstance(node, ast.For):
        _bind_target(scope, node.target, Value(node.iter, "for"), at, work)
    else:
        _push(work, at, [node.target])
    work.append((node.iter, at))


def _read_comprehension(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.comprehension, node)
    _push(work, at, node.ifs)
    if node.is_async:
        _push(work, at, [node.target])
    else:
        _bind_target(scope, node.target, Value(node.iter, "for"), at, work)
    work.append((node.iter, at))


def _read_with(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast("Union[ast.With, ast.AsyncWith]", node)
    _push_block(scope, node.body, work, at)
    for item in reversed(node.items):
        if item.optional_vars is not None:
            if isinstance(node, ast.With):
                value = Value(item.context_expr, "with")
                _bind_target(scope, item.optional_vars, value, at, work)
            else:
                _push(work, at, [item.optional_vars])
        work.append((item.context_expr, at))


def _read_if(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.If, node)
    known = truth(node.test)
    if known is not True:
        _push_block(scope, node.orelse, work, at)
    if known is not False:
        _push_block(scope, node.body, work, at)
    work.append((node.test, at))


def _read_while(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.While, node)
    _push_block(scope, node.orelse, work, at)
    _push_block(scope, node.body, work, at)
    work.append((node.test, at))


def _read_try(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.Try, node)
    _push_block(scope, node.finalbody, work, at)
    _push_block(scope, node.orelse, work, at)
    for handler in reversed(node.handlers):
        if handler.name is not None:
            scope.bind(handler.name, UNKNOWN)
        _push_block(scope, handler.body, work, at)
        _push(work, at, [handler.type])
    _push_block(scope, node.body, work, at)


def _read_function(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.FunctionDef, node)
    info = FunctionInfo(node, scope)
    scope.functions.append(info)
    known = scope.names.get(node.name)
    last = known[-1] if known else None
    if isinstance(last, FunctionInfo) and "overload" in last.decorators:
        info.overloads = [*last.overloads, last]
        scope.names[node.name][-1] = info
    elif not any(one in ("setter", "deleter") for one in info.decorators):
        scope.bind(node.name, info)
    args = node.args
    _push(work, at, [*node.decorator_list, *args.defaults, *args.kw_defaults])


def _read_class(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.ClassDef, node)
    info = ClassInfo(node, scope)
    read(info.scope)
    scope.classes.append(info)
    scope.bind(node.name, info)
    _push(work, at, [*node.decorator_list, *node.bases, *node.keywords])


def _read_lambda(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.Lambda, node)
    inner = scope.lambdas[id(node)] = Scope("lambda", scope.module, scope, node)
    args = node.args
    for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
        if arg is not None:
            inner.bind(arg.arg, UNKNOWN)
    _drain(inner, [(node.body, at)])
    _push(work, at, [*args.defaults, *args.kw_defaults])


def _read_import(scope: Scope, node: ast.AST, _at: ast.stmt, _work: Work) -> None:
    for alias in cast(ast.Import, node).names:
        top = alias.name.partition(".")[0]
        scope.bind(alias.asname or top, Import(alias.name if alias.asname else top, 0, None))


def _read_import_from(scope: Scope, node: ast.AST, _at: ast.stmt, _work: Work) -> None:
    node = cast(ast.ImportFrom, node)
    for alias in node.names:
        found = Import(node.module or "", node.level, alias.name)
        if alias.name == "*":
            scope.stars.append(found)
        else:
            scope.bind(alias.asname or alias.name, found)


def _read_foreign(scope: Scope, node: ast.AST, _at: ast.stmt, _work: Work) -> None:
    scope.foreign.update(cast(ast.Global, node).names)


def _read_yield(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.Yield, node)
    scope.yields.append(node)
    _push(work, at, [node.value])


def _read_drive(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.YieldFrom, node)
    scope.drives.append(node)
    work.append((node.value, at))


def _read_return(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    node = cast(ast.Return, node)
    scope.returns.append(node)
    _push(work, at, [node.value])


def _read_case(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    """A ``case``: what it binds, and its block."""
    body: List[ast.stmt] = getattr(node, "body", [])
    _push_block(scope, body, work, at)
    _push(work, at, [getattr(node, "guard", None), getattr(node, "pattern", None)])


def _read_capture(scope: Scope, node: ast.AST, at: ast.stmt, work: Work) -> None:
    """A pattern that may bind a name."""
    name = getattr(node, "name", None) or getattr(node, "rest", None)
    if isinstance(name, str):
        scope.bind(name, UNKNOWN)
    _push(work, at, children(node))


Reader = Callable[[Scope, ast.AST, ast.stmt, Work], None]

READERS: Dict[type, Reader] = {
    ast.Assign: _read_assign,
    ast.AnnAssign: _read_annotated,
    ast.AugAssign: _read_augmented,
    ast.NamedExpr: _read_walrus,
    ast.For: _read_for,
    ast.AsyncFor: _read_for,
    ast.comprehension: _read_comprehension,
    ast.With: _read_with,
    ast.AsyncWith: _read_with,
    ast.If: _read_if,
    ast.While: _read_while,
    ast.Try: _read_try,
    ast.FunctionDef: _read_function,
    ast.AsyncFunctionDef: _read_function,
    ast.ClassDef: _read_class,
    ast.Lambda: _read_lambda,
    ast.Import: _read_import,
    ast.ImportFrom: _read_import_from,
    ast.Global: _read_foreign,
    ast.Nonlocal: _read_foreign,
    ast.Yield: _read_yield,
    ast.YieldFrom: _read_drive,
    ast.Return: _read_return,
}

# Newer than Python 3.9: (node class, how it is read).
NEWER: Tuple[Tuple[str, Reader], ...] = (
    ("TryStar", _read_try),
    ("match_case", _read_case),
    ("MatchAs", _read_capture),
    ("MatchStar", _read_capture),
    ("MatchMapping", _read_capture),
)
for _name, _reader in NEWER:
    _kind: Optional[type] = getattr(ast, _name, None)
    if _kind is not None:
        READERS[_kind] = _reader

LEAVES = frozenset({ast.Constant, ast.Pass, ast.Break, ast.Continue, ast.Load, ast.Store, ast.Del})
