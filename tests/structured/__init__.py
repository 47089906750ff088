"""The tests of genlet.structured, a file for each law."""
