"""Number formats of weights: which tensors are cast to which, and what cannot be.

``float16`` and ``bfloat16`` take all that is a fraction, norms too, as diffusers' own fp16 files
do, but for what a class keeps in float32. ``float8_e4m3fn`` is a format to store in: it takes the
matrices, while norms, biases and embeddings stay wider, as diffusers' layer-wise casting leaves
them. Whole numbers stay whole.
"""

import re
from collections.abc import Mapping

import torch

from core.engine.tasks.tensors import Lazy
from core.errors import JobError

DTYPES = {
    "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16,
    "float8_e4m3fn": torch.float8_e4m3fn,
}  # fmt: skip
_PIECE = 1 << 22  # numbers that are looked at in one go
_WIDE = re.compile(  # diffusers' DEFAULT_SKIP_MODULES_PATTERN, and embeddings
    r"pos_embed|patch_embed|norm|(?:^|\.)ln_|layer_norm|embedding|(?:^|\.)proj_in\.|"
    r"(?:^|\.)proj_out\.|(?:^|\.)(?:conv_in|conv_out)\.|time_embed|label_emb"
)


class Uncastable(JobError):
    """Raised when a weight has no counterpart in the format asked for; params: tensor, dtype."""

    code = "dtype_overflow"


def cast(tensors: Mapping[str, Lazy], dtype: str, kept: frozenset[str]) -> dict[str, Lazy]:
    """Give tensors in another number format; each is cast when it is made.

    :param kept: names of modules that stay in float32, such as ``wo`` of T5.
    :raises Uncastable: when it is made, where a number is too large for the format, or is none.
    """
    return {name: _cast(name, lazy, _wanted(name, lazy, dtype, kept)) for name, lazy in
            tensors.items()}  # fmt: skip


def _wanted(name: str, lazy: Lazy, dtype: str, kept: frozenset[str]) -> torch.dtype:
    if not lazy.dtype.is_floating_point:
        return lazy.dtype
    wanted = DTYPES[dtype]
    if not kept.isdisjoint(name.split(".")):
        return torch.float32
    if wanted != torch.float8_e4m3fn:
        return wanted
    if len(lazy.shape) >= 2 and not _WIDE.search(name):
        return wanted
    return lazy.dtype if lazy.dtype == torch.bfloat16 else torch.float16


def _cast(name: str, lazy: Lazy, wanted: torch.dtype) -> Lazy:
    if wanted == lazy.dtype:
        return lazy

    def make() -> torch.Tensor:
        before, most = lazy.make(), torch.finfo(wanted).max
        # In pieces, since some formats have no such test of their own; NaN is not below anything.
        for piece in torch.split(before.reshape(-1), _PIECE):
            if piece.numel() and not float(piece.float().abs().max()) <= most:
                raise Uncastable(tensor=name, dtype=str(wanted).removeprefix("torch."))
        return before.to(wanted)

    return Lazy(wanted, lazy.shape, make)


def as_wide(name: str, lazy: Lazy, dtype: torch.dtype) -> Lazy:
    """Give a tensor in a format of its own choosing, as ``cast`` does."""
    return _cast(name, lazy, dtype)
