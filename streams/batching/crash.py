"""Crash-only: a worker that can't go on ends at once, without committing."""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)

EXIT_STATUS_BUG = 70


def crash(what: str, error: BaseException) -> None:
    """End the process at once, without committing; a supervisor starts it again."""
    log.critical("%s; the worker ends without committing", what, exc_info=error)
    logging.shutdown()
    os._exit(EXIT_STATUS_BUG)
