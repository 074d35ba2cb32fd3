"""Examples: batches as functions of positions, buckets, masks, what is held out, what is said."""

from pathlib import Path

import pytest
import torch

from core.engine.train.feed.draws import CLASS
from core.engine.train.feed.examples import Batch, Examples
from core.engine.train.feed.preparation import prepared
from core.errors import JobError, PictureUnreadable
from core.ipc.commands import TaughtPicture
from tests.engine.train.taught import Base, Painter, noise, pictures, recipe, subject, taught

SHAPES = (64, 64), (96, 48), (48, 96)


@pytest.fixture(scope="module")
def base(sd1: Path) -> Base:
    return Base(sd1, "sd1")


@pytest.fixture
def three(tmp_path: Path) -> list[TaughtPicture]:
    return pictures(tmp_path, *SHAPES)


def same(one: Batch, other: Batch) -> bool:
    return (
        torch.equal(one.mean, other.mean)
        and torch.equal(one.logvar, other.logvar)
        and (one.captions, one.sizes, one.positions)
        == (other.captions, other.sizes, other.positions)
    )


def test_a_batch_is_a_function_of_its_positions(
    base: Base, three: list[TaughtPicture], tmp_path: Path
) -> None:
    fields = recipe(crop="random", flip=True, batch=2)
    first = prepared(fields, [subject(three)], base.kit(tmp_path / "one"))
    used = [first.batch([at, at + 1]) for at in range(8)]
    fresh = prepared(fields, [subject(three)], base.kit(tmp_path / "two"))
    assert same(fresh.batch([7, 8]), used[7])
    assert same(fresh.batch([0, 1]), used[0])


def test_rows_come_first_of_the_subject_then_of_the_class(
    base: Base, three: list[TaughtPicture], tmp_path: Path
) -> None:
    fields = recipe(prior="images", num_class_images=4)
    made = prepared(fields, [subject(three)], base.kit(tmp_path, Painter()))
    batch = made.batch([5], [7, 8])
    assert batch.is_class.tolist() == [False, True, True]
    assert batch.positions == [5, CLASS + 7, CLASS + 8]
    assert batch.captions == ["a photo of sks dog", *["a photo of a dog"] * 2]
    assert batch.mean.dtype == batch.logvar.dtype == torch.float32


@pytest.mark.parametrize("shape", SHAPES)
def test_all_rows_are_of_the_bucket_of_the_first(
    base: Base, three: list[TaughtPicture], tmp_path: Path, shape: tuple[int, int]
) -> None:
    fields = recipe(batch=3, prior="images", num_class_images=6)
    made = prepared(fields, [subject(three)], base.kit(tmp_path, Painter()))
    leading = next(
        at for at in range(9) if made.instances[made.streams[0].index(at)].face[:2] == shape
    )
    batch = made.batch([leading, leading + 1, leading + 2], [0, 1, 2])
    width, height = made.instances[made.streams[0].index(leading)].bucket
    assert batch.size == (height, width)
    assert batch.mean.shape == (6, 6, height // 4, width // 4)
    # The class was drawn in that very size, so nothing of it is scaled or cut.
    assert all(one.original == batch.size and one.cut == (0, 0) for one in batch.sizes[3:])


def test_each_picture_comes_once_an_epoch_and_as_often_as_it_is_repeated(
    base: Base, three: list[TaughtPicture], tmp_path: Path
) -> None:
    made = prepared(recipe(repeats=2), [subject(three)], base.kit(tmp_path))
    seen = [made.streams[0].index(position) for position in range(6)]
    assert sorted(seen) == [0, 0, 1, 1, 2, 2]


def test_templates_take_turns(base: Base, three: list[TaughtPicture], tmp_path: Path) -> None:
    fields = recipe(templates=["a photo of {subject}", "{token}, a {class}"])
    made = prepared(fields, [subject(three)], base.kit(tmp_path))
    said = {made.batch([position]).captions[0] for position in range(12)}
    assert said == {"a photo of sks dog", "sks, a dog"}


def test_a_dropped_caption_is_the_empty_prompt(
    base: Base, three: list[TaughtPicture], tmp_path: Path
) -> None:
    made = prepared(recipe(), [subject(three)], base.kit(tmp_path))
    plain, empty = made.batch([0]), made.batch([0], dropped=[True])
    assert empty.captions == [""]
    assert plain.told.tokens is not None and empty.told.tokens is not None
    assert not torch.equal(plain.told.tokens, empty.told.tokens)


def test_pictures_of_the_subject_stand_for_their_class_where_the_base_tells_the_target(
    base: Base, three: list[TaughtPicture], tmp_path: Path
) -> None:
    made = prepared(recipe(prior="self_distill"), [subject(three)], base.kit(tmp_path))
    batch = made.batch([4], [4])
    assert torch.equal(batch.mean[0], batch.mean[1])
    assert batch.captions == ["a photo of sks dog", "a photo of a dog"]
    assert batch.is_class.tolist() == [False, True] and batch.positions == [4, CLASS + 4]


def test_two_subjects_have_their_own_words_and_share_one_class(base: Base, tmp_path: Path) -> None:
    one = subject(pictures(tmp_path, (64, 64)))
    (tmp_path / "more").mkdir()
    other = subject(
        [taught(tmp_path / "more/9.png", noise(64, 64, 9))],
        token="zwx",
        instance_prompt="a photo of zwx dog",
    )
    painter = Painter()
    fields = recipe(prior="images", num_class_images=3)
    made = prepared(fields, [one, other], base.kit(tmp_path, painter))
    said = {made.batch([position]).captions[0] for position in range(8)}
    assert said == {"a photo of sks dog", "a photo of zwx dog"}
    assert len(painter.asked) == len(made.classes) == 3


def test_marked_pictures_are_held_out_and_more_by_chance_but_never_the_last(
    base: Base, tmp_path: Path
) -> None:
    some = [
        taught(tmp_path / f"{number}.png", noise(64, 64, number), held_out=number == 1)
        for number in range(4)
    ]
    made = prepared(recipe(held_out=2), [subject(some)], base.kit(tmp_path))
    assert len(made.held_out) == 2 and "1.png" in [one.name for one in made.held_out]
    all_but_one = prepared(recipe(held_out=99), [subject(some)], base.kit(tmp_path))
    assert len(all_but_one.instances) == 1
    batch = made.of(made.held_out[:1])
    assert batch.captions == ["a photo of sks dog"] and batch.positions == [0]


def test_no_pictures_are_an_error_and_not_an_endless_wait(base: Base, tmp_path: Path) -> None:
    with pytest.raises(JobError) as caught:
        prepared(recipe(), [subject([])], base.kit(tmp_path))
    assert caught.value.name == "dataset_empty"


def test_a_transparent_picture_weighs_less_where_nothing_is(base: Base, tmp_path: Path) -> None:
    clear = noise(64, 64, 1, "RGBA")
    clear.putalpha(0)
    clear.paste(noise(32, 64, 2), (0, 0))  # opaque on its left half
    clear.getchannel("A").paste(255, (0, 0, 32, 64))
    alpha = clear.getchannel("A").point(lambda _: 0)
    alpha.paste(255, (0, 0, 32, 64))
    clear.putalpha(alpha)
    some = [taught(tmp_path / "clear.png", clear)]
    made = prepared(recipe(mask_background=0.1), [subject(some)], base.kit(tmp_path))
    mask = made.batch([0]).mask
    assert mask is not None and mask.shape == (1, 1, 16, 16)
    assert torch.equal(mask[0, 0, :, :8], torch.ones(16, 8))
    assert torch.allclose(mask[0, 0, :, 8:], torch.full((16, 8), 0.1))
    flipped = prepared(recipe(flip=True), [subject(some)], base.kit(tmp_path))
    columns = {bool(flipped.batch([at]).mask[0, 0, 0, 0] == 1) for at in range(16)}  # type: ignore[index]
    assert columns == {True, False}


@pytest.mark.parametrize("policy", ["white", "black", "gray", "random"])
def test_other_policies_give_no_mask(base: Base, tmp_path: Path, policy: str) -> None:
    some = [taught(tmp_path / "clear.png", noise(64, 64, 1, "RGBA"))]
    made = prepared(recipe(transparency=policy), [subject(some)], base.kit(tmp_path))
    assert made.batch([0]).mask is None


def test_what_is_in_ram_needs_no_device(
    base: Base, three: list[TaughtPicture], tmp_path: Path
) -> None:
    made = prepared(recipe(), [subject(three)], base.kit(tmp_path))
    base.opened.clear()
    base.working.clear()
    for position in range(6):
        made.batch([position])
    assert made.whole and base.opened == base.working == []


def test_a_second_run_opens_no_autoencoder(
    base: Base, three: list[TaughtPicture], tmp_path: Path
) -> None:
    first = prepared(recipe(), [subject(three)], base.kit(tmp_path))
    base.opened.clear()
    again = prepared(recipe(), [subject(three)], base.kit(tmp_path))
    assert base.opened == ["text_encoder"] and same(first.batch([1]), again.batch([1]))


def test_whoever_is_told_how_far_it_is_may_leave(
    base: Base, three: list[TaughtPicture], tmp_path: Path
) -> None:
    told: list[tuple[str, int, int]] = []

    def moved(phase: str, done: int, total: int) -> None:
        told.append((phase, done, total))
        if phase == "latents" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared(recipe(), [subject(three)], base.kit(tmp_path, moved=moved))
    assert told == [("text", 0, 2), ("text", 1, 2), *(("latents", done, 3) for done in range(3))]
    assert len(list((tmp_path / "moments").rglob("*.safetensors"))) == 2


def test_without_a_cache_the_same_comes_of_encoding_each_time(
    base: Base, three: list[TaughtPicture], tmp_path: Path
) -> None:
    kept = prepared(recipe(), [subject(three)], base.kit(tmp_path / "a"))
    fresh = prepared(
        recipe(cache_latents=False, cache_text=False), [subject(three)], base.kit(tmp_path / "b")
    )
    base.opened.clear()
    assert same(kept.batch([3]), fresh.batch([3])) and not fresh.whole
    assert "vae" in base.opened and "text_encoder" in base.opened
    assert not list((tmp_path / "b").rglob("*.safetensors"))


def test_what_does_not_fit_into_ram_is_read_again(
    base: Base, three: list[TaughtPicture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = prepared(recipe(), [subject(three)], base.kit(tmp_path))
    used = [plain.batch([at]) for at in range(6)]
    small = Examples.__init__.__kwdefaults__ | {"kept": 1}
    monkeypatch.setattr(Examples.__init__, "__kwdefaults__", small)
    made = prepared(recipe(), [subject(three)], base.kit(tmp_path))
    base.opened.clear()
    assert all(same(made.batch([at]), used[at]) for at in range(6))
    assert "vae" not in base.opened and not made.whole


def test_a_picture_that_vanished_or_changed_is_named(
    base: Base, three: list[TaughtPicture], tmp_path: Path
) -> None:
    made = prepared(recipe(cache_latents=False), [subject(three)], base.kit(tmp_path))
    Path(three[1].path).write_bytes(Path(three[0].path).read_bytes())
    Path(three[2].path).unlink()
    found = set()
    for position in range(3):
        try:
            made.batch([position])
        except PictureUnreadable as error:
            found.add((error.name, error.params["picture"]))
    assert found == {("picture_changed", "1.png"), ("picture_gone", "2.png")}
    with pytest.raises(PictureUnreadable, match=r"2\.png"):
        prepared(recipe(), [subject(three)], base.kit(tmp_path))


def test_a_small_picture_is_told_of(base: Base, tmp_path: Path) -> None:
    base.told.clear()
    some = pictures(tmp_path, (40, 40), (64, 64))
    prepared(recipe(), [subject(some)], base.kit(tmp_path))
    (code, params), = base.told  # fmt: skip
    assert code == "picture_small" and params["picture"] == "0.png"


@pytest.mark.parametrize("family", ["sdxl", "flux", "sd3"])
def test_each_family_is_fed_in_its_shapes(
    family: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base = Base(request.getfixturevalue(family), family)
    some = pictures(tmp_path, (128, 64))
    made = prepared(recipe(), [subject(some)], base.kit(tmp_path))
    batch = made.batch([0, 1])
    channels = base.vae.config.latent_channels
    width, height = batch.size[::-1]
    factor = base.kit(tmp_path).autoencoder.factor
    assert width > height and width % (2 * factor) == height % (2 * factor) == 0
    assert batch.mean.shape == (2, channels, height // factor, width // factor)
    assert batch.told.tokens is not None and batch.told.pooled is not None
    assert len(batch.told.tokens) == len(batch.told.pooled) == 2
    assert batch.sizes[0].original == (64, 128)
