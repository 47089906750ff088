"""Puts calls of the probes into the syntax tree of a module."""

# Every node keeps its position, so tracebacks and inspect.getsource show the source as it is.

from __future__ import annotations

import ast
from typing import Any, Callable, Optional, TypeVar

from .probes import PROBES

N = TypeVar("N", bound=ast.AST)

Visit = Callable[..., Any]
"""A visitor's method that serves several kinds of nodes."""


# Expressions that may give a generator that nothing else refers to.
GIVING = (ast.Call, ast.Await, ast.YieldFrom)


class Rewriter(ast.NodeTransformer):
    """Puts probes around the expressions that a module drops, tests, iterates over, drives, binds,
    compares, formats or passes.

    Annotations stay as they are: they may be kept as text.
    """

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        self.generic_visit(node)
        node.value = _dropped(node.value)
        return node

    def visit_condition(self, node: N) -> N:
        self.generic_visit(node)
        condition: Any = node
        condition.test = _tested(condition.test)
        return node

    visit_If: Visit = visit_condition  # noqa: N815
    visit_While: Visit = visit_condition  # noqa: N815
    visit_Assert: Visit = visit_condition  # noqa: N815
    visit_IfExp: Visit = visit_condition  # noqa: N815

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.UnaryOp:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            node.operand = _tested(node.operand)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.BoolOp:
        self.generic_visit(node)
        if isinstance(node.op, ast.And):  # a generator is true, so it is not the result
            node.values[:-1] = [_tested(value) for value in node.values[:-1]]
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        node.ifs = [_tested(test) for test in node.ifs]
        if not node.is_async:
            node.iter = _iterated(node.iter)
        return node

    def visit_match_case(self, node: N) -> N:
        self.generic_visit(node)
        case: Any = node
        if case.guard is not None:
            case.guard = _tested(case.guard)
        return node

    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        node.iter = _iterated(node.iter)
        return node

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.YieldFrom:
        self.generic_visit(node)
        node.value = _wrap("@genlet_drive", node.value)
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.FormattedValue:
        self.generic_visit(node)
        if isinstance(node.value, ast.Call):
            node.value = _wrap("@genlet_formatted", node.value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        self.generic_visit(node)
        node.left = _compared(node.left)
        node.comparators = [_compared(one) for one in node.comparators]
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        calls = sum(isinstance(one, ast.Call) for one in node.args) + sum(
            isinstance(one.value, ast.Call) for one in node.keywords
        )
        if not calls:
            return node
        node.args = [_passed(one) for one in node.args]
        for one in node.keywords:
            one.value = _passed(one.value)
        at = ast.copy_location
        holding = at(ast.Call(at(ast.Name("@genlet_holding", ast.Load()), node), [], []), node)
        called = at(ast.Name("@genlet_called", ast.Load()), node)
        return at(ast.Call(called, [holding, node], []), node)

    def visit_binding(self, node: N) -> N:
        self.generic_visit(node)
        binding: Any = node
        if isinstance(binding.value, ast.Call):
            binding.value = _wrap("@genlet_made", binding.value)
        return node

    visit_Assign: Visit = visit_binding  # noqa: N815
    visit_NamedExpr: Visit = visit_binding  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        annotation, node.annotation = node.annotation, ast.Constant(None)
        self.visit_binding(node)
        node.annotation = annotation
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return node

    def visit_function(self, node: N) -> N:
        function: Any = node
        returns, function.returns = function.returns, None
        self.generic_visit(node)
        function.returns = returns
        return node

    visit_FunctionDef: Visit = visit_function  # noqa: N815
    visit_AsyncFunctionDef: Visit = visit_function  # noqa: N815


def _wrap(name: str, value: ast.expr) -> ast.expr:
    at = ast.copy_location
    return at(ast.Call(at(ast.Name(name, ast.Load()), value), [value], []), value)


def _is_wrapped(value: ast.expr) -> bool:
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in PROBES
        and value.func.id
        != "@genlet_called"  # around a call of the program, whose value it returns
    )


def _compared(value: ast.expr) -> ast.expr:
    call = value.value if isinstance(value, ast.NamedExpr) else value
    return _wrap("@genlet_compared", value) if isinstance(call, ast.Call) else value


def _passed(value: ast.expr) -> ast.expr:
    return _wrap("@genlet_passed", value) if isinstance(value, ast.Call) else value


def _dropped(value: ast.expr) -> ast.expr:
    """Return *value*, whose result is dropped, with probes around the parts that may give it."""
    if isinstance(value, (ast.Tuple, ast.List, ast.Set)):
        value.elts = [_dropped(element) for element in value.elts]
    elif isinstance(value, (ast.ListComp, ast.SetComp)):
        value.elt = _dropped(value.elt)
    elif isinstance(value, ast.DictComp):
        # None in {**d for d in ds}, from Python 3.15 on.
        each: Optional[ast.expr] = getattr(value, "value", None)
        if each is not None:
            value.value = _dropped(each)
    elif isinstance(value, ast.BoolOp):
        value.values = [
            *(_tested(each) for each in value.values[:-1]),
            _dropped(value.values[-1]),
        ]
    elif isinstance(value, ast.IfExp):
        value.body, value.orelse = _dropped(value.body), _dropped(value.orelse)
    elif isinstance(value, (*GIVING, ast.Attribute, ast.Subscript, ast.GeneratorExp)):
        return _wrap("@genlet_drop", value)
    return value


def _tested(value: ast.expr) -> ast.expr:
    """Return the condition *value* with probes around the parts that are tested."""
    if isinstance(value, ast.BoolOp):
        value.values = [_tested(each) for each in value.values]
    elif isinstance(value, ast.IfExp):
        value.body, value.orelse = _tested(value.body), _tested(value.orelse)
    elif isinstance(value, GIVING) and not _is_wrapped(value):
        return _wrap("@genlet_truth", value)
    elif isinstance(value, ast.Name) and value.id.startswith("@py_assert"):
        return _wrap("@genlet_truth_in_assert", value)
    return value


def _iterated(value: ast.expr) -> ast.expr:
    return _wrap("@genlet_iterate", value) if isinstance(value, ast.Call) else value
