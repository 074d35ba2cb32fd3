"""Datasets over HTTP: the verbs, pictures that come in as raw bodies, and files."""

from pathlib import PurePath
from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.responses import Response

from core import naming
from core.blobs import Blobs
from core.errors import UnsupportedType
from core.records.training import DatasetImage, Quarantined
from core.store import dataset_reads, datasets
from core.store.dataset_reads import PictureFile
from core.training import buckets, captions
from server import codec, downloads, files
from server.actions import datasets as verbs
from server.actions import taking
from server.actions.datasets import DatasetImageId, Resolution, Step
from server.actions.jobs import Id
from server.route import Access, Request, Route, door, verb
from server.routes.images import FOREVER, MEDIA_CSP

API = "/api/v1"
SET = f"{API}/datasets/{{dataset}}"
IMAGE = f"{SET}/images/{{image}}"
_GROUNDS = {"white": (255, 255, 255), "black": (0, 0, 0), "gray": (128, 128, 128)}


class PreviewQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a picture is to be seen: the fields of a recipe."""

    dataset: Id
    image: Id
    resolution: Resolution = datasets.RESOLUTION
    step: Step = datasets.STEP
    buckets: Annotated[bool, Meta(description="Whether it keeps its shape.")] = True
    crop: Literal["center", "random"] = "center"
    variant: Annotated[int, Meta(ge=0, le=31, description="Which random crop.")] = 0
    seed: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 42
    transparency: Annotated[
        Literal["mask", "white", "black", "gray"],
        Meta(description="What shows through; mask: it stays clear."),
    ] = "mask"


def routes() -> list[Route]:
    """Make the routes."""
    read: Access = "read"
    train: Access = "train"
    return [
        verb("GET", f"{API}/datasets", verbs.page, read, tag="datasets"),
        verb("POST", f"{API}/datasets", verbs.create, train, tag="datasets", status=201),
        verb("GET", SET, verbs.get, read, tag="datasets"),
        verb("PATCH", SET, verbs.rename, train, tag="datasets"),
        verb("DELETE", SET, verbs.delete, train, tag="datasets"),
        verb("GET", f"{SET}/images", verbs.images, read, tag="datasets"),
        door(
            "POST", f"{SET}/images", add, train, tag="datasets", body="image",
            gives=DatasetImage | Quarantined, status=201,
        ),
        verb("POST", f"{SET}/images/from", taking.take_images, train, tag="datasets"),
        verb("POST", f"{SET}/import", taking.import_folder, "admin", tag="datasets"),
        verb("PATCH", IMAGE, verbs.change, train, tag="datasets"),
        verb("DELETE", IMAGE, verbs.remove, train, tag="datasets"),
        door(
            "GET", f"{IMAGE}/file", file, read, tag="datasets", takes=DatasetImageId,
            media="image/png",
        ),
        door(
            "GET", f"{IMAGE}/thumbnail", thumbnail, read, tag="datasets", takes=DatasetImageId,
            media="image/webp",
        ),
        door(
            "GET", f"{IMAGE}/preview", preview, read, tag="datasets", takes=PreviewQuery,
            media="image/png",
        ),
    ]  # fmt: skip


async def add(request: Request) -> Response:
    """Take a picture into a dataset: PNG, JPEG or WebP as the raw body.

    `X-Filename` is its name, `X-Caption` what it shows; both percent-encoded UTF-8. What cannot be
    trained on is no error: the answer is the quarantined entry with its reason.
    """
    kind = codec.media_type(request)
    if kind not in ("", "application/octet-stream") and not kind.startswith("image/"):
        raise UnsupportedType("content_type", got=kind[:80])
    dataset = request.path_params["dataset"]
    await taking.ready(request.studio, request.principal, dataset)
    data = await codec.read_body(request, codec.IMAGE_CAP)
    if not data and not kind:  # no body is no empty file
        raise UnsupportedType("content_type", got="")
    named = captions.of_header(request.headers.get("x-filename", "")).text
    made = await taking.take(
        request.studio, request.principal, dataset, data, captions.filename(named or ""),
        captions.of_header(request.headers.get("x-caption", "")),
    )  # fmt: skip
    place = {"location": f"{API}/datasets/{dataset}/images/{made.id}"}
    return codec.reply(made, 201, place if isinstance(made, DatasetImage) else {})


async def file(request: Request) -> Response:
    """Send a picture as it is kept: upright, in sRGB, in full size."""
    held = await _held(request)
    return await _blob(request, held.sha256, "image/png", held.file)


async def thumbnail(request: Request) -> Response:
    """Send a picture's thumbnail: WebP, 256 pixels on its longer side."""
    held = await _held(request)
    return await _blob(request, held.thumbnail, "image/webp", held.file)


async def preview(request: Request) -> Response:
    """Send what a model sees of a picture: scaled to its bucket and cut."""
    from core.media import glimpse  # Pillow would cost every start 40 ms

    asked = codec.from_text(dict(request.query_params), PreviewQuery)
    ask: PreviewQuery = codec.decode(asked | request.path_params, PreviewQuery)
    held = await _held(request)
    size = (held.width, held.height)
    bucket = (
        buckets.fit(*size, ask.resolution, ask.step)
        if ask.buckets
        else buckets.square(ask.resolution, ask.step)
    )
    scaled = buckets.covering(size, bucket)
    place = (0.5, 0.5)
    if ask.crop == "random":
        place = buckets.crop_at(ask.seed, held.sha256, ask.variant)
    wanted = glimpse.Wanted(
        scaled=scaled, window=buckets.window(scaled, bucket, *place),
        ground=_GROUNDS.get(ask.transparency),
    )  # fmt: skip
    seen = "-".join(map(str, (*scaled, *wanted.window, ask.transparency)))
    tag = f'"{held.sha256[:32]}-{seen}"'
    headers = _headers(held.file) | {"etag": tag}
    if codec.matches(request, tag):
        return Response(None, 304, headers)
    data = await files.read(request.studio, Blobs(request.studio.layout.blobs).path(held.sha256))
    return Response(await glimpse.show(data, wanted), 200, headers, "image/png")


async def _held(request: Request) -> PictureFile:
    owner, place = request.principal.sees, request.path_params
    return await request.studio.db.read(
        lambda connection: dataset_reads.file(connection, place["dataset"], place["image"], owner)
    )


async def _blob(request: Request, digest: str, media: str, name: str) -> Response:
    headers = _headers(name, media.rpartition("/")[2]) | {"etag": f'"{digest[:32]}"'}
    if codec.matches(request, headers["etag"]):
        return Response(None, 304, headers)
    data = await files.read(request.studio, Blobs(request.studio.layout.blobs).path(digest))
    return Response(data, 200, headers, media)


def _headers(name: str, suffix: str = "png") -> dict[str, str]:
    shown = f"{naming.safe(PurePath(name).stem, 'picture')}.{suffix}"
    return {
        "cache-control": FOREVER,
        "content-security-policy": MEDIA_CSP,
        "content-disposition": downloads.disposition(shown),
    }
