"""Coding: within what numbers hold, and left in its middle when its job is canceled."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine import coding
from core.engine.baton import Cancelled
from core.engine.models import vae as autoencoder
from core.engine.nodes.latent import LatentDecode, LatentEncode
from core.engine.values import Image, Latent
from core.errors import ModelNotFinite
from tests.engine.bench import Bench, empty, parts, sample
from tests.engine.tiny import Tiny, write_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.timeout(120),
]

LARGE = 60_000.0  # float16 holds it once, and not twice
HUGE = 3e38  # float32 holds it, and not its square


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A model whose autoencoder makes numbers in its middle that float16 does not hold."""
    folder = tmp_path_factory.mktemp("models") / "loud"
    write_model(folder)
    for name in ("decoder.conv_in.bias", "decoder.mid_block.resnets.0.conv2.bias"):
        _scale(folder, name, LARGE)
    return Tiny(folder)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("models") / "broken"
    write_model(folder)
    _scale(folder, "decoder.conv_in.bias", HUGE)
    return Tiny(folder)


def _scale(folder: Path, name: str, value: float) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "vae/diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors[name] = torch.full_like(tensors[name], value)
    save_file(tensors, file, {"format": "pt"})


@contextmanager
def opened(tiny: Tiny, folder: Path, dtype: torch.dtype) -> Iterator[Bench]:
    made = Bench(tiny, folder)
    made.engine.device.dtype = dtype
    with torch.inference_mode():
        yield made
    made.outbox.close()


@pytest.fixture
def bench(loud: Tiny, tmp_path: Path) -> Iterator[Bench]:
    with opened(loud, tmp_path, torch.float16) as made:
        yield made


def latent(side: int = 8) -> Latent:
    return Latent(samples=torch.rand((1, 6, side, side), generator=torch.Generator()))


def test_what_float16_does_not_hold_is_decoded_once_more_in_float32(
    bench: Bench, loud: Tiny
) -> None:
    ctx = bench.context()
    made = LatentDecode().run(ctx, parts(ctx).vae, latent())
    assert ctx.job.degraded == ["vae_upcast"]
    assert torch.equal(made.pixels, autoencoder.decode(loud.autoencoder, latent().samples))


def test_the_next_picture_is_decoded_in_float32_at_once_and_told_so(bench: Bench) -> None:
    first, second = bench.context("a"), bench.context("b")
    LatentDecode().run(first, parts(first).vae, latent())
    bench.engine.residency.unload()
    LatentDecode().run(second, parts(second).vae, latent())
    assert second.job.degraded == ["vae_upcast"]
    formats = {
        next(part.there.parameters()).dtype for part in bench.engine.residency._parts.values()
    }
    assert formats == {torch.float32}


def test_an_autoencoder_that_makes_no_numbers_fails_its_job(broken: Tiny, tmp_path: Path) -> None:
    for dtype in (torch.float16, torch.float32):
        with opened(broken, tmp_path, dtype) as bench:
            ctx = bench.context()
            with pytest.raises(ModelNotFinite) as caught:
                LatentDecode().run(ctx, parts(ctx).vae, latent())
            assert caught.value.params == {"model": "broken", "tensor": "vae"}


def test_latents_that_are_no_numbers_are_not_decoded(bench: Bench) -> None:
    ctx = bench.context()
    with pytest.raises(ModelNotFinite):
        LatentDecode().run(ctx, parts(ctx).vae, Latent(samples=latent().samples / 0))
    assert bench.engine.residency.identities() == []


def test_encoding_is_watched_too(broken: Tiny, tmp_path: Path) -> None:
    with opened(broken, tmp_path, torch.float32) as bench:
        ctx = bench.context()
        with pytest.raises(ModelNotFinite):
            LatentEncode().run(ctx, parts(ctx).vae, Image(pixels=torch.full((1, 3, 32, 32), 1e38)))


def test_a_sampler_that_makes_no_numbers_fails_its_job_alone(
    loud: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(loud, tmp_path, torch.float32) as bench:
        sick, well = bench.context("sick"), bench.context("well")
        start = Latent(samples=torch.full((1, 6, 8, 8), float("inf")))
        with pytest.raises(ModelNotFinite) as caught:
            sample(sick, start, strength=0.5)
        assert caught.value.params == {"model": "loud", "tensor": "model"}
        assert sample(well, empty(well)).samples.isfinite().all()


def test_a_cancel_is_obeyed_in_the_middle_of_one_decode(loud: Tiny, tmp_path: Path) -> None:
    with opened(loud, tmp_path, torch.float32) as bench:
        ctx = bench.context()
        seen: list[str] = []

        def cancel(*_: Any) -> None:
            seen.append("conv_in")
            ctx.job.canceled.set()

        with bench.engine.residency.use(parts(ctx).vae, ctx.job) as vae:
            hooks = [
                vae.decoder.conv_in.register_forward_hook(cancel),
                vae.decoder.conv_out.register_forward_hook(lambda *_: seen.append("conv_out")),
            ]
            with pytest.raises(Cancelled):
                LatentDecode().run(ctx, parts(ctx).vae, latent())
            for hook in hooks:
                hook.remove()
        assert seen == ["conv_in"]
        assert bench.engine.baton.phase() == "idle"


def test_others_step_while_a_long_decode_goes_on(
    loud: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.engine.pauses.TURN", 0.0)
    with opened(loud, tmp_path, torch.float32) as bench:
        ctx, order = bench.context(), list[str]()

        def step() -> None:
            with bench.engine.baton.hold("other", "step"):
                order.append("other")

        other = threading.Thread(target=step)

        def begin(*_: Any) -> None:
            other.start()
            while not bench.engine.baton.wanted():
                assert other.is_alive()

        with bench.engine.residency.use(parts(ctx).vae, ctx.job) as vae:
            hook = vae.decoder.conv_in.register_forward_hook(begin)
            made = LatentDecode().run(ctx, parts(ctx).vae, latent())
            order.append("decoded")
            hook.remove()
            assert torch.equal(made.pixels, autoencoder.decode(vae, latent().samples))
        other.join(5)
        assert order == ["other", "decoded"]


def test_the_autoencoders_that_overflow_are_remembered_within_a_bound(bench: Bench) -> None:
    overflows = coding.Overflows(bench.engine)
    for index in range(300):
        overflows.add(str(index))
    assert overflows.has("299")
    assert not overflows.has("0")


def test_the_bytes_that_coding_takes_at_least_are_less_than_it_takes(loud: Tiny) -> None:
    """Counted on the processor: the most that is alive at once while a picture is coded."""
    from tests.engine.budget import Budget, Counting

    vae, pixels = loud.autoencoder, torch.rand((1, 3, 64, 64))
    for latents in (True, False):
        given = torch.rand((1, 6, 16, 16)) if latents else pixels
        budget = Budget(1 << 30)
        with torch.inference_mode(), Counting(budget) as counted:
            (autoencoder.decode if latents else autoencoder.encode)(vae, given)
        least = autoencoder.least(vae, given.shape, latent=latents)
        assert counted.peak / 2 <= least <= counted.peak
