"""GGUF files for tests, as packers write them."""

from pathlib import Path

from tests.engine.models.originals import Tensors


def write(path: Path, tensors: Tensors, kind: str) -> Path:
    """Write matrices packed as ``kind``, and everything else as it is, as packers do."""
    import gguf as library

    packing = library.GGMLQuantizationType[kind]
    writer = library.GGUFWriter(path, "flux")
    for name, tensor in tensors.items():
        data = tensor.detach().float().numpy()
        packs = tensor.ndim == 2 and tensor.shape[-1] % 32 == 0
        chosen = packing if packs else library.GGMLQuantizationType.F32
        packed = library.quantize(data, chosen)
        writer.add_tensor(name, packed, raw_dtype=chosen)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def named(name: str) -> str:
    """Name a weight of a T5 as packers do."""
    for old, new in (
        ("shared.", "token_embd."), ("encoder.final_layer_norm.", "enc.output_norm."),
        ("encoder.block.", "enc.blk."), ("layer.0.SelfAttention.relative_attention_bias",
        "attn_rel_b"), ("layer.0.SelfAttention.", "attn_"), ("layer.0.layer_norm", "attn_norm"),
        ("layer.1.layer_norm", "ffn_norm"), ("layer.1.DenseReluDense.wi_0", "ffn_gate"),
        ("layer.1.DenseReluDense.wi_1", "ffn_up"), ("layer.1.DenseReluDense.wo", "ffn_down"),
    ):  # fmt: skip
        name = name.replace(old, new)
    return name
