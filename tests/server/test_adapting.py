"""Adapters and embeddings in requests: whatever is not there or does not go together is told."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from core.media import metadata
from core.store import models
from core.store.work import NewModel
from tests.server.studio import DRAW, Studio

pytestmark = pytest.mark.anyio
JOBS = "/api/v1/jobs"
SHELF = (
    ("ink", "lora", "sd1"), ("oil", "lora", "sd2"), ("any", "lora", "unknown"),
    ("tiny", "lora", "sd1"), ("other", "checkpoint", "sd2"), ("my-cat", "embedding", "sd1"),
    ("wide", "embedding", "sd2"), ("style", "ip_adapter", "sd1"), ("faces", "ip_adapter", "sd2"),
)  # fmt: skip
AXES = "/sweep/axes/0/values"


@pytest.fixture
async def stocked(studio: Studio) -> Studio:
    def fill(tx: Any) -> None:
        for name, kind, family in SHELF:
            values = {
                "name": name, "kind": kind, "family": family, "root": "models",
                "format": "diffusers" if kind == "checkpoint" else "single",
                "file": f"{kind}/{name}", "bytes": 1, "changed": 1,
                "sha256": (kind[0] + name).encode().hex().ljust(64, "0")[:64],
            }  # fmt: skip
            models.upsert(tx, msgspec.convert(values, NewModel))

    await studio.state.db.write(fill)
    return studio


def told(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    errors = answer.json()["errors"]
    assert "{" not in "".join(one["message"] for one in errors)
    return [(one["code"], one["pointer"]) for one in errors]


def using(*loras: str) -> list[dict[str, Any]]:
    return [{"model": name, "weight": 0.5} for name in loras]


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"loras": using("ink", "none")}, [("unknown_model", "/loras/1/model")]),
        ({"loras": using("other")}, [("model_wrong_kind", "/loras/0/model")]),
        ({"loras": using("ink", "oil")}, [("model_wrong_family", "/loras/1/model")]),
        ({"prompt": "a <lora:none:1> fox"}, [("unknown_model", "/prompt")]),
        ({"prompt": "a <lyco:oil:0.3> fox"}, [("model_wrong_family", "/prompt")]),
        ({"prompt": "a embedding:none fox"}, [("unknown_model", "/prompt")]),
        ({"negative_prompt": "embedding:none"}, [("unknown_model", "/negative_prompt")]),
        ({"prompt": "a <wide> fox"}, [("model_wrong_family", "/prompt")]),
        ({"prompt": "embedding:ink"}, [("model_wrong_kind", "/prompt")]),
        (
            {"loras": using("none"), "prompt": "<lora:oil:1>", "sampler": "none"},
            [("unknown_sampler", "/sampler"), ("unknown_model", "/loras/0/model"),
             ("model_wrong_family", "/prompt")],
        ),
    ],
)  # fmt: skip
async def test_a_name_is_refused_where_it_stands_before_anything_runs(
    stocked: Studio, fields: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    before = await stocked.rows()
    assert told(await stocked.client.post("/api/v1/generate", json=DRAW | fields)) == problems
    assert await stocked.rows() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"loras": using("ink", "any", "ink")},
        {"loras": using("tiny")},  # named as the checkpoint is
        {"prompt": "a <lora:ink:0.8:0.2> fox <lora:tiny:1>, my-cat, <other>"},
        {"prompt": "embedding:my-cat", "negative_prompt": "a <lora:nothing:1> wide fox"},
    ],
)
async def test_what_is_there_and_fits_is_drawn(stocked: Studio, fields: dict[str, Any]) -> None:
    made = await stocked.generate(**fields)
    assert made["jobs"][0]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("axis", "fields", "problems"),
    [
        ({"setting": "loras[0].model", "values": ["ink", "none", "oil"]}, {"loras": using("any")},
         [("unknown_model", f"{AXES}/1"), ("model_wrong_family", f"{AXES}/2")]),
        ({"setting": "prompt", "values": ["a", "<lora:none:1>", "<lora:ink:1>", "<wide>"]}, {},
         [("unknown_model", f"{AXES}/1"), ("model_wrong_family", f"{AXES}/3")]),
        ({"setting": "loras", "values": [using("ink"), using("ink", "other")]}, {},
         [("model_wrong_kind", f"{AXES}/1")]),
        ({"setting": "model", "values": ["tiny", "other"]}, {"loras": using("ink")},
         [("model_wrong_family", f"{AXES}/1")]),
        ({"setting": "loras[0].weight", "values": [1, 11, "x"]}, {"loras": using("ink")},
         [("number_too_large", f"{AXES}/1"), ("wrong_type", f"{AXES}/2")]),
        ({"setting": "loras[1].weight", "values": [1]}, {"loras": using("ink")},
         [("unknown_setting", "/sweep/axes/0/setting")]),
        ({"setting": "loras[0].size", "values": [1]}, {"loras": using("ink")},
         [("unknown_field", f"{AXES}/0")]),
    ],
)  # fmt: skip
async def test_each_value_of_an_axis_is_looked_up(
    stocked: Studio, axis: dict[str, Any], fields: dict[str, Any], problems: Iterable[Any]
) -> None:
    body = {"recipe": {"name": "txt2img", **DRAW, **fields}, "sweep": {"axes": [axis]}}
    before = await stocked.rows()
    assert told(await stocked.client.post(JOBS, json=body)) == problems
    assert await stocked.rows() == before


async def test_a_zipped_sweep_refuses_only_what_comes_together(stocked: Studio) -> None:
    axes = [
        {"setting": "model", "values": ["tiny", "other"]},
        {"setting": "loras[0].model", "values": ["ink", "oil"]},
    ]
    body = {"recipe": {"name": "txt2img", **DRAW, "loras": using("ink")}, "sweep": {"axes": axes}}
    assert told(await stocked.client.post(JOBS, json=body)) == [
        ("model_wrong_family", "/sweep/axes/1/values/1"),
        ("model_wrong_family", "/sweep/axes/1/values/0"),
    ]
    body["sweep"]["mode"] = "zip"  # type: ignore[index]
    assert (await stocked.client.post(JOBS, json=body)).status_code == 201


async def test_a_graph_is_looked_at_as_a_recipe_is(stocked: Studio) -> None:
    made = await stocked.generate(loras=using("ink"))
    graph = (await stocked.client.get(f"/api/v1/batches/{made['batch']}")).json()["graph"]
    place = [node["type"] for node in graph["nodes"]].index("model.adapt")
    graph["nodes"][place]["settings"] = {"loras": using("ink", "none"), "prompt": "<lora:oil:1>"}
    answer = await stocked.client.post(JOBS, json={"graph": graph})
    at = f"/graph/nodes/{place}/settings"
    assert told(answer) == [
        ("unknown_model", f"{at}/loras/1/model"), ("model_wrong_family", f"{at}/prompt"),
    ]  # fmt: skip
    assert answer.json()["errors"][0]["path"] == "$.settings.loras[1].model"


async def test_pictures_are_prompts_in_a_graph_and_its_facts_stay(stocked: Studio) -> None:
    made = await stocked.generate(negative_prompt="rain")
    graph = (await stocked.client.get(f"/api/v1/batches/{made['batch']}")).json()["graph"]
    nodes = {node["id"]: node for node in graph["nodes"]}
    follow = {
        "id": "follow", "type": "control.ip_adapter", "settings": {"adapter": "faces"},
        "inputs": {"model": ["adapt", "model"], "positive": ["positive", "out"],
                   "negative": ["negative", "out"], "image": ["image", "out"]},
    }  # fmt: skip
    image = {"id": "image", "type": "image.load", "settings": {"image": made["images"][0]["id"]}}
    for port in ("model", "positive", "negative"):
        nodes["sample"]["inputs"][port] = ["follow", port]
    graph["nodes"] += [follow, image]
    at = f"/graph/nodes/{len(graph['nodes']) - 2}/settings/adapter"
    for name, code in (("faces", "model_wrong_family"), ("none", "unknown_model"),
                       ("ink", "model_wrong_kind")):  # fmt: skip
        follow["settings"] = {"adapter": name}
        assert told(await stocked.client.post(JOBS, json={"graph": graph})) == [(code, at)]
    follow["settings"] = {"adapter": "style", "weight": 0.5}
    answer = await stocked.client.post(JOBS, json={"graph": graph})
    assert answer.status_code == 201, answer.text
    (job,) = answer.json()["jobs"]
    ended = await stocked.ended(job if isinstance(job, str) else job["id"])
    (found,) = ended["images"]
    facts = (await stocked.client.get(f"/api/v1/images/{found}")).json()
    assert (facts["prompt"], facts["negative_prompt"]) == ("a red fox", "rain")


async def test_a_swept_weight_is_in_the_recipe_of_each_picture(stocked: Studio) -> None:
    body = {
        "recipe": {"name": "txt2img", **DRAW, "loras": using("ink", "any")},
        "sweep": {"axes": [{"setting": "loras[1].weight", "values": [0.25, -1]}]},
    }
    made = (await stocked.client.post(JOBS, json=body)).json()
    weights = []
    for job in made["jobs"]:
        ended = await stocked.ended(job if isinstance(job, str) else job["id"])
        file = await stocked.client.get(f"/api/v1/images/{ended['images'][0]}/file")
        ours = metadata.read_ours(metadata.read_text(file.content))
        assert ours is not None
        assert ours.recipe is not None
        weights.append([one["weight"] for one in ours.recipe["loras"]])
        assert ours.uses["ink"].kind == "lora"
        theirs = metadata.read_text(file.content)["parameters"]
        assert theirs.startswith(f"a red fox <lora:ink:0.5> <lora:any:{weights[-1][1]:g}>\n")
    assert weights == [[0.5, 0.25], [0.5, -1]]
