"""Adapters on Stable Diffusion XL: what is drawn is what diffusers draws with them loaded."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.engine.nodes.adapt import ModelAdapt, Strength
from core.engine.nodes.ip_adapter import ControlIpAdapter
from core.engine.nodes.latent import LatentSample
from core.engine.nodes.prompt import PromptEncode
from core.engine.values import Conditioning, Image
from core.errors import ModelUnreadable
from core.graph.catalogue import Resource
from tests.engine import adapter_files as files
from tests.engine import tiny_xl
from tests.engine.adapters.test_merge import close
from tests.engine.bench import Bench, empty, parts
from tests.engine.tiny import SIZE
from tests.engine.tiny_xl import FIRST, SECOND, TinyXl

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
QUERY = "down_blocks.1.attentions.0.transformer_blocks.1.attn1.to_q"
UNET = (
    QUERY,
    "mid_block.attentions.0.transformer_blocks.2.attn2.to_v",
    "up_blocks.0.attentions.2.transformer_blocks.0.attn1.to_out.0",
)
SGM = {  # the same layers, as Stability's own code calls them
    UNET[0]: "input_blocks_4_1_transformer_blocks_1_attn1_to_q",
    UNET[1]: "middle_block_1_transformer_blocks_2_attn2_to_v",
    UNET[2]: "output_blocks_2_1_transformer_blocks_0_attn1_to_out_0",
}
WORDS = (
    "encoder.layers.0.self_attn.q_proj",
    "encoder.layers.0.self_attn.out_proj",  # by which diffusers knows the names
    "encoder.layers.1.mlp.fc1",
)


@pytest.fixture(scope="module")
def xl(tmp_path_factory: pytest.TempPathFactory) -> TinyXl:
    folder = tmp_path_factory.mktemp("models") / "xl"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tiny_xl.write_model(folder)
    return TinyXl(folder)


@pytest.fixture
def bench(xl: TinyXl, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(xl, tmp_path)
    with torch.inference_mode():
        yield made
    made.outbox.close()


def layers(xl: TinyXl) -> Iterator[tuple[str, str, torch.Size]]:
    yield from (("unet", name, files.weight(xl.network, name).shape) for name in UNET)
    for part, encoder in (("te1", xl.encoder), ("te2", xl.second)):
        inner = getattr(encoder, "text_model", encoder)
        yield from ((part, name, files.weight(inner, name).shape) for name in WORDS)


def kohya(xl: TinyXl, sgm: bool = False) -> files.Tensors:
    made: files.Tensors = {}
    for place, (part, name, shape) in enumerate(layers(xl)):
        factors = files.lora(shape, seed=place)
        layer = SGM[name] if sgm and part == "unet" else name.replace(".", "_")
        stem = f"lora_unet_{layer}" if part == "unet" else f"lora_{part}_text_model_{layer}"
        made[f"{stem}.lora_down.weight"] = factors["down"]
        made[f"{stem}.lora_up.weight"] = factors["up"]
        made[f"{stem}.alpha"] = torch.tensor(2.0)
    return made


def peft(xl: TinyXl) -> files.Tensors:
    made: files.Tensors = {}
    stems = {"unet": "unet", "te1": "text_encoder.text_model", "te2": "text_encoder_2.text_model"}
    for place, (part, name, shape) in enumerate(layers(xl)):
        factors = files.lora(shape, seed=place)
        made[f"{stems[part]}.{name}.lora_A.weight"] = factors["down"]
        made[f"{stems[part]}.{name}.lora_B.weight"] = factors["up"]
    return made


def adapted(bench: Bench, *uses: tuple[Resource, float]) -> Any:
    ctx = bench.context("job", *(one for one, _ in uses))
    found = parts(ctx)
    loras = tuple(Strength(model=one.name, weight=weight) for one, weight in uses)
    return ctx, ModelAdapt(loras=loras).run(ctx, found.model, found.text_encoder)


def ours(bench: Bench, *uses: tuple[Resource, float]) -> torch.Tensor:
    ctx, made = adapted(bench, *uses)
    words = [
        PromptEncode(prompt=text, negative=not text).run(ctx, made.text_encoder)
        for text in ("a red fox", "")
    ]
    node = LatentSample(seed=3, steps=3, sampler="euler", guidance_scale=5.0)
    return node.run(ctx, made.model, words[0], empty(ctx), words[1]).samples


def drawn(pipeline: Any, **more: Any) -> torch.Tensor:
    made: torch.Tensor = pipeline(
        "a red fox", width=SIZE, height=SIZE, num_inference_steps=3, guidance_scale=5.0,
        generator=torch.Generator().manual_seed(3), output_type="latent", **more,
    ).images  # fmt: skip
    return made


def theirs(xl: TinyXl, one: Resource, weight: float) -> torch.Tensor:
    pipeline = TinyXl(xl.folder).pipeline("StableDiffusionXLPipeline", "euler")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.load_lora_weights(one.path, adapter_name=one.name)
    pipeline.set_adapters([one.name], [weight])
    return drawn(pipeline)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [1.0, 0.6])
@pytest.mark.parametrize(
    "kind", [kohya, lambda xl: kohya(xl, sgm=True), peft], ids=["kohya", "sgm", "peft"]
)
def test_a_picture_is_the_one_of_diffusers(
    bench: Bench, xl: TinyXl, tmp_path: Path, kind: Any, weight: float
) -> None:
    lora = files.write(tmp_path, "ink", kind(xl))
    lora = Resource(**{**_fields(lora), "family": "sdxl"})
    made = ours(bench, (lora, weight))
    assert close(made, theirs(xl, lora, weight))
    assert not close(made, ours(bench))


def _fields(one: Resource) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Resource.__struct_fields__}


@pytest.mark.parametrize("part", ["lora_te1_", "lora_te2_", "lora_unet_"])
def test_each_part_of_a_file_has_a_share_in_the_picture(
    bench: Bench, xl: TinyXl, tmp_path: Path, part: str
) -> None:
    only = {name: one for name, one in kohya(xl).items() if name.startswith(part)}
    lora = Resource(**{**_fields(files.write(tmp_path, "ink", only)), "family": "sdxl"})
    assert not close(ours(bench, (lora, 1.0)), ours(bench))


def embedding(folder: Path, name: str, tensors: files.Tensors) -> Resource:
    path = folder / f"{name}.safetensors"
    save_file(tensors, path)
    return Resource(
        id=name, kind="embedding", path=str(path), identity=name, name=name, family="sdxl",
        format="single",
    )  # fmt: skip


def encoded(bench: Bench, words: str, *known: Resource) -> Conditioning:
    ctx = bench.context("job", *known)
    return PromptEncode(prompt=words).run(ctx, parts(ctx).text_encoder)


def test_an_embedding_of_two_encoders_is_read_as_diffusers_does(
    bench: Bench, xl: TinyXl, tmp_path: Path
) -> None:
    vectors = {"clip_l": files.draw(2, FIRST), "clip_g": files.draw(2, SECOND)}
    one = embedding(tmp_path, "my-cat", vectors)
    made = encoded(bench, "a <my-cat> on it", one)
    other = TinyXl(xl.folder)
    pipeline = other.pipeline("StableDiffusionXLPipeline", "euler")
    state = load_file(one.path)
    for key, encoder in (("clip_l", other.encoder), ("clip_g", other.second)):
        pipeline.load_textual_inversion(
            state[key], token="<my-cat>", text_encoder=encoder, tokenizer=encoder.tokenizer
        )
    tokens, _, pooled, _ = pipeline.encode_prompt(
        "a <my-cat> on it", device="cpu", do_classifier_free_guidance=False
    )
    assert torch.allclose(made.tokens, tokens, atol=1e-5)
    assert made.pooled is not None
    assert torch.allclose(made.pooled, pooled, atol=1e-5)
    plain = encoded(bench, "a my-cat on it")
    assert not torch.allclose(plain.tokens[..., :FIRST], made.tokens[..., :FIRST])
    assert not torch.allclose(plain.tokens[..., FIRST:], made.tokens[..., FIRST:])


@pytest.mark.parametrize(
    ("tensors", "code"),
    [
        ({"emb_params": torch.zeros(2, FIRST)}, "embedding_width"),
        ({"clip_l": torch.zeros(2, FIRST), "clip_g": torch.zeros(3, SECOND)}, "model_unreadable"),
    ],
)
def test_an_embedding_that_one_encoder_lacks_is_told(
    bench: Bench, tmp_path: Path, tensors: files.Tensors, code: str
) -> None:
    one = embedding(tmp_path, "cat", tensors)
    with pytest.raises(ModelUnreadable) as caught:
        encoded(bench, "a cat", one)
    assert (caught.value.name, caught.value.params["model"]) == (code, "cat")


EMBED, SEEN = 20, 12  # of the image encoder


def encoder(folder: Path, seed: int, width: int = EMBED) -> None:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=SEEN, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        image_size=32, patch_size=8, projection_dim=width,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")


def adapter(xl: TinyXl, folder: Path) -> Resource:
    wide = FIRST + SECOND
    made = {
        "image_proj.proj.weight": files.draw(4 * wide, EMBED),
        "image_proj.proj.bias": files.draw(4 * wide),
        "image_proj.norm.weight": torch.ones(wide),
        "image_proj.norm.bias": torch.zeros(wide),
    }
    names = [name for name in xl.network.attn_processors if "attn2" in name]
    for place, name in enumerate(names):
        hidden = files.weight(xl.network, name.replace("processor", "to_k")).shape[0]
        for which in ("k", "v"):
            made[f"ip_adapter.{2 * place + 1}.to_{which}_ip.weight"] = files.draw(
                hidden, wide, seed=place
            )
    path = folder / "ip.safetensors"
    save_file(made, path)
    return Resource(
        id="ip", kind="ip_adapter", path=str(path), identity="hash", family="sdxl", name="ip",
        format="single",
    )  # fmt: skip


def followed(bench: Bench, one: Resource, pixels: torch.Tensor) -> torch.Tensor:
    ctx = bench.context("job", one)
    found = parts(ctx)
    words = [
        PromptEncode(prompt=text, negative=not text).run(ctx, found.text_encoder)
        for text in ("a red fox", "")
    ]
    node = ControlIpAdapter(adapter="ip", weight=1.0)
    made = node.run(ctx, found.model, *words, Image(pixels=pixels))
    sample = LatentSample(seed=3, steps=3, sampler="euler", guidance_scale=5.0)
    return sample.run(ctx, made.model, made.positive, empty(ctx), made.negative).samples


@pytest.mark.slow
def test_a_picture_is_followed_as_diffusers_does_by_the_encoder_that_the_adapter_takes(
    bench: Bench, xl: TinyXl, tmp_path: Path
) -> None:
    from PIL import Image as Pillow
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    shelf = tmp_path / "sdxl_models"
    shelf.mkdir()
    encoder(shelf, 5, width=EMBED + 4)  # of the other adapters in this folder
    encoder(tmp_path / "models", 6)
    one = adapter(xl, shelf)
    levels = torch.randint(0, 256, (1, 3, 20, 24), generator=torch.Generator().manual_seed(1))
    made = followed(bench, one, levels / 255)

    pipeline = TinyXl(xl.folder).pipeline("StableDiffusionXLPipeline", "euler")
    seeing = CLIPVisionModelWithProjection.from_pretrained(tmp_path / "models/image_encoder")
    side = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    pipeline.register_modules(image_encoder=seeing, feature_extractor=CLIPImageProcessor(**side))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.load_ip_adapter(
            str(shelf), subfolder="", weight_name="ip.safetensors", image_encoder_folder=None,
            local_files_only=True,
        )  # fmt: skip
    pipeline.set_ip_adapter_scale(1.0)
    shown = Pillow.fromarray(levels[0].permute(1, 2, 0).to(torch.uint8).numpy())
    assert close(made, drawn(pipeline, ip_adapter_image=shown))
