"""Which language is spoken to whom, and that a file makes one."""

import json
from pathlib import Path

import pytest

from core.errors import Problem
from core.paths import shipped
from server import cli, languages
from server.words import Words
from tests.server.studio import Opener

WORDS = Words(shipped("i18n"))


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("pt-PT", "pt-BR"), ("pt", "pt-BR"), ("PT-br", "pt-BR"), ("zh-CN", "zh-Hans"),
        ("zh-Hans-SG", "zh-Hans"), ("zh-TW", "zh-Hant"), ("zh-HK", "zh-Hant"),
        ("zh", "zh-Hans"), ("cmn-CN", "zh-Hans"),
        ("de-AT", "de"), ("de-Latn-DE-1996", "de"), ("es-419", "es"), ("fr-CA", "fr"),
        ("ar-EG-u-nu-arab", "ar"), ("ja-JP", "ja"), ("en-GB", "en"), ("tlh", None), ("x", None),
        ("../../etc", None), ("", None),
    ],
)  # fmt: skip
def test_a_reader_is_served_by_script_and_region(tag: str, code: str | None) -> None:
    assert languages.fit(tag, WORDS.codes) == code


def test_a_nearer_script_or_region_wins_where_there_is_one() -> None:
    many = ["en", "en-AU", "pt-BR", "pt-PT", "sr", "sr-Latn", "zh-Hans", "zh-Hant"]
    wanted = {
        "zh-TW": "zh-Hant", "zh-HK": "zh-Hant", "yue": "zh-Hant", "zh-SG": "zh-Hans",
        "pt-PT": "pt-PT", "pt-AO": "pt-BR", "en-AU": "en-AU", "en-GB": "en",
        "sr-ME": "sr-Latn", "sr-RS": "sr", "sr-Latn-RS": "sr-Latn",
    }  # fmt: skip
    assert {tag: languages.fit(tag, many) for tag in wanted} == wanted


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("tlh,pt-PT;q=0.8,en;q=0.5", "pt-BR"), ("en;q=0.5,zh-TW;q=0.9", "zh-Hant"),
        ("de-CH, de;q=0.9, en;q=0.8, *;q=0.1", "de"), ("tlh, *;q=0.5", "en"), ("fr;q=0, es", "es"),
    ],
)  # fmt: skip
def test_a_header_is_read_by_its_weights(accept: str, code: str) -> None:
    assert WORDS.choose(accept) == code


def test_languages_are_listed_by_their_names_not_by_their_codes() -> None:
    names = list(WORDS.names().values())
    assert names.index("Bahasa Indonesia") < names.index("Čeština") < names.index("Deutsch")
    assert names.index("Tiếng Việt") < names.index("Русский")


def test_the_servers_own_language_may_be_asked_for_by_region() -> None:
    words = Words(shipped("i18n"), "pt-PT")
    assert words.choose(None) == "pt-BR"
    words.speak("tlh")
    assert words.choose("tlh") == "en"


@pytest.mark.anyio
async def test_a_new_language_is_a_new_file_and_nothing_else(
    tmp_path: Path, opener: Opener
) -> None:
    folder = tmp_path / "data" / "i18n"
    folder.mkdir(parents=True)
    english = json.loads((shipped("i18n") / "en.json").read_text("utf-8"))
    swedish = english | {"language.name": "Svenska", "errors.language_not_found": "Inget språk."}
    (folder / "sv.json").write_text(json.dumps(swedish), "utf-8")
    (folder / "no language at all.json").write_text("{}")
    async with opener() as studio:
        told = (await studio.client.get("/i18n")).json()
        assert told["languages"] == WORDS.names() | {"sv": "Svenska"}
        capable = (await studio.client.get("/api/v1/capabilities")).json()
        assert capable["languages"] == told["languages"]
        sent = {key: text for key, text in swedish.items() if not key.startswith("about.")}
        assert (await studio.client.get("/i18n/sv.json")).json() == sent
        asked = {"accept-language": "sv-FI, en;q=0.5"}
        answer = await studio.client.get("/i18n/xx.json", headers=asked)
        assert answer.json()["detail"] == "Inget språk."
        assert (
            await studio.client.patch("/api/v1/config", json={"language": "sv"})
        ).status_code == 200
        assert (await studio.client.get("/i18n")).json()["language"] == "sv"
        assert (await studio.client.get("/i18n/xx.json")).json()["detail"] == "Inget språk."


@pytest.mark.parametrize(
    ("spoken", "begins"),
    [
        ("de_AT.UTF-8", "--port: Höchstens 65535."),
        ("C.UTF-8", "--port: At most 65535."),
        ("tlh.UTF-8", "--port: At most 65535."),
    ],
)
def test_a_command_speaks_the_language_of_the_terminal(
    spoken: str, begins: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", spoken)
    assert cli.run(["config", "--port", "99999"]) == 78
    assert capsys.readouterr().err.startswith(f"heliograph: {begins}")


def test_a_language_that_was_set_comes_before_the_terminals_and_may_be_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "i18n"
    own.mkdir()
    (own / "nl.json").write_text('{"errors.not_a_backup": "{file} is geen kopie."}', "utf-8")
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"none")
    asked = ["restore", str(copy), "--data-dir", str(tmp_path)]
    monkeypatch.setenv("LC_ALL", "nl_NL.UTF-8")
    assert cli.run(asked) != 0
    assert "is geen kopie." in capsys.readouterr().err
    monkeypatch.setenv("HELIOGRAPH_LANGUAGE", "de")
    assert cli.run(asked) != 0
    assert "wurde nicht zurückgespielt" in capsys.readouterr().err


def test_what_a_sentence_is_filled_with_is_said_in_words_where_it_has_some() -> None:
    ended = WORDS.say("de", "errors.job_ended", {"status": "succeeded"})
    assert ended == "Der Auftrag ist schon beendet: fertig."
    kinds = Problem(
        code="model_wrong_kind", params={"name": "x", "kind": "upscaler", "wanted": "checkpoint"}
    )
    assert "Upscaler" in WORDS.explain("de", kinds)
    answered = WORDS.say("de", "errors.webhook_answered", {"status": 500})
    assert answered is not None and "500" in answered


def test_a_problem_that_came_without_its_parameters_is_said_as_it_came() -> None:
    told = Problem(code="job_ended", message="Der Auftrag ist schon beendet: fertig.")
    assert WORDS.explain("ja", told) == told.message
    assert WORDS.explain("ja", Problem(code="no_metadata", message="x")) != "x"
