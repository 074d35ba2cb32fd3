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


def is_cut(encoder: Any, prompt: str) -> bool:
    """Say whether ``encode`` leaves out the end of a prompt."""
    tokenizer = encoder.tokenizer
    ids = tokenizer(readable(prompt), verbose=False).input_ids
    return len(ids) > int(tokenizer.model_max_length)


def encode(encoder: Any, prompt: str, clip_skip: int = 0) -> torch.Tensor:
    """Encode one prompt: (1, T, D) in the encoder's number format, on its device.

    Padded and cut to the length the tokenizer was made for.

    :param clip_skip: layers to leave out at the end; the final norm is applied all the same.
    :raises Invalid: clip_skip_too_large.
    """
    layers = int(encoder.config.num_hidden_layers)
    if clip_skip > layers:
        raise Invalid("clip_skip_too_large", clip_skip=clip_skip, most=layers)
    tokens = tokenize(encoder.tokenizer, prompt)
    device = place_of(encoder)
    masked = getattr(encoder.config, "use_attention_mask", False)
    output = encoder(
        tokens.input_ids.to(device),
        attention_mask=tokens.attention_mask.to(device) if masked else None,
        output_hidden_states=clip_skip > 0,
    )
    if not clip_skip:
        final: torch.Tensor = output[0]
        return final
    # Without the final norm the hidden states of an earlier layer are of another scale.
    inner = getattr(encoder, "text_model", encoder)
    skipped: torch.Tensor = inner.final_layer_norm(output.hidden_states[-(clip_skip + 1)])
    return skipped
