"""Networks that turn a picture into a picture: upscalers, and those that draw a face over again.

Told by names that are all there. Knows no families: none of them has one.
"""

from core.library.families import Detected
from core.library.header import Header

_UPSCALERS = (  # names that are all there, the first of them a matrix or a convolution
    ("conv_first.weight",), ("model.0.weight",), ("body.0.rdb1.conv1.weight",),
    ("layers.0.residual_group.blocks.0.attn.qkv.weight",), ("params_ema.conv_first.weight",),
    ("conv_first.1.weight",), ("body.0.weight", "body.1.weight", "body.2.weight"),
    ("conv_1.sk.weight", "upsampler.0.weight"), ("feats.0.weight", "feats.1.refine.weight"),
    ("gblocks.0.weight", "gblocks.1.conv.weight"), ("in_to_dim.weight", "blocks.0.blocks.0.gamma"),
    ("to_feat.weight", "to_img.0.weight"), ("to_feat.1.weight", "to_img.0.weight"),
    ("input.weight", "residual_layer.0.residual_layer.0.layer.0.fn.0.weight"),
    ("initial.cnn.depthwise.weight", "final_conv.pointwise.weight"),
    ("unet1.conv1.conv.0.weight", "unet2.conv1.conv.0.weight"), ("m_head.weight", "m_tail.weight"),
    ("m_head.0.weight", "m_tail.0.weight"), ("intro.weight", "ending.weight"),
    ("tail.1.weight", "body.0.body.0.body.0.weight"), ("sft.weight", "conv_after_body.weight"),
    ("fea_conv.weight", "B1.body.0.transformer_body.0.blocks.0.attn.qkv.weight"),
    ("conv_1.weight", "body.0.local_block.norm_1.weight"),
    ("mid_attn.layers.0.0.to_out.weight", "final_res_block.block1.proj.weights"),
)  # fmt: skip
_RESTORERS = (
    ("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight"),
    ("encoder.conv_in.weight", "quantize.embedding.weight", "decoder.conv_out.weight"),
    ("position_emb", "feat_emb.weight", "generator.blocks.0.weight"),
)


def upscaler(header: Header) -> Detected | None:
    """Tell a network that makes pictures larger, or better."""
    for names in _UPSCALERS:
        if len(header.shape(names[0])) in (2, 4) and header.tensors.keys() >= set(names):
            return Detected("upscaler", "")
    return None


def restorer(header: Header) -> Detected | None:
    """Tell a network that draws one face over again."""
    for names in _RESTORERS:
        if header.shape(names[0]) and header.tensors.keys() >= set(names):
            return Detected("restorer", "")
    return None
