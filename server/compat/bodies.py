"""What clients of other servers send: JSON with pictures in base64, forms with files.

Lenient where theirs are, bounded where ours are: what was received is counted, whatever was
declared. Knows no dialect.
"""

import base64
import binascii
from collections.abc import AsyncGenerator, Mapping
from typing import Any, TypeVar

import anyio.to_thread
import msgspec
from msgspec import Struct
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from core.errors import Invalid, Malformed, Problem, TooLarge, UnsupportedType
from server import codec

CAP = 64 * 1024 * 1024  # bytes received
MAX_FILES = 17  # sixteen pictures and a mask
MAX_FIELDS = 100
S = TypeVar("S", bound=Struct)
_APART = 64 * 1024  # bytes; more are decoded off the loop


class Form(Struct, frozen=True):
    """A form: its fields as text, the last of a name; its files in order, by name."""

    fields: dict[str, str]
    files: dict[str, list[bytes]]


async def read_json(request: Request) -> dict[str, Any]:
    """Read an object, whatever its content type says.

    :raises Malformed: when it is no JSON.
    :raises Invalid: when it is no object, or holds numbers that no machine number holds.
    :raises TooLarge: beyond 64 MiB.
    """
    data = await codec.read_body(request, CAP)
    if not data:
        return {}
    found = await anyio.to_thread.run_sync(_parse, data) if len(data) > _APART else _parse(data)
    if not isinstance(found, dict):
        raise Invalid(problems=(Problem(code="not_an_object"),))
    return found


async def read_form(request: Request) -> Form:
    """Read ``multipart/form-data``; a name may end in ``[]``.

    :raises UnsupportedType: for another type.
    :raises Malformed: when it is broken, or the caller hangs up in the middle.
    :raises TooLarge: beyond 64 MiB, 32 MiB of one file, or too many parts.
    """
    if codec.media_type(request) != "multipart/form-data":
        raise UnsupportedType("content_type", got=codec.media_type(request)[:80])
    try:
        parser = MultiPartParser(
            Headers(raw=request.headers.raw), _counted(request),
            max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=codec.JSON_CAP,
        )  # fmt: skip
        parts = await parser.parse()
        try:
            return await _taken(parts)
        finally:
            await parts.close()
    except MultiPartException as error:
        raise Malformed("form_invalid", reason=error.message) from error
    except ClientDisconnect as error:
        raise Malformed("body_incomplete") from error


async def _taken(parts: FormData) -> Form:
    fields: dict[str, str] = {}
    files: dict[str, list[bytes]] = {}
    for name, value in parts.multi_items():
        plain = name.removesuffix("[]")
        if isinstance(value, str):
            fields[plain] = value
        elif (value.size or 0) > codec.IMAGE_CAP:
            raise TooLarge("body_too_large", limit=codec.IMAGE_CAP)
        else:
            files.setdefault(plain, []).append(await value.read())
    return Form(fields, files)


def picture(text: str, pointer: str) -> bytes:
    """Decode a picture in base64, bare or as a data URL.

    :raises Invalid: ``not_base64`` at the pointer.
    """
    _, comma, tail = text[:128].partition(",")
    bare = tail + text[128:] if comma and text.startswith("data:") else text
    try:
        return base64.b64decode("".join(bare.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(problems=(Problem(code="not_base64", pointer=pointer),)) from error


def lenient(fields: Mapping[str, Any], kind: type[Struct]) -> dict[str, Any]:
    """Leave of an object what a dialect's struct knows, each in the type that it has there.

    Nulls and empty texts of other types are as if they were not sent; numbers may be texts, whole
    ones have a fraction of zero. What does not convert stays, for ``codec.decode`` to tell of.
    """
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        value = fields.get(field.encode_name)
        if value is None:
            continue
        try:
            made = msgspec.convert(value, field.type, strict=False)
            found[field.encode_name] = msgspec.to_builtins(made)
        except msgspec.ValidationError:
            if value == "":
                continue
            whole = isinstance(value, float) and value.is_integer()
            found[field.encode_name] = int(value) if whole else value
    return found


def read(fields: Mapping[str, Any], kind: type[S], pointer: str = "") -> S:
    """Make a dialect's struct of what was sent; see ``lenient``.

    :raises Invalid: with a JSON pointer for each problem.
    """
    return codec.decode(lenient(fields, kind), kind, pointer)


def _parse(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except RecursionError as error:
        raise Malformed("json_too_deep") from error
    except msgspec.ValidationError as error:
        problem = Problem(code="number_not_finite", params={"reason": str(error)})
        raise Invalid(problems=(problem,)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("json_invalid", reason=str(error)) from error


async def _counted(request: Request) -> AsyncGenerator[bytes, None]:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > CAP:
            raise TooLarge("body_too_large", limit=CAP)
        yield part
