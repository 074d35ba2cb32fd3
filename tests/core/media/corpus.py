"""Some five hundred pictures that somebody would send to hurt, each made on the spot.

``cases`` gives name, bytes and the codes that are right for them; ``OK`` stands for a picture that
is taken in. Nothing here is stored: what a case is stands in the code that makes it.
"""

import itertools
import random
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

from PIL import Image

from tests.core.media.conftest import (
    FOREIGN,
    PNG,
    chunk,
    encoded,
    frames,
    header,
    picture,
)

OK = "ok"
CORRUPT, FORMAT, LARGE, SLOW = "image_corrupt", "image_format", "image_too_large", "image_too_slow"
Case = tuple[str, bytes, set[str]]
END = chunk(b"IEND", b"")
SOUND_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def cases() -> Iterator[Case]:
    """Give every case; the names are unique."""
    for group in (
        depths, cuts, checksums, lengths, orders, sizes, streams, texts, jpegs, scans, webps,
        animations, tails, foreign,
    ):  # fmt: skip
        for name, data, codes in group():
            yield f"{group.__name__}: {name}", data, codes


def body(rows: bytes) -> bytes:
    return chunk(b"IDAT", zlib.compress(rows))


def flat(width: int = 4, height: int = 4, *chunks: bytes, tail: bytes = END) -> bytes:
    """A grey PNG of zeros, with chunks before its pixels."""
    pixels = body(b"\0" * (width + 1) * height)
    return PNG + header(width, height, 8, 0) + b"".join(chunks) + pixels + tail


def depths() -> Iterator[Case]:
    """Every depth with every colour type: what the standard names is taken, nothing else."""
    palette = chunk(b"PLTE", bytes(range(6)))
    for color, depth in itertools.product(range(8), (0, 1, 2, 3, 4, 8, 16, 32)):
        sound = depth in SOUND_DEPTHS.get(color, ())
        for interlace in (0, 1):
            ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, depth, color, 0, 0, interlace))
            data = PNG + ihdr + palette * (color == 3) + body(b"\0" * 12) + END
            yield (
                f"colour {color}, depth {depth}, interlace {interlace}",
                data,
                ({OK} if sound else {CORRUPT}),
            )
    for at, name in ((10, "compression"), (11, "filter"), (12, "interlace")):
        fields = bytearray(struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        fields[at] = 9
        data = PNG + chunk(b"IHDR", bytes(fields)) + body(b"\0\0") + END
        yield f"unknown {name}", data, {OK, CORRUPT}  # decoders differ; neither harms


def cuts() -> Iterator[Case]:
    """Files that end too soon, at every twentieth."""
    whole = {
        "png": encoded(picture()),
        "jpeg": encoded(picture(), "JPEG"),
        "progressive": encoded(picture(size=(64, 64)), "JPEG", progressive=True),
        "webp": encoded(picture(), "WEBP"),
        "lossless": encoded(picture("RGBA"), "WEBP", lossless=True),
    }
    for name, data in whole.items():
        for part in range(20):
            codes = {CORRUPT, FORMAT} if part == 0 else {CORRUPT}
            yield f"{name} at {part}/20", data[: len(data) * part // 20], codes
        for less in (1, 2, 3):
            yield f"{name} less {less}", data[:-less], {OK, CORRUPT}


def checksums() -> Iterator[Case]:
    """A wrong checksum counts where the chunk makes pixels, and nowhere else."""
    kinds = [(b"PLTE", bytes(6)), (b"tRNS", b"\0\0"), (b"gAMA", bytes(4)), (b"tEXt", b"a\0b")]
    for kind, content in kinds:
        data = flat(4, 4, chunk(kind, content, crc=1))
        yield f"of {kind.decode()}", data, {CORRUPT} if kind in (b"PLTE", b"tRNS") else {OK}
    whole = flat()
    for at, name in ((29, "IHDR"), (-13, "IDAT"), (-1, "IEND")):
        flipped = bytearray(whole)
        flipped[at] ^= 1
        yield f"of {name}", bytes(flipped), {CORRUPT}


def lengths() -> Iterator[Case]:
    """Lengths that lie."""
    whole = flat()
    for at, name in ((8, "IHDR"), (33, "IDAT"), (len(whole) - 12, "IEND")):
        for length in (0, 1, 12, 14, 2**16, 2**31 - 1, 2**31, 2**32 - 1):
            data = bytearray(whole)
            if struct.unpack_from(">I", data, at)[0] != length:
                struct.pack_into(">I", data, at, length)
                yield f"{name} of {length}", bytes(data), {CORRUPT}
    jpeg = encoded(picture(), "JPEG")
    place = jpeg.index(b"\xff\xdb") + 2
    for length in (0, 1, 2, 3, 200, 65_535):
        data = bytearray(jpeg)
        struct.pack_into(">H", data, place, length)
        yield f"a JPEG segment of {length}", bytes(data), {CORRUPT}


def orders() -> Iterator[Case]:
    """Chunks that are missing, twice, or in each other's place."""
    ihdr, idat, plte = header(4, 4, 8, 0), body(b"\0" * 20), chunk(b"PLTE", bytes(6))
    text = chunk(b"tEXt", b"k\0v")
    made = {
        "nothing": b"", "pixels alone": idat, "header alone": ihdr, "end first": END + ihdr + idat,
        "pixels first": idat + ihdr,
        "a second, larger header": ihdr + header(4000, 4000, 8, 0) + idat,
        "header last": text + idat + ihdr, "text first": text + ihdr + idat,
    }  # fmt: skip
    for name, parts in made.items():
        yield name, PNG + parts + END, {CORRUPT}
    packed = zlib.compress(b"\0" * 20)
    split = [chunk(b"IDAT", packed[at : at + 1]) for at in range(len(packed))]
    for name, parts in {
        "two headers": ihdr + ihdr + idat, "a palette after": ihdr + idat + plte,
        "pixels twice": ihdr + idat + idat,
        "pixels byte by byte": ihdr + b"".join(split),
        "pixels with a text between": ihdr + split[0] + text + b"".join(split[1:]),
        "ten thousand empty pixels": ihdr + chunk(b"IDAT", b"") * 10_000 + idat,
        "ten thousand texts": ihdr + text * 10_000 + idat,
        "an unknown critical chunk": ihdr + chunk(b"CrIT", b"x") + idat,
        "a chunk without a name": ihdr + chunk(b"\0\0\0\0", b"x") + idat,
        "a palette of 257": ihdr + chunk(b"PLTE", bytes(771)) + idat,
        "a palette of a third": ihdr + chunk(b"PLTE", b"x") + idat,
        "transparency of 300": ihdr + chunk(b"tRNS", bytes(300)) + idat,
        "transparency of nothing": ihdr + chunk(b"tRNS", b"") + idat,
    }.items():  # fmt: skip
        yield name, PNG + parts + END, {OK, CORRUPT}
    yield "no end", PNG + ihdr + idat, {CORRUPT}


def sizes() -> Iterator[Case]:
    """Sides that are nothing, too much, or not what the pixels say."""
    for width, height in ((0, 0), (0, 4), (4, 0)):
        yield f"{width}x{height}", PNG + header(width, height, 8, 0) + body(b"") + END, {CORRUPT}
    for width, height in (
        (16_385, 1), (1, 16_385), (8193, 8193), (2**31 - 1, 1), (2**32 - 1, 2**32 - 1), (2**31, 2),
    ):  # fmt: skip
        yield f"{width}x{height}", PNG + header(width, height, 8, 0) + body(b"") + END, {LARGE}
    for width, height in ((16_384, 1), (1, 16_384)):
        yield f"{width}x{height}", flat(width, height), {OK}
    for width, height in ((4, 5), (5, 4), (4, 4000), (4000, 4)):
        data = PNG + header(width, height, 8, 0) + body(b"\0" * 20) + END
        yield f"too few pixels for {width}x{height}", data, {OK, CORRUPT}  # missing rows are black
    bomb = zlib.compressobj(9)
    packed = b"".join(bomb.compress(b"\0" * (8192 // 8 + 1)) for _ in range(8192)) + bomb.flush()
    data = PNG + header(8192, 8192, 1, 0) + chunk(b"IDAT", packed) + END
    yield "the largest that is allowed, in few bytes", data, {OK, LARGE, SLOW}


def streams() -> Iterator[Case]:
    """Compressed data that is broken, or far more than the picture needs."""
    good = zlib.compress(b"\0" * 20)
    raw = {
        "empty": b"", "of one byte": b"\x78", "without a checksum": good[:-4],
        "with a preset dictionary": b"\x78\xbb" + bytes(20), "of gzip": b"\x1f\x8b" + bytes(30),
        "of noise": random.Random(5).randbytes(200), "of a wrong method": b"\x77\x01" + good[2:],
        "of stored blocks that lie": b"\x78\x01\x01\xff\xff\x00\x00" + bytes(10),
        "of a PNG": flat(), "of filters out of range": zlib.compress(b"\x09" * 20),
    }  # fmt: skip
    for name, packed in raw.items():
        data = PNG + header(4, 4, 8, 0) + chunk(b"IDAT", packed) + END
        yield name, data, {OK, CORRUPT} if name == "without a checksum" else {CORRUPT}
    checked = bytearray(good)
    checked[-1] ^= 1
    yield "with a wrong checksum", PNG + header(4, 4, 8, 0) + chunk(b"IDAT", checked) + END, {
        OK, CORRUPT,
    }  # fmt: skip
    bomb = zlib.compress(b"\0" * 200_000_000, 9)
    yield "of 200 MB", PNG + header(4, 4, 8, 0) + chunk(b"IDAT", bomb) + END, {OK, CORRUPT}


def texts() -> Iterator[Case]:
    """Texts and profiles that unpack to very much: none is ever unpacked."""
    packed = zlib.compress(b"\0" * 60_000_000, 9)
    for kind, content in {
        b"zTXt": b"k\0\0" + packed, b"iTXt": b"k\0\x01\0\0\0" + packed, b"iCCP": b"k\0\0" + packed,
        b"eXIf": b"MM\0*" + b"\xff" * 70_000, b"tEXt": b"k\0" + b"x" * 3_000_000,
        b"sPLT": b"k\0\x08" + bytes(600_000), b"hIST": bytes(512), b"tIME": b"x",
    }.items():  # fmt: skip
        for times in (1, 8):
            yield f"{times} {kind.decode()}", flat(4, 4, chunk(kind, content) * times), {OK}
    loops = b"MM\0*\0\0\0\x08" + b"\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08" + bytes(4)
    yield "an EXIF block that holds itself", flat(4, 4, chunk(b"eXIf", loops)), {OK}
    for order in (0, 9, 65_535):
        exif = Image.Exif()
        exif[0x0112] = order
        yield f"an orientation of {order}", encoded(picture(), "JPEG", exif=exif), {OK}


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpegs() -> Iterator[Case]:
    """JPEGs without their parts, of kinds that nobody writes, and of impossible sizes."""
    whole = encoded(picture(), "JPEG")
    for marker, name in ((0xC0, "frame"), (0xC4, "Huffman tables"), (0xDB, "quantisation"),
                         (0xDA, "scan")):  # fmt: skip
        codes = {OK, CORRUPT} if marker == 0xC4 else {CORRUPT}  # some decoders have tables at hand
        yield f"without its {name}", whole.replace(bytes([0xFF, marker]), b"\xff\xfe"), codes
    for kind in (0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF):
        data = whole.replace(b"\xff\xc0", bytes([0xFF, kind]), 1)
        yield f"of frame {kind:x}", data, {OK, CORRUPT}
    place = whole.index(b"\xff\xc0") + 4
    for at, values in ((0, (0, 7, 12, 16)), (5, (0, 2, 4, 5, 255)), (7, (0, 0x05, 0x51, 0xFF)),
                       (8, (4, 255))):  # fmt: skip
        for value in values:
            data = bytearray(whole)
            data[place + at] = value
            yield f"frame byte {at} of {value}", bytes(data), {OK, CORRUPT}
    for width, height, codes in (
        (0, 16, {CORRUPT}), (24, 0, {CORRUPT}), (65_535, 65_535, {LARGE}), (16_385, 1, {LARGE}),
        (16_000, 4000, {OK, CORRUPT, LARGE, SLOW}),
    ):  # fmt: skip
        data = bytearray(whole)
        struct.pack_into(">HH", data, place + 1, height, width)
        yield f"of {width}x{height}", bytes(data), codes
    start, rest = whole[:2], whole[2:]
    yield "twenty thousand comments", start + segment(0xFE, b"x") * 20_000 + rest, {OK}
    yield "a comment of markup", start + segment(0xFE, b"<script>alert(1)</script>") + rest, {OK}
    yield "fill bytes without end", start + b"\xff" * 100_000, {CORRUPT}
    yield "restart markers", whole[:-2] + b"\xff\xd0\xff\xd7" * 500 + b"\xff\xd9", {OK, CORRUPT}
    yield "an end at once", start + b"\xff\xd9", {CORRUPT}
    yield "a start within a start", start + whole, {OK, CORRUPT}
    for transform in (0, 1, 2, 9):
        adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))
        cmyk = encoded(picture("CMYK"), "JPEG")
        yield f"CMYK of transform {transform}", cmyk[:2] + adobe + cmyk[2:], {OK, CORRUPT}


def scans() -> Iterator[Case]:
    """A progressive JPEG that says the same scan over and over: work without bytes."""
    whole = encoded(picture(size=(2048, 2048)), "JPEG", progressive=True, quality=5)
    place = whole.rindex(b"\xff\xda")
    for times in (10, 3000):
        again = whole[place:-2] * times
        data = whole[:-2] + again[: 8 * 1024 * 1024] + b"\xff\xd9"
        yield f"{times} times its last scan", data, {OK, CORRUPT, SLOW}


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content) if size is None else size) + content


def part(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webps() -> Iterator[Case]:
    """WebPs whose containers lie."""
    lossy, lossless = encoded(picture(), "WEBP"), encoded(picture("RGBA"), "WEBP", lossless=True)
    still = lossy[12:]
    for size in (0, 1, 3, 12, 2**31, 2**32 - 1):
        data = bytearray(lossy)
        struct.pack_into("<I", data, 4, size)
        yield f"RIFF of {size}", bytes(data), {OK, CORRUPT, FORMAT}
        struct.pack_into("<I", data, 4, len(lossy) - 8)
        struct.pack_into("<I", data, 16, size)
        yield f"VP8 of {size}", bytes(data), {OK, CORRUPT}
    for flags in (0x00, 0x02, 0x10, 0x20, 0x3E, 0xFF):
        long = part(b"VP8X", bytes([flags, 0, 0, 0]) + b"\x17\0\0" + b"\x0f\0\0")
        yield f"flags {flags:x} and nothing else", riff(long), {CORRUPT}
        yield f"flags {flags:x} before a still", riff(long, still), {OK, CORRUPT}
        twice = riff(long, part(b"ALPH", b"\0" * 5), still)
        yield f"flags {flags:x} with alpha of noise", twice, {OK, CORRUPT}
    canvas = part(b"VP8X", bytes(4) + b"\xff\x3f\0" + b"\xff\x0f\0")
    yield "a canvas over its picture", riff(canvas, still), {OK, CORRUPT, LARGE}
    huge = part(b"VP8X", bytes(4) + b"\xff" * 6)
    yield "a canvas of 2^24", riff(huge, still), {LARGE}
    for at in (0, 4, 5, 6, 9):
        data = bytearray(lossless)
        data[20 + at] ^= 0xFF
        yield f"lossless with byte {at} turned", bytes(data), {OK, CORRUPT, LARGE}
    exif = part(b"EXIF", b"MM\0*" + b"\xff" * 1000)
    yield "EXIF of noise", riff(part(b"VP8X", b"\x08\0\0\0\x17\0\0\x0f\0\0"), still, exif), {
        OK, CORRUPT,
    }  # fmt: skip
    yield "a sound", b"RIFF\x20\0\0\0WAVEfmt " + bytes(40), {FORMAT}


def animations() -> Iterator[Case]:
    """Animations give their first frame; frames that lie give it or nothing."""
    yield "APNG", frames("PNG"), {OK}
    yield "WebP", frames("WEBP"), {OK}
    control = struct.pack(">IIIIIHHBB", 0, 4, 4, 0, 0, 1, 1, 0, 0)
    outside = struct.pack(">IIIIIHHBB", 0, 4000, 4000, 2**31, 2**31, 1, 1, 0, 0)
    for count in (0, 1, 2**31 - 1, 2**32 - 1):
        told = chunk(b"acTL", struct.pack(">II", count, 0))
        for name, frame in (("inside", control), ("outside", outside), ("cut", control[:7])):
            data = flat(4, 4, told, chunk(b"fcTL", frame), tail=chunk(b"fdAT", b"junk") + END)
            yield f"{count} frames, one {name}", data, {OK}
    moving = bytearray(frames("WEBP"))
    place = moving.index(b"ANMF") + 8
    for at in (0, 3, 6, 9, 15):
        data = bytearray(moving)
        data[place + at] ^= 0x7F
        yield f"a WebP frame with byte {at} turned", bytes(data), {OK, CORRUPT}


TAILS = {
    "an archive": b"PK\x03\x04" + bytes(60) + b"PK\x05\x06" + bytes(18),
    "a page": b"<!doctype html><script>alert(1)</script>", "a document": b"%PDF-1.7\n%%EOF",
    "a program": b"\x7fELF" + bytes(60), "PHP": b"<?php system($_GET['c']); ?>",
    "a second PNG": flat(), "ten megabytes": bytes(10_000_000),
}  # fmt: skip


def tails() -> Iterator[Case]:
    """Files that are two things: what follows the picture is left behind."""
    for name, tail in TAILS.items():
        yield f"PNG and {name}", flat() + tail, {OK}
        yield f"JPEG and {name}", encoded(picture(), "JPEG") + tail, {OK}
        yield f"WebP and {name}", encoded(picture(), "WEBP") + tail, {OK}
        yield f"{name} first", tail + flat(), {OK} if tail == flat() else {FORMAT}
    yield "a page in a text", flat(4, 4, chunk(b"tEXt", b"k\0<script>alert(1)</script>")), {OK}
    script = encoded(picture(), "JPEG", comment=b"*/=alert(1);/*")
    yield "a JPEG that is a script", script, {OK}


def foreign() -> Iterator[Case]:
    """Formats that are not taken, with their own signature or with somebody else's."""
    for name, data in FOREIGN.items():
        yield name, data, {FORMAT}
    for name in ("GIF", "BMP", "TIFF", "PPM", "ICO", "TGA", "PCX", "SGI", "DDS", "EPS"):
        out = BytesIO()
        picture(size=(16, 16)).save(out, name)
        yield f"a sound {name}", out.getvalue(), {FORMAT}
    yield "a GIF that calls itself PNG", PNG + FOREIGN["gif"], {CORRUPT}
    yield (
        "noise that calls itself JPEG",
        b"\xff\xd8\xff" + random.Random(3).randbytes(999),
        {CORRUPT},
    )
    yield "nothing", b"", {FORMAT}
    yield "one byte", b"\x89", {FORMAT}
    yield "signature with line ends of another system", PNG.replace(b"\r\n", b"\n") + flat()[8:], {
        FORMAT,
    }  # fmt: skip
