"""Hyperparameters as text: ``cooldown=0.5,fallback=untried`` for the fields of a dataclass."""

from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.registry import files


class UnknownStrategyError(UserError, ValueError):
    """A strategy, hyperparameter or value that does not exist; the message says what does."""


def parted(text: str, names: Collection[str]) -> tuple[str, str]:
    """The parts of ``name=value,...`` that are not of these names, and those that are."""
    others: list[str] = []
    these: list[str] = []
    for part in text.split(","):
        (these if part.partition("=")[0].strip().lower() in names else others).append(part)
    return ",".join(others), ",".join(these)


def read(
    kind: type[Any], text: str, *, lower: bool = False, others: Collection[str] = ()
) -> dict[str, Any]:
    """The values that ``name=value,...`` gives to fields of ``kind``, by the fields' types.

    With ``lower`` everything but names of files is read in lower case.  ``others`` are names that
    may have been meant, too.
    """
    asked: dict[str, Any] = {}
    if not text.strip():
        return asked
    types = _types(kind)
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        name = name.lower() if lower else name
        if not equals or name in asked:
            problem = "is given twice" if name in asked else "is not of the form name=value"
            raise UnknownStrategyError(f"parameter {part.strip()!r} {problem}")
        if name not in types:
            raise UnknownStrategyError(_unknown(name, types, others))
        keep = not lower or files.reader(types[name]) is not None
        asked[name] = _value(name, types[name], value if keep else value.lower())
    return asked


def shown(value: object) -> str:
    """A value as it is written in a spec: 0.5, 2, true, untried."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


def plain(value: object) -> object:
    """A value as JSON has it: a text where it is no finite number, truth value, text or null."""
    number = isinstance(value, int | float) and isfinite(value)
    return value if number or isinstance(value, str | None) else shown(value)


def parameters(kind: type[Any]) -> list[Field[Any]]:
    """The hyperparameters of a class: the fields that its constructor takes."""
    return [field for field in fields(kind) if field.init] if is_dataclass(kind) else []


def default(field: Field[Any]) -> Any:
    """What the field is if nothing is said; None where something must be."""
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default


def whole(kind: type[Any]) -> set[str]:
    """The names of the hyperparameters that are whole numbers."""
    return {name for name, wanted in _types(kind).items() if int in (wanted, *get_args(wanted))}


def _types(kind: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in parameters(kind)}


def _unknown(name: str, types: dict[str, Any], others: Collection[str]) -> str:
    close = get_close_matches(name, [*types, *others], n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    there = f"There are {', '.join(types)}" if types else "There are none"
    return f"parameter {name!r} is unknown; {hint}{there}"


def _value(name: str, wanted: Any, text: str) -> Any:
    """``text`` as the type of a field: a choice of literals, one of a union, or a plain type."""
    if get_origin(wanted) is Literal:
        choices = {shown(choice): choice for choice in get_args(wanted)}
        if text in choices:
            return choices[text]
        raise _wrong(name, " or ".join(choices), text)
    if get_origin(wanted) in (Union, UnionType):
        if text.lower() == "none" and NoneType in get_args(wanted):
            return None
        (wanted,) = [one for one in get_args(wanted) if one is not NoneType][:1]
    if (from_file := files.reader(wanted)) is not None:
        try:
            return from_file(text)
        except ValueError as error:
            raise UnknownStrategyError(f"{name}={error}") from None
    if wanted not in READERS:
        raise UnknownStrategyError(f"parameter {name!r} cannot be given as text")
    described, reader = READERS[wanted]
    try:
        return reader(text)
    except (KeyError, ValueError):
        raise _wrong(name, described, text) from None


def _wrong(name: str, wanted: str, text: str) -> UnknownStrategyError:
    return UnknownStrategyError(f"{name} must be {wanted}, not {text!r}")


READERS: dict[type, tuple[str, Callable[[str], Any]]] = {
    int: ("a whole number", int),
    float: ("a number", float),
    bool: ("true or false", lambda text: {"true": True, "false": False}[text.lower()]),
    str: ("text", str),
}
