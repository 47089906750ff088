"""The lint: finds green calls without ``yield from`` and similar mistakes, by reading sources."""

# From the ground up; a file imports those above it.
#
#   syntax      small questions about syntax trees
#   model       the data: modules, scopes, what binds a name, and shapes: what a value is
#   names       fills a scope: one pass over its tree
#   shapes      merges shapes, and replaces type variables
#   blocking    the table of calls that block
#   What an expression gives, and so which calls are green:
#     annotations  what an annotation says
#     answers      what an expression gives and a function returns, remembered
#     values       what names, attributes and elements stand for
#     functions    how a function's result is found out
#     expressions  how an expression's value is found out
#   project     finds modules, and follows imported names to them
#   findings    a finding, and the table of codes
#   place       where a rule is, what it may ask, how it reports
#   misuse      misuses that several rules report
#   The rules, and the table of the nodes that each looks at:
#     undriven    a green call that nothing drives
#     flow        a green call that is assigned, and where its name leads
#     arguments   an argument that the function called cannot use
#     structure   how green functions are put together
#     stalling    a call that blocks
#     rules       the table
#   waivers     comments that permit a finding
#   checking    paths in, findings out
#   report      formats of findings

from .checking import check_paths, check_source
from .findings import CODES, Finding
from .report import FORMATS

__all__ = ["CODES", "FORMATS", "Finding", "check_paths", "check_source"]
