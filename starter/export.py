"""The trained model as files: half precision, in the Stable Diffusion layout.

Knows what loaders look for. Does not know how the weights came about.
"""

import json
import shutil
import tempfile
from copy import deepcopy
from pathlib import Path

from diffusers import StableDiffusionPipeline

from starter.sampling import GUIDANCE, STEPS

LARGEST_FILE = "14MB"  # diffusers parts larger weights into several files with an index
WHOLE = 30_000_000  # bytes, of all files together
LICENSE = "Apache-2.0 AND MIT"
DESCRIPTION = (
    "A small text-to-image model of animals, plants, food and things in three styles on named "
    "backgrounds, trained from nothing on Fluent Emoji (MIT) and Noto Emoji (Apache-2.0)."
)


class ExportTooLarge(Exception):
    """The files are larger than what may be shipped."""


def describe_model(size: int) -> dict[str, object]:
    """Give what `heliograph.json` says: the defaults this model wants."""
    return {
        "name": "Heliograph starter",
        "family": "sd1",
        "defaults": {
            "width": size,
            "height": size,
            "steps": STEPS,
            "guidance_scale": GUIDANCE,
            "sampler": "dpmpp_2m",
        },
        "license": LICENSE,
        "description": DESCRIPTION,
    }


def measure_bytes(folder: Path) -> int:
    """Add up the sizes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def export(pipeline: StableDiffusionPipeline, folder: Path, size: int, cache: Path) -> int:
    """Write the model beside, then put it in the folder's place; give its size in bytes.

    :raises ExportTooLarge: the files together pass 30 MB; the folder stays as it was.
    """
    cache.mkdir(parents=True, exist_ok=True)
    half = StableDiffusionPipeline(
        vae=deepcopy(pipeline.vae).half(),
        text_encoder=deepcopy(pipeline.text_encoder).half(),
        unet=deepcopy(pipeline.unet).half(),
        tokenizer=pipeline.tokenizer,
        scheduler=pipeline.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    with tempfile.TemporaryDirectory(dir=cache) as beside:
        new, old = Path(beside) / "new", Path(beside) / "old"
        half.save_pretrained(new, safe_serialization=True, max_shard_size=LARGEST_FILE)
        for path in new.rglob("*.safetensors"):
            path.chmod(0o644)  # they come readable by their owner only
        _forget_origin(new)
        _add_plain_vocabulary(new / "tokenizer")
        text = json.dumps(describe_model(size), indent=2)
        (new / "heliograph.json").write_text(text + "\n", "utf-8")
        total = measure_bytes(new)
        if total > WHOLE:
            raise ExportTooLarge(f"{total} bytes, at most {WHOLE} may be shipped")
        if folder.exists():
            shutil.move(folder, old)
        shutil.move(new, folder)
    return total


def _forget_origin(folder: Path) -> None:
    """Leave out where parts were loaded from: a path of the machine that trained it."""
    for path in folder.rglob("config.json"):
        config = json.loads(path.read_text("utf-8"))
        config.pop("_name_or_path", None)
        path.write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def _add_plain_vocabulary(folder: Path) -> None:
    """Write `vocab.json` and `merges.txt` too: older loaders know nothing of `tokenizer.json`."""
    model = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False), "utf-8")
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", "utf-8")
