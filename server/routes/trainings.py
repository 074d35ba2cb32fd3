"""Routes of trainings: asked for, planned, watched, steered."""

from starlette.responses import FileResponse, Response

from server import codec, descriptions, downloads, folder_zip
from server.actions import publishing, sampling, steering, trainings
from server.actions.publishing import ExportTraining
from server.route import Request, Route, collect, door, permit, verb

API = "/api/v1/trainings"
ONE = f"{API}/{{training}}"


def routes() -> list[Route]:
    """Make the routes."""
    tag = "training"
    return [
        verb("POST", API, trainings.train, "train", tag=tag, status=202),
        verb("GET", API, trainings.page, "read", tag=tag),
        verb("POST", f"{API}/plan", trainings.plan, "train", tag=tag),
        verb(
            "GET", f"{API}/schema", trainings.schema, "read", tag=tag, words=descriptions.of_recipe
        ),
        verb("GET", ONE, trainings.get, "read", tag=tag),
        verb("PATCH", ONE, trainings.change, "train", tag=tag),
        verb("DELETE", ONE, trainings.delete, "train", tag=tag),
        verb("GET", f"{ONE}/losses", trainings.losses, "read", tag=tag),
        verb("GET", f"{ONE}/samples", trainings.samples, "read", tag=tag),
        verb("GET", f"{ONE}/checkpoints", trainings.kept, "read", tag=tag),
        verb("POST", f"{ONE}/pause", steering.pause, "train", tag=tag),
        verb("POST", f"{ONE}/resume", steering.resume, "train", tag=tag),
        verb("POST", f"{ONE}/stop", steering.stop, "train", tag=tag),
        verb("POST", f"{ONE}/checkpoint", steering.checkpoint, "train", tag=tag, status=202),
        verb("POST", f"{ONE}/sample", sampling.sample, "train", tag=tag, status=202),
        verb("POST", f"{ONE}/publish", publishing.publish, "train", tag=tag, status=202),
        door(
            "GET",
            f"{ONE}/export",
            export,
            "read",
            tag=tag,
            takes=ExportTraining,
            media="application/octet-stream",
        ),
    ]


async def export(request: Request) -> Response:
    """Download the model that a training made, in a form for other programs.

    `diffusers`: a folder as ZIP, or a LoRA with the names of diffusers; `kohya`: a LoRA with
    kohya's; `single`: one file. Answers 202 with a job where it has to be made first; that needs
    the scope `train`.
    """
    ask = await collect(request, ExportTraining, has_body=False)
    state = request.studio
    found = await publishing.export(state, request.principal, ask, request.principal.may("train"))
    if found.path is None:
        permit(request.principal, "train")
        return codec.reply(found.asked, 202)
    if found.is_folder:
        return folder_zip.answer(found.path, found.name)
    held = {"cache-control": "no-store"}
    held["content-disposition"] = downloads.disposition(found.name, attachment=True)
    return FileResponse(found.path, 200, held, "application/octet-stream")
