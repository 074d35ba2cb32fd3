"""What a training is asked for: the request, its subjects, and the plan of it. Writes nothing.

Every problem of a request is found before anything runs; values of a sweep are looked at, too.
"""

import shutil
import sqlite3
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio.to_thread
import msgspec
from msgspec import Meta, Struct

from core.errors import Invalid, NotFound, Params, Problem
from core.graph.fields import MAX_PROBLEMS
from core.library.weighed import weighed
from core.records.job import Sweep
from core.records.model import Model
from core.records.recipe import Recipe
from core.records.training import Plan, Subject
from core.records.webhook import Webhook
from core.records.weighed import Weighed
from core.store import checkpoints, datasets, measured, models, trainings
from core.store.trainings import Branch
from core.training import memory
from core.training.facts import Facts, Measured, PictureFacts
from core.training.plan import planned
from server.actions import chosen, named
from server.actions.adapting import Shelf
from server.actions.jobs import Id
from server.actions.swept import STARTER
from server.principal import Principal
from server.state import State

MAX_SUBJECTS = 16
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Which = Annotated[str, Meta(min_length=1, max_length=64)]


class BranchFrom(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another run's state to begin with."""

    training: Id
    checkpoint: Annotated[Which | int, Meta(description="Its id, its step, `best` or `last`.")] = (
        "last"
    )
    trust: Annotated[bool, Meta(description="Take it though another install made it.")] = False


class Train(Recipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A training: what is taught, to which model, and the fields of its recipe."""

    name: Annotated[Name | None, Meta(description="Null: token and class.")] = None
    dataset: Annotated[Id | None, Meta(description="Pictures of one subject.")] = None
    token: Annotated[str, Meta(min_length=1, max_length=64, description="A rare word.")] = "sks"
    class_word: Annotated[str, Meta(min_length=1, max_length=100)] = "object"
    subjects: Annotated[
        list[Subject],
        Meta(max_length=MAX_SUBJECTS, description="Several, in place of `dataset` and `token`."),
    ] = msgspec.field(default_factory=list)
    instance_prompt: Annotated[str, Meta(max_length=1_000)] | None = None
    class_prompt: Annotated[str, Meta(max_length=1_000)] | None = None
    base_model: Annotated[
        str, Meta(min_length=1, max_length=200, description="Id, name or hash.")
    ] = STARTER
    sweep: Annotated[
        Sweep | None, Meta(description="Several trainings; axes name fields of this request.")
    ] = None
    branch_from: BranchFrom | None = None
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    webhook: Webhook | None = None

    @property
    def recipe(self) -> Recipe:
        """Give the part that is the recipe."""
        names = Recipe.__struct_fields__
        return Recipe(**{name: getattr(self, name) for name in names})


class Lesson(Struct, frozen=True, kw_only=True):
    """A training that may be: everything found, everything planned."""

    ask: Train
    name: str
    model: Model
    subjects: list[Subject]
    pictures: list[list[datasets.Taught]]
    plan: Plan
    branch: Branch | None


class Teacher:
    """Checks and plans the trainings of one request; each name is looked up once."""

    def __init__(self, state: State, principal: Principal) -> None:
        self._state = state
        self._principal = principal
        self._weighed: dict[str, Weighed] = {}

    async def lesson(self, ask: Train, done: int = 0) -> Lesson:
        """Plan one training.

        :param done: steps that it has taken already.
        :raises Invalid: with every problem.
        """
        problems: list[Problem] = []
        subjects, pictures = await self._subjects(ask, problems)
        model = await self._model(ask, problems)
        branch = await self._branch(ask, problems)
        recipe = await self._lora(ask, model, problems)
        facts = await self._facts(model, recipe, subjects, pictures, max(done, _begun(branch)))
        plan: Plan | None = None
        try:
            plan = planned(recipe, facts)
        except Invalid as error:
            known = {problem.pointer.split("/")[1] for problem in problems if problem.pointer}
            problems += [one for one in error.problems if one.pointer.split("/")[1] not in known]
        if problems or plan is None or model is None:
            raise Invalid(problems=tuple(problems[:MAX_PROBLEMS]))
        first = subjects[0]
        return Lesson(
            ask=ask, name=ask.name or f"{first.token} {first.class_word}", model=model,
            subjects=subjects, pictures=pictures, plan=plan, branch=branch,
        )  # fmt: skip

    async def _subjects(
        self, ask: Train, problems: list[Problem]
    ) -> tuple[list[Subject], list[list[datasets.Taught]]]:
        if (ask.dataset is None) == (not ask.subjects):
            problems.append(Problem(code="dataset_or_subjects", pointer="/dataset"))
        subjects, places = list(ask.subjects), [f"/subjects/{n}" for n in range(MAX_SUBJECTS)]
        if ask.dataset is not None:
            places = ["", *places]
            own = Subject(
                dataset=ask.dataset, token=ask.token, class_word=ask.class_word,
                instance_prompt=ask.instance_prompt, class_prompt=ask.class_prompt,
            )  # fmt: skip
            subjects = [own, *subjects]
        found: list[list[datasets.Taught]] = []
        for subject, place in zip(subjects, places, strict=False):
            taught = await self._state.db.read(
                partial(_taught, dataset=subject.dataset, owner=self._principal.sees)
            )
            if taught is None or not taught:
                code = "unknown_dataset" if taught is None else "dataset_empty"
                params: Params = {"dataset": subject.dataset}
                problems.append(Problem(code=code, pointer=f"{place}/dataset", params=params))
            found.append(taught or [])
        return subjects, found

    async def _model(self, ask: Train, problems: list[Problem]) -> Model | None:
        name = ask.base_model
        found = await self._state.db.read(
            lambda connection: models.find(connection, name, "checkpoint")
        )
        if found is None and name == STARTER:
            found = await chosen.default_model(self._state)
        if found is None:
            code = await named.absent(self._state, name, "checkpoint")
            problems.append(named.missing(code, "/base_model", name))
        return found

    async def _lora(self, ask: Train, model: Model | None, problems: list[Problem]) -> Recipe:
        """Look up the LoRA that training goes on from; name it by its id."""
        recipe, name = ask.recipe, ask.start_lora
        if name is None:
            return recipe
        shelf = Shelf(self._state)
        on = None if model is None else model.id
        wanted = [("lora", name), *([("checkpoint", on)] if on else [])]
        await shelf.look(wanted)
        fault = shelf.problem("lora", name, on)
        if fault is not None:
            problems.append(msgspec.structs.replace(fault, pointer="/start_lora"))
            return recipe
        found = await self._state.db.read(lambda conn: models.find(conn, name, "lora"))
        return recipe if found is None else msgspec.structs.replace(recipe, start_lora=found.id)

    async def _branch(self, ask: Train, problems: list[Problem]) -> Branch | None:
        wanted = ask.branch_from
        if wanted is None:
            return None
        owner = self._principal.sees
        try:
            run = await self._state.db.read(
                lambda connection: trainings.run(connection, wanted.training, owner)
            )
        except NotFound:
            problems.append(Problem(code="unknown_training", pointer="/branch_from/training"))
            return None
        try:
            kept = await self._state.db.read(
                lambda connection: checkpoints.find(
                    connection, run, "checkpoint", wanted.checkpoint
                )
            )
        except NotFound:
            problems.append(Problem(code="unknown_checkpoint", pointer="/branch_from/checkpoint"))
            return None
        return Branch(training=wanted.training, name=kept.name, step=kept.shown.step)

    async def _facts(
        self,
        model: Model | None,
        recipe: Recipe,
        subjects: list[Subject],
        pictures: list[list[datasets.Taught]],
        done: int,
    ) -> Facts:
        state, hello = self._state, self._state.hello
        seen = [
            PictureFacts(
                width=one.width, height=one.height, captioned=one.caption is not None,
                transparent=one.transparent, held_out=one.held_out,
            )
            for some in pictures
            for one in some
        ]  # fmt: skip
        if (
            model is None
        ):  # its own problem is told; those of the recipe are looked for all the same
            return Facts(family="sd1", subjects=subjects, pictures=seen, done=done)
        device = hello.device.partition(":")[0] if hello else "cpu"
        disk = await anyio.to_thread.run_sync(shutil.disk_usage, state.layout.root)
        known = await state.db.read(
            lambda connection: measured.step(connection, model.id, recipe.method)
        )
        return Facts(
            family=model.family,
            edition=model.edition,
            format=model.format,
            resolution=model.defaults.width or 512,
            weighed=await self._weigh(model),
            subjects=subjects,
            pictures=seen,
            device=device if device in ("cuda", "mps") else "cpu",  # type: ignore[arg-type]
            device_name=hello.device_name if hello else "",
            devices=hello.devices if hello else 1,
            quantize=state.settings.quantize,
            total_bytes=hello.memory_total if hello else 0,
            disk_bytes=disk.free,
            measured=None if known is None else _pace(*known),
            done=done,
        )

    async def _weigh(self, model: Model) -> Weighed:
        """Weigh a checkpoint by its files' headers; of one that lies nowhere nothing is known."""
        if model.id not in self._weighed:
            held = await self._state.db.read(lambda conn: models.file(conn, model.id))
            root = self._state.roots.get(held.root)
            found = Weighed()
            if root is not None:
                told = model.metadata.prediction_type
                found = await anyio.to_thread.run_sync(
                    weighed, Path(root / held.file), model.family, told
                )
            self._weighed[model.id] = found
        return self._weighed[model.id]


def _taught(
    connection: sqlite3.Connection, dataset: str, owner: str | None
) -> list[datasets.Taught] | None:
    """Read the pictures of a dataset; ``None`` for an unknown one, or somebody else's."""
    if not datasets.exists(connection, dataset, owner):
        return None
    return datasets.taught(connection, dataset)


def _begun(branch: Branch | None) -> int:
    return 0 if branch is None else branch.step


def _pace(seconds: float, recipe: Recipe) -> Measured:
    return Measured(
        seconds=seconds,
        rows=memory.rows_of(recipe) * recipe.accumulate,
        pixels=(recipe.resolution or 512) ** 2,
        grad_checkpoint=bool(recipe.grad_checkpoint),
    )
