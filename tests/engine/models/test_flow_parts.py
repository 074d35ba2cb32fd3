"""Parts of FLUX and Stable Diffusion 3: which are there, and in which number format they are."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.engine.models import load
from core.engine.values import Handle
from tests.engine.models import originals_flow
from tests.engine.tiny_flow import write_flux, write_sd3

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("parts")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_flux(made / "flux")
        write_sd3(made / "sd3")
        write_sd3(made / "short", t5=False)
    return made


def handle(path: Path, family: str, part: str, **fields: Any) -> Handle:
    return Handle(identity=path.name, path=str(path), family=family, part=part, **fields)


@pytest.mark.parametrize(
    ("family", "part", "format_"),
    [
        ("flux", "model", torch.bfloat16), ("flux", "text_encoder", torch.bfloat16),
        ("flux", "text_encoder_2", torch.bfloat16), ("flux", "vae", torch.bfloat16),
        ("sd3", "model", torch.float16), ("sd3", "text_encoder_2", torch.float16),
        ("sd3", "text_encoder_3", torch.bfloat16), ("sd3", "vae", torch.float16),
    ],
)  # fmt: skip
def test_what_float16_cannot_hold_is_bfloat16(
    folder: Path, family: str, part: str, format_: torch.dtype
) -> None:
    named = handle(folder / family, family, part)
    assert next(load.load(named, torch.float16).parameters()).dtype == format_
    assert load.size(named, torch.float16) > 0
    assert next(load.load(named, torch.float32).parameters()).dtype == torch.float32


def test_a_third_encoder_may_be_missing_in_a_folder_and_in_a_file(
    folder: Path, tmp_path: Path
) -> None:
    there = {
        name: load.present(handle(folder / name, "sd3", "text_encoder_3"))
        for name in ("sd3", "short")
    }
    assert there == {"sd3": True, "short": False}
    file = tmp_path / "sd3.safetensors"
    weights = originals_flow.sd3(originals_flow.tiny_sd3().state_dict())
    named = {f"model.diffusion_model.{name}": one.contiguous() for name, one in weights.items()}
    save_file(named, file)
    assert load.present(handle(file, "sd3", "model", format="single"))
    assert not load.present(handle(file, "sd3", "text_encoder_3", format="single"))
