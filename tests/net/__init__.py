"""Tests of genlet.net."""
