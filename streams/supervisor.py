"""Keeps workers running: each in a process of its own, started again when it ends."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from streams.settings import Settings

log = logging.getLogger(__name__)

# A worker that ran this long was well: what ended it is answered at once, not after a pause.
WELL_AFTER_S = 30.0
LONGEST_PAUSE_S = 15.0
STOP_DEADLINE_S = 60.0


@dataclass
class _Child:
    """One worker process."""

    number: int
    process: subprocess.Popen[bytes]
    started: float
    failures: int = 0
    start_again_at: float = 0.0


def supervise(settings: Settings, workers: int) -> int:
    """Run workers until told to stop by SIGTERM or SIGINT; the exit status is 0 then.

    The web views of the first worker are at the set port, those of the others at the next ones.
    """
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    children = [_Child(n, _start(settings, n), time.monotonic()) for n in range(workers)]
    while not stopping:
        for child in children:
            _look_after(child, settings)
        time.sleep(0.2)
    for child in children:
        child.process.terminate()
    deadline = time.monotonic() + STOP_DEADLINE_S
    for child in children:
        try:
            child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
    return 0


def _look_after(child: _Child, settings: Settings) -> None:
    status = child.process.poll()
    if status is None:
        return
    now = time.monotonic()
    if not child.start_again_at:
        child.failures = 0 if now - child.started > WELL_AFTER_S else child.failures + 1
        pause = min(LONGEST_PAUSE_S, 2.0**child.failures / 2)
        child.start_again_at = now + pause
        log.warning("worker %d ended with %d; again in %.1f s", child.number, status, pause)
    elif now >= child.start_again_at:
        child.process = _start(settings, child.number)
        child.started, child.start_again_at = now, 0.0


def _start(settings: Settings, number: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "THEWALL_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "THEWALL_REGISTRY_URL": settings.registry_url,
        "THEWALL_WEB_HOST": settings.web_host,
        "THEWALL_WEB_PORT": str(settings.web_port + number),
    }
    # In the supervisor's group a Ctrl-C would reach the worker twice.
    return subprocess.Popen(
        [sys.executable, "-m", "streams", "worker"], env=environment, start_new_session=True
    )
