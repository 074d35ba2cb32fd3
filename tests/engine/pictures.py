"""Graphs that draw a picture, as the recipes wire them."""

from typing import Any

from core.records.graph import Graph, GraphNode


def node(name: str, kind: str, /, **wired: Any) -> GraphNode:
    inputs = {port: value for port, value in wired.items() if isinstance(value, tuple)}
    settings = {field: value for field, value in wired.items() if field not in inputs}
    return GraphNode(id=name, type=kind, settings=settings, inputs=inputs)


MODEL = node("model", "model.load", checkpoint="m")
VAE = ("model", "vae")


def draw(side: int, **sampling: Any) -> Graph:
    """Text to image, of a checkpoint that is the resource "m"."""
    encoder = ("model", "text_encoder")
    return Graph(
        nodes=[
            MODEL,
            node("positive", "prompt.encode", prompt="a red fox", text_encoder=encoder),
            node("negative", "prompt.encode", prompt="", text_encoder=encoder),
            node("start", "latent.empty", width=side, height=side, vae=VAE),
            node(
                "sample", "latent.sample", model=("model", "model"), positive=("positive", "out"),
                negative=("negative", "out"), latent=("start", "out"),
                **{"steps": 2, "sampler": "euler"} | sampling,
            ),
            node("decode", "latent.decode", vae=VAE, latent=("sample", "out")),
            node("save", "image.save", image=("decode", "out")),
        ]
    )  # fmt: skip
