"""Models that follow a flow: what they cannot do of a request is told before anything runs."""

from typing import Any

import msgspec
import pytest

from core.graph import samplers
from core.store import models
from core.store.work import NewModel
from tests.server.studio import DRAW, Studio

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stocked(studio: Studio) -> Studio:
    def fill(tx: Any) -> None:
        for name, family in (("flow", "flux"), ("third", "sd3"), ("first", "sd1")):
            values = {
                "name": name, "kind": "checkpoint", "family": family, "root": "models",
                "format": "diffusers", "file": name, "bytes": 1, "changed": 1,
                "sha256": name.encode().hex().ljust(64, "0"),
            }  # fmt: skip
            models.upsert(tx, msgspec.convert(values, NewModel))

    await studio.state.db.write(fill)
    return studio


def told(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    errors = answer.json()["errors"]
    assert "{" not in "".join(one["message"] for one in errors)
    return [(one["code"], one["pointer"]) for one in errors]


async def ask(studio: Studio, **fields: Any) -> Any:
    return await studio.client.post("/api/v1/generate", json={**DRAW, **fields})


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"sampler": "euler_a"}, [("sampler_family", "/sampler")]),
        ({"sampler": "DDIM"}, [("sampler_family", "/sampler")]),
        ({"scheduler": "ays"}, [("schedule_family", "/scheduler")]),
        ({"seamless": "x"}, [("seamless_family", "/seamless")]),
        (
            {"sampler": "tcd", "scheduler": "lu", "seamless": "both"},
            [("schedule_unsupported", "/scheduler"), ("sampler_family", "/sampler"),
             ("schedule_family", "/scheduler"), ("seamless_family", "/seamless")],
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("model", ["flow", "third"])
async def test_what_a_flow_does_not_know_is_refused_at_its_field(
    stocked: Studio, model: str, fields: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    assert told(await ask(stocked, model=model, **fields)) == problems


async def test_other_families_keep_what_they_had(stocked: Studio) -> None:
    for fields in ({"sampler": "euler_a"}, {"scheduler": "ays"}, {"seamless": "x"}):
        made = await stocked.generate(model="first", **fields)
        assert made["images"]


async def test_a_sweep_tells_the_pairs_that_do_not_go_together(stocked: Studio) -> None:
    axes = [
        {"setting": "sampler", "values": ["euler", "euler_a"]},
        {"setting": "model", "values": ["first", "flow"]},
    ]
    answer = await stocked.client.post(
        "/api/v1/jobs", json={"recipe": {**DRAW, "name": "txt2img"}, "sweep": {"axes": axes}}
    )
    assert told(answer) == [("sampler_family", "/sweep/axes/0/values/1")]


async def test_a_graph_is_told_with_node_and_path(stocked: Studio) -> None:
    nodes = [
        {"id": "m", "type": "model.load", "settings": {"checkpoint": "third"}},
        {"id": "p", "type": "prompt.encode", "settings": {"prompt": "a"},
         "inputs": {"text_encoder": ["m", "text_encoder"]}},
        {"id": "e", "type": "latent.empty", "settings": {"width": 64, "height": 64},
         "inputs": {"vae": ["m", "vae"]}},
        {"id": "s", "type": "latent.sample", "settings": {"sampler": "pndm"},
         "inputs": {"model": ["m", "model"], "positive": ["p", "out"], "latent": ["e", "out"]}},
        {"id": "d", "type": "latent.decode", "settings": {},
         "inputs": {"vae": ["m", "vae"], "latent": ["s", "out"]}},
        {"id": "i", "type": "image.save", "settings": {}, "inputs": {"image": ["d", "out"]}},
    ]  # fmt: skip
    answer = await stocked.client.post("/api/v1/jobs", json={"graph": {"nodes": nodes}})
    assert told(answer) == [("sampler_family", "/graph/nodes/3/settings/sampler")]
    (error,) = answer.json()["errors"]
    assert (error["node"], error["path"]) == ("s", "$.settings.sampler")


async def test_clients_are_told_what_each_family_is_sampled_with(studio: Studio) -> None:
    found = (await studio.client.get("/api/v1/capabilities")).json()["sampling"]
    known = (await studio.client.get("/api/v1/capabilities")).json()
    assert found["sd1"]["samplers"] == known["samplers"]
    assert set(found["flux"]["samplers"]) == {"default", *samplers.FLOW_SAMPLERS}
    assert set(found["flux"]["schedules"]) <= {"default", *samplers.FLOW_SCHEDULES}
    assert (found["sd1"]["seamless"], found["flux"]["seamless"]) == (True, False)
