"""What processes log, and how."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

from streams import logs
from streams.logs import Repeated, Sparing
from streams.settings import Settings

SAY = """
import logging, sys
from streams import logs
logs.set_up(sys.argv[1], sys.argv[2])
logging.getLogger("streams.app").info("ours %s", {"a": 1})
logging.getLogger("faust").info("theirs")
logging.getLogger("faust").warning("theirs, and wrong")
"""


def said(level, form):
    done = subprocess.run(
        [sys.executable, "-c", SAY, level, form], capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


def test_of_others_only_warnings_are_logged_unless_everything_is_asked_for():
    assert [line.rpartition(": ")[2] for line in said("INFO", "text")] == [
        "1}",
        "theirs, and wrong",
    ]
    assert len(said("DEBUG", "text")) >= 3
    assert len(said("WARNING", "text")) == 1
    assert said("ERROR", "text") == []


def test_a_line_has_its_time_in_utc():
    line = said("INFO", "text")[0]
    assert line[10] == "T"
    assert line.split()[0].endswith("Z")


def test_lines_of_json_have_the_same_parts():
    first = json.loads(said("INFO", "json")[0])
    assert first.keys() == {"time", "level", "process", "logger", "message"}
    assert first["logger"] == "streams.app"
    assert first["message"] == "ours {'a': 1}"
    assert first["time"].endswith("Z")


def test_what_others_cause_often_is_counted_instead_of_written(caplog):
    now = [0.0]
    told = Sparing(logging.getLogger("streams.x"), most=3, within_s=10, clock=lambda: now[0])
    with caplog.at_level(logging.INFO, "streams.x"):
        for n in range(50):
            told(logging.INFO, "line %d", n)
        now[0] = 11
        told(logging.INFO, "line %d", 50)
    assert [r.getMessage() for r in caplog.records] == [
        "line 0", "line 1", "line 2", "47 more lines of this kind were left out", "line 50",
    ]  # fmt: skip


def test_while_a_broker_is_away_its_client_writes_ten_lines_of_a_kind_in_ten_seconds():
    now = [0.0]
    written = []
    log = logging.getLogger("aiokafka.consumer.fetcher")
    handler = logging.Handler()
    handler.addFilter(Repeated(clock=lambda: now[0]))
    handler.emit = lambda record: written.append(record.getMessage())
    log.addHandler(handler)
    try:
        for n in range(100):
            log.error("Failed fetch messages from %d: %s", 1, n)
        log.error("another kind")
        now[0] = 11
        log.error("Failed fetch messages from %d: %s", 2, "gone")
    finally:
        log.removeHandler(handler)
    assert written[8:] == [
        "Failed fetch messages from 1: 8", "Failed fetch messages from 1: 9", "another kind",
        "Failed fetch messages from 2: gone (90 more lines of this kind were left out before this "
        "one)",
    ]  # fmt: skip


def test_what_is_shown_of_settings_has_no_secret_and_no_default():
    settings = Settings(api_token="secret enough", partitions=8)  # noqa: S106
    assert settings.shown() == {"partitions": 8}
    assert "secret" not in repr(settings)


ROTATE = """
import os
from streams.logs import rotate_output
os.write(2, b"x" * 100)
print(rotate_output(most_bytes=100))
os.write(2, b"y")
print(rotate_output(most_bytes=100))
os.write(2, b"after")
"""


def test_a_log_that_is_long_is_begun_anew_and_what_there_was_is_kept(tmp_path):
    path = tmp_path / "worker.log"
    with path.open("ab") as out:
        done = subprocess.run(
            [sys.executable, "-c", ROTATE], stdout=subprocess.PIPE, stderr=out, check=True
        )
    assert done.stdout.split() == [b"False", b"True"]
    assert path.read_bytes() == b"after"
    assert path.with_name("worker.log.1").read_bytes() == b"x" * 100 + b"y"


def test_a_terminal_or_a_pipe_is_not_rotated():
    done = subprocess.run(
        [sys.executable, "-c", "from streams.logs import *; print(rotate_output(0))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
    assert logs.MOST_BYTES > 0
