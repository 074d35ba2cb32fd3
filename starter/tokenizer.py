"""The vocabulary: a small byte-level BPE in CLIP's own format.

Trained on captions and on the English words of emojibase. Every byte has a token of its own, so
that any text in any script becomes tokens. Does not know pictures.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
SUFFIX = "</w>"
MAX_LENGTH = 32  # tokens, start and end included; the text encoder has as many positions
VOCABULARY = 2048
# CLIP's own words: contractions, runs of letters, single digits, runs of anything else
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def list_bytes() -> list[str]:
    """List the 256 characters that stand for bytes, in a fixed order."""
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def train_bpe(texts: Iterable[str], size: int = VOCABULARY) -> tuple[dict[str, int], list[str]]:
    """Train on texts and give vocabulary and merges, as `vocab.json` and `merges.txt` hold them."""
    letters = list_bytes()
    bare = Tokenizer(models.BPE(end_of_word_suffix=SUFFIX))
    bare.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    bare.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    bare.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        initial_alphabet=letters,
        end_of_word_suffix=SUFFIX,
        show_progress=False,
    )
    bare.train_from_iterator(texts, trainer)
    merges: list[list[str]] = json.loads(bare.to_str())["model"]["merges"]
    names = [*letters, *(letter + SUFFIX for letter in letters)]
    names += ["".join(pair) for pair in merges]
    names = list(dict.fromkeys(names))[: size - 2]
    known = set(names)
    kept = [" ".join(pair) for pair in merges if "".join(pair) in known]
    return {name: number for number, name in enumerate([*names, START, END])}, kept


def make_tokenizer(vocabulary: dict[str, int], merges: list[str]) -> CLIPTokenizer:
    """Make the tokenizer object."""
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=[tuple(line.split(" ")) for line in merges],
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=MAX_LENGTH,
    )


def save_tokenizer(vocabulary: dict[str, int], merges: list[str], folder: Path) -> None:
    """Write `tokenizer.json` and the older pair of files, both of which loaders look for."""
    make_tokenizer(vocabulary, merges).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    lines = "\n".join(["#version: 0.2", *merges])
    (folder / "merges.txt").write_text(lines + "\n", "utf-8")


def read_english(emojibase: Path) -> list[str]:
    """List the labels and tags of every emoji, as everyday English words."""
    rows = json.loads((emojibase / "en" / "data.json").read_text("utf-8"))
    texts: list[str] = []
    for row in rows:
        texts.append(row["label"])
        texts.extend(row.get("tags", ()))
    return texts
