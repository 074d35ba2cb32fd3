"""Models on their way to the library: checked, named, placed; nothing is overwritten."""

import json
from pathlib import Path

import pytest

from core.jobs import making
from core.paths import Layout
from core.records.task import MadeFile, MadeModel
from tests.contract.test_task_contract import weights

SHAPES = {"model.diffusion_model.input_blocks.0.0.weight": [2, 4, 3, 3],
          "first_stage_model.quant_conv.weight": [2, 2]}  # fmt: skip


def single(layout: Layout, job: str, name: str = "new") -> MadeModel:
    path = layout.making / f"{job}.safetensors"
    weights(path, SHAPES)
    size = path.stat().st_size
    return MadeModel(
        path=path.name, name=name, files=[MadeFile(name="", size=size, sha256="ab" * 32)]
    )


def folder(layout: Layout, job: str, name: str = "new") -> MadeModel:
    path = layout.making / job
    file = path / "unet" / "diffusion_pytorch_model.safetensors"
    weights(file, {"conv_in.weight": [2, 4]})
    texts = {
        "model_index.json": {"_class_name": "StableDiffusionPipeline"},
        "heliograph.json": {"heliograph": {"job": job, "task": "convert", "version": "1"}},
    }
    for inner, content in texts.items():
        (path / inner).write_text(json.dumps(content), "utf-8")
    files = [
        MadeFile(name=str(each.relative_to(path)), size=each.stat().st_size, sha256="ab" * 32)
        for each in sorted(path.rglob("*.*"))
    ]
    return MadeModel(path=job, name=name, files=files)


def test_a_made_model_goes_to_the_library_under_its_name(layout: Layout) -> None:
    (placed,) = making.place(layout, [single(layout, "J", "fox: a/b")], "J")
    assert placed.file == "fox- a-b.safetensors"
    assert (placed.root, placed.format, placed.kind, placed.sha256) == (
        "models", "single", "checkpoint", "ab" * 32,
    )  # fmt: skip
    assert (layout.models / placed.file).is_file()
    assert list(layout.making.iterdir()) == []
    making.remove(layout, [placed])
    assert not (layout.models / placed.file).exists()


@pytest.mark.parametrize(
    ("kind", "shapes"),
    [
        ("lora", {"lora_unet_conv_in.lora_down.weight": [4, 2],
                  "lora_unet_conv_in.lora_up.weight": [2, 4]}),
        ("embedding", {"sks": [2, 768]}),
    ],
)  # fmt: skip
def test_what_is_put_on_a_checkpoint_goes_to_the_library_too(
    layout: Layout, kind: str, shapes: dict[str, list[int]]
) -> None:
    path = layout.making / "J.safetensors"
    weights(path, shapes)
    file = MadeFile(name="", size=path.stat().st_size, sha256="ab" * 32)

    (placed,) = making.place(layout, [MadeModel(path=path.name, name="sks", files=[file])], "J")

    assert (placed.file, placed.kind) == ("sks.safetensors", kind)


def test_a_name_that_is_taken_gets_a_number_and_nothing_is_overwritten(layout: Layout) -> None:
    (layout.models / "NEW.safetensors").write_bytes(b"somebody's")
    (placed,) = making.place(layout, [single(layout, "J")], "J")
    assert placed.file == "new-2.safetensors"
    assert (layout.models / "NEW.safetensors").read_bytes() == b"somebody's"
    assert making.is_taken(layout, "new", True)
    assert not making.is_taken(layout, "new", False)


def test_a_second_attempt_of_a_job_takes_the_place_of_its_first(layout: Layout) -> None:
    for _ in range(2):  # the server died between the rename and the row
        (placed,) = making.place(layout, [folder(layout, "J")], "J")
        assert placed.file == "new"
    (placed,) = making.place(layout, [folder(layout, "K")], "K")
    assert placed.file == "new-2"


@pytest.mark.parametrize("how", ["gone", "short", "path", "header", "no model"])
def test_what_is_not_as_the_engine_said_is_refused_and_deleted(layout: Layout, how: str) -> None:
    made = single(layout, "J")
    path = layout.making / made.path
    if how == "gone":
        path.unlink()
    elif how == "short":
        path.write_bytes(path.read_bytes()[:-1])
    elif how == "path":
        made = MadeModel(path="../J.safetensors", name="new", files=made.files)
    elif how == "header":
        data = path.read_bytes()
        path.write_bytes(b"\xff" * len(data))
    else:
        weights(path, {"some.weight": [4]})
        file = MadeFile(name="", size=path.stat().st_size, sha256="")
        made = MadeModel(path=made.path, name="new", files=[file])
    with pytest.raises(making.ModelDamaged):
        making.place(layout, [made], "J")
    assert [each.name for each in layout.models.iterdir()] == [".making"]
    assert list(layout.making.iterdir()) == []


def test_one_of_two_that_cannot_be_placed_takes_the_other_with_it(layout: Layout) -> None:
    good, bad = single(layout, "J-1", "good"), single(layout, "J-2", "bad")
    (layout.making / bad.path).unlink()
    with pytest.raises(making.ModelDamaged):
        making.place(layout, [good, bad], "J")
    assert [each.name for each in layout.models.iterdir()] == [".making"]


def test_a_sweep_deletes_only_what_the_job_made(layout: Layout) -> None:
    single(layout, "J")
    folder(layout, "K")
    making.sweep(layout, "J")
    assert [each.name for each in layout.making.iterdir()] == ["K"]
    making.sweep(layout, "K")
    assert list(Path(layout.making).iterdir()) == []
