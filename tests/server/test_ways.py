"""Requests to models that are drawn with by a pipeline's own call: wired for it, or all told."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from core.library import scan
from core.records.graph import Json
from core.store import models
from core.store.models import NewModel
from tests.server.studio import DRAW, Studio

pytestmark = pytest.mark.anyio
JOBS = "/api/v1/jobs"
FAMILIES = {  # name → what its folder says
    "aura": ("AuraFlowPipeline", "transformer", {"sample_size": 64}),
    "zimage": ("ZImagePipeline", "transformer", {}),
    "edit": ("QwenImageEditPipeline", "transformer", {}),
}


def write(folder: Path, name: str) -> None:
    kind, part, config = FAMILIES[name]
    index = {"_class_name": kind, part: ["diffusers", "Model"], "vae": ["diffusers", "Vae"]}
    for inner, said in {part: config, "vae": {"block_out_channels": [1, 1, 1, 1]}}.items():
        (folder / name / inner).mkdir(parents=True)
        (folder / name / inner / "config.json").write_text(json.dumps(said))
    (folder / name / "model_index.json").write_text(json.dumps(index))


def fill(folder: Path) -> list[scan.Found]:
    for name in FAMILIES:
        write(folder, name)
    return scan.scan([("models", folder)])


@pytest.fixture
async def stocked(studio: Studio) -> Studio:
    found = await anyio.to_thread.run_sync(fill, studio.state.layout.models)
    assert {one.family for one in found} == {"generic"}
    for one in found:
        values = NewModel(
            name=one.name, kind=one.kind, family=one.family, format=one.format, root=one.label,
            file=one.file, bytes=one.bytes, changed=1, defaults=one.defaults,
        )  # fmt: skip
        await studio.state.db.write(partial(models.upsert, found=values))
    return studio


def told(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    errors = answer.json()["errors"]
    assert "{" not in "".join(one["message"] for one in errors)
    return [(one["code"], one["pointer"]) for one in errors]


async def generate(studio: Studio, **fields: Json) -> Any:
    before = await studio.rows()
    answer = await studio.client.post("/api/v1/generate", json=DRAW | {"model": "aura"} | fields)
    assert await studio.rows() == before
    return answer


async def graph_of(studio: Studio, answer: Any) -> dict[str, Any]:
    batch = answer.json()["batch"]
    found: dict[str, Any] = (await studio.client.get(f"/api/v1/batches/{batch}")).json()["graph"]
    return found


async def test_a_picture_is_drawn_by_its_node_with_its_own_defaults(stocked: Studio) -> None:
    ask = {"prompt": "a fox", "model": "zimage", "seed": 3}
    answer = await stocked.client.post("/api/v1/generate", json=ask, headers={"prefer": "wait=10"})
    assert answer.status_code == 200, answer.text
    graph = await graph_of(stocked, answer)
    (draw,) = [node for node in graph["nodes"] if node["type"] == "pipeline.generate"]
    assert (draw["settings"]["steps"], draw["settings"]["guidance_scale"]) == (50, 5.0)
    assert (draw["settings"]["width"], draw["settings"]["height"]) == (1024, 1024)
    (image,) = answer.json()["images"]
    assert (image["model"], image["width"], image["seed"]) == ("zimage", 1024, 3)


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"sampler": "euler"}, [("field_unsupported", "/sampler")]),
        ({"clip_skip": 2, "seamless": "x"},
         [("field_unsupported", "/clip_skip"), ("field_unsupported", "/seamless")]),
        ({"hires_factor": 2.0}, [("recipe_unsupported", "/model")]),
        ({"width": 72}, [("size_not_multiple", "/width")]),
        ({"model": "edit"}, [("way_unsupported", "/model")]),
    ],
)  # fmt: skip
async def test_what_it_cannot_do_is_refused_before_anything_runs(
    stocked: Studio, fields: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    assert told(await generate(stocked, **fields)) == problems


async def test_a_picture_is_refused_where_the_pipeline_takes_none(stocked: Studio) -> None:
    image = (await stocked.generate())["images"][0]["id"]
    assert told(await generate(stocked, init_image=image)) == [("way_unsupported", "/model")]
    answer = await stocked.client.post(
        "/api/v1/generate", json=DRAW | {"model": "zimage", "init_image": image},
        headers={"prefer": "wait=10"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


async def test_values_of_a_sweep_are_each_looked_at(stocked: Studio) -> None:
    recipe = {"name": "txt2img", **DRAW, "model": "aura"}

    async def ask(*axes: dict[str, Any]) -> list[tuple[str, str]]:
        before = await stocked.rows()
        answer = await stocked.client.post(
            JOBS, json={"recipe": recipe, "sweep": {"axes": list(axes)}}
        )
        assert await stocked.rows() == before
        return told(answer)

    models = {"setting": "model", "values": ["aura", "tiny", "zimage", "edit"]}
    assert await ask(models) == [
        ("model_wrong_node", "/sweep/axes/0/values/1"),
        ("way_unsupported", "/sweep/axes/0/values/3"),
    ]
    widths = {"setting": "width", "values": [64, 72]}
    assert await ask(widths) == [("size_not_multiple", "/sweep/axes/0/values/1")]


@pytest.mark.parametrize(
    ("type_", "model", "settings", "problems"),
    [
        ("pipeline.generate", "tiny", {"prompt": "x"},
         [("model_wrong_node", "/graph/nodes/0/settings/checkpoint")]),
        ("pipeline.generate", "edit", {"prompt": "x"},
         [("way_unsupported", "/graph/nodes/0/settings/checkpoint")]),
        ("pipeline.generate", "aura", {"prompt": "x", "height": 24},
         [("size_not_multiple", "/graph/nodes/0/settings/height")]),
    ],
)  # fmt: skip
async def test_a_graph_is_looked_at_too(
    stocked: Studio, type_: str, model: str, settings: dict[str, Any],
    problems: list[tuple[str, str]],
) -> None:  # fmt: skip
    node = {"id": "draw", "type": type_, "settings": {"checkpoint": model, **settings}}
    save = {"id": "save", "type": "image.save", "inputs": {"image": ["draw", "out"]}}
    answer = await stocked.client.post(JOBS, json={"graph": {"nodes": [node, save]}})
    assert told(answer) == problems


async def test_a_pipeline_is_not_loaded_for_the_sampling_loop(stocked: Studio) -> None:
    answer = await stocked.client.post("/api/v1/generate", json=DRAW, headers={"prefer": "wait=10"})
    graph = await graph_of(stocked, answer)
    for node in graph["nodes"]:
        if node["type"] == "model.load":
            node["settings"]["checkpoint"] = "aura"
    answer = await stocked.client.post(JOBS, json={"graph": {"nodes": graph["nodes"]}})
    place = [node["type"] for node in graph["nodes"]].index("model.load")
    wanted = f"/graph/nodes/{place}/settings/checkpoint"
    assert ("model_wrong_node", wanted) in told(answer)
