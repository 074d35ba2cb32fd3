"""Datasets over HTTP: every odd file through the route and its real worker, folders, previews."""

import json
import struct
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import anyio.to_thread
import httpx
import pytest
from PIL import Image

from core.blobs import Blobs
from core.ids import new_id
from core.media import sniff
from core.store import dataset_pictures
from server import housekeeping
from tests.core.media import odd
from tests.core.media.conftest import encoded
from tests.server.studio import Opener, Studio, listening
from tests.server.taught import base, train
from tests.server.test_access import MASTER, bearer, token
from tests.server.test_images import upload
from tests.server.test_socket import ask, socket

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
API = "/api/v1"


async def dataset_of(studio: Studio, name: str = "Foxes", **headers: str) -> str:
    made = await studio.client.post(f"{API}/datasets", json={"name": name}, headers=headers)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def send(
    studio: Studio, dataset: str, data: bytes, name: str = "fox.png", said: str | None = None
) -> dict[str, Any]:
    headers = {"x-filename": quote(name), "content-type": "application/octet-stream"}
    headers |= {} if said is None else {"x-caption": quote(said)}
    answer = await studio.client.post(
        f"{API}/datasets/{dataset}/images", content=data, headers=headers
    )
    assert answer.status_code == 201, (name, answer.text)
    found: dict[str, Any] = answer.json()
    return found


async def whole(studio: Studio, dataset: str, **asked: Any) -> dict[str, Any]:
    answer = await studio.client.get(f"{API}/datasets/{dataset}", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that a request may name."""
    made = tmp_path / "pictures" / "10_sks dog"
    made.mkdir(parents=True)
    return made


@pytest.fixture
async def gallery(opener: Opener, folder: Path) -> AsyncIterator[Studio]:
    async with opener(picture_dirs=[str(folder.parent)]) as studio:
        yield studio


async def import_all(studio: Studio, dataset: str, folder: Path, **more: Any) -> dict[str, Any]:
    """Import a folder piece by piece, as a client does."""
    told: dict[str, Any] = {"kept": [], "quarantined": [], "folders": [], "pieces": 0}
    after = ""
    while True:
        answer = await studio.client.post(
            f"{API}/datasets/{dataset}/import",
            json={"folder": str(folder), "after": after, **more},
        )
        assert answer.status_code == 200, answer.text
        piece = answer.json()
        for name in ("kept", "quarantined", "folders"):
            told[name] += piece[name]
        told["pieces"] += 1
        after = piece["next"]
        if after is None:
            return told


async def test_every_odd_file_is_kept_or_quarantined_with_its_reason(studio: Studio) -> None:
    dataset = await dataset_of(studio)
    wanted = {}
    for name, (data, code) in odd.FILES.items():
        told = await send(studio, dataset, data, name)
        wanted[name] = code
        assert (odd.KEPT if told["kind"] == "kept" else told["code"]) == code, name
        if code == odd.KEPT:
            got = await studio.client.get(told["url"])
            image = opened(got.content)
            assert image.size == (told["width"], told["height"])
            assert image.mode == ("RGBA" if told["transparent"] else "RGB"), name
            kinds = {each.kind for each in sniff.png_chunks(got.content)}
            assert kinds == {b"IHDR", b"IDAT", b"IEND"}
        else:
            assert told["message"] and "{" not in told["message"], told
    found = await whole(studio, dataset)
    assert {each["file"] for each in found["kept"]} == {
        name for name, code in wanted.items() if code == odd.KEPT
    }
    assert {each["file"]: each["code"] for each in found["quarantined"]} == {
        name: code for name, code in wanted.items() if code != odd.KEPT
    }
    assert (found["count"], found["quarantined_count"]) == (
        len(found["kept"]), len(found["quarantined"])
    )  # fmt: skip
    assert sum(bucket["count"] for bucket in found["buckets"]) == found["count"]
    assert (await studio.client.get("/livez")).status_code == 200


@pytest.mark.parametrize("orientation", odd.EXIF_TURNS)
async def test_each_turn_of_a_camera_stands_upright(studio: Studio, orientation: int) -> None:
    dataset = await dataset_of(studio)
    told = await send(studio, dataset, odd.turned(orientation))
    image = opened((await studio.client.get(told["url"])).content)
    assert image.tobytes() == odd.scene().tobytes()


@pytest.mark.slow
async def test_forty_megapixels_are_scaled_down_and_told(studio: Studio) -> None:
    dataset = await dataset_of(studio)
    told = await send(studio, dataset, odd.large(), "camera.jpg")
    assert told["kind"] == "kept", told
    assert [note["code"] for note in told["notes"]] == ["picture_reduced"]
    assert "8000" in told["notes"][0]["message"]


async def test_a_folder_as_people_have_it_becomes_a_report(gallery: Studio, folder: Path) -> None:
    for name, (data, _) in odd.FILES.items():
        (folder / name).write_bytes(data)
    (folder / "10_inside").mkdir()
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "link.png").symlink_to(folder / "clear.png")
    (folder / "huge.png").touch()
    with (folder / "huge.png").open("r+b") as file:
        file.truncate((32 << 20) + 1)
    (folder / "cmyk.txt").write_bytes("a “fox” café".encode("cp1252"))
    (folder / "deep.caption").write_bytes("a deep fox".encode("utf-8-sig"))
    (folder / "palette.txt").write_bytes("ein Fuchs, schön".encode("utf-16"))
    (folder / "clear.json").write_text(json.dumps({"prompt": "a clear fox"}))
    (folder / "grey clear.json").write_bytes(b"{")
    (folder / "alone.txt").write_text("nobody's")
    (folder / "metadata.jsonl").write_text(
        '{"file_name": "renamed.txt.png", "text": "listed"}\n'
        '{"file_name": "cmyk.jpg", "text": "not this"}\n'
    )
    dataset = await dataset_of(gallery)
    told = await import_all(gallery, dataset, folder, limit=7)
    assert told["pieces"] == 4
    assert told["folders"] == [".ipynb_checkpoints", "10_inside"]
    kept = {each["file"]: each for each in told["kept"]}
    assert {name: each["caption"] for name, each in kept.items() if each["caption"]} == {
        "cmyk.jpg": "a “fox” café", "deep.png": "a deep fox", "palette.png": "ein Fuchs, schön",
        "clear.png": "a clear fox", "renamed.txt.png": "listed",
    }  # fmt: skip
    notes = {name: [note["code"] for note in each["notes"]] for name, each in kept.items()}
    assert notes["cmyk.jpg"][-1] == notes["palette.png"][-1] == "caption_encoding"
    assert notes["grey clear.png"] == ["caption_unreadable"]
    refused = {each["file"]: each["code"] for each in told["quarantined"]}
    assert refused == {n: code for n, (_, code) in odd.FILES.items() if code != odd.KEPT} | {
        "link.png": "picture_damaged", "huge.png": "picture_too_large",
        "alone.txt": "caption_alone",
    }  # fmt: skip
    again = await import_all(gallery, dataset, folder)
    assert {each["id"] for each in again["kept"]} == {each["id"] for each in told["kept"]}
    assert (await whole(gallery, dataset))["count"] == len(kept)


@pytest.mark.parametrize(
    "name", ["/", "/etc", "..", "pictures", "{folder}/../..", "{folder}x", "~"]
)
async def test_folders_outside_are_refused_with_the_same_words(
    gallery: Studio, folder: Path, name: str
) -> None:
    dataset = await dataset_of(gallery)
    answer = await gallery.client.post(
        f"{API}/datasets/{dataset}/import",
        json={"folder": name.format(folder=folder.parent)},
    )
    assert answer.status_code == 422, answer.text
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        ("/folder", "folder_not_allowed")
    ]


async def test_a_folder_that_is_not_there_and_a_strange_cursor_are_told(
    gallery: Studio, folder: Path
) -> None:
    dataset = await dataset_of(gallery)
    post = lambda body: gallery.client.post(f"{API}/datasets/{dataset}/import", json=body)  # noqa: E731
    gone = await post({"folder": str(folder / "none")})
    assert (gone.status_code, gone.json()["errors"][0]["code"]) == (422, "folder_not_found")
    for after in ("é", "!", "a" * 9):
        strange = await post({"folder": str(folder), "after": after})
        assert (strange.status_code, strange.json()["code"]) == (400, "cursor_mismatch")


async def test_names_of_files_that_are_no_text_are_said_and_gone_past(
    gallery: Studio, folder: Path
) -> None:
    for number in range(3):
        name = f"{number}".encode() + b"\xff.png"
        (Path(str(folder)) / name.decode("utf-8", "surrogateescape")).write_bytes(
            encoded(odd.scene((64, 48), number * 9))
        )
    dataset = await dataset_of(gallery)
    told = await import_all(gallery, dataset, folder, limit=1)
    assert len(told["kept"]) == 3


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [("fox.png", "fox.png"), ("../../etc/passwd", "passwd"), ("C:\\fox\\a.png", "a.png"),
     ("a%2F..%2Fb.png", "b.png"), ("%00%0d%0a", "picture"), ("", "picture"),
     ("UTF-8''F%C3%BCchse.png", "Füchse.png"), ("F%FCchse.png", "Füchse.png"),
     ("x" * 900, "x" * 200), ("a/", "picture"), ("..", "..")],
)  # fmt: skip
async def test_hostile_names_become_plain_ones(studio: Studio, sent: str, wanted: str) -> None:
    dataset = await dataset_of(studio)
    answer = await studio.client.post(
        f"{API}/datasets/{dataset}/images", content=encoded(odd.scene()),
        headers={"x-filename": sent, "content-type": "image/png"},
    )  # fmt: skip
    told = answer.json()
    assert (answer.status_code, told["file"]) == (201, wanted)
    got = await studio.client.get(told["url"])
    assert got.headers["content-disposition"].startswith("inline; filename*=UTF-8''")
    assert "\n" not in got.headers["content-disposition"]
    assert got.headers["content-type"] == "image/png"


async def test_captions_come_in_headers_and_are_cut_and_cleaned(studio: Studio) -> None:
    dataset = await dataset_of(studio)
    told = await send(studio, dataset, encoded(odd.scene()), said="ein 🦊\r\nim Wald\0")
    assert told["caption"] == "ein 🦊 im Wald"
    long = await send(studio, dataset, encoded(odd.scene((90, 70))), "b.png", "fox " * 1500)
    assert len(long["caption"]) <= 2000
    assert "caption_shortened" in [note["code"] for note in long["notes"]]


async def test_huge_headers_are_refused_by_a_real_server(studio: Studio) -> None:
    dataset = await dataset_of(studio)
    async with listening(studio.state) as address, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"http://{address}{API}/datasets/{dataset}/images", content=encoded(odd.scene()),
            headers={"content-type": "image/png", "x-caption": "x" * 500_000},
        )  # fmt: skip
        assert answer.status_code == 431
        fine = await client.post(
            f"http://{address}{API}/datasets/{dataset}/images", content=encoded(odd.scene()),
            headers={"content-type": "image/png", "x-caption": quote("狐" * 1000)},
        )  # fmt: skip
        assert (fine.status_code, fine.json()["caption"]) == (201, "狐" * 1000)


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", "text/html"]
)
async def test_a_body_of_another_type_is_refused(studio: Studio, kind: str) -> None:
    dataset = await dataset_of(studio)
    answer = await studio.client.post(
        f"{API}/datasets/{dataset}/images", content=b"{}", headers={"content-type": kind}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "content_type")


async def test_no_body_is_refused_and_an_empty_file_is_a_reason(studio: Studio) -> None:
    dataset = await dataset_of(studio)
    none = await studio.client.post(f"{API}/datasets/{dataset}/images")
    assert (none.status_code, none.json()["code"]) == (415, "content_type")
    assert (await send(studio, dataset, b""))["code"] == "picture_format"


async def test_unknown_datasets_and_pictures_are_not_found_before_a_body_is_read(
    studio: Studio,
) -> None:
    known, unknown = await dataset_of(studio), new_id()
    image = (await send(studio, known, encoded(odd.scene())))["id"]
    other = await dataset_of(studio, "Owls")
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"/{unknown}", {}), ("PATCH", f"/{unknown}", {"json": {"name": "x"}}),
        ("DELETE", f"/{unknown}", {}), ("GET", f"/{unknown}/images", {}),
        ("POST", f"/{unknown}/images", {"content": b"x", "headers": {"content-type": "image/png"}}),
        ("POST", f"/{unknown}/images/from", {"json": {"images": [image]}}),
        ("POST", f"/{unknown}/import", {"json": {"folder": "/"}}),
    ]  # fmt: skip
    for place in (f"/{other}/images/{image}", f"/{known}/images/{unknown}", "/x/images/y"):
        calls += [("PATCH", place, {"json": {"caption": "x"}}), ("DELETE", place, {})]
        calls += [("GET", f"{place}/{name}", {}) for name in ("file", "thumbnail", "preview")]
    for method, place, more in calls:
        answer = await studio.client.request(method, f"{API}/datasets{place}", **more)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), place
    assert (await whole(studio, known))["count"] == 1


async def test_a_preview_is_the_bucket_that_a_model_sees(studio: Studio) -> None:
    dataset = await dataset_of(studio)
    image = odd.scene((640, 480))
    told = await send(studio, dataset, encoded(image))
    show = lambda **asked: studio.client.get(told["preview_url"], params=asked)  # noqa: E731
    seen = opened((await show(resolution=256)).content)
    found = await whole(studio, dataset, resolution=256)
    (bucket,) = found["buckets"]
    assert seen.size == (bucket["width"], bucket["height"]) == (320, 192)
    square = opened((await show(resolution=256, buckets=False)).content)
    assert square.size == (256, 256)
    same = opened((await show(resolution=480, step=8, buckets=False)).content)
    assert same.tobytes() == image.crop((80, 0, 560, 480)).tobytes()
    crops = {(await show(resolution=256, buckets=False, crop="random", variant=each)).content
             for each in range(4)}  # fmt: skip
    assert len(crops) > 1
    first = await show(resolution=64)
    again = await studio.client.get(
        told["preview_url"], params={"resolution": 64},
        headers={"if-none-match": first.headers["etag"]},
    )  # fmt: skip
    assert again.status_code == 304


async def test_what_is_clear_is_shown_on_the_ground_that_is_asked_for(studio: Studio) -> None:
    dataset = await dataset_of(studio)
    told = await send(studio, dataset, odd.clear(0))
    corner = {}
    for ground in ("mask", "white", "black", "gray"):
        got = await studio.client.get(
            told["preview_url"], params={"transparency": ground, "resolution": 64}
        )
        corner[ground] = opened(got.content).getpixel((2, 30))
    assert corner["white"] == (255, 255, 255) and corner["black"] == (0, 0, 0)
    assert corner["gray"] == (128, 128, 128)
    assert corner["mask"][3] == 0  # type: ignore[index]


@pytest.mark.parametrize(
    "asked", [{"resolution": 0}, {"resolution": 10**9}, {"step": 7}, {"crop": "x"},
              {"variant": -1}, {"seed": 2**53}, {"other": 1}, {"resolution": "x"}]
)  # fmt: skip
async def test_a_preview_that_makes_no_sense_is_refused(
    studio: Studio, asked: dict[str, Any]
) -> None:
    dataset = await dataset_of(studio)
    told = await send(studio, dataset, encoded(odd.scene()))
    answer = await studio.client.get(told["preview_url"], params=asked)
    assert answer.status_code == 422, answer.text


async def test_pictures_of_the_gallery_are_taken_with_their_prompts(studio: Studio) -> None:
    dataset = await dataset_of(studio)
    drawn = (await studio.generate(count=2))["images"]
    ids = [image["id"] for image in drawn]
    missing = await studio.client.post(
        f"{API}/datasets/{dataset}/images/from", json={"images": [ids[0], new_id(), "x"]}
    )
    assert missing.status_code == 422
    assert [each["pointer"] for each in missing.json()["errors"]] == ["/images/1", "/images/2"]
    assert (await whole(studio, dataset))["count"] == 0
    told = await studio.client.post(
        f"{API}/datasets/{dataset}/images/from", json={"images": ids, "prompts": True}
    )
    assert told.status_code == 200, told.text
    kept = told.json()["kept"]
    assert {each["caption"] for each in kept} == {"a red fox"}
    assert len(kept) + len(told.json()["quarantined"]) == 2


async def test_captions_change_and_pictures_and_refusals_go(studio: Studio) -> None:
    dataset = await dataset_of(studio)
    told = await send(studio, dataset, encoded(odd.scene()), said="a fox")
    bad = await send(studio, dataset, b"x", ".DS_Store")
    place = f"{API}/datasets/{dataset}/images/{told['id']}"
    changed = await studio.client.patch(place, json={"caption": " an\nowl\u0007", "held_out": True})
    assert (changed.json()["caption"], changed.json()["held_out"]) == ("an owl", True)
    assert (await studio.client.patch(place, json={"caption": ""})).json()["caption"] is None
    for body in ({"caption": "x" * 2001}, {"held_out": "yes"}, {"file": "x"}, {"caption": 4}):
        assert (await studio.client.patch(place, json=body)).status_code == 422, body
    for each in (told, bad):
        gone = await studio.client.delete(f"{API}/datasets/{dataset}/images/{each['id']}")
        assert gone.status_code == 204
    found = await whole(studio, dataset)
    assert (found["kept"], found["quarantined"]) == ([], [])


async def test_blobs_stay_while_a_dataset_names_them_and_go_when_none_does(
    studio: Studio,
) -> None:
    one, other = await dataset_of(studio), await dataset_of(studio, "Owls")
    data = encoded(odd.scene())
    told = await send(studio, one, data)
    await send(studio, other, data)
    await upload(studio, encoded(odd.scene((50, 50))))

    async def lies() -> bool:
        await housekeeping.sweep_blobs(studio.state, grace=-9)
        blobs = Blobs(studio.state.layout.blobs)
        return await anyio.to_thread.run_sync(blobs.exists, told["sha256"])

    assert await lies()
    assert (await studio.client.get(told["thumbnail_url"])).status_code == 200
    await studio.client.delete(f"{API}/datasets/{one}")
    assert await lies()
    await studio.client.delete(f"{API}/datasets/{other}")
    assert not await lies()
    assert (await studio.client.get(told["url"])).status_code == 404


async def test_the_same_key_makes_one_dataset(studio: Studio) -> None:
    first = await dataset_of(studio, **{"idempotency-key": "once"})
    assert await dataset_of(studio, **{"idempotency-key": "once"}) == first
    other = await studio.client.post(
        f"{API}/datasets", json={"name": "Owls"}, headers={"idempotency-key": "once"}
    )
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")
    listed = (await studio.client.get(f"{API}/datasets")).json()["items"]
    assert [each["id"] for each in listed] == [first]


async def test_a_full_dataset_says_so(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_pictures, "MAX_PICTURES", 1)
    dataset = await dataset_of(studio)
    await send(studio, dataset, encoded(odd.scene()))
    answer = await studio.client.post(
        f"{API}/datasets/{dataset}/images", content=encoded(odd.scene((80, 80))),
        headers={"content-type": "image/png"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_full")


async def test_a_picture_of_gigabytes_of_pixels_is_a_reason(studio: Studio) -> None:
    dataset = await dataset_of(studio)
    bomb = bytearray(encoded(odd.scene()))
    struct.pack_into(">II", bomb, 16, 60_000, 60_000)
    told = await send(studio, dataset, bytes(bomb), "bomb.png")
    assert (told["code"], told["params"]["width"]) == ("picture_too_large", 60_000)


async def test_each_sees_their_own_and_each_scope_does_its_own(opener: Opener) -> None:
    async with opener(token=MASTER) as studio:
        scopes = {name: bearer((await token(studio, name, name))[1]) for name in ("read", "train")}
        body = {"name": "Foxes"}
        refused = await studio.client.post(f"{API}/datasets", json=body, headers=scopes["read"])
        assert refused.status_code == 403
        made = await studio.client.post(f"{API}/datasets", json=body, headers=scopes["train"])
        dataset = made.json()["id"]
        for headers, code in ((scopes["read"], 404), (scopes["train"], 403), (bearer(MASTER), 200)):
            got = await studio.client.get(f"{API}/datasets/{dataset}", headers=headers)
            assert got.status_code == code
        listed = await studio.client.get(f"{API}/datasets", headers=bearer(MASTER))
        assert [each["id"] for each in listed.json()["items"]] == [dataset]
        imported = await studio.client.post(
            f"{API}/datasets/{dataset}/import", json={"folder": "/"}, headers=scopes["train"]
        )
        assert imported.status_code == 403


async def test_the_socket_says_what_the_routes_do_and_hears_of_changes(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address) as connection:
        made = await ask(connection, "create_dataset", name="Foxes")
        dataset = made["result"]["id"]
        renamed = await ask(connection, "rename_dataset", dataset=dataset, name="Owls")
        assert renamed["result"]["name"] == "Owls"
        listed = await ask(connection, "datasets")
        assert [each["id"] for each in listed["result"]["items"]] == [dataset]
        gone = await ask(connection, "delete_dataset", dataset=dataset)
        assert gone["ok"]
    facts = await studio.state.db.read(
        lambda connection: connection.execute(
            "SELECT text FROM events WHERE topic = 'training' ORDER BY seq"
        ).fetchall()
    )
    told = [json.loads(text) for (text,) in facts]
    assert [(each["type"], each.get("deleted", False)) for each in told] == [
        ("dataset.changed", False), ("dataset.changed", False), ("dataset.changed", True),
    ]  # fmt: skip


async def test_what_a_run_needs_stays_until_it_ends_and_its_pictures_until_it_goes(
    studio: Studio,
) -> None:
    dataset = await dataset_of(studio)
    told = await send(studio, dataset, encoded(odd.scene()), said="a fox")
    await base(studio)
    assert (await studio.client.post(f"{API}/queue/pause")).status_code < 300
    asked = await train(studio, dataset=dataset)
    refused = await studio.client.delete(f"{API}/datasets/{dataset}")
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset_in_use")
    assert asked["training"] in refused.json()["detail"]
    assert (await whole(studio, dataset))["count"] == 1
    gone = await studio.client.delete(f"{API}/datasets/{dataset}/images/{told['id']}")
    assert gone.status_code == 204

    async def lies() -> bool:
        await housekeeping.sweep_blobs(studio.state, grace=-9)
        blobs = Blobs(studio.state.layout.blobs)
        return await anyio.to_thread.run_sync(blobs.exists, told["sha256"])

    assert await lies()
    assert (await studio.client.post(f"{API}/jobs/{asked['job']}/cancel")).status_code == 200
    assert (await studio.client.delete(f"{API}/datasets/{dataset}")).status_code == 204
    assert await lies()
    ended = await studio.client.delete(f"{API}/trainings/{asked['training']}")
    assert ended.status_code == 204, ended.text
    assert not await lies()
