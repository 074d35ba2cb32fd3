"""The names that spandrel imports; what none of the tests' networks calls refuses to be called."""

from enum import Enum
from typing import Any

import torch


class InterpolationMode(Enum):
    BILINEAR = "bilinear"


def rotate(*_: Any, **__: Any) -> torch.Tensor:
    raise NotImplementedError("LaMa's spatial transform, which no upscaler has")


def normalize(
    tensor: torch.Tensor, mean: list[float], std: list[float], inplace: bool = False
) -> torch.Tensor:
    shape = (-1, 1, 1)
    centre, spread = torch.tensor(mean).view(shape), torch.tensor(std).view(shape)
    return tensor.sub_(centre).div_(spread) if inplace else (tensor - centre) / spread
