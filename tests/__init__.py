"""The tests of genlet."""
