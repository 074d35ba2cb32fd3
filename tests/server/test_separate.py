"""Parts of their own in requests: whatever is not there or does not go together is told."""

from typing import Any

import msgspec
import pytest

from core.store import models
from core.store.work import NewModel
from tests.server.studio import DRAW, Studio

pytestmark = pytest.mark.anyio
SHELF = (
    ("soft", "vae", "sd1"), ("sharp", "vae", "sd2"), ("wide", "vae", "sdxl"),
    ("any", "vae", "unknown"), ("ink", "lora", "sd1"), ("newer", "checkpoint", "sdxl"),
)  # fmt: skip
AXES = "/sweep/axes/0/values"


@pytest.fixture
async def stocked(studio: Studio) -> Studio:
    def fill(tx: Any) -> None:
        for name, kind, family in SHELF:
            values = {
                "name": name, "kind": kind, "family": family, "root": "models",
                "format": "single", "file": f"{kind}/{name}", "bytes": 1, "changed": 1,
            }  # fmt: skip
            models.upsert(tx, msgspec.convert(values, NewModel))

    await studio.state.db.write(fill)
    return studio


def told(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    errors = answer.json()["errors"]
    assert "{" not in "".join(one["message"] for one in errors)
    return [(one["code"], one["pointer"]) for one in errors]


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"vae": "none"}, [("unknown_model", "/vae")]),
        ({"vae": "ink"}, [("model_wrong_kind", "/vae")]),
        ({"vae": "wide"}, [("model_wrong_family", "/vae")]),
        ({"text_encoder": "none"}, [("unknown_model", "/text_encoder")]),
        ({"text_encoder_3": "soft"}, [("model_wrong_kind", "/text_encoder_3")]),
        ({"vae": "soft", "model": "newer"}, [("model_wrong_family", "/vae")]),
        (
            {"vae": "none", "text_encoder_2": "ink", "sampler": "none"},
            [("unknown_sampler", "/sampler"), ("unknown_model", "/vae"),
             ("model_wrong_kind", "/text_encoder_2")],
        ),
    ],
)  # fmt: skip
async def test_a_part_is_refused_where_it_is_named_before_anything_runs(
    stocked: Studio, fields: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    before = await stocked.rows()
    answer = await stocked.client.post("/api/v1/generate", json=DRAW | fields)
    assert told(answer) == problems
    assert await stocked.rows() == before


@pytest.mark.parametrize("name", ["soft", "sharp", "any"])
async def test_an_autoencoder_that_fits_is_taken(stocked: Studio, name: str) -> None:
    made = await stocked.generate(vae=name)
    assert made["jobs"][0]["status"] == "succeeded"


async def test_autoencoders_may_be_swept(stocked: Studio) -> None:
    axes = [{"setting": "vae", "values": ["soft", "any"]}]
    body = {"recipe": {"name": "txt2img", **DRAW}, "sweep": {"axes": axes}}
    answer = await stocked.client.post("/api/v1/jobs", json=body)
    assert answer.status_code == 201, answer.text
    assert len(answer.json()["jobs"]) == 2
    axes[0]["values"] = ["soft", "wide", "none"]
    answer = await stocked.client.post("/api/v1/jobs", json=body)
    assert told(answer) == [
        ("model_wrong_family", f"{AXES}/1"), ("unknown_model", f"{AXES}/2")
    ]  # fmt: skip
