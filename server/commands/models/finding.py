"""A model by what people call it: id, name, or the first digits of its hash."""

from typing import Any

from core.errors import HeliographError, Params, Problem
from server.client import Client

_PAGES = 50  # of 200 models
_DIGITS = 10  # of a hash that are enough


async def find(client: Client, text: str) -> dict[str, Any]:
    """Find a model of the running server's library.

    :raises HeliographError: ``unknown_model``.
    """
    named: dict[str, Any] | None = None
    after = ""
    for _ in range(_PAGES):
        page = await client.call("GET", f"/models?limit=200{after}")
        for model in page["items"]:
            digits = len(text) >= _DIGITS and (model["sha256"] or "").startswith(text.lower())
            if model["id"] == text or digits:
                return dict(model)
            if model["name"] == text:
                named = dict(model)
        if page["next"] is None:
            break
        after = f"&cursor={page['next']}"
    if named is None:
        params: Params = {"name": text, "kind": "checkpoint"}
        raise HeliographError(problems=(Problem(code="unknown_model", params=params),))
    return named
