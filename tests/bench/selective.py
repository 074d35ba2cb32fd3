"""What is trained, and what it costs: steps and memory from all of a model down to a LoRA.

Each row in a process of its own, in turns on the same cores, on the starter in float32 with a
subject and a class picture a step. The first two are a plain loop, as no run of ours encodes a
picture twice; each further row leaves out one more thing.
"""

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.report import Row
from tests.bench.training import Side, side, write

ROUNDS, STEPS, WARM = 8, 5, 3
_MIB = 1 << 20
KINDS = {  # a kind of ``steps`` → what it is
    "whole": "all trained, the VAE too", "text": "VAE frozen", "cached": "latents cached",
    "frozen": "text encoder frozen", "lora": "LoRA of rank 16",
}  # fmt: skip


def measure(rounds: int = ROUNDS) -> list[Row]:
    """Take turns; give a step, and the memory beyond libraries, of each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write(folder)
        sides = {kind: stack.enter_context(side(kind, folder)) for kind in KINDS}
        for each in sides.values():
            each.take(WARM, counts=False)
        for _ in range(rounds):
            for each in sides.values():
                each.take(STEPS)
        for each in sides.values():
            each.end()
    return [_row(kind, sides) for kind in list(KINDS)[1:]]


def _row(kind: str, sides: dict[str, Side]) -> Row:
    """Set a kind beside the one before it: what leaving out one more thing saves."""
    names = list(KINDS)
    before, own = sides[names[names.index(kind) - 1]], sides[kind]
    paired = zip(own.seconds, before.seconds, strict=True)
    return Row(
        what=f"{KINDS[kind]}: step ÷ that of the row before",
        value=statistics.median(one / other for one, other in paired), target=1.0,
        beside=f"{_told(own)}; before: {_told(before)}",
    )  # fmt: skip


def _told(one: Side) -> str:
    return f"{statistics.median(one.seconds) * 1000:.0f} ms, {one.rise / _MIB:.0f} MiB"
