"""The tests of what watches a running program."""
