"""OpenAI's Images API: what its clients send, and what they get, in its own shapes."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from core.jobs.fake_job import FakeScript
from tests.server.studio import Opener, Studio
from tests.server.test_images import png

pytestmark = pytest.mark.anyio
MADE = "/v1/images/generations"
ASK = {"prompt": "a red fox", "model": "tiny", "size": "64x64", "seed": 7}


def decoded(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def file_of(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def events(text: str) -> list[dict[str, Any]]:
    """Read server-sent events; the name of each is its type."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line[:1] == ":")
        if lines:
            found.append(json.loads(lines["data"]))
            assert found[-1]["type"] == lines["event"]
    return found


async def test_a_picture_comes_back_in_base64_and_stays_in_the_gallery(studio: Studio) -> None:
    answer = await studio.client.post(MADE, json=ASK | {"n": 2, "output_format": "jpeg"})
    told = answer.json()
    assert (answer.status_code, told["size"], told["output_format"]) == (200, "64x64", "jpeg")
    assert [decoded(each["b64_json"]).format for each in told["data"]] == ["JPEG", "JPEG"]
    kept = (await studio.client.get("/api/v1/images")).json()["items"]
    assert sorted(image["seed"] for image in kept) == [7, 8]


async def test_a_link_needs_no_token_and_is_of_the_asked_format(studio: Studio) -> None:
    asked = ASK | {"response_format": "url", "output_format": "webp"}
    (made,) = (await studio.client.post(MADE, json=asked)).json()["data"]
    fetched = await studio.client.get(made["url"], headers={"authorization": "Bearer other"})
    assert (fetched.status_code, fetched.headers["content-type"]) == (200, "image/webp")


async def test_what_is_transparent_of_the_mask_is_painted(studio: Studio) -> None:
    mask = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 32, 64))
    files = {"image[]": ("a.png", png(64, 64)), "mask": ("m.png", file_of(mask))}
    answer = await studio.client.post("/v1/images/edits", data=ASK, files=files)
    assert answer.status_code == 200, answer.text
    batch = (await studio.client.get("/api/v1/jobs")).json()["items"][0]["batch"]
    recipe = (await studio.client.get(f"/api/v1/batches/{batch}")).json()["recipe"]
    assert recipe["name"] == "inpaint"
    kept = await studio.client.get(f"/api/v1/images/{recipe['mask_image']}/file")
    painted = Image.open(io.BytesIO(kept.content)).convert("L")
    assert (painted.getpixel((5, 5)), painted.getpixel((60, 5))) == (255, 0)


async def test_an_edit_may_be_an_object_with_data_urls_and_fetches_nothing(studio: Studio) -> None:
    inline = "data:image/png;base64," + base64.b64encode(png(64, 64)).decode()
    body = ASK | {"images": [{"image_url": inline}]}
    assert (await studio.client.post("/v1/images/edits", json=body)).status_code == 200
    body = ASK | {"images": [{"image_url": "http://169.254.169.254/"}]}
    refused = await studio.client.post("/v1/images/edits", json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "images")


async def test_a_stream_shows_partial_pictures_and_then_the_whole(opener: Opener) -> None:
    async with opener(script=FakeScript(step=0.05)) as studio:
        asked = ASK | {"steps": 20, "stream": True, "partial_images": 2}
        answer = await studio.client.post(MADE, json=asked)
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer.text)
        names = [each["type"].partition(".")[2] for each in told]
        assert names == ["partial_image", "partial_image", "completed"]
        assert [each["partial_image_index"] for each in told[:2]] == [0, 1]
        assert decoded(told[-1]["b64_json"]).size == (64, 64)


async def test_a_stream_of_what_fails_ends_with_an_error(studio: Studio) -> None:
    answer = await studio.client.post(MADE, json=ASK | {"prompt": "fake:fail", "stream": True})
    assert [each["type"] for each in events(answer.text)] == ["error"]
    assert events(answer.text)[0]["error"]["type"] == "server_error"


async def test_what_fails_is_a_server_error_with_words(studio: Studio) -> None:
    answer = await studio.client.post(MADE, json=ASK | {"prompt": "fake:fail"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "node_failed"


async def test_models_are_listed_and_found_by_name(studio: Studio) -> None:
    listed = (await studio.client.get("/v1/models")).json()
    assert [model["id"] for model in listed["data"]] == ["tiny"]
    assert (await studio.client.get("/v1/models/tiny")).json()["object"] == "model"
    missing = await studio.client.get("/v1/models/a/b")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


async def test_a_key_is_looked_at_only_where_one_is_needed(opener: Opener) -> None:
    any_key = {"authorization": "Bearer sk-anything"}
    async with opener() as studio:
        assert (await studio.client.get("/v1/models", headers=any_key)).status_code == 200
        assert (await studio.client.get("/api/v1/models", headers=any_key)).status_code == 401
    async with opener(token="secret-token-of-the-test") as studio:
        refused = await studio.client.get("/v1/models", headers=any_key)
        assert refused.json()["error"]["code"] == "invalid_api_key"
        assert refused.status_code == 401


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"[]"}, 400),
        ({"json": {}}, 400),
        ({"json": {"prompt": 5}}, 400),
        ({"json": {"prompt": "x", "n": "many"}}, 400),
        ({"json": {"prompt": "x", "loras": [{}]}}, 400),
    ],
)
async def test_a_bad_request_is_refused_in_its_shape(
    studio: Studio, sent: dict[str, Any], status: int
) -> None:
    answer = await studio.client.post(MADE, **sent)
    assert answer.status_code == status, answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert (await studio.rows())["jobs"] == 0


@pytest.mark.parametrize("name", ["edits", "variations"])
async def test_a_bad_form_is_refused_in_its_shape(studio: Studio, name: str) -> None:
    path = f"/v1/images/{name}"
    broken = {"content-type": "multipart/form-data; boundary=x"}
    for sent, status in (
        ({"content": b"--x\r\nnonsense", "headers": broken}, 400),
        ({"content": b"a=1", "headers": {"content-type": "text/plain"}}, 415),
        ({"data": ASK, "files": {"image": ("a.png", b"no picture")}}, 415),
        ({"data": ASK, "files": {"other": ("a.png", png(64, 64))}}, 400),
        ({"data": ASK, "files": [("image", ("a.png", b"x"))] * 40}, 400),
    ):
        answer = await studio.client.post(path, **sent)  # type: ignore[arg-type]
        assert (answer.status_code, status) == (status, status), answer.text
        assert answer.json()["error"]["message"]
    assert (await studio.rows())["jobs"] == 0
