"""Folders that a single file could not tell apart from their family's usual models."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.library.untold import untold
from core.paths import shipped


def write(folder: Path, **parts: dict[str, Any]) -> Path:
    for part, config in parts.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


CLIP = {"model_type": "clip_text_model", "vocab_size": 49408}


def test_what_is_usual_is_told(tmp_path: Path) -> None:
    unet = {"attention_head_dim": [5, 10, 20, 20], "norm_num_groups": 32}
    assert untold(write(tmp_path, unet=unet, text_encoder=CLIP), "sd2") is None
    assert untold(tmp_path / "nothing", "sd1") is None


def test_the_starter_has_words_of_its_own() -> None:
    assert untold(shipped("starter"), "sd1") == ("text_encoder", "vocab_size")


@pytest.mark.parametrize(
    ("family", "parts", "found"),
    [
        ("sd1", {"unet": {"attention_head_dim": 4}}, ("unet", "attention_head_dim")),
        ("sdxl", {"unet": {"attention_head_dim": [8, 10]}}, ("unet", "attention_head_dim")),
        ("sd1", {"unet": {"norm_num_groups": 16}}, ("unet", "norm_num_groups")),
        (
            "flux",
            {"text_encoder": CLIP, "text_encoder_2": {"model_type": "t5", "vocab_size": 99}},
            ("text_encoder_2", "vocab_size"),
        ),
    ],
)
def test_what_differs_is_named(
    tmp_path: Path, family: str, parts: dict[str, Any], found: tuple[str, str]
) -> None:
    assert untold(write(tmp_path, **parts), family) == found
