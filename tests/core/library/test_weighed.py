"""What checkpoints weigh, told from headers."""

import json
import struct
from pathlib import Path

import pytest

from core.library.weighed import sides, weighed
from core.paths import shipped


def write(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """Write a safetensors file of zeros in bfloat16."""
    entries, place = {}, 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        entries[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(entries).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(place))
    return path


def test_the_starter_weighs_what_its_card_says() -> None:
    found = weighed(shipped("starter"), "sd1")
    assert found.denoiser == pytest.approx(8.84e6, rel=0.01)
    assert found.encoders == pytest.approx(1.85e6, rel=0.01)
    assert found.vae == pytest.approx(3.15e6, rel=0.01)
    assert (found.text_width, found.factor, found.prediction) == (256, 8, "v_prediction")
    blocks = 7  # of the UNet, each with attention to itself and to the text of width 256
    assert found.attention == blocks * (6 * 288 + 2 * (144 + 256))
    assert found.text_attention == 2 * 4 * 512


def test_a_single_file_is_told_apart_by_names(tmp_path: Path) -> None:
    path = write(
        tmp_path / "one.safetensors",
        {
            "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight": (4, 4),
            "model.diffusion_model.input_blocks.0.0.weight": (4, 2, 3, 3),
            "first_stage_model.decoder.conv_in.weight": (2, 2, 3, 3),
            "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (9, 6),
        },
    )
    found = weighed(path, "sd1", "v_prediction")
    assert (found.denoiser, found.vae, found.encoders) == (16 + 72, 36, 54)
    assert (found.attention, found.others, found.text_width) == (8, 22, 6)
    assert (found.factor, found.prediction) == (8, "v_prediction")


def test_a_flow_sees_two_cells_as_one(tmp_path: Path) -> None:
    path = write(tmp_path / "x.safetensors", {"double_blocks.0.img_attn.qkv.weight": (12, 4)})
    found = weighed(path, "flux")
    assert (found.factor, found.prediction) == (16, "flow")
    assert (found.denoiser, found.attention) == (48, 3 * 4 + 12)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\xff" * 64])
def test_what_cannot_be_read_weighs_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.safetensors").write_bytes(content)
    assert weighed(tmp_path / "bad.safetensors", "sd1").denoiser == 0
    assert weighed(tmp_path / "none.safetensors", "sd1").denoiser == 0
    assert weighed(tmp_path, "sd1").factor == 8


def test_norms_and_biases_have_no_small_matrices() -> None:
    assert sides("norm.weight", (8,)) == 0
    assert sides("proj.bias", (8, 8)) == 0
    assert sides("conv.weight", (8, 4, 3, 3)) == 8 + 36


def test_a_shape_of_half_precision_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "unet" / "a.safetensors", {"x.weight": (4, 4)})
    write(tmp_path / "unet" / "a.fp16.safetensors", {"x.weight": (4, 4)})
    assert weighed(tmp_path, "sd1").denoiser == 16
