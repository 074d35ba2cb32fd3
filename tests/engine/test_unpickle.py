"""Old pickles: weights come out of honest ones; a hostile one runs nothing and ends in words."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from core.errors import HeliographError
from core.library import pickles, sandbox
from core.library.pickles import Limits, unpickle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
SMALL = Limits(memory=256 << 20, seconds=5, written=32 << 20)
LINEAR = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def archive(path: Path, program: bytes, **data: bytes) -> Path:
    """Write a file as torch.save does, with a pickle of our choosing."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", program)
        file.writestr("archive/version", b"3\n")
        file.writestr("archive/byteorder", b"little")
        for name, content in data.items():
            file.writestr(f"archive/data/{name}", content)
    return path


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (LINEAR, LINEAR),
        ({"params_ema": LINEAR, "params": {"a.weight": torch.zeros(1)}}, LINEAR),
        ({"state_dict": LINEAR, "epoch": 3, "optimizer": {"lr": 0.1}}, LINEAR),
        (
            {
                "string_to_token": {"*": 265},
                "string_to_param": {"*": torch.ones(2, 768)},
                "step": 1,
            },
            {"emb_params": torch.ones(2, 768)},
        ),
        ({"w": torch.arange(12.0).reshape(3, 4).t()}, {"w": torch.arange(12.0).reshape(3, 4).t()}),
    ],
    ids=["plain", "ema", "lightning", "embedding", "transposed"],
)
def test_weights_come_out_of_what_trainers_wrote(
    tmp_path: Path, held: Any, expected: dict[str, torch.Tensor]
) -> None:
    source, target = tmp_path / "old.pth", tmp_path / "new.safetensors"
    torch.save(held, source)
    unpickle(source, target)
    made = load_file(target)
    assert made.keys() == expected.keys()
    assert all(torch.equal(made[name], expected[name]) for name in made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.safetensors", "old.pth"]


def test_tensors_that_share_memory_and_old_files_come_out_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "old.pt", tmp_path / "new.safetensors"
    whole = torch.arange(8.0)
    parameter = torch.nn.Parameter(whole[:4])
    torch.save({"one": whole, "two": whole[2:6], "three": parameter}, source,
               _use_new_zipfile_serialization=False)  # fmt: skip
    found = unpickle(source, target)
    made = load_file(target)
    assert found.kind == "other"
    assert torch.equal(made["two"], whole[2:6])
    assert torch.equal(made["three"], whole[:4])


class Runs:
    """Runs a command wherever it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def command(tmp_path: Path) -> Path:
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": {**LINEAR, "x": Runs(tmp_path / "ran")}}, path)
    return path


def bare_command(tmp_path: Path) -> Path:
    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps(Runs(tmp_path / "ran"), 2))
    return path


def evaluated(tmp_path: Path) -> Path:
    ran = tmp_path / "ran"
    text = f"open({str(ran)!r}, 'w')"
    program = b"\x80\x02c__builtin__\neval\nX" + len(text).to_bytes(4, "little")
    return archive(tmp_path / "evil.ckpt", program + text.encode() + b"\x85R.")


def storage(kind: bytes, count: int) -> bytes:
    """Give the pickle of a dict with one tensor of so many bytes in the storage ``0``."""
    number = b"\x8a" + bytes([9]) + count.to_bytes(9, "little")
    return (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage"
        b"ctorch\n" + kind + b"\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + number + b"tQK\x00("
        + number + b"t(K\x01t\x89ccollections\nOrderedDict\n)RtRs."
    )  # fmt: skip


def zeros(tmp_path: Path) -> Path:
    size = 1 << 30
    path = archive(tmp_path / "bomb.pth", storage(b"ByteStorage", size))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        with file.open("archive/data/0", "w", force_zip64=True) as record:
            for _ in range(size >> 20):
                record.write(bytes(1 << 20))
    assert path.stat().st_size < 4 << 20
    return path


def expanded(tmp_path: Path) -> Path:
    path = tmp_path / "wide.pth"
    torch.save({"w": torch.zeros(1).expand(100 << 30)}, path)
    return path


def nested(tmp_path: Path) -> Path:
    deep = 200_000
    return archive(tmp_path / "deep.pth", b"\x80\x02" + b"]" * deep + b"a" * (deep - 1) + b".")


def endless(tmp_path: Path) -> Path:
    return archive(tmp_path / "long.pth", b"\x80\x02" + b"}" + b"q\x00" * 60_000_000 + b".")


def nothing(tmp_path: Path) -> Path:
    path = tmp_path / "empty.pth"
    torch.save({"state_dict": {"epoch": 3}}, path)
    return path


def cut(tmp_path: Path) -> Path:
    path = tmp_path / "cut.pth"
    torch.save(LINEAR, path)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def sparse(tmp_path: Path) -> Path:
    path = tmp_path / "sparse.pth"
    torch.save({"w": torch.eye(3).to_sparse()}, path)
    return path


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (command, "pickle_refused"),
        (bare_command, "pickle_refused"),
        (evaluated, "pickle_refused"),
        (cut, "pickle_refused"),
        (sparse, "pickle_refused"),
        (zeros, "pickle_too_large"),
        (expanded, "pickle_too_large"),
        (nested, "pickle_holds_nothing"),
        (nothing, "pickle_holds_nothing"),
        (endless, "pickle_too_slow"),
    ],
)
def test_a_hostile_file_runs_nothing_and_is_refused_within_limits(
    tmp_path: Path, make: Callable[[Path], Path], code: str
) -> None:
    source = make(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    limits = Limits(memory=SMALL.memory, seconds=5, written=SMALL.written)
    if make is endless:
        limits = Limits(memory=1 << 30, seconds=1, written=SMALL.written)
    with pytest.raises(HeliographError) as caught:
        unpickle(source, tmp_path / "out.safetensors", limits)
    assert caught.value.name == code, caught.value
    assert {path.name for path in tmp_path.iterdir()} == before, "no marker, no output, no rest"


def test_an_output_that_is_there_is_left_alone(tmp_path: Path) -> None:
    source, target = tmp_path / "old.pth", tmp_path / "mine.safetensors"
    torch.save(LINEAR, source)
    target.write_bytes(b"mine")
    with pytest.raises(HeliographError) as caught:
        unpickle(source, target)
    assert caught.value.name == "output_exists"
    assert target.read_bytes() == b"mine"


def test_the_process_sees_no_secret() -> None:
    seen = {"PATH": "/bin", "HF_TOKEN": "s", "HELIOGRAPH_TOKEN": "s", "AWS_SECRET_ACCESS_KEY": "s"}
    given = pickles.environment("/tmp/x", seen)
    assert "s" not in given.values()
    assert given["PATH"] == "/bin"


def test_the_network_can_be_left() -> None:
    """In a process of its own; where the system forbids it, it says so and goes on."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        left = sandbox.leave_network()
        with open("/proc/net/dev") as file:
            names = [line.partition(":")[0].strip() for line in file if ":" in line]
        alone = names == ["lo"] or not left
        os.write(writer, f"{left} {alone}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    with open(reader, "rb", buffering=0) as told:
        left, alone = told.read(64).decode().split()
    os.close(writer)
    assert left in ("True", "False")
    assert alone == "True"
