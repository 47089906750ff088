"""The lint: finds green calls without ``yield from`` and their kin, by reading the source."""

# From source to findings:
#
#   checking   paths in, findings out
#   project    which files, and what an imported name leads to
#   names      what is bound in each scope: one pass over a tree
#   shapes     what a value is, as far as is known
#   colours    what an expression gives, and so which calls are green
#   rules      what is wrong, by the nodes it may be wrong with; the rules themselves:
#                undriven   green calls that nothing drives; place: what a rule may ask
#                structure  how green functions are put together
#                stalling   calls that block; blocking: the table of them
#   waivers    what is known to be wrong and meant
#   findings   the codes; report: how they are told

from __future__ import annotations

from typing import TYPE_CHECKING, Dict

if TYPE_CHECKING:
    from .checking import check_paths, check_source
    from .findings import CODES, Finding
    from .report import FORMATS

__all__ = ["CODES", "FORMATS", "Finding", "check_paths", "check_source"]

# Looked up when first used: who only wants the hook does not load the rest.
_LATE: Dict[str, str] = {
    "CODES": "findings",
    "FORMATS": "report",
    "Finding": "findings",
    "check_paths": "checking",
    "check_source": "checking",
}


def __getattr__(name: str) -> object:
    module = _LATE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{module}"), name)
