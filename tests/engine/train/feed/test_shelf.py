"""A shelf: what is written is found, what is damaged is not, what is old gives way."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.train.feed.shelf import Shelf, address

ROOT = Path(__file__).resolve().parents[4]
ENTRY = {"mean": torch.arange(12.0).reshape(3, 4), "logvar": torch.zeros(3, 4, dtype=torch.float16)}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def file_of(shelf: Shelf, key: str) -> Path:
    return shelf.folder / key[:2] / f"{key}.safetensors"


def test_what_is_written_is_found_again(shelf: Shelf) -> None:
    key = address("a", 1)
    assert shelf.get(key) is None
    assert shelf.put(key, ENTRY)
    found = shelf.get(key)
    assert found is not None and found.keys() == ENTRY.keys()
    assert all(torch.equal(found[name], ENTRY[name]) for name in ENTRY)


def test_an_address_is_of_facts_and_not_of_how_they_are_held() -> None:
    assert address((1, 2), {"a": 1, "b": "ü"}) == address([1, 2], {"b": "ü", "a": 1})
    assert len({address(1), address("1"), address([1]), address(1, 1), address()}) == 5


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_damage_is_noticed(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        shelf, key = Shelf(Path(folder)), address("a")
        shelf.put(key, ENTRY)
        whole = file_of(shelf, key).read_bytes()
        if data.draw(st.booleans()):
            damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
        else:
            at = data.draw(st.integers(0, len(whole) - 1))
            damaged = (
                whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
            )
        file_of(shelf, key).write_bytes(damaged)
        found = shelf.get(key)
        # What the header says beside tensors may change its spelling, and nothing else.
        assert found is None or all(torch.equal(found[name], ENTRY[name]) for name in ENTRY)
        shelf.put(key, ENTRY)
        assert shelf.get(key) is not None


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    size = 0
    keys = [address(number) for number in range(4)]
    for age, key in enumerate(keys):
        Shelf(tmp_path).put(key, ENTRY)
        size = file_of(Shelf(tmp_path), key).stat().st_size
        os.utime(file_of(Shelf(tmp_path), key), (1000 - age, 1000 - age))
    shelf = Shelf(tmp_path, bound=3 * size)
    assert shelf.get(keys[3]) is not None  # the oldest is used again
    shelf.put(keys[0], ENTRY)
    assert shelf.trim(set()) == 1
    assert [shelf.get(key) is not None for key in keys] == [True, True, False, True]


def test_what_a_run_needs_stays_though_there_is_too_much(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, bound=0)
    keys = [address(number) for number in range(3)]
    for key in keys:
        shelf.put(key, ENTRY)
    assert shelf.trim({keys[1]}) == 2
    assert [shelf.get(key) is not None for key in keys] == [False, True, False]
    assert shelf.trim(set()) == 0  # nothing was written since


def test_what_a_killed_writer_left_is_no_entry_and_goes(tmp_path: Path) -> None:
    shelf, key = Shelf(tmp_path), address("a")
    shelf.put(key, ENTRY)
    old, new = (file_of(shelf, key).parent / name for name in (".old.tmp", ".new.tmp"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    shelf.trim(set())
    assert not old.exists() and new.exists()


WRITER = """
import sys
from pathlib import Path
import torch
from core.engine.train.feed.shelf import Shelf, address
shelf = Shelf(Path(sys.argv[1]))
for number in range(100_000):
    shelf.put(address(number), {"mean": torch.full((4, 64, 64), float(number))})
    print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_whatever_moment_a_writer_is_killed_at_each_entry_is_whole(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        for _ in range(50):
            child.stdout.readline()
        child.kill()
    shelf = Shelf(tmp_path)
    files = list(tmp_path.rglob("*.safetensors"))
    assert len(files) >= 50
    assert all(shelf.get(path.stem) is not None for path in files)


def test_a_disk_that_refuses_makes_it_slower_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    shelf = Shelf(tmp_path / "file")  # no folder: nothing can be written there
    assert not shelf.put(address("a"), ENTRY)
    assert shelf.get(address("a")) is None and shelf.trim(set()) == 0
