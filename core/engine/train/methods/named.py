"""Names: what trained networks and tokens are called in files, whatever they are called in torch.

Knows diffusers' folders and transformers' older names, which all programs read.
"""

from collections.abc import Sequence

import torch
from torch import nn

from core.engine.models.families import TEXT_ENCODER, TEXT_ENCODER_2
from core.engine.train.methods.tokens import Learned

_CLIPS = {TEXT_ENCODER: "clip_l", TEXT_ENCODER_2: "clip_g"}
_INNER = "text_model."  # what CLIP's text model is called in files, and no longer in transformers
_OUTER = ("text_model.", "text_projection.")


def network(module: nn.Module, folder: str) -> dict[str, dict[str, torch.Tensor]]:
    """Give all tensors of a network as its folder's file has them."""
    tensors = module.state_dict()
    if type(module).__name__.startswith("CLIPText"):
        tensors = {
            name if name.startswith(_OUTER) else _INNER + name: one for name, one in tensors.items()
        }
    return {folder: tensors}


def tokens(learned: Sequence[Learned]) -> dict[str, dict[str, torch.Tensor]]:
    """Give the vectors of each learned token, one file for each.

    As diffusers saves them by the word for one encoder, and for two as ``clip_l`` and ``clip_g``.
    """
    return {
        f"embedding-{number}": {one.token: next(iter(one.vectors.values()))}
        if len(one.vectors) == 1
        else {_CLIPS[part]: vectors for part, vectors in one.vectors.items()}
        for number, one in enumerate(learned)
    }
