"""The weights in the repository, as they are shipped."""

import json
from pathlib import Path

import pytest

from starter.export import WHOLE, measure_bytes
from starter.sampling import SHOWN, draw_pictures, load_pipeline
from starter.tokenizer import MAX_LENGTH

MODEL = Path(__file__).parents[2] / "starter" / "model"

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not MODEL.exists(), reason="the model is not trained yet"),
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),
]


def test_it_is_small_enough_to_ship() -> None:
    assert measure_bytes(MODEL) <= WHOLE
    assert max(path.stat().st_size for path in MODEL.rglob("*") if path.is_file()) <= 15_000_000


def test_its_parts_fit_together() -> None:
    text = json.loads((MODEL / "text_encoder" / "config.json").read_text("utf-8"))
    unet = json.loads((MODEL / "unet" / "config.json").read_text("utf-8"))
    vae = json.loads((MODEL / "vae" / "config.json").read_text("utf-8"))
    vocabulary = json.loads((MODEL / "tokenizer" / "vocab.json").read_text("utf-8"))
    says = json.loads((MODEL / "heliograph.json").read_text("utf-8"))
    assert text["vocab_size"] == len(vocabulary)
    assert text["max_position_embeddings"] == MAX_LENGTH
    assert text["hidden_size"] == unet["cross_attention_dim"]
    assert unet["in_channels"] == vae["latent_channels"]
    factor = 2 ** (len(vae["block_out_channels"]) - 1)
    assert unet["sample_size"] * factor == says["defaults"]["width"]


@pytest.mark.slow
def test_it_draws_a_picture_that_is_not_one_colour() -> None:
    (picture,) = draw_pictures(load_pipeline(MODEL), SHOWN[:1])
    low, high = picture.convert("L").getextrema()
    assert high - low > 40
