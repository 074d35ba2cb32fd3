"""Commands for a run on a tiny model, with pictures of a subject that it has never seen."""

import hashlib
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from core.graph.catalogue import Resource
from core.ipc.commands import RunTraining, TaughtPicture, TaughtSubject
from core.records.model import ModelDefaults
from core.records.recipe import Recipe

SIDE = 32  # pixels

PLAIN: dict[str, Any] = {
    "method": "lora", "rank": 2, "alpha": 2.0, "targets": "attention", "train_text_encoder": False,
    "te_stop_fraction": 0.0, "optimizer": "adamw", "lr_unet": 1e-3, "lr_te": 1e-3, "lr_emb": 1e-3,
    "schedule": "constant", "warmup": 0.0, "ema": 0.0, "max_steps": 4, "prior": "off",
    "caption_dropout": 0.0, "resolution": SIDE, "bucket_step": 8, "snr_gamma": 0.0,
    "timesteps": "uniform", "precision": "float32", "grad_checkpoint": False, "quantize": "none",
    "checkpoint_every": 0, "checkpoint_minutes": 0.0, "snapshot_every": 0, "sample_every": 0,
    "validate_every": 0, "trackers": [], "num_class_images": 2, "prior_steps": 2, "seed": 7,
}  # fmt: skip


def recipe(**fields: Any) -> Recipe:
    return Recipe(**{**PLAIN, **fields})


def pictures(folder: Path, count: int = 3) -> list[TaughtPicture]:
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for index in range(count):
        picture = Image.new("RGB", (SIDE, SIDE), (40 * index, 90, 160))
        ImageDraw.Draw(picture).ellipse((4 + index, 6, 20 + index, 26), fill=(230, 120, 10))
        path = folder / f"{index}.png"
        picture.save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        made.append(TaughtPicture(path=str(path), sha256=digest))
    return made


def base(folder: Path, family: str = "sd1") -> Resource:
    return Resource(
        id="m", kind="checkpoint", path=str(folder), identity=f"base of {folder}", family=family,
        name="tiny", format="diffusers",
    )  # fmt: skip


def command(model: Path, folder: Path, job: str = "T", **fields: Any) -> RunTraining:
    """Make the command of a run in ``folder``, which keeps its state and its caches there."""
    for name in ("run", "cache", "making"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    given = {name: fields.pop(name) for name in list(fields) if name in Recipe.__struct_fields__}
    subject = TaughtSubject(
        token="sks", class_word="toy", instance_prompt="a photo of sks toy",
        class_prompt="a photo of a toy", pictures=pictures(folder / "pictures"),
    )  # fmt: skip
    return RunTraining(
        **{
            "job": job, "training": "t", "name": "toys", "recipe": recipe(**given),
            "subjects": [subject], "base": "m", "resources": {"m": base(model)},
            "folder": str(folder / "run"), "cache": str(folder / "cache"),
            "making": str(folder / "making"),
            "defaults": ModelDefaults(width=SIDE, height=SIDE, steps=2, guidance_scale=2.0,
                                      sampler="euler"),
            **fields,
        }
    )  # fmt: skip
