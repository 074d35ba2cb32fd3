"""Control over HTTP: what it names is looked up before anything runs, and the recipe keeps it."""

import argparse
from typing import Any

import pytest

from core.records.model import ModelKind
from core.store import models
from core.store.models import NewModel
from server.commands import generate
from tests.server.studio import DRAW, Studio
from tests.server.test_edits import problems, uploaded

pytestmark = pytest.mark.anyio


async def put(studio: Studio, name: str, family: str, kind: ModelKind = "controlnet") -> None:
    new = NewModel(
        name=name, kind=kind, family=family, format="diffusers", root="models", file=name,
        bytes=1, changed=1, sha256=None,
    )  # fmt: skip
    await studio.state.db.write(lambda tx: models.upsert(tx, new))


async def test_a_controlled_picture_is_drawn_and_its_recipe_kept(studio: Studio) -> None:
    await put(studio, "edges", "sd1")
    await put(studio, "any", "unknown")
    picture = await uploaded(studio, 50, 34, 9)
    asked = [
        {"model": "edges", "image": picture, "preprocessor": "canny", "weight": 0.8},
        {"model": "any", "image": picture, "start": 0.2, "end": 0.6, "resize": "fit"},
    ]
    for fields in ({}, {"init_image": picture}, {"init_image": picture, "extend_top": 8}):
        made = await studio.generate(control=asked, **fields)
        (image,) = made["images"]
        recipe = (await studio.client.get(f"/api/v1/images/{image['id']}/recipe")).json()["recipe"]
        assert [one["weight"] for one in recipe["control"]] == [0.8, 1.0]
        assert recipe["control"][1]["end"] == 0.6


async def test_everything_that_control_names_wrongly_is_told_at_once(studio: Studio) -> None:
    await put(studio, "edges", "sd1")
    await put(studio, "large", "sdxl")
    picture = await uploaded(studio, 50, 34, 9)
    strange = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    good: dict[str, Any] = {"model": "edges", "image": picture}
    before = await studio.rows()
    found = await problems(
        studio,
        control=[
            good,
            {**good, "model": "nothing", "image": strange},
            {**good, "model": "tiny"},
            {**good, "model": "large"},
            {**good, "start": 0.7, "end": 0.2},
        ],
    )
    assert sorted(found) == [
        ("model_wrong_family", "/control/3/model"),
        ("model_wrong_kind", "/control/2/model"),
        ("number_not_below", "/control/4/start"),
        ("unknown_image", "/control/1/image"),
        ("unknown_model", "/control/1/model"),
    ]
    assert await studio.rows() == before


@pytest.mark.parametrize(
    "value", [3, "edges", [3], [{}], [{"model": 3, "image": 4}], [{"model": None}], {"0": {}}]
)
async def test_control_that_is_no_list_of_controls_is_refused(studio: Studio, value: Any) -> None:
    found = await problems(studio, control=value)
    assert all(pointer.startswith("/control") for _, pointer in found)


async def test_a_graph_names_its_controlnet_too(studio: Studio) -> None:
    node = {
        "id": "net", "type": "control.net", "settings": {"controlnet": "tiny"},
        "inputs": {"image": ["p", "out"], "model": ["m", "model"], "latent": ["e", "out"]},
    }  # fmt: skip
    picture = await uploaded(studio, 50, 34, 9)
    graph = {
        "nodes": [
            {"id": "m", "type": "model.load", "settings": {"checkpoint": "tiny"}},
            {"id": "p", "type": "image.load", "settings": {"image": picture}},
            {
                "id": "e", "type": "latent.empty", "settings": {"width": 64, "height": 64},
                "inputs": {"vae": ["m", "vae"]},
            },
            node,
            {"id": "s", "type": "image.save", "inputs": {"image": ["p", "out"]}},
        ]
    }  # fmt: skip
    answer = await studio.client.post("/api/v1/jobs", json={"graph": graph})
    assert answer.status_code == 422
    (one,) = answer.json()["errors"]
    assert (one["code"], one["node"]) == ("unknown_model", "net")


async def test_capabilities_name_the_preprocessors(studio: Studio) -> None:
    found = (await studio.client.get("/api/v1/capabilities")).json()
    for recipe in found["recipes"]:
        if recipe["name"] == "upscale":  # which draws nothing
            continue
        named = recipe["fields"]["$defs"]["ControlUse"]["properties"]["preprocessor"]["enum"]
        assert {"none", "canny", "lineart", "xdog", "color", "tile"} <= set(named)


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ([("control[0].model", ["any", "edges", "large"])], [(0, 2)]),
        ([("model", ["tiny", "other"])], [(0, 1)]),
        ([("model", ["tiny", "other"]), ("control[0].model", ["edges", "any"])], [(1, 0)]),
        ([("model", ["tiny", "other"]), ("control[0].model", ["any"])], []),
        ([("control[0].weight", [0, 1])], []),
    ],
)
async def test_nets_and_models_of_a_sweep_are_of_one_family(
    studio: Studio, axes: list[tuple[str, list[Any]]], expected: list[tuple[int, int]]
) -> None:
    await put(studio, "edges", "sd1")
    await put(studio, "large", "sdxl")
    await put(studio, "any", "unknown")
    await put(studio, "other", "sd2", "checkpoint")
    control = [{"model": "edges", "image": await uploaded(studio, 50, 34, 9)}]
    sweep = {"axes": [{"setting": name, "values": values} for name, values in axes]}
    recipe = {"name": "txt2img", **DRAW, "control": control}
    answer = await studio.client.post("/api/v1/jobs", json={"recipe": recipe, "sweep": sweep})
    assert answer.status_code == (422 if expected else 201), answer.text
    found = [(one["code"], one["pointer"]) for one in answer.json().get("errors", ())]
    assert found == [
        ("model_wrong_family", f"/sweep/axes/{axis}/values/{value}") for axis, value in expected
    ]


def test_the_command_line_reads_controls_by_name() -> None:
    parser = argparse.ArgumentParser()
    generate.arguments(parser)
    asked = ["a fox", "--control", "model=7,image=P,weight=0.8,preprocessor=canny"]
    parsed = parser.parse_args([*asked, "--control", "model=b,image=Q"])
    first = {"model": "7", "image": "P", "weight": 0.8, "preprocessor": "canny"}
    assert parsed.control == [first, {"model": "b", "image": "Q"}]
    assert parser.parse_args(["a fox"]).control is None
    with pytest.raises(SystemExit):
        parser.parse_args(["a fox", "--control", "edges"])
