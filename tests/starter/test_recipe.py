import pytest
import torch
from transformers import CLIPTokenizer

from starter.diffusion import make_text_encoder, make_unet
from starter.export import WHOLE
from starter.recipe import FACTOR, RECIPES
from starter.tokenizer import make_tokenizer, train_bpe
from starter.vae import make_vae

VOCABULARY_FILES = 500_000  # bytes, about


def empty_tokenizer(size: int) -> CLIPTokenizer:
    vocabulary, merges = train_bpe(["a word"], 600)
    filled = vocabulary | {f"word{n}</w>": len(vocabulary) + n for n in range(size)}
    return make_tokenizer(dict(list(filled.items())[:size]), merges)


@pytest.mark.parametrize("size", RECIPES)
def test_every_recipe_makes_a_model_that_fits_together_and_is_small_enough_to_ship(
    size: int,
) -> None:
    recipe = RECIPES[size]
    tokenizer = empty_tokenizer(recipe.vocabulary)
    with torch.device("meta"):
        vae, unet = make_vae(size), make_unet(size)
        text = make_text_encoder(size, tokenizer)
    parts = (vae, unet, text)
    weights = sum(weight.numel() for part in parts for weight in part.parameters())
    assert 2 * weights + VOCABULARY_FILES <= WHOLE
    assert 2 ** (len(vae.config.block_out_channels) - 1) == FACTOR
    assert unet.config.sample_size * FACTOR == size
    assert unet.config.in_channels == vae.config.latent_channels
    assert unet.config.cross_attention_dim == text.config.hidden_size
    assert recipe.crop % FACTOR == 0
