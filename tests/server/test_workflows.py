"""Saved workflows over HTTP: kept as they are, changed by one at a time, imported."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.store import workflows as rows
from server.actions import workflows
from tests.server.studio import Opener, Studio, listening
from tests.server.test_access import MASTER, bearer, token
from tests.server.test_socket import ask, hear, socket, until

pytestmark = pytest.mark.anyio
API = "/api/v1"
FLOW = f"{API}/workflows"
STRANGE = {
    "nodes": [
        {"id": "a", "type": "theirs.warp", "version": 7, "settings": {"deep": [{"x": 1e-7}]}},
        {"id": "b", "type": "image.save", "inputs": {"image": ["a", "warped"], "no": ["c", "d"]}},
    ],
    "format": 1,
}


async def save(studio: Studio, **fields: Any) -> Any:
    made = await studio.client.post(FLOW, json={"name": "Foxes", "graph": STRANGE} | fields)
    assert made.status_code == 201, made.text
    return made.json()


def told(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(each["pointer"], each["code"]) for each in answer.json()["errors"]]


async def test_a_graph_with_nodes_that_are_not_here_opens_as_it_was_saved(studio: Studio) -> None:
    saved = await save(
        studio,
        description="Warps\nfoxes",
        inputs=[{"name": "depth", "node": "a", "setting": "deep", "label": "Tiefe"}],
        outputs=[{"name": "picture", "node": "b", "port": "image"}],
        layout={"a": [10, -3.5], "zoom": 2},
        tags=["fox", "warp"],
    )
    opened = (await studio.client.get(f"{FLOW}/{saved['id']}")).json()
    assert opened == saved
    graph = {"format": opened["graph"]["format"], "nodes": opened["graph"]["nodes"]}
    for sent, got in zip(STRANGE["nodes"], graph["nodes"], strict=True):  # type: ignore[call-overload]
        assert {name: got[name] for name in sent} == sent
    assert (saved["version"], saved["layout"]["zoom"], saved["owner"]) == (1, 2, "local")
    listed = (await studio.client.get(FLOW)).json()["items"]
    assert listed == [{k: v for k, v in saved.items() if k not in ("graph", "layout")}]
    assert told(await studio.client.post(f"{FLOW}/{saved['id']}/run", json={})) == [
        ("", "unknown_node"), ("", "dangling_link"),
    ]  # fmt: skip


async def test_of_two_who_change_a_version_the_second_is_told(studio: Studio) -> None:
    saved = await save(studio)
    place = f"{FLOW}/{saved['id']}"
    first = {"name": "Mine", "graph": STRANGE, "version": 1}
    assert (await studio.client.put(place, json=first)).json()["version"] == 2
    late = await studio.client.put(place, json=first | {"name": "Theirs"})
    assert (late.status_code, late.json()["code"]) == (409, "version_stale")
    assert (await studio.client.get(place)).json()["name"] == "Mine"
    again = await studio.client.put(place, json=first | {"name": "Theirs", "version": 2})
    assert (again.json()["version"], again.json()["name"]) == (3, "Theirs")
    assert again.json()["created"] == saved["created"]


async def test_names_are_found_and_are_not_given_twice(studio: Studio) -> None:
    saved, other = await save(studio), await save(studio, name="Owls")
    twice = await studio.client.post(FLOW, json={"name": "Foxes", "graph": STRANGE})
    assert (twice.status_code, twice.json()["code"]) == (409, "name_taken")
    moved = await studio.client.put(
        f"{FLOW}/{other['id']}", json={"name": "Foxes", "graph": STRANGE, "version": 1}
    )
    assert (moved.status_code, moved.json()["code"]) == (409, "name_taken")
    found = (await studio.client.get(FLOW, params={"name": "Foxes"})).json()["items"]
    assert [each["id"] for each in found] == [saved["id"]]
    assert (await studio.client.delete(f"{FLOW}/{saved['id']}")).status_code == 204
    assert (await studio.client.get(f"{FLOW}/{saved['id']}")).status_code == 404
    assert (await save(studio))["id"] != saved["id"]


async def test_a_list_goes_on_page_by_page(studio: Studio) -> None:
    ids = [(await save(studio, name=str(number)))["id"] for number in range(3)]
    first = (await studio.client.get(FLOW, params={"limit": 2})).json()
    rest = (await studio.client.get(FLOW, params={"limit": 2, "cursor": first["next"]})).json()
    assert [each["id"] for each in (*first["items"], *rest["items"])] == ids[::-1]
    assert rest["next"] is None


async def test_every_problem_of_a_document_is_told_at_once(studio: Studio) -> None:
    entry = {"name": "x", "node": "a", "setting": "deep"}
    body = {
        "name": "Foxes",
        "graph": STRANGE,
        "inputs": [entry, entry | {"name": "y"}, entry | {"node": "gone"}],
        "outputs": [{"name": "o", "node": "b"}, {"name": "o", "node": "gone"}],
    }
    assert told(await studio.client.post(FLOW, json=body)) == [
        ("/inputs/2/node", "unknown_node_id"), ("/outputs/1/node", "unknown_node_id"),
        ("/inputs/1/setting", "input_twice"), ("/outputs/1/name", "output_twice"),
    ]  # fmt: skip
    wrong = {"name": " ", "graph": {"nodes": [{"id": ""}]}, "tags": [""], "layout": []}
    pointers = {pointer for pointer, _ in told(await studio.client.post(FLOW, json=wrong))}
    assert pointers >= {"/name", "/graph/nodes/0/id", "/graph/nodes/0/type", "/layout"}


async def test_workflows_have_an_end(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    big = await studio.client.post(
        FLOW, json={"name": "x", "graph": STRANGE, "layout": {"x": "y" * workflows.MAX_BYTES}}
    )
    assert (big.status_code, big.json()["code"]) == (413, "workflow_too_large")
    wordy = await studio.client.post(
        FLOW, json={"name": "x", "graph": STRANGE, "description": "狐" * 16_384}
    )
    assert (wordy.status_code, wordy.json()["code"]) == (413, "workflow_head_too_large")
    nodes = [{"id": str(number), "type": "x"} for number in range(2001)]
    many = await studio.client.post(FLOW, json={"name": "x", "graph": {"nodes": nodes}})
    assert told(many) == [("/graph/nodes", "graph_too_large")]
    monkeypatch.setattr(rows, "MAX_WORKFLOWS", 1)
    await save(studio)
    full = await studio.client.post(FLOW, json={"name": "x", "graph": STRANGE})
    assert (full.status_code, full.json()["code"]) == (409, "list_full")


async def test_strangers_have_their_own(opener: Opener) -> None:
    async with opener(token=MASTER) as studio:
        one = bearer((await token(studio, "one", "read", "generate"))[1])
        two = bearer((await token(studio, "two", "read", "generate"))[1])
        body = {"name": "Foxes", "graph": STRANGE}
        saved = (await studio.client.post(FLOW, json=body, headers=one)).json()
        place = f"{FLOW}/{saved['id']}"
        for method, path, sent in (
            ("GET", place, None), ("PUT", place, body | {"version": 1}), ("DELETE", place, None),
            ("POST", f"{place}/run", {}),
        ):  # fmt: skip
            answer = await studio.client.request(method, path, json=sent, headers=two)
            assert answer.status_code == 404, method
        assert (await studio.client.get(FLOW, headers=two)).json()["items"] == []
        assert (await studio.client.post(FLOW, json=body, headers=two)).status_code == 201
        assert len((await studio.client.get(FLOW, headers=bearer(MASTER))).json()["items"]) == 2


async def test_what_was_saved_comes_in_again_under_another_name(studio: Studio) -> None:
    saved = await save(studio, inputs=[{"name": "d", "node": "a", "setting": "deep"}])
    for wanted in ("Foxes (2)", "Foxes (3)"):
        answer = await studio.client.post(f"{FLOW}/import", json={"workflow": saved})
        assert answer.status_code == 201, answer.text
        assert answer.json()["name"] == wanted
        assert (answer.json()["graph"], answer.json()["inputs"]) == (
            saved["graph"], saved["inputs"],
        )  # fmt: skip
    bare = await studio.client.post(f"{FLOW}/import", json={"workflow": STRANGE, "name": "Bare"})
    assert (bare.json()["name"], bare.json()["graph"]) == ("Bare", saved["graph"])


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"last_node_id": 3, "nodes": [], "links": []}, "not_supported_yet"),
        ({"3": {"class_type": "KSampler", "inputs": {}}}, "not_supported_yet"),
        ({}, "missing_field"),
        ({"graph": {"nodes": 3}}, "wrong_type"),
        ({"nodes": [], "more": 1}, "unknown_field"),
    ],
)  # fmt: skip
async def test_another_programs_file_is_refused_by_name(
    studio: Studio, document: dict[str, Any], code: str
) -> None:
    answer = await studio.client.post(f"{FLOW}/import", json={"workflow": document})
    (found,) = told(answer)
    assert found[0].startswith("/workflow") and found[1] == code


async def test_changes_are_told_on_the_socket(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address, "?topics=system") as opened:
        await hear(opened)
        made = await ask(opened, "create_workflow", name="Foxes", graph=STRANGE)
        workflow = made["result"]["id"]
        changed = await ask(
            opened, "save_workflow", workflow=workflow, version=1, name="Owls", graph=STRANGE
        )
        assert changed["result"]["version"] == 2
        assert (await ask(opened, "workflow", workflow=workflow))["result"]["name"] == "Owls"
        await opened.send(json.dumps({"do": "delete_workflow", "workflow": workflow}))
        gone = await until(opened, "workflow.changed")
        assert (gone["workflow"], gone["deleted"]) == (workflow, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abä~/. ", max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


async def test_any_settings_and_any_layout_come_back_as_they_went(studio: Studio) -> None:
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.dictionaries(st.text("abä~/. ", max_size=4), JSON, max_size=3))
    def draw(value: dict[str, Any]) -> None:
        drawn.append(value)

    drawn: list[dict[str, Any]] = []
    draw()
    place = f"{FLOW}/{(await save(studio))['id']}"
    for version, value in enumerate(drawn, 1):
        graph = {"nodes": [{"id": "a", "type": "theirs", "settings": value}]}
        body = {"name": "x", "graph": graph, "layout": value, "version": version}
        done = await studio.client.put(place, json=body)
        assert done.status_code == 200, done.text
        opened = (await studio.client.get(place)).json()
        assert (opened["graph"]["nodes"][0]["settings"], opened["layout"]) == (value, value)
