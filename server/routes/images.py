"""Pictures over HTTP: files, thumbnails, uploads, archives, metadata."""

from typing import Annotated, Literal

import anyio.to_thread
from msgspec import Meta, Struct
from starlette.responses import Response

from core import naming
from core.errors import Forbidden, UnsupportedType
from core.media import sniff
from core.records.image import Image
from core.store import images as image_rows
from server import archive, codec, downloads, externals, files, render
from server.actions import images
from server.actions.jobs import Id
from server.route import Request, Route, door, permit

API = "/api/v1"
FOREVER = "private, max-age=31536000, immutable"
MEDIA_CSP = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class UploadQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a picture is sent for."""

    kind: Literal["upload", "mask"] = "upload"
    intermediate: Annotated[
        bool,
        Meta(description="For a job alone: the gallery leaves it out, and may be cleared of it."),
    ] = False


class FileQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which picture, and in which form."""

    image: Id
    format: Annotated[
        Literal["png", "jpeg", "webp"] | None, Meta(description="Null: as it was stored.")
    ] = None
    metadata: Annotated[bool, Meta(description="Whether the recipe stays in the file.")] = True
    signed: Annotated[str, Meta(max_length=200, description="From `/images/{id}/link`.")] | None = (
        None
    )
    download: bool = False
    name: Annotated[
        naming.Pattern | None, Meta(description="Name to save it under; null: `download_name`.")
    ] = None


class ZipImages(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which pictures go into one archive, and how they are called there."""

    ids: Annotated[list[Id], Meta(min_length=1, max_length=archive.MAX_PICTURES)]
    pattern: Annotated[
        naming.Pattern | None, Meta(description="Their names; null: the setting `download_name`.")
    ] = None


def routes() -> list[Route]:
    """Make the routes."""
    image = f"{API}/images/{{image}}"
    return [
        door(
            "POST", f"{API}/uploads", upload, "generate", tag="images", body="image",
            takes=UploadQuery, gives=Image, status=201,
        ),
        door(
            "POST", f"{API}/images/inspect", inspect, "read", tag="images", body="image",
            gives=render.Inspected,
        ),
        door(
            "POST", f"{API}/images/zip", zipped, "read", tag="images", body="json",
            takes=ZipImages, media="application/zip",
        ),
        door(
            "GET", f"{image}/file", file, "open", tag="images", takes=FileQuery, media="image/*"
        ),
        door(
            "GET", f"{image}/thumbnail", thumbnail, "read", tag="images", takes=images.ImageId,
            media="image/webp",
        ),
    ]  # fmt: skip


async def upload(request: Request) -> Response:
    """Take a picture in: PNG, JPEG or WebP as the raw body."""
    found = codec.from_text(dict(request.query_params), UploadQuery)
    ask: UploadQuery = codec.decode(found, UploadQuery)
    data = await _picture(request)
    made = await images.upload(
        request.studio, request.principal, data, ask.kind, intermediate=ask.intermediate
    )
    return codec.reply(made, 201, {"location": f"{API}/images/{made.id}"})


async def inspect(request: Request) -> Response:
    """Read what a picture's metadata says of how it was made; nothing is stored."""
    data = await _picture(request)
    told = await anyio.to_thread.run_sync(render.inspect, data)
    words = request.studio.words
    language = words.choose(request.headers.get("accept-language"))
    return codec.reply(render.worded(told, lambda problem: words.explain(language, problem)))


async def zipped(request: Request) -> Response:
    """Pack pictures into one archive, names by pattern.

    Names that are the same are numbered. `not-included.txt` in it lists pictures that are not
    there, or not yours.
    """
    ask = codec.decode(await codec.read_json(request), ZipImages)
    pattern = ask.pattern or request.studio.settings.download_name
    return await archive.answer(request.studio, request.principal, ask.ids, pattern)


async def file(request: Request) -> Response:
    """Send a picture's file: needs `read`, or a signed link."""
    found = {**codec.from_text(dict(request.query_params), FileQuery), **request.path_params}
    ask: FileQuery = codec.decode(found, FileQuery)
    owner = None
    if ask.signed is not None:
        if request.studio.signer.check("link", ask.signed) != ask.image:
            raise Forbidden("link_expired")
    else:
        permit(request.scope["principal"], "read")
        owner = request.principal.sees
    held, path = await files.locate(request.studio, ask.image, owner)
    stored = ask.format is None and ask.metadata and held.external is not None
    wanted: render.Format = ask.format or "png"
    etag = f'"{held.sha256[:32]}-{"stored" if stored else wanted}-{int(ask.metadata)}"'
    if codec.matches(request, etag):
        return Response(None, 304, {"cache-control": FOREVER, "etag": etag})
    if stored:
        data = await externals.read(held)
        wanted = sniff.sniff(data).format
    elif held.external is not None:
        data = await externals.png(held)
    else:
        data = await files.read(request.studio, path)
    if not stored and (wanted != "png" or not ask.metadata):
        keep = ask.metadata
        data = await anyio.to_thread.run_sync(lambda: render.convert(data, wanted, keep))
    name = await _name(request, ask, owner)
    headers = _media_headers(f"{name}.{wanted}", ask.download) | {"etag": etag}
    return Response(data, 200, headers, f"image/{wanted}")


async def thumbnail(request: Request) -> Response:
    """Send a picture's thumbnail: WebP, 256 pixels on its longer side."""
    image = request.path_params["image"]
    held, _ = await files.locate(request.studio, image, request.principal.sees)
    headers = _media_headers(f"{held.id}.webp") | {"etag": f'"{held.id}"'}
    if codec.matches(request, headers["etag"]):
        return Response(None, 304, headers)
    data = await files.read(request.studio, request.studio.layout.thumbnail(held.id))
    return Response(data, 200, headers, "image/webp")


async def _picture(request: Request) -> bytes:
    if codec.media_type(request) not in codec.IMAGE_TYPES:
        raise UnsupportedType("image_format", got=codec.media_type(request)[:80])
    return await codec.read_body(request, codec.IMAGE_CAP)


async def _name(request: Request, ask: FileQuery, owner: str | None) -> str:
    """Name the file by its pattern; most ask for the id alone, and nothing is read for it."""
    pattern = ask.name or request.studio.settings.download_name
    if pattern == "{id}":
        return ask.image
    held = await request.studio.db.read(lambda c: image_rows.get(c, ask.image, owner))
    return downloads.name_of(held, 1, pattern)


def _media_headers(name: str, download: bool = False) -> dict[str, str]:
    return {
        "cache-control": FOREVER,
        "content-security-policy": MEDIA_CSP,
        "content-disposition": downloads.disposition(name, attachment=download),
    }
