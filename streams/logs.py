"""How processes log: one line of text or of JSON, with the time in UTC; ours, and others' warnings.

Nothing is logged per section. What others cause (dead letters, plans) is logged sparingly.
"""

from __future__ import annotations

import logging
import logging.config
import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pythonjsonlogger.json import JsonFormatter

if TYPE_CHECKING:
    from collections.abc import Callable

Form = Literal["text", "json"]

MOST_BYTES = 10 * 1024 * 1024
"""Of a log in a file: then it is begun anew, and what there was is kept as .1."""


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """A line that people read."""

    def formatTime(self, record: logging.LogRecord, _format: str | None = None) -> str:  # noqa: N802
        """The time in UTC, with its zone."""
        return _time(record)


class LineFormatter(JsonFormatter):
    """A line that programs read."""

    def formatTime(self, record: logging.LogRecord, _format: str | None = None) -> str:  # noqa: N802
        """The time in UTC, with its zone."""
        return _time(record)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a line says more than that a service of Faust's kind, ours included, starts or stops.

    Those begin with the service's place, as `[^--BatchProducer]`.
    """
    return record.levelno >= logging.WARNING or not record.getMessage().startswith("[^")


LEFT_OUT = "%d more lines of this kind were left out"


class _Lines:
    """At most so many lines within so many seconds; the others are counted."""

    def __init__(self, most: int, within_s: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._within_s = within_s
        self._clock = clock
        self._began = clock()
        self._written = self._left_out = 0

    def take(self) -> tuple[bool, int]:
        """Whether a line may be written, and how many were left out that nobody was told of."""
        now, left_out = self._clock(), 0
        if now - self._began >= self._within_s:
            left_out = self._left_out
            self._began, self._written, self._left_out = now, 0, 0
        if self._written < self._most:
            self._written += 1
            return True, left_out
        self._left_out += 1
        return False, left_out


class Repeated(logging.Filter):
    """Of one message of a library, ten lines in ten seconds.

    While a broker is away, aiokafka writes tens of lines a second.
    """

    MOST, WITHIN_S, KINDS = 10, 10.0, 1000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing was written yet."""
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, str], _Lines] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write a line; it says how many of its kind were left out before it."""
        if record.name.partition(".")[0] == "streams":
            return True
        if len(self._kinds) > self.KINDS:  # a library that puts values into its messages
            self._kinds.clear()
        kind = record.name, str(record.msg)
        if kind not in self._kinds:
            self._kinds[kind] = _Lines(self.MOST, self.WITHIN_S, self._clock)
        may_write, left_out = self._kinds[kind].take()
        if left_out:
            told = LEFT_OUT % left_out
            record.msg, record.args = f"{record.getMessage()} ({told} before this one)", None
        return may_write


def config(level: str, form: Form) -> dict[str, Any]:
    """The logging configuration, as `logging.config.dictConfig` takes it.

    Args:
        level: Lowest level of our own lines. Faust and the clients write hundreds of lines at INFO
            whenever the group forms: of theirs, only warnings are shown, unless this is DEBUG.
        form: Text, or JSON.
    """
    others = level if level in ("DEBUG", "ERROR") else "WARNING"
    formats = {
        "text": {
            "()": TextFormatter,
            "fmt": "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s",
        },
        "json": {
            "()": LineFormatter,
            "fmt": "%(asctime)s %(levelname)s %(process)d %(name)s %(message)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formats[form]},
        "filters": {"ours": {"()": lambda: _is_ours}, "repeated": {"()": Repeated}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": [] if level == "DEBUG" else ["ours", "repeated"],
            }
        },
        "root": {"level": others, "handlers": ["stderr"]},
        "loggers": {"streams": {"level": level}},
    }


def set_up(level: str, form: Form) -> None:
    """Log from now on."""
    logging.config.dictConfig(config(level, form))


class Sparing:
    """A logger for what others can cause as often as they like."""

    def __init__(
        self,
        log: logging.Logger,
        most: int = 10,
        within_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write at most so many lines within so many seconds, and count the others."""
        self._log = log
        self._lines = _Lines(most, within_s, clock)

    def __call__(self, level: int, message: str, *values: object) -> None:
        """Write a line, unless there were many just now."""
        may_write, left_out = self._lines.take()
        if left_out:
            self._log.log(level, LEFT_OUT, left_out)
        if may_write:
            self._log.log(level, message, *values)


def rotate_output(most_bytes: int = MOST_BYTES) -> bool:
    """Keep what our output's file holds as .1 and begin it anew if it is long; whether it was.

    For a file that this process and its children append to. A line that is written in this moment
    may be lost, as with logrotate's copytruncate.
    """
    try:
        path = Path("/proc/self/fd/2").readlink()
        # A terminal or a pipe has no length, and a file that was deleted is nobody's.
        if not path.is_file() or os.fstat(2).st_size <= most_bytes:
            return False
        shutil.copyfile(path, path.with_name(f"{path.name}.1"))
        os.ftruncate(2, 0)
    except OSError:
        return False
    return True
