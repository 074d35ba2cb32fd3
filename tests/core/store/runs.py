"""Trainings for tests: rows as the server makes them, without HTTP."""

from typing import Any

from core.ids import new_id
from core.jobs.queue import NewBatch, Queue
from core.records.graph import Graph
from core.records.recipe import Recipe
from core.records.training import LossPoint, Plan, Subject
from core.store import trainings
from core.store.trainings import NewTraining, Taught
from core.store.transaction import Transaction
from core.store.work import Added

SUBJECT = Subject(dataset="set", token="sks", class_word="dog")


def planned(recipe: Recipe, steps: int) -> Plan:
    return Plan(
        steps=steps, epochs=1.0, pictures=2, class_pictures=0, recipe=recipe, peak_bytes=1,
        budget_bytes=1, checkpoint_bytes=1, seconds=None,
    )  # fmt: skip


def new_training(**changes: Any) -> NewTraining:
    fields = {"max_steps": 20, "sample_every": 0, "checkpoint_every": 5, "snapshot_every": 10}
    recipe = Recipe(**{**fields, **changes.pop("recipe", {})})
    values = {
        "id": new_id(), "owner": "ann", "name": "my dog", "base_model": "starter",
        "subjects": [SUBJECT], "pictures": [[Taught(sha256="ab" * 32, caption="a dog")]],
        "recipe": recipe, "plan": planned(recipe, recipe.max_steps or 20),
        "steps": recipe.max_steps or 20,
    }  # fmt: skip
    return NewTraining(**{**values, **changes})


async def ask(queue: Queue, **changes: Any) -> tuple[str, str]:
    """Ask for a training; give its id and that of its job."""
    new = new_training(**changes)

    def also(tx: Transaction, added: Added) -> None:
        trainings.add(tx, new, added.jobs[0])

    batch = NewBatch(owner=new.owner, kind="training", graph=Graph(nodes=[]), cost=1000)
    added = await queue.add(batch, also)
    return new.id, added.jobs[0]


def points(first: int, last: int, loss: float = 0.5) -> list[LossPoint]:
    return [
        LossPoint(
            step=step, loss=loss, loss_instance=loss, lr=1e-4, grad_norm=1.5, seconds=0.25,
            rates={"unet": 1e-4}, norms={"unet": 1.5}, memory_bytes=1 << 30,
        )
        for step in range(first, last + 1)
    ]  # fmt: skip
