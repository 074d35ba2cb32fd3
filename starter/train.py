"""Train the starter from data to weights: `python -m starter.train --size 64 --minutes 90`.

Stages: vocabulary, VAE, text encoder and UNet, export. Every stage goes on where it was left.
"""

import argparse
import logging
import os
import signal
import threading
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline

from starter.diffusion import Captions, DiffusionStage, encode_scenes
from starter.export import export
from starter.loop import Stopped, load_checkpoint, save_checkpoint, train
from starter.material import Material, default_cache, load_material
from starter.plan import Plan, settle_steps
from starter.sampling import SHOWN, draw_pictures, make_grid, make_pipeline
from starter.vae import VaeStage, make_vae, measure_error, measure_scale

log = logging.getLogger(__name__)

VAE_PART = 0.35  # of the minutes
VAE_RATE, RATE = 1e-3, 8e-4  # learning rates


def train_vae(material: Material, ordered: int, minutes: float) -> AutoencoderKL:
    """Train the VAE, or take the finished one; its scaling factor is set."""
    plan = material.plan
    done = load_checkpoint(plan.work / "vae.done")
    if done is None:
        pool = material.make_pool(1, plan.pool)

        def make(total: int = 1) -> VaeStage:
            return VaeStage(pool, size=plan.size, seed=plan.seed, total=total, device=plan.device)

        total = settle_steps(plan.work / "steps.json", "vae", ordered, minutes, make)
        stage, path = make(total), plan.work / "vae.ckpt"
        train(
            stage,
            total=total,
            rate=VAE_RATE,
            path=path,
            save_every=plan.save_every,
            stopping=plan.stopping,
        )
        vae = stage.ema.to("cpu").eval()
        done = {
            "vae": vae.state_dict(),
            "scale": measure_scale(vae, pool[:2048]),
            "error": measure_error(vae, material.make_pool(2, plan.held)),
        }
        save_checkpoint(plan.work / "vae.done", done)
    log.info("vae error %.5f, scaling factor %.4f", done["error"], done["scale"])
    vae = make_vae(plan.size).requires_grad_(False).eval()
    vae.load_state_dict(done["vae"])
    vae.register_to_config(scaling_factor=done["scale"])
    return vae


def encode_all(material: Material, vae: AutoencoderKL) -> torch.Tensor:
    """Encode every scene, or take the latents kept beside the finished VAE."""
    plan = material.plan
    path = plan.work / f"latents-{plan.scenes}.pt"
    kept = load_checkpoint(path)
    if kept is None:
        log.info("encoding %d scenes", plan.scenes)
        latents = encode_scenes(vae.to(plan.device), plan.scenes, material.draw, plan.device)
        vae.to("cpu")
        save_checkpoint(path, {"latents": latents})
        return latents
    found: torch.Tensor = kept["latents"]
    return found


def train_diffusion(
    material: Material, vae: AutoencoderKL, ordered: int, minutes: float
) -> StableDiffusionPipeline:
    """Train text encoder and UNet, with a grid and an export now and then."""
    plan = material.plan
    latents = encode_all(material, vae)
    captions = Captions(material.scenes, material.subjects, plan.seed)

    def make() -> DiffusionStage:
        return DiffusionStage(
            latents,
            captions,
            material.tokenizer,
            size=plan.size,
            seed=plan.seed,
            device=plan.device,
        )

    total = settle_steps(plan.work / "steps.json", "diffusion", ordered, minutes, make)
    stage = make()

    def show(step: int) -> None:
        finish(plan, assemble(material, vae, stage), f"step {step} of {total}")

    path = plan.work / "diffusion.ckpt"
    train(
        stage,
        total=total,
        rate=RATE,
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
    return make_pipeline(vae.to(stage.device), text, material.tokenizer, unet)


def finish(plan: Plan, pipeline: StableDiffusionPipeline, when: str) -> None:
    """Draw the grid and put the export in its place."""
    grid = make_grid(draw_pictures(pipeline, SHOWN))
    grid.save(plan.work / "grid.png")
    grid.save(plan.model.with_name("grid.png"))
    total = export(pipeline, plan.model, plan.size, plan.cache)
    log.info("exported at %s: %.1f MB", when, total / 1e6)


def export_now(material: Material) -> None:
    """Export what the checkpoints hold, untrained parts included."""
    plan = material.plan
    done = load_checkpoint(plan.work / "vae.done")
    state = load_checkpoint(plan.work / "vae.ckpt")
    vae = make_vae(plan.size).eval()
    if done is not None:
        vae.load_state_dict(done["vae"])
        vae.register_to_config(scaling_factor=done["scale"])
    elif state is not None:
        vae.load_state_dict(state["stage"]["ema"])
        vae.register_to_config(scaling_factor=measure_scale(vae, material.make_pool(2, plan.held)))
    captions = Captions(material.scenes, material.subjects, plan.seed)
    stage = DiffusionStage(
        torch.empty(0),
        captions,
        material.tokenizer,
        size=plan.size,
        seed=plan.seed,
        device=plan.device,
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
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--work", type=Path, help="checkpoints; by default in the cache")
    parser.add_argument("--model", type=Path, default=Path(__file__).with_name("model"))
    parser.add_argument("--export-only", action="store_true", help="export the checkpoints")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run every stage that is not finished."""
    asked = parse(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(asked.threads or os.cpu_count() or 1)
    device = asked.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    plan = Plan(
        size=asked.size,
        seed=asked.seed,
        device=device,
        work=asked.work or asked.cache / f"work-{asked.size}",
        cache=asked.cache,
        model=asked.model,
        stopping=stop.is_set,
    )
    plan.work.mkdir(parents=True, exist_ok=True)
    material = load_material(plan)
    if asked.export_only:
        export_now(material)
        return
    try:
        vae = train_vae(material, asked.vae_steps, asked.minutes * VAE_PART)
        train_diffusion(material, vae, asked.steps, asked.minutes * (1 - VAE_PART))
    except Stopped as stopped:
        log.info("stopped: %s", stopped)


if __name__ == "__main__":
    main()
