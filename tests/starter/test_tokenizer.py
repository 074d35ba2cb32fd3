from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from starter.diffusion import tokenize
from starter.tokenizer import MAX_LENGTH, save_tokenizer, train_bpe


@pytest.fixture
def tokenizer(tmp_path: Path) -> CLIPTokenizer:
    texts = ["a red fox on a blue background", "a flat owl, green background"] * 20
    save_tokenizer(*train_bpe(texts, 600), tmp_path)
    return CLIPTokenizer.from_pretrained(str(tmp_path))


def test_a_known_word_is_one_token(tokenizer: CLIPTokenizer) -> None:
    ids = tokenizer("a red fox").input_ids
    assert len(ids) == 5
    assert (ids[0], ids[-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id)


def test_case_and_spaces_do_not_matter(tokenizer: CLIPTokenizer) -> None:
    assert tokenizer(" A  RED\nFox ").input_ids == tokenizer("a red fox").input_ids


@pytest.mark.parametrize("text", ["zyxw", "лиса на синем", "狐狸", "naïve café", "🦊", "\x00\x7f"])
def test_unknown_words_split_into_bytes_and_come_back(tokenizer: CLIPTokenizer, text: str) -> None:
    ids = tokenizer(text).input_ids
    assert tokenizer.eos_token_id not in ids[1:-1]
    back = tokenizer.decode(ids, skip_special_tokens=True)
    assert back.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("text", ["", " ", "fox " * 2500, "é" * 10_000, "\n\t", "<|endoftext|>"])
def test_any_text_fills_exactly_the_positions_there_are(
    tokenizer: CLIPTokenizer, text: str
) -> None:
    ids = tokenize(tokenizer, [text])
    assert ids.shape == (1, MAX_LENGTH)
    assert int(ids.max()) < len(tokenizer)
    assert tokenizer.model_max_length == MAX_LENGTH


def test_training_twice_gives_the_same_vocabulary() -> None:
    texts = ["some words and other words", "more words"] * 5
    assert train_bpe(texts, 560) == train_bpe(texts, 560)


def test_no_token_is_numbered_twice() -> None:
    vocabulary, merges = train_bpe(["banana bandana"] * 9, 540)
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert all("".join(line.split(" ")) in vocabulary for line in merges)
