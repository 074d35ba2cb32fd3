"""What a model's file, and the notes beside it, say of itself."""

import json
from pathlib import Path

import pytest

from core.library import sidecars, summary
from core.library.summary import MAX_WORDS, read
from tests.core.library import keys


def test_a_trained_adapter_tells_its_words_rank_and_base() -> None:
    tags = {"10_fox": {"red fox": 12, "snow": 3}, "5_more": {"snow": 20, " ": 4, "x": -1, "y": "z"}}
    head = keys.header(
        keys.shapes("sd15-lora-kohya"),
        ss_tag_frequency=json.dumps(tags), ss_network_dim="999", ss_network_alpha="8.0",
        ss_sd_model_name="v1-5-pruned.safetensors", ss_steps="1500", ss_num_train_images="22",
        ss_output_name="fox", ss_epoch="10",
    )  # fmt: skip
    said = read(head)
    assert said.trigger_words == ["snow", "red fox"]
    assert said.facts.tags == {"snow": 23, "red fox": 12}
    assert (said.facts.rank, said.facts.alpha, said.facts.method) == (16, 8.0, "lora")
    assert (said.facts.base_model, said.facts.training_steps) == ("v1-5-pruned.safetensors", 1500)
    assert (said.facts.training_images, said.facts.epochs, said.facts.title) == (22, 10, "fox")


def test_the_standard_of_model_specifications_is_read() -> None:
    head = keys.header(
        {"x": (1,)},
        **{
            "modelspec.title": "Fox", "modelspec.author": "Ann", "modelspec.license": "MIT",
            "modelspec.trigger_phrase": "sks fox", "modelspec.description": "A fox.",
            "modelspec.architecture": "stable-diffusion-v1/lora",
            "modelspec.source": "javascript:x",
            "modelspec.prediction_type": "v", "modelspec.resolution": "512x512",
        },
    )  # fmt: skip
    said = read(head)
    assert (said.trigger, said.description, said.licence) == ("sks fox", "A fox.", "MIT")
    assert said.link is None  # only pages of the web are links
    assert (said.facts.title, said.facts.author, said.facts.prediction_type) == ("Fox", "Ann", "v")
    assert (
        read(keys.header({}, **{"modelspec.source": "https://x.org/a"})).link == "https://x.org/a"
    )


@pytest.mark.parametrize(("name", "method"), [
    ("sd15-loha", "loha"), ("sd15-lokr", "lokr"), ("sd15-lora-peft", "lora"), ("sdxl-unet", None),
])  # fmt: skip
def test_the_method_is_told_by_names(name: str, method: str | None) -> None:
    assert read(keys.header(keys.shapes(name))).facts.method == method


def test_a_checkpoint_tells_what_it_holds() -> None:
    whole = read(keys.header(keys.shapes("sdxl-checkpoint"))).facts.parts
    assert whole == ["text_encoder", "text_encoder_2", "transformer", "vae"]
    assert read(keys.header(keys.shapes("sdxl-unet"))).facts.parts == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"ss_tag_frequency": "{"}, {"ss_tag_frequency": "[]"}, {"ss_tag_frequency": "7"},
        {"ss_tag_frequency": '{"a": 1, "b": [2], "c": {"d": 1e999, "e": true}}'},
        {"ss_tag_frequency": "[" * 100_000}, {"ss_network_dim": "many"}, {"ss_steps": "-3"},
        {"ss_steps": "1e400"}, {"ss_network_alpha": "nan"}, {"modelspec.description": "None"},
        {"modelspec.title": "\0\x07"},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_as_if_it_were_not_there(metadata: dict[str, str]) -> None:
    assert read(keys.header({"x": (1,)}, **metadata)) == summary.Said()


def test_everything_is_bounded_and_can_be_stored() -> None:
    tags = {"a": {f"tag {number} \ud800": number + 1 for number in range(5000)}}
    head = keys.header(
        {"x": (1,)}, ss_tag_frequency=json.dumps(tags),
        **{"modelspec.description": "ä" * 99_999, "modelspec.title": "\udfff" * 99_999},
    )  # fmt: skip
    said = read(head)
    assert len(said.trigger_words) == MAX_WORDS
    assert len(said.facts.tags) == 50
    assert said.description is not None and len(said.description) == 4096
    assert said.facts.title is not None and len(said.facts.title.encode()) <= 300


def write(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_notes_of_other_programs_are_read(tmp_path: Path) -> None:
    model = tmp_path / "fox.v1.safetensors"
    card = {"activation text": "sks fox", "notes": "<p>A fox.</p><p>Red &amp; quick</p>"}
    write(tmp_path, "fox.v1.json", card)
    version = {"modelId": 77, "baseModel": "SD 1.5", "trainedWords": ["fox", 7, "<b>red</b>"]}
    write(tmp_path, "fox.v1.civitai.info", version)
    (tmp_path / "fox.v1.preview.png").write_bytes(b"x")
    write(tmp_path, "fox.json", {"activation text": "of another"})
    found = sidecars.beside(model, {path.name for path in tmp_path.iterdir()})
    assert [path.name for path in found] == [
        "fox.v1.json", "fox.v1.civitai.info", "fox.v1.preview.png",
    ]  # fmt: skip
    said = read(keys.header({"x": (1,)}), sidecars.notes(found))
    assert (said.trigger, said.trigger_words) == ("sks fox", ["fox", "red"])
    assert said.link == "https://civitai.com/models/77"
    assert said.facts.base_model == "SD 1.5"
    assert said.description == "A fox.\nRed & quick"
    assert sidecars.preview(found) == tmp_path / "fox.v1.preview.png"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "7", '{"trainedWords": {"a": 1}, "modelId": "../x", "notes": 9}',
                "[" * 100_000, '{"notes": "' + "x" * 1_048_576 + '"}']
)  # fmt: skip
def test_broken_notes_say_nothing(content: str, tmp_path: Path) -> None:
    assert sidecars.notes([write(tmp_path, "x.json", content)]) == {}
