"""Prompts to conditioning, exactly as ``StableDiffusionPipeline.encode_prompt`` does it.

Knows text encoders as ``load`` gives them, with their tokenizer; no weights, no device.
"""

from typing import Any

import torch

from core.engine.carrier import place_of
from core.errors import Invalid


def readable(prompt: str) -> str:
    """Give what can be tokenized: in place of each half of a surrogate pair stands a "?".

    Texts of files' names hold such halves, and nodes may wire them in as prompts.
    """
    return prompt.encode("utf-8", "replace").decode("utf-8")


def tokenize(tokenizer: Any, prompt: str) -> Any:
    """Give ``input_ids`` and ``attention_mask`` of one prompt, (1, T), padded and cut."""
    return tokenizer(
        readable(prompt),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )


def encode(encoder: Any, prompt: str, clip_skip: int = 0) -> torch.Tensor:
    """Encode one plain prompt: (1, T, D) in the encoder's number format, on its device.

    Padded and cut to the length the tokenizer was made for.

    :raises Invalid: as ``forward``.
    """
    tokens = tokenize(encoder.tokenizer, prompt)
    return forward(encoder, tokens.input_ids, tokens.attention_mask, clip_skip)


def forward(
    encoder: Any, ids: torch.Tensor, mask: torch.Tensor, clip_skip: int = 0
) -> torch.Tensor:
    """Run the encoder on ``ids`` (1, T), where ``mask`` (1, T) is 1 for what is no padding.

    :param clip_skip: layers to leave out at the end; the final norm is applied all the same.
    :raises Invalid: clip_skip_too_large.
    """
    layers = int(encoder.config.num_hidden_layers)
    if clip_skip > layers:
        raise Invalid("clip_skip_too_large", clip_skip=clip_skip, most=layers)
    device = place_of(encoder)
    masked = getattr(encoder.config, "use_attention_mask", False)
    output = encoder(
        ids.to(device),
        attention_mask=mask.to(device) if masked else None,
        output_hidden_states=clip_skip > 0,
    )
    if not clip_skip:
        final: torch.Tensor = output[0]
        return final
    # Without the final norm the hidden states of an earlier layer are of another scale.
    inner = getattr(encoder, "text_model", encoder)
    skipped: torch.Tensor = inner.final_layer_norm(output.hidden_states[-(clip_skip + 1)])
    return skipped
