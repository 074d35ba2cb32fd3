"""The forms for adapters, control and pictures to follow, driven with real weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Locator, Page, expect
from safetensors.torch import save_file

from core.paths import shipped
from tests.core.media.conftest import encoded, picture
from tests.engine import adapter_files
from tests.running import SMALL, RunningServer, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
API = "/api/v1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with random adapters of three kinds for the starter; the files do not tell whose."""
    folder: Path = tmp_path_factory.mktemp("steering")
    models = folder / "data" / "models"
    for name in ("lora", "control", "follow"):
        (models / name).mkdir(parents=True)
    write(models)
    with running(folder, threads="1") as started:
        yield started


def write(models: Path) -> None:
    """Write a LoRA, a ControlNet, and an IP-Adapter with its image encoder."""
    from diffusers import ControlNetModel, UNet2DConditionModel
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    network = UNet2DConditionModel.from_pretrained(shipped("starter") / "unet")
    lora: dict[str, torch.Tensor] = {}
    follow: dict[str, torch.Tensor] = {}
    width = network.config["cross_attention_dim"]
    for name, module in network.named_modules():
        if name.endswith("attn1.to_q"):
            factors = adapter_files.lora(module.weight.shape)
            stem = "lora_unet_" + name.replace(".", "_")
            lora[f"{stem}.lora_down.weight"] = factors["down"]
            lora[f"{stem}.lora_up.weight"] = factors["up"]
    save_file(lora, models / "lora" / "ink.safetensors")

    control = ControlNetModel.from_unet(network)
    with torch.no_grad():
        for name, weight in control.named_parameters():
            if name.startswith(("controlnet_", "controlnet_cond_embedding.conv_out")):
                weight.normal_(std=0.1)
    control.save_pretrained(models / "control" / "edges")

    torch.manual_seed(5)
    config = CLIPVisionConfig(
        hidden_size=12, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        image_size=32, patch_size=8, projection_dim=20,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(models / "follow" / "image_encoder")
    names = [name for name in network.attn_processors if "attn2" in name]
    for place, name in enumerate(names):
        hidden = adapter_files.weight(network, name.replace("processor", "to_k")).shape[0]
        for which in ("k", "v"):
            key = f"ip_adapter.{2 * place + 1}.to_{which}_ip.weight"
            follow[key] = adapter_files.draw(hidden, width, seed=place)
    follow["image_proj.proj.weight"] = adapter_files.draw(4 * width, 20)
    follow["image_proj.proj.bias"] = adapter_files.draw(4 * width)
    follow["image_proj.norm.weight"] = torch.ones(width)
    follow["image_proj.norm.bias"] = torch.zeros(width)
    save_file(follow, models / "follow" / "style.safetensors")


def section(page: Page, name: str) -> Locator:
    """Open a part of the form."""
    head = page.get_by_role("button", name=name)
    head.click()
    return page.locator(".section", has=head)


def test_a_picture_is_steered_by_all_three_and_says_so(
    page: Page, server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "shape.png").write_bytes(encoded(picture(size=(64, 64))))
    page.goto(server.url)
    page.locator("#prompt").fill("a 3d red fox on a blue background")
    for name, value in {"Pictures": 1, **SMALL, "Steps": 3}.items():
        page.get_by_role("spinbutton", name=name.capitalize(), exact=True).fill(str(value))

    loras = section(page, "LoRAs")
    loras.get_by_label("Add a LoRA…").select_option("ink")
    loras.get_by_role("spinbutton", name="Weight").fill("0.35")

    control = section(page, "Steer by a picture")
    control.get_by_role("button", name="Add a ControlNet").click()
    control.locator("input[type=file]").set_input_files(tmp_path / "shape.png")
    expect(control.get_by_role("img", name="Picture to steer by")).to_be_visible()
    control.get_by_role("spinbutton", name="Weight").fill("0.7")

    follow = section(page, "Follow a picture")
    follow.get_by_role("button", name="Add a picture to follow").click()
    follow.locator("input[type=file]").set_input_files(tmp_path / "shape.png")
    expect(follow.get_by_role("img", name="Picture to follow")).to_be_visible()
    follow.get_by_role("spinbutton", name="Weight").fill("0.45")

    page.locator(".send").get_by_role("button").click()
    drawn = page.get_by_role("link", name="a 3d red fox")
    expect(drawn).to_be_visible(timeout=90_000)

    image = server.client.get(f"{API}/images", params={"kind": "output"}).json()["items"][0]
    kept: dict[str, Any] = server.client.get(f"{API}/images/{image['id']}/recipe").json()["recipe"]
    assert [(one["model"], one["weight"]) for one in kept["loras"]] == [("ink", 0.35)]
    assert [(one["model"], one["weight"]) for one in kept["control"]] == [("edges", 0.7)]
    assert [(one["model"], one["weight"]) for one in kept["image_prompts"]] == [("style", 0.45)]

    drawn.click()
    facts = page.get_by_role("complementary", name="Details")
    for words in ("ink 0.35", "edges 0.7", "style 0.45"):
        expect(facts).to_contain_text(words)
