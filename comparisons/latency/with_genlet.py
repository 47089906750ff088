"""The echo server of the job echo; measured is how late it answers."""

from __future__ import annotations

from runpy import run_module

run_module("comparisons.echo.with_genlet", run_name="__main__")
