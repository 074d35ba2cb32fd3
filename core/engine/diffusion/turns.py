"""What a picture follows at which step: its prompts, made equally long, in their stages.

Knows conditioning; neither rows nor networks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from core.engine.diffusion.prompted import Prompted
from core.engine.values import Conditioning
from core.graph.prompts.reading import FIRST, Stage, begun


class Turn(NamedTuple):
    """The conditioning from a step on; shapes are the same in all turns of a picture."""

    done: int  # the steps that are taken before it
    positive: Prompted
    negative: Prompted | None
    regions: tuple[Prompted, ...] = ()


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
            made = _lengthened([_prompted(each, index, stage) for each, stage in pairs], prompts)
            second = None if negative is None else made[1]
            # Regions are of the same picture, whatever its size.
            regions = tuple(one._replace(sizes=positive.sizes) for one in made[own:])
            found.append(Turn(done, made[0], second, regions))
            last = stages
    return found


def _stage(conditioning: Conditioning, done: int, steps: int) -> Stage:
    stages = (each.stage for each in conditioning.later if begun(each.stage, done, steps))
    return max(stages, default=FIRST)


def _prompted(conditioning: Conditioning, index: int, stage: Stage) -> Prompted:
    """Take the prompt of a picture: one for each, or one for all."""
    then = next((one for one in conditioning.later if one.stage == stage), conditioning)
    pooled = None if then.pooled is None else _one(then.pooled, index)
    return Prompted(_one(then.tokens, index), pooled, conditioning.sizes)


def _one(batch: torch.Tensor, index: int) -> torch.Tensor:
    return batch[index : index + 1] if len(batch) > index > 0 else batch[:1]


def _lengthened(prompts: Sequence[Prompted], sources: Sequence[Conditioning]) -> list[Prompted]:
    """Lengthen tokens to the longest of them: by an empty prompt of their own, or of that one."""
    longest, source = max(
        zip([one.tokens for one in prompts], sources, strict=True),
        key=lambda pair: int(pair[0].shape[1]),
    )
    made = []
    for one, own in zip(prompts, sources, strict=True):
        tokens = one.tokens
        lacking = longest.shape[1] - tokens.shape[1]
        empty = source.empty if own.empty is None else own.empty
        if lacking > 0 and empty is not None and not lacking % empty.shape[1]:
            filler = empty.to(tokens.dtype)
            tokens = torch.cat([tokens, *[filler] * (lacking // empty.shape[1])], dim=1)
        made.append(one._replace(tokens=tokens))  # where they do not fit, the row refuses them
    return made
