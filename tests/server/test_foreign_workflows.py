"""Workflows of InvokeAI over HTTP: kept, run, and what did not come over is told."""

import io
import json
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from core.graph.check import MAX_NODES
from tests.core.graph.invokeai.documents import changed, document, model, node, text_to_image
from tests.server.studio import Studio

pytestmark = pytest.mark.anyio
API = "/api/v1"
IMPORT = f"{API}/workflows/import"


async def taken(studio: Studio, found: Any, **more: Any) -> Any:
    answer = await studio.client.post(IMPORT, json={"workflow": found, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_workflow_of_invokeai_is_kept_and_draws(studio: Studio) -> None:
    kept = await taken(studio, text_to_image())
    assert (kept["name"], kept["left_out"]) == ("Text to Image - SD1.5", [])
    opened = (await studio.client.get(f"{API}/workflows/{kept['id']}")).json()
    assert opened == {name: value for name, value in kept.items() if name != "left_out"}
    asked = await studio.client.post(f"{API}/workflows/{kept['id']}/run", json={})
    assert asked.status_code == 201, asked.text
    (job,) = asked.json()["jobs"]
    ended = await studio.ended(job)
    assert (ended["status"], len(ended["images"])) == ("succeeded", 1)
    image = (await studio.client.get(f"{API}/images/{ended['images'][0]}")).json()
    assert (image["width"], image["height"], image["prompt"], image["negative_prompt"]) == (
        64, 96, "a (red)1.2 fox++", "blurry",
    )  # fmt: skip


async def test_a_model_that_nobody_knows_is_the_fields_problem(studio: Studio) -> None:
    found = changed(text_to_image(), node("load-1", "main_model_loader", model=model("lost")))
    kept = await taken(studio, found, name="Mine")
    assert (kept["name"], kept["left_out"]) == ("Mine", [])
    asked = await studio.client.post(f"{API}/workflows/{kept['id']}/run", json={})
    assert asked.status_code == 422
    (problem,) = asked.json()["errors"]
    assert (problem["code"], problem["node"]) == ("unknown_model", "load-1")
    assert problem["path"] == "$.settings.checkpoint"


async def test_what_did_not_come_over_is_told_by_name(studio: Studio) -> None:
    found = changed(
        text_to_image(),
        node("free-1", "freeu", label="<img src=x>"),
        node("keep-1", "save_image", board={"board_id": "b"}),
        node("show-1", "l2i", saves=True, tiled=True, fp32=False),
        add=("show-1.image > keep-1.image",),
    )
    assert (await taken(studio, found))["left_out"] == [
        {"title": "<img src=x>", "type": "freeu", "code": "no_equal", "field": ""},
        {"title": "save_image", "type": "save_image", "code": "board", "field": ""},
        {"title": "l2i", "type": "l2i", "code": "field", "field": "tiled"},
    ]


async def test_a_document_without_end_is_refused(studio: Studio) -> None:
    many = document([{"id": str(place), "type": "x"} for place in range(MAX_NODES + 1)], [])
    answer = await studio.client.post(IMPORT, json={"workflow": many})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "graph_too_large")
    deep: Any = 0
    for _ in range(400):
        deep = {"value": [deep]}
    nodes = [{"id": "n-1", "type": "invocation", "data": {"type": "compel", "inputs": deep}}]
    answer = await studio.client.post(IMPORT, json={"workflow": document(nodes, [])})
    assert answer.status_code in (201, 400, 422), answer.text
    assert (await studio.client.get(f"{API}/workflows")).status_code == 200


@pytest.mark.parametrize("keyword", ["invokeai_workflow", "invokeai_graph"])
async def test_a_picture_tells_the_workflow_that_made_it(studio: Studio, keyword: str) -> None:
    texts = PngInfo()
    texts.add_itxt(keyword, json.dumps(text_to_image()))
    file = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(file, "PNG", pnginfo=texts)
    answer = await studio.client.post(
        f"{API}/images/inspect", content=file.getvalue(), headers={"content-type": "image/png"}
    )
    told = answer.json()
    assert (await taken(studio, json.loads(told["workflow"])))["left_out"] == []


async def test_a_picture_whose_workflow_is_none_tells_none(studio: Studio) -> None:
    texts = PngInfo()
    texts.add_itxt("invokeai_workflow", "null")
    file = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(file, "PNG", pnginfo=texts)
    answer = await studio.client.post(
        f"{API}/images/inspect", content=file.getvalue(), headers={"content-type": "image/png"}
    )
    assert answer.json()["workflow"] is None
