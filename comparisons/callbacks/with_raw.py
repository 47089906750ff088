"""The program of `echo`, to compare callbacks with."""

from __future__ import annotations

import comparisons.echo.with_raw as _echo  # noqa: F401  it runs when it is imported
