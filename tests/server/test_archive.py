"""Archives of pictures: what is in them, how it is called, and what goes wrong on the way."""

import gc
import io
import struct
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import anyio.lowlevel
import pytest

from core.ids import new_id
from server import archive
from server.archive import Sink
from tests.server.studio import Opener, Studio, listening
from tests.server.test_access import MASTER, bearer, token
from tests.server.test_images import png, upload
from tests.server.transport.wire import dial, request

pytestmark = pytest.mark.anyio
API = "/api/v1"


async def pack(studio: Studio, **asked: Any) -> zipfile.ZipFile:
    answer = await studio.client.post(f"{API}/images/zip", json=asked)
    assert answer.status_code == 200, answer.text
    return zipfile.ZipFile(io.BytesIO(answer.content))


async def uploads(studio: Studio, count: int = 3) -> list[str]:
    return [(await upload(studio, png(8, 8, shade))).json()["id"] for shade in range(count)]


async def test_every_picture_is_in_it_as_it_is_stored(studio: Studio) -> None:
    ids = await uploads(studio)
    with await pack(studio, ids=[*ids, *ids]) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == [f"{image}.png" for image in ids]
        for entry, image in zip(packed.infolist(), ids, strict=True):
            file = await studio.client.get(f"{API}/images/{image}/file")
            assert packed.read(entry) == file.content
            assert entry.compress_type == zipfile.ZIP_STORED
            assert not entry.flag_bits & 0x08  # size and checksum stand before the bytes
            assert entry.date_time[0] >= 2025


async def test_names_are_made_of_what_is_known_and_the_same_ones_are_numbered(
    studio: Studio,
) -> None:
    images = (await studio.generate(prompt="a red/blue fox: 狐", count=2))["images"]
    ids = [image["id"] for image in images]
    with await pack(studio, ids=ids, pattern="{prompt} {steps}") as packed:
        assert packed.namelist() == ["a red-blue fox- 狐 2.png", "a red-blue fox- 狐 2-2.png"]
    with await pack(studio, ids=ids, pattern="{index}_{seed}_{model}_{width}") as packed:
        seeds = [image["seed"] for image in images]
        wanted = [f"000{place}_{seed}_tiny_64.png" for place, seed in enumerate(seeds, 1)]
        assert packed.namelist() == wanted


async def test_a_download_is_called_as_asked_or_as_the_setting_says(studio: Studio) -> None:
    image = (await studio.generate(prompt='a "red" fox, 狐'))["images"][0]

    async def called(**params: str) -> str:
        answer = await studio.client.get(image["url"], params=params)
        said = answer.headers["content-disposition"]
        assert said.isascii() and said.count('"') == 2
        return unquote(said.partition("filename*=UTF-8''")[2].partition(";")[0])

    assert await called() == f"{image['id']}.png"
    assert await called(name="{prompt}-{seed}", format="webp") == "a -red- fox, 狐-7.webp"
    changed = await studio.client.patch(f"{API}/config", json={"download_name": "{date} {seed}"})
    assert changed.status_code == 200
    assert await called() == f"{image['created'][:10]} 7.png"
    with await pack(studio, ids=[image["id"]]) as packed:
        assert packed.namelist() == [f"{image['created'][:10]} 7.png"]
    wrong = await studio.client.patch(f"{API}/config", json={"download_name": "{nonsense}"})
    assert wrong.status_code == 422
    asked = await studio.client.get(image["url"], params={"name": "{nonsense}"})
    assert asked.json()["errors"][0]["pointer"] == "/name"


async def test_what_is_not_there_is_told_inside(studio: Studio) -> None:
    first, lost, last = await uploads(studio)
    nowhere = new_id()
    for path in studio.state.layout.blobs.rglob("*"):
        held = await studio.client.get(f"{API}/images/{lost}")
        if path.name.startswith(held.json()["sha256"]):
            path.unlink()
    with await pack(studio, ids=[first, lost, nowhere, last]) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == [f"{first}.png", f"{last}.png", archive.MISSING]
        assert packed.read(archive.MISSING).decode().split() == [nowhere, lost]


async def test_strangers_pack_nothing_of_others(opener: Opener) -> None:
    async with opener(token=MASTER) as studio:
        one = bearer((await token(studio, "one", "read", "generate"))[1])
        two = bearer((await token(studio, "two", "read", "generate"))[1])
        kind = {"content-type": "image/png"}
        made = [
            (await studio.client.post(f"{API}/uploads", content=png(), headers=kind | who)).json()
            for who in (one, two)
        ]
        body = {"ids": [image["id"] for image in made]}
        answer = await studio.client.post(f"{API}/images/zip", json=body, headers=two)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            assert packed.namelist() == [f"{made[1]['id']}.png", archive.MISSING]
        body = {"ids": [made[0]["id"]]}
        nothing = await studio.client.post(f"{API}/images/zip", json=body, headers=two)
        assert nothing.status_code == 404


async def test_an_archive_has_an_end(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await uploads(studio, 2)
    monkeypatch.setattr(archive, "MAX_BYTES", 80)
    much = await studio.client.post(f"{API}/images/zip", json={"ids": ids})
    assert (much.status_code, much.json()["code"]) == (413, "archive_too_large")
    many = await studio.client.post(f"{API}/images/zip", json={"ids": [new_id()] * 1001})
    assert many.status_code == 422


def held() -> bool:
    gc.collect()
    return any(type(each) is Sink for each in gc.get_objects())


async def test_a_client_that_vanishes_leaves_nothing_behind(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client reads the head and a little, and is gone while most of it is still to be read."""
    ids = await uploads(studio)
    read: list[Path] = []
    big = bytes(8 << 20)  # more than the buffers of both ends hold

    async def reading(state: object, path: Path) -> bytes:
        read.append(path)
        return big

    monkeypatch.setattr(archive.files, "read", reading)
    body = b'{"ids": ["%s"]}' % b'", "'.join(image.encode() for image in ids)
    gc.freeze()  # what others left behind is not looked through at every turn
    async with listening(studio.state) as address:
        async with await dial(address) as stream:
            head = (b"Content-Type: application/json", b"Content-Length: %d" % len(body))
            await stream.send(request(address, b"POST /api/v1/images/zip HTTP/1.1", *head) + body)
            assert (await stream.receive(100)).startswith(b"HTTP/1.1 200")
        with anyio.fail_after(5):
            while held():
                await anyio.lowlevel.checkpoint()
    gc.unfreeze()
    assert len(read) < len(ids)


class Behind(io.RawIOBase):
    """A file that begins with very many bytes that nobody looks at."""

    def __init__(self, start: int, data: bytes) -> None:
        self.start, self.data, self.at = start, data, 0

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = 0) -> int:
        self.at = (0, self.at, self.start + len(self.data))[whence] + place
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, count: int = -1) -> bytes:
        assert self.at >= self.start
        begin = self.at - self.start
        found = self.data[begin:] if count < 0 else self.data[begin : begin + count]
        self.at += len(found)
        return found


def test_an_archive_of_more_than_four_gibibytes_is_one() -> None:
    start = 5 << 30
    sink = Sink(start)
    with zipfile.ZipFile(sink, "w") as packed:  # type: ignore[call-overload]
        packed.writestr(archive._entry("a.png", "2026-11-26T08:15:31.250Z"), b"some bytes")
        packed.writestr(archive._entry("b.png", "1970-01-01T00:00:00.000Z"), b"")
    data = b"".join(sink.take())
    assert sink.tell() == start + len(data)
    assert data.count(b"PK\x06\x06") == 1  # the end record with places of eight bytes
    with zipfile.ZipFile(Behind(start, data)) as packed:  # type: ignore[type-var]
        first, second = packed.infolist()
        assert packed.read(first) == b"some bytes"
        assert first.header_offset == start
        assert (first.date_time, second.date_time[0]) == ((2026, 11, 26, 8, 15, 30), 1980)
    flags, *_, size, _ = struct.unpack("<HHHHIII", data[6:26])
    assert (flags & 0x08, size) == (0, 10)
