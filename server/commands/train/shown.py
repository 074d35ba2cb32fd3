"""What ``heliograph train`` prints: the plan before a run, and what is left after it."""

from typing import Any

import msgspec

from core.training import TaughtFolder
from server import cli

_GIGA = 1e9


def subject(taught: TaughtFolder, dataset: str) -> dict[str, Any]:
    """Make a subject of a request: a dataset, and the words for it."""
    fields = msgspec.to_builtins(taught)
    del fields["folder"]
    said = {name: value for name, value in fields.items() if value is not None}
    return {**said, "dataset": dataset}


def planned(plan: dict[str, Any], buckets: list[dict[str, Any]]) -> None:
    """Print a plan, and what is worth knowing.

    :param buckets: sizes that pictures are trained in, and how many in each.
    """
    recipe = plan["recipe"]
    sizes = ", ".join(f"{one['count']} × {one['width']}×{one['height']}" for one in buckets)
    seconds = plan["seconds"]
    rows = {
        "method": recipe["method"] + (" and text encoder" if recipe["train_text_encoder"] else ""),
        "steps": f"{plan['steps']} ({plan['epochs']:g} times over {plan['pictures']} pictures)",
        "class pictures": f"{plan['class_pictures']} ({recipe['prior']})",
        "resolution": f"{recipe['resolution']}: {sizes}" if sizes else recipe["resolution"],
        "rate": f"{recipe['lr_unet']:g}, {recipe['schedule']}",
        "memory": f"{plan['peak_bytes'] / _GIGA:.1f} GB"
        + (f" of {plan['budget_bytes'] / _GIGA:.1f}" if plan["budget_bytes"] else ""),
        "checkpoint": f"{plan['checkpoint_bytes'] / _GIGA:.2f} GB",
        "time": "not measured yet" if seconds is None else clock(seconds),
    }
    cli.say("\n".join(f"{name:>15}  {value}" for name, value in rows.items()))
    for warning in plan["warnings"]:
        cli.remark(warning["code"], "warnings", warning["params"])


def made(model: dict[str, Any], training: dict[str, Any]) -> None:
    """Print what was made, and how it is used."""
    words = f"{training['token']} {training['class_word']}"
    prompt, flags = f"a photo of {words} on a beach", f' --model "{training["base_model"]}"'
    if model["kind"] == "checkpoint":
        flags = f' --model "{model["name"]}"'
    elif model["kind"] == "lora":
        prompt += f" <lora:{model['name']}>"
    cli.say(f"made {model['kind']} {model['name']}")
    cli.say(f'try: heliograph generate "{prompt}"{flags}')


def stopped(training: dict[str, Any]) -> None:
    """Print where a run stands that made no model, and how it goes on."""
    cli.say(f"stopped at step {training['step']} of {training['steps']}: everything is kept")
    if training["status"] == "succeeded":
        return
    cli.say(f"go on: POST /api/v1/trainings/{training['id']}/resume")


def clock(seconds: float) -> str:
    """Write seconds as people do: ``1 h 5 min``, ``40 s``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
