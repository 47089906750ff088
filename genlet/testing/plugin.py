"""pytest plugin: with ``--genlet-debug``, a dropped green call fails the test that ran it.

::

    [tool.pytest.ini_options]
    genlet_debug = true
"""

# Only the two options are there until one is used: pytest loads this with every run of everybody who
# has genlet installed.

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List

import pytest

if TYPE_CHECKING:
    import ast

    from ..watch import Find
    from ..watch.forgotten import Prelude


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and its two settings."""
    group = parser.getgroup("genlet")
    group.addoption(
        "--genlet-debug",
        action="store_true",
        help="fail tests that run a green call without its 'yield from'",
    )
    parser.addini(
        "genlet_debug",
        "fail tests that run a green call without its 'yield from'",
        type="bool",
        default=False,
    )
    parser.addini(
        "genlet_debug_modules",
        "the modules to watch for that, with those inside them (all but installed packages)",
        type="args",
        default=[],
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin before a conftest imports what is to be watched."""
    _turn_on(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Begin at last, where it was a conftest that named this plugin."""
    _turn_on(config)


def _turn_on(config: pytest.Config) -> None:
    name = "genlet-debug"
    asked = config.known_args_namespace.genlet_debug or config.getini("genlet_debug")
    if asked and not config.pluginmanager.has_plugin(name):
        config.pluginmanager.register(Debug(config), name)


class Debug:
    """Watches, and fails tests."""

    def __init__(self, config: pytest.Config) -> None:
        from ..watch import Watch, listeners

        self._finds: List[Find] = []
        self._listeners = listeners
        listeners.append(self._found)
        modules: List[str] = config.getini("genlet_debug_modules")
        self._watch: Watch = Watch(*modules, preludes=_preludes(config))

    def pytest_unconfigure(self) -> None:
        self._listeners.remove(self._found)
        self._watch.stop()

    def _found(self, find: Find) -> None:
        """Raise a find where it is; it is remembered, for code that swallows what is raised."""
        from ..watch import ForgottenYield

        __tracebackhide__ = True
        self._finds.append(find)
        raise ForgottenYield(str(find))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_setup(self) -> None:
        self._fail_if_found()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_call(self) -> None:
        self._fail_if_found()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self) -> None:
        self._fail_if_found()

    def pytest_runtest_makereport(self) -> None:
        self._finds.clear()  # a phase has ended, whichever way

    def _fail_if_found(self) -> None:
        """Fail a phase of a test to which what was raised in it did nothing."""
        if self._finds:
            lines = "\n".join(str(find) for find in self._finds)
            pytest.fail(f"green calls were dropped:\n{lines}", pytrace=False)


def _preludes(config: pytest.Config) -> Dict[type, Prelude]:
    """Return what pytest does to the modules whose assertions it rewrites, and their loader.

    pytest rewrites and loads in one step that nothing public leads into.  Where its insides are
    others, its modules are left to it, and only `genlet.watch.monitor` watches them.
    """
    try:
        from _pytest.assertion.rewrite import AssertionRewritingHook, rewrite_asserts
    except ImportError:
        return {}

    def prelude(tree: ast.Module, source: bytes, path: str) -> None:
        rewrite_asserts(tree, source, path, config)

    return {AssertionRewritingHook: prelude}
