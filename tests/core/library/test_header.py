"""The safetensors header: what is sound is read, everything else is refused with a reason."""

import json
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Invalid, UnsupportedType
from core.library.examine import examine
from core.library.header import MAX_HEADER, MAX_TENSORS, Tensor, parse_header, read_header


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def write(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


GOOD = {
    "__metadata__": {"format": "pt"},
    "b": entry("BF16", [2, 2], 4, 12),
    "a": entry("F32", [], 0, 4),
    "empty": entry("F32", [0, 3], 12, 12),
}


def test_a_sound_header_is_read(tmp_path: Path) -> None:
    header = read_header(write(tmp_path / "x.safetensors", GOOD, b"\0" * 12))
    assert header.metadata == {"format": "pt"}
    assert header.tensors["b"] == Tensor("BF16", (2, 2), 4, 12)
    assert header.shape("b") == (2, 2)
    assert header.shape("gone") == ()


def test_the_header_may_be_padded(tmp_path: Path) -> None:
    text = json.dumps(GOOD).encode() + b"      "
    assert read_header(write(tmp_path / "x", text, b"\0" * 12)).tensors


def test_a_file_of_the_real_library_is_read(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    from safetensors.numpy import save_file

    tensors = {"x": numpy.zeros((3, 4), "float32"), "y": numpy.zeros((5,), "int64")}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"a": "b"})
    header = read_header(tmp_path / "x.safetensors")
    assert {name: one.shape for name, one in header.tensors.items()} == {"x": (3, 4), "y": (5,)}
    assert header.metadata == {"a": "b"}


one = entry("U8", [1], 0, 1)


@pytest.mark.parametrize(
    ("header", "data", "reason"),
    [
        (b"{", b"", "not JSON"),
        (b"{}}", b"", "not JSON"),
        (b"{\xff}", b"", "not JSON"),
        (b'{"a": NaN}', b"", "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", b"", "not JSON"),
        (b"{" + b'"a":{' * 100_000, b"", "not JSON"),
        (b'{"a":' + b"[" * 100_000, b"", "not JSON"),
        (b'{"a":1,"a":1}', b"", "duplicate name"),
        (
            b'{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
            b"x",
            "duplicate name",
        ),
        ({"__metadata__": {"a": 1}}, b"", "metadata"),
        ({"__metadata__": ["a"]}, b"", "metadata"),
        ({"a": 1}, b"", "entry"),
        ({"a": {}}, b"", "entry"),
        ({"a": {**one, "more": 1}}, b"x", "entry"),
        ({"a": entry("U7", [1], 0, 1)}, b"x", "dtype"),
        ({"a": entry(7, [1], 0, 1)}, b"x", "dtype"),  # type: ignore[arg-type]
        ({"a": entry("U8", [-1], 0, 1)}, b"x", "shape"),
        ({"a": entry("U8", [1.0], 0, 1)}, b"x", "shape"),  # type: ignore[list-item]
        ({"a": entry("U8", [True], 0, 1)}, b"x", "shape"),
        ({"a": entry("U8", [1] * 17, 0, 1)}, b"x", "shape"),
        ({"a": entry("U8", "1", 0, 1)}, b"x", "shape"),  # type: ignore[arg-type]
        ({"a": entry("U8", [2**64], 0, 1)}, b"x", "shape"),
        ({"a": entry("U8", [1], 1, 0)}, b"x", "offsets"),
        ({"a": {**one, "data_offsets": [0, 1, 2]}}, b"x", "offsets"),
        ({"a": entry("U8", [1], 0, 2**70)}, b"x", "offsets"),
        ({"a": entry("U8", [2], 0, 1)}, b"x", "size of a tensor"),
        ({"a": entry("F32", [2**40, 2**40], 0, 4)}, b"xxxx", "size of a tensor"),
        ({"a": entry("F4", [1], 0, 1)}, b"x", "size of a tensor"),
        ({"a": entry("U8", [1], 1, 2)}, b"xx", "hole"),
        ({"a": one, "b": one}, b"x", "overlap"),
        ({"dtype": one, "shape": entry("U8", [1], 1, 2), "data_offsets": one}, b"xx", "overlap"),
        ({"a": {"b": one}}, b"x", "entry"),
        ({"__metadata__": {"a": {"b": "c"}}}, b"", "metadata"),
        ({"__metadata__": one}, b"", "metadata"),
        ({"a": one, "b": entry("U8", [1], 2, 3)}, b"xxx", "hole"),
        ({"a": one}, b"", "data size"),
        ({"a": one}, b"xx", "data size"),
    ],
)
def test_an_unsound_header_is_refused_with_its_reason(
    header: Any, data: bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(Invalid) as caught:
        read_header(write(tmp_path / "x.safetensors", header, data))
    assert caught.value.name == "safetensors_invalid"
    assert caught.value.params == {"reason": reason}


@pytest.mark.parametrize("length", [0, 3, 2**63, MAX_HEADER + 1])
def test_a_length_that_cannot_be_is_refused(length: int, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        read_header(write(tmp_path / "x", {"a": one}, b"x", length=length))


@pytest.mark.parametrize("content", [b"", b"12345678", b"\x01" + b"\0" * 7 + b"["])
def test_a_file_that_is_too_short_or_no_object_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(Invalid):
        read_header(tmp_path / "x")


@pytest.mark.parametrize(
    "name", ["x.safetensors", "x.SafeTensors", "x.ckpt", "x.pt", "x.pth", "x.bin", "x", "x.gguf.pt"]
)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5, "zip"])
def test_a_pickle_of_any_name_is_refused_by_its_content(
    name: str, protocol: int | str, tmp_path: Path
) -> None:
    """Nothing of it is run: what it asks for would make a file."""
    mark = tmp_path / "run"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    path = tmp_path / name
    if protocol == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(Evil(), 2))
    else:
        path.write_bytes(pickle.dumps(Evil(), int(protocol)))
    with pytest.raises(UnsupportedType) as caught:
        examine(path)
    assert caught.value.name == "model_format_unsafe"
    assert not mark.exists()


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04" + b"x" * 99, b"\x80\x02}q\0" + b"x" * 99, b"\x80\x05\x95" + b"x" * 99]
)
def test_a_pickle_is_unsafe_whatever_its_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(UnsupportedType) as caught:
        read_header(tmp_path / "x.safetensors")
    assert caught.value.name == "model_format_unsafe"


def test_a_header_whose_length_looks_like_a_pickle_is_read(tmp_path: Path) -> None:
    text = b"{}".ljust(0x0280)
    assert read_header(write(tmp_path / "x", text)).tensors == {}


def test_too_many_tensors_are_refused() -> None:
    names = ",".join(
        f'"{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for i in range(MAX_TENSORS + 9)
    )
    with pytest.raises(Invalid) as caught:
        parse_header(f"{{{names}}}".encode(), 0)
    assert caught.value.params["reason"] == "too many tensors"


WORST = {
    "tensors": """
part = b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
text = b"{" + b"".join(part % i for i in range(400_000))
text = text[:25_000_000 - 1] + b"}"
""",
    "most tensors": """
part = b'"%d' + b"x" * 700 + b'":{"dtype":"U8","shape":[0,1,2,3],"data_offsets":[0,0]},'
text = b"{" + b"".join(part % i for i in range(32_000))
text = text[:-1] + b"}"
""",
    "one text": """
text = b'{"__metadata__":{"a":"' + b"x" * 24_900_000 + b'"}}'
""",
    "one wide character": """
text = b'{"__metadata__":{"a":"' + b"x" * 24_900_000 + "\U0001f98a".encode() + b'"}}'
""",
    "names of one object": """
text = b"{" + b",".join(b'"%d":0' % i for i in range(2_000_000)) + b"}"
text = text[:24_999_999] + b"}"
""",
    "numbers": """
text = b'{"a":[' + b"0," * 12_400_000 + b"0]}"
""",
    "empty objects": """
text = b'{"a":[' + b"{}," * 8_300_000 + b"0]}"
""",
    "an open text": """
text = b'{"a":"' + b"x\\\\" * 8_000_000
""",
    "brackets": """
text = b'{"a":' + b"[" * 24_999_000
""",
}
CHILD = """
import resource, struct, sys, time
from pathlib import Path
from core.errors import HeliographError
from core.library.examine import examine
from core.library.header import read_header
{made}
path = Path(sys.argv[1])
with path.open("wb") as file:
    file.write(struct.pack("<Q", len(text)))
    file.write(text)
del text
if "part" in globals():
    del part
import gc
gc.collect()
Path("/proc/self/clear_refs").write_text("5")  # the peak is measured from here
def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
before, start = peak(), time.process_time()
try:
    read_header(path)
except HeliographError as error:
    print(error.name, file=sys.stderr)
print(time.process_time() - start, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is not told")
@pytest.mark.parametrize("kind", sorted(WORST))
def test_the_worst_header_takes_two_seconds_and_64_mib_at_most(kind: str, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", CHILD.format(made=WORST[kind]), str(tmp_path / "x.safetensors")],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3],
    ).stdout.split()  # fmt: skip
    seconds, kilobytes = float(told[0]), int(told[1])
    assert seconds < 2
    assert kilobytes < 64 * 1024


@settings(max_examples=300)
@given(place=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_a_flipped_byte_or_a_cut_never_gives_anything_but_our_errors(
    place: int, byte: int, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = json.dumps(GOOD).encode()
    content = bytearray(struct.pack("<Q", len(text)) + text + b"\0" * 12)
    content[place % len(content)] = byte
    path = tmp_path_factory.getbasetemp() / "flipped"
    path.write_bytes(bytes(content[: len(content) - cut % 7 * (cut % 2)]))
    try:
        read_header(path)
    except (Invalid, UnsupportedType):
        pass
