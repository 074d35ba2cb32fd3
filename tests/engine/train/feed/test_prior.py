"""Class pictures: drawn once, shared, gone on with after a kill; live ones, by position."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from msgspec import structs
from PIL import Image as Pillow

from core.engine.train.feed import prior
from core.engine.train.feed.live import First
from core.engine.train.feed.order import Order
from core.engine.train.feed.pictures import face_of
from core.engine.train.feed.preparation import prepared
from core.engine.train.feed.prior import Artist, Drawing, Wanted
from core.errors import JobError, Params
from core.ipc.commands import TaughtPicture
from core.records.recipe import Recipe
from tests.engine.train.taught import Base, Painter, pictures, recipe, subject

ROOT = Path(__file__).resolve().parents[4]
WANTED = Wanted("a dog", (64, 48), 12)


def artist(painter: Painter, recipe: Recipe | None = None, identity: str = "base") -> Artist:
    return Artist.of(Drawing(painter, identity, "ddim"), recipe or Recipe())


class Heard:
    def __init__(self) -> None:
        self.warned: list[tuple[str, Params]] = []
        self.moved: list[tuple[str, int, int]] = []

    def tell(self, code: str, params: Params) -> None:
        self.warned.append((code, params))

    def move(self, phase: str, done: int, total: int) -> None:
        self.moved.append((phase, done, total))


def drawn(
    by: Artist, root: Path, *wanted: Wanted, heard: Heard | None = None
) -> list[TaughtPicture]:
    heard = heard or Heard()
    return [one for _, one in prior.drawn(wanted or [WANTED], by, root, heard.tell, heard.move)]


def test_each_picture_has_a_seed_of_its_own_and_is_kept_as_it_was_drawn(tmp_path: Path) -> None:
    painter, heard = Painter(), Heard()
    found = drawn(artist(painter), tmp_path, heard=heard)
    assert len(found) == 12 == len({seed for _, seed, *_ in painter.asked})
    assert all(0 <= seed < 2**53 for _, seed, *_ in painter.asked)
    assert {(prompt, *size) for prompt, _, *size in painter.asked} == {("a dog", 64, 48)}
    assert [face_of(one)[:2] for one in found] == [(64, 48)] * 12
    assert heard.moved == [("class", 0, 12), ("class", 8, 12), ("class", 12, 12)]
    assert heard.warned == []


def test_runs_share_what_was_drawn_alike(tmp_path: Path) -> None:
    first = drawn(artist(Painter()), tmp_path)
    painter = Painter()
    assert drawn(artist(painter), tmp_path) == first and painter.asked == []
    more = drawn(artist(painter), tmp_path, WANTED._replace(many=20))
    assert more[:12] == first and len(painter.asked) == 12  # the second block anew, its first stay
    fewer = drawn(artist(Painter()), tmp_path, WANTED._replace(many=3))
    assert fewer == first[:3]


@pytest.mark.parametrize(
    "other",
    [
        artist(Painter(), identity="another"),
        artist(Painter(), Recipe(seed=1)),
        artist(Painter(), Recipe(prior_steps=7)),
        artist(Painter(), Recipe(prior_guidance=1.5)),
        Artist.of(Drawing(Painter(), "base", "euler"), Recipe()),
    ],
)
def test_another_model_seed_or_way_of_drawing_is_another_folder(
    tmp_path: Path, other: Artist
) -> None:
    first = drawn(artist(Painter()), tmp_path)
    assert not {one.path for one in drawn(other, tmp_path)} & {one.path for one in first}


CHILD = """
import os, signal, sys
from pathlib import Path
from core.engine.train.feed import prior
from core.engine.train.feed.prior import Artist, Drawing, Wanted
from core.records.recipe import Recipe
from tests.engine.train.taught import Painter

class Dying(Painter):
    def __call__(self, *given):
        if len(self.blocks) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(*given)

made = Artist.of(Drawing(Dying(), "base", "ddim"), Recipe())
prior.drawn([Wanted("a dog", (64, 48), 20)], made, Path(sys.argv[1]), print, lambda *_: None)
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_after_a_kill_only_what_is_missing_is_drawn(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT, timeout=100, check=False
    )
    assert child.returncode == -signal.SIGKILL
    left = sorted(tmp_path.rglob("*.png"))
    assert len(left) == 8
    for path in left:
        with Pillow.open(path) as opened:
            opened.load()
    painter = Painter()
    found = drawn(artist(painter), tmp_path, WANTED._replace(many=20))
    assert painter.blocks == [8, 4]
    never = drawn(artist(Painter()), tmp_path / "other", WANTED._replace(many=20))
    assert [one.sha256 for one in found] == [one.sha256 for one in never]


def test_whole_files_without_a_manifest_are_taken_and_broken_ones_drawn_again(
    tmp_path: Path,
) -> None:
    first = drawn(artist(Painter()), tmp_path)
    folder = Path(first[0].path).parent
    (folder / "manifest.json").write_text("[" * 100_000)
    whole = Path(first[3].path).read_bytes()
    Path(first[3].path).write_bytes(whole[:-40])
    Path(first[4].path).unlink()
    painter = Painter()
    assert drawn(artist(painter), tmp_path) == first
    assert painter.blocks == [8] and Path(first[3].path).read_bytes() == whole


def test_a_file_that_is_not_what_was_drawn_is_drawn_again(tmp_path: Path) -> None:
    first = drawn(artist(Painter()), tmp_path)
    Path(first[2].path).write_bytes(Path(first[1].path).read_bytes())
    assert drawn(artist(Painter()), tmp_path) == first


def test_what_shows_nothing_is_tried_again_with_another_seed(tmp_path: Path) -> None:
    by = artist(Painter())
    bad = by.number(2)
    painter, heard = Painter(lambda seed: seed == bad), Heard()
    found = drawn(artist(painter), tmp_path, heard=heard)
    assert len(found) == 12 and heard.warned == []
    assert painter.asked[8][1] == by.number(2, 1) != bad


def test_what_never_shows_anything_is_left_out_and_told_of(tmp_path: Path) -> None:
    by = artist(Painter())
    bad = {by.number(2, attempt) for attempt in range(3)}
    for _ in range(2):  # the second time from the manifest
        painter, heard = Painter(lambda seed: seed in bad), Heard()
        found = drawn(artist(painter), tmp_path, heard=heard)
        assert len(found) == 11
        assert heard.warned == [("class_picture_blank", {"count": 1, "prompt": "a dog"})]
    assert painter.asked == []


def test_a_model_that_draws_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JobError) as caught:
        drawn(artist(Painter(lambda seed: True)), tmp_path, WANTED._replace(many=2))
    assert caught.value.name == "class_pictures_blank"


FULL = """
import resource, signal, sys
from pathlib import Path
from core.engine.train.feed import prior
from core.engine.train.feed.prior import Artist, Drawing, Wanted
from core.errors import DiskFull
from core.records.recipe import Recipe
from tests.engine.train.taught import Painter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
made = Artist.of(Drawing(Painter(), "base", "ddim"), Recipe())
try:
    prior.drawn([Wanted("a dog", (64, 48), 2)], made, Path(sys.argv[1]), print, lambda *_: None)
except DiskFull as error:
    print(error.code)
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_full_disk_is_told_as_one(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, timeout=100,
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert child.stdout == "disk_full\n", child.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_was_used_longest_ago_gives_way(tmp_path: Path) -> None:
    folders = []
    for age, prompt in enumerate(["a", "b", "c"]):
        found = drawn(artist(Painter()), tmp_path, Wanted(prompt, (64, 48), 2))
        folders.append(Path(found[0].path).parent)
        os.utime(folders[-1], (1000 + age,) * 2)
    size = sum(path.stat().st_size for path in folders[0].iterdir())
    prior.trim(tmp_path, {folders[0].name}, bound=2 * size + size // 2)
    assert [folder.is_dir() for folder in folders] == [True, False, True]


def test_sizes_are_shared_out_as_the_subject_has_them() -> None:
    wanted = prior.allotted("a dog", [(64, 64), (96, 48), (64, 64)], 10)
    assert [(one.size, one.many) for one in wanted] == [((64, 64), 7), ((96, 48), 3)]


def test_the_first_epoch_of_live_pictures_goes_in_order() -> None:
    stream = First(5, Order(3, 5, "class"))
    assert [stream.index(position) for position in range(5)] == [0, 1, 2, 3, 4]
    for epoch in (1, 2):
        assert sorted(stream.index(5 * epoch + at) for at in range(5)) == [0, 1, 2, 3, 4]


def test_live_pictures_are_drawn_when_a_step_needs_them(sd1: Path, tmp_path: Path) -> None:
    base, painter = Base(sd1, "sd1"), Painter()
    some = pictures(tmp_path, (64, 64), (96, 48))
    fields = recipe(prior="live", num_class_images=12)
    made = prepared(fields, [subject(some)], base.kit(tmp_path / "cache", painter))
    assert painter.asked == []
    batches = [made.batch([position], [position]) for position in range(30)]
    assert len({seed for _, seed, *_ in painter.asked}) <= 12
    assert not list((tmp_path / "cache").rglob("*.png"))
    assert all(one.sizes[1].original == one.size for one in batches)
    # Another attempt that goes on in the middle is fed the same, whether anything was kept or not.
    for cache in ("cache", "other"):
        again = prepared(fields, [subject(some)], base.kit(tmp_path / cache, Painter()))
        for position in (17, 3, 29):
            batch = again.batch([position], [position])
            assert torch.equal(batch.mean, batches[position].mean)


def test_what_is_kept_of_live_pictures_is_not_drawn_again(sd1: Path, tmp_path: Path) -> None:
    base, painter = Base(sd1, "sd1"), Painter()
    some = pictures(tmp_path, (64, 64))
    fields = recipe(prior="live", num_class_images=4, cache_latents=False)
    prepared(fields, [subject(some)], base.kit(tmp_path, Painter())).batch([0], [0, 1, 2, 3])
    prepared(fields, [subject(some)], base.kit(tmp_path, painter)).batch([0], [3, 1])
    assert painter.asked == []


def test_live_pictures_that_show_nothing_give_way_to_others(sd1: Path, tmp_path: Path) -> None:
    base = Base(sd1, "sd1")
    seeds = artist(Painter(), recipe())
    bad = {seeds.number(1, attempt) for attempt in range(3)}
    some = pictures(tmp_path, (64, 64))
    fields = recipe(prior="live", num_class_images=4)
    kit = base.kit(tmp_path, Painter(lambda seed: seed in bad))
    made = prepared(fields, [subject(some)], kit)
    batch = made.batch([0], [0, 1, 2, 3])
    assert [code for code, _ in base.told] == ["class_picture_blank"]
    assert torch.equal(batch.mean[2], batch.mean[3]) and not torch.equal(
        batch.mean[1], batch.mean[2]
    )
    dull = base.kit(tmp_path / "dull", Painter(lambda seed: True))
    with pytest.raises(JobError, match="class_pictures_blank"):
        prepared(fields, [subject(some)], dull).batch([0], [0])


def test_a_manifest_says_what_was_drawn(tmp_path: Path) -> None:
    found = drawn(artist(Painter()), tmp_path)
    told = json.loads((Path(found[0].path).parent / "manifest.json").read_text())
    assert told["drawn"][:4] == ["base", "ddim", "a dog", [64, 48]]
    assert told["pictures"]["3"] == found[3].sha256


def test_words_of_a_class_may_name_their_places(sd1: Path, tmp_path: Path) -> None:
    base, painter = Base(sd1, "sd1"), Painter()
    one = structs.replace(subject(pictures(tmp_path, (64, 64))), class_prompt="{a} {class}")
    made = prepared(recipe(prior="images", num_class_images=1), [one], base.kit(tmp_path, painter))
    assert made.batch([0], [0]).captions[1] == painter.asked[0][0] == "a dog"
