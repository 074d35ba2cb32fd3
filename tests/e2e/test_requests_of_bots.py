"""The requests that well-known front ends and bots make, in their order, as they make them."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
API = "/sdapi/v1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("bots"), threads="1") as server:
        yield server


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        yield client


def get(http: httpx.Client, name: str) -> Any:
    return http.get(f"{API}/{name}").raise_for_status().json()


def test_sillytavern(http: httpx.Client) -> None:
    """Ping, lists, set the model and wait for it, then its whole form as it stands."""
    assert "forge_preset" not in get(http, "options")
    assert all(each["name"] for each in get(http, "samplers"))
    upscalers = [each["name"] for each in get(http, "upscalers")]
    assert [each["name"] for each in get(http, "latent-upscale-modes")] == ["Latent"]
    assert "Lanczos" in upscalers
    model = get(http, "sd-models")[0]["title"]
    http.post(f"{API}/options", json={"sd_model_checkpoint": model}).raise_for_status()
    progress = get(http, "progress")
    assert (progress["progress"], progress["state"]["job_count"]) == (0, 0)
    form = {
        "url": "http://localhost:7860", "auth": "", "prompt": "a fox", "negative_prompt": "",
        "sampler_name": "Euler a", "scheduler": "Automatic", "steps": 6, "cfg_scale": 7,
        "width": 64, "height": 64, "restore_faces": False, "enable_hr": False,
        "hr_upscaler": "Latent", "hr_scale": 1.5, "hr_second_pass_steps": 0,
        "denoising_strength": 0.7, "seed": None, "save_images": True, "send_images": True,
        "do_not_save_grid": False, "do_not_save_samples": False, "clip_skip": 1,
        "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic",
                              "forge_additional_modules": []},
        "override_settings_restore_afterwards": True,
    }  # fmt: skip
    made = http.post(f"{API}/txt2img", json=form).raise_for_status().json()
    assert len(made["images"]) == 1
    http.post(f"{API}/interrupt").raise_for_status()


def test_open_webui_by_a1111(http: httpx.Client) -> None:
    """It reads all options, puts the whole object back, and draws."""
    options = get(http, "options")
    models = get(http, "sd-models")
    options["sd_model_checkpoint"] = models[0]["title"]
    http.post(f"{API}/options", json=options).raise_for_status()
    body = {"prompt": "a fox", "batch_size": 1, "width": 64, "height": 64, "steps": 4,
            "negative_prompt": "", "cfg_scale": 4.0, "sampler_name": "Euler",
            "scheduler": "Karras"}  # fmt: skip
    auth = httpx.BasicAuth("admin", "anything")
    made = http.post(f"{API}/txt2img", json=body, auth=auth).raise_for_status().json()
    assert json.loads(made["info"])["infotexts"]


def test_open_webui_by_openai(http: httpx.Client) -> None:
    """One picture as ``image``, all fields as texts; the link is fetched with the same key."""
    key = {"authorization": "Bearer sk-any"}
    asked = {"model": "gpt-image-1", "prompt": "a fox", "n": 1, "size": "64x64",
             "response_format": "url"}  # fmt: skip
    made = http.post("/v1/images/generations", json=asked, headers=key).raise_for_status().json()
    file = http.get(made["data"][0]["url"], headers=key).raise_for_status()
    texts = {"model": "gpt-image-1", "prompt": "a fox", "n": "1", "size": "64x64"}
    sent = {"image": ("image.png", file.content, "image/png")}
    edited = http.post("/v1/images/edits", data=texts, files=sent, headers=key)
    assert edited.raise_for_status().json()["data"][0]["b64_json"]


def test_librechat(http: httpx.Client) -> None:
    """It sends merged names of sampler and schedule, and reads the first picture and its info."""
    body = {
        "prompt": "a fox", "negative_prompt": "rain", "sampler_index": "DPM++ 2M Karras",
        "cfg_scale": 4.5, "steps": 6, "width": 64, "height": 64,
    }  # fmt: skip
    made = http.post(f"{API}/txt2img", json=body).raise_for_status().json()
    info = json.loads(made["info"])
    assert (info["sampler_name"], info["steps"]) == ("DPM++ 2M", 6)
    assert "Schedule type: Karras" in info["infotexts"][0]


def test_aiyabot(http: httpx.Client) -> None:
    """It probes, fills its lists at the start, draws sloppily, and reads every picture's text."""
    assert http.get(f"{API}/cmd-flags").status_code == 200
    for name in ("sd-models", "samplers", "prompt-styles", "face-restorers", "embeddings", "loras",
                 "hypernetworks", "upscalers"):  # fmt: skip
        get(http, name)
    http.post(f"{API}/options", json={"sd_model_checkpoint": get(http, "sd-models")[0]["title"]})
    body = {
        "prompt": "a fox", "negative_prompt": "", "steps": 6, "width": 64, "height": 64,
        "cfg_scale": 7.0, "sampler_index": "Euler a", "seed": 5, "seed_resize_from_h": -1,
        "seed_resize_from_w": -1, "denoising_strength": None, "tiling": False, "n_iter": 2,
        "styles": [], "restore_faces": False, "enable_hr": False, "hr_upscaler": "Latent",
        "hr_second_pass_steps": 10.0, "override_settings": {"CLIP_stop_at_last_layers": 1},
    }  # fmt: skip
    made = http.post(f"{API}/txt2img", json=body).raise_for_status().json()
    assert len(made["images"]) == 2
    for each in made["images"]:
        said = http.post(f"{API}/png-info", json={"image": f"data:image/png;base64,{each}"})
        info = said.raise_for_status().json()["info"]
        assert isinstance(info, str)
        assert "Steps: 6" in info
    assert get(http, "progress")["state"]["job"] == ""
