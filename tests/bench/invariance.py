"""What company changes: a picture drawn alone, beside the same one drawn in a batch."""

from typing import Any

import torch

from tests.bench.report import Row
from tests.bench.shapes import Shape
from tests.bench.studio import Studio

_BATCHES = (2, 4, 8)
_STEPS = 10  # at most


def compare(studio: Studio, shape: Shape) -> tuple[list[Row], dict[str, Any]]:
    """Draw eight pictures alone, and in batches, plain and exact; count the numbers that differ."""
    name, steps = f"{shape.name}, plain", min(_STEPS, shape.steps)
    alone = torch.cat(
        [studio.draw(name, shape, 1, steps=steps, seed=seed) for seed in range(max(_BATCHES))]
    )
    rows: list[Row] = []
    figures: dict[str, Any] = {"steps": steps, "numbers_a_picture": alone[0].numel()}
    cases = [(count, False) for count in _BATCHES] + [(max(_BATCHES), True)]
    for count, exact in cases:
        drawn = studio.draw(name, shape, count, steps=steps, exact=exact)
        found = _difference(alone[:count], drawn)
        kind = "exact" if exact else "batch"
        figures[f"{kind} of {count}"] = found
        rows.append(
            Row(what=f"{shape.name}, {kind} of {count}: latents that differ from those alone",
                value=found["differ"] * 100, unit="%", target=0 if exact else None,
                beside=f"{steps} steps; by {found['most']:.2g} at most and {found['rms']:.2g} "
                f"in the mean square, of {found['spread']:.2g}; "
                f"{found['pictures']} of {count} pictures the same")
        )  # fmt: skip
    return rows, figures


def _difference(one: torch.Tensor, other: torch.Tensor) -> dict[str, float]:
    gap = (one - other).abs()
    return {
        "differ": float((gap > 0).float().mean()),
        "most": float(gap.max()),
        "rms": float(gap.square().mean().sqrt()),
        "spread": float(one.std()),
        "pictures": sum(torch.equal(a, b) for a, b in zip(one, other, strict=True)),
    }
