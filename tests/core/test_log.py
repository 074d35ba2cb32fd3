"""Logs: one record is one line, with its request id and its extras."""

import io
import json
import logging
import threading
from collections.abc import Iterator

import anyio
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import log as logs

log = logging.getLogger("heliograph.test")


@pytest.fixture(autouse=True)
def root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def lines(out: io.StringIO) -> list[str]:
    return out.getvalue().removesuffix("\n").split("\n")


def parsed(out: io.StringIO) -> dict[str, object]:
    (line,) = lines(out)
    return json.loads(line)  # type: ignore[no-any-return]


class TestHuman:
    def test_a_line_has_time_level_logger_words_and_extras(self, out: io.StringIO) -> None:
        logs.setup("INFO", "human", out)
        log.info("ended %s", "well", extra={"job": "01J", "seconds": 1.234567, "note": "a b"})
        (line,) = lines(out)
        assert line.split(" ", 1)[1] == (
            'INFO    heliograph.test: ended well job=01J seconds=1.235 note="a b"'
        )

    def test_the_request_id_stands_on_the_line(self, out: io.StringIO) -> None:
        logs.setup("INFO", "human", out)
        token = logs.request_id.set("r-1")
        log.info("saved")
        logs.request_id.reset(token)
        log.info("idle")
        first, second = lines(out)
        assert first.endswith("saved request_id=r-1")
        assert second.endswith("idle")

    @pytest.mark.parametrize(
        "evil",
        ["a\nb", "a\r\nb", "a\x1b[2Jb", "a\x85b", "a\u2028b", "a\u202eb", "a\0b"],
    )
    def test_controls_are_escaped_in_words_and_extras(self, evil: str, out: io.StringIO) -> None:
        logs.setup("INFO", "human", out)
        log.info("name %s", evil, extra={"file": evil})
        (line,) = lines(out)
        assert evil not in line
        assert len(line.splitlines()) == 1
        assert "\\" in line

    def test_a_lone_surrogate_is_escaped(self) -> None:
        assert logs.escape("a\ud800b") == "a\\ud800b"

    def test_a_traceback_stays_on_its_line(self, out: io.StringIO) -> None:
        logs.setup("INFO", "human", out)
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            log.exception("failed")
        (line,) = lines(out)
        assert "Traceback" in line
        assert "ValueError: first\\nsecond" in line

    def test_other_alphabets_stay_readable(self, out: io.StringIO) -> None:
        logs.setup("INFO", "human", out)
        log.info("狐 🦊 Füchse ثعلب")
        assert "狐 🦊 Füchse ثعلب" in lines(out)[0]


class TestJson:
    def test_a_line_is_one_object_with_the_extras_as_values(self, out: io.StringIO) -> None:
        logs.setup("INFO", "json", out)
        log.warning("ended %d", 3, extra={"job": "01J", "seconds": 1.5, "images": ["a"]})
        line = parsed(out)
        assert line.pop("at")
        assert line == {
            "level": "WARNING", "logger": "heliograph.test", "message": "ended 3", "job": "01J",
            "seconds": 1.5, "images": ["a"],
        }  # fmt: skip

    def test_the_time_is_utc(self, out: io.StringIO) -> None:
        logs.setup("INFO", "json", out)
        log.info("x")
        assert str(parsed(out)["at"]).endswith("+00:00")

    def test_an_extra_cannot_forge_the_level(self, out: io.StringIO) -> None:
        logs.setup("INFO", "json", out)
        log.info("x", extra={"level": "CRITICAL", "at": "never"})
        assert parsed(out)["level"] == "INFO"

    def test_a_value_that_is_no_json_is_written_as_text(self, out: io.StringIO) -> None:
        logs.setup("INFO", "json", out)
        log.info("x", extra={"path": ValueError("odd")})
        assert parsed(out)["path"] == "odd"

    def test_a_traceback_has_its_field(self, out: io.StringIO) -> None:
        logs.setup("INFO", "json", out)
        try:
            raise KeyError("x")
        except KeyError:
            log.exception("failed")
        assert "KeyError" in str(parsed(out)["traceback"])


class TestSetup:
    def test_asked_twice_it_writes_once(self, out: io.StringIO) -> None:
        logs.setup("INFO", "human", out)
        logs.setup("INFO", "human", out)
        log.info("once")
        assert len(lines(out)) == 1

    def test_the_level_holds_and_can_be_changed(self, out: io.StringIO) -> None:
        logs.setup("WARNING", "human", out)
        log.info("quiet")
        assert out.getvalue() == ""
        logs.setup("DEBUG", "human", out)
        log.debug("loud")
        assert "loud" in out.getvalue()

    @pytest.mark.parametrize("name", ["uvicorn", "uvicorn.error", "uvicorn.access"])
    def test_uvicorns_loggers_are_folded_in(self, name: str, out: io.StringIO) -> None:
        own = io.StringIO()
        logger = logging.getLogger(name)
        logger.addHandler(logging.StreamHandler(own))
        logger.propagate = False
        logs.setup("INFO", "human", out)
        logger.info("started")
        assert "started" in out.getvalue()
        assert own.getvalue() == ""

    def test_talkative_libraries_are_quiet_below_warning(self, out: io.StringIO) -> None:
        logs.setup("DEBUG", "human", out)
        logging.getLogger("httpx").info("GET")
        assert out.getvalue() == ""


class TestRequestId:
    @pytest.mark.anyio
    async def test_it_goes_along_into_worker_threads(self, out: io.StringIO) -> None:
        logs.setup("INFO", "json", out)
        logs.request_id.set("r-2")
        await anyio.to_thread.run_sync(lambda: log.info("in a thread"))
        assert parsed(out)["request_id"] == "r-2"

    @pytest.mark.anyio
    async def test_two_tasks_do_not_mix(self, out: io.StringIO) -> None:
        logs.setup("INFO", "json", out)

        async def serve(name: str) -> None:
            logs.request_id.set(name)
            await anyio.lowlevel.checkpoint()
            log.info(name)

        async with anyio.create_task_group() as group:
            for name in ("a", "b", "c"):
                group.start_soon(serve, name)
        found = [json.loads(line) for line in lines(out)]
        assert len(found) == 3
        assert all(line["message"] == line["request_id"] for line in found)

    def test_one_given_with_the_record_wins(self, out: io.StringIO) -> None:
        logs.setup("INFO", "json", out)
        thread = threading.Thread(
            target=lambda: log.info("from the engine", extra={"request_id": "r-3"})
        )
        thread.start()
        thread.join()
        assert parsed(out)["request_id"] == "r-3"


@given(text=st.text())
def test_whatever_is_logged_stays_on_one_printable_line(text: str) -> None:
    escaped = logs.escape(text)
    assert len(escaped.splitlines()) <= 1
    escaped.encode()
