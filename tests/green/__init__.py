"""The tests of the green modules, a file for each."""
