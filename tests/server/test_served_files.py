"""What is served of files, and what no id, link or name can make of it.

P49, P50, P57, P59, P60, P62, P63, P64 of the contract.
"""

import os
import time
import unicodedata
from pathlib import Path
from statistics import median

import pytest

from core.records.image import Image
from server.downloads import name_of
from tests.core.media.conftest import chunk
from tests.core.media.corpus import flat
from tests.server.studio import Opener, Studio
from tests.server.test_access import MASTER, bearer, token
from tests.server.test_images import png, upload

pytestmark = pytest.mark.anyio
API = "/api/v1"
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
IDS = [
    "../x", "..%2fx", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%252e%252e", "..\\x", "..%5cx", "C:x",
    "C:%5cx", "\\\\h\\s", "%5c%5ch%5cs", "a%00", "%00", "CON", "nul", "aux.png", "x.", "x%20",
    "A" * 300, "é" * 100, unicodedata.normalize("NFD", "café"), UNKNOWN.lower(), UNKNOWN + "x",
    UNKNOWN[:-1], UNKNOWN[:-1] + "U", "%EF%BC%8F", "%C0%AF", "%F0%9F%98%80", "~root", "$HOME",
    "%7Broot%7D", "-rf", "*", "%0d%0aX:%20y",
]  # fmt: skip
PLACES = ["images/{}", "images/{}/file", "images/{}/thumbnail", "images/{}/recipe", "jobs/{}",
          "batches/{}", "models/{}", "boards/{}",
          "workflows/{}", "presets/{}"]  # fmt: skip


async def test_every_id_that_is_none_gets_the_answer_of_one_that_is_unknown(
    studio: Studio,
) -> None:
    for place in PLACES:
        known = await studio.client.get(f"{API}/{place.format(UNKNOWN)}")
        wanted = known.json()
        for one in IDS:
            answer = await studio.client.get(f"{API}/{place.format(one)}")
            told = answer.json()
            assert answer.status_code == 404, (place, one)
            for body in (told, wanted):
                body.pop("request_id", None)
            # A path that the client itself cut short is another route's, and as unknown.
            assert told == wanted or told["code"] == "not_found", (place, one)
            assert "etc" not in answer.text and str(studio.state.layout.root) not in answer.text


async def test_time_does_not_tell_an_id_that_is_unknown_from_somebody_elses(
    opener: Opener,
) -> None:
    """P64: the medians of both differ by less than either's own spread, and by less than 3 ms."""
    async with opener(token=MASTER) as studio:
        _, one = await token(studio, "one", "read", "generate")
        _, two = await token(studio, "two", "read")
        made = await studio.client.post(
            f"{API}/uploads", content=png(), headers=bearer(one) | {"content-type": "image/png"}
        )
        times: dict[str, list[float]] = {made.json()["id"]: [], UNKNOWN: []}
        for _ in range(60):
            for image, taken in times.items():
                began = time.perf_counter()
                answer = await studio.client.get(f"{API}/images/{image}", headers=bearer(two))
                taken.append(time.perf_counter() - began)
                assert answer.status_code == 404
        one_median, other_median = map(median, times.values())
        assert abs(one_median - other_median) < max(0.003, 0.5 * one_median)


async def test_somebody_elses_picture_is_unknown_in_every_form(opener: Opener) -> None:
    async with opener(token=MASTER) as studio:
        _, one = await token(studio, "one", "read", "generate")
        _, two = await token(studio, "two", "read", "generate")
        made = await studio.client.post(
            f"{API}/uploads", content=png(), headers=bearer(one) | {"content-type": "image/png"}
        )
        image = made.json()["id"]
        asked = [
            ("GET", f"images/{image}", None), ("GET", f"images/{image}/file", None),
            ("GET", f"images/{image}/thumbnail", None), ("GET", f"images/{image}/recipe", None),
            ("GET", f"images/{image}/link", None), ("PATCH", f"images/{image}", {"starred": True}),
            ("DELETE", f"images/{image}", None), ("POST", f"images/{image}/restore", {}),
            ("POST", "images/zip", {"ids": [image]}),
        ]  # fmt: skip
        for method, path, body in asked:
            headers = bearer(two) | {"if-none-match": "*"}
            answer = await studio.client.request(
                method, f"{API}/{path}", json=body, headers=headers
            )
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        seen = await studio.client.get(f"{API}/images/{image}", headers=bearer(one))
        assert seen.json()["starred"] is False


def linked(place: Path, kind: str, secret: Path) -> None:
    """Put something in the place of a picture that leads elsewhere, or nowhere."""
    if kind == "folder":
        os.rename(place.parent, secret.parent / "moved")
        os.symlink(secret.parent / "moved", place.parent)
        return
    place.unlink()
    if kind == "link":
        os.symlink(secret, place)
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "directory"])
async def test_no_link_in_the_data_directory_is_followed(
    studio: Studio, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "elsewhere" / "secret"
    secret.parent.mkdir()
    secret.write_bytes(b"the secret")
    image = (await studio.generate())["images"][0]
    linked(studio.state.layout.image(image["id"]), kind, secret)
    answer = await studio.client.get(image["url"])
    assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")
    assert "secret" not in answer.text
    assert any("was not opened" in line.getMessage() for line in caplog.records)


async def test_a_whole_folder_that_is_a_link_is_not_followed(
    studio: Studio, tmp_path: Path
) -> None:
    image = (await studio.generate())["images"][0]
    folder = studio.state.layout.thumbnails
    os.rename(folder, tmp_path / "thumbnails")
    os.symlink(tmp_path / "thumbnails", folder)
    assert (await studio.client.get(image["thumbnail_url"])).status_code == 404


async def test_media_say_what_they_are_and_may_do_nothing(studio: Studio) -> None:
    image = (await studio.generate())["images"][0]
    for url in (image["url"], image["thumbnail_url"], image["url"] + "?format=webp"):
        headers = (await studio.client.get(url)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "sandbox" in headers["content-security-policy"]
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "private, max-age=31536000, immutable"
        assert headers["content-disposition"].startswith("inline; filename*=UTF-8''")


NAMES = ["a\r\nSet-Cookie: x=1", 'a"; filename="b', "日本語", "\u202egnp.exe", "../../etc/passwd",
         "a\0b", "<script>alert(1)</script>", "C:\\x", "." * 200, " "]  # fmt: skip


async def test_a_name_of_the_users_makes_no_header_and_no_path(studio: Studio) -> None:
    """Pictures are served under their ids; names of people come in archives only, as one part."""
    image = (await studio.generate())["images"][0]
    for name in NAMES:
        asked = {"ids": [image["id"]], "pattern": name}
        answer = await studio.client.post(f"{API}/images/zip", json=asked)
        alone = await studio.client.get(f"{image['url']}", params={"name": name, "download": "1"})
        assert alone.status_code == answer.status_code
        assert "set-cookie" not in alone.headers
        assert alone.headers.get("content-disposition", "").isascii()
        assert answer.status_code == (422 if "\0" in name else 200), name
        assert "set-cookie" not in answer.headers
    fields = (await studio.client.get(f"{API}/images/{image['id']}")).json()
    known = {name: fields.get(name) for name in Image.__struct_fields__ if name in fields}
    for name in NAMES:
        made = name_of(Image(**known), 1, name)
        assert made and not set(made) & set('/\\:"<>|?*\r\n\0'), name
        assert not made.startswith("."), name
    for bad in ("x\r\nSet-Cookie: a=b", "x" * 65):
        answer = await studio.client.get("/livez", headers={"x-request-id": bad.encode()[:70]})
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "kind", ["application/zip", "application/x-tar", "image/svg+xml", "text/html", "image/gif",
             "application/octet-stream", "multipart/form-data; boundary=x", ""],
)  # fmt: skip
async def test_what_is_not_declared_as_a_picture_is_refused(studio: Studio, kind: str) -> None:
    answer = await upload(studio, png(), kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "image_format")


async def test_a_picture_with_a_workflow_runs_nothing(studio: Studio) -> None:
    graph = b'{"nodes":[{"id":"a","type":"image.save"}]}'
    data = flat(
        4, 4, *(chunk(b"tEXt", word + b"\0" + graph) for word in (b"workflow", b"heliograph"))
    )
    before = await studio.rows()
    assert (await upload(studio, data)).status_code == 201
    after = await studio.rows()
    assert {**after, "images": 0} == {**before, "images": 0}
