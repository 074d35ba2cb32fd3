"""FLUX, Stable Diffusion 3 and XL by the names of their first release, part by part.

What reads them is asked itself, so that a family's layout is known before its rows are.
"""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.models import modules, tokens
from core.engine.models.original.table import TABLE, facts
from core.engine.models.weights import Weights
from tests.engine.models import originals, originals_flow
from tests.engine.models.originals import Tensors

pytestmark = pytest.mark.timeout(240)


def read(path: Path, family: str, part: str, kind: str, library: str = "diffusers") -> Any:
    """Read a part as a file's reader does."""
    weights = Weights([path], path.name)
    row, told = TABLE[family][part], facts(family)[part]
    names = row.find(weights)
    assert names
    config = row.config(row.named(weights.outlines(names), told), told)
    named = row.named(weights.read(names, torch.float32), told)
    make = modules.of_diffusers if library == "diffusers" else modules.of_transformers
    return make(kind, config, named).eval()


def same(ours: Any, theirs: Any) -> None:
    a, b = ours.state_dict(), theirs.state_dict()
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


def whole(prefix: str, tensors: Tensors, root: Path) -> Path:
    other = {"vae.decoder.conv_in.bias": torch.zeros(4)}
    named = originals.with_prefix(prefix, tensors)
    return originals.write(root / "whole.safetensors", {**named, **other})


def run_flux(module: Any) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    channels = module.config.in_channels
    with torch.inference_mode():
        made = module(
            hidden_states=torch.randn((1, 16, channels), generator=generator),
            encoder_hidden_states=torch.randn((1, 7, 48), generator=generator),
            pooled_projections=torch.randn((1, 40), generator=generator),
            timestep=torch.tensor([0.5]),
            guidance=torch.tensor([3.5]) if module.config.guidance_embeds else None,
            img_ids=torch.zeros((16, 3)),
            txt_ids=torch.zeros((7, 3)),
        ).sample
    assert isinstance(made, torch.Tensor)
    return made


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(("guidance", "inputs"), [(True, 16), (False, 16), (True, 96)])
def test_flux_is_what_its_file_holds(
    tmp_path: Path, guidance: bool, inputs: int, bare: bool
) -> None:
    made = originals_flow.tiny_flux(guidance, inputs).eval()
    tensors = originals_flow.flux(made.state_dict())
    path = whole("" if bare else "model.diffusion_model.", tensors, tmp_path)
    ours = read(path, "flux", "model", "FluxTransformer2DModel")
    same(ours, made)
    assert torch.equal(run_flux(ours), run_flux(made))
    assert ours.config.guidance_embeds is guidance


def test_the_heads_axes_are_those_that_were_published() -> None:
    from core.engine.models.original.flow import flux_config

    named = {name: torch.empty(one.shape, device="meta")
             for name, one in originals_flow.tiny_flux().state_dict().items()}  # fmt: skip
    named["transformer_blocks.0.attn.norm_q.weight"] = torch.empty(128, device="meta")
    assert flux_config(named, {})["axes_dims_rope"] == [16, 56, 56]


@pytest.mark.parametrize("newer", [True, False])
def test_stable_diffusion_3_is_what_its_file_holds(tmp_path: Path, newer: bool) -> None:
    made = originals_flow.tiny_sd3(newer).eval()
    path = whole("model.diffusion_model.", originals_flow.sd3(made.state_dict()), tmp_path)
    ours = read(path, "sd3", "model", "SD3Transformer2DModel")
    same(ours, made)
    generator = torch.Generator().manual_seed(0)
    given = {
        "hidden_states": torch.randn((1, 16, 8, 8), generator=generator),
        "encoder_hidden_states": torch.randn((1, 7, 48), generator=generator),
        "pooled_projections": torch.randn((1, 40), generator=generator),
        "timestep": torch.tensor([500.0]),
    }
    with torch.inference_mode():
        assert torch.equal(ours(**given).sample, made(**given).sample)
    assert tuple(ours.config.dual_attention_layers) == tuple(made.config.dual_attention_layers)


def test_flux_and_sd3_by_diffusers_names_are_read_too(tmp_path: Path) -> None:
    for family, made in (("flux", originals_flow.tiny_flux()), ("sd3", originals_flow.tiny_sd3())):
        path = originals.write(tmp_path / f"{family}.safetensors", made.state_dict())
        same(read(path, family, "model", type(made).__name__), made)


@pytest.mark.parametrize(
    ("family", "part", "prefix"),
    [
        ("sdxl", "text_encoder", "conditioner.embedders.0.transformer.text_model."),
        ("flux", "text_encoder", "text_encoders.clip_l.transformer.text_model."),
        ("flux", "text_encoder", ""),
    ],
)
def test_the_small_clip_is_what_the_file_holds(
    tmp_path: Path, family: str, part: str, prefix: str
) -> None:
    made = originals_flow.tiny_clip(projects=False, act="quick_gelu")
    path = whole(prefix, made.state_dict(), tmp_path)
    ours = read(path, family, part, "CLIPTextModel", "transformers")
    same(ours, made)
    ids = torch.tensor([[49406, 320, 2368, 49407]])
    with torch.inference_mode():
        assert torch.equal(ours(ids).pooler_output, made(ids).pooler_output)


def test_the_large_clip_of_sdxl_is_what_the_file_holds(tmp_path: Path) -> None:
    made = originals_flow.tiny_clip(projects=True, act="gelu", wide=128)
    tensors = originals.open_clip(made.state_dict())
    path = whole("conditioner.embedders.1.model.", tensors, tmp_path)
    ours = read(path, "sdxl", "text_encoder_2", "CLIPTextModelWithProjection", "transformers")
    same(ours, made)
    ids = torch.tensor([[49406, 320, 2368, 49407]])
    with torch.inference_mode():
        assert torch.equal(ours(ids).text_embeds, made(ids).text_embeds)


def test_the_refiner_of_sdxl_has_the_large_clip_alone(tmp_path: Path) -> None:
    made = originals_flow.tiny_clip(projects=True, act="gelu", wide=128)
    tensors = originals.open_clip(made.state_dict())
    path = whole("conditioner.embedders.0.model.", tensors, tmp_path)
    kind = "CLIPTextModelWithProjection"
    same(read(path, "sdxl-refiner", "text_encoder_2", kind, "transformers"), made)
    assert "text_encoder" not in TABLE["sdxl-refiner"]


def test_clips_of_sd3_have_projections_whether_the_file_has_one_or_not(tmp_path: Path) -> None:
    made = originals_flow.tiny_clip(projects=True, act="gelu")
    path = whole("text_encoders.clip_g.transformer.", made.state_dict(), tmp_path)
    same(read(path, "sd3", "text_encoder_2", "CLIPTextModelWithProjection", "transformers"), made)
    plain = originals_flow.tiny_clip(projects=False, act="quick_gelu")
    path = whole("text_encoders.clip_l.transformer.text_model.", plain.state_dict(), tmp_path)
    ours = read(path, "sd3", "text_encoder", "CLIPTextModelWithProjection", "transformers")
    assert torch.equal(ours.text_projection.weight, torch.eye(64))


@pytest.mark.parametrize("prefix", ["text_encoders.t5xxl.transformer.", ""])
@pytest.mark.parametrize(
    ("family", "part"), [("flux", "text_encoder_2"), ("sd3", "text_encoder_3")]
)
def test_t5_is_what_the_file_holds_and_its_table_lies_there_once(
    tmp_path: Path, family: str, part: str, prefix: str
) -> None:
    made = originals_flow.tiny_t5()
    tensors = {name: one for name, one in made.state_dict().items() if "embed_tokens" not in name}
    path = whole(prefix, tensors, tmp_path)
    ours = read(path, family, part, "T5EncoderModel", "transformers")
    ids = torch.tensor([[3, 9, 1712, 1]])
    with torch.inference_mode():
        assert torch.equal(ours(ids)[0], made(ids)[0])
    assert ours.shared is ours.encoder.embed_tokens


def test_the_words_of_t5_are_those_that_were_published(tmp_path: Path) -> None:
    from transformers import T5Tokenizer

    ours = tokens.shipped_with({"tokenizer": "t5", "length": 256}, {"vocab_size": 32128})
    assert ours("a photo of a cat").input_ids == [3, 9, 1202, 13, 3, 9, 1712, 1]
    ours.save_pretrained(tmp_path)
    theirs = T5Tokenizer.from_pretrained(tmp_path)
    for words in ("", "A red fox, 2 cats & ½ Ünïcode", "two  spaces", "日本"):
        a, b = (
            one(words, padding="max_length", truncation=True).input_ids for one in (ours, theirs)
        )
        assert a == b
        assert len(a) == 256


def test_an_encoder_with_too_few_words_is_refused() -> None:
    with pytest.raises(ValueError, match="knows 100 words"):
        tokens.shipped_with({"tokenizer": "t5"}, {"vocab_size": 100})


@pytest.mark.parametrize("stored", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_weights_of_8_bits_are_read_with_their_scales(tmp_path: Path, stored: torch.dtype) -> None:
    made = originals_flow.tiny_flux()
    tensors = originals_flow.flux(made.state_dict())
    scaled: Tensors = {}
    for name, one in tensors.items():
        if one.ndim == 2:
            scale = one.abs().max() / 100
            scaled[name] = (one / scale).to(stored)
            scaled[name.removesuffix(".weight") + ".scale_weight"] = scale
        else:
            scaled[name] = one
    path = originals.write(tmp_path / "small.safetensors", scaled)
    ours = read(path, "flux", "model", "FluxTransformer2DModel")
    for name, one in made.state_dict().items():
        assert (ours.state_dict()[name] - one).abs().max() <= 0.13 * one.abs().max()


def test_sdxl_is_what_its_file_holds(tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    made = UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(64, 128, 128),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 3),
        cross_attention_dim=64,
        attention_head_dim=(1, 2, 2),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=6 * 256 + 40,
    ).eval()
    tensors = originals.unet(made.state_dict(), layers=2)
    assert "label_emb.0.2.weight" in tensors
    ours = read(
        whole("model.diffusion_model.", tensors, tmp_path), "sdxl", "model", "UNet2DConditionModel"
    )
    same(ours, made)
    generator = torch.Generator().manual_seed(0)
    more = {"text_embeds": torch.randn((1, 40), generator=generator), "time_ids": torch.ones(1, 6)}
    drawn, words = torch.randn((1, 4, 8, 8)), torch.randn((1, 7, 64))
    with torch.inference_mode():
        a, b = (one(drawn, 500, words, added_cond_kwargs=more).sample for one in (ours, made))
    assert torch.equal(a, b)
