"""The types of hosts, services and addresses."""

from __future__ import annotations

import socket as real
from typing import Any, List, Tuple, Union

__all__ = ["AddrInfo", "Address", "Host", "HostEntry", "Port"]

Host = Union[str, bytes, None]
Port = Union[str, bytes, int, None]

AddrInfo = Tuple[real.AddressFamily, real.SocketKind, int, str, Tuple[Any, ...]]
"""Family, type, protocol, canonical name, socket address."""

HostEntry = Tuple[str, List[str], List[str]]
"""Name, aliases, addresses."""

Address = Any
"""A socket's address; its form depends on the family, and typeshed calls it Any too."""
