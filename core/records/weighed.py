"""What a checkpoint is made of, as far as headers of its files tell: numbers, no weights."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Prediction = Literal["epsilon", "v_prediction", "flow"]


class Weighed(Struct, frozen=True, kw_only=True):
    """Numbers of weights by part, and what small matrices beside them would add."""

    denoiser: Annotated[int, Meta(description="Weights of the UNet or transformer.")] = 0
    encoders: Annotated[int, Meta(description="Weights of all text encoders.")] = 0
    vae: int = 0
    text_width: Annotated[int, Meta(description="Of one token's vectors, encoders together.")] = 0
    attention: Annotated[
        int, Meta(description="Inputs and outputs of attention's matrices, added up.")
    ] = 0
    feed_forward: Annotated[int, Meta(description="Those of the layers after attention.")] = 0
    others: Annotated[int, Meta(description="Those of every other layer that has a matrix.")] = 0
    text_attention: Annotated[int, Meta(description="Those of attention in text encoders.")] = 0
    factor: Annotated[int, Meta(description="Pixels of a latent cell, each way.")] = 8
    prediction: Prediction = "epsilon"
