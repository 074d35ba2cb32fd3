"""Merged adapters draw what diffusers draws with them loaded; the base never changes."""

import contextlib
import warnings
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.adapters.merge import adapt
from core.engine.diffusion.guidance import Guidance
from core.engine.diffusion.prompted import Prompted
from core.engine.diffusion.rows import Row
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import text
from core.engine.nodes.adapt import ModelAdapt, Strength
from core.engine.values import Handle
from core.errors import ModelUnreadable
from core.graph.catalogue import Resource
from tests.engine import adapter_files as files
from tests.engine.bench import Bench, empty, parts
from tests.engine.tiny import SIZE, Tiny

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
KINDS = {
    "kohya": files.kohya,
    "kohya without alpha": lambda tiny: files.kohya(tiny, alpha=None),
    "for the network alone": lambda tiny: files.kohya(tiny, words=False),
    "for the text alone": lambda tiny: files.kohya(tiny, unet=False),
    "peft": files.peft,
    "diffusers, old": files.diffusers_old,
}


def with_adapters(handle: Any, *uses: tuple[Resource, float]) -> Any:
    adapters = tuple((one.identity, one.path, weight) for one, weight in uses)
    return msgspec.structs.replace(handle, adapters=adapters)


def ours(bench: Bench, *uses: tuple[Resource, float], prompt: str = "a red fox") -> torch.Tensor:
    """Draw latents through the nodes, as a graph would."""
    from core.engine.nodes.latent import LatentSample
    from core.engine.nodes.prompt import PromptEncode

    ctx = bench.context("job", *(one for one, _ in uses))
    found = parts(ctx)
    loras = tuple(Strength(model=one.name, weight=weight) for one, weight in uses)
    adapted = ModelAdapt(loras=loras, prompt=prompt).run(ctx, found.model, found.text_encoder)
    words = [PromptEncode(prompt=text).run(ctx, adapted.text_encoder) for text in (prompt, "")]
    node = LatentSample(seed=3, steps=4, sampler="euler", guidance_scale=5.0)
    return node.run(ctx, adapted.model, words[0], empty(ctx), words[1]).samples


def theirs(tiny: Tiny, *uses: tuple[Resource, float]) -> torch.Tensor:
    """Draw them with diffusers' own pipeline, on networks of its own."""
    pipeline = Tiny(tiny.folder).pipeline("StableDiffusionPipeline", "euler")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's, where there is another adapter already
        for one, _ in uses:
            pipeline.load_lora_weights(one.path, adapter_name=one.name)
    pipeline.set_adapters([one.name for one, _ in uses], [weight for _, weight in uses])
    made: torch.Tensor = pipeline(
        "a red fox", negative_prompt="", width=SIZE, height=SIZE, num_inference_steps=4,
        guidance_scale=5.0, generator=torch.Generator().manual_seed(3), output_type="latent",
    ).images  # fmt: skip
    return made


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((one - other).abs().max() <= other.abs().max() / 255)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weight", [1.0, 0.6])
def test_a_picture_is_the_one_of_diffusers(
    bench: Bench, tiny: Tiny, tmp_path: Path, kind: str, weight: float
) -> None:
    lora = files.write(tmp_path, "ink", KINDS[kind](tiny))
    made = ours(bench, (lora, weight))
    assert close(made, theirs(tiny, (lora, weight)))
    assert not close(made, ours(bench))


def test_several_are_added_up_in_any_order(bench: Bench, tiny: Tiny, tmp_path: Path) -> None:
    uses = [
        (files.write(tmp_path, "ink", files.kohya(tiny)), 0.7),
        (files.write(tmp_path, "oil", files.peft(tiny, seed=9)), -0.4),
    ]
    made = ours(bench, *uses)
    assert torch.equal(made, ours(bench, *reversed(uses)))
    assert close(made, theirs(tiny, *uses))


def test_a_tag_is_the_field_and_both_add_up(bench: Bench, tiny: Tiny, tmp_path: Path) -> None:
    lora = files.write(tmp_path, "ink", files.kohya(tiny))
    ctx = bench.context("job", lora)
    found = parts(ctx)

    def adapters(prompt: str, *weights: float) -> Any:
        node = ModelAdapt(
            loras=tuple(Strength(model="ink", weight=one) for one in weights), prompt=prompt
        )
        made = node.run(ctx, found.model, found.text_encoder)
        return made.model.adapters, made.text_encoder.adapters

    field = adapters("a fox", 0.75)
    assert adapters("a <lora:ink:0.75> fox") == adapters("<lyco:ink:0.5>", 0.25) == field
    assert field[0] == field[1] == ((lora.identity, lora.path, 0.75),)
    assert adapters("<lora:ink:0:0.5>") == (((lora.identity, lora.path, 0.5),), ())
    assert adapters("<lora:ink:-1>", 1.0) == ((), ())


def test_a_weight_of_nothing_is_the_base_itself(bench: Bench, tiny: Tiny, tmp_path: Path) -> None:
    lora = files.write(tmp_path, "ink", files.kohya(tiny))
    assert torch.equal(ours(bench, (lora, 0.0)), ours(bench))


def test_rows_share_a_forward_with_those_of_the_same_adapters_alone(
    bench: Bench, tiny: Tiny, tmp_path: Path
) -> None:
    ink = files.write(tmp_path, "ink", files.kohya(tiny))
    uses: dict[str, tuple[tuple[Resource, float], ...]] = {
        "plain": (), "ink": ((ink, 1.0),), "ink again": ((ink, 1.0),), "less": ((ink, 0.5),),
    }  # fmt: skip
    residency, loop = bench.engine.residency, SamplingLoop(bench.engine)
    job, alone = bench.context().job, {name: ours(bench, *some) for name, some in uses.items()}
    widths: dict[int, list[int]] = {}
    with contextlib.ExitStack() as stack:
        rows = []
        for some in uses.values():
            handle = with_adapters(tiny.model, *some)
            network = stack.enter_context(residency.use(handle, job))
            words = stack.enter_context(residency.use(with_adapters(tiny.text_encoder, *some), job))
            seen = widths.setdefault(id(network), [])
            if not seen:
                hook = network.register_forward_pre_hook(
                    lambda _, given, seen=seen: seen.append(len(given[0]))
                )
                stack.callback(hook.remove)
            made = tiny.row("a red fox", steps=4, seed=3, network=network)
            row = Row(
                network=network, scheduler=made.scheduler, latents=made.latents,
                positive=Prompted(text.encode(words, "a red fox")),
                negative=Prompted(text.encode(words, "")),
                guidance=Guidance(5.0), steps=4, model=(handle.identity, handle.adapters),
            )  # fmt: skip
            rows.append(row)
        drawn = dict(zip(uses, loop.sample(rows), strict=True))
    assert len(widths) == 3
    assert sorted(max(seen) for seen in widths.values()) == [2, 2, 4]
    for name, latents in drawn.items():
        assert (latents - alone[name]).abs().max() <= 1e-5 * alone[name].abs().max(), name


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    weights=st.lists(
        st.tuples(st.sampled_from(["ink", "oil", "loha"]), st.floats(-10, 10)), max_size=4
    )
)
def test_any_set_of_adapters_leaves_the_base_as_it_was(
    tiny: Tiny, tmp_path: Path, weights: list[tuple[str, float]]
) -> None:
    made = {
        "ink": files.write(tmp_path, "ink", files.kohya(tiny)),
        "oil": files.write(tmp_path, "oil", files.peft(tiny, seed=9)),
        "loha": files.write(tmp_path, "loha", loha(tiny)),
    }
    uses = [(made[name], weight) for name, weight in weights]
    for handle, base in ((tiny.model, tiny.network), (tiny.text_encoder, tiny.encoder)):
        before = {name: one.clone() for name, one in base.state_dict().items()}
        module, own = adapt(with_adapters(handle, *uses), base)
        for one in own.parameters():
            one.data.fill_(torch.nan)
        after = base.state_dict()
        assert all(torch.equal(one, after[name]) for name, one in before.items())
        assert {id(one) for one in module.parameters()} <= {
            id(one) for one in (*base.parameters(), *own.parameters())
        }


def loha(tiny: Tiny) -> files.Tensors:
    made: files.Tensors = {}
    for _, name, (out, inputs) in files.each(tiny, words=False):
        stem = "lora_unet_" + name.replace(".", "_")
        for which in ("w1", "w2"):
            made[f"{stem}.hada_{which}_a"] = files.draw(out, 3, seed=len(which))
            made[f"{stem}.hada_{which}_b"] = files.draw(3, inputs, seed=7)
        made[f"{stem}.alpha"] = torch.tensor(3.0)
    return made


@pytest.mark.parametrize(
    ("tensors", "code"),
    [
        ({"lora_unet_nothing_of_ours.lora_down.weight": (4, 8),
          "lora_unet_nothing_of_ours.lora_up.weight": (8, 4)}, "adapter_misfit"),
        ({f"unet.{files.LAYERS[0]}.lora_A.weight": (4, 99),
          f"unet.{files.LAYERS[0]}.lora_B.weight": (16, 4)}, "adapter_misfit"),
        ({f"unet.{files.LAYERS[0]}.lora_B.weight": (16, 4)}, "adapter_misfit"),
        ({f"unet.{files.LAYERS[0]}.hada_w1_a": (2**16, 1),
          f"unet.{files.LAYERS[0]}.hada_w1_b": (1, 2**16),
          f"unet.{files.LAYERS[0]}.hada_w2_a": (2**16, 1),
          f"unet.{files.LAYERS[0]}.hada_w2_b": (1, 2**16)}, "adapter_misfit"),
        ({f"unet.{files.LAYERS[0]}.lokr_w1": (2**14, 4),
          f"unet.{files.LAYERS[0]}.lokr_w2": (2**14, 4)}, "adapter_misfit"),
        ({f"unet.{files.LAYERS[0]}.oft_blocks": (4, 4, 4)}, "adapter_unsupported"),
        ({"weight": (3,)}, "adapter_unsupported"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_large_is_made(
    tiny: Tiny, tmp_path: Path, tensors: dict[str, tuple[int, ...]], code: str
) -> None:
    lora = files.write(tmp_path, "odd", {name: torch.ones(s) for name, s in tensors.items()})
    with pytest.raises(ModelUnreadable) as caught:
        adapt(with_adapters(tiny.model, (lora, 1.0)), tiny.network)
    assert (caught.value.name, caught.value.params["model"]) == (code, "odd")


@pytest.mark.parametrize("broken", ["alpha", "weight", "bytes"])
def test_a_broken_file_is_told_by_its_name(tiny: Tiny, tmp_path: Path, broken: str) -> None:
    tensors = files.kohya(tiny)
    for name in tensors:
        if broken == "alpha" and name.endswith("alpha"):
            tensors[name] = torch.tensor(torch.nan)
        if broken == "weight" and name.endswith("up.weight"):
            tensors[name] = torch.full_like(tensors[name], torch.inf)
    lora = files.write(tmp_path, "broken", tensors)
    if broken == "bytes":
        Path(lora.path).write_bytes(b"\x07" * 100)
    handle: Handle = with_adapters(tiny.model, (lora, 1.0))
    with pytest.raises(ModelUnreadable) as caught:
        adapt(handle, tiny.network)
    assert (caught.value.name, caught.value.params["model"]) == ("model_unreadable", "broken")
