"""Options: of A1111's hundreds the three that mean something here, kept for each client.

Knows how its clients name a model: by title, with the hash behind it, by name or by file.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.responses import Response

from core.errors import Invalid, Problem
from core.records.model import Model
from core.store import models
from server import codec
from server.actions import chosen
from server.compat import bodies
from server.compat.a1111.tasks import session_of
from server.compat.a1111.told import hash_of
from server.route import Request
from server.state import State

MODEL, VAE, LAYERS = "sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers"
_KEPT = (MODEL, VAE, LAYERS)


async def read(request: Request) -> Response:
    """Read the caller's options."""
    held = session_of(request).options
    model = await _current(request, held)
    return codec.reply(
        {
            "samples_save": True, "samples_format": "png", "grid_save": False,
            "sd_checkpoint_hash": (model.sha256 if model else None) or "",
            VAE: held.get(VAE, "Automatic"), LAYERS: held.get(LAYERS, 1),
            MODEL: title(model) if model else None,
        }
    )  # fmt: skip


async def write(request: Request) -> Response:
    """Set options; those that mean nothing here are taken and forgotten."""
    sent = await bodies.read_json(request)
    if isinstance(name := sent.get(MODEL), str) and name:
        await find(request.studio, name, f"/{MODEL}")
    session_of(request).options |= {
        key: sent[key] for key in _KEPT
        if isinstance(sent.get(key), str | int) and len(str(sent[key])) <= 512
    }  # fmt: skip
    return codec.reply(None)


async def model_of(request: Request, overrides: Mapping[str, Any]) -> str | None:
    """Name the model of a request: the one it overrides with, the one the caller has set."""
    held = session_of(request).options
    for source, pointer in ((overrides, f"/override_settings/{MODEL}"), (held, f"/{MODEL}")):
        name = source.get(MODEL)
        if isinstance(name, str) and name:
            return (await find(request.studio, name, pointer)).name
    return None


async def find(state: State, text: str, pointer: str) -> Model:
    """Find a checkpoint by any of the names that A1111's clients use.

    :raises Invalid: ``unknown_model`` at the pointer.
    """
    bare, _, tail = text.rpartition(" [")
    names = [text, *([bare, tail.rstrip("]")] if bare else [])]
    for name in (*names, *(each.rpartition(".")[0] for each in names if "." in each)):
        found = await state.db.read(partial(models.find, text=name, kind="checkpoint"))
        if found is not None:
            return found
    raise Invalid(problems=(Problem(code="unknown_model", pointer=pointer, params={"name": text}),))


def title(model: Model) -> str:
    """Name a model as A1111's lists do: its name, and ten digits of its hash."""
    digits = hash_of(model)
    return f"{model.name} [{digits}]" if digits else model.name


async def _current(request: Request, held: Mapping[str, Any]) -> Model | None:
    name = held.get(MODEL)
    if isinstance(name, str) and name:
        try:
            return await find(request.studio, name, f"/{MODEL}")
        except Invalid:
            pass  # it was deleted since
    return await chosen.default_model(request.studio)
