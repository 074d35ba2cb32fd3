"""Tokenizers that ship: those of CLIP and T5, which files of checkpoints leave out.

Made by ``requirements/tokenizers.py``. Each encoder has one of its own: two threads cannot use one
at once.
"""

import base64
import json
import lzma
from functools import cache
from typing import Any

from core.engine.models.modules import transformers_lock
from core.paths import shipped

_CLIP_LENGTH, _T5_LENGTH = 77, 512  # tokens of one window


def shipped_with(facts: dict[str, Any], config: dict[str, Any]) -> Any:
    """Give the tokenizer that a text encoder of a family reads by.

    :param facts: of the text encoder: ``tokenizer``, ``padding``, ``length``.
    :param config: of the text encoder.
    :raises ValueError: where the encoder has fewer words than the tokenizer.
    """
    name = facts["tokenizer"]
    known = len(_content(name)["vocab"] if name == "clip" else _content(name)["model"]["vocab"])
    if config["vocab_size"] < known:
        raise ValueError(f"it knows {config['vocab_size']} words, and its tokenizer {known}")
    if name == "t5":
        return _t5(facts.get("length", _T5_LENGTH))
    return _clip(config["max_position_embeddings"], facts.get("padding", "<|endoftext|>"))


def _clip(length: int, padding: str) -> Any:
    from transformers import CLIPTokenizer

    content = _content("clip")
    with transformers_lock:
        return CLIPTokenizer(
            vocab={word: number for number, word in enumerate(content["vocab"])},
            merges=[tuple(merge.split()) for merge in content["merges"]],
            pad_token=padding,
            model_max_length=length,
        )


def _t5(length: int) -> Any:
    from transformers import T5Tokenizer

    content = _content("t5")
    steps = content["normalizer"]["normalizers"]
    charsmap = next(step["precompiled_charsmap"] for step in steps if step["type"] == "Precompiled")
    with transformers_lock:
        return T5Tokenizer(
            vocab=[(word, score) for word, score in content["model"]["vocab"]],
            _spm_precompiled_charsmap=base64.b64decode(charsmap),
            model_max_length=length,
        )


@cache
def _content(name: str) -> Any:
    return json.loads(lzma.decompress((shipped("tokenizers") / f"{name}.json.xz").read_bytes()))
