"""The harness of the comparisons: who runs what, how often, and what is made of the figures."""

# In the order to read it:
#
#   jobs      the table of what is compared: a folder each, with its sizes
#   peers     the virtual environments of the contestants, made at first use
#   measured  what a contestant's program prints
#   contest   one run of one contestant: a loop that times itself, or a server under load
#   load      the load generators: load.c, and load.py where there is no compiler, and for TLS
#   counts    system calls and instructions a request
#   results   the raw figures, kept as JSON; medians and ratios of them
#   targets   what is to be reached, beside what was
#   report    the Markdown tables and the SVG plots
