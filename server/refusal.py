"""How an error is answered over HTTP: as a problem document, or in the words of a dialect."""

from starlette.responses import Response
from starlette.types import Scope

from server import codec, dialects, problems
from server.state import State


def answer(
    state: State, scope: Scope, error: Exception, language: str | None, *, close: bool = False
) -> Response:
    """Answer with an error; one that is unknown is logged in full and told as ``internal``.

    :param language: of the words, as ``Accept-Language`` says it.
    :param close: whether the connection ends with it.
    """
    chosen = state.words.choose(language)
    shown = problems.document(error, state.words, chosen, scope["request_id"])
    headers = {"cache-control": "no-store"}
    if (seconds := problems.retry_after(error)) is not None:
        headers["retry-after"] = str(seconds)
    if shown.status == 401:
        headers["www-authenticate"] = "Bearer"
    if close or shown.status == 413:
        headers["connection"] = "close"
    shape = dialects.of(scope["path"])
    if shape is None:
        return Response(problems.encode(shown), shown.status, headers, problems.MEDIA_TYPE)
    told = shape(shown)
    return Response(codec.encode(told.body), told.status, headers, told.media)
