"""FLUX through the nodes of a graph: diffusers' own pictures, alone to the bit."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.context import Context
from core.engine.diffusion import noise, rows, samplers
from core.engine.diffusion.flow import Flow
from core.engine.diffusion.preview import LatentMaps
from core.engine.diffusion.prompted import Prompted
from core.engine.diffusion.rows import Row
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models.families import family_of
from core.engine.nodes.inpaint import InpaintEncode
from core.engine.nodes.latent import LatentDecode, LatentEncode, LatentSample
from core.engine.nodes.prompt import PromptEncode
from core.engine.values import Image, Latent, Mask
from core.errors import Invalid
from core.ipc.reports import Previewed
from tests.engine.bench import Bench, empty, parts
from tests.engine.diffusion.test_parity import posterior_mode
from tests.engine.tiny_flow import SIDE, WORDS, TinyFlow, write_flux

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
FOX = "a red fox"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TinyFlow]:
    folder = tmp_path_factory.mktemp("flux")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_flux(folder / "dev")
        write_flux(folder / "schnell", distilled=False)
        write_flux(folder / "fill", fill=True)
    return {name: TinyFlow(folder / name, "flux") for name in ("dev", "schnell", "fill")}


@pytest.fixture
def benches(models: dict[str, TinyFlow], tmp_path: Path) -> Iterator[dict[str, Bench]]:
    made = {name: Bench(tiny, tmp_path) for name, tiny in models.items()}
    with torch.inference_mode():
        yield made
    for bench in made.values():
        bench.outbox.close()


def draw(
    ctx: Context, latent: Latent, words: str = FOX, negative: str = "", **settings: Any
) -> torch.Tensor:
    """Denoise as a recipe does: with a negative prompt, needed or not."""
    found = parts(ctx)
    given = {"seed": 3, "steps": 4, "sampler": "default", "guidance_scale": 3.5} | settings
    said = [PromptEncode(prompt=text).run(ctx, found.text_encoder) for text in (words, negative)]
    return LatentSample(**given).run(ctx, found.model, said[0], latent, said[1]).samples


def theirs(tiny: TinyFlow, kind: str = "FluxPipeline", scheduler: Any = None, **call: Any) -> Any:
    pipeline = tiny.pipeline(kind, scheduler)
    size = {"height": SIDE, "width": SIDE} | {
        name: call.pop(name) for name in ("height", "width") if name in call
    }
    given = {"prompt": FOX, "num_inference_steps": 4, "guidance_scale": 3.5, **size, **call}
    with posterior_mode(pipeline.vae):
        made = pipeline(
            generator=torch.Generator().manual_seed(given.pop("seed", 3)),
            max_sequence_length=WORDS,
            output_type="latent",
            **given,
        ).images
    return pipeline._unpack_latents(made, size["height"], size["width"], 8)


def scheduler_of(sampler: str, tiny: TinyFlow, schedule: str = "default", steps: int = 4) -> Any:
    """Make a scheduler that keeps our levels, whatever a pipeline asks of it."""
    base = tiny.part("model").scheduler_config
    made = samplers.make(
        sampler, schedule, base, steps, flow=Flow(even=True, cells=(SIDE // 8, SIDE // 8))
    )
    made.set_timesteps = lambda *_, sigmas=None, mu=None, device=None: None
    return made


@pytest.mark.parametrize("name", ["dev", "schnell"])
@pytest.mark.parametrize("size", [(SIDE, SIDE), (96, 32)])
def test_text_to_image_is_that_of_the_pipeline(
    models: dict[str, TinyFlow], benches: dict[str, Bench], name: str, size: tuple[int, int]
) -> None:
    ctx = benches[name].context()
    ours = draw(ctx, empty(ctx, *size))
    assert torch.equal(ours, theirs(models[name], width=size[0], height=size[1]))


@pytest.mark.parametrize(
    ("sampler", "schedule"),
    [
        ("heun", "default"), ("dpmpp_2m", "default"), ("unipc", "simple"), ("deis", "default"),
        ("dpmpp_2s", "default"), ("dpmpp_3m", "default"),
        ("euler", "karras"), ("euler", "exponential"), ("euler", "sgm_uniform"),
        ("euler", "linspace"), ("dpmpp_2m", "karras"),
    ],
)  # fmt: skip
def test_other_samplers_are_those_of_diffusers_too(
    models: dict[str, TinyFlow], benches: dict[str, Bench], sampler: str, schedule: str
) -> None:
    """But for those that draw noise: the pipeline draws it unseeded, and in patches."""
    ctx = benches["dev"].context()
    ours = draw(ctx, empty(ctx, SIDE, SIDE), sampler=sampler, schedule=schedule)
    given = scheduler_of(sampler, models["dev"], schedule)
    assert torch.equal(ours, theirs(models["dev"], scheduler=given))


def test_the_picture_is_decoded_as_the_pipeline_decodes_it(
    models: dict[str, TinyFlow], benches: dict[str, Bench]
) -> None:
    ctx = benches["dev"].context()
    drawn = draw(ctx, empty(ctx, SIDE, SIDE))
    image = LatentDecode().run(ctx, parts(ctx).vae, Latent(samples=drawn))
    expected = models["dev"].pipeline("FluxPipeline")(
        prompt=FOX, height=SIDE, width=SIDE, num_inference_steps=4, guidance_scale=3.5,
        generator=torch.Generator().manual_seed(3), max_sequence_length=WORDS, output_type="pt",
    ).images  # fmt: skip
    assert (image.pixels - expected).abs().max() <= 1e-6


def picture(seed: int = 1) -> torch.Tensor:
    return torch.rand((1, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("strength", [0.4, 0.6, 1.0])
def test_image_to_image_is_that_of_the_pipeline(
    models: dict[str, TinyFlow], benches: dict[str, Bench], strength: float
) -> None:
    ctx = benches["dev"].context()
    clean = LatentEncode().run(ctx, parts(ctx).vae, Image(pixels=picture()))
    ours = draw(ctx, clean, strength=strength, steps=5)
    expected = theirs(
        models["dev"], "FluxImg2ImgPipeline", image=picture(), strength=strength,
        num_inference_steps=5,
    )  # fmt: skip
    assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


def mask() -> torch.Tensor:
    """White in a rectangle that whole cells make up."""
    made = torch.zeros(1, 1, SIDE, SIDE)
    made[..., 16:48, 8:40] = 1
    return made


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_inpainting_is_that_of_the_pipeline(
    models: dict[str, TinyFlow], benches: dict[str, Bench], strength: float
) -> None:
    ctx = benches["dev"].context()
    found = parts(ctx)
    start = InpaintEncode().run(
        ctx, found.model, found.vae, Image(pixels=picture()), Mask(values=mask())
    )
    assert (start.mask is not None, start.channels) == (True, None)
    ours = draw(ctx, start, strength=strength, steps=5)
    expected = theirs(
        models["dev"], "FluxInpaintPipeline", image=picture(), mask_image=mask(),
        strength=strength, num_inference_steps=5,
    )  # fmt: skip
    assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_filling_is_that_of_the_pipeline(
    models: dict[str, TinyFlow], benches: dict[str, Bench]
) -> None:
    ctx = benches["fill"].context()
    found = parts(ctx)
    start = InpaintEncode().run(
        ctx, found.model, found.vae, Image(pixels=picture()), Mask(values=mask())
    )
    assert start.channels is not None
    assert start.channels.shape[1] == 16 + 64  # what is covered, and each pixel of the mask
    ours = draw(ctx, start, guidance_scale=30.0)
    expected = theirs(
        models["fill"], "FluxFillPipeline", image=picture(), mask_image=mask(),
        guidance_scale=30.0, strength=1.0,
    )  # fmt: skip
    assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_network_that_fills_needs_a_mask(benches: dict[str, Bench]) -> None:
    ctx = benches["fill"].context()
    with pytest.raises(Invalid, match="mask_needed"):
        draw(ctx, empty(ctx, SIDE, SIDE))


def test_guidance_is_told_to_the_network_and_takes_no_second_half(
    benches: dict[str, Bench],
) -> None:
    ctx = benches["dev"].context()
    start = empty(ctx, SIDE, SIDE)
    strong = draw(ctx, start, guidance_scale=7.0)
    assert not torch.equal(strong, draw(ctx, start, guidance_scale=1.0))
    assert torch.equal(strong, draw(ctx, start, negative="ugly", guidance_scale=7.0))
    ctx = benches["schnell"].context()
    one, other = (draw(ctx, empty(ctx, SIDE, SIDE), guidance_scale=scale) for scale in (0.0, 9.0))
    assert torch.equal(one, other)  # which knows of no guidance


def test_a_negative_prompt_counts_where_it_is_asked_for(
    models: dict[str, TinyFlow], benches: dict[str, Bench]
) -> None:
    ctx = benches["dev"].context()
    ours = draw(ctx, empty(ctx, SIDE, SIDE), negative="ugly", true_cfg_scale=2.0)
    expected = theirs(models["dev"], negative_prompt="ugly", true_cfg_scale=2.0)
    assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_a_batch_is_as_each_alone(benches: dict[str, Bench]) -> None:
    ctx = benches["dev"].context()
    three = Latent(samples=empty(ctx, SIDE, SIDE).samples.repeat(3, 1, 1, 1), empty=True)
    together = draw(ctx, three, seed=7)
    for index in range(3):
        alone = draw(ctx, empty(ctx, SIDE, SIDE), seed=7 + index)
        assert (together[index : index + 1] - alone).abs().max() <= 1e-5 * alone.abs().max()


MIXED: list[dict[str, Any]] = [
    {"words": "a red fox", "sampler": "euler", "steps": 4, "guidance": 3.5, "seed": 1},
    {"words": "an owl", "sampler": "dpmpp_2m", "steps": 6, "guidance": 1.0, "seed": 2},
    {"words": "", "sampler": "heun", "steps": 3, "guidance": 30.0, "seed": 3},
    {"words": "sun", "sampler": "lcm", "steps": 5, "guidance": 5.0, "seed": 4},
]


def test_rows_of_all_kinds_share_forwards_and_stay_what_they_are(
    models: dict[str, TinyFlow], benches: dict[str, Bench], loop: SamplingLoop
) -> None:
    ctx, network = benches["dev"].context(), models["dev"].part("model")
    family, encoder = family_of("flux"), parts(ctx).text_encoder

    def row(words: str, sampler: str, steps: int, guidance: float, seed: int) -> Row:
        assert family.flow is not None
        said = PromptEncode(prompt=words).run(ctx, encoder)
        scheduler = samplers.make(
            sampler, "default", network.scheduler_config, steps, flow=family.flow.sized(8, 8)
        )
        drawn, source = noise.begin((1, 16, 8, 8), seed)
        return Row(
            network=network, call=family.call, scheduler=scheduler,
            latents=rows.from_noise(scheduler, drawn), source=source,
            positive=Prompted(said.tokens, said.pooled), told_guidance=guidance,
        )  # fmt: skip

    widths: list[int] = []
    hook = network.register_forward_pre_hook(
        lambda _, __, told: widths.append(len(told["hidden_states"])), with_kwargs=True
    )
    together = loop.sample([row(**one) for one in MIXED])
    hook.remove()
    assert max(widths) == len(MIXED)
    for one, latents in zip(MIXED, together, strict=True):
        alone = loop.sample([row(**one)])[0]
        assert (latents - alone).abs().max() <= 1e-5 * alone.abs().max(), one["sampler"]


def test_a_size_with_an_odd_number_of_cells_is_drawn_as_asked(benches: dict[str, Bench]) -> None:
    ctx = benches["dev"].context()
    made = draw(ctx, empty(ctx, 72, 40))
    assert made.shape == (1, 16, 5, 9)
    assert torch.isfinite(made).all()


def test_previews_show_sixteen_channels(benches: dict[str, Bench]) -> None:
    bench = benches["dev"]
    ctx = bench.context()
    draw(ctx, empty(ctx, SIDE, SIDE), steps=3)
    assert bench.engine.get(LatentMaps)._maps
    assert any(isinstance(one, Previewed) for one in bench.reports())


def test_weights_and_length_of_a_prompt_reach_the_words(benches: dict[str, Bench]) -> None:
    ctx = benches["dev"].context()
    encoder = parts(ctx).text_encoder

    def encode(text: str) -> Any:
        return PromptEncode(prompt=text).run(ctx, encoder)

    plain, weighted = encode("a red fox"), encode("a (red:1.5) fox")
    assert plain.tokens.shape == weighted.tokens.shape == (1, WORDS, 48)
    assert torch.equal(plain.pooled, weighted.pooled)
    changed = (plain.tokens != weighted.tokens).any(dim=-1)[0]
    assert 0 < int(changed.sum()) < WORDS
    assert encode("word " * 40).remarks() == ("prompt_cut",)
    assert PromptEncode(prompt="a", clip_skip=1).run(ctx, encoder).remarks() == (
        "clip_skip_unused",
    )
