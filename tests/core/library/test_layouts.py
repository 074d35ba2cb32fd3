"""Folders of other programs, used in place; models in parts; and what a second look costs."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.library import layouts, scan
from core.library.scan import Found
from tests.core.library.files import LORA, pipeline, safetensors

COMMIT, OLDER = "a" * 40, "b" * 40
UPSCALER = {"conv_first.weight": [2, 3, 1, 1]}
KEY = "0a1b2c3d-1111-2222-3333-0a1b2c3d4e5f"


def names(root: Path) -> dict[str, str]:
    """Look at a folder: place → name."""
    return {one.file: one.name for one in scan.scan([("root", root)])}


def one(root: Path) -> Found:
    (found,) = scan.scan([("root", root)])
    return found


def hub(folder: Path, repository: str, commit: str = COMMIT, *, main: str = COMMIT) -> Path:
    """Lay out a repository as the cache does; gives the folder of the copy."""
    place = folder / ("models--" + repository.replace("/", "--"))
    copy = place / "snapshots" / commit
    copy.mkdir(parents=True)
    (place / "blobs").mkdir(exist_ok=True)
    if main:
        (place / "refs").mkdir(exist_ok=True)
        (place / "refs" / "main").write_text(main)
    return copy


def linked(copy: Path) -> None:
    """Make each file of a copy a link to a blob, as the cache does."""
    blobs = copy.parent.parent / "blobs"
    for number, path in enumerate(sorted(path for path in copy.rglob("*") if path.is_file())):
        blob = blobs / f"{number:064}"
        path.rename(blob)
        path.symlink_to(os.path.relpath(blob, path.parent))


class TestAutomatic:
    def test_its_models_are_found_and_nothing_else_is_looked_at(self, tmp_path: Path) -> None:
        safetensors(tmp_path / "models" / "Stable-diffusion" / "deep" / "a.safetensors")
        safetensors(tmp_path / "models" / "Lora" / "fox.safetensors", LORA)
        safetensors(tmp_path / "models" / "ESRGAN" / "up.safetensors", UPSCALER)
        safetensors(tmp_path / "embeddings" / "easy.safetensors")
        net = tmp_path / "extensions" / "sd-webui-controlnet" / "models"
        safetensors(net / "net.safetensors", {"control_model.x": [1]})
        safetensors(tmp_path / "venv" / "lib" / "weights.safetensors")
        safetensors(tmp_path / "outputs" / "weights.safetensors")
        assert layouts.of(tmp_path).program == "automatic1111"
        assert set(names(tmp_path).values()) == {"a", "fox", "up", "easy", "net"}

    def test_its_notes_beside_a_model_are_read(self, tmp_path: Path) -> None:
        safetensors(tmp_path / "models" / "Stable-diffusion" / "a.safetensors")
        fox = safetensors(tmp_path / "models" / "Lora" / "fox.safetensors", LORA)
        fox.with_suffix(".json").write_text(json.dumps({"activation text": "sks fox"}))
        found = {one.name: one for one in scan.scan([("root", tmp_path)])}
        assert found["fox"].said.trigger == "sks fox"
        assert found["a"].said.trigger is None


class TestComfy:
    @pytest.mark.parametrize("mark", ["checkpoints", "diffusion_models"])
    def test_its_models_are_found(self, mark: str, tmp_path: Path) -> None:
        for folder in (mark, "loras", "unet", "clip", "vae", "upscale_models"):
            safetensors(tmp_path / "models" / folder / f"{folder}.safetensors")
        safetensors(tmp_path / "custom_nodes" / "x" / "x.safetensors")
        assert layouts.of(tmp_path).program == "comfyui"
        assert set(names(tmp_path).values()) == {
            mark, "loras", "unet", "clip", "vae", "upscale_models",
        }  # fmt: skip


class TestInvoke:
    def test_models_in_folders_of_keys_have_the_names_of_their_files(self, tmp_path: Path) -> None:
        (tmp_path / "invokeai.yaml").write_text("")
        safetensors(tmp_path / "models" / KEY / "fox.safetensors", LORA)
        pipeline(tmp_path / "models" / "sd-1" / "main" / "nice")
        safetensors(tmp_path / "models" / ".download_cache" / "part.safetensors")
        safetensors(tmp_path / "outputs" / "weights.safetensors")
        assert layouts.of(tmp_path).program == "invokeai"
        assert names(tmp_path) == {
            f"models/{KEY}/fox.safetensors": "fox", "models/sd-1/main/nice": "nice",
        }  # fmt: skip

    def test_its_database_tells_it_too(self, tmp_path: Path) -> None:
        (tmp_path / "databases").mkdir()
        (tmp_path / "databases" / "invokeai.db").write_bytes(b"")
        (tmp_path / "models").mkdir()
        assert layouts.of(tmp_path).program == "invokeai"


class TestHub:
    def test_a_repository_is_named_by_its_owner_and_name(self, tmp_path: Path) -> None:
        copy = hub(tmp_path, "ann/fox--model")
        linked(pipeline(copy))
        found = one(tmp_path)
        assert (found.name, found.kind, found.format) == (
            "ann/fox--model",
            "checkpoint",
            "diffusers",
        )
        assert found.said.link == "https://huggingface.co/ann/fox--model"
        assert found.file == f"models--ann--fox--model/snapshots/{COMMIT}"
        assert found.bytes > 100  # of what the links lead to

    def test_the_cache_is_recognised_from_the_folder_around_it(self, tmp_path: Path) -> None:
        pipeline(hub(tmp_path / "hub", "ann/fox"))
        (tmp_path / "token").write_text("x")
        assert layouts.of(tmp_path).program == "huggingface"
        assert list(names(tmp_path).values()) == ["ann/fox"]

    def test_only_the_copy_of_the_main_branch_is_listed(self, tmp_path: Path) -> None:
        pipeline(hub(tmp_path, "ann/fox", OLDER))
        pipeline(hub(tmp_path, "ann/fox"))
        assert one(tmp_path).file.endswith(COMMIT)

    def test_the_newest_copy_stands_in_where_that_is_gone(self, tmp_path: Path) -> None:
        for number, commit in enumerate((OLDER, COMMIT)):
            copy = pipeline(hub(tmp_path, "ann/fox", commit, main="c" * 40))
            os.utime(copy, (number + 1, number + 1))
        assert one(tmp_path).file.endswith(COMMIT)

    @pytest.mark.parametrize("main", ["../../../../etc", "", "x" * 40, "\0" * 40])
    def test_a_branch_that_names_no_copy_leads_nowhere_else(
        self, main: str, tmp_path: Path
    ) -> None:
        pipeline(hub(tmp_path, "ann/fox", main=main))
        assert one(tmp_path).file.endswith(COMMIT)

    def test_files_that_say_nothing_have_the_name_of_the_repository(self, tmp_path: Path) -> None:
        safetensors(hub(tmp_path, "ann/lora") / "pytorch_lora_weights.safetensors", LORA)
        adapters = hub(tmp_path, "ann/many") / "models"
        safetensors(adapters / "fox_sd15.safetensors", {"image_proj.x": [1]})
        assert set(names(tmp_path).values()) == {"ann/lora", "fox_sd15"}


class TestParts:
    def shards(self, folder: Path, count: int) -> None:
        for number in range(1, count + 1):
            name = f"net-{number:05}-of-{count:05}.safetensors"
            safetensors(folder / name, LORA if number == 2 else {f"strange.{number}": [4]})

    def test_a_model_in_parts_is_one_and_is_told_by_all_of_them(self, tmp_path: Path) -> None:
        self.shards(tmp_path, 3)
        found = one(tmp_path)
        assert (found.name, found.file) == ("net", "net-00001-of-00003.safetensors")
        assert (found.kind, found.family) == ("lora", "sd1")
        assert found.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())

    def test_one_whose_part_is_missing_is_passed_over_with_the_reason(self, tmp_path: Path) -> None:
        self.shards(tmp_path, 3)
        (tmp_path / "net-00003-of-00003.safetensors").unlink()
        made = scan.look([("root", tmp_path)])
        assert (made.found, [passed.code for passed in made.passed]) == ([], ["model_incomplete"])

    def test_parts_of_a_pipeline_are_not_listed_beside_it(self, tmp_path: Path) -> None:
        pipeline(tmp_path / "nice")
        self.shards(tmp_path / "nice" / "transformer", 2)
        assert names(tmp_path) == {"nice": "nice"}

    def test_a_stray_configuration_hides_no_models(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text('{"_class_name": "SomethingNew"}')
        safetensors(tmp_path / "a.safetensors")
        safetensors(tmp_path / "deeper" / "b.safetensors")
        for number in range(5_000):  # more than one model may have
            os.close(os.open(f"{tmp_path}/deeper/{number:06}.txt", os.O_CREAT))
        assert set(names(tmp_path).values()) == {"a", "b"}


class TestOddFiles:
    @pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
    def test_a_name_that_is_no_text_is_passed_over(self, tmp_path: Path) -> None:
        path = safetensors(tmp_path / "a.safetensors")
        path.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.safetensors"))
        made = scan.look([("root", tmp_path)])
        assert (made.found, len(made.passed)) == ([], 1)
        made.passed[0].file.encode()

    def test_pickles_are_told_of_when_asked(self, tmp_path: Path) -> None:
        (tmp_path / "old.ckpt").write_bytes(b"PK\x03\x04" + b"x" * 40)
        (tmp_path / "old.pt").write_bytes(b"\x80\x02}q\0.")
        safetensors(tmp_path / "sound.bin")
        made = scan.look([("root", tmp_path)], pickles=True)
        assert {passed.code for passed in made.passed} == {"model_format_unsafe"}
        assert [(found.file, found.kind) for found in made.found] == [("sound.bin", "embedding")]
        assert scan.look([("root", tmp_path)]).passed == []

    @pytest.mark.slow
    @pytest.mark.timeout(120)
    def test_of_a_hundred_thousand_names_none_too_many_is_looked_at(self, tmp_path: Path) -> None:
        for number in range(scan.MAX_ENTRIES + 50):
            os.close(os.open(f"{tmp_path}/{number:06}.txt", os.O_CREAT))
        made = scan.look([("root", tmp_path)])
        assert (made.found, made.whole) == ([], set())

    def test_a_deep_folder_ends_the_look_and_no_stack(self, tmp_path: Path) -> None:
        deep = tmp_path
        for number in range(100):
            deep = deep / str(number)
        safetensors(deep / "a.safetensors")
        made = scan.look([("root", tmp_path)])
        assert (made.found, made.whole) == ([], {"root"})


class Opened:
    """Counts the files below a folder that this process opens."""

    def __init__(self) -> None:
        self.below, self.count = "", 0
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.below and event == "open" and str(arguments[0]).startswith(self.below):
            self.count += 1


@pytest.fixture(scope="module")
def opened() -> Opened:
    return Opened()


@pytest.fixture
def counting(opened: Opened, tmp_path: Path) -> Iterator[Opened]:
    opened.below, opened.count = str(tmp_path), 0
    yield opened
    opened.below = ""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_second_look_at_two_thousand_models_opens_what_changed_and_nothing_else(
    counting: Opened, tmp_path: Path
) -> None:
    for number in range(1_960):
        safetensors(tmp_path / f"{number % 20}" / f"{number}.safetensors", LORA)
    for number in range(40):
        pipeline(tmp_path / "folders" / f"{number}")
    (tmp_path / "broken.safetensors").write_bytes(b"nonsense nonsense")
    counting.count = 0
    first = scan.look([("root", tmp_path)])
    assert (len(first.found), len(first.passed)) == (2_000, 1)
    assert counting.count > 2_000
    known = {(found.label, found.file): found.stamp for found in first.found}
    counting.count = 0
    again = scan.look([("root", tmp_path)], known, first.broken)
    assert (again.found, len(again.same), counting.count) == ([], 2_000, 0)
    assert again.broken == first.broken
    safetensors(tmp_path / "3" / "3.safetensors", LORA | {"alpha": [9]})
    (tmp_path / "4" / "4.json").write_text('{"activation text": "fox"}')
    (tmp_path / "folders" / "7" / "heliograph.json").write_text('{"name": "Fox"}')
    changed = scan.look([("root", tmp_path)], known, first.broken)
    assert {found.file for found in changed.found} == {
        "3/3.safetensors", "4/4.safetensors", "folders/7",
    }  # fmt: skip
    assert counting.count < 20
