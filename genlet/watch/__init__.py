"""Watches a running program for green calls without ``yield from``.

::

    from genlet.watch import Watch

    with Watch():              # the modules that are imported from here on
        import myapp

``GENLET_DEBUG=1`` watches for the life of the process, ``Runner(debug=True)`` for a run, and the option
``--genlet-debug`` of pytest for the tests.
"""

# Two mechanisms look for the same mistake:
#
#   forgotten   compiles the modules that are imported with probes in them; on every Python
#     rewriter    puts the probes into a syntax tree
#     probes      what they do
#   monitor     looks at the calls of all modules; CPython 3.12 and later
#
# Both report to `finds`.  Nothing of it is loaded in a run that is not watched.

from .finds import Find, ForgottenYield, listeners
from .forgotten import Watch, watch_process

__all__ = ["Find", "ForgottenYield", "Watch", "listeners", "watch_process"]
