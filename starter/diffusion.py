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
from starter.precision import autocast
from starter.recipe import FACTOR, RECIPES
from starter.scenes import Scene
from starter.seeds import make_generator, make_random, mix
from starter.subjects import Subject
from starter.tokenizer import MAX_LENGTH
from starter.vae import blend

SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.02,  # terminal SNR 2e-4
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
}
DROPOUT = 0.1  # part of the captions replaced by the empty one


def make_unet(size: int) -> UNet2DConditionModel:
    """Make an untrained UNet; the recipe says which of its levels attend to the text."""
    recipe = RECIPES[size]
    down = ["CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in recipe.attends]
    up = ["CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in recipe.attends[::-1]]
    return UNet2DConditionModel(
        sample_size=size // FACTOR,
        in_channels=recipe.latent_channels,
        out_channels=recipe.latent_channels,
        down_block_types=tuple(down),
        up_block_types=tuple(up),
        block_out_channels=recipe.unet_levels,
        layers_per_block=1,
        cross_attention_dim=recipe.text_width,
        attention_head_dim=4,  # diffusers' name for the number of heads
        norm_num_groups=recipe.groups,
    )


def make_text_encoder(size: int, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Make an untrained text encoder for that vocabulary."""
    width = RECIPES[size].text_width
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
    for start in range(0, count, 64):
        pictures = draw(start, min(start + 64, count)).float() / 127.5 - 1
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with autocast(device):
            mean = vae.encode(pictures).latent_dist.mean
        parts.append((mean.float() * vae.config.scaling_factor).half())
    return torch.cat(parts).contiguous()


def encode_captions(
    scenes: Sequence[Scene],
    subjects: Sequence[Subject],
    tokenizer: CLIPTokenizer,
    seed: int,
    phrasings: int,
) -> torch.Tensor:
    """Name every scene in that many ways: token ids, (N, phrasings, MAX_LENGTH) in int16."""
    by_code = {subject.code: subject for subject in subjects}
    parts = []
    for start in range(0, len(scenes), 4096):
        captions = []
        for index, scene in enumerate(scenes[start : start + 4096], start):
            draw = make_random(seed, "caption", index)
            captions += [describe(scene, by_code, draw) for _ in range(phrasings)]
        parts.append(tokenize(tokenizer, captions).to(torch.int16))
    return torch.cat(parts).view(len(scenes), phrasings, MAX_LENGTH)


class DiffusionStage:
    """Trains text encoder and UNet together."""

    name = "diffusion"

    def __init__(
        self,
        latents: torch.Tensor,
        words: torch.Tensor,
        tokenizer: CLIPTokenizer,
        *,
        size: int,
        seed: int,
        device: str,
    ) -> None:
        """Take latents (N, C, H/8, W/8) and the token ids that name them (N, K, L)."""
        torch.manual_seed(mix(seed, "diffusion", 0))
        self.unet = make_unet(size).to(device, memory_format=torch.channels_last)
        self.text = make_text_encoder(size, tokenizer).to(device)
        self.ema_unet = make_unet(size).to(device).requires_grad_(False)
        self.ema_text = make_text_encoder(size, tokenizer).to(device).requires_grad_(False)
        self.ema_unet.load_state_dict(self.unet.state_dict())
        self.ema_text.load_state_dict(self.text.state_dict())
        self._guess = self.unet
        if device.startswith("cuda"):  # launching kernel after kernel bounds the speed there
            self._guess = torch.compile(self.unet, mode="reduce-overhead")
        self._weights = [*self.unet.parameters(), *self.text.parameters()]
        self._optimizer = torch.optim.AdamW(
            self._weights, lr=8e-4, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        alphas = DDPMScheduler(**SCHEDULE).alphas_cumprod
        self._signal = alphas.sqrt().view(-1, 1, 1, 1).to(device)
        self._noise = (1 - alphas).sqrt().view(-1, 1, 1, 1).to(device)
        self._latents, self._words = latents.to(device), words.to(device)
        self._empty = tokenize(tokenizer, [""]).to(device, torch.int16)
        self._seed, self.device, self._batch = seed, device, RECIPES[size].batch

    def start_from(self, text: CLIPTextModel, unet: UNet2DConditionModel) -> None:
        """Take trained weights instead of random ones."""
        for mine in (self.unet, self.ema_unet):
            mine.load_state_dict(unet.state_dict())
        for other in (self.text, self.ema_text):
            other.load_state_dict(text.state_dict())

    def update(self, step: int, rate: float) -> torch.Tensor:
        """Do one step."""
        draws = make_generator(self._seed, "diffusion", step)
        picks = torch.randint(len(self._latents), (self._batch,), generator=draws)
        ways = torch.randint(self._words.shape[1], (self._batch,), generator=draws)
        silent = torch.rand((self._batch, 1), generator=draws) < DROPOUT
        # one draw, spread evenly: each batch sees all noise levels
        spread = (torch.rand((), generator=draws) + torch.arange(self._batch) / self._batch) % 1
        times = (spread * len(self._signal)).long().to(self.device)
        picks = picks.to(self.device)
        clean = self._latents[picks].float()
        noises = make_generator(self._seed, "noise", step, self.device)
        noise = torch.randn(clean.shape, generator=noises, device=self.device)
        named = self._words[picks, ways.to(self.device)]
        ids = torch.where(silent.to(self.device), self._empty, named).long()
        signal, sigma = self._signal[times], self._noise[times]
        noisy = (signal * clean + sigma * noise).contiguous(memory_format=torch.channels_last)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with autocast(self.device):
            words = self.text(ids).last_hidden_state
            guess = self._guess(noisy, times, words, return_dict=False)[0]
        loss: torch.Tensor = (guess.float() - (signal * noise - sigma * clean)).square().mean()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        self._optimizer.step()
        blend(self.ema_unet, self.unet, 0.999, step)
        blend(self.ema_text, self.text, 0.999, step)
        return loss.detach()

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
