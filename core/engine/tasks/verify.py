"""Verifying: one picture drawn twice on this machine, by us and by diffusers' own pipeline.

Ours comes by the way that every picture goes, as the file that would be kept; theirs by
``DiffusionPipeline``, which loads the checkpoint by itself. Both draw once before they are timed.
"""

import gc
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy
import torch
from PIL import Image as Pillow

from core.engine.context import Engine, Job
from core.engine.diffusion import samplers
from core.engine.ladder import climb
from core.engine.models.families import family_of
from core.engine.models.modules import transformers_lock
from core.engine.runner import Runner
from core.engine.tasks.blueprint import PIPELINES, blueprint
from core.errors import JobError, ModelUnreadable
from core.graph.catalogue import Resource
from core.ipc.commands import RunTask
from core.records.graph import Graph, Json
from core.records.task import Verify

_FIRST = 3  # steps of the pictures that nobody times
_EXACT = 1  # levels of 255 that float32 may differ by
_ROUNDED = 2  # and the shorter formats

_UNCHECKED = {"safety_checker": None, "requires_safety_checker": False}

Pixels = numpy.ndarray[Any, numpy.dtype[numpy.uint8]]  # (H, W, 3)


class Unverifiable(JobError):
    """Raised when diffusers has no pipeline for a model as it is; params: model, reason."""

    code = "verify_unsupported"


class Telling(Protocol):
    """What is told of the progress."""

    engine: Engine
    job: Job

    def tell(self, phase: str, step: int = 0, steps: int = 0) -> None:
        """Show how far it is."""


class Drawn(NamedTuple):
    """A picture, and the seconds that it took with everything loaded."""

    pixels: Pixels
    seconds: float


def verify(task_run: Telling, runner: Runner, command: RunTask, task: Verify) -> dict[str, Json]:
    """Draw both pictures and compare them; ours stays among the pictures of the job.

    :raises Unverifiable: when diffusers cannot load the model as it is.
    :raises ModelUnreadable: when it is broken.
    """
    engine, source = task_run.engine, command.resources[task.model]
    assert command.graph is not None
    ours = _ours(runner, command.graph, engine)
    engine.residency.unload(source.identity)  # both at once may be more than there is room for
    begun = time.perf_counter()
    with engine.baton.aside("load"):
        task_run.tell("load")
        pipeline = _pipeline(source, engine)
    loaded = time.perf_counter() - begun
    try:
        theirs = climb(
            partial(_theirs, task_run, pipeline, task, source), (), device=engine.device,
            tell=task_run.job.degrade,
        )  # fmt: skip
        name = type(pipeline).__name__
    finally:
        del pipeline
        gc.collect()
        engine.device.empty_cache()
    return {
        **compared(ours.pixels, theirs.pixels, _limit(engine)),
        "pipeline": name,
        "device": str(engine.device.torch),
        "dtype": str(engine.device.dtype).removeprefix("torch."),
        "steps": task.steps,
        "seconds": round(ours.seconds, 3),
        "pipeline_seconds": round(theirs.seconds, 3),
        "pipeline_load_seconds": round(loaded, 3),
    }


def compared(ours: Pixels, theirs: Pixels, limit: int) -> dict[str, Json]:
    """Measure how far two pictures are from each other, in levels of 255.

    :raises Unverifiable: when they are not of one size.
    """
    if ours.shape != theirs.shape:
        raise Unverifiable(model="", reason=f"{ours.shape} is not {theirs.shape}")
    apart = numpy.abs(ours.astype(numpy.int16) - theirs.astype(numpy.int16))
    return {
        "max": int(apart.max()),
        "mean": round(float(apart.mean()), 5),
        "differing": round(float((apart.max(axis=2) > 0).mean()), 5),  # share of the pixels
        "limit": limit,
        "same": bool(apart.max() <= limit),
    }


def _ours(runner: Runner, graph: Graph, engine: Engine) -> Drawn:
    staging = Path(engine.options.staging)
    runner.run(_shortened(graph))
    for saved in runner.job.images:
        for name in (saved.path, saved.thumbnail):
            (staging / name).unlink(missing_ok=True)
    runner.job.images.clear()
    begun = time.perf_counter()
    runner.run(graph)
    seconds = time.perf_counter() - begun
    with Pillow.open(staging / runner.job.images[0].path) as picture:
        return Drawn(numpy.asarray(picture.convert("RGB")).copy(), seconds)


def _shortened(graph: Graph) -> Graph:
    """Give a graph of the same picture with few steps, which loads all that it needs."""
    return msgspec.structs.replace(
        graph,
        nodes=[
            msgspec.structs.replace(node, settings={**node.settings, "steps": _FIRST})
            if int(node.settings.get("steps") or 0) > _FIRST
            else node
            for node in graph.nodes
        ],
    )


def _pipeline(source: Resource, engine: Engine) -> Any:
    """Load diffusers' pipeline from the model's own folder, without a network."""
    import diffusers

    # In float32, torch's default: any other would be set for all threads meanwhile.
    given: dict[str, Any] = {"torch_dtype": torch.float32, "local_files_only": True}
    try:
        if source.format == "diffusers":
            config = diffusers.DiffusionPipeline.load_config(source.path, local_files_only=True)
            given |= _UNCHECKED if "safety_checker" in config else {}
            with transformers_lock:
                made = diffusers.DiffusionPipeline.from_pretrained(
                    source.path, use_safetensors=True, **given
                )
        elif source.format == "single":
            made = _of_file(source, given)
        else:
            raise Unverifiable(model=source.name, reason=source.format)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelUnreadable(model=source.name, reason=str(error)[:500]) from error
    made.set_progress_bar_config(disable=True)
    return made


def _of_file(source: Resource, given: dict[str, Any]) -> Any:
    """Load diffusers' pipeline of a single file by its own loader, which needs configurations."""
    import diffusers

    files = blueprint(source)
    kind = getattr(diffusers, PIPELINES[source.family or ""])
    with tempfile.TemporaryDirectory(prefix="heliograph-") as folder:
        for name, content in files.items():
            place = Path(folder, name)
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)
        with transformers_lock:
            return kind.from_single_file(source.path, config=folder, **given)


def _theirs(task_run: Telling, pipeline: Any, task: Verify, source: Resource) -> Drawn:
    device = task_run.engine.device
    aligned = family_of(source.family or "", source.name).aligned
    config = dict(pipeline.scheduler.config)
    # Less what its class put in for itself: another class has other values of its own.
    filled = {"_use_default_values", *config.get("_use_default_values", ())}
    base = {name: value for name, value in config.items() if name not in filled}

    def draw(steps: int, phase: str) -> Pixels:
        def stepped(_: Any, step: int, __: Any, kept: dict[str, Any]) -> dict[str, Any]:
            task_run.job.check()
            task_run.tell(phase, step + 1, steps)
            return kept

        pipeline.scheduler = samplers.make(
            task.sampler, task.scheduler, base, steps, family=aligned
        )
        noise = torch.Generator("cpu").manual_seed(task.seed)
        made = pipeline(
            prompt=task.prompt, negative_prompt=task.negative_prompt or None, width=task.width,
            height=task.height, num_inference_steps=steps, guidance_scale=task.guidance_scale,
            generator=noise, output_type="np", callback_on_step_end=stepped,
            **_latents(pipeline, task, device.dtype, noise),
        ).images[0]  # fmt: skip
        levels: Pixels = (made * 255).round().astype(numpy.uint8)
        return levels

    with task_run.engine.baton.hold(task_run.job.id, "step", check=task_run.job.check):
        pipeline.to(device.torch, device.dtype)
        draw(min(_FIRST, task.steps), "load")
        begun = time.perf_counter()
        pixels = draw(task.steps, "step")
        return Drawn(pixels, time.perf_counter() - begun)


def _latents(
    pipeline: Any, task: Verify, dtype: torch.dtype, noise: torch.Generator
) -> dict[str, torch.Tensor]:
    """Draw the noise in float32, where the pipeline would draw other noise in its own format."""
    network = getattr(pipeline, "unet", None)
    if dtype == torch.float32 or network is None:
        return {}
    factor = pipeline.vae_scale_factor
    shape = (1, network.config.in_channels, task.height // factor, task.width // factor)
    return {"latents": torch.randn(shape, generator=noise).to(dtype)}


def _limit(engine: Engine) -> int:
    return _EXACT if engine.device.dtype == torch.float32 else _ROUNDED
