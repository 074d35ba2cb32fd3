"""Models written anew: what goes in comes out, in another layout or format, and nothing is left."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.engine.baton import Cancelled
from core.engine.tasks import casting, convert, layouts
from core.engine.tasks.originals import ORIGINALS
from core.engine.tasks.parts import opened, weights_of
from core.engine.tasks.tensors import WeightFile
from core.errors import HeliographError, ModelUnreadable
from core.ipc.commands import RunTask
from core.library import made as origin
from core.library import scan
from core.records.task import SINGLE_FAMILIES
from tests.engine.tasks.conftest import Command
from tests.engine.tiny import write_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
Tensors = dict[str, torch.Tensor]


def run(command: RunTask, told: list[tuple[int, int]] | None = None) -> Path:
    """Convert, see that what is reported is there, and give the file or folder."""
    seen: list[tuple[int, int]] = [] if told is None else told
    counter = convert.Counter(lambda done, total: seen.append((done, total)))
    made = convert.convert(command, command.task, counter)  # type: ignore[arg-type]
    path = Path(command.folder, made.path)
    for file in made.files:
        data = (path / file.name if file.name else path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size, file.sha256)
    assert origin.digest(made.files) == scan.sha256_of(path)
    assert seen[-1][0] == seen[-1][1] > 0
    return path


def weights(folder: Path) -> dict[str, Tensors]:
    return {
        part.name: {k: v for file in weights_of(part) for k, v in load_file(file).items()}
        for part in sorted(folder.iterdir())
        if part.is_dir() and weights_of(part)
    }


def same(left: Tensors, right: Tensors) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_every_family_that_may_become_a_single_file_has_its_names() -> None:
    assert SINGLE_FAMILIES == ORIGINALS.keys()


def test_a_folder_in_half_precision_is_each_tensor_rounded(folder: Path, command: Command) -> None:
    path = run(command(folder, dtype="float16"))
    before, after = weights(folder), weights(path)
    assert before.keys() == after.keys()
    for part, tensors in before.items():
        rounded = {name: tensor.half() for name, tensor in tensors.items()}
        assert same(after[part], rounded), part
    small = {file.relative_to(folder) for file in folder.rglob("*.json")}
    assert {"model_index.json", "scheduler/scheduler_config.json"} < {str(name) for name in small}
    assert all((path / name).read_bytes() == (folder / name).read_bytes() for name in small)
    found = scan.examine(path)
    assert found is not None
    assert (found.kind, found.format) == ("checkpoint", "diffusers")
    again = run(command(path, dtype="float32", job="K"))
    assert same(weights(again)["unet"], {k: v.half().float() for k, v in before["unet"].items()})


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_a_folder_and_the_single_file_of_it_hold_the_same_tensors(
    tmp_path: Path, command: Command, family: str
) -> None:
    source = write_family(tmp_path / family, family)
    file = run(command(source, family=family, layout="single"))
    found = scan.examine(file)
    assert found is not None
    assert (found.kind, found.format) == ("checkpoint", "single")
    back = opened(str(file), "single", family, lambda count: None)
    before = weights(source)
    assert {part.folder for part in back.parts} == before.keys()
    for part in back.parts:
        read = {name: lazy.make() for name, lazy in part.tensors.items()}
        for name, lazy in part.tensors.items():
            assert (lazy.shape, lazy.dtype) == (read[name].shape, read[name].dtype)
        usual = {usual_name(part.folder, k): v for k, v in before[part.folder].items()}
        assert same(read, usual), part.folder


def test_a_single_file_made_by_the_way_of_a_folder_is_the_file(
    tmp_path: Path, folder: Path, command: Command
) -> None:
    file = run(command(folder, layout="single"))
    again = run(command(file, dtype="float32", job="K"))
    assert same(load_file(file), load_file(again))
    assert origin.made_by(file) == "J"
    assert origin.made_by(again) == "K"
    said = WeightFile(again, lambda count: None).header.metadata
    assert said["modelspec.architecture"] == "stable-diffusion-v1"
    assert said["modelspec.prediction_type"] == "epsilon"
    (source,) = json.loads(said["heliograph"])["sources"]
    assert source["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_what_belongs_to_no_part_of_a_single_file_stays(folder: Path, command: Command) -> None:
    file = run(command(folder, layout="single"))
    tensors = load_file(file)
    more = {"extra.numbers": torch.arange(4), "extra.scale": torch.tensor(0.5)}
    save_file({**tensors, **more}, file)
    made = load_file(run(command(file, dtype="bfloat16", job="K")))
    assert torch.equal(made["extra.numbers"], more["extra.numbers"])
    assert made["extra.scale"].dtype == torch.bfloat16
    assert made.keys() == tensors.keys() | more.keys()


def test_float8_takes_the_matrices_and_leaves_norms_wider(folder: Path, command: Command) -> None:
    made = weights(run(command(folder, dtype="float8_e4m3fn")))["unet"]
    narrow = {name for name, tensor in made.items() if tensor.dtype == torch.float8_e4m3fn}
    assert len(narrow) > 20
    assert all(made[name].dim() >= 2 and "norm" not in name for name in narrow)
    wide = {tensor.dtype for name, tensor in made.items() if name not in narrow}
    assert wide == {torch.float16}


@pytest.mark.parametrize(
    ("value", "dtype"), [(1e6, "float16"), (float("nan"), "float32"), (1e4, "float8_e4m3fn")]
)
def test_a_weight_that_the_format_cannot_hold_is_refused_by_name(
    folder: Path, command: Command, value: float, dtype: str
) -> None:
    (file,) = weights_of(folder / "unet")
    tensors = load_file(file)
    name = "down_blocks.0.resnets.0.conv1.weight"
    tensors[name][0, 0, 0, 0] = value
    # Of another format than asked for, so that it is looked at.
    save_file({k: v.double() if dtype == "float32" else v for k, v in tensors.items()}, file)
    wanted = command(folder, dtype=dtype)
    with pytest.raises(casting.Uncastable) as caught:
        run(wanted)
    assert caught.value.params == {"tensor": name, "dtype": dtype}
    assert list(Path(wanted.folder).iterdir()) == []


def test_a_cancel_is_obeyed_within_a_tensor_and_leaves_nothing(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.engine.tasks.tensors._CHUNK", 1024)
    wanted, seen = command(folder, layout="single"), 0

    def tell(done: int, total: int) -> None:
        nonlocal seen
        seen = done
        if done > total // 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        convert.convert(wanted, wanted.task, convert.Counter(tell))  # type: ignore[arg-type]
    size = sum(file.stat().st_size for file in folder.rglob("*.safetensors"))
    assert size // 2 - 40_000 < seen < size // 2 + 2048
    assert list(Path(wanted.folder).iterdir()) == []


def test_a_disk_without_room_is_told_before_anything_is_written(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = command(folder, dtype="float16")
    monkeypatch.setattr("core.engine.tasks.convert._SPARE", 1 << 60)
    with pytest.raises(convert.NoRoom) as caught:
        run(wanted)
    assert int(caught.value.params["needed"] or 0) > 100_000
    assert list(Path(wanted.folder).iterdir()) == []


def broken(folder: Path, how: str) -> None:
    (file,) = weights_of(folder / "unet")
    data = bytearray(file.read_bytes())
    if how == "short":
        file.write_bytes(data[:-9])
    elif how == "header":
        data[20:24] = b"????"
        file.write_bytes(data)
    elif how == "pickle":
        file.write_bytes(b"\x80\x04" + bytes(64))
    elif how == "strange":
        save_file({**load_file(file), "some.thing": torch.ones(2, 2)}, file)
    else:
        file.unlink()


@pytest.mark.parametrize("how", ["short", "header", "pickle", "strange", "gone"])
def test_a_broken_model_is_refused_and_nothing_is_left(
    folder: Path, command: Command, how: str
) -> None:
    broken(folder, how)
    wanted = command(folder, layout="single")
    with pytest.raises(HeliographError):
        run(wanted)
    assert list(Path(wanted.folder).iterdir()) == []


def test_a_file_that_changes_meanwhile_is_no_longer_read(folder: Path, command: Command) -> None:
    wanted = command(folder, dtype="float16")
    (file,) = weights_of(folder / "vae")

    def tell(done: int, total: int) -> None:
        if total and done:
            file.write_bytes(file.read_bytes() + b"!")

    with pytest.raises(ModelUnreadable):
        convert.convert(wanted, wanted.task, convert.Counter(tell))  # type: ignore[arg-type]
    assert list(Path(wanted.folder).iterdir()) == []


def test_a_part_with_names_of_its_own_is_unlike_the_family(folder: Path) -> None:
    from core.engine.tasks.parts import as_original

    checkpoint = opened(str(folder), "diffusers", "sd1", lambda count: None)
    parts = [part for part in checkpoint.parts if part.folder != "vae"]
    with pytest.raises(layouts.Unlike, match="vae is missing"):
        as_original(checkpoint._replace(parts=parts), "sd1")


def usual_name(folder: str, name: str) -> str:
    own = not folder.startswith("text") or name.startswith(("text_model.", "text_projection."))
    return name if own else f"text_model.{name}"


def write_family(folder: Path, family: str, words: int = 190, tokens: int = 16) -> Path:
    """Write a tiny model with the parts and the names of a family.

    :param words: that its text encoders know; ``tokens`` is how many they read at once.
    """
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    if not folder.exists():
        write_model(folder)
    told: dict[str, Any] = {
        "vocab_size": words, "hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": tokens, "projection_dim": 20,
    }  # fmt: skip
    index = {"_class_name": "Pipeline", "unet": ["diffusers", "UNet2DConditionModel"],
             "vae": ["diffusers", "AutoencoderKL"]}  # fmt: skip
    kinds: dict[str, Any] = {"text_encoder": CLIPTextModel}
    if family == "sdxl":
        kinds["text_encoder_2"] = CLIPTextModelWithProjection
        _write_unet(folder)
    for name, kind in kinds.items():
        kind(CLIPTextConfig(**told)).save_pretrained(folder / name)
        index[name] = ["transformers", kind.__name__]
    (folder / "model_index.json").write_text(json.dumps(index), "utf-8")
    return folder


def _write_unet(folder: Path) -> None:
    from diffusers import UNet2DConditionModel

    UNet2DConditionModel(
        in_channels=4, out_channels=4, block_out_channels=(32, 64, 64), layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 3), cross_attention_dim=24, attention_head_dim=4,
        use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=68,
    ).save_pretrained(folder / "unet")  # fmt: skip
