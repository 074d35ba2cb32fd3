import json
from dataclasses import replace
from pathlib import Path

import diffusers
import pytest
import torch

from starter import export as exporting
from starter.export import ExportTooLarge, export
from starter.material import Material
from starter.sampling import draw_pictures, load_pipeline, make_grid
from starter.sprites import Atlas
from starter.subjects import Subject
from starter.train import export_now, train_diffusion, train_vae

# diffusers hands tensors to numpy the old way, and says so about each cast to half precision
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),
    pytest.mark.timeout(120),
]

SAMPLERS = {
    "euler": "EulerDiscreteScheduler",
    "euler_a": "EulerAncestralDiscreteScheduler",
    "ddim": "DDIMScheduler",
    "dpmpp_2m": "DPMSolverMultistepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "lcm": "LCMScheduler",
    "heun": "HeunDiscreteScheduler",
}


@pytest.fixture
def model(material: Material) -> Path:
    export_now(material)
    return material.plan.model


@pytest.mark.slow
def test_the_export_loads_offline_and_draws(model: Path) -> None:
    pictures = list(draw_pictures(load_pipeline(model), ["a ball", ""], steps=2))
    assert [picture.size for picture in pictures] == [(16, 16), (16, 16)]
    assert make_grid(pictures).size == (8 * 0 + 2 + 8 * 18, 20)


@pytest.mark.slow
def test_every_prompt_gives_a_picture(model: Path) -> None:
    prompts = ["", "zzyzx qwrt", "лиса 狐狸 🦊", "a fox, " * 1500]
    assert len(list(draw_pictures(load_pipeline(model), prompts, steps=2))) == 4


@pytest.mark.slow
def test_every_sampler_runs_with_the_exported_scheduler(model: Path) -> None:
    pipeline = load_pipeline(model)
    for name in SAMPLERS.values():
        pipeline.scheduler = getattr(diffusers, name).from_config(pipeline.scheduler.config)
        latents = pipeline(
            "a box",
            num_inference_steps=4,
            output_type="latent",
            generator=torch.Generator().manual_seed(0),
        ).images
        assert bool(torch.isfinite(latents).all()), name


@pytest.mark.slow
def test_the_export_says_what_it_wants(model: Path) -> None:
    says = json.loads((model / "heliograph.json").read_text("utf-8"))
    assert says["family"] == "sd1"
    assert says["defaults"]["width"] == says["defaults"]["height"] == 16
    index = json.loads((model / "model_index.json").read_text("utf-8"))
    assert index["safety_checker"] == index["feature_extractor"] == [None, None]


@pytest.mark.slow
def test_an_export_that_is_too_large_leaves_the_last_one(
    material: Material, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(model.rglob("*"))
    monkeypatch.setattr(exporting, "WHOLE", 10)
    with pytest.raises(ExportTooLarge):
        export(load_pipeline(model), model, 16, material.plan.cache)
    assert sorted(model.rglob("*")) == before


@pytest.mark.slow
def test_all_stages_run_and_run_again_without_training(material: Material) -> None:
    vae = train_vae(material, 4, 0)
    first = train_diffusion(material, vae, 3, lambda: 0.0)
    again = train_diffusion(material, train_vae(material, 4, 0), 3, lambda: 0.0)
    pairs = zip(first.unet.parameters(), again.unet.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert again.vae.config.scaling_factor > 0


@pytest.mark.slow
def test_a_run_goes_on_from_an_export(
    material: Material, model: Path, subjects: tuple[Subject, ...], atlas: Atlas, tmp_path: Path
) -> None:
    plan = replace(material.plan, origin=model, work=tmp_path / "on", model=tmp_path / "on" / "m")
    onward = Material(plan, subjects, atlas, [])
    assert onward.tokenizer.get_vocab() == material.tokenizer.get_vocab()
    still = train_diffusion(onward, train_vae(onward, 0, 0), 1, lambda: 0.0)
    old = load_pipeline(model)
    pairs = list(zip(still.vae.parameters(), old.vae.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)  # the VAE is not trained again
    moved = zip(still.unet.parameters(), old.unet.parameters(), strict=True)
    assert "_name_or_path" not in (plan.model / "vae" / "config.json").read_text("utf-8")
    gap = max(float((a - b).detach().abs().max()) for a, b in moved)
    assert 0 < gap < 0.01  # one step away, in a warm-up
    export_now(onward)
    again = load_pipeline(plan.model)
    pairs = list(zip(again.vae.parameters(), old.vae.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in pairs)
