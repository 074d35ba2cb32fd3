"""Tiny FLUX, Stable Diffusion 3 and T5, in the layouts of their first release."""

import re
from typing import Any

import torch

from tests.engine.models.originals import Tensors


def tiny_flux(guidance: bool = True, inputs: int = 16) -> Any:
    from diffusers import FluxTransformer2DModel

    torch.manual_seed(0)
    return FluxTransformer2DModel(
        patch_size=1, in_channels=inputs, out_channels=16, num_layers=2, num_single_layers=3,
        attention_head_dim=32, num_attention_heads=2, joint_attention_dim=48,
        pooled_projection_dim=40, guidance_embeds=guidance, axes_dims_rope=(4, 14, 14),
    )  # fmt: skip


def tiny_sd3(newer: bool = True) -> Any:
    """Make one like the 3.5 medium, with norms and second attention, or like the first."""
    from diffusers import SD3Transformer2DModel

    torch.manual_seed(0)
    return SD3Transformer2DModel(
        sample_size=128, patch_size=2, in_channels=16, out_channels=16, num_layers=3,
        attention_head_dim=64, num_attention_heads=1, joint_attention_dim=48,
        caption_projection_dim=64, pooled_projection_dim=40, pos_embed_max_size=24,
        qk_norm="rms_norm" if newer else None,
        dual_attention_layers=(0, 1) if newer else (),
    )  # fmt: skip


def tiny_t5(wide: int = 32) -> Any:
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(0)
    return T5EncoderModel(
        T5Config(
            vocab_size=32128, d_model=wide, d_kv=8, d_ff=64, num_layers=2, num_heads=4,
            feed_forward_proj="gated-gelu", tie_word_embeddings=False,
        )
    ).eval()  # fmt: skip


def tiny_clip(projects: bool, act: str, wide: int = 64) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=49408, hidden_size=wide, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=wide // 64, hidden_act=act, projection_dim=wide,
        bos_token_id=49406, eos_token_id=49407, pad_token_id=49407,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projects else CLIPTextModel)(config).eval()


def flux(given: Tensors) -> Tensors:
    made = _joined(given, {
        r"^transformer_blocks\.(\d+)\.attn\.to_q": (("to_q", "to_k", "to_v"),
                                                    r"double_blocks.\1.img_attn.qkv"),
        r"^transformer_blocks\.(\d+)\.attn\.add_q_proj": (
            ("add_q_proj", "add_k_proj", "add_v_proj"), r"double_blocks.\1.txt_attn.qkv"),
        r"^single_transformer_blocks\.(\d+)\.attn\.to_q": (
            ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"), r"single_blocks.\1.linear1"),
    })  # fmt: skip
    return _renamed(made, (
        *_EMBEDDERS, ("^context_embedder", "txt_in"), ("^x_embedder", "img_in"),
        ("^time_text_embed.guidance_embedder.linear_1", "guidance_in.in_layer"),
        ("^time_text_embed.guidance_embedder.linear_2", "guidance_in.out_layer"),
        ("^time_in.mlp.0", "time_in.in_layer"), ("^time_in.mlp.2", "time_in.out_layer"),
        ("^text_in.mlp.0", "vector_in.in_layer"), ("^text_in.mlp.2", "vector_in.out_layer"),
        (r"^single_transformer_blocks\.(\d+)\.norm\.linear", r"single_blocks.\1.modulation.lin"),
        (r"^single_transformer_blocks\.(\d+)\.proj_out", r"single_blocks.\1.linear2"),
        (r"^single_transformer_blocks\.(\d+)\.attn\.norm_(q|k)\.weight",
         lambda m: f"single_blocks.{m[1]}.norm.{_LONG[m[2]]}_norm.scale"),
        (r"^transformer_blocks\.(\d+)\.", r"double_blocks.\1."),
        (r"\.attn\.norm_(q|k)\.weight", lambda m: f".img_attn.norm.{_LONG[m[1]]}_norm.scale"),
        (r"\.attn\.norm_added_(q|k)\.weight", lambda m: f".txt_attn.norm.{_LONG[m[1]]}_norm.scale"),
        (r"\.norm1\.linear", ".img_mod.lin"), (r"\.norm1_context\.linear", ".txt_mod.lin"),
        (r"\.ff\.net\.0\.proj", ".img_mlp.0"), (r"\.ff\.net\.2", ".img_mlp.2"),
        (r"\.ff_context\.net\.0\.proj", ".txt_mlp.0"), (r"\.ff_context\.net\.2", ".txt_mlp.2"),
        (r"\.attn\.to_out\.0", ".img_attn.proj"), (r"\.attn\.to_add_out", ".txt_attn.proj"),
    ))  # fmt: skip


def sd3(given: Tensors) -> Tensors:
    made = _joined(given, {
        r"^transformer_blocks\.(\d+)\.attn\.to_q": (("to_q", "to_k", "to_v"),
                                                    r"joint_blocks.\1.x_block.attn.qkv"),
        r"^transformer_blocks\.(\d+)\.attn2\.to_q": (("to_q", "to_k", "to_v"),
                                                     r"joint_blocks.\1.x_block.attn2.qkv"),
        r"^transformer_blocks\.(\d+)\.attn\.add_q_proj": (
            ("add_q_proj", "add_k_proj", "add_v_proj"),
            r"joint_blocks.\1.context_block.attn.qkv"),
    })  # fmt: skip
    last = max(int(name.split(".")[1]) for name in made if name.startswith("joint_blocks"))
    for kind in ("weight", "bias"):  # the last block's is continuous, as the final one
        name = f"transformer_blocks.{last}.norm1_context.linear.{kind}"
        made[name] = _swapped(made[name])
    return _renamed(made, (
        *_EMBEDDERS, ("^time_in", "t_embedder"), ("^text_in", "y_embedder"),
        (r"^pos_embed\.pos_embed", "pos_embed"), (r"^pos_embed\.proj", "x_embedder.proj"),
        (r"^transformer_blocks\.(\d+)\.", r"joint_blocks.\1."),
        (r"\.(attn2?)\.norm_(q|k)\.", r".x_block.\1.ln_\2."),
        (r"\.attn\.norm_added_(q|k)\.", r".context_block.attn.ln_\1."),
        (r"\.(attn2?)\.to_out\.0", r".x_block.\1.proj"),
        (r"\.attn\.to_add_out", ".context_block.attn.proj"),
        (r"\.norm1\.linear", ".x_block.adaLN_modulation.1"),
        (r"\.norm1_context\.linear", ".context_block.adaLN_modulation.1"),
        (r"\.ff\.net\.0\.proj", ".x_block.mlp.fc1"), (r"\.ff\.net\.2", ".x_block.mlp.fc2"),
        (r"\.ff_context\.net\.0\.proj", ".context_block.mlp.fc1"),
        (r"\.ff_context\.net\.2", ".context_block.mlp.fc2"),
    ))  # fmt: skip


_LONG = {"q": "query", "k": "key"}
_EMBEDDERS = (
    (r"^time_text_embed\.timestep_embedder\.linear_1", "time_in.mlp.0"),
    (r"^time_text_embed\.timestep_embedder\.linear_2", "time_in.mlp.2"),
    (r"^time_text_embed\.text_embedder\.linear_1", "text_in.mlp.0"),
    (r"^time_text_embed\.text_embedder\.linear_2", "text_in.mlp.2"),
    (r"^proj_out", "final_layer.linear"),
    (r"^norm_out\.linear", "final_layer.adaLN_modulation.1"),
)


def _joined(given: Tensors, rules: dict[str, tuple[tuple[str, ...], str]]) -> Tensors:
    """Put matrices on top of each other, as they were published."""
    made = {
        name: _swapped(tensor) if name.startswith("norm_out.linear") else tensor
        for name, tensor in given.items()
    }
    for pattern, (parts, new) in rules.items():
        for name in list(given):
            if re.match(pattern, name):
                others = [name.replace(parts[0], part) for part in parts]
                made[re.sub(pattern, new, name)] = torch.cat([made.pop(one) for one in others])
    return made


def _renamed(given: Tensors, rules: Any) -> Tensors:
    made = {}
    for name, tensor in given.items():
        for pattern, new in rules:
            name = re.sub(pattern, new, name)
        made[name] = tensor
    return made


def _swapped(tensor: torch.Tensor) -> torch.Tensor:
    scale, shift = tensor.chunk(2, dim=0)
    return torch.cat([shift, scale])
