"""The start-up sweep: files and rows say the same again."""

import pytest

from core.ids import new_id
from core.jobs.reconcile import Reconciled, empty, reconcile
from core.paths import Layout, shipped
from core.store import images
from core.store.database import Database
from core.store.images import ImageFilter
from core.store.work import NewImage

pytestmark = pytest.mark.anyio


async def test_strays_go_lost_ones_hide_and_come_back(layout: Layout) -> None:
    def put(image: str) -> None:
        for path in (layout.image(image), layout.thumbnail(image)):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x")

    async with Database.open(
        layout.database, publish=lambda facts: None, backups=layout.backups,
        migrations=shipped("migrations"),
    ) as database:  # fmt: skip
        kept, gone, stray = new_id(), new_id(), new_id()
        for image in (kept, gone):
            new = NewImage(id=image, width=1, height=1, bytes=1, sha256="00")
            await database.write(lambda tx, new=new: images.insert(tx, new, owner="me"))
        blob = NewImage(id=new_id(), width=1, height=1, bytes=1, sha256="ab" * 32, blob=True)
        await database.write(lambda tx: images.insert(tx, blob, owner="me"))
        (layout.blobs / "ab").mkdir()
        (layout.blobs / "ab" / blob.sha256).write_bytes(b"x")
        put(kept)
        put(stray)
        foreign = layout.images / "zz" / "notes.txt"
        foreign.parent.mkdir()
        foreign.write_text("mine")
        (layout.staging / "1").mkdir()
        (layout.staging / "1" / "half.png").write_bytes(b"x")

        assert empty(layout.staging) == 1
        found = await reconcile(database, layout, young=-60)
        assert found == Reconciled(deleted=2, lost=1)
        assert foreign.exists()
        assert list(layout.staging.iterdir()) == []
        assert (layout.image(kept).exists(), layout.image(stray).exists()) == (True, False)
        page = await database.read(lambda c: images.page(c, ImageFilter()))
        assert [image.id for image in page.items] == [blob.id, kept]

        put(gone)
        put(stray)
        assert await reconcile(database, layout) == Reconciled(found=1)  # young files are left
        assert layout.image(stray).exists()
