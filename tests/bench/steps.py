"""Steps of training, taken when they are asked for: ``python -m tests.bench.steps ours FOLDER``.

Each line on stdin is a number of steps, answered with the seconds that they took; at the end come
the most memory that the process ever had, and what it had with its libraries alone, in bytes.
``peer`` takes the steps of the plain loop that diffusers' script is; ``whole`` and ``text`` take
the same with more of the model trained; ``script`` runs that script itself, unmodified, and answers
once. ``cached``, ``frozen`` and ``lora`` are ours with less and less trained.
"""

import json
import resource
import runpy
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import torch

CLASSES = 20
PROMPTS = "a photo of sks fox", "a photo of a fox"
LR = 1e-4


def ours(folder: Path, steps: int, **chosen: Any) -> None:
    """Train as a run of ours does, in full unless chosen otherwise.

    Latents, and prompts of frozen encoders, are encoded before the first step.
    """
    from pytorch_lightning import Callback

    from core.engine.train.feed.draws import Counter
    from core.engine.train.learn.fit import Setup, fit
    from core.engine.train.methods import prepared
    from core.records.recipe import Recipe
    from tests.engine.train.bases import SUBJECT, opened
    from tests.engine.train.peer import pictures
    from tests.engine.train.runs import Pictures, streams

    class Asked(Callback):  # type: ignore[misc]  # which has no types here
        """Waits for the next line before each round of steps."""

        def __init__(self) -> None:
            self._left, self._begun = 0, 0.0

        def on_train_batch_start(self, trainer: Any, *_: Any) -> int | None:
            if self._left == 0:
                self._left = _asked()
                self._begun = time.perf_counter()
            trainer.should_stop = self._left == 0
            return -1 if trainer.should_stop else None

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            self._left -= 1
            if self._left == 0:
                _answer(time.perf_counter() - self._begun)

    _note()
    base = opened(folder / "model", "sd1")
    fields = {"method": "full", "train_text_encoder": False, **chosen}
    recipe = Recipe(prior="images", precision="float32", lr_unet=LR, lr_te=LR, **fields)
    method = prepared(base, recipe, [SUBJECT])
    shown = tuple(pictures(folder / one, _names(folder / one)) for one in ("inst", "cls"))
    examples = Pictures(base, method, shown, PROMPTS, streams(recipe, shown))  # type: ignore[arg-type]
    base = base._replace(denoiser=method.denoiser, encoders={}, vae=None)
    if not fields["train_text_encoder"]:
        method.encoders = {}
    fit(
        Setup(
            recipe=recipe, steps=steps, base=base, method=method, examples=examples,
            draws=Counter(recipe.seed), device=torch.device("cpu"), callbacks=[Asked()],
        )
    )  # fmt: skip


def peer(folder: Path, steps: int, *, text: bool = False, vae: bool = False) -> None:
    """Train as the script does; with ``vae`` as no one should: to see what it costs."""
    from tests.engine.train.peer import Peer, pictures

    _note()
    shown = (
        pictures(folder / "inst", _names(folder / "inst")),
        pictures(folder / "cls", _names(folder / "cls")),
    )
    trained = Peer(folder / "model", shown, PROMPTS, lr=LR, text=text)
    if vae:
        trained.thaw_vae()
    losses = trained.losses(0)
    while count := _asked():
        begun = time.perf_counter()
        list(islice(losses, count))
        _answer(time.perf_counter() - begun)


def script(folder: Path, steps: int, path: str) -> None:
    """Run the script itself; answer with the seconds of each of its steps but the first."""
    import accelerate

    times: list[float] = []

    def log(self: Any, values: Any, step: int | None = None, **_: Any) -> None:
        times.append(time.perf_counter())

    accelerate.Accelerator.log = log
    sys.argv = [
        path, "--pretrained_model_name_or_path", str(folder / "model"),
        "--instance_data_dir", str(folder / "inst"), "--class_data_dir", str(folder / "cls"),
        "--instance_prompt", PROMPTS[0], "--class_prompt", PROMPTS[1],
        "--with_prior_preservation", "--prior_loss_weight", "1.0",
        "--num_class_images", str(CLASSES), "--output_dir", str(folder / "out"),
        "--resolution", "64", "--train_batch_size", "1", "--max_train_steps", str(steps),
        "--learning_rate", str(LR), "--lr_scheduler", "constant", "--lr_warmup_steps", "0",
        "--seed", "0", "--mixed_precision", "no", "--dataloader_num_workers", "0",
        "--report_to", "all", "--checkpointing_steps", "1000000",
    ]  # fmt: skip
    runpy.run_path(path, run_name="__main__")
    taken = [after - before for before, after in pairwise(times)]
    sys.stdout.write(json.dumps(taken) + "\n")


_EMPTY: list[int] = []  # bytes with libraries alone, once they are known


def _note() -> None:
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import AutoTokenizer, CLIPTextModel

    assert all((AutoencoderKL, DDPMScheduler, UNet2DConditionModel, AutoTokenizer, CLIPTextModel))
    _EMPTY.append(_peak())


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.png"))


def _asked() -> int:
    line = sys.stdin.readline().strip()
    return int(line) if line else 0


def _answer(seconds: float) -> None:
    sys.stdout.write(f"{seconds}\n")
    sys.stdout.flush()


KINDS: dict[str, Callable[[Path, int], None]] = {
    "ours": ours, "peer": peer,
    "whole": partial(peer, text=True, vae=True), "text": partial(peer, text=True),
    "cached": partial(ours, train_text_encoder=True), "frozen": ours,
    "lora": partial(ours, method="lora", rank=16),
}  # fmt: skip


def main(kind: str, folder: str, threads: int, steps: int, path: str = "") -> None:
    """Take steps until there are no more lines."""
    torch.set_num_threads(threads)
    if kind == "script":
        script(Path(folder), steps, path)
    else:
        KINDS[kind](Path(folder), steps)
    sys.stdout.write(f"{_peak()} {_EMPTY[0] if _EMPTY else 0}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
