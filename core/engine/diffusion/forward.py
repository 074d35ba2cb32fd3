"""The shared forward: rows at their own timesteps, through the network in one batch.

Knows what rows give; neither what they make of predictions, nor when or how they are stepped.
"""

from collections.abc import Sequence
from itertools import accumulate

import torch

from core.engine.diffusion import control
from core.engine.diffusion.calls import Batch
from core.engine.diffusion.prompted import stacked
from core.engine.diffusion.rows import Row
from core.engine.diffusion.seamless import wrapped


def predict(rows: Sequence[Row]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Run the network once for all rows; give each row's input and its prediction.

    Both (1, C, h, w) float32. The entries of a row lie side by side in the batch, in the order
    that a row alone has in diffusers' pipeline.
    """
    for row in rows:
        row.enter()
    inputs = [row.scaled() for row in rows]
    wide = [row.widened(scaled) for row, scaled in zip(rows, inputs, strict=True)]
    entries = [row.followed.entries() for row in rows]
    order = [index for index, some in enumerate(entries) for _ in some]  # of E entries, their rows
    # Schedulers differ in the number format of timesteps; networks embed them in float32.
    timesteps = torch.stack([rows[index].timestep.to(torch.float32) for index in order])
    timesteps = timesteps.to(rows[0].device, non_blocking=True)
    prompts = [prompted for some in entries for prompted in some]
    tokens, pooled, _ = stacked(prompts)
    batch = Batch(
        sample=torch.cat([wide[index] for index in order]).to(rows[0].dtype),
        timesteps=timesteps,
        tokens=tokens,
        pooled=pooled,
        guidance=_told([rows[index] for index in order]),
        sizes=tuple(rows[index].pixels for index in order),
        told=tuple(prompted.sizes for prompted in prompts),
        conditional=tuple(known for row in rows for known in row.followed.conditional()),
    )
    with wrapped(rows[0].seamless):
        if rows[0].controls:  # whose nets see no channels for inpainting
            narrow = torch.cat([inputs[index] for index in order]).to(rows[0].dtype)
            text_of = getattr(rows[0].network, "text_of", None)  # of one that reads pictures too
            words = tokens if text_of is None else text_of(tokens)
            seen = batch._replace(sample=narrow, tokens=words)
            batch = batch._replace(residuals=control.residuals(rows, order, seen))
        output = rows[0].call(rows[0].network, batch)
    parts = output.to(torch.float32).tensor_split(len(order))
    ends = list(accumulate(len(some) for some in entries))
    return inputs, [
        row.combined(parts[end - len(some) : end])
        for row, some, end in zip(rows, entries, ends, strict=True)
    ]


def _told(rows: Sequence[Row]) -> torch.Tensor | None:
    """Give the scales that a guidance-distilled network is told, (E,) float32."""
    scales = [row.told_guidance for row in rows if row.told_guidance is not None]
    return torch.tensor(scales).to(rows[0].device, non_blocking=True) if scales else None
