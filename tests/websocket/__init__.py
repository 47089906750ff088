"""Without the extra there is no `genlet.websocket`, and nothing here to test."""

from importlib.util import find_spec

import pytest

if find_spec("websockets") is None or (find_spec("h11") or find_spec("httptools")) is None:
    pytest.skip("needs the extra genlet[websocket]", allow_module_level=True)
