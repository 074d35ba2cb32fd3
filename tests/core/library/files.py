"""Files and folders of models, made in a moment: headers are true, weights are zeros."""

import json
import struct
from pathlib import Path
from typing import Any

STABLE = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "safety_checker": [None, None],
}
LORA = {
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": [
        1,
        768,
    ]
}


def safetensors(
    path: Path, tensors: dict[str, list[int]] | None = None, metadata: dict[str, str] | None = None
) -> Path:
    """Write a file of bytes; an embedding, unless other tensors are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    place = 0
    for name, shape in (tensors or {"emb_params": [1, 768]}).items():
        size = 1
        for side in shape:
            size *= side
        header[name] = {"dtype": "U8", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * place)
    return path


def gguf(path: Path) -> Path:
    """Write a file of no tensors."""
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 0))
    return path


def pipeline(
    path: Path,
    index: dict[str, Any] | None = None,
    unet: dict[str, Any] | None = None,
    own: dict[str, Any] | None = None,
) -> Path:
    """Write a folder as diffusers lays out a pipeline."""
    safetensors(path / "unet" / "diffusion_pytorch_model.safetensors")
    (path / "model_index.json").write_text(json.dumps(STABLE if index is None else index))
    (path / "unet" / "config.json").write_text(
        json.dumps({"cross_attention_dim": 768} if unet is None else unet)
    )
    if own is not None:
        (path / "heliograph.json").write_text(json.dumps(own))
    return path
