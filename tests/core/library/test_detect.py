"""Kind and family, told from names and shapes of tensors."""

import json
from pathlib import Path

import pytest

from core.library.detect import Detected, detect, variant
from core.library.header import Header, Tensor

FIXTURES = Path(__file__).parents[2] / "data" / "lora_keys"


def header(tensors: dict[str, tuple[int, ...]], **metadata: str) -> Header:
    return Header(
        tensors={name: Tensor("F16", shape, 0, 0) for name, shape in tensors.items()},
        metadata=metadata,
    )


UNET = "model.diffusion_model."
BLOCK = "transformer_blocks.0.attn2.to_k.weight"
KOHYA = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
PEFT = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight"


@pytest.mark.parametrize(
    ("tensors", "kind", "family"),
    [
        ({f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3),
          f"{UNET}input_blocks.1.1.{BLOCK}": (320, 768)}, "checkpoint", "sd1"),
        ({f"{UNET}input_blocks.0.0.weight": (320, 9, 3, 3),
          f"{UNET}input_blocks.1.1.{BLOCK}": (320, 768)}, "checkpoint", "sd1"),
        ({f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3),
          f"{UNET}input_blocks.1.1.{BLOCK}": (320, 1024)}, "checkpoint", "sd2"),
        ({f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3),
          f"{UNET}input_blocks.4.1.{BLOCK}": (640, 2048)}, "checkpoint", "sdxl"),
        ({f"{UNET}input_blocks.0.0.weight": (384, 4, 3, 3),
          f"{UNET}input_blocks.4.1.{BLOCK}": (768, 1280)}, "checkpoint", "sdxl-refiner"),
        ({f"{UNET}joint_blocks.0.context_block.attn.qkv.weight": (4608, 1536)},
         "checkpoint", "sd3"),
        ({f"{UNET}double_blocks.0.img_attn.qkv.weight": (9216, 3072)}, "checkpoint", "flux"),
        ({"double_blocks.0.img_attn.qkv.weight": (9216, 3072)}, "checkpoint", "flux"),
        ({f"{UNET}input_blocks.0.0.weight": (64, 4, 3, 3)}, "checkpoint", "unknown"),
        ({KOHYA: (16, 768)}, "lora", "sd1"),
        ({KOHYA: (16, 1024)}, "lora", "sd2"),
        ({KOHYA: (16, 2048)}, "lora", "sdxl"),
        ({PEFT: (8, 768)}, "lora", "sd1"),
        ({KOHYA: (16, 2048), "lora_te2_text_model_x.lora_up.weight": (8, 8)}, "lora", "sdxl"),
        ({"transformer.transformer_blocks.0.attn.add_k_proj.lora_A.weight": (4, 1536)},
         "lora", "sd3"),
        ({"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight": (4, 3072)},
         "lora", "flux"),
        ({"lora_unet_x.hada_w1_a": (4, 4)}, "lora", "unknown"),
        ({"lora_unet_x.lokr_w1": (4, 4)}, "lora", "unknown"),
        ({"decoder.conv_in.weight": (512, 4, 3, 3), "encoder.conv_in.weight": (128, 3, 3, 3)},
         "vae", "unknown"),
        ({"control_model.input_blocks.0.0.weight": (320, 4, 3, 3),
          f"control_model.input_blocks.1.1.{BLOCK}": (320, 768)}, "controlnet", "sd1"),
        ({"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3),
          f"down_blocks.1.attentions.0.{BLOCK}": (640, 2048)}, "controlnet", "sdxl"),
        ({"image_proj.proj.weight": (3072, 1024), "ip_adapter.1.to_k_ip.weight": (320, 768)},
         "ip_adapter", "sd1"),
        ({"emb_params": (4, 768)}, "embedding", "sd1"),
        ({"emb_params": (4, 256)}, "embedding", "sd1"),
        ({"<fox>": (1, 256)}, "embedding", "sd1"),
        ({"emb_params": (4, 640)}, "embedding", "unknown"),
        ({"<fox>": (1, 640)}, "other", "unknown"),
        ({KOHYA: (16, 256)}, "lora", "sd1"),
        ({"<fox>": (1, 1024)}, "embedding", "sd2"),
        ({"clip_l": (4, 768), "clip_g": (4, 1280)}, "embedding", "sdxl"),
        ({"conv_first.weight": (64, 3, 3, 3)}, "upscaler", "unknown"),
        ({"model.0.weight": (64, 3, 3, 3)}, "upscaler", "unknown"),
        ({"body.0.weight": (64, 3, 3, 3), "body.1.weight": (64,), "body.2.weight": (64, 64, 3, 3)},
         "upscaler", "unknown"),
        ({"body.0.weight": (64, 3, 3, 3)}, "other", "unknown"),
        ({"conv_1.sk.weight": (48, 3, 1, 1), "upsampler.0.weight": (48, 48, 3, 3)},
         "upscaler", "unknown"),
        ({"toRGB.0.weight": (3, 8, 1, 1), "stylegan_decoder.style_mlp.1.weight": (8, 8)},
         "restorer", "unknown"),
        ({"encoder.conv_in.weight": (64, 3, 3, 3), "quantize.embedding.weight": (1024, 256),
          "decoder.conv_in.weight": (512, 256, 3, 3), "decoder.conv_out.weight": (3, 64, 3, 3)},
         "restorer", "unknown"),
        ({"text_model.embeddings.token_embedding.weight": (49408, 768), "x": (1,)},
         "text_encoder", "unknown"),
        ({"transformer.transformer_blocks.0.attn.to_k.lora_A.weight": (4, 3072)}, "lora", "flux"),
        ({"transformer_blocks.59.attn.add_k_proj.lora_A.weight": (4, 3072)}, "lora", "unknown"),
        ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (4, 6144)}, "lora", "flux2"),
        ({"double_blocks.0.img_attn.qkv.weight": (1, 1),
          "single_stream_modulation.lin.weight": (1, 1)}, "checkpoint", "flux2"),
        ({"lllite_unet_x.down.0.weight": (4, 4)}, "other", "unknown"),
        ({"lora_controlnet": (), "input_hint_block.0.weight": (16, 3, 3, 3)}, "controlnet", "sd1"),
        ({}, "other", "unknown"),
    ],
)  # fmt: skip
def test_a_file_is_told_by_its_tensors(
    tensors: dict[str, tuple[int, ...]], kind: str, family: str
) -> None:
    found = detect(header(tensors))
    assert (found.kind, found.family) == (kind, family)


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_a_real_flux_adapter_of_every_dialect_is_told(file: Path) -> None:
    shapes = {name: tuple(shape) for name, shape in json.loads(file.read_text()).items()}
    assert detect(header(shapes)) == Detected("lora", "flux")


@pytest.mark.parametrize(
    ("metadata", "family"),
    [
        ({"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}, "sdxl"),
        ({"ss_base_model_version": "sd_v1"}, "sd1"),
        ({"modelspec.architecture": "flux-1-dev/lora"}, "flux"),
        ({"modelspec.architecture": "something new"}, "unknown"),
    ],
)
def test_metadata_tells_the_family_where_shapes_do_not(
    metadata: dict[str, str], family: str
) -> None:
    assert detect(header({"lora_unet_x.lokr_w1": (4, 4)}, **metadata)).family == family


def test_shapes_are_believed_before_metadata() -> None:
    said = header({KOHYA: (16, 768)}, **{"modelspec.architecture": "stable-diffusion-xl"})
    assert detect(said).family == "sd1"


@pytest.mark.parametrize(
    ("dtypes", "name"),
    [
        (["F32"], "fp32"), (["F16", "F16", "F32"], "fp16"), (["BF16"], "bf16"),
        (["F8_E4M3", "F8_E4M3", "F32"], "fp8"), (["I8", "I8"], "int8"), (["U8"], ""), ([], ""),
    ],
)  # fmt: skip
def test_the_variant_is_the_format_of_most_bytes(dtypes: list[str], name: str) -> None:
    tensors = {str(number): Tensor(dtype, (8,), 8 * number, 8 * number + 8)
               for number, dtype in enumerate(dtypes)}  # fmt: skip
    assert variant(Header(tensors=tensors, metadata={})) == name


def test_packed_weights_are_told_by_what_stands_beside_them() -> None:
    packed = {"a.weight": (8, 1), "a.weight.quant_state.bitsandbytes__nf4": (99,)}
    assert variant(header(packed)) == "nf4"
