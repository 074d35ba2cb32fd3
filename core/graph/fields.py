"""Flat requests, checked field by field, so that every problem is told at once.

Knows structs and JSON values; knows neither nodes nor recipes.
"""

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo

from core.errors import Invalid, Params, Problem
from core.reasons import BAD, fault_of
from core.records.graph import Json

MAX_INT = 2**53 - 1  # the largest integer that a browser holds exactly
MAX_DEPTH = 64  # of lists and objects in one value
MAX_PROBLEMS = 100

S = TypeVar("S", bound=Struct)


class Fault(Struct, frozen=True):
    """What is wrong with one value: the code, the place below it (``.a[0]``), the parameters."""

    code: str
    path: str
    params: Params


def decode_all(fields: Mapping[str, Json], type_: type[S], pointer: str = "") -> S:
    """Turn a decoded JSON object into a struct, or say everything that is wrong with it.

    :param pointer: JSON pointer of the object itself, put before every problem's.
    :raises Invalid: with a problem for each bad, missing and unknown field (at most 100).
    """
    if not isinstance(fields, Mapping):
        problem = Problem(code="wrong_type", pointer=pointer, params={"expected": "object"})
        raise Invalid(problems=(problem,))
    known = fields_of(type_)
    if fields.keys() <= known.keys() and next(unfit(fields), None) is None:
        try:  # most often all is well, and one look says so
            return msgspec.convert(fields, type_)
        except msgspec.ValidationError:
            pass  # which of them, and what else, is found out below
    problems: list[Problem] = []
    for name, value in fields.items():
        field = known.get(name)
        if field is None:
            problems.append(
                Problem(code="unknown_field", pointer=join(pointer, name), params={"field": name})
            )
            continue
        for fault in value_faults(value, field.type):
            code = "bad_field" if fault.code == BAD else fault.code
            problems.append(
                Problem(
                    code=code,
                    pointer=join(pointer, name) + pointer_of(fault.path),
                    params={"field": name, **fault.params},
                )
            )
    problems += (
        Problem(code="missing_field", pointer=join(pointer, name), params={"field": name})
        for name, field in known.items()
        if name not in fields and is_required(field)
    )
    if problems:
        raise Invalid(problems=tuple(problems[:MAX_PROBLEMS]))
    try:
        return msgspec.convert(fields, type_)
    except msgspec.ValidationError as error:  # a rule of the struct's own __post_init__
        problem = Problem(code="bad_field", pointer=pointer, params={"reason": str(error)})
        raise Invalid(problems=(problem,)) from error


@cache  # working out the types of annotations takes a third of a request
def fields_of(type_: type[Struct]) -> Mapping[str, FieldInfo]:
    """Read the fields of a struct by the names that they have in JSON."""
    return {field.encode_name: field for field in msgspec.structs.fields(type_)}


def is_required(field: FieldInfo) -> bool:
    """Say whether a struct's field has no default."""
    return field.default is NODEFAULT and field.default_factory is NODEFAULT


def value_faults(value: Json, type_: Any) -> list[Fault]:
    """List what is wrong with one value: not JSON, or not of the type.

    msgspec stops at the first mistake inside a value, so this says one thing for each.
    """
    found = list(unfit(value))
    if found:
        return found[:1]
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        return [Fault(*fault_of(error, type_))]
    return []


def is_plain(values: Mapping[str, Json]) -> bool:
    """Say at a glance whether all values are plain and fit; False means: look closer."""
    for value in values.values():
        kind = type(value)
        if kind is str:
            if not value.isascii() or "\0" in value:
                return False
        elif kind is int:
            if not -MAX_INT <= value <= MAX_INT:
                return False
        elif kind is float:
            if not math.isfinite(value):
                return False
        elif value is not None and kind is not bool:
            return False
    return all(map(str.isascii, values)) and "\0" not in "".join(values)


def unfit(value: Json, path: str = "", depth: int = 0) -> Iterator[Fault]:
    """Find what JSON, SQLite or a browser could not hold: NaN, 2⁶⁴, lone surrogates, NUL."""
    if depth == 0 and _fits(value):  # nearly always; naming the place of each item costs tenfold
        return
    if isinstance(value, list | tuple | dict):
        if depth >= MAX_DEPTH:
            yield Fault("too_deep", path, {"limit": MAX_DEPTH})
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from unfit(key, path, depth + 1)
                yield from unfit(item, f"{path}.{key}", depth + 1)
        else:
            for index, item in enumerate(value):
                yield from unfit(item, f"{path}[{index}]", depth + 1)
    elif (code := _unfit_plain(value)) is not None:
        yield Fault(code, path, {"max": MAX_INT} if code == "number_too_large" else {})


def _fits(value: Json) -> bool:
    """Say whether ``unfit`` would find nothing: level by level, without a word on where."""
    level = [value]
    for depth in range(MAX_DEPTH + 1):
        below: list[Json] = []
        for one in level:
            if isinstance(one, list | tuple | dict):
                if depth == MAX_DEPTH:
                    return False
                below += one
                if isinstance(one, dict):
                    below += one.values()
            elif _unfit_plain(one) is not None:
                return False
        if not below:
            break
        level = below
    return True


def _unfit_plain(value: Json) -> str | None:
    if isinstance(value, str):
        return None if _encodable(value) and "\0" not in value else "bad_text"
    if isinstance(value, float):
        return None if math.isfinite(value) else "number_not_finite"
    if isinstance(value, int):
        return None if -MAX_INT <= value <= MAX_INT else "number_too_large"
    return None if value is None else "not_json"


def join(pointer: str, *names: str | int) -> str:
    """Append names to a JSON pointer, escaped as RFC 6901 §3 asks."""
    return pointer + "".join(
        "/"
        + (str(name).replace("~", "~0").replace("/", "~1") if isinstance(name, str) else f"{name}")
        for name in names
    )


def pointer_of(path: str) -> str:
    """Turn the tail of an error's path, ``.loras[0].weight``, into a JSON pointer."""
    return re.sub(r"\[(\d+)\]|\.", lambda found: "/" + (found[1] or ""), path)


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
