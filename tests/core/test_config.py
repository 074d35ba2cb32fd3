"""Each source of settings wins over the one before it, and says so."""

from pathlib import Path

import pytest

from core import config
from core.config import ConfigRefused


def write(folder: Path, text: str) -> Path:
    file = folder / "heliograph.yaml"
    file.write_text(text, "utf-8")
    return file


def test_without_any_source_every_value_is_a_default(tmp_path: Path) -> None:
    made = config.load(environ={}, file=write(tmp_path, ""))
    assert made.settings.port == 9292
    assert set(made.sources.values()) == {"default"}


def test_the_file_wins_over_the_default(tmp_path: Path) -> None:
    made = config.load(environ={}, file=write(tmp_path, "port: 1000"))
    assert (made.settings.port, made.sources["port"]) == (1000, "file")


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    made = config.load(environ={"HELIOGRAPH_PORT": "2000"}, file=write(tmp_path, "port: 1000"))
    assert (made.settings.port, made.sources["port"]) == (2000, "environment")


def test_a_flag_wins_over_the_environment(tmp_path: Path) -> None:
    file = write(tmp_path, "port: 1000")
    made = config.load({"port": 3000}, {"HELIOGRAPH_PORT": "2000"}, file)
    assert (made.settings.port, made.sources["port"]) == (3000, "flag")


def test_a_flag_that_was_not_given_hides_nothing(tmp_path: Path) -> None:
    made = config.load({"port": None}, {"HELIOGRAPH_PORT": "2000"}, write(tmp_path, ""))
    assert made.sources["port"] == "environment"


def test_a_setting_is_taken_by_the_name_it_had(tmp_path: Path) -> None:
    file = write(tmp_path, "ram_mb: 100")
    assert config.load(environ={}, file=file).settings.ram_budget_mb == 100
    made = config.load(environ={"HELIOGRAPH_RAM_MB": "200"}, file=file)
    assert (made.settings.ram_budget_mb, made.sources["ram_budget_mb"]) == (200, "environment")


def test_lists_and_truths_are_read_from_the_environment(tmp_path: Path) -> None:
    environ = {"HELIOGRAPH_MODELS_DIRS": "/a, /b", "HELIOGRAPH_FAKE_ENGINE": "true"}
    made = config.load(environ=environ, file=write(tmp_path, ""))
    assert made.settings.models_dirs == ["/a", "/b"]
    assert made.settings.fake_engine is True


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "steps_not_a_setting: 1")
    with pytest.raises(ConfigRefused) as refused:
        config.load(environ={"HELIOGRAPH_CONFIG": str(file)})
    assert refused.value.problems[0].pointer == "/steps_not_a_setting"


def test_every_problem_is_told_at_once_with_its_source(tmp_path: Path) -> None:
    file = write(tmp_path, "port: 70000\nno_such: 1")
    with pytest.raises(ConfigRefused) as refused:
        config.load({"in_flight": 99}, {"HELIOGRAPH_DEVICE": "abacus"}, file)
    told = {(p.pointer, p.code, p.params["source"]) for p in refused.value.problems}
    assert told == {
        ("/port", "number_too_large", "file"),
        ("/no_such", "unknown_setting", "file"),
        ("/device", "pattern_mismatch", "environment"),
        ("/in_flight", "number_too_large", "flag"),
    }
    assert {p.params.get("file") for p in refused.value.problems} == {str(file), None}


def test_a_setting_is_refused_under_the_name_and_at_the_place_that_were_given(
    tmp_path: Path,
) -> None:
    file = write(tmp_path, "ram_mb: much\nmodels_dirs: [a, 7]\ndtype: float12")
    with pytest.raises(ConfigRefused) as refused:
        config.load(environ={}, file=file)
    assert [(p.pointer, p.code) for p in refused.value.problems] == [
        ("/ram_mb", "wrong_type"), ("/models_dirs/1", "wrong_type"), ("/dtype", "not_one_of"),
    ]  # fmt: skip
    assert "bfloat16" in str(refused.value.problems[2].params["values"])


@pytest.mark.parametrize(
    ("text", "reason"), [("port: 1\nhost: [1\na: :", "(3:2)"), ("a: [", "(1:5)")]
)
def test_a_file_that_is_no_yaml_is_refused_in_one_line_that_says_where(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(ConfigRefused) as refused:
        config.load(environ={}, file=write(tmp_path, text))
    said = str(refused.value.problems[0].params["reason"])
    assert said.endswith(reason)
    assert "\n" not in said


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigRefused):
        config.load(environ={}, file=write(tmp_path, text))


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused):
        config.load(environ={}, file=tmp_path / "missing.yaml")


def test_the_data_directory_is_absolute(tmp_path: Path) -> None:
    made = config.load({"data_dir": "here"}, {}, write(tmp_path, ""))
    assert Path(made.settings.data_dir).is_absolute()


@pytest.mark.parametrize(
    ("environ", "tag"),
    [
        ({"LANG": "de_DE.UTF-8"}, "de-DE"), ({"LANG": "sr_RS@latin"}, "sr-RS"),
        ({"LANG": "ja"}, "ja"),
        ({"LC_ALL": "fr_FR", "LANG": "de_DE"}, "fr-FR"),
        ({"LC_ALL": "", "LC_MESSAGES": "es_ES.UTF-8", "LANG": "de_DE"}, "es-ES"),
        ({"LC_ALL": "C.UTF-8", "LANG": "de_DE"}, ""), ({"LANG": "POSIX"}, ""), ({}, ""),
    ],
)  # fmt: skip
def test_the_terminal_says_which_language_it_speaks(environ: dict[str, str], tag: str) -> None:
    assert config.spoken(environ) == tag
