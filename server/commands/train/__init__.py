"""``heliograph train``: a folder of pictures becomes a model that draws its subject.

What is written down (``written``), what is uploaded (``teaching``) and what is seen meanwhile
(``watching``) stand beside.
"""

import argparse
from typing import Any

import anyio

from core.config import Config
from core.errors import HeliographError
from core.training import TrainConfig
from server.client import Client
from server.commands import drawing
from server.commands.train import shown, teaching, watching, written


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the folder, the words for it, and a flag for each field of a recipe."""
    command.add_argument("folder", nargs="?", help="pictures, with .txt captions beside if any")
    command.add_argument("--plan", action="store_true", help="say what it would do, and stop")
    command.add_argument(
        "--recipe", help="a file of fields: .yaml, .json, .toml (ours or kohya's), or .py with"
        " `config = TrainConfig(…)`, which is run",
    )  # fmt: skip
    command.add_argument("--dataset", help="id of a dataset that is there, in place of a folder")
    written.arguments(command)
    drawing.arguments(command, without={"token", "dtype"})


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Upload, plan, train, tell what came of it."""
    recipe = written.config(parsed)
    return anyio.run(_train, parsed, config, recipe)


async def _train(parsed: argparse.Namespace, config: Config, recipe: TrainConfig) -> int:
    taught = recipe.taught
    if not taught and not parsed.dataset:
        raise HeliographError("train_no_folder")
    folders = [await teaching.opened(subject.folder) for subject in taught]
    async with drawing.server(parsed, config) as client:
        subjects = []
        try:
            for subject, folder in zip(taught, folders, strict=True):
                dataset = await teaching.uploaded(client, folder, quiet=parsed.quiet)
                subjects.append(shown.subject(subject, dataset))
            body = _body(recipe, subjects, parsed.dataset)
            await watching.ready(client)
            plan = await client.call("POST", "/trainings/plan", body)
            shown.planned(plan, await _buckets(client, subjects, plan["recipe"]))
            made = None if parsed.plan else await client.call("POST", "/trainings", body)
        except BaseException:
            await teaching.forgotten(client, subjects)
            raise
        if made is None:
            await teaching.forgotten(client, subjects)
            return 0
        try:
            ended = await watching.watched(
                client, made["training"], made["job"], plan["steps"], quiet=parsed.quiet
            )
        except OSError as error:
            raise HeliographError("server_gone", reason=str(error)) from error
        return await _told(client, ended)


def _body(
    recipe: TrainConfig, subjects: list[dict[str, Any]], dataset: str | None
) -> dict[str, Any]:
    """Make the request: one subject stands in its fields, several in a list."""
    body = dict(recipe.fields)
    for name in ("name", "base_model"):
        if (value := getattr(recipe, name)) is not None:
            body[name] = value
    if dataset:
        words = ("token", "class_word", "instance_prompt", "class_prompt")
        said = {name: getattr(recipe, name) for name in words}
        subjects = [{"dataset": dataset, **{k: v for k, v in said.items() if v}}, *subjects]
    if len(subjects) == 1:
        return {**body, **subjects[0]}
    return {**body, "subjects": subjects}


async def _buckets(
    client: Client, subjects: list[dict[str, Any]], recipe: dict[str, Any]
) -> list[dict[str, Any]]:
    """Ask in which sizes the pictures will be trained."""
    if not recipe["buckets"]:
        return []
    query = f"resolution={recipe['resolution']}&step={recipe['bucket_step']}"
    found = [
        await client.call("GET", f"/datasets/{subject['dataset']}?{query}") for subject in subjects
    ]
    return [bucket for dataset in found for bucket in dataset["buckets"]]


async def _told(client: Client, training: dict[str, Any]) -> int:
    """Say what a run that ended has left."""
    status = training["status"]
    if status == "succeeded" and training["model"]:
        model = await client.call("GET", f"/models/{training['model']}")
        shown.made(model, training)
        return 0
    if status in ("stopped", "succeeded"):
        shown.stopped(training)
        return 0
    drawing.told([{"degraded": [], "status": status, "error": training.get("error")}])
    return 1
