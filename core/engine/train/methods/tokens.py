"""Learned tokens: vectors that stand for a word, in copies of an encoder's tokenizer and table.

Textual inversion (Gal et al. 2022, https://arxiv.org/abs/2208.01618). The vectors alone are
trained; the table of all other tokens is the base's own and frozen. A tokenizer's copy reads the
word as a prompt names a published embedding: as a word of its own, in any case of letters.
"""

import copy
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from core.engine.adapters.twin import twin

_COMMON = 0.9  # share of CLIP's words that others use: it was given them in order of their number
_MOST_PIECES = 3


class Read(NamedTuple):
    """How a tokenizer reads a word that is to be taught."""

    pieces: list[str]
    warning: str | None  # "token_common", "token_long"


class Learned(NamedTuple):
    """A learned token: its word, and its vectors (n, D) by encoder, float32."""

    token: str
    vectors: dict[str, nn.Parameter]


class Table(nn.Module):
    """A table of tokens, and learned vectors whose ids come after those of the table."""

    def __init__(self, known: Any, vectors: Sequence[nn.Parameter]) -> None:
        super().__init__()
        self.known = known
        self.learned = nn.ParameterList(vectors)

    @property
    def weight(self) -> torch.Tensor:
        """The table's own weight, which says where it lies and in which format."""
        weight: torch.Tensor = self.known.weight
        return weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Look up ids (B, T): (B, T, D) in the table's number format."""
        first = self.known.num_embeddings
        old = ids < first
        made: torch.Tensor = self.known(torch.where(old, ids, 0))
        vectors = torch.cat([*self.learned])  # (n, D)
        new = vectors[torch.where(old, 0, ids - first)]
        return torch.where(old[..., None], made, new.to(made.dtype))


def token_of(tokenizer: Any, token: str) -> Read:
    """Look how a tokenizer reads a word: a common one brings what it means already, a long one
    is spread over many pieces.
    """
    pieces: list[str] = tokenizer.tokenize(token)
    words = [tokenizer(word, add_special_tokens=False).input_ids for word in token.split()]
    most = _COMMON * len(tokenizer)
    if words and all(len(ids) == 1 and ids[0] < most for ids in words):
        return Read(pieces, "token_common")
    return Read(pieces, "token_long" if len(pieces) > _MOST_PIECES else None)


def started(encoder: Any, words: str, count: int) -> nn.Parameter:
    """Begin vectors (count, D), float32, as the mean of what some words are in the table."""
    ids = encoder.tokenizer(words, add_special_tokens=False).input_ids
    weight = encoder.get_input_embeddings().weight.detach()
    mean = (weight[ids] if ids else weight).float().mean(dim=0)
    return nn.Parameter(mean.expand(count, -1).clone())


def taught(encoder: nn.Module, tokens: Sequence[str], vectors: Sequence[nn.Parameter]) -> nn.Module:
    """Make a twin of an encoder that knows some words more, with a tokenizer that reads them."""
    made: Any = twin(encoder, {}).module
    table = Table(made.get_input_embeddings(), vectors)
    name = next(name for name, one in made.named_modules() if one is table.known)
    above, _, own = name.rpartition(".")
    _replace(made, above, own, table)
    tokenizer = _read(encoder.tokenizer, tokens, [len(one) for one in vectors], table)
    object.__setattr__(made, "tokenizer", tokenizer)
    return made  # type: ignore[no-any-return]


def _replace(root: nn.Module, above: str, own: str, table: Table) -> None:
    """Put a table into the module that holds one, which has tensors of its own and is shared."""
    old = root.get_submodule(above)
    new = old.__class__.__new__(old.__class__)
    # The very same tables of tensors, so that both see where those are moved; other children.
    new.__dict__ = {**old.__dict__, "_modules": {**old._modules, own: table}}
    holder, _, name = above.rpartition(".")
    root.get_submodule(holder)._modules[name] = new


def _read(tokenizer: Any, tokens: Sequence[str], counts: Sequence[int], table: Table) -> Any:
    """Copy a tokenizer and let it read words as ids from the end of the table on."""
    from tokenizers import AddedToken, Regex, normalizers

    made = copy.deepcopy(tokenizer)
    first = table.known.num_embeddings
    # Ids that the table has, and the tokenizer does not, stay unused.
    spare = [f"<spare{number}>" for number in range(first - len(made))]
    steps = []
    names: list[str] = []
    for number, (token, count) in enumerate(zip(tokens, counts, strict=True)):
        places = [f"<learned{number}x{place}>" for place in range(count)]
        word = Regex(rf"(?i)(?<![\w\-]){re.escape(token)}(?![\w\-])")
        steps.append(normalizers.Replace(word, "".join(places)))
        names += places
    made.add_tokens([AddedToken(name, normalized=True) for name in [*spare, *names]])
    backend = made.backend_tokenizer
    before = [] if backend.normalizer is None else [backend.normalizer]
    backend.normalizer = normalizers.Sequence([*steps, *before])
    assert len(made) == first + len(names)
    return made
