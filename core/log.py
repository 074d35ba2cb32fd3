"""Logging: lines for people or JSON, one request id on every line of its journey.

The standard library's. Call sites say ``log.info("saved %s", name, extra={"job": id})``; what is
in ``extra`` stands on the line by name. Knows nothing of requests, jobs or files.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from core.log_file import LineQueue, RotatingFile, StreamTarget, lost_as_json, lost_as_words

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
_OURS = ("heliograph", "heliograph-file")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


@contextmanager
def written(
    level: str = "INFO",
    format: Literal["human", "json"] = "human",  # noqa: A002 - the setting's word
    *,
    file: Path | None = None,
    size: int = 10 << 20,
    kept: int = 5,
) -> Iterator[list[LineQueue]]:
    """Send every logger's records to standard error, and to a file if one is given.

    Through a queue and a thread each: no logging call waits for a disk or a pipe. What waits at
    the end is written, for two seconds at most.

    :param file: its lines are JSON, whatever ``format`` says; it is rotated.
    :param size: bytes after which the file is begun anew.
    :param kept: elders that are kept.
    """
    explain = lost_as_json if format == "json" else lost_as_words
    queues = [LineQueue(StreamTarget(sys.stderr.buffer), explain)]
    handlers = [_Queued("heliograph", queues[0], format)]
    if file is not None:
        queues.append(LineQueue(RotatingFile(file, size, kept), lost_as_json))
        handlers.append(_Queued("heliograph-file", queues[1], "json"))
    _replace(handlers, level)
    try:
        yield queues
    finally:
        _replace([], level)
        for each in queues:
            each.close()


def setup(
    level: str = "INFO",
    format: Literal["human", "json"] = "human",  # noqa: A002 - the setting's word
    stream: TextIO | None = None,
) -> logging.Handler:
    """Send every logger's records to one handler; asked again, replace the one before.

    :param stream: standard error unless given.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    _dress(handler, "heliograph", format)
    _replace([handler], level)
    return handler


class _Queued(logging.Handler):
    """Formats where it is called, writes elsewhere."""

    def __init__(self, name: str, lines: LineQueue, format: str) -> None:  # noqa: A002
        super().__init__()
        self._lines = lines
        _dress(self, name, format)

    def emit(self, record: logging.LogRecord) -> None:
        """Put the line of a record into the queue."""
        self._lines.put(self.format(record))


def _dress(handler: logging.Handler, name: str, format: str) -> None:  # noqa: A002
    handler.set_name(name)
    handler.setFormatter(Json() if format == "json" else Human())
    handler.addFilter(_add_request_id)


def _replace(handlers: Sequence[logging.Handler], level: str) -> None:
    root = logging.getLogger()
    for old in [one for one in root.handlers if one.get_name() in _OURS]:
        root.removeHandler(old)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    for name in _FOLDED:
        folded = logging.getLogger(name)
        folded.handlers.clear()
        folded.propagate = True
        folded.setLevel(logging.NOTSET)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


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
        pairs = "".join(f" {name}={_shown(value)}" for name, value in beside(record).items())
        words = escape(with_traceback(self, record))
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
        line.update((name, value) for name, value in beside(record).items() if name not in line)
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # ASCII only, so every control is escaped


def _add_request_id(record: logging.LogRecord) -> bool:
    if not hasattr(record, "request_id"):
        record.request_id = request_id.get()
    if not hasattr(record, "job") and (running := job.get()):
        record.job = running
    return True


def beside(record: logging.LogRecord) -> dict[str, Any]:
    """Give what a record says by name: what stood in ``extra``."""
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _OWN and not (name == "request_id" and not value)
    }


def with_traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    """Give a record's words, and the traceback that it carries."""
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
