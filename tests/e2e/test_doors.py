"""Clients that nobody here wrote, unmodified, against the real server and the starter."""

import asyncio
import base64
import io
from collections.abc import Iterator

import httpx
import openai
import pytest
import webuiapi
from PIL import Image
from websockets.sync.client import connect

from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FOX = "a 3d red fox on a blue background"
SIZE = "64x64"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("doors"), threads="1") as server:
        yield server


@pytest.fixture
def client(server: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="sk-any", max_retries=0)


@pytest.fixture
def webui(server: RunningServer) -> webuiapi.WebUIApi:
    return webuiapi.WebUIApi(
        host="127.0.0.1", port=server.port, sampler="DPM++ 2M", scheduler="karras", steps=8
    )


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_openais_client_draws_and_everybody_sees_it(
    server: RunningServer, client: openai.OpenAI
) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/api/v1/ws?topics=gallery") as bot:
        made = client.images.generate(
            prompt=FOX, n=2, size=SIZE, quality="low", extra_body={"seed": 5, "steps": 8}
        )
        assert made.data is not None
        pictures = [base64.b64decode(each.b64_json or "") for each in made.data]
        assert [Image.open(io.BytesIO(each)).size for each in pictures] == [(64, 64)] * 2
        heard = [bot.recv(timeout=30) for _ in range(3)]
    assert sum('"image.added"' in str(each) for each in heard) == 2
    shown = server.client.get("/api/v1/images", params={"q": "fox", "limit": 2}).json()["items"]
    assert {image["seed"] for image in shown} == {5, 6}


def test_openais_client_streams_edits_varies_and_lists(client: openai.OpenAI) -> None:
    kinds = [
        event.type for event in client.images.generate(
            prompt=FOX, size=SIZE, stream=True, partial_images=2, extra_body={"steps": 60}
        )
    ]  # fmt: skip
    assert kinds[-1] == "image_generation.completed"
    assert 1 <= kinds.count("image_generation.partial_image") <= 2

    red = png(Image.new("RGB", (64, 64), "red"))
    hole = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    hole.paste((0, 0, 0, 0), (0, 0, 32, 64))
    edited = client.images.edit(
        image=("a.png", red, "image/png"), mask=("m.png", png(hole), "image/png"), prompt=FOX,
        size=SIZE,
    )  # fmt: skip
    assert edited.data is not None
    shown = Image.open(io.BytesIO(base64.b64decode(edited.data[0].b64_json or ""))).convert("RGB")
    assert shown.getpixel((60, 32)) == (255, 0, 0)
    assert shown.getpixel((8, 32)) != (255, 0, 0)

    with pytest.warns(DeprecationWarning):
        varied = client.images.create_variation(image=("a.png", red, "image/png"), size=SIZE)  # type: ignore[arg-type]
    assert varied.data
    names = [model.id for model in client.models.list()]
    assert client.models.retrieve(names[0]).id == names[0]


def test_openais_client_raises_its_own_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.images.generate(prompt=FOX, model="nobody")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(prompt=FOX, size="7x9")  # type: ignore[call-overload]
    assert refused.value.param == "size"


def test_openais_asynchronous_client_draws_side_by_side(server: RunningServer) -> None:
    async def draw() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="sk-any") as client:
            asked = [
                client.images.generate(
                    prompt=f"{FOX} {n}", size=SIZE, response_format="url", extra_body={"steps": 4}
                )
                for n in range(3)
            ]  # fmt: skip
            made = await asyncio.gather(*asked)
        return [(each.data or [])[0].url or "" for each in made]

    links = asyncio.run(draw())
    assert [httpx.get(link).status_code for link in links] == [200] * 3


def test_webuiapi_draws_edits_and_enlarges(webui: webuiapi.WebUIApi) -> None:
    made = webui.txt2img(prompt=FOX, seed=5, width=64, height=64, batch_size=2, cfg_scale=4)
    assert made.info["all_seeds"] == [5, 6]
    assert made.image.size == (64, 64)
    assert "Sampler: DPM++ 2M, Schedule type: Karras" in webui.png_info(made.image).info
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    painted = webui.img2img(
        images=[made.image], mask_image=mask, prompt="a flat panda", width=64, height=64,
        inpainting_fill=1, inpaint_full_res=False, denoising_strength=0.9, seed=1,
    )  # fmt: skip
    assert painted.image.getpixel((60, 60)) == made.image.convert("RGB").getpixel((60, 60))
    larger = webui.txt2img(
        prompt=FOX, seed=5, width=64, height=64, enable_hr=True, hr_scale=2, denoising_strength=0.5
    )
    assert larger.image.size == (128, 128)
    assert webui.extra_single_image(made.image, upscaling_resize=2).image.size == (128, 128)
    two = webui.extra_batch_images([made.image, made.image], upscaling_resize=1.5)
    assert [each.size for each in two.images] == [(96, 96)] * 2


def test_webuiapi_reads_every_list_and_sets_the_model(webui: webuiapi.WebUIApi) -> None:
    names = webui.util_get_model_names()
    assert names[0].startswith("Heliograph starter")
    assert "DPM++ 2M" in webui.util_get_sampler_names()
    assert "karras" in webui.util_get_scheduler_names()
    webui.util_set_model("heliograph")
    assert webui.util_get_current_model() == names[0]
    webui.util_wait_for_ready()
    for name in (
        "options", "cmd_flags", "progress", "sd_vae", "upscalers", "latent_upscale_modes", "loras",
        "hypernetworks", "face_restorers", "realesrgan_models", "prompt_styles", "embeddings",
        "memory", "scripts", "schedulers",
    ):  # fmt: skip
        assert getattr(webui, f"get_{name}")() is not None, name
    assert webui.refresh_checkpoints() is None
    assert (webui.interrupt(), webui.skip()) == ({}, {})
    assert webui.controlnet_version() == 2
    assert webui.controlnet_model_list() == []
    with pytest.raises(RuntimeError):
        webui.txt2img(prompt=FOX, sampler_name="nobody")
