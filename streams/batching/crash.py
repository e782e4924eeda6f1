"""Crash-only: a worker that can't go on ends at once, without committing."""

from __future__ import annotations

import logging
import os
from typing import NoReturn

log = logging.getLogger(__name__)

EXIT_STATUS_BUG = 70


class Circumstance(RuntimeError):
    """Why a worker can't go on, as a sentence; it is no bug, so that there is nothing to trace."""


def crash(what: str, error: BaseException) -> NoReturn:
    """End the process at once, without committing; a supervisor starts it again."""
    if isinstance(error, Circumstance):
        log.critical("%s: %s; the worker ends without committing", what, error)
    else:
        log.critical("%s; the worker ends without committing", what, exc_info=error)
    logging.shutdown()
    os._exit(EXIT_STATUS_BUG)
