"""What a trained model says of itself: in Stability's words, in kohya's, and in our own.

https://github.com/Stability-AI/ModelSpec; the keys of kohya's trainer are those that other programs
show. Knows neither weights nor where they go.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import torch
from msgspec import Struct

import core
from core.errors import HeliographError
from core.graph.catalogue import Resource
from core.ipc.commands import RunTraining, TaughtSubject
from core.library import header
from core.library.made import KEY, Origin, Source
from core.records.recipe import Recipe

TRAINED = "training"  # of a folder's own file; of a file's metadata with KEY before it
_CHUNK = 8 << 20  # bytes
_README = 1 << 16  # bytes of a card that are read
_ARCHITECTURES = {
    "sd1": "stable-diffusion-v1", "sd2": "stable-diffusion-v2",
    "sdxl": "stable-diffusion-xl-v1-base", "sdxl-refiner": "stable-diffusion-xl-v1-refiner",
    "sd3": "stable-diffusion-3", "flux": "flux-1-dev",
}  # fmt: skip
_VERSIONS = {
    "sd1": "sd_v1", "sd2": "sd_v2", "sdxl": "sdxl_base_v1-0", "sd3": "sd3m", "flux": "flux1",
}  # fmt: skip
_MODULES = {"lokr": "lycoris.kohya"}  # all others: networks.lora


class About(Struct, frozen=True, kw_only=True):
    """What is known of a run whose weights are published."""

    job: str
    name: str  # of the model
    base: Resource
    recipe: Recipe
    subjects: Sequence[TaughtSubject]
    step: int
    base_sha256: str = ""
    dataset: str = ""  # its fingerprint
    prediction: str = ""  # what the base predicts, in diffusers' words
    resolution: int = 0  # pixels, where the recipe leaves it open
    starts: Sequence[Source] = ()  # LoRAs that it went on from
    alone: bool = True  # false: those are needed beside what is published (``Trained.alone``)

    @property
    def family(self) -> str:
        """Name the base's family."""
        return self.base.family or ""

    @property
    def trigger(self) -> str:
        """Say what makes the subject appear in a prompt."""
        return ", ".join(f"{one.token} {one.class_word}".strip() for one in self.subjects)


def about(command: RunTraining, step: int, **more: Any) -> About:
    """Take what a command tells of a run.

    :param more: further fields.
    """
    start = command.recipe.start_lora
    if start in command.resources:
        found = command.resources[start]
        hashed = command.hashes.get(start, "")
        more.setdefault("starts", [Source(name=found.name, sha256=hashed, weight=1.0)])
    return About(
        job=command.job,
        name=command.name,
        base=command.resources[command.base],
        recipe=command.recipe,
        subjects=command.subjects,
        step=step,
        base_sha256=command.hashes.get(command.base, ""),
        **more,
    )


def origin(told: About, dtype: str = "") -> Origin:
    """Say how a model came to be."""
    base = Source(name=told.base.name, sha256=told.base_sha256)
    return Origin(
        job=told.job, task="train", version=core.__version__, dtype=dtype,
        sources=[base, *told.starts],
    )  # fmt: skip


def training(told: About) -> dict[str, str | int]:
    """Say what a run was made of, shortly: enough to tell whether two are of one recipe."""
    recipe = msgspec.json.encode(told.recipe, order="deterministic")
    return {
        "method": told.recipe.method,
        "recipe": hashlib.sha256(recipe).hexdigest(),
        "dataset": told.dataset,
        "step": told.step,
        "token": ", ".join(one.token for one in told.subjects),
        "class_word": ", ".join(one.class_word for one in told.subjects),
    }


def of_file(
    told: About, tensors: Mapping[str, torch.Tensor], kind: str, title: str
) -> dict[str, str]:
    """Make the metadata of a file that is added to a base.

    :param kind: "lora" or "textual-inversion".
    :param title: of the model.
    """
    recipe = told.recipe
    side = recipe.resolution or told.resolution
    said = {
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{_ARCHITECTURES.get(told.family, told.family)}/{kind}",
        "modelspec.implementation": "diffusers",
        "modelspec.title": title,
        "modelspec.date": datetime.now(UTC).isoformat(timespec="seconds"),
        "modelspec.hash_sha256": f"0x{digest(tensors)}",
        "modelspec.trigger_phrase": told.trigger,
        "modelspec.usage_hint": _hint(told),
        KEY: msgspec.json.encode(origin(told)).decode(),
        f"{KEY}.{TRAINED}": msgspec.json.encode(training(told)).decode(),
    }
    if side:
        said["modelspec.resolution"] = f"{side}x{side}"
    if told.prediction in ("epsilon", "v_prediction"):
        said["modelspec.prediction_type"] = "v" if told.prediction[0] == "v" else "epsilon"
    if licence := licence_of(told.base):
        said["modelspec.license"] = licence
    return said | (_kohya(told, title, side) if kind == "lora" else {})


def licence_of(base: Resource) -> str:
    """Read the licence that a base tells: in its metadata, or at the head of its card."""
    path = Path(base.path)
    try:
        if path.is_file():
            return header.read_header(path).metadata.get("modelspec.license", "")[:300]
        with open(path / "README.md", "rb") as file:
            lines = file.read(_README).decode("utf-8", "replace").splitlines()
    except (OSError, HeliographError):
        return ""
    head = lines[1 : lines.index("---", 1)] if lines[:1] == ["---"] and "---" in lines[1:] else []
    found = next((line for line in head if line.startswith("license:")), "")
    return found.removeprefix("license:").strip()[:300]


def digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Hash the numbers of tensors, in the order in which their file has them."""
    made = hashlib.sha256()
    for name in sorted(tensors, key=lambda one: (-tensors[one].dtype.itemsize, one)):
        flat = tensors[name].contiguous().reshape(-1).view(torch.uint8)
        data = memoryview(flat.numpy())  # type: ignore[arg-type]  # numpy's stubs of Python < 3.12
        for place in range(0, len(data), _CHUNK):
            made.update(data[place : place + _CHUNK])
    return made.hexdigest()


def _hint(told: About) -> str:
    hint = f'Write "{told.trigger}" in a prompt.'
    if told.alone or not told.starts:
        return hint
    return f"{hint} Use it together with {', '.join(one.name for one in told.starts)}."


def _kohya(told: About, title: str, side: int) -> dict[str, str]:
    recipe = told.recipe
    pictures = sum(len(one.pictures) for one in told.subjects)
    network = _MODULES.get(recipe.method, "networks.lora")
    said: dict[str, object] = {
        "ss_output_name": title,
        "ss_network_module": network,
        "ss_network_dim": recipe.rank,
        "ss_network_alpha": recipe.alpha or recipe.rank,
        "ss_base_model_version": _VERSIONS.get(told.family),
        "ss_v2": told.family == "sd2",
        "ss_sd_model_name": told.base.name,
        "ss_new_sd_model_hash": told.base_sha256 or None,
        "ss_unet_lr": recipe.lr_unet if recipe.train_denoiser else None,
        "ss_text_encoder_lr": recipe.lr_te if recipe.train_text_encoder else None,
        "ss_optimizer": recipe.optimizer,
        "ss_lr_scheduler": recipe.schedule,
        "ss_num_train_images": pictures,
        "ss_num_reg_images": recipe.num_class_images if recipe.prior == "images" else 0,
        "ss_batch_size_per_device": recipe.batch,
        "ss_gradient_accumulation_steps": recipe.accumulate,
        "ss_steps": told.step,
        "ss_max_train_steps": recipe.max_steps,
        "ss_resolution": f"({side}, {side})" if side else None,
        "ss_seed": recipe.seed,
        "ss_mixed_precision": recipe.precision,
        "ss_noise_offset": recipe.noise_offset or None,
        "ss_min_snr_gamma": recipe.snr_gamma or None,
    }
    if network != "networks.lora":
        said["ss_network_args"] = msgspec.json.encode({"algo": recipe.method}).decode()
    return {name: str(value) for name, value in said.items() if value is not None}
