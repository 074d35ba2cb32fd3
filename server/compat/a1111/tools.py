"""What is done with one picture: read its text, make it larger; and the switches of models."""

import base64
from typing import Annotated, Any

import anyio.to_thread
from msgspec import Meta, Struct
from starlette.responses import Response

from core.errors import Invalid, Problem
from server import codec, render
from server.actions import images, jobs, models
from server.actions.jobs import Enqueue
from server.actions.models import UnloadModel
from server.actions.queue import Nothing
from server.compat import bodies, waiting
from server.route import Request

_PLAIN = frozenset({"", "none", "lanczos", "nearest"})  # upscalers that are no models


class PngInfo(Struct, frozen=True, kw_only=True):
    """A picture."""

    image: str = ""


class Extras(Struct, frozen=True, kw_only=True):
    """How pictures are made larger."""

    image: str = ""
    imageList: Annotated[list[dict[str, Any]], Meta(max_length=64)] = []  # noqa: N815
    resize_mode: Annotated[int, Meta(ge=0, le=1)] = 0
    upscaling_resize: float = 2.0
    upscaling_resize_w: int = 512
    upscaling_resize_h: int = 512
    upscaler_1: str = "None"


async def png_info(request: Request) -> Response:
    """Read what a picture's text says of how it was made; empty where it says nothing."""
    ask = bodies.read(await bodies.read_json(request), PngInfo)
    info, items, told = await anyio.to_thread.run_sync(_said, bodies.picture(ask.image, "/image"))
    return codec.reply({"info": info, "items": items, "parameters": told})


async def extra_single(request: Request) -> Response:
    """Make one picture larger."""
    ask = bodies.read(await bodies.read_json(request), Extras)
    made = await _larger(request, ask, [bodies.picture(ask.image, "/image")])
    return codec.reply({"html_info": "", "image": made[0]})


async def extra_batch(request: Request) -> Response:
    """Make several pictures larger."""
    ask = bodies.read(await bodies.read_json(request), Extras)
    sent = [
        bodies.picture(str(each.get("data", "")), f"/imageList/{place}/data")
        for place, each in enumerate(ask.imageList)
    ]
    return codec.reply({"html_info": "", "images": await _larger(request, ask, sent)})


async def interrogate(request: Request) -> Response:
    """Say the prompt that a picture's own text holds; nothing here looks at pictures."""
    ask = bodies.read(await bodies.read_json(request), PngInfo)
    data = bodies.picture(ask.image, "/image")
    made = (await anyio.to_thread.run_sync(render.inspect, data)).made
    if made is None or not made.prompt:
        raise Invalid(problems=(Problem(code="picture_untold", pointer="/image"),))
    return codec.reply({"caption": made.prompt})


async def refresh(request: Request) -> Response:
    """Look through the folders of models again."""
    await models.scan(request.studio, request.principal, Nothing())
    return codec.reply(None)


async def unload(request: Request) -> Response:
    """Drop models from memory that no job needs."""
    await models.unload(request.studio, request.principal, UnloadModel())
    return codec.reply({})


async def reload(request: Request) -> Response:
    """Do nothing: a model is loaded when it is drawn with."""
    return codec.reply({})


async def _larger(request: Request, ask: Extras, sent: list[bytes]) -> list[str]:
    state, principal = request.studio, request.principal
    how: dict[str, Any] = {"factor": ask.upscaling_resize}
    if ask.resize_mode == 1:
        how = {"width": ask.upscaling_resize_w, "height": ask.upscaling_resize_h}
    if ask.upscaler_1.lower() not in _PLAIN:
        how["upscaler"] = ask.upscaler_1
    wanted: list[str] = []
    for data in sent:
        held = await images.upload(state, principal, data, intermediate=True)
        recipe = {"name": "upscale", "init_image": held.id, **how}
        wanted += (await jobs.enqueue(state, principal, Enqueue(recipe=recipe))).jobs
    made = await waiting.wait(request, wanted) if wanted else waiting.Made([], [])
    return [
        base64.b64encode(await waiting.content(state, image)).decode("ascii")
        for image in made.images
    ]


def _said(data: bytes) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Read the text, every text by its keyword, and A1111's values of it."""
    from core.media import metadata

    texts = metadata.read_text(data)
    told = render.inspect(data).a1111 or {}
    return texts.get(metadata.A1111, ""), texts, told
