"""JSON Schema back into types: the subset that ``msgspec.json.schema`` emits.

Numbers, texts, enums, arrays, nested and tagged objects, unions, references. A part that has no
type of ours (a recursive reference, a union that msgspec refuses) is taken as any JSON value and
is left to the engine, which has the real class. Knows no nodes.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.errors import HeliographError

EACH = "*"  # in the path of a format: every item of a list
_MAX_DEPTH = 16  # of nested schemas

_Schema = Mapping[str, Any]
_NUMBER = {
    "minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}  # fmt: skip
_TEXT = {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"}
_LIST = {"minItems": "min_length", "maxItems": "max_length"}
_DICT = {"minProperties": "min_length", "maxProperties": "max_length"}


class SchemaRefused(HeliographError):
    """Raised for a settings schema that does not describe an object."""

    code = "schema_refused"


def properties(document: _Schema) -> tuple[dict[str, _Schema], list[str]]:
    """Return an object's properties, references followed, and the names of the required ones.

    :raises SchemaRefused: when the document describes something else.
    """
    top = _follow(document, document)
    found = top.get("properties", {})
    if top.get("type") != "object" or not isinstance(found, Mapping):
        raise SchemaRefused(reason="not an object")
    return (
        {str(name): _follow(sub, document) for name, sub in found.items()},
        [str(name) for name in top.get("required", [])],
    )


def field_type(sub: _Schema, document: _Schema) -> Any:
    """Make the Python type of one property; ``Any`` where there is none of ours."""
    try:
        type_ = _type(sub, document, ())
        msgspec.convert(None, type_)
    except msgspec.ValidationError:
        return type_
    except (TypeError, ValueError, RecursionError, re.error):  # msgspec or re refuses it
        return Any
    return type_


def struct(
    name: str, types: Mapping[str, Any], defaults: Mapping[str, Any], required: Collection[str]
) -> Any:
    """Make a struct that forbids unknown fields. Field names may be any text."""
    slots: list[Any] = []
    for index, (field, type_) in enumerate(types.items()):
        slot = f"f{index}"
        if field in required:
            slots.append((slot, type_))
        elif field in defaults:
            slots.append((slot, type_, _default(defaults[field], type_)))
        else:
            slots.append((slot, type_ | UnsetType if type_ is not Any else Any, UNSET))
    return msgspec.defstruct(
        name if name.isidentifier() else "Settings",
        slots,
        rename={f"f{index}": field for index, field in enumerate(types)},
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
    )


def kinds(sub: _Schema, document: _Schema) -> frozenset[str]:
    """Name the JSON types that a property takes: integer, number, string, boolean, …"""
    sub = _follow(sub, document)
    if "anyOf" in sub:
        found = [kinds(part, document) for part in sub["anyOf"]]
        return frozenset().union(*found)
    if "enum" in sub or "const" in sub:
        names = {str: "string", bool: "boolean", int: "integer", float: "number"}
        return frozenset(
            names[type(value)]
            for value in sub.get("enum", [sub.get("const")])
            if type(value) in names
        )
    type_ = sub.get("type", [])
    return frozenset([type_] if isinstance(type_, str) else type_)


def formats(document: _Schema, wanted: Collection[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Find the properties with one of the ``wanted`` formats: (path, format); lists are ``*``."""
    yield from _formats(document, document, wanted, (), 0)


def _formats(
    sub: _Schema, document: _Schema, wanted: Collection[str], path: tuple[str, ...], depth: int
) -> Iterator[tuple[tuple[str, ...], str]]:
    if depth > _MAX_DEPTH:
        return
    sub = _follow(sub, document)
    if sub.get("format") in wanted and path:
        yield path, sub["format"]
    for part in sub.get("anyOf", []):
        yield from _formats(part, document, wanted, path, depth + 1)
    for name, part in (sub.get("properties") or {}).items():
        yield from _formats(part, document, wanted, (*path, name), depth + 1)
    if isinstance(sub.get("items"), Mapping):
        yield from _formats(sub["items"], document, wanted, (*path, EACH), depth + 1)


def _follow(sub: _Schema, document: _Schema) -> _Schema:
    for _ in range(_MAX_DEPTH):
        target = sub.get("$ref")
        if target is None:
            return sub
        name = str(target).rpartition("/")[2]
        rest = {key: value for key, value in sub.items() if key != "$ref" and key != "$defs"}
        sub = {**document.get("$defs", {}).get(name, {}), **rest}
    return {}


def _type(sub: _Schema, document: _Schema, above: tuple[str, ...]) -> Any:
    """Make a type; ``above`` holds the references being made, so that a circle ends."""
    target = sub.get("$ref")
    if target is not None:
        if target in above or len(above) >= _MAX_DEPTH:
            return Any
        above = (*above, target)
        sub = _follow(sub, document)
    if "anyOf" in sub:
        return _union(sub, document, above)
    if "enum" in sub or "const" in sub:
        values = tuple(sub["enum"] if "enum" in sub else [sub["const"]])
        plain = all(value is None or type(value) in (str, int) for value in values)
        return Literal[values] if plain and values else Any
    return _simple(sub, document, above)


def _simple(sub: _Schema, document: _Schema, above: tuple[str, ...]) -> Any:
    match sub.get("type"):
        case "null":
            return None
        case "boolean":
            return bool
        case "integer":
            return _limited(int, sub, _NUMBER)
        case "number":
            return _limited(float, sub, _NUMBER)
        case "string":
            return _limited(str, sub, _TEXT)
        case "array":
            return _array(sub, document, above)
        case "object":
            return _object(sub, document, above)
    return Any


def _union(sub: _Schema, document: _Schema, above: tuple[str, ...]) -> Any:
    tag_field = sub.get("discriminator", {}).get("propertyName")
    if tag_field is not None:
        parts = [_tagged(part, document, above, tag_field) for part in sub["anyOf"]]
    else:
        parts = [_type(part, document, above) for part in sub["anyOf"]]
    if Any in parts or not parts:
        return Any
    return Union[tuple(parts)]  # noqa: UP007 - made of a list


def _tagged(part: _Schema, document: _Schema, above: tuple[str, ...], tag_field: str) -> Any:
    target = part.get("$ref", "")
    if target in above:
        return Any
    followed = _follow(part, document)
    inner = dict(followed.get("properties", {}))
    tags = inner.pop(tag_field, {}).get("enum") or [None]
    made = _object({**followed, "properties": inner}, document, (*above, target))
    return msgspec.defstruct("Tagged", [], bases=(made,), tag_field=tag_field, tag=tags[0])


def _array(sub: _Schema, document: _Schema, above: tuple[str, ...]) -> Any:
    if "prefixItems" in sub:
        parts: Any = tuple(_type(part, document, above) for part in sub["prefixItems"])
        return tuple[parts]
    items = sub.get("items")
    item = _type(items, document, above) if isinstance(items, Mapping) else Any
    return _limited(list[item], sub, _LIST)  # type: ignore[valid-type]  # made at run time


def _object(sub: _Schema, document: _Schema, above: tuple[str, ...]) -> Any:
    if "properties" not in sub:
        extra = sub.get("additionalProperties")
        value = _type(extra, document, above) if isinstance(extra, Mapping) else Any
        return _limited(dict[str, value], sub, _DICT)  # type: ignore[valid-type]  # at run time
    types = {name: _type(part, document, above) for name, part in sub["properties"].items()}
    defaults = {
        name: part["default"] for name, part in sub["properties"].items() if "default" in part
    }
    required = set(sub.get("required", [])) - defaults.keys()
    return struct(str(sub.get("title", "Object")), types, defaults, required)


def _limited(type_: Any, sub: _Schema, names: Mapping[str, str]) -> Any:
    limits = {ours: sub[theirs] for theirs, ours in names.items() if theirs in sub}
    return Annotated[type_, Meta(**limits)] if limits else type_


def _default(value: Any, type_: Any) -> Any:
    """Make a struct's default; lists and objects are made anew each time."""
    if isinstance(value, list | dict):
        return msgspec.field(default_factory=lambda: msgspec.convert(value, type_))
    try:
        return msgspec.convert(value, type_)
    except (TypeError, ValueError):  # a default that its own schema refuses: shown, never a crash
        return value
