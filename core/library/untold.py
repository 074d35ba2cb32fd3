"""What a single file does not tell of a model: it is read as its family's published ones are.

A folder that differs in it would come back as another model. Reads configurations; no weights.
"""

from pathlib import Path
from typing import NamedTuple

from core.errors import HeliographError
from core.library import configs

_WORDS = {"clip_text_model": 49408, "t5": 32128}  # kind of text encoder → words of its tokenizer
_GROUPS = 32  # of norms
_HEADS = {"sd1": {8}, "sd2": {5, 10, 20}, "sdxl": {5, 10, 20}}


class Untold(NamedTuple):
    """A part of a model, and the setting of it that a file would lose."""

    part: str
    setting: str


def untold(path: Path, family: str) -> Untold | None:
    """Say what of a folder in diffusers' layout a single file would not tell; None for nothing."""
    for part in ("text_encoder", "text_encoder_2", "text_encoder_3"):
        config = _config(path, part)
        words = _WORDS.get(str(config.get("model_type")))
        if words is not None and config.get("vocab_size", words) != words:
            return Untold(part, "vocab_size")
    unet = _config(path, "unet")
    if unet.get("norm_num_groups", _GROUPS) != _GROUPS:
        return Untold("unet", "norm_num_groups")
    heads = unet.get("attention_head_dim")
    known = _HEADS.get(family)
    given = set(heads) if isinstance(heads, list) else {heads}
    if heads is not None and known is not None and not given <= known:
        return Untold("unet", "attention_head_dim")
    return None


def _config(path: Path, part: str) -> dict[str, object]:
    try:
        return configs.read(path / part / "config.json")
    except (HeliographError, OSError):
        return {}  # the engine says what is wrong with it
