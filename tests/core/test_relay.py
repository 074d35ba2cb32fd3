"""Lines of another process: relayed as records of ours, whatever they hold."""

import json
import logging

import pytest

from core import log as logs


def line(**fields: object) -> bytes:
    told = {"at": "x", "level": "INFO", "logger": "core.engine.loop", "message": "said"}
    return json.dumps(told | fields).encode()


def test_a_line_keeps_its_logger_level_words_and_names(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        shown = logs.relay(line(level="WARNING", request_id="r1", job="j1", traceback="Trace"))
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("core.engine.loop", "WARNING")
    assert (record.request_id, record.job) == ("r1", "j1")  # type: ignore[attr-defined]
    assert record.getMessage() == "said\nTrace"
    assert shown == "WARNING core.engine.loop: said\nTrace"


def test_names_that_a_record_has_already_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        logs.relay(line(args=[1], levelno=50, msg="%s %s", exc_info=True, name="root"))
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.INFO, "said")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"7", b'"x"', b"null", b"{}", b"\xff", b"[" * 100_000,
        b'{"level": "LOUD", "logger": "x", "message": "y"}', b'{"level": [], "logger": 1}',
        b'{"level": {}, "logger": "x", "message": "y"}',
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_line_of_ours_is_nothing(text: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert logs.relay(text) is None
    assert caplog.records == []


def test_a_level_that_is_not_logged_is_still_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("ERROR"):
        assert logs.relay(line()) == "INFO core.engine.loop: said"
    assert caplog.records == []


def test_a_record_names_the_job_of_its_thread(caplog: pytest.LogCaptureFixture) -> None:
    handler = logs.setup("INFO", "json")
    token = logs.job.set("j7")
    try:
        record = logging.makeLogRecord({"msg": "x", "levelno": 20, "levelname": "INFO"})
        assert handler.filter(record)
        assert json.loads(handler.format(record))["job"] == "j7"
    finally:
        logs.job.reset(token)
        logging.getLogger().removeHandler(handler)
