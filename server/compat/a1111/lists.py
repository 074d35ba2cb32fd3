"""What there is: models, samplers, schedulers, upscalers, LoRAs, styles. Reads only."""

from starlette.responses import Response

from core.graph import samplers
from core.records.model import Model, ModelKind
from core.store import models, presets
from server import codec
from server.actions.memory import memory_of
from server.compat.a1111 import pictures
from server.compat.a1111.options import title
from server.compat.a1111.told import hash_of
from server.route import Endpoint, Request, Route, door

_MOST = 200
_RESAMPLERS = ("None", "Lanczos", "Nearest")


def routes(base: str) -> list[Route]:
    """Make the routes of lists."""
    lists: dict[str, Endpoint] = {
        "sd-models": sd_models, "sd-vae": sd_vae, "sd-modules": sd_vae, "samplers": list_samplers,
        "schedulers": list_schedulers, "upscalers": list_upscalers,
        "latent-upscale-modes": latent_modes, "loras": list_loras, "embeddings": list_embeddings,
        "hypernetworks": nothing, "face-restorers": nothing, "realesrgan-models": nothing,
        "prompt-styles": prompt_styles, "scripts": scripts, "script-info": nothing,
        "cmd-flags": cmd_flags, "memory": memory,
    }  # fmt: skip
    return [
        *(
            door("GET", f"{base}/{name}", called(name, each), "read", tag="a1111")
            for name, each in lists.items()
        ),
        door("GET", "/controlnet/model_list", control_models, "read", tag="a1111"),
        door("GET", "/controlnet/module_list", control_modules, "read", tag="a1111"),
        door("GET", "/controlnet/version", control_version, "read", tag="a1111"),
    ]


def called(name: str, endpoint: Endpoint) -> Endpoint:
    """Give an endpoint that stands behind several paths the name of one, for its description."""

    async def own(request: Request) -> Response:
        return await endpoint(request)

    own.__name__, own.__doc__ = name.replace("-", "_"), endpoint.__doc__
    return own


async def sd_models(request: Request) -> Response:
    """List checkpoints."""
    return codec.reply(
        [
            {
                "title": title(model), "model_name": model.name, "hash": hash_of(model),
                "sha256": model.sha256, "filename": model.file, "config": None,
            }
            for model in await _models(request, "checkpoint")
        ]
    )  # fmt: skip


async def sd_vae(request: Request) -> Response:
    """List VAEs."""
    found = await _models(request, "vae")
    return codec.reply([{"model_name": one.name, "filename": one.file} for one in found])


async def list_samplers(request: Request) -> Response:
    """List samplers, by the names that A1111's clients know."""
    return codec.reply(
        [
            {"name": names.title, "aliases": [ours, *names.others], "options": {}}
            for ours, names in samplers.SAMPLERS.items()
        ]
    )


async def list_schedulers(request: Request) -> Response:
    """List schedules."""
    every = {"automatic": "Automatic"} | {
        ours: names.title for ours, names in samplers.SCHEDULES.items()
    }
    shared = {"aliases": None, "default_rho": -1.0, "need_inner_model": False}
    return codec.reply([{"name": name, "label": label, **shared} for name, label in every.items()])


async def list_upscalers(request: Request) -> Response:
    """List upscalers: the plain ones, and the models."""
    names = [*_RESAMPLERS, *(one.name for one in await _models(request, "upscaler"))]
    shared = {"model_name": None, "model_path": None, "model_url": None, "scale": 4}
    return codec.reply([{"name": name, **shared} for name in names])


async def latent_modes(request: Request) -> Response:
    """List ways to enlarge latents."""
    return codec.reply([{"name": "Latent"}])


async def list_loras(request: Request) -> Response:
    """List LoRAs."""
    return codec.reply(
        [
            {"name": one.name, "alias": one.trigger or one.name, "path": one.file, "metadata": {}}
            for one in await _models(request, "lora")
        ]
    )


async def list_embeddings(request: Request) -> Response:
    """List embeddings."""
    shape = {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None, "shape": None,
             "vectors": None}  # fmt: skip
    found = await _models(request, "embedding")
    return codec.reply({"loaded": {one.name: shape for one in found}, "skipped": {}})


async def prompt_styles(request: Request) -> Response:
    """List the caller's prompt styles."""
    owner = request.principal.sees
    found = await request.studio.db.read(lambda c: presets.page(c, owner, limit=_MOST))
    return codec.reply(
        [
            {"name": one.name, "prompt": one.prompt, "negative_prompt": one.negative_prompt}
            for one in found.items
        ]
    )


async def scripts(request: Request) -> Response:
    """List scripts."""
    return codec.reply({"txt2img": ["controlnet"], "img2img": ["controlnet"]})


async def cmd_flags(request: Request) -> Response:
    """Tell flags of the command line; there are none like A1111's."""
    return codec.reply({"api": True})


async def nothing(request: Request) -> Response:
    """Answer an empty list."""
    return codec.reply([])


async def memory(request: Request) -> Response:
    """Tell the memory of the engine, in bytes."""
    told = memory_of(request.studio)
    used, total = (told.used, told.total) if told else (0, 0)
    held = {"free": max(0, total - used), "used": used, "total": total}
    apart = bool(told and told.weights_device)  # a device with a memory of its own
    ram = {"used": told.rss if told else 0} if apart else held
    return codec.reply(
        {"ram": ram, "cuda": {"system": held} if apart else {"error": "unavailable"}}
    )


async def control_models(request: Request) -> Response:
    """List ControlNets."""
    return codec.reply({"model_list": [title(one) for one in await _models(request, "controlnet")]})


async def control_modules(request: Request) -> Response:
    """List preprocessors."""
    return codec.reply({"module_list": pictures.MODULES, "module_detail": {}})


async def control_version(request: Request) -> Response:
    """Tell the version of the ControlNet extension whose arguments are understood."""
    return codec.reply({"version": 2})


async def _models(request: Request, kind: ModelKind) -> list[Model]:
    found = await request.studio.db.read(lambda c: models.page(c, kind, limit=_MOST))
    return list(found.items)
