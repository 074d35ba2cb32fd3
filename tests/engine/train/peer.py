"""The peer: what diffusers' ``train_dreambooth.py`` does in each step, as a plain loop.

Pictures and prompts are encoded in every step, AdamW is torch's own, and all is drawn from one
global stream. Its own losses are held to those that the script logged (``test_parity``).
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader

DATA = Path(__file__).parents[2] / "data/parity"


def pictures(folder: Path, names: list[str]) -> torch.Tensor:
    """Read pictures: (n, 3, H, W) in [-1, 1]."""
    made = []
    for name in names:
        with Image.open(folder / name) as picture:
            data = torch.frombuffer(bytearray(picture.convert("RGB").tobytes()), dtype=torch.uint8)
            made.append(data.view(picture.height, picture.width, 3).permute(2, 0, 1))
    return (torch.stack(made).float() / 255 * 2 - 1).contiguous()


def told() -> dict[str, Any]:
    """Read what the script logged, and how it was run."""
    made: dict[str, Any] = json.loads((DATA / "peer_losses.json").read_text("utf-8"))
    return made


def recorded() -> tuple[torch.Tensor, torch.Tensor]:
    """Read the pictures that it was run on, in the order that it saw them."""
    names = told()["listing_order"]
    return pictures(DATA / "inst", names["instance"]), pictures(DATA / "cls", names["class"])


class Peer:
    """The script on a checkpoint's folder, with prior preservation."""

    def __init__(
        self,
        folder: Path,
        pictures: tuple[torch.Tensor, torch.Tensor],
        prompts: tuple[str, str],
        *,
        lr: float = 1e-4,
        batch: int = 1,
        accumulate: int = 1,
        text: bool = False,
    ) -> None:
        from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
        from transformers import AutoTokenizer, CLIPTextModel

        self.unet = UNet2DConditionModel.from_pretrained(folder / "unet").float().train()
        self._vae = AutoencoderKL.from_pretrained(folder / "vae").float().requires_grad_(False)
        encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").float()
        self._text = encoder.requires_grad_(text)
        self._tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
        self._noising = DDPMScheduler.from_pretrained(folder / "scheduler")
        self._pictures, self._prompts = pictures, prompts
        self._batch, self._accumulate = batch, accumulate
        self.params = [*self.unet.parameters(), *(self._text.parameters() if text else ())]
        self._optimizer = torch.optim.AdamW(self.params, lr=lr, weight_decay=1e-2, eps=1e-8)

    def thaw_vae(self) -> None:
        """Train the encoder of pictures as well, which the script never does."""
        params = list(self._vae.requires_grad_(True).parameters())
        self.params += params
        self._optimizer.add_param_group({"params": params})

    def losses(self, seed: int) -> Iterator[float]:
        """Take one step after another; give the loss of each forward.

        The global stream is set, and left where the steps left it.
        """
        torch.manual_seed(seed)
        count = max(len(some) for some in self._pictures)
        for _ in itertools.count():
            loader = DataLoader(list(range(count)), batch_size=self._batch, shuffle=True)
            for number, indices in enumerate(loader):
                loss = self._loss(indices.tolist())
                (loss / self._accumulate).backward()
                if (number + 1) % self._accumulate == 0 or number + 1 == len(loader):
                    torch.nn.utils.clip_grad_norm_(self.params, 1.0)
                    self._optimizer.step()
                    self._optimizer.zero_grad()
                yield float(loss.detach())

    def _loss(self, indices: list[int]) -> torch.Tensor:
        pixels = torch.stack([some[i % len(some)] for some in self._pictures for i in indices])
        latents = self._vae.encode(pixels).latent_dist.sample() * self._vae.config.scaling_factor
        noise = torch.randn_like(latents)
        timesteps = torch.randint(0, self._noising.config.num_train_timesteps, (len(latents),))
        seen = self._noising.add_noise(latents, noise, timesteps)
        words = [prompt for prompt in self._prompts for _ in indices]
        ids = self._tokenizer(
            words, truncation=True, padding="max_length", return_tensors="pt",
            max_length=self._tokenizer.model_max_length,
        ).input_ids  # fmt: skip
        predicted = self.unet(seen, timesteps, self._text(ids)[0], return_dict=False)[0]
        target = noise
        if self._noising.config.prediction_type == "v_prediction":
            target = self._noising.get_velocity(latents, noise, timesteps)
        (ours, prior), (wanted, known) = predicted.chunk(2), target.chunk(2)
        return functional.mse_loss(ours, wanted) + functional.mse_loss(prior, known)
