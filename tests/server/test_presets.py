"""Presets over HTTP, and the styles of a request."""

from typing import Any

import pytest

from core.store import presets as rows
from server.actions import presets
from tests.server.studio import DRAW, Opener, Studio, listening
from tests.server.test_access import MASTER, bearer, token
from tests.server.test_socket import ask, hear, socket, until

pytestmark = pytest.mark.anyio
API = "/api/v1"
PRESETS = f"{API}/presets"


async def preset(studio: Studio, name: str, **fields: Any) -> dict[str, Any]:
    made = await studio.client.post(PRESETS, json={"name": name, **fields})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def told(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(each["pointer"], each["code"]) for each in answer.json()["errors"]]


async def test_a_preset_is_saved_changed_listed_and_deleted(studio: Studio) -> None:
    settings = {"steps": 30, "sampler": "euler", "width": None, "loras": []}
    made = await preset(studio, "Oil", prompt="oil of {prompt}", settings=settings)
    place = f"{PRESETS}/{made['id']}"
    assert (await studio.client.get(place)).json() == made
    assert (made["settings"], made["negative_prompt"], made["owner"]) == (settings, "", "local")
    other = await preset(studio, "Ink")
    listed = (await studio.client.get(PRESETS)).json()["items"]
    assert [each["name"] for each in listed] == ["Ink", "Oil"]
    changed = await studio.client.put(place, json={"name": "Oils", "negative_prompt": "photo"})
    assert (changed.json()["name"], changed.json()["prompt"]) == ("Oils", "")
    taken = await studio.client.put(place, json={"name": "Ink"})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    twice = await studio.client.post(PRESETS, json={"name": "Ink"})
    assert (twice.status_code, twice.json()["code"]) == (409, "name_taken")
    assert (await studio.client.delete(f"{PRESETS}/{other['id']}")).status_code == 204
    assert (await studio.client.get(f"{PRESETS}/{other['id']}")).status_code == 404


async def test_saved_settings_are_fields_of_a_request(studio: Studio) -> None:
    body = {
        "name": " ",
        "settings": {"steps": 0, "nonsense/": 1, "seed": "x", "count": 4, "styles": [3]},
    }  # fmt: skip
    assert set(told(await studio.client.post(PRESETS, json=body))) == {
        ("/name", "pattern_mismatch")
    }
    assert set(told(await studio.client.post(PRESETS, json=body | {"name": "x"}))) == {
        ("/settings/steps", "number_too_small"), ("/settings/nonsense~1", "unknown_field"),
        ("/settings/seed", "wrong_type"), ("/settings/styles/0", "wrong_type"),
    }  # fmt: skip


async def test_presets_have_an_end(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "MAX_SETTINGS", 100)
    big = await studio.client.post(
        PRESETS, json={"name": "x", "settings": {"prompt": "x" * 100}}
    )  # fmt: skip
    assert (big.status_code, big.json()["code"]) == (413, "preset_too_large")
    monkeypatch.setattr(rows, "MAX_PRESETS", 1)
    await preset(studio, "one")
    full = await studio.client.post(PRESETS, json={"name": "two"})
    assert (full.status_code, full.json()["code"]) == (409, "list_full")


async def test_styles_stand_around_the_prompts_in_their_order_and_the_picture_keeps_the_whole(
    studio: Studio,
) -> None:
    await preset(studio, "Oil", prompt="oil of {prompt}", negative_prompt="photo")
    made = await preset(studio, "Framed", prompt="framed", negative_prompt="bad {prompt}")
    drawn = await studio.generate(styles=["Oil", "Framed"], negative_prompt="blur")
    image = drawn["images"][0]
    whole = ("oil of a red fox, framed", "bad blur, photo")
    assert (image["prompt"], image["negative_prompt"]) == whole
    await studio.client.delete(f"{PRESETS}/{made['id']}")
    again = (await studio.client.get(f"{API}/images/{image['id']}/recipe")).json()["recipe"]
    assert (again["prompt"], again["negative_prompt"]) == whole
    assert "styles" not in again
    assert (await studio.client.post(f"{API}/jobs", json={"recipe": again})).status_code == 201


async def test_styles_stand_around_every_prompt_of_a_sweep_and_of_a_template(
    studio: Studio,
) -> None:
    await preset(studio, "Oil", prompt="oil of {prompt}")
    recipe = {"name": "txt2img", **DRAW, "styles": ["Oil"]}
    axes = [{"setting": "prompt", "values": ["a", "b"]}]
    swept = await studio.client.post(
        f"{API}/jobs", json={"recipe": recipe, "sweep": {"axes": axes}}
    )
    ended = [await studio.ended(job) for job in swept.json()["jobs"]]
    assert [job["overrides"]["prompt"] for job in ended] == ["oil of a", "oil of b"]
    drawn = await studio.generate(
        styles=["Oil"], prompt="a {red|blue} fox", dynamic_prompts="combinatorial"
    )
    prompts = {image["prompt"] for image in drawn["images"]}
    assert prompts == {"oil of a red fox", "oil of a blue fox"}


async def test_what_is_wrong_with_styles_is_told_with_all_else(studio: Studio) -> None:
    await preset(studio, "Long", prompt="{prompt}" * 500)
    before = await studio.rows()
    body = DRAW | {"styles": ["Owls", "Long", "Long"], "sampler": "nonsense"}
    assert told(await studio.client.post(f"{API}/generate", json=body)) == [
        ("/styles/0", "unknown_style"), ("/styles/2", "styles_too_long"),
        ("/sampler", "unknown_sampler"),
    ]  # fmt: skip
    for wrong in ("Oil", [3], ["x"] * 17, {"a": 1}):
        recipe = {"recipe": {"name": "txt2img", **DRAW, "styles": wrong}}
        (found,) = told(await studio.client.post(f"{API}/jobs", json=recipe))
        assert found[0].startswith("/recipe/styles"), wrong
    assert await studio.rows() == before


async def test_styles_of_another_program_come_in_and_what_does_not_is_told(
    studio: Studio,
) -> None:
    await preset(studio, "Ink", prompt="mine")
    table = 'name,prompt,negative_prompt\nOil,"oil, {prompt}",photo\nInk,ink,\nLong,' + "x" * 4097
    done = await studio.client.post(f"{PRESETS}/import", json={"csv": table})
    assert done.status_code == 201, done.text
    (oil,) = done.json()["items"]
    assert (oil["name"], oil["prompt"], oil["negative_prompt"]) == ("Oil", "oil, {prompt}", "photo")
    assert done.json()["skipped"] == [
        {"name": "Ink", "code": "name_taken"}, {"name": "Long", "code": "too_long"},
    ]  # fmt: skip
    assert {p["prompt"] for p in (await studio.client.get(PRESETS)).json()["items"]} == {
        "mine", "oil, {prompt}",
    }  # fmt: skip
    drawn = await studio.generate(styles=["Oil"])
    assert drawn["images"][0]["prompt"] == "oil, a red fox"
    wrong = await studio.client.post(f"{PRESETS}/import", json={"csv": "a,b"})
    assert told(wrong) == [("/csv", "styles_unreadable")]
    many = "name,prompt\n" + "x,y\n" * 1001
    assert told(await studio.client.post(f"{PRESETS}/import", json={"csv": many})) == [
        ("/csv", "too_long")
    ]


async def test_strangers_have_presets_of_their_own(opener: Opener) -> None:
    async with opener(token=MASTER) as studio:
        one = bearer((await token(studio, "one", "read", "generate"))[1])
        two = bearer((await token(studio, "two", "read", "generate"))[1])
        body = {"name": "Oil", "prompt": "oil"}
        made = (await studio.client.post(PRESETS, json=body, headers=one)).json()
        place = f"{PRESETS}/{made['id']}"
        for method in ("GET", "PUT", "DELETE"):
            sent = body if method == "PUT" else None
            answer = await studio.client.request(method, place, json=sent, headers=two)
            assert answer.status_code == 404, method
        drawn = await studio.client.post(
            f"{API}/generate", json=DRAW | {"styles": ["Oil"]}, headers=two
        )
        assert told(drawn)[0] == ("/styles/0", "unknown_style")
        assert (await studio.client.post(PRESETS, json=body, headers=two)).status_code == 201


async def test_changes_are_told_on_the_socket(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address, "?topics=system") as opened:
        await hear(opened)
        made = (await ask(opened, "create_preset", name="Oil"))["result"]
        saved = await ask(opened, "save_preset", preset=made["id"], name="Ink")
        assert saved["result"]["name"] == "Ink"
        await studio.client.delete(f"{PRESETS}/{made['id']}")
        fact = await until(opened, "preset.changed")
        while not fact["deleted"]:
            fact = await until(opened, "preset.changed")
        assert fact["preset"] == made["id"]
