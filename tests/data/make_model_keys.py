"""Write down the tensors of real models: name → shape, from the libraries' own classes.

Each network is made at its published configuration on the meta device, so that nothing is
allocated. The original layouts are made by turning diffusers' converters around, and held to
them: what the converter makes of our names has to be the class's own names and shapes.

Run as ``python -m tests.data.make_model_keys``; what ships lies in ``tests/data/model_keys``.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import diffusers
import torch
import transformers
from diffusers.loaders import single_file_utils as converters
from torch import nn

from tests.core.library import keys
from tests.core.library.keys import Shapes

UNET = "model.diffusion_model."
WIDE = {  # SDXL 1.0
    "block_out_channels": (320, 640, 1280), "attention_head_dim": (5, 10, 20),
    "transformer_layers_per_block": (1, 2, 10), "cross_attention_dim": 2048,
    "use_linear_projection": True, "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
}  # fmt: skip
UPS = {"up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")}
SD2 = {"cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20),
       "use_linear_projection": True}  # fmt: skip
REFINER = {
    "block_out_channels": (384, 768, 1536, 1536), "attention_head_dim": (6, 12, 24, 24),
    "transformer_layers_per_block": 4, "cross_attention_dim": 1280, "use_linear_projection": True,
    "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2560,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D",
                         "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
}  # fmt: skip
MIXED = {"sample_size": 128, "joint_attention_dim": 4096, "pooled_projection_dim": 2048,
         "attention_head_dim": 64}  # fmt: skip
SD3 = {
    "sd3-medium": {**MIXED, "num_layers": 24, "num_attention_heads": 24,
                   "caption_projection_dim": 1536, "pos_embed_max_size": 192},
    "sd3.5-medium": {**MIXED, "num_layers": 24, "num_attention_heads": 24,
                     "caption_projection_dim": 1536, "pos_embed_max_size": 384,
                     "dual_attention_layers": tuple(range(13)), "qk_norm": "rms_norm"},
    "sd3.5-large": {**MIXED, "num_layers": 38, "num_attention_heads": 38,
                    "caption_projection_dim": 2432, "pos_embed_max_size": 192,
                    "qk_norm": "rms_norm"},
}  # fmt: skip
FLUX = {
    "flux-dev": {"guidance_embeds": True},
    "flux-schnell": {"guidance_embeds": False},
    "flux-fill": {"guidance_embeds": True, "in_channels": 384, "out_channels": 64},
    "flux-control": {"guidance_embeds": True, "in_channels": 128, "out_channels": 64},
}
CODER = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
HEADS = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2", "controlnet_mid_block": "middle_block_out.0",
    "controlnet_cond_embedding.conv_in": "input_hint_block.0",
    "controlnet_cond_embedding.conv_out": "input_hint_block.14",
}  # fmt: skip


def shapes(make: Callable[[], nn.Module]) -> Shapes:
    """Give the tensors of a network that is not allocated."""
    with torch.device("meta"):
        made = make()
    return {name: tuple(tensor.shape) for name, tensor in made.state_dict().items()}


def unet(**config: Any) -> Shapes:
    return shapes(lambda: diffusers.UNet2DConditionModel(**config))


def to_ldm(ours: Shapes) -> Shapes:
    """Name a UNet or ControlNet as its first authors did."""
    attentive = {match[1] for name in ours if (match := re.match(r"up_blocks\.(\d)\.att", name))}
    made = {}
    for name, shape in ours.items():
        renamed = ldm_block(name, attentive)
        if ".resnets." in name:
            head, _, part = renamed.rpartition(".")
            outer, _, layer = head.rpartition(".")
            renamed = f"{outer}.{RESNET[layer]}.{part}"
        made[renamed] = shape
    return made


def ldm_block(name: str, attentive: set[str]) -> str:
    for start, to in HEADS.items():
        if name.startswith(start + "."):
            return to + name.removeprefix(start)
    found = re.match(r"controlnet_cond_embedding\.blocks\.(\d+)(.*)", name)
    if found:
        return f"input_hint_block.{2 * int(found[1]) + 2}{found[2]}"
    if name.startswith("controlnet_down_blocks."):
        return re.sub(r"controlnet_down_blocks\.(\d+)", r"zero_convs.\1.0", name)
    found = re.match(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", name)
    assert found, name
    side, outer, part, inner, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if side == "down":
        if part == "downsamplers":
            return f"input_blocks.{3 * outer + 3}.0.op.{rest.removeprefix('conv.')}"
        return f"input_blocks.{3 * outer + inner + 1}.{int(part == 'attentions')}.{rest}"
    if part == "upsamplers":
        return f"output_blocks.{3 * outer + 2}.{1 + (str(outer) in attentive)}.{rest}"
    return f"output_blocks.{3 * outer + inner}.{int(part == 'attentions')}.{rest}"


def held(ours: Shapes, original: Shapes, convert: Callable[..., Any], **config: Any) -> Shapes:
    """Let diffusers convert original names back, and compare with its own."""
    tensors = {name: torch.empty(shape, device="meta") for name, shape in original.items()}
    back = {name: tuple(tensor.shape) for name, tensor in convert(tensors, **config).items()}
    assert back == ours, sorted(back.items() ^ ours.items())[:10]
    return original


def prefixed(prefix: str, some: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in some.items()}


def ldm_unet(ours: Shapes) -> Shapes:
    made = prefixed(UNET, to_ldm(ours))
    config = {"layers_per_block": 2,
              "addition_embed_type": "text_time" if "add_embedding.linear_1.weight" in ours
              else None}  # fmt: skip
    return held(ours, made, converters.convert_ldm_unet_checkpoint, config=config)


def vae(channels: int, **config: Any) -> Shapes:
    return shapes(lambda: diffusers.AutoencoderKL(**CODER, latent_channels=channels, **config))


def ldm_vae(ours: Shapes) -> Shapes:
    """Name a VAE as its first authors did."""
    made = {}
    for name, shape in ours.items():
        new = re.sub(r"encoder\.down_blocks\.(\d)\.resnets\.", r"encoder.down.\1.block.", name)
        new = re.sub(
            r"encoder\.down_blocks\.(\d)\.downsamplers\.0", r"encoder.down.\1.downsample", new
        )
        new = re.sub(r"decoder\.up_blocks\.(\d)\.resnets\.",
                     lambda found: f"decoder.up.{3 - int(found[1])}.block.", new)  # fmt: skip
        new = re.sub(r"decoder\.up_blocks\.(\d)\.upsamplers\.0",
                     lambda found: f"decoder.up.{3 - int(found[1])}.upsample", new)  # fmt: skip
        new = re.sub(r"mid_block\.resnets\.(\d)", lambda f: f"mid.block_{int(f[1]) + 1}", new)
        for old, to in (("mid_block.attentions.0.group_norm", "mid.attn_1.norm"),
                        ("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out"),
                        ("mid_block.attentions.0.to_", "mid.attn_1."),
                        ("conv_norm_out", "norm_out"),
                        ("conv_shortcut", "nin_shortcut")):  # fmt: skip
            new = new.replace(old, to)
        made[new] = (*shape, 1, 1) if "attn_1" in new and len(shape) == 2 else shape
    config = {name: CODER[name] for name in ("down_block_types", "up_block_types")}
    return held(ours, made, converters.convert_ldm_vae_checkpoint, config=config)


def flux(**config: Any) -> Shapes:
    return shapes(lambda: diffusers.FluxTransformer2DModel(**config))


def bfl(ours: Shapes) -> Shapes:
    """Name a FLUX as its first authors did, with queries, keys and values in one."""
    rows = {
        "x_embedder": "img_in", "context_embedder": "txt_in",
        "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
        "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
        "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
        "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
        "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
        "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
        "proj_out": "final_layer.linear", "norm_out.linear": "final_layer.adaLN_modulation.1",
    }  # fmt: skip
    double = {
        "norm1.linear": "img_mod.lin", "norm1_context.linear": "txt_mod.lin",
        "attn.norm_q": "img_attn.norm.query_norm", "attn.norm_k": "img_attn.norm.key_norm",
        "attn.norm_added_q": "txt_attn.norm.query_norm",
        "attn.norm_added_k": "txt_attn.norm.key_norm",
        "ff.net.0.proj": "img_mlp.0", "ff.net.2": "img_mlp.2",
        "ff_context.net.0.proj": "txt_mlp.0", "ff_context.net.2": "txt_mlp.2",
        "attn.to_out.0": "img_attn.proj", "attn.to_add_out": "txt_attn.proj",
        "attn.to_q": "img_attn.qkv", "attn.add_q_proj": "txt_attn.qkv",
    }  # fmt: skip
    single = {
        "norm.linear": "modulation.lin", "attn.norm_q": "norm.query_norm",
        "attn.norm_k": "norm.key_norm", "proj_out": "linear2", "attn.to_q": "linear1",
    }  # fmt: skip
    made: dict[str, tuple[int, ...]] = {}
    for name, shape in ours.items():
        head, _, part = name.rpartition(".")
        found = re.match(r"(single_)?transformer_blocks\.(\d+)\.(.*)", head)
        if not found:
            made[f"{rows[head]}.{part}"] = shape
            continue
        table, side = (single, "single") if found[1] else (double, "double")
        to = table.get(found[3])
        if to is None:
            continue  # goes into the one beside it
        times = {"img_attn.qkv": 3, "txt_attn.qkv": 3, "linear1": 7}.get(to, 1)
        end = "scale" if "_norm" in to else part
        made[f"{side}_blocks.{found[2]}.{to}.{end}"] = (shape[0] * times, *shape[1:])
    return held(ours, made, converters.convert_flux_transformer_checkpoint_to_diffusers)


def sd3(**config: Any) -> Shapes:
    return shapes(lambda: diffusers.SD3Transformer2DModel(**config))


def mmdit(ours: Shapes) -> Shapes:
    """Name an SD3 as its first authors did."""
    rows = {
        "pos_embed.pos_embed": "pos_embed", "pos_embed.proj": "x_embedder.proj",
        "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
        "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
        "context_embedder": "context_embedder", "proj_out": "final_layer.linear",
        "norm_out.linear": "final_layer.adaLN_modulation.1",
    }  # fmt: skip
    blocks = {
        "norm1.linear": "x_block.adaLN_modulation.1",
        "norm1_context.linear": "context_block.adaLN_modulation.1",
        "attn.to_q": "x_block.attn.qkv", "attn.add_q_proj": "context_block.attn.qkv",
        "attn.norm_q": "x_block.attn.ln_q", "attn.norm_k": "x_block.attn.ln_k",
        "attn.norm_added_q": "context_block.attn.ln_q",
        "attn.norm_added_k": "context_block.attn.ln_k",
        "attn.to_out.0": "x_block.attn.proj", "attn.to_add_out": "context_block.attn.proj",
        "attn2.to_q": "x_block.attn2.qkv", "attn2.to_out.0": "x_block.attn2.proj",
        "attn2.norm_q": "x_block.attn2.ln_q", "attn2.norm_k": "x_block.attn2.ln_k",
        "ff.net.0.proj": "x_block.mlp.fc1", "ff.net.2": "x_block.mlp.fc2",
        "ff_context.net.0.proj": "context_block.mlp.fc1",
        "ff_context.net.2": "context_block.mlp.fc2",
    }  # fmt: skip
    made: dict[str, tuple[int, ...]] = {}
    for name, shape in ours.items():
        if name in rows:
            made[rows[name]] = shape
            continue
        head, _, part = name.rpartition(".")
        found = re.match(r"transformer_blocks\.(\d+)\.(.*)", head)
        if not found:
            made[f"{rows[head]}.{part}"] = shape
        elif (to := blocks.get(found[2])) is not None:
            times = 3 if to.endswith("qkv") else 1
            made[f"joint_blocks.{found[1]}.{to}.{part}"] = (shape[0] * times, *shape[1:])
    return held(ours, made, converters.convert_sd3_transformer_checkpoint_to_diffusers)


def clip(width: int, layers: int, heads: int) -> Shapes:
    config = transformers.CLIPTextConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=heads, projection_dim=width,
    )  # fmt: skip
    kind = transformers.CLIPTextModelWithProjection if width == 1280 else transformers.CLIPTextModel
    made = shapes(lambda: kind(config))
    return {
        name
        if name.startswith(("text_model.", "text_projection."))
        else f"text_model.{name}": shape
        for name, shape in made.items()
        if not name.endswith("position_ids")
    }


def open_clip(width: int, layers: int) -> Shapes:
    """Give a text encoder of OpenCLIP: published, and in no library that is at hand."""
    made = {
        "positional_embedding": (77, width), "text_projection": (width, width), "logit_scale": (),
        "token_embedding.weight": (49408, width), "ln_final.weight": (width,),
        "ln_final.bias": (width,),
    }  # fmt: skip
    for layer in range(layers):
        block = f"transformer.resblocks.{layer}."
        made |= {
            f"{block}attn.in_proj_weight": (3 * width, width),
            f"{block}attn.in_proj_bias": (3 * width,),
            f"{block}attn.out_proj.weight": (width, width),
            f"{block}attn.out_proj.bias": (width,),
            f"{block}mlp.c_fc.weight": (4 * width, width), f"{block}mlp.c_fc.bias": (4 * width,),
            f"{block}mlp.c_proj.weight": (width, 4 * width), f"{block}mlp.c_proj.bias": (width,),
        }  # fmt: skip
        for norm in ("ln_1", "ln_2"):
            made |= {f"{block}{norm}.weight": (width,), f"{block}{norm}.bias": (width,)}
    return made


def t5() -> Shapes:
    config = transformers.T5Config(
        vocab_size=32128, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
        feed_forward_proj="gated-gelu",
    )  # fmt: skip
    made = shapes(lambda: transformers.T5EncoderModel(config))
    return {name: shape for name, shape in made.items() if name != "encoder.embed_tokens.weight"}


def vision() -> Shapes:
    config = transformers.CLIPVisionConfig(
        hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16,
        patch_size=14, projection_dim=1024,
    )  # fmt: skip
    made = shapes(lambda: transformers.CLIPVisionModelWithProjection(config))
    return {
        name if name.startswith(("vision_model.", "visual_projection."))
        else f"vision_model.{name}": shape
        for name, shape in made.items()
    }  # fmt: skip


def modules(network: Shapes) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give the layers that adapters are trained on: name, shape of the weight."""
    wanted = re.compile(
        r"(?:attn\d?\.(?:to_[qkv]|to_out\.0|add_[qkv]_proj|to_add_out)|ff\.net\.0\.proj|ff\.net\.2"
        r"|proj_in|proj_out|self_attn\.(?:[qkv]_proj|out_proj)|mlp\.fc[12])\.weight$"
    )
    for name, shape in network.items():
        if wanted.search(name) and len(shape) in (2, 4):
            yield name.removesuffix(".weight"), shape


def down(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (rank, *shape[1:])


def up(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (shape[0], rank, *(1,) * (len(shape) - 2))


def kohya(network: Shapes, start: str, rank: int = 16) -> Shapes:
    made: Shapes = {}
    for name, shape in modules(network):
        module = start + name.replace(".", "_")
        made |= {f"{module}.lora_down.weight": down(shape, rank),
                 f"{module}.lora_up.weight": up(shape, rank), f"{module}.alpha": ()}  # fmt: skip
    return made


def peft(network: Shapes, start: str, ends: tuple[str, str] = (".lora_A", ".lora_B")) -> Shapes:
    made: Shapes = {}
    for name, shape in modules(network):
        made |= {f"{start}{name}{ends[0]}.weight": down(shape, 8),
                 f"{start}{name}{ends[1]}.weight": up(shape, 8)}  # fmt: skip
    return made


def first_diffusers(network: Shapes) -> Shapes:
    """Name an adapter as the first versions of diffusers did, by the attention's processor."""
    made: Shapes = {}
    for name, shape in modules(network):
        found = re.match(r"(.*attn\d)\.(to_\w+)(?:\.0)?$", name)
        if found:
            start = f"unet.{found[1]}.processor.{found[2]}_lora"
            made |= {f"{start}.down.weight": (4, shape[1]), f"{start}.up.weight": (shape[0], 4)}
    return made


def lycoris(network: Shapes, start: str, algorithm: str) -> Shapes:
    made: Shapes = {}
    for name, shape in modules(network):
        module, (out, taken) = start + name.replace(".", "_"), shape[:2]
        if algorithm == "loha":
            for part in ("hada_w1", "hada_w2"):
                made |= {f"{module}.{part}_a": (out, 4), f"{module}.{part}_b": (4, taken)}
        else:
            made |= {f"{module}.lokr_w1": (8, 8), f"{module}.lokr_w2": (out // 8, taken // 8)}
        made[f"{module}.alpha"] = ()
    return made


def ip_adapter(network: Shapes, width: int, projection: Shapes) -> Shapes:
    outs = [shape[0] for name, shape in network.items() if name.endswith("attn2.to_k.weight")]
    made = prefixed("image_proj.", projection)
    for place, out in enumerate(outs):
        made |= {f"ip_adapter.{2 * place + 1}.to_k_ip.weight": (out, width),
                 f"ip_adapter.{2 * place + 1}.to_v_ip.weight": (out, width)}  # fmt: skip
    return made


def checkpoints() -> dict[str, Shapes]:
    first, second, wide, refiner = (
        unet(cross_attention_dim=768),
        unet(**SD2),
        unet(**WIDE, **UPS),
        unet(**REFINER),
    )
    coder = prefixed("first_stage_model.", ldm_vae(vae(4)))
    clip_l = clip(768, 12, 12)
    inpaint = unet(cross_attention_dim=768, in_channels=9)
    bigger = {"conditioner.embedders.0.transformer.": clip_l,
              "conditioner.embedders.1.model.": open_clip(1280, 32)}  # fmt: skip
    texts = {name: shape for prefix, some in bigger.items()
             for name, shape in prefixed(prefix, some).items()}  # fmt: skip
    made = {
        "sd15-checkpoint": {**ldm_unet(first), **coder,
                            **prefixed("cond_stage_model.transformer.", clip_l)},
        "sd15-inpaint-checkpoint": {**ldm_unet(inpaint), **coder,
                                    **prefixed("cond_stage_model.transformer.", clip_l)},
        "sd21-checkpoint": {**ldm_unet(second), **coder,
                            **prefixed("cond_stage_model.model.", open_clip(1024, 24))},
        "sdxl-checkpoint": {**ldm_unet(wide), **coder, **texts},
        "sdxl-inpaint-checkpoint": {
            **ldm_unet(unet(**WIDE, **UPS, in_channels=9)), **coder, **texts},
        "sdxl-refiner-checkpoint": {
            **ldm_unet(refiner), **coder,
            **prefixed("conditioner.embedders.0.model.", open_clip(1280, 32))},
        "sd15-unet": first, "sd21-unet": second, "sdxl-unet": wide,
    }  # fmt: skip
    for name, config in SD3.items():
        ours = sd3(**config)
        made |= {f"{name}-checkpoint": prefixed(UNET, mmdit(ours)), f"{name}-transformer": ours}
    for name, config in FLUX.items():
        ours = flux(**config)
        made |= {f"{name}-original": bfl(ours), f"{name}-transformer": ours}
    return made


def parts() -> dict[str, Shapes]:
    small = shapes(lambda: diffusers.AutoencoderTiny())
    bare = {"use_quant_conv": False, "use_post_quant_conv": False}
    return {
        "vae-4ch": vae(4), "vae-4ch-original": ldm_vae(vae(4)), "vae-16ch": vae(16, **bare),
        "vae-16ch-original": ldm_vae(vae(16, **bare)), "vae-tiny-4ch": small,
        "vae-tiny-16ch": shapes(lambda: diffusers.AutoencoderTiny(latent_channels=16)),
        "clip-l": clip(768, 12, 12), "clip-g": clip(1280, 32, 20),
        "clip-h-original": open_clip(1024, 24), "clip-g-original": open_clip(1280, 32),
        "t5-xxl": t5(), "clip-vision-h": vision(),
    }  # fmt: skip


def steering() -> dict[str, Shapes]:
    first = shapes(lambda: diffusers.ControlNetModel(cross_attention_dim=768))
    original = held(first, prefixed("control_model.", to_ldm(first)),
                    converters.convert_controlnet_checkpoint,
                    config={"layers_per_block": 2})  # fmt: skip
    narrow = unet(cross_attention_dim=768)
    wide = unet(**WIDE, **UPS)
    plain = {"proj.weight": (3072, 1024), "proj.bias": (3072,), "norm.weight": (768,),
             "norm.bias": (768,)}  # fmt: skip
    wider = {"proj.weight": (8192, 1024), "proj.bias": (8192,), "norm.weight": (2048,),
             "norm.bias": (2048,)}  # fmt: skip
    plus = {"latents": (1, 16, 768), "proj_in.weight": (768, 1280), "proj_in.bias": (768,),
            "proj_out.weight": (768, 768)}  # fmt: skip
    faces = {f"ip_adapter.{place}.to_q_lora.down.weight": (128, 320) for place in range(2)}
    return {
        "sd15-controlnet": first, "sd15-controlnet-original": original,
        "sd21-controlnet": shapes(lambda: diffusers.ControlNetModel(**SD2)),
        "sdxl-controlnet": shapes(lambda: diffusers.ControlNetModel(**WIDE)),
        "sdxl-controlnet-union": shapes(
            lambda: diffusers.ControlNetUnionModel(**WIDE, num_control_type=6)),
        "flux-controlnet": shapes(lambda: diffusers.FluxControlNetModel(
            num_layers=5, num_single_layers=0, guidance_embeds=True)),
        "flux-controlnet-union": shapes(lambda: diffusers.FluxControlNetModel(
            num_layers=5, num_single_layers=10, num_mode=10, guidance_embeds=True)),
        "sd3-controlnet": shapes(lambda: diffusers.SD3ControlNetModel(
            **{**SD3["sd3-medium"], "num_layers": 6})),
        "t2i-adapter": shapes(lambda: diffusers.T2IAdapter(adapter_type="full_adapter_xl")),
        "sd15-ip-adapter": ip_adapter(narrow, 768, plain),
        "sd15-ip-adapter-plus": ip_adapter(narrow, 768, plus),
        "sd15-ip-adapter-faceid": {
            **ip_adapter(narrow, 768, {"proj.0.weight": (1024, 512)}), **faces},
        "sdxl-ip-adapter": ip_adapter(wide, 2048, wider),
    }  # fmt: skip


def adapters() -> dict[str, Shapes]:
    first, second, wide = unet(cross_attention_dim=768), unet(**SD2), unet(**WIDE, **UPS)
    named = {name.removeprefix(UNET): shape for name, shape in ldm_unet(wide).items()}
    clip_l, clip_g = clip(768, 12, 12), clip(1280, 32, 20)
    medium, large = sd3(**SD3["sd3.5-medium"]), sd3(**SD3["sd3.5-large"])
    original = {name: shape for name, shape in mmdit(medium).items() if name.endswith("qkv.weight")}
    return {
        "sd15-lora-kohya": {**kohya(first, "lora_unet_"), **kohya(clip_l, "lora_te_")},
        "sd15-lora-kohya-text": kohya(clip_l, "lora_te_"),
        "sd15-lora-diffusers": peft(first, "unet.", (".lora.down", ".lora.up")),
        "sd15-lora-first-diffusers": first_diffusers(first),
        "sd15-lora-peft": {**peft(first, "unet."), **peft(clip_l, "text_encoder.")},
        "sd15-lora-peft-raw": peft(
            first, "base_model.model.", (".lora_A.default", ".lora_B.default")),
        "sd15-loha": lycoris(first, "lora_unet_", "loha"),
        "sd15-lokr": lycoris(first, "lora_unet_", "lokr"),
        "sd21-lora-kohya": kohya(second, "lora_unet_"),
        "sd21-lora-peft": peft(second, "unet."),
        "sdxl-lora-kohya": {**kohya(named, "lora_unet_"), **kohya(clip_l, "lora_te1_"),
                            **kohya(clip_g, "lora_te2_")},
        "sdxl-lora-kohya-unet": kohya(named, "lora_unet_"),
        "sdxl-lora-peft": peft(wide, "unet."),
        "sdxl-lora-peft-self": {
            name: shape for name, shape in peft(wide, "unet.").items() if "attn1" in name},
        "sd3-lora-peft": peft(medium, "transformer."),
        "sd3.5-large-lora-peft": peft(large, "transformer."),
        "sd3-lora-kohya": {
            name: shape for module, size in original.items()
            for start in ["lora_unet_" + module.removesuffix(".weight").replace(".", "_")]
            for name, shape in ((f"{start}.lora_down.weight", down(size, 4)),
                                (f"{start}.lora_up.weight", up(size, 4)))},
    }  # fmt: skip


def main() -> None:
    """Write every list."""
    for made in (checkpoints(), parts(), steering(), adapters()):
        for name, found in made.items():
            keys.write(name, found)


if __name__ == "__main__":
    main()
