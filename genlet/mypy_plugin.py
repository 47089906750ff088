"""mypy plugin: reports green calls that nobody drives, of functions without ``@green`` too.

::

    [tool.mypy]
    plugins = ["genlet.mypy_plugin"]

List it before other plugins: the first that takes an interest in a function is asked alone.  This
one then asks those that follow.
"""

# Theory of operation
# -------------------
# mypy calls a plugin's hook with the type of every call, in whichever process checks the module, so
# nothing but the hook's own context may be relied on: what is collected while files are parsed is
# lost with parallel workers.  The hook sees a call and not where it stands.  So the first green call
# of a module has the tree searched for the calls whose value is dropped, once.
#
# The hook is there for every name, and mypy asks no other plugin once it has one, not even its own
# for functools.partial and the like.  So the hook asks the whole chain again, with this plugin
# passed over, and looks at what comes of it.

# mypy need not be installed where pyright runs, and pyright then knows none of these types.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

from functools import partial
from typing import Callable, Dict, Iterable, Iterator, List, Optional, TypeVar, cast
from typing import Type as TypingType

from mypy.checker import TypeChecker
from mypy.errorcodes import UNUSED_AWAITABLE, ErrorCode
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    Block,
    CallExpr,
    ClassDef,
    ConditionalExpr,
    Context,
    Decorator,
    DictionaryComprehension,
    Expression,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    IfStmt,
    LambdaExpr,
    ListComprehension,
    ListExpr,
    MatchStmt,
    MypyFile,
    Node,
    OpExpr,
    OverloadedFuncDef,
    ReturnStmt,
    SetComprehension,
    SetExpr,
    Statement,
    TryStmt,
    TupleExpr,
    WhileStmt,
    WithStmt,
)
from mypy.options import Options
from mypy.plugin import FunctionContext, MethodContext, Plugin
from mypy.typeops import make_simplified_union
from mypy.types import Instance, Type, UnionType, get_proper_type

TRAP = "genlet.abc.Trap"
NOT_DRIVEN = ErrorCode("green-not-driven", "Report green calls that nobody drives", "genlet")
MESSAGE = 'Green call is never driven and does nothing: is a "yield from" missing?'

H = TypeVar("H")


class GenletPlugin(Plugin):
    """Looks at the value of every call."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._statements: Optional[List[Statement]] = None  # of the module searched last
        self._dropped: Dict[int, ExpressionStmt] = {}  # what drops a call, by the id of that
        self._aside: bool = False  # the other plugins are being asked

    def get_function_hook(self, fullname: str) -> Optional[Callable[[FunctionContext], Type]]:
        return None if self._aside else partial(self._function, fullname)

    def get_method_hook(self, fullname: str) -> Optional[Callable[[MethodContext], Type]]:
        return None if self._aside else partial(self._method, fullname)

    def _function(self, fullname: str, ctx: FunctionContext) -> Type:
        checker = cast(TypeChecker, ctx.api)
        hook = self._ask(checker.plugin.get_function_hook, fullname)
        made = ctx.default_return_type if hook is None else hook(ctx)
        self._look(checker, ctx.context, made)
        return made

    def _method(self, fullname: str, ctx: MethodContext) -> Type:
        checker = cast(TypeChecker, ctx.api)
        hook = self._ask(checker.plugin.get_method_hook, fullname)
        made = ctx.default_return_type if hook is None else hook(ctx)
        self._look(checker, ctx.context, made)
        return made

    def _ask(self, chain: Callable[[str], Optional[H]], fullname: str) -> Optional[H]:
        """Return the hook that *chain* would have without this plugin."""
        self._aside = True
        try:
            return chain(fullname)
        finally:
            self._aside = False

    def _look(self, checker: TypeChecker, call: Context, made: Type) -> None:
        """Report *call*, of type *made*, if it is a green one that is dropped."""
        if not is_green(made):
            return
        # In the daemon a tree outlives an edit, but its list of statements does not.
        if checker.tree.defs is not self._statements:
            self._statements = checker.tree.defs
            self._dropped = {
                id(call): statement
                for statement in _expression_statements(checker.tree)
                for call in _dropped_calls(statement.expr)
            }
        statement = self._dropped.get(id(call))
        if statement is not None and not self._stock_reports(checker, statement, call, made):
            checker.fail(MESSAGE, call, code=NOT_DRIVEN)

    def _stock_reports(
        self, checker: TypeChecker, statement: ExpressionStmt, call: Context, made: Type
    ) -> bool:
        """Whether mypy's own unused-awaitable sees *statement*: by its judgement, not by ours."""
        if UNUSED_AWAITABLE not in checker.options.enabled_error_codes:
            return False
        results = _results(statement.expr)
        if call not in results:
            return False  # it is in a list or the like, which is no awaitable
        whole = make_simplified_union(
            [made if result is call else self._type_of(checker, result) for result in results]
        )
        # Older ones take the type alone, and make no exception for task groups.
        requires_usage = cast("Callable[..., object]", checker.type_requires_usage)
        try:
            return requires_usage(whole, statement) is not None
        except TypeError:
            return requires_usage(whole) is not None

    def _type_of(self, checker: TypeChecker, value: Expression) -> Type:
        """Return the type of *value*, which is still to be checked, and leave no trace of asking."""
        dropped, self._dropped = self._dropped, {}
        try:
            aside = checker.binder.frame_context(can_skip=False, discard=True)
            with checker.msg.filter_errors(), checker.local_type_map, aside:
                return checker.get_expression_type(value)
        finally:
            self._dropped = dropped


def is_green(type: Type) -> bool:
    """Whether *type* is, or may be, a generator that yields genlet's traps."""
    proper = get_proper_type(type)
    if isinstance(proper, UnionType):
        return any(is_green(item) for item in proper.items)
    if not isinstance(proper, Instance):
        return False
    for base in proper.type.mro:
        if base.fullname == "typing.Generator":
            yielded = get_proper_type(map_instance_to_supertype(proper, base).args[0])
            return isinstance(yielded, Instance) and yielded.type.has_base(TRAP)
    return False


def _expression_statements(tree: MypyFile) -> Iterator[ExpressionStmt]:
    """Give every expression that is a statement of *tree*, at any depth."""
    stack: List[Node] = list(tree.defs)
    while stack:
        node = stack.pop()
        if isinstance(node, ExpressionStmt):
            yield node
        else:
            stack.extend(inner for inner in _inside(node) if inner is not None)


def _inside(node: Node) -> Iterable[Optional[Node]]:
    """Return the statements and functions right inside of *node*, a statement or a function."""
    if isinstance(node, Block):
        return node.body
    if isinstance(node, ClassDef):
        return [node.defs]
    if isinstance(node, FuncDef):
        return [node.body]
    if isinstance(node, Decorator):
        return [node.func]
    if isinstance(node, OverloadedFuncDef):
        return [*node.items, node.impl]
    if isinstance(node, IfStmt):
        return [*node.body, node.else_body]
    if isinstance(node, (WhileStmt, ForStmt)):
        return [node.body, node.else_body]
    if isinstance(node, WithStmt):
        return [node.body]
    if isinstance(node, TryStmt):
        return [node.body, *node.handlers, node.else_body, node.finally_body]
    if isinstance(node, MatchStmt):
        return node.bodies
    return []


def _dropped_calls(value: Expression) -> Iterator[CallExpr]:
    """Give the calls in *value*, an expression that is a statement, whose values go nowhere."""
    if isinstance(value, CallExpr):
        yield value
        if isinstance(value.callee, LambdaExpr):
            for statement in value.callee.body.body:
                if isinstance(statement, ReturnStmt) and statement.expr is not None:
                    yield from _dropped_calls(statement.expr)
        return
    parts: List[Expression] = []
    if isinstance(value, ConditionalExpr):
        parts = [value.if_expr, value.else_expr]
    elif isinstance(value, OpExpr) and value.op in ("and", "or"):
        parts = [value.right]  # the left is tested for truth: truthy-bool reports it
    elif isinstance(value, (ListComprehension, SetComprehension)):
        parts = [value.generator.left_expr]
    elif isinstance(value, DictionaryComprehension):
        parts = [value.value]
    elif isinstance(value, (TupleExpr, ListExpr, SetExpr)):
        parts = value.items
    for part in parts:
        yield from _dropped_calls(part)


def _results(value: Expression) -> List[Expression]:
    """Return the expressions of which one gives *value* its type, with nothing added to it."""
    if isinstance(value, ConditionalExpr):
        return [value.if_expr, value.else_expr]
    if isinstance(value, CallExpr) and isinstance(value.callee, LambdaExpr):
        last = value.callee.body.body[-1]
        if isinstance(last, ReturnStmt) and last.expr is not None:
            return [last.expr]
    return [value]


def plugin(version: str) -> TypingType[Plugin]:  # noqa: ARG001  mypy's signature
    """Return the plugin; mypy asks for it by this name, and says which *version* it is."""
    return GenletPlugin
