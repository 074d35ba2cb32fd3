"""A small classifier that says what is in a picture: subject, style, background colour.

Trained on composed pictures, some of them blurred or noisy, and never on generated ones. Knows
scenes. Does not know the model it judges.
"""

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from starter.scenes import COLOURS, Mix, draw_scene, make_scene
from starter.seeds import make_generator, mix
from starter.sprites import STYLES, Atlas

log = logging.getLogger(__name__)


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

    def __init__(self, subjects: int, width: int = 32) -> None:
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
        self.subject = nn.LazyLinear(subjects)
        self.style = nn.LazyLinear(len(STYLES))
        self.background = nn.LazyLinear(len(COLOURS))

    def forward(
        self, pictures: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Score pictures in -1..1, (B, 3, 64, 64): features, subject, style, background."""
        features = self.body(pictures).flatten(1)  # (B, C, 2, 2) -> (B, 4 C)
        return features, self.subject(features), self.style(features), self.background(features)

    @torch.inference_mode()
    def look(self, pictures: torch.Tensor) -> Verdict:
        """Judge pictures given as uint8, (B, 3, H, W) of any size."""
        self.eval()
        real = pictures.float() / 127.5 - 1
        if real.shape[-1] != 64:
            real = functional.interpolate(real, (64, 64), mode="bilinear", antialias=True)
        features, subject, style, background = self(real)
        return Verdict(
            subject=subject.argmax(1),
            style=style.argmax(1),
            background=background.argmax(1),
            features=functional.normalize(features, dim=1),
            subject_scores=subject,
        )


def draw_batch(
    seed: int, step: int, count: int, codes: Sequence[str], atlas: Atlas
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw single figures on plain backgrounds: uint8 (B, 3, 64, 64) and classes (B, 3)."""
    pictures = torch.empty((count, 3, 64, 64), dtype=torch.uint8)
    classes = torch.empty((count, 3), dtype=torch.long)
    colours, place = list(COLOURS), {code: number for number, code in enumerate(codes)}
    for row in range(count):
        kinds = Mix(pair=0.0, small=0.1, gradient=0.0)
        scene = make_scene(seed, step * count + row, codes, kinds)
        picture = np.array(draw_scene(scene, atlas, 64))
        pictures[row] = torch.from_numpy(picture).permute(2, 0, 1)  # (H, W, 3) -> (3, H, W)
        code = scene.figures[0].code
        classes[row] = torch.tensor(
            [place[code], STYLES.index(scene.style), colours.index(scene.top)]
        )
    return pictures, classes


def roughen(pictures: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    """Blur half of the pictures, shift and add noise, so that small faults do not decide."""
    real = pictures.float() / 127.5 - 1
    blurred = functional.avg_pool2d(functional.pad(real, (1, 1, 1, 1), "replicate"), 3, 1)
    part = torch.rand((len(real), 1, 1, 1), generator=draws)
    real = torch.lerp(real, blurred, (part * 2).clamp(max=1))
    shift = torch.randint(-3, 4, (2,), generator=draws).tolist()
    real = real.roll(shift, (2, 3))
    noise = torch.randn(real.shape, generator=draws)
    return real + 0.08 * torch.rand((len(real), 1, 1, 1), generator=draws) * noise


def train_judge(
    codes: Sequence[str], atlas: Atlas, *, steps: int = 1500, batch: int = 96, seed: int = 100
) -> Judge:
    """Train a judge; a minute or three on two cores."""
    torch.manual_seed(mix(seed, "judge", 0))
    judge = Judge(len(codes))
    judge(torch.zeros(2, 3, 64, 64))
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    judge.train()
    for step in range(steps):
        pictures, classes = draw_batch(seed, step, batch, codes, atlas)
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
    judge: Judge, codes: Sequence[str], atlas: Atlas, count: int = 1000
) -> dict[str, float]:
    """Give the judge's own accuracy on composed pictures it has not seen."""
    pictures, classes = draw_batch(7, 0, count, codes, atlas)
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
