"""The gallery over HTTP: uploads, files, search, trash, links, archives."""

import struct
import zipfile
import zlib
from io import BytesIO
from typing import Any

import pytest

from tests.server.studio import DRAW, Studio

pytestmark = pytest.mark.anyio
API = "/api/v1"


def png(width: int = 8, height: int = 8, shade: int = 90) -> bytes:
    """Make a small PNG by hand."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    rows = (b"\0" + bytes([shade, 20, 200]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )  # fmt: skip


async def upload(studio: Studio, data: bytes, kind: str = "image/png") -> Any:
    return await studio.client.post(f"{API}/uploads", content=data, headers={"content-type": kind})


async def test_a_picture_is_served_with_safe_headers_and_an_entity_tag(studio: Studio) -> None:
    image = (await studio.generate())["images"][0]
    file = await studio.client.get(image["url"])
    assert file.headers["content-type"] == "image/png"
    assert file.content.startswith(b"\x89PNG")
    assert "sandbox" in file.headers["content-security-policy"]
    assert "immutable" in file.headers["cache-control"]
    assert file.headers["content-disposition"].startswith("inline")
    again = await studio.client.get(image["url"], headers={"if-none-match": file.headers["etag"]})
    assert again.status_code == 304
    small = await studio.client.get(image["thumbnail_url"])
    assert small.headers["content-type"] == "image/webp"
    assert small.content[8:12] == b"WEBP"


async def test_a_picture_comes_in_other_formats_and_without_its_recipe(studio: Studio) -> None:
    url = (await studio.generate())["images"][0]["url"]
    whole = await studio.client.get(url)
    bare = await studio.client.get(url, params={"metadata": "0"})
    assert b"a red fox" not in bare.content
    assert len(bare.content) < len(whole.content)
    jpeg = await studio.client.get(url, params={"format": "jpeg"})
    assert (jpeg.headers["content-type"], jpeg.content[:2]) == ("image/jpeg", b"\xff\xd8")
    webp = await studio.client.get(url, params={"format": "webp", "metadata": "0"})
    assert webp.content[8:12] == b"WEBP"
    wrong = await studio.client.get(url, params={"format": "bmp"})
    assert wrong.status_code == 422


async def test_an_upload_becomes_an_image_that_can_be_drawn_over(studio: Studio) -> None:
    made = await upload(studio, png(16, 8))
    assert made.status_code == 201, made.text
    image = made.json()
    assert (image["kind"], image["width"], image["height"]) == ("upload", 16, 8)
    again = (await upload(studio, png(16, 8))).json()
    assert again["id"] == image["id"]
    drawn = await studio.generate(init_image=image["id"], strength=0.5)
    assert drawn["jobs"][0]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b"<svg/>", "image/svg+xml", 415, "image_format"),
        (b"<svg/>", "image/png", 415, "image_format"),
        (b"GIF89a" + b"\0" * 40, "image/png", 415, "image_format"),
        (b"%PDF-1.7", "image/webp", 415, "image_format"),
        (b"", "image/png", 415, "image_format"),
        (png()[:50], "image/png", 422, "image_corrupt"),
        (png(20000, 1), "image/png", 413, "image_too_large"),
        (png(), "application/json", 415, "image_format"),
    ],
    ids=range(8),
)
async def test_what_is_no_picture_is_refused(
    studio: Studio, data: bytes, kind: str, status: int, code: str
) -> None:
    before = await studio.rows()
    answer = await upload(studio, data, kind)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await studio.rows() == before


async def test_the_gallery_finds_stars_notes_and_deletes(studio: Studio) -> None:
    fox = (await studio.generate())["images"][0]["id"]
    owl = (await studio.generate(prompt="a blue owl", seed=9))["images"][0]["id"]
    found = (await studio.client.get(f"{API}/images", params={"q": "owl"})).json()["items"]
    assert [image["id"] for image in found] == [owl]
    changed = await studio.client.patch(
        f"{API}/images/{fox}", json={"starred": True, "note": "the best"}
    )
    assert (changed.json()["starred"], changed.json()["note"]) == (True, "the best")
    starred = (await studio.client.get(f"{API}/images", params={"starred": "1"})).json()["items"]
    assert [image["id"] for image in starred] == [fox]
    assert (await studio.client.delete(f"{API}/images/{owl}")).status_code == 204
    shown = (await studio.client.get(f"{API}/images")).json()["items"]
    assert [image["id"] for image in shown] == [fox]
    trash = (await studio.client.get(f"{API}/images", params={"trash": "true"})).json()["items"]
    assert [image["id"] for image in trash] == [owl]
    back = await studio.client.post(f"{API}/images/{owl}/restore")
    assert back.json()["deleted"] is None
    gone = await studio.client.delete(f"{API}/images/{owl}", params={"forever": "1"})
    assert gone.status_code == 204
    assert (await studio.client.get(f"{API}/images/{owl}/file")).status_code == 404
    assert not studio.state.layout.image(owl).exists()
    assert not studio.state.layout.thumbnail(owl).exists()


async def test_the_gallery_is_filtered_by_what_made_its_pictures(studio: Studio) -> None:
    fox = (await studio.generate(prompt="a fox", seed=7))["images"][0]
    owl = (await studio.generate(prompt="an owl", seed=9))["images"][0]

    async def found(**asked: Any) -> list[str]:
        answer = await studio.client.get(f"{API}/images", params=asked)
        assert answer.status_code == 200, answer.text
        marked = await studio.client.get(f"{API}/images/marks", params=asked)
        ids = [image["id"] for image in answer.json()["items"]]
        assert sum(mark["count"] for mark in marked.json()["items"]) == len(ids)
        return ids

    assert await found(seed=7) == [fox["id"]]
    assert await found(lora="inky") == []
    assert await found(on_board="false", width=owl["width"]) == [owl["id"], fox["id"]]
    assert await found(on_board="true") == []
    assert await found(since=owl["created"]) == [owl["id"]]
    assert await found(until=owl["created"]) == [fox["id"]]
    for no_moment in ("2026-01-01T00:00:00", "0.5", "1760000000"):
        bare = await studio.client.get(f"{API}/images", params={"since": no_moment})
        assert bare.status_code == 422


async def test_many_pictures_are_starred_at_once_and_strangers_are_passed_over(
    studio: Studio,
) -> None:
    ids = [image["id"] for image in (await studio.generate(count=3))["images"]]
    body = {"ids": [*ids, "01ARZ3NDEKTSV4RRFFQ69G5FAV"], "action": "star"}
    done = await studio.client.post(f"{API}/images/batch", json=body)
    assert sorted(done.json()["done"]) == sorted(ids)
    nowhere = await studio.client.post(f"{API}/images/batch", json={"ids": ids, "action": "move"})
    assert nowhere.status_code == 422


async def test_a_signed_link_opens_one_picture_and_no_other(studio: Studio) -> None:
    first, second = (image["id"] for image in (await studio.generate(count=2))["images"])
    url = (await studio.client.get(f"{API}/images/{first}/link")).json()["url"]
    assert (await studio.client.get(url)).status_code == 200
    stolen = await studio.client.get(url.replace(first, second))
    assert (stolen.status_code, stolen.json()["code"]) == (403, "link_expired")


async def test_pictures_come_as_one_archive_with_names_by_pattern(studio: Studio) -> None:
    ids = [image["id"] for image in (await studio.generate(count=3))["images"]]
    answer = await studio.client.post(
        f"{API}/images/zip", json={"ids": ids, "pattern": "../{index}/{seed}"}
    )
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == 3
        assert not any("/" in name or name.startswith(".") for name in names)
        assert archive.read(names[0]).startswith(b"\x89PNG")


async def inspect(studio: Studio, data: bytes, kind: str, **headers: str) -> dict[str, Any]:
    told = await studio.client.post(
        f"{API}/images/inspect", content=data, headers={"content-type": kind, **headers}
    )
    assert told.status_code == 200, told.text
    body: dict[str, Any] = told.json()
    return body


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
async def test_inspect_reads_how_our_own_picture_was_made(studio: Studio, format_: str) -> None:
    drawn = await studio.generate(sampler="dpmpp_2m", scheduler="karras", guidance_scale=3.5)
    url = drawn["images"][0]["url"]
    data = (await studio.client.get(url, params={"format": format_})).content
    body = await inspect(studio, data, f"image/{format_}")
    assert body["heliograph"]["recipe"]["prompt"] == DRAW["prompt"]
    assert body["heliograph"]["graph"]["nodes"]
    assert (body["a1111"]["seed"], body["a1111"]["schedule"]) == (DRAW["seed"], "karras")
    made = body["made"]
    assert made["source"] == "heliograph"
    assert {name: made[name] for name in DRAW} == DRAW
    assert (made["sampler"], made["scheduler"], made["guidance_scale"]) == (
        "dpmpp_2m", "karras", 3.5,
    )  # fmt: skip
    assert (made["model_hash"], made["remarks"]) == ("ab" * 32, [])
    assert body["a1111"]["model_hash"] == ("ab" * 32)[:10]
    bare = (await studio.client.get(url, params={"format": format_, "metadata": "0"})).content
    assert (await inspect(studio, bare, f"image/{format_}"))["made"] is None


async def test_inspect_reads_other_programs_and_says_what_it_did_not_understand(
    studio: Studio,
) -> None:
    text = b"parameters\0a fox\nSteps: 9, Sampler: DPM adaptive, Seed: 3"
    data = png()
    chunk = struct.pack(">I", len(text)) + b"tEXt" + text
    chunk += struct.pack(">I", zlib.crc32(b"tEXt" + text))
    body = await inspect(
        studio, data[:33] + chunk + data[33:], "image/png", **{"accept-language": "de"}
    )
    made = body["made"]
    assert (made["source"], made["steps"], made["sampler"]) == ("a1111", 9, "dpmpp_3s")
    assert made["remarks"][0]["code"] == "metadata_nearest"
    assert made["remarks"][0]["message"].startswith("Den Sampler")
    assert (await inspect(studio, data, "image/png"))["made"] is None


async def test_no_path_of_this_machine_is_written_into_a_picture(studio: Studio) -> None:
    image = (await studio.generate())["images"][0]
    data = (await studio.client.get(image["url"])).content
    assert str(studio.state.layout.root).encode() not in data
