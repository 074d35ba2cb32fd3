"""Pictures of what a training knows: now, of one that runs, or at a step that it keeps."""

from typing import Annotated

from msgspec import Meta, Struct, field, structs

from core.errors import Forbidden, Invalid, NotFound, Problem
from core.records.graph import Json
from core.records.job import Axis, Sweep
from core.records.training import Training
from core.store import drawable
from core.store.trainings import Run
from core.training import words
from core.training.seeds import of_sample
from server.actions import jobs, work
from server.actions.jobs import Id
from server.actions.steering import Which, told
from server.actions.trainings import run_of
from server.principal import Principal
from server.state import State

Prompts = Annotated[list[Annotated[str, Meta(min_length=1, max_length=1_000)]], Meta(max_length=16)]


class SampleTraining(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pictures of what a run knows now, or knew at a step."""

    training: Id
    prompts: Annotated[
        Prompts, Meta(description="`{subject}` stands for token and class; empty: the recipe's.")
    ] = []
    from_: Annotated[
        Which | None,
        Meta(
            description="Step or id of a snapshot, `best` or `last`, which other jobs draw with;"
            " null: what a run that goes on knows now."
        ),
    ] = field(default=None, name="from")


class Sampling(Training, frozen=True, kw_only=True):
    """The training, and the jobs that draw pictures of a snapshot."""

    batch: Annotated[str | None, Meta(description="Null where the run itself draws them.")] = None
    jobs: list[str] = field(default_factory=list)


async def sample(
    state: State, principal: Principal, ask: SampleTraining, idempotency: str | None = None
) -> Sampling:
    """Draw pictures of what a training knows.

    A running one draws them after its step: `training.sample`. With `from` they are pictures of the
    gallery, drawn by jobs of their own with the snapshot and with the seeds of the run's samples;
    that needs the scope `generate` as well.
    """
    run = await run_of(state, principal, ask.training)
    if ask.from_ is not None:
        return await _drawn(state, principal, ask, run, ask.from_, idempotency)
    first = run.shown.subjects[0]
    prompts = [words.expand(one, first.token, first.class_word) for one in ask.prompts]
    shown = await told(state, principal, ask.training, "sample", prompts)
    return Sampling(**structs.asdict(shown))


async def _drawn(
    state: State, principal: Principal, ask: SampleTraining, run: Run, which: str | int,
    idempotency: str | None,
) -> Sampling:  # fmt: skip
    state.refuse_when_stopping()
    if not principal.may("generate"):
        raise Forbidden("scope_missing", scope="generate")
    try:
        kept = await state.db.read(lambda connection: drawable.snapshot(connection, run, which))
    except NotFound as error:
        problem = Problem(code="unknown_checkpoint", pointer="/from")
        raise Invalid(problems=(problem,)) from error
    asked = words.samples(run.shown.subjects, ask.prompts or run.recipe.sample_prompts)
    fields: dict[str, Json] = {"model": f"training:{ask.training}@{kept.shown.step}"}
    if run.recipe.resolution is not None:
        fields |= dict.fromkeys(("width", "height"), run.recipe.resolution // 8 * 8)
    seeds: list[Json] = [of_sample(run.recipe.seed, number) for number in range(len(asked))]
    axes = [
        Axis(setting="prompt", values=[one.prompt for one in asked]),
        Axis(setting="seed", values=seeds),
    ]
    made = await work.of_recipe(
        state, principal, "txt2img", fields, wanted=Sweep(axes=axes, mode="zip")
    )
    added = await jobs.add(state, principal, made, ask, idempotency, work.Extras())
    return Sampling(**structs.asdict(run.shown), batch=added.batch, jobs=added.jobs)
