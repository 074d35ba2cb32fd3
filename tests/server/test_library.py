"""The library and its folders: what is gone, moved, doubled, added by hand, deleted."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.library import recommended
from core.paths import Layout
from core.store import models
from server import library
from tests.core.library.files import LORA, pipeline, safetensors
from tests.server.studio import Opener, Studio

pytestmark = pytest.mark.anyio
API = "/api/v1/models"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


@pytest.fixture
async def home(opener: Opener, elsewhere: Path) -> AsyncIterator[Studio]:
    async with opener(models_dirs=[str(elsewhere)]) as studio:
        await studio.state.db.write(
            lambda tx: models.delete(tx, models.find(tx.connection, "tiny").id)  # type: ignore[union-attr]
        )
        yield studio


async def look(studio: Studio, *, hashes: bool = False) -> dict[str, dict[str, Any]]:
    """Scan, and list by name what is there."""
    await library.scan_once(studio.state)
    if hashes:
        await library.hash_missing(studio.state)
    return {one["name"]: one for one in await listed(studio) if one["source"] != "starter"}


async def listed(studio: Studio, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await studio.client.get(f"{API}?limit=200{query}")).json()[
        "items"
    ]
    return found


async def test_what_a_file_says_of_itself_is_shown(home: Studio) -> None:
    said = {"ss_tag_frequency": '{"a": {"red fox": 3}}', "modelspec.license": "mit"}
    path = safetensors(home.state.layout.models / "fox.safetensors", LORA, said)
    path.with_suffix(".json").write_text('{"activation text": "sks", "description": "A fox."}')
    fox = (await look(home))["fox"]
    assert (fox["kind"], fox["family"], fox["format"]) == ("lora", "sd1", "single")
    assert (fox["trigger"], fox["description"], fox["licence"]) == ("sks", "A fox.", "mit")
    assert fox["trigger_words"] == ["red fox"]
    assert fox["metadata"] == {"method": "lora", "rank": 1, "tags": {"red fox": 3}}
    assert (fox["missing"], fox["duplicate_of"], fox["cover"]) == (False, None, None)


async def test_a_model_whose_file_is_gone_is_kept_and_comes_back_as_it_was(home: Studio) -> None:
    path = safetensors(home.state.layout.models / "fox.safetensors", LORA)
    fox = (await look(home, hashes=True))["fox"]
    await home.client.patch(f"{API}/{fox['id']}", json={"trigger": "mine"})
    away = path.rename(path.with_suffix(".away"))
    assert await look(home) == {}
    (gone,) = await listed(home, "&missing=true")
    assert (gone["id"], gone["missing"], gone["trigger"]) == (fox["id"], True, "mine")
    away.rename(path)
    assert (await look(home))["fox"] == gone | {"missing": False}


async def test_a_job_that_names_a_model_that_is_gone_is_refused_with_the_reason(
    home: Studio,
) -> None:
    folder = pipeline(home.state.layout.models / "nice")
    await look(home)
    shutil.rmtree(folder)
    await look(home)
    for name, code in (("nice", "model_missing"), ("nobody", "unknown_model")):
        answer = await home.client.post("/api/v1/generate", json={"prompt": "x", "model": name})
        assert answer.status_code == 422
        assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
            ("/model", code)
        ]


async def test_a_renamed_file_stays_the_same_model(home: Studio) -> None:
    path = safetensors(home.state.layout.models / "fox.safetensors", LORA)
    fox = (await look(home, hashes=True))["fox"]
    await home.client.patch(f"{API}/{fox['id']}", json={"description": "mine", "name": "Fox"})
    (path.parent / "deep").mkdir()
    path.rename(path.parent / "deep" / "wolf.safetensors")
    moved = (await look(home))["Fox"]
    assert (moved["id"], moved["file"]) == (fox["id"], "deep/wolf.safetensors")
    assert (moved["sha256"], moved["description"]) == (fox["sha256"], "mine")
    assert await listed(home, "&missing=true") == []


async def test_a_file_that_went_to_another_disk_is_told_by_its_hash(
    home: Studio, elsewhere: Path
) -> None:
    path = safetensors(home.state.layout.models / "fox.safetensors", LORA)
    other = safetensors(home.state.layout.models / "other.safetensors", {**LORA, "x": [3]})
    found = await look(home, hashes=True)
    shutil.copyfile(path, elsewhere / "wolf.safetensors")  # new number, new time
    path.unlink()
    content = bytearray(other.read_bytes())
    content[-1] ^= 1
    (elsewhere / "changed.safetensors").write_bytes(content)  # the size of the other, not its hash
    other.unlink()
    after = await look(home)
    assert after["wolf"]["id"] == found["fox"]["id"]
    assert after["wolf"]["sha256"] == found["fox"]["sha256"]
    assert after["changed"]["id"] != found["other"]["id"]
    assert [one["id"] for one in await listed(home, "&missing=true")] == [found["other"]["id"]]


async def test_a_folder_that_is_not_mounted_loses_nothing(home: Studio, elsewhere: Path) -> None:
    safetensors(elsewhere / "fox.safetensors", LORA)
    fox = (await look(home))["fox"]
    away = shutil.move(elsewhere, elsewhere.with_name("away"))
    assert await look(home) == {}
    shutil.move(away, elsewhere)
    assert (await look(home))["fox"]["id"] == fox["id"]


async def test_the_same_file_twice_is_told(home: Studio, elsewhere: Path) -> None:
    first = safetensors(home.state.layout.models / "fox.safetensors", LORA)
    await look(home, hashes=True)
    shutil.copyfile(first, elsewhere / "copy.safetensors")
    found = await look(home, hashes=True)
    assert found["copy"]["duplicate_of"] == found["fox"]["id"]
    assert found["fox"]["duplicate_of"] is None
    first.unlink()
    assert (await look(home))["copy"]["duplicate_of"] is None


async def test_a_model_is_named_in_a_graph_by_its_hash(home: Studio) -> None:
    pipeline(home.state.layout.models / "nice")
    digest = (await look(home, hashes=True))["nice"]["sha256"]
    for name in (digest, digest[:10], digest[:10].upper(), "nice"):
        answer = await home.client.post("/api/v1/generate", json={"prompt": "x", "model": name})
        assert answer.status_code == 202, name
    short = await home.client.post("/api/v1/generate", json={"prompt": "x", "model": digest[:9]})
    assert short.json()["errors"][0]["code"] == "unknown_model"


async def test_models_are_found_by_a_part_of_what_is_known(home: Studio) -> None:
    said = {"ss_tag_frequency": '{"a": {"red fox": 3}}'}
    safetensors(home.state.layout.models / "Ännchen.safetensors", LORA, said)
    safetensors(home.state.layout.models / "up_1%.safetensors", {"conv_first.weight": [1, 1, 1, 1]})
    await look(home)
    for query, names in (
        ("q=%C3%A4NNCH", {"Ännchen"}), ("q=red+FOX", {"Ännchen"}), ("q=p_1%25", {"up_1%"}),
        ("q=x%25", set()), ("kind=upscaler", {"up_1%"}),
        ("family=sd1&kind=lora", {"Ännchen"}), ("q=!", set()),
    ):  # fmt: skip
        assert {one["name"] for one in await listed(home, f"&{query}")} == names, query


async def test_a_wrong_guess_is_corrected_for_good(home: Studio) -> None:
    path = safetensors(home.state.layout.models / "odd.safetensors", {"strange": [3, 3]})
    odd = (await look(home))["odd"]
    assert (odd["kind"], odd["family"], odd["format"]) == ("other", "unknown", "single")
    ask = {"kind": "upscaler", "family": "sdxl"}
    changed = (await home.client.patch(f"{API}/{odd['id']}", json=ask)).json()
    assert (changed["kind"], changed["family"], changed["format"]) == (
        "upscaler",
        "sdxl",
        "spandrel",
    )
    os.utime(path, (1, 1))
    again = (await look(home))["odd"]
    assert (again["kind"], again["family"], again["format"]) == ("upscaler", "sdxl", "spandrel")
    for wrong in ({"kind": "thing"}, {"family": "SD 1"}, {"family": ""}):
        answer = await home.client.patch(f"{API}/{odd['id']}", json=wrong)
        assert answer.status_code == 422


async def test_a_picture_can_be_the_cover(studio: Studio) -> None:
    (image,) = (await studio.generate())["images"]
    (model,) = await listed(studio)
    cover = await studio.client.patch(f"{API}/{model['id']}", json={"cover": image["id"]})
    assert cover.json()["cover"] == image["id"]
    unknown = await studio.client.patch(f"{API}/{model['id']}", json={"cover": "nobody"})
    assert unknown.json()["errors"][0]["pointer"] == "/cover"
    assert (await studio.client.delete(f"/api/v1/images/{image['id']}?forever=true")).is_success
    assert (await studio.client.get(f"{API}/{model['id']}")).json()["cover"] is None


class TestDelete:
    async def test_its_files_go_with_what_lies_beside_them(self, home: Studio) -> None:
        root = home.state.layout.models
        fox = safetensors(root / "fox.safetensors", LORA)
        (root / "fox.json").write_text("{}")
        (root / "fox.preview.png").write_bytes(b"x")
        stays = safetensors(root / "foxes.safetensors", LORA)
        pipeline(root / "nice")
        found = await look(home)
        for name in ("fox", "nice"):
            answer = await home.client.delete(f"{API}/{found[name]['id']}?files=true")
            assert answer.status_code == 204
        assert [one for one in root.iterdir() if one.name[0] != "."] == [stays]
        assert list(home.state.layout.staging.iterdir()) == []
        assert not fox.exists()
        assert set(await look(home)) == {"foxes"}

    async def test_without_its_files_it_is_found_again_as_new(self, home: Studio) -> None:
        safetensors(home.state.layout.models / "fox.safetensors", LORA)
        fox = (await look(home))["fox"]
        assert (await home.client.delete(f"{API}/{fox['id']}")).status_code == 204
        assert await listed(home, "&q=fox") == []
        assert (await look(home))["fox"]["id"] != fox["id"]

    async def test_files_of_other_folders_and_the_starter_stay(
        self, home: Studio, elsewhere: Path
    ) -> None:
        path = safetensors(elsewhere / "fox.safetensors", LORA)
        fox = (await look(home))["fox"]
        answer = await home.client.delete(f"{API}/{fox['id']}?files=true")
        assert (answer.status_code, answer.json()["code"]) == (409, "model_elsewhere")
        (starter,) = [one for one in await listed(home) if one["source"] == "starter"]
        for query in ("", "?files=true"):
            answer = await home.client.delete(f"{API}/{starter['id']}{query}")
            assert (answer.status_code, answer.json()["code"]) == (409, "model_shipped")
        assert path.exists()
        assert len(await look(home)) == 1

    async def test_no_link_leads_out_of_the_folder(self, home: Studio, tmp_path: Path) -> None:
        root = home.state.layout.models
        outside = safetensors(tmp_path / "outside" / "deep" / "fox.safetensors", LORA)
        (root / "link").symlink_to(tmp_path / "outside", target_is_directory=True)
        (root / "one.safetensors").symlink_to(outside)
        found = await look(home)
        deep = await home.client.delete(f"{API}/{found['fox']['id']}?files=true")
        assert (deep.status_code, deep.json()["code"]) == (409, "model_undeletable")
        assert (await home.client.delete(f"{API}/{found['one']['id']}?files=true")).is_success
        assert outside.exists() and not (root / "one.safetensors").is_symlink()


class TestRoots:
    async def test_a_folder_is_added_used_in_place_and_left(
        self, home: Studio, tmp_path: Path
    ) -> None:
        folder = tmp_path / "webui"
        safetensors(folder / "models" / "Stable-diffusion" / "x.safetensors", {"strange": [1, 1]})
        nice = pipeline(folder / "models" / "Stable-diffusion" / "nice")
        made = await home.client.post(f"{API}/roots", json={"path": str(folder)})
        assert made.status_code == 201
        again = await home.client.post(f"{API}/roots", json={"path": str(folder)})
        assert again.json() == made.json()
        assert (await home.client.get(f"{API}/roots")).json()["items"] == [made.json()]
        found = await look(home)
        assert set(found) == {"x", "nice"}
        assert str(tmp_path) not in str(found)  # places are shown to nobody
        resources = await home.state.db.read(lambda conn: models.file(conn, found["nice"]["id"]))
        assert home.state.roots[resources.root] / resources.file == nice
        answer = await home.client.post("/api/v1/generate", json={"prompt": "x", "model": "nice"})
        assert answer.status_code == 202
        assert (await home.client.delete(f"{API}/roots/{made.json()['id']}")).status_code == 204
        assert await look(home) == {}
        assert len(await listed(home, "&missing=true")) == 2
        assert nice.exists()

    @pytest.mark.parametrize("path", ["relative", "/nowhere/at/all", "/etc/passwd", "~"])
    async def test_what_is_no_folder_is_refused_without_saying_why(
        self, path: str, home: Studio
    ) -> None:
        answer = await home.client.post(f"{API}/roots", json={"path": path})
        assert answer.status_code == 422
        assert [one["code"] for one in answer.json()["errors"]] == ["model_root_refused"]

    async def test_only_who_sits_at_the_machine_adds_one(
        self, opener: Opener, elsewhere: Path
    ) -> None:
        async with opener(token="helio_secret") as studio:
            answer = await studio.client.post(
                f"{API}/roots", json={"path": str(elsewhere)},
                headers={"authorization": "Bearer helio_secret"},
            )  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (403, "local_only")

    async def test_added_folders_are_there_after_a_restart(
        self, opener: Opener, tmp_path: Path
    ) -> None:
        nice = pipeline(tmp_path / "more" / "nice")
        async with opener() as studio:
            await studio.client.post(f"{API}/roots", json={"path": str(nice.parent)})
            await library.scan_once(studio.state)
        async with opener() as studio:
            assert studio.state.roots[str(nice.parent)] == nice.parent


async def test_the_recommended_are_listed_by_family(studio: Studio) -> None:
    every = (await studio.client.get(f"{API}/recommended")).json()["items"]
    some = (await studio.client.get(f"{API}/recommended?family=flux")).json()["items"]
    assert some == [one for one in every if one["family"] == "flux"] != []


def test_every_recommendation_says_where_it_comes_from_and_what_it_needs() -> None:
    for one in recommended.recommended():
        assert one.source.startswith("hf:")
        assert one.licence_link.startswith("https://")
        assert 10**7 < one.about_bytes < 10**11
        assert one.about
        assert one.licence


async def test_models_of_an_older_version_are_read_again_and_keep_their_hash(
    home: Studio, layout: Layout
) -> None:
    path = safetensors(home.state.layout.models / "fox.safetensors", LORA)
    fox = (await look(home, hashes=True))["fox"]
    await home.state.db.write(
        lambda tx: tx.connection.execute(
            "UPDATE models SET stamp = '', identity = '', kind = 'other', changed = :changed",
            {"changed": int(path.stat().st_mtime * 1000)},
        )
    )
    again = (await look(home))["fox"]
    assert (again["kind"], again["sha256"]) == ("lora", fox["sha256"])
