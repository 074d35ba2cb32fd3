"""The shared forward: rows at their own timesteps, through the network in one batch.

Knows what rows give and what a prediction becomes; neither when they are stepped nor how.
"""

from collections.abc import Sequence

import torch

from core.engine.diffusion import control
from core.engine.diffusion.guidance import combine
from core.engine.diffusion.rows import Row


def predict(rows: Sequence[Row]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Run the network once for all rows; give each row's input and guided prediction.

    Both (1, C, h, w) float32. The batch holds the unconditional halves of guided rows first and
    then every conditional half, so that a row alone is what diffusers' pipeline computes.
    """
    for row in rows:
        row.enter()
    guided = [index for index, row in enumerate(rows) if row.negative is not None]
    inputs = [row.scaled() for row in rows]
    wide = [row.widened(scaled) for row, scaled in zip(rows, inputs, strict=True)]
    order = [*guided, *range(len(rows))]
    conditioning = [row.negative for row in rows if row.negative is not None]
    conditioning += [row.positive for row in rows]
    # Schedulers differ in the number format of timesteps; networks embed them in float32.
    timesteps = torch.stack([rows[index].timestep.to(torch.float32) for index in order])
    timesteps = timesteps.to(rows[0].device, non_blocking=True)
    tokens = torch.cat(conditioning)
    steered = {}
    if rows[0].controls:  # whose nets see no channels for inpainting
        narrow = torch.cat([inputs[index] for index in order]).to(rows[0].dtype)
        steered = control.residuals(rows, order, len(guided), narrow, timesteps, tokens)
    output: torch.Tensor = (
        rows[0]
        .network(
            torch.cat([wide[index] for index in order]).to(rows[0].dtype),  # (G + R, C + K, h, w)
            timesteps,
            encoder_hidden_states=tokens,
            return_dict=False,
            **steered,
        )[0]
        .to(torch.float32)
    )
    halves = output.tensor_split(len(order))
    conditional = list(halves[len(guided) :])
    for place, index in enumerate(guided):
        scale = rows[index].guidance_scale
        conditional[index] = combine(halves[place], conditional[index], scale)
    return inputs, conditional
