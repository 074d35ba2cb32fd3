"""Names in settings become files, and every name that leads nowhere is told with its place."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
import pytest

from core.graph.catalogue import Catalogue, NodeSpec
from core.ids import new_id
from core.jobs.resolve import Resolver
from core.paths import Layout, shipped
from core.records.graph import Graph, GraphNode
from core.store import images, models
from core.store.work import NewImage, NewModel

pytestmark = pytest.mark.anyio

LORA = {"type": "object", "properties": {"model": {"type": "string", "format": "lora"}}}
STACK = NodeSpec(
    type="test.stack",
    title="Stack",
    category="test",
    sink=True,
    settings={
        "type": "object",
        "properties": {
            "checkpoint": {"type": "string", "format": "checkpoint"},
            "image": {"type": "string", "format": "image"},
            "loras": {"type": "array", "items": LORA, "default": []},
        },
        "required": ["checkpoint", "image"],
    },
)
CATALOGUE = Catalogue(nodes={"test.stack": STACK})


def graph(**settings: Any) -> Graph:
    return Graph(nodes=[GraphNode(id="s", type="test.stack", settings=settings)])


def model(name: str, kind: str, **fields: Any) -> NewModel:
    values = {
        "name": name, "kind": kind, "family": "sd1", "format": "single", "root": "mine",
        "file": f"sub/{name}.safetensors", "bytes": 7, "changed": 8, "identity": "stand-in",
        **fields,
    }  # fmt: skip
    return msgspec.convert(values, NewModel)


House = Callable[..., AbstractAsyncContextManager[Any]]


async def test_models_are_found_by_name_hash_and_id_and_pictures_by_id(
    house: House, layout: Layout
) -> None:
    resolver = Resolver(layout, {"mine": layout.models})
    output, upload = new_id(), new_id()
    async with house() as home:

        def fill(tx: Any) -> Any:
            for new in (
                NewImage(id=output, width=1, height=1, bytes=1, sha256="a" * 64),
                NewImage(
                    id=upload, width=1, height=1, bytes=1, sha256="b" * 64, kind="upload", blob=True
                ),
            ):
                images.insert(tx, new, owner="ann")
            models.upsert(tx, model("hashed", "lora", sha256="c" * 64))
            return models.upsert(tx, model("mine", "checkpoint"))

        mine = await home.db.write(fill)

        async def resolve(one: Graph) -> Any:
            return await home.db.read(lambda c: resolver.resolve(c, one, CATALOGUE))

        found, problems = await resolve(
            graph(checkpoint="mine", image=output, loras=[{"model": "c" * 64}])
        )
        assert problems == []
        assert found["mine"].path == str(layout.models / "sub" / "mine.safetensors")
        assert (found["mine"].id, found["mine"].identity) == (mine.id, "stand-in")
        assert (found["c" * 64].name, found["c" * 64].identity) == ("hashed", "c" * 64)
        assert found[output].path == str(layout.image(output))
        found, _ = await resolve(graph(checkpoint=mine.id, image=upload))
        assert found[mine.id].name == "mine"
        assert found[upload].identity == "b" * 64
        assert str(layout.blobs) in found[upload].path


async def test_every_name_that_leads_nowhere_is_a_problem_with_its_place(
    house: House, layout: Layout
) -> None:
    resolver = Resolver(layout, {})
    async with house() as home:
        asked = graph(checkpoint="none", image="01H", loras=[{"model": ""}, {"model": "x"}])
        found, problems = await home.db.read(lambda c: resolver.resolve(c, asked, CATALOGUE))
        assert found == {}
        assert [(p.code, p.node, p.path, p.pointer) for p in problems] == [
            ("unknown_model", "s", "$.settings.checkpoint", "/nodes/0/settings/checkpoint"),
            ("unknown_image", "s", "$.settings.image", "/nodes/0/settings/image"),
            ("unknown_model", "s", "$.settings.loras[1].model", "/nodes/0/settings/loras/1/model"),
        ]


async def test_kinds_that_share_a_name_and_names_in_prompts_are_told_apart(
    house: House, layout: Layout
) -> None:
    resolver = Resolver(layout, {"mine": layout.models})
    spec = msgspec.convert(
        {
            **msgspec.to_builtins(STACK),
            "settings": {
                "type": "object",
                "properties": {
                    **{k: v for k, v in STACK.settings["properties"].items() if k != "image"},
                    "tagged": {"type": "string", "format": "prompt", "names": "lora"},
                    "words": {"type": "string", "format": "prompt", "names": "embedding"},
                },
            },
        },
        NodeSpec,
    )
    asked = graph(
        checkpoint="ink", loras=[{"model": "ink"}], tagged="<lora:oil:1><lora:none:1>",
        words="an ink, embedding:cat, a Dog",
    )  # fmt: skip

    def fill(tx: Any) -> None:
        for name, kind in (("ink", "lora"), ("ink", "checkpoint"), ("oil", "lora"),
                           ("cat", "embedding"), ("dog", "embedding")):  # fmt: skip
            file = f"{kind}/{name}.safetensors"
            models.upsert(tx, model(name, kind, file=file, identity=f"{kind} {name}"))

    async with house() as home:
        await home.db.write(fill)
        found, problems = await home.db.read(
            lambda c: resolver.resolve(c, asked, Catalogue(nodes={"test.stack": spec}))
        )
    assert {key: one.identity for key, one in found.items()} == {
        "ink": "checkpoint ink", "lora:ink": "lora ink", "lora:oil": "lora oil",
        "embedding:cat": "embedding cat", "embedding:dog": "embedding dog",
    }  # fmt: skip
    assert [(p.code, p.path, p.params["name"]) for p in problems] == [
        ("unknown_model", "$.settings.tagged", "none")
    ]


async def test_a_model_whose_folder_is_gone_is_unknown(house: House, layout: Layout) -> None:
    resolver = Resolver(layout, {})
    async with house() as home:
        await home.db.write(lambda tx: models.upsert(tx, model("mine", "checkpoint")))
        asked = graph(checkpoint="mine", image="01H")
        _, problems = await home.db.read(lambda c: resolver.resolve(c, asked, CATALOGUE))
        assert [p.code for p in problems] == ["unknown_model", "unknown_image"]
    assert shipped("starter").name == "model"
