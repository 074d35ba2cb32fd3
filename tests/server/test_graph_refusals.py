"""Graphs and texts that are too much, or odd: refused at once, or kept as they are.

P37, P38, P39, P40, P44, P48 of the contract.
"""

import time
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from core.jobs.fake_job import FakeScript
from tests.server.studio import DRAW, Opener, Studio
from tests.server.test_refusals import JSON, NUMBER, node

pytestmark = pytest.mark.anyio
API = "/api/v1"


async def check(studio: Studio, nodes: list[Any]) -> list[Any]:
    answer = await studio.client.post(f"{API}/graphs/check", json={"graph": {"nodes": nodes}})
    assert answer.status_code == 200, answer.text
    problems: list[Any] = answer.json()["problems"]
    return problems


def ring(count: int) -> list[Any]:
    """A circle of nodes."""
    return [
        node(f"n{at}", "number.add", {}, a=[f"n{(at + 1) % count}", "out"], b=["n0", "out"])
        for at in range(count)
    ]


@pytest.mark.parametrize("count", [1, 2, 19, 1500])
async def test_a_circle_is_told_with_at_most_twenty_of_its_nodes(
    studio: Studio, count: int
) -> None:
    cycles = [one for one in await check(studio, ring(count)) if one["code"] == "graph_cycle"]
    assert cycles
    named = cycles[0]["params"]["nodes"]
    assert len(str(named).split(",")) <= 21, named


async def test_graphs_that_are_too_large_are_refused_before_they_are_looked_at(
    studio: Studio,
) -> None:
    """P39: what it costs to refuse one grows with its bytes alone, and stays small."""
    few = b'{"graph":{"nodes":[' + b",".join([b'{"id":"a","type":"x"}'] * 2100) + b"]}}"
    told = await studio.client.post(f"{API}/graphs/check", content=few, headers=JSON)
    assert told.json()["problems"][0]["code"] == "graph_too_large"
    many = b'{"graph":{"nodes":[' + b",".join([b'{"id":"a","type":"x"}'] * 60_000) + b"]}}"
    took = []
    for _ in range(3):
        began = time.process_time()
        answer = await studio.client.post(f"{API}/graphs/check", content=many, headers=JSON)
        took.append(time.process_time() - began)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_many_values")
    assert min(took) < 0.2


async def test_the_largest_graph_does_not_hold_the_others_up(studio: Studio) -> None:
    """It is parsed and decoded off the loop: others are answered in between."""
    nodes = [NUMBER | {"id": "n0"}]
    nodes += [
        node(f"n{at}", "number.add", {}, a=[f"n{at - 1}", "out"], b=[f"n{at - 1}", "out"])
        for at in range(1, 2000)
    ]
    answered = 0
    checked = anyio.Event()

    async def others() -> None:
        nonlocal answered
        while not checked.is_set():
            await studio.client.get("/livez")
            answered += 1
            await checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(others)
        assert [one["code"] for one in await check(studio, nodes)] == ["no_sink"]
        checked.set()
    assert answered > 3


async def test_very_many_problems_are_told_as_the_first_hundred(studio: Studio) -> None:
    nodes = [node(f"n{at}", "no.such") for at in range(500)]
    answer = await studio.client.post(f"{API}/jobs", json={"graph": {"nodes": nodes}})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 100


ODD = ["\u202egnp.exe", "👩‍👩‍👧‍👦", "\x1b[2J\x1b[31mred", "Ａ｢全角｣", "a\u2028b", "\ufeffmark",
       "\\0", "e\u0301", "-- ; DROP TABLE jobs", "%s %d {0}",
       "x" * 16_384]  # fmt: skip


async def test_odd_words_are_kept_to_the_letter(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    for words in ODD:
        made = await studio.generate(prompt=words)
        assert made["images"][0]["prompt"] == words
    assert not any(words in line.getMessage() for words in ODD for line in caplog.records)


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("PATCH", "/models/{model}", {"name": "x" * 201}, "/name"),
        ("POST", "/tokens", {"name": "x" * 201, "scopes": ["read"]}, "/name"),
        ("POST", "/generate", DRAW | {"prompt": "x" * 16_385}, "/prompt"),
        ("POST", "/generate", DRAW | {"negative_prompt": "x" * 16_385}, "/negative_prompt"),
        ("POST", "/generate", DRAW | {"loras": [{"model": "a"}] * 65}, "/loras"),
    ],
)
async def test_words_that_are_too_long_are_refused_where_they_stand(
    studio: Studio, method: str, path: str, body: dict[str, Any], pointer: str
) -> None:
    (model,) = (await studio.client.get(f"{API}/models")).json()["items"]
    url = API + path.format(model=model["id"])
    answer = await studio.client.request(method, url, json=body)
    assert answer.status_code == 422, answer.text
    found = {one["pointer"]: one["code"] for one in answer.json()["errors"]}
    assert found[pointer] == "too_long"


async def test_a_job_is_canceled_once_however_often_it_is_asked(opener: Opener) -> None:
    async with opener(script=FakeScript(step=0.01)) as studio:
        asked = DRAW | {"steps": 500}
        made = await studio.client.post(f"{API}/generate", json=asked)
        job = made.json()["jobs"][0]["id"]
        await studio.until("job.started", job)
        first = await studio.client.post(f"{API}/jobs/{job}/cancel")
        again = await studio.client.post(f"{API}/jobs/{job}/cancel")
        assert first.status_code == 200
        assert again.status_code in (200, 409)
        assert (await studio.ended(job))["status"] == "canceled"
        late = await studio.client.post(f"{API}/jobs/{job}/cancel")
        assert (late.status_code, late.json()["code"]) == (409, "job_ended")
        told = await studio.state.db.read(
            lambda db: db.execute(
                "SELECT text FROM events WHERE job = :job", {"job": job}
            ).fetchall()
        )
        assert [b'"job.ended"' in text for (text,) in told].count(True) == 1
