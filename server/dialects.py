"""Errors in the words of a dialect: which paths are whose, and what its clients read.

Pure functions of a problem document. Knows no request and no route.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from server.problems import ProblemDocument

OPENAI, A1111, CONTROLNET = "/v1/", "/sdapi/v1/", "/controlnet/"
_NOT_FOUND = frozenset({"unknown_model", "not_found", "model_missing"})
_ABSENT = _NOT_FOUND | {"unknown_sampler", "unknown_schedule", "unknown_upscaler"}
_TYPES = {401: "invalid_request_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {  # of OpenAI's, by ours
    "unauthenticated": "invalid_api_key",
    "unknown_model": "model_not_found",
    "too_many_requests": "rate_limit_exceeded",
    "client_queue_full": "rate_limit_exceeded",
}
_FIELDS = {"width": "size", "height": "size", "count": "n", "init_image": "image",
           "mask_image": "mask", "guidance_scale": "guidance_scale"}  # fmt: skip


class Shape(Struct, frozen=True):
    """An answer that a dialect's clients understand."""

    status: int
    body: dict[str, Any]
    media: str = "application/json"


def schema(path: str) -> dict[str, Any] | None:
    """Describe, as a JSON Schema, what refusals of a dialect's path look like; None for our own."""
    return next((one for prefix, one in _SCHEMAS.items() if path.startswith(prefix)), None)


def of(path: str) -> Callable[[ProblemDocument], Shape] | None:
    """Choose the dialect of a path; None for our own."""
    return next((shape for prefix, shape in _DIALECTS.items() if path.startswith(prefix)), None)


def openai(shown: ProblemDocument) -> Shape:
    """Write ``{"error": {message, type, param, code}}``; what does not validate is 400."""
    problems = shown.errors
    code = problems[0].code if problems else shown.code
    status = 404 if code in _NOT_FOUND and shown.status == 422 else shown.status
    status = 400 if status == 422 else status
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    param = _field(problems[0].pointer) if problems else None
    said = "\n".join(dict.fromkeys(one.message for one in problems)) or shown.detail
    error = {"message": said, "type": kind, "param": param, "code": _CODES.get(code, code)}
    return Shape(status, {"error": error})


def a1111(shown: ProblemDocument) -> Shape:
    """Write ``{"error", "detail", "body", "errors"}`` as its exceptions are written."""
    said = [f"{one.pointer.lstrip('/') or 'body'}: {one.message}" for one in shown.errors]
    kind = "HTTPException" if shown.status < 500 else "InternalError"
    detail = "; ".join(said) or shown.detail
    absent = shown.status == 422 and {one.code for one in shown.errors} & _ABSENT
    return Shape(
        404 if absent else shown.status,
        {"error": kind, "detail": detail, "body": "", "errors": detail, "code": shown.code},
    )


def _field(pointer: str) -> str | None:
    name = pointer.lstrip("/").partition("/")[0]
    return _FIELDS.get(name, name) or None


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


_DIALECTS: Mapping[str, Callable[[ProblemDocument], Shape]] = {
    OPENAI: openai, A1111: a1111, CONTROLNET: a1111,
}  # fmt: skip

_TEXT, _MAYBE = {"type": "string"}, {"type": ["string", "null"]}
_SAYS = {"message": _TEXT, "type": _TEXT, "param": _MAYBE, "code": _MAYBE}
_OPENAI = _object({"error": _object(_SAYS)})
_A1111 = _object(dict.fromkeys(("error", "detail", "body", "errors", "code"), _TEXT))
_SCHEMAS = {OPENAI: _OPENAI, A1111: _A1111, CONTROLNET: _A1111}
