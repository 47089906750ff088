"""The standard library's waiting modules, one file each, under the same names.

A program written against ``socket`` becomes a green one by changing the import to
``from genlet.green import socket`` and writing ``yield from`` before the calls that wait.
"""
