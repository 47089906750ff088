"""pytest plugin: with ``--genlet-debug``, a dropped green call fails the test that ran it.

::

    [tool.pytest.ini_options]
    genlet_debug = true
"""

# pytest loads this in every run wherever genlet is installed, so nothing else is imported until an
# option is used.

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
    """Start before a conftest imports modules that are to be watched."""
    _turn_on(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Start now if a conftest named this plugin, which is too late for the hook above."""
    _turn_on(config)


def _turn_on(config: pytest.Config) -> None:
    name = "genlet-debug"
    asked = config.known_args_namespace.genlet_debug or config.getini("genlet_debug")
    if asked and not config.pluginmanager.has_plugin(name):
        config.pluginmanager.register(Debug(config), name)


class Debug:
    """Watches the tests, and fails those with a find."""

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
        """Raise *find* at its line, and remember it in case the test swallows the error."""
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
        self._finds.clear()  # a phase has ended

    def _fail_if_found(self) -> None:
        """Fail the phase of a test that has swallowed a find."""
        if self._finds:
            lines = "\n".join(str(find) for find in self._finds)
            pytest.fail(f"green calls were dropped:\n{lines}", pytrace=False)


def _preludes(config: pytest.Config) -> Dict[type, Prelude]:
    """Return pytest's rewriting of assertions, by the class of the loader that does it.

    pytest has no public function for it.  With a pytest that lacks the private one, its modules keep
    its loader, and only `genlet.watch.monitor` watches them.
    """
    try:
        from _pytest.assertion.rewrite import AssertionRewritingHook, rewrite_asserts
    except ImportError:
        return {}

    def prelude(tree: ast.Module, source: bytes, path: str) -> None:
        rewrite_asserts(tree, source, path, config)

    return {AssertionRewritingHook: prelude}
