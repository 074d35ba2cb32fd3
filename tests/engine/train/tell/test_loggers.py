"""Trackers are read back: numbers, recipe and pictures; and none of them ends a run."""

import csv
import importlib
import io
import json
import os
import struct
import sys
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image
from pytorch_lightning.loggers import Logger

from core.engine.train.tell.loggers import Run, Soft, made
from core.engine.train.tell.table import Table
from core.errors import Params
from core.records.recipe import Recipe, Tracker
from tests.running import ROOT

RECIPE = msgspec.to_builtins(Recipe(method="full", max_steps=7, lr_unet=2e-6))
Warned = list[tuple[str, Params]]


# Where `make trackers` puts what is too large for the environment of the tests.
BESIDE = Path(os.environ.get("TRACKERS", str(ROOT / ".make" / "trackers")))


def is_there(package: str) -> bool:
    """Look for a package, there as well; who tests with it looks there for as long as he does."""
    return find_spec(package) is not None or (BESIDE / package).is_dir()


def opened(tmp_path: Path, tracker: Tracker, step: int = 0) -> tuple[Soft, Warned]:
    warned: Warned = []
    run = Run("run-1", "Toy", step)
    (soft,) = made([tracker], tmp_path, run, lambda code, params: warned.append((code, params)))
    return soft, warned


def tell(soft: Soft, first: int, last: int, loss: float = 0.5) -> None:
    soft.log_hyperparams(RECIPE)
    for step in range(first, last + 1):
        soft.log_metrics({"loss": loss + step, "lr": 1e-4, "lr/unet": 1e-4}, step)
    picture = Image.new("RGB", (8, 4), (200, 30, 10))
    soft.log_sample(picture, last, "subject", "a photo of zxv, toy", 3)
    soft.finalize("success")


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_is_read_back(tmp_path: Path) -> None:
    soft, warned = opened(tmp_path, "csv")
    tell(soft, 1, 3)
    found = rows(tmp_path / "csv" / "metrics.csv")
    assert [(int(row["step"]), float(row["loss"])) for row in found] == [
        (1, 1.5), (2, 2.5), (3, 3.5),
    ]  # fmt: skip
    assert found[0]["lr/unet"] == "0.0001"
    assert json.loads((tmp_path / "csv" / "hparams.json").read_text()) == json.loads(
        json.dumps(RECIPE)
    )
    (sample,) = rows(tmp_path / "csv" / "samples.csv")
    assert (sample["step"], sample["prompt"], sample["seed"]) == ("3", "a photo of zxv, toy", "3")
    picture = Image.open(tmp_path / "csv" / sample["file"])
    assert (picture.size, picture.getpixel((0, 0))) == ((8, 4), (200, 30, 10))
    assert warned == []


def test_a_run_that_goes_on_takes_out_what_it_says_again(tmp_path: Path) -> None:
    tell(opened(tmp_path, "csv")[0], 1, 6)
    tell(opened(tmp_path, "csv", step=4)[0], 5, 7, loss=100)
    found = rows(tmp_path / "csv" / "metrics.csv")
    assert [int(row["step"]) for row in found] == [1, 2, 3, 4, 5, 6, 7]
    assert [float(row["loss"]) for row in found[3:6]] == [4.5, 105.0, 106.0]
    assert [row["step"] for row in rows(tmp_path / "csv" / "samples.csv")] == ["7"]


def test_a_name_that_comes_later_is_a_column_of_its_own(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.log_metrics({"loss": 1.0}, 1)
    table.log_metrics({"loss": 2.0, "norm/te": 0.25}, 2)
    assert [row["norm/te"] for row in rows(tmp_path / "metrics.csv")] == ["", "0.25"]


def test_a_row_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.log_metrics({"loss": 1.0}, 1)
    table.log_metrics({"loss": 2.0}, 2)
    path = tmp_path / "metrics.csv"
    path.write_bytes(path.read_bytes()[:-9])
    Table(tmp_path, step=5).log_metrics({"loss": 3.0}, 3)
    assert [row["step"] for row in rows(path)] == ["1", "3"]


def test_numbers_that_are_none_are_kept_as_such(tmp_path: Path) -> None:
    Table(tmp_path).log_metrics({"loss": float("nan"), "lr": float("inf")}, 1)
    (row,) = rows(tmp_path / "metrics.csv")
    assert (row["loss"], row["lr"]) == ("nan", "inf")


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is not installed")
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_is_read_back_by_its_own_reader(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    tell(opened(tmp_path, "tensorboard")[0], 1, 6)
    tell(opened(tmp_path, "tensorboard", step=4)[0], 5, 7, loss=100)
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert [(one.step, one.value) for one in found.Scalars("loss")] == [
        (1, 1.5), (2, 2.5), (3, 3.5), (4, 4.5), (5, 105.0), (6, 106.0), (7, 107.0),
    ]  # fmt: skip
    (tag,) = found.Tags()["images"]
    image = found.Images(tag)[-1]
    picture = Image.open(io.BytesIO(image.encoded_image_string))
    assert tag.startswith("samples/subject/")
    assert (image.step, picture.size, picture.getpixel((0, 0))) == (7, (8, 4), (200, 30, 10))
    start = found.summary_metadata["_hparams_/session_start_info"]
    data = plugin_data_pb2.HParamsPluginData.FromString(start.plugin_data.content)
    hparams = data.session_start_info.hparams
    assert hparams["method"].string_value == "full"
    assert hparams["max_steps"].number_value == 7


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(
    not is_there("wandb") and "REQUIRE_WANDB" not in os.environ,
    reason="Weights & Biases is not here: make trackers",
)
@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_are_read_back_from_their_offline_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path, str(BESIDE)])
    soft, warned = opened(tmp_path, "wandb")
    tell(soft, 1, 3)
    assert warned == []
    importlib.import_module("wandb").teardown()  # ends the process that writes the file
    history, config = read_offline(tmp_path / "wandb")
    assert [row["loss"] for row in history if "loss" in row] == [1.5, 2.5, 3.5]
    assert (config["method"], config["max_steps"]) == ("full", 7)
    (media,) = [row for row in history if "samples/subject.filenames" in row]
    (name,) = media["samples/subject.filenames"]
    (picture,) = (tmp_path / "wandb").rglob(Path(name).name)
    assert Image.open(picture).size == (8, 4)
    assert media["samples/subject.captions"] == ["a photo of zxv, toy (3)"]


def records(data: bytes) -> Iterator[bytes]:
    """Read a log of LevelDB's form: blocks of 32 KiB, pieces of (checksum, length, kind, bytes)."""
    assert data.startswith(b":W&B")
    place, whole = 7, b""
    while place + 7 <= len(data):
        if (left := 32_768 - place % 32_768) < 7:  # too little for a head: zeros
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield whole
            whole = b""


def read_offline(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Read the history and the configuration of an offline run."""
    from wandb.proto import wandb_internal_pb2 as messages

    (path,) = folder.rglob("*.wandb")
    history: list[dict[str, Any]] = []
    config: dict[str, Any] = {}
    for data in records(path.read_bytes()):
        record = messages.Record.FromString(data)
        if record.WhichOneof("record_type") == "history":
            row: dict[str, Any] = {}
            for item in record.history.item:
                row[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
            history.append(row)
        updates = [*record.config.update, *record.run.config.update]
        for item in updates:
            config[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
    return history, config


class Broken(Logger):
    """A tracker that fails at its second step, as a stranger's may, with an error of its own."""

    class Gone(Exception):
        pass

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int | None] = []

    @property
    def name(self) -> str:
        return "broken"

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        pass

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.told.append(step)
        if step == 2:
            raise Broken.Gone("disk quota exceeded")


def test_a_tracker_that_fails_is_warned_of_once_and_left_out() -> None:
    warned: Warned = []
    broken = Broken()
    soft = Soft("broken", lambda: broken, lambda code, params: warned.append((code, params)))
    for step in range(1, 6):
        soft.log_metrics({"loss": 1.0}, step)
    soft.finalize("success")
    assert broken.told == [1, 2]
    assert warned == [
        ("tracker_dropped", {"tracker": "broken", "reason": "Gone: disk quota exceeded"})
    ]


def test_a_tracker_that_cannot_be_opened_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "csv").write_text("a file where the folder would be")
    soft, warned = opened(tmp_path, "csv")
    tell(soft, 1, 3)
    assert [code for code, _ in warned] == ["tracker_dropped"]


def test_a_tracker_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.engine.train.tell.loggers.PACKAGES", {"wandb": "no_such_package"})
    warned: Warned = []
    soft = made(["wandb", "csv"], tmp_path, Run("r", "n"), lambda *one: warned.append(one))
    assert [one.name for one in soft] == ["csv"]
    assert warned == [("tracker_missing", {"tracker": "wandb", "package": "no_such_package"})]


def test_nothing_is_imported_or_written_for_a_tracker_that_is_not_asked_for(
    tmp_path: Path,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert made([], tmp_path, Run("r", "n"), lambda *_: None) == []
    assert list(tmp_path.iterdir()) == []
