"""Settings schemas turned back into types that check and fill."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from core.graph import fields, schema, settings
from core.graph.catalogue import Catalogue


class Inner(Struct, kw_only=True, frozen=True):
    depth: Annotated[int, Meta(ge=1)] = 1


class Round(Struct, tag="round"):
    radius: float


class Square(Struct, tag="square"):
    side: Annotated[float, Meta(gt=0)]


class Tree(Struct):
    children: "list[Tree]" = []


class Kinds(Struct, kw_only=True):
    needed: str
    inner: Inner = Inner()
    inners: list[Inner] = []
    shape: Round | Square | None = None
    pair: tuple[int, str] = (1, "a")
    either: int | str = 0
    enum: Literal["a", "b"] | None = None
    table: dict[str, Annotated[int, Meta(le=9)]] = {}
    few: Annotated[list[int], Meta(min_length=1, max_length=2)] | None = None
    unique: set[int] = set()
    tree: Tree | None = None
    anything: Any = None


@pytest.fixture(scope="module")
def kinds() -> dict[str, Any]:
    return msgspec.json.schema(Kinds)


@pytest.mark.parametrize(
    ("value", "path", "code", "params"),
    [
        ({"needed": 1}, "$.needed", "wrong_type", {"expected": "str"}),
        ({"inner": {"depth": 0}}, "$.inner.depth", "number_too_small", {"min": 1}),
        ({"inner": {"width": 0}}, "$.inner.width", "unknown_field", {"field": "width"}),
        ({"inners": [{}, {"depth": "x"}]}, "$.inners[1].depth", "wrong_type", {"expected": "int"}),
        ({"shape": {"type": "square", "side": 0}}, "$.shape.side", "number_not_above", {"min": 0}),
        ({"shape": {"type": "oval"}}, "$.shape.type", "not_one_of", {"values": "round, square"}),
        ({"pair": [1]}, "$.pair", "wrong_length", {"length": 2}),
        ({"pair": [1, 2]}, "$.pair[1]", "wrong_type", {"expected": "str"}),
        ({"either": 1.5}, "$.either", "wrong_type", {"expected": "int | str"}),
        ({"enum": "c"}, "$.enum", "not_one_of", {"values": "a, b"}),
        ({"table": {"k": 10}}, "$.table[...]", "number_too_large", {"max": 9}),
        ({"few": []}, "$.few", "too_short", {"min": 1}),
        ({"few": [1, 2, 3]}, "$.few", "too_long", {"max": 2}),
    ],
)
def test_a_bad_value_is_named_with_its_path(
    value: dict[str, Any], path: str, code: str, params: dict[str, Any], kinds: dict[str, Any]
) -> None:
    (fault,) = settings.validate(kinds, {"needed": "x"} | value)
    assert (fault.path, fault.code) == (path, code)
    assert {name: fault.params[name] for name in params} == params
    assert "reason" not in fault.params


@pytest.mark.parametrize(
    "value",
    [
        {"needed": "x"},
        {"needed": "x", "inner": {"depth": 3}, "inners": [{"depth": 2}]},
        {"needed": "x", "shape": {"type": "round", "radius": 1}},
        {"needed": "x", "shape": None, "pair": [3, "c"], "either": "s", "enum": None},
        {"needed": "x", "tree": {"children": [{"children": []}]}, "unique": [1, 2]},
        {"needed": "x", "anything": {"a": [1, None]}},
    ],
)
def test_what_fits_the_class_fits_its_schema(value: dict[str, Any], kinds: dict[str, Any]) -> None:
    msgspec.convert(value, Kinds)
    assert settings.validate(kinds, value) == []


def test_every_bad_field_is_told_and_not_only_the_first(kinds: dict[str, Any]) -> None:
    faults = settings.validate(kinds, {"enum": "z", "nope": 1, "pair": 4, "few": []})
    assert [(fault.code, fault.path) for fault in faults] == [
        ("not_one_of", "$.enum"),
        ("unknown_setting", "$.nope"),
        ("wrong_type", "$.pair"),
        ("too_short", "$.few"),
        ("missing_setting", "$.needed"),
    ]


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        (float("nan"), "number_not_finite", "$.anything"),
        (float("-inf"), "number_not_finite", "$.anything"),
        ([1, [float("inf")]], "number_not_finite", "$.anything[1][0]"),
        ({"a": 2**53}, "number_too_large", "$.anything.a"),
        (10**400, "number_too_large", "$.anything"),
        ("\ud800", "bad_text", "$.anything"),
        ("a\0b", "bad_text", "$.anything"),
        (object(), "not_json", "$.anything"),
    ],
)
def test_what_json_or_a_browser_cannot_hold_is_refused(
    value: Any, code: str, path: str, kinds: dict[str, Any]
) -> None:
    (fault,) = settings.validate(kinds, {"needed": "x", "anything": value})
    assert (fault.code, fault.path) == (code, path)


def test_a_value_nested_too_deep_is_refused(kinds: dict[str, Any]) -> None:
    value: Any = 1
    for _ in range(500):
        value = [value]
    (fault,) = settings.validate(kinds, {"needed": "x", "anything": value})
    assert fault.code == "too_deep"


def test_text_over_its_length_is_too_long(catalogue: Catalogue) -> None:
    document = catalogue.nodes["prompt.encode"].settings
    (fault,) = settings.validate(document, {"prompt": "x" * 16_385})
    assert (fault.code, fault.params["max"]) == ("too_long", 16_384)


def test_emoji_and_marks_of_direction_are_fine_in_text(catalogue: Catalogue) -> None:
    document = catalogue.nodes["prompt.encode"].settings
    assert settings.validate(document, {"prompt": "🦊 \u202e \x1b[31m"}) == []


class TestFill:
    def test_defaults_are_filled_in(self, catalogue: Catalogue) -> None:
        filled = settings.compiled(catalogue.nodes["latent.sample"].settings).fill({"seed": 3})
        assert filled == {
            "seed": 3,
            "steps": 20,
            "guidance_scale": 7.5,
            "sampler": "default",
            "schedule": "default",
            "strength": 1.0,
        }

    def test_a_default_left_out_equals_one_given(self, catalogue: Catalogue) -> None:
        compiled = settings.compiled(catalogue.nodes["test.every"].settings)
        given_all = compiled.fill({"loras": [], "shape": [1, "a"], "names": {}, "maybe": None})
        assert compiled.fill({}) == given_all

    def test_nested_defaults_are_filled_in_too(self, catalogue: Catalogue) -> None:
        compiled = settings.compiled(catalogue.nodes["test.every"].settings)
        assert compiled.fill({"loras": [{"model": "a"}]})["loras"] == [
            {"model": "a", "weight": 1.0}
        ]

    def test_a_whole_number_for_a_float_is_that_float(self, catalogue: Catalogue) -> None:
        compiled = settings.compiled(catalogue.nodes["number.value"].settings)
        value = compiled.fill({"value": 7})["value"]
        assert isinstance(value, float)

    def test_a_wired_setting_is_left_out(self, catalogue: Catalogue) -> None:
        compiled = settings.compiled(catalogue.nodes["prompt.encode"].settings)
        assert compiled.fill({"prompt": 9}, ["prompt"]) == {"clip_skip": 0}

    def test_a_default_made_by_a_factory_is_left_to_the_engine(self, catalogue: Catalogue) -> None:
        compiled = settings.compiled(catalogue.nodes["test.every"].settings)
        assert "made" not in compiled.fill({})
        assert compiled.fill({"made": [3]})["made"] == [3]

    def test_two_fills_share_no_lists(self, catalogue: Catalogue) -> None:
        compiled = settings.compiled(catalogue.nodes["test.every"].settings)
        compiled.fill({})["loras"].append("changed")
        assert compiled.fill({})["loras"] == []


class TestReferences:
    def test_models_and_pictures_are_found_in_lists_as_well(self, catalogue: Catalogue) -> None:
        found = settings.references(
            catalogue.nodes["test.every"].settings,
            {"loras": [{"model": "a"}, {"model": "b", "weight": 2}]},
        )
        assert [(one.path, one.format, one.value) for one in found] == [
            (("loras", 0, "model"), "lora", "a"),
            (("loras", 1, "model"), "lora", "b"),
        ]

    def test_an_empty_name_and_a_broken_list_name_nothing(self, catalogue: Catalogue) -> None:
        document = catalogue.nodes["test.every"].settings
        for value in ({"loras": [{"model": ""}]}, {"loras": 3}, {"loras": [1]}, {}):
            assert settings.references(document, value) == []

    def test_replacing_leaves_the_given_settings_alone(self, catalogue: Catalogue) -> None:
        document = catalogue.nodes["test.every"].settings
        values = {"loras": [{"model": "a"}]}
        found = settings.references(document, values)
        assert settings.replaced(values, found, lambda one: one.value.upper()) == {
            "loras": [{"model": "A"}]
        }
        assert values == {"loras": [{"model": "a"}]}


class TestCompiling:
    def test_a_schema_is_compiled_once(self, catalogue: Catalogue) -> None:
        document = catalogue.nodes["latent.sample"].settings
        assert settings.compiled(document) is settings.compiled(document)

    def test_the_cache_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "_CACHE_SIZE", 4)
        documents = [{"type": "object", "properties": {}} for _ in range(20)]
        for document in documents:
            settings.compiled(document)
        assert len(settings._cache) <= 4

    def test_the_schema_of_something_else_is_refused(self) -> None:
        with pytest.raises(schema.SchemaRefused):
            settings.compiled({"type": "array"})

    def test_names_that_are_no_identifiers_work(self) -> None:
        document = {
            "title": "Odd name!",
            "type": "object",
            "properties": {"a-b": {"type": "integer"}, "class": {"type": "string"}},
            "required": ["a-b"],
        }
        assert settings.validate(document, {"a-b": 1, "class": "x"}) == []
        (fault,) = settings.validate(document, {"a-b": "x"})
        assert fault.path == "$.a-b"

    def test_a_reference_in_a_circle_is_taken_as_any_value(self, kinds: dict[str, Any]) -> None:
        assert settings.validate(kinds, {"needed": "x", "tree": {"children": [7]}}) == []

    def test_a_dangling_reference_is_taken_as_any_value(self) -> None:
        document = {"type": "object", "properties": {"x": {"$ref": "#/$defs/Gone"}}}
        assert settings.validate(document, {"x": [1, "a"]}) == []

    def test_a_union_that_msgspec_refuses_is_left_to_the_engine(self) -> None:
        two = {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "array"}]}
        document = {"type": "object", "properties": {"x": two}}
        assert settings.validate(document, {"x": "anything"}) == []

    @pytest.mark.parametrize(
        ("sub", "kinds"),
        [
            ({"type": "integer"}, {"integer"}),
            ({"type": ["integer", "null"]}, {"integer", "null"}),
            ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"string", "null"}),
            ({"enum": ["a", 1, True, 1.5]}, {"string", "integer", "boolean", "number"}),
            ({"const": "x"}, {"string"}),
            ({}, set()),
        ],
    )
    def test_the_json_types_of_a_property_are_named(
        self, sub: dict[str, Any], kinds: set[str]
    ) -> None:
        assert schema.kinds(sub, {}) == kinds


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(values=st.dictionaries(st.sampled_from(Kinds.__struct_fields__), json_values))
def test_whatever_the_check_lets_through_the_class_takes(values: dict[str, Any]) -> None:
    document = _DOCUMENT
    if not settings.validate(document, values) and "tree" not in values:
        msgspec.convert(values, Kinds)
        settings.compiled(document).fill(values)


_DOCUMENT = msgspec.json.schema(Kinds)


@pytest.mark.parametrize(
    "value",
    ["a fox", "", 0, -1, fields.MAX_INT, 0.5, True, None, "é", "\0", float("nan"), float("inf"),
     fields.MAX_INT + 1, -(2**63), [], {}, [1], {"a": 1}, "\ud800", b"x"],
)  # fmt: skip
def test_a_glance_never_lets_through_what_a_closer_look_refuses(value: Any) -> None:
    for values in ({"a": value}, {"a": 1, "b": value}):
        assert not fields.is_plain(values) or list(fields.unfit(values)) == []
    assert not fields.is_plain({"\0": 1})
    assert fields.is_plain({"a": "a fox", "b": 2, "c": 0.5, "d": None, "e": True})
