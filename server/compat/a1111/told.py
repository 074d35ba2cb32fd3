"""The answer to ``txt2img`` and ``img2img``: pictures in base64, and ``info`` as a text of JSON."""

import base64
import time
from collections.abc import Sequence
from typing import Any

import anyio.to_thread

from core import __version__
from core.graph import samplers
from core.records.image import Image
from core.records.model import Model
from core.store import models
from server import codec
from server.compat import waiting
from server.compat.waiting import Made
from server.sessions import Task
from server.state import State


async def answer(state: State, task: Task, made: Made) -> dict[str, Any]:
    """Write the whole answer; without the pictures where they were not asked for."""
    files = [await waiting.content(state, image) for image in made.images]
    texts, coded = await anyio.to_thread.run_sync(_read, files, task.seen)
    used = (made.images[0].model if made.images else None) or ""
    model = await state.db.read(lambda connection: models.find(connection, used, "checkpoint"))
    return {
        "images": coded,
        "parameters": task.parameters,
        "info": codec.encode(_info(task, made.images, texts, model)).decode(),
        **({"warnings": task.warnings} if task.warnings else {}),
    }


def hash_of(model: Model | None) -> str | None:
    """Give the first ten digits of a file's SHA-256, as A1111 shows it."""
    return model.sha256[:10] if model and model.sha256 else None


def _info(
    task: Task, images: Sequence[Image], texts: Sequence[str], model: Model | None
) -> dict[str, Any]:
    sent, first = task.parameters, images[0] if images else None
    seeds = [image.seed for image in images]
    prompts = [image.prompt or "" for image in images]
    negatives = [image.negative_prompt or "" for image in images]
    subseed = sent.get("subseed", -1)
    return {
        "prompt": prompts[0] if prompts else sent.get("prompt", ""), "all_prompts": prompts,
        "negative_prompt": negatives[0] if negatives else sent.get("negative_prompt", ""),
        "all_negative_prompts": negatives,
        "seed": seeds[0] if seeds else sent.get("seed", -1), "all_seeds": seeds,
        "subseed": subseed, "all_subseeds": [subseed] * len(seeds),
        "subseed_strength": sent.get("subseed_strength", 0.0),
        "width": first.width if first else sent.get("width"),
        "height": first.height if first else sent.get("height"),
        "sampler_name": samplers.title(first.sampler or "") if first else sent.get("sampler_name"),
        "cfg_scale": first.guidance_scale if first else sent.get("cfg_scale"),
        "steps": first.steps if first else sent.get("steps"),
        "batch_size": sent.get("batch_size", 1), "restore_faces": False,
        "face_restoration_model": None, "sd_model_name": model.name if model else None,
        "sd_model_hash": hash_of(model), "sd_vae_name": None, "sd_vae_hash": None,
        "seed_resize_from_w": -1, "seed_resize_from_h": -1,
        "denoising_strength": sent.get("denoising_strength"), "extra_generation_params": {},
        "index_of_first_image": 0, "infotexts": list(texts), "styles": sent.get("styles", []),
        "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.gmtime(task.begun)),
        "clip_skip": _clip_skip(sent), "is_using_inpainting_conditioning": False,
        "version": f"heliograph {__version__}",
    }  # fmt: skip


def _clip_skip(sent: dict[str, Any]) -> int:
    override = sent.get("override_settings") or {}
    taken = override.get("CLIP_stop_at_last_layers", 1) if isinstance(override, dict) else 1
    return taken if isinstance(taken, int) else 1


def _read(files: list[bytes], seen: bool) -> tuple[list[str], list[str]]:
    """Read what files say of themselves, and write them as base64; on a thread, for both take long.

    :param seen: whether the pictures are asked for.
    """
    texts = [_infotext(file) for file in files]
    return texts, [base64.b64encode(file).decode("ascii") for file in files if seen]


def _infotext(file: bytes) -> str:
    from core.media import metadata

    return metadata.read_text(file).get(metadata.A1111, "")
