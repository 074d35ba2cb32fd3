"""A small classifier that says what is in a picture: subject, style, background colour.

Trained on composed pictures, some of them blurred or noisy, and never on generated ones. Knows
scenes. Does not know the model it judges.
"""

import itertools
import json
import logging
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from starter.canvas import Canvas
from starter.scenes import COLOURS, Mix, make_scene
from starter.seeds import make_generator, mix
from starter.sprites import STYLES

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).with_name("judge.safetensors")  # knows every subject that is trained on
SIDE = 96  # pixels it looks at
SINGLE = Mix(pair=0.0, small=0.1, gradient=0.0)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the judge sees in a batch: class numbers, (B,) each, and features (B, F)."""

    subject: torch.Tensor
    style: torch.Tensor
    background: torch.Tensor
    features: torch.Tensor
    subject_scores: torch.Tensor  # (B, subjects)


class Judge(nn.Module):
    """Five strided convolutions and three heads."""

    def __init__(self, subjects: int, width: int = 48) -> None:
        """Make an untrained judge for that many subjects."""
        super().__init__()
        widths = (3, width, 2 * width, 3 * width, 4 * width, 4 * width)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.body = nn.Sequential(*layers)
        features = 4 * width * (SIDE // 32) ** 2
        self.subject = nn.Linear(features, subjects)
        self.style = nn.Linear(features, len(STYLES))
        self.background = nn.Linear(features, len(COLOURS))

    def forward(
        self, pictures: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Score pictures in -1..1, (B, 3, SIDE, SIDE): features, subject, style, background."""
        features = self.body(pictures).flatten(1)  # (B, C, 3, 3) -> (B, 9 C)
        return features, self.subject(features), self.style(features), self.background(features)

    @torch.inference_mode()
    def look(self, pictures: torch.Tensor) -> Verdict:
        """Judge pictures given as uint8, (B, 3, H, W) of any size."""
        self.eval()
        parts = []
        for part in torch.split(pictures, 256):
            real = part.to(self.subject.weight.device).float() / 127.5 - 1
            if real.shape[-1] != SIDE:
                real = functional.interpolate(real, (SIDE, SIDE), mode="bilinear", antialias=True)
            parts.append([found.cpu() for found in self(real)])
        features, subject, style, background = (torch.cat(one) for one in zip(*parts, strict=True))
        return Verdict(
            subject=subject.argmax(1),
            style=style.argmax(1),
            background=background.argmax(1),
            features=functional.normalize(features, dim=1),
            subject_scores=subject,
        )


def narrow(judge: Judge, rows: Sequence[int]) -> Judge:
    """Give a judge that only knows those of its subjects, in that order."""
    narrowed = deepcopy(judge)
    kept = torch.tensor(rows, device=judge.subject.weight.device)
    narrowed.subject = nn.Linear(judge.subject.in_features, len(rows), device=kept.device)
    with torch.no_grad():
        narrowed.subject.weight.copy_(judge.subject.weight[kept])
        narrowed.subject.bias.copy_(judge.subject.bias[kept])
    return narrowed


def write_judge(judge: Judge, codes: Sequence[str], path: Path) -> None:
    """Write a judge in half precision, with the code points of its subjects."""
    tensors = {
        name: value.half() if value.is_floating_point() else value
        for name, value in judge.state_dict().items()
    }
    save_file(tensors, path, {"codes": json.dumps(list(codes))})


def read_judge(path: Path = SHIPPED, device: str = "cpu") -> tuple[Judge, list[str]]:
    """Read a judge and the code points of its subjects."""
    with safe_open(path, "pt", device) as file:
        codes: list[str] = json.loads(file.metadata()["codes"])
        judge = Judge(len(codes)).to(device)
        judge.load_state_dict({name: file.get_tensor(name) for name in file.keys()})
    return judge.eval(), codes


def draw_batch(
    seed: int, step: int, count: int, codes: Sequence[str], canvas: Canvas
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw single figures on plain backgrounds: uint8 (B, 3, SIDE, SIDE) and classes (B, 3)."""
    colours, place = list(COLOURS), {code: number for number, code in enumerate(codes)}
    scenes = [make_scene(seed, step * count + row, codes, SINGLE) for row in range(count)]
    classes = [
        [place[scene.figures[0].code], STYLES.index(scene.style), colours.index(scene.top)]
        for scene in scenes
    ]
    return canvas.draw(scenes, SIDE), torch.tensor(classes)


def roughen(pictures: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    """Blur half of the pictures, shift and add noise, so that small faults do not decide."""
    real = pictures.float() / 127.5 - 1
    blurred = functional.avg_pool2d(functional.pad(real, (1, 1, 1, 1), "replicate"), 3, 1)
    part, level = torch.rand((2, len(real), 1, 1, 1), generator=draws).to(real.device)
    real = torch.lerp(real, blurred, (part * 2).clamp(max=1))
    shift = torch.randint(-SIDE // 20, SIDE // 20 + 1, (2,), generator=draws).tolist()
    real = real.roll(shift, (2, 3))
    noise = torch.randn(real.shape, generator=draws).to(real.device)
    return torch.addcmul(real, level, noise, value=0.08)


def train_judge(
    codes: Sequence[str], canvas: Canvas, *, steps: int, batch: int = 128, seed: int = 100
) -> Judge:
    """Train a judge on the canvas's device: a minute on a GPU, an hour on two cores."""
    torch.manual_seed(mix(seed, "judge", 0))
    judge = Judge(len(codes)).to(canvas.device)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    judge.train()
    for step in range(steps):
        pictures, classes = draw_batch(seed, step, batch, codes, canvas)
        classes = classes.to(canvas.device)
        _, *heads = judge(roughen(pictures, make_generator(seed, "judge", step)))
        loss = torch.stack(
            [functional.cross_entropy(head, classes[:, n]) for n, head in enumerate(heads)]
        ).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
        schedule.step()
        if (step + 1) % 250 == 0:
            log.info("judge %d/%d loss %.3f", step + 1, steps, loss.item())
    return judge.eval()


def check_judge(
    judge: Judge, codes: Sequence[str], canvas: Canvas, count: int = 1000
) -> dict[str, float]:
    """Give the judge's own accuracy on composed pictures it has not seen."""
    pictures, classes = draw_batch(7, 0, count, codes, canvas)
    seen = judge.look(pictures)
    right = torch.stack([seen.subject, seen.style, seen.background], 1) == classes  # (B, 3)
    subject, style, background = right.float().mean(0).tolist()
    return {
        "pictures": count,
        "subject": subject,
        "style": style,
        "background": background,
        "all": right.all(1).float().mean().item(),
    }
