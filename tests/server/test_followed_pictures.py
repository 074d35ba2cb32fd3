"""Picture prompts from files in the library to the pixels, by a real server and engine."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from core.paths import shipped
from tests.engine.adapter_files import draw, weight
from tests.running import RunningServer, running
from tests.server.test_adapted_pictures import DRAW, drawn, pixels

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
EMBED = 20  # width of what the encoder gives


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("followed")
    style = folder / "data" / "models" / "style"
    write_encoder(style / "image_encoder")
    write_adapter(style / "owl.safetensors")
    with running(folder, device="cpu") as started:
        kind, until = None, time.monotonic() + 60
        while kind is None and time.monotonic() < until:
            page = started.client.get("/api/v1/models?limit=200").json()
            kind = {one["name"]: one["kind"] for one in page["items"]}.get("owl")
        assert kind == "ip_adapter"
        yield started
        assert "engine ended" not in started.log.read_text("utf-8", "replace")


def write_encoder(folder: Path) -> None:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(5)
    config = CLIPVisionConfig(
        hidden_size=12, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        image_size=32, patch_size=8, projection_dim=EMBED,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder)


def write_adapter(path: Path) -> None:
    """Make an adapter for the starter's attentions."""
    from diffusers import UNet2DConditionModel

    network: Any = UNet2DConditionModel.from_pretrained(shipped("starter") / "unet")
    wide = network.config.cross_attention_dim
    made = {
        "image_proj.proj.weight": draw(4 * wide, EMBED),
        "image_proj.proj.bias": draw(4 * wide),
        "image_proj.norm.weight": torch.ones(wide),
        "image_proj.norm.bias": torch.zeros(wide),
    }
    names = [name for name in network.attn_processors if "attn2" in name]
    for place, name in enumerate(names):
        hidden = weight(network, name.replace("processor", "to_k")).shape[0]
        for which in ("k", "v"):
            key = f"ip_adapter.{2 * place + 1}.to_{which}_ip.weight"
            made[key] = draw(hidden, wide, seed=place)
    save_file(made, path)


def uploaded(server: RunningServer, seed: int) -> str:
    noise = torch.rand((48, 48, 3), generator=torch.Generator().manual_seed(seed))
    file = io.BytesIO()
    Image.fromarray((noise * 255).to(torch.uint8).numpy()).save(file, "PNG")
    answer = server.client.post(
        "/api/v1/uploads", content=file.getvalue(), headers={"content-type": "image/png"}
    )
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


def test_pictures_are_followed_as_strongly_as_is_asked(server: RunningServer) -> None:
    first, second = uploaded(server, 1), uploaded(server, 2)
    plain = drawn(server)

    def following(*images: str, **fields: Any) -> bytes:
        asked = [{"model": "owl", "image": image, **fields} for image in images]
        return drawn(server, image_prompts=asked)

    assert following(first, weight=0) == plain
    assert following(first, second, weight=0) == plain
    one = following(first, weight=1)
    assert len({plain, one, following(second, weight=1), following(first, second, weight=1)}) == 4
    assert following(first, weight=1, end=0.5) not in (plain, one)
    assert drawn(server) == plain


def test_each_picture_of_a_sweep_has_its_own_weight(server: RunningServer) -> None:
    shown = {"model": "owl", "image": uploaded(server, 3)}
    weights = [0, 1, -0.5]
    body = {
        "recipe": {"name": "txt2img", **DRAW, "image_prompts": [shown]},
        "sweep": {"axes": [{"setting": "image_prompts[0].weight", "values": weights}]},
    }
    answer = server.client.post("/api/v1/jobs", json=body, headers={"prefer": "wait=110"})
    assert answer.status_code in (200, 201), answer.text
    found = []
    for job in answer.json()["jobs"]:
        id_, until = job if isinstance(job, str) else job["id"], time.monotonic() + 120
        ended: dict[str, Any] = {"status": ""}
        while ended["status"] not in ("succeeded", "failed") and time.monotonic() < until:
            ended = server.client.get(f"/api/v1/jobs/{id_}").json()
        assert ended["status"] == "succeeded", ended
        found.append(pixels(server, ended["images"][0]))
    alone = [drawn(server, image_prompts=[{**shown, "weight": one}]) for one in weights]
    for made, expected in zip(found, alone, strict=True):
        assert max(abs(a - b) for a, b in zip(made, expected, strict=True)) <= 1
    assert len(set(found)) == 3


@pytest.mark.parametrize("fields", [
    {"strength": 0.6}, {"extend_right": 16}, {"hires_factor": 2, "hires_steps": 2},
])  # fmt: skip
def test_other_recipes_follow_pictures_too(server: RunningServer, fields: dict[str, Any]) -> None:
    picture = uploaded(server, 4)
    given = fields if "hires_factor" in fields else {**fields, "init_image": picture}
    plain = drawn(server, **given)
    shown = {"model": "owl", "image": picture}
    assert drawn(server, **given, image_prompts=[{**shown, "weight": 1}]) != plain
    assert drawn(server, **given, image_prompts=[{**shown, "weight": 0}]) == plain
