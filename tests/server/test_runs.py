"""Running a saved workflow: inputs by name, sweeps over them, and what the jobs keep."""

from typing import Any

import pytest

from core.ids import new_id
from tests.server.studio import DRAW, Studio, listening
from tests.server.test_images import png, upload
from tests.server.test_socket import ask, hear, socket

pytestmark = pytest.mark.anyio
API = "/api/v1"
FLOW = f"{API}/workflows"


async def saved(studio: Studio, **fields: Any) -> dict[str, Any]:
    """Save the graph of a drawn picture, with names for what a caller may change."""
    image = (await studio.generate())["images"][0]["id"]
    graph = (await studio.client.get(f"{API}/images/{image}/recipe")).json()["graph"]
    by_type = {node["type"]: node for node in graph["nodes"]}
    sampler, empty = by_type["latent.sample"], by_type["latent.empty"]
    (prompt,) = (
        node for node in graph["nodes"]
        if node["type"] == "prompt.encode" and node["settings"]["prompt"] == DRAW["prompt"]
    )  # fmt: skip
    inputs = [
        {"name": "prompt", "node": prompt["id"], "setting": "prompt"},
        {"name": "steps", "node": sampler["id"], "setting": "steps"},
        {"name": "side", "node": empty["id"], "setting": "width"},
        {"name": "side", "node": empty["id"], "setting": "height"},
    ]
    body = {"name": "Foxes", "graph": graph, "inputs": inputs} | fields
    made = await studio.client.post(FLOW, json=body)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


async def run(studio: Studio, workflow: dict[str, Any], **body: Any) -> Any:
    return await studio.client.post(f"{FLOW}/{workflow['id']}/run", json=body)


def told(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(each["pointer"], each["code"]) for each in answer.json()["errors"]]


def setting(graph: dict[str, Any], entry: dict[str, Any]) -> Any:
    (node,) = (node for node in graph["nodes"] if node["id"] == entry["node"])
    return node["settings"][entry["setting"]]


async def test_a_run_draws_with_the_values_of_its_inputs(studio: Studio) -> None:
    workflow = await saved(studio)
    answer = await run(studio, workflow, inputs={"prompt": "a blue owl", "steps": 3, "side": 32})
    assert answer.status_code == 201, answer.text
    job = await studio.ended(answer.json()["jobs"][0])
    (image,) = job["images"]
    drawn = (await studio.client.get(f"{API}/images/{image}")).json()
    assert (drawn["prompt"], drawn["steps"], drawn["width"], drawn["height"]) == (
        "a blue owl", 3, 32, 32,
    )  # fmt: skip
    batch = (await studio.client.get(f"{API}/batches/{answer.json()['batch']}")).json()
    kept = [setting(batch["graph"], entry) for entry in workflow["inputs"]]
    assert kept == ["a blue owl", 3, 32, 32]
    changed = workflow | {"version": 1, "graph": {"nodes": []}, "inputs": []}
    body = {k: changed[k] for k in ("name", "graph", "inputs", "version")}
    assert (await studio.client.put(f"{FLOW}/{workflow['id']}", json=body)).status_code == 200
    again = (await studio.client.get(f"{API}/batches/{answer.json()['batch']}")).json()
    assert again["graph"] == batch["graph"]


async def test_what_is_not_given_stays_as_it_was_saved(studio: Studio) -> None:
    workflow = await saved(studio)
    job = await studio.ended((await run(studio, workflow)).json()["jobs"][0])
    drawn = (await studio.client.get(f"{API}/images/{job['images'][0]}")).json()
    assert (drawn["prompt"], drawn["steps"], drawn["width"]) == ("a red fox", 2, 64)


async def test_an_axis_may_name_an_input_and_each_picture_tells_how_it_was_made(
    studio: Studio,
) -> None:
    workflow = await saved(studio)
    axes = [{"setting": "side", "values": [32, 64]}, {"setting": "prompt", "values": ["a", "b"]}]
    answer = await run(studio, workflow, sweep={"axes": axes}, inputs={"steps": 1})
    assert answer.json()["count"] == 4, answer.text
    cells = []
    for job in answer.json()["jobs"]:
        ended = await studio.ended(job)
        made = await studio.client.get(f"{API}/images/{ended['images'][0]}/recipe")
        got = [setting(made.json()["graph"], entry) for entry in workflow["inputs"]]
        assert [ended["overrides"]["prompt"], 1, *[ended["overrides"]["side"]] * 2] == got
        cells.append((got[2], got[0]))
    assert cells == [(32, "a"), (32, "b"), (64, "a"), (64, "b")]
    batch = (await studio.client.get(f"{API}/batches/{answer.json()['batch']}")).json()
    assert [axis["setting"] for axis in batch["axes"]] == ["side", "prompt"]


async def test_all_that_is_wrong_is_told_at_the_inputs_before_anything_runs(
    studio: Studio,
) -> None:
    workflow, before = await saved(studio), await studio.rows()
    answer = await run(
        studio, workflow, board=new_id(),
        inputs={"steps": -1, "prompt": 3, "side": 13, "nonsense~/": 1},
    )  # fmt: skip
    found = told(answer)
    assert found[0] == ("/inputs/nonsense~0~1", "unknown_input")
    assert sorted(found[1:]) == [  # each once, though an input fills several settings
        ("/board", "unknown_board"), ("/inputs/prompt", "wrong_type"),
        ("/inputs/side", "number_not_multiple"), ("/inputs/steps", "number_too_small"),
    ]  # fmt: skip
    axis = {"setting": "steps", "values": [1, 0]}
    swept = await run(studio, workflow, sweep={"axes": [axis, {"setting": "x", "values": [1]}]})
    assert set(told(swept)) == {
        ("/sweep/axes/0/values/1", "number_too_small"),
        ("/sweep/axes/1/setting", "unknown_setting"),
    }
    many = await run(studio, workflow, runs=10_000, sweep={"axes": [axis]})
    assert many.status_code == 422
    assert await studio.rows() == before


async def test_a_graph_that_does_not_run_says_why_and_where(studio: Studio) -> None:
    nodes = [
        {"id": "n", "type": "number.value", "settings": {"value": "x"}},
        {"id": "a", "type": "number.add", "inputs": {"a": ["n", "out"]}},
        {"id": "z", "type": "theirs.warp"},
    ]
    inputs = [{"name": "value", "node": "n", "setting": "value"},
              {"name": "gone", "node": "a", "setting": "gone"}]  # fmt: skip
    workflow = await saved(studio, graph={"nodes": nodes}, inputs=inputs)
    answer = await run(studio, workflow, inputs={"gone": 1})
    assert told(answer) == [
        ("/inputs/value", "wrong_type"), ("", "missing_input"),
        ("/inputs/gone", "unknown_setting"), ("", "unknown_node"),
    ]  # fmt: skip
    assert [each.get("node") for each in answer.json()["errors"]] == ["n", "a", "a", "z"]


async def test_an_input_that_a_wire_fills_takes_no_value(studio: Studio) -> None:
    workflow = await saved(studio)
    graph = workflow["graph"]
    steps = next(entry for entry in workflow["inputs"] if entry["name"] == "steps")
    for node in graph["nodes"]:
        if node["id"] == steps["node"]:
            node["inputs"]["steps"] = ["n", "out"]
    graph["nodes"].append({"id": "n", "type": "number.integer", "settings": {"value": 2}})
    body = {"name": "x", "version": 1, "graph": graph, "inputs": workflow["inputs"]}
    await studio.client.put(f"{FLOW}/{workflow['id']}", json=body)
    assert (await run(studio, workflow)).status_code == 201
    wired = await run(studio, workflow, inputs={"steps": 2})
    assert told(wired) == [("/inputs/steps", "setting_wired")]


async def test_a_picture_is_an_input_like_any_other(studio: Studio) -> None:
    image = (await upload(studio, png())).json()["id"]
    nodes = [
        {"id": "l", "type": "image.load", "settings": {"image": image}},
        {"id": "s", "type": "image.save", "inputs": {"image": ["l", "out"]}},
    ]
    inputs = [{"name": "picture", "node": "l", "setting": "image"}]
    workflow = await saved(studio, graph={"nodes": nodes}, inputs=inputs)
    assert (await run(studio, workflow)).status_code == 201
    nowhere = await run(studio, workflow, inputs={"picture": new_id()})
    assert told(nowhere) == [("/inputs/picture", "unknown_image")]


async def test_a_key_gives_the_same_jobs_again(studio: Studio) -> None:
    workflow = await saved(studio)
    place, key = f"{FLOW}/{workflow['id']}/run", {"idempotency-key": "once"}
    answers = [
        await studio.client.post(place, json={"inputs": {"steps": steps}}, headers=key)
        for steps in (1, 1, 2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert answers[0].json() == answers[1].json()


async def test_the_socket_runs_a_workflow_by_its_name(studio: Studio) -> None:
    workflow = await saved(studio)
    async with listening(studio.state) as address, socket(address, "?topics=jobs") as opened:
        await hear(opened)
        reply = await ask(opened, "run", workflow="Foxes", inputs={"steps": 1})
        assert reply["ok"], reply
        assert (await studio.ended(reply["result"]["jobs"][0]))["status"] == "succeeded"
        gone = await ask(opened, "run", workflow="Owls")
        assert gone["problem"]["status"] == 404
    assert workflow["name"] == "Foxes"
