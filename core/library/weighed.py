"""What a checkpoint's parts weigh, and how large small matrices beside them would be.

Read from headers and small JSON files; weights stay on disk. Knows the layouts of diffusers and of
one file; what small matrices are worth is ``core.training.memory``'s.
"""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from core.errors import HeliographError
from core.library import configs
from core.library.header import Header, read_header
from core.records.weighed import Prediction, Weighed

Part = Literal["denoiser", "encoders", "vae"]
_FOLDERS: dict[str, Part] = {
    "unet": "denoiser", "transformer": "denoiser", "vae": "vae", "text_encoder": "encoders",
    "text_encoder_2": "encoders", "text_encoder_3": "encoders",
}  # fmt: skip
_STARTS: tuple[tuple[str, Part], ...] = (  # of names in one file; the most telling first
    ("model.diffusion_model.", "denoiser"), ("first_stage_model.", "vae"), ("vae.", "vae"),
    ("cond_stage_model.", "encoders"), ("conditioner.", "encoders"),
    ("text_encoders.", "encoders"),
)  # fmt: skip
_ATTENTION = (".to_q.", ".to_k.", ".to_v.", ".to_out.", "_q_proj.", "_k_proj.", "_v_proj.",
              ".to_add_out.", "attn.qkv.", "attn.proj.", ".add_q", ".add_k", ".add_v")  # fmt: skip
_FEED_FORWARD = (".ff.", ".ff_context.", "_mlp.", ".mlp.", ".proj_mlp.")
_TEXT = (".self_attn.", ".SelfAttention.", ".attn.")
_TOKENS = ("token_embedding.weight", "embeddings.token_embedding")
_CELLS = {"flux": 2, "sd3": 2}  # cells of latents that a network sees as one, each way
_PREDICTIONS: dict[str, Prediction] = {"flux": "flow", "sd3": "flow"}  # else a file says
_MAX_FILES = 64  # of one part
_FACTOR = 8  # pixels of a cell, where nothing says


def weighed(path: Path, family: str, told: str | None = None) -> Weighed:
    """Count what a checkpoint is made of; zeros where it cannot be read.

    :param path: a folder of diffusers' layout, or a safetensors file.
    :param told: what the file is known to predict, for one that lies alone.
    """
    counts: Counter[str] = Counter()
    for part, header in _headers(path):
        _count(counts, header, part)
    predicts = _PREDICTIONS.get(family)
    if predicts is None:
        said = _scheduler(path) if path.is_dir() else told or ""
        predicts = "v_prediction" if said.startswith("v") else "epsilon"
    factor = (_factor(path) if path.is_dir() else _FACTOR) * _CELLS.get(family, 1)
    return Weighed(**counts, factor=factor, prediction=predicts)


def _headers(path: Path) -> Iterator[tuple[Part | None, Header]]:
    """Read each file's header; a part of None is told by names."""
    if not path.is_dir():
        yield from ((None, header) for header in _read(path))
        return
    for folder, part in _FOLDERS.items():
        files = sorted(islice((path / folder).glob("*.safetensors"), _MAX_FILES))
        plain = [file for file in files if ".fp16" not in file.name and "non_ema" not in file.name]
        for file in plain or files:
            for header in _read(file):
                yield part, header


def _read(path: Path) -> Iterator[Header]:
    try:
        yield read_header(path)
    except (OSError, HeliographError):
        return


def _count(counts: Counter[str], header: Header, given: Part | None) -> None:
    for name, tensor in header.tensors.items():
        part = given or next((part for start, part in _STARTS if name.startswith(start)), None)
        if part is None and not given:
            part = "denoiser"  # a file that is a network alone
        counts[str(part)] += math.prod(tensor.shape)
        if part == "encoders":
            if name.endswith(_TOKENS[0]):
                counts["text_width"] += tensor.shape[-1] if tensor.shape else 0
            elif any(mark in f".{name}" for mark in _TEXT):
                counts["text_attention"] += sides(name, tensor.shape)
        elif part == "denoiser":
            counts[_kind(name)] += sides(name, tensor.shape)


def _kind(name: str) -> str:
    if any(mark in name for mark in _ATTENTION):
        return "attention"
    return "feed_forward" if any(mark in name for mark in _FEED_FORWARD) else "others"


def sides(name: str, shape: tuple[int, ...]) -> int:
    """Add up inputs and outputs of a layer: weights of its small matrices, for each rank.

    Nothing for norms and biases. A convolution's inputs are those of all places it looks at; a
    layer that is three (``qkv``) has three inputs.
    """
    if len(shape) not in (2, 4) or not name.endswith("weight") or 0 in shape:
        return 0
    times = 3 if "qkv" in name or "in_proj" in name else 1
    return times * math.prod(shape[1:]) + shape[0]


def _scheduler(path: Path) -> str:
    return str(_json(path / "scheduler" / "scheduler_config.json").get("prediction_type") or "")


def _factor(path: Path) -> int:
    levels = _json(path / "vae" / "config.json").get("block_out_channels")
    if not isinstance(levels, list) or not 1 <= len(levels) <= 8:
        return _FACTOR
    return int(2 ** (len(levels) - 1))


def _json(path: Path) -> dict[str, object]:
    try:
        return configs.read(path)
    except HeliographError:
        return {}
