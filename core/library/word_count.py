"""How long a prompt is for a model, in the words of its text encoder: tokens, and windows of them.

Reads the tokenizer beside a model, or the one that ships. Knows no weights and loads no encoder;
what is not read here (families whose pipelines read prompts in their own way) has no count.
"""

import json
import lzma
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from core.graph.prompts import grammar, reading
from core.paths import shipped

MAX_WINDOWS = 32  # of CLIP; what comes after them is left out
_CLIP = 77  # tokens of a window, with those of start and end
_T5 = {"sd3": 256, "flux": 512}  # family → tokens that are read, with the one at the end
_READ_BY = dict.fromkeys(("sd1", "sd2", "sdxl", "sdxl-refiner"), "clip") | dict.fromkeys(_T5, "t5")
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


class Counted(NamedTuple):
    """What a prompt takes of what a model reads."""

    tokens: int
    window: int  # tokens of one window, without those of start and end
    windows: int
    cut: bool  # it is longer than what is read


class _Counter(NamedTuple):
    tokenizer: Any
    room: int
    most: int  # windows


def count(prompt: str, path: Path, family: str) -> Counted | None:
    """Count the tokens of a prompt as its first step reads it; the longest part of a blend.

    :param path: of the model: a folder, or a file.
    :returns: None for a family whose words are not known here.
    """
    counter = _counter(path, family)
    if counter is None:
        return None
    found = [_of_chunks(counter, chunks) for _, chunks in grammar.read(prompt).chunks()]
    return max(found, key=lambda one: (one.windows, one.tokens))


def _of_chunks(counter: _Counter, chunks: Sequence[reading.Chunk]) -> Counted:
    tokens = windows = 0
    for chunk in chunks:
        texts = [part.text.encode("utf-8", "replace").decode("utf-8") for part in chunk]
        read = counter.tokenizer.encode_batch(texts, add_special_tokens=False)
        own = sum(len(each.ids) for each in read)
        tokens += own
        windows += max(1, -(-own // counter.room))
    windows = max(1, windows)
    return Counted(tokens, counter.room, min(windows, counter.most), windows > counter.most)


@lru_cache(maxsize=4)  # as many as are used in turn; each takes some MB
def _counter(path: Path, family: str) -> _Counter | None:
    from tokenizers import Tokenizer

    reader = _READ_BY.get(family)
    if reader is None:
        return None
    if reader == "t5":
        return _Counter(Tokenizer.from_str(json.dumps(_shipped("t5"))), _T5[family] - 1, 1)
    folder = path / "tokenizer"
    if not (folder / "tokenizer.json").is_file():
        return _Counter(_clip(), _CLIP - 2, MAX_WINDOWS)
    made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.no_truncation()
    made.no_padding()
    return _Counter(made, _length(folder / "tokenizer_config.json") - 2, MAX_WINDOWS)


def _length(config: Path) -> int:
    try:
        told = json.loads(config.read_bytes()).get("model_max_length")
    except (OSError, ValueError, AttributeError):
        return _CLIP
    return told if isinstance(told, int) and 8 <= told <= 4096 else _CLIP


def _clip() -> Any:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    content = _shipped("clip")
    vocab = {word: number for number, word in enumerate(content["vocab"])}
    merges = [tuple(merge.split()) for merge in content["merges"]]
    made = Tokenizer(
        models.BPE(
            vocab=vocab, merges=merges, unk_token="<|endoftext|>", end_of_word_suffix="</w>",
            fuse_unk=False,
        )
    )  # fmt: skip
    made.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    return made


def _shipped(name: str) -> Any:
    return json.loads(lzma.decompress((shipped("tokenizers") / f"{name}.json.xz").read_bytes()))
