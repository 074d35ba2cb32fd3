"""Bad requests, in tables: each gets its status and its code, and writes nothing."""

from typing import Any

import pytest

from tests.server.studio import DRAW, Studio

pytestmark = pytest.mark.anyio
JSON = {"content-type": "application/json"}

RAW = [  # body, status, code
    (b'{"prompt": NaN}', 400, "json_invalid"),
    (b'{"prompt": "x", "strength": 1e999}', 422, "invalid"),
    (b"[" * 100_000, 400, "json_too_deep"),
    (b'{"seed": ' + b"1" * 5000 + b"}", 422, "invalid"),
    (b'{"prompt": "a", "prompt": "b"}', 400, "json_invalid"),
    (b'\xef\xbb\xbf{"prompt": "a"}', 400, "json_invalid"),
    (b'{"prompt": "a"} tail', 400, "json_invalid"),
    (b"", 400, "json_invalid"),
    (b'{"prompt": "\xff"}', 400, "json_invalid"),
    (b'{"prompt": "\\ud800"}', 400, "json_invalid"),
    (b'{"prompt": "\\u0000"}', 422, "invalid"),
    (b"[]", 422, "invalid"),
    (b'"text"', 422, "invalid"),
    (b"null", 422, "invalid"),
]  # fmt: skip

FIELDS = [  # changed fields, pointer, code
    ({"width": 0}, "/width", "number_too_small"),
    ({"width": -8}, "/width", "number_too_small"),
    ({"height": 7}, "/height", "number_too_small"),
    ({"width": 4104}, "/width", "number_too_large"),
    ({"width": 2**63}, "/width", None),
    ({"width": 65}, "/width", "number_not_multiple"),
    ({"steps": 0}, "/steps", "number_too_small"),
    ({"steps": 501}, "/steps", "number_too_large"),
    ({"count": 65}, "/count", "number_too_large"),
    ({"guidance_scale": 101}, "/guidance_scale", "number_too_large"),
    ({"guidance_scale": -1}, "/guidance_scale", "number_too_small"),
    ({"strength": 1.5}, "/strength", "number_too_large"),
    ({"seed": 2**53}, "/seed", None),
    ({"seed": -1}, "/seed", "number_too_small"),
    ({"prompt": "x" * 16_385}, "/prompt", "too_long"),
    ({"prompt": 7}, "/prompt", "wrong_type"),
    ({"promt": "x"}, "/promt", "unknown_field"),
    ({"model": "nobody"}, "/model", "unknown_model"),
    ({"init_image": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, "/init_image", "unknown_image"),
    ({"init_image": "../../etc/passwd"}, "/init_image", "unknown_image"),
    ({"sampler": "nonsense"}, "/sampler", "unknown_sampler"),
    ({"scheduler": "nonsense"}, "/scheduler", "unknown_schedule"),
    ({"loras": [{"model": "a"}] * 65}, "/loras", "too_long"),
    ({"loras": [{"model": "a", "weigth": 1}]}, "/loras/0/weigth", "unknown_field"),
]

IDS = [
    "..%2fx", "%252e%252e", "..%5cx", "C:x", "%5c%5ch%5cs", "a%00", "CON", "x.", "A" * 300,
    "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01arz3ndektsv4rrffq69g5fav", "caf%C3%A9", "caf%65%CC%81",
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code"), RAW, ids=range(len(RAW)))
async def test_a_body_that_is_not_sound_json_is_refused(
    studio: Studio, body: bytes, status: int, code: str
) -> None:
    answer = await studio.client.post("/api/v1/generate", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_fields_out_of_range_are_refused_and_write_nothing(studio: Studio) -> None:
    before = await studio.rows()
    for change, pointer, code in FIELDS:
        answer = await studio.client.post("/api/v1/generate", json=DRAW | change)
        assert answer.status_code == 422, (change, answer.text)
        found = {one["pointer"]: one["code"] for one in answer.json()["errors"]}
        assert pointer in found, (change, found)
        assert code is None or found[pointer] == code, (change, found)
    assert await studio.rows() == before


async def test_all_problems_of_a_request_are_told_at_once(studio: Studio) -> None:
    answer = await studio.client.post(
        "/api/v1/generate", json={"width": 3, "steps": "many", "colour": "red"}
    )
    found = {one["pointer"] for one in answer.json()["errors"]}
    assert found == {"/prompt", "/width", "/steps", "/colour"}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content-type": "text/plain"}, "content_type"),
        ({"content-type": "application/x-www-form-urlencoded"}, "content_type"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, "content_encoding"),
        ({"content-type": "application/json", "content-encoding": "zstd"}, "content_encoding"),
    ],
)
async def test_a_body_of_another_kind_is_refused(
    studio: Studio, headers: dict[str, str], code: str
) -> None:
    answer = await studio.client.post("/api/v1/generate", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, code)


async def test_a_body_over_its_cap_is_refused_by_what_arrives(studio: Studio) -> None:
    async def endless() -> Any:
        for _ in range(5):
            yield b" " * 1024 * 1024

    answer = await studio.client.post("/api/v1/generate", content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("place", ["images/{}", "images/{}/file", "jobs/{}", "batches/{}"])
async def test_an_id_that_is_none_is_not_found(studio: Studio, name: str, place: str) -> None:
    answer = await studio.client.get(f"/api/v1/{place.format(name)}")
    assert answer.status_code == 404
    body = answer.json()
    del body["request_id"]
    assert body["code"] == "not_found"
    assert name not in answer.text


async def test_unknown_paths_and_methods_are_problems_too(studio: Studio) -> None:
    missing = await studio.client.get("/api/v1/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    wrong = await studio.client.put("/api/v1/jobs")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]


async def test_an_expansion_over_ten_thousand_is_refused_before_anything_is_written(
    studio: Studio,
) -> None:
    before = await studio.rows()
    sweep = {
        "axes": [
            {"setting": "seed", "values": {"start": 0, "count": 1000}},
            {"setting": "steps", "values": list(range(1, 12))},
        ]
    }
    answer = await studio.client.post(
        "/api/v1/jobs", json={"recipe": {"name": "txt2img", **DRAW}, "sweep": sweep}
    )
    assert answer.status_code == 422
    assert "expansion_too_large" in answer.text
    assert await studio.rows() == before


def node(id_: str, type_: str, settings: dict[str, Any] | None = None, **inputs: Any) -> Any:
    return {"id": id_, "type": type_, "settings": settings or {}, "inputs": inputs}


def save(source: str, port: str) -> Any:
    return node("b", "image.save", {}, image=[source, port])


ADD = node("b", "number.add", {}, a=["a", "out"], b=["a", "out"])
NUMBER = node("a", "number.value", {"value": 1.0})
GRAPHS: list[tuple[list[Any], str, str]] = [  # nodes, pointer, code
    ([node("a", "no.such")], "/graph/nodes/0/type", "unknown_node"),
    ([NUMBER, save("a", "out")], "/graph/nodes/1/inputs/image", "port_type"),
    ([node("b", "image.save")], "/graph/nodes/0/inputs/image", "missing_input"),
    ([save("x", "out")], "/graph/nodes/0/inputs/image", "dangling_link"),
    ([NUMBER, save("a", "nope")], "/graph/nodes/1/inputs/image", "unknown_port"),
    ([NUMBER, NUMBER], "/graph/nodes/1/id", "duplicate_id"),
    ([node("a", "number.value", {"value": "x"})], "/graph/nodes/0/settings/value", "wrong_type"),
    ([node("a", "number.value", {"valeu": 1})], "/graph/nodes/0/settings/valeu", "unknown_setting"),
    ([NUMBER, ADD], "/graph/nodes", "no_sink"),
    (
        [node("a", "number.add", {}, a=["b", "out"], b=["b", "out"]),
         node("b", "number.add", {}, a=["a", "out"], b=["a", "out"])],
        "", "graph_cycle",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "pointer", "code"), GRAPHS, ids=[g[2] for g in GRAPHS])
async def test_a_mis_wired_graph_is_refused_where_it_is_wrong(
    studio: Studio, nodes: list[Any], pointer: str, code: str
) -> None:
    before = await studio.rows()
    answer = await studio.client.post("/api/v1/jobs", json={"graph": {"nodes": nodes}})
    assert answer.status_code == 422, answer.text
    found = [(one["code"], one["pointer"]) for one in answer.json()["errors"]]
    assert any(one == code and (not pointer or at == pointer) for one, at in found), found
    assert await studio.rows() == before


async def test_a_graph_that_is_no_graph_tells_every_place(studio: Studio) -> None:
    nodes = [{"id": "", "type": "x"}, {"type": "y", "sttings": {}}]
    answer = await studio.client.post("/api/v1/jobs", json={"graph": {"nodes": nodes}})
    found = {one["pointer"] for one in answer.json()["errors"]}
    assert {"/graph/nodes/0/id", "/graph/nodes/1/id", "/graph/nodes/1/sttings"} <= found


async def test_a_graph_of_a_million_nodes_is_refused_by_its_size(studio: Studio) -> None:
    nodes = b",".join(b'{"id":"n%d","type":"number.value"}' % i for i in range(2100))
    answer = await studio.client.post(
        "/api/v1/graphs/check", content=b'{"graph":{"nodes":[' + nodes + b"]}}", headers=JSON
    )
    assert answer.json()["problems"][0]["code"] == "graph_too_large"
    huge = b'{"graph":{"nodes":[' + b"{}," * 2_000_000 + b"{}]}}"
    refused = await studio.client.post("/api/v1/graphs/check", content=huge, headers=JSON)
    assert refused.status_code == 413


async def test_the_words_follow_the_asked_language(studio: Studio) -> None:
    plain = await studio.client.get("/api/v1/jobs/x", headers={"accept-language": "xx"})
    german = await studio.client.get(
        "/api/v1/jobs/x", headers={"accept-language": "de-AT,de;q=0.9"}
    )
    assert plain.json()["code"] == german.json()["code"]
    if "de" in studio.state.words.codes:
        assert plain.json()["detail"] != german.json()["detail"]
