"""DreamBooth, judged: a creature that no model has seen is taught to the starter by five pictures.

Through a real server, as a client asks: with the class kept and without, as a LoRA and in full.
The paper's ablation (Ruiz et al. 2022, https://arxiv.org/abs/2208.12242, table 3) on our own data.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.report import Row
from tests.running import RunningServer, running
from tests.taught import API, CLASS, TOKEN, Learned, Watcher, make_dataset, wait_ended

PICTURES = 50  # of the creature; as many of what was known before
RUNS: dict[str, dict[str, Any]] = {
    "LoRA": {"method": "lora"},
    "LoRA, prior off": {"method": "lora", "prior": "off"},
    "LoRA, self-distilled": {"method": "lora", "prior": "self_distill"},
    "full": {"method": "full"},
    "full, prior off": {"method": "full", "prior": "off"},
}


class Judged(NamedTuple):
    """What a run came to."""

    learned: Learned
    kept: dict[str, float]  # shares of what it knew before
    seconds: float
    first: float  # seconds from the last step to the first picture with the new token


def taught(server: RunningServer, watcher: Watcher, dataset: str, fields: dict[str, Any]) -> Judged:
    """Train by the plan's own choices but for the fields; look at what was learned."""
    body = {
        "name": "bench", "dataset": dataset, "base_model": "starter", "token": TOKEN,
        "class_word": CLASS, "batch": 2, "sample_every": 0, "prior_steps": 12,
        "num_class_images": 100, **fields,
    }  # fmt: skip
    begun = time.perf_counter()
    made = server.client.post(f"{API}/trainings", json=body).raise_for_status().json()
    ended = wait_ended(server, made["training"])
    assert ended["status"] == "succeeded", ended["error"]
    seconds = time.perf_counter() - begun
    drawn = using(ended)
    server.generate(prompt=f"a {TOKEN} {CLASS}", **drawn)
    first = time.perf_counter() - begun - seconds
    return Judged(
        watcher.learned(server, PICTURES, **drawn),
        watcher.kept(server, PICTURES // 10, **drawn), seconds, first,
    )  # fmt: skip


def using(training: dict[str, Any]) -> dict[str, Any]:
    """Say how a picture is asked for with what a training made."""
    if training["method"] == "full":
        return {"model": training["model"]}
    return {"loras": [{"model": training["model"], "weight": 1.0}]}


def measure() -> list[Row]:
    """Teach the creature in each way."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        dataset, watcher = make_dataset(server), Watcher(server)
        before = watcher.learned(server, PICTURES)
        known = watcher.kept(server, PICTURES // 10)
        found = {name: taught(server, watcher, dataset, run) for name, run in RUNS.items()}
    rows = [
        Row(what=f"not taught: pictures of the creature, of {PICTURES}", value=before.creature,
            target=0.1, beside=f"known things right: {known['subject on background']:.2f}")
    ]  # fmt: skip
    for name, one in found.items():
        rows += _rows(name, one, known)
    held, lost = (found[name].kept["all"] for name in ("full", "full, prior off"))
    rows.append(
        Row(what="full: what is kept with the class's pictures − without", value=held - lost,
            target=0, least=True, beside=f"{held:.2f}, {lost:.2f} of all that was asked")
    )  # fmt: skip
    return rows


def _rows(name: str, one: Judged, known: dict[str, float]) -> list[Row]:
    keeps = "off" not in name
    kept = one.kept["subject on background"] / known["subject on background"]
    return [
        Row(what=f"{name}: pictures of the creature", value=one.learned.creature, target=0.8,
            least=True, beside=f"trained in {one.seconds:.0f} s"),
        Row(what=f"{name}: new backgrounds", value=one.learned.background, target=0.8, least=True,
            beside=f"both {one.learned.both:.2f}"),
        Row(what=f"{name}: known things on their backgrounds ÷ before", value=kept, least=True,
            target=0.95 if keeps else None,
            beside=f"with their style {one.kept['all']:.2f}, before {known['all']:.2f}"),
        Row(what=f"{name}: first picture with the new token", value=one.first, unit="s", target=2),
    ]  # fmt: skip
