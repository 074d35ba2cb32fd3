"""JSON in and out: bodies with caps, every problem at once, entity tags. Knows no route."""

import hashlib
import json
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

import anyio.to_thread
import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from core.errors import Invalid, Malformed, Problem, TooLarge, UnsupportedType
from core.graph.fields import MAX_PROBLEMS, decode_all, fields_of, join

JSON_CAP = 4 * 1024 * 1024  # bytes received
IMAGE_CAP = 32 * 1024 * 1024
IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
_DUPLICATES_CAP = 256 * 1024  # a second pass looks for duplicate keys; 4 MiB would take 0.1 s
_MARKS = 128 * 1024  # commas and colons of a body: the largest graph has half as many
_APART = 32 * 1024  # bytes; more are parsed off the loop
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()

S = TypeVar("S", bound=Struct)


async def read_body(request: Request, cap: int) -> bytes:
    """Read a body, counting what arrives and not what was declared.

    :raises TooLarge: once more than ``cap`` bytes were received.
    :raises UnsupportedType: for a ``Content-Encoding``.
    :raises Malformed: when the caller hangs up in the middle.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedType("content_encoding", encoding=encoding[:40])
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > cap:
                raise TooLarge("body_too_large", limit=cap)
            parts.append(part)
    except ClientDisconnect as error:
        raise Malformed("body_incomplete") from error
    return b"".join(parts)


def media_type(request: Request) -> str:
    """Give the declared media type, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request, empty: Any = None) -> Any:
    """Read a JSON body.

    :param empty: what a request without any body and type stands for.
    :raises UnsupportedType: when it is not declared as ``application/json``.
    :raises Malformed: when it is not JSON: syntax, duplicate keys, nesting.
    :raises Invalid: for numbers that no machine number holds.
    :raises TooLarge: for very many values, however few bytes they are.
    """
    declared = media_type(request)
    if declared not in ("application/json", ""):
        raise UnsupportedType("content_type", got=declared[:80])
    data = await read_body(request, JSON_CAP)
    if not data and not declared and empty is not None:
        return empty
    if not declared:
        raise UnsupportedType("content_type", got="")
    return await anyio.to_thread.run_sync(parse, data) if len(data) > _APART else parse(data)


async def decode_body(request: Request, fields: Any, kind: type[S]) -> S:
    """Do what ``decode`` does with a body that was read; a large one is decoded off the loop."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 8 and int(declared) <= _APART:
        return decode(fields, kind)
    return await anyio.to_thread.run_sync(decode, fields, kind)


def parse(data: bytes) -> Any:
    """Decode JSON strictly; raises what ``read_json`` raises."""
    if len(data) > _MARKS and data.count(b",") + data.count(b":") > _MARKS:
        raise TooLarge("too_many_values", limit=_MARKS)
    try:
        value = _decoder.decode(data)
        if len(data) <= _DUPLICATES_CAP and b"{" in data:
            json.loads(data, object_pairs_hook=_unique)
    except RecursionError as error:
        raise Malformed("json_too_deep") from error
    except msgspec.ValidationError as error:
        raise Invalid(
            problems=(Problem(code="number_not_finite", params={"reason": str(error)}),)
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, _Duplicate) as error:
        raise Malformed("json_invalid", reason=str(error)) from error
    return value


def decode(fields: Any, kind: type[S], pointer: str = "") -> S:
    """Turn a decoded object into a struct, or say everything that is wrong, however deep.

    :raises Invalid: with a JSON pointer for each problem.
    """
    try:
        return decode_all(fields, kind, pointer)
    except Invalid as error:
        if not isinstance(fields, Mapping):
            raise
        found = tuple(_deepen(error.problems, fields, kind, pointer))
        raise Invalid(problems=found[:MAX_PROBLEMS]) from error


def from_text(fields: Mapping[str, str], kind: type[Struct]) -> dict[str, Any]:
    """Turn the texts of a query string into the types that the struct's fields have.

    What does not convert is left as it is, for ``decode`` to complain about.
    """
    known = {name: field.type for name, field in fields_of(kind).items()}
    found: dict[str, Any] = {}
    for name, text in fields.items():
        try:
            value = msgspec.convert(text, known.get(name, str), strict=False)
            if isinstance(value, datetime):  # a number would be one too, which nobody means
                value = msgspec.convert(text, datetime)
            found[name] = msgspec.to_builtins(value)
        except msgspec.ValidationError:
            found[name] = text
    return found


def encode(value: Any) -> bytes:
    """Encode structs and plain values as JSON."""
    return _encoder.encode(value)


def reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON that nobody may keep."""
    held = {"cache-control": "no-store", **(headers or {})}
    return Response(encode(value), status, held, "application/json")


def tagged(
    request: Request,
    content: bytes,
    media: str,
    cache: str = "no-cache",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with an entity tag, or 304 when the caller has this content already."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    held = {"etag": tag, "cache-control": cache, **(headers or {})}
    if matches(request, tag):
        return Response(None, 304, held)
    return Response(content, 200, held, media)


def matches(request: Request, tag: str) -> bool:
    """Say whether ``If-None-Match`` names this entity tag."""
    asked = request.headers.get("if-none-match", "")
    return any(part.strip().removeprefix("W/") in (tag, "*") for part in asked.split(","))


class _Duplicate(ValueError):
    """An object names one key twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Duplicate("duplicate key")
    return found


def _deepen(
    problems: tuple[Problem, ...], fields: Mapping[str, Any], kind: type[Struct], pointer: str
) -> Iterator[Problem]:
    """Replace the one problem of a nested struct by all that are in it."""
    hints = {name: field.type for name, field in fields_of(kind).items()}
    for problem in problems:
        name = problem.pointer.removeprefix(pointer + "/").partition("/")[0]
        inner = list(_inside(fields.get(name), hints.get(name), join(pointer, name)))
        yield from inner or [problem]


def _inside(value: Any, hint: Any, pointer: str) -> Iterator[Problem]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _inside(item, _item_of(hint), join(pointer, index))
    elif isinstance(value, dict) and (kind := _struct_of(hint)):
        try:
            decode(value, kind, pointer)
        except Invalid as error:
            yield from error.problems


def _options(hint: Any) -> tuple[Any, ...]:
    while typing.get_origin(hint) is typing.Annotated:
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(part for option in typing.get_args(hint) for part in _options(option))
    return (hint,)


def _struct_of(hint: Any) -> type[Struct] | None:
    found = [part for part in _options(hint) if isinstance(part, type) and issubclass(part, Struct)]
    return found[0] if len(found) == 1 else None


def _item_of(hint: Any) -> Any:
    lists = [part for part in _options(hint) if typing.get_origin(part) is list]
    return typing.get_args(lists[0])[0] if len(lists) == 1 else None
