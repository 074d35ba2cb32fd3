"""Pictures that come in: decoded apart, kept by their content, shown in the gallery."""

from typing import TYPE_CHECKING, Literal

from core.errors import HeliographError
from core.records.image import Image
from core.store import images
from core.store.transaction import Transaction
from core.store.work import NewImage
from server import files
from server.principal import Principal
from server.state import State

if TYPE_CHECKING:
    from core.media.decode import Normalised


async def upload(
    state: State,
    principal: Principal,
    data: bytes,
    kind: Literal["upload", "mask"] = "upload",
    *,
    intermediate: bool = False,
) -> Image:
    """Take a picture in: decode it apart, keep it by its content, show it in the gallery.

    :param intermediate: it is for a job alone, and the gallery leaves it out.
    """
    state.refuse_when_stopping()
    safe = await files.decode(data)
    known = await state.db.read(
        lambda connection: images.by_sha256(
            connection, safe.sha256, kind, principal.owner, intermediate=intermediate
        )
    )
    if known is not None:
        return known
    new = _new_image(safe, kind, intermediate)
    await files.keep(state, new, safe)
    try:
        return await state.db.write(lambda tx: _keep(tx, new, principal.owner))
    except HeliographError:
        await files.drop_thumbnail(state, new.id)
        raise


def _keep(tx: Transaction, new: NewImage, owner: str) -> Image:
    tx.hit("upload.row")
    return images.insert(tx, new, owner=owner)


def _new_image(safe: "Normalised", kind: Literal["upload", "mask"], intermediate: bool) -> NewImage:
    return NewImage(
        id=files.new_image_id(), width=safe.width, height=safe.height, bytes=len(safe.data),
        sha256=safe.sha256, kind=kind, blob=True, intermediate=intermediate,
    )  # fmt: skip
