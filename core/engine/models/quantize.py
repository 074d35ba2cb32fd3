"""Smaller weights: a denoiser's are kept in fewer bits and widened layer by layer as they are used.

* ``fp8``: each number in 8 bits (E4M3, Micikevicius et al. 2022, https://arxiv.org/abs/2209.05433);
  on any device.
* ``nf4``, ``int8``: by bitsandbytes, on CUDA alone (Dettmers et al. 2023,
  https://arxiv.org/abs/2305.14314; 2022, https://arxiv.org/abs/2208.07339).

What goes in and comes out of the network stays as it was, as do norms. Knows no files.
"""

import re
from typing import Any

import torch
from torch import nn

from core.errors import ModelUnreadable
from core.ipc.commands import Quantize

FP8 = torch.float8_e4m3fn

_KEPT = re.compile(
    r"^(conv_in|conv_out|proj_out|norm_out|x_embedder|context_embedder|pos_embed|time_embedding"
    r"|time_text_embed|add_embedding)\b"
)
_SPARED = 6.0  # int8: activations beyond this are multiplied in full
_WIDTHS = {"none": 1.0, "fp8": 1.0, "nf4": 0.5, "int8": 1.0}  # bytes of a number


class NarrowLinear(nn.Linear):
    """A matrix whose numbers have 8 bits until they are used."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        """Multiply, in the format of what is given."""
        # Not diffusers' hooks: they turn the module's own weights back and forth, which a twin
        # shares, and run the module that they were put on.
        bias = None if self.bias is None else self.bias.to(input.dtype)
        return nn.functional.linear(input, self.weight.to(input.dtype), bias)


class NarrowConv2d(nn.Conv2d):
    """A convolution whose numbers have 8 bits until they are used."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
        """Convolve, in the format of what is given."""
        bias = None if self.bias is None else self.bias.to(input.dtype)
        made: torch.Tensor = self._conv_forward(input, self.weight.to(input.dtype), bias)
        return made


_NARROW: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: NarrowLinear, nn.Conv2d: NarrowConv2d,
}  # fmt: skip


def check(kind: Quantize, cuda: bool, model: str) -> None:
    """Look whether weights can be kept so here.

    :raises ModelUnreadable: quantize_unsupported.
    """
    if kind not in ("nf4", "int8"):
        return
    reason = "" if cuda else "CUDA"
    if not reason:
        try:
            import bitsandbytes  # noqa: F401
        except ImportError:
            reason = "bitsandbytes"
    if reason:
        raise ModelUnreadable("quantize_unsupported", model=model, quantize=kind, reason=reason)


def estimate(size: int, kind: Quantize, dtype: torch.dtype) -> int:
    """Estimate what weights of so many bytes in ``dtype`` come to."""
    return size if kind == "none" else int(size * _WIDTHS[kind] / dtype.itemsize)


def narrow(module: nn.Module, kind: Quantize, dtype: torch.dtype) -> nn.Module:
    """Keep the weights of a denoiser in fewer bits.

    Those for bitsandbytes are packed when the module is moved to the device.
    """
    if kind == "none":
        return module
    for name, layer in list(module.named_modules()):
        if _KEPT.match(name) or type(layer) not in _NARROW:
            continue
        if kind == "fp8":
            weight = layer._parameters["weight"]
            assert weight is not None
            layer.__class__ = _NARROW[type(layer)]
            layer._parameters["weight"] = nn.Parameter(weight.data.to(FP8), requires_grad=False)
        elif isinstance(layer, nn.Linear):
            above, _, own = name.rpartition(".")
            module.get_submodule(above)._modules[own] = _packed(layer, kind, dtype)
    return module


def format_of(layer: nn.Module, dtype: torch.dtype) -> torch.dtype:
    """Give the number format in which new weights of a layer are to be kept.

    :param dtype: that of the device.
    """
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    return weight.dtype if weight.is_floating_point() and weight.itemsize > 1 else dtype


def _packed(layer: nn.Linear, kind: Quantize, dtype: torch.dtype) -> nn.Module:
    import bitsandbytes

    bits: Any = bitsandbytes.nn
    sides = (layer.in_features, layer.out_features, layer.bias is not None)
    with torch.device("meta"):
        if kind == "nf4":
            made = bits.Linear4bit(*sides, compute_dtype=dtype, quant_type=kind)
        else:
            made = bits.Linear8bitLt(*sides, has_fp16_weights=False, threshold=_SPARED)
    weight = layer.weight.data
    made.weight = (
        bits.Params4bit(weight, requires_grad=False, quant_type=kind)
        if kind == "nf4"
        else bits.Int8Params(weight.to(torch.float16), requires_grad=False, has_fp16_weights=False)
    )
    made.bias = layer.bias
    narrowed: nn.Module = made
    return narrowed
