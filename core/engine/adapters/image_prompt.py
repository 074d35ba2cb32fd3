"""IP-Adapter: pictures as prompts, by attentions of their own (Ye et al. 2023,
https://arxiv.org/abs/2308.06721, §3.2.2).

A twin gets them from diffusers. What it is conditioned on begins with a head for each adapter: a
token that holds the weight, then those of the pictures. So rows of one network share forwards,
each with pictures and weights of its own, and schedules change weights as they change prompts.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from core.engine.adapters.twin import Twin
from core.engine.values import Conditioning, Handle
from core.errors import Invalid, ModelUnreadable

_KINDS = ("proj.weight", "proj.3.weight", "latents")  # plain, full face, plus
# The layer that takes what an encoder gives, and what the encoder calls the width of that.
_TAKING = (
    ("image_proj.proj.weight", "projection_dim"),
    ("image_proj.proj.0.weight", "hidden_size"),
    ("image_proj.proj_in.weight", "hidden_size"),
)

State = dict[str, dict[str, torch.Tensor]]


class Head(NamedTuple):
    """What the conditioning begins with for one adapter: pictures, and tokens for each."""

    pictures: int
    tokens: int

    @property
    def length(self) -> int:
        """Count its tokens, with the one of the weight."""
        return 1 + self.pictures * self.tokens


class Weighed(nn.Module):
    """A layer whose output is multiplied with the weights that the entries of a batch have.

    Attention is linear in its values: weighing them weighs what comes of them.
    """

    def __init__(self, layer: nn.Module, weights: list[torch.Tensor], index: int) -> None:
        super().__init__()
        self.layer = layer
        self._weights, self._index = weights, index

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Take (B, N, K, D); give (B, N, K, D')."""
        made: torch.Tensor = self.layer(given)
        return made * self._weights[self._index]


class Heads(nn.Module):
    """Divides what a network is conditioned on; stands where diffusers projects pictures."""

    def __init__(self, layers: nn.ModuleList, heads: Sequence[Head]) -> None:
        super().__init__()
        self.layers = layers
        self.heads = tuple(heads)
        self.weights: list[torch.Tensor] = []  # of the forward that runs, (B, 1, 1, 1) each
        self._pictures: list[torch.Tensor] = []

    def take(self, tokens: torch.Tensor) -> torch.Tensor:
        """Take the heads off (B, H + T, D); give the text, (B, T, D)."""
        self.weights.clear()
        self._pictures = []
        for head in self.heads:
            own, tokens = tokens[:, : head.length], tokens[:, head.length :]
            self.weights.append(own[:, 0, 0].reshape(-1, 1, 1, 1))
            # (B, N × K, D) -> (B, N, K, D)
            shape = (len(own), head.pictures, head.tokens, own.shape[-1])
            self._pictures.append(own[:, 1:].reshape(shape))
        return tokens

    def forward(self, _: Any) -> list[torch.Tensor]:
        """Give the pictures' tokens to the attentions."""
        pictures, self._pictures = self._pictures, []
        return pictures

    @property
    def length(self) -> int:
        """Count the tokens of all heads."""
        return sum(head.length for head in self.heads)

    def project(self, index: int, embeds: torch.Tensor) -> torch.Tensor:
        """Turn what an image encoder gave, (B, N, …), into tokens (B, N × K, D).

        :raises RuntimeError: when they are of another width, or not as many as are taken.
        """
        layer = self.layers[index]
        given = embeds.to(next(layer.parameters()))
        made: torch.Tensor = layer(given.flatten(0, 1))
        tokens = made.reshape(len(embeds), -1, made.shape[-1])  # (B × N, K, D) -> (B, N × K, D)
        if tokens.shape[1] != self.heads[index].length - 1:
            raise RuntimeError(f"{tokens.shape[1]} tokens, not {self.heads[index].length - 1}")
        return tokens

    def hidden(self, index: int) -> bool:
        """Say whether the encoder's last hidden states are projected, and not its embedding."""
        return type(self.layers[index]).__name__ != "ImageProjection"


def prompted(handle: Handle, made: Twin) -> Twin:
    """Give a twin the attentions of its handle's adapters.

    :raises ModelUnreadable: when one cannot be read, is of a kind that we cannot apply, or was
        made for other networks.
    """
    network: Any = made.module
    name = ", ".join(Path(path).stem for _, path, _ in handle.image_adapters)
    states = [read(path) for _, path, _ in handle.image_adapters]
    kind: Any = type(network)
    network.__class__ = _kind(kind)
    # diffusers notes in the configuration that there are pictures; the base's is not the twin's.
    network.__dict__["_internal_dict"] = type(network.config)(dict(network.config))
    network.to = lambda **_: network  # what is lent stays where it is, and as it is
    try:
        network._load_ip_adapter_weights(states, low_cpu_mem_usage=False)
    except (AttributeError, IndexError, KeyError, RuntimeError, ValueError) as error:
        raise ModelUnreadable("adapter_misfit", model=name, family=handle.family) from error
    del network.to
    attentions = [one for one in network.attn_processors.values() if hasattr(one, "to_v_ip")]
    counts = [pictures for *_, pictures in handle.image_adapters]
    heads = Heads(
        network.encoder_hid_proj.image_projection_layers,
        [Head(*pair) for pair in zip(counts, attentions[0].num_tokens, strict=True)],
    )
    network.encoder_hid_proj = heads
    for attention in attentions:
        for index, layer in enumerate(attention.to_v_ip):
            attention.to_v_ip[index] = Weighed(layer, heads.weights, index)
    added = nn.ModuleList([heads, *attentions]).to("cpu", next(network.parameters()).dtype)
    return Twin(network.eval(), _with(made.own, added.eval().requires_grad_(False)))


def check(network: nn.Module, *words: Conditioning | None) -> None:
    """Refuse conditioning whose heads are not those of the network.

    :raises Invalid: image_prompt_mismatch.
    """
    heads = getattr(network, "encoder_hid_proj", None)
    wanted = heads.length if isinstance(heads, Heads) else 0
    for each in words:
        if each is None:
            continue
        check(network, *(region.conditioning for region in each.regions))
        if each.heads != wanted:
            raise Invalid("image_prompt_mismatch")


def head(tokens: torch.Tensor, weight: float) -> torch.Tensor:
    """Put the weight before the tokens of pictures: (B, N × K, D) -> (B, 1 + N × K, D)."""
    return torch.cat([torch.full_like(tokens[:, :1], weight), tokens], dim=1)


def read(path: str) -> State:
    """Read an adapter's file: ``image_proj`` and ``ip_adapter``.

    :raises ModelUnreadable: ``adapter_unsupported`` for one that needs more than an image encoder.
    """
    name = Path(path).stem
    state: State = {"image_proj": {}, "ip_adapter": {}}
    try:
        with safe_open(path, framework="pt") as opened:
            for key in opened.keys():
                part, _, rest = key.partition(".")
                if part in state:
                    state[part][rest] = opened.get_tensor(key)
    except (OSError, SafetensorError) as error:
        raise ModelUnreadable(model=name, reason=str(error)[:500]) from error
    known = any(key in state["image_proj"] for key in _KINDS)
    faces = any("lora" in key for key in state["ip_adapter"]) or any(
        key.startswith("perceiver_resampler") for key in state["image_proj"]
    )
    if not known or not state["ip_adapter"] or faces:
        raise ModelUnreadable("adapter_unsupported", model=name)
    return state


def wanted(path: str) -> tuple[str, int]:
    """Say which width of an image encoder an adapter needs, and how large; 0 if it does not say."""
    try:
        with safe_open(path, framework="pt") as opened:
            names = set(opened.keys())
            for layer, width in _TAKING:
                if layer in names:
                    return width, int(opened.get_slice(layer).get_shape()[-1])
    except (OSError, SafetensorError, IndexError):
        pass
    return "", 0


def _with(own: nn.Module, added: nn.ModuleList) -> nn.Module:
    assert isinstance(own, nn.ModuleList)
    own.extend(added)
    return own


@cache
def _kind(network: Any) -> Any:
    """Make the class of a network whose conditioning has heads."""

    class Prompted(network):  # type: ignore[misc]  # of diffusers, which mypy does not read
        """Takes the heads off what it is conditioned on."""

        def text_of(self, tokens: torch.Tensor) -> torch.Tensor:
            """Give what others are to be conditioned on, ControlNets: (B, T, D)."""
            return tokens[:, self.encoder_hid_proj.length :]

        def forward(
            self, sample: torch.Tensor, timestep: Any, encoder_hidden_states: torch.Tensor,
            **more: Any,
        ) -> Any:  # fmt: skip
            words = self.encoder_hid_proj.take(encoder_hidden_states)
            extra = {**(more.pop("added_cond_kwargs", None) or {}), "image_embeds": []}
            return super().forward(sample, timestep, words, added_cond_kwargs=extra, **more)

    return Prompted
