"""Places within settings: one value of a list of objects, changed without touching the rest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.graph import setting_path

LORAS: dict[str, Any] = {"loras": [{"model": "a", "weight": 1}, {"model": "b"}], "steps": 3}


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("steps", ("steps", ())),
        ("loras[0].weight", ("loras", (0, "weight"))),
        ("a.b[2][3].c", ("a", ("b", 2, 3, "c"))),
        ("a[", ("a[", ())), ("a]", ("a]", ())), ("a[-1]", ("a[-1]", ())), ("[0]", ("[0]", ())),
        ("a..b", ("a..b", ())), ("", ("", ())), ("a" + "[0]" * 9, ("a" + "[0]" * 9, ())),
        ("a[1234567]", ("a[1234567]", ())),
    ],
)  # fmt: skip
def test_a_path_is_a_name_and_its_steps(setting: str, parts: tuple[str, tuple[Any, ...]]) -> None:
    assert setting_path.split(setting) == parts


def test_a_value_is_put_in_its_place_and_nothing_else_moves() -> None:
    before = repr(LORAS)
    assert setting_path.put(LORAS, "loras[1].weight", 0.5) == [
        {"model": "a", "weight": 1}, {"model": "b", "weight": 0.5},
    ]  # fmt: skip
    assert setting_path.put(LORAS, "steps", 4) == 4
    assert setting_path.put(LORAS, "new", 4) == 4
    assert repr(LORAS) == before


@pytest.mark.parametrize(
    "setting", ["loras[2].weight", "steps[0]", "steps.a", "loras.a", "loras[0].a.b", "none[0]"]
)
def test_a_place_that_is_not_there_is_told(setting: str) -> None:
    with pytest.raises(LookupError):
        setting_path.put(LORAS, setting, 1)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("loras", "loras[0].weight", True), ("loras[0]", "loras[0].weight", True),
        ("loras[0].weight", "loras[0].weight", True), ("loras[0].weight", "loras[1].weight", False),
        ("loras[0].weight", "loras[0].model", False), ("steps", "step", False),
    ],
)  # fmt: skip
def test_places_overlap_where_one_holds_the_other(one: str, other: str, same: bool) -> None:
    assert setting_path.overlap(one, other) is setting_path.overlap(other, one) is same


def test_a_place_keeps_its_steps_in_a_setting_of_another_name() -> None:
    assert setting_path.moved("loras[0].weight", "adapters") == "adapters[0].weight"
    assert setting_path.moved("steps", "count") == "count"


@given(st.text(max_size=60))
def test_any_text_is_some_path(text: str) -> None:
    head, steps = setting_path.split(text)
    assert text.startswith(head)
    assert len(steps) <= setting_path.MAX_STEPS
    assert setting_path.overlap(text, text)
