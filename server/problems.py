"""The error tree as RFC 9457 problem documents, and as WebSocket close codes.

Knows which status each error has. Words come from ``server.words``; a stack trace or a path
never leaves through here.
"""

import logging
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core import errors
from core.errors import HeliographError, Params, Problem
from server.words import Words

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
SHOWN = 100  # problems in one answer
_encoder = msgspec.json.Encoder()

_BY_CLASS: dict[type[HeliographError], int] = {
    errors.Malformed: 400,
    errors.Invalid: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.UnsupportedType: 415,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.DiskFull: 507,
    errors.Unavailable: 503,
    errors.JobError: 500,
    errors.RequestError: 400,
    HeliographError: 500,
}
_BY_CODE = {  # situations whose status is not that of their class
    "expansion_too_large": 422,
    "graph_too_large": 422,
    "image_corrupt": 422,
    "image_too_slow": 422,
    "number_not_finite": 422,
    "bad_text": 422,
    "method_not_allowed": 405,
    "too_many_requests": 429,
    "client_queue_full": 429,
    "body_too_slow": 408,
    "headers_too_large": 431,
}


class Detail(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a request, and where."""

    pointer: Annotated[str, Meta(description="JSON pointer (RFC 6901) into the request.")]
    code: Annotated[str, Meta(description="Stable snake_case name of the situation.")]
    message: Annotated[str, Meta(description="Words in the asked language.")]
    node: Annotated[str | UnsetType, Meta(description="Id of the node in the graph.")] = UNSET
    path: Annotated[str | UnsetType, Meta(description="Path in that node.")] = UNSET
    params: Annotated[Params | UnsetType, Meta(description="What the words were filled with.")] = (
        UNSET
    )


class ProblemDocument(Struct, frozen=True, kw_only=True):
    """An error answer (RFC 9457)."""

    type: str
    title: Annotated[str, Meta(description="The status in words.")]
    status: int
    code: Annotated[str, Meta(description="Stable snake_case name of the situation.")]
    detail: Annotated[str, Meta(description="Words in the asked language.")]
    errors: list[Detail] = []
    request_id: str = ""


def status_of(error: BaseException) -> int:
    """Give the HTTP status of an error: by its code, else by its class; unknown ones are 500."""
    if not isinstance(error, HeliographError):
        return 500
    if error.name in _BY_CODE:
        return _BY_CODE[error.name]
    return next((_BY_CLASS[kind] for kind in type(error).__mro__ if kind in _BY_CLASS), 500)


def retry_after(error: BaseException) -> int | None:
    """Give the seconds after which asking again makes sense; ``None`` where it does not."""
    if isinstance(error, errors.Unavailable):
        return error.retry_after
    return 2 if isinstance(error, HeliographError) and status_of(error) == 429 else None


def document(error: BaseException, words: Words, language: str, request_id: str) -> ProblemDocument:
    """Show an error to its caller. An unknown one is logged in full and shown as ``internal``."""
    status = status_of(error)
    if not isinstance(error, HeliographError):
        log.error("Unexpected %s", type(error).__name__, exc_info=error)
        error = HeliographError("internal")
    problems = [_detail(problem, words, language) for problem in error.problems[:SHOWN]]
    said = words.say(language, f"errors.{error.name}", error.params)
    if said is None:
        said = problems[0].message if problems else error.name
    return ProblemDocument(
        type=f"/docs#error-{error.name}",
        title=words.say(language, f"errors.status_{status}") or HTTPStatus(status).phrase,
        status=status,
        code=error.name,
        detail=said,
        errors=problems,
        request_id=request_id,
    )


def encode(shown: ProblemDocument) -> bytes:
    """Encode a problem document."""
    return _encoder.encode(shown)


def _detail(problem: Problem, words: Words, language: str) -> Detail:
    return Detail(
        pointer=problem.pointer,
        code=problem.code,
        message=words.explain(language, problem),
        node=problem.node or UNSET,
        path=problem.path or UNSET,
        params=problem.params or UNSET,
    )
