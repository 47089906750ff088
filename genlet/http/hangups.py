"""Clients that hang up while their request is at work."""

# A handler that computes, or waits for a database, does not read from its client, and would go on for
# nobody.  Looking costs a system call: once a second for each handler that has run that long.

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Tuple

from ..abc import Green, green
from ..event import Event
from ..kernel import CancelScope, sleep
from .errors import ClientGone

__all__ = ["Hangups"]

PAUSE = 1.0  # seconds between two looks

Gone = Callable[[], bool]


class Hangups:
    """The handlers of a server that are to end when their clients have left."""

    def __init__(self) -> None:
        self._watched: Dict[CancelScope, Gone] = {}
        self._begun: Event[None] = Event()

    def add(self, scope: CancelScope, gone: Gone) -> None:
        """Cancel *scope* once ``gone()`` is true."""
        self._watched[scope] = gone
        if not self._begun.ready():
            self._begun.send(None)

    def remove(self, scope: CancelScope) -> None:
        self._watched.pop(scope, None)

    @green
    def watch(self) -> Green[None]:
        """Look after all of them, for ever."""
        while True:
            yield from self._begun.wait()
            self._begun.reset()
            before: Optional[List[Tuple[CancelScope, Gone]]] = None
            while self._watched:
                # Only those that the last look has seen: a short request costs no system call.
                for scope, gone in before or ():
                    if scope in self._watched and gone():
                        scope.cancel(ClientGone("it has hung up"))
                before = list(self._watched.items())
                yield from sleep(PAUSE)
