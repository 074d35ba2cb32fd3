"""A small catalogue written by hand, as an engine would send it, and a graph that fits it."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from core.graph.catalogue import Catalogue, NodeSpec, Port, Resource, Resources
from core.records.graph import Graph, GraphNode
from core.records.model import ModelDefaults


def formatted(name: str, **limits: Any) -> Meta:
    return Meta(extra_json_schema={"format": name}, **limits)


Checkpoint = Annotated[str, formatted("checkpoint")]
Prompt = Annotated[str, formatted("prompt", max_length=16_384)]
Seed = Annotated[int, formatted("seed", ge=0, le=2**53 - 1)]
Side = Annotated[int, Meta(ge=8, le=4096, multiple_of=8)]


class Nothing(Struct, kw_only=True): ...


class LoadModel(Struct, kw_only=True):
    checkpoint: Checkpoint


class EncodePrompt(Struct, kw_only=True):
    prompt: Prompt
    clip_skip: Annotated[int, Meta(ge=0, le=12)] = 0


class EmptyLatent(Struct, kw_only=True):
    width: Side
    height: Side


class Sample(Struct, kw_only=True):
    seed: Seed = 0
    steps: Annotated[int, Meta(ge=1, le=500)] = 20
    guidance_scale: Annotated[float, Meta(ge=0, le=100)] = 7.5
    sampler: Annotated[str, formatted("sampler")] = "default"
    schedule: Annotated[str, formatted("schedule")] = "default"
    strength: Annotated[float, Meta(ge=0, le=1)] = 1.0


class LoadImage(Struct, kw_only=True):
    image: Annotated[str, formatted("image")]


class ResizeImage(Struct, kw_only=True):
    width: Side
    height: Side
    mode: Literal["fit", "crop", "stretch"] = "crop"
    resample: Literal["lanczos", "bilinear", "nearest"] = "lanczos"


class NumberValue(Struct, kw_only=True):
    value: float = 0.0


class JoinText(Struct, kw_only=True):
    separator: str = ""


class Lora(Struct, kw_only=True, frozen=True):
    model: Annotated[str, formatted("lora")]
    weight: Annotated[float, Meta(ge=-10, le=10)] = 1.0


class Every(Struct, kw_only=True):
    """One setting of each kind."""

    loras: Annotated[list[Lora], Meta(max_length=3)] = []
    shape: tuple[int, str] = (1, "a")
    names: dict[str, int] = {}
    maybe: Annotated[int, Meta(gt=0, lt=10)] | None = None
    code: Annotated[str, Meta(pattern="^[a-z]+$", min_length=2)] = "ab"
    choice: Literal["a", 2, None] = "a"
    flag: bool = False
    made: list[int] = msgspec.field(default_factory=lambda: [1, 2])


def spec(
    type_: str,
    settings: type[Struct],
    inputs: str = "",
    outputs: str = "",
    *,
    pure: bool = True,
) -> NodeSpec:
    """Write ports as ``"vae:VAE image:Image? a:int|float"``."""

    def ports(text: str) -> list[Port]:
        made = []
        for part in text.split():
            name, _, types = part.rstrip("?").partition(":")
            made.append(Port(name=name, types=types.split("|"), required=not part.endswith("?")))
        return made

    return NodeSpec(
        type=type_,
        title=type_.rpartition(".")[2].title(),
        category=type_.partition(".")[0],
        settings=msgspec.json.schema(settings),
        inputs=ports(inputs),
        outputs=ports(outputs),
        sink=not outputs,
        pure=pure,
    )


SPECS = (
    spec("model.load", LoadModel, "", "model:Model text_encoder:TextEncoder vae:VAE"),
    spec("prompt.encode", EncodePrompt, "text_encoder:TextEncoder", "out:Conditioning"),
    spec("latent.empty", EmptyLatent, "vae:VAE", "out:Latent"),
    spec("latent.encode", Nothing, "vae:VAE image:Image", "out:Latent"),
    spec(
        "latent.sample",
        Sample,
        "model:Model positive:Conditioning negative:Conditioning? latent:Latent",
        "out:Latent",
    ),
    spec("latent.decode", Nothing, "vae:VAE latent:Latent", "out:Image"),
    spec("image.load", LoadImage, "", "out:Image"),
    spec("image.resize", ResizeImage, "image:Image", "out:Image"),
    spec("image.save", Nothing, "image:Image"),
    spec("number.value", NumberValue, "", "out:float"),
    spec("number.add", Nothing, "a:float b:float", "out:float"),
    spec("number.random", Nothing, "", "out:int", pure=False),
    spec("text.join", JoinText, "a:str b:str", "out:str"),
    spec("test.every", Every, "a:float?", "out:float"),
    spec("test.sink", Nothing, "a:float|str"),
)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue(
        nodes={one.type: one for one in SPECS}, samplers=["euler"], schedules=["default"]
    )


@pytest.fixture(scope="session")
def resources() -> Resources:
    """What the settings of the graph below name."""
    return {
        "starter": Resource(
            id="01", kind="checkpoint", path="/models/starter", identity="sha-starter"
        )
    }


@pytest.fixture
def defaults() -> ModelDefaults:
    return ModelDefaults(width=64, height=64, steps=12, guidance_scale=4.0, sampler="euler")


@pytest.fixture
def drawing() -> Graph:
    """The graph of a picture from a text."""
    clip = ("model", "text_encoder")
    return Graph(
        nodes=[
            node("model", "model.load", {"checkpoint": "starter"}),
            node("positive", "prompt.encode", {"prompt": "a fox"}, text_encoder=clip),
            node("negative", "prompt.encode", {"prompt": ""}, text_encoder=clip),
            node("start", "latent.empty", {"width": 64, "height": 64}, vae=("model", "vae")),
            node(
                "sample",
                "latent.sample",
                {"seed": 1},
                model=("model", "model"),
                positive=("positive", "out"),
                negative=("negative", "out"),
                latent=("start", "out"),
            ),
            node("decode", "latent.decode", {}, vae=("model", "vae"), latent=("sample", "out")),
            node("save", "image.save", {}, image=("decode", "out")),
        ]
    )


def node(id_: str, type_: str, settings: dict[str, Any], **inputs: tuple[str, str]) -> GraphNode:
    return GraphNode(id=id_, type=type_, settings=settings, inputs=inputs)
