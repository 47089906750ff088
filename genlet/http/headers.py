"""Headers of a message: ordered, found in any case, several values for a name."""

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Tuple,
    Union,
    cast,
)

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Headers", "HeadersLike"]

Fields = List[Tuple[str, str]]
RawFields = List[Tuple[bytes, bytes]]  # as a parser has split them


class Headers:
    """The header fields of a message, in their order and in the case they were written in.

    Fields with the same name are kept apart.  ``headers[name]`` and `get` join their values as RFC
    9110 reads them: by ``", "``, cookies by ``"; "``.  ``Set-Cookie`` cannot be joined: ask
    `get_all`.

    Nothing is checked here: the parsers check what comes in, and the writer what goes out.

    Args:
        fields: Other headers, a mapping, or (name, value) pairs.

    Source:
        The standard library's ``email.message.Message``; there ``headers[name] = value`` adds a
        field, here it replaces those with this name.
    """

    __slots__ = ("_fields", "_index")

    def __init__(self, fields: HeadersLike = ()) -> None:
        self._fields: Fields = list(pairs(fields))
        # name in lower case: its values.  Made at the first look; None after a change.
        self._index: Optional[Dict[str, List[str]]] = None

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """Return headers that own the list *fields*, which is not copied."""
        made = cls.__new__(cls)
        made._fields = fields
        made._index = None
        return made

    @classmethod
    def of_raw(cls, fields: RawFields) -> Self:
        """Return headers with *fields*, whose values may still have blanks behind them."""
        return cls.of(
            [
                (name.decode("latin-1"), value.rstrip(b" \t").decode("latin-1"))
                for name, value in fields
            ]
        )

    def _values(self, name: str) -> Optional[List[str]]:
        index = self._index
        if index is None:
            index = self._index = {}
            for key, value in self._fields:
                index.setdefault(key.lower(), []).append(value)
        return index.get(name.lower())

    def get_all(self, name: str) -> List[str]:
        """Return the values of *name*, one for each field, in their order."""
        return list(self._values(name) or ())

    def get(self, name: str, default: Optional[str] = None) -> Optional[str]:
        """Return the value of *name*, several of them joined; *default* if there is none."""
        values = self._values(name)
        if values is None:
            return default
        if len(values) == 1:
            return values[0]
        return ("; " if name.lower() == "cookie" else ", ").join(values)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._values(name) is not None

    def add(self, name: str, value: str) -> None:
        """Put one more field at the end."""
        self._fields.append((name, value))
        self._index = None

    def __setitem__(self, name: str, value: str) -> None:
        self.discard(name)
        self.add(name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.discard(name)

    def discard(self, name: str) -> None:
        """Remove the fields with this name, if there are any."""
        lower = name.lower()
        self._fields = [field for field in self._fields if field[0].lower() != lower]
        self._index = None

    def setdefault(self, name: str, value: str) -> str:
        """Add a field unless there is one with this name; return the value that holds."""
        found = self.get(name)
        if found is not None:
            return found
        self.add(name, value)
        return value

    def items(self) -> Fields:
        """Return the fields as (name, value) pairs."""
        return list(self._fields)

    def copy(self) -> Self:
        """Return headers with the same fields."""
        return type(self).of(list(self._fields))

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, once for each field."""
        return iter([name for name, _ in self._fields])

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        """Tell whether *other* has the same fields in the same order, names in any case."""
        if not isinstance(other, Headers):
            return NotImplemented
        return _lowered(self._fields) == _lowered(other._fields)

    def __repr__(self) -> str:
        # Values may be passwords and cookies, and a repr ends in a log.
        return f"<Headers {', '.join(name for name, _ in self._fields)}>"


HeadersLike = Union[Headers, Mapping[str, str], Iterable[Tuple[str, str]]]
"""What a caller may give as headers."""


def pairs(fields: HeadersLike) -> Iterable[Tuple[str, str]]:
    """Return *fields* as (name, value) pairs."""
    if fields.__class__ is list or fields.__class__ is tuple:
        return cast(
            "Iterable[Tuple[str, str]]", fields
        )  # nearly always; the looks below take long
    if isinstance(fields, Headers):
        return fields.items()
    if isinstance(fields, Mapping):
        # An iterable of pairs that is a mapping too: nothing else than the mapping is meant.
        return cast("Mapping[str, str]", fields).items()
    return fields


def _lowered(fields: Fields) -> Fields:
    return [(name.lower(), value) for name, value in fields]
