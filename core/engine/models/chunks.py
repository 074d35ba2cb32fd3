"""Prompts of any length and with weights: cut into chunks of the encoder's window, put together.

A chunk is what one forward of the encoder reads: T tokens with those of start and end. Knows
tokens and tensors; neither weights of models nor devices, and no notation
(``core.graph.prompts.grammar`` does).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from core.engine.diffusion.prompted import Prompted, blended
from core.engine.models.text import readable
from core.graph.prompts import reading

MAX_CHUNKS = 32  # of one prompt; what comes after them is left out

Ids = tuple[int, ...]  # of words, without start and end: T − 2 at most
Cut = Callable[[str], Sequence["str | Ids"]]


class Piece(NamedTuple):
    """One chunk of a prompt; a weight for each id."""

    ids: Ids
    weights: tuple[float, ...]


class Frame(NamedTuple):
    """What stands around the words of a chunk: ids of start and end, padding, and T."""

    start: Ids
    end: Ids
    padding: int
    length: int

    @property
    def room(self) -> int:
        """Count the words that a chunk has room for."""
        return self.length - len(self.start) - len(self.end)

    def filled(self, ids: Ids) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the ``input_ids`` and ``attention_mask`` of a chunk, (1, T), as tokenizers do."""
        whole = (*self.start, *ids, *self.end)
        rest = self.length - len(whole)
        return (
            torch.tensor([[*whole, *[self.padding] * rest]]),
            torch.tensor([[1] * len(whole) + [0] * rest]),
        )


def frame_of(tokenizer: Any) -> Frame:
    """Read the frame off the empty text, which has nothing else."""
    around = tuple(tokenizer("").input_ids)
    first = 1 if around and around[0] == tokenizer.bos_token_id else 0
    padding = tokenizer.pad_token_id
    length = int(tokenizer.model_max_length)
    return Frame(around[:first], around[first:], 0 if padding is None else int(padding), length)


class Words:
    """The ids of texts, each tokenized once, many at a time.

    :param cut: divides a text into words and what is no word, and has ids already.
    """

    def __init__(self, tokenizer: Any, cut: Cut = lambda text: (text,)) -> None:
        self._tokenizer = tokenizer
        self._cut = cut
        self._known: dict[str, Ids] = {"": ()}

    def of(self, chunks: Sequence[reading.Chunk]) -> list[list[tuple[Ids, float]]]:
        """Give ids and weight of each fragment of each chunk."""
        cut = {part.text: self._cut(part.text) for chunk in chunks for part in chunk}
        said = {piece for pieces in cut.values() for piece in pieces if isinstance(piece, str)}
        if texts := said - self._known.keys():
            ordered = sorted(texts)
            given = [readable(text) for text in ordered]
            found = self._tokenizer(given, add_special_tokens=False, verbose=False).input_ids
            self._known |= {text: tuple(ids) for text, ids in zip(ordered, found, strict=True)}
        whole = {
            text: tuple(
                id_
                for piece in pieces
                for id_ in (self._known[piece] if isinstance(piece, str) else piece)
            )
            for text, pieces in cut.items()
        }
        return [[(whole[part.text], part.weight) for part in chunk] for chunk in chunks]


def split(frame: Frame, chunks: Sequence[Sequence[tuple[Ids, float]]]) -> tuple[list[Piece], bool]:
    """Cut the chunks of a prompt to the encoder's; say whether some of it did not go in.

    A chunk that the prompt begins, begins one of the encoder's, an empty one too.
    """
    pieces: list[Piece] = []
    for chunk in chunks:
        ids = [id_ for some, _ in chunk for id_ in some]
        weights = [weight for some, weight in chunk for _ in some]
        at = 0
        while not at or at < len(ids):
            if len(pieces) == MAX_CHUNKS:
                return pieces, True
            end = _end(ids, at, frame.room)
            pieces.append(Piece(tuple(ids[at:end]), tuple(weights[at:end])))
            at = max(end, 1)
    return pieces, False


def _end(ids: Sequence[int], at: int, room: int) -> int:
    """Give where a chunk that begins at ``at`` ends: not within what is one embedding."""
    end = at + room
    while at < end < len(ids) and ids[end] < 0 and ids[end] == ids[end - 1] - 1:
        end -= 1
    return end if at < end else at + room


def assemble(
    frame: Frame,
    members: Sequence[tuple[float, Sequence[Piece]]],
    encoded: Mapping[Ids, Prompted],
    length: int,
) -> Prompted:
    """Put the chunks of each member of a blend side by side, and blend them: (1, n × T, D).

    What is pooled is that of the first chunk, without weights, as ComfyUI and InvokeAI take it.

    :param encoded: (1, T, D) by ids; ``()`` is what the prompts that are too short end in.
    :param length: n, the number of chunks.
    """
    whole = []
    for share, pieces in members:
        tokens = [_weighted(frame, piece, encoded) for piece in _padded(pieces, length)]
        whole.append((share, Prompted(torch.cat(tokens, dim=1), encoded[pieces[0].ids].pooled)))
    return blended(whole)


def _padded(pieces: Sequence[Piece], length: int) -> list[Piece]:
    return [*pieces, *[Piece((), ())] * (length - len(pieces))]


def _weighted(frame: Frame, piece: Piece, encoded: Mapping[Ids, Prompted]) -> torch.Tensor:
    """Move each token away from the empty prompt by its weight, or towards it; (1, T, D).

    As ComfyUI (``comfy/sd1_clip.py``, ``encode_token_weights``) does it, and compel for weights
    above 1. The mean is not restored as A1111 does: behind a layer norm it is close to 0, and
    no number to divide by. Tokens of weight 1 stay as they are, to the bit.
    """
    tokens = encoded[piece.ids].tokens
    if all(weight == 1 for weight in piece.weights):
        return tokens
    scale = torch.ones(frame.length)
    first = len(frame.start)
    scale[first : first + len(piece.ids)] = torch.tensor(piece.weights)
    scale = scale[None, :, None]  # (T,) -> (1, T, 1)
    empty = encoded[()].tokens.float()
    moved = (empty + (tokens.float() - empty) * scale).to(tokens.dtype)
    return torch.where(scale == 1, tokens, moved)
