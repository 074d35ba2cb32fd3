"""What is unwise before a run is said, with words in every language."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from core.records.recipe import Recipe
from core.records.training import Subject
from core.training import cautions as module
from core.training.facts import PictureFacts
from core.training.plan import planned
from tests.core.training.test_plan import codes, facts

ROOT = Path(__file__).resolve().parents[3]


def subject(**fields: str) -> dict[str, list[Subject]]:
    return {"subjects": [Subject(dataset="d", **{"token": "zxv", "class_word": "toy", **fields})]}


def pictures(count: int, **fields: object) -> dict[str, list[PictureFacts]]:
    one = PictureFacts(width=1024, height=1024)
    return {"pictures": [structs.replace(one, **fields) for _ in range(count)]}


@pytest.mark.parametrize(
    ("code", "recipe", "made"),
    [
        ("token_rifle", {}, subject(token="sks")),
        ("token_rifle", {}, subject(token="<SKS>")),
        ("token_common", {}, subject(token="Dog")),
        ("token_common", {}, subject(token="toy")),
        ("prompt_without_token", {}, subject(instance_prompt="a photo of a toy")),
        ("prompt_without_token", {"templates": ["a {class}"]}, {}),
        ("class_prompt_with_token", {}, subject(class_prompt="a {token}")),
        ("captions_missing", {"captions": "text"}, {}),
        ("pictures_few", {}, pictures(2)),
        ("pictures_many", {}, pictures(61)),
        ("resolution_above_pictures", {}, pictures(5, width=300, height=300)),
        ("resolution_above_model", {"resolution": 768}, {}),
        ("resolution_below_model", {"resolution": 192}, {}),
        ("flip_mirrors", {"flip": True}, {}),
        ("steps_many", {"max_steps": 5000}, {}),
        ("steps_few", {"max_steps": 50}, {}),
        ("ema_slow", {"max_steps": 200, "ema": 0.9999}, {}),
        ("prior_off", {"method": "full", "prior": "off"}, {}),
        ("prior_off", {"method": "full", "prior_weight": 0}, {}),
        ("class_pictures_few", {"num_class_images": 20}, {}),
        ("class_pictures_slow", {}, {"device": "cpu"}),
        ("device_slow", {}, {"device": "cpu"}),
        ("precision_slow", {"precision": "bfloat16"}, {"device": "cpu"}),
        ("precision_wide", {"precision": "float32"}, {}),
        ("rate_high", {"lr_unet": 1e-2}, {}),
        ("rate_low", {"lr_unet": 1e-6}, {}),
        ("rate_of_prodigy", {"lr_unet": 1e-4, "optimizer": "prodigy"}, {}),
        ("recipe_unused", {"method": "full", "rank": 8}, {}),
        ("recipe_unused", {"prior": "off", "num_class_images": 99}, {}),
        ("training_parks", {"method": "full", "train_text_encoder": False}, {"gigabytes": 18}),
        ("disk_short", {"method": "full"}, {"disk_bytes": 10**9}),
    ],
)  # fmt: skip
def test_it_is_said(code: str, recipe: dict[str, Any], made: dict[str, Any]) -> None:
    assert code not in codes(planned(Recipe(prior="images"), facts()))
    assert code in codes(planned(Recipe(**recipe), facts(**made)))


def test_a_sound_run_has_no_warning() -> None:
    assert planned(Recipe(method="full"), facts(gigabytes=80)).warnings == []
    assert planned(Recipe(), facts()).warnings == []


def test_an_empty_recipe_is_told_of_no_unused_field() -> None:
    for method in ("full", "lora", "embedding", "pivotal"):
        assert "recipe_unused" not in codes(planned(Recipe(method=method), facts()))  # type: ignore[arg-type]


def test_every_code_has_words() -> None:
    text = (ROOT / "i18n" / "en.json").read_text("utf-8")
    said = set(msgspec.json.decode(text, type=dict[str, str]))
    source = Path(module.__file__).read_text("utf-8")
    found = {part.split('"')[0] for part in source.split('_warned("')[1:]}
    found |= {"memory_over_lora", "memory_over_resolution"}
    assert len(found) > 25
    assert {code for code in found if f"warnings.{code}" not in said} == set()
