"""Training goes on from a LoRA: nothing of it is lost, and what is published is whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.engine.train.export.publish import published
from core.engine.train.methods import Trained, prepared
from core.errors import ModelUnreadable
from core.records.recipe import Method
from tests.engine import adapter_files
from tests.engine.tiny import Tiny
from tests.engine.train import bases
from tests.engine.train.bases import SUBJECT, opened, predicted, stepped
from tests.engine.train.export.test_publish import about, drawn, recipe, trained

pytestmark = pytest.mark.slow
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    root = tmp_path_factory.mktemp("bases")
    return {family: bases.written(root / family, family) for family in bases.WRITERS}


def goes_on(
    folders: Mapping[str, Path], making: Path, family: str, first: Any, second: Any
) -> Trained:
    """Train, publish, and go on from what was published; look at both and at what comes out."""
    folder = folders[family]
    base = opened(folder, family)
    run = trained(base, first)
    (made,) = published(run.weights(), about(folder, family, first), making)
    before = predicted(base, run.denoiser, run.encoders)

    again = prepared(base, second, [SUBJECT], making / made.path)

    assert torch.allclose(predicted(base, again.denoiser, again.encoders), before, **CLOSE)
    stepped(base, again)
    live = predicted(base, again.denoiser, again.encoders)
    assert not torch.allclose(live, before, atol=1e-2)
    if again.alone:
        told = about(folder, family, second, job="job8")
        (whole,) = published(again.weights(), told, making)
        assert torch.allclose(drawn(base, folder, whole, making), live, **CLOSE)
    return again


@pytest.mark.parametrize("family", bases.WRITERS)
@pytest.mark.parametrize("rank", [4, 6])
def test_matrices_that_fit_are_taken(
    folders: Mapping[str, Path], tmp_path: Path, family: str, rank: int
) -> None:
    made = goes_on(
        folders, tmp_path, family, recipe("lora"), recipe("lora", rank=rank, alpha=1.0)
    )  # fmt: skip

    assert (made.started, made.alone) == ("taken", True)


@pytest.mark.parametrize("family", bases.WRITERS)
@pytest.mark.parametrize("method", ["lora", "dora"])
def test_matrices_that_do_not_fit_are_merged_and_published_with_the_new_ones(
    folders: Mapping[str, Path], tmp_path: Path, family: str, method: Method
) -> None:
    made = goes_on(
        folders, tmp_path, family, recipe("lora"), recipe(method, rank=2, targets="attention")
    )  # fmt: skip

    assert (made.started, made.alone) == ("merged", True)


def test_what_is_for_layers_that_are_not_trained_is_kept(
    folders: Mapping[str, Path], tmp_path: Path
) -> None:
    asked = recipe("lora", targets="attention", train_text_encoder=False)

    made = goes_on(folders, tmp_path, "sdxl", recipe("lora"), asked)

    assert (made.started, made.alone) == ("partly", True)


@pytest.mark.parametrize(("first", "second"), [
    ("lokr", "lora"), ("dora", "lora"), ("lora", "lokr"), ("dora", "dora"),
])  # fmt: skip
def test_other_kinds_are_merged_and_needed_beside(
    folders: Mapping[str, Path], tmp_path: Path, first: Method, second: Method
) -> None:
    made = goes_on(folders, tmp_path, "sd1", recipe(first), recipe(second))

    assert (made.started, made.alone) == ("merged", False)


def test_a_full_training_goes_on_from_a_lora_and_is_whole(
    folders: Mapping[str, Path], tmp_path: Path
) -> None:
    folder = folders["sd1"]
    base = opened(folder, "sd1")
    run = trained(base, recipe("lora"))
    (made,) = published(run.weights(), about(folder, "sd1", recipe("lora")), tmp_path)

    again = prepared(base, recipe("full"), [SUBJECT], tmp_path / made.path)

    before = predicted(base, run.denoiser, run.encoders)
    assert torch.allclose(predicted(base, again.denoiser, again.encoders), before, **CLOSE)
    told = about(folder, "sd1", recipe("full"), job="job8")
    (whole,) = published(again.weights(), told, tmp_path)
    found = opened(tmp_path / whole.path, "sd1")
    assert torch.allclose(predicted(found, found.denoiser, found.encoders), before, **CLOSE)


@pytest.mark.parametrize("dialect", ["kohya", "peft", "diffusers_old"])
def test_files_of_every_dialect_are_gone_on_from(
    folders: Mapping[str, Path], tmp_path: Path, dialect: str
) -> None:
    tiny = Tiny(folders["sd1"])
    file = tmp_path / "foreign.safetensors"
    made = getattr(adapter_files, dialect)(tiny)
    save_file({name: one.contiguous() for name, one in made.items()}, file)
    base = opened(folders["sd1"], "sd1")
    before = predicted(base, base.denoiser, base.encoders)

    again = prepared(base, recipe("lora"), [SUBJECT], file)

    assert again.started == "taken"
    assert not torch.allclose(predicted(base, again.denoiser, again.encoders), before, atol=1e-2)
    assert torch.equal(predicted(base, base.denoiser, base.encoders), before)


def test_a_lora_of_other_networks_is_refused(folders: Mapping[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    stem = "lora_unet_nowhere_attn1_to_q"
    pair = {
        f"{stem}.lora_down.weight": torch.zeros(2, 4),
        f"{stem}.lora_up.weight": torch.zeros(4, 2),
    }
    save_file(pair, file)

    with pytest.raises(ModelUnreadable) as caught:
        prepared(opened(folders["sd1"], "sd1"), recipe("lora"), [SUBJECT], file)

    assert caught.value.name == "adapter_misfit"


def test_matrices_of_another_shape_are_refused(folders: Mapping[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    pair = {
        f"{stem}.lora_down.weight": torch.ones(2, 5),
        f"{stem}.lora_up.weight": torch.ones(3, 2),
    }
    save_file(pair, file)

    with pytest.raises(ModelUnreadable) as caught:
        prepared(opened(folders["sd1"], "sd1"), recipe("lora"), [SUBJECT], file)

    assert caught.value.name == "adapter_misfit"
