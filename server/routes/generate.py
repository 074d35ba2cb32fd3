"""The simple door: a flat request, and the pictures if the caller waits for them."""

import re

from starlette.responses import Response

from core.graph.recipes import Generate
from server import codec
from server.actions import jobs
from server.route import Request, Route, door, idempotency_key

_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,4})\b")


def routes() -> list[Route]:
    """Make the one route."""
    return [
        door(
            "POST", "/api/v1/generate", generate, "generate", tag="generate", body="json",
            takes=Generate, gives=jobs.Generated, status=202,
        )
    ]  # fmt: skip


async def generate(request: Request) -> Response:
    """Draw pictures from a flat request.

    Answers 202 at once; with `Prefer: wait=N` 200 with the pictures once they are done.
    """
    ask = codec.decode(await codec.read_json(request), Generate)
    key = idempotency_key(request)
    match = _WAIT.search(request.headers.get("prefer", ""))
    if match is None or int(match[1]) == 0:
        made = await jobs.generate(request.studio, request.principal, ask, key)
        return codec.reply(made, 202, {"location": f"/api/v1/batches/{made.batch}"})
    made, ended = await jobs.generate_and_wait(
        request.studio, request.principal, ask, key, float(match[1])
    )
    held = {"location": f"/api/v1/batches/{made.batch}", "preference-applied": f"wait={match[1]}"}
    return codec.reply(made, 200 if ended else 202, held)
