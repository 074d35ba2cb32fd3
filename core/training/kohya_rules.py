"""Arguments of kohya's sd-scripts and their counterparts here: tables, and rules for some.

A rule takes a value into the fields made so far; one that gives False names an argument without a
counterpart. What several arguments say together is kept under names with ``_``, for ``kohya``.
"""

import re
from collections.abc import Callable
from typing import Any

Made = dict[str, Any]  # field → value
_SCHEDULES = {
    "constant": "constant", "constant_with_warmup": "constant", "linear": "linear",
    "cosine": "cosine", "cosine_with_restarts": "cosine_restarts", "polynomial": "polynomial",
}  # fmt: skip
_OPTIMIZERS = {
    "adamw": "adamw", "adamw8bit": "adamw8bit", "pagedadamw8bit": "adamw8bit",
    "adafactor": "adafactor", "prodigy": "prodigy", "came": "came",
}  # fmt: skip
_PRECISIONS = {"no": "float32", "fp16": "float16", "bf16": "bfloat16"}
_TRACKERS = {"tensorboard": ["csv", "tensorboard"], "wandb": ["csv", "wandb"],
             "all": ["csv", "tensorboard", "wandb"]}  # fmt: skip

SAME = {  # argument → field of the same meaning
    "pretrained_model_name_or_path": "base_model", "output_name": "name",
    "train_data_dir": "folder", "num_repeats": "repeats", "caption_dropout_rate":
    "caption_dropout", "flip_aug": "flip", "enable_bucket": "buckets",
    "bucket_reso_steps": "bucket_step", "batch_size": "batch", "train_batch_size": "batch",
    "gradient_accumulation_steps": "accumulate", "max_train_steps": "max_steps",
    "unet_lr": "lr_unet", "network_dim": "rank", "network_alpha": "alpha", "seed": "seed",
    "gradient_checkpointing": "grad_checkpoint", "max_grad_norm": "clip",
    "min_snr_gamma": "snr_gamma", "noise_offset": "noise_offset", "zero_terminal_snr": "ztsnr",
    "prior_loss_weight": "prior_weight", "save_every_n_steps": "snapshot_every",
    "sample_every_n_steps": "sample_every", "cache_latents": "cache_latents",
    "cache_text_encoder_outputs": "cache_text", "network_weights": "start_lora",
    "learning_rate_te": "lr_te",
}  # fmt: skip


def _of(field: str, table: dict[str, Any]) -> Callable[[Any, Made], bool]:
    def rule(value: Any, made: Made) -> bool:
        found = table.get(str(value).lower())
        if found is not None:
            made[field] = found
        return found is not None

    return rule


def _resolution(value: Any, made: Made) -> bool:
    sides = [side for side in re.split(r"[,x\s]+", str(value).strip("[]() ")) if side]
    if not sides or not all(side.isdigit() for side in sides):
        return False
    area = int(sides[0]) * int(sides[-1])
    made["resolution"] = max(16, round(area**0.5 / 8) * 8)
    return True


def _rate(value: Any, made: Made) -> None:
    made.setdefault("lr_unet", value)
    made.setdefault("_rate", value)


def _text_rate(value: Any, made: Made) -> None:
    made["lr_te"] = value[0] if isinstance(value, list) and value else value


def _network(value: Any, made: Made) -> bool:
    made["method"] = "lora"
    return str(value) in (
        "networks.lora",
        "networks.lora_flux",
        "networks.lora_sd3",
        "lycoris.kohya",
    )


def _network_arguments(value: Any, made: Made) -> bool:
    pairs = dict(str(one).partition("=")[::2] for one in value) if isinstance(value, list) else {}
    if pairs.get("algo") == "lokr":
        made["_method"] = "lokr"
    if pairs.get("dora_wd", "").lower() == "true":
        made["_method"] = "dora"
    return set(pairs) <= {"algo", "dora_wd"}


def _optimizer_arguments(value: Any, made: Made) -> bool:
    rest = False
    for one in value if isinstance(value, list) else ():
        name, _, text = str(one).partition("=")
        try:
            numbers = [float(part) for part in text.strip("()[] ").split(",") if part.strip()]
        except ValueError:
            numbers = []
        if name == "weight_decay" and len(numbers) == 1:
            made["weight_decay"] = numbers[0]
        elif name == "betas" and len(numbers) == 2:
            made["betas"] = numbers
        elif name == "eps" and len(numbers) == 1:
            made["eps"] = numbers[0]
        else:
            rest = True
    return not rest


def _warmup(value: Any, made: Made) -> None:
    made["_warmup"] = value


def _unet_only(value: Any, made: Made) -> None:
    made["train_text_encoder"] = not value


def _text_only(value: Any, made: Made) -> None:
    if value:
        made |= {"train_denoiser": False, "train_text_encoder": True}


def _random_crop(value: Any, made: Made) -> None:
    made["crop"] = "random" if value else "center"


def _stop_text(value: Any, made: Made) -> None:
    made["_stop"] = value


def _loss(value: Any, made: Made) -> bool:
    made["_loss"] = str(value)
    return str(value) in ("l2", "huber")


def _huber(value: Any, made: Made) -> None:
    made["_huber"] = value


def _classes(value: Any, made: Made) -> bool:
    made["_classes"] = True
    return False  # their pictures are not taken: ours are drawn by the model itself


RULES: dict[str, Callable[[Any, Made], bool | None]] = {
    "resolution": _resolution, "learning_rate": _rate, "text_encoder_lr": _text_rate,
    "network_module": _network, "network_args": _network_arguments,
    "optimizer_args": _optimizer_arguments, "lr_warmup_steps": _warmup,
    "network_train_unet_only": _unet_only, "network_train_text_encoder_only": _text_only,
    "random_crop": _random_crop, "stop_text_encoder_training": _stop_text,
    "lr_scheduler": _of("schedule", _SCHEDULES), "optimizer_type": _of("optimizer", _OPTIMIZERS),
    "loss_type": _loss, "huber_c": _huber, "reg_data_dir": _classes,
    "mixed_precision": _of("precision", _PRECISIONS), "log_with": _of("trackers", _TRACKERS),
}  # fmt: skip
