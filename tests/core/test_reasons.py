"""What msgspec says becomes codes of ours; held to the sentences that it really says."""

import enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from core.reasons import BAD, fault_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(Struct, forbid_unknown_fields=True, kw_only=True):
    size: Annotated[int, Meta(ge=1)]
    mode: Literal["a", "b"] | None = None


class Round(Struct, tag="round"):
    radius: int = 1


class Square(Struct, tag="square"):
    side: int = 1


def said(value: Any, type_: Any) -> tuple[str, str, dict[str, Any]]:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, type_)
    return fault_of(caught.value, type_)


@pytest.mark.parametrize(
    ("value", "type_", "code", "params"),
    [
        (0, Annotated[int, Meta(ge=1)], "number_too_small", {"min": 1}),
        (-0.5, Annotated[float, Meta(ge=-0.25)], "number_too_small", {"min": -0.25}),
        (0, Annotated[int, Meta(ge=1)] | None, "number_too_small", {"min": 1}),
        (101, Annotated[float, Meta(le=100)], "number_too_large", {"max": 100}),
        (0.0, Annotated[float, Meta(gt=0)], "number_not_above", {"min": 0}),
        (1.0, Annotated[float, Meta(lt=1)], "number_not_below", {"max": 1}),
        (7, Annotated[int, Meta(multiple_of=8)], "number_not_multiple", {"multiple": 8}),
        ("", Annotated[str, Meta(min_length=1)], "too_short", {"min": 1}),
        ([1, 2], Annotated[list[int], Meta(max_length=1)], "too_long", {"max": 1}),
        ([1], tuple[int, int], "wrong_length", {"length": 2}),
        ("x", Annotated[str, Meta(pattern="^a$")], "pattern_mismatch", {"pattern": "^a$"}),
        ("c", Literal["a", "b"] | None, "not_one_of", {"values": "a, b"}),
        ("green", Colour, "not_one_of", {"values": "red, blue"}),
        ("x", int | None, "wrong_type", {"expected": "int | null"}),
        (None, dict[str, int], "wrong_type", {"expected": "object"}),
    ],
)
def test_each_sentence_has_a_code_and_its_numbers(
    value: Any, type_: Any, code: str, params: dict[str, Any]
) -> None:
    assert said(value, type_) == (code, "", params)


@pytest.mark.parametrize(
    ("value", "type_", "code", "path"),
    [
        ([{"size": 1}, {"size": 0}], list[Inner], "number_too_small", "[1].size"),
        ([{"size": 1, "mode": "c"}], list[Inner], "not_one_of", "[0].mode"),
        ({"a": {"size": 1, "mode": "c"}}, dict[str, Inner], "not_one_of", "[...].mode"),
        ({}, Inner, "missing_field", ".size"),
        ({"size": 1, "x": 1}, Inner, "unknown_field", ".x"),
        ({"type": "oval"}, Round | Square, "not_one_of", ".type"),
    ],
)
def test_a_place_inside_is_named_down_to_the_field(
    value: Any, type_: Any, code: str, path: str
) -> None:
    assert said(value, type_)[:2] == (code, path)


def test_what_has_no_words_keeps_its_reason() -> None:
    assert fault_of(msgspec.ValidationError("Strange - at `$.a`"), int) == (
        BAD, ".a", {"reason": "Strange"},
    )  # fmt: skip
