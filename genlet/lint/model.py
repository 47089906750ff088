"""The data of the lint: modules and scopes, what binds names, and what values are."""

# Everything here refers to everything else: a scope remembers what its names turned out to be, and
# such a value may be an object of a class, which has a scope.  So these classes share a file, and
# it imports nothing that fills them: a module reaches that through its `Resolver`.

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import (
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Set,
    Tuple,
    Union,
)

from .syntax import FunctionNode, last_name

# ---- what binds a name ---------------------------------------------------------------------------


class Value(NamedTuple):
    """A name is bound to the value of an expression, or to a part of that value."""

    expr: ast.expr
    way: str = "="  # or "for": an item of the value; "with": what entering it gives
    path: Tuple[int, ...] = ()  # the indices of the element, in an unpacking


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
    """A name is bound to a value of which nothing is known."""


UNKNOWN = Unknown()


class FunctionInfo:
    """A function, with the overloads before it.

    Attributes:
        outer: The scope around it.
        cls: The class it is a method of, if it is one.
        overloads: Its ``@overload`` declarations.
        outcome: What a call of it gives, if that is settled.
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
        """The names inside, read when they are first needed."""
        if self._scope is None:
            module = self.outer.module
            scope = self._scope = Scope("function", module, self.outer, self.node)
            scope.function = self
            module.project.read(scope)
        return self._scope

    @property
    def is_generator(self) -> bool:
        """Whether it has a ``yield`` or a ``yield from`` of its own."""
        return bool(self.scope.yields or self.scope.drives)


class ClassInfo:
    """A class.

    Attributes:
        lineage: The class and its bases, with what their type variables stand for.
        attributes: What its methods assign to attributes of their first parameter, with the scopes
            of these methods.
    """

    __slots__ = ("attributes", "lineage", "node", "outer", "scope")

    def __init__(self, node: ast.ClassDef, outer: Scope) -> None:
        self.node: ast.ClassDef = node
        self.outer: Scope = outer
        self.lineage: Optional[List[Tuple[ClassInfo, Dict[str, Shape]]]] = None
        self.attributes: Optional[Dict[str, List[Tuple[Scope, Union[Value, Note]]]]] = None
        self.scope: Scope = Scope("class", outer.module, outer, node)
        self.scope.cls = self

    @property
    def full_name(self) -> str:
        """The module and the name."""
        return f"{self.outer.module.name}.{self.node.name}"


Binding = Union[Value, Note, Import, Receiver, Unknown, FunctionInfo, ClassInfo]

# ---- scopes and modules --------------------------------------------------------------------------


class Scope:
    """The names of a module, a class, a function or a lambda.

    Attributes:
        names: The bindings of each name.
        foreign: Names declared global or nonlocal.
        loads: Names that are read.
        sets: Attributes that are assigned: (object, attribute, value).
        places: By the id of a statement, the block it is in, and its index there.
        owners: By the id of a block, the statement it belongs to; not for the scope's own block.
        nodes: The nodes that rules look at, each with its statement.
        functions, classes, lambdas: The scopes inside.
        shapes: What the names stand for, as far as it was asked.
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
        """Add a binding of *name*."""
        if name not in self.foreign:
            self.names.setdefault(name, []).append(binding)

    def inner(self) -> Iterator[Scope]:
        """Yield the scopes inside."""
        for function in self.functions:
            yield function.scope
        for cls in self.classes:
            yield cls.scope
        yield from self.lambdas.values()


class Module:
    """A module: its tree and its path.

    Attributes:
        root: The folder that its absolute name starts from.
        shapes, notes: What expressions and annotations give, by their ids, as far as it was asked.
        strings: The parsed annotations that are strings.
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
        self, name: str, path: Path, root: Path, tree: ast.Module, project: Resolver
    ) -> None:
        self.name: str = name
        self.path: Path = path
        self.root: Path = root
        self.tree: ast.Module = tree
        self.project: Resolver = project
        self.is_package: bool = path.suffix != ".py" or path.name == "__init__.py"
        self.shapes: Dict[int, Shape] = {}
        self.notes: Dict[int, Shape] = {}
        self.strings: Dict[str, Optional[ast.expr]] = {}
        self._scope: Optional[Scope] = None

    @property
    def scope(self) -> Scope:
        """The names of the module, read when they are first needed."""
        if self._scope is None:
            self._scope = Scope("module", self, None, self.tree)
            self.project.read(self._scope)
        return self._scope

    def absolute(self, imported: Import) -> str:
        """Return the full name of the module that *imported* names."""
        if not imported.level:
            return imported.module
        package = self.name.split(".") if self.name else []
        up = imported.level - 1 if self.is_package else imported.level
        base = package[: max(len(package) - up, 0)]
        return ".".join([*base, imported.module] if imported.module else base)


class Named(NamedTuple):
    """A name and the scope that binds it."""

    scope: Scope
    name: str


class Elsewhere(NamedTuple):
    """The full name of something in a module that is not read."""

    name: str


Symbol = Union[Named, Module, Elsewhere]


class Resolver(Protocol):
    """What a module asks of the project that it belongs to.

    ``read`` fills a scope.  ``find`` returns the module of that name as seen by the modules whose names
    start from *root*.  ``lookup`` returns what a name leads to in a scope, with imports followed;
    ``member`` the same for a name of a module, None if it has none.  ``methods_named`` returns the
    methods of that name of all classes that were read.  ``value_of`` and ``result_of`` find out what
    an expression and a call of a function give.
    """

    def read(self, scope: Scope) -> None: ...

    def find(self, name: str, root: Path) -> Optional[Module]: ...

    def lookup(self, scope: Scope, name: str) -> Symbol: ...

    def member(self, module: Module, name: str, depth: int = 0) -> Optional[Symbol]: ...

    def methods_named(self, name: str) -> List[FunctionInfo]: ...

    def value_of(self, expr: ast.expr, scope: Scope) -> Shape: ...

    def result_of(self, function: FunctionInfo) -> Shape: ...


# ---- shapes: what a value is, None if that is not known ------------------------------------------


@dataclass
class Undriven:
    """A green call, whose result is *result*.

    Attributes:
        sure: False for a generator that may yield something else than traps.
        marked: Whether ``async def`` code may await it; None if that is not known.
    """

    result: Shape = None
    sure: bool = True
    marked: Optional[bool] = None


@dataclass
class Instance:
    """An object of a class that was read.

    Attributes:
        args: What the type variables of the class stand for.
    """

    cls: ClassInfo
    args: Tuple[Shape, ...] = ()


@dataclass
class ClassObject:
    """A class that was read; *args* as in `Instance`."""

    cls: ClassInfo
    args: Tuple[Shape, ...] = ()


@dataclass
class Parent:
    """The value of ``super()``."""

    cls: ClassInfo


@dataclass
class Function:
    """A function that was read.

    Attributes:
        bound: The number of parameters that are bound: 1 for a bound method.
        env: What the type variables of its class stand for.
    """

    info: FunctionInfo
    bound: int
    env: Dict[str, Shape]


@dataclass
class Returning:
    """Any callable that gives *result*."""

    result: Shape


@dataclass
class Items:
    """A container or an iterator of the standard library.

    Attributes:
        kind: "tuple", "list", "dict", "set" or "deque" for that type; "manager" for a context manager
            of its one element; "" for any other iterable.
        elements: One for each index of a tuple; the key and the value of a dict; else one for all.
    """

    kind: str
    elements: Tuple[Shape, ...]


@dataclass
class Variable:
    """A type variable."""

    name: str


@dataclass
class External:
    """Something in a module that is not read, by its full name."""

    name: str


@dataclass
class Made:
    """The result of calling an `External`, or an object of such a class."""

    name: str


@dataclass
class ModuleObject:
    """A module."""

    module: Module


@dataclass
class Lambda:
    """A lambda; its body is the node of its scope."""

    scope: Scope


@dataclass
class Nothing:
    """None itself."""


@dataclass
class Pending:
    """The mark of an answer that is being looked for."""


@dataclass
class Either:
    """One of several objects or functions."""

    shapes: List[Union[Instance, Function]]


NOTHING = Nothing()
PENDING = Pending()

Shape = Union[
    None,
    Undriven,
    Instance,
    ClassObject,
    Parent,
    Function,
    Returning,
    Items,
    Variable,
    External,
    Made,
    ModuleObject,
    Lambda,
    Nothing,
    Either,
    Pending,
]
