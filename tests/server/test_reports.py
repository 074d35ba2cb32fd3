"""Reports of trainings over HTTP."""

import pytest

from tests.server.studio import Studio
from tests.server.taught import API, base, dataset, train

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]


async def test_a_training_that_ended_has_a_report(studio: Studio) -> None:
    pictures = await dataset(studio)
    await base(studio)
    asked = await train(studio, dataset=pictures, sample_every=10, name="<b>my dog</b>")
    await studio.ended(asked["job"])
    answer = await studio.client.get(f"{API}/{asked['training']}/report")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "&lt;b&gt;my dog&lt;/b&gt;" in answer.text
    assert answer.text.count("<svg") >= 3
    assert answer.text.count("<figure>") == 2 * 3  # of both steps, one for each prompt
    assert "is also a rifle" in answer.text
    plain = await studio.client.get(f"{API}/{asked['training']}/report", params={"format": "md"})
    assert plain.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "20 of 20" in plain.text
    german = await studio.client.get(
        f"{API}/{asked['training']}/report", headers={"accept-language": "de"}
    )
    assert "ist auch ein Gewehr" in german.text


async def test_a_plan_says_its_warnings_in_words(studio: Studio) -> None:
    pictures = await dataset(studio)
    await base(studio)
    body = {"dataset": pictures, "base_model": "base", "token": "sks", "class_word": "dog"}
    plan = (await studio.client.post(f"{API}/plan", json=body)).json()
    assert {one["code"] for one in plan["warnings"]} >= {"token_rifle"}
    assert all(one["message"] and one["message"] != one["code"] for one in plan["warnings"])


@pytest.mark.parametrize("query", [{"format": "pdf"}, {"other": "1"}])
async def test_another_format_is_refused(studio: Studio, query: dict[str, str]) -> None:
    answer = await studio.client.get(f"{API}/{'0' * 26}/report", params=query)
    assert answer.status_code in (400, 422)


async def test_an_unknown_training_has_no_report(studio: Studio) -> None:
    answer = await studio.client.get(f"{API}/01ARZ3NDEKTSV4RRFFQ69G5FAV/report")
    assert answer.status_code == 404
