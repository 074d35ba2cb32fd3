"""The text encoder and the UNet, trained together on latents encoded beforehand.

Velocity prediction (Salimans & Ho 2022, eq. 9 ff.) on a scaled-linear schedule that every sampler
can run. Does not know pixels: see `starter.vae`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from starter.captions import describe
from starter.scenes import Scene
from starter.seeds import make_generator, make_random, mix
from starter.subjects import Subject
from starter.tokenizer import MAX_LENGTH
from starter.vae import LATENT_CHANNELS, blend

# side in pixels -> channels of the UNet's levels, and the text encoder's width
LEVELS: dict[int, tuple[int, ...]] = {
    16: (8, 16),
    64: (144, 144),
    128: (128, 160),
    256: (96, 128, 160),
}
TEXT_WIDTH: dict[int, int] = {16: 16, 64: 256, 128: 256, 256: 256}
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.02,  # terminal SNR 2e-4
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
}
DROPOUT = 0.1  # part of the captions replaced by the empty one


def make_unet(size: int, factor: int = 8) -> UNet2DConditionModel:
    """Make an untrained UNet whose every level attends to the text."""
    levels = LEVELS[size]
    return UNet2DConditionModel(
        sample_size=size // factor,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("CrossAttnDownBlock2D",) * len(levels),
        up_block_types=("CrossAttnUpBlock2D",) * len(levels),
        block_out_channels=levels,
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH[size],
        attention_head_dim=4,  # diffusers' name for the number of heads
        norm_num_groups=16 if size > 16 else 4,
    )


def make_text_encoder(size: int, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Make an untrained text encoder for that vocabulary."""
    width = TEXT_WIDTH[size]
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=3 * width,
            projection_dim=width,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """Turn captions into token ids, (B, MAX_LENGTH)."""
    ids: torch.Tensor = tokenizer(
        captions,
        padding="max_length",
        truncation=True,
        max_length=MAX_LENGTH,
        return_tensors="pt",
    ).input_ids
    return ids


@torch.no_grad()
def encode_scenes(
    vae: AutoencoderKL, count: int, draw: Callable[[int, int], torch.Tensor], device: str
) -> torch.Tensor:
    """Encode scenes 0..count as scaled latent means, (N, C, H/8, W/8) in float16.

    `draw(start, stop)` gives pictures as uint8, (B, 3, H, W).
    """
    parts = []
    for start in range(0, count, 128):
        pictures = draw(start, min(start + 128, count)).to(device).float() / 127.5 - 1
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            mean = vae.encode(pictures).latent_dist.mean
        parts.append((mean.float() * vae.config.scaling_factor).half().cpu())
    return torch.cat(parts)


class Captions:
    """Names scenes: a phrasing is a pure function of (seed, step, place in the batch)."""

    def __init__(self, scenes: Sequence[Scene], subjects: Sequence[Subject], seed: int) -> None:
        """Take the scenes in the order of their latents."""
        self._scenes, self._seed = scenes, seed
        self._subjects = {subject.code: subject for subject in subjects}

    def pick(self, picks: list[int], step: int) -> list[str]:
        """Describe the picked scenes; some come back empty."""
        draw = make_random(self._seed, "caption", step)
        return [
            "" if draw.random() < DROPOUT else describe(self._scenes[pick], self._subjects, draw)
            for pick in picks
        ]


class DiffusionStage:
    """Trains text encoder and UNet together."""

    name = "diffusion"

    def __init__(
        self,
        latents: torch.Tensor,
        captions: Captions,
        tokenizer: CLIPTokenizer,
        *,
        size: int,
        seed: int,
        device: str,
        batch: int = 48,
    ) -> None:
        """Take latents (N, C, H/8, W/8) and what names them."""
        torch.manual_seed(mix(seed, "diffusion", 0))
        self.unet = make_unet(size).to(device, memory_format=torch.channels_last)
        self.text = make_text_encoder(size, tokenizer).to(device)
        self.ema_unet = make_unet(size).to(device).requires_grad_(False)
        self.ema_text = make_text_encoder(size, tokenizer).to(device).requires_grad_(False)
        self.ema_unet.load_state_dict(self.unet.state_dict())
        self.ema_text.load_state_dict(self.text.state_dict())
        self._weights = [*self.unet.parameters(), *self.text.parameters()]
        self._optimizer = torch.optim.AdamW(
            self._weights, lr=8e-4, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        alphas = DDPMScheduler(**SCHEDULE).alphas_cumprod
        self._signal = alphas.sqrt().view(-1, 1, 1, 1).to(device)
        self._noise = (1 - alphas).sqrt().view(-1, 1, 1, 1).to(device)
        self._latents, self._captions, self._tokenizer = latents, captions, tokenizer
        self._seed, self.device, self._batch = seed, device, batch

    def update(self, step: int, rate: float) -> float:
        """Do one step."""
        draws = make_generator(self._seed, "diffusion", step)
        picks = torch.randint(len(self._latents), (self._batch,), generator=draws)
        # one draw, spread evenly: each batch sees all noise levels
        spread = (torch.rand((), generator=draws) + torch.arange(self._batch) / self._batch) % 1
        times = (spread * len(self._signal)).long().to(self.device)
        clean = self._latents[picks].float()
        noise = torch.randn(clean.shape, generator=draws).to(self.device)
        clean = clean.to(self.device)
        ids = tokenize(self._tokenizer, self._captions.pick(picks.tolist(), step))
        signal, sigma = self._signal[times], self._noise[times]
        noisy = (signal * clean + sigma * noise).contiguous(memory_format=torch.channels_last)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            words = self.text(ids.to(self.device)).last_hidden_state
            guess = self.unet(noisy, times, words).sample
        loss = (guess.float() - (signal * noise - sigma * clean)).square().mean()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        self._optimizer.step()
        blend(self.ema_unet, self.unet, 0.999, step)
        blend(self.ema_text, self.text, 0.999, step)
        return float(loss.detach())

    def collect(self) -> dict[str, Any]:
        """Give all state a resumed run needs."""
        return {
            "unet": self.unet.state_dict(),
            "text": self.text.state_dict(),
            "ema_unet": self.ema_unet.state_dict(),
            "ema_text": self.ema_text.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `collect` gave."""
        self.unet.load_state_dict(state["unet"])
        self.text.load_state_dict(state["text"])
        self.ema_unet.load_state_dict(state["ema_unet"])
        self.ema_text.load_state_dict(state["ema_text"])
        self._optimizer.load_state_dict(state["optimizer"])
