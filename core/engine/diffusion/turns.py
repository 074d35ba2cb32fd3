"""What a picture follows at which step: its prompts, made equally long, in their stages.

Knows conditioning; neither rows nor networks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from core.engine.values import Conditioning
from core.graph.prompts.reading import FIRST, Stage, begun


class Turn(NamedTuple):
    """The conditioning from a step on: (1, T, D) each, T the same in all turns of a picture."""

    done: int  # the steps that are taken before it
    positive: torch.Tensor
    negative: torch.Tensor | None
    regions: tuple[torch.Tensor, ...] = ()


def turns_of(
    positive: Conditioning, negative: Conditioning | None, index: int, steps: int
) -> list[Turn]:
    """Give the turns of the picture ``index`` of a batch, from step 0 on.

    Prompts that are shorter than the longest are lengthened by the empty one.
    """
    prompts = [positive, *([] if negative is None else [negative])]
    own = len(prompts)
    prompts += [region.conditioning for region in positive.regions]
    found: list[Turn] = []
    last: list[Stage] = []
    for done in range(max(1, steps)):
        stages = [_stage(prompt, done, steps) for prompt in prompts]
        if stages != last:
            pairs = zip(prompts, stages, strict=True)
            tokens = _lengthened([_tokens(each, index, stage) for each, stage in pairs], prompts)
            second = None if negative is None else tokens[1]
            found.append(Turn(done, tokens[0], second, tuple(tokens[own:])))
            last = stages
    return found


def _stage(conditioning: Conditioning, done: int, steps: int) -> Stage:
    stages = (each.stage for each in conditioning.later if begun(each.stage, done, steps))
    return max(stages, default=FIRST)


def _tokens(conditioning: Conditioning, index: int, stage: Stage) -> torch.Tensor:
    """Take the prompt of a picture: one for each, or one for all."""
    tokens = next((c.tokens for c in conditioning.later if c.stage == stage), conditioning.tokens)
    return tokens[index : index + 1] if len(tokens) > index > 0 else tokens[:1]


def _lengthened(
    prompts: Sequence[torch.Tensor], sources: Sequence[Conditioning]
) -> list[torch.Tensor]:
    """Lengthen tokens to the longest of them, by the empty prompt of what made that one."""
    longest, source = max(
        zip(prompts, sources, strict=True), key=lambda pair: int(pair[0].shape[1])
    )
    made = []
    for tokens in prompts:
        lacking, empty = longest.shape[1] - tokens.shape[1], source.empty
        if lacking > 0 and empty is not None and not lacking % empty.shape[1]:
            filler = empty.to(tokens.dtype)
            tokens = torch.cat([tokens, *[filler] * (lacking // empty.shape[1])], dim=1)
        made.append(tokens)  # where they do not fit, the row refuses them
    return made
