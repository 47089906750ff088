"""What a module of genlet.green makes of the names of the module it mirrors."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Callable, Dict, List, Mapping

__all__ = ["mirror", "public_names"]


def public_names(real: ModuleType) -> List[str]:
    """Return the names that *real* offers: its ``__all__``, or else what looks like it."""
    declared = getattr(real, "__all__", None)
    if declared is not None:
        return sorted(set(declared))
    return sorted(
        name
        for name, value in vars(real).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    )


def mirror(namespace: Dict[str, Any], real: ModuleType) -> Callable[[str], Any]:
    """Pass through what *real* offers and the module neither defines nor leaves out.

    Every module of this package ends with a table of three columns: what it defines itself is its
    own text, what it leaves out stands in ``__omitted__``, and everything else is the very object
    of the standard library.  Which of its names wait stands in ``__green__``: functions, and
    methods as ``Class.method``.

    ::

        __green__ = ("getaddrinfo", "socket.recv")
        __omitted__ = {"fork": "what it would break, and what to do instead"}

        if not TYPE_CHECKING:
            __getattr__ = mirror(globals(), real)

    Whatever has a name in ``__green__`` and is lacking in *real* on this platform is taken out of the
    module, unless ``__own__`` says that the standard library has it nowhere.

    Args:
        namespace: The module's ``globals()``, with ``__omitted__`` if it leaves anything out.
        real: The module of the standard library.

    Returns:
        The module's ``__getattr__``: it tells who asks for what is left out why it is.
    """
    omitted: Mapping[str, str] = namespace.get("__omitted__", {})
    waiting = namespace.get("__green__", ())
    own = namespace.get("__own__", ())
    heads = {name.partition(".")[0] for name in waiting}
    lacking = {head for head in heads if head not in own and not hasattr(real, head)}
    if lacking:
        namespace["__green__"] = tuple(n for n in waiting if n.partition(".")[0] not in lacking)
        for head in lacking:
            namespace.pop(head, None)
    for name in public_names(real):
        if name not in namespace and name not in omitted:
            namespace[name] = getattr(real, name)

    def missing(name: str) -> Any:
        reason = omitted.get(name)
        why = "" if reason is None else f": {reason}"
        raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}{why}")

    return missing
