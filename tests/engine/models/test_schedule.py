"""What a file says of how it is to be denoised, and who is believed first."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.models.original.schedule import schedule
from core.engine.models.original.table import facts
from core.engine.models.weights import Weights
from tests.engine.models import originals

TELLING = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"


def told(
    root: Path,
    family: str = "sd2",
    spread: float = 0.0,
    said: str = "",
    markers: tuple[str, ...] = (),
) -> dict[str, Any]:
    metadata = {"modelspec.prediction_type": said} if said else {}
    tensors = {TELLING: torch.linspace(-1, 1, 64) * spread}
    tensors |= {name: torch.zeros(1) for name in markers}
    file = originals.write(root / "some.safetensors", tensors, **metadata)
    names = {TELLING: TELLING.removeprefix("model.diffusion_model.")}
    return schedule(file, Weights([file], "some"), names, facts(family), {})


def test_versions_of_stable_diffusion_2_are_told_by_how_far_weights_lie_apart(
    tmp_path: Path,
) -> None:
    assert told(tmp_path, spread=0.1)["prediction_type"] == "epsilon"
    assert told(tmp_path, spread=0.5)["prediction_type"] == "v_prediction"
    assert told(tmp_path, "sd1", spread=0.5)["prediction_type"] == "epsilon"


def test_markers_are_believed(tmp_path: Path) -> None:
    made = told(tmp_path, "sdxl", markers=("v_pred",))
    assert made["prediction_type"] == "v_prediction"
    assert "rescale_betas_zero_snr" not in made
    made = told(tmp_path, "sdxl", markers=("v_pred", "ztsnr"))
    assert made["rescale_betas_zero_snr"] and made["timestep_spacing"] == "trailing"


@pytest.mark.parametrize(
    ("said", "kind"), [("v", "v_prediction"), ("epsilon", "epsilon"), ("strange", "v_prediction")]
)
def test_metadata_go_before_guesses(tmp_path: Path, said: str, kind: str) -> None:
    made = told(tmp_path, spread=0.5, said=said)
    assert made["prediction_type"] == kind


def test_a_file_beside_it_goes_before_all(tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text('model:\n  params:\n    parameterization: "v"\n', "utf-8")
    made = told(tmp_path, said="epsilon")
    assert made["prediction_type"] == "v_prediction"
    (tmp_path / "some.yaml").write_bytes(b"\xff\x00 parameterization: maybe")
    made = told(tmp_path, said="epsilon")
    assert made["prediction_type"] == "epsilon"


def test_those_that_learn_a_flow_differ_by_what_tells_them_its_strength(tmp_path: Path) -> None:
    file = originals.write(tmp_path / "some.safetensors", {"a": torch.zeros(1)})
    weights = Weights([file], "some")
    made = [schedule(file, weights, {}, facts("flux"), {"guidance_embeds": on}) for on in (1, 0)]
    assert [one["use_dynamic_shifting"] for one in made] == [True, False]
    assert [one["shift"] for one in made] == [3.0, 1.0]
    assert schedule(file, weights, {}, facts("sd3"), {})["shift"] == 3.0
