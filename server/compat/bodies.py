"""What clients of other servers send: JSON with pictures in base64, forms with files.

Lenient where theirs are, bounded where ours are: what was received is counted, whatever was
declared. Knows no dialect.
"""

import base64
import binascii
from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread
import msgspec
from msgspec import Struct
from starlette.requests import Request

from core.errors import Invalid, Malformed, Problem, UnsupportedType
from server import codec
from server.compat import forms

CAP = 64 * 1024 * 1024  # bytes received
S = TypeVar("S", bound=Struct)
_APART = 64 * 1024  # bytes; more are decoded off the loop


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


async def read_form(request: Request) -> forms.Form:
    """Read ``multipart/form-data``.

    :raises UnsupportedType: for another type.
    :raises Malformed: when it is broken, or the caller hangs up in the middle.
    :raises TooLarge: beyond 64 MiB, 32 MiB of one file, or too many parts.
    """
    if codec.media_type(request) != "multipart/form-data":
        raise UnsupportedType("content_type", got=codec.media_type(request)[:80])
    body = await codec.read_body(request, CAP)
    declared = request.headers["content-type"]
    return await anyio.to_thread.run_sync(
        partial(forms.read, body, declared, largest=codec.IMAGE_CAP)
    )


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
