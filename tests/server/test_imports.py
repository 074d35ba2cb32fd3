"""Moving in: folders of other programs' pictures come into the gallery with their settings."""

import hashlib
import os
import re
import socket
from pathlib import Path
from typing import Any

import anyio
import httpx
import msgspec
import pytest

from core.store import walked
from server.imports import Live
from tests.foreign import MAKERS, InvokeAI, invoke, png
from tests.server.studio import Opener, Studio
from tests.server.test_access import MASTER, bearer, token

pytestmark = pytest.mark.anyio
API = "/api/v1"
IMPORTS = f"{API}/images/imports"


async def ask(studio: Studio, folder: Path, **fields: Any) -> httpx.Response:
    body = {"folder": str(folder), **{key: _plain(value) for key, value in fields.items()}}
    return await studio.client.post(f"{API}/images/import", json=body)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


async def imported(studio: Studio, folder: Path, **fields: Any) -> dict[str, Any]:
    """Ask for an import and wait for its end."""
    async with studio.state.bus.subscribe(topics=["gallery"]) as subscriber:
        answer = await ask(studio, folder, **fields)
        assert answer.status_code == 202, answer.text
        made = answer.json()["id"]
        with anyio.fail_after(120):
            async for message in subscriber:
                event = msgspec.json.decode(message.data)
                if event["type"] == "import.changed" and event["status"] in (
                    "succeeded", "failed", "canceled",
                ):  # fmt: skip
                    break
    found: dict[str, Any] = (await studio.client.get(f"{IMPORTS}/{made}")).json()
    return found


async def listed(studio: Studio, **query: Any) -> list[dict[str, Any]]:
    answer = await studio.client.get(f"{API}/images", params={"limit": 200, **query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def state_of(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Note each file below a folder: size, time, content."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_size,
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def one_of_each(folder: Path) -> None:
    """Put a picture of each format into a folder, the first of the table the oldest."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, make) in enumerate(MAKERS.items()):
        path = folder / name
        path.write_bytes(make(f"a fox number{number}", 1000 + number))
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))


@pytest.mark.parametrize("mode", ["copy", "reference"])
async def test_pictures_of_every_program_are_found_by_prompt_and_seed(
    studio: Studio, tmp_path: Path, mode: str
) -> None:
    folder = tmp_path / "old"
    one_of_each(folder)
    before = state_of(folder)
    done = await imported(studio, folder, mode=mode)
    assert (done["status"], done["added"], done["refused"]) == ("succeeded", len(MAKERS), 0)
    for number, name in enumerate(MAKERS):
        (found,) = await listed(studio, q=f"number{number}", seed=1000 + number)
        assert found["kind"] == "output", name
        assert found["made"] == f"2023-11-14T22:13:{20 + number}.000Z"
        if name != "custom.png":
            assert (await listed(studio, q="blurry", seed=1000 + number)) == [found], name
    newest_first = [image["seed"] for image in await listed(studio)]
    assert newest_first == [1000 + number for number in reversed(range(len(MAKERS)))]
    assert state_of(folder) == before


async def test_what_is_asked_beside_the_prompt_is_there_too(studio: Studio, tmp_path: Path) -> None:
    one_of_each(tmp_path / "old")
    await imported(studio, tmp_path / "old")
    (a1111,) = await listed(studio, seed=1000)
    facts = ("model", "steps", "sampler", "guidance_scale", "negative_prompt", "width", "height")
    assert [a1111[fact] for fact in facts] == ["v1-5", 20, "dpmpp_2m", 7.0, "blurry", 24, 24]
    assert len(await listed(studio, model="dream")) == 3  # of ComfyUI and SwarmUI
    inky = await listed(studio, lora="inky")
    assert sorted(image["seed"] for image in inky) == [1003, 1005, 1006]
    assert inky[0]["prompt"] == "a fox number6 <lora:inky:0.75>"
    assert len(await listed(studio, q="offset")) == 1


async def test_a_copy_keeps_its_pixels_and_its_texts(studio: Studio, tmp_path: Path) -> None:
    one_of_each(tmp_path / "old")
    await imported(studio, tmp_path / "old")
    for name in ("comfy.png", "a1111.jpg", "invoke.png"):
        (image,) = await listed(studio, seed=1000 + [*MAKERS].index(name))
        (tmp_path / "old" / name).unlink()
        file = await studio.client.get(image["url"])
        assert file.headers["content-type"] == "image/png"
        assert hashlib.sha256(file.content).hexdigest() == image["sha256"]
        told = await studio.client.post(
            f"{API}/images/inspect", content=file.content, headers={"content-type": "image/png"}
        )
        assert told.json()["made"]["seed"] == image["seed"]
        assert (await studio.client.get(image["thumbnail_url"])).status_code == 200


async def test_the_same_file_comes_in_once_wherever_it_lies(studio: Studio, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    one_of_each(folder)
    first = await imported(studio, folder)
    again = await imported(studio, folder)
    assert (again["added"], again["known"]) == (0, first["added"])
    (folder / "more").mkdir()
    (folder / "more" / "twin.png").write_bytes((folder / "comfy.png").read_bytes())
    (folder / "more" / "new.png").write_bytes(MAKERS["comfy.png"]("a new one", 5))
    third = await imported(studio, folder)
    assert (third["added"], third["known"]) == (1, first["added"] + 1)
    assert len(await listed(studio)) == len(MAKERS) + 1


async def test_twins_in_one_piece_leave_no_thumbnail_behind(studio: Studio, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png(1))
    done = await imported(studio, tmp_path, recursive=False)
    assert (done["added"], done["known"]) == (1, 1)
    thumbnails = [*studio.state.layout.thumbnails.rglob("*.webp")]
    assert [path.stem for path in thumbnails] == [(await listed(studio))[0]["id"]]


async def test_what_was_deleted_for_good_may_come_again(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(1))
    await imported(studio, tmp_path, recursive=False)
    (image,) = await listed(studio)
    await studio.client.delete(f"{API}/images/{image['id']}", params={"forever": "true"})
    assert (await imported(studio, tmp_path, recursive=False))["added"] == 1


def hostile(folder: Path) -> dict[str, int]:
    """Fill a folder with what is no picture; give the reasons that are expected."""
    good = png(3)
    files = {
        "cut.png": good[: len(good) // 2], "empty.png": b"", "archive.png": b"PK\x03\x04" + good,
        "text.jpg": b"not a picture", "notes.txt": b"a list", "frame.gif": b"GIF89a",
        "bomb.png": bomb(), "huge.webp": b"",
    }  # fmt: skip
    for name, data in files.items():
        (folder / name).write_bytes(data)
    os.truncate(folder / "huge.webp", 33 << 20)
    (folder / "link.png").symlink_to(folder / "good.png")
    (folder / "circle").symlink_to(folder)
    (folder / ".hidden.png").write_bytes(good)
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(folder)
        try:
            listener.bind("s.png")
        finally:
            os.chdir(here)
    os.mkfifo(folder / "pipe.png")
    return {
        "empty": 1, "image_corrupt": 1, "image_format": 2, "image_too_large": 2, "link": 2,
        "not_a_picture": 4,
    }  # fmt: skip


def strange(folder: Path) -> int:
    """Write a picture whose name is no text in any encoding, where the file system takes it."""
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.png")).write_bytes(png(5))
    except OSError:
        return 0
    return 1


def bomb() -> bytes:
    """Claim 30,000 × 30,000 pixels in a few bytes."""
    data = bytearray(png(4))
    data[16:24] = (30_000).to_bytes(4) * 2
    return bytes(data)


@pytest.mark.skipif(os.name == "nt", reason="pipes and links")
async def test_hostile_files_are_counted_with_their_reasons(studio: Studio, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    expected = hostile(folder)
    named = strange(folder)
    (folder / "good.png").write_bytes(png(6))
    done = await imported(studio, folder, mode="reference")
    assert done["status"] == "succeeded"
    assert done["reasons"] == expected
    assert (done["refused"], done["added"]) == (sum(expected.values()), 1 + named)
    assert done["found"] == done["refused"] + done["added"]
    assert {"file": "cut.png", "code": "image_corrupt"} in done["refusals"]
    for image in await listed(studio):
        assert (await studio.client.get(image["url"])).status_code == 200


async def test_a_referenced_picture_is_served_as_it_lies_there(
    studio: Studio, tmp_path: Path
) -> None:
    one_of_each(tmp_path / "old")
    await imported(studio, tmp_path / "old", mode="reference")
    (image,) = await listed(studio, seed=1001)
    lying = (tmp_path / "old" / "a1111.jpg").read_bytes()
    file = await studio.client.get(image["url"])
    assert (file.content, file.headers["content-type"]) == (lying, "image/jpeg")
    assert ".jpeg" in file.headers["content-disposition"]
    for form in ("png", "webp", "jpeg"):
        made = await studio.client.get(image["url"], params={"format": form})
        assert made.headers["content-type"] == f"image/{form}"
        told = await studio.client.post(
            f"{API}/images/inspect", content=made.content,
            headers={"content-type": f"image/{form}"},
        )  # fmt: skip
        assert told.json()["made"]["seed"] == 1001
    bare = await studio.client.get(image["url"], params={"metadata": "false"})
    assert b"fox" not in bare.content
    packed = await studio.client.post(f"{API}/images/zip", json={"ids": [image["id"]]})
    assert packed.status_code == 200
    assert b"\x89PNG" in packed.content
    blobs = [path for path in studio.state.layout.blobs.rglob("*") if path.is_file()]
    assert blobs == []


async def test_deleting_a_reference_leaves_the_file(studio: Studio, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    one_of_each(folder)
    before = state_of(folder)
    await imported(studio, folder, mode="reference")
    ids = [image["id"] for image in await listed(studio)]
    answer = await studio.client.post(
        f"{API}/images/batch", json={"ids": ids, "action": "delete_forever"}
    )
    assert answer.status_code == 200, answer.text
    assert await listed(studio) == []
    assert [*studio.state.layout.thumbnails.rglob("*.webp")] == []
    assert state_of(folder) == before


async def test_a_file_that_changed_or_went_is_not_served(studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(1))
    await imported(studio, tmp_path, mode="reference", recursive=False)
    (image,) = await listed(studio)
    path.write_bytes(png(2))
    assert (await studio.client.get(image["url"])).status_code == 404
    path.unlink()
    assert (await studio.client.get(image["url"])).status_code == 404
    path.symlink_to(tmp_path / "b.png")
    (tmp_path / "b.png").write_bytes(png(1))
    assert (await studio.client.get(image["url"])).status_code == 404


async def test_a_lost_reference_is_hidden_and_found_where_it_was_moved(
    opener: Opener, tmp_path: Path
) -> None:
    folder = tmp_path / "old"
    one_of_each(folder)
    async with opener() as studio:
        await imported(studio, folder, mode="reference")
        count = len(await listed(studio))
    folder.rename(tmp_path / "moved")
    async with opener() as studio:
        with anyio.fail_after(10):
            await forgotten(studio)
        again = await imported(studio, tmp_path / "moved", mode="reference")
        assert (again["added"], again["known"]) == (0, count)
        found = await listed(studio)
        assert len(found) == count
        assert (await studio.client.get(found[0]["url"])).status_code == 200


async def forgotten(studio: Studio) -> None:
    """Wait until the sweep of the start has hidden every picture that is lost."""
    async with studio.state.bus.subscribe(topics=["gallery"], since=0) as subscriber:
        while await listed(studio):
            await subscriber.receive()


async def test_boards_by_name_and_by_folder(studio: Studio, tmp_path: Path) -> None:
    for place, name in enumerate(("a.png", "cats/b.png", "cats/big/c.png")):
        path = tmp_path / "old" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(place))
    held = (await studio.client.post(f"{API}/boards", json={"name": "cats"})).json()
    await imported(studio, tmp_path / "old", board="All", by_folder=True)
    boards = (await studio.client.get(f"{API}/boards")).json()["items"]
    assert {board["name"]: board["count"] for board in boards} == {
        "All": 1, "cats": 1, "cats/big": 1,
    }  # fmt: skip
    assert held["id"] in {board["id"] for board in boards}


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
async def test_boards_and_stars_come_from_invokeais_database(
    studio: Studio, tmp_path: Path, journal: str
) -> None:
    theirs = InvokeAI(tmp_path / "invokeai", journal)
    theirs.add("a.png", MAKERS["invoke.png"]("a fox", 1), "Foxes", starred=1)
    told = msgspec.json.encode(invoke("a hen", 2)).decode()
    theirs.add("b.png", png(2), "Hens", metadata=told)  # its file does not say
    theirs.add("c.png", png(3), is_intermediate=1)
    theirs.add("d.png", png(4), image_category="mask")
    held = theirs.connect()  # InvokeAI runs: with a log of changes, that is not in its file yet
    held.execute("INSERT INTO boards (board_id, board_name) VALUES ('x', 'Later')")
    before = state_of(theirs.root)
    done = await imported(
        studio, theirs.images, invokeai_database=theirs.database, board="The rest", mode="reference"
    )
    assert done["status"] == "succeeded", done
    assert done["reasons"] == {"intermediate": 1}
    assert state_of(theirs.root) == before
    held.close()
    boards = (await studio.client.get(f"{API}/boards")).json()["items"]
    names = {board["id"]: board["name"] for board in boards}
    found = {image["seed"]: image for image in await listed(studio)}
    assert {seed: names[image["board"]] for seed, image in found.items()} == {
        1: "Foxes", 2: "Hens", None: "The rest",
    }  # fmt: skip
    assert [seed for seed, image in found.items() if image["starred"]] == [1]
    assert found[2]["prompt"] == "a hen <lora:inky:0.75>"
    assert (found[None]["kind"], found[1]["made"]) == ("mask", "2024-05-06T07:08:09.123Z")


async def test_what_is_no_database_of_invokeais_is_said(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "odd.db").write_bytes(b"SQLite format 3\0" + bytes(4000))
    done = await imported(studio, tmp_path / "old", invokeai_database=tmp_path / "odd.db")
    assert (done["status"], done["error"]["code"]) == ("failed", "invokeai_unreadable")
    gone = await ask(studio, tmp_path / "old", invokeai_database=tmp_path / "none.db")
    assert gone.status_code == 422
    assert gone.json()["errors"][0]["code"] == "invokeai_unreadable"


async def test_what_may_not_be_named_is_refused(opener: Opener, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    async with opener(token=MASTER, picture_dirs=[str(mine)]) as studio:
        admin = bearer(MASTER)
        places = (
            tmp_path,
            tmp_path / "none",
            Path("/etc"),
            studio.state.layout.images,
            "mine",
        )
        for place in places:
            answer = await studio.client.post(
                f"{API}/images/import", json={"folder": str(place)}, headers=admin
            )
            assert answer.status_code == 422, place
            assert answer.json()["errors"][0]["code"] == "folder_not_allowed"
        told = await studio.client.post(
            f"{API}/images/import", headers=admin,
            json={"folder": str(mine), "invokeai_database": "/etc/passwd"},
        )  # fmt: skip
        assert told.json()["errors"][0]["pointer"] == "/invokeai_database"
        weak = bearer((await token(studio, "weak", "generate"))[1])
        refused = await studio.client.post(
            f"{API}/images/import", json={"folder": str(mine)}, headers=weak
        )
        assert refused.status_code == 403


async def test_the_data_directory_is_passed_over(studio: Studio, tmp_path: Path) -> None:
    await studio.generate()
    assert (await ask(studio, studio.state.layout.images)).status_code == 422
    (tmp_path / "a.png").write_bytes(png(1))
    done = await imported(studio, tmp_path)
    assert (done["added"], done["known"]) == (1, 0)


async def test_progress_is_told_and_a_cancel_keeps_what_came(
    studio: Studio, tmp_path: Path
) -> None:
    for number in range(80):
        (tmp_path / f"{number:03}.png").write_bytes(png(number))
    async with studio.state.bus.subscribe(topics=["gallery"]) as subscriber:
        made = (await ask(studio, tmp_path, recursive=False)).json()["id"]
        same = (await ask(studio, tmp_path, recursive=False)).json()["id"]
        assert same == made
        with anyio.fail_after(60):
            async for message in subscriber:
                event = msgspec.json.decode(message.data)
                if event["type"] == "import.progress" and event["added"]:
                    break
    answer = await studio.client.post(f"{IMPORTS}/{made}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    added = answer.json()["added"]
    assert 0 < added < 80
    assert (await studio.client.post(f"{IMPORTS}/{made}/cancel")).status_code == 409
    rest = await imported(studio, tmp_path, recursive=False)
    assert (rest["known"], rest["added"]) == (added, 80 - added)
    page = (await studio.client.get(IMPORTS)).json()["items"]
    assert [one["status"] for one in page] == ["succeeded", "canceled"]
    assert not [*studio.state.layout.staging.iterdir()]


async def test_a_picture_by_reference_is_drawn_from(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(1))
    await imported(studio, tmp_path, mode="reference", recursive=False)
    (image,) = await listed(studio)
    made = await studio.generate(init_image=image["id"], strength=0.5)
    assert len(made["images"]) == 1


def test_refusals_are_bounded() -> None:
    live = Live(msgspec.convert(
        {"id": "x", "folder": "/", "mode": "copy", "status": "running", "owner": "", "created": ""},
        type=Live.__init__.__annotations__["row"],
    ))  # fmt: skip
    for number in range(1000):
        live.refuse(f"{number:0500}", "link")
    assert live.tally.reasons == {"link": 1000}
    assert len(live.tally.refusals) == 100
    assert all(len(one.file) <= 300 for one in live.tally.refusals)


def test_a_walk_is_ordered_by_age_in_pieces(tmp_path: Path) -> None:
    with walked.scratch(tmp_path / "walk") as found:
        met = [walked.Met(f"/{n % 7}/{n}".encode(), 1, n % 5 - 2) for n in range(100)]
        found.put(met)
        found.put(met[:3])
        pieces = [*found.pieces(9)]
        assert [len(piece) for piece in pieces] == [9] * 11 + [1]
        flat = [each for piece in pieces for each in piece]
        assert flat == sorted(met, key=lambda one: (one.changed, one.path))
    assert not (tmp_path / "walk").exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_prompt_and_seed_of_500_mixed_pictures_is_found(
    studio: Studio, tmp_path: Path
) -> None:
    names = [*MAKERS]
    for number in range(500):
        name = names[number % len(names)]
        path = tmp_path / "old" / f"{number % 9}" / f"{number}-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MAKERS[name](f"a lighthouse word{number}x at dusk", 10_000 + number))
    done = await imported(studio, tmp_path / "old", mode="reference")
    assert (done["added"], done["refused"]) == (500, 0)
    for number in range(500):
        (by_prompt,) = await listed(studio, q=f"lighthouse word{number}x dusk")
        (by_seed,) = await listed(studio, seed=10_000 + number)
        assert by_prompt == by_seed
        assert re.match(rf"a lighthouse word{number}x at dusk", by_prompt["prompt"])
