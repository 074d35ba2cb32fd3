"""LoRAs on FLUX and Stable Diffusion 3: what diffusers draws with them, in every dialect."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs
from safetensors.torch import save_file

from core.engine.adapters.merge import adapt
from core.engine.nodes.adapt import ModelAdapt, Strength
from core.engine.nodes.latent import LatentSample
from core.engine.nodes.prompt import PromptEncode
from core.engine.values import Model
from core.errors import ModelUnreadable
from tests.engine.adapter_files import Tensors, draw, lora, write
from tests.engine.bench import Bench, empty, parts
from tests.engine.tiny_flow import SIDE, WORDS, TinyFlow, write_flux, write_sd3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
FOX = "a red fox"
INNER = 32  # width of the tiny FLUX
DOUBLE, SINGLE = "transformer_blocks.1", "single_transformer_blocks.0"
QKV = tuple(f"{DOUBLE}.attn.to_{one}" for one in "qkv")
ADDED = tuple(f"{DOUBLE}.attn.add_{one}_proj" for one in "qkv")
LINEAR1 = (*(f"{SINGLE}.attn.to_{one}" for one in "qkv"), f"{SINGLE}.proj_mlp")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TinyFlow]:
    folder = tmp_path_factory.mktemp("flow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_flux(folder / "flux")
        write_sd3(folder / "sd3")
    return {name: TinyFlow(folder / name, name) for name in ("flux", "sd3")}


@pytest.fixture
def flux(models: dict[str, TinyFlow]) -> Any:
    return models["flux"].part("model")


@pytest.fixture
def benches(models: dict[str, TinyFlow], tmp_path: Path) -> Iterator[dict[str, Bench]]:
    made = {name: Bench(tiny, tmp_path) for name, tiny in models.items()}
    with torch.inference_mode():
        yield made
    for bench in made.values():
        bench.outbox.close()


def handle(model: TinyFlow, folder: Path, tensors: Tensors) -> Model:
    path = folder / "adapter.safetensors"
    save_file({name: one.contiguous() for name, one in tensors.items()}, path)
    return Model(
        identity="m", path=str(model.folder), family=model.family,
        adapters=(("a", str(path), 1.0),),
    )  # fmt: skip


def weights(network: Any, *names: str) -> torch.Tensor:
    """Lay the weights of modules one below the other."""
    return torch.cat([network.get_submodule(name).weight for name in names])


def kohya(stem: str, factors: dict[str, torch.Tensor], alpha: float = 2.0) -> Tensors:
    return {
        f"{stem}.lora_down.weight": factors["down"],
        f"{stem}.lora_up.weight": factors["up"],
        f"{stem}.alpha": torch.tensor(alpha),
    }


def named(down: str, up: str) -> Callable[[str, dict[str, torch.Tensor]], Tensors]:
    return lambda stem, factors: {stem + down: factors["down"], stem + up: factors["up"]}


peft = named(".lora_A.weight", ".lora_B.weight")
xlabs = named(".down.weight", ".up.weight")
FUSED: list[tuple[Any, str, tuple[str, ...], float]] = [  # writer, their name, modules, scale
    (kohya, "lora_unet_double_blocks_1_img_attn_qkv", QKV, 0.5),
    (kohya, "lora_unet_double_blocks_1_txt_attn_qkv", ADDED, 0.5),
    (kohya, "lora_unet_single_blocks_0_linear1", LINEAR1, 0.5),
    (kohya, "lora_unet_double_blocks_1_txt_mlp_2", (f"{DOUBLE}.ff_context.net.2",), 0.5),
    (peft, "diffusion_model.double_blocks.1.img_attn.qkv", QKV, 1.0),
    (peft, "diffusion_model.single_blocks.0.linear1", LINEAR1, 1.0),
    (xlabs, "double_blocks.1.processor.qkv_lora1", QKV, 1.0),
    (xlabs, "double_blocks.1.processor.qkv_lora2", ADDED, 1.0),
    (xlabs, "single_blocks.0.processor.qkv_lora", LINEAR1[:3], 1.0),
    (kohya, "lora_transformer_transformer_blocks_1_attn_to_q", QKV[:1], 0.5),
]


@pytest.mark.parametrize(("writer", "stem", "names", "scale"), FUSED)
def test_each_module_gets_its_rows_of_a_layer(
    models: dict[str, TinyFlow], flux: Any, tmp_path: Path,
    writer: Any, stem: str, names: tuple[str, ...], scale: float,
) -> None:  # fmt: skip
    before = weights(flux, *names)
    factors = lora(before.shape, seed=1)
    made = adapt(handle(models["flux"], tmp_path, writer(stem, factors)), flux).module
    expected = before + scale * (factors["up"] @ factors["down"])
    assert torch.allclose(weights(made, *names), expected, atol=1e-5)
    assert torch.equal(weights(flux, *names), before)


@pytest.mark.parametrize("names", [QKV, LINEAR1])
def test_a_length_that_was_learned_is_that_of_the_whole_layer(
    models: dict[str, TinyFlow], flux: Any, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """DoRA of inputs: each column of the layer in one piece has one length."""
    stem = {QKV: "double_blocks_1_img_attn_qkv", LINEAR1: "single_blocks_0_linear1"}[names]
    before = weights(flux, *names)
    factors, lengths = lora(before.shape, seed=1), draw(1, before.shape[1], seed=3).abs() + 1
    tensors = kohya(f"lora_unet_{stem}", factors, alpha=4.0)
    tensors[f"lora_unet_{stem}.dora_scale"] = lengths
    made = adapt(handle(models["flux"], tmp_path, tensors), flux).module
    changed = before + factors["up"] @ factors["down"]
    expected = changed * lengths / changed.norm(dim=0, keepdim=True)
    assert torch.allclose(weights(made, *names), expected, atol=1e-5)


def test_kronecker_factors_of_the_whole_layer_are_divided_too(
    models: dict[str, TinyFlow], flux: Any, tmp_path: Path
) -> None:
    first, second = draw(8, 4), draw(3 * INNER // 8, INNER // 4, seed=1)
    stem = "diffusion_model.double_blocks.1.img_attn.qkv"
    tensors = {f"{stem}.lokr_w1": first, f"{stem}.lokr_w2": second}
    made = adapt(handle(models["flux"], tmp_path, tensors), flux).module
    expected = weights(flux, *QKV) + torch.kron(first, second)
    assert torch.allclose(weights(made, *QKV), expected, atol=1e-5)


def test_shift_and_scale_of_the_last_norm_change_places(
    models: dict[str, TinyFlow], flux: Any, tmp_path: Path
) -> None:
    from diffusers.loaders.lora_conversion_utils import swap_scale_shift

    before = flux.norm_out.linear.weight
    factors = lora(before.shape, seed=1)
    tensors = kohya("lora_unet_final_layer_adaLN_modulation_1", factors, alpha=4.0)
    made = adapt(handle(models["flux"], tmp_path, tensors), flux).module
    expected = before + swap_scale_shift(factors["up"] @ factors["down"])
    assert torch.allclose(weights(made, "norm_out.linear"), expected, atol=1e-5)


def test_a_layer_of_another_size_is_a_misfit_in_any_of_its_pieces(
    models: dict[str, TinyFlow], flux: Any, tmp_path: Path
) -> None:
    for rows in (2 * INNER, 4 * INNER):
        factors = lora(torch.Size((rows, INNER)))
        tensors = kohya("lora_unet_double_blocks_1_img_attn_qkv", factors)
        with pytest.raises(ModelUnreadable, match="adapter_misfit"):
            adapt(handle(models["flux"], tmp_path, tensors), flux)


def test_an_adapter_that_needs_a_picture_is_refused_by_name(
    models: dict[str, TinyFlow], flux: Any, tmp_path: Path
) -> None:
    tensors = peft("double_blocks.0.img_attn.qkv", lora(torch.Size((96, 32))))
    tensors["double_blocks.0.img_attn.norm.query_norm.scale"] = torch.ones(16)
    with pytest.raises(ModelUnreadable, match="adapter_control"):
        adapt(handle(models["flux"], tmp_path, tensors), flux)


LAYERS = {
    "flux": (
        *QKV, *ADDED, *LINEAR1, f"{DOUBLE}.attn.to_out.0", f"{DOUBLE}.ff.net.0.proj",
        f"{DOUBLE}.norm1.linear", f"{SINGLE}.proj_out", "x_embedder", "proj_out",
    ),
    "sd3": (
        "transformer_blocks.0.attn.to_q", "transformer_blocks.0.attn2.to_k",
        "transformer_blocks.0.attn.add_v_proj", "transformer_blocks.1.ff.net.2",
        "transformer_blocks.0.norm1_context.linear",
    ),
}  # fmt: skip
TEXT = "text_encoder.text_model.encoder.layers.1.self_attn.q_proj"


@pytest.mark.parametrize("family", ["flux", "sd3"])
@pytest.mark.parametrize("weight", [1.0, 0.6])
def test_the_picture_is_that_of_the_pipeline_with_the_lora_loaded(
    models: dict[str, TinyFlow], benches: dict[str, Bench], tmp_path: Path, family: str,
    weight: float,
) -> None:  # fmt: skip
    model, bench = models[family], benches[family]
    network = model.part("model")
    tensors: Tensors = {}
    for name in LAYERS[family]:
        shape = network.get_submodule(name).weight.shape
        tensors |= peft(f"transformer.{name}", lora(shape))
    tensors |= peft(TEXT, lora(torch.Size((24, 24))))
    adapter = structs.replace(write(tmp_path, "style", tensors), family=family)

    ctx = bench.context("job", adapter)
    found = parts(ctx)
    node = ModelAdapt(loras=(Strength(model="style", weight=weight),))
    adapted = node.run(ctx, found.model, found.text_encoder)
    words = [PromptEncode(prompt=text).run(ctx, adapted.text_encoder) for text in (FOX, "")]
    sampled = LatentSample(seed=3, steps=4, guidance_scale=3.5)
    ours = sampled.run(ctx, adapted.model, words[0], empty(ctx, SIDE, SIDE), words[1]).samples

    kind = {"flux": "FluxPipeline", "sd3": "StableDiffusion3Pipeline"}[family]
    pipeline = model.pipeline(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.load_lora_weights(adapter.path, adapter_name="style")
    pipeline.set_adapters(["style"], [weight])
    expected = pipeline(
        FOX, width=SIDE, height=SIDE, num_inference_steps=4, guidance_scale=3.5,
        generator=torch.Generator().manual_seed(3), max_sequence_length=WORDS,
        output_type="latent",
    ).images  # fmt: skip
    if family == "flux":
        expected = pipeline._unpack_latents(expected, SIDE, SIDE, 8)
    assert (ours - expected).abs().max() <= expected.abs().max() / 255
