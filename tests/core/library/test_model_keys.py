"""Real models of every kind are told right, by names and shapes that libraries themselves give."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.library.detect import Detected, detect
from tests.core.library import keys

EXPECTED = {
    "sd15-checkpoint": ("checkpoint", "sd1", ""),
    "sd15-inpaint-checkpoint": ("checkpoint", "sd1", "inpaint"),
    "sd15-unet": ("checkpoint", "sd1", ""),
    "sd21-checkpoint": ("checkpoint", "sd2", ""),
    "sd21-unet": ("checkpoint", "sd2", ""),
    "sdxl-checkpoint": ("checkpoint", "sdxl", ""),
    "sdxl-inpaint-checkpoint": ("checkpoint", "sdxl", "inpaint"),
    "sdxl-refiner-checkpoint": ("checkpoint", "sdxl-refiner", ""),
    "sdxl-unet": ("checkpoint", "sdxl", ""),
    "sd3-medium-checkpoint": ("checkpoint", "sd3", "medium"),
    "sd3-medium-transformer": ("checkpoint", "sd3", "medium"),
    "sd3.5-medium-checkpoint": ("checkpoint", "sd3", "3.5-medium"),
    "sd3.5-medium-transformer": ("checkpoint", "sd3", "3.5-medium"),
    "sd3.5-large-checkpoint": ("checkpoint", "sd3", "3.5-large"),
    "sd3.5-large-transformer": ("checkpoint", "sd3", "3.5-large"),
    "flux-dev-original": ("checkpoint", "flux", "dev"),
    "flux-dev-transformer": ("checkpoint", "flux", "dev"),
    "flux-schnell-original": ("checkpoint", "flux", "schnell"),
    "flux-schnell-transformer": ("checkpoint", "flux", "schnell"),
    "flux-fill-original": ("checkpoint", "flux", "fill"),
    "flux-fill-transformer": ("checkpoint", "flux", "fill"),
    "flux-control-original": ("checkpoint", "flux", "control"),
    "flux-control-transformer": ("checkpoint", "flux", "control"),
    "vae-4ch": ("vae", "unknown", "4ch"),
    "vae-4ch-original": ("vae", "unknown", "4ch"),
    "vae-16ch": ("vae", "unknown", "16ch"),
    "vae-16ch-original": ("vae", "unknown", "16ch"),
    "vae-tiny-4ch": ("vae", "unknown", "tiny 4ch"),
    "vae-tiny-16ch": ("vae", "unknown", "tiny 16ch"),
    "clip-l": ("text_encoder", "unknown", "clip-l"),
    "clip-g": ("text_encoder", "unknown", "clip-g"),
    "clip-h-original": ("text_encoder", "unknown", "clip-h"),
    "clip-g-original": ("text_encoder", "unknown", "clip-g"),
    "t5-xxl": ("text_encoder", "unknown", "t5-xxl"),
    "clip-vision-h": ("clip_vision", "unknown", "vit-h"),
    "sd15-controlnet": ("controlnet", "sd1", ""),
    "sd15-controlnet-original": ("controlnet", "sd1", ""),
    "sd21-controlnet": ("controlnet", "sd2", ""),
    "sdxl-controlnet": ("controlnet", "sdxl", ""),
    "sdxl-controlnet-union": ("controlnet", "sdxl", "union"),
    "flux-controlnet": ("controlnet", "flux", ""),
    "flux-controlnet-union": ("controlnet", "flux", "union"),
    "sd3-controlnet": ("controlnet", "sd3", ""),
    "t2i-adapter": ("other", "unknown", "t2i-adapter"),
    "sd15-ip-adapter": ("ip_adapter", "sd1", ""),
    "sd15-ip-adapter-plus": ("ip_adapter", "sd1", "plus"),
    "sd15-ip-adapter-faceid": ("ip_adapter", "sd1", "faceid"),
    "sdxl-ip-adapter": ("ip_adapter", "sdxl", ""),
    "sd15-lora-kohya": ("lora", "sd1", ""),
    "sd15-lora-kohya-text": ("lora", "sd1", ""),
    "sd15-lora-diffusers": ("lora", "sd1", ""),
    "sd15-lora-first-diffusers": ("lora", "sd1", ""),
    "sd15-lora-peft": ("lora", "sd1", ""),
    "sd15-lora-peft-raw": ("lora", "sd1", ""),
    "sd15-loha": ("lora", "sd1", ""),
    "sd15-lokr": ("lora", "sd1", ""),
    "sd21-lora-kohya": ("lora", "sd2", ""),
    "sd21-lora-peft": ("lora", "sd2", ""),
    "sdxl-lora-kohya": ("lora", "sdxl", ""),
    "sdxl-lora-kohya-unet": ("lora", "sdxl", ""),
    "sdxl-lora-peft": ("lora", "sdxl", ""),
    "sdxl-lora-peft-self": ("lora", "sdxl", ""),
    "sd3-lora-peft": ("lora", "sd3", ""),
    "sd3.5-large-lora-peft": ("lora", "sd3", ""),
    "sd3-lora-kohya": ("lora", "sd3", ""),
}


def test_every_list_has_an_answer() -> None:
    assert set(keys.names()) == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_real_model_is_told(name: str) -> None:
    assert detect(keys.header(keys.shapes(name))) == Detected(*EXPECTED[name])  # type: ignore[arg-type]


@settings(max_examples=50)
@given(
    name=st.sampled_from(sorted(EXPECTED)), seed=st.integers(0, 2**32), strange=st.integers(1, 9)
)
def test_neither_order_nor_strange_tensors_change_the_answer(
    name: str, seed: int, strange: int
) -> None:
    draw = random.Random(seed)
    found = dict(keys.shapes(name))
    for number in range(strange):
        found[f"zz_unheard_of.{number}.thing"] = tuple(draw.choices(range(1, 2000), k=number % 5))
    shuffled = list(found.items())
    draw.shuffle(shuffled)
    assert detect(keys.header(dict(shuffled))) == Detected(*EXPECTED[name])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in sorted(EXPECTED) if name.endswith("checkpoint")])
def test_an_archive_of_another_program_keeps_what_a_checkpoint_is(name: str) -> None:
    """Copies of the weights for training, and their counts, stand beside the weights."""
    found = keys.shapes(name)
    averaged = {f"model_ema.{key.replace('.', '')}": shape for key, shape in found.items()}
    trained = {"alphas_cumprod": (1000,), "model_ema.decay": (), "global_step": ()}
    assert detect(keys.header(averaged | trained | found)).family == EXPECTED[name][1]
