"""Tolerant reading of JSON objects into frozen dataclasses.

A member that is missing, or is not of the declared type, keeps the field's
default: a newer or an older server must not break a reader.  The declared
type is looked up as text, so modules that use this keep their annotations
as strings (from __future__ import annotations).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
D = TypeVar("D", bound=type)

_DEFAULT = object()


def _int(value: object) -> object:
    return value if isinstance(value, int) and not isinstance(value, bool) else _DEFAULT


def _float(value: object) -> object:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number else _DEFAULT  # type: ignore[arg-type]


def _is(kind: type) -> Callable[[object], object]:
    return lambda value: value if isinstance(value, kind) else _DEFAULT


def _strings(value: object) -> object:
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else _DEFAULT


def _labels(value: object) -> object:
    if not isinstance(value, Mapping):
        return _DEFAULT
    return {str(key): str(text) for key, text in value.items()}


_READ: dict[str, Callable[[object], object]] = {
    "Any": lambda value: value,
    "str": _is(str),
    "str | None": _is(str),
    "int": _int,
    "int | None": _int,
    "float": _float,
    "bool": _is(bool),
    "dict[str, Any]": _is(dict),
    "dict[str, str]": _labels,
    "tuple[str, ...]": _strings,
}


def wire(cls: D) -> D:
    """Class decorator: lets other dataclasses hold this one, or several of it."""
    one = cls.__name__

    def read(value: object) -> object:
        return build(cls, value) if isinstance(value, Mapping) else _DEFAULT

    def read_all(value: object) -> object:
        if not isinstance(value, list):
            return _DEFAULT
        return tuple(build(cls, item) for item in value)

    _READ[one] = _READ[f"{one} | None"] = read
    _READ[f"tuple[{one}, ...]"] = read_all
    return cls


def build(cls: type[T], raw: object) -> T:
    """An instance of the dataclass CLS from the JSON object RAW."""
    values: dict[str, Any] = {}
    if isinstance(raw, Mapping):
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            if field.init and field.name in raw:
                value = _READ[str(field.type)](raw[field.name])
                if value is not _DEFAULT:
                    values[field.name] = value
    return cls(**values)


def build_list(cls: type[T], raw: object, member: str) -> list[T]:
    """The list RAW[MEMBER] as instances of CLS; what is not an object is left out."""
    items = raw.get(member) if isinstance(raw, Mapping) else None
    if not isinstance(items, list):
        return []
    return [build(cls, item) for item in items if isinstance(item, Mapping)]
