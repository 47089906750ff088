"""Structured concurrency: blocks and calls that no greenthread outlives."""

# In reading order:
#
#   taskgroup    TaskGroup: a block that its children cannot outlive
#   scoped       @scoped: the same for a function, which waits where a block cannot
#   combinators  gather, race, amap, as_completed: several calls at once
#   stopping     Stopper: ends what is idle, and lets what is busy finish
#
# The names are exported by `genlet`.
