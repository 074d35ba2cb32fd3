"""What msgspec says of a value that does not fit, as codes and parameters of our own.

So that people read it in their language. Knows msgspec's sentences and the types they speak of;
what is not among them stays as it was said.
"""

import enum
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from core.errors import Params

BAD = "bad_value"  # the code of what we have no words for; carries the reason as it was said

_AT = re.compile(r"^(?P<reason>.*) - at (?:`key` in )?`\$(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\[(?P<index>\d+|\.\.\.)\]|\.(?P<name>[^.\[]+)")
_NUMBER = r"(-?[\d.]+(?:e[+-]?\d+)?)"
_SAID: tuple[tuple[re.Pattern[str], str, str], ...] = (  # sentence, code, name of what it holds
    (re.compile(r"of length >= (\d+)$"), "too_short", "min"),
    (re.compile(r"of length <= (\d+)$"), "too_long", "max"),
    (re.compile(r"of length (\d+), got \d+$"), "wrong_length", "length"),
    (re.compile(f" >= {_NUMBER}$"), "number_too_small", "min"),
    (re.compile(f" <= {_NUMBER}$"), "number_too_large", "max"),
    (re.compile(f" > {_NUMBER}$"), "number_not_above", "min"),
    (re.compile(f" < {_NUMBER}$"), "number_not_below", "max"),
    (re.compile(f" that's a multiple of {_NUMBER}$"), "number_not_multiple", "multiple"),
    (re.compile(r" matching regex '(.*)'$", re.DOTALL), "pattern_mismatch", "pattern"),
    (re.compile(r"^Object missing required field `(.*)`$", re.DOTALL), "missing_field", "field"),
    (re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL), "unknown_field", "field"),
    (re.compile(r"^Expected `([^`]+)`(?:, got `[^`]+`)?$"), "wrong_type", "expected"),
)
_BELOW = frozenset({"missing_field", "unknown_field"})  # the field is part of the place


def fault_of(error: msgspec.ValidationError, type_: Any) -> tuple[str, str, Params]:
    """Give code, place below the value (``.a[0]``) and parameters of a refusal.

    :param type_: what the value should have been; the values of an enum are read from it.
    """
    text = str(error)
    found = _AT.match(text)
    reason, path = (found["reason"], found["path"]) if found else (text, "")
    if reason.startswith(("Invalid enum value", "Invalid value")):
        values = _values(type_, path)
        if values:
            return "not_one_of", path, {"values": ", ".join(map(str, values))}
        return BAD, path, {"reason": reason}
    for pattern, code, name in _SAID:
        match = pattern.search(reason)
        if match:
            below = f".{match[1]}" if code in _BELOW else ""
            return code, path + below, {name: _plain(match[1])}
    return BAD, path, {"reason": reason}


def _plain(text: str) -> str | int | float:
    """Read a limit as the number that it is; words stay words."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _values(type_: Any, path: str) -> list[Any]:
    """List the values that the type allows at a place; empty where that is not known."""
    options = _options(type_)
    for step in _STEP.finditer(path):
        name = step["name"]
        options = [
            part
            for option in options
            for inner in (_item(option) if name is None else _field(option, name))
            for part in _options(inner)
        ]
    found: dict[Any, None] = {}
    for option in options:
        if typing.get_origin(option) is typing.Literal:
            found |= dict.fromkeys(typing.get_args(option))
        elif isinstance(option, type) and issubclass(option, enum.Enum):
            found |= {member.value: None for member in option}
    return [value for value in found if value is not None]


def _options(type_: Any) -> list[Any]:
    while typing.get_origin(type_) is typing.Annotated:
        type_ = typing.get_args(type_)[0]
    if typing.get_origin(type_) in (typing.Union, types.UnionType):
        return [part for option in typing.get_args(type_) for part in _options(option)]
    return [type_]


def _item(type_: Any) -> list[Any]:
    """Give what stands in a list, or what an object of any keys holds."""
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if not isinstance(origin, type) or not arguments:
        return []
    return list(arguments[1:2] if issubclass(origin, Mapping) else arguments)


def _field(type_: Any, name: str) -> list[Any]:
    if not (isinstance(type_, type) and issubclass(type_, Struct)):
        return []
    config = type_.__struct_config__
    if config.tag_field == name:
        return [typing.Literal[config.tag]]
    return [field.type for field in msgspec.structs.fields(type_) if field.encode_name == name]
