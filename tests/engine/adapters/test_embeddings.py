"""Embeddings in prompts: encoded as diffusers encodes them, and gone with their prompt."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.engine.adapters import embeddings
from core.engine.nodes.prompt import PromptEncode
from core.errors import ModelUnreadable
from core.graph.catalogue import Resource
from tests.engine.adapter_files import draw
from tests.engine.bench import Bench, parts
from tests.engine.tiny import Tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
WIDTH = 24


def write(folder: Path, name: str, tensors: dict[str, torch.Tensor], **fields: Any) -> Resource:
    path = folder / f"{name}.safetensors"
    save_file(tensors, path)
    return Resource(
        **{"id": name, "kind": "embedding", "path": str(path), "identity": name, "name": name,
           "family": "sd1", "format": "single"} | fields
    )  # fmt: skip


def ours(bench: Bench, prompt: str, *known: Resource) -> Any:
    ctx = bench.context("job", *known)
    return PromptEncode(prompt=prompt).run(ctx, parts(ctx).text_encoder)


def theirs(tiny: Tiny, prompt: str, path: str, token: str) -> torch.Tensor:
    pipeline = Tiny(tiny.folder).pipeline("StableDiffusionPipeline", "euler")
    pipeline.load_textual_inversion(path, token=token)
    made: torch.Tensor = pipeline.encode_prompt(prompt, "cpu", 1, False)[0]
    return made


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ["emb_params", "<my-cat>"])
def test_a_prompt_is_encoded_as_diffusers_would(
    bench: Bench, tiny: Tiny, tmp_path: Path, count: int, kind: str
) -> None:
    vectors = draw(count, WIDTH) if count > 1 or kind == "emb_params" else draw(WIDTH)
    one = write(tmp_path, "my-cat", {kind: vectors})
    made = ours(bench, "a <my-cat> on it", one).tokens
    expected = theirs(tiny, "a <my-cat> on it", one.path, "<my-cat>")
    assert torch.allclose(made, expected, atol=1e-5)
    for prompt in ("a embedding:my-cat on it", "a my-cat on it", "a MY-CAT on it"):
        assert torch.equal(ours(bench, prompt, one).tokens, made)


def test_other_prompts_are_as_ever(bench: Bench, tmp_path: Path) -> None:
    one = write(tmp_path, "my-cat", {"emb_params": draw(2, WIDTH)})
    before = ours(bench, "a my-cat, a fox")
    named = ours(bench, "a my-cat, a fox", one)
    assert not torch.allclose(named.tokens, before.tokens)
    assert torch.equal(ours(bench, "a my-cat, a fox").tokens, before.tokens)
    assert torch.equal(ours(bench, "a my-cats, a fox", one).tokens,
                       ours(bench, "a my-cats, a fox").tokens)  # fmt: skip


def test_weights_and_places_count_for_every_vector(bench: Bench, tmp_path: Path) -> None:
    one = write(tmp_path, "cat", {"emb_params": draw(3, WIDTH)})
    plain, weighted = ours(bench, "a cat", one).tokens, ours(bench, "a (cat:1.5)", one).tokens
    empty = ours(bench, "", one).tokens
    moved = slice(2, 5)
    assert torch.allclose(weighted[:, moved], (empty + 1.5 * (plain - empty))[:, moved], atol=1e-5)
    assert torch.equal(weighted[:, :2], plain[:, :2])


def test_one_that_does_not_fit_a_chunk_begins_the_next(
    bench: Bench, tiny: Tiny, tmp_path: Path
) -> None:
    one = write(tmp_path, "cat", {"emb_params": draw(4, WIDTH)})
    letters = "a b c d e f g h i j k l"  # 12 of the 14 places
    window = tiny.encoder.tokenizer.model_max_length
    made = ours(bench, f"{letters} cat", one).tokens
    assert torch.equal(made[:, :window], ours(bench, letters).tokens)
    assert torch.equal(made[:, window:], ours(bench, "cat", one).tokens)


def test_one_that_fits_no_chunk_is_cut(bench: Bench, tiny: Tiny, tmp_path: Path) -> None:
    one = write(tmp_path, "cat", {"emb_params": draw(40, WIDTH)})
    made = ours(bench, "a cat", one).tokens
    assert made.shape[1] == 4 * tiny.encoder.tokenizer.model_max_length
    assert torch.isfinite(made).all()


def test_a_word_that_names_one_for_others_by_chance_is_a_word(bench: Bench, tmp_path: Path) -> None:
    one = write(tmp_path, "cat", {"emb_params": draw(1, 32)}, family="sd2")
    assert torch.equal(ours(bench, "a cat", one).tokens, ours(bench, "a cat").tokens)
    with pytest.raises(ModelUnreadable) as caught:
        ours(bench, "a <cat>", one)
    assert caught.value.name == "embedding_width"
    assert caught.value.params == {"model": "cat", "width": 32, "wanted": WIDTH}


def test_of_two_encoders_vectors_the_fitting_are_taken(tmp_path: Path) -> None:
    small = draw(2, WIDTH)
    one = write(tmp_path, "cat", {"clip_g": draw(2, 40), "clip_l": small})
    assert torch.equal(embeddings.read(one.path, WIDTH), small)


@pytest.mark.parametrize(
    "tensors",
    [
        {"emb_params": torch.zeros((2, 3, WIDTH))},
        {"emb_params": torch.zeros((0, WIDTH))},
        {"emb_params": torch.zeros((1025, WIDTH))},
        {"emb_params": torch.full((1, WIDTH), torch.nan)},
        {"emb_params": torch.tensor(1.0)},
        {},
    ],
)
def test_what_is_no_embedding_is_told(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    one = write(tmp_path, "odd", tensors)
    with pytest.raises(ModelUnreadable) as caught:
        embeddings.read(one.path, WIDTH)
    assert (caught.value.name, caught.value.params["model"]) == ("model_unreadable", "odd")


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "odd.safetensors").write_bytes(b"\x09" * 50)
    for path in (tmp_path / "odd.safetensors", tmp_path / "none.safetensors"):
        with pytest.raises(ModelUnreadable):
            embeddings.read(str(path), WIDTH)
