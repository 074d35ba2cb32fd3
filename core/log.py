"""Logging: one handler, lines for people or JSON, one request id on every line of its journey.

The standard library's. Call sites say ``log.info("saved %s", name, extra={"job": id})``; what is
in ``extra`` stands on the line by name. Knows nothing of requests, jobs or files.
"""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

request_id: ContextVar[str] = ContextVar("request_id", default="")
job: ContextVar[str] = ContextVar("job", default="")  # whose thread this is, in the engine

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {
    "message", "asctime", "taskName", "color_message",
}  # fmt: skip
_FOLDED = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
_QUIET = ("httpx", "httpcore", "PIL", "asyncio", "aiosqlite")  # talkative below WARNING
# C0 and C1 controls, line and paragraph separators, and marks that turn the reading direction
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def setup(
    level: str = "INFO",
    format: Literal["human", "json"] = "human",  # noqa: A002 - the setting's word
    stream: TextIO | None = None,
) -> logging.Handler:
    """Send every logger's records to one handler; asked again, replace the one before.

    :param stream: standard error unless given.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.set_name("heliograph")
    handler.setFormatter(Json() if format == "json" else Human())
    handler.addFilter(_add_request_id)
    root = logging.getLogger()
    for old in [one for one in root.handlers if one.get_name() == "heliograph"]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _FOLDED:
        folded = logging.getLogger(name)
        folded.handlers.clear()
        folded.propagate = True
        folded.setLevel(logging.NOTSET)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return handler


def relay(line: bytes) -> str | None:
    """Log a line that another process wrote as JSON as if it had been logged here.

    :returns: the line for people; ``None`` for one that is not of that form.
    """
    try:
        told = json.loads(line)
        level = logging.getLevelNamesMapping()[told.pop("level")]
        name, message = str(told.pop("logger")), str(told.pop("message"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    told.pop("at", None)
    trace = told.pop("traceback", "")
    words = f"{message}\n{trace}" if trace else message
    extra = {key: value for key, value in told.items() if key not in _OWN}
    logger = logging.getLogger(name)
    if logger.isEnabledFor(level):
        logger.log(level, "%s", words, extra=extra)
    return f"{logging.getLevelName(level)} {name}: {words}"


def escape(text: str) -> str:
    """Write control characters as escapes, so that no text can forge or break a line."""
    return _CONTROL.sub(lambda found: _NAMED.get(found[0]) or _escaped(found[0]), text)


class Human(logging.Formatter):
    """Lines for people: time, level, logger, words, then ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """Make one line of a record, its traceback included."""
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        pairs = "".join(f" {name}={_shown(value)}" for name, value in _extra(record).items())
        words = escape(_with_traceback(self, record))
        return f"{time} {record.levelname:<7} {record.name}: {words}{escape(pairs)}"


class Json(logging.Formatter):
    """Lines for machines: one JSON object each."""

    def format(self, record: logging.LogRecord) -> str:
        """Make one line of a record, its traceback included."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in _extra(record).items() if name not in line)
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # ASCII only, so every control is escaped


def _add_request_id(record: logging.LogRecord) -> bool:
    if not hasattr(record, "request_id"):
        record.request_id = request_id.get()
    if not hasattr(record, "job") and (running := job.get()):
        record.job = running
    return True


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _OWN and not (name == "request_id" and not value)
    }


def _with_traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    words = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        words += "\n" + formatter.formatException(record.exc_info)
    return words


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
