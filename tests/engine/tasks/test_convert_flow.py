"""FLUX.1 and Stable Diffusion 3 as folders and as single files: each becomes the other."""

import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.engine.tasks import convert
from core.ipc.commands import RunTask
from core.library import scan
from tests.engine import adapter_files
from tests.engine.models import original_folders, originals
from tests.engine.models.originals import Tensors
from tests.engine.tasks.conftest import Command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(params=["flux", "sd3"])
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def given(family: str, tmp_path: Path) -> tuple[Path, Tensors]:
    """Write a folder; and the weights of its file by another hand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tmp_path / family, original_folders.write(tmp_path / family, family)


def run(command: RunTask) -> Path:
    made = convert.convert(
        command,
        command.task,  # type: ignore[arg-type]  # a conversion
        convert.Counter(lambda done, total: None),
    )
    return Path(command.folder, made.path)


def same(left: Tensors, right: Tensors) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def weights(folder: Path) -> Tensors:
    """Read all weights of a folder; a T5's table stands in its file once or twice."""
    return {
        f"{file.parent.name}/{name.removeprefix('text_model.')}": tensor
        for file in folder.glob("*/*.safetensors")
        for name, tensor in load_file(file).items()
        if "embed_tokens" not in name
    }


def test_a_folder_becomes_the_file_that_is_published(
    command: Command, family: str, given: tuple[Path, Tensors]
) -> None:
    folder, tensors = given
    file = run(command(folder, family=family, layout="single"))
    found = scan.examine(file)
    assert found is not None
    assert (found.kind, found.family) == ("checkpoint", family)
    made = load_file(file)
    assert made.keys() == tensors.keys() == _usual(tensors).keys()
    assert same(made, tensors)


def test_a_file_becomes_the_folder_that_it_was(
    command: Command, family: str, given: tuple[Path, Tensors], tmp_path: Path
) -> None:
    folder, tensors = given
    file = originals.write(tmp_path / "file.safetensors", tensors)
    made = run(command(file, family=family, layout="diffusers"))
    found = scan.examine(made)
    assert found is not None
    assert (found.kind, found.family, found.format) == ("checkpoint", family, "diffusers")
    assert same(weights(made), weights(folder))
    kept = sorted(one.name for one in folder.iterdir() if one.is_dir())
    assert sorted(one.name for one in made.iterdir() if one.is_dir()) == kept


def test_an_adapter_is_merged_into_a_file(
    command: Command, family: str, given: tuple[Path, Tensors], tmp_path: Path
) -> None:
    _, tensors = given
    file = originals.write(tmp_path / "file.safetensors", tensors)
    name = "transformer_blocks.0.attn.to_v"
    wide = 64
    lora = originals.write(
        tmp_path / "ink.safetensors",
        {f"transformer.{name}.lora_A.weight": adapter_files.draw(4, wide),
         f"transformer.{name}.lora_B.weight": adapter_files.draw(wide, 4, seed=1)},
    )  # fmt: skip
    made = load_file(run(command(file, lora, family=family, loras=[{"model": str(lora)}])))
    changed = {name for name, tensor in tensors.items() if not torch.equal(made[name], tensor)}
    (only,) = changed
    assert only.endswith("attn.qkv.weight")
    before, after = tensors[only], made[only]
    assert torch.equal(before[: 2 * wide], after[: 2 * wide])  # queries and keys stay


def _usual(tensors: Tensors) -> Tensors:
    return {name: one for name, one in tensors.items() if "embed_tokens" not in name}
