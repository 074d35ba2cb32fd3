"""Adapters from a file in the library to the pixels of a picture, by a real server and engine."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from core.paths import shipped
from tests.engine.adapter_files import draw
from tests.running import SMALL, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
DRAW = {**SMALL, "prompt": "a red fox", "steps": 2, "seed": 3, "sampler": "euler"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("adapted")
    models = folder / "data" / "models"
    models.mkdir(parents=True)
    write_lora(models / "ink.safetensors")
    with running(folder, device="cpu") as started:
        found: dict[str, Any] = {}
        until = time.monotonic() + 60
        while "ink" not in found and time.monotonic() < until:
            page = started.client.get("/api/v1/models?limit=200").json()
            found = {one["name"]: one["kind"] for one in page["items"]}
        assert found["ink"] == "lora"
        yield started
        assert "engine ended" not in started.log.read_text("utf-8", "replace")


def write_lora(path: Path) -> None:
    """Change every query that the starter's pictures ask of their text."""
    made = {}
    with safe_open(next(shipped("starter").glob("unet/*.safetensors")), framework="pt") as unet:
        for name in unet.keys():
            if name.endswith("attn2.to_q.weight"):
                out, inputs = unet.get_slice(name).get_shape()
                stem = "lora_unet_" + name.removesuffix(".weight").replace(".", "_")
                made[f"{stem}.lora_down.weight"] = draw(4, inputs)
                made[f"{stem}.lora_up.weight"] = draw(out, 4)
    save_file(made, path)


def pixels(server: RunningServer, image: str) -> bytes:
    import io

    from PIL import Image

    file = server.client.get(f"/api/v1/images/{image}/file").content
    with Image.open(io.BytesIO(file)) as picture:
        return picture.tobytes()


def drawn(server: RunningServer, **fields: Any) -> bytes:
    made = server.generate(**{**DRAW, **fields})
    (job,) = made["jobs"]
    assert (job["status"], job["degraded"]) == ("succeeded", [])
    return pixels(server, made["images"][0]["id"])


def test_a_tag_and_the_field_draw_the_same_other_picture(server: RunningServer) -> None:
    plain = drawn(server)
    field = drawn(server, loras=[{"model": "ink", "weight": 0.8}])
    assert field != plain
    assert drawn(server, prompt="a red fox<lora:ink:0.8>") == field
    assert drawn(server, prompt="a red fox<lora:ink:0.3>", loras=[
        {"model": "ink", "weight": 0.5},
    ]) == field  # fmt: skip
    assert drawn(server, loras=[{"model": "ink", "weight": 0}]) == plain
    assert drawn(server) == plain


def test_weights_are_swept_and_each_row_has_its_own(server: RunningServer) -> None:
    weights = [0, 0.8, -1, 0.8]
    body = {
        "recipe": {"name": "txt2img", **DRAW, "loras": [{"model": "ink"}]},
        "sweep": {"axes": [{"setting": "loras[0].weight", "values": weights}]},
    }
    answer = server.client.post("/api/v1/jobs", json=body, headers={"prefer": "wait=110"})
    assert answer.status_code in (200, 201), answer.text
    jobs = [job if isinstance(job, str) else job["id"] for job in answer.json()["jobs"]]
    images = []
    until = time.monotonic() + 120
    for job in jobs:
        ended: dict[str, Any] = {"status": ""}
        while ended["status"] not in ("succeeded", "failed") and time.monotonic() < until:
            ended = server.client.get(f"/api/v1/jobs/{job}").json()
        assert ended["status"] == "succeeded", ended
        images.append(pixels(server, ended["images"][0]))
    alone = [drawn(server, loras=[{"model": "ink", "weight": weight}]) for weight in weights]
    for made, expected in zip(images, alone, strict=True):
        away = max(abs(a - b) for a, b in zip(made, expected, strict=True))
        assert away <= 1
    assert images[0] != images[1] != images[2]


def test_a_file_for_other_networks_fails_its_job_alone(server: RunningServer) -> None:
    path = server.data_dir / "models" / "odd.safetensors"
    save_file({"lora_unet_no_such_layer.lora_down.weight": torch.ones(2, 4),
               "lora_unet_no_such_layer.lora_up.weight": torch.ones(4, 2)}, path)  # fmt: skip
    server.client.post("/api/v1/models/scan")
    until = time.monotonic() + 60
    answer = server.client.get("/api/v1/models?kind=lora").json()
    while "odd" not in [one["name"] for one in answer["items"]] and time.monotonic() < until:
        answer = server.client.get("/api/v1/models?kind=lora").json()
    made = server.generate(**{**DRAW, "loras": [{"model": "odd"}]})
    (job,) = made["jobs"]
    assert (job["status"], job["error"]["code"]) == ("failed", "adapter_misfit")
    assert drawn(server)
