"""What a model's file says of itself: its training, its words, its licence. Bounded.

Reads the metadata of kohya's trainers (``ss_…``), of the ModelSpec standard (``modelspec.…``),
and of the notes beside a file (``sidecars`` gives them the same names).
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from core.library.header import Header
from core.records.model import ModelFacts

MAX_WORDS = 20  # trigger words
_MAX_TAGS = 50
_MAX_TEXT = 4096  # characters of a description
_MAX_LINE = 300  # of everything else
_MAX_JSON = 4 << 20  # characters of the captions' counts
_LINK = re.compile(r"https?://[^\s<>\"']{1,2000}")
_DOWN = ("lora_down.weight", "lora_A.weight", "lora.down.weight", "hada_w1_b", "lokr_w2_b")
_PARTS = (  # starts of the names of a checkpoint's parts, in the original layouts
    ("model.diffusion_model.", "transformer"), ("first_stage_model.", "vae"), ("vae.", "vae"),
    ("cond_stage_model.", "text_encoder"), ("conditioner.embedders.0.", "text_encoder"),
    ("conditioner.embedders.1.", "text_encoder_2"), ("text_encoders.clip_l.", "text_encoder"),
    ("text_encoders.clip_g.", "text_encoder_2"), ("text_encoders.t5xxl.", "text_encoder_3"),
)  # fmt: skip


class Said(Struct, frozen=True, kw_only=True):
    """What was found, in the words of a model's record."""

    trigger: str | None = None
    description: str | None = None
    trigger_words: list[str] = []
    licence: str | None = None
    link: str | None = None
    facts: ModelFacts = ModelFacts()


def read(header: Header, notes: Mapping[str, str] | None = None) -> Said:
    """Sum up a header's metadata; what notes beside the file say goes before it.

    :param notes: values under the same names, or under those of ``Said``.
    """
    from_file = header.metadata
    notes = notes or {}

    def first(*names: str, most: int = _MAX_LINE) -> str | None:
        for name in names:
            value = _clean(notes.get(name) or from_file.get(name) or "")
            if value and value.lower() not in ("none", "null"):
                return value[:most]
        return None

    tags = _tags(from_file.get("ss_tag_frequency", ""))
    words = [_clean(word)[:100] for word in (notes.get("trigger_words") or "").split("\n") if word]
    link = first("link", "modelspec.source", "modelspec.url", most=2000) or ""
    return Said(
        trigger=first("trigger", "modelspec.trigger_phrase"),
        description=first("description", "modelspec.description", most=_MAX_TEXT),
        trigger_words=(words or [*tags])[:MAX_WORDS],
        licence=first("licence", "modelspec.license"),
        link=link if _LINK.fullmatch(link) else None,
        facts=ModelFacts(
            title=first("modelspec.title", "ss_output_name", "general.name"),
            author=first("modelspec.author", "general.author"),
            base_model=first(
                "baseModel", "ss_sd_model_name", "ss_base_model_version", "sd version"
            ),
            architecture=first("modelspec.architecture", "general.architecture"),
            method=_method(header, first("ss_network_module")),
            rank=_rank(header, first("ss_network_dim")),
            alpha=_float(first("ss_network_alpha")),
            resolution=first("modelspec.resolution", "ss_resolution"),
            training_steps=_int(first("ss_steps", "ss_max_train_steps")),
            epochs=_int(first("ss_epoch", "ss_num_epochs")),
            training_images=_int(first("ss_num_train_images")),
            prediction_type=first("modelspec.prediction_type") or _prediction(header),
            parts=_parts(header),
            tags=tags,
        ),
    )


def _clean(text: str) -> str:
    """Take out what cannot be stored or shown: halves of surrogate pairs, control characters."""
    sound = text.encode(errors="replace").decode()
    return "".join(char for char in sound if char >= " " or char == "\n").strip()


def _tags(text: str) -> dict[str, int]:
    """Add up how often each word of the captions stands in each folder of the training."""
    if not text or len(text) > _MAX_JSON:
        return {}
    try:
        folders: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    counts: Counter[str] = Counter()
    for folder in folders.values() if isinstance(folders, dict) else ():
        for tag, count in folder.items() if isinstance(folder, dict) else ():
            if type(count) is int and 0 < count < 2**53 and _clean(tag):
                counts[_clean(tag)[:100]] += count
    return {tag: min(count, 2**53 - 1) for tag, count in counts.most_common(_MAX_TAGS)}


def _method(header: Header, module: str | None) -> str | None:
    for mark, method in (
        (".lokr_w", "lokr"), (".hada_w", "loha"), (".oft_", "oft"), (".dora_scale", "dora"),
        (".lora_mid.", "locon"), (".lora_down.", "lora"), (".lora_A.", "lora"),
        (".lora.down", "lora"), (".diff", "full"),
    ):  # fmt: skip
        if any(mark in name for name in header.tensors):
            return method
    return module


def _rank(header: Header, told: str | None) -> int | None:
    ranks = Counter(
        tensor.shape[0]
        for name, tensor in header.tensors.items()
        if name.endswith(_DOWN) and len(tensor.shape) >= 2
    )
    return ranks.most_common(1)[0][0] if ranks else _int(told)


def _prediction(header: Header) -> str | None:
    return "v_prediction" if "v_pred" in header.tensors else None


def _parts(header: Header) -> list[str]:
    found = {
        part
        for name in header.tensors
        for start, part in _PARTS
        if name.startswith(start)
    }  # fmt: skip
    return sorted(found) if "transformer" in found else []


def _int(text: str | None) -> int | None:
    number = _float(text)
    return int(number) if number is not None and 0 <= number < 2**53 else None


def _float(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
