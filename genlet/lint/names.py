"""What the names of a module stand for: one pass over its tree, without running it."""

# A scope keeps, for every name bound in it, all that binds it.  What such a name is worth is asked
# later (`colours`), and only of the names that matter: most modules of a library are never read to
# the end.  The pass also puts aside the nodes that the rules look at, with the statement that each
# stands in, so that the tree is walked once.
#
# Comprehensions count as a part of the function around them.  Their variables may then seem to be
# bound twice, which makes them unknown, and never wrong.

from __future__ import annotations

import ast
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
    cast,
)

if TYPE_CHECKING:
    from .project import Project
    from .shapes import Shape

FunctionNode = Union[ast.FunctionDef, ast.AsyncFunctionDef]

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


# ``try`` statements; Python 3.11 has two kinds.
TRIES: Tuple[type, ...] = tuple(
    kind for kind in (ast.Try, cast("Optional[type]", getattr(ast, "TryStar", None))) if kind
)


class Value(NamedTuple):
    """A name is what an expression gives."""

    expr: ast.expr
    way: str = "="  # or "for": one of its items; "with": what entering it gives
    path: Tuple[int, ...] = ()  # which element of it, in an unpacking


class Note(NamedTuple):
    """A name is annotated."""

    annotation: ast.expr


class Import(NamedTuple):
    """A name is imported: *name* from *module*, or the module itself."""

    module: str
    level: int
    name: Optional[str]


class Receiver(NamedTuple):
    """The first parameter of a method."""

    cls: ClassInfo
    is_class: bool


class Unknown(NamedTuple):
    """A name is bound by something that tells nothing."""


UNKNOWN = Unknown()


class FunctionInfo:
    """A ``def``, with the overloads that stand before it.

    Attributes:
        outer: The scope it stands in.
        cls: The class it is a method of.
        overloads: Its ``@overload`` declarations.
        outcome: What a call of it gives, once that is settled.
    """

    __slots__ = ("_scope", "cls", "decorators", "node", "outcome", "outer", "overloads", "settled")

    def __init__(self, node: FunctionNode, outer: Scope) -> None:
        self.node: FunctionNode = node
        self.outer: Scope = outer
        self.cls: Optional[ClassInfo] = outer.cls if outer.kind == "class" else None
        self.decorators: List[str] = [last_name(one) for one in node.decorator_list]
        self.overloads: List[FunctionInfo] = []
        self.outcome: Shape = None
        self.settled: bool = False
        self._scope: Optional[Scope] = None

    @property
    def scope(self) -> Scope:
        """The names inside."""
        if self._scope is None:
            node = self.node
            scope = self._scope = Scope("function", self.outer.module, self.outer, node)
            scope.function = self
            args = node.args
            named = [*args.posonlyargs, *args.args]
            bound = self.cls is not None and "staticmethod" not in self.decorators
            for index, arg in enumerate(named):
                if index == 0 and bound and arg.annotation is None and self.cls is not None:
                    is_class = "classmethod" in self.decorators or node.name in CLASS_METHODS
                    scope.bind(arg.arg, Receiver(self.cls, is_class))
                else:
                    _bind_parameter(scope, arg)
            for arg in args.kwonlyargs:
                _bind_parameter(scope, arg)
            for rest in (args.vararg, args.kwarg):
                if rest is not None:
                    scope.bind(rest.arg, UNKNOWN)
            _read(scope, node.body)
        return self._scope

    @property
    def is_generator(self) -> bool:
        """Whether a yield of its own makes it one."""
        return bool(self.scope.yields or self.scope.drives)


CLASS_METHODS = ("__new__", "__init_subclass__", "__class_getitem__")


class ClassInfo:
    """A ``class``.

    Attributes:
        lineage: It and the classes it derives from, with what their type variables stand for.
        attributes: What its methods assign to attributes of their first parameter, and in which
            scope.
    """

    __slots__ = ("attributes", "lineage", "node", "outer", "scope")

    def __init__(self, node: ast.ClassDef, outer: Scope) -> None:
        self.node: ast.ClassDef = node
        self.outer: Scope = outer
        self.lineage: Optional[List[Tuple[ClassInfo, Dict[str, Shape]]]] = None
        self.attributes: Optional[Dict[str, List[Tuple[Scope, Union[Value, Note]]]]] = None
        self.scope: Scope = Scope("class", outer.module, outer, node)
        self.scope.cls = self
        _read(self.scope, node.body)

    @property
    def full_name(self) -> str:
        """Its module and its name."""
        return f"{self.outer.module.name}.{self.node.name}"


Binding = Union[Value, Note, Import, Receiver, Unknown, FunctionInfo, ClassInfo]


class Scope:
    """The names of a module, a class, a function or a lambda.

    Attributes:
        names: What binds each.
        foreign: Names declared global or nonlocal.
        loads: Names that are read in it.
        sets: Attributes that are assigned: (whose, attribute, what).
        places: For every statement, by id, the block it stands in and its place there.
        owners: For every block, by id, the statement it belongs to, unless that is the scope itself.
        nodes: What the rules look at, with the statement it stands in.
        functions, classes, lambdas: The scopes inside.
        shapes: What names have turned out to be.
    """

    __slots__ = (
        "classes",
        "cls",
        "drives",
        "foreign",
        "function",
        "functions",
        "kind",
        "lambdas",
        "loads",
        "module",
        "names",
        "node",
        "nodes",
        "outer",
        "owners",
        "places",
        "returns",
        "sets",
        "shapes",
        "stars",
        "yields",
    )

    def __init__(
        self, kind: str, module: Module, outer: Optional[Scope], node: Optional[ast.AST]
    ) -> None:
        self.kind: str = kind
        self.module: Module = module
        self.outer: Optional[Scope] = outer
        self.node: Optional[ast.AST] = node
        self.cls: Optional[ClassInfo] = None
        self.function: Optional[FunctionInfo] = None
        self.names: Dict[str, List[Binding]] = {}
        self.foreign: Set[str] = set()
        self.loads: Set[str] = set()
        self.stars: List[Import] = []
        self.sets: List[Tuple[str, str, Union[Value, Note]]] = []
        self.places: Dict[int, Tuple[Sequence[ast.stmt], int]] = {}
        self.owners: Dict[int, ast.stmt] = {}
        self.nodes: List[Tuple[ast.AST, ast.stmt]] = []
        self.yields: List[ast.Yield] = []
        self.drives: List[ast.YieldFrom] = []
        self.returns: List[ast.Return] = []
        self.functions: List[FunctionInfo] = []
        self.classes: List[ClassInfo] = []
        self.lambdas: Dict[int, Scope] = {}
        self.shapes: Dict[str, Shape] = {}

    def bind(self, name: str, binding: Binding) -> None:
        """Note one thing that binds *name*."""
        if name not in self.foreign:
            self.names.setdefault(name, []).append(binding)

    def inner(self) -> Iterator[Scope]:
        """Give the scopes that stand in it."""
        for function in self.functions:
            yield function.scope
        for cls in self.classes:
            yield cls.scope
        yield from self.lambdas.values()


class Module:
    """A module: its tree, and where it was found.

    Attributes:
        root: The folder that its absolute name starts from.
        shapes, notes: What expressions and annotations in it have turned out to be, by their ids.
        strings: Its annotations that are strings, parsed.
    """

    __slots__ = (
        "_scope",
        "is_package",
        "name",
        "notes",
        "path",
        "project",
        "root",
        "shapes",
        "strings",
        "tree",
    )

    def __init__(
        self, name: str, path: Path, root: Path, tree: ast.Module, project: Project
    ) -> None:
        self.name: str = name
        self.path: Path = path
        self.root: Path = root
        self.tree: ast.Module = tree
        self.project: Project = project
        self.is_package: bool = path.suffix != ".py" or path.name == "__init__.py"
        self.shapes: Dict[int, Shape] = {}
        self.notes: Dict[int, Shape] = {}
        self.strings: Dict[str, Optional[ast.expr]] = {}
        self._scope: Optional[Scope] = None

    @property
    def scope(self) -> Scope:
        """Its names."""
        if self._scope is None:
            self._scope = Scope("module", self, None, self.tree)
            _read(self._scope, self.tree.body)
        return self._scope

    def absolute(self, imported: Import) -> str:
        """Return the full name of the module that *imported* names."""
        if not imported.level:
            return imported.module
        package = self.name.split(".") if self.name else []
        up = imported.level - 1 if self.is_package else imported.level
        base = package[: max(len(package) - up, 0)]
        return ".".join([*base, imported.module] if imported.module else base)


def last_name(node: ast.expr) -> str:
    """Return the last word of what *node* calls or names, "" if there is none."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def children(node: ast.AST) -> List[ast.AST]:
    """Return the nodes right below *node*, in order."""
    found: List[ast.AST] = []
    for field in node._fields:
        value: object = getattr(node, field, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [item for item in cast("List[object]", value) if isinstance(item, ast.AST)]
    return found


def truth(test: ast.expr) -> Optional[bool]:
    """Return what *test* is to a checker, if that is known: constants and TYPE_CHECKING."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = truth(test.operand)
        return None if inner is None else not inner
    return True if last_name(test) == "TYPE_CHECKING" else None


# ---- the pass ------------------------------------------------------------------------------------

Work = List[Tuple[ast.AST, ast.stmt]]


def _read(scope: Scope, body: Sequence[ast.stmt]) -> None:
    work: Work = []
    _push_block(scope, body, work)
    _drain(scope, work)


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
    """Bind what *target* names to *value*; what else is in it is read."""
    if isinstance(target, ast.Name):
        scope.bind(target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        starred = False
        for index, element in enumerate(target.elts):
            starred = starred or isinstance(element, ast.Starred)
            if starred:
                _push(work, at, [element])  # its place from the left is not known
            else:
                inner = Value(value.expr, value.way, (*value.path, index))
                _bind_target(scope, element, inner, at, work)
    else:
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            scope.sets.append((target.value.id, target.attr, value))
        _push(work, at, [target])


def _bind_parameter(scope: Scope, arg: ast.arg) -> None:
    scope.bind(arg.arg, UNKNOWN if arg.annotation is None else Note(arg.annotation))


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
