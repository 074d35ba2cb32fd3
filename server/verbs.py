"""The verbs that can be said on the socket, each with the scope it needs. One table."""

import typing
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from server.actions import (
    batches,
    boards,
    capabilities,
    datasets,
    graphs,
    images,
    installs,
    jobs,
    models,
    presets,
    queue,
    runs,
    selection,
    sheets,
    shelves,
    system,
    taking,
    tasks,
    workflows,
)
from server.route import Access

Action = Callable[..., Awaitable[Any]]
VERBS: dict[str, tuple[Action, Access]] = {
    "generate": (jobs.generate, "generate"),
    "enqueue": (jobs.enqueue, "generate"),
    "cancel": (jobs.cancel, "generate"),
    "cancel_batch": (batches.cancel_batch, "generate"),
    "retry": (jobs.retry, "generate"),
    "retry_batch": (batches.retry_batch, "generate"),
    "reorder": (jobs.reorder, "generate"),
    "sheet": (sheets.make_sheet, "generate"),
    "job": (jobs.get, "read"),
    "jobs": (jobs.page, "read"),
    "batch": (batches.get_batch, "read"),
    "queue": (queue.look, "read"),
    "pause": (queue.pause, "admin"),
    "resume": (queue.resume, "admin"),
    "clear": (queue.clear, "generate"),
    "images": (images.page, "read"),
    "image": (images.get, "read"),
    "star": (images.star, "generate"),
    "change": (images.change, "generate"),
    "delete": (images.delete, "generate"),
    "restore": (images.restore, "generate"),
    "act": (selection.act, "generate"),
    "boards": (boards.page, "read"),
    "board": (boards.get, "read"),
    "create_board": (boards.create, "generate"),
    "rename_board": (boards.rename, "generate"),
    "delete_board": (boards.delete, "generate"),
    "presets": (presets.page, "read"),
    "preset": (presets.get, "read"),
    "create_preset": (presets.create, "generate"),
    "save_preset": (presets.save, "generate"),
    "delete_preset": (presets.delete, "generate"),
    "import_styles": (presets.load, "generate"),
    "import_workflow": (workflows.load, "generate"),
    "check": (graphs.check_graph, "read"),
    "workflows": (workflows.page, "read"),
    "workflow": (workflows.get, "read"),
    "create_workflow": (workflows.create, "generate"),
    "save_workflow": (workflows.save, "generate"),
    "delete_workflow": (workflows.delete, "generate"),
    "run": (runs.run, "generate"),
    "models": (models.page, "read"),
    "model": (models.get, "read"),
    "change_model": (models.change, "admin"),
    "delete_model": (shelves.delete, "admin"),
    "recommended": (models.recommend, "read"),
    "scan": (models.scan, "admin"),
    "unload": (models.unload, "admin"),
    "convert": (tasks.convert, "admin"),
    "verify": (tasks.verify, "admin"),
    "install": (installs.install, "admin"),
    "installs": (installs.page, "admin"),
    "install_state": (installs.get, "admin"),
    "pause_install": (installs.pause, "admin"),
    "resume_install": (installs.resume, "admin"),
    "cancel_install": (installs.cancel, "admin"),
    "datasets": (datasets.page, "read"),
    "dataset": (datasets.get, "read"),
    "create_dataset": (datasets.create, "train"),
    "rename_dataset": (datasets.rename, "train"),
    "delete_dataset": (datasets.delete, "train"),
    "dataset_images": (datasets.images, "read"),
    "change_dataset_image": (datasets.change, "train"),
    "delete_dataset_image": (datasets.remove, "train"),
    "take_images": (taking.take_images, "train"),
    "import_folder": (taking.import_folder, "admin"),
    "capabilities": (capabilities.capabilities, "read"),
    "system": (system.system, "read"),
}


def takes_of(action: Action) -> type[Struct]:
    """Give the request struct of a verb."""
    found: type[Struct] = typing.get_type_hints(action)["ask"]
    return found
