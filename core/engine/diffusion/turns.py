"""What a picture follows at which step: its prompts, made equally long, in their stages.

Knows conditioning; neither rows nor networks.
"""

from typing import NamedTuple

import torch

from core.engine.values import Conditioning
from core.graph.prompts.reading import FIRST, Stage, begun


class Turn(NamedTuple):
    """The conditioning from a step on: (1, T, D) each, T the same in all turns of a picture."""

    done: int  # the steps that are taken before it
    positive: torch.Tensor
    negative: torch.Tensor | None


def turns_of(
    positive: Conditioning, negative: Conditioning | None, index: int, steps: int
) -> list[Turn]:
    """Give the turns of the picture ``index`` of a batch, from step 0 on.

    A prompt that is shorter than the other is lengthened by the empty one.
    """
    found: list[Turn] = []
    last: tuple[Stage, Stage] | None = None
    for done in range(max(1, steps)):
        stages = (_stage(positive, done, steps), _stage(negative, done, steps))
        if stages != last:
            first, second = _tokens(positive, index, stages[0]), None
            if negative is not None:
                second = _tokens(negative, index, stages[1])
                first, second = (
                    _lengthened(first, second, negative), _lengthened(second, first, positive)
                )  # fmt: skip
            found.append(Turn(done, first, second))
            last = stages
    return found


def _stage(conditioning: Conditioning | None, done: int, steps: int) -> Stage:
    if conditioning is None:
        return FIRST
    stages = (each.stage for each in conditioning.later if begun(each.stage, done, steps))
    return max(stages, default=FIRST)


def _tokens(conditioning: Conditioning, index: int, stage: Stage) -> torch.Tensor:
    """Take the prompt of a picture: one for each, or one for all."""
    tokens = next((c.tokens for c in conditioning.later if c.stage == stage), conditioning.tokens)
    return tokens[index : index + 1] if len(tokens) > index > 0 else tokens[:1]


def _lengthened(short: torch.Tensor, long: torch.Tensor, source: Conditioning) -> torch.Tensor:
    """Lengthen tokens to as many as ``long`` has, by the empty prompt of what it was made by."""
    lacking, empty = long.shape[1] - short.shape[1], source.empty
    if lacking <= 0 or empty is None or lacking % empty.shape[1]:
        return short  # where they do not fit, the row refuses them
    filler = empty.to(short.dtype)
    return torch.cat([short, *[filler] * (lacking // empty.shape[1])], dim=1)
