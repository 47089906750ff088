"""The tests of genlet.testing."""
