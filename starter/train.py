"""Train the starter from data to weights: `python -m starter.train --size 64 --minutes 90`.

Stages: vocabulary, VAE, text encoder and UNet, export. Every stage goes on where it was left.
"""

import argparse
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline

from starter.diffusion import DiffusionStage, encode_captions, encode_scenes
from starter.export import export
from starter.loop import Stopped, load_checkpoint, save_checkpoint, train
from starter.material import Material, default_cache, load_material
from starter.plan import Plan, settle_steps
from starter.sampling import SHOWN, draw_pictures, load_pipeline, make_grid, make_pipeline
from starter.vae import VaeStage, make_vae, measure_error, measure_scale

log = logging.getLogger(__name__)


def train_vae(material: Material, ordered: int, minutes: float) -> AutoencoderKL:
    """Train the VAE, or take the finished one; its scaling factor is set."""
    plan = material.plan
    if plan.origin is not None:
        return load_pipeline(plan.origin).vae.requires_grad_(False).eval().to(plan.device)
    done = load_checkpoint(plan.work / "vae.done")
    if done is None:
        pool = material.make_pool(1, plan.recipe.pool)
        stage = VaeStage(pool, size=plan.size, seed=plan.seed, device=plan.device)
        stage.total = settle_steps(plan.work / "steps.json", "vae", ordered, minutes, stage)
        path = plan.work / "vae.ckpt"
        train(
            stage,
            total=stage.total,
            rate=plan.recipe.vae_rate,
            path=path,
            save_every=plan.save_every,
            stopping=plan.stopping,
        )
        vae = stage.ema.eval()
        error = measure_error(vae, material.make_pool(2, plan.held))
        scale = measure_scale(vae, pool[:1024])
        done = {"vae": vae.to("cpu").state_dict(), "scale": scale, "error": error}
        save_checkpoint(plan.work / "vae.done", done)
    log.info("vae error %.5f, scaling factor %.4f", done["error"], done["scale"])
    vae = make_vae(plan.size).requires_grad_(False).eval()
    vae.load_state_dict(done["vae"])
    vae.register_to_config(scaling_factor=done["scale"])
    return vae.to(plan.device)


def encode_all(material: Material, vae: AutoencoderKL) -> tuple[torch.Tensor, torch.Tensor]:
    """Encode every scene and its captions, or take what is kept beside the finished VAE."""
    plan = material.plan
    path = plan.work / f"latents-{plan.scene_count}.pt"
    kept = load_checkpoint(path)
    if kept is None:
        log.info("encoding %d scenes", plan.scene_count)
        phrasings = plan.recipe.phrasings
        kept = {
            "latents": encode_scenes(vae, plan.scene_count, material.draw, plan.device).cpu(),
            "words": encode_captions(
                material.scenes, material.subjects, material.tokenizer, plan.seed, phrasings
            ),
        }
        save_checkpoint(path, kept)
        log.info("encoded")
    return kept["latents"], kept["words"]


def train_diffusion(
    material: Material, vae: AutoencoderKL, ordered: int, minutes: Callable[[], float]
) -> StableDiffusionPipeline:
    """Train text encoder and UNet, with a grid and an export now and then.

    `minutes()` is asked when the training itself begins.
    """
    plan = material.plan
    latents, words = encode_all(material, vae)
    stage = DiffusionStage(
        latents, words, material.tokenizer, size=plan.size, seed=plan.seed, device=plan.device
    )
    if plan.origin is not None:
        origin = load_pipeline(plan.origin)
        stage.start_from(origin.text_encoder, origin.unet)
    total = settle_steps(plan.work / "steps.json", "diffusion", ordered, minutes(), stage)

    def show(step: int) -> None:
        finish(plan, assemble(material, vae, stage), f"step {step} of {total}")

    path = plan.work / "diffusion.ckpt"
    train(
        stage,
        total=total,
        rate=plan.rate or plan.recipe.rate,
        path=path,
        save_every=plan.save_every,
        show=show,
        show_every=plan.show_every,
        stopping=plan.stopping,
    )
    return assemble(material, vae, stage)


def assemble(
    material: Material, vae: AutoencoderKL, stage: DiffusionStage
) -> StableDiffusionPipeline:
    """Put the averaged weights together with the VAE."""
    text, unet = stage.ema_text.eval(), stage.ema_unet.eval()
    return make_pipeline(vae, text, material.tokenizer, unet)


def finish(plan: Plan, pipeline: StableDiffusionPipeline, when: str) -> None:
    """Put the export in its place, and draw the grid."""
    total = export(pipeline, plan.model, plan.size, plan.cache)
    log.info("exported at %s: %.1f MB", when, total / 1e6)
    make_grid(draw_pictures(pipeline, SHOWN)).save(plan.model.with_name("grid.png"))


def export_now(material: Material) -> None:
    """Export what the checkpoints hold, untrained parts included."""
    plan = material.plan
    done = load_checkpoint(plan.work / "vae.done")
    state = load_checkpoint(plan.work / "vae.ckpt")
    vae = make_vae(plan.size).eval()
    if plan.origin is not None:
        vae = load_pipeline(plan.origin).vae.eval()
    elif done is not None:
        vae.load_state_dict(done["vae"])
        vae.register_to_config(scaling_factor=done["scale"])
    elif state is not None:
        vae.load_state_dict(state["stage"]["ema"])
        vae.register_to_config(scaling_factor=measure_scale(vae, material.make_pool(2, plan.held)))
    vae = vae.to(plan.device)
    nothing = torch.empty(0)
    stage = DiffusionStage(
        nothing, nothing, material.tokenizer, size=plan.size, seed=plan.seed, device=plan.device
    )
    state = load_checkpoint(plan.work / "diffusion.ckpt")
    if state is not None:
        stage.restore(state["stage"])
    step = 0 if state is None else state["step"]
    finish(plan, assemble(material, vae, stage), f"step {step}")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m starter.train", description=__doc__)
    parser.add_argument("--size", type=int, default=64, choices=(64, 128, 256))
    parser.add_argument("--minutes", type=float, default=90.0, help="for all stages together")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--vae-steps", type=int, default=0, help="instead of the minutes")
    parser.add_argument("--steps", type=int, default=0, help="instead of the minutes")
    parser.add_argument("--origin", type=Path, help="go on from this export, its VAE as it is")
    parser.add_argument("--favour", type=int, default=1, help="weight of the latest subjects")
    parser.add_argument("--rate", type=float, default=0.0, help="instead of the recipe's")
    parser.add_argument("--scenes", type=int, default=0, help="0: as many as the recipe says")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--work", type=Path, help="checkpoints; by default in the cache")
    parser.add_argument("--model", type=Path, default=Path(__file__).with_name("model"))
    parser.add_argument("--export-only", action="store_true", help="export the checkpoints")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run every stage that is not finished."""
    started, asked = time.monotonic(), parse(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(asked.threads or os.cpu_count() or 1)
    device = asked.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True  # every step has the same shapes
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    plan = Plan(
        size=asked.size,
        seed=asked.seed,
        device=device,
        work=asked.work or asked.cache / f"work-{asked.size}{'-onward' if asked.origin else ''}",
        cache=asked.cache,
        model=asked.model,
        scenes=asked.scenes,
        origin=asked.origin,
        favour=asked.favour,
        rate=asked.rate,
        stopping=stop.is_set,
    )
    plan.work.mkdir(parents=True, exist_ok=True)
    material = load_material(plan)
    if asked.export_only:
        export_now(material)
        return
    try:
        vae = train_vae(material, asked.vae_steps, asked.minutes * plan.recipe.vae_part)
        train_diffusion(
            material,
            vae,
            asked.steps,
            lambda: max(0.0, asked.minutes - (time.monotonic() - started) / 60),
        )
    except Stopped as stopped:
        log.info("stopped: %s", stopped)


if __name__ == "__main__":
    main()
