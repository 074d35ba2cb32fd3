"""Moments: those of diffusers, found again by content, made anew where they are damaged."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.train.feed import moments, pictures
from core.engine.train.feed.moments import Encoding, Moments, Scaling
from core.engine.train.feed.pictures import Seen, View
from core.engine.train.feed.shelf import Shelf
from core.errors import ModelNotFinite
from tests.engine.train.taught import Base, noise

VIEW = View((64, 48), (0, 0), (64, 48))


@pytest.fixture
def base(sd1: Path) -> Base:
    return Base(sd1, "sd1")


@pytest.fixture
def seen() -> Seen:
    return pictures.shown(noise(64, 48), VIEW)


def encoding(base: Base, folder: Path, *, exact: bool = True, identity: str = "vae") -> Encoding:
    return Encoding(base.autoencoder(identity), Shelf(folder), exact=exact)


def got(made: Encoding, seen: Seen) -> Moments:
    key = made.key("picture", VIEW, masked=True)
    return made.find(key) or made.make(key, seen)


@pytest.mark.parametrize("family", ["sd1", "sdxl", "flux", "sd3"])
def test_they_are_those_of_diffusers(
    family: str, tmp_path: Path, seen: Seen, request: pytest.FixtureRequest
) -> None:
    base = Base(request.getfixturevalue(family), family)
    with torch.no_grad():
        theirs = base.vae.encode(seen.pixels[None]).latent_dist
    exact = got(encoding(base, tmp_path), seen)
    assert torch.equal(exact.mean, theirs.mean[0]) and torch.equal(exact.logvar, theirs.logvar[0])
    half = got(encoding(base, tmp_path, exact=False), seen)
    assert half.mean.dtype == torch.float16
    error = (half.mean.float() - theirs.mean[0]).abs()
    assert bool((error <= theirs.mean[0].abs() * 2**-11 + 2**-25).all())


@pytest.mark.parametrize("family", ["sd1", "sdxl", "flux", "sd3"])
def test_a_sample_is_scaled_as_pipelines_scale_it(
    family: str, tmp_path: Path, seen: Seen, request: pytest.FixtureRequest
) -> None:
    base = Base(request.getfixturevalue(family), family)
    made, config = got(encoding(base, tmp_path), seen), base.vae.config
    spread = torch.randn(made.mean.shape, generator=torch.Generator().manual_seed(0))
    raw = made.mean + torch.exp(0.5 * made.logvar) * spread
    theirs = (raw - (config.shift_factor or 0.0)) * config.scaling_factor
    scaling = Scaling.of(config)
    ours = scaling.mean(made.mean) + torch.exp(0.5 * scaling.logvar(made.logvar)) * spread
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_an_autoencoder_may_tell_mean_and_deviation_of_each_channel() -> None:
    scaling = Scaling.of(
        {"latents_mean": [1.0, 2.0], "latents_std": [2.0, 4.0], "scaling_factor": 3.0}
    )
    mean = torch.tensor([3.0, 6.0]).view(2, 1, 1)
    assert scaling.mean(mean).flatten().tolist() == [3.0, 3.0]
    assert torch.allclose(
        scaling.logvar(torch.zeros(2, 1, 1)).exp().flatten(), torch.tensor([2.25, 0.5625])
    )


def test_what_is_found_opens_nothing(base: Base, tmp_path: Path, seen: Seen) -> None:
    made = got(encoding(base, tmp_path), seen)
    assert base.opened == ["vae"] and set(base.working) == {"encode"}
    base.opened.clear()
    base.working.clear()
    again = encoding(base, tmp_path)
    found = again.find(again.key("picture", VIEW, masked=True))
    assert found is not None and torch.equal(found.mean, made.mean)
    assert again.made == 0 and base.opened == base.working == []


def test_another_view_picture_autoencoder_or_format_is_another_entry(
    base: Base, tmp_path: Path
) -> None:
    plain = encoding(base, tmp_path)
    keys = {
        plain.key("picture", VIEW, masked=True),
        plain.key("picture", VIEW, masked=False),
        plain.key("other", VIEW, masked=True),
        plain.key("picture", VIEW._replace(mirrored=True), masked=True),
        plain.key("picture", VIEW._replace(cut=(1, 0)), masked=True),
        plain.key("picture", VIEW._replace(ground=(0, 0, 0)), masked=True),
        encoding(base, tmp_path, identity="b").key("picture", VIEW, masked=True),
        encoding(base, tmp_path, exact=False).key("picture", VIEW, masked=True),
    }
    assert len(keys) == 8


def test_a_damaged_entry_is_made_anew(base: Base, tmp_path: Path, seen: Seen) -> None:
    whole = got(encoding(base, tmp_path), seen)
    (file,) = tmp_path.rglob("*.safetensors")
    data = file.read_bytes()
    file.write_bytes(data[:-8] + bytes(8))
    again = encoding(base, tmp_path)
    assert torch.equal(got(again, seen).logvar, whole.logvar)
    assert again.made == 1 and file.read_bytes() == data


def test_an_autoencoder_is_opened_once_for_many_and_then_let_go(
    base: Base, tmp_path: Path, seen: Seen
) -> None:
    made = encoding(base, tmp_path)
    with made.opened():
        for number in range(3):
            made.make(made.key(number, VIEW, masked=False), seen)
    assert base.opened == ["vae"] and made.made == 3
    made.make(made.key(9, VIEW, masked=False), seen)
    assert base.opened == ["vae", "vae"]


def test_half_precision_weights_work_in_float32_and_stay_as_they_are(
    base: Base, tmp_path: Path, seen: Seen
) -> None:
    base.vae.to(torch.float16)
    before = {name: one.clone() for name, one in base.vae.state_dict().items()}
    made = got(encoding(base, tmp_path), seen)
    assert made.mean.dtype == torch.float32
    with torch.no_grad():
        theirs = base.vae.float().encode(seen.pixels[None]).latent_dist.mean[0]
    assert torch.equal(made.mean, theirs)
    base.vae.to(torch.float16)
    assert all(torch.equal(one, before[name]) for name, one in base.vae.state_dict().items())


def test_what_is_made_may_be_trained_with_and_knows_no_gradient(
    base: Base, tmp_path: Path, seen: Seen
) -> None:
    made = got(encoding(base, tmp_path), seen)
    assert not made.mean.is_inference() and not made.mean.requires_grad
    assert all(one.grad is None for one in base.vae.parameters())


def test_numbers_that_are_none_are_refused(base: Base, tmp_path: Path, seen: Seen) -> None:
    with torch.no_grad():
        next(iter(base.vae.encoder.parameters())).fill_(float("nan"))
    with pytest.raises(ModelNotFinite):
        got(encoding(base, tmp_path), seen)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_how_opaque_a_cell_is_is_the_mean_of_its_pixels(
    base: Base, tmp_path: Path, seen: Seen
) -> None:
    cover = torch.zeros(1, 48, 64)
    cover[:, :, :2] = 1  # half of the first cells
    made = got(encoding(base, tmp_path), seen._replace(cover=cover))
    assert made.cover is not None and made.cover.shape == (1, 12, 16)
    assert made.cover[0, :, 0].unique().tolist() == [0.5] and made.cover[0, :, 1:].max() == 0
    weights: Any = moments.weight(made.cover, 0.1)
    assert weights[0, 0, 0].item() == pytest.approx(0.55) and weights.min().item() == pytest.approx(
        0.1
    )
