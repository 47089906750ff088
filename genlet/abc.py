"""The types green code is written in, and the seams a run is assembled from."""

from __future__ import annotations

from types import CodeType, FunctionType, coroutine
from typing import (
    TYPE_CHECKING,
    Any,
    Awaitable,
    Callable,
    Dict,
    Generator,
    List,
    NoReturn,
    Optional,
    Protocol,
    Tuple,
    TypeVar,
    cast,
)

if TYPE_CHECKING:
    import socket

    from typing_extensions import ParamSpec
    from typing_extensions import TypeVar as DefaultTypeVar

    P = ParamSpec("P")
    # PEP 696, for the checkers alone: a bare ``Green`` means ``Green[None]``.
    G = DefaultTypeVar("G", default=None)
else:
    G = TypeVar("G")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# mypy takes MYPY for true whatever stands here; every other reader takes the value.
MYPY: bool = False

CO_ITERABLE_COROUTINE = 0x100


class Trap:
    """What a greenthread yields to the scheduler: a request to be suspended.

    Nominal on purpose.  Creating one has no effect; the scheduler arms it after it was yielded.
    To write a primitive of your own, use `genlet.kernel.Wait`.
    """

    __slots__ = ()


Green = Generator[Trap, None, G]
"""The return annotation of every green function: call it with ``yield from``."""


class Op(Generator[Trap, None, T_co], Awaitable[T_co]):
    """What a call of a ``@green`` function is to a type checker: drive it, or await it.

    At run time the object is a plain generator.  Being also an Awaitable makes mypy's
    ``unused-awaitable`` report a call whose ``yield from`` was forgotten, and lets ``async def``
    code that runs on the same kernel await it.
    """

    __slots__ = ()

    # For pyright, which reports an operand whose __bool__ never returns.  mypy has truthy-bool for
    # that, and would take the rest of the function for unreachable.
    if not MYPY:

        def __bool__(self) -> NoReturn:
            raise TypeError("a green call has no truth value: is a 'yield from' missing?")


# id(code) -> (code, flagged code), for functions defined again and again inside others: a new code
# object for each would make PyPy's compiler start afresh every time (24 µs against 0.2).  By id,
# since equal code from two files is not the same code; the entry keeps it alive.
_flagged: Dict[int, Tuple[CodeType, CodeType]] = {}


def green(fn: Callable[P, Generator[Trap, None, T]]) -> Callable[P, Op[T]]:
    """Mark a function as green, so that checkers see its bare calls and ``async def`` can await it.

    At run time this only sets the code flag that `types.coroutine` sets.  The calls still give
    plain generators and cost nothing more.  A function that is no generator function but passes
    on the generator of another is left as it is.

    Source:
        ``types.coroutine``, for functions that are defined once; nested ones share flagged code.
    """
    if not isinstance(fn, FunctionType):
        return cast("Callable[P, Op[T]]", fn)  # a partial or another callable: nothing to flag
    code = fn.__code__
    if not code.co_flags & 0x20:  # not CO_GENERATOR
        return cast("Callable[P, Op[T]]", fn)  # it passes another's generator on
    if not code.co_flags & 0x10:  # not CO_NESTED: defined once
        # types.coroutine is typed as making awaitables that cannot be iterated; these can.
        return cast("Callable[P, Op[T]]", coroutine(fn))
    known = _flagged.get(id(code))
    if known is None:
        known = (code, code.replace(co_flags=code.co_flags | CO_ITERABLE_COROUTINE))
        _flagged[id(code)] = known
    marked = FunctionType(known[1], fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)
    marked.__kwdefaults__ = fn.__kwdefaults__
    marked.__annotations__ = fn.__annotations__
    marked.__qualname__ = fn.__qualname__
    marked.__module__ = fn.__module__
    marked.__doc__ = fn.__doc__
    marked.__dict__.update(fn.__dict__)
    return cast("Callable[P, Op[T]]", marked)


class HasFileno(Protocol):
    """Anything with a descriptor: a socket, a pipe, a file."""

    def fileno(self) -> int: ...


# ---- the seams: what makes one run differ from its twin is handed in through these ---------------


class Clock(Protocol):
    """What time is it, in seconds.  Production: ``time.monotonic`` itself."""

    def __call__(self) -> float: ...


S = TypeVar("S")


class ReadyQueue(Protocol[S]):
    """Who runs next.  Production: `collections.deque` itself.

    The kernel binds these four methods once per run and uses nothing else; ``appendleft`` only for
    the victim of a kill, which runs first.
    """

    def append(self, item: S, /) -> None: ...

    def appendleft(self, item: S, /) -> None: ...

    def popleft(self) -> S: ...

    def __len__(self) -> int: ...


class Poller(Protocol):
    """What is ready.  Ints in, ints out, in the bits of poll(2).

    ``edge`` says that a registration with `EDGE` in its mask reports changes only and stays for the
    life of the descriptor, and one with `ONESHOT` reports once and then sleeps until ``modify``.
    Where it is false every registration is level-triggered, and the hub re-arms interest for each
    wait.
    """

    edge: bool
    # The descriptors are the system's.  TLS uses them directly; a simulation's exist in memory.
    real: bool
    # Looks names up for the run's sockets instead of `genlet.green.dns`; None: nothing of its own.
    resolver: Any

    def register(self, fd: int, mask: int) -> None:
        """Report *fd* from now on.  OSError if that cannot be, with nothing left behind."""
        ...

    def modify(self, fd: int, mask: int) -> None:
        """Change the mask of a registered *fd*; FileNotFoundError if it is not registered."""
        ...

    def unregister(self, fd: int) -> None:
        """Report *fd* no more.  Unknown and closed descriptors are nothing to complain about."""
        ...

    def wait(self, timeout: Optional[float]) -> List[Tuple[int, int]]:
        """Block until something is ready; the only call of a run that blocks.

        Args:
            timeout: Seconds; None blocks without end, 0 only looks.

        Returns:
            (descriptor, mask) of what is ready, empty after the timeout or a signal.
        """
        ...

    def socketpair(
        self, family: Optional[int], type: int, proto: int
    ) -> Tuple[socket.socket, socket.socket]:
        """Make two connected sockets; *family* None is the platform's choice."""
        ...

    def socket(self, family: int, type: int, proto: int, fileno: Optional[int]) -> socket.socket:
        """Make the socket that a green socket stands on."""
        ...

    def fileno(self) -> Optional[int]:
        """Return a descriptor that is readable when `wait` would return events; None without one."""
        ...

    def close(self) -> None:
        """Give back what the poller holds."""
        ...


class ThreadJob(Protocol):
    """Work for a thread, which the kernel hands over when its greenthread waits for it."""

    def submit(self) -> None:
        """Have a thread do it."""
        ...


class Companion(Protocol):
    """Something that lives as long as a run: see ``Runner(companions=...)``."""

    def start(self, kernel: Any, /) -> None:
        """The run is about to begin; *kernel* is its `genlet.kernel.Scheduler`."""
        ...

    def stop(self) -> None:
        """The run has ended."""
        ...


S_contra = TypeVar("S_contra", contravariant=True)


class Instrument(Protocol[S_contra]):
    """Is told what the kernel does.  Without one, nothing is called and nothing is tested.

    S_contra is `genlet.GreenThread`.  Subclass `genlet.kernel.NullInstrument` to implement only some.
    """

    def before_run(self) -> None: ...

    def after_run(self) -> None: ...

    def spawned(self, gt: S_contra) -> None: ...

    def scheduled(self, gt: S_contra) -> None: ...

    def before_step(self, gt: S_contra) -> None: ...

    def after_step(self, gt: S_contra) -> None: ...

    def finished(self, gt: S_contra) -> None: ...

    def before_wait(self, timeout: Optional[float]) -> None: ...

    def after_wait(self, events: int) -> None: ...


Excepthook = Callable[[Any, BaseException], object]
"""Called with a greenthread and the error it ended with when nobody else is to learn of it."""
