"""OpenAI's Images API: generations, edits, variations, models.

``server.compat.openai.ask`` has the fields, ``stream`` the events of a request that asks to
watch. Source: its public API reference.
"""

import time
from typing import Any

import anyio.to_thread
from starlette.responses import Response

from core.errors import Invalid, NotFound, Problem
from core.graph.recipes import Generate
from core.records.image import Image
from core.records.model import Model
from core.store import models as rows
from server import codec, files
from server.actions import chosen, images, models
from server.actions.images import LinkImage
from server.actions.models import ListModels
from server.compat import bodies, waiting
from server.compat.openai import stream
from server.compat.openai.ask import VARIATION, Ask, to_generate
from server.route import Request, Route, door

LINK_MINUTES = 60
_TAG = "openai"


def routes() -> list[Route]:
    """Make the routes."""
    made = {"tag": _TAG, "body": "raw"}
    return [
        door("POST", "/v1/images/generations", generations, "generate", **made),
        door("POST", "/v1/images/edits", edits, "generate", **made),
        door("POST", "/v1/images/variations", variations, "generate", **made),
        door("GET", "/v1/models", list_models, "read", tag=_TAG),
        door("GET", "/v1/models/{name:path}", one_model, "read", tag=_TAG),
    ]


async def generations(request: Request) -> Response:
    """Draw pictures from a text (OpenAI: create image)."""
    ask = bodies.read(await bodies.read_json(request), Ask)
    if not ask.prompt.strip():
        raise Invalid(problems=(_missing("prompt"),))
    return await _answer(request, ask, to_generate(ask, await _model(request, ask)), "generation")


async def edits(request: Request) -> Response:
    """Change a picture where its mask is transparent, or all of it (OpenAI: create image edit)."""
    fields, pictures, mask = await _pictures(request)
    ask = bodies.read(fields, Ask)
    if len(pictures) != 1:
        many = Problem(code="one_picture", pointer="/image", params={"count": len(pictures)})
        raise Invalid(problems=(many if pictures else _missing("image"),))
    init = await images.upload(request.studio, request.principal, pictures[0], intermediate=True)
    hole = await _hole(request, pictures[0], mask)
    wanted = to_generate(ask, await _model(request, ask), init_image=init.id, mask_image=hole)
    return await _answer(request, ask, wanted, "edit")


async def variations(request: Request) -> Response:
    """Draw a picture anew, like it (OpenAI: create image variation)."""
    fields, pictures, _ = await _pictures(request)
    if len(pictures) != 1:
        raise Invalid(problems=(_missing("image"),))
    ask = bodies.read({"strength": VARIATION, **fields}, Ask)
    init = await images.upload(request.studio, request.principal, pictures[0], intermediate=True)
    wanted = to_generate(ask, await _model(request, ask), init_image=init.id)
    return await _answer(request, ask, wanted, "generation")


async def list_models(request: Request) -> Response:
    """List the models that draw (OpenAI: list models)."""
    asked = ListModels(kind="checkpoint", limit=200)
    found = await models.page(request.studio, request.principal, asked)
    return codec.reply({"object": "list", "data": [_listed(model) for model in found.items]})


async def one_model(request: Request) -> Response:
    """Show one model (OpenAI: retrieve model)."""
    name = request.path_params["name"]
    found = await request.studio.db.read(lambda c: rows.find(c, name, "checkpoint"))
    if found is None:
        raise NotFound
    return codec.reply(_listed(found))


async def _answer(request: Request, ask: Ask, wanted: Generate, kind: str) -> Response:
    if ask.stream:
        return await stream.answer(request, ask, wanted, kind)
    made = await waiting.make(request, wanted)
    data = [await _shown(request, ask, image) for image in made.images]
    first = made.images[0] if made.images else None
    size = f"{first.width}x{first.height}" if first else ask.size
    return codec.reply(
        {
            "created": int(time.time()), "data": data, "background": "opaque",
            "output_format": ask.output_format, "quality": ask.quality, "size": size,
        }
    )  # fmt: skip


async def _shown(request: Request, ask: Ask, image: Image) -> dict[str, Any]:
    """Show a picture as its caller asked for it."""
    if ask.response_format == "url":
        asked = LinkImage(image=image.id, minutes=LINK_MINUTES)
        link = await images.link(request.studio, request.principal, asked)
        url = str(request.base_url).rstrip("/") + link.url + f"&format={ask.output_format}"
        return {"url": url, "revised_prompt": image.prompt}
    text = await stream.encoded(request.studio, ask, image)
    return {"b64_json": text, "revised_prompt": image.prompt}


async def _pictures(request: Request) -> tuple[dict[str, Any], list[bytes], bytes | None]:
    """Read a form with files, or an object with pictures as data URLs."""
    if codec.media_type(request) != "application/json":
        form = await bodies.read_form(request)
        mask = form.files.get("mask", [])
        return dict(form.fields), form.files.get("image", []), mask[0] if mask else None
    fields = await bodies.read_json(request)
    listed = fields.get("images")
    found = listed if isinstance(listed, list) else []
    pictures = [_inline(each, f"/images/{place}") for place, each in enumerate(found)]
    mask_ = fields.get("mask")
    return fields, pictures, _inline(mask_, "/mask") if mask_ else None


def _inline(each: Any, pointer: str) -> bytes:
    url = each.get("image_url") if isinstance(each, dict) else each
    if not isinstance(url, str) or not url.startswith("data:"):  # nothing is fetched for a caller
        raise Invalid(problems=(Problem(code="not_base64", pointer=pointer),))
    return bodies.picture(url, pointer)


async def _hole(request: Request, picture: bytes, mask: bytes | None) -> str | None:
    """Keep the mask of an edit: what is transparent of ``mask``, else of the picture itself."""
    from core.media import masks

    safe = await files.decode(picture if mask is None else mask)
    made = await anyio.to_thread.run_sync(masks.of_alpha, safe.data)
    if made is None:
        if mask is None:
            return None
        raise Invalid(problems=(Problem(code="mask_opaque", pointer="/mask"),))
    sent = await images.upload(request.studio, request.principal, made, "mask", intermediate=True)
    return sent.id


async def _model(request: Request, ask: Ask) -> Model | None:
    found, problems = await chosen.model(request.studio, "txt2img", {"model": ask.named_model}, "")
    if problems:
        raise Invalid(problems=tuple(problems))
    return found


def _listed(model: Model) -> dict[str, Any]:
    return {"id": model.name, "object": "model", "created": 0, "owned_by": "heliograph"}


def _missing(field: str) -> Problem:
    return Problem(code="missing_field", pointer=f"/{field}", params={"field": field})
