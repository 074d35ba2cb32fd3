"""A ControlNet in one file is the one in a folder, whichever names its weights have."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.engine.models import load
from core.engine.values import ControlNet, ImageEncoder, Model, Vae
from core.errors import ModelUnreadable
from core.library.scan import examine
from tests.engine import tiny_xl
from tests.engine.tiny import write_controlnet

pytestmark = pytest.mark.timeout(120)
# As in the first release: 32 groups, 8 heads, and a text of 768.
MADE: dict[str, Any] = {
    "block_out_channels": (32, 64, 64),
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "norm_num_groups": 32,
    "conditioning_embedding_out_channels": (16, 32, 96, 256),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return write_controlnet(tmp_path_factory.mktemp("net") / "edges", latents=4, **MADE)


@pytest.fixture(scope="module")
def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(next(folder.glob("*.safetensors")))


def handle(path: Path, **fields: str) -> ControlNet:
    return ControlNet(
        **{"identity": "x", "path": str(path), "family": "sd1", "format": "single"} | fields
    )


def first_names(name: str) -> str:
    """Give the name that a weight had in the first release."""
    layers = MADE["layers_per_block"] + 1
    for pattern, new in (
        (r"^time_embedding\.linear_(\d)", lambda m: f"time_embed.{2 * int(m[1]) - 2}"),
        (r"^conv_in\.", "input_blocks.0.0."),
        (r"^controlnet_cond_embedding\.conv_in", "input_hint_block.0"),
        (r"^controlnet_cond_embedding\.conv_out", "input_hint_block.14"),
        (r"^controlnet_cond_embedding\.blocks\.(\d)",
         lambda m: f"input_hint_block.{2 * int(m[1]) + 2}"),
        (r"^controlnet_down_blocks\.(\d+)", r"zero_convs.\1.0"),
        (r"^controlnet_mid_block", "middle_block_out.0"),
        (r"^mid_block\.resnets\.(\d)", lambda m: f"middle_block.{2 * int(m[1])}"),
        (r"^mid_block\.attentions\.0", "middle_block.1"),
        (r"^down_blocks\.(\d)\.resnets\.(\d)",
         lambda m: f"input_blocks.{1 + layers * int(m[1]) + int(m[2])}.0"),
        (r"^down_blocks\.(\d)\.attentions\.(\d)",
         lambda m: f"input_blocks.{1 + layers * int(m[1]) + int(m[2])}.1"),
        (r"^down_blocks\.(\d)\.downsamplers\.0\.conv",
         lambda m: f"input_blocks.{layers * (int(m[1]) + 1)}.0.op"),
        (r"\.norm1\.(weight|bias)$", r".in_layers.0.\1"),
        (r"\.conv1\.", ".in_layers.2."),
        (r"\.norm2\.(weight|bias)$", r".out_layers.0.\1"),
        (r"\.conv2\.", ".out_layers.3."),
        (r"\.time_emb_proj\.", ".emb_layers.1."),
        (r"\.conv_shortcut\.", ".skip_connection."),
    ):  # fmt: skip
        if "transformer_blocks" in name and pattern.startswith(r"\."):
            continue
        name = re.sub(pattern, new, name)  # type: ignore[call-overload]
    return f"control_model.{name}"


@pytest.mark.parametrize("named", ["diffusers", "first"])
def test_a_single_file_is_the_net_in_the_folder(
    folder: Path, weights: dict[str, torch.Tensor], tmp_path: Path, named: str
) -> None:
    file = tmp_path / "edges.safetensors"
    save_file(
        weights if named == "diffusers" else {first_names(n): t for n, t in weights.items()}, file
    )
    found = examine(file)
    assert found is not None
    assert (found.kind, found.family, found.format) == ("controlnet", "sd1", "single")
    ours: Any = load.load(handle(file), torch.float32)
    expected: Any = load.load(handle(folder, format="diffusers"), torch.float32)
    weighed, wanted = ours.state_dict(), expected.state_dict()
    assert weighed.keys() == wanted.keys()
    assert all(torch.equal(weighed[name], wanted[name]) for name in wanted)
    for key, value in expected.config.items():
        if not key.startswith("_"):
            told = ours.config[key]
            assert (list(told) if isinstance(told, tuple | list) else told) == (
                list(value) if isinstance(value, tuple | list) else value
            ), key
    call = (torch.randn(1, 4, 8, 8), 500, torch.randn(1, 16, 768), torch.rand(1, 3, 64, 64))
    with torch.inference_mode():
        down, middle = ours(*call, return_dict=False)
        their_down, their_middle = expected(*call, return_dict=False)
    for one, other in zip([*down, middle], [*their_down, their_middle], strict=True):
        assert (one - other).abs().max() <= 1e-5 * other.abs().max()
    size = load.size(handle(file), torch.float32)
    assert size == pytest.approx(sum(p.nbytes for p in ours.parameters()), rel=0.05)


def test_a_single_file_of_stable_diffusion_xl_is_the_net_in_the_folder(tmp_path: Path) -> None:
    """Heads and the width of the sizes' embedding are not in the shapes: those of the real nets."""
    made: dict[str, Any] = {
        "block_out_channels": (32, 160, 320), "attention_head_dim": (5, 10, 20),
        "norm_num_groups": 32, "cross_attention_dim": 2048, "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 1280 + 6 * 256,
    }  # fmt: skip
    folder = tiny_xl.write_controlnet(tmp_path / "net", **made)
    file = tmp_path / "edges.safetensors"
    save_file(load_file(next(folder.glob("*.safetensors"))), file)
    found = examine(file)
    assert found is not None
    assert (found.kind, found.family) == ("controlnet", "sdxl")
    ours: Any = load.load(handle(file, family="sdxl"), torch.float32)
    expected: Any = load.load(handle(folder, family="sdxl", format="diffusers"), torch.float32)
    for key, value in expected.config.items():
        if not key.startswith("_"):
            told = ours.config[key]
            assert (list(told) if isinstance(told, tuple | list) else told) == (
                list(value) if isinstance(value, tuple | list) else value
            ), key
    assert ours.state_dict().keys() == expected.state_dict().keys()


def test_files_that_lack_weights_or_are_none_are_refused(
    weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    file = tmp_path / "some.safetensors"
    for left in (
        {n: t for n, t in weights.items() if "mid_block" not in n},
        {n: t for n, t in weights.items() if "down_blocks" not in n},
        {"lora_controlnet": torch.zeros(1)},
        {**weights, "conv_in.weight": torch.zeros(1)},
        {f"control_model.input_blocks.{n}.0.op.weight": torch.zeros(1) for n in range(2)},
    ):
        save_file(left, file)
        with pytest.raises(ModelUnreadable):
            load.load(handle(file), torch.float32)
    file.write_bytes(b"junk")
    with pytest.raises(ModelUnreadable):
        load.load(handle(file), torch.float32)
    with pytest.raises(ModelUnreadable):
        load.load(handle(tmp_path / "gone.safetensors"), torch.float32)


def test_other_parts_and_formats_are_still_refused_by_name(tmp_path: Path) -> None:
    told = {"identity": "x", "path": str(tmp_path / "a"), "family": "sd1"}
    for refused in (
        ImageEncoder(**told, format="single"),
        handle(tmp_path / "a", format="gguf"), Model(**told, format="strange"),
    ):  # fmt: skip
        with pytest.raises(ModelUnreadable, match="format_unsupported"):
            load.load(refused, torch.float32)
    with pytest.raises(
        ModelUnreadable, match="model_part_missing"
    ):  # a packed file has no such part
        load.load(Vae(**told, format="gguf"), torch.float32)
