"""Help for who writes a prompt: wildcards by name, and its length for a model."""

import pytest

from tests.server.studio import Studio

pytestmark = pytest.mark.anyio
API = "/api/v1"


async def test_wildcards_are_listed_by_name(studio: Studio) -> None:
    folder = studio.state.layout.wildcards
    assert (await studio.client.get(f"{API}/wildcards")).json() == {"items": []}
    (folder / "animals.txt").write_text("fox\n", "utf-8")
    (folder / "colours").mkdir()
    (folder / "colours" / "warm.txt").write_text("red\n", "utf-8")
    found = await studio.client.get(f"{API}/wildcards")
    assert found.json() == {"items": ["animals", "colours/warm"]}


async def test_a_prompt_is_counted_without_its_notation(studio: Studio) -> None:
    for prompt in ("a red fox", "a (red:1.3) fox<lora:thing:0.5>"):
        answer = await studio.client.post(
            f"{API}/prompts/count", json={"prompt": prompt, "model": "tiny"}
        )
        assert (answer.status_code, answer.json()["tokens"]) == (200, 3), answer.text
        assert answer.json()["windows"] == 1
        assert not answer.json()["cut"]


async def test_a_model_that_is_not_there_is_a_problem(studio: Studio) -> None:
    answer = await studio.client.post(
        f"{API}/prompts/count", json={"prompt": "x", "model": "nobody"}
    )
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/model"]
