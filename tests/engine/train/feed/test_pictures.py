"""Pictures as a run sees them: views, grounds, masks, files that are not what they were."""

from pathlib import Path

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from core.engine.train.feed import pictures
from core.engine.train.feed.pictures import Face, Lens, View
from core.errors import PictureUnreadable
from core.ipc.commands import TaughtPicture
from tests.engine.train.taught import noise, recipe, taught

SIDES = st.integers(1, 3000)
LENSES = st.builds(
    Lens,
    resolution=st.sampled_from([64, 512, 768, 1024]),
    step=st.sampled_from([16, 64]),
    buckets=st.booleans(),
    random=st.booleans(),
    variants=st.integers(1, 4),
    mirrored=st.booleans(),
    transparency=st.sampled_from(["mask", "white", "random"]),
    seed=st.integers(0, 2**53 - 1),
)


@settings(deadline=None, max_examples=200)
@given(LENSES, SIDES, SIDES, st.booleans())
def test_what_is_seen_lies_inside_of_the_picture(
    lens: Lens, width: int, height: int, clear: bool
) -> None:
    face = Face(width, height, clear)
    bucket = lens.bucket(face)
    views = lens.views("a", face, bucket)
    assert 0 < len(views) == len(set(views)) <= 8
    for view in views:
        (left, top), (wide, tall) = view.cut, view.scaled
        assert 0 <= left <= left + bucket[0] <= wide and 0 <= top <= top + bucket[1] <= tall
        # Covered as closely as can be: one side fits to the pixel.
        assert wide == bucket[0] or tall == bucket[1]
        assert abs(wide * height - tall * width) <= max(width, height)
        assert len(view.ground) == (3 if clear else 0)
    assert lens.views("a", face, bucket) == views


@settings(deadline=None)
@given(LENSES, SIDES, SIDES)
def test_a_bucket_has_no_more_pixels_than_the_square(lens: Lens, width: int, height: int) -> None:
    wide, tall = lens.bucket(Face(width, height, False))
    assert wide * tall <= lens.resolution**2
    assert lens.buckets or wide == tall


def test_another_seed_or_picture_is_cropped_elsewhere() -> None:
    face, bucket = Face(640, 64, False), (64, 64)
    lens = Lens(64, random=True, variants=4)
    cuts = {
        view.cut
        for one, name in [(lens, "a"), (lens, "b"), (lens._replace(seed=1), "a")]
        for view in one.views(name, face, bucket)
    }
    assert len(cuts) == 12


def test_sides_are_multiples_of_what_a_family_needs() -> None:
    lens = Lens.of(recipe(resolution=1000, bucket_step=24), 512, 16)
    assert (lens.resolution, lens.step) == (992, 48)
    assert Lens.of(recipe(resolution=None), 512, 16).resolution == 512


def test_pixels_of_a_picture_that_fits_are_its_own(tmp_path: Path) -> None:
    picture = noise(64, 64)
    seen = pictures.seen(
        taught(tmp_path / "a.png", picture), View((64, 64), (0, 0), (64, 64)), masked=True
    )
    levels = ((seen.pixels + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0)
    assert torch.equal(levels, torch.from_numpy(numpy.array(picture))) and seen.cover is None


def test_mirroring_turns_what_is_seen_and_what_is_told_of_it(tmp_path: Path) -> None:
    picture = taught(tmp_path / "a.png", noise(100, 64))
    plain = View((100, 64), (6, 0), (64, 64))
    turned = plain._replace(mirrored=True)
    there, back = (pictures.seen(picture, view, masked=False).pixels for view in (plain, turned))
    assert torch.equal(back, there.flip(-1))
    face = pictures.face_of(picture)
    assert plain.sizes(face).cut == (0, 6) and turned.sizes(face).cut == (0, 30)
    assert plain.sizes(face).original == (64, 100) and plain.sizes(face).target == (64, 64)


def test_only_what_is_seen_is_scaled(tmp_path: Path) -> None:
    """A long stripe would be enormous if all of it were enlarged."""
    picture = taught(tmp_path / "a.png", noise(20_000, 2))
    view = Lens(512).views(picture.sha256, pictures.face_of(picture), (512, 512))[0]
    assert view.scaled == (5_120_000, 512)
    assert pictures.seen(picture, view, masked=False).pixels.shape == (3, 512, 512)


def test_scaling_agrees_with_scaling_all_of_it_and_cutting() -> None:
    picture = noise(200, 300, 3).resize((50, 75)).resize((200, 300))
    view = View((100, 150), (10, 20), (64, 96))
    whole = picture.resize((100, 150), Pillow.Resampling.LANCZOS).crop((10, 20, 74, 116))
    near = (
        pictures.shown(picture, view).pixels
        - pictures.shown(whole, View((64, 96), (0, 0), (64, 96))).pixels
    )
    assert near[:, 4:-4, 4:-4].abs().max() < 0.03


@pytest.mark.parametrize(
    ("policy", "level"), [("white", 1.0), ("black", -1.0), ("gray", 0.0), ("mask", 0.0)]
)
def test_what_is_hidden_shows_the_ground(tmp_path: Path, policy: str, level: float) -> None:
    hidden = Pillow.new("RGBA", (64, 64), (255, 0, 0, 0))
    picture = taught(tmp_path / "a.png", hidden)
    lens = Lens(64, transparency=policy)  # type: ignore[arg-type]  # of the parameters above
    view = lens.views("a", pictures.face_of(picture), (64, 64))[0]
    seen = pictures.seen(picture, view, masked=True)
    assert (seen.pixels - level).abs().max() < 0.01
    assert seen.cover is not None and seen.cover.max() == 0


def test_hidden_colours_never_bleed_into_what_is_seen() -> None:
    clear = Pillow.new("RGBA", (64, 64), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 32, 64))
    seen = pictures.shown(clear, View((32, 32), (0, 0), (32, 32), ground=(0, 0, 0)), masked=True)
    assert seen.pixels[0].max() < -0.95  # no red anywhere
    assert seen.cover is not None and seen.cover[0, :, :14].min() > 0.95


def test_random_grounds_are_several_and_the_same_again() -> None:
    lens = Lens(64, transparency="random", variants=4)
    views = lens.views("a", Face(64, 64, True), (64, 64))
    assert len({view.ground for view in views}) == 4
    assert len(lens.views("a", Face(64, 64, False), (64, 64))) == 1


def test_an_alpha_channel_that_hides_nothing_is_no_mask() -> None:
    opaque = noise(64, 64).convert("RGBA")
    view = View((64, 64), (0, 0), (64, 64), ground=(0, 0, 0))
    assert pictures.shown(opaque, view, masked=True).cover is None


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16"])
def test_other_kinds_of_pictures_are_seen_in_colours(tmp_path: Path, mode: str) -> None:
    made = Pillow.new("I;16", (64, 64)) if mode == "I;16" else noise(64, 64).convert(mode)
    picture = taught(tmp_path / "a.png", made)
    face = pictures.face_of(picture)
    view = Lens(64).views("a", face, (64, 64))[0]
    assert face.clear == (mode == "LA")
    assert pictures.seen(picture, view, masked=True).pixels.shape == (3, 64, 64)


def test_a_picture_that_is_small_is_told_from_one_that_is_not() -> None:
    view = View((64, 64), (0, 0), (64, 64))
    assert pictures.small(Face(47, 47, False), view)
    assert not pictures.small(Face(48, 48, False), view)


VIEW = View((64, 64), (0, 0), (64, 64))


def test_a_file_that_is_gone_changed_or_broken_says_which(tmp_path: Path) -> None:
    picture = taught(tmp_path / "a.png", noise(64, 64))
    whole = Path(picture.path).read_bytes()

    def refused(data: bytes | None, of: TaughtPicture = picture) -> tuple[str, object]:
        if data is None:
            Path(picture.path).unlink()
        else:
            Path(picture.path).write_bytes(data)
        with pytest.raises(PictureUnreadable) as caught:
            pictures.seen(of, VIEW, masked=False)
        return caught.value.name, caught.value.params["picture"]

    assert refused(whole[:-20]) == ("picture_changed", "a.png")
    assert refused(b"") == ("picture_changed", "a.png")
    assert refused(None) == ("picture_gone", "a.png")
    with pytest.raises(PictureUnreadable, match="picture_gone"):
        pictures.face_of(picture)
    broken = taught(tmp_path / "b.png", noise(64, 64))
    Path(broken.path).write_bytes(whole[:200])
    again = TaughtPicture(path=broken.path, sha256=_hash(whole[:200]), file="b.png")
    with pytest.raises(PictureUnreadable) as caught:
        pictures.seen(again, VIEW, masked=False)
    assert caught.value.name == "picture_unreadable"
    Path(broken.path).write_bytes(b"no picture at all")
    with pytest.raises(PictureUnreadable, match="picture_changed"):
        pictures.face_of(broken)


def test_a_file_without_a_name_is_called_after_its_place() -> None:
    assert pictures.name_of(TaughtPicture(path="/x/ab12.png", sha256="")) == "ab12.png"


def _hash(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
