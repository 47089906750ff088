"""Rules: arguments that are not what the function called wants, GL104 to GL108, GL201, GL202, GL206."""

from __future__ import annotations

import ast
from typing import Iterator, Optional, Union

from .annotations import annotated
from .blocking import blocking
from .functions import callable_shape, keyword, parameter
from .misuse import iterated, mismatched, tested, used
from .model import ClassObject, External, Function, Items, Made, Returning, Shape, Undriven
from .place import Place, refuses, short, words
from .shapes import substitute
from .values import member

__all__ = ["passed"]

BUILTIN = "builtins."

# Builtin functions that iterate over an argument, and those that take no generator.
WALKING = frozenset(
    {
        *("list", "tuple", "set", "frozenset", "sorted", "reversed", "dict", "enumerate", "zip"),
        *("map", "filter", "sum", "min", "max", "any", "all", "next"),
    }
)
TAKING = frozenset(
    {
        *("len", "int", "float", "str", "bytes", "bytearray", "abs", "round", "range", "ord"),
        *("chr", "divmod"),
    }
)
# Functions of genlet that call a plain function, by name.
CALLING_BACK = frozenset({"link", "call_soon"})
# Of the standard library: the place and the name of the function that a thread calls.
IN_THREADS = {"threading.Thread": (1, "target"), "threading.Timer": (1, "function")}
# Of a value that is printed or logged, only its text is wanted.
PRINTED = Made("builtins.str")
ADDING = frozenset({"append", "appendleft", "add", "insert"})
# Modules whose functions, and whose objects' methods, take no generator.
VALUES = (
    *("base64.", "binascii.", "hashlib.", "hmac.", "html.", "ipaddress.", "json.", "math."),
    *("os.", "re.", "shutil.", "socket.", "ssl.", "struct.", "urllib.parse.", "zlib."),
)


def passed(place: Place, node: ast.Call) -> None:
    """GL104, GL105, GL107, GL108, GL201, GL202, GL206: an argument of another kind than is wanted."""
    function = place.shape(node.func)
    used(place, node.func, "a function")
    if isinstance(function, External) and function.name.startswith(BUILTIN):
        name = function.name[len(BUILTIN) :]
        if name == "print":
            _printed(place, node, "printed")
        for arg in node.args:
            if name in ("any", "all") and isinstance(arg, (ast.GeneratorExp, ast.ListComp)):
                tested(place, arg.elt)
            elif name in WALKING:
                iterated(place, arg)
            elif name == "bool":
                tested(place, arg)
            elif name in TAKING:
                used(place, arg, f"an argument of {name}()")
            elif "." in name:
                used(place, arg, f"an argument of {words(node)}")
        return
    if isinstance(function, External):
        if function.name in IN_THREADS:
            _in_a_thread(place, node, *IN_THREADS[function.name])
        if function.name.startswith("logging."):
            _printed(place, node, "logged")
        if function.name.startswith(VALUES):
            for arg in node.args:
                used(place, arg, f"an argument of {words(node)}")
        return
    if isinstance(node.func, ast.Attribute) and node.func.attr in ADDING:
        container = place.shape(node.func.value)
        if isinstance(container, Items) and container.elements:
            for arg in node.args[-1:]:
                mismatched(place, arg, container.elements[0], "stored")
    if isinstance(function, ClassObject):
        function = member(function.cls, function.args, "__init__")
    if not isinstance(function, Function) or "scoped" in function.info.decorators:
        return
    for index, arg in enumerate(node.args):
        if isinstance(arg, ast.Starred):
            break
        _argument(place, function, parameter(function, index), arg)
    for one in node.keywords:
        if one.arg is not None:
            _argument(place, function, keyword(function, one.arg), one.value)


def _printed(place: Place, node: ast.Call, how: str) -> None:
    """GL108: a call among the arguments of *node*; a name may be printed to see what it holds."""
    for arg in node.args:
        if isinstance(arg, ast.Call):
            mismatched(place, arg, PRINTED, how)


def _argument(place: Place, function: Function, wanted: Optional[ast.arg], arg: ast.expr) -> None:
    if wanted is None or wanted.annotation is None or isinstance(arg, ast.Constant):
        return
    shape = annotated(wanted.annotation, function.info.scope)
    shape = substitute(shape, function.env)
    if function.info.node.name in CALLING_BACK and isinstance(shape, Returning):
        _called_back(place, function.info.node.name, arg)
    if not isinstance(shape, Returning) or not isinstance(shape.result, Undriven):
        mismatched(place, arg, shape, "passed")
        return
    verb = function.info.node.name
    name = place.undriven(arg)
    if name is not None and not place.expects_error():
        bare = short(arg.func) if isinstance(arg, ast.Call) else name.partition("(")[0]
        place.report(
            arg,
            "GL201",
            f"{verb} calls the function itself and was given the call {name}: write"
            f" '{verb}({bare}, ...)'",
        )
    elif _is_plain(place.shape(arg)) and not place.expects_error():
        place.report(
            arg,
            "GL202",
            f"{verb} wants a green function, and calling {short(arg)} gives none: make it one with a"
            " 'yield from', or call it yourself",
        )


def _called_back(place: Place, verb: str, arg: ast.expr) -> None:
    """GL206: *arg* is called by the library as a plain function, and waits or is to wait."""
    given = callable_shape(place.shape(arg))
    if isinstance(given, Returning) and isinstance(given.result, Undriven) and given.result.sure:
        if not place.expects_error():
            place.report(
                arg,
                "GL206",
                f"{verb} calls {short(arg)} as a plain function, so nothing of it runs: start it with"
                f" spawn in a plain function, or read gt.result()",
            )
        return
    if verb == "link":
        for call in _waits_of_first(place, arg):
            place.report(
                arg,
                "GL206",
                f"{ast.unparse(call)} in a link makes a generator, and nothing of it runs: the"
                f" greenthread has ended, write '{ast.unparse(call)[: -len('.wait()')]}.result()'",
            )


def _in_a_thread(place: Place, node: ast.Call, index: int, name: str) -> None:
    """GL206: the function that a thread calls is green, and nothing of it runs."""
    given = [one.value for one in node.keywords if one.arg == name] or node.args[index : index + 1]
    for arg in given:
        called = callable_shape(place.shape(arg))
        if (
            isinstance(called, Returning)
            and isinstance(called.result, Undriven)
            and called.result.sure
        ):
            place.report(
                arg,
                "GL206",
                f"a thread calls {short(arg)} as a plain function, so nothing of it runs: write"
                f" '{name}=run, args=({short(arg)}, ...)' for a run of its own, or start it with spawn",
            )


def _waits_of_first(place: Place, arg: ast.expr) -> Iterator[ast.Call]:
    """Yield the calls ``gt.wait()`` in the link *arg*, where gt is its parameter."""
    shape = place.shape(arg)
    if isinstance(arg, ast.Lambda):
        node: Union[ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef] = arg
    elif isinstance(shape, Function):
        node = shape.info.node
    else:
        return
    names = [one.arg for one in (*node.args.posonlyargs, *node.args.args)][:1]
    for inner in ast.walk(node):
        if (
            isinstance(inner, ast.Call)
            and not inner.args
            and isinstance(inner.func, ast.Attribute)
            and inner.func.attr == "wait"
            and isinstance(inner.func.value, ast.Name)
            and inner.func.value.id in names
        ):
            yield inner


def _is_plain(shape: Shape) -> bool:
    """Whether a call of *shape* certainly gives no green call."""
    if isinstance(shape, External):
        return blocking(shape.name) is not None or shape.name in ("builtins.print",)
    given = callable_shape(shape)
    return isinstance(given, Returning) and (
        refuses(given.result)
        or (isinstance(given.result, Items) and given.result.kind == "")
        or (isinstance(given.result, Made) and given.result.name == "types.CoroutineType")
    )
