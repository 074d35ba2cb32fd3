"""Text encoders: CLIP by the names of transformers and of OpenCLIP, and T5."""

import re
from types import SimpleNamespace

import torch

from core.engine.models.original.shapes import Json, Tensors, count, width, without

CLIP_MARKS = (
    "text_model.embeddings.token_embedding.weight", "embeddings.token_embedding.weight",
    "token_embedding.weight",
)  # fmt: skip
T5_MARKS = ("encoder.block.0.layer.0.SelfAttention.q.weight", "enc.blk.0.attn_q.weight")
_GGUF = tuple(
    (re.compile(old), new)
    for old, new in (
        (r"^token_embd\.", "shared."),
        (r"^enc\.output_norm\.", "encoder.final_layer_norm."),
        (r"^enc\.blk\.(\d+)\.attn_norm\.", r"encoder.block.\1.layer.0.layer_norm."),
        (r"^enc\.blk\.(\d+)\.attn_([qkvo])\.", r"encoder.block.\1.layer.0.SelfAttention.\2."),
        (r"^enc\.blk\.(\d+)\.attn_rel_b\.",
         r"encoder.block.\1.layer.0.SelfAttention.relative_attention_bias."),
        (r"^enc\.blk\.(\d+)\.ffn_norm\.", r"encoder.block.\1.layer.1.layer_norm."),
        (r"^enc\.blk\.(\d+)\.ffn_gate\.", r"encoder.block.\1.layer.1.DenseReluDense.wi_0."),
        (r"^enc\.blk\.(\d+)\.ffn_up\.", r"encoder.block.\1.layer.1.DenseReluDense.wi_1."),
        (r"^enc\.blk\.(\d+)\.ffn_down\.", r"encoder.block.\1.layer.1.DenseReluDense.wo."),
    )
)  # fmt: skip
_HEAD = 64  # width of a head of every CLIP
_OPEN = "transformer.resblocks.{}.ln_1.weight"  # OpenCLIP's name
_PREFIX = "cond_stage_model.model."  # that diffusers' converter asks for


def clip(tensors: Tensors, facts: Json) -> Tensors:
    """Give the weights of a CLIP by transformers' names, without ``text_model.`` before them.

    :param facts: ``leave_out``: layers at the end of an OpenCLIP that the family does not use;
        ``projects``: the family asks for a projection, which is none where there is no other.
    """
    if (layers := count(tensors, _OPEN)) > 0:
        kept = layers - int(facts.get("leave_out", 0))
        tensors = {
            name: tensor for name, tensor in tensors.items() if not _beyond(name, kept)
        }  # fmt: skip
        tensors = _from_open(tensors, width(tensors, "ln_final.weight"))
    made = without(tensors, "text_model.")
    made.pop("embeddings.position_ids", None)
    if not facts.get("projects"):
        made.pop("text_projection.weight", None)
    elif "text_projection.weight" not in made:
        wide = width(made, "final_layer_norm.weight")
        norm = made["final_layer_norm.weight"]
        made["text_projection.weight"] = torch.eye(wide, dtype=norm.dtype, device=norm.device)
    return made


def clip_config(weights: Tensors, facts: Json) -> Json:
    """Give the configuration of a CLIP by transformers' names.

    :param facts: ``hidden_act``, which shapes do not tell.
    :raises KeyError: when weights are missing.
    """
    wide = width(weights, "embeddings.token_embedding.weight", 1)
    words = width(weights, "embeddings.token_embedding.weight")
    made: Json = {
        "vocab_size": words,
        "hidden_size": wide,
        "intermediate_size": width(weights, "encoder.layers.0.mlp.fc1.weight"),
        "num_hidden_layers": count(weights, "encoder.layers.{}.layer_norm1.weight"),
        "num_attention_heads": max(1, wide // _HEAD),
        "max_position_embeddings": width(weights, "embeddings.position_embedding.weight"),
        "hidden_act": facts["hidden_act"],
        "bos_token_id": words - 2,
        "eos_token_id": words - 1,
        "pad_token_id": words - 1,
    }
    if "text_projection.weight" in weights:
        made["projection_dim"] = width(weights, "text_projection.weight")
    return made


def t5(tensors: Tensors, facts: Json) -> Tensors:
    """Give the weights of a T5's encoder by transformers' names; GGUF has names of its own."""
    made = {
        _packed(name): tensor
        for name, tensor in tensors.items()
        if not name.startswith(("decoder.", "dec."))
    }
    table = made.get("shared.weight", made.get("encoder.embed_tokens.weight"))
    if table is not None:  # one table by two names
        made["shared.weight"] = made["encoder.embed_tokens.weight"] = table
    return made


def t5_config(weights: Tensors, facts: Json) -> Json:
    """Give the configuration of a T5's encoder.

    :raises KeyError: when weights are missing.
    """
    first = "encoder.block.0.layer"
    bias = f"{first}.0.SelfAttention.relative_attention_bias.weight"
    gated = f"{first}.1.DenseReluDense.wi_0.weight"
    heads = width(weights, bias, 1)
    return {
        "vocab_size": width(weights, "shared.weight"),
        "d_model": width(weights, "shared.weight", 1),
        "d_kv": width(weights, T5_MARKS[0]) // heads,
        "d_ff": width(weights, gated),
        "num_layers": count(weights, "encoder.block.{}.layer.0.SelfAttention.q.weight"),
        "num_heads": heads,
        "relative_attention_num_buckets": width(weights, bias),
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
    }


def _packed(name: str) -> str:
    for pattern, new in _GGUF:
        name = pattern.sub(new, name)
    return name


def _from_open(tensors: Tensors, wide: int) -> Tensors:
    from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint

    whole = {_PREFIX + name: tensor for name, tensor in tensors.items()}
    # The width goes by the projection there, which need not be square.
    projection = whole.pop(_PREFIX + "text_projection", None)
    encoder = SimpleNamespace(config=SimpleNamespace(hidden_size=wide))
    made: Tensors = convert_open_clip_checkpoint(encoder, whole, prefix=_PREFIX)
    if projection is not None:
        made["text_projection.weight"] = projection.T.contiguous()
    return made


def _beyond(name: str, layers: int) -> bool:
    head, _, rest = name.partition("transformer.resblocks.")
    number = rest.partition(".")[0]
    return not head and number.isdigit() and int(number) >= layers
