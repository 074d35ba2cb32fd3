"""Axes of pictures over HTTP: boards, folders, sizes, masks, models; and what is refused."""

import os
from pathlib import Path
from typing import Any

import pytest

from core.records.model import ModelDefaults
from core.store import boards, models
from core.store.work import NewModel
from tests.server.studio import DRAW, Opener, Studio
from tests.server.test_grids import API, whole
from tests.server.test_images import png, upload
from tests.server.test_sweeps import JOBS, refused

pytestmark = pytest.mark.anyio
OPEN = {"name": "img2img", "prompt": "a fox", "model": "tiny", "steps": 1, "seed": 7}
PAINT = OPEN | {"name": "inpaint"}
STRENGTHS = {"setting": "strength", "values": [0.3, 0.5, 0.8]}


async def uploaded(studio: Studio, width: int, height: int, shade: int, kind: str = "") -> str:
    path = f"{API}/uploads" + (f"?kind={kind}" if kind else "")
    answer = await studio.client.post(
        path, content=png(width, height, shade), headers={"content-type": "image/png"}
    )
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


async def board_of(studio: Studio, *pictures: str) -> str:
    made = await studio.state.db.write(lambda tx: boards.create(tx, "photos", "local"))
    for picture in pictures:
        path = f"{API}/images/{picture}"
        answer = await studio.client.patch(path, json={"board": made.id})
        assert answer.status_code == 200, answer.text
    return made.id


async def asked(studio: Studio, recipe: dict[str, Any], *axes: dict[str, Any]) -> dict[str, Any]:
    answer = await studio.client.post(JOBS, json={"recipe": recipe, "sweep": {"axes": list(axes)}})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_twenty_photos_of_a_board_with_their_masks_at_three_strengths(
    studio: Studio,
) -> None:
    photos = [await uploaded(studio, 64, 64, shade) for shade in range(20)]
    masks = [await uploaded(studio, 64, 64, 100 + shade, "mask") for shade in range(20)]
    board = await board_of(studio, *masks, *photos)
    pair = [
        {"setting": "init_image", "values": {"board": board}},
        {"setting": "mask_image", "values": {"board": board}},
    ]
    made = await asked(studio, PAINT, {"zip": pair}, STRENGTHS)
    assert made["count"] == 60
    batch = await whole(studio, made["batch"])
    assert batch["counts"]["succeeded"] == 60
    cells = [cell["overrides"] for cell in batch["cells"]]
    assert [(c["init_image"], c["mask_image"], c["strength"]) for c in cells] == [
        (photo, mask, strength)
        for photo, mask in zip(photos, masks, strict=True)
        for strength in (0.3, 0.5, 0.8)
    ]
    assert [axis["setting"] for axis in batch["axes"][0]["zip"]] == ["init_image", "mask_image"]
    again = await studio.client.post(
        JOBS, json={"recipe": batch["recipe"], "sweep": {"axes": batch["axes"]}}
    )
    assert again.json()["count"] == 60


async def test_each_picture_keeps_its_own_size_where_none_is_asked_for(studio: Studio) -> None:
    sizes = [(64, 64), (96, 64), (64, 128)]
    pictures = [await uploaded(studio, *size, 9) for size in sizes]
    axis = {"setting": "init_image", "values": pictures}
    made = await asked(studio, OPEN, axis)
    batch = await whole(studio, made["batch"])
    assert [(c["overrides"]["width"], c["overrides"]["height"]) for c in batch["cells"]] == sizes
    drawn = [
        (await studio.client.get(f"{API}/images/{cell['images'][0]}")).json()
        for cell in batch["cells"]
    ]
    assert [(one["width"], one["height"]) for one in drawn] == sizes
    fixed = await asked(studio, OPEN | {"width": 64, "height": 64}, axis)
    batch = await whole(studio, fixed["batch"])
    assert all("width" not in cell["overrides"] for cell in batch["cells"])


async def test_a_mask_of_another_size_is_named_where_it_stands(studio: Studio) -> None:
    square, wide = await uploaded(studio, 64, 64, 1), await uploaded(studio, 96, 64, 2)
    mask, other = await uploaded(studio, 64, 64, 3), await uploaded(studio, 96, 64, 4)
    masks = {"setting": "mask_image", "values": [mask, other]}
    body = {"recipe": PAINT | {"init_image": square}, "sweep": {"axes": [masks]}}
    assert await refused(studio, body) == [("mask_size", "/sweep/axes/0/values/1")]
    pictures = {"setting": "init_image", "values": [wide, square]}
    body = {"recipe": PAINT | {"mask_image": mask}, "sweep": {"axes": [pictures]}}
    assert await refused(studio, body) == [("mask_size", "/sweep/axes/0/values/0")]
    crossed = {"recipe": PAINT, "sweep": {"axes": [pictures, masks]}}
    assert {code for code, _ in await refused(studio, crossed)} == {"mask_size"}
    pair = {"zip": [{"setting": "init_image", "values": [square, wide]}, masks]}
    assert (await asked(studio, PAINT, pair))["count"] == 2


async def test_a_board_that_is_empty_unknown_or_a_strangers_is_refused(studio: Studio) -> None:
    empty = await board_of(studio)
    for board, code, at in (
        (empty, "axis_empty", "values"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "unknown_board", "values/board"),
    ):
        axis = {"setting": "init_image", "values": {"board": board}}
        found = await refused(studio, {"recipe": OPEN, "sweep": {"axes": [axis]}})
        assert (code, f"/sweep/axes/0/{at}") in found
    answer = await studio.client.post(
        JOBS,
        json={"recipe": OPEN, "sweep": {"axes": [axis | {"values": {"board": empty}}]}},
        headers={"x-on-behalf-of": "ben"},
    )
    assert "unknown_board" in {one["code"] for one in answer.json()["errors"]}


class TestFolders:
    async def test_pictures_of_an_allowed_folder_are_taken_by_name(
        self, opener: Opener, tmp_path: Path
    ) -> None:
        photos, masks = tmp_path / "set" / "photos", tmp_path / "set" / "masks"
        for folder, shift in ((photos, 0), (masks, 100)):
            folder.mkdir(parents=True)
            for number in (10, 9, 1):
                (folder / f"{number}.png").write_bytes(png(64, 64, number + shift))
        (photos / "notes.txt").write_text("no picture")
        async with opener(picture_dirs=str(tmp_path / "set")) as studio:
            pair = [
                {"setting": "init_image", "values": {"folder": str(photos)}},
                {"setting": "mask_image", "values": {"folder": str(masks)}},
            ]
            made = await asked(studio, PAINT, {"zip": pair})
            batch = await whole(studio, made["batch"])
            assert batch["counts"]["succeeded"] == 3
            wanted = [(await upload(studio, png(64, 64, n))).json()["id"] for n in (1, 9, 10)]
            assert [cell["overrides"]["init_image"] for cell in batch["cells"]] == wanted

    @pytest.mark.parametrize(
        ("folder", "code"),
        [
            ("{root}/../outside", "folder_not_allowed"),
            ("{root}/link", "folder_not_allowed"),
            ("/etc", "folder_not_allowed"),
            ("/nowhere/at/all", "folder_not_allowed"),
            ("{root}-beside", "folder_not_allowed"),
            ("allowed", "folder_not_allowed"),
            ("{root}/gone", "folder_not_found"),
            ("{root}/empty", "axis_empty"),
            ("{root}/broken", "folder_picture"),
            ("{root}/many", "folder_too_large"),
        ],
    )
    async def test_every_other_folder_is_refused(
        self, opener: Opener, tmp_path: Path, folder: str, code: str
    ) -> None:
        root, outside = tmp_path / "allowed", tmp_path / "outside"
        for each in (root / "empty", root / "broken", root / "many", outside,
                     tmp_path / "allowed-beside"):  # fmt: skip
            each.mkdir(parents=True)
        (outside / "secret.png").write_bytes(png(64, 64))
        (root / "link").symlink_to(outside)
        (root / "empty" / "linked.png").symlink_to(outside / "secret.png")
        (root / "broken" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
        os.mkfifo(root / "empty" / "pipe.png")
        for number in range(201):
            (root / "many" / f"{number}.png").touch()
        async with opener(picture_dirs=str(root)) as studio:
            axis = {"setting": "init_image", "values": {"folder": folder.format(root=root)}}
            answer = await studio.client.post(
                JOBS, json={"recipe": OPEN, "sweep": {"axes": [axis]}}
            )
            assert answer.status_code == 422
            found = answer.json()["errors"]
            assert code in {one["code"] for one in found}
            assert str(tmp_path) not in answer.text.replace(folder, "")
            assert (await studio.rows())["jobs"] == 0

    async def test_without_the_setting_no_folder_is_read(
        self, studio: Studio, tmp_path: Path
    ) -> None:
        axis = {"setting": "init_image", "values": {"folder": str(tmp_path)}}
        found = await refused(studio, {"recipe": OPEN, "sweep": {"axes": [axis]}})
        assert ("folder_not_allowed", "/sweep/axes/0/values/folder") in found


async def test_each_model_of_an_axis_has_its_own_defaults_where_none_are_asked_for(
    studio: Studio,
) -> None:
    for name, steps, side in (("quick", 2, 64), ("slow", 5, 128)):
        new = NewModel(
            name=name, kind="checkpoint", family="sd1", format="diffusers", root="models",
            file=name, bytes=1, changed=1, sha256=name.encode().hex().ljust(64, "0"),
            defaults=ModelDefaults(width=side, height=side, steps=steps, guidance_scale=5.0),
        )  # fmt: skip
        await studio.state.db.write(lambda tx, new=new: models.upsert(tx, new))
    recipe = {"name": "txt2img", "prompt": "a fox", "seed": 7}
    made = await asked(studio, recipe, {"setting": "model", "values": ["quick", "slow"]})
    batch = await whole(studio, made["batch"])
    cells = [cell["overrides"] for cell in batch["cells"]]
    assert [(c["model"], c["steps"], c["width"], c["height"]) for c in cells] == [
        ("quick", 2, 64, 64), ("slow", 5, 128, 128),
    ]  # fmt: skip
    assert "guidance_scale" not in cells[0]  # it is the same for both
    own = await asked(studio, recipe | DRAW, {"setting": "model", "values": ["quick", "slow"]})
    batch = await whole(studio, own["batch"])
    assert [set(cell["overrides"]) for cell in batch["cells"]] == [{"model"}] * 2


async def test_a_prompt_is_varied_by_search_and_replace_and_can_be_made_again(
    studio: Studio,
) -> None:
    recipe = {"name": "txt2img", **DRAW, "prompt": "a red fox"}
    axes = [
        {"setting": "prompt", "replace": "red", "values": ["red", "blue"]},
        {"setting": "prompt", "replace": "fox", "values": ["fox", "owl"]},
    ]
    made = await asked(studio, recipe, *axes)
    batch = await whole(studio, made["batch"])
    images = [
        (await studio.client.get(f"{API}/images/{cell['images'][0]}")).json()
        for cell in batch["cells"]
    ]
    prompts = ["a red fox", "a red owl", "a blue fox", "a blue owl"]
    assert [one["prompt"] for one in images] == prompts
    assert batch["axes"] == [axis | {"node": None, "zip": []} for axis in axes]
    again = (await studio.client.get(f"{API}/images/{images[3]['id']}/recipe")).json()
    assert again["recipe"]["prompt"] == "a blue owl"
    node = next(one for one in again["graph"]["nodes"] if one["id"] == "positive")
    assert node["settings"]["prompt"] == "a blue owl"
    missing = {"setting": "prompt", "replace": "bear", "values": ["x"]}
    found = await refused(studio, {"recipe": recipe, "sweep": {"axes": [missing]}})
    assert found == [("replace_not_found", "/sweep/axes/0/replace")]


async def test_seeds_drawn_for_an_axis_are_kept(studio: Studio) -> None:
    recipe = {"name": "txt2img", **DRAW}
    made = await asked(studio, recipe, {"setting": "seed", "values": {"random": 5}})
    batch = await whole(studio, made["batch"])
    seeds = batch["axes"][0]["values"]
    assert len(set(seeds)) == 5
    assert [cell["overrides"]["seed"] for cell in batch["cells"]] == seeds


@pytest.mark.parametrize(
    ("axes", "code"),
    [
        ([{"setting": "seed", "values": {"start": 0, "stop": 1_000_000}}], "expansion_too_large"),
        ([{"setting": "seed", "values": {"start": 0, "count": 1_000_000}}], "number_too_large"),
        ([{"setting": "nonsense", "values": [1]}], "unknown_setting"),
        ([{"zip": [{"setting": "seed", "values": [1]}, {"setting": "steps", "values": [1, 2]}]}],
         "zip_lengths"),
        ([{"setting": "seed"}], "axis_empty"),
        ([{}], "missing_field"),
        ([{"zip": [{"zip": [{"setting": "seed", "values": [1]}]}]}], "axis_nested"),
    ],
)  # fmt: skip
async def test_a_hostile_sweep_is_refused_in_words(
    studio: Studio, axes: list[Any], code: str
) -> None:
    body = {"recipe": {"name": "txt2img", **DRAW}, "sweep": {"axes": axes}}
    found = await refused(studio, body)
    assert found[0][0] == code
    assert found[0][1].startswith("/sweep")


async def test_problems_of_axes_and_of_fields_are_told_together(studio: Studio) -> None:
    recipe = {"name": "txt2img", **DRAW, "steps": 0}
    axis = {"setting": "seed", "values": []}
    found = await refused(studio, {"recipe": recipe, "sweep": {"axes": [axis]}})
    assert {code for code, _ in found} == {"number_too_small", "axis_empty"}
