"""A single file becomes a folder: its parts load as they do from the file, and it comes back."""

import json
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from core.engine.models import load
from core.engine.values import Model, TextEncoder, Vae
from core.library import scan
from tests.engine.models import originals
from tests.engine.tasks.conftest import Command
from tests.engine.tasks.test_convert import run, same, write_family

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
OF_NO_PART = (
    "alphas_cumprod", "model_ema.decay", "position_ids", ".logit_scale", ".text_projection",
)  # fmt: skip
KINDS = [Model, TextEncoder, Vae]


def loaded(kind: Any, path: Path, family: str) -> Any:
    format_ = "diffusers" if path.is_dir() else "single"
    handle = kind(identity="x", path=str(path), family=family, format=format_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load.load(handle, torch.float32)


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_a_single_file_and_the_folder_made_of_it_are_one_model(
    tmp_path: Path, command: Command, family: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensors = originals.sd_tensors(originals.write_sd(tmp_path / "f", family), family)
    file = originals.write(tmp_path / "file.safetensors", tensors)
    folder = run(command(file, layout="diffusers", family=family))
    found = scan.examine(folder)
    assert found is not None
    assert (found.kind, found.family, found.format) == ("checkpoint", family, "diffusers")
    for kind in KINDS:
        ours, theirs = (loaded(kind, path, family) for path in (folder, file))
        assert same(ours.state_dict(), theirs.state_dict()), kind
        a, b = (
            dict(ours.config.to_dict() if kind is TextEncoder else ours.config),
            dict(theirs.config.to_dict() if kind is TextEncoder else theirs.config),
        )
        skipped = (
            "architectures",
            "_name_or_path",
            "dtype",
            "torch_dtype",
            "transformers_version",
            "_class_name",
            "_diffusers_version",
        )
        assert {k: v for k, v in a.items() if k not in skipped} == {
            k: v for k, v in b.items() if k not in skipped
        }, kind
    encoder = loaded(TextEncoder, folder, family)
    known = loaded(TextEncoder, file, family)
    text = "a red fox, 2 < 3"
    assert encoder.tokenizer(text).input_ids == known.tokenizer(text).input_ids
    index = json.loads((folder / "model_index.json").read_text("utf-8"))
    assert index["_class_name"] == "StableDiffusionPipeline"
    back = load_file(run(command(folder, layout="single", family=family, job="K")))
    kept = {name: one for name, one in tensors.items() if name in back}
    assert same(back, kept)
    lost = tensors.keys() - kept.keys()
    assert all(name.endswith(OF_NO_PART) for name in lost), lost


def test_diffusers_itself_loads_the_folder(tmp_path: Path, command: Command) -> None:
    from diffusers import StableDiffusionPipeline

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensors = originals.sd_tensors(originals.write_sd(tmp_path / "f", "sd1"), "sd1")
        file = originals.write(tmp_path / "file.safetensors", tensors)
        folder = run(command(file, layout="diffusers"))
        pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    assert same(pipeline.unet.state_dict(), loaded(Model, file, "sd1").state_dict())
    assert pipeline.safety_checker is None


def test_a_file_of_two_text_encoders_becomes_a_folder_with_both(
    tmp_path: Path, command: Command
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = originals.write_sd(tmp_path / "xl", "sd1")  # of widths that XL may have
        write_family(source, "sdxl", words=originals.WORDS, tokens=77)
    file = run(command(source, family="sdxl", layout="single"))
    folder = run(command(file, family="sdxl", layout="diffusers", job="K"))
    found = scan.examine(folder)
    assert found is not None
    assert (found.kind, found.family) == ("checkpoint", "sdxl")
    index = json.loads((folder / "model_index.json").read_text("utf-8"))
    assert index["force_zeros_for_empty_prompt"] is True
    for kind in (*KINDS, partial(TextEncoder, part="text_encoder_2")):
        ours, theirs = (loaded(kind, path, "sdxl") for path in (folder, file))
        assert same(ours.state_dict(), theirs.state_dict()), kind
    assert ours.tokenizer.pad_token == theirs.tokenizer.pad_token
    back = run(command(folder, family="sdxl", layout="single", job="L"))
    assert same(load_file(back), load_file(file))
