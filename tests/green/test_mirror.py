"""The mirror: what each green module makes of each name of the module it is named after."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Dict, Iterator, List, Tuple

import pytest

from genlet.green._mirror import public_names
from tests.green.mirror_table import PAGE, REAL, table

MODULES: Dict[str, Tuple[ModuleType, ModuleType]] = {
    name: (importlib.import_module(f"genlet.green.{name}"), importlib.import_module(real))
    for name, real in REAL.items()
}

# What would block the whole run.  None of it may be handed out as it is.
BLOCKING: Dict[str, str] = {
    "socket": "socket SocketType create_connection getaddrinfo gethostbyaddr gethostbyname"
    " gethostbyname_ex getnameinfo getfqdn recv_fds send_fds fromfd socketpair create_server",
    "ssl": "SSLSocket SSLContext create_default_context get_server_certificate socket",
    "select": "select poll epoll kqueue devpoll",
    "selectors": "DefaultSelector SelectSelector PollSelector EpollSelector KqueueSelector"
    " DevpollSelector",
    "subprocess": "Popen run call check_call check_output getoutput getstatusoutput",
    "os": "read write wait waitpid wait3 wait4 waitid fdopen popen system sendfile pipe",
    "io": "FileIO BufferedReader BufferedWriter BufferedRWPair TextIOWrapper",
    "time": "sleep",
    "signal": "pause sigwait sigwaitinfo sigtimedwait",
    "threading": "Thread Lock RLock Condition Event Semaphore BoundedSemaphore Timer Barrier local",
    "_thread": "start_new_thread start_new allocate_lock allocate LockType RLock",
    "queue": "Queue LifoQueue PriorityQueue SimpleQueue",
}


def omitted(module: ModuleType) -> Dict[str, str]:
    found: Dict[str, str] = getattr(module, "__omitted__", {})
    return found


def waits(function: object) -> bool:
    """Whether its annotation says that it is called with ``yield from``."""
    inner = inspect.unwrap(getattr(function, "__func__", function))  # type: ignore[arg-type]
    hints = getattr(inner, "__annotations__", {})
    return str(hints.get("return", "")).startswith(("Green", "Op["))


def own_classes(module: ModuleType, real: ModuleType) -> Iterator[Tuple[str, type]]:
    """Give the classes of genlet's that a user is meant to find in *module*."""
    offered = {*public_names(real), *(name.partition(".")[0] for name in module.__green__)}
    for name in sorted(offered):
        value = vars(module).get(name)
        if not inspect.isclass(value) or not value.__module__.startswith("genlet."):
            continue
        if value.__module__ == module.__name__ or name == value.__name__:  # not an alias
            yield name, value


def set_by_init(cls: type) -> Tuple[str, ...]:
    """Return the names in the code of ``__init__``: attributes that an instance has and no class."""
    code = getattr(inspect.getattr_static(cls, "__init__"), "__code__", None)
    return getattr(code, "co_names", ())


@pytest.mark.parametrize("name", MODULES)
def test_every_name_of_the_real_module_is_there_or_left_out_with_a_reason(name: str) -> None:
    """Nothing is missing by accident, on any version of Python."""
    module, real = MODULES[name]
    reasons = omitted(module)
    missing = [n for n in public_names(real) if n not in vars(module) and n not in reasons]
    both = [n for n in reasons if n in vars(module)]
    assert not missing, f"neither there nor in __omitted__: {missing}"
    assert not both, f"in __omitted__ and there nevertheless: {both}"


@pytest.mark.parametrize("name", MODULES)
def test_every_method_of_a_mirrored_class_is_there_or_left_out_with_a_reason(name: str) -> None:
    """A class of the same name has the public attributes of the real one."""
    module, real = MODULES[name]
    reasons = omitted(module)
    missing = [
        f"{cls_name}.{attribute}"
        for cls_name, cls in own_classes(module, real)
        if inspect.isclass(getattr(real, cls_name, None))
        for attribute in dir(getattr(real, cls_name))
        if attribute[0] != "_"
        and not hasattr(cls, attribute)
        and attribute not in set_by_init(cls)
        and f"{cls_name}.{attribute}" not in reasons
    ]
    assert not missing


@pytest.mark.parametrize("name", MODULES)
def test_what_is_declared_green_waits_and_what_waits_is_declared(name: str) -> None:
    """``__green__`` lists just those functions and methods whose annotation says so."""
    module, real = MODULES[name]
    declared = set(module.__green__)
    found = {
        n
        for n, value in vars(module).items()
        if n in declared or n in public_names(real)
        if inspect.isroutine(value) and waits(value)
    }
    for cls_name, cls in own_classes(module, real):
        for attribute in dir(cls):
            value = inspect.getattr_static(cls, attribute)
            if attribute[0] != "_" and waits(value):
                found.add(f"{cls_name}.{attribute}")
    platform = {
        n for n in declared - found if not hasattr(module, n.partition(".")[0])
    }  # what this platform does not have
    assert declared - platform == found


@pytest.mark.parametrize("name", MODULES)
def test_what_is_passed_through_is_the_standard_librarys_own_object(name: str) -> None:
    """A name that the module does not define itself is the same object."""
    module, real = MODULES[name]
    different: List[str] = []
    for n in public_names(real):
        value = vars(module).get(n)
        origin = getattr(value, "__module__", None)
        own = isinstance(origin, str) and origin.startswith("genlet.")
        if value is not None and not own and value is not getattr(real, n):
            different.append(n)
    assert not different


@pytest.mark.parametrize("name", MODULES)
def test_nothing_that_blocks_is_passed_through(name: str) -> None:
    """The blocking calls are green, replaced or left out."""
    module, real = MODULES[name]
    leaked = [
        n
        for n in BLOCKING[name].split()
        if hasattr(real, n) and vars(module).get(n) is getattr(real, n)
    ]
    assert not leaked


@pytest.mark.parametrize("name", MODULES)
def test_asking_for_what_is_left_out_says_why(name: str) -> None:
    """The AttributeError carries the reason."""
    module, _ = MODULES[name]
    for missing, reason in omitted(module).items():
        if "." not in missing:
            with pytest.raises(AttributeError) as caught:
                getattr(module, missing)
            assert reason in str(caught.value)


def test_every_green_module_is_in_the_table() -> None:
    """A module that is added is checked here."""
    folder = Path(__file__).parents[2] / "genlet" / "green"
    public = {
        path.stem
        for path in folder.glob("*.py")
        if path.stem == "_thread" or not path.stem.startswith("_")
    }
    assert public - {"dns"} == set(REAL)


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 13) or sys.platform != "linux",
    reason="what is left out differs with the version: the page tells of 3.13's, on Linux",
)
def test_the_documented_table_is_the_modules_own() -> None:
    """docs/green.md says what the modules say: rewrite it with python3 -m tests.green.mirror_table."""
    assert PAGE.read_text("utf-8").endswith(table())
