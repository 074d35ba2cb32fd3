"""What the starter draws, judged: by itself, and through a server as a newcomer asks.

The judge itself is measured on pictures that the recipe fetches: the first run needs a network.
"""

import io
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from starter.eval import HERE, examine, load_judge
from starter.judge import Judge
from starter.material import default_cache
from starter.measures import agree, list_wished, stack
from starter.recipe import FACTOR, RECIPES
from starter.sampling import GUIDANCE, load_pipeline
from starter.subjects import Subject, pick_trained, read_subjects
from tests.bench.report import Row
from tests.running import RunningServer, running

SEEDS = 50  # pictures a wish
TOGETHER = 10  # in a request


def measure() -> list[Row]:
    """Draw every subject in every style, pairs, and ten wishes fifty times."""
    pipeline = load_pipeline(HERE / "model")
    recipe = RECIPES[pipeline.unet.config.sample_size * FACTOR]
    subjects = pick_trained(read_subjects(), recipe.edition)
    judge, own = load_judge(subjects, default_cache())
    figures, facts = examine(pipeline, judge, subjects, 1, GUIDANCE)
    every = figures["every subject in every style"]
    what = f"{every['pictures']:.0f} pictures of {len(subjects)} subjects"
    beside = {name: f"the judge on composed pictures {own[name]:.3f}" for name in own}
    aims = {"subject": 0.5, "style": 0.85, "background": 0.95}
    return [
        *(
            Row(what=f"starter: {name} right, {what}", value=every[name], target=aim, least=True,
                beside=beside[name])
            for name, aim in aims.items()
        ),
        Row(what="starter: two subjects side by side, each on its own side", value=facts["sides"],
            target=0.85, least=True),
        *_wishes(judge, subjects),
    ]  # fmt: skip


def _wishes(judge: Judge, subjects: Sequence[Subject]) -> list[Row]:
    asked = list_wished(subjects)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        right = [agree(judge, _draw(server, one.prompt), [one] * SEEDS) for one in asked]
    rows = []
    for what, aim in (("subject on background", 0.8), ("all", None)):
        shares = [found[what] for found in right]
        worst = min(range(len(asked)), key=shares.__getitem__)
        rows.append(Row(
            what=f"starter: ten wishes × {SEEDS} seeds through the server, {what} right",
            value=statistics.fmean(shares), target=aim, least=True,
            beside=f"least: {asked[worst].prompt}, {shares[worst]:.2f}",
        ))  # fmt: skip
    return rows


def _draw(server: RunningServer, prompt: str) -> torch.Tensor:
    """Draw one prompt with fifty seeds, of the model's own size; uint8 (B, 3, H, W)."""
    files: list[bytes] = []
    for seed in range(0, SEEDS, TOGETHER):
        done = server.generate(prompt=prompt, seed=seed, count=TOGETHER, width=None, height=None)
        files += [server.client.get(image["url"]).content for image in done["images"]]
    assert len(files) == SEEDS
    return stack([Image.open(io.BytesIO(file)).convert("RGB") for file in files])
