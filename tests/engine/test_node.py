"""What a node class tells of itself, and which classes are refused."""

from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
import pytest
from msgspec import Meta

import core.engine
from core.engine import Color, Context, Image, ImageRef, Mask, Node, Prompt, Seed
from core.engine.node import NodeRefused, spec_of
from core.graph import settings
from core.graph.catalogue import Port


class Grain(Node, tag="mine.film_grain"):
    """Add Gaussian grain.

    More is more.
    """

    version: ClassVar[int] = 3

    amount: Annotated[float, Meta(ge=0, le=1, description="Standard deviation.")] = 0.1
    seed: Seed = 0
    type: str = "fine"  # a setting may be called as msgspec calls the tag

    def run(
        self,
        ctx: Context,
        image: Annotated[Image, Meta(description="Any.")],
        mask: Mask | None = None,
    ) -> Image:
        return image


class Two(NamedTuple):
    image: Image
    amount: float


class Split(Node, tag="mine.split"):
    async def run(self, ctx: Context, value: Image | Mask) -> Two: ...


class Swallow(Node, tag="mine.swallow"):
    pure: ClassVar[bool] = False
    picture: ImageRef
    words: Prompt = ""
    tint: Color = "#ffffff"

    def run(self, ctx: Context) -> None: ...


def test_the_docstring_is_the_help_and_the_tag_the_type() -> None:
    spec = spec_of(Grain, "abc")
    assert (spec.type, spec.category, spec.title) == ("mine.film_grain", "mine", "Grain")
    assert spec.doc == "Add Gaussian grain.\n\nMore is more."
    assert (spec.version, spec.pure, spec.sink, spec.source) == (3, True, False, "abc")


def test_fields_are_settings_with_defaults_limits_and_descriptions() -> None:
    schema = spec_of(Grain).settings
    assert schema["properties"]["amount"] == {
        "type": "number", "minimum": 0, "maximum": 1, "default": 0.1,
        "description": "Standard deviation.",
    }  # fmt: skip
    assert schema["properties"]["seed"]["format"] == "seed"
    assert list(schema["properties"]) == ["amount", "seed", "type"]
    assert (schema["required"], schema["additionalProperties"]) == ([], False)


def test_the_settings_schema_is_understood_by_the_server() -> None:
    compiled = settings.compiled(spec_of(Swallow).settings)
    assert list(compiled.faults({"picture": "x"}, [])) == []
    assert [fault.setting for fault in compiled.faults({"tint": "red"}, [])]


def test_parameters_are_inputs_and_a_default_makes_one_optional() -> None:
    assert spec_of(Grain).inputs == [
        Port(name="image", types=["Image"], doc="Any."),
        Port(name="mask", types=["Mask"], required=False),
    ]
    assert spec_of(Split).inputs == [Port(name="value", types=["Image", "Mask"])]


def test_one_type_is_the_port_out_a_named_tuple_a_port_a_field_and_none_a_sink() -> None:
    assert spec_of(Grain).outputs == [Port(name="out", types=["Image"])]
    assert [(p.name, p.types) for p in spec_of(Split).outputs] == [
        ("image", ["Image"]),
        ("amount", ["float"]),
    ]
    assert spec_of(Swallow).outputs == []
    assert spec_of(Swallow).sink


def test_a_node_is_frozen_and_refuses_unknown_settings() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `radius`"):
        msgspec.convert({"radius": 1}, Grain)
    with pytest.raises(AttributeError):
        Grain().amount = 0.5  # type: ignore[misc]


def test_a_value_out_of_range_is_refused_with_its_path() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"<= 1.0 - at `\$.amount`"):
        msgspec.convert({"amount": 2.0}, Grain)


def _made(run: Any, tag: str = "mine.odd", **namespace: Any) -> type[Node]:
    kind: type[Node] = type(Node)("Odd", (Node,), {"run": run, **namespace}, tag=tag)
    return kind


def test_classes_that_break_a_rule_are_refused_with_the_rule() -> None:
    def unannotated(self: Any, ctx: Any, image) -> None: ...  # type: ignore[no-untyped-def]
    def endless(self: Any, ctx: Any, *images: Image) -> None: ...
    def silent(self: Any, ctx: Any): ...  # type: ignore[no-untyped-def]
    def odd(self: Any, ctx: Any) -> list[int]: ...  # type: ignore[empty-body]
    def clash(self: Any, ctx: Any, amount: Image) -> None: ...

    with pytest.raises(NodeRefused, match="annotate the input image"):
        spec_of(_made(unannotated))
    with pytest.raises(NodeRefused, match=r"takes no \*images"):
        spec_of(_made(endless))
    with pytest.raises(NodeRefused, match="annotate what run returns"):
        spec_of(_made(silent))
    with pytest.raises(NodeRefused, match="out is list"):
        spec_of(_made(odd))
    with pytest.raises(NodeRefused, match=r"category\.name"):
        spec_of(_made(clash, tag="nodot"))
    with pytest.raises(NodeRefused, match="amount is both a setting and an input"):
        spec_of(_made(clash, __annotations__={"amount": float}, amount=1.0))


def test_a_node_without_a_way_from_an_old_version_says_so() -> None:
    with pytest.raises(LookupError, match="no upgrade from version 1 to 3"):
        Grain.upgrade(1, {})


def test_every_name_the_package_promises_is_there_and_sorted() -> None:
    assert core.engine.__all__ == sorted(core.engine.__all__)
    assert all(getattr(core.engine, name) for name in core.engine.__all__)
