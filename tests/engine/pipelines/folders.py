"""Tiny pipelines of classes that have no family of their own, as folders that diffusers saves.

The shapes are those of the real configurations, made narrow; the weights are random.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

SIZE = 32  # pixels that they are drawn at here
SIDES = {"kandinsky": 64}  # where that is not among the sides that it draws
_HIDDEN = 16


def write(name: str, folder: Path) -> Path:
    """Write the pipeline ``name`` of the table below."""
    torch.manual_seed(0)
    made = MADE[name]()
    made.save_pretrained(folder)
    return folder


def tokenizer(longest: int = 64) -> Any:
    """Make one that reads letters, with the marks that pipelines look for."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = [chr(code) for code in range(ord(" "), ord("~") + 1)]
    names = ["<pad>", "</s>", "<unk>", "<bos>", *letters]
    built = Tokenizer(
        models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>")
    )
    built.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    built.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=built, pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        bos_token="<bos>", model_max_length=longest, chat_template="{{ messages[0]['content'] }}",
    )  # fmt: skip


def _vae(channels: int = 4, **config: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=channels, norm_num_groups=4,
        sample_size=SIZE, scaling_factor=0.5, **config,
    )  # fmt: skip


def _t5(kind: str = "T5") -> Any:
    import transformers

    config = getattr(transformers, f"{kind}Config")(
        vocab_size=128, d_model=_HIDDEN, d_kv=8, d_ff=32, num_layers=2, num_heads=2,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    return getattr(transformers, f"{kind}EncoderModel")(config)


def _gemma() -> Any:
    from transformers import Gemma2Config, Gemma2Model

    return Gemma2Model(
        Gemma2Config(
            vocab_size=128, hidden_size=_HIDDEN, intermediate_size=32, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=1, head_dim=8, pad_token_id=0,
        )
    )  # fmt: skip


def _flow(**config: Any) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**config)


def pixart() -> Any:
    from diffusers import DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel

    return PixArtSigmaPipeline(
        tokenizer=tokenizer(), text_encoder=_t5(), vae=_vae(),
        scheduler=DPMSolverMultistepScheduler(),
        transformer=PixArtTransformer2DModel(
            sample_size=16, num_layers=2, patch_size=2, attention_head_dim=8,
            num_attention_heads=2, caption_channels=_HIDDEN, cross_attention_dim=16,
            in_channels=4, out_channels=8, norm_elementwise_affine=False,
        ),
    )  # fmt: skip


def sana() -> Any:
    from diffusers import (
        AutoencoderDC,
        DPMSolverMultistepScheduler,
        SanaPipeline,
        SanaTransformer2DModel,
    )

    blocks, attention = ("ResBlock", "EfficientViTBlock"), ((), (5,))
    return SanaPipeline(
        tokenizer=tokenizer(), text_encoder=_gemma(),
        scheduler=DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        vae=AutoencoderDC(
            latent_channels=4, attention_head_dim=2, encoder_block_types=blocks,
            decoder_block_types=blocks, encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8), encoder_layers_per_block=(1, 1),
            decoder_layers_per_block=(1, 1), encoder_qkv_multiscales=attention,
            decoder_qkv_multiscales=attention, scaling_factor=0.41,
        ),
        transformer=SanaTransformer2DModel(
            in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2,
            attention_head_dim=4, num_cross_attention_heads=2, cross_attention_head_dim=4,
            cross_attention_dim=8, caption_channels=_HIDDEN, sample_size=SIZE // 2, patch_size=1,
        ),
    )  # fmt: skip


def lumina() -> Any:
    from diffusers import Lumina2Pipeline, Lumina2Transformer2DModel

    return Lumina2Pipeline(
        tokenizer=tokenizer(), text_encoder=_gemma(), vae=_eighth(4), scheduler=_flow(),
        transformer=Lumina2Transformer2DModel(
            sample_size=4, patch_size=2, in_channels=4, hidden_size=24, num_layers=2,
            num_refiner_layers=1, num_attention_heads=3, num_kv_heads=1, multiple_of=2,
            axes_dim_rope=(4, 2, 2), axes_lens=(512, 32, 32), cap_feat_dim=_HIDDEN,
        ),
    )  # fmt: skip


def _eighth(channels: int) -> Any:
    """Make an autoencoder of the factor 8, which some pipelines take for granted."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(4, 4, 4, 4), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=channels, norm_num_groups=4,
        scaling_factor=0.5, shift_factor=0.1,
    )  # fmt: skip


def aura() -> Any:
    from diffusers import AuraFlowPipeline, AuraFlowTransformer2DModel

    return AuraFlowPipeline(
        tokenizer=tokenizer(), text_encoder=_t5("UMT5"), vae=_vae(), scheduler=_flow(),
        transformer=AuraFlowTransformer2DModel(
            sample_size=16, patch_size=2, in_channels=4, num_mmdit_layers=1,
            num_single_dit_layers=1, attention_head_dim=8, num_attention_heads=4,
            caption_projection_dim=32, joint_attention_dim=_HIDDEN, pos_embed_max_size=256,
        ),
    )  # fmt: skip


def hunyuan() -> Any:
    from diffusers import DDPMScheduler, HunyuanDiT2DModel, HunyuanDiTPipeline
    from transformers import BertConfig, BertModel

    bert = BertConfig(
        vocab_size=128, hidden_size=_HIDDEN, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, pad_token_id=0,
    )  # fmt: skip
    return HunyuanDiTPipeline(
        tokenizer=tokenizer(77), text_encoder=BertModel(bert), tokenizer_2=tokenizer(256),
        text_encoder_2=_t5(), vae=_eighth(4), scheduler=DDPMScheduler(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
        transformer=HunyuanDiT2DModel(
            sample_size=16, num_layers=2, patch_size=2, attention_head_dim=8,
            num_attention_heads=2, hidden_size=16, mlp_ratio=2.0, in_channels=4,
            cross_attention_dim=_HIDDEN, cross_attention_dim_t5=_HIDDEN,
            pooled_projection_dim=8, text_len=77, text_len_t5=256,
        ),
    )  # fmt: skip


def z_image() -> Any:
    from diffusers import ZImagePipeline, ZImageTransformer2DModel
    from transformers import Qwen3Config, Qwen3Model

    qwen = Qwen3Config(
        vocab_size=128, hidden_size=_HIDDEN, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8,
    )  # fmt: skip
    return ZImagePipeline(
        tokenizer=tokenizer(), text_encoder=Qwen3Model(qwen), vae=_vae(16, shift_factor=0.1),
        scheduler=_flow(),
        transformer=ZImageTransformer2DModel(
            dim=32, n_layers=2, n_refiner_layers=1, n_heads=2, n_kv_heads=2,
            cap_feat_dim=_HIDDEN, axes_dims=[8, 4, 4], axes_lens=[256, 32, 32],
        ),
    )  # fmt: skip


def qwen() -> Any:
    from diffusers import AutoencoderKLQwenImage, QwenImagePipeline, QwenImageTransformer2DModel
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": 128, "hidden_size": _HIDDEN, "intermediate_size": 32,
            "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
            "rope_scaling": {"type": "default", "mrope_section": [1, 1, 2], "rope_type": "default"},
            "rope_theta": 1000000.0,
        },
        vision_config={
            "depth": 1, "hidden_size": _HIDDEN, "intermediate_size": 32, "num_heads": 2,
            "out_hidden_size": _HIDDEN,
        },
        hidden_size=_HIDDEN, vocab_size=128,
    )  # fmt: skip
    return QwenImagePipeline(
        tokenizer=tokenizer(1024), text_encoder=Qwen2_5_VLForConditionalGeneration(config),
        scheduler=_flow(),
        vae=AutoencoderKLQwenImage(
            base_dim=8, z_dim=4, dim_mult=[1, 2, 2], num_res_blocks=1,
            temperal_downsample=[False, True], latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        ),
        transformer=QwenImageTransformer2DModel(
            patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=_HIDDEN, axes_dims_rope=(8, 4, 4),
        ),
    )  # fmt: skip


def chroma() -> Any:
    from diffusers import ChromaPipeline, ChromaTransformer2DModel

    return ChromaPipeline(
        tokenizer=tokenizer(), text_encoder=_t5(), vae=_vae(4, shift_factor=0.1),
        scheduler=_flow(), image_encoder=None, feature_extractor=None,
        transformer=ChromaTransformer2DModel(
            patch_size=1, in_channels=16, num_layers=1, num_single_layers=1,
            attention_head_dim=16, num_attention_heads=2, joint_attention_dim=_HIDDEN,
            axes_dims_rope=(4, 4, 8), approximator_num_channels=8,
            approximator_hidden_dim=16, approximator_layers=1,
        ),
    )  # fmt: skip


def kandinsky() -> Any:
    """Make the combined one: a prior draws an embedding of a picture, a decoder the picture."""
    from diffusers import (
        DDPMScheduler,
        KandinskyV22CombinedPipeline,
        PriorTransformer,
        UnCLIPScheduler,
        UNet2DConditionModel,
        VQModel,
    )
    from transformers import (
        CLIPImageProcessorPil,
        CLIPTextConfig,
        CLIPTextModelWithProjection,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    text = CLIPTextConfig(
        vocab_size=128, hidden_size=_HIDDEN, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, projection_dim=_HIDDEN, max_position_embeddings=77,
        bos_token_id=3, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    seeing = CLIPVisionConfig(
        hidden_size=_HIDDEN, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        projection_dim=_HIDDEN, image_size=32, patch_size=8,
    )  # fmt: skip
    return KandinskyV22CombinedPipeline(
        unet=UNet2DConditionModel(
            in_channels=4, out_channels=8, block_out_channels=(8, 16), layers_per_block=1,
            down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
            up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
            mid_block_type="UNetMidBlock2DSimpleCrossAttn", addition_embed_type="image",
            addition_embed_type_num_heads=8, encoder_hid_dim=_HIDDEN,
            encoder_hid_dim_type="image_proj", cross_attention_dim=8, attention_head_dim=4,
            resnet_time_scale_shift="scale_shift", norm_num_groups=4,
        ),
        scheduler=DDPMScheduler(clip_sample=False, prediction_type="epsilon"),
        movq=VQModel(
            block_out_channels=(32, 32, 32, 32), down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, norm_num_groups=32,
            num_vq_embeddings=12, vq_embed_dim=4, norm_type="spatial",
        ),
        prior_prior=PriorTransformer(
            num_attention_heads=2, attention_head_dim=8, num_layers=1, embedding_dim=_HIDDEN
        ),
        prior_image_encoder=CLIPVisionModelWithProjection(seeing),
        prior_text_encoder=CLIPTextModelWithProjection(text), prior_tokenizer=tokenizer(77),
        prior_scheduler=UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=5.0
        ),
        prior_image_processor=CLIPImageProcessorPil(crop_size=32, size=32),
    )  # fmt: skip


def flux2() -> Any:
    from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel
    from transformers import Qwen3Config, Qwen3ForCausalLM

    qwen = Qwen3Config(  # its layers 9, 18 and 27 are read
        vocab_size=128, hidden_size=_HIDDEN, intermediate_size=16, num_hidden_layers=28,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8, tie_word_embeddings=True,
    )  # fmt: skip
    return Flux2KleinPipeline(
        tokenizer=tokenizer(512), text_encoder=Qwen3ForCausalLM(qwen), scheduler=_flow(),
        vae=AutoencoderKLFlux2(
            block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=4,
            sample_size=SIZE,
        ),
        transformer=Flux2Transformer2DModel(
            in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=3 * _HIDDEN, timestep_guidance_channels=16,
            axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
        ),
    )  # fmt: skip


MADE: dict[str, Callable[[], Any]] = {
    "pixart": pixart, "sana": sana, "lumina": lumina, "aura": aura, "hunyuan": hunyuan,
    "z_image": z_image, "qwen": qwen,
    "chroma": chroma, "flux2": flux2, "kandinsky": kandinsky,
}  # fmt: skip
