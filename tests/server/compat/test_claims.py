"""Each claim of docs/compat.md, sent: does it hold?"""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from core.store import models
from core.store.models import NewModel
from tests.server.compat.claims import (
    CLAIMS,
    EDITS,
    GENERATIONS,
    IMG2IMG,
    PAGE,
    TXT2IMG,
    VARIATIONS,
    Claim,
    render,
)
from tests.server.studio import Opener, Studio
from tests.server.test_images import png

pytestmark = pytest.mark.anyio
BASE: dict[str, dict[str, Any]] = {
    GENERATIONS: {"prompt": "a red fox", "model": "tiny", "size": "64x64", "seed": 7},
    EDITS: {"prompt": "a red fox", "model": "tiny", "size": "64x64", "seed": 7},
    VARIATIONS: {"model": "tiny", "size": "64x64", "seed": 7},
    TXT2IMG: {"prompt": "a red fox", "seed": 7, "width": 64, "height": 64, "steps": 2,
              "override_settings": {"sd_model_checkpoint": "tiny"}},
    IMG2IMG: {"prompt": "a red fox", "seed": 7, "width": 64, "height": 64, "steps": 2,
              "override_settings": {"sd_model_checkpoint": "tiny"}},
}  # fmt: skip


@pytest.fixture
async def doors(opener: Opener) -> AsyncIterator[Studio]:
    async with opener() as studio:
        other = NewModel(
            name="other", kind="checkpoint", family="sd1", format="diffusers", root="models",
            file="other", bytes=1, changed=1, sha256="cd" * 32,
        )  # fmt: skip
        await studio.state.db.write(lambda tx: models.upsert(tx, other))
        yield studio


async def send(studio: Studio, endpoint: str, fields: dict[str, Any]) -> httpx.Response:
    """Send fields as the endpoint's clients do: a form of texts, or an object."""
    path = endpoint.partition(" ")[2]
    if endpoint in (EDITS, VARIATIONS):
        texts = {name: str(value) for name, value in fields.items()}
        return await studio.client.post(path, data=texts, files={"image": ("a.png", png())})
    if endpoint == IMG2IMG:
        fields = {"init_images": [base64.b64encode(png()).decode()], **fields}
    return await studio.client.post(path, json=fields)


async def outcome(studio: Studio, answer: httpx.Response) -> tuple[Any, ...]:
    """Tell what was drawn, and what was answered but for the pictures themselves."""
    (job,) = (await studio.client.get("/api/v1/jobs", params={"limit": 1})).json()["items"]
    batch = (await studio.client.get(f"/api/v1/batches/{job['batch']}")).json()
    told = answer.json()
    shown = [sorted(each) if isinstance(each, dict) else len(each) > 0
             for each in told.get("data", told.get("images", []))]  # fmt: skip
    kept = {key: told[key] for key in ("output_format", "size", "warnings") if key in told}
    task = answer.headers.get("x-task-id")
    named = task if task != job["batch"] else None
    recipe = {k: v for k, v in batch["recipe"].items() if k != "init_image"}
    return json.dumps(recipe, sort_keys=True), batch["count"], shown, kept, named


async def broken(studio: Studio, claim: Claim, plain: tuple[Any, ...]) -> str | None:
    """Send a claim's field; say what is wrong with the claim, if anything."""
    base = BASE[claim.endpoint]
    asked = {**base, claim.field: claim.value}
    if claim.field == "override_settings":
        asked[claim.field] = {**base["override_settings"], **claim.value}
    answer = await send(studio, claim.endpoint, asked)
    if claim.verdict == "refused":
        well = 400 <= answer.status_code < 500 and answer.json()["error"]
        return None if well else answer.text
    if answer.status_code != 200:
        return answer.text
    got = await outcome(studio, answer)
    warned = got[3].pop("warnings", [])
    if claim.verdict == "told":
        told = any(each.startswith(claim.field) for each in warned)
        return None if told and (got == plain or claim.field == "sampler_name") else str(warned)
    well = not warned and (got != plain) is (claim.verdict == "honoured")
    return None if well else f"{warned} {got}"


@pytest.mark.timeout(90)
@pytest.mark.parametrize("endpoint", sorted(BASE))
async def test_what_is_claimed_of_each_field_holds(doors: Studio, endpoint: str) -> None:
    plain = await outcome(doors, await send(doors, endpoint, BASE[endpoint]))
    wrong = {
        claim: said
        for claim in CLAIMS
        if claim.endpoint == endpoint and (said := await broken(doors, claim, plain))
    }
    assert wrong == {}


def test_the_page_is_what_is_claimed() -> None:
    assert PAGE.read_text("utf-8") == render()
