"""Tiny bases to train on, one for each family, and steps of training that are true but short."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.engine.diffusion.calls import Batch
from core.engine.models import load, text
from core.engine.models.families import FAMILIES, MODEL, VAE
from core.engine.train.methods import Base, Trained
from core.engine.values import Handle, Sizes
from core.ipc.commands import TaughtSubject
from tests.engine import tiny, tiny_flow, tiny_xl

WRITERS: Mapping[str, Any] = {
    "sd1": lambda folder: tiny.write_model(folder, latents=4),
    "sdxl": tiny_xl.write_model,
    "flux": tiny_flow.write_flux,
    "sd3": tiny_flow.write_sd3,
}
SUBJECT = TaughtSubject(
    token="sks",
    class_word="dog",
    instance_prompt="a photo of sks dog",
    class_prompt="a photo of a dog",
    pictures=[],
)


def written(folder: Path, family: str) -> Path:
    WRITERS[family](folder)
    return folder


def handle(folder: Path, family: str, part: str, **more: Any) -> Handle:
    return Handle(identity=folder.name, path=str(folder), family=family, part=part, **more)


def opened(folder: Path, family: str, dtype: torch.dtype = torch.float32) -> Base:
    """Load all parts of a folder."""
    row = FAMILIES[family]
    parts = {
        part: load.load(handle(folder, family, part), dtype)
        for part in (MODEL, VAE, *(tower.part for tower in row.towers))
    }
    denoiser: Any = parts.pop(MODEL)
    vae = parts.pop(VAE)
    return Base(row, family, denoiser, parts, vae, denoiser.scheduler_config)


def predicted(
    base: Base, denoiser: nn.Module, encoders: Mapping[str, nn.Module], prompt: str = "a sks dog"
) -> torch.Tensor:
    """Predict once, from noise that is always the same: (2, C, h, w)."""
    made = []
    for tower in base.family.towers:
        encoder: Any = encoders[tower.part]
        given = text.tokenize(encoder.tokenizer, prompt)
        made.append(tower.read(encoder, given.input_ids, given.attention_mask, 0))
    words = base.family.join(made)
    config: Any = denoiser.config
    channels = int(config.in_channels) // base.family.packed
    generator = torch.Generator().manual_seed(5)
    batch = Batch(
        sample=torch.randn(2, channels, 8, 8, generator=generator),
        timesteps=torch.tensor([400.0, 700.0]),
        tokens=words.tokens.expand(2, -1, -1),
        pooled=None if words.pooled is None else words.pooled.expand(2, -1),
        guidance=torch.full((2,), 3.5) if getattr(config, "guidance_embeds", False) else None,
        sizes=((64, 64), (64, 64)),
        told=(Sizes(), Sizes()),
        conditional=(True, True),
    )
    return base.family.call(denoiser, batch)


def losses(base: Base, trained: Trained) -> torch.Tensor:
    made = predicted(base, trained.denoiser, trained.encoders)
    target = torch.randn(made.shape, generator=torch.Generator().manual_seed(6))
    return (made - target).square().mean()


def stepped(base: Base, trained: Trained, steps: int = 2, lr: float = 0.05) -> None:
    """Train, with steps large enough to be seen."""
    params = [one for group in trained.groups for one in group.params if one.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        losses(base, trained).backward()
        optimizer.step()
    optimizer.zero_grad()
