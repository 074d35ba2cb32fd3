"""Pictures: loading, resizing, saving."""

from typing import Annotated, ClassVar, Literal

import torch
from msgspec import Meta
from PIL import Image as Pillow
from PIL import ImageOps

from core.engine.context import Context
from core.engine.node import ImageRef, Node
from core.engine.pictures import FORMATS, from_pillow, to_pillow
from core.engine.values import Image
from core.errors import Malformed

Side = Annotated[int, Meta(ge=8, le=16384, description="Pixels.")]
_FILTERS = {
    "lanczos": Pillow.Resampling.LANCZOS,
    "bilinear": Pillow.Resampling.BILINEAR,
    "nearest": Pillow.Resampling.NEAREST,
}


class ImageLoad(Node, tag="image.load"):
    """Load a picture: an upload, or one of the gallery."""

    image: Annotated[ImageRef, Meta(description="Id of an upload or of a picture.")]

    def run(self, ctx: Context) -> Image:
        """Decode the file, turned as its EXIF says."""
        resource = ctx.resource(self.image)
        try:
            with Pillow.open(resource.path, formats=FORMATS) as file:
                picture = ImageOps.exif_transpose(file)
                return Image(pixels=from_pillow(picture))
        except (OSError, SyntaxError, Pillow.DecompressionBombError) as error:
            raise Malformed("image_unreadable", name=self.image) from error


class ImageResize(Node, tag="image.resize"):
    """Change the size of a picture."""

    width: Side
    height: Side
    mode: Annotated[
        Literal["fit", "crop", "stretch"],
        Meta(description="fit: within the size; crop: fill it and cut the rest off; stretch."),
    ] = "crop"
    resample: Annotated[
        Literal["lanczos", "bilinear", "nearest"], Meta(description="How pixels are blended.")
    ] = "lanczos"

    def run(self, ctx: Context, image: Image) -> Image:
        """Resize each picture of the batch."""
        size, method = (self.width, self.height), _FILTERS[self.resample]
        resized = []
        for picture in to_pillow(image.pixels):
            ctx.check()
            if self.mode == "crop":
                changed = ImageOps.fit(picture, size, method)
            elif self.mode == "fit":
                changed = ImageOps.contain(picture, size, method)
            else:
                changed = picture.resize(size, method)
            resized.append(from_pillow(changed))
        return Image(pixels=torch.cat(resized))  # (B, 3, height, width)


class ImageSave(Node, tag="image.save"):
    """Put each picture of the batch into the gallery."""

    pure: ClassVar[bool] = False

    def run(self, ctx: Context, image: Image) -> None:
        """Write them into staging."""
        ctx.save(image)
