"""One of the processes that share a run: ``python -m tests.engine.train.sharing``.

Told a model's folder, the recipe as JSON, and how many processes there are; rank 0 prints losses,
and writes what was trained.
"""

import json
import sys
from pathlib import Path

import msgspec
import torch

from core.records.recipe import Recipe
from tests.engine.train.runs import Trial, base_of


def main(folder: str, told: str, devices: int, steps: int, out: str) -> None:
    torch.set_num_threads(1)
    recipe = msgspec.json.decode(told, type=Recipe)
    run = Trial(base_of(Path(folder)), recipe, steps, devices=devices, lr=1e-5)
    run.fit()
    sys.stdout.write(json.dumps(run.losses) + "\n")
    torch.save(run.weights(), out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
