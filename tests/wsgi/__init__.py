"""Without a parser there is no `genlet.wsgi`, and nothing here to test."""

from importlib.util import find_spec

import pytest

if find_spec("h11") is None and find_spec("httptools") is None:
    pytest.skip("needs the extra genlet[http]", allow_module_level=True)
